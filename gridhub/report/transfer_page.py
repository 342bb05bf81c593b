"""Transfers as pages: the capability between two areas, and interfaces over hours or snapshots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.flow.interface_hours import InterfaceHours
from gridhub.analysis.transfer.transfer import TransferCapability
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    CurveChart,
    KeyNumber,
    NotAssessed,
    Page,
    RangeChart,
    RangeRow,
    Section,
    TableBlock,
    Verdict,
)

WORDS = {
    "thermal_n": "Ratings, everything in service",
    "thermal_n1": "Ratings, after one outage",
    "thermal_n2": "Ratings, after two outages",
    "generation": "Units of the source",
    "voltage": "Voltage, after one outage too (AC)",
}
"""Limits of a transfer in words."""

SHOWN_CURVES = 4


def build_transfer_page(transfer: TransferCapability, net: Network | None = None) -> Page:
    """Fill a page from a transfer capability.

    Parameters
    ----------
    transfer : TransferCapability
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    table = transfer.table
    firm = table["mw"].drop("thermal_n2", errors="ignore")
    binding = str(firm.idxmin())
    row = table.loc[binding]
    element = names.find(row["element"]) if row["element"] else ""
    outage = (
        names.find_outage(row["contingency"], str(row["contingency"]).split(" + "))
        if row["contingency"]
        else ""
    )
    open_end = transfer.firm_mw >= transfer.maximum_mw
    by = ", ".join(part for part in (element, f"after the loss of {outage}" if outage else "") if part)
    sentence = (
        f"Nothing binds below {transfer.maximum_mw:,.0f} MW, above which nothing was looked for."
        if open_end
        else f"{WORDS[binding]}: {by or 'nothing else is left'} binds at {transfer.firm_mw:,.0f} MW."
    )
    rows = [
        RangeRow(
            WORDS[str(kind)], {"capability": float(mw)}, note="or more" if mw >= transfer.maximum_mw else ""
        )
        for kind, mw in table["mw"].items()
    ]
    named = table.reset_index()
    named.insert(1, "limit", pd.Series([WORDS[str(kind)] for kind in named["kind"]], dtype=object))
    named["element_name"] = [names.find(key) if key else "" for key in named["element"]]
    named["after_loss_of"] = [
        names.find_outage(key, str(key).split(" + ")) if key else "" for key in named["contingency"]
    ]
    return Page(
        title=f"Transfer: {transfer.source} → {transfer.sink}",
        subtitle=" · ".join(
            part
            for part in (
                (net.title or net.name) if net is not None else transfer.network,
                transfer.snapshot.replace("_", " "),
            )
            if part
        ),
        verdict=Verdict(f"{'At least ' if open_end else ''}{transfer.firm_mw:,.0f} MW firm", sentence),
        key_numbers=tuple(KeyNumber(WORDS[str(kind)], float(mw), "MW") for kind, mw in table["mw"].items()),
        sections=(
            Section(
                "Limits",
                (),
                (
                    RangeChart("What each limit allows", "MW", rows, start_at_zero=True),
                    TableBlock(
                        named,
                        "Limits of the transfer",
                        "transfer",
                        show=[
                            "limit",
                            "mw",
                            "element_name",
                            "after_loss_of",
                            "factor_percent",
                            "existing",
                            "note",
                        ],
                        labels={
                            "element_name": "Binds",
                            "mw": "Capability",
                            "factor_percent": "Carries",
                            "existing": "Violated before",
                        },
                        units={"mw": "MW"},
                    ),
                ),
            ),
        ),
        not_assessed=(
            *(NotAssessed("Outage", text) for text in transfer.not_assessed[:20]),
            *((NotAssessed("Voltage", "was not asked for"),) if "voltage" not in table.index else ()),
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={
            "Network": transfer.network,
            "Snapshot": transfer.snapshot,
            "Criteria": transfer.criteria or "ratings alone",
            "Options": str(transfer.options),
        },
    )


def build_interface_page(tracked: InterfaceHours, net: Network | None = None) -> Page:
    """Fill a page from interfaces over hours or snapshots.

    Parameters
    ----------
    tracked : InterfaceHours
        The result.
    net : Network, optional
        The network, for names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    table = tracked.table
    limited = table[table[["limit_mw", "limit_reverse_mw"]].notna().any(axis=1)]
    over = limited[limited["over_hours"] > 0]
    hours = len(tracked.flow_mw)
    unsolved = f" {len(tracked.unsolved)} of {hours} hours have no solution." if tracked.unsolved else ""
    verdict = _judge_interfaces(limited, over, names, unsolved)
    narrow = int((limited["narrow_hours"] > 0).sum())
    missing = (
        (NotAssessed("Hours without a solution", ", ".join(map(str, tracked.unsolved[:10]))),)
        if tracked.unsolved
        else ()
    )
    return Page(
        title=f"Interfaces: {(net.title or net.name) if net is not None else tracked.network}",
        subtitle=f"{hours:,} hours · {tracked.method.upper()} power flow",
        verdict=verdict,
        key_numbers=(
            KeyNumber("Hours", float(hours)),
            KeyNumber("Interfaces", float(len(table)), note=f"{len(limited)} with a published limit"),
            KeyNumber("Over the limit in some hour", float(len(over)), tone="bad" if len(over) else "plain"),
            KeyNumber(f"With {tracked.narrow_percent:g} % or less in some hour", float(narrow)),
        ),
        sections=(Section("Interfaces", (), _build_interface_blocks(tracked, names)),),
        not_assessed=(
            *missing,
            NotAssessed(
                "Interfaces without a published limit", "their flow is given, their margin is not known"
            ),
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={"Network": tracked.network, "Method": tracked.method.upper()},
    )


def _judge_interfaces(limited: pd.DataFrame, over: pd.DataFrame, names: Names, unsolved: str) -> Verdict:
    if limited.empty:
        return Verdict(
            "No limit is published", f"Flows are given, margins are not known.{unsolved}", "unknown"
        )
    if over.empty:
        text = f"None of {len(limited)} interfaces with a published limit is over it.{unsolved}"
        return Verdict("Within limits", text, "warning" if unsolved else "good")
    worst = over["lowest_margin_percent"].idxmin()
    percent = -float(over["lowest_margin_percent"].min())
    text = (
        f"{len(over)} of {len(limited)} interfaces with a published limit are over it in some hour; the "
        f"worst is {names.find(worst, 'interface')}, by {percent:.1f} %.{unsolved}"
    )
    return Verdict("Over the limit", text, "bad")


def _build_interface_blocks(
    tracked: InterfaceHours, names: Names
) -> tuple[RangeChart | CurveChart | TableBlock, ...]:
    table = tracked.table.sort_values("lowest_margin_percent", kind="stable")
    rows = [
        RangeRow(
            names.find(name, "interface"),
            {"lowest": float(row["lowest_mw"]), "highest": float(row["highest_mw"])},
            -float(row["limit_reverse_mw"]) if np.isfinite(row["limit_reverse_mw"]) else None,
            float(row["limit_mw"]) if np.isfinite(row["limit_mw"]) else None,
            "" if np.isfinite(row["limit_mw"]) else "no public limit",
        )
        for name, row in table.iterrows()
    ]
    blocks: list[RangeChart | CurveChart | TableBlock] = [
        RangeChart("Flows against limits", "MW", rows, band="limit", start_at_zero=True)
    ]
    known = [name for name in table.index if tracked.margin_mw[name].notna().any()][:SHOWN_CURVES]
    if known and len(tracked.flow_mw) > 2:
        curves = {}
        for name in known[::-1]:
            values = np.sort(tracked.margin_mw[name].dropna().to_numpy(dtype=float))
            curves[names.find(name, "interface")] = (
                np.arange(1, len(values) + 1).tolist(),
                np.round(values, 1).tolist(),
            )
        blocks.append(
            CurveChart(
                "Margin, hours sorted",
                "Hours, smallest margin first",
                "Margin, MW",
                curves,
                limit=0.0,
                start_at_zero=False,
            )  # fmt: skip
        )
    named = table.reset_index()
    named["name"] = [names.find(key, "interface") for key in named["interface"]]
    blocks.append(
        TableBlock(
            named,
            "Interfaces, smallest margin first",
            "interfaces",
            show=[
                "name",
                "highest_mw",
                "lowest_mw",
                "limit_mw",
                "lowest_margin_mw",
                "lowest_margin_percent",
                "worst_hour",
                "narrow_hours",
                "over_hours",
                "confidence",
            ],
        )  # fmt: skip
    )
    hourly = tracked.flow_mw.reset_index()
    blocks.append(TableBlock(hourly, "Flow of every interface, hour by hour", "interface_flows", limit=10))
    return tuple(blocks)
