"""Make the plans of both networks (folder ``plan/``) from ``plans.csv`` and the operation of planned years.

One project of ``plans.csv`` becomes rows that join a table, cells that change, or rows that leave. What a
solver found for each planned year (output of units, links, switched shunts) is read from ``sources/years/``,
written by ``operate_years.py``. Nothing is computed here but lengths, products and sums.
"""

from __future__ import annotations

from pathlib import Path

from build_grid import build_hvdc_row, build_lines, read_by_id
from build_interfaces import list_members
from build_snapshots import find_participation, make_value, read_factors
from build_sources import HERE, SOURCES, Row, find_point, fixed, flag, great_circle_km, read_facts, write_rows
from build_taps import find_target_pu

YEARS = tuple(range(2026, 2039))
VINTAGE = 2025
COMPENSATION = "switched-compensation"
PROJECT_COLUMNS = "id name name_ko kind planned_year year status reason basis source confidence as_of".split()
CHANGE_COLUMNS = "id project table row column value".split()
GROWTH_COLUMNS = "id year table column fuel factor source confidence".split()
VALUE_COLUMNS = "snapshot table id column value".split()
#: What grows: column by column, and by which quantity.
GROWING = (
    ("load", "p_mw", "", "load"),
    ("load", "q_mvar", "", "load"),
    ("load", "annual_gwh", "", "load"),
    ("generator", "p_mw", "solar", "solar"),
    ("generator", "p_max_mw", "solar", "solar"),
)
UNIT_SCALED = (
    "p_max_mw",
    "p_min_mw",
    "q_min_mvar",
    "q_max_mvar",
    "ramp_10_mw",
    "cost_c0_per_h",
    "startup_cost",
)
HVDC_LOSS_PERCENT = 1.5
#: Hours and round-trip efficiency of storage by kind (6 h published for the contract batteries).
STORAGE = {"pumped_storage": (6.0, 0.75), "battery": (6.0, 0.85)}
REACTIVE_RATIO = 0.10
Tables = dict[str, list[Row]]


def read_projects() -> list[Row]:
    """Read all projects in the order of the file."""
    return read_facts("plans", HERE)


def list_due(projects: list[Row]) -> list[Row]:
    """List the projects that some planned year holds."""
    return [row for row in projects if not row["reason"] and int(row["year"]) <= YEARS[-1]]


def find_load_mw(year: int, projects: list[Row]) -> float:
    """Add up the named loads that stand at the end of a year [MW]."""
    return sum(float(p["mw"]) for p in list_due(projects) if p["kind"] == "load" and int(p["year"]) <= year)


def find_growth(year: int, tables: Tables, projects: list[Row]) -> dict[str, float]:
    """Return the factors of load and sun of a year against 2025.

    Load: the plan's peak of the base year and that of 2038, a constant rate between them (assumed), less the
    named loads, which stand at their places. Sun: equal steps to the figure of 2030, slower after it.
    """
    facts = {(row["quantity"], int(row["year"])): float(row["value"]) for row in read_facts("plan_growth")}
    (_, first), (_, last) = (key for key in facts if key[0] == "peak_demand")
    peaks = facts["peak_demand", first], facts["peak_demand", last]
    rate = (peaks[1] / peaks[0]) ** (1.0 / (last - first))
    gross = sum(float(row["p_mw"]) for row in tables["load"])
    load = rate ** (year - VINTAGE) - find_load_mw(year, projects) / gross
    standing = sum(float(row["p_max_mw"]) for row in tables["generator"] if row["fuel"] == "solar")
    near = 1000.0 * facts["solar_capacity", 2030]
    step = (near - standing) / (2030 - VINTAGE)
    sun = standing + step * min(year - VINTAGE, 2030 - VINTAGE)
    sun += 1000.0 * facts["solar_growth_later", 2031] * max(year - 2030, 0)
    return {"load": round(load, 6), "solar": round(sun / standing, 6)}


def build_growth(tables: Tables, projects: list[Row]) -> list[Row]:
    """Make ``growth.csv``."""
    source = {
        "load": "11th Basic Plan: 98.3 GW (2023) to 129.3 GW (2038), constant rate, named loads apart",
        "solar": "11th Basic Plan draft: 53.8 GW in 2030, equal steps; 2.6 GW a year after it (assumed)",
    }
    rows = []
    for year in YEARS:
        factors = find_growth(year, tables, projects)
        for table, column, fuel, quantity in GROWING:
            rows.append(
                {
                    "id": f"{year}:{fuel or table}:{column}",
                    "year": str(year),
                    "table": table,
                    "column": column,
                    "fuel": fuel,
                    "factor": fixed(factors[quantity], 6),
                    "source": source[quantity],
                    "confidence": "medium" if quantity == "load" or year <= 2030 else "assumed",
                }
            )
    return rows


