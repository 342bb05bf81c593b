"""The page in a real browser with no network: it draws, asks nobody, shows Korean, and runs no name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridhub.report.font import FAMILY, find_fonts
from gridhub.report.text import show_hidden
from gridhub.report.write import write_report
from tests.unit.report.sample_page import HOSTILE, build_page

pytestmark = pytest.mark.browser
playwright = pytest.importorskip(
    "playwright.sync_api", reason="install playwright to test pages in a browser"
)

DRAWN = "html[data-drawn], html[data-failed]"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), build_page())


class Opened:
    """An open page and what it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, dark: bool = False) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, color_scheme="dark" if dark else "light"
        )
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("console", self.note)
        self.page.goto(path.as_uri())
        # a selector and not a function: the page's own policy forbids evaluated code, the driver's included
        self.page.wait_for_selector(DRAWN, state="attached", timeout=60_000)
        self.page.wait_for_timeout(500)
        self.failure = self.page.evaluate("document.documentElement.dataset.failed ?? ''")

    def note(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def opened(browser: Any, report: Path) -> Iterator[Opened]:
    view = Opened(browser, report)
    yield view
    view.context.close()


def count_canvas_colours(opened: Opened, selector: str) -> int:
    """Count the distinct colours of the canvases below an element (they live in open shadow roots)."""
    return opened.page.evaluate(
        """(selector) => {
            const found = [];
            const walk = (node) => {
                if (node.tagName === "CANVAS") found.push(node);
                if (node.shadowRoot) walk(node.shadowRoot);
                for (const child of node.children) walk(child);
            };
            walk(document.querySelector(selector));
            const colours = new Set();
            for (const canvas of found) {
                if (!canvas.width || !canvas.height) continue;
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                for (let i = 0; i < data.length; i += 4) colours.add(data.slice(i, i + 4).join());
            }
            return colours.size;
        }""",
        selector,
    )


def test_every_figure_is_drawn(opened: Opened):
    assert opened.failure == ""
    assert opened.page.evaluate("document.documentElement.dataset.drawn") == "2"
    for selector in ("#figure-1", "#figure-2"):
        assert count_canvas_colours(opened, selector) > 20


def test_nothing_is_asked_for_and_nothing_is_refused(opened: Opened):
    assert [url for url in opened.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert opened.complaints == []


def test_title_is_set_and_no_name_ran(opened: Opened):
    assert opened.page.title() == f"Hub at 솔라시도 {HOSTILE[0]}"
    assert opened.page.evaluate("document.images.length") == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_names_stand_there_literally(opened: Opened, name: str):
    assert name in opened.page.evaluate("document.body.textContent")


def test_right_to_left_override_ends_with_its_own_element(opened: Opened):
    box = "document.querySelector('.subtitle')"
    assert opened.page.evaluate(f"{box}.textContent") == HOSTILE[4]
    order = opened.page.evaluate(
        f"""(() => {{
            const last = {box}.lastChild, range = document.createRange();
            range.setStart(last, 0); range.setEnd(last, 1);
            const first = range.getBoundingClientRect().left;
            range.setStart(last, 3); range.setEnd(last, 4);
            return range.getBoundingClientRect().left - first;
        }})()"""
    )
    assert order > 0


@pytest.mark.skipif(not find_fonts(), reason="no Hangul font: install koreanize-matplotlib")
def test_hangul_is_drawn_from_the_embedded_font(opened: Opened):
    """Two syllables differ, and differ from the box of a missing character, with the embedded font alone."""
    inks = opened.page.evaluate(
        f"""["솔", "라", "\\u{{10FFFD}}"].map((text) => {{
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 48;
            const context = canvas.getContext("2d");
            context.font = '32px "{FAMILY}"';
            context.fillText(text, 4, 38);
            return [...context.getImageData(0, 0, 48, 48).data].filter((v, i) => i % 4 === 3).join();
        }})"""
    )
    assert len(set(inks)) == 3
    assert opened.page.evaluate(f"""document.fonts.check('12px "{FAMILY}"', "솔")""")
    assert opened.page.evaluate("[...document.fonts].filter((face) => face.status === 'loaded').length") == 2


# The middle of every line, in pixels from the corner of the figure; the frame fills it, below the tool bar.
FIND_LINES = """() => {
    const roots = Bokeh.documents.map((one) => one.roots()[0]);
    const plot = roots.find((root) => root.renderers.length > 3);
    const height = document.querySelector("#figure-1").clientHeight;
    const place = (ends, range, length) =>
        ((ends[0] + ends[1]) / 2 - range.start) / (range.end - range.start) * length;
    const lines = plot.renderers.map((one) => one.data_source.data);
    return lines.filter((data) => data.breaks && data.xs).flatMap((data) => [...data.xs].map((xs, i) => [
        place(xs, plot.x_range, plot.inner_width),
        height - place(data.ys[i], plot.y_range, plot.inner_height),
    ]));
}"""
MEASURE_SCALE = """() => {
    const plot = Bokeh.documents.map((one) => one.roots()[0]).find((root) => root.renderers.length > 3);
    const x = (plot.x_range.end - plot.x_range.start) / plot.inner_width;
    const y = (plot.y_range.end - plot.y_range.start) / plot.inner_height;
    return [x, y];
}"""
READ_HOVER = """() => {
    let text = "", images = 0;
    const walk = (node) => {
        if (node.tagName === "IMG") images += 1;
        if (node.classList?.contains("bk-tooltip-content")) text += node.textContent;
        if (node.shadowRoot) walk(node.shadowRoot);
        for (const child of node.children) walk(child);
    };
    walk(document.body);
    return images ? "AN IMAGE" : text;
}"""


def test_hover_shows_names_literally(opened: Opened):
    """Point along the map and read what the hover says: every name as text, none as an element."""
    page = opened.page
    page.evaluate("document.querySelector('#figure-1').scrollIntoView()")
    box = page.locator("#figure-1").bounding_box()
    seen = ""
    for x, y in page.evaluate(FIND_LINES):
        page.mouse.move(box["x"] + x + 3, box["y"] + y)
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.wait_for_timeout(60)
        seen += page.evaluate(READ_HOVER)
    assert "AN IMAGE" not in seen
    assert page.title() == f"Hub at 솔라시도 {HOSTILE[0]}"
    shown = [show_hidden(name) for name in HOSTILE]
    assert [name for name in shown if name not in seen] == []
    assert f"Its loss: {HOSTILE[2]} 123.4 %" in seen
    assert f"123.4 % after loss of {HOSTILE[1]}" in seen


@pytest.mark.parametrize("width", [1280, 390])
def test_map_has_the_same_scale_in_both_directions(browser: Any, report: Path, width: int):
    view = Opened(browser, report, width)
    x, y = view.page.evaluate(MEASURE_SCALE)
    view.context.close()
    assert x == pytest.approx(y, rel=0.01)


def test_choosing_a_state_changes_the_map(opened: Opened):
    page = opened.page
    before = page.locator("ul.heaviest").inner_text()
    page.locator('input[value="winter_peak"]').check(force=True)
    after = page.locator("ul.heaviest").inner_text()
    page.locator('input[value="summer_peak"]').check(force=True)
    assert before != after
    assert page.locator("ul.heaviest").inner_text() == before


def test_tables_sort_by_their_headings(opened: Opened):
    page = opened.page
    table = page.locator("table.sortable").first
    table.locator("thead button", has_text="Loading").click()
    values = table.evaluate(
        """(table) => {
            const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.hasAttribute("aria-sort"));
            return [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.value);
        }"""
    )
    numbers = [float(value) for value in values if value]
    assert numbers == sorted(numbers, reverse=True)
    assert values[-1] == ""


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, False), (390, True)])
def test_page_is_never_wider_than_the_window(browser: Any, report: Path, width: int, dark: bool):
    view = Opened(browser, report, width, dark)
    assert view.page.evaluate("document.documentElement.scrollWidth") <= width
    assert view.complaints == []
    assert view.failure == ""
    view.context.close()
