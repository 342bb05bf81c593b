"""Newton's method with a factorization that chooses its pivots: for what a static order cannot factor."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu

from gridhub.case.case import Floats
from gridhub.kernels.elimination import Elimination
from gridhub.kernels.newton import (
    CONVERGED,
    NOT_CONVERGED,
    PATIENCE,
    SINGULAR,
    STALLED,
    Equations,
    find_mismatch,
    sum_units,
)


def build_jacobian(
    elimination: Elimination, equations: Equations, voltage: Floats, slope: Floats
) -> csc_array:
    """Build the Jacobian: unknowns angle and ln|V| by turns, the imbalance in the place of a root's angle.

    Parameters
    ----------
    voltage : (n,) complex
        [p.u.].
    slope : (n,) float
        Change of each node's generation by the imbalance of its island.
    """
    n = len(voltage)
    rows = np.repeat(np.arange(n), np.diff(elimination.y_start))
    columns = elimination.y_column
    y = equations.y.view(np.complex128)
    terms = voltage[rows] * np.conj(y * voltage[columns])
    power = np.bincount(rows, terms.real, n) + 1j * np.bincount(rows, terms.imag, n)
    own = rows == columns
    by_angle, by_log_v = -1j * terms, terms.copy()
    by_angle[own] += 1j * power[rows[own]]
    by_log_v[own] += power[rows[own]]
    nodes, root = np.arange(n), equations.root
    is_root = root == nodes
    p_held, q_held = equations.angle_held & ~is_root, equations.voltage_held
    by_angle[is_root[columns]] = 0.0
    keep_p, keep_q = ~p_held[rows], ~q_held[rows]
    alive = np.flatnonzero(root >= 0)
    parts = [
        (2 * rows[keep_p], 2 * columns[keep_p], by_angle.real[keep_p]),
        (2 * rows[keep_p], 2 * columns[keep_p] + 1, by_log_v.real[keep_p]),
        (2 * rows[keep_q] + 1, 2 * columns[keep_q], by_angle.imag[keep_q]),
        (2 * rows[keep_q] + 1, 2 * columns[keep_q] + 1, by_log_v.imag[keep_q]),
        (2 * nodes[p_held], 2 * nodes[p_held], np.ones(p_held.sum())),
        (2 * nodes[q_held] + 1, 2 * nodes[q_held] + 1, np.ones(q_held.sum())),
        (2 * alive, 2 * root[alive], np.where(p_held[alive], 0.0, -slope[alive])),
    ]
    row, column, value = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return csc_array(coo_array((value, (row, column)), shape=(2 * n, 2 * n)))


def iterate_with_pivoting(
    elimination: Elimination,
    equations: Equations,
    vm: Floats,
    va: Floats,
    imbalance: Floats,
    calculated: Floats,
    tolerance: float,
    max_iterations: int,
    largest_angle: float,
    largest_log_v: float,
) -> tuple[int, int, float]:
    """Iterate as `gridhub.kernels.newton.iterate_newton` does, with pivots chosen by size."""
    n = len(vm)
    is_root = equations.root == np.arange(n)
    generated, slope, step = np.empty(n), np.empty(n), np.empty(2 * n)
    lowest, lowest_at = np.inf, 0
    for iteration in range(max_iterations + 1):
        voltage = vm * np.exp(1j * va)
        sum_units(equations, imbalance, generated, slope)
        e, f = voltage.real.copy(), voltage.imag.copy()
        worst = find_mismatch(elimination, equations, e, f, generated, calculated, step)
        if worst <= tolerance:
            return CONVERGED, iteration, worst
        if iteration == max_iterations or not np.isfinite(worst):
            break
        if worst < lowest:
            lowest, lowest_at = worst, iteration
        elif iteration - lowest_at >= PATIENCE:
            return STALLED, iteration, worst
        try:
            step = splu(build_jacobian(elimination, equations, voltage, slope)).solve(step)
        except RuntimeError:  # SuperLU: "Factor is exactly singular"
            return SINGULAR, iteration, worst
        angle, log_v = np.where(is_root, 0.0, step[::2]), step[1::2]
        scale = 1.0 / max(1.0, np.abs(angle).max() / largest_angle, np.abs(log_v).max() / largest_log_v)
        imbalance += np.where(is_root, scale * step[::2], 0.0)
        va += scale * angle
        vm *= np.maximum(1.0 + scale * log_v, 0.1)
    return NOT_CONVERGED, iteration, worst
