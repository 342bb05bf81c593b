"""Variants and sensitivities of a hub study: the same hub under other connections, ratings and conductors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hub.run import (
    TOWER_KV,
    HubRun,
    judge_again,
    measure_changes,
    pick_outages,
    restrict_violations,
    run_states,
)
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.security.security import Security
from gridhub.analysis.works.works import find_conductors, set_conductor
from gridhub.model.network import Network
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import Hub
from gridhub.placement.place import place

RATING_SENSITIVITY = 1.10
"""Rating after an outage in the sensitivity, as a share of the normal rating."""

POWER_FACTORS = (0.90, 0.98)
"""Power factors of the data center in the sensitivity."""

WORST_OUTAGES = 15
"""Outages run again per snapshot in a sensitivity: those with the worst violations."""

WORST_NOTE = f"the {WORST_OUTAGES} worst outages of each snapshot; compare with the same of the base"
"""Note of the rows that do not stand on every outage."""


def compare_variants(
    run: HubRun,
    placed: Network,
    mine: pd.DataFrame,
    violations: pd.DataFrame,
    old: pd.DataFrame,
    after: Mapping[str, Security],
) -> pd.DataFrame:
    """Set the hub as asked beside the same hub with its plants behind the meter, or the other way round."""
    hub = run.hub
    if not hub.plants and not hub.storage:
        return pd.DataFrame()
    twin = Hub(hub.data_center, hub.plants, hub.storage, not hub.behind_the_meter, hub.generators)
    other = place(run.net, twin)
    chosen = pick_outages(violations, ("caused", "worsened"))
    for name in after:
        chosen.setdefault(name, [])
    table, results = judge_again(run, other, old, chosen)
    rows = []
    for net, placements, found, states, is_behind in (
        (placed, mine, measure_changes(violations), after, hub.behind_the_meter),
        (other, other.placements, measure_changes(table), results, twin.behind_the_meter),
    ):
        net_draw = [_sum_draw(net, sec) for sec in states.values()] or [math.nan]
        for _, part in placements.iterrows():
            rows.append(
                {
                    "variant": "behind the meter" if is_behind else "as separate connections",
                    "asked": is_behind == hub.behind_the_meter,
                    "part": part["part"],
                    "bus": part["bus"],
                    "earliest_energisation": part["earliest_energisation"],
                    "deciding_rule": part["deciding_rule"],
                    "note": part["note"],
                    **found,
                    "largest_draw_mw": max(0.0, max(net_draw)),
                    "largest_export_mw": max(0.0, -min(net_draw)),
                }
            )
    return pd.DataFrame(rows)


def _sum_draw(net: Network, sec: Security) -> float:
    """Net power all parts of the hub draw from the grid in the N state [MW]."""
    bus = [name for name in dict.fromkeys(net.placements["bus"])]
    return -float(sec.base.bus["p_mw"].reindex(bus).sum())


def run_sensitivities(
    run: HubRun,
    placed: Network,
    violations: pd.DataFrame,
    old: pd.DataFrame,
    after: Mapping[str, Security],
) -> pd.DataFrame:
    """Judge the hub's outages again with other ratings, power factors and conductors."""
    chosen = pick_outages(violations, ("caused", "worsened"), WORST_OUTAGES)
    lowest = min((float(sec.base.summary["lowest_vm_pu"]) for sec in after.values()), default=math.nan)
    rows = [{"case": "base", **measure_changes(violations), "lowest_vm_pu": lowest, "note": "all outages"}]
    relaxed = _relax(old), _relax(collect_violations(list(after.values())))
    rows.append(
        {
            "case": f"rating after an outage {RATING_SENSITIVITY:.0%}",
            **measure_changes(compare_violations(*relaxed)),
            "lowest_vm_pu": lowest,
            "note": "all outages; same states, other limit",
        }
    )
    if not chosen:
        return pd.DataFrame(rows)
    same = restrict_violations(violations, chosen)
    rows.append(
        {"case": "base, worst outages", **measure_changes(same), "lowest_vm_pu": lowest, "note": WORST_NOTE}
    )
    for factor in POWER_FACTORS:
        center = replace(run.hub.data_center, power_factor=factor)
        net = place(run.net, replace(run.hub, data_center=center))
        table, results = judge_again(run, net, old, chosen)
        rows.append(_describe_case(f"power factor {factor:.2f}", table, results))
    for name, kind in _list_conductor_cases(run.net):
        nets = [_set_conductor(one, kind) for one in (run.net, placed)]
        reference = run_states(run, nets[0], chosen)
        table, results = judge_again(run, nets[1], collect_violations(list(reference.values())), chosen)
        rows.append(_describe_case(name, table, results))
    return pd.DataFrame(rows)


def _describe_case(name: str, table: pd.DataFrame, results: Mapping[str, Security]) -> dict[str, Any]:
    lowest = min((float(sec.base.summary["lowest_vm_pu"]) for sec in results.values()), default=math.nan)
    return {"case": name, **measure_changes(table), "lowest_vm_pu": lowest, "note": WORST_NOTE}


def _relax(violations: pd.DataFrame) -> pd.DataFrame:
    """Drop overloads after an outage that the higher rating allows; express the rest against it."""
    thermal = (violations["kind"] == "thermal") & (violations["contingency"] != "")
    loading = violations["loading_percent"].astype(float)
    keep = ~thermal | (loading > 100.0 * RATING_SENSITIVITY)
    relaxed = loading.where(~thermal, loading / RATING_SENSITIVITY)
    return violations.assign(loading_percent=relaxed)[keep]


def _list_conductor_cases(net: Network) -> list[tuple[str, dict[str, Any]]]:
    """List the conductors the 345 kV lines have in the data: one case each, if there is more than one."""
    found = find_conductors(net, TOWER_KV)
    if len(found) < 2:
        return []
    return [(f"all {TOWER_KV:g} kV overhead lines {name}", kind) for name, kind in found.items()]


def _set_conductor(net: Network, kind: Mapping[str, Any]) -> Network:
    """Give all 345 kV overhead lines of the grid one conductor; the hub's own feeders stay as they are."""
    line = net.line
    vn_kv = net.bus["vn_kv"].reindex(line["from_bus"]).to_numpy(dtype=float)
    mine = np.isclose(vn_kv, TOWER_KV, rtol=0.02) & (line["construction"] == "overhead").to_numpy(dtype=bool)
    mine &= ~line.index.str.startswith(HUB_PREFIX)
    return set_conductor(net, line.index[mine], kind)
