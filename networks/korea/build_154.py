"""Make the tables of ``korea-2025``: the backbone with the synthetic 154 kV level under it.

The backbone's tables are taken as they are, less its two 154 kV equivalents; what hangs at 154 kV moves
there. Everything synthetic is read from ``sources/synthetic/`` and marked ``synthetic`` in its row.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

from build_grid import BASE_MVA, read_by_id
from build_snapshots import (
    Factors,
    find_loads_mw,
    group_factors,
    list_renewables,
    make_factors,
    read_factors,
)
from build_sources import SOURCES, Row, fixed, flag, read_facts
from build_taps import hold_levels, set_taps

SYNTHETIC = SOURCES / "synthetic"
SOURCE = "synthetic: made by networks/korea/synthesize.py, methods in the data sheet"
EQUIVALENTS = {"southwest", "jeju"}
#: 154/22.9 kV transformers of a substation [MVA]: four of 60 MVA, three usable (assumed).
SUBSTATION_MVA = 240.0
USABLE_MVA = 180.0
DIRECT_NOTE = "more than three transformers carry: the rest is taken by customers at 154 kV (assumed)"
#: A 345/154 kV bank: impedance in percent of its rating (assumed, typical, as at Singangjin on the backbone).
BANK_MVA, BANK_X_PERCENT, BANK_R_PERCENT = 500.0, 12.0, 0.30
#: No-load losses of every bank in percent of its rating (assumed, typical of such autotransformers).
IRON_PERCENT = 0.04
#: The same of 154/22.9 kV transformers, which are smaller (assumed, typical).
SUBSTATION_IRON_PERCENT = 0.05
#: Ids of shunts that snapshots switch.
SWITCHED = "shunt:"
BANK_TAPS = {"tap_min": "0.900", "tap_max": "1.100", "tap_step": "0.0125"}
SYNTHETIC_CONDUCTOR = {"overhead": "d2", "cable": "cable154"}


def read_synthetic(name: str) -> list[Row]:
    """Read one synthetic table."""
    return read_facts(name, SYNTHETIC)


def is_kept(row: Row) -> bool:
    """Say whether a row of the backbone stands on a real station."""
    ends = [row[column] for column in ("bus", "from_bus", "to_bus") if column in row]
    return not any(end.rsplit("-", 1)[0] in EQUIVALENTS for end in ends)


def list_substations(sites: dict[str, Row]) -> dict[str, Row]:
    """List the substations with the zone of the interfaces that their station is in."""
    return {
        row["id"]: {**row, "zone": sites[row["station"]]["zone"]} for row in read_synthetic("substations")
    }


def build_sites_154(substations: dict[str, Row]) -> list[Row]:
    """Make the site rows of the substations."""
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "name_ko": row["name_ko"],
            "lat": row["lat"],
            "lon": row["lon"],
            "province": row["province"],
            "municipality": row["municipality"],
            "kind": "substation",
            "assessable": "false",
            "note": "synthetic: its place, name and lines are made by a method, not known",
            "zone": row["zone"],
            "name_confidence": "synthetic",
            "coordinate_confidence": "synthetic",
            "as_of": "2026-11",
            "source": SOURCE,
            "confidence": "synthetic",
        }
        for row in substations.values()
    ]


def build_buses_154(sites: dict[str, Row], substations: dict[str, Row], reference: str) -> list[Row]:
    """Make the 154 kV buses: a section for every root of a zone, and the substations."""
    rows = []
    for bank in read_synthetic("banks"):
        station, _, section = bank["id"].partition("-154")
        site = sites[station]
        tail = section.replace("-", " section ")
        rows.append(
            describe_bus(
                bank["id"],
                site,
                station,
                (f"{site['name']} 154 kV{tail}", f"{site['name_ko']} 154kV{section}"),
            )
        )
    for row in substations.values():
        names = (f"{row['name']} 154 kV", f"{row['name_ko']} 154kV")
        rows.append(describe_bus(f"{row['id']}-154", row, row["id"], names))
    return [{**row, "reference": flag(row["id"] == reference)} for row in rows]


def describe_bus(bus: str, place: Row, site: str, names: tuple[str, str]) -> Row:
    """Make one 154 kV bus at a place."""
    return {
        "id": bus,
        "vn_kv": "154.0",
        "name": names[0],
        "name_ko": names[1],
        "lat": place["lat"],
        "lon": place["lon"],
        "province": place["province"],
        "area": "jeju" if place["zone"] == "jeju" else "mainland",
        "zone": place["zone"],
        "site": site,
        "equivalent": "false",
        "in_service": "true",
        "source": SOURCE,
        "confidence": "synthetic",
    }


def build_lines_154(buses: dict[str, Row]) -> list[Row]:
    """Make one row per 154 kV circuit."""
    conductors = read_by_id("conductors")
    rows = []
    for route in read_synthetic("routes"):
        kind = conductors[SYNTHETIC_CONDUCTOR[route["construction"]]]
        length = float(route["length_km"])
        rate = fixed(float(kind["rate_mva"]), 1)
        ends = [buses[route["from_bus"]], buses[route["to_bus"]]]
        names, names_ko = ([strip_level(end[key]) for end in ends] for key in ("name", "name_ko"))
        for circuit in range(1, int(route["circuits"]) + 1):
            cable = route["construction"] == "cable"
            rows.append(
                {
                    "id": f"{route['id']}:{circuit}",
                    "from_bus": route["from_bus"],
                    "to_bus": route["to_bus"],
                    "length_km": fixed(length, 2),
                    "r_ohm": fixed(length * float(kind["r_ohm_per_km"]), 5),
                    "x_ohm": fixed(length * float(kind["x_ohm_per_km"]), 5),
                    "b_us": fixed(length * float(kind["b_us_per_km"]), 3),
                    "rate_mva": rate,
                    "rate_b_mva": rate,
                    "rate_c_mva": rate,
                    "circuit": str(circuit),
                    "tower": "" if cable else f"{route['id']}@{(circuit + 1) // 2}",
                    "route": route["id"],
                    "name": f"{names[0]} - {names[1]} {circuit}",
                    "name_ko": f"{names_ko[0]}-{names_ko[1]} {circuit}",
                    "construction": route["construction"],
                    "conductor": kind["conductor"],
                    "length_basis": "straight line x route factor",
                    "circuits_basis": "synthetic",
                    "in_service": flag(route["in_service"] == "1"),
                    "assumed": "true",
                    "note": route["role"],
                    "source": SOURCE,
                    "confidence": "synthetic",
                }
            )
    return rows


def strip_level(name: str) -> str:
    """Drop the voltage level from the name of a bus."""
    return name.replace(" 154 kV", "").replace(" 154kV", "")


def build_banks(sites: dict[str, Row]) -> list[Row]:
    """Make one row per 345/154 kV bank."""
    to_base = BASE_MVA / BANK_MVA / 100.0
    rate = fixed(BANK_MVA, 1)
    rows = []
    for group in read_synthetic("banks"):
        station, _, section = group["id"].partition("-154")
        site = sites[station]
        number = f"{section.replace('-', '')}-" if section else ""
        for bank in range(1, int(group["banks"]) + 1):
            rows.append(
                {
                    "id": f"{station}-345-154{section}:{bank}",
                    "from_bus": f"{station}-345",
                    "to_bus": group["id"],
                    "r_pu": fixed(BANK_R_PERCENT * to_base, 7),
                    "x_pu": fixed(BANK_X_PERCENT * to_base, 7),
                    "b_pu": "0.0",
                    "rate_mva": rate,
                    "rate_b_mva": rate,
                    "rate_c_mva": rate,
                    "tap_ratio": "1.0000",
                    "shift_degree": "0.0",
                    **BANK_TAPS,
                    "circuit": str(bank),
                    "name": f"{site['name']} 345/154 kV bank {number}{bank}",
                    "name_ko": f"{site['name_ko']} 345/154kV {number}{bank}호 변압기",
                    "in_service": "true",
                    "banks_source": "synthetic: largest net load of the zone at 70 % of its N-1 capacity",
                    "source": "bank size published (500 MVA); impedance and taps assumed, typical",
                    "confidence": "synthetic",
                }
            )
    return rows


def add_iron_losses(banks: list[Row]) -> list[Row]:
    """Give every bank its no-load losses as a conductance on the network's base."""
    return [
        {**row, "g_pu": fixed(float(row["rate_mva"]) * IRON_PERCENT / 100.0 / BASE_MVA, 7)} for row in banks
    ]


