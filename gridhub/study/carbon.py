"""The part ``[carbon]`` of a study: a year of the hub's hours, its carbon-free share, cost against share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gridhub.errors import OptionError

if TYPE_CHECKING:
    from gridhub.analysis.carbon.hub_sizing import HubSizing, SizingCurve
    from gridhub.model.network import Network
    from gridhub.placement.hub import Hub


@dataclass(frozen=True)
class CarbonPart:
    """What is asked about the carbon-free energy of a hub.

    Parameters
    ----------
    profile_year : int
        Calendar of the hours.
    shares : tuple of float
        Shares of the curve, 0 … 1; empty: those of `gridhub.analysis.carbon.hub_sizing.SHARES`.
    budget : float, optional
        Currency per year: the largest share it buys is found beside the curve.
    typical_weeks : int
        Size on so many typical weeks of the hub's own load and plants; 0: on all hours.
    cost : {"low", "base", "high"}
        End of the cost ranges.
    discount_rate, grid_price, grid_share : float, optional
    count_grid, at_least_asked : bool
        As for `gridhub.size_hub`.

    Raises
    ------
    OptionError
        If a share or a number of weeks is out of range.
    """

    profile_year: int = 2025
    shares: tuple[float, ...] = ()
    budget: float | None = None
    typical_weeks: int = 0
    cost: Literal["low", "base", "high"] = "base"
    discount_rate: float | None = None
    grid_price: float | None = None
    grid_share: float | None = None
    count_grid: bool = False
    at_least_asked: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        faults = [f"share {share:g} must lie between 0 and 1" for share in self.shares if not 0 <= share <= 1]
        if self.typical_weeks < 0:
            faults.append(f"typical_weeks = {self.typical_weeks} must be 0 or more")
        if self.budget is not None and self.budget < 0:
            faults.append(f"budget = {self.budget:g} must be 0 or more")
        if faults:
            raise OptionError("; ".join(faults))


def trace_carbon(
    net: Network,
    hub: Hub,
    part: CarbonPart,
    seed: int = 0,
    *,
    year: int | None = None,
    own: Mapping[Any, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> SizingCurve:
    """Make the hub's hours and trace cost against carbon-free share.

    Parameters
    ----------
    net : Network
        With the hub placed.
    hub : Hub
    part : CarbonPart
    seed : int
        Of the weather.
    year : int, optional
        Year of the hub's ramp; None: that of the calendar.
    own : mapping, optional
        Own series, as for `gridhub.make_profiles`.
    progress : callable, optional
        Told the step and the share done.

    Returns
    -------
    SizingCurve

    Raises
    ------
    InputError, OptionError
        As `gridhub.make_profiles` and `gridhub.trace_hub_sizing`.
    """
    from gridhub.analysis.carbon.contracts import read_contracts
    from gridhub.analysis.carbon.hub_sizing import SHARES, trace_hub_sizing
    from gridhub.model.profiles import make_profiles
    from gridhub.model.typical_weeks import pick_typical_weeks
    from gridhub.profiles.data_center import DataCenterLoad

    tell = progress or (lambda _step, _done: None)
    tell("hours of the year", 0.0)
    center = DataCenterLoad.of(hub.data_center).settle(part.profile_year if year is None else year)
    profiles = make_profiles(net, part.profile_year, seed, own=own, data_centers=[center])
    typical = None
    if part.typical_weeks:
        # the hub's own hours decide: weeks that are typical of a country are not those of one wind farm
        (contract,) = read_contracts(net, [hub])
        mine = {
            ("load", "p_mw"): profiles["load", "p_mw"][list(contract.loads)],
            ("generator", "p_mw"): profiles["generator", "p_mw"][list(contract.plants)],
        }
        kinds = {name: name for name in contract.plants}
        typical = pick_typical_weeks(mine, part.typical_weeks, kinds=kinds)
    tell("sizes by carbon-free share", 0.1)
    return trace_hub_sizing(
        net,
        hub,
        profiles,
        part.shares or SHARES,
        budget=part.budget,
        cost=part.cost,
        discount_rate=part.discount_rate,
        grid_price=part.grid_price,
        grid_share=part.grid_share,
        count_grid=part.count_grid,
        at_least_asked=part.at_least_asked,
        typical=typical,
        progress=lambda done, count: tell("sizes by carbon-free share", 0.1 + 0.9 * done / count),
    )


def summarise_carbon(curve: SizingCurve) -> dict[str, Any]:
    """Give the answer in a few lines: the hub as asked, and each share with its cost.

    Parameters
    ----------
    curve : SizingCurve

    Returns
    -------
    dict
        Percent of load; money per MWh of load in ``currency``.
    """
    solved = curve.table[curve.table["status"] == "OPTIMAL"]
    bought = curve.for_budget
    paid = {} if bought is None else {"budget": bought.goal_value, **_give_shares(bought)}
    return {
        "currency": curve.currency,
        "as_asked": _give_shares(curve.as_asked),
        **({"for_budget": paid} if paid else {}),
        "cost_per_mwh": {f"{target:g} %": float(cost) for target, cost in solved["cost_per_mwh"].items()},
        "without_solution": [f"{target:g} %" for target in curve.table.index.difference(solved.index)],
    }


def _give_shares(sizing: HubSizing) -> dict[str, float]:
    row = sizing.match.summary.iloc[0]
    names = ("cfe_percent", "cfe_grid_percent", "re100_percent", "unmatched_mwh", "surplus_mwh")
    found = {name: float(row[name]) for name in names if row[name] == row[name]}
    return {**found, "cost_per_mwh": float(sizing.summary["cost_per_mwh"])}
