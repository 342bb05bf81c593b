"""Result of a batch of power flows: arrays by scenario, and the violations found in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridhub.case.case import Complexes, Floats, Ints
from gridhub.solvers.solution import TapMoves
from gridhub.solvers.status import Status

STATUSES: tuple[Status, ...] = tuple(Status)
"""`BatchResult.status` counts positions in here."""

THERMAL, VOLTAGE_LOW, VOLTAGE_HIGH, VOLTAGE_CHANGE = range(4)
"""Kinds of `Findings.kind`."""


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Violations found in a batch, in the order scenario, kind, position.

    Attributes
    ----------
    scenario : (m,) int
    kind : (m,) int
        THERMAL, VOLTAGE_LOW, VOLTAGE_HIGH or VOLTAGE_CHANGE.
    position : (m,) int
        Branch (THERMAL) or node.
    value : (m,) float
        Loading [%] of a branch, voltage of a node or size of its change [p.u.].
    """

    scenario: Ints
    kind: Ints
    position: Ints
    value: Floats

    def __len__(self) -> int:
        """Return the number of violations."""
        return len(self.scenario)


@dataclass(frozen=True, slots=True, eq=False)
class BatchResult:
    """What came of every scenario.

    Attributes
    ----------
    status : (k,) int8
        Positions in `STATUSES`.
    mismatch : (k,) float
        Largest active or reactive mismatch [p.u.].
    iterations : (k,) int
        Newton or chord iterations in all.
    switches : (k,) int
        Changes between held and free voltage.
    stage : (k,) int8
        1: chord Newton in lanes, 2: full Newton or the rescue ladder.
    reason : mapping from scenario to str
        Why a scenario is not CONVERGED.
    dead_start : (k + 1,) int
        Where each scenario's dead nodes begin in `dead_nodes`.
    dead_nodes : int
        Nodes without a reference that were alive before the outage.
    worst_branch : (k,) int
        Watched branch with the highest loading; -1 if none is rated or the scenario is not solved.
    worst_loading : (k,) float
        Its loading [%]; NaN where there is none.
    severity : (k,) float
        Sum of (loading / 100)^4 over the watched branches; infinite where not solved.
    branch_loading : (n_branch,) float
        Highest loading of each watched branch over all solved scenarios [%]; NaN where unrated.
    branch_scenario : (n_branch,) int
        Scenario that caused it (the first of equals); -1 where there is none.
    findings : Findings
    losses : (k,) float
        Active losses of the branches [p.u.]; NaN in unsolved scenarios, and in those with an outage that were
        solved in lanes.
    vm, va : (k, n_node) float or None
        With ``keep="all"``: [p.u., rad]; NaN at dead nodes and in unsolved scenarios.
    s_from, s_to : (k, n_branch) complex or None
        With ``keep="all"``: power into each branch [p.u.]; 0 out of service, NaN as above.
    taps : mapping from scenario to TapMoves
        With controlled taps, of every scenario; empty where they are fixed.
    """

    status: NDArray[np.int8]
    mismatch: Floats
    iterations: Ints
    switches: Ints
    stage: NDArray[np.int8]
    reason: dict[int, str]
    dead_start: Ints
    dead_nodes: Ints
    worst_branch: Ints
    worst_loading: Floats
    severity: Floats
    branch_loading: Floats
    branch_scenario: Ints
    findings: Findings
    losses: Floats
    vm: Floats | None
    va: Floats | None
    s_from: Complexes | None
    s_to: Complexes | None
    taps: dict[int, TapMoves]

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Scenarios whose state can be trusted, (k,) bool."""
        able = np.array([status.is_solved for status in STATUSES])
        return np.asarray(able[self.status])


class ResultBuilder:
    """Collects the outcome of scenarios in any order; `finish` freezes it."""

    def __init__(self, count: int, n_node: int, n_branch: int, keep_states: bool) -> None:
        self.status = np.full(count, STATUSES.index(Status.NOT_CONVERGED), dtype=np.int8)
        self.mismatch = np.full(count, np.nan)
        self.iterations = np.zeros(count, dtype=np.int64)
        self.switches = np.zeros(count, dtype=np.int64)
        self.stage = np.zeros(count, dtype=np.int8)
        self.reason: dict[int, str] = {}
        self.taps: dict[int, TapMoves] = {}
        self.dead: dict[int, Ints] = {}
        self.worst_branch = np.full(count, -1, dtype=np.int64)
        self.worst_loading = np.full(count, np.nan)
        self.severity = np.full(count, np.inf)
        self.branch_loading = np.full(n_branch, -np.inf)
        self.branch_scenario = np.full(n_branch, -1, dtype=np.int64)
        self.losses = np.full(count, np.nan)
        self.found: list[tuple[Ints, Ints, Ints, Floats]] = []
        shape = (count if keep_states else 0, n_node)
        self.vm, self.va = np.full(shape, np.nan), np.full(shape, np.nan)
        shape = shape[0], n_branch
        self.s_from = np.full(shape, np.nan, dtype=complex)
        self.s_to = np.full(shape, np.nan, dtype=complex)
        self.keep_states = keep_states

    def merge_branch_loading(self, loading: Floats, scenario: Ints) -> None:
        """Take over the highest loading of each branch; of equal loadings the first scenario stays."""
        better = (loading > self.branch_loading) | (
            (loading == self.branch_loading) & (scenario < self.branch_scenario)
        )
        better &= scenario >= 0
        self.branch_loading = np.where(better, loading, self.branch_loading)
        self.branch_scenario = np.where(better, scenario, self.branch_scenario)

    def add_findings(self, scenario: Ints, kind: Ints, position: Ints, value: Floats) -> None:
        """Add violations, in any order."""
        self.found.append((scenario, kind, position, value))

    def finish(self) -> BatchResult:
        """Freeze what was collected."""
        empty: tuple[Any, ...] = (np.zeros(0, np.int64),) * 3 + (np.zeros(0),)
        columns = [np.concatenate(parts) for parts in zip(empty, *self.found, strict=True)]
        scenario, kind, position = columns[:3]
        # one number each, none twice
        order = np.argsort((scenario * 4 + kind) * (position.max(initial=0) + 1) + position)
        count = len(self.status)
        sizes, numbers = np.zeros(count, dtype=np.int64), sorted(self.dead)
        nodes = [self.dead[k] for k in numbers]
        sizes[numbers] = list(map(len, nodes))
        seen = self.branch_scenario >= 0
        return BatchResult(
            status=self.status,
            mismatch=self.mismatch,
            iterations=self.iterations,
            switches=self.switches,
            stage=self.stage,
            reason=dict(sorted(self.reason.items())),
            dead_start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            dead_nodes=np.concatenate(nodes).astype(np.int64) if nodes else np.zeros(0, np.int64),
            worst_branch=self.worst_branch,
            worst_loading=self.worst_loading,
            severity=self.severity,
            branch_loading=np.where(seen, self.branch_loading, np.nan),
            branch_scenario=self.branch_scenario,
            findings=Findings(*(column[order] for column in columns)),
            losses=self.losses,
            vm=self.vm if self.keep_states else None,
            va=self.va if self.keep_states else None,
            s_from=self.s_from if self.keep_states else None,
            s_to=self.s_to if self.keep_states else None,
            taps=dict(sorted(self.taps.items())),
        )
