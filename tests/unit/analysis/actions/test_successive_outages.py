"""N-1-1 against solving each pair by itself, and redispatch against what can be worked out by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.actions.redispatch import MARGIN, Adjustment
from gridhub.analysis.actions.successive_outages import run_successive_outages
from gridhub.analysis.actions.successive_states import take_out
from gridhub.model.network import Network, build_network
from tests.small_networks import make_double_feed, make_meshed, make_table


def make_three_circuits(dear_max_mw: float = 200.0) -> Network:
    """150 MW flow from a to b over three circuits of 100 MVA: the loss of two overloads the third."""
    return build_network(
        "three circuits",
        bus=make_table(id=["a", "b"], vn_kv=345.0, reference=[True, False]),
        line=make_table(
            id=["l1", "l2", "l3"], from_bus="a", to_bus="b", r_ohm=0.0, x_ohm=5.0, rate_mva=100.0
        ),
        load=make_table(id=["demand"], bus="b", p_mw=150.0, q_mvar=0.0),
        generator=make_table(
            id=["cheap", "dear", "sun"],
            bus=["a", "b", "b"],
            p_mw=[150.0, 0.0, 0.0],
            p_min_mw=0.0,
            p_max_mw=[300.0, dear_max_mw, 500.0],
            vm_pu=1.0,
            participation=[1.0, 0.0, 0.0],
            fuel=["coal", "lng", "solar"],
            ramp_10_mw=[100.0, 10.0, 100.0],
        ),
    )


def test_without_adjustment_every_pair_is_the_power_flow_without_both() -> None:
    net = make_meshed(7, n_bus=10, extra=10)
    cset = gh.list_contingencies(net)
    found = run_successive_outages(net, cset.iloc[:4], cset, criteria=None, adjustment=None)
    checked = 0
    for _, row in found.status[found.status["status"] == "CONVERGED"].iterrows():
        if found.first.loc[row["first"], "status"] != "CONVERGED":
            continue
        both = take_out(net, {row["first"], row["second"]}, pd.Index([]))
        flow = gh.run_power_flow(both)
        assert row["worst_loading_percent"] == pytest.approx(flow.branch["loading_percent"].max(), rel=1e-6)
        checked += 1
    assert checked > 20
    assert (found.status["first"] != found.status["second"]).all()
    counted = found.violations[found.violations["second"] != ""].groupby("first")["second"].nunique()
    insecure = found.first["second_insecure"] - (
        found.status.assign(bad=~found.status["status"].isin(["CONVERGED", "ISLANDED"]))
        .groupby("first")["bad"]
        .sum()
    )
    assert insecure[counted.index].tolist() == counted.tolist()


def test_redispatch_moves_what_the_last_circuit_cannot_carry() -> None:
    net = make_three_circuits()
    cset = gh.list_contingencies(net)
    plain = run_successive_outages(net, cset, cset, criteria=None, adjustment=None)
    assert (plain.first["second_new"] == 2).all()
    assert plain.verdict == "insecure"
    found = run_successive_outages(net, cset, cset, criteria=None)
    assert found.verdict == "secure"
    # 150 MW less what one circuit carries; AC adds a little reactive power, and a margin is left
    assert found.first["moved_mw"].between(50.0, 50.0 + 100.0 * 2 * MARGIN).all()
    assert found.first["worst_loading_percent"].between(100.0 * (1.0 - 2 * MARGIN), 100.0).all()


def test_time_and_range_limit_the_redispatch_and_what_is_left_is_said() -> None:
    cset = gh.list_contingencies(make_three_circuits())
    for net, moves, most in (
        (make_three_circuits(dear_max_mw=20.0), Adjustment(), 20.0),
        (make_three_circuits(), Adjustment(minutes=30.0), 30.0),
    ):
        found = run_successive_outages(net, cset, cset, criteria=None, adjustment=moves)
        assert found.verdict == "insecure"
        assert found.first["moved_mw"].tolist() == pytest.approx([most] * 3, abs=0.01)
        # each of two second outages leaves the rest on the last circuit
        assert (found.first["excess_mw"] > 2 * (50.0 - most) - 1.0).all()
        assert found.first["worst_loading_percent"].to_numpy() == pytest.approx(150.0 - most, abs=0.5)


def test_the_grid_does_not_order_what_stands_behind_a_load() -> None:
    """The dear unit is the only one that could relieve the circuits; behind the demand it exports nothing."""
    net = make_three_circuits()
    cset = gh.list_contingencies(net)
    unit = net.generator
    unit.loc["dear", "behind_load"] = "demand"
    found = run_successive_outages(net.replace(generator=unit), cset, cset, criteria=None)
    assert found.verdict == "insecure"
    assert (found.first["moved_mw"] == 0.0).all()


def test_state_and_name_are_those_of_the_snapshot() -> None:
    net = make_three_circuits()
    values = make_table(
        id=["v1", "v2"], snapshot=["day", "night"], table="load", column="p_mw", value=["150", "90"]
    )
    values["id"] = "demand"
    net = net.replace(snapshot=make_table(id=["day", "night"], note=""), snapshot_value=values)
    cset = gh.list_contingencies(net)
    night = run_successive_outages(net, cset, cset, criteria=None, snapshot="night", adjustment=None)
    assert night.verdict == "secure"
    assert night.first["worst_loading_percent"].to_numpy() == pytest.approx(90.0, abs=1.0)
    lines = net.line.assign(rate_mva=60.0)
    broken = run_successive_outages(
        net.replace(line=lines), cset, cset, criteria=None, snapshot="night", adjustment=None
    )
    assert set(broken.violations["snapshot"]) == {"night"}


def test_what_the_first_outage_cut_off_stays_dead() -> None:
    net = make_double_feed()
    first = gh.list_contingencies(net).loc[["bc"]]
    second = gh.list_contingencies(net, kinds=["line", "data_center"])
    second.loc["the rest"] = ["given", ("bc", "ab1")]
    found = run_successive_outages(net, first, second, criteria=None, adjustment=None)
    assert found.first.loc["bc", "status"] == "ISLANDED"
    assert set(found.status["second"]) == {"ab1", "ab2", "the rest"}
    assert (found.status["lost_load_mw"] == 0.0).all()
    last = found.status.set_index("second")["worst_loading_percent"]
    assert last["the rest"] == last["ab1"]


def test_a_first_outage_without_solution_is_a_row_with_its_reason() -> None:
    net = make_double_feed(p_mw=7000.0)
    units = net.generator
    units["p_max_mw"] = 9000.0
    net = net.replace(generator=units)
    cset = gh.list_contingencies(net).loc[["ab1"]]
    seen: list[tuple[int, int]] = []
    found = run_successive_outages(
        net, cset, gh.list_contingencies(net), progress=lambda done, total: seen.append((done, total))
    )
    assert found.first.loc["ab1", "status"] == "NOT_CONVERGED"
    assert found.first.loc["ab1", "reason"]
    assert found.verdict == "insecure"
    assert seen == [(1, 1)]


def test_reserve_at_the_edge_of_a_range_is_never_sun() -> None:
    net = make_three_circuits(dear_max_mw=0.0)
    cset = gh.list_contingencies(net)
    found = run_successive_outages(net, cset, cset, criteria=None)
    assert (found.first["moved_mw"] == 0.0).all()
    assert found.verdict == "insecure"
