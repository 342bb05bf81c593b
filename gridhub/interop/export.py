"""What every writer needs first: bus numbers, bus types, and what the file's format has no place for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridhub.errors import Issue, name_ids
from gridhub.interop.conversion_report import warn
from gridhub.model.network import Network
from gridhub.model.schema import complete_table, read_schema

_CARRIED_NOWHERE = ("interface", "site", "snapshot", "snapshot_value")
_PROVENANCE = {"source", "confidence", "source_row", "bus_number"}


@dataclass
class Export:
    """A network made ready for a file that knows buses by number.

    Attributes
    ----------
    net : Network
    numbers : mapping
        Bus id -> number in the file.
    kinds : mapping
        Bus id -> ``"PQ"``, ``"PV"``, ``"REF"`` or ``"ISOLATED"``.
    issues : list of Issue
    notes : list of str
    """

    net: Network
    numbers: Mapping[str, int]
    kinds: Mapping[str, str]
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def vn_kv(self) -> dict[str, float]:
        """Nominal voltage of every bus [kV]."""
        bus = self.net.tables["bus"]
        return dict(zip(map(str, bus.index), bus["vn_kv"].tolist(), strict=True))

    def warn(self, code: str, table: str, ids: Iterable[object], column: str, message: str) -> None:
        """Add a warning unless there is no row it is about."""
        listed = list(ids)
        if listed:
            self.issues.append(warn(code, table, listed, column, message))


def list_rows(frame: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Give the rows of a table as pairs of id and values by column, in order."""
    return [
        (str(id_), {str(name): value for name, value in row.items()})
        for id_, row in zip(frame.index, frame.to_dict("records"), strict=True)
    ]


def number_buses(bus: pd.DataFrame) -> dict[str, int]:
    """Give every bus a number: its own, else its id if that is one, else the next free one.

    Parameters
    ----------
    bus : DataFrame
        Table ``bus``.

    Returns
    -------
    dict
        Id -> number, from 1, unique.

    Examples
    --------
    >>> number_buses(pd.DataFrame({"bus_number": [7.0, float("nan"), float("nan")]}, index=["a", "12", "b"]))
    {'a': 7, '12': 12, 'b': 13}
    """
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for id_, stated in bus["bus_number"].items():
        number = int(stated) if math.isfinite(stated) else (int(str(id_)) if str(id_).isdecimal() else 0)
        if number > 0 and number not in taken:
            numbers[str(id_)] = number
            taken.add(number)
    following = max(taken, default=0) + 1
    for id_ in map(str, bus.index):
        if id_ not in numbers:
            numbers[id_] = following
            following += 1
    return {id_: numbers[id_] for id_ in map(str, bus.index)}


def find_bus_kinds(net: Network) -> dict[str, str]:
    """Say what MATPOWER and PSS/E call each bus.

    A bus with a regulating generator is PV also while that generator is out of service: such a bus counts as
    PQ in a power flow, and keeps its generator's role in the file.
    """
    generator = net.tables["generator"]
    regulated = set(generator.loc[generator["regulating"], "bus"])
    bus = net.tables["bus"]
    kinds = {}
    for id_, reference, on in zip(bus.index, bus["reference"], bus["in_service"], strict=True):
        kind = "REF" if reference else "PV" if id_ in regulated else "PQ"
        kinds[str(id_)] = kind if on else "ISOLATED"
    return kinds


def prepare_export(net: Network) -> Export:
    """Prepare a network for any writer: numbers and types of buses, and what no format carries.

    Parameters
    ----------
    net : Network

    Returns
    -------
    Export
    """
    export = Export(net, number_buses(net.tables["bus"]), find_bus_kinds(net))
    renamed = [id_ for id_, number in export.numbers.items() if id_ != str(number)]
    message = "files know buses by number: read back, the id is the number"
    export.warn("W-ID", "bus", renamed, "bus_number", message)
    for table in _CARRIED_NOWHERE:
        rows = len(net.tables[table])
        if rows:
            export.issues.append(warn("W-TABLE", table, [], "", f"{rows} rows are not carried"))
    if net.snapshots:
        export.notes.append(
            f"the state of the tables is written, none of the snapshots {name_ids(net.snapshots)}"
        )
    kept = [name for name in net.documents if net.documents[name]]
    if kept:
        export.issues.append(warn("W-TABLE", "documents", kept, "", "documents are not carried"))
    if len(net.placements):
        message = f"{len(net.placements)} placements are not carried; what they built is"
        export.issues.append(warn("W-TABLE", "placements", [], "", message))
    return export


