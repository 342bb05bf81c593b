"""Pages of the accounting and of sizes: the score beside the annual claim, and what was left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.report.carbon_page import build_carbon_page
from gridhub.report.page import CurveChart
from gridhub.report.sizing_page import build_curve_page, build_sizing_page
from tests.unit.analysis.carbon.test_hub_sizing import make_hub, make_profiles, place_hub


def make_match(**more: object) -> object:
    hours = pd.date_range("2025-01-01", periods=48, freq="h")
    day = np.tile(np.r_[np.zeros(6), np.full(12, 30.0), np.zeros(6)], 2)
    return gh.match_carbon_free(
        pd.DataFrame({"hall": 10.0}, index=hours),
        pd.DataFrame({"sun": day}, index=hours),
        contracts=[gh.HubContract("나주 hub", ["hall"], ["sun"])],
        **more,
    )


def test_the_annual_claim_stands_beside_the_score():
    page = build_carbon_page(make_match())
    assert page.verdict is not None
    assert page.verdict.word == "50 % carbon-free by the hour"
    assert "150 % of it over all hours" in page.verdict.sentence
    assert {number.label: number.value for number in page.key_numbers}["Annual share (RE100)"] == 100.0
    duration = page.sections[0].blocks[1]
    assert isinstance(duration, CurveChart)
    x, y = duration.curves["나주 hub"]
    assert np.interp([25.0, 75.0], x, y).tolist() == [100.0, 0.0]
    day = page.sections[0].blocks[2]
    assert isinstance(day, CurveChart)
    assert day.curves["delivered by its plants"][1][12] == 30.0
    assert {"Emissions", "Certificates"} <= {item.what for item in page.not_assessed}


def test_the_grids_mix_is_a_figure_of_its_own():
    page = build_carbon_page(make_match(grid_share=0.4))
    values = {number.label: number.value for number in page.key_numbers}
    assert values["With the grid's mix"] == pytest.approx(70.0)


def test_what_is_burnt_on_site_is_a_figure_and_a_column_where_there_is_any():
    index = pd.RangeIndex(3)
    match = gh.match_carbon_free(
        pd.DataFrame({"hall": 10.0}, index=index),
        pd.DataFrame({"sun": [0.0, 5.0, 20.0]}, index=index),
        contracts=[gh.HubContract("hub", ["hall"], ["sun"], generators=["gt"])],
        on_site=pd.DataFrame({"gt": 4.0}, index=index),
    )
    page = build_carbon_page(match)
    assert {number.label: number.value for number in page.key_numbers}["Burnt on site"] == 0.012
    assert "on_site_mwh" in (page.tables[0].show or [])
    plain = build_carbon_page(make_match())
    assert "Burnt on site" not in {number.label for number in plain.key_numbers}
    assert "on_site_mwh" not in (plain.tables[0].show or [])


def test_hours_without_a_clock_have_no_mean_day():
    index = pd.RangeIndex(3)
    match = gh.match_carbon_free(
        pd.DataFrame({"hall": 10.0}, index=index),
        pd.DataFrame({"sun": [0.0, 5.0, 20.0]}, index=index),
        contracts=[gh.HubContract("hub", ["hall"], ["sun"])],
    )
    assert [type(block) for block in build_carbon_page(match).sections[0].blocks].count(CurveChart) == 1


def test_a_curve_is_written_with_its_files(tmp_path: Path):
    hub = make_hub()
    net = place_hub(hub)
    curve = gh.trace_hub_sizing(net, hub, make_profiles(), [0.6, 0.9])
    page = build_curve_page(curve)
    assert page.verdict is not None
    assert "as asked" in page.verdict.word
    chart = page.sections[0].blocks[0]
    assert isinstance(chart, CurveChart)
    assert chart.curves["cheapest mix"][0] == pytest.approx([60.0, 90.0])
    report = gh.write_report(tmp_path / "out", curve, net)
    assert report.is_file()
    table = pd.read_csv(tmp_path / "out/tables/sizing.csv")
    assert table["what"].tolist() == ["60 % asked for", "90 % asked for", "as asked"]
    assert table["cell_mwh"].iloc[-1] == 200.0
    assert len(pd.read_csv(tmp_path / "out/tables/carbon_hours.csv")) == len(curve.as_asked.hourly)


def test_one_sizing_has_a_page_too():
    hub = make_hub()
    sizing = gh.size_hub(place_hub(hub), hub, make_profiles(), 0.9)
    page = build_sizing_page(sizing)
    assert page.subtitle == "90 % of its energy at least cost"
    assert any("discount rate" in item.value for item in page.assumptions)
    assert {"The grid", "Forecast errors"} <= {item.what for item in page.not_assessed}
