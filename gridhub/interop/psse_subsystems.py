"""Subsystems of a PSS/E ``.sub`` file: named groups of buses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from gridhub.errors import Issue
from gridhub.interop.psse_lines import Line
from gridhub.model.network import Network

Buses = frozenset[str]

_OPENS = ("SUBSYSTEM", "SYSTEM", "SUB")
_COLUMNS = {"AREA": "area", "AREAS": "area", "ZONE": "zone", "ZONES": "zone"}


class BusFinder:
    """Finds buses by what PSS/E files call them.

    Parameters
    ----------
    net : Network
        ``bus_number``, ``area`` and ``zone`` of its buses are compared; without bus numbers the ids are.
    """

    def __init__(self, net: Network) -> None:
        bus = net.tables["bus"]
        numbers = pd.to_numeric(bus["bus_number"], errors="coerce")
        if not numbers.notna().any():
            numbers = pd.to_numeric(pd.Series(bus.index, index=bus.index), errors="coerce")
        self.numbers = numbers
        self.by_number = {int(number): str(key) for key, number in numbers.dropna().items()}
        self.bus = bus

    def find(self, word: str) -> str | None:
        """Id of the bus with a number, None if there is none."""
        return self.by_number.get(int(word)) if word.isdigit() else None

    def find_range(self, column: str | None, words: Sequence[str]) -> Buses:
        """Buses whose number, area or zone is the one given, or in the range of two."""
        low, high = int(words[0]), int(words[-1])
        values = self.numbers if column is None else pd.to_numeric(self.bus[column], errors="coerce")
        return frozenset(self.bus.index[values.between(low, high)])

    def find_kv(self, words: Sequence[str]) -> Buses:
        """Buses whose nominal voltage lies in a range [kV]."""
        return frozenset(self.bus.index[self.bus["vn_kv"].between(float(words[0]), float(words[-1]))])


def select_buses(finder: BusFinder, words: Sequence[str]) -> Buses | None:
    """Give the buses that ``BUS``, ``BUSES``, ``AREA``, ``ZONE`` or ``KVRANGE`` names; None if unread."""
    kind, rest = words[0], words[1:]
    whole = 1 <= len(rest) <= 2 and all(word.isdigit() for word in rest)
    if kind in ("BUS", "BUSES") and whole:
        return finder.find_range(None, rest)
    if kind in _COLUMNS and whole:
        return finder.find_range(_COLUMNS[kind], rest)
    if kind in ("KVRANGE", "KV", "BASEKV") and 1 <= len(rest) <= 2 and all(map(_is_number, rest)):
        return finder.find_kv(rest)
    return None


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_subsystems(lines: Sequence[Line], finder: BusFinder) -> tuple[Mapping[str, Buses], list[Issue]]:
    """Read the subsystems of a ``.sub`` file.

    Parameters
    ----------
    lines : sequence of Line
    finder : BusFinder

    Returns
    -------
    subsystems : mapping
        Label in capitals -> buses. Selections add up; those inside ``JOIN … END`` must all hold; ``SKIP``
        takes away.
    issues : list of Issue
        Lines not read. A subsystem with such a line is left out: what it would hold is not known.
    """
    found: dict[str, Buses] = {}
    issues: list[Issue] = []
    label: str | None = None
    joined: list[Buses] | None = None
    chosen: Buses = frozenset()
    skipped: Buses = frozenset()
    spoiled = False

    def take(line: Line, words: Sequence[str], add: Callable[[Buses], None]) -> None:
        nonlocal spoiled
        buses = select_buses(finder, words) if words else None
        if buses is None:
            spoiled = True
            issues.append(line.warn(f"not read: subsystem {label!r} is left out"))
        else:
            add(buses)

    def choose(buses: Buses) -> None:
        nonlocal chosen
        chosen |= buses

    def skip(buses: Buses) -> None:
        nonlocal skipped
        skipped |= buses

    for line in lines:
        words = line.words
        if label is None:
            if words[0] in _OPENS and len(words) > 1:
                label, chosen, skipped, joined, spoiled = (
                    words[1].upper(),
                    frozenset(),
                    frozenset(),
                    None,
                    False,
                )
            elif words[0] != "END":
                issues.append(line.warn("not read: outside of a subsystem"))
        elif words[0] == "JOIN":
            joined = []
        elif words[0] == "END" and joined is not None:
            choose(frozenset.intersection(*joined) if joined else frozenset())
            joined = None
        elif words[0] == "END":
            if not spoiled:
                found[label] = chosen - skipped
            label = None
        elif words[0] == "SKIP":
            take(line, words[1:], skip)
        else:
            take(line, words, choose if joined is None else joined.append)
    return found, issues
