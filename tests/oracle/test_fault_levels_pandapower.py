"""Fault levels against pandapower's IEC 60909 (calc_sc, three-phase, case "max").

Made equal: c = 1.1 on both sides. The standard's correction factors, which we leave out, are undone in the
input of pandapower: a generator's K_G is c at cos phi 1 and rated voltage, so its x''d is given divided by
1.1; a transformer's K_T = 0.95 c / (1 + 0.6 x_T) is put into the short-circuit voltage of our copy. The
external grid's impedance is c U² / S.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pandapower as pp
import pandapower.shortcircuit as sc
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.voltage.fault_levels import compute_fault_levels

C = 1.1
X_DSS, R_DSS = 0.2, 0.01


def make_network(seed: int, converters: bool) -> pp.pandapowerNet:
    """A meshed 345/154 kV network with an external grid, two machines and, if wanted, two converters."""
    rng = np.random.default_rng(seed)
    net = pp.create_empty_network(sn_mva=100.0)
    high = [pp.create_bus(net, 345.0) for _ in range(4)]
    low = [pp.create_bus(net, 154.0) for _ in range(3)]
    pp.create_ext_grid(net, high[0], s_sc_max_mva=9000.0, rx_max=0.1, s_sc_min_mva=5000.0, rx_min=0.1)
    for buses in (high, low):
        for i, bus in enumerate(buses):
            pp.create_line_from_parameters(
                net, bus, buses[(i + 1) % len(buses)], rng.uniform(5, 60), r_ohm_per_km=0.03,
                x_ohm_per_km=0.3, c_nf_per_km=12.0, max_i_ka=2.0, endtemp_degree=80.0,
            )  # fmt: skip
    for i in range(2):
        pp.create_transformer_from_parameters(
            net, high[i + 1], low[i], sn_mva=500.0, vn_hv_kv=345.0, vn_lv_kv=154.0, vk_percent=12.0,
            vkr_percent=0.4, pfe_kw=0.0, i0_percent=0.0, shift_degree=0.0,
        )  # fmt: skip
    for bus, mva in ((high[2], 1000.0), (low[2], 300.0)):
        kv = net.bus.loc[bus, "vn_kv"]
        pp.create_gen(
            net, bus, p_mw=0.9 * mva, sn_mva=mva, vn_kv=kv, cos_phi=1.0, xdss_pu=X_DSS / C,
            rdss_ohm=R_DSS / C * kv**2 / mva, max_p_mw=mva,
        )  # fmt: skip
    if converters:
        for bus, mva in ((low[1], 400.0), (high[3], 200.0)):
            pp.create_sgen(
                net, bus, p_mw=0.0, sn_mva=mva, k=1.1, current_source=True, generator_type="current_source"
            )
        # else pandapower turns each current by the angle of the impedance at its own bus
        net.sgen["current_angle_degree"] = -90.0
    return net


def copy_to_ours(net: pp.pandapowerNet) -> gh.Network:
    corrected = deepcopy(net)
    x = np.sqrt(net.trafo["vk_percent"] ** 2 - net.trafo["vkr_percent"] ** 2) / 100
    factor = 0.95 * C / (1 + 0.6 * x)
    corrected.trafo["vk_percent"] *= factor
    corrected.trafo["vkr_percent"] *= factor
    return gh.from_pandapower(corrected)[0]


def list_sources(net: pp.pandapowerNet) -> pd.DataFrame:
    grid = net.ext_grid.iloc[0]
    x = C / np.sqrt(1 + grid["rx_max"] ** 2)
    rows = [("grid", grid["bus"], "machine", grid["s_sc_max_mva"], x * grid["rx_max"], x, np.nan)]
    rows += [
        (f"gen {i}", row["bus"], "machine", row["sn_mva"], R_DSS, X_DSS, np.nan)
        for i, row in net.gen.iterrows()
    ]
    rows += [
        (f"sgen {i}", row["bus"], "converter", row["sn_mva"], np.nan, np.nan, 1.1)
        for i, row in net.sgen.iterrows()
    ]
    columns = ["id", "bus", "kind", "mva", "r_pu", "x_pu", "current_pu"]
    table = pd.DataFrame(rows, columns=columns).set_index("id")
    return table.assign(bus=table["bus"].astype(str))


@pytest.mark.parametrize("converters", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_currents_are_those_of_pandapower(seed: int, converters: bool) -> None:
    net = make_network(seed, converters)
    levels = compute_fault_levels(copy_to_ours(net), sources=list_sources(net), voltage_factor=C)
    sc.calc_sc(net, fault="3ph", case="max")
    expected = net.res_bus_sc
    table = levels.table
    assert table["ik_ka"].to_numpy() == pytest.approx(expected["ikss_ka"].to_numpy(), rel=1e-6)
    ohm = (table["r_pu"] + 1j * table["x_pu"]) * table["vn_kv"] ** 2 / 100.0
    assert ohm.to_numpy().real == pytest.approx(expected["rk_ohm"].to_numpy(), rel=1e-6)
    assert ohm.to_numpy().imag == pytest.approx(expected["xk_ohm"].to_numpy(), rel=1e-6)
    assert (table["converters_ka"] > 0).all() == converters
