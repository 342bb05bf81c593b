"""What ``security`` does beyond its outages: second ones after an adjustment, pairs, remedial schemes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridhub.cli.console import list_records, print_line, print_table, show_progress
from gridhub.cli.exits import refuse
from gridhub.cli.security_tables import name_outage

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.actions.remedial import RemedialStudy
    from gridhub.analysis.actions.successive_outages import SuccessiveOutages
    from gridhub.analysis.security.outage_pairs import PairRanking
    from gridhub.analysis.security.security import Security
    from gridhub.criteria import Criteria
    from gridhub.model.network import Network


def run_schemes(
    net: Network,
    contingencies: pd.DataFrame,
    schemes: str,
    criteria: Criteria | None,
    snapshot: str | None,
    settings: Mapping[str, Any],
) -> RemedialStudy:
    """Run outages with the schemes of a region or a file.

    Raises
    ------
    GridhubError
        If there is no such region or file.
    """
    from gridhub.analysis.actions.remedial import run_remedial
    from gridhub.analysis.actions.remedial_schemes import read_schemes

    return run_remedial(
        net, contingencies, read_schemes(_find_schemes(schemes)), criteria, snapshot, settings
    )


def _find_schemes(name: str) -> str:
    from gridhub.reference import find_region_document

    if name.endswith(".toml"):
        try:
            return Path(name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            refuse(f"--schemes {name!r} cannot be read: {error}")
    try:
        return find_region_document(name, "remedial_schemes")
    except KeyError as error:
        refuse(f"--schemes {name!r}: {error.args[0]}; or name a .toml file")


def run_second(
    net: Network,
    first: pd.DataFrame,
    second: pd.DataFrame,
    criteria: Criteria | None,
    snapshot: str | None,
    settings: Mapping[str, Any],
    adjusted: set[str],
    quiet: bool,
) -> SuccessiveOutages:
    """Run every second outage after every first one, with an adjustment between."""
    from gridhub.analysis.actions.redispatch import Adjustment
    from gridhub.analysis.actions.successive_outages import find_adjustment_time, run_successive_outages

    adjustment = Adjustment(
        minutes=find_adjustment_time(criteria), taps="taps" in adjusted, shunts="shunts" in adjusted
    )
    with show_progress(quiet=quiet) as report:
        return run_successive_outages(
            net,
            first,
            second,
            criteria,
            snapshot,
            adjustment=adjustment,
            options=settings,
            progress=(lambda done, total: report("first outages", done / total)) if report else None,
        )


def run_pairs(
    net: Network,
    contingencies: pd.DataFrame,
    worst: int,
    criteria: Criteria | None,
    snapshot: str | None,
    settings: Mapping[str, Any],
    quiet: bool,
) -> tuple[PairRanking, Security]:
    """Rank every pair of the outages by DC, and solve the worst by AC.

    Raises
    ------
    GridhubError
        If an outage loses anything but one branch, or there are fewer than two.
    """
    from gridhub.analysis.security.outage_pairs import OutagePairs, rank_pairs
    from gridhub.analysis.security.security import run_security

    both = OutagePairs(contingencies)
    if not len(both):
        refuse("--pairs wants two outages at least: --kinds, --min-kv and the others leave one")
    ranking = rank_pairs(net, both, criteria, snapshot, worst, settings)
    table = ranking.table
    if table.empty:
        refuse("--pairs: DC judges none of these pairs, since every one splits an island")
    with show_progress(quiet=quiet) as report:
        solved = run_security(
            net,
            table,
            criteria,
            snapshot,
            screen=None,
            options=settings,
            progress=(lambda done, total: report("pairs", done / total)) if report else None,
        )
    return ranking, solved


def describe_pairs(ranking: PairRanking, solved: Security) -> dict[str, Any]:
    """Give an N-2 analysis as a mapping for JSON."""
    return {
        "judged_by_dc": ranking.judged,
        "overload_by_dc": ranking.overloaded,
        "splitting": ranking.splitting.index.tolist(),
        "branches_not_judged": list(ranking.not_judged),
        "status": list_records(solved.status, index="contingency"),
        "ranking": list_records(solved.ranking, index="contingency"),
        "violations": list_records(solved.violations.reset_index(drop=True), index="row"),
    }


def print_pairs(net: Network, ranking: PairRanking, solved: Security, top: int) -> None:
    """Print an N-2 analysis: the pairs solved by AC, worst first, and what DC said of all."""
    from gridhub.report.names import build_names

    names = build_names(net)
    columns = ["status", "worst_element", "worst_loading_percent", "overloads", "voltage_violations"]
    rows = [
        (name_outage(solved, names, key) or str(key), *(row[name] for name in columns))
        for key, row in solved.ranking.head(top).iterrows()
    ]
    heads = ("pair", "status", "worst", "loading %", "overloads", "voltages out")
    print_table(f"N-2, worst first of {len(solved.ranking):,} pairs solved by AC", heads, rows)
    broken = int((solved.ranking["violations"] > 0).sum())
    unsolved = int((~solved.ranking["status"].isin(["CONVERGED", "ISLANDED"])).sum())
    print_line(
        f"N-2: {ranking.judged:,} pairs judged by DC, {ranking.overloaded:,} overload a branch; of the "
        f"{len(solved.ranking):,} worst {broken:,} break a limit by AC and {unsolved:,} have no solution"
    )
    if len(ranking.splitting):
        print_line(f"not judged by DC: {len(ranking.splitting):,} pairs that split an island")
    if ranking.not_judged:
        print_line(f"not paired: {len(ranking.not_judged):,} branches that split an island alone")


def describe_schemes(study: RemedialStudy) -> dict[str, Any]:
    """Give what schemes do as a mapping for JSON."""
    return {
        "triggers": list_records(study.triggers, index="row"),
        "effect": list_records(study.effect.reset_index(), index="row"),
        "verdict": study.verdict.to_dict(),
    }


def print_schemes(study: RemedialStudy, top: int) -> None:
    """Print what schemes do, outage by outage."""
    columns = ["status", "violations", "worst_element", "worst_loading_percent", "tripped_mw", "shed_mw"]
    rows = [(*key, *(row[name] for name in columns)) for key, row in study.effect.iterrows()]  # type: ignore[misc]
    if rows:
        heads = ("outage", "schemes", "status", "violations", "worst", "loading %", "tripped MW", "shed MW")
        print_table("Remedial action schemes", heads, rows, limit=top)
    idle = study.triggers[~study.triggers["acts"].astype(bool)]
    for row in idle.itertuples():
        print_line(f"{row.scheme} does not act after {row.contingency}: {row.reason}")
    for key, verdict in study.verdict.items():
        print_line(f"{key}: {verdict}")
    if not rows:
        print_line("no scheme acts in these outages")


def describe_second(study: SuccessiveOutages) -> dict[str, Any]:
    """Give an N-1-1 analysis as a mapping for JSON."""
    return {
        "verdict": study.verdict,
        "first": list_records(study.first, index="first"),
        "moves": list_records(study.moves, index="row"),
        "violations": list_records(study.violations.reset_index(drop=True), index="row"),
    }


def print_second(study: SuccessiveOutages, top: int) -> None:
    """Print an N-1-1 analysis, one row per first outage, those that break most first."""
    columns = ["status", "moved_mw", "taps_moved", "shunts_switched", "second_outages", "second_insecure"]
    columns += ["second_new", "worst_second"]
    columns += ["worst_loading_percent", "remark", "reason"]
    ordered = study.first.sort_values("second_new", ascending=False, kind="stable", na_position="first")
    rows = [(str(key), *(row[name] for name in columns)) for key, row in ordered.iterrows()]
    heads = (
        "first outage",
        "status",
        "redispatch MW",
        "taps",
        "shunts",
        "second",
        "insecure",
        "new",
        "worst",
    )
    print_table(
        "Second outages after a redispatch", (*heads, "loading %", "remark", "reason"), rows, limit=top
    )
    print_line(f"verdict after two outages: {study.verdict}")
