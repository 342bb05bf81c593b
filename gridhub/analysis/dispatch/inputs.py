"""From a network and its profiles to the hours of a dispatch: what may move, at which price, how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages, list_contingencies
from gridhub.analysis.dispatch.options import DispatchOptions, list_unknown_ids
from gridhub.analysis.flow.time_series import build_injections
from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.case.profiles import Profiles
from gridhub.dispatch.coupling import BudgetRules, CallRules, Coupling, RampRules, ReserveRules, StorageRules
from gridhub.dispatch.curves import CostCurves, compile_curves
from gridhub.dispatch.limits import (
    NO_INTERFACES,
    FlowLimits,
    compile_interfaces,
    find_angle_flows,
    take_limits,
)
from gridhub.dispatch.offers import Offers, StorageOffers, make_offers, offer_units
from gridhub.dispatch.security import SecurityPlan, plan_security
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.islands import choose_references
from gridhub.solvers.scenario import Injections

WEATHER = ("solar", "wind")
"""Fuels whose schedule is what the weather allows."""

ASSUMED_SOC = 0.5
"""Filling of storage whose state of charge is not known (assumed)."""

ASSUMED_EFFICIENCY = 0.8
"""Round-trip efficiency of storage where it is not known (assumed)."""


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is known of the generators beyond the case.

    Attributes
    ----------
    linear, constant, quadratic : (n,) float
        Costs; NaN = none.
    curves : CostCurves or None
    must_run, weather, held : (n,) bool
        Stays at its minimum at least; gives up to its schedule; keeps its schedule.
    behind : (n,) int
        Position of the load that a unit stands behind; -1: it stands behind none.
    free : tuple of str
        Units that can move and have no cost in the tables: taken as free of charge.
    """

    linear: Floats
    constant: Floats
    quadratic: Floats
    curves: CostCurves | None
    must_run: Bools
    weather: Bools
    held: Bools
    behind: Ints
    free: tuple[str, ...]

    def hold_back(self, case: Case) -> Case:
        """Lower the limits of units behind a load to what it asks for in this hour: they export nothing.

        What has a schedule gives first, such as its own sun, cut alike where that is more than the load; then
        the cheapest unit.
        """
        inside = (self.behind >= 0) & case.generator_on
        if not inside.any():
            return case
        room = np.where(case.load_on, np.maximum(case.load_p, 0.0), 0.0)
        firm = inside & (self.held | self.weather) & (case.generator_p > 0.0)
        p, low, high = case.generator_p.copy(), case.generator_p_min.copy(), case.generator_p_max.copy()
        given = np.bincount(self.behind[firm], p[firm], len(room))
        p[firm] *= np.minimum(room / np.where(given > 0.0, given, 1.0), 1.0)[self.behind[firm]]
        room = np.maximum(room - given, 0.0)
        movable = np.flatnonzero(inside & ~self.held & ~self.weather)
        for unit in movable[np.argsort(self.linear[movable], kind="stable")].tolist():
            load = self.behind[unit]
            high[unit] = min(high[unit], room[load])
            low[unit] = min(low[unit], high[unit])
            room[load] -= max(high[unit], 0.0)
        return replace(case, generator_p=p, generator_p_min=low, generator_p_max=high)


