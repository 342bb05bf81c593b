"""What is computed once for a scenario before its first sweep: path, correction of the factor, first step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridhub.kernels.compensation import (
    COLUMNS,
    add_branch_rows,
    collect_path,
    compensate,
    narrow_paths,
    solve_middle,
    solve_paths,
)
from gridhub.kernels.elimination import Ints
from gridhub.kernels.events import FIELDS, add_lost_power, fill_constants, list_touched, reset_events
from gridhub.kernels.factor import Flags, Floats
from gridhub.kernels.jit import compiled, compiled_in_line, compiled_in_place
from gridhub.kernels.lanes import Lanes, fma, load, mul, spread, store
from gridhub.kernels.records import HELD, Base, Scenarios, Shorts, Singles

LARGEST_RANK = 48
"""Rank of a correction beyond which a scenario is left to the full Newton."""


class Desk(NamedTuple):
    """Room to work in for one scenario at a time.

    Attributes
    ----------
    mark, slot, seed_place : (n,) int
        -1 everywhere between uses.
    dead : (n,) bool
        False everywhere between uses.
    touched, path, seeds : int
    A, B : float
        (2 path, rank) each, as long as they come.
    D, G, M : (LARGEST_RANK^2,) float
    y : (2 n,) float
    V : (2 n,) float
        The base's voltage, real and imaginary part in turn.
    constant, event, still : float
        Event rows of one lane; no imbalance.
    inner : (LARGEST_RANK,) float32
    """

    mark: Ints
    slot: Ints
    seed_place: Ints
    dead: Flags
    touched: Ints
    path: Ints
    seeds: Ints
    A: Floats
    B: Floats
    D: Floats
    G: Floats
    M: Floats
    y: Floats
    V: Floats
    constant: Floats
    event: Floats
    still: Floats
    inner: Singles


@compiled
def make_desk(base: Base, most_touched: int) -> Desk:
    """Make room for scenarios that touch up to so many nodes."""
    state, n = base.state, len(base.state.kind)
    V = np.empty(2 * n)
    depth = np.zeros(n, np.int64)
    deepest = 1
    for j in range(n - 1, -1, -1):
        above = base.factor.parent[j]
        depth[j] = depth[above] + 1 if above >= 0 else 1
        deepest = max(deepest, depth[j])
        V[2 * j], V[2 * j + 1] = state.e[j], state.f[j]
    longest = min(n, deepest * max(most_touched, 1))
    return Desk(
        np.full(n, -1, np.int64),
        np.full(n, -1, np.int64),
        np.full(n, -1, np.int64),
        np.zeros(n, np.bool_),
        np.empty(most_touched + 1, np.int64),
        np.empty(n, np.int64),
        np.empty(most_touched + 1, np.int64),
        np.empty(2 * longest * LARGEST_RANK + 64),
        np.empty(2 * longest * LARGEST_RANK + 64),
        np.empty(LARGEST_RANK * LARGEST_RANK),
        np.empty(LARGEST_RANK * LARGEST_RANK),
        np.empty(LARGEST_RANK * LARGEST_RANK),
        np.empty(2 * n),
        V,
        np.empty(2 * most_touched + 2),
        np.empty(FIELDS * most_touched + FIELDS),
        np.zeros(len(base.units.imbalance)),
        np.empty(LARGEST_RANK, np.float32),
    )


@compiled_in_line
def find_path(
    base: Base, scenarios: Scenarios, k: int, role_node: Ints, role: Ints, roles: int, desk: Desk
) -> tuple[int, int, int, int]:
    """Find the nodes that scenario k touches, their path, and the seeds of its correction.

    Returns
    -------
    touched, length, seeds, rank : int
        Numbers of each; `desk` holds the nodes, touched ones without repetition. The path is marked.
    """
    state, grid = base.state, base.grid
    count = list_touched(
        grid.branch_from, grid.branch_to, base.units.node, scenarios, k, role_node, roles, desk.touched
    )
    distinct = 0
    for q in range(count):
        node = desk.touched[q]
        if desk.slot[node] < 0:
            desk.slot[node] = distinct
            desk.touched[distinct] = node
            distinct += 1
    length = collect_path(base.factor.parent, desk.touched, distinct, desk.mark, desk.path)
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        desk.dead[scenarios.dead[p]] = True
    seeds = 0
    for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
        branch = scenarios.branch[p]
        for node in (grid.branch_from[branch], grid.branch_to[branch]):
            if desk.seed_place[node] == -1:
                desk.seed_place[node] = seeds
                desk.seeds[seeds] = node
                seeds += 1
    for p in range(scenarios.shunt_start[k], scenarios.shunt_start[k + 1]):
        node = scenarios.shunt_node[p]
        if not desk.dead[node] and desk.seed_place[node] == -1:
            desk.seed_place[node] = seeds
            desk.seeds[seeds] = node
            seeds += 1
    for r in range(roles):
        node = role_node[r]
        if desk.dead[node]:
            continue
        if (role[r] == 0) != (state.kind[node] == HELD) and desk.seed_place[node] == -1:
            desk.seed_place[node] = seeds
            desk.seeds[seeds] = node
            seeds += 1
    return distinct, length, seeds, (2 * seeds + COLUMNS - 1) // COLUMNS * COLUMNS


@compiled_in_line
def clear_desk(scenarios: Scenarios, k: int, touched: int, length: int, seeds: int, desk: Desk) -> None:
    """Leave the desk as the next scenario expects it."""
    for q in range(touched):
        desk.slot[desk.touched[q]] = -1
    for s in range(length):
        desk.mark[desk.path[s]] = -1
    for q in range(seeds):
        desk.seed_place[desk.seeds[q]] = -1
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        desk.dead[scenarios.dead[p]] = False


@compiled_in_line
def fill_difference(
    base: Base, scenarios: Scenarios, k: int, role_node: Ints, role: Ints, roles: int, rank: int, desk: Desk
) -> None:
    """Fill D, the part of the base's Jacobian that scenario k does not have."""
    D, state, grid = desk.D, base.state, base.grid
    for r in range(rank * rank):
        D[r] = 0.0
    for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
        branch = scenarios.branch[p]
        f, t = grid.branch_from[branch], grid.branch_to[branch]
        for own, other in ((f, t), (t, f)):
            if not desk.dead[own]:
                row, column = desk.seed_place[own], desk.seed_place[other]
                add_branch_rows(grid, state, branch, own, other, row, column, rank, D)
    for p in range(scenarios.shunt_start[k], scenarios.shunt_start[k + 1]):
        node = scenarios.shunt_node[p]
        s = desk.seed_place[node]
        if s >= 0:
            v2 = state.e[node] ** 2 + state.f[node] ** 2
            if not state.angle_held[node]:
                D[2 * s * rank + 2 * s + 1] += 2.0 * v2 * scenarios.shunt_y[2 * p]
            D[(2 * s + 1) * rank + 2 * s + 1] -= 2.0 * v2 * scenarios.shunt_y[2 * p + 1]
    for r in range(roles):
        node = role_node[r]
        s = desk.seed_place[node]
        if s >= 0 and (role[r] == 0) != (state.kind[node] == HELD):
            sign = -1.0 if role[r] == 0 else 1.0
            D[(2 * s + 1) * rank + 2 * s + 1] += sign * base.control.stiffness[node]


