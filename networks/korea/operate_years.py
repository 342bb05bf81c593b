"""Compute how both networks are operated in every planned year and write it to ``sources/years/``.

    python networks/korea/operate_years.py --write
    python networks/korea/operate_years.py --write --again    one more round, from the years as they stand
    python networks/korea/operate_years.py --table      the tables of the data sheets

Each planned year has the four snapshots of the backbone, with the load of the year, the plants that stand
then, and the network as planned. Rules, the same for every year:

* Output of units: least cost under ratings, intact and after the loss of any one circuit or bank of 345 kV
  and above, and the published interface limits (``gridhub.dispatch``). First every unit may run in part;
  those that then give half their minimum run, and the hour is solved again with their minimum. Nuclear runs
  always, combined heat and power in winter, on Jeju the units that run in 2025. Maintenance is that of 2025.
  Units that take up imbalances keep 5 % of their maximum as reserve and stay a tenth above their minimum.
* Sun and wind: capacity of the year times the factor of the snapshot; what is metered may be curtailed.
* Links: by the same least cost; those to Jeju within their largest set-point of 2025, from Jeju where they
  stand idle in 2025. Storage gives where units do not suffice, or a rating asks for it, and takes in what
  would else be curtailed.
* Shunts: the rule of 2025 (``operate.py``, ``operate_154.py``).
* Losses, as the linear programme has none, are added to the loads of the mainland in proportion, from the
  solved network.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import operate
import operate_154
import pandas as pd
from build import BUILDERS, TARGETS, list_columns
from build_plans import YEARS, write_plan
from build_snapshots import Factors, read_factors
from build_sources import SOURCES, Row, fixed, read_facts, write_rows

import gridhub as gh
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.case.case import Case, Outage
from gridhub.case.compile import compile_case
from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.limits import FlowLimits, compile_interfaces, take_limits
from gridhub.dispatch.offers import StorageOffers, make_offers, offer_units
from gridhub.dispatch.result import DispatchStatus, HourResult
from gridhub.dispatch.security import SecurityPlan, plan_security
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.islands import choose_references

#: Share of ratings that active power may use, and the prices of a MW beyond one [KRW/MWh], as in 2025.
RATING_SHARE = operate.RATING_SHARE
INTACT_PRICE, OUTAGE_PRICE = operate.INTACT_PRICE, operate.USUAL_OUTAGE_PRICE
#: Every load is served.
SHED_PRICE = np.inf
#: Price of a MWh from storage [KRW/MWh]: above that of every unit (assumed).
STORAGE_PRICE = 400_000.0
#: Share of its maximum that a unit which takes up imbalances offers; the rest is reserve (assumed).
OFFERED = 0.95
#: Least output of such a unit, of its minimum: room to go down (assumed).
LOWEST = 1.1
ROUNDS = 2
#: Losses as a share of load in the first round; the next takes those of the solved network.
FIRST_LOSSES = 0.015
JEJU_LINKS = "jeju-"
FIND_SHUNTS: dict[str, Callable[[Network, Factors], dict[str, float]]] = {
    "2025-backbone": operate.find_shunts,
    "2025": operate_154.find_shunts,
}


@dataclass(frozen=True)
class Hour:
    """One snapshot of a year, ready to be dispatched."""

    case: Case
    plan: DcPlan
    limits: FlowLimits
    security: SecurityPlan
    units: pd.DataFrame
    must_run: np.ndarray
    storage: StorageOffers
    links: tuple[np.ndarray, np.ndarray]


def list_out(factors: Factors) -> set[str]:
    """Name the units in maintenance; what a licence keeps out is a project of the plans."""
    known = read_facts("maintenance")
    return {
        row["unit"]
        for row in known
        if row["snapshot"] == factors.name and not row["source"].startswith("press")
    }


def prepare(net: Network, base: Network, factors: Factors, losses: float) -> Hour:
    """Compile one snapshot with what is available in it."""
    units = net.generator
    weather = units.fuel.isin(["solar", "wind"])
    factor = units.fuel.map({"solar": factors.solar, "wind": factors.wind, "hydro": factors.hydro}).fillna(
        0.0
    )
    schedule = (units.p_max_mw * factor).to_numpy()
    available = (units.in_service & ~units.index.isin(list_out(factors))).to_numpy()
    running = apply_snapshot(base, factors.name).generator.in_service
    area = net.bus.area[units.bus].to_numpy()
    must_run = (units.fuel == "nuclear").to_numpy()
    must_run |= factors.name.startswith("winter") & units.combined_heat.to_numpy(dtype=bool)
    must_run |= (
        (area == "jeju") & running.reindex(units.index, fill_value=False).to_numpy() & ~weather.to_numpy()
    )
    case, _ = choose_references(compile_case(net, factors.name))
    helps = (units.participation > 0).to_numpy()
    on_mainland = (net.bus.area[net.load.bus] != "jeju").to_numpy()
    case = replace(
        case,
        generator_p=schedule / case.base_mva,
        generator_p_min=case.generator_p_min * np.where(helps, LOWEST, 1.0),
        generator_p_max=case.generator_p_max * np.where(helps, OFFERED, 1.0),
        generator_on=available,
        load_p=case.load_p * np.where(on_mainland, 1.0 + losses, 1.0),
    )
    plan = plan_dc(case, "x_tap")
    interfaces = compile_interfaces(case, net.interface)
    limits = take_limits(
        case,
        interfaces,
        share=RATING_SHARE,
        excess_price=INTACT_PRICE,
        excess_price_after=operate.OUTAGE_PRICE.get(factors.name, OUTAGE_PRICE),
    )
    branches = net.branches()
    backbone = np.flatnonzero((branches.in_service & (branches.vn_kv > 300.0)).to_numpy())
    security = plan_security(case, plan, [Outage(branch=(int(i),)) for i in backbone])
    p_max = net.storage.p_max_mw.to_numpy()
    storage = StorageOffers(-p_max, p_max, 0.0 * p_max, np.full(len(p_max), STORAGE_PRICE))
    return Hour(
        case, plan, limits, security, units, must_run, storage, find_link_ranges(net, base, factors.name)
    )


def dispatch_once(hour: Hour, case: Case, relaxed: bool) -> HourResult:
    """Dispatch the hour with the units that are on in `case`."""
    units = hour.units
    weather, metered = units.fuel.isin(["solar", "wind"]), units.metered.astype(bool)
    offers = offer_units(
        case,
        units.cost_c1_per_mwh.to_numpy(),
        units.cost_c0_per_h.to_numpy(),
        units.cost_c2_per_mw2h.to_numpy(),
        must_run=hour.must_run,
        curtailable=(weather & metered).to_numpy(),
        held=((weather & ~metered) | (units.fuel == "hydro")).to_numpy(),
        relaxed=relaxed,
    )
    made = make_offers(case, offers, hour.storage, hour.links, SHED_PRICE)
    return solve_hour(case, hour.plan, made, hour.limits, hour.security)


def find_link_ranges(net: Network, base: Network, snapshot: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the range of every link [MW]: one way, those to Jeju within their largest set-point of 2025."""
    states = [apply_snapshot(base, factors.name).hvdc.p_mw for factors in read_factors()]
    links = net.hvdc
    to_jeju = links.index.str.startswith(JEJU_LINKS)
    largest = pd.concat(states).groupby(level=0).max().reindex(links.index).to_numpy()
    high = np.where(to_jeju, largest, links.p_max_mw.to_numpy())
    taking = apply_snapshot(base, snapshot).hvdc.p_mw.reindex(links.index).to_numpy() == 0.0
    from_jeju = to_jeju & taking
    return np.where(from_jeju, -high, 0.0), np.where(from_jeju, 0.0, high)


