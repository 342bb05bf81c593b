"""Bridges and cut pairs against networkx."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridhub.kernels.graph as graph_module
from gridhub.kernels.graph import find_bridge_positions, label_cut_pairs


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


@given(graphs(), st.sampled_from([1, 64]))
def test_cut_pairs_are_what_splits_the_graph_together(case, words):
    n, edges = case
    start, end = np.array([i for i, _ in edges], dtype=int), np.array([j for _, j in edges], dtype=int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "BLOCK_WORDS", words)
        label = label_cut_pairs(n, start, end)
    assert ((label == -1) == find_bridge_positions(n, start, end)).all()

    def count_without(*lost):
        graph = nx.MultiGraph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from(edge for k, edge in enumerate(edges) if k not in lost)
        return nx.number_connected_components(graph)

    whole = count_without()
    for i, j in itertools.combinations(np.flatnonzero(label >= 0).tolist(), 2):
        assert (label[i] == label[j]) == (count_without(i, j) > whole)


def test_labels_are_refined_block_by_block():
    # a ladder has more cycles than fit a block of one word; its rungs but the last two pair with nothing
    n = 100
    rails = [(side + i, side + i + 1) for side in (0, n) for i in range(n - 1)]
    edges = np.array(rails + [(i, n + i) for i in range(n)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_module, "BLOCK_WORDS", 1)
        label = label_cut_pairs(2 * n, edges[:, 0], edges[:, 1])
    upper, lower, rungs = label[: n - 1], label[n - 1 : 2 * n - 2], label[2 * n - 2 :]
    assert (upper == lower).all()
    assert len(set(upper.tolist())) == n - 1
    assert (rungs[0], rungs[-1]) == (upper[0], upper[-1])
    assert len(set(rungs.tolist()) - set(upper.tolist())) == n - 2
