"""Draw the 154 kV lines: a tree in every zone, loops inside it, ties between zones.

Candidates are the edges of the Delaunay triangulation of all stations, on which lines of real grids mostly
lie [1]_, [2]_, and the direct ways from a zone's root. In every zone the tree is a capacitated minimum
spanning tree by the method of Esau and Williams [3]_: no branch of the tree carries more than one circuit of
it may, so a double-circuit line keeps its load after the loss of one circuit. Loops join branches of a tree
by the shortest candidates; they are closed where every circuit stays inside its rating after the loss of any
one (linear flow inside the zone), else they stand open. Ties join neighbouring zones, shortest first, until
the circuit-km are the published ones; they stand open, as Korea runs its 154 kV grid in zones to hold fault
current.

References
----------
.. [1] A. B. Birchfield, T. Xu, K. M. Gegner, K. S. Shetye, T. J. Overbye, "Grid structural characteristics as
   validation criteria for synthetic networks", IEEE Trans. Power Systems 32(4), 2017,
   doi:10.1109/TPWRS.2016.2616385.
.. [2] A. B. Birchfield et al., "A metric-based validation process to assess the realism of synthetic power
   grids", Energies 10(8), 1233, 2017.
.. [3] L. R. Esau, K. C. Williams, "On teleprocessing system design, part II", IBM Systems Journal 5(3), 1966,
   doi:10.1147/sj.53.0142.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
from build_sources import great_circle_km
from scipy.spatial import Delaunay

#: Route over straight line at 154 kV (assumed; 345 kV routes measured in OpenStreetMap have 1.18).
ROUTE_FACTOR_154 = 1.25
#: Both ends in municipalities with at least this summer-peak load per area make a cable [MW/km2] (assumed).
CABLE_DENSITY = 12.0
#: Share of a circuit's rating that the tree may use: room for reactive power, losses and growth.
USE = 0.9
#: Rating of one circuit [MVA] and reactance [ohm/km] by kind, as in conductors_154.csv.
RATE = {"overhead": 452.0, "cable": 354.0}
REACTANCE = {"overhead": 0.337, "cable": 0.13}
#: A way that is no edge of the triangulation counts this much longer.
OFF_TRIANGULATION = 1.15
#: Loops are not longer than this [km straight].
LOOP_KM = 30.0
TIE_KM = 45.0
#: South of this latitude lies Jeju: no tie crosses the sea.
JEJU_NORTH = 33.8
#: Ties that every zone gets before the others.
TIES_PER_ZONE = 2

Pair = tuple[str, str]


@dataclass
class Node:
    """A 154 kV bus: a substation or the root of a zone; ``net`` is its load less generation by state [MW]."""

    id: str
    zone: str
    point: tuple[float, float]
    density: float
    net: np.ndarray
    is_root: bool = False

    @property
    def weight(self) -> float:
        """Largest MW that a line to the node has to carry."""
        return float(np.abs(self.net).max())


@dataclass
class Route:
    """A line between two nodes: its part in the grid, circuits, and whether it is closed."""

    ends: Pair
    role: str
    kind: str
    straight_km: float
    circuits: int = 2
    closed: bool = True

    @property
    def length_km(self) -> float:
        """Length of the route [km]."""
        return max(0.3, ROUTE_FACTOR_154 * self.straight_km)


@dataclass
class Map:
    """Nodes by id and the edges of their Delaunay triangulation."""

    nodes: dict[str, Node]
    edges: set[Pair] = field(default_factory=set)

    def straight_km(self, a: str, b: str) -> float:
        """Return the distance of two nodes [km]."""
        return great_circle_km(self.nodes[a].point, self.nodes[b].point)

    def cost(self, a: str, b: str) -> float:
        """Return the distance, longer for a way that is no edge of the triangulation."""
        factor = 1.0 if make_pair(a, b) in self.edges else OFF_TRIANGULATION
        return self.straight_km(a, b) * factor

    def kind(self, a: str, b: str) -> str:
        """Say whether a line between two nodes is a cable."""
        dense = min(self.nodes[a].density, self.nodes[b].density) >= CABLE_DENSITY
        return "cable" if dense else "overhead"

    def route(self, a: str, b: str, role: str, circuits: int = 2, closed: bool = True) -> Route:
        """Make a route between two nodes."""
        return Route(make_pair(a, b), role, self.kind(a, b), self.straight_km(a, b), circuits, closed)


def make_pair(a: str, b: str) -> Pair:
    """Return two ids in order."""
    return (a, b) if a < b else (b, a)


def triangulate(nodes: list[Node]) -> Map:
    """Find the edges of the Delaunay triangulation of the nodes on a local plane.

    Sections of one station stand at one point: each is moved by a few metres, in the order of the list.
    """
    plane = np.array(
        [[node.point[0], node.point[1] * math.cos(math.radians(36.0))] for node in nodes]
    ) + 1e-5 * np.array([[math.cos(i), math.sin(i)] for i in range(len(nodes))])
    edges = set()
    for triangle in Delaunay(plane).simplices:
        for i, j in ((0, 1), (1, 2), (0, 2)):
            edges.add(make_pair(nodes[triangle[i]].id, nodes[triangle[j]].id))
    return Map({node.id: node for node in nodes}, edges)


def list_zones(chart: Map) -> dict[str, list[str]]:
    """List the nodes of every zone, root first."""
    zones: dict[str, list[str]] = defaultdict(list)
    for node in chart.nodes.values():
        zones[node.zone].append(node.id)
    return {
        zone: sorted(members, key=lambda i: (not chart.nodes[i].is_root, i))
        for zone, members in sorted(zones.items())
    }


def find_capacity(chart: Map, members: set[str]) -> float:
    """Return the MW that a branch of the tree may carry: one circuit, a cable if a member is dense."""
    dense = any(chart.nodes[member].density >= CABLE_DENSITY for member in members)
    return USE * RATE["cable" if dense else "overhead"]


def grow_tree(chart: Map, members: list[str]) -> tuple[list[Route], dict[str, int]]:
    """Build the capacitated tree of one zone; return its routes and the branch number of every node."""
    root, leaves = members[0], members[1:]
    branch_of = {leaf: number for number, leaf in enumerate(leaves)}
    branches = {number: {leaf} for number, leaf in enumerate(leaves)}
    gate = {number: (chart.cost(root, leaf), leaf) for number, leaf in enumerate(leaves)}
    joints: list[Pair] = []
    while True:
        best: tuple[float, str, str] | None = None
        for a in leaves:
            for b in leaves:
                one, two = branch_of[a], branch_of[b]
                if one == two:
                    continue
                gain = gate[one][0] - chart.cost(a, b)
                joined = branches[one] | branches[two]
                load = abs(sum(chart.nodes[m].net for m in joined)).max()
                if gain <= 1e-9 or load > find_capacity(chart, joined):
                    continue
                if best is None or (gain, a, b) > best:
                    best = (gain, a, b)
        if best is None:
            break
        _, a, b = best
        one, two = branch_of[a], branch_of[b]
        joints.append((a, b))
        branches[two] |= branches.pop(one)
        del gate[one]
        for member in branches[two]:
            branch_of[member] = two
    routes = [chart.route(a, b, "tree") for a, b in joints]
    routes += [chart.route(root, leaf, "tree") for _, leaf in gate.values()]
    set_circuits(chart, root, routes)
    return routes, branch_of


def set_circuits(chart: Map, root: str, routes: list[Route]) -> None:
    """Give every route of a tree the circuits that keep its load after the loss of one, two at least."""
    around: dict[str, list[Route]] = defaultdict(list)
    for route in routes:
        for end in route.ends:
            around[end].append(route)

    def visit(node: str, came: Route | None) -> np.ndarray:
        net = chart.nodes[node].net.copy() if node != root else np.zeros_like(chart.nodes[node].net)
        for route in around[node]:
            if route is not came:
                below = visit(route.ends[0] if route.ends[1] == node else route.ends[1], route)
                needed = math.ceil(float(np.abs(below).max()) / (USE * RATE[route.kind])) + 1
                route.circuits = max(2, needed)
                net = net + below
        return net

    visit(root, None)


def find_flows(chart: Map, members: list[str], routes: list[Route], lost: Route | None) -> np.ndarray:
    """Return the MW per circuit of every route and state, one circuit of ``lost`` being out."""
    position = {member: i for i, member in enumerate(members)}
    matrix = np.zeros((len(members), len(members)))
    weights = []
    for route in routes:
        circuits = route.circuits - (route is lost)
        weights.append(circuits / (REACTANCE[route.kind] * route.length_km))
        a, b = (position[end] for end in route.ends)
        matrix[[a, b], [a, b]] += weights[-1]
        matrix[[a, b], [b, a]] -= weights[-1]
    net = -np.array([chart.nodes[member].net for member in members])
    angle = np.zeros_like(net)
    angle[1:] = np.linalg.solve(matrix[1:, 1:], net[1:])
    flows = []
    for route, weight in zip(routes, weights, strict=True):
        a, b = (position[end] for end in route.ends)
        flows.append(weight * (angle[a] - angle[b]) / (route.circuits - (route is lost)))
    return np.array(flows)


def is_secure(chart: Map, members: list[str], routes: list[Route]) -> bool:
    """Say whether every circuit stays inside its rating, intact and after the loss of any one circuit."""
    limit = np.array([0.95 * RATE[route.kind] for route in routes])[:, None]
    for lost in [None, *routes]:
        if (np.abs(find_flows(chart, members, routes, lost)) > limit).any():
            return False
    return True


def close_loops(chart: Map, members: list[str], tree: list[Route], branch_of: dict[str, int]) -> list[Route]:
    """Join the branches of a tree by the shortest candidates, each at least once; close what may be."""
    built = {route.ends for route in tree}
    pairs = sorted(
        (chart.straight_km(a, b), a, b)
        for a, b in chart.edges
        if a in branch_of and b in branch_of and branch_of[a] != branch_of[b] and (a, b) not in built
    )
    loops: list[Route] = []
    met: set[int] = set()
    for km, a, b in pairs:
        if km > LOOP_KM or (branch_of[a] in met and branch_of[b] in met):
            continue
        loop = chart.route(a, b, "loop")
        kept = [route for route in loops if route.closed]
        loop.closed = is_secure(chart, members, [*tree, *kept, loop])
        loops.append(loop)
        met |= {branch_of[a], branch_of[b]}
    return loops


def list_ties(chart: Map, built: set[Pair], room_km: float, coupled: dict[str, str]) -> list[Route]:
    """List open ties between zones: the nearest of every zone, then the shortest that fit ``room_km``.

    ``coupled`` names the first of the two zones that are coupled, for the second.
    """
    home = {name: coupled.get(node.zone, node.zone) for name, node in chart.nodes.items()}
    pairs = sorted(
        (chart.straight_km(a, b), a, b)
        for a, b in chart.edges
        if home[a] != home[b]
        and make_pair(a, b) not in built
        and chart.straight_km(a, b) <= TIE_KM
        and min(chart.nodes[a].point[0], chart.nodes[b].point[0]) > JEJU_NORTH
    )
    ties: list[Route] = []
    count: dict[str, int] = defaultdict(int)
    for first in (True, False):
        for _, a, b in pairs:
            zones = (home[a], home[b])
            few = min(count[zone] for zone in zones) < TIES_PER_ZONE
            tie = chart.route(a, b, "tie", closed=False)
            if few != first or any(other.ends == tie.ends for other in ties):
                continue
            if tie.circuits * tie.length_km > room_km:
                continue
            room_km -= tie.circuits * tie.length_km
            ties.append(tie)
            for zone in zones:
                count[zone] += 1
    return ties
