"""Networks as MATPOWER cases, version 2.

PowerIO's own writer leaves out-of-service loads, loads at isolated buses and fuels aside, so the text is
written here; it is read back through the same checks as any other file before it is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from gridhub.interop.export import (
    Export,
    collect_units,
    fix_passive_units,
    list_rows,
    number_groups,
    report_columns,
)
from gridhub.interop.matpower import FUELS
from gridhub.interop.powerio_units import CAPABILITY
from gridhub.model.schema import BRANCH_TABLES

_COSTS = ("cost_c2_per_mw2h", "cost_c1_per_mwh", "cost_c0_per_h")
_BRANCH_COLUMNS = (
    *("from_bus", "to_bus", "rate_mva", "rate_b_mva", "rate_c_mva", "angle_min_degree", "angle_max_degree"),
    *(
        "in_service",
        "r_pu",
        "x_pu",
        "b_pu",
        "g_pu",
        "r_ohm",
        "x_ohm",
        "b_us",
        "g_us",
        "tap_ratio",
        "shift_degree",
    ),
)
_CARRIED = {
    "bus": (
        *("vn_kv", "name", "area", "zone", "reference", "vm_start_pu", "va_start_degree"),
        *("v_min_pu", "v_max_pu", "in_service"),
    ),
    "line": _BRANCH_COLUMNS,
    "transformer": _BRANCH_COLUMNS,
    "series": _BRANCH_COLUMNS,
    "shunt": ("bus", "g_mw", "b_mvar", "in_service"),
    "load": ("bus", "p_mw", "q_mvar", "in_service"),
    "generator": (
        *("bus", "p_mw", "q_mvar", "p_min_mw", "p_max_mw", "q_min_mvar", "q_max_mvar", "vm_pu", "regulating"),
        *("participation", "fuel", *_COSTS, "startup_cost", "shutdown_cost", "in_service"),
        *CAPABILITY.values(),
    ),
    "storage": ("bus", "p_mw", "q_mvar", "p_max_mw", "charge_max_mw", "in_service"),
    "hvdc": (
        *("from_bus", "to_bus", "p_mw", "p_min_mw", "p_max_mw", "loss_mw", "loss_percent"),
        *("q_from_mvar", "q_to_mvar", "vm_from_pu", "vm_to_pu", "regulating_from", "regulating_to"),
        *("q_from_min_mvar", "q_from_max_mvar", "q_to_min_mvar", "q_to_max_mvar", "in_service", *_COSTS),
    ),
}
_OUR_FUELS = {ours: theirs for theirs, ours in FUELS.items()}
_UNRATED = 0.0
_TINY_RATING = 1e-6


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | str):
        return str(value)
    number = float(str(value))
    if math.isinf(number):
        return "Inf" if number > 0 else "-Inf"
    return repr(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _or(value: float, fallback: float) -> float:
    return fallback if math.isnan(value) else value


def _write_matrix(name: str, rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"mpc.{name} = ["
    for row in rows:
        yield "\t" + "\t".join(_text(value) for value in row) + ";"
    yield "];"


def _write_cell(name: str, values: Sequence[str]) -> Iterator[str]:
    yield f"mpc.{name} = {{"
    for value in values:
        cleaned = re.sub(r"\s+", " ", value).replace("'", "''")
        yield f"\t'{cleaned}';"
    yield "};"


def _sum_by_bus(export: Export, table: str, columns: tuple[str, str]) -> dict[str, list[float]]:
    """Sum what is in service at each bus, which is all that a bus row can say."""
    frame = export.net.tables[table]
    off = frame[~frame["in_service"]]
    lost = " and ".join(f"{off[c].sum():g} {'MW' if c.endswith('mw') else 'Mvar'}" for c in columns)
    message = f"out of service, which a bus row cannot say: {lost} left out"
    export.warn("W-STATUS", table, off.index, "in_service", message)
    live = frame[frame["in_service"]]
    several = live["bus"].duplicated(keep=False)
    if several.any():
        export.notes.append(f"{int(several.sum())} rows of {table} share a bus with another: summed")
    sums: dict[str, list[float]] = {}
    for bus, *values in live[["bus", *columns]].itertuples(index=False, name=None):
        total = sums.setdefault(bus, [0.0, 0.0])
        for i, value in enumerate(values):
            total[i] += value
    return sums


def _add_conductances(export: Export, shunts: dict[str, list[float]]) -> None:
    """Add the shunt conductance of branches, which MATPOWER's branches lack, at the buses of their ends."""
    base, vn_kv = export.net.base_mva, export.vn_kv
    moved, total = [], 0.0
    for table in BRANCH_TABLES:
        frame = export.net.tables[table]
        for id_, branch in list_rows(frame[frame["in_service"]]):
            if table == "line":
                g_pu, tap = branch["g_us"] * 1e-6 * vn_kv[branch["from_bus"]] ** 2 / base, 1.0
            else:
                g_pu, tap = branch["g_pu"], branch["tap_ratio"]
            for bus, g_mw in (
                (branch["from_bus"], g_pu / 2 / tap**2 * base),
                (branch["to_bus"], g_pu / 2 * base),
            ):
                if g_mw:
                    shunts.setdefault(bus, [0.0, 0.0])[0] += g_mw
                    total += g_mw
            if g_pu:
                moved.append(id_)
    message = f"shunt conductance ({total:g} MW) is written at the buses: it stays when the branch is out"
    export.warn("W-UNEVEN", "branch", moved, "g_pu", message)


