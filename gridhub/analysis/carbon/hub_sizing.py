"""Sizes of a hub's plants and storage: for a carbon-free share at least cost, or for a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridhub.analysis.carbon.carbon import CarbonMatch, match_carbon_free
from gridhub.analysis.carbon.contracts import HubContract
from gridhub.analysis.carbon.sizing_inputs import CostEnd, SizingInputs, build_sizing_inputs
from gridhub.case.case import Floats
from gridhub.dispatch.sizing import SizingSolution, solve_shares, solve_sizing
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.typical_weeks import TypicalWeeks
from gridhub.placement.hub import Hub

Profiles = Mapping[tuple[str, str], pd.DataFrame]

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Shares of a curve where none are given."""

Goal = Literal["share", "budget", "as asked"]


@dataclass(frozen=True, eq=False)
class HubSizing:
    """Plants and storage of a hub, sized.

    Attributes
    ----------
    hub : str
    goal, goal_value : str, float
        "share" and the least share, "budget" and the currency per year, or "as asked" and NaN.
    sizes : DataFrame
        One row per part: kind, asked_mw, asked_mwh, p_mw, e_mwh (sized; NaN for plants), investment,
        yearly_cost [currency], source and confidence of its cost.
    summary : mapping
        share_percent (as the programme has it), cost [currency per year], cost_of_parts, cost_of_grid,
        cost_per_mwh (of load), price_of_share (what one more MWh of it costs; NaN without a target),
        currency.
    match : CarbonMatch
        The sized hub accounted hour by hour, by another way than the programme's.
    hourly : DataFrame
        hour x load_mw, available_mw, unmatched_mw, and by storage part: charge, discharge [MW], stored [MWh].
    rules : tuple of str
        What was assumed and left out.
    """

    hub: str
    goal: Goal
    goal_value: float
    sizes: pd.DataFrame
    summary: Mapping[str, Any]
    match: CarbonMatch
    hourly: pd.DataFrame
    rules: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SizingCurve:
    """Cost against carbon-free share.

    Attributes
    ----------
    hub : str
    table : DataFrame
        One row per share asked: status (OPTIMAL | INFEASIBLE | UNSOLVED), share_percent, cost [currency per
        year], cost_per_mwh, price_of_share, re100_percent, surplus_percent (of what plants give), and
        per part ``<part>_mw``, storage also ``<part>_mwh``.
    sizings : tuple of HubSizing
        Of the rows that are OPTIMAL, in their order.
    as_asked : HubSizing
        The hub with the sizes it asks for, run for the largest share.
    for_budget : HubSizing or None
        The largest share that the budget buys; None without one, or where nothing can be built for it.
    currency : str
    rules : tuple of str
    """

    hub: str
    table: pd.DataFrame
    sizings: tuple[HubSizing, ...]
    as_asked: HubSizing
    for_budget: HubSizing | None
    currency: str
    rules: tuple[str, ...]


