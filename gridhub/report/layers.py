"""From networks and power flows to what the map draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.model.network import Network
from gridhub.report.names import Names, build_names
from gridhub.report.outline import find_outline
from gridhub.report.page import MapLayers, MapState, VoltageScale

_HUB_PREFIX = "hub:"

OUTAGE_COLUMNS = (
    "contingency",
    "contingency_label",
    "element",
    "element_label",
    "kind",
    "value",
    "unit",
    "outaged",
    "snapshot",
    "variant",
)
"""Columns of ``MapLayers.outages``."""


def build_layers(
    net: Network,
    states: Sequence[MapState],
    outages: pd.DataFrame | None = None,
    names: Names | None = None,
    voltages: VoltageScale | None = None,
) -> MapLayers:
    """Gather what the map draws.

    Parameters
    ----------
    net : Network
        The network, with the hub placed if there is one.
    states : sequence of MapState
        From `build_state`, at least one.
    outages : DataFrame, optional
        From `build_outages`.
    names : Names, optional
        Labels; made of the network where left out.
    voltages : VoltageScale, optional
        Colours places by voltage instead of lines by loading.

    Returns
    -------
    MapLayers
    """
    names = names or build_names(net)
    bus = net.bus
    buses = pd.DataFrame(
        {
            "label": [names.find(key, "place") for key in bus.index],
            "vn_kv": bus["vn_kv"],
            "lat": bus["lat"],
            "lon": bus["lon"],
        },
        index=bus.index,
    )
    return MapLayers(
        buses=buses,
        branches=_build_branches(net, names),
        states=states,
        outages=pd.DataFrame(columns=list(OUTAGE_COLUMNS)) if outages is None else outages,
        hub=_build_hub(net, buses),
        outline=find_outline(buses),
        attribution=net.attribution,
        voltages=voltages,
    )


def _build_branches(net: Network, names: Names) -> pd.DataFrame:
    """List AC branches and HVDC links; a hub's feeders are a kind of their own."""
    branches = net.branches()[["kind", "from_bus", "to_bus", "vn_kv", "rate_mva", "in_service"]].copy()
    line = net.line
    branches["assumed"] = branches.index.isin(line.index[line["assumed"].astype(bool)])
    is_feeder = branches.index.str.startswith(_HUB_PREFIX) & (branches["kind"] == "line").to_numpy()
    branches.loc[is_feeder, "kind"] = "feeder"
    hvdc = net.hvdc
    if len(hvdc):
        ends = [net.bus["vn_kv"].reindex(hvdc[end]).to_numpy() for end in ("from_bus", "to_bus")]
        links = pd.DataFrame(
            {
                "kind": "hvdc",
                "from_bus": hvdc["from_bus"],
                "to_bus": hvdc["to_bus"],
                "vn_kv": np.fmax(ends[0], ends[1]),
                "rate_mva": hvdc["p_max_mw"],
                "in_service": hvdc["in_service"],
                "assumed": False,
            },
            index=hvdc.index,
        )
        branches = pd.concat([branches, links])
    branches.insert(0, "label", [names.find(key) for key in branches.index])
    return branches[branches["in_service"].astype(bool)]


def _build_hub(net: Network, buses: pd.DataFrame) -> pd.DataFrame:
    placed = net.placements
    columns = ["label", "kind", "bus", "lat", "lon", "p_mw"]
    if placed.empty:
        return pd.DataFrame(columns=columns)
    place = buses.reindex(placed["bus"].astype(str))
    return pd.DataFrame(
        {
            "label": placed["part"].astype(str).to_numpy(),
            "kind": placed["kind"].astype(str).to_numpy(),
            "bus": placed["bus"].astype(str).to_numpy(),
            "lat": place["lat"].to_numpy(dtype=float),
            "lon": place["lon"].to_numpy(dtype=float),
            "p_mw": placed["p_mw"].to_numpy(dtype=float),
        },
        columns=columns,
    )


def build_state(net: Network, flow: PowerFlow, variant: str = "", snapshot: str | None = None) -> MapState:
    """Turn a power flow into a state of the map.

    Parameters
    ----------
    net : Network
        The network that was solved.
    flow : PowerFlow
        Its solution.
    variant : str
        ``"before"``, ``"after"``, …
    snapshot : str, optional
        Name for the selector; the flow's own where left out.

    Returns
    -------
    MapState
        An HVDC link's loading is the larger of what it takes and gives, against p_max_mw.
    """
    branch = pd.DataFrame(
        {"loading_percent": flow.branch["loading_percent"], "p_mw": flow.branch["p_from_mw"]},
        index=flow.branch.index,
    )
    if len(flow.hvdc) and "p_from_mw" in flow.hvdc:
        power = flow.hvdc["p_from_mw"]
        rate = net.hvdc["p_max_mw"].reindex(flow.hvdc.index)
        loading = 100.0 * power.abs() / rate.where(rate > 0)
        branch = pd.concat([branch, pd.DataFrame({"loading_percent": loading, "p_mw": power})])
    return MapState(snapshot if snapshot is not None else flow.snapshot, variant, branch, flow.bus[["vm_pu"]])


def build_outages(
    violations: pd.DataFrame,
    names: Names,
    elements: Mapping[str, tuple[str, ...]] | None = None,
    variant: str = "",
) -> pd.DataFrame:
    """Turn the violations of a security analysis into what the map says on hover.

    Parameters
    ----------
    violations : DataFrame
        Columns of ``Security.violations``.
    names : Names
        Labels.
    elements : mapping, optional
        Contingency -> ids it takes out. Left out: the contingency is taken for the id of an element.
    variant : str
        State of the map they belong to.

    Returns
    -------
    DataFrame
        Worst first, columns `OUTAGE_COLUMNS`. Thermal violations are in per cent of the limit, others in
        their own unit.
    """
    rows = []
    for _, row in sort_by_severity(violations).iterrows():
        contingency = str(row["contingency"])
        outaged = tuple((elements or {}).get(contingency, (contingency,) if contingency else ()))
        thermal = row["kind"] == "thermal"
        rows.append(
            (
                contingency,
                names.find_outage(contingency, outaged),
                str(row["element"]),
                names.find(row["element"]),
                str(row["kind"]),
                float(row["loading_percent"] if thermal else row["value"]),
                "%" if thermal else str(row["unit"]),
                outaged,
                str(row["snapshot"] or ""),
                variant,
            )
        )
    return pd.DataFrame(rows, columns=list(OUTAGE_COLUMNS))


def sort_by_severity(violations: pd.DataFrame) -> pd.DataFrame:
    """Sort violations worst first: by how far beyond the limit they are, relative to the limit.

    Parameters
    ----------
    violations : DataFrame
        With value and limit.

    Returns
    -------
    DataFrame
        All rows. A violation without a number (an outage that does not converge) comes first: nothing is
        worse than not knowing.
    """
    value = pd.to_numeric(violations["value"], errors="coerce").to_numpy(dtype=float)
    limit = pd.to_numeric(violations["limit"], errors="coerce").to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.abs(value - limit) / np.abs(limit)
    order = np.argsort(-np.where(np.isnan(beyond), np.inf, beyond), kind="stable")
    return violations.iloc[order]
