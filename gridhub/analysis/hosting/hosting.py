"""Hosting capacity: the largest load, or plant, that every bus takes within every limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.ac import KINDS, Met, check_by_ac
from gridhub.analysis.hosting.hours import find_flexible_rooms, find_hourly_rooms, find_hours, read_weights
from gridhub.analysis.hosting.options import HostingOptions, read_hosting_options
from gridhub.analysis.hosting.own_rooms import find_own_rooms
from gridhub.analysis.hosting.search import DcSearch, Found, start_search
from gridhub.analysis.hosting.states import State, add_queue, group_states, list_states
from gridhub.analysis.hosting.table import (
    build_table,
    describe_rules,
    find_largest_loss,
    find_reserve,
)
from gridhub.analysis.security.security import resolve_criteria
from gridhub.case.case import Floats
from gridhub.criteria import Criteria
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions

Method = Literal["dc", "ac"]

MEMORY = 512 * 2**20
"""Bytes that the flows which the buses draw may take; more buses are looked at one part after the other."""


@dataclass(frozen=True, eq=False)
class HostingCapacity:
    """Result of `hosting_capacity`.

    Attributes
    ----------
    network, kind, method, criteria : str
        What was looked at, "load" or "generation", "dc" or "ac", and what was judged by ("" = ratings alone).
    snapshots : tuple of str
        States looked at; hours of profiles come after them.
    table : DataFrame
        One row per bus, index bus. All MW; a figure equal to ``options.maximum_mw`` means "or more".

        firm_mw : keeps every limit, with everything in service and after the loss of any one branch: the
        smallest of thermal_mw, interface_mw, generation_mw or reserve_mw, largest_loss_mw, voltage_mw,
        nose_mw.
        firm_tower_mw : also after the loss of the circuits of any tower the criteria name.
        flexible_0_25_mw … flexible_5_mw : with that percentage of the year's energy curtailable; NaN without
        hours.
        own_mw, own_flexible_0_25_mw … own_flexible_5_mw : contract power of a hub with the sun, wind and
        storage of the option ``own``, firm in every hour of the profiles, or with that percentage of its
        energy curtailable; NaN without ``own``. By DC, thermal N and N-1, interfaces, units and their
        reserve; what is drawn, not the contract power, is held to largest_loss_mw. Stored snapshots, which
        have no hour for sun and wind, do not count: own_mw may be above firm_mw for that alone.
        thermal_mw, interface_mw, generation_mw (what the units can follow), reserve_mw (less the
        reserve they must keep), largest_loss_mw (what may be lost at once), voltage_mw (AC, not looked for
        above the DC figure), nose_mw (AC: there is a solution, in N and N-1, with 5 % more; not looked for
        above what the other limits leave). Both NaN for DC.
        binding_kind, binding_element, binding_contingency ("" = N), binding_snapshot : what sets firm_mw.
        next_mw, next_kind, next_element, next_contingency, next_snapshot : what would bind next if the
        binding branch, with those parallel to it, had no limit.
        queue_0_mw, queue_50_mw, queue_100_mw : firm_mw less the bus's part of 0, 50 and 100 % of what the
        province's published review found able; NaN where no review is published.
        not_assessed : what the figure does not cover, and why.
    summary : mapping
        buses, snapshots, hours, existing_violations (branch-outage pairs, by state, exceeded without anything
        added), median_firm_mw.
    rules : tuple of str
        The balancing rule, the treatment of violations that are there already, and the like, in words.
    options : HostingOptions
    """

    network: str
    kind: str
    method: Method
    criteria: str
    snapshots: tuple[str, ...]
    table: pd.DataFrame
    summary: Mapping[str, Any]
    rules: tuple[str, ...]
    options: HostingOptions


def hosting_capacity(
    net: Network,
    buses: Sequence[str] | None = None,
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
    method: Method = "dc",
    options: Mapping[str, Any] | HostingOptions | PowerFlowOptions | None = None,
) -> HostingCapacity:
    r"""Find the largest load, or plant, that each bus takes beside what is there, one bus at a time.

    Parameters
    ----------
    net : Network
    buses : sequence of str, optional
        None: all buses in service.
    criteria : str, Criteria or None
        "network": the network's own, if it has any; a region's name; None: each branch against its rating
        (after an outage its rate_b_mva).
    snapshots : sequence of str, optional
        States that must all hold; None: all stored ones, or the tables themselves.
    method : {"dc", "ac"}
        "dc": exact in the DC model. "ac": the DC figure is then lowered by bisection with AC power flows to
        1 MW, voltages and reactive limits included: all outages in the two states with the least room, the
        intact grid in all; meant for a list of buses.
    options : mapping, HostingOptions or PowerFlowOptions, optional
        See `gridhub.analysis.hosting.options.HostingOptions`.

    Returns
    -------
    HostingCapacity

    Raises
    ------
    KeyError
        If a bus, a snapshot or the criteria do not exist.
    OptionError
        If an option or the method is unknown, no bus is given, or weights lack hours of the profiles.
    InputError
        If the profiles do not fit the network; all faults are listed.
    NotConverged
        If a state has no solution before anything is added.

    Notes
    -----
    What is added is balanced by the units of its island by participation within their limits, as in every
    power flow (or in merit order). The flow of branch l after the outage k is then, for x MW at bus j,

    .. math:: f_l(x) + LODF_{lk} f_k(x), \quad f(x) = f_0 + PTDF (u(x) - x e_j)

    with u(x) what the units add, piecewise linear in x and the same for all buses of an island. The room is
    the smallest x at which any of these meets its limit: headroom over sensitivity, piece by piece. Outages
    that split an island are solved again; what is cut off with the outage is not limited by it, and
    not_assessed says so. Interfaces are held to their limits with everything in service. A branch that is
    beyond its limit already, in N or after an outage, may not get worse by more than
    ``worsening_points`` percentage points.

    References
    ----------
    T. Güler, G. Gross, M. Liu, "Generalized line outage distribution factors", IEEE Transactions on Power
    Systems 22 (2007) 879-881, doi:10.1109/TPWRS.2006.888950.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0},
    ...         index=["l1", "l2"],
    ...     ),
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [400.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_mw": 400.0, "p_max_mw": 2000.0}, index=["unit"]),
    ... )
    >>> row = hosting_capacity(net).table.loc["b"]
    >>> round(float(row["firm_mw"]), 3), *row[["binding_kind", "binding_element", "binding_contingency"]]
    (200.0, 'thermal', 'l1', 'l2')
    """
    if method not in ("dc", "ac"):
        raise OptionError(f'method = {method!r}: "dc" or "ac"')
    settled = read_hosting_options(options, reactive_limits=net.reactive_limits)
    if method == "ac" and settled.balancing != "participation":
        raise OptionError(
            f'balancing = {settled.balancing!r} with method = "ac": the AC power flow shares by '
            'participation; use "dc", or leave balancing out'
        )
    judged = resolve_criteria(net, criteria)
    chosen = find_buses(net, buses)
    states = list_states(net, snapshots, settled)
    weight = read_weights(settled.weights, find_hours(settled))
    position = {name: i for i, name in enumerate(net.bus.index)}
    at = [position[name] for name in chosen]
    found = search_states([*states.snapshots, *states.hours], at, judged, settled)
    reserve_mw = find_reserve(states.snapshots[0], at, judged, settled)
    hourly = find_hourly_rooms(states.hours, at, judged, settled, found, reserve_mw)
    own = _find_own(net, chosen, judged, settled, found, hourly, weight)
    flexible = find_flexible_rooms(hourly, weight, find_largest_loss(judged, settled), len(chosen))
    table = build_table(net, chosen, judged, settled, found, reserve_mw, flexible, own)
    if method == "ac":
        rooms = find_hourly_rooms(states.snapshots, at, judged, settled, found, reserve_mw)
        assert rooms is not None
        met = _check(net, states.snapshots, chosen, judged, settled, table, rooms)
        table = build_table(net, chosen, judged, settled, found, reserve_mw, flexible, own, met)
    summary = {
        "buses": len(chosen),
        "snapshots": len(states.snapshots),
        "hours": len(states.hours),
        "existing_violations": int((found.existing["intact"] + found.existing["single"]).max(initial=0)),
        "median_firm_mw": float(table["firm_mw"].dropna().median()),
    }
    return HostingCapacity(
        network=net.name,
        kind=settled.kind,
        method=method,
        criteria=judged.name if judged is not None else "",
        snapshots=tuple(found.states),
        table=table,
        summary=MappingProxyType(summary),
        rules=describe_rules(settled, reserve_mw, bool(table["queue_50_mw"].notna().any())),
        options=settled,
    )


def _find_own(
    net: Network,
    buses: list[str],
    criteria: Criteria | None,
    options: HostingOptions,
    found: Found,
    hourly: Floats | None,
    weight: Floats,
) -> dict[str, Floats]:
    """Find the figures with own supply, where it is asked for; buses without supply get none."""
    if options.own is None or not options.profiles or hourly is None:
        return {}
    hours = find_hours(options)
    # what is lost with the point of connection is what is drawn there
    drawn = np.minimum(hourly, find_largest_loss(criteria, options))
    alive = np.flatnonzero(found.alive)
    names = [buses[j] for j in alive.tolist()]
    part = find_own_rooms(net, names, hours, drawn[:, alive], options.own, options.maximum_mw, weight)
    own = {name: np.full(len(buses), np.nan) for name in part}
    for name, values in part.items():
        own[name][alive] = values
    return own


def _check(
    net: Network,
    states: Sequence[State],
    buses: list[str],
    criteria: Criteria | None,
    options: HostingOptions,
    table: pd.DataFrame,
    rooms: Floats,
) -> list[dict[str, Met]]:
    """Lower the DC figures of `table` by AC, where there are any."""
    upper = table["firm_mw"].to_numpy(dtype=float) / net.base_mva
    known = np.flatnonzero(np.isfinite(upper))
    met = [{kind: Met(0.0) for kind in KINDS} for _ in buses]
    if not len(known):
        return met
    queued, labels = add_queue(net, options), [state.label for state in states]
    names = [buses[j] for j in known.tolist()]
    found = check_by_ac(queued, labels, names, criteria, options, upper[known], rooms[:, known])
    for j, one in zip(known.tolist(), found, strict=True):
        met[j] = one
    return met


def find_buses(net: Network, buses: Sequence[str] | None) -> list[str]:
    """List the buses asked for; all in service for None.

    Raises
    ------
    KeyError
        Naming all that do not exist.
    OptionError
        If there is none, or one comes twice.
    """
    table = net.bus
    if buses is None:
        chosen = [str(name) for name in table.index[table["in_service"].to_numpy(dtype=bool)]]
    else:
        chosen = [buses] if isinstance(buses, str) else [str(name) for name in buses]
    unknown = [name for name in chosen if name not in table.index]
    if unknown:
        raise KeyError(
            f"no bus {name_ids(repr(name) for name in unknown)} in {net.name!r}; "
            f"buses are {name_ids(table.index)}"
        )
    if not chosen:
        raise OptionError(f"no bus of {net.name!r} is asked for")
    twice = (
        sorted({name for name in chosen if chosen.count(name) > 1}) if len(set(chosen)) < len(chosen) else []
    )
    if twice:
        raise OptionError(f"buses asked for twice: {name_ids(twice)}")
    return chosen


def search_states(
    states: Sequence[State], at: Sequence[int], criteria: Criteria | None, options: HostingOptions
) -> Found:
    """Look at all states by DC, those of one topology together, and so many buses that memory holds them."""
    case = states[0].case
    maximum = options.maximum_mw / case.base_mva
    found = start_search(len(at), maximum)
    length = max(1, MEMORY // (8 * max(1, case.n_branch)))
    groups = group_states(states)
    for first in range(0, len(at), length):
        some = slice(first, first + length)
        part = found.start_anew(len(at[some]), maximum)
        for group in groups:
            DcSearch(group[0], at[some], criteria, options, part).run(group, part)
        found.put(some, part)
    return found
