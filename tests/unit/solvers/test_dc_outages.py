"""Worst loadings over outages and hours against solving every outage in every hour."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridhub.solvers.dc_outages as module
from gridhub.case.case import Case, Outage
from gridhub.solvers.dc import plan_dc, solve_dc
from gridhub.solvers.dc_outages import DcScreen, screen_dc_outages
from gridhub.solvers.islands import find_islands, keep_largest_parts
from gridhub.solvers.scenario import Injections
from gridhub.solvers.status import Status
from tests.small_cases import compile_network, load_case, make_hours
from tests.small_networks import make_double_feed, make_meshed

LIMIT_TOLERANCE = 1e-6


def solve_every_outage(
    case: Case,
    outages: Sequence[Sequence[int]],
    limit: np.ndarray,
    hours: Injections,
    convention: str,
    slack: bool,
) -> np.ndarray:
    """Loading [%] of every outage, hour and branch, (k, n_hour, n_branch); NaN where not judged."""
    cube = np.full((len(outages), hours.count, case.n_branch), np.nan)
    before = find_islands(case)
    for k, lost in enumerate(outages):
        for h in range(hours.count):
            own = hours.apply(case, h)
            if np.abs(solve_dc(own, convention, slack).missing).max() > 1e-8:
                continue
            state = solve_dc(keep_largest_parts(own.take_out(Outage(tuple(lost))), before), convention, slack)
            if np.abs(state.missing).max() > 1e-8:
                continue
            cube[k, h] = 100.0 * np.abs(state.p_from) / limit
            cube[k, h, list(lost)] = np.nan
    cube[:, :, ~case.branch_on] = np.nan
    return cube


def assert_is_the_worst_of(cube: np.ndarray, screen: DcScreen) -> None:
    def highest(axis: tuple[int, int]) -> np.ndarray:
        found = np.where(np.isnan(cube), -1.0, cube).max(axis=axis)
        return np.where(found < 0, np.nan, found)

    for found, axis in (
        (screen.branch_percent, (0, 1)),
        (screen.outage_percent, (1, 2)),
        (screen.hour_percent, (0, 2)),
    ):
        np.testing.assert_allclose(found, highest(axis), atol=1e-6, rtol=1e-9)
    overloads = (np.nan_to_num(cube) > 100.0 + LIMIT_TOLERANCE).sum(axis=(0, 1))
    assert screen.branch_overloads.tolist() == overloads.tolist()
    for b in np.flatnonzero(screen.branch_outage >= 0):
        at = cube[screen.branch_outage[b], screen.branch_hour[b], b]
        assert at == pytest.approx(screen.branch_percent[b], abs=1e-6)
    for k in np.flatnonzero(screen.outage_branch >= 0):
        at = cube[k, screen.outage_hour[k], screen.outage_branch[k]]
        assert at == pytest.approx(screen.outage_percent[k], abs=1e-6)
    for h in np.flatnonzero(screen.hour_branch >= 0):
        at = cube[screen.hour_outage[h], h, screen.hour_branch[h]]
        assert at == pytest.approx(screen.hour_percent[h], abs=1e-6)


def list_outages(case: Case, seed: int, sets: int) -> list[tuple[int, ...]]:
    """Every branch alone, and some sets of two and three."""
    rng = np.random.default_rng(seed)
    some = [tuple(rng.choice(case.n_branch, 2 + i % 2, replace=False).tolist()) for i in range(sets)]
    return [(i,) for i in range(case.n_branch)] + some


def make_limits(case: Case, hours: Injections, share: float = 1.2, seed: int = 0) -> np.ndarray:
    """Limits near the flows of the first hour, one branch in five unrated."""
    flow = np.abs(solve_dc(hours.apply(case, 0), "x_tap", True).p_from)
    limit = share * np.nan_to_num(flow) + 0.05
    limit[np.random.default_rng(seed).random(case.n_branch) < 0.2] = np.nan
    return limit


@pytest.mark.parametrize("slack", [True, False])
@pytest.mark.parametrize("convention", ["x_tap", "x", "rx"])
@pytest.mark.parametrize("seed", [0, 7])
def test_every_outage_in_every_hour_is_as_solved_again(seed: int, convention: str, slack: bool) -> None:
    case = compile_network(make_meshed(seed, extra=5))
    hours = make_hours(case, 5, seed)
    limit, outages = make_limits(case, hours), list_outages(case, seed, 20)
    screen = screen_dc_outages(case, plan_dc(case, convention, slack), outages, limit, hours, slack)
    assert_is_the_worst_of(solve_every_outage(case, outages, limit, hours, convention, slack), screen)
    assert {Status.CONVERGED, Status.ISLANDED} <= set(screen.outage_status)


@pytest.mark.parametrize(
    ("name", "n_hour", "sets"),
    [("pandapower:case14", 3, 30), ("pandapower:case118", 1, 20), ("korea-2025-backbone", 1, 20)],
)
def test_shipped_networks_are_as_solved_again(name: str, n_hour: int, sets: int) -> None:
    case = load_case(name)
    hours = make_hours(case, n_hour)
    limit, outages = make_limits(case, hours), list_outages(case, 3, sets)
    screen = screen_dc_outages(case, plan_dc(case, "x_tap"), outages, limit, hours)
    assert_is_the_worst_of(solve_every_outage(case, outages, limit, hours, "x_tap", True), screen)


def test_what_an_outage_cuts_off_is_counted_and_the_rest_judged() -> None:
    case = compile_network(make_double_feed())
    ids = case.labels.branch
    bc, tower = ids.index("bc"), (ids.index("ab1"), ids.index("ab2"))
    load = case.load_p * np.array([[1.0], [0.5]])
    screen = screen_dc_outages(
        case, plan_dc(case, "x_tap"), [(bc,), tower], case.rate, Injections(load_p=load)
    )
    assert screen.outage_status == (Status.ISLANDED, Status.ISLANDED)
    assert screen.outage_lost_load * case.base_mva == pytest.approx([100.0, 500.0])
    # without c the two circuits share what is left at b: 400 MW of twice 400 MVA
    assert screen.outage_percent == pytest.approx([50.0, np.nan], nan_ok=True)
    assert screen.branch_outage[bc] == -1
    assert screen.outage_unsolved.tolist() == [0, 0]


def test_a_part_that_cannot_balance_is_not_converged() -> None:
    net = make_double_feed()
    units = net.generator
    units["p_min_mw"] = 225.0
    case = compile_network(net.replace(generator=units))
    bc = case.labels.branch.index("bc")
    load = case.load_p * np.array([[1.0], [0.95]])
    screen = screen_dc_outages(case, plan_dc(case, "x_tap"), [(bc,)], case.rate, Injections(load_p=load))
    # 450 MW are the least: 400 or 380 MW are left
    assert screen.outage_status == (Status.NOT_CONVERGED,)
    assert screen.outage_unsolved.tolist() == [2]
    assert np.isnan(screen.outage_percent[0])


def test_hours_without_solution_are_named_and_left_out() -> None:
    case = load_case("pandapower:case14")
    hours = make_hours(case, 6)
    load = hours.load_p.copy()
    load[2, 1], load[4] = np.nan, 1e3
    plan, outages = plan_dc(case, "x_tap"), list_outages(case, 0, 0)
    limit = make_limits(case, hours)
    spoilt = screen_dc_outages(case, plan, outages, limit, replace(hours, load_p=load))
    assert spoilt.hour_solved.tolist() == [True, True, False, True, False, True]
    assert np.isnan(spoilt.hour_percent[[2, 4]]).all()
    good = np.array([0, 1, 3, 5])
    kept = Injections(
        **{f.name: None if (v := getattr(hours, f.name)) is None else v[good] for f in fields(hours)}
    )
    clean = screen_dc_outages(case, plan, outages, limit, kept)
    assert np.array_equal(spoilt.branch_percent, clean.branch_percent, equal_nan=True)
    assert np.array_equal(spoilt.hour_percent[good], clean.hour_percent, equal_nan=True)
    assert spoilt.branch_overloads.tolist() == clean.branch_overloads.tolist()


def assert_same_bytes(one: DcScreen, other: DcScreen) -> None:
    for item in fields(DcScreen):
        mine, its = np.asarray(getattr(one, item.name)), np.asarray(getattr(other, item.name))
        assert mine.tobytes() == its.tobytes(), item.name


def test_threads_change_no_bit_and_blocks_nothing_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    case = load_case("pandapower:case118")
    hours = make_hours(case, 300)
    plan, limit, outages = plan_dc(case, "x_tap"), make_limits(case, hours), list_outages(case, 0, 10)
    one = screen_dc_outages(case, plan, outages, limit, hours)
    assert_same_bytes(one, screen_dc_outages(case, plan, outages, limit, hours, threads=3))
    monkeypatch.setattr(module, "MEMORY", 8 * case.n_branch * 70)
    for kept in (4, 1):
        monkeypatch.setattr(module, "KEPT_BLOCKS", kept)
        in_blocks = screen_dc_outages(case, plan, outages, limit, hours, threads=2)
        for item in ("branch_percent", "outage_percent", "hour_percent"):
            assert getattr(in_blocks, item) == pytest.approx(getattr(one, item), rel=1e-12, nan_ok=True)


def permute_branches(case: Case, order: np.ndarray) -> Case:
    names = (
        "branch_from branch_to branch_from_bus branch_to_bus branch_on branch_joins r x tap shift "
        "y_ff y_ft y_tf y_tt rate rate_b rate_c"
    ).split()
    labels = replace(case.labels, branch=tuple(case.labels.branch[i] for i in order))
    return replace(case, labels=labels, **{name: getattr(case, name)[order] for name in names})


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_branches_changes_nothing(seed: int) -> None:
    case = compile_network(make_meshed(seed % 5))
    order = np.random.default_rng(seed).permutation(case.n_branch)
    hours = make_hours(case, 9, seed)
    limit, outages = make_limits(case, hours), list_outages(case, seed, 6)
    place = np.argsort(order)
    moved = [tuple(int(place[i]) for i in one) for one in outages]
    one = screen_dc_outages(case, plan_dc(case, "x_tap"), outages, limit, hours)
    shuffled = permute_branches(case, order)
    two = screen_dc_outages(shuffled, plan_dc(shuffled, "x_tap"), moved, limit[order], hours)
    assert two.outage_percent == pytest.approx(one.outage_percent, rel=1e-9, nan_ok=True)
    assert two.hour_percent == pytest.approx(one.hour_percent, rel=1e-9, nan_ok=True)
    assert two.branch_percent == pytest.approx(one.branch_percent[order], rel=1e-9, nan_ok=True)
    assert two.outage_status == one.outage_status
    assert two.outage_unsolved.tolist() == one.outage_unsolved.tolist()


def test_a_year_of_all_outages_on_the_backbone_stays_far_below_a_gigabyte() -> None:
    case = load_case("korea-2025-backbone")
    # units at their minimum could not follow the load down to 60 %, so it stays near its peak
    load = case.load_p * np.random.default_rng(0).uniform(0.9, 1.0, (8760, len(case.load_p)))
    hours = Injections(load_p=load, hvdc_p=make_hours(case, 8760, turn=False).hvdc_p)
    plan, outages = plan_dc(case, "x_tap"), list_outages(case, 0, 0)
    tracemalloc.start()
    screen = screen_dc_outages(case, plan, outages, case.rate, hours, threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # a cube of outages x hours x branches would be 10 GB
    assert peak < 300e6
    assert screen.hour_solved.mean() > 0.9
    some = np.random.default_rng(0).choice(8760, 3, replace=False)
    picked = Injections(
        **{f.name: None if (v := getattr(hours, f.name)) is None else v[some] for f in fields(hours)}
    )
    few = [(int(i),) for i in np.random.default_rng(1).choice(case.n_branch, 40, replace=False)]
    cube = solve_every_outage(case, few, case.rate, picked, "x_tap", True)
    assert (np.nan_to_num(cube).max(axis=(0, 2)) <= np.nan_to_num(screen.hour_percent[some]) + 1e-6).all()
    assert (np.nan_to_num(cube).max(axis=(1, 2)) <= screen.outage_percent[[i for (i,) in few]] + 1e-6).all()


def test_input_that_cannot_be_judged_is_refused() -> None:
    case = load_case("pandapower:case14")
    plan = plan_dc(case, "x_tap")
    with pytest.raises(ValueError, match="1 limits are not above 0"):
        screen_dc_outages(case, plan, [(0,)], np.where(np.arange(case.n_branch) == 2, 0.0, 1.0))
    joins = replace(case, branch_joins=np.arange(case.n_branch) == 4)
    with pytest.raises(ValueError, match="without impedance"):
        screen_dc_outages(joins, plan, [(4,)], np.ones(case.n_branch))
