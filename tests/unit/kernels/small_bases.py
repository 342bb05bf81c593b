"""Solved states of small networks in elimination order, and dense matrices to compare kernels with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gridhub.case.case import Case, Outage
from gridhub.kernels.elimination import Elimination
from gridhub.kernels.newton import Equations
from gridhub.kernels.records import Base, Scenarios
from gridhub.solvers.ac import Setting, prepare_setting, solve_setting, write_problem
from gridhub.solvers.base import build_base
from gridhub.solvers.differences import find_differences
from gridhub.solvers.newton import plan_newton, write_equations
from gridhub.solvers.options import read_options
from gridhub.solvers.solution import Solution
from tests.small_cases import compile_network
from tests.small_networks import make_meshed

WIDTH = 8
"""Lanes of the tests: those the engine is compiled for."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Small:
    """A solved case as the kernels are given it."""

    case: Case
    setting: Setting
    solution: Solution
    equations: Equations
    base: Base

    @property
    def elimination(self) -> Elimination:
        """Pattern and maps."""
        return self.setting.plan.elimination

    @property
    def voltage(self) -> npt.NDArray[np.complex128]:
        """Voltage at each position."""
        return self.base.state.e + 1j * self.base.state.f

    def find_scenarios(self, outages: Sequence[Outage]) -> Scenarios:
        """Outages as the kernels take them."""
        return find_differences(self.setting, self.base, outages).scenarios


def make_small(seed: int, n_bus: int = 12, extra: int = 8, slack: bool = True, limits: bool = True) -> Small:
    """Solve a random meshed network and bring it into elimination order."""
    case = compile_network(make_meshed(seed, n_bus, extra))
    options = read_options({"distributed_slack": slack, "reactive_limits": limits, "threads": 1})
    setting = prepare_setting(case, plan_newton(case), options)
    solution = solve_setting(setting)
    assert solution.status.is_solved
    base = build_base(setting, solution, WIDTH)
    assert base is not None
    return Small(
        case,
        setting,
        solution,
        write_equations(setting.plan, write_problem(setting, solution.at_limit)),
        base,
    )


def make_dense_admittance(case: Case, position: npt.NDArray[np.int64]) -> npt.NDArray[np.complex128]:
    """Admittance matrix in elimination order, branch by branch."""
    y = np.zeros((case.n_node, case.n_node), complex)
    for k in np.flatnonzero(case.branch_on):
        f, t = position[case.branch_from[k]], position[case.branch_to[k]]
        y[f, f] += case.y_ff[k]
        y[f, t] += case.y_ft[k]
        y[t, f] += case.y_tf[k]
        y[t, t] += case.y_tt[k]
    for k in np.flatnonzero(case.shunt_on):
        i = position[case.bus_node[case.shunt_bus[k]]]
        y[i, i] += case.shunt_g[k] + 1j * case.shunt_b[k]
    return y


def make_dense_jacobian(
    y: npt.NDArray[np.complex128],
    voltage: npt.NDArray[np.complex128],
    equations: Equations,
    slope: Array,
    stiffness: Array | None = None,
) -> Array:
    """Jacobian of calculated minus given power; angle and ln|V| by turns, imbalances at the roots' angles."""
    n = len(voltage)
    terms = voltage[:, None] * np.conj(y * voltage)
    power = np.diag(terms.sum(axis=1))
    jacobian = np.empty((2 * n, 2 * n))
    for c, part in enumerate((1j * (power - terms), power + terms)):
        jacobian[0::2, c::2], jacobian[1::2, c::2] = part.real, part.imag
    for i, root in enumerate(equations.root):
        if root == i:
            jacobian[:, 2 * i] = 0.0
    for i, root in enumerate(equations.root):
        if equations.angle_held[i] and root != i:
            jacobian[2 * i] = np.eye(2 * n)[2 * i]
        elif root >= 0:
            jacobian[2 * i, 2 * root] -= slope[i]
        if equations.voltage_held[i]:
            if stiffness is not None and stiffness[i] > 0.0:
                jacobian[2 * i + 1, 2 * i + 1] += stiffness[i]
            else:
                jacobian[2 * i + 1] = np.eye(2 * n)[2 * i + 1]
    return jacobian


def unfold(
    start: npt.NDArray[np.int64], column: npt.NDArray[np.int64], blocks: npt.NDArray[np.floating]
) -> Array:
    """Dense matrix of 2 x 2 blocks."""
    n = len(start) - 1
    dense = np.zeros((n, 2, n, 2))
    for i in range(n):
        for p in range(start[i], start[i + 1]):
            dense[i, :, column[p], :] = blocks[4 * p : 4 * p + 4].reshape(2, 2)
    return dense.reshape(2 * n, 2 * n)


def split_factor(
    elimination: Elimination, root: npt.NDArray[np.int64], blocks: Array, border: Array
) -> tuple[Array, Array]:
    """Dense L and U of a factor, its pivots turned back and its border in place."""
    n = len(root)
    whole = unfold(elimination.start, elimination.column, blocks).reshape(n, 2, n, 2)
    lower, upper = np.eye(2 * n).reshape(n, 2, n, 2), np.zeros((n, 2, n, 2))
    for i in range(n):
        lower[i, :, :i], upper[i, :, i + 1 :] = whole[i, :, :i], whole[i, :, i + 1 :]
        upper[i, :, i] = np.linalg.inv(whole[i, :, i])
        if root[i] >= 0 and root[i] != i:
            upper[i, :, root[i], 0] += border[2 * i : 2 * i + 2]
    return lower.reshape(2 * n, 2 * n), upper.reshape(2 * n, 2 * n)


def spread_lanes(voltages: npt.NDArray[np.complex128]) -> Array:
    """(WIDTH, n) voltages as lanes: real and imaginary part of each node in turn."""
    parts = np.stack([voltages.real.T, voltages.imag.T], axis=1)
    return np.ascontiguousarray(parts).reshape(-1)
