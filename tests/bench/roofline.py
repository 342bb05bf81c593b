"""How far a batch is from what the machine can do: operations and bytes by formula, peaks by measurement.

The formulas count what the method needs, not what a program happens to do: so the share of the peak falls
when a kernel does more than it has to. The method is chord Newton in lanes, with the mismatch in fp64 and the
factor, in 2 x 2 blocks, in fp32.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numba
import numpy as np

from gridhub.case.case import Floats
from gridhub.solvers.newton import NewtonPlan

LANES = 16
"""Scenarios that share one reading of the grid's own arrays."""


@dataclass(frozen=True)
class Machine:
    """Peaks of one core [operations/s] and the bandwidth of one core to memory [bytes/s]."""

    fp64: float
    fp32: float
    bandwidth: float


@dataclass(frozen=True)
class Work:
    """What one scenario needs by the formulas.

    Attributes
    ----------
    fp64, fp32 : float
        Operations per iteration.
    flow : float
        Operations once per scenario: power at both ends of every branch and its loading, fp64.
    shared : float
        Bytes of the grid's own arrays per iteration, divided by the lanes that share them.
    own : float
        Bytes of a scenario's own arrays per iteration: voltages read twice and written once, step twice each.
    """

    fp64: float
    fp32: float
    flow: float
    shared: float
    own: float


def count_work(plan: NewtonPlan, n_branch: int) -> Work:
    """Count operations and bytes from the pattern.

    Notes
    -----
    Forward sweep: 8 fp64 operations per entry of Y (complex product and sum), 12 per node for the power and
    the mismatch; 8 fp32 per 2 x 2 block of L. Backward: 8 fp32 per block of U and per node, 16 fp64 per node
    for the voltage. Flows: 2 ends x (16 for the current, 6 for the power, 4 for the loading) per branch.
    """
    n = len(plan.node)
    entries = len(plan.elimination.y_column)
    blocks = (len(plan.elimination.column) - n) // 2
    shared = entries * (16 + 4) + (2 * blocks + n) * (16 + 4) + n * 24
    return Work(
        fp64=8.0 * entries + 28.0 * n,
        fp32=16.0 * blocks + 8.0 * n,
        flow=52.0 * n_branch,
        shared=shared / LANES,
        own=n * (3 * 16.0 + 4 * 8.0),
    )


@numba.njit(fastmath={"contract", "nsz"}, error_model="numpy")
def _multiply(x, a, b, times):  # type: ignore[no-untyped-def]
    """Short chains of fused multiply-adds, independent of each other: enough in flight to hide latency."""
    half = x.shape[0] // 2
    for _ in range(times):
        for j in range(half):
            u, v = x[j], x[j + half]
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            u, v = u * a + b, v * a + b
            x[j], x[j + half] = u, v


@numba.njit(fastmath=True, error_model="numpy")
def _add(x, y, z, a):  # type: ignore[no-untyped-def]
    for j in range(x.shape[0]):
        x[j] = y[j] + a * z[j]


def _time_best(call: object, repeat: int) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        best = min(best, time.perf_counter() - start)
    return best


def measure_machine() -> Machine:
    """Measure one core: fused multiply-adds in registers, and y + a z on arrays far beyond the caches."""
    peaks = []
    for dtype in (np.float64, np.float32):
        x, a, b = np.ones(1024, dtype), dtype(0.5), dtype(0.5)
        _multiply(x, a, b, 1)
        seconds = _time_best(lambda x=x, a=a, b=b: _multiply(x, a, b, 3000), 9)
        peaks.append(3000 * 1024 * 8 * 2 / seconds)
    size = 12_000_000
    x, y, z = (np.ones(size) for _ in range(3))
    _add(x, y, z, 0.5)
    seconds = _time_best(lambda: _add(x, y, z, 0.5), 5)
    return Machine(peaks[0], peaks[1], 3 * 8 * size / seconds)


def describe_share(
    work: Work, iterations: Floats, seconds: float, machine: Machine, threads: int, flows: bool = True
) -> str:
    """Say what share of the core's peak and of its bandwidth a batch reached.

    Parameters
    ----------
    iterations : (k,) float
        Of each scenario.
    seconds : float
        Of the whole batch.

    Notes
    -----
    The last look at the mismatch, with which a scenario is found solved, counts as half an iteration.
    """
    rounds = float(np.sum(iterations + 0.5))
    fp64, fp32 = work.fp64 * rounds + (work.flow * len(iterations) if flows else 0.0), work.fp32 * rounds
    ideal = fp64 / machine.fp64 + fp32 / machine.fp32
    moved = (work.shared + work.own) * rounds
    return (
        f"needs {np.mean(iterations):.2f} iterations, {(fp64 + fp32) / len(iterations) / 1e3:,.0f} kflop, "
        f"{moved / len(iterations) / 1e3:,.0f} kB each: "
        f"{(fp64 + fp32) / seconds / threads / 1e9:.1f} Gflop/s a core = "
        f"{100 * ideal / seconds / threads:.0f} % of its peak, {moved / seconds / threads / 1e9:.2f} GB/s = "
        f"{100 * moved / seconds / threads / machine.bandwidth:.0f} % of its memory bandwidth"
    )