@compiled_in_line
def correct_factor(length: int, seeds: int, rank: int, base: Base, desk: Desk, four: Lanes) -> None:
    """Solve for A, B and W on the marked path; `desk.y` is solved along."""
    for r in range(2 * length * rank):
        desk.A[r] = 0.0
        desk.B[r] = 0.0
    for q in range(seeds):
        s = desk.mark[desk.seeds[q]]
        for c in range(2):
            at = (2 * s + c) * rank + 2 * q + c
            desk.A[at], desk.B[at] = 1.0, 1.0
    solve_paths(
        base.factor, base.state.root, desk.path, length, desk.mark, rank, desk.A, desk.B, desk.y, four
    )
    if rank > 0:
        solve_middle(length, rank, desk.A, desk.B, desk.D, desk.G, desk.M, four)


@compiled_in_line
def fill_first_mismatch(
    base: Base,
    scenarios: Scenarios,
    k: int,
    role_node: Ints,
    role: Ints,
    roles: int,
    touched: int,
    length: int,
    desk: Desk,
) -> float:
    """Fill `desk.y` with the mismatch of scenario k at the voltages of the base; return the sum of sizes."""
    state = base.state
    for s in range(2 * length):
        desk.y[s] = 0.0
    reset_events(state, base.control, desk.touched, touched, 1, desk.slot, desk.constant, desk.event)
    fill_constants(
        base.control, scenarios, k, 0, 1, role_node, role, roles, desk.slot, desk.constant, desk.event
    )
    for q in range(touched):
        desk.event[FIELDS * q], desk.event[FIELDS * q + 1] = desk.constant[2 * q], desk.constant[2 * q + 1]
    add_lost_power(
        base.grid, base.units, scenarios, k, 0, 1, bool(k < 0), desk.slot, desk.still, desk.V, desk.event
    )
    size = 0.0
    for q in range(touched):
        node = desk.touched[q]
        event = desk.event[FIELDS * q : FIELDS * q + FIELDS]
        if event[2] == 0.0:
            continue
        at = 2 * desk.mark[node]
        a = 0.0 if state.angle_held[node] else event[0]
        if event[3] > 0.0:
            off = 0.5 - event[4] * (state.e[node] ** 2 + state.f[node] ** 2)
            c = base.control.stiffness[node] * off
            size += abs(a) + abs(off)
        else:
            c = event[1]
            if state.kind[node] == HELD:
                c += state.q[node] - state.q_calculated[node]
            size += abs(a) + abs(c)
        desk.y[at], desk.y[at + 1] = a, c
    return size


