"""Where a command writes: tables for people, one JSON document for machines, progress on a terminal."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.report.names import Names
    from gridhub.study.run import Progress

WIDTH_OF_A_FILE = 200
"""Columns of a table that goes to a file or a pipe: wide enough that no id is cut."""


def build_console(stderr: bool = False) -> Console:
    """Make a console on the stream of this moment (tests and pipes replace it)."""
    stream = sys.stderr if stderr else sys.stdout
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        # A terminal that cannot show Hangul shows escapes: no name may end a command.
        reconfigure(errors="backslashreplace")
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(file=stream, markup=False, highlight=False, width=WIDTH_OF_A_FILE if wide else None)


def show_text(value: object) -> str:
    r"""Show any text literally: control characters, line ends and direction marks as escapes.

    Examples
    --------
    >>> print(show_text("a\x1b[31m\u202eb"))
    a\x1b[31m\u202eb
    """
    text = str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def format_number(value: float, digits: int = 1) -> str:
    """Show a number with thousands separators; a missing one as a dash, a zero never as minus zero.

    Examples
    --------
    >>> format_number(12345.67), format_number(float("nan")), format_number(-0.01)
    ('12,345.7', '–', '0.0')
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def _show_cell(value: object, digits: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return format_number(value, digits)
    return show_text(value)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    digits: int | Mapping[str, int] = 1,
    limit: int | None = None,
    stderr: bool = False,
) -> None:
    """Print rows as a table.

    Parameters
    ----------
    title : str
        Line above the table.
    columns : sequence of str
        Headings, with the unit.
    rows : iterable of sequences
        Cells; numbers are set flush right, text is shown literally.
    digits : int or mapping
        Decimals of floats, for all columns or by heading.
    limit : int, optional
        Rows to show; the count of the rest is said, never dropped in silence.
    stderr : bool
        Whether it goes to standard error, as what explains a failure does.
    """
    rows = list(rows)
    table = Table(header_style="bold")
    for number, name in enumerate(columns):
        numeric = any(isinstance(row[number], int | float) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    places = [digits if isinstance(digits, int) else digits.get(name, 1) for name in columns]
    for row in rows[:limit]:
        table.add_row(*(Text(_show_cell(cell, place)) for cell, place in zip(row, places, strict=True)))
    console = build_console(stderr)
    console.print(Text(show_text(title), style="bold"), soft_wrap=True)
    console.print(table)
    if limit is not None and len(rows) > limit:
        console.print(f"… and {len(rows) - limit:,} more rows (--top shows more, --json all)")


def print_line(text: str = "") -> None:
    """Print one line on standard output, literally."""
    build_console().print(Text(show_text(text)), soft_wrap=True)


def print_note(text: str) -> None:
    """Print one line on standard error, literally."""
    build_console(stderr=True).print(Text(show_text(text)), soft_wrap=True)


def find_name(names: Names, key: object, table: str = "") -> str:
    """Give the name people know an id by; empty where it has none."""
    name = names.find(key, table)
    return "" if name == str(key) else name


def make_plain(value: Any) -> Any:
    """Turn a result into what JSON can hold: tables into rows, NaN and infinity into null.

    Examples
    --------
    >>> make_plain({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): make_plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool | int):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:
        return make_plain(value.item())
    if isinstance(value, Iterable):
        return [make_plain(item) for item in value]
    return str(value)


def list_records(frame: pd.DataFrame, index: str = "id") -> list[dict[str, Any]]:
    """List the rows of a table as mappings, the index under the name `index`."""
    names = [str(name) for name in frame.columns]
    columns = [frame[name].tolist() for name in frame.columns]
    rows = zip(frame.index.tolist(), *columns, strict=True)
    return [make_plain(dict(zip([index, *names], row, strict=True))) for row in rows]


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on standard output."""
    build_console()
    sys.stdout.write(json.dumps(make_plain(document), ensure_ascii=False, allow_nan=False, indent=2) + "\n")


@contextmanager
def show_progress(quiet: bool = False) -> Iterator[Progress | None]:
    """Show a progress bar on standard error while the block runs; none where that is not a terminal.

    Yields
    ------
    callable or None
        ``report(step, done)`` with the name of the step and the fraction done; None where nothing is shown.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=build_console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def report(step: str, done: float) -> None:
            bar.update(task, description=show_text(step), completed=done)

        yield report
