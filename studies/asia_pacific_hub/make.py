"""Where a hub of 1 or 3 GW asks least of ``korea-2025`` in 2028 and 2030: the tables of this study's README.

    python studies/asia_pacific_hub/make.py --write

runs the four cases, some five minutes each on one core for 1 GW and a quarter of an hour for 3 GW, and puts
the tables between their marks. What is done is kept in ``results/asia_pacific_hub``, one folder per case, and
read back while the network and the settings are the same; ``--fresh`` runs it anew, ``--case 2030-1000`` runs
one case alone, ``--kept-plans`` makes no new plan and lists those that are there. Each folder holds a page
``report.html`` with the map of hosting capacity.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from gridhub.analysis.hosting.hosting import HostingCapacity, hosting_capacity
from gridhub.analysis.hosting.queue import list_reviews
from gridhub.analysis.hosting.table import list_common_gaps
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.security.security import run_security
from gridhub.analysis.siting.criteria import CRITERIA
from gridhub.analysis.siting.impact import SiteImpact
from gridhub.analysis.siting.options import read_siting_options
from gridhub.analysis.siting.siting import SiteRanking, rank_sites
from gridhub.analysis.works.reinforcement import ReinforcementPlan, plan_reinforcement
from gridhub.connection_rules import read_connection_rules
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter, Hub
from gridhub.reference import find_region_document, load_network, read_region_table
from gridhub.report.write import write_report
from gridhub.study.provenance import hash_network

README = Path(__file__).with_name("README.md")
RESULTS = Path("results/asia_pacific_hub")
END = "<!-- end of table -->"
NETWORK = "korea-2025"
CASES = ((2028, 1000.0), (2028, 3000.0), (2030, 1000.0), (2030, 3000.0))
PEAK = "summer_peak"
CONTRAST = "capital-region contrast"
BEST = 3
SHOWN = 12
UNSURE = "not assessable with public data"
RANKING = {"market": True}
EVIDENCE = ("impact", "supplying_banks", "raised_branches", "hub_losses")
#: A plan looks at this much: routes that candidates are made for, buses that get compensation, works.
PLAN = {"snapshots": (PEAK,), "routes": 4, "voltage_buses": 2, "maximum_works": 8, "threads": 1}


def make_hub(site: str, row: pd.Series[Any], mw: float) -> DataCenter:
    """Make the data center of a site."""
    return DataCenter(site, contract_mw=mw, lat=float(row["lat"]), lon=float(row["lon"]))


# --- Running ---------------------------------------------------------------------------------------------


def run_case(year: int, mw: float, fresh: bool, kept_plans: bool = False) -> Path:
    """Run a case, or what of it is not there yet; with `kept_plans` no plan that is not there."""
    net = load_network(NETWORK, year=year)
    folder = RESULTS / f"{year}-{mw:.0f}"
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([hash_network(net), PLAN, RANKING, mw]).encode()).hexdigest()
    if fresh or not is_same(folder / "case.json", key):
        for old in folder.glob("*.json"):
            old.unlink()
    sites = read_region_table(NETWORK, "sites")
    ranking = find_ranking(folder, net, sites, mw, key)
    hosting = hosting_capacity(net)
    chosen = choose_sites(ranking, sites)
    if kept_plans:
        chosen = keep_planned(folder, chosen, ranking)
    document = {
        "key": key,
        "year": year,
        "mw": mw,
        "plans": [find_plan(folder, net, site, sites.loc[site], mw, role) for site, role in chosen if role],
        "unplanned": [site for site, role in chosen if not role],
        "hosting": describe_hosting(net, hosting),
    }
    write_document(folder / "case.json", document)
    title = f"A hub of {mw:,.0f} MW in {year}: sites and hosting capacity"
    write_report(folder, ranking, hosting, net, force=True, title=title)
    return folder


def is_same(path: Path, key: str) -> bool:
    """Whether a folder was written with the same network and settings."""
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")).get("key") == key


def write_document(path: Path, document: object) -> None:
    """Write a file whole, or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(path)


