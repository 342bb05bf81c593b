"""Security of ``korea-2025`` as the Korean standard asks: the tables of this study's README.

    python studies/korea_security/make.py --write

runs everything (half a minute on two idle cores, once kernels are compiled) and puts the tables between
their marks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from gridhub.analysis.actions.redispatch import Adjustment
from gridhub.analysis.actions.remedial import run_remedial
from gridhub.analysis.actions.remedial_schemes import read_schemes
from gridhub.analysis.actions.successive_outages import run_successive_outages
from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.contingency.secured_events import list_secured
from gridhub.analysis.security.outage_pairs import OutagePairs, rank_pairs
from gridhub.analysis.security.security import Security, run_security
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter
from gridhub.placement.place import place
from gridhub.reference import find_region_document, load_network
from gridhub.report.names import build_names

README = Path(__file__).with_name("README.md")
END = "<!-- end of table -->"
NETWORK = "korea-2025"
STATES = ("summer_peak", "summer_midday", "winter_peak", "spring_midday")
PEAK = "summer_peak"
PAIRS = 10_000
HUB = DataCenter("Solaseado", contract_mw=1000.0, lat=34.68, lon=126.43, cooling="direct_to_chip")


def write_rows(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a Markdown table."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(show, row)) + " |" for row in rows])


def show(value: object) -> str:
    """Write a cell: whole numbers as they are, others with a digit."""
    if isinstance(value, float):
        return "-" if pd.isna(value) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def describe(sec: Security, names: pd.Index) -> tuple[object, ...]:
    """Count what outages of one kind do, and name the worst."""
    status = sec.status.loc[names]
    own = sec.violations[sec.violations["contingency"].isin(names)]
    thermal = own[own["kind"] == "thermal"]
    unsolved = status[~status["status"].isin(["CONVERGED", "ISLANDED"])]
    worst = thermal["loading_percent"].idxmax() if len(thermal) else None
    element = "none"
    if worst is not None:
        row = thermal.loc[worst]
        element = f"{row['element']} {row['loading_percent']:.0f} % after {row['contingency']}"
    return (
        len(status),
        len(unsolved),
        int((status["status"] == "ISLANDED").sum()),
        own["contingency"].nunique(),
        thermal["element"].nunique(),
        int(own["kind"].str.startswith("voltage").sum()),
        own.loc[own["kind"] == "lost_load", "contingency"].nunique(),
        element,
    )


def make_secured(runs: dict[str, Security]) -> str:
    """Tell what the Korean criteria demand, by snapshot and class of event."""
    heads = ("snapshot", "event", "outages", "no solution", "islanding", "break a limit")
    heads += ("elements above rating", "voltages out", "losses too large", "worst")
    rows = []
    for state, sec in runs.items():
        for (event, kind), part in sec.contingencies.groupby(["event_class", "kind"], sort=False):
            rows.append((state, f"{event}: {kind}", *describe(sec, part.index)))
    return write_rows(heads, rows)


def make_losses(sec: Security, net: Network) -> str:
    """List the largest losses of the peak: generation, and load."""
    names = build_names(net)
    rows = []
    for column, what in (("lost_generation_mw", "generation"), ("lost_load_mw", "load")):
        for key, row in sec.status.sort_values(column, ascending=False, kind="stable").head(6).iterrows():
            elements = sec.contingencies.loc[key, "elements"]
            name = names.find_outage(key, elements)
            rows.append(
                (what, str(key), name, float(row[column]), row["status"], row["worst_loading_percent"])
            )
    return write_rows(("lost", "outage", "name", "MW", "status", "worst loading after it, %"), rows)


def make_hub(net: Network) -> str:
    """Lose a data center of 1 GW, in every state."""
    placed = place(net, HUB)
    outage = list_contingencies(placed, kinds=["data_center"], name=f"*{HUB.name}*")
    rows = []
    for state in STATES:
        sec = run_security(placed, outage, snapshot=state, screen=None, keep="all")
        assert sec.vm_pu is not None
        for key in outage.index:
            rise = sec.vm_pu.loc[key] - sec.base.bus["vm_pu"]
            found = sec.violations[sec.violations["contingency"] == key]
            row = sec.status.loc[key]
            rows.append(
                (
                    state,
                    str(key),
                    float(row["lost_load_mw"]),
                    row["status"],
                    f"{100 * rise.max():.2f} % at {rise.idxmax()}",
                    float(row["worst_loading_percent"]),
                    ", ".join(sorted(set(found["kind"]))) or "none",
                )
            )
    heads = ("snapshot", "outage", "load lost, MW", "status", "largest rise of voltage", "worst loading, %")
    return write_rows((*heads, "limits broken"), rows)


def make_second(net: Network) -> str:
    """Run N-1-1 of the 765 kV lines, one circuit of each pair, with and without redispatch."""
    lines = list_contingencies(net, kinds=["line"], min_kv=700, name="*:1")
    second = list_contingencies(net, min_kv=345)
    rows = []
    plain = run_successive_outages(net, lines, second, snapshot=PEAK, adjustment=None)
    moved = run_successive_outages(net, lines, second, snapshot=PEAK, adjustment=Adjustment(minutes=30.0))
    for key in lines.index:
        one, two = plain.first.loc[key], moved.first.loc[key]
        rows.append(
            (
                str(key),
                int(one["second_outages"]),
                int(one["second_new"]),
                f"{one['worst_second']} {one['worst_loading_percent']:.0f} %",
                float(two["moved_mw"]),
                int(two["second_new"]),
                f"{two['worst_second']} {two['worst_loading_percent']:.0f} %",
                two["remark"],
            )
        )
    heads = ("first", "second outages", "newly break a limit", "worst", "redispatch, MW")
    return write_rows((*heads, "newly break a limit then", "worst then", "remark"), rows)


def make_schemes(net: Network) -> str:
    """Lose both circuits of the 765 kV outlets of the east coast, with and without schemes."""
    schemes = read_schemes(find_region_document("korea", "remedial_schemes"))
    outages = list_contingencies(net, kinds=["tower"], name="tower:sintaebaek--*", min_kv=700)
    rows = []
    for state in STATES:
        found = run_remedial(net, outages, schemes, snapshot=state)
        for (key, variant), row in found.effect.iterrows():
            worst = f"{row['worst_element']} {row['worst_loading_percent']:.0f} %"
            verdict = found.verdict[key] if variant == "with" else ""
            rows.append(
                (
                    state,
                    str(key).removeprefix("tower:"),
                    variant,
                    float(row["tripped_mw"]),
                    row["status"],
                    int(row["violations"]) if not row["reason"] else "-",
                    worst if not row["reason"] else "-",
                    verdict,
                )
            )
    heads = (
        "snapshot",
        "both circuits of",
        "scheme",
        "tripped, MW",
        "status",
        "violations",
        "worst",
        "verdict",
    )
    return write_rows(heads, rows)


def make_pairs(net: Network) -> str:
    """Rank all pairs at 345 kV and above by DC, solve the worst by AC."""
    pairs = OutagePairs(list_contingencies(net, min_kv=345))
    rows = []
    for state in STATES:
        ranking = rank_pairs(net, pairs, snapshot=state, keep=PAIRS)
        sec = run_security(net, ranking.table, snapshot=state, screen=None)
        counts = sec.status["status"].value_counts()
        broken = sec.violations.loc[sec.violations["contingency"] != "", "contingency"].nunique()
        solved = int(counts.get("CONVERGED", 0) + counts.get("ISLANDED", 0))
        rows.append(
            (
                state,
                ranking.judged,
                ranking.overloaded,
                len(ranking.splitting),
                len(sec.status),
                len(sec.status) - solved,
                broken,
            )
        )
    heads = ("snapshot", "pairs judged by DC", "overload by DC", "split an island, not judged")
    return write_rows((*heads, "worst pairs solved by AC", "no solution", "break a limit"), rows)


def make_screen(net: Network, runs: dict[str, Security]) -> str:
    """Tell what the DC screen said of all this."""
    columns = ["outages", "flagged", "overloaded", "missed", "false", "voltage_missed"]
    parts = [sec.screen_by_class[columns] for sec in runs.values()]
    total = sum(parts[1:], parts[0])
    heads = (
        "kind",
        "kV",
        "outages",
        "flagged",
        "overload by AC",
        "missed",
        "false",
        "voltage alone, not flagged",
    )
    return write_rows(heads, [(*key, *map(int, row[columns])) for key, row in total.iterrows()])


def replace_table(text: str, name: str, table: str) -> str:
    """Put a table of the README between its marks."""
    mark = f"<!-- table: {name}; made by make.py -->"
    head, rest = text.split(mark)
    _, tail = rest.split(END, maxsplit=1)
    return f"{head}{mark}\n\n{table}\n\n{END}{tail}"


def make_tables(net: Network) -> dict[str, str]:
    """Run the study."""
    events = list_secured(net)
    runs = {state: run_security(net, events, snapshot=state, verify="all") for state in STATES}
    return {
        "secured": make_secured(runs),
        "losses": make_losses(runs[PEAK], net),
        "hub": make_hub(net),
        "second": make_second(net),
        "schemes": make_schemes(net),
        "pairs": make_pairs(net),
        "screen": make_screen(net, runs),
    }


def main() -> None:
    """Run the study and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    tables = make_tables(load_network(NETWORK))
    text = README.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = replace_table(text, name, table)
    if parser.parse_args().write:
        README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
