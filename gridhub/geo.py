"""Distances on the globe and points in polygons. Coordinates are WGS84 degrees, latitude first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the Earth (IUGG) [km]."""


def calculate_distance_km(
    lat: ArrayLike, lon: ArrayLike, other_lat: ArrayLike, other_lon: ArrayLike
) -> NDArray[np.float64]:
    """Calculate great-circle distances; the arguments broadcast.

    Parameters
    ----------
    lat, lon : array_like
        First points [degree].
    other_lat, other_lon : array_like
        Second points [degree].

    Returns
    -------
    array
        Distance [km]; NaN where a coordinate is NaN.

    Notes
    -----
    Haversine formula, which stays exact for small distances where the cosine formula cancels. The sphere
    is off the ellipsoid by at most 0.6 %, far less than a line's route exceeds its straight distance.

    Examples
    --------
    >>> round(float(calculate_distance_km(37.5665, 126.9780, 35.1796, 129.0756)))  # Seoul - Busan
    325
    """
    lat1, lon1, lat2, lon2 = (
        np.radians(np.asarray(angle, dtype=float)) for angle in (lat, lon, other_lat, other_lon)
    )
    chord = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    # rounding can lift the chord of opposite points a hair above 1
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(chord, 1.0))), dtype=float)


def find_containing(lat: ArrayLike, lon: ArrayLike, geometries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Find the polygon each point lies in.

    Parameters
    ----------
    lat, lon : (n,) array_like
        Points [degree].
    geometries : mapping
        Name -> GeoJSON geometry (``Polygon`` or ``MultiPolygon``, longitude first as GeoJSON has it).

    Returns
    -------
    list of str
        Name of the first geometry that contains or touches the point; empty where none does.

    Examples
    --------
    >>> square = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]]}
    >>> find_containing([0.5, 5.0], [1.5, 1.5], {"square": square})
    ['square', '']
    """
    import shapely
    from shapely.geometry import shape

    points = shapely.points(np.asarray(lon, dtype=float), np.asarray(lat, dtype=float))
    found = [""] * len(points)
    for name, geometry in geometries.items():
        polygon = shape(dict(geometry))
        shapely.prepare(polygon)
        for i in np.flatnonzero(shapely.intersects(polygon, points)):
            found[i] = found[i] or name
    return found
