"""One table as CSV text and back, without losing a bit: every fault is found and named by file and line.

Missing values are empty cells. Numbers are written with the fewest digits that give the same number back.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridhub.errors import Issue
from gridhub.model.schema import BOOL_TEXTS, Column, Kind, read_schema

_NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII
)
_NEEDS_QUOTES = re.compile(r'[,"\r\n]')


@dataclass
class Reading:
    """What was read of one file, and what was wrong with it.

    Attributes
    ----------
    frame : DataFrame
        The rows that could be read; cells that could not are NaN or the default.
    lines : dict
        Row id -> line of the file.
    issues : list of Issue
        Every fault.
    complete : bool
        False if rows could not be read at all.
    """

    frame: pd.DataFrame
    lines: dict[str, int] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    complete: bool = True


def decode_text(data: bytes) -> str:
    """Decode a text file: UTF-8 with or without byte order mark, or CP949 if what comes out is Hangul.

    Parameters
    ----------
    data : bytes
        Content of the file.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is neither; the message says from which byte on.

    Examples
    --------
    >>> decode_text("나주".encode("cp949"))
    '나주'
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        try:
            text = data.decode("cp949")
        except UnicodeDecodeError:
            text = "\ufffd"
        # any bytes make some text in CP949: only Hangul syllables and common signs are believed
        if any(not (c.isascii() or "가" <= c <= "힣" or c in "·℃㎞㎸㎿Ω±~") for c in text):
            raise ValueError(f"is not UTF-8 text (byte {error.start + 1}); save it as UTF-8") from None
    if "\0" in text:
        raise ValueError(f"holds a NUL character (character {text.index(chr(0)) + 1}); save it as UTF-8 text")
    return text


def _split_rows(text: str) -> tuple[list[tuple[int, list[str]]], str]:
    """Split CSV text into rows with the line each starts on, up to the first fault of quoting."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for cells in reader:
            if cells:
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        return rows, f"line {line}: {error}"
    return rows, ""


class _Reader:
    """Collects the faults of one file while its rows are read."""

    def __init__(self, table: str, file: str) -> None:
        self.table = table
        self.file = file
        self.issues: list[Issue] = []

    def add(self, code: str, line: int, row: str, column: str, value: str, message: str) -> None:
        place = f"{self.file} line {line}" if line else self.file
        self.issues.append(Issue("error", code, self.table, row, column, value, f"{place}: {message}"))

    def check_header(self, header: Sequence[str], key: str) -> None:
        if header[0] != key:
            self.add("E-HEADER", 1, "", key, header[0], f"the first column must be {key}")
        for name in dict.fromkeys(header):
            if header.count(name) > 1 or name == "":
                self.add("E-HEADER", 1, "", name, name, "every column needs a name of its own")

    def check_width(self, rows: list[tuple[int, list[str]]], width: int) -> list[tuple[int, list[str]]]:
        kept = []
        for line, cells in rows:
            if len(cells) == width:
                kept.append((line, cells))
                continue
            counts = f"{len(cells)} cells, and the header has {width}"
            if len(cells) < width:
                self.add("E-TRUNC", line, cells[0], "", counts, "the row is cut off")
            else:
                hint = "a comma inside a cell needs quotes; decimals take a point, thousands no separator"
                self.add("E-NUMBER", line, cells[0], "", counts, hint)
        return kept

    def read_numbers(self, column: str, default: float, rows: list[tuple[int, list[str]]], at: int) -> Any:
        values = np.full(len(rows), default)
        for i, (line, cells) in enumerate(rows):
            text = cells[at].strip()
            if _NUMBER.fullmatch(text):
                values[i] = float(text)
            elif text:
                values[i] = math.nan
                hint = "is not a number; decimals take a point, thousands no separator"
                self.add("E-NUMBER", line, cells[0], column, cells[at], hint)
        return values

    def read_bools(self, column: str, default: bool, rows: list[tuple[int, list[str]]], at: int) -> Any:
        values = np.full(len(rows), default)
        for i, (line, cells) in enumerate(rows):
            text = cells[at].strip()
            if text in BOOL_TEXTS:
                values[i] = BOOL_TEXTS[text]
            elif text:
                self.add("E-BOOL", line, cells[0], column, cells[at], "is neither True nor False")
        return values


def _is_exact(number: str) -> bool:
    """Whether a float holds the number without changing it: a long serial number is text."""
    digits = number.lstrip("+-")
    return not digits.isdigit() or int(float(digits)) == int(digits)


def _guess_kind(cells: Sequence[str]) -> Kind:
    """Kind of a column the schema does not know: numbers or booleans if all are, else text."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if filled and all(_NUMBER.fullmatch(cell) and _is_exact(cell) for cell in filled):
        return "float"
    # the text "false" would count as true wherever it is tested
    return (
        "bool"
        if cells and all(cell.strip() in ("True", "true", "False", "false") for cell in cells)
        else "string"
    )


