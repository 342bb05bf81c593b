"""Build the networks ``korea-2025-backbone`` and ``korea-2025`` from the fact tables in ``sources/``.

Run ``python networks/korea/build.py`` from the root of the repository. The result is the same byte for byte
on every machine: nothing is computed here but lengths, products and sums. What needs a solver (output of the
units, switched shunts, losses) is itself a table in ``sources/``, written by ``operate.py``, and so is the
synthetic 154 kV level in ``sources/synthetic/``, written by ``synthesize.py`` and ``operate_154.py``.

``--network`` builds one of the two, ``--out`` into another folder. ``--conductor x2`` or ``x4`` builds the
sensitivity in which every 345 kV overhead route has two or four conductors per phase; give it an ``--out``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from build_154 import (
    build_standing_154,
    build_state_154,
    curtail,
    find_switched,
    read_dispatch_154,
    read_factors_154,
)
from build_grid import (
    BASE_MVA,
    BUS_COLUMNS,
    HVDC_COLUMNS,
    LINE_COLUMNS,
    SITE_COLUMNS,
    TRANSFORMER_COLUMNS,
    build_buses,
    build_hvdc,
    build_lines,
    build_sites,
    build_transformers,
    find_unassessable,
    read_by_id,
    read_routes,
)
from build_interfaces import INTERFACE_COLUMNS, build_interfaces
from build_plans import write_plan
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
TARGETS = {"2025-backbone": TARGET, "2025": HERE / "2025"}
TITLES = {
    "2025-backbone": "Korean 765/345 kV backbone, end of 2025",
    "2025": "Korean 765/345/154 kV grid, end of 2025; the 154 kV level is synthetic",
}
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
TRANSFORMER_COLUMNS_154 = [*TRANSFORMER_COLUMNS[:5], "g_pu", *TRANSFORMER_COLUMNS[5:]]
#: Load rows of substations say what their transformers carry.
LOAD_COLUMNS_154 = [*LOAD_COLUMNS[:-3], "transformer_mva", "usable_mva", "note", *LOAD_COLUMNS[-3:]]
NETWORK_TOML = """\
schema_version = 1
name = "korea-{network}"
title = "{title}"
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
profiles = "../profiles.toml"
ratings = "../ratings.toml"
"""


def build_tables(conductor: str | None = None) -> dict[str, list[Row]]:
    """Build every table of the backbone, snapshots included."""
    snapshots = read_factors()
    sites = read_by_id("sites")
    tables = build_standing_tables(sites, read_routes(conductor), snapshots[0])
    states = [(factors.name, build_state(sites, factors, tables)) for factors in snapshots]
    return finish_tables(tables, states, snapshots)


def build_tables_154(
    conductor: str | None = None, outputs: dict[str, dict[str, float]] | None = None
) -> dict[str, list[Row]]:
    """Build every table of the network with its 154 kV level, snapshots included.

    ``outputs`` (snapshot -> generator -> MW) is the dispatch, that of ``sources/synthetic`` if not given.
    """
    snapshots = read_factors_154()
    sites = read_by_id("sites")
    backbone = build_standing_tables(sites, read_routes(conductor), snapshots[0])
    tables = build_standing_154(sites, backbone, snapshots[0])
    tables["interface"] = build_interfaces(tables["line"] + tables["hvdc"], tables["bus"])
    outputs = read_dispatch_154() if outputs is None else outputs
    states = [
        (factors.name, build_state_of_154(sites, factors, tables, outputs.get(factors.name, {})))
        for factors in snapshots
    ]
    return finish_tables(tables, states, snapshots)


def finish_tables(
    tables: dict[str, list[Row]], states: list[tuple[str, dict[str, list[Row]]]], snapshots: list[Factors]
) -> dict[str, list[Row]]:
    """Put the first snapshot into the standing tables and list what differs in the others."""
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
        "interface": build_interfaces(lines + hvdc, buses),
    }


def find_ends(branch: Row) -> tuple[str, str]:
    """Return the two buses of a branch or link."""
    return branch["from_bus"], branch["to_bus"]


def build_state(
    sites: dict[str, Row], factors: Factors, tables: dict[str, list[Row]]
) -> dict[str, list[Row]]:
    """Build the columns of one snapshot that may differ from the standing tables."""
    switched = {
        row["bus"]: fixed(float(row["b_mvar"]), 1)
        for row in read_facts("reactive")
        if row["snapshot"] == factors.name
    }
    return {
        "load": list_powers(build_loads(sites, factors)),
        **build_sources_of_power(sites, factors, read_dispatch().get(factors.name, {})),
        "shunt": [{"id": row["id"], "b_mvar": switched[row["bus"]]} for row in tables["shunt"]],
    }


def build_state_of_154(
    sites: dict[str, Row], factors: Factors, tables: dict[str, list[Row]], outputs: dict[str, float]
) -> dict[str, list[Row]]:
    """Build what may differ in one snapshot of the network with its 154 kV level."""
    state = build_sources_of_power(sites, factors, outputs)
    moved = build_state_154(sites, state, factors)
    return {
        "load": list_powers(moved["load"]),
        "generator": curtail(moved["generator"], outputs),
        "hvdc": state["hvdc"],
        "shunt": find_switched(tables["shunt"], factors.name),
    }


def list_powers(loads: list[Row]) -> list[Row]:
    """Keep of the loads what a snapshot changes."""
    return [{key: row[key] for key in ("id", "p_mw", "q_mvar")} for row in loads]


def build_sources_of_power(
    sites: dict[str, Row], factors: Factors, outputs: dict[str, float]
) -> dict[str, list[Row]]:
    """Build generators and links of one snapshot; ``outputs`` holds the MW of what runs or is curtailed."""
    units = apply_dispatch(build_units(sites, factors.voltage_pu), outputs, factors.voltage_pu)
    links = [{"id": row["id"], "p_mw": row["p_mw"]} for row in build_hvdc(factors.hvdc)]
    return {"generator": units + build_renewables(sites, factors, outputs), "hvdc": links}


def list_columns(network: str) -> dict[str, list[str]]:
    """List the columns of every table of a network."""
    if network == "2025-backbone":
        return COLUMNS
    return {
        **COLUMNS,
        "load": LOAD_COLUMNS_154,
        "transformer": TRANSFORMER_COLUMNS_154,
    }


def write_network(tables: dict[str, list[Row]], folder: Path, network: str = "2025-backbone") -> None:
    """Write ``network.toml`` and the tables of a network."""
    columns = list_columns(network)
    for name, rows in tables.items():
        write_rows(folder / "tables" / f"{name}.csv", columns[name], rows)
    header = NETWORK_TOML.format(base=BASE_MVA, network=network, title=TITLES[network])
    (folder / "network.toml").write_text(header, encoding="utf-8", newline="\n")


BUILDERS: dict[str, Callable[[str | None], dict[str, list[Row]]]] = {
    "2025-backbone": build_tables,
    "2025": build_tables_154,
}


def main() -> None:
    """Build the networks into their folders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=tuple(BUILDERS), default=None, help="only this one")
    parser.add_argument("--out", type=Path, default=None, help="another folder; needs --network")
    parser.add_argument("--conductor", choices=("x2", "x4"), default=None)
    arguments = parser.parse_args()
    if arguments.out is not None and arguments.network is None:
        parser.error("--out holds one network: say which with --network")
    for network in [arguments.network] if arguments.network else list(BUILDERS):
        tables = BUILDERS[network](arguments.conductor)
        folder = arguments.out or TARGETS[network]
        write_network(tables, folder, network)
        write_plan(network, tables, folder / "plan", list_columns(network))
        counts = ", ".join(f"{len(rows)} {name}" for name, rows in tables.items())
        print(f"korea-{network}: {counts}")


if __name__ == "__main__":
    main()
