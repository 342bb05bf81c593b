"""Branches beyond their limits after outages of sets of branches, one state at a time."""

from __future__ import annotations

import numpy as np

from gridhub.kernels.jit import compiled
from gridhub.kernels.maxima import Floats, Ints


@compiled
def find_set_overloads(
    flow: Floats,
    limit: Floats,
    start: Ints,
    lost: Ints,
    factor: Floats,
    held_start: Ints,
    held: Ints,
    tolerance: float,
) -> tuple[Ints, Floats, Ints, Floats]:
    """Find for every outage the branch, and for every branch the outage, with the most flow beyond a limit.

    Parameters
    ----------
    flow : (n_branch,) float
        Before any outage.
    limit : (n_branch,) float
        After an outage; infinite = none.
    start : (n_set + 1,) int
        Set s loses the entries start[s] to start[s + 1] of `lost`.
    lost : (m,) int
    factor : (m, n_branch) float
        Share of the flow of `lost` that moves to each branch.
    held_start : (n_set + 1,) int
        Set s leaves out the entries held_start[s] to held_start[s + 1] of `held`.
    held : (k,) int
        Branches.
    tolerance : float
        What counts as within the limit.

    Returns
    -------
    branch_of_set, over_of_set : (n_set,) int and float
    set_of_branch, over_of_branch : (n_branch,) int and float
        -1 and 0 where nothing is beyond its limit by more than `tolerance`; the first of equals.
    """
    n_set, n_branch = len(start) - 1, len(flow)
    branch_of_set, over_of_set = np.full(n_set, -1), np.zeros(n_set)
    set_of_branch, over_of_branch = np.full(n_branch, -1), np.zeros(n_branch)
    over = np.empty(n_branch)
    for s in range(n_set):
        for i in range(n_branch):
            over[i] = flow[i]
        for j in range(start[s], start[s + 1]):
            moved = flow[lost[j]]
            for i in range(n_branch):
                over[i] += factor[j, i] * moved
        some = False
        for i in range(n_branch):
            over[i] = abs(over[i]) - limit[i]
            some |= over[i] > tolerance
        if not some:
            continue
        for j in range(held_start[s], held_start[s + 1]):
            over[held[j]] = -np.inf
        for i in range(n_branch):
            if over[i] <= tolerance:
                continue
            if branch_of_set[s] < 0 or over[i] > over_of_set[s]:
                branch_of_set[s], over_of_set[s] = i, over[i]
            if set_of_branch[i] < 0 or over[i] > over_of_branch[i]:
                set_of_branch[i], over_of_branch[i] = s, over[i]
    return branch_of_set, over_of_set, set_of_branch, over_of_branch
