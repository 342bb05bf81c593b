"""The command ``voltage``: how far load can grow, how many Mvar are left, what a load's swing does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import find_name, list_records, print_json, print_line, print_table
from gridhub.cli.exits import DONE, exits, refuse
from gridhub.cli.flow import print_worst_buses
from gridhub.cli.inputs import (
    ForceOption,
    HubOption,
    JsonOption,
    NetworkArgument,
    SettingsOption,
    SnapshotOption,
    TopOption,
    YearOption,
    check_areas,
    check_snapshot,
    parse_settings,
    place_hub,
)
from gridhub.cli.pages import (
    PageOption,
    check_page,
    print_page,
    refuse_unknown_names,
    split_names,
    write_page,
)
from gridhub.errors import NotConverged
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.analysis.voltage.fluctuation import Fluctuation
    from gridhub.analysis.voltage.pv_curve import PvCurve, ReactiveMargin
    from gridhub.analysis.voltage.voltage_margin import VoltageMargin
    from gridhub.model.network import Network
    from gridhub.report.names import Names


@exits
def voltage(
    network: NetworkArgument,
    growth: Annotated[
        str | None,
        typer.Option("--growth", metavar="AREA,…", help="Bus, province, area or zone whose load grows."),
    ] = None,
    reactive: Annotated[
        str | None,
        typer.Option("--reactive", metavar="BUS,…", help="Buses whose QV margin is wanted."),
    ] = None,
    fluctuation: Annotated[
        str | None,
        typer.Option(
            "--fluctuation",
            metavar="LOAD=PERCENT/SECONDS",
            help="A load that gives up so much of its power in so short a time, such as hall=50/0.5.",
        ),
    ] = None,
    change_limit: Annotated[
        float | None,
        typer.Option(
            "--change-limit",
            help="Largest change of voltage that it may make [%]; the criteria's if not given.",
        ),
    ] = None,
    outages: Annotated[
        bool,
        typer.Option("--outages/--no-outages", help="Also find the margin after every single branch outage."),
    ] = False,
    supply: Annotated[
        str | None,
        typer.Option(
            "--supply", metavar="AREA,…", help="Area whose units feed the growth; all if not given."
        ),
    ] = None,
    power_factor: Annotated[
        float | None,
        typer.Option(
            "--power-factor",
            min=0.1,
            max=1.0,
            help="Power factor of the growth; that of the area's loads if not given.",
        ),
    ] = None,
    generation_limits: Annotated[
        bool,
        typer.Option(
            "--generation-limits/--no-generation-limits",
            help="Whether units have limits; without, the network alone limits the growth.",
        ),
    ] = True,
    hub: HubOption = None,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    option: SettingsOption = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 10,
    as_json: JsonOption = False,
) -> int:
    """Follow a growth of load to the nose of the PV curve; find QV margins; see what a swing of load does.

    Example: gridhub voltage korea-2025-backbone --growth Jeonnam
    """
    if growth is None and reactive is None and fluctuation is None:
        refuse(
            "say what grows (--growth AREA), at which buses the QV margin is wanted (--reactive BUS,…) or "
            "which load swings (--fluctuation LOAD=PERCENT/SECONDS)"
        )
    swing = None if fluctuation is None else _read_swing(fluctuation)
    check_page(out, force)
    net = place_hub(open_network(network, year=year), hub)
    state = check_snapshot(net, snapshot)
    settings = parse_settings(option)
    named = {"--growth": growth, "--supply": supply, "--reactive": reactive}
    check_areas(net, {key: text if text is None else split_names(text) for key, text in named.items()})
    along = {
        "power_factor": power_factor,
        "supply": None if supply is None else split_names(supply),
        "generation_limits": generation_limits,
    }
    try:
        with refuse_unknown_names():
            results = _run(net, growth, reactive, outages, snapshot, along, settings)
            if swing is not None:
                from gridhub.analysis.voltage.fluctuation import assess_fluctuation

                results["fluctuation"] = assess_fluctuation(
                    net, *swing, snapshot, limit_percent=change_limit, options=settings
                )
    except NotConverged as error:
        if not as_json:
            print_worst_buses(net, error)
        raise
    page = write_page(out, force, *results.values(), net)
    if as_json:
        print_json(
            {"network": net.name, "snapshot": state, **_build_document(results), **page, "exit_code": DONE}
        )
        return DONE
    _print_results(net, results, top)
    print_page(page)
    return DONE


def _read_swing(text: str) -> tuple[str, float, float]:
    """Read a load, how much of it goes [%], and within which time [s]."""
    load, _, rest = text.rpartition("=")
    percent, _, seconds = rest.partition("/")
    try:
        return load, float(percent), float(seconds)
    except ValueError:
        refuse(f"--fluctuation {text!r} is not LOAD=PERCENT/SECONDS, for example hall=50/0.5")


def _run(
    net: Network,
    growth: str | None,
    reactive: str | None,
    outages: bool,
    snapshot: str | None,
    along: dict[str, Any],
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Run what was asked for, by name."""
    from gridhub.analysis.voltage.pv_curve import find_reactive_margin, trace_pv_curve
    from gridhub.analysis.voltage.voltage_margin import find_voltage_margin

    results: dict[str, Any] = {}
    if growth is not None:
        area = split_names(growth)
        results["curve"] = trace_pv_curve(net, area, snapshot, **along, options=settings)
        if outages:
            results["margin"] = find_voltage_margin(net, area, snapshot=snapshot, **along, options=settings)
    if reactive is not None:
        results["reactive"] = find_reactive_margin(net, split_names(reactive), snapshot, settings)
    return results


