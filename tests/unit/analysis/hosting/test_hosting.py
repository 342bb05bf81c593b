from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.hosting import hosting
from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.hosting.hours import find_flexible
from gridhub.analysis.hosting.queue import list_reviews
from gridhub.criteria import EXAMPLE, read_criteria
from gridhub.errors import InputError, NotConverged, OptionError
from gridhub.model.network import Network, build_network
from gridhub.reference import load_network

EXAMPLE_OUTAGE = """
[[voltage]]
vn_kv = 345
state = "outage"
low_kv = 335
high_kv = 362
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"
"""


def build_mesh(p_max: tuple[float, float] = (1500.0, 900.0)) -> Network:
    """A ring of four with a chord and a double circuit to a fifth bus; an interface; two snapshots."""
    bus = pd.DataFrame({"vn_kv": 345.0, "reference": [True, *[False] * 4]}, index=list("abcde"))
    ends = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("a", "c"), ("d", "e"), ("d", "e")]
    line = pd.DataFrame(
        {
            "from_bus": [a for a, _ in ends],
            "to_bus": [b for _, b in ends],
            "r_ohm": 1.0,
            "x_ohm": [20.0, 25.0, 18.0, 30.0, 40.0, 15.0, 15.0],
            "rate_mva": [600.0, 500.0, 550.0, 700.0, 450.0, 400.0, 400.0],
            "tower": ["", "", "", "", "", "t", "t"],
        },
        index=[f"l{i}" for i in range(7)],
    )
    generator = pd.DataFrame(
        {
            "bus": ["a", "c"],
            "p_mw": [300.0, 150.0],
            "p_min_mw": 0.0,
            "p_max_mw": p_max,
            "participation": [2.0, 1.0],
        },
        index=["g1", "g2"],
    )
    load = pd.DataFrame({"bus": ["b", "d", "e"], "p_mw": [200.0, 150.0, 100.0]}, index=["db", "dd", "de"])
    value = pd.DataFrame(
        {"snapshot": "low", "table": "load", "id": ["db"], "column": "p_mw", "value": ["80"]}, index=["v"]
    )
    return build_network(
        "mesh",
        bus=bus,
        line=line,
        generator=generator,
        load=load,
        snapshot=pd.DataFrame({"time": ["", ""]}, index=["high", "low"]),
        snapshot_value=value,
        interface=pd.DataFrame(
            {"name": "west", "member": ["l0", "l3"], "direction": [1, -1], "limit_mw": [700.0, np.nan]},
            index=["i1", "i2"],
        ),
    )


def load_at(net: Network, bus: str, mw: float, out: tuple[str, ...] = ()) -> Network:
    line = net.line
    line["in_service"] = ~line.index.isin(out)
    extra = pd.DataFrame({"bus": [bus], "p_mw": [mw]}, index=["extra"])
    return net.replace(load=pd.concat([net.load[["bus", "p_mw"]], extra]), line=line)


def test_the_binding_branch_is_at_its_limit_and_the_next_at_the_next_figure():
    net = build_mesh()
    table = hosting_capacity(net).table
    for bus in "bcd":
        row = table.loc[bus]
        for prefix, mw in (("binding", row["firm_mw"]), ("next", row["next_mw"])):
            if row[f"{prefix}_kind"] != "thermal":
                continue
            out = (row[f"{prefix}_contingency"],) if row[f"{prefix}_contingency"] else ()
            pf = run_power_flow(load_at(net, bus, mw, out), row[f"{prefix}_snapshot"], "dc")
            assert pf.branch.at[row[f"{prefix}_element"], "loading_percent"] == pytest.approx(100.0, abs=1e-6)
    assert set(table["binding_kind"]) <= {"thermal", "interface", "generation"}
    assert (table["next_mw"].dropna() >= table.loc[table["next_mw"].notna(), "firm_mw"]).all()


