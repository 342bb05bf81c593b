"""Losses, congestion and curtailment at a point of connection: by hand, and by single power flows."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.siting.grid import find_losses, find_market_effects
from gridhub.errors import NotConverged
from gridhub.model.network import Network, build_network


def build_two(sun_mw: float = 0.0) -> Network:
    """Cheap generation and sun at a, dear generation and load at b, 600 MW between them."""
    generator = pd.DataFrame(
        {
            "bus": ["a", "b", "a"],
            "p_mw": [500.0, 0.0, sun_mw],
            "p_min_mw": 0.0,
            "p_max_mw": [1000.0, 1000.0, sun_mw],
            "cost_c1_per_mwh": [20.0, 80.0, 0.0],
            "fuel": ["coal", "lng", "solar"],
            "q_min_mvar": [-900.0, -900.0, 0.0],
            "q_max_mvar": [900.0, 900.0, 0.0],
        },
        index=["cheap", "dear", "sun"],
    )
    return build_network(
        "two",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame(
            {"from_bus": ["a"], "to_bus": ["b"], "r_ohm": 3.0, "x_ohm": 30.0, "rate_mva": 600.0}, index=["ab"]
        ),
        load=pd.DataFrame({"bus": ["b"], "p_mw": [700.0]}, index=["demand"]),
        generator=generator if sun_mw else generator.drop(index="sun"),
        snapshot=pd.DataFrame({"note": ["noon"]}, index=["noon"]),
        currency="KRW",
    )


def test_congestion_is_what_the_line_makes_dear() -> None:
    # at b the next MW costs 80 and would cost 20 without a grid; at a it costs 20
    found = find_market_effects(build_two(), ["a", "b"], 100.0, {})
    assert found["congestion_per_mwh"].to_dict() == pytest.approx({"a": 0.0, "b": 60.0}, abs=1e-6)
    assert found["curtailment_relieved_percent"].tolist() == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_load_beside_curtailed_sun_uses_it() -> None:
    # 650 MW of sun, 600 of them out: 50 of the 100 MW at a are curtailed without it, the rest is coal's
    found = find_market_effects(build_two(650.0), ["a", "b"], 100.0, {})
    assert found["curtailment_relieved_percent"].to_dict() == pytest.approx({"a": 50.0, "b": 0.0})
    # without a grid 700 MW take all the sun and 50 MW of coal: 100 MW more cost 20 each
    assert found.at["a", "congestion_per_mwh"] == pytest.approx((50 * 20 - 100 * 20) / 100)


def test_a_state_that_cannot_be_dispatched_says_so() -> None:
    net = build_two()
    net = net.replace(load=net.load.assign(p_mw=3000.0))
    with pytest.raises(NotConverged, match="no dispatch without the hub"):
        find_market_effects(net, ["a"], 100.0, {})


def test_losses_are_those_of_single_power_flows() -> None:
    net = gh.load_network("rts-96")
    buses = ["106", "122", "311"]
    found = find_losses(net, buses, 50.0, 0.95)
    for bus in buses:
        rises = []
        for snapshot in net.snapshots:
            without = gh.run_power_flow(net, snapshot).summary["losses_mw"]
            placed = net.replace(load=add_load(net, bus, 50.0, 50.0 * 0.3286841051788631))
            rises.append(gh.run_power_flow(placed, snapshot).summary["losses_mw"] - without)
        assert found[bus] == pytest.approx(100.0 * sum(rises) / len(rises) / 50.0, abs=1e-3)
    assert found["122"] < 0 < found["106"]  # beside hydropower; at the far end


def add_load(net: Network, bus: str, p_mw: float, q_mvar: float) -> pd.DataFrame:
    """Add a load to the table."""
    load = net.load.copy()
    load.loc["more"] = {**load.iloc[0].to_dict(), "bus": bus, "p_mw": p_mw, "q_mvar": q_mvar}
    return load
