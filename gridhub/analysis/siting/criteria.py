"""What a site is judged by: room, connection, dates, feeds, latency, the grid, sun and wind, climate."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.hub.tables import build_connection_costs
from gridhub.analysis.siting.grid import (
    CONGESTION_METHOD,
    CURTAILMENT_METHOD,
    LOSS_METHOD,
    PROBE_MW,
    find_losses,
    find_market_effects,
)
from gridhub.analysis.siting.latency import METHOD as LATENCY_METHOD
from gridhub.analysis.siting.latency import compute_latency
from gridhub.analysis.siting.local import CARBON_METHOD, PUE_METHOD, compute_local
from gridhub.analysis.siting.options import SitingOptions
from gridhub.analysis.siting.scores import Criterion
from gridhub.connection_rules import read_connection_rules
from gridhub.costs import Costs, read_costs
from gridhub.errors import NotConverged, PlacementError
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter
from gridhub.placement.place import place

MONEY, CURRENCY = "money", "currency/MWh"
"""Units of criteria in money: those of the region's costs, and of the network, stand in their place."""

NEAR_EFFECT = 0.05
"""Effect from which a branch counts in headroom_near_mw, a convention of transfer studies: assumed."""

ROOM_SPREAD, COST_SPREAD = 0.15, 0.3
"""Uncertainty of headroom (assumed) and of spur cost (about a third between low and base): assumed."""

LEFT_OUT = {
    "reinforcement cost per MW": "needs a plan of works per site: run plan_reinforcement at the best sites",
    "land, water, seismic": "no data come with the region: give columns as layers",
}
"""Criteria of the method that are not here, and why."""

GRID_SPREAD, LOCAL_SPREAD = 0.3, 0.02
"""Uncertainty of losses and of effects on dispatch, and of weather and PUE: assumed."""

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
    Criterion("distance_km", "km", "low", "spur", "straight line to the point of connection by the rules"),
    Criterion("spur_cost", MONEY, "low", "spur", "feeders and own banks at base cost", COST_SPREAD),
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
        "feeds",
        "stations that branches in service of its voltage or above join the point of connection with",
    ),
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
    units = {
        MONEY: read_costs(text).money_unit if text else "",
        CURRENCY: f"{net.currency or 'currency'}/MWh",
    }
    return [replace(one, unit=units.get(one.unit, one.unit)) for one in CRITERIA]


def connect_sites(net: Network, sites: pd.DataFrame, center: DataCenter) -> pd.DataFrame:
    """Connect the data center at each site, one at a time.

    Returns
    -------
    DataFrame
        Index site; bus, vn_kv, province, distance_km, length_km, feeders, spur_cost (unit of the
        costs), permission_years, build_years, note (why it cannot be connected, or what must be known).
    """
    text = net.documents.get("costs")
    costs = read_costs(text) if text else None
    rules = net.documents.get("connection_rules")
    start = read_connection_rules(rules).as_of if rules else ""
    rows = [_connect(net, site, row, center, costs, start) for site, row in sites.iterrows()]
    return pd.DataFrame(rows, index=sites.index)


def _connect(
    net: Network, site: object, row: pd.Series[Any], center: DataCenter, costs: Costs | None, start: str
) -> dict[str, Any]:
    bus = row.get("bus")
    named = isinstance(bus, str) and bus != ""
    lat, lon = (None if pd.isna(row[key]) else float(row[key]) for key in ("lat", "lon"))
    # at a named bus the place only says how long the spur is
    moved = replace(
        center, name=f"{center.name}: {site}", lat=lat, lon=lon, bus=bus if named else None, province=""
    )
    try:
        placed = place(net, moved).placements.iloc[len(net.placements) :]
    except PlacementError as error:
        return {"bus": "", "note": str(error)}
    first = placed.iloc[0]
    found = build_connection_costs(placed, costs)
    base = found["base_bn"].to_numpy(dtype=float)
    split = f"split over {len(placed)} points of connection: headroom is that of the first"
    return {
        "bus": str(first.get("site_bus", first["bus"])),
        "vn_kv": float(first["vn_kv"]),
        "province": str(first.get("province", "")),
        "distance_km": float(placed["distance_km"].max()),
        "feeders": int(placed["feeders"].sum()),
        "spur_cost": float(base.sum()) if costs is not None and not np.isnan(base).any() else math.nan,
        "permission_years": _count_years(start, str(first["earliest_energisation"])),
        "build_years": _count_years(start, str(first.get("build_ready", ""))),
        "note": split if len(placed) > 1 else "",
    }


