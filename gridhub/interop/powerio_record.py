"""From a `Network` to PowerIO's record of one, which PowerIO then writes in the other formats."""

from __future__ import annotations

import cmath
import math
from collections import defaultdict
from typing import Any

from gridhub.errors import name_ids
from gridhub.interop.export import (
    Export,
    collect_units,
    fix_passive_units,
    list_rows,
    number_groups,
    report_columns,
)
from gridhub.interop.powerio_reader import Record
from gridhub.model.schema import BRANCH_TABLES

_COSTS = ("cost_c2_per_mw2h", "cost_c1_per_mwh", "cost_c0_per_h")
_BRANCH = (
    *("from_bus", "to_bus", "rate_mva", "rate_b_mva", "rate_c_mva", "angle_min_degree", "angle_max_degree"),
    *("in_service", "name", "r_pu", "x_pu", "b_pu", "g_pu", "r_ohm", "x_ohm", "b_us", "g_us"),
    *("tap_ratio", "shift_degree"),
)
_CARRIED = {
    "bus": (
        *("vn_kv", "name", "area", "zone", "reference", "vm_start_pu", "va_start_degree"),
        *("v_min_pu", "v_max_pu", "in_service"),
    ),
    "line": _BRANCH,
    "transformer": _BRANCH,
    "series": _BRANCH,
    "shunt": ("bus", "g_mw", "b_mvar", "in_service"),
    "load": ("bus", "p_mw", "q_mvar", "in_service"),
    "generator": (
        *("bus", "p_mw", "q_mvar", "p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar", "vm_pu", "regulating"),
        *("participation", *_COSTS, "startup_cost", "shutdown_cost", "in_service"),
    ),
    "storage": (
        "bus",
        "p_mw",
        "q_mvar",
        "p_max_mw",
        "charge_max_mw",
        "e_mwh",
        "soc",
        "efficiency",
        "in_service",
    ),
    "hvdc": (
        *("from_bus", "to_bus", "p_mw", "p_min_mw", "p_max_mw", "loss_mw", "loss_percent"),
        *("q_from_mvar", "q_to_mvar", "vm_from_pu", "vm_to_pu"),
        *("q_from_min_mvar", "q_from_max_mvar", "q_to_min_mvar", "q_to_max_mvar", "in_service"),
    ),
}
_NO_LIMIT = 9999.0
"""What the formats take as no limit [MW, Mvar]: a number, since they cannot write infinity."""


def _or(value: float, fallback: float) -> float:
    return fallback if math.isnan(value) else float(value)


def _build_bus(export: Export, id_: str, row: Any, groups: dict[str, dict[str, int]]) -> Record:
    return {
        "id": export.numbers[id_],
        "kind": export.kinds[id_],
        "vm": _or(row["vm_start_pu"], 1.0),
        "va": _or(row["va_start_degree"], 0.0),
        "base_kv": float(row["vn_kv"]),
        "vmax": _or(row["v_max_pu"], 1.1),
        "vmin": _or(row["v_min_pu"], 0.9),
        "evhi": None,
        "evlo": None,
        "area": groups["area"][row["area"]],
        "zone": groups["zone"][row["zone"]],
        "name": row["name"] or None,
        "uid": None,
        "extras": {},
    }


