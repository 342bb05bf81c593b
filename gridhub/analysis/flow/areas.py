"""Areas named by a planner: a bus, a province, a control area, a zone, or a list of any of these."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd

from gridhub.errors import name_ids
from gridhub.model.network import Network

AREA_COLUMNS = ("province", "area", "zone")
"""Columns of the bus table whose values name areas, in the order they are looked up after the bus ids."""


def find_area_buses(net: Network, area: str | Sequence[str]) -> pd.Index:
    """Find the buses of an area.

    Parameters
    ----------
    net : Network
    area : str or sequence of str
        Bus id, else province, else control area, else zone; of several the union.

    Returns
    -------
    Index
        Ids in the order of the bus table, out of service or not.

    Raises
    ------
    KeyError
        For every name that is none of them; the message lists the areas there are.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": 345.0, "province": ["north", "north", "south"]}, index=["a", "b", "c"])
    >>> find_area_buses(build_network("three", bus=bus), ["north", "c"]).tolist()
    ['a', 'b', 'c']
    """
    bus = net.bus
    names = [area] if isinstance(area, str) else [str(name) for name in area]
    chosen, unknown = np.zeros(len(bus), dtype=bool), []
    for name in names:
        masks = [bus.index == name, *((bus[column] == name).to_numpy(dtype=bool) for column in AREA_COLUMNS)]
        found = next((mask for mask in masks if mask.any()), None)
        if found is None:
            unknown.append(name)
        else:
            chosen |= found
    if unknown or not names:
        there = dict.fromkeys(str(v) for column in AREA_COLUMNS for v in bus[column].unique() if v)
        known = [*there, *map(str, bus.index)]
        near = dict.fromkeys(one for name in unknown for one in get_close_matches(name, known, 2))
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise KeyError(
            f"no bus, province, area or zone {name_ids(unknown) or '(empty)'} in {net.name!r}; "
            f"{hint}areas are {name_ids(there, 40)}; buses are {name_ids(bus.index)}"
        )
    return bus.index[chosen]


def name_area(area: str | Sequence[str]) -> str:
    """Give the area as one text for a result."""
    return area if isinstance(area, str) else name_ids(area)
