"""The columns of an hour: what each unknown injects at which node, within which range, at which price."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.matrices import sum_at_nodes
from gridhub.dispatch.offers import Offers
from gridhub.solvers.dc import DcPlan
from gridhub.solvers.injections import drop_dead_links


class Kind(IntEnum):
    """What a column is."""

    UNIT_BASE = 0
    UNIT_BLOCK = 1
    STORAGE_OUT = 2
    STORAGE_IN = 3
    LINK_FORWARD = 4
    LINK_BACKWARD = 5
    LINK_LOSS = 6
    LOAD = 7
    CALL = 8
    BRANCH_LOSS = 9


UNIT_KINDS = (Kind.UNIT_BASE, Kind.UNIT_BLOCK)
STORAGE_KINDS = (Kind.STORAGE_OUT, Kind.STORAGE_IN)
LINK_KINDS = (Kind.LINK_FORWARD, Kind.LINK_BACKWARD, Kind.LINK_LOSS)


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Unknowns of an hour. What cannot move is an unknown too, so that an outage can take it away.

    Attributes
    ----------
    kind : (n_column,) int
        `Kind`.
    element : (n_column,) int
        Position of the generator, storage, link or load in the case.
    low, high : (n_column,) float
        [MW].
    price : (n_column,) float
        [currency/MWh].
    bend : (n_column,) float
        x MW cost price x + bend x^2 [currency/MW2h].
    injection : (n_node, n_column) sparse
        MW injected at each node per MW of the column.
    """

    kind: Ints
    element: Ints
    low: Floats
    high: Floats
    price: Floats
    bend: Floats
    injection: csc_array

    def match_calls(self) -> tuple[Ints, Ints]:
        """Find the columns of calls, and of the loads that are called."""
        calls, loads = (np.flatnonzero(self.kind == kind) for kind in (Kind.CALL, Kind.LOAD))
        known, first = np.unique(self.element[loads], return_index=True)
        return calls, loads[first[np.searchsorted(known, self.element[calls])]]

    def select(self, *kinds: Kind) -> Bools:
        """Mark the columns of some kinds."""
        return np.isin(self.kind, kinds)

    def sum_by_element(self, x: Floats, count: int, plus: Kind, minus: Kind | None = None) -> Floats:
        """Add up the columns of one kind for each element, less those of another, (count,) [MW]."""
        chosen = self.kind == plus
        total = np.bincount(self.element[chosen], x[chosen], count)
        if minus is not None:
            chosen = self.kind == minus
            total = total - np.bincount(self.element[chosen], x[chosen], count)
        return np.asarray(total, dtype=float)


@dataclass(frozen=True, slots=True, eq=False)
class HourProblem:
    """An hour before any limit of the grid.

    Attributes
    ----------
    case : Case
        Links with an end in a dead island out of service.
    plan : DcPlan
    columns : Columns
    drawn : (n_node,) float
        What shunts draw at live nodes [MW].
    flow_by_angle : (n_branch, n_free) sparse
        Flow of each branch by the angles of the plan's free nodes [p.u.].
    """

    case: Case
    plan: DcPlan
    columns: Columns
    drawn: Floats
    flow_by_angle: csr_array

    def compute_injection(self, x: Floats) -> Floats:
        """Injection of each node, (n_node,) [MW]."""
        return np.asarray(self.columns.injection @ x - self.drawn)

    def compute_flow(self, x: Floats) -> Floats:
        """Flow of each branch in the intact network, (n_branch,) [MW]."""
        return compute_flow(self.case, self.plan, self.compute_injection(x))


def find_shift_flow(case: Case, plan: DcPlan) -> Floats:
    """Flow that the angles have to make up for in each live branch's phase shift, (n_branch,) [MW]."""
    alive = np.where(case.branch_on, plan.islands.live[case.branch_from], False)
    return np.where(alive, case.base_mva * plan.susceptance * plan.shift, 0.0)


def compute_flow(case: Case, plan: DcPlan, injection: Floats) -> Floats:
    """DC flow of each branch for given injections, references taking the rest, (n_branch,) [MW].

    Parameters
    ----------
    case : Case
    plan : DcPlan
    injection : (n_node,) float
        [MW].

    Returns
    -------
    (n_branch,) float
        [MW]; 0 in dead islands.

    Notes
    -----
    B theta = P + C' b shift; f = b (C theta - shift). All linear in the power, so MW stay MW.
    """
    shift_flow = find_shift_flow(case, plan)
    theta = plan.solve_angles(injection + plan.incidence.T @ shift_flow)
    return plan.compute_flows(theta) - shift_flow


