"""The command ``flow``: one power flow, and what a planner looks at first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import (
    find_name,
    format_number,
    list_records,
    print_json,
    print_line,
    print_note,
    print_table,
)
from gridhub.cli.exits import exits
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
    check_snapshot,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.errors import NotConverged
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.analysis.flow.power_flow import PowerFlow
    from gridhub.model.network import Network
    from gridhub.report.names import Names

SUMMARY_UNITS = {"mw": "MW", "mvar": "Mvar", "percent": "%", "pu": "p.u."}


@exits
def flow(
    network: NetworkArgument,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    method: Annotated[Method, typer.Option("--method", help="Full AC, or linear DC.")] = "ac",
    option: SettingsOption = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 10,
    as_json: JsonOption = False,
) -> None:
    """Solve the power flow of one state; exit code 3 if it does not converge.

    Example: gridhub flow korea-2025-backbone -s winter_peak
    """
    from gridhub.analysis.flow.power_flow import run_power_flow

    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    check_snapshot(net, snapshot)
    settings = parse_settings(option)
    try:
        result = run_power_flow(net, snapshot=snapshot, method=method, options=settings)
    except NotConverged as error:
        if not as_json:
            print_worst_buses(net, error)
        raise
    page = write_page(out, force, result, net)
    if as_json:
        print_json(_build_document(net, result) | page)
        return
    _print_result(net, result, top)
    print_page(page)


def print_worst_buses(net: Network, error: NotConverged) -> None:
    """Print where a power flow that did not converge is furthest from a solution."""
    from gridhub.report.names import build_names

    names = build_names(net)
    rows = [(bus, find_name(names, bus, "bus"), p_mw, q_mvar) for bus, p_mw, q_mvar in error.worst]
    if rows:
        print_table(
            f"{error.status}: worst buses", ("bus", "name", "mismatch MW", "mismatch Mvar"), rows, stderr=True
        )


def _build_document(net: Network, result: PowerFlow) -> dict[str, Any]:
    return {
        "network": net.name,
        "snapshot": result.snapshot,
        "method": result.method,
        "status": result.status.name,
        "summary": dict(result.summary),
        "bus": list_records(result.bus),
        "branch": list_records(result.branch),
        "generator": list_records(result.generator),
        "hvdc": list_records(result.hvdc),
        "taps": list_records(result.taps),
        "interfaces": _list_interfaces(net, result),
    }


def show_summary(summary: Mapping[str, object]) -> list[tuple[str, object, str]]:
    """Turn ``losses_mw: 1.0`` into the cells "losses", 1.0, "MW"."""
    rows: list[tuple[str, object, str]] = []
    for key, value in summary.items():
        words, _, unit = key.rpartition("_")
        known = unit in SUMMARY_UNITS and bool(words)
        name = words if known else key
        if isinstance(value, tuple):
            value = ", ".join(map(str, value))
        elif unit == "pu" and isinstance(value, float):
            value = format_number(value, digits=4)
        rows.append((name.replace("_", " "), value, SUMMARY_UNITS[unit] if known else ""))
    return rows


def _print_result(net: Network, result: PowerFlow, top: int) -> None:
    from gridhub.report.names import build_names

    names = build_names(net)
    state = f", snapshot {result.snapshot}" if result.snapshot else ""
    print_table(
        f"{net.name}{state}: {result.status.name}",
        ("quantity", "value", "unit"),
        show_summary(result.summary),
    )
    _print_most_loaded(result, net, names, top)
    _print_voltages(net, result, names, top)
    _print_interfaces(net, result, names)


def _list_interfaces(net: Network, result: PowerFlow) -> list[dict[str, Any]]:
    from gridhub.analysis.flow.interfaces import compute_interfaces

    return list_records(compute_interfaces(net, result).set_index("interface"), index="interface")


def _print_interfaces(net: Network, result: PowerFlow, names: Names) -> None:
    cells = ("flow_mw", "limit_mw", "margin_mw", "margin_percent", "state")
    rows = [
        (row["interface"], find_name(names, row["interface"], "interface"), *(row[cell] for cell in cells))
        for row in _list_interfaces(net, result)
    ]
    columns = ("interface", "name", "flow MW", "limit MW", "margin MW", "margin %", "state")
    if rows:
        print_table("Interface margins", columns, rows)


def _print_most_loaded(result: PowerFlow, net: Network, names: Names, top: int) -> None:
    table = result.branch.join(net.branches()["rate_mva"]).dropna(subset=["loading_percent"])
    loaded = table.sort_values("loading_percent", ascending=False, kind="stable")
    rows = [
        (str(key), find_name(names, key, "branch"), row["loading_percent"], row["p_from_mw"], row["rate_mva"])
        for key, row in loaded.head(top).iterrows()
    ]
    columns = ("branch", "name", "loading %", "MW from its from end", "rating MVA")
    if rows:
        print_table(f"Most loaded of {len(loaded):,} rated branches", columns, rows)
    else:
        print_note("no branch has a rating: loading cannot be told")


def _print_voltages(net: Network, result: PowerFlow, names: Names, top: int) -> None:
    table = result.bus[["vm_pu"]].join(net.tables["bus"]["vn_kv"]).dropna(subset=["vm_pu"])
    if table.empty:
        print_line("voltage magnitudes: not part of a DC power flow")
        return
    ordered = table.sort_values("vm_pu", kind="stable")
    for title, part in (
        ("Lowest voltages", ordered.head(top)),
        ("Highest voltages", ordered[::-1].head(top)),
    ):
        rows = [
            (str(bus), find_name(names, bus, "bus"), row["vm_pu"], row["vm_pu"] * row["vn_kv"])
            for bus, row in part.iterrows()
        ]
        print_table(title, ("bus", "name", "p.u.", "kV"), rows, digits={"p.u.": 4, "kV": 1})
