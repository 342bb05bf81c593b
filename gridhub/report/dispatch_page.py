"""A dispatch as a page: what it costs, what binds and when; what changes between two; what AC finds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.change import DispatchChange
from gridhub.analysis.dispatch.check import DispatchCheck
from gridhub.analysis.dispatch.congestion import map_congestion, report_congestion, sort_flows
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.dispatch.flexible import describe_calls, report_flexible
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    Block,
    CurveChart,
    HeatChart,
    KeyNumber,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Verdict,
)

POINTS = 400
"""Points of a duration curve: more cannot be seen."""

KIND_TABLES = {"link": "hvdc", "interface": "interface"}
"""Where the names of an element stand; else among the branches."""

NO_AC = NotAssessed("Voltages and reactive power", "the dispatch is DC; an AC check of its hours says more")
NO_START = NotAssessed("Starts and stops of units", "commitment is not decided; no start costs")
NO_CALLS = NotAssessed(
    "Notice of flexible load, and longest call in part",
    "the hours are known beforehand; MW, MWh and the length of whole calls are limits",
)
NO_DELIVERY = NotAssessed(
    "Other market rules", "least cost of one owner: no bids, contracts, taxes or payments"
)


def build_dispatch_page(found: Dispatch, net: Network | None = None) -> Page:
    """Fill a page from a dispatch.

    Parameters
    ----------
    found : Dispatch
        The result.
    net : Network, optional
        The network that was dispatched; without it there are no names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    title = (net.title or net.name) if net is not None else found.network
    outages = f"{len(found.security):,} outages" if found.security else "intact network alone"
    losses = (
        NotAssessed("Losses of branches", "left out: option losses = 'none'")
        if found.options.losses == "none"
        else NotAssessed(
            "Losses by reactive power", "losses are those of active power at 1 p.u.; AC losses are higher"
        )
    )
    return Page(
        title=f"Dispatch: {title}",
        subtitle=" · ".join(
            part
            for part in (f"{len(found.status):,} hours", found.snapshot.replace("_", " "), outages)
            if part
        ),
        verdict=_judge(found),
        key_numbers=_list_numbers(found),
        sections=_list_sections(found, names),
        not_assessed=(
            NO_AC,
            NO_START,
            NO_DELIVERY,
            losses,
            *((NO_CALLS,) if found.options.flexible else ()),
        ),
        licences=list_licences(net),
        provenance={
            "Network": found.network,
            "Snapshot": found.snapshot or "the tables themselves",
            "Options": str(found.options),
        },
    )


def _judge(found: Dispatch) -> Verdict:
    total = len(found.status)
    bad = int((found.status["status"] != "OPTIMAL").sum())
    if bad:
        return Verdict(
            "Not every hour can be dispatched",
            f"{bad:,} of {total:,} hours have no dispatch within the limits; see the conflicts.",
            "bad",
        )
    bound = int(found.congestion["hour"].nunique())
    shed = float(found.summary["shed_mwh"])
    text = f"In {bound:,} of {total:,} hours a limit of the grid binds."
    if shed > 1e-3:
        return Verdict("Load is not served", f"{shed:,.0f} MWh are not served. {text}", "bad")
    return Verdict("Every hour is dispatched", text, "plain")


def _list_numbers(found: Dispatch) -> tuple[KeyNumber, ...]:
    summary, money = found.summary, found.currency or "currency"
    numbers = [
        KeyNumber("Cost", float(summary["cost"]) / 1e6, f"M {money}"),
        KeyNumber("Cost of the grid's limits", float(summary["congestion_cost"]) / 1e6, f"M {money}"),
        KeyNumber("Load served", float(summary["load_mwh"]) / 1e3, "GWh"),
        KeyNumber("Curtailed sun and wind", float(summary["curtailed_mwh"]) / 1e3, "GWh"),
    ]
    if found.security:
        numbers.insert(
            1, KeyNumber("of it for N-1 security", float(summary["security_cost"]) / 1e6, f"M {money}")
        )
    if found.options.flexible:
        numbers.append(KeyNumber("Flexible load used", float(summary["flexible_mwh"]) / 1e3, "GWh"))
    if found.options.losses != "none":
        numbers.append(KeyNumber("Losses", float(summary["losses_mwh"]) / 1e3, "GWh"))
    return tuple(numbers)


