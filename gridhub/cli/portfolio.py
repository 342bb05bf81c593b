"""The command ``portfolio``: sites, sun, wind, storage and lines together at least cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import list_records, print_json, print_line, print_table
from gridhub.cli.exits import exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    NetworkArgument,
    RatingsOption,
    YearOption,
    find_criteria,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.portfolio.portfolio import Portfolio


@exits
def portfolio(
    network: NetworkArgument,
    sites: Annotated[
        Path,
        typer.Option(
            "--sites",
            metavar="SITES.csv",
            help="A table with the columns site, bus, max_mw; optional are min_mw, cost, cost_per_mw.",
        ),
    ],
    mw: Annotated[float, typer.Option("--mw", help="Contract power of all sites together [MW].")],
    share: Annotated[
        float, typer.Option("--share", min=0.0, max=1.0, help="Least carbon-free share of the energy.")
    ] = 0.0,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            help="A kind of plant that may be built: solar, wind, offshore_wind; may be repeated. If not "
            "given, solar and wind.",
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, help="Typical days that stand for the year.")] = 4,
    grid_price: Annotated[
        float,
        typer.Option(
            "--grid-price", min=0.0, help="Price of energy from the grid, per MWh, in the network's currency."
        ),
    ] = 0.0,
    grid_share: Annotated[
        float,
        typer.Option(
            "--grid-share",
            min=0.0,
            max=1.0,
            help="Carbon-free share of the grid's energy; it counts towards --share.",
        ),
    ] = 0.0,
    lines: Annotated[
        bool,
        typer.Option("--lines/--no-lines", help="Offer circuits and banks where the room ends."),
    ] = True,
    snapshot: Annotated[
        list[str] | None,
        typer.Option("--snapshot", "-s", help="A stored state; may be repeated. All if not given."),
    ] = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none' for ratings alone, or a region.")
    ] = "network",
    rate_share: Annotated[
        float,
        typer.Option("--rate-share", min=0.1, max=1.0, help="Share of a rating that active power may use."),
    ] = 1.0,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Run every outage by AC at the end.")
    ] = True,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the weather: the same seed makes the same hours.")
    ] = 0,
    out: PageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Choose sites, sun, wind, storage and lines for a total and a carbon-free share at least cost.

    Hours are made as by `gridhub profiles`, from the network's document profiles.
    It is a profiles.toml, named in network.toml; costs come from the document costs.
    To see one: gridhub convert korea-2025-backbone DIR

    Example: gridhub portfolio korea-2025-backbone --sites SITES.csv --mw 500 --share 0.6
    """
    from gridhub.analysis.portfolio.hours import make_site_hours, offer_lines
    from gridhub.analysis.portfolio.portfolio import plan_portfolio
    from gridhub.analysis.works.reinforcement_options import find_costs

    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    table = _read_sites(sites, list(map(str, net.bus.index)))
    judged = find_criteria(net, criteria)
    states = tuple(snapshot) if snapshot else None
    hours = make_site_hours(net, table, tuple(kind or ("solar", "wind")), days, seed=seed)
    buses = table["bus"].tolist()
    works = offer_lines(net, buses, find_costs(net, None), judged, states) if lines else []
    settings: dict[str, Any] = {"criteria": judged, "snapshots": states, "verify": verify}
    settings |= {"grid_price": grid_price, "grid_share": grid_share, "rate_share": rate_share}
    found = plan_portfolio(net, table, mw, hours.load, hours.output, hours.weights, share, works, settings)
    page = write_page(out, force, found, net)
    if as_json:
        print_json(_build_document(found) | page)
        return
    _print_result(found)
    print_line(f"typical days miss: {'; '.join(hours.typical.not_represented)}")
    print_page(page)


def _read_sites(path: Path, buses: list[str]) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"site": str, "bus": str})
    except (OSError, ValueError) as error:
        refuse(f"--sites {path}: {error}")
    missing = [name for name in ("site", "bus", "max_mw") if name not in table]
    if missing:
        refuse(f"--sites {path}: lacks {', '.join(missing)}; wants site, bus, max_mw")
    unknown = [bus for bus in table["bus"] if bus not in buses]
    if unknown:
        refuse(f"--sites {path}: no bus {unknown[0]!r} in the network")
    return table.set_index("site")


def _build_document(found: Portfolio) -> dict[str, Any]:
    return {
        "network": found.network,
        "criteria": found.criteria,
        "status": found.status,
        "verdict": found.verdict,
        "sites": list_records(found.sites, index="site"),
        "works": [one.name for one in found.works],
        "cost": {str(name): float(value) for name, value in found.cost.items()},
        "summary": dict(found.summary),
        "caused": list_records(found.caused, index="row"),
        "assumptions": found.assumptions,
        "not_assessed": found.not_assessed,
    }


def _print_result(found: Portfolio) -> None:
    unit = found.summary["money_unit"]
    names = [name for name in found.sites.columns if name not in ("load_mwh", "grid_mwh")]
    rows = [
        (str(site), *row)
        for site, row in zip(found.sites.index, found.sites[names].to_numpy().tolist(), strict=True)
    ]
    print_table(
        f"{found.network}: sites ({unit} a year)", ["site", *(n.replace("_", " ") for n in names)], rows
    )
    parts = [(str(name), float(value)) for name, value in found.cost.items()]
    print_table("cost of a year", ("part", unit), parts)
    for one in found.works:
        print_line(f"line: {one.name}, {one.description}, {one.cost.base:,.1f} {unit}")
    print_line(found.verdict)
    print_line(f"carbon-free: {found.summary['share_percent']:.1f} % of the typical days")
    print_line(f"assumed: {'; '.join(found.assumptions)}")
    print_line(f"not assessed: {'; '.join(found.not_assessed)}")
