"""A hub study as a page: the answer first, then what it rests on."""

from __future__ import annotations

import math

import pandas as pd

from gridhub.analysis.hub.hub import HubStudy
from gridhub.model.network import Network
from gridhub.report.flow_page import list_licences
from gridhub.report.hosting import KIND_NAMES
from gridhub.report.hub_sections import list_hub_sections
from gridhub.report.names import Names, build_names
from gridhub.report.page import NOT_ASSESSED, Assumption, KeyNumber, NotAssessed, Page, Tone, Verdict
from gridhub.report.rules import list_costs, list_criteria, list_open_places
from gridhub.report.text import format_number

_TONES: dict[str, Tone] = {
    "stands": "good",
    "stands with works": "warning",
    "does not stand as asked": "bad",
    "not assessable": "unknown",
}

# What the standing list says already, by a word that gives it away.
_SAID = (
    "rotor-angle",
    "small-signal",
    "forced oscillation",
    "harmonics",
    "protection settings",
    "fault level",
    "planned maintenance",
    "seasonal",
    "permits",
)


def build_hub_page(study: HubStudy, net: Network | None = None) -> Page:
    """Fill a page from a hub study.

    Parameters
    ----------
    study : HubStudy
        The result.
    net : Network, optional
        Not looked at: a study carries its own networks.

    Returns
    -------
    Page
    """
    center = study.hub.data_center
    names = build_names(study.net_after)
    states = ", ".join(name.replace("_", " ") for name in study.snapshots)
    title = study.net_before.title or study.network
    return Page(
        title=f"{center.name}: {format_number(center.contract_mw, 'MW')} MW on the grid",
        subtitle=" · ".join(part for part in (title, states) if part),
        verdict=Verdict(
            study.outcome[:1].upper() + study.outcome[1:],
            names.read(study.verdict),
            _TONES.get(study.outcome, "plain"),
        ),
        key_numbers=_list_numbers(study, names),
        sections=list_hub_sections(study, names),
        assumptions=_list_assumptions(study),
        not_assessed=_list_open(study),
        licences=list_licences(study.net_before),
        provenance=_describe(study),
    )


def _list_numbers(study: HubStudy, names: Names) -> tuple[KeyNumber, ...]:
    center, headroom = study.hub.data_center, study.headroom
    caused = study.violations[study.violations["change"] == "caused"]
    worsened = int((study.violations["change"] == "worsened").sum())
    outages = caused["contingency"].nunique()
    percent = caused["loading_percent"].astype(float)
    worst = float(percent.max()) if percent.notna().any() else math.nan
    where = (
        names.find(caused.loc[percent.idxmax(), "element"])
        if percent.notna().any()
        else "no overload is caused"
    )
    binding = KIND_NAMES.get(headroom.binding_kind, headroom.binding_kind)
    load = study.placements.iloc[0]
    numbers = [
        KeyNumber("Asked for", center.contract_mw, "MW", f"at {names.find(headroom.bus, 'bus')}"),
        KeyNumber(
            "The bus takes without works",
            headroom.near_mw,
            "MW",
            f"binds: {binding[:1].lower()}{binding[1:]}",
            "good" if headroom.near_mw >= center.contract_mw else "bad",
        ),
        KeyNumber(
            "Limits newly broken",
            float(len(caused)),
            "",
            f"under {outages} outages; {worsened} more are worsened",
            "bad" if len(caused) else "good",
        ),
        KeyNumber("Worst new overload", worst, "%", where, "bad" if worst > 100 else "plain"),
        *_list_money(study),
        KeyNumber(
            "Load: earliest by the rules", str(load["earliest_energisation"]), "", _say_built(load), "plain"
        ),
    ]
    plants = study.placements[study.placements["deciding_rule"].astype(str) != ""]
    if len(plants):
        latest = plants.sort_values("earliest_energisation", kind="stable").iloc[-1]
        note = f"{latest['part']}: {latest['deciding_rule']}".replace("-", " ")
        numbers.append(
            KeyNumber(
                "Plants: earliest by the rules", str(latest["earliest_energisation"]), "", note, "warning"
            )
        )
    return tuple(numbers)


def _say_built(part: pd.Series) -> str:
    built = str(part.get("build_ready", "") or "")
    return f"its feeders by {built} at the usual pace" if built else ""


def _list_money(study: HubStudy) -> tuple[KeyNumber, ...]:
    if study.package.empty:
        return ()
    low, base, high = (float(study.package[f"cost_{end}_bn"].sum()) for end in ("low", "base", "high"))
    left = int(study.package["left_violations"].iloc[-1])
    note = f"{low:,.0f} – {high:,.0f}; {len(study.package)} works leave {left} of the new violations"
    return (
        KeyNumber("Works in the grid", round(base), study.money_unit, note, "warning" if left else "plain"),
    )


def _list_assumptions(study: HubStudy) -> tuple[Assumption, ...]:
    own = tuple(
        Assumption(
            f"{row['topic']}: {str(row['what']).replace('_', ' ')}",
            str(row["value"]),
            "",
            str(row["source"]) or "assumed",
            "",
            str(row["confidence"]),
        )
        for _, row in study.assumptions.iterrows()
        if row["topic"] != "criteria"
    )
    rules = tuple(
        Assumption(
            f"rule {row['rule']}",
            str(row["finding"]),
            "",
            str(row["source"]),
            str(row["as_of"]),
            str(row["confidence"]),
        )
        for _, row in study.rules.drop_duplicates("finding").iterrows()
    )
    criteria = list_criteria(study.net_before) if study.criteria else ()
    return (*own, *rules, *criteria, *list_costs(study.net_before))


def _list_open(study: HubStudy) -> tuple[NotAssessed, ...]:
    extra = [text for text in study.not_assessed if not any(word in text for word in _SAID)]
    more = tuple(NotAssessed(text[:1].upper() + text[1:], "not part of this study") for text in extra)
    return (*NOT_ASSESSED, *list_open_places(study.net_before), *more)


def _describe(study: HubStudy) -> dict[str, str]:
    outages = {name: len(security.status) for name, security in study.security_after.items()}
    solved = {
        name: int((security.status["stage"].astype(str) == "ac").sum())
        for name, security in study.security_after.items()
    }
    total = sum(study.timings_s.values())
    slowest = sorted(study.timings_s.items(), key=lambda item: -item[1])[:4]
    return {
        "Network": study.network,
        "Criteria": study.criteria or "ratings alone",
        "Outages with the hub": ", ".join(
            f"{name.replace('_', ' ')} {count:,} ({solved[name]:,} by AC)" for name, count in outages.items()
        ),
        "Options": ", ".join(f"{key} {value}" for key, value in study.options.items()) or "defaults",
        "Time": f"{total:.1f} s; " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest),
    }
