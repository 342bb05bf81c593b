"""Low-rank corrections against dense matrices, and against the Jacobian of the changed network."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.case.case import Outage
from gridhub.kernels.compensation import (
    COLUMNS,
    add_branch_rows,
    collect_path,
    compensate,
    narrow_paths,
    solve_dense,
    solve_middle,
    solve_paths,
)
from gridhub.kernels.lanes import make_lanes
from gridhub.kernels.preparation import grow_pools, make_desk, make_pools, prepare
from tests.unit.kernels.small_bases import (
    Small,
    make_dense_admittance,
    make_dense_jacobian,
    make_small,
    split_factor,
)

FOUR = make_lanes(COLUMNS)


def split_base(small: Small) -> tuple[np.ndarray, np.ndarray]:
    factor = small.base.factor
    return split_factor(small.elimination, small.base.state.root, factor.blocks, factor.border)


def make_jacobian(small: Small, lost: Outage) -> np.ndarray:
    """Jacobian after an outage at the voltages before it."""
    y = make_dense_admittance(small.case.take_out(lost), small.setting.plan.position)
    slope, stiffness = small.base.state.slope, small.base.control.stiffness
    return make_dense_jacobian(y, small.voltage, small.equations, slope, stiffness)


@pytest.mark.parametrize("seed", range(6))
def test_path_holds_the_touched_nodes_and_their_ancestors(seed: int) -> None:
    rng, parent = np.random.default_rng(seed), make_small(seed).base.factor.parent
    n = len(parent)
    touched = rng.choice(n, 1 + seed % 4)
    expected = set()
    for i in touched.tolist():
        while i >= 0:
            expected.add(i)
            i = int(parent[i])
    mark, path = np.full(n, -1), np.empty(n, np.int64)
    length = collect_path(parent, touched, len(touched), mark, path)
    assert path[:length].tolist() == sorted(expected)
    assert mark[path[:length]].tolist() == list(range(length))
    assert (np.delete(mark, path[:length]) == -1).all()
    assert collect_path(parent, touched, 0, np.full(n, -1), path) == 0


@pytest.mark.parametrize("slack", [True, False])
def test_rows_of_a_branch_are_what_the_jacobian_loses(slack: bool) -> None:
    small = make_small(2, slack=slack)
    grid, state = small.base.grid, small.base.state
    whole = make_jacobian(small, Outage())
    for branch in np.flatnonzero(small.case.branch_on).tolist():
        f, t = int(grid.branch_from[branch]), int(grid.branch_to[branch])
        difference = np.zeros(16)
        add_branch_rows(grid, state, branch, f, t, 0, 1, 4, difference)
        add_branch_rows(grid, state, branch, t, f, 1, 0, 4, difference)
        rows = [2 * f, 2 * f + 1, 2 * t, 2 * t + 1]
        expected = whole - make_jacobian(small, Outage(branch=(branch,)))
        assert difference.reshape(4, 4) == pytest.approx(expected[np.ix_(rows, rows)], abs=1e-8)
        expected[np.ix_(rows, rows)] = 0.0
        assert np.abs(expected).max() < 1e-8


@pytest.mark.parametrize("size", [1, 4, 9])
def test_dense_solve_is_that_of_numpy(size: int) -> None:
    rng = np.random.default_rng(size)
    matrix, right = rng.normal(size=(size, size)), rng.normal(size=(size, size))
    if size > 1:
        matrix[0, 0] = 0.0  # the first pivot has to be chosen
    x = right.copy().ravel()
    solve_dense(matrix.copy().ravel(), x, size)
    assert x.reshape(size, size) == pytest.approx(np.linalg.solve(matrix, right), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("slack", [True, False])
def test_path_solves_are_those_of_dense_triangles(slack: bool) -> None:
    small, rng, rank = make_small(5, slack=slack), np.random.default_rng(5), 8
    factor, root = small.base.factor, small.base.state.root
    lower, upper = split_base(small)
    n = len(root)
    mark, path = np.full(n, -1), np.empty(n, np.int64)
    length = collect_path(factor.parent, np.array([0, 3]), 2, mark, path)
    on_path = np.stack([2 * path[:length], 2 * path[:length] + 1], axis=1).ravel()
    right = rng.normal(size=(2 * n, 2 * rank + 1)) * np.isin(np.arange(2 * n), on_path)[:, None]
    a, b = right[on_path, :rank].ravel(), right[on_path, rank : 2 * rank].ravel()
    y = right[on_path, -1].copy()
    solve_paths(factor, root, path, length, mark, rank, a, b, y, FOUR)
    expected = np.linalg.solve(lower, right)
    off_path = np.setdiff1d(np.arange(2 * n), on_path)
    assert np.abs(expected[off_path]).max(initial=0.0) < 1e-12
    assert a.reshape(-1, rank) == pytest.approx(expected[on_path, :rank], rel=1e-8, abs=1e-10)
    assert y == pytest.approx(expected[on_path, -1], rel=1e-8, abs=1e-10)
    expected = np.linalg.solve(upper.T, right)
    size = np.abs(expected).max()
    assert np.abs(expected[off_path]).max(initial=0.0) < 1e-10 * size
    assert b.reshape(-1, rank) == pytest.approx(
        expected[on_path, rank : 2 * rank], rel=1e-8, abs=1e-10 * size
    )


def test_middle_and_compensation_are_those_of_numpy() -> None:
    rng, length, rank = np.random.default_rng(8), 7, 8
    a, b = rng.normal(size=(2, 2 * length, rank))
    d = 0.1 * rng.normal(size=(rank, rank))
    middle = np.linalg.solve(np.eye(rank) - d @ b.T @ a, d)
    w, g, m = d.copy().ravel(), np.empty(rank * rank), np.empty(rank * rank)
    solve_middle(length, rank, a.ravel(), b.ravel(), w, g, m, FOUR)
    assert g.reshape(rank, rank) == pytest.approx(b.T @ a, abs=1e-12)
    assert w.reshape(rank, rank) == pytest.approx(middle, rel=1e-9, abs=1e-11)
    left, right = np.empty((2, 2 * length * rank), np.float32)
    narrow_paths(length, rank, a.ravel(), b.ravel(), w, left, right, FOUR)
    assert (right == b.ravel().astype(np.float32)).all()
    assert left.reshape(-1, rank) == pytest.approx(a @ middle, rel=1e-5, abs=1e-5)
    z = rng.normal(size=2 * length).astype(np.float32)
    expected = z + a @ middle @ (b.T @ z)
    compensate(length, rank, left, right, z, np.empty(rank, np.float32), FOUR)
    assert z == pytest.approx(expected, rel=2e-5, abs=2e-5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slack", [True, False])
def test_corrected_factor_solves_the_jacobian_after_the_outage(seed: int, slack: bool) -> None:
    small = make_small(seed, slack=slack)
    base, n = small.base, small.case.n_node
    shunt = tuple(np.flatnonzero(small.case.shunt_on).tolist())
    on = np.flatnonzero(small.case.branch_on).tolist()
    outages = [Outage(branch=(i,)) for i in on] + [Outage(branch=(on[0], on[-1]), shunt=shunt)]
    scenarios = small.find_scenarios(outages)
    lower, upper = split_base(small)
    none = np.zeros(1, np.int64)
    desk, pools = make_desk(base, 16), make_pools(len(outages))
    right = np.random.default_rng(seed).normal(size=2 * n)
    solved = 0
    for k, outage in enumerate(outages):
        if scenarios.dead_start[k] < scenarios.dead_start[k + 1]:
            continue
        at, vector = int(pools.used[0]), int(pools.used[1])
        pools = grow_pools(pools, desk)
        length, rank, _ = prepare(base, scenarios, k, True, none, none, 0, desk, pools, FOUR)
        assert rank % COLUMNS == 0
        path = pools.node[at : at + length]
        rows = np.stack([2 * path, 2 * path + 1], axis=1).ravel()
        left, wide = (
            pool[vector : vector + 2 * length * rank].reshape(-1, rank).astype(float)
            for pool in (pools.left, pools.right)
        )
        y = np.linalg.solve(lower, right)
        y[rows] += left @ (wide.T @ y[rows])
        expected = np.linalg.solve(make_jacobian(small, outage), right)
        # single precision, and sums that cancel
        assert np.linalg.solve(upper, y) == pytest.approx(expected, abs=2e-4 * np.abs(expected).max())
        solved += 1
    assert solved > len(outages) // 2
