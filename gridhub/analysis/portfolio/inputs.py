"""What a portfolio rests on: sites, hours, costs of a year; and its solution as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.economics import LIFE_YEARS, UPKEEP_SHARE, find_annuity
from gridhub.analysis.works.reinforcement_options import find_costs
from gridhub.case.case import Floats
from gridhub.costs import Costs
from gridhub.criteria import Criteria
from gridhub.dispatch.portfolio import GridScenario, PortfolioProblem, PortfolioSolution
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.options import read_options as read_flow_options

EFFICIENCY = 0.86
"""Round trip of storage: assumed, as for the hubs of this package."""


@dataclass(frozen=True, slots=True)
class PortfolioOptions:
    """Options of `gridhub.plan_portfolio`.

    Attributes
    ----------
    criteria : str, Criteria or None
    snapshots : sequence of str or None
        States of the grid that must hold; None: all stored ones.
    costs : Costs, str or None
        None: the document ``costs`` of the network.
    discount_rate : float or None
        Real, of a year; None: that of the costs.
    block : int
        Hours in a row: storage ends each block as it began.
    grid_price : float or Series
        Of energy from the grid [currency/MWh].
    grid_share : float or Series
        Carbon-free share of the grid's mix that counts.
    rate_share : float
        Share of a rating that active power may use; below 1 it leaves room for reactive power.
    worsening_points : float
        Percentage points by which a branch that is beyond its limit without hubs may grow.
    verify : bool
        Whether every outage is run by AC at the end.
    time_limit_s : float
        Of each solve.
    power_flow : PowerFlowOptions
    """

    criteria: str | Criteria | None = "network"
    snapshots: tuple[str, ...] | None = None
    costs: Costs | str | None = None
    discount_rate: float | None = None
    block: int = 24
    grid_price: float | pd.Series[float] = 0.0
    grid_share: float | pd.Series[float] = 0.0
    rate_share: float = 1.0
    worsening_points: float = 1.0
    verify: bool = True
    time_limit_s: float = 300.0
    power_flow: PowerFlowOptions = field(default_factory=PowerFlowOptions)


def read_options(options: Mapping[str, Any] | PortfolioOptions | None, net: Network) -> PortfolioOptions:
    """Complete options given as a mapping, an object or nothing.

    Raises
    ------
    OptionError
        If a key is unknown or a value out of range.
    """
    if isinstance(options, PortfolioOptions):
        return options
    given = dict(options or {})
    known = [item.name for item in fields(PortfolioOptions)]
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        raise OptionError(f"unknown option {', '.join(unknown)}. Options: {', '.join(known)}")
    flow = given.pop("power_flow", None)
    found = PortfolioOptions(**given, power_flow=read_flow_options(flow, reactive_limits=net.reactive_limits))
    faults = [
        f"{name} = {value!r}: a number from {low:g} to {high:g}"
        for name, low, high in (
            ("rate_share", 0.1, 1.0),
            ("worsening_points", 0.0, 100.0),
            ("time_limit_s", 0.1, 1e6),
            ("block", 1, 8784),
        )
        for value in (getattr(found, name),)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high
    ]
    if faults:
        raise OptionError("; ".join(faults))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioTables:
    """A solution as tables; see `gridhub.analysis.portfolio.portfolio.Portfolio`."""

    sites: pd.DataFrame
    cost: pd.Series
    hourly: pd.DataFrame
    share_percent: float


@dataclass(frozen=True, slots=True, eq=False)
class PortfolioInputs:
    """A portfolio, ready to be solved; money of a year in the money unit of the costs.

    Attributes
    ----------
    sites : DataFrame
    kinds : tuple of str
    hours : Index
    total_mw, share, base : float
    costs : Costs
    problem : PortfolioProblem
        Without scenarios.
    assumptions : tuple of str
    """

    sites: pd.DataFrame
    kinds: tuple[str, ...]
    hours: pd.Index
    total_mw: float
    share: float
    base: float
    costs: Costs
    problem: PortfolioProblem
    assumptions: tuple[str, ...]

    def make_problem(self, scenarios: tuple[GridScenario, ...]) -> PortfolioProblem:
        """Put the states of the grid into the problem."""
        return replace(self.problem, scenarios=scenarios)

    def read(self, found: PortfolioSolution) -> PortfolioTables:
        """Turn a solution into tables [MW, MWh, money of a year]."""
        p, base = self.problem, self.base
        used = (found.contract > 1e-9).astype(float)
        site_cost = p.cost * used + p.cost_per_unit * found.contract
        plants = found.plant @ p.plant_cost
        storage = p.power_cost * found.power + p.energy_cost * found.energy
        energy = (p.weight * p.grid_price) @ found.grid
        table = pd.DataFrame(
            {
                "bus": self.sites["bus"].astype(str),
                "mw": found.contract * base,
                "storage_mw": found.power * base,
                "storage_mwh": found.energy * base,
                **{f"{kind}_mw": found.plant[:, k] * base for k, kind in enumerate(self.kinds)},
                "cost": site_cost + plants + storage + energy,
                "load_mwh": float(p.weight @ p.load) * found.contract * base,
                "grid_mwh": p.weight @ found.grid * base,
            },
            index=self.sites.index,
        )
        parts = {
            "sites": float(site_cost.sum()),
            "plants": float(plants.sum()),
            "storage": float(storage.sum()),
            "works": float(p.work_cost @ found.works),
            "grid energy": float(energy.sum()),
        }
        series = pd.Series({**parts, "total": sum(parts.values())}, name=f"{self.costs.money_unit} a year")
        columns = pd.MultiIndex.from_product(
            [self.sites.index, ["grid", "charge", "discharge", "stored"]], names=["site", "part"]
        )
        stack = np.stack([found.grid, found.charge, found.discharge, found.stored], axis=2) * base
        hourly = pd.DataFrame(stack.reshape(len(self.hours), -1), index=self.hours, columns=columns)
        lost = float((p.weight * (1.0 - p.grid_share)) @ found.grid.sum(axis=1))
        served = float(p.weight @ p.load) * p.total
        return PortfolioTables(table, series, hourly, 100.0 * (1.0 - lost / served))


def build_inputs(
    net: Network,
    sites: pd.DataFrame,
    total_mw: float,
    load: pd.Series,
    output: Mapping[str, pd.DataFrame],
    weights: pd.Series,
    share: float,
    works: Sequence[Candidate],
    settled: PortfolioOptions,
) -> PortfolioInputs:
    """Collect what a portfolio needs; see `gridhub.analysis.portfolio.portfolio.plan_portfolio`.

    Raises
    ------
    InputError
        If something is missing or out of range; all faults are listed.
    """
    costs = find_costs(net, settled.costs)
    kinds = tuple(output)
    faults = _check(net, sites, total_mw, load, output, weights, share, costs, settled)
    if faults:
        raise InputError(faults, "portfolio")
    rate = costs["discount_rate"].base if settled.discount_rate is None else settled.discount_rate
    base, years = net.base_mva, float(weights.sum()) / 8760.0

    def take(name: str, missing: float) -> Floats:
        if name not in sites:
            return np.full(len(sites), missing)
        return sites[name].to_numpy(dtype=float)

    def spread(item: str) -> float:
        return years * base * costs[item].spread_over_years(rate).base

    yearly = years * (1.0 / find_annuity(rate, LIFE_YEARS) + UPKEEP_SHARE)
    names = list(sites.index)
    hours = load.index
    shape = (len(hours), len(sites), len(kinds))
    given = [output[kind][names].to_numpy(dtype=float) for kind in kinds]
    most = (
        np.array([take(f"{kind}_max_mw", np.inf) for kind in kinds]).reshape(len(kinds), len(sites)).T / base
    )
    problem = PortfolioProblem(
        total=total_mw / base,
        low=take("min_mw", 0.0) / base,
        high=np.minimum(take("max_mw", np.inf), total_mw) / base,
        cost=yearly * take("cost", 0.0),
        cost_per_unit=yearly * base * take("cost_per_mw", 0.0),
        load=load.to_numpy(dtype=float),
        weight=weights.reindex(hours).to_numpy(dtype=float),
        block=settled.block,
        output=np.stack(given, axis=2) if kinds else np.zeros(shape),
        plant_cost=np.array([spread(kind) for kind in kinds]),
        plant_high=most,
        power_cost=spread("storage_power"),
        energy_cost=spread("storage_energy"),
        storage_high=take("storage_max_mw", np.inf) / base,
        efficiency=EFFICIENCY,
        grid_price=base * _spread_hours(settled.grid_price, hours) / costs.scale,
        grid_share=_spread_hours(settled.grid_share, hours),
        share=share,
        work_cost=yearly * np.array([one.cost.base for one in works], dtype=float),
    )
    said = (
        f"discount rate {100 * rate:g} % a year, real; base end of the cost ranges",
        f"sites and works are paid over {LIFE_YEARS} years, upkeep {UPKEEP_SHARE:.1%} a year",
        f"storage gives back {EFFICIENCY:.0%}",
        f"active power may use {settled.rate_share:.0%} of a rating",
    )
    return PortfolioInputs(sites, kinds, hours, total_mw, share, base, costs, problem, said)


def _spread_hours(given: float | pd.Series, hours: pd.Index) -> Floats:
    if isinstance(given, pd.Series):
        return given.reindex(hours).to_numpy(dtype=float)
    return np.full(len(hours), float(given))


def _check(
    net: Network,
    sites: pd.DataFrame,
    total_mw: float,
    load: pd.Series,
    output: Mapping[str, pd.DataFrame],
    weights: pd.Series,
    share: float,
    costs: Costs,
    settled: PortfolioOptions,
) -> list[Issue]:
    """List everything that is missing or out of range."""
    faults = []

    def add(table: str, row: str, column: str, value: object, text: str) -> None:
        faults.append(Issue("error", "E-PORTFOLIO", table, row, column, str(value), text))

    if not len(sites) or "bus" not in sites or "max_mw" not in sites:
        add("sites", "", "bus, max_mw", len(sites), "wants one site at least, with these columns")
        return faults
    for name, bus in sites["bus"].items():
        if bus not in net.bus.index:
            add("sites", str(name), "bus", bus, "no such bus")
    twice = sites.index[sites.index.duplicated()]
    if len(twice):
        add("sites", str(twice[0]), "", "", "stands twice")
    if not total_mw > 0 or total_mw > float(sites["max_mw"].sum()) + 1e-9:
        add(
            "sites",
            "",
            "max_mw",
            total_mw,
            f"total_mw must be above 0 and at most {sites['max_mw'].sum():,.0f}",
        )
    if not 0.0 <= share <= 1.0:
        add("share", "", "", share, "a number from 0 to 1")
    hours = load.index
    if not len(hours) or len(hours) % settled.block:
        add("hours", "", "", len(hours), f"not a multiple of block = {settled.block}")
    if not ((load >= 0) & (load <= 1)).all() or not load.sum() > 0:
        add("load", "", "", "", "draw per MW of contract power, 0 to 1")
    series: dict[str, pd.DataFrame | pd.Series] = {"weights": weights, **output}
    series |= {
        name: value
        for name, value in (("grid_price", settled.grid_price), ("grid_share", settled.grid_share))
        if isinstance(value, pd.Series)
    }
    for name, values in series.items():
        if not hours.isin(values.index).all():
            add(name, "", "", "", "lacks hours of the load")
        elif not np.isfinite(values.to_numpy(dtype=float)).all() or (values.to_numpy(dtype=float) < 0).any():
            add(name, "", "", "", "holds no number, or one below 0")
    for kind, frame in output.items():
        missing = [str(name) for name in sites.index if name not in frame.columns]
        if missing:
            add(kind, missing[0], "", "", "no output for this site")
    for item in (*output, "storage_power", "storage_energy", "discount_rate"):
        if item not in costs and not (item == "discount_rate" and settled.discount_rate is not None):
            add("costs", item, "", "", "is not in the costs")
    return faults
