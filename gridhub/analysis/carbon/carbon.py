"""Carbon-free energy of hubs hour by hour: 24/7 score, annual share, curtailed, unmatched, cost per MWh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.analysis.carbon.contracts import HubContract, check_contracts
from gridhub.analysis.carbon.hours import HubHours, account_hub
from gridhub.case.case import Floats
from gridhub.errors import InputError, Issue
from gridhub.model.typical_weeks import LENGTHS, TypicalWeeks

EFFICIENCY = 0.86
"""Round trip where none is given: assumed."""

MATCHED = 1e-6
"""An hour is matched in full if less than this share of its load is not."""

RULES = (
    "score: energy of contracted plants used in the hour it is made, or out of storage, over load; an hour "
    "counts at most its load (Google, 24/7 Carbon-Free Energy: Methodologies and Metrics, 2021)",
    "score with the grid: what is drawn from the grid counts by the grid's carbon-free share in that hour",
    "annual share (RE100): energy of contracted plants over load, whatever the hours, at most 100 %",
    "contracted plants serve the load first, then charge storage; what is left is surplus",
    "storage gives by the shares of what is in it (proportional withdrawal); only what contracted plants "
    "charged is matched; energy charged from the grid keeps the share the grid had then",
)
"""How it is counted."""

ON_SITE_RULE = (
    "own generation that burns fuel serves the load before anything else and is carbon-free in no part, "
    "whatever it burns: only the rest of the load can be matched, by contract or by the grid's mix"
)
"""How on-site generation is counted, where there is any."""


@dataclass(frozen=True, eq=False)
class CarbonMatch:
    """Carbon-free energy of hubs.

    Attributes
    ----------
    summary : DataFrame
        One row per hub. MWh over all hours, by their weights: load_mwh; available_mwh, curtailed_mwh (NaN
        where not given), generation_mwh (contracted, delivered); on_site_mwh (given to the load by own
        generation that burns fuel, within unmatched_mwh); direct_mwh, stored_mwh (matched out of
        storage), matched_mwh, unmatched_mwh; surplus_mwh (delivered and not used); charged_contracted_mwh,
        charged_grid_mwh; grid_mwh (bought: unmatched, less on-site generation and what storage gives of grid
        energy, and charging);
        missing_mwh (given by storage without having been charged). Percent of load: cfe_percent (24/7 score
        without the grid), cfe_grid_percent (with it; NaN without its share), re100_percent,
        generation_percent; matched_hours_percent (of hours: matched in full). Money: cost, cost_per_mwh (of
        load), NaN without prices and costs.
    hourly : DataFrame
        One row per hour and hub: hour, hub, weight; load_mw, generation_mw, curtailed_mw, on_site_mw,
        direct_mw, stored_mw, matched_mw, unmatched_mw, surplus_mw, charge_contracted_mw, charge_grid_mw,
        grid_mw, grid_free_mw (carbon-free part of what is not matched), in_storage_contracted_mwh and
        in_storage_grid_mwh (after the hour), matched_percent.
    contracts : tuple of HubContract
    rules : tuple of str
        How it was counted, and what was assumed.
    """

    summary: pd.DataFrame
    hourly: pd.DataFrame
    contracts: tuple[HubContract, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Series:
    """Checked series of one accounting, all of the same hours."""

    hours: pd.Index
    weight: Floats
    blocks: tuple[slice, ...]
    load: pd.DataFrame
    generation: pd.DataFrame
    available: pd.DataFrame | None
    storage: pd.DataFrame
    on_site: pd.DataFrame
    grid_share: Floats | None
    grid_price: Mapping[str, Floats]


def match_carbon_free(
    load: pd.DataFrame,
    generation: pd.DataFrame,
    storage: pd.DataFrame | None = None,
    *,
    contracts: Iterable[HubContract],
    available: pd.DataFrame | None = None,
    on_site: pd.DataFrame | None = None,
    fuel_price: Mapping[str, float] | None = None,
    grid_share: pd.Series | float | None = None,
    grid_price: pd.DataFrame | pd.Series | float | None = None,
    yearly_cost: Mapping[str, float] | None = None,
    efficiency: Mapping[str, float] | None = None,
    start_mwh: Mapping[str, float] | None = None,
    cyclic: bool = False,
    typical: TypicalWeeks | None = None,
) -> CarbonMatch:
    r"""Match the load of hubs with the carbon-free energy they have contracted, hour by hour.

    Parameters
    ----------
    load : DataFrame
        hour x load [MW].
    generation : DataFrame
        hour x plant: delivered, after curtailment [MW].
    storage : DataFrame, optional
        hour x storage: discharge positive [MW].
    contracts : iterable of HubContract
        Which of them belong to which hub.
    available : DataFrame, optional
        hour x plant: what could have been delivered [MW]; tells what was curtailed.
    on_site : DataFrame, optional
        hour x own generation that burns fuel [MW].
    fuel_price : mapping, optional
        Of that generation: id -> what a MWh of it costs [currency/MWh].
    grid_share : Series or float, optional
        Carbon-free share of the grid's mix by hour, 0 … 1, without what is contracted.
    grid_price : DataFrame (hour x hub), Series or float, optional
        Of energy from the grid [currency/MWh]. Surplus earns nothing.
    yearly_cost : mapping, optional
        Hub -> what its plants and storage cost over these hours [currency].
    efficiency : mapping, optional
        Storage -> round trip; 0.86 where none is given (assumed).
    start_mwh : mapping, optional
        Storage -> energy before the first hour; the least that suffices where none is given (assumed).
    cyclic : bool
        True: energy in storage at the start has the origins of that at the end. False: it is from the grid.
    typical : TypicalWeeks, optional
        Hours are those of typical weeks: they count by their weights, and storage is cyclic in each week.

    Returns
    -------
    CarbonMatch

    Raises
    ------
    InputError
        If series have other hours, lack values or are negative, or contracts name what is not there or is
        contracted twice; all faults are listed.

    Notes
    -----
    With load L, delivered generation G, discharge of contracted energy d and carbon-free share g:

    .. math:: m_t = \min(L_t, G_t) + \min(d_t, L_t - \min(L_t, G_t)), \quad
              \mathrm{CFE} = \frac{\sum_t w_t m_t}{\sum_t w_t L_t}, \quad
              \mathrm{CFE_{grid}} = \frac{\sum_t w_t (m_t + g_t (L_t - m_t))}{\sum_t w_t L_t}

    where grid energy out of storage counts by the share it was charged with. With on-site generation F that
    burns fuel, :math:`L_t - F_t` stands in the place of :math:`L_t` in both numerators, not in the
    denominators: what it gives is load that nothing carbon-free serves. As :math:`\sum m \le \sum G`,
    the score is never above the annual share. See `gridhub.dispatch.origin.track_origin` for storage.
    Emissions are not computed; no certificates are tracked.

    References
    ----------
    .. [1] Google, "24/7 Carbon-Free Energy: Methodologies and Metrics", February 2021,
       https://sustainability.google/reports/24x7-carbon-free-energy-methodologies-metrics/
    .. [2] I. Riepin, T. Brown, "On the means, costs, and system-level impacts of 24/7 carbon-free energy
       procurement", Energy Strategy Reviews, 2024, doi:10.1016/j.esr.2024.101488
    .. [3] World Resources Institute, "GHG Protocol Scope 2 Guidance", 2015; its revision proposed for
       consultation in 2025 matches by the hour, too.

    Examples
    --------
    Four hours, 10 MW of load, sun in two of them, a battery without losses charged by the sun:

    >>> hours = pd.Index(range(4), name="hour")
    >>> match = match_carbon_free(
    ...     pd.DataFrame({"hall": 10.0}, index=hours),
    ...     pd.DataFrame({"sun": [0.0, 20.0, 12.0, 0.0]}, index=hours),
    ...     pd.DataFrame({"cell": [0.0, -6.0, 0.0, 6.0]}, index=hours),
    ...     contracts=[HubContract("hall", ["hall"], ["sun"], ["cell"])],
    ...     efficiency={"cell": 1.0},
    ... )
    >>> match.summary[["matched_mwh", "surplus_mwh", "cfe_percent", "re100_percent"]].loc["hall"].tolist()
    [26.0, 6.0, 65.0, 80.0]
    """
    given = tuple(contracts)
    prices = _spread_prices(grid_price, [one.hub for one in given], load.index)
    series = _check(load, generation, storage, available, on_site, grid_share, prices, typical)
    ids = {
        "load": load.columns,
        "generator": generation.columns,
        "storage": series.storage.columns,
        "on-site generation": series.on_site.columns,
    }
    check_contracts(given, ids)
    rules = list(RULES)
    used = [name for one in given for name in one.storage]
    burning = [name for one in given for name in one.generators]
    if burning:
        rules.append(ON_SITE_RULE)
    if unpriced := [name for name in burning if not np.isfinite((fuel_price or {}).get(name, np.nan))]:
        rules.append(f"what {', '.join(unpriced)} burns has no known price: it is not in the cost")
    if assumed := [name for name in used if name not in (efficiency or {})]:
        rules.append(f"round-trip efficiency {EFFICIENCY} of {', '.join(assumed)}: assumed")
    if typical is not None:
        rules.append(f"typical {typical.length}s: storage ends each of them as it began")
    elif unknown := [name for name in used if name not in (start_mwh or {})]:
        rules.append(f"least energy at the start that suffices in {', '.join(unknown)}: assumed")
    if used and typical is None:
        origin = "as that at the end" if cyclic else "as from the grid and not carbon-free"
        rules.append(f"energy in storage at the start counts {origin}")
    rows, frames = {}, []
    for one in given:
        hours = _account(series, one, efficiency or {}, start_mwh or {}, cyclic)
        cost = None if yearly_cost is None else yearly_cost.get(one.hub)
        fuel = _sum_fuel(series, one, fuel_price or {})
        rows[one.hub] = _summarize(series, hours, series.grid_price.get(one.hub), cost, fuel)
        frames.append(_list_hours(series, one.hub, hours))
    summary = pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="hub")
    hourly = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    return CarbonMatch(summary, hourly, given, tuple(rules))


def _check(
    load: pd.DataFrame,
    generation: pd.DataFrame,
    storage: pd.DataFrame | None,
    available: pd.DataFrame | None,
    on_site: pd.DataFrame | None,
    grid_share: pd.Series | float | None,
    grid_price: Mapping[str, pd.Series],
    typical: TypicalWeeks | None,
) -> _Series:
    """Bring everything to the hours of the load; all faults are listed."""
    hours, faults = load.index, []
    if not len(hours):
        faults.append(Issue("error", "E-EMPTY", "load", "", "", "", "has no hours"))
    signed = storage if storage is not None else pd.DataFrame(index=hours)
    burning = on_site if on_site is not None else pd.DataFrame(index=hours)
    frames = {
        "load": load,
        "generation": generation,
        "storage": signed,
        "available": available,
        "on_site": burning,
    }
    for name, frame in frames.items():
        if frame is None:
            continue
        if not frame.index.equals(hours):
            faults.append(Issue("error", "E-HOURS", name, "", "", "", "has other hours than load"))
        values = frame.to_numpy(dtype=float)
        bad = ~np.isfinite(values) | ((values < -1e-6) & (name != "storage"))
        faults += [
            Issue("error", "E-RANGE", name, str(column), "", "", "has hours without value or below 0")
            for column in frame.columns[bad.any(axis=0)]
        ]
    share = _read_hours(grid_share, hours, "grid_share", (0.0, 1.0), faults)
    price = {}
    for hub, one in grid_price.items():
        read = _read_hours(one, hours, f"grid_price {hub}", (-np.inf, np.inf), faults)
        price[hub] = np.zeros(len(hours)) if read is None else read
    weight = np.ones(len(hours))
    blocks: tuple[slice, ...] = (slice(0, len(hours)),)
    if typical is not None:
        if not hours.equals(typical.weight.index):
            text = "has other hours than the typical weeks: take them (TypicalWeeks.take)"
            faults.append(Issue("error", "E-HOURS", "load", "", "", "", text))
        else:
            weight = typical.weight.to_numpy(dtype=float)
        size = LENGTHS[typical.length]
        blocks = tuple(slice(first, first + size) for first in range(0, len(hours), size))
    if faults:
        raise InputError(faults, "carbon-free accounting")
    return _Series(hours, weight, blocks, load, generation, available, signed, burning, share, price)


def _spread_prices(
    given: pd.DataFrame | pd.Series | float | None, hubs: list[str], hours: pd.Index
) -> dict[str, pd.Series]:
    """Give each hub its prices; a hub that a table does not name has none."""
    if given is None:
        return {}
    if isinstance(given, pd.DataFrame):
        return {hub: given[hub] for hub in hubs if hub in given}
    one = given if isinstance(given, pd.Series) else pd.Series(float(given), index=hours)
    return dict.fromkeys(hubs, one)


def _read_hours(
    given: pd.Series | float | None,
    hours: pd.Index,
    name: str,
    limits: tuple[float, float],
    faults: list[Issue],
) -> Floats | None:
    """Read one value, or one per hour."""
    if given is None:
        return None
    if isinstance(given, pd.Series) and not given.index.equals(hours):
        faults.append(Issue("error", "E-HOURS", name, "", "", "", "has other hours than load"))
        return None
    values = np.broadcast_to(np.asarray(given, dtype=float), len(hours))
    if not (np.isfinite(values) & (values >= limits[0]) & (values <= limits[1])).all():
        text = f"has hours without value or outside {limits[0]:g} to {limits[1]:g}"
        faults.append(Issue("error", "E-RANGE", name, "", "", "", text))
    return np.array(values)


def _account(
    series: _Series,
    contract: HubContract,
    efficiency: Mapping[str, float],
    start_mwh: Mapping[str, float],
    cyclic: bool,
) -> HubHours:
    def add(frame: pd.DataFrame | None, shares: Mapping[str, float]) -> Floats:
        if frame is None:
            return np.full(len(series.hours), np.nan)
        return np.asarray(frame[list(shares)].to_numpy(dtype=float) @ np.array(list(shares.values())))

    several = len(series.blocks) > 1
    power = [share * series.storage[name].to_numpy(dtype=float) for name, share in contract.storage.items()]
    free = np.zeros(len(series.hours)) if series.grid_share is None else series.grid_share
    starts = [
        None if several or name not in start_mwh else share * start_mwh[name]
        for name, share in contract.storage.items()
    ]
    return account_hub(
        load=add(series.load, dict.fromkeys(contract.loads, 1.0)),
        generation=add(series.generation, contract.plants),
        available=add(series.available, contract.plants),
        on_site=add(series.on_site, dict.fromkeys(contract.generators, 1.0)),
        storage=power,
        efficiency=[efficiency.get(name, EFFICIENCY) for name in contract.storage],
        start_mwh=starts,
        grid_share=free,
        blocks=series.blocks,
        cyclic=cyclic or several,
    )


def _sum_fuel(series: _Series, contract: HubContract, price: Mapping[str, float]) -> float | None:
    """Add up what on-site generation burns, by its known prices [currency]; None where there is none."""
    known = {name: price[name] for name in contract.generators if np.isfinite(price.get(name, np.nan))}
    if not known:
        return None
    energy = series.weight @ series.on_site[list(known)].to_numpy(dtype=float)
    return float(energy @ np.array(list(known.values())))


def _summarize(
    series: _Series, one: HubHours, price: Floats | None, yearly_cost: float | None, fuel: float | None
) -> dict[str, float]:
    def add(values: Floats) -> float:
        return float(series.weight @ values)

    load = add(one.load)
    percent = 100.0 / load if load > 0.0 else np.nan
    full = one.load - one.matched <= MATCHED * one.load
    known = series.grid_share is not None
    cost = np.nan
    if price is not None or yearly_cost is not None or fuel is not None:
        bought = 0.0 if price is None else add(one.grid * price)
        cost = bought + (yearly_cost or 0.0) + (fuel or 0.0)
    return {
        "load_mwh": load,
        "available_mwh": add(one.available),
        "curtailed_mwh": add(one.available - one.generation),
        "generation_mwh": add(one.generation),
        "on_site_mwh": add(one.on_site),
        "direct_mwh": add(one.direct),
        "stored_mwh": add(one.stored),
        "matched_mwh": add(one.matched),
        "unmatched_mwh": add(one.load - one.matched),
        "surplus_mwh": add(one.surplus),
        "charged_contracted_mwh": add(one.charge_contracted),
        "charged_grid_mwh": add(one.charge_grid),
        "grid_mwh": add(one.grid),
        "missing_mwh": one.missing_mwh,
        "cfe_percent": percent * add(one.matched),
        "cfe_grid_percent": percent * add(one.matched + one.grid_free) if known else np.nan,
        "re100_percent": min(100.0, percent * add(one.generation)),
        "generation_percent": percent * add(one.generation),
        "matched_hours_percent": 100.0 * add(full.astype(float)) / float(series.weight.sum()),
        "cost": cost,
        "cost_per_mwh": cost / load if load > 0.0 else np.nan,
    }


def _list_hours(series: _Series, hub: str, one: HubHours) -> pd.DataFrame:
    share = np.divide(one.matched, one.load, out=np.ones_like(one.load), where=one.load > 0.0)
    return pd.DataFrame(
        {
            "hour": series.hours,
            "hub": hub,
            "weight": series.weight,
            "load_mw": one.load,
            "generation_mw": one.generation,
            "curtailed_mw": one.available - one.generation,
            "on_site_mw": one.on_site,
            "direct_mw": one.direct,
            "stored_mw": one.stored,
            "matched_mw": one.matched,
            "unmatched_mw": one.load - one.matched,
            "surplus_mw": one.surplus,
            "charge_contracted_mw": one.charge_contracted,
            "charge_grid_mw": one.charge_grid,
            "grid_mw": one.grid,
            "grid_free_mw": one.grid_free,
            "in_storage_contracted_mwh": one.contracted_mwh,
            "in_storage_grid_mwh": one.grid_mwh,
            "matched_percent": 100.0 * share,
        }
    )
