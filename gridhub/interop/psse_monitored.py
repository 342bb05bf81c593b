"""Monitored elements of a PSS/E ``.mon`` file: which branches and voltages a study looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from gridhub.errors import Issue
from gridhub.interop.psse_lines import Line
from gridhub.interop.psse_subsystems import Buses, BusFinder
from gridhub.model.network import Network

_SUBSYSTEM = ("SUBSYSTEM", "SYSTEM", "SUB")


@dataclass(frozen=True, eq=False)
class Monitored:
    """What a study looks at; `gridhub.run_security` judges nothing else where it is given.

    Attributes
    ----------
    branches : tuple of str
        Ids, in the order of the network.
    voltage : DataFrame
        Index bus; columns low_pu, high_pu. Where several ranges name a bus, the last.
    """

    branches: tuple[str, ...]
    voltage: pd.DataFrame

    def select(self, violations: pd.DataFrame) -> pd.DataFrame:
        """Keep the violations of what is monitored.

        Parameters
        ----------
        violations : DataFrame
            ``Security.violations``: judged by the criteria of the run, not by the ranges of the file.

        Returns
        -------
        DataFrame
            Overloads of monitored branches and voltages of monitored buses; what is neither is kept.
        """
        voltage = violations["kind"].str.startswith("voltage")
        thermal = violations["kind"] == "thermal"
        kept = ~voltage & ~thermal
        kept |= thermal & violations["element"].isin(self.branches)
        kept |= voltage & violations["element"].isin(self.voltage.index)
        return violations[kept]


def read_monitored_lines(
    lines: Sequence[Line], net: Network, finder: BusFinder, subsystems: Mapping[str, Buses]
) -> tuple[Monitored, list[Issue]]:
    """Follow the lines of a ``.mon`` file.

    Parameters
    ----------
    lines : sequence of Line
    net : Network
    finder : BusFinder
    subsystems : mapping
        Label in capitals -> buses.

    Returns
    -------
    monitored : Monitored
    issues : list of Issue
        Lines not read: what they name is not monitored.
    """
    table = net.branches()
    branches: set[str] = set()
    ranges: dict[str, tuple[float, float]] = {}
    issues: list[Issue] = []
    block = ""
    for line in lines:
        words = line.words
        if block:
            if words[0] == "END":
                block = ""
            elif block == "BRANCHES" and (found := _find_listed(table, finder, words)):
                branches.update(found)
            else:
                issues.append(line.warn("not read"))
        elif tuple(words[:2]) in (("MONITOR", "BRANCHES"), ("MONITOR", "LINES")) and len(words) == 2:
            block = "BRANCHES"
        elif tuple(words[:2]) == ("MONITOR", "INTERFACE"):
            block = "INTERFACE"
            issues.append(line.warn("interfaces are rows of the network's own table interface: not read"))
        elif (group := _find_group(words, subsystems)) is None:
            if words[0] != "END":
                issues.append(line.warn("not read, or its subsystem was not"))
        elif words[1] in ("BRANCHES", "LINES", "TIES"):
            inside = table["from_bus"].isin(group), table["to_bus"].isin(group)
            chosen = inside[0] ^ inside[1] if words[1] == "TIES" else inside[0] & inside[1]
            branches.update(table.index[chosen])
        else:
            ranges |= dict.fromkeys(sorted(group), (float(words[-2]), float(words[-1])))
    voltage = pd.DataFrame.from_dict(ranges, orient="index", columns=["low_pu", "high_pu"])
    kept = tuple(key for key in table.index if key in branches)
    return Monitored(kept, voltage.rename_axis("bus")), issues


def _find_group(words: Sequence[str], subsystems: Mapping[str, Buses]) -> Buses | None:
    """Buses of ``MONITOR BRANCHES IN SUBSYSTEM x``, ``TIES FROM …``, ``VOLTAGE RANGE SUBSYSTEM x lo hi``."""
    if words[0] != "MONITOR":
        return None
    if len(words) == 5 and words[1] in ("BRANCHES", "LINES", "TIES") and words[3] in _SUBSYSTEM:
        return subsystems.get(words[4].upper())
    if len(words) == 7 and tuple(words[1:3]) == ("VOLTAGE", "RANGE") and words[3] in _SUBSYSTEM:
        try:
            float(words[5]), float(words[6])
        except ValueError:
            return None
        return subsystems.get(words[4].upper())
    return None


def _find_listed(table: pd.DataFrame, finder: BusFinder, words: Sequence[str]) -> list[str]:
    """Branches of a row ``i j [ckt]``: all circuits between the buses unless their circuit is known."""
    ends = {finder.find(word) for word in words[:2]}
    if len(words) not in (2, 3) or None in ends or len(ends) != 2:
        return []
    at = table[[{f, t} == ends for f, t in zip(table["from_bus"], table["to_bus"], strict=True)]]
    if len(words) == 3 and (at["circuit"].astype(str) != "").any():
        at = at[at["circuit"].astype(str) == words[2]]
    return list(at.index)
