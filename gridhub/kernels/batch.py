"""A chunk of scenarios by the chord method in lanes: who is in which lane, when a lane is done, what is next.

A lane does the same arithmetic whatever its neighbours do and rests once it is done, so that a scenario has
the same result, to the last bit, in any company.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.acceleration import mix
from gridhub.kernels.compensation import compensate
from gridhub.kernels.events import (
    FIELDS,
    fill_constants,
    is_steady,
    list_touched,
    reset_events,
    update_events,
)
from gridhub.kernels.factor import Floats
from gridhub.kernels.jit import compiled
from gridhub.kernels.lanes import Lanes
from gridhub.kernels.limits import check_limits
from gridhub.kernels.loading import Worst, judge_branches, judge_nodes
from gridhub.kernels.preparation import (
    LARGEST_RANK,
    make_desk,
    prepare,
)
from gridhub.kernels.records import (
    NOT_REGULATED,
    Base,
    Ints,
    Scenarios,
    Settings,
    Singles,
    Watched,
)
from gridhub.kernels.sweeps import sweep_backward, sweep_forward

MOST_ROLES = 24
"""Nodes of one scenario that may have another role than in the base."""

LARGEST_ROUNDS = 100
"""Times the roles of a scenario may change."""

HOPELESS = 1e4
"""Mismatch [p.u.] at which a lane is given up."""

LEFT, DONE = range(2)
"""Outcome of a scenario: left to the full Newton, or final."""


@compiled
def count_most_touched(scenarios: Scenarios, first: int, last: int) -> int:
    """Largest number of nodes that one scenario of a chunk touches from the outset, counted generously."""
    most = 0
    for k in range(first, last):
        count = 2 * (scenarios.branch_start[k + 1] - scenarios.branch_start[k])
        count += scenarios.shunt_start[k + 1] - scenarios.shunt_start[k]
        count += scenarios.delta_start[k + 1] - scenarios.delta_start[k]
        count += scenarios.unit_start[k + 1] - scenarios.unit_start[k]
        count += scenarios.dead_start[k + 1] - scenarios.dead_start[k]
        most = max(most, count)
    return most


@compiled
def list_roles(base: Base, scenarios: Scenarios, k: int, role_node: Ints, role: Ints) -> int:
    """List the nodes whose regulation scenario k changes from the outset; -1 if there are too many."""
    roles = 0
    for p in range(scenarios.bound_start[k], scenarios.bound_start[k + 1]):
        if roles == len(role_node):
            return -1
        node = scenarios.bound_node[p]
        lost = scenarios.bound[3 * p + 2] == 0.0
        role_node[roles] = node
        role[roles] = NOT_REGULATED if lost else int(base.at_limit[node])
        roles += 1
    return roles


@compiled
def gather_rows(
    base: Base,
    scenarios: Scenarios,
    lane_item: Ints,
    first: int,
    role_node: Ints,
    roles: Ints,
    with_units: bool,
    touched: Ints,
    slot: Ints,
    rows: Ints,
) -> int:
    """Collect the rows in which any lane differs from the base, ascending, closed by n; return how many."""
    n = len(base.kind)
    count = 0
    everything = False
    for b in range(len(lane_item)):
        everything |= lane_item[b] >= 0 and scenarios.injection[lane_item[b]] >= 0
    if everything:
        for i in range(n):
            if base.root[i] >= 0:
                rows[count] = i
                count += 1
    else:
        for b in range(len(lane_item)):
            k = lane_item[b]
            if k < 0:
                continue
            listed = list_touched(base, scenarios, k, role_node[k - first], roles[k - first], touched)
            for q in range(listed):
                if slot[touched[q]] < 0:
                    slot[touched[q]] = 0
                    rows[count] = touched[q]
                    count += 1
        if with_units:
            for u in range(len(base.unit_node)):
                if slot[base.unit_node[u]] < 0:
                    slot[base.unit_node[u]] = 0
                    rows[count] = base.unit_node[u]
                    count += 1
        rows[:count].sort()
    rows[count] = n
    return count


@compiled
def list_lost_branches(
    scenarios: Scenarios, watched: Watched, lane_item: Ints, watched_place: Ints, out: Ints
) -> Ints:
    """List which watched branches are out, or dead, in which lane: width * branch + lane, ascending, closed."""
    width = len(lane_item)
    count = 0
    for b in range(width):
        k = lane_item[b]
        if k < 0:
            continue
        need = scenarios.branch_start[k + 1] - scenarios.branch_start[k] + 1
        for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
            node = scenarios.dead[p]
            need += watched.at_start[node + 1] - watched.at_start[node]
        if count + need > len(out):
            more = np.empty(2 * (count + need), np.int64)
            more[:count] = out[:count]
            out = more
        for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
            place = watched_place[scenarios.branch[p]]
            if place >= 0:
                out[count] = width * place + b
                count += 1
        for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
            node = scenarios.dead[p]
            for q in range(watched.at_start[node], watched.at_start[node + 1]):
                out[count] = width * watched.at_branch[q] + b
                count += 1
    out[:count].sort()
    out[count] = width * (len(watched.branch) + 1)
    return out


@compiled
def solve_chunk(
    base: Base,
    scenarios: Scenarios,
    watched: Watched,
    settings: Settings,
    first: int,
    last: int,
    outcome: NDArray[np.int8],
    mismatch: Floats,
    iterations: Ints,
    switches: Ints,
    worst: Worst,
    states: Floats,
    lanes: Lanes,
    four: Lanes,
) -> Floats:
    """Solve the scenarios first … last - 1.

    Parameters
    ----------
    outcome, mismatch, iterations, switches : (k,)
        Filled here for these scenarios.
    worst : Worst
        Filled here; the parts by scenario are (k,), those by branch belong to this chunk alone.
    states : (k, 2 n) float
        Filled with the voltages of final scenarios where states are kept; (0, 2 n) otherwise.

    Returns
    -------
    (4 m,) float
        Violations: scenario, kind, branch or node, squared-free value; m is exact.
    """
    n, size = len(base.kind), last - first
    # not len(lanes): loops over a width known to the compiler would be unrolled, bodies and all
    lane_item = np.empty(settings.width, np.int64)
    width = len(lane_item)
    most = count_most_touched(scenarios, first, last) + MOST_ROLES
    desk = make_desk(base, most)
    # ------------------------------------------------ what is known of each scenario
    path_start, path_length = np.zeros(size, np.int64), np.zeros(size, np.int64)
    vector_start, rank = np.zeros(size, np.int64), np.zeros(size, np.int64)
    step, tries, rounds = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    role_node, role = np.zeros((size, MOST_ROLES), np.int64), np.zeros((size, MOST_ROLES), np.int64)
    returns, roles = np.zeros((size, MOST_ROLES), np.int64), np.zeros(size, np.int64)
    severity = np.zeros(size)
    stored, stored_imbalance = np.empty((size, 2 * n)), np.zeros((size, len(base.imbalance)))
    nodes, history = np.empty(0, np.int32), np.empty(0, np.float32)
    left, right = np.empty(0, np.float32), np.empty(0, np.float32)
    used, used_vectors = 0, 0
    queue = np.empty(size + 1, np.int64)
    queue_head, queued, fresh_count = 0, 0, 0
    fresh = np.empty(size, np.int64)
    for k in range(first, last):
        i = k - first
        outcome[k], mismatch[k], iterations[k], switches[k] = LEFT, np.nan, 0, 0
        roles[i] = list_roles(base, scenarios, k, role_node[i], role[i])
        if roles[i] < 0:
            roles[i] = 0
            continue
        own = scenarios.injection[k] < 0
        path_start[i], vector_start[i] = used, used_vectors
        path_length[i], rank[i], nodes, history, left, right, used, used_vectors, hard = prepare(
            base, scenarios, k, own, role_node[i], role[i], roles[i], desk,
            nodes, history, left, right, used, used_vectors, four,
        )  # fmt: skip
        if rank[i] < 0:
            continue
        severity[i] = hard
        step[i] = 1 if own else 0
        if own:
            fresh[fresh_count] = i
            fresh_count += 1
        else:
            for j in range(n):
                stored[i, 2 * j], stored[i, 2 * j + 1] = base.e[j], base.f[j]
            queue[(queue_head + queued) % len(queue)] = i
            queued += 1
    order = fresh[:fresh_count][np.argsort(severity[fresh[:fresh_count]], kind="mergesort")]
    # ------------------------------------------------ room for a batch
    V, X = np.empty(2 * n * width + 64), np.zeros(2 * n * width + 64, np.float32)
    slot = np.full(n, -1, np.int64)
    rows, touched = np.empty(n + 1, np.int64), np.empty(most + 1, np.int64)
    constant, event = np.empty(2 * width * (n + 1)), np.empty(FIELDS * width * (n + 1))
    beyond = np.zeros(width * len(base.imbalance) + 1)
    changed = np.zeros(width, np.int64)
    running, looked = np.zeros(width, np.float32), np.zeros(width, np.float32)
    before, settled = np.ones(width, np.float32), np.zeros(width, np.bool_)
    final, room = np.zeros(width), np.empty(3 * width)
    longest = 1
    for i in range(size):
        longest = max(longest, path_length[i])
    z, inner = np.empty(2 * n + 4, np.float32), np.empty(LARGEST_RANK, np.float32)
    watched_place = np.full(len(base.branch_from), -1, np.int64)
    for r in range(len(watched.branch)):
        watched_place[watched.branch[r]] = r
    out = np.empty(64, np.int64)
    found, count = np.empty(256), 0
    head = 0
    while head < fresh_count or queued > 0:
        start_fresh = queued < width and head < fresh_count
        for b in range(width):
            lane_item[b] = -1
            if start_fresh and head < fresh_count:
                lane_item[b] = first + order[head]
                head += 1
            elif not start_fresh and queued > 0:
                lane_item[b] = first + queue[queue_head]
                queue_head = (queue_head + 1) % len(queue)
                queued -= 1
            running[b] = 1.0 if lane_item[b] >= 0 else 0.0
            settled[b] = False
            before[b], looked[b] = 1.0, 1.0
        waiting = head < fresh_count or queued > 0
        # -------------------------------------------- voltages to begin with
        beyond[:] = 0.0
        for j in range(n):
            for b in range(width):
                V[2 * width * j + b], V[2 * width * j + width + b] = base.e[j], base.f[j]
        if not start_fresh:
            for b in range(width):
                if lane_item[b] >= 0:
                    i = lane_item[b] - first
                    for j in range(n):
                        V[2 * width * j + b] = stored[i, 2 * j]
                        V[2 * width * j + width + b] = stored[i, 2 * j + 1]
                    for island in range(len(base.imbalance)):
                        beyond[width * island + b] = stored_imbalance[i, island]
        else:
            X[:] = 0.0
            for b in range(width):
                if lane_item[b] >= 0:
                    i = lane_item[b] - first
                    for s in range(path_length[i]):
                        at = 2 * width * int(nodes[path_start[i] + s]) + b
                        X[at] = history[12 * path_start[i] + 2 * s]
                        X[at + width] = history[12 * path_start[i] + 2 * s + 1]
                    iterations[lane_item[b]] += 1
                    tries[i] += 1
            sweep_backward(base, running, beyond, V, X, lanes)
        # -------------------------------------------- rows that differ
        with_units = False
        count_rows = gather_rows(
            base, scenarios, lane_item, first, role_node, roles, with_units, touched, slot, rows
        )
        reset_events(base, rows, count_rows, width, slot, constant, event)
        for b in range(width):
            if lane_item[b] >= 0:
                i = lane_item[b] - first
                fill_constants(
                    base, scenarios, lane_item[b], b, width, role_node[i], role[i], roles[i],
                    slot, constant, event,
                )  # fmt: skip
        looks = 0
        while True:
            if not with_units:
                for b in range(width):
                    if running[b] > 0.0 and not is_steady(base, scenarios, lane_item[b], beyond, width, b):
                        with_units = True
                if with_units:
                    for s in range(count_rows):
                        slot[rows[s]] = -1
                    count_rows = gather_rows(
                        base, scenarios, lane_item, first, role_node, roles, True, touched, slot, rows
                    )
                    reset_events(base, rows, count_rows, width, slot, constant, event)
                    for b in range(width):
                        if lane_item[b] >= 0:
                            i = lane_item[b] - first
                            fill_constants(
                                base, scenarios, lane_item[b], b, width, role_node[i], role[i],
                                roles[i], slot, constant, event,
                            )  # fmt: skip
                            exact = not is_steady(base, scenarios, lane_item[b], beyond, width, b)
                            update_events(
                                base, scenarios, lane_item[b], b, width, exact, slot, constant,
                                count_rows, beyond, V, event,
                            )  # fmt: skip
            unlikely = 0
            for b in range(width):
                if running[b] > 0.0:
                    exact = not is_steady(base, scenarios, lane_item[b], beyond, width, b)
                    update_events(
                        base, scenarios, lane_item[b], b, width, exact, slot, constant,
                        count_rows, beyond, V, event,
                    )  # fmt: skip
                    ratio = min(np.float32(0.1), looked[b] / before[b])
                    if not (looked[b] * ratio < 0.7 * settings.tolerance):
                        unlikely += 1
            # where hardly any lane is expected to go on, look before the forward solve is paid for
            only_look = looks > 0 and unlikely <= settings.few
            for b in range(width):
                before[b] = looked[b]
            sweep_forward(base, not only_look, rows, event, beyond, V, X, looked, lanes)
            looks += 1
            still = 0
            for b in range(width):
                if running[b] > 0.0:
                    k = lane_item[b]
                    mismatch[k] = looked[b]
                    if looked[b] <= settings.tolerance:
                        running[b] = 0.0
                        settled[b] = True
                    elif tries[k - first] >= settings.max_iterations or not (looked[b] < HOPELESS):
                        running[b] = 0.0
                    else:
                        still += 1
            if still == 0 or (still <= settings.few and waiting and looks > 1):
                break
            if only_look:
                sweep_forward(base, True, rows, event, beyond, V, X, looked, lanes)
            for b in range(width):
                if running[b] > 0.0:
                    i = lane_item[b] - first
                    iterations[lane_item[b]] += 1
                    tries[i] += 1
                    m, at = path_length[i], path_start[i]
                    if m == 0:
                        continue
                    for s in range(m):
                        reach = 2 * width * int(nodes[at + s]) + b
                        z[2 * s], z[2 * s + 1] = X[reach], X[reach + width]
                    if rank[i] > 0:
                        o = vector_start[i]
                        compensate(m, rank[i], left[o:], right[o:], z, inner, four)
                    past = history[12 * at : 12 * (at + m)]
                    mix(
                        z, past[: 2 * m], past[2 * m : 4 * m], past[4 * m : 8 * m], past[8 * m :],
                        step[i], 2 * m,
                    )  # fmt: skip
                    step[i] += 1
                    for s in range(m):
                        reach = 2 * width * int(nodes[at + s]) + b
                        X[reach], X[reach + width] = z[2 * s], z[2 * s + 1]
            sweep_backward(base, running, beyond, V, X, lanes)
        # -------------------------------------------- what became of each lane
        changed[:] = 0
        if settings.reactive_limits:
            for b in range(width):
                if lane_item[b] < 0:
                    settled[b] = False
            check_limits(
                base, scenarios, settings, lane_item, first, settled, slot, event, V,
                role_node, role, returns, roles, changed, lanes,
            )  # fmt: skip
        for b in range(width):
            k = lane_item[b]
            final[b] = 1.0 if k >= 0 and settled[b] and changed[b] == 0 else 0.0
            if k >= 0 and final[b] > 0.0:
                outcome[k] = DONE
                if settings.keep_states:
                    for j in range(n):
                        states[k, 2 * j] = V[2 * width * j + b]
                        states[k, 2 * j + 1] = V[2 * width * j + width + b]
        out = list_lost_branches(scenarios, watched, lane_item, watched_place, out)
        found, count = judge_branches(
            base, watched, lane_item, final, out, V, room, worst, found, count, lanes
        )
        found, count = judge_nodes(
            base, watched, lane_item, final, slot, event, V, worst, found, count, lanes
        )
        for b in range(width):
            k = lane_item[b]
            if k < 0 or not (running[b] > 0.0 or (settled[b] and changed[b] > 0)):
                continue
            i = k - first
            if settled[b]:
                switches[k] += changed[b]
                rounds[i] += 1
                if rounds[i] >= LARGEST_ROUNDS:
                    continue
                path_start[i], vector_start[i] = used, used_vectors
                path_length[i], rank[i], nodes, history, left, right, used, used_vectors, hard = prepare(
                    base, scenarios, k, False, role_node[i], role[i], roles[i], desk,
                    nodes, history, left, right, used, used_vectors, four,
                )  # fmt: skip
                if rank[i] < 0:
                    continue
                step[i], tries[i] = 0, 0
            for j in range(n):
                stored[i, 2 * j] = V[2 * width * j + b]
                stored[i, 2 * j + 1] = V[2 * width * j + width + b]
            for island in range(len(base.imbalance)):
                stored_imbalance[i, island] = beyond[width * island + b]
            queue[(queue_head + queued) % len(queue)] = i
            queued += 1
        for s in range(count_rows):
            slot[rows[s]] = -1
    return found[: 4 * count].copy()
