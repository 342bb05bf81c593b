"""The command ``carbon``: a hub's carbon-free share by the hour, and what more of it would cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import list_records, print_json, print_line, print_table, show_progress
from gridhub.cli.exits import exits
from gridhub.cli.inputs import ForceOption, JsonOption, OutOption
from gridhub.cli.profiles import parse_own

if TYPE_CHECKING:
    from gridhub.analysis.carbon.hub_sizing import SizingCurve


@exits
def carbon(
    study: Annotated[
        Path,
        typer.Argument(metavar="STUDY.toml", help="Network and hub, as for `study run`.", show_default=False),
    ],
    out: OutOption,
    share: Annotated[
        list[float] | None,
        typer.Option("--share", min=0.0, max=1.0, help="Carbon-free share to size for; may be repeated."),
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", min=0.0, help="Largest cost of a year: the share it buys is found too."),
    ] = None,
    typical_weeks: Annotated[
        int | None,
        typer.Option("--typical-weeks", min=0, help="Size on so many typical weeks; 0: on all hours."),
    ] = None,
    cost: Annotated[
        Literal["low", "base", "high"] | None,
        typer.Option("--cost", help="Which end of the cost ranges to take."),
    ] = None,
    discount_rate: Annotated[
        float | None,
        typer.Option(
            "--discount-rate", min=0.0, max=0.99, help="Real discount rate of a year, such as 0.045."
        ),
    ] = None,
    grid_price: Annotated[
        float | None, typer.Option("--grid-price", min=0.0, help="Price of energy from the grid, per MWh.")
    ] = None,
    grid_share: Annotated[
        float | None,
        typer.Option("--grid-share", min=0.0, max=1.0, help="Carbon-free share of the grid's energy."),
    ] = None,
    count_grid: Annotated[
        bool, typer.Option("--count-grid", help="The share counts the grid's carbon-free part too.")
    ] = False,
    own: Annotated[
        list[str] | None,
        typer.Option("--own", metavar="WHAT=FILE", help="Your series, as for `profiles`; may be repeated."),
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Match a hub's load with its own sun, wind and storage hour by hour; size them for more. A report."""
    from gridhub.placement.place import place
    from gridhub.report.write import write_report
    from gridhub.study.carbon import CarbonPart, summarise_carbon, trace_carbon
    from gridhub.study.source import open_network
    from gridhub.study.study import read_study

    asked = read_study(study)
    given: dict[str, Any] = {
        "shares": tuple(share) if share else None,
        "budget": budget,
        "typical_weeks": typical_weeks,
        "cost": cost,
        "discount_rate": discount_rate,
        "grid_price": grid_price,
        "grid_share": grid_share,
        "count_grid": count_grid or None,
    }
    part = replace(
        asked.carbon or CarbonPart(), **{key: value for key, value in given.items() if value is not None}
    )
    net = place(open_network(asked.network, study.parent, asked.year), asked.hub)
    with show_progress(quiet=as_json) as progress:
        curve = trace_carbon(
            net, asked.hub, part, asked.seed, year=asked.year, own=parse_own(own), progress=progress
        )
    report = write_report(out, curve, net, force=force)
    if as_json:
        document = {"folder": str(out), "report": str(report), **summarise_carbon(curve)}
        print_json({**document, "curve": list_records(curve.table, "target_percent"), "rules": curve.rules})
        return
    _print_curve(curve)
    print_line(f"report: {report}")


def _print_curve(curve: SizingCurve) -> None:
    asked = curve.as_asked
    row = asked.match.summary.iloc[0]
    money = f"{curve.currency}/MWh"
    figures = [
        ("24/7 score, without the grid", float(row["cfe_percent"]), "%"),
        ("24/7 score, with the grid's mix", float(row["cfe_grid_percent"]), "%"),
        ("annual share (RE100)", float(row["re100_percent"]), "%"),
        ("hours matched in full", float(row["matched_hours_percent"]), "%"),
        ("not matched", float(row["unmatched_mwh"]) / 1e3, "GWh"),
        ("surplus", float(row["surplus_mwh"]) / 1e3, "GWh"),
        ("cost of load", float(asked.summary["cost_per_mwh"]), money),
    ]
    print_table(f"{curve.hub} as asked", ("what", "value", "unit"), figures)
    names = [str(name) for name in curve.table.columns]
    sizes = names[names.index("surplus_percent") + 1 :]
    rows = [
        (
            f"{target:g} %",
            str(one["status"]),
            float(one["share_percent"]),
            float(one["cost_per_mwh"]),
            float(one["re100_percent"]),
            float(one["surplus_percent"]),
            *(float(one[name]) for name in sizes),
        )
        for target, one in curve.table.iterrows()
    ]
    columns = ("asked", "status", "matched %", money, "annual %", "surplus %", *sizes)
    print_table("Cheapest mix by carbon-free share", columns, rows)
    bought = curve.for_budget
    if bought is not None:
        parts = [f"{part} {size:,.0f} MW" for part, size in bought.sizes["p_mw"].items()]
        share = bought.match.summary["cfe_percent"].iloc[0]
        print_line(f"{bought.goal_value:,.0f} {curve.currency} a year buy {share:.1f} %: {', '.join(parts)}")
    for rule in curve.rules:
        print_line(rule)
