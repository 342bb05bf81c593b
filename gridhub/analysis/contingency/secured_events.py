"""The contingencies that planning criteria demand to be survived."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.contingency.selection import Names
from gridhub.analysis.security.security import resolve_criteria
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network


def list_secured(
    net: Network,
    criteria: str | Criteria = "network",
    min_kv: float = 0.0,
    *,
    area: Names = None,
    province: Names = None,
    zone: Names = None,
    name: Names = None,
) -> pd.DataFrame:
    """List the contingencies that criteria demand to be survived.

    Parameters
    ----------
    net : Network
    criteria : str or Criteria
        As of `gridhub.run_security`: "network", a region, "nerc-tpl", "sqss", the path of a ``.toml`` file.
    min_kv, area, province, zone, name
        Which of them are wanted, as of `gridhub.list_contingencies`.

    Returns
    -------
    DataFrame
        Index contingency; columns kind, elements, event_class (as the criteria name it). Elements below the
        voltage from which a kind is secured are left out.

    Raises
    ------
    KeyError
        If there is no region or standard of that name.
    OptionError
        If there are no criteria, if they list no secured event, or one of an unknown kind, or if no bus is
        in a place that is named.

    Examples
    --------
    >>> from gridhub.reference import load_network
    >>> found = list_secured(load_network("pandapower:case9"), "nerc-tpl")
    >>> found["event_class"].value_counts().to_dict()
    {'P1.2': 9, 'P2.2': 9, 'P1.1': 3}
    """
    rules = resolve_criteria(net, criteria)
    if rules is None or not rules.secured:
        named = (
            f"criteria {rules.name!r} list" if rules else f"network {net.name!r} has no criteria that list"
        )
        raise OptionError(
            f"{named} no secured events; name others, such as 'nerc-tpl', or list kinds yourself"
        )
    parts = [
        list_contingencies(
            net, [event.kind], max(min_kv, event.min_kv), area=area, province=province, zone=zone, name=name
        ).assign(event_class=event.event_class)
        for event in rules.secured
    ]
    table = pd.concat(parts)
    repeated = table.index.duplicated(keep=False)
    names = [
        f"{kind}:{key}" if twice else str(key)
        for key, kind, twice in zip(table.index, table["kind"], repeated, strict=True)
    ]
    table.index = pd.Index(names, name="contingency", dtype=object)
    return table
