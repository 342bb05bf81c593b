"""One hour of a security analysis: the state it is put into, planned once, and what its outages violate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.flow.interface_members import InterfaceMembers, list_members
from gridhub.analysis.flow.losses import LOSS_NAMES, count_losses, judge_losses
from gridhub.analysis.flow.power_flow import compute_flow, compute_loading, solve_case, spread_flows
from gridhub.analysis.security.joins import find_beyond_batch, solve_alone
from gridhub.analysis.security.judging import (
    Limits,
    OutageLimits,
    build_limits,
    find_violations,
    hold_alike,
    spread_voltage,
)
from gridhub.analysis.security.outage_limits import build_outage_limits, list_groups
from gridhub.analysis.security.outages import Outcomes, Setting, merge_outcomes, run_batch
from gridhub.analysis.security.run import tell_islanding
from gridhub.analysis.security.screening import find_islanding
from gridhub.analysis.security.security import settle_state
from gridhub.analysis.security.tables import KIND_NAMES, measure_findings
from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.compile import compile_case
from gridhub.case.positions import OutageList
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.batch import BatchPlan, plan_batch
from gridhub.solvers.batch_result import STATUSES, Findings
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution
from gridhub.solvers.taps import settle_taps

KINDS = (*(KIND_NAMES[kind] for kind in sorted(KIND_NAMES)), "lost_load", "interface")
"""Kinds of violations by number."""

LOST_LOAD, INTERFACE = KINDS.index("lost_load"), KINDS.index("interface")


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Every element with every kind of limit it can violate, one after the other.

    Attributes
    ----------
    element : (n_slot,) object
        Id, or name of what is lost.
    kind : (n_slot,) int
        Position in `KINDS`.
    start : (n_kind,) int
        Where the slots of each kind begin.
    """

    element: NDArray[np.object_]
    kind: Ints
    start: Ints


