"""A placed part in words and figures: its row of ``placements``."""

from __future__ import annotations

import math
from typing import Any

from gridhub.connection_rules import ConnectionRules, add_months
from gridhub.model.network import Network
from gridhub.placement.placed import Placed


def describe(net: Network, rules: ConnectionRules | None, one: Placed) -> dict[str, Any]:
    """Make the row of ``placements``."""
    connection, request = one.connection, one.request
    kind = request.kind
    behind = connection.reason.startswith("behind")
    where = getattr(one.part, "province", "") or connection.province
    met = (
        rules.find_rules(
            "behind_the_meter" if behind and kind != "storage" else kind, request.class_mw, where
        )
        if rules
        else ()
    )
    month, by = rules.find_earliest(met) if rules else ("", "")
    deciding = next((rule.id for rule in met if rule.decides), "")
    ready = ""
    if rules and connection.feeder and connection.vn_kv >= rules.line_lead_from_kv:
        ready = add_months(rules.as_of, round(12 * rules.line_lead_years.value))
    feeder, bank = connection.feeder, connection.bank
    return {
        "part": request.name,
        "kind": kind,
        "bus": connection.bus,
        "vn_kv": connection.vn_kv,
        "distance_km": round(connection.distance_km, 3),
        "feeders": connection.feeders,
        "p_mw": request.p_mw,
        "earliest_energisation": month,
        "basis": "; ".join(_explain(net, rules, one, month, by)),
        "site_bus": connection.site_bus,
        "site": net.bus.at[connection.site_bus, "site"],
        "length_km": round(connection.length_km, 3),
        "conductor": feeder.conductor if feeder else "",
        "feeder_rate_mva": feeder.rate_mva if feeder else math.nan,
        "banks": connection.banks,
        "bank_mva": bank.rate_mva if bank else math.nan,
        "bank_high_kv": bank.high_kv if bank else math.nan,
        "province": where,
        "rules": ", ".join(rule.id for rule in met),
        "deciding_rule": deciding,
        "build_ready": ready,
        "alternatives": connection.alternatives,
        "behind_the_meter": behind,
        "note": "; ".join(one.notes),
    }


def _explain(net: Network, rules: ConnectionRules | None, one: Placed, month: str, by: str) -> list[str]:
    """Say in words why the part is connected as it is."""
    connection, request = one.connection, one.request
    name = str(net.bus["name"][connection.site_bus]) or connection.site_bus
    words = [f"{connection.reason}: {name}, {connection.distance_km:.1f} km"]
    if rules is None:
        words.append(
            "no connection rules in this network: connected at the named bus, voltage class not judged"
        )
        return words + list(one.notes[:1])
    if not connection.reason.startswith("behind"):
        found = rules.find_class(request.kind, request.class_mw)
        words.insert(
            0,
            f"{request.class_mw:g} MW is supplied at {found.vn_kv:g} kV ({found.confidence}: {found.source})",
        )
    if connection.bank:
        words.append(
            f"{connection.banks} own banks {connection.bank.high_kv:g}/{connection.bank.low_kv:g} kV of "
            f"{connection.bank.rate_mva:g} MVA, one may fail"
        )
    if connection.feeder:
        words.append(
            f"{connection.feeders} feeders {connection.feeder.conductor} of {connection.feeder.rate_mva:g} "
            f"MVA carry {request.s_mva:.0f} MVA after the loss of one"
        )
    words.append(f"earliest {month} by {by}" if by else f"no rule sets a date: {month}")
    return words + [note for note in one.notes if note.startswith(("split", "frequency"))]
