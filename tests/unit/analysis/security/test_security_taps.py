"""Security analysis with controlled taps against solving every outage alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.case.case import Outage
from gridhub.case.compile import compile_case
from gridhub.errors import OptionError
from gridhub.solvers.batch import plan_batch, solve_batch
from gridhub.solvers.islands import choose_references, keep_largest_parts
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Injections
from gridhub.solvers.taps import settle_taps, solve_state
from tests.small_networks import make_meshed, make_table

TAPS = {"taps": "controlled"}


def make_controlled(seed: int, rating: float | None = None) -> gh.Network:
    """A meshed network whose transformers hold the voltage of their to end, one for each bus.

    With `rating`, a line without impedance joins a bus of its own that carries load.
    """
    net = make_meshed(seed)
    transformer = net.transformer
    first = ~transformer["to_bus"].duplicated()
    transformer.loc[first, "tap_bus"] = transformer.loc[first, "to_bus"]
    settings = {"tap_min": 0.8, "tap_max": 1.2, "tap_step": 0.01, "tap_vm_pu": 1.0, "tap_deadband_pu": 0.015}
    for name, value in settings.items():
        transformer[name] = value
    changed = {"transformer": transformer, "load": net.load.assign(q_mvar=net.load["p_mw"] * 0.5)}
    if rating is not None:
        bus, line, load = net.bus, net.line, changed["load"]
        at = bus.index[-1]
        bus = pd.concat([bus, bus.loc[[at]].rename(index={at: "beyond"}).assign(reference=False)])
        join = make_table(
            id=["join", "tie"], from_bus=at, to_bus="beyond", r_ohm=[0.0, 1.0], x_ohm=[0.0, 30.0]
        )
        load = pd.concat([load, make_table(id=["far"], bus="beyond", p_mw=40.0, q_mvar=30.0)])
        line = pd.concat([line, join.assign(rate_mva=[rating, np.nan], in_service=True)])
        changed |= {"bus": bus, "line": line, "load": load}
    return net.replace(**changed)


def solve_alone(net: gh.Network, base: gh.PowerFlow, branch: str) -> gh.PowerFlow:
    """Solve one outage of a branch from the tables, with the ratios settled before it."""
    transformer = net.transformer
    transformer.loc[base.taps.index, "tap_ratio"] = base.taps["tap_ratio"]
    line = net.line
    for table in (transformer, line):
        table.loc[table.index == branch, "in_service"] = False
    return gh.run_power_flow(net.replace(transformer=transformer, line=line), options=TAPS)


@pytest.mark.parametrize(("seed", "rating"), [(5, None), (1, None), (2, 500.0), (3, np.nan)])
def test_every_outage_equals_solving_it_alone(seed: int, rating: float | None) -> None:
    net = make_controlled(seed, rating)
    sec = gh.run_security(net, criteria=None, screen=None, keep="all", options=TAPS)
    assert sec.base.bus.equals(gh.run_power_flow(net, options=TAPS).bus)
    assert sec.vm_pu is not None
    solved = 0
    for branch in sec.status.index[sec.status["status"] == "CONVERGED"]:
        alone = solve_alone(net, sec.base, branch)
        assert sec.vm_pu.loc[branch].to_numpy() == pytest.approx(alone.bus["vm_pu"].to_numpy(), abs=1e-6)
        told = sec.taps[sec.taps["contingency"] == branch].set_index("transformer")
        want = alone.taps[(alone.taps["steps"] != 0) | ~alone.taps["state"].isin(["held", "idle"])]
        assert told["steps"].to_dict() == want["steps"].to_dict()
        assert told["state"].to_dict() == want["state"].to_dict()
        solved += 1
    assert solved > 5
    assert sec.base.summary["taps_moved"] > 0
    assert sec.summary["outages_with_taps_moved"] == sec.taps[sec.taps["steps"] != 0]["contingency"].nunique()
    assert sec.summary["outages_with_taps_moved"] > 0


def test_a_batch_equals_its_scenarios_solved_one_by_one() -> None:
    case = choose_references(compile_case(make_controlled(4)))[0]
    options = read_options(TAPS | {"threads": 2}, controls_taps=True)
    plan = plan_batch(case, options)
    rng = np.random.default_rng(4)
    load = case.load_p * rng.uniform(0.4, 1.4, (3, 1))
    injections = Injections(load_p=load, load_q=load * 0.5)
    outages = [Outage(), Outage(branch=(2,)), Outage(branch=(5,)), Outage(branch=(3,))] * 2
    at = np.array([0, 0, 1, 1, 2, 2, -1, -1])
    result = solve_batch(case, plan, outages, injections, at, keep="all")
    assert (result.stage == 2).all()
    assert result.vm is not None
    for k, outage in enumerate(outages):
        own = injections.apply(case, int(at[k]))
        alone = before = solve_state(own, options)
        if outage != Outage():
            lost = settle_taps(own, before).take_out(outage)
            alone = solve_state(keep_largest_parts(lost, before.islands), options)
        assert result.solved[k] == alone.status.is_solved
        assert result.vm[k] == pytest.approx(alone.vm, abs=1e-6, nan_ok=True)
        assert alone.taps is not None
        assert result.taps[k].steps.tolist() == alone.taps.steps.tolist()
    assert any((moves.steps != 0).any() for moves in result.taps.values())


def test_fixed_taps_tell_of_no_move() -> None:
    net = make_controlled(1)
    bare = net.replace(transformer=net.transformer.assign(tap_bus=""))
    with_bus, without = gh.run_security(net, criteria=None), gh.run_security(bare, criteria=None)
    assert with_bus.taps.empty
    assert with_bus.status.equals(without.status)
    assert with_bus.ranking.equals(without.ranking)
    assert "outages_with_taps_moved" not in with_bus.summary


def test_a_dc_screen_is_refused_and_the_message_says_what_to_do() -> None:
    with pytest.raises(OptionError, match="screen=None"):
        gh.run_security(make_controlled(1), options=TAPS)
