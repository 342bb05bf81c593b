"""Hosting capacity as a page: the map, where there is most room, and what binds."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.hosting.hosting import HostingCapacity
from gridhub.analysis.hosting.table import list_common_gaps
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.names import Names, build_names
from gridhub.report.outline import find_outline
from gridhub.report.page import (
    NOT_ASSESSED,
    KeyNumber,
    NotAssessed,
    Page,
    PlaceMap,
    RangeChart,
    RangeRow,
    Section,
    TableBlock,
    Verdict,
)
from gridhub.report.place_map import list_lines
from gridhub.report.rules import list_criteria
from gridhub.report.text import format_number

SHOWN = 20
"""Buses in the chart."""

UNSURE = "not assessable with public data"
"""How a text of ``not_assessed`` begins that concerns missing or assumed routes."""


def build_hosting_page(hosting: HostingCapacity, net: Network | None = None) -> Page:
    """Fill a page from hosting capacity.

    Parameters
    ----------
    hosting : HostingCapacity
        The result.
    net : Network, optional
        Gives names and the map.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    title = (net.title or net.name) if net is not None else hosting.network
    states = f"{len(hosting.snapshots)} states"
    return Page(
        title=f"Hosting capacity: {title}",
        subtitle=f"{hosting.kind} added at one bus at a time · {states} · {hosting.method.upper()}",
        verdict=_judge(hosting),
        key_numbers=_list_numbers(hosting, names),
        sections=_list_sections(hosting, net, names),
        assumptions=list_criteria(net),
        not_assessed=(
            *(
                NotAssessed(gap, "for any bus here")
                for gap in list_common_gaps(hosting.table["not_assessed"])
            ),
            *NOT_ASSESSED,
        ),
        licences=list_licences(net),
        provenance={
            "Network": hosting.network,
            "States": ", ".join(hosting.snapshots),
            "Criteria": hosting.criteria or "ratings alone",
            "Options": str(hosting.options),
        },
    )


def _judge(hosting: HostingCapacity) -> Verdict:
    firm = hosting.table["firm_mw"].dropna()
    gaps = "; ".join(list_common_gaps(hosting.table["not_assessed"]))
    if firm.empty:
        return Verdict("Nothing known", "No bus is in an island with a reference.", "bad")
    text = (
        f"Within the limits looked at, half of {len(firm):,} buses take "
        f"{format_number(firm.median(), 'MW')} MW of {hosting.kind} or more "
        f"in every state and after the loss of any one branch; the most is "
        f"{format_number(firm.max(), 'MW')} MW. Not assessed: {gaps}."
    )
    return Verdict("Room, bus by bus", text, "plain")


def _list_numbers(hosting: HostingCapacity, names: Names) -> tuple[KeyNumber, ...]:
    firm = hosting.table["firm_mw"].dropna()
    if firm.empty:
        return ()
    return (
        KeyNumber("Buses", float(len(hosting.table)), ""),
        KeyNumber("Median", float(firm.median()), "MW", "firm, one bus at a time"),
        KeyNumber("Most", float(firm.max()), "MW", names.find(firm.idxmax(), "bus")),
        *(
            KeyNumber(f"Buses with {mw:,} MW and more", float((firm >= mw).sum()), "")
            for mw in (50, 100, 500, 1000)
        ),
    )


def _list_sections(hosting: HostingCapacity, net: Network | None, names: Names) -> tuple[Section, ...]:
    sections = []
    if net is not None and net.bus[["lat", "lon"]].notna().all(axis=1).any():
        sections.append(build_map_section(hosting, net, names))
    sections.append(
        Section("Where there is most room", (), (_build_chart(hosting, names), _build_table(hosting, names)))
    )
    sections.append(Section("What binds", tuple(hosting.rules), (_build_binding_table(hosting, names),)))
    unsure = _build_unsure_table(hosting, names)
    if len(unsure.frame):
        text = (
            "These figures rest on routes that are missing in public data or assumed; published ones follow."
        )
        sections.append(Section("Not assessable with public data", (text,), (unsure,)))
    return tuple(sections)


