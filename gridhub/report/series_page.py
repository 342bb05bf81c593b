"""A time series as a page: the hours in order, the hours sorted, and the branches that were loaded most."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.flow.time_series import TimeSeries
from gridhub.model.network import Network
from gridhub.report.charts import build_violation_table
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    Block,
    CurveChart,
    KeyNumber,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Verdict,
)
from gridhub.solvers.status import Status

_NOT_HERE = NotAssessed("Outages", "Every hour was solved with everything in service that the snapshot has.")
_NO_VOLTAGE = NotAssessed("Voltages", "The hours were solved by DC, which knows no voltage.")


def build_series_page(series: TimeSeries, net: Network | None = None) -> Page:
    """Fill a page from a time series.

    Parameters
    ----------
    series : TimeSeries
        The result.
    net : Network, optional
        The network that was solved; without it there are no names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    title = (net.title or net.name) if net is not None else series.network
    state = series.snapshot.replace("_", " ")
    hours = f"{len(series.status):,} hours"
    missing = (_NOT_HERE,) if series.method == "ac" else (_NOT_HERE, _NO_VOLTAGE)
    return Page(
        title=f"Time series: {title}",
        subtitle=" · ".join(part for part in (hours, state, f"{series.method.upper()} power flow") if part),
        verdict=_judge(series, names),
        key_numbers=_list_numbers(series, names),
        sections=_list_sections(series, names),
        not_assessed=(*missing, *NOT_ASSESSED),
        licences=list_licences(net),
        provenance={
            "Network": series.network,
            "Snapshot": series.snapshot or "the tables themselves",
            "Criteria": series.criteria or "ratings alone",
            "Options": str(series.options),
        },
    )


def _count_unsolved(series: TimeSeries) -> int:
    return sum(not Status(value).is_solved for value in series.status["status"])


def _judge(series: TimeSeries, names: Names) -> Verdict:
    total, unsolved = len(series.status), _count_unsolved(series)
    beyond = int(series.summary["hours_with_violations"])
    unrated = int(series.summary["unrated_branches"])
    rest = f" {unrated} branches have no rating and are not judged." if unrated else ""
    if unsolved:
        what = (
            "1 hour has no solution and is"
            if unsolved == 1
            else f"{unsolved:,} hours have no solution and are"
        )
        rest = f" {what} not judged.{rest}"
    if beyond:
        worst = names.find(series.summary["worst_element"]) if series.summary["worst_element"] else ""
        percent = float(series.summary["worst_loading_percent"])
        most = f" Highest loading: {worst}, {percent:.1f} %." if worst else ""
        return Verdict(
            "Limits are passed", f"In {beyond:,} of {total:,} hours a limit is passed.{most}{rest}", "bad"
        )
    if unsolved:
        return Verdict("Not all hours are solved", rest.strip(), "warning")
    return Verdict("Within limits", f"In none of {total:,} hours is a limit passed.{rest}", "good")


def _list_numbers(series: TimeSeries, names: Names) -> tuple[KeyNumber, ...]:
    summary = series.summary
    percent = float(summary["worst_loading_percent"])
    where = names.find(summary["worst_element"]) if summary["worst_element"] else ""
    numbers = [
        KeyNumber("Hours", len(series.status), ""),
        KeyNumber("Load served", float(summary["load_mwh"]) / 1000.0, "GWh"),
        KeyNumber("Highest loading", percent, "%", where, "bad" if percent > 100.0 else "plain"),
        KeyNumber("Hours beyond a limit", int(summary["hours_with_violations"]), ""),
    ]
    losses = float(summary["losses_mwh"])
    if np.isfinite(losses) and losses > 0.0:
        numbers.insert(2, KeyNumber("Losses", losses / 1000.0, "GWh"))
    return tuple(numbers)


def _list_sections(series: TimeSeries, names: Names) -> tuple[Section, ...]:
    loading = series.status["worst_loading_percent"].to_numpy(dtype=float)
    number = np.arange(1, len(loading) + 1)
    solved = np.isfinite(loading)
    order = np.sort(loading[solved])[::-1]
    charts: list[Block] = []
    if solved.any():
        charts = [
            CurveChart(
                "Highest loading of any branch, hour by hour",
                "Hour of the series",
                "Loading, % of rating",
                {"highest loading": (number.tolist(), np.round(loading, 2).tolist())},
                limit=100.0,
                note="Hours without a solution are gaps." if not solved.all() else "",
            ),
            CurveChart(
                "The same, hours sorted",
                "Hours, highest first",
                "Loading, % of rating",
                {"highest loading": (np.arange(1, len(order) + 1).tolist(), np.round(order, 2).tolist())},
                limit=100.0,
            ),
        ]
    return (
        Section("Hours", (), (*charts, _hour_table(series, names))),
        Section("Branches", (), (_branch_table(series, names),)),
        Section("Violations", (), (_violation_table(series, names),)),
    )


def _hour_table(series: TimeSeries, names: Names) -> TableBlock:
    table = series.status.rename_axis(index="hour").reset_index()
    table["where"] = pd.Series(
        [names.find(key) if key else "" for key in table["worst_element"]], dtype=object
    )
    table = table.sort_values("worst_loading_percent", ascending=False, kind="stable", na_position="first")
    shown = ["hour", "status", "worst_loading_percent", "where", "load_mw", "unserved_mw", "reason"]
    return TableBlock(table, "Hours, unsolved and most loaded first", "hours", show=shown, limit=24)


def _branch_table(series: TimeSeries, names: Names) -> TableBlock:
    table = series.branch.rename_axis(index="id")
    table.insert(
        0, "name", pd.Series([names.find(key, "branch") for key in table.index], table.index, object)
    )
    table = table.sort_values("worst_loading_percent", ascending=False, kind="stable")
    shown = ["name", "worst_loading_percent", "worst_hour", "hours_above_100", "hours_above_90"]
    return TableBlock(
        table, "Branches, most loaded first", "branch", show=shown, bar="worst_loading_percent", limit=25
    )


def _violation_table(series: TimeSeries, names: Names) -> TableBlock:
    # an hour stands where a security analysis has its snapshot; nothing is out
    table = series.violations.rename(columns={"hour": "snapshot"})
    table = table.assign(contingency="", base_value=np.nan)
    block = build_violation_table(table, names, file="hour_violations")
    shown = [column for column in block.show if column not in ("after_loss_of", "base_value", "snapshot")]
    return TableBlock(
        block.frame, block.caption, block.file, {**block.labels, "snapshot": "Hour"},
        show=[*shown, "snapshot"], empty=block.empty,
    )  # fmt: skip
