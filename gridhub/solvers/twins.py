"""Outages of identical parallel circuits: one of them is solved, the others are its mirror images.

Circuits between the same nodes with the same admittances and limits carry the same power. The loss of either
leaves the same voltages, and the flows of the circuits themselves change places. Solved is the loss of the
first of its kind in the case; the others differ from their own solution by rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Case, Floats, Ints, Outage
from gridhub.case.positions import find_members, list_lost, mark_losing
from gridhub.solvers.batch_result import THERMAL, BatchResult, Findings


@dataclass(frozen=True, slots=True, eq=False)
class Twins:
    """Outages asked for, and the fewer that are solved for them.

    Attributes
    ----------
    lost : (k,) int
        Branch that each outage asked for loses, if it is the mirror image of another; else -1.
    taken : (k,) int
        Branch that is lost in its place; -1 likewise.
    solved : (k,) int
        Position of the outage that is solved for it.
    outages : tuple of Outage
        Those to be solved.
    asked : (n_solved,) int
        First outage asked for of each that is solved.
    circuit, kind : (m,) int
        Circuits that have a twin of which a loss is asked for, and the first of their kind.
    other : (m,) int
        Another circuit of that kind, in service when the first is lost.
    by : (m,) int
        Outage that is solved for the losses of the kind.
    cause : (m,) int
        First outage asked for that loses a twin of the circuit, not itself.
    """

    lost: Ints
    taken: Ints
    solved: Ints
    outages: tuple[Outage, ...]
    asked: Ints
    circuit: Ints
    kind: Ints
    other: Ints
    by: Ints
    cause: Ints


def find_twins(case: Case, rate: Floats, outages: Sequence[Outage]) -> Twins | None:
    """Find the outages of single circuits that mirror each other; None if none of them does.

    Parameters
    ----------
    case : Case
    rate : (n_branch,) float
        Limits watched: circuits with different ones are no twins.
    outages : sequence of Outage
    """
    first = _find_first(case, rate)
    lost = _find_mirrored(first, outages, case.n_branch)
    mirrored = np.flatnonzero(lost >= 0)
    if not len(mirrored):
        return None
    kinds, position = np.unique(first[lost[mirrored]], return_inverse=True)
    rest = np.flatnonzero(lost < 0)
    solved = np.empty(len(outages), dtype=np.int64)
    solved[rest] = np.arange(len(rest))
    solved[mirrored] = len(rest) + position
    every = [outages[k] for k in rest.tolist()] + [Outage(branch=(k,)) for k in kinds.tolist()]
    asked = np.full(len(every), -1)
    asked[solved[::-1]] = np.arange(len(outages))[::-1]
    circuit = np.flatnonzero(case.branch_on & np.isin(first, kinds))
    circuit = circuit[np.argsort(first[circuit], kind="stable")]
    place = np.searchsorted(kinds, first[circuit])
    # the circuits of a kind stand together, the first of them first
    other = circuit[np.searchsorted(place, place) + 1]
    earliest = _find_earliest(mirrored, position, len(kinds))
    elsewhere = lost[mirrored] != lost[earliest[position]]
    next_one = _find_earliest(mirrored[elsewhere], position[elsewhere], len(kinds))
    cause = np.where(lost[earliest[place]] == circuit, next_one[place], earliest[place])
    taken = np.where(lost >= 0, first[lost], -1)
    by = len(rest) + place
    return Twins(lost, taken, solved, tuple(every), asked, circuit, kinds[place], other, by, cause)


def _find_mirrored(first: Ints, outages: Sequence[Outage], n_branch: int) -> Ints:
    """Branch that is all an outage loses, if its loss and that of a twin are asked for; -1 for others.

    Where an outage of several elements takes a circuit of the kind, none of the kind is mirrored: what others
    do to its circuits is not alike then.
    """
    owner, branch = list_lost(outages, "branch")
    alone = np.bincount(owner, minlength=len(outages)) == 1
    for kind in ("generator", "load", "storage", "hvdc", "shunt"):
        alone &= ~mark_losing(outages, kind)
    lost = np.full(len(outages), -1)
    lost[owner[alone[owner]]] = branch[alone[owner]]
    circuits = np.unique(lost[lost >= 0])
    asked = np.bincount(first[circuits], minlength=n_branch)
    asked[first[branch[~alone[owner]]]] = 0
    return np.where((lost >= 0) & (asked[first[lost]] > 1), lost, -1)


def _find_earliest(outage: Ints, kind: Ints, count: int) -> Ints:
    """First outage of each kind."""
    result = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(result, kind, outage)
    return result


def _find_first(case: Case, rate: Floats) -> Ints:
    """First circuit with the same ends, admittances and limit; itself for a branch out of service."""
    parts = [case.y_ff, case.y_ft, case.y_tf, case.y_tt]
    columns = [case.branch_from, case.branch_to, np.nan_to_num(rate, nan=-1.0)]
    table = np.column_stack([*columns, *(f(y) for y in parts for f in (np.real, np.imag))]).astype(float)
    first = np.arange(case.n_branch)
    on = np.flatnonzero(case.branch_on)
    if len(on):
        rows = np.ascontiguousarray(table[on] + 0.0).view(np.dtype((np.void, table.shape[1] * 8))).ravel()
        _, earliest, kind = np.unique(rows, return_index=True, return_inverse=True)
        first[on] = on[earliest[kind]]
    return first


def expand_twins(result: BatchResult, twins: Twins) -> BatchResult:
    """Give every outage asked for the result of the one that was solved for it.

    Parameters
    ----------
    result : BatchResult
        Of ``twins.outages``, without states.
    twins : Twins
    """
    solved, lost = twins.solved, twins.lost
    # the circuit lost and the one that was lost in its place change places
    worst = result.worst_branch[solved]
    worst = np.where((lost >= 0) & (worst == lost), twins.taken, worst)
    loading, scenario = _expand_highest(result, twins)
    names = ("status", "mismatch", "iterations", "switches", "stage", "worst_loading", "severity", "losses")
    dead = [np.diff(result.dead_start)[solved], find_members(_list_owners(result.dead_start), solved)[1]]
    return replace(
        result,
        **{name: getattr(result, name)[solved] for name in names},
        reason={k: result.reason[j] for k, j in enumerate(solved.tolist()) if j in result.reason},
        dead_start=np.concatenate([[0], np.cumsum(dead[0])]).astype(np.int64),
        dead_nodes=result.dead_nodes[dead[1]],
        worst_branch=worst,
        branch_loading=loading,
        branch_scenario=scenario,
        findings=_expand_findings(result.findings, twins),
    )


def _list_owners(start: Ints) -> Ints:
    return np.repeat(np.arange(len(start) - 1), np.diff(start))


def _expand_findings(found: Findings, twins: Twins) -> Findings:
    """Repeat violations for every outage asked for; the circuit lost has none, its twin has them."""
    outage, row = find_members(found.scenario, twins.solved)
    kind, position = found.kind[row], found.position[row]
    own = (kind == THERMAL) & (position == twins.lost[outage])
    position = np.where(own, twins.taken[outage], position)
    order = np.lexsort((position, kind, outage))
    return Findings(outage[order], kind[order], position[order], found.value[row][order])


def _expand_highest(result: BatchResult, twins: Twins) -> tuple[Floats, Ints]:
    """Highest loading of each branch over the outages asked for, and the first of them that causes it."""
    loading, at = result.branch_loading.copy(), result.branch_scenario
    scenario = np.where(at >= 0, twins.asked[at], -1)
    circuit, kind, other = twins.circuit, twins.kind, twins.other
    # the circuit that was lost for its kind carries what another does when that one is lost
    by_twin = at[other] == twins.by
    first = circuit == kind
    higher = by_twin & first & ~(loading[circuit] >= loading[other])
    loading[circuit[higher]] = loading[other[higher]]
    own = (at[circuit] == twins.by) | higher
    scenario[circuit[own]] = twins.cause[own]
    return loading, scenario
