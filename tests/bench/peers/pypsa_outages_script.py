"""Time PyPSA's DC contingency analysis hour by hour, in PyPSA's own environment: gridhub is not there."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings

import numpy as np
import pandas as pd
import pypsa

KV = 100.0
"""Every node at one nominal voltage: the grid comes in p.u."""


def build_network(data: dict[str, np.ndarray]) -> tuple[pypsa.Network, list[tuple[str, str]]]:
    """Lines where there is neither ratio nor shift, transformers elsewhere, and one load per node."""
    network = pypsa.Network()
    power = data["injection"]
    network.set_snapshots(range(len(power)))
    nodes = [f"n{i}" for i in range(power.shape[1])]
    network.add("Bus", nodes, v_nom=KV)
    base = float(data["base_mva"])
    is_line = (data["tap"] == 1) & (data["shift"] == 0)
    names = [("Line" if line else "Transformer", f"b{k}") for k, line in enumerate(is_line)]
    ends = np.array(nodes)[data["end"]]
    for kind, chosen in (("Line", is_line), ("Transformer", ~is_line)):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        values = {"bus0": ends[0, rows], "bus1": ends[1, rows], "s_nom": base}
        if kind == "Line":
            values |= {"x": data["x"][rows] * KV**2 / base}
        else:
            values |= {
                "x": data["x"][rows],
                "tap_ratio": data["tap"][rows],
                "phase_shift": np.degrees(data["shift"][rows]),
            }
        network.add(kind, [f"b{k}" for k in rows], **values)
    network.add("Generator", "slack", bus=f"n{int(data['reference'])}", control="Slack", p_nom=1e6)
    loads = [f"load{i}" for i in range(len(nodes))]
    network.add("Load", loads, bus=nodes)
    network.c.loads.dynamic.p_set = pd.DataFrame(-power, index=network.snapshots, columns=loads)
    return network, names


def main() -> None:
    """Analyse the next hours once per line that comes in; answer with a line of JSON."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    data = dict(np.load(sys.argv[1]))
    per_call = int(sys.argv[2])
    network, names = build_network(data)
    outages = [names[k] for k in data["outages"]]
    rate = data["rate"]
    worst = np.full(len(data["injection"]), np.nan)
    hour = 0
    for _ in sys.stdin:
        seconds = 0.0
        for _ in range(per_call):
            start = time.perf_counter()
            flows = network.lpf_contingency(hour, branch_outages=outages)
            seconds += time.perf_counter() - start
            loading = np.abs(flows.loc[names].drop(columns="base").to_numpy()) / rate[:, None]
            worst[hour] = 100 * np.nanmax(loading)
            hour = (hour + 1) % len(worst)
        print(
            json.dumps({"seconds": seconds, "worst": worst.tolist(), "version": pypsa.__version__}),
            flush=True,
        )


if __name__ == "__main__":
    main()
