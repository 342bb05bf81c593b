"""The command ``dispatch``: hours at least cost, what the grid and its N-1 security cost, and where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import (
    find_name,
    list_records,
    print_json,
    print_line,
    print_note,
    print_table,
    show_progress,
)
from gridhub.cli.dispatch_options import FLEXIBLE, RAMP, add_flexible_and_ramps
from gridhub.cli.exits import DONE, FOUND, exits, refuse
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
    NetworkArgument,
    RatingsOption,
    SnapshotOption,
    TopOption,
    YearOption,
    check_snapshot,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.errors import name_ids
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.dispatch.change import DispatchChange
    from gridhub.analysis.dispatch.check import DispatchCheck
    from gridhub.analysis.dispatch.dispatch import Dispatch
    from gridhub.model.network import Network
    from gridhub.report.names import Names

FailOn = Literal["infeasible", "shedding", "ac"]


@exits
def dispatch(
    network: NetworkArgument,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            "--profile",
            "-p",
            metavar="TABLE.COLUMN=FILE",
            help="Hourly MW of a column, such as load.p_mw=load.csv (or .parquet): first column the hours, "
            "one column for each id; may be repeated. None: the snapshot alone.",
        ),
    ] = None,
    security: Annotated[
        Literal["none", "n-1"], typer.Option("--security", help="Outages that every hour survives.")
    ] = "none",
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on",
            help="Exit with 1 on hours without a dispatch, on load not served, or on what --check finds.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="Keep finished hours there as Parquet files; a run that was stopped goes on from them.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-o", metavar="KEY=VALUE", help="An option of the dispatch; may be repeated."
        ),
    ] = None,
    flexible: Annotated[
        list[str] | None,
        typer.Option(
            "--flexible",
            metavar=FLEXIBLE,
            help="What a load may leave unserved in an hour and over all hours, at which price, for how many "
            "hours in a row, with which notice in hours; may be repeated.",
        ),
    ] = None,
    ramp: Annotated[
        list[str] | None,
        typer.Option(
            "--ramp",
            metavar=RAMP,
            help="Most that the output of a unit changes from hour to hour; may be repeated.",
        ),
    ] = None,
    reserve: Annotated[
        Path | None,
        typer.Option(
            "--reserve",
            metavar="FILE",
            help="Reserve of each hour in MW (.csv or .parquet): first column the hours, one more column. "
            "One for all hours: -o reserve_mw=MW; a share of the load: -o reserve_load_share=0.05.",
        ),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="intact|NETWORK",
            help='Say what changes: from "intact", the same hours without outages, or from another '
            "network as it "
            "stands, such as the one without the hub.",
        ),
    ] = None,
    check: Annotated[
        Literal["n", "n-1"] | None,
        typer.Option("--check", help="Check the most telling hours by AC, intact or with every outage."),
    ] = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 10,
    as_json: JsonOption = False,
) -> int:
    """Dispatch hours at least cost on the DC model, within limits before and after outages.

    Hours are the snapshot alone, or those of --profile.
    Profiles name no season: with --ratings every hour has those of the snapshot.

    Example: gridhub dispatch korea-2025-backbone -s winter_peak --security n-1
    """
    from gridhub.analysis.dispatch.check import check_dispatch
    from gridhub.analysis.dispatch.dispatch import run_dispatch

    if fail_on == "ac" and check is None:
        refuse("--fail-on ac wants --check n or --check n-1")
    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    state = check_snapshot(net, snapshot)
    profiles = read_profile_files(profile)
    if profiles and ratings is not None:
        print_note(f"every hour has the ratings of snapshot {state}: profiles name no season")
    chosen = None if security == "none" else security
    settings = add_flexible_and_ramps(net, parse_settings(option), flexible, ramp)
    if reserve is not None:
        if "reserve_mw" in settings:
            refuse("--reserve and --option reserve_mw say the same: give one")
        hours = next(iter(profiles.values())).index if profiles else None
        settings["reserve_mw"] = read_reserve_file(reserve, hours)
    with show_progress(as_json) as tell:
        result = run_dispatch(
            net,
            profiles or None,
            chosen,
            settings,
            snapshot=snapshot,
            folder=folder,
            progress=None if tell is None else lambda done, count: tell("dispatch", done / count),
        )
    change = None if compare is None else _compare(net, compare, result, profiles, chosen, settings, ratings)
    checked = None
    if check is not None:
        checked = check_dispatch(net, profiles or None, result, security=None if check == "n" else check)
    failed = fail_on is not None and _has_found(result, fail_on, checked)
    page = write_page(out, force, *(part for part in (result, change, checked) if part is not None), net)
    if as_json:
        document = _build_document(result, FOUND if failed else DONE)
        print_json(document | _list_more(change, checked) | page)
    else:
        _print_result(net, result, top)
        _print_more(change, checked)
        if failed:
            print_line(f"--fail-on {fail_on}: found")
        print_page(page)
    return FOUND if failed else DONE


def _compare(
    net: Network,
    base: str,
    result: Dispatch,
    profiles: dict[tuple[str, str], pd.DataFrame],
    security: str | None,
    settings: dict[str, Any],
    ratings: str | None,
) -> DispatchChange:
    """Dispatch the same hours without outages, or on another network, and compare."""
    from gridhub.analysis.dispatch.change import compare_dispatch
    from gridhub.analysis.dispatch.dispatch import run_dispatch
    from gridhub.analysis.dispatch.options import drop_unknown_ids

    if base == "intact":
        if security is None:
            refuse("--compare intact wants --security n-1: there are no outages to leave out")
        other, names, security = net, ("intact", str(security)), None
    else:
        other = open_network(base, ratings=ratings)
        names = (other.name, net.name if other.name != net.name else f"{net.name} (asked)")
        # a hub's own hours and options mean nothing to the network without it
        profiles = {
            key: frame.loc[:, frame.columns.isin(other.tables[key[0]].index)]
            for key, frame in profiles.items()
        }
        settings = drop_unknown_ids(settings, other.tables["generator"].index, other.tables["load"].index)
    before = run_dispatch(other, profiles or None, security, settings, snapshot=result.snapshot or None)
    return compare_dispatch(before, result, names)


def _list_more(change: DispatchChange | None, checked: DispatchCheck | None) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if change is not None:
        more["change"] = list_records(change.figures, index="figure")
        more["congestion_change"] = list_records(change.congestion.reset_index(), index="row")
    if checked is not None:
        more["ac_summary"] = dict(checked.summary)
        more["ac_hours"] = list_records(checked.hours, index="hour")
        more["ac_violations"] = list_records(checked.violations, index="row")
        more["ac_unsolved"] = list_records(checked.unsolved, index="row")
    return more


def _print_more(change: DispatchChange | None, checked: DispatchCheck | None) -> None:
    if change is not None:
        rows = [
            (str(key).replace("_", " "), row["before"], row["after"], row["change"], row["unit"])
            for key, row in change.figures.iterrows()
        ]
        print_table(
            f"From {change.before} to {change.after}", ("figure", "before", "after", "change", "unit"), rows
        )
        if change.left_out:
            print_line(f"{change.left_out} hours without a dispatch are in no sum")
    if checked is not None:
        hours = [
            (str(hour), row["status"], row["losses_mw"], row["dispatch_losses_mw"], row["lowest_vm_pu"],
             row["worst_loading_percent"], row["violations"], row.get("outages_with_violations", ""))
            for hour, row in checked.hours.iterrows()
        ]  # fmt: skip
        print_table(
            f"AC check: {checked.summary['chosen']}",
            (
                "hour",
                "status",
                "losses MW",
                "in dispatch",
                "lowest p.u.",
                "worst %",
                "violations",
                "outages with",
            ),
            hours,
        )
        for row in checked.unsolved.itertuples():
            where = f" after {row.contingency!s}" if row.contingency else ""
            print_line(f"no AC solution: {row.hour!s}{where}: {row.reason!s}")


def read_profile_files(texts: Sequence[str] | None) -> dict[tuple[str, str], pd.DataFrame]:
    """Read hourly profiles named as ``table.column=file``.

    Raises
    ------
    GridhubError
        If a text is not of that form, or a file cannot be read.
    """
    profiles: dict[tuple[str, str], pd.DataFrame] = {}
    for text in texts or ():
        key, _, name = text.partition("=")
        table, dot, column = key.strip().partition(".")
        if not name or not dot:
            refuse(f"--profile {text!r} is not TABLE.COLUMN=FILE, for example load.p_mw=load.csv")
        profiles[table, column] = _read_hours(f"--profile {text!r}", Path(name.strip()))
    return profiles


def read_last_column(path: Path, option: str) -> pd.Series:
    """Read a table such as hour and weight, or bus and MW: index the first column, values the last.

    Raises
    ------
    GridhubError
        If it cannot be read, or has a value that is no number of at least 0.
    """
    what = f"{option} {str(path)!r}"
    frame = _read_hours(what, path)
    if frame.empty:
        refuse(f"{what}: wants a name and a number in every row")
    return _read_amounts(what, frame.iloc[:, -1]).rename(index=str)


def _read_amounts(what: str, values: pd.Series) -> pd.Series:
    """Read numbers of at least 0; every row without one is named."""
    import pandas as pd

    amounts = pd.to_numeric(values, errors="coerce")
    wrong = values[~(amounts >= 0.0)]
    if len(wrong):
        found = name_ids([f"{row}: {value}" for row, value in wrong.items()])
        refuse(f"{what}: wants a number of at least 0 in every row; {len(wrong):,} have none: {found}")
    return amounts


def read_reserve_file(path: Path, hours: pd.Index | None) -> list[float]:
    """Read the reserve of each hour.

    Parameters
    ----------
    path : Path
    hours : Index, optional
        Of the profiles; None: there are none.

    Raises
    ------
    GridhubError
        If the file cannot be read, has not one column, a value that is no MW of 0 or more, or other hours.
    """
    what = f"--reserve {str(path)!r}"
    frame = _read_hours(what, path)
    if len(frame.columns) != 1:
        names = name_ids(frame.columns) or "none"
        refuse(f"{what}: wants the hours and one column of MW; beside the hours there are {names}")
    reserve = _read_amounts(what, frame.iloc[:, 0])
    if hours is not None and list(map(str, hours)) != list(map(str, frame.index)):
        refuse(
            f"{what}: its {len(frame):,} hours from {name_ids(frame.index[:1]) or 'none'} are not the "
            f"{len(hours):,} of the profiles from {hours[0]}"
        )
    return [float(value) for value in reserve]


def _read_hours(what: str, path: Path) -> pd.DataFrame:
    """Read a table of hours."""
    import pandas as pd

    try:
        frame = pd.read_csv(path, index_col=0) if path.suffix != ".parquet" else pd.read_parquet(path)
        # files of the command profiles keep the hours as a column
        if path.suffix == ".parquet" and "hour" in frame.columns[:1]:
            frame = frame.set_index("hour")
    except (OSError, ValueError) as error:
        refuse(f"{what}: {error}")
    frame.columns = frame.columns.map(str)
    return frame


def _has_found(result: Dispatch, fail_on: FailOn, checked: DispatchCheck | None) -> bool:
    if fail_on == "ac":
        return checked is not None and bool(len(checked.violations) or len(checked.unsolved))
    if fail_on == "shedding":
        short = result.summary["shed_mwh"] + result.summary["dead_load_mwh"]
        return bool(short > 1e-6 or (result.status["status"] != "OPTIMAL").any())
    return bool((result.status["status"] != "OPTIMAL").any())


def _build_document(result: Dispatch, code: int) -> dict[str, Any]:
    from gridhub.analysis.dispatch.congestion import report_congestion
    from gridhub.analysis.dispatch.flexible import report_flexible

    return {
        "exit_code": code,
        "network": result.network,
        "snapshot": result.snapshot,
        "currency": result.currency,
        "summary": dict(result.summary),
        "status": list_records(result.status, index="hour"),
        "congestion": list_records(report_congestion(result).reset_index(), index="row"),
        "conflicts": list_records(result.conflicts, index="row"),
        "flexible": list_records(report_flexible(result), index="load"),
        "generation_mwh": {str(k): float(v) for k, v in result.generation.sum().items()},
        **{
            f"mean_{name}": {str(k): float(v) for k, v in getattr(result, name).mean().items()}
            for name in ("price", "price_loss", "price_congestion")
        },
    }


def _print_result(net: Network, result: Dispatch, top: int) -> None:
    from gridhub.analysis.dispatch.congestion import report_congestion
    from gridhub.report.names import build_names

    names, money = build_names(net), result.currency or "currency"
    summary = result.summary
    units = dict.fromkeys(
        ("cost", "cost_intact", "cost_market", "security_cost", "congestion_cost", "congestion_rent"), money
    )
    rows = []
    for key, value in summary.items():
        suffix = next((end for end in ("mwh", "mw", "h") if key.endswith(f"_{end}")), "")
        unit = suffix.replace("mw", "MW") or units.get(key, "")
        name = key.removesuffix(f"_{suffix}").replace("_", " ")
        rows.append((name, ", ".join(map(str, value[:5])) if isinstance(value, tuple) else value, unit))
    state = f", snapshot {result.snapshot}" if result.snapshot else ""
    print_table(f"{result.network}{state}: dispatch", ("quantity", "value", "unit"), rows)
    told = list(result.status[result.status["reason"] != ""].groupby("reason", sort=False))
    for reason, hours in told[:top]:
        print_line(f"{name_ids(hours.index)}: {reason}")
    if len(told) > top:
        print_line(f"and {len(told) - top:,} other reasons: see the column reason of the status (--json)")
    report = report_congestion(result).head(top)
    if len(report):
        tables = {"link": "hvdc", "interface": "interface"}
        kinds, elements = (report.index.get_level_values(level).map(str) for level in (0, 1))
        cells = [
            (
                kind, element, find_name(names, element, tables.get(kind, "branch")), int(row["hours"]),
                row["energy_mwh"], row["rent"], row["largest_shadow_price"], row["worst_contingency"],
            )
            for kind, element, row in zip(kinds, elements, report.to_dict("records"), strict=True)
        ]  # fmt: skip
        columns = (
            "kind",
            "element",
            "name",
            "hours",
            "MWh",
            f"rent {money}",
            "largest shadow price",
            "after",
        )
        print_table("Congestion, dearest first", columns, cells)
    _print_flexible(result, names)
    off, on = result.constrained_off.sum(), result.constrained_on.sum()
    moved = (off + on).sort_values(ascending=False, kind="stable").head(top)
    units_moved = [
        (str(unit), find_name(names, unit, "generator"), float(off[unit]), float(on[unit]))
        for unit in moved.index
        if moved[unit] > 1e-3
    ]
    if units_moved:
        print_table("Constrained by the grid", ("unit", "name", "off MWh", "on MWh"), units_moved)


def _print_flexible(result: Dispatch, names: Names) -> None:
    """Print what flexible loads left unserved, if there are any."""
    from gridhub.analysis.dispatch.flexible import describe_calls, report_flexible

    table = report_flexible(result)
    if table.empty:
        return
    rows = [
        (
            str(load), find_name(names, load, "load"), row["most_mw"], row["budget_mwh"], row["most_h"],
            row["used_mwh"], int(row["hours"]), int(row["longest_h"]),
        )
        for load, row in table.iterrows()
    ]  # fmt: skip
    columns = ("load", "name", "most MW", "budget MWh", "most h", "used MWh", "hours", "longest h")
    print_table("Flexible load", columns, rows)
    print_line(describe_calls(result))
