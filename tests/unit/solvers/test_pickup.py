"""The path of flows against power flows with the injection put in by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.case import Case
from gridhub.solvers.dc import plan_dc, solve_dc
from gridhub.solvers.pickup import trace_pickup
from gridhub.solvers.rooms import compute_drawn
from tests.small_cases import compile_network
from tests.small_networks import load_rated_case118

LOAD = 40
"""The load that grows."""


def add_load(case: Case, amount: float) -> Case:
    """Let the load grow."""
    p = case.load_p.copy()
    p[LOAD] += amount
    return replace(case, load_p=p)


def follow(path, drawn, amount: float) -> np.ndarray:
    columns = [np.interp(amount, path.amount, path.flow[:, i]) for i in range(path.flow.shape[1])]
    return np.array(columns) + amount * drawn


@pytest.fixture(scope="module")
def case() -> Case:
    case = compile_network(load_rated_case118())
    rng = np.random.default_rng(0)
    high = case.generator_p + rng.uniform(0.0, 0.8, len(case.generator_p))
    low = np.maximum(case.generator_p - rng.uniform(0.0, 0.8, len(case.generator_p)), 0.0)
    return replace(case, generator_p_max=high, generator_p_min=low)


@pytest.mark.parametrize("direction", [1, -1])
def test_flows_along_the_path_are_those_of_power_flows(case, direction):
    plan = plan_dc(case, "x_tap")
    path = trace_pickup(solve_dc(case, "x_tap", True, plan), plan, 0, 5.0, direction)
    drawn = compute_drawn(plan, case.bus_node[case.load_bus[[LOAD]]], direction)[0]
    assert len(path.amount) > 5
    for amount in np.linspace(0.0, path.amount[-1], 9):
        state = solve_dc(add_load(case, direction * amount), "x_tap", True, plan)
        assert follow(path, drawn, amount) == pytest.approx(state.p_from, abs=1e-8)
        assert abs(state.missing).max() <= 1e-9


def test_the_path_ends_where_the_units_do(case):
    plan = plan_dc(case, "x_tap")
    state = solve_dc(case, "x_tap", True, plan)
    path = trace_pickup(state, plan, 0, 1e3)
    units = case.generator_on & (np.nan_to_num(case.generator_participation, nan=1.0) > 0)
    room = np.where(units & (case.generator_p_max > 0), case.generator_p_max - state.generator_p, 0.0)
    assert path.amount[-1] == pytest.approx(np.maximum(room, 0.0).sum(), abs=1e-9)


def test_what_the_units_cannot_shed_the_load_takes_first(case):
    """Two p.u. too much generation: a load below that is fed without any unit moving."""
    stuck = replace(
        case, load_p=case.load_p * (1.0 - 2.0 / case.load_p.sum()), generator_p_min=case.generator_p.copy()
    )
    plan = plan_dc(stuck, "x_tap")
    state = solve_dc(stuck, "x_tap", True, plan)
    spare = -float(state.missing[0])
    assert spare > 1.0
    path = trace_pickup(state, plan, 0, spare + 3.0)
    drawn = compute_drawn(plan, case.bus_node[case.load_bus[[LOAD]]], 1)[0]
    assert path.amount[1] == pytest.approx(spare)
    for amount in (spare, spare + 1.0, spare + 2.5):
        solved = solve_dc(add_load(stuck, amount), "x_tap", True, plan)
        assert follow(path, drawn, amount) == pytest.approx(solved.p_from, abs=1e-8)


def test_bends_bound_the_distance_from_any_chord(case):
    plan = plan_dc(case, "x_tap")
    path = trace_pickup(solve_dc(case, "x_tap", True, plan), plan, 0, 6.0)
    for k, knot in enumerate(path.knot):
        for end in range(1, knot + 1):
            share = path.amount[: end + 1, None] / path.amount[end]
            chord = path.flow[0] + share * (path.flow[end] - path.flow[0])
            assert (np.abs(path.flow[: end + 1] - chord).max(axis=0) <= path.bend[k] + 1e-12).all()
