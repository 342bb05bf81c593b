"""The hub study: what a hub does to a grid, what it needs, when it may come, and what nobody looked at."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis import hub_tables as tables
from gridhub.analysis.comparison import collect_violations, compare_violations
from gridhub.analysis.contingencies import list_contingencies
from gridhub.analysis.headroom import Headroom, find_headroom
from gridhub.analysis.hub_verdict import decide, write_verdict
from gridhub.analysis.interfaces import compare_interfaces
from gridhub.analysis.reinforcement import (
    Candidate,
    Reinforcement,
    compare_candidates,
    find_conductors,
    find_gain,
    list_candidates,
    set_conductor,
)
from gridhub.analysis.security import Security, resolve_criteria, run_security
from gridhub.connection_rules import ConnectionRules, read_connection_rules
from gridhub.costs import Cost, Costs, read_costs
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import Hub
from gridhub.placement.place import place
from gridhub.solvers.options import PowerFlowOptions

Progress = Callable[[str, float], None]
"""Told the step and the share done, 0 to 1."""

KINDS = ("line", "transformer", "series", "hvdc_pole", "data_center")
"""Kinds of outages run, beside towers and large units."""

LARGE_UNIT_MW = 1000.0
"""Units from this size are outages of their own [MW]; smaller ones are milder and left out: assumed."""

TOWER_KV = 345.0
"""Lowest voltage of towers where the criteria name none [kV]."""

RATING_SENSITIVITY = 1.10
"""Rating after an outage in the sensitivity, as a share of the normal rating."""

POWER_FACTORS = (0.90, 0.98)
"""Power factors of the data center in the sensitivity."""

LARGEST_PACKAGE = 12
"""Works tried for the package at most."""

SENSITIVITY_OUTAGES = 40
"""Outages run again per snapshot where only those with violations are: the worst ones."""


@dataclass(frozen=True, eq=False)
class HubStudy:
    """Result of a hub study. Money is in ``money_unit``; tables have one meaning per column.

    Attributes
    ----------
    network, criteria, snapshots : str, str, tuple of str
        What was studied; by which criteria ("" = ratings alone); in which states.
    hub : Hub
    net_before, net_after : Network
        Without and with the hub.
    verdict : str
        One sentence, which also says what was not assessed.
    outcome : {"stands", "stands with works", "does not stand as asked", "not assessable"}
        "stands": no violation is caused. "stands with works": the package removes all. "not assessable": the
        point of connection is not carried by public data.
    placements : DataFrame
        See `gridhub.placement.place.place`.
    states : DataFrame
        Per snapshot, before and after (`hub_tables.build_states`).
    overloads : DataFrame
        Violations of the N state after: columns of ``Security.violations``.
    voltages, interfaces, violations, islanding, hvdc, hub_losses : DataFrame
        See `hub_tables.build_voltages`, `interfaces.compare_interfaces`, `comparison.compare_violations`
        (column change: caused, worsened, as before, relieved), `hub_tables.build_islanding`,
        `build_hvdc`, `build_hub_losses`.
    headroom : Headroom
        At the first point of connection, without the hub.
    reinforcement : Reinforcement or None
        None if nothing is violated, or the region has no costs.
    package : DataFrame
        Works added one after the other until nothing caused is left: step, candidate, description,
        left_violations, left_worst_percent, cost_low_bn, cost_base_bn, cost_high_bn (of this step).
    connection_costs, rules, behind_the_meter, sensitivities, not_assessable, assumptions : DataFrame
        See the builders of the same name. ``behind_the_meter``: variant ("as asked" | "behind the meter"),
        part, bus, earliest_energisation, deciding_rule; and per variant caused, worsened, worst_percent,
        largest_draw_mw, largest_export_mw. ``sensitivities``: case, caused, worsened, worst_percent,
        lowest_vm_pu, note.
    not_assessed : tuple of str
        What no study of this package looks at.
    security_before, security_after : mapping
        Snapshot -> Security: the N states (``.base``) for maps, and every outage.
    money_unit : str
    options : mapping
        As given.
    timings_s : mapping
        Step -> seconds.
    """

    network: str
    criteria: str
    snapshots: tuple[str, ...]
    hub: Hub
    net_before: Network
    net_after: Network
    verdict: str
    outcome: str
    placements: pd.DataFrame
    states: pd.DataFrame
    overloads: pd.DataFrame
    voltages: pd.DataFrame
    interfaces: pd.DataFrame
    violations: pd.DataFrame
    islanding: pd.DataFrame
    hvdc: pd.DataFrame
    hub_losses: pd.DataFrame
    headroom: Headroom
    reinforcement: Reinforcement | None
    package: pd.DataFrame
    connection_costs: pd.DataFrame
    rules: pd.DataFrame
    behind_the_meter: pd.DataFrame
    sensitivities: pd.DataFrame
    not_assessable: pd.DataFrame
    assumptions: pd.DataFrame
    not_assessed: tuple[str, ...]
    security_before: Mapping[str, Security]
    security_after: Mapping[str, Security]
    money_unit: str
    options: Mapping[str, Any]
    timings_s: Mapping[str, float]


@dataclass(eq=False)
class _Run:
    """What all steps of one study share."""

    net: Network
    hub: Hub
    criteria: Criteria | None
    snapshots: tuple[str | None, ...]
    options: Mapping[str, Any] | PowerFlowOptions | None
    progress: Progress | None
    rules: ConnectionRules | None
    costs: Costs | None
    timings: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)

    def tell(self, step: str, done: float) -> None:
        """Close the step before and open this one."""
        now = time.perf_counter()
        self.timings[step] = 0.0
        if len(self.timings) > 1:
            self.timings[list(self.timings)[-2]] += now - self.started
        self.started = now
        if self.progress is not None:
            self.progress(step, done)


def list_hub_contingencies(net: Network, criteria: Criteria | None) -> pd.DataFrame:
    """List the outages of a hub study.

    Returns
    -------
    DataFrame
        Lines, transformers, series elements, HVDC poles, whole data centers; towers from the voltage the
        criteria name (else 345 kV); units of 1,000 MW and more.
    """
    from_kv = criteria.double_circuit_min_kv if criteria is not None else TOWER_KV
    units = list_contingencies(net, ("generator",))
    large = net.generator.index[net.generator["p_max_mw"] >= LARGE_UNIT_MW]
    parts = [
        list_contingencies(net, KINDS),
        list_contingencies(net, ("tower",), from_kv),
        units[[elements[0] in set(large) for elements in units["elements"]]],
    ]
    return pd.concat([part for part in parts if len(part)])


def _run_states(
    run: _Run,
    net: Network,
    chosen: Mapping[str, Sequence[str]] | None = None,
    report: tuple[str, float, float] | None = None,
    must_converge: bool = False,
) -> dict[str, Security]:
    """Run the security of every snapshot; `chosen` keeps only some outages of some snapshots.

    A snapshot without an AC solution is left out, unless it must have one.
    """
    results: dict[str, Security] = {}
    names = [find_snapshot(net, one) or "" for one in run.snapshots]
    for number, name in enumerate(names):
        if chosen is not None and name not in chosen:
            continue
        if report is not None:
            run.tell(f"{report[0]} {name}".strip(), report[1] + (report[2] - report[1]) * number / len(names))
        cset = list_hub_contingencies(net, run.criteria)
        if chosen is not None:
            cset = cset[cset.index.isin(list(chosen[name]))]
            cset = cset if len(cset) else list_hub_contingencies(net, run.criteria).iloc[:1]
        try:
            results[name] = run_security(
                net,
                cset,
                run.criteria,
                name or None,
                verify="flagged" if chosen is None else "all",
                options=run.options,
            )
        except NotConverged:
            if must_converge:
                raise
    return results


def _pick_outages(violations: pd.DataFrame, changes: Sequence[str]) -> dict[str, list[str]]:
    """Pick the outages with violations of some kinds, the worst of each snapshot."""
    mine = violations[violations["change"].isin(list(changes))]
    picked: dict[str, list[str]] = {}
    for name, group in mine.groupby("snapshot", sort=False):
        outages = list(dict.fromkeys(str(one) for one in group["contingency"] if one))
        picked[str(name)] = outages[:SENSITIVITY_OUTAGES]
    return picked


def _restrict(table: pd.DataFrame, chosen: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Keep the violations of the N state and of the chosen outages in the chosen snapshots."""
    keep = [
        snapshot in chosen and (contingency == "" or contingency in chosen[snapshot])
        for snapshot, contingency in zip(table["snapshot"], table["contingency"], strict=True)
    ]
    return table[np.array(keep, dtype=bool)]


