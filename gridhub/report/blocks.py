"""Blocks of a page as HTML: tables, range charts, the frame around a map. Every text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.report.corridors import count_unplaced
from gridhub.report.map import find_first_state
from gridhub.report.page import MapLayers, RangeChart, RangeRow, TableBlock, VoltageScale
from gridhub.report.text import DASH, escape_attribute, escape_text, format_number, split_unit

_LIMIT_PERCENT = 100 + 1e-6


def render_table(block: TableBlock) -> str:
    """Render a table with caption, headings with units, numbers to the right and sorting by heading.

    Parameters
    ----------
    block : TableBlock
        The table.

    Returns
    -------
    str
        HTML.
    """
    frame = block.frame if block.frame.index.name is None else block.frame.reset_index()
    columns = [name for name in (block.show or frame.columns) if name in frame.columns]
    title = f'<figcaption class="title" aria-hidden="true">{escape_text(block.caption)}</figcaption>'
    if frame.empty:
        return f'<figure class="table">{title}<p class="note">{escape_text(block.empty)}</p></figure>'
    heads = "".join(_render_heading(block, name, frame[name]) for name in columns)
    rows = "".join(
        _render_row(block, frame, position, columns) for position in range(min(len(frame), block.limit))
    )
    return (
        f'<figure class="table">{title}<div class="scroll" tabindex="0" role="region" '
        f'aria-label="{escape_attribute(block.caption)}"><table class="sortable">'
        f"<caption>{escape_text(block.caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{_render_note(block, len(frame))}</figure>"
    )


def _render_note(block: TableBlock, rows: int) -> str:
    parts = [block.note] if block.note else []
    if rows > block.limit:
        where = f" in tables/{block.file}.csv" if block.file else ""
        parts.append(f"{block.limit} of {rows:,} rows shown; the rest{where}.")
    return f'<p class="note">{escape_text(" ".join(parts))}</p>' if parts else ""


def _unit(block: TableBlock, name: str) -> str:
    return block.units.get(name, split_unit(name)[1])


PHRASE, ESSAY = 24, 120
"""Characters above which a cell gets more width, so that its row does not grow tall."""


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _render_heading(block: TableBlock, name: str, column: pd.Series) -> str:
    label = block.labels.get(name, split_unit(str(name))[0])
    unit = _unit(block, name)
    shown = f' <span class="unit">{escape_text(unit)}</span>' if unit else ""
    kind = ' class="number"' if _is_number(column) else ""
    return f'<th scope="col"{kind}><button type="button">{escape_text(label)}{shown}</button></th>'


def _render_row(block: TableBlock, frame: pd.DataFrame, position: int, columns: Sequence[str]) -> str:
    cells = [_render_cell(block, name, frame[name].iloc[position]) for name in columns]
    first = cells[0]
    if first.startswith('<td class="text'):
        cells[0] = f'<th scope="row"{first[3:-5]}</th>'
    return f"<tr>{''.join(cells)}</tr>"


def _render_cell(block: TableBlock, name: str, value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return f'<td class="text">{"yes" if value else "no"}</td>'
    if isinstance(value, int | float | np.integer | np.floating):
        return _render_number(block, name, float(value))
    if isinstance(value, tuple | list):
        value = ", ".join(str(part) for part in value)
    if value is None or value is pd.NA or value is pd.NaT:
        return f'<td class="text" data-value="">{DASH}</td>'
    text = str(value)
    if name.endswith("confidence") and text:
        kind = text if text in ("H", "M", "L", "low", "assumed") else ""
        return f'<td class="text"><span class="pill {kind}">{escape_text(text)}</span></td>'
    length = " essay" if len(text) > ESSAY else " phrase" if len(text) > PHRASE else ""
    return f'<td class="text{length}">{escape_text(text)}</td>'


def _render_number(block: TableBlock, name: str, value: float) -> str:
    text = format_number(value, _unit(block, name))
    key = "" if math.isnan(value) else repr(value)
    if name != block.bar or math.isnan(value):
        return f'<td class="number" data-value="{key}">{text}</td>'
    over = " over" if value > _LIMIT_PERCENT else ""
    width = min(max(value, 0.0), 100.0)
    return (
        f'<td class="number barred{over}" data-value="{key}">{text}<i aria-hidden="true">'
        f'<b style="width:{width:.0f}%"></b></i></td>'
    )


def render_ranges(chart: RangeChart) -> str:
    """Render values against ranges as a table whose middle column is drawn to scale.

    Parameters
    ----------
    chart : RangeChart
        The chart.

    Returns
    -------
    str
        HTML; every drawn value also stands there as a number.
    """
    title = f'<figcaption class="title">{escape_text(chart.title)}</figcaption>'
    series = list(dict.fromkeys(name for row in chart.rows for name in row.marks))
    if not chart.rows:
        return f'<figure class="ranges">{title}<p class="note">None.</p></figure>'
    ticks = find_decades(*_span(chart)) if chart.log else find_ticks(*_span(chart))
    unit = escape_text(chart.unit)
    heads = "".join(
        f'<th scope="col" class="number">{escape_text(name)} <span class="unit">{unit}</span></th>'
        for name in series
    )
    band = (
        f'<th scope="col" class="number">{escape_text(chart.band)} <span class="unit">{unit}</span></th>'
        if chart.band
        else ""
    )
    tick_unit = chart.unit if chart.unit == "p.u." else ""
    axis = "".join(
        f'<span style="left:{_place(chart, tick, ticks):.2f}%">{format_number(tick, tick_unit)}</span>'
        for tick in ticks
    )
    rows = "".join(_render_range(chart, row, series, ticks) for row in chart.rows)
    note = f'<p class="note">{escape_text(chart.note)}</p>' if chart.note else ""
    return (
        f'<figure class="ranges">{title}{_render_series(chart, series)}<div class="scroll" tabindex="0" '
        f'role="region" aria-label="{escape_attribute(chart.title)}"><table><thead><tr><th scope="col"></th>'
        f'<th class="track-cell" aria-hidden="true"><div class="axis">{axis}</div></th>{heads}{band}</tr>'
        f"</thead>"
        f"<tbody>{rows}</tbody></table></div>{note}</figure>"
    )


def _span(chart: RangeChart) -> tuple[float, float]:
    values = [
        value for row in chart.rows for value in (*row.marks.values(), row.low, row.high) if value is not None
    ]
    values += [chart.limit] if chart.limit is not None else []
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not chart.log)] or [
        1.0,
        10.0,
    ]
    low, high = min(finite), max(finite)
    return (min(low, 0.0), max(high, 0.0)) if chart.start_at_zero else (low, high)


def find_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Choose round axis values that enclose a range.

    Examples
    --------
    >>> find_ticks(3.0, 97.0)
    [0.0, 25.0, 50.0, 75.0, 100.0]
    """
    width = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(width / count))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= width / count * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(position * step, 10) for position in range(first, max(last, first + 1) + 1)]


