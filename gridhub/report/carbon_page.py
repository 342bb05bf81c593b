"""Carbon-free energy of hubs as a page: the hours sorted, the mean day, and what is matched by what."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.carbon.carbon import CarbonMatch
from gridhub.model.network import Network
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

POINTS = 400
"""Points of a duration curve: more cannot be seen."""

NOT_HERE = (
    NotAssessed("Emissions", "only carbon-free and not is told apart; no emission factors are used"),
    NotAssessed(
        "Certificates", "contracts are taken as given; no issue, transfer or cancellation is tracked"
    ),
    NotAssessed("Other weather years", "one synthetic year of weather, unless own series were given"),
)

LABELS = {
    "cfe_percent": "24/7 score",
    "cfe_grid_percent": "24/7 score with the grid",
    "re100_percent": "Annual share (RE100)",
    "on_site_mwh": "Burnt on site",
    "generation_percent": "Generation over load",
    "matched_hours_percent": "Hours matched in full",
    "load_mwh": "Load",
    "generation_mwh": "Delivered",
    "direct_mwh": "Used at once",
    "stored_mwh": "Out of storage",
    "unmatched_mwh": "Not matched",
    "surplus_mwh": "Surplus",
    "curtailed_mwh": "Curtailed",
    "cost_per_mwh": "Cost of load",
}
"""Headings of the accounting."""


def build_carbon_page(match: CarbonMatch, net: Network | None = None) -> Page:
    """Fill a page from the carbon-free accounting of hubs.

    Parameters
    ----------
    match : CarbonMatch
        The result.
    net : Network, optional
        Gives licences and attributions.

    Returns
    -------
    Page
    """
    hubs = ", ".join(str(hub) for hub in match.summary.index)
    return Page(
        title=f"Carbon-free energy: {hubs}",
        subtitle=f"{len(match.hourly) // max(1, len(match.summary)):,} hours",
        verdict=judge_match(match),
        key_numbers=list_match_numbers(match),
        sections=(build_match_section(match, "Hour by hour", "carbon"),),
        assumptions=tuple(Assumption("accounting", rule) for rule in match.rules if "assumed" in rule),
        not_assessed=NOT_HERE,
        licences=list_licences(net),
    )


def judge_match(match: CarbonMatch) -> Verdict:
    """Say how much is matched, and how much less that is than the annual figure claims."""
    row = match.summary.iloc[0]
    name = match.summary.index[0]
    grid = row["cfe_grid_percent"]
    more = "" if np.isnan(grid) else f" With the grid's mix it is {grid:.1f} %."
    sentence = (
        f"{row['cfe_percent']:.1f} % of the energy of {name} is matched in its own hour, while its plants"
        f" deliver {row['generation_percent']:.0f} % of it over all hours.{more}"
    )
    return Verdict(f"{row['cfe_percent']:.0f} % carbon-free by the hour", sentence, "plain")


def list_match_numbers(match: CarbonMatch) -> tuple[KeyNumber, ...]:
    """Give the figures of the first hub."""
    row = match.summary.iloc[0]
    numbers = [
        KeyNumber("24/7 score", float(row["cfe_percent"]), "%", "without the grid"),
        KeyNumber("Annual share (RE100)", float(row["re100_percent"]), "%", "whatever the hours"),
        KeyNumber("Not matched", float(row["unmatched_mwh"]) / 1e3, "GWh"),
        KeyNumber("Hours matched in full", float(row["matched_hours_percent"]), "%"),
    ]
    if not np.isnan(row["cfe_grid_percent"]):
        numbers.insert(1, KeyNumber("With the grid's mix", float(row["cfe_grid_percent"]), "%"))
    if row["on_site_mwh"] > 0.0:
        note = "carbon-free in no part"
        numbers.append(KeyNumber("Burnt on site", float(row["on_site_mwh"]) / 1e3, "GWh", note))
    if not np.isnan(row["curtailed_mwh"]):
        numbers.append(KeyNumber("Curtailed", float(row["curtailed_mwh"]) / 1e3, "GWh"))
    return tuple(numbers)


def build_match_section(match: CarbonMatch, title: str, file: str) -> Section:
    """Show the accounting of hubs: table, duration curve, mean day, and all hours as a file.

    Parameters
    ----------
    match : CarbonMatch
    title : str
        Of the section.
    file : str
        Name of its files.

    Returns
    -------
    Section
    """
    shown = [name for name in LABELS if not match.summary[name].isna().all()]
    if not any(one.generators for one in match.contracts):
        shown.remove("on_site_mwh")
    table = TableBlock(
        match.summary, "By hub", file, LABELS, units={"cost_per_mwh": "per MWh"}, show=["hub", *shown]
    )
    hours = TableBlock(
        match.hourly.sort_values("unmatched_mw", ascending=False, kind="stable"),
        "Hours least matched",
        f"{file}_hours",
        show=["hour", "hub", "load_mw", "generation_mw", "stored_mw", "unmatched_mw", "matched_percent"],
        limit=12,
    )
    blocks: list[Block] = [table, _build_duration(match), *_build_days(match), hours]
    return Section(title, tuple(f"{rule[:1].upper()}{rule[1:]}." for rule in match.rules), tuple(blocks))


def _build_duration(match: CarbonMatch) -> CurveChart:
    """Sort the hours of each hub by what is matched in them."""
    curves = {}
    for hub, hours in match.hourly.groupby("hub", sort=False):
        values = hours["matched_percent"].to_numpy(dtype=float)
        order = np.argsort(-values, kind="stable")
        weight = hours["weight"].to_numpy(dtype=float)[order]
        at = 100.0 * (np.cumsum(weight) - 0.5 * weight) / weight.sum()
        x = np.linspace(0.0, 100.0, POINTS)
        curves[str(hub)] = (x.round(2).tolist(), np.interp(x, at, values[order]).round(2).tolist())
    return CurveChart("Matched share, hours sorted", "Hours, % of all", "Matched, % of load", curves)


def _build_days(match: CarbonMatch) -> list[CurveChart]:
    """Show the mean day of each hub; nothing where hours have no time of day."""
    if not pd.api.types.is_datetime64_any_dtype(match.hourly["hour"]):
        return []
    charts = []
    for hub, hours in match.hourly.groupby("hub", sort=False):
        clock = hours["hour"].dt.hour
        weight = hours["weight"]
        total = weight.groupby(clock).sum()
        curves = {}
        for name, column in (
            ("load", "load_mw"),
            ("delivered by its plants", "generation_mw"),
            ("matched", "matched_mw"),
        ):
            mean = (hours[column] * weight).groupby(clock).sum() / total
            curves[name] = (mean.index.astype(int).tolist(), mean.round(1).tolist())
        charts.append(CurveChart(f"Mean day of {hub}", "Hour of the day", "MW", curves))
    return charts
