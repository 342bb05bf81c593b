"""The compiled search over pairs against one 2 x 2 system per pair."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.pair_limits import find_pair_limit


def find_plainly(
    flow, slope, limit, lost_flow, lost_slope, factor, between, label, cutoff, most
) -> tuple[float, int, int]:
    best, judged, existing = most, 0, 0
    for i in range(len(label)):
        for j in range(i + 1, len(label)):
            if label[i] < 0 or label[j] < 0 or label[i] == label[j]:
                continue
            judged += 1
            push = np.array([[1.0, -between[j, i]], [-between[i, j], 1.0]])
            carried = np.linalg.solve(push, np.array([lost_flow[[i, j]], lost_slope[[i, j]]]).T)
            now, then = flow + factor[[i, j]].T @ carried[:, 0], slope + factor[[i, j]].T @ carried[:, 1]
            over = np.abs(now) > limit
            existing += int(over.sum())
            for b in np.flatnonzero(~over & (np.abs(then) >= cutoff)):
                best = min(best, (np.copysign(limit[b], then[b]) - now[b]) / then[b])
    return best, judged, existing


@pytest.mark.parametrize("seed", range(5))
def test_lowest_transfer_is_found_over_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, k = 30, 12
    flow, slope = rng.normal(size=m), rng.normal(size=m)
    limit = rng.uniform(1.5, 4.0, m)
    lost_flow, lost_slope = rng.normal(size=k), rng.normal(size=k)
    factor, between = rng.uniform(-0.4, 0.4, (k, m)), rng.uniform(-0.4, 0.4, (k, k))
    label = np.array([-1, 0, 0, *range(1, k - 2)])
    inputs = flow, slope, limit, lost_flow, lost_slope, factor, between, label
    transfer, place = np.array([10.0]), np.full(3, -1)
    judged, existing = find_pair_limit(*inputs, 0.1, transfer, place)
    best, pairs, over = find_plainly(*inputs, 0.1, 10.0)
    assert (judged, existing) == (pairs, over)
    assert transfer[0] == pytest.approx(best, rel=1e-12)
    assert best < 10.0
    assert place.min() >= 0
    untouched, nowhere = np.array([0.5 * best]), np.full(3, -1)
    find_pair_limit(*inputs, 0.1, untouched, nowhere)
    assert (untouched[0], nowhere.tolist()) == (0.5 * best, [-1, -1, -1])
