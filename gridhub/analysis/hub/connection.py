"""The connection of a hub: the rules it meets and what it costs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gridhub.analysis.works.candidates import cost_route, find_contingency
from gridhub.connection_rules import ConnectionRules
from gridhub.costs import Cost, Costs


def build_rule_findings(placements: pd.DataFrame, rules: ConnectionRules | None) -> pd.DataFrame:
    """List every rule that a part of the hub meets.

    Returns
    -------
    DataFrame
        part, kind, rule, finding (the rule in words), earliest (month the rule allows, "" if it sets none),
        decides (True where the rule alone can decide the study), source, as_of, confidence.
    """
    rows: list[dict[str, Any]] = []
    columns = ["part", "kind", "rule", "finding", "earliest", "decides", "source", "as_of", "confidence"]
    if rules is None:
        return pd.DataFrame(columns=columns)
    by_id = {rule.id: rule for rule in rules.rules}
    for _, part in placements.iterrows():
        for name in [text for text in str(part["rules"]).split(", ") if text]:
            rule = by_id[name]
            earliest, by = rules.find_earliest((rule,))
            rows.append(
                {
                    "part": part["part"],
                    "kind": part["kind"],
                    "rule": rule.id,
                    "finding": rule.text,
                    "earliest": earliest if by else "",
                    "decides": rule.decides,
                    "source": rule.source,
                    "as_of": rule.as_of,
                    "confidence": rule.confidence,
                }
            )
    provinces = set(placements["province"])
    for one in rules.published:
        if one.name in provinces:
            rows.append(
                {
                    "part": "",
                    "kind": "published",
                    "rule": "grid company's own finding",
                    "finding": f"{one.name}: data centers of {one.able_mw:,.0f} MW can be supplied, "
                    f"{one.unable_mw:,.0f} MW cannot",
                    "earliest": "",
                    "decides": False,
                    "source": one.source,
                    "as_of": one.as_of,
                    "confidence": one.confidence,
                }
            )
    return pd.DataFrame(rows, columns=columns)


def build_connection_costs(placements: pd.DataFrame, costs: Costs | None) -> pd.DataFrame:
    """Cost the feeders and banks each part builds.

    Returns
    -------
    DataFrame
        part, item ("feeders" | "banks"), quantity (in words), low_bn, base_bn, high_bn, source, confidence.
    """
    columns = ["part", "item", "quantity", "low_bn", "base_bn", "high_bn", "source", "confidence"]
    rows = []
    for _, part in placements.iterrows() if costs is not None else ():
        assert costs is not None
        found: list[tuple[str, str, Cost | None]] = []
        if part["feeders"]:
            km, count = float(part["length_km"]), int(part["feeders"])
            text = f"{count} circuits {part['vn_kv']:g} kV, {km:.1f} km"
            found.append(("feeders", text, cost_route(costs, float(part["vn_kv"]), "overhead", km, count)))
        if part["banks"]:
            item = f"bank_{part['bank_high_kv']:g}_{part['vn_kv']:g}"
            cost = costs[item] * int(part["banks"]) * find_contingency(costs) if item in costs else None
            found.append(("banks", f"{int(part['banks'])} banks of {part['bank_mva']:g} MVA", cost))
        for item, text, cost in found:
            row = {"part": part["part"], "item": item, "quantity": text}
            if cost is None:
                row |= {"low_bn": math.nan, "base_bn": math.nan, "high_bn": math.nan}
                row |= {"source": "no cost in the region's data", "confidence": ""}
            else:
                row |= {"low_bn": cost.low, "base_bn": cost.base, "high_bn": cost.high}
                row |= {"source": cost.source, "confidence": cost.confidence}
            rows.append(row)
    return pd.DataFrame(rows, columns=columns)
