"""What a sizing rests on: load and output by hour, what parts cost a year, what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gridhub.analysis.carbon.contracts import HubContract, check_contracts, find_rows, read_contracts
from gridhub.case.case import Floats
from gridhub.costs import Costs, read_costs
from gridhub.dispatch.sizing import HOURS_OF_YEAR, SizingProblem
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.model.typical_weeks import LENGTHS, TypicalWeeks
from gridhub.placement.hub import Hub, RenewablePlant, Storage

CostEnd = Literal["low", "base", "high"]

SizedPart = RenewablePlant | Storage

Profiles = Mapping[tuple[str, str], pd.DataFrame]

RULES = (
    "perfect foresight of the hours: a real hub reaches less",
    "no limit of site, grid or connection on any size",
    "surplus goes into the grid and earns nothing; whether the grid can take it is not asked",
    "costs of plants and storage alone: feeders, banks and works in the grid are not part of it",
    "plants and storage are paid by an annuity over their life and upkeep, at a real rate",
)
"""What every sizing leaves out."""


@dataclass(frozen=True, slots=True, eq=False)
class SizingInputs:
    """A sizing, ready to be solved.

    Attributes
    ----------
    hub : Hub
    parts : tuple
        Its plants, then its storage.
    hours : Index
    problem : SizingProblem
    units : DataFrame
        Per part, plants first: per_mw, per_mwh (investment), source, confidence.
    grid_price, grid_share : float or Series, or None
        As given; of the hours sized on.
    years : float
        Years the hours stand for.
    currency : str
    typical : TypicalWeeks or None
    rules : tuple of str
    """

    hub: Hub
    parts: tuple[SizedPart, ...]
    hours: pd.Index
    problem: SizingProblem
    units: pd.DataFrame
    grid_price: float | None
    grid_share: pd.Series | float | None
    years: float
    currency: str
    typical: TypicalWeeks | None
    rules: tuple[str, ...]


def build_sizing_inputs(
    net: Network,
    hub: Hub,
    profiles: Profiles,
    *,
    cost: CostEnd,
    discount_rate: float | None,
    grid_price: float | None,
    grid_share: pd.Series | float | None,
    count_grid: bool,
    sizes: Literal["free", "least", "asked"],
    typical: TypicalWeeks | None,
) -> SizingInputs:
    """Collect what a sizing needs; see `gridhub.analysis.carbon.hub_sizing.size_hub` for the parameters.

    Returns
    -------
    SizingInputs

    Raises
    ------
    InputError, OptionError
        As `size_hub`.
    """
    _check_options(hub, cost, grid_price, grid_share, count_grid)
    (contract,) = read_contracts(net, [hub])
    frames = profiles if typical is None else typical.take(profiles)
    load, output = _read_hours(net, hub, contract, frames)
    hours = load.index
    weight = np.ones(len(hours)) if typical is None else typical.weight.to_numpy(dtype=float)
    years = float(weight.sum()) / HOURS_OF_YEAR
    parts: tuple[SizedPart, ...] = (*hub.plants, *hub.storage)
    costs = read_costs(net.documents["costs"]) if net.documents.get("costs") else None
    units, rules, rate = _read_units(parts, costs, cost, discount_rate)
    share = _read_share(grid_share, hours)
    asked_mw = np.array([part.p_mw for part in parts], dtype=float)
    asked_mwh = np.array([part.e_mwh for part in hub.storage], dtype=float)
    low_mw, low_mwh = (np.zeros_like(one) if sizes == "free" else one for one in (asked_mw, asked_mwh))
    high_mw, high_mwh = (
        one if sizes == "asked" else np.full_like(one, np.inf) for one in (asked_mw, asked_mwh)
    )
    k = len(hub.plants)
    yearly = units[["yearly_per_mw", "yearly_per_mwh"]].to_numpy(dtype=float) * years
    problem = SizingProblem(
        load=load.to_numpy(dtype=float),
        weight=weight,
        block=len(hours) if typical is None else LENGTHS[typical.length],
        output=output,
        plant_cost=yearly[:k, 0],
        plant_low=low_mw[:k],
        plant_high=high_mw[:k],
        power_cost=yearly[k:, 0],
        power_low=low_mw[k:],
        power_high=high_mw[k:],
        energy_cost=yearly[k:, 1],
        energy_low=low_mwh,
        energy_high=high_mwh,
        efficiency=np.array([part.efficiency for part in hub.storage]),
        grid_price=np.full(len(hours), 0.0 if grid_price is None else grid_price),
        grid_share=share if count_grid else np.zeros(len(hours)),
    )
    said = [*RULES, f"discount rate {100 * rate:g} % a year, real; {cost} end of the cost ranges", *rules]
    if grid_price is None:
        said.append("energy from the grid is not priced: cost is that of plants and storage alone")
    else:
        said.append(f"energy from the grid at {grid_price:,.0f} {net.currency}/MWh in every hour")
    if hub.generators:
        names = ", ".join(part.name for part in hub.generators)
        said.append(
            f"on-site generation that burns fuel ({names}) takes no part: it is no carbon-free supply"
        )
    if typical is not None:
        said += [f"{len(typical.periods)} typical {typical.length}s", *typical.not_represented]
    free = None if grid_share is None else pd.Series(share, index=hours)
    return SizingInputs(
        hub=hub,
        parts=parts,
        hours=hours,
        problem=problem,
        units=units,
        grid_price=grid_price,
        grid_share=free,
        years=years,
        currency=net.currency,
        typical=typical,
        rules=tuple(said),
    )


def _check_options(
    hub: Hub, cost: str, grid_price: float | None, grid_share: pd.Series | float | None, count_grid: bool
) -> None:
    faults = []
    if cost not in ("low", "base", "high"):
        faults.append(f"cost = {cost!r} is not low, base or high")
    if grid_price is not None and not (np.isfinite(grid_price) and grid_price >= 0.0):
        faults.append(f"grid_price = {grid_price:g} must be 0 or more")
    if count_grid and grid_share is None:
        faults.append("count_grid wants grid_share: the carbon-free share of the grid")
    if not hub.plants:
        faults.append(f"hub {hub.name!r} has no plants to size")
    if any(part.efficiency <= 0.0 for part in hub.storage):
        faults.append("storage without any efficiency cannot be sized")
    if faults:
        raise OptionError("; ".join(faults))


def _read_hours(net: Network, hub: Hub, contract: HubContract, frames: Profiles) -> tuple[pd.Series, Floats]:
    """Read the hub's load [MW], and the output per MW of each plant, hours x plants."""
    load = frames.get(("load", "p_mw"), pd.DataFrame())
    plants = frames.get(("generator", "p_mw"), pd.DataFrame(index=load.index))
    ids = {
        "load": load.columns,
        "generator": plants.columns,
        "storage": pd.Index(contract.storage),
        "on-site generation": pd.Index(contract.generators),
    }
    check_contracts([contract], ids, "profiles")
    faults = []
    if not load.index.equals(plants.index):
        faults.append(Issue("error", "E-HOURS", "generator", "", "p_mw", "", "has other hours than load"))
    drawn = load[list(contract.loads)].sum(axis=1)
    if not (np.isfinite(drawn).all() and (drawn >= 0.0).all() and drawn.sum() > 0.0):
        text = "has hours without value or below 0, or draws nothing at all"
        faults.append(Issue("error", "E-RANGE", "load", hub.name, "p_mw", "", text))
    columns = []
    for part in hub.plants:
        rows = find_rows(net.tables["generator"], part.name)
        values = plants[rows].sum(axis=1).to_numpy(dtype=float) / part.p_mw
        if not (np.isfinite(values).all() and (values >= -1e-9).all()):
            text = "has hours without value or below 0"
            faults.append(Issue("error", "E-RANGE", "generator", part.name, "p_mw", "", text))
        columns.append(np.maximum(values, 0.0))
    if faults:
        raise InputError(faults, "profiles")
    return drawn, np.column_stack(columns)


