"""Carbon-free energy of hubs in a dispatch: their load, what their plants gave, and the grid's mix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from gridhub.analysis.carbon.carbon import CarbonMatch, match_carbon_free
from gridhub.analysis.carbon.contracts import HubContract, check_contracts, read_contracts
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.dispatch.inputs import ASSUMED_EFFICIENCY
from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.model.typical_weeks import TypicalWeeks
from gridhub.placement.hub import Hub

CARBON_FREE = ("solar", "wind", "hydro", "nuclear", "tidal", "geothermal")
"""Fuels that count as carbon-free in the grid's mix; biomass does not (assumed)."""


def match_dispatch(
    net: Network,
    dispatch: Dispatch,
    contracts: Iterable[Hub | HubContract],
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None = None,
    *,
    carbon_free: Iterable[str] = CARBON_FREE,
    yearly_cost: Mapping[str, float] | None = None,
    cyclic: bool = False,
    typical: TypicalWeeks | None = None,
) -> CarbonMatch:
    """Match hubs with what their contracted plants and storage did in a dispatch.

    Parameters
    ----------
    net : Network
        That was dispatched, hubs placed.
    dispatch : Dispatch
        Of `gridhub.run_dispatch`.
    contracts : iterable of Hub or HubContract
        A hub has contracted its own plants and storage; its on-site generation burns fuel.
    profiles : mapping, optional
        As given to the dispatch: the load of the hubs. Loads without one keep that of the snapshot.
    carbon_free : iterable of str
        Fuels that are carbon-free.
    yearly_cost, cyclic, typical
        As for `match_carbon_free`.

    Returns
    -------
    CarbonMatch

    Raises
    ------
    InputError
        If contracts name what is not there, or an hour has no numbers; all faults are listed.

    Notes
    -----
    The grid's mix of an hour is the generation of all units less what hubs have contracted of theirs and less
    their on-site generation, so that no energy counts twice (residual mix); storage and flows over links are
    not part of it. Energy from the grid is bought at the price of the hub's bus, the mean of its loads by
    their power; on-site generation costs its linear cost.
    """
    given = tuple(one for item in contracts for one in _read_contract(net, item))
    state = apply_snapshot(net, dispatch.snapshot or None)
    ids = {
        "load": dispatch.shed.columns,
        "generator": dispatch.generation.columns,
        "storage": dispatch.storage.columns,
        "on-site generation": dispatch.generation.columns,
    }
    check_contracts(given, ids)
    bad = ~np.isfinite(dispatch.generation.to_numpy(dtype=float)).all(axis=1)
    if bad.any():
        text = f"{int(bad.sum()):,} hours have no dispatch: solve them, or leave them out of the profiles"
        first = str(dispatch.generation.index[bad][0])
        raise InputError([Issue("error", "E-NAN", "dispatch", first, "", "", text)], "dispatch")
    hours = dispatch.generation.index
    loads = list(dict.fromkeys(name for one in given for name in one.loads))
    plants = list(dict.fromkeys(name for one in given for name in one.plants))
    stores = list(dict.fromkeys(name for one in given for name in one.storage))
    burning = list(dict.fromkeys(name for one in given for name in one.generators))
    drawn = _find_load(state, profiles, loads, hours) - dispatch.unserved[loads]
    prices = state.tables["generator"]["cost_c1_per_mwh"].astype(float)[burning]
    generation = dispatch.generation[plants].clip(lower=0.0)
    lost = dispatch.curtailment.reindex(columns=plants, fill_value=0.0)
    efficiency = _read_efficiency(state, stores)
    share = _find_grid_share(state, dispatch, given, frozenset(carbon_free))
    return match_carbon_free(
        drawn.clip(lower=0.0),
        generation,
        dispatch.storage[stores],
        contracts=given,
        available=generation + lost,
        on_site=dispatch.generation[burning].clip(lower=0.0),
        fuel_price={str(name): float(cost) for name, cost in prices.items()},
        grid_share=share,
        grid_price=_find_prices(state, dispatch, given, drawn),
        yearly_cost=yearly_cost,
        efficiency=efficiency,
        start_mwh=_find_start(dispatch, stores, efficiency),
        cyclic=cyclic,
        typical=typical,
    )


def _read_contract(net: Network, item: Hub | HubContract) -> tuple[HubContract, ...]:
    return read_contracts(net, [item]) if isinstance(item, Hub) else (item,)


def _find_load(
    state: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None,
    loads: list[str],
    hours: pd.Index,
) -> pd.DataFrame:
    """Find what loads ask for, hour x load [MW]: of the profiles, else of the snapshot."""
    base = pd.DataFrame({name: float(state.tables["load"]["p_mw"][name]) for name in loads}, index=hours)
    hourly = (profiles or {}).get(("load", "p_mw"))
    if hourly is not None:
        if not hours.isin(hourly.index).all():
            text = "lacks hours of the dispatch: give the profiles it was made with"
            raise InputError([Issue("error", "E-HOURS", "load", "", "p_mw", "", text)], "profiles")
        for name in base.columns.intersection(hourly.columns):
            base[name] = hourly.loc[hours, name].to_numpy(dtype=float)
    return base


def _read_efficiency(state: Network, stores: list[str]) -> dict[str, float]:
    """Read the round trip of storage as the dispatch takes it."""
    values = pd.to_numeric(state.tables["storage"]["efficiency"], errors="coerce")[stores]
    return {str(name): float(value) for name, value in values.fillna(ASSUMED_EFFICIENCY).items()}


def _find_start(dispatch: Dispatch, stores: list[str], efficiency: Mapping[str, float]) -> dict[str, float]:
    """Find the energy before the first hour [MWh], from that after it."""
    start = {}
    for name in stores:
        one_way = float(np.sqrt(efficiency[name]))
        power, after = float(dispatch.storage[name].iloc[0]), float(dispatch.energy[name].iloc[0])
        before = after + (power / one_way if power > 0.0 else power * one_way)
        if np.isfinite(before):
            start[name] = max(0.0, before)
    return start


def _find_grid_share(
    state: Network, dispatch: Dispatch, contracts: tuple[HubContract, ...], carbon_free: frozenset[str]
) -> pd.Series:
    """Find the carbon-free share of what the grid gives and nobody has contracted, by hour; 0 for nothing."""
    output = dispatch.generation.clip(lower=0.0)
    free_share = pd.Series(1.0, index=output.columns)
    for one in contracts:
        for name, share in {**one.plants, **dict.fromkeys(one.generators, 1.0)}.items():
            free_share[name] -= share
    rest = output * free_share
    fuel = state.tables["generator"]["fuel"].reindex(output.columns).astype(str)
    total = rest.sum(axis=1)
    clean = rest.loc[:, fuel.isin(carbon_free).to_numpy()].sum(axis=1)
    return (clean / total.where(total > 0.0, 1.0)).clip(0.0, 1.0)


def _find_prices(
    state: Network, dispatch: Dispatch, contracts: tuple[HubContract, ...], drawn: pd.DataFrame
) -> pd.DataFrame:
    """Find the price at each hub, the mean of its buses by load; a hub with hours without price has none."""
    found = {}
    for one in contracts:
        names = list(one.loads)
        price = dispatch.price[list(state.tables["load"]["bus"][names])].to_numpy(dtype=float)
        power = drawn[names].to_numpy(dtype=float) + 1e-9  # an hour without load still has a price
        mean = (price * power).sum(axis=1) / power.sum(axis=1)
        if np.isfinite(mean).all():
            found[one.hub] = mean
    return pd.DataFrame(found, index=drawn.index)
