"""Hours of a time series solved together, by AC or DC: arrays by hour, maxima by branch, violations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridhub.analysis.flow.power_flow import Method, solve_case, spread_flows
from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.matrices import compute_shunts
from gridhub.solvers.batch import Progress, plan_batch, solve_batch
from gridhub.solvers.batch_result import STATUSES, THERMAL, BatchResult, Findings, ResultBuilder
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_batch import DcBatch, solve_dc_batch
from gridhub.solvers.islands import find_islands
from gridhub.solvers.loop import record_solution
from gridhub.solvers.newton import plan_newton
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import INJECTED, Injections, Watch
from gridhub.solvers.status import NO_GENERATION_LEFT, TOO_MUCH_GENERATION, Status

Keep = Literal["violations", "all"]

SLICE = 512
"""Hours of DC solved before their flows are judged and let go: 16,000 branches take 66 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """Solved hours of one case.

    Attributes
    ----------
    method : {"ac", "dc"}
    status : (k,) int8
        Positions in `gridhub.solvers.batch_result.STATUSES`.
    reason : mapping from hour to str
    iterations : (k,) int
    worst_branch : (k,) int
        -1 if no branch is rated or the hour is not solved.
    worst_loading : (k,) float
        [%].
    branch_loading : (n_branch,) float
        Highest loading of each branch [%]; NaN where unrated or never solved.
    branch_hour : (n_branch,) int
        Hour of it, the first of equals; -1 where there is none.
    findings : Findings
        What the watch caught, by hour.
    load, unserved : (k,) float
        Load in live and in dead islands [p.u.].
    losses : (k,) float
        Losses of branches, shunts and links [p.u.]; NaN where not known.
    p_from : (k, n_branch) float or None
        With ``keep="all"`` [p.u.].
    p_to : (k, n_branch) float or None
        With ``keep="all"`` and AC [p.u.]; DC loses nothing on the way.
    vm : (k, n_node) float or None
        With ``keep="all"`` and AC [p.u.].
    """

    method: Method
    status: NDArray[np.int8]
    reason: dict[int, str]
    iterations: Ints
    worst_branch: Ints
    worst_loading: Floats
    branch_loading: Floats
    branch_hour: Ints
    findings: Findings
    load: Floats
    unserved: Floats
    losses: Floats
    p_from: Floats | None
    p_to: Floats | None
    vm: Floats | None


def solve_hours(
    case: Case,
    injections: Injections,
    watch: Watch,
    method: Method,
    keep: Keep,
    options: PowerFlowOptions,
    progress: Progress | None = None,
) -> Hours:
    """Solve every injection set of a case, or the case's own injections if there is no set.

    Parameters
    ----------
    case : Case
        References chosen.
    injections : Injections
    watch : Watch
        DC watches no voltage.
    method : {"ac", "dc"}
    keep : {"violations", "all"}
    options : PowerFlowOptions
        Settled.
    progress : callable, optional
        Called with hours done and hours in all.
    """
    joins = case.branch_joins
    p_from: Floats | None = None
    p_to: Floats | None = None
    if joins.any() and (keep == "all" or not np.isnan(watch.rate[joins]).all()):
        result = _solve_alone(case, injections, watch, method, keep, options, progress)
    elif method == "ac":
        own = np.full(1, -1) if injections.count == 0 else None
        plan = plan_batch(case, options)
        result = solve_batch(case, plan, None, injections, own, watch=watch, keep=keep, progress=progress)
    else:
        result, p_from = _solve_dc(case, injections, watch, keep, options, progress)
    if result.s_from is not None:
        p_from = result.s_from.real
    if method == "ac" and result.s_to is not None:
        p_to = result.s_to.real
    count_losses = _count_losses_ac if method == "ac" else _count_losses_dc
    served = case.load_on & _find_live(case, case.load_bus)
    return Hours(
        method=method,
        status=result.status,
        reason=result.reason,
        iterations=result.iterations,
        worst_branch=result.worst_branch,
        worst_loading=result.worst_loading,
        branch_loading=result.branch_loading,
        branch_hour=result.branch_scenario,
        findings=result.findings,
        load=_sum_rows(case, injections, served),
        unserved=_sum_rows(case, injections, case.load_on & ~served),
        losses=count_losses(case, injections, result),
        p_from=p_from,
        p_to=p_to,
        vm=result.vm if method == "ac" else None,
    )


def _solve_alone(
    case: Case,
    injections: Injections,
    watch: Watch,
    method: Method,
    keep: Keep,
    options: PowerFlowOptions,
    progress: Progress | None,
) -> BatchResult:
    """Solve hour after hour where flows through branches without impedance count: a batch sees nodes only."""
    plan = plan_newton(case) if method == "ac" else None
    count = max(injections.count, 1)
    builder = ResultBuilder(count, case.n_node, case.n_branch, keep == "all")
    for hour in range(count):
        own = injections.apply(case, hour if injections.count else -1)
        solution = solve_case(own, method, options, plan)
        if solution.status.is_solved:
            s_from, s_to = spread_flows(solution)
            solution = replace(solution, s_from=s_from, s_to=s_to)
        record_solution(builder, hour, solution, solution, watch, stage=2)
        if progress is not None:
            progress(hour + 1, count)
    return builder.finish()


