"""Build the network ``rts-96`` from the fact tables in ``sources/``.

Run ``python networks/rts/build.py`` from the root of the repository; ``--out`` writes into another folder.
The result is the same byte for byte on every machine: it holds nothing but lengths, products and sums.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE / "1996"
BASE_MVA = 100.0
KM_PER_MILE = 1.609344
AREAS = {"1": "A", "2": "B", "3": "C"}
#: Stations with more than one bus: numbers in an area, and where they stand.
STATIONS = ((3, 24), (9, 10, 11, 12))
STATION_OF_AREA_3 = ("323", "325")
#: Its nuclear unit runs in every snapshot (in the paper 113, whose oil units do not).
REFERENCE = "121"
#: Part of the load that is lost on the way: assumed. The power flow shares out what this misses.
LOSSES = 0.02
PAPER = "RTS-96 (doi:10.1109/59.780914)"
PLACES = "RTS-GMLC, DOE/NREL/ALLIANCE"
HEADER = """\
# Written by networks/rts/build.py; do not edit by hand.
schema_version = 1
name = "rts-96"
title = "IEEE Reliability Test System 1996, three areas; places as in RTS-GMLC"
base_mva = 100.0
frequency_hz = 60.0
currency = "USD"
vintage = "1996"
licence = "NREL data use agreement for places and names; figures of IEEE papers"
attribution = "Grigg et al. 1999, doi:10.1109/59.780914; places: RTS-GMLC, DOE/NREL/ALLIANCE"
reactive_limits = true

