"""What each scenario of a batch changes in its base, by rows, and which scenarios lanes cannot take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Complexes, Floats, Ints, Outage
from gridhub.case.positions import OutageList, list_lost
from gridhub.kernels.islanding import find_cut_off
from gridhub.kernels.records import Base, Scenarios
from gridhub.solvers.ac import Setting


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """Scenarios as the kernels take them.

    Attributes
    ----------
    scenarios : Scenarios
    unusual : (k,) bool
        Scenarios that change more than lanes can follow: an island that splits into two live ones, loses its
        reference, its last regulating unit or all units that share its imbalance; a link with one dead end.
    dead_power : (k,) bool
        Scenarios in which load or scheduled generation loses its reference.
    fill : callable or None
        Writes what is injected in the scenarios first ... last - 1, on the thread that solves them, and marks
        as unusual those in which a number is not finite.
    """

    scenarios: Scenarios
    unusual: Bools
    dead_power: Bools
    fill: Callable[[int, int], None] | None = None


def _flatten(outages: Sequence[Outage], kind: str, wanted: Bools) -> tuple[Ints, Ints]:
    """Put what the outages lose of a kind into compressed rows, leaving out what is not wanted."""
    owner, element = list_lost(outages, kind)
    kept = wanted[element] if len(element) else np.zeros(0, dtype=bool)
    return _start(owner[kept], len(outages)), element[kept]


def _start(owner: Ints, count: int) -> Ints:
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=count))]).astype(np.int64)


def _owners(start: Ints) -> Ints:
    return np.repeat(np.arange(len(start) - 1), np.diff(start))


def _mark_elements(case: Case, bus: Ints, on: Bools, live: Bools) -> Bools:
    node = case.bus_node[bus]
    return np.asarray(on & np.where(node >= 0, live[node], False))


def find_differences(setting: Setting, base: Base, outages: Sequence[Outage]) -> Differences:
    """Find what outages change in a base.

    Parameters
    ----------
    setting : Setting
        Of the base's case.
    base : Base
    outages : sequence of Outage
    """
    case, plan, live = setting.case, setting.plan, setting.islands.live
    position, count = plan.position, len(outages)
    branch_start, branch, dead_start, dead, unusual = _find_lost_branches(setting, base, outages)
    shunt_on = _mark_elements(case, case.shunt_bus, case.shunt_on, live)
    shunt_start, shunt = _flatten(outages, "shunt", shunt_on)
    shunt_y = np.stack([case.shunt_g[shunt], case.shunt_b[shunt]], axis=1).ravel()
    units = list_sharing_units(setting)
    delta_owner, delta_node, delta_s = find_lost_injections(case, live, units, outages)
    delta_start = _start(delta_owner, count)
    unit_of = np.full(len(case.generator_bus), -1)
    unit_of[units] = np.arange(len(units))
    unit_start, generator = _flatten(outages, "generator", unit_of >= 0)
    bounds = _find_lost_regulation(setting, base, outages)
    scenarios = make_scenarios(
        count,
        base,
        branch_start=branch_start,
        branch=branch,
        shunt_start=shunt_start,
        shunt_node=position[case.bus_node[case.shunt_bus[shunt]]],
        shunt_y=shunt_y,
        delta_start=delta_start,
        delta_node=position[delta_node],
        delta_s=delta_s.view(np.float64),
        unit_start=unit_start,
        unit=unit_of[generator],
        dead_start=dead_start,
        dead=dead,
        bound_start=bounds[0],
        bound_node=bounds[1],
        bound=bounds[2],
    )
    unusual = unusual | _find_unusual(setting, base, scenarios)
    return Differences(scenarios, unusual, _find_dead_power(setting, scenarios, outages))


def _find_lost_branches(
    setting: Setting, base: Base, outages: Sequence[Outage]
) -> tuple[Ints, Ints, Ints, Ints, Bools]:
    """Find the branches each outage takes, the nodes that cuts off, and whether those are more than die."""
    case, plan = setting.case, setting.plan

    def find() -> tuple[Ints, Ints, Ints, Ints, Bools]:
        alive = np.where(case.branch_on, setting.islands.live[case.branch_from], False)
        start, branch = _flatten(outages, "branch", alive)
        roots = np.flatnonzero(base.state.root == np.arange(case.n_node))
        cut_off = find_cut_off(
            case.n_node, base.grid.branch_from, base.grid.branch_to, alive, roots,
            case.reference[plan.node], start, branch,
        )  # fmt: skip
        return start, branch, *cut_off

    if not isinstance(outages, OutageList):
        return find()
    given = (plan, case.branch_on, case.branch_from, case.branch_to, case.reference)
    return outages.keep("lost branches", given, find)


def make_scenarios(count: int, base: Base, **lists: np.ndarray) -> Scenarios:
    """Make scenarios that differ from the base in the lists given, and in nothing else."""
    start, none = np.zeros(count + 1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    empty: dict[str, np.ndarray] = {}
    for name in Scenarios._fields:
        if name.endswith("_start"):
            empty[name] = start
        elif name in ("branch", "shunt_node", "delta_node", "unit", "dead", "bound_node"):
            empty[name] = none
        else:
            empty[name] = np.zeros(0)
    empty["injection"] = np.full(count, -1)
    empty["set_p"] = empty["set_q"] = np.zeros((0, len(base.state.kind)))
    empty["set_scheduled"] = np.zeros((0, len(base.units.node)))
    return Scenarios(**(empty | lists))


def list_sharing_units(setting: Setting) -> Ints:
    """List the generators that share the imbalance of their island, in the order of `Units`."""
    return np.flatnonzero((setting.slack.island >= 0) & (setting.slack.share > 0))


def find_lost_injections(
    case: Case, live: Bools, sharing_units: Ints, outages: Sequence[Outage]
) -> tuple[Ints, Ints, Complexes]:
    """Change of the injection by lost loads, storage, links, and units that hold no voltage.

    Parameters
    ----------
    case : Case
    live : (n_node,) bool
    sharing_units : (m,) int
        Generators whose active power is not counted, because it moves with the imbalance of their island.
    outages : sequence of Outage

    Returns
    -------
    outage, node : (k,) int
        Outages ascending.
    change : (k,) complex
        [p.u.].
    """
    nothing = np.zeros(0, dtype=np.int64)
    parts: list[tuple[Ints, Ints, np.ndarray]] = [(nothing, nothing, np.zeros(0, dtype=complex))]

    def add(kind: str, bus: Ints, on: Bools, change: np.ndarray) -> None:
        owner, lost = list_lost(outages, kind)
        if len(lost):
            kept = _mark_elements(case, bus, on, live)[lost]
            parts.append((owner[kept], case.bus_node[bus[lost[kept]]], change[lost[kept]]))

    add("load", case.load_bus, case.load_on, case.load_p + 1j * case.load_q)
    add("storage", case.storage_bus, case.storage_on, -(case.storage_p + 1j * case.storage_q))
    sharing = np.zeros(len(case.generator_bus), dtype=bool)
    sharing[sharing_units] = True
    add("generator", case.generator_bus, case.generator_on & ~sharing, -case.generator_p)
    plain = case.generator_on & ~case.generator_regulating
    add("generator", case.generator_bus, plain, -1j * case.generator_q)
    q: Floats = np.where(case.hvdc_regulating, 0.0, case.hvdc_q)
    add("hvdc", case.hvdc_from_bus, case.hvdc_on, case.hvdc_p - 1j * q[0])
    add("hvdc", case.hvdc_to_bus, case.hvdc_on, -case.hvdc_p_to() - 1j * q[1])
    owner, node, change = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(owner, kind="stable")
    return owner[order], node[order], change[order].astype(complex)


def _find_lost_regulation(
    setting: Setting, base: Base, outages: Sequence[Outage]
) -> tuple[Ints, Ints, Floats]:
    """Nodes that lose regulating units: what reactive range and target is left."""
    case, regulation, position = setting.case, setting.regulation, setting.plan.position
    n_generator, n_hvdc = len(case.generator_bus), len(case.hvdc_on)
    set_point = np.concatenate([case.generator_vm, *case.hvdc_vm])
    owner: list[int] = []
    node: list[int] = []
    bound: list[float] = []
    units_at: dict[int, list[int]] = {}
    if not any(len(list_lost(outages, kind)[0]) for kind in ("generator", "hvdc")):
        return np.zeros(len(outages) + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0)
    for unit in np.flatnonzero(regulation.active).tolist():
        units_at.setdefault(int(regulation.node[unit]), []).append(unit)
    for k, outage in enumerate(outages):
        if not outage.generator and not outage.hvdc:
            continue
        ends = [n_generator + i for i in outage.hvdc] + [n_generator + n_hvdc + i for i in outage.hvdc]
        lost = {unit for unit in (*outage.generator, *ends) if regulation.active[unit]}
        for at in sorted({int(regulation.node[unit]) for unit in lost}):
            left = [unit for unit in units_at[at] if unit not in lost]
            owner.append(k)
            node.append(int(position[at]))
            if left:
                low, high = regulation.unit_low[left].sum(), regulation.unit_high[left].sum()
                bound += [low, high, 0.5 / set_point[left[0]] ** 2]
            else:
                bound += [-np.inf, np.inf, 0.0]
    return (
        _start(np.array(owner, dtype=np.int64), len(outages)),
        np.array(node, dtype=np.int64),
        np.array(bound),
    )


def _find_unusual(setting: Setting, base: Base, scenarios: Scenarios) -> Bools:
    """Mark what else lanes cannot follow."""
    case, live, node = setting.case, setting.islands.live, setting.plan.node
    count, n_island = len(scenarios.injection), len(base.units.imbalance)
    unusual = np.zeros(count, dtype=bool)
    if not len(scenarios.dead) + len(scenarios.bound_node) + len(scenarios.unit):
        return unusual
    with_link = np.zeros(case.n_node, dtype=bool)
    for bus in (case.hvdc_from_bus, case.hvdc_to_bus):
        ends = case.bus_node[bus[_mark_elements(case, bus, case.hvdc_on, live)]]
        with_link[ends] = True
    dead_owner = _owners(scenarios.dead_start)
    unusual[dead_owner[with_link[node[scenarios.dead]]]] = True
    # an island needs a regulating unit, and one that shares the imbalance
    regulating = (base.control.stiffness > 0) & np.isfinite(base.control.target) & (base.control.target > 0)
    gone_owner = [dead_owner[regulating[scenarios.dead]]]
    gone_island = [base.state.island[scenarios.dead[regulating[scenarios.dead]]]]
    lost = scenarios.bound.reshape(-1, 3)[:, 2] == 0.0
    gone_owner.append(_owners(scenarios.bound_start)[lost])
    gone_island.append(base.state.island[scenarios.bound_node[lost]])
    gone = np.zeros((count, n_island))
    np.add.at(gone, (np.concatenate(gone_owner), np.concatenate(gone_island)), 1.0)
    # a reference that takes the imbalance alone keeps its voltage when it loses its units
    alone = case.reference[node] & live[node] & ~setting.slack.shared[setting.islands.island[node]]
    unusual[_owners(scenarios.bound_start)[lost & alone[scenarios.bound_node]]] = True
    have = np.bincount(base.state.island[regulating], minlength=n_island)
    unusual |= (gone >= have).any(axis=1) & (gone > 0).any(axis=1)
    at_node = np.bincount(base.units.node, base.units.share, case.n_node)
    share = np.zeros((count, n_island))
    np.add.at(share, (dead_owner, base.state.island[scenarios.dead]), at_node[scenarios.dead])
    at_unit = base.units.island[scenarios.unit]
    np.add.at(share, (_owners(scenarios.unit_start), at_unit), base.units.share[scenarios.unit])
    return np.asarray(unusual | (share >= 1.0 - 1e-9).any(axis=1))


def _find_dead_power(setting: Setting, scenarios: Scenarios, outages: Sequence[Outage]) -> Bools:
    """Whether load or scheduled generation that is not lost itself stands at a node that dies."""
    case, plan = setting.case, setting.plan
    if not len(scenarios.dead):
        return np.zeros(len(outages), dtype=bool)
    at_node: dict[int, list[tuple[str, int]]] = {}
    for kind, bus, on, p in (
        ("load", case.load_bus, case.load_on, case.load_p),
        ("generator", case.generator_bus, case.generator_on, case.generator_p),
    ):
        for i in np.flatnonzero(on & (p != 0) & (case.bus_node[bus] >= 0)).tolist():
            at_node.setdefault(int(case.bus_node[bus[i]]), []).append((kind, i))
    result = np.zeros(len(outages), dtype=bool)
    powered = np.zeros(case.n_node, dtype=bool)
    powered[list(at_node)] = True
    nodes = plan.node[scenarios.dead]
    owner = _owners(scenarios.dead_start)
    for k, node in zip(owner[powered[nodes]].tolist(), nodes[powered[nodes]].tolist(), strict=True):
        outage = outages[k]
        if not outage.load and not outage.generator:
            result[k] = True
            continue
        result[k] |= any(i not in getattr(outage, kind) for kind, i in at_node[node])
    return result