def _build_branch(export: Export, kind: str, row: Any, vn_kv: dict[str, float], one_sided: bool) -> Record:
    net = export.net
    if kind == "line":
        z_base = vn_kv[row["from_bus"]] ** 2 / net.base_mva
        r, x = row["r_ohm"] / z_base, row["x_ohm"] / z_base
        g, b = row["g_us"] * 1e-6 * z_base, row["b_us"] * 1e-6 * z_base
        tap, shift = 0.0, 0.0
    else:
        r, x, g, b = (row[name] for name in ("r_pu", "x_pu", "g_pu", "b_pu"))
        tap, shift = row["tap_ratio"], row["shift_degree"]
        if kind == "series" and tap == 1.0 and shift == 0.0:
            tap = 0.0
    charging = {"g_fr": g / 2, "b_fr": b / 2, "g_to": g / 2, "b_to": b / 2} if g else None
    if one_sided and tap and (g or b):
        # the format knows the shunt of a transformer at its first winding only
        charging = {"g_fr": g / 2, "b_fr": b / 2, "g_to": 0.0, "b_to": 0.0}
        b = b / 2
    return {
        "from": export.numbers[row["from_bus"]],
        "to": export.numbers[row["to_bus"]],
        "r": float(r),
        "x": float(x),
        "b": float(b),
        "charging": charging,
        **{
            f"rate_{letter}": _or(row[f"rate_{ours}mva"], 0.0)
            for letter, ours in zip("abc", ("", "b_", "c_"), strict=True)
        },
        "rating_sets": [],
        "current_ratings": None,
        "tap": float(tap),
        "shift": float(shift),
        "in_service": bool(row["in_service"]),
        "angmin": _or(row["angle_min_degree"], -360.0),
        "angmax": _or(row["angle_max_degree"], 360.0),
        "control": None,
        "solution": None,
        "uid": None,
        "name": row["name"] or None,
        "extras": {},
    }


def _build_cost(export: Export, id_: str, row: Any) -> Record | None:
    points = export.net.tables["cost_point"]
    curve = points[points["generator"] == id_]
    start = {"startup": _or(row["startup_cost"], 0.0), "shutdown": _or(row["shutdown_cost"], 0.0)}
    if len(curve):
        pairs = curve[["p_mw", "cost_per_h"]].to_numpy().ravel().tolist()
        return {"model": 1, **start, "ncost": len(curve), "coeffs": pairs}
    if all(math.isnan(row[name]) for name in _COSTS):
        return None
    return {"model": 2, **start, "ncost": 3, "coeffs": [_or(row[name], 0.0) for name in _COSTS]}


def _build_generator(export: Export, id_: str, row: Any, fixed: dict[str, float]) -> Record:
    if id_ in fixed:
        q_mvar = row["q_mvar"]
        row = {**row, "vm_pu": fixed[id_], "q_min_mvar": q_mvar, "q_max_mvar": q_mvar}
    return {
        "bus": export.numbers[row["bus"]],
        "energy_source": row["fuel"] if row["fuel"] in ("nuclear", "hydro", "wind", "solar") else "other",
        "pg": float(row["p_mw"]),
        "qg": float(row["q_mvar"]),
        "pmax": _or(row["p_max_mw"], _NO_LIMIT),
        "pmin": _or(row["p_min_mw"], -_NO_LIMIT),
        "qmax": _or(row["q_max_mvar"], _NO_LIMIT),
        "qmin": _or(row["q_min_mvar"], -_NO_LIMIT),
        "vg": _or(row["vm_pu"], 1.0),
        "mbase": export.net.base_mva,
        "in_service": bool(row["in_service"]),
        "cost": _build_cost(export, id_, row),
        "caps": {} if math.isnan(row["participation"]) else {"apf": float(row["participation"])},
        "voltage_regulation_on": bool(row["regulating"]),
        "regulated_bus": None,
        "uid": None,
    }


def _build_storage(export: Export, row: Any) -> Record:
    efficiency = math.sqrt(_or(row["efficiency"], 1.0))
    energy = float(row["e_mwh"])
    return {
        "bus": export.numbers[row["bus"]],
        "ps": -float(row["p_mw"]),
        "qs": -float(row["q_mvar"]),
        "energy": _or(row["soc"], 0.0) * energy,
        "energy_rating": energy,
        "charge_rating": _or(row["charge_max_mw"], float(row["p_max_mw"])),
        "discharge_rating": float(row["p_max_mw"]),
        "charge_efficiency": efficiency,
        "discharge_efficiency": efficiency,
        "thermal_rating": 0.0,
        "current_rating": None,
        "qmin": -float(row["p_max_mw"]),
        "qmax": float(row["p_max_mw"]),
        "r": 0.0,
        "x": 0.0,
        "p_loss": 0.0,
        "q_loss": 0.0,
        "in_service": bool(row["in_service"]),
        "uid": None,
        "extras": {},
    }


