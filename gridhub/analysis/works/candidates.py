"""Candidate works: made from what is violated and what binds, costed as ranges."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.actions.remedial_schemes import RemedialScheme
from gridhub.analysis.works.contracts import CONTRACT_RATE, cost_contract
from gridhub.analysis.works.economics import LIFE_YEARS, find_annuity
from gridhub.analysis.works.works import (
    add_bank,
    add_circuit,
    add_shunt,
    add_statcom,
    add_storage,
    change_conductor,
    find_conductors,
    find_route,
    shed_load,
)
from gridhub.costs import Cost, Costs
from gridhub.model.network import Network

GRID_KINDS = ("second_circuit", "larger_conductor", "bank", "capacitor", "statcom")
"""Kinds of works in the grid that are offered where nothing else is asked for."""

KINDS = (*GRID_KINDS, "series_capacitor", "hvdc", "storage", "flexible_load", "remedial_scheme")
"""Kinds of candidates."""

DELAYS = {
    "second_circuit": "line",
    "larger_conductor": "line",
    "series_capacitor": "compensation",
    "hvdc": "hvdc",
    "bank": "station",
    "capacitor": "compensation",
    "statcom": "compensation",
    "storage": "storage",
}
"""Kind of a work -> kind of delay in the costs of a region; the others have no record."""

ROUTES = 3
"""Routes that candidates are made for: those behind most violations and the ones that bind the headroom."""

STATCOM_MVAR = 400.0
"""Size of a STATCOM candidate [Mvar]: the unit built at Sinyeongju and Sinchungju."""

CAPACITOR_MVAR = 200.0
"""Size of a capacitor candidate [Mvar]: assumed."""

STORAGE_SHARE, STORAGE_HOURS = 0.25, 6.0
"""Storage candidate: share of the contract power (assumed) and hours (as in the Korean tenders)."""

LARGER = 1.5
"""Rating over the old one from which a conductor counts as larger: assumed."""

FLEXIBLE_SHARE = 0.25
"""Share of the contract power shed on request where the hub offers none of its own: as shown for 3 hours."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One reinforcement.

    Attributes
    ----------
    name, kind, target, description : str
        What it is: name, one of `KINDS`, route, bank or bus, and in words.
    cost : Cost
        In the money unit of the costs; what is paid every year is in it, capitalised at `CONTRACT_RATE` over
        `LIFE_YEARS`.
    apply : callable
        Network -> new Network with it; a network without the target comes back unchanged, and so does any
        for a scheme.
    direct_mw : float
        Power it takes off the hub's own draw [MW]; 0 for grid works, whose gain is found by headroom.
    note : str
        What was assumed.
    length_km : float
        Of the route; NaN for what is none.
    schemes : tuple of RemedialScheme
        What is armed with it: a scheme changes the state after an outage, not the network.
    ready, calls : Cost or None
        Of a contract, a year: for being ready, and for the calls expected (None: hours not known).
    sheds : tuple of (str, float)
        Loads that a contract may shed on request, and the share of each.
    """

    name: str
    kind: str
    target: str
    description: str
    cost: Cost
    apply: Callable[[Network], Network]
    direct_mw: float = 0.0
    note: str = ""
    length_km: float = math.nan
    schemes: tuple[RemedialScheme, ...] = ()
    ready: Cost | None = None
    calls: Cost | None = None
    sheds: tuple[tuple[str, float], ...] = ()

    @property
    def once(self) -> Cost:
        """The part of the cost that is paid once."""
        found = self.cost
        for part in (self.ready, self.calls):
            if part is not None:
                found = found + part * -find_annuity(CONTRACT_RATE, LIFE_YEARS)
        return found


def rank_routes(net: Network, violations: pd.DataFrame, binding: Sequence[str]) -> list[str]:
    """Rank what is overloaded: what binds the headroom first, then by the sum of the overloads.

    Parameters
    ----------
    net : Network
    violations : DataFrame
        Those the hub caused or worsened.
    binding : sequence of str
        Elements that bind the headroom.

    Returns
    -------
    list of str
        Routes, or ids of lines without a route and of transformers; those of the hub's own connection last.
    """
    thermal = violations[violations["kind"] == "thermal"]
    over = (thermal["loading_percent"].astype(float) - 100.0).groupby(thermal["element"]).sum()
    elements = [name for name in binding if name in net.branches().index]
    elements += list(over.sort_values(ascending=False, kind="stable").index)
    route = net.line["route"]
    names = [route[name] if name in route.index and route[name] else name for name in elements]
    return sorted(dict.fromkeys(str(name) for name in names), key=lambda name: name.startswith("hub:"))


def list_candidates(
    net: Network,
    costs: Costs,
    violations: pd.DataFrame,
    binding: Sequence[str],
    bus: str,
    loads: Sequence[str],
    contract_mw: float,
    flexible_share: float = 0.0,
    routes: int = ROUTES,
) -> tuple[Candidate, ...]:
    """Make candidates from what is violated and what binds.

    Parameters
    ----------
    net : Network
        With the hub.
    costs : Costs
        Unit costs of the region.
    violations : DataFrame
        Violations that the hub caused or worsened.
    binding : sequence of str
        Elements that bind the headroom.
    bus : str
        Bus of the hub.
    loads : sequence of str
        Load rows of the hub.
    contract_mw : float
        Contract power [MW].
    flexible_share : float
        Share of it that the hub offers to shed; 0: `FLEXIBLE_SHARE` is tried.
    routes : int
        How many routes candidates are made for.

    Returns
    -------
    tuple of Candidate
        Lines and banks of the worst routes, capacitor and STATCOM at the hub where a voltage is low, storage
        and flexible load at the hub. What the region has no cost for is left out.
    """
    found = list_route_candidates(net, costs, rank_routes(net, violations, binding)[:routes])
    low = violations[violations["kind"].isin(("voltage_low", "no_solution"))]
    if len(low):
        found += list_voltage_candidates(costs, bus)
    return (*found, *list_hub_candidates(costs, bus, loads, contract_mw, flexible_share))


def list_route_candidates(net: Network, costs: Costs, routes: Sequence[str]) -> list[Candidate]:
    """Make a circuit, a larger conductor or a bank for each route or transformer that has a cost."""
    found: list[Candidate] = []
    for name in routes:
        if len(find_route(net, name)):
            found += _list_line_candidates(net, costs, name)
        elif name in net.transformer.index:
            found += _list_bank_candidate(net, costs, name)
    return found


def cost_route(costs: Costs, vn_kv: float, construction: str, km: float, circuits: int) -> Cost | None:
    """Cost of a new overhead or cable route of up to two circuits on its own, with a bay at each end.

    Returns
    -------
    Cost or None
        With the contingency of the region; None if the region has no cost for the voltage.
    """
    price = find_line_price(costs, vn_kv, construction)
    if price is None:
        return None
    return (price.route * km * ((circuits + 1) // 2) + price.bay * (2 * circuits)) * find_contingency(costs)


def cost_link(costs: Costs, p_mw: float, km: float) -> Cost | None:
    """Cost of an HVDC link over land: converters at both ends and an overhead route.

    Returns
    -------
    Cost or None
        With the contingency of the region; None if the region has no cost for one of them.
    """
    if "hvdc_converter_pair" not in costs or "hvdc_line_overhead" not in costs or not km > 0:
        return None
    both = costs["hvdc_converter_pair"] * p_mw + costs["hvdc_line_overhead"] * km
    return both * find_contingency(costs)


def find_contingency(costs: Costs) -> Cost:
    """Give the region's contingency factor on works; 1 if it has none."""
    return costs["contingency"] if "contingency" in costs else Cost(1.0, 1.0, 1.0, "factor", "", "none", "")