def describe_basis(project: Row, *more: str) -> str:
    """Say in one text that a row is planned and what of it is assumed."""
    return "; ".join(text for text in ("planned", *more, project["basis"]) if text)


def describe_station(project: Row) -> tuple[Row, Row]:
    """Make the site and the 345 kV bus of a new station."""
    site = {
        **{
            key: project[key] for key in ("name", "name_ko", "lat", "lon", "province", "municipality", "zone")
        },
        "project": project["id"],
        "id": project["site"],
        "kind": "substation",
        "assessable": "false",
        "note": describe_basis(project),
        "name_confidence": project["confidence"],
        "coordinate_confidence": "low",
        "as_of": project["as_of"],
        "source": project["source"],
        "confidence": "low",
    }
    bus = {
        **{key: site[key] for key in ("project", "lat", "lon", "province", "zone", "source", "confidence")},
        "id": f"{project['site']}-{project['kv']}",
        "vn_kv": fixed(float(project["kv"]), 1),
        "name": f"{project['name']} {project['kv']} kV",
        "name_ko": f"{project['name_ko']} {project['kv']}kV",
        "area": "mainland",
        "site": project["site"],
        "reference": "false",
        "equivalent": "false",
        "in_service": "true",
    }
    return site, bus


def build_planned_lines(projects: list[Row], sites: dict[str, Row]) -> list[Row]:
    """Make the circuits of planned routes as those of standing ones."""
    routes = []
    for project in projects:
        if project["kind"] == "line":
            routes.append(
                {
                    "id": project["id"],
                    "from_site": project["site"],
                    "to_site": project["to_site"],
                    "kv": project["kv"],
                    "circuits": project["circuits"],
                    "circuits_basis": "assumed",
                    "conductor": project["conductor"],
                    "conductor_basis": "assumed",
                    "via": "",
                    "published_km": project["length_km"],
                    "assumed": "1",
                    "in_service": "1",
                    "confidence": project["confidence"],
                    "source": project["source"],
                    "note": describe_basis(project),
                }
            )
    return [{**row, "project": row["route"]} for row in build_lines(routes, sites)]


def build_planned_links(projects: list[Row], sites: dict[str, Row]) -> list[Row]:
    """Make the poles of planned HVDC links."""
    rows = []
    for project in projects:
        if project["kind"] != "hvdc":
            continue
        ends = [sites[project["site"]], sites[project["to_site"]]]
        km = project["length_km"] or fixed(great_circle_km(*(find_point(end) for end in ends)) * 1.25, 1)
        poles = int(project["circuits"])
        for pole in range(1, poles + 1):
            fact = {
                "id": f"{project['id']}-{pole}",
                "name": f"{project['name']} pole {pole}",
                "name_ko": f"{project['name_ko']} {pole}",
                "from_site": project["site"],
                "from_kv": project["kv"],
                "to_site": project["to_site"],
                "to_kv": project["kv"],
                "p_max_mw": str(float(project["mw"]) / poles),
                "length_km": km,
                "technology": "vsc" if project["id"].startswith("west-coast") else "lcc",
                "loss_percent": fixed(HVDC_LOSS_PERCENT, 1),
                "note": project["basis"],
                "source": project["source"],
                "confidence": project["confidence"],
            }
            rows.append({**build_hvdc_row(fact, 0.0), "link": project["id"], "project": project["id"]})
    return rows


def find_nearest(point: Row, buses: list[Row], kv: str, area: str) -> Row:
    """Find the bus of a level that is nearest to a place."""
    there = [row for row in buses if float(row["vn_kv"]) == float(kv) and row["area"] == area]
    if not there:
        raise SystemExit(f"no {kv} kV bus in {area} for {point['id']}")
    return min(there, key=lambda row: (great_circle_km(find_point(point), find_point(row)), row["id"]))


def find_place(project: Row, standing: list[Row], planned: list[Row]) -> Row:
    """Find the bus of a plant or store: at its site, or the nearest standing one of its level."""
    if project["site"]:
        bus = f"{project['site']}-{project['kv']}"
        return next(row for row in standing + planned if row["id"] == bus)
    area = "jeju" if float(project["lat"]) < 34.0 else "mainland"
    return find_nearest(project, standing, project["kv"], area)


