from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.hosting.options import read_hosting_options
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.siting.reinforcement import Overloads, Work, estimate_reinforcement
from gridhub.analysis.works.works import add_circuit, change_conductor
from gridhub.costs import Cost, Costs, read_costs
from gridhub.model.network import build_network


def make_cost(base, unit):
    return Cost(0.5 * base, base, 2.0 * base, unit, "2024", "test", "assumed")


ITEMS = {
    "line_345_overhead": make_cost(3.0, "bn KRW per km"),
    "bay_345": make_cost(2.0, "bn KRW per bay"),
    "second_circuit_share": make_cost(0.4, "share"),
    "larger_conductor_share": make_cost(0.5, "share"),
    "contingency": make_cost(1.2, "factor"),
    "storage": make_cost(0.3, "bn KRW per MWh"),
}
COSTS = Costs("KRW", "bn KRW", ITEMS)
SECOND = (3.0 * 10.0 * 0.4 + 2 * 2.0) * 1.2
"""A second circuit of 10 km by hand [bn KRW]."""


def build_ring(length_km=10.0):
    """Three stations in a ring, 250 MW of load at b."""
    line = pd.DataFrame(
        {"from_bus": list("abc"), "to_bus": list("bca"), "r_ohm": 1.0, "x_ohm": 9.0, "rate_mva": 400.0},
        index=["ab", "bc", "ca"],
    )
    line = line.assign(length_km=length_km, construction="overhead")
    return build_network(
        "ring",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False, False]}, index=list("abc")),
        line=line,
        load=pd.DataFrame({"bus": ["b"], "p_mw": [250.0]}, index=["demand"]),
        generator=pd.DataFrame({"bus": ["a"], "p_mw": 250.0, "p_max_mw": 2000.0}, index=["unit"]),
    )


def estimate(net, points, costs=COSTS, **options):
    settled = read_hosting_options(options, reactive_limits=net.reactive_limits)
    return estimate_reinforcement(net, points, costs, resolve_criteria(net, "network"), settled)


def test_a_ring_by_hand():
    # the loss of any line sends all 550 MW over the others, and one more circuit beside each halves it
    table = estimate(
        build_ring(), {"hub": {"b": 300.0}, "small": {"b": 100.0}, "split": {"b": 150.0, "c": 150.0}}
    )
    assert table.at["hub", "reinforcement_per_mw"] == pytest.approx(3 * SECOND / 300.0)
    assert table.at["hub", "works"].startswith("3 routes, 0 of them not public: second circuit ")
    assert table.at["small", "reinforcement_per_mw"] == 0.0 and table.at["small", "works"] == "none"
    # b-c carries no more than 400 MW then, the other two do
    assert table.at["split", "reinforcement_per_mw"] == pytest.approx(2 * SECOND / 300.0)


def test_what_no_work_covers_is_a_battery_at_the_hub_or_not_known():
    net = build_ring(length_km=0.0)
    table = estimate(net, {"hub": {"b": 300.0}})
    assert table.at["hub", "reinforcement_per_mw"] == pytest.approx(150.0 * 6.0 * 0.3 / 300.0)
    assert "battery of 150 MW at the hub for ab, bc, ca" in table.at["hub", "works"]
    bare = Costs("KRW", "bn KRW", {name: one for name, one in ITEMS.items() if name != "storage"})
    table = estimate(net, {"hub": {"b": 300.0}}, bare)
    assert math.isnan(table.at["hub", "reinforcement_per_mw"])
    assert "ab, bc, ca, and there is no cost of storage" in table.at["hub", "works"]


def test_more_circuits_where_one_is_not_enough_and_units_that_cannot_follow():
    table = estimate(build_ring(), {"hub": {"b": 700.0}})
    # 950 MW on circuits of 400 MVA
    assert table.at["hub", "reinforcement_per_mw"] == pytest.approx(3 * 2 * SECOND / 700.0)
    assert "2 x second circuit ab" in table.at["hub", "works"]
    net = build_ring()
    table = estimate(net.replace(generator=net.generator.assign(p_max_mw=600.0)), {"hub": {"b": 700.0}})
    assert "units can follow 350 MW only" in table.at["hub", "works"]
    table = estimate(net.replace(generator=net.generator.assign(p_max_mw=250.0)), {"hub": {"b": 700.0}})
    assert math.isnan(table.at["hub", "reinforcement_per_mw"])