def find_loads_154(factors: Factors) -> dict[str, dict[str, float]]:
    """Return the MW of every substation by province of the demand."""
    of_backbone = find_loads_mw(factors)
    loads: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in read_synthetic("loads"):
        loads[row["substation"]][row["province"]] += float(row["part"]) * of_backbone[row["load"]]
    return loads


def build_loads_154(substations: dict[str, Row], factors: Factors) -> list[Row]:
    """Make the load table: one row per substation and province of the demand."""
    energy = {row["id"]: float(row["sales_2024_gwh"]) for row in read_facts("province_sales")}
    share = {row["id"]: float(row["share_of_province"]) for row in read_facts("load_shares")}
    gwh: dict[tuple[str, str], float] = defaultdict(float)
    for row in read_synthetic("loads"):
        gwh[row["substation"], row["province"]] += (
            float(row["part"]) * share[row["load"]] * energy[row["province"]]
        )
    rows = []
    for substation, parts in find_loads_154(factors).items():
        site = substations[substation]
        apparent_mva = sum(parts.values()) * math.hypot(1.0, factors.reactive_ratio)
        note = DIRECT_NOTE if apparent_mva > USABLE_MVA else ""
        for province, p_mw in parts.items():
            rows.append(
                {
                    "id": f"{substation}:{province}",
                    "bus": f"{substation}-154",
                    "p_mw": fixed(p_mw, 2),
                    "q_mvar": fixed(p_mw * factors.reactive_ratio, 2),
                    "annual_gwh": fixed(gwh[substation, province], 2),
                    "kind": "demand",
                    "name": f"{province} demand at {site['name']}",
                    "name_ko": f"{site['name_ko']} 부하({province})",
                    "province": province,
                    "site": substation,
                    "transformer_mva": fixed(SUBSTATION_MVA, 1),
                    "usable_mva": fixed(USABLE_MVA, 1),
                    "note": note,
                    "in_service": "true",
                    "source": "load of the 345 kV station (KPG 193 v2.0, ODbL; sales) shared by method",
                    "confidence": "synthetic",
                }
            )
    return rows