def size_hub(
    net: Network,
    hub: Hub,
    profiles: Profiles,
    share: float | None = None,
    *,
    budget: float | None = None,
    cost: CostEnd = "base",
    discount_rate: float | None = None,
    grid_price: float | None = None,
    grid_share: pd.Series | float | None = None,
    count_grid: bool = False,
    at_least_asked: bool = False,
    typical: TypicalWeeks | None = None,
) -> HubSizing:
    r"""Size the plants and storage of a hub for a carbon-free share, or for a budget.

    Parameters
    ----------
    net : Network
        With the hub placed; its document ``costs`` holds what plants and storage cost.
    hub : Hub
        Its parts are the kinds that may be built, where they stand; their sizes do not bind.
    profiles : mapping
        (table, column) -> DataFrame hours x ids [MW], such as `gridhub.make_profiles` gives for `net`.
    share : float, optional
        Least carbon-free share of the hours' load, 0 … 1: least cost. Without share and budget: the hub as
        asked, its storage run for the largest share.
    budget : float, optional
        Largest cost of a year [currency]: largest share.
    cost : {"low", "base", "high"}
        End of the cost ranges.
    discount_rate : float, optional
        Real, of a year; None: that of the costs.
    grid_price : float, optional
        Of energy from the grid [currency/MWh]; None: not priced. Surplus earns nothing.
    grid_share : Series or float, optional
        Carbon-free share of the grid's mix by hour.
    count_grid : bool
        True: the share counts the grid's carbon-free part too (``cfe_grid_percent``).
    at_least_asked : bool
        True: no part becomes smaller than asked.
    typical : TypicalWeeks, optional
        Size on typical weeks instead of all hours; storage is then cyclic in each.

    Returns
    -------
    HubSizing

    Raises
    ------
    InputError
        If parts have no profile or no cost; all faults are listed.
    OptionError
        If options contradict each other or are out of range, or no sizes reach the share within the budget.

    Notes
    -----
    One linear programme over all hours, see `gridhub.dispatch.sizing.solve_sizing`; perfect foresight, so a
    bound on what a real hub reaches. Sites have no limit, networks are not part of it: judge the sized hub
    with `gridhub.place`, `run_security` and `run_dispatch`. Annuities by `gridhub.costs.Cost`.

    Examples
    --------
    Sun for half of a day: the other half comes out of storage, 86 % of what went in.

    >>> from gridhub.placement.hub import DataCenter, RenewablePlant, Storage
    >>> from gridhub.placement.place import place
    >>> from gridhub.reference import load_network
    >>> here = {"lat": 34.68, "lon": 126.43}
    >>> hub = Hub(
    ...     DataCenter("hall", contract_mw=100, **here),
    ...     [RenewablePlant("sun", p_mw=50, **here)],
    ...     [Storage("cell", p_mw=10, e_mwh=40, **here)],
    ... )
    >>> net = place(load_network("korea-2025-backbone"), hub)
    >>> half = np.repeat([0.0, 50.0], 12)
    >>> day = {
    ...     ("load", "p_mw"): pd.DataFrame({"hub:hall": np.full(24, 100.0)}),
    ...     ("generator", "p_mw"): pd.DataFrame({"hub:sun": half}),
    ... }
    >>> sized = size_hub(net, hub, day, share=1.0)
    >>> sized.sizes["p_mw"].round(2).tolist(), round(100 + 100 / 0.86, 2)
    ([216.28, 116.28], 216.28)
    >>> round(float(sized.match.summary.at["hall", "cfe_percent"]), 6)
    100.0
    """
    inputs = build_sizing_inputs(
        net,
        hub,
        profiles,
        cost=cost,
        discount_rate=discount_rate,
        grid_price=grid_price,
        grid_share=grid_share,
        count_grid=count_grid,
        sizes="asked" if share is None and budget is None else "least" if at_least_asked else "free",
        typical=typical,
    )
    found, solution = _size(inputs, share, budget)
    if found is None:
        goal = f"a share of {share:g}" if share is not None else f"a budget of {budget:,.0f}"
        raise OptionError(
            f"{hub.name!r}: no sizes meet {goal} ({solution.status}): ask for less, allow more cost, or add a"
            " part that works in other hours (wind beside sun, storage)"
        )
    return found