class LinePrice(NamedTuple):
    """What a region says lines of a voltage and a construction cost.

    Attributes
    ----------
    route, bay : Cost
        Of a km of a new double-circuit route; of a bay.
    circuit_share : Cost
        Part of a new route that one more circuit costs.
    note : str
        Where the price is that of another construction.
    """

    route: Cost
    bay: Cost
    circuit_share: Cost
    note: str


def find_line_price(costs: Costs, vn_kv: float, construction: str) -> LinePrice | None:
    """Find what lines of a voltage cost, by their construction ("overhead", "cable", "" = not known).

    Returns
    -------
    LinePrice or None
        None where the region has no cost of an overhead line, or of a bay, of the voltage.
    """
    for item in costs.items:
        found = re.fullmatch(r"line_([0-9.]+)_overhead", item)
        if found is None or not np.isclose(vn_kv, float(found[1]), rtol=0.02):
            continue
        if f"bay_{found[1]}" not in costs:
            continue
        bay, share = costs[f"bay_{found[1]}"], costs["second_circuit_share"]
        if construction != "cable":
            note = "" if construction else "overhead or cable is not known: priced as an overhead line"
            return LinePrice(costs[item], bay, share, note)
        if "second_cable_share" in costs:
            share = costs["second_cable_share"]
        cable = f"line_{found[1]}_cable"
        if cable in costs:
            return LinePrice(costs[cable], bay, share, "")
        return LinePrice(costs[item], bay, share, "a cable without a price of its own: as an overhead line")
    return None


