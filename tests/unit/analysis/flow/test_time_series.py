"""Time series against one power flow per hour, ours and pandapower's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.analysis.flow.time_series import TimeSeries
from gridhub.model.network import Network
from tests.small_networks import make_double_feed, make_meshed, make_table, make_two_buses
from tests.unit.analysis.security.test_security import make_criteria

Profiles = dict[tuple[str, str], pd.DataFrame]
HOURS = pd.date_range("2026-01-01", periods=6, freq="h")


def make_full(seed: int) -> Network:
    """A meshed network with storage and a link beside loads and units, and narrow ratings."""
    net = make_meshed(seed)
    line = net.line
    line["rate_mva"] *= 0.4
    return net.replace(
        line=line,
        storage=make_table(id=["battery"], bus="bus 3", p_mw=5.0, q_mvar=1.0, p_max_mw=50.0, e_mwh=100.0),
        hvdc=make_table(
            id=["link"], from_bus="bus 2", to_bus="bus 7", p_mw=20.0, loss_mw=0.5, loss_percent=1.0
        ),
    )


def make_profiles(net: Network, seed: int, spread: float = 0.3) -> Profiles:
    """Profiles of some rows of every column that may vary."""
    rng = np.random.default_rng(seed)
    profiles = {}
    for table, column, rows in (
        ("load", "p_mw", 9),
        ("load", "q_mvar", 5),
        ("generator", "p_mw", 2),
        ("storage", "p_mw", 1),
        ("storage", "q_mvar", 1),
        ("hvdc", "p_mw", 1),
    ):
        own = net.tables[table][column].iloc[:rows]
        factor = rng.uniform(1 - spread, 1 + spread, (len(HOURS), len(own)))
        if table in ("storage", "hvdc"):
            factor *= rng.choice([-1.0, 1.0], factor.shape)
        profiles[table, column] = pd.DataFrame(factor * own.to_numpy(), index=HOURS, columns=own.index)
    return profiles


def run_alone(net: Network, profiles: Profiles, hour: Any, **arguments: Any) -> PowerFlow:
    """Solve one hour by itself, its values written into the tables."""
    changed: dict[str, pd.DataFrame] = {}
    for (table, column), frame in profiles.items():
        rows = changed.setdefault(table, getattr(net, table))
        rows.loc[frame.columns, column] = frame.loc[hour]
    return gh.run_power_flow(net.replace(**changed), **arguments)


def compare_hour(ts: TimeSeries, hour: Any, alone: PowerFlow) -> None:
    row, summary = ts.status.loc[hour], alone.summary
    assert row["status"] == str(alone.status)
    for name in ("load_mw", "unserved_mw", "generation_mw", "losses_mw"):
        expected = summary[name] + (summary["external_mw"] if name == "generation_mw" else 0.0)
        assert row[name] == pytest.approx(expected, abs=1e-4), name
    assert row["worst_loading_percent"] == pytest.approx(summary["worst_loading_percent"], abs=1e-5)
    assert row["worst_element"] == summary["worst_branch"]
    assert ts.p_from_mw is not None
    assert ts.p_from_mw.loc[hour].to_numpy() == pytest.approx(
        alone.branch["p_from_mw"].to_numpy(), abs=1e-4, nan_ok=True
    )
    if ts.method == "ac":
        assert ts.vm_pu is not None
        assert ts.vm_pu.loc[hour].to_numpy() == pytest.approx(
            alone.bus["vm_pu"].to_numpy(), abs=1e-7, nan_ok=True
        )


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("method", ["ac", "dc"])
@pytest.mark.parametrize("seed", range(3))
def test_every_hour_equals_solving_it_alone(seed: int, method: Any, limits: bool) -> None:
    net = make_full(seed)
    profiles = make_profiles(net, seed)
    options = {"reactive_limits": limits}
    ts = gh.run_time_series(net, profiles, method, options, keep="all")
    loading = {}
    for hour in HOURS:
        alone = run_alone(net, profiles, hour, method=method, options=options)
        compare_hour(ts, hour, alone)
        loading[hour] = alone.branch["loading_percent"]
    table = pd.DataFrame(loading)
    assert ts.branch["worst_loading_percent"].to_numpy() == pytest.approx(
        table.max(axis=1).to_numpy(), abs=1e-5
    )
    # where several hours are level, to the solver's tolerance, any of them is the worst
    there = [table.loc[branch, hour] for branch, hour in ts.branch["worst_hour"].items()]
    assert there == pytest.approx(table.max(axis=1).to_numpy(), abs=1e-5)
    assert list(ts.branch["hours_above_100"]) == list((table > 100.0 + 1e-6).sum(axis=1))
    assert list(ts.branch["hours_above_90"]) == list((table > 90.0 + 1e-6).sum(axis=1))
    over = table.T.stack()
    over = over[over > 100.0 + 1e-6]
    assert len(over), "no hour is overloaded: the comparison says nothing"
    found = ts.violations.set_index(["hour", "element"])["loading_percent"]
    assert sorted(found.index) == sorted(over.index)
    assert found.to_numpy() == pytest.approx(over.reindex(found.index).to_numpy(), abs=1e-5)


@pytest.mark.parametrize("method", ["ac", "dc"])
def test_keep_only_changes_what_is_kept(method: Any) -> None:
    net = make_full(1)
    profiles = make_profiles(net, 1)
    some, every = (gh.run_time_series(net, profiles, method, keep=keep) for keep in ("violations", "all"))
    assert some.p_from_mw is None
    assert some.vm_pu is None
    pd.testing.assert_frame_equal(some.branch, every.branch)
    pd.testing.assert_frame_equal(some.violations, every.violations)
    unknown = ["generation_mw", "losses_mw"] if method == "ac" else []
    assert some.status[unknown].isna().all(axis=None)
    pd.testing.assert_frame_equal(some.status.drop(columns=unknown), every.status.drop(columns=unknown))


@pytest.mark.parametrize(("name", "method"), [("case14", "ac"), ("case118", "ac"), ("case118", "dc")])
def test_hours_equal_pandapower(name: str, method: Any) -> None:
    import pandapower

    peer = getattr(pandapower.networks, name)()
    net, _ = gh.from_pandapower(peer)
    rng = np.random.default_rng(7)
    hours = range(3)
    load = net.tables["load"]
    factor = rng.uniform(0.8, 1.15, (len(hours), len(load)))
    columns = {name: load[name].to_numpy() for name in ("p_mw", "q_mvar")}
    profiles = {
        ("load", name): pd.DataFrame(factor * own, columns=load.index) for name, own in columns.items()
    }
    options = {"distributed_slack": False, "reactive_limits": False, "start": "dc"}
    ts = gh.run_time_series(net, profiles, method, options, keep="all")
    own = pd.Index([f"load:{i}" for i in peer.load.index]).get_indexer(load.index)
    assert ts.p_from_mw is not None
    for hour in hours:
        for column in columns:
            values = peer.load[column].to_numpy().copy()
            values[own] = profiles["load", column].loc[hour].to_numpy()
            peer.load[column] = values
        if method == "ac":
            pandapower.runpp(peer, trafo_model="pi", init="dc", tolerance_mva=1e-8, numba=True)
            assert ts.vm_pu is not None
            assert ts.vm_pu.loc[hour].to_numpy() == pytest.approx(
                peer.res_bus["vm_pu"].loc[ts.vm_pu.columns.astype(int)].to_numpy(), abs=1e-6
            )
        else:
            pandapower.rundcpp(peer, trafo_model="pi")
        lines = [f"line:{i}" for i in peer.line.index]
        assert ts.p_from_mw.loc[hour, lines].to_numpy() == pytest.approx(
            peer.res_line["p_from_mw"].to_numpy(), abs=1e-3
        )


@pytest.mark.parametrize("method", ["ac", "dc"])
def test_the_reference_alone_may_balance_every_hour(method: Any) -> None:
    net = make_full(1)
    profiles = make_profiles(net, 4)
    options = {"distributed_slack": False}
    ts = gh.run_time_series(net, profiles, method, options, keep="all")
    for hour in HOURS:
        compare_hour(ts, hour, run_alone(net, profiles, hour, method=method, options=options))


def test_slices_of_hours_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_full(2)
    profiles = make_profiles(net, 2)
    profiles["load", "p_mw"].iloc[3] = 1e5  # an hour without a solution in the middle
    whole = gh.run_time_series(net, profiles, keep="all")
    monkeypatch.setattr("gridhub.analysis.flow.hours.SLICE", 2)
    sliced = gh.run_time_series(net, profiles, keep="all")
    assert whole.p_from_mw is not None
    pd.testing.assert_frame_equal(whole.status, sliced.status)
    pd.testing.assert_frame_equal(whole.branch, sliced.branch)
    pd.testing.assert_frame_equal(whole.violations, sliced.violations)
    pd.testing.assert_frame_equal(whole.p_from_mw, sliced.p_from_mw)


@pytest.mark.parametrize("method", ["ac", "dc"])
def test_no_profile_is_the_snapshot_as_one_hour(method: Any) -> None:
    net = make_full(2)
    ts = gh.run_time_series(net, method=method, keep="all")
    assert len(ts.status) == 1
    compare_hour(ts, ts.status.index[0], gh.run_power_flow(net, method=method))


def test_profiles_go_into_the_snapshot_asked_for() -> None:
    net = make_two_buses()
    value = {"snapshot": "night", "table": "load", "id": "demand", "column": "p_mw", "value": "100.0"}
    net = net.replace(
        snapshot=make_table(id=["day", "night"], time="", note=""),
        snapshot_value=pd.DataFrame([value]),
    )
    for snapshot, mw in (("day", 500.0), ("night", 100.0), (None, 500.0)):
        alone = gh.run_time_series(net, snapshot=snapshot)
        assert alone.status["load_mw"].tolist() == [mw]
        assert list(alone.status.index) == [snapshot or "day"]
        profiles = {("load", "q_mvar"): pd.DataFrame({"demand": [1.0, 2.0]})}
        ts = gh.run_time_series(net, profiles, "ac", snapshot=snapshot)
        assert ts.status["load_mw"].tolist() == [mw, mw]
        assert ts.snapshot == (snapshot or "day")


def test_an_hour_without_a_solution_is_a_row_and_its_neighbours_stand() -> None:
    net = make_double_feed()
    hours = ["calm", "too much", "busy"]
    hopeless = {("load", "p_mw"): pd.DataFrame({"at b": [300.0, 5e5, 500.0]}, index=hours)}
    calm = {("load", "p_mw"): pd.DataFrame({"at b": [300.0, 500.0]}, index=["calm", "busy"])}
    for method in ("ac", "dc"):
        ts, without = (gh.run_time_series(net, profiles, method, keep="all") for profiles in (hopeless, calm))
        row = ts.status.loc["too much"]
        assert row["status"] not in ("CONVERGED", "ISLANDED")
        assert row["reason"]
        assert np.isnan(row[["worst_loading_percent", "generation_mw", "losses_mw"]].astype(float)).all()
        assert row["load_mw"] == 5e5 + 100.0
        assert ts.summary[row["status"]] == 1
        assert ts.p_from_mw is not None
        assert without.p_from_mw is not None
        assert ts.p_from_mw.loc["too much"].isna().all()
        neighbours = ts.p_from_mw.loc[["calm", "busy"]].to_numpy()
        assert neighbours == pytest.approx(without.p_from_mw.to_numpy(), abs=1e-6)
        assert ts.branch.loc["ab1", "worst_hour"] == "busy"


def test_an_hour_the_units_cannot_balance_says_by_how_much() -> None:
    net = make_two_buses()  # one unit, 0-2,000 MW
    unit = net.generator
    unit["p_min_mw"] = 100.0
    profiles = {("load", "p_mw"): pd.DataFrame({"demand": [2300.0, 40.0]}, index=["peak", "night"])}
    profiles["generator", "p_mw"] = pd.DataFrame({"unit": [500.0, 500.0]}, index=["peak", "night"])
    ts = gh.run_time_series(net.replace(generator=unit), profiles)
    assert ts.status["status"].tolist() == ["NOT_CONVERGED"] * 2
    assert "lack 300.0 MW" in ts.status.loc["peak", "reason"]
    assert "shed 60.0 MW" in ts.status.loc["night", "reason"]


def test_dead_parts_are_unserved_in_every_hour() -> None:
    net = make_double_feed()
    line = net.line
    line.loc["bc", "in_service"] = False
    net = net.replace(line=line)
    profiles = {("load", "p_mw"): pd.DataFrame({"at c": [50.0, 0.0]})}
    for method in ("ac", "dc"):
        ts = gh.run_time_series(net, profiles, method)
        assert ts.status["status"].tolist() == ["ISLANDED", "CONVERGED"]
        assert ts.status["unserved_mw"].tolist() == [50.0, 0.0]
        assert ts.status["load_mw"].tolist() == [400.0, 400.0]


def test_voltages_are_judged_by_the_criteria_of_the_normal_state() -> None:
    net = make_double_feed(p_mw=1200.0)
    profiles = {("load", "q_mvar"): pd.DataFrame({"at b": [0.0, 900.0]})}
    ts = gh.run_time_series(net, profiles, "ac", criteria=make_criteria(), keep="all")
    assert ts.criteria == "strict"
    assert ts.vm_pu is not None
    low, high = 338.0 / 345.0, 362.0 / 345.0
    expected = [
        (hour, bus, kind)
        for hour in (0, 1)
        for kind, wrong in (
            ("voltage_low", ts.vm_pu.loc[hour] < low - 1e-6),
            ("voltage_high", ts.vm_pu.loc[hour] > high + 1e-6),
        )
        for bus in ts.vm_pu.columns[wrong]
    ]
    found = ts.violations[ts.violations["kind"] != "thermal"]
    assert [tuple(row) for row in found[["hour", "element", "kind"]].to_numpy()] == expected
    assert {bus for _, bus, _ in expected} == {"b", "c"}
    assert found["limit"].to_numpy() == pytest.approx(low)
    assert found["value"].to_numpy() == pytest.approx(ts.vm_pu.loc[1, found["element"]].to_numpy())
    assert not (gh.run_time_series(net, profiles, "ac", criteria=None).violations["unit"] == "p.u.").any()


@pytest.mark.parametrize("method", ["ac", "dc"])
@pytest.mark.parametrize("rated", [True, False])
def test_joined_buses_and_the_flow_through_the_join(method: Any, rated: bool) -> None:
    net = make_double_feed(p_mw=1200.0)
    bus, line, load = net.bus, net.line, net.load
    bus.loc["d"] = bus.loc["c"]
    line.loc["cd"] = line.loc["bc"]
    line.loc["cd", ["from_bus", "to_bus"]] = ["c", "d"]
    line.loc["cd", ["r_ohm", "x_ohm", "b_us", "rate_mva"]] = [0.0, 0.0, 0.0, 50.0 if rated else np.nan]
    load.loc["at d"] = load.loc["at c"]
    load.loc["at d", "bus"] = "d"
    net = net.replace(bus=bus, line=line, load=load)
    profiles = {
        ("load", "p_mw"): pd.DataFrame({"at d": [40.0, 70.0, 1e6]}),
        ("load", "q_mvar"): pd.DataFrame({"at b": [1000.0, 1000.0, 0.0]}),
    }
    ts = gh.run_time_series(net, profiles, method, criteria=make_criteria(), keep="all")
    for hour in (0, 1):
        compare_hour(ts, hour, run_alone(net, profiles, hour, method=method))
    assert ts.status.loc[2, "status"] == "NOT_CONVERGED"
    some = gh.run_time_series(net, profiles, method, criteria=make_criteria())
    pd.testing.assert_frame_equal(some.branch, ts.branch)
    assert np.isnan(ts.branch.loc["cd", "worst_loading_percent"]) != rated
    low = some.violations[some.violations["kind"] == "voltage_low"]
    assert low["element"].tolist() == (["b", "c", "d"] * 2 if method == "ac" else [])


def test_reactive_power_stays_or_keeps_the_power_factor() -> None:
    net = make_double_feed()
    mw = pd.DataFrame({"at b": [200.0, 800.0]})
    stays = gh.run_time_series(net, {("load", "p_mw"): mw}, "ac", keep="all")
    moves = gh.run_time_series(net, {("load", "p_mw"): mw}, "ac", keep="all", keep_power_factor=True)
    by_hand = {
        ("load", "p_mw"): mw,
        ("load", "q_mvar"): pd.DataFrame({"at b": [15.0, 60.0], "at c": [10.0, 10.0]}),
    }
    expected = gh.run_time_series(net, by_hand, "ac", keep="all")
    assert moves.vm_pu is not None
    assert expected.vm_pu is not None
    assert stays.vm_pu is not None
    assert moves.vm_pu.to_numpy() == pytest.approx(expected.vm_pu.to_numpy(), abs=1e-9)
    assert np.abs(stays.vm_pu - moves.vm_pu).to_numpy().max() > 1e-3
    # a load whose reactive power has a profile follows that
    given = gh.run_time_series(
        net,
        {("load", "p_mw"): mw, ("load", "q_mvar"): pd.DataFrame({"at b": [30.0, 30.0]})},
        "ac",
        keep="all",
        keep_power_factor=True,
    )
    assert given.vm_pu is not None
    assert given.vm_pu.to_numpy() == pytest.approx(stays.vm_pu.to_numpy(), abs=1e-9)


def test_unrated_branches_have_no_worst_hour() -> None:
    net = make_double_feed()
    line = net.line
    line.loc["bc", "rate_mva"] = np.nan
    ts = gh.run_time_series(net.replace(line=line), {("load", "p_mw"): pd.DataFrame({"at b": [1.0, 2.0]})})
    assert ts.summary["unrated_branches"] == 1
    assert ts.branch.loc["bc", ["worst_loading_percent", "worst_hour"]].isna().all()
    assert ts.branch.loc["ab1", "worst_hour"] == 1


@pytest.mark.parametrize("method", ["dc", "ac"])
def test_a_rating_of_zero_is_passed_in_every_hour_with_a_flow(method: Any) -> None:
    net = make_double_feed()
    line = net.line
    line.loc["ab1", "rate_mva"] = 0.0
    series = gh.run_time_series(net.replace(line=line), method=method)
    assert series.violations["element"].tolist() == ["ab1"]
    assert series.branch.at["ab1", "worst_loading_percent"] == np.inf
    assert series.status["worst_element"].tolist() == ["ab1"]


def test_progress_counts_the_hours() -> None:
    seen: list[tuple[int, int]] = []
    profiles = {("load", "p_mw"): pd.DataFrame({"at b": [1.0, 2.0, 3.0]})}
    for method in ("ac", "dc"):
        seen.clear()
        gh.run_time_series(
            make_double_feed(), profiles, method, progress=lambda done, count: seen.append((done, count))
        )
        assert seen[-1] == (3, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"method": "opf"}, "opf"),
        ({"keep": "some"}, "some"),
        ({"options": {"tolerence": 1.0}}, "tolerance"),
    ],
)
def test_unknown_choices_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(gh.InputError.__base__, match=text):
        gh.run_time_series(make_double_feed(), **arguments)


def test_the_options_are_echoed_and_the_input_is_untouched() -> None:
    net = make_full(0)
    before = {name: table.copy() for name, table in net.tables.items()}
    profiles = make_profiles(net, 0)
    copies = {key: frame.copy() for key, frame in profiles.items()}
    ts = gh.run_time_series(net, profiles, options={"tolerance": 1e-6})
    assert ts.options.tolerance == 1e-6
    assert all(net.tables[name].equals(table) for name, table in before.items())
    assert all(profiles[key].equals(frame) for key, frame in copies.items())
