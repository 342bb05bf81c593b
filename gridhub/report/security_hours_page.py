"""A security analysis over hours as a page: limits violated most often, worst of each branch, hours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.security.hours import SecurityHours
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import NOT_ASSESSED, Block, CurveChart, KeyNumber, Page, Section, TableBlock, Verdict
from gridhub.report.rules import list_criterion_values

_SOLVED = ("converged", "islanded")


def build_security_hours_page(result: SecurityHours, net: Network | None = None) -> Page:
    """Fill a page from a security analysis over hours.

    Parameters
    ----------
    result : SecurityHours
        The result.
    net : Network, optional
        The network that was analysed; without it there are no names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    hours, count = len(result.hours), len(result.contingencies)
    return Page(
        title=f"Security over hours: {(net.title or net.name) if net is not None else result.network}",
        subtitle=f"{hours:,} hours x {count:,} outages · AC power flow",
        verdict=_judge(result),
        key_numbers=_list_numbers(result, names),
        sections=_list_sections(result, names),
        assumptions=list_criterion_values(result.rules),
        not_assessed=NOT_ASSESSED,
        licences=list_licences(net),
        provenance={
            "Network": result.network,
            "Criteria": result.criteria or "ratings alone",
            "Folder": result.summary["folder"] or "kept in memory",
            "Options": str(result.options),
        },
    )


def _judge(result: SecurityHours) -> Verdict:
    summary = result.summary
    total, secure = summary["hours"], summary["hours_secure"]
    parts = [f"{secure:,} of {total:,} hours survive every outage within limits"]
    unsolved = int((result.unsolved["contingency"] != "").sum())
    bases = len(result.unsolved) - unsolved
    have = "hour has" if bases == 1 else "hours have"
    parts += [f"{bases:,} {have} no solution before any outage: none of its outages was run"] if bases else []
    have = "outage has" if unsolved == 1 else "outages in all hours have"
    parts += [f"{unsolved:,} {have} no solution: insecure"] if unsolved else []
    parts += [f"{len(result.unjudged)} buses have no voltage limits"] if result.unjudged else []
    unrated = int(summary["unrated_branches"])
    parts += [f"{unrated} branches have no rating and are not judged"] if unrated else []
    sentence = f"{'; '.join(parts)}."
    secure_all = result.verdict == "secure"
    return Verdict("Secure", sentence, "good") if secure_all else Verdict("Not secure", sentence, "bad")


def _list_numbers(result: SecurityHours, names: Names) -> tuple[KeyNumber, ...]:
    summary = result.summary
    solved = sum(summary[f"outages_{name}"] for name in _SOLVED)
    worst = float(summary["worst_loading_percent"])
    where = names.find(summary["worst_element"]) if summary["worst_element"] else ""
    return (
        KeyNumber("Hours", float(summary["hours"]), note=f"{summary['hours_secure']:,} secure"),
        KeyNumber("Outages solved", float(solved), note="in all hours"),
        KeyNumber(
            "Without a solution", float(len(result.unsolved)), tone="bad" if len(result.unsolved) else "plain"
        ),
        KeyNumber(
            "Violations", float(summary["violations"]), tone="bad" if summary["violations"] else "good"
        ),
        KeyNumber("Worst loading after an outage", worst, "%", where, "bad" if worst > 100.0 else "plain"),
    )


def _list_sections(result: SecurityHours, names: Names) -> tuple[Section, ...]:
    sections = [
        Section("Limits violated", (), (_element_table(result, names),)),
        Section("Branches", (), (_branch_table(result, names),)),
        Section("Outages", (), (_outage_table(result, names),)),
        Section("Hours", (), (*_build_curves(result), _hour_table(result, names))),
    ]
    if len(result.unsolved):
        rows = result.unsolved.assign(
            outage=[_name_outage(names, key) for key in result.unsolved["contingency"]]
        )
        shown = ["hour", "outage", "status", "reason"]
        table = TableBlock(rows, "States without a solution", "unsolved", show=shown, limit=25)
        sections.insert(1, Section("Without a solution", (), (table,)))
    return tuple(sections)


