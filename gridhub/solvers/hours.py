"""Injection sets without outages: similar ones share a base, and each is a lane of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from itertools import islice

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.kernels.nodes import add_changes_at_nodes, take_columns
from gridhub.kernels.records import Base
from gridhub.solvers.ac import Setting, make_start, prepare_setting, solve_setting
from gridhub.solvers.base import build_base, build_watched
from gridhub.solvers.batch_result import ResultBuilder
from gridhub.solvers.chord import finish_in_turn, start_in_lanes
from gridhub.solvers.differences import Differences, list_sharing_units, make_scenarios
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import INJECTED, Injections, Watch
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status

BIN = 0.06
"""Sets share a base when their totals, as a share of the case's own, fall into the same bin of this width."""

CANDIDATES = 4
"""Sets of a bin that are tried as its base, those nearest to its middle first."""


def find_totals(case: Case, injections: Injections) -> Floats:
    """Total load of each set, or its total generation where the loads stay, as a share of the case's own."""
    if injections.load_p is not None:
        values, own, on = injections.load_p, case.load_p, case.load_on
    elif injections.generator_p is not None:
        values, own, on = injections.generator_p, case.generator_p, case.generator_on
    else:
        return np.ones(injections.count)
    total = float(own[on].sum())
    # not by BLAS: its threads would spin on the cores of the workers
    return np.asarray(np.einsum("ij,j->i", values, on.astype(float)) / (total if total else 1.0))


def _is_finite(injections: Injections, position: int) -> bool:
    """Whether every number of a set is finite."""
    given = [getattr(injections, name) for name in INJECTED]
    return all(np.isfinite(values[position]).all() for values in given if values is not None)


def can_share_base(case: Case, injections: Injections) -> bool:
    """Whether the units' shares of an imbalance are the same in every set.

    A unit without a known p_max shares by its schedule, which the sets change.
    """
    if injections.generator_p is None:
        return True
    by_schedule = np.isinf(case.generator_p_max) & np.isnan(case.generator_participation)
    return not bool((by_schedule & case.generator_on).any())


def _find_nodes(setting: Setting, bus: Ints, on: Bools) -> Ints:
    """Position of the node of each element in service; -1 for others."""
    node = setting.case.bus_node[bus]
    return np.asarray(np.where(on & (node >= 0), setting.plan.position[node], -1))


