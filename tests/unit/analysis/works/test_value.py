"""Worth of works against dispatches and discounting written out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.security.security import run_security
from gridhub.analysis.works.economics import UPKEEP_SHARE, find_annuity, measure_worth
from gridhub.analysis.works.reinforcement import ReinforcementPlan, plan_reinforcement
from gridhub.analysis.works.value import WorksValue, value_reinforcement
from gridhub.errors import OptionError
from gridhub.model.network import Network, build_network
from gridhub.placement.hub import DataCenter, Hub

COSTS = (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(
    encoding="utf-8"
)


def build_row(load_b: float = 520.0, load_c: float = 300.0) -> Network:
    """Cheap unit at a, dear unit at c: a - b - c in a row, both lines too small for the loads."""
    line = pd.DataFrame(
        {"from_bus": ["a", "b"], "to_bus": ["b", "c"], "length_km": [30.0, 20.0]}, index=["ab", "bc"]
    )
    line = line.assign(r_ohm=0.6, x_ohm=9.0, rate_mva=[600.0, 200.0])
    load = {"bus": ["b", "c"], "p_mw": [load_b, load_c], "q_mvar": 0.0}
    unit = {
        "bus": ["a", "c"],
        "p_mw": [load_b + load_c - 20.0, 20.0],
        "p_min_mw": 0.0,
        "p_max_mw": [2000.0, 60.0],
    }
    unit |= {"cost_c1_per_mwh": [50000.0, 150000.0], "q_min_mvar": -900.0, "q_max_mvar": 900.0}
    return build_network(
        "row",
        currency="KRW",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False]}, index=list("abc")),
        line=line,
        load=pd.DataFrame(load, index=["lb", "lc"]),
        generator=pd.DataFrame(unit, index=["cheap", "dear"]),
    )


@pytest.fixture(scope="module")
def plan() -> ReinforcementPlan:
    net = build_row()
    outages = list_contingencies(net).iloc[:0]
    outages.loc["unit"] = {"kind": "generator", "elements": ("dear",)}
    return plan_reinforcement(net, run_security(net, outages, None), {"costs": COSTS})


@pytest.fixture(scope="module")
def value(plan: ReinforcementPlan) -> WorksValue:
    hours = pd.DataFrame({"lb": [520.0, 200.0], "lc": [300.0, 150.0]}, index=["peak", "low"])
    return value_reinforcement(plan, {("load", "p_mw"): hours}, {"peak": 3000.0, "low": 5760.0}, bus="c")


def test_savings_are_those_of_dispatches_by_hand(plan: ReinforcementPlan, value: WorksValue):
    assert {one.target for one in plan.chosen} == {"ab", "bc"}
    # without works ab lets 600 MW through; with the 60 MW of the dear unit 160 MW are not served at the peak
    table = value.table
    row = table.loc[("all works", "set")]
    names = tuple(one.name for one in plan.chosen)
    none, every = (
        value.hours[[works == mine for works in value.hours["works"]]].set_index("hour")
        for mine in ((), names)
    )
    assert every.at["peak", "cost"] == pytest.approx(820 * 50e3)
    assert none.at["peak", "shed_mw"] == pytest.approx(820 - 600 - 60)
    assert none.at["peak", "cost"] == pytest.approx(600 * 50e3 + 60 * 150e3 + 160 * 20e6)
    assert none.at["low", "cost"] == every.at["low", "cost"] == pytest.approx(350 * 50e3)
    saved = 3000 * (600 * 50e3 + 60 * 150e3 - 820 * 50e3) / 1e9
    assert row["benefit_congestion"] == pytest.approx(saved)
    assert row["benefit_unserved"] == pytest.approx(3000 * 160 * 20e6 / 1e9)
    assert row["saved_unserved_mwh"] == pytest.approx(480e3)
    assert row["benefit"] == pytest.approx(
        row[["benefit_congestion", "benefit_unserved", "benefit_losses"]].sum()
    )


def test_losses_are_resistance_times_flow_squared(plan: ReinforcementPlan, value: WorksValue):
    every = [one.name for one in plan.chosen]
    hours = value.hours.set_index("hour")
    low = hours.loc["low"]
    low = low[[works == () for works in low["works"]]].iloc[0]
    z = 345.0**2 / 100.0
    by_hand = (0.6 / z) * ((3.5) ** 2 + (1.5) ** 2) * 100.0
    assert low["losses_mw"] == pytest.approx(by_hand) and low["price"] == pytest.approx(50e3)
    assert every


def test_losses_that_the_dispatch_holds_are_not_counted_twice(plan: ReinforcementPlan):
    hours = pd.DataFrame({"lb": [200.0], "lc": [150.0]}, index=["low"])
    given = {("load", "p_mw"): hours}, {"low": 8760.0}
    beside = value_reinforcement(plan, *given).table.iloc[0]
    inside = value_reinforcement(plan, *given, options={"losses": "iterated"}).table.iloc[0]
    assert inside["benefit_losses"] == 0.0 < beside["benefit_losses"]
    assert inside["saved_losses_mwh"] == pytest.approx(beside["saved_losses_mwh"], rel=0.05)
    assert inside["benefit"] == pytest.approx(beside["benefit"], rel=0.05)


def test_toot_and_pint_are_differences_between_the_sets(plan: ReinforcementPlan, value: WorksValue):
    cost = {}
    for works, weight, mwh in zip(
        value.hours["works"], value.hours["hours_a_year"], value.hours["cost"], strict=True
    ):
        cost[works] = cost.get(works, 0.0) + weight * mwh / 1e9
    every = tuple(one.name for one in plan.chosen)
    for name in every:
        rest = tuple(other for other in every if other != name)
        for method, without, with_ in (("toot", rest, every), ("pint", (), (name,))):
            row = value.table.loc[(name, method)]
            saved = row["benefit_congestion"] + row["benefit_unserved"]
            assert saved == pytest.approx(cost[without] - cost[with_], abs=1e-6)
    whole = value.table.loc[("all works", "set"), "benefit_unserved"]
    parts = value.table.xs("pint", level="method")["benefit_unserved"].sum()
    assert whole > parts + 1.0  # the two need each other


def test_worth_is_the_sum_over_the_years(value: WorksValue):
    row = value.table.loc[("all works", "set")]
    for rate, name in ((0.045, "4_5"), (0.04, "4")):
        for end, tail in (("base", ""), ("high", "_worst"), ("low", "_best")):
            cost = row[f"cost_{end}"]
            flows = [(row["benefit"] - UPKEEP_SHARE * cost) / (1 + rate) ** year for year in range(1, 26)]
            assert row[f"npv_{name}{tail}"] == pytest.approx(sum(flows) - cost)
            spent = cost + sum(UPKEEP_SHARE * cost / (1 + rate) ** year for year in range(1, 26))
            earned = sum(row["benefit"] / (1 + rate) ** year for year in range(1, 26))
            assert row[f"bc_{name}{tail}"] == pytest.approx(earned / spent)
    assert "B/C" in value.verdict


def test_freed_power_is_the_room_gained_per_cost():
    net = build_row(420.0, 0.0)
    net = net.replace(load=net.load.iloc[:1], generator=net.generator.iloc[:1])
    twin = net.line.loc[["ab"]].set_axis(["ab2"])
    line = pd.concat([net.line, twin]).assign(rate_mva=[300.0, 900.0, 300.0])
    net = net.replace(line=line)
    found = plan_reinforcement(net, run_security(net, criteria=None), {"costs": COSTS})
    assert set(found.works["kind"]) == {"second_circuit"}
    worth = value_reinforcement(found, bus="b").table
    row = worth.loc[("all works", "set")]
    # after one outage the others carry 300 MW each, less the 420 there; without works 1 % of 300 may be added
    count = 2 + len(found.chosen)
    assert row["freed_mw"] == pytest.approx((count - 1) * 300.0 - 420.0 - 3.0, abs=0.1)
    assert row["cost_per_mw"] == pytest.approx(row["cost_base"] / row["freed_mw"])


def test_a_contract_is_called_where_it_saves_and_is_paid_every_year():
    # 400 MW of the hub at b: with the 200 MW there the line from a (450 MW) is short of 150 MW at the peak
    net = build_row(200.0, 0.0)
    net = net.replace(
        load=net.load.iloc[:1],
        generator=net.generator.iloc[:1].assign(p_mw=200.0),
        line=net.line.assign(rate_mva=[450.0, 900.0]),
    )
    hub = Hub(DataCenter("hall", contract_mw=400.0, bus="b", flexible_share=0.5, power_factor=1.0))
    options = {"costs": COSTS, "criteria": None, "kinds": ("flexible_load",)}
    found = plan_reinforcement(net, hub, options)
    (one,) = found.chosen
    annuity = sum(1.045**-year for year in range(1, 26))
    assert one.once.base == pytest.approx(200 * 0.03) and one.ready.base == pytest.approx(200 * 0.04)
    assert one.cost.base == pytest.approx(200 * (0.03 + 0.04 * annuity))
    assert "hours of need not known" in one.note
    (load,) = [name for name in found.network_before.load.index if name.startswith("hub:")]
    hours = pd.DataFrame({"lb": [200.0, 50.0], load: [400.0, 300.0]}, index=["peak", "low"])
    worth = value_reinforcement(found, {("load", "p_mw"): hours}, {"peak": 100.0, "low": 8660.0})
    row = worth.table.loc[("all works", "set")]
    assert row["called_hours"] == pytest.approx(100.0) and row["called_mwh"] == pytest.approx(100 * 150.0)
    # 150 MW not served at 20 million become 150 MW called at 0.5 million; nothing else changes
    assert row["benefit_unserved"] == pytest.approx(100 * 150 * 20e6 / 1e9)
    assert row["benefit_congestion"] == pytest.approx(-100 * 150 * 0.5e6 / 1e9)
    assert row["yearly_base"] == pytest.approx(8.0) and row["cost_base"] == pytest.approx(6.0)
    spent = sum((8.0 + UPKEEP_SHARE * 6.0) * 1.045**-year for year in range(1, 26)) + 6.0
    assert row["npv_4_5"] == pytest.approx(row["benefit"] * annuity - spent)
    assert row["freed_mw"] == pytest.approx(200.0)
    assert "for being ready" in worth.verdict


def test_hours_of_the_states_with_violations_price_the_calls():
    net = build_row(200.0, 0.0)
    net = net.replace(
        load=net.load.iloc[:1],
        generator=net.generator.iloc[:1].assign(p_mw=200.0),
        line=net.line.assign(rate_mva=[450.0, 900.0]),
        snapshot=pd.DataFrame({"time": ["2025-01-15T04:00", "2025-04-15T04:00"]}, index=["peak", "low"]),
        snapshot_value=pd.DataFrame(
            [{"snapshot": "low", "table": "load", "id": "lb", "column": "p_mw", "value": "10.0"}]
        ),
    )
    hub = Hub(DataCenter("hall", contract_mw=400.0, bus="b", flexible_share=0.5, power_factor=1.0))
    options = {"costs": COSTS, "criteria": None, "kinds": ("flexible_load",)}
    assert set(plan_reinforcement(net, hub, options).before["snapshot"]) == {"peak"}
    found = plan_reinforcement(net, hub, {**options, "hours": {"peak": 120.0, "low": 8640.0}})
    (one,) = found.chosen
    annuity = sum(1.045**-year for year in range(1, 26))
    assert one.calls.base == pytest.approx(200 * 120 * 0.5e6 / 1e9)
    assert one.cost.base == pytest.approx(6.0 + (8.0 + 12.0) * annuity)
    assert one.once.base == pytest.approx(6.0) and "called 120 h a year" in one.note
    with pytest.raises(OptionError, match="none for peak"):
        plan_reinforcement(net, hub, {**options, "hours": {"low": 8640.0}})
    with pytest.raises(OptionError, match="hours: peak = 9999"):
        plan_reinforcement(net, hub, {**options, "hours": {"peak": 9999.0}})


@pytest.mark.parametrize("rate", [0.0, 0.04])
def test_annuity_is_the_sum_of_the_factors(rate: float):
    assert find_annuity(rate, 25) == pytest.approx(sum((1 + rate) ** -year for year in range(1, 26)))


def test_nothing_to_pay_is_an_infinite_ratio():
    assert measure_worth(1.0, {"low": 0.0, "base": 0.0, "high": 1.0}, (0.04,), 25, 0.0)["bc_4"] == float(
        "inf"
    )


def test_money_of_another_currency_is_refused(plan: ReinforcementPlan):
    other = replace(plan, network_before=plan.network_before.replace(currency="EUR"))
    with pytest.raises(OptionError, match="costs are in KRW and the dispatch in EUR"):
        value_reinforcement(other)


def test_weights_must_fit_the_hours(plan: ReinforcementPlan):
    hours = pd.DataFrame({"lb": [520.0]}, index=["peak"])
    with pytest.raises(OptionError, match="weights"):
        value_reinforcement(plan, {("load", "p_mw"): hours}, {"noon": 1.0})