def _build_link(export: Export, row: Any) -> Record:
    """Write a link from the end that sends: most formats know only one direction."""
    p, share = float(row["p_mw"]), float(row["loss_percent"]) / 100.0
    arriving = p - float(row["loss_mw"]) - share * abs(p)
    ends, sent, received, loss = ("from", "to"), p, arriving, (float(row["loss_mw"]), share)
    limits = row["p_min_mw"], row["p_max_mw"]
    if p < 0:
        ends, sent, received, loss = ("to", "from"), -arriving, -p, (p - arriving, 0.0)
        limits = -limits[1], -limits[0]
    record: Record = {
        "in_service": bool(row["in_service"]),
        "pf": sent,
        "pt": received,
        "pmin": _or(limits[0], -_NO_LIMIT),
        "pmax": _or(limits[1], _NO_LIMIT),
        "loss0": loss[0],
        "loss1": loss[1],
        "cost": None,
        "uid": None,
        "extras": {},
    }
    for end, letter, name in zip(ends, "ft", ("from", "to"), strict=True):
        record[name] = export.numbers[row[f"{end}_bus"]]
        record[f"q{letter}"] = float(row[f"q_{end}_mvar"])
        record[f"v{letter}"] = _or(row[f"vm_{end}_pu"], 1.0)
        record[f"qmin{letter}"] = _or(row[f"q_{end}_min_mvar"], -_NO_LIMIT)
        record[f"qmax{letter}"] = _or(row[f"q_{end}_max_mvar"], _NO_LIMIT)
    return record


def _build_shunt(number: int, g_mw: float, b_mvar: float, on: bool) -> Record:
    return {
        "bus": number,
        "g": float(g_mw),
        "b": float(b_mvar),
        "in_service": on,
        "control": None,
        "uid": None,
        "extras": {},
    }


def _move_far_shunts(export: Export) -> list[Record]:
    """Give the half of a transformer's shunt that is at its far end as shunts of their own."""
    net = export.net
    shunts, moved = [], []
    for kind in ("transformer", "series"):
        for id_, row in list_rows(net.tables[kind]):
            tapped = kind == "transformer" or row["tap_ratio"] != 1.0 or row["shift_degree"] != 0.0
            if tapped and (row["g_pu"] or row["b_pu"]):
                g_mw, b_mvar = (row[name] / 2 * net.base_mva for name in ("g_pu", "b_pu"))
                on = bool(row["in_service"])
                shunts.append(_build_shunt(export.numbers[row["to_bus"]], g_mw, b_mvar, on))
                moved.append(id_)
    message = "half of the shunt admittance is written as a shunt at the to end: it stays in an outage"
    export.warn("W-UNEVEN", "transformer", moved, "b_pu", message)
    return shunts


