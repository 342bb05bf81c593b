"""Congestion report: which limits bind, for how long, what passes them and what they are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.dispatch.dispatch import Dispatch

COLUMNS = (
    "hours", "energy_mwh", "rent", "largest_shadow_price", "excess_mwh", "worst_contingency", "worst_hour",
)  # fmt: skip
"""Columns of the congestion report."""


def report_congestion(found: Dispatch) -> pd.DataFrame:
    """Add up the congestion of a dispatch by element and interface.

    Parameters
    ----------
    found : Dispatch

    Returns
    -------
    DataFrame
        Index kind, element; the dearest first. hours (in which it binds, in whatever state), energy_mwh (what
        it carries in these hours, in the state that binds hardest), rent, largest_shadow_price, excess_mwh
        (beyond limits that have a price), worst_contingency ("" = the intact network) and worst_hour (where
        the rent is largest). Money in the network's currency.

    Examples
    --------
    >>> from gridhub.analysis.dispatch.dispatch import run_dispatch
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0}, index=["ab"]
    ...     ),
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [700.0]}, index=["demand"]),
    ...     generator=pd.DataFrame(
    ...         {"bus": ["a", "b"], "p_min_mw": 0.0, "p_max_mw": 1000.0, "cost_c1_per_mwh": [20.0, 80.0]},
    ...         index=["cheap", "dear"],
    ...     ),
    ... )
    >>> report_congestion(run_dispatch(net))[["hours", "energy_mwh", "rent"]].values.tolist()
    [[1.0, 600.0, 36000.0]]
    """
    rows = found.congestion.assign(energy=found.congestion["flow_mw"].abs())
    if rows.empty:
        index = pd.MultiIndex.from_arrays([[], []], names=["kind", "element"])
        return pd.DataFrame(columns=list(COLUMNS), index=index)
    # several states of one hour may bind: the hour and its energy count once
    by_hour = rows.sort_values("rent", ascending=False, kind="stable").groupby(
        ["kind", "element", "hour"], sort=False
    )
    hourly = by_hour.agg(
        energy=("energy", "first"),
        rent=("rent", "sum"),
        shadow=("shadow_price", "max"),
        excess=("excess_mw", "max"),
        contingency=("contingency", "first"),
    ).reset_index()
    hourly = hourly.sort_values("rent", ascending=False, kind="stable")
    report = hourly.groupby(["kind", "element"], sort=False).agg(
        hours=("hour", "size"),
        energy_mwh=("energy", "sum"),
        rent=("rent", "sum"),
        largest_shadow_price=("shadow", "max"),
        excess_mwh=("excess", "sum"),
        worst_contingency=("contingency", "first"),
        worst_hour=("hour", "first"),
    )
    return report.sort_values("rent", ascending=False, kind="stable")


def sort_flows(found: Dispatch, count: int = 5) -> pd.DataFrame:
    """Sort the hours of the dearest branches, interfaces and links by what they carry: duration curves.

    Parameters
    ----------
    found : Dispatch
    count : int
        Elements, those with the largest rent.

    Returns
    -------
    DataFrame
        Index hours (1 = the highest), a column for each element [MW], without direction, in the intact
        network; an hour without a dispatch is left out.
    """
    tables = {"interface": found.interface_flow, "link": found.hvdc}
    columns: dict[str, np.ndarray] = {}
    for kind, element in report_congestion(found).index:
        flow = tables.get(kind, found.flow)[element].abs().dropna().to_numpy(dtype=float)
        columns.setdefault(element, np.sort(flow)[::-1])
        if len(columns) == count:
            break
    index = pd.RangeIndex(1, max(map(len, columns.values()), default=0) + 1, name="hours")
    return pd.DataFrame(columns, index=index)


def map_congestion(found: Dispatch) -> pd.DataFrame:
    """Lay out the congestion rent of every hour as hour of the day x day: a heat map.

    Parameters
    ----------
    found : Dispatch

    Returns
    -------
    DataFrame
        [currency/h]; index hour of the day, columns the dates. Hours that carry no time are counted, 24 to a
        day. NaN: no such hour, or one without a dispatch.
    """
    hours = found.status.index
    rent = found.congestion.groupby("hour", sort=False)["rent"].sum().astype(float)
    rent = rent.reindex(hours, fill_value=0.0).where(found.status["status"].to_numpy() == "OPTIMAL")
    if isinstance(hours, pd.DatetimeIndex):
        day, hour = pd.Index(hours.strftime("%Y-%m-%d")), pd.Index(hours.hour)
    else:
        number = np.arange(len(hours))
        day, hour = pd.Index(number // 24 + 1), pd.Index(number % 24)
    frame = pd.DataFrame({"hour": hour, "day": day, "rent": rent.to_numpy(dtype=float)})
    return frame.pivot_table(index="hour", columns="day", values="rent", aggfunc="sum", dropna=False)