def parse_table(
    data: bytes, table: str, file: str, kinds: Mapping[str, Kind] | None = None, schema: str | None = None
) -> Reading:
    """Read one table from CSV.

    Parameters
    ----------
    data : bytes
        Content of the file.
    table : str
        Name of the table, for the issues.
    file : str
        Name of the file, for the issues.
    kinds : mapping, optional
        Kind of the columns the schema does not know; one that is not named is ``float`` if every cell that
        is not empty is a number, ``bool`` if every cell says true or false, else ``string``.
    schema : str, optional
        Table of the schema; by default `table`. Empty: none.

    Returns
    -------
    Reading
        Nothing is raised: see its issues.
    """
    reader = _Reader(table, file)
    known: Mapping[str, Column] = read_schema().get(table if schema is None else schema, {})
    empty = pd.DataFrame(index=pd.Index([], dtype=object, name="id"))
    try:
        text = decode_text(data)
    except ValueError as error:
        reader.add("E-ENC", 0, "", "", "", str(error))
        return Reading(empty, issues=reader.issues, complete=False)
    rows, fault = _split_rows(text)
    if fault:
        cut = "unexpected end of data" in fault
        reader.add("E-TRUNC" if cut else "E-CSV", 0, "", "", "", fault)
    elif not text.endswith(("\n", "\r")):
        lines = text.count("\n") + 1
        hint = "the file does not end with a line break: it may be cut off; add one if it is whole"
        reader.add("E-TRUNC", lines, "", "", text[-20:], hint)
    if not rows:
        return Reading(empty, issues=reader.issues, complete=not reader.issues)
    key = get_key(known)
    header = [name.strip() if name.strip() in (key, *known) else name for name in rows[0][1]]
    if key != "id" and key not in header:
        header = [key, *header]
        rows = [(line, [str(i), *cells]) for i, (line, cells) in enumerate(rows)]
    reader.check_header(header, key)
    body = reader.check_width(rows[1:], len(header))
    for name, column in known.items():
        if column.required and name not in header and body:
            reader.add("E-COLUMN", 1, "", name, "", "the required column is missing")
    columns: dict[str, object] = {}
    for at, name in enumerate(header[1:], start=1):
        cells = [row[at] for _, row in body]
        kind = known[name].kind if name in known else (kinds or {}).get(name) or _guess_kind(cells)
        default = known[name].default if name in known else {"bool": False, "string": ""}.get(kind, math.nan)
        if kind == "string":
            columns[name] = np.array([cell or default for cell in cells], dtype=object)
        elif kind == "bool":
            columns[name] = reader.read_bools(name, bool(default), body, at)
        else:
            numbers = reader.read_numbers(name, float(default), body, at)  # type: ignore[arg-type]
            whole = kind == "int" and name not in known and all(c.lstrip("+-").isdigit() for c in cells)
            # not by way of a float, which changes a serial number of more than 15 digits
            columns[name] = np.array([int(cell) for cell in cells], dtype=np.int64) if whole else numbers
    index = pd.Index([cells[0] for _, cells in body], dtype=object, name="id")
    lines_of = {cells[0]: line for line, cells in reversed(body)}
    complete = not fault and len(body) == len(rows) - 1
    return Reading(pd.DataFrame(columns, index=index), lines_of, reader.issues, complete)


