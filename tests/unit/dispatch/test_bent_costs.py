"""Quadratic costs met by tangents, against scipy's own quadratic programme."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.offers import make_offers, offer_units
from gridhub.dispatch.result import DispatchStatus, HourResult
from gridhub.solvers.dc import plan_dc
from tests.small_cases import compile_network
from tests.small_networks import make_table
from tests.unit.dispatch.small_hours import make_triangle, take_rates

HIGH = 400.0


def solve(load_mw: float, c1: np.ndarray, c2: np.ndarray, cost_error: float) -> HourResult:
    """The triangle with a unit at every bus."""
    units = make_table(
        id=["one", "two", "three"], bus=["a", "b", "c"], p_mw=0.0, p_min_mw=0.0, p_max_mw=HIGH, vm_pu=1.0
    )
    case = compile_network(make_triangle(load_mw, generator=units))
    offers = make_offers(case, offer_units(case, c1, None, c2))
    return solve_hour(case, plan_dc(case, "x_tap"), offers, take_rates(case), cost_error=cost_error)


@pytest.mark.parametrize("seed", range(6))
def test_cost_and_prices_are_those_of_the_quadratic_programme(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c1, c2 = rng.uniform(5.0, 30.0, 3), rng.uniform(0.01, 0.2, 3)
    load_mw = float(rng.uniform(300.0, 600.0))
    found = solve(load_mw, c1, c2, 1e-11)
    # flows of ab, bc and ac when the rest goes to c
    flows = np.array([[1.0, -1.0, 0.0], [1.0, 2.0, 0.0], [2.0, 1.0, 0.0]]) / 3.0
    expected = minimize(
        lambda p: c1 @ p + c2 @ p**2,
        np.array([50.0, 50.0, load_mw - 100.0]),
        jac=lambda p: c1 + 2.0 * c2 * p,
        bounds=[(0.0, HIGH)] * 3,
        constraints=[
            LinearConstraint(np.ones((1, 3)), load_mw, load_mw),
            LinearConstraint(flows, -150.0, 150.0),
        ],
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert found.status is DispatchStatus.OPTIMAL
    assert found.cost.total == pytest.approx(expected.fun, rel=1e-8)
    assert found.generator_p == pytest.approx(expected.x, abs=0.05)
    # a unit between its limits is paid its slope
    inner = (found.generator_p > 1.0) & (found.generator_p < HIGH - 1.0)
    slope = c1 + 2.0 * c2 * found.generator_p
    assert inner.sum() > 1
    assert found.price[inner] == pytest.approx(slope[inner], rel=1e-4)


def test_the_error_that_is_allowed_bounds_the_cost() -> None:
    c1, c2 = np.array([10.0, 12.0, 20.0]), np.array([0.03, 0.05, 0.02])
    exact = solve(420.0, c1, c2, 1e-12)
    for error in (1e-3, 1e-5, 1e-7):
        rough = solve(420.0, c1, c2, error)
        assert 0.0 <= rough.cost.total - exact.cost.total + 1e-6 <= error * exact.cost.total + 2e-6
        assert rough.rounds <= exact.rounds
