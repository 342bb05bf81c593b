"""Voltage stability as pages: a PV curve, the margin after outages, and the reactive margin of buses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.voltage.pv_curve import PvCurve, ReactiveMargin
from gridhub.analysis.voltage.voltage_margin import VoltageMargin
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    CurveChart,
    KeyNumber,
    NotAssessed,
    Page,
    Section,
    TableBlock,
    Verdict,
)

ENDS = {
    "saddle node": "the voltages collapse smoothly",
    "reactive limit": "a unit reaches its reactive limit and the voltages collapse at once",
    "generation": "no unit that takes part can give more",
    "": "the curve was lost before a nose: at least this much",
    "no start": "there is no solution without any growth",
}
"""What ends a curve, by the word the results use."""

_STILL = NotAssessed(
    "Taps, shunts and motors", "stay as they are; loads draw constant power along the growth"
)
SHOWN_BUSES = 4


def _name_rows(frame: pd.DataFrame, names: Names, column: str, table: str = "bus") -> pd.DataFrame:
    """Add the names people know for a column of ids."""
    labels = [names.find(key, table) if str(key) else "" for key in frame[column]]
    return frame.assign(**{f"{column}_name": pd.Series(labels, index=frame.index, dtype=object)})


def _begin(net: Network | None, name: str) -> tuple[Names, str]:
    return (build_names(net), net.title or net.name) if net is not None else (Names(), name)


def build_pv_page(curve: PvCurve, net: Network | None = None) -> Page:
    """Fill a page from a PV curve.

    Parameters
    ----------
    curve : PvCurve
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names, title = _begin(net, curve.network)
    weakest = names.find(curve.weakest_bus, "bus") if curve.weakest_bus else "–"
    lowest = float(curve.points["lowest_vm_pu"].iloc[0])
    return Page(
        title=f"PV curve: {title}",
        subtitle=" · ".join(part for part in (curve.growth, curve.snapshot.replace("_", " ")) if part),
        verdict=Verdict(
            f"{curve.margin_mw:,.0f} MW to the nose",
            f"Consumption can grow by {curve.margin_mw:,.0f} MW with everything in service; there "
            f"{ENDS[curve.limit]}.",
        ),
        key_numbers=(
            KeyNumber("Growth at the nose", curve.margin_mw, "MW"),
            KeyNumber("Weakest bus", weakest),
            KeyNumber("Lowest voltage before the growth", lowest, "p.u."),
            KeyNumber("Units that meet a limit", float(curve.limits["bus"].nunique())),
        ),
        sections=(_build_pv_section(curve, names),),
        not_assessed=(
            NotAssessed("Outages", "the curve is that of the intact network"),
            _STILL,
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={"Network": curve.network, "Snapshot": curve.snapshot, "Options": str(curve.options)},
    )


def _build_pv_section(curve: PvCurve, names: Names) -> Section:
    added = curve.points["added_mw"].to_numpy(dtype=float)
    nose = int(np.argmax(added)) if len(added) else 0
    at_nose = curve.vm_pu.iloc[nose].dropna().sort_values(kind="stable")
    chosen = [bus for bus in (*at_nose.index[:SHOWN_BUSES], curve.weakest_bus) if bus in curve.vm_pu]
    # the weakest bus comes last, drawn strongest
    buses = list(dict.fromkeys(bus for bus in chosen if bus != curve.weakest_bus))[: SHOWN_BUSES - 1]
    buses += [curve.weakest_bus] if curve.weakest_bus in curve.vm_pu else []
    curves = {
        names.find(bus, "bus"): (
            np.round(added, 1).tolist(),
            np.round(curve.vm_pu[bus].to_numpy(dtype=float), 4).tolist(),
        )
        for bus in buses
    }
    chart = CurveChart(
        "Voltage along the growth, to the nose and beyond",
        "Growth of consumption, MW",
        "Voltage, p.u.",
        curves,
        note="The upper branch is where the grid runs; behind the nose no operation is possible.",
        start_at_zero=False,
    )
    points = _name_rows(curve.points.reset_index(), names, "lowest_bus")
    limits = _name_rows(curve.limits, names, "bus")
    return Section(
        "Growth",
        (),
        (
            chart,
            TableBlock(
                points,
                "Points of the curve",
                "pv_points",
                show=[
                    "added_mw",
                    "added_mvar",
                    "lowest_vm_pu",
                    "lowest_bus_name",
                    "units_at_limit",
                    "stable",
                ],
                labels={"lowest_bus_name": "Lowest at"},
                limit=20,
            ),
            TableBlock(
                limits,
                "Units that meet or leave a reactive limit on the way",
                "pv_limits",
                show=["added_mw", "bus_name", "limit", "reached"],
                labels={"bus_name": "Bus"},
                limit=20,
                empty="No unit meets a reactive limit.",
            ),
        ),
    )


def build_margin_page(margin: VoltageMargin, net: Network | None = None) -> Page:
    """Fill a page from a voltage margin with and without outages.

    Parameters
    ----------
    margin : VoltageMargin
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names, title = _begin(net, margin.network)
    binding = names.find_outage(margin.binding_contingency, (margin.binding_contingency,))
    after = f"after the loss of {binding}" if margin.binding_contingency else "with everything in service"
    counts = margin.status.value_counts()
    unproven = (
        (
            NotAssessed(
                f"{len(margin.unproven)} outages",
                f"were not traced and have no known solution at {margin.solved_at_mw:,.0f} MW",
            ),
        )
        if margin.unproven
        else ()
    )
    table = _name_rows(margin.table.reset_index(), names, "weakest_bus")
    table["outage"] = [
        names.find_outage(key, (str(key),) if str(key) else ()) for key in table["contingency"]
    ]
    return Page(
        title=f"Voltage margin: {title}",
        subtitle=" · ".join(part for part in (margin.growth, margin.snapshot.replace("_", " ")) if part),
        verdict=Verdict(
            f"{margin.firm_mw:,.0f} MW firm",
            f"Consumption can grow by {margin.margin_mw:,.0f} MW in the intact network and by "
            f"{margin.firm_mw:,.0f} MW {after}.",
            "warning" if margin.unproven else "plain",
        ),
        key_numbers=(
            KeyNumber("Firm margin", margin.firm_mw, "MW", binding if margin.binding_contingency else ""),
            KeyNumber("Intact margin", margin.margin_mw, "MW"),
            KeyNumber(
                "Outages",
                float(len(margin.status)),
                note=", ".join(f"{n:,} {key}" for key, n in counts.items()),
            ),
        ),
        sections=(
            Section(
                "Outages",
                (
                    "Every outage is solved by AC with a growing load; those that collapse first are "
                    "followed to their nose.",
                ),
                (
                    TableBlock(
                        table,
                        "Traced to the nose, smallest margin first",
                        "voltage_margin",
                        show=["outage", "margin_mw", "limit", "weakest_bus_name", "lost_growth_percent"],
                        labels={"weakest_bus_name": "Weakest bus"},
                        limit=25,
                    ),
                ),
            ),
        ),
        not_assessed=(*unproven, _STILL, *NOT_ASSESSED),
        licences=list_licences(net),
        provenance={"Network": margin.network, "Snapshot": margin.snapshot, "Options": str(margin.options)},
    )


def build_reactive_page(margin: ReactiveMargin, net: Network | None = None) -> Page:
    """Fill a page from the reactive margins of buses.

    Parameters
    ----------
    margin : ReactiveMargin
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names, title = _begin(net, margin.network)
    table = margin.table.sort_values("margin_mvar", kind="stable")
    smallest = table.index[0]
    curves = {
        names.find(bus, "bus"): (
            np.round(margin.curves[str(bus)]["vm_pu"].to_numpy(), 4).tolist(),
            np.round(margin.curves[str(bus)]["condenser_mvar"].to_numpy(), 1).tolist(),
        )
        for bus in table.index[:SHOWN_BUSES][::-1]
    }
    named = _name_rows(_name_rows(table.reset_index(), names, "bus"), names, "weakest_bus")
    least = float(table["margin_mvar"].iloc[0])
    return Page(
        title=f"Reactive margin: {title}",
        subtitle=" · ".join(
            part for part in (f"{len(table):,} buses", margin.snapshot.replace("_", " ")) if part
        ),
        verdict=Verdict(
            f"{least:,.0f} Mvar at the weakest",
            f"The smallest margin of {len(table):,} buses is {least:,.0f} Mvar, at "
            f"{names.find(smallest, 'bus')}: there {ENDS[str(table['limit'].iloc[0])]}.",
        ),
        key_numbers=(KeyNumber("Smallest margin", least, "Mvar", names.find(smallest, "bus")),),
        sections=(
            Section(
                "QV curves",
                (),
                (
                    CurveChart(
                        "Output of a fictitious condenser against the voltage it holds",
                        "Voltage, p.u.",
                        "Mvar",
                        curves,
                        note="The lowest point is the nose: the margin with its sign turned.",
                        start_at_zero=False,
                    ),
                    TableBlock(
                        named,
                        "Buses, smallest margin first",
                        "reactive_margin",
                        show=["bus_name", "margin_mvar", "vm_pu", "nose_vm_pu", "limit", "weakest_bus_name"],
                        labels={"bus_name": "Bus", "weakest_bus_name": "Collapses at", "vm_pu": "Before"},
                    ),
                ),
            ),
        ),
        not_assessed=(
            NotAssessed("Outages", "the curves are those of the intact network"),
            _STILL,
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={"Network": margin.network, "Snapshot": margin.snapshot, "Options": str(margin.options)},
    )
