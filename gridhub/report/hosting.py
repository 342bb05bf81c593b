"""Where a hub is connected and how much its bus takes, as sections of a page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.headroom import Headroom
from gridhub.model.network import Network
from gridhub.report.names import Names
from gridhub.report.page import RangeChart, RangeRow, Section, TableBlock

KIND_NAMES = {
    "thermal_n": "Ratings, everything in service",
    "thermal_n1": "Ratings, after one outage",
    "thermal_tower": "Ratings, after a double-circuit tower",
    "interface": "Interface limits",
    "generation": "Generation that can pick up",
    "voltage": "Voltage",
}
"""Kind of limit -> words for a reader."""


def build_placement_section(net: Network, names: Names) -> Section:
    """Say where each part of the hub is connected, from when, and by which rule.

    Parameters
    ----------
    net : Network
        With the hub placed.
    names : Names
        Labels.

    Returns
    -------
    Section
    """
    placed = net.placements.reset_index(drop=True).copy()
    site = placed["site_bus"] if "site_bus" in placed else placed["bus"]
    placed["connected_at"] = pd.Series([names.find(bus, "place") for bus in site], dtype=object)
    placed["kind"] = placed["kind"].astype(str).str.replace("_", " ")
    shown = [
        "part",
        "kind",
        "p_mw",
        "connected_at",
        "vn_kv",
        "distance_km",
        "feeders",
        "earliest_energisation",
    ]
    main = TableBlock(
        placed,
        "Points of connection",
        "placements",
        labels={
            "p_mw": "Power",
            "vn_kv": "Voltage",
            "distance_km": "Distance",
            "earliest_energisation": "Earliest by the rules",
            "build_ready": "Built by",
        },
        show=[*shown, *(["build_ready"] if "build_ready" in placed else [])],
        note="Feeders carry the whole part with one of them out. Distance is a straight line.",
    )
    basis = TableBlock(
        placed, "Why there, and why not earlier", labels={"basis": "Basis"}, show=["part", "basis"]
    )
    return Section("Connection", (), (main, basis))


def build_headroom_section(headroom: Headroom, names: Names, asked_mw: float) -> Section:
    """Say how much the bus takes by each kind of limit, and what binds.

    Parameters
    ----------
    headroom : Headroom
        The result.
    names : Names
        Labels.
    asked_mw : float
        What the hub asks for [MW].

    Returns
    -------
    Section
    """
    text = (
        "How many MW the point of connection takes beside what is there, limit by limit. Nearby counts the "
        "branches that the load moves by at least 5 % of itself; every branch counts all, also far ones that "
        "are at their limit anyway. Violations that are there without the hub are set aside.",
    )
    return Section(
        "Hosting headroom",
        text,
        (_build_headroom_chart(headroom, names, asked_mw), _build_headroom_table(headroom, names)),
    )


def _find_near(headroom: Headroom) -> pd.Series[float]:
    """Give the figure that counts for each kind [MW]: by AC where it was checked."""
    table = headroom.table
    return table["ac_mw"].astype(float).where(table["ac_mw"].notna(), table["near_mw"].astype(float))


def _build_headroom_chart(headroom: Headroom, names: Names, asked_mw: float) -> RangeChart:
    rows = []
    near = _find_near(headroom).to_numpy()
    for value, (kind, row) in zip(near, headroom.table.iterrows(), strict=True):
        capped = value >= headroom.maximum_mw - 1e-6
        note = "nothing nearby binds" if capped else names.find(row["near_element"] or row["binding_element"])
        marks = {"every branch": float(row["mw_beyond_existing"]), "nearby": float(value)}
        rows.append(RangeRow(KIND_NAMES.get(str(kind), str(kind)), marks, asked_mw, None, note))
    return RangeChart(
        f"Largest load at {names.find(headroom.bus, 'bus')}",
        "MW",
        rows,
        band="asked for",
        start_at_zero=True,
        note=f"Nothing above {headroom.maximum_mw:,.0f} MW was looked for.",
    )


def _build_headroom_table(headroom: Headroom, names: Names) -> TableBlock:
    table = headroom.table.rename_axis(index="kind").copy()
    table["limit"] = [KIND_NAMES.get(str(kind), str(kind)) for kind in table.index]
    table["binds"] = [names.find(key) if key else "" for key in table["near_element"]]
    table["after_loss_of"] = [_name_outage(names, key) for key in table["near_contingency"]]
    table["in_snapshot"] = table["near_snapshot"].astype(str).str.replace("_", " ")
    labels = {
        "near_mw": "Nearby",
        "ac_mw": "Nearby, by AC",
        "mw_beyond_existing": "Every branch",
        "binds": "What binds nearby",
    }
    return TableBlock(
        table,
        "What binds",
        "hosting",
        labels=labels,
        units={"mw_beyond_existing": "MW"},
        show=[
            "limit",
            "near_mw",
            "ac_mw",
            "mw_beyond_existing",
            "binds",
            "after_loss_of",
            "in_snapshot",
        ],
    )


def _name_outage(names: Names, contingency: object) -> str:
    if contingency is None or (isinstance(contingency, float) and np.isnan(contingency)):
        return ""
    return names.find_outage(contingency, (str(contingency),) if str(contingency) else ())
