"""Flexible hosting: how much more a bus takes if a little of the energy may be curtailed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.search import DcSearch, Found
from gridhub.analysis.hosting.states import State, group_states
from gridhub.case.case import Floats
from gridhub.criteria import Criteria
from gridhub.errors import OptionError, name_ids

SHARES = {"flexible_0_25_mw": 0.0025, "flexible_0_5_mw": 0.005, "flexible_1_mw": 0.01, "flexible_5_mw": 0.05}
"""Column -> share of the energy that may be curtailed."""


def find_hourly_rooms(
    hours: Sequence[State],
    at: Sequence[int],
    criteria: Criteria | None,
    options: HostingOptions,
    found: Found,
    reserve_mw: Floats,
) -> Floats | None:
    """Find the room of every bus in every hour by itself, by DC.

    Returns
    -------
    (n_hour, n_bus) float or None
        Smallest of thermal N and N-1, interfaces, and what the units can follow less the reserve [MW]; None
        without hours.
    """
    if not hours:
        return None
    base = hours[0].case.base_mva
    rooms = np.empty((len(hours), len(at)))
    position = {id(state): k for k, state in enumerate(hours)}
    for group in group_states(hours):
        search = DcSearch(group[0], at, criteria, options, found, towers=False)
        for state in group:
            here = found.start_anew(len(at), options.maximum_mw / base)
            search.run([state], here)
            units = np.maximum(here.generation - reserve_mw / base, 0.0)
            limits = (here.intact, here.single, here.interface)
            parts = [units, *(limit.amount[:, 0] for limit in limits)]
            rooms[position[id(state)]] = np.min(parts, axis=0) * base
    return rooms


def find_hours(options: HostingOptions) -> pd.Index:
    """Give the labels of the hours of the profiles, (n_hour,); none without profiles."""
    return next((frame.index for frame in (options.profiles or {}).values()), pd.Index([]))


def find_flexible_rooms(
    hourly: Floats | None, weight: Floats, largest: float, count: int
) -> dict[str, Floats]:
    """Find every column of `SHARES` [MW], not above what may be lost at once; NaN without hours.

    Parameters
    ----------
    hourly : (n_hour, n_bus) float or None
        Of `find_hourly_rooms`.
    weight : (n_hour,) float
        Of `read_weights`.
    largest : float
        Most that may be lost at once [MW].
    count : int
        Buses.
    """
    if hourly is None:
        return {name: np.full(count, np.nan) for name in SHARES}
    found = {name: find_flexible(hourly, share, weight=weight) for name, share in SHARES.items()}
    return {name: np.minimum(values, largest) for name, values in found.items()}


def read_weights(weights: Mapping[Any, float] | pd.Series[float] | None, hours: pd.Index) -> Floats:
    """Bring the weights of hours to an array with a mean of 1; all 1 for None.

    Parameters
    ----------
    weights : mapping, Series or None
        Hour -> hours of the year it stands for; of hours that are not asked for, none is looked at.
    hours : Index
        (n_hour,) labels, compared as text.

    Returns
    -------
    (n_hour,) float

    Raises
    ------
    OptionError
        If an hour has none, or one that is no number above 0; all are named.
    """
    if weights is None:
        return np.ones(len(hours))
    given = pd.Series({str(hour): weight for hour, weight in weights.items()}, dtype=object)
    labels = hours.map(str)
    missing = [label for label in labels if label not in given.index]
    found = pd.to_numeric(given.reindex(labels), errors="coerce").to_numpy(dtype=float)
    bad = ~((found > 0.0) & np.isfinite(found)) & labels.isin(given.index)
    faults = [f"none of the hours {name_ids(missing)}"] if missing else []
    if bad.any():
        faults.append(f"no number above 0 of the hours {name_ids(labels[bad])}")
    if faults:
        raise OptionError(f"weights: {'; '.join(faults)}")
    return np.asarray(found / found.mean())


def find_flexible(
    rooms: Floats, share: float, draw: Floats | None = None, weight: Floats | None = None
) -> Floats:
    """Find the power whose energy above the hourly room is a given share of all of it.

    Parameters
    ----------
    rooms : (n_hour, n_bus) float
        Room in every hour [MW].
    share : float
        Of the energy that may be curtailed.
    draw : (n_hour, n_bus) float, optional
        What is drawn from the grid in every hour, per MW of power, 0 to 1; None: 1.
    weight : (n_hour,) float, optional
        Hours each hour stands for; None: all the same.

    Returns
    -------
    (n_bus,) float
        Largest C with sum_h w_h max(0, C draw_h - room_h) <= share x sum_h w_h x C [MW]. Not above the
        largest room over draw: what no hour takes is not looked for. Infinite where that is.

    Notes
    -----
    Of all sets of hours, those whose room over draw is below C have the largest sum of C draw - room. With
    the hours sorted by it, that must hold for the first k of them, D_k their draw, S_k their room, each times
    its weight, and W all weights: C D_k - S_k <= share W C, so C is the smallest S_k / (D_k - share W).

    Examples
    --------
    >>> find_flexible(np.array([[100.0], [200.0], [200.0], [200.0]]), 0.05).round(3).tolist()
    [125.0]
    """
    weight = np.ones(len(rooms)) if weight is None else weight
    draw = np.ones_like(rooms) if draw is None else draw
    ratio = np.divide(rooms, draw, out=np.full(rooms.shape, np.inf), where=draw > 0)
    order = np.argsort(ratio, axis=0, kind="stable")
    room, drawn = (
        np.cumsum(np.take_along_axis(weight[:, None] * values, order, axis=0), axis=0)
        for values in (rooms, draw)
    )
    spare = drawn - share * weight.sum()
    power = np.divide(room, spare, out=np.full(rooms.shape, np.inf), where=spare > 0)
    return np.asarray(np.minimum(power.min(axis=0), ratio.max(axis=0)))
