"""Draw points and a fitted power law on two logarithmic axes, as SVG."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridhub.case.case import Floats

WIDTH, HEIGHT, MARGIN = 720, 480, 64


def _list_decades(low: float, high: float) -> list[float]:
    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    return [10.0**k for k in range(first, last + 1)]


def draw_curve(labels: Sequence[str], x: Floats, y: Floats, exponent: float, factor: float) -> str:
    """Draw cost [us] against the number of nodes, and the line factor * nodes^exponent."""
    across, up = _list_decades(x.min(), x.max()), _list_decades(y.min(), y.max())

    def place(px: float, py: float) -> tuple[float, float]:
        h = np.log10(px / across[0]) / np.log10(across[-1] / across[0])
        v = np.log10(py / up[0]) / np.log10(up[-1] / up[0])
        return MARGIN + h * (WIDTH - 2 * MARGIN), HEIGHT - MARGIN - v * (HEIGHT - 2 * MARGIN)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for value in across:
        h = place(value, up[0])[0]
        parts.append(f'<path d="M{h:.1f} {MARGIN}V{HEIGHT - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{h:.1f}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{value:,.0f}</text>')
    for value in up:
        v = place(across[0], value)[1]
        parts.append(f'<path d="M{MARGIN} {v:.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{v + 4:.1f}" text-anchor="end">{value:,.4g}</text>')
    ends = [place(value, factor * value**exponent) for value in (x.min(), x.max())]
    line = "L".join(f"{h:.1f} {v:.1f}" for h, v in ends)
    parts.append(f'<path d="M{line}" stroke="#888" stroke-dasharray="5 4" fill="none"/>')
    for label, px, py in zip(labels, x, y, strict=True):
        h, v = place(px, py)
        parts.append(f'<circle cx="{h:.1f}" cy="{v:.1f}" r="4" fill="#0b62a4"/>')
        parts.append(f'<text x="{h - 7:.1f}" y="{v - 6:.1f}" text-anchor="end">{label}</text>')
    title = f"Cost of one AC outage [us], one thread: {factor:.3g} * nodes^{exponent:.2f}"
    parts.append(f'<text x="{WIDTH / 2}" y="{MARGIN / 2}" text-anchor="middle" font-size="14">{title}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">nodes</text>')
    return "\n".join([*parts, "</svg>\n"])
