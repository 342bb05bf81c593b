"""Pages of a joint optimum and of shared room hold the figures of the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridhub.analysis.hosting.joint import share_room
from gridhub.report.page import CurveChart
from gridhub.report.write import build_pages, write_report
from tests.unit.analysis.hosting.test_joint import HUBS, build_mesh
from tests.unit.analysis.portfolio.test_portfolio import run


@pytest.mark.parametrize("verify", [True, False])
def test_a_portfolio_says_what_is_built_and_whether_ac_was_asked(tmp_path: Path, verify: bool):
    found = run(0.6, verify=verify)
    (page,) = build_pages(found)
    assert page.verdict is not None and page.verdict.sentence == found.verdict
    assert (page.verdict.tone == "good") == (verify and found.caused.empty)
    html = write_report(tmp_path / "page", found).read_text(encoding="utf-8")
    assert all(one.target in html for one in found.works)
    assert (tmp_path / "page" / "tables" / "sites.csv").exists()


def test_shared_room_shows_the_frontier(tmp_path: Path):
    found = share_room(build_mesh(), HUBS, None)
    (page,) = build_pages(found)
    chart = next(block for block in page.sections[0].blocks if isinstance(block, CurveChart))
    assert list(chart.curves)[-1] == "total"
    assert chart.curves["total"][1] == pytest.approx(found.frontier["total_mw"].tolist(), abs=0.01)
    write_report(tmp_path / "page", found)
