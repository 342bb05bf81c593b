"""Couple neighbouring zones of the 154 kV grid to zones behind two 345/154 kV stations.

Korea runs its 154 kV grid in zones behind one or two stations. Which zones have two is not public. Two zones
are coupled here by closing one double circuit between them where

* their stations are two, of one region of the interfaces, and joined by a 345 kV route of their own that is
  not the only way between them, or its loss would send all of it through the coupling;
* together they carry no more than one bus section may, so that the coupling gathers no more fault current
  than the largest zone behind one station;
* every circuit and bank of the two zones stays inside its rating, intact and after the loss of any one of
  them, in every state, whatever flows through from one station to the other: the angle between them is at
  most that of the direct 345 kV route at the rating of a circuit, in either direction.

The shortest coupling that passes comes first; a zone is coupled once. The flows are linear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx
import numpy as np
from build_154 import is_kept
from build_sources import Row
from synth_lines import (
    RATE,
    REACTANCE,
    TIE_KM,
    Map,
    Node,
    Route,
    close_loops,
    grow_tree,
    list_ties,
    list_zones,
    triangulate,
)

#: A coupled zone carries at most this [MW]: what one bus section may (`synth_zones.SECTION_MW`).
COUPLED_MW = 1450.0
KV = 154.0
#: A bank of 345/154 kV: rating [MVA] and MW per radian (12 % of 500 MVA).
BANK_MVA, BANK_MW_PER_RAD = 500.0, 500.0 / 0.12
#: Share of ratings that flows may take.
USE = 0.95


@dataclass(frozen=True)
class Root:
    """What a zone hangs on: the station, the region it lies in, and the banks of the bus section."""

    station: str
    region: str
    banks: int


@dataclass
class Zone:
    """A zone behind one bus section: nodes, root first, its closed routes and its banks."""

    members: list[str]
    routes: list[Route]
    station: str
    region: str
    banks: int

    @property
    def root(self) -> str:
        """Bus section that the zone hangs on."""
        return self.members[0]


def list_candidates(
    chart: Map, zones: list[Zone], angles: dict[frozenset[str], float]
) -> Iterator[tuple[Zone, Zone, Route]]:
    """List what may couple two zones, shortest first; ``angles`` holds the direct routes of stations."""
    zone_of = {member: zone for zone in zones for member in zone.members}
    load = {zone.root: sum(chart.nodes[member].net for member in zone.members) for zone in zones}
    found = []
    for a, b in sorted(chart.edges):
        if a not in zone_of or b not in zone_of:
            continue
        one, two = zone_of[a], zone_of[b]
        if one.station == two.station or one.region != two.region:
            continue
        if frozenset((one.station, two.station)) not in angles or chart.straight_km(a, b) > TIE_KM:
            continue
        if float(np.abs(load[one.root] + load[two.root]).max()) <= COUPLED_MW:
            found.append((chart.straight_km(a, b), a, b))
    for _, a, b in sorted(found):
        yield zone_of[a], zone_of[b], chart.route(a, b, "coupling")


def couple_zones(chart: Map, zones: list[Zone], angles: dict[frozenset[str], float]) -> list[Route]:
    """Couple zones in pairs.

    Parameters
    ----------
    chart : Map
    zones : list of Zone
    angles : dict
        Largest angle [rad] between two stations that a 345 kV route joins.
    """
    coupled: set[str] = set()
    couplings = []
    for one, two, route in list_candidates(chart, zones, angles):
        if {one.root, two.root} & coupled:
            continue
        angle = angles[frozenset((one.station, two.station))]
        if is_pair_secure(chart, (one, two), [*one.routes, *two.routes, route], angle):
            couplings.append(route)
            coupled |= {one.root, two.root}
    return couplings


def is_pair_secure(chart: Map, pair: tuple[Zone, Zone], routes: list[Route], angle: float) -> bool:
    """Say whether the pair stays inside its ratings for every flow through it."""
    limit = USE * np.array([RATE[route.kind] for route in routes] + [BANK_MVA, BANK_MVA])
    for lost in [None, *range(len(routes) + 2)]:
        own, through = find_pair_flows(chart, pair, routes, lost)
        if (np.abs(own) + angle * np.abs(through)[:, None] > limit[:, None]).any():
            return False
    return True


def find_pair_flows(
    chart: Map, pair: tuple[Zone, Zone], routes: list[Route], lost: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the flows of a coupled zone, per circuit and per bank.

    Parameters
    ----------
    chart : Map
    pair : two zones
    routes : list of Route
        Closed routes of both, coupling included.
    lost : int, optional
        Position of a route, one circuit of which is out; past them the banks of the first or second station.

    Returns
    -------
    own : (R + 2, S) array
        MW in every state with both stations at the same angle: routes, then the banks of each station.
    through : (R + 2,) array
        MW per radian by which the first station leads the second.
    """
    members = [*pair[0].members, *pair[1].members]
    position = {member: i for i, member in enumerate(members)}
    ends = [(position[route.ends[0]], position[route.ends[1]]) for route in routes]
    circuits = np.array([route.circuits for route in routes] + [zone.banks for zone in pair], dtype=float)
    if lost is not None:
        circuits[lost] -= 1.0
    each = [KV**2 / (REACTANCE[route.kind] * route.length_km) for route in routes]
    weight = circuits * np.array([*each, BANK_MW_PER_RAD, BANK_MW_PER_RAD])
    matrix = np.zeros((len(members), len(members)))
    for (a, b), w in zip(ends, weight, strict=False):
        matrix[[a, b], [a, b]] += w
        matrix[[a, b], [b, a]] -= w
    roots = [position[zone.root] for zone in pair]
    matrix[roots, roots] += weight[-2:]
    # the first station leads by one radian in the last column
    drawn = np.column_stack([-chart.nodes[m].net for m in members]).T
    lead = np.zeros((len(members), 1))
    lead[roots[0]] = weight[-2]
    angle = np.linalg.solve(matrix, np.hstack([drawn, lead]))
    differences = [angle[a] - angle[b] for a, b in ends]
    high = np.zeros((2, angle.shape[1]))
    high[0, -1] = 1.0
    differences += [high[i] - angle[roots[i]] for i in range(2)]
    flows = (weight / np.maximum(circuits, 1.0))[:, None] * np.array(differences)
    return flows[:, :-1], flows[:, -1]


