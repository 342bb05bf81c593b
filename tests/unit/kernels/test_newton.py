"""Newton's method on the stored pattern against numpy and a dense Newton."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.newton import (
    CONVERGED,
    NO_GENERATION,
    NOT_CONVERGED,
    Equations,
    find_mismatch,
    iterate_newton,
    sum_units,
)
from tests.unit.kernels.small_bases import Small, make_dense_admittance, make_dense_jacobian, make_small


def add_up_units(equations: Equations, imbalance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power of the units at each node, and its slope."""
    n = len(equations.root)
    asked = equations.scheduled + equations.share * imbalance[equations.root[equations.unit_node]]
    free = (asked >= equations.low) & (asked <= equations.high) & (equations.low < equations.high)
    given = np.clip(asked, equations.low, equations.high)
    at = equations.unit_node
    return np.bincount(at, given, n), np.bincount(at, equations.share * free, n)


def find_dense_mismatch(
    equations: Equations, power: np.ndarray, generated: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    here = np.arange(len(equations.root))
    live = equations.root >= 0
    p = np.where(live & ((equations.root == here) | ~equations.angle_held), 1.0, 0.0)
    q = np.where(live & ~equations.voltage_held, 1.0, 0.0)
    return p * (equations.p + generated - power.real), q * (equations.q - power.imag)


def start_flat(small: Small) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    held, n = small.equations.voltage_held, small.case.n_node
    return np.where(held, np.abs(small.voltage), 1.0), np.zeros(n), np.zeros(n)


def solve_dense(small: Small, most: int = 30) -> tuple[int, np.ndarray, np.ndarray]:
    """Newton's method with numpy alone: iterations, voltages, imbalance."""
    y, equations = make_dense_admittance(small.case, small.setting.plan.position), small.equations
    vm, va, imbalance = start_flat(small)
    is_root = equations.root == np.arange(len(vm))
    iteration = 0
    while True:
        v = vm * np.exp(1j * va)
        generated, slope = add_up_units(equations, imbalance)
        p, q = find_dense_mismatch(equations, v * np.conj(y @ v), generated)
        if max(np.abs(p).max(), np.abs(q).max()) <= 1e-9 or iteration == most:
            return iteration, v, imbalance
        right = np.stack([p, q], axis=1).ravel()
        step = np.linalg.solve(make_dense_jacobian(y, v, equations, slope), right)
        imbalance = imbalance + np.where(is_root, step[::2], 0.0)
        va, vm = va + np.where(is_root, 0.0, step[::2]), vm * np.maximum(1.0 + step[1::2], 0.1)
        iteration += 1


def test_units_are_added_up_within_their_limits() -> None:
    small = make_small(6)
    equations, n = small.equations, small.case.n_node
    root = int(equations.root[0])
    generated, slope = np.empty(n), np.empty(n)
    for total in (-50.0, -1.0, 0.0, 0.3, 50.0):
        imbalance = np.zeros(n)
        imbalance[root] = total
        sum_units(equations, imbalance, generated, slope)
        expected = add_up_units(equations, imbalance)
        assert generated == pytest.approx(expected[0], abs=1e-14)
        assert slope == pytest.approx(expected[1], abs=1e-14)
    assert not slope.any()  # at 50 p.u. every unit is at its limit


def test_mismatch_is_that_of_the_dense_matrix() -> None:
    small, rng = make_small(7), np.random.default_rng(7)
    equations, n = small.equations, small.case.n_node
    v = rng.uniform(0.9, 1.1, n) * np.exp(1j * rng.uniform(-0.3, 0.3, n))
    generated, calculated, mismatch = rng.normal(size=n), np.empty(2 * n), np.empty(2 * n)
    worst = find_mismatch(
        small.elimination, equations, v.real.copy(), v.imag.copy(), generated, calculated, mismatch
    )
    y = make_dense_admittance(small.case, small.setting.plan.position)
    power = v * np.conj(y @ v)
    p, q = find_dense_mismatch(equations, power, generated)
    assert calculated.view(complex) == pytest.approx(power, abs=1e-10)
    assert mismatch[::2] == pytest.approx(p, abs=1e-10)
    assert mismatch[1::2] == pytest.approx(q, abs=1e-10)
    assert worst == np.abs(mismatch).max()


def test_nan_at_any_node_is_the_largest_mismatch() -> None:
    small = make_small(7)
    n, state = small.case.n_node, small.base.state
    for i in range(n):
        equations = small.equations._replace(p=small.equations.p.copy(), q=small.equations.q.copy())
        equations.p[i] = equations.q[i] = np.nan
        worst = find_mismatch(
            small.elimination, equations, state.e, state.f, np.zeros(n), np.empty(2 * n), np.empty(2 * n)
        )
        counts = not equations.voltage_held[i] or not equations.angle_held[i] or equations.root[i] == i
        assert np.isnan(worst) == counts


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("slack", [True, False])
def test_iteration_is_that_of_a_dense_newton(seed: int, slack: bool) -> None:
    small = make_small(seed, slack=slack)
    vm, va, imbalance = start_flat(small)
    calculated = np.empty(2 * len(vm))
    outcome, iterations, mismatch = iterate_newton(
        small.elimination, small.equations, vm, va, imbalance, calculated, 1e-9, 30, np.inf, np.inf
    )
    expected = solve_dense(small)
    assert outcome == CONVERGED
    assert mismatch <= 1e-9
    assert iterations == expected[0]
    assert vm * np.exp(1j * va) == pytest.approx(expected[1], abs=1e-10)
    assert imbalance == pytest.approx(expected[2], abs=1e-9)


def test_limited_steps_are_not_exceeded() -> None:
    small = make_small(3)
    vm, va, imbalance = start_flat(small)
    before = vm.copy(), va.copy()
    calculated = np.empty(2 * len(vm))
    outcome, iterations, _ = iterate_newton(
        small.elimination, small.equations, vm, va, imbalance, calculated, 1e-9, 1, 0.01, 0.002
    )
    assert (outcome, iterations) == (NOT_CONVERGED, 1)
    angle, size = np.abs(va - before[1]).max() / 0.01, np.abs(vm / before[0] - 1.0).max() / 0.002
    assert max(angle, size) == pytest.approx(1.0)


def test_no_generation_left_is_told_from_a_singular_matrix() -> None:
    small = make_small(3)
    vm, va, imbalance = start_flat(small)
    given = small.equations
    stuck = given._replace(low=given.scheduled.copy(), high=given.scheduled.copy())
    outcome, _, _ = iterate_newton(
        small.elimination, stuck, vm, va, imbalance, np.empty(2 * len(vm)), 1e-9, 30, np.inf, np.inf
    )
    assert outcome == NO_GENERATION
