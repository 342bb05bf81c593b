"""Anderson acceleration against least squares."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.acceleration import mix


class Memory:
    """What the kernel remembers of one scenario, in one array as the engine keeps it."""

    def __init__(self, size: int) -> None:
        self.size, self.step = size, 0
        self.past = np.zeros(12 * size, np.float32)

    def mix(self, asked: np.ndarray) -> np.ndarray:
        """Mix one step."""
        z, m, past = asked.astype(np.float32), self.size, self.past
        mix(z, past[:m], past[m : 2 * m], past[2 * m : 4 * m], past[4 * m : 6 * m], self.step, m)
        self.step += 1
        return z


def mix_by_least_squares(asked: list[np.ndarray], made: list[np.ndarray]) -> np.ndarray:
    """Mixed step from the steps asked for, the newest last, and those made (Walker and Ni, 2011)."""
    depth = min(2, len(made))
    if depth == 0:
        return asked[-1]
    changes_z = np.stack([asked[-1 - i] - asked[-2 - i] for i in range(depth)], axis=1)
    changes_x = np.stack([made[-1 - i] for i in range(depth)], axis=1) + changes_z
    weights = np.linalg.lstsq(changes_z, asked[-1], rcond=None)[0]
    return asked[-1] - changes_x @ weights


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_steps_are_those_of_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, memory = 10, Memory(10)
    asked: list[np.ndarray] = []
    made: list[np.ndarray] = []
    for _ in range(6):
        asked.append(rng.normal(size=size))
        expected = mix_by_least_squares(asked, made)
        made.append(memory.mix(asked[-1]).astype(float))
        assert made[-1] == pytest.approx(expected, abs=2e-5)


def test_two_slow_directions_are_solved_in_three_steps_more() -> None:
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    rates = np.array([0.9, 0.7, *[0.0] * 6])
    target = rng.normal(size=8)

    def ask(x: np.ndarray) -> np.ndarray:
        """Step of a chord that leaves the share `rates` of the error."""
        return np.asarray(basis @ ((1.0 - rates) * (basis.T @ (target - x))))

    x, plain, memory = np.zeros(8), np.zeros(8), Memory(8)
    for _ in range(5):
        x = x + memory.mix(ask(x))
        plain = plain + ask(plain)
    assert np.abs(x - target).max() < 1e-4
    assert np.abs(plain - target).max() > 0.05


def test_parallel_changes_leave_a_mixing_of_depth_one() -> None:
    memory, direction = Memory(4), np.array([1.0, 2.0, -1.0, 0.5])
    asked, made = [], []
    for factor in (1.0, 0.5, 0.2):
        asked.append(factor * direction)
        made.append(memory.mix(asked[-1]).astype(float))
    change_z = asked[2] - asked[1]
    weight = change_z @ asked[2] / (change_z @ change_z)
    assert made[2] == pytest.approx(asked[2] - weight * (made[1] + change_z), abs=1e-6)


def test_a_step_that_repeats_itself_is_made_as_it_is() -> None:
    memory, step = Memory(3), np.array([1.0, -2.0, 3.0])
    for k in range(4):
        assert memory.mix(step * (1.0 + 1e-6 * k)) == pytest.approx(step, rel=1e-4)


def test_step_zero_forgets_what_was_before() -> None:
    rng = np.random.default_rng(5)
    memory, fresh = Memory(5), Memory(5)
    for _ in range(3):
        memory.mix(rng.normal(size=5))
    memory.step = 0
    for _ in range(4):
        asked = rng.normal(size=5)
        assert (memory.mix(asked) == fresh.mix(asked)).all()
