"""Storage by origin: by hand, against parcels that are drawn down together, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhub.dispatch.origin import find_least_start, track_origin


def track_parcels(power, surplus, share, efficiency, start, contracted_at_start=0.0):
    """Every charge is a parcel of its own; a discharge takes the same part of each. Nothing else is kept."""
    root = efficiency**0.5
    parcels = [[start, contracted_at_start, 0.0]]  # MWh, contracted part, grid carbon-free part
    given, given_free = [], []
    for p, spare, g in zip(power, surplus, share, strict=True):
        given.append(0.0)
        given_free.append(0.0)
        if p < 0:
            mine = min(-p, spare)
            parcels.append([root * -p, mine / -p, (-p - mine) / -p * g])
        elif p > 0:
            stored = sum(size for size, _, _ in parcels)
            left = max(0.0, 1.0 - p / root / stored) if stored > 0 else 0.0
            for parcel in parcels:
                gone = (1.0 - left) * parcel[0]
                given[-1] += root * gone * parcel[1]
                given_free[-1] += root * gone * parcel[2]
                parcel[0] *= left
    return np.array(given), np.array(given_free), sum(size * part for size, part, _ in parcels)


def test_by_hand():
    # 8 MWh are charged, half from each; 4 leave: half of them contracted, and 0.25 of the other half clean
    found = track_origin(np.array([-8.0, 4.0, 4.0]), np.array([4.0, 0, 0]), np.array([0.25, 1, 1]), 1.0, 0.0)
    assert found.charge_contracted.tolist() == [4.0, 0.0, 0.0]
    assert found.charge_grid.tolist() == [4.0, 0.0, 0.0]
    assert found.give_contracted.tolist() == [0.0, 2.0, 2.0]
    assert found.give_grid.tolist() == [0.0, 2.0, 2.0]
    assert found.give_grid_free.tolist() == [0.0, 0.5, 0.5]
    assert found.contracted.tolist() == [4.0, 2.0, 0.0]


def test_losses_fall_on_both_ways():
    found = track_origin(np.array([-10.0, 8.1]), np.array([10.0, 0]), np.zeros(2), 0.81, 0.0)
    assert found.contracted.tolist() == pytest.approx([9.0, 0.0])
    assert found.give_contracted.tolist() == pytest.approx([0.0, 8.1])
    assert found.missing_mwh == pytest.approx(0.0, abs=1e-9)


def test_what_was_never_charged_is_missing_and_not_clean():
    found = track_origin(np.array([-2.0, 5.0]), np.array([2.0, 0]), np.ones(2), 1.0, 1.0)
    assert found.give_contracted.tolist() == [0.0, 2.0]
    assert found.give_grid.tolist() == [0.0, 3.0]
    assert found.give_grid_free.tolist() == [0.0, 0.0]
    assert found.missing_mwh == pytest.approx(2.0)


def test_a_cycle_ends_as_it_began():
    # it starts with 6 MWh and never runs dry: all of it comes from the plant in the end
    power = np.tile([-4.0, 4.0], 3)
    once = track_origin(power, np.full(6, 9.0), np.zeros(6), 1.0, 6.0)
    assert once.give_contracted.sum() < 9.0
    cycle = track_origin(power, np.full(6, 9.0), np.zeros(6), 1.0, 6.0, cyclic=True)
    assert cycle.give_contracted.sum() == pytest.approx(12.0, rel=1e-9)
    # without any charge from it, none of it does
    none = track_origin(power, np.zeros(6), np.full(6, 0.5), 1.0, 6.0, cyclic=True)
    assert none.give_contracted.sum() == 0.0
    assert none.give_grid_free.sum() == pytest.approx(6.0, rel=1e-9)


def test_least_start_is_the_least():
    power = np.array([3.0, -5.0, 6.0, 1.0])
    start = find_least_start(power, 0.64)
    level = start + np.cumsum(np.where(power < 0, -power * 0.8, -power / 0.8))
    assert level.min() == pytest.approx(0.0, abs=1e-12)
    assert find_least_start(np.array([-1.0, 0.5]), 1.0) == 0.0


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.floats(0.5, 1.0), st.floats(0.0, 20.0))
def test_against_parcels(seed: int, efficiency: float, extra: float):
    rng = np.random.default_rng(seed)
    power, surplus, share = rng.uniform(-10, 10, 30), rng.uniform(0, 10, 30), rng.random(30)
    start = find_least_start(power, efficiency) + extra
    found = track_origin(power, surplus, share, efficiency, start)
    given_, free, left = track_parcels(power, surplus, share, efficiency, start)
    np.testing.assert_allclose(found.give_contracted, given_, atol=1e-9)
    np.testing.assert_allclose(found.give_grid_free, free, atol=1e-9)
    assert found.contracted[-1] == pytest.approx(left, abs=1e-9)
    # energy is conserved, of each origin
    root = efficiency**0.5
    change = root * found.charge_contracted - found.give_contracted / root
    np.testing.assert_allclose(found.contracted, np.cumsum(change), atol=1e-8)
    change = root * found.charge_grid - found.give_grid / root
    np.testing.assert_allclose(found.grid, start + np.cumsum(change), atol=1e-8)
    np.testing.assert_allclose(found.give_contracted + found.give_grid, np.maximum(power, 0), atol=1e-9)
