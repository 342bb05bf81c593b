"""The hub study: what a hub does to a grid, what it needs, when it may come, and what nobody looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridhub.analysis.flow.interfaces import compare_interfaces
from gridhub.analysis.hosting.headroom import Headroom, find_headroom
from gridhub.analysis.hub import tables
from gridhub.analysis.hub.connection import build_connection_costs, build_rule_findings
from gridhub.analysis.hub.impact import build_raised_branches, build_supplying_banks
from gridhub.analysis.hub.losses import build_hub_losses, build_on_site_losses
from gridhub.analysis.hub.run import HubRun, Progress, run_states
from gridhub.analysis.hub.variants import compare_variants, run_sensitivities
from gridhub.analysis.hub.verdict import decide, write_verdict
from gridhub.analysis.hub.works import plan_works
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.security.security import Security, resolve_criteria
from gridhub.analysis.works.comparison import Reinforcement
from gridhub.connection_rules import read_connection_rules
from gridhub.costs import read_costs
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.placement.hub import Hub
from gridhub.placement.place import place
from gridhub.solvers.options import PowerFlowOptions


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
        Per snapshot, before and after (`tables.build_states`).
    overloads : DataFrame
        Violations of the N state after: columns of ``Security.violations``.
    voltages, interfaces, violations, islanding, hvdc, hub_losses, on_site_losses : DataFrame
        See `tables.build_voltages`, `interfaces.compare_interfaces`, `comparison.compare_violations`
        (column change: caused, worsened, as before, relieved), `tables.build_islanding`,
        `build_hvdc`, `build_hub_losses`, `build_on_site_losses`.
    supplying_banks, raised_branches : DataFrame
        Technical inputs of a grid impact assessment, as evidence and no official score
        (`impact.build_supplying_banks`, `impact.build_raised_branches`).
    headroom : Headroom
        At the first point of connection, without the hub.
    reinforcement : Reinforcement or None
        None if nothing is violated, or the region has no costs.
    package : DataFrame
        Works added one after the other until nothing caused is left: step, candidate, kind, target,
        description, left_violations, left_worst_percent, judged_on ("outages with violations" | "all
        outages": the last row of a round), cost_low_bn, cost_base_bn, cost_high_bn (of this step).
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
    on_site_losses: pd.DataFrame
    supplying_banks: pd.DataFrame
    raised_branches: pd.DataFrame
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
    run = HubRun(
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


def _study(run: HubRun, seed: int) -> HubStudy:
    """Go through the steps; see `run_hub_study`."""
    net, hub = run.net, run.hub
    run.tell("placing the hub", 0.0)
    placed = place(net, hub)
    mine = placed.placements.iloc[len(net.placements) :].reset_index(drop=True)
    before = run_states(run, net, report=("before", 0.02, 0.28), must_converge=True)
    after = run_states(run, placed, report=("after", 0.28, 0.55))
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
    reinforcement, package = plan_works(run, placed, violations, old, headroom, bus, seed)
    run.tell("behind the meter", 0.85)
    variants = compare_variants(run, placed, mine, violations, old, after)
    run.tell("sensitivities", 0.90)
    sensitivities = run_sensitivities(run, placed, violations, old, after)
    run.tell("tables", 0.98)
    not_assessable = tables.find_unassessable(net, mine, violations)
    rule_findings = build_rule_findings(mine, run.rules)
    outcome = decide(mine, violations, package, not_assessable)
    hub_losses = build_hub_losses(hub, run.criteria, after, violations)
    on_site = build_on_site_losses(placed, hub, after, violations)
    money = run.costs.money_unit if run.costs is not None else ""
    verdict = write_verdict(
        net, hub, mine, violations, package, money, headroom, not_assessable, hub_losses, on_site, outcome
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
        on_site_losses=on_site,
        supplying_banks=build_supplying_banks(
            net, placed, run.criteria, before, after, hub.data_center.contract_mw
        ),
        raised_branches=build_raised_branches(placed, before, after),
        headroom=headroom,
        reinforcement=reinforcement,
        package=package,
        connection_costs=build_connection_costs(mine, run.costs),
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