def build_record(export: Export, name: str, one_sided: bool = False, by_bus: bool = False) -> Record:
    """Convert a network to PowerIO's record.

    Parameters
    ----------
    export : Export
        From `gridhub.interop.export.prepare_export`; receives what the record has no place for.
    name : str
        Name of the case.
    one_sided : bool
        True for formats that know the shunt admittance of a transformer at its first winding only: the half
        at the other end becomes a shunt.
    by_bus : bool
        True for formats where the bus decides who regulates and storage has no place: units that do not
        regulate get their reactive power as both limits, storage becomes generators.

    Returns
    -------
    dict
        Balanced network as `gridhub.interop.powerio_reader.emit_record` takes it.

    Notes
    -----
    Limits that are not known are written as 9,999 MW or Mvar, voltage limits as 0.9 and 1.1 p.u.: the formats
    need a number. The report says how many.
    """
    net = export.net
    tables = net.tables
    groups = {column: number_groups(export, column) for column in ("area", "zone")}
    units = collect_units(export) if by_bus else tables["generator"]
    fixed = fix_passive_units(export, units) if by_bus else {}
    branches = {kind: dict(list_rows(tables[kind])) for kind in BRANCH_TABLES}
    vn_kv = export.vn_kv
    record: Record = {
        "name": name,
        "base_mva": float(net.base_mva),
        "base_frequency": float(net.frequency_hz),
        "buses": [_build_bus(export, i, row, groups) for i, row in list_rows(tables["bus"])],
        "loads": [
            {
                "bus": export.numbers[row["bus"]],
                "p": float(row["p_mw"]),
                "q": float(row["q_mvar"]),
                "voltage_model": None,
                "in_service": bool(row["in_service"]),
                "uid": None,
                "extras": {},
            }
            for _, row in list_rows(tables["load"])
        ],
        "shunts": [
            _build_shunt(export.numbers[row["bus"]], row["g_mw"], row["b_mvar"], bool(row["in_service"]))
            for _, row in list_rows(tables["shunt"])
        ]
        + (_move_far_shunts(export) if one_sided else []),
        "static_var_compensators": [],
        "branches": [
            _build_branch(export, kind, branches[kind][str(i)], vn_kv, one_sided)
            for i, kind in net.branches()["kind"].items()
        ],
        "switches": [],
        "generators": [_build_generator(export, i, row, fixed) for i, row in list_rows(units)],
        "storage": [] if by_bus else [_build_storage(export, row) for _, row in list_rows(tables["storage"])],
        "hvdc": [_build_link(export, row) for _, row in list_rows(tables["hvdc"])],
        "transformers_3w": [],
        "areas": [],
        "solver": None,
        "source_format": "in-memory",
    }
    turned = tables["hvdc"].index[tables["hvdc"]["p_mw"] < 0]
    if len(turned):
        export.notes.append(f"{len(turned)} links are written from the end that sends ({name_ids(turned)})")
    for table, columns, shown in (
        ("bus", ("v_min_pu", "v_max_pu"), "0.9 and 1.1 p.u."),
        ("generator", ("p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar"), f"{_NO_LIMIT:g} MW or Mvar"),
    ):
        frame = tables[table]
        open_ = frame.index[frame[list(columns)].isna().any(axis=1)]
        export.warn("W-LIMIT", table, open_, columns[0], f"limits that are not known are written as {shown}")
    report_columns(export, _CARRIED)
    return record


def compute_admittance(record: Record) -> dict[tuple[int, int], complex]:
    """Compute the nodal admittance matrix of a record by bus number, from what is in service [p.u.].

    Parameters
    ----------
    record : dict
        From `build_record`.

    Returns
    -------
    dict
        (row bus, column bus) -> admittance. Branches of zero impedance are left out.
    """
    matrix: dict[tuple[int, int], complex] = defaultdict(complex)
    for shunt in record["shunts"]:
        if shunt["in_service"]:
            matrix[shunt["bus"], shunt["bus"]] += complex(shunt["g"], shunt["b"]) / record["base_mva"]
    for branch in record["branches"]:
        impedance = complex(branch["r"], branch["x"])
        if not branch["in_service"] or not impedance:
            continue
        f, t, y = branch["from"], branch["to"], 1.0 / impedance
        charging = branch["charging"] or {
            "g_fr": 0.0,
            "b_fr": branch["b"] / 2,
            "g_to": 0.0,
            "b_to": branch["b"] / 2,
        }
        tap = cmath.rect(branch["tap"] or 1.0, math.radians(branch["shift"]))
        matrix[f, f] += (y + complex(charging["g_fr"], charging["b_fr"])) / abs(tap) ** 2
        matrix[t, t] += y + complex(charging["g_to"], charging["b_to"])
        matrix[f, t] -= y / tap.conjugate()
        matrix[t, f] -= y / tap
    return dict(matrix)


def find_admittance_changes(before: Record, after: Record) -> str:
    """Say where the admittances of two records differ by more than 1e-6 of their size; empty if nowhere."""
    if {bus["id"] for bus in before["buses"]} != {bus["id"] for bus in after["buses"]}:
        return "the buses have other numbers in the file: admittances were not compared"
    ours, theirs = compute_admittance(before), compute_admittance(after)
    changed = {
        key: abs(ours.get(key, 0j) - theirs.get(key, 0j))
        for key in ours.keys() | theirs.keys()
        if abs(ours.get(key, 0j) - theirs.get(key, 0j)) > 1e-6 * (1.0 + abs(ours.get(key, 0j)))
    }
    if not changed:
        return ""
    worst = max(changed, key=lambda key: changed[key])
    where = name_ids(f"{f}-{t}" if f != t else str(f) for f, t in sorted(changed))
    return f"admittances differ by up to {changed[worst]:.3g} p.u. at buses {where}"
