"""Flat position arrays: what each outage takes out, and who stands where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import attrgetter, is_
from typing import Any, TypeVar, overload

import numpy as np

from gridhub.case.case import Bools, Ints, Outage

OUTAGE_KINDS = ("branch", "generator", "load", "storage", "hvdc", "shunt")
"""Kinds of elements that an outage can take out."""


Value = TypeVar("Value")


class OutageList(Sequence[Outage]):
    """Outages that remember what they lose as flat arrays, worked out once for each kind.

    Many batches can be asked for the same outages, such as every hour of a year: what follows from them and
    the topology is remembered too (`keep`).

    Parameters
    ----------
    outages : iterable of Outage
    """

    def __init__(self, outages: Iterable[Outage]) -> None:
        self._outages = list(outages)
        self._lost: dict[str, tuple[Ints, Ints]] = {}
        self._kept: dict[str, tuple[tuple[object, ...], Any]] = {}

    def __len__(self) -> int:
        """Return the number of outages."""
        return len(self._outages)

    @overload
    def __getitem__(self, position: int) -> Outage: ...
    @overload
    def __getitem__(self, position: slice) -> OutageList: ...
    def __getitem__(self, position: int | slice) -> Outage | OutageList:
        """Return one outage, or those of a slice."""
        if isinstance(position, slice):
            return OutageList(self._outages[position])
        return self._outages[position]

    def __iter__(self) -> Iterator[Outage]:
        """Go through the outages."""
        return iter(self._outages)

    def take(self, rows: Ints) -> OutageList:
        """Return the outages of some rows, ascending, with what is known of them."""
        some = OutageList(map(self._outages.__getitem__, rows.tolist()))
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        for kind, (outage, element) in self._lost.items():
            kept = place[outage] >= 0
            some._lost[kind] = place[outage[kept]], element[kept]
        return some

    def keep(self, kind: str, given: tuple[object, ...], make: Callable[[], Value]) -> Value:
        """Give what `make` makes of these outages, made anew unless it was made from the same before.

        Parameters
        ----------
        kind : str
            What is made; the last one of each kind is kept.
        given : tuple
            All that it depends on besides the outages: read-only arrays and plans, compared by identity.
        make : callable

        Returns
        -------
        Same as `make`
            Shared by all who ask: not to be changed.
        """
        before = self._kept.get(kind)
        if before is not None and len(before[0]) == len(given) and all(map(is_, before[0], given)):
            kept: Value = before[1]
            return kept
        made = make()
        self._kept[kind] = given, made
        return made

    def list_lost(self, kind: str) -> tuple[Ints, Ints]:
        """Write the elements of one kind that the outages take out one after the other: see `list_lost`."""
        if kind not in self._lost:
            kinds = OUTAGE_KINDS[:1] if kind == "branch" else OUTAGE_KINDS[1:]
            # most lists lose branches alone: that is seen in one go
            lost = list(map(attrgetter(*kinds), self._outages))
            if kind != "branch" and lost.count(((),) * len(kinds)) == len(lost):
                nothing = np.zeros(0, dtype=np.int64)
                self._lost |= dict.fromkeys(kinds, (nothing, nothing))
            else:
                self._lost |= {name: _list_lost(self._outages, name) for name in kinds}
        return self._lost[kind]


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
    return outages.list_lost(kind) if isinstance(outages, OutageList) else _list_lost(outages, kind)


def _list_lost(outages: Sequence[Outage], kind: str) -> tuple[Ints, Ints]:
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
