"""Security over hours: against `run_security` of each hour alone, and power flows outage by outage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.security import blocks as security_blocks
from gridhub.analysis.security import hours as security_hours
from gridhub.analysis.security.hours import SecurityHours, run_security_hours
from gridhub.errors import InputError, NotConverged, OutputError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.rating_rules import RatingRule
from tests.small_networks import load_rated_case118, make_double_feed, make_meshed
from tests.unit.analysis.security.test_screening_voltage import make_band

Profiles = dict[tuple[str, str], pd.DataFrame]
TEXTS = ["contingency", "element", "kind", "unit"]
NUMBERS = ["limit", "value", "loading_percent", "base_value"]


def vary_hours(net: Network, seed: int, count: int = 3, spread: float = 0.05) -> Profiles:
    """Loads and units of the tables, each moved a little at random."""
    rng = np.random.default_rng(seed)
    hours = [f"hour {i}" for i in range(count)]
    tables = [table for table in ("load", "generator", "hvdc", "storage") if len(getattr(net, table))]
    return {
        (table, "p_mw"): pd.DataFrame(
            getattr(net, table)["p_mw"].to_numpy()
            * rng.uniform(1 - spread, 1 + spread, (count, len(getattr(net, table)))),
            index=hours,
            columns=getattr(net, table).index,
        )
        for table in tables
    }


def settle(net: Network, snapshot: str) -> Network:
    """The tables of a stored state, with nothing left to apply."""
    state = apply_snapshot(net, snapshot)
    return state.replace(snapshot=state.snapshot.iloc[:0], snapshot_value=state.snapshot_value.iloc[:0])


def put_hour(net: Network, profiles: Profiles, hour: str) -> Network:
    """The network with one hour in its tables, reactive power of loads in proportion."""
    changed = {}
    for (table, column), frame in profiles.items():
        own = getattr(net, table)
        if table == "load":
            ratio = frame.loc[hour] / own[column].reindex(frame.columns)
            own.loc[frame.columns, "q_mvar"] *= ratio.fillna(1.0)
        own.loc[frame.columns, column] = frame.loc[hour]
        changed[table] = own
    return net.replace(**changed)


def check_equal_to_each_hour_alone(
    found: SecurityHours, alone: dict[str, gh.Network], criteria: object
) -> None:
    """Every number of the hours against `run_security` without a screen."""
    verdicts = []
    status = dict.fromkeys(found.status.index, 0)
    for hour, net in alone.items():
        sec = gh.run_security(
            net,
            found.contingencies,
            criteria=criteria,
            screen=None,
            options=found.options,  # type: ignore[arg-type]
        )
        own = found.violations[found.violations["hour"] == hour].reset_index(drop=True)
        assert len(own) == len(sec.violations)
        for name in TEXTS:
            assert own[name].astype(str).tolist() == sec.violations[name].tolist(), (hour, name)
        for name in NUMBERS:
            np.testing.assert_allclose(own[name], sec.violations[name].astype(float), rtol=1e-9, atol=1e-9)
        row = found.hours.loc[hour]
        for name in ("CONVERGED", "ISLANDED", "NOT_CONVERGED", "UNREALISTIC", "SINGULAR"):
            assert row[name.lower()] == (sec.status["status"] == name).sum()
        assert row["violations"] == len(sec.violations)
        assert row["base_violations"] == sec.summary["base_violations"]
        assert row["worst_loading_percent"] == pytest.approx(sec.status["worst_loading_percent"].max())
        assert row["largest_lost_load_mw"] == pytest.approx(sec.status["lost_load_mw"].max())
        verdicts.append(sec.verdict)
        for contingency, rows in own.groupby("contingency", observed=True):
            if contingency:
                status[contingency] += len(rows)
        unsolved = found.unsolved[found.unsolved["hour"] == hour]
        lost = sec.status[~sec.status["status"].isin(["CONVERGED", "ISLANDED"])]
        assert unsolved["contingency"].tolist() == lost.index.tolist()
    assert found.hours["verdict"].tolist() == verdicts
    assert found.status["violations"].to_dict() == status


def test_equals_each_hour_alone_on_case118() -> None:
    net = load_rated_case118()
    rng = np.random.default_rng(3)
    every = gh.list_contingencies(net, kinds=["line", "transformer", "generator", "shunt"])
    pairs = [tuple(rng.choice(net.branches().index, 2, replace=False).tolist()) for _ in range(20)]
    cset = pd.concat(
        [every, pd.DataFrame({"kind": "", "elements": pairs}, index=[f"pair {i}" for i in range(20)])]
    )
    profiles = vary_hours(net, 0)
    found = run_security_hours(net, profiles, cset, options={"reactive_limits": True})
    assert len(found.violations) > 100
    assert found.hours["islanded"].min() > 0
    alone = {hour: put_hour(net, profiles, hour) for hour in found.hours.index}
    check_equal_to_each_hour_alone(found, alone, "network")


def test_ratings_by_class_hold_in_every_hour() -> None:
    net = load_rated_case118()
    rules = (
        RatingRule("normal", "rate_mva", 1.0),
        RatingRule("outage", "rate_mva", 1.0),
        RatingRule("outage", "rate_b_mva", 1.1, 30.0, "line"),
        RatingRule("outage", "rate_b_mva", 0.7, contingency="generator"),
    )
    criteria = replace(make_band(0.5, 1.5), ratings=rules)
    cset = gh.list_contingencies(net, kinds=["line", "transformer", "generator"]).iloc[::3]
    profiles = vary_hours(net, 0)
    found = run_security_hours(net, profiles, cset, criteria)
    thermal = found.violations[found.violations["kind"] == "thermal"]
    share = thermal["limit"] / thermal["element"].astype(str).map(
        pd.concat([net.line, net.transformer])["rate_mva"]
    )
    assert len(share.round(6).unique()) > 2
    alone = {hour: put_hour(net, profiles, hour) for hour in found.hours.index}
    check_equal_to_each_hour_alone(found, alone, criteria)


def test_equals_each_hour_alone_on_the_backbone() -> None:
    """Own criteria, interfaces, links, storage, and hours in different stored states."""
    net = gh.load_network("korea-2025-backbone")
    states = ["summer_peak", "winter_peak", "spring_midday"]
    settled = {name: settle(net, name) for name in states}
    profiles = vary_hours(settled["summer_peak"], 1, spread=0.01)
    hours = profiles["load", "p_mw"].index
    for (table, _), frame in profiles.items():
        first = getattr(settled[states[0]], table)["p_mw"]
        for hour, name in zip(hours, states, strict=True):
            moved = frame.loc[hour] / first.where(first != 0, np.inf)
            frame.loc[hour] = moved * getattr(settled[name], table)["p_mw"]
    cset = gh.list_contingencies(
        net, kinds=["line", "transformer", "generator", "hvdc_pole", "tower"], min_kv=345
    )
    cset = cset.iloc[::6]
    found = run_security_hours(net, profiles, cset, snapshot=dict(zip(hours, states, strict=True)))
    assert found.hours["snapshot"].tolist() == states
    assert found.criteria == "korea"
    alone = {hour: put_hour(settled[name], profiles, hour) for hour, name in zip(hours, states, strict=True)}
    check_equal_to_each_hour_alone(found, alone, "korea")


@pytest.mark.parametrize("seed", range(2))
def test_worst_of_each_branch_is_that_of_all_power_flows(seed: int) -> None:
    """Brute force: one power flow for each hour and outage, and the highest loading of all."""
    net = make_meshed(seed)
    profiles = vary_hours(net, seed, count=4, spread=0.2)
    found = run_security_hours(net, profiles, criteria=None)
    highest = pd.Series(-np.inf, index=net.branches().index)
    solved: dict[tuple[str, str], pd.Series] = {}
    base = highest.copy()
    for hour in profiles["load", "p_mw"].index:
        state = put_hour(net, profiles, hour)
        base = base.combine(gh.run_power_flow(state).branch["loading_percent"], max)
        for outage in found.contingencies.index:
            out = {}
            for table in ("line", "transformer"):
                frame = getattr(state, table)
                frame.loc[frame.index == outage, "in_service"] = False
                out[table] = frame
            try:
                loading = gh.run_power_flow(state.replace(**out)).branch["loading_percent"]
            except NotConverged:
                assert (hour, outage) in set(
                    zip(found.unsolved["hour"], found.unsolved["contingency"], strict=True)
                )
                continue
            solved[hour, outage] = loading
            highest = highest.combine(loading, max)
    np.testing.assert_allclose(found.branch["worst_loading_percent"], highest, rtol=1e-6)
    np.testing.assert_allclose(found.branch["base_loading_percent"], base, rtol=1e-6)
    # two outages of circuits in series leave the same state: either may be named
    for branch, row in found.branch.iterrows():
        cause = solved[row["worst_hour"], row["worst_contingency"]]
        assert cause[branch] == pytest.approx(highest[branch], rel=1e-6)
    worst = found.branch[["worst_loading_percent", "base_loading_percent"]].max(axis=1)
    assert (found.branch["violations"] > 0).equals(worst > 100)


def test_elements_count_what_the_violations_list() -> None:
    net = make_meshed(1)
    found = run_security_hours(net, vary_hours(net, 1, count=5, spread=0.2))
    listed = found.violations.astype({"element": str, "kind": str})
    groups = listed.groupby(["element", "kind"], observed=True)
    own = found.elements.set_index(["element", "kind"]).sort_index()
    assert own["violations"].equals(groups.size().rename("violations").astype("int64"))
    assert own["hours_with_violations"].tolist() == groups["hour"].nunique().tolist()
    for key, row in own.iterrows():
        group = groups.get_group(key)
        worst = group.loc[(group["value"] - group["limit"]).abs().idxmax()]
        assert (row["worst_hour"], row["worst_contingency"]) == (worst["hour"], worst["contingency"])
        assert row["worst_value"] == worst["value"]
    assert found.summary["violations"] == len(listed)


def test_hours_of_typical_weeks_count_by_what_they_stand_for() -> None:
    net = make_meshed(1)
    profiles = vary_hours(net, 1, count=4, spread=0.2)
    plain = run_security_hours(net, profiles)
    weight = pd.Series([300.0, 20.5], index=["hour 2", "hour 0"])
    found = run_security_hours(net, profiles, hours=weight)
    assert found.hours.index.tolist() == ["hour 2", "hour 0"]
    listed = plain.violations.astype({"element": str, "kind": str})
    pairs = listed[["hour", "element", "kind"]].drop_duplicates()
    wanted = pairs.assign(weight=pairs["hour"].map(weight)).groupby(["element", "kind"])["weight"].sum()
    own = found.elements.set_index(["element", "kind"])["hours_with_violations"]
    assert own.to_dict() == pytest.approx(wanted[wanted > 0].to_dict())
    assert found.summary["hours_represented"] == pytest.approx(320.5)
    insecure = plain.hours.loc[weight.index, "verdict"] == "insecure"
    assert found.summary["hours_insecure_represented"] == pytest.approx(weight[insecure].sum())
    with pytest.raises(InputError, match="weight above 0"):
        run_security_hours(net, profiles, hours=pd.Series([1.0, np.nan], index=["hour 0", "hour 1"]))


def test_flows_through_joins_are_judged() -> None:
    """A rated branch without impedance has to be solved outage by outage, its own loss included."""
    net = make_double_feed(p_mw=500.0)
    line = net.line
    line.loc["bc", ["r_ohm", "x_ohm", "b_us"]] = 0.0
    line.loc["bc", "rate_mva"] = 110.0
    net = net.replace(line=line)
    loads = pd.DataFrame({"at c": [100.0, 120.0]}, index=["low", "high"])
    found = run_security_hours(net, {("load", "p_mw"): loads}, criteria=None)
    alone = {hour: put_hour(net, {("load", "p_mw"): loads}, hour) for hour in loads.index}
    check_equal_to_each_hour_alone(found, alone, None)
    assert found.branch.loc["bc", "worst_hour"] == "high"
    assert found.status.loc["bc", "lost_load_mw"] == pytest.approx(120.0)
    assert found.hours.loc["low", "islanded"] == 1


def test_an_hour_without_solution_is_named_and_its_outages_counted() -> None:
    net = make_double_feed()
    loads = pd.DataFrame({"at b": [300.0, 9000.0, 350.0]}, index=[0, 1, 2])
    found = run_security_hours(net, {("load", "p_mw"): loads})
    assert found.hours["status"].tolist() == ["CONVERGED", "NOT_CONVERGED", "CONVERGED"]
    assert found.hours.loc[1, "not_run"] == 3
    assert found.unsolved[["hour", "contingency"]].values.tolist() == [[1, ""]]
    assert found.status["not_run"].tolist() == [1, 1, 1]
    total = found.status[["converged", "islanded", "not_converged", "unrealistic", "singular", "not_run"]]
    assert total.sum(axis=1).tolist() == [3, 3, 3]
    assert found.verdict == "insecure"


def test_an_outage_without_solution_is_named() -> None:
    """Each circuit alone cannot carry 2.2 GW over j 40 ohm."""
    net = make_double_feed(p_mw=2200.0)
    line = net.line
    line["x_ohm"] = 30.0
    net = net.replace(line=line)
    loads = pd.DataFrame({"at b": [2100.0, 500.0]}, index=["high", "low"])
    found = run_security_hours(net, {("load", "p_mw"): loads})
    assert found.unsolved["hour"].unique().tolist() == ["high"]
    assert found.unsolved["contingency"].tolist() == ["ab1", "ab2"]
    assert found.status.loc["ab1", "not_converged"] + found.status.loc["ab1", "unrealistic"] == 1
    assert np.isfinite(found.status.loc["ab1", "worst_loading_percent"])


def test_a_run_that_is_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_meshed(2)
    profiles = vary_hours(net, 2, count=7, spread=0.15)
    whole = run_security_hours(net, profiles)
    monkeypatch.setattr(security_hours, "BLOCK", 2)

    def stop(done: int, count: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_security_hours(net, profiles, folder=tmp_path / "run", progress=stop)
    solved = []
    real = security_blocks.solve_hour

    def count_hour(state: security_blocks.HourState, case: object) -> object:
        solved.append(case)
        return real(state, case)  # type: ignore[arg-type]

    monkeypatch.setattr(security_blocks, "solve_hour", count_hour)
    again = run_security_hours(net, profiles, folder=tmp_path / "run", options={"threads": 1})
    assert len(solved) == 3
    for name in ("hours", "branch", "status", "elements", "unsolved", "violations"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(whole, name))
    kept = pd.concat(
        [pd.read_parquet(file) for file in sorted((tmp_path / "run").glob("*-violations.parquet"))]
    )
    assert len(kept) == len(whole.violations)
    with pytest.raises(OutputError, match="another security analysis"):
        run_security_hours(net, profiles, folder=tmp_path / "run", criteria=None, options={"tolerance": 1e-6})


def test_violations_beyond_what_memory_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_meshed(2)
    profiles = vary_hours(net, 2, count=5, spread=0.15)
    whole = run_security_hours(net, profiles)
    monkeypatch.setattr(security_hours, "BLOCK", 2)
    monkeypatch.setattr(security_hours, "MOST_VIOLATIONS", 3)
    found = run_security_hours(net, profiles)
    assert len(found.violations) == 3
    assert found.summary["violations"] == len(whole.violations)
    assert found.summary["violations_left_out"] == len(whole.violations) - 3
    assert found.elements.equals(whole.elements)


def make_dispatched() -> tuple[Network, Profiles]:
    """A cheap and a dear unit; the second hour is dispatched apart, the third has too much load."""
    net = make_double_feed()
    unit = net.generator
    unit["cost_c1_per_mwh"], unit["p_min_mw"], unit["p_max_mw"] = [20.0, 80.0], 0.0, [400.0, 1000.0]
    loads = pd.DataFrame({"at b": [200.0, 450.0, 5000.0]}, index=["a", "b", "c"])
    return net.replace(generator=unit), {("load", "p_mw"): loads}


def test_a_dispatch_says_what_is_injected(tmp_path: Path) -> None:
    net, profiles = make_dispatched()
    dispatch = gh.run_dispatch(net, profiles, options={"shed_price": None}, folder=tmp_path / "dispatch")
    assert dispatch.status["status"].tolist() == ["OPTIMAL", "OPTIMAL", "INFEASIBLE"]
    found = run_security_hours(net, profiles, dispatch=dispatch)
    by_hand = {**profiles, ("generator", "p_mw"): dispatch.generation.fillna(0.0)}
    same = run_security_hours(net, by_hand, hours=["a", "b"])
    pd.testing.assert_frame_equal(found.hours.iloc[:2], same.hours)
    assert found.hours.loc["c", "reason"].startswith("the dispatch is INFEASIBLE")
    assert found.hours.loc["c", "not_run"] == 3
    kept = run_security_hours(net, profiles, dispatch=tmp_path / "dispatch")
    pd.testing.assert_frame_equal(kept.hours, found.hours)


def test_load_that_the_dispatch_sheds_or_calls_is_taken_off(tmp_path: Path) -> None:
    net, profiles = make_dispatched()
    options = {"shed_price": 1e4, "flexible": {"at b": {"mw": 70.0}}}
    dispatch = gh.run_dispatch(net, profiles, options=options, folder=tmp_path)
    assert dispatch.shed.loc["c"].sum() > 1000
    assert dispatch.flexible["at b"].tolist() == pytest.approx([70.0] * 3)
    served = [230.0, 480.0, 5100.0 - 70.0 - dispatch.shed.loc["c"].sum()]
    for given in (dispatch, tmp_path):
        found = run_security_hours(net, profiles, dispatch=given)
        assert found.hours["load_mw"].tolist() == pytest.approx(served)


def test_snapshots_are_hours() -> None:
    net = gh.load_network("korea-2025-backbone")
    cset = gh.list_contingencies(net, kinds=["line"], min_kv=765)
    found = run_security_hours(net, cset=cset)
    assert found.hours.index.tolist() == list(net.snapshots)
    some = run_security_hours(net, cset=cset, hours=["winter_peak"])
    assert some.hours.loc["winter_peak"].equals(found.hours.loc["winter_peak"])
    sec = gh.run_security(net, cset, snapshot="winter_peak", screen=None)
    assert some.verdict == sec.verdict
    assert some.hours["violations"].tolist() == [len(sec.violations)]


def test_threads_change_nothing() -> None:
    net = load_rated_case118()
    profiles = vary_hours(net, 5, count=4)
    one, two = (run_security_hours(net, profiles, options={"threads": n}) for n in (1, 2))
    for name in ("hours", "branch", "status", "elements", "violations"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))


def test_bad_input_is_named(tmp_path: Path) -> None:
    net, profiles = make_dispatched()
    with pytest.raises(InputError, match=r"(?s)d.*come more than once"):
        run_security_hours(net, profiles, hours=["a", "d", "a"])
    with pytest.raises(InputError, match="have no state"):
        run_security_hours(net, profiles, snapshot={"a": "x"})
    with pytest.raises(KeyError, match="no snapshot"):
        run_security_hours(net, profiles, snapshot=dict.fromkeys("abc", "x"))
    with pytest.raises(InputError, match="has no blocks"):
        run_security_hours(net, profiles, dispatch=tmp_path)
    dispatch = gh.run_dispatch(net, {key: frame.iloc[:2] for key, frame in profiles.items()})
    with pytest.raises(InputError, match="lacks 1 hours"):
        run_security_hours(net, {key: frame.iloc[:1] for key, frame in profiles.items()}, dispatch=dispatch)
    with pytest.raises(InputError, match="nobody"):
        run_security_hours(net, {("load", "p_mw"): pd.DataFrame({"nobody": [1.0]})})
    with pytest.raises(ValueError, match="empty"):
        run_security_hours(net, profiles, gh.list_contingencies(net).iloc[:0])
