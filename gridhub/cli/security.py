"""The command ``security``: every outage of the kinds asked for, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gridhub.cli.console import print_json, print_line, show_progress
from gridhub.cli.exits import DONE, FOUND, exits, refuse
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
    find_criteria,
    parse_settings,
)
from gridhub.cli.pages import PageOption, check_page, print_page, write_page
from gridhub.cli.security_actions import (
    describe_pairs,
    describe_schemes,
    describe_second,
    print_pairs,
    print_schemes,
    print_second,
    run_pairs,
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
from gridhub.cli.security_outages import (
    AreaOption,
    ContingenciesOption,
    KindsOption,
    MinKvOption,
    MonitoredOption,
    NameOption,
    ProvinceOption,
    SubsystemsOption,
    list_outages,
    read_outages,
    read_watched,
)
from gridhub.cli.security_tables import build_document, list_unsolved, print_result
from gridhub.errors import NotConverged
from gridhub.study.source import open_network

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.security.security import Security

FailOn = Literal["violations", "new-violations"]


@exits
def security(
    network: NetworkArgument,
    snapshot: SnapshotOption = None,
    year: YearOption = None,
    ratings: RatingsOption = None,
    kinds: KindsOption = "line,transformer,series",
    min_kv: MinKvOption = 0.0,
    area: AreaOption = None,
    province: ProvinceOption = None,
    name: NameOption = None,
    contingencies: ContingenciesOption = None,
    subsystems: SubsystemsOption = None,
    monitored: MonitoredOption = None,
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
            "--schemes",
            metavar="REGION|FILE",
            help="Also try the outages with remedial action schemes, those of a region or a .toml file.",
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
    pairs: Annotated[
        int | None,
        typer.Option(
            "--pairs", metavar="N", min=1, help="Also N-2: every pair of them by DC, the N worst by AC."
        ),
    ] = None,
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on",
            help="Exit with 1 on any violation, or on those an outage adds to N; --then and --pairs aside.",
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
    """Try every outage; status counts, violations, verdict. With --hours in every hour.

    Example: gridhub security korea-2025-backbone -s winter_peak --verify all
    """
    from gridhub.analysis.security.security import run_security

    check_page(out, force)
    net = open_network(network, year=year, ratings=ratings)
    check_snapshot(net, snapshot)
    settings = parse_settings(option)
    rules = find_criteria(net, criteria)
    choice = {"area": area, "province": province, "name": name}
    if contingencies is not None:
        chosen = read_outages(net, contingencies, subsystems, choice)
    else:
        chosen = list_outages(net, kinds, min_kv, choice, rules)
    if hours is not None:
        if schemes or then or pairs or monitored or screen != "dc" or verify != "flagged":
            refuse(
                "--hours solves every outage by AC and judges everything: no --schemes, --then, --pairs, "
                "--monitored, --screen or --verify with it"
            )
        return run_hours(
            net, chosen, rules, hours, profile, dispatch, folder, snapshot, settings, fail_on,
            out, force, top, as_json,
        )  # fmt: skip
    if profile or dispatch or folder:
        refuse("--profile, --dispatch and --folder go with --hours")
    if monitored and (schemes or then or pairs):
        refuse("--monitored says what the outages are judged by: no --schemes, --then or --pairs with it")
    watched = None if monitored is None else read_watched(net, monitored, subsystems)
    second = None if then is None else list_outages(net, then, min_kv, {}, rules)
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
                monitored=watched,
            )
    except NotConverged as error:
        if not as_json:
            print_worst_buses(net, error)
        raise
    remedial = run_schemes(net, chosen, schemes, rules, snapshot, settings) if schemes else None
    two = None
    if second is not None:
        two = run_second(net, chosen, second, rules, snapshot, settings, adjusted, quiet=as_json)
    double = run_pairs(net, chosen, pairs, rules, snapshot, settings, quiet=as_json) if pairs else None
    found = list_findings(result, fail_on)
    code = FOUND if found else DONE
    page = write_page(out, force, result, net)
    if as_json:
        document = build_document(net, result, code) | page
        document |= {"schemes": describe_schemes(remedial)} if remedial is not None else {}
        document |= {"second_outages": describe_second(two)} if two is not None else {}
        document |= {"pairs": describe_pairs(*double)} if double is not None else {}
        print_json(document)
    else:
        print_result(net, result, top)
        if remedial is not None:
            print_schemes(remedial, top)
        if two is not None:
            print_second(two, top)
        if double is not None:
            print_pairs(net, *double, top)
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


def select_new(violations: pd.DataFrame) -> pd.DataFrame:
    """Select the violations that an outage adds: their element and kind are within limits in the N state."""
    import pandas as pd

    base = violations[violations["contingency"] == ""]
    known = set(zip(base["element"], base["kind"], strict=True))
    pairs = zip(violations["element"], violations["kind"], strict=True)
    new = pd.Series([pair not in known for pair in pairs], index=violations.index, dtype=bool)
    return violations[new & (violations["contingency"] != "")]
