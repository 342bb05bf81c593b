"""Flexible load in a dispatch: from the offer of a data center, and what was called."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.dispatch.options import FlexibleLoad
from gridhub.dispatch.coupling import SMALLEST_CALL
from gridhub.errors import name_ids
from gridhub.profiles.data_center import DataCenterLoad

COLUMNS = (
    "most_mw", "budget_mwh", "most_h", "notice_h", "price", "used_mwh", "largest_mw", "hours", "longest_h",
)  # fmt: skip
"""Columns of `report_flexible`."""

CALLS_NOTE = (
    "Held are the MW of an hour, the MWh of all hours, and over any run one hour longer than the longest "
    "call no more than that call's MWh: whole calls keep their length, calls in part may last longer. "
    "Notice is no limit: the hours are known beforehand."
)
"""What a dispatch holds of an offer, and what not."""


def build_flexible_loads(
    center: DataCenterLoad, p_mw: pd.DataFrame, year: int, price: float = 0.0
) -> dict[str, FlexibleLoad]:
    """Turn the offer of a data center into flexible loads of a dispatch.

    Parameters
    ----------
    center : DataCenterLoad
    p_mw : DataFrame
        hour x load of the data center: the hours to be dispatched [MW]. One that is split over several loads
        offers by each what that load draws of the whole.
    year : int
        Of the hours; the contract power follows the ramp.
    price : float
        What is paid for a call [currency/MWh].

    Returns
    -------
    dict
        Load -> `FlexibleLoad`; empty where nothing is offered or drawn.

    Notes
    -----
    In an hour the share of the contract power, over all hours ``energy_percent`` of what is drawn in them,
    for so many hours in a row as the offer says (whole hours of it: less than one is no offer). How far that
    and the notice are held: see `gridhub.analysis.dispatch.options.FlexibleLoad`.

    Examples
    --------
    >>> from gridhub.profiles.data_center import Flexibility
    >>> center = DataCenterLoad("hall", 100.0, pue=1.2, flexibility=Flexibility(0.25, energy_percent=1.0))
    >>> build_flexible_loads(center, pd.DataFrame({"hub:hall": [110.0, 90.0]}), 2030)
    {'hub:hall': FlexibleLoad(mw=30.0, energy_mwh=2.0, price=0.0, longest_h=3.0, notice_h=1.0)}
    """
    offer = center.flexibility
    drawn = p_mw.sum()
    total = float(drawn.sum())
    most = offer.share * center.find_contract_mw(year)
    if most <= 0 or total <= 0:
        return {}
    return {
        str(load): FlexibleLoad(
            mw=most * mwh / total,
            energy_mwh=offer.energy_percent / 100.0 * mwh,
            price=price,
            longest_h=offer.hours,
            notice_h=offer.notice_hours,
        )
        for load, mwh in drawn.astype(float).items()
    }


def report_flexible(found: Dispatch) -> pd.DataFrame:
    """Add up what flexible loads were called for.

    Parameters
    ----------
    found : Dispatch

    Returns
    -------
    DataFrame
        Index load; most_mw (in an hour), budget_mwh (over all hours), most_h (in a row; both infinite: any),
        notice_h and price as given; used_mwh, largest_mw, hours (with a call), longest_h (most of them in a
        row: above most_h where calls are in part).

    Examples
    --------
    >>> from gridhub.analysis.dispatch.dispatch import run_dispatch
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "one",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": True}, index=["a"]),
    ...     load=pd.DataFrame({"bus": ["a"], "p_mw": [700.0]}, index=["hall"]),
    ...     generator=pd.DataFrame(
    ...         {"bus": ["a"], "p_min_mw": 0.0, "p_max_mw": 1000.0, "cost_c1_per_mwh": 20.0}, index=["unit"]
    ...     ),
    ... )
    >>> used = report_flexible(run_dispatch(net, options={"flexible": {"hall": {"mw": 50.0, "price": 5.0}}}))
    >>> used.loc["hall", ["used_mwh", "hours", "longest_h"]].tolist()
    [50.0, 1.0, 1.0]
    """
    rows = {}
    for load, one in found.options.flexible.items():
        used = found.flexible[load].astype(float)
        called = used > SMALLEST_CALL
        runs = (called != called.shift(fill_value=False)).cumsum()
        rows[load] = {
            "most_mw": one.mw,
            "budget_mwh": one.energy_mwh,
            "most_h": one.longest_h,
            "notice_h": one.notice_h,
            "price": one.price,
            "used_mwh": float(used.sum()),
            "largest_mw": float(used.max()),
            "hours": int(called.sum()),
            "longest_h": int(called.groupby(runs).sum().max()),
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS)).rename_axis(index="load")


def describe_calls(found: Dispatch) -> str:
    """Say what the dispatch holds of the offers, which calls last longer, and which notices it cannot see.

    Parameters
    ----------
    found : Dispatch
        With flexible loads.
    """
    table = report_flexible(found)
    said = [CALLS_NOTE]
    long = table[table["longest_h"] > table["most_h"]]
    if len(long):
        names = name_ids(f"{load} ({row['longest_h']:g} h)" for load, row in long.iterrows())
        said.append(f"Called in part for longer: {names}.")
    ahead = found.summary["look_ahead_h"]
    late = table[table["notice_h"] > ahead]
    if len(late):
        names = name_ids(f"{load} ({row['notice_h']:g} h)" for load, row in late.iterrows())
        said.append(
            f"The plan sees some hours only {ahead} h ahead, less than the notice of {names}: "
            "raise overlap_hours."
        )
    return " ".join(said)
