"""Profiles: what loads, units, storage and links do hour by hour, checked against their network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.case.case import Bools, Floats
from gridhub.errors import InputError, Issue, name_ids
from gridhub.model.network import Network

VARIABLE = MappingProxyType(
    {
        ("load", "p_mw"): "MW",
        ("load", "q_mvar"): "Mvar",
        ("generator", "p_mw"): "MW",
        ("storage", "p_mw"): "MW",
        ("storage", "q_mvar"): "Mvar",
        ("hvdc", "p_mw"): "MW",
    }
)
"""Columns a profile may set, with their units."""


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Hourly values of whole columns.

    Attributes
    ----------
    hours : Index
        Labels of the hours, in order.
    values : mapping
        (table, column) -> (n_hour, n_row) float in the table's unit and order; rows without a profile keep
        the value of the table.
    given : mapping
        (table, column) -> (n_row,) bool: rows that have a profile.
    """

    hours: pd.Index[Any]
    values: Mapping[tuple[str, str], Floats]
    given: Mapping[tuple[str, str], Bools]


def read_profiles(
    net: Network, profiles: Mapping[tuple[str, str], pd.DataFrame] | None, alone: str = "snapshot"
) -> Profiles:
    """Check hourly profiles against a network and complete them.

    Parameters
    ----------
    net : Network
        Its tables hold the values of rows without a profile (`gridhub.model.snapshot.apply_snapshot`).
    profiles : mapping or None
        (table, column) -> DataFrame hours x ids [MW, Mvar]; the columns of `VARIABLE`. None or empty: the
        tables alone, as one hour.
    alone : str
        Label of that hour.

    Returns
    -------
    Profiles

    Raises
    ------
    InputError
        If a table, column or id is unknown, a value is missing or no number, or the hours of two frames
        differ. All faults are listed.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "one",
    ...     bus=pd.DataFrame({"vn_kv": [345.0]}, index=["a"]),
    ...     load=pd.DataFrame({"bus": "a", "p_mw": [1.0, 2.0]}, index=["x", "y"]),
    ... )
    >>> day = pd.DataFrame({"y": [3.0, 4.0]}, index=["noon", "night"])
    >>> read_profiles(net, {("load", "p_mw"): day}).values["load", "p_mw"].tolist()
    [[1.0, 3.0], [1.0, 4.0]]
    """
    if not profiles:
        return Profiles(pd.Index([alone], name="hour"), MappingProxyType({}), MappingProxyType({}))
    issues: list[Issue] = []
    frames: dict[tuple[str, str], pd.DataFrame] = {}
    for key, frame in profiles.items():
        fault = _find_fault_of_key(key, frame)
        if fault is not None:
            issues.append(fault)
            continue
        frames[key] = frame
        issues += _list_faults_of_hours(key, frame, next(iter(frames.items())))
        issues += _list_faults_of_ids(key, frame, net.tables[key[0]].index)
        issues += _list_faults_of_values(key, frame)
    if issues:
        raise InputError(issues, "profiles")
    values: dict[tuple[str, str], Floats] = {}
    given: dict[tuple[str, str], Bools] = {}
    for key, frame in frames.items():
        values[key], given[key] = _complete(net.tables[key[0]], key[1], frame)
    hours = next(iter(frames.values())).index
    if hours.name is None:
        hours = hours.rename("hour")
    return Profiles(hours, MappingProxyType(values), MappingProxyType(given))


def _find_fault_of_key(key: object, frame: object) -> Issue | None:
    """Say what is wrong with a key or the type of its value."""
    columns = ", ".join(f"({table!r}, {column!r})" for table, column in VARIABLE)
    if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(part, str) for part in key)):
        return Issue(
            "error", "E-KEY", "profiles", "", "", repr(key), f"is no (table, column); give {columns}"
        )
    table, column = key
    tables = list(dict.fromkeys(name for name, _ in VARIABLE))
    if table not in tables:
        return Issue(
            "error", "E-TABLE", table, "", column, "", f"cannot vary by hour; tables: {', '.join(tables)}"
        )
    if (table, column) not in VARIABLE:
        return Issue("error", "E-COLUMN", table, "", column, "", f"cannot vary by hour; give {columns}")
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        return Issue("error", "E-TYPE", table, "", column, kind, "wants a DataFrame hours x ids")
    if frame.index.nlevels > 1 or frame.columns.nlevels > 1:
        text = "wants hours as plain rows and ids as plain columns"
        return Issue("error", "E-TYPE", table, "", column, "several levels", text)
    if frame.empty:
        shape = f"{len(frame)} hours x {frame.shape[1]} ids"
        return Issue("error", "E-EMPTY", table, "", column, shape, "has no value; leave the column out")
    return None