def _read_units(
    parts: tuple[SizedPart, ...], costs: Costs | None, end: CostEnd, discount_rate: float | None
) -> tuple[pd.DataFrame, list[str], float]:
    """Read what a MW and a MWh of each part cost, at once and a year [currency]."""
    wanted = [
        (part.name, (part.kind,) if isinstance(part, RenewablePlant) else ("storage_power", "storage_energy"))
        for part in parts
    ]
    needed = list(dict.fromkeys(name for _, names in wanted for name in names))
    missing = [name for name in needed if costs is None or name not in costs]
    if discount_rate is None and (costs is None or "discount_rate" not in costs):
        missing.append("discount_rate")
    if costs is None or missing:
        raise InputError(
            [
                Issue("error", "E-COST", "costs", name, "", "", "is not in the network's costs")
                for name in missing
            ],
            "costs",
        )
    rate = getattr(costs["discount_rate"], end) if discount_rate is None else discount_rate
    rows = {}
    for part, names in wanted:
        items = [costs[name] for name in names]
        once = [costs.scale * getattr(item, end) for item in items]
        yearly = [costs.scale * getattr(item.spread_over_years(rate), end) for item in items]
        rows[part] = {
            "per_mw": once[0],
            "per_mwh": once[1] if len(once) > 1 else 0.0,
            "yearly_per_mw": yearly[0],
            "yearly_per_mwh": yearly[1] if len(yearly) > 1 else 0.0,
            "source": "; ".join(dict.fromkeys(item.source for item in items)),
            "confidence": "; ".join(dict.fromkeys(item.confidence for item in items)),
        }
    rules = [
        f"{name.replace('_', ' ')}: {item.low:g} – {item.base:g} – {item.high:g} {item.unit}, life"
        f" {item.life_years:g} years, upkeep {100 * item.om_share:g} % a year ({item.life_source});"
        f" {item.confidence}: {item.source}"
        for name, item in ((name, costs[name]) for name in needed)
    ]
    return pd.DataFrame.from_dict(rows, orient="index"), rules, float(rate)


def _read_share(given: pd.Series | float | None, hours: pd.Index) -> Floats:
    """Read the grid's share by hour; typical weeks take theirs out of a year."""
    if given is None:
        return np.zeros(len(hours))
    if isinstance(given, pd.Series):
        if not hours.isin(given.index).all():
            text = "lacks hours of the profiles"
            raise InputError([Issue("error", "E-HOURS", "grid_share", "", "", "", text)], "grid_share")
        values = given.loc[hours].to_numpy(dtype=float)
    else:
        values = np.full(len(hours), float(given))
    if not (np.isfinite(values) & (values >= 0.0) & (values <= 1.0)).all():
        raise OptionError("grid_share must lie between 0 and 1 in every hour")
    return values
