"""What comes of every outage of a security analysis, as arrays: solved in a batch, or only screened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE
from gridhub.analysis.security.judging import VOLTAGE_TOLERANCE, Limits
from gridhub.analysis.security.screening import Screen
from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.case.positions import find_members
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.batch import BatchPlan, solve_batch
from gridhub.solvers.batch_result import (
    STATUSES,
    THERMAL,
    VOLTAGE_HIGH,
    VOLTAGE_LOW,
    BatchResult,
    Findings,
)
from gridhub.solvers.scenario import Watch
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status

Progress = Callable[[int, int], None]
"""Called with outages done and outages in all; steps may be larger than one."""

SEVERITY_EXPONENT = 4
"""Exponent of the performance index: sum over branches of (loading / 100)^4."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What all outages of one analysis share.

    Attributes
    ----------
    net : Network
        State before the outages, in its tables.
    case : Case
        Compiled from it, references chosen.
    plan : BatchPlan
    base : Solution
        Solved state before the outages.
    criteria : Criteria or None
    normal : Limits
        With everything in service.
    limits : Limits
        After an outage.
    base_flow : (n_branch,) float
        Larger apparent power of either end before the outages [p.u.].
    base_vm : (n_bus,) float
        [p.u.].
    """

    net: Network
    case: Case
    plan: BatchPlan
    base: Solution
    criteria: Criteria | None
    normal: Limits
    limits: Limits
    base_flow: Floats
    base_vm: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What came of k outages.

    Attributes
    ----------
    by_ac : (k,) bool
        Solved by AC, not estimated by DC.
    status : (k,) int8
        Positions in `STATUSES`.
    iterations : (k,) int
    reason : (k,) object
        Text, "" where solved.
    worst_branch : (k,) int
        -1 where there is none.
    worst_loading : (k,) float
        [%]; NaN where there is none.
    severity : (k,) float
        Performance index; infinite where not solved.
    dead : two (m,) int
        Outage, and bus that is dead after it and was not before.
    findings : Findings
        By outage, kind and position; positions are branches and buses.
    p_from : (k, n_branch) float or None
        [p.u.]; NaN in dead parts and where not solved.
    vm : (k, n_bus) float or None
        [p.u.]; NaN likewise.
    taps : (k,) object
        `TapMoves` after each outage with controlled taps, else None.
    branch_loading : (n_branch,) float or None
        Highest loading of each branch after any of the outages [%]; NaN where there is none. None: a DC
        screen keeps none.
    branch_outage : (n_branch,) int or None
        Outage of it, the first of equals; -1 where there is none.
    """

    by_ac: Bools
    status: NDArray[np.int8]
    iterations: Ints
    reason: NDArray[np.object_]
    worst_branch: Ints
    worst_loading: Floats
    severity: Floats
    dead: tuple[Ints, Ints]
    findings: Findings
    p_from: Floats | None
    vm: Floats | None
    taps: NDArray[np.object_]
    branch_loading: Floats | None = None
    branch_outage: Ints | None = None

    @property
    def solved(self) -> Bools:
        """Outages whose state can be trusted, (k,) bool."""
        return np.asarray(np.array([status.is_solved for status in STATUSES])[self.status])

    @property
    def answered(self) -> Bools:
        """Outages that are solved or cleared by the screen, (k,) bool."""
        return np.asarray(self.solved | (self.status == STATUSES.index(Status.SCREENED)))


ROW_FIELDS = (
    "by_ac",
    "status",
    "iterations",
    "reason",
    "worst_branch",
    "worst_loading",
    "severity",
    "p_from",
    "vm",
    "taps",
)
"""Fields of `Outcomes` with one row per outage."""


def blank_outcomes(setting: Setting, count: int, keep_states: bool) -> Outcomes:
    """Make the outcomes of outages solved by AC, to be filled in row by row."""
    nobody = np.zeros(0, dtype=np.int64)
    case = setting.case
    return Outcomes(
        by_ac=np.ones(count, dtype=bool),
        status=np.full(count, STATUSES.index(Status.NOT_CONVERGED), dtype=np.int8),
        iterations=np.zeros(count, dtype=np.int64),
        reason=np.full(count, "", dtype=object),
        worst_branch=np.full(count, -1, dtype=np.int64),
        worst_loading=np.full(count, np.nan),
        severity=np.full(count, np.inf),
        dead=(nobody, nobody),
        findings=Findings(nobody, nobody, nobody, np.zeros(0)),
        p_from=np.full((count, case.n_branch), np.nan) if keep_states else None,
        vm=np.full((count, len(case.bus_node)), np.nan) if keep_states else None,
        taps=np.full(count, None, dtype=object),
        branch_loading=np.full(case.n_branch, np.nan),
        branch_outage=np.full(case.n_branch, -1),
    )


