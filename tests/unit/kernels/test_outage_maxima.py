"""Maxima over outages and hours against the whole table of them, in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridhub.kernels.maxima import BranchMaxima, HourMaxima, OutageBlock, OutageMaxima
from gridhub.kernels.outage_maxima import track_outage_maxima


def run(flow, monitored, scale, block, limit, order, workers):
    """Maxima of the kernel, the columns in some order, by some workers one after the other."""
    n_hour, m, k = flow.shape[1], len(monitored), len(block.number)

    def start(n):
        return np.full(n, -1.0), np.full(n, -1), np.full(n, -1)

    branch, outage = BranchMaxima(*start(m)), OutageMaxima(*start(k))
    hours = HourMaxima(*start(n_hour))
    count = np.zeros(m, dtype=np.int64)
    flow = np.ascontiguousarray(flow[:, order])
    for worker in range(workers):
        track_outage_maxima(
            flow, order, monitored, scale, block, limit, worker, workers, branch, outage, hours, count
        )
    back = np.argsort(order)
    return branch, outage, HourMaxima(*(array[back] for array in hours)), count


def look_at_the_whole_table(flow, monitored, scale, block, limit):
    """The same from a cube (hour, outage, branch), so that the first of equals comes first in it."""
    cube = np.zeros((flow.shape[1], len(block.number), len(monitored)))
    for k in range(len(block.number)):
        after = flow[monitored] * scale[:, None]
        for j in range(block.start[k], block.start[k + 1]):
            after = after + block.factor[j][:, None] * flow[block.lost[j]]
        cube[:, k] = np.abs(after).T
        cube[:, k, np.isin(monitored, block.lost[block.start[k] : block.start[k + 1]])] = -1.0
    n_hour, n_outage, m = cube.shape
    branch = [divmod(int(np.argmax(cube[:, :, i])), n_outage) for i in range(m)]
    outage = [divmod(int(np.argmax(cube[:, k])), m) for k in range(n_outage)]
    hour = [divmod(int(np.argmax(cube[h])), m) for h in range(n_hour)]
    return cube, branch, outage, hour, (cube > limit).sum(axis=(0, 1))


@st.composite
def grids(draw: st.DrawFn):
    """Few distinct values, so that equal loadings are common."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_branch, n_hour = draw(st.integers(2, 7)), draw(st.sampled_from([1, 5, 64, 65, 150]))
    coarse = draw(st.booleans())

    def values(*shape):
        return rng.integers(-3, 4, shape).astype(float) if coarse else rng.normal(size=shape)

    sets = [rng.choice(n_branch, rng.integers(0, 3), replace=False) for _ in range(rng.integers(1, 6))]
    monitored = np.sort(rng.choice(n_branch, rng.integers(1, n_branch + 1), replace=False))
    lost = np.array([i for one in sets for i in one], dtype=np.int64)
    start = np.cumsum([0, *map(len, sets)])
    block = OutageBlock(np.arange(len(sets)), start, lost, values(len(lost), len(monitored)))
    scale = 2.0 ** -rng.integers(0, 3, len(monitored)).astype(float)
    return values(n_branch, n_hour), monitored, scale, block, rng.permutation(n_hour)


@given(grids(), st.integers(1, 3))
def test_maxima_are_those_of_the_whole_table(grid, workers):
    flow, monitored, scale, block, order = grid
    limit = 2.0
    branch, outage, hours, count = run(flow, monitored, scale, block, limit, order, workers)
    cube, of_branch, of_outage, of_hour, expected = look_at_the_whole_table(
        flow, monitored, scale, block, limit
    )
    assert count.tolist() == expected.tolist()
    for i, (h, k) in enumerate(of_branch):
        seen = cube[h, k, i] >= 0
        assert branch.value[i] == cube[h, k, i]
        assert (branch.hour[i], branch.outage[i]) == ((h, k) if seen else (-1, -1))
    for k, (h, i) in enumerate(of_outage):
        seen = cube[h, k, i] >= 0
        assert outage.value[k] == cube[h, k, i]
        assert (outage.hour[k], outage.branch[k]) == ((h, monitored[i]) if seen else (-1, -1))
    for h, (k, i) in enumerate(of_hour):
        seen = cube[h, k, i] >= 0
        assert hours.value[h] == cube[h, k, i]
        assert (hours.outage[h], hours.branch[h]) == ((k, monitored[i]) if seen else (-1, -1))


@pytest.mark.parametrize("limit", [0.5, 100.0])
def test_nothing_monitored_and_nothing_lost_are_no_trouble(limit: float) -> None:
    none = np.empty(0, dtype=np.int64)
    block = OutageBlock(np.arange(1), np.zeros(2, dtype=np.int64), none, np.empty((0, 0)))
    branch, outage, hours, _ = run(np.ones((2, 3)), none, np.empty(0), block, limit, np.arange(3), workers=1)
    assert len(branch.value) == 0
    assert (outage.value[0], hours.value[0]) == (-1.0, -1.0)
