"""What the grid needs for a hub at each site, roughly: the cheapest work for every branch it overloads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.search import DcSearch, Found, Part, start_search
from gridhub.analysis.hosting.states import State, group_states, list_states
from gridhub.analysis.hosting.table import list_unsure_branches
from gridhub.analysis.works.candidates import STORAGE_HOURS, find_larger_conductor, list_route_candidates
from gridhub.analysis.works.works import find_route
from gridhub.case.case import Case, Floats, Ints
from gridhub.costs import Costs
from gridhub.criteria import Criteria
from gridhub.errors import name_ids
from gridhub.kernels.rooms import EQUAL, Losses
from gridhub.model.network import Network
from gridhub.solvers.factors import compute_pair_factors
from gridhub.solvers.rooms import group_parallel, no_losses

MOST = 3
"""Circuits or banks that are added to one route at most: assumed."""

NAMED = 5
"""Routes whose works are named, the dearest first; the others are counted."""

METHOD = (
    "estimate: what the hub as asked pushes beyond its limit by DC, or worsens there, in N or N-1 of any "
    f"snapshot, gets the cheapest of a larger conductor and up to {MOST} circuits or banks that covers it; "
    f"what none covers, a battery of {STORAGE_HOURS:g} h at the hub; sum of base costs per MW of the hub. "
    "No work changes the need for another, and voltage is not looked at: only a plan is verified by AC"
)


class Overloads(NamedTuple):
    """Overloads that hubs cause or worsen, each the worst outage of a branch in one state; (n,) arrays.

    Attributes
    ----------
    site, branch : int
        Number of the site; position of the branch in the case.
    flow, start : float
        With the hub, counted positive, and without it, in the same direction [p.u.].
    held, limit : float
        What `flow` may be: the limit, or what it is without the hub if that is beyond it [p.u.].
    total : float
        Hub in this part of the grid [p.u.].
    transfer : float
        Share of a MW from end to end of the branch that it carries itself, after the outage.
    parallel : float
        Susceptance of the circuits of its route after the outage, over its own.
    """

    site: Ints
    branch: Ints
    flow: Floats
    start: Floats
    held: Floats
    limit: Floats
    total: Floats
    transfer: Floats
    parallel: Floats


class Work(NamedTuple):
    """Works of the catalogue on one route.

    Attributes
    ----------
    name : str
    cost : float
        Base, in the money unit of the costs.
    circuits : int
        How many more there are.
    stiffer, larger : float
        Susceptance and rating of each circuit, over the old ones.
    """

    name: str
    cost: float
    circuits: int
    stiffer: float
    larger: float

    def covers(self, over: Overloads) -> bool:
        """Whether all overloads are gone; see Notes of `estimate_reinforcement`."""
        stiffer = (self.stiffer - 1.0) * over.parallel + self.stiffer * self.circuits
        flow = self.stiffer * over.flow / (1.0 + over.transfer * stiffer)
        return bool((flow <= np.maximum(over.held, self.larger * over.limit) * (1.0 + EQUAL)).all())


def estimate_reinforcement(
    net: Network,
    points: Mapping[str, Mapping[str, float]],
    costs: Costs,
    criteria: Criteria | None,
    options: HostingOptions,
) -> pd.DataFrame:
    r"""Estimate what the works cost that the hub of each site makes needed.

    Parameters
    ----------
    net : Network
    points : mapping
        Site -> point of connection -> MW.
    costs : Costs
    criteria : Criteria or None
        None: each branch against its rating.
    options : HostingOptions
        What follows the hub, which branches count, how much a violation that is there may grow.

    Returns
    -------
    DataFrame
        Index site; reinforcement_per_mw [unit of the costs per MW], works (how many, where, and how many of
        the routes are not public), reinforcement_mw (sum over the routes of the MW by which the worst outage
        takes a branch beyond what it may carry) [MW]. NaN where something stays overloaded that the region
        has no cost to cover, or where no unit can follow the hub: works says why.

    Raises
    ------
    NotConverged
        If the units of a state cannot balance it without any hub.

    Notes
    -----
    Flows after an outage are those of `gridhub.hosting_capacity`. A branch that carries the share h of a MW
    sent from its one end to its other has the flow f. With the m circuits of its route s times as stiff and c
    more like them beside, it has

    .. math:: f' = \frac{s f}{1 + h \left((s - 1) m + s c\right)}

    exactly by DC. The worst outage of each branch and state is looked at; a work covers a route if all its
    branches then are within what their conductor may carry, or within what they carry without the hub. What
    no work of the catalogue covers counts as one battery, as large as the hub must draw less.
    """
    buses = list(dict.fromkeys(bus for mine in points.values() for bus in mine))
    position = {str(name): i for i, name in enumerate(net.bus.index)}
    amount = np.array([[mine.get(bus, 0.0) for bus in buses] for mine in points.values()])
    reach = replace(options, maximum_mw=float(amount.sum(axis=1).max()))
    power = amount / net.base_mva
    states = list_states(net, None, reach).snapshots
    menu = _Menu(net, costs, states[0].case)
    found = start_search(len(buses), reach.maximum_mw / net.base_mva)
    parts = []
    for group in group_states(states):
        search = DcSearch(group[0], [position[bus] for bus in buses], criteria, reach, found, towers=False)
        parts += _search_group(search, group, power, found, menu)
        found.generation[np.setdiff1d(np.arange(len(buses)), search.alive)] = 0.0
    over = Overloads(*(np.concatenate(column) for column in zip(*parts, strict=True))) if parts else None
    rows = []
    for k, mw in enumerate(amount.sum(axis=1).tolist()):
        followed = float(found.generation[power[k] > 0].min()) * net.base_mva
        if over is None or not followed > 0:
            why = "no unit can follow the hub, or it is in a dead part of the grid"
            rows.append((math.nan, why, math.nan))
            continue
        mine = _choose(over, over.site == k)
        cost, works = _cost_site(menu, mine, mw, net.base_mva)
        short = f"; units can follow {followed:,.0f} MW only" if followed < mw - 1e-6 else ""
        rows.append((cost, works + short, _sum_excess(menu, mine) * net.base_mva))
    columns = ["reinforcement_per_mw", "works", "reinforcement_mw"]
    return pd.DataFrame(rows, index=list(points), columns=columns)


def _search_group(
    search: DcSearch, group: Sequence[State], power: Floats, found: Found, menu: _Menu
) -> list[Overloads]:
    """Find the overloads in states of one topology."""
    parts = [
        _find_overloads(search, part, power, menu, search.before, search.losses, ())
        for state in group
        for part in search.walk_whole(state, found)
    ]
    nothing = no_losses(len(search.after))
    for k in np.flatnonzero(search.outages.splits).tolist():
        parts += [
            _find_overloads(search, part, power, menu, search.after, nothing, search.outages.sets[k])
            for part in search.walk_split(k, group, found)
        ]
    return parts


def _find_overloads(
    search: DcSearch,
    part: Part,
    power: Floats,
    menu: _Menu,
    limit: Floats,
    losses: Losses,
    out: tuple[int, ...],
) -> Overloads:
    """Find the overloads in a part of the grid as it is, and after `losses`; `out` is lost in it already."""
    asked = power[:, part.buses].sum(axis=1)
    # what the units cannot follow has no flows: whether they can is a matter of the headroom
    total = np.minimum(asked, part.path.amount[-1])
    share = np.divide(total, asked, out=np.zeros(len(total)), where=asked > 0)
    end = _follow(part, total) + share[:, None] * (power[:, part.buses] @ part.drawn[part.buses])
    start = part.path.flow[0]
    outages = _pick_outages(losses, search.after, np.maximum(np.abs(start), np.abs(end).max(axis=0)))
    element = np.concatenate([np.arange(len(start)), outages.element])
    limit = np.concatenate([limit, search.after[outages.element]])
    start, end = outages.extend(start), outages.extend(end)
    worse = np.abs(start) + search.options.worsening_points / 100.0 * limit
    held = np.where(np.abs(start) > limit * (1.0 + EQUAL), worse, limit)
    counts = np.abs(end) > held * (1.0 + EQUAL)
    counts &= np.abs(end - start) >= search.options.effect * total[:, None]
    site, row = np.nonzero(counts)
    order = np.lexsort((-np.abs(end[site, row]) / held[row], element[row], site))
    site, row = site[order], row[order]
    worst = np.ones(len(site), dtype=bool)
    worst[1:] = (site[1:] != site[:-1]) | (element[row][1:] != element[row][:-1])
    site, row = site[worst], row[worst]
    sign, branch = np.sign(end[site, row]), element[row]
    first = len(part.path.flow[0])
    members = [
        outages.take(k - first) if k >= first else (np.array(out, dtype=np.int64), None) for k in row.tolist()
    ]
    return Overloads(
        site,
        branch,
        sign * end[site, row],
        sign * start[row],
        held[row],
        limit[row],
        total[site],
        _find_transfers(part, branch, members),
        menu.find_parallels(part, branch, [lost for lost, _ in members]),
    )


def _follow(part: Part, total: Floats) -> Floats:
    """Flows when the units of a part follow each total, what is drawn at the buses left out [p.u.]."""
    amount, flow = part.path.amount, part.path.flow
    p = np.clip(np.searchsorted(amount, total), 1, len(amount) - 1)
    share = ((total - amount[p - 1]) / (amount[p] - amount[p - 1]))[:, None]
    return np.asarray((1.0 - share) * flow[p - 1] + share * flow[p])


class _Outages(NamedTuple):
    """Pairs of an element and an outage, as in `gridhub.kernels.rooms.Losses`."""

    element: Ints
    first: Ints
    lost: Ints
    factor: Floats

    def extend(self, flow: Floats) -> Floats:
        """Put the flows after the outages behind those before, (..., n + n_pair)."""
        if not len(self.element):
            return flow
        moved = np.add.reduceat(self.factor * flow[..., self.lost], self.first[:-1], axis=-1)
        return np.concatenate([flow, flow[..., self.element] + moved], axis=-1)

    def take(self, k: int) -> tuple[Ints, Floats]:
        """Give what is lost in a pair, and the share of its flow that moves."""
        members = slice(self.first[k], self.first[k + 1])
        return self.lost[members], self.factor[members]


def _pick_outages(losses: Losses, limit: Floats, top: Floats) -> _Outages:
    """Pick the pairs that can be beyond their limit while no flow before the outage is above `top`."""
    size = np.diff(losses.first)
    element = np.repeat(np.arange(len(limit)), np.diff(losses.begin))
    most = top[element]
    if len(size):
        most = most + np.add.reduceat(np.abs(losses.factor) * top[losses.lost], losses.first[:-1])
    near = np.flatnonzero(most > limit[element])
    member = np.flatnonzero(np.isin(np.repeat(np.arange(len(size)), size), near))
    first = np.concatenate([[0], np.cumsum(size[near])])
    return _Outages(element[near], first, losses.lost[member], losses.factor[member])


def _find_transfers(part: Part, branch: Ints, members: Sequence[tuple[Ints, Floats | None]]) -> Floats:
    """Find what each branch carries of a MW from end to end once `members` are lost."""
    own, at = np.unique(branch, return_inverse=True)
    pair = compute_pair_factors(part.case, part.plan, own)
    transfer = pair[branch, at]
    for row, (lost, factor) in enumerate(members):
        if factor is not None:
            transfer[row] += factor @ pair[lost, at[row]]
    return np.asarray(transfer)


class _Menu:
    """What the catalogue has for each route."""

    def __init__(self, net: Network, costs: Costs, case: Case) -> None:
        self.net, self.costs = net, costs
        self.labels = [str(name) for name in case.labels.branch]
        self.unsure = list_unsure_branches(net)
        named = net.line["route"].where(net.line["route"] != "", net.line.index.to_series()).astype(str)
        route = pd.Series(self.labels, index=self.labels)
        route.update(named)
        group = group_parallel(case)
        first = {number: name for name, number in zip(self.labels[::-1], group[::-1].tolist(), strict=True)}
        # parallel banks are one thing; so are the circuits of a route, as far as they join the same nodes
        bank = np.isin(self.labels, net.transformer.index)
        self.route = [
            first[number] if is_bank else str(name)
            for name, number, is_bank in zip(route, group.tolist(), bank.tolist(), strict=True)
        ]
        self.beside: dict[int, Ints] = {}
        circuits = pd.DataFrame({"route": self.route, "group": group})
        for _, same in circuits.groupby(["route", "group"]):
            rows = same.index.to_numpy(dtype=np.int64)
            self.beside |= dict.fromkeys(rows.tolist(), rows)
        self.works: dict[str, list[Work]] = {}

    def find_parallels(self, part: Part, branch: Ints, lost: Sequence[Ints]) -> Floats:
        """Find the susceptance of what stands beside each branch, itself included, over its own."""
        stiff = np.where(part.case.branch_on, part.plan.susceptance, 0.0)
        beside = [np.setdiff1d(self.beside[i], out) for i, out in zip(branch.tolist(), lost, strict=True)]
        together = np.array([stiff[rows].sum() for rows in beside])
        # a branch without impedance has no stiffness to compare
        whole: Floats = np.ones(len(branch))
        np.divide(together, stiff[branch], out=whole, where=stiff[branch] > 0)
        return whole

    def list_works(self, route: str) -> list[Work]:
        """List works and their combinations on a route, the cheapest first."""
        if route not in self.works:
            self.works[route] = sorted(self._combine(route), key=lambda work: work.cost)
        return self.works[route]

    def _combine(self, route: str) -> list[Work]:
        found = {one.kind: one for one in list_route_candidates(self.net, self.costs, [route])}
        more = found.get("second_circuit") or found.get("bank")
        conductor = found.get("larger_conductor")
        stiffer, larger = self._compare_conductor(route) if conductor is not None else (1.0, 1.0)
        works = []
        for rebuilt in (False, True) if conductor is not None else (False,):
            for count in range(MOST + 1 if more is not None else 1):
                names = [conductor.name] if conductor is not None and rebuilt else []
                cost = conductor.cost.base if conductor is not None and rebuilt else 0.0
                if more is not None and count:
                    names.append(more.name if count == 1 else f"{count} x {more.name}")
                    cost += count * more.cost.base
                factors = (stiffer, larger) if rebuilt else (1.0, 1.0)
                if names:
                    works.append(Work(" and ".join(names), cost, count, *factors))
        return works

    def _compare_conductor(self, route: str) -> tuple[float, float]:
        """Compare the larger conductor of a route with what is there: susceptance and rating."""
        first = find_route(self.net, route).iloc[0]
        vn_kv = float(self.net.bus["vn_kv"].reindex([first["from_bus"]]).iloc[0])
        kind = find_larger_conductor(self.net, first, vn_kv)
        assert kind is not None
        x_ohm = kind["x_ohm_per_km"] * float(first["length_km"])
        return float(first["x_ohm"]) / x_ohm, kind["rate_mva"] / float(first["rate_mva"])


def _sum_excess(menu: _Menu, over: Overloads) -> float:
    """Sum the largest excess of each route [p.u.]."""
    excess: dict[str, float] = {}
    for i, beyond in zip(over.branch.tolist(), (over.flow - over.held).tolist(), strict=True):
        route = menu.route[i]
        excess[route] = max(excess.get(route, 0.0), beyond)
    return sum(excess.values())


def _choose(over: Overloads, mine: np.ndarray) -> Overloads:
    return Overloads(*(column[mine] for column in over))


def _cost_site(menu: _Menu, over: Overloads, mw: float, base_mva: float) -> tuple[float, str]:
    """Cost the works of one site: money per MW, and what they are."""
    route = np.array([menu.route[i] for i in over.branch.tolist()], dtype=object)
    chosen: list[Work] = []
    unsure, battery, open_routes = 0, 0.0, []
    for name in dict.fromkeys(route):
        mine = _choose(over, route == name)
        unsure += any(menu.labels[i] in menu.unsure for i in mine.branch.tolist())
        work = next((one for one in menu.list_works(name) if one.covers(mine)), None)
        if work is not None:
            chosen.append(work)
            continue
        open_routes.append(name)
        less = mine.total * (mine.flow - mine.held) / (mine.flow - mine.start)
        battery = max(battery, float(less.max()) * base_mva)
    if open_routes and "storage" not in menu.costs:
        return (
            math.nan,
            f"no work of the catalogue covers {name_ids(open_routes)}, and there is no cost of storage",
        )
    chosen.sort(key=lambda work: -work.cost)
    cost = sum(work.cost for work in chosen)
    names = [work.name for work in chosen[:NAMED]]
    if len(chosen) > NAMED:
        names.append(f"and {len(chosen) - NAMED} more")
    if open_routes:
        cost += menu.costs["storage"].base * battery * STORAGE_HOURS
        names.append(
            f"battery of {battery:,.0f} MW at the hub for {name_ids(open_routes)}, which no work covers"
        )
    if not names:
        return 0.0, "none"
    routes = len(chosen) + len(open_routes)
    where = f"{routes} route{'s' if routes > 1 else ''}, {unsure} of them not public: "
    return cost / mw, where + "; ".join(names)
