"""What happened to the data on the way through a file: the report that every reading and writing returns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from gridhub.errors import FileFormatError, Issue, name_ids
from gridhub.model.network import Network

TOTALS = (
    "load_mw",
    "load_mvar",
    "generation_mw",
    "generation_mvar",
    "shunt_mw",
    "shunt_mvar",
    "storage_mw",
    "hvdc_mw",
)
"""Sums over every row, also those out of service, that must be the same before and after."""


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion kept, changed, assumed and dropped. Frozen.

    Attributes
    ----------
    source : str
        File that was read or written.
    format : str
        Format of that file, ``"matpower"``, ``"psse35"``, ….
    direction : {"read", "write"}
        Whether the file was the input or the output.
    counts_before, counts : mapping
        Rows per kind of component in the input and in the output. Where they differ, an issue says why.
    totals_before, totals : mapping
        Sums over all rows, also those out of service: ``load_mw``, ``load_mvar``, ``generation_mw``,
        ``generation_mvar``, ``shunt_mw``, ``shunt_mvar`` (at 1 p.u.), ``storage_mw``,
        ``hvdc_mw`` (of set-points, whatever
        their direction).
    issues : tuple of Issue
        What was dropped, assumed or converted, with MW where power is concerned.
    notes : tuple of str
        How the file was understood; nothing is lost by these.
    statements : tuple of str
        Statements of a program-like file that were not executed because they do not touch the data.

    Examples
    --------
    >>> report = ConversionReport("case.m", "matpower", counts={"bus": 3}, totals={"load_mw": 90.0})
    >>> print(report)
    read case.m (matpower): 3 bus; load_mw 90
    """

    source: str
    format: str
    direction: Literal["read", "write"] = "read"
    counts_before: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    totals_before: Mapping[str, float] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    notes: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Freeze the mappings."""
        for name in ("counts_before", "counts", "totals_before", "totals"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __str__(self) -> str:
        """Show sizes and totals on the first line, then everything that was not carried one to one."""
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        totals = ", ".join(f"{name} {value:.6g}" for name, value in self.totals.items() if value)
        lines = [
            f"{self.direction} {self.source} ({self.format}): {counts or 'nothing'}; {totals or 'no power'}"
        ]
        lines += [f"  {issue}" for issue in self.issues]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  not executed: {statement}" for statement in self.statements]
        return "\n".join(lines)


def warn(code: str, table: str, ids: Sequence[object], column: str, message: str, value: str = "") -> Issue:
    """Make one warning for one or many rows: at most five ids, then a count."""
    return Issue("warning", code, table, name_ids(ids), column, value, message)


def count_rows(net: Network) -> dict[str, int]:
    """Count the rows of every table of a network that has any."""
    return {name: len(table) for name, table in net.tables.items() if len(table)}


def sum_totals(net: Network) -> dict[str, float]:
    """Sum the powers of a network over every row, also those out of service.

    Parameters
    ----------
    net : Network

    Returns
    -------
    dict
        The keys of `TOTALS` [MW, Mvar].
    """
    pairs = {
        "load_mw": ("load", "p_mw"),
        "load_mvar": ("load", "q_mvar"),
        "generation_mw": ("generator", "p_mw"),
        "generation_mvar": ("generator", "q_mvar"),
        "shunt_mw": ("shunt", "g_mw"),
        "shunt_mvar": ("shunt", "b_mvar"),
        "storage_mw": ("storage", "p_mw"),
    }
    totals = {name: float(net.tables[table][column].sum()) for name, (table, column) in pairs.items()}
    totals["hvdc_mw"] = float(net.tables["hvdc"]["p_mw"].abs().sum())
    return totals


def find_lost(
    before: Mapping[str, float], after: Mapping[str, float], explained: Mapping[str, float] | None = None
) -> list[Issue]:
    """Find totals that are not the same before and after a conversion.

    Parameters
    ----------
    before, after : mapping
        Totals or counts by name.
    explained : mapping, optional
        Differences ``after - before`` that the conversion made on purpose and reports.

    Returns
    -------
    list of Issue
        One ``E-LOST`` error for every total that differs by more than 1e-9 of its size (or 1e-9 MW).
    """
    explained = explained or {}
    issues = []
    for name, value in before.items():
        expected = value + explained.get(name, 0.0)
        got = after.get(name, 0.0)
        if not math.isclose(expected, got, rel_tol=1e-9, abs_tol=1e-9):
            message = (
                f"{expected:.10g} went in and {got:.10g} came out: not read, so that nothing is lost unseen"
            )
            issues.append(Issue("error", "E-LOST", "totals", "", name, f"{got - expected:.6g}", message))
    return issues


def raise_issues(issues: Sequence[Issue], source: str, strict: bool = False) -> None:
    """Raise if there is an error among the issues; with `strict`, warnings are errors too.

    Raises
    ------
    FileFormatError
        Holding every issue.
    """
    if strict:
        issues = [Issue("error", i.code, i.table, i.id, i.column, i.value, i.message) for i in issues]
    if any(issue.severity == "error" for issue in issues):
        raise FileFormatError(issues, source)
