"""Temperature: the climate of the stations, the swing of the day, the departures."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.profiles.temperature import build_climate, build_temperature
from gridhub.profiles.weather import build_cells, build_hours

SEOUL = (37.571, 126.966)


def test_months_of_seoul_have_the_published_means(korea, cells, hours):
    cell = cells.find([SEOUL[0]], [SEOUL[1]], ["Seoul"])[0]
    years = [build_temperature(korea, cells, hours, seed)[:, cell] for seed in range(4)]
    mean = np.mean(years, axis=0)
    seoul = next(station for station in korea.stations if station.name == "Seoul")
    monthly = [mean[hours.month == month].mean() for month in range(1, 13)]
    # 3 °C that last 60 h leave a month's mean of four years to about 1 °C
    assert monthly == pytest.approx(seoul.mean_c, abs=2.5)
    assert np.mean(monthly) == pytest.approx(seoul.mean_c.mean(), abs=0.7)


def test_afternoons_are_warmest_and_the_hottest_hour_is_about_35(korea, cells, hours, air_c):
    cell = cells.find([SEOUL[0]], [SEOUL[1]], ["Seoul"])[0]
    by_hour = [air_c[hours.hour == hour, cell].mean() for hour in range(24)]
    assert 13 <= int(np.argmax(by_hour)) <= 16
    assert 31.0 < air_c[:, cell].max() < 40.0


def test_january_is_summer_in_the_south(south):
    cells, hours = build_cells(south), build_hours(2025, "Australia/Sydney")
    climate = build_climate(south, cells, hours, "mean_c")
    assert climate[hours.month == 1].mean() > climate[hours.month == 7].mean() + 10.0