def build_map_section(
    hosting: HostingCapacity, net: Network, names: Names, marks: pd.DataFrame | None = None
) -> Section:
    """Draw what each bus takes.

    Parameters
    ----------
    hosting, net, names
    marks : DataFrame, optional
        Places with a star, see `PlaceMap`.

    Returns
    -------
    Section
    """
    table = hosting.table
    bus = net.bus.reindex(table.index)
    facts = [
        f"{format_number(row['firm_mw'], 'MW')} MW firm, "
        f"{format_number(row['firm_tower_mw'], 'MW')} MW with towers\n"
        f"Binds: {names.find(row['binding_element']) if row['binding_element'] else 'nothing'}"
        + (
            f"\nafter the loss of {names.find(row['binding_contingency'])}"
            if row["binding_contingency"]
            else ""
        )
        + (f"\n{UNSURE}" if UNSURE in str(row["not_assessed"]) else "")
        for _, row in table.iterrows()
    ]
    places = pd.DataFrame(
        {
            "label": [names.find(key, "bus") for key in table.index],
            "lat": bus["lat"].to_numpy(),
            "lon": bus["lon"].to_numpy(),
            "vn_kv": bus["vn_kv"].to_numpy(),
            "value": table["firm_mw"].to_numpy(dtype=float),
            "facts": facts,
        }
    )
    block = PlaceMap(
        f"Firm {hosting.kind}, one bus at a time",
        "MW",
        places,
        marks if marks is not None else pd.DataFrame(),
        list_lines(net),
        find_outline(places),
        net.attribution,
    )
    text = "Each dot is a bus, larger with its voltage; each colour holds a fifth of the buses."
    return Section("Map of hosting capacity", (text,), (block,))


def _build_chart(hosting: HostingCapacity, names: Names) -> RangeChart:
    table = hosting.table.sort_values("firm_mw", ascending=False, kind="stable").head(SHOWN)
    voltage = table["voltage_mw"].notna().any()
    rows = [
        RangeRow(
            names.find(key, "bus"),
            {
                "with towers": float(row["firm_tower_mw"]),
                **({"voltage, by AC": float(row["voltage_mw"])} if voltage else {}),
                "firm": float(row["firm_mw"]),
            },
            note=names.find(row["binding_element"]) if row["binding_element"] else "nothing binds",
        )
        for key, row in table.iterrows()
    ]
    return RangeChart(f"The {len(rows)} buses with most room", "MW", rows, start_at_zero=True)


def _build_table(hosting: HostingCapacity, names: Names) -> TableBlock:
    table = hosting.table.sort_values("firm_mw", ascending=False, kind="stable").rename_axis(index="bus")
    table.insert(0, "name", [names.find(key, "bus") for key in table.index])
    table["binds"] = [names.find(key) if key else "" for key in table["binding_element"]]
    table["after_loss_of"] = [names.find(key) if key else "" for key in table["binding_contingency"]]
    limits = ["thermal_mw", "interface_mw", "generation_mw", "reserve_mw", "largest_loss_mw", "voltage_mw"]
    limits += ["nose_mw"] if "nose_mw" in table else []
    known = [name for name in limits if table[name].notna().any()]
    own = ["own_mw"] if table["own_mw"].notna().any() else []
    return TableBlock(
        table,
        "All buses, most room first",
        "hosting",
        labels={
            "binding_snapshot": "In state",
            "firm_tower_mw": "With towers",
            "own_mw": "With own supply",
            "nose_mw": "Margin to the nose",
        },
        show=[
            "name",
            "firm_mw",
            "firm_tower_mw",
            *own,
            *known,
            "binds",
            "after_loss_of",
            "binding_snapshot",
            "next_mw",
        ],
        limit=25,
        note="Each limit alone has a column; firm is the smallest. Next: without the branch that binds.",
    )


def _build_binding_table(hosting: HostingCapacity, names: Names) -> TableBlock:
    table = hosting.table[hosting.table["binding_element"] != ""]
    groups = table.groupby(["binding_kind", "binding_element"], sort=False)
    frame = pd.DataFrame(
        [
            {
                "kind": str(kind).replace("_", " "),
                "element": names.find(element),
                "buses": len(part),
                "median_mw": float(part["firm_mw"].median()),
                "after_loss_of": names.find(loss)
                if (loss := part["binding_contingency"].mode().iloc[0])
                else "",
                "in_state": part["binding_snapshot"].mode().iloc[0].replace("_", " "),
            }
            for (kind, element), part in groups
        ],
        columns=["kind", "element", "buses", "median_mw", "after_loss_of", "in_state"],
    )
    return TableBlock(
        frame.sort_values("buses", ascending=False, kind="stable", ignore_index=True),
        "What sets the figure of how many buses",
        "hosting_binding",
        limit=15,
    )


def _build_unsure_table(hosting: HostingCapacity, names: Names) -> TableBlock:
    text = hosting.table["not_assessed"].astype(str)
    mine = text[text.str.contains(UNSURE)]
    frame = pd.DataFrame(
        {
            "name": [names.find(key, "bus") for key in mine.index],
            "firm_mw": hosting.table.loc[mine.index, "firm_mw"].to_numpy(),
            "why": [
                next(part for part in value.split("; ") if UNSURE in part).removeprefix(f"{UNSURE}: ")
                for value in mine
            ],
        }
    )
    return TableBlock(frame, "Buses concerned", "hosting_unsure", limit=15)
