"""Maxima over pairs of outages against numpy, pair by pair."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.maxima import PairMaxima
from gridhub.kernels.pair_maxima import track_pair_maxima


@pytest.mark.parametrize("seed", range(5))
def test_two_factors_at_a_time_are_the_inverse_of_two_by_two(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k, m, n_set, limit = 7, 9, 3, 1.0
    between = rng.uniform(-0.4, 0.4, (k, k))
    np.fill_diagonal(between, -1.0)
    factor, own, flow = rng.normal(size=(k, m)), rng.normal(size=(n_set, m)), rng.normal(size=(n_set, k))
    place = np.array([0, 1, 2, -1, 3, -1, 4])
    label = np.array([0, 1, 2, 3, 0, 4, -1])
    pairs = np.empty((k, k)), np.empty((k, k), dtype=np.int64), np.empty((k, k), dtype=np.int64)
    best = PairMaxima(np.full(m, -1.0), np.full(m, -1), np.full(m, -1), np.full(m, -1))
    count = np.zeros(m, dtype=np.int64)
    rows = np.arange(k)
    track_pair_maxima(flow, own, factor, between, place, label, limit, rows, *pairs, best, count)
    highest, overloads = np.full(m, -1.0), np.zeros(m, dtype=int)
    for i in range(k):
        for j in range(k):
            if j <= i or -1 in (label[i], label[j]) or label[i] == label[j]:
                assert pairs[0][i, j] == pairs[1][i, j] == -1
                continue
            # what each of the two carries when it is lost solves x = f + between x, the diagonal left out
            matrix = np.array([[1.0, -between[i, j]], [-between[j, i], 1.0]])
            pushed = np.linalg.solve(matrix, flow[:, [i, j]].T)
            after = np.abs(own + pushed.T @ factor[[i, j]])
            after[:, [p for p in (place[i], place[j]) if p >= 0]] = -1.0
            s, b = divmod(int(np.argmax(after)), m)
            assert pairs[0][i, j] == pytest.approx(after[s, b])
            assert (pairs[1][i, j], pairs[2][i, j]) == (b, s)
            highest, overloads = (
                np.maximum(highest, after.max(axis=0)),
                overloads + (after > limit).sum(axis=0),
            )
    assert best.value == pytest.approx(highest)
    assert count.tolist() == overloads.tolist()
