"""Read the branches of a pandapower network: lines, transformers, impedances, switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.interop.pandapower_read import (
    UNRATED_KA,
    Bools,
    Draft,
    Floats,
    get_bools,
    get_floats,
    get_table,
    get_texts,
    name_rows,
)
from gridhub.interop.pandapower_switches import open_ends
from gridhub.interop.pandapower_transformers import (
    SIDES,
    Tap,
    Windings,
    apply_tap,
    compute_star,
    compute_two_winding,
    move_to_star_point,
    read_tap,
    read_tap_table,
    split_impedance,
)

UNRATED_MVA = (99999.0, 99.999)
"""Transformer ratings that stand for none: 99,999 MVA, and the same meant as kVA by older versions."""

CONSTRUCTIONS = {"ol": "overhead", "cs": "cable"}


def _rate_line(draft: Draft, frame: pd.DataFrame) -> Floats:
    """Give sqrt(3) V I df parallel [MVA] at the from bus; NaN where the limit stands for none."""
    limit = get_floats(frame, "max_i_ka")
    kv = draft.get_kv(frame["from_bus"])
    rate = np.sqrt(3) * kv * limit * get_floats(frame, "df", 1.0) * get_floats(frame, "parallel", 1.0)
    unrated = np.isnan(limit) | (limit >= UNRATED_KA)
    ids = name_rows("line", frame[unrated])
    message = "unrated: max_i_ka is missing or stands for no limit (99999)"
    draft.warn("W-UNRATED", "line", ids, "max_i_ka", message, str(len(ids)))
    return np.where(unrated, np.nan, rate)


def _report_planning_limit(draft: Draft, table: str, frame: pd.DataFrame) -> None:
    limit = get_floats(frame, "max_loading_percent", 100.0)
    message = "planning limit other than 100 %: rate_mva is the full rating, the limit an extra column"
    draft.warn("W-LOADING", table, name_rows(table, frame[limit != 100.0]), "max_loading_percent", message)


def _keep_extra(frame: pd.DataFrame, defaults: Mapping[str, float]) -> dict[str, Floats]:
    """Keep columns our schema does not know where any value differs from what pandapower takes by default."""
    values = {name: get_floats(frame, name, default) for name, default in defaults.items()}
    return {name: found for name, found in values.items() if (found != defaults[name]).any()}


def read_lines(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``line``: parallel systems stay one row with their joint impedance and rating."""
    frame = get_table(pp_net, "line")
    if frame.empty:
        return
    ends, dead = open_ends(draft, pp_net, "l", frame)
    length, parallel = get_floats(frame, "length_km"), get_floats(frame, "parallel", 1.0)
    farad_per_km = get_floats(frame, "c_nf_per_km", 0.0) * 1e-9
    several = frame[parallel > 1]
    message = "parallel systems are one branch with joint impedance and rating; an outage takes all of them"
    draft.warn("W-PARALLEL", "line", name_rows("line", several), "parallel", message)
    _report_planning_limit(draft, "line", frame)
    columns = {
        "from_bus": ends["from"],
        "to_bus": ends["to"],
        "length_km": length,
        "r_ohm": get_floats(frame, "r_ohm_per_km") * length / parallel,
        "x_ohm": get_floats(frame, "x_ohm_per_km") * length / parallel,
        "b_us": 2 * np.pi * draft.frequency_hz * farad_per_km * 1e6 * length * parallel,
        "g_us": get_floats(frame, "g_us_per_km", 0.0) * length * parallel,
        "rate_mva": _rate_line(draft, frame),
        "in_service": get_bools(frame, "in_service", True) & ~dead,
        "conductor": get_texts(frame, "std_type"),
        "construction": [CONSTRUCTIONS.get(kind, "") for kind in get_texts(frame, "type")],
    }
    columns |= _keep_extra(frame, {"parallel": 1.0, "max_loading_percent": 100.0})
    columns["source_row"] = draft.number_branches(len(frame))
    _add_lines(draft, frame, columns)


