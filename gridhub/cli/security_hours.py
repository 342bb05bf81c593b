"""``security --hours``: every outage of every hour by AC, with progress."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridhub.cli.console import find_name, list_records, print_json, print_line, print_table, show_progress
from gridhub.cli.dispatch import read_profile_files
from gridhub.cli.exits import DONE, FOUND, NO_SOLUTION, refuse
from gridhub.cli.pages import print_page, write_page
from gridhub.errors import name_ids

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.security.hours import SecurityHours
    from gridhub.criteria import Criteria
    from gridhub.model.network import Network
    from gridhub.report.names import Names

HoursOption = Annotated[
    str | None,
    typer.Option(
        "--hours",
        metavar="all|FIRST..LAST|HOUR,…",
        help="Every outage by AC in these hours of --profile and --dispatch; without them of the snapshots.",
    ),
]
ProfileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        "-p",
        metavar="TABLE.COLUMN=FILE",
        help="With --hours: hourly MW of a column, such as load.p_mw=load.parquet; may be repeated.",
    ),
]
DispatchOption = Annotated[
    Path | None,
    typer.Option(
        "--dispatch",
        metavar="DIR",
        help="With --hours: the --folder of `gridhub dispatch`, which says what units give.",
    ),
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder", metavar="DIR", help="With --hours: keep the hours there, and go on behind them."
    ),
]

STATUSES = ("converged", "islanded", "not_converged", "unrealistic", "singular", "not_run")


def run_hours(
    net: Network,
    chosen: pd.DataFrame,
    rules: Criteria | None,
    hours: str,
    profile: list[str] | None,
    dispatch: Path | None,
    folder: Path | None,
    snapshot: str | None,
    settings: Mapping[str, Any],
    fail_on: str | None,
    out: Path | None,
    force: bool,
    top: int,
    as_json: bool,
) -> int:
    """Run the hours asked for and print what came of them; the exit code."""
    from gridhub.analysis.security.hours import run_security_hours

    profiles = read_profile_files(profile)
    wanted = None if hours == "all" else choose_hours(_list_hours(net, profiles, dispatch, snapshot), hours)
    with show_progress(as_json) as report:
        result = run_security_hours(
            net,
            profiles or None,
            chosen,
            criteria=rules,
            hours=wanted,
            folder=folder,
            options=settings,
            progress=None if report is None else lambda done, count: report("hours x outages", done / count),
            dispatch=dispatch,
            snapshot=snapshot,
        )
    found = list_found(result, fail_on)
    code = FOUND if found else DONE
    if not result.hours["status"].isin(["CONVERGED", "ISLANDED"]).any():
        code = NO_SOLUTION
    page = write_page(out, force, result, net)
    if as_json:
        print_json(_build_document(result, code) | page)
    else:
        _print_result(net, result, top)
        print_page(page)
        if found:
            print_line(f"--fail-on {fail_on}: {found}")
    return code


def _list_hours(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame],
    dispatch: Path | None,
    snapshot: str | None,
) -> pd.Index:
    """List the hours there are."""
    from gridhub.analysis.security.hour_plan import plan_hours

    return plan_hours(net, profiles or None, dispatch, snapshot, None).labels


def choose_hours(there: pd.Index, text: str) -> pd.Index:
    """Choose hours by name: ``FIRST..LAST``, both included, or names with commas between.

    The last name may be shorter than the labels: ``2025-01-06..2025-01-12`` ends with the hours of the 12th.

    Raises
    ------
    GridhubError
        If a name fits no hour.

    Examples
    --------
    >>> import pandas as pd
    >>> hours = pd.Index(["2025-01-01 00:00", "2025-01-01 01:00", "2025-01-02 00:00", "2025-01-03 00:00"])
    >>> choose_hours(hours, "2025-01-01 01..2025-01-02").tolist()
    ['2025-01-01 01:00', '2025-01-02 00:00']
    """
    names = [str(label) for label in there]
    first, dots, last = text.partition("..")
    if dots:
        ends = [
            [i for i, name in enumerate(names) if name.startswith(part.strip())] for part in (first, last)
        ]
        if not all(ends) or ends[0][0] > ends[1][-1]:
            refuse(f"--hours {text!r}: there are {len(names):,} hours, {names[0]} to {names[-1]}")
        return there[ends[0][0] : ends[1][-1] + 1]
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in names]
    if unknown or not wanted:
        refuse(f"--hours: no hour {name_ids(unknown)}; there are {len(names):,}: {name_ids(names)}")
    return there.take([names.index(part) for part in wanted])


def list_found(result: SecurityHours, fail_on: str | None) -> str:
    """Say what ``--fail-on`` finds; what has no solution counts as found."""
    if fail_on is None:
        return ""
    found = [f"{len(result.unsolved):,} states without a solution"] if len(result.unsolved) else []
    violations = result.violations
    if fail_on == "new-violations":
        key = ["hour", "element", "kind"]
        in_base = set(violations.loc[violations["contingency"] == "", key].itertuples(index=False, name=None))
        after = violations.loc[violations["contingency"] != "", key].itertuples(index=False, name=None)
        count = sum(row not in in_base for row in after)
    else:
        count = result.summary["violations"]
    if count:
        found.append(f"{count:,} {fail_on.replace('-', ' ')}")
    return ", ".join(found)


def _build_document(result: SecurityHours, code: int) -> dict[str, Any]:
    return {
        "network": result.network,
        "criteria": result.criteria,
        "verdict": result.verdict,
        "summary": dict(result.summary),
        "hours": list_records(result.hours, index="hour"),
        "branch": list_records(result.branch, index="branch"),
        "status": list_records(result.status, index="contingency"),
        "elements": list_records(result.elements, index="row"),
        "unsolved": list_records(result.unsolved, index="row"),
        "exit_code": code,
    }


def _print_result(net: Network, result: SecurityHours, top: int) -> None:
    from gridhub.report.names import build_names

    names, summary = build_names(net), result.summary
    title = f"{net.name}: {summary['hours']:,} hours x {len(result.contingencies):,} outages"
    counts = [(name.replace("_", " "), summary[f"outages_{name}"]) for name in STATUSES]
    print_table(title, ("status", "outages in all hours"), [row for row in counts if row[1]])
    _print_elements(result, names, top)
    _print_branches(result, names, top)
    unsolved = [
        (str(row["hour"]), str(row["contingency"]) or "(N)", str(row["status"]), str(row["reason"]))
        for row in result.unsolved.to_dict("records")
    ]
    if unsolved:
        print_table("Without a solution", ("hour", "outage", "status", "reason"), unsolved, limit=top)
    print_line(f"criteria: {result.criteria or 'ratings alone, no voltage limits'}")
    if summary["unrated_branches"]:
        print_line(f"{summary['unrated_branches']:,} branches have no rating: their loading is not judged")
    if result.unjudged:
        print_line(f"no voltage criteria for {name_ids(result.unjudged)}")
    if summary["violations_left_out"]:
        print_line(f"{summary['violations_left_out']:,} violations are in the folder only")
    secure = summary["hours_secure"]
    print_line(f"verdict: {result.verdict} ({secure:,} of {summary['hours']:,} hours secure)")


def _print_elements(result: SecurityHours, names: Names, top: int) -> None:
    rows = [
        (
            str(row["element"]),
            find_name(names, row["element"]),
            str(row["kind"]),
            float(row["hours_with_violations"]),
            int(row["violations"]),
            float(row["worst_value"]),
            float(row["limit"]),
            str(row["unit"]),
            str(row["worst_hour"]),
            str(row["worst_contingency"]) or "(N)",
        )
        for row in result.elements.to_dict("records")
    ]
    if not rows:
        print_line("no violations")
        return
    columns = (
        "element", "name", "kind", "hours", "hours x outages", "worst value", "limit", "unit", "worst hour",
        "after",
    )  # fmt: skip
    print_table("Limits violated, most hours first", columns, rows, digits=3, limit=top)


def _print_branches(result: SecurityHours, names: Names, top: int) -> None:
    loaded = result.branch.dropna(subset="worst_loading_percent")
    loaded = loaded.sort_values("worst_loading_percent", ascending=False, kind="stable").head(top)
    rows = [
        (
            str(branch),
            find_name(names, branch, "branch"),
            float(row["worst_loading_percent"]),
            str(row["worst_hour"]),
            str(row["worst_contingency"]),
        )
        for branch, row in zip(loaded.index, loaded.to_dict("records"), strict=True)
    ]
    if rows:
        columns = ("branch", "name", "loading %", "hour", "after")
        print_table("Highest loading after an outage", columns, rows)
