"""Time PyPSA's security-constrained optimisation, in PyPSA's own environment: gridhub is not there."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pypsa

KV = 100.0
"""Every node at one nominal voltage: the grid comes in p.u."""


def build_network(data: dict[str, np.ndarray]) -> tuple[pypsa.Network, list[tuple[str, str]]]:
    """Lines where there is no ratio, transformers elsewhere; units with one price each."""
    network = pypsa.Network()
    load = data["load_p"]
    network.set_snapshots(range(len(load)))
    count, base = int(data["n_node"]), float(data["base_mva"])
    nodes = [f"n{i}" for i in range(count)]
    network.add("Bus", nodes, v_nom=KV)
    is_line = data["tap"] == 1
    names = [("Line" if line else "Transformer", f"b{k}") for k, line in enumerate(is_line)]
    ends = np.array(nodes)[data["end"]]
    for kind, chosen in (("Line", is_line), ("Transformer", ~is_line)):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        values = {"bus0": ends[0, rows], "bus1": ends[1, rows], "s_nom": data["rate"][rows]}
        if kind == "Line":
            values |= {"x": data["x"][rows] * KV**2 / base}
        else:
            # a transformer's reactance is given on its own rating
            values |= {"x": data["x"][rows] * data["rate"][rows] / base, "tap_ratio": data["tap"][rows]}
        network.add(kind, [f"b{k}" for k in rows], **values)
    units = [f"g{i}" for i in range(len(data["price"]))]
    network.add(
        "Generator",
        units,
        bus=np.array(nodes)[data["unit_node"]],
        p_nom=data["p_max"],
        marginal_cost=data["price"],
    )
    loads = [f"load{i}" for i in range(load.shape[1])]
    network.add("Load", loads, bus=np.array(nodes)[data["load_node"]])
    network.c.loads.dynamic.p_set = pd.DataFrame(load, index=network.snapshots, columns=loads)
    return network, names


def main() -> None:
    """Optimise all hours once per line that comes in; answer with a line of JSON."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    data = dict(np.load(sys.argv[1]))
    # HiGHS prints on standard output, where the answers go
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for _ in sys.stdin:
        network, names = build_network(data)
        outages = pd.MultiIndex.from_tuples([names[k] for k in data["outages"]])
        start = time.perf_counter()
        status = network.optimize.optimize_security_constrained(
            branch_outages=outages, solver_name="highs", log_to_console=False
        )
        seconds = time.perf_counter() - start
        if status[1] != "optimal":
            raise RuntimeError(f"PyPSA: {status}")
        answer = {"seconds": seconds, "objective": float(network.objective), "version": pypsa.__version__}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
