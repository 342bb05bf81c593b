"""Solve a batch with power-grid-model, in its own environment: neither gridhub nor pandapower is there."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import numpy as np
from power_grid_model import CalculationMethod, ComponentType, DatasetType, PowerGridModel, initialize_array

KV = 100.0
"""Every node at one nominal voltage: the grid comes in p.u."""


def build_input(data: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """Write the components; a load of one node each takes whatever flows in or out there."""
    n, m = data["injection"].shape[1], len(data["tap"])
    reference = int(data["reference"])
    ohm = (KV * 1e3) ** 2 / (float(data["base_mva"]) * 1e6)
    node = initialize_array(DatasetType.input, ComponentType.node, n)
    node["id"], node["u_rated"] = np.arange(n), KV * 1e3
    branch = initialize_array(DatasetType.input, ComponentType.generic_branch, m)
    branch["id"] = n + np.arange(m)
    branch["from_node"], branch["to_node"] = data["end"]
    branch["from_status"] = branch["to_status"] = 1
    branch["r1"], branch["x1"] = data["series"].real * ohm, data["series"].imag * ohm
    even = np.where(data["charging"][0] == data["charging"][1], data["charging"][0], 0)
    branch["g1"], branch["b1"] = 2 * even.real / ohm, 2 * even.imag / ohm
    branch["k"], branch["theta"], branch["sn"] = data["tap"], data["shift"], 1e9
    admittance = data["shunt"].astype(complex)
    np.add.at(admittance, data["end"], (data["charging"] - even) * np.stack([data["tap"] ** -2, np.ones(m)]))
    at = np.flatnonzero(admittance)
    shunt = initialize_array(DatasetType.input, ComponentType.shunt, len(at))
    shunt["id"], shunt["node"], shunt["status"] = n + m + np.arange(len(at)), at, 1
    shunt["g1"], shunt["b1"] = admittance[at].real / ohm, admittance[at].imag / ohm
    others = np.delete(np.arange(n), reference)
    load = initialize_array(DatasetType.input, ComponentType.sym_load, n - 1)
    load["id"], load["node"], load["status"] = n + m + len(at) + np.arange(n - 1), others, 1
    load["type"], load["p_specified"], load["q_specified"] = 0, 0.0, 0.0
    source = initialize_array(DatasetType.input, ComponentType.source, 1)
    source["id"], source["node"], source["status"] = 2 * n + m + len(at), reference, 1
    source["u_ref"], source["sk"] = float(data["reference_vm"]), 1e18
    names = ("node", "generic_branch", "shunt", "sym_load", "source")
    return dict(zip(names, (node, branch, shunt, load, source), strict=True)), reference


def main() -> None:
    """Solve the batch once per line that comes in; answer with a line of JSON."""
    data = dict(np.load(sys.argv[1]))
    threads = int(sys.argv[2])
    components, reference = build_input(data)
    model = PowerGridModel(components)
    power = np.delete(data["injection"], reference, axis=1) * float(data["base_mva"]) * 1e6
    update = initialize_array(DatasetType.update, ComponentType.sym_load, power.shape)
    update["id"] = components["sym_load"]["id"]
    update["p_specified"], update["q_specified"] = -power.real, -power.imag
    for _ in sys.stdin:
        start = time.perf_counter()
        result = model.calculate_power_flow(
            update_data={ComponentType.sym_load: update},
            calculation_method=CalculationMethod.newton_raphson,
            error_tolerance=1e-8,
            max_iterations=20,
            threading=-1 if threads == 1 else threads,
            output_component_types=[ComponentType.node, ComponentType.generic_branch],
        )
        seconds = time.perf_counter() - start
        difference = float(np.nanmax(np.abs(result[ComponentType.node]["u_pu"] - data["vm"])))
        answer = {
            "seconds": seconds,
            "difference": difference,
            "hours": len(power),
            "version": version("power-grid-model"),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
