"""LODF against solving again, and islanding outages against a graph made by networkx."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import gridhub as gh

NAMES = ("pandapower:case14", "pandapower:case118", "korea-2025-backbone", "kpg193")


@pytest.fixture(params=NAMES)
def net(request: pytest.FixtureRequest) -> gh.Network:
    if request.param != "kpg193":
        return gh.load_network(request.param)
    shared: Path = request.getfixturevalue("shared")
    case, _ = gh.read_case(shared / "data/korea/kpg193_v2_0/network/m/KPG193_ver2_0.m")
    return case


def open_branch(net: gh.Network, name: str) -> gh.Network:
    table = net.branches().loc[name, "kind"]
    frame = getattr(net, table)
    frame.loc[name, "in_service"] = False
    return net.replace(**{table: frame})


def find_parts(net: gh.Network, without: str) -> tuple[list[set[str]], set[str]]:
    """Connected parts before the outage, and the buses that lose their reference by it."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(net.bus.index[net.bus["in_service"]])
    branches = net.branches()
    branches = branches[branches["in_service"]]
    graph.add_edges_from(
        (f, t, name)
        for name, f, t in zip(branches.index, branches["from_bus"], branches["to_bus"], strict=True)
    )
    before = [set(part) for part in nx.connected_components(graph)]
    ends = branches.loc[without]
    graph.remove_edge(ends["from_bus"], ends["to_bus"], key=without)
    reference = set(net.bus.index[net.bus["reference"]])
    dead = {bus for part in nx.connected_components(graph) if not part & reference for bus in part}
    return before, dead


def test_lodf_equals_solving_again(net: gh.Network) -> None:
    options = {"distributed_slack": False}
    factors = gh.lodf(net, options)
    base = gh.run_power_flow(net, method="dc", options=options).branch["p_from_mw"]
    names = list(factors.columns[net.branches()["in_service"].to_numpy()])
    if len(names) > 200:
        names = sorted(np.random.default_rng(2).choice(names, 200, replace=False).tolist())
    compared = 0
    for name in names:
        if factors[name].isna().all():
            assert find_parts(net, name)[1], f"{name} splits nothing"
            continue
        again = gh.run_power_flow(open_branch(net, name), method="dc", options=options)
        expected = base + factors[name] * base[name]
        assert np.abs(again.branch["p_from_mw"] - expected).max() < 1e-5, name
        compared += 1
    assert compared > 10


def test_islanding_outages_report_what_is_lost(net: gh.Network) -> None:
    cset = gh.list_contingencies(net)
    lodf = gh.lodf(net)
    islanding = list(lodf.columns[lodf.isna().all()])
    cset = cset.loc[[name for name in cset.index if name in islanding]]
    for name in gh.list_contingencies(net).index:
        assert (name in islanding) == bool(find_parts(net, name)[1]), name
    if not len(cset):
        return
    sec = gh.run_security(net, cset)
    state = gh.run_power_flow(net)
    snapshot = sec.snapshot or None
    loads = _load_by_bus(net, snapshot)
    p = state.generator["p_mw"].groupby(net.generator["bus"].to_numpy()).sum()
    for name in cset.index:
        dead = find_parts(net, name)[1]
        row = sec.status.loc[name]
        assert row["lost_load_mw"] == pytest.approx(loads.reindex(list(dead)).sum(), abs=1e-6), name
        assert row["lost_generation_mw"] == pytest.approx(p.reindex(list(dead)).sum(), abs=1e-3), name
        assert row["status"] in ("ISLANDED", "NOT_CONVERGED")
        assert (row["status"] == "ISLANDED") or row["reason"]


def _load_by_bus(net: gh.Network, snapshot: str | None) -> pd.Series:
    load = net.load[net.load["in_service"]]
    p = load["p_mw"].copy()
    values = net.snapshot_value
    values = values[
        (values["snapshot"] == snapshot) & (values["table"] == "load") & (values["column"] == "p_mw")
    ]
    p.update(values.set_index("id")["value"].astype(float))
    return p.groupby(load["bus"].to_numpy()).sum()
