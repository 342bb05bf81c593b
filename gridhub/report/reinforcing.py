"""Reinforcements side by side: what each leaves, gains and costs, and how sure their order is."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.works.comparison import Reinforcement
from gridhub.report.names import Names
from gridhub.report.page import RangeChart, RangeRow, Section, TableBlock


def build_reinforcement_section(plan: Reinforcement, names: Names) -> Section:
    """Set the candidates side by side.

    Parameters
    ----------
    plan : Reinforcement
        The result.
    names : Names
        Labels.

    Returns
    -------
    Section
    """
    text = (
        "Each candidate is applied alone and the study is run again. Gained is what the point of connection "
        "then takes more. Costs are ranges: without a public price a cost is assumed, and says so.",
    )
    return Section(
        "Reinforcements",
        text,
        (_build_cost_chart(plan, names), _build_table(plan, names), _build_order_table(plan, names)),
    )


def scale_money(unit: str) -> tuple[float, str]:
    """Give the factor and the unit that make a cost per MW readable.

    Examples
    --------
    >>> scale_money("bn KRW")
    (1000.0, 'million KRW')
    """
    return (1000.0, f"million {unit.removeprefix('bn ')}") if unit.startswith("bn ") else (1.0, unit)


def _build_cost_chart(plan: Reinforcement, names: Names) -> RangeChart:
    factor, unit = scale_money(plan.money_unit)
    table = plan.table[plan.table["cost_per_mw_base"].notna()]
    rows = [
        RangeRow(
            names.read(str(row["candidate"])),
            {"base": factor * float(row["cost_per_mw_base"])},
            factor * float(row["cost_per_mw_low"]),
            factor * float(row["cost_per_mw_high"]),
            f"gains {row['gained_mw']:,.0f} MW",
        )
        for _, row in table.iterrows()
    ]
    without = len(plan.table) - len(table)
    note = f"{without} candidates gain nothing and have no cost per MW." if without else ""
    return RangeChart("Cost per MW gained", f"{unit}/MW", rows, "low to high estimate", log=True, note=note)


def _build_table(plan: Reinforcement, names: Names) -> TableBlock:
    table = plan.table.reset_index(drop=True).copy()
    for column in ("candidate", "description"):
        table[column] = pd.Series([names.read(str(text)) for text in table[column]], dtype=object)
    money = {column: plan.money_unit for column in ("cost_low_bn", "cost_base_bn", "cost_high_bn")}
    return TableBlock(
        table,
        "Reinforcements, cheapest per MW first",
        "reinforcements",
        labels={
            "left_violations": "Violations left",
            "left_worst_percent": "Worst of them",
            "cost_low_bn": "Low",
            "cost_base_bn": "Base",
            "cost_high_bn": "High",
            "lead_years": "Years",
            "cost_confidence": "Confidence",
        },
        units=money,
        show=[
            "candidate",
            "gained_mw",
            "left_violations",
            "left_worst_percent",
            "cost_low_bn",
            "cost_base_bn",
            "cost_high_bn",
            "lead_years",
            "cost_confidence",
        ],
        note="Years from decision to operation. Sources of the costs stand under Assumptions.",
        empty="No candidate was found.",
    )


def _build_order_table(plan: Reinforcement, names: Names) -> TableBlock:
    flips = plan.flips.sort_values("flip_percent", ascending=False, kind="stable").reset_index(drop=True)
    for column in ("cheaper", "dearer"):
        flips[column] = [names.read(str(text)) for text in flips[column]]
    return TableBlock(
        flips,
        "How often the order turns between low and high costs",
        "order",
        labels={
            "cheaper": "Cheaper at base cost",
            "dearer": "Dearer at base cost",
            "flip_percent": "Other way round",
        },
        note=f"Share of draws between low and high (seed {plan.seed}). Near 50 % the order says nothing.",
        empty="There is no pair to compare.",
        limit=15,
    )
