"""Compute how the backbone is operated in each snapshot and write it as fact tables.

Three tables in ``sources/`` hold the result, all marked as computed: ``dispatch.csv`` (output of every
committed unit), ``reactive.csv`` (switched shunts) and ``snapshot_losses.csv`` (losses of this network, which
the gross load leaves room for). ``build.py`` only reads them, so it needs no solver and is the same
everywhere; this command has to be run again when plants, routes or loads change:

    python networks/korea/operate.py --write

Output of the units: least cost (merit order with minimum outputs, one mixed-integer problem per snapshot)
under what must run, a reserve, the published interface limits, and the ratings of every line and
transformer, intact and after the loss of any one circuit or bank (linear power flow with LODF). A rating that
cannot be met is left violated at a price and printed: it says where the public data are too thin, or where
the grid is short.
Shunts: every 345 and 765 kV bus is held at the snapshot's target voltage by an ideal source; its reactive
power, rounded to 50 Mvar, becomes the switched shunt there.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from build import COLUMNS, build_tables
from build_snapshots import Factors, list_renewables, read_factors
from build_sources import SOURCES, Row, fixed, read_facts, write_rows
from scipy.optimize import Bounds, LinearConstraint, milp

from gridhub.analysis.flow.power_flow import PowerFlow, run_power_flow
from gridhub.model.network import Network

#: Price of one MW above a rating in the intact network and after an outage [KRW/MWh]. At summer midday an
#: outage costs little: the hour stands for those in which the capital interface is run at its margin (press,
#: KPX data: margin of -0.3 % at 11 h on 23 August 2024), so cheap power from the coasts is let in. In spring
#: it costs less than at the peaks, or all of the sun in Honam would be curtailed.
INTACT_PRICE = 5_000_000.0
OUTAGE_PRICE = {"summer_midday": 10_000.0, "spring_midday": 100_000.0}
USUAL_OUTAGE_PRICE = 1_000_000.0
#: Room that running gas units and coal units off the east coast keep [MW]: about three of the largest unit
#: (assumed; pumped storage is left idle as further reserve).
RESERVE_MW = {"spring_midday": 3_000.0}
USUAL_RESERVE_MW = 4_500.0
JEJU_RESERVE_MW = 270.0
#: Share of ratings the linear dispatch may use: room for reactive power and for units that pick up a loss.
RATING_SHARE = 0.93
SHUNT_STEP_MVAR = 50.0
ROUNDS = 6
LOSS_ROUNDS = 3
GAP = 5e-3


@dataclass(frozen=True)
class Grid:
    """Linear model of the intact mainland: ``flow = ptdf @ injection`` [MW]."""

    buses: list[str]
    branches: list[str]
    ptdf: np.ndarray
    lodf: np.ndarray
    rate: np.ndarray


@dataclass(frozen=True)
class Fleet:
    """Units that may run in a snapshot and how each moves every branch."""

    units: list[Row]
    ptdf: np.ndarray
    base_flow: np.ndarray
    demand_mw: float


def build_network_value(tables: dict[str, list[Row]]) -> Network:
    """Turn tables of text into a ``Network``."""
    frames = {}
    for name, rows in tables.items():
        frame = pd.DataFrame(rows, columns=COLUMNS[name])
        frames[name] = frame if name == "snapshot_value" else frame.set_index("id")
    return Network(name="korea-2025-backbone", base_mva=100.0, tables=frames, reactive_limits=True)


def build_grid(tables: dict[str, list[Row]]) -> Grid:
    """Build PTDF (reference: first bus) and LODF of the mainland."""
    buses = [row["id"] for row in tables["bus"] if row["area"] == "mainland"]
    position = {bus: i for i, bus in enumerate(buses)}
    kv = {row["id"]: float(row["vn_kv"]) for row in tables["bus"]}
    ends, susceptance, rate, names = [], [], [], []
    for row in tables["line"] + tables["transformer"]:
        if row["in_service"] != "true":
            continue
        is_line = "x_ohm" in row
        base = kv[row["from_bus"]] ** 2 / 100.0
        susceptance.append(base / float(row["x_ohm"]) if is_line else 1.0 / float(row["x_pu"]))
        ends.append((position[row["from_bus"]], position[row["to_bus"]]))
        rate.append(float(row["rate_mva"]))
        names.append(row["id"])
    count = len(names)
    incidence = np.zeros((count, len(buses)))
    for i, (a, b) in enumerate(ends):
        incidence[i, a], incidence[i, b] = 1.0, -1.0
    weighted = incidence * np.array(susceptance)[:, None]
    laplacian = incidence.T @ weighted
    inverse = np.zeros_like(laplacian)
    inverse[1:, 1:] = np.linalg.inv(laplacian[1:, 1:])
    ptdf = weighted @ inverse
    transfer = ptdf @ incidence.T
    own = 1.0 - np.diag(transfer)
    islanding = own < 1e-6
    lodf = transfer / np.where(islanding, np.inf, own)
    np.fill_diagonal(lodf, -1.0)
    lodf[:, islanding] = np.nan
    return Grid(buses, names, ptdf, lodf, np.array(rate))


def list_must_run(factors: Factors) -> set[str]:
    """Name the units that run by rule: nuclear always, combined heat and power in winter."""
    winter = factors.name.startswith("winter")
    return {
        row["id"]
        for row in read_facts("units")
        if row["fuel"] == "nuclear" or (winter and row["combined_heat"] == "1")
    }


def list_available(factors: Factors) -> list[Row]:
    """List the units that are not in maintenance in a snapshot."""
    known = read_facts("maintenance")
    out = {row["unit"] for row in known if row["snapshot"] == factors.name}
    return [row for row in read_facts("units") if row["id"] not in out]


def find_fixed_mw(tables: dict[str, list[Row]], factors: Factors) -> tuple[dict[str, float], float]:
    """Return the MW of loads, sun, wind and links per bus, and the metered part of sun and wind."""
    per_bus: dict[str, float] = dict.fromkeys((row["id"] for row in tables["bus"]), 0.0)
    state = {
        (v["table"], v["id"]): v["value"]
        for v in tables["snapshot_value"]
        if v["snapshot"] == factors.name and v["column"] == "p_mw"
    }
    loads = {row["id"]: float(state.get(("load", row["id"]), row["p_mw"])) for row in tables["load"]}
    # Losses are spread as load on the mainland, or all of them would flow to the reference bus.
    stretch = 1.0 + factors.loss_mw / sum(loads.values())
    for row in tables["load"]:
        per_bus[row["bus"]] -= loads[row["id"]] * (1.0 if row["site"] == "jeju" else stretch)
    metered_mw = 0.0
    bus_of = {row["id"]: row["bus"] for row in tables["generator"]}
    for row_id, fact, capacity, metered in list_renewables(factors.unmetered_share):
        p_mw = capacity * (factors.solar if fact["kind"] == "solar" else factors.wind)
        per_bus[bus_of[row_id]] += p_mw
        metered_mw += p_mw if metered else 0.0
    for row in tables["hvdc"]:
        p_mw = float(state.get(("hvdc", row["id"]), row["p_mw"]))
        per_bus[row["from_bus"]] -= p_mw
        per_bus[row["to_bus"]] += p_mw * (1 - float(row["loss_percent"]) / 100.0)
    return per_bus, metered_mw


def list_curtailable(tables: dict[str, list[Row]], factors: Factors, on_jeju: bool = False) -> list[Row]:
    """List metered sun and wind, on Jeju or off it, as units without cost that may give less."""
    bus_of = {row["id"]: row["bus"] for row in tables["generator"]}
    costs = ("cost_c0_krw_per_h", "cost_c1_krw_per_mwh", "cost_c2_krw_per_mw2h")
    free = {"p_min_mw": "0", "participation": "0"} | dict.fromkeys(costs, "0")
    rows = []
    for row_id, fact, capacity, metered in list_renewables(factors.unmetered_share):
        p_mw = capacity * (factors.solar if fact["kind"] == "solar" else factors.wind)
        if metered and (fact["site"] == "jeju") == on_jeju and p_mw > 0.1:
            rows.append({**free, "id": row_id, "bus": bus_of[row_id], "p_max_mw": fixed(p_mw, 2)})
    return rows


def dispatch_jeju(need_mw: float, wind_and_sun: dict[str, float]) -> dict[str, float]:
    """Share what Jeju needs after sun, wind and links on its units in order of cost.

    Two units run at least and keep ``JEJU_RESERVE_MW``; where 1.2 of their minimum output leaves too much,
    metered sun and wind (id -> MW) are curtailed, as happens there in spring.
    """
    units = [row for row in read_facts("units") if row["site"] == "jeju"]
    units.sort(key=lambda row: (float(row["cost_c1_krw_per_mwh"]), row["id"]))
    chosen: list[Row] = []
    for row in units:
        capacity = sum(float(unit["p_max_mw"]) for unit in chosen)
        if len(chosen) < 2 or capacity < need_mw + JEJU_RESERVE_MW:
            chosen.append(row)
    lowest = 1.2 * sum(float(row["p_min_mw"]) for row in chosen)
    outputs = {}
    for row_id, p_mw in wind_and_sun.items():
        cut = min(p_mw, max(0.0, lowest - need_mw))
        need_mw += cut
        if cut > 0:
            outputs[row_id] = round(p_mw - cut, 2)
    total = sum(float(row["p_max_mw"]) for row in chosen)
    return outputs | {row["id"]: round(need_mw * float(row["p_max_mw"]) / total, 2) for row in chosen}


def find_interface_rows(tables: dict[str, list[Row]], grid: Grid) -> list[tuple[str, np.ndarray, float]]:
    """Return (name, coefficient per branch, limit) of every mainland interface with a published limit."""
    rows: dict[str, tuple[np.ndarray, float]] = {}
    position = {name: i for i, name in enumerate(grid.branches)}
    for row in tables["interface"]:
        if row["limit_mw"] and row["member"] in position:
            vector, limit = rows.setdefault(row["name"], (np.zeros(len(position)), float(row["limit_mw"])))
            vector[position[row["member"]]] = float(row["direction"])
    return [(name, vector, limit) for name, (vector, limit) in rows.items()]


def solve_commitment(
    fleet: Fleet,
    must_run: set[str],
    rows: np.ndarray,
    limits: np.ndarray,
    prices: np.ndarray,
    reserve_mw: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the least-cost commitment; return output and excess of every limit [MW].

    ``rows @ flow <= limits + excess`` with a price on the excess. Unknowns: output, on/off, excess.
    """
    units = fleet.units
    count, limited = len(units), len(limits)
    p_max = np.array([float(u["p_max_mw"]) for u in units])
    p_min = np.minimum(np.array([float(u["p_min_mw"]) for u in units]), p_max)
    linear, quadratic = (
        np.array([float(u[column]) for u in units])
        for column in ("cost_c1_krw_per_mwh", "cost_c2_krw_per_mw2h")
    )
    price = linear + quadratic * p_max
    idle = np.array([float(u["cost_c0_krw_per_h"]) for u in units])
    # In thousand KRW, as the solver's tolerances are absolute.
    cost = np.concatenate([price, idle, prices]) / 1000.0
    forced = np.array([u["id"] in must_run for u in units], dtype=float)
    low = np.concatenate([np.zeros(count), forced, np.zeros(limited)])
    high = np.concatenate([p_max, np.ones(count), np.full(limited, np.inf)])
    eye = sp.identity(count)
    blank = sp.csr_matrix((count, limited))
    constraints = [
        LinearConstraint(sp.hstack([eye, -sp.diags(p_max), blank]), -np.inf, 0.0),
        LinearConstraint(sp.hstack([eye, -sp.diags(p_min), blank]), 0.0, np.inf),
        LinearConstraint(
            np.concatenate([np.ones(count), np.zeros(count + limited)])[None, :],
            fleet.demand_mw,
            fleet.demand_mw,
        ),
    ]
    helps = np.array([float(u["participation"]) > 0 for u in units], dtype=float)
    room = np.concatenate([-helps, helps * p_max, np.zeros(limited)])
    constraints.append(LinearConstraint(room[None, :], reserve_mw, np.inf))
    if limited:
        effect = rows @ fleet.ptdf
        effect[np.abs(effect) < 1e-5] = 0.0
        constraints.append(
            LinearConstraint(
                sp.hstack([sp.csr_matrix(effect), sp.csr_matrix((limited, count)), -sp.identity(limited)]),
                -np.inf,
                limits - rows @ fleet.base_flow,
            )
        )
    integrality = np.concatenate([np.zeros(count), np.ones(count), np.zeros(limited)])
    result = milp(
        cost,
        constraints=constraints,
        bounds=Bounds(low, high),
        integrality=integrality,
        options={"mip_rel_gap": GAP, "time_limit": 60.0},
    )
    if result.x is None:
        raise SystemExit(f"no dispatch: {result.message}")
    return result.x[:count], result.x[2 * count :]


