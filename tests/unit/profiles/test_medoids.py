"""Medoids against every choice there is; weights against a general solver; duration curves hour by hour."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize

from gridhub.profiles.medoids import (
    assign_periods,
    compare_durations,
    compute_distances,
    find_medoids,
    fit_weights,
)


def make_blocks(seed: int, n: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((n, 4, 2)) + 2.0 * rng.integers(0, 3, (n, 1, 1))


def test_distances_are_those_of_scaled_series():
    blocks = make_blocks(1)
    scaled = (blocks - blocks.min(axis=(0, 1))) / np.ptp(blocks, axis=(0, 1))
    expected = [[np.linalg.norm(a - b) for b in scaled] for a in scaled]
    np.testing.assert_allclose(compute_distances(blocks), expected, atol=1e-6)
    # the unit of a series does not matter, nor does one that never changes
    more = np.concatenate([blocks * [1000.0, 1.0], np.ones((16, 4, 1))], axis=2)
    np.testing.assert_allclose(compute_distances(more), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fixed", [(), (5,), (5, 2)])
def test_medoids_against_every_choice(seed: int, fixed: tuple[int, ...]):
    distance = compute_distances(make_blocks(seed))
    found = find_medoids(distance, 4, fixed)
    assert set(fixed) <= set(found.tolist())
    assert len(set(found.tolist())) == 4
    costs = {
        choice: distance[:, list(choice)].min(axis=1).sum()
        for choice in combinations(range(16), 4)
        if set(fixed) <= set(choice)
    }
    best, mine = min(costs.values()), costs[tuple(found.tolist())]
    assert mine <= 1.03 * best  # a local optimum: near the best, and no single swap betters it
    swaps = [c for choice, c in costs.items() if len(set(choice) & set(found.tolist())) == 3]
    assert mine <= min(swaps) + 1e-9


def test_chosen_period_stands_for_itself():
    distance = np.zeros((5, 5))
    assert assign_periods(distance, np.array([1, 3])).tolist() == [0, 0, 0, 1, 0]


def test_weights_keep_energies_and_stay_near_to_members():
    rng = np.random.default_rng(3)
    energy, members = rng.uniform(50, 100, (6, 2)), np.array([9.0, 8, 12, 7, 10, 6])
    target = energy.T @ (members * rng.uniform(0.95, 1.05, 6))
    total = 52.0 + 1 / 7
    weight = fit_weights(energy, target, members, total)
    near = members * total / members.sum()
    constraints = [
        {"type": "eq", "fun": lambda w: w @ energy / target - 1.0},
        {"type": "eq", "fun": lambda w: w.sum() / total - 1.0},
    ]
    other = minimize(
        lambda w: (((w - near) / near) ** 2).sum(),
        near,
        bounds=[(1.0, None)] * 6,
        constraints=constraints,
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert other.success
    assert weight.sum() == pytest.approx(total, rel=1e-12)
    np.testing.assert_allclose(weight @ energy, target, rtol=1e-5)
    np.testing.assert_allclose(weight, other.x, rtol=1e-3)


def test_weights_that_cannot_keep_an_energy_are_at_least_one():
    weight = fit_weights(np.array([[1.0], [2.0]]), np.array([500.0]), np.array([3.0, 7.0]), 10.0)
    np.testing.assert_allclose(weight, [1.0, 9.0], rtol=1e-6)


def test_duration_curves_hour_by_hour():
    rng = np.random.default_rng(4)
    values, weight = rng.random(5), np.array([3.0, 1, 2, 4, 2])
    full = rng.random(12)
    curve = np.sort(np.repeat(values, weight.astype(int)))[::-1]
    expected = np.sqrt(np.mean((np.sort(full)[::-1] - curve) ** 2))
    assert compare_durations(full, values, weight) == pytest.approx(expected, rel=1e-12)
    assert compare_durations(full, full, np.ones(12)) == 0.0
