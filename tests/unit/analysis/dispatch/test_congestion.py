"""The congestion report against a dispatch counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.dispatch.congestion import map_congestion, report_congestion, sort_flows
from tests.unit.analysis.dispatch.test_dispatch import price_triangle


def test_hours_energy_and_rent_are_added_up() -> None:
    load = pd.DataFrame({"demand": [100.0, 300.0, 240.0]}, index=["night", "noon", "evening"])
    report = report_congestion(gh.run_dispatch(price_triangle(), {("load", "p_mw"): load}))
    # ac is full whenever the cheap unit alone would load it beyond 150 MW: above 225 MW
    row = report.loc["branch", "ac"]
    assert row["hours"] == 2
    assert row["energy_mwh"] == pytest.approx(300.0)
    assert row["rent"] == pytest.approx(2 * 60.0 * 150.0)
    assert (row["worst_contingency"], row["excess_mwh"]) == ("", 0.0)


def test_states_of_one_hour_count_once() -> None:
    net = price_triangle(300.0)
    soft = {"excess_price_after": 200.0}
    found = gh.run_dispatch(net, security="n-1", options=soft)
    report = report_congestion(found)
    assert (found.congestion["hour"] == "snapshot").all()
    assert report["hours"].max() == 1
    assert report["rent"].sum() == pytest.approx(found.congestion["rent"].sum())
    assert report["rent"].is_monotonic_decreasing
    assert set(report["worst_contingency"]) & {"ac", "bc"}


def test_without_congestion_the_report_is_empty() -> None:
    report = report_congestion(gh.run_dispatch(price_triangle(50.0)))
    assert report.empty
    assert "rent" in report


def test_flows_are_sorted_and_the_map_holds_every_hour() -> None:
    hours = pd.date_range("2025-03-01", periods=26, freq="h")
    demand = [100.0] * 24 + [300.0, 240.0]
    found = gh.run_dispatch(
        price_triangle(), {("load", "p_mw"): pd.DataFrame({"demand": demand}, index=hours)}
    )
    sorted_flows = sort_flows(found)
    assert sorted_flows.columns.tolist() == ["ac"]
    # two thirds of what the cheap unit gives, 150 MW at most
    assert sorted_flows["ac"].tolist() == pytest.approx([150.0, 150.0] + [200.0 / 3.0] * 24)
    heat = map_congestion(found)
    assert heat.columns.tolist() == ["2025-03-01", "2025-03-02"]
    assert heat.loc[[0, 1], "2025-03-02"].tolist() == pytest.approx([60.0 * 150.0] * 2)
    assert heat["2025-03-01"].sum() == 0.0
    assert heat.loc[2:, "2025-03-02"].isna().all()


def test_hours_without_a_time_are_counted_in_days() -> None:
    load = pd.DataFrame({"demand": [300.0] * 30})
    heat = map_congestion(gh.run_dispatch(price_triangle(), {("load", "p_mw"): load}))
    assert heat.shape == (24, 2)
    assert heat.notna().to_numpy().sum() == 30
