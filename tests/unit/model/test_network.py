"""`Network` is a value: frozen, complete, and changed only by making another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.errors import SchemaError
from gridhub.model.network import Network, build_network
from gridhub.model.schema import read_schema


def build_pair() -> Network:
    bus = pd.DataFrame({"vn_kv": [345.0, 345.0]}, index=["a", "b"])
    load = pd.DataFrame({"bus": ["a"], "p_mw": [1.0]}, index=["d"])
    return build_network("pair", bus=bus, load=load, title="Two")


def test_every_table_is_there_with_every_column():
    net = build_pair()
    for table, columns in read_schema().items():
        assert list(net.tables[table].columns) == list(columns)


def test_replace_gives_a_new_network_and_leaves_the_old_one():
    net = build_pair()
    other = net.replace(load=net.load.assign(p_mw=2.0), name="other")
    assert (net.name, net.load.loc["d", "p_mw"]) == ("pair", 1.0)
    assert (other.name, other.load.loc["d", "p_mw"], other.title) == ("other", 2.0, "Two")


def test_replace_takes_over_the_tables_that_do_not_change():
    net = build_pair()
    other = net.replace(load=net.load.assign(p_mw=2.0))
    assert other.tables["bus"] is net.tables["bus"]
    assert other.replace(title="x").tables["load"] is other.tables["load"]
    assert set(other.tables) == set(read_schema())


def test_a_replaced_table_is_completed_and_checked():
    net = build_pair()
    assert net.replace(load=pd.DataFrame({"bus": ["a"], "p_mw": [3]})).load.in_service.tolist() == [True]
    with pytest.raises(SchemaError, match="E-NUMBER"):
        net.replace(load=pd.DataFrame({"bus": ["a"], "p_mw": ["much"]}))


def test_stored_tables_cannot_be_written_to_and_copies_can():
    net = build_pair()
    with pytest.raises(ValueError, match="read-only"):
        net.tables["load"]["p_mw"].to_numpy()[0] = 5.0
    copy = net.load
    copy["p_mw"] = np.array([9.0])
    assert net.load.loc["d", "p_mw"] == 1.0


@pytest.mark.parametrize("name", ["buses", "_bus", "loads"])
def test_unknown_tables_are_attribute_errors(name):
    with pytest.raises(AttributeError):
        getattr(build_pair(), name)


def test_unknown_parts_are_refused():
    net = build_pair()
    with pytest.raises(TypeError):
        net.replace(colour="red")
    with pytest.raises(KeyError, match="busses"):
        Network(name="x", base_mva=100.0, tables={"busses": net.bus})


def test_branches_come_in_the_order_of_the_source_where_it_has_one():
    bus = pd.DataFrame({"vn_kv": [345.0, 154.0]}, index=["a", "b"])
    line = pd.DataFrame(
        {"from_bus": "a", "to_bus": "a", "r_ohm": 1.0, "x_ohm": 1.0, "source_row": [3]}, index=["l"]
    )
    transformer = pd.DataFrame({"from_bus": "a", "to_bus": "b", "x_pu": 0.1, "source_row": [1]}, index=["t"])
    net = build_network("n", bus=bus, line=line, transformer=transformer)
    branches = net.branches()
    assert branches.index.tolist() == ["t", "l"]
    assert branches.kind.tolist() == ["transformer", "line"]
    assert branches.vn_kv.tolist() == [345.0, 345.0]
    plain = net.replace(line=net.line.assign(source_row=np.nan))
    assert plain.branches().index.tolist() == ["l", "t"]


def test_a_network_without_branches_lists_none():
    assert build_pair().branches().empty
