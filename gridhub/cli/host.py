"""The command ``host``: the largest load or plant each bus takes, and what binds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import find_name, list_records, print_json, print_line, print_table
from gridhub.cli.dispatch import read_profile_files
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    Method,
    NetworkArgument,
    RatingsOption,
    TopOption,
    YearOption,
    check_bus,
    check_snapshot,
    find_criteria,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.hosting.hosting import HostingCapacity
    from gridhub.criteria import Criteria
    from gridhub.model.network import Network


@exits
def host(
    network: NetworkArgument,
    bus: Annotated[
        list[str] | None, typer.Option("--bus", help="A bus to look at; may be repeated. All if not given.")
    ] = None,
    snapshot: Annotated[
        list[str] | None,
        typer.Option("--snapshot", "-s", help="A stored state; may be repeated. All if not given."),
    ] = None,
    kind: Annotated[
        Literal["load", "generation"], typer.Option("--kind", help="What is added at the bus.")
    ] = "load",
    method: Annotated[
        Method,
        typer.Option("--method", help="How room is found: by linear DC, or then checked by AC (give --bus)."),
    ] = "dc",
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none' for ratings alone, or a region.")
    ] = "network",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="An option of hosting (effect=0.05, balancing=merit …) or power flow; may be repeated.",
        ),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="TABLE.COLUMN=FILE",
            help="Hourly MW of a column, such as load.p_mw=load.csv (or .parquet), for the flexible figures; "
            "may be repeated.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            metavar="CSV",
            help="Hours of the year that each hour of the profiles stands for, such as typical_weight.csv of "
            "the command profiles.",
        ),
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--own",
            metavar="KEY=VALUE",
            help="What comes with the hub, per MW: solar_mw, wind_mw, storage_mw, storage_hours, efficiency, "
            "block_hours, seed; may be repeated; wants --profile.",
        ),
    ] = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share", help="Load all buses at once: the room they share, and how it can be split (DC)."
        ),
    ] = False,
    top: TopOption = 20,
    out: PageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find how much each bus takes in every state and after every outage.

    Example: gridhub host korea-2025-backbone --bus singangjin-345
    """
    from gridhub.analysis.hosting.hosting import hosting_capacity

    net = open_network(network, year=year, ratings=ratings)
    for name in snapshot or ():
        check_snapshot(net, name)
    for name in bus or ():
        check_bus(net, name)
    check_page(out, force)
    settings: dict[str, Any] = {"kind": kind, **parse_settings(option)}
    if profile:
        settings["profiles"] = read_profile_files(profile)
    if weights is not None:
        settings["weights"] = _read_weights(weights)
    if own:
        settings["own"] = parse_settings(own)
    if share:
        if not bus or method == "ac" or out is not None:
            refuse("--share wants two buses or more (--bus …), is of DC, and writes no page")
        _share(net, bus, find_criteria(net, criteria), snapshot, settings, as_json)
        return
    result = hosting_capacity(net, bus, find_criteria(net, criteria), snapshot, method, settings)
    page = write_page(out, force, result, net)
    if as_json:
        print_json(_build_document(result) | page)
    else:
        _print_result(net, result, top)
        print_page(page)


def _read_weights(path: Path) -> pd.Series:
    """Read the weights of hours: the hour first, its weight in the last column."""
    import pandas as pd

    try:
        return pd.read_csv(path, index_col=0).iloc[:, -1]
    except (OSError, ValueError, IndexError) as error:
        refuse(f"--weights {path}: {error}")


def _share(
    net: Network,
    buses: list[str],
    criteria: Criteria | None,
    snapshots: list[str] | None,
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    from gridhub.analysis.hosting.joint import share_room
    from gridhub.report.names import build_names

    result = share_room(net, buses, criteria, snapshots, settings)
    if as_json:
        document = {"network": net.name, "total_mw": result.total_mw, "not_assessed": result.not_assessed}
        document["buses"] = list_records(result.table, index="bus")
        document["frontier"] = list_records(result.frontier, index="least_share")
        print_json(document)
        return
    names = build_names(net)
    rows = [
        (str(bus), find_name(names, bus, "bus"), float(row["alone_mw"]), float(row["mw"]))
        for bus, row in result.table.iterrows()
    ]
    print_table(
        f"{net.name}: {result.total_mw:,.1f} MW at once", ("bus", "name", "alone MW", "of it MW"), rows
    )
    heads = ["each at least, of its own room", "total MW", *result.table.index]
    print_table("frontier of the total", heads, result.frontier.to_numpy().tolist(), digits={heads[0]: 3})
    print_line(f"not assessed: {result.not_assessed}")


def _build_document(result: HostingCapacity) -> dict[str, Any]:
    return {
        "network": result.network,
        "kind": result.kind,
        "method": result.method,
        "criteria": result.criteria,
        "snapshots": result.snapshots,
        "summary": dict(result.summary),
        "rules": result.rules,
        "buses": list_records(result.table, index="bus"),
    }


def _print_result(net: Network, result: HostingCapacity, top: int) -> None:
    from gridhub.analysis.hosting.table import list_common_gaps
    from gridhub.report.names import build_names

    names = build_names(net)
    own = result.options.own is not None
    table = result.table.sort_values("firm_mw", ascending=False, kind="stable", na_position="last")
    rows = [
        (
            str(bus),
            find_name(names, bus, "bus"),
            float(row["firm_mw"]),
            float(row["firm_tower_mw"]),
            *((float(row["own_mw"]),) if own else ()),
            str(row["binding_kind"]),
            str(row["binding_element"]),
            str(row["binding_contingency"]),
            str(row["binding_snapshot"]),
            float(row["next_mw"]),
        )
        for bus, row in table.iterrows()
    ]
    more = ("with own MW",) if own else ()
    limits = ("binds", "element", "outage", "state", "next MW")
    columns = ("bus", "name", "firm MW", "with towers MW", *more, *limits)
    states = f"{len(result.snapshots)} states"
    print_table(
        f"{net.name}: {result.kind} each bus takes, {result.method.upper()}, {states}",
        columns,
        rows,
        limit=top,
    )
    print_line(
        f"criteria: {result.criteria or 'ratings alone'}; median {result.summary['median_firm_mw']:,.1f} MW"
    )
    limit = result.options.maximum_mw
    endless = int((table["firm_mw"] >= limit).sum())
    if endless:
        print_line(
            f"{limit:,.1f} MW at {endless} buses means or more: nothing above maximum_mw is looked for"
        )
    for rule in result.rules:
        print_line(rule)
    print_line(f"not assessed: {'; '.join(list_common_gaps(table['not_assessed'])) or 'everything'}")
