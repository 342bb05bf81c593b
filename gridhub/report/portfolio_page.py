"""A joint optimum of sites, plants, storage and lines, and room shared by hubs, as pages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.joint import JointHosting
from gridhub.analysis.portfolio.portfolio import Portfolio
from gridhub.model.network import Network
from gridhub.report.charts import build_violation_table
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.page import (
    NOT_ASSESSED,
    Assumption,
    Block,
    CurveChart,
    KeyNumber,
    NotAssessed,
    Page,
    RangeChart,
    RangeRow,
    Section,
    TableBlock,
    Tone,
    Verdict,
)


def build_portfolio_page(found: Portfolio, net: Network | None = None) -> Page:
    """Fill a page from a joint optimum.

    Parameters
    ----------
    found : Portfolio
    net : Network, optional
        Gives names; the portfolio's own network otherwise.

    Returns
    -------
    Page
    """
    names = build_names(net if net is not None else found.network_after)
    unit = str(found.summary["money_unit"])
    secure = found.caused.empty and not any(text.startswith("AC security") for text in found.not_assessed)
    sites = found.sites.rename_axis(index="site").reset_index()
    sites["where"] = [names.find(bus, "bus") for bus in sites["bus"]]
    shown = [name for name in found.sites.columns if name not in ("bus", "cost")]
    works = [{"work": names.read(one.name), "cost": one.cost.base} for one in found.works]
    parts = found.cost.drop("total")
    blocks: list[Block] = [
        RangeChart("Cost of a year", unit, [RangeRow(str(k), {"cost": float(v)}) for k, v in parts.items()]),
        TableBlock(
            sites,
            "Sites",
            "sites",
            units={"cost": f"{unit}/year"},
            show=["site", "where", *shown, "cost"],
        ),
        _build_works(works, unit),
    ]
    word = "Secure" if secure else "To be mended"
    tone: Tone = "good" if secure else "warning"
    return Page(
        title=f"Joint optimum: {found.summary['total_mw']:,.0f} MW in {found.network}",
        verdict=Verdict(word, found.verdict, tone),
        key_numbers=(
            KeyNumber("Cost of a year", float(found.cost["total"]), unit),
            KeyNumber("Carbon-free", float(found.summary["share_percent"]), "%", "of the hours given"),
            KeyNumber("Lines", float(len(found.works))),
            KeyNumber("States and outages", float(found.summary["scenarios"]), note="in the programme"),
        ),
        sections=(
            Section("What is built", (), tuple(blocks)),
            Section("A year's hours", (), (_build_hours(found),)),
            Section(
                "By AC",
                (),
                (build_violation_table(found.caused, names, caption="What the hubs cause", file="caused"),)
                if len(found.caused)
                else (),
            ),
        ),
        assumptions=tuple(Assumption(text, "") for text in found.assumptions),
        not_assessed=(*(NotAssessed(text, "not in the model") for text in found.not_assessed), *NOT_ASSESSED),
        licences=list_licences(net if net is not None else found.network_after),
        provenance={"Criteria": found.criteria or "ratings alone"},
    )


def _build_works(works: list[dict[str, object]], unit: str) -> TableBlock:
    table = pd.DataFrame(works, columns=["work", "cost"])
    return TableBlock(table, "Lines", "works", units={"cost": unit}, empty="No line is needed.")


def _build_hours(found: Portfolio) -> CurveChart:
    hours = np.arange(len(found.hourly), dtype=float)
    curves = {
        f"{site}: {part}": (hours.tolist(), found.hourly[site, part].round(3).tolist())
        for site in found.sites.index[found.sites["mw"] > 0]
        for part in ("discharge", "grid")
    }
    return CurveChart("Energy from the grid and out of storage", "Hour of those given", "MW", curves)


def build_joint_page(found: JointHosting, net: Network | None = None) -> Page:
    """Fill a page from the room that hubs share.

    Parameters
    ----------
    found : JointHosting
    net : Network, optional
        Gives names.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    table = found.table.rename_axis(index="bus").reset_index()
    table["where"] = [names.find(bus, "bus") for bus in table["bus"]]
    frontier = found.frontier
    share = (100.0 * frontier["least_mw_per_mw"]).round(2).tolist()
    curves = {
        names.find(bus, "place"): (share, frontier[bus].round(2).tolist()) for bus in found.table.index
    } | {"total": (share, frontier["total_mw"].round(2).tolist())}
    alone = float(found.table["alone_mw"].sum())
    text = (
        f"At once the buses take {found.total_mw:,.0f} MW, by themselves {alone:,.0f} MW in sum: what one "
        "takes is gone for the others."
    )
    return Page(
        title="Room that hubs share",
        verdict=Verdict(f"{found.total_mw:,.0f} MW", text),
        sections=(
            Section(
                "Frontier of the total",
                (),
                (
                    CurveChart(
                        "Total, if each bus is promised a part of its own room",
                        "Promised to each, % of its own room",
                        "MW",
                        curves,
                    ),
                    TableBlock(
                        table,
                        "Alone, and of the largest total",
                        "shared_room",
                        labels={"alone_mw": "Alone", "mw": "Of the total"},
                        show=["where", "alone_mw", "mw"],
                    ),
                    TableBlock(frontier.reset_index(), "Frontier", "frontier"),
                ),
            ),
        ),
        not_assessed=(
            *(NotAssessed(one, "not in the joint room") for one in found.not_assessed.split("; ")),
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
    )
