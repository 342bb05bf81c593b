"""Voltages and angles of pandapower's own networks: ours, read through the bridge, against pandapower's.

Same options on both sides: pi transformers, reactive limits off, external grids as slack, DC start. The
networks not compared are in `OUT`, each with its reason.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandapower
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.interop.pandapower import from_pandapower, to_pandapower
from gridhub.model.network import Network
from gridhub.reference import list_networks, load_network
from gridhub.solvers.status import Status

TOLERANCE = 1e-6  # p.u. and degree

TRANSMISSION = {
    "case14": 14,
    "case24_ieee_rts": 24,
    "GBreducednetwork": 29,
    "case30": 30,
    "case_ieee30": 30,
    "case33bw": 33,
    "case39": 39,
    "case57": 57,
    "case89pegase": 89,
    "case118": 118,
    "case145": 145,
    "iceland": 189,
    "case_illinois200": 200,
    "case300": 300,
    "case1354pegase": 1354,
    "case1888rte": 1888,
    "GBnetwork": 2224,
    "case2848rte": 2848,
    "case2869pegase": 2869,
    "case3120sp": 3120,
    "case6470rte": 6470,
    "case6495rte": 6495,
    "case6515rte": 6515,
    "case9241pegase": 9241,
}
"""The 24 networks of the transmission kind, with their number of buses."""

SMALL = ("case4gs", "case5", "case6ww", "case9")

EXAMPLES: dict[str, dict[str, Any]] = {
    "create_cigre_network_hv": {},
    "create_cigre_network_mv": {},
    "create_cigre_network_mv-pv_wind": {"with_der": "pv_wind"},
    "create_cigre_network_mv-all": {"with_der": "all"},
    "create_cigre_network_lv": {},
    "example_simple": {},
    "example_multivoltage": {},
    "mv_oberrhein": {},
    "panda_four_load_branch": {},
    "four_loads_with_branches_out": {},
    "simple_four_bus_system": {},
    "simple_mv_open_ring_net": {},
}
"""CIGRE and example networks: name (and variant) -> arguments."""

DISTRIBUTION: dict[str, dict[str, Any]] = {
    "mv_oberrhein-generation": {"scenario": "generation"},
    "mv_oberrhein-substations": {"include_substations": True},
    "create_dickert_lv_network": {},
    "create_kerber_dorfnetz": {},
    "create_kerber_landnetz_freileitung_1": {},
    "create_kerber_landnetz_kabel_1": {},
    "create_kerber_vorstadtnetz_kabel_1": {},
    "kb_extrem_landnetz_kabel": {},
    "create_synthetic_voltage_control_lv_network": {},
    "ieee_european_lv_asymmetric": {},
    "lv_schutterwald": {},
}
"""Distribution networks of other kinds, left to the slow tests."""

OUT = {
    "case11_iwamoto": "pandapower finds no state either, by Newton, Iwamoto, Gauss-Seidel or fast decoupled",
    "create_dickert_lv_feeders": "adds feeders to a network, makes none",
    "create_kerber_landnetz_freileitung_2": "as freileitung_1 with other lengths",
    "create_kerber_landnetz_kabel_2": "as kabel_1 with other lengths",
    "create_kerber_vorstadtnetz_kabel_2": "as kabel_1 with another cable",
    "kb_extrem_dorfnetz": "as create_kerber_dorfnetz with more loads",
    "kb_extrem_dorfnetz_trafo": "as create_kerber_dorfnetz with a smaller transformer",
    "kb_extrem_landnetz_freileitung": "as create_kerber_landnetz_freileitung_1 with more loads",
    "kb_extrem_landnetz_freileitung_trafo": "as create_kerber_landnetz_freileitung_1 with more loads",
    "kb_extrem_landnetz_kabel_trafo": "as kb_extrem_landnetz_kabel with a smaller transformer",
    "kb_extrem_vorstadtnetz_1": "as create_kerber_vorstadtnetz_kabel_1 with more loads",
    "kb_extrem_vorstadtnetz_2": "as create_kerber_vorstadtnetz_kabel_1 with more loads",
    "kb_extrem_vorstadtnetz_trafo_1": "as create_kerber_vorstadtnetz_kabel_1 with more loads",
    "kb_extrem_vorstadtnetz_trafo_2": "as create_kerber_vorstadtnetz_kabel_1 with more loads",
    "sorted_from_json": "reads a file, makes no network",
}
"""Networks that are not compared, and why."""

DC_OUT = {"ieee_european_lv_asymmetric": "pandapower's DC power flow leaves asymmetric loads out"}

OPTIONS = {"distributed_slack": False, "reactive_limits": False, "start": "dc", "tolerance": 1e-9}


@pytest.fixture(autouse=True)
def _quiet_pandapower() -> Iterator[None]:
    """Let pandapower warn about its own files; what we do with them still may not warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        yield


