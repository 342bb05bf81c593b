"""Newton's method on a stored pattern, compiled: the factor is recomputed in every iteration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridhub.kernels.elimination import Elimination, Ints
from gridhub.kernels.factor import Flags, Floats, factorize, fill_jacobian, solve_factor
from gridhub.kernels.jit import compiled, compiled_in_place

CONVERGED, NOT_CONVERGED, SINGULAR, NO_GENERATION, STALLED = range(5)
"""How the iteration ended."""

PATIENCE = 10
"""Iterations in which the largest mismatch may stay above its lowest so far before a start is given up."""


class Equations(NamedTuple):
    """Power-flow equations of one state; nodes in elimination order.

    Attributes
    ----------
    y : (2 nnz,) float
        Admittance on the pattern, real and imaginary parts in turn [p.u.].
    p, q : (n,) float
        Injection other than the units' active power [p.u.].
    angle_held, voltage_held : (n,) bool
        Unknowns that keep their starting value; dead nodes hold both.
    root : (n,) int
        Reference of the node's island; -1 in a dead one.
    unit_node : (k,) int
        Node of each unit that generates.
    scheduled, share, low, high : (k,) float
        A unit gives clip(scheduled + share * imbalance of its island, low, high) [p.u.].
    """

    y: Floats
    p: Floats
    q: Floats
    angle_held: Flags
    voltage_held: Flags
    root: Ints
    unit_node: Ints
    scheduled: Floats
    share: Floats
    low: Floats
    high: Floats


@compiled_in_place
def sum_units(equations: Equations, imbalance: Floats, generated: Floats, slope: Floats) -> None:
    """Sum up the units' power, and its slope by the imbalance that stands at the roots, at each node."""
    generated[:] = 0.0
    slope[:] = 0.0
    for k in range(len(equations.unit_node)):
        i = equations.unit_node[k]
        share, low, high = equations.share[k], equations.low[k], equations.high[k]
        asked = equations.scheduled[k] + share * imbalance[equations.root[i]]
        generated[i] += min(max(asked, low), high)
        if share > 0.0 and low < high and low <= asked <= high:
            slope[i] += share


@compiled_in_place
def find_mismatch(
    elimination: Elimination,
    equations: Equations,
    e: Floats,
    f: Floats,
    generated: Floats,
    calculated: Floats,
    mismatch: Floats,
) -> float:
    """Compute the nodal powers at e + jf and the mismatch of every equation; return the largest."""
    worst = 0.0
    y = equations.y
    for i in range(len(e)):
        c_r, c_i = 0.0, 0.0
        for p in range(elimination.y_start[i], elimination.y_start[i + 1]):
            j = elimination.y_column[p]
            c_r += y[2 * p] * e[j] - y[2 * p + 1] * f[j]
            c_i += y[2 * p] * f[j] + y[2 * p + 1] * e[j]
        calculated[2 * i] = e[i] * c_r + f[i] * c_i
        calculated[2 * i + 1] = f[i] * c_r - e[i] * c_i
        root = equations.root[i]
        counts_p = root >= 0 and (root == i or not equations.angle_held[i])
        counts_q = root >= 0 and not equations.voltage_held[i]
        mismatch[2 * i] = equations.p[i] + generated[i] - calculated[2 * i] if counts_p else 0.0
        mismatch[2 * i + 1] = equations.q[i] - calculated[2 * i + 1] if counts_q else 0.0
        for size in (abs(mismatch[2 * i]), abs(mismatch[2 * i + 1])):
            # a NaN is larger than any number, and stays
            if worst == worst and not size <= worst:
                worst = size
    return worst


@compiled
def iterate_newton(
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
    """Iterate from vm, va, imbalance, which are changed in place.

    Parameters
    ----------
    vm, va : (n,) float
        [p.u., rad].
    imbalance : (n,) float
        At the root of each island [p.u.].
    calculated : (2 n,) float
        Filled with active and reactive power flowing out of each node [p.u.].
    tolerance, max_iterations : float, int
    largest_angle, largest_log_v : float
        A step is shortened to these [rad, 1]; infinite: never.

    Returns
    -------
    outcome, iterations, mismatch
    """
    n = len(vm)
    blocks, column = np.empty(4 * len(elimination.column)), np.empty(2 * n)
    e, f, step = np.empty(n), np.empty(n), np.empty(2 * n)
    generated, slope, exact = np.empty(n), np.empty(n), np.zeros(n)
    lowest, lowest_at = np.inf, 0
    for iteration in range(max_iterations + 1):
        for i in range(n):
            e[i], f[i] = vm[i] * np.cos(va[i]), vm[i] * np.sin(va[i])
        sum_units(equations, imbalance, generated, slope)
        worst = find_mismatch(elimination, equations, e, f, generated, calculated, step)
        if worst <= tolerance:
            return CONVERGED, iteration, worst
        if iteration == max_iterations or not np.isfinite(worst):
            return NOT_CONVERGED, iteration, worst
        if worst < lowest:
            lowest, lowest_at = worst, iteration
        elif iteration - lowest_at >= PATIENCE:
            return STALLED, iteration, worst
        fill_jacobian(
            elimination, equations.y, e, f, equations.angle_held, equations.voltage_held, exact,
            equations.root, blocks,
        )  # fmt: skip
        for i in range(n):
            column[2 * i], column[2 * i + 1] = -slope[i], 0.0
        singular = factorize(elimination, equations.root, blocks, column)
        if singular >= 0:
            left = 0.0
            for i in range(n):
                left += slope[i] if equations.root[i] == equations.root[singular] else 0.0
            return NO_GENERATION if left == 0.0 else SINGULAR, iteration, worst
        solve_factor(elimination, equations.root, blocks, column, step)
        scale = 1.0
        for i in range(n):
            angle = 0.0 if equations.root[i] == i else abs(step[2 * i])
            scale = min(scale, 1.0 / max(1.0, angle / largest_angle, abs(step[2 * i + 1]) / largest_log_v))
        for i in range(n):
            if equations.root[i] == i:
                imbalance[i] += scale * step[2 * i]
            else:
                va[i] += scale * step[2 * i]
            # first-order in |V|, as Newton on |V|: an exponential would run away on a large step
            vm[i] *= max(1.0 + scale * step[2 * i + 1], 0.1)
    return NOT_CONVERGED, max_iterations, worst
