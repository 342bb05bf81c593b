"""Scenarios in lanes: chunks of a batch on all cores, and their results back in the order of the case."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from itertools import chain, pairwise

import numpy as np

from gridhub.case.case import Floats, Ints
from gridhub.kernels.batch import BARRED, DONE, LEFT, Results, solve_chunk
from gridhub.kernels.compensation import COLUMNS
from gridhub.kernels.lanes import make_lanes
from gridhub.kernels.loading import Worst
from gridhub.kernels.records import Base, Settings, Watched
from gridhub.solvers.ac import LARGEST_RETURNS, VOLTAGE_MARGIN, Setting
from gridhub.solvers.batch_result import STATUSES, ResultBuilder
from gridhub.solvers.differences import Differences
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status

CHUNK = 256
"""Most scenarios per chunk. The chunks do not depend on the number of threads, so neither do the results."""

LEAST_CHUNK = 128
"""Scenarios up to which there is one chunk: below, what a chunk costs by itself shows."""

COMPILING_AFTER = 5.0
"""Seconds after which the first call of a process is taken to compile: loading stored code takes one."""

Part = tuple[Worst, Floats]
"""What a chunk returns: its highest loadings and its violations."""

CHORD_ITERATIONS = 24
"""Iterations after which a chord is given up for the full Newton."""


def _cut(count: int) -> list[tuple[int, int]]:
    """Cut scenarios into chunks of one size: large enough to sort by difficulty, enough for many cores.

    Their number is even, so that two threads have as much to do.
    """
    if count <= LEAST_CHUNK:
        return [(0, count)] if count else []
    chunks = -(-count // int(np.clip(-(-count // 16), LEAST_CHUNK, CHUNK)))
    chunks += chunks % 2
    edges = [count * k // chunks for k in range(chunks + 1)]
    return list(pairwise(edges))


def _announce_compilation() -> threading.Timer | None:
    """Say, if the kernels are still not ready after a while, what is going on."""
    if solve_chunk.overloads:  # type: ignore[attr-defined]
        return None
    text = "compiling the batch engine, once: about a minute and a half (`gridhub warmup` does it ahead)"
    timer = threading.Timer(COMPILING_AFTER, logging.getLogger("gridhub").warning, [text])
    timer.daemon = True
    timer.start()
    return timer


def finish_in_turn(started: Iterable[Callable[[], Ints]]) -> Iterator[Ints]:
    """Finish what `start_in_lanes` started, in order and one behind: what follows is prepared meanwhile."""
    before: Callable[[], Ints] | None = None
    for finish in started:
        if before is not None:
            yield before()
        before = finish
    if before is not None:
        yield before()


def start_in_lanes(
    setting: Setting,
    base: Base,
    watched: Watched,
    differences: Differences,
    before: Solution,
    numbers: Ints,
    options: PowerFlowOptions,
    width: int,
    builder: ResultBuilder,
    progress: Callable[[int], None] | None = None,
    pool: Executor | None = None,
) -> Callable[[], Ints]:
    """Start to solve scenarios by the chord method.

    Parameters
    ----------
    setting, base, watched, differences
        What starts, what is watched, what differs.
    before : Solution
        State the scenarios start from.
    numbers : (k,) int
        Row of each scenario in the result.
    options : PowerFlowOptions
    width : int
        Lanes.
    builder : ResultBuilder
    progress : callable, optional
        Called with the number of scenarios of each chunk that ends.
    pool : Executor, optional
        Threads beside the one that asks for the end, which helps; None: that one solves all.

    Returns
    -------
    callable
        Waits for the end, writes the scenarios that were solved into `builder` and returns the positions,
        among the k, of those that are left to the full Newton.
    """
    scenarios, n = differences.scenarios, len(base.state.kind)
    sum_losses = bool((scenarios.injection >= 0).all()) and not len(scenarios.dead)
    count = len(scenarios.injection)
    settings = Settings(
        width=width,
        tolerance=options.tolerance,
        max_iterations=CHORD_ITERATIONS,
        reactive_limits=bool(options.reactive_limits),
        largest_returns=LARGEST_RETURNS,
        margin=VOLTAGE_MARGIN,
        few=width // 4,
        keep_states=builder.keep_states,
        sum_losses=sum_losses,
    )
    results = Results(
        outcome=np.where(differences.unusual, BARRED, LEFT).astype(np.int8),
        mismatch=np.full(count, np.nan),
        iterations=np.zeros(count, np.int64),
        switches=np.zeros(count, np.int64),
        states=np.zeros((count if builder.keep_states else 0, 2 * n)),
        beyond=np.zeros((count, len(base.units.imbalance))),
        losses=np.full(count, np.nan),
    )
    of_scenario, branch = np.full(count, -1.0), np.full(count, -1)
    severity, realistic = np.full(count, np.inf), np.ones(count, dtype=bool)
    lanes, four = make_lanes(width), make_lanes(COLUMNS)

    def run(chunk: tuple[int, int]) -> Part:
        if differences.fill is not None:
            differences.fill(*chunk)
            part = slice(*chunk)
            results.outcome[part] = np.where(differences.unusual[part], BARRED, LEFT)
        rated = len(watched.branch)
        worst = Worst(np.full(rated, -1.0), np.full(rated, -1), of_scenario, branch, severity, realistic)
        found = solve_chunk(
            base, scenarios, watched, settings, *chunk, results, worst, lanes, four
        )  # fmt: skip
        return worst, found

    chunks = _cut(count)
    compiling = _announce_compilation()
    under_way = [] if pool is None else [pool.submit(run, chunk) for chunk in chunks]

    def finish() -> Ints:
        parts: dict[int, Part] = {}
        # the threads take the chunks from the front; this one takes from the end what they have not begun
        mine = (k for k in reversed(range(len(chunks))) if pool is None or under_way[k].cancel())
        for k in chain(mine, range(len(chunks))):
            if k in parts:
                continue
            theirs = pool is not None and not under_way[k].cancelled()
            parts[k] = under_way[k].result() if theirs else run(chunks[k])
            if compiling is not None:
                compiling.cancel()
            # what is left to the full Newton counts when that is done
            if progress is not None:
                progress(int((results.outcome[slice(*chunks[k])] == DONE).sum()))
        done = results.outcome == DONE
        in_order = [parts[k] for k in range(len(chunks))]
        _write(builder, setting, watched, differences, before, numbers, done, in_order)
        rows = numbers[done]
        builder.mismatch[rows], builder.iterations[rows] = results.mismatch[done], results.iterations[done]
        builder.switches[rows], builder.severity[rows] = results.switches[done], severity[done]
        builder.losses[rows] = results.losses[done]
        rated = branch[done] >= 0
        builder.worst_branch[rows[rated]] = watched.branch[branch[done][rated]]
        builder.worst_loading[rows[rated]] = 100.0 * np.sqrt(of_scenario[done][rated])
        if builder.keep_states:
            _write_states(builder, setting, differences, before, numbers, done, results.states)
        return np.flatnonzero(~done)

    return finish


def _write(
    builder: ResultBuilder,
    setting: Setting,
    watched: Watched,
    differences: Differences,
    before: Solution,
    numbers: Ints,
    done: np.ndarray,
    parts: list[Part],
) -> None:
    """Write statuses, dead nodes, violations and the highest loading of each branch."""
    node, scenarios = setting.plan.node, differences.scenarios
    islanded = differences.dead_power | (before.status is Status.ISLANDED)
    codes = np.where(islanded, STATUSES.index(Status.ISLANDED), STATUSES.index(Status.CONVERGED))
    builder.status[numbers[done]] = codes[done]
    builder.stage[numbers[done]] = 1
    for k in np.flatnonzero(done & islanded).tolist():
        builder.reason[int(numbers[k])] = before.reason or "part of the load or generation has no reference"
    for k in np.flatnonzero(done & (np.diff(scenarios.dead_start) > 0)).tolist():
        dead = node[scenarios.dead[scenarios.dead_start[k] : scenarios.dead_start[k + 1]]]
        builder.dead[int(numbers[k])] = np.sort(dead)
    # of equal loadings the first scenario counts; those of a chunk come before those of the next
    of_branch = np.stack([worst.of_branch for worst, _ in parts])
    by_scenario = np.stack([worst.by_scenario for worst, _ in parts])
    first = of_branch.argmax(axis=0), np.arange(of_branch.shape[1])
    seen = by_scenario[first] >= 0
    branch = watched.branch[seen]
    loading = np.full(len(setting.case.branch_on), -np.inf)
    scenario = np.full(len(setting.case.branch_on), -1)
    loading[branch] = 100.0 * np.sqrt(of_branch[first][seen])
    scenario[branch] = numbers[by_scenario[first][seen]]
    builder.merge_branch_loading(loading, scenario)
    rows = np.concatenate([found for _, found in parts]).reshape(-1, 4)
    which, kind, place = (rows[:, c].astype(np.int64) for c in range(3))
    kept = done[which]
    position = np.where(kind == 0, place, node[np.where(kind == 0, 0, place)])
    builder.add_findings(numbers[which[kept]], kind[kept], position[kept], rows[kept, 3])


def _write_states(
    builder: ResultBuilder,
    setting: Setting,
    differences: Differences,
    before: Solution,
    numbers: Ints,
    done: np.ndarray,
    states: Floats,
) -> None:
    """Write voltages and flows of the scenarios that are done."""
    case, plan, scenarios = setting.case, setting.plan, differences.scenarios
    rows = np.flatnonzero(done)
    voltage = states[rows].view(np.complex128)[:, plan.position]
    owner = np.repeat(np.arange(len(done)), np.diff(scenarios.dead_start))
    place = np.cumsum(done) - 1
    kept = done[owner]
    voltage[place[owner[kept]], plan.node[scenarios.dead[kept]]] = np.nan
    voltage[:, ~before.islands.live] = np.nan
    on = np.flatnonzero(case.branch_on)
    v_from, v_to = voltage[:, case.branch_from[on]], voltage[:, case.branch_to[on]]
    s_from, s_to = (np.zeros((len(rows), case.n_branch), dtype=complex) for _ in range(2))
    s_from[:, on] = v_from * np.conj(case.y_ff[on] * v_from + case.y_ft[on] * v_to)
    s_to[:, on] = v_to * np.conj(case.y_tf[on] * v_from + case.y_tt[on] * v_to)
    owner = np.repeat(np.arange(len(done)), np.diff(scenarios.branch_start))
    kept = done[owner]
    for flows in (s_from, s_to):
        flows[place[owner[kept]], scenarios.branch[kept]] = 0.0
    at = numbers[rows]
    builder.vm[at], builder.va[at] = np.abs(voltage), np.angle(voltage)
    builder.s_from[at], builder.s_to[at] = s_from, s_to
