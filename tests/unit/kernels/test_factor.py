"""Jacobian and block factor against finite differences and dense solves."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.factor import factorize, fill_jacobian, solve_factor
from tests.unit.kernels.small_bases import (
    Small,
    make_dense_admittance,
    make_dense_jacobian,
    make_small,
    split_factor,
    unfold,
)


def fill(small: Small, stiffness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of the Jacobian of a state, and the column of the imbalance."""
    state, equations = small.base.state, small.equations
    blocks, column = np.empty(4 * len(small.elimination.column)), np.zeros(2 * len(state.e))
    column[::2] = -state.slope
    fill_jacobian(
        small.elimination, equations.y, state.e, state.f, equations.angle_held, equations.voltage_held,
        stiffness, equations.root, blocks,
    )  # fmt: skip
    return blocks, column


def make_dense(small: Small, stiffness: np.ndarray) -> np.ndarray:
    y = make_dense_admittance(small.case, small.setting.plan.position)
    return make_dense_jacobian(y, small.voltage, small.equations, small.base.state.slope, stiffness)


def test_jacobian_is_the_derivative_of_the_powers() -> None:
    small, h = make_small(1), 1e-6
    y = make_dense_admittance(small.case, small.setting.plan.position)
    blocks, _ = fill(small, np.zeros(len(y)))
    found = unfold(small.elimination.start, small.elimination.column, blocks)
    n, v, equations = len(y), small.voltage, small.equations
    for j in range(n):
        for c, turn in ((0, 1j * h), (1, h)):
            plus, minus = v.copy(), v.copy()
            plus[j], minus[j] = v[j] * np.exp(turn), v[j] * np.exp(-turn)
            change = (plus * np.conj(y @ plus) - minus * np.conj(y @ minus)) / (2 * h)
            at_root = c == 0 and equations.root[j] == j
            for i in range(n):
                p, q = found[2 * i, 2 * j + c], found[2 * i + 1, 2 * j + c]
                if equations.root[i] == i or not equations.angle_held[i]:
                    assert p == pytest.approx(0.0 if at_root else change[i].real, abs=1e-6)
                if not equations.voltage_held[i]:
                    assert q == pytest.approx(0.0 if at_root else change[i].imag, abs=1e-6)


@pytest.mark.parametrize("slack", [True, False])
@pytest.mark.parametrize("stiff", [True, False])
def test_factor_is_that_of_the_dense_jacobian(slack: bool, stiff: bool) -> None:
    small = make_small(2, slack=slack)
    stiffness = small.base.control.stiffness * stiff
    root, n = small.equations.root, len(small.equations.root)
    blocks, column = fill(small, stiffness)
    expected = make_dense(small, stiffness)
    assert factorize(small.elimination, root, blocks, column) == -1
    lower, upper = split_factor(small.elimination, root, blocks, column)
    assert np.abs(lower @ upper - expected).max() < 1e-10 * np.abs(expected).max()
    right = np.random.default_rng(3).normal(size=2 * n)
    x = right.copy()
    solve_factor(small.elimination, root, blocks, column, x)
    # a stiffness of 1e4 costs as many digits
    assert x == pytest.approx(np.linalg.solve(expected, right), rel=1e-7, abs=1e-9)


def test_a_singular_pivot_is_named() -> None:
    small = make_small(4)
    blocks, column = fill(small, np.zeros(small.case.n_node))
    row = next(
        i for i in range(small.case.n_node) if small.elimination.start[i] == small.elimination.diagonal[i]
    )
    at = 4 * small.elimination.diagonal[row]
    blocks[at : at + 4] = [1.0, 2.0, 0.5, 1.0]
    assert factorize(small.elimination, small.equations.root, blocks, column) == row


def test_nan_is_a_singular_pivot() -> None:
    small = make_small(4)
    blocks, column = fill(small, np.zeros(small.case.n_node))
    blocks[4 * small.elimination.diagonal[3]] = np.nan
    assert factorize(small.elimination, small.equations.root, blocks, column) >= 0
