"""Loadings, voltages and losses in lanes against plain complex arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gridhub.kernels.events import FIELDS
from gridhub.kernels.lanes import make_lanes
from gridhub.kernels.loading import (
    THERMAL,
    VOLTAGE_CHANGE,
    VOLTAGE_HIGH,
    VOLTAGE_LOW,
    Worst,
    judge_branches,
    judge_nodes,
    make_room,
    note,
    sum_losses,
)
from gridhub.kernels.records import Watched
from gridhub.solvers.base import build_watched
from gridhub.solvers.scenario import Watch
from tests.unit.kernels.small_bases import WIDTH, Small, make_small, spread_lanes

LANES = make_lanes(WIDTH)
ITEMS = np.array([7, 0, 3, -1, 5, 1, 2, 4])
FINAL = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A state per lane, and limits."""

    small: Small
    watched: Watched
    watch: Watch
    voltages: np.ndarray
    power: np.ndarray


def make_judged(seed: int) -> Judged:
    """Lanes around the base; one branch is not rated, one node not watched."""
    small, rng = make_small(seed), np.random.default_rng(seed)
    case, n, position = small.case, small.case.n_node, small.setting.plan.position
    rate = case.rate.copy()
    rate[1] = np.nan
    low, high = np.full(n, 0.99), np.full(n, 1.01)
    low[0] = high[0] = np.nan
    watch = Watch(rate, low, high, 0.02)
    voltages = (
        small.voltage * rng.uniform(0.95, 1.05, (WIDTH, n)) * np.exp(1j * rng.normal(0, 0.03, (WIDTH, n)))
    )
    f, t = (voltages[:, position[end]] for end in (case.branch_from, case.branch_to))
    s_from = f * np.conj(case.y_ff * f + case.y_ft * t)
    s_to = t * np.conj(case.y_tf * f + case.y_tt * t)
    watched = build_watched(small.setting, small.solution, watch)
    return Judged(small, watched, watch, voltages, np.stack([s_from, s_to]))


def make_worst(judged: Judged) -> Worst:
    rated, count = len(judged.watched.branch), 8
    return Worst(
        np.full(rated, -1.0), np.full(rated, -1), np.full(count, -1.0), np.full(count, -1),
        np.full(count, np.inf), np.ones(count, dtype=bool),
    )  # fmt: skip


def read_found(found: np.ndarray, count: int) -> dict[tuple[int, int, int], float]:
    rows = found[: 4 * count].reshape(count, 4)
    said = {(int(a), int(b), int(c)): float(d) for a, b, c, d in rows}
    assert len(said) == count
    return said