def build_plants(projects: list[Row], tables: Tables, planned: list[Row]) -> list[Row]:
    """Make planned units: per MW like the standing unit that the project names; wind farms as such."""
    pattern = {row["id"]: row for row in tables["generator"]}
    rows = []
    for project in projects:
        if project["kind"] != "plant":
            continue
        bus, mw = find_place(project, tables["bus"], planned), float(project["mw"])
        if project["fuel"] == "wind":
            like = next(row for row in tables["generator"] if row["fuel"] == "wind")
            unit = {**like, "p_max_mw": fixed(mw, 2)}
        else:
            like = pattern[project["units"]]
            part = mw / float(like["p_max_mw"])
            digits = {"cost_c0_per_h": 0, "startup_cost": 0}
            unit = {**like, **{c: fixed(float(like[c]) * part, digits.get(c, 1)) for c in UNIT_SCALED}}
            unit["cost_c2_per_mw2h"] = fixed(float(like["cost_c2_per_mw2h"]) / part, 4)
            unit["participation"] = fixed(find_participation(unit, bus), 1)
        rows.append(
            {
                **unit,
                **{key: project[key] for key in ("id", "name", "name_ko", "source")},
                "project": project["id"],
                "bus": bus["id"],
                "p_mw": "0.0",
                "plant": project["id"],
                "province": bus["province"],
                "site": bus["site"],
                "in_service": "true",
                "note": describe_basis(project, f"costs and limits per MW like {like['id']} (assumed)"),
                "confidence": "assumed" if project["confidence"] == "low" else project["confidence"],
            }
        )
    return rows


def build_stores(projects: list[Row], tables: Tables, planned: list[Row]) -> list[Row]:
    """Make planned pumped storage and batteries, half full like the standing ones."""
    rows = []
    for project in projects:
        if project["kind"] != "storage":
            continue
        bus = find_place(project, tables["bus"], planned)
        mw = float(project["mw"])
        hours, efficiency = STORAGE[project["fuel"]]
        rows.append(
            {
                "id": project["id"],
                "project": project["id"],
                "bus": bus["id"],
                "p_mw": "0.0",
                "p_max_mw": fixed(mw, 1),
                "charge_max_mw": fixed(mw, 1),
                "e_mwh": fixed(mw * hours, 1),
                "soc": "0.5",
                "efficiency": fixed(efficiency, 4),
                "kind": project["fuel"],
                "plant": project["id"],
                "name": project["name"],
                "name_ko": project["name_ko"],
                "province": bus["province"],
                "site": bus["site"],
                "in_service": "true",
                "note": describe_basis(project),
                "source": project["source"],
                "confidence": project["confidence"],
            }
        )
    return rows


def build_named_loads(projects: list[Row]) -> list[Row]:
    """Make the loads that have a place of their own, the same in every snapshot."""
    return [
        {
            "id": project["id"],
            "project": project["id"],
            "bus": f"{project['site']}-{project['kv']}",
            "p_mw": fixed(float(project["mw"]), 2),
            "q_mvar": fixed(float(project["mw"]) * REACTIVE_RATIO, 2),
            "annual_gwh": fixed(float(project["mw"]) * 8.76, 2),
            "kind": "demand",
            "name": project["name"],
            "name_ko": project["name_ko"],
            "province": project["province"],
            "site": project["site"],
            "in_service": "true",
            "source": project["source"],
            "confidence": "assumed",
        }
        for project in projects
        if project["kind"] == "load"
    ]


def build_members(lines: list[Row], links: list[Row], buses: list[Row]) -> list[Row]:
    """List planned members of interfaces.

    A published limit is one of stability of the AC routes: links stand beside it (assumed).
    """
    zone_of = {row["id"]: row["zone"] for row in buses}
    project_of = {row["id"]: row["project"] for row in lines + links}
    dc = {row["id"] for row in links}
    return [
        {**row, "project": project_of[row["member"]]}
        for row in list_members(lines + links, zone_of)
        if not (row["limit_mw"] and row["member"] in dc)
    ]


def build_compensation(network: str, planned: list[Row]) -> list[Row]:
    """Make the shunts that only planned years need; those of a planned station come with it."""
    station = {row["id"]: row["project"] for row in planned}
    return [
        {
            "id": f"shunt:{bus}",
            "project": station.get(bus, COMPENSATION),
            "bus": bus,
            "g_mw": "0.0",
            "b_mvar": "0.0",
            "name": f"switched capacitors and reactors at {bus}",
            "in_service": "true",
            "source": "assumed: sizes not public; computed by the rule of the data sheet to hold the target",
            "confidence": "assumed" if network == "2025-backbone" else "synthetic",
        }
        for bus in dict.fromkeys(row["bus"] for row in read_operation(network, "reactive"))
    ]


