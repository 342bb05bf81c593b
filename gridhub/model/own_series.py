"""A user's own series in place of made ones: of the region, or of rows of a network's tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.profiles.series import Source, read_series

SHAPES = MappingProxyType(
    {
        "demand": (0.0, np.inf, "MW"),
        "temperature": (-60.0, 60.0, "°C"),
        "solar": (0.0, 1.0, "1"),
        "wind": (0.0, 1.0, "1"),
    }
)
"""Series of a region that a user may replace, with their range and unit."""

Key = tuple[str, str]


def read_own_series(
    net: Network, own: Mapping[str | Key, Source], hours: pd.DatetimeIndex
) -> tuple[dict[str, pd.DataFrame], dict[Key, pd.DataFrame]]:
    """Read the user's series; faults of all of them are listed together.

    Parameters
    ----------
    net : Network
    own : mapping
        As for `gridhub.model.profiles.make_profiles`.
    hours : DatetimeIndex

    Returns
    -------
    shapes : dict
        Key of `SHAPES` -> hours x series.
    frames : dict
        (table, column) -> hours x ids.

    Raises
    ------
    OptionError
        If a key is not known.
    InputError
        If a series is faulty or names rows there are not.
    """
    tables = ("load", "generator", "storage", "hvdc")
    unknown = [key for key in own if key not in SHAPES and (isinstance(key, str) or key[0] not in tables)]
    if unknown:
        raise OptionError(
            f"own: {name_ids(unknown)} is not known; there are {', '.join(SHAPES)} and (table, column) with"
            f" table one of {', '.join(tables)}"
        )
    shapes: dict[str, pd.DataFrame] = {}
    frames: dict[Key, pd.DataFrame] = {}
    faults: list[Issue] = []
    for key, source in own.items():
        signed = isinstance(key, tuple) and (key[0] in ("storage", "hvdc") or key[1] != "p_mw")
        low, high, unit = SHAPES[key] if isinstance(key, str) else (-np.inf if signed else 0.0, np.inf, "MW")
        try:
            frame = read_series(source, hours, low, high, unit)
        except InputError as error:
            faults += error.issues
            continue
        known = net.tables["generator" if isinstance(key, str) else key[0]].index
        alone = isinstance(key, str) and frame.shape[1] == 1 and frame.columns[0] not in known
        if isinstance(key, str) and not alone and key in ("demand", "temperature"):
            text = f"wants one series for the region, not {frame.shape[1]}"
            faults.append(Issue("error", "E-SERIES", key, "", "", name_ids(frame.columns), text))
        elif not alone and not frame.columns.isin(known).all():
            text = "no such row"
            missing = name_ids(frame.columns[~frame.columns.isin(known)])
            faults.append(Issue("error", "E-REF", str(key), "", "", missing, text))
        if isinstance(key, str):
            shapes[key] = frame
        else:
            frames[key] = frame
    if faults:
        raise InputError(faults, "own series")
    return shapes, frames
