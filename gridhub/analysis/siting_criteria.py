"""What a site is judged by: room, connection, dates, feeds, latency, and layers of the user."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hosting import hosting_capacity
from gridhub.analysis.hub_tables import build_connection_costs
from gridhub.analysis.siting_latency import METHOD as LATENCY_METHOD
from gridhub.analysis.siting_latency import compute_latency
from gridhub.analysis.siting_scores import Criterion
from gridhub.connection_rules import read_connection_rules
from gridhub.costs import Costs, read_costs
from gridhub.errors import PlacementError
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter
from gridhub.placement.place import place

MONEY = "money"
"""Unit of a criterion in money: that of the region's costs stands in its place."""

NEAR_EFFECT = 0.05
"""Effect from which a branch counts in headroom_near_mw, a convention of transfer studies: assumed."""

ROOM_SPREAD, COST_SPREAD = 0.15, 0.3
"""Uncertainty of headroom (assumed) and of spur cost (about a third between low and base): assumed."""

LEFT_OUT = {
    "reinforcement cost per MW": "needs a plan of works per site: run the hub study of the best sites",
    "congestion cost": "needs hourly dispatch",
    "carbon-free share": "needs hourly dispatch",
    "curtailment relieved": "needs hourly dispatch",
    "losses": "needs hourly dispatch",
    "climate": "no temperature data come with the region: give a column as a layer",
    "land, water, seismic": "no data come with the region: give columns as layers",
}
"""Criteria of the method that are not here, and why."""

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
)
"""Criteria that come with gridhub."""


def list_criteria(net: Network) -> list[Criterion]:
    """List `CRITERIA` with the unit of money that the network's costs are in."""
    text = net.documents.get("costs")
    money = read_costs(text).money_unit if text else ""
    return [replace(one, unit=money) if one.unit == MONEY else one for one in CRITERIA]


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
    net: Network,
    sites: pd.DataFrame,
    center: DataCenter,
    points: pd.DataFrame | None,
    hosting: Mapping[str, Any],
    method: str,
) -> pd.DataFrame:
    """Find every criterion of `CRITERIA` at every site, and where it is connected.

    Returns
    -------
    DataFrame
        Index site; the columns of `connect_sites`, headroom_mw, headroom_near_mw, binding (what sets it),
        feeds, latency_ms (NaN without landing points), not_assessed.
    """
    table = connect_sites(net, sites, center)
    known = table["bus"] != ""
    buses = list(dict.fromkeys(table.loc[known, "bus"]))
    for column in ("headroom_mw", "headroom_near_mw", "feeds", "latency_ms"):
        table[column] = math.nan
    table["binding"], table["not_assessed"] = "", "everything: no connection is possible"
    if buses:
        power = {"power_factor": center.power_factor} | dict(hosting)
        every = hosting_capacity(net, buses, method=method, options=power).table  # type: ignore[arg-type]
        near = hosting_capacity(net, buses, options=power | {"effect": NEAR_EFFECT}).table
        at = table.loc[known, "bus"]
        table.loc[known, "headroom_mw"] = at.map(every["firm_mw"])
        table.loc[known, "headroom_near_mw"] = at.map(near["firm_mw"])
        table.loc[known, "binding"] = at.map(every["binding_element"])
        table.loc[known, "not_assessed"] = at.map(every["not_assessed"])
        table.loc[known, "feeds"] = count_feeds(net, list(at))
    if points is not None:
        placed = sites["lat"].notna() & sites["lon"].notna()
        table.loc[placed, "latency_ms"] = compute_latency(sites[placed], points).mean(axis=1)
    return table
