"""Hours of a network's plants of sun and wind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue
from gridhub.model.profile_weather import DECIMALS, Work
from gridhub.profiles.region import Floats
from gridhub.profiles.sun import build_sun
from gridhub.profiles.wind import build_wind


def make_plant_hours(work: Work) -> pd.DataFrame:
    """Make the hours of sun and wind, in the order of the generator table."""
    table = work.net.tables["generator"]
    table = table[table["in_service"].astype(bool) & table["fuel"].isin(["solar", "wind"])]
    if table.empty:
        return pd.DataFrame(index=work.hours)
    power = table["p_max_mw"].to_numpy(dtype=float)
    lacking = table.index[~np.isfinite(power)]
    if len(lacking):
        text = "wants its capacity: output is a share of it"
        raise InputError(
            [Issue("error", "E-NAN", "generator", str(i), "p_max_mw", "", text) for i in lacking], "profiles"
        )
    factor = np.zeros((len(work.hours), len(table)))
    for fuel, make in (("solar", _make_sun), ("wind", _make_wind)):
        chosen = (table["fuel"] == fuel).to_numpy()
        if chosen.any():
            factor[:, chosen] = make(work, table[chosen])
            mean = float(factor[:, chosen].mean(axis=0) @ power[chosen] / power[chosen].sum())
            held = fuel if fuel not in work.own else ""
            work.tell(f"capacity factor of {fuel}", mean, "1", held)
    return pd.DataFrame((factor * power).round(DECIMALS), index=work.hours, columns=table.index)


def _make_sun(work: Work, table: pd.DataFrame) -> Floats:
    """Make the output of sun per capacity."""
    if _is_complete(work.own.get("solar"), table):
        return _replace(work.own.get("solar"), np.zeros((len(work.hours), len(table))), table)
    cells, place = np.unique(work.find_cells(table), return_inverse=True)
    factor, performance = build_sun(work.region, work.cells, cells, work.hours, work.air_c, work.seed)
    work.tell("performance of sun", performance, "1")
    return _replace(work.own.get("solar"), factor[:, place], table)


def _make_wind(work: Work, table: pd.DataFrame) -> Floats:
    """Make the output of wind per capacity."""
    if _is_complete(work.own.get("wind"), table):
        return _replace(work.own.get("wind"), np.zeros((len(work.hours), len(table))), table)
    placements = work.net.placements
    at_sea = set(placements.loc[placements["kind"] == "offshore_wind", "part"].astype(str))
    offshore = (
        table["name"].fillna("").astype(str).isin(at_sea).to_numpy()
        if "name" in table
        else np.zeros(len(table), bool)
    )
    factor, scale = build_wind(
        work.region, work.cells, work.find_cells(table), offshore, work.hours, work.seed
    )
    work.tell("Weibull scale of wind on land", scale["wind"], "m/s")
    if offshore.any():
        work.tell("Weibull scale of wind at sea", scale["offshore_wind"], "m/s")
    return _replace(work.own.get("wind"), factor, table)


def _is_complete(own: pd.DataFrame | None, table: pd.DataFrame) -> bool:
    """Whether the user's series leave nothing to be made."""
    return own is not None and (
        not own.columns.isin(table.index).any() or bool(table.index.isin(own.columns).all())
    )


def _replace(own: pd.DataFrame | None, factor: Floats, table: pd.DataFrame) -> Floats:
    """Put the user's series in place of made ones: one series for all, or those of the plants it names."""
    if own is None:
        return factor
    if not own.columns.isin(table.index).any():
        return np.repeat(own.to_numpy(), len(table), axis=1)
    factor = factor.copy()
    named = table.index.isin(own.columns)
    factor[:, named] = own[table.index[named]].to_numpy()
    return factor
