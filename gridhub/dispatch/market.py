"""The dispatch without a grid that is nearest to the one with it: units are constrained off from there."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, hstack

from gridhub.case.case import Floats
from gridhub.dispatch.problem import STORAGE_KINDS, HourProblem, Kind
from gridhub.dispatch.programme import LinearProgramme, LpSolution

NO_PRICE = 1e-6
"""Reduced cost, in shares of the largest price, below which a column may move at no cost."""


def find_nearest_market(problem: HourProblem, market: LpSolution, x: Floats) -> Floats:
    """Find, among the dispatches that cost as little as `market`, the one nearest to `x`.

    Parameters
    ----------
    problem : HourProblem
    market : LpSolution
        Optimum under the balance of each island alone.
    x : (n_column,) float
        Dispatch to be near to, in the 1-norm [MW].

    Returns
    -------
    (n_column,) float
        [MW].

    Notes
    -----
    A dispatch is as cheap as `market` exactly if it balances and keeps every column with a reduced cost at
    the bound it stands at. Without this, units of one price would seem constrained off by chance.
    """
    columns, plan = problem.columns, problem.plan
    largest = float(np.abs(columns.price).max(initial=1.0))
    # a strictly convex cost leaves no choice
    movable = (np.abs(market.reduced_cost[: len(x)]) <= NO_PRICE * largest) & (columns.bend == 0)
    # what storage gives or a flexible load leaves now it does not later, and losses follow the flows
    movable &= ~columns.select(*STORAGE_KINDS, Kind.CALL, Kind.BRANCH_LOSS)
    movable[columns.match_calls()[1]] = False
    start = np.where(movable, np.clip(x, columns.low, columns.high), market.x[: len(x)])
    free = np.flatnonzero(movable & (columns.low < columns.high))
    zero = np.zeros(2 * len(free))
    room = np.concatenate([columns.high[free] - start[free], start[free] - columns.low[free]])
    programme = LinearProgramme(1.0)
    programme.add_columns(zero, room, np.ones(2 * len(free)))
    live = np.flatnonzero(plan.islands.reference >= 0)
    member = csr_array((plan.islands.island == live[:, None]).astype(float))
    effect = csr_array(member @ columns.injection[:, free])
    missing = -np.asarray(member @ problem.compute_injection(start))
    programme.add_rows(csr_array(hstack([effect, -effect])), missing, missing)
    solution = programme.solve()
    if solution.status != "optimal":
        return market.x[: len(x)]
    up, down = np.split(solution.x, 2)
    start[free] += up - down
    return np.asarray(start)