def find_ranking(folder: Path, net: Network, sites: pd.DataFrame, mw: float, key: str) -> SiteRanking:
    """Rank all sites, or read the ranking back."""
    note = folder / "ranking.json"
    # other criteria make another ranking, and leave the plans as they are
    criteria_key = hashlib.sha256((key + repr(CRITERIA)).encode()).hexdigest()
    if is_same(note, criteria_key):
        kept = json.loads(note.read_text(encoding="utf-8"))
        tables = {name: pd.read_json(StringIO(kept[name]), orient="split") for name in ("table", "criteria")}
        return SiteRanking(
            network=net.name,
            hub=kept["hub"],
            left_out=kept["left_out"],
            options=read_siting_options(RANKING),
            impact=SiteImpact(
                **{name: pd.read_json(StringIO(kept[name]), orient="split") for name in EVIDENCE},
                reasons=tuple(kept["reasons"]),
            ),
            rules=pd.read_json(StringIO(kept["rules"]), orient="split", dtype=False),
            **{name: table.rename_axis(kept[f"{name}_index"]) for name, table in tables.items()},
        )
    ranking = rank_network(net, sites, mw)
    document = {
        "key": criteria_key,
        "hub": ranking.hub,
        "left_out": dict(ranking.left_out),
        "table": ranking.table.to_json(orient="split", double_precision=15),
        "criteria": ranking.criteria.to_json(orient="split", double_precision=15),
        **{
            name: getattr(ranking.impact, name).to_json(orient="split", double_precision=15)
            for name in EVIDENCE
        },
        "rules": ranking.rules.to_json(orient="split"),
        "reasons": list(ranking.impact.reasons),
        "table_index": "site",
        "criteria_index": "criterion",
    }
    write_document(note, document)
    write_document(folder / "case.json", {"key": key})
    return ranking


def rank_network(net: Network, sites: pd.DataFrame, mw: float) -> SiteRanking:
    """Rank all sites."""
    points = read_region_table(NETWORK, "landing_points")
    center = DataCenter("hub", contract_mw=mw, bus=str(net.bus.index[0]))
    return rank_sites(net, sites, center, {**RANKING, "landing_points": points})


def choose_sites(ranking: SiteRanking, sites: pd.DataFrame) -> list[tuple[str, str]]:
    """Choose the best sites, one per point of connection, and the best of the capital region."""
    table = ranking.table[ranking.table["rank"].notna()]
    capital = sites["kind"].reindex(table.index) == CONTRAST
    best = table[~capital].drop_duplicates("bus").index[:BEST]
    return [(str(site), "best") for site in best] + [
        (str(site), CONTRAST) for site in table.index[capital][:1]
    ]


def keep_planned(
    folder: Path, chosen: Sequence[tuple[str, str]], ranking: SiteRanking
) -> list[tuple[str, str]]:
    """Take the role off chosen sites without a plan, and put the other plans there are behind, by rank."""
    rank = ranking.table["rank"]
    there = {path.stem.removeprefix("plan-") for path in folder.glob("plan-*.json")}
    kept = [(site, role if site in there else "") for site, role in chosen]
    others = [str(site) for site in rank.index if str(site) in there - dict(chosen).keys()]
    return kept + [(site, f"rank {rank[site]:.0f}") for site in others]


def find_plan(
    folder: Path, net: Network, site: str, row: pd.Series[Any], mw: float, role: str
) -> dict[str, Any]:
    """Plan a site, or read its plan back."""
    path = folder / f"plan-{site}.json"
    if not path.is_file():
        write_document(path, plan_site(net, site, row, mw, role))
    plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {**plan, "role": role}