def move_units(units: list[Row]) -> list[Row]:
    """Move the smaller plants to their 154 kV bus, and say why."""
    place = {row["id"]: row for row in read_synthetic("units")}
    rows = []
    for unit in units:
        moved = place.get(unit["id"])
        if moved is None:
            rows.append(unit)
            continue
        bus = moved["bus"]
        note = f"at 154 kV by size (assumed): {moved['basis']}"
        rows.append(
            {
                **unit,
                "bus": bus,
                "site": bus.partition("-154")[0],
                "note": "; ".join(text for text in (unit["note"], note) if text),
                "confidence": "synthetic",
            }
        )
    return rows


def build_renewables_154(
    renewables: list[Row], substations: dict[str, Row], unmetered_share: float
) -> list[Row]:
    """Share the sun and wind rows of the backbone on substations, outputs and capacities alike."""
    of_fact: dict[str, list[Row]] = defaultdict(list)
    for row in read_synthetic("renewables"):
        of_fact[row["fact"]].append(row)
    fact_of = {row_id: fact["id"] for row_id, fact, _, _ in list_renewables(unmetered_share)}
    sums: dict[tuple[str, str, str], Row] = {}
    for row in renewables:
        for part in of_fact[fact_of[row["id"]]]:
            site = substations[part["substation"]]
            key = (part["substation"], row["fuel"], row["metered"])
            new = sums.setdefault(key, describe_renewable(row, site))
            for column in ("p_mw", "p_max_mw"):
                new[column] = repr(float(new[column]) + float(row[column]) * float(part["part"]))
    return [
        {**row, "p_mw": fixed(float(row["p_mw"]), 2), "p_max_mw": fixed(float(row["p_max_mw"]), 2)}
        for row in sums.values()
    ]


def describe_renewable(row: Row, site: Row) -> Row:
    """Make an empty sun or wind row at a substation like a row of the backbone."""
    word, word_ko = {"solar": ("sun", "태양광"), "wind": ("wind", "풍력")}[row["fuel"]]
    tail = "" if row["fuel"] == "wind" else (":metered" if row["metered"] == "true" else ":unmetered")
    return {
        **row,
        "id": f"{row['fuel']}:{site['id']}{tail}",
        "bus": f"{site['id']}-154",
        "p_mw": "0.0",
        "p_max_mw": "0.0",
        "name": f"{word} at {site['name']}{tail.replace(':', ' ')}",
        "name_ko": f"{site['name_ko']} {word_ko}",
        "province": site["province"],
        "site": site["id"],
        "source": "KPG 193 v2.0 capacity by region (ODbL), scaled to the national total, shared by method",
        "confidence": "synthetic",
    }


def move_links(hvdc: list[Row]) -> list[Row]:
    """Put the links to Jeju on the substations of their towns."""
    place = {row["id"]: row for row in read_synthetic("links")}
    rows = []
    for link in hvdc:
        moved = place.get(link["id"])
        ends = {"from_bus": moved["from_bus"], "to_bus": moved["to_bus"]} if moved else {}
        note = "; substation of the town of its converter" if moved else ""
        rows.append({**link, **ends, "note": link["note"] + note})
    return rows


def read_factors_154() -> list[Factors]:
    """Read the snapshots of the backbone and the seasonal ones, with the losses of this network."""
    losses = {row["snapshot"]: float(row["loss_mw"]) for row in read_synthetic("snapshot_losses")}
    shared = [replace(factors, loss_mw=losses[factors.name]) for factors in read_factors()]
    return shared + read_seasons(losses)


