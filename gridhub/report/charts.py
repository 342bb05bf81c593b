"""Charts and tables that several reports share: loading, voltages, interfaces, violations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.model.network import Network
from gridhub.report.layers import sort_by_severity
from gridhub.report.names import Names
from gridhub.report.page import CurveChart, RangeChart, RangeRow, TableBlock
from gridhub.report.text import format_number


def build_loading_chart(
    names: Names, flows: Mapping[str, PowerFlow], title: str = "Most loaded branches", count: int = 10
) -> RangeChart:
    """Show the branches that are loaded most in any of some states.

    Parameters
    ----------
    names : Names
        Labels.
    flows : mapping
        State (``"before"``, ``"after"``) -> power flow.
    title : str
        Heading.
    count : int
        Rows.

    Returns
    -------
    RangeChart
    """
    loading = pd.DataFrame({name: flow.branch["loading_percent"] for name, flow in flows.items()})
    worst = loading.max(axis=1).dropna().sort_values(ascending=False, kind="stable").index[:count]
    rows = [
        RangeRow(names.find(key), {name: float(loading[name].get(key, np.nan)) for name in loading.columns})
        for key in worst
    ]
    unrated = int(loading.isna().all(axis=1).sum())
    note = f"{unrated} branches have no rating and no loading." if unrated else ""
    return RangeChart(title, "%", rows, limit=100.0, start_at_zero=True, note=note)


def build_duration_chart(flows: Mapping[str, PowerFlow]) -> CurveChart:
    """Show the loading of all rated branches, sorted from the largest down."""
    curves = {}
    for name, flow in flows.items():
        values = np.sort(flow.branch["loading_percent"].dropna().to_numpy(dtype=float))[::-1]
        curves[name] = (np.arange(1, len(values) + 1), np.round(values, 2))
    return CurveChart(
        "Loading of all rated branches, sorted",
        "Branches, most loaded first",
        "Loading, % of rating",
        {name: (x.tolist(), y.tolist()) for name, (x, y) in curves.items()},
        limit=100.0,
    )


def build_voltage_chart(
    net: Network,
    names: Names,
    flows: Mapping[str, PowerFlow],
    ranges: Mapping[float, tuple[float, float]] | None = None,
) -> RangeChart:
    """Show the lowest and highest voltage of each class against its range.

    Parameters
    ----------
    net : Network
        Holds every bus of the flows.
    names : Names
        Labels.
    flows : mapping
        State -> AC power flow.
    ranges : mapping, optional
        Voltage class [kV] -> (lowest, highest) allowed [p.u.].

    Returns
    -------
    RangeChart
        Two rows for each class; the note names the bus of the last state.
    """
    rows = []
    voltage = pd.DataFrame({name: flow.bus["vm_pu"] for name, flow in flows.items()})
    classes = net.bus["vn_kv"].reindex(voltage.index)
    last = voltage.columns[-1]
    for kv in sorted(classes.dropna().unique(), reverse=True):
        part = voltage[(classes == kv).to_numpy()].dropna(how="all")
        if part.empty or part[last].isna().all():
            continue
        low, high = (ranges or {}).get(float(kv), (None, None))
        for word, bus, values in (
            ("lowest", part[last].idxmin(), part.min()),
            ("highest", part[last].idxmax(), part.max()),
        ):
            marks = {name: float(values[name]) for name in voltage.columns}
            label = f"{format_number(float(kv), 'kV')} kV, {word}"
            rows.append(RangeRow(label, marks, low, high, names.find(bus, "bus")))
    return RangeChart("Voltages by class", "p.u.", rows, band="allowed range" if ranges else "")


def build_interface_chart(names: Names, tables: Mapping[str, pd.DataFrame]) -> RangeChart:
    """Show interface flows against their limits.

    Parameters
    ----------
    names : Names
        Labels.
    tables : mapping
        State -> table with interface, flow_mw, limit_mw, limit_reverse_mw, and snapshot if there are several.

    Returns
    -------
    RangeChart
        One row for each interface and snapshot; a missing limit is said, not drawn.
    """
    rows: dict[tuple[str, str], dict[str, float]] = {}
    limits: dict[tuple[str, str], tuple[float, float]] = {}
    for state, table in tables.items():
        for _, row in table.iterrows():
            key = (str(row["interface"]), str(row.get("snapshot", "") or ""))
            rows.setdefault(key, {})[state] = float(row["flow_mw"])
            limits[key] = (float(row.get("limit_reverse_mw", np.nan)), float(row["limit_mw"]))
    entries = []
    for key, marks in rows.items():
        reverse, forward = limits[key]
        snapshot = key[1].replace("_", " ")
        note = " · ".join(
            part for part in (snapshot, "" if np.isfinite(forward) else "no public limit") if part
        )
        entries.append(
            RangeRow(
                names.find(key[0], "interface"),
                marks,
                -abs(reverse) if np.isfinite(reverse) else None,
                forward if np.isfinite(forward) else None,
                note,
            )
        )
    return RangeChart("Interface flows against their limits", "MW", entries, band="limit", start_at_zero=True)


def build_violation_table(
    violations: pd.DataFrame,
    names: Names,
    elements: Mapping[str, Sequence[str]] | None = None,
    caption: str = "Violations, worst first",
    file: str = "violations",
    empty: str = "No violation.",
) -> TableBlock:
    """List violations, worst first, with the names of what fails and of the outage.

    Parameters
    ----------
    violations : DataFrame
        Columns of ``Security.violations``.
    names : Names
        Labels.
    elements : mapping, optional
        Contingency -> ids it takes out.
    caption, file, empty : str
        As in `TableBlock`.

    Returns
    -------
    TableBlock
        The page shows names; the files hold the ids beside them.
    """
    table = sort_by_severity(violations).reset_index(drop=True)
    outages = [
        names.find_outage(key, (elements or {}).get(str(key), (str(key),) if str(key) else ()))
        for key in table["contingency"]
    ]
    table.insert(0, "after_loss_of", pd.Series(outages, dtype=object))
    whats = [names.find(key) if str(key) else "no AC solution found" for key in table["element"]]
    table.insert(0, "what", pd.Series(whats, dtype=object))
    table["kind"] = table["kind"].astype(str).str.replace("_", " ")
    table["snapshot"] = table["snapshot"].astype(str).str.replace("_", " ")
    shown = ["what", "after_loss_of", "kind", "value", "limit", "unit", "loading_percent"]
    if "loading_before_percent" not in table:
        shown.append("base_value")
    elif table["loading_before_percent"].notna().any():
        shown.append("loading_before_percent")
    if table["snapshot"].nunique() > 1:
        shown.append("snapshot")
    if "rating" in table and table.loc[table["rating"] != "", "rating"].nunique() > 1:
        shown += ["rating", "minutes"] if table["minutes"].notna().any() else ["rating"]
    return TableBlock(
        table,
        caption,
        file,
        labels={
            "rating": "Held against",
            "minutes": "For, min",
            "after_loss_of": "After loss of",
            "base_value": "Before the outage",
            "loading_before_percent": "Without the hub",
        },
        show=shown,
        bar="loading_percent",
        empty=empty,
    )
