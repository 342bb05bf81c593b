"""Power-flow equations along a direction of injections, with one unknown more: how far along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu

from gridhub.case.case import Complexes, Floats
from gridhub.kernels.newton import find_mismatch, sum_units
from gridhub.solvers.ac import Setting, write_problem
from gridhub.solvers.newton import write_equations
from gridhub.solvers.pivoting import build_jacobian
from gridhub.solvers.solution import Solution

LARGEST_CORRECTION = 0.5
"""A corrector that moves an unknown by more than this has lost the curve."""

CORRECTIONS = 8
"""Newton iterations of a corrector."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Solved point of a curve.

    Attributes
    ----------
    x : (2 n_node + 1,) float
        By position of elimination in turns: angle [rad], or imbalance in `scale` at a reference; ln|V|.
        Last: λ, 1 being a direction as large as `scale`.
    power : (n_node,) complex
        Power out of the node at each position [p.u.].
    """

    x: Floats
    power: Complexes


class BorderedSystem:
    """Equations S(V) = S + λ d of a setting, for given roles of its nodes.

    Parameters
    ----------
    setting : Setting
    direction : (n_node,) complex
        d, change of the injections per unit of λ [p.u.]; that of dead nodes does not count.
    scale : float
        Power in which imbalances, and the size of λ d, are measured against angles and ln|V| [p.u.].
    at_limit : (n_node,) int8
        As `gridhub.solvers.solution.Solution.at_limit`.
    """

    def __init__(
        self, setting: Setting, direction: Complexes, scale: float, at_limit: NDArray[np.int8]
    ) -> None:
        self.setting, self.plan, self.scale = setting, setting.plan, scale
        self.direction = np.where(setting.islands.live, direction, 0.0)
        size = max(np.abs(self.direction.real).sum(), np.abs(self.direction.imag).sum())
        self.parameter_scale = scale / size if size > 0 else 1.0
        self.reference_angle = np.zeros(len(direction))
        self.set_roles(at_limit)

    def set_roles(self, at_limit: NDArray[np.int8]) -> None:
        """Write the equations for given roles: which nodes are at a reactive limit."""
        self.at_limit = at_limit
        self.equations = write_equations(self.plan, write_problem(self.setting, at_limit))
        n, by_position = len(self.plan.node), self.direction[self.plan.node]
        self.is_root = self.equations.root == np.arange(n)
        alive = self.equations.root >= 0
        self.border = np.zeros(2 * n)
        counts_p = alive & (self.is_root | ~self.equations.angle_held)
        self.border[::2] = np.where(counts_p, by_position.real, 0.0)
        self.border[1::2] = np.where(alive & ~self.equations.voltage_held, by_position.imag, 0.0)
        self.column_scale = np.ones(2 * n + 1)
        self.column_scale[:-1:2] = np.where(self.is_root, self.scale, 1.0)
        self.column_scale[-1] = self.parameter_scale

    def start(self, solution: Solution) -> Point | None:
        """Give the point of a solved state, λ = 0; None if the equations here do not hold in it."""
        node, live = self.plan.node, solution.islands.live
        vm, va = np.where(live, solution.vm, 1.0), np.where(live, solution.va, 0.0)
        self.reference_angle = va[node]
        shared = solution.imbalance[solution.islands.island[node]] / self.scale
        x = np.zeros(2 * len(node) + 1)
        x[:-1:2], x[1:-1:2] = np.where(self.is_root, shared, va[node]), np.log(vm[node])
        # a reference that takes the imbalance alone: what it gives is not in the solution
        mismatch, _, _ = self.find_residual(x)
        alone = np.zeros(len(live), dtype=bool)
        islands = self.setting.islands
        alone[islands.reference[(islands.reference >= 0) & ~self.setting.slack.shared]] = True
        x[:-1:2] -= np.where(alone[node], mismatch[::2] / self.scale, 0.0)
        return self.correct(x, len(x) - 1)

    def split(self, x: Floats) -> tuple[Floats, Floats, Floats, float]:
        """Give vm [p.u.], va [rad] and imbalance [p.u.] by position, and λ."""
        imbalance = np.where(self.is_root, x[:-1:2] * self.scale, 0.0)
        va = np.where(self.is_root, self.reference_angle, x[:-1:2])
        return np.exp(x[1:-1:2]), va, imbalance, float(x[-1] * self.parameter_scale)

    def find_residual(self, x: Floats) -> tuple[Floats, float, Complexes]:
        """Mismatch of every equation, the largest, and the power out of each position [p.u.]."""
        vm, va, imbalance, parameter = self.split(x)
        n, move = len(vm), parameter * self.direction[self.plan.node]
        equations = self.equations._replace(p=self.equations.p + move.real, q=self.equations.q + move.imag)
        generated, slope, calculated, mismatch = np.empty(n), np.empty(n), np.empty(2 * n), np.empty(2 * n)
        sum_units(equations, imbalance, generated, slope)
        e, f = vm * np.cos(va), vm * np.sin(va)
        worst = find_mismatch(self.plan.elimination, equations, e, f, generated, calculated, mismatch)
        return mismatch, worst, calculated.view(np.complex128)

    def factorize(self, x: Floats, held: int) -> Callable[[Floats], Floats] | None:
        """Factorize the Jacobian, bordered by λ and by the row that holds one unknown; None if singular."""
        vm, va, imbalance, _ = self.split(x)
        n = len(vm)
        generated, slope = np.empty(n), np.empty(n)
        sum_units(self.equations, imbalance, generated, slope)
        voltage = vm * np.exp(1j * va)
        inner = build_jacobian(self.plan.elimination, self.equations, voltage, slope).tocoo()
        moved = np.flatnonzero(self.border)
        rows = np.concatenate([inner.coords[0], moved, [2 * n]])
        columns = np.concatenate([inner.coords[1], np.full(len(moved), 2 * n), [held]])
        values = np.concatenate([inner.data, -self.border[moved], [1.0]])
        values[:-1] *= self.column_scale[columns[:-1]]
        matrix = csc_array(coo_array((values, (rows, columns)), shape=(2 * n + 1, 2 * n + 1)))
        try:
            solve: Callable[[Floats], Floats] = splu(matrix).solve
        except RuntimeError:  # SuperLU: "Factor is exactly singular"
            return None
        return solve

    def correct(self, x: Floats, held: int) -> Point | None:
        """Bring a predicted point to the curve by Newton's method, one unknown held; None if that fails."""
        first = x
        for _ in range(CORRECTIONS + 1):
            mismatch, worst, power = self.find_residual(x)
            if worst <= self.setting.options.tolerance:
                return Point(x, power)
            solve = self.factorize(x, held) if np.isfinite(worst) else None
            if solve is None:
                return None
            x = x + solve(np.append(mismatch, 0.0))
            if not np.abs(x - first).max() <= LARGEST_CORRECTION:
                return None
        return None

    def find_tangent(self, point: Point, held: int) -> Floats | None:
        """Direction of the curve, its largest entry 1 in size and the sign open; None where it has none."""
        solve = self.factorize(point.x, held)
        if solve is None:
            return None
        right = np.zeros(len(point.x))
        right[-1] = 1.0
        tangent = solve(right)
        size = float(np.abs(tangent).max())
        return tangent / size if np.isfinite(size) else None

    def evaluate(self, x: Floats) -> Point:
        """Give the powers of a state near the curve."""
        return Point(x, self.find_residual(x)[2])

    def find_reactive(self, point: Point) -> Floats:
        """Reactive power that each node's regulating units produce together, (n_node,) [p.u.]."""
        _, _, _, parameter = self.split(point.x)
        produced = point.power.imag[self.plan.position]
        return np.asarray(produced - self.setting.fixed.imag - parameter * self.direction.imag)

    def measure_limits(self, point: Point) -> Floats:
        """How far each node is past the limit of its role, (n_node,) [p.u.]; -inf where none counts.

        A node that holds its voltage: reactive power past its range; one at a reactive limit: voltage past
        the set-point, on the side where its units could leave the limit.
        """
        position, regulation = self.plan.position, self.setting.regulation
        if not self.setting.options.reactive_limits:
            return np.full(len(position), -np.inf)
        vm, _, _, _ = self.split(point.x)
        produced = self.find_reactive(point)
        held = ~np.isnan(regulation.set_point) & (self.at_limit == 0)
        beyond = np.maximum(produced - regulation.high, regulation.low - produced)
        rise = (vm[position] - regulation.set_point) * self.at_limit
        return np.where(held, beyond, np.where(self.at_limit != 0, rise, -np.inf))

    def measure_generation(self, point: Point) -> float:
        """How far an island's imbalance is past what all its units can follow [p.u.]; negative: not yet."""
        slack, islands = self.setting.slack, self.setting.islands
        willing = (slack.island >= 0) & (slack.share > 0)
        island, share = slack.island[willing], slack.share[willing]
        highest, lowest = np.full(islands.count, -np.inf), np.full(islands.count, np.inf)
        np.maximum.at(highest, island, (slack.high - slack.scheduled)[willing] / share)
        np.minimum.at(lowest, island, (slack.low - slack.scheduled)[willing] / share)
        moving = np.flatnonzero((islands.reference >= 0) & slack.shared)
        moved = np.bincount(islands.island, np.abs(self.direction), islands.count)
        moving = moving[moved[moving] > 0]
        _, _, imbalance, _ = self.split(point.x)
        now = imbalance[self.plan.position[islands.reference[moving]]]
        return float(np.maximum(now - highest[moving], lowest[moving] - now).max(initial=-np.inf))
