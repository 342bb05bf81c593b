"""Sizing against scipy's linprog written out hour by hour, and what a least cost must hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from gridhub.dispatch.sizing import SizingProblem, SizingSolution, solve_shares, solve_sizing


def make_problem(seed: int, n: int = 24, block: int = 24, stores: int = 1) -> SizingProblem:
    rng = np.random.default_rng(seed)
    hour = np.arange(n)
    sun = np.clip(np.sin(2 * np.pi * (hour % 24 - 6) / 24), 0, None) * rng.uniform(0.5, 1.0, n)
    wind = np.clip(rng.normal(0.35, 0.25, n), 0, 1)
    inf = np.inf
    return SizingProblem(
        load=rng.uniform(60, 100, n),
        weight=np.repeat(rng.uniform(1, 3, n // block), block),
        block=block,
        output=np.column_stack([sun, wind]),
        plant_cost=np.array([70.0, 150.0]),
        plant_low=np.zeros(2),
        plant_high=np.array([inf, 400.0]),
        power_cost=np.linspace(20.0, 9.0, stores),
        power_low=np.zeros(stores),
        power_high=np.full(stores, inf),
        energy_cost=np.linspace(5.0, 9.0, stores),
        energy_low=np.zeros(stores),
        energy_high=np.full(stores, 900.0),
        efficiency=np.linspace(0.8, 0.9, stores),
        grid_price=rng.uniform(0.1, 0.6, n),
        grid_share=rng.uniform(0, 0.6, n),
    )


def solve_by_linprog(
    problem: SizingProblem, share: float | None, budget: float | None
) -> tuple[float, float]:
    """Write every variable and row out, storage with its own matched part: another form of the same question.

    Variables per hour: used directly, charged, discharged, stored, unmatched; energy used is at most what is
    made, and load is exactly what is used, discharged and unmatched. Gives the cost and the share.
    """
    n, k, s = len(problem.load), len(problem.plant_cost), len(problem.power_cost)
    names = [("x", i) for i in range(k)] + [(kind, i) for kind in "PE" for i in range(s)]
    for t in range(n):
        names += [("m", t), ("u", t)] + [(kind, i, t) for i in range(s) for kind in "cde"]
    at = {name: i for i, name in enumerate(names)}
    equal, equal_to, less, less_than = [], [], [], []

    def add(rows: list, sides: list, entries: dict, side: float) -> None:
        row = np.zeros(len(names))
        for name, value in entries.items():
            row[at[name]] += value
        rows.append(row)
        sides.append(side)

    for t in range(n):
        charges = {("c", i, t): 1.0 for i in range(s)}
        made = {("x", i): -problem.output[t, i] for i in range(k)}
        add(less, less_than, {("m", t): 1.0, **charges, **made}, 0.0)
        gives = {("d", i, t): 1.0 for i in range(s)}
        add(equal, equal_to, {("m", t): 1.0, ("u", t): 1.0, **gives}, problem.load[t])
        for i in range(s):
            first = t % problem.block == 0
            before = t + problem.block - 1 if first else t - 1
            root = problem.efficiency[i] ** 0.5
            entries = {("e", i, t): 1.0, ("c", i, t): -root, ("d", i, t): 1 / root}
            entries["e", i, before] = entries.get(("e", i, before), 0.0) - 1.0
            add(equal, equal_to, entries, 0.0)
            for kind, size in (("c", "P"), ("d", "P"), ("e", "E")):
                add(less, less_than, {(kind, i, t): 1.0, (size, i): -1.0}, 0.0)
    cost = np.zeros(len(names))
    lost = np.zeros(len(names))
    for i in range(k):
        cost[at["x", i]] = problem.plant_cost[i]
    for i in range(s):
        cost[at["P", i]], cost[at["E", i]] = problem.power_cost[i], problem.energy_cost[i]
    for t in range(n):
        cost[at["u", t]] = problem.weight[t] * problem.grid_price[t]
        lost[at["u", t]] = problem.weight[t] * (1 - problem.grid_share[t])
    total = float(problem.weight @ problem.load)
    if share is not None:
        less.append(lost)
        less_than.append((1 - share) * total)
    if budget is not None:
        less.append(cost)
        less_than.append(budget)
    low, high = np.zeros(len(names)), np.full(len(names), np.inf)
    for kind, lows, highs in (
        ("x", problem.plant_low, problem.plant_high),
        ("P", problem.power_low, problem.power_high),
        ("E", problem.energy_low, problem.energy_high),
    ):
        for i, (a, b) in enumerate(zip(lows, highs, strict=True)):
            low[at[kind, i]], high[at[kind, i]] = a, b
    found = linprog(
        cost if share is not None else lost,
        A_ub=np.array(less),
        b_ub=less_than,
        A_eq=np.array(equal),
        b_eq=equal_to,
        bounds=np.column_stack([low, high]),
        method="highs-ds",
    )
    assert found.status == 0, found.message
    return float(cost @ found.x), 1 - float(lost @ found.x) / total


def check_hours(problem: SizingProblem, found: SizingSolution) -> None:
    """What is said of the hours is possible with the sizes that are said."""
    n = len(problem.load)
    root = np.sqrt(problem.efficiency)
    before = found.stored.reshape(-1, problem.block, found.stored.shape[1])
    before = np.roll(before, 1, axis=1).reshape(n, -1)
    np.testing.assert_allclose(found.stored, before + root * found.charge - found.discharge / root, atol=1e-5)
    assert (found.charge <= found.power_mw + 1e-6).all()
    assert (found.discharge <= found.power_mw + 1e-6).all()
    assert (found.stored <= found.energy_mwh + 1e-6).all()
    assert np.minimum(found.charge, found.discharge).max(initial=0.0) < 1e-6
    np.testing.assert_allclose(found.available, problem.output @ found.plant_mw)
    covered = found.available + (found.discharge - found.charge).sum(axis=1) + found.unmatched
    assert (covered >= problem.load - 1e-6).all()


@pytest.mark.parametrize("stores", [1, 2])
@pytest.mark.parametrize("share", [0.4, 0.8, 0.97])
def test_least_cost_is_that_of_linprog(stores: int, share: float):
    problem = make_problem(7, n=48, block=24, stores=stores)
    found = solve_sizing(problem, share=share)
    cost, _ = solve_by_linprog(problem, share, None)
    assert found.status == "optimal"
    assert found.cost == pytest.approx(cost, rel=1e-5)
    assert found.share >= share - 1e-9
    check_hours(problem, found)


@pytest.mark.parametrize("budget", [15_000.0, 30_000.0])
def test_largest_share_is_that_of_linprog(budget: float):
    problem = make_problem(3)
    found = solve_sizing(problem, budget=budget)
    _, share = solve_by_linprog(problem, None, budget)
    assert found.share == pytest.approx(share, abs=1e-5)
    assert found.cost <= budget * (1 + 1e-9)
    check_hours(problem, found)


def test_given_sizes_are_run_for_the_largest_share():
    problem = make_problem(5)
    size = np.array([90.0, 60.0])
    fixed = replace(
        problem,
        plant_low=size,
        plant_high=size,
        power_low=np.array([20.0]),
        power_high=np.array([20.0]),
        energy_low=np.array([80.0]),
        energy_high=np.array([80.0]),
    )
    found = solve_sizing(fixed)
    _, share = solve_by_linprog(fixed, None, None)
    assert found.share == pytest.approx(share, abs=1e-5)
    assert found.plant_mw.tolist() == [90.0, 60.0]


def test_cost_rises_and_bends_with_the_share():
    """A least cost of a linear programme is convex in its right side, and the dual is its slope."""
    problem = make_problem(11, n=48, block=48)
    shares = np.linspace(0.3, 0.95, 8)
    found = [solve_sizing(problem, share=share) for share in shares]
    cost = np.array([one.cost for one in found])
    slopes = np.diff(cost) / np.diff(shares)
    assert (slopes > 0).all()
    assert (np.diff(slopes) >= -1e-6 * slopes.max()).all()
    step = 1e-4
    up, down = (solve_sizing(problem, share=0.8 + sign * step).cost for sign in (1, -1))
    total = float(problem.weight @ problem.load)
    price = solve_sizing(problem, share=0.8).price_of_share
    assert price == pytest.approx((up - down) / (2 * step * total), rel=1e-3)


def test_shares_in_a_row_are_those_solved_alone():
    problem = replace(make_problem(6, n=48), grid_share=np.zeros(48), plant_high=np.array([900.0, 400.0]))
    shares = [0.9, 0.5, 1.0, 0.7]
    row = list(solve_shares(problem, shares))
    for share, one in zip(shares, row, strict=True):
        alone = solve_sizing(problem, share=share)
        assert one.cost == pytest.approx(alone.cost, rel=1e-7)
        assert one.price_of_share == pytest.approx(alone.price_of_share, rel=1e-4)
        check_hours(problem, one)
    # one that cannot be reached stops none after it
    poor = replace(problem, plant_high=np.array([150.0, 10.0]))
    assert [one.status for one in solve_shares(poor, [0.2, 1.0, 0.3])] == ["optimal", "infeasible", "optimal"]


def test_a_budget_and_a_share_find_the_same_plant():
    problem = make_problem(2)
    by_share = solve_sizing(problem, share=0.85)
    by_budget = solve_sizing(problem, budget=by_share.cost)
    assert by_budget.share == pytest.approx(0.85, abs=1e-4)


def test_what_cannot_be_reached_says_so():
    problem = replace(make_problem(1), grid_share=np.zeros(24))
    dark = replace(problem, output=np.zeros((24, 2)))
    found = solve_sizing(dark, share=0.5)
    assert found.status == "infeasible"
    assert np.isnan(found.cost) and np.isnan(found.plant_mw).all()
    with pytest.raises(ValueError, match="not both"):
        solve_sizing(problem, share=0.5, budget=1.0)


def test_a_hub_without_storage_is_sized_too():
    problem = make_problem(4, stores=0)
    problem = replace(problem, efficiency=np.empty(0))
    found = solve_sizing(problem, share=0.5)
    cost, _ = solve_by_linprog(problem, 0.5, None)
    assert found.cost == pytest.approx(cost, rel=1e-5)
