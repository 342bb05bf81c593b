"""Scenarios solved one by one, each by the full solver: the plain way, and the rescue of what lanes leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from gridhub.case.case import Case, Floats, Outage
from gridhub.solvers.ac import AcStart, make_start
from gridhub.solvers.batch_result import (
    STATUSES,
    THERMAL,
    VOLTAGE_CHANGE,
    VOLTAGE_HIGH,
    VOLTAGE_LOW,
    ResultBuilder,
)
from gridhub.solvers.islands import keep_largest_parts
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import Injections, Watch
from gridhub.solvers.solution import Solution
from gridhub.solvers.taps import settle_taps, solve_state

AT_ONCE = 64
"""Scenarios whose solutions are in memory together."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario of a batch.

    Attributes
    ----------
    number : int
        Row in the result.
    injection : int
        Injection set; -1 = the case's own.
    outage : Outage
    """

    number: int
    injection: int
    outage: Outage


def solve_one_by_one(
    case: Case,
    plan: NewtonPlan,
    options: PowerFlowOptions,
    injections: Injections | None,
    scenarios: Sequence[Scenario],
    base: Solution | None,
    watch: Watch,
    builder: ResultBuilder,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Solve scenarios one by one into `builder`; each outage starts from its own state before it.

    Scenarios of one injection set stand together. Those that lose something share the threads. Controlled
    taps move before and after an outage, which starts from the ratios reached before it.
    """
    with ThreadPoolExecutor(options.threads or 1) as pool:
        for injection, members in groupby(scenarios, lambda scenario: scenario.injection):
            own = case if injections is None else injections.apply(case, injection)
            before = base if base is not None and injection < 0 else solve_state(own, options, plan)
            own = settle_taps(own, before)
            start = make_start(before) if before.status.is_solved else None

            def solve(
                outage: Outage, own: Case = own, before: Solution = before, start: AcStart | None = start
            ) -> Solution:
                if outage == Outage():
                    return before
                after = keep_largest_parts(own.take_out(outage), before.islands)
                return solve_state(after, options, plan, start)

            group = list(members)
            for first in range(0, len(group), AT_ONCE):
                some = group[first : first + AT_ONCE]
                solutions = pool.map(solve, [scenario.outage for scenario in some])
                for scenario, solution in zip(some, solutions, strict=True):
                    record_solution(builder, scenario.number, solution, before, watch, stage=2)
                    if progress is not None:
                        progress(1)


def record_solution(
    builder: ResultBuilder, number: int, solution: Solution, before: Solution, watch: Watch, stage: int
) -> None:
    """Judge one solved state by the limits watched and write it into the result."""
    builder.status[number] = STATUSES.index(solution.status)
    builder.mismatch[number] = solution.worst_mismatch
    builder.iterations[number] = solution.iterations
    builder.switches[number] = solution.switches
    builder.stage[number] = stage
    if solution.reason:
        builder.reason[number] = solution.reason
    if solution.taps is not None:
        builder.taps[number] = solution.taps
    dead = np.flatnonzero(before.islands.live & ~solution.islands.live)
    if len(dead):
        builder.dead[number] = dead
    if not solution.status.is_solved:
        return
    builder.losses[number] = np.nansum((solution.s_from + solution.s_to).real)
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.maximum(np.abs(solution.s_from), np.abs(solution.s_to))
        loading = np.where(np.isnan(power), np.nan, 100.0 * power / watch.rate)
        _record_loading(builder, number, loading, watch)
        _record_voltages(builder, number, solution.vm, before.vm, watch)
    if builder.keep_states:
        builder.vm[number], builder.va[number] = solution.vm, solution.va
        builder.s_from[number], builder.s_to[number] = solution.s_from, solution.s_to


def _record_loading(builder: ResultBuilder, number: int, loading: Floats, watch: Watch) -> None:
    known = np.flatnonzero(~np.isnan(loading))
    if len(known):
        worst = known[np.argmax(loading[known])]
        builder.worst_branch[number], builder.worst_loading[number] = worst, loading[worst]
    builder.severity[number] = float(((loading[known] / 100.0) ** 4).sum())
    found = np.flatnonzero(loading > 100.0 + watch.loading_tolerance)
    _add(builder, number, THERMAL, found, loading[found])
    highest = np.where(np.isnan(loading), -np.inf, loading)
    builder.merge_branch_loading(highest, np.where(np.isnan(loading), -1, number))


def _record_voltages(builder: ResultBuilder, number: int, vm: Floats, before: Floats, watch: Watch) -> None:
    low = np.flatnonzero(watch.vm_low - vm > watch.voltage_tolerance)
    high = np.flatnonzero(vm - watch.vm_high > watch.voltage_tolerance)
    _add(builder, number, VOLTAGE_LOW, low, vm[low])
    _add(builder, number, VOLTAGE_HIGH, high, vm[high])
    change = np.abs(vm - before)
    changed = np.flatnonzero(change > watch.vm_change + watch.voltage_tolerance)
    _add(builder, number, VOLTAGE_CHANGE, changed, change[changed])


def _add(builder: ResultBuilder, number: int, kind: int, position: np.ndarray, value: Floats) -> None:
    if len(position):
        same = np.full(len(position), number)
        builder.add_findings(same, np.full(len(position), kind), position.astype(np.int64), value)
