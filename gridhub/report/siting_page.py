"""A ranking of sites as a page: the order, how sure it is, and every criterion with its method."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.hosting.table import list_common_gaps
from gridhub.analysis.siting.siting import TOP, SiteRanking
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
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
        f"First come {first}. A rank compares; {room}, not assessed: {gaps}. "
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
    sections.append(Section("Ranking", (text,), (_build_table(ranking, names), *_list_works(ranking))))
    note = (
        f"How often a site is among the first {TOP} where weights and data are drawn anew within their "
        f"uncertainty ({ranking.options.draws:,} draws). Near 100 % or 0 % a place is sure."
    )
    sections.append(Section("How sure the order is", (note,), (_build_stability(ranking),)))
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
        "reinforcement_per_mw": "Works, estimate",
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
            "short_mw",
            *ranking.criteria.index,
            "connected_at",
            "note",
        ],
        limit=60,
    )


def _list_works(ranking: SiteRanking) -> tuple[TableBlock, ...]:
    """Show what the estimate of works is made of, where there is one."""
    if "works" not in ranking.table:
        return ()
    table = ranking.table[["reinforcement_per_mw", "works"]].copy()
    table.insert(0, "place", [_name(ranking, site) for site in table.index])
    return (
        TableBlock(
            table.rename_axis(index="site"),
            "What the estimate of works is made of",
            "site_works",
            labels={"reinforcement_per_mw": "Works, estimate", "works": "Works"},
            units={"reinforcement_per_mw": str(ranking.criteria["unit"].get("reinforcement_per_mw", ""))},
            show=["place", "reinforcement_per_mw", "works"],
            limit=60,
        ),
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
