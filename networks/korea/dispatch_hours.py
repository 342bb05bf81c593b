"""Dispatch of a snapshot of ``korea-2025`` with the one-hour programme of ``gridhub.dispatch``.

A linear programme has no on and off, so a snapshot is solved in two steps. The relaxed hour (a unit may give
anything up to its maximum, its fixed cost spread over it) says which units are worth running and what N-1
costs. Units that must run, and those to which it gives at least ``WORTH_RUNNING`` of their minimum, are
committed; the cheapest others follow until the reserve is there. The committed hour then keeps minima.

Limits: every rating before and after the loss of any one circuit or bank, and every interface. A rating that
no dispatch keeps is exceeded at a price and reported: it says where public data are too thin or the grid is
short.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from build_snapshots import Factors
from build_sources import read_facts

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.limits import FlowLimits, InterfaceLimits, compile_interfaces, take_limits
from gridhub.dispatch.offers import UnitOffers, make_offers, offer_units
from gridhub.dispatch.result import DispatchStatus, HourResult
from gridhub.dispatch.security import SecurityPlan, plan_security
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.islands import choose_references

#: Price of a MW above a rating intact, of one after an outage, and of load not served [KRW/MWh] (assumed).
EXCESS_PRICE = 5_000_000.0
EXCESS_PRICE_AFTER = 1_000_000.0
SHED_PRICE = 20_000_000.0
#: Share of ratings and of interface limits the linear model may use: room for reactive power and losses.
RATING_SHARE = 0.93
INTERFACE_SHARE = 0.99
#: Share of its minimum that the relaxed hour has to give a unit for it to be committed (assumed).
WORTH_RUNNING = 0.5
#: Room that running units with governors keep on the mainland [MW]: about three of the largest unit, less in
#: the light load of spring (assumed). On Jeju they keep what one link brings.
RESERVE_MW = 4_500.0
SPRING_RESERVE_MW = 3_000.0
#: Running units with governors stay this far above their minimum, to be able to give less (assumed).
FLOOR_SHARE = 1.10
LEAST_UNITS = {"mainland": 0, "jeju": 2}


@dataclass(frozen=True)
class Grid:
    """The topology that all snapshots share, planned once."""

    plan: DcPlan
    security: SecurityPlan
    interfaces: InterfaceLimits


@dataclass(frozen=True)
class Hour:
    """One snapshot ready to be dispatched; arrays follow the generators of the case."""

    case: Case
    generator: pd.DataFrame
    available: Bools
    must_run: Bools
    curtailable: Bools
    held: Bools
    weather: Bools
    area: np.ndarray
    limits: FlowLimits


@dataclass(frozen=True)
class Dispatch:
    """Dispatch of a snapshot: the hour as committed, and the relaxed one that says what N-1 costs."""

    name: str
    labels: tuple[str, ...]
    committed: HourResult
    relaxed: HourResult
    weather: Bools

    def list_outputs(self) -> dict[str, float]:
        """List what runs, and sun and wind that give less than the weather allows, by generator [MW]."""
        result = self.committed
        written = np.where(self.weather, result.curtailment > 0.05, result.generator_p > 0.05)
        return {self.labels[i]: round(float(result.generator_p[i]), 2) for i in np.flatnonzero(written)}

    def describe(self) -> dict[str, float]:
        """Sum up cost [million KRW/h] and what gave way [MW]."""
        relaxed, committed = self.relaxed, self.committed
        over = committed.constraints.excess[committed.constraints.outage >= 0]
        intact = committed.constraints.excess[committed.constraints.outage < 0]
        return {
            "intact_cost": relaxed.cost_intact / 1e6,
            "n1_cost": (relaxed.cost.total - relaxed.cost.excess - relaxed.cost_intact) / 1e6,
            "committed_cost": (committed.cost.total - committed.cost.excess) / 1e6,
            "constrained_off_mw": float(relaxed.constrained_off.sum()),
            "curtailed_mw": float(committed.curtailment.sum()),
            "shed_mw": float(committed.shed.sum()),
            "intact_excess_mw": float(intact.max(initial=0.0)),
            "n1_excess_mw": float(over.max(initial=0.0)),
        }


def plan_grid(net: Network) -> Grid:
    """Plan the DC model and the loss of every circuit and bank."""
    case = compile_state(net, None)
    plan = plan_dc(case, "x_tap")
    outages = find_outages(net, case, list_contingencies(net, kinds=("line", "transformer")))
    found = compile_interfaces(case, net.interface)
    held = replace(found, forward=INTERFACE_SHARE * found.forward, reverse=INTERFACE_SHARE * found.reverse)
    return Grid(plan, plan_security(case, plan, outages), held)


def compile_state(net: Network, snapshot: str | None) -> Case:
    """Compile a snapshot with every generator in service."""
    state = apply_snapshot(net, snapshot)
    tables = {"snapshot": state.snapshot.iloc[:0], "snapshot_value": state.snapshot_value.iloc[:0]}
    return choose_references(
        compile_case(state.replace(generator=state.generator.assign(in_service=True), **tables))
    )[0]


def prepare_hour(net: Network, grid: Grid, factors: Factors) -> Hour:
    """Read what may run in a snapshot, and raise the loads by the losses that the market's demand covers."""
    generator = apply_snapshot(net, factors.name).generator
    weather = generator.fuel.isin(["solar", "wind"])
    metered = generator.metered.astype(bool)
    out = find_maintenance(factors.name)
    case = compile_state(net, factors.name)
    unmetered_mw = float(generator.p_mw[weather & ~metered].sum())
    loss_of_links = case.base_mva * float((np.abs(case.hvdc_p) * case.hvdc_loss_share + case.hvdc_loss).sum())
    drawn_mw = case.base_mva * float(case.shunt_g.sum())
    wanted_mw = factors.market_mw + unmetered_mw - loss_of_links - drawn_mw
    # Nearly all of them arise on the mainland.
    inside = (net.bus.area.to_numpy() == "mainland")[case.load_bus]
    load_mw = case.base_mva * case.load_p
    stretch = 1.0 + (wanted_mw - load_mw.sum()) / load_mw[inside].sum()
    case = replace(case, load_p=np.where(inside, stretch, 1.0) * case.load_p)
    hydro = generator.fuel.eq("hydro").to_numpy()
    # Rivers give what the snapshot says; the tables do not hold it before the dispatch is written.
    river = np.where(hydro, factors.hydro * case.generator_p_max, case.generator_p)
    return Hour(
        case=replace(case, generator_p=river),
        generator=generator,
        available=~generator.index.isin(out),
        must_run=find_must_run(generator, factors.name),
        curtailable=(weather & metered).to_numpy(),
        held=(weather & ~metered).to_numpy() | hydro,
        weather=weather.to_numpy(),
        area=net.bus.area[generator.bus].to_numpy(),
        limits=take_limits(
            case,
            grid.interfaces,
            share=RATING_SHARE,
            excess_price=EXCESS_PRICE,
            excess_price_after=EXCESS_PRICE_AFTER,
        ),
    )