@dataclass(frozen=True, slots=True, eq=False)
class Stores:
    """What is known of the storage beyond the case.

    Attributes
    ----------
    p_max, charge_max, energy, efficiency, start : (n,) float
        Most given and most taken in [MW], [MWh], round trip, [MWh] before the first hour.
    moves : (n,) bool
        Part of the optimum; the others keep their schedule.
    assumed : tuple of str
        Storage units whose filling or efficiency is not known.
    """

    p_max: Floats
    charge_max: Floats
    energy: Floats
    efficiency: Floats
    start: Floats
    moves: Bools
    assumed: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What the hours before hand to those that follow.

    Attributes
    ----------
    energy : (n_storage,) float
        In storage [MWh].
    output : (n_generator,) float or None
        In the last hour [MW].
    used : (n_flexible,) float
        What flexible loads have left unserved, as offered [MWh].
    shares : (n_hour, n_flexible) float
        What was called in the last hours, as shares of what was offered; the last one last.
    cuts : (2, k) int
        Limits that bound.
    """

    energy: Floats
    output: Floats | None
    used: Floats
    shares: Floats
    cuts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class DispatchInputs:
    """All that the hours of a dispatch share, planned once.

    Attributes
    ----------
    hours : Index
    case : Case
        References chosen.
    references : tuple of str
        Buses that were made a reference.
    injections : Injections
        Of the hours.
    plan : DcPlan
    limits : FlowLimits
    security : SecurityPlan or None
    contingencies : tuple of str
        Id of each outage.
    skipped : tuple of str
        Contingencies that lose a branch without impedance: not assessed.
    units : Units
    stores : Stores
    links : (low, high)
        [MW]; NaN: the link keeps its schedule.
    options : DispatchOptions
    """

    hours: pd.Index
    case: Case
    references: tuple[str, ...]
    injections: Injections
    plan: DcPlan
    limits: FlowLimits
    security: SecurityPlan | None
    contingencies: tuple[str, ...]
    skipped: tuple[str, ...]
    units: Units
    stores: Stores
    links: tuple[Floats, Floats]
    options: DispatchOptions

    @property
    def count(self) -> int:
        """Number of hours."""
        return len(self.hours)

    def make_hour(self, hour: int) -> tuple[Case, Offers]:
        """Make the case of an hour and what is offered in it."""
        case = self._apply(hour)
        units, stores, options = self.units, self.stores, self.options
        case = units.hold_back(case)
        shining = units.weather & (case.generator_p >= 0)  # what takes power at night keeps its schedule
        generation = offer_units(
            case,
            units.linear,
            units.constant,
            units.quadratic,
            must_run=units.must_run,
            curtailable=shining,
            held=units.held | (units.weather & ~shining),
            relaxed=options.commitment == "relaxed",
            curtail_price=options.curtail_price,
            curves=units.curves,
        )
        p = np.where(case.storage_on, case.base_mva * case.storage_p, 0.0)
        into, out = (np.where(case.storage_on, most, 0.0) for most in (stores.charge_max, stores.p_max))
        free = np.zeros(len(p))
        storage = StorageOffers(np.where(stores.moves, -into, p), np.where(stores.moves, out, p), free, free)
        call_price, call_limit = self._price_calls()
        shed_price = np.inf if options.shed_price is None else options.shed_price
        sent = case.base_mva * case.hvdc_p
        links = tuple(np.where(np.isnan(bound), sent, bound) for bound in self.links)
        return case, make_offers(
            case,
            generation,
            storage,
            (links[0], links[1]),
            shed_price,
            call_price,
            call_limit,
            losses=options.losses == "iterated",
        )

    def _price_calls(self) -> tuple[Floats, Floats]:
        """Price and limit of what may be called of each load."""
        price, limit = np.zeros((2, len(self.case.load_bus)))
        for position, one in zip(self.find_flexible(), self.options.flexible.values(), strict=True):
            price[position], limit[position] = one.price, one.mw
        return price, limit

    def find_offers(self, hours: range) -> Floats:
        """Find what flexible loads offer in some hours, within what they draw, (n_hour, n_flexible) [MW]."""
        at, most = self.find_flexible(), np.array([one.mw for one in self.options.flexible.values()])
        drawn = np.array([self._apply(hour).load_p[at] for hour in hours]).reshape(len(hours), len(at))
        return np.clip(self.case.base_mva * drawn, 0.0, most)

    def _apply(self, hour: int) -> Case:
        return self.injections.apply(self.case, hour if self.injections.count else -1)

    def find_flexible(self) -> Ints:
        """Positions of the flexible loads."""
        index = pd.Index(self.case.labels.load)
        return np.asarray(index.get_indexer(pd.Index(list(self.options.flexible))), dtype=np.int64)

    def find_reserve(self, hours: range) -> Floats:
        """Find the reserve that some hours want, (n_hour,) [MW]."""
        share, case = self.options.reserve_load_share, self.case
        need = np.broadcast_to(np.asarray(self.options.reserve_mw, dtype=float), (self.count,))[list(hours)]
        if share == 0.0:
            return np.asarray(need)
        alive = case.load_on & self.plan.islands.live[case.bus_node[case.load_bus]]
        return need + share * case.base_mva * np.array(
            [self._apply(hour).load_p[alive].sum() for hour in hours]
        )

    def find_longest(self) -> Floats:
        """Hours in a row for which each flexible load may be called, whole ones; infinite: any."""
        return np.floor([one.longest_h for one in self.options.flexible.values()])

    def couple(self, hours: range, carried: Carried) -> Coupling:
        """Tie some hours together.

        Parameters
        ----------
        hours : range
        carried : Carried
            From the hours before.
        """
        options, stores, case = self.options, self.stores, self.case
        storage = ramp = budget = call = reserve = None
        if (stores.moves & case.storage_on).any():
            end = stores.start if options.storage_end == "start" else np.zeros(len(carried.energy))
            size = np.where(stores.moves, stores.energy, np.nan)
            storage = StorageRules(size, stores.efficiency, carried.energy, end)
        if options.ramp_mw_per_h:
            per_hour = np.full(len(case.generator_bus), np.inf)
            index = pd.Index(case.labels.generator)
            per_hour[index.get_indexer(pd.Index(list(options.ramp_mw_per_h)))] = list(
                options.ramp_mw_per_h.values()
            )
            ramp = RampRules(per_hour, carried.output)
        most = np.array([one.energy_mwh for one in options.flexible.values()])
        if np.isfinite(most).any():
            # a budget of the whole run is spent evenly at most; what is left over may be used later
            allowed = most * (hours.stop / self.count) - carried.used
            bounded = np.isfinite(most)
            budget = BudgetRules(self.find_flexible()[bounded], np.maximum(allowed[bounded], 0.0))
        longest = self.find_longest()
        if np.isfinite(longest).any():
            held = np.isfinite(longest)
            call = CallRules(self.find_flexible()[held], longest[held].astype(int), carried.shares[:, held])
        need = self.find_reserve(hours)
        if need.any():
            counts = case.generator_on & ~self.units.weather & ~self.units.held
            room = np.where(counts, options.reserve_share * case.base_mva * case.generator_p_max, 0.0)
            price = np.inf if options.reserve_price is None else options.reserve_price
            reserve = ReserveRules(need, room, price)
        return Coupling(storage, ramp, budget, call, reserve)


def build_inputs(
    net: Network,
    snapshot: str | None,
    hourly: Profiles,
    security: str | pd.DataFrame | None,
    options: DispatchOptions,
) -> DispatchInputs:
    """Plan a dispatch.

    Parameters
    ----------
    net : Network
        With the snapshot in its tables.
    snapshot : str or None
    hourly : Profiles
    security : None, "n-1" or contingency table
    options : DispatchOptions

    Raises
    ------
    InputError
        If costs, ranges or contingencies are wrong; all faults of a kind are listed.
    OptionError
        If options name elements that do not exist, or `security` is unknown.
    ValueError
        If the contingency table is empty.
    """
    case, chosen = choose_references(compile_case(net, snapshot))
    if case.n_node == 0:
        raise OptionError(f"{net.name!r} has no bus in service: nothing to dispatch")
    count = len(hourly.hours)
    _check_options(case, options, count)
    plan = plan_dc(case, options.dc_convention)
    names, skipped, planned = _plan_security(net, case, plan, security)
    return DispatchInputs(
        hours=hourly.hours,
        case=case,
        references=tuple(case.labels.bus[int(np.flatnonzero(case.bus_node == node)[0])] for node in chosen),
        injections=build_injections(case, hourly),
        plan=plan,
        limits=_build_limits(net, case, plan, options),
        security=planned,
        contingencies=names,
        skipped=skipped,
        units=_read_units(net, case, hourly),
        stores=_read_stores(net, case, hourly, options),
        links=_read_links(net, hourly, options),
        options=options,
    )


def _check_options(case: Case, options: DispatchOptions, count: int) -> None:
    labels = case.labels
    faults = list_unknown_ids(options.ramp_mw_per_h, options.flexible, labels.generator, labels.load)
    if np.ndim(options.reserve_mw) and np.shape(options.reserve_mw) != (count,):
        faults.append(f"reserve_mw wants one number or {count} of them, one for each hour")
    if faults:
        raise OptionError("options of the dispatch: " + "; ".join(faults))


def _plan_security(
    net: Network, case: Case, plan: DcPlan, security: str | pd.DataFrame | None
) -> tuple[tuple[str, ...], tuple[str, ...], SecurityPlan | None]:
    """Plan the outages; those that lose a branch without impedance are left out and named."""
    if security is None:
        return (), (), None
    if isinstance(security, str):
        if security != "n-1":
            raise OptionError(f'security = {security!r}: choose None, "n-1" or a contingency table')
        security = list_contingencies(net)
    if security.empty:
        raise ValueError("the contingency set is empty: give contingencies, or security=None")
    outages = find_outages(net, case, security)
    joined = [any(case.branch_joins[i] for i in outage.branch) for outage in outages]
    kept = [k for k, joins in enumerate(joined) if not joins]
    names = [str(name) for name in security.index]
    skipped = tuple(name for name, joins in zip(names, joined, strict=True) if joins)
    return tuple(names[k] for k in kept), skipped, plan_security(case, plan, [outages[k] for k in kept])


def _build_limits(net: Network, case: Case, plan: DcPlan, options: DispatchOptions) -> FlowLimits:
    angles = None
    if options.angle_limits:
        ends = []
        for name in ("angle_min_degree", "angle_max_degree"):
            column = pd.concat([net.tables[table][name] for table in BRANCH_TABLES])
            ends.append(np.deg2rad(column.reindex(list(case.labels.branch)).to_numpy(dtype=float)))
        # a whole turn is no limit: that is how case files say so
        low, high = (
            np.where(ends[0] <= -2 * np.pi, np.nan, ends[0]),
            np.where(ends[1] >= 2 * np.pi, np.nan, ends[1]),
        )
        angles = find_angle_flows(case, plan, low, high)
    return take_limits(
        case,
        compile_interfaces(case, net.tables["interface"]) if options.interfaces else NO_INTERFACES,
        share=options.rate_share,
        excess_price=np.inf if options.excess_price is None else options.excess_price,
        excess_price_after=np.inf if options.excess_price_after is None else options.excess_price_after,
        angles=angles,
    )


def _read_units(net: Network, case: Case, hourly: Profiles) -> Units:
    table = net.tables["generator"]
    c0, c1, c2 = (
        table[f"cost_{name}"].to_numpy(dtype=float) for name in ("c0_per_h", "c1_per_mwh", "c2_per_mw2h")
    )
    given = hourly.given.get(("generator", "p_mw"), np.zeros(len(table), dtype=bool))
    must_run = table["must_run"].to_numpy(dtype=bool)
    stored = given | bool(net.snapshots)
    weather = (table["fuel"].isin(WEATHER).to_numpy() & stored) | given
    unbounded = ~table["regulating"].to_numpy(dtype=bool) & table["p_max_mw"].isna().to_numpy()
    held = ~table["metered"].to_numpy(dtype=bool) | (given & must_run) | (unbounded & ~weather)
    weather &= ~held
    curves = compile_curves(case, net.tables["cost_point"])
    _check_units(case, weather | held, c2)
    curved = np.zeros(len(table), dtype=bool)
    if curves is not None:
        curved[curves.unit] = True
    bare = np.isnan(c1) & np.isnan(c2) & ~curved & ~weather & ~held & case.generator_on
    free = tuple(str(name) for name in table.index[bare])
    behind = pd.Index(case.labels.load).get_indexer(pd.Index(table["behind_load"]))
    return Units(c1, c0, c2, curves, must_run, weather, held, np.asarray(behind, dtype=np.int64), free)


def _check_units(case: Case, scheduled: Bools, quadratic: Floats) -> None:
    """Refuse costs and ranges that no programme can hold, naming every unit."""
    base, low, high = case.base_mva, case.generator_p_min, case.generator_p_max
    moves = case.generator_on & ~scheduled
    issues = []
    for bad, column, values, text in (
        (moves & (quadratic < 0), "cost_c2_per_mw2h", quadratic, "a falling slope: the cost is not convex"),
        (
            moves & (quadratic > 0) & np.isinf(high),
            "p_max_mw",
            high,
            "a quadratic cost wants a known maximum",
        ),
        (moves & (low > high), "p_min_mw", low * base, "is above p_max_mw"),
    ):
        for i in np.flatnonzero(bad).tolist():
            value = f"{values[i]:g}"
            issues.append(
                Issue("error", "E-UNIT", "generator", case.labels.generator[i], column, value, text)
            )
    if issues:
        raise InputError(issues, "units")


def _read_stores(net: Network, case: Case, hourly: Profiles, options: DispatchOptions) -> Stores:
    table = net.tables["storage"]
    p_max, charge_max, energy, soc, efficiency = (
        table[name].to_numpy(dtype=float)
        for name in ("p_max_mw", "charge_max_mw", "e_mwh", "soc", "efficiency")
    )
    given = hourly.given.get(("storage", "p_mw"), np.zeros(len(table), dtype=bool))
    mode = options.storage or ("optimize" if len(hourly.hours) > 1 else "hold")
    moves = ~given & (mode == "optimize") & (efficiency != 0)
    unknown = moves & (np.isnan(soc) | np.isnan(efficiency))
    return Stores(
        p_max=p_max,
        charge_max=np.where(np.isnan(charge_max), p_max, charge_max),
        energy=energy,
        efficiency=np.where(np.isnan(efficiency), ASSUMED_EFFICIENCY, efficiency),
        start=energy * np.where(np.isnan(soc), ASSUMED_SOC, soc),
        moves=moves,
        assumed=tuple(str(name) for name in table.index[unknown]),
    )


def _read_links(net: Network, hourly: Profiles, options: DispatchOptions) -> tuple[Floats, Floats]:
    table = net.tables["hvdc"]
    low, high = (table[name].to_numpy(dtype=float) for name in ("p_min_mw", "p_max_mw"))
    given: Mapping[tuple[str, str], Bools] = hourly.given
    kept = given.get(("hvdc", "p_mw"), np.zeros(len(table), dtype=bool)) | (options.hvdc == "hold")
    kept = kept | np.isnan(low) | np.isnan(high)
    bad = np.flatnonzero(~kept & (low > high)).tolist()
    if bad:
        raise InputError(
            [
                Issue(
                    "error",
                    "E-LINK",
                    "hvdc",
                    str(table.index[i]),
                    "p_min_mw",
                    f"{low[i]:g}",
                    "is above p_max_mw",
                )
                for i in bad
            ],
            "links",
        )
    return np.where(kept, np.nan, low), np.where(kept, np.nan, high)
