"""Reinforcement plan: works that remove the violations of a security result or of a hub, and their cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gridhub.analysis.actions.remedial import run_remedial
from gridhub.analysis.actions.remedial_schemes import RemedialScheme
from gridhub.analysis.hub.run import list_hub_contingencies
from gridhub.analysis.security.comparison import collect_violations
from gridhub.analysis.security.security import Security, resolve_criteria
from gridhub.analysis.works.candidates import (
    Candidate,
    list_hub_candidates,
    list_route_candidates,
    list_voltage_candidates,
    rank_routes,
)
from gridhub.analysis.works.catalogue import list_overload_candidates
from gridhub.analysis.works.faults import find_faults
from gridhub.analysis.works.judging import WorksTask, list_left, measure_excess, run_works
from gridhub.analysis.works.optimum import choose_by_milp, rank_selection
from gridhub.analysis.works.reinforcement_options import (
    ReinforcementOptions,
    find_costs,
    read_reinforcement_options,
)
from gridhub.analysis.works.reinforcement_tables import (
    SCHEME_COLUMNS,
    build_candidates,
    build_cleared,
    build_selection,
    build_steps,
    build_works,
    write_verdict,
)
from gridhub.analysis.works.scheme_candidates import KIND as SCHEME
from gridhub.analysis.works.scheme_candidates import list_scheme_candidates
from gridhub.analysis.works.selection import Step, apply_works, choose_greedily, collect_schemes
from gridhub.analysis.works.switching_candidates import list_switching_candidates
from gridhub.costs import Costs
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import Hub
from gridhub.placement.place import find_placed, find_site_bus, place
from gridhub.solvers.options import read_options

ROUNDS = 6
"""Times that what the full run finds beside the outages looked at so far is mended too."""

NOT_ASSESSED = (
    "new routes between places without one",
    "fault levels with all works together, single-phase faults, protection and stability",
    "permits, land and room in substations",
    "outages of lines while they are rebuilt",
    "benefits beside security: see value_reinforcement",
)


@dataclass(frozen=True, eq=False)
class ReinforcementPlan:
    """Works that remove violations, and the proof.

    Attributes
    ----------
    network, criteria : str
        What was reinforced; by which criteria ("" = ratings alone).
    snapshots : tuple of str
        States judged; "" = the tables themselves.
    money_unit : str
        Unit of every cost.
    verdict : str
        One sentence.
    method : {"greedy", "milp"}
        Which of the two selections is the plan: the one that leaves less by AC, then the cheaper.
    candidates : DataFrame
        Index candidate; kind, target, description, length_km, cost_low, cost_base, cost_high, cost_usd_base
        (in the same multiple of US dollars, at the base rate; NaN where the region has no rate), lead_years,
        lead_p50_years, lead_p90_years (half, and nine in ten, are there by then, by the region's record of
        delays; NaN without one), price_year, cost_source, cost_confidence, note, methods (those that took
        it); fault_bus (the end it raises most), fault_before_ka, fault_after_ka (three-phase, indicative, see
        `gridhub.compute_fault_levels`), breaker_ka (smallest class that interrupts the second), fault_state.
    works : DataFrame
        The plan, one row per work: candidate, kind, target, description, length_km, cost_low, cost_base,
        cost_high, cost_usd_base, lead_years, lead_p50_years, lead_p90_years.
    chosen : tuple of Candidate
        The same works, to be put into a network: ``chosen[0].apply(net)``; ``chosen[0].schemes`` is what is
        armed.
    greedy_steps : DataFrame
        One row per step of the greedy choice: step, candidate, cost_base, removed_points (see Notes of
        `plan_reinforcement`), removed_per_cost, cleared (violations gone with this step), left_violations,
        left_points (over the outages looked at), kept (False: a scheme that later works made needless).
    cleared : DataFrame
        What each greedy step clears: step, candidate, snapshot, contingency, element, kind,
        loading_percent (before).
    selection : DataFrame
        Index method (greedy, and milp where there are candidates); works, cost_low, cost_base, cost_high,
        lead_years (the longest), before_violations, before_points, left_violations, left_points,
        left_worst_percent: verified by AC over every outage; objective (of the MILP, see Notes),
        proven (whether HiGHS proved the optimum), from_greedy (whether the MILP kept the greedy choice that
        it began with, as nothing it found was better by AC).
    before, left : DataFrame
        Violations before and with the works, every outage by AC; columns of ``Security.violations``. For a
        hub those it causes.
    without_candidate : tuple of str
        Violated routes, transformers and buses that no candidate could be made for.
    not_offered : tuple of str
        Schemes that would help and that the criteria forbid, each with the MW and the limit.
    schemes : DataFrame
        Outages in which schemes of the plan act, solved by AC with the other works: snapshot, contingency,
        variant ("without", "with", "fails: action"), schemes, status, violations, worst_element,
        worst_loading_percent, tripped_mw, shed_mw, run_back_mw. Empty without schemes.
    bus : str
        Where the hub is connected; "" without one.
    network_given, network_before, network_after : Network
        As given; with the hub, if one was given; with the works too.
    costs : Costs
        That the works were weighed by.
    security_after : mapping
        Snapshot -> Security of `network_after` with the plan's schemes armed: every outage listed and the
        loss of each new branch, by AC.
    not_assessed : tuple of str
    options : ReinforcementOptions
    """

    network: str
    criteria: str
    snapshots: tuple[str, ...]
    money_unit: str
    verdict: str
    method: str
    candidates: pd.DataFrame
    works: pd.DataFrame
    chosen: tuple[Candidate, ...]
    greedy_steps: pd.DataFrame
    cleared: pd.DataFrame
    selection: pd.DataFrame
    before: pd.DataFrame
    left: pd.DataFrame
    without_candidate: tuple[str, ...]
    not_offered: tuple[str, ...]
    schemes: pd.DataFrame
    bus: str
    network_given: Network
    network_before: Network
    network_after: Network
    costs: Costs
    security_after: Mapping[str, Security]
    not_assessed: tuple[str, ...]
    options: ReinforcementOptions


def plan_reinforcement(
    net: Network,
    cause: Security | Hub,
    options: Mapping[str, Any] | ReinforcementOptions | None = None,
) -> ReinforcementPlan:
    """Choose works that remove violations, and verify them by a full AC security run.

    Parameters
    ----------
    net : Network
        The grid; without the hub, if `cause` is one.
    cause : Security or Hub
        A result of `gridhub.run_security` on `net`: all its violations are to be removed, under its own
        outages, state and criteria. Or a hub: it is placed, and what it causes in any state is to be removed.
    options : mapping or ReinforcementOptions, optional
        See `ReinforcementOptions`; options of the power flow may stand beside.

    Returns
    -------
    ReinforcementPlan

    Raises
    ------
    OptionError
        If there are no unit costs, an option is unknown or out of range, or the result is of another network.
    PlacementError
        If the hub cannot be connected.
    NotConverged
        If a state before the hub has no solution.
    KeyError
        If a snapshot or the criteria are not known.

    Notes
    -----
    Violation is measured in points: percentage points of loading above 100, hundredths of 1 p.u. of voltage
    beyond a limit, percent of a limit in MW; what is lost against a limit of 0 and a state without a solution
    count 100 (assumed). Every step takes the candidate with the highest ratio of points removed to base cost,
    each judged by AC under every outage with violations; it must clear a violation or remove a point. The
    whole is then run under every outage, the loss of each new branch too; what that finds goes into another
    round, `ROUNDS` at most. A scheme that nothing needs once the other works stand is dropped at the end.

    Beside it a MILP chooses among the same candidates: cost and a high penalty on what is left are smallest,
    with loadings by AC minus the sum of what each work takes off by DC and outage factors. What AC then finds
    above that picture is added to it, and the choice made again, `optimum.CORRECTIONS` times at most.
    The picture adds the reliefs of several works up, so its optimum is one of the picture; AC verifies both.
    A remedial scheme counts in the linear picture in the outages that set it off alone, and never with
    everything in service; AC solves each outage, finds which schemes act, and judges the state after them.
    The greedy choice is its incumbent: the MILP's row is never worse by what AC leaves, then by cost.

    Examples
    --------
    >>> import gridhub as gh
    >>> net = gh.load_network("korea-2025-backbone")
    >>> outages = gh.list_contingencies(net).loc[["goryeong--seodaegu:1", "goryeong--seodaegu:2"]]
    >>> plan = gh.plan_reinforcement(net, gh.run_security(net, outages))
    >>> plan.works["target"].tolist(), len(plan.before), len(plan.left)
    (['goryeong--seodaegu'], 2, 0)
    """
    default = (
        cause.options
        if isinstance(cause, Security)
        else read_options(None, reactive_limits=net.reactive_limits)
    )
    settled = read_reinforcement_options(options, default)
    costs = find_costs(net, settled.costs)
    if isinstance(cause, Security):
        task = _take_security(net, cause, settled)
    else:
        task = _place_hub(net, cause, settled)
    return _plan(task, costs, settled, net, None if isinstance(cause, Security) else cause)


def _take_security(net: Network, sec: Security, settled: ReinforcementOptions) -> WorksTask:
    if sec.network != net.name:
        raise OptionError(f"the security result is of {sec.network!r}, the network is {net.name!r}")
    assert settled.power_flow is not None
    none = collect_violations([])
    criteria = _find_criteria(net, sec.criteria, settled)
    return WorksTask(net, {sec.snapshot: sec.contingencies}, criteria, settled.power_flow, none)


def _find_criteria(net: Network, judged: str, settled: ReinforcementOptions) -> Criteria | None:
    """Find the criteria a result was judged by, from their name."""
    if settled.criteria != "judged":
        return resolve_criteria(net, settled.criteria)
    own = resolve_criteria(net, "network")
    if own is not None and own.name == judged:
        return own
    return resolve_criteria(net, judged or None)


def _place_hub(net: Network, hub: Hub, settled: ReinforcementOptions) -> WorksTask:
    assert settled.power_flow is not None
    names = settled.snapshots if settled.snapshots is not None else net.snapshots or (None,)
    states = [find_snapshot(net, one) or "" for one in names]
    criteria = resolve_criteria(net, settled.criteria_of_hub)
    placed = place(net, hub)
    none = collect_violations([])
    outages = {name: list_hub_contingencies(net, criteria) for name in states}
    results, lost = run_works(WorksTask(net, outages, criteria, settled.power_flow, none), net)
    old = collect_violations(list(results.values()), lost)
    outages = {name: list_hub_contingencies(placed, criteria) for name in states}
    return WorksTask(placed, outages, criteria, settled.power_flow, old)


def _plan(
    task: WorksTask, costs: Costs, settled: ReinforcementOptions, given: Network, hub: Hub | None
) -> ReinforcementPlan:
    """Choose, verify, choose again for what the verification finds; then say what came out."""
    results, lost = run_works(task, task.net)
    refused: dict[str, None] = {}
    before = left = list_left(task, results, lost)
    seen = before
    steps: list[Step] = []
    candidates: dict[str, Candidate] = {}
    for _ in range(ROUNDS):
        net = apply_works(task.net, [step.candidate for step in steps])
        routes = rank_routes(net, left, _find_cutting(task, left))
        new, forbidden = _list_candidates(task, costs, routes, left, settled, hub)
        refused |= dict.fromkeys(forbidden)
        candidates = {one.name: one for one in new} | candidates
        chosen = choose_greedily(
            task.narrow(seen), list(candidates.values()), steps, left, settled.maximum_works
        )
        if len(chosen) == len(steps):
            break
        steps = chosen
        net = apply_works(task.net, [step.candidate for step in steps])
        results, lost = run_works(task, net, collect_schemes([step.candidate for step in steps]))
        left = list_left(task, results, lost)
        if left.empty:
            break
        seen = pd.concat([seen, left], ignore_index=True)
    net = apply_works(task.net, [step.candidate for step in steps])
    names = list(candidates.values())
    greedy, left, results = _drop_schemes(task, [step.candidate for step in steps], left, results)
    methods: dict[str, tuple[Sequence[Candidate], pd.DataFrame]] = {"greedy": (greedy, left)}
    optimum = (
        choose_by_milp(task, names, before, seen, settled.maximum_works, (greedy, left, results))
        if names
        else None
    )
    method = "greedy"
    if optimum is not None:
        methods["milp"] = optimum.works, optimum.left
        if optimum.rank < rank_selection(greedy, left):
            method, results, left = "milp", optimum.results, optimum.left
    works = methods[method][0]
    net = apply_works(task.net, works)
    unserved = _find_without_candidate(net, left, names)
    selection = build_selection(methods, before, names, optimum)
    faults = find_faults(task.net, names, next(iter(task.outages)) or None, task.criteria)
    return ReinforcementPlan(
        network=task.net.name,
        criteria=task.criteria.name if task.criteria is not None else "",
        snapshots=tuple(task.outages),
        money_unit=costs.money_unit,
        method=method,
        verdict=write_verdict(selection, method, costs.money_unit, unserved, left),
        candidates=build_candidates(names, methods, faults, costs),
        works=build_works(works, costs),
        chosen=tuple(works),
        greedy_steps=build_steps(steps, greedy),
        cleared=build_cleared(steps),
        selection=selection,
        before=before,
        left=left,
        without_candidate=unserved,
        not_offered=tuple(refused),
        schemes=_tell_schemes(task, net, collect_schemes(works)),
        bus=find_site_bus(task.net, hub.name) if hub is not None else "",
        network_given=given,
        network_before=task.net,
        network_after=net,
        costs=costs,
        security_after=results,
        not_assessed=NOT_ASSESSED,
        options=settled,
    )


def _drop_schemes(
    task: WorksTask, works: list[Candidate], left: pd.DataFrame, results: dict[str, Security]
) -> tuple[list[Candidate], pd.DataFrame, dict[str, Security]]:
    """Drop the schemes that nothing needs once the other works stand, by AC under every outage."""
    for one in [work for work in works if work.schemes]:
        rest = [other for other in works if other is not one]
        found, lost = run_works(task, apply_works(task.net, rest), collect_schemes(rest))
        remaining = list_left(task, found, lost)
        if rank_selection(rest, remaining) < rank_selection(works, left):
            works, left, results = rest, remaining, found
    return works, left, results


def _find_cutting(task: WorksTask, left: pd.DataFrame) -> list[str]:
    """List the elements whose loss cuts load off or leaves no solution: a second circuit keeps the supply."""
    cut = left[left["kind"].isin(("lost_load", "no_solution")) & (left["contingency"] != "")]
    found: list[str] = []
    for state, name in zip(cut["snapshot"], cut["contingency"], strict=True):
        elements = task.outages[state]["elements"]
        if name in elements.index:
            found += [str(one) for one in elements.loc[[name]].iloc[0]]
    return found


def _list_candidates(
    task: WorksTask,
    costs: Costs,
    routes: list[str],
    violations: pd.DataFrame,
    settled: ReinforcementOptions,
    hub: Hub | None,
) -> tuple[list[Candidate], list[str]]:
    """Make candidates for the worst routes and transformers, for voltages, and at the hub.

    Returns
    -------
    list of Candidate
    list of str
        What was not offered because the criteria forbid it.
    """
    net = task.net
    worst = routes[: settled.routes]
    found = list_route_candidates(net, costs, worst)
    found += list_overload_candidates(net, costs, worst, violations, settled.kinds)
    for kind, works in (("voltage_low", ("capacitor", "statcom")), ("voltage_high", ("statcom",))):
        mine = violations[violations["kind"] == kind]
        depth = pd.Series(measure_excess(mine), index=mine["element"]).groupby(level=0).max()
        for bus in depth.sort_values(ascending=False, kind="stable").index[: settled.voltage_buses]:
            found += [one for one in list_voltage_candidates(costs, str(bus)) if one.kind in works]
    loads: list[str] = []
    if hub is not None:
        center = hub.data_center
        rows = find_placed(net, center.name)
        loads = [str(name) for name in net.load.index if net.load.at[name, "bus"] in set(rows["bus"])]
        loads = [name for name in loads if name.startswith(f"{HUB_PREFIX}{center.name}")]
        bus, share = str(rows["bus"].iloc[0]), center.flexible_share
        hours = settled.count_hours(violations["snapshot"].unique())
        found += list_hub_candidates(costs, bus, loads, center.contract_mw, share, hours)
    forbidden: list[str] = []
    if SCHEME in settled.kinds:
        schemes, forbidden = list_scheme_candidates(net, costs, worst, violations, task, loads)
        found += schemes
        found += list_switching_candidates(net, costs, violations, task, settled.routes)
    return [one for one in found if one.kind in settled.kinds], forbidden


def _tell_schemes(task: WorksTask, net: Network, schemes: Sequence[RemedialScheme]) -> pd.DataFrame:
    """Make ``ReinforcementPlan.schemes``: outages in which one acts, with, without, with one failing."""
    parts = []
    for name, outages in task.outages.items() if schemes else ():
        lost = [{one} if isinstance(one, str) else set(one) for one in outages["elements"]]
        named = [any(one.issuperset(scheme.outage) for scheme in schemes) for one in lost]
        if any(named):
            study = run_remedial(net, outages[named], schemes, task.criteria, name or None, task.options)
            parts.append(study.effect.reset_index().assign(snapshot=name))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return table.reindex(columns=list(SCHEME_COLUMNS))


def _find_without_candidate(net: Network, left: pd.DataFrame, candidates: list[Candidate]) -> tuple[str, ...]:
    """Name what is still violated and has no candidate: no length, no cost, or beyond what was looked at."""
    targets = {one.target for one in candidates}
    named = [*rank_routes(net, left, []), *left.loc[left["kind"] != "thermal", "element"].astype(str)]
    return tuple(name for name in dict.fromkeys(named) if name and name not in targets)