def load(name: str) -> Any:
    import pandapower.networks as networks

    return getattr(networks, name.partition("-")[0])(**(EXAMPLES | DISTRIBUTION).get(name, {}))


def measure_angle(a: pd.Series, b: pd.Series) -> float:
    """Largest difference of two columns of angles [degree], whatever turns lie between."""
    difference = (a.to_numpy(dtype=float) - b.to_numpy(dtype=float) + 180.0) % 360.0 - 180.0
    return float(np.nanmax(np.abs(difference)))


def compare_ac(pp_net: Any, net: Network) -> None:
    pandapower.runpp(
        pp_net,
        trafo_model="pi",
        init="dc",
        calculate_voltage_angles=True,
        enforce_q_lims=False,
        tolerance_mva=1e-9 * pp_net.sn_mva,  # pandapower's limit is in MW, ours per unit of base
        max_iteration=30,
    )
    flow = run_power_flow(net, options=OPTIONS)
    assert flow.status in (Status.CONVERGED, Status.ISLANDED)
    expected = pp_net.res_bus
    found = flow.bus.loc[expected.index.map(str)]
    dead = expected["vm_pu"].isna().to_numpy()
    assert (found["vm_pu"].isna().to_numpy() == dead).all()
    assert np.nanmax(np.abs(found["vm_pu"].to_numpy() - expected["vm_pu"].to_numpy())) < TOLERANCE
    assert measure_angle(found["va_degree"], expected["va_degree"]) < TOLERANCE
    compare_branches(pp_net, flow.branch, ("p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"))
    fed = pp_net.res_ext_grid
    produced = flow.generator.loc[[f"ext_grid:{i}" for i in fed.index]]
    scale = max(1.0, float(np.abs(fed["p_mw"]).max()))
    for column in ("p_mw", "q_mvar"):
        assert np.allclose(produced[column], fed[column].fillna(0.0), rtol=0, atol=1e-5 * scale)


