"""The kernel against a plain search of every pair of element and outage, and of every piece of the path."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.rooms import Limits, Losses, Path, find_rooms
from gridhub.solvers.pickup import build_path
from gridhub.solvers.rooms import no_losses, start_rooms


def make_problem(seed: int, n: int = 25, outages: int = 18, pieces: int = 9, buses: int = 12):
    rng = np.random.default_rng(seed)
    amount = np.concatenate([[0.0], np.sort(rng.uniform(0.2, 8.0, pieces - 1)), [8.5]])
    flow = np.cumsum(rng.normal(0.0, 0.15, (pieces + 1, n)), axis=0) + rng.normal(0.0, 1.0, n)
    drawn = rng.normal(0.0, 0.3, (buses, n))
    factor = rng.normal(0.0, 0.25, (outages, 2, n)) * (rng.random((outages, 2, n)) < 0.4)
    lost = np.stack([rng.choice(n, 2, replace=False) for _ in range(outages)])
    single = rng.random(outages) < 0.6
    factor[single, 1] = 0.0
    before = rng.uniform(1.5, 4.0, n)
    before[rng.random(n) < 0.1] = np.nan
    limits = Limits(before, before * 1.1, rng.integers(0, 15, n), 0.01, 0.0)
    return build_path(amount, flow), drawn, lost, single, factor, limits


def sort_losses(lost, single, factor, n: int) -> Losses:
    """Build the sorted losses the slow way."""
    weight = np.ones(n)
    begin, outage, bound, first, members, shares = [0], [], [], [0], [], []
    for i in range(n):
        rows = []
        for k in range(len(lost)):
            mine = lost[k][:1] if single[k] else lost[k]
            if i in mine or not np.abs(factor[k][:, i]).sum():
                continue
            rows.append((-np.abs(factor[k][: len(mine), i]).sum(), k, mine, factor[k][: len(mine), i]))
        for size, k, mine, share in sorted(rows, key=lambda row: (row[0], row[1])):
            outage.append(k)
            bound.append(-size)
            members.extend(mine)
            shares.extend(share)
            first.append(len(members))
        begin.append(len(outage))
    return Losses(
        np.array(begin),
        np.array(outage),
        np.array(bound),
        np.array(first),
        np.array(members),
        np.array(shares),
        weight,
    )


def search_plainly(path: Path, drawn, lost, single, factor, limits: Limits):
    """List every limit met by every bus: amount, element, outage."""
    found = []
    at = path.flow[None] + path.amount[None, :, None] * drawn[:, None, :]
    for j in range(len(drawn)):
        rows = []
        for k in range(-1, len(lost)):
            mine = () if k < 0 else lost[k][:1] if single[k] else lost[k]
            after = at[j] + sum(
                (factor[k][m] * at[j][:, [i]] for m, i in enumerate(mine)), np.zeros_like(at[j])
            )
            for i in range(drawn.shape[1]):
                limit = (limits.before if k < 0 else limits.after)[i]
                touched = k < 0 or np.abs(factor[k][: len(mine), i]).sum() > 0
                if np.isnan(limit) or i in mine or not touched:
                    continue
                flow = after[:, i]
                if abs(flow[0]) > limit * (1 + 1e-8):
                    limit = abs(flow[0]) + limits.worsening * limit
                for p in range(len(flow) - 1):
                    if abs(flow[p + 1]) > limit:
                        goal = np.copysign(limit, flow[p + 1])
                        share = (goal - flow[p]) / (flow[p + 1] - flow[p])
                        rows.append((path.amount[p] + share * np.diff(path.amount)[p], i, k))
                        break
        rows.sort()
        nearest = rows[0] if rows else (path.amount[-1], -1, -1)
        others = [row for row in rows if limits.group[row[1]] != limits.group[nearest[1]]]
        found.append((nearest, others[0] if others else (path.amount[-1], -1, -1)))
    return found


@pytest.mark.parametrize("seed", range(12))
def test_nearest_and_next_limit_equal_a_plain_search(seed):
    path, drawn, lost, single, factor, limits = make_problem(seed)
    losses = sort_losses(lost, single, factor, drawn.shape[1])
    rooms = start_rooms(np.full(len(drawn), path.amount[-1]))
    existing = np.zeros(len(drawn), dtype=np.int64)
    for worker in range(2):
        find_rooms(path, drawn, np.arange(len(drawn)), losses, limits, -1, 7, worker, 2, rooms, existing)
    wanted = search_plainly(path, drawn, lost, single, factor, limits)
    for j, two in enumerate(wanted):
        for rank, (amount, element, outage) in enumerate(two):
            assert rooms.amount[j, rank] == pytest.approx(amount, abs=1e-9)
            assert (rooms.element[j, rank], rooms.outage[j, rank]) == (element, outage)
    assert (rooms.element >= 0).any() and (rooms.state[rooms.element >= 0] == 7).all()


def look(path: Path, drawn: float, second: float, limits: Limits):
    """Look at two elements without any outage."""
    rooms, existing = start_rooms(np.array([10.0])), np.zeros(1, dtype=np.int64)
    drawn_rows = np.array([[drawn, second]])
    find_rooms(path, drawn_rows, np.arange(1), no_losses(2), limits, -1, 0, 0, 1, rooms, existing)
    return rooms, int(existing[0])


@pytest.mark.parametrize(("effect", "amount", "element"), [(0.0, 4.0, 0), (0.05, 5.0, 1)])
def test_limits_that_the_injection_hardly_moves_do_not_count(effect, amount, element):
    path = build_path(np.array([0.0, 10.0]), np.ones((2, 2)))
    limits = Limits(np.array([1.08, 2.0]), np.array([1.08, 2.0]), np.array([0, 1]), 0.0, effect)
    rooms, _ = look(path, 0.02, 0.2, limits)
    assert rooms.amount[0, 0] == pytest.approx(amount) and rooms.element[0, 0] == element


def test_a_limit_that_is_exceeded_already_may_grow_by_the_share_allowed():
    path = build_path(np.array([0.0, 10.0]), np.array([[3.0, 0.0]] * 2))
    limits = Limits(np.array([2.0, 2.0]), np.array([2.0, 2.0]), np.array([0, 1]), 0.01, 0.0)
    rooms, existing = look(path, 0.1, 0.0, limits)
    assert rooms.amount[0, 0] == pytest.approx(0.02 / 0.1) and existing == 1


def test_parallel_elements_count_as_one_when_the_next_limit_is_looked_for():
    path = build_path(np.array([0.0, 10.0]), np.ones((2, 2)))
    limits = Limits(np.array([2.0, 2.0]), np.array([2.0, 2.0]), np.array([0, 0]), 0.0, 0.0)
    assert look(path, 0.2, 0.25, limits)[0].element.tolist() == [[1, -1]]
    limits = limits._replace(group=np.array([0, 1]))
    rooms, _ = look(path, 0.2, 0.25, limits)
    assert rooms.element.tolist() == [[1, 0]] and rooms.amount[0].tolist() == pytest.approx([4.0, 5.0])