def find_angles(lines: list[Row], banks: list[Row]) -> dict[frozenset[str], float]:
    """Find the angle [rad] over a direct 345 kV route at the rating of a circuit, by its stations.

    Left out are routes without which their stations are not joined above 154 kV: after the loss of both
    circuits a coupling would have to carry all that flows.
    """
    edges = [(row["from_bus"], row["to_bus"]) for row in lines if row["in_service"] == "true"]
    grid = nx.Graph(edges + [(row["from_bus"], row["to_bus"]) for row in banks if is_kept(row)])
    only = {frozenset(edge) for edge in nx.bridges(grid)}
    angles: dict[frozenset[str], float] = {}
    for row in lines:
        buses = frozenset((row["from_bus"], row["to_bus"]))
        if row["in_service"] == "true" and row["from_bus"].endswith("-345") and buses not in only:
            stations = frozenset(bus.removesuffix("-345") for bus in buses)
            angle = float(row["rate_mva"]) * float(row["x_ohm"]) / 345.0**2
            angles[stations] = min(angle, angles.get(stations, angle))
    return angles


def list_roots(banks: list[Row], sites: dict[str, Row]) -> dict[str, Root]:
    """List what the zones hang on."""
    stations = {row["id"]: row["id"].partition("-154")[0] for row in banks}
    return {
        row["id"]: Root(stations[row["id"]], sites[stations[row["id"]]]["zone"], int(row["banks"]))
        for row in banks
    }


def draw_lines(
    nodes: list[Node], circuit_km: float, roots: dict[str, Root], angles: dict[frozenset[str], float]
) -> list[Route]:
    """Draw all lines so that their circuit-km come up to ``circuit_km`` if the candidates suffice."""
    chart = triangulate(nodes)
    routes: list[Route] = []
    zones = []
    for members in list_zones(chart).values():
        tree, branch_of = grow_tree(chart, members)
        drawn = tree + close_loops(chart, members, tree, branch_of)
        routes += drawn
        if members[0] in roots:
            one = roots[members[0]]
            closed = [route for route in drawn if route.closed]
            zones.append(Zone(members, closed, one.station, one.region, one.banks))
    couplings = couple_zones(chart, zones, angles)
    coupled = {chart.nodes[b].zone: chart.nodes[a].zone for a, b in (route.ends for route in couplings)}
    routes += couplings
    used = sum(route.circuits * route.length_km for route in routes)
    return routes + list_ties(chart, {route.ends for route in routes}, circuit_km - used, coupled)
