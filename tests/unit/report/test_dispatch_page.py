"""Pages of a dispatch, of what changes between two, and of an AC check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.report.dispatch_page import build_change_page, build_check_page, build_dispatch_page
from gridhub.report.page import CurveChart, HeatChart, TableBlock
from tests.unit.analysis.dispatch.test_dispatch import price_triangle

HOURS = pd.date_range("2025-03-01", periods=30, freq="h")


def solve(security: str | None = None, most: float = 300.0) -> Dispatch:
    load = pd.DataFrame({"demand": np.linspace(100.0, most, len(HOURS))}, index=HOURS)
    return gh.run_dispatch(price_triangle(300.0), {("load", "p_mw"): load}, security, {"shed_price": 900.0})


def test_a_dispatch_shows_congestion_by_hour_and_duration() -> None:
    found = solve("n-1")
    page = build_dispatch_page(found)
    section = {part.title: part for part in page.sections}["Congestion"]
    heat = next(block for block in section.blocks if isinstance(block, HeatChart))
    assert (len(heat.rows), len(heat.columns)) == (24, 2)
    assert np.nansum(heat.values) == pytest.approx(found.congestion["rent"].sum())
    curve = next(block for block in section.blocks if isinstance(block, CurveChart))
    for x, y in curve.curves.values():
        assert (np.diff(x) > 0).all()
        assert (np.diff(y) <= 1e-9).all()
    numbers = {one.label: one.value for one in page.key_numbers}
    assert numbers["of it for N-1 security"] == pytest.approx(found.summary["security_cost"] / 1e6)
    assert any("Losses" in one.what for one in page.not_assessed)
    assert page.verdict is not None


def test_a_page_with_losses_says_which() -> None:
    found = gh.run_dispatch(price_triangle(300.0), options={"losses": "iterated"})
    named = [one.what for one in build_dispatch_page(found).not_assessed]
    assert "Losses by reactive power" in named
    assert "Losses of branches" not in named


def test_flexible_load_is_shown_with_what_is_not_held() -> None:
    load = pd.DataFrame({"demand": np.linspace(100.0, 300.0, len(HOURS))}, index=HOURS)
    flexible = {"demand": {"mw": 30.0, "energy_mwh": 90.0}}
    page = build_dispatch_page(
        gh.run_dispatch(price_triangle(300.0), {("load", "p_mw"): load}, options={"flexible": flexible})
    )
    (table,) = {part.title: part for part in page.sections}["Flexible load"].blocks
    assert isinstance(table, TableBlock)
    assert table.frame.loc["demand", "used_mwh"] == pytest.approx(90.0)
    assert "calls in part may last longer" in table.note
    assert {one.label: one.value for one in page.key_numbers}["Flexible load used"] == pytest.approx(0.09)
    assert any("longest call" in one.what for one in page.not_assessed)
    # what was offered is no failure
    assert page.verdict is not None
    assert page.verdict.tone == "plain"
    plain = build_dispatch_page(solve())
    assert "Flexible load" not in {part.title for part in plain.sections}
    assert not any("longest call" in one.what for one in plain.not_assessed)


def test_hours_without_a_dispatch_come_first() -> None:
    load = pd.DataFrame({"demand": [100.0, 3000.0]}, index=HOURS[:2])
    page = build_dispatch_page(gh.run_dispatch(price_triangle(), {("load", "p_mw"): load}))
    assert page.verdict is not None
    assert page.verdict.tone == "bad"
    assert page.sections[0].title == "Hours without a dispatch"


def test_a_change_and_a_check_are_pages_of_one_report(tmp_path: Path) -> None:
    net = price_triangle(300.0)
    free, secure = solve(), solve("n-1")
    change = gh.compare_dispatch(free, secure, ("intact", "n-1"))
    page = build_change_page(change, net)
    cost = {one.label: one.value for one in page.key_numbers}["Change of cost"]
    assert cost == pytest.approx((secure.summary["cost"] - free.summary["cost"]) / 1e6)
    load = pd.DataFrame({"demand": np.linspace(100.0, 300.0, len(HOURS))}, index=HOURS)
    check = gh.check_dispatch(net, {("load", "p_mw"): load}, secure)
    tables = [block for part in build_check_page(check).sections for block in part.blocks]
    assert all(isinstance(block, TableBlock) for block in tables)
    file = gh.write_report(tmp_path / "out", secure, change, check, net)
    text = file.read_text(encoding="utf-8")
    for title in ("Congestion", "What changes", "AC: hours"):
        assert title in text
    assert (tmp_path / "out" / "tables" / "congestion.csv").exists()
    assert len(pd.read_csv(tmp_path / "out" / "tables" / "ac_hours.csv")) == len(check.hours)
