"""A pandapower network in the making: its tables, their index, and the report. No pandapower here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.errors import Issue
from gridhub.interop.conversion_report import warn
from gridhub.model.network import Network

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ID_COLUMN = "gridhub_id"
"""Extra column of every pandapower table: the id of the row it comes from."""

UNRATED_MVA = 99999.0
"""Rating written for a transformer without one: pandapower has no empty one, its converter takes this."""


@dataclass
class Outline:
    """The pandapower network being made.

    Attributes
    ----------
    net : Network
        Source, snapshot applied.
    bus_index : Series
        Bus id -> pandapower index.
    snapshot : str, optional
        Snapshot applied, None if the network stores none.
    parts : dict
        pandapower table -> frames of rows, index not yet final.
    issues, notes : list
        For the report.
    """

    net: Network
    bus_index: pd.Series[int]
    snapshot: str | None = None
    parts: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, table: str, ids: Iterable[str], columns: Mapping[str, Any]) -> None:
        """Add rows to a pandapower table."""
        names = list(ids)
        if names:
            frame = pd.DataFrame({**columns, ID_COLUMN: names}, index=range(len(names)))
            self.parts.setdefault(table, []).append(frame)

    def warn(
        self, code: str, table: str, ids: Iterable[object], column: str, message: str, value: str = ""
    ) -> None:
        """Add one warning for all rows of one kind, if there are any."""
        found = list(ids)
        if found:
            self.issues.append(warn(code, table, found, column, message, value))

    def get_kv(self, buses: pd.Series[Any]) -> Floats:
        """Give the nominal voltage of buses [kV]."""
        return np.asarray(self.net.tables["bus"]["vn_kv"].reindex(buses).to_numpy(), dtype=float)

    def get_bus(self, buses: pd.Series[Any]) -> NDArray[np.int64]:
        """Give the pandapower index of buses."""
        return np.asarray(self.bus_index.reindex(buses).to_numpy(), dtype=np.int64)

    def build_tables(self) -> dict[str, pd.DataFrame]:
        """Join the rows of each table; an id ``<table>:<n>`` gets the index n back where all have one."""
        tables = {}
        for name, frames in self.parts.items():
            table = pd.concat(frames, ignore_index=True)
            numbers = [re.fullmatch(rf"{name}:(\d+)", str(i)) for i in table[ID_COLUMN]]
            found = [int(number.group(1)) for number in numbers if number]
            if name == "bus":
                table.index = pd.Index(self.bus_index.to_numpy())
            elif len(set(found)) == len(table):
                table.index = pd.Index(found)
            tables[name] = table
        return tables


def number_buses(net: Network) -> pd.Series[int]:
    """Give each bus a pandapower index: its id where all ids are numbers, else from 0 in order."""
    ids = net.tables["bus"].index
    plain = all(re.fullmatch(r"0|[1-9]\d{0,8}", i) for i in ids)
    return pd.Series([int(i) for i in ids] if plain else range(len(ids)), index=ids, dtype=np.int64)


def keep_metadata(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Keep columns pandapower has no name for, where any row has a value."""
    kept = {}
    for name in names:
        if name not in frame:
            continue
        values = frame[name]
        filled = values.notna() & (values != "") if values.dtype == object else values.notna()
        if filled.any():
            kept[name] = values.to_numpy()
    return kept


def write_buses(outline: Outline) -> None:
    """Write ``bus``; coordinates as GeoJSON points."""
    bus = outline.net.tables["bus"]
    geo: list[str | None] = [
        json.dumps({"coordinates": [lon, lat], "type": "Point"}) if np.isfinite(lon + lat) else None
        for lon, lat in zip(bus["lon"], bus["lat"], strict=True)
    ]
    columns: dict[str, Any] = {
        "name": bus["name"].to_numpy(),
        "vn_kv": bus["vn_kv"].to_numpy(),
        "type": "b",
        "zone": bus["zone"].to_numpy(),
        "in_service": bus["in_service"].to_numpy(),
        "geo": geo,
    }
    for theirs, ours in (("min_vm_pu", "v_min_pu"), ("max_vm_pu", "v_max_pu")):
        if bus[ours].notna().any():
            columns[theirs] = bus[ours].to_numpy()
    columns |= keep_metadata(bus, ("name_ko", "province", "area", "site", "source", "confidence"))
    outline.add("bus", bus.index, columns)


def name_rows_of(frame: pd.DataFrame) -> NDArray[Any]:
    """Give the name of each row, its id where it has none."""
    return np.where(frame["name"] == "", frame.index, frame["name"])


def report_unwritten(outline: Outline) -> None:
    """Report what a pandapower network has no place for."""
    net = outline.net
    for table in ("interface", "site", "snapshot"):
        frame = net.tables[table]
        message = "not written: pandapower has no such table"
        if table == "snapshot":
            message = "one snapshot is written: the others are not"
            frame = frame.drop(index=[outline.snapshot] if outline.snapshot else [])
        outline.warn("W-DROPPED", table, frame.index, "", message, f"{len(frame)} rows")
    transformer = net.tables["transformer"]
    controlled = transformer.index[transformer["tap_bus"] != ""]
    message = "the voltage a tap changer holds is not written: pandapower holds it in a DiscreteTapControl"
    outline.warn("W-DROPPED", "transformer", controlled, "tap_bus", message, f"{len(controlled)} rows")
    documents = sorted(net.documents)
    outline.warn("W-DROPPED", "documents", documents, "", "not written: pandapower has no place for it")
    placed = net.placements.index.map(str)
    outline.warn(
        "W-DROPPED", "placements", placed, "", "the list of placed parts is not written; its elements are"
    )
