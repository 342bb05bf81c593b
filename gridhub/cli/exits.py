"""Exit codes, and the one place where an error becomes a message and a code.

====  =====================================================================
code  meaning
====  =====================================================================
0     done
1     done, and what ``--fail-on`` names was found
2     bad input or usage; every fault listed
3     a base case did not converge; the worst buses named
4     differs from the golden result
5     could not write
130   interrupted
====  =====================================================================
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, ParamSpec

import typer

from gridhub.cli.console import print_json, print_note, print_table
from gridhub.errors import GridhubError, InputError, Issue, NotConverged, OutputError

DONE = 0
FOUND = 1
BAD_INPUT = 2
NO_SOLUTION = 3
DIFFERS = 4
NOT_WRITTEN = 5
INTERRUPTED = 130

P = ParamSpec("P")


def build_issue_record(issue: Issue) -> dict[str, str]:
    """Give one issue as a mapping for JSON."""
    return {name: getattr(issue, name) for name in Issue.__dataclass_fields__}


def print_issues(issues: Sequence[Issue], title: str, stderr: bool = False) -> None:
    """Print every issue: severity, code, table or file, row, field, value, what is wrong."""
    ordered = sorted(issues, key=lambda issue: issue.severity)
    rows = [
        (
            i.severity,
            i.code,
            i.table,
            i.id,
            i.column,
            i.value if len(i.value) <= 60 else i.value[:57] + "…",
            i.message,
        )
        for i in ordered
    ]
    print_table(
        title,
        ("severity", "code", "file or table", "row", "field", "value", "what is wrong"),
        rows,
        stderr=stderr,
    )


def _fail(as_json: bool, code: int, error: GridhubError | str) -> int:
    """Say what went wrong, on standard error and with ``--json`` as a document too; return the code."""
    issues = error.issues if isinstance(error, InputError) else ()
    message = str(error).replace("force=True", "--force")  # what a person at a terminal types
    if as_json:
        document: dict[str, object] = {"exit_code": code, "error": message}
        if issues:
            document["issues"] = [build_issue_record(issue) for issue in issues]
        if isinstance(error, NotConverged):
            document["status"] = error.status
            document["worst"] = [
                dict(zip(("bus", "p_mw", "q_mvar"), row, strict=True)) for row in error.worst
            ]
        print_json(document)
    elif issues:
        print_issues(issues, message.splitlines()[0], stderr=True)
    else:
        for line in message.splitlines():
            print_note(line)
    return code


def _run(command: Callable[[], int | None], as_json: bool) -> int:
    """Run a command and turn what it raises on purpose into an exit code."""
    try:
        with _interrupt_on_terminate():
            return command() or DONE
    except NotConverged as error:
        return _fail(as_json, NO_SOLUTION, error)
    except OutputError as error:
        return _fail(as_json, NOT_WRITTEN, error)
    except GridhubError as error:
        return _fail(as_json, BAD_INPUT, error)
    except KeyboardInterrupt:
        print_note("interrupted; nothing was left half written")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away: nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_WRITTEN


@contextmanager
def _interrupt_on_terminate() -> Iterator[None]:
    """Treat SIGTERM like an interrupt, so that a stopped job cleans up as one stopped by hand."""

    def interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: signals are not ours
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exits(function: Callable[P, int | None]) -> Callable[P, None]:
    """Make a function a command: its value or its error decides the exit code, and no traceback is shown.

    Parameters
    ----------
    function : callable
        Returns the exit code, or None for 0. Its parameter ``as_json`` says in which form errors are told.

    Returns
    -------
    callable
        With the same parameters, for typer.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.get("as_json", False))
        raise typer.Exit(_run(functools.partial(function, *args, **kwargs), as_json))

    return run


def refuse(message: str) -> NoReturn:
    """End with exit code 2: the input cannot be used."""
    raise GridhubError(message)
