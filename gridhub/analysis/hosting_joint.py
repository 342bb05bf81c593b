"""Several hubs at once: how they share the room of the grid, and the frontier of the total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from gridhub.analysis.hosting import find_buses, hosting_capacity
from gridhub.analysis.hosting_options import HostingOptions, read_hosting_options
from gridhub.analysis.hosting_search import DcSearch, find_interface_range, start_search
from gridhub.analysis.hosting_states import State, group_states, list_states
from gridhub.analysis.interfaces import compile_interfaces
from gridhub.analysis.security import resolve_criteria
from gridhub.case.case import Floats, Ints
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.kernels.rooms import EQUAL, Losses, Path
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.pickup import restrict_path
from gridhub.solvers.rooms import no_losses

ROWS = 100
"""Limits added to the programme at once for each state: those exceeded most."""

ROUNDS = 60
"""Most rounds of adding limits or following the units anew."""

CLOSE = 1e-7
"""Excess of a limit, and change of the total, that count as none [p.u.]."""

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Points of the frontier: least room of every hub, over the largest that all can have in proportion."""


@dataclass(frozen=True, eq=False)
class JointHosting:
    """Result of `share_room`.

    Attributes
    ----------
    table : DataFrame
        Index bus; alone_mw (firm_mw of the bus by itself), mw (in the largest total).
    total_mw : float
        Largest total without any floor [MW].
    frontier : DataFrame
        Index least_share (of the largest share of alone_mw that all buses can have at once); least_mw_per_mw
        (that share of alone_mw), total_mw, and a column per bus [MW].
    not_assessed : str
    """

    table: pd.DataFrame
    total_mw: float
    frontier: pd.DataFrame
    not_assessed: str


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Flows of one state, and their limits.

    Attributes
    ----------
    path : Path
    drawn : (k, n) float
    losses : Losses
    before, after : (n,) and (e,) float
        Limit of each element, and of each entry of `losses` [p.u.].
    """

    path: Path
    drawn: Floats
    losses: Losses
    before: Floats
    after: Floats

    def follow(self, total: float) -> Floats:
        """Flows at a total, the hubs' own draw left out [p.u.]."""
        amount, flow = self.path.amount, self.path.flow
        p = min(int(np.searchsorted(amount, total, side="right")), len(amount) - 1) - 1
        share = (total - amount[p]) / (amount[p + 1] - amount[p])
        return np.asarray(flow[p] + share * (flow[p + 1] - flow[p]))


def _spread(losses: Losses, flow: Floats) -> Floats:
    """Flows after outages, one per entry of `losses`, (e,) or (k, e) for flows (n,) or (k, n)."""
    element = np.repeat(np.arange(flow.shape[-1]), np.diff(losses.begin))
    if not len(element):
        return flow[..., element]
    moved = np.add.reduceat(losses.factor * flow[..., losses.lost], losses.first[:-1], axis=-1)
    return np.asarray(flow[..., element] + moved)


def _settle(flow: Floats, limit: Floats, worsening: float) -> Floats:
    """Limits that hold for flows that may be beyond them already; infinite where there is none."""
    with np.errstate(invalid="ignore"):
        beyond = np.abs(flow) > limit * (1.0 + EQUAL)
    held = np.where(beyond, np.abs(flow) + worsening * limit, limit)
    return np.where(np.isnan(held), np.inf, held)


