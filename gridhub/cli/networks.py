"""Commands on networks as data: ``networks``, ``validate``, ``convert``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import print_json, print_line, print_table
from gridhub.cli.exits import BAD_INPUT, DONE, build_issue_record, exits, print_issues
from gridhub.cli.inputs import ForceOption, JsonOption, NetworkArgument
from gridhub.errors import InputError, Issue, OutputError
from gridhub.study.source import find_path, open_network

if TYPE_CHECKING:
    from gridhub.interop.conversion_report import ConversionReport
    from gridhub.model.network import Network


@exits
def networks(as_json: JsonOption = False) -> None:
    """List the networks that can be loaded by name."""
    from gridhub.reference import list_networks

    table = list_networks()
    if as_json:
        print_json(
            {"networks": [dict(zip(table.columns, row, strict=True)) for row in table.to_numpy().tolist()]}
        )
        return
    print_table("Networks", [str(name) for name in table.columns], table.to_numpy().tolist())


@exits
def validate(network: NetworkArgument, as_json: JsonOption = False) -> int:
    """Check a network and list every fault at once; exit code 2 if one is an error."""
    issues, net = _list_issues(network)
    errors = sum(issue.severity == "error" for issue in issues)
    warnings = len(issues) - errors
    if as_json:
        print_json(
            {
                "network": net.name if net is not None else network,
                "errors": errors,
                "warnings": warnings,
                "issues": [build_issue_record(issue) for issue in issues],
                "exit_code": BAD_INPUT if errors else DONE,
            }
        )
    else:
        if issues:
            print_issues(issues, f"{network}: what was found")
        print_line(f"{network}: {errors} error(s), {warnings} warning(s)")
    return BAD_INPUT if errors else DONE


def _list_issues(text: str) -> tuple[tuple[Issue, ...], Network | None]:
    """Read and check; what stops the reading is listed like what the check finds."""
    from gridhub.model.validate import validate as find_issues

    try:
        net = open_network(text)
    except InputError as error:
        return error.issues, None
    return find_issues(net), net


@exits
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A name, a network folder, or a case file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A file, or a folder for --format gridhub.")],
    to: Annotated[
        str | None,
        typer.Option("--format", help="gridhub, matpower, psse35 …; by OUT's ending if not given."),
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a network to another format, and say what was not carried."""
    net, reports = _read_with_report(source)
    kind = to or ("gridhub" if not target.suffix else None)
    if kind == "gridhub":
        _write_folder(net, target)
    else:
        reports.append(_write_file(net, target, kind, force))
    if as_json:
        print_json(
            {
                "network": net.name,
                "written": str(target),
                "reports": [_build_report_record(report) for report in reports],
            }
        )
        return
    for report in reports:
        _print_report(report)
    print_line(f"written: {target}")


def _read_with_report(source: str) -> tuple[Network, list[ConversionReport]]:
    path = find_path(source, Path())
    if path is None or path.is_dir():
        return open_network(source), []
    from gridhub.interop.case import read_case

    net, report = read_case(path)
    return net, [report]


def _write_folder(net: Network, target: Path) -> None:
    """Write a network folder; never into one that holds anything."""
    from gridhub.model.files import write_network

    with _write_aside(target, force=False) as aside:
        write_network(net, aside)


def _write_file(net: Network, target: Path, kind: str | None, force: bool) -> ConversionReport:
    from gridhub.interop.case import write_case

    with _write_aside(target, force) as aside:
        return write_case(net, aside, format=kind)


@contextmanager
def _write_aside(target: Path, force: bool) -> Iterator[Path]:
    """Give a path in a hidden folder beside `target`, moved to `target` when the block ends well."""
    occupied = target.is_symlink() or (target.exists() and (target.is_file() or any(target.iterdir())))
    if occupied and not (force and target.is_file() and not target.is_symlink()):
        way = "--force replaces it" if target.is_file() and not target.is_symlink() else "name another one"
        raise OutputError(f"{target} exists; {way}")
    work: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".gridhub-", dir=target.parent))
        yield work / target.name
        (work / target.name).replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {error.filename or target}: {error.strerror or error}") from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _build_report_record(report: ConversionReport) -> dict[str, Any]:
    record = {item.name: getattr(report, item.name) for item in fields(report)}
    return {**record, "issues": [build_issue_record(issue) for issue in report.issues]}


def _print_report(report: ConversionReport) -> None:
    """Print what was there and what was carried, then everything that is not one to one."""
    rows: list[tuple[object, ...]] = []
    for before, after in ((report.counts_before, report.counts), (report.totals_before, report.totals)):
        rows += [(key, before.get(key), after.get(key)) for key in {**before, **after}]
    title = f"{report.direction} {report.source} ({report.format})"
    print_table(title, ("rows or total", "before", "after"), rows, digits=3)
    if report.issues:
        print_issues(report.issues, "Not carried as it was")
    for note in report.notes:
        print_line(f"note: {note}")
    for statement in report.statements:
        print_line(f"not executed: {statement}")
    if not report.issues:
        print_line("nothing dropped, approximated or assumed")
