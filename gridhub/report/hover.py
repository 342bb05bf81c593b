"""What the map says about a place or corridor in one state: loading, flow, and what fails there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.report.page import MapLayers, MapState
from gridhub.report.text import format_number, show_hidden

SHOWN = 3
"""Violations said one by one; of more the number."""


class Hover:
    """One state of the map, read once, so that every place is answered by looking up its ids.

    Parameters
    ----------
    layers : MapLayers
        The map; its outages of other snapshots and variants do not count.
    state : MapState
        The state shown.
    """

    def __init__(self, layers: MapLayers, state: MapState) -> None:
        self._loading = _look_up(state.branch, "loading_percent")
        self._flow = _look_up(state.branch, "p_mw")
        self._voltage = _look_up(state.bus, "vm_pu")
        self._rate = _look_up(layers.branches, "rate_mva")
        self._from_bus = dict(zip(layers.branches.index, layers.branches["from_bus"], strict=True))
        self._vn_kv = _look_up(layers.buses, "vn_kv")
        rows = layers.outages
        for column, wanted in (("snapshot", state.snapshot), ("variant", state.variant)):
            if column in rows:
                rows = rows[rows[column].astype(str) == wanted]
        self._rows = [{str(key): cell for key, cell in row.items()} for row in rows.to_dict("records")]
        self._here: dict[str, list[int]] = defaultdict(list)
        self._there: dict[str, list[int]] = defaultdict(list)
        for place, row in enumerate(self._rows):
            self._here[str(row["element"])].append(place)
            for element in row["outaged"]:
                self._there[str(element)].append(place)

    def find_loading(self, members: Sequence[str]) -> float:
        """Highest loading of some branches [%]; NaN if none has a rating."""
        values = [value for member in members if np.isfinite(value := self._loading.get(member, np.nan))]
        return round(max(values), 1) if values else np.nan

    def describe_flow(self, members: Sequence[str], start_buses: Sequence[str]) -> str:
        """Say how many MW leave the first end of a corridor, over how many circuits."""
        begins = set(start_buses)
        flows = [
            value if self._from_bus[member] in begins else -value
            for member in members
            if np.isfinite(value := self._flow.get(member, np.nan))
        ]
        rates = [value for member in members if np.isfinite(value := self._rate[member])]
        rated = ", ".join(sorted({format_number(rate, "MVA") for rate in rates}))
        noun = "circuit" if len(members) == 1 else "circuits"
        rating = f" of {rated} MVA" if rated else ", unrated"
        if not flows:
            return f"{len(members)} {noun}{rating}"
        total = sum(flows)
        direction = "→" if total >= 0 else "←"
        return f"{format_number(abs(total), 'MW')} MW {direction} over {len(members)} {noun}{rating}"

    def find_voltage(self, buses: Sequence[str]) -> float:
        """Lowest voltage of some buses [p.u.]; NaN if none is known."""
        values = [value for bus in buses if np.isfinite(value := self._voltage.get(bus, np.nan))]
        return round(min(values), 4) if values else np.nan

    def describe_voltage(self, bus: str) -> str:
        """Say the nominal voltage of a bus, and its voltage where it is known."""
        kv = format_number(self._vn_kv[bus], "kV")
        voltage = self._voltage.get(bus, np.nan)
        return f"{kv} kV" if np.isnan(voltage) else f"{kv} kV: {format_number(voltage, 'p.u.')} p.u."

    def describe_breaks(self, members: Sequence[str]) -> str:
        """Say what fails here under which outage, and what the loss of a member does elsewhere.

        Parameters
        ----------
        members : sequence of str
            Ids of the branches and buses asked about.

        Returns
        -------
        str
            Lines of plain text, worst first; empty if nothing fails.
        """
        here, there = self._find(self._here, members), self._find(self._there, members)
        lines = [f"{_value(row)} {_cause(row)}" for row in here[:SHOWN]] + _rest(here)
        lines += [f"Its loss: {row['element_label']} {_value(row)}" for row in there[:SHOWN]] + _rest(there)
        return "\n".join(show_hidden(line) for line in lines)

    def is_broken(self, members: Sequence[str]) -> bool:
        """Whether something fails here under an outage of this state."""
        return any(row["contingency"] != "" for row in self._find(self._here, members))

    def _find(self, places: dict[str, list[int]], members: Sequence[str]) -> list[dict[str, object]]:
        found = {place for member in members for place in places.get(member, ())}
        return [self._rows[place] for place in sorted(found)]


def _look_up(table: pd.DataFrame, column: str) -> dict[str, float]:
    if column not in table:
        return {}
    return dict(zip(table.index, table[column].to_numpy(dtype=float).tolist(), strict=True))


def _value(row: dict[str, object]) -> str:
    return f"{format_number(float(str(row['value'])), str(row['unit']))} {row['unit']}"


def _cause(row: dict[str, object]) -> str:
    return f"after loss of {row['contingency_label']}" if row["contingency"] else "with everything in service"


def _rest(rows: list[dict[str, object]]) -> list[str]:
    return [f"… and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