def dispatch(hour: Hour) -> HourResult:
    """Dispatch in two steps: who runs, then how much."""
    first = dispatch_once(hour, hour.case, relaxed=True)
    units = hour.units
    free = ~units.fuel.isin(["solar", "wind", "hydro"]).to_numpy() & ~hour.must_run
    idle = free & (first.generator_p < np.maximum(0.5 * units.p_min_mw.to_numpy(), 0.05))
    case = replace(hour.case, generator_on=hour.case.generator_on & ~idle)
    return dispatch_once(hour, case, relaxed=False)


def describe_dispatch(name: str, hour: Hour, result: HourResult) -> None:
    """Print what the dispatch could not keep."""
    told = [f"curtailed {result.curtailment.sum():.0f} MW", f"shed {result.shed.sum():.0f} MW"]
    bound = result.constraints
    labels = hour.case.labels.branch
    for i in np.argsort(-bound.excess)[:4]:
        if bound.excess[i] > 1.0 and bound.kind[i] == "branch":
            after = "" if bound.outage[i] < 0 else " after an outage"
            told.append(f"{labels[bound.element[i]]}{after} {bound.excess[i]:.0f} MW above")
    print(f"  {name}: {result.status}; {', '.join(told)} {result.message}", flush=True)


class Operation:
    """What is computed for all years of one network, as the rows of three tables."""

    def __init__(self, network: str) -> None:
        self.network = network
        self.names = [factors.name for factors in read_factors()]
        self.rows: dict[str, list[Row]] = {"dispatch": [], "storage": [], "links": [], "reactive": []}

    def add(self, table: str, year: int, key: Row, cells: dict[str, str]) -> None:
        """Add one row with a cell per snapshot."""
        self.rows[table].append({"year": str(year), **key, **cells})

    def write(self) -> None:
        """Write the tables, then the plan that is made of them."""
        keys = {"dispatch": ["kind", "unit"], "storage": ["storage"], "links": ["link"], "reactive": ["bus"]}
        for table, rows in self.rows.items():
            path = SOURCES / "years" / self.network / f"{table}.csv"
            write_rows(path, ["year", *keys[table], *self.names], rows)
        tables = BUILDERS[self.network](None)
        write_plan(self.network, tables, TARGETS[self.network] / "plan", list_columns(self.network))


