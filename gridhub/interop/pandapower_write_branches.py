"""Write the branches of a `Network` as tables of pandapower."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gridhub.errors import Issue
from gridhub.interop.pandapower_write import UNRATED_MVA, Bools, Outline, keep_metadata, name_rows_of


def write_lines(outline: Outline) -> None:
    """Write ``line``: parameters per km of the given length, or of 1 km where there is none."""
    line = outline.net.tables["line"]
    if line.empty:
        return
    known = (line["length_km"] > 0).to_numpy()
    length = np.where(known, line["length_km"], 1.0)
    outline.warn("W-LENGTH", "line", line.index[~known], "length_km", "no length: written as 1 km")
    rate = line["rate_mva"].to_numpy()
    kv = outline.get_kv(line["from_bus"])
    columns: dict[str, Any] = {
        "name": name_rows_of(line),
        "std_type": None,
        "from_bus": outline.get_bus(line["from_bus"]),
        "to_bus": outline.get_bus(line["to_bus"]),
        "length_km": length,
        "r_ohm_per_km": line["r_ohm"].to_numpy() / length,
        "x_ohm_per_km": line["x_ohm"].to_numpy() / length,
        "c_nf_per_km": line["b_us"].to_numpy() * 1e3 / (2 * np.pi * outline.net.frequency_hz * length),
        "g_us_per_km": line["g_us"].to_numpy() / length,
        "max_i_ka": rate / (np.sqrt(3) * kv),
        "df": 1.0,
        "parallel": 1,
        "type": line["construction"].map({"overhead": "ol", "cable": "cs"}).to_numpy(),
        "in_service": line["in_service"].to_numpy(),
    }
    metadata = ("name_ko", "rate_b_mva", "rate_c_mva", "circuit", "tower", "route", "source", "confidence")
    outline.add("line", line.index, columns | keep_metadata(line, metadata))
    unrated = line.index[np.isnan(rate)]
    message = "unrated: max_i_ka is left empty, so pandapower shows no loading"
    outline.warn("W-UNRATED", "line", unrated, "rate_mva", message, str(len(unrated)))


def _write_taps(frame: pd.DataFrame, turned: Bools) -> dict[str, Any]:
    """Give the tap changers of transformers whose step is known: position 0 is ratio 1."""
    step = frame["tap_step"].to_numpy(dtype=float) if "tap_step" in frame else np.full(len(frame), np.nan)
    known = step > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        places = {
            theirs: np.where(known, (frame[ours].to_numpy(dtype=float) - 1) / step, np.nan)
            for theirs, ours in (("tap_pos", "tap_ratio"), ("tap_min", "tap_min"), ("tap_max", "tap_max"))
            if ours in frame
        }
    return {
        "tap_side": np.where(known, np.where(turned, "lv", "hv"), ""),
        "tap_changer_type": np.where(known, "Ratio", ""),
        "tap_neutral": np.where(known, 0.0, np.nan),
        "tap_step_percent": np.where(known, step * 100, np.nan),
        **places,
    }


def _write_trafo(outline: Outline, frame: pd.DataFrame) -> None:
    """Write branches with a ratio as ``trafo``; the end with the lower voltage becomes the low side.

    Notes
    -----
    pandapower refers the impedance to the low side with its tap applied. A ratio at our from end is
    therefore a ratio at whichever side that end becomes, with the same impedance; a shift changes its sign
    if the branch is turned. A capacitive admittance, which pandapower's transformers cannot have, is left
    as two shunts.
    """
    kv_from, kv_to = outline.get_kv(frame["from_bus"]), outline.get_kv(frame["to_bus"])
    turned = kv_from < kv_to
    from_bus, to_bus = outline.get_bus(frame["from_bus"]), outline.get_bus(frame["to_bus"])
    taps = _write_taps(frame, turned)
    rated_from = kv_from * np.where(np.isnan(taps["tap_neutral"]), frame["tap_ratio"].to_numpy(), 1.0)
    r, x = frame["r_pu"].to_numpy(), frame["x_pu"].to_numpy()
    capacitive = frame["b_pu"].to_numpy() > 0
    g, b = (np.where(capacitive, 0.0, frame[name].to_numpy()) for name in ("g_pu", "b_pu"))
    rate, base = frame["rate_mva"].to_numpy(), outline.net.base_mva
    sn = np.where(np.isnan(rate) | (rate <= 0), UNRATED_MVA, rate)
    columns: dict[str, Any] = {
        "name": name_rows_of(frame),
        "std_type": None,
        "hv_bus": np.where(turned, to_bus, from_bus),
        "lv_bus": np.where(turned, from_bus, to_bus),
        "sn_mva": sn,
        "vn_hv_kv": np.where(turned, kv_to, rated_from),
        "vn_lv_kv": np.where(turned, rated_from, kv_to),
        "vk_percent": np.where(x < 0, -1.0, 1.0) * np.hypot(r, x) * sn / base * 100,
        "vkr_percent": r * sn / base * 100,
        "pfe_kw": g * base * 1e3,
        "i0_percent": np.hypot(g, b) * base / sn * 100,
        "shift_degree": frame["shift_degree"].to_numpy() * np.where(turned, -1.0, 1.0),
        "tap_dependency_table": False,
        "parallel": 1,
        "df": 1.0,
        "in_service": frame["in_service"].to_numpy(),
    }
    metadata = ("name_ko", "rate_b_mva", "rate_c_mva", "circuit", "source", "confidence")
    outline.add("trafo", frame.index, columns | taps | keep_metadata(frame, metadata))
    _write_capacitive(outline, frame[capacitive])
    message = "from_bus is the low side: written turned around"
    outline.warn("W-TURNED", "trafo", frame.index[turned], "hv_bus", message)
    unrated = frame.index[sn == UNRATED_MVA]
    message = "unrated: written with sn_mva = 99999, which pandapower's own converter takes for none"
    outline.warn("W-UNRATED", "trafo", unrated, "rate_mva", message, str(len(unrated)))


def _write_capacitive(outline: Outline, frame: pd.DataFrame) -> None:
    base = outline.net.base_mva
    for end, square in (("from", frame["tap_ratio"].to_numpy() ** 2), ("to", 1.0)):
        columns = {
            "bus": outline.get_bus(frame[f"{end}_bus"]),
            "name": frame.index,
            "p_mw": frame["g_pu"].to_numpy() / 2 * base / square,
            "q_mvar": -frame["b_pu"].to_numpy() / 2 * base / square,
            "vn_kv": outline.get_kv(frame[f"{end}_bus"]),
            "step": 1.0,
            "max_step": 1,
            "step_dependency_table": False,
            "in_service": frame["in_service"].to_numpy(),
        }
        outline.add("shunt", [f"{i}:{end}" for i in frame.index], columns)
    message = "capacitive admittance is written as two shunts, which stay when the transformer trips"
    outline.warn("W-SHUNT", "trafo", frame.index, "b_pu", message)


def _write_impedance(outline: Outline, frame: pd.DataFrame) -> None:
    half_g, half_b = frame["g_pu"].to_numpy() / 2, frame["b_pu"].to_numpy() / 2
    columns: dict[str, Any] = {
        "name": name_rows_of(frame),
        "from_bus": outline.get_bus(frame["from_bus"]),
        "to_bus": outline.get_bus(frame["to_bus"]),
        "sn_mva": outline.net.base_mva,
        "in_service": frame["in_service"].to_numpy(),
    }
    for way in ("ft", "tf"):
        columns |= {f"r{way}_pu": frame["r_pu"].to_numpy(), f"x{way}_pu": frame["x_pu"].to_numpy()}
    for end in ("f", "t"):
        columns |= {f"g{end}_pu": half_g, f"b{end}_pu": half_b}
    rated = frame["rate_mva"].notna()
    metadata = ("rate_mva", "rate_b_mva", "rate_c_mva", "circuit", "tower", "name_ko", "source", "confidence")
    outline.add("impedance", frame.index, columns | keep_metadata(frame, metadata))
    message = "pandapower shows no loading of an impedance: its rating is in the extra column rate_mva"
    outline.warn("W-RATING", "impedance", frame.index[rated], "rate_mva", message, str(int(rated.sum())))


def _write_switch(outline: Outline, frame: pd.DataFrame) -> None:
    kv = outline.get_kv(frame["from_bus"])
    columns = {
        "bus": outline.get_bus(frame["from_bus"]),
        "element": outline.get_bus(frame["to_bus"]),
        "et": "b",
        "type": "CB",
        "closed": frame["in_service"].to_numpy(),
        "name": name_rows_of(frame),
        "z_ohm": 0.0,
        "in_ka": frame["rate_mva"].to_numpy() / (np.sqrt(3) * kv),
    }
    outline.add("switch", frame.index, columns)


def write_transformers_and_series(outline: Outline) -> None:
    """Write ``trafo``, ``impedance`` and bus-bus ``switch``.

    A branch with a ratio, and a rated one between different voltages, is a transformer; one without
    impedance a switch; the rest are impedances.
    """
    transformer, series = outline.net.tables["transformer"], outline.net.tables["series"]
    everything = pd.concat([frame for frame in (transformer, series) if len(frame)] or [transformer])
    if everything.empty:
        return
    plain = ((everything["tap_ratio"] == 1) & (everything["shift_degree"] == 0)).to_numpy()
    solid = ((everything["r_pu"] == 0) & (everything["x_pu"] == 0)).to_numpy()
    bare = ((everything["b_pu"] == 0) & (everything["g_pu"] == 0)).to_numpy()
    switch = solid & plain & bare
    for index in everything.index[solid & ~switch]:
        message = "no impedance, but a ratio or a shunt: pandapower has no such element; give it a small x_pu"
        outline.issues.append(Issue("error", "E-ZEROZ", "transformer", str(index), "x_pu", "0", message))
    is_series = np.arange(len(everything)) >= len(transformer)
    capacitive = (everything["b_pu"] > 0).to_numpy()
    unrated = everything["rate_mva"].isna().to_numpy()
    impedance = is_series & plain & ~switch & (unrated | capacitive)
    for chosen, write in ((switch, _write_switch), (impedance, _write_impedance)):
        if chosen.any():
            write(outline, everything[chosen])
    as_trafo = ~switch & ~impedance & ~solid
    if as_trafo.any():
        _write_trafo(outline, everything[as_trafo])
    moved = everything.index[as_trafo & is_series]
    outline.warn("W-SERIES", "series", moved, "", "written as trafo, so that its rating shows")
