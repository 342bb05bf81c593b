from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.hosting.headroom import find_headroom
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network, build_network

MAXIMUM = 3000.0


def build_mesh(
    participation: tuple[float, float, float] = (2.0, 1.0, 1.0),
    p_max: tuple[float, float, float] = (1500.0, 400.0, 900.0),
    seed: int = 3,
) -> Network:
    """Six buses, a meshed ring with chords and a double circuit, a radial bus, three units, two snapshots."""
    rng = np.random.default_rng(seed)
    bus = pd.DataFrame({"vn_kv": 345.0, "reference": [True] + [False] * 6}, index=[f"b{i}" for i in range(7)])
    pairs = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 4), (0, 3), (2, 5), (2, 5), (5, 6)]
    line = pd.DataFrame(
        {
            "from_bus": [f"b{a}" for a, _ in pairs],
            "to_bus": [f"b{b}" for _, b in pairs],
            "r_ohm": 1.0,
            "x_ohm": rng.uniform(10, 30, len(pairs)),
            "rate_mva": rng.uniform(450, 800, len(pairs)),
            "tower": ["", "", "", "", "", "", "", "", "t", "t", ""],
        },
        index=[f"l{i}" for i in range(len(pairs))],
    )
    line.loc["l10", "rate_mva"] = 2000.0
    generator = pd.DataFrame(
        {
            "bus": ["b0", "b2", "b4"],
            "p_mw": [300.0, 350.0, 100.0],
            "p_min_mw": [0.0, 0.0, 100.0],
            "p_max_mw": p_max,
            "participation": participation,
            "q_min_mvar": -2000.0,
            "q_max_mvar": 2000.0,
            "vm_pu": 1.0,
        },
        index=["g0", "g2", "g4"],
    )
    load = pd.DataFrame({"bus": ["b1", "b3", "b6"], "p_mw": [200.0, 250.0, 150.0]}, index=["d1", "d3", "d6"])
    value = pd.DataFrame(
        {"snapshot": "low", "table": "load", "id": ["d1", "d3"], "column": "p_mw", "value": ["100", "120"]},
        index=["v1", "v2"],
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
            {"name": "south", "member": ["l2", "l3"], "direction": [1, -1], "limit_mw": [500.0, np.nan]},
            index=["i1", "i2"],
        ),
    )


def solve(net: Network, bus: str, mw: float, snapshot: str, out: tuple[str, ...]):
    """Solve with the load added and lines taken out by hand: nothing shared with the search."""
    row = pd.DataFrame({"bus": [bus], "p_mw": [mw]}, index=["extra"])
    line = net.line
    line["in_service"] = line["in_service"].to_numpy() & ~line.index.isin(out)
    load = pd.concat([net.load[["bus", "p_mw"]], row])
    return run_power_flow(net.replace(load=load, line=line), snapshot, "dc")


def is_within(net: Network, bus: str, outages):
    """Make a check of all snapshots and outages; running out of generation counts as not fine."""

    def check(mw: float) -> bool:
        for snapshot in net.snapshots:
            for out in outages:
                try:
                    pf = solve(net, bus, mw, snapshot, out)
                except NotConverged:
                    return False
                if np.nanmax(pf.branch["loading_percent"]) > 100 + 1e-6:
                    return False
        return True

    return check


@pytest.mark.parametrize(
    ("bus", "participation"),
    [("b1", (2.0, 1.0, 1.0)), ("b3", (np.nan,) * 3), ("b6", (2.0, 1.0, 1.0)), ("b5", (0.0, 1.0, 0.0))],
)
def test_thermal_figures_equal_brute_force(bus, participation):
    net = build_mesh(participation)
    table = find_headroom(net, bus, maximum_mw=MAXIMUM, check=False).table
    generation = table.at["generation", "mw"]
    cases = {
        "thermal_n": [()],
        "thermal_n1": [(name,) for name in net.line.index],
        "thermal_tower": [("l8", "l9")],
    }
    for kind, outages in cases.items():
        figure = min(table.at[kind, "mw"], generation)
        is_fine = is_within(net, bus, outages)
        assert is_fine(figure - 1e-3), kind
        assert figure >= MAXIMUM or not is_fine(figure + 1e-3), kind


