"""Every fault of the list of bad input is found, named by table, row and column, together with all others."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.errors import Issue, SchemaError
from gridhub.model.network import Network, build_network
from gridhub.model.validate import check_network, validate


def build_good() -> Network:
    """Two 345 kV buses and a 154 kV one: nothing wrong, everything rated."""
    bus = pd.DataFrame(
        {"vn_kv": [345.0, 345.0, 154.0], "reference": [True, False, False]}, index=["a", "b", "c"]
    )
    line = pd.DataFrame(
        {
            "from_bus": "a",
            "to_bus": "b",
            "length_km": 50.0,
            "r_ohm": 1.5,
            "x_ohm": 16.0,
            "b_us": 200.0,
            "rate_mva": 1086.0,
        },
        index=["l1", "l2"],
    )
    transformer = pd.DataFrame(
        {"from_bus": ["b"], "to_bus": ["c"], "x_pu": [0.02], "rate_mva": [500.0]}, index=["t1"]
    )
    series = pd.DataFrame(
        {"from_bus": ["b"], "to_bus": ["c"], "x_pu": [0.05], "rate_mva": [200.0]}, index=["s1"]
    )
    load = pd.DataFrame({"bus": ["b", "c"], "p_mw": [300.0, 100.0]}, index=["d1", "d2"])
    generator = pd.DataFrame(
        {"bus": ["a"], "p_mw": [400.0], "p_max_mw": [1000.0], "vm_pu": [1.0]}, index=["g1"]
    )
    storage = pd.DataFrame(
        {"bus": ["b"], "p_max_mw": [100.0], "e_mwh": [400.0], "soc": [0.5], "efficiency": [0.85]},
        index=["e1"],
    )
    hvdc = pd.DataFrame(
        {"from_bus": ["a"], "to_bus": ["c"], "p_mw": [100.0], "p_max_mw": [200.0]}, index=["h1"]
    )
    interface = pd.DataFrame(
        {"name": "south", "member": ["l1", "h1"], "direction": [1, -1], "limit_mw": [900.0, 900.0]},
        index=["i1", "i2"],
    )
    snapshot = pd.DataFrame({"time": ["2024-08-20 17:00"]}, index=["peak"])
    value = pd.DataFrame(
        {"snapshot": "peak", "table": "load", "id": ["d1"], "column": "p_mw", "value": "350"}, index=["v1"]
    )
    return build_network(
        "good",
        bus=bus,
        line=line,
        transformer=transformer,
        series=series,
        load=load,
        generator=generator,
        storage=storage,
        hvdc=hvdc,
        interface=interface,
        snapshot=snapshot,
        snapshot_value=value,
    )


def change(net: Network, table: str, row: str, values: dict[str, object]) -> Network:
    """Put other values into one row."""
    frame = net.tables[table].copy()
    for column, value in values.items():
        data = frame[column].to_numpy(copy=True)
        data[frame.index.get_loc(row)] = value
        frame[column] = data
    return net.replace(**{table: frame})


def find(issues: tuple[Issue, ...], code: str) -> list[tuple[str, str, str]]:
    return [(issue.table, issue.id, issue.column) for issue in issues if issue.code == code]


def test_a_good_network_has_no_issue():
    net = build_good()
    assert validate(net) == ()
    assert check_network(net) is net


# table, row, values, code, column named
ONE_CELL = [
    ("load", "d1", {"p_mw": math.nan}, "E-NAN", "p_mw"),
    ("load", "d1", {"bus": ""}, "E-NAN", "bus"),
    ("line", "l2", {"x_ohm": math.nan}, "E-NAN", "x_ohm"),
    ("load", "d1", {"p_mw": math.inf}, "E-INF", "p_mw"),
    ("generator", "g1", {"p_mw": -math.inf}, "E-INF", "p_mw"),
    ("generator", "g1", {"p_mw": 1e308}, "E-INF", "p_mw"),
    ("generator", "g1", {"q_max_mvar": math.inf}, "E-INF", "q_max_mvar"),
    ("line", "l2", {"to_bus": "999"}, "E-REF", "to_bus"),
    ("load", "d1", {"bus": "999"}, "E-REF", "bus"),
    ("bus", "a", {"site": "nowhere"}, "E-REF", "site"),
    ("interface", "i1", {"member": "l9"}, "E-REF", "member"),
    ("bus", "a", {"vn_kv": -345.0}, "E-RANGE", "vn_kv"),
    ("bus", "a", {"vn_kv": 0.0}, "E-RANGE", "vn_kv"),
    ("bus", "a", {"lat": 127.0}, "E-RANGE", "lat"),
    ("line", "l1", {"rate_mva": -1.0}, "E-RANGE", "rate_mva"),
    ("interface", "i1", {"direction": 0}, "E-RANGE", "direction"),
    ("interface", "i1", {"direction": 0.5}, "E-NUMBER", "direction"),
    ("interface", "i2", {"limit_mw": 500.0}, "E-INTERFACE", "limit_mw"),
    ("line", "l2", {"to_bus": "c"}, "E-KVMISMATCH", "to_bus"),
    ("line", "l2", {"r_ohm": -1.5}, "E-NEGR", "r_ohm"),
    ("series", "s1", {"r_pu": -0.01}, "W-NEGR", "r_pu"),
    ("transformer", "t1", {"r_pu": -0.01}, "W-NEGR", "r_pu"),
    ("series", "s1", {"x_pu": -0.05}, "W-NEGX", "x_pu"),
    ("line", "l2", {"x_ohm": -16.0}, "W-NEGX", "x_ohm"),
    ("line", "l2", {"r_ohm": 0.0, "x_ohm": 0.0}, "W-ZEROZ", "x_ohm"),
    ("series", "s1", {"x_pu": 0.0}, "W-ZEROZ", "x_pu"),
    ("series", "s1", {"x_pu": 1e-12}, "W-TINYZ", "x_pu"),
    ("line", "l2", {"r_ohm": 0.0, "x_ohm": 1e-9}, "W-TINYZ", "x_ohm"),
    ("line", "l2", {"to_bus": "a"}, "W-LOOP", "to_bus"),
    ("transformer", "t1", {"tap_ratio": 0.0}, "E-TAP", "tap_ratio"),
    ("transformer", "t1", {"tap_ratio": -1.0}, "E-TAP", "tap_ratio"),
    ("generator", "g1", {"p_min_mw": 2000.0}, "E-LIMITS", "p_min_mw"),
    ("generator", "g1", {"q_min_mvar": 2.0, "q_max_mvar": 1.0}, "E-LIMITS", "q_min_mvar"),
    ("hvdc", "h1", {"p_mw": 201.0}, "E-LIMIT", "p_mw"),
    ("hvdc", "h1", {"p_mw": -201.0}, "E-LIMIT", "p_mw"),
    ("hvdc", "h1", {"p_mw": 10.0, "p_min_mw": 20.0}, "E-LIMIT", "p_mw"),
    ("hvdc", "h1", {"p_min_mw": 300.0}, "E-LIMITS", "p_min_mw"),
    ("storage", "e1", {"soc": -0.1}, "E-STORAGE", "soc"),
    ("storage", "e1", {"soc": 1.1}, "E-STORAGE", "soc"),
    ("storage", "e1", {"efficiency": 1.2}, "E-STORAGE", "efficiency"),
    ("storage", "e1", {"efficiency": 0.0}, "E-STORAGE", "efficiency"),
    ("storage", "e1", {"p_mw": -101.0}, "E-STORAGE", "p_mw"),
    ("storage", "e1", {"p_mw": -60.0, "charge_max_mw": 50.0}, "E-STORAGE", "p_mw"),
    ("storage", "e1", {"p_max_mw": -1.0}, "E-STORAGE", "p_max_mw"),
    ("storage", "e1", {"charge_max_mw": -1.0}, "E-STORAGE", "charge_max_mw"),
    ("load", "d1", {"p_mw": -300.0}, "W-NEGLOAD", "p_mw"),
    ("load", "d1", {"ride_through_vm_pu": 1.2}, "E-RANGE", "ride_through_vm_pu"),
    ("generator", "g1", {"behind_load": "d1"}, "E-BEHIND", "behind_load"),
    ("generator", "g1", {"behind_load": "d9"}, "E-REF", "behind_load"),
    ("line", "l1", {"rate_mva": 0.0}, "W-ZERORATE", "rate_mva"),
    ("line", "l1", {"x_ohm": 0.016}, "W-PLAUSIBLE", "x_ohm"),
    ("line", "l1", {"x_ohm": 16000.0}, "W-PLAUSIBLE", "x_ohm"),
    ("line", "l1", {"r_ohm": 1500.0}, "W-PLAUSIBLE", "r_ohm"),
    ("line", "l1", {"b_us": 200_000.0}, "W-PLAUSIBLE", "b_us"),
    ("line", "l1", {"r_ohm": 0.001}, "W-PLAUSIBLE", "r_ohm"),
    ("line", "l1", {"length_km": 50_000.0}, "W-PLAUSIBLE", "length_km"),
    ("snapshot_value", "v1", {"snapshot": "night"}, "E-SNAPSHOT", "snapshot"),
    ("snapshot_value", "v1", {"table": "loads"}, "E-SNAPSHOT", "table"),
    ("snapshot_value", "v1", {"table": "snapshot"}, "E-SNAPSHOT", "table"),
    ("snapshot_value", "v1", {"id": "d9"}, "E-SNAPSHOT", "id"),
    ("snapshot_value", "v1", {"column": "p"}, "E-SNAPSHOT", "column"),
    ("snapshot_value", "v1", {"value": "1,000"}, "E-SNAPSHOT", "value"),
    ("snapshot_value", "v1", {"value": "nan"}, "E-SNAPSHOT", "value"),
    ("snapshot_value", "v1", {"column": "in_service", "value": "yes"}, "E-SNAPSHOT", "value"),
    ("snapshot_value", "v1", {"column": "bus", "value": "a"}, "E-SNAPSHOT", "value"),
]


@pytest.mark.parametrize(("table", "row", "values", "code", "column"), ONE_CELL)
def test_one_bad_cell_is_found_and_named(table, row, values, code, column):
    issues = validate(change(build_good(), table, row, values))
    assert (table, row, column) in find(issues, code)
    found = next(issue for issue in issues if (issue.code, issue.id) == (code, row))
    assert found.severity == ("error" if code.startswith("E-") else "warning")
    assert found.value or list(values.values()) == [""]
    assert found.message


TAP_CONTROL = {
    "tap_bus": "c",
    "tap_min": 0.9,
    "tap_max": 1.1,
    "tap_step": 0.0125,
    "tap_vm_pu": 1.0,
    "tap_deadband_pu": 0.03,
}


def test_a_complete_tap_control_has_no_fault():
    assert validate(change(build_good(), "transformer", "t1", TAP_CONTROL)) == ()


@pytest.mark.parametrize(
    ("values", "code", "column"),
    [
        ({"tap_min": math.nan}, "E-TAPCONTROL", "tap_min"),
        ({"tap_max": math.nan}, "E-TAPCONTROL", "tap_max"),
        ({"tap_step": 0.0}, "E-TAPCONTROL", "tap_step"),
        ({"tap_vm_pu": math.nan}, "E-TAPCONTROL", "tap_vm_pu"),
        ({"tap_deadband_pu": math.nan}, "E-TAPCONTROL", "tap_deadband_pu"),
        ({"tap_bus": "a"}, "E-TAPCONTROL", "tap_bus"),
        ({"tap_ratio": 1.2}, "E-TAPCONTROL", "tap_ratio"),
        ({"x_pu": 1e-9}, "E-TAPCONTROL", "x_pu"),
        ({"tap_deadband_pu": 0.01}, "W-TAPBAND", "tap_deadband_pu"),
        ({"tap_bus": "999"}, "E-REF", "tap_bus"),
    ],
)
def test_what_a_tap_control_lacks_is_named(values, code, column):
    issues = validate(change(build_good(), "transformer", "t1", TAP_CONTROL | values))
    assert ("transformer", "t1", column) in find(issues, code)


def test_two_tap_changers_at_one_bus_aim_at_one_voltage():
    net = change(build_good(), "transformer", "t1", TAP_CONTROL)
    twin = net.transformer.rename(index={"t1": "t2"})
    both = pd.concat([net.transformer, twin])
    assert find(validate(net.replace(transformer=both)), "E-TAPCONTROL") == []
    both = pd.concat([net.transformer, twin.assign(tap_vm_pu=1.02)])
    found = find(validate(net.replace(transformer=both)), "E-TAPCONTROL")
    assert found == [("transformer", "t1", "tap_vm_pu"), ("transformer", "t2", "tap_vm_pu")]


def test_all_faults_come_at_once_errors_first():
    net = build_good()
    for table, row, values in [
        ("load", "d1", {"p_mw": math.nan}),
        ("line", "l2", {"to_bus": "999"}),
        ("transformer", "t1", {"tap_ratio": 0.0}),
        ("series", "s1", {"x_pu": -0.05}),
        ("storage", "e1", {"soc": 2.0}),
    ]:
        net = change(net, table, row, values)
    with pytest.raises(SchemaError) as caught:
        check_network(net)
    assert {issue.code for issue in caught.value.issues} == {"E-NAN", "E-REF", "E-TAP", "E-STORAGE"}
    severities = [issue.severity for issue in validate(net)]
    assert severities == sorted(severities)
    assert "W-NEGX" in {issue.code for issue in validate(net)}


def test_duplicate_bus_id_lists_both_rows():
    net = build_good()
    bus = net.bus
    bus.index = pd.Index(["a", "b", "a"], name="id")
    issues = [issue for issue in validate(net.replace(bus=bus)) if issue.code == "E-DUP"]
    assert [(issue.table, issue.id) for issue in issues] == [("bus", "a")]
    assert "1, 3" in issues[0].message


def test_an_id_in_two_branch_tables_is_a_duplicate():
    net = build_good()
    issues = validate(net.replace(series=net.series.rename(index={"s1": "l1"})))
    assert find(issues, "E-DUP") == [("series", "l1", "id")]


def test_a_row_without_id():
    net = build_good()
    issues = validate(net.replace(load=net.load.rename(index={"d1": ""})))
    assert find(issues, "E-NAN") == [("load", "", "id")]


def test_unrated_branches_are_counted_not_listed():
    net = build_good()
    net = net.replace(line=net.line.assign(rate_mva=np.nan, in_service=[True, False]))
    issues = [issue for issue in validate(net) if issue.code == "W-UNRATED"]
    assert [(issue.table, issue.value) for issue in issues] == [("line", "1")]


def test_isolated_load_is_named_with_its_power():
    net = build_good()
    bus = pd.concat([net.bus, pd.DataFrame({"vn_kv": [154.0]}, index=["lone"])])
    load = pd.concat([net.load, pd.DataFrame({"bus": ["lone"], "p_mw": [42.0]}, index=["d3"])])
    issues = validate(net.replace(bus=bus.astype(object), load=load.astype(object)))
    found = [issue for issue in issues if issue.code == "W-ISOLATED"]
    assert [(issue.id, issue.column, issue.value) for issue in found] == [("d3", "bus", "42 MW")]


def test_load_at_a_bus_out_of_service_is_isolated():
    net = change(build_good(), "bus", "c", {"in_service": False})
    assert find(validate(net), "W-ISOLATED") == [("load", "d2", "bus")]


def test_island_without_reference_says_which_bus_is_taken():
    net = change(build_good(), "bus", "a", {"reference": False})
    issues = [issue for issue in validate(net) if issue.code == "W-NOSLACK"]
    assert [issue.id for issue in issues] == ["a"]


def test_island_without_any_source_says_how_much_stays_unserved():
    net = change(build_good(), "bus", "a", {"reference": False})
    net = change(net, "generator", "g1", {"in_service": False})
    issues = [issue for issue in validate(net) if issue.code == "W-NOSLACK"]
    assert len(issues) == 1
    assert "400 MW" in issues[0].message


def test_two_references_at_one_angle_pass_and_at_two_are_told_of():
    net = change(build_good(), "bus", "b", {"reference": True})
    assert find(validate(net), "W-SLACK") == []
    net = change(net, "bus", "b", {"va_start_degree": -1.0})
    assert find(validate(net), "W-SLACK") == [("bus", "a", "reference")]
    assert not [issue for issue in validate(net) if issue.severity == "error"]
    alone = run_power_flow(net, options={"distributed_slack": False}).bus["va_degree"]
    assert alone[["a", "b"]].tolist() == pytest.approx([0.0, -1.0])
    shared = run_power_flow(net).bus["va_degree"]
    assert shared["a"] == pytest.approx(0.0)
    assert shared["b"] != pytest.approx(-1.0)


def test_empty_network():
    assert [issue.code for issue in validate(build_network("empty"))] == ["E-EMPTY"]


def test_one_bus_without_branch_is_fine():
    bus = pd.DataFrame({"vn_kv": [154.0], "reference": [True]}, index=["a"])
    load = pd.DataFrame({"bus": ["a"], "p_mw": [1.0]}, index=["d"])
    assert validate(build_network("one", bus=bus, load=load)) == ()


@pytest.mark.parametrize("base", [0.0, -100.0, math.nan, math.inf])
def test_power_base_must_be_a_positive_number(base):
    assert ("network", "good", "base_mva") in find(validate(build_good().replace(base_mva=base)), "E-RANGE")


def test_units_that_hold_one_bus_at_two_voltages():
    net = build_good()
    generator = pd.DataFrame(
        {"bus": "a", "p_max_mw": 10.0, "vm_pu": [1.0, 1.0, 1.02]}, index=["g1", "g2", "g3"]
    )
    assert find(validate(net.replace(generator=generator)), "W-SETPOINT") == [("generator", "g3", "vm_pu")]


@pytest.mark.parametrize("p_mw", [[0.0], [10.0, 10.0], [20.0, 10.0]])
def test_cost_curve_needs_rising_points(p_mw):
    points = pd.DataFrame({"generator": "g1", "p_mw": p_mw, "cost_per_h": 1.0}, index=range(len(p_mw)))
    assert len(find(validate(build_good().replace(cost_point=points)), "E-COST")) == 1


def test_line_shorter_than_the_straight_distance_of_its_ends():
    net = build_good()
    net = net.replace(bus=net.bus.assign(lat=[37.0, 36.0, 36.0], lon=127.0))
    assert find(validate(net), "W-PLAUSIBLE") == [("line", "l1", "length_km"), ("line", "l2", "length_km")]


def test_a_limit_broken_in_one_snapshot_only():
    net = change(build_good(), "snapshot_value", "v1", {"table": "hvdc", "id": "h1", "value": "250"})
    issues = [issue for issue in validate(net) if issue.severity == "error"]
    assert [(issue.code, issue.table, issue.id) for issue in issues] == [("E-LIMIT", "hvdc", "h1")]
    assert "peak" in issues[0].message


def test_a_cell_overridden_twice_in_one_snapshot():
    net = build_good()
    value = pd.concat([net.snapshot_value, net.snapshot_value.rename(index={"v1": "v2"})])
    assert find(validate(net.replace(snapshot_value=value)), "E-SNAPSHOT") == [
        ("snapshot_value", "v2", "value")
    ]


def test_interface_member_twice():
    net = change(build_good(), "interface", "i2", {"member": "l1"})
    assert find(validate(net), "E-INTERFACE") == [("interface", "i2", "member")]


def test_the_input_is_not_changed():
    net = change(build_good(), "load", "d1", {"p_mw": math.nan})
    before = {name: frame.copy() for name, frame in net.tables.items()}
    validate(net)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(frame, net.tables[name])


def test_ten_thousand_buses_take_less_than_a_second():
    n, m = 10_000, 16_000
    rng = np.random.default_rng(1)
    bus = pd.DataFrame({"vn_kv": 345.0, "reference": np.arange(n) == 0}, index=[f"b{i}" for i in range(n)])
    line = pd.DataFrame(
        {
            "from_bus": [f"b{i}" for i in rng.integers(0, n, m)],
            "to_bus": [f"b{i}" for i in rng.integers(0, n, m)],
            "r_ohm": 1.0,
            "x_ohm": 10.0,
            "rate_mva": -1.0,
        },
        index=[f"l{i}" for i in range(m)],
    )
    net = build_network("big", bus=bus, line=line)
    start = time.process_time()
    issues = validate(net)
    assert time.process_time() - start < 1.0
    assert len(find(issues, "E-RANGE")) == m


def test_a_length_of_one_kilometre_is_a_placeholder_not_a_fault():
    net = build_good()
    assert find(validate(net.replace(line=net.line.assign(length_km=1.0))), "W-PLAUSIBLE") == []


def test_a_transformer_may_have_negative_resistance_with_a_warning_only():
    issues = validate(change(build_good(), "transformer", "t1", {"r_pu": -0.01}))
    assert [issue.code for issue in issues] == ["W-NEGR"]
