"""Injection sets without outages: similar ones share a base, and each is a lane of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from gridhub.case.case import Bools, Case, Complexes, Ints
from gridhub.kernels.records import Base
from gridhub.solvers.ac import AcStart, Setting, prepare_setting, solve_ac
from gridhub.solvers.base import build_base, build_watched
from gridhub.solvers.batch_result import ResultBuilder
from gridhub.solvers.chord import solve_in_lanes
from gridhub.solvers.differences import Differences, find_differences
from gridhub.solvers.loop import make_start
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import Injections, Watch
from gridhub.solvers.status import Status

BLOCK = 128
"""Sets that share a base: its middle one, solved by Newton and factorized."""


def sort_by_load(case: Case, injections: Injections, sets: Ints) -> Ints:
    """Order of `sets` by their total load less what storage gives: neighbours have similar states."""
    load = np.zeros(len(sets))
    if injections.load_p is not None:
        load += injections.load_p[sets][:, case.load_on].sum(axis=1)
    if injections.generator_p is not None:
        # what moves against the load matters as much: the sets' schedule by its first moment
        weight = np.linspace(-1.0, 1.0, injections.generator_p.shape[1])
        load += 1e-3 * (injections.generator_p[sets] @ weight)
    return np.argsort(load, kind="stable")


def can_share_base(case: Case, injections: Injections) -> bool:
    """Whether the units' shares of an imbalance are the same in every set.

    A unit without a known p_max shares by its schedule, which the sets change.
    """
    if injections.generator_p is None:
        return True
    by_schedule = np.isinf(case.generator_p_max) & np.isnan(case.generator_participation)
    return not bool((by_schedule & case.generator_on).any())


def _gather(case: Case, bus: Ints, on: Bools) -> csr_array:
    """Matrix that adds elements up at their nodes, (n_element, n_node)."""
    node = case.bus_node[bus]
    kept = np.flatnonzero(on & (node >= 0))
    shape = len(bus), case.n_node
    return csr_array((np.ones(len(kept)), (kept, node[kept])), shape=shape)


def _find_changes(case: Case, injections: Injections, sets: Ints) -> Complexes:
    """Change of the injection that is no unit's, from the case's own, (k, n_node) [p.u.]."""
    change = np.zeros((len(sets), case.n_node), dtype=complex)
    loads = _gather(case, case.load_bus, case.load_on)
    stores = _gather(case, case.storage_bus, case.storage_on)
    for name, own, gather, factor in (
        ("load_p", case.load_p, loads, -1.0),
        ("load_q", case.load_q, loads, -1j),
        ("storage_p", case.storage_p, stores, 1.0),
        ("storage_q", case.storage_q, stores, 1j),
    ):
        given = getattr(injections, name)
        if given is not None:
            change += factor * ((given[sets] - own) @ gather)
    if injections.hvdc_p is not None:
        p = injections.hvdc_p[sets]
        arriving = p - case.hvdc_loss - case.hvdc_loss_share * np.abs(p)
        change -= (p - case.hvdc_p) @ _gather(case, case.hvdc_from_bus, case.hvdc_on)
        change += (arriving - case.hvdc_p_to()) @ _gather(case, case.hvdc_to_bus, case.hvdc_on)
    return change


def _find_set_differences(
    case: Case, setting: Setting, base: Base, injections: Injections, sets: Ints
) -> Differences:
    """Differences of injection sets from a base whose case is one of them."""
    differences = find_differences(setting, base, [])
    node, count = setting.plan.node, len(sets)
    change = _find_changes(setting.case, injections, sets)[:, node]
    units = np.flatnonzero(setting.slack.island >= 0)
    alone = len(base.units.node) - len(units)
    scheduled = np.tile(setting.case.generator_p[units], (count, 1))
    if injections.generator_p is not None:
        scheduled = injections.generator_p[sets][:, units]
    low = np.minimum(case.generator_p_min[units], scheduled)
    high = np.maximum(case.generator_p_max[units], scheduled)
    none = np.zeros((count, alone))
    nothing_out = np.zeros(count + 1, dtype=np.int64)
    scenarios = differences.scenarios._replace(
        branch_start=nothing_out,
        shunt_start=nothing_out,
        delta_start=nothing_out,
        unit_start=nothing_out,
        dead_start=nothing_out,
        bound_start=nothing_out,
        injection=np.arange(count),
        set_p=np.ascontiguousarray(change.real),
        set_q=np.ascontiguousarray(change.imag),
        set_scheduled=np.concatenate([scheduled, none], axis=1),
        set_low=np.concatenate([low, none - np.inf], axis=1),
        set_high=np.concatenate([high, none + np.inf], axis=1),
    )
    nothing = np.zeros(count, dtype=bool)
    return Differences(scenarios, nothing, nothing)


def solve_sets(
    case: Case,
    plan: NewtonPlan,
    options: PowerFlowOptions,
    injections: Injections,
    sets: Ints,
    numbers: Ints,
    watch: Watch,
    width: int,
    builder: ResultBuilder,
    progress: Callable[[int], None],
) -> Ints:
    """Solve injection sets without outages in lanes; positions of those that are left to the full Newton.

    Parameters
    ----------
    sets, numbers : (k,) int
        Injection sets, and their rows in the result.
    """
    if not can_share_base(case, injections):
        return np.arange(len(sets))
    order = sort_by_load(case, injections, sets)
    left: list[Ints] = []
    start: AcStart | None = None
    for first in range(0, len(order), BLOCK):
        block = order[first : first + BLOCK]
        own = injections.apply(case, int(sets[block[len(block) // 2]]))
        setting = prepare_setting(own, plan, options)
        before = solve_ac(own, options, plan, start)
        base = build_base(setting, before, width) if before.status is Status.CONVERGED else None
        if base is None:
            left.append(block)
            continue
        start = replace(make_start(before), name="a similar hour")
        differences = _find_set_differences(case, setting, base, injections, sets[block])
        watched = build_watched(setting, before, _watch_levels(watch))
        rest = solve_in_lanes(
            setting, base, watched, differences, before, numbers[block], options, width, builder, progress
        )
        left.append(block[rest])
    return np.sort(np.concatenate(left)) if left else np.zeros(0, dtype=np.int64)


def _watch_levels(watch: Watch) -> Watch:
    """Watch no change of voltage: an injection set has no state before it."""
    return replace(watch, vm_change=np.inf)