class _Collector:
    """Gathers columns; those of elements out of service or in a dead island are left out."""

    def __init__(self, case: Case, live: Bools) -> None:
        self.case, self.live = case, live
        self.parts: list[tuple[Ints, Ints, Floats, Floats, Floats, Floats]] = []
        self.entries: list[tuple[Ints, Ints, Floats]] = []
        self.count = 0

    def add(
        self,
        kind: Kind,
        element: Ints,
        low: Floats,
        high: Floats,
        price: Floats,
        ends: tuple[tuple[Ints, Floats], ...],
        bend: Floats | float = 0.0,
    ) -> None:
        """Add columns; `ends` holds the buses each injects at and the MW per MW."""
        nodes = tuple((self.case.bus_node[bus], factor) for bus, factor in ends)
        self.add_at_nodes(kind, element, low, high, price, nodes, bend)

    def add_at_nodes(
        self,
        kind: Kind,
        element: Ints,
        low: Floats,
        high: Floats,
        price: Floats,
        ends: tuple[tuple[Ints, Floats], ...],
        bend: Floats | float = 0.0,
    ) -> None:
        """Add columns; `ends` holds the nodes each injects at and the MW per MW."""
        number = self.count + np.arange(len(element))
        self.count += len(element)
        bends = np.broadcast_to(bend, len(element))
        self.parts.append((np.full(len(element), int(kind)), element, low, high, price, bends))
        for node, factor in ends:
            self.entries.append((node, number, factor))

    def find_alive(self, bus: Ints, on: Bools) -> Ints:
        """Positions of the elements in service at a live node."""
        node = self.case.bus_node[bus]
        return np.flatnonzero(on & np.where(node >= 0, self.live[node], False))

    def finish(self) -> Columns:
        kind, element, low, high, price, bend = (np.concatenate(p) for p in zip(*self.parts, strict=True))
        node, number, factor = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        shape = (self.case.n_node, self.count)
        injection = csc_array((factor, (node, number)), shape=shape)
        return Columns(kind, element, low, high, price, bend, injection)


def build_problem(case: Case, plan: DcPlan, offers: Offers) -> HourProblem:
    """Lay out the columns of an hour.

    A load is a column from 0 (or itself, if it must be served) to itself, less which it is shed; a flexible
    load has a second one, what is called of its offer. The two together leave no more unserved than the load
    (`gridhub.dispatch.hour_model.HourModel`). What a branch loses is a column that is drawn at its two ends,
    half at each; how much that is follows from its flow (`gridhub.dispatch.losses.LossCurves`).

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    plan : DcPlan
        Of a case with the same topology, with ``single_reference=True``.
    offers : Offers

    Returns
    -------
    HourProblem

    Raises
    ------
    ValueError
        If the plan holds more than one reference per island: the dispatch balances every island.
    """
    if not plan.single_reference:
        raise ValueError("the dispatch needs one reference per island: plan again with single_reference=True")
    case = drop_dead_links(case, plan.islands.live)
    collector = _Collector(case, plan.islands.live)
    _add_units(collector, case, offers)
    _add_storage(collector, case, offers)
    _add_links(collector, case, offers)
    _add_loads(collector, case, offers)
    if offers.losses:
        _add_branch_losses(collector, case)
    drawn = sum_at_nodes(case, case.shunt_bus, np.where(case.shunt_on, case.shunt_g, 0.0)) * case.base_mva
    drawn = np.where(plan.islands.live, drawn, 0.0)
    by_angle = csr_array(diags_array(plan.susceptance) @ plan.incidence[:, plan.free])
    return HourProblem(case, plan, collector.finish(), drawn, by_angle)


def draw_losses(case: Case, losses: Floats) -> Floats:
    """Draw the losses of branches at their ends, half at each, (n_node,) [MW]."""
    alive = case.branch_on & (case.branch_from >= 0) & (case.branch_to >= 0)
    half = losses[alive] / 2.0
    ends = (case.branch_from[alive], case.branch_to[alive])
    return np.asarray(sum(np.bincount(end, half, case.n_node) for end in ends))