def test_the_parallel_circuit_is_not_what_comes_next():
    row = hosting_capacity(build_mesh(), ["e"]).table.loc["e"]
    assert {row["binding_element"], row["binding_contingency"]} == {"l5", "l6"}
    assert row["firm_mw"] == pytest.approx(300.0)  # one circuit of 400 MVA less the 100 MW there
    assert row["next_element"] not in ("l5", "l6")


def test_a_tower_that_cuts_the_bus_off_does_not_limit_it_and_is_no_single_outage():
    table = hosting_capacity(build_mesh(), ["e", "b"]).table
    assert table.at["e", "firm_tower_mw"] <= table.at["e", "firm_mw"]
    assert table.at["b", "firm_tower_mw"] <= table.at["b", "firm_mw"]


def test_an_outage_that_cuts_the_bus_off_is_said():
    net = build_mesh()
    line = net.line.drop("l6")
    text = hosting_capacity(net.replace(line=line), ["e", "d"]).table["not_assessed"]
    assert "loss of l5, which cuts the bus off" in text["e"]
    assert "cuts the bus off" not in text["d"]


def test_interface_figure_puts_the_interface_at_its_limit():
    net = build_mesh()
    line = net.line
    line["rate_mva"] = 5000.0
    net = net.replace(line=line)
    row = hosting_capacity(net, ["b"]).table.loc["b"]
    assert row["binding_kind"] == "interface" and row["binding_element"] == "west"
    flow = run_power_flow(load_at(net, "b", row["interface_mw"]), row["binding_snapshot"], "dc").branch[
        "p_from_mw"
    ]
    assert flow["l0"] - flow["l3"] == pytest.approx(700.0, abs=1e-6)
    tight = hosting_capacity(net, ["b"], options={"interface_margin_percent": 10.0}).table.loc["b"]
    flow = run_power_flow(load_at(net, "b", tight["interface_mw"]), "high", "dc").branch["p_from_mw"]
    assert flow["l0"] - flow["l3"] == pytest.approx(630.0, abs=1e-6)


def test_units_limit_what_can_be_fed_and_keep_their_reserve():
    net = build_mesh(p_max=(400.0, 200.0))
    line = net.line
    line["rate_mva"] = 5000.0
    net = net.replace(line=line, interface=net.interface.iloc[:0])
    row = hosting_capacity(net, ["b"]).table.loc["b"]
    assert row["binding_kind"] == "generation" and row["firm_mw"] == pytest.approx(600.0 - 450.0)
    row = hosting_capacity(net, ["b"], options={"reserve_mw": 60.0}).table.loc["b"]
    assert row["binding_kind"] == "reserve" and row["firm_mw"] == pytest.approx(90.0)
    assert math.isnan(row["interface_mw"])


def test_what_is_promised_is_there_first():
    net = build_mesh()
    alone = hosting_capacity(net, ["e"]).table.at["e", "firm_mw"]
    left = hosting_capacity(net, ["e"], options={"queue": {"e": 120.0}}).table.at["e", "firm_mw"]
    assert left == pytest.approx(alone - 120.0)


def test_the_queue_of_data_centers_is_taken_off_the_room_for_loads_alone():
    net, bus = load_network("korea-2025-backbone"), "sinyongin-345"
    review = list_reviews(net)[net.bus.at[bus, "province"]]
    demand = net.load[net.load["in_service"]].groupby("bus")["p_mw"].sum()
    province = net.bus.index[net.bus["province"] == review.name]
    part = review.able_mw * demand[bus] / demand.reindex(province).sum()
    some = {"snapshots": ["summer_peak"], "criteria": None}
    load = hosting_capacity(net, [bus], options={"worsening_points": math.inf}, **some).table.loc[bus]
    assert load["queue_0_mw"] == load["firm_mw"]
    for name, share in (("queue_50_mw", 0.5), ("queue_100_mw", 1.0)):
        assert load[name] == pytest.approx(max(load["firm_mw"] - share * part, 0.0))
    plant = hosting_capacity(net, [bus], options={"kind": "generation"}, **some)
    assert plant.table[["queue_0_mw", "queue_50_mw", "queue_100_mw"]].isna().all(axis=None)
    assert not any("queue" in rule for rule in plant.rules)


