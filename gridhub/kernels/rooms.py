"""How far an injection can grow before the first limit is met, bus by bus, after any outage."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.jit import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST_SLOPE = 1e-9
"""Change of a flow per MW below which it does not move: rounding of the factors."""

EQUAL = 1e-8
"""Share of a limit by which a flow must be beyond it to count as beyond it, as in every other study."""

STALE = 0.5
"""Once the reach of a bus has shrunk to this share, the bounds are worked out anew for the new reach."""


class Path(NamedTuple):
    """Flows while the units of an island follow a growing imbalance, wherever it arises.

    Attributes
    ----------
    amount : (p + 1,) float
        Imbalance at the break points, from 0, rising [p.u.]; the units can follow no further than the last.
    flow : (p + 1, n) float
        Flows at the break points, without the growing injection itself [p.u.]; linear in between.
    knot : (k,) int
        Break points, rising, the last included.
    bend : (k, n) float
        Largest distance of the flow from any chord that ends at or before the knot [p.u.].
    """

    amount: Floats
    flow: Floats
    knot: Ints
    bend: Floats


class Losses(NamedTuple):
    """What outages move to each element, for each element the largest first.

    Attributes
    ----------
    begin : (n + 1,) int
        Element i has the entries begin[i] to begin[i + 1] of the next three arrays.
    outage : (e,) int
        Number of the outage.
    bound : (e,) float
        Sum of |factor| x `weight` over what is lost, falling within an element [p.u.].
    first : (e + 1,) int
        Entry j has the members first[j] to first[j + 1] of `lost` and `factor`.
    lost : (m,) int
        Element that is lost.
    factor : (m,) float
        Share of its flow that moves to the element.
    weight : (n,) float
        Usual size of each flow [p.u.], above 0.
    """

    begin: Ints
    outage: Ints
    bound: Floats
    first: Ints
    lost: Ints
    factor: Floats
    weight: Floats


class Limits(NamedTuple):
    """What flows are held against.

    Attributes
    ----------
    before, after : (n,) float
        Limit of |flow| with everything in service, and after an outage [p.u.]; NaN = none.
    group : (n,) int
        Elements of one group count as one thing when the next limit is looked for: parallel circuits.
    worsening : float
        Share of its limit by which a flow that is beyond it already may grow.
    effect : float
        Least change of a flow per MW for which its limit counts.
    """

    before: Floats
    after: Floats
    group: Ints
    worsening: float
    effect: float


class Rooms(NamedTuple):
    """The two nearest limits of each bus, of different groups, (n_bus, 2) each; -1 where there is none.

    Attributes
    ----------
    amount : float
        Injection at which the limit is met [p.u.]; where there is none, how far was looked.
    element, outage, state : int
        Element at its limit; number of the outage, -1 = everything in service; label of the state.
    """

    amount: Floats
    element: Ints
    outage: Ints
    state: Ints


@compiled
def evaluate(path: Path, drawn: Floats, amount: float, flow: Floats) -> int:
    """Write the flows at an amount, the growing injection included; return the knot that covers it.

    Parameters
    ----------
    path : Path
    drawn : (n,) float
        Flow per MW of the growing injection.
    amount : float
        [p.u.]; not above the last break point.
    flow : (n,) float
        Out [p.u.].
    """
    p = min(int(np.searchsorted(path.amount, amount, side="right")), len(path.amount) - 1) - 1
    share = (amount - path.amount[p]) / (path.amount[p + 1] - path.amount[p])
    for i in range(len(flow)):
        flow[i] = path.flow[p, i] + share * (path.flow[p + 1, i] - path.flow[p, i]) + amount * drawn[i]
    return min(int(np.searchsorted(path.knot, p + 1)), len(path.knot) - 1)


@compiled
def follow(path: Path, drawn: Floats, i: int, losses: Losses, begin: int, end: int, p: int) -> float:
    """Flow of an element at a break point, after the loss of the members begin to end [p.u.]."""
    flow: float = path.flow[p, i] + path.amount[p] * drawn[i]
    for m in range(begin, end):
        k = losses.lost[m]
        flow += losses.factor[m] * (path.flow[p, k] + path.amount[p] * drawn[k])
    return flow


@compiled
def find_crossing(
    path: Path,
    drawn: Floats,
    i: int,
    losses: Losses,
    begin: int,
    end: int,
    limit: float,
    effect: float,
    reach: float,
) -> float:
    """Smallest amount at which |flow| of an element reaches its limit; infinite if not within reach.

    Pieces in which the flow changes by less than `effect` per MW do not count.
    """
    here = follow(path, drawn, i, losses, begin, end, 0)
    for p in range(len(path.amount) - 1):
        if path.amount[p] >= reach:
            break
        there = follow(path, drawn, i, losses, begin, end, p + 1)
        step = path.amount[p + 1] - path.amount[p]
        slope = (there - here) / step
        if abs(slope) >= max(effect, SMALLEST_SLOPE):
            room = max(0.0, (limit - here) / slope if slope > 0 else (limit + here) / -slope)
            if room <= step:
                met: float = path.amount[p] + room
                return met
        here = there
    return np.inf


@compiled
def keep_two(rooms: Rooms, j: int, amount: float, element: int, outage: int, state: int, group: Ints) -> None:
    """Put a limit among the two nearest of a bus, if it belongs there."""
    best = rooms.element[j, 0]
    same = best >= 0 and group[best] == group[element]
    if amount < rooms.amount[j, 0]:
        if not same:
            rooms.amount[j, 1], rooms.element[j, 1] = rooms.amount[j, 0], rooms.element[j, 0]
            rooms.outage[j, 1], rooms.state[j, 1] = rooms.outage[j, 0], rooms.state[j, 0]
        rooms.amount[j, 0], rooms.element[j, 0] = amount, element
        rooms.outage[j, 0], rooms.state[j, 0] = outage, state
    elif not same and amount < rooms.amount[j, 1]:
        rooms.amount[j, 1], rooms.element[j, 1] = amount, element
        rooms.outage[j, 1], rooms.state[j, 1] = outage, state


@compiled
def settle_limit(flow: float, limit: float, worsening: float) -> float:
    """Limit that holds for a flow that may be beyond it already [p.u.]."""
    if abs(flow) > limit * (1.0 + EQUAL):
        return abs(flow) + worsening * limit
    return limit


@compiled
def find_rooms(
    path: Path,
    drawn: Floats,
    buses: Ints,
    losses: Losses,
    limits: Limits,
    outage: int,
    state: int,
    first: int,
    step: int,
    rooms: Rooms,
    existing: Ints,
) -> None:
    """Lower the rooms found so far by all limits of one state, before and after every outage.

    Parameters
    ----------
    path : Path
        Of the island of all the buses.
    drawn : (n_bus, n) float
        Flow in each element per MW of injection at each bus, the units not counted.
    buses : (m,) int
        Rows of `drawn` and `rooms` to look at.
    losses : Losses
        What is looked at besides the intact state; may be empty.
    limits : Limits
    outage : int
        Number written for limits met without any of `losses`: -1, or the outage the state is already in.
    state : int
        Label of the state.
    first, step : int
        Buses worked on: first, first + step, ...; threads take turns.
    rooms : Rooms
        In and out; amounts start from how far to look.
    existing : (n_bus,) int
        In and out: raised by the limits that are exceeded without the injection.

    Notes
    -----
    An outage changes the flow f_l to f_l + sum_k L_lk f_k. Flows are followed along a path that bends where
    a unit reaches a limit. Up to an amount X no flow leaves the band between its values at 0 and at X by
    more than its bend; where the band of f_l widened by sum |L_lk| max|f_k| stays within the limit, the pair
    cannot bind below X and is left out. What is left is followed piece by piece, so that the result is exact,
    and the second nearest limit found so far is the X of what comes after. Entries are sorted so that the
    first one that is left out ends the list.
    """
    n = drawn.shape[1]
    flow, top = np.empty(n), np.empty(n)
    start = path.flow[0]
    for number in range(first, len(buses), step):
        j = buses[number]
        mine = drawn[j]
        end = path.amount[len(path.amount) - 1]
        reach = min(rooms.amount[j, 1], end)
        if not reach > 0.0:
            continue
        at = evaluate(path, mine, reach, flow)
        for i in range(n):
            limit = limits.before[i]
            if np.isnan(limit) or max(abs(start[i]), abs(flow[i])) + path.bend[at, i] <= limit:
                continue
            if abs(start[i]) > limit * (1.0 + EQUAL):
                existing[j] += 1
            limit = settle_limit(start[i], limit, limits.worsening)
            room = find_crossing(path, mine, i, losses, 0, 0, limit, limits.effect, reach)
            if room < np.inf:
                keep_two(rooms, j, room, i, outage, state, limits.group)
        if len(losses.outage) == 0:
            continue
        looked = np.inf
        ratio = 0.0
        for i in range(n):
            reach = min(rooms.amount[j, 1], end)
            if not reach > 0.0:
                break
            if reach <= STALE * looked:
                looked = reach
                at = evaluate(path, mine, reach, flow)
                ratio = 0.0
                for k in range(n):
                    top[k] = max(abs(start[k]), abs(flow[k])) + path.bend[at, k]
                    ratio = max(ratio, top[k] / losses.weight[k])
            limit = limits.after[i]
            if np.isnan(limit):
                continue
            slack = limit - top[i]
            for e in range(losses.begin[i], losses.begin[i + 1]):
                if losses.bound[e] * ratio <= slack:
                    break
                begin, close = losses.first[e], losses.first[e + 1]
                before, beyond, bend = start[i], flow[i], path.bend[at, i]
                for m in range(begin, close):
                    k, factor = losses.lost[m], losses.factor[m]
                    before += factor * start[k]
                    beyond += factor * flow[k]
                    bend += abs(factor) * path.bend[at, k]
                if max(abs(before), abs(beyond)) + bend <= limit:
                    continue
                if abs(before) > limit * (1.0 + EQUAL):
                    existing[j] += 1
                held = settle_limit(before, limit, limits.worsening)
                reach = min(rooms.amount[j, 1], end)
                room = find_crossing(path, mine, i, losses, begin, close, held, limits.effect, reach)
                if room < np.inf:
                    keep_two(rooms, j, room, i, losses.outage[e], state, limits.group)
