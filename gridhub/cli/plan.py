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
    RatingsOption,
    TopOption,
    check_bus,
    check_snapshot,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.study.source import open_with_plan

if TYPE_CHECKING:
    from gridhub.analysis.works.reinforcement import ReinforcementPlan
    from gridhub.analysis.years.years import YearsPlan
    from gridhub.model.network import Network
    from gridhub.model.plan import Plan
    from gridhub.placement.hub import Hub


@exits
def plan(
    network: NetworkArgument,
    hub: Annotated[
        Path | None, typer.Option("--hub", metavar="STUDY.toml", help="Take the hub of this study.")
    ] = None,
    bus: Annotated[str | None, typer.Option("--bus", help="Or give its bus, with --mw.")] = None,
    mw: Annotated[
        float | None, typer.Option("--mw", help="With --bus: contract power of the hub [MW].")
    ] = None,
    years: Annotated[
        str, typer.Option("--years", metavar="FIRST-LAST", help="Years to plan, such as 2026-2030 or 2030.")
    ] = "2026-2030",
    ramp: Annotated[
        str | None,
        typer.Option(
            "--ramp",
            metavar="YEAR=MW,…",
            help="Contract power from each year on, such as 2027=300,2030=1000; all of it from the first "
            "year "
            "if not given.",
        ),
    ] = None,
    project: Annotated[
        list[str] | None,
        typer.Option(
            "--project",
            metavar="PROJECT",
            help="A project of the network's plans that may be late; may be repeated. If none is given, all "
            "planned stations, lines and links may be.",
        ),
    ] = None,
    elsewhere: Annotated[
        list[str] | None,
        typer.Option("--elsewhere", metavar="BUS", help="Another bus to compare with; may be repeated."),
    ] = None,
    works: Annotated[
        bool,
        typer.Option(
            "--works",
            help="Plan reinforcements for the hub first; they are projects that may be late too. A network "
            "without plans needs this.",
        ),
    ] = False,
    snapshot: Annotated[
        list[str] | None,
        typer.Option("--snapshot", "-s", help="A stored state; may be repeated. All if not given."),
    ] = None,
    ratings: RatingsOption = None,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none' for ratings alone, or a region.")
    ] = "network",
    method: Annotated[
        Method, typer.Option("--method", help="How room is found: by linear DC, or then checked by AC.")
    ] = "dc",
    costs: Annotated[
        Path | None,
        typer.Option(
            "--costs", metavar="COSTS.toml", help="Unit costs and delays; the network's own if not given."
        ),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="How often delays are drawn.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed draws the same delays.")] = 1,
    states: Annotated[int, typer.Option("--states", min=1, help="Different networks solved at most.")] = 200,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="An option of hosting (effect=0.05 …) or power flow; may be repeated.",
        ),
    ] = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Plan a hub over years: feasible power, what it waits for, spending, and what else could be done.

    Projects of the network's plans may come late, and works of --works.

    Example: gridhub plan korea-2025-backbone --bus singangjin-345 --mw 500
    """
    from gridhub.analysis.years.inputs import PLANNED
    from gridhub.analysis.years.years import plan_years
    from gridhub.study.study import read_text

    check_page(out, force)
    settings: dict[str, Any] = {
        "criteria": None if criteria == "none" else criteria,
        "snapshots": tuple(snapshot) if snapshot else None,
        "ratings": ratings,
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
    stands, plans = open_with_plan(network)
    if plans is None and (project or not works):
        refuse(_explain_no_plans(stands.name, network))
    last = _build_last(stands, plans, window[-1], ratings)
    for name in snapshot or ():
        check_snapshot(last, name)
    for place in [one for one in (wanted.data_center.bus, *(elsewhere or ())) if one]:
        check_bus(last, place)
    late: list[Any] = list(project) if project else [PLANNED] if plans is not None else []
    if works:
        late.append(_plan_works(last, wanted, settings))
    result = plan_years(
        network if plans is not None else stands, wanted, window, _read_ramp(ramp), late, settings
    )
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


def _explain_no_plans(name: str, typed: str) -> str:
    return (
        f"network {name!r} has no plans: it is no folder with plan/project.csv, so no planned project can be "
        "late. Leave --project out and give --works, which plans reinforcements for the hub and takes "
        "them as "
        f"the projects; or take a network with plans; or ask for the room as it stands: gridhub host {typed}"
    )


def _build_last(net: Network, plans: Plan | None, year: int, ratings: str | None) -> Network:
    """Build the network of the last year, every project in time."""
    from gridhub.model.plan import apply_plan
    from gridhub.reference import bring_to

    return bring_to(net if plans is None else apply_plan(net, plans, year), None, None, ratings)


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
    for row in result.alternatives.to_dict("records"):
        if row["note"]:
            print_line(f"{row['alternative']}: {row['note']}")
    print_line(result.verdict)
    print_line(f"criteria: {result.criteria or 'ratings alone'}")
    print_line(f"{result.options.draws:,} draws, seed {result.options.seed}")
    print_line(f"not assessed: {'; '.join(result.not_assessed)}")
