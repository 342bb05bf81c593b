"""What a site is judged by: the list of criteria, and where each is found.

Room: `gridhub.analysis.hosting`. Spur, time, feeds: `connection`. Works: `reinforcement`. Loss of the hub:
`impact`. Losses, market: `grid`. Latency: `latency`. Carbon, climate: `local`. A criterion is a row of
`CRITERIA`, and a column of `build_criteria` from the module that finds it; weights and ranks are in `scores`
and `siting`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.hosting.options import read_hosting_options
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.siting.connection import connect_sites, count_feeds
from gridhub.analysis.siting.grid import (
    CONGESTION_METHOD,
    CURTAILMENT_METHOD,
    LOSS_METHOD,
    PROBE_MW,
    find_losses,
    find_market_effects,
)
from gridhub.analysis.siting.impact import HUB_LOSS_METHOD, LOSS_GAPS, SiteImpact, find_impact
from gridhub.analysis.siting.latency import METHOD as LATENCY_METHOD
from gridhub.analysis.siting.latency import compute_latency
from gridhub.analysis.siting.local import CARBON_METHOD, PUE_METHOD, compute_local
from gridhub.analysis.siting.options import SitingOptions
from gridhub.analysis.siting.reinforcement import METHOD as REINFORCEMENT_METHOD
from gridhub.analysis.siting.reinforcement import estimate_reinforcement
from gridhub.analysis.siting.scores import Criterion
from gridhub.costs import read_costs
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter

MONEY, MONEY_PER_MW, CURRENCY = "money", "money/MW", "currency/MWh"
"""Units of criteria in money: those of the region's costs, and of the network, stand in their place."""

NEAR_EFFECT = 0.05
"""Effect from which a branch counts in headroom_near_mw, a convention of transfer studies: assumed."""

ROOM_SPREAD, COST_SPREAD, WORKS_SPREAD = 0.15, 0.3, 0.5
"""Uncertainty of headroom (assumed), of spur cost (about a third between low and base) and of the works, an
estimate whose costs lie between half and four times base: assumed."""

LEFT_OUT = {
    "land, water, seismic": "no data come with the region: give columns as layers",
}
"""Criteria of the method that are not here, and why."""

GRID_SPREAD, LOCAL_SPREAD = 0.3, 0.02
"""Uncertainty of losses, of the rise by the loss of the hub and of effects on dispatch, and of weather and
PUE: assumed."""

CRITERIA = (
    Criterion(
        "headroom_mw",
        "MW",
        "high",
        "room",
        "firm_mw of hosting_capacity at the point of connection: every branch counts",
        ROOM_SPREAD,
    ),
    Criterion(
        "headroom_near_mw",
        "MW",
        "high",
        "room",
        f"the same by DC over branches that the load moves by at least {NEAR_EFFECT:.0%} of itself",
        ROOM_SPREAD,
    ),
    Criterion(
        "headroom_flexible_mw",
        "MW",
        "high",
        "room",
        "flexible_1_mw of hosting_capacity: with 1% of the energy curtailable, in the hours of its profiles",
        ROOM_SPREAD,
    ),
    Criterion("distance_km", "km", "low", "spur", "straight line to the point of connection by the rules"),
    Criterion("spur_cost", MONEY, "low", "spur", "feeders and own banks at base cost", COST_SPREAD),
    Criterion("reinforcement_per_mw", MONEY_PER_MW, "low", "works", REINFORCEMENT_METHOD, WORKS_SPREAD),
    Criterion(
        "permission_years",
        "year",
        "low",
        "time",
        "from the month of the rules to their earliest energisation",
    ),
    Criterion(
        "build_years", "year", "low", "time", "from the month of the rules until a new line is usually built"
    ),
    Criterion(
        "feeds",
        "1",
        "high",
        "resilience",
        "stations that branches in service of its voltage or above join the point of connection with",
    ),
    Criterion("hub_loss_rise_percent", "%", "low", "resilience", HUB_LOSS_METHOD, GRID_SPREAD),
    Criterion("latency_ms", "ms", "low", "latency", LATENCY_METHOD),
    Criterion("loss_percent", "%", "low", "losses", LOSS_METHOD, GRID_SPREAD),
    Criterion("congestion_per_mwh", CURRENCY, "low", "market", CONGESTION_METHOD, GRID_SPREAD),
    Criterion("curtailment_relieved_percent", "%", "high", "market", CURTAILMENT_METHOD, GRID_SPREAD),
    Criterion("carbon_free_percent", "%", "high", "carbon", CARBON_METHOD, LOCAL_SPREAD),
    Criterion("pue", "1", "low", "climate", PUE_METHOD, LOCAL_SPREAD),
)
"""Criteria that come with gridhub."""


def list_criteria(net: Network) -> list[Criterion]:
    """List `CRITERIA` with the money that the network and its costs are in."""
    text = net.documents.get("costs")
    money = read_costs(text).money_unit if text else ""
    units = {
        MONEY: money,
        MONEY_PER_MW: f"{money}/MW",
        CURRENCY: f"{net.currency or 'currency'}/MWh",
    }
    return [replace(one, unit=units.get(one.unit, one.unit)) for one in CRITERIA]


