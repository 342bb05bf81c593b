"""Dispatch of many hours: one programme where storage, ramps, budgets or reserves tie them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Case, Floats, Ints
from gridhub.dispatch.bent_costs import COST_ERROR
from gridhub.dispatch.coupling import CoupledRows, Coupling
from gridhub.dispatch.explain import Explanation, explain_hour
from gridhub.dispatch.hour import describe_closed, solve_hour
from gridhub.dispatch.hour_model import NO_ALLOWANCE, HourModel, LimitKey, find_largest_price, solve_one_way
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.links import close_columns
from gridhub.dispatch.offers import Offers
from gridhub.dispatch.problem import STORAGE_KINDS, HourProblem, build_problem
from gridhub.dispatch.programme import LinearProgramme, LpSolution
from gridhub.dispatch.reading import HourReader, StagedRun
from gridhub.dispatch.result import DispatchStatus, HourResult
from gridhub.dispatch.security import SecurityPlan
from gridhub.solvers.dc import DcPlan

NO_CUTS = np.empty((2, 0), dtype=np.int64)
"""Start from no limits of the grid."""


@dataclass(frozen=True, slots=True, eq=False)
class HorizonResult:
    """Dispatch of hours in a row.

    Attributes
    ----------
    hours : tuple of HourResult
    energy : (n_hour, n_storage) float
        In storage after each hour [MWh]; NaN where hours are not tied by storage.
    reserve_shortage : (n_hour,) float
        Reserve that is missing [MW].
    """

    hours: tuple[HourResult, ...]
    energy: Floats
    reserve_shortage: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Coupled:
    """A solved programme of many hours: its stages, as of the whole, and the hours as parts of it."""

    runs: tuple[StagedRun, ...]
    last: LpSolution
    rows: CoupledRows


def solve_horizon(
    hours: Sequence[tuple[Case, Offers]],
    plan: DcPlan,
    limits: FlowLimits,
    security: SecurityPlan | None = None,
    coupling: Coupling | None = None,
    *,
    start_cuts: Ints | None = None,
    tolerance_mw: float = 1e-6,
    cost_error: float = COST_ERROR,
) -> HorizonResult:
    r"""Dispatch hours in a row at least cost.

    Parameters
    ----------
    hours : sequence of (Case, Offers)
        Each as for `gridhub.dispatch.hour.solve_hour`; all of one topology.
    plan : DcPlan
    limits : FlowLimits
    security : SecurityPlan, optional
    coupling : Coupling, optional
        What ties the hours together; without it each is solved for itself, from the limits that bound before.
    start_cuts : (2, k) int, optional
        Limits that are likely to bind.
    tolerance_mw, cost_error : float
        As for `gridhub.dispatch.hour.solve_hour`.

    Returns
    -------
    HorizonResult

    Raises
    ------
    ValueError
        If the plan holds more than one reference per island.

    Notes
    -----
    The hour's programme for every hour, and between them, with energy E [MWh], charge c and discharge d [MW],
    and what is called x of an offer o [MW]:

    .. math:: E_t = E_{t-1} + \sqrt{\eta}\,c_t - d_t / \sqrt{\eta},\quad |p_t - p_{t-1}| \le r,\quad
              \sum_t x_t \le B,\quad \sum_{s=t-H}^{t} x_s / o_s \le H,\quad
              \sum_g \min(\bar p_g - p_{g,t}, k_g) \ge R_t

    Limits of the grid are added hour by hour as a solution breaks them, and all hours solved again from the
    last basis. A storage unit that would take in and give at once, to burn energy at a negative price, is
    held to the way it nets to: the one thing here that is no linear programme, and said in the message.
    """
    accuracy = tolerance_mw, cost_error
    if coupling is None or coupling.is_empty:
        return _solve_alone(hours, plan, limits, security, start_cuts, accuracy)
    problems = [build_problem(case, plan, offers) for case, offers in hours]
    allowances: list[Mapping[LimitKey, float]] = [NO_ALLOWANCE] * len(hours)
    found = _solve_coupled(problems, allowances, limits, security, coupling, start_cuts, accuracy)
    if found.last.status == "optimal":
        return _read(hours, limits, found, {})
    guilty: dict[int, Explanation] = {}
    # storage may help an hour only if there is energy for it: where it does not suffice, it rests
    for tried in (problems, [close_columns(problem, _find_storage(problem)) for problem in problems]):
        why = [explain_hour(problem, limits, security, tolerance_mw) for problem in tried]
        guilty = {t: one for t, one in enumerate(why) if one.conflicts}
        if not guilty:
            continue
        given = [guilty[t].problem if t in guilty else problem for t, problem in enumerate(problems)]
        allowances = [guilty[t].allowance if t in guilty else NO_ALLOWANCE for t in range(len(hours))]
        again = _solve_coupled(given, allowances, limits, security, coupling, start_cuts, accuracy)
        if again.last.status == "optimal":
            return _read(hours, limits, again, guilty)
    return _give_up(hours, limits, found, guilty)


def _find_storage(problem: HourProblem) -> Ints:
    """Find the columns of storage that can rest."""
    columns = problem.columns
    return np.flatnonzero(columns.select(*STORAGE_KINDS) & (columns.low == 0))


def _solve_alone(
    hours: Sequence[tuple[Case, Offers]],
    plan: DcPlan,
    limits: FlowLimits,
    security: SecurityPlan | None,
    start_cuts: Ints | None,
    accuracy: tuple[float, float],
) -> HorizonResult:
    results: list[HourResult] = []
    cuts = NO_CUTS if start_cuts is None else start_cuts
    for case, offers in hours:
        one = solve_hour(
            case,
            plan,
            offers,
            limits,
            security,
            start_cuts=cuts,
            tolerance_mw=accuracy[0],
            cost_error=accuracy[1],
        )
        cuts = find_binding_cuts([one]) if one.status is DispatchStatus.OPTIMAL else cuts
        results.append(one)
    none = np.full((len(hours), len(hours[0][0].storage_bus)), np.nan)
    return HorizonResult(tuple(results), none, np.zeros(len(hours)))


def find_binding_cuts(results: Sequence[HourResult]) -> Ints:
    """Branch and outage of the branch limits that bind in any of some hours, (2, k)."""
    parts = [NO_CUTS]
    for one in results:
        chosen = [i for i, kind in enumerate(one.constraints.kind) if kind == "branch"]
        parts.append(np.stack([one.constraints.element[chosen], one.constraints.outage[chosen]]))
    return np.unique(np.concatenate(parts, axis=1), axis=1)


def _solve_coupled(
    problems: Sequence[HourProblem],
    allowances: Sequence[Mapping[LimitKey, float]],
    limits: FlowLimits,
    security: SecurityPlan | None,
    coupling: Coupling,
    start_cuts: Ints | None,
    accuracy: tuple[float, float],
) -> _Coupled:
    """Solve all hours in stages."""
    branch, outage = NO_CUTS if start_cuts is None else start_cuts
    before = outage < 0
    largest = max(find_largest_price(problem) for problem in problems)
    if coupling.reserve is not None and np.isfinite(coupling.reserve.price):
        largest = max(largest, coupling.reserve.price)
    programme = LinearProgramme(largest)
    models = [
        HourModel(problem, limits, accuracy[0], allowance, programme, accuracy[1])
        for problem, allowance in zip(problems, allowances, strict=True)
    ]
    rows = CoupledRows(programme, models, coupling)
    market = last = solve_one_way(models, None, grid=False)
    intact = None
    if market.status == "optimal":
        for model in models:
            model.add_interfaces()
            model.add_branches(None, branch[before], outage[before])
        intact = last = solve_one_way(models, None)
    if intact is not None and intact.status == "optimal" and security is not None:
        for model in models:
            model.add_branches(security, branch[~before], outage[~before])
        last = solve_one_way(models, security)
    runs = [
        StagedRun(
            problem=model.problem,
            model=model,
            market=model.part.read(market),
            intact=None if intact is None else model.part.read(intact),
            last=model.part.read(last),
            message=describe_closed(model.problem, model.closed),
            rounds=model.rounds,
            iterations=models[0].iterations,
        )
        for model in models
    ]
    return _Coupled(tuple(runs), last, rows)


def _read(
    hours: Sequence[tuple[Case, Offers]],
    limits: FlowLimits,
    found: _Coupled,
    guilty: Mapping[int, Explanation],
) -> HorizonResult:
    short, results = found.rows.read_shortage(found.last), []
    price = 0.0 if found.rows.coupling.reserve is None else found.rows.coupling.reserve.price
    for t, ((_, offers), run) in enumerate(zip(hours, found.runs, strict=True)):
        status = DispatchStatus.INFEASIBLE if t in guilty else DispatchStatus.OPTIMAL
        one = HourReader(offers, limits, run).read(status)
        if short[t] > 0:
            one = replace(one, cost=replace(one.cost, reserve=float(price * short[t])))
        if t in guilty:
            one = replace(one, message=guilty[t].message, conflicts=guilty[t].conflicts)
        results.append(one)
    return HorizonResult(tuple(results), found.rows.read_energy(found.last), short)


def _give_up(
    hours: Sequence[tuple[Case, Offers]],
    limits: FlowLimits,
    found: _Coupled,
    guilty: Mapping[int, Explanation],
) -> HorizonResult:
    """Say of every hour why there is no dispatch: of its own, or because of what ties them together."""
    if found.last.status == "infeasible":
        status = DispatchStatus.INFEASIBLE
        text = (
            "no dispatch keeps what ties the hours together: every hour has one for itself, but not with "
            "the ramps, the reserve, the energy in storage, and the budgets and longest calls of flexible "
            "loads. Ease one of these, or let load be shed (shed_price)."
        )
    else:
        status, text = DispatchStatus.UNSOLVED, f"HiGHS: {found.last.status}"
    results = []
    for t, ((_, offers), run) in enumerate(zip(hours, found.runs, strict=True)):
        one = HourReader(offers, limits, run).read_unsolved(status)
        mine = guilty.get(t)
        message = text if mine is None else mine.message
        if guilty and mine is None:
            message = "hours that this one is tied to have no dispatch"
        results.append(replace(one, message=message, conflicts=() if mine is None else mine.conflicts))
    nothing = np.full((len(hours), len(hours[0][0].storage_bus)), np.nan)
    return HorizonResult(tuple(results), nothing, np.full(len(hours), np.nan))
