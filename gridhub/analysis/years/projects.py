"""Projects whose date is not sure: what they are, what they wait for, when they come in each draw."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Ints
from gridhub.costs import Cost, Costs, Delay
from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.placement.hub import RenewablePlant, Storage
from gridhub.placement.place import place


@dataclass(frozen=True)
class Project:
    """Something that is built, expected in a year, and may come later.

    Attributes
    ----------
    name : str
    year : int
        In operation by the end of it, if on time.
    apply : callable, optional
        Network -> new Network with it.
    part : RenewablePlant or Storage, optional
        A stage of the hub, placed by the rules of the network; instead of `apply`.
    kind : str
        Which of the region's delays it has ("line", "station", …); of a part "plant" or "storage".
    needs : sequence of str
        Projects that must be there before.
    group : str
        Projects of one group are late together (one permit, one contractor); empty: on its own.
    cost : Cost, optional
        None: of storage by the region's cost per MWh, else unknown.
    delay : Delay, optional
        None: the region's, of its kind.
    name_ko : str

    Raises
    ------
    InputError
        If it has neither `apply` nor `part`, or both.

    Examples
    --------
    >>> cell = Storage("cell", p_mw=100, e_mwh=400, bus="b1")
    >>> Project("battery", 2028, part=cell).kind
    'storage'
    """

    name: str
    year: int
    apply: Callable[[Network], Network] | None = None
    part: RenewablePlant | Storage | None = None
    kind: str = ""
    needs: Sequence[str] = ()
    group: str = ""
    cost: Cost | None = None
    delay: Delay | None = None
    name_ko: str = ""

    def __post_init__(self) -> None:
        """Check that it can be put into a network, and find its kind."""
        if (self.apply is None) == (self.part is None):
            text = "give either apply (Network -> Network) or part (a plant or storage of the hub)"
            raise InputError([Issue("error", "E-PLAN", "project", self.name, "", "", text)], "project")
        if not self.kind and self.part is not None:
            object.__setattr__(self, "kind", "storage" if isinstance(self.part, Storage) else "plant")

    def put(self, net: Network) -> Network:
        """Put it into a network."""
        if self.apply is not None:
            return self.apply(net)
        assert self.part is not None
        return place(net, self.part)


def complete_projects(projects: Sequence[Project], costs: Costs | None) -> list[Project]:
    """Give each project its delay and cost, and put each behind what it waits for.

    Parameters
    ----------
    projects : sequence of Project
    costs : Costs or None

    Returns
    -------
    list of Project
        With `delay` and `cost` where the region has them.

    Raises
    ------
    InputError
        If two have one name, one waits for what is not there, or they wait for each other; all are listed.
    """
    names = [one.name for one in projects]
    issues = [
        Issue("error", "E-PLAN", "project", name, "", "", "the name stands twice")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    issues += [
        Issue("error", "E-PLAN", "project", one.name, "needs", need, "no such project among those given")
        for one in projects
        for need in one.needs
        if need not in names
    ]
    if issues:
        raise InputError(issues, "projects")
    ordered: list[Project] = []
    left = sorted(projects, key=lambda one: one.year)
    while left:
        there = {one.name for one in ordered}
        ready = next((one for one in left if there.issuperset(one.needs)), None)
        if ready is None:
            text = "waits for itself, through what it needs"
            raise InputError(
                [Issue("error", "E-PLAN", "project", one.name, "needs", "", text) for one in left], "projects"
            )
        left.remove(ready)
        ordered.append(ready)
    return [_complete(one, costs) for one in ordered]


def _complete(one: Project, costs: Costs | None) -> Project:
    if costs is None:
        return one
    cost = one.cost
    if cost is None and isinstance(one.part, Storage) and "storage" in costs:
        cost = costs["storage"] * one.part.e_mwh
    return replace(one, delay=one.delay or costs.delays.get(one.kind), cost=cost)


def draw_years(projects: Sequence[Project], draws: int, seed: int) -> Ints:
    """Draw the year that each project is in operation by the end of.

    Parameters
    ----------
    projects : sequence of Project
        Completed; each behind what it needs.
    draws : int
    seed : int
        The numbers of a project come from the seed and its name (or group): another project beside it
        changes none of them.

    Returns
    -------
    (draws, n_project) int
        Expected year and delay, and not before what it needs.
    """
    years = np.zeros((draws, len(projects)), dtype=np.int64)
    place_of = {one.name: column for column, one in enumerate(projects)}
    for column, one in enumerate(projects):
        key = zlib.crc32((one.group or one.name).encode())
        shares = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, key]))).random(draws)
        late = one.delay.find_years(shares.tolist()) if one.delay is not None else [0] * draws
        years[:, column] = one.year + np.array(late, dtype=np.int64)
        for need in one.needs:
            years[:, column] = np.maximum(years[:, column], years[:, place_of[need]])
    return years


def find_in_time(projects: Sequence[Project]) -> dict[str, int]:
    """Find the year of each project where nothing is late: not before what it needs."""
    years: dict[str, int] = {}
    for one in projects:
        years[one.name] = max([one.year, *(years[need] for need in one.needs)])
    return years


def spread_spending(years: Ints, lead_years: float, window: Sequence[int]) -> np.ndarray:
    """Spread the cost of a project evenly over the time before it is in operation.

    Parameters
    ----------
    years : (draws,) int
        It is in operation by the end of.
    lead_years : float
        Time from decision to operation [year]; NaN: all in the last year.
    window : sequence of int
        Years looked at.

    Returns
    -------
    (draws, n_year) float
        Share of the cost in each year.

    Examples
    --------
    >>> spread_spending(np.array([2030]), 4.0, [2026, 2027, 2030]).tolist()
    [[0.0, 0.25, 0.25]]
    """
    lead = lead_years if lead_years > 0 else 1.0
    end = years[:, np.newaxis].astype(float)
    year = np.asarray(window, dtype=float)
    begun = np.maximum(year - 1.0, end - lead)
    return np.asarray(np.maximum(np.minimum(year, end) - begun, 0.0) / lead)
