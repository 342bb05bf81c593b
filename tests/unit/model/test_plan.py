"""The network of a planned year: what joins, changes, leaves and grows, on three buses checked by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.errors import InputError, OptionError, SchemaError
from gridhub.model.network import Network, build_network
from gridhub.model.plan import Plan, apply_plan, find_needs, find_waiting
from gridhub.model.snapshot import apply_snapshot


def build_small() -> Network:
    bus = pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"])
    line = pd.DataFrame(
        {"from_bus": "a", "to_bus": "b", "length_km": 10.0, "r_ohm": 0.3, "x_ohm": 3.0, "rate_mva": 1000.0},
        index=["ab"],
    )
    load = pd.DataFrame({"bus": ["b"], "p_mw": [100.0], "q_mvar": [10.0]}, index=["town"])
    generator = pd.DataFrame(
        {
            "bus": ["a", "a", "b"],
            "p_mw": [60.0, 30.0, 10.0],
            "p_max_mw": [200.0, 100.0, 20.0],
            "vm_pu": [1.0, 1.0, float("nan")],
            "regulating": [True, True, False],
            "fuel": ["lng", "coal", "solar"],
        },
        index=["gas", "coal", "sun"],
    )
    values = pd.DataFrame(
        [("night", "load", "town", "p_mw", "50.0"), ("night", "generator", "sun", "p_mw", "0.0")],
        columns=["snapshot", "table", "id", "column", "value"],
    )
    snapshot = pd.DataFrame({"note": ["a peak", "a night", "rain"]}, index=["peak", "night", "wet"])
    return build_network(
        "small",
        vintage="2025-12-31",
        bus=bus,
        line=line,
        load=load,
        generator=generator,
        snapshot=snapshot,
        snapshot_value=values,
    )


def build_plan(**changes: object) -> Plan:
    project = pd.DataFrame(
        {
            "kind": ["line", "retirement", "plant", "programme"],
            "planned_year": [2025.0, 2027.0, 2030.0, 2026.0],
            "year": [2027.0, 2027.0, 2030.0, float("nan")],
            "reason": ["", "", "", "names not public"],
            "source": "a press article",
            "confidence": "low",
        },
        index=["second-line", "coal-out", "new-plant", "vague"],
    )
    line = pd.DataFrame(
        {
            "from_bus": "a",
            "to_bus": "b",
            "length_km": 10.0,
            "r_ohm": 0.3,
            "x_ohm": 3.0,
            "rate_mva": 1000.0,
            "project": "second-line",
        },
        index=["ab2"],
    )
    plant = pd.DataFrame(
        {"bus": "b", "p_mw": 40.0, "p_max_mw": 80.0, "fuel": "lng", "project": "new-plant"}, index=["new"]
    )
    change = pd.DataFrame(
        [
            ("second-line", "line", "ab", "rate_mva", "900.0"),
            ("coal-out", "generator", "coal", "", ""),
            ("new-plant", "generator", "gas", "p_max_mw", "150.0"),
        ],
        columns=["project", "table", "row", "column", "value"],
        index=["1", "2", "3"],
    )
    growth = pd.DataFrame(
        [
            (2027, "load", "p_mw", "", 1.1),
            (2027, "load", "q_mvar", "", 1.1),
            (2027, "generator", "p_mw", "solar", 2.0),
            (2027, "generator", "p_max_mw", "solar", 2.0),
            (2030, "load", "p_mw", "", 1.2),
        ],
        columns=["year", "table", "column", "fuel", "factor"],
    )
    columns = ["snapshot", "table", "id", "column", "value"]
    near = [("peak", "generator", "gas", "p_mw", "90.0"), ("night", "generator", "gas", "p_mw", "55.0")]
    far = [("peak", "generator", "gas", "p_mw", "70.0"), ("peak", "load", "town", "p_mw", "130.0")]
    operation = {2027: pd.DataFrame(near, columns=columns), 2030: pd.DataFrame(far, columns=columns)}
    parts = {
        "project": project,
        "rows": {"line": line, "generator": plant},
        "change": change,
        "growth": growth,
        "operation": operation,
    }
    return Plan(**{**parts, **changes})  # type: ignore[arg-type]


def test_what_is_due_joins_changes_and_leaves() -> None:
    net = apply_plan(build_small(), build_plan(), 2027)
    assert list(net.line.index) == ["ab", "ab2"]
    assert net.line.rate_mva["ab"] == 900.0
    assert list(net.generator.index) == ["gas", "sun"]
    assert net.generator.p_max_mw["gas"] == 200.0  # the change of 2030 is not due
    assert net.name == "small@2027"
    assert net.vintage == "2027-12-31"


def test_later_years_hold_what_came_before() -> None:
    net = apply_plan(build_small(), build_plan(), 2030)
    assert list(net.line.index) == ["ab", "ab2"]
    assert list(net.generator.index) == ["gas", "sun", "new"]
    assert net.generator.p_max_mw["gas"] == 150.0


def test_projects_say_whether_they_stand_and_why_not() -> None:
    project = apply_plan(build_small(), build_plan(), 2027).project
    assert project.applied.to_dict() == {
        "second-line": True,
        "coal-out": True,
        "new-plant": False,
        "vague": False,
    }
    assert project.reason.to_dict() == {
        "second-line": "",
        "coal-out": "",
        "new-plant": "expected in 2030",
        "vague": "names not public",
    }
    assert project.source["vague"] == "a press article"


def test_load_and_sun_grow_in_the_tables_and_in_every_snapshot() -> None:
    net = apply_plan(build_small(), build_plan(), 2027)
    assert net.load.p_mw["town"] == pytest.approx(110.0)
    assert net.load.q_mvar["town"] == pytest.approx(11.0)
    assert net.generator.p_max_mw.to_dict() == {"gas": 200.0, "sun": 40.0}
    night = apply_snapshot(net, "night")
    assert night.load.p_mw["town"] == pytest.approx(55.0)
    assert night.generator.p_mw.to_dict() == {"gas": 55.0, "sun": 0.0}


def test_the_operation_of_the_year_has_the_last_word_and_names_its_snapshots() -> None:
    net = apply_plan(build_small(), build_plan(), 2030)
    assert net.snapshots == ("peak",)
    assert apply_snapshot(net, "peak").load.p_mw["town"] == 130.0
    assert net.snapshot.note["peak"] == "planned year 2030, grown from: a peak"


def test_rows_that_come_later_do_not_grow() -> None:
    growth = pd.DataFrame(
        [(2030, "generator", "p_max_mw", "lng", 2.0)], columns=["year", "table", "column", "fuel", "factor"]
    )
    net = apply_plan(build_small(), build_plan(growth=growth), 2030)
    assert net.generator.p_max_mw["new"] == 80.0
    assert net.generator.p_max_mw["gas"] == 300.0


def test_the_network_it_comes_from_is_left_alone() -> None:
    net, plan = build_small(), build_plan()
    before = {name: net.tables[name].copy() for name in net.tables}
    apply_plan(net, plan, 2030)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(net.tables[name], frame)
    assert plan.growth.factor.tolist() == [1.1, 1.1, 2.0, 2.0, 1.2]


def test_two_equal_lines_share_the_flow_of_the_planned_year() -> None:
    flow = run_power_flow(apply_plan(build_small(), build_plan(), 2027), "peak", method="dc")
    # 110 MW of load less 20 MW of sun at b
    assert flow.branch.p_from_mw.to_dict() == {"ab": pytest.approx(45.0), "ab2": pytest.approx(45.0)}


@pytest.mark.parametrize("year", [2020, 2025, 2028, 2050])
def test_a_year_without_plans_is_refused_with_the_years_there_are(year: int) -> None:
    with pytest.raises(OptionError, match=rf"2025-12-31.*no plans for {year}; years: 2027, 2030"):
        apply_plan(build_small(), build_plan(), year)


def test_every_fault_of_the_plans_is_told_at_once() -> None:
    change = pd.DataFrame(
        [
            ("second-line", "line", "ghost", "rate_mva", "1.0"),
            ("second-line", "line", "ab", "weight", "1.0"),
            ("second-line", "line", "ab", "rate_mva", "much"),
        ],
        columns=["project", "table", "row", "column", "value"],
    )
    plan = build_plan(change=change)
    twice = plan.rows["line"].rename(index={"ab2": "ab"})
    with pytest.raises(InputError) as caught:
        apply_plan(build_small(), build_plan(change=change, rows={"line": twice}), 2027)
    assert len(caught.value.issues) == 4
    assert {issue.code for issue in caught.value.issues} == {"E-PLAN"}


def test_an_operation_of_what_does_not_stand_is_refused() -> None:
    columns = ["snapshot", "table", "id", "column", "value"]
    operation = {2027: pd.DataFrame([("peak", "generator", "new", "p_mw", "1.0")], columns=columns)}
    with pytest.raises(SchemaError, match="new"):
        apply_plan(build_small(), build_plan(operation=operation), 2027)


def test_a_late_project_is_missing_with_what_waits_for_it_and_its_operation() -> None:
    bus = pd.DataFrame({"vn_kv": 345.0, "project": "station"}, index=["c"])
    line = pd.DataFrame(
        {"from_bus": "b", "to_bus": "c", "length_km": 9.0, "r_ohm": 0.3, "x_ohm": 3.0, "project": "spur"},
        index=["bc"],
    )
    load = pd.DataFrame({"bus": "c", "p_mw": 7.0, "q_mvar": 0.0, "project": "town-2"}, index=["second"])
    table = {"kind": ["station", "line", "load"], "planned_year": 2026.0, "year": 2027.0, "reason": ""}
    project = pd.DataFrame({**table, "source": "s", "confidence": "low"}, index=["station", "spur", "town-2"])
    operation = pd.DataFrame(
        [("peak", "load", "second", "p_mw", "8.0"), ("peak", "load", "town", "p_mw", "99.0")],
        columns=["snapshot", "table", "id", "column", "value"],
    )
    plan = build_plan(
        project=project,
        rows={"bus": bus, "line": line, "load": load},
        change=build_plan().change.iloc[:0],
        operation={2027: operation},
    )
    assert find_needs(plan) == {"station": (), "spur": ("station",), "town-2": ("station",)}
    full = apply_plan(build_small(), plan, 2027)
    assert apply_snapshot(full, "peak").load.p_mw.to_dict() == {"town": 99.0, "second": 8.0}
    cut = apply_plan(build_small(), plan, 2027, late=["station"])
    assert list(cut.bus.index) == ["a", "b"] and list(cut.line.index) == ["ab"]
    assert apply_snapshot(cut, "peak").load.p_mw.to_dict() == {"town": 99.0}
    assert cut.project.reason.to_dict() == {
        "station": "late",
        "spur": "late, with station",
        "town-2": "late, with station",
    }
    assert not cut.project.applied.any()
    spur = apply_plan(build_small(), plan, 2027, late=["spur"])
    assert list(spur.bus.index) == ["a", "b", "c"] and list(spur.load.index) == ["town", "second"]


def test_a_late_project_that_is_not_planned_is_refused() -> None:
    with pytest.raises(InputError, match="no such project"):
        apply_plan(build_small(), build_plan(), 2027, late=["ghost"])


def test_what_waits_through_another_waits_too() -> None:
    needs = {"a": (), "b": ("a",), "c": ("b",), "d": ()}
    assert find_waiting(needs, ["a"]) == {"b": "a", "c": "b"}
    assert find_waiting(needs, ["d"]) == {}
