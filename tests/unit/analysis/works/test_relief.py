"""The linear picture against DC power flows of the changed grid, each outage taken out in the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

import gridhub as gh
from gridhub.analysis.security.comparison import collect_violations
from gridhub.analysis.works.candidates import list_route_candidates
from gridhub.analysis.works.judging import WorksTask
from gridhub.analysis.works.relief import compute_loadings, compute_relief
from gridhub.costs import read_costs
from gridhub.model.network import Network
from gridhub.solvers.options import read_options

COSTS = read_costs(
    (Path(__file__).resolve().parents[4] / "networks" / "korea" / "costs.toml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def rated() -> Network:
    """case118 as 345 kV lines of 50 km, each rated at 80 MVA: far too little for some."""
    net = gh.load_network("pandapower:case118")
    return net.replace(bus=net.bus.assign(vn_kv=345.0), line=net.line.assign(length_km=50.0, rate_mva=80.0))


def take_out(net: Network, line: str) -> Network:
    table = net.line
    table.loc[line, "in_service"] = False
    return net.replace(line=table)


def test_loadings_and_reliefs_are_those_of_power_flows(rated: Network):
    outages = gh.list_contingencies(rated, ("line",)).loc[["line:5", "line:30", "line:80", "line:120"]]
    none = collect_violations([])
    task = WorksTask(rated, {"": outages}, None, read_options({"reactive_limits": False}), none)
    candidates = list_route_candidates(rated, COSTS, ["line:6", "line:31"])
    assert [one.kind for one in candidates] == ["second_circuit"] * 2
    relief = compute_relief(task, candidates, none)
    compared = 0
    for outage in ("", *outages.index):
        nets = [rated, *(one.apply(rated) for one in candidates)]
        flows = [
            gh.run_power_flow(take_out(net, outage) if outage else net, method="dc").branch for net in nets
        ]
        for place, (_, contingency, element, _) in enumerate(relief.key):
            if contingency != outage or element not in flows[0].index:
                continue
            loading = [flow.at[element, "loading_percent"] for flow in flows]
            assert relief.loading[place] == pytest.approx(loading[0], abs=1e-6)
            taken = [loading[0] - one for one in loading[1:]]
            assert relief.points[place] == pytest.approx(taken, abs=1e-6)
            compared += 1
    assert compared > 40
    loadings = compute_loadings(task, rated)
    high = loadings.stack()
    high = {(*key, "thermal") for key in high[high > 100.0].index}
    assert high and high <= set(relief.key)  # nothing that matters is left out


def test_what_is_there_anyway_is_nobodys_to_mend(rated: Network):
    outages = gh.list_contingencies(rated, ("line",)).loc[["line:5"]]
    sec = gh.run_security(rated, outages, None, verify="all")
    old = collect_violations([sec])
    task = WorksTask(rated, {"": outages}, None, sec.options, old)
    relief = compute_relief(task, list_route_candidates(rated, COSTS, ["line:6"]), old)
    mine = set(relief.key)
    assert len(old) > 5
    assert not mine & set(
        old[["snapshot", "contingency", "element", "kind"]].itertuples(index=False, name=None)
    )
