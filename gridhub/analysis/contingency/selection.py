"""Choose contingencies by where their elements stand and what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import cast

import numpy as np
import pandas as pd

from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network

PLACE_COLUMNS = ("area", "province", "zone")
"""Columns of the bus table that name a place."""

Names = str | Sequence[str] | None
"""One name, several, or no choice."""


def select_contingencies(
    net: Network,
    contingencies: pd.DataFrame,
    tables: Sequence[str],
    area: Names = None,
    province: Names = None,
    zone: Names = None,
    name: Names = None,
) -> pd.DataFrame:
    """Keep the contingencies of some places and names; every choice given must hold.

    Parameters
    ----------
    net : Network
    contingencies : DataFrame
        Index contingency; column elements.
    tables : sequence of str
        Tables in which elements are looked up.
    area, province, zone : str or sequence of str, optional
        Kept if one element has an end there.
    name : str or sequence of str, optional
        Shell patterns (``*``, ``?``, ``[ab]``), compared with case ignored; kept if one fits the contingency,
        or the id, ``name`` or ``name_ko`` of one of its elements.

    Returns
    -------
    DataFrame
        Rows kept, in order.

    Raises
    ------
    OptionError
        If no bus is in a place that was named (`find_unknown_places`).
    """
    places = (area, province, zone)
    if unknown := find_unknown_places(net, *places):
        raise OptionError("\n".join(unknown))
    kept = np.ones(len(contingencies), dtype=bool)
    for column, wanted in zip(PLACE_COLUMNS, places, strict=True):
        if wanted is not None:
            own = net.tables["bus"][column].astype(str)
            inside = _find_elements_at(net, tables, set(own.index[own.isin(_listed(wanted))]))
            here = [not inside.isdisjoint(elements) for elements in contingencies["elements"]]
            kept &= np.array(here, dtype=bool)
    if name is not None:
        patterns = [pattern.casefold() for pattern in _listed(name)]
        texts = _list_texts(net, tables)
        fits = [
            _fits([str(key), *(text for part in elements for text in texts.get(part, (part,)))], patterns)
            for key, elements in zip(contingencies.index, contingencies["elements"], strict=True)
        ]
        kept &= np.array(fits, dtype=bool)
    return contingencies[kept]


def _listed(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names or ())


def _fits(texts: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text.casefold(), pattern) for text in texts for pattern in patterns)


def find_unknown_places(
    net: Network, area: Names = None, province: Names = None, zone: Names = None
) -> list[str]:
    """Say which places that were named hold no bus, one line for each column.

    Parameters
    ----------
    net : Network
    area, province, zone : str or sequence of str, optional
    """
    told = []
    for column, wanted in zip(PLACE_COLUMNS, (area, province, zone), strict=True):
        places = net.tables["bus"][column].astype(str)
        known = dict.fromkeys(places[places != ""])
        missing = [place for place in _listed(wanted) if place not in known]
        if missing:
            there = name_ids(known, 20) if known else f"the buses of {net.name!r} name none"
            told.append(f"no bus in {column} {', '.join(map(repr, missing))}; there are: {there}")
    return told


def _find_elements_at(net: Network, tables: Sequence[str], buses: set[str]) -> set[str]:
    found: set[str] = set()
    for table in tables:
        frame = net.tables[table]
        ends = ["bus"] if "bus" in frame else ["from_bus", "to_bus"]
        found.update(frame.index[frame[ends].isin(buses).any(axis=1)])
    return found


def _list_texts(net: Network, tables: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Id and names of every element; ids shared by tables have the names of all."""
    texts: dict[str, tuple[str, ...]] = {}
    for table in tables:
        frame = net.tables[table]
        columns = [frame[column] for column in ("name", "name_ko") if column in frame]
        for key, *names in zip(frame.index, *columns, strict=True):
            texts[key] = (*texts.get(key, (key,)), *(cast(str, text) for text in names if text))
    return texts
