"""Compare the folder of a run with a stored one, table by table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from gridhub.errors import GridhubError
from gridhub.study.folder import RUN_FILE, read_run_file

TABLES = "tables"
RESULT = "result"
"""Table of ``run.toml`` that is compared too, under this name."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far numbers may be apart: |found - stored| <= atol + rtol |stored|.

    Attributes
    ----------
    rtol, atol : float
    by_column : mapping
        Relative tolerance of a column, named ``column`` or ``table.column``; the second counts first.
    """

    rtol: float = 1e-6
    atol: float = 1e-9
    by_column: Mapping[str, float] = field(default_factory=dict)

    def find(self, table: str, column: str) -> float:
        """Give the relative tolerance of a column."""
        return self.by_column.get(f"{table}.{column}", self.by_column.get(column, self.rtol))


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as stored.

    Attributes
    ----------
    table, row, column : str
        Where; row and column empty where a whole table or row differs.
    stored, found : str
    message : str
        What is different.
    """

    table: str
    row: str
    column: str
    stored: str
    found: str
    message: str


def compare_runs(
    stored: Path, found: Path, tolerances: Tolerances | None = None
) -> tuple[tuple[Difference, ...], int]:
    """Compare two run folders.

    Parameters
    ----------
    stored : Path
        The golden folder.
    found : Path
        The run to be judged.
    tolerances : Tolerances, optional

    Returns
    -------
    differences : tuple of Difference
        Tables that are in one folder only, columns and rows likewise, and cells apart by more than is
        allowed. Rows are matched by their first column where it names each row once in both tables, else by
        all cells that hold no fractions; their order does not count.
    compared : int
        Cells compared.

    Raises
    ------
    GridhubError
        If one of the folders holds no tables, or one that cannot be read.
    """
    allowed = tolerances or Tolerances()
    both = [_list_tables(folder) for folder in (stored, found)]
    differences: list[Difference] = []
    compared = 0
    for name in sorted({*both[0], *both[1]}):
        if name not in both[0] or name not in both[1]:
            where = "stored folder" if name in both[0] else "run"
            differences.append(Difference(name, "", "", "", "", f"only the {where} has this table"))
            continue
        frames = [_read(tables[name]) for tables in both]
        more, cells = compare_tables(name, frames[0], frames[1], allowed)
        differences += more
        compared += cells
    results = [_read_result(folder) for folder in (stored, found)]
    more, cells = compare_tables(RESULT, results[0], results[1], allowed)
    return (*differences, *more), compared + cells


def _list_tables(folder: Path) -> dict[str, Path]:
    paths = {path.stem: path for path in sorted((folder / TABLES).glob("*.parquet"))}
    if not paths:
        raise GridhubError(f"{folder} is no run folder: it has no {TABLES}/*.parquet")
    return paths


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise GridhubError(f"{path} cannot be read as Parquet: {error}") from error


def _read_result(folder: Path) -> pd.DataFrame:
    """Give the answer that ``run.toml`` holds as a table of one row per key."""
    content = (read_run_file(folder) or {}).get("result")
    rows = content if isinstance(content, dict) else {}
    flat: dict[str, object] = {}
    for key, value in rows.items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{key}.{part}" if part else key: item for part, item in inner}
    return pd.DataFrame({"key": list(flat), "value": pd.Series(list(flat.values()), dtype=object)})


def compare_tables(
    name: str, stored: pd.DataFrame, found: pd.DataFrame, tolerances: Tolerances
) -> tuple[list[Difference], int]:
    """Compare two tables; see `compare_runs`."""
    differences = []
    for column in dict.fromkeys([*stored.columns, *found.columns]):
        if column not in stored or column not in found:
            where = "stored table" if column in stored else "run"
            differences.append(Difference(name, "", str(column), "", "", f"only the {where} has this column"))
    columns = [column for column in stored.columns if column in found]
    keys = _find_keys(stored[columns], found[columns])
    rows = [_number_rows(frame, keys) for frame in (stored, found)]
    for key in [*rows[0], *(key for key in rows[1] if key not in rows[0])]:
        if key not in rows[0] or key not in rows[1]:
            where = "stored table" if key in rows[0] else "run"
            differences.append(Difference(name, _show_key(key), "", "", "", f"only the {where} has this row"))
    same = [key for key in rows[0] if key in rows[1]]
    for column in columns:
        before = stored[column].to_numpy(dtype=object)
        after = found[column].to_numpy(dtype=object)
        rtol = tolerances.find(name, str(column))
        for key in same:
            one, other = before[rows[0][key]], after[rows[1][key]]
            message = _compare(one, other, rtol, tolerances.atol)
            if message:
                differences.append(
                    Difference(name, _show_key(key), str(column), _show(one), _show(other), message)
                )
    return differences, len(same) * len(columns)


def _find_keys(stored: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """Columns that name a row."""
    if not len(stored.columns):
        return []
    first = stored.columns[0]
    if stored[first].is_unique and found[first].is_unique and not _is_fraction(stored[first]):
        return [first]
    return [column for column in stored.columns if not _is_fraction(stored[column])]


def _is_fraction(column: pd.Series) -> bool:
    return bool(pd.api.types.is_float_dtype(column))


def _number_rows(frame: pd.DataFrame, keys: list[str]) -> dict[tuple[str, ...], int]:
    """Position of each row by its key; rows of one key are counted."""
    seen: dict[tuple[str, ...], int] = {}
    rows: dict[tuple[str, ...], int] = {}
    cells = [frame[key].map(_show).tolist() for key in keys]
    for position in range(len(frame)):
        key = tuple(column[position] for column in cells)
        seen[key] = seen.get(key, 0) + 1
        rows[key if seen[key] == 1 else (*key, f"#{seen[key]}")] = position
    return rows


def _show_key(key: tuple[str, ...]) -> str:
    return " | ".join(part for part in key if part)


def _show(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.9g}" if isinstance(value, float | np.floating) else str(value)


def _compare(stored: object, found: object, rtol: float, atol: float) -> str:
    """Say how two cells differ; nothing if they are the same within tolerance."""
    if not (_is_number(stored) and _is_number(found)):
        return "" if _show(stored) == _show(found) else "is not the same"
    one, other = float(stored), float(found)  # type: ignore[arg-type]
    if one == other or (math.isnan(one) and math.isnan(other)):
        return ""
    apart = abs(other - one)
    if apart <= atol + rtol * abs(one):
        return ""
    share = f", {apart / abs(one):.3g} of it" if one and math.isfinite(apart) else ""
    return f"apart by {apart:.4g}{share} (allowed {rtol:g})"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_run(folder: Path) -> bool:
    """Say whether a folder was written by a run of gridhub, to be run again by its study."""
    return (folder / RUN_FILE).is_file() and read_run_file(folder) is not None