def _add_lines(draft: Draft, frame: pd.DataFrame, columns: Mapping[str, Any]) -> None:
    """Add lines; those of negative resistance, as equivalents have them, are series elements."""
    rows = pd.DataFrame(dict(columns), index=frame.index)
    negative = (rows["r_ohm"] < 0).to_numpy()
    lines = rows[~negative]
    ids = name_rows("line", lines)
    draft.add("line", ids, {name: lines[name].to_numpy() for name in rows.columns}, frame[~negative])
    if not negative.any():
        return
    per_unit = draft.get_kv(frame["from_bus"])[negative] ** 2 / draft.base_mva
    rest = rows[negative]
    shared = ("from_bus", "to_bus", "rate_mva", "in_service", "source_row", "parallel", "max_loading_percent")
    series = {name: rest[name].to_numpy() for name in shared if name in rest}
    series |= {f"{name}_pu": rest[f"{name}_ohm"].to_numpy() / per_unit for name in "rx"}
    series |= {f"{name}_pu": rest[f"{name}_us"].to_numpy() * 1e-6 * per_unit for name in "gb"}
    ids = name_rows("line", rest)
    draft.add("series", ids, series, frame[negative])
    draft.notes.append(
        f"{len(ids)} lines of negative resistance, as equivalents have them, are series elements"
    )


def _rate_transformer(draft: Draft, table: str, ids: list[str], sn_mva: Floats, factor: Floats) -> Floats:
    unrated = np.isnan(sn_mva) | np.isin(sn_mva, UNRATED_MVA) | (sn_mva > UNRATED_MVA[0])
    names = [name for name, flag in zip(ids, unrated, strict=True) if flag]
    message = "unrated: sn_mva stands for no limit (99999 MVA, or the same in kVA)"
    draft.warn("W-UNRATED", table, names, "sn_mva", message, str(len(names)))
    return np.where(unrated, np.nan, sn_mva * factor)


def _list_tap_limits(frame: pd.DataFrame, windings: Windings, tap: Tap) -> dict[str, Floats]:
    """Give the range of ``tap_ratio`` of plain ratio changers; NaN elsewhere."""
    plain = tap.ratio_on & (tap.degree == 0) & np.isin(tap.side.astype(str), ["hv", "lv"])
    nominal = windings.vn_hv_kv / windings.vn_lv_kv * windings.kv_lv / windings.kv_hv
    neutral = get_floats(frame, "tap_neutral")
    ratios = []
    for name in ("tap_min", "tap_max"):
        factor = 1 + (get_floats(frame, name) - neutral) * tap.percent / 100
        ratio = nominal * np.where(tap.side == "hv", factor, 1 / np.where(factor == 0, np.nan, factor))
        ratios.append(np.where(plain, ratio, np.nan))
    step = np.where(plain & (tap.side == "hv"), nominal * np.abs(tap.percent) / 100, np.nan)
    return {"tap_min": np.fmin(*ratios), "tap_max": np.fmax(*ratios), "tap_step": step}


def _report_transformers(draft: Draft, frame: pd.DataFrame, table: str) -> None:
    moved = get_floats(frame, "tap_pos") - get_floats(frame, "tap_neutral")
    acts = np.isin(get_texts(frame, "tap_changer_type").astype(str), ["Ratio", "Symmetrical", "Ideal"])
    acts = acts | get_bools(frame, "tap_dependency_table", False) | ("tap_changer_type" not in frame)
    idle = frame[(np.nan_to_num(moved) != 0) & ~acts & (get_floats(frame, "tap_step_percent", 0.0) != 0)]
    message = "off its neutral position, but without tap_changer_type: no effect, as in pandapower"
    draft.warn("W-TAP", table, name_rows(table, idle), "tap_changer_type", message)
    no_load = frame[(get_floats(frame, "pfe_kw", 0.0) != 0) | (get_floats(frame, "i0_percent", 0.0) != 0)]
    if len(no_load):
        draft.notes.append(
            f"{len(no_load)} {table} with no-load losses are read with trafo_model 'pi'; "
            "pandapower's default 't' differs slightly"
        )


def _read_windings(
    draft: Draft, pp_net: Mapping[str, Any], frame: pd.DataFrame
) -> tuple[Windings, pd.DataFrame, Bools]:
    table, by_table = read_tap_table(draft, frame, get_table(pp_net, "trafo_characteristic_table"))
    vk, vkr = get_floats(frame, "vk_percent"), get_floats(frame, "vkr_percent")
    vk = np.where(by_table, table["vk_percent"].to_numpy(), vk)
    vkr = np.where(by_table, table["vkr_percent"].to_numpy(), vkr)
    windings = Windings(
        vn_hv_kv=get_floats(frame, "vn_hv_kv"),
        vn_lv_kv=get_floats(frame, "vn_lv_kv"),
        kv_hv=draft.get_kv(frame["hv_bus"]),
        kv_lv=draft.get_kv(frame["lv_bus"]),
        sn_mva=get_floats(frame, "sn_mva"),
        r_percent=vkr,
        x_percent=split_impedance(vk, vkr),
        pfe_mw=get_floats(frame, "pfe_kw", 0.0) * 1e-3,
        i0_percent=get_floats(frame, "i0_percent", 0.0),
        shift_degree=get_floats(frame, "shift_degree", 0.0),
        parallel=get_floats(frame, "parallel", 1.0),
    )
    bad = np.isnan(windings.x_percent) & ~np.isnan(vk) & ~np.isnan(vkr)
    draft.refuse("E-TRAFO", "trafo", frame.index[bad], "vkr_percent", "larger than vk_percent")
    return windings, table, by_table