def find_breaches(grid: Grid, flow: np.ndarray) -> list[tuple[int, int, float]]:
    """List (branch, outage, sign) of what is above its rating; outage -1 is the intact network."""
    rate = RATING_SHARE * grid.rate
    found = [(int(i), -1, float(np.sign(flow[i]))) for i in np.flatnonzero(np.abs(flow) > rate + 0.5)]
    after = flow[:, None] + grid.lodf * flow[None, :]
    np.fill_diagonal(after, 0.0)
    over = np.nan_to_num(np.abs(after)) > rate[:, None] + 0.5
    for i in np.flatnonzero(over.any(axis=1)):
        worst = np.argsort(-np.nan_to_num(np.abs(after[i])))[:2]
        found += [(int(i), int(k), float(np.sign(after[i, k]))) for k in worst if over[i, k]]
    return found


def dispatch(tables: dict[str, list[Row]], grid: Grid, factors: Factors) -> dict[str, float]:
    """Compute the output of every committed unit in one snapshot [MW]."""
    fixed_mw, metered_mw = find_fixed_mw(tables, factors)
    curtailable = list_curtailable(tables, factors)
    for row in curtailable:
        fixed_mw[row["bus"]] -= float(row["p_max_mw"])
        metered_mw -= float(row["p_max_mw"])
    on_jeju = {row["id"]: float(row["p_max_mw"]) for row in list_curtailable(tables, factors, on_jeju=True)}
    outputs = dispatch_jeju(-fixed_mw["jeju-154"], on_jeju)
    jeju_mw = -fixed_mw["jeju-154"]
    available = [row for row in list_available(factors) if row["site"] != "jeju"]
    hydro = [row for row in available if row["fuel"] == "hydro"]
    share = {row["id"]: row["participation"] for row in tables["generator"]}
    units = [
        {**row, "participation": share[row["id"]]} for row in available if row["fuel"] != "hydro"
    ] + curtailable
    injection = np.array([fixed_mw[bus] for bus in grid.buses])
    position = {bus: i for i, bus in enumerate(grid.buses)}
    for row in hydro:
        outputs[row["id"]] = round(float(row["p_max_mw"]) * factors.hydro, 2)
        injection[position[f"{row['site']}-{row['kv']}"]] += outputs[row["id"]]
    spent = metered_mw + jeju_mw + sum(outputs[row["id"]] for row in hydro)
    columns = [position[row.get("bus") or f"{row['site']}-{row['kv']}"] for row in units]
    fleet = Fleet(units, grid.ptdf[:, columns], grid.ptdf @ injection, factors.market_mw - spent)
    p_mw = solve_secure(tables, grid, fleet, list_must_run(factors), factors.name)
    for row, output in zip(units, p_mw, strict=True):
        # Sun and wind are written only where curtailed, plants only where they run.
        wanted = output < float(row["p_max_mw"]) - 0.05 if "bus" in row else output > 0.05
        if wanted:
            outputs[row["id"]] = round(float(output), 2)
    return outputs


