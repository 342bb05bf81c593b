"""The coast of a region, read from the ``outline.geojson`` that lies beside its networks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridhub.errors import FileFormatError, Issue
from gridhub.reference import find_networks_folder

Ring = tuple[tuple[float, float], ...]


def read_outline(path: Path) -> tuple[Ring, ...]:
    """Read the outer rings of a GeoJSON file.

    Parameters
    ----------
    path : Path
        GeoJSON of polygons, alone or in collections.

    Returns
    -------
    tuple of rings
        Each a tuple of (lon, lat) [degree].

    Raises
    ------
    FileFormatError
        If the file is not GeoJSON, or a coordinate is not a place.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rings = tuple(_list_rings(content))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        issue = Issue("error", "E-GEOJSON", path.name, "", "", "", f"not GeoJSON of polygons: {error}")
        raise FileFormatError([issue], str(path)) from error
    points = np.array([point for ring in rings for point in ring]).reshape(-1, 2)
    if not (np.abs(points) <= (180.0, 90.0)).all():
        issue = Issue("error", "E-GEOJSON", path.name, "", "coordinates", "", "longitude first, in degrees")
        raise FileFormatError([issue], str(path))
    return rings


def _list_rings(value: dict[str, Any]) -> Iterator[Ring]:
    kind = value["type"]
    if kind == "FeatureCollection":
        for feature in value["features"]:
            yield from _list_rings(feature)
    elif kind == "Feature":
        if value["geometry"]:
            yield from _list_rings(value["geometry"])
    elif kind == "GeometryCollection":
        for geometry in value["geometries"]:
            yield from _list_rings(geometry)
    elif kind in ("Polygon", "MultiPolygon"):
        polygons = [value["coordinates"]] if kind == "Polygon" else value["coordinates"]
        for polygon in polygons:
            yield tuple((float(point[0]), float(point[1])) for point in polygon[0])


def find_outline(buses: pd.DataFrame) -> tuple[Ring, ...]:
    """Find the coast around some buses among the regions that are installed.

    Parameters
    ----------
    buses : DataFrame
        With lat and lon [degree]; rows without are ignored.

    Returns
    -------
    tuple of rings
        Of the region whose bounds hold most of the buses and at least half; empty if there is none.
    """
    places = buses[["lon", "lat"]].dropna().to_numpy(dtype=float)
    best: tuple[float, tuple[Ring, ...]] = (0.5, ())
    for path in _list_outlines():
        rings = read_outline(path)
        points = np.array([point for ring in rings for point in ring]).reshape(-1, 2)
        if not len(points) or not len(places):
            continue
        inside = ((places >= points.min(axis=0)) & (places <= points.max(axis=0))).all(axis=1).mean()
        if inside > best[0]:
            best = (float(inside), rings)
    return best[1]


def _list_outlines() -> list[Path]:
    """List the outlines of the regions that are installed."""
    return sorted(find_networks_folder().glob("*/outline.geojson"))