def _list_faults_of_hours(
    key: tuple[str, str], frame: pd.DataFrame, first: tuple[tuple[str, str], pd.DataFrame]
) -> Iterator[Issue]:
    """List hours that come twice, and hours that differ from those of the first frame."""
    twice = frame.index[frame.index.duplicated()].unique()
    if len(twice):
        yield Issue("error", "E-DUP", key[0], "", key[1], name_ids(twice), "hours come more than once")
    other, reference = frame.index, first[1].index
    if other.equals(reference):
        return
    name = f"{first[0][0]} {first[0][1]}"
    if len(other) != len(reference):
        text = f"differs from {name}, which has {len(reference):,} hours"
        yield Issue("error", "E-HOURS", key[0], "", key[1], f"{len(other):,} hours", text)
        return
    at = next((i for i, (a, b) in enumerate(zip(other, reference, strict=True)) if a != b), 0)
    text = f"hour number {at + 1} differs from {name}, where it is {reference[at]!s}"
    yield Issue("error", "E-HOURS", key[0], "", key[1], str(other[at]), text)


def _list_faults_of_ids(key: tuple[str, str], frame: pd.DataFrame, known: pd.Index) -> Iterator[Issue]:
    """List ids that come twice or are no rows of the table."""
    for name in frame.columns[frame.columns.duplicated()].unique():
        yield Issue("error", "E-DUP", key[0], str(name), key[1], "", "comes more than once")
    for name in frame.columns[~frame.columns.isin(known)].unique():
        text = f"no such row; {len(known):,} rows: {name_ids(known)}"
        yield Issue("error", "E-REF", key[0], str(name), key[1], "", text)


def _list_faults_of_values(key: tuple[str, str], frame: pd.DataFrame) -> Iterator[Issue]:
    """List the ids with a value that is missing, infinite or no number: the first hour, and how many more."""
    numbers = _make_numbers(frame)
    for i in np.flatnonzero(~np.isfinite(numbers).all(axis=0)).tolist():
        hours = np.flatnonzero(~np.isfinite(numbers[:, i]))
        column = frame.iloc[:, i]
        infinite, missing = np.isinf(numbers[hours[0], i]), column.isna().iloc[hours[0]]
        code = "E-INF" if infinite else ("E-NAN" if missing else "E-NUMBER")
        more = f" and {len(hours) - 1:,} more hours" if len(hours) > 1 else ""
        text = f"wants a number at hour {frame.index[hours[0]]!s}{more} [{VARIABLE[key]}]"
        yield Issue("error", code, key[0], str(frame.columns[i]), key[1], str(column.iloc[hours[0]]), text)


def _make_numbers(frame: pd.DataFrame) -> Floats:
    """Bring a frame to floats; what is no number becomes NaN."""
    if all(pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes):
        return np.asarray(frame.to_numpy(dtype=float, na_value=np.nan))
    numbers = frame.apply(pd.to_numeric, errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=float, na_value=np.nan))


def _complete(table: pd.DataFrame, column: str, frame: pd.DataFrame) -> tuple[Floats, Bools]:
    """Repeat the table's column for every hour and put the profile into its rows."""
    own = np.nan_to_num(table[column].to_numpy(dtype=float))
    values = np.repeat(own[None, :], len(frame), axis=0)
    rows = table.index.get_indexer(frame.columns)
    values[:, rows] = _make_numbers(frame)
    given = np.zeros(len(own), dtype=bool)
    given[rows] = True
    return values, given