def share_room(
    net: Network,
    buses: Sequence[str],
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
    options: Mapping[str, Any] | HostingOptions | PowerFlowOptions | None = None,
) -> JointHosting:
    """Find how much several hubs can take at once.

    Parameters
    ----------
    net : Network
    buses : sequence of str
        At least two, in one island.
    criteria, snapshots, options
        As for `gridhub.hosting_capacity`; by DC.

    Returns
    -------
    JointHosting

    Raises
    ------
    KeyError, OptionError, InputError, NotConverged
        As for `gridhub.hosting_capacity`; OptionError also for fewer than two buses, or several islands.

    Notes
    -----
    Largest sum of the loads such that every branch holds in every state, with everything in service and
    after every single outage that splits nothing: one linear programme whose rows are added where they are
    exceeded. What the units add depends on the total alone. Their path is taken as its chord up to the total,
    and the programme is solved again until the total does not change: the flows at the result are exact. A
    bus may get more than by itself, where another relieves what binds it.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> star = pd.DataFrame(
    ...     {"from_bus": list("aabb"), "to_bus": list("bbcd"), "r_ohm": 1.0, "x_ohm": 9.0, "rate_mva": 300.0},
    ...     index=["ab1", "ab2", "bc", "bd"],
    ... )
    >>> net = build_network(
    ...     "star",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False, False]}, index=list("abcd")),
    ...     line=star,
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [50.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_mw": 50.0, "p_max_mw": 900.0}, index=["unit"]),
    ... )
    >>> shared = share_room(net, ["c", "d"])
    >>> shared.table["alone_mw"].round(3).tolist(), round(shared.total_mw, 3)
    ([250.0, 250.0], 250.0)
    """
    settled = read_hosting_options(options, reactive_limits=net.reactive_limits)
    chosen = find_buses(net, buses)
    if len(chosen) < 2:
        raise OptionError(f"one bus alone, {chosen[0]}, shares with nobody: use hosting_capacity")
    alone = hosting_capacity(net, chosen, criteria, snapshots, "dc", settled)
    judged = resolve_criteria(net, criteria)
    states = list_states(net, snapshots, settled)
    at = [list(net.bus.index).index(name) for name in chosen]
    views, notes = _build_views([*states.snapshots, *states.hours], at, judged, settled)
    base = net.base_mva
    firm = alone.table["firm_mw"].to_numpy(dtype=float) / base
    units = alone.table["reserve_mw"].fillna(alone.table["generation_mw"]).to_numpy(dtype=float).min() / base
    total = min([units, settled.maximum_mw / base, *(float(view.path.amount[-1]) for view in views)])
    single = alone.table["largest_loss_mw"].fillna(settled.maximum_mw).to_numpy(dtype=float) / base
    programme = _Joint(views, firm, np.minimum(single, settled.maximum_mw / base), total)
    largest = programme.find_largest_share()
    points = [programme.maximise(share * largest * firm) * base for share in SHARES]
    frontier = pd.DataFrame(points, columns=chosen, index=pd.Index(SHARES, name="least_share"))
    frontier.insert(0, "total_mw", frontier.sum(axis=1))
    frontier.insert(0, "least_mw_per_mw", [share * largest for share in SHARES])
    table = pd.DataFrame({"alone_mw": firm * base, "mw": points[0]}, index=pd.Index(chosen, name="bus"))
    gaps = ["towers", *notes, "voltage", "loss of units and links", "fault level"]
    return JointHosting(table, float(points[0].sum()), frontier, "; ".join(gaps))


def _build_views(
    states: Sequence[State], at: Sequence[int], criteria: Criteria | None, options: HostingOptions
) -> tuple[list[_View], list[str]]:
    """Build the flows and limits of every state: branches, and interfaces beside them."""
    found = start_search(len(at), options.maximum_mw / states[0].case.base_mva)
    views: list[_View] = []
    splits = 0
    worsening = options.worsening_points / 100.0
    for group in group_states(states):
        search = DcSearch(group[0], at, criteria, options, found, towers=False)
        islands = np.unique(search.plan.islands.island[search.node[search.alive]])
        if len(search.alive) < len(at) or len(islands) != 1:
            raise OptionError("the buses are not all in one island with a reference: they share no room")
        splits = max(splits, int(search.outages.splits.sum()))
        for state in group:
            path = search.trace(state, search.solve(state), search.plan, int(islands[0]))
            if path is None:
                raise OptionError(f"the units can follow nothing in {state.label or 'the stored state'}")
            before = _settle(path.flow[0], search.before, worsening)
            element = np.repeat(np.arange(len(before)), np.diff(search.losses.begin))
            after = _settle(_spread(search.losses, path.flow[0]), search.after[element], worsening)
            views.append(_View(path, search.drawn, search.losses, before, after))
            rows = compile_interfaces(state.net, state.case, limited=True)
            if rows.names:
                middle, half = find_interface_range(rows, 1.0 - options.interface_margin_percent / 100.0)
                inside = restrict_path(path, rows.weight, rows.fixed - middle)
                held = _settle(inside.flow[0], half, worsening)
                nothing = no_losses(len(half))
                views.append(_View(inside, search.drawn @ rows.weight.T, nothing, held, np.empty(0)))
    notes = [*found.notes, *([f"{splits} outages that split the grid"] if splits else [])]
    return views, notes


