"""A hub study as a page: what it found is all there, with names, and nothing is left out in silence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from gridhub.analysis.hub.hub import HubStudy, run_hub_study
from gridhub.model.network import Network, build_network
from gridhub.placement.hub import DataCenter, Hub, OnSiteGenerator, RenewablePlant
from gridhub.report.hub_page import build_hub_page
from gridhub.report.hub_sections import find_worst_snapshot
from gridhub.report.page import NOT_ASSESSED, MapLayers, TableBlock
from gridhub.report.write import write_report
from tests.unit.report.sample_page import HOSTILE

COSTS = """
schema_version = 1
currency = "KRW"
money_unit = "bn KRW"

[cost.line_345_overhead]
low = 3.0
base = 4.0
high = 7.0
unit = "bn KRW per route-km, double circuit"
price_year = "2024"
source = "assumed, no source"
confidence = "assumed"

[cost.contingency]
low = 1.0
base = 1.1
high = 1.2
unit = "factor"
price_year = "2024"
source = "assumed, no source"
confidence = "assumed"
"""


def build_ring(documents: dict[str, str]) -> Network:
    """A ring of three 345 kV sites; one side is weak."""
    bus = pd.DataFrame(
        {
            "vn_kv": 345.0,
            "name": ["Alpha 345 kV", "Beta <b>", "Gamma"],
            "name_ko": ["알파345kV", "", "감마"],
            "lat": [36.0, 36.5, 35.5],
            "lon": [127.0, 128.0, 128.5],
        },
        index=["a", "b", "c"],
    )
    line = pd.DataFrame(
        {
            "from_bus": ["a", "a", "b"],
            "to_bus": ["b", "c", "c"],
            "length_km": 60.0,
            "r_ohm": 2.0,
            "x_ohm": 20.0,
            "b_us": 290.0,
            "rate_mva": [400.0, 400.0, 400.0],
            "circuit": "1",
            "route": ["a--b", "a--c", "b--c"],
        },
        index=["a--b:1", "a--c:1", "b--c:1"],
    )
    generator = pd.DataFrame(
        {
            "bus": ["a"],
            "p_mw": 300.0,
            "p_max_mw": 3000.0,
            "q_min_mvar": -900.0,
            "q_max_mvar": 900.0,
            "vm_pu": 1.02,
        },
        index=["g1"],
    )
    load = pd.DataFrame({"bus": ["c"], "p_mw": 300.0, "q_mvar": 50.0}, index=["d1"])
    return build_network(
        "ring",
        title="Ring",
        licence="CC0",
        bus=bus,
        line=line,
        generator=generator,
        load=load,
        documents=documents,
    )


@pytest.fixture(scope="module", params=["with costs", "bare"])
def study(request: pytest.FixtureRequest) -> HubStudy:
    documents = {"costs": COSTS} if request.param == "with costs" else {}
    center = DataCenter("hall", contract_mw=300.0, bus="c")
    hub = Hub(center, plants=(RenewablePlant("field", kind="solar", p_mw=50.0, bus="b"),))
    return run_hub_study(build_ring(documents), hub, criteria=None)


def test_on_site_generation_has_its_table_and_its_assumptions():
    center = DataCenter("hall", contract_mw=300.0, bus="c", ups_mw=200.0, ups_minutes=10.0)
    units = [OnSiteGenerator("gt", p_mw=120.0, cost_per_mwh=80.0), OnSiteGenerator("set", "diesel", 300.0)]
    standby = replace(units[1], standby=True)
    found = run_hub_study(build_ring({}), Hub(center, generators=[units[0], standby]), criteria=None)
    page = build_hub_page(found)
    (table,) = (block for block in page.tables if block.file == "on_site_losses")
    assert table.frame[["draw_before_mw", "draw_after_mw"]].to_numpy().tolist() == [
        pytest.approx([180.0, 300.0])
    ]
    said = " ".join(f"{one.what} {one.value}" for one in page.assumptions)
    for words in ("gas turbine on lng, marginal cost 80", "exports nothing", "standby", "200 MW for 10 min"):
        assert words in said
    resting = run_hub_study(build_ring({}), Hub(center, generators=[standby]), criteria=None)
    (empty,) = (block for block in build_hub_page(resting).tables if block.file == "on_site_losses")
    assert empty.frame.empty and "standby" in empty.empty


def test_answer_comes_first(study: HubStudy):
    page = build_hub_page(study)
    assert page.verdict is not None
    assert page.verdict.word.lower() == study.outcome
    figures = {number.label: number.value for number in page.key_numbers}
    assert figures["Asked for"] == 300.0
    assert figures["The bus takes without works"] == study.headroom.near_mw
    assert figures["Limits newly broken"] == float((study.violations["change"] == "caused").sum()) > 0


def test_every_violation_is_in_a_table(study: HubStudy):
    tables = {block.file: block for block in build_hub_page(study).tables}
    found = sum(len(block.frame) for name, block in tables.items() if name.startswith("violations_"))
    assert found == len(study.violations)


def test_every_table_of_the_study_is_written(study: HubStudy, tmp_path: Path):
    write_report(tmp_path, study)
    for name, rows in {
        "states": study.states,
        "placements": study.placements,
        "interfaces": study.interfaces,
        "hub_losses": study.hub_losses,
        "supplying_banks": study.supplying_banks,
        "raised_branches": study.raised_branches,
        "sensitivities": study.sensitivities,
    }.items():
        if len(rows):
            assert len(pd.read_parquet(tmp_path / "tables" / f"{name}.parquet")) == len(rows)


def test_map_shows_before_and_after(study: HubStudy):
    layers = build_hub_page(study).layers
    assert isinstance(layers, MapLayers)
    assert {state.variant for state in layers.states} == {"before", "after"}
    assert set(layers.outages["variant"]) >= {"after"}


def test_page_names_sites_and_holds_no_markup_of_theirs(study: HubStudy, tmp_path: Path):
    text = write_report(tmp_path, study).read_text(encoding="utf-8")
    assert "알파 Alpha" in text
    assert "Beta <b>" not in text
    assert "Beta &lt;b&gt;" in text
    assert HOSTILE[0] not in text


def test_no_cell_of_a_shown_table_is_a_bare_circuit_id(study: HubStudy):
    for block in build_hub_page(study).tables:
        for column in block.show or block.frame.columns:
            if column in block.frame and block.frame[column].dtype == object:
                cells = block.frame[column].astype(str)
                assert not cells.str.fullmatch(r"[abc]--[abc]:\d").any(), (block.file, column)


def test_shown_columns_exist(study: HubStudy):
    for section in build_hub_page(study).sections:
        for block in section.blocks:
            if isinstance(block, TableBlock) and len(block.frame):
                known = {*block.frame.columns, block.frame.index.name}
                assert set(block.show) <= known, (block.caption, set(block.show) - known)


def test_open_questions_are_listed_once(study: HubStudy):
    items = [item.what for item in build_hub_page(study).not_assessed]
    assert len(items) == len(set(items))
    assert {item.what for item in NOT_ASSESSED} <= set(items)
    assert not any(re.search("harmonics", item) for item in items)


def test_worst_snapshot_is_one_of_the_study(study: HubStudy):
    assert find_worst_snapshot(study) in study.snapshots
