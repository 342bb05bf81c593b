"""Controlled taps on networks small enough to reason about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.flow.time_series import run_time_series
from gridhub.case.compile import compile_case
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network, build_network
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import read_options
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status
from gridhub.solvers.taps import LARGEST_REVERSALS, settle_taps, solve_state
from tests.small_networks import make_meshed, make_table

OPTIONS = read_options({"taps": "controlled", "threads": 1}, controls_taps=True)


def make_feeder(q_mvar: float = 60.0, **changes: Any) -> Network:
    """A source, a line, and a transformer that feeds a load and holds its voltage."""
    row: dict[str, Any] = {
        "from_bus": "b",
        "to_bus": "c",
        "x_pu": 0.05,
        "tap_min": 0.85,
        "tap_max": 1.15,
        "tap_step": 0.0125,
        "tap_bus": "c",
        "tap_vm_pu": 1.0,
        "tap_deadband_pu": 0.02,
    }
    tables: dict[str, Any] = {
        "bus": make_table(id=["a", "b", "c"], vn_kv=[345.0, 345.0, 154.0], reference=[True, False, False]),
        "line": make_table(id=["ab"], from_bus="a", to_bus="b", r_ohm=3.0, x_ohm=40.0),
        "load": make_table(id=["demand"], bus="c", p_mw=200.0, q_mvar=q_mvar),
        "generator": make_table(id=["unit"], bus="a", p_mw=200.0, p_max_mw=2000.0, vm_pu=1.0),
    }
    unknown = {name: value for name, value in changes.items() if name not in ("shunt", "generator", "load")}
    tables |= {name: value for name, value in changes.items() if name not in unknown}
    tables["transformer"] = pd.DataFrame(row | unknown, index=pd.Index(["tap"], name="id"))
    return build_network("feeder", **tables)


def solve(net: Network) -> Solution:
    """Solve with controlled taps."""
    return solve_state(choose_references(compile_case(net))[0], OPTIONS)


def solve_fixed(net: Network, ratio: float) -> float:
    """Voltage at the load with the tap fixed [p.u.]."""
    flow = run_power_flow(net.replace(transformer=net.transformer.assign(tap_ratio=ratio)))
    return float(flow.bus.at["c", "vm_pu"])


def test_the_first_ratio_within_the_band_is_found() -> None:
    net = make_feeder()
    flow = run_power_flow(net, options={"taps": "controlled"})
    ratios = 1.0 - 0.0125 * np.arange(12)
    voltages = np.array([solve_fixed(net, ratio) for ratio in ratios])
    first = int(np.flatnonzero(voltages >= 0.99)[0])
    row = flow.taps.loc["tap"]
    assert first > 1
    assert row["tap_ratio"] == pytest.approx(ratios[first], abs=1e-12)
    assert (row["tap_bus"], row["tap_ratio_before"], row["steps"], row["state"]) == ("c", 1.0, -first, "held")
    assert row["vm_pu"] == pytest.approx(voltages[first], abs=1e-9)
    assert flow.bus.at["c", "vm_pu"] == row["vm_pu"]
    assert flow.summary["taps_moved"] == 1
    assert flow.summary["taps_at_limit"] == flow.summary["taps_hunting"] == ()


def test_fixed_is_the_default_and_moves_nothing() -> None:
    net = make_feeder()
    plain, fixed = run_power_flow(net), run_power_flow(net, options={"taps": "fixed"})
    assert plain.bus.equals(fixed.bus)
    assert plain.taps.empty
    assert plain.solution.taps is None
    assert "taps_moved" not in plain.summary
    bare = net.replace(transformer=net.transformer.assign(tap_bus=""))
    assert plain.bus.equals(run_power_flow(bare).bus)


def test_a_voltage_too_high_raises_the_ratio() -> None:
    row = run_power_flow(make_feeder(q_mvar=-150.0), options={"taps": "controlled"}).taps.loc["tap"]
    assert row["steps"] > 0
    assert 0.99 <= row["vm_pu"] <= 1.01


def test_a_tap_changer_stops_at_the_end_of_its_range_and_is_named() -> None:
    flow = run_power_flow(make_feeder(tap_min=0.97), options={"taps": "controlled"})
    row = flow.taps.loc["tap"]
    # 0.9625 would be beyond: the last whole step within the range is 0.975
    assert (row["tap_ratio"], row["state"]) == (pytest.approx(0.975), "limit")
    assert flow.summary["taps_at_limit"] == ("tap",)


def test_a_band_narrower_than_a_step_hunts_is_frozen_and_named() -> None:
    net = make_feeder(tap_deadband_pu=1e-4)
    flow = run_power_flow(net, options={"taps": "controlled"})
    assert flow.taps.at["tap", "state"] == "hunting"
    assert flow.summary["taps_hunting"] == ("tap",)
    here, step = flow.taps.at["tap", "tap_ratio"], 0.0125
    sides = [solve_fixed(net, ratio) - 1.0 for ratio in (here - step, here, here + step)]
    # the target lies between the ratio it froze at and the next one
    assert sides[0] * sides[1] < 0 or sides[1] * sides[2] < 0
    assert LARGEST_REVERSALS > 0


def test_a_tap_changer_is_idle_where_units_hold_the_voltage() -> None:
    unit = make_table(id=["unit", "near"], bus=["a", "c"], p_mw=100.0, p_max_mw=900.0, vm_pu=[1.0, 1.05])
    row = run_power_flow(make_feeder(generator=unit), options={"taps": "controlled"}).taps.loc["tap"]
    assert (row["state"], row["steps"]) == ("idle", 0)
    assert row["vm_pu"] == pytest.approx(1.05)
    # at its reactive limit the unit holds nothing any more, and the tap changer takes over
    weak = unit.assign(q_min_mvar=[-900.0, -5.0], q_max_mvar=[900.0, 5.0])
    options = {"taps": "controlled", "reactive_limits": True}
    row = run_power_flow(make_feeder(generator=weak), options=options).taps.loc["tap"]
    assert (row["state"], abs(row["vm_pu"] - 1.0) <= 0.01) == ("held", True)


def test_the_from_end_rises_with_the_ratio() -> None:
    unit = make_table(id=["unit"], bus="c", p_mw=200.0, p_max_mw=900.0, vm_pu=1.0)
    load = make_table(id=["demand"], bus="b", p_mw=200.0, q_mvar=80.0)
    net = make_feeder(generator=unit, load=load, tap_bus="b")
    bus = net.bus.assign(reference=[False, False, True])
    row = run_power_flow(net.replace(bus=bus), options={"taps": "controlled"}).taps.loc["tap"]
    assert row["steps"] > 0
    assert (row["state"], 0.99 <= row["vm_pu"] <= 1.01) == ("held", True)


def test_a_collapse_after_moves_is_a_status_and_says_so() -> None:
    # a load that grows with the square of the voltage held draws the line beyond its limit
    net = make_feeder(
        load=make_table(id=["demand"], bus="b", p_mw=1000.0, q_mvar=0.0),
        shunt=make_table(id=["heater"], bus="c", g_mw=300.0, b_mvar=0.0),
        tap_min=0.4,
        tap_vm_pu=1.3,
    )
    assert run_power_flow(net).status is Status.CONVERGED
    solution = solve(net)
    assert solution.status is Status.NOT_CONVERGED
    assert solution.taps is not None
    assert (solution.taps.state.tolist(), solution.taps.steps[0] < 0) == (["unsettled"], True)
    assert "1 taps moved" in solution.reason
    with pytest.raises(NotConverged, match="taps moved"):
        run_power_flow(net, options={"taps": "controlled"})


def test_ratios_set_in_a_case_are_those_compiled() -> None:
    net = make_meshed(3)
    transformer = net.transformer
    case = compile_case(net)
    branch = np.array([case.labels.branch.index(name) for name in transformer.index])
    ratios = 0.9 + 0.02 * np.arange(len(branch))
    there = compile_case(net.replace(transformer=transformer.assign(tap_ratio=ratios)))
    here = case.set_taps(branch, ratios)
    for name in ("tap", "y_ff", "y_ft", "y_tf", "y_tt"):
        assert getattr(here, name) == pytest.approx(getattr(there, name), rel=1e-13)
    assert case.set_taps(branch, case.tap[branch]) is case


def test_settled_taps_need_no_move() -> None:
    case = choose_references(compile_case(make_feeder()))[0]
    before = solve_state(case, OPTIONS)
    again = solve_state(settle_taps(case, before), OPTIONS)
    assert before.taps is not None
    assert again.taps is not None
    assert before.taps.steps[0] != 0
    assert again.taps.steps.tolist() == [0]
    assert again.vm == pytest.approx(before.vm, abs=1e-9)


def test_dc_keeps_the_ratios_given() -> None:
    net = make_feeder()
    plain = run_power_flow(net, method="dc")
    asked = run_power_flow(net, method="dc", options={"taps": "controlled"})
    assert asked.branch.equals(plain.branch)
    assert asked.taps.empty


def test_the_option_is_refused_where_it_would_do_nothing() -> None:
    with pytest.raises(OptionError, match="fixed, controlled"):
        run_power_flow(make_feeder(), options={"taps": "free"})
    with pytest.raises(OptionError, match="keeps taps fixed"):
        run_time_series(make_feeder(), options={"taps": "controlled"})
