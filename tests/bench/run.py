"""Time gridhub beside its peers, in one run on one machine: ``make bench``.

Answers are compared before times are: a ratio between different answers is printed with the difference, so it
can be seen for what it is. The contestants take turns, call by call, so that a slow minute of the machine
hits all of them. NOTES.md says how to read and use the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np

import gridhub as gh
from tests.bench import peers

OUT = Path(__file__).with_name("out")
OPTIONS = {
    "distributed_slack": False,
    "reactive_limits": False,
    "start": "dc",
    "tolerance": 1e-8,
    "dc_convention": "x_tap",
}
Solve = Callable[[], np.ndarray]


def time_in_turns(contestants: Mapping[str, Solve], repeat: int) -> dict[str, list[float]]:
    """Call each contestant once uncounted, then `repeat` times in turns; seconds per call."""
    for solve in contestants.values():
        solve()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(repeat):
        for name, solve in contestants.items():
            start = time.perf_counter()
            solve()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def compare(contestants: Mapping[str, Solve], repeat: int) -> list[dict[str, object]]:
    """Time the contestants; the first is gridhub, and differences and ratios refer to it."""
    answers = {name: solve() for name, solve in contestants.items()}
    own = next(iter(contestants))
    seconds = time_in_turns(contestants, repeat)
    return [
        {
            "contestant": name,
            "median_s": float(np.median(seconds[name])),
            "fastest_s": min(seconds[name]),
            "ratio_to_gridhub": float(np.median(seconds[name]) / np.median(seconds[own])),
            "largest_difference": float(np.nanmax(np.abs(answers[name] - answers[own]))),
        }
        for name in contestants
    ]


def bench_ac(name: str, repeat: int) -> list[dict[str, object]]:
    """AC power flow from the tables to the result tables; differences in p.u. of voltage."""
    net = gh.load_network(f"pandapower:{name}")
    contestants = {
        "gridhub": lambda: gh.run_power_flow(net, options=OPTIONS).bus["vm_pu"].to_numpy(),
        "pandapower": peers.make_pandapower_flow(name, lightsim2grid=False),
        "pandapower with lightsim2grid": peers.make_pandapower_flow(name, lightsim2grid=True),
    }
    return compare(contestants, repeat)


def bench_dc(name: str, repeat: int) -> list[dict[str, object]]:
    """DC power flow from the tables to the result tables; differences in degrees."""
    net = gh.load_network(f"pandapower:{name}")
    contestants = {
        "gridhub": lambda: gh.run_power_flow(net, method="dc", options=OPTIONS).bus["va_degree"].to_numpy(),
        "pandapower": peers.make_pandapower_dc(name),
    }
    return compare(contestants, repeat)


def bench_security(name: str, repeat: int) -> list[dict[str, object]]:
    """Every single outage by AC; differences in the lowest voltage [p.u.] each bus sees in any outage."""
    net = gh.load_network(f"pandapower:{name}")

    def solve() -> np.ndarray:
        result = gh.run_security(net, screen=None, verify="all", keep="all", options=OPTIONS)
        return np.fmin(result.vm_pu.min().to_numpy(), result.base.bus["vm_pu"].to_numpy())

    return compare({"gridhub": solve, "pandapower": peers.make_pandapower_security(name)}, repeat)


BENCHES: dict[str, tuple[Callable[[str, int], list[dict[str, object]]], str, int]] = {
    "AC power flow, case118": (bench_ac, "case118", 15),
    "AC power flow, case2869pegase": (bench_ac, "case2869pegase", 7),
    "DC power flow, case118": (bench_dc, "case118", 15),
    "DC power flow, case2869pegase": (bench_dc, "case2869pegase", 7),
    "N-1 by AC, case118, 186 outages": (bench_security, "case118", 3),
}


def add_pypsa(title: str, rows: list[dict[str, object]], python: str, name: str) -> None:
    """Append PyPSA's row to a power flow bench; it runs in an environment of its own, right after."""
    seconds = peers.time_pypsa(python, name, repeat=3)
    pypsa = seconds["ac" if title.startswith("AC") else "dc"]
    ratio = pypsa / float(rows[0]["median_s"])  # type: ignore[arg-type]
    rows.append(
        {
            "contestant": f"PyPSA {seconds['version']}",
            "median_s": pypsa,
            "fastest_s": float("nan"),
            "ratio_to_gridhub": ratio,
            "largest_difference": float("nan"),
        }
    )


def print_rows(title: str, rows: list[dict[str, object]]) -> None:
    """Print one bench as a table."""
    print(f"\n{title}")
    print(f"  {'':32}{'median':>12}{'fastest':>12}{'times gridhub':>15}{'difference':>12}")
    for row in rows:
        print(
            f"  {row['contestant']:32}{1e3 * row['median_s']:>9.2f} ms{1e3 * row['fastest_s']:>9.2f} ms"
            f"{row['ratio_to_gridhub']:>15.2f}{row['largest_difference']:>12.1e}"
        )


def describe_machine() -> dict[str, object]:
    """Return what a reader needs to judge the seconds by."""
    packages = ("gridhub", "numpy", "scipy", "numba", "pandas", "pandapower", "lightsim2grid")
    return {
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def main() -> None:
    """Run the benches, print them and keep them as JSON beside this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pypsa-python", help="interpreter of an environment with PyPSA")
    parser.add_argument("--only", default="", help="run the benches whose title contains this")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", module="pandapower|lightsim2grid")
    machine = describe_machine()
    print(json.dumps(machine))
    results = {}
    for title, (bench, name, repeat) in BENCHES.items():
        if arguments.only.lower() not in title.lower():
            continue
        rows = bench(name, repeat)
        if arguments.pypsa_python and "power flow" in title:
            add_pypsa(title, rows, arguments.pypsa_python, name)
        print_rows(title, rows)
        results[title] = rows
    OUT.mkdir(exist_ok=True)
    file = OUT / time.strftime("bench-%Y%m%d-%H%M%S.json")
    file.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