def _build_buses(export: Export) -> list[list[object]]:
    bus = export.net.tables["bus"]
    loads = _sum_by_bus(export, "load", ("p_mw", "q_mvar"))
    shunts = _sum_by_bus(export, "shunt", ("g_mw", "b_mvar"))
    _add_conductances(export, shunts)
    areas, zones = number_groups(export, "area"), number_groups(export, "zone")
    types = {"PQ": 1, "PV": 2, "REF": 3, "ISOLATED": 4}
    rows: list[list[object]] = []
    for id_, row in list_rows(bus):
        power = loads.get(id_, (0.0, 0.0))
        admittance = shunts.get(id_, (0.0, 0.0))
        rows.append(
            [
                *(export.numbers[id_], types[export.kinds[id_]], *power, *admittance),
                *(areas[row["area"]], _or(row["vm_start_pu"], 1.0), _or(row["va_start_degree"], 0.0)),
                *(
                    row["vn_kv"],
                    zones[row["zone"]],
                    _or(row["v_max_pu"], math.inf),
                    _or(row["v_min_pu"], 0.0),
                ),
            ]
        )
    return rows


def _build_branches(export: Export) -> list[list[object]]:
    net = export.net
    rows: list[list[object]] = []
    no_rating = []
    vn_kv = export.vn_kv
    tables = {kind: dict(list_rows(net.tables[kind])) for kind in BRANCH_TABLES}
    for id_, kind in net.branches()["kind"].items():
        row = tables[kind][str(id_)]
        start, end = row["from_bus"], row["to_bus"]
        if kind == "line":
            z_base = vn_kv[start] ** 2 / net.base_mva
            r, x, b = row["r_ohm"] / z_base, row["x_ohm"] / z_base, row["b_us"] * 1e-6 * z_base
            tap, shift = 0.0, 0.0
        else:
            r, x, b, tap, shift = (row[c] for c in ("r_pu", "x_pu", "b_pu", "tap_ratio", "shift_degree"))
            if kind == "series" and tap == 1.0 and shift == 0.0:
                tap = 0.0
        ratings = [row[f"rate_{letter}mva"] for letter in ("", "b_", "c_")]
        if 0.0 in ratings:
            no_rating.append(id_)
        rates = [_UNRATED if math.isnan(rate) else rate or _TINY_RATING for rate in ratings]
        low, high = _or(row["angle_min_degree"], -360.0), _or(row["angle_max_degree"], 360.0)
        on = bool(row["in_service"])
        rows.append([export.numbers[start], export.numbers[end], r, x, b, *rates, tap, shift, on, low, high])
    message = f"a rating of 0 MVA means unrated in the file: written as {_TINY_RATING:g} MVA"
    export.warn("W-ZERORATE", "branch", no_rating, "rate_mva", message)
    return rows


def _build_generators(export: Export, units: pd.DataFrame) -> list[list[object]]:
    fixed = fix_passive_units(export, units)
    participation = units["participation"].notna().any()
    capability = any(name in units and units[name].notna().any() for name in CAPABILITY.values())
    rows: list[list[object]] = []
    for id_, unit in list_rows(units):
        low, high = _or(unit["q_min_mvar"], -math.inf), _or(unit["q_max_mvar"], math.inf)
        vm_pu = _or(unit["vm_pu"], 1.0)
        if id_ in fixed:
            vm_pu, low, high = fixed[id_], unit["q_mvar"], unit["q_mvar"]
        limits = _or(unit["p_max_mw"], math.inf), _or(unit["p_min_mw"], -math.inf)
        row = [export.numbers[unit["bus"]], unit["p_mw"], unit["q_mvar"], high, low, vm_pu]
        row += [export.net.base_mva, bool(unit["in_service"]), *limits]
        if participation or capability:
            row += [_or(unit.get(name, math.nan), 0.0) for name in CAPABILITY.values()]
            row.append(_or(unit["participation"], 0.0))
        rows.append(row)
    return rows


