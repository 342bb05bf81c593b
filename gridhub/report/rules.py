"""The rules that travel with a network, as a page shows them: each value with source, date and confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from gridhub.connection_rules import read_connection_rules
from gridhub.costs import read_costs
from gridhub.criteria import Criteria, read_criteria
from gridhub.errors import name_ids
from gridhub.model.network import Network
from gridhub.report.names import join_names
from gridhub.report.page import Assumption, NotAssessed
from gridhub.report.text import format_number


def list_criteria(net: Network | None) -> tuple[Assumption, ...]:
    """Give the planning criteria of a network as assumptions."""
    text = net.documents.get("criteria") if net is not None else None
    return list_criterion_values(read_criteria(text)) if text else ()


def list_criterion_values(criteria: Criteria | None) -> tuple[Assumption, ...]:
    """Give the values of planning criteria as assumptions; none where only ratings were judged."""
    if criteria is None:
        return ()
    return tuple(
        Assumption(
            item.key.replace("_", " "),
            f"{item.value:g}" if math.isfinite(item.value) else "no limit",
            item.unit if item.unit != "1" and math.isfinite(item.value) else "",
            item.source,
            item.as_of,
            item.confidence,
        )
        for item in criteria.values
    )


def list_costs(net: Network, used: Iterable[str] | None = None) -> tuple[Assumption, ...]:
    """Give unit costs of a network as assumptions, low – base – high.

    Parameters
    ----------
    net : Network
        The network.
    used : iterable of str, optional
        Names of the costs that a result rests on; all where left out.
    """
    text = net.documents.get("costs")
    if not text:
        return ()
    costs = read_costs(text)
    names = costs.items if used is None else [name for name in dict.fromkeys(used) if name in costs]
    return tuple(
        Assumption(
            f"unit cost {name.replace('_', ' ').replace('.', ' ')}",
            " – ".join(format_number(value) for value in (item.low, item.base, item.high)),
            item.unit,
            item.source,
            item.price_year,
            item.confidence,
        )
        for name, item in ((name, costs[name]) for name in names)
    )


def list_connection_rules(net: Network, used: Iterable[str]) -> tuple[Assumption, ...]:
    """Give the connection rules that a placement rests on as assumptions, by their ids."""
    text = net.documents.get("connection_rules")
    if not text:
        return ()
    wanted = set(used)
    return tuple(
        Assumption(f"rule {rule.id}", rule.text, "", rule.source, rule.as_of, rule.confidence)
        for rule in read_connection_rules(text).rules
        if rule.id in wanted
    )


def list_open_places(net: Network) -> tuple[NotAssessed, ...]:
    """Say which places and routes of a network rest on what public data does not show."""
    found = []
    site = net.site
    if "assessable" in site and len(site):
        unsure = site[~site["assessable"].astype(bool)]
        if len(unsure):
            names = name_ids((join_names(row, str(key)) for key, row in unsure.iterrows()), 12)
            found.append(
                NotAssessed(
                    f"{len(unsure)} of {len(site)} sites",
                    f"not assessable with public data: a route to them is missing or assumed. {names}",
                )
            )
    line = net.line
    assumed = line[line["assumed"].astype(bool) & ~line.index.str.startswith("hub:")]
    if len(assumed):
        routes = name_ids(dict.fromkeys(str(route) for route in assumed["route"] if route), 12)
        found.append(
            NotAssessed(
                f"{len(assumed)} circuits on assumed routes",
                f"not in public records; they close loops that must exist (dotted on the map): {routes}",
            )
        )
    return tuple(found)


def find_ranges(net: Network, state: str = "normal") -> dict[float, tuple[float, float]]:
    """Give the voltage range of each class [p.u.] by the network's own criteria; empty if it has none."""
    text = net.documents.get("criteria")
    if not text:
        return {}
    classes = np.sort(net.bus["vn_kv"].dropna().unique())
    low, high = read_criteria(text).voltage_limits(classes, "normal" if state == "normal" else "outage")
    return {
        float(kv): (float(a), float(b))
        for kv, a, b in zip(classes, low, high, strict=True)
        if np.isfinite(a) and np.isfinite(b)
    }
