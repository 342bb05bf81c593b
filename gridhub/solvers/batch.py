"""Many AC power flows of one case: any mix of injection sets and outages, each with a status of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gridhub.case.case import Bools, Case, Ints, Outage
from gridhub.case.positions import OUTAGE_KINDS, OutageList
from gridhub.kernels.records import Base
from gridhub.solvers.ac import Setting, prepare_setting, solve_setting
from gridhub.solvers.base import build_base, build_watched
from gridhub.solvers.batch_result import BatchResult, ResultBuilder
from gridhub.solvers.chord import finish_in_turn, start_in_lanes
from gridhub.solvers.differences import find_differences
from gridhub.solvers.hours import solve_sets
from gridhub.solvers.loop import Scenario, solve_one_by_one
from gridhub.solvers.newton import NewtonPlan, plan_newton
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import Injections, Watch, watch_nothing
from gridhub.solvers.solution import Solution
from gridhub.solvers.twins import Twins, expand_twins, find_twins

LANES = 8
"""Scenarios that share a machine vector."""

Keep = Literal["violations", "all"]
Progress = Callable[[int, int], None]
"""Called with scenarios done and scenarios in all."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchPlan:
    """What depends on a case and its options only, and serves every batch of it.

    Attributes
    ----------
    newton : NewtonPlan
        Pattern and order of elimination.
    options : PowerFlowOptions
    prepared : list of Prepared
        State that the last batch was given to start from: the next one often starts there too.
    """

    newton: NewtonPlan
    options: PowerFlowOptions
    prepared: list[Prepared] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A solved state, ready for lanes.

    Attributes
    ----------
    case, before, lanes
        What was prepared: the case, its solved state and the number of lanes.
    setting : Setting
    start : Base or None
        None where the factor is singular.
    """

    case: Case
    before: Solution
    lanes: int
    setting: Setting
    start: Base | None


def plan_batch(case: Case, options: PowerFlowOptions) -> BatchPlan:
    """Plan the batches of a case.

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    options : PowerFlowOptions
        Settled by `gridhub.solvers.options.read_options`.
    """
    return BatchPlan(plan_newton(case), options)


def solve_batch(
    case: Case,
    plan: BatchPlan,
    outages: Sequence[Outage] | None = None,
    injections: Injections | None = None,
    at: Ints | None = None,
    *,
    base: Solution | None = None,
    watch: Watch | None = None,
    keep: Keep = "violations",
    lanes: int = LANES,
    progress: Progress | None = None,
) -> BatchResult:
    """Solve every scenario of a batch by AC.

    Parameters
    ----------
    case : Case
        References chosen.
    plan : BatchPlan
        Of `case`.
    outages : sequence of Outage, optional
        One per scenario; None: nothing is out, one scenario per injection set.
    injections : Injections, optional
        Injection sets the scenarios choose from; None: the case's own.
    at : (k,) int, optional
        Injection set of each scenario, -1 = the case's own. None: the case's own where outages are given,
        else every set in turn.
    base : Solution, optional
        Solved state of `case` itself before any outage; None: it is solved here.
    watch : Watch, optional
        Limits; None: nothing is watched.
    keep : {"violations", "all"}
        "all" also returns voltages and flows of every scenario.
    progress : callable, optional

    Returns
    -------
    BatchResult
        Nothing is raised for a scenario that has no solution: see its status and reason.

    Notes
    -----
    Outages of identical parallel circuits are solved once and mirrored (`gridhub.solvers.twins`), but each by
    itself with one lane.

    With ``taps="controlled"`` no scenario goes through the lanes, which share one admittance matrix: each is
    solved by itself (`gridhub.solvers.taps.solve_state`), which takes far longer.
    """
    sets = _choose_sets(outages, injections, at)
    lost = outages if outages is None or isinstance(outages, OutageList) else OutageList(outages)
    _refuse_joins(case, lost)
    watch = watch or watch_nothing(case)
    in_lanes = lanes > 1 and plan.options.taps == "fixed"
    asked, twins = len(sets), None
    found = _find_twins(case, watch, lost, sets, at is None) if in_lanes and lost is not None else None
    if found is not None:
        twins, lost = found
        sets = sets[twins.rows]
    builder = ResultBuilder(len(sets), case.n_node, case.n_branch, keep == "all")
    count = _Count(len(sets), asked, progress)
    left = np.arange(len(sets))
    if in_lanes:
        threads = plan.options.threads or 1
        # this thread is one of them
        with ThreadPoolExecutor(threads - 1) if threads > 1 else nullcontext() as pool:
            work = _Work(case, plan, sets, lost, injections, watch, lanes, builder, count, pool)
            hour = _mark_hours(sets, lost)
            parts = [_solve_hours(work, left[hour])]
            groups = (left[~hour & (sets == position)] for position in np.unique(sets[~hour]).tolist())
            started = (_start_outages(work, group, base if sets[group[0]] < 0 else None) for group in groups)
            parts += finish_in_turn(started)
        left = np.concatenate(parts)
    left = left[np.lexsort((left, sets[left]))]
    scenarios = [Scenario(k, int(sets[k]), Outage() if lost is None else lost[k]) for k in left.tolist()]
    solve_one_by_one(case, plan.newton, plan.options, injections, scenarios, base, watch, builder, count.add)
    result = builder.finish()
    return result if twins is None else expand_twins(result, twins)


def _find_twins(
    case: Case, watch: Watch, lost: OutageList, sets: Ints, in_one_set: bool
) -> tuple[Twins, OutageList] | None:
    """Find mirror images among the outages, and those that are left to be solved; None if there are none."""

    def find() -> tuple[Twins, OutageList] | None:
        twins = find_twins(case, watch.rate, lost, sets)
        return None if twins is None else (twins, lost.take(twins.rows))

    if not in_one_set:
        return find()
    ends = (case.branch_on, case.branch_from, case.branch_to)
    return lost.keep("twins", (*ends, case.y_ff, case.y_ft, case.y_tf, case.y_tt, watch.rate), find)


class _Count:
    """Scenarios done so far, for the caller's progress: he asked for more where some are mirrored."""

    def __init__(self, total: int, asked: int, progress: Progress | None) -> None:
        self.done, self.total, self.asked, self.progress = 0, total, asked, progress

    def add(self, more: int) -> None:
        self.done += more
        if self.progress is not None and more:
            self.progress(self.done * self.asked // self.total, self.asked)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What all groups of a batch share."""

    case: Case
    plan: BatchPlan
    sets: Ints
    outages: OutageList | None
    injections: Injections | None
    watch: Watch
    lanes: int
    builder: ResultBuilder
    count: _Count
    pool: Executor | None


def _mark_hours(sets: Ints, outages: OutageList | None) -> Bools:
    """Mark the injection sets without outages."""
    hour = sets >= 0
    if outages is not None and hour.any():
        for kind in OUTAGE_KINDS:
            hour[outages.list_lost(kind)[0]] = False
    return hour


def _refuse_joins(case: Case, outages: OutageList | None) -> None:
    """Refuse outages of branches without impedance, as `Case.take_out` does."""
    if outages is not None and case.branch_joins.any():
        outage, branch = outages.list_lost("branch")
        for k in outage[case.branch_joins[branch]].tolist():
            case.take_out(outages[k])


def _solve_hours(work: _Work, numbers: Ints) -> Ints:
    """Solve injection sets without outages in lanes; return the scenarios that are left."""
    if not len(numbers) or work.injections is None:
        return numbers
    left = solve_sets(
        work.case, work.plan.newton, work.plan.options, work.injections, work.sets[numbers], numbers,
        work.watch, work.lanes, work.builder, work.count.add, work.pool,
    )  # fmt: skip
    return numbers[left]


def _start_outages(work: _Work, numbers: Ints, before: Solution | None) -> Callable[[], Ints]:
    """Start outages of one injection set in lanes, from its state before them."""
    case, plan = work.case, work.plan
    if work.injections is not None:
        case = work.injections.apply(case, int(work.sets[numbers[0]]))
    ready = _prepare(case, plan, before, work.lanes)
    setting, before, start = ready.setting, ready.before, ready.start
    if start is None:
        return lambda: numbers
    if work.outages is None:
        outages = OutageList([Outage()] * len(numbers))
    else:
        outages = work.outages if len(numbers) == len(work.outages) else work.outages.take(numbers)
    differences = find_differences(setting, start, outages)
    watched = build_watched(setting, before, work.watch)
    finish = start_in_lanes(
        setting, start, watched, differences, before, numbers, plan.options, work.lanes, work.builder,
        work.count.add, work.pool,
    )  # fmt: skip
    return lambda: numbers[finish()]


def _prepare(case: Case, plan: BatchPlan, before: Solution | None, lanes: int) -> Prepared:
    """Make a state ready for lanes, solved here if it is not given; the last one given is remembered."""
    for ready in plan.prepared[:]:
        if ready.case is case and ready.before is before and ready.lanes == lanes:
            return ready
    setting = prepare_setting(case, plan.newton, plan.options)
    state = solve_setting(setting) if before is None else before
    start = build_base(setting, state, lanes) if state.status.is_solved else None
    ready = Prepared(case, state, lanes, setting, start)
    if before is not None:
        plan.prepared[:] = [ready]
    return ready


def _choose_sets(outages: Sequence[Outage] | None, injections: Injections | None, at: Ints | None) -> Ints:
    """Injection set of each scenario; -1 = the case's own."""
    if outages is None:
        count = injections.count if injections is not None else 0
        return np.arange(count) if at is None else np.asarray(at, dtype=np.int64)
    sets = np.full(len(outages), -1) if at is None else np.asarray(at, dtype=np.int64)
    if len(sets) != len(outages):
        raise ValueError(f"{len(outages)} outages, but {len(sets)} injection sets chosen")
    return sets
