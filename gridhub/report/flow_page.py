"""A power flow as a page."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.model.network import Network
from gridhub.report.charts import build_duration_chart, build_loading_chart, build_voltage_chart
from gridhub.report.layers import build_layers, build_state
from gridhub.report.names import Names, build_names
from gridhub.report.page import NOT_ASSESSED, Block, KeyNumber, Page, Section, TableBlock, Verdict
from gridhub.report.rules import find_ranges


def build_flow_page(flow: PowerFlow, net: Network | None = None) -> Page:
    """Fill a page from a power flow.

    Parameters
    ----------
    flow : PowerFlow
        The result.
    net : Network, optional
        The network that was solved; without it there are no names and no map.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    title = (net.title or net.name) if net is not None else flow.network
    state = flow.snapshot.replace("_", " ")
    return Page(
        title=f"Power flow: {title}",
        subtitle=" · ".join(
            part for part in (state, f"{flow.method.upper()} power flow", _vintage(net)) if part
        ),
        verdict=_judge(flow, names),
        key_numbers=_list_numbers(flow, names),
        sections=_list_sections(flow, net, names),
        not_assessed=NOT_ASSESSED,
        licences=list_licences(net),
        provenance=describe_flow_options(flow),
    )


def _vintage(net: Network | None) -> str:
    return f"vintage {net.vintage}" if net is not None and net.vintage else ""


def list_licences(net: Network | None) -> tuple[str, ...]:
    """Give the licence and attribution of a network, for the page."""
    if net is None:
        return ()
    licence = f"Grid data: {net.licence}" if net.licence else ""
    return tuple(dict.fromkeys(part for part in (licence, net.attribution) if part))


def describe_flow_options(flow: PowerFlow) -> dict[str, str]:
    """Give what a solution was made with, for the page."""
    return {
        "Network": flow.network,
        "Snapshot": flow.snapshot or "the tables themselves",
        "Status": str(flow.status),
        "Iterations": str(flow.summary.get("iterations", "")),
        "Largest mismatch": f"{flow.worst_mismatch.mw:.2g} MW, {flow.worst_mismatch.mvar:.2g} Mvar",
        "Options": str(flow.options),
    }


def _judge(flow: PowerFlow, names: Names) -> Verdict:
    overloaded = int(flow.summary["overloaded_branches"])
    unserved = float(flow.summary["unserved_mw"])
    unrated = int(flow.summary["unrated_branches"])
    rest = f" {unrated} branches have no rating and are not judged." if unrated else ""
    if past := int(flow.summary["units_past_q_limits"]):
        most = float(flow.summary["largest_past_q_mvar"])
        rest += f" {past} units produce beyond their reactive range, by up to {most:,.0f} Mvar."
    if unserved > 0.05:
        text = f"{unserved:,.0f} MW of load has no supply; the rest of the grid is solved.{rest}"
        return Verdict("Load is not served", text, "bad")
    if overloaded:
        worst = names.find(flow.summary["worst_branch"])
        percent = float(flow.summary["worst_loading_percent"])
        text = f"{overloaded} branches are above their rating, the worst is {worst} at {percent:.1f} %.{rest}"
        return Verdict("Overloaded", text, "bad")
    text = f"No rated branch is above its rating with everything in service; no outage was looked at.{rest}"
    return Verdict("Within ratings", text, "good")


def _list_numbers(flow: PowerFlow, names: Names) -> tuple[KeyNumber, ...]:
    summary = flow.summary
    load = float(summary["load_mw"])
    losses = float(summary["losses_mw"])
    share = f"{100 * losses / load:.2f} % of the load" if load else ""
    worst = float(summary["worst_loading_percent"])
    voltages = flow.bus["vm_pu"].dropna()
    numbers = [
        KeyNumber("Load served", load, "MW"),
        KeyNumber("Generation", float(summary["generation_mw"]), "MW"),
        KeyNumber("Losses", losses, "MW", share),
        KeyNumber(
            "Highest loading",
            worst,
            "%",
            names.find(summary["worst_branch"]),
            "bad" if worst > 100 else "plain",
        ),
    ]
    if len(voltages):
        numbers.append(
            KeyNumber("Lowest voltage", float(voltages.min()), "p.u.", names.find(voltages.idxmin(), "bus"))
        )
    return tuple(numbers)


def _list_sections(flow: PowerFlow, net: Network | None, names: Names) -> tuple[Section, ...]:
    flows = {"loading": flow}
    sections = [
        Section(
            "Branches",
            (),
            (build_loading_chart(names, flows), build_duration_chart(flows), _branch_table(flow, names)),
        )
    ]
    buses: list[Block] = [_bus_table(flow, names)]
    if net is not None:
        if flow.method == "ac":
            buses.insert(0, build_voltage_chart(net, names, {"voltage": flow}, find_ranges(net)))
        if np.isfinite(net.bus[["lat", "lon"]].to_numpy(dtype=float)).all(axis=1).any():
            layers = build_layers(net, [build_state(net, flow)], names=names)
            text = ("Lines are coloured by their loading. Point at a line or a site to read its numbers.",)
            sections.insert(0, Section("Map", text, (layers,)))
    sections.append(Section("Buses", (), tuple(buses)))
    return tuple(sections)


def _name_rows(frame: pd.DataFrame, names: Names, table: str) -> pd.DataFrame:
    named = frame.rename_axis(index="id")
    named.insert(
        0, "name", pd.Series([names.find(key, table) for key in frame.index], index=frame.index, dtype=object)
    )
    return named


def _branch_table(flow: PowerFlow, names: Names) -> TableBlock:
    table = _name_rows(flow.branch, names, "branch")
    table = table.sort_values("loading_percent", ascending=False, kind="stable")
    shown = ["name", "loading_percent", "p_from_mw", "q_from_mvar", "p_to_mw", "q_to_mvar"]
    labels = {"p_from_mw": "P from", "q_from_mvar": "Q from", "p_to_mw": "P to", "q_to_mvar": "Q to"}
    return TableBlock(
        table,
        "All branches, most loaded first",
        "branch",
        labels,
        show=shown,
        bar="loading_percent",
        limit=25,
    )


def _bus_table(flow: PowerFlow, names: Names) -> TableBlock:
    table = _name_rows(flow.bus, names, "bus").sort_values("vm_pu", kind="stable")
    labels = {"vm_pu": "Voltage", "va_degree": "Angle"}
    shown = ["name", "vm_pu", "va_degree", "p_mw", "q_mvar"]
    return TableBlock(table, "All buses, lowest voltage first", "bus", labels, show=shown, limit=25)
