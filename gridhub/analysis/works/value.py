"""What works are worth: what a dispatch saves with them, against what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.dispatch import Dispatch, run_dispatch
from gridhub.analysis.dispatch.options import FlexibleLoad
from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.contracts import (
    CONTRACT_RATE,
    ON_CALL,
    find_most,
    split_loads,
    split_profiles,
)
from gridhub.analysis.works.economics import LIFE_YEARS, UPKEEP_SHARE, find_annuity, measure_worth, name_rate
from gridhub.analysis.works.reinforcement import ReinforcementPlan
from gridhub.analysis.works.selection import apply_works
from gridhub.case.compile import compile_case
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network

HOURS_A_YEAR = 8760.0

CALLED_MW = 1e-6
"""Load on call that is shed in an hour, from which the hour counts as called [MW]."""

RATES = (0.045, 0.04)
"""Real discount rates: Korean pre-feasibility studies 4.5 % (general knowledge), ENTSO-E guideline 4 %."""

ENDS = ("low", "base", "high")

UNSERVED = "unserved_energy"
"""Item of the costs that says what energy not served is worth."""

NOT_ASSESSED = (
    "growth of demand and prices over the life of the works: every year is like the one dispatched",
    "capacity value, carbon, and the value of a firmer supply beside energy not served",
    "commitment of units, if not relaxed by the options",
    "losses beyond those of the flows at the median price of the hour, if the dispatch does not hold them",
)


NO_SCHEMES = "what remedial schemes save: the dispatch knows no action after an outage, here they only cost"


@dataclass(frozen=True, eq=False)
class WorksValue:
    """Result of `value_reinforcement`.

    Attributes
    ----------
    network, money_unit, bus : str
        What was valued; unit of all money; bus whose room counts ("" = none).
    verdict : str
    table : DataFrame
        Index (work, method). method "set": all works against none (work "all works"); "toot": all against all
        but this one; "pint": this one alone against none. benefit_congestion, benefit_unserved,
        benefit_losses, benefit (their sum) [money a year]; saved_curtailed_mwh, saved_unserved_mwh,
        saved_losses_mwh [a year]; called_hours, called_mwh (of contracts to shed, more than without) [a
        year]; cost_low, cost_base, cost_high (once), yearly_low, yearly_base, yearly_high (for being ready);
        for each rate, such as 4_5 for 4.5 %: npv_4_5, npv_4_5_worst (high cost), npv_4_5_best (low cost),
        bc_4_5, bc_4_5_worst, bc_4_5_best; freed_mw (room of the bus gained; what a contract may shed counts),
        cost_per_mw (base cost, what is paid yearly capitalised at 4.5 %; NaN where nothing is freed).
    hours : DataFrame
        Every hour of every set of works dispatched: works, hour, hours_a_year, status, cost, shed_mw (not
        served against the wish), called_mw (shed by contract, paid in the cost), curtailed_mw, losses_mw,
        price (median), losses_cost (0 where the dispatch holds its losses itself, option ``losses``
        "iterated": then they are part of benefit_congestion).
    assumptions, not_assessed : tuple of str
    """

    network: str
    money_unit: str
    bus: str
    verdict: str
    table: pd.DataFrame
    hours: pd.DataFrame
    assumptions: tuple[str, ...]
    not_assessed: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Dispatcher:
    """Dispatches a network with sets of works, each set once."""

    net: Network
    works: Sequence[Candidate]
    runs: Mapping[str, Mapping[str, Any]]
    weights: pd.Series
    call_price: float
    known: dict[frozenset[int], pd.DataFrame] = field(default_factory=dict)

    def run(self, chosen: frozenset[int]) -> pd.DataFrame:
        """Dispatch with some works, index hour."""
        if chosen not in self.known:
            works = [self.works[i] for i in sorted(chosen)]
            net = apply_works(self.net, [one for one in works if not one.sheds])
            sheds = [pair for one in works for pair in one.sheds]
            parts = [self._dispatch(net, sheds, given) for given in self.runs.values()]
            table = pd.concat(parts)
            table.insert(0, "hours_a_year", self.weights.reindex(table.index).to_numpy(dtype=float))
            self.known[chosen] = table
        return self.known[chosen]

    def _dispatch(
        self, net: Network, sheds: Sequence[tuple[str, float]], given: Mapping[str, Any]
    ) -> pd.DataFrame:
        """Dispatch with loads on call, which are shed where that saves more than the price of a call."""
        profiles = given.get("profiles")
        options = dict(given["options"])
        if sheds:
            net = split_loads(net, sheds)
            profiles = split_profiles(profiles, sheds) if profiles is not None else None
        called = [f"{name}{ON_CALL}" for name, _ in sheds if f"{name}{ON_CALL}" in net.load.index]
        offers = {
            name: FlexibleLoad(find_most(net, profiles, name), price=self.call_price) for name in called
        }
        if offers:
            options["flexible"] = {**options.get("flexible", {}), **offers}
        found = run_dispatch(net, **{**given, "profiles": profiles, "options": options})
        return _measure_hours(net, found, called)

    def name(self, chosen: frozenset[int]) -> tuple[str, ...]:
        return tuple(self.works[i].name for i in sorted(chosen))


def value_reinforcement(
    plan: ReinforcementPlan,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None = None,
    weights: Mapping[str, float] | pd.Series | None = None,
    security: str | pd.DataFrame | None = None,
    bus: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> WorksValue:
    r"""Weigh what a dispatch saves with the works of a plan against their cost.

    Parameters
    ----------
    plan : ReinforcementPlan
    profiles : mapping, optional
        Hours, as for `gridhub.run_dispatch`; None: the snapshots of the plan, one hour each.
    weights : mapping, optional
        Hour (or snapshot) -> hours of a year it stands for; None: all alike, 8,760 h together (assumed).
    security : None, "n-1" or contingency table
        Outages that every hour survives.
    bus : str, optional
        Whose room is freed; None: where the hub of the plan is connected, if it has one.
    options : mapping, optional
        Of `gridhub.run_dispatch`. ``shed_price`` is the value of energy not served; without it, the item
        ``unserved_energy`` of the network's costs.

    Returns
    -------
    WorksValue

    Raises
    ------
    OptionError
        If there is nothing to value, no price of energy not served, weights do not fit the hours, or
        the money unit of the costs is not one of the network's currency.
    KeyError
        If the bus does not exist.
    InputError
        If the network has no costs of generation, or profiles do not fit.

    Notes
    -----
    The benefit of a year is :math:`\sum_h w_h (C_h^{without} - C_h^{with})` over the cost of production,
    energy not served at its price, and losses :math:`\sum_l r_l f_l^2` at the median price of the hour.
    NPV = B a(r, n) - C (1 + m a(r, n)), a(r, n) = (1 - (1+r)^-n) / r, upkeep m; B/C = B a / (C (1 + m a)).
    TOOT takes one work out of all, PINT puts one in alone: works that stand in for each other have a
    small value by the first, works that need each other by the second.

    References
    ----------
    ENTSO-E, 3rd Guideline for Cost Benefit Analysis of Grid Development Projects (2022).

    Examples
    --------
    >>> import gridhub as gh
    >>> net = gh.load_network("korea-2025-backbone")
    >>> outages = gh.list_contingencies(net).loc[["goryeong--seodaegu:1", "goryeong--seodaegu:2"]]
    >>> plan = gh.plan_reinforcement(net, gh.run_security(net, outages))
    >>> worth = gh.value_reinforcement(plan, options={"commitment": "relaxed"})
    >>> worth.table.index.get_level_values("method").tolist(), worth.money_unit
    (['set', 'toot', 'pint'], 'bn KRW')
    """
    works, net = plan.chosen, plan.network_before
    if not works:
        raise OptionError("the plan has no works to value")
    if plan.costs.currency != net.currency:
        raise OptionError(
            f"costs are in {plan.costs.currency} and the dispatch in {net.currency or 'no currency'}"
        )
    scale = plan.costs.scale
    given = dict(options or {})
    if "shed_price" not in given:
        if UNSERVED not in plan.costs:
            raise OptionError(
                "what energy not served is worth is not known: give options={'shed_price': …} "
                f"[{net.currency}/MWh], or the item unserved_energy in the network's costs"
            )
        given["shed_price"] = plan.costs[UNSERVED].base
    runs, shares = _list_runs(plan, profiles, weights, security, given)
    calls = plan.costs["flexible_load_energy"].base if "flexible_load_energy" in plan.costs else 0.0
    dispatcher = _Dispatcher(net, works, runs, shares, calls)
    place = bus if bus is not None else plan.bus
    rooms: dict[frozenset[int], float] = {}
    every = frozenset(range(len(works)))
    rows, index = [], []
    pairs = [("all works", "set", frozenset[int](), every)]
    for i, one in enumerate(works):
        pairs.append((one.name, "toot", every - {i}, every))
        pairs.append((one.name, "pint", frozenset[int](), frozenset({i})))
    for name, method, without, with_ in pairs:
        saved = _compare(dispatcher.run(without), dispatcher.run(with_), given["shed_price"], scale)
        mine = [works[i] for i in sorted(with_ - without)]
        cost, yearly = (
            {end: float(sum(getattr(one, end) for one in parts if one is not None)) for end in ENDS}
            for parts in ([one.once for one in mine], [one.ready for one in mine])
        )
        row = saved | {f"cost_{end}": value for end, value in cost.items()}
        row |= {f"yearly_{end}": value for end, value in yearly.items()}
        row |= measure_worth(saved["benefit"], cost, RATES, LIFE_YEARS, UPKEEP_SHARE, yearly)
        freed = math.nan
        if place:
            for chosen in (without, with_):
                if chosen not in rooms:
                    rooms[chosen] = _find_room(plan, chosen, place)
            freed = rooms[with_] - rooms[without]
        row["freed_mw"] = freed
        whole = cost["base"] + yearly["base"] * find_annuity(CONTRACT_RATE, LIFE_YEARS)
        row["cost_per_mw"] = whole / freed if freed > 1e-3 else math.nan
        rows.append(row)
        index.append((name, method))
    table = pd.DataFrame(rows, index=pd.MultiIndex.from_tuples(index, names=["work", "method"]))
    parts = []
    for chosen, frame in dispatcher.known.items():
        part = frame.rename_axis("hour").reset_index()
        part["works"] = pd.Series([dispatcher.name(chosen)] * len(part), dtype=object)
        parts.append(part)
    hours = pd.concat(parts, ignore_index=True)
    return WorksValue(
        network=plan.network,
        money_unit=plan.money_unit,
        bus=place,
        verdict=_write_verdict(table, hours, plan.money_unit),
        table=table,
        hours=hours,
        assumptions=_list_assumptions(works, weights is None, given["shed_price"], net.currency, calls),
        not_assessed=(*NOT_ASSESSED, *([NO_SCHEMES] if any(one.schemes for one in works) else [])),
    )


def _list_runs(
    plan: ReinforcementPlan,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None,
    weights: Mapping[str, float] | pd.Series | None,
    security: str | pd.DataFrame | None,
    options: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], pd.Series]:
    """List the dispatches of one set of works, and what each of their hours stands for."""
    common = {"security": security, "options": options}
    first = plan.snapshots[0] or None
    if profiles is not None:
        runs = {"hours": {"profiles": profiles, "snapshot": first, **common}}
        names = list(next(iter(profiles.values())).index)
    else:
        runs = {name: {"snapshot": name or None, **common} for name in plan.snapshots}
        names = [name or "snapshot" for name in plan.snapshots]
    if weights is None:
        return runs, pd.Series(HOURS_A_YEAR / len(names), index=names)
    series = pd.Series(weights, dtype=float)
    missing = [str(name) for name in names if name not in series.index]
    if missing or not (series >= 0).all():
        raise OptionError(f"weights: none, or below 0, for {name_ids(missing) or 'some hours'}")
    return runs, series


def _measure_hours(net: Network, found: Dispatch, called: Sequence[str]) -> pd.DataFrame:
    """Take from a dispatch what the comparison needs, index hour; `called` are the loads on call."""
    status = found.status
    case = compile_case(net, found.snapshot or None)
    flow = found.flow.to_numpy(dtype=float) / net.base_mva
    losses = (np.where(case.branch_on, case.r, 0.0) * flow**2).sum(axis=1) * net.base_mva
    price = np.nanmedian(found.price.to_numpy(dtype=float), axis=1)
    table = status[["status", "cost", "shed_mw", "curtailed_mw"]].copy()
    table["called_mw"] = found.flexible.reindex(columns=list(called), fill_value=0.0).sum(axis=1)
    inside = found.options.losses == "iterated"
    lost = status["losses_mw"].to_numpy(dtype=float) if inside else losses
    # where the dispatch holds its losses, its cost pays for them already
    return table.assign(losses_mw=lost, price=price, losses_cost=0.0 if inside else losses * price)


def _compare(without: pd.DataFrame, with_: pd.DataFrame, shed_price: float, scale: float) -> dict[str, float]:
    """Sum up what is saved in a year; NaN where an hour has no dispatch."""
    weight = without["hours_a_year"].to_numpy(dtype=float)
    solved = [(table["status"] == "OPTIMAL").all() for table in (without, with_)]
    if not all(solved):
        weight = weight * math.nan

    def save(name: str) -> float:
        change = without[name].to_numpy(dtype=float) - with_[name].to_numpy(dtype=float)
        return float(weight @ change)

    unserved = save("shed_mw") * shed_price
    row = {
        "benefit_congestion": (save("cost") - unserved) / scale,
        "benefit_unserved": unserved / scale,
        "benefit_losses": save("losses_cost") / scale,
    }
    row["benefit"] = sum(row.values())
    row["saved_curtailed_mwh"] = save("curtailed_mw")
    row["saved_unserved_mwh"] = save("shed_mw")
    row["saved_losses_mwh"] = save("losses_mw")
    row["called_mwh"] = -save("called_mw")
    called = [
        (table["called_mw"].to_numpy(dtype=float) > CALLED_MW).astype(float) for table in (with_, without)
    ]
    row["called_hours"] = float(weight @ (called[0] - called[1]))
    return row


def _find_room(plan: ReinforcementPlan, chosen: frozenset[int], bus: str) -> float:
    """Find the room of a bus in the network without the hub [MW]."""
    net = apply_works(plan.network_given, [plan.chosen[i] for i in sorted(chosen)])
    states = [name for name in plan.snapshots if name] or None
    found = hosting_capacity(net, [bus], plan.options.criteria_of_hub, states)
    shed = sum(plan.chosen[i].direct_mw for i in chosen if plan.chosen[i].sheds and bus == plan.bus)
    return float(found.table["firm_mw"].iloc[0]) + shed


def _write_verdict(table: pd.DataFrame, hours: pd.DataFrame, unit: str) -> str:
    row = table.iloc[0]
    unsolved = int((hours["status"] != "OPTIMAL").sum())
    if unsolved:
        return f"{unsolved} of {len(hours)} hours have no dispatch: allow what gives way by the options."
    parts = []
    for rate in RATES:
        name = name_rate(rate)
        parts.append(f"B/C {row[f'bc_{name}']:.2f}, NPV {row[f'npv_{name}']:,.1f} at {100 * rate:g} %")
    ready = f" and {row['yearly_base']:,.1f} a year for being ready" if row["yearly_base"] > 0 else ""
    return (
        f"All works save {row['benefit']:,.1f} {unit} a year and cost {row['cost_base']:,.1f} {unit}"
        f"{ready}: "
        f"{' and '.join(parts)}."
    )


def _list_assumptions(
    works: Sequence[Candidate], equal: bool, shed_price: float, currency: str, call_price: float
) -> tuple[str, ...]:
    said = [f"{LIFE_YEARS} years of equal benefits, upkeep {UPKEEP_SHARE:.1%} of the cost a year"]
    said.append(f"energy not served is worth {shed_price:,.0f} {currency}/MWh")
    if any(one.sheds for one in works):
        said.append(
            f"a contract sheds wherever that saves more than {call_price:,.0f} {currency}/MWh: how long a "
            "call may last is not held"
        )
    if equal:
        said.append("every hour dispatched stands for the same part of the year")
    return tuple(said)
