"""Wind: the power curve, published capacity factors, the seasons, correlation with distance."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.profiles.wind import CUT_IN, CUT_OUT, RATED, build_wind, compute_power


def test_the_power_curve_starts_rises_and_stops():
    speed = np.array([0.0, CUT_IN, 7.0, 9.0, RATED, CUT_OUT - 0.1, CUT_OUT])
    power = compute_power(speed)
    assert power[[0, 1, 4, 5, 6]].tolist() == [0.0, 0.0, 1.0, 1.0, 0.0]
    assert power[2] == pytest.approx((7.0**3 - 27.0) / (12.0**3 - 27.0))
    assert 0.0 < power[2] < power[3] < 1.0


@pytest.fixture(scope="module")
def fleet(korea, cells):
    at = cells.find(korea.wind_fleet.lat, korea.wind_fleet.lon, korea.wind_fleet.lat)
    return at, korea.wind_fleet.weight


@pytest.mark.parametrize(("kind", "offshore"), [("wind", False), ("offshore_wind", True)])
def test_the_fleet_meets_the_published_capacity_factor(korea, cells, hours, fleet, kind, offshore):
    at, weight = fleet
    factor, scale = build_wind(korea, cells, at, np.full(len(at), offshore), hours, seed=3)
    assert float(factor.mean(axis=0) @ weight) == pytest.approx(korea[kind], abs=1e-9)
    assert 5.0 < scale[kind] < 10.0
    assert factor.min() >= 0.0
    assert factor.max() <= 1.0


def test_winter_blows_stronger_than_summer(korea, cells, hours, fleet):
    at, weight = fleet
    on_land = np.zeros(len(at), dtype=bool)
    years = [build_wind(korea, cells, at, on_land, hours, seed)[0] @ weight for seed in range(6)]
    mean = np.mean(years, axis=0)
    winter, summer = (mean[np.isin(hours.month, months)].mean() for months in ((12, 1, 2), (6, 7, 8)))
    wanted = korea.wind_month[0] / korea.wind_month[6]
    assert winter / summer == pytest.approx(wanted, rel=0.12)


def test_correlation_of_wind_falls_with_distance(korea, cells, hours):
    lat = np.array([35.25, 35.25, 35.25, 38.25])
    lon = np.array([126.75, 127.25, 128.75, 128.75])
    wanted = cells.find(lat, lon, lat)
    factor, _ = build_wind(korea, cells, wanted, np.zeros(4, dtype=bool), hours, seed=3)
    correlation = np.corrcoef(factor.T)[0]
    assert np.all(np.diff(correlation) < 0)
    assert 0.1 < correlation[3] < 0.5
