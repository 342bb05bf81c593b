"""Where a conversion collects what it makes: rows by table, warnings, notes, and what it added on purpose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gridhub.errors import Issue
from gridhub.interop.conversion_report import warn
from gridhub.model.schema import read_schema


@dataclass
class Bridge:
    """Rows collected table by table, with the issues found on the way.

    Attributes
    ----------
    base_mva : float
        Power base [MVA].
    rows : mapping
        Table -> id -> column -> value.
    issues : list of Issue
    notes : list of str
    added : mapping
        Rows and totals that the conversion added on purpose, by name.
    """

    base_mva: float
    rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    issues: list[Issue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    added: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    vn_kv: dict[str, float] = field(default_factory=dict)
    kind: dict[str, str] = field(default_factory=dict)

    def add(self, table: str, id_: str, **values: Any) -> None:
        """Add one row; an id that is taken gets ``:2``, ``:3``, …."""
        unique, count = id_, 1
        while unique in self.rows[table]:
            count += 1
            unique = f"{id_}:{count}"
        self.rows[table][unique] = values

    def warn(self, code: str, table: str, ids: Iterable[object], column: str, message: str) -> None:
        """Add a warning unless there is no row it is about."""
        listed = list(ids)
        if listed:
            self.issues.append(warn(code, table, listed, column, message))

    def build_tables(self) -> dict[str, pd.DataFrame]:
        """Make the tables."""
        tables = {}
        for table, rows in self.rows.items():
            if rows:
                names = dict.fromkeys(name for row in rows.values() for name in row)
                schema = read_schema()[table]
                defaults = {name: schema[name].default if name in schema else None for name in names}
                data = {name: [row.get(name, defaults[name]) for row in rows.values()] for name in names}
                tables[table] = pd.DataFrame(data, index=pd.Index(list(rows), name="id"))
        return tables
