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


def find_parallel(
    start: ArrayLike, end: ArrayLike, within_km: float, longer_km: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Find pairs of straight lines that run side by side.

    Parameters
    ----------
    start, end : (n, 2) array_like
        Latitude and longitude of the ends [degree]; a line with a NaN is near none.
    within_km : float
        How near a point of the one line must be to the other to count [km].
    longer_km : float
        The part that counts must be longer than this [km].

    Returns
    -------
    first, second : (m,) int
        Positions, first < second, in rising order.
    shared_km : (m,) float
        Length of the first line within `within_km` of the second, or of the second within it of the first,
        whichever is less [km].

    Notes
    -----
    Lines are drawn on a plane, longitude shrunk by the cosine of the mean latitude: over the few hundred km
    of a country distances are off by a few percent, and both lines of a pair by the same.

    Examples
    --------
    >>> start = [[36.0, 127.0], [36.0, 127.0], [36.0, 127.0]]
    >>> end = [[36.0, 128.0], [36.005, 128.0], [37.0, 127.0]]
    >>> first, second, shared = find_parallel(start, end, within_km=0.1, longer_km=1.6)
    >>> first.tolist(), second.tolist(), shared.round().tolist()
    ([0], [1], [16.0])
    """
    import shapely

    ends = np.stack([np.asarray(start, dtype=float), np.asarray(end, dtype=float)], axis=1)
    known = np.flatnonzero(np.isfinite(ends).all(axis=(1, 2)))
    if len(known) < 2:
        nobody = np.zeros(0, dtype=np.int64)
        return nobody, nobody, np.zeros(0)
    scale = np.radians(1.0) * EARTH_RADIUS_KM
    shrink = np.cos(np.radians(ends[known, :, 0].mean()))
    plane = np.stack([ends[known, :, 1] * scale * shrink, ends[known, :, 0] * scale], axis=2)
    lines = shapely.linestrings(plane)
    near = shapely.buffer(lines, within_km)
    first, second = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=within_km)
    once = first < second
    first, second = first[once], second[once]
    one = shapely.length(shapely.intersection(lines[first], near[second]))
    other = shapely.length(shapely.intersection(lines[second], near[first]))
    shared = np.minimum(one, other)
    chosen = np.flatnonzero(shared > longer_km)
    chosen = chosen[np.lexsort((second[chosen], first[chosen]))]
    return known[first[chosen]], known[second[chosen]], shared[chosen]
