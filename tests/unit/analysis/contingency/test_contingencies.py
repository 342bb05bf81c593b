"""Contingencies as data."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.case.compile import compile_case
from gridhub.errors import OptionError
from tests.small_networks import make_double_feed, make_meshed, make_table


def test_single_elements_in_service_only() -> None:
    net = make_double_feed()
    line = net.line
    line.loc["ab2", "in_service"] = False
    table = gh.list_contingencies(net.replace(line=line))
    assert list(table.index) == ["ab1", "bc"]
    assert table.loc["ab1", "elements"] == ("ab1",)
    assert set(table["kind"]) == {"line"}
    assert table.index.name == "contingency"


def test_towers_plants_data_centers_and_bus_sections() -> None:
    net = make_double_feed()
    units, loads = net.generator, net.load
    units["plant"] = ["station", "station"]
    loads["kind"], loads["name"] = ["data_center", "data_center"], ["hub", "hub"]
    net = net.replace(generator=units, load=loads)
    table = gh.list_contingencies(net, kinds=["tower", "plant", "data_center", "bus_section", "generator"])
    assert table.loc["tower:t1", "elements"] == ("ab1", "ab2")
    assert table.loc["plant:station", "elements"] == ("big", "small")
    assert table.loc["data_center:hub", "elements"] == ("at b", "at c")
    assert set(table.loc["bus_section:b", "elements"]) == {"ab1", "ab2", "bc", "at b"}
    assert table.loc["big", "kind"] == "generator"


def test_lowest_voltage_compares_with_the_higher_end() -> None:
    net = make_meshed(1)
    bus = net.bus
    bus["vn_kv"] = 154.0
    bus.loc["bus 0", "vn_kv"] = 345.0
    net = net.replace(bus=bus)
    table = gh.list_contingencies(net, min_kv=300.0)
    touching = net.branches().query("from_bus == 'bus 0' or to_bus == 'bus 0'").index
    assert set(table.index) == set(touching)


def test_unknown_kind_is_an_option_error_and_nothing_found_an_empty_table() -> None:
    with pytest.raises(OptionError, match="unknown kind"):
        gh.list_contingencies(make_double_feed(), kinds=["bridge"])
    empty = gh.list_contingencies(make_double_feed(), kinds=["hvdc_pole"])
    assert len(empty) == 0
    assert list(empty.columns) == ["kind", "elements"]
    with pytest.raises(ValueError, match="empty"):
        gh.run_security(make_double_feed(), empty)


def test_every_fault_of_a_users_table_is_listed_at_once() -> None:
    net = make_double_feed()
    table = make_table(id=["one", "two", "two"], elements=[("ab1", "nowhere"), ("nothing",), ()])
    with pytest.raises(gh.InputError) as caught:
        find_outages(net, compile_case(net), table)
    codes = sorted(issue.code for issue in caught.value.issues)
    assert codes == ["E-DUP", "E-EMPTY", "E-REF", "E-REF"]
    assert {issue.value for issue in caught.value.issues if issue.code == "E-REF"} == {"nowhere", "nothing"}


def test_same_id_in_two_tables_is_told_apart_by_kind() -> None:
    net = make_double_feed()
    units = net.generator.rename(index={"small": "ab1"})
    net = net.replace(generator=units)
    table = gh.list_contingencies(net, kinds=["line", "generator"])
    assert "line:ab1" in table.index
    assert "generator:ab1" in table.index
    outages = dict(zip(table.index, find_outages(net, compile_case(net), table), strict=True))
    assert outages["generator:ab1"].generator == (1,)
    assert outages["line:ab1"].branch == (0,)


def test_a_single_id_may_stand_without_a_tuple() -> None:
    net = make_double_feed()
    table = pd.DataFrame({"elements": ["ab1"]}, index=["lost"])
    assert find_outages(net, compile_case(net), table)[0].branch == (0,)
