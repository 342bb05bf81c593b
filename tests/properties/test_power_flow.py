"""What must hold for every network: power balance, and answers that do not hang on how it is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridhub as gh
from gridhub.analysis.flow.power_flow import PowerFlow
from tests.small_networks import make_meshed

NETWORKS = st.builds(make_meshed, st.integers(0, 10_000), n_bus=st.integers(3, 25), extra=st.integers(0, 15))


def solve(net: gh.Network, method: str, limits: bool = False) -> PowerFlow | None:
    try:
        return gh.run_power_flow(net, method=method, options={"reactive_limits": limits})
    except gh.NotConverged:
        return None


@settings(max_examples=40)
@given(NETWORKS, st.sampled_from(["ac", "dc"]), st.booleans())
def test_power_balances_at_every_bus_and_in_all(net: gh.Network, method: str, limits: bool) -> None:
    pf = solve(net, method, limits)
    if pf is None:
        return
    branches = net.branches()
    out = pf.branch["p_from_mw"].groupby(branches["from_bus"]).sum().reindex(net.bus.index).fillna(0.0)
    out += pf.branch["p_to_mw"].groupby(branches["to_bus"]).sum().reindex(net.bus.index).fillna(0.0)
    drawn = net.shunt.set_index("bus")["g_mw"].reindex(net.bus.index).fillna(0.0)
    if method == "ac":
        drawn = drawn * pf.bus["vm_pu"] ** 2
    assert np.abs(pf.bus["p_mw"] - out - drawn).max() < 1e-5
    total = pf.summary["generation_mw"] - pf.summary["load_mw"] - pf.summary["losses_mw"]
    assert total == pytest.approx(0.0, abs=1e-6)
    losses = (pf.branch["p_from_mw"] + pf.branch["p_to_mw"]).sum() + drawn.sum()
    assert pf.summary["losses_mw"] == pytest.approx(losses, abs=1e-4)


@settings(max_examples=25)
@given(NETWORKS, st.randoms(use_true_random=False), st.sampled_from(["ac", "dc"]))
def test_order_of_rows_does_not_matter(net: gh.Network, random, method: str) -> None:
    def shuffle(table):
        rows = list(table.index)
        random.shuffle(rows)
        return table.loc[rows]

    turned = net.replace(
        **{name: shuffle(getattr(net, name)) for name in ("bus", "line", "load", "transformer", "generator")}
    )
    one, other = solve(net, method), solve(turned, method)
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    for table in ("bus", "branch", "generator"):
        expected = getattr(one, table).select_dtypes(float)
        found = getattr(other, table).loc[expected.index, expected.columns]
        assert found.to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6, nan_ok=True)


@settings(max_examples=25)
@given(NETWORKS, st.floats(1.0, 5000.0))
def test_power_base_changes_nothing_in_megawatts(net: gh.Network, base: float) -> None:
    transformer = net.transformer
    transformer[["r_pu", "x_pu"]] *= base / net.base_mva
    one = solve(net, "ac")
    other = solve(net.replace(base_mva=base, transformer=transformer), "ac")
    if one is None or other is None:
        return
    # the tolerance is in per unit, so it is another one in MW
    slack = 2e-6 * max(1.0, base / 100.0)
    assert other.branch["p_from_mw"].to_numpy() == pytest.approx(
        one.branch["p_from_mw"].to_numpy(), abs=slack
    )


@settings(max_examples=15)
@given(NETWORKS)
def test_taking_out_and_putting_back_is_identity(net: gh.Network) -> None:
    line = net.line
    line["in_service"] = False
    back = net.replace(line=line)
    line = back.line
    line["in_service"] = True
    one, other = solve(net, "ac"), solve(back.replace(line=line), "ac")
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert other.bus.equals(one.bus)


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_more_of_the_same_circuit_never_loads_one_more(seed: int) -> None:
    net = make_meshed(seed)
    base = gh.run_power_flow(net, method="dc", options={"distributed_slack": False})
    name = base.branch.loc[net.line.index, "p_from_mw"].abs().idxmax()
    twin = net.line.loc[[name]].rename(index={name: "twin"})
    doubled = net.replace(line=pd.concat([net.line, twin]))
    pf = gh.run_power_flow(doubled, method="dc", options={"distributed_slack": False})
    assert abs(pf.branch.loc[name, "p_from_mw"]) <= abs(base.branch.loc[name, "p_from_mw"]) + 1e-9
    assert pf.branch.loc["twin", "p_from_mw"] == pytest.approx(pf.branch.loc[name, "p_from_mw"], abs=1e-9)
