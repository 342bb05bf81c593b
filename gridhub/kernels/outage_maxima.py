"""Worst loadings over all outages and hours, without a table of outages x hours x branches."""

from __future__ import annotations

import numpy as np

from gridhub.kernels.maxima import (
    BranchMaxima,
    Floats,
    HourMaxima,
    Ints,
    OutageBlock,
    OutageMaxima,
    compiled_for_numbers,
)

TILE = 64
"""Hours looked at together: their flows in 1,000 branches are 512 kB, a core's own cache."""

MARGIN = 1e-12
"""By how much a bound is widened, relatively, so that rounding in it never hides a maximum."""


@compiled_for_numbers
def raise_hours(loading: Floats, begin: int, n: int, outage: int, branch: int, hours: HourMaxima) -> None:
    """Raise the maxima of the columns from `begin` on by the loading of one branch after one outage."""
    for h in range(n):
        at, value = begin + h, loading[h]
        earlier = (outage, branch) < (hours.outage[at], hours.branch[at])
        if value > hours.value[at] or (value == hours.value[at] and earlier):
            hours.value[at], hours.outage[at], hours.branch[at] = value, outage, branch


@compiled_for_numbers
def find_earliest(loading: Floats, n: int, value: float, hour: Ints) -> int:
    """Find the earliest hour in which the loading is `value`."""
    earliest = -1
    for h in range(n):
        if loading[h] == value and (earliest < 0 or hour[h] < earliest):
            earliest = hour[h]
    return earliest


@compiled_for_numbers
def track_outage_maxima(
    flow: Floats,
    hour: Ints,
    monitored: Ints,
    scale: Floats,
    outages: OutageBlock,
    limit: float,
    first: int,
    step: int,
    of_branch: BranchMaxima,
    of_outage: OutageMaxima,
    of_hour: HourMaxima,
    count: Ints,
) -> None:
    """Raise the maxima kept so far by a block of outages in a block of hours.

    Parameters
    ----------
    flow : (n_branch, n_hour) float
        Flows before any outage [p.u.]; no NaN.
    hour : (n_hour,) int
        Number of each column's hour: the columns may come in any order, which changes nothing but the time.
    monitored : (m,) int
        Branches with a limit.
    scale : (m,) float
        One over the limit of each [1/p.u.].
    outages : OutageBlock
    limit : float
        Loading above which a pair of outage and hour counts as an overload.
    first, step : int
        Tiles of hours worked on: first, first + step, ... Threads take turns, each with maxima of its own.
    of_branch, of_outage, of_hour : BranchMaxima, OutageMaxima, HourMaxima
        In and out; values start from -1. `of_hour` has a row per column of `flow`.
    count : (m,) int
        In and out: pairs of outage and hour that overload each monitored branch.

    Notes
    -----
    Loading after the outage K: |scale f + sum_k L_k f_k|. Over a tile it is at most scale max|f| + sum |L_k|
    max|f_k|: where that stays below the maxima so far of the branch, of the outage and of every hour of the
    tile, and below the limit, nothing is worked out. The result does not depend on what is left out, and so
    neither on the order of the columns nor on the threads.
    """
    m, n_hour = len(monitored), len(hour)
    own, top_own, top_flow = np.empty((m, TILE)), np.empty(m), np.empty(len(flow))
    loading, candidate = np.empty(TILE), np.empty(m, dtype=np.int64)
    for tile in range(first, (n_hour + TILE - 1) // TILE, step):
        begin = tile * TILE
        n = min(TILE, n_hour - begin)
        for b in range(len(flow)):
            top = 0.0
            for h in range(n):
                top = max(top, abs(flow[b, begin + h]))
            top_flow[b] = top
        for i in range(m):
            top_own[i] = top_flow[monitored[i]] * scale[i]
            for h in range(n):
                own[i, h] = flow[monitored[i], begin + h] * scale[i]
        for k in range(len(outages.number)):
            outage, left, right = outages.number[k], outages.start[k], outages.start[k + 1]
            floor = min(limit, of_outage.value[outage])
            for h in range(n):
                floor = min(floor, of_hour.value[begin + h])
            found = 0
            for i in range(m):
                bound = top_own[i]
                for j in range(left, right):
                    bound += abs(outages.factor[j, i]) * top_flow[outages.lost[j]]
                candidate[found] = i
                found += bound >= min(floor, of_branch.value[i]) * (1.0 - MARGIN)
            for c in range(found):
                i = candidate[c]
                branch = monitored[i]
                gone = False
                for j in range(left, right):
                    gone |= outages.lost[j] == branch
                if gone:
                    continue
                for h in range(n):
                    loading[h] = own[i, h]
                for j in range(left, right):
                    factor, lost = outages.factor[j, i], outages.lost[j]
                    for h in range(n):
                        loading[h] += factor * flow[lost, begin + h]
                top, lead = 0.0, -1.0
                for h in range(n):
                    loading[h] = abs(loading[h])
                    top = max(top, loading[h])
                    lead = max(lead, loading[h] - of_hour.value[begin + h])
                if top > limit:
                    for h in range(n):
                        count[i] += loading[h] > limit
                if lead >= 0.0:
                    raise_hours(loading, begin, n, outage, branch, of_hour)
                if top < of_branch.value[i] and top < of_outage.value[outage]:
                    continue
                when = find_earliest(loading, n, top, hour[begin:])
                earlier = (when, outage) < (of_branch.hour[i], of_branch.outage[i])
                if top > of_branch.value[i] or (top == of_branch.value[i] and earlier):
                    of_branch.value[i], of_branch.hour[i], of_branch.outage[i] = top, when, outage
                earlier = (when, branch) < (of_outage.hour[outage], of_outage.branch[outage])
                if top > of_outage.value[outage] or (top == of_outage.value[outage] and earlier):
                    of_outage.value[outage], of_outage.hour[outage] = top, when
                    of_outage.branch[outage] = branch
