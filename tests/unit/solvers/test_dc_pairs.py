"""Pairs of outages against solving every pair again, and pairs that split an island."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gridhub.case.case import Case, Outage
from gridhub.solvers.dc import plan_dc, solve_dc
from gridhub.solvers.dc_outages import screen_dc_outages
from gridhub.solvers.dc_pairs import DcPairs, screen_dc_pairs
from gridhub.solvers.islands import find_islands
from gridhub.solvers.scenario import Injections
from tests.small_cases import compile_network, load_case, make_hours
from tests.small_networks import make_double_feed, make_meshed


def solve_every_pair(
    case: Case, branches: np.ndarray, limit: np.ndarray, hours: Injections, convention: str
) -> dict[tuple[int, int], np.ndarray]:
    """Loading [%] per set and branch of every pair that splits nothing."""
    before, result = find_islands(case).count, {}
    for pair in itertools.combinations(np.sort(branches).tolist(), 2):
        if find_islands(case.take_out(Outage(pair))).count > before:
            continue
        states = [hours.apply(case, h).take_out(Outage(pair)) for h in range(hours.count)]
        loading = np.array([100.0 * np.abs(solve_dc(s, convention, True).p_from) / limit for s in states])
        loading[:, list(pair)] = np.nan
        loading[:, ~case.branch_on] = np.nan
        result[pair] = loading
    return result


def check(case: Case, branches: np.ndarray, limit: np.ndarray, hours: Injections, convention: str) -> DcPairs:
    found = screen_dc_pairs(case, plan_dc(case, convention), branches, limit, hours, keep=10**6, threads=2)
    expected = solve_every_pair(case, branches, limit, hours, convention)
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert found.judged == len(expected)
    assert sorted(pairs) == sorted(expected)
    for pair, percent, branch, at in zip(pairs, found.percent, found.branch, found.injection, strict=True):
        assert percent == pytest.approx(np.nanmax(expected[pair]), abs=1e-6)
        assert percent == pytest.approx(expected[pair][at, branch], abs=1e-6)
    assert (np.diff(found.percent) <= 0).all()
    cube = np.array(list(expected.values()))
    over = np.nan_to_num(cube) > 100.0 + 1e-6
    assert found.overloaded == over.any(axis=(1, 2)).sum()
    assert found.branch_overloads.tolist() == over.sum(axis=(0, 1)).tolist()
    worst = np.where(np.isnan(cube), -1.0, cube).max(axis=(0, 1))
    np.testing.assert_allclose(found.branch_percent, np.where(worst < 0, np.nan, worst), atol=1e-6)
    for b in np.flatnonzero(found.branch_first >= 0):
        pair = int(found.branch_first[b]), int(found.branch_second[b])
        at = expected[pair][found.branch_injection[b], b]
        assert at == pytest.approx(found.branch_percent[b], abs=1e-6)
    return found


@pytest.mark.parametrize("convention", ["x_tap", "x"])
@pytest.mark.parametrize("seed", range(3))
def test_pairs_are_as_solved_again(seed: int, convention: str) -> None:
    case = compile_network(make_meshed(seed))
    hours = make_hours(case, 2, seed)
    limit = case.rate.copy()
    limit[::6] = np.nan
    found = check(case, np.arange(case.n_branch)[::-1], limit, hours, convention)
    assert len(found.cut)


def test_pairs_of_case118_are_as_solved_again() -> None:
    case = load_case("pandapower:case118")
    chosen = np.random.default_rng(0).choice(case.n_branch, 25, replace=False)
    check(case, chosen, np.ones(case.n_branch), make_hours(case, 1), "x_tap")


def test_pairs_of_the_backbone_are_its_outages_of_two() -> None:
    case = load_case("korea-2025-backbone")
    plan = plan_dc(case, "x_tap")
    chosen = np.random.default_rng(2).choice(case.n_branch, 90, replace=False)
    pairs = screen_dc_pairs(case, plan, chosen, case.rate, keep=5)
    every = list(itertools.combinations(np.sort(chosen).tolist(), 2))
    cut = {tuple(pair) for pair in pairs.cut.tolist()}
    whole = [pair for pair in every if pair not in cut]
    screen = screen_dc_outages(case, plan, whole, case.rate)
    assert pairs.judged == len(whole)
    assert set(screen.outage_status) == {"CONVERGED"}
    assert pairs.branch_percent == pytest.approx(screen.branch_percent, rel=1e-9)
    assert pairs.percent == pytest.approx(np.sort(screen.outage_percent)[::-1][:5], rel=1e-9)
    assert pairs.branch_overloads.tolist() == screen.branch_overloads.tolist()


def test_pairs_that_split_are_named_not_judged() -> None:
    case = compile_network(make_double_feed(circuits=3))
    ids = case.labels.branch
    every = np.arange(case.n_branch)
    found = screen_dc_pairs(case, plan_dc(case, "x_tap"), every, case.rate)
    assert [ids[i] for i in found.alone] == ["bc"]
    assert len(found.cut) == 0
    assert found.judged == 3
    out = case.take_out(Outage((ids.index("ab3"),)))
    found = screen_dc_pairs(out, plan_dc(out, "x_tap"), every, out.rate)
    assert [[ids[i] for i in pair] for pair in found.cut] == [["ab1", "ab2"]]
    assert (found.judged, found.overloaded, len(found.percent)) == (0, 0, 0)
    assert np.isnan(found.branch_percent).all()


def test_threads_change_no_bit_and_a_bad_set_no_other() -> None:
    case = load_case("pandapower:case118")
    plan, hours = plan_dc(case, "x_tap"), make_hours(case, 3)
    load = hours.load_p.copy()
    load[1, 0] = np.nan
    every, limit = np.arange(case.n_branch), np.ones(case.n_branch)
    spoilt = Injections(load, None, hours.generator_p, hours.storage_p, None, hours.hvdc_p)
    one, three = (screen_dc_pairs(case, plan, every, limit, spoilt, threads=n) for n in (1, 3))
    for name in DcPairs.__slots__:
        assert np.asarray(getattr(one, name)).tobytes() == np.asarray(getattr(three, name)).tobytes(), name
    assert one.solved.tolist() == [True, False, True]
    assert 1 not in one.injection
    assert np.isfinite(one.percent).all()
