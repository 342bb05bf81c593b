"""Every pair of outages (N-2) by DC: the worst pairs, counts, and the pairs that split an island."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.kernels.maxima import PairMaxima
from gridhub.kernels.pair_maxima import track_pair_maxima
from gridhub.solvers.dc import DcPlan
from gridhub.solvers.dc_batch import DcBatchSolver, check_plan
from gridhub.solvers.dc_outages import check_branches
from gridhub.solvers.factors import compute_outage_factors, label_cut_branches
from gridhub.solvers.scenario import Injections

ROWS = 16
"""First branches of the pairs that one thread works on at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class DcPairs:
    """Worst loadings over all pairs of outages.

    Branches are positions in the case, loadings in percent of the limit, a set is an injection set.

    Attributes
    ----------
    first, second : (n_worst,) int
        The pairs with the highest loadings, the worst first; equal loadings: the pair that comes first.
    percent, branch, injection : (n_worst,)
        Highest loading after the loss of the pair, its branch and its injection set.
    judged : int
        Pairs judged.
    overloaded : int
        Pairs that overload a branch in some set.
    branch_percent, branch_first, branch_second, branch_injection : (n_branch,)
        Highest loading of each branch over all pairs, and where it comes from; NaN and -1 if unrated.
    branch_overloads : (n_branch,) int
        Pairs and sets that overload the branch.
    cut : (n_cut, 2) int
        Pairs that split an island though neither branch does alone: not judged here.
    alone : (n_alone,) int
        Branches that split an island alone: no pair with one of them is judged here.
    solved : (n_set,) bool
        Injection sets with a solution before any outage; the others are not judged.
    """

    first: Ints
    second: Ints
    percent: Floats
    branch: Ints
    injection: Ints
    judged: int
    overloaded: int
    branch_percent: Floats
    branch_first: Ints
    branch_second: Ints
    branch_injection: Ints
    branch_overloads: Ints
    cut: Ints
    alone: Ints
    solved: Bools


