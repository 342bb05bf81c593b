"""Taps and shunts between two outages: effects against solving again, and never a worse state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.actions.redispatch import Adjustment
from gridhub.analysis.actions.successive_outages import (
    MOVE_COLUMNS,
    SuccessiveOutages,
    run_successive_outages,
)
from gridhub.analysis.actions.successive_states import take_out
from gridhub.analysis.actions.voltage_adjustment import choose_voltage_moves, make_moves
from gridhub.analysis.security.security import prepare_setting
from gridhub.criteria import Criteria
from gridhub.model.network import Network, build_network
from gridhub.rating_rules import RatingRule
from gridhub.solvers.options import read_options
from tests.small_networks import make_meshed, make_table
from tests.unit.analysis.security.test_screening_voltage import make_band


def make_supply() -> Network:
    """Three circuits feed a load behind two banks; a capacitor stands by at the load."""
    return build_network(
        "supply",
        bus=make_table(id=["a", "b", "c"], vn_kv=[345.0, 345.0, 154.0], reference=[True, False, False]),
        line=make_table(
            id=["l1", "l2", "l3"], from_bus="a", to_bus="b", r_ohm=1.0, x_ohm=30.0, rate_mva=900.0
        ),
        transformer=make_table(
            id=["t1", "t2"],
            from_bus="b",
            to_bus="c",
            x_pu=0.04,
            rate_mva=900.0,
            tap_ratio=1.0,
            tap_min=0.9,
            tap_max=1.1,
            tap_step=0.0125,
        ),
        load=make_table(id=["demand"], bus="c", p_mw=300.0, q_mvar=100.0),
        shunt=make_table(
            id=["capacitor", "reactor"], bus="c", b_mvar=[120.0, -30.0], in_service=[False, True]
        ),
        generator=make_table(id=["unit"], bus="a", p_mw=300.0, p_max_mw=900.0, vm_pu=1.02),
    )


def widen(net: Network, adjustment: Adjustment | None, rules: Criteria) -> SuccessiveOutages:
    lines = gh.list_contingencies(net, kinds=["line"])
    return run_successive_outages(net, lines, lines, rules, adjustment=adjustment)


@pytest.mark.parametrize(
    ("adjustment", "kinds"),
    [
        (Adjustment(shunts=True), {"shunt"}),
        (Adjustment(taps=True), {"tap"}),
        (Adjustment(taps=True, shunts=True), None),
    ],
)
def test_what_stands_by_mends_the_voltage_of_the_second_outage(
    adjustment: Adjustment, kinds: set[str] | None
) -> None:
    net, rules = make_supply(), make_band(0.955, 1.06)
    plain = widen(net, Adjustment(), rules)
    assert (plain.first["second_new"] == 2).all()
    assert plain.moves.columns.tolist() == list(MOVE_COLUMNS)
    assert (plain.first[["taps_moved", "shunts_switched"]] == 0).all().all()
    found = widen(net, adjustment, rules)
    assert (found.first["second_new"] == 0).all()
    assert found.verdict == "secure"
    if kinds is not None:
        assert set(found.moves["kind"]) == kinds
    counted = found.moves.groupby(["first", "kind"]).size().unstack(fill_value=0)
    for kind, column in (("tap", "taps_moved"), ("shunt", "shunts_switched")):
        assert found.first[column].tolist() == counted.get(kind, pd.Series(0, counted.index)).tolist()
    # made by hand: the moved grid without both circuits keeps the band
    moves = found.moves[found.moves["first"] == "l1"].set_index("element")
    taps, on = moves[moves["kind"] == "tap"]["after"], moves[moves["kind"] == "shunt"]["after"]
    transformer, shunt = net.transformer, net.shunt
    transformer.loc[taps.index, "tap_ratio"] = taps
    shunt.loc[on.index, "in_service"] = on.astype(bool)
    moved = take_out(net.replace(transformer=transformer, shunt=shunt), {"l1", "l2"}, pd.Index([]))
    assert gh.run_power_flow(moved).bus["vm_pu"].between(0.955, 1.06).all()
    assert transformer["tap_ratio"].between(0.9, 1.1).all()
    assert transformer["tap_ratio"].nunique() == 1


def test_what_does_not_help_is_not_moved_and_said() -> None:
    net = make_supply()
    net = net.replace(shunt=net.shunt.assign(b_mvar=[1.0, -1.0]))
    lost = ({"l1"}, {"l1", "l2"})
    one, two = (gh.run_power_flow(take_out(net, out, pd.Index([]))).bus["vm_pu"].min() for out in lost)
    rules = make_band(0.5 * (one + two), 1.06)
    found = widen(net, Adjustment(shunts=True), rules)
    assert found.moves.empty
    assert found.first["remark"].str.contains("mend").all()
    assert (found.first["second_new"] == 2).all()


@pytest.mark.parametrize("seed", range(3))
def test_an_adjustment_is_never_worse(seed: int) -> None:
    net = make_meshed(seed, n_bus=12, extra=9)
    rng = np.random.default_rng(seed)
    transformer = net.transformer.assign(tap_min=0.9, tap_max=1.1, tap_step=0.01)
    buses = rng.choice(net.bus.index, 6)
    shunt = make_table(
        id=[f"s{k}" for k in range(6)],
        bus=buses,
        b_mvar=rng.uniform(-60, 60, 6),
        in_service=rng.random(6) < 0.5,
    )
    units = net.generator.assign(q_min_mvar=-30.0, q_max_mvar=60.0)
    net = net.replace(transformer=transformer, shunt=shunt, generator=units)
    vm = gh.run_power_flow(net).bus["vm_pu"]
    rules = make_band(min(0.999, vm.min() - 0.004), max(1.001, vm.max() + 0.004))
    cset = gh.list_contingencies(net, kinds=["line", "transformer"])
    first = cset.iloc[rng.choice(len(cset), 6, replace=False)]
    before = run_successive_outages(net, first, cset, rules, adjustment=Adjustment())
    after = run_successive_outages(net, first, cset, rules, adjustment=Adjustment(taps=True, shunts=True))
    columns = ["violations_adjusted", "second_new"]
    assert (after.first[columns].sum(axis=1) <= before.first[columns].sum(axis=1)).all()
    moved = after.first["taps_moved"].fillna(0) + after.first["shunts_switched"].fillna(0) > 0
    known = after.moves["element"].isin([*net.transformer.index, *net.shunt.index])
    assert known.all()
    assert set(after.moves["first"]) == set(after.first.index[moved])


def test_effects_are_those_of_solving_again() -> None:
    net = make_meshed(5, n_bus=14, extra=10)
    transformer = net.transformer.assign(tap_min=0.8, tap_max=1.2, tap_step=0.005)
    net = net.replace(transformer=transformer)
    options = read_options(None, reactive_limits=False)
    setting = prepare_setting(net, "", None, options)
    vm = setting.base_vm
    for taps, shunts in ((True, False), (False, True)):
        for sign in (1.0, -1.0):
            low = vm + 0.003 if sign > 0 else np.full(len(vm), np.nan)
            high = vm - 0.003 if sign < 0 else np.full(len(vm), np.nan)
            moves = choose_voltage_moves(
                net, setting.base, setting.plan.newton, options, low, high, taps, shunts
            )
            if shunts and sign > 0:
                assert not moves  # the only capacitor is on
                continue
            assert moves
            moved, table = make_moves(net, moves)
            assert set(table["kind"]) == {"tap" if taps else "shunt"}
            after = gh.run_power_flow(moved, options={"reactive_limits": False}).bus["vm_pu"].to_numpy()
            assert sign * (after - vm).sum() > 0.0


def test_second_outages_use_the_ratings_of_their_class_and_the_time_there_is() -> None:
    net = make_supply()
    line = net.line.assign(rate_mva=250.0)
    net = net.replace(line=line)
    normal, lasting = RatingRule("normal", "rate_mva", 2.0), RatingRule("outage", "rate_mva", 2.0, 20.0)
    rules = replace(make_band(0.5, 1.5), ratings=(normal, lasting))
    assert widen(net, None, rules).verdict == "secure"
    second = RatingRule("outage", "rate_mva", 1.0, contingency="n-1-1")
    found = widen(net, None, replace(rules, ratings=(normal, lasting, second)))
    thermal = found.violations[found.violations["kind"] == "thermal"]
    assert set(thermal["limit"]) == {250.0}
    assert (found.first["second_new"] == 2).all()
    timed = run_successive_outages(
        net, gh.list_contingencies(net).iloc[:1], gh.list_contingencies(net), rules
    )
    assert timed.adjustment == Adjustment(minutes=20.0)
