"""Time gridhub beside its peers, in one run on one machine: ``make bench``.

Answers are compared before times are: every row prints how far the answers lie apart. The contestants take
turns, call by call, so that a slow minute of the machine hits all of them. NOTES.md says how to read and use
the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from importlib.metadata import version
from pathlib import Path

from tests.bench.roofline import Machine, measure_machine
from tests.bench.rows import (
    ac_outages,
    cold,
    dc_year,
    dispatch_day,
    hosting,
    korea_outages,
    scaling,
    security_olf,
    single_flow,
    tables,
    year,
)
from tests.bench.settings import OUT, Row, Settings
from tests.bench.timing import print_table

MODULES = (
    ac_outages,
    cold,
    year,
    single_flow,
    security_olf,
    dc_year,
    hosting,
    dispatch_day,
    korea_outages,
    scaling,
    tables,
)


def read_processor() -> str:
    """Name of the processor, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe_machine(machine: Machine) -> dict[str, object]:
    """Return what a reader needs to judge the seconds by."""
    packages = ("gridhub", "numpy", "scipy", "numba", "pandas", "pandapower", "lightsim2grid", "pypowsybl")
    return {
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "processor": read_processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "fp64_gflops_a_core": round(machine.fp64 / 1e9, 1),
        "fp32_gflops_a_core": round(machine.fp32 / 1e9, 1),
        "bandwidth_gb_s_a_core": round(machine.bandwidth / 1e9, 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="run the rows whose title contains this")
    parser.add_argument("--quick", action="store_true", help="small grids, few turns: does it all work?")
    parser.add_argument("--list", action="store_true", help="print the titles of the rows and stop")
    parser.add_argument("--turns", type=int, help="counted calls of each contestant (default 3, quick 2)")
    parser.add_argument("--pypsa-python", default="", help="interpreter of an environment with PyPSA")
    parser.add_argument(
        "--pgm-python", default="", help="interpreter of an environment with power-grid-model"
    )
    return parser.parse_args()


def choose_rows(settings: Settings, only: str) -> list[Row]:
    """List the rows whose title contains `only`."""
    rows = [row for module in MODULES for row in module.list_rows(settings)]
    return [row for row in rows if only.lower() in row.title.lower()]


def main() -> None:
    """Run the rows, print them and keep them as JSON beside this file."""
    arguments = read_arguments()
    warnings.filterwarnings("ignore", module="pandapower|lightsim2grid|pypowsybl")
    settings = Settings(
        measure_machine(),
        arguments.quick,
        arguments.turns or (2 if arguments.quick else 3),
        arguments.pypsa_python,
        arguments.pgm_python,
    )
    rows = choose_rows(settings, arguments.only)
    if arguments.list:
        print("\n".join(row.title for row in rows))
        return
    machine = describe_machine(settings.machine)
    print(json.dumps(machine))
    OUT.mkdir(exist_ok=True)
    file = OUT / time.strftime("bench-%Y%m%d-%H%M%S.json")
    records = []
    for row in rows:
        start = time.perf_counter()
        table = row.run(settings)
        print_table(table)
        records.append({**table.as_record(), "row_took_s": round(time.perf_counter() - start, 1)})
        # Written after every row: a run that is stopped keeps what it has.
        file.write_text(json.dumps({"machine": machine, "rows": records}, indent=1) + "\n", encoding="utf-8")
    print(f"\n{file}")


if __name__ == "__main__":
    main()
