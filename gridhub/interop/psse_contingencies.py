"""Contingencies of a PSS/E ``.con`` file, the part of the language that a static analysis can follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from gridhub.errors import Issue
from gridhub.interop.psse_lines import ASSUMED, Line
from gridhub.interop.psse_subsystems import Buses, BusFinder, select_buses
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES

MAX_PAIRS = 200_000
"""Pairs that a ``DOUBLE`` statement may write out."""

_OPEN = ("OPEN", "DISCONNECT", "TRIP")
_REMOVE = ("REMOVE", "DISCONNECT", "TRIP")
_BRANCH = ("BRANCH", "LINE")
_UNIT = ("UNIT", "MACHINE")
_SUBSYSTEM = ("SUBSYSTEM", "SYSTEM", "SUB")

Found = tuple[str, tuple[str, ...]]
"""Kind and elements of a contingency."""


class _Unread(Exception):
    """A line that is not followed; the message says why."""


class ContingencyReader:
    """Follows the lines of a ``.con`` file on a network.

    Parameters
    ----------
    net : Network
    finder : BusFinder
    subsystems : mapping
        Label in capitals -> buses, from the ``.sub`` file.
    """

    def __init__(self, net: Network, finder: BusFinder, subsystems: Mapping[str, Buses]) -> None:
        self.net, self.finder, self.subsystems = net, finder, subsystems
        self.branches = net.branches()
        self.on = self.branches[self.branches["in_service"]]
        self.found: dict[str, Found] = {}
        self.issues: list[Issue] = []

    def read(self, lines: Sequence[Line]) -> None:
        """Follow every line; what is not followed becomes an issue."""
        label: str | None = None
        elements: list[str] = []
        spoiled = False
        for line in lines:
            words = line.words
            try:
                if label is not None:
                    if words[0] == "END":
                        self._close(line, label, elements, spoiled)
                        label = None
                    else:
                        elements += self._find_event(line)
                elif words[0] == "CONTINGENCY" and len(words) > 1:
                    label, elements, spoiled = words[1], [], False
                elif words[0] in ("SINGLE", "DOUBLE"):
                    self._list_automatic(line)
                elif words[0] != "END":
                    raise _Unread("not read")
            except _Unread as reason:
                spoiled = True
                left_out = f": contingency {label!r} is left out" if label is not None else ""
                self.issues.append(line.warn(f"{reason}{left_out}"))

    def _close(self, line: Line, label: str, elements: list[str], spoiled: bool) -> None:
        if spoiled:
            return
        if not elements:
            raise _Unread(f"contingency {label!r} loses nothing and is left out")
        if label in self.found:
            raise _Unread(f"contingency {label!r} stands twice; the first is kept")
        self.found[label] = "", tuple(dict.fromkeys(elements))

    def _find_event(self, line: Line) -> list[str]:
        words = line.words
        if words[0] in _OPEN and len(words) > 1 and words[1] in _BRANCH:
            return [self._find_branch(line, words[2:])]
        if words[0] in _REMOVE and len(words) > 2 and words[1] in _UNIT:
            return [self._find_at_bus(line, "generator", words[2:])]
        if words[0] in _REMOVE and len(words) > 2 and words[1] in ("LOAD", "SHUNT"):
            return [self._find_at_bus(line, words[1].lower(), words[2:])]
        if words[0] in ("DISCONNECT", "TRIP", "OPEN") and len(words) == 3 and words[1] == "BUS":
            return self._find_all_at(self._find_bus(words[2]))
        raise _Unread("not read")

    def _find_bus(self, word: str) -> str:
        bus = self.finder.find(word)
        if bus is None:
            raise _Unread(f"no bus {word}")
        return bus

    def _find_branch(self, line: Line, words: Sequence[str]) -> str:
        """Follow ``FROM BUS i TO BUS j [TO BUS k] [CKT c]``."""
        numbers, circuit, rest = [], "1", list(words)
        while rest:
            word = rest.pop(0)
            if word in ("FROM", "TO") and len(rest) > 1 and rest[0] == "BUS":
                numbers.append(rest[1])
                rest = rest[2:]
            elif word in ("CKT", "CIRCUIT") and rest:
                circuit = rest.pop(0)
            else:
                raise _Unread(f"not read from {word!r} on")
        if len(numbers) != 2:
            raise _Unread("wants two buses: three-winding transformers are not followed")
        ends = {self._find_bus(number) for number in numbers}
        table = self.branches
        at = table[[{f, t} == ends for f, t in zip(table["from_bus"], table["to_bus"], strict=True)]]
        return self._pick(line, at["circuit"], circuit, f"branch between {' and '.join(numbers)}")

    def _find_at_bus(self, line: Line, table: str, words: Sequence[str]) -> str:
        """Follow ``id FROM BUS n``."""
        if len(words) != 4 or words[1] not in ("FROM", "AT") or words[2] != "BUS":
            raise _Unread("wants an id, FROM BUS and a number")
        bus = self._find_bus(words[3])
        frame = self.net.tables[table]
        frame = frame[frame["bus"] == bus]
        names = frame["machine"] if "machine" in frame else pd.Series("", index=frame.index)
        return self._pick(line, names, words[0], f"{table} at bus {words[3]}")

    def _pick(self, line: Line, names: pd.Series, wanted: str, what: str) -> str:
        """Pick the row of a name; where rows have none, the only one, or by the order of the file."""
        named = names.index[names.astype(str).str.strip() == wanted]
        if len(named) == 1:
            return str(named[0])
        if not len(names):
            raise _Unread(f"no {what}")
        if (names.astype(str).str.strip() != "").any():
            raise _Unread(f"no {what} is called {wanted}")
        if len(names) == 1 and wanted == "1":
            return str(names.index[0])
        place = int(wanted) if wanted.isdigit() else 0
        if not 1 <= place <= len(names):
            raise _Unread(f"{len(names)} x {what} without a name, none is number {wanted}")
        text = f"{what}: the network has no circuit or machine ids, taken as number {place} in its order"
        self.issues.append(line.warn(text, ASSUMED))
        return str(names.index[place - 1])

    def _find_all_at(self, bus: str) -> list[str]:
        found: list[str] = []
        for table in (*BRANCH_TABLES, "generator", "hvdc", "shunt", "load", "storage"):
            frame = self.net.tables[table]
            ends = ["bus"] if "bus" in frame else ["from_bus", "to_bus"]
            found.extend(frame.index[(frame[ends] == bus).any(axis=1) & frame["in_service"]])
        return found

    def _list_automatic(self, line: Line) -> None:
        """Follow ``SINGLE|DOUBLE what IN|FROM subsystem``."""
        words = line.words
        if len(words) < 5 or words[2] not in ("IN", "FROM"):
            raise _Unread("not read")
        buses = self._find_group(words[3:])
        if words[1] in _UNIT:
            unit = self.net.tables["generator"]
            ids = unit.index[unit["in_service"] & unit["bus"].isin(buses)]
            kinds = dict.fromkeys(map(str, ids), "generator")
        elif words[1] in (*_BRANCH, "TIE"):
            inside = self.on["from_bus"].isin(buses), self.on["to_bus"].isin(buses)
            chosen = inside[0] ^ inside[1] if words[1] == "TIE" else inside[0] & inside[1]
            kinds = {str(key): str(kind) for key, kind in self.on["kind"][chosen].items()}
        else:
            raise _Unread(f"{words[1]} is not followed")
        if words[0] == "SINGLE":
            for key, kind in kinds.items():
                self.found.setdefault(key, (kind, (key,)))
            return
        count = len(kinds) * (len(kinds) - 1) // 2
        if count > MAX_PAIRS:
            raise _Unread(f"{count:,} pairs, more than {MAX_PAIRS:,}: see gridhub.rank_pairs")
        for first, second in combinations(kinds, 2):
            self.found.setdefault(f"{first} + {second}", ("pair", (first, second)))

    def _find_group(self, words: Sequence[str]) -> Buses:
        if words[0] in _SUBSYSTEM and len(words) == 2:
            if words[1].upper() not in self.subsystems:
                raise _Unread(f"no subsystem {words[1]!r} was read")
            return self.subsystems[words[1].upper()]
        buses = select_buses(self.finder, words)
        if buses is None:
            raise _Unread(f"{' '.join(words)} names no group that is followed")
        return buses
