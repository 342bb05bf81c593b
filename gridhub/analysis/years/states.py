"""The states a plan over years meets: which projects are there, and the room the hub then has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.hosting import hosting_capacity
from gridhub.analysis.years.projects import Project, find_in_time
from gridhub.case.case import Floats, Ints
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network
from gridhub.model.plan import Plan, apply_plan
from gridhub.placement.hub import Hub
from gridhub.placement.place import place
from gridhub.reference import bring_to

Done = frozenset[str]
"""Names of the projects that are there."""

BINDING = ("binding_kind", "binding_element", "binding_contingency", "binding_snapshot")
"""Columns of hosting capacity that say what sets the room."""


@dataclass(frozen=True, eq=False)
class YearNetworks:
    """The network of every year, with some of the projects.

    Attributes
    ----------
    by_year : mapping
        Year -> network that the projects are put into; the one at its vintage where there are plans.
    plan : Plan or None
    planned : tuple of str
        Projects of the plans whose date is drawn.
    projects : tuple of Project
        All, in the order they are put in.
    hub : Hub or None
        Its plants and storage stand in every state.
    ratings : {"seasonal"} or None
        As for `gridhub.load_network`; what projects add keeps the rating of its table all year.
    """

    by_year: Mapping[int, Network]
    plan: Plan | None
    planned: tuple[str, ...]
    projects: tuple[Project, ...]
    hub: Hub | None = None
    ratings: str | None = None

    def build(self, year: int, done: Done) -> Network:
        """Build the network of a year with the projects that are there."""
        net = self.by_year[year]
        if self.plan is not None:
            net = apply_plan(net, self.plan, year, [name for name in self.planned if name not in done])
        net = bring_to(net, None, None, self.ratings)
        for one in self.projects:
            if one.name in done:
                net = one.put(net)
        # on-site generation adds no room: the grid carries the whole load when it is lost
        own = self.hub.plants_and_storage if self.hub is not None else ()
        return place(net, list(own)) if own else net

    def key(self, year: int, done: Done) -> tuple[int, Done]:
        """Name a state: years with one and the same network are one, and so are bare buses with none."""
        ended = {need for one in self.projects if one.name in done for need in one.needs}
        felt = done - (self.bare - ended)
        return (year if self.plan is not None else id(self.by_year[year]), felt)

    @cached_property
    def bare(self) -> Done:
        """Planned projects that bring buses alone: without a line to them nothing flows."""
        if self.plan is None:
            return frozenset()
        rows = self.plan.rows.items()
        active = {
            str(name) for table, frame in rows if table not in ("bus", "site") for name in frame["project"]
        }
        return frozenset(self.planned) - active - set(self.plan.change["project"].astype(str))


@dataclass(frozen=True, eq=False)
class RoomFinder:
    """Finds the room of the buses in a state, each state once.

    Attributes
    ----------
    networks : YearNetworks
    buses : tuple of str
    criteria, snapshots, method, options
        As for `gridhub.hosting_capacity`.
    known : dict
        What was found so far.
    """

    networks: YearNetworks
    buses: tuple[str, ...]
    criteria: str | Criteria | None
    snapshots: Sequence[str] | None
    method: Literal["dc", "ac"]
    options: Mapping[str, Any]
    known: dict[tuple[int, Done], pd.DataFrame] = field(default_factory=dict)

    def find(self, year: int, done: Done) -> pd.DataFrame:
        """Find the room of each bus, index bus: room_mw, `BINDING`, not_assessed."""
        key = self.networks.key(year, done)
        if key not in self.known:
            self.known[key] = self._find(self.networks.build(year, done))
        return self.known[key]

    def _find(self, net: Network) -> pd.DataFrame:
        index = pd.Index(self.buses, name="bus")
        table = pd.DataFrame("", index=index, columns=["room_mw", *BINDING, "not_assessed"], dtype=object)
        table["room_mw"], table["binding_kind"] = 0.0, "not built"
        there = net.bus.index[net.bus["in_service"].to_numpy(dtype=bool)]
        built = [name for name in self.buses if name in there]
        if not built:
            return table
        try:
            found = hosting_capacity(
                net, built, self.criteria, self.snapshots, self.method, dict(self.options)
            ).table
        except NotConverged:
            table.loc[built, "binding_kind"] = "no solution"
            return table
        room = found["firm_mw"].astype(float)
        for name in BINDING + ("not_assessed",):
            table.loc[built, name] = found[name].astype(object)
        table.loc[built, "room_mw"] = room.fillna(0.0)
        table.loc[room.index[room.isna()], "binding_kind"] = "not connected"
        return table


def find_with_waiting(projects: Sequence[Project], name: str) -> Done:
    """Find a project and all that wait for it; each project stands behind what it needs."""
    gone = {name}
    for one in projects:
        if not gone.isdisjoint(one.needs):
            gone.add(one.name)
    return frozenset(gone)


def find_with_needs(projects: Sequence[Project], name: str) -> Done:
    """Find a project and all that it waits for."""
    there = {name}
    for one in reversed(projects):
        if one.name in there:
            there.update(one.needs)
    return frozenset(there)


def find_settled(finder: RoomFinder, year: int, projects: Sequence[Project], screen_mw: float) -> Done:
    """Find projects due in a year whose dates change no room: neither last taken out nor first put in.

    Parameters
    ----------
    finder : RoomFinder
    year : int
    projects : sequence of Project
    screen_mw : float
        Change of the room of any bus that counts [MW]; 0: none is looked for.
    """
    if not screen_mw > 0:
        return frozenset()
    in_time = find_in_time(projects)
    due = frozenset(name for name, there in in_time.items() if there <= year)

    def measure(done: Done, other: Done) -> float:
        rooms = [finder.find(year, one)["room_mw"].to_numpy(dtype=float) for one in (done, other)]
        return float(np.abs(rooms[0] - rooms[1]).max())

    return frozenset(
        name
        for name in due
        if measure(due, due - find_with_waiting(projects, name)) < screen_mw
        and measure(frozenset(), find_with_needs(projects, name) & due) < screen_mw
    )


@dataclass(frozen=True, slots=True, eq=False)
class DrawnRooms:
    """Rooms of every draw.

    Attributes
    ----------
    room : (draws, n_year, n_bus) float
        [MW]
    states : DataFrame
        One row per year and state met: year, done, late, draws_percent, bus, room_mw, what binds.
    settled : mapping
        Year -> projects that count as there in it, late or not (`find_settled`).
    """

    room: Floats
    states: pd.DataFrame
    settled: Mapping[int, Done]


def find_rooms(
    finder: RoomFinder,
    years: Sequence[int],
    projects: Sequence[Project],
    drawn: Ints,
    most: int,
    screen_mw: float,
) -> DrawnRooms:
    """Find the room of each bus in every year of every draw; each distinct state is solved once.

    Parameters
    ----------
    finder : RoomFinder
    years : sequence of int
    projects : sequence of Project
    drawn : (draws, n_project) int
        Year that each project is there by the end of.
    most : int
        Distinct states solved at most, beside those of the screen.
    screen_mw : float
        See `find_settled`.

    Returns
    -------
    DrawnRooms

    Raises
    ------
    OptionError
        If the draws meet more states than `most`.
    """
    names = np.array([one.name for one in projects], dtype=object)
    settled = {year: find_settled(finder, year, projects, screen_mw) for year in years}
    met = []
    for year in years:
        there = (drawn <= year) | np.isin(names, list(settled[year]))
        patterns, which, counts = np.unique(there, axis=0, return_inverse=True, return_counts=True)
        met.append((year, patterns, which.ravel(), counts))
    states = {
        finder.networks.key(year, frozenset(names[row])) for year, patterns, _, _ in met for row in patterns
    }
    if len(states) > most:
        raise OptionError(
            f"{len(drawn)} draws of {len(projects)} projects meet {len(states)} states of the network, and "
            f"maximum_states = {most}: name fewer projects, put some into one group, or allow more"
        )
    room = np.zeros((len(drawn), len(years), len(finder.buses)))
    rows = []
    for column, (year, patterns, which, counts) in enumerate(met):
        here = [finder.find(year, frozenset(names[row])) for row in patterns]
        values = np.array([table["room_mw"].to_numpy(dtype=float) for table in here])
        room[:, column, :] = values[which]
        for row, table, count in sorted(zip(patterns, here, counts, strict=True), key=lambda one: -one[2]):
            late = [
                one.name for one, there in zip(projects, row, strict=True) if not there and one.year <= year
            ]
            for bus, found in table.iterrows():
                rows.append(
                    {
                        "year": year,
                        "done": tuple(names[row]),
                        "late": tuple(late),
                        "draws_percent": 100.0 * int(count) / len(drawn),
                        "bus": bus,
                        "room_mw": found["room_mw"],
                        **{name: found[name] for name in BINDING},
                    }
                )
    return DrawnRooms(room, pd.DataFrame(rows), settled)