def _find_set_differences(setting: Setting, base: Base, injections: Injections, sets: Ints) -> Differences:
    """Differences of injection sets from a base whose case is one of them."""
    case, count = setting.case, len(sets)
    units = list_sharing_units(setting)
    p, q = np.zeros((count, case.n_node)), np.zeros((count, case.n_node))
    loads = _find_nodes(setting, case.load_bus, case.load_on)
    stores = _find_nodes(setting, case.storage_bus, case.storage_on)
    others = setting.slack.island >= 0
    others[units] = False
    parts = [
        (injections.load_p, case.load_p, loads, -1.0, p),
        (injections.load_q, case.load_q, loads, -1.0, q),
        (injections.storage_p, case.storage_p, stores, 1.0, p),
        (injections.storage_q, case.storage_q, stores, 1.0, q),
        (injections.generator_p, case.generator_p, _find_nodes(setting, case.generator_bus, others), 1.0, p),
    ]
    if injections.hvdc_p is not None:
        arriving = injections.hvdc_p - case.hvdc_loss - case.hvdc_loss_share * np.abs(injections.hvdc_p)
        ends = [_find_nodes(setting, bus, case.hvdc_on) for bus in (case.hvdc_from_bus, case.hvdc_to_bus)]
        parts += [(injections.hvdc_p, case.hvdc_p, ends[0], -1.0, p)]
        parts += [(arriving, case.hvdc_p_to(), ends[1], 1.0, p)]
    scheduled = np.zeros((count, len(base.units.node)))
    scheduled[:, : len(units)] = case.generator_p[units]
    unusual = np.zeros(count, dtype=bool)

    def fill(first: int, last: int) -> None:
        rows = sets[first:last]
        for values, own, node, factor, total in parts:
            if values is not None:
                add_changes_at_nodes(values, rows, own, node, factor, total[first:last])
        if injections.generator_p is not None:
            take_columns(injections.generator_p, rows, units, scheduled[first:last])
        for values in (p, q, scheduled):
            unusual[first:last] |= ~np.isfinite(values[first:last]).all(axis=1)

    none = np.full(len(base.units.node) - len(units), np.inf)
    scenarios = make_scenarios(
        count,
        base,
        injection=np.arange(count),
        set_p=p,
        set_q=q,
        set_scheduled=scheduled,
        unit_low=np.concatenate([case.generator_p_min[units], -none]),
        unit_high=np.concatenate([case.generator_p_max[units], none]),
    )
    return Differences(scenarios, unusual, np.zeros(count, dtype=bool), fill)


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
    pool: Executor | None,
) -> Ints:
    """Solve injection sets without outages in lanes; positions of those that are left to the full Newton.

    Parameters
    ----------
    sets, numbers : (k,) int
        Injection sets, and their rows in the result.
    pool : Executor or None
        Threads: while they solve the sets of one bin, this one prepares the base of the next.

    Notes
    -----
    Bins do not depend on the sets, but which set a bin starts from does: the one nearest to its middle. So a
    set's result may differ within the tolerance in other company of its bin; that of an outage never does.
    """
    if not can_share_base(case, injections):
        return np.arange(len(sets))
    totals = find_totals(case, injections)[sets] / BIN
    finite = np.isfinite(totals)
    left = [np.flatnonzero(~finite)]
    place = np.clip(np.where(finite, totals, 0.0), -1e9, 1e9)
    number = np.floor(place).astype(np.int64)
    blocks: list[Ints] = []

    def start() -> Iterator[Callable[[], Ints]]:
        near: Solution | None = None
        for bin_number in np.unique(number[finite]):
            block = np.flatnonzero(finite & (number == bin_number))
            nearest = block[np.argsort(np.abs(place[block] - bin_number - 0.5), kind="stable")]
            found = _find_base(case, plan, options, injections, sets[nearest], width, near)
            if found is None:
                left.append(block)
                continue
            setting, before, base = found
            near = before
            differences = _find_set_differences(setting, base, injections, sets[block])
            watched = build_watched(setting, before, _watch_levels(watch))
            blocks.append(block)
            yield start_in_lanes(
                setting, base, watched, differences, before, numbers[block], options, width, builder,
                progress, pool,
            )  # fmt: skip

    rest = list(finish_in_turn(start()))
    left += [block[some] for block, some in zip(blocks, rest, strict=True)]
    return np.sort(np.concatenate(left))


def _find_base(
    case: Case,
    plan: NewtonPlan,
    options: PowerFlowOptions,
    injections: Injections,
    sets: Ints,
    width: int,
    near: Solution | None,
) -> tuple[Setting, Solution, Base] | None:
    """Solve the first of some injection sets that can be a base; None if none of them can.

    A solved state `near` them is where that starts from; if it leads nowhere, the starts of a single solve.
    """
    able = (k for k in sets.tolist() if _is_finite(injections, k))
    for candidate in islice(able, CANDIDATES):
        setting = prepare_setting(injections.apply(case, candidate), plan, options)
        before = solve_setting(setting, None if near is None else make_start(near, "the bin before"))
        if near is not None and before.status is not Status.CONVERGED:
            before = solve_setting(setting)
        base = build_base(setting, before, width) if before.status is Status.CONVERGED else None
        if base is not None:
            return setting, before, base
    return None


def _watch_levels(watch: Watch) -> Watch:
    """Watch no change of voltage: an injection set has no state before it."""
    return replace(watch, vm_change=np.inf)
