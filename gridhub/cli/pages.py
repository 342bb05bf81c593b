"""What commands share that can also write a page: the option, the check ahead, and the page itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gridhub.cli.console import print_line
from gridhub.cli.exits import refuse
from gridhub.errors import OutputError

PageOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Also write a report page and its tables there.")
]


def check_page(out: Path | None, force: bool) -> None:
    """Refuse, before anything is computed, to write over a report that is there.

    Raises
    ------
    OutputError
        If there is one and `force` is not given.
    """
    from gridhub.report.write import REPORT_FILE

    if out is not None and (out / REPORT_FILE).exists() and not force:
        raise OutputError(f"{out} holds a report; name another --out, or --force to replace it")


def write_page(out: Path | None, force: bool, *results: object) -> dict[str, str]:
    """Write the page of some results where one is wanted; its path under ``report``, or nothing."""
    if out is None:
        return {}
    from gridhub.report.write import write_report

    return {"report": str(write_report(out, *results, force=force))}


def print_page(page: Mapping[str, str]) -> None:
    """Say where the page of `write_page` lies, if one was written."""
    if page:
        print_line(f"report: {page['report']}")


@contextmanager
def refuse_unknown_names() -> Iterator[None]:
    """Turn the KeyError of an unknown bus, area or criteria into exit code 2 with what there is."""
    try:
        yield
    except KeyError as error:
        refuse(str(error.args[0]) if error.args else str(error))


def split_names(text: str) -> str | Sequence[str]:
    """Split names with commas between; one alone stays a text.

    Examples
    --------
    >>> split_names("Gyeonggi"), split_names("Seoul, Incheon")
    ('Gyeonggi', ['Seoul', 'Incheon'])
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    return names[0] if len(names) == 1 else names
