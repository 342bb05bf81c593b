"""Controlled taps: positions and voltages against pandapower's `DiscreteTapControl` with equal settings.

Both step every tap changer outside its band by one position and solve again. Pi transformers, reactive limits
off, external grids as slack; ratio changers at the high side, whose steps are even in our ``tap_ratio``.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandapower
import pandas as pd
import pytest

from gridhub.analysis.flow.power_flow import PowerFlow, run_power_flow
from gridhub.analysis.security.security import run_security
from gridhub.interop.pandapower import from_pandapower

OPTIONS = {"taps": "controlled", "distributed_slack": False, "reactive_limits": False}

NETWORKS = {
    # network: (maker, load factor, band at low sides, step in percent, range in steps)
    "mv": ("create_cigre_network_mv", 1.3, (1.01, 1.03), 0.625, 16),
    "case118": ("case118", 1.2, (1.0, 1.02), 1.25, 4),
    "case300": ("case300", 1.0, (1.005, 1.025), 1.25, 8),
}


def _choose(pp_net: Any, side: str) -> list[int]:
    """Transformers whose controlled side no unit holds; at the others pandapower's taps run, ours rest."""
    held = set(pp_net.gen["bus"]) | set(pp_net.ext_grid["bus"])
    return [i for i in pp_net.trafo.index if pp_net.trafo.at[i, f"{side}_bus"] not in held]


def _control(
    maker: str, load: float, band: tuple[float, float], step: float, reach: int, side: str = "lv"
) -> tuple[Any, PowerFlow, list[int]]:
    """Solve one of pandapower's networks by both."""
    pp_net = getattr(pandapower.networks, maker)()
    pp_net.load[["p_mw", "q_mvar"]] *= load
    chosen = _choose(pp_net, side)
    settings = {
        "tap_side": "hv",
        "tap_changer_type": "Ratio",
        "tap_neutral": 0.0,
        "tap_pos": 0.0,
        "tap_min": -reach,
        "tap_max": reach,
        "tap_step_percent": step,
        "tap_step_degree": np.nan,
    }
    for name, value in settings.items():
        pp_net.trafo.loc[chosen, name] = value
    net, _ = from_pandapower(pp_net)
    transformer = net.transformer
    for i in chosen:
        pandapower.control.DiscreteTapControl(pp_net, i, *band, side=side)
        row = f"trafo:{i}"
        end = transformer.at[row, "to_bus" if side == "lv" else "from_bus"]
        transformer.loc[row, ["tap_bus", "tap_vm_pu", "tap_deadband_pu"]] = [
            end,
            sum(band) / 2,
            band[1] - band[0],
        ]
    pandapower.runpp(pp_net, run_control=True, max_iter=200, trafo_model="pi", tolerance_mva=1e-8)
    return pp_net, run_power_flow(net.replace(transformer=transformer), options=OPTIONS), chosen


def _compare(pp_net: Any, flow: PowerFlow, chosen: list[int]) -> None:
    positions = pp_net.trafo.loc[chosen, "tap_pos"].to_numpy(dtype=float)
    assert flow.taps.index.tolist() == [f"trafo:{i}" for i in chosen]
    assert flow.taps["steps"].tolist() == positions.tolist()
    vm = flow.bus["vm_pu"].to_numpy()[: len(pp_net.bus)]
    assert np.abs(vm - pp_net.res_bus["vm_pu"].to_numpy()).max() < 1e-6


@pytest.mark.parametrize("name", ["mv", "case118", pytest.param("case300", marks=pytest.mark.slow)])
def test_positions_and_voltages_are_those_of_pandapower(name: str) -> None:
    pp_net, flow, chosen = _control(*NETWORKS[name])
    _compare(pp_net, flow, chosen)
    assert flow.summary["taps_moved"] > 0


def test_a_voltage_at_the_high_side_is_held_as_in_pandapower() -> None:
    pp_net, flow, chosen = _control("case118", 1.2, (0.98, 1.0), 1.25, 4, side="hv")
    _compare(pp_net, flow, chosen)
    assert flow.summary["taps_moved"] > 0


def test_after_an_outage_the_taps_go_on_from_where_they_were_before_it() -> None:
    pp_net, flow, chosen = _control("case118", 1.2, (0.985, 1.0), 1.25, 12)
    net = from_pandapower(pp_net)[0]
    transformer = net.transformer
    rows = [f"trafo:{i}" for i in chosen]
    ends = transformer.loc[rows, "to_bus"]
    transformer.loc[rows, "tap_bus"] = ends
    transformer.loc[rows, ["tap_vm_pu", "tap_deadband_pu"]] = [0.9925, 0.015]
    # pp_net stands at the settled positions now, and so does net
    lines = [2, 6, 28, 34, 49, 89, 140]
    elements = [(f"line:{i}",) for i in lines]
    cset = pd.DataFrame({"kind": "line", "elements": elements}, index=[name for (name,) in elements])
    net = net.replace(transformer=transformer)
    result = run_security(net, cset, None, screen=None, keep="all", options=OPTIONS)
    assert (result.base.taps["steps"] == 0).all()
    assert flow.summary["taps_moved"] > 0
    moved = 0
    for i in lines:
        after = copy.deepcopy(pp_net)
        after.line.loc[i, "in_service"] = False
        pandapower.runpp(after, run_control=True, max_iter=200, trafo_model="pi", tolerance_mva=1e-8)
        steps = after.trafo.loc[chosen, "tap_pos"] - pp_net.trafo.loc[chosen, "tap_pos"]
        ours = result.taps[result.taps["contingency"] == f"line:{i}"].set_index("transformer")["steps"]
        assert ours.reindex(rows).fillna(0).tolist() == steps.tolist()
        assert result.vm_pu is not None
        vm = result.vm_pu.loc[f"line:{i}"].to_numpy()[: len(pp_net.bus)]
        np.testing.assert_allclose(vm, after.res_bus["vm_pu"].to_numpy(), rtol=0.0, atol=1e-6)
        moved += int((steps != 0).sum())
    assert moved > 5


@pytest.mark.slow
def test_two_hundred_tap_changers_end_where_those_of_pandapower_do() -> None:
    pp_net, flow, chosen = _control("case1354pegase", 1.0, (1.0, 1.03), 1.25, 12)
    _compare(pp_net, flow, chosen)
    assert (flow.taps["state"] == "limit").any()
    assert len(chosen) > 200
