"""Networks and documents by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from gridhub.criteria import read_criteria
from gridhub.errors import OptionError
from gridhub.model.files import write_network
from gridhub.model.network import build_network
from gridhub.reference import find_region_document, list_networks, load_network, read_region_table

TRANSMISSION = (
    "case14",
    "case24_ieee_rts",
    "case30",
    "case_ieee30",
    "case39",
    "case57",
    "case89pegase",
    "case118",
    "case145",
    "case_illinois200",
    "case300",
    "case1354pegase",
    "case1888rte",
    "case2848rte",
    "case2869pegase",
    "case3120sp",
    "case6470rte",
    "case6495rte",
    "case6515rte",
    "case9241pegase",
    "GBnetwork",
    "GBreducednetwork",
    "iceland",
)


def test_the_list_has_the_promised_columns_and_no_name_twice():
    table = list_networks()
    assert list(table.columns) == ["name", "buses", "branches", "vintage", "licence"]
    assert table.name.is_unique
    assert (table.buses > 0).all()
    assert (table.licence != "").all()


def test_the_transmission_networks_of_pandapower_are_listed():
    assert {f"pandapower:{name}" for name in TRANSMISSION} <= set(list_networks().name)


def test_listing_does_not_import_pandapower():
    code = "import sys, gridhub.reference as r; r.list_networks(); assert 'pandapower' not in sys.modules"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", ["case9", "case39", "case118", "create_cigre_network_hv", "example_multivoltage"]
)
def test_a_pandapower_network_loads_with_the_listed_counts(name):
    row = list_networks().set_index("name").loc[f"pandapower:{name}"]
    net = load_network(f"pandapower:{name}")
    assert net.name == f"pandapower:{name}"
    assert (len(net.bus), len(net.branches())) == (row.buses, row.branches)


def test_networks_of_regions_load_with_the_listed_counts():
    table = list_networks()
    regional = table[~table.name.str.startswith("pandapower:")]
    for row in regional.itertuples():
        net = load_network(row.name)
        assert net.name == row.name
        assert (len(net.bus), len(net.branches())) == (row.buses, row.branches)
        assert (net.vintage, net.licence) == (row.vintage, row.licence)


def test_a_folder_loads_by_its_path(tmp_path):
    net = build_network("mine", bus=pd.DataFrame({"vn_kv": [345.0]}, index=["a"]))
    folder = write_network(net, tmp_path / "mine")
    assert load_network(folder).name == "mine"
    assert load_network(str(folder)).name == "mine"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("pandapower:case188", "pandapower:case118"),
        ("case118", "pandapower:case118"),
        ("pandapower:os", "near it: pandapower:case"),
        ("", "there are"),
        ("nothing like it", "there are"),
    ],
)
def test_an_unknown_name_lists_those_near_it(name, near):
    with pytest.raises(KeyError, match="no network") as caught:
        load_network(name)
    assert near in str(caught.value)


def test_a_year_is_never_ignored(tmp_path):
    net = build_network("mine", bus=pd.DataFrame({"vn_kv": [345.0]}, index=["a"]), vintage="2025")
    folder = write_network(net, tmp_path / "mine")
    with pytest.raises(OptionError, match="2030"):
        load_network(folder, year=2030)


def test_documents_of_a_region():
    assert read_criteria(find_region_document("korea", "criteria")).name == "korea"


@pytest.mark.parametrize(
    ("region", "document", "hint"),
    [
        ("atlantis", "criteria", "korea"),
        ("korea", "criterion", "criteria"),
        ("../networks/korea", "criteria", "no region"),
        ("korea", "../korea/criteria", "no document"),
    ],
)
def test_an_unknown_region_or_document_is_a_key_error(region, document, hint):
    with pytest.raises(KeyError, match=hint):
        find_region_document(region, document)


def test_tables_of_a_region_are_found_by_network_and_unknown_ones_named():
    points = read_region_table("korea-2025-backbone", "landing_points")
    assert points.at["tokyo", "role"] == "hub city"
    with_plans = load_network("korea-2025-backbone", year=2030)
    assert read_region_table(with_plans.name, "landing_points").equals(points)
    with pytest.raises(KeyError, match="belongs to no region"):
        read_region_table("pandapower:case9", "sites")
    with pytest.raises(KeyError, match="no table 'landings'"):
        read_region_table("korea-2025", "landings")
