"""The two sweeps of a chord iteration against dense matrices, lane by lane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from gridhub.kernels.events import FIELDS
from gridhub.kernels.lanes import make_lanes
from gridhub.kernels.records import DEAD, HELD
from gridhub.kernels.sweeps import sweep_backward, sweep_forward
from tests.unit.kernels.small_bases import (
    WIDTH,
    Small,
    make_dense_admittance,
    make_small,
    split_factor,
    spread_lanes,
)

LANES = make_lanes(WIDTH)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Voltages, imbalances, event rows and injections of each lane; no injections: `own` is empty."""

    voltages: np.ndarray
    beyond: np.ndarray
    rows: np.ndarray
    event: np.ndarray
    own: np.ndarray


def draw(small: Small, seed: int, with_own: bool = False) -> Drawn:
    """Lanes near the base; in three rows nodes are dead, switched, or given more power."""
    rng, n = np.random.default_rng(seed), small.case.n_node
    spread = rng.uniform(0.97, 1.03, (WIDTH, n)) * np.exp(1j * rng.normal(0.0, 0.02, (WIDTH, n)))
    rows = np.sort(rng.choice(n, 3, replace=False))
    event = np.zeros((3, FIELDS, WIDTH))
    event[:, :2] = rng.normal(size=(3, 2, WIDTH))
    event[:, 2] = rng.random((3, WIDTH)) < 0.8
    event[:, 3] = rng.random((3, WIDTH)) < 0.5
    event[:, 4] = rng.uniform(0.45, 0.55, (3, WIDTH))
    beyond = rng.normal(size=(len(small.base.units.imbalance), WIDTH))
    own = rng.normal(size=(n if with_own else 0, 2, WIDTH))
    return Drawn(small.voltage * spread, beyond, rows, event, own)


def find_mismatch(small: Small, drawn: Drawn, lane: int) -> tuple[np.ndarray, np.ndarray]:
    """Right-hand side of one lane, (n, 2), and the size of what it stands for."""
    state, control = small.base.state, small.base.control
    y = make_dense_admittance(small.case, small.setting.plan.position)
    v = drawn.voltages[lane]
    missing = state.p + 1j * state.q - v * np.conj(y @ v)
    if len(drawn.own):
        missing += drawn.own[:, 0, lane] + 1j * drawn.own[:, 1, lane]
    p = missing.real + state.slope * drawn.beyond[state.island, lane]
    q, held, target, alive = (
        missing.imag.copy(),
        state.kind == HELD,
        control.target.copy(),
        state.kind != DEAD,
    )
    for row, (more_p, more_q, lives, holds, aim) in zip(drawn.rows, drawn.event[:, :, lane], strict=True):
        p[row] += more_p
        q[row] += more_q
        held[row], target[row], alive[row] = holds > 0, aim, alive[row] and lives > 0
    off = 0.5 - target * np.abs(v) ** 2
    p = np.where(alive & ~state.angle_held, p, 0.0)
    right = np.where(alive, np.where(held, off * control.stiffness, q), 0.0)
    return np.stack([p, right], axis=1), np.stack([p, np.where(alive, np.where(held, off, q), 0.0)])


def run_forward(small: Small, drawn: Drawn, solve: bool = True) -> tuple[np.ndarray, np.ndarray]:
    base, n = small.base, small.case.n_node
    x, worst = np.full(2 * n * WIDTH, np.nan, np.float32), np.empty(WIDTH, np.float32)
    sweep_forward(
        base.grid, base.factor, base.state, base.control, solve, np.append(drawn.rows, n),
        drawn.event.reshape(-1).copy(), drawn.own.reshape(-1), drawn.beyond.reshape(-1).copy(),
        spread_lanes(drawn.voltages), x, worst, LANES,
    )  # fmt: skip
    return x.reshape(n, 2, WIDTH), worst


def split_base(small: Small) -> tuple[np.ndarray, np.ndarray]:
    factor = small.base.factor
    return split_factor(small.elimination, small.base.state.root, factor.blocks, factor.border)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("slack", [True, False])
