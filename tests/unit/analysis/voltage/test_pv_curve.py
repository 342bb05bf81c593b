"""PV curves and reactive margins of networks: closed forms, directions, supply, bad input."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.voltage.pv_curve import find_reactive_margin, trace_pv_curve
from gridhub.errors import InputError, NotConverged, OptionError
from gridhub.model.network import Network, build_network
from tests.small_networks import make_table, make_two_buses


def make_reactance(p_mw: float = 0.0) -> Network:
    """1 p.u. behind 10 ohm at 100 kV: V²/X = 1,000 MW."""
    return make_two_buses(
        p_mw,
        bus=make_table(id=["a", "b"], vn_kv=100.0, reference=[True, False], province=["source", "sink"]),
        line=make_table(id=["ab"], from_bus="a", to_bus="b", r_ohm=0.0, x_ohm=10.0),
        generator=make_table(id=["unit"], bus="a", vm_pu=1.0),
    )


def test_hub_without_load_grows_at_the_power_factor_asked_for() -> None:
    curve = trace_pv_curve(make_reactance(), "b", power_factor=0.9)
    phi = math.acos(0.9)
    assert curve.margin_mw == pytest.approx(500 * math.cos(phi) / (1 + math.sin(phi)), rel=1e-7)
    assert (curve.limit, curve.weakest_bus, curve.end) == ("saddle node", "b", "beyond the nose")
    nose = curve.points[curve.points["stable"]].index[-1]
    assert curve.points["added_mw"][nose] == pytest.approx(curve.margin_mw)
    ratio = curve.points["added_mvar"][1:] / curve.points["added_mw"][1:]
    assert ratio.to_numpy() == pytest.approx(math.tan(phi))
    assert curve.points["lowest_bus"].iloc[-1] == "b"
    assert curve.vm_pu["b"].iloc[0] == 1.0


def test_area_grows_in_proportion_to_its_load() -> None:
    curve = trace_pv_curve(make_reactance(200.0), "sink")
    # 500 MW at most, 200 of them there already: lambda 1 doubles them
    assert curve.margin_mw == pytest.approx(300.0, rel=1e-7)
    assert curve.points["factor"].max() == pytest.approx(1.5, rel=1e-7)


def test_direction_by_bus_may_inject() -> None:
    net = make_reactance(200.0)
    direction = pd.DataFrame({"p_mw": [-10.0, 20.0], "q_mvar": 0.0}, index=["a", "b"])
    curve = trace_pv_curve(net, direction)
    assert curve.points["factor"].max() == pytest.approx(15.0, rel=1e-7)
    # 20 MW drawn per unit; the 10 MW injected do not count
    assert curve.margin_mw == pytest.approx(300.0, rel=1e-7)


def test_reactive_margin_of_a_reactance_is_the_closed_form() -> None:
    # Q = (V_b - V_b²) / X, lowest at V_b = 1/2: 1 / (4 X) = 250 Mvar
    result = find_reactive_margin(make_reactance(), "b")
    row = result.table.loc["b"]
    assert row["margin_mvar"] == pytest.approx(250.0, rel=1e-7)
    assert row["nose_vm_pu"] == pytest.approx(0.5, rel=1e-2)
    curve = result.curves["b"]
    assert curve["condenser_mvar"].to_numpy() == pytest.approx(
        1000 * (curve["vm_pu"] ** 2 - curve["vm_pu"]).to_numpy(), abs=1e-3
    )


def make_two_sources() -> Network:
    """A load between two sources of which one is far."""
    return build_network(
        "two sources",
        bus=make_table(id=["far", "near", "load"], vn_kv=100.0, reference=[True, False, False]),
        line=make_table(
            id=["f", "n"], from_bus=["far", "near"], to_bus=["load", "load"], r_ohm=0.0, x_ohm=[20.0, 10.0]
        ),
        load=make_table(id=["demand"], bus="load", p_mw=[100.0]),
        generator=make_table(
            id=["f", "n"], bus=["far", "near"], p_mw=50.0, p_max_mw=[2000.0, 250.0], vm_pu=1.0
        ),
    )


def test_supply_restricts_who_feeds_the_growth() -> None:
    net = make_two_sources()
    margins = [trace_pv_curve(net, "load", supply=supply) for supply in ("near", "far")]
    # the near unit has 200 MW left; no line loses anything
    assert (margins[0].limit, margins[0].margin_mw) == ("generation", pytest.approx(200.0, abs=1e-3))
    assert margins[1].limit == "saddle node"
    free = trace_pv_curve(net, "load", supply="near", generation_limits=False)
    assert free.limit == "saddle node"
    assert free.margin_mw > margins[1].margin_mw


def test_limits_are_listed_in_the_order_they_are_met() -> None:
    net = gh.load_network("korea-2025-backbone")
    curve = trace_pv_curve(net, "southwest-154", power_factor=0.95)
    assert curve.limit == "saddle node"
    assert curve.weakest_bus == "southwest-154"
    before = curve.limits[curve.limits["point"] <= np.flatnonzero(curve.points["stable"])[-1]]
    assert before["added_mw"].is_monotonic_increasing
    assert set(curve.limits["limit"]) <= {"q_max", "q_min"}
    held = gh.run_power_flow(net).generator["limit"].isin(["q_max", "q_min"])
    buses = net.generator["bus"][held].nunique()
    assert curve.points["units_at_limit"].iloc[0] == buses


def test_bad_input_is_named() -> None:
    net = make_reactance()
    with pytest.raises(KeyError, match="nowhere"):
        trace_pv_curve(net, "nowhere")
    direction = pd.DataFrame({"p_mw": [1.0, np.nan, 1.0]}, index=["a", "b", "x"])
    with pytest.raises(InputError) as caught:
        trace_pv_curve(net, direction)
    assert {issue.code for issue in caught.value.issues} == {"E-REF", "E-NAN", "E-KEY"}
    with pytest.raises(InputError, match="no such bus"):
        find_reactive_margin(net, ["b", "x", "y"])
    with pytest.raises(OptionError, match="power_factor"):
        trace_pv_curve(net, "b", power_factor=1.5)
    with pytest.raises(OptionError, match="cannot supply"):
        trace_pv_curve(net, "b", supply="b")
    with pytest.raises(OptionError, match="nothing grows"):
        trace_pv_curve(net, pd.DataFrame({"p_mw": [0.0], "q_mvar": [0.0]}, index=["b"]))
    with pytest.raises(NotConverged):
        trace_pv_curve(make_reactance(600.0), "b")
