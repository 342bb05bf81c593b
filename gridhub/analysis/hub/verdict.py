"""What a hub study comes to: one word, and one sentence that also says what was not looked at."""

from __future__ import annotations

import pandas as pd

from gridhub.analysis.hosting.headroom import Headroom
from gridhub.errors import name_ids
from gridhub.model.network import Network
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import Hub

LIMIT_WORDS = {
    "thermal_n": "overload with everything in service",
    "thermal_n1": "overload after one outage",
    "thermal_tower": "overload after the loss of a tower",
    "interface": "interface limit",
    "generation": "generation left",
    "voltage": "voltage",
}
"""What binds, in words."""


def decide(
    placements: pd.DataFrame, violations: pd.DataFrame, package: pd.DataFrame, not_assessable: pd.DataFrame
) -> str:
    """Sum a study up: "stands", "stands with works", "does not stand as asked" or "not assessable".

    Parameters
    ----------
    placements, violations, package, not_assessable : DataFrame
        Of `gridhub.analysis.hub.hub.HubStudy`.
    """
    if len(not_assessable) and (not_assessable["role"] == "point of connection").any():
        return "not assessable"
    if not (violations["change"] == "caused").any():
        return "stands"
    if len(package) and package["left_violations"].iloc[-1] == 0:
        return "stands with works"
    return "does not stand as asked"


def write_verdict(
    net: Network,
    hub: Hub,
    placements: pd.DataFrame,
    violations: pd.DataFrame,
    package: pd.DataFrame,
    money_unit: str,
    headroom: Headroom,
    not_assessable: pd.DataFrame,
    hub_losses: pd.DataFrame,
    on_site_losses: pd.DataFrame,
    outcome: str,
) -> str:
    """Write one sentence: what the hub causes, what works do, when it may come, what was not assessed.

    Parameters
    ----------
    net : Network
        Without the hub.
    hub, placements, violations, package, money_unit, headroom, not_assessable, hub_losses, on_site_losses,
    outcome
        Of `gridhub.analysis.hub.hub.HubStudy`.
    """
    center, first = hub.data_center, placements.iloc[0]
    bus = str(first["site_bus"])
    site = str(net.bus["name"][bus]) or bus
    caused = violations[violations["change"] == "caused"]
    words = [f"{center.name} with {center.contract_mw:,.0f} MW at {site} ({first['vn_kv']:g} kV supply) "]
    if outcome == "not assessable":
        words.append(
            "cannot be assessed with public data, because its point of connection rests on missing or "
            "assumed routes; as far as the data go, it "
        )
    words.append("causes no violation" if caused.empty else f"causes {_describe_caused(caused)}")
    if len(package):
        total, left = package["cost_base_bn"].sum(), int(package["left_violations"].iloc[-1])
        end = "remove them all" if left == 0 else f"leave {left} of them"
        words.append(f", {len(package)} works of about {total:,.0f} {money_unit} {end}")
    binding = LIMIT_WORDS.get(headroom.binding_kind, "nothing binds up to there")
    words.append(f"; without works the bus takes about {headroom.near_mw:,.0f} MW ({binding}")
    sure = headroom.table["near_confidence"].get(headroom.binding_kind, "")
    words.append(
        f", on a branch of confidence {sure})" if sure in ("low", "assumed", "not assessable") else ")"
    )
    words += _describe_dates(placements)
    if len(hub_losses) and (hub_losses["state"] == "frequency study required").any():
        words.append("; a frequency study is required for the loss of the hub")
    words += _describe_on_site(hub, on_site_losses)
    if len(not_assessable) and outcome != "not assessable":
        words.append(
            f"; {len(not_assessable)} sites behind these figures are not assessable with public data"
        )
    words.append(
        "; stability, fault level, harmonics, protection, planned maintenance, land and permits were not "
        "assessed."
    )
    return "".join(words)


def _describe_on_site(hub: Hub, losses: pd.DataFrame) -> list[str]:
    """Say what the grid carries when on-site generation is lost, or that it never runs."""
    if not hub.generators:
        return []
    standby = [part.name for part in hub.generators if part.standby]
    words = [f"; {name_ids(standby)} is standby and serves no hour"] if standby else []
    if len(losses):
        worst = losses.loc[losses["draw_after_mw"].idxmax()]
        name = str(worst["unit"]).removeprefix(HUB_PREFIX)
        words.append(
            f"; after the loss of {name} the grid carries {worst['draw_after_mw']:,.0f} MW "
            f"instead of {worst['draw_before_mw']:,.0f}; {losses['violations'].sum():d} violations are new"
        )
    return words


def _describe_dates(placements: pd.DataFrame) -> list[str]:
    """Say from when the rules let the parts come."""
    words = []
    decided = placements[placements["deciding_rule"] != ""]
    if len(decided):
        words.append(
            f"; the generation rule decides the answer: {name_ids(decided['part'])} may not be energised "
            f"before {decided['earliest_energisation'].max()} ({decided['deciding_rule'].iloc[0]})"
        )
    month = str(placements["earliest_energisation"].iloc[0])
    if month:
        words.append(f", the load from {month} by the rules")
    ready = str(placements["build_ready"].iloc[0])
    if ready:
        words.append(f" but not before {ready} if its feeders take the standard period of a new line")
    return words


def _describe_caused(caused: pd.DataFrame) -> str:
    """Count the caused violations by what they are."""
    after = caused["contingency"] != ""
    outages = caused.loc[after, "contingency"].astype(str)
    parts = []
    if (~after).any():
        parts.append(f"{int((~after).sum())} violation(s) with everything in service")
    if len(outages):
        towers = int(outages.str.startswith("tower:").sum())
        parts.append(
            f"{len(outages)} violation(s) under {outages.nunique()} outage(s), {towers} of them after the "
            "loss of a tower,"
        )
    text = " and ".join(parts) + " that were not there before"
    loading = caused["loading_percent"].astype(float)
    if loading.notna().any():
        text += f" (worst: {caused['element'][loading.idxmax()]} at {loading.max():.0f} %)"
    return text
