"""Read the switches of a pandapower network: couplers between buses, and open ends of branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.interop.pandapower_read import (
    SWITCHED_COLUMNS,
    SWITCHED_TABLES,
    UNRATED_KA,
    Bools,
    Draft,
    get_bools,
    get_floats,
    get_table,
    name_rows,
)

SWITCH_RX_RATIO = 2.0
"""R/X pandapower takes for a bus-bus switch with impedance (default of runpp)."""

Ends = dict[str, NDArray[np.object_]]


def _find_open_switches(
    draft: Draft, pp_net: Mapping[str, Any], kind: str, frame: pd.DataFrame
) -> dict[str, NDArray[np.object_]]:
    """Give the index of the open switch at each end of each branch, None where there is none."""
    cut = {end: np.full(len(frame), None, dtype=object) for end in SWITCHED_COLUMNS[kind]}
    switch = get_table(pp_net, "switch")
    if switch.empty:
        return cut
    opened = switch[(switch["et"] == kind).to_numpy() & ~get_bools(switch, "closed", True)]
    positions = frame.index.get_indexer(pd.Index(opened["element"]))
    for index, bus, position in zip(opened.index, opened["bus"], positions, strict=True):
        ends = [e for e, column in SWITCHED_COLUMNS[kind].items() if frame[column].iloc[position] == bus]
        if ends:
            cut[ends[0]][position] = index
        else:
            draft.refuse("E-REF", "switch", [index], "bus", "not an end of the branch it belongs to")
    return cut


def open_ends(draft: Draft, pp_net: Mapping[str, Any], kind: str, frame: pd.DataFrame) -> tuple[Ends, Bools]:
    """Place the ends of branches that are cut off at buses of their own.

    Parameters
    ----------
    draft : Draft
        Takes, for each open switch, a bus ``switch:<index>`` and a series element of the same id, without
        impedance and out of service: closing it is putting it in service. A line that ends at a bus out of
        service gets a bus ``line:<index>:<end>``.
    pp_net : mapping
        The pandapower network.
    kind : {"l", "t", "t3"}
        What the switches belong to.
    frame : DataFrame
        The pandapower table of the branches.

    Returns
    -------
    ends : dict
        End -> bus ids.
    dead : (n,) bool
        Cut off at every end: to be taken out of service where it stands.
    """
    columns, table = SWITCHED_COLUMNS[kind], SWITCHED_TABLES[kind]
    ends: Ends = {end: draft.name_buses(frame[column]) for end, column in columns.items()}
    cut = _find_open_switches(draft, pp_net, kind, frame)
    opened = {end: pd.notna(cut[end]) for end in columns}
    lost = {
        end: _find_lost_ends(draft, frame, column, kind) & ~opened[end] for end, column in columns.items()
    }
    dead: Bools = np.all([opened[end] | lost[end] for end in columns], axis=0)
    for end, column in columns.items():
        kv = draft.get_kv(frame[column])
        for i in np.flatnonzero(opened[end] & ~dead):
            name = f"switch:{cut[end][i]}"
            on = bool(draft.bus_on[frame[column].iloc[i]])
            draft.add("bus", [name], {"vn_kv": kv[i], "in_service": on, "name": name})
            row = {"from_bus": ends[end][i], "to_bus": name, "x_pu": 0.0, "in_service": False}
            draft.open_switches.append({"id": name, **row})
            ends[end][i] = name
        for i in np.flatnonzero(lost[end] & ~dead):
            name = f"{table}:{frame.index.tolist()[i]}:{end}"
            draft.add("bus", [name], {"vn_kv": kv[i], "name": name})
            ends[end][i] = name
    _report_open_ends(draft, table, frame, opened, lost, dead)
    return ends, dead


def _find_lost_ends(draft: Draft, frame: pd.DataFrame, column: str, kind: str) -> Bools:
    """Find ends of lines in service at buses that are not; pandapower keeps only lines energised there."""
    if kind != "l":
        return np.zeros(len(frame), dtype=bool)
    there = draft.bus_on.reindex(frame[column]).to_numpy(dtype=bool)
    return np.asarray(~there & get_bools(frame, "in_service", True))


def _report_open_ends(
    draft: Draft,
    table: str,
    frame: pd.DataFrame,
    opened: Mapping[str, Bools],
    lost: Mapping[str, Bools],
    dead: Bools,
) -> None:
    by_switch, by_bus = (np.any(list(found.values()), axis=0) for found in (opened, lost))
    message = "open at one end: stays energised through the other; its open end is a bus switch:<index>"
    draft.warn("W-OPENEND", table, name_rows(table, frame[by_switch & ~dead]), "switch", message)
    message = "ends at a bus out of service: stays energised through the other end, as in pandapower"
    draft.warn(
        "W-OPENEND", table, name_rows(table, frame[by_bus & ~by_switch & ~dead]), "in_service", message
    )
    message = "cut off at every end: out of service"
    draft.warn("W-OPENEND", table, name_rows(table, frame[dead]), "switch", message)


def read_bus_switches(draft: Draft, pp_net: Mapping[str, Any]) -> None:
    """Read bus-bus switches as series elements, without impedance unless ``z_ohm`` gives one.

    The open switches at branches that `open_ends` found come before them.
    """
    frame = get_table(pp_net, "switch")
    if frame.empty:
        return
    if draft.open_switches:
        opened = pd.DataFrame(draft.open_switches).set_index("id")
        opened["source_row"] = draft.number_branches(len(opened))
        draft.add("series", opened.index, {name: opened[name].to_numpy() for name in opened.columns})
    couplers = frame[(frame["et"] == "b").to_numpy()]
    kv = draft.get_kv(couplers["bus"])
    z_pu = np.maximum(get_floats(couplers, "z_ohm", 0.0), 0.0) * draft.base_mva / kv**2
    limit = get_floats(couplers, "in_ka")
    columns = {
        "from_bus": draft.name_buses(couplers["bus"]),
        "to_bus": draft.name_buses(couplers["element"]),
        "r_pu": z_pu * SWITCH_RX_RATIO / np.hypot(1, SWITCH_RX_RATIO),
        "x_pu": z_pu / np.hypot(1, SWITCH_RX_RATIO),
        "rate_mva": np.where(limit >= UNRATED_KA, np.nan, np.sqrt(3) * kv * limit),
        "in_service": get_bools(couplers, "closed", True),
    }
    draft.add("series", name_rows("switch", couplers), columns, couplers)
    closed = int((get_bools(frame, "closed", True) & (frame["et"] != "b").to_numpy()).sum())
    if closed:
        draft.notes.append(f"{closed} closed switches at branches are not kept: the branch is connected")
