"""Contracts with a load that sheds on request: what is paid once, every year, and for each call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.works.economics import LIFE_YEARS, find_annuity
from gridhub.costs import Cost, Costs
from gridhub.model.network import Network

CONTRACT_RATE = 0.045
"""Real discount rate at which what is paid every year becomes a cost to compare: as in Korean pre-feasibility
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
            f"{ready.base:,.3g} {costs.money_unit} a year for being ready, capitalised at "
            f"{CONTRACT_RATE:.1%} over {LIFE_YEARS} years"
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


ON_CALL = ":on call"
"""Ends the id of the part of a load that is shed on request."""

Profiles = Mapping[tuple[str, str], pd.DataFrame]


def split_loads(net: Network, sheds: Iterable[tuple[str, float]]) -> Network:
    """Split loads into a firm part and one on call; a load the network lacks is left out.

    Parameters
    ----------
    net : Network
    sheds : iterable of (str, float)
        Load, and the share of it that is on call.

    Returns
    -------
    Network
        The part on call has the id of the load and `ON_CALL`; what snapshots say of the load is split too.
    """
    load, stored = net.load, net.tables["snapshot_value"]
    for name, share in sheds:
        if name not in load.index:
            continue
        called = load.loc[[name]].set_axis([f"{name}{ON_CALL}"])
        mine = (stored["table"] == "load") & (stored["id"] == name)
        scaled = mine & stored["column"].isin(("p_mw", "q_mvar"))
        more = stored[mine].assign(id=f"{name}{ON_CALL}")
        more["value"] = _scale(more["value"], scaled[mine], share)
        stored = stored.assign(value=_scale(stored["value"], scaled, 1.0 - share))
        stored = pd.concat([stored, more], ignore_index=True)
        for column in ("p_mw", "q_mvar"):
            called[column] = called[column] * share
            load[column] = load[column].where(load.index != name, load[column] * (1.0 - share))
        load = pd.concat([load, called])
    return net.replace(load=load, snapshot_value=stored)


def _scale(values: pd.Series, chosen: pd.Series, factor: float) -> list[str]:
    """Scale the numbers chosen among texts."""
    pairs = zip(values.astype(str), chosen, strict=True)
    return [str(float(value) * factor) if mine else value for value, mine in pairs]


def split_profiles(
    profiles: Profiles, sheds: Iterable[tuple[str, float]]
) -> dict[tuple[str, str], pd.DataFrame]:
    """Split the hours of loads as `split_loads` splits the loads."""
    split = dict(profiles)
    for name, share in sheds:
        for key in (("load", "p_mw"), ("load", "q_mvar")):
            if key in split and name in split[key]:
                hours = split[key][name].astype(float)
                split[key] = split[key].assign(
                    **{name: hours * (1.0 - share), f"{name}{ON_CALL}": hours * share}
                )
    return split


def find_most(net: Network, profiles: Profiles | None, load: str) -> float:
    """Find the most that a load draws in its table, in a snapshot or in an hour [MW]."""
    stored = net.tables["snapshot_value"]
    mine = (stored["table"] == "load") & (stored["column"] == "p_mw") & (stored["id"] == load)
    values = [
        *net.load.loc[[load], "p_mw"].astype(float).tolist(),
        *stored.loc[mine, "value"].astype(float).tolist(),
    ]
    hours = (profiles or {}).get(("load", "p_mw"))
    if hours is not None and load in hours:
        values.append(float(np.nanmax(hours[load].to_numpy(dtype=float))))
    return max(0.0, *values)