def test_generation_is_limited_by_what_can_leave_the_bus():
    row = hosting_capacity(build_mesh(), ["e"], options={"kind": "generation"}).table.loc["e"]
    # 100 MW are used at the bus, and what leaves is held by what the units can back down: 450 MW at high load
    assert row["firm_mw"] == pytest.approx(330.0) and row["binding_kind"] == "generation"
    assert row["binding_snapshot"] == "low"


def test_flexible_figures_need_hours_and_say_so_without():
    net = build_mesh()
    row = hosting_capacity(net, ["e"]).table.loc["e"]
    assert math.isnan(row["flexible_1_mw"]) and "flexible figures (no profiles" in row["not_assessed"]
    day = pd.DataFrame({"de": [100.0] * 19 + [200.0]}, index=range(20))
    hc = hosting_capacity(net, ["e"], options={"profiles": {("load", "p_mw"): day}})
    row = hc.table.loc["e"]
    assert row["firm_mw"] == pytest.approx(200.0) and row["binding_snapshot"] == "19"
    # one hour of 20 has 200 MW of room, the others 300: (C - 200) = share x 20 C
    assert row["flexible_1_mw"] == pytest.approx(200.0 / 0.8)
    assert row["flexible_0_25_mw"] == pytest.approx(200.0 / 0.95)
    assert hc.summary["hours"] == 20


@pytest.mark.parametrize("share", [0.0025, 0.01, 0.05, 0.2])
def test_flexible_power_curtails_exactly_its_share(share):
    rooms = np.random.default_rng(5).uniform(50.0, 400.0, (168, 6))
    power = find_flexible(rooms, share)
    lost = np.maximum(power - rooms, 0.0).sum(axis=0)
    below = power < rooms.max(axis=0) - 1e-9
    assert lost[below] == pytest.approx(share * 168 * power[below])
    assert (power >= rooms.min(axis=0)).all()


def test_a_bus_without_supply_has_no_figure():
    net = build_mesh()
    bus = net.bus
    bus["in_service"] = bus.index != "e"
    row = hosting_capacity(net.replace(bus=bus), ["e", "b"]).table.loc["e"]
    assert math.isnan(row["firm_mw"]) and row["not_assessed"].startswith("everything")
    assert list(hosting_capacity(net.replace(bus=bus)).table.index) == list("abcd")


def test_bad_input_is_refused_at_once():
    net = build_mesh()
    with pytest.raises(KeyError, match="'x', 'y'"):
        hosting_capacity(net, ["x", "y", "a"])
    with pytest.raises(KeyError, match="no snapshot"):
        hosting_capacity(net, snapshots=["noon"])
    with pytest.raises(OptionError, match="did you mean effect"):
        hosting_capacity(net, options={"efect": 0.1})
    with pytest.raises(OptionError, match="kind = 'bus'.*power_factor = 3"):
        hosting_capacity(net, options={"kind": "bus", "power_factor": 3})
    with pytest.raises(OptionError, match="shares by participation"):
        hosting_capacity(net, method="ac", options={"balancing": "merit"})
    with pytest.raises(OptionError, match="method"):
        hosting_capacity(net, method="pf")
    with pytest.raises(InputError, match="2 error"):
        hosting_capacity(net, options={"queue": {"x": 1.0, "b": -3.0}})
    generator = net.generator
    generator["p_max_mw"] = 10.0
    generator["p_mw"] = 10.0
    with pytest.raises(NotConverged, match="before anything is added"):
        hosting_capacity(net.replace(generator=generator))


def test_buses_looked_at_in_parts_give_the_same(monkeypatch):
    net = build_mesh()
    whole = hosting_capacity(net).table
    monkeypatch.setattr(hosting, "MEMORY", 8 * len(net.line) * 2)
    pd.testing.assert_frame_equal(hosting_capacity(net).table, whole)


def test_threads_and_the_order_of_buses_change_nothing():
    net = build_mesh()
    one = hosting_capacity(net, options={"threads": 1}).table
    two = hosting_capacity(net, list("edcba"), options={"threads": 3}).table.loc[list("abcde")]
    pd.testing.assert_frame_equal(one, two)


