"""Sun: pvlib's clear sky itself, published radiation and capacity factor, correlation with distance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.geo import calculate_distance_km
from gridhub.profiles.sun import build_clear_sky, build_clearness, build_sun
from gridhub.profiles.temperature import build_temperature
from gridhub.profiles.weather import build_cells, build_hours

SEOUL, HAENAM = (37.571, 126.966), (34.57, 126.60)
KIER_GHI = 3.61
"""Annual mean of daily global horizontal radiation in Korea, stations of KIER, 1982-2009
(koreascience JAKO201128451816195) [kWh/m²/day]."""


def test_clear_sky_is_pvlib_at_the_middle_of_the_hour():
    from pvlib.location import Location

    day = pd.date_range("2025-06-21", periods=24, freq="h", tz="Asia/Seoul")
    ours = build_clear_sky(*SEOUL, day)
    pvlib = Location(*SEOUL, tz="Asia/Seoul").get_clearsky(day + pd.Timedelta(minutes=30))
    for key in ("ghi", "dni", "dhi"):
        assert ours[key].to_numpy() == pytest.approx(pvlib[key].to_numpy(), abs=1e-9)
    assert 900.0 < ours["ghi"].max() < 1050.0
    # solar noon in Seoul (127 °E, clock of 135 °E) is about 12:34 at midsummer
    assert ours["ghi"].idxmax().hour == 12


@pytest.fixture(scope="module")
def clearness(korea, cells, hours) -> np.ndarray:
    return build_clearness(korea, cells, hours, seed=3)


@pytest.mark.parametrize("place", [SEOUL, HAENAM])
def test_radiation_of_a_year_is_near_the_published(korea, cells, hours, clearness, place):
    sky = build_clear_sky(*place, hours)
    cell = cells.find([place[0]], [place[1]], ["place"])[0]
    per_day = float((sky["ghi"].to_numpy() * clearness[:, cell]).sum()) / 1000.0 / 365.0
    assert per_day == pytest.approx(KIER_GHI, rel=0.12)


def test_july_is_the_cloudiest_month_in_seoul(cells, hours, clearness, korea):
    years = [build_clearness(korea, cells, hours, seed) for seed in range(3)]
    cell = cells.find([SEOUL[0]], [SEOUL[1]], ["Seoul"])[0]
    mean = np.mean([year[:, cell] for year in years], axis=0)
    monthly = [mean[hours.month == month].mean() for month in range(1, 13)]
    assert int(np.argmin(monthly)) + 1 == 7
    assert clearness.min() >= 0.25
    assert clearness.max() == 1.0


def test_the_fleet_meets_the_published_capacity_factor(korea, cells, hours, air_c):
    fleet = korea.solar_fleet
    at = cells.find(fleet.lat, fleet.lon, fleet.lat)
    factor, performance = build_sun(korea, cells, at, hours, air_c, seed=3)
    assert float(factor.mean(axis=0) @ fleet.weight) == pytest.approx(korea["solar"], abs=1e-9)
    assert 0.75 < performance < 0.95
    assert factor.min() == 0.0
    assert factor.max() <= 1.0
    assert np.all(factor[(hours.hour < 4) | (hours.hour > 20)] == 0.0)


def test_correlation_of_sun_falls_with_distance(korea, cells, hours, air_c):
    lat = np.array([35.25, 35.25, 35.25, 35.25, 38.25])
    lon = np.array([126.75, 127.25, 127.75, 128.75, 128.75])
    wanted = cells.find(lat, lon, lat)
    noon, _ = build_sun(korea, cells, wanted, hours, air_c, seed=3)
    noon = noon[12::24]
    season = pd.DataFrame(noon).rolling(31, center=True, min_periods=1).mean().to_numpy()
    correlation = np.corrcoef((noon - season).T)[0]
    km = calculate_distance_km(lat[0], lon[0], lat, lon)
    assert list(np.argsort(km)) == [0, 1, 2, 3, 4]
    assert np.all(np.diff(correlation) < 0)
    assert correlation[1] > 0.75
    assert correlation[4] < 0.6


def test_the_weather_of_a_plant_does_not_depend_on_its_neighbours(south):
    cells, hours = build_cells(south), build_hours(2025, "Australia/Sydney")
    air = build_temperature(south, cells, hours, seed=1)
    alone, _ = build_sun(south, cells, np.array([2]), hours, air, seed=3)
    among, _ = build_sun(south, cells, np.array([1, 2, 3]), hours, air, seed=3)
    assert alone[:, 0].tobytes() == among[:, 1].tobytes()


def test_the_sun_stands_in_the_north_in_the_south(south):
    cells, hours = build_cells(south), build_hours(2025, "Australia/Sydney")
    air = build_temperature(south, cells, hours, seed=1)
    factor, _ = build_sun(south, cells, np.array([0]), hours, air, seed=1)
    by_month = [factor[hours.month == month].mean() for month in range(1, 13)]
    assert by_month[0] > by_month[5]
    assert float(factor.mean()) == pytest.approx(0.2, abs=1e-9)
