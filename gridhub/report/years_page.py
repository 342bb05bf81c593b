"""A plan over years as a page: what is feasible when, what it waits for, spending, and alternatives."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.years.years import YearsPlan
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    Assumption,
    CurveChart,
    KeyNumber,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Verdict,
)

SURE = 90.0
"""Share of draws in which a wish must be met to read as met [%]."""


def build_years_page(plan: YearsPlan, net: Network | None = None) -> Page:
    """Fill a page from a plan over years.

    Parameters
    ----------
    plan : YearsPlan
        The result.
    net : Network, optional
        Gives names to buses and branches.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    first, last = plan.years.index[0], plan.years.index[-1]
    met = float(plan.years["met_percent"].iloc[-1])
    word = "Met" if met >= SURE else "Not met in time" if met < 100.0 - SURE else "At risk of delay"
    gaps = [NotAssessed(*_split(text)) for text in plan.not_assessed]
    return Page(
        title=f"{plan.hub}: plan {first} to {last}",
        subtitle=f"{plan.network} · at {names.find(plan.bus, 'bus')} · {plan.method.upper()}",
        verdict=Verdict(word, plan.verdict, "good" if met >= SURE else "warning"),
        key_numbers=_list_numbers(plan),
        sections=(
            Section(
                "Feasible power by year", _explain(plan), (build_fan_chart(plan), _build_years_table(plan))
            ),
            Section("What it waits for", (), (_build_waits(plan, names), _build_projects(plan))),
            Section("Alternatives", (), (_build_alternatives(plan, names),)),
            Section("States of the grid met", (), (_build_states(plan, names),)),
        ),
        assumptions=_list_assumptions(plan),
        not_assessed=(*gaps, *NOT_ASSESSED),
        licences=list_licences(net),
        provenance={
            "Criteria": plan.criteria or "ratings alone",
            "Draws": f"{plan.options.draws:,}, seed {plan.options.seed}",
        },
    )


def build_fan_chart(plan: YearsPlan) -> CurveChart:
    """Show the power wanted and feasible by year: P10 to P90, and the median strongest."""
    years = [float(year) for year in plan.years.index]
    curves = {
        "wanted": plan.years["wanted_mw"],
        "P90": plan.years["p90_mw"],
        "P10": plan.years["p10_mw"],
        "P50": plan.years["p50_mw"],
    }
    return CurveChart(
        "Power wanted, and feasible if projects are late",
        "End of year",
        "MW",
        {name: (years, values.astype(float).tolist()) for name, values in curves.items()},
        note="10, 50 and 90 % of the draws of delays are at or below P10, P50 and P90.",
        bands={"P10 to P90": (years, plan.years["p10_mw"].tolist(), plan.years["p90_mw"].tolist())},
        whole_steps=True,
    )


def _split(text: str) -> tuple[str, str]:
    what, _, why = text.partition(": ")
    return what[:1].upper() + what[1:], why or "not in the model"


def _explain(plan: YearsPlan) -> tuple[str, ...]:
    return (
        f"Each of {len(plan.projects)} projects comes in its expected year or later; "
        f"{plan.options.draws:,} draws say when. In each draw the room of the hub's bus is that of the grid "
        "with the projects that are there.",
    )


def _list_numbers(plan: YearsPlan) -> tuple[KeyNumber, ...]:
    year, row = plan.years.index[-1], plan.years.iloc[-1]
    return (
        KeyNumber(f"Wanted in {year}", float(row["wanted_mw"]), "MW"),
        KeyNumber(f"Feasible in {year}, P50", float(row["p50_mw"]), "MW", f"P10 {row['p10_mw']:,.0f} MW"),
        KeyNumber("Wish met in", float(row["met_percent"]), "%", "of the draws"),
        KeyNumber("If nothing is late", float(row["room_in_time_mw"]), "MW", "room of the bus"),
        KeyNumber(
            "Spent",
            float(plan.years["capex_base"].sum()),
            plan.money_unit,
            "in these years, mean of the draws",
        ),
    )


def _build_years_table(plan: YearsPlan) -> TableBlock:
    money = dict.fromkeys(("capex_low", "capex_base", "capex_high"), plan.money_unit)
    labels = {
        "wanted_mw": "Wanted",
        "p10_mw": "P10",
        "p50_mw": "P50",
        "p90_mw": "P90",
        "met_percent": "Met in",
        "room_in_time_mw": "Room, nothing late",
        "room_without_mw": "Room, no project",
        "capex_low": "Spent, low",
        "capex_base": "Spent, base",
        "capex_high": "Spent, high",
    }
    table = plan.years.copy()
    table.insert(0, "end_of", [str(year) for year in table.index])
    return TableBlock(
        table,
        "Year by year",
        "years",
        labels=labels,
        units=money,
        show=["end_of", *labels],
        note="Money is spent evenly over each lead time; the mean of the draws. USD stand in the file.",
    )


