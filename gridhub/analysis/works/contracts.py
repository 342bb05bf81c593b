"""Contracts with a load that sheds on request: what is paid once, every year, and for each call."""

from __future__ import annotations

import math
from typing import NamedTuple

from gridhub.analysis.works.economics import LIFE_YEARS, find_annuity
from gridhub.costs import Cost, Costs

CONTRACT_RATE = 0.045
"""Real discount rate at which what a contract costs a year becomes a cost to compare: as in Korean pre-feasibility
studies (general knowledge)."""


class Contract(NamedTuple):
    """What a contract with a load costs that sheds on request.

    Attributes
    ----------
    cost : Cost
        In all: equipment, and what is paid every year, capitalised.
    ready, calls : Cost or None
        A year: for being ready, for the calls (None: the region has no price, or the hours are not known).
    note : str
    """

    cost: Cost
    ready: Cost | None
    calls: Cost | None
    note: str


def cost_contract(costs: Costs, mw: float, hours: float = math.nan) -> Contract:
    """Cost a contract with a load that sheds some MW on request.

    Parameters
    ----------
    costs : Costs
        With the item ``flexible_load`` (once, per MW); ``flexible_load_year`` (per MW and year) and
        ``flexible_load_energy`` (currency per MWh) count if there.
    mw : float
    hours : float
        Hours a year in which it is called; NaN: not known, and their energy is not priced.

    Examples
    --------
    >>> from gridhub.costs import Cost
    >>> def make(base, unit):
    ...     return Cost(base, base, base, unit, "2026", "assumed, no source", "assumed")
    >>> items = {"flexible_load": make(0.1, "bn KRW per MW"), "flexible_load_year": make(0.02, "bn KRW")}
    >>> found = cost_contract(Costs("KRW", "bn KRW", items), 100.0)
    >>> round(found.ready.base, 3), round(found.cost.base, 2), round(find_annuity(0.045, 25), 4)
    (2.0, 39.66, 14.8282)
    """
    cost = costs["flexible_load"] * mw
    annuity = find_annuity(CONTRACT_RATE, LIFE_YEARS)
    notes, ready, calls = [], None, None
    if "flexible_load_year" in costs:
        ready = costs["flexible_load_year"] * mw
        cost = cost + ready * annuity
        notes.append(
            f"{ready.base:,.3g} {costs.money_unit} a year for being ready, capitalised at {CONTRACT_RATE:.1%} over "
            f"{LIFE_YEARS} years"
        )
    if "flexible_load_energy" in costs:
        hourly = costs["flexible_load_energy"] * (mw / costs.scale)
        if math.isnan(hours):
            notes.append(
                "hours of need not known, calls not priced: each hour a year costs "
                f"{hourly.base:,.2g} {costs.money_unit}"
            )
        else:
            calls = hourly * hours
            cost = cost + calls * annuity
            notes.append(f"called {hours:,.0f} h a year, {calls.base:,.3g} {costs.money_unit}")
    return Contract(cost, ready, calls, "; ".join(notes))
