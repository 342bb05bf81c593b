"""Bridges against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gridhub.kernels.graph import find_bridge_positions


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    n = draw(st.integers(1, 12))
    ends = st.integers(0, n - 1)
    return n, draw(st.lists(st.tuples(ends, ends), max_size=20))


@given(graphs())
def test_bridges_are_what_splits_the_graph_when_taken_out(case):
    n, edges = case
    found = find_bridge_positions(
        n, np.array([i for i, _ in edges], dtype=int), np.array([j for _, j in edges], dtype=int)
    )
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((i, j, k) for k, (i, j) in enumerate(edges))
    whole = nx.number_connected_components(graph)
    for k, (i, j) in enumerate(edges):
        graph.remove_edge(i, j, key=k)
        assert found[k] == (nx.number_connected_components(graph) > whole)
        graph.add_edge(i, j, key=k)


def test_ten_thousand_buses_in_a_row_are_all_bridges():
    n = 10_000
    start = np.arange(n - 1)
    assert find_bridge_positions(n, start, start + 1).all()
