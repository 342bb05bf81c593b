"""Distances and points in polygons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.geo import EARTH_RADIUS_KM, calculate_distance_km, find_containing, find_parallel
from gridhub.units import calculate_base_impedance, calculate_rating, calculate_reactive_power

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)


def test_a_quarter_of_the_globe():
    quarter = math.pi / 2 * EARTH_RADIUS_KM
    assert calculate_distance_km(0, 0, 90, 0) == pytest.approx(quarter)
    assert calculate_distance_km(0, 0, 0, 90) == pytest.approx(quarter)
    assert calculate_distance_km(10, 20, -10, -160) == pytest.approx(2 * quarter)


def test_a_metre_is_a_metre():
    step = math.degrees(0.001 / EARTH_RADIUS_KM)
    assert calculate_distance_km(37.5, 127.0, 37.5 + step, 127.0) == pytest.approx(0.001, rel=1e-6)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_distance_is_the_arc_between_unit_vectors(lat1, lon1, lat2, lon2):
    def point(lat, lon):
        a, b = math.radians(lat), math.radians(lon)
        return np.array([math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a)])

    u, v = point(lat1, lon1), point(lat2, lon2)
    arc = math.atan2(np.linalg.norm(np.cross(u, v)), u @ v)
    # the haversine loses half the digits next to the opposite point
    assert calculate_distance_km(lat1, lon1, lat2, lon2) == pytest.approx(arc * EARTH_RADIUS_KM, abs=1e-3)


def test_arrays_broadcast_and_keep_what_is_missing():
    found = calculate_distance_km([0.0, math.nan], [0.0, 0.0], 0.0, 1.0)
    assert found.shape == (2,)
    assert math.isnan(found[1])


SQUARE = {"type": "Polygon", "coordinates": [[[126, 34], [128, 34], [128, 36], [126, 36], [126, 34]]]}
PAIR = {"type": "MultiPolygon", "coordinates": [SQUARE["coordinates"], [[[0, 0], [1, 0], [1, 1], [0, 0]]]]}


def test_points_in_polygons():
    found = find_containing(
        [35.0, 34.0, 0.2, 50.0], [127.0, 126.0, 0.8, 127.0], {"square": SQUARE, "pair": PAIR}
    )
    assert found == ["square", "square", "pair", ""]


def test_reactive_power_of_a_power_factor():
    assert calculate_reactive_power([0.0, 95.0], 0.95).tolist() == pytest.approx([0.0, 31.2249900])
    assert calculate_reactive_power(1.0, 1.0) == 0.0


@pytest.mark.parametrize("factor", [0.0, 1.01, -0.9, math.nan])
def test_power_factors_there_are_not(factor):
    with pytest.raises(ValueError, match="power_factor"):
        calculate_reactive_power(1.0, factor)


def test_conversions_take_arrays():
    vn_kv = np.array([345.0, 154.0])
    assert calculate_base_impedance(vn_kv, 100.0).tolist() == [1190.25, 237.16]
    assert calculate_rating(np.array([1.8174, 1.0]), vn_kv).round(0).tolist() == [1086.0, 267.0]


def test_crossing_lines_share_only_the_crossing_and_unknown_places_nothing():
    start, end = (
        [[36.0, 127.0], [35.9, 127.1], [math.nan, 127.0]],
        [[36.0, 127.2], [36.1, 127.1], [36.0, 127.2]],
    )
    first, second, shared = find_parallel(start, end, within_km=0.1, longer_km=0.1)
    assert (first.tolist(), second.tolist()) == ([0], [1])
    assert shared[0] == pytest.approx(0.2, rel=0.02)
    assert len(find_parallel(start, end, within_km=0.1, longer_km=0.3)[0]) == 0
    assert len(find_parallel(start[2:], end[2:], within_km=0.1, longer_km=0.3)[0]) == 0