def _count_years(start: str, month: str) -> float:
    """Years between two months written YYYY-MM; NaN where one is not given."""
    if len(start) < 7 or len(month) < 7:
        return math.nan
    (year, number), (first_year, first) = ((int(text[:4]), int(text[5:7])) for text in (month, start))
    return max(0.0, year - first_year + (number - first) / 12.0)


def count_feeds(net: Network, buses: list[str]) -> list[int]:
    """Count the stations that branches in service of the bus's own voltage or above join its station with."""
    site, vn_kv = net.bus["site"].astype(str), net.bus["vn_kv"]
    station = site.where(site != "", pd.Series(net.bus.index, index=net.bus.index))
    branches = net.branches()
    branches = branches[branches["in_service"].to_numpy(dtype=bool)]
    ends = [branches[end] for end in ("from_bus", "to_bus")]
    lower = np.minimum(*(vn_kv.reindex(end).to_numpy(dtype=float) for end in ends))
    places = [station.reindex(end).to_numpy() for end in ends]
    both = pd.DataFrame(
        {"a": np.concatenate(places), "b": np.concatenate(places[::-1]), "kv": np.tile(lower, 2)}
    )
    both = both[both["a"] != both["b"]]
    counts = []
    for bus in buses:
        mine = both[(both["a"] == station[bus]) & (both["kv"] >= 0.98 * vn_kv[bus])]
        counts.append(int(mine["b"].nunique()))
    return counts


def build_criteria(
    net: Network, sites: pd.DataFrame, center: DataCenter, options: SitingOptions
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Find every criterion of `CRITERIA` at every site, and where it is connected.

    Returns
    -------
    table : DataFrame
        Index site; the columns of `connect_sites`, one per criterion (NaN where it is not asked for or not
        known), binding (what sets the headroom), not_assessed.
    reasons : dict
        Criterion -> why no site has it, where a state of the grid is to blame.
    """
    reasons: dict[str, str] = {}
    table = connect_sites(net, sites, center)
    known = table["bus"] != ""
    buses = list(dict.fromkeys(table.loc[known, "bus"]))
    for criterion in CRITERIA:
        if criterion.name not in table:
            table[criterion.name] = math.nan
    table["binding"], table["not_assessed"] = "", "everything: no connection is possible"
    if buses:
        at = table.loc[known, "bus"]
        for name, values in _look_at_buses(net, buses, center, options, reasons).items():
            table.loc[known, name] = at.map(values)
        table.loc[known, "feeds"] = count_feeds(net, list(at))
    placed = sites["lat"].notna() & sites["lon"].notna()
    if options.landing_points is not None:
        latency = compute_latency(sites[placed], options.landing_points)
        table.loc[placed, "latency_ms"] = latency.mean(axis=1)
    if "profiles" in net.documents and placed.any():
        ratios = (options.solar_ratio, options.wind_ratio)
        local = compute_local(net, sites[placed], center, *ratios, options.weather_year, options.seed)
        for name in local.columns:
            table.loc[placed, name] = local[name]
    return table, reasons


def _look_at_buses(
    net: Network, buses: list[str], center: DataCenter, options: SitingOptions, reasons: dict[str, str]
) -> dict[str, pd.Series[Any]]:
    """Find what points of connection are judged by; `reasons` is told of a state that stands in the way."""
    power = {"power_factor": center.power_factor} | dict(options.hosting)
    every = hosting_capacity(net, buses, method=options.method, options=power).table
    near = hosting_capacity(net, buses, options=power | {"effect": NEAR_EFFECT}).table
    probe = min(PROBE_MW, center.contract_mw)
    found = {
        "headroom_mw": every["firm_mw"],
        "headroom_near_mw": near["firm_mw"],
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
