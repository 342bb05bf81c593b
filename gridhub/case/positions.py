"""Flat position arrays: what each outage takes out, and who stands where."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter

import numpy as np

from gridhub.case.case import Bools, Ints, Outage


def list_lost(outages: Sequence[Outage], kind: str) -> tuple[Ints, Ints]:
    """Write the elements of one kind that the outages take out one after the other.

    Parameters
    ----------
    outages : sequence of Outage
    kind : {"branch", "generator", "load", "storage", "hvdc", "shunt"}

    Returns
    -------
    outage : (m,) int
        Position in `outages`, ascending.
    element : (m,) int
        Position of the element in the case.

    Examples
    --------
    >>> outage, element = list_lost([Outage(branch=(4, 2)), Outage(), Outage(branch=(7,))], "branch")
    >>> outage.tolist(), element.tolist()
    ([0, 0, 2], [4, 2, 7])
    """
    lost = list(map(attrgetter(kind), outages))
    if not any(lost):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    count = np.fromiter(map(len, lost), dtype=np.int64, count=len(lost))
    element = np.fromiter(chain.from_iterable(lost), dtype=np.int64, count=int(count.sum()))
    return np.repeat(np.arange(len(lost)), count), element


def mark_losing(outages: Sequence[Outage], kind: str, chosen: Bools | None = None) -> Bools:
    """Mark the outages that lose an element of a kind, or one of those `chosen` by position, (k,) bool."""
    outage, element = list_lost(outages, kind)
    if chosen is not None:
        outage = outage[chosen[element]]
    return np.bincount(outage, minlength=len(outages)) > 0


def find_members(group: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    """Find the members of groups, such as the loads at buses or the buses of nodes.

    Parameters
    ----------
    group : (n,) int
        Group of each member; negative: in none.
    wanted : (m,) int
        Groups asked for, in any order, also repeatedly.

    Returns
    -------
    request : (k,) int
        Position in `wanted`, ascending.
    member : (k,) int
        Position in `group`, ascending for each request.

    Examples
    --------
    >>> request, member = find_members(np.array([5, 0, 5, -1]), np.array([5, 3, 0]))
    >>> request.tolist(), member.tolist()
    ([0, 0, 2], [0, 2, 1])
    """
    order = np.argsort(group, kind="stable")
    first, last = (np.searchsorted(group[order], wanted, side) for side in ("left", "right"))
    count = last - first
    request = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(len(request)) - np.repeat(np.cumsum(count) - count, count)
    return request, order[first[request] + within]
