"""Outages of identical parallel circuits: one of them is solved, the others are its mirror images.

Circuits between the same nodes with the same admittances and limits carry the same power. The loss of either
leaves the same voltages, and the flows of the circuits themselves change places. Of each kind of circuit and
injection set, the loss of the lowest circuit asked for is solved; the others differ from their own solution
by rounding only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Case, Complexes, Floats, Ints
from gridhub.case.positions import OUTAGE_KINDS, OutageList, find_members
from gridhub.solvers.batch_result import THERMAL, BatchResult, Findings


@dataclass(frozen=True, slots=True, eq=False)
class Twins:
    """Scenarios asked for, and the fewer that are solved for them.

    Attributes
    ----------
    rows : (n_solved,) int
        Scenarios to be solved, as positions among those asked for, ascending.
    solved : (k,) int
        Position in `rows` of what is solved for each scenario asked for.
    lost, taken : (k,) int
        Branch that a scenario loses, and the one that is lost in its place, if it is a mirror image; else -1.
    circuit, kind : (m,) int
        Circuits of which losses are mirrored, and the first circuit of their kind; the kinds stand together.
    of_kind : (n_solved,) int
        Kind whose losses a scenario is solved for; -1 for others.
    first, loses, second : (n_solved,) int
        Where a scenario is solved for a kind, the first one asked for, the circuit that it loses, and the
        first one asked for that loses another.
    """

    rows: Ints
    solved: Ints
    lost: Ints
    taken: Ints
    circuit: Ints
    kind: Ints
    of_kind: Ints
    first: Ints
    loses: Ints
    second: Ints


def find_twins(case: Case, rate: Floats, outages: OutageList, sets: Ints) -> Twins | None:
    """Find the outages of single circuits that mirror each other; None if none of them does.

    Parameters
    ----------
    case : Case
    rate : (n_branch,) float
        Limits watched: circuits with different ones are no twins.
    outages : OutageList
    sets : (k,) int
        Injection set of each: outages in different ones are no twins.
    """
    first = _find_first(case, rate)
    if first is None:
        return None
    lost, group = _find_mirrored(case, first, outages, sets)
    mirrored = np.flatnonzero(lost >= 0)
    if not len(mirrored):
        return None
    # by group, then by circuit, then as asked for: the first of each group is solved
    order = mirrored[np.lexsort((lost[mirrored], group[mirrored]))]
    begins = np.flatnonzero(np.concatenate([[True], group[order[1:]] != group[order[:-1]]]))
    size = np.diff(np.append(begins, len(order)))
    solves = order[begins]
    asked = lost < 0
    asked[solves] = True
    rows = np.flatnonzero(asked)
    solved = np.cumsum(asked) - 1
    at = solved[solves]
    solved[order], taken = np.repeat(at, size), np.full(len(outages), -1)
    taken[order] = np.repeat(lost[solves], size)
    of_kind, earliest, second = (np.full(len(rows), -1) for _ in range(3))
    of_kind[at] = first[lost[solves]]
    earliest[at] = np.minimum.reduceat(order, begins)
    elsewhere = lost[order] != lost[earliest[solved[order]]]
    # each group has one: it is asked for two circuits at least
    starts = np.concatenate([[0], np.cumsum(elsewhere)])[begins]
    second[at] = np.minimum.reduceat(order[elsewhere], starts)
    loses = np.where(earliest >= 0, lost[earliest], -1)
    is_kind = np.zeros(case.n_branch, dtype=bool)
    is_kind[of_kind[at]] = True
    circuit = np.flatnonzero(case.branch_on & is_kind[first])
    circuit = circuit[np.argsort(first[circuit], kind="stable")]
    return Twins(rows, solved, lost, taken, circuit, first[circuit], of_kind, earliest, loses, second)


def _find_mirrored(case: Case, first: Ints, outages: OutageList, sets: Ints) -> tuple[Ints, Ints]:
    """Branch that is all a scenario loses, if losses of its kind are mirrored, else -1; and set and kind.

    Of a kind all or none are mirrored: in each injection set in which one of its circuits is lost alone,
    another one must be. Where an outage of several elements takes some, but not all circuits of a kind, what
    others do to them is not alike, and none is.
    """
    count, n = len(outages), case.n_branch
    owner, branch = outages.list_lost("branch")
    alone = np.bincount(owner, minlength=count) == 1
    for kind in OUTAGE_KINDS[1:]:
        alone[outages.list_lost(kind)[0]] = False
    lost = np.full(count, -1)
    single = alone[owner]
    lost[owner[single]] = branch[single]
    # injection sets are numbered from -1
    group = np.where(lost >= 0, (sets + 1) * n + first[lost], -1)
    size = np.bincount(first[case.branch_on], minlength=n)
    able = size > 1
    asked = np.sort((group * n + lost)[lost >= 0])
    asked = asked[np.concatenate([[True], asked[1:] != asked[:-1]])[: len(asked)]] // n
    parts = np.concatenate([[True], asked[1:] != asked[:-1], [True]])
    able[asked[(parts[:-1] & parts[1:])[: len(asked)]] % n] = False
    if not single.all():
        each = np.unique(owner[~single] * n + branch[~single])
        of, number = np.unique(each // n * n + first[each % n], return_counts=True)
        able[(of % n)[number != size[of % n]]] = False
    keep = (lost >= 0) & case.branch_on[lost] & able[first[lost]]
    return np.where(keep, lost, -1), group


def _find_first(case: Case, rate: Floats) -> Ints | None:
    """First circuit with the same ends, admittances and limit, itself where there is none; None: no twins.

    Others with the same admittance at the from end may stand between alike ones, which are then solved each.
    """
    on = np.flatnonzero(case.branch_on)
    ends = case.branch_from[on] * case.n_node + case.branch_to[on]
    order = np.argsort(ends, kind="stable")
    parallel = np.zeros(len(on) + 1, dtype=bool)
    parallel[1:-1] = ends[order[1:]] == ends[order[:-1]]
    some = order[parallel[1:] | parallel[:-1]]
    if not len(some):
        return None
    on, ends = on[some], ends[some]
    limit, y = np.nan_to_num(rate[on], nan=-1.0), case.y_ff[on]
    # alike ones come to stand side by side, unless others share all of these
    order = np.lexsort((y.imag, y.real, limit, ends))
    branch, ends, limit = on[order], ends[order], limit[order]
    same = (ends[1:] == ends[:-1]) & (limit[1:] == limit[:-1])
    for entries in (case.y_ff, case.y_ft, case.y_tf, case.y_tt):
        y = entries[branch]
        same &= y[1:] == y[:-1]
    if not same.any():
        return None
    begins = np.flatnonzero(np.concatenate([[True], ~same]))
    first = np.arange(case.n_branch)
    first[branch] = np.repeat(branch[begins], np.diff(np.append(begins, len(branch))))
    return first


def expand_twins(result: BatchResult, twins: Twins) -> BatchResult:
    """Give every scenario asked for the result of the one that was solved for it.

    Parameters
    ----------
    result : BatchResult
        Of ``twins.rows``, with fixed taps.
    twins : Twins
    """
    solved, lost = twins.solved, twins.lost
    # the circuit lost and the one that was lost in its place change places
    worst = result.worst_branch[solved]
    worst = np.where((lost >= 0) & (worst == lost), twins.taken, worst)
    loading, scenario = _expand_highest(result, twins)
    names = ("status", "mismatch", "iterations", "switches", "stage", "worst_loading", "severity", "losses")
    size = np.diff(result.dead_start)[solved]
    begin = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    dead = np.repeat(result.dead_start[:-1][solved] - begin[:-1], size) + np.arange(begin[-1])
    reason = {}
    if result.reason:
        reason = {k: result.reason[j] for k, j in enumerate(solved.tolist()) if j in result.reason}
    return replace(
        result,
        **{name: getattr(result, name)[solved] for name in names},
        reason=reason,
        dead_start=begin,
        dead_nodes=result.dead_nodes[dead],
        worst_branch=worst,
        branch_loading=loading,
        branch_scenario=scenario,
        findings=_expand_findings(result.findings, twins),
        vm=None if result.vm is None else result.vm[solved],
        va=None if result.va is None else result.va[solved],
        s_from=_expand_flows(result.s_from, twins),
        s_to=_expand_flows(result.s_to, twins),
    )


def _expand_flows(flows: Complexes | None, twins: Twins) -> Complexes | None:
    """Repeat flows for every scenario asked for, with those of the two circuits exchanged."""
    if flows is None:
        return None
    every = flows[twins.solved]
    rows = np.flatnonzero(twins.lost != twins.taken)
    one, other = twins.lost[rows], twins.taken[rows]
    every[rows, one], every[rows, other] = every[rows, other], every[rows, one]
    return every


def _expand_findings(found: Findings, twins: Twins) -> Findings:
    """Repeat violations for every scenario asked for; the circuit lost has none, its twin has them."""
    outage, row = find_members(found.scenario, twins.solved)
    kind, position = found.kind[row], found.position[row]
    own = (kind == THERMAL) & (position == twins.lost[outage])
    position = np.where(own, twins.taken[outage], position)
    order = np.lexsort((position, kind, outage))
    return Findings(outage[order], kind[order], position[order], found.value[row][order])


def _expand_highest(result: BatchResult, twins: Twins) -> tuple[Floats, Ints]:
    """Highest loading of each branch over the scenarios asked for, and the first of them that causes it."""
    loading, at = result.branch_loading.copy(), result.branch_scenario
    scenario = np.where(at >= 0, twins.rows[at], -1)
    circuit, kind = twins.circuit, twins.kind
    # what one circuit of a kind carries at most, each does: in the loss of another one
    begins = np.flatnonzero(np.concatenate([[True], kind[1:] != kind[:-1]]))
    place = np.searchsorted(begins, np.arange(len(kind)), "right") - 1
    known = np.where(at[circuit] >= 0, loading[circuit], -np.inf)
    order = np.lexsort((at[circuit], -known, place))
    highest = circuit[order[begins]][place]
    loading[circuit], cause = loading[highest], at[highest]
    by_kind = (cause >= 0) & (twins.of_kind[cause] == kind)
    asked = np.where(twins.loses[cause] == circuit, twins.second[cause], twins.first[cause])
    scenario[circuit] = np.where(by_kind, asked, scenario[highest])
    return loading, scenario
