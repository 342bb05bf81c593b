"""Outages where branches without impedance matter: their flows, and their own loss.

Such a branch joins its end buses into one node. A batch sees nodes only, so what it cannot know is solved
outage by outage here: the flow through the join, and the state with the join open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridhub.analysis.flow.power_flow import compute_loading, spread_flows
from gridhub.analysis.security.judging import find_violations, spread_voltage
from gridhub.analysis.security.outages import (
    SEVERITY_EXPONENT,
    Outcomes,
    Progress,
    Setting,
    blank_outcomes,
    take_higher,
)
from gridhub.case.case import Bools, Case, Outage
from gridhub.case.compile import compile_case
from gridhub.case.positions import mark_losing
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.solvers.ac import make_start
from gridhub.solvers.batch_result import STATUSES, Findings
from gridhub.solvers.islands import keep_largest_parts
from gridhub.solvers.solution import Solution
from gridhub.solvers.taps import settle_taps, solve_state


def find_beyond_batch(setting: Setting, outages: Sequence[Outage], keep_states: bool) -> Bools:
    """Mark the outages a batch cannot answer: all if flows of joins count, else those that lose a join."""
    joins = setting.case.branch_joins
    if joins.any() and (keep_states or not np.isnan(setting.limits.rate[joins]).all()):
        return np.ones(len(outages), dtype=bool)
    return mark_losing(outages, "branch", joins)


def solve_alone(
    setting: Setting, outages: Sequence[Outage], keep_states: bool, progress: Progress | None
) -> Outcomes:
    """Solve and judge outages one after the other, flows of joins included."""
    count = len(outages)
    outcomes = blank_outcomes(setting, count, keep_states)
    alive = _find_live_buses(setting.base)
    dead: list[np.ndarray] = []
    found: list[Findings] = []
    open_join = mark_losing(outages, "branch", setting.case.branch_joins)
    for k, outage in enumerate(outages):
        solution = _solve_open(setting, outage) if open_join[k] else _solve(setting, outage)
        outcomes.status[k] = STATUSES.index(solution.status)
        outcomes.iterations[k] = solution.iterations
        outcomes.reason[k] = solution.reason
        outcomes.taps[k] = solution.taps
        dead.append(np.flatnonzero(alive & ~_find_live_buses(solution)))
        if solution.status.is_solved:
            found.append(_record(outcomes, k, setting, solution))
        if progress is not None:
            progress(k + 1, count)
    parts = [outcomes.findings, *found]
    return replace(
        outcomes,
        dead=(
            np.repeat(np.arange(count), [len(buses) for buses in dead]),
            np.concatenate([outcomes.dead[1], *dead]),
        ),
        findings=Findings(
            scenario=np.concatenate([part.scenario for part in parts]),
            kind=np.concatenate([part.kind for part in parts]),
            position=np.concatenate([part.position for part in parts]),
            value=np.concatenate([part.value for part in parts]),
        ),
    )


def _record(outcomes: Outcomes, k: int, setting: Setting, solution: Solution) -> Findings:
    """Write one solved state into the outcomes; give its violations."""
    loading, vm = compute_loading(solution.case, solution, setting.limits.rate), spread_voltage(solution)
    known = ~np.isnan(loading)
    if known.any():
        outcomes.worst_branch[k] = np.nanargmax(loading)
        outcomes.worst_loading[k] = np.nanmax(loading)
    take_higher(outcomes, loading, np.full(len(loading), k))
    outcomes.severity[k] = ((loading[known] / 100.0) ** SEVERITY_EXPONENT).sum()
    if outcomes.p_from is not None and outcomes.vm is not None:
        outcomes.p_from[k] = spread_flows(solution)[0].real
        outcomes.vm[k] = vm
    found = find_violations(loading, vm, setting.limits, setting.base_vm)
    return replace(found, scenario=found.scenario + k)


def _find_live_buses(solution: Solution) -> Bools:
    node = solution.case.bus_node
    return np.asarray(np.where(node >= 0, solution.islands.live[node], False))


def _solve(setting: Setting, outage: Outage) -> Solution:
    case = keep_largest_parts(setting.case.take_out(outage), setting.base.islands)
    return solve_state(case, setting.plan.options, setting.plan.newton, make_start(setting.base))


def _solve_open(setting: Setting, outage: Outage) -> Solution:
    """Solve an outage of joins: their buses were one node, so compile again with them open."""
    case = settle_taps(_compile_without(setting.net, setting.base, outage), setting.base)
    return solve_state(case, setting.plan.options)


def _compile_without(net: Network, base: Solution, outage: Outage) -> Case:
    """Compile the network with the outage's branches open, then take the rest out."""
    lost = {base.case.labels.branch[i] for i in outage.branch}
    opened = {}
    for table in BRANCH_TABLES:
        frame = net.tables[table].copy()
        frame["in_service"] = frame["in_service"] & ~frame.index.isin(lost)
        opened[table] = frame
    case = _keep_references(compile_case(net.replace(**opened)), base.case)
    return _keep_parts(case.take_out(outage._replace(branch=())), base)


def _keep_references(case: Case, before: Case) -> Case:
    """Mark the references chosen before the joins were opened: those that no bus is named for."""
    bus = np.flatnonzero(before.bus_node >= 0)
    named = np.bincount(before.bus_node[bus], case.reference[case.bus_node[bus]], before.n_node) > 0
    chosen, first = (
        np.flatnonzero(before.reference & ~named),
        np.unique(before.bus_node[bus], return_index=True)[1],
    )
    node = case.bus_node[bus[first[chosen]]]
    reference, angle = case.reference.copy(), case.va_reference.copy()
    reference[node], angle[node] = True, before.va_reference[chosen]
    return replace(case, reference=reference, va_reference=angle)


def _keep_parts(case: Case, base: Solution) -> Case:
    """Keep the largest part of every island alive; nodes of the case lie within those of the base."""
    bus = np.flatnonzero(case.bus_node >= 0)
    within = np.empty(case.n_node, dtype=np.int64)
    within[case.bus_node[bus]] = base.case.bus_node[bus]
    islands = base.islands
    before = replace(islands, island=islands.island[within], live=islands.live[within])
    return keep_largest_parts(case, before)
