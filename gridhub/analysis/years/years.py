"""Plan over years: how much of a hub can be fed when, if what it waits for may come late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.years.inputs import (
    ProjectLike,
    Ramp,
    check_buses,
    check_years,
    find_bus,
    find_wanted,
    gather,
)
from gridhub.analysis.years.options import YearsOptions, read_years_options
from gridhub.analysis.years.planned import NO_ROOM
from gridhub.analysis.years.projects import draw_years, find_in_time
from gridhub.analysis.years.states import Done, RoomFinder, YearNetworks, find_rooms
from gridhub.analysis.years.tables import (
    add_spending,
    build_alternatives,
    build_projects,
    build_waits,
    build_years,
)
from gridhub.criteria import Criteria
from gridhub.errors import name_ids
from gridhub.model.network import Network
from gridhub.placement.hub import Hub


@dataclass(frozen=True, eq=False)
class YearsPlan:
    """Result of `plan_years`.

    Attributes
    ----------
    network, hub, bus, method, criteria : str
        What was planned, at which bus, and how it was judged.
    money_unit : str
        Unit of every cost; those called usd are in the same multiple of US dollars, at the base rate.
    verdict : str
        One sentence.
    years : DataFrame
        Index year. wanted_mw; p10_mw, p50_mw, p90_mw (10, 50 and 90 % of the draws are at or below), mean_mw:
        feasible, the smaller of wish and room; met_percent (draws in which the wish is met); room_p10_mw,
        room_p50_mw, room_p90_mw, room_in_time_mw (nothing late), room_without_mw (no project there);
        capex_low, capex_base, capex_high, capex_usd_base: mean of the draws, spent evenly over the lead time.
    projects : DataFrame
        Index project; name_ko, kind, expected_year, needs, group, on_time_percent, p10_year … p90_year,
        there_<year>_percent, cost_low, cost_base, cost_high, cost_usd_base, lead_years, cost_source,
        delay_mean_years, delay_source, delay_confidence.
    waits : DataFrame
        What the hub waits for: year, project, kind, waiting (projects that wait for it), there_percent,
        with_mw (feasible with all that are due), without_mw (without it and what waits for it), lost_mw.
    alternatives : DataFrame
        As asked, build later, build elsewhere, own storage, be flexible: alternative, bus, extra_mw,
        p10_last_mw, p50_last_mw, p90_last_mw, met_last_percent (last year), met_50_from, met_90_from (year
        from which the wish is met in that share of draws to the end; NaN: not in these years), costs, note.
    states : DataFrame
        Every network solved: year, done, late, draws_percent, bus, room_mw, what binds.
    not_assessed : tuple of str
    options : YearsOptions
    """

    network: str
    hub: str
    bus: str
    method: str
    criteria: str
    money_unit: str
    verdict: str
    years: pd.DataFrame
    projects: pd.DataFrame
    waits: pd.DataFrame
    alternatives: pd.DataFrame
    states: pd.DataFrame
    not_assessed: tuple[str, ...]
    options: YearsOptions


def plan_years(
    net: str | Path | Network | Mapping[int, Network],
    hub: Hub,
    years: Sequence[int],
    ramp: Ramp | None = None,
    projects: Sequence[ProjectLike] | None = None,
    options: Mapping[str, Any] | YearsOptions | None = None,
) -> YearsPlan:
    r"""Find how much of a hub can be fed in each year, while projects it waits for may be late.

    Parameters
    ----------
    net : str, Path, Network or mapping
        Name or folder of a network with plans: each year's own network, less what is late. Or the network of
        every year (year -> Network, or one for all) without the projects.
    hub : Hub
        Its data center gives the bus (the one nearest in the first year without projects, if it names
        none) and, without `ramp`, the power. Its plants and storage stand in all years; its
        on-site generation makes no room, as the grid carries the whole load when that is lost.
    years : sequence of int
        Rising.
    ramp : mapping or DataCenterLoad, optional
        Year -> contract power from then on [MW]; 0 before its first year. None: that of the hub's data
        center, if it has one.
    projects : sequence of Project, ReinforcementPlan or str, optional
        What may be late. A text is a project of the network's plans; of those not named the dates are
        certain. "planned", or None: all planned stations, lines and links expected by the last year.
    options : mapping or YearsOptions, optional

    Returns
    -------
    YearsPlan

    Raises
    ------
    KeyError
        If there is no such network, bus, snapshot or criteria.
    OptionError
        If the years do not rise, an option is unknown or out of range, there are too many states, or ratings
        of the season are asked for and a network has none.
    InputError
        If projects are unknown, stand twice, or wait for each other.
    PlacementError
        If the hub, or a part that is a project, cannot be connected.

    Notes
    -----
    A project is there by the end of :math:`t_i = \max(e_i + d_i, \max_j t_j)`, expected year :math:`e_i`,
    delay :math:`d_i` drawn, over what it needs :math:`j`. The room in a year depends alone on the set of
    projects that are there; each set that the draws meet is solved once by `hosting_capacity`. Delays of
    projects that do not share a group are independent. A region's delays are those of its record
    (``[delay]`` of costs.toml), taken from the year that is expected now: for works under construction that
    is pessimistic.

    Examples
    --------
    >>> from gridhub.analysis.years.projects import Project
    >>> from gridhub.costs import Delay
    >>> from gridhub.model.network import build_network
    >>> from gridhub.placement.hub import DataCenter
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0},
    ...         index=["l1", "l2"],
    ...     ),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_mw": 0.0, "p_max_mw": 2000.0}, index=["unit"]),
    ... )
    >>> def add_third(one):
    ...     line = one.line
    ...     return one.replace(line=pd.concat([line, line.iloc[[0]].set_axis(["l3"])]))
    >>> third = Project("third", 2028, add_third, delay=Delay(0.5, (1,), (1.0,)))
    >>> hub = Hub(DataCenter("hall", contract_mw=1000, bus="b"))
    >>> plan = plan_years(net, hub, [2027, 2028, 2029], projects=[third], options={"criteria": None})
    >>> plan.years[["p10_mw", "p90_mw"]].round(1).to_numpy().tolist()
    [[600.0, 600.0], [600.0, 1000.0], [1000.0, 1000.0]]
    """
    settled = read_years_options(options)
    window = check_years(years)
    networks, costs, name = gather(net, hub, window, projects, settled)
    ordered = networks.projects
    bus = find_bus(networks, hub, window[0])
    buses = tuple(dict.fromkeys((bus, *settled.elsewhere)))
    check_buses(networks, buses, window, ordered)
    wanted = find_wanted(hub, ramp, window)
    finder = RoomFinder(networks, buses, settled.criteria, settled.snapshots, settled.method, settled.hosting)
    drawn = draw_years(ordered, settled.draws, settled.seed)
    rooms = find_rooms(finder, window, ordered, drawn, settled.maximum_states, settled.screen_mw)
    in_time = find_in_time(ordered)
    due = [frozenset(one for one, there in in_time.items() if there <= year) for year in window]
    at_best, at_worst = (
        np.array(
            [
                float(finder.find(year, done)["room_mw"].iloc[0])
                for year, done in zip(window, sets, strict=True)
            ]
        )
        for sets in (due, [frozenset[str]()] * len(window))
    )
    table = build_years(window, wanted, rooms.room[:, :, 0], at_best, at_worst)
    table = add_spending(table, ordered, drawn, costs)
    waits = build_waits(finder, window, ordered, drawn, wanted)
    offered = hub.data_center.flexible_share
    last = finder.find(window[-1], due[-1])
    return YearsPlan(
        network=name,
        hub=hub.name,
        bus=bus,
        method=settled.method,
        criteria=_name_criteria(networks.by_year[window[0]], settled.criteria),
        money_unit=costs.money_unit if costs is not None else "",
        verdict=_write_verdict(table, waits, settled),
        years=table,
        projects=build_projects(ordered, drawn, window, costs),
        waits=waits,
        alternatives=build_alternatives(window, wanted, rooms.room, buses, offered, costs),
        states=rooms.states,
        not_assessed=_list_gaps(networks, rooms.settled, settled, str(last["not_assessed"].iloc[0])),
        options=settled,
    )


def _name_criteria(net: Network, criteria: str | Criteria | None) -> str:
    rules = resolve_criteria(net, criteria)
    return rules.name if rules is not None else ""


def _write_verdict(table: pd.DataFrame, waits: pd.DataFrame, settled: YearsOptions) -> str:
    year, row = table.index[-1], table.iloc[-1]
    text = (
        f"Of {row['wanted_mw']:,.0f} MW wanted in {year}, {row['p50_mw']:,.0f} MW are feasible in half of "
        f"{settled.draws:,} draws of delays (P10 {row['p10_mw']:,.0f}, P90 {row['p90_mw']:,.0f}); all of it "
        f"in {row['met_percent']:.0f} %."
    )
    here = waits[(waits["year"] == year) & (waits["lost_mw"] > 0.5)]
    if len(here):
        worst = here.iloc[0]
        text += f" It waits most for {worst['project']}: {worst['lost_mw']:,.0f} MW less without it."
    return text


def _list_gaps(
    networks: YearNetworks, settled: Mapping[int, Done], options: YearsOptions, hosting: str
) -> tuple[str, ...]:
    gaps = []
    projects = networks.projects
    early = list(dict.fromkeys(name for names in settled.values() for name in sorted(names)))
    if early:
        gaps.append(
            f"dates of {name_ids(early, 20)} in the years in which each alone changes no room by "
            f"{options.screen_mw:g} MW"
        )
    without_cost = [one.name for one in projects if one.cost is None]
    without_delay = [one.name for one in projects if one.delay is None]
    if without_cost:
        gaps.append(f"cost of {name_ids(without_cost)}")
    if without_delay:
        gaps.append(f"delay of {name_ids(without_delay)}: taken as certain")
    without_room = [one.name for one in projects if one.kind in NO_ROOM]
    if without_room:
        gaps.append(f"the room that {name_ids(without_room)} give, and what they are paid every year")
    if networks.plan is not None:
        gaps.append("a new dispatch where a project is late: the stored operation of the year is kept")
    elif len({id(one) for one in networks.by_year.values()}) < len(networks.by_year):
        gaps.append("growth of demand and other changes between years that share one network")
    gaps.append("delays that different projects have in common, beyond what they need and their groups")
    gaps.append("works of other users of the same room")
    return (*gaps, *(f"room: {one}" for one in hosting.split("; ") if one))