def read_seasons(losses: dict[str, float]) -> list[Factors]:
    """Read the seasonal snapshots with the losses [MW] of this network."""
    share = read_factors()[0].unmetered_share
    seasons = group_factors("season_factors").items()
    return [make_factors(name, rows, share, losses[name]) for name, rows in seasons]


def read_dispatch_154() -> dict[str, dict[str, float]]:
    """Read the output of units, and of curtailed sun and wind, by snapshot."""
    outputs: dict[str, dict[str, float]] = defaultdict(dict)
    for row in read_synthetic("dispatch"):
        outputs[row["snapshot"]][row["generator"]] = float(row["p_mw"])
    return outputs


def curtail(generators: list[Row], outputs: dict[str, float]) -> list[Row]:
    """Give sun and wind that the dispatch curtails their output."""
    return [
        {**row, "p_mw": fixed(outputs[row["id"]], 2)}
        if row["fuel"] in ("solar", "wind") and row["id"] in outputs
        else row
        for row in generators
    ]


def read_reactive() -> dict[str, dict[str, str]]:
    """Read the switched shunts [Mvar at 1 p.u.] by snapshot and bus."""
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for row in read_synthetic("reactive"):
        values[row["snapshot"]][row["bus"]] = fixed(float(row["b_mvar"]), 1)
    return values


def build_shunts_154(first: str) -> list[Row]:
    """Make one shunt per bus that needs one in any snapshot, with the value of the first snapshot."""
    return [
        {
            "id": f"{SWITCHED}{bus}",
            "bus": bus,
            "g_mw": "0.0",
            "b_mvar": b_mvar,
            "name": f"switched capacitors and reactors at {bus}",
            "in_service": "true",
            "source": "assumed: sizes not public; computed by the rule of the data sheet to hold the target",
            "confidence": "synthetic",
        }
        for bus, b_mvar in read_reactive().get(first, {}).items()
    ]


def find_switched(shunts: list[Row], snapshot: str) -> list[Row]:
    """Read what each switched shunt gives in a snapshot."""
    switched = read_reactive().get(snapshot, {})
    return [
        {"id": row["id"], "b_mvar": switched.get(row["bus"], "0.0")}
        for row in shunts
        if row["id"].startswith(SWITCHED)
    ]


def build_iron_losses(substations: dict[str, Row]) -> list[Row]:
    """Make the no-load losses of the 154/22.9 kV transformers, one shunt per substation."""
    return [
        {
            "id": f"iron:{row['id']}-154",
            "bus": f"{row['id']}-154",
            "g_mw": fixed(SUBSTATION_MVA * SUBSTATION_IRON_PERCENT / 100.0, 3),
            "b_mvar": "0.0",
            "name": f"no-load losses of the 154/22.9 kV transformers at {row['name']}",
            "in_service": "true",
            "source": f"assumed: {SUBSTATION_IRON_PERCENT} % of 4 x 60 MVA, typical; always energised",
            "confidence": "assumed",
        }
        for row in substations.values()
    ]


def build_standing_154(
    sites: dict[str, Row], backbone: dict[str, list[Row]], first: Factors
) -> dict[str, list[Row]]:
    """Put the 154 kV level under the standing tables of the backbone; generators as in the first snapshot."""
    substations = list_substations(sites)
    links = move_links(backbone["hvdc"])
    reference = next(row["to_bus"] for row in links if row["id"] == "jeju-1")
    buses = [row for row in backbone["bus"] if row["site"] not in EQUIVALENTS]
    buses += build_buses_154(sites, substations, reference)
    lines = [row for row in backbone["line"] if is_kept(row)]
    lines += build_lines_154({row["id"]: row for row in buses})
    return {
        "site": [row for row in backbone["site"] if row["id"] not in EQUIVALENTS]
        + build_sites_154(substations),
        "bus": buses,
        "line": lines,
        "transformer": add_iron_losses(
            set_taps([row for row in backbone["transformer"] if is_kept(row)] + build_banks(sites))
        ),
        "hvdc": links,
        **build_state_154(sites, backbone, first),
        "storage": backbone["storage"],
        "shunt": build_shunts_154(first.name) + build_iron_losses(substations),
    }


def build_state_154(
    sites: dict[str, Row], backbone: dict[str, list[Row]], factors: Factors
) -> dict[str, list[Row]]:
    """Make loads and generators of one snapshot from the backbone's generators in that snapshot."""
    substations = list_substations(sites)
    weather = [row for row in backbone["generator"] if row["fuel"] in ("solar", "wind")]
    plants = [row for row in backbone["generator"] if row["fuel"] not in ("solar", "wind")]
    return {
        "load": build_loads_154(substations, factors),
        "generator": hold_levels(move_units(plants))
        + build_renewables_154(weather, substations, factors.unmetered_share),
    }
