from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.flow.interfaces import compare_interfaces, compute_interfaces
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.model.network import build_network


def build_two_areas(load_mw: float = 500.0):
    """Two buses, two lines (one written the other way round) and an HVDC link from north to south."""
    return build_network(
        "two areas",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["north", "south"]),
        line=pd.DataFrame(
            {"from_bus": ["north", "south"], "to_bus": ["south", "north"], "r_ohm": 1.0, "x_ohm": 20.0},
            index=["l1", "l2"],
        ),
        hvdc=pd.DataFrame(
            {"from_bus": ["north"], "to_bus": ["south"], "p_mw": [100.0], "loss_percent": [2.0]}, index=["dc"]
        ),
        generator=pd.DataFrame({"bus": ["north"], "p_max_mw": [2000.0], "vm_pu": [1.0]}, index=["g"]),
        load=pd.DataFrame({"bus": ["south"], "p_mw": [load_mw]}, index=["demand"]),
        interface=pd.DataFrame(
            {
                "name": ["southward"] * 3 + ["open"],
                "member": ["l1", "l2", "dc", "l1"],
                "direction": [1, -1, 1, 1],
                "limit_mw": [450.0, np.nan, np.nan, np.nan],
                "limit_reverse_mw": [200.0, np.nan, np.nan, np.nan],
                "source": ["test", "", "", ""],
            },
            index=["i1", "i2", "i3", "i4"],
        ),
    )


@pytest.mark.parametrize("method", ["dc", "ac"])
def test_flow_over_all_members_is_what_the_load_needs(method):
    net = build_two_areas()
    pf = run_power_flow(net, method=method)
    table = compute_interfaces(net, pf).set_index("interface")
    # by balance: everything the generator makes crosses the interface
    assert table.at["southward", "flow_mw"] == pytest.approx(pf.generator.at["g", "p_mw"], abs=1e-6)
    assert table.at["southward", "margin_mw"] == pytest.approx(450.0 - pf.generator.at["g", "p_mw"], abs=1e-6)
    assert table.at["southward", "state"] == "over the limit"
    assert table.at["open", "state"] == "no published limit" and np.isnan(table.at["open", "margin_mw"])


def test_reverse_limit_guards_the_other_direction():
    net = build_two_areas(load_mw=-300.0)
    row = compute_interfaces(net, run_power_flow(net, method="dc")).iloc[0]
    assert row["flow_mw"] < 0 and row["margin_mw"] == pytest.approx(200.0 + row["flow_mw"])


def test_before_and_after_side_by_side():
    nets = [build_two_areas(mw) for mw in (300.0, 430.0)]
    tables = [[compute_interfaces(net, run_power_flow(net, method="dc"))] for net in nets]
    row = compare_interfaces(*tables).set_index("interface").loc["southward"]
    assert row["change_mw"] == pytest.approx(130.0)
    assert (row["state_before"], row["state_after"]) == ("ok", "narrow")


def test_a_network_without_interfaces_gives_an_empty_table():
    net = build_two_areas().replace(interface=build_two_areas().interface.iloc[:0])
    table = compute_interfaces(net, run_power_flow(net))
    assert len(table) == 0 and len(compare_interfaces([table], [table])) == 0
