"""A heat map as a Bokeh figure: a cell for every row and column, darker where the value is larger."""

from __future__ import annotations

import numpy as np

from gridhub.report.curve import style_axes
from gridhub.report.drawing import ALERT, Drawing, Palette, finish_drawing
from gridhub.report.page import HeatChart
from gridhub.report.text import show_hidden

MARKS = 8
"""Names along an axis at most."""


def draw_heat(chart: HeatChart, target: str) -> Drawing:
    """Draw a heat map.

    Parameters
    ----------
    chart : HeatChart
        Cells of 0 stay as pale as the page; the largest is fully covered.
    target : str
        Id of the element it is drawn into.

    Returns
    -------
    Drawing
    """
    from bokeh.models.ranges import Range1d
    from bokeh.plotting import figure

    palette = Palette()
    plot = figure(
        height=300, sizing_mode="stretch_width", toolbar_location=None, tools="", min_border_right=16,
        min_width=240,
    )  # fmt: skip
    style_axes(plot, palette, chart.x_label, chart.y_label)
    plot.ygrid.grid_line_color = None
    values = np.array(chart.values, dtype=float).reshape(len(chart.rows), len(chart.columns))
    row, column = np.nonzero(np.isfinite(values) & (values > 0.0))
    top = float(np.nanmax(values, initial=0.0))
    share = np.round(values[row, column] / top, 3) if top > 0.0 else np.empty(0)
    cells = plot.quad(
        left=column.astype(float),
        right=column + 1.0,
        bottom=row.astype(float),
        top=row + 1.0,
        # the root shows small values beside large ones
        fill_alpha=np.round(np.sqrt(share), 3),
        line_color=None,
    )
    palette.paint(cells.glyph, fill_color=ALERT)
    plot.x_range = Range1d(start=0, end=max(1, len(chart.columns)))
    plot.y_range = Range1d(start=max(1, len(chart.rows)), end=0)
    for axis, names in ((plot.xaxis[0], chart.columns), (plot.yaxis[0], chart.rows)):
        step = max(1, -(-len(names) // MARKS))
        marks = list(range(0, len(names), step))
        axis.ticker = [mark + 0.5 for mark in marks]
        axis.major_label_overrides = {mark + 0.5: show_hidden(str(names[mark])) for mark in marks}
    return finish_drawing(target, plot, palette)