def take_higher(outcomes: Outcomes, loading: Floats, outage: Ints) -> None:
    """Take over the loadings that are the highest of their branch so far, the first outage of equals.

    Parameters
    ----------
    outcomes : Outcomes
        Changed in place.
    loading : (n_branch,) float
        [%]; NaN = not known.
    outage : (n_branch,) int
        Outage that causes each; -1 = none.
    """
    highest, first = outcomes.branch_loading, outcomes.branch_outage
    assert highest is not None and first is not None
    better = (loading > highest) | np.isnan(highest) | ((loading == highest) & (outage < first))
    better &= ~np.isnan(loading) & (outage >= 0)
    highest[better], first[better] = loading[better], outage[better]


def run_batch(
    setting: Setting, outages: Sequence[Outage], keep_states: bool, progress: Progress | None
) -> Outcomes:
    """Solve outages together by AC."""
    case, limits = setting.case, setting.limits
    result = solve_batch(
        case,
        setting.plan,
        outages,
        base=setting.base,
        watch=watch_nodes(case, limits),
        keep="all" if keep_states else "violations",
        progress=progress,
    )
    reason = np.full(len(outages), "", dtype=object)
    reason[list(result.reason)] = list(result.reason.values())
    request, bus = find_members(case.bus_node, result.dead_nodes)
    owner = np.repeat(np.arange(len(outages)), np.diff(result.dead_start))
    voltages = None
    if result.vm is not None:
        voltages = np.where(case.bus_node >= 0, result.vm[:, case.bus_node], np.nan)
    return Outcomes(
        by_ac=np.ones(len(outages), dtype=bool),
        status=result.status,
        iterations=result.iterations,
        reason=reason,
        worst_branch=result.worst_branch,
        worst_loading=result.worst_loading,
        severity=result.severity,
        dead=(owner[request], bus),
        findings=_find_at_buses(case, limits, result),
        p_from=None if result.s_from is None else result.s_from.real,
        vm=voltages,
        taps=_list_taps(result, len(outages)),
        branch_loading=result.branch_loading,
        branch_outage=result.branch_scenario,
    )


def _list_taps(result: BatchResult, count: int) -> NDArray[np.object_]:
    """Give the tap moves of each outage; None where taps are fixed."""
    taps = np.full(count, None, dtype=object)
    for k, moves in result.taps.items():
        taps[k] = moves
    return taps


def watch_nodes(case: Case, limits: Limits) -> Watch:
    """Watch every node within the narrowest limits of its buses."""
    on = case.bus_node >= 0
    node = case.bus_node[on]
    low, high = np.full(case.n_node, np.nan), np.full(case.n_node, np.nan)
    np.fmax.at(low, node, limits.vm_low[on])
    np.fmin.at(high, node, limits.vm_high[on])
    return Watch(limits.rate, low, high, limits.vm_change, LIMIT_TOLERANCE, VOLTAGE_TOLERANCE)


def _find_at_buses(case: Case, limits: Limits, result: BatchResult) -> Findings:
    """Give the findings at nodes to their buses, each held to its own limits."""
    found = result.findings
    thermal = np.flatnonzero(found.kind == THERMAL)
    at_node = np.flatnonzero(found.kind != THERMAL)
    request, bus = find_members(case.bus_node, found.position[at_node])
    chosen = at_node[request]
    kind, value = found.kind[chosen], found.value[chosen]
    low = limits.vm_low[bus] - value > VOLTAGE_TOLERANCE
    high = value - limits.vm_high[bus] > VOLTAGE_TOLERANCE
    true = np.where(kind == VOLTAGE_LOW, low, np.where(kind == VOLTAGE_HIGH, high, True))
    rows, position = (
        np.concatenate([thermal, chosen[true]]),
        np.concatenate([found.position[thermal], bus[true]]),
    )
    order = np.lexsort((position, found.kind[rows], found.scenario[rows]))
    rows = rows[order]
    return Findings(found.scenario[rows], found.kind[rows], position[order], found.value[rows])


