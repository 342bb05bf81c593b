"""Rows gathered while a pandapower network is read: the draft, its columns and its references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.errors import FileFormatError, Issue
from gridhub.interop.conversion_report import warn
from gridhub.model.schema import BRANCH_TABLES, complete_table, read_schema

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BUS_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "load": ("bus",),
    "motor": ("bus",),
    "asymmetric_load": ("bus",),
    "asymmetric_sgen": ("bus",),
    "ward": ("bus",),
    "xward": ("bus",),
    "gen": ("bus",),
    "sgen": ("bus",),
    "ext_grid": ("bus",),
    "storage": ("bus",),
    "shunt": ("bus",),
    "line": ("from_bus", "to_bus"),
    "impedance": ("from_bus", "to_bus"),
    "dcline": ("from_bus", "to_bus"),
    "trafo": ("hv_bus", "lv_bus"),
    "trafo3w": ("hv_bus", "mv_bus", "lv_bus"),
    "switch": ("bus",),
}
"""pandapower tables that are read, with the columns that name buses."""

UNRATED_KA = 99999.0
"""Current limit pandapower's own MATPOWER converter writes for a branch without a rating."""

SWITCHED_TABLES: Mapping[str, str] = {"b": "bus", "l": "line", "t": "trafo", "t3": "trafo3w"}
"""What ``switch.element`` is an index of, by ``switch.et``."""

SWITCHED_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "l": {"from": "from_bus", "to": "to_bus"},
    "t": {"hv": "hv_bus", "lv": "lv_bus"},
    "t3": {"hv": "hv_bus", "mv": "mv_bus", "lv": "lv_bus"},
}
"""Ends of the branch a switch may stand at, by ``switch.et``, in the order pandapower looks."""


REQUIRED_VALUES: Mapping[str, tuple[str, ...]] = {
    "bus": ("vn_kv",),
    "load": ("p_mw", "q_mvar"),
    "sgen": ("p_mw", "q_mvar"),
    "gen": ("p_mw", "vm_pu"),
    "ext_grid": ("vm_pu", "va_degree"),
    "storage": ("p_mw", "q_mvar"),
    "shunt": ("p_mw", "q_mvar", "step"),
    "ward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar"),
    "xward": ("ps_mw", "qs_mvar", "pz_mw", "qz_mvar", "r_ohm", "x_ohm", "vm_pu"),
    "motor": ("pn_mech_mw", "cos_phi", "efficiency_percent", "loading_percent"),
    "dcline": ("p_mw", "loss_mw", "loss_percent", "vm_from_pu", "vm_to_pu"),
    "line": ("length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km"),
    "trafo": ("sn_mva", "vn_hv_kv", "vn_lv_kv", "vk_percent", "vkr_percent", "pfe_kw", "i0_percent"),
    "trafo3w": ("vn_hv_kv", "vn_mv_kv", "vn_lv_kv", "sn_hv_mva", "sn_mv_mva", "sn_lv_mva"),
    "impedance": ("rft_pu", "xft_pu", "rtf_pu", "xtf_pu", "sn_mva"),
}
"""Columns that need a finite value in every row in service, where the table has the column."""


def get_table(pp_net: Mapping[str, Any], name: str) -> pd.DataFrame:
    """Give one table of a pandapower network, empty if it has none."""
    table = pp_net.get(name)
    return table if isinstance(table, pd.DataFrame) else pd.DataFrame()


def get_floats(frame: pd.DataFrame, column: str, empty: float = np.nan) -> Floats:
    """Give a column as floats; `empty` where the column or the value is missing."""
    if column not in frame:
        return np.full(len(frame), empty)
    values = pd.to_numeric(frame[column], errors="raise").to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(values), empty, values)


def get_bools(frame: pd.DataFrame, column: str, empty: bool) -> Bools:
    """Give a column as booleans; `empty` where the column or the value is missing."""
    if column not in frame:
        return np.full(len(frame), empty)
    values = frame[column].astype(object)
    return values.where(values.notna(), empty).to_numpy(dtype=bool)