@pytest.mark.parametrize("with_own", [True, False])
def test_forward_sweep_is_the_mismatch_solved_by_the_lower_triangle(
    seed: int, slack: bool, with_own: bool
) -> None:
    small = make_small(seed, slack=slack)
    drawn = draw(small, seed, with_own)
    lower, _ = split_base(small)
    x, worst = run_forward(small, drawn)
    for lane in range(WIDTH):
        right, sizes = find_mismatch(small, drawn, lane)
        expected = np.linalg.solve(lower, right.ravel())
        assert x[:, :, lane].ravel() == pytest.approx(expected, abs=3e-5 * np.abs(expected).max())
        assert worst[lane] == pytest.approx(np.abs(sizes).max(), rel=1e-5)
    _, looked = run_forward(small, drawn, solve=False)
    assert looked.tobytes() == worst.tobytes()


def test_a_nan_poisons_its_own_lane_alone() -> None:
    small = make_small(1)
    drawn = draw(small, 1)
    healthy, before = run_forward(small, drawn)
    drawn.voltages[2, 4] = np.nan
    x, worst = run_forward(small, drawn)
    others = np.delete(np.arange(WIDTH), 2)
    assert np.isnan(worst[2])
    assert x[:, :, others].tobytes() == healthy[:, :, others].tobytes()
    assert worst[others].tobytes() == before[others].tobytes()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("slack", [True, False])
def test_backward_sweep_solves_the_upper_triangle_and_moves_the_voltages(seed: int, slack: bool) -> None:
    small, rng = make_small(seed, slack=slack), np.random.default_rng(seed)
    base, n = small.base, small.case.n_node
    drawn = draw(small, seed)
    _, upper = split_base(small)
    steps = rng.normal(0.0, 0.02, (2 * n, WIDTH))
    x = (upper @ steps).astype(np.float32).reshape(-1)
    running = np.array([1.0, 0.0] * 4, np.float32)
    beyond, V = drawn.beyond.reshape(-1).copy(), spread_lanes(drawn.voltages)
    sweep_backward(base.factor, base.state, running, beyond, V, x, LANES)
    assert x.reshape(2 * n, WIDTH) == pytest.approx(steps, abs=1e-4)
    moved = V.reshape(n, 2, WIDTH)
    roots = np.flatnonzero(base.state.root == np.arange(n))
    island = base.state.island[roots]
    for lane in range(WIDTH):
        made = x.reshape(n, 2, WIDTH)[:, :, lane].astype(float) * running[lane]
        angle, log_v = made[:, 0].copy(), made[:, 1]
        more = drawn.beyond[:, lane].copy()
        more[island] += angle[roots]
        angle[roots] = 0.0
        power = log_v + 1j * angle
        expected = drawn.voltages[lane] * (1.0 + power + 0.5 * power**2)
        assert beyond.reshape(-1, WIDTH)[:, lane] == pytest.approx(more, abs=1e-12)
        assert moved[:, 0, lane] + 1j * moved[:, 1, lane] == pytest.approx(expected, abs=1e-7)
        if not running[lane]:
            assert (moved[:, 0, lane] + 1j * moved[:, 1, lane] == drawn.voltages[lane]).all()


def test_a_lane_at_rest_is_not_moved_by_a_nan() -> None:
    small = make_small(2)
    base, n = small.base, small.case.n_node
    drawn = draw(small, 2)
    x = np.zeros((2 * n, WIDTH), np.float32)
    x[:, 5] = np.nan
    running = np.ones(WIDTH, np.float32)
    running[5] = 0.0
    beyond, V = drawn.beyond.reshape(-1).copy(), spread_lanes(drawn.voltages)
    sweep_backward(base.factor, base.state, running, beyond, V, x.reshape(-1), LANES)
    assert V.tobytes() == spread_lanes(drawn.voltages).tobytes()
    assert beyond.tobytes() == drawn.beyond.reshape(-1).tobytes()
