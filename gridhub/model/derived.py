"""What is derived from a network alone is kept with it: a network is a value that many runs share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import is_
from threading import Lock
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

from gridhub.model.network import Network

Value = TypeVar("Value")

MOST = 8
"""Values of one kind that a network keeps, such as its cases in several snapshots; the oldest make room."""

Arrays = list[Any]


class _Store:
    """Values by kind and key, and the arrays of the tables that they were derived from."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.values: dict[str, dict[Hashable, object]] = {}


_STORES: WeakKeyDictionary[Network, _Store] = WeakKeyDictionary()
_LOCK = Lock()


def derive(net: Network, kind: str, key: Hashable, make: Callable[[], Value]) -> Value:
    """Give what `make` derives from a network, made anew only if it is not kept from before.

    Parameters
    ----------
    net : Network
    kind : str
        What is derived.
    key : hashable
        What it depends on besides the network.
    make : callable
        Makes it from the network alone. What it returns must not hold the network itself, which would then
        live as long as this module.

    Returns
    -------
    Same as `make`
        Shared by all who ask: not to be changed.

    Notes
    -----
    The arrays of a network are read-only, but pandas lets a column of a stored table be replaced by another
    one. The arrays themselves are compared, so that even then no answer is stale.
    """
    arrays = _list_arrays(net)
    with _LOCK:
        store = _STORES.get(net)
        if store is None or not _are_same(store.arrays, arrays):
            store = _STORES[net] = _Store(arrays)
        kept = store.values.setdefault(kind, {})
        if key in kept:
            return cast(Value, kept[key])
    value = make()
    with _LOCK:
        while len(kept) >= MOST:
            del kept[next(iter(kept))]
        kept[key] = value
    return value


def _list_arrays(net: Network) -> Arrays:
    """List the arrays behind all tables; pandas has no public name for them that is as fast."""
    arrays: Arrays = []
    for table in net.tables.values():
        arrays += table._mgr.arrays
        arrays.append(table.index)
    return arrays


def _are_same(before: Arrays, now: Arrays) -> bool:
    return len(before) == len(now) and all(map(is_, before, now))
