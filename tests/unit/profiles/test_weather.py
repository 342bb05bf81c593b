"""Fields of weather: their variance, their correlation in space and time, and that a seed fixes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.errors import InputError
from gridhub.geo import calculate_distance_km
from gridhub.profiles.region import Scatter
from gridhub.profiles.weather import build_cells, build_field, build_hours, interpolate_months, make_generator

LAT = np.array([34.0, 34.0, 35.0, 37.0])
LON = np.array([127.0, 127.1, 127.0, 129.0])
SCATTER = Scatter(5.0, ((0.4, 800.0), (0.6, 100.0)))


@pytest.fixture(scope="module")
def field() -> np.ndarray:
    return build_field(LAT, LON, SCATTER, 200_000, make_generator(1, 2025, "cloud"))


def test_a_field_is_standard_normal(field):
    assert field.mean(axis=0) == pytest.approx(0.0, abs=0.03)
    assert field.std(axis=0) == pytest.approx(1.0, abs=0.02)


def test_correlation_in_space_is_the_one_asked_for(field):
    km = calculate_distance_km(LAT[:, None], LON[:, None], LAT[None, :], LON[None, :])
    wanted = 0.4 * np.exp(-km / 800.0) + 0.6 * np.exp(-km / 100.0)
    assert np.corrcoef(field.T) == pytest.approx(wanted, abs=0.02)


def test_correlation_in_time_falls_to_one_over_e_after_the_hours_asked_for(field):
    series = pd.Series(field[:, 0])
    assert series.autocorr(5) == pytest.approx(np.exp(-1.0), abs=0.02)
    assert series.autocorr(10) == pytest.approx(np.exp(-2.0), abs=0.02)


def test_a_seed_fixes_every_byte_and_streams_differ():
    def make(seed: int, stream: str) -> bytes:
        return build_field(LAT, LON, SCATTER, 500, make_generator(seed, 2025, stream)).tobytes()

    assert make(7, "cloud") == make(7, "cloud")
    assert len({make(7, "cloud"), make(7, "wind"), make(8, "cloud")}) == 3


def test_hours_of_ordinary_leap_and_summer_time_years():
    assert len(build_hours(2025, "Asia/Seoul")) == 8760
    assert len(build_hours(2024, "Asia/Seoul")) == 8784
    sydney = build_hours(2025, "Australia/Sydney")
    assert len(sydney) == 8760
    assert not sydney.has_duplicates


def test_months_meet_their_value_in_their_middle():
    hours = build_hours(2025, "Asia/Seoul")
    values = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    spread = interpolate_months(values, hours)
    assert spread[hours == pd.Timestamp("2025-07-02", tz="Asia/Seoul")] == pytest.approx(6.0, abs=0.5)
    assert spread.min() >= 0.0
    assert spread.max() <= 11.0


def test_places_outside_the_region_are_all_named(south):
    cells = build_cells(south)
    assert len(cells.lat) == 4
    assert cells.find([-35.3], [149.1], ["a"]).tolist() == [0]
    with pytest.raises(InputError) as caught:
        cells.find([-35.3, 10.0, np.nan], [149.1, 10.0, 149.0], ["in", "far", "nowhere"])
    assert [issue.id for issue in caught.value.issues] == ["far", "nowhere"]
