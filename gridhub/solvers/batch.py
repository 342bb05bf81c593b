"""Many AC power flows of one case: any mix of injection sets and outages, each with a status of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gridhub.case.case import Case, Ints, Outage
from gridhub.solvers.ac import prepare_setting, solve_ac
from gridhub.solvers.base import build_base, build_watched
from gridhub.solvers.batch_result import BatchResult, ResultBuilder
from gridhub.solvers.chord import solve_in_lanes
from gridhub.solvers.differences import find_differences
from gridhub.solvers.loop import Scenario, solve_one_by_one
from gridhub.solvers.newton import NewtonPlan, plan_newton
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import Injections, Watch, watch_nothing
from gridhub.solvers.solution import Solution

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
    """

    newton: NewtonPlan
    options: PowerFlowOptions


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
    """
    scenarios = _list_scenarios(outages, injections, at)
    watch = watch or watch_nothing(case)
    builder = ResultBuilder(len(scenarios), case.n_node, case.n_branch, keep == "all")
    left = scenarios
    if lanes > 1:
        left = []
        for position in sorted({scenario.injection for scenario in scenarios}):
            group = [scenario for scenario in scenarios if scenario.injection == position]
            own = case if injections is None else injections.apply(case, position)
            before = base if position < 0 else None
            left += _solve_group(own, plan, group, before, watch, lanes, builder)
    solve_one_by_one(case, plan.newton, plan.options, injections, left, base, watch, builder, progress)
    return builder.finish()


def _solve_group(
    case: Case,
    plan: BatchPlan,
    group: list[Scenario],
    before: Solution | None,
    watch: Watch,
    lanes: int,
    builder: ResultBuilder,
) -> list[Scenario]:
    """Solve scenarios of one injection set in lanes; return those that are left to the full Newton."""
    if before is None:
        before = solve_ac(case, plan.options, plan.newton)
    setting = prepare_setting(case, plan.newton, plan.options)
    start = build_base(setting, before, lanes) if before.status.is_solved else None
    if start is None:
        return group
    for scenario in group:
        case.take_out(scenario.outage)
    numbers = np.array([scenario.number for scenario in group])
    differences = find_differences(setting, start, [scenario.outage for scenario in group])
    watched = build_watched(setting, before, watch)
    left = solve_in_lanes(setting, start, watched, differences, before, numbers, plan.options, lanes, builder)
    return [group[k] for k in left.tolist()]


def _list_scenarios(
    outages: Sequence[Outage] | None, injections: Injections | None, at: Ints | None
) -> list[Scenario]:
    count = injections.count if injections is not None else 0
    if outages is None:
        sets = np.arange(count) if at is None else at
        return [Scenario(k, int(i), Outage()) for k, i in enumerate(sets)]
    sets = np.full(len(outages), -1) if at is None else at
    return [Scenario(k, int(i), out) for k, (i, out) in enumerate(zip(sets, outages, strict=True))]
