"""Contingencies from a table, a CSV file, a MATPOWER change table or a PSS/E ``.con`` file."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from gridhub.errors import FileFormatError, InputError, Issue
from gridhub.interop.input_files import fail
from gridhub.interop.matpower_contab import read_contab
from gridhub.interop.psse_contingencies import ContingencyReader
from gridhub.interop.psse_lines import Line, split_lines
from gridhub.interop.psse_monitored import Monitored, read_monitored_lines
from gridhub.interop.psse_subsystems import Buses, BusFinder, read_subsystems
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES

SUFFIXES = (".csv", ".m", ".con")
"""Files that `read_contingencies` reads."""

ELEMENT_SEPARATOR = ";"
"""Between the elements of one cell."""

_KIND_OF_TABLE = {"hvdc": "hvdc_pole"}
_TABLES = (*BRANCH_TABLES, "generator", "hvdc", "shunt", "load", "storage")


def read_contingencies(
    net: Network, source: pd.DataFrame | Path | str, subsystems: Path | str | None = None
) -> tuple[pd.DataFrame, tuple[Issue, ...]]:
    """Read contingencies.

    Parameters
    ----------
    net : Network
        Network they are of.
    source : DataFrame or path-like
        A table with columns contingency (or that index) and element or elements, optionally kind: one row per
        element, or several elements in a cell, separated by ``;``. A ``.csv`` file of the same. A MATPOWER
        change table (``.m``) that sets the status of branches and generators to 0. A PSS/E ``.con`` file.
    subsystems : path-like, optional
        PSS/E ``.sub`` file with the subsystems that a ``.con`` file names.

    Returns
    -------
    contingencies : DataFrame
        Index contingency; columns kind, elements, as `gridhub.list_contingencies` gives them; of a change
        table also probability.
    issues : tuple of Issue
        Warnings: every line that was not read, with its number and why, and every line read by assumption. A
        contingency of which a part was not read is left out.

    Raises
    ------
    FileFormatError
        If the file cannot be read, or is none of these.
    InputError
        E-COLUMN, E-REF, E-EMPTY: a table lacks a column, names unknown elements, or is empty; all at once.

    Notes
    -----
    Of PSS/E's language are followed: ``CONTINGENCY … END`` with ``OPEN|DISCONNECT|TRIP BRANCH|LINE FROM BUS i
    TO BUS j CKT c``, ``REMOVE|TRIP MACHINE|UNIT|LOAD|SHUNT id FROM BUS n``, ``DISCONNECT BUS n``;
    ``SINGLE|DOUBLE BRANCH|LINE|TIE|UNIT|MACHINE IN|FROM SUBSYSTEM|AREA|ZONE|KVRANGE …``. A network read from
    a case file holds no circuit or machine ids: where several circuits run between two buses the number
    counts them in the order of the file, and a warning says so.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": [345.0, 345.0]}, index=["a", "b"])
    >>> line = pd.DataFrame({"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 9.0}, index=["l1", "l2"])
    >>> net = build_network("two", bus=bus, line=line)
    >>> table = pd.DataFrame({"contingency": ["both", "both"], "element": ["l1", "l2"]})
    >>> read_contingencies(net, table)[0].loc["both", "elements"]
    ('l1', 'l2')
    """
    if isinstance(source, pd.DataFrame):
        return _read_table(net, source, "contingencies"), ()
    path = Path(source)
    if path.suffix.lower() not in SUFFIXES:
        raise fail("E-FORMAT", path.name, f"contingencies are read from {', '.join(SUFFIXES)}", path.suffix)
    if path.suffix.lower() == ".csv":
        return _read_csv(net, path), ()
    text = _read_text(path)
    if path.suffix.lower() == ".m":
        found, probability, issues = read_contab(text, path.name, net)
        table = _build_table(net, found).assign(probability=[probability[name] for name in found])
        return table, tuple(issues)
    finder = BusFinder(net)
    groups, issues = _read_groups(subsystems, finder)
    reader = ContingencyReader(net, finder, groups)
    reader.read(split_lines(text, path.name))
    return _build_table(net, reader.found), (*issues, *reader.issues)


def read_monitored(
    net: Network, path: Path | str, subsystems: Path | str | None = None
) -> tuple[Monitored, tuple[Issue, ...]]:
    """Read which branches and voltages a PSS/E ``.mon`` file looks at.

    Parameters
    ----------
    net : Network
    path : path-like
        ``.mon`` file. Followed: ``MONITOR BRANCHES|LINES IN SUBSYSTEM x``, ``MONITOR TIES FROM SUBSYSTEM x``,
        ``MONITOR VOLTAGE RANGE SUBSYSTEM x low high``, ``MONITOR BRANCHES`` with a list of ``i j [ckt]``.
    subsystems : path-like, optional
        ``.sub`` file.

    Returns
    -------
    monitored : Monitored
    issues : tuple of Issue
        Every line that was not read.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    """
    finder = BusFinder(net)
    groups, issues = _read_groups(subsystems, finder)
    lines = split_lines(_read_text(Path(path)), Path(path).name)
    monitored, more = read_monitored_lines(lines, net, finder, groups)
    return monitored, (*issues, *more)


def _read_groups(path: Path | str | None, finder: BusFinder) -> tuple[Mapping[str, Buses], list[Issue]]:
    lines: list[Line] = [] if path is None else split_lines(_read_text(Path(path)), Path(path).name)
    return read_subsystems(lines, finder)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise fail("E-FILE", path.name, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise fail("E-ENC", path.name, "is not UTF-8; save it as UTF-8", f"byte {error.start}") from error


def _read_csv(net: Network, path: Path) -> pd.DataFrame:
    _read_text(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise fail("E-FORMAT", path.name, f"is not a CSV table: {error}") from error
    return _read_table(net, table, path.name)


def _read_table(net: Network, table: pd.DataFrame, what: str) -> pd.DataFrame:
    if "contingency" not in table and table.index.name == "contingency":
        table = table.reset_index()
    column = "elements" if "elements" in table else "element"
    missing = [name for name in ("contingency", column) if name not in table]
    if missing:
        text = "is missing; wants contingency and element (or elements, separated by ;)"
        raise FileFormatError(
            [Issue("error", "E-COLUMN", what, "", name, "", text) for name in missing], what
        )
    if not len(table):
        raise FileFormatError([Issue("error", "E-EMPTY", what, "", "", "", "holds no contingency")], what)
    parts: dict[str, list[str]] = {}
    for name, cell in zip(table["contingency"], table[column], strict=True):
        parts.setdefault(str(name).strip(), []).extend(_split_cell(cell))
    kinds = table.assign(contingency=table["contingency"].astype(str).str.strip())
    given = kinds.groupby("contingency", sort=False)["kind"].first().to_dict() if "kind" in table else {}
    found = {
        name: (str(given.get(name, "")), tuple(dict.fromkeys(elements))) for name, elements in parts.items()
    }
    known = set().union(*(net.tables[name].index for name in _TABLES))
    issues = [
        Issue("error", "E-EMPTY", what, f"row {row}", "contingency", "", "names no contingency")
        for row, name in enumerate(table["contingency"].astype(str).str.strip(), start=1)
        if not name
    ]
    issues += [
        Issue("error", "E-REF", what, name, column, element, _say_unknown(element, known))
        for name, (_, elements) in found.items()
        for element in elements
        if element not in known
    ]
    issues += [
        Issue("error", "E-EMPTY", what, name, column, "", "no element")
        for name, (_, elements) in found.items()
        if not elements
    ]
    if issues:
        raise InputError(issues, what)
    return _build_table(net, found)


def _say_unknown(element: str, known: set[str]) -> str:
    near = get_close_matches(element, known, n=2, cutoff=0.8)
    return "no such element in any table" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _split_cell(cell: object) -> list[str]:
    texts = cell.split(ELEMENT_SEPARATOR) if isinstance(cell, str) else cell
    return [str(text).strip() for text in texts if str(text).strip()]  # type: ignore[attr-defined]


def _build_table(net: Network, found: Mapping[str, tuple[str, tuple[str, ...]]]) -> pd.DataFrame:
    """Put contingencies into a table; without a kind that of the single element is taken, else ``given``."""
    table_of = {str(key): name for name in reversed(_TABLES) for key in net.tables[name].index}

    def name_kind(kind: str, elements: tuple[str, ...]) -> str:
        if kind:
            return kind
        own = table_of[elements[0]]
        return _KIND_OF_TABLE.get(own, own) if len(elements) == 1 else "given"

    return pd.DataFrame(
        {
            "kind": [name_kind(*row) for row in found.values()],
            "elements": [elements for _, elements in found.values()],
        },
        index=pd.Index(list(found), name="contingency", dtype=object),
        dtype=object,
    )