def find_maintenance(snapshot: str) -> set[str]:
    """Name the units that are off in a snapshot."""
    known = read_facts("maintenance") + read_facts("season_maintenance")
    return {row["unit"] for row in known if row["snapshot"] == snapshot}


def find_must_run(generator: pd.DataFrame, snapshot: str) -> Bools:
    """Mark the units that run by rule: nuclear always, combined heat and power in winter."""
    heat = generator.combined_heat.eq("true") & snapshot.startswith("winter")
    return np.asarray(generator.fuel.eq("nuclear") | heat, dtype=bool)


def find_secure_import(net: Network, grid: Grid, factors: Factors, zone: str) -> float:
    """Find the largest import of a zone that keeps N-1 [MW]: its units cost, all others are free.

    Ratings that no dispatch keeps do not limit it further: they are exceeded as little as possible.
    """
    hour = prepare_hour(net, grid, factors)
    inside = hour.generator.bus.map(net.bus.zone).eq(zone).to_numpy()
    costs = {"cost_c0_per_h": 0.0, "cost_c1_per_mwh": 1000.0 * inside, "cost_c2_per_mw2h": 0.0}
    priced = replace(hour, generator=hour.generator.assign(**costs))
    result = solve(priced, grid, hour.available, relaxed=True)
    made_mw = float(result.generator_p[inside].sum())
    bus_zone = net.bus.zone.to_numpy()
    case = hour.case
    load_mw = case.base_mva * float(case.load_p[bus_zone[case.load_bus] == zone].sum())
    drawn_mw = case.base_mva * float(case.shunt_g[bus_zone[case.shunt_bus] == zone].sum())
    return load_mw + drawn_mw - made_mw


