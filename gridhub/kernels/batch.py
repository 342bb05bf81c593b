"""A chunk of scenarios by the chord method in lanes: who is in which lane, when a lane is done, what is next.

A lane does the same arithmetic whatever its neighbours do and rests once it is done, so that a scenario has
the same result, to the last bit, in any company.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.acceleration import mix
from gridhub.kernels.compensation import compensate
from gridhub.kernels.elimination import Ints
from gridhub.kernels.events import (
    FIELDS,
    add_lost_power,
    add_unit_changes,
    copy_constants,
    fill_constants,
    fill_own,
    fill_schedule,
    is_steady,
    list_touched,
    reset_events,
)
from gridhub.kernels.factor import Flags, Floats
from gridhub.kernels.jit import compiled, compiled_in_line, compiled_in_place
from gridhub.kernels.lanes import Lanes, load_one, spread, store
from gridhub.kernels.limits import check_limits
from gridhub.kernels.loading import Worst, judge_branches, judge_nodes, make_room, sum_losses
from gridhub.kernels.preparation import (
    LARGEST_RANK,
    Desk,
    Pools,
    grow_pools,
    has_room,
    make_desk,
    make_pools,
    prepare,
)
from gridhub.kernels.records import NOT_REGULATED, Base, Scenarios, Settings, Singles, Watched
from gridhub.kernels.sorting import sort_first
from gridhub.kernels.sweeps import sweep_backward, sweep_forward

MOST_ROLES = 24
"""Nodes of one scenario that may have another role than in the base."""

LARGEST_ROUNDS = 100
"""Times the roles of a scenario may change."""

HOPELESS = 1e4
"""Mismatch [p.u.] at which a lane is given up."""

LARGEST_DEAD_VOLTAGE = 10.0
"""Voltage of a dead node [p.u.], which no equation holds, beyond which its scenario is given up."""

LEFT, DONE, BARRED = range(3)
"""Outcome of a scenario: left to the full Newton, final, or not to be tried here at all."""


class Results(NamedTuple):
    """Where the results of all scenarios of a batch go.

    Attributes
    ----------
    outcome : (k,) int8
        BARRED from the outset where lanes cannot follow; else LEFT or DONE at the end.
    mismatch : (k,) float
        Largest mismatch at the last look [p.u.].
    iterations, switches : (k,) int
    states : (k, 2 n) float
        Voltages of final scenarios where states are kept; (0, 2 n) otherwise.
    beyond : (k, n_island) float
        Imbalance beyond that of the base [p.u.].
    losses : (k,) float
        Of the branches, where they are asked for [p.u.].
    """

    outcome: NDArray[np.int8]
    mismatch: Floats
    iterations: Ints
    switches: Ints
    states: Floats
    beyond: Floats
    losses: Floats


class Items(NamedTuple):
    """What a chunk knows of each of its scenarios; all (size,) or (size, …).

    Attributes
    ----------
    path, length, vector, rank : int
        Where its path begins in the pools and how long it is; the same of its correction.
    step : int
        Iterations since its equations last changed.
    tries, rounds : int
        Iterations with the present roles; times these have changed.
    role_node, role, returns : (size, MOST_ROLES) int
        Nodes whose role is not that of the base, their state, and how often they took up their voltage again.
    roles : int
        Number of these nodes.
    voltage : (size, 2 n) float
        Voltages of scenarios that wait.
    queue : (size + 1,) int
        Scenarios that wait, a ring.
    counts : (5,) int
        Prepared and not yet begun, of these begun, first in the ring, number in the ring, violations.
    order : int
        Those not yet begun, by difficulty.
    """

    path: Ints
    length: Ints
    vector: Ints
    rank: Ints
    step: Ints
    tries: Ints
    rounds: Ints
    role_node: Ints
    role: Ints
    returns: Ints
    roles: Ints
    voltage: Floats
    queue: Ints
    counts: Ints
    order: Ints


FRESH, BEGUN, HEAD, QUEUED, FOUND = range(5)
"""Positions in ``Items.counts``."""


class Batch(NamedTuple):
    """Scenarios that are solved together.

    Attributes
    ----------
    item : (width,) int
        Scenario in each lane; -1: none.
    running, looked, before : (width,) float32
        1 while a lane still moves; its mismatch at the last look and at the one before.
    settled : (width,) bool
        Lanes that satisfy their equations.
    exact : (width,) float
        1 in lanes whose units are asked one by one, 0 where they follow their slope.
    schedule : (3 n_unit width,) float
        Schedule and limits of each unit by lanes; only filled where some lane is exact.
    changed : (width,) int
        Roles changed at the end; -1: too many.
    final : (width,) float
        1 where the state is final.
    V, X : (2 n width,) float, float32
        Voltages; right-hand sides and steps.
    own : (2 n width,) float
        Injections of the lanes beyond those of the base; empty where no scenario has its own [p.u.].
    beyond : (n_island width,) float
        Imbalance beyond that of the base [p.u.].
    slot : (n,) int
        Event row of each node; -1: none.
    rows, constant, event : (n + 1,), float, float
        Event rows, see `gridhub.kernels.events`.
    touched, z, inner, room : work
    """

    item: Ints
    running: Singles
    looked: Singles
    before: Singles
    settled: Flags
    exact: Floats
    schedule: Floats
    changed: Ints
    final: Floats
    V: Floats
    X: Singles
    own: Floats
    beyond: Floats
    slot: Ints
    rows: Ints
    constant: Floats
    event: Floats
    touched: Ints
    z: Singles
    inner: Singles
    room: Floats


@compiled_in_place
def count_most_touched(scenarios: Scenarios, first: int, last: int) -> int:
    """Largest number of nodes that one scenario of a chunk can touch, counted generously."""
    most = 0
    for k in range(first, last):
        count = 2 * (scenarios.branch_start[k + 1] - scenarios.branch_start[k])
        count += scenarios.shunt_start[k + 1] - scenarios.shunt_start[k]
        count += scenarios.delta_start[k + 1] - scenarios.delta_start[k]
        count += scenarios.unit_start[k + 1] - scenarios.unit_start[k]
        count += scenarios.dead_start[k + 1] - scenarios.dead_start[k]
        most = max(most, count)
    return most + MOST_ROLES


@compiled
def make_items(n: int, size: int) -> Items:
    """Make room for the scenarios of a chunk."""
    return Items(
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
        np.zeros((size, MOST_ROLES), np.int64),
        np.zeros((size, MOST_ROLES), np.int64),
        np.zeros((size, MOST_ROLES), np.int64),
        np.zeros(size, np.int64),
        np.empty((size, 2 * n)),
        np.empty(size + 1, np.int64),
        np.zeros(5, np.int64),
        np.empty(size, np.int64),
    )


@compiled
def make_batch(n: int, n_island: int, n_unit: int, width: int, most_touched: int, with_own: bool) -> Batch:
    """Make room for the scenarios of a batch; `width` is that of the lanes, as a number of its own.

    Loops over a width that the compiler knows would be unrolled, bodies and all.
    """
    return Batch(
        np.empty(width, np.int64),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros(width, np.bool_),
        np.zeros(width),
        np.zeros(3 * n_unit * width),
        np.zeros(width, np.int64),
        np.zeros(width),
        np.zeros(2 * n * width),
        np.zeros(2 * n * width, np.float32),
        np.zeros(2 * n * width if with_own else 0),
        np.zeros(n_island * width),
        np.full(n, -1, np.int64),
        np.empty(n + 1, np.int64),
        np.empty(2 * width * (n + 1)),
        np.empty(FIELDS * width * (n + 1)),
        np.empty(most_touched + 1, np.int64),
        np.empty(2 * n, np.float32),
        np.empty(LARGEST_RANK, np.float32),
        np.empty(3 * width),
    )


@compiled_in_place
def enqueue(items: Items, i: int) -> None:
    """Let a scenario wait for its next batch."""
    items.queue[(items.counts[HEAD] + items.counts[QUEUED]) % len(items.queue)] = i
    items.counts[QUEUED] += 1


@compiled_in_line
def prepare_item(
    base: Base,
    scenarios: Scenarios,
    k: int,
    at_base: bool,
    items: Items,
    i: int,
    desk: Desk,
    pools: Pools,
    four: Lanes,
) -> tuple[bool, float]:
    """Prepare item i of a chunk, scenario k, for its present roles: whether lanes can take it, how hard.

    With `at_base` its first step from the voltages of the base is made here, too.
    """
    path, vector = pools.used[0], pools.used[1]
    length, rank, difficulty = prepare(
        base, scenarios, k, at_base, items.role_node[i], items.role[i], items.roles[i], desk, pools, four
    )
    if rank < 0:
        return False, difficulty
    items.path[i], items.vector[i], items.length[i], items.rank[i] = path, vector, length, rank
    items.step[i], items.tries[i] = 1 if at_base else 0, 0
    return True, difficulty


@compiled_in_line
def begin_item(
    base: Base, scenarios: Scenarios, k: int, items: Items, i: int, desk: Desk, pools: Pools, four: Lanes
) -> tuple[bool, float]:
    """Give scenario k the roles it begins with and prepare it: see `prepare_item`."""
    start, end = scenarios.bound_start[k], scenarios.bound_start[k + 1]
    if end - start > MOST_ROLES:
        return False, 0.0
    for p in range(start, end):
        node, r = scenarios.bound_node[p], p - start
        lost = scenarios.bound[3 * p + 2] == 0.0
        items.role_node[i, r] = node
        items.role[i, r] = NOT_REGULATED if lost else base.control.at_limit[node]
    items.roles[i] = end - start
    return prepare_item(base, scenarios, k, scenarios.injection[k] < 0, items, i, desk, pools, four)


@compiled
def begin_chunk(
    base: Base,
    scenarios: Scenarios,
    results: Results,
    first: int,
    items: Items,
    most_touched: int,
    four: Lanes,
) -> Pools:
    """Prepare every scenario of a chunk, and sort them by difficulty."""
    size = len(items.path)
    desk, pools = make_desk(base, most_touched), make_pools(size)
    hard = np.empty(size)
    fresh = 0
    for i in range(size):
        if results.outcome[first + i] == BARRED:
            continue
        if not has_room(pools, desk):
            pools = grow_pools(pools, desk)
        able, difficulty = begin_item(base, scenarios, first + i, items, i, desk, pools, four)
        if able:
            items.order[fresh], hard[fresh] = i, difficulty
            fresh += 1
    items.counts[FRESH] = fresh
    items.order[:fresh] = items.order[:fresh][np.argsort(hard[:fresh], kind="mergesort")]
    return pools


@compiled_in_place
def fill_lanes(
    base: Base,
    scenarios: Scenarios,
    results: Results,
    first: int,
    items: Items,
    pools: Pools,
    batch: Batch,
    lanes: Lanes,
) -> bool:
    """Put scenarios into the lanes, with the voltages they start from; whether X holds a first step of any.

    New ones with the injections of the base have theirs.
    """
    n, width, counts = len(base.state.kind), len(batch.item), items.counts
    fresh = bool(counts[QUEUED] < width and counts[BEGUN] < counts[FRESH])
    stepped = False
    zero = spread(np.float32(0.0), lanes)
    for j in range(n):
        row = 2 * width * j
        store(batch.V, row, load_one(base.state.e, j, lanes))
        store(batch.V, row + width, load_one(base.state.f, j, lanes))
        store(batch.X, row, zero)
        store(batch.X, row + width, zero)
    batch.beyond[:] = 0.0
    batch.own[:] = 0.0
    for b in range(width):
        batch.item[b], batch.running[b], batch.settled[b], batch.exact[b] = -1, 0.0, False, 0.0
        batch.before[b], batch.looked[b] = 1.0, 1.0
        if fresh and counts[BEGUN] < counts[FRESH]:
            i = items.order[counts[BEGUN]]
            counts[BEGUN] += 1
            if scenarios.injection[first + i] < 0:
                stepped = True
                past = 12 * items.path[i]
                for s in range(items.length[i]):
                    at = 2 * width * pools.node[items.path[i] + s] + b
                    batch.X[at] = pools.history[past + 2 * s]
                    batch.X[at + width] = pools.history[past + 2 * s + 1]
                items.tries[i] += 1
                results.iterations[first + i] += 1
        elif not fresh and counts[QUEUED] > 0:
            i = items.queue[counts[HEAD]]
            counts[HEAD] = (counts[HEAD] + 1) % len(items.queue)
            counts[QUEUED] -= 1
            for j in range(n):
                batch.V[2 * width * j + b] = items.voltage[i, 2 * j]
                batch.V[2 * width * j + width + b] = items.voltage[i, 2 * j + 1]
            for island in range(len(base.units.imbalance)):
                batch.beyond[width * island + b] = results.beyond[first + i, island]
        else:
            continue
        batch.item[b], batch.running[b] = first + i, 1.0
        if len(batch.own) > 0:
            fill_own(scenarios, first + i, b, width, batch.own)
    return stepped


@compiled_in_place
def open_rows(
    base: Base, scenarios: Scenarios, first: int, items: Items, with_units: bool, count: int, batch: Batch
) -> int:
    """Collect the rows in which any lane differs from the base, in place of `count` old ones; how many."""
    n, width, rows, slot = len(base.state.kind), len(batch.item), batch.rows, batch.slot
    for s in range(count):
        slot[rows[s]] = -1
    count = 0
    for b in range(width):
        k = batch.item[b]
        if k < 0:
            continue
        listed = list_touched(
            base.grid.branch_from, base.grid.branch_to, base.units.node, scenarios, k,
            items.role_node[k - first], items.roles[k - first], batch.touched,
        )  # fmt: skip
        for q in range(listed):
            if slot[batch.touched[q]] < 0:
                slot[batch.touched[q]] = 0
                rows[count] = batch.touched[q]
                count += 1
    if with_units:
        for b in range(width):
            if batch.item[b] >= 0:
                fill_schedule(base.units, scenarios, batch.item[b], b, width, batch.schedule)
        for u in range(len(base.units.node)):
            if slot[base.units.node[u]] < 0:
                slot[base.units.node[u]] = 0
                rows[count] = base.units.node[u]
                count += 1
    sort_first(rows, count)
    rows[count] = n
    reset_events(base.state, base.control, rows, count, width, slot, batch.constant, batch.event)
    for b in range(width):
        k = batch.item[b]
        if k >= 0:
            i = k - first
            fill_constants(
                base.control, scenarios, k, b, width, items.role_node[i], items.role[i], items.roles[i],
                slot, batch.constant, batch.event,
            )  # fmt: skip
    return count


@compiled_in_place
def update_lanes(
    base: Base, scenarios: Scenarios, with_units: bool, count: int, batch: Batch, lanes: Lanes
) -> bool:
    """Bring the event rows to the present voltages and imbalances.

    Returns
    -------
    bool
        False where a lane has to ask each unit and the rows lack the units' nodes (`with_units`: they have
        them).
    """
    width = len(batch.item)
    exact = False
    for b in range(width):
        if batch.running[b] > 0.0:
            steady = is_steady(base.units, scenarios.injection, batch.item[b], batch.beyond, width, b)
            batch.exact[b] = 0.0 if steady else 1.0
        exact |= batch.item[b] >= 0 and batch.exact[b] > 0.0
    if exact and not with_units:
        return False
    copy_constants(count, batch.constant, batch.event, lanes)
    for b in range(width):
        if batch.item[b] >= 0:
            add_lost_power(
                base.grid, base.units, scenarios, batch.item[b], b, width, batch.exact[b] > 0.0,
                batch.slot, batch.beyond, batch.V, batch.event,
            )  # fmt: skip
    if exact:
        add_unit_changes(
            base.units, batch.exact, batch.schedule, batch.slot, batch.beyond, batch.event, lanes
        )
    return True


@compiled_in_place
def correct_lanes(
    results: Results, first: int, items: Items, pools: Pools, batch: Batch, four: Lanes
) -> None:
    """Correct and accelerate what the forward sweep left on the path of each running lane."""
    width, z = len(batch.item), batch.z
    for b in range(width):
        if batch.running[b] == 0.0:
            continue
        i = batch.item[b] - first
        items.tries[i] += 1
        results.iterations[batch.item[b]] += 1
        length, at = items.length[i], items.path[i]
        if length == 0:
            continue
        for s in range(length):
            reach = 2 * width * pools.node[at + s] + b
            z[2 * s], z[2 * s + 1] = batch.X[reach], batch.X[reach + width]
        if items.rank[i] > 0:
            o = items.vector[i]
            compensate(length, items.rank[i], pools.left[o:], pools.right[o:], z, batch.inner, four)
        past, m = pools.history[12 * at : 12 * (at + length)], 2 * length
        mix(z, past[:m], past[m : 2 * m], past[2 * m : 4 * m], past[4 * m :], items.step[i], m)
        items.step[i] += 1
        for s in range(length):
            reach = 2 * width * pools.node[at + s] + b
            batch.X[reach], batch.X[reach + width] = z[2 * s], z[2 * s + 1]


@compiled_in_place
def stays_near(scenarios: Scenarios, k: int, lane: int, batch: Batch) -> bool:
    """Whether the dead nodes of a lane kept a voltage next to which the mismatch is not lost in rounding."""
    width = len(batch.item)
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        at = 2 * width * scenarios.dead[p] + lane
        if not batch.V[at] ** 2 + batch.V[at + width] ** 2 < LARGEST_DEAD_VOLTAGE**2:
            return False
    return True


@compiled_in_place
def take_stock(
    scenarios: Scenarios, settings: Settings, results: Results, first: int, items: Items, batch: Batch
) -> int:
    """Stop the lanes that are done or lost; how many still run."""
    still = 0
    for b in range(len(batch.item)):
        if batch.running[b] == 0.0:
            continue
        k, size = batch.item[b], batch.looked[b]
        results.mismatch[k] = size
        if size <= settings.tolerance:
            batch.running[b], batch.settled[b] = 0.0, stays_near(scenarios, k, b, batch)
        elif items.tries[k - first] >= settings.max_iterations or not (size < HOPELESS):
            batch.running[b] = 0.0
        else:
            still += 1
    return still


@compiled_in_place
def count_unlikely(settings: Settings, batch: Batch) -> int:
    """Count running lanes that, by their last two mismatches, will not be done at the next look."""
    unlikely = 0
    for b in range(len(batch.item)):
        if batch.running[b] > 0.0:
            ratio = min(np.float32(0.1), batch.looked[b] / batch.before[b])
            if not (batch.looked[b] * ratio < 0.7 * settings.tolerance):
                unlikely += 1
    return unlikely


@compiled_in_place
def iterate_batch(
    base: Base,
    scenarios: Scenarios,
    settings: Settings,
    results: Results,
    first: int,
    items: Items,
    pools: Pools,
    batch: Batch,
    lanes: Lanes,
    four: Lanes,
) -> int:
    """Sweep until every lane is done, or few are left and others wait; the number of event rows."""
    factor, state, counts = base.factor, base.state, items.counts
    if fill_lanes(base, scenarios, results, first, items, pools, batch, lanes):
        sweep_backward(factor, state, batch.running, batch.beyond, batch.V, batch.X, lanes)
    waiting = counts[BEGUN] < counts[FRESH] or counts[QUEUED] > 0
    # units are asked at once where a lane has injections of its own
    with_units = False
    for b in range(len(batch.item)):
        with_units |= batch.item[b] >= 0 and scenarios.injection[batch.item[b]] >= 0
    count = open_rows(base, scenarios, first, items, with_units, int(counts[FOUND] * 0), batch)
    looks = 0
    while True:
        if not update_lanes(base, scenarios, with_units, count, batch, lanes):
            with_units = bool(count >= 0)
            count = open_rows(base, scenarios, first, items, with_units, count, batch)
            update_lanes(base, scenarios, with_units, count, batch, lanes)
        # where hardly any lane is expected to go on, look before the forward solve is paid for
        solve = looks == 0 or count_unlikely(settings, batch) > settings.few
        for b in range(len(batch.item)):
            batch.before[b] = batch.looked[b]
        still = 0
        for _ in range(2):
            sweep_forward(
                base.grid, factor, state, base.control, solve, batch.rows, batch.event, batch.own,
                batch.beyond, batch.V, batch.X, batch.looked, lanes,
            )  # fmt: skip
            still = take_stock(scenarios, settings, results, first, items, batch)
            if solve or still == 0 or (still <= settings.few and waiting):
                break
            solve = True
        looks += 1
        if still == 0 or (still <= settings.few and waiting and looks > 1):
            return count
        correct_lanes(results, first, items, pools, batch, four)
        sweep_backward(factor, state, batch.running, batch.beyond, batch.V, batch.X, lanes)


@compiled
def list_lost_branches(scenarios: Scenarios, watched: Watched, watched_place: Ints, batch: Batch) -> Ints:
    """List which watched branches are out or dead in which lane: width * branch + lane, ascending, closed."""
    width, need = len(batch.item), 1
    for k in batch.item:
        if k >= 0:
            need += scenarios.branch_start[k + 1] - scenarios.branch_start[k]
            for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
                node = scenarios.dead[p]
                need += watched.at_start[node + 1] - watched.at_start[node]
    out = np.empty(need, np.int64)
    count = 0
    for b in range(width):
        k = batch.item[b]
        if k < 0:
            continue
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
def close_batch(
    base: Base,
    scenarios: Scenarios,
    watched: Watched,
    watched_place: Ints,
    settings: Settings,
    results: Results,
    first: int,
    items: Items,
    worst: Worst,
    found: Floats,
    batch: Batch,
    lanes: Lanes,
) -> Floats:
    """Switch roles where a limit is passed, and judge the lanes that are final; the violations."""
    width, n = len(batch.item), len(base.state.kind)
    batch.changed[:] = 0
    if settings.reactive_limits:
        check_limits(
            base.grid, base.state, base.control, scenarios, settings, batch.item, first, batch.settled,
            batch.slot, batch.event, batch.own, batch.V, items.role_node, items.role, items.returns,
            items.roles, batch.changed, lanes,
        )  # fmt: skip
    for b in range(width):
        k = batch.item[b]
        batch.final[b] = 0.0
        if k < 0:
            continue
        for island in range(len(base.units.imbalance)):
            results.beyond[k, island] = batch.beyond[width * island + b]
        if batch.settled[b] and batch.changed[b] == 0:
            batch.final[b] = 1.0
            results.outcome[k] = DONE
            if settings.keep_states:
                for j in range(n):
                    results.states[k, 2 * j] = batch.V[2 * width * j + b]
                    results.states[k, 2 * j + 1] = batch.V[2 * width * j + width + b]
    if settings.sum_losses:
        losses = batch.room[:width]
        sum_losses(base.grid, base.state, batch.V, losses, lanes)
        for b in range(width):
            if batch.item[b] >= 0:
                results.losses[batch.item[b]] = losses[b]
    found = make_room(found, items.counts[FOUND], n, len(watched.branch), width)
    count = judge_nodes(
        base.state, watched, batch.item, batch.final, batch.slot, batch.event, batch.V, worst, found,
        items.counts[FOUND], lanes,
    )  # fmt: skip
    for b in range(width):
        # what is not an answer must not be the highest loading of any branch
        if batch.final[b] > 0.0 and not worst.realistic[batch.item[b]]:
            batch.final[b], results.outcome[batch.item[b]] = 0.0, LEFT
    out = list_lost_branches(scenarios, watched, watched_place, batch)
    count = judge_branches(
        base.grid, watched, batch.item, batch.final, out, batch.V, batch.room, worst, found, count, lanes
    )
    items.counts[FOUND] = count
    return found


@compiled
def solve_chunk(
    base: Base,
    scenarios: Scenarios,
    watched: Watched,
    settings: Settings,
    first: int,
    last: int,
    results: Results,
    worst: Worst,
    lanes: Lanes,
    four: Lanes,
) -> Floats:
    """Solve the scenarios first … last - 1.

    Parameters
    ----------
    results : Results
        Filled here for these scenarios.
    worst : Worst
        Filled here; the parts by scenario are (k,), those by branch belong to this chunk alone.
    lanes, four : Lanes
        Tokens of the width and of the corrections' columns.

    Returns
    -------
    (4 m,) float
        Violations: scenario, kind, branch or node, value.
    """
    n, width = len(base.state.kind), settings.width
    most = count_most_touched(scenarios, first, last)
    items = make_items(n, last - first)
    with_own = False
    for k in range(first, last):
        with_own |= scenarios.injection[k] >= 0
    batch = make_batch(n, len(base.units.imbalance), len(base.units.node), width, most, with_own)
    pools = begin_chunk(base, scenarios, results, first, items, most, four)
    desk = make_desk(base, most)
    watched_place = np.full(len(base.grid.branch_from), -1, np.int64)
    for r in range(len(watched.branch)):
        watched_place[watched.branch[r]] = r
    found = np.empty(256)
    while items.counts[BEGUN] < items.counts[FRESH] or items.counts[QUEUED] > 0:
        count = iterate_batch(base, scenarios, settings, results, first, items, pools, batch, lanes, four)
        found = close_batch(
            base, scenarios, watched, watched_place, settings, results, first, items, worst, found,
            batch, lanes,
        )  # fmt: skip
        for b in range(width):
            k, i = batch.item[b], batch.item[b] - first
            if k < 0 or not (batch.running[b] > 0.0 or (batch.settled[b] and batch.changed[b] > 0)):
                continue
            if batch.settled[b]:
                results.switches[k] += batch.changed[b]
                items.rounds[i] += 1
                if items.rounds[i] >= LARGEST_ROUNDS:
                    continue
                if not has_room(pools, desk):
                    pools = grow_pools(pools, desk)
                able, _ = prepare_item(base, scenarios, k, False, items, i, desk, pools, four)
                if not able:
                    continue
            for j in range(n):
                items.voltage[i, 2 * j] = batch.V[2 * width * j + b]
                items.voltage[i, 2 * j + 1] = batch.V[2 * width * j + width + b]
            enqueue(items, i)
        for s in range(count):
            batch.slot[batch.rows[s]] = -1
    return found[: 4 * items.counts[FOUND]].copy()
