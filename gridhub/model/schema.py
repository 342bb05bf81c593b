"""The schema of a network, read from ``schema.csv``: the one place that says what a column means.

Readers, validation and the documentation table are made from it.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.errors import Issue, SchemaError

SCHEMA_VERSION = 1

Kind = Literal["string", "float", "int", "bool"]

BRANCH_TABLES = ("line", "transformer", "series")
"""Tables whose rows are AC branches, in the order of ``Network.branches()``."""


BOOL_TEXTS = MappingProxyType(
    {"True": True, "true": True, "1": True, "False": False, "false": False, "0": False}
)
"""Texts that stand for a boolean; any other is an error, never a guess."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one table.

    Attributes
    ----------
    table, name : str
        Table and column.
    kind : {"string", "float", "int", "bool"}
        Type of the values. A float may be NaN (empty), a string may be empty, an int is stored as float
        and may be NaN.
    unit : str
        Physical unit, empty if there is none.
    required : bool
        Whether every row needs a value.
    default : object
        Value of an absent optional column: NaN, "" or what the schema says.
    minimum, maximum : float
        Allowed range, infinite where open.
    reference : str
        Table the value is an id of; ``"branch"`` means any branch or HVDC link; empty if none.
    meaning : str
        One line for the documentation.
    """

    table: str
    name: str
    kind: Kind
    unit: str
    required: bool
    default: object
    minimum: float
    maximum: float
    reference: str
    meaning: str

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Numpy type the column is stored in (int columns are float: they may be empty)."""
        return np.dtype({"string": object, "float": float, "int": float, "bool": bool}[self.kind])


def _parse_default(kind: Kind, text: str) -> object:
    if kind == "bool":
        return text == "True"
    if kind == "string":
        return text
    return float(text) if text else math.nan


@cache
def read_schema() -> Mapping[str, Mapping[str, Column]]:
    """Read the schema.

    Returns
    -------
    mapping
        Table name -> column name -> `Column`, both in the order of the file.

    Examples
    --------
    >>> read_schema()["line"]["rate_mva"].unit
    'MVA'
    """
    tables: dict[str, dict[str, Column]] = {}
    text = files("gridhub.model").joinpath("schema.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        kind = cast(Kind, row["dtype"])
        tables.setdefault(row["table"], {})[row["column"]] = Column(
            table=row["table"],
            name=row["column"],
            kind=kind,
            unit=row["unit"],
            required=row["required"] == "yes",
            default=_parse_default(kind, row["default"]),
            minimum=float(row["minimum"] or -math.inf),
            maximum=float(row["maximum"] or math.inf),
            reference=row["reference"],
            meaning=row["meaning"],
        )
    return MappingProxyType({name: MappingProxyType(columns) for name, columns in tables.items()})


def build_empty_table(table: str) -> pd.DataFrame:
    """Make a table with every column of the schema and no row."""
    columns = read_schema()[table]
    frame = pd.DataFrame({name: pd.Series(dtype=column.dtype) for name, column in columns.items()})
    frame.index = pd.Index([], dtype=object, name="id")
    return frame


def _list_bad_cells(column: Column, values: pd.Series, bad: NDArray[np.bool_]) -> list[Issue]:
    code, wanted = ("E-BOOL", "True or False") if column.kind == "bool" else ("E-NUMBER", "a number")
    return [
        Issue(
            "error",
            code,
            column.table,
            str(values.index[i]),
            column.name,
            str(values.iloc[i]),
            f"wants {wanted}",
        )
        for i in np.flatnonzero(bad).tolist()
    ]


def _convert_numbers(column: Column, values: pd.Series) -> tuple[NDArray[np.float64], list[Issue]]:
    """Bring a column to floats; text that is no number is an issue."""
    if values.dtype != object:
        return np.array(values.to_numpy(dtype=float, na_value=math.nan), copy=True), []
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    bad = np.isnan(numbers) & values.notna().to_numpy() & (values != "").to_numpy()
    return np.array(numbers, copy=True), _list_bad_cells(column, values, bad)


def _convert_bools(column: Column, values: pd.Series) -> tuple[NDArray[np.bool_], list[Issue]]:
    """Bring a column to booleans: ``bool("False")`` is True, so text goes by `BOOL_TEXTS` alone."""
    if values.dtype == bool:
        return values.to_numpy(dtype=bool), []
    known: dict[object, bool] = {"": bool(column.default), True: True, False: False}
    known.update((text, value) for text, value in BOOL_TEXTS.items())
    cells = [
        column.default if missing else value for value, missing in zip(values, values.isna(), strict=True)
    ]
    bad = np.array([cell not in known for cell in cells], dtype=bool)
    found = np.array([known.get(cell, False) for cell in cells], dtype=bool)
    return found, _list_bad_cells(column, values, bad)


def _convert_texts(values: pd.Series) -> NDArray[np.object_]:
    """Bring a column to texts; an empty cell is an empty text."""
    cells = values.to_numpy(dtype=object)
    if all(type(cell) is str for cell in cells):
        return cells.copy()
    return np.array(values.astype(object).where(values.notna(), "").map(str).to_numpy(dtype=object))


def complete_table(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the schema's columns a table lacks and bring the known ones to their type.

    Parameters
    ----------
    table : str
        Name of the table.
    frame : DataFrame
        Rows with string index; columns the schema does not know are kept, after the known ones.

    Returns
    -------
    DataFrame
        New table. Empty cells (NaN, None) of optional columns take the default of the schema.

    Raises
    ------
    SchemaError
        If values cannot be brought to their type; it lists all of them.
    """
    columns = read_schema()[table]
    length = len(frame)
    data: dict[str, object] = {}
    issues: list[Issue] = []
    for name, column in columns.items():
        found: list[Issue] = []
        if name not in frame:
            data[name] = np.full(length, column.default, dtype=column.dtype)
        elif column.kind == "string":
            data[name] = _convert_texts(frame[name])
        elif column.kind == "bool":
            data[name], found = _convert_bools(column, frame[name])
        else:
            numbers, found = _convert_numbers(column, frame[name])
            # an empty cell of an optional column is its default, as an absent column is
            empty = float("nan") if column.required else float(str(column.default))
            data[name] = np.where(np.isnan(numbers), empty, numbers)
        issues += found
    if issues:
        raise SchemaError(issues, f"table {table}")
    for name in frame.columns:
        if name not in columns:
            data[str(name)] = frame[name].to_numpy(copy=True)
    index = pd.Index([str(i) for i in frame.index], dtype=object, name="id")
    return pd.DataFrame(data, index=index)
