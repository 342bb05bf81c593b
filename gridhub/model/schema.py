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

SCHEMA_VERSION = 1

Kind = Literal["string", "float", "int", "bool"]

BRANCH_TABLES = ("line", "transformer", "series")
"""Tables whose rows are AC branches, in the order of ``Network.branches()``."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one table.

    Attributes
    ----------
    table, name : str
        Table and column.
    kind : {"string", "float", "int", "bool"}
        Type of the values. A float may be NaN (empty), a string may be empty, an int is stored as float and may be NaN.
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
        New table. Values that cannot be brought to their type raise ``ValueError`` or ``TypeError``:
        readers check first (see `gridhub.model.files`).
    """
    columns = read_schema()[table]
    length = len(frame)
    data: dict[str, object] = {}
    for name, column in columns.items():
        if name not in frame:
            data[name] = np.full(length, column.default, dtype=column.dtype)
        elif column.kind == "string":
            values = frame[name].astype(object)
            data[name] = values.where(values.notna(), "").map(str).to_numpy(dtype=object)
        elif column.kind == "bool":
            values = frame[name]
            filled = values.where(values.notna(), column.default) if values.dtype == object else values
            data[name] = filled.to_numpy(dtype=bool)
        else:
            values = frame[name].to_numpy(dtype=float)
            data[name] = np.array(values, copy=True)
    for name in frame.columns:
        if name not in columns:
            data[str(name)] = frame[name].to_numpy(copy=True)
    index = pd.Index([str(i) for i in frame.index], dtype=object, name="id")
    return pd.DataFrame(data, index=index)
