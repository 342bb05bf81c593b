"""The command ``security``: every outage of the kinds asked for, and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import find_name, list_records, print_json, print_line, print_table, show_progress
from gridhub.cli.exits import DONE, FOUND, exits, print_issues, refuse
from gridhub.cli.flow import print_worst_buses
from gridhub.cli.inputs import (
    ForceOption,
    JsonOption,
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
from gridhub.cli.security_actions import (
    describe_schemes,
    describe_second,
    print_schemes,
    print_second,
    run_schemes,
    run_second,
)
from gridhub.cli.security_hours import (
    DispatchOption,
    FolderOption,
    HoursOption,
    ProfileOption,
    run_hours,
)
from gridhub.errors import NotConverged, name_ids
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.security.security import Security
    from gridhub.criteria import Criteria
    from gridhub.model.network import Network
    from gridhub.report.names import Names

KINDS = (
    "line",
    "transformer",
    "series",
    "generator",
    "hvdc_pole",
    "shunt",
    "bus_section",
    "tower",
    "data_center",
    "plant",
    "four_circuit_tower",
    "parallel",
    "cable_tunnel",
)
SECURED = "secured"
"""Kinds that the criteria name."""

FailOn = Literal["violations", "new-violations"]


@exits
def security(
    network: NetworkArgument,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    kinds: Annotated[
        str,
        typer.Option(
            "--kinds",
            metavar="KIND,…",
            help=f"Outages to try: {', '.join(KINDS)}; or '{SECURED}': what the criteria demand.",
        ),
    ] = "line,transformer,series",
    min_kv: Annotated[
        float, typer.Option("--min-kv", min=0.0, help="Leave out elements below this voltage.")
    ] = 0.0,
    area: Annotated[str | None, typer.Option("--area", help="Only outages that touch this area.")] = None,
    province: Annotated[
        str | None, typer.Option("--province", help="Only outages that touch this province.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="PATTERN", help="Only outages like 'hanul*'.")
    ] = None,
    contingencies: Annotated[
        Path | None,
        typer.Option(
            "--contingencies",
            metavar="FILE",
            help="Outages from a .csv, a MATPOWER change table (.m) or a PSS/E .con file, not --kinds.",
        ),
    ] = None,
    subsystems: Annotated[
        Path | None, typer.Option("--subsystems", metavar="FILE", help="PSS/E .sub file of the .con file.")
    ] = None,
    criteria: Annotated[
        str,
        typer.Option(
            "--criteria",
            help="'network' for its own, 'none' for ratings alone, a region, nerc-tpl, sqss, or a .toml.",
        ),
    ] = "network",
    screen: Annotated[
        Literal["dc", "1p1q", "none"],
        typer.Option(
            "--screen", help="Screen before AC: by DC, or by one AC iteration, which sees voltages."
        ),
    ] = "dc",
    verify: Annotated[
        Literal["flagged", "all", "none"], typer.Option("--verify", help="Which outages AC solves.")
    ] = "flagged",
    schemes: Annotated[
        str | None,
        typer.Option(
            "--schemes", metavar="REGION|FILE", help="Also with the remedial action schemes of a .toml file."
        ),
    ] = None,
    then: Annotated[
        str | None,
        typer.Option(
            "--then", metavar="KIND,…", help="Also N-1-1: then these, after a redispatch; --min-kv holds."
        ),
    ] = None,
    adjust: Annotated[
        str | None,
        typer.Option(
            "--adjust", metavar="taps,shunts", help="With --then: between the outages also move these."
        ),
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on", help="Exit with 1 on any violation, or on those an outage adds to the N state."
        ),
    ] = None,
    hours: HoursOption = None,
    profile: ProfileOption = None,
    dispatch: DispatchOption = None,
    folder: FolderOption = None,
    option: SettingsOption = None,
    out: PageOption = None,
    force: ForceOption = False,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> int:
    """Try every outage; status counts, violations, verdict. With --hours in every hour."""
    from gridhub.analysis.security.security import run_security

    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    check_snapshot(net, snapshot)
    settings = parse_settings(option)
    rules = find_criteria(net, criteria)
    if contingencies is not None:
        chosen = _read_file(net, contingencies, subsystems)
    else:
        choice = {"area": area, "province": province, "name": name}
        chosen = _list_kinds(net, kinds, min_kv, choice, rules)
    if hours is not None:
        if schemes or then or screen != "dc" or verify != "flagged":
            refuse("--hours solves every outage by AC: no --schemes, --then, --screen or --verify with it")
        return run_hours(
            net, chosen, rules, hours, profile, dispatch, folder, snapshot, settings, fail_on,
            out, force, top, as_json,
        )  # fmt: skip
    if profile or dispatch or folder:
        refuse("--profile, --dispatch and --folder go with --hours")
    second = None if then is None else _list_kinds(net, then, min_kv, {}, rules)
    adjusted = _list_adjusted(adjust, then)
    try:
        with show_progress(quiet=as_json) as report:
            result = run_security(
                net,
                chosen,
                criteria=rules,
                snapshot=snapshot,
                screen=None if screen == "none" else screen,
                verify=None if verify == "none" else verify,
                options=settings,
                progress=(lambda done, total: report("outages", done / total)) if report else None,
            )
    except NotConverged as error:
        if not as_json:
            print_worst_buses(net, error)
        raise
    remedial = run_schemes(net, chosen, schemes, rules, snapshot, settings) if schemes else None
    two = None
    if second is not None:
        two = run_second(net, chosen, second, rules, snapshot, settings, adjusted, quiet=as_json)
    found = list_findings(result, fail_on)
    code = FOUND if found else DONE
    page = write_page(out, force, result, net)
    if as_json:
        document = _build_document(net, result, code) | page
        document |= {"schemes": describe_schemes(remedial)} if remedial is not None else {}
        document |= {"second_outages": describe_second(two)} if two is not None else {}
        print_json(document)
    else:
        _print_result(net, result, top)
        if remedial is not None:
            print_schemes(remedial, top)
        if two is not None:
            print_second(two, top)
        print_page(page)
        if found:
            print_line(f"--fail-on {fail_on}: {found[0]}")
    return code


def _list_adjusted(adjust: str | None, then: str | None) -> set[str]:
    """Read what moves between two outages beside units; refuse what does not."""
    wanted = {part.strip() for part in (adjust or "").split(",") if part.strip()}
    if wanted and then is None:
        refuse("--adjust is about what moves between two outages: it wants --then too")
    unknown = sorted(wanted - {"taps", "shunts"})
    if unknown:
        refuse(f"--adjust {', '.join(unknown)}: taps, shunts, or both")
    return wanted


def _list_kinds(
    net: Network, kinds: str, min_kv: float, choice: dict[str, str | None], rules: Criteria | None
) -> pd.DataFrame:
    """List the outages of the kinds asked for; refuse an empty set."""
    from gridhub.analysis.contingency.contingencies import list_contingencies
    from gridhub.analysis.contingency.secured_events import list_secured

    if kinds.strip() == SECURED:
        if rules is None:
            refuse(f"--kinds {SECURED} wants criteria that list events: --criteria nerc-tpl, for example")
        return list_secured(net, rules)
    wanted = [part.strip() for part in kinds.split(",") if part.strip()]
    found = list_contingencies(net, kinds=wanted, min_kv=min_kv, **choice)
    if found.empty:
        told = "".join(f", --{key} {text}" for key, text in choice.items() if text is not None)
        refuse(
            f"{net.name} has nothing of --kinds {kinds} at {min_kv:g} kV and above{told}; "
            f"kinds are {', '.join(KINDS)}"
        )
    return found


def _read_file(net: Network, path: Path, subsystems: Path | None) -> pd.DataFrame:
    """Read outages from a file and say what of it was not read."""
    from gridhub.interop.contingency_files import read_contingencies

    found, issues = read_contingencies(net, path, subsystems)
    if issues:
        print_issues(issues, f"{path.name}: lines not read, or read by assumption", stderr=True)
    if found.empty:
        refuse(f"{path} names no outage that could be read")
    return found


def find_criteria(net: Network, name: str) -> Criteria | None:
    """Find the criteria a person named; refuse a region that does not exist."""
    from gridhub.analysis.security.security import resolve_criteria

    try:
        return resolve_criteria(net, None if name == "none" else name)
    except KeyError as error:
        refuse(f"--criteria {name!r}: {error.args[0]}")


def list_findings(result: Security, fail_on: FailOn | None) -> list[str]:
    """Say what ``--fail-on`` finds; an outage that does not converge counts as found.

    Parameters
    ----------
    result : Security
        Outcome of `run_security`.
    fail_on : {"violations", "new-violations"} or None
        "new-violations" leaves out what the N state violates already, by element and kind.

    Returns
    -------
    list of str
        Empty if nothing was found or nothing was asked.
    """
    if fail_on is None:
        return []
    failed = list_unsolved(result)
    found = [f"{int(failed.sum())} outage(s) without a solution"] if failed.any() else []
    violations = result.violations
    if fail_on == "new-violations":
        violations = select_new(violations)
    if len(violations):
        found.append(f"{len(violations)} {fail_on.replace('-', ' ')}")
    if not found and fail_on == "violations" and result.verdict != "secure":
        found.append(f"verdict {result.verdict}")
    return found


def list_unsolved(result: Security) -> pd.Series[bool]:
    """Mark the outages without a solution."""
    return ~result.status["status"].astype(str).isin(("CONVERGED", "ISLANDED", "SCREENED"))


def select_new(violations: pd.DataFrame) -> pd.DataFrame:
    """Select the violations that an outage adds: their element and kind are within limits in the N state."""
    import pandas as pd

    base = violations[violations["contingency"] == ""]
    known = set(zip(base["element"], base["kind"], strict=True))
    pairs = zip(violations["element"], violations["kind"], strict=True)
    new = pd.Series([pair not in known for pair in pairs], index=violations.index, dtype=bool)
    return violations[new & (violations["contingency"] != "")]


def _build_document(net: Network, result: Security, code: int) -> dict[str, Any]:
    return {
        "network": net.name,
        "snapshot": result.snapshot,
        "verdict": result.verdict,
        "base_status": result.base.status.name,
        "counts": count_statuses(result),
        "status": list_records(result.status, index="contingency"),
        "violations": list_records(result.violations.reset_index(drop=True), index="row"),
        "relief": list_records(result.relief, index="row"),
        "taps": list_records(result.taps, index="row"),
        "screen": result.summary["screen"],
        "screen_by_class": list_records(result.screen_by_class.reset_index(), index="row"),
        "exit_code": code,
    }


def count_statuses(result: Security) -> dict[str, int]:
    """Count the outages by status."""
    return {
        str(name): int(count) for name, count in result.status["status"].astype(str).value_counts().items()
    }


def _print_result(net: Network, result: Security, top: int) -> None:
    from gridhub.report.names import build_names

    names = build_names(net)
    counts = count_statuses(result)
    state = f", snapshot {result.snapshot}" if result.snapshot else ""
    print_table(f"{net.name}{state}: {len(result.status):,} outages", ("status", "outages"), counts.items())
    _print_violations(result, names, top)
    _print_losses(result, names, top)
    _print_unsolved(result, names, top)
    _print_screen(result)
    for line in _list_remarks(result):
        print_line(line)
    print_line(f"verdict: {result.verdict}")


def _list_remarks(result: Security) -> list[str]:
    """Say by which rules was judged, and what was not judged."""
    screened = int((result.status["status"].astype(str) == "SCREENED").sum())
    unrated = result.base.summary["unrated_branches"]
    remarks = [f"criteria: {result.criteria or 'ratings alone, no voltage limits'}"]
    if screened:
        name = result.summary["screen"]
        remarks.append(f"{screened:,} outages judged clear by {name} alone (--verify all solves them by AC)")
    if unrated:
        remarks.append(f"{unrated:,} branches have no rating: their loading is not judged")
    fallbacks = result.summary["rating_fallbacks"]
    if result.criteria and fallbacks:
        remarks.append(
            f"{fallbacks:,} branches lack the rating asked for after an outage: held against A or B"
        )
    if len(result.relief):
        remarks.append(
            f"{len(result.relief):,} flows after outages are above the lasting rating, to be relieved in "
            f"{result.relief['minutes'].min():g} min where it is shortest"
        )
    if result.unjudged:
        remarks.append(f"no voltage criteria for {name_ids(result.unjudged)}")
    if result.options.taps == "controlled":
        moved, limited, hunting = (
            result.summary[f"outages_with_taps_{what}"] for what in ("moved", "at_limit", "hunting")
        )
        remarks.append(
            f"taps moved after {moved:,} outages, ended at their limit in {limited:,}, hunted in {hunting:,}"
        )
    if len(result.warnings):
        remarks.append(
            f"{len(result.warnings):,} voltages outside their target range with everything in service"
        )
    return remarks


def _name_outage(result: Security, names: Names, contingency: object) -> str:
    elements = result.contingencies["elements"].get(contingency, ())
    name = names.find_outage(contingency, elements)
    return "" if name == str(contingency) else name


def _print_losses(result: Security, names: Names, top: int) -> None:
    status = result.status
    lost = status[status["lost_load_mw"].fillna(0.0) > 0.0].sort_values("lost_load_mw", ascending=False)
    rows = [
        (
            str(key),
            _name_outage(result, names, key),
            row["status"],
            row["lost_load_mw"],
            row["lost_generation_mw"],
        )
        for key, row in lost.iterrows()
    ]
    if rows:
        columns = ("outage", "name", "status", "load lost MW", "generation lost MW")
        print_table("Outages that lose load", columns, rows, limit=top)


def _print_screen(result: Security) -> None:
    """Print what the screen missed, by class, where AC solved every outage."""
    table = result.screen_by_class
    if table.empty or table["left_to_screen"].any():
        return
    columns = ["outages", "flagged", "overloaded", "missed", "voltage_violated", "voltage_missed", "false"]
    rows = [(*key, *map(int, row)) for key, row in zip(table.index, table[columns].to_numpy(), strict=True)]
    heads = ("kind", "kV", *(name.replace("_", " ") for name in columns))
    print_table(f"Screen {result.summary['screen']} against AC", heads, rows)


def _print_unsolved(result: Security, names: Names, top: int) -> None:
    unsolved = result.status[list_unsolved(result)]
    rows = [
        (str(key), _name_outage(result, names, key), str(row["status"]), str(row["reason"]))
        for key, row in unsolved.iterrows()
    ]
    if rows:
        print_table("Outages without a solution", ("outage", "name", "status", "reason"), rows, limit=top)


def _print_violations(result: Security, names: Names, top: int) -> None:
    """Print violations, the worst first by their distance from the limit."""
    violations = result.violations
    if violations.empty:
        print_line("no violations")
        return
    beyond = (violations["value"] - violations["limit"]).abs() / violations["limit"].abs().clip(lower=1e-9)
    worst = violations.loc[beyond.sort_values(ascending=False, kind="stable").index]
    rows = [
        (
            str(row["contingency"]) or "(N)",
            _name_outage(result, names, row["contingency"]),
            str(row["element"]),
            find_name(names, row["element"]),
            str(row["kind"]),
            float(row["value"]),
            float(row["limit"]),
            str(row["unit"]),
        )
        for _, row in worst.iterrows()
    ]
    columns = ("outage", "what is out", "element", "name", "kind", "value", "limit", "unit")
    print_table("Violations, worst first", columns, rows, digits=3, limit=top)
