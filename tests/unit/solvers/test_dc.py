"""DC power flow, PTDF and LODF against matrices written out here and against re-solving."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.errors import OptionError
from tests.small_networks import make_double_feed, make_meshed, make_table, make_two_buses

CONVENTIONS = ("x_tap", "x", "rx")


def solve_dc_by_hand(net: gh.Network, convention: str, injection: pd.Series) -> pd.Series:
    """Flows of a connected network from a dense matrix, reference at its own angle 0."""
    buses = list(net.bus.index)
    at = {name: i for i, name in enumerate(buses)}
    branches = net.branches()
    rows, b, shift = [], [], []
    for name in branches.index:
        if name in net.line.index:
            row, z_base = net.line.loc[name], 345.0**2 / net.base_mva
            r, x, tap, phi = row["r_ohm"] / z_base, row["x_ohm"] / z_base, 1.0, 0.0
        else:
            row = net.transformer.loc[name]
            r, x, tap, phi = row["r_pu"], row["x_pu"], row["tap_ratio"], np.deg2rad(row["shift_degree"])
        value = {"x_tap": 1 / (x * tap), "x": 1 / x, "rx": x / (r**2 + x**2)}[convention]
        b.append(value)
        shift.append(0.0 if convention == "rx" else phi)
        incidence = np.zeros(len(buses))
        incidence[at[row["from_bus"]]], incidence[at[row["to_bus"]]] = 1.0, -1.0
        rows.append(incidence)
    c, b_diag, phi = np.array(rows), np.diag(b), np.array(shift)
    matrix = c.T @ b_diag @ c
    right = injection.reindex(buses).to_numpy() / net.base_mva + c.T @ b_diag @ phi
    reference = int(np.flatnonzero(net.bus["reference"])[0])
    keep = [i for i in range(len(buses)) if i != reference]
    theta = np.zeros(len(buses))
    theta[keep] = np.linalg.solve(matrix[np.ix_(keep, keep)], right[keep])
    return pd.Series(b_diag @ (c @ theta - phi) * net.base_mva, index=branches.index)


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_flows_match_a_dense_solve(seed: int, convention: str) -> None:
    net = make_meshed(seed)
    pf = gh.run_power_flow(net, method="dc", options={"dc_convention": convention})
    shunt = pd.Series(0.0, index=net.bus.index)
    for _, row in net.shunt.iterrows():
        shunt[row["bus"]] += row["g_mw"]
    expected = solve_dc_by_hand(net, convention, pf.bus["p_mw"] - shunt)
    assert pf.branch["p_from_mw"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-8)
    assert pf.bus["q_mvar"].isna().all()
    assert pf.bus["vm_pu"].isna().all()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_ptdf_is_the_change_of_a_dc_solve(convention: str) -> None:
    net = make_meshed(4)
    options = {"dc_convention": convention, "distributed_slack": False}
    factors = gh.ptdf(net, options)
    base = gh.run_power_flow(net, method="dc", options=options).branch["p_from_mw"]
    for bus in net.bus.index:
        extra = make_table(id=["extra"], bus=[bus], p_mw=[-10.0])
        moved = gh.run_power_flow(
            net.replace(load=pd.concat([net.load, extra])), method="dc", options=options
        ).branch["p_from_mw"]
        assert (moved - base).to_numpy() / 10.0 == pytest.approx(factors[bus].to_numpy(), abs=1e-9)
    reference = net.bus.index[net.bus["reference"]][0]
    assert (factors[reference] == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_lodf_equals_solving_again_outage_by_outage(seed: int) -> None:
    net = make_meshed(seed)
    options = {"distributed_slack": False}
    factors = gh.lodf(net, options)
    base = gh.run_power_flow(net, method="dc", options=options).branch["p_from_mw"]
    islanding = 0
    for name in factors.columns:
        table = "line" if name in net.line.index else "transformer"
        frame = getattr(net, table)
        frame.loc[name, "in_service"] = False
        again = gh.run_power_flow(net.replace(**{table: frame}), method="dc", options=options)
        if again.summary["dead_islands"] or again.summary["islands"] > 1:
            islanding += 1
            assert factors[name].isna().all()
            continue
        expected = base + factors[name] * base[name]
        assert again.branch["p_from_mw"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-7)
    assert factors.isna().all().sum() == islanding


def test_lodf_marks_bridges_and_branches_out_of_service() -> None:
    net = make_double_feed(circuits=3)
    line = net.line
    line.loc["ab3", "in_service"] = False
    factors = gh.lodf(net.replace(line=line))
    assert factors["bc"].isna().all()
    assert (factors["ab3"] == 0).all()
    assert (factors.loc["ab3", ["ab1", "ab2"]] == 0).all()
    assert factors.loc["ab1", "ab1"] == -1.0
    assert factors.loc["ab2", "ab1"] == pytest.approx(1.0)


def test_phase_shifter_in_a_loop_drives_a_known_flow() -> None:
    # two equal reactances of 0.1 p.u., one shifted by 3 degrees: shift / (x + x) circulates
    net = gh.build_network(
        "loop",
        bus=make_table(id=["a", "b"], vn_kv=345.0, reference=[True, False]),
        transformer=make_table(
            id=["plain", "shifted"],
            from_bus="a",
            to_bus="b",
            x_pu=0.1,
            shift_degree=[0.0, 3.0],
        ),
        generator=make_table(id=["unit"], bus=["a"], p_max_mw=[100.0], vm_pu=[1.0]),
    )
    pf = gh.run_power_flow(net, method="dc")
    expected = np.deg2rad(3.0) / 0.2 * 100.0
    assert pf.branch.loc["plain", "p_from_mw"] == pytest.approx(expected)
    assert pf.branch.loc["shifted", "p_from_mw"] == pytest.approx(-expected)


def test_dc_units_that_cannot_balance_are_refused() -> None:
    net = make_two_buses()
    units = net.generator
    units["p_max_mw"] = 400.0
    units["p_mw"] = 400.0
    with pytest.raises(gh.NotConverged, match="cannot balance"):
        gh.run_power_flow(net.replace(generator=units), method="dc")


def test_unknown_option_and_method_are_named() -> None:
    with pytest.raises(OptionError, match="did you mean tolerance"):
        gh.run_power_flow(make_two_buses(), options={"tolerence": 1e-6})
    with pytest.raises(OptionError, match="dc_convention"):
        gh.run_power_flow(make_two_buses(), options={"dc_convention": "y"})
    with pytest.raises(OptionError, match="method"):
        gh.run_power_flow(make_two_buses(), method="fast")  # type: ignore[arg-type]
