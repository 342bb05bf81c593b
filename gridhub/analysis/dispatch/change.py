"""What changes between two dispatches: with a hub and without it, with N-1 security and without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.congestion import report_congestion
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.errors import OptionError

UNITS = {
    "cost": "currency",
    "cost_market": "currency",
    "congestion_cost": "currency",
    "congestion_rent": "currency",
    "load_mwh": "MWh",
    "generation_mwh": "MWh",
    "curtailed_mwh": "MWh",
    "shed_mwh": "MWh",
    "flexible_mwh": "MWh",
    "losses_mwh": "MWh",
    "constrained_off_mwh": "MWh",
    "constrained_on_mwh": "MWh",
    "congested_hours": "h",
    "hours_without_dispatch": "h",
    "mean_price": "currency/MWh",
}
"""Figures that are compared, and their units."""


@dataclass(frozen=True, eq=False)
class DispatchChange:
    """Difference of two dispatches of the same hours. Money in the network's currency.

    Attributes
    ----------
    before, after, currency : str
        Names.
    figures : DataFrame
        Index figure; before, after, change, unit. Energy and money are sums over the hours that have a
        dispatch in both; mean_price is that of all buses and hours; hours_without_dispatch counts all.
        redispatched_mwh, "after" alone: what units give more than before, added up hour by hour.
    congestion : DataFrame
        Index kind, element; hours, energy_mwh and rent before and after, and their change; largest change of
        rent first. 0 where an element did not bind.
    units : DataFrame
        Index generator; mwh_before, mwh_after, change_mwh, curtailed_before, curtailed_after; NaN where a
        unit is not in a network.
    hours : DataFrame
        One row per hour compared: cost_before, cost_after, change.
    left_out : int
        Hours without a dispatch in one of the two: in no sum.
    """

    before: str
    after: str
    currency: str
    figures: pd.DataFrame
    congestion: pd.DataFrame
    units: pd.DataFrame
    hours: pd.DataFrame
    left_out: int


def compare_dispatch(
    before: Dispatch, after: Dispatch, names: tuple[str, str] = ("before", "after")
) -> DispatchChange:
    """Compare two dispatches hour by hour.

    Parameters
    ----------
    before, after : Dispatch
        Of the same hours: the network without and with a hub, or one network without and with its outages
        (then the change of cost is what N-1 security costs, and the redispatch what it moves).
    names : tuple of str
        What to call them.

    Returns
    -------
    DispatchChange

    Raises
    ------
    OptionError
        If the two have other hours, or another currency.
    """
    if not before.status.index.equals(after.status.index):
        raise OptionError(
            f"two dispatches of other hours cannot be compared: {len(before.status):,} hours from "
            f"{before.status.index[0]} and {len(after.status):,} from {after.status.index[0]}"
        )
    if before.currency != after.currency:
        raise OptionError(f"two currencies cannot be compared: {before.currency!r} and {after.currency!r}")
    pair = (before, after)
    solved = np.all([one.status["status"].to_numpy() == "OPTIMAL" for one in pair], axis=0)
    figures = pd.DataFrame([_collect(one, solved) for one in pair], index=["before", "after"]).T
    figures = figures.reindex(list(UNITS))
    figures.loc["redispatched_mwh"] = [np.nan, _sum_redispatch(before, after, solved)]
    figures["change"] = figures["after"] - figures["before"].fillna(0.0)
    money = before.currency or "currency"
    figures["unit"] = [UNITS.get(str(key), "MWh").replace("currency", money) for key in figures.index]
    hours = pd.DataFrame(
        {f"cost_{name}": one.cost[solved] for name, one in zip(("before", "after"), pair, strict=True)}
    )
    return DispatchChange(
        before=names[0],
        after=names[1],
        currency=before.currency,
        figures=figures.rename_axis(index="figure"),
        congestion=_compare_congestion(before, after),
        units=_compare_units(before, after, solved),
        hours=hours.assign(change=hours["cost_after"] - hours["cost_before"]),
        left_out=int((~solved).sum()),
    )


def _collect(one: Dispatch, solved: np.ndarray) -> dict[str, float]:
    """Add up an hour's figures over the hours that count."""
    status = one.status[solved]
    bound = one.congestion[one.congestion["hour"].isin(status.index)]
    return {
        "cost": status["cost"].sum(),
        "cost_market": status["cost_market"].sum(),
        "congestion_cost": (status["cost"] - status["cost_market"]).sum(),
        "congestion_rent": float(bound["rent"].sum()),
        "load_mwh": status["load_mw"].sum(),
        "generation_mwh": status["generation_mw"].sum(),
        "curtailed_mwh": status["curtailed_mw"].sum(),
        "shed_mwh": status["shed_mw"].sum(),
        "flexible_mwh": status["flexible_mw"].sum(),
        "losses_mwh": status["losses_mw"].sum(),
        "constrained_off_mwh": float(one.constrained_off[solved].to_numpy(dtype=float).sum()),
        "constrained_on_mwh": float(one.constrained_on[solved].to_numpy(dtype=float).sum()),
        "congested_hours": float(bound["hour"].nunique()),
        "hours_without_dispatch": float((one.status["status"] != "OPTIMAL").sum()),
        "mean_price": float(np.nanmean(one.price[solved].to_numpy(dtype=float))) if len(status) else np.nan,
    }


def _sum_redispatch(before: Dispatch, after: Dispatch, solved: np.ndarray) -> float:
    """Add up what units in both networks give more than before [MWh]."""
    both = before.generation.columns.intersection(after.generation.columns)
    change = (after.generation[both] - before.generation[both])[solved].to_numpy(dtype=float)
    return float(np.maximum(change, 0.0).sum())


def _compare_congestion(before: Dispatch, after: Dispatch) -> pd.DataFrame:
    columns = ["hours", "energy_mwh", "rent"]
    frames = [report_congestion(one)[columns].astype(float) for one in (before, after)]
    joined = frames[0].join(frames[1], how="outer", lsuffix="_before", rsuffix="_after").fillna(0.0)
    for name in columns:
        joined[f"change_{name}"] = joined[f"{name}_after"] - joined[f"{name}_before"]
    order = joined["change_rent"].abs().sort_values(ascending=False, kind="stable").index
    return joined.loc[order]


def _compare_units(before: Dispatch, after: Dispatch, solved: np.ndarray) -> pd.DataFrame:
    parts = {}
    for name, one in (("before", before), ("after", after)):
        parts[f"mwh_{name}"] = one.generation[solved].sum()
        parts[f"curtailed_{name}"] = one.curtailment[solved].sum()
    table = pd.DataFrame(parts).rename_axis(index="generator")
    table.insert(2, "change_mwh", table["mwh_after"].fillna(0.0) - table["mwh_before"].fillna(0.0))
    return table[["mwh_before", "mwh_after", "change_mwh", "curtailed_before", "curtailed_after"]]
