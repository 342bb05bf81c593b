"""Names people know instead of ids: Hangul and roman names of sites, circuits, banks, plants and outages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from gridhub.model.network import Network
from gridhub.report.text import format_number

_VOLTAGE = re.compile(r"[\s(]*\d+(\.\d+)?\s*kV\)?$", re.IGNORECASE)
# An id in a running text: no blank in it, and a sign that plain words do not have inside.
_ID = re.compile(r"[^\s,;()]+[-:][^\s,;()]*[^\s,;().:]")
_READ = ("branch", "bus", "route")
_NAMED_TABLES = ("generator", "load", "storage", "shunt", "hvdc", "site", "interface")


@dataclass(frozen=True, slots=True)
class Names:
    """Labels of everything in one network.

    Attributes
    ----------
    labels : mapping
        Table -> id -> label; branches under ``"branch"``, buses with their voltage under ``"bus"`` and
        without it under ``"place"``, interfaces by their name.
    """

    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def find(self, key: object, table: str = "") -> str:
        """Give the label of an id; the id itself where there is no name.

        Parameters
        ----------
        key : object
            Id.
        table : str
            Table to look in; empty: branches first, then buses, then the rest.

        Returns
        -------
        str
        """
        name = str(key)
        tables = (table,) if table else self.labels
        return next((self.labels[part][name] for part in tables if name in self.labels.get(part, {})), name)

    def read(self, text: str) -> str:
        """Put names in the place of the ids of branches, routes and buses in a text.

        Examples
        --------
        >>> Names({"route": {"a--b": "A – B"}}).read("second circuit a--b, then a--c")
        'second circuit A – B, then a--c'
        """

        def name(match: re.Match[str]) -> str:
            return next(
                (self.labels[part][match[0]] for part in _READ if match[0] in self.labels.get(part, {})),
                match[0],
            )

        return _ID.sub(name, text)

    def find_outage(self, contingency: object, elements: Iterable[str] = ()) -> str:
        """Name a contingency by what it takes out; the empty contingency is the complete grid.

        Examples
        --------
        >>> Names({"branch": {"l1": "A – B #1"}}).find_outage("line:l1", ["l1"])
        'A – B #1'
        """
        if not str(contingency):
            return "everything in service"
        group = self.labels.get("contingency", {}).get(str(contingency))
        if group:
            return group
        parts = [self.find(element) for element in elements]
        if not parts:
            return self.find(contingency)
        return " + ".join(parts[:4]) + (f" + {len(parts) - 4} more" if len(parts) > 4 else "")


def build_names(net: Network) -> Names:
    """Gather the labels of a network.

    Parameters
    ----------
    net : Network
        The network.

    Returns
    -------
    Names
    """
    places = {str(bus): join_names(row, str(bus)) for bus, row in net.bus.iterrows()}
    vn_kv = net.bus["vn_kv"]
    buses = {
        bus: f"{label} {format_number(float(vn_kv[bus]), 'kV')} kV"
        if label != bus and "kV" not in label
        else label
        for bus, label in places.items()
    }
    labels: dict[str, dict[str, str]] = {
        "branch": _label_branches(net, places),
        "bus": buses,
        "place": places,
    }
    for table in _NAMED_TABLES:
        frame = net.tables[table]
        labels[table] = {str(key): join_names(row, str(key)) for key, row in frame.iterrows()}
        if table == "interface":
            labels[table] |= {str(row["name"]): join_names(row, str(key)) for key, row in frame.iterrows()}
    labels["contingency"] = _label_groups(net, places, buses)
    labels["route"] = {
        str(row["route"]): f"{places.get(str(row['from_bus']), '')} – {places.get(str(row['to_bus']), '')}"
        for _, row in net.line.iterrows()
        if row["route"]
    }
    return Names(labels)


def _label_groups(net: Network, places: Mapping[str, str], buses: Mapping[str, str]) -> dict[str, str]:
    """Name the outages of several elements by what they have in common."""
    branches = net.branches()
    labels = {f"bus_section:{bus}": f"everything at {label}" for bus, label in buses.items()}
    for tower, group in branches[branches["tower"] != ""].groupby("tower", sort=False):
        start, end = str(group["from_bus"].iloc[0]), str(group["to_bus"].iloc[0])
        route = f"{places.get(start, start)} – {places.get(end, end)}"
        labels[f"tower:{tower}"] = f"{route}, tower with {len(group)} circuits"
    for plant in net.generator["plant"].unique():
        labels[f"plant:{plant}"] = f"{plant}, all units"
    load = net.load
    for name in load.loc[load["kind"] == "data_center", "name"]:
        labels[f"data_center:{name}"] = f"data center {name}"
    return labels


def join_names(row: pd.Series, fallback: str) -> str:
    """Join the Hangul and the roman name of a row, without a voltage at their end; else give `fallback`.

    Examples
    --------
    >>> join_names(pd.Series({"name_ko": "신태백765kV", "name": "Sintaebaek 765 kV"}), "b1")
    '신태백 Sintaebaek'
    """
    parts = [_VOLTAGE.sub("", str(row.get(column, "") or "")).strip() for column in ("name_ko", "name")]
    return " ".join(dict.fromkeys(part for part in parts if part and part != "nan")) or fallback


def _label_branches(net: Network, buses: Mapping[str, str]) -> dict[str, str]:
    labels = {}
    vn_kv = net.bus["vn_kv"]
    for table in ("line", "transformer", "series"):
        for key, row in net.tables[table].iterrows():
            start, end = str(row["from_bus"]), str(row["to_bus"])
            circuit = f" #{row['circuit']}" if str(row.get("circuit", "") or "") else ""
            if str(key).startswith("hub:"):
                labels[str(key)] = join_names(row, str(key))
            elif table == "transformer" and buses.get(start) == buses.get(end):
                ends = [format_number(float(vn_kv.get(bus, float("nan"))), "kV") for bus in (start, end)]
                labels[str(key)] = f"{buses.get(start, start)} {ends[0]}/{ends[1]} kV bank{circuit}"
            else:
                labels[str(key)] = f"{buses.get(start, start)} – {buses.get(end, end)}{circuit}"
    return labels
