"""What an external grid feeds: pandapower does not say before a power flow, a schedule has to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.model.network import Network
from gridhub.model.topology import find_islands


def _sum_by_island(
    islands: pd.Series, bus: pd.Series, on: pd.Series, p_mw: pd.Series, count: int
) -> np.ndarray:
    """Add up power over the islands of the buses it stands at, (count,) [MW]."""
    island = islands.reindex(bus).to_numpy(dtype=float, na_value=-1.0).astype(int)
    counted = on.to_numpy(dtype=bool) & (island >= 0)
    return np.bincount(island[counted], p_mw.to_numpy(dtype=float)[counted], count)


def schedule_external_grids(net: Network) -> tuple[Network, str]:
    """Schedule the external grids of each island to balance it without losses.

    Parameters
    ----------
    net : Network
        As read; units ``ext_grid:<index>`` produce nothing yet.

    Returns
    -------
    net : Network
        With the balance of each island shared equally among its external grids in service.
    note : str
        What was done, for the conversion report; empty if there is no external grid in service.
    """
    generator = net.generator
    is_grid = generator.index.str.startswith("ext_grid:") & generator["in_service"].to_numpy()
    if not is_grid.any():
        return net, ""
    islands = find_islands(net)
    count = int(islands.max()) + 1
    missing = -_sum_by_island(islands, generator["bus"], generator["in_service"], generator["p_mw"], count)
    for table, column, sign in (("load", "p_mw", 1.0), ("storage", "p_mw", -1.0), ("shunt", "g_mw", 1.0)):
        frame = net.tables[table]
        missing += sign * _sum_by_island(islands, frame["bus"], frame["in_service"], frame[column], count)
    link = net.tables["hvdc"]
    arriving = link["p_mw"] - link["loss_mw"] - link["loss_percent"] / 100.0 * link["p_mw"].abs()
    missing += _sum_by_island(islands, link["from_bus"], link["in_service"], link["p_mw"], count)
    missing -= _sum_by_island(islands, link["to_bus"], link["in_service"], arriving, count)
    island = islands.reindex(generator["bus"]).to_numpy()
    grids = np.flatnonzero(is_grid & (island >= 0))
    number = np.bincount(island[grids], minlength=count)
    p_mw = generator["p_mw"].to_numpy(dtype=float, copy=True)
    p_mw[grids] = (missing / np.maximum(number, 1))[island[grids]]
    generator["p_mw"] = p_mw
    total = float(p_mw[grids].sum())
    note = (
        f"external grids have no set-point: scheduled to balance their islands without losses, {total:.6g} MW"
    )
    return net.replace(generator=generator), note
