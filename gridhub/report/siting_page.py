"""A ranking of sites as a page: the order, how sure it is, and every criterion with its method."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.hosting.table import list_common_gaps
from gridhub.analysis.siting.impact import LOSS_GAPS
from gridhub.analysis.siting.siting import TOP, SiteRanking
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.impact import IMPACT_TEXT, build_impact_blocks
from gridhub.report.names import Names, build_names, join_names
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
from gridhub.report.text import format_number

IMPACT_LABELS = {
    "banks": "Supplying banks",
    "bank_name": "Most loaded of them",
    "n_before_percent": "N before",
    "n_after_percent": "N after",
    "n1_before_percent": "N-1 before",
    "n1_after_percent": "N-1 after",
    "raised": "Branches raised",
    "raised_mw": "They carry more",
    "overloads_before": "Overloads before",
    "overloads_after": "Overloads after",
    "connected_at": "Point of connection",
    "vm_before_pu": "Voltage before",
    "vm_after_pu": "Voltage after",
    "voltage_state": "Voltage",
    "outside_before": "Buses outside their range before",
    "outside_after": "Buses outside their range after",
}

LOSS_LABELS = {
    "connected_at": "Point of connection",
    "rise_percent": "Voltage rise",
    "lost_mw": "Lost",
    "limit_mw": "Allowed at once",
    "state": "By its size",
    "vm_before_pu": "Voltage with the hub",
    "vm_after_pu": "Voltage after the loss",
    "high_buses": "Buses taken above their range",
    "worst": "Most loaded then",
    "worst_loading_percent": "Its loading",
    "overloads": "Overloads then",
    "caused": "Caused by the loss",
    "reversed": "Flows turned round",
}

RULES_TEXT = (
    "By the rules of the region as they stand in its data, with source and date: no legal advice, and no "
    "answer of the grid company."
)

LOSS_TEXT = (
    "Units fall back by participation within their limits; all else stays as it was. A hub with one point of "
    "connection leaves the grid as it was without it, so the most loaded branch is the same at every such "
    "site: sites differ in how far the voltage rises, what is overloaded anew, and which flows turn round."
)


def build_siting_page(ranking: SiteRanking, net: Network | None = None) -> Page:
    """Fill a page from a ranking of sites.

    Parameters
    ----------
    ranking : SiteRanking
        The result.
    net : Network, optional
        Gives names of buses, the coast and the lines.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    title = (net.title or net.name) if net is not None else ranking.network
    left = tuple(NotAssessed(name.replace("_", " "), why) for name, why in ranking.left_out.items())
    return Page(
        title=f"Sites for {ranking.hub}: {title}",
        subtitle=f"{len(ranking.table)} sites by {len(ranking.criteria)} criteria",
        verdict=_judge(ranking),
        key_numbers=_list_numbers(ranking),
        sections=_list_sections(ranking, net, names),
        not_assessed=(*left, *NOT_ASSESSED),
        licences=list_licences(net),
        provenance={
            "Network": ranking.network,
            "Ranking": str(ranking.options.score),
            "Seed": str(ranking.options.seed),
        },
    )


def _name(ranking: SiteRanking, site: object) -> str:
    if "name" not in ranking.table:
        return str(site)
    return join_names(ranking.table.loc[[site]].iloc[0], str(site))


def _judge(ranking: SiteRanking) -> Verdict:
    ranked = ranking.table[ranking.table["rank"].notna()]
    if ranked.empty:
        return Verdict("No ranking", "No site has all criteria; the table says what each lacks.", "bad")
    first = ", ".join(_name(ranking, site) for site in ranked.index[:TOP])
    roomy = int((ranked["short_mw"] == 0).sum())
    room = (
        f"{roomy} of {len(ranked)} ranked sites have firm room for the hub as the grid stands"
        if roomy
        else f"none of {len(ranked)} ranked sites has firm room for the hub as the grid stands"
    )
    gaps = "; ".join(list_common_gaps(ranked["not_assessed"])) or "see each site"
    left = "; ".join(ranking.left_out) or "nothing of the method"
    text = (
        f"First come {first}. A rank compares; {room}; not assessed: {gaps}. "
        f"Left out of the ranking: {left.replace('_', ' ')}."
    )
    return Verdict("A comparison, not a permission", text, "plain")


