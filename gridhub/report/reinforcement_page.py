"""A reinforcement plan, and what it is worth, as pages."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.works.reinforcement import ReinforcementPlan
from gridhub.analysis.works.value import WorksValue
from gridhub.model.network import Network
from gridhub.report.charts import build_violation_table
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    Assumption,
    KeyNumber,
    NotAssessed,
    Page,
    RangeChart,
    RangeRow,
    Section,
    TableBlock,
    Verdict,
)

_OTHER = "not in the model"


def build_reinforcement_page(plan: ReinforcementPlan, net: Network | None = None) -> Page:
    """Fill a page from a reinforcement plan.

    Parameters
    ----------
    plan : ReinforcementPlan
    net : Network, optional
        Gives names; the plan's own network otherwise.

    Returns
    -------
    Page
    """
    names = build_names(net if net is not None else plan.network_before)
    row = plan.selection.loc[[plan.method]].iloc[0]
    clear = not int(row["left_violations"])
    elements = {
        str(key): tuple(map(str, members))
        for sec in plan.security_after.values()
        for key, members in sec.contingencies["elements"].items()
    }
    word = "Clears all" if clear else "Clears a part"
    return Page(
        title=f"Reinforcement: {plan.network}",
        subtitle=", ".join(name.replace("_", " ") for name in plan.snapshots if name),
        verdict=Verdict(word, plan.verdict, "good" if clear else "warning"),
        key_numbers=(
            KeyNumber("Works", float(row["works"]), note=f"chosen by {plan.method}"),
            KeyNumber(
                "Cost",
                float(row["cost_base"]),
                plan.money_unit,
                f"{row['cost_low']:,.0f} to {row['cost_high']:,.0f}",
            ),
            KeyNumber("Violations before", float(row["before_violations"])),
            KeyNumber("Violations left", float(row["left_violations"]), tone="good" if clear else "bad"),
        ),
        sections=(
            Section("Works", (), (_build_costs(plan, names), _build_works(plan, names), _build_both(plan))),
            Section("Candidates", plan.not_offered, (_build_candidates(plan, names),)),
            *_build_schemes(plan, names),
            Section(
                "What is violated",
                (),
                (
                    build_violation_table(plan.before, names, elements, "Before, worst first", "before"),
                    build_violation_table(plan.left, names, elements, "With the works", "left"),
                ),
            ),
        ),
        assumptions=_list_costs(plan),
        not_assessed=(*(NotAssessed(text, _OTHER) for text in plan.not_assessed), *NOT_ASSESSED),
        licences=list_licences(net if net is not None else plan.network_before),
        provenance={"Criteria": plan.criteria or "ratings alone"},
    )


def _build_costs(plan: ReinforcementPlan, names: Names) -> RangeChart:
    rows = [
        RangeRow(
            names.read(str(row["candidate"])),
            {"base": float(row["cost_base"])},
            float(row["cost_low"]),
            float(row["cost_high"]),
        )
        for _, row in plan.works.iterrows()
    ]
    return RangeChart("Cost of each work", plan.money_unit, rows, "low to high estimate", start_at_zero=True)


def _build_works(plan: ReinforcementPlan, names: Names) -> TableBlock:
    table = plan.works.copy()
    for column in ("candidate", "description"):
        table[column] = pd.Series([names.read(str(text)) for text in table[column]], dtype=object)
    return TableBlock(
        table,
        "Works of the plan",
        "works",
        units=dict.fromkeys(("cost_low", "cost_base", "cost_high"), plan.money_unit),
        labels={"lead_years": "Years"},
        show=["candidate", "description", "cost_low", "cost_base", "cost_high", "lead_years"],
        note="USD stand in the file.",
        empty="No works are needed, or none helps.",
    )


def _build_both(plan: ReinforcementPlan) -> TableBlock:
    table = plan.selection.rename_axis(index="method").reset_index()
    return TableBlock(
        table,
        "Both selections, each verified by AC under every outage",
        "selection",
        units={"cost_base": plan.money_unit, "objective": plan.money_unit},
        labels={"left_points": "Points left", "from_greedy": "Kept greedy's"},
        show=["method", "works", "cost_base", "left_violations", "left_points", "objective", "from_greedy"],
    )


def _build_candidates(plan: ReinforcementPlan, names: Names) -> TableBlock:
    table = plan.candidates.rename_axis(index="candidate").reset_index()
    table["candidate"] = [names.read(str(text)) for text in table["candidate"]]
    table["fault_at"] = [names.find(bus, "bus") if isinstance(bus, str) else "" for bus in table["fault_bus"]]
    return TableBlock(
        table,
        "Candidates, with the fault level at the end that each raises most (indicative)",
        "candidates",
        units={"cost_base": plan.money_unit},
        labels={
            "fault_at": "Fault level at",
            "fault_before_ka": "Before",
            "fault_after_ka": "With it",
            "breaker_ka": "Smallest breaker",
        },
        show=[
            *("candidate", "note", "cost_base", "lead_years", "methods", "fault_at"),
            *("fault_before_ka", "fault_after_ka", "breaker_ka", "fault_state"),
        ],
        empty="No candidate: nothing is violated, or the region has no cost for what would help.",
    )


def _build_schemes(plan: ReinforcementPlan, names: Names) -> tuple[Section, ...]:
    """Show what the schemes of the plan do; no section without one."""
    if plan.schemes.empty:
        return ()
    table = plan.schemes.copy()
    for column in ("contingency", "variant", "worst_element"):
        table[column] = [names.read(str(text)) for text in table[column]]
    block = TableBlock(
        table,
        "Outages in which a scheme acts: without it, with it, and with one action that fails",
        "schemes",
        units={"tripped_mw": "MW", "shed_mw": "MW", "run_back_mw": "MW"},
        labels={
            "contingency": "Outage",
            "worst_element": "Worst",
            "worst_loading_percent": "Loading",
            "tripped_mw": "Tripped",
            "shed_mw": "Shed",
            "run_back_mw": "Run back",
        },
        show=[
            *("snapshot", "contingency", "variant", "status", "violations", "worst_element"),
            *("worst_loading_percent", "tripped_mw", "shed_mw", "run_back_mw"),
        ],
        note="Solved by AC with the other works of the plan in place.",
    )
    return (Section("Remedial schemes", (), (block,)),)


def _list_costs(plan: ReinforcementPlan) -> tuple[Assumption, ...]:
    found = plan.candidates.drop_duplicates(["kind", "cost_source"])
    return tuple(
        Assumption(
            f"Cost of a {str(row['kind']).replace('_', ' ')}",
            f"{row['cost_base']:,.1f} ({name})",
            plan.money_unit,
            str(row["cost_source"]),
            confidence=str(row["cost_confidence"]),
        )
        for name, row in found.iterrows()
    )


def build_worth_page(worth: WorksValue, net: Network | None = None) -> Page:
    """Fill a page from the worth of a plan's works.

    Parameters
    ----------
    worth : WorksValue
    net : Network, optional
        Gives names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    row = worth.table.iloc[0]
    pays = float(row["bc_4_5"]) >= 1.0
    table = worth.table.reset_index()
    table["work"] = [names.read(str(name)) for name in table["work"]]
    words = {"set": "all against none", "toot": "all but it (TOOT)", "pint": "alone (PINT)"}
    table["against"] = [words[str(method)] for method in table["method"]]
    money = dict.fromkeys(
        ("benefit_congestion", "benefit_unserved", "benefit_losses", "benefit"), f"{worth.money_unit}/year"
    )
    money |= dict.fromkeys(("cost_base", "npv_4_5", "npv_4"), worth.money_unit)
    money["yearly_base"] = f"{worth.money_unit}/year"
    money["cost_per_mw"] = f"{worth.money_unit}/MW"
    labels = {
        "benefit_congestion": "Congestion",
        "benefit_unserved": "Unserved",
        "benefit_losses": "Losses",
        "benefit": "Saves",
        "npv_4_5": "NPV at 4.5 %",
        "bc_4_5": "B/C at 4.5 %",
        "npv_4": "NPV at 4 %",
        "bc_4": "B/C at 4 %",
        "freed_mw": "Freed",
    }
    every = "yearly_base" if (table["yearly_base"] > 0).any() else ""
    chart = RangeChart(
        "Benefit over cost at 4.5 %, from high to low cost",
        "",
        [
            RangeRow(
                f"{one['work']}: {one['against']}",
                {"base cost": float(one["bc_4_5"])},
                float(one["bc_4_5_worst"]),
                float(one["bc_4_5_best"]),
            )
            for _, one in table.iterrows()
        ],
        "high to low cost",
        limit=1.0,
        start_at_zero=True,
    )
    block = TableBlock(
        table,
        "What each work saves a year, and what it costs",
        "worth",
        units=money,
        labels=labels,
        show=["work", "against", *labels, "cost_base", *filter(None, (every,)), "cost_per_mw"],
    )
    word = "Pays" if pays else "Does not pay by these"
    return Page(
        title=f"Worth of the works: {worth.network}",
        verdict=Verdict(word, worth.verdict, "good" if pays else "plain"),
        key_numbers=(
            KeyNumber("Saves", float(row["benefit"]), f"{worth.money_unit}/year"),
            KeyNumber("Costs", float(row["cost_base"]), worth.money_unit),
            KeyNumber("B/C at 4.5 %", f"{row['bc_4_5']:.2f}"),
            KeyNumber("B/C at 4 %", f"{row['bc_4']:.2f}"),
        ),
        sections=(Section("Benefit and cost", (), (chart, block)),),
        assumptions=tuple(Assumption(text, "") for text in worth.assumptions),
        not_assessed=tuple(NotAssessed(text, _OTHER) for text in worth.not_assessed),
        licences=list_licences(net),
    )
