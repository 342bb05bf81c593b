"""Security analysis against solving every outage alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.security.security import resolve_criteria
from gridhub.criteria import Criteria, read_criteria
from tests.small_networks import make_double_feed, make_meshed, make_table

SOURCE = """source = "test"
as_of = "2026-11"
confidence = "assumed"
"""


def make_criteria(**limits: float) -> Criteria:
    """345 kV: 338-362 kV at all times, 344-352 kV as a target; ratings as they are."""
    text = 'schema_version = 1\nname = "strict"\ntitle = "For tests"\nas_of = "2026-11"\n'
    for state, low, high in (("target", 344.9, 345.5), ("normal", 338, 362), ("outage", 338, 362)):
        head = f'vn_kv = 345\nstate = "{state}"\nlow_kv = {low}\nhigh_kv = {high}\n'
        text += f"[[voltage]]\n{head}{SOURCE}"
    for state, column in (("normal", "rate_mva"), ("outage", "rate_b_mva")):
        text += f'[[rating]]\nstate = "{state}"\ncolumn = "{column}"\nfactor = 1.0\n{SOURCE}'
    for key, value in limits.items():
        text += f'[[limit]]\nkey = "{key}"\nvalue = {value}\n{SOURCE}'
    return read_criteria(text)


def take_out(net: gh.Network, ids: tuple[str, ...]) -> gh.Network:
    changed = {}
    for table in ("line", "transformer", "generator", "load", "hvdc", "shunt"):
        frame = getattr(net, table)
        if frame.index.isin(ids).any():
            frame.loc[frame.index.isin(ids), "in_service"] = False
            changed[table] = frame
    return net.replace(**changed)


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_outage_equals_solving_it_alone(seed: int, limits: bool) -> None:
    net = make_meshed(seed)
    rng = np.random.default_rng(seed)
    branches = list(net.branches().index)
    pairs = [tuple(rng.choice(branches, 2, replace=False).tolist()) for _ in range(10)]
    cset = pd.concat(
        [
            gh.list_contingencies(net, kinds=["line", "transformer", "generator", "shunt"]),
            pd.DataFrame({"kind": "", "elements": pairs}, index=[f"pair {i}" for i in range(len(pairs))]),
        ]
    )
    options = {"reactive_limits": limits}
    sec = gh.run_security(net, cset, verify="all", keep="all", options=options)
    assert list(sec.status.index) == list(cset.index)
    assert sec.vm_pu is not None
    assert sec.p_from_mw is not None
    compared = 0
    for name, elements in cset["elements"].items():
        status = sec.status.loc[name, "status"]
        if status == "ISLANDED":
            continue
        try:
            alone = gh.run_power_flow(take_out(net, elements), options=options)
        except gh.NotConverged as failure:
            assert status == failure.status
            assert sec.vm_pu.loc[name].isna().all()
            continue
        assert status == "CONVERGED"
        assert sec.vm_pu.loc[name].to_numpy() == pytest.approx(alone.bus["vm_pu"].to_numpy(), abs=1e-7)
        assert sec.p_from_mw.loc[name].to_numpy() == pytest.approx(
            alone.branch["p_from_mw"].to_numpy(), abs=1e-4
        )
        worst = alone.branch["loading_percent"]
        assert sec.status.loc[name, "worst_loading_percent"] == pytest.approx(worst.max(), abs=1e-5)
        over = set(worst.index[worst > 100.0 + 1e-6])
        found = sec.violations.query("contingency == @name and kind == 'thermal'")
        assert set(found["element"]) == over
        compared += 1
    assert compared > 15


def test_islanding_outage_counts_what_it_cuts_off() -> None:
    net = make_double_feed()
    sec = gh.run_security(net)
    row = sec.status.loc["bc"]
    assert row["status"] == "ISLANDED"
    assert row["lost_load_mw"] == pytest.approx(100.0)
    assert row["consequential_mw"] == pytest.approx(100.0)
    lost = sec.violations.query("contingency == 'bc' and kind == 'lost_load'")
    assert lost["value"].tolist() == pytest.approx([100.0])
    assert sec.verdict == "insecure"


def test_tower_may_cut_off_what_it_alone_supplies_up_to_the_limit() -> None:
    net = make_double_feed()
    cset = gh.list_contingencies(net, kinds=["tower"])
    allowed = gh.run_security(net, cset, criteria=make_criteria(max_consequential_load_mw=600.0))
    assert allowed.status.loc["tower:t1", "status"] == "ISLANDED"
    assert allowed.status.loc["tower:t1", "consequential_mw"] == pytest.approx(500.0)
    assert not (allowed.violations["kind"] == "lost_load").any()
    refused = gh.run_security(net, cset, criteria=make_criteria(max_consequential_load_mw=400.0))
    assert refused.violations.query("kind == 'lost_load'")["limit"].tolist() == [400.0]


def test_loss_of_a_data_center_and_of_a_unit_are_held_to_their_own_limits() -> None:
    net = make_double_feed()
    loads = net.load
    loads["kind"], loads["name"] = ["data_center", ""], ["at b", ""]
    cset = gh.list_contingencies(net.replace(load=loads), kinds=["data_center", "generator"])
    criteria = make_criteria(max_load_loss_mw=300.0, max_loss_mw=200.0)
    sec = gh.run_security(net.replace(load=loads), cset, criteria=criteria)
    lost = sec.violations.query("kind == 'lost_load'").set_index("contingency")
    assert lost.loc["data_center:at b", ["element", "limit", "value"]].tolist() == ["load lost", 300.0, 400.0]
    assert set(lost.index) == {"data_center:at b", "big", "small"}


def test_lost_generation_is_taken_up_by_the_others() -> None:
    net = make_double_feed()
    sec = gh.run_security(net, gh.list_contingencies(net, kinds=["generator"]), verify="all")
    assert sec.status.loc["small", "lost_generation_mw"] == pytest.approx(
        sec.base.generator.loc["small", "p_mw"], rel=1e-9
    )
    assert sec.status.loc["small", "status"] == "CONVERGED"


def test_eight_failures_are_eight_rows() -> None:
    net = make_double_feed(circuits=2, p_mw=7000.0)
    units = net.generator
    units["p_max_mw"] = 9000.0
    sec = gh.run_security(net.replace(generator=units), gh.list_contingencies(net, kinds=["line"]))
    failed = sec.status[sec.status["status"] == "NOT_CONVERGED"]
    assert list(failed.index) == ["ab1", "ab2"]
    assert (failed["reason"] != "").all()
    assert sec.verdict == "insecure"
    assert list(sec.ranking.index[:2]) == ["ab1", "ab2"]


def test_base_case_that_fails_refuses_the_sweep() -> None:
    with pytest.raises(gh.NotConverged):
        gh.run_security(make_double_feed(p_mw=20000.0))


def test_screened_outages_say_so_and_leave_the_verdict_open() -> None:
    net = make_double_feed(circuits=3, p_mw=300.0)
    cset = gh.list_contingencies(net, kinds=["line"]).drop("bc")
    sec = gh.run_security(net, cset)
    assert set(sec.status["status"]) == {"SCREENED"}
    assert set(sec.status["stage"]) == {"dc"}
    assert sec.verdict == "unverified"
    assert gh.run_security(net, cset, verify="all").verdict == "secure"
    assert gh.run_security(net, cset, screen=None).verdict == "secure"


@pytest.mark.parametrize("seed", range(6))
def test_screen_is_measured_and_misses_nothing_here(seed: int) -> None:
    sec = gh.run_security(make_meshed(seed, n_bus=20, extra=18), verify="all")
    ac = sec.violations[sec.violations["kind"] == "thermal"]["contingency"].unique()
    missed = sec.screen.index[sec.screen["missed"]]
    assert set(missed) == {name for name in ac if name and not sec.screen.loc[name, "flagged"]}
    assert sec.summary["missed"] == 0


def test_voltages_are_judged_by_class_and_state() -> None:
    net = make_double_feed(p_mw=3000.0)
    line = net.line
    line["rate_mva"] = np.nan
    bus = net.bus
    bus.loc["c", "vn_kv"] = 22.9
    series = make_table(id=["bc"], from_bus=["b"], to_bus=["c"], x_pu=[0.01], rate_mva=[200.0])
    net = net.replace(line=line.drop("bc"), series=series, bus=bus)
    sec = gh.run_security(net, criteria=make_criteria(), verify="all")
    assert sec.criteria == "strict"
    assert sec.unjudged == ("c",)
    low = sec.violations.query("kind == 'voltage_low'")
    assert (low["contingency"] == "ab1").any()
    assert (low["element"] == "b").all()
    assert (low["value"] < low["limit"]).all()
    assert sec.base.summary["unrated_branches"] == 2
    assert "b" in set(sec.warnings["element"])


def test_outage_of_a_branch_that_joins_buses() -> None:
    net = make_double_feed(circuits=3)
    line = net.line
    line.loc["bc", ["r_ohm", "x_ohm", "b_us"]] = 0.0
    net = net.replace(line=line)
    sec = gh.run_security(net, verify="all", keep="all")
    assert sec.status.loc["bc", "status"] == "ISLANDED"
    assert sec.status.loc["bc", "lost_load_mw"] == pytest.approx(100.0)
    loop = pd.concat(
        [line, make_table(id=["ac"], from_bus=["a"], to_bus=["c"], r_ohm=1.0, x_ohm=12.0, b_us=0.0, g_us=0.0)]
    )
    net = net.replace(line=loop)
    sec = gh.run_security(net, verify="all", keep="all")
    alone = gh.run_power_flow(take_out(net, ("bc",)))
    assert sec.vm_pu is not None
    assert sec.vm_pu.loc["bc"].to_numpy() == pytest.approx(alone.bus["vm_pu"].to_numpy(), abs=1e-7)


def test_cutting_off_the_reference_bus_does_not_kill_the_rest() -> None:
    net = make_double_feed()
    bus = net.bus
    bus["reference"] = [False, False, True]
    sec = gh.run_security(net.replace(bus=bus), gh.list_contingencies(net).loc[["bc"]])
    row = sec.status.loc["bc"]
    assert row["status"] == "ISLANDED"
    # c is alive by name only: it has a reference and no unit, and the rest goes on
    assert row["lost_generation_mw"] == pytest.approx(0.0)


def test_snapshot_and_interface_limit_in_the_n_state() -> None:
    net = make_double_feed()
    net = net.replace(
        interface=make_table(
            id=["i1", "i2"],
            name="import",
            member=["ab1", "ab2"],
            direction=1,
            limit_mw=450.0,
            source="test",
        ),
        snapshot=make_table(id=["peak", "night"], note=""),
    )
    values = pd.DataFrame(
        {"snapshot": ["night"], "table": ["load"], "id": ["at b"], "column": ["p_mw"], "value": ["50"]},
        index=["1"],
    )
    net = net.replace(snapshot_value=values)
    peak = gh.run_security(net, verify="all")
    assert peak.snapshot == "peak"
    over = peak.violations.query("kind == 'interface'")
    assert over["contingency"].tolist() == [""]
    assert over["value"].iloc[0] == pytest.approx(peak.base.branch["p_from_mw"][["ab1", "ab2"]].sum())
    night = gh.run_security(net, snapshot="night", verify="all")
    assert not (night.violations["kind"] == "interface").any()
    with pytest.raises(KeyError, match="peak, night"):
        gh.run_security(net, snapshot="noon")


def test_criteria_by_name() -> None:
    net = make_double_feed()
    assert resolve_criteria(net, "network") is None
    korea = resolve_criteria(net, "korea")
    assert korea is not None
    assert korea.name == "korea"
    with pytest.raises(KeyError):
        resolve_criteria(net, "atlantis")


def test_progress_counts_every_outage() -> None:
    seen: list[tuple[int, int]] = []
    gh.run_security(make_double_feed(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)
    done = [count for count, total in seen if total == 3]
    assert done == sorted(set(done))
    assert len(done) == len(seen)


@pytest.mark.parametrize("seed", range(5))
def test_opening_joins_equals_opening_branches_of_little_impedance(seed: int) -> None:
    """Also where the outage takes the reference bus: the rest goes on."""
    net = make_meshed(seed, n_bus=14, extra=10)
    line, units = net.line, net.generator
    units["vm_pu"] = 1.0
    results = []
    for x_ohm in (0.0, 345.0**2 / 100.0 * 1e-6):
        line.loc[line.index[:4], ["r_ohm", "x_ohm", "b_us"]] = [0.0, x_ohm, 0.0]
        variant = net.replace(line=line, generator=units)
        cset = gh.list_contingencies(variant, kinds=["line", "generator", "bus_section"])
        results.append(gh.run_security(variant, cset, screen=None, keep="all"))
    joined, near = (result.status for result in results)
    assert joined["status"].tolist() == near["status"].tolist()
    for column in ("lost_load_mw", "lost_generation_mw", "consequential_mw"):
        assert joined[column].to_numpy() == pytest.approx(near[column].to_numpy(), abs=1e-3)
    voltages = [result.vm_pu.to_numpy() for result in results if result.vm_pu is not None]
    assert voltages[0] == pytest.approx(voltages[1], abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_buses_joined_into_one_node_are_judged_one_by_one(seed: int) -> None:
    """Kept states need the flows of the joins, so they are solved alone: nothing else may differ."""
    net = make_meshed(seed, n_bus=14, extra=10)
    line, bus = net.line, net.bus
    joins = line.index[:3]
    line.loc[joins, ["r_ohm", "x_ohm", "b_us"]] = 0.0
    line.loc[joins, "rate_mva"] = np.nan
    bus.loc[line.loc[joins, "to_bus"], "vn_kv"] = 300.0
    net = net.replace(line=line, bus=bus)
    cset = gh.list_contingencies(net, kinds=["line", "transformer", "generator", "bus_section"])
    criteria = make_criteria(voltage_change_max_pu=0.004)
    batch = gh.run_security(net, cset, criteria=criteria, verify="all")
    alone = gh.run_security(net, cset, criteria=criteria, verify="all", keep="all")
    assert batch.unjudged
    assert batch.violations["kind"].isin(["voltage_low", "voltage_change"]).any()
    # a chord takes more steps than Newton, and ends elsewhere within the tolerance
    pd.testing.assert_frame_equal(
        batch.status.drop(columns="iterations"), alone.status.drop(columns="iterations"), rtol=0, atol=1e-5
    )
    pd.testing.assert_frame_equal(batch.violations, alone.violations, rtol=0, atol=1e-5)
    pd.testing.assert_frame_equal(
        batch.ranking.sort_index(), alone.ranking.sort_index(), rtol=1e-7, atol=1e-5
    )
    low = batch.violations.query("kind == 'voltage_low'")
    assert not low["element"].isin(bus.index[bus["vn_kv"] == 300.0]).any()


def test_without_a_screen_nothing_is_estimated_or_cleared() -> None:
    net = make_meshed(1)
    asked, plain = gh.run_security(net, verify="all"), gh.run_security(net, screen=None)
    assert list(asked.screen.columns) == list(plain.screen.columns)
    assert asked.screen["estimated_percent"].notna().any()
    assert plain.screen["estimated_percent"].isna().all()
    assert plain.screen["flagged"].all()
    assert plain.screen["solved_by_ac"].all()
    assert [plain.summary[name] for name in ("missed", "false", "screened_out")] == [0, 0, 0]
    pd.testing.assert_frame_equal(asked.status, plain.status)
    pd.testing.assert_frame_equal(asked.violations, plain.violations)
