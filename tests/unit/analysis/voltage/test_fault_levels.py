"""Fault levels: closed forms of two buses, a dense inverse, breaker classes, sources and bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.voltage.fault_levels import build_fault_model, compute_fault_levels
from gridhub.analysis.voltage.fault_sources import FaultAssumptions, list_fault_sources
from gridhub.criteria import EXAMPLE, read_criteria
from gridhub.errors import InputError, OptionError
from gridhub.model.network import Network, build_network
from tests.small_networks import make_table

BREAKERS = "".join(
    f'\n[[breaker]]\nvn_kv = 345\nbreaking_ka = {ka}\nsource = "assumed, no source"\nas_of = "2026-11"\n'
    'confidence = "assumed"\n'
    for ka in (40, 63, 50)
)


def make_radial() -> Network:
    """A machine of 900 MW at a, a line of 0.1 p.u. to b with a solar plant; c is not connected, d is off."""
    return build_network(
        "radial",
        bus=make_table(
            id=["a", "b", "c", "d"],
            vn_kv=345.0,
            reference=[True, False, False, False],
            in_service=[True] * 3 + [False],
        ),
        line=make_table(
            id=["ab"],
            from_bus="a",
            to_bus="b",
            r_ohm=0.0,
            x_ohm=0.1 * 345.0**2 / 100.0,
            b_us=500.0,
            rate_mva=900.0,
        ),
        generator=make_table(
            id=["unit", "sun", "odd"],
            bus=["a", "b", "b"],
            p_max_mw=[900.0, 200.0, np.nan],
            fuel=["lng", "solar", "oil"],
            vm_pu=1.0,
        ),
    )


PLAIN = FaultAssumptions(x_step_up_pu=0.0, r_per_x=0.0)


def test_currents_of_a_radial_network_are_the_closed_form() -> None:
    levels = compute_fault_levels(make_radial(), assumptions=PLAIN, voltage_factor=1.0)
    # 1,000 MVA behind 0.2 p.u.: 0.02 p.u. of 100 MVA at a, 0.12 at b; the plant gives 2.2 p.u. of 100 MVA
    table, to_ka = levels.table, 100.0 / (np.sqrt(3) * 345.0)
    assert table["machines_ka"][["a", "b"]].to_numpy() == pytest.approx([50 * to_ka, to_ka / 0.12])
    # what the plant injects at b flows through the line to a fault at a, and all of it into one at b
    assert table["converters_ka"][["a", "b"]].to_numpy() == pytest.approx([2.2 * to_ka] * 2)
    assert table["s_mva"]["a"] == pytest.approx(5220.0)
    assert table["state"].to_list() == ["no class known", "no class known", "not fed", "out of service"]
    assert table.loc[["c", "d"], "ik_ka"].to_list() == [0.0, 0.0]
    assert levels.unknown == ("odd",)


def test_step_up_transformer_is_in_series_with_the_machine() -> None:
    levels = compute_fault_levels(make_radial(), assumptions={"r_per_x": 0.0}, voltage_factor=1.0)
    assert levels.table["x_pu"]["a"] == pytest.approx(0.032)


def test_breaker_classes_name_the_smallest_that_holds() -> None:
    net = make_radial()
    criteria = read_criteria(EXAMPLE + BREAKERS)
    assert [one.breaking_ka for one in criteria.breakers] == [40, 63, 50]
    for mva, breaker, state in (
        (38.0, 40.0, "within the smallest class"),
        (45.0, 50.0, "needs a larger class"),
        (70.0, np.nan, "above every class"),
    ):
        sources = pd.DataFrame(
            {"bus": "a", "kind": "machine", "mva": mva * np.sqrt(3) * 345.0 / 5, "r_pu": 0.0, "x_pu": 0.2,
            "current_pu": 0.0}, index=["one"],
        )  # fmt: skip
        row = compute_fault_levels(net, criteria=criteria, sources=sources, voltage_factor=1.0).table.loc["a"]
        assert row["ik_ka"] == pytest.approx(mva)
        assert row["breaker_ka"] == pytest.approx(breaker, nan_ok=True)
        assert (row["largest_ka"], row["state"]) == (63.0, state)


def test_short_circuit_ratio_counts_machines_at_nominal_voltage() -> None:
    levels = compute_fault_levels(make_radial(), assumptions=PLAIN, voltage_factor=1.1)
    assert levels.find_ratio("b", 100.0) == pytest.approx(1 / 0.12)
    with pytest.raises(KeyError):
        levels.find_ratio("nowhere", 100.0)
    with pytest.raises(OptionError):
        levels.find_ratio("b", 0.0)


def test_diagonal_is_that_of_a_dense_inverse() -> None:
    net = gh.load_network("korea-2025-backbone")
    sources = list_fault_sources(net)
    model = build_fault_model(net, None, sources)
    case, plan = model.case, model.plan
    y = np.zeros((case.n_node, case.n_node), dtype=complex)
    for i in np.flatnonzero(case.branch_on):
        f, t, admittance = case.branch_from[i], case.branch_to[i], 1 / (case.r[i] + 1j * case.x[i])
        y[[f, t], [f, t]] += admittance
        y[[f, t], [t, f]] -= admittance
    for _, row in sources[sources["kind"] == "machine"].iterrows():
        node = case.bus_node[case.labels.bus.index(row["bus"])]
        y[node, node] += row["mva"] / case.base_mva / (row["r_pu"] + 1j * row["x_pu"])
    fed = np.flatnonzero(plan.fed)
    z = np.linalg.inv(y[np.ix_(fed, fed)])
    assert plan.find_diagonal()[fed] == pytest.approx(np.diag(z), rel=1e-9)
    assert plan.find_columns(fed[:3])[fed] == pytest.approx(z[:, :3], rel=1e-9)


def test_sources_of_korea_are_sorted_by_what_they_are() -> None:
    net = gh.load_network("korea-2025-backbone")
    sources = list_fault_sources(net)
    assert set(sources["kind"]) == {"machine", "converter"}
    fuel = net.generator["fuel"].reindex(sources.index)
    assert set(sources["kind"][fuel.isin(["solar", "wind"])]) == {"converter"}
    assert set(sources["kind"][fuel == "nuclear"]) == {"machine"}
    on = gh.run_power_flow(net).solution.case.generator_on
    assert fuel.notna().sum() == on.sum()
    pumped = net.storage.index[net.storage["kind"] == "pumped_storage"]
    assert (sources.loc[pumped, "kind"] == "machine").all()
    vsc = net.hvdc.index[net.hvdc["technology"] == "vsc"]
    assert {f"{name}:{end}" for name in vsc for end in ("from", "to")} <= set(sources.index)
    assert not any(str(name).startswith(tuple(net.hvdc.index.difference(vsc))) for name in sources.index)


def test_bad_input_is_named() -> None:
    net = make_radial()
    with pytest.raises(OptionError, match="x_machine_pu = 0.*power_factor = 2"):
        FaultAssumptions(x_machine_pu=0.0, power_factor=2.0)
    with pytest.raises(OptionError, match="unknown assumption x"):
        compute_fault_levels(net, assumptions={"x": 1.0})
    with pytest.raises(OptionError, match="voltage_factor"):
        compute_fault_levels(net, voltage_factor=3.0)
    sources = pd.DataFrame(
        {"bus": ["a", "x", "a"], "kind": ["motor", "machine", "converter"], "mva": [1.0, np.nan, 1.0],
        "r_pu": 0.0,
         "x_pu": [0.2, 0.0, np.nan], "current_pu": [0.0, 0.0, -1.0]},
        index=["m", "n", "o"],
    )  # fmt: skip
    with pytest.raises(InputError) as caught:
        compute_fault_levels(net, sources=sources)
    assert sorted((issue.id, issue.column) for issue in caught.value.issues) == [
        ("m", "kind"), ("n", "bus"), ("n", "mva"), ("n", "x_pu"), ("o", "current_pu"),
    ]  # fmt: skip
    with pytest.raises(InputError, match="column is missing"):
        compute_fault_levels(net, sources=sources.drop(columns="mva"))


def test_levels_of_some_buses_are_those_among_all():
    net = make_radial()
    every = compute_fault_levels(net, criteria=None).table
    some = compute_fault_levels(net, criteria=None, buses=["d", "b"]).table
    pd.testing.assert_frame_equal(some, every.loc[["d", "b"]])
    with pytest.raises(KeyError, match="no bus 'z'"):
        compute_fault_levels(net, criteria=None, buses=["z"])
