"""Electrical model of pandapower transformers: per-unit pi model, ratio and shift at the high side.

The formulas are those of the pandapower documentation, "Transformer" and "Three Winding Transformer", with
``trafo_model="pi"`` and ``calculate_voltage_angles=True``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.interop.pandapower_read import Bools, Draft, Floats, get_bools, get_floats, get_texts

SIDES = ("hv", "mv", "lv")


@dataclass(frozen=True)
class Windings:
    """Transformers with two windings each, one position per transformer.

    Attributes
    ----------
    vn_hv_kv, vn_lv_kv : (n,) float
        Rated voltages [kV].
    kv_hv, kv_lv : (n,) float
        Nominal voltages of the buses [kV].
    sn_mva, r_percent, x_percent : (n,) float
        Rating and short-circuit impedance of one unit.
    pfe_mw, i0_percent, shift_degree, parallel : (n,) float
        No-load loss [MW] and current of one unit, vector group, number of units.
    """

    vn_hv_kv: Floats
    vn_lv_kv: Floats
    kv_hv: Floats
    kv_lv: Floats
    sn_mva: Floats
    r_percent: Floats
    x_percent: Floats
    pfe_mw: Floats
    i0_percent: Floats
    shift_degree: Floats
    parallel: Floats


@dataclass(frozen=True)
class Tap:
    """One tap changer per transformer; `ratio_on` and `ideal` say which act at all.

    Attributes
    ----------
    side : (n,) str
        ``hv``, ``lv`` or other text where there is none.
    steps : (n,) float
        Position less neutral position.
    percent, degree : (n,) float
        Voltage and angle of one step.
    ratio_on, ideal : (n,) bool
        Adds a voltage, or turns the angle alone.
    """

    side: NDArray[np.object_]
    steps: Floats
    percent: Floats
    degree: Floats
    ratio_on: Bools
    ideal: Bools


def read_tap(frame: pd.DataFrame, prefix: str = "tap") -> Tap:
    """Read the tap changer of every transformer.

    Parameters
    ----------
    frame : DataFrame
        ``trafo`` or ``trafo3w`` of pandapower.
    prefix : str
        ``tap`` or ``tap2``.

    Notes
    -----
    A changer of type Ratio or Symmetrical adds `percent` at `degree`, one of type Ideal turns the angle, one
    without a type does nothing. Networks older than pandapower 3 have ``tap_phase_shifter`` instead.
    """
    side = get_texts(frame, f"{prefix}_side")
    position, neutral = get_floats(frame, f"{prefix}_pos"), get_floats(frame, f"{prefix}_neutral")
    steps = np.nan_to_num(position - neutral)
    percent = get_floats(frame, f"{prefix}_step_percent", 0.0)
    if f"{prefix}_changer_type" in frame:
        kind = get_texts(frame, f"{prefix}_changer_type")
        ratio_on, ideal = np.isin(kind, ["Ratio", "Symmetrical"]), kind == "Ideal"
    else:
        ideal = get_bools(frame, f"{prefix}_phase_shifter", False)
        ratio_on = ~ideal & np.full(len(frame), f"{prefix}_phase_shifter" in frame)
    by_table = get_bools(frame, "tap_dependency_table", False) & (prefix == "tap")
    degree = get_floats(frame, f"{prefix}_step_degree", 0.0)
    return Tap(side, steps, percent, degree, ratio_on & ~by_table, np.asarray(ideal & ~by_table))


def apply_tap(
    tap: Tap, voltages: Mapping[str, Floats], shift_degree: Floats
) -> tuple[dict[str, Floats], Floats]:
    r"""Change the rated voltages and the shift by the position of a tap changer.

    Parameters
    ----------
    tap : Tap
    voltages : mapping
        ``hv`` and ``lv`` rated voltages [kV].
    shift_degree : (n,) float

    Returns
    -------
    voltages, shift_degree
        The same, tap applied. A ratio changer at voltage v gives :math:`v + v\,s\,p\,e^{j\delta}` for s
        steps of p at angle :math:`\delta`; its angle counts against the shift at the low side.
    """
    changed, shift = dict(voltages), shift_degree.copy()
    for side, direction in (("hv", 1.0), ("lv", -1.0)):
        here = tap.side == side
        added = voltages[side] * tap.steps * tap.percent / 100 * np.exp(1j * np.deg2rad(tap.degree))
        phasor = np.where(here & tap.ratio_on, voltages[side] + added, voltages[side])
        changed[side] = np.abs(phasor)
        turn = np.rad2deg(np.arctan2(phasor.imag, phasor.real))
        step_turn = 2 * np.rad2deg(np.arcsin(np.clip(tap.steps * tap.percent / 200, -1, 1)))
        ideal_turn = np.where(tap.degree != 0, tap.steps * tap.degree, step_turn)
        shift = shift + direction * np.where(here & tap.ideal, ideal_turn, turn)
    return changed, shift


def compute_two_winding(
    windings: Windings, voltages: Mapping[str, Floats], shift_degree: Floats, base_mva: float
) -> dict[str, Floats]:
    r"""Compute the pi model on `base_mva`, ratio and shift at the high side.

    Parameters
    ----------
    windings : Windings
    voltages : mapping
        ``hv`` and ``lv`` rated voltages with the tap applied [kV].
    shift_degree : (n,) float
        Shift with the tap applied.
    base_mva : float

    Returns
    -------
    dict
        r_pu, x_pu, g_pu, b_pu, tap_ratio, shift_degree.

    Notes
    -----
    The impedance refers to the low side: :math:`z = (v_k/100)(S_b/S_n)(V_{lv}/V_{b,lv})^2/n`. The no-load
    admittance :math:`(P_{fe} - j\sqrt{(i_0 S_n/100)^2 - P_{fe}^2})\,n/S_b` is divided by the same square.
    """
    square = (voltages["lv"] / windings.kv_lv) ** 2
    per_unit = base_mva / windings.sn_mva / 100 * square / windings.parallel
    loss = windings.pfe_mw
    magnetizing = np.sqrt(np.maximum((windings.i0_percent / 100 * windings.sn_mva) ** 2 - loss**2, 0.0))
    shunt = windings.parallel / base_mva / square
    return {
        "r_pu": windings.r_percent * per_unit,
        "x_pu": windings.x_percent * per_unit,
        "g_pu": loss * shunt,
        "b_pu": -magnetizing * shunt,
        "tap_ratio": voltages["hv"] / voltages["lv"] * windings.kv_lv / windings.kv_hv,
        "shift_degree": shift_degree,
    }


def split_impedance(vk_percent: Floats, vkr_percent: Floats) -> Floats:
    """Give the reactive part of a short-circuit voltage [%] with its sign; NaN if the real part is larger."""
    square = vk_percent**2 - vkr_percent**2
    root = np.sqrt(np.where(square >= 0, square, np.nan))
    return np.asarray(np.sign(vk_percent) * root)


def read_tap_table(
    draft: Draft, frame: pd.DataFrame, characteristic: pd.DataFrame
) -> tuple[pd.DataFrame, Bools]:
    """Look up ratio, angle and impedance of transformers whose tap changer is given by a table.

    Parameters
    ----------
    draft : Draft
        Takes an E-TAP error for every position that the table lacks.
    frame : DataFrame
        ``trafo`` of pandapower.
    characteristic : DataFrame
        ``trafo_characteristic_table``.

    Returns
    -------
    values : DataFrame
        voltage_ratio, angle_deg, vk_percent, vkr_percent, one row per transformer; NaN where not by table.
    by_table : (n,) bool
    """
    names = ["voltage_ratio", "angle_deg", "vk_percent", "vkr_percent"]
    by_table = get_bools(frame, "tap_dependency_table", False)
    if not by_table.any():
        return pd.DataFrame(np.nan, index=frame.index, columns=names), by_table
    keys = pd.MultiIndex.from_arrays(
        [get_floats(frame, "id_characteristic_table"), get_floats(frame, "tap_pos")]
    )
    known = [get_floats(characteristic, name) for name in ("id_characteristic", "step")]
    table = pd.DataFrame(
        {name: get_floats(characteristic, name) for name in names}, index=pd.MultiIndex.from_arrays(known)
    )
    found = table[~table.index.duplicated()].reindex(keys).set_index(frame.index)
    missing = by_table & found[names].isna().any(axis=1).to_numpy()
    message = "trafo_characteristic_table has no complete row for this position"
    draft.refuse("E-TAP", "trafo", frame.index[missing], "tap_pos", message)
    return found.where(pd.Series(by_table, index=found.index), axis=0), by_table


def compute_star(frame: pd.DataFrame) -> dict[str, dict[str, Floats]]:
    """Compute the short-circuit voltages of the star of a three-winding transformer.

    Parameters
    ----------
    frame : DataFrame
        ``trafo3w`` of pandapower; vk_hv_percent is measured between hv and mv, vk_mv between mv and lv, vk_lv
        between hv and lv, each on the smaller rating of its pair.

    Returns
    -------
    dict
        Side -> sn_mva, r_percent, x_percent (may be negative) on the rating of that side.
    """
    sn = {side: get_floats(frame, f"sn_{side}_mva") for side in SIDES}
    pairs = {"hv": ("hv", "mv"), "mv": ("mv", "lv"), "lv": ("hv", "lv")}
    delta: dict[str, dict[str, Floats]] = {"r": {}, "x": {}}
    for name, (a, b) in pairs.items():
        scale = sn["hv"] / np.minimum(sn[a], sn[b])
        vk, vkr = (get_floats(frame, f"{kind}_{name}_percent") * scale for kind in ("vk", "vkr"))
        delta["r"][name], delta["x"][name] = vkr, np.abs(split_impedance(vk, vkr))
    # The star arm of a side: half of (both pairs it belongs to, less the third), brought to its own rating.
    arms = {"hv": ("hv", "lv", "mv"), "mv": ("mv", "hv", "lv"), "lv": ("lv", "mv", "hv")}
    result = {}
    for side, (one, two, third) in arms.items():
        scale = 0.5 * sn[side] / sn["hv"]
        arm = {k: scale * (v[one] + v[two] - v[third]) for k, v in delta.items()}
        result[side] = {"sn_mva": sn[side], "r_percent": arm["r"], "x_percent": arm["x"]}
    return result


def move_to_star_point(tap: Tap, at_star_point: Bools) -> Tap:
    """Refer tap changers at the star point to the terminal side of their arm.

    The arm's star end is the low side of the high-voltage arm and the high side of the others, and the
    added voltage refers to the other winding.
    """
    step = tap.percent * np.exp(1j * np.deg2rad(tap.degree))
    referred = 100 * step / (100 + step * tap.steps)
    other = np.where(tap.side == "hv", "lv", "hv").astype(object)
    known = at_star_point & np.isin(tap.side.astype(str), ["hv", "lv"])
    return Tap(
        side=np.where(known, other, tap.side),
        steps=tap.steps,
        percent=np.where(known, np.abs(referred), tap.percent),
        degree=np.where(known, np.rad2deg(np.angle(referred)) - 180, tap.degree),
        ratio_on=tap.ratio_on,
        ideal=tap.ideal,
    )