def number_groups(export: Export, column: str) -> dict[str, int]:
    """Find a number for every area or zone: its own where it is one."""
    names = list(dict.fromkeys(export.net.tables["bus"][column]))
    named = [name for name in names if name and not name.isdecimal()]
    free = iter(range(max([int(n) for n in names if n.isdecimal()], default=0) + 1, 10**6))
    export.warn("W-FIELD", "bus", named, column, f"a {column} is a number in the file: numbered in order")
    return {name: int(name) if name.isdecimal() else (next(free) if name else 1) for name in names}


def find_charge_max(storage: pd.DataFrame) -> pd.Series:
    """Give the most that each storage unit takes in [MW]: charge_max_mw, else p_max_mw."""
    return storage["charge_max_mw"].fillna(storage["p_max_mw"])


def collect_units(export: Export) -> pd.DataFrame:
    """Give generators and, after them, storage as generators."""
    generator = export.net.tables["generator"]
    storage = export.net.tables["storage"]
    if not len(storage):
        return generator
    message = (
        f"{storage['p_max_mw'].sum():g} MW, {storage['e_mwh'].sum():g} MWh: written as generators "
        "from -charge_max_mw to p_max_mw, without energy"
    )
    export.warn("W-STORAGE", "storage", storage.index, "e_mwh", message)
    blank: dict[str, Any] = {name: column.default for name, column in read_schema()["generator"].items()}
    rows = dict(list_rows(generator))
    lowest = -find_charge_max(storage)
    for id_, battery in list_rows(storage):
        rows[f"storage {id_}"] = {
            **blank,
            **{name: battery[name] for name in ("bus", "p_mw", "q_mvar", "p_max_mw", "in_service")},
            "p_min_mw": lowest[id_],
            "regulating": False,
        }
    return complete_table("generator", pd.DataFrame.from_dict(rows, orient="index"))


def fix_passive_units(export: Export, units: pd.DataFrame) -> dict[str, float]:
    """Find the units that do not regulate at buses where others do, for formats where the bus decides.

    They are written with their reactive power as both limits and the bus's set-point: the same state.

    Returns
    -------
    dict
        Id -> voltage set-point to write [p.u.].
    """
    held = units[units["regulating"] & units["in_service"] & units["vm_pu"].notna()]
    set_points = dict(zip(held["bus"], held["vm_pu"], strict=True))
    passive = units[~units["regulating"] & units["bus"].map(export.kinds).isin(["PV", "REF"])]
    message = (
        "do not regulate, at buses where others do: written with their reactive power as both limits, "
        f"{passive['q_mvar'].sum():g} Mvar; read back they regulate within these"
    )
    export.warn("W-REGULATING", "generator", passive.index, "regulating", message)
    return {
        str(id_): float(set_points.get(bus, 1.0 if math.isnan(vm_pu) else vm_pu))
        for id_, bus, vm_pu in zip(passive.index, passive["bus"], passive["vm_pu"], strict=True)
    }


def report_columns(export: Export, carried: Mapping[str, Iterable[str]]) -> None:
    """Report the columns that hold something and are not carried.

    Parameters
    ----------
    export : Export
        Receives the issues.
    carried : mapping
        Table -> columns that the format carries; tables that are not named are left out.
    """
    for table, columns in carried.items():
        frame = export.net.tables[table]
        left = {}
        for name in frame.columns:
            if name in columns or name in _PROVENANCE or not len(frame):
                continue
            column = read_schema()[table].get(name)
            default = column.default if column else None
            filled = _count_filled(frame[name], default)
            if filled:
                left[name] = filled
        if left:
            listed = name_ids([f"{name} ({count} rows)" for name, count in left.items()], 12)
            export.issues.append(warn("W-FIELD", table, [], "", f"not carried: {listed}"))


def _count_filled(values: pd.Series, default: object) -> int:
    """Count values that say something: neither empty nor the default."""
    if values.dtype == object:
        return int(sum(value not in ("", None, default) and value == value for value in values))
    array = values.to_numpy()
    if array.dtype == bool:
        return int((array != bool(default)).sum())
    same = array == default if isinstance(default, float) and not math.isnan(default) else np.isnan(array)
    return int((~same).sum())
