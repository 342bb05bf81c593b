"""Everything gridhub raises, as one tree, and the ``Issue`` that describes one fault in the input.

::

    GridhubError
    ├── InputError            bad data or files; holds every Issue found (exit code 2)
    │   ├── SchemaError       a network's tables break the schema
    │   └── FileFormatError   a file cannot be read as what it claims to be
    ├── OptionError           an unknown option, or a value it cannot take (exit code 2)
    ├── PlacementError        a hub, or a part of it, cannot be connected (exit code 2)
    ├── NotConverged          a single power flow has no trustworthy solution (exit code 3)
    └── OutputError           a result could not be written (exit code 5)

``InputError`` and ``OptionError`` are also the built-in ``ValueError``: what was given cannot be taken. A
look-up by a name that does not exist raises the built-in ``KeyError`` with the names there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


class GridhubError(Exception):
    """Base of everything gridhub raises on purpose."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault found in input data.

    Attributes
    ----------
    severity : {"error", "warning"}
        An error stops the reading; a warning is listed.
    code : str
        Stable code, ``E-…`` or ``W-…``.
    table, id, column : str
        Where: table (or file), row (id, or line of the file) and field. Empty if it does not apply.
    value : str
        The offending value as text.
    message : str
        What is wrong and what to try.
    """

    severity: Severity
    code: str
    table: str
    id: str
    column: str
    value: str
    message: str

    def __str__(self) -> str:
        """Show the issue on one line: code, place, message."""
        place = " ".join(part for part in (self.table, self.id, self.column) if part)
        value = f" = {self.value}" if self.value else ""
        return f"{self.code} {place}{value}: {self.message}"


class InputError(GridhubError, ValueError):
    """Bad input; ``issues`` lists every fault, not only the first.

    Parameters
    ----------
    issues : sequence of Issue
        All faults found; at least one of severity ``"error"``.
    what : str
        What was being read, for the first line of the message.
    """

    def __init__(self, issues: Sequence[Issue], what: str = "input") -> None:
        self.issues = tuple(issues)
        errors = [issue for issue in self.issues if issue.severity == "error"]
        shown = "\n  ".join(str(issue) for issue in errors[:20])
        rest = f"\n  … and {len(errors) - 20} more" if len(errors) > 20 else ""
        super().__init__(f"{what}: {len(errors)} error(s)\n  {shown}{rest}")


class SchemaError(InputError):
    """The tables of a network break the schema."""


class FileFormatError(InputError):
    """A file cannot be read as what it claims to be."""


class OptionError(GridhubError, ValueError):
    """An unknown option, or a value the option cannot take."""


class PlacementError(GridhubError):
    """A hub, or a part of it, cannot be connected; the message says why and what to try."""


class NotConverged(GridhubError):
    """A single power flow has no trustworthy solution.

    Parameters
    ----------
    message : str
        What happened, where, how much, and what to try.
    status : str
        ``NOT_CONVERGED``, ``UNREALISTIC`` or ``SINGULAR``.
    worst : sequence of (str, float, float)
        Bus id, active and reactive mismatch [MW, Mvar], worst first.
    """

    def __init__(self, message: str, status: str, worst: Sequence[tuple[str, float, float]] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.worst = tuple(worst)


class OutputError(GridhubError):
    """A result could not be written; nothing that existed was changed."""


def name_ids(ids: Iterable[object], limit: int = 5) -> str:
    """List at most `limit` ids, then how many more there are.

    Examples
    --------
    >>> name_ids(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    names = [str(i) for i in ids]
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
