"""Assign every 154 kV substation to the 345/154 kV station that feeds it: the zones of the 154 kV grid.

The backbone knows what every 345 kV station feeds of each province (``load_shares.csv``). In each province
the substations are assigned to stations so that the MW times square km are least while every station keeps
that load: a transport problem. A substation that the solution splits goes to its largest part; the load that
the backbone gives to a station is then shared by the substations of its zone, so stations keep it exactly. A
station whose load passes ``SECTION_MW`` has two or more bus sections, each the root of a zone of its own, so
that a section does not gather more banks than its breakers could stand.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import scipy.sparse as sp
from build_sources import Row, fixed, great_circle_km
from scipy.optimize import linprog

#: Largest summer-peak load of one bus section of a 345/154 kV station [MW] (assumed: five banks at 70 % of
#: N-1).
SECTION_MW = 1450.0
#: The converters of the links to Jeju stand in the zone that the backbone's 154 kV equivalent hangs on.
CONVERTER_TOWNS = ("해남군", "진도군", "완도군")
CONVERTER_STATION = "singangjin"


def find_point(row: Row) -> tuple[float, float]:
    """Return (latitude, longitude) of a row in degrees."""
    return float(row["lat"]), float(row["lon"])


def solve_transport(cost: np.ndarray, supply: np.ndarray, demand: np.ndarray) -> np.ndarray:
    """Solve the transport problem; return flows, one row per supplier."""
    many, few = cost.shape
    columns = np.arange(many * few)
    rows = np.concatenate([columns // few, many + columns % few])
    matrix = sp.csr_matrix((np.ones(2 * many * few), (rows, np.concatenate([columns, columns]))))
    # One equation follows from the others: the last is left out, or rounding makes it infeasible.
    wanted = np.concatenate([supply, demand * supply.sum() / demand.sum()])
    result = linprog(cost.ravel(), A_eq=matrix[:-1], b_eq=wanted[:-1], method="highs-ds")
    if result.x is None:
        raise SystemExit(f"no assignment of substations: {result.message}")
    return result.x.reshape(many, few)


def assign_stations(substations: list[Row], loads: list[Row], sites: dict[str, Row]) -> dict[str, str]:
    """Assign substations to stations; ``loads`` holds site, province and MW of the backbone."""
    station_of = {}
    for province in sorted({row["province"] for row in substations}):
        members = [row for row in substations if row["province"] == province]
        fed = [row for row in loads if row["province"] == province and float(row["p_mw"]) > 0]
        cost = np.array(
            [
                [great_circle_km(find_point(m), find_point(sites[f["site"]])) ** 2 for f in fed]
                for m in members
            ]
        )
        flow = solve_transport(
            cost,
            np.array([float(row["base_mw"]) for row in members]),
            np.array([float(row["p_mw"]) for row in fed]),
        )
        for member, parts in zip(members, flow, strict=True):
            station_of[member["id"]] = fed[int(parts.argmax())]["site"]
            if member["municipality"] in CONVERTER_TOWNS:
                station_of[member["id"]] = CONVERTER_STATION
    return station_of


def share_loads(substations: list[Row], station_of: dict[str, str], loads: list[Row]) -> list[Row]:
    """Share the load rows of stations on the substations of their zones, by their own demand.

    A row without a substation of its province in the zone goes to the zone's substations of other provinces,
    and to the nearest substation of the province if the zone has none at all.
    """
    by_station: dict[str, list[Row]] = defaultdict(list)
    for row in substations:
        by_station[station_of[row["id"]]].append(row)
    shares = []
    for load in loads:
        members = by_station[load["site"]]
        own = [row for row in members if row["province"] == load["province"]] or members
        total = sum(float(row["base_mw"]) for row in own)
        for row in own:
            part = float(row["base_mw"]) / total
            shares.append({**load, "substation": row["id"], "part": part, "mw": part * float(load["p_mw"])})
    return shares


def claim_orphans(
    substations: list[Row], station_of: dict[str, str], loads: list[Row], sites: dict[str, Row]
) -> None:
    """Give a station that feeds load but got no substation the nearest one of a zone that keeps another."""
    for site in sorted({row["site"] for row in loads}):
        if site in station_of.values():
            continue
        provinces = {row["province"] for row in loads if row["site"] == site}
        counts: dict[str, int] = defaultdict(int)
        for home in station_of.values():
            counts[home] += 1
        free = [
            row for row in substations if row["province"] in provinces and counts[station_of[row["id"]]] > 1
        ]
        nearest = min(free, key=lambda row: great_circle_km(find_point(row), find_point(sites[site])))
        station_of[nearest["id"]] = site


def split_sections(
    substations: list[Row], station_of: dict[str, str], load_mw: dict[str, float], sites: dict[str, Row]
) -> dict[str, str]:
    """Split the substations of heavy stations by bearing; return the root bus of every substation."""
    members: dict[str, list[Row]] = defaultdict(list)
    for row in substations:
        members[station_of[row["id"]]].append(row)
    roots = {}
    for site, rows in members.items():
        total = sum(load_mw[row["id"]] for row in rows)
        sections = max(1, math.ceil(total / SECTION_MW))
        ordered = order_by_bearing(rows, sites[site])
        passed = 0.0
        for row in ordered:
            middle = passed + load_mw[row["id"]] / 2
            section = min(sections, int(middle / total * sections) + 1)
            passed += load_mw[row["id"]]
            roots[row["id"]] = f"{site}-154" if section == 1 else f"{site}-154-{section}"
    return roots


def order_by_bearing(rows: list[Row], site: Row) -> list[Row]:
    """Order substations by their bearing from the station, beginning after the widest gap."""
    lat, lon = find_point(site)
    east = math.cos(math.radians(lat))
    angle = {row["id"]: math.atan2((float(row["lon"]) - lon) * east, float(row["lat"]) - lat) for row in rows}
    ordered = sorted(rows, key=lambda row: (angle[row["id"]], row["id"]))
    if len(ordered) < 3:
        return ordered
    gaps = [
        (angle[b["id"]] - angle[a["id"]]) % (2 * math.pi)
        for a, b in zip(ordered, ordered[1:] + ordered[:1], strict=True)
    ]
    start = (gaps.index(max(gaps)) + 1) % len(ordered)
    return ordered[start:] + ordered[:start]


def list_load_rows(shares: list[Row]) -> list[Row]:
    """Make the rows of ``load_shares_154.csv``: what part of a load row of the backbone a substation has."""
    return [
        {
            "id": f"{row['substation']}:{row['id']}",
            "substation": row["substation"],
            "province": row["province"],
            "load": row["id"],
            "part": fixed(row["part"], 6),
        }
        for row in shares
    ]
