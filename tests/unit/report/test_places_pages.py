"""Pages of hosting capacity and of a ranking of sites: what was not assessed stands in the verdict."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.hosting.hosting import HostingCapacity
from gridhub.analysis.siting.impact import SiteImpact
from gridhub.analysis.siting.siting import SiteRanking
from gridhub.model.network import Network
from gridhub.reference import read_region_table
from gridhub.report.hosting_page import build_hosting_page
from gridhub.report.html import render_page
from gridhub.report.page import Page, PlaceMap, RangeChart, Section, TableBlock
from gridhub.report.place_map import choose_steps, draw_places, list_lines
from gridhub.report.siting_page import build_siting_page


@pytest.fixture(scope="module")
def net() -> Network:
    return gh.load_network("rts-96")


@pytest.fixture(scope="module")
def hosting(net: Network) -> HostingCapacity:
    return gh.hosting_capacity(net, snapshots=["peak"])


@pytest.fixture(scope="module")
def ranking(net: Network) -> SiteRanking:
    sites = read_region_table("rts-96", "sites")
    hub = gh.DataCenter("hall", contract_mw=200.0, bus="113")
    return gh.rank_sites(net, sites, hub, {"draws": 50})


def find_map(page: Page) -> PlaceMap:
    """Give the first map of a page."""
    return next(block for section in page.sections for block in section.blocks if isinstance(block, PlaceMap))


def test_no_verdict_without_what_was_not_assessed(hosting: HostingCapacity, ranking: SiteRanking) -> None:
    for page in (build_hosting_page(hosting), build_siting_page(ranking)):
        assert page.verdict is not None
        assert "ot assessed: " in page.verdict.sentence and "fault level" in page.verdict.sentence
        assert "can stand" not in page.verdict.sentence
        assert page.not_assessed


def test_the_map_holds_every_bus_with_its_figure(net: Network, hosting: HostingCapacity) -> None:
    places = find_map(build_hosting_page(hosting, net)).places
    assert places["value"].tolist() == hosting.table["firm_mw"].tolist()
    assert places["lat"].tolist() == net.bus["lat"].reindex(hosting.table.index).tolist()
    assert places["facts"].str.contains("MW firm").all()


def test_colours_hold_a_fifth_each_and_the_unknown_none() -> None:
    values = np.arange(1.0, 101.0)
    step = np.searchsorted(choose_steps(values), values, side="right")
    assert np.bincount(step).min() >= 19 and len(np.bincount(step)) == 5
    assert choose_steps(np.array([np.nan])) == [] and choose_steps(np.array([7.0, 7.0])) == [7.0]


def test_stars_are_the_first_three_and_the_chart_is_the_stability(net: Network, ranking: SiteRanking) -> None:
    page = build_siting_page(ranking, net)
    first = ranking.table.index[:3]
    marks = find_map(page).marks
    assert sorted(marks["label"]) == sorted(ranking.table.loc[first, "name"])
    chart = next(
        block for section in page.sections for block in section.blocks if isinstance(block, RangeChart)
    )
    shown = [next(iter(row.marks.values())) for row in chart.rows]
    assert shown == pytest.approx((100 * ranking.table["rank_stability"]).tolist())


def test_the_evidence_of_every_site_is_on_the_page_the_best_first(net: Network, ranking: SiteRanking) -> None:
    page = build_siting_page(ranking, net)
    tables = {
        block.file: block.frame
        for section in page.sections
        for block in section.blocks
        if isinstance(block, TableBlock)
    }
    for name in ("impact", "hub_losses", "supplying_banks", "raised_branches"):
        shown, found = tables[name], getattr(ranking.impact, name)
        assert len(shown) == len(found) > 0
        order = ranking.table.index.get_indexer(pd.Index(shown["site"]))
        assert (np.diff(order) >= 0).all()
        assert shown["place"].tolist() == [ranking.table.at[site, "name"] for site in shown["site"]]
        columns = list(found.columns)
        both = [frame.sort_values(columns, ignore_index=True)[columns] for frame in (shown, found)]
        pd.testing.assert_frame_equal(*both)
    assert page.verdict is not None and "over-frequency" in page.verdict.sentence
    bare = build_siting_page(replace(ranking, impact=SiteImpact()), net)
    assert "Loss of the hub" not in [section.title for section in bare.sections]


def test_the_drawing_has_a_dot_per_place_and_no_gap_for_nan() -> None:
    places = pd.DataFrame(
        {"label": ["a", "b<"], "lat": [35.0, 36.0], "lon": [127.0, 128.0], "value": [1.0, np.nan]}
    ).assign(facts="x", vn_kv=345.0)
    block = PlaceMap("figure", "MW", places)
    text = json.dumps(draw_places(block, "figure-1").item)
    assert "step" in text and "b<" in text
    html = render_page(Page("t", sections=(Section("Map", (), (block,)),)))
    assert "not known" in html and re.search(r'id="figure-1"', html)


def test_lines_are_drawn_once_per_pair_of_places(net: Network) -> None:
    lines = list_lines(net)
    pairs = net.line[["from_bus", "to_bus"]].drop_duplicates()
    assert len(lines) == len(pairs) and lines.notna().all().all()


def test_both_pages_are_one_report(
    tmp_path: Path, net: Network, hosting: HostingCapacity, ranking: SiteRanking
) -> None:
    text = gh.write_report(tmp_path, ranking, hosting, net).read_text(encoding="utf-8")
    assert "Map of hosting capacity" in text and "How sure the order is" in text
    assert (tmp_path / "tables" / "hosting.csv").is_file() and (tmp_path / "tables" / "sites.csv").is_file()
