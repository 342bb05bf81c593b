"""The works of a hub study: candidates one by one, then a package that leaves nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gridhub.analysis.hosting.headroom import Headroom, find_headroom
from gridhub.analysis.hub.run import HubRun, judge_again, measure_changes, pick_outages, run_states
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.works.candidates import Candidate, list_candidates
from gridhub.analysis.works.comparison import Reinforcement, compare_candidates, find_gain
from gridhub.costs import Cost
from gridhub.model.network import Network
from gridhub.placement.candidates import HUB_PREFIX

LARGEST_PACKAGE = 12
"""Works tried for the package at most."""

PACKAGE_COLUMNS = (
    "step",
    "candidate",
    "kind",
    "target",
    "description",
    "left_violations",
    "left_worst_percent",
    "judged_on",
    "cost_low_bn",
    "cost_base_bn",
    "cost_high_bn",
)
"""Columns of the package table."""


def plan_works(
    run: HubRun,
    placed: Network,
    violations: pd.DataFrame,
    old: pd.DataFrame,
    headroom: Headroom,
    bus: str,
    seed: int,
) -> tuple[Reinforcement | None, pd.DataFrame]:
    """Try candidates one by one, then add works until nothing caused is left."""
    touched = violations[violations["change"] == "caused"]
    empty = pd.DataFrame(columns=list(PACKAGE_COLUMNS))
    if run.costs is None or touched.empty:
        return None, empty
    chosen = pick_outages(violations, ("caused",))
    candidates = _list_candidates(run, placed, touched, _list_binding(headroom))
    tight = headroom.by_snapshot
    tight = tight[(tight["kind"] == "thermal_n1") & (tight["snapshot"] != "")]
    states = list(tight.sort_values("near_mw", kind="stable")["snapshot"][:2]) or None
    fast = {"check": False, "tower_min_kv": math.inf, "options": run.options}
    base = find_headroom(run.net, bus, run.criteria, states, **fast).near_mw  # type: ignore[arg-type]
    gains, left = [], []
    for number, one in enumerate(candidates):
        run.tell(f"reinforcement {one.name}", 0.66 + 0.12 * number / len(candidates))
        gains.append(find_gain(run.net, one, bus, base, run.criteria, run.options, states))
        table, _ = judge_again(run, one.apply(placed), old, chosen)
        found = measure_changes(table)
        left.append((found["caused"], found["worst_percent"]))
    run.tell("package of works", 0.78)
    package = _build_package(run, placed, touched, old, chosen)
    return compare_candidates(candidates, gains, left, run.costs.money_unit, seed), package


def _list_binding(headroom: Headroom) -> list[str]:
    """List what binds the headroom: N-1, then N."""
    return [str(headroom.table.at[kind, "near_element"]) for kind in ("thermal_n1", "thermal_n")]


def _list_candidates(
    run: HubRun, net: Network, touched: pd.DataFrame, binding: Sequence[str], routes: int = 3
) -> tuple[Candidate, ...]:
    assert run.costs is not None
    center = run.hub.data_center
    loads = [str(name) for name in net.load.index if _is_hub_load(str(name), center.name)]
    return list_candidates(
        net,
        run.costs,
        touched,
        binding,
        str(net.load.at[loads[0], "bus"]),
        loads,
        center.contract_mw,
        center.flexible_share,
        routes,
    )


def _is_hub_load(name: str, center: str) -> bool:
    return name in {f"{HUB_PREFIX}{center}", f"{HUB_PREFIX}{center}:1", f"{HUB_PREFIX}{center}:2"}


def _build_package(
    run: HubRun,
    placed: Network,
    touched: pd.DataFrame,
    old: pd.DataFrame,
    chosen: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Add works until nothing caused is left, then run every outage of the whole package.

    A work that does not lower the number of caused violations is not kept. What the full run finds beside
    the outages run so far goes into a second round.
    """
    net = placed
    rows: list[dict[str, Any]] = []
    used: set[str] = set()
    outages = {name: list(ids) for name, ids in chosen.items()}
    for start in (0.78, 0.815):
        net, touched = _add_works(run, net, touched, old, outages, rows, used, start)
        if not rows:
            break
        results = run_states(run, net, report=("all outages with the works", start + 0.02, start + 0.03))
        lost = [name for name in outages if name not in results]
        table = compare_violations(old, collect_violations(list(results.values()), lost))
        touched = table[table["change"] == "caused"]
        found = measure_changes(table)
        rows[-1] |= {"left_violations": found["caused"], "left_worst_percent": found["worst_percent"]}
        rows[-1]["judged_on"] = "all outages"
        if touched.empty or len(used) >= LARGEST_PACKAGE:
            break
        for name, ids in pick_outages(table, ("caused",)).items():
            outages[name] = list(dict.fromkeys([*outages.get(name, []), *ids]))
    return pd.DataFrame(rows, columns=list(PACKAGE_COLUMNS))


def _add_works(
    run: HubRun,
    net: Network,
    touched: pd.DataFrame,
    old: pd.DataFrame,
    outages: Mapping[str, Sequence[str]],
    rows: list[dict[str, Any]],
    used: set[str],
    start: float,
) -> tuple[Network, pd.DataFrame]:
    """Add the cheapest work for what is worst, judge again, until nothing caused is left or no work helps."""
    count = len(touched)
    while not touched.empty and len(used) < LARGEST_PACKAGE:
        best = _choose_work(run, net, touched, used)
        if best is None:
            break
        used.add(best.name)
        run.tell(f"package: {best.name}", start)
        changed = best.apply(net)
        table, _ = judge_again(run, changed, old, outages)
        found = measure_changes(table)
        if found["caused"] >= count:
            continue
        net, count, touched = changed, found["caused"], table[table["change"] == "caused"]
        rows.append(
            {
                "step": len(rows) + 1,
                "candidate": best.name,
                "kind": best.kind,
                "target": best.target,
                "description": best.description,
                "left_violations": found["caused"],
                "left_worst_percent": found["worst_percent"],
                "judged_on": "outages with violations",
                **_split(best.cost),
            }
        )
    return net, touched


def _choose_work(run: HubRun, net: Network, touched: pd.DataFrame, used: set[str]) -> Candidate | None:
    """Choose the cheapest grid work for the worst of what is violated; a low voltage comes first.

    Overloads after it may vanish with it.
    """
    works = [
        one
        for one in _list_candidates(run, net, touched, [], routes=4)
        if one.kind not in ("storage", "flexible_load", "capacitor") and one.name not in used
    ]
    if not works:
        return None
    first = next((one for one in works if one.kind == "statcom"), works[0])
    return min((one for one in works if one.target == first.target), key=lambda one: one.cost.base)


def _split(cost: Cost) -> dict[str, float]:
    return {f"cost_{end}_bn": float(getattr(cost, end)) for end in ("low", "base", "high")}