@pytest.mark.parametrize("seed", range(4))
def test_loadings_are_those_of_complex_arithmetic(seed: int) -> None:
    judged = make_judged(seed)
    watched, small = judged.watched, judged.small
    branch, rate = watched.branch, judged.watch.rate
    assert branch.tolist() == np.flatnonzero(small.case.branch_on & ~np.isnan(rate)).tolist()
    loading = 100.0 * np.abs(judged.power).max(axis=0)[:, branch] / rate[branch]
    lost = [(0, 1), (2, 0), (2, 6), (len(branch) - 1, 4)]
    for r, lane in lost:
        loading[lane, r] = 0.0
    out = np.array(sorted(WIDTH * r + lane for r, lane in lost) + [WIDTH * (len(branch) + 1)])
    worst = make_worst(judged)
    found = np.empty(4 * len(ITEMS) * len(branch))
    count = judge_branches(
        small.base.grid, watched, ITEMS, FINAL, out, spread_lanes(judged.voltages), np.empty(3 * WIDTH),
        worst, found, 0, LANES,
    )  # fmt: skip
    lanes = np.flatnonzero(FINAL > 0)
    for lane in lanes:
        k = ITEMS[lane]
        assert worst.branch[k] == np.argmax(loading[lane])
        assert 100.0 * np.sqrt(worst.of_scenario[k]) == pytest.approx(loading[lane].max(), rel=1e-12)
        assert worst.severity[k] == pytest.approx(((loading[lane] / 100.0) ** 4).sum(), rel=1e-11)
    assert worst.of_scenario[[3, 6]].tolist() == [-1.0, -1.0]
    assert np.isinf(worst.severity[[3, 6]]).all()
    assert 100.0 * np.sqrt(worst.of_branch) == pytest.approx(loading[lanes].max(axis=0), rel=1e-12)
    assert worst.by_scenario.tolist() == ITEMS[lanes][loading[lanes].argmax(axis=0)].tolist()
    expected = {
        (int(ITEMS[lane]), THERMAL, int(branch[r])): float(loading[lane, r])
        for lane in lanes
        for r in np.flatnonzero(loading[lane] > 100.0 + judged.watch.loading_tolerance)
    }
    assert expected
    assert read_found(found, count) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_voltages_are_held_against_every_limit(seed: int) -> None:
    judged = make_judged(seed)
    small, watch, node = judged.small, judged.watch, judged.small.setting.plan.node
    n = small.case.n_node
    judged.voltages[5, 4] *= 0.4  # unrealistic
    dead = 6
    slot, event = np.full(n, -1), np.ones(FIELDS * WIDTH)
    slot[dead] = 0
    event.reshape(FIELDS, WIDTH)[2, 0] = 0.0
    worst = make_worst(judged)
    found = np.empty(4 * len(ITEMS) * 3 * n)
    count = judge_nodes(
        small.base.state, judged.watched, ITEMS, FINAL, slot, event, spread_lanes(judged.voltages), worst,
        found, 0, LANES,
    )  # fmt: skip
    vm, before = np.abs(judged.voltages), np.abs(small.voltage)
    expected = {}
    for lane in np.flatnonzero(FINAL > 0):
        for i in range(n):
            if i == dead and lane == 0:
                continue
            for kind, beyond, value in (
                (VOLTAGE_LOW, watch.vm_low[node[i]] - vm[lane, i], vm[lane, i]),
                (VOLTAGE_HIGH, vm[lane, i] - watch.vm_high[node[i]], vm[lane, i]),
                (
                    VOLTAGE_CHANGE,
                    abs(vm[lane, i] - before[i]) - watch.vm_change,
                    abs(vm[lane, i] - before[i]),
                ),
            ):
                if beyond > watch.voltage_tolerance:
                    expected[int(ITEMS[lane]), kind, i] = value
    assert {kind for _, kind, _ in expected} == {VOLTAGE_LOW, VOLTAGE_HIGH, VOLTAGE_CHANGE}
    assert read_found(found, count) == pytest.approx(expected, rel=1e-10)
    assert np.flatnonzero(~worst.realistic).tolist() == [ITEMS[5]]


@pytest.mark.parametrize("seed", range(4))
def test_losses_are_what_enters_all_branches(seed: int) -> None:
    judged = make_judged(seed)
    on = judged.small.case.branch_on
    losses = np.empty(WIDTH)
    base = judged.small.base
    sum_losses(base.grid, base.state, spread_lanes(judged.voltages), losses, LANES)
    assert losses == pytest.approx(judged.power.real[:, :, on].sum(axis=(0, 2)), abs=1e-10)


def test_room_for_violations_grows() -> None:
    found = np.empty(4)
    for count in range(50):
        found = make_room(found, count, nodes=1, branches=2, width=3)
        assert len(found) >= 4 * (count + 3 * (3 * 1 + 2))
        note(found, count, count, THERMAL, 2 * count, 0.5 * count)
    rows = found[:200].reshape(50, 4)
    assert rows[:, 0].tolist() == list(range(50))
    assert rows[:, 2].tolist() == list(range(0, 100, 2))
    assert rows[:, 3].tolist() == [0.5 * k for k in range(50)]
