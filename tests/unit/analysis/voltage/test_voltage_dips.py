"""Voltage dips: a divider by hand, what trips, and the voltages after it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.voltage.fault_sources import FaultAssumptions
from gridhub.analysis.voltage.voltage_dips import assess_fault, rank_faults
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network, build_network
from tests.small_networks import make_table

PLAIN = FaultAssumptions(x_step_up_pu=0.0, r_per_x=0.0)
BASE_OHM = 345.0**2 / 100.0


def make_chain() -> Network:
    """A machine with 0.02 p.u. at a, then 0.03 to b and 0.05 to c, each with a data center."""
    return build_network(
        "chain",
        bus=make_table(id=["a", "b", "c"], vn_kv=345.0, reference=[True, False, False]),
        line=make_table(
            id=["ab", "bc"],
            from_bus=["a", "b"],
            to_bus=["b", "c"],
            r_ohm=0.0,
            x_ohm=[0.03 * BASE_OHM, 0.05 * BASE_OHM],
            rate_mva=900.0,
        ),
        load=make_table(
            id=["hall b", "hall c", "town"],
            bus=["b", "c", "c"],
            p_mw=[60.0, 40.0, 10.0],
            q_mvar=[20.0, 10.0, 0.0],
            kind=["data_center", "data_center", "demand"],
        ),
        generator=make_table(
            id=["unit"], bus=["a"], p_mw=100.0, p_max_mw=900.0, q_max_mvar=400.0, q_min_mvar=-400.0, vm_pu=1.0
        ),
    )


def test_dip_is_that_of_a_divider() -> None:
    effect = assess_fault(make_chain(), "c", criteria=None, ride_through_vm_pu=0.7, assumptions=PLAIN)
    # a fault at c leaves 8/10 at a, 5/10 at b, nothing at c
    left = (effect.table["during_vm_pu"] / effect.table["before_vm_pu"]).to_numpy()
    assert left == pytest.approx([0.8, 0.5, 0.0], abs=1e-12)
    assert effect.tripped.index.to_list() == ["hall b", "hall c"]
    assert (effect.tripped_mw, effect.examined) == (100.0, 2)
    shallow = assess_fault(make_chain(), "c", criteria=None, ride_through_vm_pu=0.4, assumptions=PLAIN)
    assert shallow.tripped.index.to_list() == ["hall c"]


def test_what_is_left_after_the_fault_is_a_power_flow_without_the_loads() -> None:
    net = make_chain()
    effect = assess_fault(net, "c", criteria=None, ride_through_vm_pu=0.4, assumptions=PLAIN)
    load = net.load
    load.loc["hall c", "in_service"] = False
    alone = gh.run_power_flow(net.replace(load=load))
    assert effect.table["after_vm_pu"].to_numpy() == pytest.approx(alone.bus["vm_pu"].to_numpy(), abs=1e-8)
    assert effect.status_after == "CONVERGED"
    assert (effect.table["after_vm_pu"] >= effect.table["before_vm_pu"] - 1e-9).all()


def test_frozen_units_let_the_voltage_rise_further() -> None:
    net = make_chain()
    bus = net.bus
    bus["reference"] = [False, False, True]
    generator = pd.concat([net.generator, net.generator.set_axis(["second"]).assign(bus="c", p_mw=0.0)])
    effect = assess_fault(
        net.replace(bus=bus, generator=generator),
        "a",
        criteria=None,
        ride_through_vm_pu=0.9,
        assumptions=PLAIN,
    )
    assert effect.tripped_mw == 100.0
    assert effect.status_frozen == "CONVERGED"
    table = effect.table
    assert table["frozen_vm_pu"]["a"] > table["after_vm_pu"]["a"] + 1e-4
    # the reference alone still holds its voltage
    assert table["frozen_vm_pu"]["c"] == pytest.approx(table["before_vm_pu"]["c"], abs=1e-8)


def test_ranking_agrees_with_each_fault_alone() -> None:
    net = make_chain()
    ranked = rank_faults(net, criteria=None, ride_through_vm_pu=0.55, assumptions=PLAIN)
    assert list(ranked["tripped_mw"]) == sorted(ranked["tripped_mw"], reverse=True)
    for bus in net.bus.index:
        effect = assess_fault(net, bus, criteria=None, ride_through_vm_pu=0.55, assumptions=PLAIN)
        row = ranked.loc[bus]
        assert (row["tripped_mw"], row["tripped"]) == (effect.tripped_mw, len(effect.tripped))
        assert row["lowest_vm_pu"] == pytest.approx(
            effect.table.loc[["b", "c"], "during_vm_pu"].min(), abs=1e-12
        )


def test_element_that_clears_the_fault_is_out_afterwards() -> None:
    net = make_chain()
    effect = assess_fault(net, "c", criteria=None, ride_through_vm_pu=0.4, assumptions=PLAIN, lost=("bc",))
    assert effect.status_after == "ISLANDED"
    assert np.isnan(effect.table["after_vm_pu"]["c"])


def test_korea_judges_the_voltage_by_its_criteria() -> None:
    net = gh.load_network("korea-2025-backbone")
    biggest = net.load["p_mw"].idxmax()
    effect = assess_fault(net, net.load["bus"][biggest], loads=[biggest])
    assert effect.ride_through_vm_pu == 0.7
    assert effect.tripped.index.to_list() == [biggest]
    assert effect.table["high_pu"].notna().any()
    nothing = assess_fault(net, net.load["bus"][biggest])
    assert (nothing.examined, nothing.tripped_mw) == (0, 0.0)


def test_bad_input_is_named() -> None:
    net = make_chain()
    with pytest.raises(InputError, match="(?s)x: no such bus.*y: no such load"):
        assess_fault(net, "x", criteria=None, ride_through_vm_pu=0.7, loads=["y"])
    with pytest.raises(OptionError, match="ride_through_vm_pu"):
        assess_fault(net, "a", criteria=None)
    off = net.bus
    off.loc["c", "in_service"] = False
    with pytest.raises(OptionError, match="no fault current"):
        assess_fault(net.replace(bus=off), "c", criteria=None, ride_through_vm_pu=0.7)


def make_equipped(vm_pu: list[float], seconds: list[float]) -> Network:
    net = make_chain()
    return net.replace(load=net.load.assign(ride_through_vm_pu=vm_pu, ride_through_s=seconds))


def test_each_load_has_its_own_threshold_before_that_of_the_criteria() -> None:
    # a fault at c leaves about 0.5 at b and nothing at c
    own = make_equipped([0.3, np.nan, np.nan], [0.0, 0.0, 0.0])
    effect = assess_fault(own, "c", criteria="korea", assumptions=PLAIN)
    assert effect.tripped.index.to_list() == ["hall c"]
    assert effect.tripped["ride_through_vm_pu"].to_list() == [0.7]
    assert effect.ride_through_vm_pu == 0.7
    every = assess_fault(own, "c", criteria="korea", ride_through_vm_pu=0.7, assumptions=PLAIN)
    assert every.tripped.index.to_list() == ["hall b", "hall c"]
    with pytest.raises(OptionError, match="ride_through_vm_pu for hall c"):
        assess_fault(own, "c", criteria=None, assumptions=PLAIN)
    alone = make_equipped([0.3, 0.9, np.nan], [0.0, 0.0, 0.0])
    assert assess_fault(alone, "b", criteria=None, assumptions=PLAIN).tripped_mw == 100.0
    ranking = rank_faults(alone, criteria=None, assumptions=PLAIN)
    by_hand = {bus: assess_fault(alone, bus, criteria=None, assumptions=PLAIN).tripped_mw for bus in "abc"}
    assert ranking["tripped_mw"].to_dict() == pytest.approx(by_hand)


def test_a_load_bears_a_dip_for_its_time() -> None:
    net = make_equipped([0.7, 0.7, np.nan], [0.2, 0.1, 0.0])
    tripped = {
        seconds: assess_fault(
            net, "c", criteria=None, clearing_s=seconds, assumptions=PLAIN
        ).tripped.index.to_list()
        for seconds in (None, 0.1, 0.15, 0.3)
    }
    assert tripped == {None: ["hall b", "hall c"], 0.1: [], 0.15: ["hall c"], 0.3: ["hall b", "hall c"]}
    ranking = rank_faults(net, criteria=None, clearing_s=0.15, assumptions=PLAIN)
    assert ranking.at["c", "tripped_mw"] == 40.0
    assert ranking.at["c", "tripped"] == 1
    said = assess_fault(net, "c", criteria=None, assumptions=PLAIN).assumptions
    timed = assess_fault(net, "c", criteria=None, clearing_s=0.1, assumptions=PLAIN).assumptions
    assert any("voltage alone" in text for text in said)
    assert not any("voltage alone" in text for text in timed)
    with pytest.raises(OptionError, match="clearing_s"):
        assess_fault(net, "c", criteria=None, clearing_s=-1.0, assumptions=PLAIN)


def test_what_stands_behind_a_load_leaves_the_grid_with_it() -> None:
    chain = make_chain()
    load = chain.load.drop("hall b")
    hub = gh.Hub(
        gh.DataCenter("hall b", contract_mw=60.0, bus="b"),
        generators=[gh.OnSiteGenerator("gt", p_mw=25.0)],
    )
    net = gh.place(chain.replace(load=load), hub)
    effect = assess_fault(net, "c", criteria=None, ride_through_vm_pu=0.7, assumptions=PLAIN)
    assert effect.tripped.index.to_list() == ["hall c", "hub:hall b"]
    rest = chain.replace(load=load.drop("hall c"))
    expected = gh.run_power_flow(rest)
    np.testing.assert_allclose(effect.table["after_vm_pu"], expected.bus["vm_pu"], atol=1e-8)
    assert gh.list_contingencies(net, ("data_center",))["elements"].tolist() == [
        ("hall c",),
        ("hub:hall b", "hub:gt"),
    ]
