"""The room that hubs share against a search over all ways to split it, every outage solved again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.joint import share_room
from gridhub.case.case import Outage
from gridhub.case.compile import compile_case
from gridhub.model.schema import complete_table
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_batch import solve_dc_batch
from gridhub.solvers.factors import find_bridge_branches
from gridhub.solvers.islands import choose_references
from gridhub.solvers.scenario import Injections
from tests.small_networks import load_rated_case118

WORSENING = 0.01


def is_fine(net, buses: list[str], loads: np.ndarray) -> np.ndarray:
    """Whether loads, (n, 2) [MW], keep every limit: each outage that splits nothing is solved again."""
    rows = pd.DataFrame({"bus": buses, "p_mw": 0.0}, index=["one", "two"])
    added = complete_table("load", rows).reindex(columns=net.load.columns)
    case, _ = choose_references(compile_case(net.replace(load=pd.concat([net.load, added]))))
    p = np.repeat(case.load_p[None, :], len(loads) + 1, axis=0)
    probes = [case.labels.load.index(name) for name in rows.index]
    p[1:, probes] = loads / net.base_mva
    fine = np.ones(len(loads), dtype=bool)
    bridge = find_bridge_branches(case)
    for lost in [(), *((i,) for i in np.flatnonzero(case.branch_on & ~bridge))]:
        cut = case.take_out(Outage(branch=lost))
        flow = np.abs(solve_dc_batch(cut, plan_dc(cut, "x_tap"), Injections(load_p=p)).p_from)
        rate = case.rate_b if lost else case.rate
        held = np.where(flow[0] > rate * (1 + 1e-8), flow[0] + WORSENING * rate, rate)
        fine &= ~(flow[1:] > held * (1 + 1e-7)).any(axis=1)
    return fine


def test_no_split_of_a_larger_total_holds_and_the_one_found_does():
    net = load_rated_case118()
    buses = ["80", "98"]
    shared = share_room(net, buses, options={"maximum_mw": 400.0})
    # neither the larger of the two alone, nor what both have alone
    assert shared.total_mw > shared.table["alone_mw"].max() + 1.0
    assert shared.total_mw < shared.table["alone_mw"].sum() - 1.0
    found = shared.table["mw"].to_numpy()
    part = np.linspace(0.0, 1.0, 41)
    larger = (shared.total_mw + 0.1) * np.stack([part, 1.0 - part], axis=1)
    nearby = found * (shared.total_mw + 0.1) / shared.total_mw
    fine = is_fine(net, buses, np.concatenate([[found], [nearby], larger]))
    assert fine[0] and not fine[1:].any()


def test_the_frontier_falls_as_every_hub_is_promised_more():
    net = load_rated_case118()
    buses = ["80", "73", "14"]
    shared = share_room(net, buses, options={"maximum_mw": 400.0})
    frontier = shared.frontier
    assert (np.diff(frontier["total_mw"]) <= 1e-6).all() and frontier["total_mw"].iloc[0] == shared.total_mw
    least = frontier["least_mw_per_mw"].to_numpy()[:, None] * shared.table["alone_mw"].to_numpy()[None, :]
    assert (frontier[buses].to_numpy() >= least - 1e-6).all()
