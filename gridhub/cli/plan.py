"""The command ``plan``: how much of a hub can be fed in each year, while what it waits for may be late."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import list_records, print_json, print_line, print_table
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    Method,
    NetworkArgument,
    TopOption,
    check_bus,
    check_snapshot,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.analysis.works.reinforcement import ReinforcementPlan
    from gridhub.analysis.years.years import YearsPlan
    from gridhub.model.network import Network
    from gridhub.placement.hub import Hub


@exits
def plan(
    network: NetworkArgument,
    hub: Annotated[
        Path | None, typer.Option("--hub", metavar="STUDY.toml", help="The hub of this study.")
    ] = None,
    bus: Annotated[str | None, typer.Option("--bus", help="Or its bus …")] = None,
    mw: Annotated[float | None, typer.Option("--mw", help="… and its contract power [MW].")] = None,
    years: Annotated[
        str, typer.Option("--years", metavar="FIRST-LAST", help="Years looked at.")
    ] = "2026-2030",
    ramp: Annotated[
        str | None,
        typer.Option(
            "--ramp", metavar="YEAR=MW,…", help="Contract power from a year on; all at once if none."
        ),
    ] = None,
    project: Annotated[
        list[str] | None,
        typer.Option(
            "--project", help="A planned project that may be late; repeated. All of the grid if none."
        ),
    ] = None,
    elsewhere: Annotated[
        list[str] | None, typer.Option("--elsewhere", metavar="BUS", help="A bus to compare with; repeated.")
    ] = None,
    works: Annotated[
        bool, typer.Option("--works", help="Plan reinforcements for the hub first and put them beside.")
    ] = False,
    snapshot: Annotated[
        list[str] | None, typer.Option("--snapshot", "-s", help="One state; may be repeated. All if none.")
    ] = None,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none' for ratings alone, or a region.")
    ] = "network",
    method: Annotated[
        Method, typer.Option("--method", help="Of the room: linear DC, or checked by AC.")
    ] = "dc",
    costs: Annotated[
        Path | None,
        typer.Option("--costs", metavar="COSTS.toml", help="Costs and delays; the network's own if none."),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Draws of the delays.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 1,
    states: Annotated[int, typer.Option("--states", min=1, help="Distinct networks solved at most.")] = 200,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", metavar="KEY=VALUE", help="Of hosting (effect=0.05 …) or power flow."),
    ] = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Plan a hub over years: feasible power, what it waits for, spending, and what else could be done."""
    from gridhub.analysis.years.inputs import PLANNED
    from gridhub.analysis.years.years import plan_years
    from gridhub.study.study import read_text

    check_page(out, force)
    settings: dict[str, Any] = {
        "criteria": None if criteria == "none" else criteria,
        "snapshots": tuple(snapshot) if snapshot else None,
        "method": method,
        "hosting": parse_settings(option),
        "elsewhere": tuple(elsewhere or ()),
        "draws": draws,
        "seed": seed,
        "maximum_states": states,
    }
    if costs is not None:
        settings["costs"] = read_text(costs)
    window = _read_years(years)
    wanted = _read_hub(hub, bus, mw)
    last = open_network(network, year=window[-1])
    for name in snapshot or ():
        check_snapshot(last, name)
    for place in [one for one in (wanted.data_center.bus, *(elsewhere or ())) if one]:
        check_bus(last, place)
    late: list[Any] | None = list(project) if project else None
    if works:
        late = [*(late or [PLANNED]), _plan_works(last, wanted, settings)]
    result = plan_years(network, wanted, window, _read_ramp(ramp), late, settings)
    page = write_page(out, force, result, last)
    if as_json:
        print_json(_build_document(result) | page)
    else:
        _print_result(result, top)
        print_page(page)


def _read_years(text: str) -> range:
    found = re.fullmatch(r"\s*(\d{4})\s*(?:-\s*(\d{4})\s*)?", text)
    if found is None or int(found[2] or found[1]) < int(found[1]):
        refuse(f"--years {text!r} is not FIRST-LAST, for example --years 2026-2030")
    return range(int(found[1]), int(found[2] or found[1]) + 1)