def screen_dc_pairs(
    case: Case,
    plan: DcPlan,
    branches: Ints,
    limit: Floats,
    injections: Injections | None = None,
    distributed_slack: bool = True,
    *,
    keep: int = 1000,
    loading_tolerance: float = 1e-6,
    tolerance: float = 1e-8,
    threads: int = 1,
) -> DcPairs:
    """Find the worst loadings after the loss of any two of some branches, by DC.

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    plan : DcPlan
        Of `case`, with ``single_reference=distributed_slack``; it holds the DC convention.
    branches : (k,) int
        Branches to lose in pairs, such as those above a voltage; those out of service are left out.
    limit : (n_branch,) float
        Limit after the outages [p.u.]; NaN = unrated.
    injections : Injections, optional
        None: the case's own. The time grows with the number of sets.
    distributed_slack : bool
    keep : int
        Worst pairs to name.
    loading_tolerance : float
        A branch is overloaded when its loading [%] is above 100 by more than this.
    tolerance : float
        Imbalance an island may keep and still count as balanced [p.u.].
    threads : int
        Changes no bit of the result.

    Returns
    -------
    DcPairs
        For pairs that split an island give `DcPairs.cut`, or pairs with one of `DcPairs.alone`, to
        `gridhub.solvers.dc_outages.screen_dc_outages`.

    Raises
    ------
    ValueError
        As `gridhub.solvers.dc_outages.screen_dc_outages`.

    Notes
    -----
    See `gridhub.kernels.pair_maxima.track_pair_maxima` for the formula of two, and
    `gridhub.solvers.factors.compute_set_factors` for its source; cut pairs are found by graph, exactly.
    Memory holds the factors of `branches` and the pairs of a few rows, never all pairs times branches.
    """
    check_plan(plan, distributed_slack)
    branches = np.unique(branches[case.branch_on[branches]])
    check_branches(case, branches, limit)
    solver = DcBatchSolver(case, plan, injections, distributed_slack, tolerance)
    flow, solved = solver.fill_flows(np.arange(solver.count), threads)
    sets = np.flatnonzero(solved)
    flow = np.take(flow, sets, axis=1).T
    monitored = np.flatnonzero(case.branch_on & ~solver.dead_branch & ~np.isnan(limit))
    label = label_cut_branches(case)[branches]
    bridge = np.zeros(case.n_branch, dtype=bool)
    bridge[branches[label < 0]] = True
    factor = np.nan_to_num(compute_outage_factors(case, plan, branches, bridge)).T
    place = np.full(case.n_branch, -1)
    place[monitored] = np.arange(len(monitored))
    shared = (
        np.take(flow, branches, axis=1),
        np.take(flow, monitored, axis=1) / limit[monitored],
        np.take(factor, monitored, axis=1) / limit[monitored],
        np.ascontiguousarray(factor[:, branches].T),
        place[branches],
        label,
        1.0 + loading_tolerance / 100.0,
    )
    worst = _WorstPairs(keep, shared[-1])
    of_branch = [_start(len(monitored)) for _ in range(threads)]
    count = np.zeros((threads, len(monitored)), dtype=np.int64)
    blocks = [np.arange(i, min(i + ROWS, len(branches))) for i in range(0, len(branches), ROWS)]

    def work(worker: int, rows: Ints) -> tuple[Ints, Floats, Ints, Ints]:
        shape = len(rows), len(branches)
        value, position, at = (
            np.empty(shape),
            np.empty(shape, dtype=np.int64),
            np.empty(shape, dtype=np.int64),
        )
        track_pair_maxima(*shared, rows, value, position, at, of_branch[worker], count[worker])
        return rows, value, position, at

    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(blocks), threads):
            for found in pool.map(work, range(threads), blocks[first : first + threads]):
                worst.add(*found)
    for other in of_branch[1:]:
        _take_higher(of_branch[0], other)
    highest = of_branch[0]
    known = np.flatnonzero(highest.value >= 0)

    def spread(values: np.ndarray, rest: float) -> np.ndarray:
        result = np.full(case.n_branch, rest, dtype=values.dtype)
        result[monitored[known]] = values[known]
        return result

    i, j = np.nonzero(np.triu((label[:, None] == label) & (label >= 0), 1))
    return DcPairs(
        first=branches[worst.first],
        second=branches[worst.second],
        percent=100.0 * worst.value,
        branch=monitored[worst.position],
        injection=sets[worst.injection],
        judged=worst.judged,
        overloaded=worst.overloaded,
        branch_percent=spread(100.0 * highest.value, np.nan),
        branch_first=spread(branches[highest.first], -1),
        branch_second=spread(branches[highest.second], -1),
        branch_injection=spread(np.append(sets, -1)[highest.injection], -1),
        branch_overloads=spread(count.sum(axis=0), 0),
        cut=np.stack([branches[i], branches[j]], axis=1),
        alone=branches[label == -1],
        solved=solved,
    )


def _start(n: int) -> PairMaxima:
    return PairMaxima(np.full(n, -1.0), np.full(n, -1), np.full(n, -1), np.full(n, -1))


def _take_higher(mine: PairMaxima, other: PairMaxima) -> None:
    """Take over the higher values; equal ones: the pair that comes first."""
    earlier = (other.first < mine.first) | ((other.first == mine.first) & (other.second < mine.second))
    better = (other.value > mine.value) | ((other.value == mine.value) & earlier)
    for target, source in zip(mine, other, strict=True):
        target[better] = source[better]


class _WorstPairs:
    """The `keep` worst pairs of those that went by, in blocks of rows in rising order."""

    def __init__(self, keep: int, limit: float) -> None:
        self.keep, self.limit = keep, limit
        self.value = np.empty(0)
        self.first, self.second, self.position, self.injection = np.empty((4, 0), dtype=np.int64)
        self.judged = self.overloaded = 0

    def add(self, rows: Ints, value: Floats, position: Ints, at: Ints) -> None:
        row, second = np.nonzero(at >= 0)
        found = value[row, second]
        self.judged += len(found)
        self.overloaded += int((found > self.limit).sum())
        value = np.concatenate([self.value, found])
        best = np.argsort(-value, kind="stable")[: self.keep]
        self.value = value[best]
        self.first = np.concatenate([self.first, rows[row]])[best]
        self.second = np.concatenate([self.second, second])[best]
        self.position = np.concatenate([self.position, position[row, second]])[best]
        self.injection = np.concatenate([self.injection, at[row, second]])[best]