[documents]
criteria = "../criteria.toml"
connection_rules = "../connection_rules.toml"
costs = "../costs.toml"
"""
Row = Mapping[str, str]


def read_rows(name: str) -> list[dict[str, str]]:
    with (HERE / "sources" / name).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def fixed(value: float, digits: int = 5) -> str:
    return f"{value:.{digits}f}"


def build_buses(places: Mapping[str, Row]) -> list[dict[str, str]]:
    """Three areas of the same 24 buses, and one more in area 3."""
    rows = []
    for area in AREAS:
        for row in read_rows("bus.csv"):
            name = f"{int(area) * 100 + int(row['number'])}"
            if name not in places:
                continue
            place = places[name]
            rows.append(
                {
                    "id": name,
                    "vn_kv": row["vn_kv"],
                    "name": f"{place['name']} {row['vn_kv']} kV",
                    "lat": place["lat"],
                    "lon": place["lon"],
                    "province": f"Area {area}",
                    "area": area,
                    "site": find_station(name),
                    "reference": "true" if name == REFERENCE else "false",
                    "in_service": "true",
                    "source": f"{PAPER}; place: {PLACES}",
                    "confidence": "high",
                }
            )
    return rows


def find_station(bus: str) -> str:
    """Give the station of a bus: the lowest bus of those that share one."""
    if bus in STATION_OF_AREA_3:
        return STATION_OF_AREA_3[0]
    number = int(bus) % 100
    first = next((min(one) for one in STATIONS if number in one), number)
    return f"{int(bus) // 100 * 100 + first}"


def build_sites(places: Mapping[str, Row], buses: Sequence[Row]) -> list[dict[str, str]]:
    return [
        {
            "id": name,
            "name": places[name]["name"],
            "lat": places[name]["lat"],
            "lon": places[name]["lon"],
            "province": f"Area {name[0]}",
            "kind": "substation",
            "assessable": "true",
            "source": f"{PLACES}; buses joined by transformers share a station: assumed",
            "confidence": "assumed",
        }
        for name in sorted({row["site"] for row in buses})
    ]


def list_branches() -> list[dict[str, str]]:
    """Branches of the three areas, then the ties, with the names of their buses."""
    rows = []
    for area, letter in AREAS.items():
        for row in read_rows("branch.csv"):
            ends = {f"{end}_bus": f"{int(area) * 100 + int(row[f'{end}_number'])}" for end in ("from", "to")}
            rows.append({**row, **ends, "name": f"{letter}{row['name']}"})
    return rows + [{**row, "tap_ratio": "", "construction": "overhead"} for row in read_rows("tie.csv")]


def build_lines(kv: Mapping[str, float]) -> list[dict[str, str]]:
    rows = []
    for row in list_branches():
        if row["kind"] != "line":
            continue
        ohm = kv[row["from_bus"]] ** 2 / BASE_MVA
        route, _, circuit = row["name"].partition("-")
        pair = circuit != "" and route[0] in AREAS.values() and route[1:].isdigit()
        rows.append(
            {
                "id": row["name"],
                "from_bus": row["from_bus"],
                "to_bus": row["to_bus"],
                "length_km": fixed(float(row["miles"]) * KM_PER_MILE, 2),
                "r_ohm": fixed(float(row["r_pu"]) * ohm),
                "x_ohm": fixed(float(row["x_pu"]) * ohm),
                "b_us": fixed(float(row["b_pu"]) / ohm * 1e6, 3),
                "rate_mva": row["rate_mva"],
                "rate_b_mva": row["rate_b_mva"],
                "rate_c_mva": row["rate_c_mva"],
                "circuit": circuit if pair else "1",
                "tower": route if pair else "",
                "route": route if pair else row["name"],
                "construction": row["construction"],
                "in_service": "true",
                "source": f"{PAPER}; parallel circuits share towers: assumed" if pair else PAPER,
                "confidence": "high",
            }
        )
    return rows


def build_transformers() -> list[dict[str, str]]:
    """List transformers with the tap at the high side, and the phase shifter at its neutral position.

    The paper has the tap at the low side: with it at the other end the ratio is turned over, and the
    impedance, which then lies on the low side, is that of the paper times the ratio squared.
    """
    rows = []
    for row in list_branches():
        if row["kind"] == "line":
            continue
        ratio = float(row["tap_ratio"] or 1.0)
        rows.append(
            {
                "id": row["name"],
                "from_bus": row["from_bus"],
                "to_bus": row["to_bus"],
                "r_pu": fixed(float(row["r_pu"]) * ratio**2, 7),
                "x_pu": fixed(float(row["x_pu"]) * ratio**2, 7),
                "rate_mva": row["rate_mva"],
                "rate_b_mva": row["rate_b_mva"],
                "rate_c_mva": row["rate_c_mva"],
                "tap_ratio": fixed(1.0 / ratio, 7),
                "shift_degree": "0.0",
                "circuit": "1",
                "in_service": "true",
                "source": PAPER,
                "confidence": "high",
            }
        )
    return rows


def build_loads(buses: Sequence[Row]) -> list[dict[str, str]]:
    figures = {row["number"]: row for row in read_rows("bus.csv")}
    rows = []
    for bus in buses:
        row = figures[str(int(bus["id"]) % 100)]
        if float(row["p_mw"]) > 0:
            rows.append(
                {
                    "id": f"load:{bus['id']}",
                    "bus": bus["id"],
                    "p_mw": row["p_mw"],
                    "q_mvar": row["q_mvar"],
                    "kind": "demand",
                    "in_service": "true",
                    "source": PAPER,
                    "confidence": "high",
                }
            )
    return rows


def build_shunts(buses: Sequence[Row]) -> list[dict[str, str]]:
    figures = {row["number"]: row["b_mvar"] for row in read_rows("bus.csv")}
    return [
        {
            "id": f"shunt:{bus['id']}",
            "bus": bus["id"],
            "g_mw": "0",
            "b_mvar": figures[str(int(bus["id"]) % 100)],
            "in_service": "true",
            "source": PAPER,
            "confidence": "high",
        }
        for bus in buses
        if float(figures[str(int(bus["id"]) % 100)])
    ]


def build_units(buses: Sequence[Row]) -> list[dict[str, str]]:
    types = {row["type"]: row for row in read_rows("unit_type.csv")}
    voltages = {row["number"]: row["vm_pu"] for row in read_rows("bus.csv")}
    known = {row["id"] for row in buses}
    rows = []
    for area in AREAS:
        for row in read_rows("unit.csv"):
            bus = f"{int(area) * 100 + int(row['number'])}"
            assert bus in known
            kind = types[row["type"]]
            condenser = kind["fuel"] == "synchronous_condenser"
            for number in range(1, int(row["count"]) + 1):
                rows.append(
                    {
                        "id": f"{bus}-{row['type']}-{number}",
                        "bus": bus,
                        "p_mw": "0",
                        **{key: kind[key] for key in ("p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar")},
                        "vm_pu": voltages[row["number"]],
                        "regulating": "true",
                        "fuel": "other" if condenser else kind["fuel"],
                        "plant": f"{bus} {kind['fuel'].replace('_', ' ')}",
                        **{key: kind[key] for key in COSTS},
                        "in_service": "true",
                        "source": f"{PAPER}; costs: MATPOWER case24_ieee_rts; dispatch: merit order",
                        "confidence": "high",
                    }
                )
    return rows


COSTS = ("cost_c0_per_h", "cost_c1_per_mwh", "cost_c2_per_mw2h")


def dispatch(units: Iterable[Row], load_mw: float, shut_down: Sequence[str]) -> dict[str, float | None]:
    """Load units in the order of their mean cost at full output; None: shut down.

    All others run at their lowest output at least.
    """
    order = sorted(units, key=rank)
    output = {
        row["id"]: None if row["id"].split("-")[1] in shut_down else float(row["p_min_mw"]) for row in order
    }
    left = load_mw - sum(power for power in output.values() if power is not None)
    for row in order:
        power = output[row["id"]]
        if power is not None:
            step = max(0.0, min(left, float(row["p_max_mw"]) - power))
            output[row["id"]] = power + step
            left -= step
    return output


def rank(row: Row) -> tuple[float, str]:
    """Mean cost at full output, then the id."""
    p = float(row["p_max_mw"])
    c0, c1, c2 = (float(row[key]) for key in COSTS)
    return (round(c0 / p + c1 + c2 * p, 6) if p else 0.0, row["id"])


def build_states(
    units: list[dict[str, str]], loads: Sequence[Row]
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Write the peak into the tables and the other hours beside them."""
    snapshots, values = [], []
    demand = sum(float(row["p_mw"]) for row in loads)
    for k, hour in enumerate(read_rows("hour.csv")):
        share = float(hour["share_percent"]) / 100.0
        snapshots.append({"id": hour["snapshot"], "time": hour["time"], "note": f"{hour['note']} ({PAPER})"})
        output = dispatch(units, demand * share * (1.0 + LOSSES), hour["shut_down"].split())

        def put(table: str, key: str, column: str, value: str, name: str = hour["snapshot"]) -> None:
            values.append({"snapshot": name, "table": table, "id": key, "column": column, "value": value})

        if k == 0:
            for row in units:
                row["p_mw"] = fixed(output[row["id"]] or 0.0, 2)
                row["in_service"] = "false" if output[row["id"]] is None else "true"
            continue
        for row in loads:
            put("load", row["id"], "p_mw", fixed(float(row["p_mw"]) * share, 2))
            put("load", row["id"], "q_mvar", fixed(float(row["q_mvar"]) * share, 2))
        for row in units:
            power = output[row["id"]]
            put("generator", row["id"], "p_mw", fixed(power or 0.0, 2))
            if (power is None) != (row["in_service"] == "false"):
                put("generator", row["id"], "in_service", "false" if power is None else "true")
    return snapshots, values