def _build_waits(plan: YearsPlan, names: Names) -> TableBlock:
    table = plan.waits.copy()
    table["year"] = table["year"].astype(str)
    korean = plan.projects["name_ko"]
    table.insert(2, "name_ko", [str(korean.get(name, "")) for name in table["project"]])
    table["project_name"] = [names.read(str(name)) for name in table["project"]]
    return TableBlock(
        table,
        "Power lost in a year if one project is not there, the largest first",
        "waits",
        labels={
            "project_name": "Project",
            "name_ko": "Korean name",
            "there_percent": "There in",
            "with_mw": "With it",
            "without_mw": "Without it",
            "lost_mw": "Lost",
            "waiting": "Waits for it",
        },
        show=[
            "year",
            "project_name",
            "name_ko",
            "there_percent",
            "with_mw",
            "without_mw",
            "lost_mw",
            "waiting",
        ],
        empty="No project is due in these years.",
        limit=25,
    )


def _build_projects(plan: YearsPlan) -> TableBlock:
    table = plan.projects.reset_index()
    for name in ("expected_year", "p10_year", "p50_year", "p90_year"):
        table[name] = table[name].astype(str)
    money = dict.fromkeys(("cost_low", "cost_base", "cost_high"), plan.money_unit)
    return TableBlock(
        table,
        "Projects and their dates",
        "projects",
        labels={"name_ko": "Korean name", "p50_year": "P50", "p90_year": "P90", "on_time_percent": "On time"},
        units=money,
        show=[
            *(
                "project",
                "name_ko",
                "kind",
                "expected_year",
                "needs",
                "on_time_percent",
                "p50_year",
                "p90_year",
            ),
            *("cost_low", "cost_base", "cost_high", "lead_years", "delay_confidence"),
        ],
        empty="No project: every date is certain.",
    )


def _build_alternatives(plan: YearsPlan, names: Names) -> TableBlock:
    table = plan.alternatives.copy()
    table["where"] = [names.find(bus, "bus") for bus in table["bus"]]
    for name in ("met_50_from", "met_90_from"):
        table[name] = ["not in these years" if pd.isna(year) else f"{year:.0f}" for year in table[name]]
    money = dict.fromkeys(("cost_low", "cost_base", "cost_high"), plan.money_unit)
    return TableBlock(
        table,
        f"What else could be done, in {plan.years.index[-1]}",
        "alternatives",
        labels={
            "extra_mw": "Own MW beside",
            "p10_last_mw": "P10",
            "p50_last_mw": "P50",
            "met_50_from": "Met from, 50 %",
            "met_90_from": "Met from, 90 %",
        },
        units=money,
        show=[
            *("alternative", "where", "extra_mw", "p10_last_mw", "p50_last_mw", "met_50_from", "met_90_from"),
            *("cost_low", "cost_base", "cost_high", "note"),
        ],
    )


def _build_states(plan: YearsPlan, names: Names) -> TableBlock:
    table = plan.states.copy()
    table["year"] = table["year"].astype(str)
    table["where"] = [names.find(bus, "bus") for bus in table["bus"]]
    table["binds"] = [names.find(key) if str(key) else "" for key in table["binding_element"]]
    table["after_loss_of"] = [
        names.find_outage(key, (str(key),) if str(key) else ()) for key in table["binding_contingency"]
    ]
    return TableBlock(
        table,
        "Sets of projects met, most frequent first",
        "states",
        labels={"draws_percent": "Draws", "room_mw": "Room", "binding_kind": "Limit", "binds": "Element"},
        show=["year", "late", "draws_percent", "where", "room_mw", "binding_kind", "binds", "after_loss_of"],
        limit=25,
    )


def _list_assumptions(plan: YearsPlan) -> tuple[Assumption, ...]:
    rows = plan.projects.drop_duplicates("kind") if len(plan.projects) else plan.projects
    return tuple(
        Assumption(
            f"Mean delay of a project: {row['kind'] or 'no kind'}",
            f"{row['delay_mean_years']:.1f}",
            "years",
            str(row["delay_source"]),
            confidence=str(row["delay_confidence"]),
        )
        for _, row in rows.iterrows()
    )
