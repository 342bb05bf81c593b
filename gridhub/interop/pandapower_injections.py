"""Read the buses of a pandapower network and what is connected to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridhub.geo import calculate_distance_km
from gridhub.interop.pandapower_read import (
    Draft,
    Floats,
    get_bools,
    get_floats,
    get_table,
    get_texts,
    name_rows,
)

FUELS = {
    "pv": "solar",
    "solar": "solar",
    "photovoltaic": "solar",
    "wp": "wind",
    "wind": "wind",
    "nuclear": "nuclear",
    "coal": "coal",
    "lng": "lng",
    "oil": "oil",
    "hydro": "hydro",
    "biomass": "biomass",
}
"""``type`` of pandapower generators, lower case, that names a source of energy."""

LARGEST_DETOUR = 1.5
"""Straight line over length of the median line above which coordinates are taken for a drawing."""


def _read_point(text: object) -> tuple[float, float]:
    """Read longitude and latitude out of a GeoJSON point; NaN if there is none."""
    if not isinstance(text, str) or not text:
        return np.nan, np.nan
    try:
        coordinates = json.loads(text)["coordinates"]
        return float(coordinates[0]), float(coordinates[1])
    except (ValueError, TypeError, KeyError, IndexError):
        return np.nan, np.nan


def read_coordinates(pp_net: Mapping[str, Any], bus: pd.DataFrame, draft: Draft) -> tuple[Floats, Floats]:
    """Give longitude and latitude of the buses, NaN if the coordinates are those of a drawing.

    Notes
    -----
    pandapower keeps the points of diagrams in the same column. They are given away by values beyond
    180 and 90 degrees, or by straight lines longer than the circuits along them.
    """
    geodata = get_table(pp_net, "bus_geodata")
    if "geo" in bus:
        points = [_read_point(text) for text in bus["geo"]]
        lon, lat = (np.array([point[i] for point in points], dtype=float) for i in (0, 1))
    elif {"x", "y"} <= set(geodata.columns):
        lon, lat = (get_floats(geodata.reindex(bus.index), name) for name in ("x", "y"))
    else:
        return np.full(len(bus), np.nan), np.full(len(bus), np.nan)
    if np.isnan(lon).all():
        return lon, lat
    reason = ""
    if (np.abs(lon) > 180).any() or (np.abs(lat) > 90).any():
        reason = "beyond 180 or 90 degrees"
    else:
        line = get_table(pp_net, "line")
        detour = _compute_detour(line, pd.Series(lon, bus.index), pd.Series(lat, bus.index))
        if detour > LARGEST_DETOUR:
            reason = f"straight lines are {detour:.3g} times as long as the circuits"
    if reason:
        message = f"coordinates of a drawing, not of places ({reason}): not read"
        draft.warn("W-GEO", "bus", bus.index[~np.isnan(lon)].map(str), "geo", message)
        return np.full(len(bus), np.nan), np.full(len(bus), np.nan)
    return lon, lat


def _compute_detour(line: pd.DataFrame, lon: pd.Series[float], lat: pd.Series[float]) -> float:
    """Give the median of straight line over length; 0 if no line has both."""
    if line.empty:
        return 0.0
    ends = [column[line[end]].to_numpy() for end in ("from_bus", "to_bus") for column in (lat, lon)]
    straight = calculate_distance_km(*ends)
    length = get_floats(line, "length_km")
    usable = np.isfinite(straight) & (length > 0)
    return float(np.median(straight[usable] / length[usable])) if usable.any() else 0.0


def read_buses(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``bus``; reference buses are those of external grids and slack generators in service."""
    bus = get_table(pp_net, "bus")
    reference = pd.Series(False, index=bus.index)
    angle = pd.Series(np.nan, index=bus.index)
    grid, gen = get_table(pp_net, "ext_grid"), get_table(pp_net, "gen")
    slack = gen[get_bools(gen, "slack", False) & get_bools(gen, "in_service", True)]
    reference[slack["bus"] if len(slack) else []] = True
    grid_on = grid[get_bools(grid, "in_service", True)]
    if len(grid_on):
        reference[grid_on["bus"]] = True
        angle[grid_on["bus"]] = get_floats(grid_on, "va_degree", 0.0)
    lon, lat = read_coordinates(pp_net, bus, draft)
    columns = {
        "vn_kv": get_floats(bus, "vn_kv"),
        "lat": lat,
        "lon": lon,
        "reference": reference.to_numpy(dtype=bool),
        "va_start_degree": angle.to_numpy(dtype=float),
        "v_min_pu": get_floats(bus, "min_vm_pu"),
        "v_max_pu": get_floats(bus, "max_vm_pu"),
        "in_service": get_bools(bus, "in_service", True),
        "bus_number": pd.to_numeric(pd.Series(bus.index), errors="coerce").to_numpy(dtype=float),
    }
    draft.add("bus", bus.index.map(str), columns, bus)


