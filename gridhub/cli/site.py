"""The command ``site``: candidate sites of a hub side by side, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import format_number, list_records, print_json, print_line, print_table
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    NetworkArgument,
    RatingsOption,
    TopOption,
    YearOption,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.siting.siting import SiteRanking
    from gridhub.model.network import Network


EVIDENCE = ("impact", "supplying_banks", "raised_branches", "hub_losses")
"""Tables of ``SiteRanking.impact`` that the document holds."""


@exits
def site(
    network: NetworkArgument,
    sites: Annotated[
        Path | None,
        typer.Option(
            "--sites",
            metavar="CSV",
            help="A table of sites: the first column names the site, then lat, lon, or bus. The region's "
            "own if not given.",
        ),
    ] = None,
    mw: Annotated[float, typer.Option("--mw", min=0.001, help="Contract power of the hub [MW].")] = 1000.0,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight", metavar="CRITERION=VALUE", help="Weight of a criterion of the table; may be repeated."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="An option of the ranking, such as market=true, score=topsis, method=ac, impact=off or "
            "seed=1; may be repeated.",
        ),
    ] = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    top: TopOption = 20,
    out: PageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Rank candidate sites: room, connection, works, dates, feeds, loss of the hub, latency, losses, climate.

    Example: gridhub site korea-2025-backbone --mw 500
    """
    from gridhub.analysis.siting.siting import rank_sites
    from gridhub.placement.hub import DataCenter

    net = open_network(network, year=year, ratings=ratings)
    check_page(out, force)
    table = _read_sites(net, sites)
    settings: dict[str, Any] = dict(parse_settings(option))
    points = _read_points(net)
    if points is not None:
        settings["landing_points"] = points
    if weight:
        settings["weights"] = parse_settings(weight)
    hub = DataCenter("hub", contract_mw=mw, bus=str(net.bus.index[0]))
    result = rank_sites(net, table, hub, settings)
    page = write_page(out, force, result, net)
    if as_json:
        print_json(_build_document(result, mw) | page)
    else:
        _print_result(net, result, mw, top)
        print_page(page)


def _read_sites(net: Network, path: Path | None) -> pd.DataFrame:
    """Read the sites of a file, or those of the network's region."""
    import pandas as pd

    from gridhub.reference import read_region_table

    try:
        return read_region_table(net.name, "sites") if path is None else pd.read_csv(path, index_col=0)
    except KeyError as error:
        refuse(f"{error.args[0]}; name a table with --sites")
    except (OSError, ValueError) as error:
        refuse(f"--sites {path}: {error}")


def _read_points(net: Network) -> pd.DataFrame | None:
    """Read the landing points of the network's region, if it has any."""
    from gridhub.reference import read_region_table

    try:
        return read_region_table(net.name, "landing_points")
    except KeyError:
        return None


def _build_document(result: SiteRanking, mw: float) -> dict[str, Any]:
    return {
        "network": result.network,
        "contract_mw": mw,
        "sites": list_records(result.table, index="site"),
        "criteria": list_records(result.criteria, index="criterion"),
        "left_out": dict(result.left_out),
        **{name: getattr(result.impact, name).to_dict("records") for name in EVIDENCE},
    }


def _print_loss(result: SiteRanking) -> None:
    """Say what the loss of the hub does at the best site, and what the best site asks of the grid."""
    from gridhub.analysis.siting.impact import LOSS_GAPS

    best = str(result.table.index[0])
    losses, impact = (
        table[table["site"] == best] for table in (result.impact.hub_losses, result.impact.impact)
    )
    if losses.empty:
        return
    row = result.table.iloc[0]
    print_line(
        f"loss of the hub at {best}: {row['hub_loss_mw']:,.0f} MW at once ({row['hub_loss_state']}), voltage "
        f"up by {format_number(float(losses['rise_percent'].max()))} %, {int(losses['caused'].max())} "
        f"branches overloaded anew, {int(losses['reversed'].max())} flows turned round; not assessed: "
        f"{LOSS_GAPS}"
    )
    print_line(
        f"evidence for an impact assessment at {best} (no official score): up to "
        f"{int(impact['raised'].max())} branches rise by more than 5 points, supplying banks to "
        f"{format_number(float(impact['n1_after_percent'].max()))} % after an outage; all sites with --json "
        "or --out"
    )


def _print_result(net: Network, result: SiteRanking, mw: float, top: int) -> None:
    criteria = list(result.criteria.index)
    rows = [
        (
            str(name),
            float(row["rank"]),
            float(row["rank_stability"]),
            float(row["score"]),
            *(float(row[one]) for one in criteria),
            str(row["bus"] or row["note"]),
        )
        for name, row in result.table.iterrows()
    ]
    headings = ("site", "rank", "in top three", "score", *criteria, "point of connection")
    digits = {"rank": 0, "in top three": 2, "score": 2, "feeds": 0, "reinforcement_per_mw": 3}
    print_table(f"{net.name}: sites for a hub of {mw:,.0f} MW", headings, rows, digits, limit=top)
    if "reinforcement_per_mw" in criteria:
        best = result.table.iloc[0]
        print_line(f"works at {result.table.index[0]}, an estimate: {best['works']}")
    _print_loss(result)
    able = int((result.table["short_mw"] == 0).sum())
    print_line(f"{able} of {len(rows)} sites have firm headroom for {mw:,.0f} MW as the grid stands")
    units = ", ".join(
        f"{name} [{row['unit']}] x {row['weight']:.2f}" for name, row in result.criteria.iterrows()
    )
    print_line(f"criteria and weights: {units}")
    for name, reason in result.left_out.items():
        print_line(f"left out: {name}: {reason}")
