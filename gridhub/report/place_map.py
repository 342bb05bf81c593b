"""A map of places coloured by a figure: hosting capacity of buses, scores of sites."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridhub.model.network import Network
from gridhub.report.corridors import project
from gridhub.report.drawing import FONT, INK, MUTED, Drawing, Palette, finish_drawing
from gridhub.report.map import (
    COAST,
    HUB,
    LAND,
    LOADING_DARK,
    LOADING_LIGHT,
    UNRATED,
    add_tools,
    fit_plot,
    make_plot,
)
from gridhub.report.page import PlaceMap
from gridhub.report.text import escape_text, format_number, show_hidden

STEPS = len(LOADING_LIGHT)


def list_lines(net: Network) -> pd.DataFrame:
    """List the lines in service of a network with the places of their ends, once per pair of places."""
    line = net.line[net.line["in_service"].to_numpy(dtype=bool)]
    ends = {
        f"{key}_{end}": net.bus[key].reindex(line[f"{end}_bus"]).to_numpy(dtype=float)
        for end in ("from", "to")
        for key in ("lat", "lon")
    }
    return pd.DataFrame(ends).dropna().drop_duplicates(ignore_index=True)


def choose_steps(values: np.ndarray) -> list[float]:
    """Choose the bounds between the colours: quintiles of the known figures, rounded to two digits.

    Examples
    --------
    >>> choose_steps(np.array([12.0, 34.0, 56.0, 78.0, 123.0]))
    [30.0, 47.0, 65.0, 87.0]
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return []
    bounds = [float(f"{bound:.2g}") for bound in np.quantile(known, np.arange(1, STEPS) / STEPS)]
    return sorted(set(bounds))


def draw_places(block: PlaceMap, target: str) -> Drawing:
    """Draw a map of places.

    Parameters
    ----------
    block : PlaceMap
        What to draw.
    target : str
        Id of the element it is drawn into.

    Returns
    -------
    Drawing
    """
    from bokeh.models import ColumnDataSource, LinearColorMapper

    palette = Palette()
    places = block.places[np.isfinite(block.places["lat"]) & np.isfinite(block.places["lon"])]
    places = places.sort_values(["vn_kv", "value"], kind="stable", na_position="first")
    lon, lat = places["lon"].to_numpy(dtype=float), places["lat"].to_numpy(dtype=float)
    origin = (float(lon.min() + lon.max()) / 2, float(lat.min() + lat.max()) / 2) if len(lon) else (0.0, 0.0)
    plot = make_plot(palette)
    _draw_ground(plot, palette, block, origin)
    values = places["value"].to_numpy(dtype=float)
    step = np.searchsorted(choose_steps(values), values, side="right").astype(float)
    mapper = LinearColorMapper(palette=list(LOADING_LIGHT), low=-0.5, high=STEPS - 0.5)
    palette.entries.append((mapper, "palette", list(LOADING_LIGHT), list(LOADING_DARK)))
    palette.paint(mapper, nan_color=UNRATED)
    x, y = project(lon, lat, origin)
    source = ColumnDataSource(
        {
            "x": x.round().tolist(),
            "y": y.round().tolist(),
            "step": np.where(np.isfinite(values), step, np.nan),
            "size": [12 if kv >= 500 else 10 if kv >= 300 else 7 for kv in places["vn_kv"]],
            **_say(places),
        }
    )
    dots = plot.scatter(
        "x",
        "y",
        size="size",
        source=source,
        line_width=0.8,
        fill_color={"field": "step", "transform": mapper},
    )
    palette.paint(dots.glyph, line_color=INK)
    fit_plot(plot, dots)
    add_tools(plot, palette, [dots, *_draw_marks(plot, palette, block.marks, origin)])
    return finish_drawing(target, plot, palette)


def _say(table: pd.DataFrame) -> dict[str, list[str]]:
    return {
        "label": [show_hidden(str(label)) for label in table["label"]],
        "facts": [show_hidden(str(facts)) for facts in table["facts"]],
        "breaks": [""] * len(table),
    }


