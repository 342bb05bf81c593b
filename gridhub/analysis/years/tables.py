"""Tables of a plan over years: feasible power, spending, what waits for what, what else could be done."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.works.contracts import cost_contract
from gridhub.analysis.years.projects import Project, find_in_time, spread_spending
from gridhub.analysis.years.states import RoomFinder, find_with_waiting
from gridhub.case.case import Floats, Ints
from gridhub.costs import Cost, Costs

QUANTILES = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
"""Name -> share of the draws at or below."""

ENOUGH = 1e-6
"""Room that may be missing where the wish counts as met [MW]."""

STORAGE_HOURS = 6.0
"""Hours of own storage that stands in for missing room, as in the Korean tenders."""

ODDS = (50, 90)
"""Shares of draws that a wish must be met in [%]."""


def find_quantiles(values: Floats) -> dict[str, Floats]:
    """Find the quantiles of (draws, …) values: each is a value that was drawn."""
    found = np.quantile(values, list(QUANTILES.values()), axis=0, method="inverted_cdf")
    return dict(zip(QUANTILES, found, strict=True))


def build_years(
    years: Sequence[int], wanted: Floats, room: Floats, in_time: Floats, without: Floats
) -> pd.DataFrame:
    """Make ``YearsPlan.years`` but for the money.

    Parameters
    ----------
    years : sequence of int
    wanted : (n_year,) float
        [MW]
    room : (draws, n_year) float
        [MW]
    in_time, without : (n_year,) float
        Room with nothing late, and without any project [MW].
    """
    feasible = np.minimum(room, wanted)
    table = pd.DataFrame({"wanted_mw": wanted}, index=pd.Index(list(years), name="year"))
    for name, values in find_quantiles(feasible).items():
        table[f"{name}_mw"] = values
    table["mean_mw"] = feasible.mean(axis=0)
    table["met_percent"] = 100.0 * (room >= wanted - ENOUGH).mean(axis=0)
    for name, values in find_quantiles(room).items():
        table[f"room_{name}_mw"] = values
    return table.assign(room_in_time_mw=in_time, room_without_mw=without)


def add_spending(
    table: pd.DataFrame, projects: Sequence[Project], drawn: Ints, costs: Costs | None
) -> pd.DataFrame:
    """Add what is spent in each year, mean of the draws: capex_low, capex_base, capex_high, capex_usd_base.

    Money in the currency's unit; USD in the same multiple, at the base rate.
    """
    years = [int(year) for year in table.index]
    total = {end: np.zeros(len(years)) for end in ("low", "base", "high")}
    for column, one in enumerate(projects):
        if one.cost is not None:
            share = spread_spending(drawn[:, column], one.cost.lead_years, years).mean(axis=0)
            for end in total:
                total[end] += getattr(one.cost, end) * share
    rate = find_rate(costs)
    return table.assign(
        **{f"capex_{end}": values for end, values in total.items()}, capex_usd_base=total["base"] / rate
    )


def find_rate(costs: Costs | None) -> float:
    """Find what one US dollar is in the currency; NaN where the region does not say."""
    return costs.dollar if costs is not None else math.nan


DATES = (
    *("name_ko", "kind", "expected_year", "needs", "group", "on_time_percent"),
    *(f"{name}_year" for name in QUANTILES),
)
MONEY = (
    *("cost_low", "cost_base", "cost_high", "cost_usd_base", "lead_years", "cost_source"),
    *("delay_mean_years", "delay_source", "delay_confidence"),
)
"""Columns of ``YearsPlan.projects``, the years between them."""


def build_projects(
    projects: Sequence[Project], drawn: Ints, years: Sequence[int], costs: Costs | None
) -> pd.DataFrame:
    """Make ``YearsPlan.projects``."""
    rows = []
    quantiles = find_quantiles(drawn.astype(float)) if projects else {}
    for column, one in enumerate(projects):
        delay, cost = one.delay, one.cost
        row: dict[str, Any] = {"name_ko": one.name_ko, "kind": one.kind, "expected_year": one.year}
        row |= {"needs": tuple(one.needs), "group": one.group}
        row["on_time_percent"] = 100.0 * float((drawn[:, column] <= one.year).mean())
        row |= {f"{name}_year": int(values[column]) for name, values in quantiles.items()}
        row |= {f"there_{year}_percent": 100.0 * float((drawn[:, column] <= year).mean()) for year in years}
        for end in ("low", "base", "high"):
            row[f"cost_{end}"] = math.nan if cost is None else getattr(cost, end)
        row["cost_usd_base"] = row["cost_base"] / find_rate(costs)
        row["lead_years"] = math.nan if cost is None else cost.lead_years
        row["cost_source"] = "" if cost is None else cost.source
        row["delay_mean_years"] = 0.0 if delay is None else delay.mean_years
        row["delay_source"] = "none: on time, or with what it needs" if delay is None else delay.source
        row["delay_confidence"] = "" if delay is None else delay.confidence
        rows.append(row)
    names = pd.Index([one.name for one in projects], name="project", dtype=object)
    there = [f"there_{year}_percent" for year in years]
    return pd.DataFrame(rows, index=names, columns=[*DATES, *there, *MONEY])


WAITS = ("year", "project", "kind", "waiting", "there_percent", "with_mw", "without_mw", "lost_mw")
"""Columns of ``YearsPlan.waits``."""


def build_waits(
    finder: RoomFinder,
    years: Sequence[int],
    projects: Sequence[Project],
    drawn: Ints,
    wanted: Floats,
) -> pd.DataFrame:
    """Make ``YearsPlan.waits``: what the hub loses in each year if one project alone is not there yet."""
    in_time = find_in_time(projects)
    rows = []
    for number, year in enumerate(years):
        due = frozenset(name for name, there in in_time.items() if there <= year)
        limit = wanted[number]
        with_all = min(float(finder.find(year, due)["room_mw"].iloc[0]), limit)
        for column, one in enumerate(projects):
            if one.name not in due:
                continue
            gone = find_with_waiting(projects, one.name)
            left = min(float(finder.find(year, due - gone)["room_mw"].iloc[0]), limit)
            waiting = tuple(other.name for other in projects if other.name in gone - {one.name})
            there = 100.0 * float((drawn[:, column] <= year).mean())
            rows.append((year, one.name, one.kind, waiting, there, with_all, left, with_all - left))
    table = pd.DataFrame(rows, columns=list(WAITS))
    return table.sort_values(["year", "lost_mw"], ascending=[True, False], kind="stable", ignore_index=True)


def build_alternatives(
    years: Sequence[int],
    wanted: Floats,
    room: Floats,
    buses: Sequence[str],
    flexible_share: float,
    costs: Costs | None,
) -> pd.DataFrame:
    """Make ``YearsPlan.alternatives``.

    Parameters
    ----------
    years : sequence of int
    wanted : (n_year,) float
        [MW]
    room : (draws, n_year, n_bus) float
        [MW], of the hub's bus first.
    buses : sequence of str
    flexible_share : float
        Share that the hub offers to shed.
    costs : Costs or None
    """
    rows = [_describe("as asked", buses[0], years, wanted, room[:, :, 0], 0.0, "")]
    full = np.full(len(years), wanted[-1])
    later = _describe("build later", buses[0], years, full, room[:, :, 0], 0.0, "")
    later["note"] = "the full power of the last year, from the first year it is met in"
    rows.append(later)
    for number, bus in enumerate(buses[1:], start=1):
        text = "delays of the same projects; spur and land not compared"
        rows.append(_describe("build elsewhere", bus, years, wanted, room[:, :, number], 0.0, text))
    gap = np.maximum(wanted - room[:, :, 0], 0.0)
    need = float(find_quantiles(gap)["p90"].max())
    if need > ENOUGH:
        cell = _describe("own storage", buses[0], years, wanted, room[:, :, 0], need, "")
        cell |= _price(costs, "storage", need * STORAGE_HOURS)
        cell["note"] = (
            f"discharges the gap of the P10 year for {STORAGE_HOURS:g} h in the hours that bind; how long "
            "they last and what charges it are not assessed"
        )
        shed = _describe("be flexible", buses[0], years, wanted, room[:, :, 0], need, "")
        contract = cost_contract(costs, need) if costs is not None and "flexible_load" in costs else None
        if contract is not None:
            shed |= {f"cost_{end}": float(getattr(contract.cost, end)) for end in ("low", "base", "high")}
        paid = f"; {contract.note}" if contract is not None and contract.note else ""
        share = need / wanted[int(np.argmax(find_quantiles(gap)["p90"]))]
        offer = f"the hub offers {flexible_share:.0%}" if flexible_share else "the hub offers none"
        shed["note"] = (
            f"{share:.0%} of the power shed in the hours that bind ({offer}); their energy is not assessed"
            f"{paid}"
        )
        rows += [cell, shed]
    return pd.DataFrame(rows)


def _describe(
    name: str, bus: str, years: Sequence[int], wanted: Floats, room: Floats, extra: float, note: str
) -> dict[str, Any]:
    """Describe one way: where, how much more, when its power is there."""
    feasible = np.minimum(room + extra, wanted)
    met = 100.0 * (room + extra >= wanted - ENOUGH).mean(axis=0)
    row: dict[str, Any] = {"alternative": name, "bus": bus, "extra_mw": extra}
    row |= {f"{key}_last_mw": float(values[-1]) for key, values in find_quantiles(feasible).items()}
    row["met_last_percent"] = float(met[-1])
    for odds in ODDS:
        good = met >= odds
        first = [year for number, year in enumerate(years) if good[number:].all()]
        row[f"met_{odds}_from"] = float(first[0]) if first else math.nan
    row |= {"cost_low": math.nan, "cost_base": math.nan, "cost_high": math.nan, "note": note}
    return row


def _price(costs: Costs | None, item: str, amount: float) -> Mapping[str, float]:
    if costs is None or item not in costs:
        return {}
    cost: Cost = costs[item] * amount
    return {f"cost_{end}": float(getattr(cost, end)) for end in ("low", "base", "high")}
