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

NEVER = -2.0
"""Bound of a branch that is lost, or looked at already: below every maximum, also those not yet set."""

CHUNK = 32
"""Branches whose bounds are compared together: most chunks hold no candidate."""

MARGIN = 1e-12
"""By how much a bound is widened, relatively, so that rounding in it never hides a maximum."""


@compiled_for_numbers
def find_candidates(bound: Floats, best: Floats, floor: float, candidate: Ints) -> int:
    """List the branches whose bound reaches their maximum so far or the floor; their number."""
    found = 0
    for first in range(0, len(bound), CHUNK):
        last = min(first + CHUNK, len(bound))
        lead = -1.0
        for i in range(first, last):
            lead = max(lead, bound[i] - min(floor, best[i]) * (1.0 - MARGIN))
        if lead < 0.0:
            continue
        for i in range(first, last):
            if bound[i] >= min(floor, best[i]) * (1.0 - MARGIN):
                candidate[found] = i
                found += 1
    return found


@compiled_for_numbers
def raise_hours(loading: Floats, begin: int, n: int, outage: int, branch: int, hours: HourMaxima) -> float:
    """Raise the maxima of the columns from `begin` on by one branch after one outage; return its highest.

    `loading` is made positive.
    """
    top, lead = 0.0, -1.0
    for h in range(n):
        loading[h] = abs(loading[h])
        top = max(top, loading[h])
        lead = max(lead, loading[h] - hours.value[begin + h])
    if lead >= 0.0:
        for h in range(n):
            at, value = begin + h, loading[h]
            earlier = (outage, branch) < (hours.outage[at], hours.branch[at])
            if value > hours.value[at] or (value == hours.value[at] and earlier):
                hours.value[at], hours.outage[at], hours.branch[at] = value, outage, branch
    return top


@compiled_for_numbers
def raise_branch(value: float, outage: int, hour: int, i: int, best: BranchMaxima) -> None:
    """Raise the maximum of monitored branch i."""
    earlier = (hour, outage) < (best.hour[i], best.outage[i])
    if value > best.value[i] or (value == best.value[i] and earlier):
        best.value[i], best.hour[i], best.outage[i] = value, hour, outage


@compiled_for_numbers
def raise_outage(value: float, branch: int, hour: int, outage: int, best: OutageMaxima) -> None:
    """Raise the maximum of an outage."""
    earlier = (hour, branch) < (best.hour[outage], best.branch[outage])
    if value > best.value[outage] or (value == best.value[outage] and earlier):
        best.value[outage], best.hour[outage], best.branch[outage] = value, hour, branch


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
    if m == 0:
        return
    own, top_own, top_flow = np.empty((m, TILE)), np.empty(m), np.empty(len(flow))
    loading, bound, candidate = np.empty(TILE), np.empty(m), np.empty(m, dtype=np.int64)
    place = np.full(len(flow), -1)
    place[monitored] = np.arange(m)
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
            for i in range(m):
                bound[i] = top_own[i]
            for j in range(left, right):
                top = top_flow[outages.lost[j]]
                for i in range(m):
                    bound[i] += abs(outages.factor[j, i]) * top
            for j in range(left, right):
                if place[outages.lost[j]] >= 0:
                    bound[place[outages.lost[j]]] = NEVER
            # an outage seen for the first time has no maximum yet: its likely worst branch goes first
            for turn in range(1 if of_outage.value[outage] >= 0 else 0, 2):
                if turn == 0:
                    candidate[0] = np.argmax(bound)
                    found = 1 if bound[candidate[0]] >= 0 else 0
                else:
                    floor = min(limit, of_outage.value[outage])
                    for h in range(n):
                        floor = min(floor, of_hour.value[begin + h])
                    found = find_candidates(bound, of_branch.value, floor, candidate)
                for c in range(found):
                    i = candidate[c]
                    bound[i] = NEVER
                    for h in range(n):
                        loading[h] = own[i, h]
                    for j in range(left, right):
                        factor, lost = outages.factor[j, i], outages.lost[j]
                        for h in range(n):
                            loading[h] += factor * flow[lost, begin + h]
                    top = raise_hours(loading, begin, n, outage, monitored[i], of_hour)
                    if top > limit:
                        for h in range(n):
                            count[i] += loading[h] > limit
                    if top >= of_branch.value[i] or top >= of_outage.value[outage]:
                        when = find_earliest(loading, n, top, hour[begin:])
                        raise_branch(top, outage, when, i, of_branch)
                        raise_outage(top, monitored[i], when, outage, of_outage)
