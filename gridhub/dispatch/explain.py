"""Why an hour has no dispatch: the fewest MW that limits must give, and the limits that make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csc_array, diags_array, hstack

from gridhub.case.case import Case, Floats, Ints, Outage
from gridhub.dispatch.cuts import INTACT
from gridhub.dispatch.hour_model import Accuracy, HourModel, LimitKey, RowKind, find_excess
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.links import close_columns, find_both_ways
from gridhub.dispatch.problem import LINK_KINDS, STORAGE_KINDS, UNIT_KINDS, HourProblem, Kind
from gridhub.dispatch.programme import LpSolution
from gridhub.dispatch.result import Conflict
from gridhub.dispatch.security import SecurityPlan

SHOWN = 5
"""Conflicts that a message names."""

MARGIN_MW = 1e-4
"""Room added to what gives, so that the hour that is left is feasible beyond rounding [MW]."""

SMALLEST_GIVE = 1e-5
"""What counts as giving nothing [MW]; also the least dual of a limit that takes part."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What an infeasible hour lacks.

    Attributes
    ----------
    conflicts : tuple of Conflict
        Those that give, most first, then those that make them; empty if nothing is proven.
    message : str
    problem : HourProblem
        The hour with what units, storage, links and loads must give taken off.
    allowance : mapping
        By how much limits of the grid give; see `HourModel`.
    rounds, iterations : int
        Of the relaxed programme.
    """

    conflicts: tuple[Conflict, ...]
    message: str
    problem: HourProblem
    allowance: Mapping[LimitKey, float]
    rounds: int
    iterations: int


def explain_hour(
    problem: HourProblem, limits: FlowLimits, security: SecurityPlan | None, accuracy: Accuracy
) -> Explanation:
    """Find the least MW that limits must give for a dispatch to exist.

    Parameters
    ----------
    problem : HourProblem
    limits : FlowLimits
    security : SecurityPlan, optional
    accuracy : Accuracy

    Returns
    -------
    Explanation

    Notes
    -----
    Every limit of the grid may be exceeded, every unit, storage and link may fall below what it must give,
    and every load that may not be shed may go unserved, each at 1 per MW; all else is free. The sum is then
    the least infeasibility in the 1-norm, and the limits with a dual other than 0 are a set that cannot hold
    together (Chinneck).

    References
    ----------
    J. W. Chinneck, "Feasibility and Infeasibility in Optimization", Springer (2008),
    doi:10.1007/978-0-387-74932-7, chapters 6 and 7.
    """
    soft = replace(limits, excess_price=1.0, excess_price_after=1.0)
    while True:
        relaxed, owner = _relax(problem)
        model = HourModel(relaxed, soft, accuracy)
        model.add_interfaces()
        solution = model.solve_until_clear(security)
        both = find_both_ways(problem, solution.x) if solution.status == "optimal" else owner[:0]
        if not len(both):
            break
        problem = close_columns(problem, both)
    given = solution.x[len(problem.columns.kind) :][: len(owner)]
    outages = security.outages if security is not None else ()
    conflicts: list[Conflict] = []
    if solution.status == "optimal":
        conflicts = _list_rows(model, solution, outages) + _list_columns(problem, owner, given)
        conflicts.sort(key=lambda one: -one.give_mw)
    proven = bool(conflicts) and conflicts[0].give_mw > 0
    return Explanation(
        conflicts=tuple(conflicts) if proven else (),
        message=_describe(conflicts) if proven else f"relaxed hour: {solution.status}, nothing has to give",
        problem=_give_way(problem, owner, given),
        allowance=_find_allowance(model, solution),
        rounds=model.rounds,
        iterations=model.iterations,
    )


def _give_way(problem: HourProblem, owner: Ints, given: Floats) -> HourProblem:
    """Let columns go as far below what they must give as they have to, and a little further."""
    columns = problem.columns
    low, high = columns.low.copy(), columns.high.copy()
    gives = given > 0
    at, less = owner[gives], given[gives] + MARGIN_MW
    down = low[at] > 0
    low[at[down]] = np.maximum(low[at[down]] - less[down], 0.0)
    high[at[~down]] = np.minimum(high[at[~down]] + less[~down], 0.0)
    return replace(problem, columns=replace(columns, low=low, high=high))


def _find_allowance(model: HourModel, solution: LpSolution) -> dict[LimitKey, float]:
    rows = model.rows
    over = find_excess(rows, solution)
    return {
        (rows.kind[i], int(rows.element[i]), int(rows.outage[i])): float(over[i]) + MARGIN_MW
        for i in np.flatnonzero(over > 0).tolist()
    }


def _relax(problem: HourProblem) -> tuple[HourProblem, Ints]:
    """Add columns that undo, at 1 per MW, what other columns cannot go below; those columns."""
    columns = problem.columns
    forced = ((columns.low > 0) | (columns.high < 0)) & ~columns.select(Kind.BRANCH_LOSS)
    owner = np.flatnonzero(forced)
    low, high = columns.low[owner], columns.high[owner]
    sign = np.where(low > 0, -1.0, 1.0)
    most = np.where(low > 0, low, -high)
    calls, loads = columns.match_calls()
    called = np.zeros(len(columns.kind))
    called[loads] = columns.high[calls]
    most = most - called[owner]  # what is called is not there to be shed
    undo = csc_array(columns.injection[:, owner] @ diags_array(sign))
    wider = replace(
        columns,
        kind=np.concatenate([columns.kind, columns.kind[owner]]),
        element=np.concatenate([columns.element, columns.element[owner]]),
        low=np.concatenate([columns.low, np.zeros(len(owner))]),
        high=np.concatenate([columns.high, most]),
        price=np.concatenate([np.zeros(len(columns.price)), np.ones(len(owner))]),
        bend=np.zeros(len(columns.price) + len(owner)),
        injection=csc_array(hstack([columns.injection, undo])),
    )
    return replace(problem, columns=wider), owner


def name_outage(case: Case, outage: Outage) -> tuple[str, ...]:
    """Ids of what an outage takes out."""
    labels = case.labels
    kinds = ("branch", "generator", "load", "storage", "hvdc", "shunt")
    return tuple(getattr(labels, kind)[i] for kind in kinds for i in getattr(outage, kind))


def _list_rows(model: HourModel, solution: LpSolution, outages: Sequence[Outage]) -> list[Conflict]:
    rows, case, dual = model.rows, model.problem.case, model.find_row_duals(solution)
    over = find_excess(rows, solution)
    found = []
    for i in np.flatnonzero((over > SMALLEST_GIVE) | (np.abs(dual) > SMALLEST_GIVE)).tolist():
        give = float(over[i]) if over[i] > SMALLEST_GIVE else 0.0
        element, outage = int(rows.element[i]), int(rows.outage[i])
        if rows.kind[i] == RowKind.INTERFACE:
            name = model.limits.interfaces.names[element]
        else:
            name = case.labels.branch[element]
        lost = () if outage == INTACT else name_outage(case, outages[outage])
        upper = dual[i] < 0
        limit = float(rows.high[i] if upper else -rows.low[i])
        found.append(Conflict(str(rows.kind[i]), name, lost, limit, give))
    return found


def _list_columns(problem: HourProblem, owner: Ints, given: Floats) -> list[Conflict]:
    columns, labels = problem.columns, problem.case.labels
    by_kind: dict[int, tuple[str, tuple[str, ...]]] = {int(Kind.LOAD): ("load", labels.load)}
    by_kind |= {int(kind): ("unit", labels.generator) for kind in UNIT_KINDS}
    by_kind |= {int(kind): ("storage", labels.storage) for kind in STORAGE_KINDS}
    by_kind |= {int(kind): ("link", labels.hvdc) for kind in LINK_KINDS}
    found = []
    for k in np.flatnonzero(given > SMALLEST_GIVE).tolist():
        column = owner[k]
        kind, ids = by_kind[int(columns.kind[column])]
        least = columns.low[column] if columns.low[column] > 0 else columns.high[column]
        found.append(Conflict(kind, ids[columns.element[column]], (), float(least), float(given[k])))
    return found


def _describe(conflicts: Sequence[Conflict]) -> str:
    giving = [one for one in conflicts if one.give_mw > 0]
    holding = [one for one in conflicts if one.give_mw == 0]
    total = sum(one.give_mw for one in giving)
    text = f"no dispatch keeps every limit; at least {total:.1f} MW must give: " + _name(giving, True)
    if holding:
        text += ". They conflict with " + _name(holding, False)
    return (
        f"{text}. Raise these limits or price them (excess_price), let load be shed, or commit other units."
    )


def _name(conflicts: Sequence[Conflict], giving: bool) -> str:
    parts = []
    for one in conflicts[:SHOWN]:
        after = f" after the loss of {'+'.join(one.outage)}" if one.outage else ""
        by = f" by {one.give_mw:.1f} MW" if giving else ""
        parts.append(f"{one.kind} {one.element}{after} ({one.limit_mw:.1f} MW){by}")
    more = f" and {len(conflicts) - SHOWN} more" if len(conflicts) > SHOWN else ""
    return ", ".join(parts) + more
