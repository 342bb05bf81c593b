"""Sizes of a hub's plants and storage as a page: what is built, what it costs, cost against share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.carbon.hub_sizing import HubSizing, SizingCurve, find_surplus
from gridhub.model.network import Network
from gridhub.report.carbon_page import NOT_HERE, build_match_section, judge_match, list_match_numbers
from gridhub.report.flow_page import list_licences
from gridhub.report.page import (
    Assumption,
    Block,
    CurveChart,
    KeyNumber,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Verdict,
)

LEFT_OUT = (
    NotAssessed(
        "The grid", "sizes are those of hours alone: judge the sized hub by a hub study and a dispatch"
    ),
    NotAssessed("Forecast errors", "storage is run with perfect foresight, so a real hub reaches less"),
    NotAssessed(
        "Revenue", "surplus goes into the grid and earns nothing; no tariff or network charge is part of it"
    ),
)

LARGE = 1e10
"""Money from which on it is shown in billions."""

SHOWN_SHARE = 90.0
"""Share of a curve whose hours are shown: the nearest one that was solved [%]."""


def build_sizing_page(sizing: HubSizing, net: Network | None = None) -> Page:
    """Fill a page from one sizing.

    Parameters
    ----------
    sizing : HubSizing
        The result.
    net : Network, optional
        Gives licences and attributions.

    Returns
    -------
    Page
    """
    money = str(sizing.summary["currency"])
    return Page(
        title=f"Sizes for {sizing.hub}",
        subtitle=_name_goal(sizing, money),
        verdict=judge_match(sizing.match),
        key_numbers=(_build_cost_number(sizing, money), *list_match_numbers(sizing.match)),
        sections=(
            Section("Sizes", (), (_build_sizes(sizing, "Plants and storage", "sizes"),)),
            build_match_section(sizing.match, "Hour by hour", "carbon"),
        ),
        assumptions=_list_assumptions(sizing.rules),
        not_assessed=(*LEFT_OUT, *NOT_HERE),
        licences=list_licences(net),
    )


def build_curve_page(curve: SizingCurve, net: Network | None = None) -> Page:
    """Fill a page from cost against carbon-free share.

    Parameters
    ----------
    curve : SizingCurve
        The result.
    net : Network, optional
        Gives licences and attributions.

    Returns
    -------
    Page
    """
    asked = curve.as_asked
    sections = [
        Section(
            "Cost against carbon-free share",
            (
                "Each point is the cheapest mix of sun, wind and storage for its share, all hours at once. "
                "The dashed line is the hub as asked, its storage run for the largest share.",
            ),
            (*_build_charts(curve), _build_table(curve)),
        ),
        Section("The hub as asked", (), (_build_sizes(asked, "Plants and storage as asked", "sizes_asked"),)),
        build_match_section(asked.match, "As asked, hour by hour", "carbon_asked"),
    ]
    bought = curve.for_budget
    if bought is not None:
        title = "For the budget"
        sizes = _build_sizes(bought, "Plants and storage for the budget", "sizes_budget")
        sections += [
            Section(title, (f"The {_name_goal(bought, curve.currency)}.",), (sizes,)),
            build_match_section(bought.match, f"{title}, hour by hour", "carbon_budget"),
        ]
    if curve.sizings:
        near = min(curve.sizings, key=lambda one: abs(one.summary["share_percent"] - SHOWN_SHARE))
        title = f"At {near.summary['share_percent']:.0f} %"
        sections += [
            Section(title, (), (_build_sizes(near, "Plants and storage", "sizes"),)),
            build_match_section(near.match, f"{title}, hour by hour", "carbon"),
        ]
    return Page(
        title=f"Carbon-free energy of {curve.hub}: cost against share",
        subtitle=f"{len(asked.hourly):,} hours",
        verdict=_judge(curve),
        key_numbers=(_build_cost_number(asked, curve.currency), *list_match_numbers(asked.match)),
        sections=tuple(sections),
        assumptions=_list_assumptions(curve.rules),
        not_assessed=(*LEFT_OUT, *NOT_HERE),
        licences=list_licences(net),
    )


def _name_goal(sizing: HubSizing, money: str) -> str:
    if sizing.goal == "share":
        return f"{100 * sizing.goal_value:g} % of its energy at least cost"
    if sizing.goal == "budget":
        return f"largest share for {sizing.goal_value:,.0f} {money} a year"
    return "as asked"


def _judge(curve: SizingCurve) -> Verdict:
    asked, solved = curve.as_asked, curve.table[curve.table["status"] == "OPTIMAL"]
    has, paid = asked.summary["share_percent"], asked.summary["cost_per_mwh"]
    money = f"{curve.currency}/MWh"
    text = f"As asked, {has:.1f} % of the energy is matched in its own hour, at {paid:,.0f} {money}."
    if len(solved):
        last = solved.iloc[-1]
        text += (
            f" {last['share_percent']:.0f} % would cost {last['cost_per_mwh']:,.0f} {money} with the cheapest"
            " mix."
        )
    failed = len(curve.table) - len(solved)
    if failed:
        text += f" {failed} of {len(curve.table)} shares have no solution."
    return Verdict(f"{has:.0f} % as asked", text, "warning" if failed else "plain")


def _build_cost_number(sizing: HubSizing, money: str) -> KeyNumber:
    return KeyNumber(
        "Cost of load", f"{sizing.summary['cost_per_mwh']:,.0f}", f"{money}/MWh", _name_goal(sizing, money)
    )


def _list_assumptions(rules: tuple[str, ...]) -> tuple[Assumption, ...]:
    return tuple(
        Assumption("sizing", rule, "", "assumed" if "assumed" in rule else "as said", "", "assumed")
        for rule in rules
    )


def _show_billions(table: pd.DataFrame, columns: tuple[str, ...], money: str) -> tuple[pd.DataFrame, str]:
    """Turn large money into billions, for a reader; the columns say so."""
    if not float(table[list(columns)].max().max()) >= LARGE:
        return table, money
    names = {name: f"{name}_bn" for name in columns}
    return table.assign(**{name: table[name] / 1e9 for name in columns}).rename(columns=names), f"bn {money}"


def _build_sizes(sizing: HubSizing, caption: str, file: str) -> TableBlock:
    columns = ("investment", "yearly_cost")
    table, money = _show_billions(sizing.sizes, columns, str(sizing.summary["currency"]))
    shown = [name for name in table.columns if name != "source"]
    return TableBlock(
        table,
        caption,
        file,
        labels={
            "asked_mw": "Asked",
            "asked_mwh": "Asked",
            "p_mw": "Sized",
            "e_mwh": "Sized",
            "investment_bn": "Investment",
            "yearly_cost": "Cost of a year",
            "yearly_cost_bn": "Cost of a year",
        },
        units={f"{name}{end}": money for name in columns for end in ("", "_bn")},
        show=["part", *shown],
    )


def _build_charts(curve: SizingCurve) -> list[Block]:
    solved = curve.table[curve.table["status"] == "OPTIMAL"]
    if solved.empty:
        return []
    share = solved["share_percent"].round(3).tolist()
    asked = curve.as_asked.summary
    at = [round(float(asked["share_percent"]), 3)] * 2
    largest = float(solved["cost_per_mwh"].max())
    scale, name = (1e3, f"thousand {curve.currency}") if largest >= 1e4 else (1.0, curve.currency)
    cost = (solved["cost_per_mwh"] / scale).round(2).tolist()
    money = f"{name}/MWh of load"
    charts: list[Block] = [
        CurveChart(
            "Cost against carbon-free share",
            "Matched in its own hour, % of load",
            f"Cost, {money}",
            {
                "as asked": (at, [0.0, round(float(asked["cost_per_mwh"]) / scale, 2)]),
                "cheapest mix": (share, cost),
            },
            note="Where the grid is dear, more may be matched than was asked.",
        )
    ]
    sizes = {
        column.removesuffix("_mw").replace("_", " "): (share, solved[column].round(1).tolist())
        for column in solved.columns
        if column.endswith("_mw")
    }
    charts.append(CurveChart("Sizes", "Matched in its own hour, % of load", "MW", sizes))
    return charts


def _build_table(curve: SizingCurve) -> TableBlock:
    asked, money = curve.as_asked, curve.currency
    row = asked.match.summary.iloc[0]
    values: dict[str, object] = {
        "what": "as asked",
        "status": "OPTIMAL",
        **{name: asked.summary[name] for name in ("share_percent", "cost", "cost_per_mwh", "price_of_share")},
        "re100_percent": row["re100_percent"],
        "surplus_percent": find_surplus(row),
    }
    for part, size in asked.sizes.iterrows():
        values[f"{part}_mw"] = size["p_mw"]
        if not np.isnan(size["e_mwh"]):
            values[f"{part}_mwh"] = size["e_mwh"]
    table = curve.table.reset_index()
    table.insert(0, "what", [f"{target:g} % asked for" for target in table["target_percent"]])
    table = pd.concat([table.drop(columns="target_percent"), pd.DataFrame([values])], ignore_index=True)
    table, large = _show_billions(table, ("cost",), money)
    return TableBlock(
        table,
        "Shares and what they take",
        "sizing",
        labels={
            "share_percent": "Matched",
            "re100_percent": "Annual share",
            "cost": "Cost of a year",
            "cost_bn": "Cost of a year",
            "cost_per_mwh": "Cost",
            "price_of_share": "One more MWh matched",
        },
        units={
            "cost": large,
            "cost_bn": large,
            "cost_per_mwh": f"{money}/MWh",
            "price_of_share": f"{money}/MWh",
        },
    )
