"""Dispatch of many hours: one programme where storage, ramps, budgets or reserves tie them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Case, Floats, Ints
from gridhub.dispatch.bent_costs import COST_ERROR
from gridhub.dispatch.coupling import CoupledRows, Coupling
from gridhub.dispatch.explain import Explanation, explain_hour
from gridhub.dispatch.explain_ties import describe_ties, explain_ties
from gridhub.dispatch.hour import describe_closed, solve_hour
from gridhub.dispatch.hour_model import (
    NO_ALLOWANCE,
    Accuracy,
    HourModel,
    LimitKey,
    find_largest_price,
    solve_one_way,
)
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.links import close_columns
from gridhub.dispatch.losses import LOSS_TOLERANCE_MW
from gridhub.dispatch.offers import Offers
from gridhub.dispatch.problem import STORAGE_KINDS, HourProblem, build_problem
from gridhub.dispatch.programme import LinearProgramme, LpSolution
from gridhub.dispatch.reading import HourReader, StagedRun
from gridhub.dispatch.result import Conflict, DispatchStatus, HourResult
from gridhub.dispatch.security import SecurityPlan
from gridhub.solvers.dc import DcPlan

NO_CUTS = np.empty((2, 0), dtype=np.int64)
"""Start from no limits of the grid."""

APART = "every hour has a dispatch for itself, but not with what ties the hours together."
EASE = (
    "Ease ramps, energy in storage, or budgets and longest calls of flexible loads, price missing reserve "
    "(reserve_price), or let load be shed (shed_price)."
)
"""What is said of hours that have no dispatch together."""


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
    market: LpSolution
    intact: LpSolution | None
    last: LpSolution
    rows: CoupledRows

    def price_shortage(self, solution: LpSolution | None) -> Floats:
        """Cost of the reserve that is missing in each hour of a stage, (n_hour,) [currency/h]."""
        reserve = self.rows.coupling.reserve
        if reserve is None or solution is None or solution.status != "optimal":
            return np.zeros(len(self.runs))
        short = self.rows.read_shortage(solution)
        return np.asarray(np.where(short > 0, reserve.price * np.where(short > 0, short, 1.0), 0.0))


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
    loss_tolerance_mw: float = LOSS_TOLERANCE_MW,
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
    tolerance_mw, cost_error, loss_tolerance_mw : float
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
    held to the way it nets to, and a branch that would lose more than its flow does, to the same end, is held
    to that: this is no linear programme, and said in the message.
    """
    accuracy = Accuracy(tolerance_mw, cost_error, loss_tolerance_mw)
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
        why = [explain_hour(problem, limits, security, accuracy) for problem in tried]
        guilty = {t: one for t, one in enumerate(why) if one.conflicts}
        if not guilty:
            continue
        given = [guilty[t].problem if t in guilty else problem for t, problem in enumerate(problems)]
        allowances = [guilty[t].allowance if t in guilty else NO_ALLOWANCE for t in range(len(hours))]
        again = _solve_coupled(given, allowances, limits, security, coupling, start_cuts, accuracy)
        if again.last.status == "optimal":
            return _read(hours, limits, again, guilty)
    ties: list[list[Conflict]] = [[] for _ in hours]
    if not guilty and found.last.status == "infeasible":
        ties = explain_ties(problems, limits, security, coupling, accuracy)
    return _give_up(hours, limits, found, guilty, ties)


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
    accuracy: Accuracy,
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
            tolerance_mw=accuracy.flow_mw,
            cost_error=accuracy.cost,
            loss_tolerance_mw=accuracy.losses_mw,
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
    accuracy: Accuracy,
) -> _Coupled:
    """Solve all hours in stages."""
    branch, outage = NO_CUTS if start_cuts is None else start_cuts
    before = outage < 0
    largest = max(find_largest_price(problem) for problem in problems)
    if coupling.reserve is not None and np.isfinite(coupling.reserve.price):
        largest = max(largest, coupling.reserve.price)
    programme = LinearProgramme(largest)
    models = [
        HourModel(problem, limits, accuracy, allowance, programme)
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
            message=describe_closed(model, model.part.read(last)),
            rounds=model.rounds,
            iterations=models[0].iterations,
        )
        for model in models
    ]
    return _Coupled(tuple(runs), market, intact, last, rows)


def _read(
    hours: Sequence[tuple[Case, Offers]],
    limits: FlowLimits,
    found: _Coupled,
    guilty: Mapping[int, Explanation],
) -> HorizonResult:
    short, results = found.rows.read_shortage(found.last), []
    market, intact, paid = (found.price_shortage(one) for one in (found.market, found.intact, found.last))
    for t, ((_, offers), run) in enumerate(zip(hours, found.runs, strict=True)):
        status = DispatchStatus.INFEASIBLE if t in guilty else DispatchStatus.OPTIMAL
        one = HourReader(offers, limits, run).read(status)
        one = replace(
            one,
            cost=replace(one.cost, reserve=float(paid[t])),
            cost_intact=one.cost_intact + float(intact[t]),
            cost_market=one.cost_market + float(market[t]),
        )
        if t in guilty:
            one = replace(one, message=guilty[t].message, conflicts=guilty[t].conflicts)
        results.append(one)
    return HorizonResult(tuple(results), found.rows.read_energy(found.last), short)


def _give_up(
    hours: Sequence[tuple[Case, Offers]],
    limits: FlowLimits,
    found: _Coupled,
    guilty: Mapping[int, Explanation],
    ties: Sequence[Sequence[Conflict]],
) -> HorizonResult:
    """Say of every hour why there is no dispatch: of its own, or because of what ties them together."""
    infeasible = found.last.status == "infeasible"
    status = DispatchStatus.INFEASIBLE if infeasible else DispatchStatus.UNSOLVED
    results = []
    for t, ((_, offers), run) in enumerate(zip(hours, found.runs, strict=True)):
        one = HourReader(offers, limits, run).read_unsolved(status)
        mine = guilty.get(t)
        conflicts = tuple(ties[t]) if mine is None else mine.conflicts
        if mine is not None:
            message = mine.message
        elif not infeasible:
            message = f"HiGHS: {found.last.status}"
        elif ties[t]:
            message = f"{APART} {describe_ties(ties[t])} {EASE}"
        elif guilty or any(ties):
            message = "hours that this one is tied to have no dispatch"
        else:
            message = f"{APART} {EASE}"
        results.append(replace(one, message=message, conflicts=conflicts))
    nothing = np.full((len(hours), len(hours[0][0].storage_bus)), np.nan)
    return HorizonResult(tuple(results), nothing, np.full(len(hours), np.nan))