def trace_hub_sizing(
    net: Network,
    hub: Hub,
    profiles: Profiles,
    shares: Iterable[float] = SHARES,
    *,
    budget: float | None = None,
    cost: CostEnd = "base",
    discount_rate: float | None = None,
    grid_price: float | None = None,
    grid_share: pd.Series | float | None = None,
    count_grid: bool = False,
    at_least_asked: bool = False,
    typical: TypicalWeeks | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SizingCurve:
    """Size a hub for several shares: least cost against carbon-free share (a Pareto curve).

    Parameters
    ----------
    net, hub, profiles, cost, discount_rate, grid_price, grid_share, count_grid, at_least_asked, typical
        As for `size_hub`.
    budget : float, optional
        Largest cost of a year [currency]: the share it buys is found beside the curve.
    shares : iterable of float
        Least shares, 0 … 1.
    progress : callable, optional
        Called with shares done and shares in all.

    Returns
    -------
    SizingCurve
        A share that no sizes reach is a row with its status.

    Raises
    ------
    InputError, OptionError
        As `size_hub`.

    Notes
    -----
    The programme is built once; each share starts from the solution before it.
    """
    wanted = [float(share) for share in shares]
    if not wanted or not all(0.0 <= share <= 1.0 for share in wanted):
        raise OptionError(f"shares = {wanted}: give one at least, each between 0 and 1")
    given: dict[str, Any] = {
        "cost": cost,
        "discount_rate": discount_rate,
        "grid_price": grid_price,
        "grid_share": grid_share,
        "count_grid": count_grid,
        "typical": typical,
    }
    asked, _ = _size(build_sizing_inputs(net, hub, profiles, sizes="asked", **given), None, None)
    inputs = build_sizing_inputs(net, hub, profiles, sizes="least" if at_least_asked else "free", **given)
    rows, sizings = [], []
    for number, (share, solution) in enumerate(
        zip(wanted, solve_shares(inputs.problem, wanted), strict=True)
    ):
        found = _read(inputs, solution, "share", share)
        rows.append(_describe(inputs, share, found, solution))
        sizings += [found] if found is not None else []
        if progress is not None:
            progress(number + 1, len(wanted))
    if asked is None:  # its sizes are fixed and nothing else binds
        raise AssertionError(f"{hub.name}: no way to run the hub as asked")
    table = pd.DataFrame(rows).set_index("target_percent")
    bought = None if budget is None else _size(inputs, None, budget)[0]
    return SizingCurve(hub.name, table, tuple(sizings), asked, bought, inputs.currency, inputs.rules)


def _size(
    inputs: SizingInputs, share: float | None, budget: float | None
) -> tuple[HubSizing | None, SizingSolution]:
    """Solve, and account what came out; None where there is no solution."""
    if share is not None and budget is not None:
        raise OptionError("give a share or a budget, not both")
    if share is not None and not 0.0 <= share <= 1.0:
        raise OptionError(f"share = {share:g} must lie between 0 and 1")
    if budget is not None and not (np.isfinite(budget) and budget >= 0.0):
        raise OptionError(f"budget = {budget:g} must be 0 or more")
    solution = solve_sizing(inputs.problem, share, None if budget is None else budget * inputs.years)
    goal: Goal = "share" if share is not None else "budget" if budget is not None else "as asked"
    value = share if share is not None else budget if budget is not None else np.nan
    return _read(inputs, solution, goal, float(value)), solution


def _read(inputs: SizingInputs, solution: SizingSolution, goal: Goal, value: float) -> HubSizing | None:
    """Account what came out; None where there is no solution."""
    if solution.status != "optimal":
        return None
    years = inputs.years
    parts = float(
        inputs.problem.plant_cost @ solution.plant_mw
        + inputs.problem.power_cost @ solution.power_mw
        + inputs.problem.energy_cost @ solution.energy_mwh
    )
    load = float(inputs.problem.weight @ inputs.problem.load)
    summary = {
        "share_percent": 100.0 * solution.share,
        "cost": solution.cost / years,
        "cost_of_parts": parts / years,
        "cost_of_grid": (solution.cost - parts) / years,
        "cost_per_mwh": solution.cost / load,
        "price_of_share": solution.price_of_share,
        "currency": inputs.currency,
    }
    return HubSizing(
        hub=inputs.hub.name,
        goal=goal,
        goal_value=value,
        sizes=_list_sizes(inputs, solution),
        summary=MappingProxyType(summary),
        match=_account(inputs, solution, parts),
        hourly=_list_hours(inputs, solution),
        rules=inputs.rules,
    )


def _list_sizes(inputs: SizingInputs, solution: SizingSolution) -> pd.DataFrame:
    plants = len(inputs.hub.plants)
    unit, years = inputs.units, inputs.years
    power = np.concatenate([solution.plant_mw, solution.power_mw])
    energy = np.concatenate([np.full(plants, np.nan), solution.energy_mwh])
    stored = np.nan_to_num(energy)
    problem = inputs.problem
    by_mw = np.concatenate([problem.plant_cost, problem.power_cost])
    by_mwh = np.concatenate([np.zeros(plants), problem.energy_cost])
    return pd.DataFrame(
        {
            "kind": [part.kind for part in inputs.parts],
            "asked_mw": [part.p_mw for part in inputs.parts],
            "asked_mwh": [getattr(part, "e_mwh", np.nan) for part in inputs.parts],
            "p_mw": power,
            "e_mwh": energy,
            "investment": power * unit["per_mw"].to_numpy() + stored * unit["per_mwh"].to_numpy(),
            "yearly_cost": (power * by_mw + stored * by_mwh) / years,
            "source": unit["source"].to_numpy(),
            "confidence": unit["confidence"].to_numpy(),
        },
        index=pd.Index([part.name for part in inputs.parts], name="part"),
    )


def _account(inputs: SizingInputs, solution: SizingSolution, cost_of_parts: float) -> CarbonMatch:
    """Account the sized hub from its load, all its plants can give, and how its storage moves."""
    hours, hub, problem = inputs.hours, inputs.hub, inputs.problem
    names = [part.name for part in hub.storage]
    available = problem.output * solution.plant_mw
    plants = [plant.name for plant in hub.plants]
    return match_carbon_free(
        pd.DataFrame({hub.name: problem.load}, index=hours),
        pd.DataFrame(available, index=hours, columns=plants),
        pd.DataFrame(solution.discharge - solution.charge, index=hours, columns=names),
        contracts=[HubContract(hub.name, [hub.name], plants, names)],
        grid_share=inputs.grid_share,
        grid_price=inputs.grid_price,
        yearly_cost={hub.name: cost_of_parts},
        efficiency=dict(zip(names, problem.efficiency.tolist(), strict=True)),
        start_mwh={name: float(solution.stored[-1, i]) for i, name in enumerate(names)},
        cyclic=True,
        typical=inputs.typical,
    )


def _list_hours(inputs: SizingInputs, solution: SizingSolution) -> pd.DataFrame:
    columns: dict[str, Floats] = {
        "load_mw": inputs.problem.load,
        "available_mw": solution.available,
        "unmatched_mw": solution.unmatched,
    }
    for i, part in enumerate(inputs.hub.storage):
        columns[f"{part.name}_charge_mw"] = solution.charge[:, i]
        columns[f"{part.name}_discharge_mw"] = solution.discharge[:, i]
        columns[f"{part.name}_stored_mwh"] = solution.stored[:, i]
    return pd.DataFrame(columns, index=inputs.hours)


def _describe(
    inputs: SizingInputs, share: float, found: HubSizing | None, solution: SizingSolution
) -> dict[str, Any]:
    """Make one row of a curve."""
    status = {"optimal": "OPTIMAL", "infeasible": "INFEASIBLE"}.get(solution.status, "UNSOLVED")
    row: dict[str, Any] = {"target_percent": 100.0 * share, "status": status}
    match = None if found is None else found.match.summary.iloc[0]
    for name in ("share_percent", "cost", "cost_per_mwh", "price_of_share"):
        row[name] = np.nan if found is None else found.summary[name]
    row["re100_percent"] = np.nan if match is None else float(match["re100_percent"])
    row["surplus_percent"] = np.nan if match is None else find_surplus(match)
    for i, part in enumerate(inputs.hub.plants):
        row[f"{part.name}_mw"] = solution.plant_mw[i]
    for i, one in enumerate(inputs.hub.storage):
        row[f"{one.name}_mw"], row[f"{one.name}_mwh"] = solution.power_mw[i], solution.energy_mwh[i]
    return row


def find_surplus(match: pd.Series) -> float:
    """Find what part of what plants give is surplus [%], from a row of `CarbonMatch.summary`."""
    made = float(match["generation_mwh"])
    return 100.0 * float(match["surplus_mwh"]) / made if made > 0.0 else float("nan")