def _name_outage(names: Names, key: object) -> str:
    return names.find_outage(key, tuple(str(key).split(" + "))) if str(key) else names.find_outage("", ())


def _element_table(result: SecurityHours, names: Names) -> TableBlock:
    table = result.elements.copy()
    table.insert(0, "what", [names.find(key) for key in table["element"]])
    table["after_loss_of"] = [_name_outage(names, key) for key in table["worst_contingency"]]
    table["kind"] = table["kind"].str.replace("_", " ")
    shown = [
        "what",
        "kind",
        "hours_with_violations",
        "violations",
        "worst_value",
        "limit",
        "unit",
        "worst_hour",
    ]
    return TableBlock(
        table,
        "Limits, those violated in most hours first",
        "violated_limits",
        labels={
            "hours_with_violations": "Hours",
            "violations": "Hours x outages",
            "after_loss_of": "Worst after loss of",
        },
        show=[*shown, "after_loss_of"],
        limit=30,
        empty="No limit is violated in any hour.",
    )


def _branch_table(result: SecurityHours, names: Names) -> TableBlock:
    table = result.branch.rename_axis(index="id")
    table.insert(
        0, "name", pd.Series([names.find(key, "branch") for key in table.index], table.index, object)
    )
    table["after_loss_of"] = [_name_outage(names, key) if key else "" for key in table["worst_contingency"]]
    table = table.sort_values("worst_loading_percent", ascending=False, kind="stable")
    shown = ["name", "worst_loading_percent", "worst_hour", "after_loss_of", "base_loading_percent"]
    return TableBlock(
        table,
        "Branches, highest loading after an outage first",
        "branch_hours",
        labels={
            "worst_loading_percent": "After an outage",
            "base_loading_percent": "With everything in service",
        },
        show=[*shown, "hours_with_violations"],
        bar="worst_loading_percent",
        limit=25,
    )


def _outage_table(result: SecurityHours, names: Names) -> TableBlock:
    table = result.status.rename_axis(index="contingency")
    labels = [_name_outage(names, key) for key in table.index]
    table.insert(0, "outage", pd.Series(labels, table.index, object))
    table["worst_element_name"] = [names.find(key) if key else "" for key in table["worst_element"]]
    order = ["hours_with_violations", "worst_loading_percent"]
    table = table.sort_values(order, ascending=False, kind="stable")
    shown = ["outage", "hours_with_violations", "worst_element_name", "worst_loading_percent", "worst_hour"]
    return TableBlock(
        table,
        "Outages, those that break limits in most hours first",
        "outage_hours",
        labels={"worst_element_name": "Worst element", "hours_with_violations": "Hours with violations"},
        show=[*shown, "lost_load_mw", "not_converged", "not_run"],
        bar="worst_loading_percent",
        limit=25,
    )


def _build_curves(result: SecurityHours) -> list[Block]:
    curves = {}
    for name, column in (
        ("everything in service", "base_loading_percent"),
        ("after the worst outage", "worst_loading_percent"),
    ):
        values = np.sort(result.hours[column].dropna().to_numpy(dtype=float))[::-1]
        curves[name] = np.arange(1, len(values) + 1).tolist(), np.round(values, 2).tolist()
    if not curves["after the worst outage"][0]:
        return []
    return [
        CurveChart(
            "Highest loading of any branch, hours sorted",
            "Hours, highest first",
            "Loading, % of the limit",
            curves,
            limit=100.0,
        )
    ]


def _hour_table(result: SecurityHours, names: Names) -> TableBlock:
    table = result.hours.rename_axis(index="hour").reset_index()
    table["where"] = [names.find(key) if key else "" for key in table["worst_element"]]
    table["after_loss_of"] = [_name_outage(names, key) if key else "" for key in table["worst_contingency"]]
    table = table.sort_values("worst_loading_percent", ascending=False, kind="stable", na_position="first")
    shown = ["hour", "verdict", "violations", "worst_loading_percent", "where", "after_loss_of", "load_mw"]
    return TableBlock(
        table, "Hours, unsolved and most loaded first", "hours", show=[*shown, "snapshot", "reason"], limit=24
    )
