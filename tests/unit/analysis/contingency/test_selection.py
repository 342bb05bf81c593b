"""Contingencies chosen by place and name."""

from __future__ import annotations

import pytest

import gridhub as gh
from gridhub.errors import OptionError
from tests.small_networks import make_double_feed


def make_named() -> gh.Network:
    net = make_double_feed()
    bus, line = net.bus, net.line
    bus["province"] = ["North", "North", "South"]
    bus["area"] = ["1", "2", "2"]
    line["name_ko"] = ["가나 1", "가나 2", "나다"]
    return net.replace(bus=bus, line=line)


def test_an_end_in_the_place_is_enough() -> None:
    net = make_named()
    assert list(gh.list_contingencies(net, province="South").index) == ["bc"]
    assert list(gh.list_contingencies(net, area="1").index) == ["ab1", "ab2"]
    assert list(gh.list_contingencies(net, area="1", province="South").index) == []
    units = gh.list_contingencies(net, kinds=["generator"], province=["South", "North"])
    assert list(units.index) == ["big", "small"]


def test_patterns_fit_ids_names_and_the_contingency_itself() -> None:
    net = make_named()
    assert list(gh.list_contingencies(net, name="AB*").index) == ["ab1", "ab2"]
    assert list(gh.list_contingencies(net, name=["나다", "*2"]).index) == ["ab2", "bc"]
    assert list(gh.list_contingencies(net, kinds=["tower", "line"], name="tower:*").index) == ["tower:t1"]


def test_a_place_without_buses_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="'Nowhere'; there are: North, South"):
        gh.list_contingencies(make_named(), province="Nowhere")
    with pytest.raises(OptionError, match="name none"):
        gh.list_contingencies(make_named(), zone="9")
