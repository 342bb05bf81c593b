"""The largest load one bus takes, limit by limit: thermal, towers, interfaces, generation, voltage.

Thermal and interface figures are exact in the DC model and checked by AC; the voltage figure is AC. The
search is that of `gridhub.analysis.hosting.hosting`, kind by kind, with what is violated already set aside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from gridhub.analysis.flow.interfaces import list_limited
from gridhub.analysis.hosting.ac import AcSearch, Met, add_probes
from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.hosting.search import DcSearch, Found, start_search
from gridhub.analysis.hosting.states import State, group_states, list_states
from gridhub.analysis.security.security import resolve_criteria
from gridhub.criteria import Criteria
from gridhub.errors import OptionError, name_ids
from gridhub.kernels.rooms import Rooms
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions, read_options

KINDS = ("thermal_n", "thermal_n1", "thermal_tower", "interface", "generation", "voltage")
"""Limits looked at, in the order of the table."""

FIRM_KINDS = ("thermal_n", "thermal_n1", "interface", "generation", "voltage")
"""Limits whose smallest is the firm headroom; towers stand beside it, as their own column."""

TABLE_COLUMNS = (
    "mw",
    "mw_beyond_existing",
    "near_mw",
    "ac_mw",
    "binding_element",
    "binding_contingency",
    "binding_snapshot",
    "near_element",
    "near_contingency",
    "near_snapshot",
    "near_confidence",
    "existing_violations",
    "method",
    "note",
)

NEAR_EFFECT = 0.05
"""Change of flow per MW of load from which a branch counts as near: the load, and not only the shift of
generation that feeds it, decides its loading. A convention of transfer studies; assumed here."""

VOLTAGE_OUTAGES = 4
"""Outages at which the voltage is looked at: those of the branches that carry most of the growing load."""

ROOMS = {"thermal_n": "intact", "thermal_n1": "single", "thermal_tower": "tower", "interface": "interface"}
"""Kind -> where the search keeps it."""


@dataclass(frozen=True, eq=False)
class Headroom:
    """The largest load a bus takes beside what is there.

    Attributes
    ----------
    bus : str
        Bus of the growing load.
    power_factor : float
        Of the growing load, lagging.
    maximum_mw : float
        Nothing above this was looked for [MW]; a figure equal to it means "or more".
    firm_mw : float
        Smallest of thermal N, thermal N-1, interface, generation and voltage, violations that exist without
        the load set aside [MW]: every branch counts, also those the load hardly touches.
    near_mw : float
        The same over the branches that are near (column near_mw), the AC figure where there is one [MW]:
        what a planner quotes, and what reinforcements are compared by.
    near_tower_mw : float
        The same with towers [MW].
    binding_kind : str
        Limit that sets `near_mw`.
    table : DataFrame
        Index kind (`KINDS`); columns mw (DC; voltage: AC) [MW]: 0 where a limit is violated without any
        load; mw_beyond_existing: what is violated without the load set aside; near_mw: the same for branches
        of which the load moves at least 5 % of itself (`NEAR_EFFECT`), so that a far branch at its limit,
        touched by the shift of generation alone, does not decide; ac_mw: AC figure of near_mw for the
        outages (NaN: not checked); binding_element, binding_contingency ("" = N),
        binding_snapshot, and the same for near_mw with near_confidence (of the branch; "not assessable" where
        public data do not carry a site at its end); existing_violations (branch-outage
        pairs, or buses); method; note.
    by_snapshot : DataFrame
        kind, snapshot, mw, mw_beyond_existing, binding_element, binding_contingency, existing_violations.
    """

    bus: str
    power_factor: float
    maximum_mw: float
    firm_mw: float
    near_mw: float
    near_tower_mw: float
    binding_kind: str
    table: pd.DataFrame
    by_snapshot: pd.DataFrame


def find_confidence(net: Network, element: str) -> str:
    """Find how sure a branch is: its own confidence, "not assessable" where a site at its end is not."""
    branches = net.branches()
    if element not in branches.index:
        return ""
    ends = [str(branches[end][element]) for end in ("from_bus", "to_bus")]
    site = net.site
    unsure = site.index[~site["assessable"].astype(bool)]
    if net.bus["site"].reindex(ends).isin(unsure).any():
        return "not assessable"
    table = net.tables[str(branches["kind"][element])]
    return str(table["confidence"][element])


def _summarize(net: Network, rows: pd.DataFrame, maximum_mw: float) -> pd.DataFrame:
    """Take the snapshot with the smallest figure for each kind."""
    table = []
    for kind in KINDS:
        group = rows[rows["kind"] == kind]
        worst = group.loc[group["mw_beyond_existing"].idxmin()]
        near = group.loc[group["near_mw"].idxmin()]
        open_end = worst["mw_beyond_existing"] >= maximum_mw
        existing = int(group["existing_violations"].sum())
        note = f"nothing met up to {maximum_mw:g} MW" if open_end else ""
        if existing:
            note = f"{existing} violations without the load are set aside" + (f"; {note}" if note else "")
        table.append(
            {
                "mw": group["mw"].min(),
                "mw_beyond_existing": worst["mw_beyond_existing"],
                "near_mw": near["near_mw"],
                "ac_mw": group["ac_mw"].min(),
                "binding_element": worst["binding_element"],
                "binding_contingency": worst["binding_contingency"],
                "binding_snapshot": "" if open_end else worst["snapshot"],
                "near_element": near["near_element"],
                "near_contingency": near["near_contingency"],
                "near_snapshot": "" if near["near_mw"] >= maximum_mw else near["snapshot"],
                "near_confidence": find_confidence(net, str(near["near_element"])),
                "existing_violations": existing,
                "method": "AC"
                if kind == "voltage"
                else "DC, checked by AC"
                if kind == "thermal_n1"
                else "DC",
                "note": note,
            }
        )
    return pd.DataFrame(table, index=pd.Index(KINDS, name="kind"), columns=list(TABLE_COLUMNS))


def find_headroom(
    net: Network,
    bus: str,
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
    power_factor: float = 0.95,
    maximum_mw: float = 5000.0,
    tower_min_kv: float = 345.0,
    check: bool = True,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> Headroom:
    """Find the largest load a bus takes beside what is there.

    Parameters
    ----------
    net : Network
        The network.
    bus : str
        Bus of the growing load.
    criteria : str, Criteria or None
        "network": the network's own, if it has any; a region's name; None: each branch against its rating
        (after an outage its rate_b_mva), no voltage limits.
    snapshots : sequence of str, optional
        States looked at; None: all stored ones, or the tables themselves.
    power_factor : float
        Of the growing load, lagging.
    maximum_mw : float
        Nothing above is looked for [MW].
    tower_min_kv : float
        Lowest voltage of towers looked at [kV].
    check : bool
        False leaves out everything AC: the columns ac_mw and the voltage row are empty.
    options : mapping or PowerFlowOptions, optional
        Of the power flow.

    Returns
    -------
    Headroom

    Raises
    ------
    KeyError
        If the bus or a snapshot does not exist.
    OptionError
        If the bus is dead or the power factor is out of range.

    Notes
    -----
    What the load draws is generated by the units of its island by participation within their limits, as in
    every power flow. In the DC model every flow is then piecewise linear in the load, before and after any
    outage: the figure is exact, from transfer and outage factors. Outages that split an island are solved
    again one by one. The AC figure is a bisection over all outages, the voltage figure one over the intact
    network and the outages of the branches that carry most of the load. Losses of generators and links are
    not in the thermal figures.
    """
    if bus not in net.bus.index:
        raise KeyError(f"no bus {bus!r} in {net.name!r}; buses are {name_ids(net.bus.index)}")
    if not 0.1 <= power_factor <= 1.0:
        raise OptionError(f"power_factor = {power_factor}: a number from 0.1 to 1")
    settled = HostingOptions(
        maximum_mw=maximum_mw,
        worsening_points=math.inf,
        tower_min_kv=tower_min_kv,
        power_factor=power_factor,
        power_flow=read_options(options, reactive_limits=net.reactive_limits),
    )
    judged = resolve_criteria(net, criteria)
    states = list_states(net, snapshots, settled).snapshots
    every = _search(states, net, bus, judged, settled)
    nearby = _search(states, net, bus, judged, replace(settled, effect=NEAR_EFFECT))
    rows = []
    for state in states:
        ac = _check(net, state, bus, judged, settled, nearby[state.label]) if check else None
        rows += _build_rows(net, state, maximum_mw, every[state.label], nearby[state.label], ac)
    by_snapshot = pd.DataFrame(rows)
    table = _summarize(net, by_snapshot, maximum_mw)
    firm = table["mw_beyond_existing"][list(FIRM_KINDS)]
    figure = table[["near_mw", "ac_mw"]].min(axis=1)
    near = figure[list(FIRM_KINDS)]
    return Headroom(
        bus=bus,
        power_factor=power_factor,
        maximum_mw=maximum_mw,
        firm_mw=float(firm.min()),
        near_mw=float(near.min()),
        near_tower_mw=float(min(near.min(), figure["thermal_tower"])),
        binding_kind=str(near.idxmin()) if near.min() < maximum_mw else "",
        table=table,
        by_snapshot=by_snapshot,
    )


def _search(
    states: Sequence[State], net: Network, bus: str, criteria: Criteria | None, options: HostingOptions
) -> dict[str, Found]:
    """Search each state by itself, by DC."""
    at = [list(net.bus.index).index(bus)]
    maximum = options.maximum_mw / net.base_mva
    found = start_search(1, maximum)
    result = {}
    for group in group_states(states):
        towers = options.tower_min_kv is None or math.isfinite(options.tower_min_kv)
        search = DcSearch(group[0], at, criteria, options, found, towers=towers)
        for state in group:
            result[state.label] = found.start_anew(1, maximum)
            search.run([state], result[state.label])
            if not result[state.label].alive[0]:
                raise OptionError(
                    f"bus {bus} is out of service or in an island without a reference: no headroom"
                )
    return result


def _check(
    net: Network, state: State, bus: str, criteria: Criteria | None, options: HostingOptions, near: Found
) -> tuple[Met, Met, int]:
    """Check one state by AC: near thermal figure, voltage, and voltages violated without the load."""
    near_options = replace(options, effect=NEAR_EFFECT)
    search = AcSearch(add_probes(net, [bus]), state.label or None, [bus], criteria, near_options)
    maximum = options.maximum_mw / net.base_mva
    thermal = min(near.generation[0], near.intact.amount[0, 0], near.single.amount[0, 0])
    carriers = search.rank_carriers(0, VOLTAGE_OUTAGES)
    return (
        search.bisect(0, float(thermal), ("thermal",))["thermal"],
        search.bisect(0, maximum, ("voltage",), carriers)["voltage"],
        search.count_existing("voltage"),
    )


def _build_rows(
    net: Network, state: State, maximum: float, every: Found, near: Found, ac: tuple[Met, Met, int] | None
) -> list[dict[str, Any]]:
    """Give what one state allows, kind by kind."""
    branches = [str(name) for name in net.branches().index]
    rows = []
    for kind in KINDS:
        row: dict[str, Any] = {"kind": kind, "snapshot": state.label, "ac_mw": math.nan}
        if kind in ROOMS:
            names = list_limited(net) if kind == "interface" else branches
            all_of, near_of = getattr(every, ROOMS[kind]), getattr(near, ROOMS[kind])
            existing = int(every.existing[ROOMS[kind]][0])
            wide, narrow = (
                _name(one, net.base_mva, maximum, names, every.outages) for one in (all_of, near_of)
            )
            narrow = narrow if kind != "interface" else wide
        else:
            existing = ac[2] if ac is not None and kind == "voltage" else 0
            wide = narrow = _name_other(kind, every, ac, net.base_mva, maximum)
        if kind == "thermal_n1" and ac is not None:
            row["ac_mw"] = ac[0].amount * net.base_mva
        empty = kind == "voltage" and ac is None
        rows.append(
            row
            | {
                "mw": math.nan if empty else 0.0 if existing else wide[0],
                "mw_beyond_existing": wide[0],
                "near_mw": narrow[0],
                "binding_element": wide[1],
                "binding_contingency": wide[2],
                "near_element": narrow[1],
                "near_contingency": narrow[2],
                "existing_violations": existing,
            }
        )
    return rows


def _name(
    rooms: Rooms, base: float, maximum: float, elements: Sequence[str], outages: Sequence[str]
) -> tuple[float, str, str]:
    """Give a room [MW] and what sets it; the maximum where nothing does."""
    element, outage = int(rooms.element[0, 0]), int(rooms.outage[0, 0])
    if element < 0:
        return maximum, "", ""
    return float(rooms.amount[0, 0]) * base, elements[element], outages[outage] if outage >= 0 else ""


def _name_other(
    kind: str, every: Found, ac: tuple[Met, Met, int] | None, base: float, maximum: float
) -> tuple[float, str, str]:
    """Give what the units can follow, or what the voltage allows [MW]."""
    if kind == "generation":
        amount = float(every.generation[0]) * base
        return min(amount, maximum), "units of the island" if amount < maximum else "", ""
    if ac is None or not ac[1].element:
        return maximum, "", ""
    return ac[1].amount * base, ac[1].element, ac[1].contingency
