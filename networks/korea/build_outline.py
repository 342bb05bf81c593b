"""Make ``outline.geojson``: the coast of Korea and its surroundings, from Natural Earth.

Input: ``land-10m.json`` of the npm package ``world-atlas`` 2.0.2 (Natural Earth 1:10 m land as TopoJSON; the
map data are in the public domain). Get it with ``npm pack world-atlas@2.0.2`` and unpack it; it is not kept
in this repository, its product is:

    python networks/korea/build_outline.py package/land-10m.json

Every ring of land is decoded, clipped to the frame, simplified and written as GeoJSON polygons in degrees,
without inner rings (lakes).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from shapely.geometry import MultiPolygon, Polygon, box, mapping

FRAME = (124.0, 32.5, 132.0, 39.5)
"""West, south, east, north [degree]."""
TOLERANCE = 0.002
"""Largest distance of the simplified from the given coast [degree], about 200 m."""
SMALLEST = 2e-5
"""Islands below this area [square degree], about 0.2 km2, are left out."""
DIGITS = 4
HERE = Path(__file__).resolve().parent

Point = tuple[float, float]


def decode_arcs(topology: dict[str, Any]) -> list[list[Point]]:
    """Turn the delta-coded integer arcs of a TopoJSON topology into lists of (longitude, latitude)."""
    scale, shift = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * scale[0] + shift[0], y * scale[1] + shift[1]))
        arcs.append(points)
    return arcs


def join_ring(indices: list[int], arcs: list[list[Point]]) -> list[Point]:
    """Join arcs into one ring; index ``~i`` is arc ``i`` backwards, and joints are not repeated."""
    ring: list[Point] = []
    for index in indices:
        points = arcs[index] if index >= 0 else arcs[~index][::-1]
        ring += points[1:] if ring else points
    return ring


def list_land(topology: dict[str, Any]) -> list[Polygon]:
    """List every outer ring of land that touches the frame as a polygon."""
    arcs = decode_arcs(topology)
    frame = box(*FRAME)
    found = []
    for geometry in topology["objects"]["land"]["geometries"]:
        parts = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for part in parts:
            polygon = Polygon(join_ring(part[0], arcs))
            if polygon.envelope.intersects(frame):
                found.append(polygon if polygon.is_valid else polygon.buffer(0))
    return found


def clip_land(land: list[Polygon]) -> list[Polygon]:
    """Clip land to the frame, simplify it and drop the smallest islands."""
    frame = box(*FRAME)
    pieces = []
    for polygon in land:
        cut = polygon.intersection(frame)
        parts = cut.geoms if isinstance(cut, MultiPolygon) else [cut]
        pieces += [part for part in parts if isinstance(part, Polygon) and part.area >= SMALLEST]
    return [piece.simplify(TOLERANCE) for piece in sorted(pieces, key=lambda piece: -piece.area)]


def make_feature(polygon: Polygon) -> dict[str, Any]:
    """Make a GeoJSON feature of the outer ring, rounded to ``DIGITS``."""
    ring = [[round(x, DIGITS), round(y, DIGITS)] for x, y in polygon.exterior.coords]
    return {
        "type": "Feature",
        "properties": {"source": "Natural Earth (public domain)"},
        "geometry": {**mapping(polygon), "coordinates": [ring]},
    }


def main() -> None:
    """Write ``outline.geojson``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("land", type=Path, help="land-10m.json of world-atlas 2.0.2")
    parser.add_argument("--out", type=Path, default=HERE / "outline.geojson")
    arguments = parser.parse_args()
    topology = json.loads(arguments.land.read_text(encoding="utf-8"))
    features = [make_feature(polygon) for polygon in clip_land(list_land(topology))]
    collection = {
        "type": "FeatureCollection",
        "bbox": list(FRAME),
        "source": "Natural Earth 1:10 m land (public domain) (world-atlas 2.0.2); clipped, simplified",
        "features": features,
    }
    text = json.dumps(collection, ensure_ascii=False, separators=(",", ":"))
    arguments.out.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{len(features)} pieces of land, {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
