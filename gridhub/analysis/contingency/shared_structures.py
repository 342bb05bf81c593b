"""Circuits that one event can take together: on one tower, side by side in one corridor, in one tunnel."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gridhub.geo import find_parallel
from gridhub.model.network import Network

SHARED_KM = 1.6
"""Length two routes must share to count as one structure: one mile, as P7 of NERC TPL-001-5.1 excludes less
(general knowledge of that document, to be verified)."""

CORRIDOR_KM = 0.1
"""Distance within which two routes count as side by side: assumed, no source."""

FOUR_CIRCUITS = 4
"""Circuits from which a tower is of kind four_circuit_tower."""

Groups = Sequence[tuple[str, tuple[str, ...]]]
"""Name of each group and the ids of its circuits."""


def group_circuits(circuits: pd.DataFrame, key: str, at_least: int) -> Groups:
    """Gather circuits with the same non-empty value of a column.

    Parameters
    ----------
    circuits : DataFrame
        Rows in service, index id; a table without the column has no groups.
    key : str
        Such as ``tower`` or ``tunnel``.
    at_least : int
        Circuits a group must have.
    """
    if key not in circuits:
        return []
    named = circuits[circuits[key].notna() & (circuits[key] != "")]
    grouped = named.groupby(key, sort=False)
    return [(str(name), tuple(rows.index)) for name, rows in grouped if len(rows) >= at_least]


def find_corridors(
    net: Network, shared_km: float = SHARED_KM, corridor_km: float = CORRIDOR_KM
) -> pd.DataFrame:
    """Find structures of overhead lines that run side by side.

    Parameters
    ----------
    net : Network
    shared_km : float
        Length they must share, more than this [km].
    corridor_km : float
        How near they must be along it [km].

    Returns
    -------
    DataFrame
        One row per pair of structures: first, second (tower, or the id of a circuit without one), elements
        (the circuits of both), shared_km.

    Notes
    -----
    A structure is a set of circuits with the same ``tower``, or a circuit without one. Its route is taken as
    the straight line between its ends, since that is all a network knows of it: two lines that leave a
    station in one direction and part later are found, routes that meet by a detour are not.
    Circuits with ``construction`` cable are left out, as are lines without coordinates, and lines whose
    ``length_km`` is known and does not exceed `shared_km`.
    """
    line = net.tables["line"]
    line = line[line["in_service"] & (line["construction"] != "cable") & ~(line["length_km"] <= shared_km)]
    structure = line["tower"].where(line["tower"] != "", pd.Series(line.index, index=line.index))
    members = {str(name): tuple(rows) for name, rows in line.groupby(structure, sort=False).groups.items()}
    first = line.loc[[ids[0] for ids in members.values()]]
    place = net.tables["bus"][["lat", "lon"]]
    start, end = (place.loc[first[column]].to_numpy(dtype=float) for column in ("from_bus", "to_bus"))
    names = list(members)
    i, j, shared = find_parallel(start, end, within_km=corridor_km, longer_km=shared_km)
    return pd.DataFrame(
        {
            "first": [names[k] for k in i.tolist()],
            "second": [names[k] for k in j.tolist()],
            "elements": [
                members[names[a]] + members[names[b]] for a, b in zip(i.tolist(), j.tolist(), strict=True)
            ],
            "shared_km": shared,
        }
    )