def _draw_ground(plot: Any, palette: Palette, block: PlaceMap, origin: tuple[float, float]) -> None:
    """Draw the coast, and the lines thin and grey."""
    xs, ys = [], []
    for ring in block.outline:
        points = np.asarray(ring, dtype=float)
        x, y = project(points[:, 0], points[:, 1], origin)
        xs.append(np.round(x).tolist())
        ys.append(np.round(y).tolist())
    land = plot.patches(xs=xs, ys=ys, line_width=1)
    palette.paint(land.glyph, fill_color=LAND, line_color=COAST)
    land.nonselection_glyph = land.selection_glyph = None
    if block.lines.empty:
        return
    ends = [
        project(block.lines[f"lon_{end}"].to_numpy(), block.lines[f"lat_{end}"].to_numpy(), origin)
        for end in ("from", "to")
    ]
    pairs = [np.stack([a, b], axis=1).round().tolist() for a, b in zip(*ends, strict=True)]
    wires = plot.multi_line(pairs[0], pairs[1], line_width=0.8, line_alpha=0.5)
    palette.paint(wires.glyph, line_color=MUTED)


def _draw_marks(plot: Any, palette: Palette, marks: pd.DataFrame, origin: tuple[float, float]) -> list[Any]:
    """Draw the marked places as stars with their names."""
    from bokeh.core.properties import value
    from bokeh.models import ColumnDataSource
    from bokeh.models.annotations import LabelSet

    if marks.empty:
        return []
    x, y = project(marks["lon"].to_numpy(), marks["lat"].to_numpy(), origin)
    source = ColumnDataSource({"x": x.round().tolist(), "y": y.round().tolist(), **_say(marks)})
    stars = plot.scatter("x", "y", source=source, level="overlay", marker="star", size=18, line_width=1.2)
    palette.paint(stars.glyph, fill_color=HUB, line_color=LAND)
    names = LabelSet(
        x="x", y="y", text="label", source=source, text_font_size="12px", x_offset=10, y_offset=4
    )
    names.text_font = value(FONT)
    names.background_fill_alpha = 0.72
    palette.paint(names, text_color=INK, background_fill_color=LAND)
    plot.add_layout(names)
    return [stars]


def render_place_frame(block: PlaceMap, target: str) -> str:
    """Render the frame of the map: the place it is drawn into, the key and the attribution."""
    values = block.places["value"].to_numpy(dtype=float)
    bounds = choose_steps(values)
    shown = [format_number(bound, block.unit) for bound in bounds]
    texts = [f"below {shown[0]}"] if shown else []
    texts += [f"{low} to {high}" for low, high in zip(shown[:-1], shown[1:], strict=True)]
    texts += [f"{shown[-1]} and more"] if shown else []
    items = [(f"var(--l{position})", text) for position, text in enumerate(texts)]
    if np.isnan(values).any():
        items.append(("var(--unrated)", "not known"))
    dot = '<svg viewBox="0 0 30 12" aria-hidden="true"><circle cx="15" cy="6" r="5" style="fill:{}"/></svg>'
    entries = "".join(f"<li>{dot.format(colour)}{escape_text(text)}</li>" for colour, text in items)
    missing = int((~np.isfinite(block.places[["lat", "lon"]].to_numpy(dtype=float)).all(axis=1)).sum())
    unplaced = f" {missing} places have no coordinates and are not drawn." if missing else ""
    source = f"{block.attribution.rstrip('.')}." if block.attribution else ""
    note = f"{source}{unplaced} Wheel zooms, drag pans; equirectangular, true to scale mid-map."
    title = f"{block.title}, {block.unit}" if block.unit else block.title
    return (
        f'<figure class="map"><div class="map-grid"><div class="canvas" id="{target}" role="img" '
        f'aria-label="Map. Every number in it also stands in the tables."></div><aside>'
        f'<h3>{escape_text(title)}</h3><ul class="key">{entries}</ul></aside></div>'
        f'<figcaption class="note">{escape_text(note.strip())}</figcaption></figure>'
    )