def _thin(values: np.ndarray) -> tuple[list[float], list[float]]:
    """Sort from the largest down, and keep as many points as can be seen."""
    ordered = np.sort(values[np.isfinite(values)])[::-1]
    at = np.unique(np.linspace(0, len(ordered) - 1, min(POINTS, len(ordered))).astype(int))
    return (at + 1.0).tolist(), np.round(ordered[at], 3).tolist() if len(ordered) else []


def _list_sections(found: Dispatch, names: Names) -> tuple[Section, ...]:
    money = found.currency or "currency"
    blocks: list[Block] = []
    report = report_congestion(found)
    if len(report):
        blocks.append(draw_map_of_hours(found))
        flows = sort_flows(found, 3)
        curves = {names.find(str(key)): _thin(flows[key].to_numpy(dtype=float)) for key in flows}
        blocks.append(
            CurveChart(
                "What the three dearest limits carry, hours sorted",
                "Hours, highest first",
                "MW",
                curves,
                note="Intact network: a limit after an outage binds below the rating.",
            )
        )
    blocks.append(_list_limits(found, names))
    mean = found.price.mean(axis=1).to_numpy(dtype=float)
    price = CurveChart(
        "Price, mean of all buses, hours sorted",
        "Hours, highest first",
        f"{money}/MWh",
        {"price": _thin(mean)},
    )
    sections = [
        Section("Congestion", (), tuple(blocks)),
        Section("Prices", (), (price, _list_prices(found, names))),
        Section("Units that the grid moves", (), (_list_moved(found, names),)),
    ]
    if found.options.flexible:
        sections.append(Section("Flexible load", (), (_list_flexible(found, names),)))
    if len(found.conflicts):
        table = found.conflicts.assign(hour=found.conflicts["hour"].astype(str))
        caption = "Limits that conflict, what must give first"
        sections.insert(
            0, Section("Hours without a dispatch", (), (TableBlock(table, caption, "conflicts"),))
        )
    return tuple(sections)


def draw_map_of_hours(found: Dispatch) -> HeatChart:
    """Draw the congestion rent of every hour of every day."""
    heat = map_congestion(found)
    money = found.currency or "currency"
    top = float(np.nanmax(heat.to_numpy(dtype=float), initial=0.0))
    return HeatChart(
        "Congestion rent by day and hour",
        "Day",
        "Hour of the day",
        [str(day) for day in heat.columns],
        [str(hour) for hour in heat.index],
        heat.to_numpy(dtype=float).tolist(),
        f"{money}/h",
        note=f"Darkest: {top:,.0f} {money} an hour; shades follow the root of the value.",
    )


def _list_limits(found: Dispatch, names: Names) -> TableBlock:
    report = report_congestion(found).reset_index()
    labels = [
        names.find(str(key), KIND_TABLES.get(str(kind), "branch"))
        for kind, key in zip(report["kind"], report["element"], strict=True)
    ]
    report.insert(2, "name", pd.Series(labels, dtype=object))
    report["worst_hour"] = report["worst_hour"].astype(str)
    money = found.currency or "currency"
    return TableBlock(
        report,
        "Limits that bind, dearest first",
        "congestion",
        units={"energy_mwh": "MWh", "rent": money, "largest_shadow_price": f"{money}/MWh"},
        show=["kind", "name", "hours", "energy_mwh", "rent", "largest_shadow_price", "worst_contingency"],
        bar="rent",
        empty="No limit binds.",
    )