def build_criteria(
    net: Network, sites: pd.DataFrame, center: DataCenter, options: SitingOptions
) -> tuple[pd.DataFrame, dict[str, str], SiteImpact]:
    """Find every criterion of `CRITERIA` at every site, where it is connected, and what it does to the grid.

    Returns
    -------
    table : DataFrame
        Index site; the columns of `connect_sites`, one per criterion (NaN where it is not asked for or not
        known), works and reinforcement_mw (behind reinforcement_per_mw), hub_loss_mw, hub_loss_state,
        hub_loss_worst_percent, hub_loss_caused (see `SiteImpact.sum_losses`), binding (what sets the
        headroom), not_assessed.
    reasons : dict
        Criterion -> why no site has it, where a state of the grid is to blame.
    impact : SiteImpact
    """
    reasons: dict[str, str] = {}
    table = connect_sites(net, sites, center)
    known = table["bus"] != ""
    buses = list(dict.fromkeys(table.loc[known, "bus"]))
    for criterion in CRITERIA:
        if criterion.name not in table:
            table[criterion.name] = math.nan
    table["works"], table["binding"] = "", ""
    table["not_assessed"] = "everything: no connection is possible"
    table["reinforcement_mw"] = math.nan
    power = {"power_factor": center.power_factor} | dict(options.hosting)
    settled = read_hosting_options(power, reactive_limits=net.reactive_limits)
    judged = resolve_criteria(net, "network")
    points = {str(site): mine for site, mine in table.loc[known, "points"].items()}
    if buses and "costs" in net.documents:
        costs = read_costs(net.documents["costs"])
        works = estimate_reinforcement(net, points, costs, judged, settled)
        table.loc[known, list(works.columns)] = works.to_numpy()
    if buses:
        at = table.loc[known, "bus"]
        for name, values in _look_at_buses(net, buses, center, power, options, reasons).items():
            table.loc[known, name] = at.map(values)
        table.loc[known, "feeds"] = count_feeds(net, list(at))
    impact = find_impact(net, points, judged, settled.power_factor, options.impact, settled.power_flow)
    _add_losses(table, known, impact, reasons)
    placed = sites["lat"].notna() & sites["lon"].notna()
    if options.landing_points is not None:
        latency = compute_latency(sites[placed], options.landing_points)
        table.loc[placed, "latency_ms"] = latency.mean(axis=1)
    if "profiles" in net.documents and placed.any():
        ratios = (options.solar_ratio, options.wind_ratio)
        local = compute_local(net, sites[placed], center, *ratios, options.weather_year, options.seed)
        for name in local.columns:
            table.loc[placed, name] = local[name]
    return table, reasons, impact


def _add_losses(
    table: pd.DataFrame, known: pd.Series[bool], impact: SiteImpact, reasons: dict[str, str]
) -> None:
    """Add what the loss of the hub does at each site; `reasons` is told of a state that stands in the way."""
    if impact.reasons:
        reasons["hub_loss_rise_percent"] = f"no AC solution without the hub: {'; '.join(impact.reasons)}"
    if impact.hub_losses.empty:
        return
    losses, rise = impact.sum_losses(), impact.find_rise()
    for name in losses.columns.drop("unsolved"):
        table[name] = losses[name].reindex(table.index.astype(str)).to_numpy()
    table["hub_loss_rise_percent"] = rise.reindex(table.index.astype(str)).to_numpy(dtype=float)
    table.loc[known, "not_assessed"] += f"; {LOSS_GAPS}"
    unsolved = losses["unsolved"].dropna()
    if rise.notna().any():
        for site in table.index[table.index.astype(str).isin(unsolved.index)]:
            text = f"no AC solution with the hub as asked: {unsolved[str(site)] or 'stored state'}"
            table.loc[site, "note"] = "; ".join(filter(None, (str(table.loc[site, "note"]), text)))


def _look_at_buses(
    net: Network,
    buses: list[str],
    center: DataCenter,
    power: Mapping[str, Any],
    options: SitingOptions,
    reasons: dict[str, str],
) -> dict[str, pd.Series[Any]]:
    """Find what points of connection are judged by; `reasons` is told of a state that stands in the way."""
    every = hosting_capacity(net, buses, method=options.method, options=power).table
    near = hosting_capacity(net, buses, options={**power, "effect": NEAR_EFFECT}).table
    probe = min(PROBE_MW, center.contract_mw)
    found = {
        "headroom_mw": every["firm_mw"],
        "headroom_near_mw": near["firm_mw"],
        "headroom_flexible_mw": every["flexible_1_mw"],
        "binding": every["binding_element"],
        "not_assessed": every["not_assessed"],
    }
    try:
        found["loss_percent"] = find_losses(net, buses, probe, center.power_factor)
    except NotConverged as error:
        reasons["loss_percent"] = str(error)
    try:
        effects = find_market_effects(net, buses, probe, options.dispatch) if options.market else None
    except NotConverged as error:
        effects = None
        reasons |= dict.fromkeys(("congestion_per_mwh", "curtailment_relieved_percent"), str(error))
    return found | ({} if effects is None else {str(name): effects[name] for name in effects.columns})
