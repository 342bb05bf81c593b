"""Areas: ids before provinces before zones, unions, and what is not there."""

from __future__ import annotations

import pytest

from gridhub.analysis.flow.areas import find_area_buses, name_area
from gridhub.model.network import Network, build_network
from tests.small_networks import make_table


def make_network() -> Network:
    bus = make_table(
        id=["a", "b", "c", "north"],
        vn_kv=345.0,
        province=["north", "north", "south", "south"],
        area=["", "main", "main", ""],
        zone=["", "", "", "far"],
    )
    return build_network("four", bus=bus)


def test_a_bus_id_counts_before_the_province_of_that_name() -> None:
    assert find_area_buses(make_network(), "north").tolist() == ["north"]


def test_several_names_are_a_union_in_the_order_of_the_table() -> None:
    assert find_area_buses(make_network(), ["far", "main", "a"]).tolist() == ["a", "b", "c", "north"]
    assert find_area_buses(make_network(), ["south", "c"]).tolist() == ["c", "north"]


def test_every_unknown_name_is_named() -> None:
    with pytest.raises(KeyError, match="x, y.*areas are north, south, main, far"):
        find_area_buses(make_network(), ["x", "a", "y"])
    with pytest.raises(KeyError, match="did you mean south. areas are"):
        find_area_buses(make_network(), "souths")
    with pytest.raises(KeyError, match="empty"):
        find_area_buses(make_network(), [])


def test_an_area_is_named_by_its_parts() -> None:
    assert name_area("north") == "north"
    assert name_area(["a", "b"]) == "a, b"
