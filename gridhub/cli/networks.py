"""Commands on networks as data: ``networks``, ``validate``, ``convert``."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import print_json, print_line, print_table
from gridhub.cli.exits import BAD_INPUT, DONE, build_issue_record, exits, print_issues, refuse
from gridhub.cli.inputs import ForceOption, JsonOption, NetworkArgument, YearOption
from gridhub.errors import InputError, Issue
from gridhub.study.source import find_path, open_network

if TYPE_CHECKING:
    from gridhub.interop.conversion_report import ConversionReport
    from gridhub.model.network import Network

FOLDER = "gridhub"
"""Name of our own format, a folder."""


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
def validate(network: NetworkArgument, year: YearOption = None, as_json: JsonOption = False) -> int:
    """Check a network and list every fault at once; exit code 2 if one is an error."""
    issues, net = _list_issues(network, year)
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


def _list_issues(text: str, year: int | None) -> tuple[tuple[Issue, ...], Network | None]:
    """Read and check; what stops the reading is listed like what the check finds."""
    from gridhub.model.validate import validate as find_issues

    try:
        net = open_network(text, year=year)
    except InputError as error:
        return error.issues, None
    return find_issues(net), net


@exits
def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="A name, a network folder, or a case file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A file, or a folder for --format gridhub.")],
    to: Annotated[
        str | None,
        typer.Option("--format", help="gridhub, matpower, psse35, …; if not given, by the ending of OUT."),
    ] = None,
    year: YearOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a network to another format, and say what was not carried.

    Example: gridhub convert korea-2025-backbone backbone.m
    """
    net, reports = _read_with_report(source, year)
    kind = to or _find_format(target)
    if kind == FOLDER:
        from gridhub.model.files import write_network

        write_network(net, target, force=force)
    else:
        from gridhub.interop.case_files import write_case

        reports.append(write_case(net, target, format=kind, force=force))
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


def _read_with_report(source: str, year: int | None) -> tuple[Network, list[ConversionReport]]:
    path = find_path(source, Path())
    if path is None or path.is_dir() or year is not None:
        return open_network(source, year=year), []
    from gridhub.interop.case_files import read_case

    net, report = read_case(path)
    return net, [report]


def _find_format(target: Path) -> str:
    """Find the format by the ending of the target; the first that is usual with it, a folder without one."""
    from gridhub.interop.case_files import WRITE_FORMATS

    ending = target.suffix.lower()
    if not ending:
        return FOLDER
    usual = [name for name, (_, suffix) in WRITE_FORMATS.items() if suffix == ending]
    if not usual:
        refuse(
            f"{target.name}: no format ends in {ending}; give --format: {', '.join((FOLDER, *WRITE_FORMATS))}"
        )
    if len(usual) > 1:
        refuse(f"{target.name}: several formats end in {ending}; give --format: {', '.join(usual)}")
    return usual[0]


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