def list_slots(case: Case, interfaces: Sequence[str]) -> Slots:
    """List the slots of a network: branches, buses three times, what may be lost, interfaces."""
    groups = [case.labels.branch, *[case.labels.bus] * 3, LOSS_NAMES, tuple(interfaces)]
    sizes = [len(group) for group in groups]
    return Slots(
        element=np.array([name for group in groups for name in group], dtype=object),
        kind=np.repeat(np.arange(len(KINDS)), sizes),
        start=np.concatenate([[0], np.cumsum(sizes)[:-1]]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class HourState:
    """What all hours in one state of the network share.

    Attributes
    ----------
    net : Network
        The state, in its tables.
    case : Case
    plan : BatchPlan
    criteria : Criteria or None
    normal, outage : Limits
        With everything in service, and after an outage whose class has no rating of its own.
    limits : OutageLimits
        After each outage.
    outages : OutageList
    kinds : list of str
        Kinds of the contingencies.
    islanding : (k,) bool
        Outages that split an island.
    members : InterfaceMembers
    slots : Slots
    """

    net: Network
    case: Case
    plan: BatchPlan
    criteria: Criteria | None
    normal: Limits
    outage: Limits
    limits: OutageLimits
    outages: OutageList
    kinds: list[str]
    islanding: Bools
    members: InterfaceMembers
    slots: Slots


@dataclass(frozen=True, slots=True, eq=False)
class Violations:
    """Violations of one hour as numbers, in the order in which a security analysis lists them.

    Attributes
    ----------
    outage : (m,) int
        -1: the N state.
    slot : (m,) int
        Position in `Slots`.
    limit, value, percent, before : (m,) float
        See `gridhub.analysis.security.tables.measure_findings`; MW where something is lost or an interface
        is over its limit.
    """

    outage: Ints
    slot: Ints
    limit: Floats
    value: Floats
    percent: Floats
    before: Floats


@dataclass(frozen=True, slots=True, eq=False)
class HourResult:
    """What came of the outages of one hour.

    Attributes
    ----------
    base : Solution
    outcomes : Outcomes
    lost_load, lost_generation : (k,) float
        [MW].
    base_loading : (n_branch,) float
        Before the outages, of the limit that holds with everything in service [%].
    violations : Violations
    """

    base: Solution
    outcomes: Outcomes
    lost_load: Floats
    lost_generation: Floats
    base_loading: Floats
    violations: Violations


def prepare_state(
    net: Network,
    snapshot: str | None,
    cset: pd.DataFrame,
    criteria: Criteria | None,
    options: PowerFlowOptions,
) -> HourState:
    """Plan the hours of one state.

    Raises
    ------
    InputError
        If the contingencies name unknown elements; all are listed.
    """
    state = settle_state(net, snapshot)
    case, _ = choose_references(compile_case(state))
    outages, members = find_outages(state, case, cset), list_members(state, case)
    limits = build_outage_limits(state, case, criteria, cset)
    return HourState(
        net=state,
        case=case,
        plan=plan_batch(case, options),
        criteria=criteria,
        normal=build_limits(state, case, criteria, "normal"),
        outage=build_limits(state, case, criteria, "outage"),
        limits=limits,
        outages=outages,
        kinds=cset["kind"].tolist() if "kind" in cset else [""] * len(cset),
        islanding=find_islanding(case, outages),
        members=members,
        slots=list_slots(case, members.names),
    )


def solve_hour(state: HourState, case: Case) -> HourResult | Solution:
    """Solve and judge every outage of one hour.

    Parameters
    ----------
    state : HourState
    case : Case
        The state's, with what is injected in this hour.

    Returns
    -------
    HourResult or Solution
        The state before the outages alone, if it has no solution.
    """
    plan = state.plan
    base = solve_case(case, "ac", plan.options, plan.newton)
    if not base.status.is_solved:
        return base
    setting = Setting(
        state.net, settle_taps(case, base), plan, base, state.criteria, state.normal, state.outage,
        compute_flow(base), spread_voltage(base),
    )  # fmt: skip
    outcomes = _run_outages(state, setting)
    losses = count_losses(base, state.outages, outcomes.dead)
    lost = judge_losses(state.criteria, state.kinds, outcomes.answered, losses)
    base_loading = compute_loading(case, base, state.normal.rate)
    after = _number(state, setting, outcomes.findings, state.limits)
    start = state.slots.start[LOST_LOAD]
    nothing = np.full(len(lost.outage), np.nan)
    parts = [
        after,
        Violations(lost.outage, start + lost.name, lost.limit, lost.value, nothing, nothing),
    ]
    after = join_violations(parts)
    kind = state.slots.kind[after.slot]
    after = _take(after, np.lexsort((kind, after.outage)))
    return HourResult(
        base=base,
        outcomes=outcomes,
        lost_load=losses.load_mw,
        lost_generation=losses.generation_mw,
        base_loading=base_loading,
        violations=join_violations([*_find_in_base(state, setting, base_loading), after]),
    )


def _run_outages(state: HourState, setting: Setting) -> Outcomes:
    """Solve all outages by AC: together where a batch can, the others one by one."""
    alone = find_beyond_batch(setting, state.outages, keep_states=False)
    if not alone.any() and len(state.limits.groups) == 1:
        setting = replace(setting, limits=state.limits.groups[0])
        outcomes = run_batch(setting, state.outages, False, None)
        return tell_islanding(outcomes, state.islanding)
    own = replace(setting, net=_write_injections(state.net, setting.case))
    parts = []
    for chosen, solve in ((~alone, run_batch), (alone, solve_alone)):
        for k, rows in list_groups(state.limits, np.flatnonzero(chosen)):
            held = replace(own, limits=state.limits.groups[k])
            parts.append((rows, solve(held, [state.outages[i] for i in rows.tolist()], False, None)))
    return tell_islanding(merge_outcomes(own, parts, keep_states=False), state.islanding)


def _write_injections(net: Network, case: Case) -> Network:
    """Write the injections of a case into the tables: an outage of a join compiles them anew."""
    base = case.base_mva
    return net.replace(
        load=net.load.assign(p_mw=case.load_p * base, q_mvar=case.load_q * base),
        generator=net.generator.assign(p_mw=case.generator_p * base),
        storage=net.storage.assign(p_mw=case.storage_p * base, q_mvar=case.storage_q * base),
        hvdc=net.hvdc.assign(p_mw=case.hvdc_p * base),
    )


def _number(state: HourState, setting: Setting, found: Findings, limits: OutageLimits) -> Violations:
    """Write findings with their slots."""
    measured = measure_findings(setting.case, found, limits, setting.base_flow, setting.base_vm)
    return Violations(found.scenario, state.slots.start[found.kind] + found.position, *measured)


def _find_in_base(state: HourState, setting: Setting, loading: Floats) -> list[Violations]:
    """Find what the N state violates: limits of branches and buses, then of interfaces."""
    found = find_violations(loading, setting.base_vm, state.normal)
    own = _number(state, setting, found, hold_alike(state.normal))
    parts = [replace(own, outage=np.full(len(found), -1))]
    if state.members.names:
        base, case = setting.base, setting.case
        s_from, s_to = spread_flows(base)
        flow = state.members.sum_flows(s_from.real[None], s_to.real[None], base.case, None)[0]
        over, limit, size = state.members.find_over(flow * case.base_mva)
        slot, outage = state.slots.start[INTERFACE] + over, np.full(len(over), -1)
        with np.errstate(divide="ignore"):
            parts.append(Violations(outage, slot, limit, size, 100.0 * size / limit, size))
    return parts


def join_violations(parts: Sequence[Violations]) -> Violations:
    """Put violations one after the other."""
    nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    parts = [Violations(nothing[0], nothing[0], *[nothing[1]] * 4), *parts]
    return Violations(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Violations.__slots__)
    )


def _take(violations: Violations, rows: Ints) -> Violations:
    return Violations(*(getattr(violations, name)[rows] for name in Violations.__slots__))


def find_verdict(base: Solution, outcomes: Outcomes, violations: Violations) -> str:
    """Call an hour secure if every outage is solved within limits, from a state that is whole."""
    whole = STATUSES[0] is base.status and bool(outcomes.solved.all())
    return "secure" if whole and not len(violations.outage) else "insecure"