def _add_units(collector: _Collector, case: Case, offers: Offers) -> None:
    units = offers.units
    alive = collector.find_alive(case.generator_bus, case.generator_on)
    bus, ones = case.generator_bus[alive], np.ones(len(alive))
    low = units.low[alive]
    collector.add(Kind.UNIT_BASE, alive, low, low, np.zeros(len(alive)), ((bus, ones),))
    kept = np.isin(units.block_unit, alive)
    unit = units.block_unit[kept]
    price = units.block_price[kept] - np.nan_to_num(units.curtail_price[unit])
    collector.add(
        Kind.UNIT_BLOCK,
        unit,
        np.zeros(len(unit)),
        units.block_width[kept],
        price,
        ((case.generator_bus[unit], np.ones(len(unit))),),
        units.block_bend[kept],
    )


def _add_storage(collector: _Collector, case: Case, offers: Offers) -> None:
    storage = offers.storage
    alive = collector.find_alive(case.storage_bus, case.storage_on)
    low, high = storage.low[alive], storage.high[alive]
    for kind, sign, price in (
        (Kind.STORAGE_OUT, 1.0, storage.discharge_price[alive]),
        (Kind.STORAGE_IN, -1.0, -storage.charge_value[alive]),
    ):
        least, most = (low, high) if sign > 0 else (-high, -low)
        injects = ((case.storage_bus[alive], np.full(len(alive), sign)),)
        collector.add(kind, alive, np.maximum(least, 0.0), np.maximum(most, 0.0), price, injects)


def _add_links(collector: _Collector, case: Case, offers: Offers) -> None:
    """Add links: p = forward - backward is taken at the from end, p - loss - share |p| arrives."""
    alive = np.flatnonzero(case.hvdc_on)
    low, high = offers.link_low[alive], offers.link_high[alive]
    share, free = case.hvdc_loss_share[alive], np.zeros(len(alive))
    start, end = case.hvdc_from_bus[alive], case.hvdc_to_bus[alive]
    for kind, sign in ((Kind.LINK_FORWARD, 1.0), (Kind.LINK_BACKWARD, -1.0)):
        least, most = (low, high) if sign > 0 else (-high, -low)
        injects = (start, np.full(len(alive), -sign)), (end, sign - share)
        collector.add(kind, alive, np.maximum(least, 0.0), np.maximum(most, 0.0), free, injects)
    loss = case.base_mva * case.hvdc_loss[alive]
    collector.add(Kind.LINK_LOSS, alive, loss, loss, free, ((end, np.full(len(alive), -1.0)),))


def _add_loads(collector: _Collector, case: Case, offers: Offers) -> None:
    alive = collector.find_alive(case.load_bus, case.load_on)
    load, price = case.base_mva * case.load_p[alive], offers.shed_price[alive]
    can_shed = np.isfinite(price) & (load > 0)
    low = np.where(can_shed, 0.0, load)
    price = np.where(can_shed, -price, 0.0)
    injects = ((case.load_bus[alive], np.full(len(alive), -1.0)),)
    collector.add(Kind.LOAD, alive, low, load, price, injects)
    flexible = alive[offers.call_limit[alive] > 0]
    most = np.clip(case.base_mva * case.load_p[flexible], 0.0, offers.call_limit[flexible])
    back = ((case.load_bus[flexible], np.ones(len(flexible))),)
    collector.add(Kind.CALL, flexible, np.zeros(len(flexible)), most, offers.call_price[flexible], back)


def _add_branch_losses(collector: _Collector, case: Case) -> None:
    start, end = case.branch_from, case.branch_to
    alive = case.branch_on & (start >= 0) & (end >= 0) & (case.r != 0) & ~case.branch_joins
    branch = np.flatnonzero(alive & np.where(alive, collector.live[start] & collector.live[end], False))
    half, free = np.full(len(branch), -0.5), np.zeros(len(branch))
    # what a negative resistance gives back has no tangents below it: held, and found again
    most = np.where(case.r[branch] > 0, np.inf, 0.0)
    collector.add_at_nodes(
        Kind.BRANCH_LOSS, branch, free, most, free, ((start[branch], half), (end[branch], half))
    )