def plan_site(net: Network, site: str, row: pd.Series[Any], mw: float, role: str) -> dict[str, Any]:
    """Plan the works of a site at the peak, and say what is left in the other states with them."""
    plan = plan_reinforcement(net, Hub(make_hub(site, row, mw)), PLAN)
    works = plan.works[["candidate", "description", "cost_low", "cost_base", "cost_high", "lead_years"]]
    chosen = plan.selection.loc[plan.method]
    return {
        "site": site,
        "role": role,
        "verdict": plan.verdict,
        "money_unit": plan.money_unit,
        "works": works.to_dict("records"),
        "before": len(plan.before),
        "left": len(plan.left),
        "unsolved": bool(((plan.left["kind"] == "no_solution") & (plan.left["contingency"] == "")).any()),
        "left_worst_percent": float(plan.left["loading_percent"].max()) if len(plan.left) else None,
        **{name: float(chosen[name]) for name in ("cost_low", "cost_base", "cost_high", "lead_years")},
        "elsewhere": {name: count_new(net, plan, name) for name in net.snapshots if name != PEAK},
        "points": plan.network_after.placements["site_bus"].tolist(),
        "not_assessed": list(plan.not_assessed),
    }


def count_new(net: Network, plan: ReinforcementPlan, snapshot: str) -> int | None:
    """Count what the hub causes or worsens in a state in spite of the works; None: no AC solution."""
    try:
        runs = [run_security(one, snapshot=snapshot) for one in (net, plan.network_after)]
    except NotConverged:
        return None
    before, after = (collect_violations([run]) for run in runs)
    return int(compare_violations(before, after)["change"].isin(["caused", "worsened"]).sum())


def describe_hosting(net: Network, hosting: HostingCapacity) -> list[dict[str, Any]]:
    """Say by province what its buses take."""
    table = hosting.table.assign(province=net.bus["province"].reindex(hosting.table.index))
    reviews = list_reviews(net)
    rows = []
    for province, part in table.groupby("province"):
        firm = part["firm_mw"].dropna()
        if province and len(firm):
            review = reviews.get(str(province))
            unsure = part["not_assessed"].str.contains(UNSURE)
            rows.append(
                {
                    "province": str(province),
                    "buses": len(part),
                    "median": float(firm.median()),
                    "largest": float(firm.max()),
                    "at": str(firm.idxmax()),
                    "binding": str(part["binding_element"].mode().iloc[0]),
                    "unsure": int(unsure.sum()),
                    "able": review.able_mw if review else None,
                    "unable": review.unable_mw if review else None,
                }
            )
    return rows


# --- Tables ----------------------------------------------------------------------------------------------


def write_rows(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(show, row)) + " |" for row in rows])


