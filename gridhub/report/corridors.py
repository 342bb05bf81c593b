"""What the map draws, as tables: sites from buses, corridors from circuits, and what is said on hover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.report.page import MapLayers, MapState
from gridhub.report.text import format_number, show_hidden

EARTH_RADIUS_M = 6_371_009.0
_SHOWN = 3


def project(lon: np.ndarray, lat: np.ndarray, origin: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Project to metres on an equirectangular map that is true to scale at the origin's latitude.

    Parameters
    ----------
    lon, lat : (n,) array
        Coordinates [degree].
    origin : (lon, lat)
        Centre of the map [degree].

    Returns
    -------
    x, y : (n,) array
        East and north of the origin [m].

    Notes
    -----
    x = R cos(lat0) (lon - lon0), y = R (lat - lat0). Over the height of Korea (33 to 39 degrees) east-west
    distances are off by at most 5 %.
    """
    x = EARTH_RADIUS_M * np.cos(np.radians(origin[1])) * np.radians(np.asarray(lon, dtype=float) - origin[0])
    y = EARTH_RADIUS_M * np.radians(np.asarray(lat, dtype=float) - origin[1])
    return x, y


def find_sites(layers: MapLayers) -> pd.DataFrame:
    """Gather the buses that stand at the same place.

    Parameters
    ----------
    layers : MapLayers
        The map.

    Returns
    -------
    DataFrame
        One row per place, index position: lon, lat [degree], vn_kv (the highest) [kV], label, buses (tuple of
        ids).
        Buses without coordinates are left out; `count_unplaced` counts them.
    """
    placed = layers.buses[np.isfinite(layers.buses["lon"]) & np.isfinite(layers.buses["lat"])]
    rows = []
    for (lon, lat), group in placed.groupby(["lon", "lat"], sort=False):
        top = group.sort_values("vn_kv", ascending=False, kind="stable").iloc[0]
        rows.append((lon, lat, top["vn_kv"], top["label"], tuple(str(bus) for bus in group.index)))
    return pd.DataFrame(rows, columns=["lon", "lat", "vn_kv", "label", "buses"])


def count_unplaced(layers: MapLayers) -> int:
    """Count the buses that have no coordinates and cannot be drawn."""
    return int((~(np.isfinite(layers.buses["lon"]) & np.isfinite(layers.buses["lat"]))).sum())


def find_corridors(layers: MapLayers, sites: pd.DataFrame) -> pd.DataFrame:
    """Gather the circuits that run between the same places at the same voltage.

    Parameters
    ----------
    layers : MapLayers
        The map.
    sites : DataFrame
        From `find_sites`.

    Returns
    -------
    DataFrame
        start, end (positions in `sites`), vn_kv, style (ac | hvdc | feeder | assumed), label, members
        (tuple of branch ids).
        A branch inside one place (a transformer) is in none.
    """
    where = {bus: position for position, buses in enumerate(sites["buses"]) for bus in buses}
    groups: dict[tuple[int, int, float, str], list[str]] = {}
    for branch, row in layers.branches.iterrows():
        start, end = where.get(str(row["from_bus"])), where.get(str(row["to_bus"]))
        if start is None or end is None or start == end:
            continue
        style = (
            str(row["kind"]) if row["kind"] in ("hvdc", "feeder") else "assumed" if row["assumed"] else "ac"
        )
        key = (min(start, end), max(start, end), float(row["vn_kv"]), style)
        groups.setdefault(key, []).append(str(branch))
    rows = [
        (*key, f"{sites['label'][key[0]]} – {sites['label'][key[1]]}", tuple(members))
        for key, members in groups.items()
    ]
    table = pd.DataFrame(rows, columns=["start", "end", "vn_kv", "style", "label", "members"])
    # the highest voltage is drawn last, on top
    return table.sort_values("vn_kv", kind="stable").reset_index(drop=True)


