"""From PowerIO's record of a network to the tables of a `Network`, and what does not fit through."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gridhub.errors import Issue, name_ids
from gridhub.interop.bridge import Bridge
from gridhub.interop.conversion_report import warn
from gridhub.interop.powerio_reader import Record, read_limit, read_number, read_rating
from gridhub.interop.powerio_units import add_generators, add_hvdc, add_static_compensators, add_storage
from gridhub.model.schema import BRANCH_TABLES

_KNOWN_EXTRAS = {"id", "psse_ip", "psse_iq", "psse_pl", "psse_ql", "psse_yp", "psse_yq"}


def _add_buses(bridge: Bridge, record: Record) -> None:
    no_base, isolated = [], []
    for row, bus in enumerate(record["buses"], start=1):
        id_ = str(bus["id"])
        vn_kv = read_number(bus["base_kv"])
        if not vn_kv > 0:
            no_base.append(id_)
            vn_kv = 1.0
        if bus["kind"] == "ISOLATED":
            isolated.append(id_)
        bridge.vn_kv[id_], bridge.kind[id_] = vn_kv, bus["kind"]
        bridge.add(
            "bus",
            id_,
            vn_kv=vn_kv,
            name=bus.get("name") or "",
            area=str(bus["area"]) if bus.get("area") is not None else "",
            zone=str(bus["zone"]) if bus.get("zone") is not None else "",
            bus_number=bus["id"],
            reference=bus["kind"] == "REF",
            vm_start_pu=read_limit(bus["vm"]),
            va_start_degree=read_limit(bus["va"]),
            v_min_pu=read_limit(bus["vmin"]),
            v_max_pu=read_limit(bus["vmax"]),
            in_service=bus["kind"] != "ISOLATED",
            source_row=row,
        )
    bridge.warn(
        "W-BASEKV",
        "bus",
        no_base,
        "vn_kv",
        "no base voltage given: 1 kV taken; per-unit values are unchanged",
    )
    if isolated:
        bridge.notes.append(
            f"{len(isolated)} buses isolated in the file are out of service ({name_ids(isolated)})"
        )


def _add_loads(bridge: Bridge, record: Record) -> None:
    dependent: dict[str, float] = {}
    for row, load in enumerate(record["loads"], start=1):
        bus = str(load["bus"])
        id_ = f"load:{bus}"
        isolated = bridge.kind[bus] == "ISOLATED"
        model = load.get("voltage_model")
        if model:
            constant = read_number(model.get("p_constant_power", 0.0))
            dependent[id_] = load["p"] - (constant if math.isfinite(constant) else 0.0)
        # the bus is what is out of service there
        on = bool(load["in_service"]) or isolated
        bridge.add("load", id_, bus=bus, p_mw=load["p"], q_mvar=load["q"], in_service=on, source_row=row)
    message = (
        f"{sum(dependent.values()):g} MW depend on the voltage in the file: taken as constant power at 1 p.u."
    )
    bridge.warn("W-ZIP", "load", dependent, "p_mw", message)


def _add_shunts(bridge: Bridge, record: Record) -> None:
    controlled: dict[str, float] = {}
    for row, shunt in enumerate(record["shunts"], start=1):
        bus = str(shunt["bus"])
        id_ = f"shunt:{bus}"
        if shunt.get("control"):
            controlled[id_] = shunt["b"]
        on = bool(shunt["in_service"]) or bridge.kind[bus] == "ISOLATED"
        bridge.add("shunt", id_, bus=bus, g_mw=shunt["g"], b_mvar=shunt["b"], in_service=on, source_row=row)
    message = f"switched by a control in the file: fixed as stored, {sum(controlled.values()):g} Mvar"
    bridge.warn("W-CONTROL", "shunt", controlled, "b_mvar", message)


def _split_charging(branch: Record) -> tuple[float, float, complex, complex]:
    """Give the symmetric shunt admittance (total g, b) and what is left over at either end [p.u.]."""
    charging = branch.get("charging")
    if not charging:
        return 0.0, read_number(branch["b"]), 0j, 0j
    start = complex(charging["g_fr"], charging["b_fr"])
    end = complex(charging["g_to"], charging["b_to"])

    def share(a: float, b: float) -> float:
        return 0.0 if a * b <= 0 else math.copysign(min(abs(a), abs(b)), a)

    half = complex(share(start.real, end.real), share(start.imag, end.imag))
    # what is left of rounding is none
    tolerance = 1e-9 * (abs(start) + abs(end))
    left, right = (y - half if abs(y - half) > tolerance else 0j for y in (start, end))
    return 2 * half.real, 2 * half.imag, left, right


def _add_branch(bridge: Bridge, row: int, branch: Record) -> str:
    """Add one branch and say what its left-over shunts are worth."""
    id_ = f"branch:{row}"
    ends = str(branch["from"]), str(branch["to"])
    kv = bridge.vn_kv[ends[0]], bridge.vn_kv[ends[1]]
    r, x = read_number(branch["r"]), read_number(branch["x"])
    tap, shift = read_number(branch["tap"]), read_number(branch["shift"])
    g, b, left, right = _split_charging(branch)
    limits = _read_angle_limits(branch)
    common = {
        "from_bus": ends[0],
        "to_bus": ends[1],
        "rate_mva": read_rating(branch["rate_a"]),
        "rate_b_mva": read_rating(branch["rate_b"]),
        "rate_c_mva": read_rating(branch["rate_c"]),
        "angle_min_degree": limits[0],
        "angle_max_degree": limits[1],
        "name": branch.get("name") or "",
        "in_service": bool(branch["in_service"]),
        "source_row": row,
    }
    plain = tap == 0.0 and shift == 0.0
    neither = r < 0 or (plain and kv[0] != kv[1])
    table = "series" if neither else "line" if plain else "transformer"
    if table == "line":
        z_base = kv[0] ** 2 / bridge.base_mva
        ohms = {"r_ohm": r * z_base, "x_ohm": x * z_base, "b_us": b / z_base * 1e6, "g_us": g / z_base * 1e6}
        bridge.add(table, id_, **common, **ohms)
    else:
        per_unit = {"r_pu": r, "x_pu": x, "g_pu": g, "b_pu": b}
        bridge.add(table, id_, **common, **per_unit, tap_ratio=tap if tap else 1.0, shift_degree=shift)
    ratio = tap if tap else 1.0
    if not 1e-3 < abs(ratio) < 1e3:
        bridge.issues.append(
            Issue("error", "E-TAP", "branch", id_, "tap_ratio", f"{tap:g}", "no tap is like that")
        )
        ratio = 1.0
    for end, bus, admittance in (("from", ends[0], left / ratio**2), ("to", ends[1], right)):
        if admittance:
            _add_left_over(bridge, f"shunt:{id_}:{end}", bus, admittance, bool(branch["in_service"]))
    return id_ if left or right else ""


def _add_left_over(bridge: Bridge, id_: str, bus: str, admittance: complex, on: bool) -> None:
    g_mw, b_mvar = admittance.real * bridge.base_mva, admittance.imag * bridge.base_mva
    bridge.add("shunt", id_, bus=bus, g_mw=g_mw, b_mvar=b_mvar, in_service=on)
    bridge.added["shunt"] += 1
    bridge.added["shunt_mw"] += g_mw
    bridge.added["shunt_mvar"] += b_mvar


def _read_angle_limits(branch: Record) -> tuple[float, float]:
    """Read the angle limits; 0 for both, or 360 and beyond, says there is none."""
    low, high = read_limit(branch["angmin"]), read_limit(branch["angmax"])
    if low == 0.0 and high == 0.0:
        return math.nan, math.nan
    return (low if low > -360.0 else math.nan), (high if high < 360.0 else math.nan)


def _add_branches(bridge: Bridge, record: Record) -> None:
    uneven, controlled, ratings = [], [], []
    for row, branch in enumerate(record["branches"], start=1):
        if _add_branch(bridge, row, branch):
            uneven.append(f"branch:{row}")
        control = branch.get("control")
        if control and control.get("enabled") and control.get("mode") != "fixed":
            controlled.append(f"branch:{row}")
        if branch.get("rating_sets") or branch.get("current_ratings"):
            ratings.append(f"branch:{row}")
    negative = [f"branch:{row}" for row, branch in enumerate(record["branches"], start=1) if branch["r"] < 0]
    if negative:
        bridge.notes.append(
            f"{len(negative)} branches of negative resistance, as equivalents have them, are series elements "
            f"({name_ids(negative)})"
        )
    message = (
        "shunt admittance differs between the ends: the difference is kept as shunts, "
        "which stay when the branch is taken out"
    )
    bridge.warn("W-UNEVEN", "branch", uneven, "b_pu", message)
    bridge.warn(
        "W-CONTROL", "branch", controlled, "tap_ratio", "the tap is controlled in the file: fixed as stored"
    )
    bridge.warn("W-FIELD", "branch", ratings, "rate_mva", "ratings beyond A, B, C or in current are not held")


def _add_three_winding(bridge: Bridge, record: Record) -> None:
    """Add every three-winding transformer as a star of three around a bus of its own."""
    stars, controlled = [], []
    for row, transformer in enumerate(record["transformers_3w"], start=1):
        star = f"star:{row}"
        windings = transformer["windings"]
        z12, z23, z31 = (complex(z["r"], z["x"]) for z in transformer["z"])
        legs = ((z12 + z31 - z23) / 2, (z12 + z23 - z31) / 2, (z23 + z31 - z12) / 2)
        on = bool(transformer["in_service"])
        vn_kv = bridge.vn_kv[str(windings[0]["bus"])]
        bridge.vn_kv[star], bridge.kind[star] = vn_kv, "PQ"
        name = transformer.get("name") or f"transformer {row}"
        bridge.add(
            "bus",
            star,
            vn_kv=vn_kv,
            name=f"{name} star",
            vm_start_pu=read_limit(transformer["star_vm"]),
            va_start_degree=read_limit(transformer["star_va"]),
            in_service=on,
        )
        for number, (winding, z) in enumerate(zip(windings, legs, strict=True), start=1):
            table = "series" if z.real < 0 else "transformer"
            bridge.add(
                table,
                f"transformer3w:{row}:{number}",
                from_bus=str(winding["bus"]),
                to_bus=star,
                r_pu=z.real,
                x_pu=z.imag,
                tap_ratio=read_number(winding["tap"]) or 1.0,
                shift_degree=read_number(winding["shift"]),
                rate_mva=read_rating(winding["rate_a"]),
                rate_b_mva=read_rating(winding["rate_b"]),
                rate_c_mva=read_rating(winding["rate_c"]),
                name=f"{name} winding {number}",
                in_service=on,
            )
        magnetizing = complex(transformer["mag_g"], transformer["mag_b"])
        if magnetizing:
            id_ = f"shunt:transformer3w:{row}"
            _add_left_over(bridge, id_, str(windings[0]["bus"]), magnetizing, on)
        if any((winding.get("control") or {}).get("enabled") for winding in windings):
            controlled.append(f"transformer3w:{row}")
        stars.append(f"transformer3w:{row}")
        bridge.added["bus"] += 1
        bridge.added["branch"] += 3
    if stars:
        bridge.notes.append(
            f"{len(stars)} three-winding transformers are stars of three around an auxiliary bus "
            f"({name_ids(stars)}); an outage of one takes all three legs"
        )
    message = "the tap is controlled in the file: fixed as stored"
    bridge.warn("W-CONTROL", "transformer", controlled, "tap_ratio", message)


def _add_switches(bridge: Bridge, record: Record) -> None:
    for row, switch in enumerate(record["switches"], start=1):
        bridge.add(
            "series",
            f"switch:{row}",
            from_bus=str(switch["from"]),
            to_bus=str(switch["to"]),
            r_pu=0.0,
            x_pu=0.0,
            rate_mva=read_rating(switch.get("thermal_rating")),
            in_service=bool(switch["closed"]),
        )
        bridge.added["branch"] += 1
    if record["switches"]:
        bridge.notes.append(f"{len(record['switches'])} switches are series elements of zero impedance")


def _report_rest(bridge: Bridge, record: Record) -> None:
    """Report what PowerIO knows and the tables have no place for."""
    for area in record.get("areas") or ():
        if area.get("net_interchange"):
            message = f"scheduled interchange of {area['net_interchange']:g} MW is not held"
            bridge.warn("W-FIELD", "bus", [f"area {area['number']}"], "area", message)
    for key in ("buses", "loads", "shunts", "branches", "generators", "storage", "hvdc", "transformers_3w"):
        extras = Counter(name for row in record.get(key) or () for name in row.get("extras") or {})
        names = [name for name in extras if name not in _KNOWN_EXTRAS]
        if names:
            rows = max(extras[name] for name in names)
            message = f"not held, in up to {rows} rows: {name_ids(names, 8)}"
            bridge.issues.append(warn("W-FIELD", key, [], "", message))
    emergency = [
        row["id"] for row in record["buses"] if row.get("evhi") is not None or row.get("evlo") is not None
    ]
    bridge.warn("W-FIELD", "bus", emergency, "v_max_pu", "emergency voltage limits are not held")
    detail: Mapping[str, Any] = record.get("detailed_connectivity") or {}
    held = {name: len(rows) for name, rows in detail.items() if isinstance(rows, list) and rows}
    if held:
        listed = ", ".join(f"{count} {name}" for name, count in held.items())
        bridge.issues.append(
            warn("W-DETAIL", "file", [], "", f"detail below the buses is not held: {listed}")
        )


def build_bridge(record: Record, recompute_dc: bool = False) -> Bridge:
    """Convert PowerIO's record.

    Parameters
    ----------
    record : dict
        From `gridhub.interop.powerio_reader.parse_bytes`.
    recompute_dc : bool
        True for MATPOWER, where ``loss0`` and ``loss1`` decide what arrives at a DC line's to end; otherwise
        the stored pair of powers does, if no losses are given.

    Returns
    -------
    Bridge
        Rows, issues and notes.

    Notes
    -----
    A branch is a line if it has neither tap nor shift and joins buses of equal base voltage, a transformer if
    it has either, else a series element with its rating. A transformer keeps the file's order of ends: the
    tap is at ``from_bus``. A negative resistance, which only equivalents have, makes a series element.
    """
    bridge = Bridge(base_mva=float(record["base_mva"]))
    _add_buses(bridge, record)
    _add_loads(bridge, record)
    _add_shunts(bridge, record)
    _add_branches(bridge, record)
    _add_three_winding(bridge, record)
    _add_switches(bridge, record)
    add_generators(bridge, record)
    add_static_compensators(bridge, record)
    add_storage(bridge, record)
    add_hvdc(bridge, record, recompute_dc)
    _report_rest(bridge, record)
    return bridge


def count_record(record: Record) -> dict[str, int]:
    """Count PowerIO's components, by the names of our tables (``branch`` for all branches)."""
    names = {
        "buses": "bus",
        "branches": "branch",
        "loads": "load",
        "shunts": "shunt",
        "generators": "generator",
        "storage": "storage",
        "hvdc": "hvdc",
    }
    return {name: len(record.get(key) or ()) for key, name in names.items()}


def sum_record(record: Record) -> dict[str, float]:
    """Sum PowerIO's powers over all rows, with the keys of a report's totals."""
    return {
        "load_mw": sum(row["p"] for row in record["loads"]),
        "load_mvar": sum(row["q"] for row in record["loads"]),
        "generation_mw": sum(row["pg"] for row in record["generators"]),
        "generation_mvar": sum(row["qg"] for row in record["generators"]),
        "shunt_mw": sum(row["g"] for row in record["shunts"]),
        "shunt_mvar": sum(row["b"] for row in record["shunts"]),
        "storage_mw": -sum(row["ps"] for row in record["storage"]),
        "hvdc_mw": sum(abs(row["pf"]) for row in record["hvdc"]),
    }


def count_tables(tables: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Count our rows by the same names as `count_record`."""
    counts = {name: len(tables[name]) for name in tables if name not in BRANCH_TABLES}
    counts["branch"] = sum(len(tables[name]) for name in BRANCH_TABLES if name in tables)
    return counts
