"""Typical days of sites, and the lines that would give them more room: what a portfolio starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.works.candidates import Candidate, list_route_candidates
from gridhub.costs import Costs
from gridhub.criteria import Criteria
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.model.profiles import make_profiles
from gridhub.model.typical_weeks import TypicalWeeks, pick_typical_weeks
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import DataCenter, RenewablePlant
from gridhub.placement.place import place

LINE_KINDS = ("second_circuit", "bank")
"""Works that add one branch between standing buses."""


@dataclass(frozen=True, slots=True, eq=False)
class SiteHours:
    """Hours for `gridhub.plan_portfolio`.

    Attributes
    ----------
    load : Series
        Hour -> draw per MW of contract power; of the first site, as cooling there needs it.
    output : dict
        Kind -> hours x sites, MW per MW.
    weights : Series
        Hour -> hours of a year it stands for.
    typical : TypicalWeeks
    """

    load: pd.Series
    output: dict[str, pd.DataFrame]
    weights: pd.Series
    typical: TypicalWeeks


def make_site_hours(
    net: Network,
    sites: pd.DataFrame,
    kinds: Sequence[str] = ("solar", "wind"),
    days: int = 4,
    year: int = 2025,
    seed: int = 0,
) -> SiteHours:
    """Make typical days of the sites out of the region's synthetic year.

    Parameters
    ----------
    net : Network
        Buses of the sites have coordinates; its document ``profiles`` holds the region's figures.
    sites : DataFrame
        Index site; bus.
    kinds : sequence of str
        "solar", "wind", "offshore_wind".
    days : int
        Typical days.
    year, seed : int
        Of the synthetic year, see `gridhub.make_profiles`.

    Raises
    ------
    OptionError
        If a kind is unknown, or a bus has no coordinates.
    InputError
        As `gridhub.make_profiles`.
    """
    known = ("solar", "wind", "offshore_wind")
    wrong = [kind for kind in kinds if kind not in known]
    if wrong or not kinds:
        raise OptionError(f"kinds {name_ids(wrong) or 'none'}: choose from {', '.join(known)}")
    where = net.bus[["lat", "lon"]].reindex(sites["bus"].astype(str)).astype(float)
    lost = where.index[where.isna().any(axis=1)]
    if len(lost):
        raise OptionError(
            f"buses {name_ids(map(str, lost))} have no coordinates: there is no weather for them"
        )
    parts: list[DataCenter | RenewablePlant] = [
        DataCenter("typical", contract_mw=1.0, bus=str(sites["bus"].iloc[0]))
    ]
    for site, bus in sites["bus"].astype(str).items():
        for kind in kinds:
            parts.append(RenewablePlant(f"{site} {kind}", kind=kind, p_mw=1.0, bus=bus))  # type: ignore[arg-type]
    own = {f"{HUB_PREFIX}{part.name}": part.name for part in parts[1:]}
    placed = place(net.replace(documents=_drop_rules(net)), parts)
    profiles = make_profiles(placed, year, seed, data_centers=[parts[0]])  # type: ignore[list-item]
    mine = {
        ("load", "p_mw"): profiles["load", "p_mw"][[f"{HUB_PREFIX}typical"]],
        ("generator", "p_mw"): profiles["generator", "p_mw"][list(own)],
    }
    typical = pick_typical_weeks(mine, days, length="day", kinds=own)
    taken = typical.take(mine)
    plants = taken["generator", "p_mw"].clip(lower=0.0, upper=1.0)
    output = {
        kind: pd.DataFrame({site: plants[f"{HUB_PREFIX}{site} {kind}"] for site in sites.index})
        for kind in kinds
    }
    load = taken["load", "p_mw"].iloc[:, 0].clip(upper=1.0)
    return SiteHours(load, output, typical.weight, typical)


def _drop_rules(net: Network) -> dict[str, str]:
    """Leave the connection rules out: what is placed here is weather, not a connection."""
    return {name: text for name, text in net.documents.items() if name != "connection_rules"}


def offer_lines(
    net: Network,
    buses: Sequence[str],
    costs: Costs,
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
) -> list[Candidate]:
    """Offer second circuits and banks where the room of buses ends, and where it would end next.

    Parameters
    ----------
    net : Network
    buses : sequence of str
    costs : Costs
    criteria, snapshots
        As for `gridhub.hosting_capacity`.
    """
    table = hosting_capacity(net, list(dict.fromkeys(buses)), criteria, snapshots).table
    elements = [*table["binding_element"].astype(str), *table["next_element"].astype(str)]
    line = net.line
    names = []
    for element in dict.fromkeys(elements):
        if element in line.index:
            route = line["route"].loc[[element]].iloc[0]
            names.append(str(route) if route else element)
        elif element in net.transformer.index:
            names.append(element)
    found = list_route_candidates(net, costs, list(dict.fromkeys(names)))
    return [one for one in found if one.kind in LINE_KINDS]