def solve_secure(
    tables: dict[str, list[Row]],
    grid: Grid,
    fleet: Fleet,
    must_run: set[str],
    name: str,
) -> np.ndarray:
    """Solve the commitment again with every limit it broke until it breaks no new one."""
    interfaces = find_interface_rows(tables, grid)
    rows = [vector for _, vector, _ in interfaces]
    limits = [0.99 * limit for _, _, limit in interfaces]
    prices = [INTACT_PRICE] * len(rows)
    outage_price = OUTAGE_PRICE.get(name, USUAL_OUTAGE_PRICE)
    labels = [label for label, _, _ in interfaces]
    known: set[tuple[int, int, float]] = set()
    for _ in range(ROUNDS):
        p_mw, excess = solve_commitment(
            fleet,
            must_run,
            np.array(rows).reshape(len(rows), -1),
            np.array(limits),
            np.array(prices),
            RESERVE_MW.get(name, USUAL_RESERVE_MW),
        )
        flow = fleet.base_flow + fleet.ptdf @ p_mw
        breaches = [b for b in find_breaches(grid, flow) if b not in known]
        if not breaches:
            break
        for branch, outage, sign in breaches:
            vector = np.zeros(len(grid.branches))
            vector[branch] = sign
            if outage >= 0:
                vector[outage] = sign * grid.lodf[branch, outage]
            rows.append(vector)
            limits.append(RATING_SHARE * grid.rate[branch])
            prices.append(INTACT_PRICE if outage < 0 else outage_price)
            labels.append(grid.branches[branch] + (f" after {grid.branches[outage]}" if outage >= 0 else ""))
            known.add((branch, outage, sign))
    for label, over in sorted(zip(labels, excess, strict=False), key=lambda pair: -pair[1])[:25]:
        if over > 1.0:
            print(f"  {name}: {label} {over:.0f} MW above what the dispatch may use")
    return p_mw