def test_an_overload_that_is_there_costs_only_where_the_hub_worsens_it():
    net = build_ring()
    net = net.replace(load=net.load.assign(p_mw=450.0))
    net = net.replace(generator=net.generator.assign(p_mw=450.0))
    table = estimate(net, {"b": {"b": 3.0}, "a": {"a": 300.0}, "more": {"b": 5.0}})
    assert table["works"].tolist()[:2] == ["none", "none"]
    assert table.at["more", "works"].startswith("3 routes")


@pytest.mark.parametrize("mw", [60.0, 150.0, 350.0])
def test_it_is_nothing_exactly_where_the_thermal_room_holds_the_hub(mw):
    net = gh.load_network("rts-96")
    room = gh.hosting_capacity(net, options={"maximum_mw": 2000.0}).table["thermal_mw"]
    costs = read_costs(net.documents["costs"])
    table = estimate(net, {bus: {bus: mw} for bus in room.index}, costs)
    needs = ~(table["reinforcement_per_mw"] == 0.0)
    assert 0 < needs.sum() < len(needs)
    assert needs.to_numpy().tolist() == (room < mw).tolist()


@pytest.mark.parametrize("circuits", [0, 1, 3])
@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("outage", ["", "C23"])
def test_what_a_work_leaves_is_what_the_changed_grid_carries(circuits, rebuilt, outage):
    net = gh.load_network("rts-96")
    route = "C18"
    if outage:
        net = net.replace(line=net.line.assign(in_service=net.line.index != outage))
    before = gh.run_power_flow(net, method="dc").branch.at[route, "p_from_mw"]
    row = net.line.loc[route]
    factor = gh.ptdf(net).loc[route]
    transfer = float(factor[row["from_bus"]] - factor[row["to_bus"]])
    kind = {"conductor": "thick", "r_ohm_per_km": 0.01, "b_us_per_km": 5.0, "rate_mva": 900.0}
    kind["x_ohm_per_km"] = 0.7 * float(row["x_ohm"]) / float(row["length_km"])
    changed = change_conductor(net, route, kind) if rebuilt else net
    for _ in range(circuits):
        changed = add_circuit(changed, route)
    after = abs(gh.run_power_flow(changed, method="dc").branch.at[route, "p_from_mw"])
    work = Work("work", 1.0, circuits, 1.0 / 0.7 if rebuilt else 1.0, 1.0)
    one = np.ones(1)
    number = np.zeros(1, dtype=np.int64)
    for share, covered in ((1.0 + 1e-5, True), (1.0 - 1e-5, False)):
        limit = one * after * share
        over = Overloads(number, number, one * abs(before), 0 * one, limit, limit, one, one * transfer, one)
        assert work.covers(over) is covered


def test_the_works_of_an_estimate_clear_their_routes_once_built():
    net = gh.load_network("rts-96")
    costs = read_costs(net.documents["costs"])
    table = estimate(net, {"308": {"308": 100.0}}, costs)
    assert (
        table.at["308", "works"] == "2 routes, 0 of them not public: second circuit C12; second circuit C13"
    )
    built = add_circuit(add_circuit(net, "C12"), "C13")
    rooms = [gh.hosting_capacity(one, ["308"]).table.at["308", "thermal_mw"] for one in (net, built)]
    assert rooms[0] < 100.0 <= rooms[1]


def test_routes_that_are_not_public_are_marked():
    net = build_ring()
    bus = net.bus.assign(site=["", "guessed", ""])
    site = pd.DataFrame({"assessable": [False]}, index=["guessed"])
    net = build_network("ring", bus=bus, line=net.line, load=net.load, generator=net.generator, site=site)
    table = estimate(net, {"hub": {"b": 300.0}})
    assert table.at["hub", "works"].startswith("3 routes, 2 of them not public")