def _say_construction(line: pd.Series[Any], price: LinePrice) -> str:
    """Say what the price of a line rests on, where its construction is not from a source."""
    if price.note:
        return f"; {price.note}"
    sure = not line["assumed"] and line["confidence"] not in ("assumed", "synthetic")
    return "" if sure else f"; that it is {_NOUNS[str(line['construction'])]} is assumed"


_NOUNS = {"overhead": "an overhead line", "cable": "a cable"}


def _list_line_candidates(net: Network, costs: Costs, route: str) -> list[Candidate]:
    rows = find_route(net, route)
    first = rows.iloc[0]
    km = float(first["length_km"])
    vn_kv = float(net.bus["vn_kv"].reindex([first["from_bus"]]).iloc[0])
    price = find_line_price(costs, vn_kv, str(first["construction"]))
    if price is None or not km > 0:
        return []
    factor = find_contingency(costs)
    whole, share = price.route * km, price.circuit_share
    added = (whole * share + price.bay * 2) * factor
    text = f"one more circuit {first['conductor']}, {km:.0f} km ({len(rows)} there)"
    place = "in a trench" if first["construction"] == "cable" else "on towers"
    basis = _say_construction(first, price)
    found = [
        Candidate(
            f"second circuit {route}",
            "second_circuit",
            route,
            text,
            _take_lead(added, share),
            lambda one, route=route: add_circuit(one, route),  # type: ignore[misc]
            note=f"{place} of its own in the model; priced as a share of a new route{basis}",
            length_km=km,
        )
    ]
    kind = find_larger_conductor(net, first, vn_kv)
    if kind is not None:
        share = costs["larger_conductor_share"]
        rebuilt = whole * share * ((len(rows) + 1) // 2) * factor
        found.append(
            Candidate(
                f"larger conductor {route}",
                "larger_conductor",
                route,
                f"{first['conductor']} to {kind['conductor']}, {km:.0f} km, {len(rows)} circuits",
                _take_lead(rebuilt, share),
                lambda one, route=route, kind=kind: change_conductor(one, route, kind),  # type: ignore[misc]
                note=f"the line is out while it is rebuilt: not assessed{basis}",
                length_km=km,
            )
        )
    return found


def find_larger_conductor(net: Network, line: pd.Series[Any], vn_kv: float) -> dict[str, Any] | None:
    """Find the smallest conductor in use at a voltage that carries half as much again as a line's.

    Returns
    -------
    dict or None
        As of `gridhub.analysis.works.works.find_conductors`; None where there is none, and for cables.
    """
    if line["construction"] != "overhead":
        return None
    least = LARGER * float(line["rate_mva"])
    return next((one for one in find_conductors(net, vn_kv).values() if one["rate_mva"] > least), None)


def _take_lead(cost: Cost, like: Cost) -> Cost:
    """Give a cost the lead time and source of the item that shaped it."""
    source = f"{cost.source}; share: {like.source}"
    values = (cost.low, cost.base, cost.high, "", cost.price_year, source, "assumed")
    return Cost(*values, like.lead_years, like.lead_source)


def _list_bank_candidate(net: Network, costs: Costs, name: str) -> list[Candidate]:
    row = net.transformer.loc[name]
    vn = net.bus["vn_kv"].reindex([row["from_bus"], row["to_bus"]]).to_numpy(dtype=float)
    item = f"bank_{max(vn):g}_{min(vn):g}"
    if item not in costs:
        return []
    cost = costs[item] * find_contingency(costs)
    text = f"one more bank {max(vn):g}/{min(vn):g} kV of {row['rate_mva']:g} MVA"
    return [Candidate(f"bank {name}", "bank", name, text, cost, lambda one: add_bank(one, name))]


def list_voltage_candidates(costs: Costs, bus: str) -> list[Candidate]:
    """Make a capacitor and a STATCOM at a bus, as far as the region has a cost for them."""
    found = []
    for kind, item, size, apply in (
        ("capacitor", "shunt_capacitor", CAPACITOR_MVAR, add_shunt),
        ("statcom", "statcom", STATCOM_MVAR, add_statcom),
    ):
        if item in costs:
            found.append(
                Candidate(
                    f"{kind} {bus}",
                    kind,
                    bus,
                    f"{size:g} Mvar at {bus}",
                    costs[item] * size,
                    lambda one, apply=apply, size=size: apply(one, bus, size),  # type: ignore[misc]
                    note=""
                    if kind == "statcom"
                    else "in service in every snapshot: no switching is modelled",
                )
            )
    return found


def list_hub_candidates(
    costs: Costs,
    bus: str,
    loads: Sequence[str],
    contract_mw: float,
    flexible_share: float,
    hours: float = math.nan,
) -> list[Candidate]:
    """Make storage at the hub, and a contract to shed a share of its load, called `hours` a year."""
    found = []
    if "storage" in costs:
        p_mw = STORAGE_SHARE * contract_mw
        found.append(
            Candidate(
                f"storage {bus}",
                "storage",
                bus,
                f"{p_mw:g} MW / {p_mw * STORAGE_HOURS:g} MWh at the hub, discharging in the worst hours",
                costs["storage"] * (p_mw * STORAGE_HOURS),
                lambda one: add_storage(one, bus, p_mw, STORAGE_HOURS),
                p_mw,
                "full discharge in every snapshot; charging and duration of the need are not assessed",
            )
        )
    if "flexible_load" in costs:
        share = flexible_share or FLEXIBLE_SHARE
        offered = "offered by the hub" if flexible_share else "assumed: shown for 3 hours elsewhere"
        contract = cost_contract(costs, share * contract_mw, hours)
        found.append(
            Candidate(
                f"flexible load {share:.0%}",
                "flexible_load",
                bus,
                f"contract to shed {share * contract_mw:g} MW, {share:.0%} of the contract power, on request "
                f"({offered})",
                contract.cost,
                lambda one: shed_load(one, loads, share),
                share * contract_mw,
                "; ".join(filter(None, ("modelled as shed before the outage", contract.note))),
                ready=contract.ready,
                calls=contract.calls,
                sheds=tuple((str(name), share) for name in loads),
            )
        )
    return found
