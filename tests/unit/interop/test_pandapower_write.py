"""A network written to pandapower solves there to the state it has here; what is not carried is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.errors import FileFormatError
from gridhub.interop.conversion_report import ConversionReport
from gridhub.interop.pandapower import from_pandapower, to_pandapower
from gridhub.model.network import Network, build_network
from gridhub.model.schema import complete_table

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

OPTIONS = {"distributed_slack": False, "reactive_limits": False, "start": "dc", "tolerance": 1e-10}


def build(**changes: Any) -> Network:
    """Four buses of two voltages: a line a-b, a transformer b-c, a series element c-d, a unit at a."""
    tables = {
        "bus": pd.DataFrame(
            {
                "vn_kv": [345.0, 345.0, 154.0, 154.0],
                "reference": [True, False, False, False],
                "name": ["A", "B", "", ""],
            },
            index=["a", "b", "c", "d"],
        ),
        "line": pd.DataFrame(
            {
                "from_bus": ["a"],
                "to_bus": ["b"],
                "length_km": [40.0],
                "r_ohm": [1.2],
                "x_ohm": [13.0],
                "b_us": [150.0],
                "g_us": [2.0],
                "rate_mva": [1086.0],
            },
            index=["ab"],
        ),
        "transformer": pd.DataFrame(
            {
                "from_bus": ["b"],
                "to_bus": ["c"],
                "r_pu": [0.002],
                "x_pu": [0.04],
                "g_pu": [0.001],
                "b_pu": [-0.004],
                "tap_ratio": [1.03],
                "shift_degree": [5.0],
                "rate_mva": [500.0],
            },
            index=["bc"],
        ),
        "series": pd.DataFrame(
            {"from_bus": ["c"], "to_bus": ["d"], "r_pu": [0.01], "x_pu": [0.05], "b_pu": [0.02]}, index=["cd"]
        ),
        "load": pd.DataFrame(
            {"bus": ["c", "d"], "p_mw": [120.0, 60.0], "q_mvar": [30.0, 10.0]}, index=["l1", "l2"]
        ),
        "generator": pd.DataFrame({"bus": ["a"], "p_mw": [100.0], "vm_pu": [1.02]}, index=["g1"]),
    }
    return build_network("four", 100.0, **(tables | changes))


def change(net: Network, table: str, **columns: Any) -> Network:
    return net.replace(**{table: net.tables[table].assign(**columns)})


def assert_same_state(net: Network, snapshot: str | None = None) -> tuple[Any, ConversionReport]:
    """Write the network and compare voltages, branch flows and DC angles."""
    pp_net, report = to_pandapower(net, snapshot)
    flow = run_power_flow(net, snapshot, options=OPTIONS)
    pp.runpp(
        pp_net, trafo_model="pi", init="dc", calculate_voltage_angles=True, tolerance_mva=1e-8, numba=False
    )
    found = pp_net.res_bus.set_axis(pp_net.bus["gridhub_id"]).loc[flow.bus.index]
    np.testing.assert_allclose(found["vm_pu"], flow.bus["vm_pu"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(found["va_degree"], flow.bus["va_degree"], rtol=0, atol=1e-6)
    pp.rundcpp(pp_net, trafo_model="pi", calculate_voltage_angles=True)
    dc = run_power_flow(net, snapshot, method="dc", options={"distributed_slack": False})
    found = pp_net.res_bus.set_axis(pp_net.bus["gridhub_id"]).loc[flow.bus.index]
    np.testing.assert_allclose(found["va_degree"], dc.bus["va_degree"], rtol=0, atol=1e-8)
    return pp_net, report


def get_codes(report: ConversionReport) -> set[str]:
    return {issue.code for issue in report.issues}


def test_four_buses_solve_to_the_same_state() -> None:
    pp_net, report = assert_same_state(build())
    assert pp_net.sn_mva == 100.0
    assert pp_net.f_hz == 60.0
    assert list(pp_net.bus["name"]) == ["A", "B", None, None]
    assert len(pp_net.ext_grid) == 1
    assert report.direction == "write"
    assert {i.value for i in report.issues if i.code == "W-SLACK"} == {"100"}


def test_ratings_give_the_loading_pandapower_shows() -> None:
    net = build()
    pp_net, _ = to_pandapower(net)
    flow = run_power_flow(net, options=OPTIONS)
    pp.runpp(
        pp_net, trafo_model="pi", init="dc", calculate_voltage_angles=True, trafo_loading="power", numba=False
    )
    assert pp_net.res_trafo.at[0, "loading_percent"] == pytest.approx(flow.branch.at["bc", "loading_percent"])
    # pandapower's loading of a line counts the larger current: MVA over voltage
    flows = flow.branch.loc["ab"]
    currents = [
        np.hypot(flows[f"p_{end}_mw"], flows[f"q_{end}_mvar"]) / flow.bus.at[bus, "vm_pu"]
        for end, bus in (("from", "a"), ("to", "b"))
    ]
    assert pp_net.res_line.at[0, "loading_percent"] == pytest.approx(100 * max(currents) / 1086.0)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tap=st.floats(0.9, 1.1),
    shift=st.floats(-40.0, 40.0),
    r=st.floats(-0.001, 0.01),
    x=st.one_of(st.floats(0.005, 0.1), st.floats(-0.02, -0.005)),
    g=st.floats(0.0, 0.01),
    b=st.floats(-0.05, 0.05),
    rate=st.sampled_from([np.nan, 300.0]),
    turned=st.booleans(),
    step=st.sampled_from([np.nan, 0.0125]),
)
def test_any_two_port_is_carried(
    tap: float, shift: float, r: float, x: float, g: float, b: float, rate: float, turned: bool, step: float
) -> None:
    ends = ("c", "b") if turned else ("b", "c")
    row = {
        "from_bus": [ends[0]],
        "to_bus": [ends[1]],
        "r_pu": [r],
        "x_pu": [x],
        "g_pu": [g],
        "b_pu": [b],
        "tap_ratio": [tap],
        "shift_degree": [shift],
        "rate_mva": [rate],
        "tap_step": [step],
    }
    pp_net, report = assert_same_state_of_ybus(build(transformer=pd.DataFrame(row, index=["bc"])))
    assert ("W-TURNED" in get_codes(report)) is turned
    assert ("W-SHUNT" in get_codes(report)) is (b > 0)
    again, _ = from_pandapower(pp_net)
    assert again.transformer["rate_mva"].iloc[0] == pytest.approx(rate, nan_ok=True)


def test_the_target_of_a_tap_changer_is_reported_as_dropped() -> None:
    row = {"from_bus": ["b"], "to_bus": ["c"], "x_pu": [0.1], "tap_bus": ["c"], "tap_vm_pu": [1.0]}
    net = build(transformer=pd.DataFrame(row, index=["bc"]))
    dropped = [issue for issue in to_pandapower(net)[1].issues if issue.column == "tap_bus"]
    assert [(issue.code, issue.id) for issue in dropped] == [("W-DROPPED", "bc")]


def assert_same_state_of_ybus(net: Network) -> tuple[Any, ConversionReport]:
    """Write the network, read it back, and compare the admittance matrices: valid for any parameters."""
    from gridhub.case.compile import compile_case
    from gridhub.case.matrices import build_admittance

    pp_net, report = to_pandapower(net)
    again, _ = from_pandapower(pp_net)
    expected, found = (build_admittance(compile_case(n)).toarray() for n in (net, again))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    return pp_net, report


@pytest.mark.parametrize(
    ("columns", "table", "codes"),
    [
        ({"rate_mva": 200.0, "b_pu": 0.0}, "trafo", {"W-SERIES"}),
        ({"rate_mva": 200.0}, "impedance", {"W-RATING"}),
        ({}, "impedance", set()),
        ({"tap_ratio": 0.98}, "trafo", {"W-SERIES", "W-SHUNT", "W-UNRATED"}),
        ({"r_pu": 0.0, "x_pu": 0.0, "b_pu": 0.0}, "switch", set()),
        ({"r_pu": 0.0, "x_pu": 0.0, "b_pu": 0.0, "in_service": False}, "switch", set()),
    ],
    ids=["rated", "rated capacitive", "plain", "ratio", "coupler", "open coupler"],
)
def test_series_elements_become_what_carries_them(
    columns: dict[str, Any], table: str, codes: set[str]
) -> None:
    net = change(build(), "series", **columns)
    if not columns.get("in_service", True):
        pp_net, report = to_pandapower(net)
    else:
        pp_net, report = assert_same_state(net)
    assert "cd" in set(pp_net[table]["gridhub_id"])
    assert get_codes(report) - {"W-SLACK"} == codes
    if table == "impedance" and "rate_mva" in columns:
        assert from_pandapower(pp_net)[0].series["rate_mva"].to_list() == [200.0]


def test_series_between_different_voltages_keeps_its_flow() -> None:
    net = build(load=pd.DataFrame({"bus": ["c"], "p_mw": [120.0]}, index=["l1"]))
    series = pd.DataFrame(
        {"from_bus": "a", "to_bus": "d", "r_pu": 0.0, "x_pu": 0.3, "b_pu": 0.0, "rate_mva": 90.0},
        index=["ad"],
    )
    assert_same_state(net.replace(series=series))


def test_transformer_without_impedance_is_refused() -> None:
    with pytest.raises(FileFormatError, match="E-ZEROZ transformer bc"):
        to_pandapower(change(build(), "transformer", r_pu=0.0, x_pu=0.0))


@pytest.mark.parametrize("p_mw", [80.0, -80.0])
@pytest.mark.parametrize(("regulating_from", "regulating_to"), [(True, True), (True, False), (False, False)])
def test_hvdc_link(p_mw: float, regulating_from: bool, regulating_to: bool) -> None:
    hvdc = pd.DataFrame(
        {
            "from_bus": ["b"],
            "to_bus": ["d"],
            "p_mw": [p_mw],
            "p_max_mw": [100.0],
            "loss_mw": [1.0],
            "loss_percent": [2.0],
            "q_from_mvar": [5.0],
            "q_to_mvar": [-7.0],
            "regulating_from": [regulating_from],
            "regulating_to": [regulating_to],
            "vm_from_pu": [1.01],
            "vm_to_pu": [0.99],
        },
        index=["h"],
    )
    pp_net, report = assert_same_state(build(hvdc=hvdc))
    whole = regulating_from and regulating_to
    assert len(pp_net.dcline) == int(whole)
    assert ("W-HVDC" in get_codes(report)) is not whole
    if whole:
        again, _ = from_pandapower(pp_net)
        row = again.hvdc.iloc[0]
        assert (row["p_mw"], row["loss_mw"], row["loss_percent"]) == pytest.approx((p_mw, 1.0, 2.0))


def test_storage_shunt_static_and_regulating_units() -> None:
    net = build(
        storage=pd.DataFrame(
            {
                "bus": ["d"],
                "p_mw": [20.0],
                "q_mvar": [1.0],
                "p_max_mw": [50.0],
                "charge_max_mw": [60.0],
                "e_mwh": [200.0],
                "soc": [0.5],
            },
            index=["s"],
        ),
        shunt=pd.DataFrame({"bus": ["d"], "g_mw": [0.4], "b_mvar": [30.0]}, index=["c1"]),
        generator=pd.DataFrame(
            {
                "bus": ["a", "b", "d"],
                "p_mw": [0.0, 40.0, 12.0],
                "q_mvar": [0.0, 0.0, 3.0],
                "vm_pu": [1.02, 1.01, np.nan],
                "regulating": [True, True, False],
                "cost_c1_per_mwh": [50.0, 20.0, np.nan],
                "fuel": ["lng", "nuclear", "solar"],
            },
            index=["g1", "g2", "g3"],
        ),
    )
    pp_net, _ = assert_same_state(net)
    assert list(pp_net.poly_cost["et"]) == ["ext_grid", "gen"]
    again, _ = from_pandapower(pp_net)
    assert list(again.generator["fuel"]) == ["lng", "nuclear", "solar"]
    columns = ["p_mw", "p_max_mw", "charge_max_mw", "e_mwh", "soc"]
    assert again.storage.iloc[0][columns].to_list() == [20.0, 50.0, 60.0, 200.0, 0.5]
    assert again.generator["cost_c1_per_mwh"].to_list()[:2] == [50.0, 20.0]


def test_units_of_one_bus_with_two_set_points_take_the_first() -> None:
    generator = pd.DataFrame(
        {"bus": ["a", "a"], "p_mw": [0.0, 40.0], "vm_pu": [1.02, 1.0]}, index=["g1", "g2"]
    )
    pp_net, report = to_pandapower(build(generator=generator))
    assert list(pp_net.gen["vm_pu"]) == [1.02]
    assert "W-SETPOINT" in get_codes(report)


def test_island_without_reference_gets_one_at_its_largest_unit() -> None:
    net = change(build(), "bus", reference=False)
    generator = pd.DataFrame(
        {"bus": ["a", "b"], "p_mw": [0.0, 90.0], "vm_pu": [1.0, 1.0], "p_max_mw": [50.0, 300.0]},
        index=["g1", "g2"],
    )
    pp_net, _ = assert_same_state(net.replace(generator=generator))
    assert list(pp_net.ext_grid["gridhub_id"]) == ["g2"]


def test_reference_bus_without_a_unit_becomes_an_external_grid() -> None:
    pp_net, report = assert_same_state(build(generator=pd.DataFrame({"bus": []})))
    assert list(pp_net.ext_grid["gridhub_id"]) == ["a"]
    assert "W-SLACK" in get_codes(report)


def test_unit_behind_a_coupler_is_the_one_of_the_reference_bus() -> None:
    net = build()
    bus = pd.concat([net.bus, pd.DataFrame({"vn_kv": [345.0]}, index=["a2"])])
    coupler = pd.DataFrame({"from_bus": ["a"], "to_bus": ["a2"], "r_pu": [0.0], "x_pu": [0.0]}, index=["k"])
    series = pd.concat([net.series, complete_table("series", coupler)])
    generator = net.generator.assign(bus="a2")
    pp_net, _ = assert_same_state(
        net.replace(bus=complete_table("bus", bus), series=series, generator=generator)
    )
    assert list(pp_net.ext_grid["gridhub_id"]) == ["g1"]


def test_snapshot_is_applied_and_the_others_are_reported() -> None:
    net = build(
        snapshot=pd.DataFrame({"note": ["", ""]}, index=["day", "night"]),
        snapshot_value=pd.DataFrame(
            {
                "snapshot": ["night", "night", "night"],
                "table": ["load", "generator", "transformer"],
                "id": ["l1", "g1", "bc"],
                "column": ["p_mw", "vm_pu", "tap_ratio"],
                "value": ["40", "1.0", "0.98"],
            },
            index=["0", "1", "2"],
        ),
    )
    day, report = assert_same_state(net)
    night, night_report = assert_same_state(net, "night")
    assert (day.load["p_mw"].sum(), night.load["p_mw"].sum()) == (180.0, 100.0)
    for written, other in ((report, "night"), (night_report, "day")):
        assert [i.id for i in written.issues if i.table == "snapshot"] == [other]
    with pytest.raises(KeyError, match="day"):
        to_pandapower(net, "noon")


def test_what_pandapower_has_no_place_for_is_reported() -> None:
    net = build(
        interface=pd.DataFrame({"name": ["x"], "member": ["ab"], "direction": [1]}, index=["x:1"]),
        documents={"criteria": "schema_version = 1\n"},
    )
    _, report = to_pandapower(net)
    assert {i.table for i in report.issues if i.code == "W-DROPPED"} == {"interface", "documents"}


def test_lines_without_length_or_rating_are_reported() -> None:
    pp_net, report = assert_same_state(change(build(), "line", length_km=np.nan, rate_mva=np.nan))
    assert pp_net.line.at[0, "length_km"] == 1.0
    assert np.isnan(pp_net.line.at[0, "max_i_ka"])
    assert {"W-LENGTH", "W-UNRATED"} <= get_codes(report)


def test_places_and_metadata_travel() -> None:
    net = change(
        build(), "bus", lat=[34.7, 34.8, np.nan, np.nan], lon=[126.5, 126.6, np.nan, np.nan], name_ko="나주"
    )
    net = change(net, "line", tower="T1", rate_b_mva=1200.0, length_km=20.0)
    pp_net, _ = to_pandapower(net)
    again, report = from_pandapower(pp_net)
    assert again.bus["lat"].to_list()[:2] == [34.7, 34.8]
    assert set(again.bus["name_ko"]) == {"나주"}
    assert again.line.iloc[0][["tower", "rate_b_mva"]].to_list() == ["T1", 1200.0]
    assert "W-GEO" not in get_codes(report)


def test_written_network_survives_pandapower_json(tmp_path: Any) -> None:
    from gridhub.interop.pandapower import read_pandapower_json

    pp_net, _ = to_pandapower(build())
    path = tmp_path / "four.json"
    pp.to_json(pp_net, str(path))
    again, _ = read_pandapower_json(path)
    assert again.load["p_mw"].sum() == 180.0
    assert len(again.branches()) == 3


def test_write_case_writes_a_file_that_pandapower_and_we_read(tmp_path: Any) -> None:
    from gridhub.interop.case_files import read_case, write_case

    net = build(site=pd.DataFrame({"name": ["S"]}, index=["s"]))
    net = change(net, "bus", site="s")
    report = write_case(net, tmp_path / "four.json", format="pandapower-json")
    assert (report.counts["line"], report.totals["load_mw"]) == (1, 180.0)
    again, _ = read_case(tmp_path / "four.json")
    assert_same_voltages(net, again)
    pp_net = pp.from_json(str(tmp_path / "four.json"))
    assert list(pp_net.bus["site"]) == ["s"] * 4


def assert_same_voltages(one: Network, other: Network) -> None:
    flows = [run_power_flow(net, options=OPTIONS).bus for net in (one, other)]
    np.testing.assert_allclose(flows[0]["vm_pu"], flows[1]["vm_pu"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(flows[0]["va_degree"], flows[1]["va_degree"], rtol=0, atol=1e-7)
