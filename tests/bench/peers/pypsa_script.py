"""Time PyPSA's power flow, in PyPSA's own environment: neither gridhub nor pandapower is there."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings

import numpy as np
import pypsa


def read_network(file: str) -> pypsa.Network:
    """Build a PyPSA network from MATPOWER-like matrices."""
    data = np.load(file)
    case = {
        "version": "2",
        "baseMVA": float(data["base_mva"]),
        "bus": data["bus"][:, :13],
        "branch": data["branch"][:, :13],
        "gen": data["gen"][:, :21],
    }
    network = pypsa.Network()
    network.import_from_pypower_ppc(case)
    return network


def time_calls(call, repeat: int) -> float:
    """Return the median seconds of `repeat` calls after one that is not counted."""
    call()
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def main() -> None:
    """Print one line of JSON: version and seconds of an AC and of a DC power flow."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    file, repeat = sys.argv[1], int(sys.argv[2])
    network = read_network(file)
    ac = time_calls(lambda: network.pf(x_tol=1e-8, use_seed=False), repeat)
    converged = bool(np.all(np.asarray(network.pf(x_tol=1e-8)["converged"])))
    dc = time_calls(network.lpf, repeat)
    print(json.dumps({"version": pypsa.__version__, "ac": ac, "dc": dc, "converged": converged}))


if __name__ == "__main__":
    main()