def find_decades(low: float, high: float) -> list[float]:
    """Choose powers of ten that enclose a positive range.

    Examples
    --------
    >>> find_decades(3.0, 970.0)
    [1.0, 10.0, 100.0, 1000.0]
    """
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _place(chart: RangeChart, value: float, ticks: Sequence[float]) -> float:
    """Place a value along the track [%]."""
    if chart.log:
        return 100 * math.log(max(value, ticks[0]) / ticks[0]) / math.log(ticks[-1] / ticks[0])
    return 100 * (value - ticks[0]) / (ticks[-1] - ticks[0])


def _render_range(chart: RangeChart, row: RangeRow, series: Sequence[str], ticks: Sequence[float]) -> str:
    parts = []
    if row.low is not None or row.high is not None:
        start = _place(chart, row.low if row.low is not None else ticks[0], ticks)
        end = _place(chart, row.high if row.high is not None else ticks[-1], ticks)
        parts.append(
            f'<span class="band" style="left:{start:.2f}%;width:{max(end - start, 0.4):.2f}%"></span>'
        )
    if chart.limit is not None:
        parts.append(f'<span class="limit" style="left:{_place(chart, chart.limit, ticks):.2f}%"></span>')
    for position, name in enumerate(series):
        value = row.marks.get(name, math.nan)
        if math.isfinite(value):
            kind = _mark_kind(position, series, _is_out(chart, row, value))
            parts.append(f'<span class="mark {kind}" style="left:{_place(chart, value, ticks):.2f}%"></span>')
    values = "".join(_render_value(chart, row, row.marks.get(name, math.nan)) for name in series)
    note = f"<small>{escape_text(row.note)}</small>" if row.note else ""
    band = f'<td class="number">{_say_band(chart, row)}</td>' if chart.band else ""
    return (
        f'<tr><th scope="row">{escape_text(row.label)}{note}</th><td class="track-cell" aria-hidden="true">'
        f'<div class="track">{"".join(parts)}</div></td>{values}{band}</tr>'
    )


