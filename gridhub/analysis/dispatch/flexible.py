"""Flexible load in a dispatch: from the offer of a data center, and what was called."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.dispatch.options import FlexibleLoad
from gridhub.profiles.data_center import DataCenterLoad

CALLS_NOTE = (
    "The MW of an hour and the MWh of all hours are held; how long a call may last and how early it must be "
    "told are not: compare the longest call with what is offered."
)
"""What no dispatch holds of an offer."""


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
    In an hour the share of the contract power, over all hours ``energy_percent`` of what is drawn in them.
    The longest call and the notice of the offer are not held: the linear programme knows all hours at once,
    and may call in as many hours running as the energy lasts. `report_flexible` gives the longest call.

    Examples
    --------
    >>> from gridhub.profiles.data_center import Flexibility
    >>> center = DataCenterLoad("hall", 100.0, pue=1.2, flexibility=Flexibility(0.25, energy_percent=1.0))
    >>> build_flexible_loads(center, pd.DataFrame({"hub:hall": [110.0, 90.0]}), 2030)
    {'hub:hall': FlexibleLoad(mw=30.0, energy_mwh=2.0, price=0.0)}
    """
    offer = center.flexibility
    drawn = p_mw.sum()
    total = float(drawn.sum())
    most = offer.share * center.find_contract_mw(year)
    if most <= 0 or total <= 0:
        return {}
    return {
        str(load): FlexibleLoad(most * mwh / total, offer.energy_percent / 100.0 * mwh, price)
        for load, mwh in drawn.astype(float).items()
    }


def report_flexible(found: Dispatch) -> pd.DataFrame:
    """Add up what flexible loads left unserved.

    Parameters
    ----------
    found : Dispatch

    Returns
    -------
    DataFrame
        Index load; most_mw (in an hour), budget_mwh (over all hours; infinite: none) and price as given;
        used_mwh, largest_mw, hours (with a call), longest_h (most of them in a row). The longest call is a
        result: it is no limit of the programme, and neither is a notice.

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
        # an hour without a dispatch may ask for more than is offered
        shed = found.shed[load].astype(float).clip(upper=one.mw)
        called = shed > 0
        runs = (called != called.shift(fill_value=False)).cumsum()
        rows[load] = {
            "most_mw": one.mw,
            "budget_mwh": one.energy_mwh,
            "price": one.price,
            "used_mwh": float(shed.sum()),
            "largest_mw": float(shed.max()),
            "hours": int(called.sum()),
            "longest_h": int(called.groupby(runs).sum().max()),
        }
    columns = ["most_mw", "budget_mwh", "price", "used_mwh", "largest_mw", "hours", "longest_h"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(index="load")
