"""Every element the bridge reads, against pandapower's own power flow; and what it says it dropped."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.errors import FileFormatError
from gridhub.interop.conversion_report import ConversionReport
from gridhub.interop.pandapower import from_pandapower, load_pandapower_network, read_pandapower_json
from gridhub.model.network import Network

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

OPTIONS = {"distributed_slack": False, "reactive_limits": False, "start": "dc", "tolerance": 1e-10}


def build_base() -> Any:
    """A 110 kV grid at bus 0, a line to bus 1, and a loaded 20 kV bus 2 that nothing feeds yet."""
    net = pp.create_empty_network(f_hz=50.0, sn_mva=10.0)
    for kv in (110.0, 110.0, 20.0):
        pp.create_bus(net, vn_kv=kv)
    pp.create_ext_grid(net, 0, vm_pu=1.02, va_degree=7.0)
    create_line(net, 0, 1, length_km=12.0)
    pp.create_load(net, 2, p_mw=9.0, q_mvar=3.0)
    return net


def create_line(net: Any, from_bus: int, to_bus: int, **changes: Any) -> int:
    values = {
        "length_km": 5.0,
        "r_ohm_per_km": 0.06,
        "x_ohm_per_km": 0.3,
        "c_nf_per_km": 9.0,
        "max_i_ka": 0.6,
    }
    return pp.create_line_from_parameters(net, from_bus, to_bus, **(values | changes))


def create_trafo(net: Any, hv_bus: int = 1, lv_bus: int = 2, **changes: Any) -> int:
    values = {
        "sn_mva": 25.0,
        "vn_hv_kv": 112.0,
        "vn_lv_kv": 20.5,
        "vk_percent": 11.0,
        "vkr_percent": 0.6,
        "pfe_kw": 20.0,
        "i0_percent": 0.3,
        "shift_degree": 150.0,
    }
    return pp.create_transformer_from_parameters(net, hv_bus, lv_bus, **(values | changes))


def assert_same_state(pp_net: Any, **options: Any) -> tuple[Network, ConversionReport]:
    """Read the network and compare AC voltages, angles and slack power, and DC angles, with pandapower's."""
    net, report = from_pandapower(pp_net)
    pp.runpp(
        pp_net,
        trafo_model="pi",
        init="dc",
        calculate_voltage_angles=True,
        tolerance_mva=1e-9,
        numba=False,
        **options,
    )
    flow = run_power_flow(net, options=OPTIONS)
    found = flow.bus.loc[pp_net.bus.index.map(str)]
    alive = pp_net.res_bus["vm_pu"].notna().to_numpy()
    assert (found["vm_pu"].notna().to_numpy() == alive).all()
    np.testing.assert_allclose(found["vm_pu"][alive], pp_net.res_bus["vm_pu"][alive], rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        found["va_degree"][alive], pp_net.res_bus["va_degree"][alive], rtol=0, atol=1e-6
    )
    grid = flow.generator.loc[[f"ext_grid:{i}" for i in pp_net.ext_grid.index]]
    np.testing.assert_allclose(grid["p_mw"], pp_net.res_ext_grid["p_mw"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(grid["q_mvar"], pp_net.res_ext_grid["q_mvar"], rtol=0, atol=1e-6)
    pp.rundcpp(pp_net, trafo_model="pi", calculate_voltage_angles=True)
    dc = run_power_flow(net, method="dc", options={"distributed_slack": False})
    angles = dc.bus.loc[pp_net.bus.index.map(str), "va_degree"]
    np.testing.assert_allclose(angles, pp_net.res_bus["va_degree"], rtol=0, atol=1e-8)
    return net, report


def get_codes(report: ConversionReport) -> set[str]:
    return {issue.code for issue in report.issues}


# branches


@pytest.mark.parametrize("side", ["hv", "lv"])
@pytest.mark.parametrize(
    "tap",
    [
        {"tap_changer_type": "Ratio", "tap_step_percent": 1.5},
        {"tap_changer_type": "Symmetrical", "tap_step_percent": 1.5, "tap_step_degree": 60.0},
        {"tap_changer_type": "Ratio", "tap_step_percent": 2.0, "tap_step_degree": 90.0},
        {"tap_changer_type": "Ideal", "tap_step_degree": 3.0},
        {"tap_changer_type": "Ideal", "tap_step_percent": 1.5},
        {"tap_changer_type": None, "tap_step_percent": 1.5},
    ],
    ids=["ratio", "oblique", "cross", "ideal degree", "ideal percent", "no type"],
)
def test_transformer_with_tap_equals_pandapower(side: str, tap: dict[str, Any]) -> None:
    pp_net = build_base()
    create_trafo(pp_net, tap_side=side, tap_pos=-3, tap_neutral=1, tap_min=-9, tap_max=9, parallel=2, **tap)
    net, report = assert_same_state(pp_net)
    assert net.transformer.at["trafo:0", "rate_mva"] == 50.0
    assert "W-PARALLEL" in get_codes(report)
    assert ("W-TAP" in get_codes(report)) == (tap["tap_changer_type"] is None)


def test_second_tap_changer_counts() -> None:
    pp_net = build_base()
    create_trafo(
        pp_net,
        tap_side="hv",
        tap_pos=2,
        tap_neutral=0,
        tap_step_percent=1.0,
        tap_changer_type="Ratio",
        tap2_side="lv",
        tap2_pos=-2,
        tap2_neutral=0,
        tap2_step_percent=2.0,
        tap2_changer_type="Ratio",
    )
    assert_same_state(pp_net)


def build_tap_table(position: int = -2) -> Any:
    pp_net = build_base()
    create_trafo(
        pp_net,
        tap_side="lv",
        tap_pos=position,
        tap_neutral=0,
        tap_step_percent=1.0,
        tap_changer_type="Tabular",
    )
    pp_net.trafo["tap_dependency_table"] = True
    pp_net.trafo["id_characteristic_table"] = pd.array([0], dtype="Int64")
    pp_net["trafo_characteristic_table"] = pd.DataFrame(
        {
            "id_characteristic": [0, 0],
            "step": [-2, 0],
            "voltage_ratio": [0.96, 1.0],
            "angle_deg": [2.0, 0.0],
            "vk_percent": [10.5, 11.0],
            "vkr_percent": [0.7, 0.6],
        }
    )
    return pp_net


def test_transformer_with_tap_table_equals_pandapower() -> None:
    assert_same_state(build_tap_table())


def test_tap_position_the_table_lacks_is_refused() -> None:
    with pytest.raises(FileFormatError, match="E-TAP trafo 0 tap_pos"):
        from_pandapower(build_tap_table(position=1))


def test_tap_range_is_kept() -> None:
    pp_net = build_base()
    create_trafo(
        pp_net,
        vn_hv_kv=110.0,
        vn_lv_kv=20.0,
        tap_side="hv",
        tap_pos=2,
        tap_neutral=0,
        tap_min=-8,
        tap_max=8,
        tap_step_percent=1.25,
        tap_changer_type="Ratio",
    )
    row = from_pandapower(pp_net)[0].transformer.loc["trafo:0"]
    assert (row["tap_ratio"], row["tap_min"], row["tap_max"]) == pytest.approx((1.025, 0.9, 1.1))
    assert row["tap_step"] == pytest.approx(0.0125)


def build_three_winding(side: str = "hv", at_star_point: bool = False) -> Any:
    pp_net = build_base()
    low = pp.create_bus(pp_net, vn_kv=10.0)
    pp.create_load(pp_net, low, p_mw=2.0, q_mvar=-1.0)
    pp.create_transformer3w_from_parameters(
        pp_net,
        hv_bus=1,
        mv_bus=2,
        lv_bus=low,
        vn_hv_kv=111.0,
        vn_mv_kv=20.4,
        vn_lv_kv=10.2,
        sn_hv_mva=40.0,
        sn_mv_mva=25.0,
        sn_lv_mva=15.0,
        vk_hv_percent=10.0,
        vk_mv_percent=11.0,
        vk_lv_percent=12.5,
        vkr_hv_percent=0.3,
        vkr_mv_percent=0.31,
        vkr_lv_percent=0.32,
        pfe_kw=30.0,
        i0_percent=0.1,
        shift_mv_degree=30.0,
        shift_lv_degree=60.0,
        tap_side=side,
        tap_pos=3,
        tap_neutral=0,
        tap_min=-5,
        tap_max=5,
        tap_step_percent=1.2,
        tap_step_degree=10.0,
        tap_changer_type="Ratio",
        tap_at_star_point=at_star_point,
    )
    return pp_net


@pytest.mark.parametrize("side", ["hv", "mv", "lv"])
@pytest.mark.parametrize("at_star_point", [False, True])
def test_three_winding_transformer_equals_pandapower(side: str, at_star_point: bool) -> None:
    net, _ = assert_same_state(build_three_winding(side, at_star_point))
    assert [f"trafo3w:0:{s}" for s in ("hv", "mv", "lv")] == list(net.transformer.index)
    assert "trafo3w:0" in net.bus.index
    assert list(net.transformer["rate_mva"]) == [40.0, 25.0, 15.0]


@pytest.mark.parametrize("loss_side", ["mv", "lv"])
def test_three_winding_losses_at_another_side(loss_side: str) -> None:
    pp_net = build_three_winding()
    pp_net.trafo3w["loss_side"] = loss_side
    assert_same_state(pp_net)


def test_three_winding_losses_at_the_star() -> None:
    pp_net = build_three_winding()
    pp_net.trafo3w["loss_side"] = "star"
    net, _ = from_pandapower(pp_net)
    # pandapower takes the star from an option of runpp only, and then at the nominal voltage of the bus
    pp.runpp(
        pp_net,
        trafo_model="pi",
        init="dc",
        calculate_voltage_angles=True,
        tolerance_mva=1e-9,
        numba=False,
        trafo3w_losses="star",
    )
    flow = run_power_flow(net, options=OPTIONS)
    np.testing.assert_allclose(
        flow.bus.loc[pp_net.bus.index.map(str), "vm_pu"], pp_net.res_bus["vm_pu"], rtol=0, atol=1e-8
    )


def test_tap_table_of_a_three_winding_transformer_is_refused() -> None:
    pp_net = build_three_winding()
    pp_net.trafo3w["tap_dependency_table"] = True
    with pytest.raises(FileFormatError, match="E-TAP trafo3w 0"):
        from_pandapower(pp_net)


def test_parallel_lines_are_one_row_with_their_joint_rating() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    pp_net.line.loc[0, ["parallel", "df", "g_us_per_km"]] = [2, 0.8, 3.0]
    net, report = assert_same_state(pp_net)
    assert net.line.at["line:0", "rate_mva"] == pytest.approx(math.sqrt(3) * 110 * 0.6 * 0.8 * 2)
    assert net.line.at["line:0", "parallel"] == 2
    assert "W-PARALLEL" in get_codes(report)


def test_limits_that_stand_for_none_are_unrated_and_counted() -> None:
    pp_net = build_base()
    create_trafo(pp_net, sn_mva=99999.0, vk_percent=40000.0, vkr_percent=2000.0)
    pp_net.line["max_i_ka"] = 99999.0
    net, report = from_pandapower(pp_net)
    assert net.line["rate_mva"].isna().all()
    assert net.transformer["rate_mva"].isna().all()
    assert {(i.table, i.value) for i in report.issues if i.code == "W-UNRATED"} == {
        ("line", "1"),
        ("trafo", "1"),
    }


def test_planning_limit_is_reported_and_the_rating_stays_whole() -> None:
    pp_net = build_base()
    pp_net.line["max_loading_percent"] = 60.0
    net, report = from_pandapower(pp_net)
    assert net.line.at["line:0", "rate_mva"] == pytest.approx(math.sqrt(3) * 110 * 0.6)
    assert net.line.at["line:0", "max_loading_percent"] == 60.0
    assert "W-LOADING" in get_codes(report)


def test_impedance_equals_pandapower_also_with_uneven_shunts() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    pp.create_impedance(
        pp_net, 0, 1, rft_pu=0.02, xft_pu=0.2, sn_mva=40.0, gf_pu=0.01, bf_pu=0.02, gt_pu=0.01, bt_pu=0.05
    )
    net, report = assert_same_state(pp_net)
    assert math.isnan(net.series.at["impedance:0", "rate_mva"])
    assert {"W-ASYMMETRIC", "W-UNRATED"} <= get_codes(report)


def test_impedance_that_differs_by_direction_is_refused_in_service_only() -> None:
    pp_net = build_base()
    pp.create_impedance(pp_net, 0, 1, rft_pu=0.02, xft_pu=0.2, rtf_pu=0.03, xtf_pu=0.2, sn_mva=40.0)
    with pytest.raises(FileFormatError, match="E-ASYMMETRIC impedance 0"):
        from_pandapower(pp_net)
    pp_net.impedance["in_service"] = False
    assert "W-ASYMMETRIC" in get_codes(from_pandapower(pp_net)[1])


# switches


def build_switched() -> Any:
    pp_net = build_base()
    create_trafo(pp_net)
    create_line(pp_net, 0, 1, c_nf_per_km=4000.0)
    return pp_net


@pytest.mark.parametrize("bus", [0, 1])
def test_line_open_at_one_end_still_charges(bus: int) -> None:
    pp_net = build_switched()
    pp.create_switch(pp_net, bus, 1, et="l", closed=False)
    net, report = assert_same_state(pp_net)
    assert bool(net.line.at["line:1", "in_service"])
    assert not net.series.at["switch:0", "in_service"]
    assert "W-OPENEND" in get_codes(report)


def test_closing_the_switch_in_the_table_connects_the_line() -> None:
    pp_net = build_switched()
    pp.create_switch(pp_net, 1, 1, et="l", closed=False)
    net, _ = from_pandapower(pp_net)
    series = net.series.assign(in_service=True)
    closed = run_power_flow(net.replace(series=series), options=OPTIONS)
    pp_net.switch["closed"] = True
    pp.runpp(
        pp_net, trafo_model="pi", init="dc", calculate_voltage_angles=True, tolerance_mva=1e-9, numba=False
    )
    assert closed.branch.at["line:1", "p_from_mw"] == pytest.approx(
        pp_net.res_line.at[1, "p_from_mw"], abs=1e-6
    )


def test_line_open_at_both_ends_is_out_of_service() -> None:
    pp_net = build_switched()
    for bus in (0, 1):
        pp.create_switch(pp_net, bus, 1, et="l", closed=False)
    net, _ = assert_same_state(pp_net)
    assert not net.line.at["line:1", "in_service"]


def test_line_that_ends_at_a_bus_out_of_service_still_charges() -> None:
    pp_net = build_switched()
    end = pp.create_bus(pp_net, vn_kv=110.0, in_service=False)
    create_line(pp_net, 1, end, c_nf_per_km=4000.0)
    _, report = assert_same_state(pp_net)
    assert "W-OPENEND" in get_codes(report)


def test_transformer_open_at_one_end() -> None:
    pp_net = build_switched()
    create_trafo(pp_net)
    pp.create_switch(pp_net, 2, 1, et="t", closed=False)
    assert_same_state(pp_net)


def test_transformer_with_an_open_third_winding() -> None:
    pp_net = build_base()
    low = pp.create_bus(pp_net, vn_kv=10.0)
    pp.create_transformer3w(pp_net, 1, 2, low, "63/25/38 MVA 110/20/10 kV")
    pp.create_switch(pp_net, low, 0, et="t3", closed=False)
    net, _ = assert_same_state(pp_net)
    assert "switch:0" in net.series.index


@pytest.mark.parametrize("z_ohm", [0.0, 0.5])
@pytest.mark.parametrize("closed", [True, False])
def test_bus_coupler(z_ohm: float, closed: bool) -> None:
    pp_net = build_switched()
    other = pp.create_bus(pp_net, vn_kv=110.0)
    pp.create_load(pp_net, other, p_mw=4.0, q_mvar=1.0)
    pp.create_switch(pp_net, 1, other, et="b", closed=closed, z_ohm=z_ohm)
    net, _ = assert_same_state(pp_net)
    assert bool(net.series.at["switch:0", "in_service"]) is closed


# injections


def test_constant_impedance_load_is_an_exact_shunt() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    # by itself at its bus: pandapower spreads the shares of one load over everything at a bus
    pp.create_load(
        pp_net, 1, p_mw=6.0, q_mvar=2.0, const_z_p_percent=40.0, const_z_q_percent=70.0, scaling=1.5
    )
    net, report = assert_same_state(pp_net)
    assert net.load.at["load:1", "p_mw"] == pytest.approx(6.0 * 1.5 * 0.6)
    assert net.shunt.at["load:1", "g_mw"] == pytest.approx(6.0 * 1.5 * 0.4)
    assert {i.value for i in report.issues if i.code == "W-ZLOAD"} == {"3.6"}


def test_constant_current_load_is_reported_with_its_mw() -> None:
    pp_net = build_base()
    pp_net.load["const_i_p_percent"] = 50.0
    net, report = from_pandapower(pp_net)
    assert net.load.at["load:0", "p_mw"] == 9.0
    assert {i.value for i in report.issues if i.code == "W-ILOAD"} == {"4.5"}


@pytest.mark.parametrize(
    "add",
    [
        lambda net: pp.create_sgen(net, 2, p_mw=3.0, q_mvar=-1.0, scaling=0.5),
        lambda net: pp.create_gen(net, 1, p_mw=5.0, vm_pu=1.03, scaling=0.8),
        lambda net: pp.create_storage(net, 2, p_mw=2.0, q_mvar=0.5, max_e_mwh=8.0, scaling=0.5),
        lambda net: pp.create_shunt(net, 2, q_mvar=-2.0, p_mw=0.1, vn_kv=21.0, step=2),
        lambda net: pp.create_ward(net, 1, ps_mw=1.0, qs_mvar=0.3, pz_mw=0.7, qz_mvar=-0.4),
        lambda net: pp.create_xward(
            net, 1, ps_mw=1.0, qs_mvar=0.3, pz_mw=0.7, qz_mvar=-0.4, r_ohm=0.5, x_ohm=12.0, vm_pu=1.01
        ),
        lambda net: pp.create_motor(
            net, 2, pn_mech_mw=1.0, cos_phi=0.9, efficiency_percent=95.0, loading_percent=80.0, scaling=1.1
        ),
        lambda net: pp.create_dcline(
            net, 1, 2, p_mw=4.0, loss_percent=2.0, loss_mw=0.1, vm_from_pu=1.02, vm_to_pu=1.01, max_p_mw=9.0
        ),
        lambda net: pp.create_dcline(
            net, 1, 2, p_mw=-4.0, loss_percent=2.0, loss_mw=0.1, vm_from_pu=1.02, vm_to_pu=1.01, max_p_mw=9.0
        ),
    ],
    ids=["sgen", "gen", "storage", "shunt", "ward", "xward", "motor", "dcline", "dcline back"],
)
def test_injection_equals_pandapower(add: Callable[[Any], object]) -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    add(pp_net)
    assert_same_state(pp_net)


def test_storage_turns_its_sign() -> None:
    pp_net = build_base()
    pp.create_storage(pp_net, 2, p_mw=2.0, max_e_mwh=8.0, soc_percent=25.0, min_p_mw=-3.0, max_p_mw=4.0)
    row = from_pandapower(pp_net)[0].storage.loc["storage:0"]
    assert (row["p_mw"], row["p_max_mw"], row["e_mwh"], row["soc"]) == (-2.0, 3.0, 8.0, 0.25)
    # charging is positive in pandapower: its largest power is what is taken in
    assert row["charge_max_mw"] == 4.0


@pytest.mark.parametrize(
    ("limits", "given", "taken"),
    [
        ({"min_p_mw": -3.0}, 3.0, np.nan),
        ({"max_p_mw": 4.0}, 4.0, np.nan),
        ({"sn_mva": 5.0}, 5.0, np.nan),
        ({}, 2.0, np.nan),
        ({"min_p_mw": -3.0, "max_p_mw": 1.0}, 3.0, 2.0),
    ],
)
def test_storage_limits_that_are_missing(limits: dict[str, float], given: float, taken: float) -> None:
    pp_net = build_base()
    pp.create_storage(pp_net, 2, p_mw=2.0, max_e_mwh=8.0, **limits)
    row = from_pandapower(pp_net)[0].storage.loc["storage:0"]
    assert row["p_max_mw"] == given
    assert row["charge_max_mw"] == pytest.approx(taken, nan_ok=True)


def test_shunt_by_table() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    pp.create_shunt(pp_net, 2, q_mvar=-1.0, step=2, max_step=3)
    pp_net.shunt["step_dependency_table"] = True
    pp_net.shunt["id_characteristic_table"] = pd.array([0], dtype="Int64")
    pp_net["shunt_characteristic_table"] = pd.DataFrame(
        {"id_characteristic": [0, 0], "step": [1, 2], "q_mvar": [-0.8, -1.7], "p_mw": [0.0, 0.05]}
    )
    net, _ = from_pandapower(pp_net)
    assert (net.shunt.at["shunt:0", "g_mw"], net.shunt.at["shunt:0", "b_mvar"]) == (0.05, 1.7)
    pp_net.shunt["step"] = 3
    with pytest.raises(FileFormatError, match="E-STEP shunt 0"):
        from_pandapower(pp_net)


def test_slack_generator_and_weights() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    pp.create_gen(pp_net, 1, p_mw=2.0, vm_pu=1.01, slack_weight=0.4, min_p_mw=0.0, max_p_mw=20.0, slack=True)
    net, report = from_pandapower(pp_net)
    assert {i.id for i in report.issues if i.code == "W-SLACK"} == {"0, 1"}
    assert list(net.bus["reference"]) == [True, True, False]
    assert list(net.generator["participation"]) == [1.0, 0.4]
    assert net.bus.at["0", "va_start_degree"] == 7.0


def test_costs_of_generators_are_read_and_others_reported() -> None:
    pp_net = build_base()
    pp.create_gen(pp_net, 1, p_mw=2.0)
    pp.create_sgen(pp_net, 1, p_mw=2.0)
    pp.create_poly_cost(pp_net, 0, "gen", cp1_eur_per_mw=20.0, cp0_eur=5.0, cp2_eur_per_mw2=0.1)
    pp.create_poly_cost(pp_net, 0, "load", cp1_eur_per_mw=-3000.0)
    pp.create_pwl_cost(pp_net, 0, "ext_grid", [[0, 20, 30.0]])
    pp.create_pwl_cost(pp_net, 0, "sgen", [[0, 10, 1.0], [10, 20, 2.0]])
    net, report = from_pandapower(pp_net)
    cost = net.generator[["cost_c0_per_h", "cost_c1_per_mwh", "cost_c2_per_mw2h"]]
    assert list(cost.loc["gen:0"]) == [5.0, 20.0, 0.1]
    assert cost.at["ext_grid:0", "cost_c1_per_mwh"] == 30.0
    assert net.currency == "EUR"
    assert {i.table for i in report.issues if i.code == "W-COST"} == {"poly_cost", "pwl_cost"}


# order, ids, what is not read


def test_ids_keep_the_index_and_every_row_in_order() -> None:
    pp_net = pp.create_empty_network()
    for index in (7, 3):
        pp.create_bus(pp_net, vn_kv=110.0, index=index, name=f"bus {index}")
    create_line(pp_net, 7, 3, index=5, in_service=False)
    create_line(pp_net, 3, 7, index=2)
    net, _ = from_pandapower(pp_net)
    assert list(net.bus.index) == ["7", "3"]
    assert list(net.bus["name"]) == ["bus 7", "bus 3"]
    assert list(net.branches().index) == ["line:5", "line:2"]
    assert list(net.line["source_row"]) == [1.0, 2.0]
    assert list(net.line["in_service"]) == [False, True]


def test_branches_keep_the_order_of_pandapower_over_all_tables() -> None:
    pp_net = build_base()
    create_line(pp_net, 0, 1, r_ohm_per_km=-0.2, x_ohm_per_km=5.0)
    create_line(pp_net, 0, 1)
    create_trafo(pp_net)
    pp.create_impedance(pp_net, 0, 1, rft_pu=0.02, xft_pu=0.4, sn_mva=40.0)
    pp.create_switch(pp_net, 1, 2, et="l", closed=False)
    net, report = assert_same_state(pp_net)
    expected = ["line:0", "line:1", "line:2", "trafo:0", "impedance:0", "switch:0"]
    assert list(net.branches().index) == expected
    assert list(net.branches()["source_row"]) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    # a negative resistance is no line's
    assert net.branches().at["line:1", "kind"] == "series"
    assert any("negative resistance" in note for note in report.notes)


def test_places_are_read_and_drawings_are_not() -> None:
    pp_net = pp.create_empty_network()
    for lon, lat in ((126.5, 34.7), (126.6, 34.7)):
        pp.create_bus(pp_net, vn_kv=110.0, geodata=(lon, lat))
    create_line(pp_net, 0, 1, length_km=10.0)  # 9.1 km straight
    net, report = from_pandapower(pp_net)
    assert (net.bus.at["0", "lat"], net.bus.at["0", "lon"]) == (34.7, 126.5)
    assert "W-GEO" not in get_codes(report)
    pp_net.line["length_km"] = 1.0
    net, report = from_pandapower(pp_net)
    assert net.bus["lat"].isna().all()
    assert "W-GEO" in get_codes(report)


def test_unread_tables_are_reported_with_their_mw_and_refused_if_strict() -> None:
    pp_net = build_base()
    pp.create_svc(
        pp_net, 1, x_l_ohm=1.0, x_cvar_ohm=-10.0, set_vm_pu=1.0, thyristor_firing_angle_degree=145.0
    )
    pp.create_tcsc(
        pp_net, 0, 1, x_l_ohm=1.0, x_cvar_ohm=-10.0, set_p_to_mw=-8.0, thyristor_firing_angle_degree=144.0
    )
    _, report = from_pandapower(pp_net)
    dropped = {i.table: i.value for i in report.issues if i.code == "W-DROPPED"}
    assert dropped == {"svc": "1 rows", "tcsc": "-8 MW"}
    with pytest.raises(FileFormatError, match="W-DROPPED"):
        from_pandapower(pp_net, strict=True)


def test_report_holds_counts_and_totals_of_both_sides() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    _, report = from_pandapower(pp_net)
    assert report.counts_before["trafo"] == report.counts["transformer"] == 1
    assert report.totals_before["load_mw"] == report.totals["load_mw"] == 9.0
    assert "3 bus" in str(report)


def break_bus(net: Any) -> None:
    net.line.loc[0, "to_bus"] = 999
    net.load.loc[0, "bus"] = 998


def break_values(net: Any) -> None:
    net.load.loc[0, "p_mw"] = math.nan
    net.line.loc[0, "x_ohm_per_km"] = math.nan
    pp.create_load(net, 1, p_mw=math.nan, in_service=False)


def break_size(net: Any) -> None:
    pp.create_sgen(net, 1, p_mw=math.inf)


def break_switch(net: Any) -> None:
    pp.create_switch(net, 0, 0, et="l", closed=False)
    net.switch.loc[0, "element"] = 44


def break_index(net: Any) -> None:
    net.bus.index = [0, 1, 1]


def empty(net: Any) -> None:
    net["bus"] = net.bus.iloc[:0]


@pytest.mark.parametrize(
    ("spoil", "code", "count"),
    [
        (break_bus, "E-REF", 2),
        (break_values, "E-NAN", 2),
        (break_size, "E-INF", 1),
        (break_switch, "E-REF", 1),
        (break_index, "E-DUP", 1),
        (empty, "E-EMPTY", 1),
    ],
)
def test_broken_structure_is_refused_with_every_fault(
    spoil: Callable[[Any], None], code: str, count: int
) -> None:
    pp_net = build_base()
    spoil(pp_net)
    with pytest.raises(FileFormatError) as caught:
        from_pandapower(pp_net)
    assert [issue.code for issue in caught.value.issues] == [code] * count


def test_input_is_not_changed() -> None:
    pp_net = build_base()
    create_trafo(pp_net)
    before = {k: v.copy() for k, v in pp_net.items() if isinstance(v, pd.DataFrame)}
    from_pandapower(pp_net)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(pp_net[name], frame)


def test_networks_of_pandapower_load_by_name() -> None:
    net = load_pandapower_network("case9")
    assert (net.name, len(net.bus)) == ("pandapower:case9", 9)
    for name in ("case10", "_change_ref_bus"):
        with pytest.raises(KeyError, match=name):
            load_pandapower_network(name)


@pytest.mark.parametrize(
    ("version", "refused"), [("3.5.3", True), ("3.5.4", False), ("2.14.10", True), ("4.0.0", False)]
)
def test_a_pandapower_that_runs_what_a_file_names_is_refused(
    version: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "base.json"
    pp.to_json(build_base(), str(path))
    monkeypatch.setattr(pp, "__version__", version)
    if refused:
        with pytest.raises(FileFormatError, match=f"E-UNSAFE.*{version}"):
            read_pandapower_json(path)
    else:
        assert len(read_pandapower_json(path)[0].bus) == 3