def _render_value(chart: RangeChart, row: RangeRow, value: float) -> str:
    over = " over" if _is_out(chart, row, value) else ""
    return f'<td class="number{over}">{format_number(value, chart.unit)}</td>'


def _mark_kind(position: int, series: Sequence[str], out: bool) -> str:
    kind = "single" if len(series) == 1 else f"s{position}"
    return f"{kind} out" if out else kind


def _is_out(chart: RangeChart, row: RangeRow, value: float) -> bool:
    """Whether a value breaks its range or the common limit; an estimate cannot break its own spread."""
    if math.isnan(value) or "estimate" in chart.band:
        return False
    below = row.low is not None and value < row.low - 1e-9
    above = row.high is not None and value > row.high + 1e-9
    return below or above or (chart.limit is not None and value > chart.limit + 1e-6)


def _say_band(chart: RangeChart, row: RangeRow) -> str:
    if row.low is None and row.high is None:
        return DASH
    low = "" if row.low is None else format_number(row.low, chart.unit)
    high = "" if row.high is None else format_number(row.high, chart.unit)
    return f"{low} – {high}" if low and high else f"≤ {high}" if high else f"≥ {low}"


def _render_series(chart: RangeChart, series: Sequence[str]) -> str:
    items = (
        [(_mark_kind(position, series, False), name) for position, name in enumerate(series)]
        if len(series) > 1 or chart.band
        else []
    )
    items += [("band", chart.band)] if chart.band else []
    items += (
        [("limit", f"limit {format_number(chart.limit, chart.unit)} {chart.unit}")]
        if chart.limit is not None
        else []
    )
    if any(_is_out(chart, row, value) for row in chart.rows for value in row.marks.values()):
        items.append(("out", "outside the limit"))
    entries = "".join(f'<li><i class="{kind}"></i>{escape_text(name)}</li>' for kind, name in items)
    return f'<ul class="series" aria-hidden="true">{entries}</ul>' if entries else ""


def render_map_frame(layers: MapLayers, target: str) -> str:
    """Render the frame of a map: the place it is drawn into, the selectors, the key and the attribution."""
    unplaced = count_unplaced(layers)
    missing = f" {unplaced} buses have no coordinates and are not drawn." if unplaced else ""
    heading = "Lowest voltages" if layers.voltages is not None else "Most loaded"
    usage = "Wheel zooms, drag pans; equirectangular, true to scale mid-map."
    text = f"{layers.attribution}{missing} {usage}".strip()
    return (
        f'<figure class="map"><div class="map-grid"><div class="canvas" id="{target}" role="img" '
        f'aria-label="Map of the grid. Every number in it also stands in the tables."></div><aside>'
        f"{_render_choices(layers, target)}{_render_key(layers)}"
        f"<h3>{heading} in this state</h3>"
        f'<ul class="heaviest" data-heaviest="{target}"></ul>'
        f'</aside></div><figcaption class="note">{escape_text(text)}</figcaption></figure>'
    )