def find_inside(layers: MapLayers, sites: pd.DataFrame) -> list[tuple[str, ...]]:
    """List, for each place, the branches that begin and end there."""
    where = {bus: position for position, buses in enumerate(sites["buses"]) for bus in buses}
    inside: list[list[str]] = [[] for _ in range(len(sites))]
    for branch, row in layers.branches.iterrows():
        start, end = where.get(str(row["from_bus"])), where.get(str(row["to_bus"]))
        if start is not None and start == end:
            inside[start].append(str(branch))
    return [tuple(members) for members in inside]


def find_loading(state: MapState, members: Sequence[str]) -> float:
    """Give the largest loading of some branches in a state [%]; NaN if none is rated."""
    values = state.branch["loading_percent"].reindex(list(members)).to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    return round(float(values.max()), 1) if len(values) else np.nan


def describe_flow(
    layers: MapLayers, state: MapState, members: Sequence[str], start_buses: Sequence[str]
) -> str:
    """Say how many MW leave the first end of a corridor, over how many circuits."""
    flows = state.branch["p_mw"].reindex(list(members)).to_numpy(dtype=float)
    begins = set(start_buses)
    signs = [1.0 if layers.branches.at[member, "from_bus"] in begins else -1.0 for member in members]
    total = float(np.nansum(flows * np.array(signs))) if np.isfinite(flows).any() else np.nan
    rates = layers.branches["rate_mva"].reindex(list(members)).to_numpy(dtype=float)
    rated = ", ".join(sorted({format_number(rate, "MVA") for rate in rates[np.isfinite(rates)]}))
    noun = "circuit" if len(members) == 1 else "circuits"
    rating = f" of {rated} MVA" if rated else ", unrated"
    if np.isnan(total):
        return f"{len(members)} {noun}{rating}"
    direction = "→" if total >= 0 else "←"
    return f"{format_number(abs(total), 'MW')} MW {direction} over {len(members)} {noun}{rating}"


def describe_breaks(outages: pd.DataFrame, state: MapState, members: Sequence[str]) -> str:
    """Say what fails here under which outage, and what the loss of a member does elsewhere.

    Parameters
    ----------
    outages : DataFrame
        As in `MapLayers`, worst first.
    state : MapState
        The state shown; rows of other snapshots and variants do not count.
    members : sequence of str
        Ids of the branches and buses asked about.

    Returns
    -------
    str
        Lines of plain text; empty if nothing fails.
    """
    if outages.empty:
        return ""
    rows = outages
    for column, wanted in (("snapshot", state.snapshot), ("variant", state.variant)):
        if column in rows:
            rows = rows[rows[column].astype(str) == wanted]
    own = set(members)
    here = rows[rows["element"].isin(own)]
    there = rows[[bool(own & set(outaged)) for outaged in rows["outaged"]]]
    lines = [f"{_value(row)} {_cause(row)}" for _, row in here.head(_SHOWN).iterrows()]
    lines += [_rest(here)] if len(here) > _SHOWN else []
    lines += [f"Its loss: {row['element_label']} {_value(row)}" for _, row in there.head(_SHOWN).iterrows()]
    lines += [_rest(there)] if len(there) > _SHOWN else []
    return "\n".join(show_hidden(line) for line in lines)


def is_broken(outages: pd.DataFrame, state: MapState, members: Sequence[str]) -> bool:
    """Whether something fails here under an outage of this state."""
    if outages.empty:
        return False
    rows = outages["element"].isin(list(members)) & (outages["contingency"] != "")
    for column, wanted in (("snapshot", state.snapshot), ("variant", state.variant)):
        if column in outages:
            rows &= outages[column].astype(str) == wanted
    return bool(rows.any())


def _value(row: pd.Series) -> str:
    return f"{format_number(float(row['value']), str(row['unit']))} {row['unit']}"


def _cause(row: pd.Series) -> str:
    return f"after loss of {row['contingency_label']}" if row["contingency"] else "with everything in service"


def _rest(rows: pd.DataFrame) -> str:
    return f"… and {len(rows) - _SHOWN} more"