def _build_document(results: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if "curve" in results:
        curve: PvCurve = results["curve"]
        document["curve"] = {
            "growth": curve.growth,
            "margin_mw": curve.margin_mw,
            "limit": curve.limit,
            "weakest_bus": curve.weakest_bus,
            "end": curve.end,
            "points": list_records(curve.points, index="point"),
            "limits": list_records(curve.limits, index="row"),
        }
    if "margin" in results:
        margin: VoltageMargin = results["margin"]
        document["margin"] = {
            "margin_mw": margin.margin_mw,
            "firm_mw": margin.firm_mw,
            "binding_contingency": margin.binding_contingency,
            "solved_at_mw": margin.solved_at_mw,
            "unproven": margin.unproven,
            "traced": list_records(margin.table, index="contingency"),
            "status": {str(key): str(value) for key, value in margin.status.items()},
        }
    if "reactive" in results:
        document["reactive"] = list_records(results["reactive"].table, index="bus")
    if "fluctuation" in results:
        found: Fluctuation = results["fluctuation"]
        document["fluctuation"] = {
            "load": found.load,
            "bus": found.bus,
            "change_mw": found.change_mw,
            "ramp_mw_per_s": found.ramp_mw_per_s,
            "answer": found.answer,
            "change_percent": found.change_percent,
            "limit_percent": found.limit_percent,
            "passed": found.passed,
            "buses": list_records(found.table, index="bus"),
        }
    return document


def _print_results(net: Network, results: Mapping[str, Any], top: int) -> None:
    from gridhub.report.names import build_names

    names = build_names(net)
    if "curve" in results:
        _print_curve(results["curve"], names, top)
    if "margin" in results:
        _print_margin(results["margin"], names, top)
    if "reactive" in results:
        _print_reactive(results["reactive"], names, top)
    if "fluctuation" in results:
        _print_fluctuation(results["fluctuation"], names, top)


def _print_curve(curve: PvCurve, names: Names, top: int) -> None:
    state = f", snapshot {curve.snapshot}" if curve.snapshot else ""
    step = max(1, len(curve.points) // top)
    rows = [
        (
            float(row["added_mw"]),
            float(row["added_mvar"]),
            float(row["lowest_vm_pu"]),
            str(row["lowest_bus"]),
            find_name(names, row["lowest_bus"], "bus"),
            int(row["units_at_limit"]),
        )
        for row in curve.points.iloc[::step].to_dict("records")
    ]
    columns = ("growth MW", "growth Mvar", "lowest p.u.", "at", "name", "units at a limit")
    print_table(f"{curve.network}{state}: {curve.growth} grows", columns, rows, digits={"lowest p.u.": 4})
    weakest = f", weakest at {curve.weakest_bus} {find_name(names, curve.weakest_bus, 'bus')}".rstrip()
    print_line(f"nose at {curve.margin_mw:,.1f} MW ({curve.limit or 'lost before it'}){weakest}")


def _print_margin(margin: VoltageMargin, names: Names, top: int) -> None:
    rows = [
        (
            str(key) or "(N)",
            find_name(names, key),
            float(row["margin_mw"]),
            str(row["limit"]),
            str(row["weakest_bus"]),
        )
        for key, row in zip(margin.table.index, margin.table.to_dict("records"), strict=True)
    ]
    print_table(
        "Outages, smallest margin first", ("outage", "name", "MW", "limit", "weakest"), rows, limit=top
    )
    print_line(f"firm margin {margin.firm_mw:,.1f} MW, intact {margin.margin_mw:,.1f} MW")
    if margin.unproven:
        print_line(f"{len(margin.unproven)} outages were not traced and may bind earlier")


def _print_reactive(margin: ReactiveMargin, names: Names, top: int) -> None:
    table = margin.table.sort_values("margin_mvar", kind="stable")
    rows = [
        (
            str(bus),
            find_name(names, bus, "bus"),
            float(row["margin_mvar"]),
            float(row["vm_pu"]),
            float(row["nose_vm_pu"]),
            str(row["limit"]) or "lost before the nose",
        )
        for bus, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    columns = ("bus", "name", "margin Mvar", "p.u.", "p.u. at the nose", "limit")
    digits = {"p.u.": 4, "p.u. at the nose": 4}
    print_table("QV margins, smallest first", columns, rows, digits=digits, limit=top)


def _print_fluctuation(found: Fluctuation, names: Names, top: int) -> None:
    rows = [
        (
            str(bus),
            find_name(names, bus, "bus"),
            float(row["before_vm_pu"]),
            float(row["frozen_vm_pu"]),
            float(row["held_vm_pu"]),
            float(row["change_percent"]),
        )
        for bus, row in zip(found.table.index, found.table.to_dict("records"), strict=True)
    ]
    columns = ("bus", "name", "before p.u.", "frozen p.u.", "held p.u.", "change %")
    digits = {name: 4 for name in columns[2:5]} | {"change %": 2}
    title = f"{found.load} gives up {found.change_mw:,.1f} MW in {found.seconds:g} s"
    print_table(title, columns, rows, digits=digits, limit=top)
    known = found.limit_percent == found.limit_percent
    limit = f"{found.limit_percent:g} % is allowed" if known else "no limit is known"
    if found.change_percent != found.change_percent:
        print_line(f"no solution afterwards: the change at {found.bus} is not known; {limit}")
        return
    units = "units frozen" if found.answer == "frozen" else "units hold their voltage"
    print_line(f"{found.change_percent:+.2f} % at {found.bus} ({units}); {limit}")
