"""pandapower, and PyPSA on its matrices: each a function that solves once and returns its answer."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks
from pandapower.contingency import run_contingency

# One set of options for everybody: DC start, one reference bus, no reactive limits, 1e-8 p.u. on 100 MVA.
PANDAPOWER_OPTIONS = {
    "init": "dc",
    "calculate_voltage_angles": True,
    "trafo_model": "pi",
    "enforce_q_lims": False,
    "tolerance_mva": 1e-6,
}


def load_pandapower(name: str) -> pp.pandapowerNet:
    """Load one of pandapower's own networks."""
    return getattr(pandapower.networks, name)()


def make_pandapower_flow(name: str, lightsim2grid: bool, init: str = "dc") -> Callable[[], np.ndarray]:
    """Return a function that runs AC power flow and returns bus voltages [p.u.] in bus order."""
    net = load_pandapower(name)

    def solve() -> np.ndarray:
        pp.runpp(net, lightsim2grid=lightsim2grid, **{**PANDAPOWER_OPTIONS, "init": init})
        return net.res_bus["vm_pu"].to_numpy()

    return solve


def make_pandapower_dc(name: str) -> Callable[[], np.ndarray]:
    """Return a function that runs DC power flow and returns bus angles [degree] in bus order."""
    net = load_pandapower(name)

    def solve() -> np.ndarray:
        pp.rundcpp(net, trafo_model="pi", calculate_voltage_angles=True)
        return net.res_bus["va_degree"].to_numpy()

    return solve


def make_pandapower_security(name: str) -> Callable[[], np.ndarray]:
    """Return a function that runs every branch outage and returns each bus's lowest voltage [p.u.]."""
    net = load_pandapower(name)
    # Without limits pandapower's contingency run logs an error and judges nothing.
    net.line["max_loading_percent"] = 100.0
    net.trafo["max_loading_percent"] = 100.0
    cases = {"line": {"index": net.line.index}, "trafo": {"index": net.trafo.index}}

    def solve() -> np.ndarray:
        result = run_contingency(net, cases, lightsim2grid=False, **PANDAPOWER_OPTIONS)
        return result["bus"]["min_vm_pu"]

    return solve


def time_pypsa(python: str, name: str, repeat: int) -> dict[str, float]:
    """Time PyPSA in its own environment on the matrices of a pandapower network; seconds per solve."""
    net = load_pandapower(name)
    pp.runpp(net, **PANDAPOWER_OPTIONS)
    ppc = net["_ppc"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.npz"
        gen = ppc["gen"].real
        np.savez(file, bus=ppc["bus"].real, branch=ppc["branch"].real, gen=gen, base_mva=ppc["baseMVA"])
        script = Path(__file__).with_name("pypsa_script.py")
        done = subprocess.run(
            [python, str(script), str(file), str(repeat)], capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])
