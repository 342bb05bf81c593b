"""Shared room against scipy's linear programme over every row of PTDF and LODF."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.flow.sensitivities import lodf, ptdf
from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.hosting.joint import SHARES, share_room
from gridhub.errors import OptionError
from gridhub.model.network import Network, build_network

HUBS = ["c", "d", "e"]


def build_mesh(seed: int = 3) -> Network:
    """Seven meshed buses, one unit at the reference, uneven reactances and ratings."""
    random = np.random.Generator(np.random.PCG64(seed))
    ends = ["ab", "bc", "cd", "de", "ef", "fg", "ga", "bf", "ce", "ac", "dg"]
    line = pd.DataFrame(
        {"from_bus": [one[0] for one in ends], "to_bus": [one[1] for one in ends]}, index=ends
    )
    line = line.assign(
        r_ohm=0.5, x_ohm=random.uniform(5.0, 20.0, len(ends)), rate_mva=random.uniform(350, 700, len(ends))
    )
    return build_network(
        "mesh7",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, *[False] * 6]}, index=list("abcdefg")),
        line=line,
        load=pd.DataFrame({"bus": ["f", "g"], "p_mw": [80.0, 60.0]}, index=["lf", "lg"]),
        generator=pd.DataFrame({"bus": ["a"], "p_mw": [140.0], "p_max_mw": 4000.0}, index=["unit"]),
    )


def solve_by_scipy(net: Network, floor: np.ndarray) -> float:
    """Largest total with every row written out: N, and N-1 of every branch that splits nothing."""
    flow = run_power_flow(net, method="dc").branch["p_from_mw"].to_numpy()
    per_mw = -ptdf(net)[HUBS].to_numpy()
    factor = lodf(net).to_numpy()
    rate = net.branches()["rate_mva"].to_numpy()
    rows, limits, start = [per_mw], [rate], [flow]
    for k in range(len(rate)):
        if np.isnan(factor[:, k]).any():
            continue
        keep = np.arange(len(rate)) != k
        rows.append((per_mw + np.outer(factor[:, k], per_mw[k]))[keep])
        start.append((flow + factor[:, k] * flow[k])[keep])
        limits.append(rate[keep])
    a, b, f = (np.concatenate(part) for part in (rows, limits, start))
    found = linprog(
        -np.ones(3),
        A_ub=np.concatenate([a, -a]),
        b_ub=np.concatenate([b - f, b + f]),
        bounds=[(low, None) for low in floor],
    )
    assert found.status == 0
    return float(-found.fun)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_the_frontier_is_that_of_a_programme_with_every_row(seed: int):
    net = build_mesh(seed)
    shared = share_room(net, HUBS, None)
    alone = shared.table["alone_mw"].to_numpy()
    assert alone == pytest.approx(hosting_capacity(net, HUBS, None).table["firm_mw"].to_numpy())
    for share in SHARES[
        :-1
    ]:  # at the last point no bus can have more in proportion: the floor itself is the edge
        row = shared.frontier.loc[share]
        floor = row["least_mw_per_mw"] * alone
        assert row["total_mw"] == pytest.approx(solve_by_scipy(net, floor), abs=0.01)
        assert (row[HUBS].to_numpy(dtype=float) >= floor - 1e-6).all()
    edge = shared.frontier["least_mw_per_mw"].iloc[-1]
    assert solve_by_scipy(net, (edge - 1e-6) * alone) >= edge * alone.sum() - 0.01
    if edge < 1.0:
        with pytest.raises(AssertionError):
            solve_by_scipy(net, (edge + 1e-4) * alone)


def test_what_one_hub_takes_is_what_is_left_when_the_others_stand_there():
    net = build_mesh()
    shared = share_room(net, HUBS, None)
    mw = shared.table["mw"]
    for bus in HUBS:
        queue = {other: float(mw[other]) for other in HUBS if other != bus}
        options = {"queue": queue, "worsening_points": 0.0}  # they stand at the edge of a limit
        room = hosting_capacity(net, [bus], None, options=options).table["firm_mw"].iloc[0]
        assert room == pytest.approx(mw[bus], abs=0.05)


def test_a_limit_that_no_hub_moves_much_does_not_count_with_an_effect():
    net = build_mesh()
    every, some = share_room(net, HUBS, None), share_room(net, HUBS, None, options={"effect": 0.9})
    assert some.total_mw > every.total_mw + 1.0


def test_one_bus_shares_with_nobody():
    with pytest.raises(OptionError, match="use hosting_capacity"):
        share_room(build_mesh(), ["c"], None)
