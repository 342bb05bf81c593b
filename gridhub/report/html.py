"""A page as one HTML file that needs nothing from outside: styles, scripts, fonts and data are inside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from gridhub.report.blocks import render_map_frame, render_ranges, render_table
from gridhub.report.curve import draw_curves
from gridhub.report.drawing import Drawing, read_bokeh_script
from gridhub.report.font import FONT_NOTICE, find_fonts, render_font_faces
from gridhub.report.heat import draw_heat
from gridhub.report.map import draw_map
from gridhub.report.page import (
    Assumption,
    CurveChart,
    HeatChart,
    KeyNumber,
    MapLayers,
    NotAssessed,
    Page,
    PlaceMap,
    RangeChart,
    Section,
)
from gridhub.report.place_map import draw_places, render_place_frame
from gridhub.report.text import encode_json, escape_attribute, escape_text, format_number, slug

DISCLAIMER = "From public sources; not for operation or security use."

_FIXED = ("Assumptions", "Not assessed", "Data and licences", "How this was made")


@cache
def _read_asset(name: str) -> str:
    return files("gridhub.report").joinpath("assets", name).read_text(encoding="utf-8")


def render_page(page: Page) -> str:
    """Render a page as one HTML file.

    Parameters
    ----------
    page : Page
        What it says.

    Returns
    -------
    str
        HTML that opens with no network. Its security policy allows no outside source and no evaluated code;
        scripts are allowed by their hash alone. The same page gives the same text.
    """
    drawings: list[Drawing] = []
    sections = "".join(_render_section(section, drawings) for section in page.sections)
    body = f"{_render_head(page)}<main>{sections}{_render_fixed(page)}</main>{_render_footer()}"
    data = encode_json([_drawing_data(drawing) for drawing in drawings])
    scripts = [read_bokeh_script(), _read_asset("page.js")] if drawings else [_read_asset("page.js")]
    style = render_font_faces(_find_characters(body + data)) + _read_asset("page.css")
    tags = "".join(f"<script>{script}</script>\n" for script in scripts)
    return (
        f'<!doctype html>\n<html lang="{escape_attribute(page.language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_make_policy(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape_attribute(page.title)}</title>\n<style>\n{style}\n</style>\n</head>\n"
        f'<body>\n{body}\n<script type="application/json" id="drawings">{data}</script>\n{tags}</body>\n'
        "</html>\n"
    )


def _make_policy(scripts: Sequence[str]) -> str:
    """Write the content security policy: each script by its hash, nothing from outside, no evaluated code."""
    hashes = [
        base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        for script in scripts
    ]
    allowed = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "font-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _drawing_data(drawing: Drawing) -> dict[str, object]:
    return {
        "target": drawing.target,
        "item": drawing.item,
        "themed": [list(entry) for entry in drawing.themed],
        "compact": [list(entry) for entry in drawing.compact],
        "states": list(drawing.states),
    }


def _find_characters(text: str) -> str:
    """List the characters of a page, those written as escapes in its JSON included."""
    coded = {chr(int(code, 16)) for code in re.findall(r"\\u([0-9a-f]{4})", text)}
    return "".join(sorted(character for character in set(text) | coded if ord(character) >= 0x20))


def _render_head(page: Page) -> str:
    verdict = ""
    if page.verdict:
        verdict = (
            f'<div class="verdict {page.verdict.tone}" role="note">'
            f'<span class="word">{escape_text(page.verdict.word)}</span>'
            f'<p class="sentence">{escape_text(page.verdict.sentence)}</p></div>'
        )
    numbers = "".join(_render_number(number) for number in page.key_numbers)
    numbers = f'<dl class="numbers">{numbers}</dl>' if numbers else ""
    titles = [section.title for section in page.sections] + [name for name in _FIXED if _has(page, name)]
    links = "".join(f'<li><a href="#{_anchor(title)}">{escape_text(title)}</a></li>' for title in titles)
    subtitle = f'<p class="subtitle">{escape_text(page.subtitle)}</p>' if page.subtitle else ""
    return (
        f'<header class="masthead"><p class="kicker">gridhub report</p><h1>{escape_text(page.title)}</h1>'
        f'{subtitle}{verdict}{numbers}<nav aria-label="Contents"><ul class="contents">{links}</ul></nav>'
        "</header>"
    )


def _anchor(title: str) -> str:
    return f"s-{slug(title, 'section')}"


def _has(page: Page, name: str) -> bool:
    return {
        "Assumptions": bool(page.assumptions),
        "Not assessed": bool(page.not_assessed),
        "Data and licences": bool(page.licences) or bool(find_fonts()),
        "How this was made": bool(page.provenance),
    }[name]


def _render_number(number: KeyNumber) -> str:
    is_text = isinstance(number.value, str)
    value = number.value if isinstance(number.value, str) else format_number(float(number.value), number.unit)
    unit = f'<span class="unit">{escape_text(number.unit)}</span>' if number.unit else ""
    note = f'<span class="note">{escape_text(number.note)}</span>' if number.note else ""
    kind = ' class="text"' if is_text and len(value) > 9 else ""
    shown = f"<dd{kind}>{escape_text(value)}{unit}{note}</dd>"
    return f'<div class="{number.tone}"><dt>{escape_text(number.label)}</dt>{shown}</div>'


def _render_section(section: Section, drawings: list[Drawing]) -> str:
    text = "".join(f"<p>{escape_text(paragraph)}</p>" for paragraph in section.text)
    html = ""
    for block in section.blocks:
        target = f"figure-{len(drawings) + 1}"
        if isinstance(block, MapLayers):
            drawings.append(draw_map(block, target))
            html += render_map_frame(block, target)
        elif isinstance(block, PlaceMap):
            drawings.append(draw_places(block, target))
            html += render_place_frame(block, target)
        elif isinstance(block, CurveChart):
            drawings.append(draw_curves(block, target))
            html += _render_curve_frame(block, target)
        elif isinstance(block, HeatChart):
            drawings.append(draw_heat(block, target))
            html += _render_curve_frame(block, target)
        elif isinstance(block, RangeChart):
            html += render_ranges(block)
        else:
            html += render_table(block)
    return _wrap(section.title, text + html)


def _wrap(title: str, content: str) -> str:
    anchor = _anchor(title)
    heading = f'<h2 id="{anchor}-h">{escape_text(title)}</h2>'
    return f'<section id="{anchor}" aria-labelledby="{anchor}-h">{heading}{content}</section>'


def _render_curve_frame(chart: CurveChart | HeatChart, target: str) -> str:
    note = f'<p class="note">{escape_text(chart.note)}</p>' if chart.note else ""
    return (
        f'<figure><figcaption class="title">{escape_text(chart.title)}</figcaption><div class="canvas curve" '
        f'id="{target}" role="img" aria-label="{escape_attribute(chart.title)}"></div>{note}</figure>'
    )


def _render_fixed(page: Page) -> str:
    """Render the sections that every report ends with."""
    notices = [*page.licences, *([FONT_NOTICE] if find_fonts() else [])]
    contents = {
        "Assumptions": _render_assumptions(page.assumptions),
        "Not assessed": _render_open(page.not_assessed),
        "Data and licences": "".join(f"<p>{escape_text(notice)}</p>" for notice in notices),
        "How this was made": _render_provenance(page.provenance),
    }
    return "".join(_wrap(name, contents[name]) for name in _FIXED if _has(page, name))


def _render_assumptions(assumptions: Sequence[Assumption]) -> str:
    import pandas as pd

    from gridhub.report.page import TableBlock

    rows = [
        (item.what, " ".join(filter(None, (item.value, item.unit))), item.source, item.as_of, item.confidence)
        for item in assumptions
    ]
    frame = pd.DataFrame(rows, columns=["assumption", "value", "source", "as_of", "confidence"])
    intro = (
        "<p>Confidence: H high, M medium, L low; “assumed” has no source behind it. "
        "Change one and the answer may change.</p>"
    )
    return intro + render_table(
        TableBlock(frame, "What the result rests on", limit=len(frame), labels={"as_of": "As of"})
    )


def _render_open(items: Sequence[NotAssessed]) -> str:
    entries = "".join(
        f"<li><b>{escape_text(item.what)}</b><span>{escape_text(item.why)}</span></li>" for item in items
    )
    intro = "<p>A good answer above says nothing about these. Each can turn it around.</p>"
    return f'{intro}<ul class="open">{entries}</ul>'


def _render_provenance(provenance: Mapping[str, str]) -> str:
    rows = "".join(
        f"<dt>{escape_text(key)}</dt><dd>{escape_text(str(value))}</dd>" for key, value in provenance.items()
    )
    return f'<dl class="provenance">{rows}</dl>'


def _render_footer() -> str:
    return f"<footer><p>{escape_text(DISCLAIMER)}</p></footer>"
