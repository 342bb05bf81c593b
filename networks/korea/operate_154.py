"""Compute how ``korea-2025`` is operated in each snapshot and write it as tables in ``sources/synthetic/``.

    python networks/korea/operate_154.py --write

Output of the units is the dispatch of ``dispatch_hours.py``, on this network, in every snapshot.
Shunts follow one rule: every bus is held at the target voltage of the snapshot and its level by an ideal
source; what it gives, less what plants at the bus can give without leaving the middle of their range, is
rounded to the step of the level and becomes the switched shunt there. Taps stand by the rule of
``build_taps.py``, to which the targets of the levels fit. Losses are those of the solved network; the gross
load leaves room for them.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from build import build_tables_154, list_columns
from build_154 import SYNTHETIC, read_factors_154
from build_snapshots import Factors
from build_sources import Row, fixed, write_rows
from build_taps import find_target_pu
from dispatch_hours import dispatch_snapshot, plan_grid

from gridhub.analysis.flow.power_flow import PowerFlow, run_power_flow
from gridhub.model.network import Network

#: Size of one switched capacitor or reactor [Mvar] by level [kV] (assumed).
STEP_MVAR = {765.0: 100.0, 345.0: 50.0, 154.0: 10.0}
ROUNDS = 3


def build_network_value(tables: dict[str, list[Row]]) -> Network:
    """Turn tables of text into a ``Network``."""
    columns = list_columns("2025")
    frames = {}
    for name, rows in tables.items():
        frame = pd.DataFrame(rows, columns=columns[name])
        frames[name] = frame if name == "snapshot_value" else frame.set_index("id")
    return Network(name="korea-2025", base_mva=100.0, tables=frames, reactive_limits=True)


def find_shunts(net: Network, factors: Factors) -> dict[str, float]:
    """Compute the switched shunts of one snapshot [Mvar at 1 p.u.]."""
    held = list(net.bus.index)
    target = {bus: find_target_pu(bus, factors.voltage_pu) for bus in held}
    ideal = pd.DataFrame(
        {"bus": held, "vm_pu": target.values(), "p_mw": 0.0, "participation": 0.0},
        index=[f"ideal:{bus}" for bus in held],
    )
    passive = net.generator.assign(regulating=False, q_mvar=0.0)
    values = net.snapshot_value
    values = values[(values["table"] != "shunt") & (values["column"] != "vm_pu")]
    trial = net.replace(
        generator=pd.concat([passive, ideal]), shunt=net.shunt.assign(b_mvar=0.0), snapshot_value=values
    )
    flow = run_power_flow(trial, factors.name, options={"reactive_limits": False, "start": "dc"})
    running = net.generator[flow.generator.p_mw.reindex(net.generator.index) > 0]
    room = (0.25 * running.q_max_mvar.clip(lower=0)).groupby(running.bus).sum()
    result = {}
    for bus in held:
        q_mvar = float(flow.generator.q_mvar[f"ideal:{bus}"])
        spare = float(room.get(bus, 0.0))
        q_mvar -= np.clip(q_mvar, -0.4 * spare, spare)
        step = STEP_MVAR[float(net.bus.vn_kv[bus])]
        result[bus] = step * round(q_mvar / target[bus] ** 2 / step)
    return result


def write_shunts(shunts: dict[str, dict[str, float]]) -> None:
    """Write ``reactive.csv``: buses that need a shunt in any snapshot, in all snapshots."""
    used = sorted({bus for values in shunts.values() for bus, b in values.items() if b != 0.0})
    rows = [
        {"snapshot": name, "bus": bus, "b_mvar": fixed(values[bus], 0)}
        for name, values in shunts.items()
        for bus in used
    ]
    write_rows(SYNTHETIC / "reactive.csv", ["snapshot", "bus", "b_mvar"], rows)


def describe(flow: PowerFlow, factors: Factors) -> str:
    """Say in one line what the snapshot looks like."""
    vm, loading = flow.bus.vm_pu, flow.branch.loading_percent
    return (
        f"{factors.name}: {flow.status.name}, load {flow.summary['load_mw']:.0f} MW, "
        f"losses {flow.summary['losses_mw']:.0f} MW, "
        f"voltage {vm.min():.4f} ({vm.idxmin()}) to {vm.max():.4f} ({vm.idxmax()}), "
        f"worst loading {loading.max():.1f} % ({loading.idxmax()}), above 100 %: {int((loading > 100).sum())}"
    )


def write_dispatch(snapshots: list[Factors]) -> None:
    """Compute the output of units in every snapshot; write ``dispatch.csv`` and ``dispatch_costs.csv``."""
    net = build_network_value(build_tables_154(outputs={}))
    grid = plan_grid(net)
    rows, costs = [], []
    for factors in snapshots:
        found = dispatch_snapshot(net, grid, factors)
        figures = found.describe()
        rows += [
            {"snapshot": factors.name, "generator": name, "p_mw": fixed(p_mw, 2)}
            for name, p_mw in sorted(found.list_outputs().items())
        ]
        costs.append({"snapshot": factors.name} | {key: fixed(value, 1) for key, value in figures.items()})
        print(factors.name, ", ".join(f"{key} {value:,.1f}" for key, value in figures.items()))
    write_rows(SYNTHETIC / "dispatch.csv", ["snapshot", "generator", "p_mw"], rows)
    write_rows(SYNTHETIC / "dispatch_costs.csv", list(costs[0]), costs)


def compute_state() -> dict[str, PowerFlow]:
    """Write shunts and losses; return the solved snapshots."""
    snapshots = read_factors_154()
    net = build_network_value(build_tables_154())
    write_shunts({factors.name: find_shunts(net, factors) for factors in snapshots})
    net = build_network_value(build_tables_154())
    flows = {f.name: run_power_flow(net, f.name, options={"start": "flat"}) for f in snapshots}
    rows = [
        {"snapshot": name, "loss_mw": fixed(flow.summary["losses_mw"], 0)} for name, flow in flows.items()
    ]
    write_rows(SYNTHETIC / "snapshot_losses.csv", ["snapshot", "loss_mw"], rows)
    return flows


def main() -> None:
    """Compute shunts and losses of every snapshot and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the tables")
    parser.add_argument("--keep-dispatch", action="store_true", help="only shunts and losses")
    arguments = parser.parse_args()
    if not arguments.write:
        parser.error("nothing to do without --write")
    if not arguments.keep_dispatch:
        write_dispatch(read_factors_154())
    # Shunts of an earlier run may stand at buses that are gone.
    write_shunts({})
    for _ in range(ROUNDS):
        flows = compute_state()
    for factors in read_factors_154():
        print(describe(flows[factors.name], factors))


if __name__ == "__main__":
    main()
