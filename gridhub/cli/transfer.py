"""The commands ``transfer`` and ``interfaces``: what can be moved between areas, and what flows there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gridhub.cli.console import find_name, list_records, print_json, print_line, print_table, show_progress
from gridhub.cli.dispatch import read_profile_files
from gridhub.cli.exits import DONE, FOUND, NO_SOLUTION, exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    Method,
    NetworkArgument,
    RatingsOption,
    SettingsOption,
    SnapshotOption,
    TopOption,
    YearOption,
    check_areas,
    check_snapshot,
    find_criteria,
    parse_settings,
)
from gridhub.cli.pages import (
    PageOption,
    check_page,
    print_page,
    refuse_unknown_names,
    split_names,
    write_page,
)
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.analysis.flow.interface_hours import InterfaceHours
    from gridhub.analysis.transfer.transfer import TransferCapability
    from gridhub.report.names import Names


@exits
def transfer(
    network: NetworkArgument,
    source: Annotated[
        str, typer.Option("--from", metavar="AREA,…", help="Where units produce more.", show_default=False)
    ],
    sink: Annotated[
        str, typer.Option("--to", metavar="AREA,…", help="Where loads grow.", show_default=False)
    ],
    maximum: Annotated[
        float, typer.Option("--maximum", metavar="MW", min=0.0, help="Look for no more than this.")
    ] = 10_000.0,
    cutoff: Annotated[
        float,
        typer.Option("--cutoff", help="Leave out branches that carry less than this share of the transfer."),
    ] = 0.05,
    n2_min_kv: Annotated[
        float | None, typer.Option("--n2-min-kv", help="Try pairs of outages from this voltage on, in kV.")
    ] = 345.0,
    voltage: Annotated[
        bool, typer.Option("--voltage/--no-voltage", help="Whether to search the limit by voltage with AC.")
    ] = True,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none', a region, or a .toml.")
    ] = "network",
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    option: SettingsOption = None,
    out: PageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> int:
    """Find what can be transferred from one area to another on top of a state, and what binds.

    Example: gridhub transfer korea-2025-backbone --from Gangwon --to Gyeonggi
    """
    from gridhub.analysis.transfer.transfer import find_transfer_capability

    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    state = check_snapshot(net, snapshot)
    sending, taking = split_names(source), split_names(sink)
    check_areas(net, {"--from": sending, "--to": taking})
    with refuse_unknown_names():
        result = find_transfer_capability(
            net,
            sending,
            taking,
            snapshot,
            find_criteria(net, criteria),
            cutoff=cutoff,
            n2_min_kv=n2_min_kv,
            voltage=voltage,
            maximum_mw=maximum,
            options=parse_settings(option),
        )
    page = write_page(out, force, result, net)
    if as_json:
        document = {
            "network": net.name,
            "snapshot": state,
            "source": result.source,
            "sink": result.sink,
            "firm_mw": result.firm_mw,
            "maximum_mw": result.maximum_mw,
            "limits": list_records(result.table, index="kind"),
            "not_assessed": result.not_assessed,
        }
        print_json({**document, **page, "exit_code": DONE})
        return DONE
    from gridhub.report.names import build_names

    _print_transfer(result, build_names(net))
    print_page(page)
    return DONE


def _print_transfer(result: TransferCapability, names: Names) -> None:
    rows = [
        (
            str(kind),
            float(row["mw"]),
            str(row["element"]),
            find_name(names, row["element"]),
            str(row["contingency"]),
            float(row["factor_percent"]),
            str(row["note"]),
        )
        for kind, row in zip(result.table.index, result.table.to_dict("records"), strict=True)
    ]
    state = f", snapshot {result.snapshot}" if result.snapshot else ""
    columns = ("limit", "MW", "element", "name", "after", "carries %", "note")
    print_table(f"{result.network}{state}: {result.source} to {result.sink}", columns, rows)
    for text in result.not_assessed:
        print_line(f"not assessed: {text}")
    more = " or more" if result.firm_mw >= result.maximum_mw else ""
    print_line(f"firm: {result.firm_mw:,.1f} MW{more}")


@exits
def interfaces(
    network: NetworkArgument,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="TABLE.COLUMN=FILE",
            help="Hourly MW of a column, such as load.p_mw=load.csv; may be repeated. None: all snapshots.",
        ),
    ] = None,
    method: Annotated[Method, typer.Option("--method", help="Full AC or linear DC.")] = "ac",
    narrow: Annotated[
        float,
        typer.Option("--narrow", metavar="PERCENT", help="Margin up to which an hour counts as narrow."),
    ] = 5.0,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    option: SettingsOption = None,
    fail_on: Annotated[
        Literal["over", "narrow"] | None,
        typer.Option(
            "--fail-on", help="Exit with 1 if an interface is over its limit, or narrow, in any hour."
        ),
    ] = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> int:
    """Follow flow, limit and margin of every interface over hours or the stored snapshots."""
    from gridhub.analysis.flow.interface_hours import track_interfaces

    check_page(out, force)
    net = open_network(network, year=year)
    check_snapshot(net, snapshot)
    if net.interface.empty:
        refuse(f"{net.name} has no interface: its table interface is empty")
    profiles = read_profile_files(profile)
    with show_progress(as_json) as report:
        result = track_interfaces(
            net,
            profiles or None,
            [snapshot] if snapshot is not None and not profiles else None,
            method,
            parse_settings(option),
            snapshot=snapshot if profiles else None,
            keep_power_factor=True,
            narrow_percent=narrow,
            progress=None if report is None else lambda done, count: report("interfaces", done / count),
        )
    counted = result.table["narrow_hours" if fail_on == "narrow" else "over_hours"]
    code = FOUND if fail_on is not None and (bool(counted.any()) or bool(result.unsolved)) else DONE
    if len(result.unsolved) == len(result.flow_mw):
        code = NO_SOLUTION
    page = write_page(out, force, result, net)
    if as_json:
        document = {
            "network": net.name,
            "method": result.method,
            "interfaces": list_records(result.table, index="interface"),
            "flow_mw": list_records(result.flow_mw, index="hour"),
            "unsolved": result.unsolved,
        }
        print_json({**document, **page, "exit_code": code})
        return code
    from gridhub.report.names import build_names

    _print_interfaces(result, build_names(net), top)
    print_page(page)
    if code == FOUND:
        print_line(f"--fail-on {fail_on}: found")
    return code


def _print_interfaces(result: InterfaceHours, names: Names, top: int) -> None:
    table = result.table.sort_values("lowest_margin_percent", kind="stable")
    numbers = ("highest_mw", "lowest_mw", "limit_mw", "limit_reverse_mw", "lowest_margin_percent")
    rows = [
        (
            str(name),
            find_name(names, name, "interface"),
            *(float(row[column]) for column in numbers),
            "" if row["worst_hour"] is None else str(row["worst_hour"]),
            int(row["narrow_hours"]),
            int(row["over_hours"]),
        )
        for name, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    columns = (
        "interface", "name", "highest MW", "lowest MW", "limit MW", "limit back MW", "lowest margin %", "in",
        "narrow hours", "over hours",
    )  # fmt: skip
    hours = len(result.flow_mw)
    print_table(f"{result.network}: {hours:,} hours, {result.method.upper()}", columns, rows, limit=top)
    if result.unsolved:
        listed = ", ".join(map(str, result.unsolved[:5]))
        print_line(f"{len(result.unsolved):,} hours have no solution: {listed}")
