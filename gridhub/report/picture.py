"""The map as a still picture: an SVG file that any page can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np
import pandas as pd

from gridhub.report.corridors import find_corridors, find_sites, project
from gridhub.report.drawing import ALERT, INK, MUTED
from gridhub.report.font import FAMILY, render_font_faces
from gridhub.report.hover import Hover
from gridhub.report.map import COAST, LAND, LOADING_LIGHT, PART_FILL, UNRATED, find_first_state
from gridhub.report.page import MapLayers, MapState, VoltageScale
from gridhub.report.text import show_hidden

WIDTH, MARGIN = 760.0, 56.0
"""Width of the picture and the room left around the sites [px]."""

LABEL_ROOM = 150.0
"""Room a name needs to the right of its site [px]."""

SEA = "#e9eff3"


def _colour(percent: float) -> str:
    """Give the colour of a loading [%], the same as on the page's map."""
    if not np.isfinite(percent):
        return UNRATED[0]
    if percent > 100.0:
        return ALERT[0]
    return LOADING_LIGHT[min(int(percent // 20.0), len(LOADING_LIGHT) - 1)]


class _Frame:
    """Where a place lies in the picture."""

    def __init__(self, sites: pd.DataFrame) -> None:
        lon, lat = sites["lon"].to_numpy(dtype=float), sites["lat"].to_numpy(dtype=float)
        self.origin = (float((lon.min() + lon.max()) / 2), float((lat.min() + lat.max()) / 2))
        x, y = project(lon, lat, self.origin)
        self.left, self.top = float(x.min()), float(y.max())
        span = max(float(x.max() - x.min()), 0.6 * float(y.max() - y.min()), 1.0)
        self.scale = (WIDTH - 2 * MARGIN) / span
        self.height = float(y.max() - y.min()) * self.scale + 2 * MARGIN

    def locate(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Picture coordinates of places, (n,) [px]."""
        x, y = project(lon, lat, self.origin)
        return (x - self.left) * self.scale + MARGIN, (self.top - y) * self.scale + MARGIN


def _draw_land(layers: MapLayers, frame: _Frame) -> Iterator[str]:
    for ring in layers.outline:
        points = np.array(ring, dtype=float)
        x, y = frame.locate(points[:, 0], points[:, 1])
        seen = (x > -WIDTH) & (x < 2 * WIDTH) & (y > -frame.height) & (y < 2 * frame.height)
        if seen.any():
            path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
            yield f'<polygon points="{path}" fill="{LAND[0]}" stroke="{COAST[0]}" stroke-width="0.8"/>'


def _draw_corridors(
    layers: MapLayers, state: MapState, sites: pd.DataFrame, x: np.ndarray, y: np.ndarray
) -> Iterator[str]:
    dashes = {"hvdc": "6 4", "assumed": "2 3"}
    hover = Hover(layers, state)
    for row in find_corridors(layers, sites).to_dict("records"):
        percent = hover.find_loading(row["members"])
        width = 4.0 if row["vn_kv"] >= 700.0 else 2.4
        dash = f' stroke-dasharray="{dashes[row["style"]]}"' if row["style"] in dashes else ""
        i, j = row["start"], row["end"]
        ends = f'x1="{x[i]:.1f}" y1="{y[i]:.1f}" x2="{x[j]:.1f}" y2="{y[j]:.1f}"'
        pen = f'stroke="{_colour(percent)}" stroke-width="{width}" stroke-linecap="round"'
        yield f"<line {ends} {pen}{dash}/>"


def _write(
    x: float,
    y: float,
    text: str,
    size: int,
    weight: str = "normal",
    fill: str = INK[0],
    anchor: str = "start",
) -> str:
    halo = 'paint-order="stroke" stroke="#ffffff" stroke-width="3" stroke-linejoin="round"'
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}"'
    return f'<text {place} text-anchor="{anchor}" {halo}>{escape(show_hidden(text))}</text>'


def _colour_voltage(voltage: float, scale: VoltageScale) -> str:
    """Give the colour of a voltage [p.u.], the same as on the page's map."""
    if not np.isfinite(voltage):
        return LAND[0]
    if voltage < scale.low:
        return ALERT[0]
    steps = len(LOADING_LIGHT)
    step = int(steps * (voltage - scale.low) / (scale.high - scale.low))
    return LOADING_LIGHT[steps - 1 - min(step, steps - 1)]


def _draw_sites(
    layers: MapLayers, state: MapState, sites: pd.DataFrame, x: np.ndarray, y: np.ndarray
) -> Iterator[str]:
    hover = Hover(layers, state)
    high = sites["vn_kv"].to_numpy(dtype=float) >= 700.0
    for i in range(len(sites)):
        radius, fill = (4.5 if high[i] else 2.2), "#ffffff"
        if layers.voltages is not None:
            radius, fill = 5.0, _colour_voltage(hover.find_voltage(sites["buses"][i]), layers.voltages)
        yield (
            f'<circle cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="{radius}" fill="{fill}" stroke="{INK[0]}" '
            'stroke-width="1.1"/>'
        )
    for i in np.flatnonzero(high).tolist():
        # a name that would leave the picture stands on the other side of its site
        inside = x[i] < WIDTH - LABEL_ROOM
        label = str(sites["label"][i])
        yield _write(x[i] + (7 if inside else -7), y[i] + 4, label, 11, anchor="start" if inside else "end")


def _draw_hub(layers: MapLayers, frame: _Frame) -> Iterator[str]:
    placed = layers.hub
    if placed.empty:
        return
    placed = placed[np.isfinite(placed["lon"].astype(float)) & np.isfinite(placed["lat"].astype(float))]
    x, y = frame.locate(placed["lon"].to_numpy(dtype=float), placed["lat"].to_numpy(dtype=float))
    for i, row in enumerate(placed.to_dict("records")):
        colour = PART_FILL.get(str(row["kind"]), INK)[0]
        large = row["kind"] == "data_center"
        place = f'cx="{x[i]:.1f}" cy="{y[i]:.1f}" r="{8 if large else 5}"'
        yield f'<circle {place} fill="{colour}" stroke="#ffffff" stroke-width="1.5"/>'
        if large:
            text = f"{row['label']} {float(row['p_mw']):,.0f} MW"
            yield _write(x[i] - 8, y[i] + 24, text, 14, "bold", colour)


def _draw_legend(height: float, voltages: VoltageScale | None) -> Iterator[str]:
    """Draw the classes of loading or voltage in the lower right corner, where the sea is."""
    left, top = WIDTH - 165.0, height - 150.0
    yield _write(left, top, "Voltage, p.u." if voltages else "Loading, % of rating", 11, "bold")
    names = [f"{20 * k}-{20 * (k + 1)}" for k in range(len(LOADING_LIGHT))] + ["above the rating"]
    colours = [*LOADING_LIGHT, ALERT[0]]
    if voltages is not None:
        ends = np.linspace(voltages.low, voltages.high, len(LOADING_LIGHT) + 1)
        names = [f"{a:.2f}-{b:.2f}" for a, b in zip(ends[:-1], ends[1:], strict=True)]
        names += [f"below {voltages.low:.2f}"]
        colours = [*LOADING_LIGHT[::-1], ALERT[0]]
    for k, (name, colour) in enumerate(zip(names, colours, strict=True)):
        y = top + 16 + 16 * k
        yield (
            f'<line x1="{left}" y1="{y}" x2="{left + 24}" y2="{y}" stroke="{colour}" stroke-width="4" '
            'stroke-linecap="round"/>'
        )
        yield _write(left + 32, y + 4, name, 11)
    yield _write(left, top + 120, "dashed HVDC, dotted assumed", 10, fill=MUTED[0])


def _find_hangul(parts: Sequence[str]) -> str:
    """List every character of the texts that the reader's own fonts may lack."""
    return "".join(sorted({character for part in parts for character in part if ord(character) > 0x7F}))


def render_picture(layers: MapLayers) -> str:
    """Render the map of the first snapshot's last state as an SVG file.

    Parameters
    ----------
    layers : MapLayers
        What to draw.

    Returns
    -------
    str
        An SVG document; empty if no bus has coordinates.
    """
    sites = find_sites(layers)
    if sites.empty:
        return ""
    frame = _Frame(sites)
    x, y = frame.locate(sites["lon"].to_numpy(dtype=float), sites["lat"].to_numpy(dtype=float))
    state = layers.states[find_first_state(layers)]
    height = frame.height + 20.0
    caption = " · ".join(part for part in (state.snapshot, state.variant) if part)
    body = [
        *_draw_land(layers, frame),
        *_draw_corridors(layers, state, sites, x, y),
        *_draw_sites(layers, state, sites, x, y),
        *_draw_hub(layers, frame),
        *_draw_legend(frame.height, layers.voltages),
        _write(MARGIN, height - 10, layers.attribution[:140], 9, fill=MUTED[0]),
    ]
    box = (
        f'viewBox="0 0 {WIDTH:.0f} {height:.0f}" width="{WIDTH:.0f}" height="{height:.0f}" overflow="hidden"'
    )
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="{FAMILY}, sans-serif" role="img">',
        f"<title>{escape(show_hidden(f'Map of the grid, {caption}'))}</title>",
        f"<style>{render_font_faces(_find_hangul(body))}</style>",
        f'<rect width="100%" height="100%" fill="{SEA}"/>',
    ]
    return "\n".join([*head, *body, "</svg>"]) + "\n"
