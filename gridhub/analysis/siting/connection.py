"""Where a site is connected: point of connection, spur, dates, feeds."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hub.connection import build_connection_costs, build_rule_findings
from gridhub.connection_rules import ConnectionRules, read_connection_rules
from gridhub.costs import Costs, read_costs
from gridhub.errors import PlacementError
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter
from gridhub.placement.place import place

EMPTY = pd.DataFrame()
"""Placements of a site that cannot be connected."""


def connect_sites(net: Network, sites: pd.DataFrame, center: DataCenter) -> pd.DataFrame:
    """Connect the data center at each site, one at a time.

    Returns
    -------
    DataFrame
        Index site; bus, vn_kv, province, distance_km, feeders, spur_cost (unit of the costs),
        permission_years, build_years, points (point of connection -> MW), findings (rules it meets, see
        `gridhub.analysis.hub.tables.build_rule_findings`), note (why it cannot be connected, or what must be
        known).
    """
    text = net.documents.get("costs")
    costs = read_costs(text) if text else None
    document = net.documents.get("connection_rules")
    rules = read_connection_rules(document) if document else None
    rows = [_connect(net, site, row, center, costs, rules) for site, row in sites.iterrows()]
    return pd.DataFrame(rows, index=sites.index)


def _connect(
    net: Network,
    site: object,
    row: pd.Series[Any],
    center: DataCenter,
    costs: Costs | None,
    rules: ConnectionRules | None,
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
        return {"bus": "", "points": {}, "findings": build_rule_findings(EMPTY, None), "note": str(error)}
    start = rules.as_of if rules is not None else ""
    first = placed.iloc[0]
    own = [str(row.get("site_bus", row["bus"])) for _, row in placed.iterrows()]
    found = build_connection_costs(placed, costs)
    base = found["base_bn"].to_numpy(dtype=float)
    split = f"split over {len(placed)} points of connection: headroom is that of the first"
    return {
        "bus": own[0],
        "vn_kv": float(first["vn_kv"]),
        "province": str(first.get("province", "")),
        "distance_km": float(placed["distance_km"].max()),
        "feeders": int(placed["feeders"].sum()),
        "spur_cost": float(base.sum()) if costs is not None and not np.isnan(base).any() else math.nan,
        "permission_years": _count_years(start, str(first["earliest_energisation"])),
        "build_years": _count_years(start, str(first.get("build_ready", ""))),
        "findings": build_rule_findings(placed, rules),
        "points": dict(zip(own, placed["p_mw"].astype(float), strict=True)),
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