def compute_outputs(operation: Operation, base: Network, losses: dict[tuple[int, str], float]) -> None:
    """Dispatch every snapshot of every year."""
    for table in ("dispatch", "storage", "links"):
        operation.rows[table] = []
    for year in YEARS:
        net = gh.load_network(TARGETS[operation.network], year=year)
        outputs: dict[str, dict[str, str]] = defaultdict(dict)
        others: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
        print(year)
        for factors in read_factors():
            hour = prepare(net, base, factors, losses.get((year, factors.name), FIRST_LOSSES))
            result = dispatch(hour)
            describe_dispatch(factors.name, hour, result)
            if result.status is not DispatchStatus.OPTIMAL:
                raise SystemExit(f"{year} {factors.name}: {result.status} {result.message}")
            for name, p_mw in zip(net.generator.index, result.generator_p, strict=True):
                outputs[name][factors.name] = fixed(float(p_mw), 2)
            for name, p_mw in zip(net.hvdc.index, result.hvdc_p, strict=True):
                others["links", name][factors.name] = fixed(float(p_mw), 1)
            for name, p_mw in zip(net.storage.index, result.storage_p, strict=True):
                others["storage", name][factors.name] = fixed(float(p_mw), 1)
        keep_outputs(operation, year, net, base, outputs)
        for (table, name), cells in others.items():
            operation.add(table, year, {"link" if table == "links" else "storage": name}, cells)


def keep_outputs(
    operation: Operation, year: int, net: Network, base: Network, outputs: dict[str, dict[str, str]]
) -> None:
    """Keep the output of units, and of sun only where it is not what 2025 grows to."""
    units = net.generator
    grown = find_grown(net, base, operation.names)
    for name, cells in outputs.items():
        if units.fuel[name] in ("solar", "wind"):
            cells = {
                snapshot: text
                for snapshot, text in cells.items()
                if abs(float(text) - grown[snapshot].get(name, -1.0)) > 0.02
            }
            if cells:
                operation.add("dispatch", year, {"kind": "weather", "unit": name}, cells)
        else:
            operation.add("dispatch", year, {"kind": "unit", "unit": name}, cells)


def find_grown(net: Network, base: Network, names: list[str]) -> dict[str, dict[str, float]]:
    """Return what standing sun gives if its output of 2025 grows with its capacity [MW]."""
    sun = base.generator[base.generator.fuel == "solar"]
    ratio = net.generator.p_max_mw.reindex(sun.index) / sun.p_max_mw
    return {name: (apply_snapshot(base, name).generator.p_mw[sun.index] * ratio).to_dict() for name in names}


def compute_shunts(operation: Operation) -> None:
    """Compute the shunts of every snapshot of every year."""
    operation.rows["reactive"] = []
    find_shunts = FIND_SHUNTS[operation.network]
    for year in YEARS:
        net = gh.load_network(TARGETS[operation.network], year=year)
        found = {factors.name: find_shunts(net, factors) for factors in read_factors()}
        for bus in sorted({bus for values in found.values() for bus, b in values.items() if b != 0.0}):
            cells = {name: fixed(values[bus], 1) for name, values in found.items()}
            operation.add("reactive", year, {"bus": bus}, cells)


