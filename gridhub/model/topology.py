"""Who is connected to whom: islands, reference buses, bridges, circuits on shared towers.

Only the graph counts here, never an impedance: a bridge is found by its place in the graph, not by a
sensitivity that comes close to one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.kernels.graph import find_bridge_positions
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES

IntArray = NDArray[np.intp]


def find_positions(ids: pd.Index, values: Sequence[str]) -> IntArray:
    """Find the position of each value among ids that need not be unique.

    Parameters
    ----------
    ids : Index
        Ids of a table.
    values : sequence of str
        Ids looked for.

    Returns
    -------
    array of int
        The first position of each value, -1 where it is absent.

    Examples
    --------
    >>> find_positions(pd.Index(["a", "b", "a"]), ["b", "a", "x"]).tolist()
    [1, 0, -1]
    """
    place: dict[str, int] = {}
    for i, name in enumerate(ids):
        place.setdefault(name, i)
    return np.fromiter((place.get(value, -1) for value in values), dtype=np.intp, count=len(values))


def _find_live_branches(net: Network) -> tuple[list[str], IntArray, IntArray]:
    """Ids and end positions of the branches in service between buses in service."""
    bus = net.tables["bus"]
    live_bus = bus["in_service"].to_numpy(dtype=bool)
    names: list[str] = []
    ends: list[list[IntArray]] = [[], []]
    for table in (net.tables[name] for name in BRANCH_TABLES):
        start, end = (find_positions(bus.index, table[side].tolist()) for side in ("from_bus", "to_bus"))
        live = table["in_service"].to_numpy(dtype=bool) & (start >= 0) & (end >= 0)
        live[live] = live_bus[start[live]] & live_bus[end[live]]
        names += table.index[live].tolist()
        ends[0].append(start[live])
        ends[1].append(end[live])
    return names, np.concatenate(ends[0]), np.concatenate(ends[1])


def find_islands(net: Network) -> pd.Series[int]:
    """Find the AC islands made by the branches in service.

    Parameters
    ----------
    net : Network
        Ends that name no bus connect nothing (see `gridhub.validate`).

    Returns
    -------
    Series
        Bus id -> island, counted from 0 in the order of the first bus; -1 for a bus out of service.
        HVDC links do not join islands.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": 345.0}, index=["a", "b", "c"])
    >>> line = pd.DataFrame({"from_bus": "a", "to_bus": "c", "r_ohm": 1.0, "x_ohm": 9.0}, index=["l"])
    >>> find_islands(build_network("n", bus=bus, line=line)).tolist()
    [0, 1, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    bus = net.tables["bus"]
    _, start, end = _find_live_branches(net)
    size = len(bus)
    island = np.zeros(0, dtype=np.intp)
    if size:
        links = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(size, size))
        island = np.asarray(connected_components(links, directed=False)[1], dtype=np.intp)
    live = bus["in_service"].to_numpy(dtype=bool)
    numbers: dict[int, int] = {}
    for label in island[live].tolist():
        numbers.setdefault(label, len(numbers))
    return pd.Series(
        [numbers[label] if on else -1 for label, on in zip(island.tolist(), live.tolist(), strict=True)],
        index=bus.index,
        name="island",
        dtype=int,
    )


def find_reference_buses(net: Network, islands: pd.Series[int] | None = None) -> pd.DataFrame:
    """Find the reference bus of every island: the one the data names, else the one to be taken.

    Parameters
    ----------
    net : Network
        Network with or without reference buses.
    islands : Series, optional
        What `find_islands` gave for it.

    Returns
    -------
    DataFrame
        Index island; columns bus (id, empty if the island has no source of voltage and so stays dead) and
        named (True: ``bus.reference`` is set there). Where none is named, the bus of the largest regulating
        unit in service is taken, the first of equals, as the solvers do.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": 345.0, "reference": [False, True]}, index=["a", "b"])
    >>> find_reference_buses(build_network("n", bus=bus)).bus.tolist()
    ['', 'b']
    """
    islands = find_islands(net) if islands is None else islands
    bus, generator = net.tables["bus"], net.tables["generator"]
    number = islands.to_numpy()
    count = int(number.max(initial=-1)) + 1
    best = np.full(count, -1, dtype=np.intp)

    at = find_positions(bus.index, generator["bus"].tolist())
    able = generator["in_service"].to_numpy(dtype=bool) & generator["regulating"].to_numpy(dtype=bool)
    able &= at >= 0
    able[able] = number[at[able]] >= 0
    units = np.flatnonzero(able)
    size = generator["p_max_mw"].to_numpy(dtype=float)[units]
    # assigned from the weakest to the strongest, and the first of equals last: the last one stays
    units = units[np.lexsort((-units, np.where(np.isfinite(size), size, 0.0)))]
    best[number[at[units]]] = at[units]

    named = bus["reference"].to_numpy(dtype=bool)
    flagged = np.flatnonzero(named & (number >= 0))[::-1]
    best[number[flagged]] = flagged
    ids = [str(bus.index[i]) if i >= 0 else "" for i in best.tolist()]
    return pd.DataFrame(
        {"bus": pd.Series(ids, dtype=object), "named": [i >= 0 and bool(named[i]) for i in best.tolist()]},
        index=pd.RangeIndex(count, name="island"),
    )


def find_bridges(net: Network) -> tuple[str, ...]:
    """Find the branches in service whose loss alone splits an island.

    Parameters
    ----------
    net : Network
        Network to look at.

    Returns
    -------
    tuple of str
        Branch ids, lines first, then transformers, then series elements.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": 345.0}, index=["a", "b"])
    >>> line = pd.DataFrame({"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 9.0}, index=["l"])
    >>> find_bridges(build_network("n", bus=bus, line=line))
    ('l',)
    """
    names, start, end = _find_live_branches(net)
    bridge = find_bridge_positions(len(net.tables["bus"]), start, end)
    return tuple(name for name, is_bridge in zip(names, bridge.tolist(), strict=True) if is_bridge)


def find_tower_groups(net: Network) -> dict[str, tuple[str, ...]]:
    """Find the circuits that stand on the same towers and can be lost together.

    Parameters
    ----------
    net : Network
        Lines and series elements carry the column `tower`.

    Returns
    -------
    dict
        Tower -> ids of its branches, in or out of service; only towers with two branches or more.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": 345.0}, index=["a", "b"])
    >>> ends = {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 9.0}
    >>> line = pd.DataFrame({**ends, "tower": ["t", "t", ""]}, index=["l1", "l2", "l3"])
    >>> find_tower_groups(build_network("n", bus=bus, line=line))
    {'t': ('l1', 'l2')}
    """
    groups: dict[str, list[str]] = {}
    for table in (net.tables[name] for name in BRANCH_TABLES):
        if "tower" in table:
            for name, tower in zip(table.index.tolist(), table["tower"].tolist(), strict=True):
                if tower:
                    groups.setdefault(tower, []).append(name)
    return {tower: tuple(names) for tower, names in groups.items() if len(names) > 1}
