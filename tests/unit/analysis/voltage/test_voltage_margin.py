"""Voltage margins after outages: closed forms, and every outage by brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.voltage.voltage_margin import find_voltage_margin
from gridhub.case.case import Outage
from gridhub.errors import OptionError
from gridhub.solvers.ac import solve_ac
from gridhub.solvers.islands import find_islands, keep_largest_parts
from gridhub.solvers.options import read_options
from tests.small_cases import compile_network
from tests.small_networks import make_double_feed


def test_a_lost_circuit_halves_what_a_double_feed_carries() -> None:
    net = make_double_feed(p_mw=200.0)
    line = net.line
    line["r_ohm"], line["b_us"] = 0.0, 0.0
    line.loc["bc", "x_ohm"] = 1e-3
    load = net.load
    load["p_mw"], load["q_mvar"] = 0.0, 0.0
    margin = find_voltage_margin(net.replace(line=line, load=load), "c", power_factor=1.0)
    whole = (1.02 * 345.0) ** 2 / (2 * 5.0)
    table = margin.table
    assert margin.margin_mw == pytest.approx(min(whole, 4000.0), rel=1e-3)
    assert table.loc[["ab1", "ab2"], "margin_mw"].to_numpy() == pytest.approx(
        min(whole / 2, 4000.0), rel=1e-3
    )
    assert table.loc["bc", "lost_growth_percent"] == 100.0
    assert np.isnan(table.loc["bc", "margin_mw"])


def test_smallest_margin_is_that_of_brute_force() -> None:
    net = gh.load_network("pandapower:case14")
    cset = list_contingencies(net)
    options = {"distributed_slack": False}
    margin = find_voltage_margin(net, "13", cset, power_factor=0.95, worst=2, options=options)
    assert not margin.unproven
    assert (margin.status == "solved").any()
    solved = [_find_solved(net, cset, "13", margin.firm_mw + more) for more in (-0.1, 0.1)]
    assert all(solved[0].values())
    assert [name for name, able in solved[1].items() if not able] == [margin.binding_contingency]
    assert margin.table["margin_mw"].iloc[1] == margin.firm_mw


def _find_solved(net: gh.Network, cset: pd.DataFrame, bus: str, added: float) -> dict[str, bool]:
    """Whether each outage has a power flow with `added` MW at a bus, each solved alone."""
    case = compile_network(net)
    options = read_options({"distributed_slack": False})
    p, q = case.load_p.copy(), case.load_q.copy()
    row = int(np.flatnonzero(case.load_bus == case.labels.bus.index(bus))[0])
    p[row] += added / case.base_mva
    q[row] += added / case.base_mva * np.tan(np.arccos(0.95))
    grown, found = replace(case, load_p=p, load_q=q), {}
    for name in cset.index:
        out = grown.take_out(Outage((case.labels.branch.index(name),)))
        found[name] = solve_ac(keep_largest_parts(out, find_islands(case)), options).status.is_solved
    return found


def test_outages_not_traced_are_proven_or_named() -> None:
    net = gh.load_network("korea-2025-backbone")
    margin = find_voltage_margin(net, "southwest-154", power_factor=0.95, worst=3)
    assert margin.firm_mw == margin.table["margin_mw"].min() < margin.margin_mw
    assert margin.unproven == ()
    assert margin.solved_at_mw >= 0.99 * margin.firm_mw
    assert (margin.status == "traced").sum() == len(margin.table) - 1
    # planners know this one: the double circuit that feeds the south-west
    assert margin.binding_contingency.startswith("gwangyang--singangjin")


def test_number_of_traced_outages_is_checked() -> None:
    with pytest.raises(OptionError, match="worst"):
        find_voltage_margin(make_double_feed(), "c", worst=0)