def _list_numbers(ranking: SiteRanking) -> tuple[KeyNumber, ...]:
    table = ranking.table
    ranked = table[table["rank"].notna()]
    numbers = [KeyNumber("Sites", float(len(table)), "", f"{len(ranked)} ranked")]
    if len(ranked):
        best = ranked.iloc[0]
        share = 100.0 * float(best["rank_stability"])
        numbers += [
            KeyNumber("First in the first three", share, "%", "of the draws of weights and data"),
            KeyNumber("Firm room there", float(best["headroom_mw"]), "MW"),
            KeyNumber("Lacks there", float(best["short_mw"]), "MW", "of the hub as asked"),
            KeyNumber("Largest firm room", float(ranked["headroom_mw"].max()), "MW", "of any ranked site"),
        ]
    return tuple(numbers)


def _list_sections(ranking: SiteRanking, net: Network | None, names: Names) -> tuple[Section, ...]:
    sections = []
    if {"lat", "lon"} <= set(ranking.table) and ranking.table[["lat", "lon"]].notna().all(axis=1).any():
        sections.append(Section("Map of sites", (), (_build_map(ranking, net, names),)))
    text = (
        "Every criterion has its own column and unit; the score is shown beside, not instead. Lacks is what "
        "the firm room misses for the hub as asked."
    )
    sections.append(Section("Ranking", (text,), (_build_table(ranking, names), *_list_works(ranking, names))))
    note = (
        f"How often a site is among the first {TOP} where weights and data are drawn anew within their "
        f"uncertainty ({ranking.options.draws:,} draws). Near 100 % or 0 % a place is sure."
    )
    sections.append(Section("How sure the order is", (note,), (_build_stability(ranking),)))
    sections += _list_impact(ranking, names)
    if len(ranking.rules):
        sections.append(Section("Connection rules", (RULES_TEXT,), (_build_rules(ranking),)))
    sections.append(Section("Criteria", (), (_build_criteria(ranking),)))
    return tuple(sections)


def _build_map(ranking: SiteRanking, net: Network | None, names: Names) -> PlaceMap:
    table = ranking.table
    facts = [
        (f"rank {row['rank']:.0f}, score {row['score']:.2f}\n" if pd.notna(row["rank"]) else "not ranked\n")
        + f"{format_number(row['headroom_mw'], 'MW')} MW firm room, "
        f"at {names.find(row['bus'], 'bus') if row['bus'] else 'no point of connection'}"
        for _, row in table.iterrows()
    ]
    places = pd.DataFrame(
        {
            "label": [_name(ranking, site) for site in table.index],
            "lat": table["lat"].to_numpy(dtype=float),
            "lon": table["lon"].to_numpy(dtype=float),
            "vn_kv": table["vn_kv"].to_numpy(dtype=float),
            "value": table["score"].to_numpy(dtype=float),
            "facts": facts,
        }
    )
    marks = places[(table["rank"] <= TOP).to_numpy()]
    return PlaceMap(
        "Score, 0 to 1",
        "",
        places,
        marks,
        list_lines(net) if net is not None else pd.DataFrame(),
        find_outline(places),
        net.attribution if net is not None else "",
    )


def _build_table(ranking: SiteRanking, names: Names) -> TableBlock:
    table = ranking.table.copy()
    table.insert(0, "place", [_name(ranking, site) for site in table.index])
    table["in_first_three_percent"] = 100.0 * table["rank_stability"]
    table["connected_at"] = [names.find(bus, "bus") if bus else "" for bus in table["bus"]]
    labels = {
        "short_mw": "Lacks",
        "in_first_three_percent": f"In the first {TOP}",
        "headroom_mw": "Firm room",
        "headroom_near_mw": "Firm room, nearby branches",
        "headroom_flexible_mw": "Room with 1 % of the energy curtailable",
        "rank_topsis": "Rank by TOPSIS",
        "pareto": "Not beaten (Pareto)",
        "reinforcement_per_mw": "Works, estimate",
        "hub_loss_rise_percent": "Voltage rise when the hub is lost",
    }
    return TableBlock(
        table.rename_axis(index="site"),
        "All sites, best first",
        "sites",
        labels=labels,
        units={str(name): str(unit) for name, unit in ranking.criteria["unit"].items() if unit != "1"},
        show=[
            "rank",
            "place",
            "in_first_three_percent",
            "score",
            "rank_topsis",
            "pareto",
            "short_mw",
            *ranking.criteria.index,
            "connected_at",
            "note",
        ],
        limit=60,
    )


