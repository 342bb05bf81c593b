"""Circuits that one event can take together."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.contingency.shared_structures import find_corridors, group_circuits
from gridhub.model.network import build_network
from tests.small_networks import make_double_feed, make_table


def make_fan() -> gh.Network:
    """Lines from one station: two to a place 20 km east, one to 1 km north of it, one west, a cable."""
    bus = make_table(
        id=["hub", "east", "beside", "west"],
        vn_kv=345.0,
        lat=[36.0, 36.0, 36.009, 36.0],
        lon=[127.0, 127.222, 127.222, 126.8],
        reference=[True, False, False, False],
    )
    line = make_table(
        id=["e1", "e2", "near", "w", "cable"],
        from_bus="hub",
        to_bus=["east", "east", "beside", "west", "east"],
        r_ohm=1.0,
        x_ohm=9.0,
        construction=["overhead", "overhead", "", "overhead", "cable"],
    )
    return build_network("fan", bus=bus, line=line)


def test_lines_that_part_slowly_share_what_plane_geometry_says() -> None:
    found = find_corridors(make_fan()).set_index(["first", "second"])
    assert set(found.index) == {("e1", "e2"), ("e1", "near"), ("e2", "near")}
    assert found.loc[("e1", "e2"), "shared_km"] == pytest.approx(20.0, rel=0.01)
    # sine of the angle between them is 1.0 / 20.0, so they are 0.1 km apart after 2 km
    assert found.loc[("e1", "near"), "shared_km"] == pytest.approx(2.0, rel=0.02)
    assert find_corridors(make_fan(), shared_km=2.5)[["first", "second"]].to_numpy().tolist() == [
        ["e1", "e2"]
    ]


def test_circuits_of_one_tower_are_one_structure() -> None:
    net = make_fan()
    line = net.line
    line["tower"] = ["t", "t", "", "", ""]
    found = gh.list_contingencies(net.replace(line=line), kinds=["parallel"])
    assert found["elements"].to_dict() == {"parallel:t + near": ("e1", "e2", "near")}


def test_without_coordinates_and_with_short_lines_there_is_no_corridor() -> None:
    assert find_corridors(make_double_feed()).empty
    net = make_fan()
    line = net.line
    line["length_km"] = 1.5
    assert find_corridors(net.replace(line=line)).empty


def test_four_circuit_towers_and_tunnels() -> None:
    net = make_double_feed(circuits=4)
    line = net.line
    line["tunnel"] = ["", "", "south", "south", ""]
    net = net.replace(line=line)
    found = gh.list_contingencies(net, kinds=["four_circuit_tower", "cable_tunnel"])
    assert found["elements"].to_dict() == {
        "four_circuit_tower:t1": ("ab1", "ab2", "ab3", "ab4"),
        "cable_tunnel:south": ("ab3", "ab4"),
    }
    assert gh.list_contingencies(make_double_feed(), kinds=["four_circuit_tower", "cable_tunnel"]).empty


def test_an_empty_cell_names_no_group() -> None:
    circuits = pd.DataFrame({"tunnel": [None, "", "a", "a"]}, index=list("wxyz"))
    assert group_circuits(circuits, "tunnel", 2) == [("a", ("y", "z"))]
