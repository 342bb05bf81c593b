"""The page of a plan over years says what the result holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridhub.analysis.years.years import YearsPlan
from gridhub.report.page import CurveChart
from gridhub.report.write import build_pages, write_report
from gridhub.report.years_page import build_fan_chart
from tests.unit.analysis.years.test_years import COSTS, plan


@pytest.fixture(scope="module")
def result() -> YearsPlan:
    return plan(costs=COSTS, draws=200, elsewhere=("b",))


def test_the_fan_holds_the_quantiles_of_every_year(result: YearsPlan):
    chart = build_fan_chart(result)
    x, low, high = chart.bands["P10 to P90"]
    assert list(x) == [2027, 2028, 2029]
    assert list(low) == result.years["p10_mw"].tolist() and list(high) == result.years["p90_mw"].tolist()
    assert list(chart.curves)[-1] == "P50" and "wanted" in chart.curves


def test_the_page_says_verdict_gaps_and_sources(result: YearsPlan, tmp_path: Path):
    (page,) = build_pages(result)
    assert page.verdict is not None and page.verdict.sentence == result.verdict
    assert [section.title for section in page.sections][:2] == ["Feasible power by year", "What it waits for"]
    assert any(isinstance(block, CurveChart) for block in page.sections[0].blocks)
    assert len(page.not_assessed) > len(result.not_assessed)
    html = write_report(tmp_path / "page", result).read_text(encoding="utf-8")
    assert "P10 to P90" in html and "own storage" in html and "2,000" not in html
    for name in ("years", "waits", "projects", "alternatives", "states"):
        assert (tmp_path / "page" / "tables" / f"{name}.csv").exists()


def test_a_plan_without_projects_has_a_page_too(tmp_path: Path):
    write_report(tmp_path / "page", plan([], costs=COSTS, draws=5))
