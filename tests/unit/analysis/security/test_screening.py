"""The DC screen against solving again and against counting components."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import gridhub as gh
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.security.screening import find_islanding, flag_all, screen_outages
from gridhub.case.case import Case, Outage
from gridhub.case.compile import compile_case
from gridhub.solvers.dc import solve_dc
from gridhub.solvers.options import read_options
from tests.small_networks import make_meshed


def count_parts(case: Case, lost: tuple[int, ...]) -> int:
    left = case.branch_on | case.branch_joins
    left[list(lost)] = False
    ends, n = (case.branch_from_bus[left], case.branch_to_bus[left]), len(case.bus_node)
    return int(connected_components(coo_array((np.ones(left.sum()), ends), shape=(n, n)), directed=False)[0])


def draw_outages(case: Case, seed: int) -> list[Outage]:
    """Every branch, and sets of two to four; some name a branch twice."""
    rng = np.random.default_rng(seed)
    sets = [(i,) for i in range(case.n_branch)]
    sets += [tuple(rng.integers(0, case.n_branch, rng.integers(2, 5)).tolist()) for _ in range(40)]
    return [Outage(branch=chosen) for chosen in sets]


@pytest.mark.parametrize("seed", range(4))
def test_islanding_equals_counting_parts(seed: int) -> None:
    net = make_meshed(seed, n_bus=16, extra=4)
    line = net.line
    line.loc["line 0", ["r_ohm", "x_ohm"]] = 0.0
    line.loc["line 1", "in_service"] = False
    case = compile_case(net.replace(line=line))
    outages = draw_outages(case, seed)
    expected = [count_parts(case, outage.branch) > count_parts(case, ()) for outage in outages]
    assert 0 < sum(expected) < len(expected)
    assert find_islanding(case, outages).tolist() == expected
    screen = flag_all(case, outages)
    assert screen.islanding.tolist() == expected
    assert screen.flagged.all()
    assert np.isnan(screen.worst_percent).all()


@pytest.mark.parametrize("seed", range(3))
def test_estimate_is_the_ac_flow_and_the_change_of_a_dc_flow_solved_again(seed: int) -> None:
    net = make_meshed(seed)
    options = read_options(None, reactive_limits=False)
    base = run_power_flow(net).solution
    case = base.case
    cset = gh.list_contingencies(net, kinds=["line", "transformer", "generator"])
    rng = np.random.default_rng(seed)
    pairs = [tuple(rng.choice(net.branches().index, 2, replace=False)) for _ in range(10)]
    mixed = [(cset.index[0], net.generator.index[0]), ("load 1",)]
    more = pd.DataFrame({"kind": "", "elements": pairs + mixed}, index=[f"set {i}" for i in range(12)])
    outages = find_outages(net, case, pd.concat([cset, more]))
    screen = screen_outages(base, outages, case.rate, options)
    before = solve_dc(case, options.dc_convention, True).p_from
    for k, outage in enumerate(outages):
        if screen.islanding[k]:
            assert np.isnan(screen.worst_percent[k])
            continue
        change = solve_dc(case.take_out(outage), options.dc_convention, True).p_from - before
        # the lost branch itself carries its AC flow, not its DC flow, to the others: scale what moves
        moved = 0.5 * (base.s_from.real - base.s_to.real)
        if outage.branch and not outage.generator:
            change = change_by_ac_flow(case, outage, moved)
        ends = [np.hypot(s.real + sign * change, s.imag) for s, sign in ((base.s_from, 1), (base.s_to, -1))]
        loading = 100.0 * np.maximum(*ends) / case.rate
        loading[list(outage.branch)] = 0.0
        if not (outage.branch and outage.generator):
            assert screen.worst_percent[k] == pytest.approx(loading.max(), abs=1e-6)
            assert screen.worst_branch[k] == loading.argmax()
        assert screen.flagged[k] == bool(outage.generator or outage.load or screen.worst_percent[k] > 90.0)


def change_by_ac_flow(case: Case, outage: Outage, flow: np.ndarray) -> np.ndarray:
    """Flows of the grid without the branches when what they carried is injected at their ends."""
    lost = list(outage.branch)
    without = case.take_out(outage)
    b = np.where(without.branch_on, 1.0 / (without.x * without.tap), 0.0)
    incidence = np.zeros((case.n_branch, case.n_node))
    incidence[np.arange(case.n_branch), case.branch_from] += 1.0
    incidence[np.arange(case.n_branch), case.branch_to] -= 1.0
    matrix = incidence.T @ (b[:, None] * incidence)
    injected = incidence[lost].T @ flow[lost]
    change = b * (incidence @ np.linalg.lstsq(matrix, injected, rcond=None)[0])
    change[lost] = -flow[lost]
    return np.asarray(change)


def test_a_rating_of_zero_is_passed_by_any_flow() -> None:
    net = make_meshed(3)
    line = net.line
    line.loc["line 2", "rate_mva"] = 0.0
    every = gh.run_security(net.replace(line=line), criteria=None, screen="dc", verify="all")
    judged = every.status[every.status["status"] == "CONVERGED"]
    assert len(judged) > 5
    others = judged.index != "line 2"
    assert (judged.loc[others, "worst_element"] == "line 2").all()
    assert np.isinf(judged.loc[others, "worst_loading_percent"]).all()
    thermal = every.violations[every.violations["element"] == "line 2"]
    solved = every.status.index[every.status["status"].isin(["CONVERGED", "ISLANDED"])]
    assert set(thermal["contingency"]) == {"", *solved} - {"line 2"}
    assert every.screen.loc[judged.index[others], "estimated_element"].eq("line 2").all()
