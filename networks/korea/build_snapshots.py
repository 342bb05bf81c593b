"""Make what hangs on the grid and how it changes between snapshots: loads, generators, storage, shunts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from build_sources import Row, fixed, flag, read_facts

CAPITAL = ("Seoul", "Incheon", "Gyeonggi")
#: Share of its capacity with which a unit takes up an imbalance, by fuel (assumed): gas is the marginal fuel,
#: coal is slower, nuclear, hydro, sun and wind stay.
PICKUP = {"lng": 1.0, "oil": 1.0, "coal": 0.3}
#: Coal there stands behind a published export limit and takes up nothing.
NO_PICKUP_ZONE = "eastcoast"
LOAD_COLUMNS = (
    "id bus p_mw q_mvar annual_gwh kind name name_ko province site in_service source confidence".split()
)
GENERATOR_COLUMNS = (
    "id bus p_mw q_mvar p_min_mw p_max_mw q_min_mvar q_max_mvar vm_pu regulating participation fuel plant "
    "name name_ko province site ramp_10_mw cost_c0_per_h cost_c1_per_mwh cost_c2_per_mw2h startup_cost "
    "must_run combined_heat metered in_service note source confidence"
).split()
STORAGE_COLUMNS = (
    "id bus p_mw p_max_mw charge_max_mw e_mwh soc efficiency kind plant name name_ko province site "
    "in_service note source confidence"
).split()
SHUNT_COLUMNS = "id bus g_mw b_mvar name in_service source confidence".split()
SNAPSHOT_COLUMNS = ["id", "time", "note"]
VALUE_COLUMNS = ["snapshot", "table", "id", "column", "value"]


@dataclass(frozen=True)
class Factors:
    """The figures of one snapshot, as read from ``snapshot_factors.csv`` and ``snapshot_losses.csv``."""

    name: str
    time: str
    market_mw: float
    capital_share: float
    solar: float
    wind: float
    hydro: float
    reactive_ratio: float
    voltage_pu: float
    unmetered_share: float
    loss_mw: float
    hvdc: dict[str, float]
    note: str


def read_factors() -> list[Factors]:
    """Read the snapshots in the order of the file."""
    values = group_factors("snapshot_factors")
    share = float(values.pop("all")["unmetered_solar_share"]["value"])
    losses = {row["snapshot"]: float(row["loss_mw"]) for row in read_facts("snapshot_losses")}
    return [make_factors(name, rows, share, losses[name]) for name, rows in values.items()]


def group_factors(table: str) -> dict[str, dict[str, Row]]:
    """Read the figures of snapshots by snapshot and quantity."""
    values: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in read_facts(table):
        values[row["snapshot"]][row["quantity"]] = row
    return values


def make_factors(name: str, rows: dict[str, Row], share: float, loss_mw: float) -> Factors:
    """Turn the rows of one snapshot into ``Factors``."""

    def number(quantity: str) -> float:
        return float(rows[quantity]["value"])

    market = rows["market_demand"]
    note = (
        f"market demand {number('market_demand') / 1000:.1f} GW "
        f"({market['source']}; {market['confidence']}), "
        f"capital region {number('capital_share'):.0%}, sun at {number('solar_factor'):.0%} of capacity"
    )
    return Factors(
        name=name,
        time=rows["time"]["value"],
        market_mw=number("market_demand"),
        capital_share=number("capital_share"),
        solar=number("solar_factor"),
        wind=number("wind_factor"),
        hydro=number("hydro_factor"),
        reactive_ratio=number("reactive_ratio"),
        voltage_pu=number("voltage_setpoint"),
        unmetered_share=share,
        loss_mw=loss_mw,
        hvdc={key: number(key) for key in ("hvdc_bukdangjin_godeok", "hvdc_jeju")},
        note=note,
    )


def find_gross_mw(factors: Factors) -> float:
    """Return the gross load: metered generation and unmetered sun less the losses of this network."""
    solar_mw = sum(float(row["p_max_mw"]) for row in read_facts("renewables") if row["kind"] == "solar")
    return factors.market_mw + solar_mw * factors.solar * factors.unmetered_share - factors.loss_mw


def find_province_mw(factors: Factors) -> dict[str, float]:
    """Split the gross load on provinces: by sales inside and outside the capital region."""
    gross = find_gross_mw(factors)
    sales = {row["id"]: float(row["sales_2024_gwh"]) for row in read_facts("province_sales")}
    capital = sum(sales[province] for province in CAPITAL)
    rest = sum(sales.values()) - capital
    return {
        province: gross
        * (factors.capital_share / capital if province in CAPITAL else (1 - factors.capital_share) / rest)
        * energy
        for province, energy in sales.items()
    }


def find_loads_mw(factors: Factors) -> dict[str, float]:
    """Return the MW of every load row in a snapshot."""
    province_mw = find_province_mw(factors)
    return {
        row["id"]: round(province_mw[row["province"]] * float(row["share_of_province"]), 2)
        for row in read_facts("load_shares")
    }


def find_bus(site: Row, kv: str = "") -> str:
    """Return the bus of a site: at ``kv``, or its lowest level."""
    return f"{site['id']}-{kv or site['kv'].split('/')[-1]}"


def build_loads(sites: dict[str, Row], factors: Factors) -> list[Row]:
    """Make the load table with the values of the first snapshot."""
    sales = {row["id"]: float(row["sales_2024_gwh"]) for row in read_facts("province_sales")}
    loads = find_loads_mw(factors)
    rows = []
    for share in read_facts("load_shares"):
        site = sites[share["site"]]
        p_mw = loads[share["id"]]
        rows.append(
            {
                "id": share["id"],
                "bus": find_bus(site),
                "p_mw": fixed(p_mw, 2),
                "q_mvar": fixed(p_mw * factors.reactive_ratio, 2),
                "annual_gwh": fixed(sales[share["province"]] * float(share["share_of_province"]), 2),
                "kind": "demand",
                "name": f"{share['province']} demand at {site['name']}",
                "name_ko": f"{site['name_ko']} 부하({share['province']})",
                "province": share["province"],
                "site": share["site"],
                "in_service": "true",
                "source": share["source"],
                "confidence": share["confidence"],
            }
        )
    return rows


def find_participation(unit: Row, site: Row) -> float:
    """Return the participation factor of a unit [MW]."""
    if unit["fuel"] == "coal" and site["zone"] == NO_PICKUP_ZONE:
        return 0.0
    return PICKUP.get(unit["fuel"], 0.0) * float(unit["p_max_mw"])


def build_units(sites: dict[str, Row], voltage_pu: float) -> list[Row]:
    """Make the generator rows of plants, unit by unit, before dispatch."""
    rows = []
    for unit in read_facts("units"):
        site = sites[unit["site"]]
        rows.append(
            {
                "id": unit["id"],
                "bus": find_bus(site, unit["kv"]),
                "p_mw": "0.0",
                "q_mvar": "0.0",
                "p_min_mw": unit["p_min_mw"],
                "p_max_mw": unit["p_max_mw"],
                "q_min_mvar": unit["q_min_mvar"],
                "q_max_mvar": unit["q_max_mvar"],
                "vm_pu": fixed(voltage_pu, 4),
                "regulating": "true",
                "participation": fixed(find_participation(unit, site), 1),
                "fuel": unit["fuel"],
                "plant": unit["plant"],
                "name": unit["name"],
                "name_ko": unit["name_ko"],
                "province": unit["province"],
                "site": unit["site"],
                "ramp_10_mw": unit["ramp_10_mw"],
                "cost_c0_per_h": unit["cost_c0_krw_per_h"],
                "cost_c1_per_mwh": unit["cost_c1_krw_per_mwh"],
                "cost_c2_per_mw2h": unit["cost_c2_krw_per_mw2h"],
                "startup_cost": unit["startup_krw"],
                "must_run": flag(unit["must_run"] == "1"),
                "combined_heat": flag(unit["combined_heat"] == "1"),
                "metered": "true",
                "in_service": "true",
                "note": unit["note"],
                "source": unit["source"],
                "confidence": unit["confidence"],
            }
        )
    return rows


def list_renewables(unmetered_share: float) -> list[tuple[str, Row, float, bool]]:
    """List sun and wind as (id, fact row, MW, metered); sun is split into a metered and an unmetered part."""
    parts = []
    for row in read_facts("renewables"):
        capacity = float(row["p_max_mw"])
        if row["kind"] == "wind":
            parts.append((row["id"], row, capacity, True))
        else:
            unmetered = round(capacity * unmetered_share, 2)
            parts.append((f"{row['id']}:metered", row, round(capacity - unmetered, 2), True))
            parts.append((f"{row['id']}:unmetered", row, unmetered, False))
    return parts


def build_renewables(sites: dict[str, Row], factors: Factors, outputs: dict[str, float]) -> list[Row]:
    """Make the generator rows of sun and wind; ``outputs`` holds what is curtailed to less than it could."""
    rows = []
    for row_id, fact, capacity, metered in list_renewables(factors.unmetered_share):
        site = sites[fact["site"]]
        factor = factors.solar if fact["kind"] == "solar" else factors.wind
        names = {"solar": ("sun", "태양광"), "wind": ("wind", "풍력")}[fact["kind"]]
        tail = "" if fact["kind"] == "wind" else (" metered" if metered else " unmetered")
        rows.append(
            {
                "id": row_id,
                "bus": find_bus(site),
                "p_mw": fixed(outputs.get(row_id, capacity * factor), 2),
                "q_mvar": "0.0",
                "p_min_mw": "0.0",
                "p_max_mw": fixed(capacity, 2),
                "q_min_mvar": "0.0",
                "q_max_mvar": "0.0",
                "regulating": "false",
                "participation": "0.0",
                "fuel": fact["kind"],
                "name": f"{fact['province']} {names[0]} at {site['name']}{tail}",
                "name_ko": f"{site['name_ko']} {names[1]}({fact['province']})",
                "province": fact["province"],
                "site": fact["site"],
                "cost_c0_per_h": "0",
                "cost_c1_per_mwh": "0",
                "cost_c2_per_mw2h": "0",
                "must_run": "false",
                "combined_heat": "false",
                "metered": flag(metered),
                "in_service": "true",
                "source": fact["source"],
                "confidence": fact["confidence"],
            }
        )
    return rows


def build_storage(sites: dict[str, Row]) -> list[Row]:
    """Make the pumped-storage units, idle and half full."""
    rows = []
    for unit in read_facts("storage"):
        site = sites[unit["site"]]
        rows.append(
            {
                "id": unit["id"],
                "bus": find_bus(site, unit["kv"]),
                "p_mw": "0.0",
                "p_max_mw": unit["p_max_mw"],
                "charge_max_mw": unit["charge_max_mw"],
                "e_mwh": unit["e_mwh"],
                "soc": "0.5",
                "efficiency": unit["efficiency"],
                "kind": unit["kind"],
                "plant": unit["plant"],
                "name": unit["name"],
                "name_ko": unit["name_ko"],
                "province": unit["province"],
                "site": unit["site"],
                "in_service": "true",
                "note": "idle in every snapshot: held as reserve (assumption)",
                "source": unit["source"],
                "confidence": unit["confidence"],
            }
        )
    return rows


def build_shunts(first: str) -> list[Row]:
    """Make one shunt per bus that needs one in any snapshot, with the value of the first snapshot."""
    per_bus: dict[str, dict[str, float]] = defaultdict(dict)
    for row in read_facts("reactive"):
        per_bus[row["bus"]][row["snapshot"]] = float(row["b_mvar"])
    return [
        {
            "id": f"shunt:{bus}",
            "bus": bus,
            "g_mw": "0.0",
            "b_mvar": fixed(values[first], 1),
            "name": f"switched capacitors and reactors at {bus}",
            "in_service": "true",
            "source": "assumed: sizes not public; computed, in steps of 50 Mvar, to hold the target",
            "confidence": "assumed",
        }
        for bus, values in per_bus.items()
    ]


def apply_dispatch(units: list[Row], outputs: dict[str, float], voltage_pu: float) -> list[Row]:
    """Put one snapshot's output on the units; a unit without output is out of service."""
    rows = []
    for unit in units:
        p_mw = outputs.get(unit["id"], 0.0)
        state = {"p_mw": fixed(p_mw, 2), "in_service": flag(p_mw > 0), "vm_pu": fixed(voltage_pu, 4)}
        rows.append({**unit, **state})
    return rows


def read_dispatch() -> dict[str, dict[str, float]]:
    """Read the computed output of every committed unit by snapshot."""
    outputs: dict[str, dict[str, float]] = defaultdict(dict)
    for row in read_facts("dispatch"):
        outputs[row["snapshot"]][row["unit"]] = float(row["p_mw"])
    return outputs


def build_values(tables: dict[str, list[Row]], states: list[tuple[str, dict[str, list[Row]]]]) -> list[Row]:
    """List, per snapshot, every cell that differs from the tables.

    Parameters
    ----------
    tables : dict
        The standing tables.
    states : list of (snapshot, tables)
        The same tables in every snapshot; only rows that stand in both are compared.
    """
    rows = []
    for snapshot, state in states:
        for table, entries in state.items():
            standing = {row["id"]: row for row in tables[table]}
            for entry in entries:
                for column, value in entry.items():
                    if value != standing[entry["id"]].get(column, ""):
                        rows.append(make_value(snapshot, table, entry["id"], column, value))
    return rows


def make_value(snapshot: str, table: str, row_id: str, column: str, value: str) -> Row:
    """Make one row of the snapshot_value table."""
    return {"snapshot": snapshot, "table": table, "id": row_id, "column": column, "value": value}
