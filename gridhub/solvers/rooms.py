"""Room for an injection at every bus of a case, by DC: the closed form over all outages, and its blocks."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from gridhub.case.case import Case, Floats, Ints
from gridhub.kernels.rooms import Limits, Losses, Path, Rooms, find_rooms
from gridhub.solvers.dc import DcPlan
from gridhub.solvers.factors import SetFactors, compute_set_factors, compute_transfer_factors

MEMORY = 64 * 2**20
"""Bytes that the factors of a block of outages may take."""

BLOCK = 64
"""Buses whose flows are turned around together: few enough for a core's own cache."""

NEGLIGIBLE = 1e-9
"""An outage that moves less than this to an element is not looked at there: rounding [p.u.]."""

SMALLEST_WEIGHT = 0.01
"""Least usual size of a flow [p.u.]."""


def start_rooms(maximum: Floats) -> Rooms:
    """Make rooms in which nothing binds yet.

    Parameters
    ----------
    maximum : (n_bus,) float
        How far to look at each bus [p.u.].
    """
    shape = (len(maximum), 2)
    nothing = [np.full(shape, -1) for _ in range(3)]
    return Rooms(np.repeat(maximum[:, None], 2, axis=1), *nothing)


def compute_drawn(plan: DcPlan, nodes: Ints, direction: int) -> Floats:
    """Flow in each branch per MW of a growing injection, the units that follow it left out.

    Parameters
    ----------
    plan : DcPlan
    nodes : (n_bus,) int
    direction : {1, -1}
        1: a load, -1: generation.

    Returns
    -------
    (n_bus, n_branch) float
        [MW/MW]; NaN for dead nodes.
    """
    drawn = np.empty((len(nodes), len(plan.susceptance)))
    for first in range(0, len(nodes), BLOCK):
        some = slice(first, first + BLOCK)
        drawn[some] = -direction * compute_transfer_factors(plan, nodes[some]).T
    return drawn


def group_parallel(case: Case) -> Ints:
    """Give branches between the same two nodes the same number, (n_branch,) int."""
    ends = np.sort(np.stack([case.branch_from, case.branch_to]), axis=0)
    return np.unique(ends, axis=1, return_inverse=True)[1].reshape(-1).astype(np.int64)


def no_losses(n: int) -> Losses:
    """Make the losses of no outage at all, for `n` elements."""
    none, zero = np.empty(0, dtype=np.int64), np.empty(0)
    return Losses(
        np.zeros(n + 1, dtype=np.int64), none, zero, np.zeros(1, dtype=np.int64), none, zero, np.ones(n)
    )


def build_losses(
    case: Case,
    plan: DcPlan,
    sets: Sequence[Sequence[int]],
    numbers: Sequence[int],
    limit: Floats,
    usual: Floats,
) -> Losses:
    """Sort what outages move to each branch.

    Parameters
    ----------
    case : Case
    plan : DcPlan
    sets : sequence of sequences of int
        Branches lost together; none may split an island (`gridhub.solvers.factors.find_splitting_sets`).
    numbers : sequence of int
        Number of each outage.
    limit : (n_branch,) float
        Limit after an outage [p.u.]; NaN = none: such a branch is not looked at.
    usual : (n_branch,) float
        Usual size of the flows [p.u.].

    Returns
    -------
    Losses

    Notes
    -----
    The factors of a block of outages are dense, (outages x branches); only what is not `NEGLIGIBLE` stays.
    """
    weight = np.maximum(np.maximum(np.nan_to_num(limit), usual), SMALLEST_WEIGHT)
    live = [k for k, one in enumerate(sets) if any(case.branch_on[i] for i in one)]
    rows = max(1, MEMORY // (8 * max(1, case.n_branch)))
    parts = []
    for first in range(0, len(live), rows):
        chosen = live[first : first + rows]
        factors = compute_set_factors(case, plan, [sets[k] for k in chosen])
        parts.append(_sift(factors, np.array([numbers[k] for k in chosen]), weight, ~np.isnan(limit)))
    if not parts:
        return no_losses(case.n_branch)
    element, outage, bound, size = (np.concatenate([part[i] for part in parts]) for i in range(4))
    lost, factor = (np.concatenate([part[i] for part in parts]) for i in (4, 5))
    order = np.lexsort((outage, -bound, element))
    begin = np.searchsorted(element[order], np.arange(case.n_branch + 1))
    at = np.concatenate([[0], np.cumsum(size)])[:-1]
    first_member = np.concatenate([[0], np.cumsum(size[order])])
    member = np.repeat(at[order] - first_member[:-1], size[order]) + np.arange(len(lost))
    return Losses(begin, outage[order], bound[order], first_member, lost[member], factor[member], weight)


def _sift(
    factors: SetFactors, numbers: Ints, weight: Floats, monitored: np.ndarray
) -> tuple[Ints, Ints, Floats, Ints, Ints, Floats]:
    """List what is not negligible: element, outage, bound, members; and the members' branch and factor."""
    size = np.diff(factors.start)
    bound = np.add.reduceat(
        np.abs(factors.factor) * weight[factors.lost][:, None], factors.start[:-1], axis=0
    )
    bound[:, ~monitored] = 0.0
    bound[np.repeat(np.arange(len(size)), size), factors.lost] = 0.0
    own, element = np.nonzero(bound > NEGLIGIBLE)
    count = size[own]
    member = np.repeat(factors.start[:-1][own] - np.concatenate([[0], np.cumsum(count)])[:-1], count)
    member = member + np.arange(count.sum())
    return (
        element,
        numbers[own],
        bound[own, element],
        count,
        factors.lost[member],
        factors.factor[member, np.repeat(element, count)],
    )


def lower_rooms(
    rooms: Rooms,
    existing: Ints,
    path: Path,
    drawn: Floats,
    buses: Ints,
    losses: Losses,
    limits: Limits,
    outage: int = -1,
    state: int = 0,
    threads: int = 1,
) -> None:
    """Lower rooms in place by the limits of one state; see `gridhub.kernels.rooms.find_rooms`.

    Parameters
    ----------
    threads : int
        Changes no bit of the result.
    """

    def work(worker: int) -> None:
        find_rooms(path, drawn, buses, losses, limits, outage, state, worker, threads, rooms, existing)

    if threads == 1:
        work(0)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))
