"""The command ``fault``: fault levels against breakers, the dips of one fault, or the worst places."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import find_name, list_records, print_json, print_line, print_table
from gridhub.cli.exits import DONE, FOUND, exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    HubOption,
    JsonOption,
    NetworkArgument,
    SettingsOption,
    SnapshotOption,
    TopOption,
    YearOption,
    check_snapshot,
    find_criteria,
    parse_settings,
    place_hub,
)
from gridhub.cli.pages import PageOption, check_page, print_page, refuse_unknown_names, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.voltage.fault_levels import FaultLevels
    from gridhub.analysis.voltage.voltage_dips import FaultEffect
    from gridhub.report.names import Names

FailOn = Literal["breakers", "trip"]
"""What ``--fail-on`` can name: levels above every breaker class, or load that trips."""


@exits
def fault(
    network: NetworkArgument,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="BUS", help="Dips of a fault at this bus, and what trips on them."),
    ] = None,
    lost: Annotated[
        str | None,
        typer.Option(
            "--lost", metavar="ID,…", help="With --at: elements that are lost as the fault is cleared."
        ),
    ] = None,
    rank: Annotated[
        bool, typer.Option("--rank", help="Find where a fault makes most data-center load trip.")
    ] = False,
    ride_through: Annotated[
        float | None,
        typer.Option(
            "--ride-through",
            help="Voltage below which loads trip, in p.u.; if not given each load's own or the criteria's.",
        ),
    ] = None,
    clearing: Annotated[
        float | None,
        typer.Option(
            "--clearing",
            min=0.0,
            help="Seconds until the fault is cleared: loads that bear a dip for longer stay. By the voltage "
            "alone if not given.",
        ),
    ] = None,
    loads: Annotated[
        str | None,
        typer.Option("--loads", metavar="ID,…", help="Loads that may trip; the data centers if not given."),
    ] = None,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none', a region, or a .toml.")
    ] = "network",
    hub: HubOption = None,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    option: SettingsOption = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option("--fail-on", help="Exit with 1 above every breaker class, or if load trips."),
    ] = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 15,
    as_json: JsonOption = False,
) -> int:
    """Find three-phase fault levels of all buses; with --at or --rank the dips and what trips. Indicative."""
    if at is not None and rank:
        refuse("--at looks at one fault, --rank at all: give one of them")
    if rank and out is not None:
        refuse("--rank has no page; take the worst bus and give it to --at")
    check_page(out, force)
    net = place_hub(open_network(network, year=year), hub)
    state = check_snapshot(net, snapshot)
    rules, settings = find_criteria(net, criteria), parse_settings(option)
    chosen = None if loads is None else _split(loads)
    show: Callable[[Names], None]
    with refuse_unknown_names():
        if at is None and not rank:
            from gridhub.analysis.voltage.fault_levels import compute_fault_levels

            levels = compute_fault_levels(net, snapshot, rules)
            found = fail_on == "breakers" and bool((levels.table["state"] == "above every class").any())
            document, show = _describe_levels(levels), partial(_print_levels, levels, top)
            page = write_page(out, force, levels, net)
        elif at is not None:
            from gridhub.analysis.voltage.voltage_dips import assess_fault

            effect = assess_fault(
                net, at, snapshot, rules, lost=_split(lost or ""), ride_through_vm_pu=ride_through,
                clearing_s=clearing, loads=chosen, options=settings,
            )  # fmt: skip
            found = fail_on == "trip" and len(effect.tripped) > 0
            document, show = _describe_effect(effect), partial(_print_effect, effect, top)
            page = write_page(out, force, effect, net)
        else:
            from gridhub.analysis.voltage.voltage_dips import rank_faults

            ranking = rank_faults(
                net, snapshot, rules, ride_through_vm_pu=ride_through, clearing_s=clearing, loads=chosen,
                options=settings,
            )  # fmt: skip
            found = fail_on == "trip" and bool((ranking["tripped_mw"] > 0).any())
            document = {"faults": list_records(ranking, index="bus")}
            page, show = {}, partial(_print_ranking, ranking, top)
    code = FOUND if found else DONE
    if as_json:
        print_json({"network": net.name, "snapshot": state, **document, **page, "exit_code": code})
        return code
    from gridhub.report.names import build_names

    show(build_names(net))
    print_page(page)
    if found:
        print_line(f"--fail-on {fail_on}: found")
    return code


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _describe_levels(levels: FaultLevels) -> dict[str, Any]:
    return {
        "criteria": levels.criteria,
        "voltage_factor": levels.voltage_factor,
        "buses": list_records(levels.table, index="bus"),
        "unknown": levels.unknown,
        "assumptions": levels.assumptions,
    }


def _describe_effect(effect: FaultEffect) -> dict[str, Any]:
    return {
        "bus": effect.bus,
        "ride_through_vm_pu": effect.ride_through_vm_pu,
        "clearing_s": effect.clearing_s,
        "tripped_mw": effect.tripped_mw,
        "examined": effect.examined,
        "status_after": effect.status_after,
        "status_frozen": effect.status_frozen,
        "tripped": list_records(effect.tripped, index="load"),
        "buses": list_records(effect.table, index="bus"),
        "assumptions": effect.assumptions,
    }


def _print_levels(levels: FaultLevels, top: int, names: Names) -> None:
    table = levels.table.sort_values("ik_ka", ascending=False, kind="stable")
    rows = [
        (
            str(bus),
            find_name(names, bus, "bus"),
            float(row["vn_kv"]),
            float(row["ik_ka"]),
            float(row["breaker_ka"]),
            str(row["state"]),
        )
        for bus, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    state = f", snapshot {levels.snapshot}" if levels.snapshot else ""
    columns = ("bus", "name", "kV", "fault level kA", "breaker class kA", "state")
    print_table(f"{levels.network}{state}: fault levels, highest first", columns, rows, limit=top)
    for text, count in table["state"].value_counts().items():
        print_line(f"{count:,} buses: {text}")
    for text in levels.assumptions:
        print_line(f"assumed: {text}")


def _print_effect(effect: FaultEffect, top: int, names: Names) -> None:
    table = effect.table.sort_values("during_vm_pu", kind="stable")
    voltages = ("before_vm_pu", "during_vm_pu", "after_vm_pu", "frozen_vm_pu")
    rows = [
        (str(bus), find_name(names, bus, "bus"), *(float(row[name]) for name in voltages), bool(row["over"]))
        for bus, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    columns = ("bus", "name", "before", "during", "after", "before units react", "over its limit")
    state = f", snapshot {effect.snapshot}" if effect.snapshot else ""
    title = f"{effect.network}{state}: fault at {effect.bus} {find_name(names, effect.bus, 'bus')}, p.u."
    print_table(title, columns, rows, digits=3, limit=top)
    tripped = [
        (str(load), find_name(names, load, "load"), float(row["p_mw"]), float(row["during_vm_pu"]))
        for load, row in zip(effect.tripped.index, effect.tripped.to_dict("records"), strict=True)
    ]
    if tripped:
        print_table("Loads that trip", ("load", "name", "MW", "p.u. during the fault"), tripped, digits=3)
    print_line(
        f"{effect.tripped_mw:,.1f} MW of {effect.examined} loads trip below "
        f"{effect.ride_through_vm_pu:g} p.u.; "
        f"{int(effect.table['over'].sum())} buses above their limit afterwards"
    )


def _print_ranking(ranking: pd.DataFrame, top: int, names: Names) -> None:
    rows = [
        (
            str(bus),
            find_name(names, bus, "bus"),
            float(row["tripped_mw"]),
            int(row["tripped"]),
            float(row["lowest_vm_pu"]),
            str(row["lowest_load"]),
        )
        for bus, row in zip(ranking.index, ranking.to_dict("records"), strict=True)
    ]
    columns = ("fault at", "name", "MW that trip", "loads", "lowest p.u.", "at load")
    print_table("Faults, largest loss first", columns, rows, digits={"lowest p.u.": 3}, limit=top)