def _measure(violations: pd.DataFrame) -> dict[str, Any]:
    """Count what is caused and worsened, and name the worst loading among it."""
    caused = violations[violations["change"] == "caused"]
    touched = violations[violations["change"].isin(("caused", "worsened"))]
    percent = caused["loading_percent"].astype(float)
    return {
        "caused": len(caused),
        "worsened": len(touched) - len(caused),
        "worst_percent": float(percent.max()) if percent.notna().any() else math.nan,
    }


def _judge_again(
    run: _Run, net: Network, before: pd.DataFrame, chosen: Mapping[str, Sequence[str]]
) -> tuple[pd.DataFrame, dict[str, Security]]:
    """Run the chosen outages on a changed network and compare with the grid before the hub."""
    results = _run_states(run, net, chosen)
    lost = [name for name in chosen if name not in results]
    after = collect_violations(list(results.values()), lost)
    return compare_violations(_restrict(before, chosen), after), results


def run_hub_study(
    net: Network,
    hub: Hub,
    criteria: str | Criteria | None = "network",
    snapshots: Sequence[str] | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> HubStudy:
    """Study a hub: place it, judge before and after, find headroom, works, rules and sensitivities.

    Parameters
    ----------
    net : Network
        Without the hub; its documents hold criteria, connection rules and costs.
    hub : Hub
    criteria : str, Criteria or None
        "network": the network's own; a region's name; None: ratings alone.
    snapshots : sequence of str, optional
        States studied; None: all stored ones.
    options : mapping or PowerFlowOptions, optional
        Of the power flow.
    progress : callable, optional
        Told the step and the share done.
    seed : int
        Of the draws between low and high cost.

    Returns
    -------
    HubStudy

    Raises
    ------
    PlacementError
        If the hub cannot be connected.
    NotConverged
        If a state before the hub has no solution.
    KeyError
        If a snapshot does not exist.

    Notes
    -----
    Every outage is screened by DC and solved by AC where the screen sees 90 % of a limit. A violation is the
    hub's where it was not there before; one that was there and grows is listed apart. Works and sensitivities
    run the outages with such violations again, all by AC, not the whole set; the tables say so.
    """
    names = tuple(snapshots) if snapshots is not None else net.snapshots
    for name in names:
        find_snapshot(net, name)
    documents = net.documents
    rules_text, costs_text = documents.get("connection_rules", ""), documents.get("costs", "")
    run = _Run(
        net=net,
        hub=hub,
        criteria=resolve_criteria(net, criteria),
        snapshots=names or (None,),
        options=options,
        progress=progress,
        rules=read_connection_rules(rules_text) if rules_text else None,
        costs=read_costs(costs_text) if costs_text else None,
    )
    return _study(run, seed)


def _study(run: _Run, seed: int) -> HubStudy:
    """Go through the steps; see `run_hub_study`."""
    net, hub = run.net, run.hub
    run.tell("placing the hub", 0.0)
    placed = place(net, hub)
    mine = placed.placements.iloc[len(net.placements) :].reset_index(drop=True)
    before = _run_states(run, net, report=("before", 0.02, 0.28), must_converge=True)
    after = _run_states(run, placed, report=("after", 0.28, 0.55))
    run.tell("comparing", 0.55)
    old = collect_violations(list(before.values()))
    lost = [name for name in before if name not in after]
    violations = compare_violations(old, collect_violations(list(after.values()), lost))
    run.tell("headroom", 0.56)
    bus = str(mine["site_bus"].iloc[0])
    headroom = find_headroom(
        net,
        bus,
        run.criteria,
        [name for name in before if name] or None,
        hub.data_center.power_factor,
        options=run.options,
    )
    run.tell("reinforcements", 0.66)
    reinforcement, package = _reinforce(run, placed, violations, old, headroom, bus, seed)
    run.tell("behind the meter", 0.85)
    variants = _compare_variants(run, placed, mine, violations, old, after)
    run.tell("sensitivities", 0.90)
    sensitivities = _run_sensitivities(run, placed, violations, old, after)
    run.tell("tables", 0.98)
    not_assessable = tables.find_unassessable(net, mine, violations)
    rule_findings = tables.build_rule_findings(mine, run.rules)
    outcome = decide(mine, violations, package, not_assessable)
    hub_losses = tables.build_hub_losses(hub, run.criteria, after, violations)
    money = run.costs.money_unit if run.costs is not None else ""
    verdict = write_verdict(
        net, hub, mine, violations, package, money, headroom, not_assessable, hub_losses, outcome
    )
    after_interfaces = tables.build_interfaces(placed, after)
    run.tell("done", 1.0)
    return HubStudy(
        network=net.name,
        criteria=run.criteria.name if run.criteria is not None else "",
        snapshots=tuple(before),
        hub=hub,
        net_before=net,
        net_after=placed,
        verdict=verdict,
        outcome=outcome,
        placements=mine,
        states=tables.build_states(before, after),
        overloads=tables.list_overloads(list(after.values())),
        voltages=tables.build_voltages(placed, run.criteria, before, after),
        interfaces=compare_interfaces(tables.build_interfaces(net, before), after_interfaces),
        violations=violations,
        islanding=tables.build_islanding(before, after),
        hvdc=tables.build_hvdc(net, before, after),
        hub_losses=hub_losses,
        headroom=headroom,
        reinforcement=reinforcement,
        package=package,
        connection_costs=tables.build_connection_costs(mine, run.costs),
        rules=rule_findings,
        behind_the_meter=variants,
        sensitivities=sensitivities,
        not_assessable=not_assessable,
        assumptions=tables.build_assumptions(net, hub, mine, run.rules, run.criteria),
        not_assessed=tables.NOT_ASSESSED,
        security_before=before,
        security_after=after,
        money_unit=money,
        options=dict(run.options) if isinstance(run.options, Mapping) else {},
        timings_s=run.timings,
    )


def _reinforce(
    run: _Run,
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
    chosen = _pick_outages(violations, ("caused",))
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
        table, _ = _judge_again(run, one.apply(placed), old, chosen)
        found = _measure(table)
        left.append((found["caused"], found["worst_percent"]))
    run.tell("package of works", 0.78)
    package = _build_package(run, placed, touched, old, chosen, headroom)
    return compare_candidates(candidates, gains, left, run.costs.money_unit, seed), package


PACKAGE_COLUMNS = (
    "step",
    "candidate",
    "description",
    "left_violations",
    "left_worst_percent",
    "cost_low_bn",
    "cost_base_bn",
    "cost_high_bn",
)


def _list_binding(headroom: Headroom) -> list[str]:
    """List what binds the headroom: N-1, then N."""
    return [str(headroom.table.at[kind, "near_element"]) for kind in ("thermal_n1", "thermal_n")]


def _list_candidates(
    run: _Run, net: Network, touched: pd.DataFrame, binding: Sequence[str], routes: int = 3
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
    run: _Run,
    placed: Network,
    touched: pd.DataFrame,
    old: pd.DataFrame,
    chosen: Mapping[str, Sequence[str]],
    headroom: Headroom,
) -> pd.DataFrame:
    """Add the cheapest grid work for the worst violation, run again, until nothing caused is left.

    A work that does not lower the number of caused violations is not kept.
    """
    net = placed
    rows: list[dict[str, Any]] = []
    used: set[str] = set()
    count = len(touched)
    for step in range(1, LARGEST_PACKAGE + 1):
        works = [
            one
            for one in _list_candidates(run, net, touched, [], routes=4)
            if one.kind not in ("storage", "flexible_load", "capacitor") and one.name not in used
        ]
        if not works:
            break
        # a low voltage or no solution comes first: overloads after it may vanish with it
        first = next((one for one in works if one.kind == "statcom"), None)
        target = first or works[0]
        same = [one for one in works if one.target == target.target]
        best = min(same, key=lambda one: one.cost.base)
        used |= {best.name}
        changed = best.apply(net)
        run.tell(f"package: {best.name}", 0.78 + 0.06 * step / LARGEST_PACKAGE)
        table, _ = _judge_again(run, changed, old, chosen)
        found = _measure(table)
        if found["caused"] >= count:
            continue
        net, count, touched = changed, found["caused"], table[table["change"] == "caused"]
        rows.append(
            {
                "step": len(rows) + 1,
                "candidate": best.name,
                "description": best.description,
                "left_violations": found["caused"],
                "left_worst_percent": found["worst_percent"],
                **_split(best.cost),
            }
        )
        if touched.empty:
            break
    return pd.DataFrame(rows, columns=list(PACKAGE_COLUMNS))


def _split(cost: Cost) -> dict[str, float]:
    return {f"cost_{end}_bn": float(getattr(cost, end)) for end in ("low", "base", "high")}


def _compare_variants(
    run: _Run,
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
    twin = Hub(hub.data_center, hub.plants, hub.storage, not hub.behind_the_meter)
    other = place(run.net, twin)
    chosen = _pick_outages(violations, ("caused", "worsened"))
    for name in after:
        chosen.setdefault(name, [])
    table, results = _judge_again(run, other, old, chosen)
    rows = []
    for net, placements, found, states, is_behind in (
        (placed, mine, _measure(violations), after, hub.behind_the_meter),
        (other, other.placements, _measure(table), results, twin.behind_the_meter),
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


def _run_sensitivities(
    run: _Run,
    placed: Network,
    violations: pd.DataFrame,
    old: pd.DataFrame,
    after: Mapping[str, Security],
) -> pd.DataFrame:
    """Judge the hub's outages again with other ratings, power factors and conductors."""
    chosen = _pick_outages(violations, ("caused", "worsened"))
    lowest = min((float(sec.base.summary["lowest_vm_pu"]) for sec in after.values()), default=math.nan)
    rows = [{"case": "base", **_measure(violations), "lowest_vm_pu": lowest, "note": "all outages"}]
    relaxed = _relax(old), _relax(collect_violations(list(after.values())))
    rows.append(
        {
            "case": f"rating after an outage {RATING_SENSITIVITY:.0%}",
            **_measure(compare_violations(*relaxed)),
            "lowest_vm_pu": lowest,
            "note": "all outages; same states, other limit",
        }
    )
    if not chosen:
        return pd.DataFrame(rows)
    for factor in POWER_FACTORS:
        center = replace(run.hub.data_center, power_factor=factor)
        net = place(run.net, Hub(center, run.hub.plants, run.hub.storage, run.hub.behind_the_meter))
        table, results = _judge_again(run, net, old, chosen)
        rows.append(_describe_case(f"power factor {factor:.2f}", table, results))
    for name, kind in _list_conductor_cases(run.net):
        nets = [_set_conductor(one, kind) for one in (run.net, placed)]
        reference = _run_states(run, nets[0], chosen)
        table, results = _judge_again(run, nets[1], collect_violations(list(reference.values())), chosen)
        rows.append(_describe_case(name, table, results))
    return pd.DataFrame(rows)


def _describe_case(name: str, table: pd.DataFrame, results: Mapping[str, Security]) -> dict[str, Any]:
    lowest = min((float(sec.base.summary["lowest_vm_pu"]) for sec in results.values()), default=math.nan)
    note = f"the {SENSITIVITY_OUTAGES} worst outages of each snapshot"
    return {"case": name, **_measure(table), "lowest_vm_pu": lowest, "note": note}


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
