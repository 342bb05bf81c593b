"""From results to pages and folders, on a small grid and on hostile names."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import PowerFlow, run_power_flow
from gridhub.analysis.security.security import Security, run_security
from gridhub.errors import FileFormatError, GridhubError, OutputError
from gridhub.model.network import Network, build_network
from gridhub.placement.hub import DataCenter, Hub, RenewablePlant
from gridhub.placement.place import place
from gridhub.rating_rules import RatingRule
from gridhub.reference import load_network
from gridhub.report.corridors import find_corridors, find_sites, project
from gridhub.report.hosting import build_placement_section
from gridhub.report.hover import Hover
from gridhub.report.layers import build_layers, build_outages, build_state, sort_by_severity
from gridhub.report.names import build_names
from gridhub.report.outline import find_outline, read_outline
from gridhub.report.page import MapLayers, MapState, NotAssessed, Page, Section, TableBlock
from gridhub.report.rules import (
    find_ranges,
    list_connection_rules,
    list_costs,
    list_criteria,
    list_open_places,
)
from gridhub.report.security_page import build_security_page
from gridhub.report.write import build_files, join_pages, write_report
from tests.unit.analysis.security.test_screening_voltage import make_band
from tests.unit.report.sample_page import HOSTILE, build_page


@pytest.fixture(scope="module")
def net() -> Network:
    """Three sites in a triangle, one double circuit, a bank to 154 kV, a load that overloads one side."""
    bus = pd.DataFrame(
        {
            "vn_kv": [345.0, 345.0, 345.0, 154.0],
            "name": ["Alpha 345 kV", HOSTILE[0], "Gamma", "Gamma"],
            "name_ko": ["알파345kV", "", "감마", "감마"],
            "lat": [36.0, 36.5, 35.5, 35.5],
            "lon": [127.0, 128.0, 128.5, 128.5],
        },
        index=["a", "b", "c", "d"],
    )
    line = pd.DataFrame(
        {
            "from_bus": ["a", "a", "b", "a"],
            "to_bus": ["b", "b", "c", "c"],
            "length_km": 100.0,
            "r_ohm": 3.0,
            "x_ohm": 33.0,
            "b_us": 490.0,
            "rate_mva": [500.0, 500.0, np.nan, 300.0],
            "circuit": ["1", "2", "1", "1"],
            "tower": ["t1", "t1", "", ""],
            "assumed": [False, False, True, False],
        },
        index=["ab1", "ab2", "bc1", "ac1"],
    )
    transformer = pd.DataFrame(
        {
            "from_bus": ["c"],
            "to_bus": ["d"],
            "r_pu": 0.0005,
            "x_pu": 0.02,
            "rate_mva": 1000.0,
            "circuit": ["1"],
        },
        index=["t1"],
    )
    generator = pd.DataFrame(
        {
            "bus": ["a"],
            "p_mw": 600.0,
            "p_max_mw": 2000.0,
            "q_min_mvar": -900.0,
            "q_max_mvar": 900.0,
            "vm_pu": 1.02,
        },
        index=["g1"],
    )
    load = pd.DataFrame({"bus": ["d"], "p_mw": 600.0, "q_mvar": 100.0}, index=["d1"])
    return build_network(
        "tri",
        title="Triangle <b>",
        licence="CC0",
        attribution="made up",
        bus=bus,
        line=line,
        transformer=transformer,
        generator=generator,
        load=load,
    )


@pytest.fixture(scope="module")
def flow(net: Network) -> PowerFlow:
    return run_power_flow(net)


@pytest.fixture(scope="module")
def security(net: Network) -> Security:
    return run_security(net, verify="all")


def test_names_are_hangul_and_roman_without_the_voltage(net: Network):
    names = build_names(net)
    assert names.find("a", "place") == "알파 Alpha"
    assert names.find("a", "bus") == "알파 Alpha 345 kV"
    assert names.find("ac1") == "알파 Alpha – 감마 Gamma #1"
    assert names.find("t1") == "감마 Gamma 345/154 kV bank #1"
    assert names.find("unknown") == "unknown"
    assert (
        names.find_outage("tower:x", ["ab1", "ab2"])
        == f"알파 Alpha – {HOSTILE[0]} #1 + 알파 Alpha – {HOSTILE[0]} #2"
    )
    assert names.find_outage("") == "everything in service"
    assert (
        names.find_outage("tower:t1", ["ab1", "ab2"]) == f"알파 Alpha – {HOSTILE[0]}, tower with 2 circuits"
    )
    assert names.find_outage("bus_section:d", ["t1", "d1"]) == "everything at 감마 Gamma 154 kV"


def test_corridors_gather_circuits_and_sites_gather_buses(net: Network, flow: PowerFlow):
    layers = build_layers(net, [build_state(net, flow)])
    sites = find_sites(layers)
    assert [set(buses) for buses in sites["buses"]] == [{"a"}, {"b"}, {"c", "d"}]
    corridors = find_corridors(layers, sites)
    found = {
        frozenset(members): style
        for members, style in zip(corridors["members"], corridors["style"], strict=True)
    }
    assert found == {
        frozenset({"ab1", "ab2"}): "ac",
        frozenset({"bc1"}): "assumed",
        frozenset({"ac1"}): "ac",
    }


def test_projection_is_true_to_scale_at_its_origin():
    x, y = project(np.array([127.0, 127.01]), np.array([36.0, 36.0]), (127.0, 36.0))
    assert x[1] - x[0] == pytest.approx(111_195 * 0.01 * np.cos(np.radians(36.0)), rel=1e-3)
    assert y.tolist() == [0.0, 0.0]
    _, north = project(np.array([127.0]), np.array([37.0]), (127.0, 36.0))
    assert north[0] == pytest.approx(111_195, rel=1e-3)


def test_hover_tells_both_sides_of_an_outage(net: Network, security: Security):
    names = build_names(net)
    elements = {key: tuple(value) for key, value in security.contingencies["elements"].items()}
    outages = build_outages(security.violations, names, elements)
    assert len(outages) == len(security.violations) > 0
    worst = outages[outages["contingency"] != ""].iloc[0]
    state = MapState(worst["snapshot"], "", security.base.branch)
    buses, branches = net.bus.assign(label=""), net.branches().assign(label="", assumed=False)
    layers = MapLayers(buses, branches, [state], outages)
    hover = Hover(layers, state)
    assert f"after loss of {worst['contingency_label']}" in hover.describe_breaks([worst["element"]])
    assert hover.is_broken([worst["element"]])
    assert f"Its loss: {worst['element_label']}" in hover.describe_breaks(list(worst["outaged"]))
    other = Hover(layers, MapState("other", "", security.base.branch))
    assert other.describe_breaks([worst["element"]]) == ""
    assert not other.is_broken([worst["element"]])


def test_outages_stand_in_the_order_of_the_ranking_with_its_indices(net: Network, security: Security):
    page = build_security_page(security, net)
    tables = [block for section in page.sections for block in section.blocks if isinstance(block, TableBlock)]
    (table,) = [block for block in tables if block.file == "contingencies"]
    assert table.frame.index.tolist() == security.ranking.index.tolist()
    assert {"performance_index", "performance_index_voltage"} <= set(table.show)
    solved = security.ranking["status"].isin(["CONVERGED", "ISLANDED"])
    shown = table.frame.loc[solved.to_numpy(), "performance_index"]
    assert shown.tolist() == security.ranking.loc[solved, "performance_index"].tolist()


def test_what_cannot_be_measured_is_worst():
    table = pd.DataFrame(
        {"value": [110.0, np.nan, 0.9, 150.0], "limit": [100.0, np.nan, 0.95, 100.0]}, index=list("abcd")
    )
    assert sort_by_severity(table).index.tolist() == ["b", "d", "a", "c"]


def test_folder_of_a_power_flow(net: Network, flow: PowerFlow, tmp_path: Path):
    page = write_report(tmp_path / "run", net, flow)
    assert page == tmp_path / "run" / "report.html"
    files = {
        path.relative_to(tmp_path / "run").as_posix()
        for path in (tmp_path / "run").rglob("*")
        if path.is_file()
    }
    assert files == {"report.html", "map.geojson", "map.svg"} | {
        f"tables/{name}.{kind}" for name in ("branch", "bus") for kind in ("csv", "parquet")
    }
    stored = pd.read_parquet(tmp_path / "run" / "tables" / "branch.parquet").set_index("id")
    assert stored["p_from_mw"].reindex(flow.branch.index).tolist() == flow.branch["p_from_mw"].tolist()
    geojson = json.loads((tmp_path / "run" / "map.geojson").read_text(encoding="utf-8"))
    assert len(geojson["features"]) == len(net.bus) + len(net.branches())
    text = page.read_text(encoding="utf-8")
    assert "알파 Alpha" in text
    assert "<img" not in text


def test_folder_of_a_security_analysis_says_what_breaks(net: Network, security: Security, tmp_path: Path):
    text = write_report(tmp_path, net, security).read_text(encoding="utf-8")
    assert security.verdict == "insecure"
    assert "Not secure" in text
    assert "everything in service" in text
    stored = pd.read_csv(tmp_path / "tables" / "violations.csv", keep_default_na=False)
    assert len(stored) == len(security.violations)
    assert set(stored["element"]) == set(security.violations["element"])


def test_page_says_what_the_screen_missed_and_by_which_criteria_was_judged(net: Network, tmp_path: Path):
    judged = run_security(net, criteria="nerc-tpl")
    text = write_report(tmp_path, judged, net).read_text(encoding="utf-8")
    assert "What the screen missed" in text
    left = int((~judged.screen["solved_by_ac"]).sum())
    assert left > 0
    assert f"{left} outages rest on the screen alone" in text
    assert "TPL-001" in text
    assert "no limit" in text
    assert "lifeinfo5" not in text
    everything = run_security(net, verify="all")
    text = write_report(tmp_path / "all", everything, net).read_text(encoding="utf-8")
    assert "What the screen missed" in text
    assert "rest on the screen alone" not in text


def test_page_lists_what_a_rating_of_limited_time_allows(net: Network, tmp_path: Path):
    rules = (
        RatingRule("normal", "rate_mva", 1.0),
        RatingRule("outage", "rate_mva", 1.0),
        RatingRule("outage", "rate_b_mva", 1.8, 30.0, "line"),
    )
    judged = run_security(net, criteria=replace(make_band(0.5, 1.5), ratings=rules), screen=None)
    assert len(judged.relief) > 0
    text = write_report(tmp_path, net, judged).read_text(encoding="utf-8")
    assert "have to be relieved in time" in text
    stored = pd.read_csv(tmp_path / "tables" / "relief.csv")
    assert stored["element"].tolist() == (
        judged.relief.sort_values("loading_percent", ascending=False)["element"].tolist()
    )
    plain = write_report(tmp_path / "plain", net, run_security(net, verify="all"))
    assert "have to be relieved" not in plain.read_text(encoding="utf-8")


def test_report_works_without_the_network(security: Security, flow: PowerFlow, tmp_path: Path):
    text = write_report(tmp_path, security, flow).read_text(encoding="utf-8")
    assert "ab1" in text
    assert not (tmp_path / "map.geojson").exists()


def test_refuses_to_overwrite(flow: PowerFlow, tmp_path: Path):
    write_report(tmp_path, flow)
    before = (tmp_path / "report.html").read_bytes()
    with pytest.raises(OutputError, match="already holds"):
        write_report(tmp_path, flow)
    assert (tmp_path / "report.html").read_bytes() == before
    assert write_report(tmp_path, flow, force=True).read_bytes() == before


@pytest.mark.parametrize("results", [(), (3,), ("text",)])
def test_refuses_what_is_no_result(results: tuple[object, ...], tmp_path: Path):
    with pytest.raises(GridhubError, match=r"PowerFlow|power flow"):
        write_report(tmp_path / "x", *results)
    assert not (tmp_path / "x").exists()


def test_joined_pages_keep_every_section_and_table():
    block = TableBlock(pd.DataFrame({"a": [1]}), "t", "same")
    one = Page("one", sections=[Section("S", (), (block,))], not_assessed=[NotAssessed("x", "y")])
    two = Page(
        "two",
        sections=[Section("S", (), (block,))],
        not_assessed=[NotAssessed("x", "y"), NotAssessed("z", "")],
    )
    page = join_pages([one, two])
    assert [section.title for section in page.sections] == ["S", "S (two)"]
    assert [table.file for table in page.tables] == ["same", "same_2"]
    assert [item.what for item in page.not_assessed] == ["x", "z"]
    assert page.title == "one"


def test_table_names_cannot_leave_the_folder():
    page = Page("p", sections=[Section("S", (), (TableBlock(pd.DataFrame({"a": [1]}), "t", "../../etc/x"),))])
    assert {name for name in build_files(page) if name.endswith("csv")} == {"tables/etc_x.csv"}


def test_every_file_of_a_page_has_the_same_bytes_each_time():
    assert build_files(build_page()) == build_files(build_page())


def test_outline_of_a_region_is_found_by_its_buses():
    inside = pd.DataFrame({"lat": [36.0, 35.0, np.nan], "lon": [127.0, 128.0, np.nan]})
    rings = find_outline(inside)
    assert rings
    assert all(120 < lon < 135 for ring in rings for lon, _ in ring)
    assert find_outline(pd.DataFrame({"lat": [0.0], "lon": [0.0]})) == ()


@pytest.mark.parametrize(
    "text",
    ["not json", "{}", '{"type": "Polygon"}', '{"type": "Polygon", "coordinates": [[[36.0, 127.0]]]}', "[]"],
)
def test_bad_outline_is_named(text: str, tmp_path: Path):
    path = tmp_path / "outline.geojson"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match="E-GEOJSON"):
        read_outline(path)


@pytest.fixture(scope="module")
def placed() -> Network:
    """The backbone with a data center and a solar plant at Solaseado."""
    hub = Hub(
        DataCenter("솔라시도 hall", contract_mw=1000.0, lat=34.68, lon=126.43),
        plants=(RenewablePlant("field", kind="solar", p_mw=500.0, lat=34.72, lon=126.38),),
    )
    return place(load_network("korea-2025-backbone"), hub)


def test_hub_is_on_the_map_with_its_feeders(placed: Network):
    flow = run_power_flow(placed)
    layers = build_layers(placed, [build_state(placed, flow)])
    assert set(layers.hub["kind"]) == {"data_center", "solar"}
    assert np.isfinite(layers.hub[["lat", "lon"]].to_numpy(dtype=float)).all()
    assert (layers.branches["kind"] == "feeder").sum() == placed.placements["feeders"].sum()
    assert layers.outline
    links = layers.branches.index[layers.branches["kind"] == "hvdc"]
    assert len(links)
    assert layers.states[0].branch["loading_percent"].reindex(links).notna().any()


def test_connection_says_where_and_when(placed: Network):
    block = build_placement_section(placed, build_names(placed)).blocks[0]
    assert isinstance(block, TableBlock)
    assert block.frame["part"].tolist() == ["솔라시도 hall", "field"]
    assert not any("hub:" in str(name) for name in block.frame["connected_at"])


def test_rules_of_a_region_carry_their_sources(placed: Network):
    used = {rule for text in placed.placements["rules"] for rule in str(text).split(", ") if rule}
    for found in (list_criteria(placed), list_costs(placed), list_connection_rules(placed, used)):
        assert found
        assert all(item.source and item.confidence for item in found)
    assert {item.what.removeprefix("rule ") for item in list_connection_rules(placed, used)} == used
    assert list_costs(placed, ["line_345_overhead"])[0].what == "unit cost line 345 overhead"


def test_what_rests_on_missing_routes_is_said(placed: Network):
    found = {item.what: item.why for item in list_open_places(placed)}
    unsure = int((~placed.site["assessable"].astype(bool)).sum())
    assert f"{unsure} of {len(placed.site)} sites" in found
    assert any("assumed routes" in what for what in found)


def test_ranges_come_from_the_criteria(placed: Network):
    ranges = find_ranges(placed)
    assert set(ranges) <= set(placed.bus["vn_kv"])
    assert all(0.85 < low < 1.0 < high < 1.15 for low, high in ranges.values())