def get_texts(frame: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """Give a column as texts; empty where the column or the value is missing."""
    if column not in frame:
        return np.full(len(frame), "", dtype=object)
    values = frame[column].astype(object)
    return values.where(values.notna(), "").map(str).to_numpy(dtype=object)


def name_rows(table: str, frame: pd.DataFrame, suffix: str = "") -> list[str]:
    """Make the ids ``<table>:<index>`` of rows of a pandapower table."""
    return [f"{table}:{index}{suffix}" for index in frame.index]


@dataclass
class Draft:
    """The network being read: rows so far, buses, and everything to report.

    Attributes
    ----------
    base_mva, frequency_hz : float
        Power base and frequency of the pandapower network.
    vn_kv : Series
        Nominal voltage by bus index [kV].
    bus_on : Series
        Whether the bus is in service, by bus index.
    parts : dict
        Table -> frames of rows.
    issues, notes : list
        For the report.
    branch_count : int
        Branches numbered so far.
    open_switches : list
        Series rows of open switches at branches, to come after the branches.
    """

    base_mva: float
    frequency_hz: float
    vn_kv: pd.Series[float]
    bus_on: pd.Series[bool]
    parts: dict[str, list[pd.DataFrame]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    branch_count: int = 0
    open_switches: list[dict[str, Any]] = field(default_factory=list)

    def number_branches(self, count: int) -> Floats:
        """Give the next `count` branches their ``source_row``: one sequence over all branch tables."""
        first = self.branch_count + 1
        self.branch_count += count
        return np.arange(first, first + count, dtype=float)

    def get_kv(self, column: pd.Series[Any]) -> Floats:
        """Give the nominal voltage of the buses a column names [kV]."""
        return np.asarray(self.vn_kv.reindex(column).to_numpy(), dtype=float)

    def name_buses(self, column: pd.Series[Any]) -> NDArray[np.object_]:
        """Give the bus ids a column names, whatever number type it has."""
        names = np.array([str(index) for index in self.vn_kv.index], dtype=np.object_)
        return np.asarray(names[self.vn_kv.index.get_indexer(pd.Index(column))])

    def add(
        self, table: str, ids: Iterable[str], columns: Mapping[str, Any], source: pd.DataFrame | None = None
    ) -> None:
        """Add rows to a table.

        Parameters
        ----------
        table : str
            gridhub table.
        ids : iterable of str
        columns : mapping
            Column -> value or values.
        source : DataFrame, optional
            pandapower rows they come from, one each: gives ``source_row``, ``name``, and any further column
            that has the name of a column of our schema. Rows count from 1 in their table, branches over all
            tables in the order pandapower lists them, which is that of ``Network.branches()``.
        """
        frame = pd.DataFrame(dict(columns), index=pd.Index(list(ids), dtype=object, name="id"))
        if source is not None:
            known = read_schema()[table]
            if "source_row" in known and "source_row" not in frame:
                is_branch = table in BRANCH_TABLES
                count = len(source)
                frame["source_row"] = self.number_branches(count) if is_branch else np.arange(1.0, count + 1)
            for name in source.columns:
                # what names a row of a table that pandapower does not have would dangle
                if name in known and name not in frame and not known[name].reference:
                    frame[name] = (
                        get_texts(source, name) if known[name].kind == "string" else source[name].to_numpy()
                    )
        if len(frame):
            self.parts.setdefault(table, []).append(frame)

    def warn(
        self, code: str, table: str, ids: Iterable[object], column: str, message: str, value: str = ""
    ) -> None:
        """Add one warning for all rows of one kind, if there are any."""
        found = list(ids)
        if found:
            self.issues.append(warn(code, table, found, column, message, value))

    def refuse(self, code: str, table: str, ids: Iterable[object], column: str, message: str) -> None:
        """Add an error per row."""
        self.issues += [Issue("error", code, table, str(i), column, "", message) for i in ids]

    def build_tables(self) -> dict[str, pd.DataFrame]:
        """Join the rows of each table in the order they were added."""
        # completed one by one: a column only some parts have must be at its default in the others, not NaN
        return {
            name: pd.concat([complete_table(name, frame) for frame in frames])
            for name, frames in self.parts.items()
        }


def _find_bad_references(pp_net: Mapping[str, Any], buses: pd.Index) -> list[Issue]:
    issues = []
    for table, columns in BUS_COLUMNS.items():
        frame = get_table(pp_net, table)
        for column in columns if len(frame) else ():
            for index in frame.index[~frame[column].isin(buses)]:
                value = str(frame.at[index, column])
                issues.append(Issue("error", "E-REF", table, str(index), column, value, "no such bus"))
    switch = get_table(pp_net, "switch")
    for kind, table in SWITCHED_TABLES.items() if len(switch) else ():
        chosen = switch[switch["et"] == kind]
        for index in chosen.index[~chosen["element"].isin(get_table(pp_net, table).index)]:
            value = str(chosen.at[index, "element"])
            issues.append(Issue("error", "E-REF", "switch", str(index), "element", value, f"no such {table}"))
    if len(switch):
        for index in switch.index[~switch["et"].isin(SWITCHED_TABLES)]:
            value = str(switch.at[index, "et"])
            issues.append(
                Issue("error", "E-REF", "switch", str(index), "et", value, "no such kind of element")
            )
    return issues


def _find_duplicates(pp_net: Mapping[str, Any]) -> list[Issue]:
    issues = []
    for table in ("bus", *BUS_COLUMNS):
        index = get_table(pp_net, table).index
        for label in index[index.duplicated()].unique():
            rows = ", ".join(str(row + 1) for row in np.flatnonzero(index == label)[:5])
            message = f"the same index in rows {rows}"
            issues.append(Issue("error", "E-DUP", table, str(label), "index", "", message))
    return issues


def _find_bad_values(pp_net: Mapping[str, Any]) -> list[Issue]:
    issues = []
    for table, columns in REQUIRED_VALUES.items():
        frame = get_table(pp_net, table)
        on = get_bools(frame, "in_service", True)
        for column in columns if len(frame) else ():
            scaled = get_floats(frame, column) * (
                get_floats(frame, "scaling", 1.0) if column == "p_mw" else 1.0
            )
            for row in np.flatnonzero(on & ~np.isfinite(scaled)) if column in frame else ():
                code = "E-NAN" if np.isnan(scaled[row]) else "E-INF"
                value = str(frame[column].iloc[row])
                message = "a row in service needs a finite value"
                issues.append(
                    Issue("error", code, table, str(frame.index.tolist()[row]), column, value, message)
                )
    return issues


def check_structure(pp_net: Mapping[str, Any], source: str) -> None:
    """Check that every row has an index of its own, names buses that exist and has the numbers it needs.

    Raises
    ------
    FileFormatError
        E-EMPTY, E-DUP, E-REF, E-NAN, E-INF: all of them at once.
    """
    bus = get_table(pp_net, "bus")
    issues = _find_duplicates(pp_net) or _find_bad_references(pp_net, bus.index) + _find_bad_values(pp_net)
    if bus.empty:
        issues = [Issue("error", "E-EMPTY", "bus", "", "", "", "the network has no bus")]
    if issues:
        raise FileFormatError(issues, source)
