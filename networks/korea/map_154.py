"""Draw the map of ``korea-2025`` as SVG: ``python networks/korea/map_154.py`` writes ``2025/map.svg``."""

from __future__ import annotations

import csv
import json
import math

from build import TARGETS
from build_sources import HERE, Row

from gridhub.report.font import FAMILY, render_font_faces

TARGET = TARGETS["2025"]
WEST, SOUTH, EAST, NORTH = 125.8, 33.0, 129.9, 38.7
WIDTH = 900.0
SCALE = WIDTH / (EAST - WEST)
#: A degree of latitude is longer than one of longitude by this at 36 degrees north.
STRETCH = 1 / math.cos(math.radians(36.0))
HEIGHT = (NORTH - SOUTH) * SCALE * STRETCH
#: Colour and width of a line, radius of a dot, by level [kV]; drawn from the lowest level up.
STYLE = {154.0: ("#4f86c0", 0.7, 1.2), 345.0: ("#2f6f3e", 1.3, 2.2), 765.0: ("#c0392b", 2.6, 3.6)}
#: Shortest side of a piece of coast that is drawn [px].
SMALLEST = 2.0
Point = tuple[float, float]


def project(lat: float, lon: float) -> Point:
    """Return the place of a point on the page [px]."""
    return (lon - WEST) * SCALE, (NORTH - lat) * SCALE * STRETCH


def read_table(name: str) -> list[Row]:
    """Read a table of the built network."""
    with (TARGET / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def draw_land() -> str:
    """Draw the coast as one path."""
    outline = json.loads((HERE / "outline.geojson").read_text(encoding="utf-8"))
    parts = []
    for feature in outline["features"]:
        points = [project(lat, lon) for lon, lat in feature["geometry"]["coordinates"][0]]
        kept = [points[0]]
        for point in points:
            if math.dist(point, kept[-1]) >= SMALLEST:
                kept.append(point)
        if len(kept) > 3:
            parts.append("M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in kept) + "Z")
    return f'<path d="{"".join(parts)}" fill="#f4f1ea" stroke="#b8b2a5" stroke-width="0.6"/>'


def list_routes(place: dict[str, Row]) -> dict[tuple[float, bool], list[tuple[Point, Point]]]:
    """List the routes once each, by level and whether they are closed."""
    routes: dict[tuple[float, bool], list[tuple[Point, Point]]] = {}
    for row in read_table("line"):
        if row["circuit"] != "1":
            continue
        ends = [place[row[side]] for side in ("from_bus", "to_bus")]
        key = (float(ends[0]["vn_kv"]), row["in_service"] == "true")
        a, b = (project(float(end["lat"]), float(end["lon"])) for end in ends)
        routes.setdefault(key, []).append((a, b))
    return routes


def draw_routes(place: dict[str, Row]) -> list[str]:
    """Draw the routes of each level as one path; open ties are dotted."""
    drawn = []
    for (kv, closed), routes in sorted(list_routes(place).items()):
        colour, width, _ = STYLE[kv]
        path = "".join(f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}" for a, b in routes)
        dots = "" if closed else ' stroke-dasharray="1.5 2"'
        drawn.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dots}/>')
    return drawn


def draw_links(place: dict[str, Row]) -> str:
    """Draw the HVDC links as one path."""
    path = ""
    for row in read_table("hvdc"):
        ends = [place[row[side]] for side in ("from_bus", "to_bus")]
        a, b = (project(float(end["lat"]), float(end["lon"])) for end in ends)
        path += f"M{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}"
    return f'<path d="{path}" fill="none" stroke="#8e44ad" stroke-width="1.6" stroke-dasharray="6 3"/>'


def draw_buses(buses: list[Row]) -> list[str]:
    """Draw the buses as dots, and the names of the 765 kV sites."""
    drawn = []
    for kv, (colour, _, radius) in STYLE.items():
        drawn.append(f'<g fill="{colour}">')
        for row in buses:
            if float(row["vn_kv"]) == kv:
                x, y = project(float(row["lat"]), float(row["lon"]))
                drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>')
        drawn.append("</g>")
    for row in buses:
        if row["vn_kv"] == "765.0":
            x, y = project(float(row["lat"]), float(row["lon"]))
            name = " ".join(
                row[column].replace(" 765kV", "").replace(" 765 kV", "") for column in ("name_ko", "name")
            )
            # names near the eastern edge stand to the left of their site
            side, anchor = (-7.0, "end") if x > 0.7 * WIDTH else (5.0, "start")
            drawn.append(f'<text x="{x + side:.1f}" y="{y - 4:.1f}" text-anchor="{anchor}">{name}</text>')
    return drawn


def draw_legend() -> list[str]:
    """Draw what the colours mean."""
    drawn = []
    entries = [(f"{kv:.0f} kV", *STYLE[kv][:2], "") for kv in sorted(STYLE, reverse=True)]
    entries += [("154 kV tie, open", *STYLE[154.0][:2], "1.5 2"), ("HVDC", "#8e44ad", 1.6, "6 3")]
    for number, (label, colour, width, dash) in enumerate(entries):
        y = HEIGHT - 110 + 18 * number
        dots = f' stroke-dasharray="{dash}"' if dash else ""
        drawn.append(f'<path d="M690 {y:.0f}h40" stroke="{colour}" stroke-width="{width}"{dots}/>')
        drawn.append(f'<text x="738" y="{y + 4:.0f}">{label}</text>')
    drawn.append(f'<text x="690" y="{HEIGHT - 14:.0f}">the 154 kV level is synthetic</text>')
    return drawn


def main() -> None:
    """Write the map."""
    buses = read_table("bus")
    place = {row["id"]: row for row in buses}
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" '
        f'width="{WIDTH:.0f}" height="{HEIGHT:.0f}" font-family="{FAMILY}, sans-serif" '
        'font-size="12" fill="#333">'
    )
    frame = f'<rect width="{WIDTH:.0f}" height="{HEIGHT:.0f}" fill="#e8eef4"/>'
    drawing = [frame, draw_land(), *draw_routes(place), draw_links(place), *draw_buses(buses), *draw_legend()]
    # the reader's machine may have no Hangul font
    hangul = "".join(sorted({letter for letter in "".join(drawing) if ord(letter) > 127}))
    parts = [head, f"<style>{render_font_faces(hangul)}</style>", *drawing, "</svg>", ""]
    (TARGET / "map.svg").write_text("\n".join(parts), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