def _solve_dc(
    case: Case,
    injections: Injections,
    watch: Watch,
    keep: Keep,
    options: PowerFlowOptions,
    progress: Progress | None,
) -> tuple[BatchResult, Floats | None]:
    """Solve every hour by DC, slice by slice; flows are kept on demand [p.u.]."""
    plan = plan_dc(case, options.dc_convention, options.distributed_slack)
    count = max(injections.count, 1)
    builder = ResultBuilder(count, case.n_node, case.n_branch, keep_states=False)
    builder.iterations[:] = 1
    kept = np.full((count, case.n_branch), np.nan) if keep == "all" else None
    for first in range(0, count, SLICE):
        hours = np.arange(first, min(first + SLICE, count))
        batch = solve_dc_batch(
            case,
            plan,
            _take_sets(injections, hours) if injections.count else None,
            options.distributed_slack,
            tolerance=options.tolerance,
            threads=options.threads or 1,
        )
        builder.status[hours] = [STATUSES.index(status) for status in batch.status]
        solved = np.array([status.is_solved for status in batch.status])
        builder.reason |= {int(hours[i]): _explain(case, batch, i) for i in _find_unusual(batch)}
        _record_flows(builder, hours[solved], batch.p_from[solved], watch)
        if kept is not None:
            kept[hours[solved]] = batch.p_from[solved]
        if progress is not None:
            progress(int(hours[-1]) + 1, count)
    return builder.finish(), kept


def _find_unusual(batch: DcBatch) -> list[int]:
    """List the hours that are not CONVERGED."""
    return [i for i, status in enumerate(batch.status) if status is not Status.CONVERGED]


def _explain(case: Case, batch: DcBatch, hour: int) -> str:
    """Say why an hour is not CONVERGED."""
    if batch.status[hour] is Status.ISLANDED:
        return "part of the load or generation has no reference"
    missing = batch.missing[hour] * case.base_mva
    most = float(missing[np.argmax(np.abs(missing))])
    if most > 0:
        return f"{NO_GENERATION_LEFT}: the units lack {most:,.1f} MW"
    return f"{TOO_MUCH_GENERATION}: the units cannot shed {-most:,.1f} MW more (p_min_mw)"


def _take_sets(injections: Injections, sets: Ints) -> Injections:
    """Give some of the injection sets."""
    given = {name: getattr(injections, name) for name in INJECTED}
    return Injections(**{name: array[sets] for name, array in given.items() if array is not None})


def _record_flows(builder: ResultBuilder, hours: Ints, p_from: Floats, watch: Watch) -> None:
    """Judge the DC flows of some solved hours by the ratings watched."""
    if not len(hours):
        return
    with np.errstate(divide="ignore", invalid="ignore"):  # a rating of 0 is passed by any flow
        loading = 100.0 * np.abs(p_from) / watch.rate
    hour, branch = np.nonzero(loading > 100.0 + watch.loading_tolerance)
    builder.add_findings(hours[hour], np.full(len(hour), THERMAL), branch, loading[hour, branch])
    loading[np.isnan(loading)] = -np.inf
    row, column = np.arange(loading.shape[0]), np.arange(loading.shape[1])
    worst, highest = loading.argmax(axis=1), loading.argmax(axis=0)
    known = loading[row, worst] > -np.inf
    builder.worst_branch[hours[known]] = worst[known]
    builder.worst_loading[hours[known]] = loading[row, worst][known]
    best = loading[highest, column]
    builder.merge_branch_loading(best, np.where(best > -np.inf, hours[highest], -1))


def _find_live(case: Case, bus: Ints) -> Bools:
    """Whether each bus belongs to an island with a reference."""
    node = case.bus_node[bus]
    return np.asarray(np.where(node >= 0, find_islands(case).live[node], False))


def _sum_rows(case: Case, injections: Injections, loads: Bools) -> Floats:
    """Add up some of the loads, (k,) [p.u.]."""
    stack = case.load_p[None, :] if injections.load_p is None else injections.load_p
    return np.asarray(np.broadcast_to(stack[:, loads].sum(axis=1), max(injections.count, 1)))


def _count_link_losses(case: Case, injections: Injections) -> Floats:
    """Losses of the HVDC links with both ends alive, (k,) or (1,) [p.u.]."""
    live = _find_live(case, case.hvdc_from_bus) & _find_live(case, case.hvdc_to_bus)
    sent = case.hvdc_p[None, :] if injections.hvdc_p is None else injections.hvdc_p
    lost = case.hvdc_loss + case.hvdc_loss_share * np.abs(sent)
    return np.asarray(lost[:, case.hvdc_on & live].sum(axis=1))


def _count_losses_dc(case: Case, injections: Injections, result: BatchResult) -> Floats:
    """Losses of links, and the conductance of shunts at 1 p.u., (k,) [p.u.]; NaN where not solved."""
    shunts = case.shunt_g[case.shunt_on & _find_live(case, case.shunt_bus)].sum()
    return np.where(result.solved, _count_link_losses(case, injections) + shunts, np.nan)


def _count_losses_ac(case: Case, injections: Injections, result: BatchResult) -> Floats:
    """Losses of branches, shunts and links, (k,) [p.u.]; NaN where no state was kept or found."""
    if result.vm is None or result.s_from is None or result.s_to is None:
        return np.full(len(result.status), np.nan)
    live = find_islands(case).live
    on = case.branch_on
    branches = np.nansum(result.s_from.real[:, on] + result.s_to.real[:, on], axis=1)
    shunts = result.vm[:, live] ** 2 @ compute_shunts(case).real[live]
    return np.asarray(branches + shunts + _count_link_losses(case, injections))
