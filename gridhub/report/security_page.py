"""A security analysis as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridhub.model.network import Network
from gridhub.report.charts import build_loading_chart, build_violation_table
from gridhub.report.flow_page import describe_flow_options, list_licences
from gridhub.report.layers import build_layers, build_outages, build_state
from gridhub.report.names import Names, build_names
from gridhub.report.page import NOT_ASSESSED, KeyNumber, Page, Section, TableBlock, Tone, Verdict
from gridhub.report.rules import list_criterion_values

if TYPE_CHECKING:
    from gridhub.analysis.security.security import Security


def build_security_page(security: Security, net: Network | None = None) -> Page:
    """Fill a page from a security analysis.

    Parameters
    ----------
    security : Security
        The result.
    net : Network, optional
        The network that was analysed; without it there are no names and no map.

    Returns
    -------
    Page
    """
    names = build_names(net) if net is not None else Names()
    base = security.base
    title = (net.title or net.name) if net is not None else base.network
    count = len(security.status)
    return Page(
        title=f"Security: {title}",
        subtitle=" · ".join(part for part in (base.snapshot.replace("_", " "), f"{count:,} outages") if part),
        verdict=_judge(security),
        key_numbers=_list_numbers(security, names),
        sections=_list_sections(security, net, names),
        licences=list_licences(net),
        assumptions=list_criterion_values(security.rules),
        not_assessed=NOT_ASSESSED,
        provenance={"Criteria": security.criteria or "ratings alone", **describe_flow_options(base)},
    )


def find_elements(security: Security) -> dict[str, tuple[str, ...]]:
    """Give, for each contingency, the ids it takes out."""
    elements = security.contingencies["elements"]
    return {str(key): tuple(map(str, members)) for key, members in elements.items()}


def _unsolved(security: Security) -> pd.DataFrame:
    status = security.status["status"].astype(str)
    return security.status[~status.isin(["CONVERGED", "ISLANDED", "SCREENED"]).to_numpy()]


_WORDS: dict[str, tuple[str, Tone]] = {
    "secure": ("Secure", "good"),
    "insecure": ("Not secure", "bad"),
    "unverified": ("Not verified", "unknown"),
}


def _judge(security: Security) -> Verdict:
    count, unsolved = len(security.status), len(_unsolved(security))
    outages = security.violations["contingency"].astype(str)
    broken, in_base = outages[outages != ""].nunique(), int((outages == "").sum())
    parts = [f"{broken or 'none'} of {count:,} outages {'break' if broken > 1 else 'breaks'} a limit"]
    parts += [f"{in_base} limits are broken with everything in service"] if in_base else []
    parts += [f"{unsolved} outages have no solution and count as insecure"] if unsolved else []
    screened = int((security.status["status"].astype(str) == "SCREENED").sum())
    parts += [f"{screened:,} were cleared by the {_name_screen(security)} alone"] if screened else []
    parts += [f"{len(security.unjudged)} buses have no voltage limits"] if security.unjudged else []
    if "monitored_branches" in security.summary:
        branches, buses = (security.summary[f"monitored_{what}"] for what in ("branches", "buses"))
        parts.append(f"judged were {branches:,} monitored branches and {buses:,} voltages, and what is lost")
    sentence = "; ".join(parts)
    word, tone = _WORDS.get(security.verdict, (security.verdict, "unknown"))
    return Verdict(word, f"{sentence[:1].upper()}{sentence[1:]}.", tone)


def _list_numbers(security: Security, names: Names) -> tuple[KeyNumber, ...]:
    status = security.status
    worst = status["worst_loading_percent"].max() if len(status) else np.nan
    where = status["worst_loading_percent"].idxmax() if np.isfinite(worst) else ""
    element = names.find(status.at[where, "worst_element"]) if where else ""
    lost = float(status["lost_load_mw"].max()) if len(status) else 0.0
    counts = status["status"].astype(str).value_counts()
    return (
        KeyNumber(
            "Outages",
            float(len(status)),
            note=", ".join(f"{n} {str(name).lower()}" for name, n in counts.items()),
        ),
        KeyNumber(
            "Violations", float(len(security.violations)), tone="bad" if len(security.violations) else "good"
        ),
        KeyNumber(
            "Without a solution",
            float(len(_unsolved(security))),
            tone="bad" if len(_unsolved(security)) else "plain",
        ),
        KeyNumber(
            "Worst loading after an outage", float(worst), "%", element, "bad" if worst > 100 else "plain"
        ),
        KeyNumber("Largest load lost", lost, "MW"),
    )


def _list_sections(security: Security, net: Network | None, names: Names) -> tuple[Section, ...]:
    elements = find_elements(security)
    sections = [
        Section("Violations", (), (build_violation_table(security.violations, names, elements),)),
        *_build_relief_sections(security, names, elements),
        Section("Outages", (), _build_outage_tables(security, names, elements)),
        *_build_screen_sections(security),
        Section("Everything in service", (), (build_loading_chart(names, {"loading": security.base}),)),
    ]
    if net is not None and np.isfinite(net.bus[["lat", "lon"]].to_numpy(dtype=float)).all(axis=1).any():
        outages = build_outages(security.violations, names, elements)
        layers = build_layers(net, [build_state(net, security.base)], outages, names)
        text = (
            "Lines are coloured by their loading with everything in service. Point at a line to read what "
            "breaks there under which outage, and what its own loss breaks elsewhere.",
        )
        sections.insert(0, Section("Map", text, (layers,)))
    return tuple(sections)


def _build_relief_sections(
    security: Security, names: Names, elements: dict[str, tuple[str, ...]]
) -> tuple[Section, ...]:
    """List what a rating of limited time allows, where there is any."""
    table = security.relief.sort_values("loading_percent", ascending=False, ignore_index=True)
    if table.empty:
        return ()
    outages = [names.find_outage(key, elements.get(str(key), ())) for key in table["contingency"]]
    table.insert(0, "after_loss_of", pd.Series(outages, dtype=object))
    table.insert(0, "what", pd.Series([names.find(key) for key in table["element"]], dtype=object))
    text = (
        f"{len(table):,} flows after an outage are above the rating that holds with everything in service, "
        "and within one that holds for some minutes. They are no violation, but have to be relieved in time.",
    )
    labels = {
        "what": "What",
        "after_loss_of": "After loss of",
        "value": "MVA",
        "normal_mva": "Lasting rating, MVA",
        "loading_percent": "Of that, %",
        "limit": "Allowed, MVA",
        "minutes": "For, min",
    }
    block = TableBlock(table, "To be relieved", "relief", labels=labels, show=list(labels))
    return (Section("To be relieved", text, (block,)),)


def _name_screen(security: Security) -> str:
    return {"dc": "DC screen", "1p1q": "1P1Q screen"}[security.summary["screen"]]


def _build_screen_sections(security: Security) -> tuple[Section, ...]:
    """Say what the screen said of outages that AC solved, where there was a screen."""
    table = security.screen_by_class
    if table.empty:
        return ()
    total = table[["outages", "left_to_screen", "overloaded", "missed", "false"]].sum()
    voltage = table[["voltage_violated", "voltage_missed"]].sum()
    text: tuple[str, ...] = (
        f"The {_name_screen(security)} flagged outages from {security.summary['screen_flag_percent']:g} % of "
        f"a limit. AC solved {total['outages'] - total['left_to_screen']:,} outages: {total['overloaded']:,} "
        f"overload a branch or have no solution, of which the screen had missed {total['missed']:,}; "
        f"{voltage['voltage_violated']:,} break a voltage limit, of which it had missed "
        f"{voltage['voltage_missed']:,}; {total['false']:,} of those it flagged are clear.",
    )
    if total["left_to_screen"]:
        rest = f"{total['left_to_screen']:,} outages rest on the screen alone"
        text = (*text, f"{rest}: what it misses there is not known.")
    rows = table.reset_index()
    labels = {
        "kind": "Kind",
        "kv": "kV",
        "left_to_screen": "Left to the screen",
        "recall_percent": "Recall",
        "voltage_recall_percent": "Recall of voltages",
    }
    return (Section("Screen", text, (TableBlock(rows, "What the screen missed", "screen", labels=labels),)),)


def _build_outage_tables(
    security: Security, names: Names, elements: dict[str, tuple[str, ...]]
) -> tuple[TableBlock, ...]:
    table = security.status.rename_axis(index="contingency")
    labels = [names.find_outage(key, elements.get(str(key), ())) for key in table.index]
    table.insert(0, "outage", pd.Series(labels, index=table.index, dtype=object))
    table["status"] = table["status"].astype(str)
    worst = pd.Series([names.find(key) for key in table["worst_element"]], index=table.index, dtype=object)
    table["worst_element_name"] = worst
    more = [name for name in security.ranking if name not in table]
    ranked = table.join(security.ranking[more]).loc[security.ranking.index]
    indices = ["performance_index", "performance_index_voltage"]  # infinite without a solution: it has none
    ranked[indices] = ranked[indices].replace(np.inf, np.nan)
    ranked["worst_bus_name"] = [names.find(key) if key else "" for key in ranked["worst_bus"]]
    lost = table[(table["lost_load_mw"] > 0) | (table["lost_generation_mw"] > 0)]
    lost = lost.sort_values("lost_load_mw", ascending=False, kind="stable")
    return (
        TableBlock(
            ranked,
            "Outages, worst first",
            "contingencies",
            labels={
                "worst_element_name": "Worst element",
                "worst_loading_percent": "Its loading",
                "overloads": "Overloads",
                "voltage_violations": "Voltages out",
                "performance_index": "Index of loading",
                "performance_index_voltage": "Index of voltage",
            },
            show=[
                "outage",
                "status",
                "worst_element_name",
                "worst_loading_percent",
                "overloads",
                "voltage_violations",
                "lost_load_mw",
                "lost_generation_mw",
                "performance_index",
                "performance_index_voltage",
                "stage",
            ],
            bar="worst_loading_percent",
            limit=25,
        ),
        TableBlock(
            lost,
            "Outages that leave load or generation without supply",
            "islanding",
            show=["outage", "status", "lost_load_mw", "lost_generation_mw", "consequential_mw"],
            empty="No outage leaves load or generation without supply.",
        ),
    )
