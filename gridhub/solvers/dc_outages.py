"""Every outage in every hour by DC: worst loadings, and the outage and hour they come from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.kernels.maxima import BranchMaxima, HourMaxima, OutageBlock, OutageMaxima
from gridhub.kernels.outage_maxima import TILE, track_outage_maxima
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.dc_batch import DcBatchSolver, check_plan
from gridhub.solvers.factors import SetFactors, compute_set_factors, find_splitting_sets
from gridhub.solvers.islands import keep_largest_parts
from gridhub.solvers.scenario import Injections
from gridhub.solvers.status import Status

MEMORY = 64 * 2**20
"""Bytes that the flows of a block of hours, or the factors of a block of outages, may take."""

KEPT_BLOCKS = 4
"""Blocks of factors kept from one block of hours to the next; of more, each is worked out anew."""


@dataclass(frozen=True, slots=True, eq=False)
class DcScreen:
    """Worst loadings over every outage in every hour.

    Loadings are in percent of the limit; a hour is an injection set. -1 and NaN stand where nothing was
    judged: an unrated branch, an hour or an outage without a solution. Equal loadings: the earliest hour
    counts, then the first outage, then the first branch.

    Attributes
    ----------
    branch_percent, branch_outage, branch_hour : (n_branch,)
        Highest loading of each branch after an outage, and where it comes from.
    branch_overloads : (n_branch,) int
        Pairs of outage and hour that overload the branch.
    outage_percent, outage_branch, outage_hour : (n_outage,)
        Highest loading after each outage.
    outage_status : (n_outage,) tuple of Status
        CONVERGED; ISLANDED where the outage splits an island, which is then solved again without what is cut
        off; NOT_CONVERGED where that leaves units that cannot balance it in some hour.
    outage_unsolved : (n_outage,) int
        Hours, of those solved before the outage, without a solution after it.
    outage_lost_load : (n_outage,) float
        Largest load cut off in an hour [p.u.].
    hour_percent, hour_branch, hour_outage : (n_hour,)
        Highest loading in each hour.
    hour_solved : (n_hour,) bool
        Hours with a solution before any outage; the others are not judged.
    """

    branch_percent: Floats
    branch_outage: Ints
    branch_hour: Ints
    branch_overloads: Ints
    outage_percent: Floats
    outage_branch: Ints
    outage_hour: Ints
    outage_status: tuple[Status, ...]
    outage_unsolved: Ints
    outage_lost_load: Floats
    hour_percent: Floats
    hour_branch: Ints
    hour_outage: Ints
    hour_solved: Bools


class _Maxima:
    """Maxima kept while blocks of hours and outages go by; each thread has its own until the end."""

    def __init__(
        self, monitored: Ints, limit: Floats, n_outage: int, n_hour: int, percent: float, threads: int
    ) -> None:
        self.monitored, self.scale = monitored, 1.0 / limit[monitored]
        self.top = percent / 100.0
        self.threads = threads
        self.of_branch = [BranchMaxima(*_start(len(monitored))) for _ in range(threads)]
        self.of_outage = [OutageMaxima(*_start(n_outage)) for _ in range(threads)]
        self.of_hour = HourMaxima(*_start(n_hour))
        self.count = np.zeros((threads, len(monitored)), dtype=np.int64)

    def scale_factors(self, number: Ints, factors: SetFactors) -> OutageBlock:
        """Divide the factors of a block of outages by the limits of what they move flow to."""
        # indexing [:, columns] would lay the columns out one after the other: the kernel runs along rows
        scaled = np.take(factors.factor, self.monitored, axis=1)
        scaled *= self.scale
        return OutageBlock(number, factors.start, factors.lost, scaled)

    def update(self, flow: Floats, hours: Ints, outages: OutageBlock, watched: Ints | None = None) -> None:
        """Look at a block of outages in a block of hours; `watched`: monitored branches that are left."""
        chosen = np.arange(len(self.monitored)) if watched is None else watched
        of_hour = self.of_hour
        here = HourMaxima(of_hour.value[hours], of_hour.outage[hours], of_hour.branch[hours])

        def work(worker: int) -> None:
            every, count = self.of_branch[worker], self.count[worker]
            best = BranchMaxima(every.value[chosen], every.outage[chosen], every.hour[chosen])
            over = count[chosen]
            track_outage_maxima(
                flow,
                hours,
                self.monitored[chosen],
                self.scale[chosen],
                outages,
                self.top,
                worker,
                self.threads,
                best,
                self.of_outage[worker],
                here,
                over,
            )
            for target, found in zip(every, best, strict=True):
                target[chosen] = found
            count[chosen] = over

        if self.threads == 1:
            work(0)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(work, range(self.threads)))
        for array, block in zip(self.of_hour, here, strict=True):
            array[hours] = block

    def order(self, flow: Floats) -> Ints:
        """Order of the columns in which like hours lie together, the highest loadings first."""
        top = np.zeros(flow.shape[1])
        for branch, scale in zip(self.monitored, self.scale, strict=True):
            np.maximum(top, np.abs(flow[branch]) * scale, out=top)
        return np.argsort(-top, kind="stable")

    def merge(self) -> tuple[BranchMaxima, OutageMaxima]:
        """Put the maxima of all threads together; the order of the threads does not matter."""
        branch, outage = self.of_branch[0], self.of_outage[0]
        for worker in range(1, self.threads):
            _take_higher(branch, self.of_branch[worker], branch.outage, self.of_branch[worker].outage)
            _take_higher(outage, self.of_outage[worker], outage.branch, self.of_outage[worker].branch)
        return branch, outage


def _start(n: int) -> tuple[Floats, Ints, Ints]:
    return np.full(n, -1.0), np.full(n, -1), np.full(n, -1)


def _take_higher(
    mine: BranchMaxima | OutageMaxima, other: BranchMaxima | OutageMaxima, place: Ints, other_place: Ints
) -> None:
    """Take over the higher values; equal ones: the earlier hour, then the lower place."""
    earlier = (other.hour < mine.hour) | ((other.hour == mine.hour) & (other_place < place))
    better = (other.value > mine.value) | ((other.value == mine.value) & earlier)
    for target, source in zip(mine, other, strict=True):
        target[better] = source[better]


def screen_dc_outages(
    case: Case,
    plan: DcPlan,
    outages: Sequence[Sequence[int]],
    limit: Floats,
    injections: Injections | None = None,
    distributed_slack: bool = True,
    *,
    judge_splits: bool = True,
    loading_tolerance: float = 1e-6,
    tolerance: float = 1e-8,
    threads: int = 1,
) -> DcScreen:
    """Find the worst loadings of every branch, outage and hour over all outages in all hours, by DC.

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    plan : DcPlan
        Of `case`, with ``single_reference=distributed_slack``; it holds the DC convention.
    outages : sequence of sequences of int
        Branches lost together: one, the circuits of a tower, any set. Those out of service do not count.
    limit : (n_branch,) float
        Limit after an outage [p.u.]; NaN = unrated.
    injections : Injections, optional
        The hours: loads, units, storage and HVDC set-points; None: the case's own, one hour.
    distributed_slack : bool
        Whether the units share the imbalance, within their limits.
    judge_splits : bool
        Whether outages that split an island are solved again, at the price of a year of flows each; if not,
        they are ISLANDED with nothing judged and no load counted.
    loading_tolerance : float
        A branch is overloaded when its loading [%] is above 100 by more than this.
    tolerance : float
        Imbalance an island may keep and still count as balanced [p.u.].
    threads : int
        Changes no bit of the result.

    Returns
    -------
    DcScreen
        Nothing is raised for an outage or an hour that has no solution.

    Raises
    ------
    ValueError
        If a branch without impedance is to be lost (the case has to be compiled again without it), a limit is
        not above 0, or the plan is for the other kind of slack.

    Notes
    -----
    Flow after the outage K: f + H_K (I - H_KK)^-1 f_K, see `gridhub.solvers.factors.compute_set_factors`: for
    one branch f_l + LODF_lk f_k. f holds phase shifts and HVDC set-points, so the outage does. An outage that
    splits an island, found by graph, is solved again in every hour as `solve_dc` would: the largest part of
    each island lives, its units share what is missing.
    Memory holds the flows of some hours and the factors of some outages, never both times the branches.
    """
    check_plan(plan, distributed_slack)
    check_branches(case, np.array([i for one in outages for i in one], dtype=np.int64), limit)
    solver = DcBatchSolver(case, plan, injections, distributed_slack, tolerance)
    monitored = np.flatnonzero(case.branch_on & ~solver.dead_branch & ~np.isnan(limit))
    maxima = _Maxima(monitored, limit, len(outages), solver.count, 100.0 + loading_tolerance, threads)
    splits = find_splitting_sets(case, outages)
    solved = np.zeros(solver.count, dtype=bool)
    whole = np.flatnonzero(~splits)
    blocks = _cut_outages(outages, whole, max(1, MEMORY // (8 * max(1, case.n_branch))))

    def prepare(numbers: Ints) -> OutageBlock:
        sets = [outages[k] for k in numbers.tolist()]
        return maxima.scale_factors(numbers, compute_set_factors(case, plan, sets))

    kept = [prepare(numbers) for numbers in blocks] if len(blocks) <= KEPT_BLOCKS else None
    for hours in _cut_hours(np.arange(solver.count), case.n_branch):
        flow, sound = solver.fill_flows(hours, threads)
        solved[hours] = sound
        order = maxima.order(flow)
        order = order[sound[order]]
        flow = np.take(flow, order, axis=1)
        for block in kept or map(prepare, blocks):
            maxima.update(flow, hours[order], block)
    unsolved = np.zeros(len(outages), dtype=np.int64)
    lost_load = np.zeros(len(outages))
    for k in np.flatnonzero(splits & judge_splits).tolist():
        unsolved[k], lost_load[k] = _solve_split(solver, maxima, k, outages[k], solved, threads)
    status = np.where(splits, Status.ISLANDED, Status.CONVERGED)
    status = np.where(unsolved > 0, Status.NOT_CONVERGED, status)
    return _finish(case, maxima, tuple(Status(s) for s in status), unsolved, lost_load, solved)


def check_branches(case: Case, lost: Ints, limit: Floats) -> None:
    """Refuse the loss of branches without impedance, and limits that are not above 0.

    Raises
    ------
    ValueError
    """
    joining = np.unique(lost[case.branch_joins[lost]])
    if len(joining):
        ids = ", ".join(case.labels.branch[i] for i in joining[:5])
        raise ValueError(
            f"{len(joining)} branches without impedance cannot be lost in a compiled case: {ids}. "
            "Compile the network again without them."
        )
    bad = np.flatnonzero(limit <= 0)
    if len(bad):
        ids = ", ".join(case.labels.branch[i] for i in bad[:5])
        raise ValueError(f"{len(bad)} limits are not above 0: {ids}. Give NaN for an unrated branch.")


def _cut_outages(outages: Sequence[Sequence[int]], chosen: Ints, rows: int) -> list[Ints]:
    """Cut outages into blocks of at most `rows` lost branches, or of one outage."""
    size = np.cumsum([len(outages[k]) for k in chosen.tolist()])
    return [chosen[size // rows == b] for b in np.unique(size // rows)] if len(chosen) else []


def _cut_hours(hours: Ints, n_branch: int) -> list[Ints]:
    """Cut hours into blocks whose flows take at most `MEMORY`."""
    length = max(TILE, MEMORY // (8 * max(1, n_branch)) // TILE * TILE)
    return [hours[i : i + length] for i in range(0, len(hours), length)]


def _solve_split(
    solver: DcBatchSolver, maxima: _Maxima, k: int, lost: Sequence[int], solved: Bools, threads: int
) -> tuple[int, float]:
    """Solve every hour after an outage that splits an island; hours without solution, largest load lost."""
    before = solver.plan
    case = keep_largest_parts(solver.case.take_out(Outage(tuple(lost))), before.islands)
    plan = plan_dc(case, before.convention, before.single_reference)
    after = DcBatchSolver(case, plan, solver.injections, before.single_reference, solver.tolerance)
    node = case.bus_node[case.load_bus]
    dead = case.load_on & (node >= 0)
    dead &= before.islands.live[node] & ~plan.islands.live[node]
    unsolved, lost_load = 0, 0.0
    gone = after.dead_branch.copy()
    gone[list(lost)] = True
    watched = np.flatnonzero(~gone[maxima.monitored])
    none = np.empty(0, dtype=np.int64)
    block = OutageBlock(np.array([k]), np.zeros(2, dtype=np.int64), none, np.empty((0, len(watched))))
    for hours in _cut_hours(np.flatnonzero(solved), case.n_branch):
        flow, sound = after.fill_flows(hours, threads)
        unsolved += int((~sound).sum())
        lost_load = max(lost_load, float(after.take("load_p", hours)[:, dead].sum(axis=1).max(initial=0.0)))
        order = np.flatnonzero(sound)
        maxima.update(np.take(flow, order, axis=1), hours[order], block, watched)
    return unsolved, lost_load


def _finish(
    case: Case,
    maxima: _Maxima,
    status: tuple[Status, ...],
    unsolved: Ints,
    lost_load: Floats,
    solved: Bools,
) -> DcScreen:
    of_branch, of_outage = maxima.merge()
    every = BranchMaxima(*_start(case.n_branch))
    for target, found in zip(every, of_branch, strict=True):
        target[maxima.monitored] = found
    overloads = np.zeros(case.n_branch, dtype=np.int64)
    overloads[maxima.monitored] = maxima.count.sum(axis=0)
    return DcScreen(
        branch_percent=_percent(every.value),
        branch_outage=every.outage,
        branch_hour=every.hour,
        branch_overloads=overloads,
        outage_percent=_percent(of_outage.value),
        outage_branch=of_outage.branch,
        outage_hour=of_outage.hour,
        outage_status=status,
        outage_unsolved=unsolved,
        outage_lost_load=lost_load,
        hour_percent=_percent(maxima.of_hour.value),
        hour_branch=maxima.of_hour.branch,
        hour_outage=maxima.of_hour.outage,
        hour_solved=solved,
    )


def _percent(value: Floats) -> Floats:
    return np.where(value < 0, np.nan, 100.0 * value)