def show(value: object) -> str:
    """Write a cell: whole numbers as they are, others with a digit."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return "-" if pd.isna(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def name_site(site: str, sites: pd.DataFrame) -> str:
    """Name a site in both scripts."""
    return f"{sites.at[site, 'name']} {sites.at[site, 'name_ko']}"


def make_ranking(table: pd.DataFrame, sites: pd.DataFrame) -> str:
    """List the first sites of a case, and the first of the capital region."""
    capital = table.index[(sites["kind"].reindex(table.index) == CONTRAST) & table["rank"].notna()][:1]
    shown = [*table.index[:SHOWN], *(one for one in capital if one not in table.index[:SHOWN])]
    columns = {
        "headroom_mw": ("firm room, MW", 1.0),
        "spur_cost": ("spur, bn KRW", 1.0),
        "reinforcement_per_mw": ("works (estimate), million KRW per MW", 1000.0),
        "permission_years": ("permission, years", 1.0),
        "latency_ms": ("latency, ms", 1.0),
        "hub_loss_rise_percent": ("voltage rise when the hub is lost, %", 1.0),
        "loss_percent": ("losses, %", 1.0),
        "congestion_per_mwh": ("congestion, KRW/MWh", 1.0),
        "curtailment_relieved_percent": ("curtailed energy used, %", 1.0),
        "carbon_free_percent": ("carbon-free hours, %", 1.0),
    }
    reviews = read_connection_rules(find_region_document("korea", "connection_rules")).published
    able_unable = {one.name: (one.able_mw, one.unable_mw) for one in reviews}
    rows: list[Sequence[object]] = [
        (
            int(number(table, site, "rank")),
            name_site(str(site), sites),
            f"{100 * number(table, site, 'rank_stability'):.0f} %",
            number(table, site, "short_mw"),
            *(factor * number(table, site, name) for name, (_, factor) in columns.items()),
            table.at[site, "bus"],
            "no" if UNSURE in str(table.at[site, "not_assessed"]) else "yes",
            *(able_unable.get(str(table.at[site, "province"]), (None, None))),
        )
        for site in shown
    ]
    heads: tuple[str, ...] = ("rank", "site", "in the first three", "short of the hub, MW")
    heads += tuple(head for head, _ in columns.values())
    heads += ("point of connection", "assessable with public data")
    return write_rows((*heads, "published for the province: able, MW", "unable, MW"), rows)


def number(table: pd.DataFrame, site: object, column: str) -> float:
    """Give a figure of a site."""
    return float(table[column].astype(float).loc[[site]].iloc[0])


def make_plans(document: Mapping[str, Any], sites: pd.DataFrame, table: pd.DataFrame) -> str:
    """Set the plans of a case side by side, and beside the estimates of the ranking."""
    rows: list[Sequence[object]] = []
    for plan in document["plans"]:
        elsewhere = ", ".join(
            f"{name} {'no AC solution' if count is None else count}"
            for name, count in plan["elsewhere"].items()
        )
        left = "no AC solution with the hub: no works chosen"
        if not plan["unsolved"]:
            left = f"{plan['left']}"
            left += f" (to {plan['left_worst_percent']:.0f} %)" if plan["left"] else ""
        cost = f"{plan['cost_base']:,.0f} ({plan['cost_low']:,.0f} to {plan['cost_high']:,.0f})"
        rows.append(
            (
                name_site(plan["site"], sites),
                plan["role"],
                " and ".join(plan["points"]),
                plan["before"],
                "; ".join(work["candidate"] for work in plan["works"]) or "none",
                cost,
                1000.0 * plan["cost_base"] / document["mw"],
                document["mw"] * number(table, plan["site"], "reinforcement_per_mw"),
                plan["lead_years"],
                left,
                elsewhere,
            )
        )
    heads: tuple[str, ...] = ("site", "role", "points of connection", "caused at the peak", "works")
    heads += ("cost, bn KRW: base (low to high)", "million KRW per MW")
    heads += ("estimate of the ranking for all states, bn KRW", "years", "left at the peak")
    table = write_rows((*heads, "caused in other states with the works"), rows)
    unplanned = ", ".join(name_site(site, sites) for site in document.get("unplanned", ()))
    return f"{table}\n\nNo plan has been run for {unplanned}." if unplanned else table


def make_hosting(document: Mapping[str, Any]) -> str:
    """List what the buses of each province take, beside what the grid company published."""
    rows = [
        (
            row["province"],
            row["buses"],
            row["median"],
            row["largest"],
            row["at"],
            row["binding"],
            row["unsure"],
            row["able"],
            row["unable"],
        )
        for row in document["hosting"]
    ]
    heads: tuple[str, ...] = (
        "province",
        "buses",
        "median firm, MW",
        "largest, MW",
        "at",
        "what binds most often",
    )
    heads += ("not assessable with public data, buses", "published: able, MW", "published: unable, MW")
    return write_rows(heads, rows)


def make_criteria(table: pd.DataFrame) -> str:
    """List the criteria with units, weights and methods."""
    rows = [
        (name, row["unit"], row["better"], f"{row['weight']:.3f}", row["method"], row["note"])
        for name, row in table.iterrows()
    ]
    return write_rows(("criterion", "unit", "better", "weight", "method", "note"), rows)


def read_kept(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of the ranking of a case."""
    kept = json.loads((folder / "ranking.json").read_text(encoding="utf-8"))
    return pd.read_json(StringIO(kept[name]), orient="split")


def make_tables(folders: Mapping[str, Path]) -> dict[str, str]:
    """Write the tables from what the cases left."""
    sites = read_region_table(NETWORK, "sites")
    tables = {}
    findings = []
    for name, folder in folders.items():
        document = json.loads((folder / "case.json").read_text(encoding="utf-8"))
        tables[f"ranking {name}"] = make_ranking(read_kept(folder, "table"), sites)
        tables[f"plans {name}"] = make_plans(document, sites, read_kept(folder, "table"))
        tables[f"hosting {document['year']}"] = make_hosting(document)
        tables["criteria"] = make_criteria(read_kept(folder, "criteria"))
        findings.append(say_findings(document, read_kept(folder, "table"), sites))
    return {"findings": "\n".join(findings), **tables}


