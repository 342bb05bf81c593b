"""The DC search behind hosting capacity: every state, every outage, every bus, in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.flow.interfaces import InterfaceRows, compile_interfaces
from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.states import State
from gridhub.analysis.security.judging import build_limits
from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.kernels.rooms import Limits, Losses, Path, Rooms
from gridhub.model.network import Network
from gridhub.solvers.dc import DcPlan, DcState, plan_dc, solve_dc
from gridhub.solvers.factors import find_splitting_sets
from gridhub.solvers.islands import keep_largest_parts
from gridhub.solvers.pickup import restrict_path, trace_pickup
from gridhub.solvers.rooms import (
    build_losses,
    compute_drawn,
    group_parallel,
    lower_rooms,
    no_losses,
    start_rooms,
)

SINGLE = ("line", "transformer", "series")
"""Kinds of the single outages looked at."""

KINDS = ("intact", "single", "tower", "interface")
"""What rooms are kept for."""

KEPT_SPLITS = 16
"""Outages that split an island whose factors are kept from one call to the next."""

OPEN = 1e4
"""Limit of an interface in the direction that has none [p.u.]."""


@dataclass(eq=False)
class Found:
    """Nearest limits of every bus over the states looked at so far.

    Attributes
    ----------
    intact, single, tower, interface : Rooms
        Branches with everything in service, after single outages, after towers; interfaces.
    generation : (n_bus,) float
        What the units can follow [p.u.]; `maximum` where they can follow all.
    generation_state : (n_bus,) int
        State that sets it; -1 if none.
    existing : mapping
        Kind -> (n_bus,) int, limits exceeded without the injection, summed over the states.
    alive : (n_bus,) bool
        In an island with a reference in every state.
    cut_off : (n_bus,) int
        Outage that cuts the bus off; -1 if none does.
    states, outages, numbers : list of str, and mapping
        Names behind the numbers in the rooms, and the numbers of the outages by name.
    notes : list of str
        What could not be looked at.
    """

    intact: Rooms
    single: Rooms
    tower: Rooms
    interface: Rooms
    generation: Floats
    generation_state: Ints
    existing: dict[str, Ints]
    alive: Bools
    cut_off: Ints
    states: list[str] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def number_outage(self, name: str) -> int:
        """Give an outage its number."""
        if name not in self.numbers:
            self.numbers[name] = len(self.outages)
            self.outages.append(name)
        return self.numbers[name]

    def start_anew(self, n_bus: int, maximum: float) -> Found:
        """Make the outcome of a new search that shares the names."""
        fresh = start_search(n_bus, maximum)
        return replace(
            fresh, states=self.states, outages=self.outages, numbers=self.numbers, notes=self.notes
        )

    def put(self, buses: slice, part: Found) -> None:
        """Put the outcome of a search of some buses in its place."""
        for kind in KINDS:
            for mine, theirs in zip(getattr(self, kind), getattr(part, kind), strict=True):
                mine[buses] = theirs
            self.existing[kind][buses] = part.existing[kind]
        for name in ("generation", "generation_state", "alive", "cut_off"):
            getattr(self, name)[buses] = getattr(part, name)

    def note(self, text: str) -> None:
        """Note once what could not be looked at."""
        if text not in self.notes:
            self.notes.append(text)


def start_search(n_bus: int, maximum: float) -> Found:
    """Make the outcome of a search that has not begun; `maximum` [p.u.] is how far it will look."""
    far = np.full(n_bus, maximum)
    return Found(
        intact=start_rooms(far),
        single=start_rooms(far),
        tower=start_rooms(far),
        interface=start_rooms(far),
        generation=far.copy(),
        generation_state=np.full(n_bus, -1),
        existing={kind: np.zeros(n_bus, dtype=np.int64) for kind in KINDS},
        alive=np.ones(n_bus, dtype=bool),
        cut_off=np.full(n_bus, -1),
    )


@dataclass(frozen=True, eq=False)
class Part:
    """Part of the grid that lives in a state, and how its units follow what grows.

    Attributes
    ----------
    case : Case
    plan : DcPlan
    path : Path
    drawn : (n_bus, n_branch) float
        Flow per MW at each bus, the units left out.
    buses : (k,) int
        Rows of `drawn` that lie in it.
    state, outage : int
        Label in `Found.states`; number in `Found.outages`, -1 = everything in service.
    """

    case: Case
    plan: DcPlan
    path: Path
    drawn: Floats
    buses: Ints
    state: int
    outage: int


@dataclass(frozen=True, eq=False)
class Outages:
    """Outages of one topology.

    Attributes
    ----------
    sets : list of tuple of int
        Branches lost.
    number : (k,) int
        Number in `Found.outages`.
    tower : (k,) bool
    splits : (k,) bool
        Whether an island falls apart.
    """

    sets: list[tuple[int, ...]]
    number: Ints
    tower: Bools
    splits: Bools


class DcSearch:
    """Search of states of one topology; what depends on the topology alone is worked out once.

    Parameters
    ----------
    example : State
        Any of the states: all have the same branches in service and the same impedances.
    buses : sequence of int
        Bus positions.
    criteria : Criteria or None
    options : HostingOptions
    found : Found
        Gives outages their numbers, and takes notes.
    towers : bool
        Whether towers are looked at.
    """

    def __init__(
        self,
        example: State,
        buses: Sequence[int],
        criteria: Criteria | None,
        options: HostingOptions,
        found: Found,
        towers: bool = True,
    ) -> None:
        case, flow = example.case, options.power_flow
        self.example, self.criteria, self.options, self.towers = example, criteria, options, towers
        self.threads = flow.threads or 1
        self.plan = plan_dc(case, flow.dc_convention, flow.distributed_slack)
        self.node = case.bus_node[np.asarray(buses, dtype=np.int64)]
        self.before = build_limits(example.net, case, criteria, "normal").rate
        self.after = build_limits(example.net, case, criteria, "outage").rate
        self.group = group_parallel(case)
        self.alive = np.flatnonzero((self.node >= 0) & self.plan.islands.live[np.maximum(self.node, 0)])
        self.drawn = self._compute_drawn(self.plan)
        self.outages = self._list_outages(found)
        usual = np.abs(np.nan_to_num(self.solve(example).p_from))
        self.losses = self._build_losses(False, usual)
        self.tower_losses = self._build_losses(True, usual) if towers else no_losses(case.n_branch)
        self.splits: dict[int, tuple[Case, DcPlan, Floats]] = {}

    def run(self, states: Sequence[State], found: Found) -> None:
        """Look at states; `found` is lowered in place."""
        found.alive[np.setdiff1d(np.arange(len(self.node)), self.alive)] = False
        for state in states:
            for part in self.walk_whole(state, found):
                self._look(part.path, part.buses, part.state, found)
                self._look_at_interfaces(state, part.path, part.buses, part.state, found)
        for k in np.flatnonzero(self.outages.splits).tolist():
            self._look_at_split(k, states, found)

    def _compute_drawn(self, plan: DcPlan) -> Floats:
        return np.nan_to_num(compute_drawn(plan, np.maximum(self.node, 0), self.options.direction))

    def _number_state(self, state: State, found: Found) -> int:
        if state.label not in found.states:
            found.states.append(state.label)
        return found.states.index(state.label)

    def solve(self, state: State) -> DcState:
        """Solve a state with nothing out.

        Raises
        ------
        NotConverged
            If its units cannot balance it.
        """
        flow = self.options.power_flow
        dc = solve_dc(state.case, flow.dc_convention, flow.distributed_slack, self.plan)
        # too much generation is what a growing load takes; too little is not
        short = float((self.options.direction * dc.missing).max(initial=0.0))
        if short > flow.tolerance:
            raise NotConverged(
                f"{state.net.name!r}, {state.label or 'stored state'}: the units miss "
                f"{short * state.case.base_mva:,.1f} MW of balance before anything is added; check load, "
                "dispatch and unit limits of that state, or leave it out of `snapshots`",
                "NOT_CONVERGED",
            )
        return dc

    def trace(self, state: State, dc: DcState, plan: DcPlan, island: int) -> Path | None:
        """Trace the flows of an island while its units follow, by the rule asked for."""
        rank = None
        if self.options.balancing == "merit":
            rank = rank_units(state.net, dc)
        maximum = self.options.maximum_mw / state.case.base_mva
        return trace_pickup(dc, plan, island, maximum, self.options.direction, rank)

    def _note_generation(self, path: Path | None, mine: Ints, label: int, found: Found) -> None:
        end = 0.0 if path is None else float(path.amount[-1])
        lower = mine[found.generation[mine] > end]
        found.generation[lower], found.generation_state[lower] = end, label

    def _limits(self, before: Floats, after: Floats, group: Ints, effect: float) -> Limits:
        return Limits(before, after, group, self.options.worsening_points / 100.0, effect)

    def _look(self, path: Path, mine: Ints, label: int, found: Found) -> None:
        """Look at the branches, with everything in service and after outages that split nothing."""
        limits = self._limits(self.before, self.after, self.group, self.options.effect)
        lower = partial(lower_rooms, outage=-1, state=label, threads=self.threads)
        nothing = no_losses(len(self.before))
        lower(found.intact, found.existing["intact"], path, self.drawn, mine, nothing, limits)
        limits = limits._replace(before=np.full(len(self.before), np.nan))
        lower(found.single, found.existing["single"], path, self.drawn, mine, self.losses, limits)
        if self.towers:
            lower(found.tower, found.existing["tower"], path, self.drawn, mine, self.tower_losses, limits)

    def _look_at_interfaces(self, state: State, path: Path, mine: Ints, label: int, found: Found) -> None:
        rows = compile_interfaces(state.net, state.case, limited=True)
        if not rows.names:
            return
        middle, half = find_interface_range(rows, 1.0 - self.options.interface_margin_percent / 100.0)
        inside = restrict_path(path, rows.weight, rows.fixed - middle)
        drawn = np.zeros((len(self.drawn), len(rows.names)))
        drawn[mine] = self.drawn[mine] @ rows.weight.T
        limits = self._limits(half, half, np.arange(len(half)), 0.0)
        nothing = no_losses(len(half))
        existing = found.existing["interface"]
        lower_rooms(found.interface, existing, inside, drawn, mine, nothing, limits, -1, label)

    def _list_outages(self, found: Found) -> Outages:
        """List single outages and towers; those of branches without impedance are noted, not looked at."""
        net, case = self.example.net, self.example.case
        parts = [list_contingencies(net, SINGLE)]
        if self.towers:
            parts.append(list_contingencies(net, ("tower",), find_tower_kv(self.criteria, self.options)))
        table = pd.concat([part for part in parts if len(part)] or parts[:1])
        sets = [one.branch for one in find_outages(net, case, table)]
        joins = np.array([any(case.branch_joins[i] for i in one) for one in sets], dtype=bool)
        if joins.any():
            found.note(f"{int(joins.sum())} outages of branches without impedance")
        chosen = np.flatnonzero(~joins).tolist()
        sets = [sets[k] for k in chosen]
        return Outages(
            sets,
            np.array([found.number_outage(str(table.index[k])) for k in chosen], dtype=np.int64),
            (table["kind"] == "tower").to_numpy(dtype=bool)[chosen],
            find_splitting_sets(case, sets),
        )

    def _build_losses(self, tower: bool, usual: Floats) -> Losses:
        chosen = np.flatnonzero((self.outages.tower == tower) & ~self.outages.splits).tolist()
        sets, numbers = [self.outages.sets[k] for k in chosen], self.outages.number[chosen].tolist()
        return build_losses(self.example.case, self.plan, sets, numbers, self.after, usual)

    def _plan_split(self, k: int) -> tuple[Case, DcPlan, Floats]:
        """Plan an outage that splits an island; some plans are kept for the next call.

        The largest part of each island lives on, with another reference if it has lost its own.
        """
        if k not in self.splits:
            flow = self.options.power_flow
            lost = Outage(tuple(self.outages.sets[k]))
            case = keep_largest_parts(self.example.case.take_out(lost), self.plan.islands)
            plan = plan_dc(case, flow.dc_convention, flow.distributed_slack)
            made = case, plan, self._compute_drawn(plan)
            if len(self.splits) >= KEPT_SPLITS:
                return made
            self.splits[k] = made
        return self.splits[k]

    def walk_whole(self, state: State, found: Found) -> Iterator[Part]:
        """Walk through the islands of a state with everything in service whose units can follow.

        Parameters
        ----------
        state : State
        found : Found
            Takes note of how far the units can follow.
        """
        dc, label = self.solve(state), self._number_state(state, found)
        islands = self.plan.islands.island[self.node[self.alive]]
        for island in np.unique(islands).tolist():
            mine = self.alive[islands == island]
            path = self.trace(state, dc, self.plan, island)
            self._note_generation(path, mine, label, found)
            if path is not None:
                yield Part(state.case, self.plan, path, self.drawn, mine, label, -1)

    def walk_split(self, k: int, states: Sequence[State], found: Found) -> Iterator[Part]:
        """Walk through what lives on after an outage that splits an island; its parts are solved again.

        Parameters
        ----------
        k : int
            Number in `outages`.
        states : sequence of State
        found : Found
            Takes note of what cannot be looked at.
        """
        before, lost, number = self.plan.islands, self.outages.sets[k], int(self.outages.number[k])
        cut, plan, drawn = self._plan_split(k)
        touched = np.unique(before.island[self.example.case.branch_from[list(lost)]])
        mine = self.alive[np.isin(before.island[self.node[self.alive]], touched)]
        live = plan.islands.live[self.node[mine]]
        if not self.outages.tower[k]:
            found.cut_off[mine[~live]] = number
        mine = mine[live]
        flow = self.options.power_flow
        for state in states:
            case = replace(
                state.case, branch_on=cut.branch_on, reference=cut.reference, va_reference=cut.va_reference
            )
            dc = solve_dc(case, flow.dc_convention, flow.distributed_slack, plan)
            label = self._number_state(state, found)
            for island in np.unique(plan.islands.island[self.node[mine]]).tolist():
                if self.options.direction * dc.missing[island] > flow.tolerance:
                    found.note(f"the loss of {found.outages[number]}, which leaves a part without balance")
                    continue
                path = self.trace(replace(state, case=case), dc, plan, island)
                here = mine[plan.islands.island[self.node[mine]] == island]
                if path is not None:
                    yield Part(case, plan, path, drawn, here, label, number)

    def _look_at_split(self, k: int, states: Sequence[State], found: Found) -> None:
        """Look at an outage that splits an island."""
        rooms, kind = (found.tower, "tower") if self.outages.tower[k] else (found.single, "single")
        limits = self._limits(self.after, self.after, self.group, self.options.effect)
        for part in self.walk_split(k, states, found):
            nothing, existing = no_losses(part.case.n_branch), found.existing[kind]
            args = (part.path, part.drawn, part.buses, nothing, limits, part.outage, part.state)
            lower_rooms(rooms, existing, *args, self.threads)


def find_tower_kv(criteria: Criteria | None, options: HostingOptions) -> float:
    """Lowest voltage of the towers looked at [kV]: as asked, else by the criteria, else all."""
    if options.tower_min_kv is not None:
        return options.tower_min_kv
    named = criteria.double_circuit_min_kv if criteria is not None else math.inf
    return named if math.isfinite(named) else 0.0


def find_interface_range(rows: InterfaceRows, share: float) -> tuple[Floats, Floats]:
    """Find middle and half width of the range of each interface [p.u.]; wide open where it has no limit."""
    upper = np.where(np.isnan(rows.limit), OPEN, rows.limit * share)
    lower = np.where(np.isnan(rows.reverse), -OPEN, -rows.reverse * share)
    half = np.where(np.isnan(rows.limit) & np.isnan(rows.reverse), np.nan, 0.5 * (upper - lower))
    return 0.5 * (upper + lower), half


def rank_units(net: Network, state: DcState) -> Floats:
    """Marginal cost of every unit at its output, for the merit order [currency/MWh]; unknown ones last."""
    table = net.tables["generator"]
    slope = table["cost_c1_per_mwh"].to_numpy(dtype=float)
    bend = np.nan_to_num(table["cost_c2_per_mw2h"].to_numpy(dtype=float))
    cost = slope + 2.0 * bend * state.generator_p * state.case.base_mva
    return np.where(np.isnan(cost), math.inf, cost)
