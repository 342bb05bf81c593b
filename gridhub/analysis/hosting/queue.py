"""What is promised already: the bus's part of what a province's published review found able."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gridhub.case.case import Floats
from gridhub.connection_rules import Published, read_connection_rules
from gridhub.model.network import Network

SCENARIOS = {"queue_0_mw": 0.0, "queue_50_mw": 0.5, "queue_100_mw": 1.0}
"""Column -> share of the reviewed able MW that is taken as promised."""

read_rules = lru_cache(maxsize=4)(read_connection_rules)


def list_reviews(net: Network) -> dict[str, Published]:
    """List the published reviews by province; empty where the network's connection rules hold none."""
    text = net.documents.get("connection_rules")
    return {row.name: row for row in read_rules(text).published} if text else {}


def find_queue_parts(net: Network, buses: list[str]) -> Floats:
    """Part of each bus in its province's able MW.

    Returns
    -------
    (n_bus,) float
        [MW]; NaN where no review is published for the province.

    Notes
    -----
    The queue by substation is not public. A province's MW are spread over its buses by the load of the tables
    there, evenly where none has any: assumed.
    """
    bus = net.bus
    load = net.load[net.load["in_service"].to_numpy(dtype=bool)]
    demand = load.groupby("bus")["p_mw"].sum().reindex(bus.index).fillna(0.0).clip(lower=0.0)
    demand = demand.where(bus["in_service"].to_numpy(dtype=bool), 0.0)
    province = bus["province"].astype(str)
    total, count = demand.groupby(province).sum(), province.value_counts()
    parts = np.full(len(buses), np.nan)
    reviews = list_reviews(net)
    for i, name in enumerate(buses):
        where = province[name]
        if where in reviews:
            share = demand[name] / total[where] if total[where] > 0 else 1.0 / count[where]
            parts[i] = reviews[where].able_mw * share
    return parts


def describe_review(review: Published) -> str:
    """Say what the published review found."""
    return (
        f"published review of {review.name}: {review.able_mw:,.0f} MW able, {review.unable_mw:,.0f} MW unable"
    )
