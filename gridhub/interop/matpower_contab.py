"""Contingencies of a MATPOWER change table (``contab``): rows that take elements out of service."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gridhub.errors import Issue
from gridhub.interop.matpower_lexer import split_statements
from gridhub.interop.psse_lines import UNREAD
from gridhub.model.network import Network

NAMES = {
    "CT_TGEN": 2, "CT_TBRCH": 3, "CT_REP": 1, "GEN_STATUS": 8, "BR_STATUS": 11,
}  # fmt: skip
"""Names a table may use, with their columns in MATPOWER's ``idx_ct``, ``idx_gen`` and ``idx_brch``."""

_TABLES = {2: ("generator", 8), 3: ("branch", 11)}
"""Table number -> our table, and the column that holds the status."""

_REPLACE = 1


def read_contab(
    text: str, file: str, net: Network
) -> tuple[dict[str, tuple[str, tuple[str, ...]]], dict[str, float], list[Issue]]:
    """Read the outages of a change table.

    Parameters
    ----------
    text : str
        A function file whose matrix has rows ``label prob table row col chgtype newval``.
    file : str
    net : Network
        Rows are matched with ``source_row`` of branches and generators.

    Returns
    -------
    found : dict
        Label -> kind (""), elements.
    probability : dict
        Label -> probability.
    issues : list of Issue
        Rows not read. A label with such a row is left out: half a contingency is another contingency.
    """
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    probability: dict[str, float] = {}
    issues: list[Issue] = []
    spoiled: set[str] = set()
    places = _number_rows(net)
    for line, cells in _list_rows(text):
        shown = " ".join(cells)
        label, reason, element = cells[0], "", ""
        try:
            label = f"{_read(cells[0]):g}"
            element = _find_element([_read(cell) for cell in cells], places)
        except ValueError as error:
            reason = str(error)
        if reason:
            spoiled.add(label)
            message = f"{reason}: contingency {label} is left out"
            issues.append(Issue("warning", UNREAD, file, f"line {line}", "", shown, message))
            continue
        _, before = found.get(label, ("", ()))
        found[label] = "", tuple(dict.fromkeys((*before, element)))
        probability[label] = _read(cells[1])
    for label in spoiled:
        found.pop(label, None)
        probability.pop(label, None)
    return found, probability, issues


def _list_rows(text: str) -> list[tuple[int, list[str]]]:
    """Rows of every matrix of the file, with their lines."""
    rows = []
    for statement in split_statements(text)[0]:
        if "[" not in statement.text or statement.text.startswith("function"):
            continue
        for number, piece in statement.pieces:
            for row in re.sub(r"^[^\[\]=]*=|[\[\]]", " ", piece).split(";"):
                cells = row.replace(",", " ").split()
                if cells:
                    rows.append((number, cells))
    return rows


def _read(cell: str) -> float:
    if cell in NAMES:
        return float(NAMES[cell])
    try:
        return float(cell)
    except ValueError:
        raise ValueError(f"{cell!r} is neither a number nor a known name") from None


def _number_rows(net: Network) -> dict[tuple[str, int], str]:
    tables = {"branch": net.branches(), "generator": net.tables["generator"]}
    return {
        (name, int(row)): str(key)
        for name, frame in tables.items()
        for key, row in frame["source_row"].dropna().items()
    }


def _find_element(row: Sequence[float], places: dict[tuple[str, int], str]) -> str:
    if len(row) != 7:
        raise ValueError(f"{len(row)} numbers where a row has 7")
    _, _, table, number, column, change, value = row
    if table not in _TABLES or column != _TABLES[int(table)][1]:
        raise ValueError("changes something else than the status of a branch or generator")
    if change != _REPLACE or value != 0:
        raise ValueError("is not an outage: status replaced by 0")
    name = _TABLES[int(table)][0]
    if (name, int(number)) not in places:
        raise ValueError(f"the network has no {name} of row {number:g}")
    return places[name, int(number)]
