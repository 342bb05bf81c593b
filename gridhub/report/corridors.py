"""What the map draws, as tables: sites from buses, corridors from circuits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.report.page import MapLayers

EARTH_RADIUS_M = 6_371_009.0


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