def _build_costs(export: Export, units: pd.DataFrame) -> list[list[object]]:
    points = export.net.tables["cost_point"]
    curves = {str(name): group for name, group in points.groupby("generator", sort=False)}
    known = units[list(_COSTS)].notna().any(axis=1) | units.index.isin(list(curves))
    if not known.any():
        return []
    export.warn("W-COST", "generator", units.index[~known], "cost_c1_per_mwh", "no cost known: written as 0")
    rows: list[list[object]] = []
    for id_, unit in list_rows(units):
        start = [_or(unit["startup_cost"], 0.0), _or(unit["shutdown_cost"], 0.0)]
        if id_ in curves:
            pairs = curves[id_][["p_mw", "cost_per_h"]].to_numpy().ravel().tolist()
            rows.append([1, *start, len(pairs) // 2, *pairs])
        else:
            rows.append([2, *start, 3, *(_or(unit[name], 0.0) for name in _COSTS)])
    return _fill(rows)


def _fill(rows: list[list[object]]) -> list[list[object]]:
    width = max((len(row) for row in rows), default=0)
    return [row + [0] * (width - len(row)) for row in rows]


def _build_links(export: Export) -> list[list[object]]:
    hvdc = export.net.tables["hvdc"]
    regulating = hvdc.index[hvdc["regulating_from"] | hvdc["regulating_to"]]
    message = "hold their voltage: Vf and Vt are written, and read back the ends are fixed injections"
    export.warn("W-REGULATING", "hvdc", regulating, "regulating_from", message)
    reverse = hvdc.index[(hvdc["p_mw"] < 0) & (hvdc["loss_percent"] > 0)]
    message = (
        "flow against the link's direction, where MATPOWER's own formula turns the proportional loss around"
    )
    export.warn("W-DCLOSS", "hvdc", reverse, "loss_percent", message)
    rows: list[list[object]] = []
    for _, link in list_rows(hvdc):
        p, share = link["p_mw"], link["loss_percent"] / 100.0
        limits = [_or(link["p_min_mw"], -math.inf), _or(link["p_max_mw"], math.inf)]
        for end in ("from", "to"):
            limits += [_or(link[f"q_{end}_min_mvar"], -math.inf), _or(link[f"q_{end}_max_mvar"], math.inf)]
        rows.append(
            [
                *(export.numbers[link["from_bus"]], export.numbers[link["to_bus"]], bool(link["in_service"])),
                *(p, p - link["loss_mw"] - share * abs(p), link["q_from_mvar"], link["q_to_mvar"]),
                *(_or(link["vm_from_pu"], 1.0), _or(link["vm_to_pu"], 1.0), *limits, link["loss_mw"], share),
            ]
        )
    return rows


def _build_link_costs(export: Export) -> list[list[object]]:
    hvdc: Any = export.net.tables["hvdc"]
    if not any(name in hvdc and hvdc[name].notna().any() for name in _COSTS):
        return []
    return [[2, 0, 0, 3, *(_or(row.get(c, math.nan), 0.0) for c in _COSTS)] for _, row in list_rows(hvdc)]


def build_matpower(export: Export, name: str) -> str:
    """Write a network as a MATPOWER case of version 2.

    Parameters
    ----------
    export : Export
        From `gridhub.interop.export.prepare_export`; receives what is not carried.
    name : str
        Name of the case; made a valid function name.

    Returns
    -------
    str
        The file.

    Notes
    -----
    Numbers read back exactly. Branches keep the order of ``net.branches()``; a series
    element or transformer is written with its tap; a transformer with ratio 1 keeps it, so that it stays one.
    """
    units = collect_units(export)
    function = re.sub(r"\W", "_", name)
    function = function if function[:1].isalpha() else f"case_{function}"

    def write() -> Iterator[str]:
        yield f"function mpc = {function}"
        yield "mpc.version = '2';"
        yield f"mpc.baseMVA = {_text(export.net.base_mva)};"
        yield from _write_matrix("bus", _build_buses(export))
        yield from _write_matrix("gen", _build_generators(export, units))
        yield from _write_matrix("branch", _build_branches(export))
        costs = _build_costs(export, units)
        if costs:
            yield from _write_matrix("gencost", costs)
        links = _build_links(export)
        if links:
            yield from _write_matrix("dcline", links)
            link_costs = _build_link_costs(export)
            if link_costs:
                yield from _write_matrix("dclinecost", link_costs)
        names = export.net.tables["bus"]["name"].tolist()
        if any(names):
            yield from _write_cell("bus_name", names)
        fuels = units["fuel"].tolist()
        if any(fuels):
            yield from _write_cell("genfuel", [_OUR_FUELS.get(fuel, fuel) for fuel in fuels])

    text = "\n".join(write()) + "\n"
    report_columns(export, _CARRIED)
    return text