def say_findings(document: Mapping[str, Any], table: pd.DataFrame, sites: pd.DataFrame) -> str:
    """Say in a few sentences what came out of a case, and what was not assessed."""
    ranked = table[table["rank"].notna()]
    first = ", ".join(
        f"{name_site(str(site), sites)} ({100 * number(ranked, site, 'rank_stability'):.0f} %)"
        for site in ranked.index[:3]
    )
    room = ranked["headroom_mw"].astype(float)
    roomy = int((ranked["short_mw"].astype(float) == 0).sum())
    unsure = int(ranked["not_assessed"].str.contains(UNSURE).sum())
    plans = []
    for plan in document["plans"]:
        left = "none left" if not plan["left"] else f"{plan['left']} left"
        if plan["unsolved"]:
            plans.append(f"{name_site(plan['site'], sites)} none chosen (no AC solution with the hub)")
            continue
        plans.append(f"{name_site(plan['site'], sites)} {plan['cost_base']:,.0f} bn KRW ({left})")
    plans += [f"{name_site(site, sites)} not planned" for site in document.get("unplanned", ())]
    gaps = "; ".join(list_common_gaps(ranked["not_assessed"].astype(str)))
    city = ranked.index[(sites["kind"].reindex(ranked.index) == CONTRAST).to_numpy()][0]
    contrast = (
        f"The best of the capital region is {name_site(str(city), sites)} at rank "
        f"{number(ranked, city, 'rank'):.0f}: permission after "
        f"{number(ranked, city, 'permission_years'):.1f} years, "
        f"losses {number(ranked, city, 'loss_percent'):+.1f} %, congestion "
        f"{number(ranked, city, 'congestion_per_mwh'):+,.0f} KRW/MWh, where the first site has "
        f"{number(ranked, ranked.index[0], 'permission_years'):.1f} years, "
        f"{number(ranked, ranked.index[0], 'loss_percent'):+.1f} % and "
        f"{number(ranked, ranked.index[0], 'congestion_per_mwh'):+,.0f} KRW/MWh."
    )
    missing = [name_site(str(site), sites) for site in table.index[table["rank"].isna()]]
    unranked = (
        " Without a rank, for want of a point of connection, an AC solution with the hub or a figure: "
        f"{', '.join(missing)}."
    )
    return (
        f"* **{document['mw']:,.0f} MW in {document['year']}.** First come {first}; in brackets how often a "
        f"site is among the first three when weights and data are drawn anew. {roomy} of {len(ranked)} "
        f"ranked sites have firm room for the hub as the grid stands; the largest is {room.max():,.0f} MW at "
        f"{name_site(str(room.idxmax()), sites)}. Works against what the hub causes at the peak, base cost: "
        f"{', '.join(plans)}. {contrast}{unranked if missing else ''} "
        f"{unsure} of the ranked sites rest on missing or assumed routes: {UNSURE}. "
        f"Not assessed anywhere: {gaps}."
    )


def replace_table(text: str, name: str, table: str) -> str:
    """Put a table of the README between its marks."""
    mark = f"<!-- table: {name}; made by make.py -->"
    head, rest = text.split(mark)
    _, tail = rest.split(END, maxsplit=1)
    return f"{head}{mark}\n\n{table}\n\n{END}{tail}"


def main() -> None:
    """Run the study and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    parser.add_argument("--case", help="run one case alone, such as 2030-1000")
    parser.add_argument("--kept-plans", action="store_true", help="make no plan that is not there")
    parser.add_argument("--fresh", action="store_true", help="run anew what is there")
    arguments = parser.parse_args()
    names = {f"{year}-{mw:.0f}": (year, mw) for year, mw in CASES}
    if arguments.case:
        run_case(*names[arguments.case], arguments.fresh, arguments.kept_plans)
        return
    folders = {name: run_case(*case, arguments.fresh, arguments.kept_plans) for name, case in names.items()}
    tables = make_tables(folders)
    text = README.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = replace_table(text, name, table)
    if arguments.write:
        README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