def build_interfaces(lines: Sequence[Row]) -> list[dict[str, str]]:
    """List what leaves an area, over the lines that end in another."""
    rows = []
    for line in lines:
        ends = sorted((line["from_bus"][0], line["to_bus"][0]))
        if ends[0] != ends[1]:
            name = f"area {ends[0]} to area {ends[1]}"
            rows.append(
                {
                    "id": f"{name}/{line['id']}",
                    "name": name,
                    "member": line["id"],
                    "direction": "1" if line["from_bus"][0] == ends[0] else "-1",
                    "source": "no limit is published",
                    "confidence": "high",
                }
            )
    return rows


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Build the network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET, help="folder of the network")
    out = parser.parse_args().out
    places = {row["bus"]: row for row in read_rows("place.csv")}
    buses = build_buses(places)
    lines, transformers = build_lines({row["id"]: float(row["vn_kv"]) for row in buses}), build_transformers()
    loads, units = build_loads(buses), build_units(buses)
    snapshots, values = build_states(units, loads)
    tables = {
        "bus": buses,
        "site": build_sites(places, buses),
        "line": lines,
        "transformer": transformers,
        "load": loads,
        "shunt": build_shunts(buses),
        "generator": units,
        "interface": build_interfaces(lines),
        "snapshot": snapshots,
        "snapshot_value": values,
    }
    for name, rows in tables.items():
        write_rows(out / "tables" / f"{name}.csv", rows)
    (out / "network.toml").write_text(HEADER, encoding="utf-8")


if __name__ == "__main__":
    main()
