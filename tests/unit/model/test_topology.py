"""Islands, bridges and tower groups against networkx and against small cases worked by hand."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.model.network import Network, build_network
from gridhub.model.topology import (
    find_bridges,
    find_islands,
    find_reference_buses,
    find_tower_groups,
)


def build_graph(n: int, edges: list[tuple[int, int]]) -> nx.MultiGraph:
    graph = nx.MultiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from((i, j, k) for k, (i, j) in enumerate(edges))
    return graph


def build_lines(n: int, edges: list[tuple[int, int]], **columns: object) -> Network:
    bus = pd.DataFrame({"vn_kv": np.full(n, 345.0)}, index=[f"b{i}" for i in range(n)])
    line = pd.DataFrame(
        {
            "from_bus": [f"b{i}" for i, _ in edges],
            "to_bus": [f"b{j}" for _, j in edges],
            "r_ohm": 1.0,
            "x_ohm": 10.0,
            **columns,
        },
        index=[f"l{k}" for k in range(len(edges))],
    )
    return build_network("graph", bus=bus, line=line)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    n = draw(st.integers(1, 12))
    ends = st.integers(0, n - 1)
    return n, draw(st.lists(st.tuples(ends, ends), max_size=20))


@given(graphs())
def test_islands_are_the_connected_components(case):
    n, edges = case
    islands = find_islands(build_lines(n, edges))
    expected = {frozenset(f"b{i}" for i in part) for part in nx.connected_components(build_graph(n, edges))}
    assert {frozenset(group.index) for _, group in islands.groupby(islands)} == expected
    firsts = islands.drop_duplicates()
    assert firsts.tolist() == list(range(len(expected)))


def test_parallel_circuits_are_no_bridges_until_one_is_open():
    edges = [(0, 1), (0, 1), (1, 2)]
    assert find_bridges(build_lines(3, edges)) == ("l2",)
    assert find_bridges(build_lines(3, edges, in_service=[True, False, True])) == ("l0", "l2")


def test_a_bus_out_of_service_belongs_to_no_island_and_cuts_its_lines():
    net = build_lines(3, [(0, 1), (1, 2)])
    bus = net.bus.assign(in_service=[True, False, True])
    assert find_islands(net.replace(bus=bus)).tolist() == [0, -1, 1]
    assert find_bridges(net.replace(bus=bus)) == ()


def test_no_bus_gives_no_island():
    net = build_network("empty")
    assert find_islands(net).empty
    assert find_bridges(net) == ()
    assert find_reference_buses(net).empty


def test_a_dangling_end_connects_nothing():
    net = build_lines(2, [(0, 1)])
    assert find_islands(net.replace(line=net.line.assign(to_bus="999"))).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("flags", "p_max", "regulating", "expected", "named"),
    [
        ([False, True, False], [10.0, 20.0, 30.0], [True, True, True], "b1", True),
        ([False, False, False], [10.0, 20.0, 15.0], [True, True, True], "b1", False),
        ([False, False, False], [20.0, 20.0, 15.0], [True, True, True], "b0", False),
        ([False, False, False], [np.nan, 20.0, 30.0], [True, True, False], "b1", False),
        ([False, False, False], [10.0, 20.0, 30.0], [False, False, False], "", False),
        ([False, True, True], [10.0, 20.0, 30.0], [False, False, False], "b1", True),
    ],
)
def test_reference_bus_of_an_island(flags, p_max, regulating, expected, named):
    net = build_lines(3, [(0, 1), (1, 2)])
    generator = pd.DataFrame(
        {"bus": ["b0", "b1", "b2"], "p_max_mw": p_max, "regulating": regulating}, index=["g0", "g1", "g2"]
    )
    net = net.replace(bus=net.bus.assign(reference=flags), generator=generator)
    references = find_reference_buses(net)
    assert references.bus.tolist() == [expected]
    assert references.named.tolist() == [named]


def test_every_island_gets_its_own_reference():
    net = build_lines(4, [(0, 1), (2, 3)])
    generator = pd.DataFrame({"bus": ["b3", "b0"], "p_max_mw": [5.0, 1.0]}, index=["g", "h"])
    assert find_reference_buses(net.replace(generator=generator)).bus.tolist() == ["b0", "b3"]


def test_tower_groups_hold_two_circuits_or_more():
    net = build_lines(3, [(0, 1), (0, 1), (1, 2), (1, 2)], tower=["t1", "t1", "", "t2"])
    assert find_tower_groups(net) == {"t1": ("l0", "l1")}
