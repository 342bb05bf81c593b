"""The command ``reinforce``: works that remove the violations of a grid or of a hub, costed and verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import list_records, make_plain, print_json, print_line, print_table
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    NetworkArgument,
    RatingsOption,
    SnapshotOption,
    TopOption,
    YearOption,
    check_snapshot,
    find_criteria,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    from gridhub.analysis.works.reinforcement import ReinforcementPlan
    from gridhub.analysis.works.value import WorksValue


@exits
def reinforce(
    network: NetworkArgument,
    hub: Annotated[
        Path | None,
        typer.Option(
            "--hub",
            metavar="STUDY.toml",
            help="Remove what the hub of this study causes; without it, what is wrong in the network itself.",
        ),
    ] = None,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none' for ratings alone, or a region.")
    ] = "network",
    costs: Annotated[
        Path | None,
        typer.Option("--costs", metavar="COSTS.toml", help="Unit costs; the network's own if not given."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="An option of the plan (routes=8, maximum_works=20 …) or power flow; may be repeated.",
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="A kind of work that may be built; may be repeated. If not given: circuits, conductors, "
            "banks "
            "and compensation; there are also series_capacitor, hvdc, storage, flexible_load (a contract to "
            "shed), remedial_scheme.",
        ),
    ] = None,
    hours: Annotated[
        str | None,
        typer.Option(
            "--hours",
            metavar="SNAPSHOT=H,…",
            help="Hours a year that each state stands for, such as winter_peak=200,spring_midday=1500: "
            "prices the calls of a flexible load, which else stay unpriced.",
        ),
    ] = None,
    value: Annotated[
        bool,
        typer.Option(
            "--value",
            help="Also say what each work is worth, by dispatch with and without it: B/C, NPV, cost per MW.",
        ),
    ] = False,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Choose works, greedily and by a MILP, and verify both by AC under every outage.

    Example: gridhub reinforce korea-2025-backbone -s winter_peak --out works
    """
    from gridhub.analysis.security.security import run_security
    from gridhub.analysis.works.reinforcement import plan_reinforcement
    from gridhub.study.study import read_study, read_text

    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    check_snapshot(net, snapshot)
    judged = find_criteria(net, criteria)
    settings: dict[str, Any] = {**parse_settings(option), "criteria": judged}
    if costs is not None:
        settings["costs"] = read_text(costs)
    if kind:
        settings["kinds"] = tuple(kind)
    if hours is not None:
        settings["hours"] = _read_hours(hours)
    if hub is not None:
        if snapshot is not None:
            settings["snapshots"] = (snapshot,)
        result = plan_reinforcement(net, read_study(hub).hub, settings)
    else:
        result = plan_reinforcement(net, run_security(net, None, judged, snapshot), settings)
    worth = _value(result) if value and result.chosen else None
    page = write_page(out, force, result, *([worth] if worth is not None else []), net)
    if as_json:
        print_json(_build_document(result) | (_describe_worth(worth) if worth is not None else {}) | page)
    else:
        _print_result(result, top)
        if worth is not None:
            _print_worth(worth)
        print_page(page)


def _read_hours(text: str) -> dict[str, float]:
    found = {}
    for part in text.split(","):
        name, sign, value = part.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            refuse(
                f"--hours {text!r} is not SNAPSHOT=H,…, for example --hours winter_peak=200,summer_peak=150"
            )
    return found


def _value(result: ReinforcementPlan) -> WorksValue:
    from gridhub.analysis.works.value import value_reinforcement

    return value_reinforcement(result, options={"commitment": "relaxed"})


def _describe_worth(worth: WorksValue) -> dict[str, Any]:
    rows = [
        {"work": work, "method": method, **row}
        for (work, method), row in zip(worth.table.index, worth.table.to_dict("records"), strict=True)
    ]
    keys = {"verdict": worth.verdict, "bus": worth.bus, "rows": rows}
    keys |= {"assumptions": worth.assumptions, "not_assessed": worth.not_assessed}
    return {"value": make_plain(keys)}


