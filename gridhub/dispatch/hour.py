"""Dispatch of one hour: least cost under balance, ratings, interfaces and the loss of any outage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gridhub.case.case import Case, Ints
from gridhub.dispatch.bent_costs import COST_ERROR
from gridhub.dispatch.explain import explain_hour
from gridhub.dispatch.hour_model import NO_ALLOWANCE, Accuracy, HourModel, LimitKey, solve_one_way
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.losses import LOSS_TOLERANCE_MW
from gridhub.dispatch.offers import Offers
from gridhub.dispatch.problem import STORAGE_KINDS, HourProblem, build_problem
from gridhub.dispatch.programme import LpSolution
from gridhub.dispatch.reading import HourReader, StagedRun
from gridhub.dispatch.result import DispatchStatus, HourResult
from gridhub.dispatch.security import SecurityPlan
from gridhub.errors import name_ids
from gridhub.solvers.dc import DcPlan


def solve_hour(
    case: Case,
    plan: DcPlan,
    offers: Offers,
    limits: FlowLimits,
    security: SecurityPlan | None = None,
    *,
    start_cuts: Ints | None = None,
    tolerance_mw: float = 1e-6,
    cost_error: float = COST_ERROR,
    loss_tolerance_mw: float = LOSS_TOLERANCE_MW,
) -> HourResult:
    r"""Dispatch one hour at least cost.

    Parameters
    ----------
    case : Case
        References chosen; its loads, schedules of sun and wind, and set-points are those of the hour.
    plan : DcPlan
        Of a case with the same topology, ``single_reference=True``; it holds the DC convention.
    offers : Offers
    limits : FlowLimits
    security : SecurityPlan, optional
        Outages to survive (`plan_security`), planned once for all hours of a topology.
    start_cuts : (2, k) int, optional
        ``cuts`` of a similar hour with the same `security`: likely to bind again.
    tolerance_mw : float
        By how much a flow may be beyond its limit.
    cost_error : float
        By how much quadratic costs may be missed, relative to the hour's cost; prices to about the root.
    loss_tolerance_mw : float
        By how much the losses of branches, added up, may be missed, where the offers have them.

    Returns
    -------
    HourResult
        An hour without a solution is a status, not an exception.

    Raises
    ------
    ValueError
        If the plan holds more than one reference per island.

    Notes
    -----
    .. math:: \min c'x \;\text{s.t.}\; 1'Ax = d_k,\; |PTDF\,(Ax - d)_l| \le \bar f_l,\;
              |f_l + \sum_{k \in K} \lambda_{lk} f_k| \le \bar f'_l

    Branch limits, before and after outages, are added only when a solution breaks them, and the programme is
    solved again from the last basis: once none is broken the solution is that of the full programme. Three
    answers fall out on the way: without a grid, with the intact grid, and secure.
    Prices are duals: with the dual y of each row, the price at node n is the island's balance dual plus
    the sum of y times the sensitivity of the row's flow to n. Losses of branches, where the offers have them,
    are columns above tangents of r f^2 (`gridhub.dispatch.losses.LossCurves`).

    References
    ----------
    D. A. Tejada-Arango, P. Sánchez-Martín, A. Ramos, "Security constrained unit commitment using line outage
    distribution factors", IEEE Transactions on Power Systems 33 (2018) 329-337,
    doi:10.1109/TPWRS.2017.2686701.
    """
    problem = build_problem(case, plan, offers)
    accuracy = Accuracy(tolerance_mw, cost_error, loss_tolerance_mw)
    solved = _solve_stages(problem, limits, security, start_cuts, accuracy)
    if solved.last.status == "optimal":
        return HourReader(offers, limits, solved).read(DispatchStatus.OPTIMAL)
    # limits that must give prove an hour infeasible even where the solver could not
    explained = explain_hour(solved.problem, limits, security, accuracy)
    status = DispatchStatus.INFEASIBLE if explained.conflicts else DispatchStatus.UNSOLVED
    rest = _solve_stages(explained.problem, limits, security, start_cuts, accuracy, explained.allowance)
    reader = HourReader(offers, limits, rest)
    optimal = rest.last.status == "optimal" and bool(explained.conflicts)
    found = reader.read(status) if optimal else reader.read_unsolved(status)
    message = (
        explained.message if explained.conflicts else f"HiGHS: {solved.last.status}; {explained.message}"
    )
    return replace(
        found,
        message=message,
        conflicts=explained.conflicts,
        rounds=solved.rounds + explained.rounds + rest.rounds,
        iterations=solved.iterations + explained.iterations + rest.iterations,
    )


def _solve_stages(
    problem: HourProblem,
    limits: FlowLimits,
    security: SecurityPlan | None,
    start_cuts: Ints | None,
    accuracy: Accuracy,
    allowance: Mapping[LimitKey, float] = NO_ALLOWANCE,
) -> StagedRun:
    """Solve market, intact and secure hour."""
    model = HourModel(problem, limits, accuracy, allowance)
    market, intact, last = _climb(model, security, start_cuts)
    message = describe_closed(model, last)
    return StagedRun(model.problem, model, market, intact, last, message, model.rounds, model.iterations)


def _climb(
    model: HourModel, security: SecurityPlan | None, start_cuts: Ints | None
) -> tuple[LpSolution, LpSolution | None, LpSolution]:
    """Solve without a grid, with the intact grid, and after outages: the last reached."""
    market = solve_one_way([model], None, grid=False)
    if market.status != "optimal":
        return market, None, market
    model.add_interfaces()
    branch, outage = np.empty((2, 0), dtype=np.int64) if start_cuts is None else start_cuts
    before = outage < 0
    model.add_branches(None, branch[before], outage[before])
    intact = solve_one_way([model], None)
    if intact.status != "optimal" or security is None:
        return market, intact, intact
    model.add_branches(security, branch[~before], outage[~before])
    return market, intact, solve_one_way([model], security)


def describe_closed(model: HourModel, solution: LpSolution) -> str:
    """Say which links and storage units are held to one way, and which losses as a load."""
    losses = model.losses.describe(solution) if solution.status == "optimal" else ""
    return "; ".join(filter(None, (_name_closed(model.problem, model.closed), losses)))


def _name_closed(problem: HourProblem, closed: Ints) -> str:
    if not len(closed):
        return ""
    labels, columns = problem.case.labels, problem.columns
    storage = columns.select(*STORAGE_KINDS)[closed]
    names = dict.fromkeys(
        (labels.storage if stored else labels.hvdc)[columns.element[column]]
        for column, stored in zip(closed.tolist(), storage.tolist(), strict=True)
    )
    return f"held to one direction, or they would burn power at a negative price: {name_ids(names)}"