def _list_prices(found: Dispatch, names: Names) -> TableBlock:
    table = pd.DataFrame(
        {
            "name": [names.find(str(key), "bus") for key in found.price.columns],
            "mean": found.price.mean(),
            "losses": found.price_loss.mean(),
            "congestion": found.price_congestion.mean(),
            "lowest": found.price.min(),
            "highest": found.price.max(),
        },
        index=pd.Index(found.price.columns, name="bus"),
    ).sort_values("mean", ascending=False, kind="stable")
    unit = f"{found.currency or 'currency'}/MWh"
    units = dict.fromkeys(("mean", "losses", "congestion", "lowest", "highest"), unit)
    return TableBlock(table, "Buses, dearest first", "prices", units=units, limit=15)


def _list_flexible(found: Dispatch, names: Names) -> TableBlock:
    table = report_flexible(found)
    table.insert(0, "name", pd.Series([names.find(str(key), "load") for key in table.index], table.index))
    units = {"most_mw": "MW", "budget_mwh": "MWh", "most_h": "h", "notice_h": "h"}
    units["price"] = f"{found.currency or 'currency'}/MWh"
    units |= {"used_mwh": "MWh", "largest_mw": "MW", "hours": "h", "longest_h": "h"}
    return TableBlock(
        table,
        "What flexible loads were called for",
        "flexible",
        units=units,
        note=describe_calls(found),
        limit=25,
    )


def _list_moved(found: Dispatch, names: Names) -> TableBlock:
    off, on = found.constrained_off.sum(), found.constrained_on.sum()
    table = pd.DataFrame({"off_mwh": off, "on_mwh": on, "generation_mwh": found.generation.sum()})
    table.insert(0, "name", pd.Series([names.find(str(key), "generator") for key in off.index], off.index))
    order = (off + on).sort_values(ascending=False, kind="stable")
    table = table.loc[order.index[order.to_numpy() > 1e-3]].rename_axis(index="unit")
    return TableBlock(
        table,
        "Constrained off and on by the grid and its outages",
        "constrained",
        units={"off_mwh": "MWh", "on_mwh": "MWh", "generation_mwh": "MWh"},
        note="Against the nearest dispatch of least cost without a grid.",
        limit=25,
        empty="No unit.",
    )


