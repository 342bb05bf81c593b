from __future__ import annotations

import numpy as np
import pytest

import gridhub as gh
from gridhub.analysis.hub.impact import (
    RISE_POINTS,
    SUPPLYING,
    build_raised_branches,
    build_supplying_banks,
    find_worst_outage,
)
from gridhub.model.network import Network

HUB_MW = 150.0


@pytest.fixture(scope="module")
def grids() -> tuple[Network, Network]:
    net = gh.load_network("rts-96")
    return net, gh.place(net, gh.Hub(gh.DataCenter("hub", contract_mw=HUB_MW, bus="108")))


@pytest.fixture(scope="module")
def runs(grids):
    return [{name: gh.run_security(net, snapshot=name) for name in net.snapshots} for net in grids]


def run_without(net: Network, outage: str, snapshot: str):
    """Solve with one branch out, nothing shared with the outage factors."""
    tables = {
        name: net.tables[name].assign(
            in_service=net.tables[name]["in_service"] & (net.tables[name].index != outage)
        )
        for name in ("line", "transformer")
    }
    return gh.run_power_flow(net.replace(**tables), snapshot).branch


def test_supplying_banks_are_those_that_take_the_hub_up(grids, runs):
    net, placed = grids
    table = build_supplying_banks(net, placed, None, *runs, HUB_MW)
    assert len(table)
    for snapshot in net.snapshots:
        old, new = (gh.run_power_flow(one, snapshot).branch for one in grids)
        share = (new["p_from_mw"].abs() - old["p_from_mw"].abs()).reindex(net.transformer.index) / HUB_MW
        mine = table[table["snapshot"] == snapshot].set_index("bank")
        assert set(mine.index) == set(share.index[share >= SUPPLYING])
        assert mine["share_percent"].is_monotonic_decreasing
        wanted = new["loading_percent"].reindex(mine.index).to_numpy()
        assert mine["n_after_percent"].to_numpy() == pytest.approx(wanted)
    assert (table["n1_after_percent"] >= table["n_after_percent"] - 1e-9).mean() > 0.5


def test_the_worst_outage_of_a_bank_is_that_of_a_search_by_ac(grids, runs):
    placed, after = grids[1], runs[1]
    snapshot = placed.snapshots[0]
    table = build_supplying_banks(*grids, None, *runs, HUB_MW)
    bank = str(table.loc[table["snapshot"] == snapshot, "bank"].iloc[0])
    found = find_worst_outage(placed, after[snapshot], None, [bank]).loc[bank]
    rate = placed.transformer.at[bank, "rate_b_mva"]
    loadings = {}
    for outage in [*placed.line.index, *placed.transformer.index]:
        if outage == bank:
            continue
        try:
            row = run_without(placed, outage, snapshot).loc[bank]
        except gh.NotConverged:
            continue
        ends = [np.hypot(row[f"p_{end}_mw"], row[f"q_{end}_mvar"]) for end in ("from", "to")]
        loadings[outage] = 100.0 * max(ends) / rate
    worst = max(loadings, key=loadings.__getitem__)
    assert found["percent"] == pytest.approx(loadings[worst], abs=5.0)
    assert loadings[found["contingency"]] == pytest.approx(loadings[worst], abs=5.0)


def test_raised_branches_are_all_that_rise_by_more_than_five_points(grids, runs):
    net, placed = grids
    table = build_raised_branches(placed, *runs)
    for snapshot in net.snapshots:
        old, new = (gh.run_power_flow(one, snapshot).branch["loading_percent"] for one in grids)
        rise = (new.reindex(old.index) - old).dropna()
        mine = table[table["snapshot"] == snapshot].set_index("element")["rise_points"]
        assert set(mine.index) == set(rise.index[rise > RISE_POINTS])
        assert mine.to_numpy() == pytest.approx(rise.reindex(mine.index).to_numpy())
        assert mine.is_monotonic_decreasing
    assert len(table) and not table["element"].str.startswith("hub:").any()
