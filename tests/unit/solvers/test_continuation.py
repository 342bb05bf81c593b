"""Continuation: closed forms of two buses, and every point a power flow of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.case import Case
from gridhub.case.matrices import sum_at_nodes
from gridhub.model.network import Network
from gridhub.solvers.ac import Setting, prepare_setting, solve_ac, solve_setting
from gridhub.solvers.continuation import Curve, trace_curve
from gridhub.solvers.options import read_options
from tests.small_cases import compile_network, load_case
from tests.small_networks import make_table, make_two_buses


def prepare(case: Case, **options: object) -> Setting:
    return prepare_setting(case, None, read_options(options))


def trace(setting: Setting, direction: np.ndarray, **given: float) -> Curve:
    curve = trace_curve(setting, solve_setting(setting), direction, **given)
    assert curve is not None
    return curve


def make_reactance(q_max_mvar: float = np.inf) -> Network:
    """A source at 1 p.u., 10 ohm at 100 kV, a regulated bus b if q_max is finite."""
    units = make_table(
        id=["source", "local"], bus=["a", "b"], vm_pu=1.0, q_max_mvar=[np.nan, q_max_mvar], p_min_mw=0.0
    )
    return make_two_buses(
        0.0,
        bus=make_table(id=["a", "b"], vn_kv=100.0, reference=[True, False]),
        line=make_table(id=["ab"], from_bus="a", to_bus="b", r_ohm=0.0, x_ohm=10.0),
        generator=units if np.isfinite(q_max_mvar) else units.iloc[:1],
    )


@pytest.mark.parametrize("tangent_phi", [0.0, 0.3, 1.0])
def test_nose_of_a_reactance_is_the_closed_form(tangent_phi: float) -> None:
    # P = V² cos φ / (2 X (1 + sin φ)), at V_b = V / sqrt(2 (1 + sin φ)); here V² / X = 10 p.u.
    case = compile_network(make_reactance())
    curve = trace(prepare(case), np.array([0.0, -1.0 - 1j * tangent_phi]))
    phi = np.arctan(tangent_phi)
    assert curve.nose_kind == "saddle node"
    assert curve.parameter[curve.nose] == pytest.approx(5.0 * np.cos(phi) / (1 + np.sin(phi)), rel=1e-7)
    assert curve.vm[curve.nose, 1] == pytest.approx(1 / np.sqrt(2 * (1 + np.sin(phi))), rel=1e-3)
    assert curve.weakest == 1


def test_lower_branch_is_the_other_root_of_the_closed_form() -> None:
    case = compile_network(make_reactance())
    curve = trace(prepare(case), np.array([0.0, -1.0 + 0j]), beyond=0.5)
    p = curve.parameter
    root = np.sqrt(np.maximum(0.25 - (p / 10.0) ** 2, 0.0))
    behind = np.arange(len(p)) > curve.nose
    expected = np.sqrt(0.5 + np.where(behind, -root, root))
    assert curve.vm[:, 1] == pytest.approx(expected, abs=1e-4)
    assert p[-1] < 0.5 * p[curve.nose]


def test_unit_that_meets_its_limit_and_the_nose_behind_it() -> None:
    # with V_b = 1 the line gives P = 10 sin δ and takes Q = 10 (1 - cos δ) at b: the unit meets 1 p.u. at
    # cos δ = 0.9
    case = compile_network(make_reactance(q_max_mvar=100.0))
    curve = trace(prepare(case, reactive_limits=True), np.array([0.0, -1.0 + 0j]))
    first = curve.events[0]
    assert (first.node, first.side, first.reached) == (1, 1, True)
    assert curve.parameter[first.point] == pytest.approx(10 * np.sqrt(1 - 0.81), rel=1e-6)
    # behind it P² = (10 V)² - (10 V² - 1)² at b: largest where its derivative by V² is 0, V² = 0.6
    assert curve.parameter[curve.nose] == pytest.approx(np.sqrt(60 - 25), rel=1e-6)
    assert curve.nose_kind == "saddle node"


def test_limit_that_is_met_past_its_own_nose_is_the_nose() -> None:
    # with 6 p.u. the limit lies at cos δ = 0.4, where V² = 1 is below that of the nose, (100 + 120) / 200 =
    # 1.1
    case = compile_network(make_reactance(q_max_mvar=600.0))
    curve = trace(prepare(case, reactive_limits=True), np.array([0.0, -1.0 + 0j]))
    assert curve.nose_kind == "reactive limit"
    assert curve.parameter[curve.nose] == pytest.approx(10 * np.sqrt(1 - 0.16), rel=1e-6)
    assert curve.events[0].point == curve.nose


def test_generation_ends_the_curve_where_no_unit_can_give_more() -> None:
    net = make_two_buses(500.0)
    curve = trace(prepare(compile_network(net)), np.array([0.0, -1.0 + 0j]))
    assert curve.nose_kind == "generation"
    assert curve.end == "no generation left"
    # what is left of 2,000 MW is lost in 1 ohm at 345 kV
    load = 500.0 + 100 * curve.parameter[-1]
    lost = 2000.0 - load
    v_b = 345.0 * curve.vm[-1, 1]
    assert lost == pytest.approx((load / v_b) ** 2, rel=1e-4)


@pytest.mark.parametrize("name", ["pandapower:case14", "korea-2025-backbone"])
def test_every_point_before_the_nose_is_a_power_flow_of_its_own(name: str) -> None:
    case = load_case(name)
    setting = prepare(case, reactive_limits=name.startswith("korea"))
    direction = -sum_at_nodes(case, case.load_bus, case.load_p + 1j * case.load_q)
    curve = trace(setting, direction)
    for point in np.linspace(1, 0.9 * curve.nose, 4).astype(int):
        grown = 1.0 + curve.parameter[point]
        alone = solve_ac(
            replace(case, load_p=case.load_p * grown, load_q=case.load_q * grown), setting.options
        )
        assert alone.status.is_solved
        assert alone.vm == pytest.approx(curve.vm[point], abs=2e-5, nan_ok=True)


def test_nothing_is_solved_past_the_nose() -> None:
    case = load_case("pandapower:case39")
    setting = prepare(case, distributed_slack=False)
    direction = -sum_at_nodes(case, case.load_bus, case.load_p + 1j * case.load_q)
    curve = trace(setting, direction)
    solved = []
    for share in (0.999, 1.001):
        grown = 1.0 + share * curve.parameter[curve.nose]
        at = replace(case, load_p=case.load_p * grown, load_q=case.load_q * grown)
        solved.append(solve_ac(at, setting.options).status.is_solved)
    assert solved == [True, False]
