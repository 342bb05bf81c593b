"""One fast-decoupled iteration against pandapower's matrices, and against dense matrices built anew."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array

import gridhub as gh
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.security.screening import find_islanding
from gridhub.analysis.security.security import prepare_setting as prepare_security
from gridhub.case.case import Case, Outage
from gridhub.case.matrices import build_admittance, build_susceptance
from gridhub.solvers.ac import VOLTAGE_MARGIN, prepare_setting
from gridhub.solvers.compensated import factorize
from gridhub.solvers.decoupled import LARGEST_ROUNDS, estimate_outages, plan_decoupled
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.slack import balance_islands, sum_generation
from gridhub.solvers.solution import Solution
from tests.small_networks import make_meshed

ALONE = {"distributed_slack": False, "reactive_limits": False}


def test_compensation_equals_a_matrix_changed() -> None:
    rng = np.random.default_rng(3)
    matrix = np.diag(rng.uniform(6.0, 9.0, 8)) - rng.uniform(0.0, 0.5, (8, 8))
    free = np.array([0, 2, 3, 4, 5, 6, 7])
    factor = factorize(csc_array(matrix), free)
    right = rng.normal(size=(8, 4))
    changes = [
        None,
        (np.array([2, 5]), rng.normal(size=(2, 2))),
        (np.array([7]), np.array([[3.0]])),
        (np.array([0, 3, 4]), rng.normal(size=(3, 3))),
    ]
    found = factor.solve_changed(right, changes)
    for k, change in enumerate(changes):
        changed = matrix.copy()
        if change is not None:
            changed[np.ix_(change[0], change[0])] += change[1]
        expected = np.linalg.solve(changed[np.ix_(free, free)], right[free, k])
        np.testing.assert_allclose(found[free, k], expected, rtol=1e-10)
        assert found[1, k] == 0.0


@pytest.mark.parametrize("name", ["case14", "case30", "case118"])
def test_line_outages_equal_an_iteration_with_the_matrices_of_pandapower(name: str) -> None:
    import pandapower
    from pandapower.pypower.makeB import makeB
    from pandapower.pypower.makeYbus import makeYbus

    pp_net = getattr(pandapower.networks, name)()
    pandapower.runpp(pp_net, tolerance_mva=1e-9, trafo_model="pi")
    inner = pp_net._ppc["internal"]
    base_mva, bus, branch, voltage = inner["baseMVA"], inner["bus"], inner["branch"], inner["V"]
    scheduled = voltage * np.conj(makeYbus(base_mva, bus, branch)[0] @ voltage)
    net, _ = gh.from_pandapower(pp_net)
    options = read_options(ALONE, reactive_limits=False)
    setting = prepare_security(net, "", None, options)
    case, base = setting.case, setting.base
    lines = [key for key in net.line.index if not find_islanding(case, [Outage(branch=(_at(case, key),))])[0]]
    plan = plan_decoupled(prepare_setting(case, None, options), base)
    estimate = estimate_outages(plan, [Outage(branch=(_at(case, key),)) for key in lines])
    moves = np.concatenate([inner["pv"], inner["pq"]]).astype(int)
    free = inner["pq"].astype(int)
    rows = pp_net._pd2ppc_lookups["bus"][pp_net.bus.index.to_numpy()]
    at = np.array([case.bus_node[case.labels.bus.index(str(i))] for i in pp_net.bus.index])
    assert len(lines) > 5
    for k, key in enumerate(lines):
        out = branch.copy()
        out[pp_net._pd2ppc_lookups["branch"]["line"][0] + int(key.split(":")[1]), 10] = 0.0
        admittance = makeYbus(base_mva, bus, out)[0]
        first, second = makeB(base_mva, bus, np.real(out), 2)
        vm, va = np.abs(voltage), np.angle(voltage)
        left = (voltage * np.conj(admittance @ voltage) - scheduled) / vm
        va[moves] -= np.linalg.solve(first.toarray()[np.ix_(moves, moves)], left.real[moves])
        turned = vm * np.exp(1j * va)
        left = (turned * np.conj(admittance @ turned) - scheduled) / vm
        vm[free] -= np.linalg.solve(second.toarray()[np.ix_(free, free)], left.imag[free])
        np.testing.assert_allclose(estimate.vm[at, k], vm[rows], atol=1e-6)
        np.testing.assert_allclose(estimate.va[at, k], va[rows], atol=1e-6)


def _at(case: Case, key: str) -> int:
    return case.labels.branch.index(key)


def iterate_anew(after: Case, base: Solution, options: PowerFlowOptions) -> np.ndarray:
    """One iteration after an outage with dense matrices of the grid that is left; held voltages left out."""
    setting = prepare_setting(after, None, options)
    islands, regulation, admittance = setting.islands, setting.regulation, build_admittance(after).toarray()
    live = islands.live
    vm, va = np.where(live, base.vm, 1.0), np.where(live, base.va, 0.0)
    voltage = vm * np.exp(1j * va)
    power = voltage * np.conj(admittance @ voltage)
    required = np.bincount(islands.island, (power - setting.fixed).real, islands.count)
    imbalance, missing = balance_islands(setting.slack, islands.count, required)
    if missing.any():
        return np.full(len(vm), np.nan)
    target = setting.fixed + sum_generation(after, setting.slack.dispatch(imbalance)[0])
    free = np.flatnonzero(~setting.angle_held)
    matrix = build_susceptance(after, "x").toarray()[np.ix_(free, free)]
    va[free] += np.linalg.solve(matrix, ((target - power).real / vm)[free])
    turned = vm * np.exp(1j * va)
    second = -build_admittance(_without_shift(after)).toarray().imag
    at_limit = np.where(np.isnan(regulation.set_point), 0, base.at_limit)
    for last in range(LARGEST_ROUNDS, -1, -1):
        held = ~np.isnan(regulation.set_point) & (at_limit == 0) | setting.anchored
        bound = np.where(at_limit > 0, regulation.high, np.where(at_limit < 0, regulation.low, 0.0))
        new = np.where(held & ~np.isnan(regulation.set_point), regulation.set_point, vm)
        right = (target.imag + bound - (turned * np.conj(admittance @ turned)).imag) / vm
        pq = np.flatnonzero(~held)
        known = np.flatnonzero(held)
        right = right[pq] - second[np.ix_(pq, known)] @ (new - vm)[known]
        new[pq] = vm[pq] + np.linalg.solve(second[np.ix_(pq, pq)], right)
        then = new * np.exp(1j * va)
        produced = (then * np.conj(admittance @ then)).imag - target.imag
        change = at_limit.copy()
        change[held & (produced > regulation.high + options.tolerance)] = 1
        change[held & (produced < regulation.low - options.tolerance)] = -1
        change[(at_limit > 0) & (new > regulation.set_point + VOLTAGE_MARGIN)] = 0
        change[(at_limit < 0) & (new < regulation.set_point - VOLTAGE_MARGIN)] = 0
        if (change == at_limit).all() or not last or not options.reactive_limits:
            break
        at_limit = change
    return new


def _without_shift(case: Case) -> Case:
    from dataclasses import replace

    turn = np.exp(-1j * case.shift)
    return replace(case, y_ft=case.y_ft * turn, y_tf=case.y_tf * np.conj(turn))


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_every_kind_of_outage_equals_an_iteration_made_anew(seed: int, narrow: bool) -> None:
    net = make_meshed(seed, n_bus=14, extra=12)
    if narrow:
        units = net.generator.assign(q_min_mvar=-5.0, q_max_mvar=25.0)
        net = net.replace(generator=units)
    options = read_options({}, reactive_limits=True)
    setting = prepare_security(net, "", None, options)
    case, base = setting.case, setting.base
    cset = gh.list_contingencies(net, kinds=["line", "transformer", "generator", "shunt"])
    outages = list(find_outages(net, case, cset))
    outages += [Outage(load=(3,)), Outage(branch=(0,), load=(5,)), Outage(branch=(0, 2), generator=(1,))]
    outages = [o for o, splits in zip(outages, find_islanding(case, outages), strict=True) if not splits]
    estimate = estimate_outages(plan_decoupled(prepare_setting(case, None, options), base), outages)
    moved = 0
    for k, outage in enumerate(outages):
        expected = iterate_anew(case.take_out(outage), base, options)
        np.testing.assert_allclose(estimate.vm[:, k], expected, atol=2e-6, err_msg=str(outage))
        moved += bool(np.abs(expected - base.vm).max() > 1e-3)
    assert moved > 5


def test_nothing_lost_leaves_the_state_and_a_lost_branch_carries_nothing() -> None:
    net = make_meshed(1)
    options = read_options({}, reactive_limits=True)
    setting = prepare_security(net, "", None, options)
    plan = plan_decoupled(prepare_setting(setting.case, None, options), setting.base)
    estimate = estimate_outages(plan, [Outage(), Outage(branch=(2,))])
    np.testing.assert_allclose(estimate.vm[:, 0], setting.base.vm, atol=1e-8)
    np.testing.assert_allclose(estimate.s_from[:, 0], setting.base.s_from, atol=1e-6)
    assert estimate.step[0] < 1e-8
    assert estimate.s_from[2, 1] == estimate.s_to[2, 1] == 0.0


def test_no_estimate_where_units_cannot_take_up_what_is_lost_or_nobody_holds_a_voltage() -> None:
    net = make_meshed(2)
    options = read_options({}, reactive_limits=True)
    tight = net.generator.assign(p_max_mw=net.generator["p_mw"] + 10.0)
    setting = prepare_security(net.replace(generator=tight), "", None, options)
    plan = plan_decoupled(prepare_setting(setting.case, None, options), setting.base)
    every = Outage(generator=tuple(range(len(tight))))
    estimate = estimate_outages(plan, [Outage(generator=(0,)), every, Outage(load=(0,))])
    assert np.isnan(estimate.vm[:, :2]).all()
    assert np.isfinite(estimate.vm[:, 2]).all()
