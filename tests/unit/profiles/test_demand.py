"""Demand: published peak, minimum and energy at once; the week and the holidays; shares of loads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.errors import InputError
from gridhub.profiles.demand import bend_to, build_demand, build_shape, list_day_kinds, share_demand
from gridhub.profiles.temperature import build_climate
from gridhub.profiles.weather import build_hours


@pytest.fixture(scope="module")
def weather(korea, cells, hours, air_c):
    return build_climate(korea, cells, hours, "mean_c").mean(axis=1), air_c.mean(axis=1)


@pytest.fixture(scope="module")
def demand(korea, hours, weather):
    return build_demand(korea, hours, *weather, seed=3)


def test_peak_minimum_and_energy_are_the_published(korea, demand):
    assert demand.p_mw.max() == pytest.approx(korea["peak_mw"], abs=1e-6)
    assert demand.p_mw.min() == pytest.approx(korea["minimum_mw"], abs=1e-6)
    assert demand.p_mw.sum() / 1e6 == pytest.approx(korea["energy_twh"], rel=1e-9)
    assert 0.6 < demand.bend < 1.5, "far from 1 the shape and the figures do not belong together"


def test_the_week_has_its_pattern(hours, demand):
    by_day = [demand.p_mw[hours.dayofweek == day].mean() for day in range(7)]
    working = np.mean(by_day[:5])
    assert 0.84 < by_day[5] / working < 0.95
    assert 0.78 < by_day[6] / working < 0.90
    assert by_day[6] < by_day[5]


def test_the_peak_is_a_hot_or_cold_working_day_and_the_minimum_a_night_off(korea, hours, demand):
    kinds = list_day_kinds(korea, hours)
    peak, low = int(demand.p_mw.argmax()), int(demand.p_mw.argmin())
    assert kinds[peak] == "working"
    assert hours[peak].month in (1, 2, 7, 8, 12)
    assert kinds[low] != "working"
    assert hours[low].hour < 7


def test_kinds_of_day_follow_the_calendar(korea, hours):
    kinds = dict(zip(hours.strftime("%Y-%m-%d %H"), list_day_kinds(korea, hours), strict=True))
    assert kinds["2025-10-06 12"] == "festival"
    assert kinds["2025-05-05 12"] == "holiday"
    assert kinds["2025-05-06 12"] == "holiday"
    assert kinds["2025-05-07 12"] == "working"
    assert kinds["2025-05-10 12"] == "saturday"
    assert kinds["2025-05-11 12"] == "holiday"


def test_a_year_without_known_festivals_says_so(korea, cells):
    hours = build_hours(2050, korea.time_zone)
    climate = build_climate(korea, cells, hours, "mean_c").mean(axis=1)
    assert build_demand(korea, hours, climate, climate, seed=1).unknown_festivals


def test_demand_answers_to_heat_in_summer_to_cold_in_winter_and_not_between(korea, hours, weather):
    climate, _ = weather
    usual, hot, cold = (
        build_shape(korea, hours, climate, climate + rise, seed=1) for rise in (0.0, 3.0, -3.0)
    )
    august, october, january = (hours.month == month for month in (8, 10, 1))
    per_c = korea["cooling_percent_per_c"] / 100.0
    assert hot[august].mean() / usual[august].mean() == pytest.approx(1.0 + 3.0 * per_c, abs=0.002)
    per_c = korea["heating_percent_per_c"] / 100.0
    assert cold[january].mean() / usual[january].mean() == pytest.approx(1.0 + 3.0 * per_c, abs=0.002)
    mild = october & (climate > 14.0) & (climate < 16.5)
    assert hot[mild].mean() / usual[mild].mean() == pytest.approx(1.0, abs=0.001)


@given(st.integers(0, 10**6), st.floats(0.3, 0.7))
def test_bending_meets_three_figures_and_keeps_the_order(seed, mean):
    shape = np.random.default_rng(seed).random(200)
    values, _ = bend_to(shape, 10.0, 10.0 + 90.0 * mean, 100.0)
    assert values.min() == pytest.approx(10.0)
    assert values.max() == pytest.approx(100.0)
    assert values.mean() == pytest.approx(10.0 + 90.0 * mean, rel=1e-9)
    assert np.all(np.diff(values[np.argsort(shape)]) >= 0)


def test_what_no_bending_can_meet_is_refused():
    with pytest.raises(InputError, match="energy_twh"):
        bend_to(np.array([0.0, 1.0, 1.0, 1.0, 1.0]), 0.0, 0.1, 1.0)


def test_shares_keep_the_energy_of_every_load_and_meet_the_group_at_the_peak(demand):
    weight = np.array([3.0, 1.0, 4.0, 2.0])
    group = np.array([True, False, True, False])
    shares = share_demand(demand.p_mw, weight, group, 0.75)
    assert shares.sum(axis=1) == pytest.approx(demand.p_mw)
    assert shares.sum(axis=0) / shares.sum() == pytest.approx(weight / 10.0, rel=1e-9)
    peak = int(demand.p_mw.argmax())
    assert shares[peak, group].sum() / demand.p_mw[peak] == pytest.approx(0.75)
    assert shares.min() > 0


def test_without_a_group_shares_are_the_same_all_year(demand):
    shares = share_demand(demand.p_mw, np.array([1.0, 3.0]), np.zeros(2, dtype=bool), 0.5)
    assert shares[:, 1] == pytest.approx(3.0 * shares[:, 0])