def price_units(hour: Hour, running: Bools, relaxed: bool) -> tuple[Case, UnitOffers]:
    """Make the offers of the units that run."""
    low = hour.case.generator_p_min
    helps = hour.generator.participation.to_numpy(dtype=float) > 0
    floor = np.where(helps, np.minimum(FLOOR_SHARE * low, hour.case.generator_p_max), low)
    case = replace(hour.case, generator_on=running, generator_p_min=floor)
    columns = ("cost_c1_per_mwh", "cost_c0_per_h", "cost_c2_per_mw2h")
    linear, constant, quadratic = (hour.generator[name].to_numpy(dtype=float) for name in columns)
    offers = offer_units(
        case,
        linear,
        constant,
        quadratic,
        must_run=hour.must_run,
        curtailable=hour.curtailable,
        held=hour.held,
        relaxed=relaxed,
    )
    return case, offers


def solve(hour: Hour, grid: Grid, running: Bools, relaxed: bool, cuts: Ints | None = None) -> HourResult:
    """Solve the hour with some units running."""
    case, units = price_units(hour, running, relaxed)
    offers = make_offers(case, units, shed_price=SHED_PRICE)
    result = solve_hour(case, grid.plan, offers, hour.limits, grid.security, start_cuts=cuts)
    if result.status != DispatchStatus.OPTIMAL:
        raise SystemExit(f"no dispatch: {result.message}")
    return result


def dispatch_snapshot(net: Network, grid: Grid, factors: Factors) -> Dispatch:
    """Dispatch one snapshot.

    Parameters
    ----------
    net : Network
        Sun and wind as the weather allows; output of other units is not read.
    grid : Grid
    factors : Factors
    """
    hour = prepare_hour(net, grid, factors)
    relaxed = solve(hour, grid, hour.available, relaxed=True)
    fixed = hour.must_run | hour.curtailable | hour.held
    minimum = hour.case.base_mva * hour.case.generator_p_min
    running = hour.available & (fixed | (relaxed.generator_p >= np.maximum(WORTH_RUNNING * minimum, 0.05)))
    result = relaxed
    while True:
        more = add_reserve(hour, running, result.generator_p, find_reserve(factors))
        if result is not relaxed and (more == running).all():
            return Dispatch(
                factors.name,
                hour.case.labels.generator,
                result,
                relaxed,
                hour.weather,
            )
        running = more
        result = solve(hour, grid, running, relaxed=False, cuts=result.cuts)


def find_reserve(factors: Factors) -> dict[str, float]:
    """Return the reserve of each area [MW]."""
    mainland = SPRING_RESERVE_MW if factors.name == "spring_midday" else RESERVE_MW
    return {"mainland": mainland, "jeju": factors.hvdc["hvdc_jeju"]}


def add_reserve(hour: Hour, running: Bools, p_mw: Floats, reserves: dict[str, float]) -> Bools:
    """Commit the cheapest further units until each area has its reserve and its number of units."""
    generator, base = hour.generator, hour.case.base_mva
    p_max = base * hour.case.generator_p_max
    average = generator.cost_c1_per_mwh + generator.cost_c0_per_h / p_max + generator.cost_c2_per_mw2h * p_max
    helps = generator.participation.to_numpy(dtype=float) > 0
    running = running.copy()
    for area, reserve_mw in reserves.items():
        inside = (hour.area == area) & helps
        waiting = np.flatnonzero(inside & hour.available & ~running)
        for i in waiting[np.argsort(average.to_numpy()[waiting], kind="stable")]:
            chosen = inside & running
            if (p_max - p_mw)[chosen].sum() >= reserve_mw and chosen.sum() >= LEAST_UNITS[area]:
                break
            running[i] = True
    return running
