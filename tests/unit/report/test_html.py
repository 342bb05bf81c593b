"""The page as text: nothing from outside, every name escaped, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from gridhub.report.blocks import find_ticks, render_ranges, render_table
from gridhub.report.drawing import read_bokeh_script
from gridhub.report.html import render_page
from gridhub.report.page import NOT_ASSESSED, Page, RangeChart, RangeRow, TableBlock
from tests.unit.report.sample_page import HOSTILE, build_page


class Reader(HTMLParser):
    """Collects tags, attributes and visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] and self.tags[-1][0] not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def page_text() -> str:
    return render_page(build_page())


@pytest.fixture(scope="module")
def page(page_text: str) -> Reader:
    reader = Reader()
    reader.feed(page_text)
    return reader


def test_nothing_is_loaded_from_outside(page: Reader):
    for tag, attrs in page.tags:
        for name in ("src", "href", "data", "action", "poster", "srcset"):
            value = attrs.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
        assert tag not in {"link", "iframe", "object", "embed", "base", "img"}
    assert "cdn.jsdelivr" not in read_bokeh_script()


def test_policy_allows_the_scripts_by_hash_alone(page: Reader, page_text: str):
    policy = next(
        attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    script_part = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
    assert "unsafe-inline" not in script_part
    code = re.findall(r"<script>(.*?)</script>", page_text, re.DOTALL)
    assert len(code) == 2
    for text in code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in script_part


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_shown_literally(page: Reader, name: str):
    assert name in page.text


def test_no_element_comes_from_a_name(page: Reader):
    assert not any("onerror" in attrs or "onload" in attrs for _, attrs in page.tags)
    assert [tag for tag, _ in page.tags].count("script") == 3
    assert not any(tag == "img" for tag, _ in page.tags)


def test_same_page_same_bytes(page_text: str):
    assert render_page(build_page()) == page_text


def test_size_is_bounded(page_text: str):
    assert len(page_text.encode()) < 6_000_000


def test_language_title_and_headings(page: Reader):
    assert page.tags[0] == ("html", {"lang": "en"})
    assert [tag for tag, _ in page.tags].count("h1") == 1
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    assert {link.removeprefix("#") for link in links if link} <= set(ids)


def test_tables_have_captions_and_scopes(page: Reader):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") >= 2
    headings = [attrs for tag, attrs in page.tags if tag == "th" and attrs.get("aria-hidden") != "true"]
    assert headings
    assert all(attrs.get("scope") in {"col", "row"} for attrs in headings)


def test_what_is_not_assessed_stands_on_every_page():
    text = render_page(Page(title="empty"))
    for item in NOT_ASSESSED:
        assert item.what in text


def test_page_without_figures_needs_no_bokeh():
    assert len(render_page(Page(title="empty"))) < 300_000


def test_long_table_says_how_much_is_left_out():
    frame = build_page().tables[0].frame
    html = render_table(TableBlock(frame, "names", "names", limit=2))
    assert html.count("<tr>") == 3
    assert "2 of 6 rows shown; the rest in tables/names.csv." in html


def test_value_exactly_at_the_limit_is_no_violation():
    frame = build_page().tables[0].frame
    html = render_table(TableBlock(frame, "names", bar="loading_percent"))
    assert html.count(" over") == 1


def test_range_chart_marks_what_is_outside_and_says_every_number():
    chart = RangeChart(
        "v", "p.u.", [RangeRow("a", {"before": 1.0, "after": 0.9}, 0.95, 1.05)], band="allowed range"
    )
    html = render_ranges(chart)
    assert html.count("mark s1 out") == 1
    assert "mark s0 out" not in html
    for text in ("1.000", "0.900", "0.950 – 1.050"):
        assert text in html


def test_cost_estimates_are_never_outside_their_own_spread():
    rows = [RangeRow("a", {"base": 5.0}, 6.0, 7.0)]
    assert (
        "out"
        not in re.findall(
            r'class="mark ([^"]*)"', render_ranges(RangeChart("c", "bn KRW", rows, "low to high estimate"))
        )[0]
    )


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 97.0), (0.91, 1.03), (-5.0, 0.0), (3.0, 3.0), (0.0, 0.0), (1e-6, 2e-6)]
)
def test_ticks_enclose_the_values(low: float, high: float):
    ticks = find_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8
    assert ticks[-1] > ticks[0]