def build_ac_mesh() -> Network:
    """The mesh with units that can hold voltage, weak lines, and criteria for the voltage."""
    net = build_mesh()
    generator = net.generator
    generator["vm_pu"], generator["q_min_mvar"], generator["q_max_mvar"] = 1.0, -600.0, 600.0
    load = net.load
    load["q_mvar"] = 0.2 * load["p_mw"]
    return net.replace(generator=generator, load=load)


def judge_by_hand(net: Network, bus: str, mw: float, limits: dict[str, float]) -> tuple[bool, bool]:
    """Solve every outage with the load; whether ratings and voltages hold."""
    rating, voltage = True, True
    for snapshot in net.snapshots:
        for out in [(), *((name,) for name in net.line.index)]:
            placed = load_at(net, bus, mw, out)
            load = placed.load
            load.loc["extra", "q_mvar"] = mw * math.tan(math.acos(0.95))
            load.loc[net.load.index, "q_mvar"] = net.load["q_mvar"]
            pf = run_power_flow(placed.replace(load=load), snapshot)
            rating &= bool(pf.branch["loading_percent"].max() <= 100.0 + 1e-6)
            voltage &= bool(pf.bus["vm_pu"].min() >= limits["low"] - 1e-6)
    return rating, voltage


@pytest.mark.parametrize("bus", ["b", "d", "e"])
def test_the_ac_figure_holds_by_hand_and_two_mw_more_do_not(bus):
    net = build_ac_mesh()
    text = EXAMPLE.replace('state = "normal"\nlow_kv = 328', 'state = "normal"\nlow_kv = 335')
    text += EXAMPLE_OUTAGE
    rules = read_criteria(text)
    hc = hosting_capacity(net, [bus], rules, method="ac")
    row, dc = hc.table.loc[bus], hosting_capacity(net, [bus], rules).table.loc[bus]
    low = {"low": 335.0 / 345.0}
    assert row["firm_mw"] <= dc["firm_mw"] and row["binding_kind"] in ("thermal", "voltage")
    assert judge_by_hand(net, bus, row["firm_mw"], low) == (True, True)
    if row["firm_mw"] < dc["firm_mw"] - 1e-6:
        assert judge_by_hand(net, bus, row["firm_mw"] + 2.0, low) != (True, True)
    assert "reactive power" not in row["not_assessed"] and row["voltage_mw"] >= row["firm_mw"]


@pytest.mark.parametrize("outage", [False, True])
def test_the_nose_is_kept_five_percent_away(outage):
    """A lossless line feeds a load: P at the nose is E^2 cos(phi) / (2 X (1 + sin(phi)))."""
    reactance, factor = 40.0, 0.95
    names = ["one", "two"] if outage else ["one"]
    line = pd.DataFrame(
        {"from_bus": "a", "to_bus": "b", "r_ohm": 0.0, "x_ohm": reactance, "rate_mva": 9000.0}, index=names
    )
    net = build_network(
        "radial",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=line,
        generator=pd.DataFrame({"bus": ["a"], "p_mw": 0.0, "p_max_mw": 9000.0, "vm_pu": 1.0}, index=["unit"]),
    )
    options = {"maximum_mw": 5000.0, "power_factor": factor}
    row = hosting_capacity(net, ["b"], None, method="ac", options=options).table.loc["b"]
    nose = 345.0**2 * factor / (2.0 * reactance * (1.0 + math.sqrt(1.0 - factor**2)))
    assert row["nose_mw"] == pytest.approx(nose / 1.05, abs=1.5)
    assert row["binding_kind"] == "nose" and row["firm_mw"] == row["nose_mw"]
    assert row["voltage_mw"] == pytest.approx(nose, abs=1.5)
    assert row["binding_contingency"] == ("one" if outage else "")


def test_ac_does_not_depend_on_threads():
    net = build_ac_mesh()
    one, two = (hosting_capacity(net, method="ac", options={"threads": n}).table for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)