def find_shunts(net: Network, factors: Factors) -> dict[str, float]:
    """Compute the switched shunts of one snapshot [Mvar at 1 p.u.], rounded to ``SHUNT_STEP_MVAR``."""
    buses = net.bus
    held = [b for b in buses.index if buses.area[b] == "mainland" or b.startswith("jeju")]
    generator = net.generator
    ideal = pd.DataFrame(
        {
            "bus": held,
            "vm_pu": [factors.voltage_pu] * len(held),
            "p_mw": 0.0,
            "participation": 0.0,
        },
        index=[f"ideal:{bus}" for bus in held],
    )
    passive = generator.assign(regulating=False, q_mvar=0.0)
    shuntless = net.shunt.assign(b_mvar=0.0)
    values = net.snapshot_value
    values = values[(values["table"] != "shunt") & (values["column"] != "vm_pu")]
    trial = net.replace(generator=pd.concat([passive, ideal]), shunt=shuntless, snapshot_value=values)
    flow = run_power_flow(trial, factors.name, options={"reactive_limits": False, "start": "dc"})
    need = flow.generator.q_mvar
    # Plants keep about what they can give without leaving the middle of their range.
    running = generator[flow.generator.p_mw.reindex(generator.index) > 0]
    room = (0.25 * running.q_max_mvar.clip(lower=0)).groupby(running.bus).sum()
    result = {}
    for bus in held:
        q_mvar = float(need[f"ideal:{bus}"])
        spare = float(room.get(bus, 0.0))
        q_mvar -= np.clip(q_mvar, -0.4 * spare, spare)
        result[bus] = SHUNT_STEP_MVAR * round(q_mvar / factors.voltage_pu**2 / SHUNT_STEP_MVAR)
    return result


