"""Typical weeks: they sum to the year, keep the peak, say what they miss."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import InputError, OptionError

HOURS = pd.date_range("2025-01-01", periods=8760, freq="h", tz="Asia/Seoul", name="hour")
KINDS = {"sun 1": "solar", "sun 2": "solar", "wind 1": "wind"}


@pytest.fixture(scope="module")
def profiles() -> dict[tuple[str, str], pd.DataFrame]:
    """A year with seasons, days, weather that lasts, and one evening far above all others."""
    rng = np.random.default_rng(0)
    t = np.arange(8760)
    weather = np.repeat(rng.normal(size=366), 24)[:8760]
    season, day = np.cos(2 * np.pi * t / 8760), np.cos(2 * np.pi * (t % 24 - 13) / 24)
    load = 100 + 10 * season**2 + 15 * day + rng.normal(size=8760)
    load[5000] += 80.0
    sun = np.clip(day, 0, None) * (30 - 10 * season) * np.clip(0.7 + 0.3 * weather, 0.1, 1)
    wind = np.clip(20 + 8 * season + 9 * np.roll(weather, 240), 0, 40)
    plants = pd.DataFrame({"sun 1": sun, "sun 2": 0.4 * sun, "wind 1": wind}, index=HOURS)
    demand = pd.DataFrame({"a": 0.7 * load, "b": 0.3 * load}, index=HOURS)
    reactive = pd.DataFrame({"a": 0.1 * load}, index=HOURS)
    return {("load", "p_mw"): demand, ("generator", "p_mw"): plants, ("load", "q_mvar"): reactive}


@pytest.mark.parametrize(("length", "size", "count"), [("week", 168, 8), ("day", 24, 14)])
def test_weights_stand_for_the_year(profiles, length: str, size: int, count: int):
    typical = gh.pick_typical_weeks(profiles, count, length=length, keep=("peak", "surplus"), kinds=KINDS)
    assert len(typical.weight) == count * size
    assert typical.weight.sum() == pytest.approx(8760)
    assert (typical.periods["weight"] >= 1 - 1e-9).all()
    assert typical.periods["members"].sum() == len(typical.assignment) == 8760 // size
    # energies, counted anew from the profiles themselves
    taken = typical.take(profiles)
    for key, frame in profiles.items():
        assert list(taken[key].columns) == list(frame.columns)
        total = typical.weight.to_numpy() @ taken[key].to_numpy().sum(axis=1)
        if key[1] == "p_mw":
            assert total == pytest.approx(frame.to_numpy().sum(), rel=2e-4)
    assert typical.energy.index.tolist() == ["load", "solar", "wind"]
    assert typical.energy["error_percent"].abs().max() < 0.02
    sun = profiles["generator", "p_mw"][["sun 1", "sun 2"]].to_numpy().sum()
    assert typical.energy.at["solar", "year_mwh"] == pytest.approx(sun)


def test_extremes_are_kept(profiles):
    residual = profiles["load", "p_mw"].sum(axis=1) - profiles["generator", "p_mw"].sum(axis=1)
    residual_by_week = residual.iloc[: 52 * 168]
    assert residual.idxmax() == HOURS[5000]
    without = gh.pick_typical_weeks(profiles, 4, keep=(), kinds=KINDS)
    assert HOURS[5000] not in without.weight.index
    assert any("highest residual load" in text for text in without.not_represented)
    typical = gh.pick_typical_weeks(profiles, 4, keep=("peak", "surplus"), kinds=KINDS)
    assert HOURS[5000] in typical.weight.index
    assert residual_by_week.idxmin() in typical.weight.index
    assert typical.duration.at["residual load", "typical_highest_mw"] == pytest.approx(residual.max())
    assert not any("highest residual load" in text for text in typical.not_represented)
    assert set(typical.periods["kept"]) == {"", "peak", "surplus"}


def test_more_weeks_come_nearer(profiles):
    errors = [
        gh.pick_typical_weeks(profiles, count, kinds=KINDS).duration.at["residual load", "error_percent"]
        for count in (2, 8, 26)
    ]
    assert errors == sorted(errors, reverse=True)


def test_every_period_points_to_a_chosen_one(profiles):
    typical = gh.pick_typical_weeks(profiles, 5, kinds=KINDS)
    assert typical.assignment.isin(typical.periods.index).all()
    own = typical.assignment.loc[typical.periods.index]
    assert (own.index == own.to_numpy()).all()
    assert any("last 24 hours" in text for text in typical.not_represented)


def test_bad_options_are_told_together(profiles):
    with pytest.raises(OptionError, match=r"month.*keep = nadir.*count = 0"):
        gh.pick_typical_weeks(profiles, 0, length="month", keep=("nadir",))
    with pytest.raises(OptionError, match="52 whole weeks"):
        gh.pick_typical_weeks(profiles, 52)


def test_bad_profiles_are_told_together(profiles):
    plants = profiles["generator", "p_mw"].iloc[1:].assign(**{"wind 1": np.nan})
    with pytest.raises(InputError) as caught:
        gh.pick_typical_weeks({**profiles, ("generator", "p_mw"): plants})
    assert {issue.code for issue in caught.value.issues} == {"E-HOURS", "E-NAN"}
    with pytest.raises(InputError, match="no hours of load"):
        gh.pick_typical_weeks({("generator", "p_mw"): profiles["generator", "p_mw"]})
    typical = gh.pick_typical_weeks(profiles)
    with pytest.raises(InputError, match="lacks hours"):
        typical.take({("load", "p_mw"): profiles["load", "p_mw"].iloc[:100]})