def _print_worth(worth: WorksValue) -> None:
    names = [
        "benefit",
        "cost_base",
        "yearly_base",
        "npv_4_5",
        "bc_4_5",
        "npv_4",
        "bc_4",
        "freed_mw",
        "cost_per_mw",
    ]
    rows = [
        (*key, *row)
        for key, row in zip(worth.table.index, worth.table[names].to_numpy().tolist(), strict=True)
    ]
    heads = [
        "work",
        "against",
        "saves a year",
        "costs",
        "and a year",
        "NPV 4.5 %",
        "B/C 4.5 %",
        "NPV 4 %",
        "B/C 4 %",
    ]
    heads += ["freed MW", "cost per MW"]
    digits = dict.fromkeys(("B/C 4.5 %", "B/C 4 %", "cost per MW"), 2)
    print_table(f"worth, {worth.money_unit}", heads, rows, digits=digits)
    print_line(worth.verdict)
    print_line(f"assumed: {'; '.join(worth.assumptions)}; units may rest (relaxed commitment)")
    print_line(f"worth does not count: {'; '.join(worth.not_assessed)}")


def _build_document(result: ReinforcementPlan) -> dict[str, Any]:
    return {
        "network": result.network,
        "criteria": result.criteria,
        "snapshots": result.snapshots,
        "money_unit": result.money_unit,
        "verdict": result.verdict,
        "method": result.method,
        "selection": list_records(result.selection, index="method"),
        "works": list_records(result.works, index="row"),
        "greedy_steps": list_records(result.greedy_steps, index="row"),
        "candidates": list_records(result.candidates, index="candidate"),
        "cleared": list_records(result.cleared, index="row"),
        "before": list_records(result.before, index="row"),
        "left": list_records(result.left, index="row"),
        "without_candidate": result.without_candidate,
        "not_offered": result.not_offered,
        "schemes": list_records(result.schemes, index="row"),
        "not_assessed": result.not_assessed,
    }


def _print_faults(result: ReinforcementPlan, top: int) -> None:
    """Print the fault level of each work at the end that it raises most."""
    names = ["fault_bus", "fault_before_ka", "fault_after_ka", "breaker_ka", "fault_state"]
    table = result.candidates.loc[result.works["candidate"], names]
    table = table[table["fault_bus"].notna()]
    if len(table):
        heads = ["work", "at", "before kA", "with it kA", "breaker kA", "state"]
        rows = [(str(work), *row) for work, row in zip(table.index, table.to_numpy().tolist(), strict=True)]
        print_table("fault level, indicative", heads, rows, limit=top)


def _print_result(result: ReinforcementPlan, top: int) -> None:
    names = ["candidate", "length_km", "cost_low", "cost_base", "cost_high", "cost_usd_base", "lead_years"]
    names.append("lead_p90_years")
    rows = list(result.works[names].itertuples(index=False, name=None))
    title = f"{result.network}: works by {result.method}, {result.money_unit}"
    heads = ["candidate", "km", "low", "base", "high", "base in USD", "years", "9 in 10 by"]
    print_table(title, heads, rows, limit=top, digits={"base in USD": 3})
    _print_faults(result, top)
    shown = ["works", "cost_low", "cost_base", "cost_high", "before_violations", "left_violations"]
    both = result.selection.reset_index()[["method", *shown, "left_points"]]
    rows = list(both.itertuples(index=False, name=None))
    print_table("verified by AC", [str(name).replace("_", " ") for name in both.columns], rows)
    left = result.left.sort_values("loading_percent", ascending=False, kind="stable", na_position="last")
    if len(left):
        columns = ["snapshot", "contingency", "element", "kind", "value", "limit", "unit"]
        rows = list(left[columns].itertuples(index=False, name=None))
        digits = {"value": 3, "limit": 3}
        print_table("left with the works", columns, rows, limit=top, digits=digits)
    if len(result.schemes):
        columns = ["snapshot", "contingency", "variant", "violations", "worst_element"]
        columns += ["worst_loading_percent", "tripped_mw", "shed_mw", "run_back_mw"]
        rows = list(result.schemes[columns].itertuples(index=False, name=None))
        heads = [name.removesuffix("_mw").removesuffix("_percent").replace("_", " ") for name in columns]
        print_table("what the schemes do, by AC with all works", heads, rows, limit=top)
    print_line(result.verdict)
    for text in result.not_offered:
        print_line(f"not offered: {text}")
    print_line(f"criteria: {result.criteria or 'ratings alone'}")
    print_line(f"not assessed: {'; '.join(result.not_assessed)}")