def get_key(columns: Mapping[str, Column]) -> str:
    """Name the column of a file that holds the ids of its rows.

    Parameters
    ----------
    columns : mapping
        Columns of the schema.

    Returns
    -------
    str
        ``id``, except where the table has a column of that name: there it is ``row``, and a file without it
        has its rows numbered from 1.

    Examples
    --------
    >>> get_key(read_schema()["load"]), get_key(read_schema()["snapshot_value"])
    ('id', 'row')
    """
    return "row" if "id" in columns else "id"


def find_kind(values: pd.Series) -> Kind:
    """Kind a column the schema does not know is written as.

    Parameters
    ----------
    values : Series
        The column.

    Returns
    -------
    {"string", "float", "int", "bool"}
    """
    if values.dtype == bool:
        return "bool"
    if np.issubdtype(values.to_numpy().dtype, np.integer):
        return "int"
    return "float" if np.issubdtype(values.to_numpy().dtype, np.floating) else "string"


def format_number(value: float) -> str:
    """Write a number with the fewest digits that read back as the same number; NaN is empty.

    Examples
    --------
    >>> format_number(345.0), format_number(0.1), format_number(float("nan"))
    ('345', '0.1', '')
    """
    if math.isnan(value):
        return ""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def _format_cells(values: pd.Series, column: Column | None) -> list[str]:
    kind = column.kind if column is not None else find_kind(values)
    if kind == "string":
        missing = values.isna().tolist()
        return ["" if gone else str(value) for value, gone in zip(values.tolist(), missing, strict=True)]
    if kind == "bool":
        return ["True" if value else "False" for value in values.tolist()]
    if values.dtype.kind in "iu":
        return [str(value) for value in values.tolist()]
    # an empty cell would come back as the default: NaN in place of a default has to be spelled
    spelled = column is not None and not math.isnan(column.default)  # type: ignore[arg-type]
    return [format_number(value) or ("nan" if spelled else "") for value in values.tolist()]


def _quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _NEEDS_QUOTES.search(cell) else cell


def _is_default(values: pd.Series, column: Column) -> bool:
    """Whether a column says no more than its absence would."""
    if column.required:
        return False
    if column.kind in ("float", "int"):
        numbers = values.to_numpy(dtype=float)
        default = float(column.default)  # type: ignore[arg-type]
        same = np.isnan(numbers) if math.isnan(default) else (numbers == default) & ~np.signbit(numbers)
        return bool(same.all())
    return bool((values == column.default).all())


def format_table(frame: pd.DataFrame, columns: Mapping[str, Column]) -> str:
    """Write one table as CSV: the same frame gives the same text.

    Parameters
    ----------
    frame : DataFrame
        The table; its index becomes the first column (see `get_key`).
    columns : mapping
        Columns of the schema. One that holds nothing but its default is left out unless it is required.

    Returns
    -------
    str
        Lines end with a line feed.
    """
    names = [
        str(name)
        for name in frame.columns
        if name not in columns or not _is_default(frame[name], columns[name])
    ]
    cells = [[str(i) for i in frame.index]] + [
        _format_cells(frame[name], columns.get(name)) for name in names
    ]
    key = get_key(columns)
    if key != "id" and cells[0] == [str(i) for i in range(1, len(frame) + 1)]:
        del cells[0]
    else:
        names = [key, *names]
    lines = [",".join(map(_quote, names))]
    lines += [",".join(map(_quote, row)) for row in zip(*cells, strict=True)]
    return "\n".join(lines) + "\n"
