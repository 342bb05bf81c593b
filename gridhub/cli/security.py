"""The command ``security``: every outage of the kinds asked for, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gridhub.cli.console import list_records, print_json, print_line, print_table
from gridhub.cli.exits import DONE, FOUND, exits, refuse
from gridhub.cli.flow import print_worst_buses
from gridhub.cli.inputs import (
    JsonOption,
    NetworkArgument,
    SettingsOption,
    SnapshotOption,
    TopOption,
    check_snapshot,
    parse_settings,
)
from gridhub.cli.names import build_names
from gridhub.errors import NotConverged
from gridhub.study.source import open_network, suggest

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.security import Security
    from gridhub.model.network import Network

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
)
FailOn = Literal["violations", "new-violations"]


@exits
def security(
    network: NetworkArgument,
    snapshot: SnapshotOption = None,
    kinds: Annotated[
        str, typer.Option("--kinds", metavar="KIND,…", help=f"Outages to try: {', '.join(KINDS)}.")
    ] = "line,transformer,series",
    min_kv: Annotated[
        float, typer.Option("--min-kv", min=0.0, help="Leave out elements below this voltage.")
    ] = 0.0,
    criteria: Annotated[
        str, typer.Option("--criteria", help="'network' for its own, 'none' for ratings alone, or a region.")
    ] = "network",
    screen: Annotated[Literal["dc", "none"], typer.Option("--screen", help="Screen by DC before AC.")] = "dc",
    verify: Annotated[
        Literal["flagged", "all", "none"], typer.Option("--verify", help="Which outages AC solves.")
    ] = "flagged",
    fail_on: Annotated[
        FailOn | None,
        typer.Option(
            "--fail-on", help="Exit with 1 on any violation, or on those an outage adds to the N state."
        ),
    ] = None,
    option: SettingsOption = None,
    top: TopOption = 20,
    as_json: JsonOption = False,
) -> int:
    """Try every outage; status counts, violations, verdict."""
    from gridhub.analysis.security import list_contingencies, run_security

    net = open_network(network)
    check_snapshot(net, snapshot)
    settings = parse_settings(option)
    contingencies = list_contingencies(net, kinds=split_kinds(kinds), min_kv=min_kv)
    if contingencies.empty:
        refuse(f"{net.name} has nothing of the kinds {kinds} at {min_kv:g} kV and above; try other --kinds")
    try:
        result = run_security(
            net,
            contingencies,
            criteria=None if criteria == "none" else criteria,
            snapshot=snapshot,
            screen=None if screen == "none" else screen,
            verify=None if verify == "none" else verify,
            options=settings,
        )
    except NotConverged as error:
        if not as_json:
            print_worst_buses(net, error)
        raise
    found = list_findings(result, fail_on)
    code = FOUND if found else DONE
    if as_json:
        print_json(_build_document(net, snapshot, result, code))
    else:
        _print_result(net, result, top)
        if found:
            print_line(f"--fail-on {fail_on}: {found[0]}")
    return code


def split_kinds(text: str) -> tuple[str, ...]:
    """Split and check a list of outage kinds."""
    kinds = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        refuse(f"--kinds {text!r}: no such kind; {suggest(unknown[0] if unknown else '', KINDS)}")
    return kinds


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
    failed = ~result.status["status"].astype(str).isin(("CONVERGED", "ISLANDED", "SCREENED"))
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
    base = violations[violations["contingency"] == ""]
    known = set(zip(base["element"], base["kind"], strict=True))
    pairs = zip(violations["element"], violations["kind"], strict=True)
    new = [pair not in known for pair in pairs]
    return violations[new & (violations["contingency"] != "")]


def _build_document(net: Network, snapshot: str | None, result: Security, code: int) -> dict[str, Any]:
    return {
        "network": net.name,
        "snapshot": snapshot,
        "verdict": result.verdict,
        "base_status": result.base.status.name,
        "counts": count_statuses(result),
        "status": list_records(result.status, index="contingency"),
        "violations": list_records(result.violations.reset_index(drop=True), index="row"),
        "exit_code": code,
    }


def count_statuses(result: Security) -> dict[str, int]:
    """Count the outages by status."""
    return {
        str(name): int(count) for name, count in result.status["status"].astype(str).value_counts().items()
    }


def _print_result(net: Network, result: Security, top: int) -> None:
    names = build_names(net)
    counts = count_statuses(result)
    print_table(f"{net.name}: {len(result.status):,} outages", ("status", "outages"), counts.items())
    print_violations(result.violations, names, top)
    lost = result.status[result.status["lost_load_mw"].fillna(0.0) > 0.0].sort_values(
        "lost_load_mw", ascending=False
    )
    if len(lost):
        rows = [
            (str(key), names.get(str(key), ""), row["status"], row["lost_load_mw"], row["lost_generation_mw"])
            for key, row in lost.iterrows()
        ]
        columns = ("outage", "name", "status", "load lost MW", "generation lost MW")
        print_table("Outages that lose load", columns, rows, limit=top)
    print_line(f"verdict: {result.verdict}")


def print_violations(violations: pd.DataFrame, names: Mapping[str, str], top: int) -> None:
    """Print violations, the worst first."""
    if violations.empty:
        print_line("no violations")
        return
    worst = violations.assign(
        _excess=(violations["value"] - violations["limit"]).abs() / violations["limit"].abs()
    )
    worst = worst.sort_values("_excess", ascending=False, kind="stable")
    rows = [
        (
            str(row["contingency"]) or "(N)",
            names.get(str(row["contingency"]), ""),
            str(row["element"]),
            names.get(str(row["element"]), ""),
            str(row["kind"]),
            float(row["value"]),
            float(row["limit"]),
            str(row["unit"]),
        )
        for _, row in worst.iterrows()
    ]
    columns = ("outage", "its name", "element", "its name", "kind", "value", "limit", "unit")
    print_table("Violations, worst first", columns, rows, digits=2, limit=top)