def _read_unit(draft: Draft, frame: pd.DataFrame) -> dict[str, Any]:
    return {"bus": draft.name_buses(frame["bus"]), "in_service": get_bools(frame, "in_service", True)}


def _read_power(frame: pd.DataFrame, sign: float = 1.0) -> dict[str, Floats]:
    scaling = sign * get_floats(frame, "scaling", 1.0)
    return {c: get_floats(frame, c, 0.0 if c == "q_mvar" else np.nan) * scaling for c in ("p_mw", "q_mvar")}


def read_loads(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``load``: the constant-impedance share is a shunt, constant current is constant power."""
    frame = get_table(pp_net, "load")
    if frame.empty:
        return
    power, unit, ids = (
        _read_power(frame),
        _read_unit(draft, frame),
        np.array(name_rows("load", frame), dtype=object),
    )
    share = {
        f"{kind}{c}": get_floats(frame, f"const_{kind}_{c}_percent", np.nan) for kind in "zi" for c in "pq"
    }
    for kind in "zi":
        both = get_floats(frame, f"const_{kind}_percent", 0.0)  # one column for p and q before pandapower 3
        for c in "pq":
            share[f"{kind}{c}"] = np.where(np.isnan(share[f"{kind}{c}"]), both, share[f"{kind}{c}"]) / 100
    z_power = {"g_mw": power["p_mw"] * share["zp"], "b_mvar": -power["q_mvar"] * share["zq"]}
    as_shunt = (z_power["g_mw"] != 0) | (z_power["b_mvar"] != 0)
    rest = {"p_mw": power["p_mw"] * (1 - share["zp"]), "q_mvar": power["q_mvar"] * (1 - share["zq"])}
    draft.add("load", ids, unit | rest, frame)
    shunt = {name: values[as_shunt] for name, values in (unit | z_power).items()}
    draft.add("shunt", ids[as_shunt], shunt)
    message = "constant-impedance share is a shunt of the same id (MW at 1 p.u.)"
    draft.warn("W-ZLOAD", "load", ids[as_shunt], "const_z_p_percent", message, f"{z_power['g_mw'].sum():.6g}")
    current = power["p_mw"] * share["ip"]
    message = "constant-current share is read as constant power (MW)"
    found = (share["ip"] * power["p_mw"] != 0) | (share["iq"] * power["q_mvar"] != 0)
    draft.warn("W-ILOAD", "load", ids[found], "const_i_p_percent", message, f"{current.sum():.6g}")


def read_motors(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``motor`` as a constant load: mechanical power over efficiency, at its power factor."""
    frame = get_table(pp_net, "motor")
    if frame.empty:
        return
    scale = get_floats(frame, "loading_percent", 100.0) / 100 * get_floats(frame, "scaling", 1.0)
    p_mw = get_floats(frame, "pn_mech_mw") / get_floats(frame, "efficiency_percent", 100.0) * 100 * scale
    q_mvar = np.abs(p_mw) * np.sqrt(np.maximum(1 / get_floats(frame, "cos_phi", 1.0) ** 2 - 1, 0.0))
    ids = name_rows("motor", frame)
    draft.add("load", ids, _read_unit(draft, frame) | {"p_mw": p_mw, "q_mvar": q_mvar}, frame)
    draft.warn("W-MOTOR", "motor", ids, "", "read as a load of constant power (MW)", f"{p_mw.sum():.6g}")


def read_asymmetric(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``asymmetric_load`` and ``asymmetric_sgen`` as the sum of their phases."""
    for table, target in (("asymmetric_load", "load"), ("asymmetric_sgen", "generator")):
        frame = get_table(pp_net, table)
        if frame.empty:
            continue
        scaling, ids = get_floats(frame, "scaling", 1.0), name_rows(table, frame)
        columns = _read_unit(draft, frame)
        for column in ("p_{}_mw", "q_{}_mvar"):
            phases = [get_floats(frame, column.format(phase), 0.0) for phase in "abc"]
            columns[column.format("").replace("__", "_")] = np.sum(phases, axis=0) * scaling
        if target == "generator":
            columns["regulating"] = False
        draft.add(target, ids, columns, frame)
        message = "the three phases are added up to a balanced injection (MW)"
        draft.warn("W-ASYMMETRIC", table, ids, "", message, f"{np.sum(columns['p_mw']):.6g}")


def read_wards(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``ward`` as load and shunt, ``xward`` also as a voltage source behind its impedance."""
    for table in ("ward", "xward"):
        frame = get_table(pp_net, table)
        if frame.empty:
            continue
        ids, unit = name_rows(table, frame), _read_unit(draft, frame)
        constant = {"p_mw": get_floats(frame, "ps_mw", 0.0), "q_mvar": get_floats(frame, "qs_mvar", 0.0)}
        draft.add("load", ids, unit | constant, frame)
        admittance = {"g_mw": get_floats(frame, "pz_mw", 0.0), "b_mvar": -get_floats(frame, "qz_mvar", 0.0)}
        draft.add("shunt", ids, unit | admittance, frame)
        if table == "xward":
            _read_xward_sources(draft, frame, ids, unit)


def _read_xward_sources(draft: Draft, frame: pd.DataFrame, ids: list[str], unit: Mapping[str, Any]) -> None:
    kv = draft.get_kv(frame["bus"])
    per_ohm = draft.base_mva / kv**2
    draft.add("bus", ids, {"vn_kv": kv, "name": ids, "in_service": unit["in_service"]})
    series = {
        "from_bus": unit["bus"],
        "to_bus": ids,
        "r_pu": get_floats(frame, "r_ohm") * per_ohm,
        "x_pu": get_floats(frame, "x_ohm") * per_ohm,
        "in_service": unit["in_service"],
    }
    draft.add("series", ids, series, frame)
    source = {"bus": ids, "p_mw": 0.0, "p_min_mw": 0.0, "p_max_mw": 0.0, "participation": 0.0}
    source |= {"vm_pu": get_floats(frame, "vm_pu"), "in_service": unit["in_service"]}
    draft.add("generator", ids, source)
    shared = frame[get_floats(frame, "slack_weight", 0.0) != 0]
    message = "share in a distributed slack is not kept: its voltage source takes no active power"
    draft.warn("W-SLACK", "xward", name_rows("xward", shared), "slack_weight", message)


def read_generators(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``ext_grid``, ``gen`` and ``sgen``; only the first two hold a voltage."""
    grid, gen, sgen = (get_table(pp_net, name) for name in ("ext_grid", "gen", "sgen"))
    costs = read_costs(draft, pp_net)
    # pandapower's own defaults (1 for every external grid, 0 for every unit) say nothing about sharing
    weighted = bool((get_floats(gen, "slack_weight", 0.0) > 0).any()) if len(gen) else False
    for table, frame in (("ext_grid", grid), ("gen", gen), ("sgen", sgen)):
        if frame.empty:
            continue
        columns = _read_unit(draft, frame) | _read_power(frame)
        columns["p_mw"] = np.nan_to_num(columns["p_mw"]) if table == "ext_grid" else columns["p_mw"]
        columns |= {
            "p_min_mw": get_floats(frame, "min_p_mw"),
            "p_max_mw": get_floats(frame, "max_p_mw"),
            "regulating": table != "sgen",
            "participation": 0.0
            if table == "sgen"
            else get_floats(frame, "slack_weight", float(table == "ext_grid"))
            if weighted
            else np.nan,
            "fuel": [FUELS.get(text.lower(), "") for text in get_texts(frame, "type")],
        }
        if table == "ext_grid":
            _warn_of_limits(draft, frame)
        else:
            columns["q_min_mvar"] = get_floats(frame, "min_q_mvar")
            columns["q_max_mvar"] = get_floats(frame, "max_q_mvar")
        if table != "sgen":
            columns["vm_pu"] = get_floats(frame, "vm_pu")
        ids = name_rows(table, frame)
        columns |= {name: costs.reindex(ids)[name].to_numpy() for name in costs.columns}
        draft.add("generator", ids, columns, frame)
        curved = frame[get_bools(frame, "reactive_capability_curve", False)]
        message = "reactive capability curve is not kept: min_q_mvar and max_q_mvar hold"
        draft.warn("W-QCURVE", table, name_rows(table, curved), "reactive_capability_curve", message)


def _warn_of_limits(draft: Draft, grid: pd.DataFrame) -> None:
    """Say that an external grid has no reactive limits but those that `to_pandapower` wrote beside them."""
    if "q_min_mvar" in grid or "q_max_mvar" in grid:
        return
    limited = grid[np.isfinite(get_floats(grid, "min_q_mvar")) | np.isfinite(get_floats(grid, "max_q_mvar"))]
    message = "limits of an external grid are not kept: no power flow of pandapower holds them, its OPF alone"
    draft.warn("W-QLIMIT", "ext_grid", name_rows("ext_grid", limited), "max_q_mvar", message)


def read_costs(draft: Draft, pp_net: Mapping[str, Any]) -> pd.DataFrame:
    """Read ``poly_cost`` and one-segment ``pwl_cost`` of generators.

    Returns
    -------
    DataFrame
        Generator id -> cost_c0_per_h, cost_c1_per_mwh, cost_c2_per_mw2h; no columns if there is no cost.
    """
    names = {
        "cp0_eur": "cost_c0_per_h",
        "cp1_eur_per_mw": "cost_c1_per_mwh",
        "cp2_eur_per_mw2": "cost_c2_per_mw2h",
    }
    rows = []
    poly, pwl = get_table(pp_net, "poly_cost"), get_table(pp_net, "pwl_cost")
    if len(poly):
        ids = poly["et"].map(str) + ":" + poly["element"].map(lambda element: str(int(element)))
        rows.append(
            pd.DataFrame({ours: get_floats(poly, theirs, 0.0) for theirs, ours in names.items()}, index=ids)
        )
        for column in ("cq1_eur_per_mvar", "cq2_eur_per_mvar2"):
            priced = poly[get_floats(poly, column, 0.0) != 0]
            draft.warn("W-COST", "poly_cost", priced.index, column, "cost of reactive power is not kept")
    if len(pwl):
        rows.append(_read_pwl(draft, pwl))
    found = pd.concat([row for row in rows if len(row)] or [pd.DataFrame()])
    theirs = found.index.str.match(r"(ext_grid|gen|sgen):") if len(found) else np.zeros(0, dtype=bool)
    message = "cost of this kind of element is not kept"
    draft.warn("W-COST", "poly_cost", found.index[~theirs], "et", message)
    return found[theirs].groupby(level=0).sum() if len(found) else found


def _read_pwl(draft: Draft, pwl: pd.DataFrame) -> pd.DataFrame:
    rows: dict[str, tuple[float, float, float]] = {}
    dropped = []
    for index, row in pwl.iterrows():
        points = row["points"]
        if row.get("power_type", "p") == "p" and len(points) == 1:
            rows[f"{row['et']}:{int(row['element'])}"] = (0.0, float(points[0][2]), 0.0)
        else:
            dropped.append(index)
    message = "piecewise linear cost of several segments, or of reactive power, is not kept"
    draft.warn("W-COST", "pwl_cost", dropped, "points", message)
    columns = ["cost_c0_per_h", "cost_c1_per_mwh", "cost_c2_per_mw2h"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def read_storage(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``storage``; pandapower counts charging positive, gridhub discharging."""
    frame = get_table(pp_net, "storage")
    if frame.empty:
        return
    ids, power = name_rows("storage", frame), _read_power(frame, sign=-1.0)
    given, taken, rated = (np.abs(get_floats(frame, name)) for name in ("min_p_mw", "max_p_mw", "sn_mva"))
    # a missing limit is that of the other way, else the rating, else what the set-point says
    both = np.where(np.isnan(given) & np.isnan(taken), rated, np.fmax(given, taken))
    given, taken = (np.where(np.isnan(limit), both, limit) for limit in (given, taken))
    bare = np.isnan(both)
    p_max = np.fmax(given, np.where(bare, np.abs(power["p_mw"]), power["p_mw"]))
    charge_max = np.fmax(taken, np.where(bare, np.abs(power["p_mw"]), -power["p_mw"]))
    energy = get_floats(frame, "max_e_mwh")
    columns = _read_unit(draft, frame) | power
    columns |= {
        "p_max_mw": p_max,
        "charge_max_mw": np.where(charge_max == p_max, np.nan, charge_max),
        "e_mwh": np.nan_to_num(energy),
        "soc": get_floats(frame, "soc_percent") / 100,
    }
    draft.add("storage", ids, columns, frame)
    unknown = frame[np.isnan(energy)]
    message = "max_e_mwh is missing: read as 0 MWh"
    draft.warn("W-STORAGE", "storage", name_rows("storage", unknown), "max_e_mwh", message)


def read_shunts(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``shunt``: steps multiplied out, brought from its rated voltage to that of the bus."""
    frame = get_table(pp_net, "shunt")
    if frame.empty:
        return
    kv = draft.get_kv(frame["bus"])
    rated = get_floats(frame, "vn_kv")
    square = (kv / np.where(np.isnan(rated), kv, rated)) ** 2
    step = get_floats(frame, "step", 1.0)
    power = {name: get_floats(frame, name, 0.0) * step for name in ("p_mw", "q_mvar")}
    by_table = get_bools(frame, "step_dependency_table", False)
    if by_table.any():
        power = _look_up_steps(draft, frame, get_table(pp_net, "shunt_characteristic_table"), by_table, power)
    columns = _read_unit(draft, frame) | {"g_mw": power["p_mw"] * square, "b_mvar": -power["q_mvar"] * square}
    draft.add("shunt", name_rows("shunt", frame), columns, frame)


def _look_up_steps(
    draft: Draft, frame: pd.DataFrame, table: pd.DataFrame, by_table: Any, power: Mapping[str, Floats]
) -> dict[str, Floats]:
    known = pd.MultiIndex.from_arrays([get_floats(table, "id_characteristic"), get_floats(table, "step")])
    values = pd.DataFrame({name: get_floats(table, name) for name in power}, index=known)
    keys = pd.MultiIndex.from_arrays(
        [get_floats(frame, "id_characteristic_table"), get_floats(frame, "step")]
    )
    found = values[~values.index.duplicated()].reindex(keys)
    missing = by_table & found.isna().any(axis=1).to_numpy()
    message = "shunt_characteristic_table has no complete row for this step"
    draft.refuse("E-STEP", "shunt", frame.index[missing], "step", message)
    return {name: np.where(by_table, found[name].to_numpy(), values) for name, values in power.items()}


def read_dc_lines(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``dcline`` as links whose converters hold the voltage at both ends, as pandapower models them.

    Notes
    -----
    pandapower states the power that is sent: at the from end if positive, at the to end if negative, and the
    losses of that. Our set-point is at the from end: for a negative one it is what arrives there.
    """
    frame = get_table(pp_net, "dcline")
    if frame.empty:
        return
    ids, p_mw = np.array(name_rows("dcline", frame), dtype=object), get_floats(frame, "p_mw")
    percent, loss = get_floats(frame, "loss_percent", 0.0), get_floats(frame, "loss_mw", 0.0)
    sent = np.abs(p_mw)
    arrives = sent * (1 - percent / 100) - loss
    back = p_mw < 0
    draft.refuse(
        "E-HVDC", "dcline", frame.index[back & (arrives <= 0)], "p_mw", "losses exceed the power sent"
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        back_percent = np.where(percent == 0, 0.0, percent * sent / arrives)
    largest = get_floats(frame, "max_p_mw")
    columns: dict[str, Any] = {
        "from_bus": draft.name_buses(frame["from_bus"]),
        "to_bus": draft.name_buses(frame["to_bus"]),
        "p_mw": np.where(back, -arrives, p_mw),
        "p_min_mw": np.where(back, -largest, np.where(np.isnan(largest), np.nan, 0.0)),
        "p_max_mw": np.where(back & ~np.isnan(largest), 0.0, largest),
        "loss_mw": loss,
        "loss_percent": np.where(back, back_percent, percent),
        "in_service": get_bools(frame, "in_service", True),
    }
    for end in ("from", "to"):
        columns |= {f"regulating_{end}": True, f"vm_{end}_pu": get_floats(frame, f"vm_{end}_pu")}
        columns |= {f"q_{end}_{way}_mvar": get_floats(frame, f"{way}_q_{end}_mvar") for way in ("min", "max")}
    draft.add("hvdc", ids, columns, frame)
    message = (
        "power flows against its direction: the set-point is what arrives at the from end, losses to match"
    )
    draft.warn("W-HVDC", "dcline", ids[back], "p_mw", message, f"{p_mw[back].sum():.6g}")


UNREAD_TABLES = (
    "svc",
    "ssc",
    "vsc",
    "vsc_stacked",
    "vsc_bipolar",
    "tcsc",
    "bus_dc",
    "line_dc",
    "load_dc",
    "source_dc",
    "measurement",
    "controller",
    "group",
)
"""Tables of pandapower that have no place in a `Network`."""

POWER_COLUMNS = ("p_mw", "p_dc_mw", "set_p_to_mw", "pl_dc_mw")


def report_unread(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Report every table with rows that is not read, with its MW where it has power."""
    for table in UNREAD_TABLES:
        frame = get_table(pp_net, table)
        if frame.empty:
            continue
        power = [get_floats(frame, column, 0.0).sum() for column in POWER_COLUMNS if column in frame]
        value = f"{sum(power):.6g} MW" if power else f"{len(frame)} rows"
        message = "not read: a Network has no such element"
        if table not in ("measurement", "controller", "group"):
            message += "; flows will differ from pandapower's"
        draft.warn("W-DROPPED", table, name_rows(table, frame), "", message, value)
    options = pp_net.get("user_pf_options")
    if options:
        names = sorted(str(name) for name in options)
        draft.warn("W-OPTIONS", "user_pf_options", names, "", "options stored in the network are not read")