def build_changes(projects: list[Row]) -> list[Row]:
    """Make ``change.csv``: units that leave, and units whose licence ends."""
    rows = []
    for project in projects:
        gone = project["kind"] == "retirement"
        if gone or (project["kind"] == "licence" and not project["id"].endswith("return")):
            rows.append(
                {
                    "id": project["id"],
                    "project": project["id"],
                    "table": "generator",
                    "row": project["units"],
                    "column": "" if gone else "in_service",
                    "value": "" if gone else "false",
                }
            )
    return rows


def read_operation(network: str, table: str) -> list[Row]:
    """Read what ``operate_years.py`` computed for a network; nothing where it has not run."""
    path = SOURCES / "years" / network / f"{table}.csv"
    return read_facts(table, path.parent) if path.is_file() else []


def build_operation(network: str, tables: Tables, rows: Tables, year: int) -> list[Row]:
    """List the values of the snapshots of one year that differ from the tables.

    A unit without output is off; sun and wind that are not in the dispatch give what they can.
    """
    standing = {
        (table, row["id"]): row
        for table in ("generator", "storage", "hvdc", "shunt")
        for row in tables[table] + rows[table]
    }
    values: list[Row] = []

    def add(snapshot: str, table: str, row: str, column: str, value: str) -> None:
        if value != standing[table, row].get(column, ""):
            values.append(make_value(snapshot, table, row, column, value))

    voltage = {factors.name: factors.voltage_pu for factors in read_factors()}
    for entry in select_year(network, "dispatch", year):
        for name in voltage:
            if entry["kind"] == "unit":
                add(name, "generator", entry["unit"], "p_mw", entry[name])
                add(name, "generator", entry["unit"], "in_service", flag(float(entry[name]) > 0))
                bus = standing["generator", entry["unit"]]["bus"]
                held = voltage[name] if network == "2025-backbone" else find_target_pu(bus, voltage[name])
                add(name, "generator", entry["unit"], "vm_pu", fixed(held, 4))
            elif entry[name]:
                # written even where it is what the table says: else the snapshot of 2025 would grow into it
                values.append(make_value(name, "generator", entry["unit"], "p_mw", entry[name]))
    for entry in select_year(network, "storage", year):
        for name in voltage:
            add(name, "storage", entry["storage"], "p_mw", entry[name])
    for entry in select_year(network, "links", year):
        for name in voltage:
            add(name, "hvdc", entry["link"], "p_mw", entry[name])
    switched = {f"shunt:{entry['bus']}": entry for entry in select_year(network, "reactive", year)}
    due = {project["id"] for project in read_projects() if project["year"] and int(project["year"]) <= year}
    for (table, shunt), row in standing.items():
        if table == "shunt" and row.get("project", COMPENSATION) in due:
            for name in voltage:
                add(name, "shunt", shunt, "b_mvar", switched.get(shunt, {}).get(name, "0.0"))
    return values


def select_year(network: str, table: str, year: int) -> list[Row]:
    """Select what was computed for one year."""
    return [entry for entry in read_operation(network, table) if int(entry["year"]) == year]


def build_rows(network: str, tables: Tables, projects: list[Row]) -> Tables:
    """Make the rows that join each table."""
    stations = [describe_station(p) for p in projects if p["kind"] == "station"]
    new_sites, new_buses = [pair[0] for pair in stations], [pair[1] for pair in stations]
    sites = {row["id"]: row for row in tables["site"] + new_sites} | read_by_id("sites")
    buses = tables["bus"] + new_buses
    lines, links = build_planned_lines(projects, sites), build_planned_links(projects, sites)
    standing = {row["id"] for row in tables["shunt"]}
    return {
        "site": new_sites,
        "bus": new_buses,
        "line": lines,
        "hvdc": links,
        "load": build_named_loads(projects),
        "generator": build_plants(projects, tables, new_buses),
        "storage": build_stores(projects, tables, new_buses),
        "shunt": [row for row in build_compensation(network, new_buses) if row["id"] not in standing],
        "interface": build_members(lines, links, buses),
    }


def write_plan(network: str, tables: Tables, folder: Path, columns: dict[str, list[str]]) -> None:
    """Write the folder ``plan/`` of a network."""
    projects = read_projects()
    due = list_due(projects)
    rows = build_rows(network, tables, due)
    write_rows(
        folder / "project.csv", PROJECT_COLUMNS, [{c: p[c] for c in PROJECT_COLUMNS} for p in projects]
    )
    for name, entries in rows.items():
        write_rows(folder / "rows" / f"{name}.csv", [*columns[name], "project"], entries)
    write_rows(folder / "change.csv", CHANGE_COLUMNS, build_changes(due))
    write_rows(folder / "growth.csv", GROWTH_COLUMNS, build_growth(tables, projects))
    for year in YEARS:
        values = build_operation(network, tables, rows, year)
        write_rows(folder / "operation" / f"{year}.csv", VALUE_COLUMNS, values)
