"""Losses in a dispatch against the equations of the same grid solved at once, and against AC."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import fsolve

import gridhub as gh
from gridhub.analysis.dispatch import windows as dispatch_windows
from gridhub.dispatch import losses as losses_module
from gridhub.model.network import Network, build_network
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


def test_losses_that_do_not_settle_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses_module, "MAX_LOSS_ROUNDS", 2)
    assert dispatch_windows.solve_lossy_horizon is losses_module.solve_lossy_horizon
    found = gh.run_dispatch(make_ring(), options=OPTIONS)
    assert "losses still change by" in found.status["reason"].iloc[0]