def write_dispatch(outputs: dict[str, dict[str, float]]) -> None:
    """Write ``dispatch.csv``."""
    rows = [
        {"snapshot": name, "unit": unit, "p_mw": fixed(p_mw, 2)}
        for name, units in outputs.items()
        for unit, p_mw in sorted(units.items())
    ]
    write_rows(SOURCES / "dispatch.csv", ["snapshot", "unit", "p_mw"], rows)


def write_shunts(shunts: dict[str, dict[str, float]]) -> None:
    """Write ``reactive.csv``: buses that need a shunt in any snapshot, in all snapshots."""
    used = sorted({bus for values in shunts.values() for bus, b in values.items() if b != 0.0})
    rows = [
        {"snapshot": name, "bus": bus, "b_mvar": fixed(values[bus], 1)}
        for name, values in shunts.items()
        for bus in used
    ]
    write_rows(SOURCES / "reactive.csv", ["snapshot", "bus", "b_mvar"], rows)


def write_losses(losses: dict[str, float]) -> None:
    """Write ``snapshot_losses.csv``."""
    rows = [{"snapshot": name, "loss_mw": fixed(loss, 0)} for name, loss in losses.items()]
    write_rows(SOURCES / "snapshot_losses.csv", ["snapshot", "loss_mw"], rows)


def describe(flow: PowerFlow, factors: Factors) -> str:
    """Say in one line what the snapshot looks like."""
    vm = flow.bus.vm_pu
    loading = flow.branch.loading_percent
    return (
        f"{factors.name}: load {flow.summary['load_mw']:.0f} MW, losses {flow.summary['losses_mw']:.0f} MW, "
        f"voltage {vm.min():.4f} ({vm.idxmin()}) to {vm.max():.4f} ({vm.idxmax()}), "
        f"worst loading {loading.max():.1f} % ({loading.idxmax()})"
    )


def compute_reactive_state() -> dict[str, PowerFlow]:
    """Write shunts and losses of the dispatch that stands in ``sources``; return the solved snapshots."""
    net = build_network_value(build_tables())
    write_shunts({f.name: find_shunts(net, f) for f in read_factors()})
    net = build_network_value(build_tables())
    flows = {f.name: run_power_flow(net, f.name, options={"start": "flat"}) for f in read_factors()}
    write_losses({name: flow.summary["losses_mw"] for name, flow in flows.items()})
    return flows


def main() -> None:
    """Compute dispatch, shunts and losses of every snapshot; write them with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the three tables")
    parser.add_argument("--keep-dispatch", action="store_true", help="only shunts and losses")
    arguments = parser.parse_args()
    if not arguments.write:
        parser.error("nothing to do without --write")
    if not arguments.keep_dispatch:
        tables = build_tables()
        grid = build_grid(tables)
        write_dispatch({f.name: dispatch(tables, grid, f) for f in read_factors()})
    # The load leaves room for the losses, which depend on the load: a few MW after the second round.
    for _ in range(LOSS_ROUNDS):
        flows = compute_reactive_state()
    for factors in read_factors():
        print(describe(flows[factors.name], factors))


if __name__ == "__main__":
    main()
