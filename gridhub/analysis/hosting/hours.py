"""Flexible hosting: how much more a bus takes if a little of the energy may be curtailed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.search import DcSearch, Found
from gridhub.analysis.hosting.states import State, group_states
from gridhub.case.case import Floats
from gridhub.criteria import Criteria

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


def find_flexible(rooms: Floats, share: float, draw: Floats | None = None) -> Floats:
    """Find the power whose energy above the hourly room is a given share of all of it.

    Parameters
    ----------
    rooms : (n_hour, n_bus) float
        Room in every hour [MW], the hours taken as typical of the year.
    share : float
        Of the energy that may be curtailed.
    draw : (n_hour, n_bus) float, optional
        What is drawn from the grid in every hour, per MW of power, 0 to 1; None: 1.

    Returns
    -------
    (n_bus,) float
        Largest C with sum_h max(0, C draw_h - room_h) <= share x hours x C [MW]. Not above the largest
        room over draw: what no hour takes is not looked for. Infinite where that is.

    Notes
    -----
    Of all sets of hours, those whose room over draw is below C have the largest sum of C draw - room. With
    the hours sorted by it, that must hold for the first k of them, D_k their draw and S_k their room:
    C D_k - S_k <= share H C, so C is the smallest S_k / (D_k - share H).

    Examples
    --------
    >>> find_flexible(np.array([[100.0], [200.0], [200.0], [200.0]]), 0.05).round(3).tolist()
    [125.0]
    """
    count = len(rooms)
    draw = np.ones_like(rooms) if draw is None else draw
    ratio = np.divide(rooms, draw, out=np.full(rooms.shape, np.inf), where=draw > 0)
    order = np.argsort(ratio, axis=0, kind="stable")
    room, drawn = (np.cumsum(np.take_along_axis(values, order, axis=0), axis=0) for values in (rooms, draw))
    spare = drawn - share * count
    power = np.divide(room, spare, out=np.full(rooms.shape, np.inf), where=spare > 0)
    return np.asarray(np.minimum(power.min(axis=0), ratio.max(axis=0)))
