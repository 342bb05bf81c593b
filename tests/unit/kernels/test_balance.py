"""Shared imbalances against bisection."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.balance import share_imbalances


def balance_by_bisection(scheduled, share, low, high, required):
    """Power of the units of one island, and what they lack."""
    total = share.sum()
    if total == 0:
        return scheduled, 0.0
    low, high = np.minimum(low, scheduled), np.maximum(high, scheduled)
    left, right = -1e4, 1e4
    for _ in range(200):
        middle = (left + right) / 2
        p = np.clip(scheduled + share / total * middle, low, high)
        left, right = (middle, right) if p.sum() < required else (left, middle)
    return p, required - p.sum()


@pytest.mark.parametrize("seed", range(20))
def test_units_share_within_their_limits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, 3)
    start = np.concatenate([[0], np.cumsum(sizes)])
    n_set, n = 7, int(start[-1])
    scheduled = rng.uniform(-1.0, 3.0, (n_set, n))
    p_min, p_max = rng.uniform(-1.0, 1.0, n), rng.uniform(1.0, 4.0, n)
    p_max[rng.random(n) < 0.2] = np.inf
    given = np.where(rng.random(n) < 0.2, rng.random(n), 0.0)
    willing = rng.random(n) < 0.8
    required = rng.uniform(-3.0, 15.0, (n_set, 3))
    p = np.empty((n_set, n))
    imbalance, missing, shared = np.empty((n_set, 3)), np.empty((n_set, 3)), np.empty((n_set, 3), dtype=bool)
    share_imbalances(scheduled, required, start, p_min, p_max, given, willing, p, imbalance, missing, shared)
    for s in range(n_set):
        for i in range(3):
            own = slice(start[i], start[i + 1])
            size = np.maximum(np.where(np.isfinite(p_max[own]), p_max[own], scheduled[s, own]), 0.0)
            share = given[own] if (given[own] > 0).any() else np.where(willing[own], size, 0.0)
            limits = p_min[own], p_max[own]
            expected, lack = balance_by_bisection(scheduled[s, own], share, *limits, required[s, i])
            assert p[s, own] == pytest.approx(expected, abs=1e-9)
            assert missing[s, i] == pytest.approx(lack, abs=1e-9)
            assert shared[s, i] == (share.sum() > 0)


def test_a_nan_does_not_keep_the_others_waiting() -> None:
    scheduled = np.array([[1.0, 1.0], [np.nan, 1.0], [1.0, 1.0]])
    required = np.array([[3.0], [3.0], [np.nan]])
    p, imbalance, missing = np.empty((3, 2)), np.empty((3, 1)), np.empty((3, 1))
    shared = np.empty((3, 1), dtype=bool)
    limits = np.zeros(2), np.full(2, 5.0)
    start, willing = np.array([0, 2]), np.ones(2, dtype=bool)
    share_imbalances(scheduled, required, start, *limits, np.zeros(2), willing, p, imbalance, missing, shared)
    assert p[0].tolist() == [1.5, 1.5]
    assert missing[0, 0] == 0.0
