"""The congestion report against a dispatch counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.congestion import report_congestion
from tests.unit.analysis.test_dispatch import price_triangle


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