@compiled_in_line
def take_first_step(
    length: int,
    seeds: int,
    rank: int,
    size: float,
    desk: Desk,
    left: Singles,
    right: Singles,
    z: Singles,
    four: Lanes,
) -> float:
    """Correct the step that `desk.y` holds, write it into z, and estimate how hard the scenario is.

    The estimate is the change at the ends of what is lost times the mismatch: what the step leaves is of
    second order in that change.
    """
    for s in range(2 * length):
        z[s] = desk.y[s]
    inner = desk.inner
    if rank > 0:
        compensate(length, rank, left, right, z, inner, four)
    low, high, largest = np.float32(np.inf), np.float32(-np.inf), np.float32(0.0)
    for c in range(0, 2 * seeds, COLUMNS):
        change = mul(spread(z[0], four), load(right, c, four))
        for s in range(1, 2 * length):
            change = fma(spread(z[s], four), load(right, s * rank + c, four), change)
        store(inner, 0, change)
        for r in range(min(COLUMNS, 2 * seeds - c)):
            if r % 2:
                largest = max(largest, abs(inner[r]))
            else:
                low, high = min(low, inner[r]), max(high, inner[r])
    if seeds > 0:
        largest = max(largest, high - low)
    return float(largest * size)


class Pools(NamedTuple):
    """What is kept of many scenarios, one after another.

    Attributes
    ----------
    node : (used,) int32
        Nodes of the paths.
    history : (12 used,) float32
        What `gridhub.kernels.acceleration.mix` remembers on each path.
    left, right : float32
        A W and B of each scenario.
    used : (2,) int
        How much of `node`, and of `left` and `right`, is taken.
    """

    node: Shorts
    history: Singles
    left: Singles
    right: Singles
    used: Ints


@compiled
def make_pools(size: int) -> Pools:
    """Make empty pools for about so many scenarios; they grow."""
    return Pools(
        np.empty(32 * size, np.int32),
        np.empty(12 * 32 * size, np.float32),
        np.empty(256 * size, np.float32),
        np.empty(256 * size, np.float32),
        np.zeros(2, np.int64),
    )


@compiled_in_line
def has_room(pools: Pools, desk: Desk) -> bool:
    """Whether the pools have room for the largest scenario that the desk can hold."""
    vectors = len(desk.A)
    length = vectors // (2 * LARGEST_RANK)
    return bool(pools.used[0] + length <= len(pools.node) and pools.used[1] + vectors <= len(pools.left))


@compiled
def grow_pools(pools: Pools, desk: Desk) -> Pools:
    """Make room for the largest scenario that the desk can hold, and as much again as is taken."""
    node, history, left, right, used = pools
    vectors = len(desk.A)
    length = vectors // (2 * LARGEST_RANK)
    if used[0] + length > len(node):
        more = np.empty(2 * len(node) + length, np.int32)
        more[: used[0]] = node[: used[0]]
        past = np.empty(12 * len(more), np.float32)
        past[: 12 * used[0]] = history[: 12 * used[0]]
        node, history = more, past
    if used[1] + vectors > len(left):
        wider = np.empty((2, 2 * len(left) + vectors), np.float32)
        wider[0, : used[1]] = left[: used[1]]
        wider[1, : used[1]] = right[: used[1]]
        left, right = wider[0], wider[1]
    return Pools(node, history, left, right, used)


@compiled_in_place
def prepare(
    base: Base,
    scenarios: Scenarios,
    k: int,
    at_base: bool,
    role_node: Ints,
    role: Ints,
    roles: int,
    desk: Desk,
    pools: Pools,
    four: Lanes,
) -> tuple[int, int, float]:
    """Prepare a scenario; with `at_base` also its first step from the voltages of the base.

    What is kept of it goes into `pools`, which has the room (`has_room`).

    Returns
    -------
    length, rank : int
        Of the path and of the correction; -1 where the rank is too large.
    hard : float
        Estimate of `take_first_step`.
    """
    touched, length, seeds, rank = find_path(base, scenarios, k, role_node, role, roles, desk)
    if rank > LARGEST_RANK:
        clear_desk(scenarios, k, touched, length, seeds, desk)
        return -1, -1, 0.0
    at, vector = pools.used[0], pools.used[1]
    fill_difference(base, scenarios, k, role_node, role, roles, rank, desk)
    size = 0.0
    if at_base:
        size = fill_first_mismatch(base, scenarios, k, role_node, role, roles, touched, length, desk)
    else:
        for s in range(2 * length):
            desk.y[s] = 0.0
    correct_factor(length, seeds, rank, base, desk, four)
    left, right = pools.left[vector:], pools.right[vector:]
    if rank > 0:
        narrow_paths(length, rank, desk.A, desk.B, desk.D, left, right, four)
    hard = 0.0
    if at_base and length > 0:
        past = pools.history[12 * at : 12 * (at + length)]
        hard = take_first_step(length, seeds, rank, size, desk, left, right, past, four)
        for s in range(2 * length):
            past[2 * length + s] = past[s]
    for s in range(length):
        pools.node[at + s] = desk.path[s]
    clear_desk(scenarios, k, touched, length, seeds, desk)
    pools.used[0] += length
    pools.used[1] += 2 * length * rank
    return length, rank, hard