def read_transformers(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``trafo`` with trafo_model "pi": from_bus is the high side, which carries ratio and shift."""
    frame = get_table(pp_net, "trafo")
    if frame.empty:
        return
    ends, dead = open_ends(draft, pp_net, "t", frame)
    windings, table, by_table = _read_windings(draft, pp_net, frame)
    voltages = {"hv": windings.vn_hv_kv, "lv": windings.vn_lv_kv}
    tap = read_tap(frame)
    shift = windings.shift_degree
    for changer in (tap, read_tap(frame, "tap2")):
        moved, shift = apply_tap(changer, voltages, shift)
        voltages = moved
    for side, direction in (("hv", 1.0), ("lv", -1.0)):
        here = by_table & (tap.side == side)
        voltages[side] = np.where(here, voltages[side] * table["voltage_ratio"].to_numpy(), voltages[side])
        shift = shift + np.where(here, direction * table["angle_deg"].to_numpy(), 0.0)
    ids = name_rows("trafo", frame)
    several = frame[windings.parallel > 1]
    message = "parallel units are one branch with joint impedance and rating; an outage takes all of them"
    draft.warn("W-PARALLEL", "trafo", name_rows("trafo", several), "parallel", message)
    _report_planning_limit(draft, "trafo", frame)
    _report_transformers(draft, frame, "trafo")
    factor = windings.parallel * get_floats(frame, "df", 1.0)
    columns = {
        "from_bus": ends["hv"],
        "to_bus": ends["lv"],
        "rate_mva": _rate_transformer(draft, "trafo", ids, windings.sn_mva, factor),
        "in_service": get_bools(frame, "in_service", True) & ~dead,
    }
    columns |= compute_two_winding(windings, voltages, shift, draft.base_mva)
    columns |= _list_tap_limits(frame, windings, tap)
    extra = _keep_extra(frame, {"parallel": 1.0, "max_loading_percent": 100.0})
    draft.add("transformer", ids, columns | extra, frame)


def read_three_winding(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``trafo3w`` as a star: a bus ``trafo3w:<index>``, transformers ``trafo3w:<index>:<side>``."""
    frame = get_table(pp_net, "trafo3w")
    if frame.empty:
        return
    tabled = frame.index[get_bools(frame, "tap_dependency_table", False)]
    draft.refuse("E-TAP", "trafo3w", tabled, "tap_dependency_table", "tap tables are read for trafo only")
    ends, dead = open_ends(draft, pp_net, "t3", frame)
    star = name_rows("trafo3w", frame)
    on = get_bools(frame, "in_service", True) & ~dead
    kv = {side: draft.get_kv(frame[f"{side}_bus"]) for side in SIDES}
    draft.add("bus", star, {"vn_kv": kv["hv"], "name": star, "in_service": on})
    _report_transformers(draft, frame, "trafo3w")
    message = "read as a star of three transformers around a bus of its own"
    draft.notes.append(f"{len(frame)} trafo3w {message}")
    arms = compute_star(frame)
    for side in SIDES:
        columns = _compute_arm(draft, frame, side, arms[side], kv)
        ids = name_rows("trafo3w", frame, f":{side}")
        from_bus, to_bus = (ends["hv"], star) if side == "hv" else (star, ends[side])
        rate = _rate_transformer(draft, "trafo3w", ids, arms[side]["sn_mva"], np.ones(len(frame)))
        columns |= {"from_bus": from_bus, "to_bus": to_bus, "rate_mva": rate, "in_service": on}
        draft.add("transformer", ids, columns, frame.drop(columns=["tap_min", "tap_max"], errors="ignore"))
    _read_star_losses(draft, frame, kv["hv"], on)


def _find_loss_side(frame: pd.DataFrame) -> NDArray[np.object_]:
    if "loss_side" not in frame:
        return np.full(len(frame), "hv", dtype=object)
    return np.array([text.lower() for text in get_texts(frame, "loss_side")], dtype=object)


def _compute_arm(
    draft: Draft, frame: pd.DataFrame, side: str, arm: Mapping[str, Floats], kv: Mapping[str, Floats]
) -> dict[str, Any]:
    """Compute one arm of the star; its star end has the nominal voltage of the high-voltage bus."""
    no_load = _find_loss_side(frame) == side
    windings = Windings(
        vn_hv_kv=get_floats(frame, "vn_hv_kv"),
        vn_lv_kv=get_floats(frame, f"vn_{side}_kv"),
        kv_hv=kv["hv"],
        kv_lv=kv[side],
        sn_mva=arm["sn_mva"],
        r_percent=arm["r_percent"],
        x_percent=arm["x_percent"],
        pfe_mw=np.where(no_load, get_floats(frame, "pfe_kw", 0.0) * 1e-3, 0.0),
        i0_percent=np.where(no_load, get_floats(frame, "i0_percent", 0.0), 0.0),
        shift_degree=np.zeros(len(frame)) if side == "hv" else get_floats(frame, f"shift_{side}_degree", 0.0),
        parallel=np.ones(len(frame)),
    )
    tap = read_tap(frame)
    terminal = np.where(tap.side == side, "hv" if side == "hv" else "lv", "").astype(object)
    tap = Tap(terminal, tap.steps, tap.percent, tap.degree, tap.ratio_on, tap.ideal)
    tap = move_to_star_point(tap, get_bools(frame, "tap_at_star_point", False))
    voltages, shift = apply_tap(
        tap, {"hv": windings.vn_hv_kv, "lv": windings.vn_lv_kv}, windings.shift_degree
    )
    return {**compute_two_winding(windings, voltages, shift, draft.base_mva)}


def _read_star_losses(draft: Draft, frame: pd.DataFrame, kv_hv: Floats, on: Bools) -> None:
    at_star = _find_loss_side(frame) == "star"
    if not at_star.any():
        return
    chosen = frame[at_star]
    loss = get_floats(chosen, "pfe_kw", 0.0) * 1e-3
    apparent = get_floats(chosen, "i0_percent", 0.0) / 100 * get_floats(chosen, "sn_hv_mva")
    square = (kv_hv[at_star] / get_floats(chosen, "vn_hv_kv")) ** 2
    ids = name_rows("trafo3w", chosen)
    b_mvar = -np.sqrt(np.maximum(apparent**2 - loss**2, 0.0)) * square
    draft.add("shunt", ids, {"bus": ids, "g_mw": loss * square, "b_mvar": b_mvar, "in_service": on[at_star]})


def read_impedances(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read ``impedance`` as series elements; unequal shunts at the ends leave a shunt for the difference."""
    frame = get_table(pp_net, "impedance")
    if frame.empty:
        return
    ends = {end: draft.name_buses(frame[f"{end}_bus"]) for end in ("from", "to")}
    scale = draft.base_mva / get_floats(frame, "sn_mva")
    z = {way: get_floats(frame, f"r{way}_pu") + 1j * get_floats(frame, f"x{way}_pu") for way in ("ft", "tf")}
    y = {e: get_floats(frame, f"g{e}_pu", 0.0) + 1j * get_floats(frame, f"b{e}_pu", 0.0) for e in ("f", "t")}
    on = get_bools(frame, "in_service", True)
    differs = ~np.isclose(z["ft"], z["tf"], rtol=1e-12, atol=0)
    message = "impedance differs by direction, which no passive branch does: give both directions one value"
    draft.refuse("E-ASYMMETRIC", "impedance", frame.index[differs & on], "rft_pu", message)
    draft.warn("W-ASYMMETRIC", "impedance", name_rows("impedance", frame[differs & ~on]), "rft_pu", message)
    ids = np.array(name_rows("impedance", frame), dtype=object)
    columns = {
        "from_bus": ends["from"],
        "to_bus": ends["to"],
        "r_pu": z["ft"].real * scale,
        "x_pu": z["ft"].imag * scale,
        "g_pu": 2 * y["f"].real / scale,
        "b_pu": 2 * y["f"].imag / scale,
        "in_service": on,
    }
    draft.add("series", ids, columns, frame)
    unrated = np.isnan(get_floats(frame, "rate_mva"))
    message = "unrated: sn_mva of an impedance is its per-unit base, not a limit"
    draft.warn("W-UNRATED", "impedance", ids[unrated], "rate_mva", message, str(int(unrated.sum())))
    rest = (y["t"] - y["f"]) / scale * draft.base_mva
    uneven = rest != 0
    message = "shunts at the ends differ: the difference is a shunt of its own, which stays in an outage"
    draft.warn("W-ASYMMETRIC", "impedance", ids[uneven], "gt_pu", message)
    shunt = {"bus": ends["to"], "g_mw": rest.real, "b_mvar": rest.imag, "in_service": on}
    draft.add("shunt", ids[uneven], {name: values[uneven] for name, values in shunt.items()})