def compare_branches(pp_net: Any, branch: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Compare the flows of lines and transformers at both ends."""
    for table, ends in (("line", ("from", "to")), ("trafo", ("hv", "lv"))):
        expected = pp_net[f"res_{table}"]
        found = branch.reindex([f"{table}:{index}" for index in expected.index])
        for column in columns:
            quantity, end, unit = column.split("_")
            name = f"{quantity}_{ends[0] if end == 'from' else ends[1]}_{unit}"
            flows = expected[name].fillna(0.0).to_numpy(dtype=float)
            scale = max(1.0, float(np.abs(flows).max(initial=0.0)))
            assert np.allclose(found[column].fillna(0.0), flows, rtol=0, atol=1e-5 * scale), column


def compare_dc(pp_net: Any, net: Network) -> None:
    pandapower.rundcpp(pp_net, trafo_model="pi", calculate_voltage_angles=True)
    flow = run_power_flow(net, method="dc", options={"distributed_slack": False})
    expected = pp_net.res_bus
    found = flow.bus.loc[expected.index.map(str)]
    assert (found["va_degree"].isna() == expected["va_degree"].isna().to_numpy()).all()
    assert measure_angle(found["va_degree"], expected["va_degree"]) < TOLERANCE
    compare_branches(pp_net, flow.branch, ("p_from_mw", "p_to_mw"))


def test_there_are_24_transmission_networks_from_14_to_9241_buses() -> None:
    assert len(TRANSMISSION) == 24
    assert (min(TRANSMISSION.values()), max(TRANSMISSION.values())) == (14, 9241)


def test_every_network_of_pandapower_is_compared_or_out_for_a_reason() -> None:
    import pandapower.networks as networks

    offered = {
        name
        for name, value in inspect.getmembers(networks, inspect.isfunction)
        if value.__module__.startswith("pandapower.networks") and not name.startswith("_")
    }
    compared = {name.partition("-")[0] for name in (*TRANSMISSION, *SMALL, *EXAMPLES, *DISTRIBUTION)}
    assert not compared & set(OUT)
    assert offered - compared <= set(OUT), sorted(offered - compared - set(OUT))


@pytest.mark.parametrize("name", [*SMALL, *TRANSMISSION])
def test_transmission_network_equals_pandapower(name: str) -> None:
    pp_net = load(name)
    net, _ = from_pandapower(pp_net)
    assert len(net.bus) == TRANSMISSION.get(name, len(pp_net.bus))
    compare_ac(pp_net, net)
    compare_dc(pp_net, net)


@pytest.mark.parametrize(
    "name", [*EXAMPLES, *(pytest.param(name, marks=pytest.mark.slow) for name in DISTRIBUTION)]
)
def test_example_network_equals_pandapower(name: str) -> None:
    pp_net = load(name)
    net, _ = from_pandapower(pp_net)
    compare_ac(pp_net, net)
    if name not in DC_OUT:
        compare_dc(pp_net, net)


@pytest.mark.parametrize(
    "name",
    ["case14", "case118", "case300", "case6495rte", "example_multivoltage", "create_cigre_network_mv-all"],
)
def test_network_written_to_pandapower_solves_to_the_same_state(name: str) -> None:
    original = load(name)
    net, _ = from_pandapower(original)
    written, _ = to_pandapower(net)
    for pp_net in (original, written):
        pandapower.runpp(
            pp_net,
            trafo_model="pi",
            init="dc",
            calculate_voltage_angles=True,
            tolerance_mva=1e-8 * pp_net.sn_mva,
        )
    found = written.res_bus.set_axis(written.bus["gridhub_id"]).loc[original.bus.index.map(str)]
    assert np.nanmax(np.abs(found["vm_pu"].to_numpy() - original.res_bus["vm_pu"].to_numpy())) < TOLERANCE
    assert measure_angle(found["va_degree"], original.res_bus["va_degree"]) < TOLERANCE
    again, _ = from_pandapower(written)
    assert {t: len(f) for t, f in again.tables.items()} == {t: len(f) for t, f in net.tables.items()}


REGIONAL = [name for name in list_networks()["name"] if not name.startswith("pandapower:")]


@pytest.mark.parametrize("name", REGIONAL)
def test_every_snapshot_of_our_own_networks_is_confirmed_by_pandapower(name: str) -> None:
    net = load_network(name)
    for snapshot in net.snapshots or (None,):
        pp_net, _ = to_pandapower(net, snapshot)
        pandapower.runpp(
            pp_net,
            trafo_model="pi",
            init="dc",
            calculate_voltage_angles=True,
            tolerance_mva=1e-9 * net.base_mva,
            max_iteration=30,
        )
        flow = run_power_flow(net, snapshot, options=OPTIONS)
        found = pp_net.res_bus.set_axis(pp_net.bus["gridhub_id"]).loc[flow.bus.index]
        assert (found["vm_pu"].isna() == flow.bus["vm_pu"].isna()).all()
        assert np.nanmax(np.abs(found["vm_pu"] - flow.bus["vm_pu"])) < TOLERANCE
        assert measure_angle(found["va_degree"], flow.bus["va_degree"]) < TOLERANCE
