"""The command ``report``: the page of one state of a network, with the map and every single outage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gridhub.cli.console import print_json, print_note, show_progress
from gridhub.cli.exits import DONE, exits
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    NetworkArgument,
    OutOption,
    RatingsOption,
    SettingsOption,
    SnapshotOption,
    YearOption,
    check_snapshot,
    parse_settings,
)
from gridhub.cli.pages import check_page, print_page, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.analysis.flow.power_flow import PowerFlow
    from gridhub.analysis.security.security import Security


@exits
def report(
    network: NetworkArgument,
    out: OutOption,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    outages: Annotated[
        bool,
        typer.Option(
            "--outages/--no-outages", help="Whether to try every single line, transformer and series element."
        ),
    ] = True,
    option: SettingsOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> int:
    """Write the page of one state: map, loading, voltages, and what every single outage breaks."""
    from gridhub.analysis.contingency.contingencies import list_contingencies
    from gridhub.analysis.flow.power_flow import run_power_flow
    from gridhub.analysis.security.security import run_security

    net = open_network(network, year=year, ratings=ratings)
    state = check_snapshot(net, snapshot)
    settings = parse_settings(option)
    check_page(out, force)
    contingencies = list_contingencies(net)
    result: Security | PowerFlow
    if outages and not contingencies.empty:
        with show_progress(quiet=as_json) as tell:
            step = (lambda done, total: tell("outages", done / total)) if tell else None
            result = run_security(net, contingencies, snapshot=snapshot, options=settings, progress=step)
    else:
        if outages:
            print_note(f"{net.name} has no line, transformer or series element: no outage to try")
        result = run_power_flow(net, snapshot, options=settings)
    page = write_page(out, force, result, net)
    if as_json:
        print_json({"network": net.name, "snapshot": state, **page, "exit_code": DONE})
    else:
        print_page(page)
    return DONE