class _Joint:
    """The programme: rows known to matter, by view; elements first, then entries after outages."""

    def __init__(self, views: Sequence[_View], firm: Floats, highest: Floats, total: float) -> None:
        self.views, self.firm, self.highest, self.total = views, firm, highest, total
        self.known: list[list[int]] = [[] for _ in views]

    def find_largest_share(self) -> float:
        """Find the largest share of `firm` that all can have at once."""
        low, high = 0.0, min(1.0, self.total / self.firm.sum()) if self.firm.sum() > 0 else 0.0
        if self._list_exceeded(high * self.firm) == 0:
            return high
        while high - low > 1e-9:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self._list_exceeded(middle * self.firm) else (middle, high)
        return low

    def maximise(self, floor: Floats) -> Floats:
        """Maximise the total with at least `floor` at each bus, (k,) [p.u.]."""
        x = floor.copy()
        total = max(float(floor.sum()), 0.5 * min(self.total, float(self.firm.sum())), 1e-6)
        for _ in range(ROUNDS):
            x = self._solve(floor, total)
            exceeded = self._list_exceeded(x)
            if not exceeded and abs(float(x.sum()) - total) <= CLOSE:
                return x
            total = max(float(x.sum()), 1e-6)
        return self._shrink(floor, x)

    def _shrink(self, floor: Floats, x: Floats) -> Floats:
        """Go back towards the floor until every limit holds."""
        low, high = 0.0, 1.0
        while high - low > 1e-9:
            middle = 0.5 * (low + high)
            fine = not self._list_exceeded(floor + middle * (x - floor))
            low, high = (middle, high) if fine else (low, middle)
        return floor + low * (x - floor)

    def _list_exceeded(self, x: Floats) -> int:
        """Add the limits that loads exceed most to the known ones; how many are exceeded."""
        count = 0
        total = float(x.sum())
        for view, known in zip(self.views, self.known, strict=True):
            flow = view.follow(total) + x @ view.drawn
            excess = np.concatenate(
                [np.abs(flow) - view.before, np.abs(_spread(view.losses, flow)) - view.after]
            )
            over = np.flatnonzero(excess > CLOSE)
            count += len(over)
            worst = over[np.argsort(-excess[over], kind="stable")[:ROWS]]
            known.extend(row for row in worst.tolist() if row not in known)
        return count

    def _solve(self, floor: Floats, total: float) -> Floats:
        """Solve the programme of the known rows, with the units' path as its chord up to a total."""
        from gridhub.dispatch.programme import LinearProgramme

        count = len(self.firm)
        programme = LinearProgramme(largest_price=1.0)
        programme.add_columns(floor, np.maximum(self.highest, floor), -np.ones(count))
        matrix, low, high = [np.ones((1, count))], [np.array([-np.inf])], [np.array([self.total])]
        for view, known in zip(self.views, self.known, strict=True):
            if not known:
                continue
            rows: Ints = np.array(known)
            start = view.path.flow[0]
            slope = view.drawn + (view.follow(total) - start) / total
            every = np.concatenate([slope, _spread(view.losses, slope)], axis=1)[:, rows]
            at_start = np.concatenate([start, _spread(view.losses, start)])[rows]
            limit = np.concatenate([view.before, view.after])[rows]
            matrix.append(every.T)
            low.append(-limit - at_start)
            high.append(limit - at_start)
        programme.add_rows(csr_array(np.concatenate(matrix)), np.concatenate(low), np.concatenate(high))
        solution = programme.solve()
        return np.asarray(solution.x) if solution.status == "optimal" else floor