def _read_ramp(text: str | None) -> dict[int, float] | None:
    if text is None:
        return None
    ramp = {}
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{4})\s*=\s*(\d+(?:\.\d+)?)\s*", part)
        if found is None:
            refuse(f"--ramp {text!r} is not YEAR=MW,…, for example --ramp 2027=300,2030=1000")
        ramp[int(found[1])] = float(found[2])
    return ramp


def _read_hub(study: Path | None, bus: str | None, mw: float | None) -> Hub:
    from gridhub.placement.hub import DataCenter, Hub
    from gridhub.study.study import read_study

    if study is not None:
        if bus is not None or mw is not None:
            refuse("--hub brings its bus and power; leave --bus and --mw out")
        return read_study(study).hub
    if bus is None or mw is None:
        refuse("say which hub: --hub STUDY.toml, or --bus and --mw")
    return Hub(DataCenter("hub", contract_mw=mw, bus=bus))


def _plan_works(net: Network, hub: Hub, settings: dict[str, Any]) -> ReinforcementPlan:
    """Plan what removes the violations of the whole hub in the last year, were nothing late."""
    from gridhub.analysis.works.reinforcement import plan_reinforcement

    options: dict[str, Any] = {
        name: settings[name] for name in ("criteria", "snapshots", "costs") if name in settings
    }
    return plan_reinforcement(net, hub, options)


def _build_document(result: YearsPlan) -> dict[str, Any]:
    return {
        "network": result.network,
        "hub": result.hub,
        "bus": result.bus,
        "method": result.method,
        "criteria": result.criteria,
        "money_unit": result.money_unit,
        "draws": result.options.draws,
        "seed": result.options.seed,
        "verdict": result.verdict,
        "years": list_records(result.years, index="year"),
        "projects": list_records(result.projects, index="project"),
        "waits": list_records(result.waits, index="row"),
        "alternatives": list_records(result.alternatives, index="row"),
        "states": list_records(result.states, index="row"),
        "not_assessed": result.not_assessed,
    }


def _print_result(result: YearsPlan, top: int) -> None:
    shown = ["wanted_mw", "p10_mw", "p50_mw", "p90_mw", "met_percent", "room_in_time_mw", "capex_base"]
    rows: list[tuple[object, ...]] = [
        (str(year), *row)
        for year, row in zip(result.years.index, result.years[shown].to_numpy().tolist(), strict=True)
    ]
    heads = ["year", "wanted MW", "P10 MW", "P50 MW", "P90 MW", "met in %", "room, nothing late", "spent"]
    print_table(f"{result.hub} at {result.bus} in {result.network} ({result.money_unit})", heads, rows)
    waits = result.waits[result.waits["lost_mw"] > 0.05]
    korean = result.projects["name_ko"]
    rows = [
        (
            str(row["year"]),
            row["project"],
            korean.get(row["project"], ""),
            row["there_percent"],
            row["lost_mw"],
        )
        for row in waits.to_dict("records")
    ]
    print_table("what it waits for", ("year", "project", "name", "there in %", "lost MW"), rows, limit=top)
    names = ["alternative", "bus", "extra_mw", "p50_last_mw", "met_last_percent", "met_50_from", "cost_base"]
    rows = list(result.alternatives[names].itertuples(index=False, name=None))
    heads = ["what else", "bus", "own MW", "P50 MW", "met in %", "met from (50 %)", "cost"]
    rows = [(*row[:5], "–" if row[5] != row[5] else f"{row[5]:.0f}", row[6]) for row in rows]
    print_table("alternatives in the last year", heads, rows)
    print_line(result.verdict)
    print_line(f"criteria: {result.criteria or 'ratings alone'}")
    print_line(f"{result.options.draws:,} draws, seed {result.options.seed}")
    print_line(f"not assessed: {'; '.join(result.not_assessed)}")