def take_estimates(screen: Screen, limits: Limits, rows: Ints) -> Outcomes:
    """Take the screen's estimate as the answer: SCREENED if clear, an overload or a voltage if not."""
    branch, percent = screen.worst_branch[rows], screen.worst_percent[rows]
    bus, vm = screen.worst_bus[rows], screen.worst_vm[rows]
    over = np.flatnonzero(percent > 100.0 + LIMIT_TOLERANCE)
    beyond = np.flatnonzero(screen.room[rows] < -VOLTAGE_TOLERANCE)
    side = np.where(vm[beyond] < limits.vm_low[bus[beyond]], VOLTAGE_LOW, VOLTAGE_HIGH)
    status = np.full(len(rows), STATUSES.index(Status.SCREENED), dtype=np.int8)
    status[over], status[beyond] = (STATUSES.index(Status.CONVERGED),) * 2
    nobody = np.zeros(0, dtype=np.int64)
    return Outcomes(
        by_ac=np.zeros(len(rows), dtype=bool),
        status=status,
        iterations=np.zeros(len(rows), dtype=np.int64),
        reason=_explain_clearance(screen, rows, status == STATUSES.index(Status.SCREENED)),
        worst_branch=branch,
        worst_loading=percent,
        severity=(percent / 100.0) ** SEVERITY_EXPONENT,
        dead=(nobody, nobody),
        findings=Findings(
            np.concatenate([over, beyond]),
            np.concatenate([np.full(len(over), THERMAL), side]),
            np.concatenate([branch[over], bus[beyond]]),
            np.concatenate([percent[over], vm[beyond]]),
        ),
        p_from=None,
        vm=None,
        taps=np.full(len(rows), None, dtype=object),
    )


def _explain_clearance(screen: Screen, rows: Ints, clear: Bools) -> NDArray[np.object_]:
    """Say by which bound, and how far from it, the screen clears each outage; "" where it does not."""
    told = np.full(len(rows), "", dtype=object)
    for at in np.flatnonzero(clear).tolist():
        k = rows[at]
        percent, room = screen.worst_percent[k], screen.room[k]
        parts = ["no rated branch" if np.isnan(percent) else f"loading {percent:.1f} %"]
        if screen.method != "dc":
            parts.append("no voltage limit" if np.isnan(room) else f"voltage {room:.4f} p.u. within limits")
        told[at] = f"{screen.method}: {', '.join(parts)}"
        if screen.flagged[k]:
            told[at] += f"; flagged by {screen.bound[k]}, not verified"
    return told


def merge_outcomes(setting: Setting, parts: Sequence[tuple[Ints, Outcomes]], keep_states: bool) -> Outcomes:
    """Put outcomes of several origins into the order of the contingencies.

    Parameters
    ----------
    setting : Setting
    parts : sequence of (rows, Outcomes)
        Positions of each part's outages among all; every outage is in one part.
    keep_states : bool
        Whether flows and voltages are wanted; they stay NaN where a part has none.
    """
    count = sum(len(rows) for rows, _ in parts)

    outcomes = blank_outcomes(setting, count, keep_states)
    for rows, part in parts:
        for name in ROW_FIELDS:
            out, values = getattr(outcomes, name), getattr(part, name)
            if out is not None and values is not None:
                out[rows] = values

    def gather(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)

    found = Findings(
        scenario=gather([rows[part.findings.scenario] for rows, part in parts]),
        kind=gather([part.findings.kind for _, part in parts]),
        position=gather([part.findings.position for _, part in parts]),
        value=gather([part.findings.value for _, part in parts]),
    )
    order = np.argsort(found.scenario, kind="stable")
    for rows, part in parts:
        if part.branch_loading is not None and part.branch_outage is not None:
            caused = part.branch_outage >= 0
            take_higher(outcomes, part.branch_loading, np.where(caused, rows[part.branch_outage], -1))
    return replace(
        outcomes,
        dead=(
            gather([rows[part.dead[0]] for rows, part in parts]),
            gather([part.dead[1] for _, part in parts]),
        ),
        findings=Findings(
            found.scenario[order], found.kind[order], found.position[order], found.value[order]
        ),
    )