def test_what_binds_is_at_its_limit():
    net = build_mesh()
    row = find_headroom(net, "b3", check=False).table.loc["thermal_n1"]
    pf = solve(net, "b3", row["mw"], row["binding_snapshot"], (row["binding_contingency"],))
    assert pf.branch.at[row["binding_element"], "loading_percent"] == pytest.approx(100.0, abs=1e-6)


def test_interface_figure_puts_the_interface_at_its_limit():
    net = build_mesh()
    row = find_headroom(net, "b3", check=False).table.loc["interface"]
    assert row["binding_element"] == "south"
    branch = solve(net, "b3", row["mw"], row["binding_snapshot"], ()).branch["p_from_mw"]
    assert branch["l2"] - branch["l3"] == pytest.approx(500.0, abs=1e-6)


def test_generation_figure_is_what_the_units_have_left():
    net = build_mesh()
    table = find_headroom(net, "b6", maximum_mw=MAXIMUM, check=False).table
    reached = find_headroom(
        build_mesh(p_max=(400.0, 360.0, 110.0)), "b6", maximum_mw=MAXIMUM, check=False
    ).table
    assert reached.at["generation", "mw"] == pytest.approx(870.0 - 600.0)  # units' limits less load
    assert table.at["generation", "mw"] == pytest.approx(min(2800.0 - 600.0, MAXIMUM))


def test_existing_violations_are_zero_headroom_and_set_aside_beside_it():
    net = build_mesh()
    line = net.line
    line.loc["l0", "rate_mva"] = 1.0
    row = find_headroom(net.replace(line=line), "b5", check=False).table.loc["thermal_n"]
    assert row["mw"] == 0.0 and row["existing_violations"] >= 1 and row["mw_beyond_existing"] > 0


def test_ac_check_and_voltage_are_met_by_the_power_flow():
    net = build_mesh()
    room = find_headroom(net, "b3", power_factor=0.9)
    assert room.near_mw <= room.table.at["thermal_n1", "near_mw"]
    # reactive power and losses: the AC figure is below the DC figure, and not by an order of magnitude
    assert 0.5 * room.table.at["thermal_n1", "near_mw"] < room.table.at["thermal_n1", "ac_mw"]
    assert room.table.at["thermal_n1", "ac_mw"] <= room.table.at["thermal_n1", "near_mw"] + 1e-6


def test_bad_input_is_refused():
    net = build_mesh()
    with pytest.raises(KeyError, match="no bus 'x'"):
        find_headroom(net, "x")
    with pytest.raises(OptionError, match="power_factor"):
        find_headroom(net, "b1", power_factor=3.0)
    bus = net.bus
    bus["in_service"] = bus.index != "b6"
    with pytest.raises(OptionError, match="no headroom"):
        find_headroom(net.replace(bus=bus), "b6")


def test_near_figure_leaves_out_what_the_load_hardly_touches():
    net = build_mesh()
    table = find_headroom(net, "b3", check=False).table
    assert table.at["thermal_n1", "near_mw"] >= table.at["thermal_n1", "mw_beyond_existing"]
    row = table.loc["thermal_n1"]
    at = [
        solve(net, "b3", mw, row["near_snapshot"], (row["near_contingency"],)).branch
        for mw in (0.0, row["near_mw"])
    ]
    moved = at[1]["p_from_mw"] - at[0]["p_from_mw"]
    assert abs(moved[row["near_element"]]) >= 0.05 * row["near_mw"] * 0.5
    assert at[1].at[row["near_element"], "loading_percent"] == pytest.approx(100.0, abs=1e-6)
