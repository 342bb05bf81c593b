"""Limits between areas of the five-bus system that a published tool prints.

Figures and system: NREL InterfaceLimits.jl, the tool behind arXiv:2308.03612, README and
``examples/5_bus`` (BSD-3-Clause): the PJM five-bus system with node d as area two, e as three, the others as
one. The tool looks for the injections that bring most over the lines between two areas, every line within its
rating; here `gridhub.ptdf` gives the factors of that programme, and what it finds is put into the network.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

import gridhub as gh
from gridhub.model.network import build_network
from tests.small_networks import make_table

LINES = {"ab": 0.0281, "ad": 0.0304, "ae": 0.0064, "bc": 0.0108, "cd": 0.0297, "de": 0.0297}
"""Reactance of each line [p.u. of 100 MVA]."""
AREAS = {"a": "one", "b": "one", "c": "one", "d": "two", "e": "three"}
PUBLISHED_MW = {("two", "one"): 718.684, ("two", "three"): 240.0, ("one", "three"): 400.0}


def make_five_buses() -> gh.Network:
    """The system without load: 400 MVA on every line, 240 on d-e."""
    ids, buses, vn_kv = list(LINES), list(AREAS), 230.0
    ohm = vn_kv**2 / 100.0
    rates = [240.0 if key == "de" else 400.0 for key in ids]
    return build_network(
        "five buses",
        bus=make_table(id=buses, vn_kv=vn_kv, zone=list(AREAS.values()), reference=[True] + [False] * 4),
        line=make_table(
            id=ids, from_bus=[key[0] for key in ids], to_bus=[key[1] for key in ids], r_ohm=0.0,
            x_ohm=[ohm * x for x in LINES.values()], rate_mva=rates,
        ),
        load=make_table(id=[f"load {bus}" for bus in buses], bus=buses, p_mw=0.0, q_mvar=0.0),
        generator=make_table(
            id=[f"unit {bus}" for bus in buses], bus=buses, p_mw=0.0, p_max_mw=5000.0, vm_pu=1.0
        ),
    )  # fmt: skip


def find_ties(net: gh.Network, source: str, sink: str) -> pd.Series:
    """Lines between two areas: +1 from source to sink, -1 against it."""
    ends = [net.line[column].map(AREAS) for column in ("from_bus", "to_bus")]
    forward = (ends[0] == source) & (ends[1] == sink)
    return forward.astype(float) - ((ends[0] == sink) & (ends[1] == source)).astype(float)


def find_largest(net: gh.Network, source: str, sink: str) -> tuple[float, np.ndarray]:
    """Largest flow over the ties [MW], and the injections that bring it [MW]."""
    factors = gh.ptdf(net)[net.bus.index].to_numpy()
    over = find_ties(net, source, sink).to_numpy() @ factors
    rate = np.tile(net.line["rate_mva"].to_numpy(), 2)
    free = {"A_eq": np.ones((1, 5)), "b_eq": [0.0], "bounds": (None, None)}
    found = linprog(-over, A_ub=np.vstack([factors, -factors]), b_ub=rate, **free)
    assert found.success, found.message
    return -found.fun, found.x


@pytest.mark.parametrize(("source", "sink"), list(PUBLISHED_MW))
def test_five_bus_limits_are_the_published_ones(source: str, sink: str) -> None:
    net = make_five_buses()
    limit_mw, injection = find_largest(net, source, sink)
    assert limit_mw == pytest.approx(PUBLISHED_MW[source, sink], abs=1e-3)
    # the state it stands for: that flow over the ties, and no line above its rating
    state = net.replace(
        load=net.load.assign(p_mw=np.maximum(-injection, 0.0)),
        generator=net.generator.assign(p_mw=np.maximum(injection, 0.0)),
    )
    flow = gh.run_power_flow(state, method="dc", options={"distributed_slack": False}).branch
    assert find_ties(net, source, sink) @ flow["p_from_mw"] == pytest.approx(limit_mw, abs=1e-6)
    assert flow["loading_percent"].max() <= 100.0 + 1e-6


@pytest.mark.parametrize(("source", "sink"), list(PUBLISHED_MW))
def test_transfer_capability_in_the_same_direction_is_the_published_limit(source: str, sink: str) -> None:
    """Where units and loads share a transfer as those injections do, its thermal limit is the same figure.

    Loads grow in proportion and units give by what they have left, so both are set to the shares wanted.
    """
    net = make_five_buses()
    _, injection = find_largest(net, source, sink)
    given, taken = (np.where(side > 1e-6, side, 0.0) for side in (injection, -injection))
    start_mw = 1.0
    p_mw = start_mw * given / given.sum()
    state = net.replace(
        load=net.load.assign(p_mw=start_mw * taken / taken.sum()),
        generator=net.generator.assign(p_mw=p_mw, p_max_mw=p_mw + 10.0 * given),
    )
    sending, receiving = (list(net.bus.index[side > 0]) for side in (given, taken))
    found = gh.find_transfer_capability(
        state, sending, receiving, criteria=None, voltage=False, cutoff=0.0, maximum_mw=5000.0,
        options={"distributed_slack": False},
    )  # fmt: skip
    moved_mw = start_mw + found.table.loc["thermal_n", "mw"]
    over_ties = PUBLISHED_MW[source, sink] / given.sum()
    assert over_ties * moved_mw == pytest.approx(PUBLISHED_MW[source, sink], abs=0.01)
