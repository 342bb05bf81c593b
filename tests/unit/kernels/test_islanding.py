"""What outages cut off, against networkx."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhub.kernels.graph import find_bridge_positions
from gridhub.kernels.islanding import (
    find_bridges,
    find_cut_off,
    label_components,
    list_neighbours,
    search_depth_first,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A graph with branches out of service, a root in some of its parts, and outages."""

    n: int
    ends: np.ndarray
    others: np.ndarray
    on: np.ndarray
    roots: list[int]
    is_reference: np.ndarray
    outages: list[list[int]]

    def build(self, lost: list[int]) -> nx.MultiGraph:
        """What is left without some branches."""
        graph = nx.MultiGraph()
        graph.add_nodes_from(range(self.n))
        branches = zip(self.ends.tolist(), self.others.tolist(), strict=True)
        graph.add_edges_from((i, j, k) for k, (i, j) in enumerate(branches) if self.on[k] and k not in lost)
        return graph


@st.composite
def cases(draw: st.DrawFn) -> Drawn:
    n = draw(st.integers(2, 12))
    edges = draw(
        st.lists(
            st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)),
            min_size=1,
            max_size=20,
        )
    )
    ends, others = (np.array(column) for column in zip(*edges, strict=True))
    on = np.array(
        draw(st.lists(st.sampled_from([True, True, True, False]), min_size=len(edges), max_size=len(edges)))
    )
    drawn = Drawn(n, ends, others, on, [], np.zeros(n, dtype=bool), [])
    roots, reach = [], set[int]()
    for part in nx.connected_components(drawn.build([])):
        if draw(st.integers(0, 3)):
            roots.append(draw(st.sampled_from(sorted(part))))
            reach |= part
    is_reference = np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n))) == 0
    is_reference[roots] = True
    able = [k for k in range(len(edges)) if on[k] and int(ends[k]) in reach]
    sets = st.lists(st.sampled_from(able), min_size=1, max_size=4, unique=True) if able else st.just([])
    return Drawn(n, ends, others, on, roots, is_reference, draw(st.lists(sets, min_size=1, max_size=6)))


@settings(max_examples=60, deadline=None)
@given(cases())
def test_what_an_outage_cuts_off_is_what_networkx_finds(drawn: Drawn) -> None:
    out_start = np.cumsum([0, *map(len, drawn.outages)])
    out = np.array([k for lost in drawn.outages for k in lost], dtype=np.int64)
    start, found, unusual = find_cut_off(
        drawn.n, drawn.ends, drawn.others, drawn.on, np.array(drawn.roots, dtype=np.int64),
        drawn.is_reference, out_start, out,
    )  # fmt: skip
    whole = drawn.build([])
    for k, lost in enumerate(drawn.outages):
        left = drawn.build(lost)
        expected: list[int] = []
        special = False
        for root in drawn.roots:
            island, alive = nx.node_connected_component(whole, root), nx.node_connected_component(left, root)
            gone = island - alive
            expected += gone
            if gone:
                special |= bool(drawn.is_reference[list(gone)].any()) or 2 * len(gone) >= len(island)
        assert sorted(found[start[k] : start[k + 1]].tolist()) == sorted(expected)
        assert unusual[k] == special


@settings(max_examples=60, deadline=None)
@given(cases())
def test_search_meets_every_node_once_and_knows_the_bridges(drawn: Drawn) -> None:
    roots = np.array(drawn.roots, dtype=np.int64)
    start, node, branch = list_neighbours(drawn.n, drawn.ends, drawn.others, drawn.on)
    order, place, size, below = search_depth_first(start, node, branch, roots, len(drawn.on))
    graph = drawn.build([])
    for i in range(drawn.n):
        # a branch with both ends here is met from either
        ends = [(drawn.ends, drawn.others), (drawn.others, drawn.ends)]
        expected = [
            (int(far[k]), k) for own, far in ends for k in np.flatnonzero(drawn.on & (own == i)).tolist()
        ]
        place_of = slice(start[i], start[i + 1])
        assert sorted(zip(node[place_of].tolist(), branch[place_of].tolist(), strict=True)) == sorted(
            expected
        )
    reach = set().union(*(nx.node_connected_component(graph, root) for root in drawn.roots), set())
    met = order[order >= 0].tolist()
    assert sorted(met) == sorted(reach)
    assert all(place[i] == s for s, i in enumerate(met))
    for k in np.flatnonzero(drawn.on).tolist():
        f, t = int(drawn.ends[k]), int(drawn.others[k])
        if f not in reach:
            continue
        left = drawn.build([k])
        if below[k] < 0:
            assert nx.has_path(left, f, t)
        else:
            far = nx.node_connected_component(left, int(below[k]))
            first = int(place[below[k]])
            assert far == set(order[first : first + size[below[k]]].tolist())
            assert not far & set(drawn.roots)


@given(cases())
@settings(max_examples=60, deadline=None)
def test_components_are_those_of_networkx(drawn: Drawn) -> None:
    count, label = label_components(drawn.n, drawn.ends[drawn.on], drawn.others[drawn.on])
    parts = sorted(nx.connected_components(drawn.build([])), key=min)
    assert count == len(parts)
    assert [set(np.flatnonzero(label == part).tolist()) for part in range(count)] == parts


@given(st.integers(1, 12), st.data())
def test_bridges_equal_those_of_the_plain_search(n: int, data: st.DataObject) -> None:
    ends = st.integers(0, n - 1)
    edges = np.array(data.draw(st.lists(st.tuples(ends, ends), min_size=1, max_size=20)))
    on = np.array(data.draw(st.lists(st.booleans(), min_size=len(edges), max_size=len(edges))))
    start, end = edges[:, 0].copy(), edges[:, 1].copy()
    plain = np.zeros(len(edges), dtype=bool)
    plain[on] = find_bridge_positions(n, start[on], end[on])
    assert find_bridges(n, start, end, on).tolist() == plain.tolist()