def build_change_page(change: DispatchChange, net: Network | None = None) -> Page:
    """Fill a page from the difference of two dispatches.

    Parameters
    ----------
    change : DispatchChange
    net : Network, optional
        Gives names; best the one with more in it.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    money = change.currency or "currency"
    figures, moved = change.figures, change.figures["change"].astype(float)
    cost, rent = (float(moved[key]) / 1e6 for key in ("cost", "congestion_rent"))
    spent = f"{change.after} costs {cost:+,.1f} M {money} against {change.before}"
    limits = change.congestion.reset_index()
    labels = [
        names.find(str(key), KIND_TABLES.get(str(kind), "branch"))
        for kind, key in zip(limits["kind"], limits["element"], strict=True)
    ]
    limits.insert(2, "name", pd.Series(labels, dtype=object))
    units = change.units.copy()
    units.insert(
        0, "name", pd.Series([names.find(str(key), "generator") for key in units.index], units.index)
    )
    order = units["change_mwh"].abs().sort_values(ascending=False, kind="stable").index
    hours = {
        name: _thin(change.hours[column].to_numpy(dtype=float) / 1e6)
        for name, column in ((change.before, "cost_before"), (change.after, "cost_after"))
    }
    left = f" {change.left_out:,} hours without a dispatch are in no sum." if change.left_out else ""
    return Page(
        title=f"What changes: {change.before} and {change.after}",
        subtitle=f"{len(change.hours):,} hours",
        verdict=Verdict(f"{cost:+,.1f} M {money}", f"{spent}; congestion rent {rent:+,.1f} M {money}.{left}"),
        key_numbers=(
            KeyNumber("Change of cost", cost, f"M {money}"),
            KeyNumber("Change of congestion rent", rent, f"M {money}"),
            KeyNumber("Redispatched", float(moved["redispatched_mwh"]) / 1e3, "GWh"),
            KeyNumber("Change of curtailment", float(moved["curtailed_mwh"]) / 1e3, "GWh"),
        ),
        sections=(
            Section(
                "What changes",
                (),
                (
                    CurveChart("Cost, hours sorted", "Hours, dearest first", f"M {money}/h", hours),
                    TableBlock(figures, f"{change.before} (before) and {change.after} (after)", "change"),
                ),
            ),
            Section(
                "Limits that bind more, or less",
                (),
                (
                    TableBlock(
                        limits,
                        "By change of rent",
                        "congestion_change",
                        units={"rent_before": money, "rent_after": money, "change_rent": money},
                        show=["kind", "name", "hours_before", "hours_after", "rent_before", "rent_after"],
                        limit=25,
                        empty="No limit binds in either.",
                    ),
                ),
            ),
            Section(
                "Units that give more, or less",
                (),
                (TableBlock(units.loc[order], "By change of energy", "units_change", limit=25),),
            ),
        ),
        not_assessed=(NO_AC, NO_START, NO_DELIVERY),
        licences=list_licences(net),
    )


def build_check_page(check: DispatchCheck, net: Network | None = None) -> Page:
    """Fill a page from the AC check of a dispatch.

    Parameters
    ----------
    check : DispatchCheck
    net : Network, optional
        Gives names.

    Returns
    -------
    Page
    """
    summary = check.summary
    total, unsolved, beyond = (int(summary[key]) for key in ("hours", "unsolved", "hours_with_violations"))
    sentence = (
        f"AC solves {summary['hours_solved']:,} of {total:,} hours; {beyond:,} have violations;"
        f" {unsolved:,} states (hours or outages in them) have no solution."
    )
    good = not unsolved and not beyond
    verdict = Verdict(
        "AC confirms the hours" if good else "AC finds more", sentence, "good" if good else "bad"
    )
    hours = check.hours.rename_axis(index="hour").reset_index()
    hours["hour"] = hours["hour"].astype(str)
    violations, failed = (
        table.assign(hour=table["hour"].astype(str)) for table in (check.violations, check.unsolved)
    )
    names = build_names(net) if net is not None else Names()
    violations.insert(
        2, "name", pd.Series([names.find(str(key)) for key in violations["element"]], dtype=object)
    )
    show = ["hour", "status", "losses_mw", "dispatch_losses_mw", "lowest_vm_pu", "highest_vm_pu",
            "worst_loading_percent", "violations", "units_at_q_limit"]  # fmt: skip
    return Page(
        title=f"AC check of a dispatch: {(net.title or net.name) if net is not None else check.network}",
        subtitle=f"{total:,} hours: {summary['chosen']}",
        verdict=verdict,
        key_numbers=(
            KeyNumber("Losses by AC", float(summary["losses_mw"]), "MW", "mean of the solved hours"),
            KeyNumber("Losses in the dispatch", float(summary["dispatch_losses_mw"]), "MW", "of branches"),
            KeyNumber("Highest loading", float(summary["worst_loading_percent"]), "%", "intact network"),
            KeyNumber("Violations", int(summary["violations"]), ""),
        ),
        sections=(
            Section("AC: hours", (), (TableBlock(hours, "Hours checked", "ac_hours", show=show),)),
            Section(
                "AC: violations",
                (),
                (TableBlock(violations, "What is beyond a limit", "ac_violations"),),
            ),
            Section("AC: no solution", (), (TableBlock(failed, "States without a solution", "ac_unsolved"),)),
        ),
        not_assessed=(
            NotAssessed("Set-points of voltage", "those of the snapshot; no reactive power is optimised"),
            NotAssessed("Other hours", "only the hours named were solved by AC"),
        ),
        licences=list_licences(net),
        provenance={"Criteria": check.criteria or "ratings alone"},
    )
