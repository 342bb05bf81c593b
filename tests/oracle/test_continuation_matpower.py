"""Noses of PV curves against MATPOWER's continuation power flow.

The table was computed with MATPOWER 8.1 (2025-07-12) under Octave 7.3.0 on 2026-11-24: `runcpf`, target =
base with all loads doubled ("loads"), or loads and scheduled units ("both"); cpf.stop_at NOSE,
cpf.adapt_step 1, cpf.adapt_step_tol 1e-5, cpf.step_max 0.05, cpf.nose_tol 1e-7, cpf.q_lims_tol 1e-6, pf.tol
1e-10, exp.use_legacy_core 1. "limits": cpf.enforce_q_lims and pf.enforce_q_lims 1, with Qmin -9999 at every
unit and Qmax 9999 at the reference, because MATPOWER never gives a unit its voltage back and moves the
reference when that one meets a limit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gridhub.case.matrices import sum_at_nodes
from gridhub.solvers.ac import prepare_setting, solve_setting
from gridhub.solvers.continuation import Curve, trace_curve
from gridhub.solvers.options import read_options
from tests.small_cases import load_case

# case, direction, reactive limits, largest lambda
NOSES = [
    ("case9", "loads", False, 1.37392634),
    ("case9", "both", False, 1.64123952),
    ("case14", "loads", False, 3.00450201),
    ("case14", "both", False, 3.06025274),
    ("case30", "loads", False, 2.65795357),
    ("case30", "both", False, 4.47884221),
    ("case39", "loads", False, 0.26092968),
    ("case39", "both", False, 1.13569844),
    ("case14", "loads", True, 0.76033119),
    ("case14", "both", True, 0.77799505),
    ("case30", "loads", True, 1.35969139),
    ("case30", "both", True, 1.85385154),
]

# case, direction, lambda of every limit MATPOWER meets (bus number), largest lambda
LIMITS = [
    ("case14", "loads", {2: 0.06478, 3: 0.1621, 6: 0.1885, 8: 0.2166}),
    (
        "case39",
        "loads",
        {34: 0.002055, 32: 0.1006, 39: 0.1648, 35: 0.168, 33: 0.1821, 36: 0.1936, 30: 0.1944},
    ),
    (
        "case39",
        "both",
        {34: 0.001286, 32: 0.1733, 35: 0.1786, 33: 0.2342, 36: 0.2636, 39: 0.2888, 30: 0.2992},
    ),
]


CASE9_SET_POINTS = {0: 1.04, 1: 1.025, 2: 1.025}


def trace(name: str, direction: str, limits: bool) -> tuple[Curve, dict[int, str]]:
    """The curve, and the MATPOWER number of each node."""
    case = load_case(f"pandapower:{name}")
    if name == "case9":
        # as in MATPOWER 8; pandapower's copy is older and has 1.0
        case = replace(
            case, generator_vm=np.array([CASE9_SET_POINTS[int(bus)] for bus in case.generator_bus])
        )
    if limits:
        at_reference = case.reference[case.bus_node[case.generator_bus]]
        case = replace(
            case,
            generator_q_min=np.full(len(case.generator_bus), -99.99),
            generator_q_max=np.where(at_reference, 99.99, case.generator_q_max),
        )
    options = read_options({"distributed_slack": False, "reactive_limits": limits})
    setting = prepare_setting(case, None, options)
    growth = -sum_at_nodes(case, case.load_bus, case.load_p + 1j * case.load_q)
    if direction == "both":
        growth = growth + sum_at_nodes(case, case.generator_bus, case.generator_p)
    curve = trace_curve(setting, solve_setting(setting), growth)
    assert curve is not None
    return curve, {
        node: int(case.labels.bus[np.argmax(case.bus_node == node)]) + 1 for node in range(case.n_node)
    }


@pytest.mark.parametrize(("name", "direction", "limits", "expected"), NOSES)
def test_nose_is_that_of_matpower(name: str, direction: str, limits: bool, expected: float) -> None:
    curve, _ = trace(name, direction, limits)
    assert curve.nose_kind == "saddle node"
    assert curve.end == "beyond the nose"
    assert curve.parameter[curve.nose] == pytest.approx(expected, rel=1e-6)
    assert curve.parameter[-1] < 0.9 * curve.parameter[curve.nose]


@pytest.mark.parametrize(("name", "direction", "expected"), LIMITS)
def test_units_meet_their_limits_where_matpower_says(
    name: str, direction: str, expected: dict[int, float]
) -> None:
    curve, number = trace(name, direction, True)
    found = {
        number[event.node]: curve.parameter[event.point]
        for event in curve.events
        if event.point <= curve.nose
    }
    assert list(found) == list(expected)
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=5e-4)


@pytest.mark.parametrize(("direction", "matpower"), [("loads", 0.19534168), ("both", 0.30099031)])
def test_a_unit_at_its_upper_limit_does_not_lie_above_its_set_point(direction: str, matpower: float) -> None:
    # MATPOWER goes on behind the limit of the unit at bus 30 (voltage 1.066 and 1.062 at its nose,
    # set-point 1.0499); a unit at its upper limit gives what it can only while its voltage is at or below
    # the set-point
    curve, number = trace("case39", direction, True)
    assert curve.nose_kind == "reactive limit"
    assert number[next(event.node for event in curve.events if event.point == curve.nose)] == 30
    assert curve.parameter[curve.nose] == pytest.approx(matpower, rel=0.01)
    assert curve.parameter[curve.nose] < matpower
