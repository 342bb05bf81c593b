"""What ``security`` shows: tables for people, one document for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridhub.cli.console import find_name, list_records, print_line, print_table
from gridhub.errors import name_ids

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.security.security import Security
    from gridhub.model.network import Network
    from gridhub.report.names import Names


def list_unsolved(result: Security) -> pd.Series[bool]:
    """Mark the outages without a solution."""
    return ~result.status["status"].astype(str).isin(("CONVERGED", "ISLANDED", "SCREENED"))


def build_document(net: Network, result: Security, code: int) -> dict[str, Any]:
    """Give a security analysis as a mapping for JSON."""
    return {
        "network": net.name,
        "snapshot": result.snapshot,
        "verdict": result.verdict,
        "base_status": result.base.status.name,
        "counts": count_statuses(result),
        "status": list_records(result.status, index="contingency"),
        "ranking": list_records(result.ranking, index="contingency"),
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


def print_result(net: Network, result: Security, top: int) -> None:
    """Print a security analysis: violations, losses, what has no solution, the screen, the verdict."""
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
    if "monitored_branches" in result.summary:
        branches, buses = (result.summary[f"monitored_{what}"] for what in ("branches", "buses"))
        remarks.append(f"judged: {branches:,} monitored branches and {buses:,} voltages, and what is lost")
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


def name_outage(result: Security, names: Names, contingency: object) -> str:
    """Name an outage by what it takes out; empty where that says no more than its id."""
    elements = result.contingencies["elements"].get(contingency, ())
    name = names.find_outage(contingency, elements)
    return "" if name == str(contingency) else name


def _print_losses(result: Security, names: Names, top: int) -> None:
    status = result.status
    lost = status[status["lost_load_mw"].fillna(0.0) > 0.0].sort_values("lost_load_mw", ascending=False)
    rows = [
        (
            str(key),
            name_outage(result, names, key),
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
        (str(key), name_outage(result, names, key), str(row["status"]), str(row["reason"]))
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
            name_outage(result, names, row["contingency"]),
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