def solve_years(operation: Operation) -> dict[tuple[int, str], PowerFlow]:
    """Solve every snapshot of every year from a flat start."""
    flows = {}
    for year in YEARS:
        net = gh.load_network(TARGETS[operation.network], year=year)
        for name in operation.names:
            flows[year, name] = gh.run_power_flow(net, name, options={"start": "flat"})
    return flows


def describe(year: int, name: str, flow: PowerFlow) -> str:
    """Say in one line what the snapshot of a year looks like."""
    vm, loading = flow.bus.vm_pu, flow.branch.loading_percent
    return (
        f"{year} {name}: {flow.status.name}, load {flow.summary['load_mw']:.0f} MW, "
        f"losses {flow.summary['losses_mw']:.0f} MW, "
        f"voltage {vm.min():.4f} ({vm.idxmin()}) to {vm.max():.4f} ({vm.idxmax()}), "
        f"worst loading {loading.max():.1f} % ({loading.idxmax()}), above 100 %: {int((loading > 100).sum())}"
    )


def find_losses(flows: dict[tuple[int, str], PowerFlow]) -> dict[tuple[int, str], float]:
    """Return what lines and banks lose as a share of load; the programme has the losses of links itself."""
    return {
        key: float((flow.branch.p_from_mw + flow.branch.p_to_mw).sum()) / flow.summary["load_mw"]
        for key, flow in flows.items()
    }


def operate_network(network: str, again: bool) -> None:
    """Compute and write the operation of all years of one network, from nothing or from what stands."""
    base = gh.load_network(TARGETS[network])
    operation = Operation(network)
    losses = {}
    if again:
        losses = find_losses(solve_years(operation))
    else:
        operation.write()
    for _ in range(1 if again else ROUNDS):
        compute_outputs(operation, base, losses)
        operation.write()
        compute_shunts(operation)
        operation.write()
        flows = solve_years(operation)
        losses = find_losses(flows)
    for (year, name), flow in flows.items():
        print(describe(year, name, flow))


def format_table(network: str) -> str:
    """Format what each planned year looks like, solved from a flat start, as a Markdown table."""
    lines = [
        "| year | projects | load at summer peak, MW | installed: coal, gas, nuclear, sun, wind, GW "
        "| voltages, p.u. | worst loading, intact |",
        "|---|---|---|---|---|---|",
    ]
    for year in YEARS:
        net = gh.load_network(TARGETS[network], year=year)
        names = [factors.name for factors in read_factors()]
        flows = {name: gh.run_power_flow(net, name, options={"start": "flat"}) for name in names}
        installed = net.generator[net.generator.in_service].groupby("fuel").p_max_mw.sum() / 1000.0
        fuels = ", ".join(f"{installed[fuel]:.1f}" for fuel in ("coal", "lng", "nuclear", "solar", "wind"))
        low = min(flow.bus.vm_pu.min() for flow in flows.values())
        high = max(flow.bus.vm_pu.max() for flow in flows.values())
        worst = max(flows, key=lambda name: flows[name].branch.loading_percent.max())
        loading = flows[worst].branch.loading_percent
        load_mw = flows[names[0]].summary["load_mw"]
        lines.append(
            f"| {year} | {int(net.project.applied.sum())} | {load_mw:,.0f} | {fuels} "
            f"| {low:.4f} to {high:.4f} | {loading.max():.0f} % ({loading.idxmax()}, {worst}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Compute dispatch and shunts of every planned year; write them with ``--write``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the tables")
    parser.add_argument("--again", action="store_true", help="one more round from what stands")
    parser.add_argument("--table", action="store_true", help="print what each year looks like")
    parser.add_argument("--network", choices=tuple(BUILDERS), default=None, help="only this one")
    arguments = parser.parse_args()
    if arguments.write == arguments.table:
        parser.error("say --write or --table")
    for network in [arguments.network] if arguments.network else list(BUILDERS):
        if arguments.table:
            print(format_table(network))
        else:
            operate_network(network, arguments.again)


if __name__ == "__main__":
    main()
