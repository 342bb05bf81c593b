"""The pan-and-zoom map as a Bokeh figure: coast, lines by loading, sites, the hub and its feeders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridhub.report.corridors import find_corridors, find_inside, find_sites, project
from gridhub.report.drawing import ACCENT, ALERT, FONT, INK, MUTED, Drawing, Palette, finish_drawing
from gridhub.report.hover import Hover
from gridhub.report.page import MapLayers, VoltageScale
from gridhub.report.text import format_number, show_hidden

LOADING_LIGHT = ("#c3ccd6", "#98b8d3", "#5f97c6", "#2c6da8", "#12406f")
LOADING_DARK = ("#46525e", "#54728e", "#6795c0", "#8dbbe6", "#cfe6fb")
UNRATED = ("#a9a9a4", "#6f6f6b")
LAND = ("#ffffff", "#1d262e")
COAST = ("#c5ced6", "#36434f")
"""Colours as (light, dark). Loading steps by 20 % of the rating, one hue from light to dark, orange above."""

_DASH = {"feeder": "solid", "ac": "solid", "hvdc": [8, 4], "assumed": [2, 3]}
PART_FILL = {
    "data_center": ("#b4236f", "#ff7ab8"),
    "solar": ("#c98a00", "#f2bd3f"),
    "wind": ("#2a7f9e", "#6cc4e4"),
    "offshore_wind": ("#2a7f9e", "#6cc4e4"),
    "storage": ("#4d7c2a", "#9bd065"),
}
HUB = PART_FILL["data_center"]

# The markup is constant; Bokeh escapes every value that it puts in.
_TIP = """<div style="max-width:300px;font:12px/1.45 'Gridhub Sans',sans-serif;white-space:pre-line">\
<b>@label</b>
<span>@facts</span>
<span style="color:#c8420a">@breaks</span></div>"""


def draw_map(layers: MapLayers, target: str) -> Drawing:
    """Draw the map.

    Parameters
    ----------
    layers : MapLayers
        What to draw.
    target : str
        Id of the element it is drawn into.

    Returns
    -------
    Drawing
        The last state of the first snapshot is the one drawn; the page's script shows the others.
    """
    palette = Palette()
    sites = find_sites(layers)
    origin = _centre(layers, sites)
    plot = make_plot(palette)
    _draw_land(plot, palette, layers, origin)
    x, y = project(sites["lon"].to_numpy(), sites["lat"].to_numpy(), origin)
    sites = sites.assign(x=x, y=y)
    states: list[dict[str, Any]] = [
        {"snapshot": state.snapshot, "variant": state.variant, "sources": {}, "top": []}
        for state in layers.states
    ]
    shown = find_first_state(layers)
    corridors = find_corridors(layers, sites)
    hovers = [Hover(layers, state) for state in layers.states]
    renderers = _draw_corridors(plot, palette, hovers, sites, corridors, states, shown)
    renderers += _draw_sites(plot, palette, layers, hovers, sites, states, shown)
    fit_plot(plot, renderers[-1])
    renderers += _draw_hub(plot, palette, layers, sites, origin)
    add_tools(plot, palette, renderers)
    return finish_drawing(target, plot, palette, states)


def find_first_state(layers: MapLayers) -> int:
    """Give the position of the state that is shown first: the last one of the first snapshot."""
    first = layers.states[0].snapshot
    return max(position for position, state in enumerate(layers.states) if state.snapshot == first)


def _centre(layers: MapLayers, sites: pd.DataFrame) -> tuple[float, float]:
    lon, lat = sites["lon"], sites["lat"]
    if sites.empty:
        return 0.0, 0.0
    return float((lon.min() + lon.max()) / 2), float((lat.min() + lat.max()) / 2)


def make_plot(palette: Palette) -> Any:
    """Make the empty figure of a map: no axes, the same scale in both directions."""
    from bokeh.models.annotations import ScaleBar
    from bokeh.models.annotations.dimensional import MetricLength
    from bokeh.plotting import figure

    plot = figure(
        sizing_mode="stretch_both",
        match_aspect=True,
        tools="",
        toolbar_location="above",
        output_backend="canvas",
        min_width=240,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    plot.background_fill_color = plot.border_fill_color = plot.outline_line_color = None
    plot.min_border = 0
    scale = ScaleBar(
        dimensional=MetricLength(),
        unit="m",
        location="bottom_left",
        bar_length=0.18,
        background_fill_color=None,
    )
    scale.border_line_color = None
    scale.label_text_font, scale.label_text_font_size = FONT, "11px"
    palette.paint(scale, bar_line_color=MUTED, label_text_color=MUTED)
    plot.add_layout(scale)
    return plot


def fit_plot(plot: Any, sites: Any) -> None:
    """Show every site and a margin; only ranges that follow data keep the same scale in both directions."""
    from bokeh.models.ranges import DataRange1d

    for axis in ("x_range", "y_range"):
        setattr(plot, axis, DataRange1d(renderers=[sites], range_padding=0.12, default_span=40_000.0))


def _draw_land(plot: Any, palette: Palette, layers: MapLayers, origin: tuple[float, float]) -> None:
    xs, ys = [], []
    for ring in layers.outline:
        points = np.asarray(ring, dtype=float)
        x, y = project(points[:, 0], points[:, 1], origin)
        xs.append(np.round(x).tolist())
        ys.append(np.round(y).tolist())
    land = plot.patches(xs=xs, ys=ys, line_width=1)
    palette.paint(land.glyph, fill_color=LAND, line_color=COAST)
    land.nonselection_glyph = land.selection_glyph = None


def _draw_corridors(
    plot: Any,
    palette: Palette,
    hovers: list[Hover],
    sites: pd.DataFrame,
    corridors: pd.DataFrame,
    states: list[dict[str, Any]],
    shown: int,
) -> list[Any]:
    """Draw the lines, one layer for each line style, and fill in what changes with the state."""
    from bokeh.models import ColumnDataSource, LinearColorMapper

    # a violation is more than 1e-6 above the limit
    mapper = LinearColorMapper(palette=list(LOADING_LIGHT), low=0, high=100 + 1e-6)
    palette.entries.append((mapper, "palette", list(LOADING_LIGHT), list(LOADING_DARK)))
    palette.paint(mapper, high_color=ALERT, nan_color=UNRATED)
    renderers = []
    for style, dash in _DASH.items():
        part = corridors[corridors["style"] == style]
        fixed = _place_corridors(part, sites)
        changing = [_say_corridors(hover, part, sites) for hover in hovers]
        source = ColumnDataSource({**fixed, **changing[shown]})
        broken = plot.multi_line(
            "xs", "ys", source=source, line_width=10, line_alpha="risk", line_cap="round"
        )
        palette.paint(broken.glyph, line_color=ALERT)
        if style == "feeder":
            halo = plot.multi_line("xs", "ys", source=source, line_width=9, line_alpha=0.45)
            palette.paint(halo.glyph, line_color=HUB)
        line = plot.multi_line(
            "xs",
            "ys",
            source=source,
            line_width="width",
            line_dash=dash,
            line_cap="round",
            line_color={"field": "loading", "transform": mapper},
        )
        line.hover_glyph = line.glyph.clone(line_width=8, line_alpha=0.55)
        renderers.append(line)
        for state, data in zip(states, changing, strict=True):
            state["sources"][source] = {
                **data,
                "loading": [None if np.isnan(value) else value for value in data["loading"]],
            }
            state["top"] += list(zip(fixed["label"], data["loading"], strict=True))
    for state in states:
        state["top"] = _find_heaviest(state["top"])
    return renderers


def _find_heaviest(pairs: list[tuple[str, float]], count: int = 6) -> list[list[str]]:
    rated = sorted((pair for pair in pairs if not np.isnan(pair[1])), key=lambda pair: -pair[1])
    return [[label, f"{format_number(loading, '%')} %"] for label, loading in rated[:count]]


def _place_corridors(part: pd.DataFrame, sites: pd.DataFrame) -> dict[str, list[Any]]:
    ends = [(row.start, row.end) for row in part.itertuples()]
    return {
        "xs": [[round(sites["x"][a]), round(sites["x"][b])] for a, b in ends],
        "ys": [[round(sites["y"][a]), round(sites["y"][b])] for a, b in ends],
        "width": [_scale(kv, 1.6, 2.6, 4.0) for kv in part["vn_kv"]],
        "label": [
            show_hidden(f"{label} {format_number(kv, 'kV')} kV")
            for label, kv in zip(part["label"], part["vn_kv"], strict=True)
        ],
    }


def _say_corridors(hover: Hover, part: pd.DataFrame, sites: pd.DataFrame) -> dict[str, list[Any]]:
    loading = [hover.find_loading(members) for members in part["members"]]
    facts = [
        _name_style(style) + _say_loading(value) + hover.describe_flow(members, sites["buses"][start])
        for style, value, members, start in zip(
            part["style"], loading, part["members"], part["start"], strict=True
        )
    ]
    breaks = [hover.describe_breaks(members) for members in part["members"]]
    risk = [0.34 if hover.is_broken(members) else 0.0 for members in part["members"]]
    return {"loading": loading, "facts": facts, "breaks": breaks, "risk": risk}


def _name_style(style: str) -> str:
    return {
        "ac": "",
        "feeder": "Feeder of the hub\n",
        "hvdc": "HVDC link\n",
        "assumed": "Assumed: not confirmed by public data\n",
    }[style]


def _say_loading(value: float) -> str:
    return "" if np.isnan(value) else f"{format_number(value, '%')} % of its rating\n"


def _draw_sites(
    plot: Any,
    palette: Palette,
    layers: MapLayers,
    hovers: list[Hover],
    sites: pd.DataFrame,
    states: list[dict[str, Any]],
    shown: int,
) -> list[Any]:
    """Draw a circle for each place, larger with the voltage, and name the places of the highest voltage."""
    from bokeh.core.properties import field, value
    from bokeh.models import ColumnDataSource
    from bokeh.models.annotations import LabelSet

    inside = find_inside(layers, sites)
    fixed = _place_sites(layers, sites)
    changing = [_say_sites(hover, sites, inside) for hover in hovers]
    source = ColumnDataSource({**fixed, **changing[shown]})
    for state, data in zip(states, changing, strict=True):
        known = [None if np.isnan(value) else value for value in data["voltage"]]
        state["sources"][source] = {**data, "voltage": known}
        if layers.voltages is not None:
            state["top"] = _find_lowest(list(zip(fixed["label"], data["voltage"], strict=True)))
    dots = plot.scatter("x", "y", size="size", source=source, line_width=1.2)
    palette.paint(dots.glyph, line_color=INK)
    if layers.voltages is None:
        palette.paint(dots.glyph, fill_color=LAND)
    else:
        dots.glyph.fill_color = {"field": "voltage", "transform": _map_voltage(palette, layers.voltages)}
    names = LabelSet(x="x", y="y", text="text", source=source, text_font_size="12px")
    names.x_offset, names.y_offset = field("dx"), field("dy")
    names.text_font = value(FONT)
    names.background_fill_alpha = 0.72
    palette.paint(names, text_color=INK, background_fill_color=LAND)
    palette.compact += [
        (names, "text", {"field": "short_text"}),
        (names, "text_font_size", {"value": "10px"}),
        (dots.glyph, "size", {"field": "small_size"}),
    ]
    plot.add_layout(names)
    return [dots]


def _map_voltage(palette: Palette, scale: VoltageScale) -> Any:
    """Map voltages to the steps of the loading, the darkest the lowest; below them the colour of alarms."""
    from bokeh.models import LinearColorMapper

    light, dark = list(LOADING_LIGHT[::-1]), list(LOADING_DARK[::-1])
    mapper = LinearColorMapper(palette=light, low=scale.low, high=scale.high)
    palette.entries.append((mapper, "palette", light, dark))
    palette.paint(mapper, low_color=ALERT, nan_color=LAND)
    return mapper


def _find_lowest(pairs: list[tuple[str, float]], count: int = 6) -> list[list[str]]:
    known = sorted((pair for pair in pairs if not np.isnan(pair[1])), key=lambda pair: pair[1])
    return [[label, f"{format_number(voltage, 'p.u.')} p.u."] for label, voltage in known[:count]]


def _place_sites(layers: MapLayers, sites: pd.DataFrame) -> dict[str, list[Any]]:
    """Say what a site looks like in every state: a hub's own bus hides below the hub's mark."""
    top = sites["vn_kv"].max() if len(sites) else 0.0
    parts = (
        layers.hub[["bus", "kind"]].astype(str) if len(layers.hub) else pd.DataFrame({"bus": [], "kind": []})
    )
    centers = set(parts.loc[parts["kind"] == "data_center", "bus"])
    feeders = layers.branches[layers.branches["kind"] == "feeder"]
    own = set(parts["bus"]) & set(feeders["to_bus"])
    named = centers | set(feeders["from_bus"])
    is_own = [set(buses) <= own for buses in sites["buses"]]
    is_named = [bool(named & set(buses)) for buses in sites["buses"]]
    labels = [show_hidden(label) for label in sites["label"]]
    kv = sites["vn_kv"].tolist()
    return {
        "x": sites["x"].round().tolist(),
        "y": sites["y"].round().tolist(),
        "size": [0 if hub else _scale(v, 5, 7, 11) for v, hub in zip(kv, is_own, strict=True)],
        "small_size": [0 if hub else _scale(v, 3, 4, 7) for v, hub in zip(kv, is_own, strict=True)],
        # the name of the hub goes below its mark, clear of the name of the site that takes it
        "dx": [14 if hub else 9 for hub in is_own],
        "dy": [-16 if hub else -5 for hub in is_own],
        "label": labels,
        "short_text": [label if shown else "" for label, shown in zip(labels, is_named, strict=True)],
        "text": [
            label if shown or (v == top and v >= 500) else ""
            for label, v, shown in zip(labels, kv, is_named, strict=True)
        ],
    }


def _scale(vn_kv: float, small: float, middle: float, large: float) -> float:
    """Choose a size by voltage class."""
    return large if vn_kv >= 500 else middle if vn_kv >= 300 else small


def _say_sites(hover: Hover, sites: pd.DataFrame, inside: list[tuple[str, ...]]) -> dict[str, list[Any]]:
    """Say what the reader of a place sees in one state."""
    facts, breaks = [], []
    for buses, members in zip(sites["buses"], inside, strict=True):
        lines = [hover.describe_voltage(bus) for bus in buses]
        worst = hover.find_loading(members)
        if not np.isnan(worst):
            lines.append(f"Transformers up to {format_number(worst, '%')} %")
        facts.append("\n".join(lines))
        breaks.append(hover.describe_breaks([*buses, *members]))
    voltage = [hover.find_voltage(buses) for buses in sites["buses"]]
    return {"facts": facts, "breaks": breaks, "voltage": voltage}


def _draw_hub(
    plot: Any, palette: Palette, layers: MapLayers, sites: pd.DataFrame, origin: tuple[float, float]
) -> list[Any]:
    """Draw each part of the hub where it stands, and its feeders to the place that takes it."""
    from bokeh.models import ColumnDataSource

    if layers.hub.empty:
        return []
    where = {bus: position for position, buses in enumerate(sites["buses"]) for bus in buses}
    x, y = project(layers.hub["lon"].to_numpy(), layers.hub["lat"].to_numpy(), origin)
    hosts = [where.get(str(bus)) for bus in layers.hub["bus"]]
    feeders = [
        (a, b, host)
        for a, b, host in zip(x, y, hosts, strict=True)
        if host is not None and np.isfinite(a) and np.hypot(a - sites["x"][host], b - sites["y"][host]) > 1.0
    ]
    wires = plot.multi_line(
        [[float(a), float(sites["x"][host])] for a, _, host in feeders],
        [[float(b), float(sites["y"][host])] for _, b, host in feeders],
        line_width=2.5,
    )
    palette.paint(wires.glyph, line_color=HUB)
    renderers = []
    parts = layers.hub.assign(x=x, y=y, is_center=layers.hub["kind"] == "data_center")
    # the data center comes last, on top of what stands beside it
    for kind, part in parts.sort_values("is_center", kind="stable").groupby("kind", sort=False):
        part = part[np.isfinite(part["x"])]
        source = ColumnDataSource(
            {
                "x": part["x"].tolist(),
                "y": part["y"].tolist(),
                "label": [show_hidden(str(label)) for label in part["label"]],
                "facts": [
                    f"{str(kind).replace('_', ' ')}, {format_number(mw, 'MW')} MW" for mw in part["p_mw"]
                ],
                "breaks": [""] * len(part),
            }
        )
        marker = "star" if kind == "data_center" else "square"
        dots = plot.scatter(
            "x",
            "y",
            source=source,
            level="overlay",
            marker=marker,
            size=20 if marker == "star" else 10,
            line_width=1.5,
        )
        palette.paint(dots.glyph, fill_color=PART_FILL.get(str(kind), ACCENT), line_color=LAND)
        renderers.append(dots)
    return renderers


def add_tools(plot: Any, palette: Palette, renderers: list[Any]) -> None:
    """Let the reader zoom, pan and point at what is drawn."""
    from bokeh.models import HoverTool, PanTool, ResetTool, WheelZoomTool, ZoomInTool, ZoomOutTool

    pan, wheel = PanTool(), WheelZoomTool(zoom_on_axis=False)
    plot.add_tools(pan, wheel, ZoomInTool(), ZoomOutTool(), ResetTool())
    plot.add_tools(HoverTool(renderers=renderers, tooltips=_TIP, line_policy="interp", visible=False))
    plot.toolbar.active_drag, plot.toolbar.active_scroll, plot.toolbar.logo = pan, wheel, None
