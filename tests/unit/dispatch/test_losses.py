"""Losses in a dispatch against the equations of the same grid solved at once, and against AC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import fsolve

import gridhub as gh
from gridhub.case.compile import compile_case
from gridhub.dispatch import losses as losses_module
from gridhub.model.network import Network, build_network
from gridhub.solvers.islands import choose_references
from tests.small_networks import make_table

BASE = 100.0
OPTIONS = {"losses": "iterated", "loss_tolerance_mw": 1e-7}


def make_ring() -> Network:
    """Cheap unit at a, dear one at b, load at c; three lines of different r and x, ac full."""
    per_unit = 345.0**2 / BASE
    return build_network(
        "ring",
        bus=make_table(id=["a", "b", "c"], vn_kv=345.0, reference=[True, False, False]),
        line=make_table(
            id=["ab", "bc", "ac"],
            from_bus=["a", "b", "a"],
            to_bus=["b", "c", "c"],
            r_ohm=np.array([0.01, 0.02, 0.015]) * per_unit,
            x_ohm=np.array([0.10, 0.12, 0.08]) * per_unit,
            rate_mva=[400.0, 400.0, 180.0],
        ),
        load=make_table(id=["demand"], bus="c", p_mw=330.0, q_mvar=0.0),
        generator=make_table(
            id=["cheap", "dear"],
            bus=["a", "b"],
            p_mw=0.0,
            p_min_mw=0.0,
            p_max_mw=500.0,
            vm_pu=1.0,
            cost_c1_per_mwh=[20.0, 80.0],
        ),
    )


def test_losses_are_those_of_all_equations_solved_at_once() -> None:
    found = gh.run_dispatch(make_ring(), options=OPTIONS)
    r, x = np.array([0.01, 0.02, 0.015]), np.array([0.10, 0.12, 0.08])
    ends = np.array([[1, -1, 0], [0, 1, -1], [1, 0, -1]], dtype=float)  # angles of a, b and c

    def equations(z: np.ndarray) -> np.ndarray:
        cheap, dear, *angle = z
        flow = ends @ np.array([0.0, *angle]) / x  # [p.u.]
        loss = r * flow**2
        injection = np.array([cheap, dear, -3.3]) - np.abs(ends).T @ loss / 2.0
        return np.concatenate([injection - ends.T @ flow, [flow[2] - 1.8]])

    cheap, dear, *angle = fsolve(equations, [2.0, 1.3, -0.1, -0.2], xtol=1e-13)
    flow = ends @ np.array([0.0, *angle]) / x
    assert found.generation.to_numpy()[0] == pytest.approx(BASE * np.array([cheap, dear]), abs=1e-5)
    assert found.flow.to_numpy()[0] == pytest.approx(BASE * flow, abs=1e-5)
    assert found.status["losses_mw"].iloc[0] == pytest.approx(BASE * (r * flow**2).sum(), abs=1e-6)
    assert found.summary["largest_imbalance_mw"] < 1e-6
    served = found.generation.to_numpy().sum() - 330.0
    assert served == pytest.approx(found.status["losses_mw"].iloc[0], abs=1e-6)
    assert served > 5.0


def test_losses_are_there_after_outages_and_with_storage() -> None:
    net = make_ring()
    net = net.replace(
        line=net.line.assign(rate_mva=400.0),
        storage=make_table(
            id=["battery"], bus="c", p_mw=0.0, p_max_mw=50.0, e_mwh=100.0, soc=0.5, efficiency=0.9, q_mvar=0.0
        ),
    )
    load = pd.DataFrame({"demand": [200.0, 330.0, 260.0]}, index=["night", "noon", "evening"])
    cset = pd.concat([gh.list_contingencies(net), gh.list_contingencies(net, kinds=("generator",))])
    found = gh.run_dispatch(net, {("load", "p_mw"): load}, cset, OPTIONS)
    assert set(found.status["status"]) == {"OPTIMAL"}
    flow = found.flow.to_numpy()
    loss = (np.array([0.01, 0.02, 0.015]) * flow**2 / BASE).sum(axis=1)
    assert found.status["losses_mw"].to_numpy() == pytest.approx(loss, abs=1e-6)
    assert found.summary["largest_imbalance_mw"] < 1e-6
    assert found.summary["losses_mwh"] == pytest.approx(loss.sum())
    # a unit lost at b: the rest of the load comes from a, within ratings
    assert (np.abs(flow) <= 400.0 + 1e-6).all()


def test_case118_loses_what_ac_says_within_eight_percent() -> None:
    net = gh.load_network("pandapower:case118")
    units = net.generator.assign(p_min_mw=net.generator["p_mw"], p_max_mw=net.generator["p_mw"])
    slack = units["p_mw"].idxmax()
    units.loc[slack, ["p_min_mw", "p_max_mw"]] = [0.0, 2000.0]
    units = units.assign(cost_c1_per_mwh=1.0, cost_c2_per_mw2h=0.0, cost_c0_per_h=0.0)
    found = gh.run_dispatch(net.replace(generator=units), options={"losses": "iterated"})
    solved = net.replace(generator=net.generator.assign(p_mw=found.generation.iloc[0]))
    flow = gh.run_power_flow(solved)
    exact = flow.summary["losses_mw"]
    assert exact > 100.0
    assert found.summary["losses_mwh"] == pytest.approx(exact, rel=0.08)


def test_prices_hold_what_a_line_loses_more() -> None:
    # one line: a gives p = f + L/2, b takes d = f - L/2, so that p grows by (1 + L'/2) / (1 - L'/2) with d
    net = make_ring()
    net = net.replace(line=net.line.loc[["ac"]].assign(rate_mva=400.0), bus=net.bus.drop("b"))
    net = net.replace(generator=net.generator.loc[["cheap"]])
    found = gh.run_dispatch(net, options=OPTIONS)
    flow = found.flow["ac"].iloc[0]
    slope = 2.0 * 0.015 * flow / BASE
    assert slope > 0.09
    price = found.price.iloc[0]
    assert price["a"] == pytest.approx(20.0)
    assert price["c"] == pytest.approx(20.0 * (1.0 + slope / 2.0) / (1.0 - slope / 2.0), rel=1e-5)
    # the load is all at c: energy is the price there, and nothing is congestion
    assert found.price_loss.iloc[0].tolist() == pytest.approx([20.0 - price["c"], 0.0])
    assert found.price_congestion.iloc[0].tolist() == pytest.approx([0.0, 0.0], abs=1e-9)


@pytest.mark.parametrize("security", [None, "n-1"])
@pytest.mark.parametrize("rate", [180.0, 400.0])
def test_prices_are_finite_differences_with_losses(security: str | None, rate: float) -> None:
    net = make_ring()
    net = net.replace(line=net.line.assign(rate_mva=[400.0, 400.0, rate], rate_b_mva=320.0))
    options = {**OPTIONS, "shed_price": 500.0}
    base = gh.run_dispatch(net, security=security, options=options)
    for bus in ("a", "b", "c"):
        more = make_table(id=["demand", "more"], bus=["c", bus], p_mw=[330.0, 0.01], q_mvar=0.0)
        moved = gh.run_dispatch(net.replace(load=more), security=security, options=options)
        assert (moved.cost.sum() - base.cost.sum()) / 0.01 == pytest.approx(base.price[bus].iloc[0], rel=2e-4)
    parts = base.price_loss + base.price_congestion
    assert (base.price - parts).iloc[0].tolist() == pytest.approx([base.price["c"].iloc[0]] * 3)
    assert (base.price_congestion.abs().max().max() > 1.0) == (rate == 180.0 or security is not None)
    assert base.price_loss["a"].iloc[0] < -1.0


def test_a_dispatch_with_losses_is_the_least_of_all() -> None:
    # cheap and dear within a tenth: giving less from afar pays. Every split is tried, its losses iterated
    net = make_ring()
    net = net.replace(
        line=net.line.assign(rate_mva=400.0), generator=net.generator.assign(cost_c1_per_mwh=[20.0, 20.3])
    )
    found = gh.run_dispatch(net, options=OPTIONS)
    r, x = np.array([0.01, 0.02, 0.015]), np.array([0.10, 0.12, 0.08])
    ends = np.array([[1, -1, 0], [0, 1, -1], [1, 0, -1]], dtype=float)

    def compute_cost(dear: float) -> float:
        cheap = 3.3 - dear
        for _ in range(25):
            flow = np.zeros(3)
            for _ in range(25):
                injection = np.array([cheap, dear, -3.3]) - np.abs(ends).T @ (r * flow**2) / 2.0
                matrix = (ends.T / x @ ends)[1:, 1:]
                flow = ends @ np.concatenate([[0.0], np.linalg.solve(matrix, injection[1:])]) / x
            cheap = 3.3 + (r * flow**2).sum() - dear
        return float(BASE * (20.0 * cheap + 20.3 * dear))

    tried = [compute_cost(dear) for dear in np.linspace(0.0, 3.3, 34)]
    assert found.cost.sum() <= min(tried) + 1e-6
    assert found.cost.sum() == pytest.approx(min(tried), rel=1e-5)
    dear = found.generation["dear"].iloc[0]
    assert 20.0 < dear < 310.0, "neither alone: losses decide"
    assert found.cost.sum() == pytest.approx(compute_cost(dear / BASE), rel=1e-8)
    # losses as a load would let cheap give all
    assert found.cost.sum() < tried[0] - 1.0


def test_case118_prices_are_finite_differences_and_losses_those_of_the_flows() -> None:
    net = gh.load_network("pandapower:case118")
    net = net.replace(generator=net.generator.assign(p_min_mw=0.0))
    options = {"losses": "iterated", "loss_tolerance_mw": 1e-6, "cost_error": 1e-9}
    found = gh.run_dispatch(net, options=options)
    flow = found.flow.iloc[0].to_numpy()
    case = choose_references(compile_case(net, None))[0]
    lost = (np.where(case.branch_joins, 0.0, case.r) * flow**2 / case.base_mva).sum()
    assert lost > 50.0
    assert found.summary["losses_mwh"] == pytest.approx(lost, abs=1e-5)
    assert found.summary["generation_mwh"] - found.summary["load_mwh"] == pytest.approx(lost, abs=1e-5)
    assert found.summary["largest_imbalance_mw"] < 1e-6
    price = found.price.iloc[0]
    for bus in (price.idxmin(), price.idxmax(), net.load["bus"].iloc[40]):
        changed = []
        for step in (1.0, -1.0):
            load = net.load.copy()
            load.loc["more"] = load.iloc[0]
            load.loc["more", ["bus", "p_mw", "q_mvar"]] = [bus, step, 0.0]
            changed.append(gh.run_dispatch(net.replace(load=load), options=options).cost.sum())
        assert (changed[0] - changed[1]) / 2.0 == pytest.approx(price[bus], rel=1e-3)
    assert price.max() > 1.02 * price.min()
    assert found.price_congestion.abs().max().max() < 1e-6 * price.max()


def test_a_day_with_losses_costs_no_more_than_with_losses_as_a_load() -> None:
    net = gh.load_network("pandapower:case118")
    net = net.replace(generator=net.generator.assign(p_min_mw=0.0))
    load = pd.DataFrame(np.outer([0.7, 1.0, 0.9], net.load["p_mw"]), columns=net.load.index)
    case = choose_references(compile_case(net, None))[0]
    end = np.abs(case.branch_from[:, None] == np.arange(case.n_node)) + (
        case.branch_to[:, None] == np.arange(case.n_node)
    )
    bus_of = {int(node): bus for bus, node in zip(case.labels.bus, case.bus_node, strict=True)}
    nodes = [f"loss {bus_of[n]}" for n in range(case.n_node)]
    more = pd.concat([net.load.iloc[[0]]] * len(nodes)).set_axis(nodes)
    more = more.assign(bus=[bus_of[n] for n in range(case.n_node)], p_mw=0.0, q_mvar=0.0)
    lossy = net.replace(load=pd.concat([net.load, more]))
    drawn = pd.DataFrame(0.0, index=load.index, columns=nodes)
    for _ in range(30):
        fixed = gh.run_dispatch(lossy, {("load", "p_mw"): pd.concat([load, drawn], axis=1)})
        lost = np.where(case.branch_joins, 0.0, case.r) * fixed.flow.to_numpy() ** 2 / case.base_mva
        drawn, before = pd.DataFrame(0.5 * lost @ end, index=load.index, columns=nodes), drawn
        if (drawn - before).abs().sum().sum() < 1e-3:
            break
    found = gh.run_dispatch(
        net, {("load", "p_mw"): load}, options={"losses": "iterated", "loss_tolerance_mw": 1e-3}
    )
    assert (found.cost < fixed.cost).all()
    assert found.cost.sum() < 0.999 * fixed.cost.sum()


def test_no_line_burns_power_that_has_a_price_below_0() -> None:
    net = make_ring()
    paid = net.generator.assign(cost_c1_per_mwh=[-20.0, 80.0])
    found = gh.run_dispatch(
        net.replace(generator=paid, line=net.line.assign(rate_mva=400.0)), options=OPTIONS
    )
    flow = found.flow.iloc[0].to_numpy()
    loss = (np.array([0.01, 0.02, 0.015]) * flow**2 / BASE).sum()
    assert found.status["losses_mw"].iloc[0] == pytest.approx(loss, abs=1e-6)
    assert found.generation["cheap"].iloc[0] == pytest.approx(330.0 + loss, abs=1e-6)
    assert "the losses of 3 branches are a load" in found.status["reason"].iloc[0]
    assert found.price.iloc[0].tolist() == pytest.approx([-20.0] * 3)
    # the dear unit must run and the cheap one too: there is too much, and lines must not take it
    forced = paid.assign(cost_c1_per_mwh=[20.0, 80.0], p_min_mw=[250.0, 200.0])
    stuck = gh.run_dispatch(
        net.replace(generator=forced, line=net.line.assign(rate_mva=400.0)), options=OPTIONS
    )
    assert stuck.status["status"].tolist() == ["INFEASIBLE"]
    given = stuck.conflicts.set_index("element")["give_mw"]
    assert given.sum() == pytest.approx(120.0 - stuck.status["losses_mw"].iloc[0], abs=0.1)


def test_losses_that_are_a_load_before_the_grid_binds_are_none_after() -> None:
    # without a grid the unit that pays serves all; with it the dear one sets the price at b and c
    net = make_ring()
    paid = net.generator.assign(cost_c1_per_mwh=[-20.0, 80.0])
    found = gh.run_dispatch(net.replace(generator=paid), options=OPTIONS)
    same = gh.run_dispatch(make_ring(), options=OPTIONS)
    assert found.generation.iloc[0].tolist() == pytest.approx(same.generation.iloc[0].tolist(), abs=1e-5)
    flow = found.flow.iloc[0].to_numpy()
    loss = (np.array([0.01, 0.02, 0.015]) * flow**2 / BASE).sum()
    assert found.status["losses_mw"].iloc[0] == pytest.approx(loss, abs=1e-6)
    assert found.status["reason"].tolist() == [""]
    more = gh.run_dispatch(net.replace(generator=paid, load=net.load.assign(p_mw=330.01)), options=OPTIONS)
    assert (more.cost.sum() - found.cost.sum()) / 0.01 == pytest.approx(found.price["c"].iloc[0], rel=1e-3)


def test_a_negative_resistance_gives_what_it_says() -> None:
    net = make_ring()
    line = net.line.assign(rate_mva=400.0)
    star = make_table(id=["star"], from_bus="a", to_bus="c", r_pu=-0.003, x_pu=0.2, b_pu=0.0, rate_mva=400.0)
    found = gh.run_dispatch(net.replace(line=line, series=star), options=OPTIONS)
    flow = found.flow.iloc[0][["ab", "bc", "ac", "star"]].to_numpy()
    loss = np.array([0.01, 0.02, 0.015, -0.003]) * flow**2 / BASE
    assert loss[-1] < -0.1
    assert found.status["losses_mw"].iloc[0] == pytest.approx(loss.sum(), abs=1e-6)
    assert found.status["reason"].tolist() == [""]


def test_losses_that_do_not_settle_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses_module, "MAX_HELD_ROUNDS", 1)
    net = make_ring()
    paid = net.generator.assign(cost_c1_per_mwh=[-20.0, 80.0])
    found = gh.run_dispatch(
        net.replace(generator=paid, line=net.line.assign(rate_mva=400.0)), options=OPTIONS
    )
    assert "losses still change by" in found.status["reason"].iloc[0]
