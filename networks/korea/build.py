"""Build the network ``korea-2025-backbone`` from the fact tables in ``sources/``.

Run ``python networks/korea/build.py`` from the root of the repository. The result is the same byte for
byte on every machine: nothing is computed here but lengths, products and sums. What needs a solver (output
of the units, switched shunts, losses) is itself a table in ``sources/``, written by ``operate.py``.

``--conductor x2`` or ``x4`` builds the sensitivity in which every 345 kV overhead route has two or four
conductors per phase; give it an ``--out`` of its own.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from build_grid import (
    BASE_MVA,
    BUS_COLUMNS,
    HVDC_COLUMNS,
    INTERFACE_COLUMNS,
    LINE_COLUMNS,
    SITE_COLUMNS,
    TRANSFORMER_COLUMNS,
    build_buses,
    build_hvdc,
    build_interfaces,
    build_lines,
    build_sites,
    build_transformers,
    find_unassessable,
    read_by_id,
    read_routes,
)
from build_snapshots import (
    GENERATOR_COLUMNS,
    LOAD_COLUMNS,
    SHUNT_COLUMNS,
    SNAPSHOT_COLUMNS,
    STORAGE_COLUMNS,
    VALUE_COLUMNS,
    Factors,
    apply_dispatch,
    build_loads,
    build_renewables,
    build_shunts,
    build_storage,
    build_units,
    build_values,
    read_dispatch,
    read_factors,
)
from build_sources import HERE, Row, fixed, read_facts, write_rows

TARGET = HERE / "2025-backbone"
#: The mainland keeps the angle of the Saeul units, Jeju that of its one bus.
REFERENCES = {"kori-765", "jeju-154"}
COLUMNS = {
    "site": SITE_COLUMNS,
    "bus": BUS_COLUMNS,
    "line": LINE_COLUMNS,
    "transformer": TRANSFORMER_COLUMNS,
    "hvdc": HVDC_COLUMNS,
    "load": LOAD_COLUMNS,
    "generator": GENERATOR_COLUMNS,
    "storage": STORAGE_COLUMNS,
    "shunt": SHUNT_COLUMNS,
    "interface": INTERFACE_COLUMNS,
    "snapshot": SNAPSHOT_COLUMNS,
    "snapshot_value": VALUE_COLUMNS,
}
NETWORK_TOML = """\
schema_version = 1
name = "korea-2025-backbone"
title = "Korean 765/345 kV backbone, end of 2025"
base_mva = {base:.1f}
frequency_hz = 60.0
currency = "KRW"
vintage = "2025-12-31"
licence = "ODbL-1.0"
attribution = "Contains information from OpenStreetMap contributors and KPG 193 (KENTECH), ODbL 1.0; \
WRI Global Power Plant Database, CC BY 4.0. From public sources; not for operation or security use."
reactive_limits = true

[documents]
criteria = "../criteria.toml"
connection_rules = "../connection_rules.toml"
costs = "../costs.toml"
"""


def build_tables(conductor: str | None = None) -> dict[str, list[Row]]:
    """Build every table of the network, snapshots included."""
    sites = read_by_id("sites")
    routes = read_routes(conductor)
    snapshots = read_factors()
    first = snapshots[0]
    tables = build_standing_tables(sites, routes, first)
    states = [(factors.name, build_state(sites, factors, tables)) for factors in snapshots]
    tables["generator"] = states[0][1]["generator"]
    # A unit that the first snapshot does not need is off there, not gone: off is a snapshot value.
    tables["generator"] = [{**row, "in_service": "true"} for row in tables["generator"]]
    tables["snapshot"] = [{"id": f.name, "time": f.time, "note": f.note} for f in snapshots]
    tables["snapshot_value"] = build_values(tables, states)
    return {name: tables[name] for name in COLUMNS}


def build_standing_tables(sites: dict[str, Row], routes: list[Row], first: Factors) -> dict[str, list[Row]]:
    """Build the tables as they stand in the first snapshot, generators without output."""
    lines = build_lines(routes, sites)
    transformers = build_transformers(sites)
    hvdc = build_hvdc(first.hvdc)
    connected = {bus.rsplit("-", 1)[0] for row in lines + transformers + hvdc for bus in find_ends(row)}
    buses = build_buses(sites, connected, REFERENCES)
    zone_of = {row["id"]: row["zone"] for row in buses}
    return {
        "site": build_sites(sites, find_unassessable(routes, sites)),
        "bus": buses,
        "line": lines,
        "transformer": transformers,
        "hvdc": hvdc,
        "load": build_loads(sites, first),
        "generator": build_units(sites, first.voltage_pu) + build_renewables(sites, first, {}),
        "storage": build_storage(sites),
        "shunt": build_shunts(first.name),
        "interface": build_interfaces(lines + transformers + hvdc, zone_of),
    }


def find_ends(branch: Row) -> tuple[str, str]:
    """Return the two buses of a branch or link."""
    return branch["from_bus"], branch["to_bus"]


def build_state(
    sites: dict[str, Row], factors: Factors, tables: dict[str, list[Row]]
) -> dict[str, list[Row]]:
    """Build the columns of one snapshot that may differ from the standing tables."""
    loads = [
        {"id": row["id"], "p_mw": row["p_mw"], "q_mvar": row["q_mvar"]} for row in build_loads(sites, factors)
    ]
    outputs = read_dispatch().get(factors.name, {})
    units = apply_dispatch(build_units(sites, factors.voltage_pu), outputs, factors.voltage_pu)
    links = [{"id": row["id"], "p_mw": row["p_mw"]} for row in build_hvdc(factors.hvdc)]
    switched = {
        row["bus"]: fixed(float(row["b_mvar"]), 1)
        for row in read_facts("reactive")
        if row["snapshot"] == factors.name
    }
    shunts = [{"id": row["id"], "b_mvar": switched[row["bus"]]} for row in tables["shunt"]]
    return {
        "load": loads,
        "generator": units + build_renewables(sites, factors, outputs),
        "hvdc": links,
        "shunt": shunts,
    }


def write_network(tables: dict[str, list[Row]], folder: Path) -> None:
    """Write ``network.toml`` and the tables of the network."""
    for name, rows in tables.items():
        write_rows(folder / "tables" / f"{name}.csv", COLUMNS[name], rows)
    (folder / "network.toml").write_text(NETWORK_TOML.format(base=BASE_MVA), encoding="utf-8", newline="\n")


def main() -> None:
    """Build the network into its folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=TARGET)
    parser.add_argument("--conductor", choices=("x2", "x4"), default=None)
    arguments = parser.parse_args()
    tables = build_tables(arguments.conductor)
    write_network(tables, arguments.out)
    print(", ".join(f"{len(rows)} {name}" for name, rows in tables.items()))


if __name__ == "__main__":
    main()
