"""Curves as a Bokeh figure: branch loading sorted from the largest down, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridhub.report.drawing import (
    ACCENT,
    ALERT,
    BEFORE,
    FONT,
    GRID,
    INK,
    MUTED,
    Drawing,
    Palette,
    finish_drawing,
)
from gridhub.report.page import CurveChart
from gridhub.report.text import show_hidden

_OTHERS = (BEFORE, ("#a6621b", "#e0a35c"), ("#6a4c93", "#b79ae0"))


def draw_curves(chart: CurveChart, target: str) -> Drawing:
    """Draw curves over one axis.

    Parameters
    ----------
    chart : CurveChart
        The curves; the last one is drawn strongest.
    target : str
        Id of the element it is drawn into.

    Returns
    -------
    Drawing
    """
    from bokeh.models.annotations import Span
    from bokeh.models.ranges import Range1d
    from bokeh.plotting import figure

    palette = Palette()
    plot = figure(
        height=300,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        min_border_right=16,
        min_width=240,
    )
    style_axes(plot, palette, chart.x_label, chart.y_label)
    for name, (x, low, high) in chart.bands.items():
        band = plot.varea(
            x=list(x), y1=list(low), y2=list(high), fill_alpha=0.2, legend_label=show_hidden(name)
        )
        palette.paint(band.glyph, fill_color=ACCENT)
    if chart.whole_steps:
        _mark_whole_steps(plot, [float(value) for x, _ in chart.curves.values() for value in x])
    for position, (name, (x, y)) in enumerate(chart.curves.items()):
        last = position == len(chart.curves) - 1
        line = plot.line(
            np.asarray(x, dtype=float),
            np.asarray(y, dtype=float),
            line_width=2.5 if last else 2,
            line_dash="solid" if last else "dashed",
            legend_label=show_hidden(name),
        )
        palette.paint(line.glyph, line_color=ACCENT if last else _OTHERS[position % len(_OTHERS)])
    if chart.limit is not None:
        span = Span(location=chart.limit, dimension="width", line_width=1.5)
        palette.paint(span, line_color=ALERT)
        plot.add_layout(span)
    highest = max(
        [float(np.nanmax(y)) for _, y in chart.curves.values() if np.isfinite(y).any()], default=0.0
    )
    bottom, top = _span(chart, highest)
    plot.y_range = Range1d(start=bottom, end=top)
    _style_legend(plot, palette)
    return finish_drawing(target, plot, palette)


def _span(chart: CurveChart, highest: float) -> tuple[float, float]:
    """Find the ends of the y axis: from zero, or around the curves with a little room."""
    top = max(highest, chart.limit or 0.0)
    if chart.start_at_zero:
        return 0.0, 1.06 * top or 1.0
    values = [np.asarray(y, dtype=float) for _, y in chart.curves.values()]
    bottom = min([float(np.nanmin(y)) for y in values if np.isfinite(y).any()], default=0.0)
    room = 0.06 * (top - bottom) or 1.0
    return bottom - room, top + room


def _mark_whole_steps(plot: Any, values: list[float]) -> None:
    """Mark the x axis at whole numbers, as they are written in dates."""
    from bokeh.models.formatters import PrintfTickFormatter
    from bokeh.models.tickers import FixedTicker

    marks = sorted({round(value) for value in values})
    plot.xaxis.ticker = FixedTicker(ticks=marks)
    plot.xaxis.formatter = PrintfTickFormatter(format="%d")


def style_axes(plot: Any, palette: Palette, x_label: str, y_label: str) -> None:
    """Give a figure the page's type and quiet grid lines."""
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    plot.xaxis.axis_label, plot.yaxis.axis_label = show_hidden(x_label), show_hidden(y_label)
    for axis in (plot.xaxis[0], plot.yaxis[0]):
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
        axis.axis_label_text_font_style = "normal"
        axis.minor_tick_line_color = axis.axis_line_color = axis.major_tick_line_color = None
        palette.paint(axis, axis_label_text_color=MUTED, major_label_text_color=MUTED)
    plot.xgrid.grid_line_color = None
    palette.paint(plot.ygrid[0], grid_line_color=GRID)


def _style_legend(plot: Any, palette: Palette) -> None:
    for legend in plot.legend:
        legend.location = "bottom_left"
        legend.label_text_font, legend.label_text_font_size = FONT, "12px"
        legend.background_fill_color = legend.border_line_color = None
        palette.paint(legend, label_text_color=INK)
