"""Fluctuation of a load: two buses by hand, frozen units against power flows, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network, build_network
from tests.small_networks import make_table

BASE_OHM = 345.0**2 / 100.0
X_PU = 0.1


def make_line(second: bool = False) -> Network:
    """A strong bus and a hall behind 0.1 p.u.; on request a unit that holds the voltage there."""
    unit = make_table(id=["grid"], bus=["a"], p_mw=100.0, vm_pu=1.0)
    own = make_table(
        id=["own"], bus=["b"], p_mw=0.0, vm_pu=1.0, q_min_mvar=-300.0, q_max_mvar=300.0, participation=0.0
    )
    return build_network(
        "line",
        bus=make_table(id=["a", "b"], vn_kv=345.0, reference=[True, False]),
        line=make_table(
            id=["ab"], from_bus="a", to_bus="b", r_ohm=0.0, x_ohm=X_PU * BASE_OHM, rate_mva=900.0
        ),
        load=make_table(id=["hall"], bus=["b"], p_mw=100.0, q_mvar=30.0, kind="data_center"),
        generator=pd.concat([unit, own]) if second else unit,
    )


def find_voltage(p: float, q: float) -> float:
    """Voltage at the end of a reactance that draws p + jq, from 1 p.u. [p.u.]."""
    half = 0.5 - q * X_PU
    return math.sqrt(half + math.sqrt(half**2 - X_PU**2 * (p**2 + q**2)))


def test_change_is_that_of_two_buses_by_hand() -> None:
    found = gh.assess_fluctuation(make_line(), "hall", percent=60.0, seconds=0.5)
    before, after = find_voltage(1.0, 0.3), find_voltage(0.4, 0.12)
    assert found.table.at["b", "before_vm_pu"] == pytest.approx(before, abs=1e-8)
    assert found.change_percent == pytest.approx(100.0 * (after - before), abs=1e-5)
    assert (found.change_mw, found.ramp_mw_per_s, found.answer) == (60.0, 120.0, "frozen")
    assert found.table.index[0] == "b"
    # a reference holds its voltage whatever happens
    assert found.table.at["a", "change_percent"] == pytest.approx(0.0, abs=1e-9)


def test_units_that_answer_hold_the_voltage_and_frozen_ones_do_not() -> None:
    net = make_line(second=True)
    fast = gh.assess_fluctuation(net, "hall", percent=60.0, seconds=0.5)
    slow = gh.assess_fluctuation(net, "hall", percent=60.0, seconds=5.0)
    assert slow.answer == "held"
    assert slow.change_percent == pytest.approx(0.0, abs=1e-6)
    # frozen: the reactive power of the unit is taken off what the hall draws
    q_own = gh.run_power_flow(net).generator.at["own", "q_mvar"]
    after = find_voltage(0.4, 0.12 - q_own / 100.0)
    assert fast.change_percent == pytest.approx(100.0 * (after - 1.0), abs=1e-5)
    assert fast.change_percent > 0.5


def test_limit_decides_and_without_one_nothing_is_judged() -> None:
    net = make_line()
    size = abs(gh.assess_fluctuation(net, "hall", percent=60.0, seconds=0.5).change_percent)
    verdicts = [
        gh.assess_fluctuation(net, "hall", 60.0, 0.5, limit_percent=limit).passed
        for limit in (1.01 * size, 0.99 * size, None)
    ]
    assert verdicts == [True, False, None]


def test_a_hub_on_the_backbone_moves_its_own_bus_most() -> None:
    hub = gh.Hub(gh.DataCenter("Solaseado", contract_mw=1000.0, lat=34.68, lon=126.43))
    net = gh.place(gh.load_network("korea-2025-backbone"), hub)
    found = gh.assess_fluctuation(net, "hub:Solaseado", percent=50.0, seconds=0.5)
    assert (found.change_mw, found.bus) == (500.0, "hub:Solaseado")
    assert found.table.index[0] == found.bus
    # units that answer leave less of the change than frozen ones
    held = found.table["held_vm_pu"] - found.table["before_vm_pu"]
    assert 0.0 < 100.0 * held[found.bus] < found.change_percent
    assert np.isfinite(found.table["frozen_vm_pu"]).all()


def test_bad_input_is_named() -> None:
    net = make_line()
    with pytest.raises(OptionError, match=r"percent = 120.*seconds = 0"):
        gh.assess_fluctuation(net, "hall", percent=120.0, seconds=0.0)
    with pytest.raises(InputError, match="nowhere"):
        gh.assess_fluctuation(net, "nowhere", percent=10.0, seconds=1.0)
    off = net.load
    off["in_service"] = False
    with pytest.raises(InputError, match="out of service"):
        gh.assess_fluctuation(net.replace(load=off), "hall", percent=10.0, seconds=1.0)
