"""Where a hub is connected and how much its bus takes, as sections of a page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.headroom import Headroom
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
        What the hub asks for [MW]; drawn as the lower end.

    Returns
    -------
    Section
    """
    table = headroom.table.rename_axis(index="kind").copy()
    ac = table["ac_mw"].where(table["ac_mw"].notna(), table["mw_beyond_existing"])
    rows = []
    for value, (kind, row) in zip(ac.to_numpy(dtype=float), table.iterrows(), strict=True):
        capped = value >= headroom.maximum_mw - 1e-6
        binding = names.find(row["binding_element"]) if row["binding_element"] else ""
        note = "nothing binds up to what was looked for" if capped else binding
        rows.append(
            RangeRow(KIND_NAMES.get(str(kind), str(kind)), {"takes": float(value)}, asked_mw, None, note)
        )
    chart = RangeChart(
        f"Largest load at {names.find(headroom.bus, 'bus')}",
        "MW",
        rows,
        band="asked for",
        start_at_zero=True,
        note=f"Nothing above {headroom.maximum_mw:,.0f} MW was looked for. DC figures are exact for the linear "
        "model; an AC figure counts where there is one. Violations that are there anyway are set aside.",
    )
    table["limit"] = [KIND_NAMES.get(str(kind), str(kind)) for kind in table.index]
    table["binds"] = [names.find(key) if key else "" for key in table["binding_element"]]
    table["after_loss_of"] = [_name_outage(names, key) for key in table["binding_contingency"]]
    table["in_snapshot"] = table["binding_snapshot"].astype(str).str.replace("_", " ")
    block = TableBlock(
        table,
        "What binds",
        "hosting",
        labels={
            "mw": "Beside what exists",
            "mw_beyond_existing": "Existing violations aside",
            "ac_mw": "By AC",
        },
        units={"mw": "MW", "mw_beyond_existing": "MW", "ac_mw": "MW"},
        show=["limit", "mw", "mw_beyond_existing", "ac_mw", "binds", "after_loss_of", "in_snapshot"],
    )
    return Section("Hosting headroom", (), (chart, block))


def _name_outage(names: Names, contingency: object) -> str:
    if contingency is None or (isinstance(contingency, float) and np.isnan(contingency)):
        return ""
    return names.find_outage(contingency, (str(contingency),) if str(contingency) else ())
