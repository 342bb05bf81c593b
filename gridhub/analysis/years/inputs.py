"""What a plan over years starts from: the networks of the years, the projects, the bus, the power wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gridhub.analysis.works.reinforcement import ReinforcementPlan
from gridhub.analysis.works.reinforcement_options import find_costs
from gridhub.analysis.years.options import YearsOptions
from gridhub.analysis.years.planned import list_planned, list_works
from gridhub.analysis.years.projects import Project, complete_projects
from gridhub.analysis.years.states import YearNetworks
from gridhub.case.case import Floats
from gridhub.costs import Costs
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.placement.hub import Hub
from gridhub.placement.place import find_site_bus, place
from gridhub.profiles.data_center import DataCenterLoad
from gridhub.reference import load_plan

PLANNED = "planned"
"""Stands for all planned stations, lines and links of a network."""

ProjectLike = Project | ReinforcementPlan | str
"""A project, the works of a reinforcement plan, or the id of a project of the network's plans."""

Ramp = Mapping[int, float] | DataCenterLoad
"""Contract power from a year on [MW], or a data center's own ramp."""


def check_years(years: Sequence[int]) -> list[int]:
    """Refuse years that do not rise."""
    window = [int(year) for year in years]
    if not window or any(one >= other for one, other in zip(window, window[1:], strict=False)):
        raise OptionError(f"years = {list(years)}: give at least one, rising")
    return window


def gather(
    net: str | Path | Network | Mapping[int, Network],
    hub: Hub,
    window: list[int],
    projects: Sequence[ProjectLike] | None,
    settled: YearsOptions,
) -> tuple[YearNetworks, Costs | None, str]:
    """Gather the networks of the years, the projects, and the costs."""
    plan = None
    if isinstance(net, Network):
        by_year = dict.fromkeys(window, net)
    elif isinstance(net, Mapping):
        missing = [year for year in window if year not in net]
        if missing:
            raise OptionError(f"no network is given for {name_ids(missing, 9)}")
        by_year = {year: net[year] for year in window}
    else:
        stands, plan = load_plan(net)
        if plan is None:
            raise OptionError(
                f"network {stands.name!r} has no plans; give the network of each year, year -> Network"
            )
        missing = [year for year in window if year not in plan.operation]
        if missing:
            raise OptionError(
                f"network {stands.name!r} has no plans for {name_ids(missing, 9)}; years: "
                f"{name_ids(plan.years, 20)}"
            )
        by_year = dict.fromkeys(window, stands)
    first = by_year[window[0]]
    has_costs = settled.costs is not None or bool(first.documents.get("costs", ""))
    costs = find_costs(first, settled.costs) if has_costs else None
    given = list(projects or ())
    names = [one for one in given if isinstance(one, str)]
    if plan is None and names:
        raise OptionError(f"projects {name_ids(names)} are named, but the network brings no plans")
    every = projects is None or PLANNED in names
    planned = (
        list_planned(first, plan, costs, window[-1], None if every else names) if plan is not None else []
    )
    found = list(planned)
    decided = settled.decided if settled.decided is not None else window[0] - 1
    for one in given:
        if isinstance(one, Project):
            found.append(one)
        elif isinstance(one, ReinforcementPlan):
            found += list_works(one, decided)
    ordered = tuple(complete_projects(found, costs))
    drawn = tuple(one.name for one in planned)
    networks = YearNetworks(by_year, plan, drawn, ordered, hub, settled.ratings)
    return networks, costs, first.name


def find_bus(networks: YearNetworks, hub: Hub, first: int) -> str:
    """Find the bus whose room counts: the named one, or the one the hub's own spur ends at."""
    center = hub.data_center
    if center.bus is not None:
        return center.bus
    bare = replace(networks, hub=None)
    return find_site_bus(place(bare.build(first, frozenset()), center), center.name)


def check_buses(
    networks: YearNetworks, buses: Sequence[str], window: Sequence[int], projects: Sequence[Project]
) -> None:
    """Refuse a bus that no year has, even with every project."""
    known = set(networks.build(window[-1], frozenset(one.name for one in projects)).bus.index)
    unknown = [bus for bus in buses if bus not in known]
    if unknown:
        raise KeyError(f"no bus {name_ids(repr(bus) for bus in unknown)} in {window[-1]}, with every project")


def find_wanted(hub: Hub, ramp: Ramp | None, window: Sequence[int]) -> Floats:
    """Find the contract power wanted in each year, (n_year,) [MW]."""
    if ramp is None and hub.data_center.ramp:
        ramp = DataCenterLoad.of(hub.data_center)
    if ramp is None:
        return np.full(len(window), hub.data_center.contract_mw)
    if isinstance(ramp, DataCenterLoad):
        return np.array([ramp.find_contract_mw(year) for year in window])
    wrong = {year: mw for year, mw in ramp.items() if not (math.isfinite(mw) and mw >= 0)}
    if wrong or not ramp:
        raise OptionError(f"ramp = {dict(ramp)}: year -> MW, finite and at least 0")
    begun = [[start for start in ramp if start <= year] for year in window]
    return np.array([float(ramp[max(starts)]) if starts else 0.0 for starts in begun])