def _list_works(ranking: SiteRanking, names: Names) -> tuple[TableBlock, ...]:
    """Show what the estimate of works is made of, where there is one."""
    if "works" not in ranking.table:
        return ()
    table = ranking.table.reindex(columns=["reinforcement_per_mw", "reinforcement_mw", "works"])
    table["works"] = [names.read(str(text)) for text in table["works"]]
    table.insert(0, "place", [_name(ranking, site) for site in table.index])
    return (
        TableBlock(
            table.rename_axis(index="site"),
            "What the estimate of works is made of",
            "site_works",
            labels={
                "reinforcement_per_mw": "Works, estimate",
                "reinforcement_mw": "Beyond what the routes may carry",
                "works": "Works",
            },
            units={"reinforcement_per_mw": str(ranking.criteria["unit"].get("reinforcement_per_mw", ""))},
            show=["place", "reinforcement_per_mw", "reinforcement_mw", "works"],
            limit=60,
        ),
    )


def _name_rows(ranking: SiteRanking, table: pd.DataFrame) -> pd.DataFrame:
    """Put the rows of the best site first, and name places and snapshots."""
    order = {str(site): k for k, site in enumerate(ranking.table.index)}
    names = {str(site): _name(ranking, site) for site in ranking.table.index}
    ranked = table.sort_values("site", key=lambda ids: ids.map(order), kind="stable", ignore_index=True)
    return ranked.assign(
        place=ranked["site"].map(names), state_name=ranked["snapshot"].astype(str).str.replace("_", " ")
    )


def _build_rules(ranking: SiteRanking) -> TableBlock:
    names = {str(site): _name(ranking, site) for site in ranking.table.index}
    order = {site: k for k, site in enumerate(names)}
    rules = ranking.rules.sort_values(
        "site", key=lambda ids: ids.map(order), kind="stable", ignore_index=True
    )
    return TableBlock(
        rules.assign(place=rules["site"].map(names)),
        "Rules that the hub meets at each site, and what is published of its province",
        "site_rules",
        labels={"place": "Place", "earliest": "Not before", "decides": "Decides alone", "as_of": "As of"},
        show=["place", "rule", "finding", "earliest", "decides", "source", "as_of", "confidence"],
    )


def _list_impact(ranking: SiteRanking, names: Names) -> tuple[Section, ...]:
    """Show the grid with the hub as asked at each site, and after its loss, where it was looked at."""
    found = ranking.impact
    if found.impact.empty:
        return ()
    summary, banks, raised, losses = (
        _name_rows(ranking, table)
        for table in (found.impact, found.supplying_banks, found.raised_branches, found.hub_losses)
    )
    for table in (summary, losses):
        table["connected_at"] = [names.find(bus, "bus") for bus in table["bus"]]
    summary["bank_name"] = [names.find(bank) for bank in summary["bank"]]
    losses["worst"] = [names.find(one) for one in losses["worst_element"]]
    lead = {"place": "Place", "state_name": "Snapshot", "stage": "Solved by"}
    impact = TableBlock(
        summary,
        "The grid with the hub as asked, site by site",
        "impact",
        labels=lead | IMPACT_LABELS,
        note="A stage dc: there is no AC solution with the hub, or none was asked for, so no voltages.",
        show=[*lead, *IMPACT_LABELS],
    )
    loss = TableBlock(
        losses,
        "The hub is lost at one point of connection",
        "hub_losses",
        labels=lead | LOSS_LABELS,
        note=f"Not assessed: {LOSS_GAPS}.",
        show=[*lead, *LOSS_LABELS],
    )
    blocks = build_impact_blocks(banks, raised, names, list(lead), "AC where there is a solution")
    return (
        Section("What an impact assessment asks for", (IMPACT_TEXT,), (impact, *blocks)),
        Section("Loss of the hub", (LOSS_TEXT,), (loss,)),
    )


def _build_stability(ranking: SiteRanking) -> RangeChart:
    ranked = ranking.table[ranking.table["rank"].notna()].head(20)
    rows = [
        RangeRow(_name(ranking, site), {f"among the first {TOP}": 100.0 * float(row["rank_stability"])})
        for site, row in ranked.iterrows()
    ]
    return RangeChart(f"Share of draws among the first {TOP}", "%", rows, start_at_zero=True)


def _build_criteria(ranking: SiteRanking) -> TableBlock:
    frame = ranking.criteria.rename_axis(index="criterion")
    return TableBlock(
        frame,
        "What was compared",
        "criteria",
        labels={"spread": "Uncertainty of the data"},
        note="Spread is a standard deviation over the value: assumed. A note says where sites hardly differ.",
    )
