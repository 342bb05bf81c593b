"""Difference of two dispatches, counted by hand on three buses."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.dispatch.change import compare_dispatch
from gridhub.errors import OptionError
from tests.small_networks import make_table
from tests.unit.analysis.dispatch.test_dispatch import price_triangle

LOAD = {("load", "p_mw"): pd.DataFrame({"demand": [100.0, 300.0]}, index=["night", "noon"])}


def test_what_a_hub_changes() -> None:
    # 20 and 50 money at a and b; ac holds 150 MW, two thirds of what a sends to c and a third of b's
    net = price_triangle()
    hub = net.replace(load=pd.concat([net.load, make_table(id=["hub"], bus="a", p_mw=60.0, q_mvar=0.0)]))
    one, two = gh.run_dispatch(net, LOAD), gh.run_dispatch(hub, LOAD)
    change = compare_dispatch(one, two, ("without", "with"))
    assert change.figures.loc["load_mwh", ["before", "after", "change"]].tolist() == [400.0, 520.0, 120.0]
    cheap, dear = net.generator["cost_c1_per_mwh"]
    # the hub stands at the cheap unit: no line carries it
    assert change.figures.loc["cost", "change"] == pytest.approx(120.0 * cheap)
    assert change.figures.loc["congestion_rent", "change"] == pytest.approx(0.0, abs=1e-6)
    assert change.units.loc["cheap", "change_mwh"] == pytest.approx(120.0)
    assert change.units.loc["dear", "change_mwh"] == pytest.approx(0.0, abs=1e-6)
    assert change.figures.loc["redispatched_mwh", "after"] == pytest.approx(120.0)
    assert change.hours["change"].tolist() == pytest.approx([60.0 * cheap] * 2)
    assert (change.before, change.left_out) == ("without", 0)
    assert dear > cheap


def test_what_security_costs_and_moves() -> None:
    net = price_triangle(300.0)
    load = {("load", "p_mw"): pd.DataFrame({"demand": [100.0, 170.0]}, index=["night", "noon"])}
    free, secure = (
        gh.run_dispatch(net, load),
        gh.run_dispatch(net, load, security="n-1", options={"shed_price": 1e3}),
    )
    change = compare_dispatch(free, secure, ("intact", "n-1"))
    assert change.figures.loc["cost", "change"] == pytest.approx(secure.summary["security_cost"])
    moved = (secure.generation - free.generation).clip(lower=0.0).to_numpy().sum()
    assert change.figures.loc["redispatched_mwh", "after"] == pytest.approx(moved)
    assert change.congestion["rent_before"].sum() == pytest.approx(free.congestion["rent"].sum())
    assert change.congestion["rent_after"].sum() == pytest.approx(secure.congestion["rent"].sum())


def test_hours_without_a_dispatch_are_in_no_sum() -> None:
    net = price_triangle()
    more = {("load", "p_mw"): pd.DataFrame({"demand": [100.0, 3000.0]}, index=["night", "noon"])}
    change = compare_dispatch(gh.run_dispatch(net, LOAD), gh.run_dispatch(net, more))
    assert change.left_out == 1
    assert change.figures.loc["load_mwh", ["before", "after"]].tolist() == [100.0, 100.0]
    assert change.figures.loc["hours_without_dispatch", "after"] == 1.0


def test_other_hours_are_refused() -> None:
    net = price_triangle()
    one = gh.run_dispatch(net, LOAD)
    with pytest.raises(OptionError, match="other hours"):
        compare_dispatch(one, gh.run_dispatch(net))
