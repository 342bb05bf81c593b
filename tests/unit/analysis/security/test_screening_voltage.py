"""The 1P1Q screen: what it flags and clears, by which bound, and what it says where AC is not asked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.security.judging import Limits
from gridhub.analysis.security.screening_voltage import screen_by_iteration
from gridhub.analysis.security.security import Security, prepare_setting
from gridhub.case.case import Outage
from gridhub.criteria import Criteria, read_criteria
from gridhub.errors import OptionError
from gridhub.solvers.options import read_options
from tests.small_networks import make_double_feed, make_meshed

BAND = """
schema_version = 1
name = "band"
title = "One band for every voltage"
as_of = "2026-11"
[[voltage_class]]
min_kv = 0.1
max_kv = 2000.0
state = "outage"
low_pu = {low}
high_pu = {high}
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"
[[rating]]
state = "normal"
column = "rate_mva"
factor = {factor}
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"
[[rating]]
state = "outage"
column = "rate_b_mva"
factor = {factor}
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"
"""
KINDS = ["line", "transformer", "series", "generator", "shunt"]


def make_band(low: float, high: float, factor: float = 10.0) -> Criteria:
    return read_criteria(BAND.format(low=low, high=high, factor=factor))


def run(net: gh.Network, criteria: Criteria, **choice: object) -> Security:
    cset = gh.list_contingencies(net, kinds=KINDS)
    return gh.run_security(net, cset, criteria, screen="1p1q", **choice)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_cleared_breaks_nothing_and_dc_misses_voltages(seed: int) -> None:
    net = make_meshed(seed, n_bus=16, extra=14)
    vm = gh.run_power_flow(net).bus["vm_pu"]
    rules = make_band(min(vm.min() - 0.004, 0.999), max(vm.max() + 0.002, 1.001))
    sec = run(net, rules, verify="all")
    cleared = sec.screen.index[~sec.screen["flagged"]]
    assert len(cleared) > 3
    assert not sec.violations["contingency"].isin(cleared).any()
    voltages = sec.violations[sec.violations["kind"].str.startswith("voltage")]
    broken = set(voltages["contingency"])
    assert set(sec.screen.index[sec.screen["voltage_violated"]]) == broken
    assert sec.screen_by_class["voltage_violated"].sum() == len(broken) > 0
    assert (sec.screen_by_class["voltage_recall_percent"].dropna() == 100.0).all()
    dc = gh.run_security(net, sec.contingencies, rules, screen="dc", verify="all")
    lost = [key for key in broken if not dc.screen.loc[key, "flagged"]]
    assert dc.summary["voltage_missed"] == len(lost)
    assert len(lost) > 0
    other = sec.contingencies.index[sec.contingencies["kind"].isin(["generator", "shunt"])]
    assert dc.screen.loc[other, "flagged"].all()
    assert not sec.screen.loc[other, "flagged"].all()


def test_the_estimate_is_near_what_ac_finds() -> None:
    net = make_meshed(4, n_bus=16, extra=14)
    sec = run(net, make_band(0.9, 1.1), verify="all", keep="all")
    screen = sec.screen[~sec.screen["bound"].isin(["islanding", "no estimate"])]
    for key, row in screen.iterrows():
        assert sec.vm_pu.loc[key, row["estimated_bus"]] == pytest.approx(row["estimated_vm_pu"], abs=4e-3)
        assert row["estimated_percent"] == pytest.approx(
            sec.status.loc[key, "worst_loading_percent"], rel=0.05
        )
        room = min(row["estimated_vm_pu"] - 0.9, 1.1 - row["estimated_vm_pu"])
        assert row["room_pu"] == pytest.approx(room, abs=1e-12)


def test_the_status_row_says_by_which_bound_and_how_far_from_it() -> None:
    net = make_meshed(4, n_bus=16, extra=14)
    sec = run(net, make_band(0.9, 1.1))
    screened = sec.status[sec.status["status"] == "SCREENED"]
    assert len(screened) > 5
    for key, row in screened.iterrows():
        told = sec.screen.loc[key]
        assert told["bound"] == "loading and voltage"
        assert row["stage"] == "1p1q"
        loading, room = f"loading {told['estimated_percent']:.1f} %", f"voltage {told['room_pu']:.4f} p.u."
        assert row["reason"] == f"1p1q: {loading}, {room} within limits"
    assert (sec.status.loc[sec.status["stage"] == "ac", "reason"] == "").all()
    assert sec.verdict in ("unverified", "insecure")
    assert sec.summary["screen"] == "1p1q"
    dc = gh.run_security(net, criteria=None)
    cleared = dc.status[dc.status["status"] == "SCREENED"]
    assert cleared["reason"].str.startswith("dc: loading ").all()


def test_every_bound_is_named() -> None:
    net = make_double_feed(circuits=3, p_mw=600.0)
    cset = gh.list_contingencies(net, kinds=["line", "generator"])
    setting = prepare_setting(net, "", None, read_options(None, reactive_limits=False))
    case, base = setting.case, setting.base
    outages = [Outage(branch=(0,)), Outage(branch=(3,)), Outage(generator=(0, 1)), Outage(load=(1,))]
    n_bus = len(case.bus_node)
    assert len(cset) == 6

    def judge(rate: float, low: float, high: float, change: float = np.inf) -> list[str]:
        limits = Limits(np.full(case.n_branch, rate), np.full(n_bus, low), np.full(n_bus, high), change)
        screen = screen_by_iteration(
            base, setting.plan.newton, outages, limits, read_options(None, reactive_limits=False)
        )
        named = [str(name) for name in screen.bound]
        assert screen.flagged.tolist() == [name != "loading and voltage" for name in named]
        return named

    free = "loading and voltage"
    assert judge(99.0, 0.5, 1.5) == [free, "islanding", "no estimate", free]
    assert judge(3.2, 0.5, 1.5)[0] == "loading"
    low = float(base.vm.min())
    assert judge(99.0, low - 1e-3, 1.5) == ["voltage low", "islanding", "no estimate", free]
    assert judge(99.0, 0.5, 1.5, 1e-4) == ["voltage change", "islanding", "no estimate", "voltage change"]
    # a voltage that units hold at its limit does not move, and has no margin
    assert float(base.vm.max()) == 1.02
    assert judge(99.0, 0.5, 1.02)[0] == free


def test_an_estimate_beyond_a_limit_stands_where_ac_is_not_asked() -> None:
    net = make_double_feed(circuits=3, p_mw=900.0)
    net = net.replace(load=net.load.assign(q_mvar=[700.0, 10.0]))
    vm = gh.run_power_flow(net).bus["vm_pu"]
    sec = run(net, make_band(vm.min() - 0.002, 1.03), verify=None)
    assert sec.status["stage"].unique().tolist() == ["1p1q", "ac"]
    assert (sec.status.loc[sec.status["stage"] == "ac", "status"] == "ISLANDED").all()
    estimated = sec.violations[sec.violations["stage"] == "1p1q"]
    assert estimated["kind"].unique().tolist() == ["voltage_low"]
    assert (estimated["value"] < vm.min() - 0.002).all()
    full = run(net, make_band(vm.min() - 0.002, 1.03), verify="all")
    found = full.violations[full.violations["kind"] == "voltage_low"]
    assert set(estimated["contingency"]) <= set(found["contingency"])


def test_rated_branches_without_impedance_are_left_to_ac() -> None:
    net = make_double_feed(circuits=3, p_mw=600.0)
    line = net.line
    line.loc["bc", ["r_ohm", "x_ohm"]] = 0.0
    line.loc["bc", "b_us"] = 0.0
    net = net.replace(line=line)
    for screen in ("dc", "1p1q"):
        sec = gh.run_security(net, criteria=None, screen=screen, verify=None)
        assert sec.screen.loc[["ab1", "ab2", "ab3"], "bound"].eq("join").all()
        assert (sec.status["stage"] == "ac").all()


def test_controlled_taps_refuse_the_screen() -> None:
    net = make_meshed(0)
    with pytest.raises(OptionError, match="1p1q"):
        gh.run_security(net, screen="1p1q", options={"taps": "controlled"})
    with pytest.raises(OptionError, match="1P1Q"):
        gh.run_security(net, screen="1P1Q")


def test_classes_come_with_the_result() -> None:
    net = make_meshed(3, n_bus=20, extra=18)
    sec = run(net, make_band(0.9, 1.1), verify="all")
    table = sec.screen_by_class
    assert table.index.names == ["kind", "kv"]
    assert table["outages"].sum() == len(sec.status)
    assert table["false"].sum() == sec.summary["false"]
    assert isinstance(table, pd.DataFrame)
