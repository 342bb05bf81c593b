"""On-site generation: units that burn fuel on the data center's own bus."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from gridhub.connection_rules import ConnectionRules
from gridhub.model.network import Network
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.connect import SOURCE
from gridhub.placement.hub import Hub, OnSiteGenerator
from gridhub.placement.placed import (
    PLANT_Q_PER_P,
    PLANT_REACTIVE,
    Placed,
    find_share,
    list_values,
    stand_beside,
    sum_plants,
)


def place_on_site(net: Network, rules: ConnectionRules | None, hub: Hub, center: Placed) -> list[Placed]:
    """Put on-site generation on the hub's own bus; with the plants behind the meter it never exports."""
    behind = sum_plants(net, rules, hub) if hub.behind_the_meter else {}
    left = {name: max(0.0, center.request.p_mw - behind.get(name, 0.0)) for name in net.snapshots or ("",)}
    placed = []
    for part in hub.generators:
        power, why = {}, ""
        for name in left:
            share, why = find_share(net, rules, part, name)
            asked = 0.0 if part.standby else min(part.p_mw * share, left[name])
            # below its minimum it cannot run without giving more than is drawn
            power[name] = asked if asked >= part.p_min_mw else 0.0
            left[name] -= power[name]
        placed.append(_build_on_site(net, hub, part, center, power, why))
    return placed


def _build_on_site(
    net: Network, hub: Hub, part: OnSiteGenerator, center: Placed, power: Mapping[str, float], why: str
) -> Placed:
    """Make the rows of one on-site unit, and say all that is assumed about it."""
    request = replace(center.request, id=part.name, name=part.name, kind=part.kind, p_mw=part.p_mw)
    request = replace(request, class_mw=part.p_mw)
    cost, basis = _find_cost(net, part)
    first = next(iter(power.values()))
    id_ = f"{HUB_PREFIX}{part.name}"
    row = {
        "id": id_,
        "bus": center.connection.bus,
        "name": part.name,
        "p_mw": first,
        "p_min_mw": part.p_min_mw,
        "p_max_mw": part.p_mw,
        "q_min_mvar": -PLANT_Q_PER_P * first,
        "q_max_mvar": PLANT_Q_PER_P * first,
        "vm_pu": 1.0,
        "participation": 0.0,
        "fuel": part.fuel,
        "cost_c1_per_mwh": cost,
        "behind_load": f"{HUB_PREFIX}{center.request.id}",
        "in_service": not part.standby,
        "source": SOURCE,
        "confidence": "assumed",
    }
    notes = [f"{part.kind.replace('_', ' ')} on {part.fuel}, {basis}"]
    if part.standby:
        notes.append("standby: out of service, so no power flow, dispatch, outage or voltage dip counts it")
    else:
        notes.append(f"{why}; it exports nothing")
    if part.kind == "fuel_cell":
        notes.append("counts as a machine in fault levels, though it feeds through converters")
    notes.append("contract power and connection stay those of the load, which the grid carries without it")
    if center.request.p_mw < hub.data_center.contract_mw:
        notes.append(f"at the first of two points of connection, which draws {center.request.p_mw:g} MW")
    connection = stand_beside(center.connection, "behind the meter of the hub")
    values = list_values("generator", id_, power, {"p_mw": 1.0, **PLANT_REACTIVE})
    return Placed(part, request, connection, {"generator": [row]}, values, tuple(notes))


def _find_cost(net: Network, part: OnSiteGenerator) -> tuple[float, str]:
    """Find the marginal cost of an on-site unit [currency/MWh], and where it comes from."""
    money = f"{net.currency or 'currency'}/MWh"
    if part.cost_per_mwh is not None:
        return part.cost_per_mwh, f"marginal cost {part.cost_per_mwh:,.0f} {money} as given"
    unit = net.generator
    own = unit["behind_load"] == ""
    like = unit[own & unit["in_service"] & (unit["fuel"] == part.fuel) & (unit["p_max_mw"] > 0)]
    c0, c2 = (like[name].fillna(0.0) for name in ("cost_c0_per_h", "cost_c2_per_mw2h"))
    # one linear cost has to hold what such units pay to run at all
    known = (like["cost_c1_per_mwh"] + c0 / like["p_max_mw"] + c2 * like["p_max_mw"]).dropna()
    if known.empty:
        text = f"no cost given, and no unit of the network that burns {part.fuel} has one: free in a dispatch"
        return math.nan, text
    cost = float(known.median())
    many = f"the median of {len(known)} such units at full output (assumed)"
    return cost, f"marginal cost {cost:,.0f} {money}, {many}"
