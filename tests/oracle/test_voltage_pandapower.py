"""PV and QV noses against power flows of pandapower alone: solvable or not, condenser by condenser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest

import gridhub as gh
from gridhub.analysis.voltage.pv_curve import find_reactive_margin, trace_pv_curve

CASES = [(pn.case14, 13), pytest.param(pn.case39, 7, marks=pytest.mark.slow)]

OPTIONS = {"distributed_slack": False, "reactive_limits": False}


def is_solved(net: pp.pandapowerNet) -> bool:
    try:
        pp.runpp(net, init="results" if net.converged else "dc", max_iteration=30, numba=False)
    except pp.LoadflowNotConverged:
        return False
    return bool(net.res_bus["vm_pu"].min() > 0.3)


@pytest.mark.parametrize(("make", "bus"), CASES)
def test_hub_grows_as_far_as_pandapower_solves(make: Callable[[], pp.pandapowerNet], bus: int) -> None:
    net = make()
    ours, _ = gh.from_pandapower(net)
    curve = trace_pv_curve(ours, str(bus), power_factor=0.95, generation_limits=False, options=OPTIONS)
    load = pp.create_load(net, bus, 0.0, 0.0)
    pp.runpp(net, numba=False)
    low, high = 0.0, 2.0 * curve.margin_mw
    while high - low > 2e-4 * curve.margin_mw:
        added = 0.5 * (low + high)
        net.load.loc[load, ["p_mw", "q_mvar"]] = added, added * np.tan(np.arccos(0.95))
        low, high = (added, high) if is_solved(net) else (low, added)
    assert curve.margin_mw == pytest.approx(low, rel=1e-3)


@pytest.mark.parametrize(("make", "bus"), CASES)
def test_reactive_margin_is_the_lowest_output_of_a_condenser(
    make: Callable[[], pp.pandapowerNet], bus: int
) -> None:
    net = make()
    ours, _ = gh.from_pandapower(net)
    result = find_reactive_margin(ours, str(bus), options=OPTIONS)
    row = result.table.loc[str(bus)]
    condenser = pp.create_gen(net, bus, p_mw=0.0, vm_pu=1.0)
    output = []
    for vm in np.linspace(row["nose_vm_pu"] + 0.05, row["nose_vm_pu"] - 0.05, 11):
        net.gen.loc[condenser, "vm_pu"] = vm
        pp.runpp(net, init="results" if len(output) else "dc", numba=False)
        output.append(float(net.res_gen.loc[condenser, "q_mvar"]))
    assert np.argmin(output) not in (0, 10)
    assert row["margin_mvar"] == pytest.approx(-min(output), rel=1e-3)