def _render_choices(layers: MapLayers, target: str) -> str:
    shown = layers.states[find_first_state(layers)]
    html = ""
    for part, title, values, chosen in (
        ("snapshot", "Snapshot", [state.snapshot for state in layers.states], shown.snapshot),
        ("variant", "State", [state.variant for state in layers.states], shown.variant),
    ):
        names = list(dict.fromkeys(values))
        options = "".join(
            f'<label><input type="radio" name="{target}-{part}" data-map="{target}" data-part="{part}" '
            f'value="{escape_attribute(name)}"{" checked" if name == chosen else ""}>'
            f"<span>{escape_text(name.replace('_', ' ') or 'as given')}</span></label>"
            for name in names
        )
        hidden = " hidden" if len(names) < 2 else ""
        html += f'<fieldset{hidden}><legend>{title}</legend><div class="choices">{options}</div></fieldset>'
    return html


def _render_key(layers: MapLayers) -> str:
    """Render the key: only what this map can show."""
    if layers.voltages is not None:
        return _render_voltage_key(layers.voltages)
    steps = ("0–20 %", "20–40 %", "40–60 %", "60–80 %", "80–100 %")
    items = [(_stroke(f"var(--l{position})"), text) for position, text in enumerate(steps)]
    items += [(_stroke("var(--alert)"), "above the rating"), (_stroke("var(--unrated)"), "unrated")]
    if len(layers.outages):
        items.append((_stroke("var(--alert)", width=9, opacity=0.34), "overloaded after an outage"))
    kinds = set(layers.branches["kind"]) if len(layers.branches) else set()
    if "hvdc" in kinds:
        items.append((_stroke("var(--muted)", "7 4"), "HVDC"))
    if len(layers.branches) and layers.branches["assumed"].any():
        items.append((_stroke("var(--muted)", "2 3"), "assumed route"))
    for kind in dict.fromkeys(layers.hub["kind"]) if "kind" in layers.hub else ():
        items.append((_marker(str(kind)), str(kind).replace("_", " ")))
    entries = "".join(f"<li>{drawn}{escape_text(text)}</li>" for drawn, text in items)
    return f'<h3>Loading, % of rating</h3><ul class="key">{entries}</ul>'


def _render_voltage_key(scale: VoltageScale) -> str:
    """Render the steps of a map coloured by voltage."""
    ends = np.linspace(scale.low, scale.high, 6)
    items = [(_dot("var(--alert)"), f"below {scale.low:.2f} p.u.: {scale.below}")]
    items += [
        (
            _dot(f"var(--l{4 - step})"),
            f"{ends[step]:.2f}–{ends[step + 1]:.2f}{' or more' if step == 4 else ''}",
        )
        for step in range(5)
    ]
    entries = "".join(f"<li>{drawn}{escape_text(text)}</li>" for drawn, text in items)
    return f'<h3>Voltage, p.u.</h3><ul class="key">{entries}</ul>'


def _dot(colour: str) -> str:
    circle = f'<circle cx="15" cy="6" r="5" style="fill:{colour};stroke:var(--ink)"/>'
    return f'<svg viewBox="0 0 30 12" aria-hidden="true">{circle}</svg>'


def _stroke(colour: str, dash: str = "", width: float = 4, opacity: float = 1) -> str:
    style = f"stroke:{colour};stroke-width:{width};stroke-opacity:{opacity};stroke-dasharray:{dash or 'none'}"
    line = f'<line x1="1" x2="29" y1="6" y2="6" style="{style}"/>'
    return f'<svg viewBox="0 0 30 12" aria-hidden="true">{line}</svg>'


def _marker(kind: str) -> str:
    colour = {
        "data_center": "hub",
        "solar": "solar",
        "wind": "wind",
        "offshore_wind": "wind",
        "storage": "storage",
    }.get(kind, "accent")
    shape = (
        '<path d="M15 0l1.8 4.1 4.4.4-3.3 3 1 4.3L15 9.5l-3.9 2.3 1-4.3-3.3-3 4.4-.4z"'
        if kind == "data_center"
        else '<rect x="10.5" y="1.5" width="9" height="9"'
    )
    return f'<svg viewBox="0 0 30 12" aria-hidden="true">{shape} style="fill:var(--{colour})"/></svg>'
