"""Overloads after outages of sets against the whole table of them, in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.set_overloads import find_set_overloads


@pytest.mark.parametrize("seed", range(8))
def test_the_worst_of_every_outage_and_branch_is_that_of_the_whole_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_branch, n_set = int(rng.integers(2, 12)), int(rng.integers(1, 9))
    coarse = seed % 2 == 0  # few distinct values, so that equal overloads are common

    def values(*shape: int) -> np.ndarray:
        return rng.integers(-2, 3, shape).astype(float) if coarse else rng.normal(size=shape)

    sets = [rng.choice(n_branch, min(n_branch, rng.integers(1, 4)), replace=False) for _ in range(n_set)]
    start = np.concatenate([[0], np.cumsum([len(one) for one in sets])])
    lost, factor, flow = np.concatenate(sets), values(int(start[-1]), n_branch), values(n_branch)
    limit = np.where(rng.random(n_branch) < 0.2, np.inf, np.abs(values(n_branch)))
    out = rng.random((n_set, n_branch)) < 0.15
    held = [np.flatnonzero(row) for row in out]
    held_start = np.concatenate([[0], np.cumsum([len(one) for one in held])])
    tolerance = 0.1
    branch, over_set, which, over_branch = find_set_overloads(
        flow, limit, start, lost, factor, held_start, np.concatenate(held), tolerance
    )
    table = np.array([flow + flow[one] @ factor[start[s] : start[s + 1]] for s, one in enumerate(sets)])
    table = np.where(out, -np.inf, np.abs(table) - limit)
    for found, over, axis in ((branch, over_set, 1), (which, over_branch, 0)):
        worst, at = table.max(axis=axis), table.argmax(axis=axis)
        bad = worst > tolerance
        assert np.array_equal(found >= 0, bad)
        assert over[bad] == pytest.approx(worst[bad], rel=1e-12)
        if coarse:
            assert np.array_equal(found[bad], at[bad])


def test_nothing_lost_is_nothing_found() -> None:
    none = np.empty(0, dtype=np.int64)
    found = find_set_overloads(
        np.ones(3),
        np.zeros(3),
        np.zeros(1, dtype=np.int64),
        none,
        np.empty((0, 3)),
        np.zeros(1, int),
        none,
        0.0,
    )
    assert [len(part) for part in found] == [0, 0, 3, 3]
    assert (found[2] == -1).all()
