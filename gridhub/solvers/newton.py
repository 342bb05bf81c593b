r"""Newton's method in polar form on a static order.

Unknowns per node are :math:`(\theta, \ln|V|)`; with :math:`T_{ij} = V_i \overline{Y_{ij} V_j}`,

.. math:: \partial S_i/\partial\theta_j = -jT_{ij} + [i=j]\,jS_i, \qquad
          \partial S_i/\partial\ln|V_j| = T_{ij} + [i=j]\,S_i .

Every node keeps both rows whatever it holds fixed: a row of an unknown that is fixed becomes a row of the
identity. So the pattern, and the order of elimination on it, are found once per case (Tinney and Hart, 1967,
https://doi.org/10.1109/TPAS.1967.291823) and serve every outage and every switch from PV to PQ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import SuperLU, splu

from gridhub.case.case import Bools, Case, Complexes, Floats, Ints
from gridhub.case.matrices import compute_shunts
from gridhub.solvers.islands import Islands
from gridhub.solvers.slack import SlackPlan, sum_generation

PIVOT_THRESHOLD = 1e-3
"""A diagonal pivot stays unless it is this much smaller than the largest of its column."""

LARGEST_STEP = (0.5, 0.2)
"""Largest change of angle [rad] and of ln|V| in one limited step of the rescue."""


@dataclass(frozen=True, slots=True, eq=False)
class NewtonPlan:
    """What depends on the pattern of a case only.

    Attributes
    ----------
    rows, columns : (nnz,) int
        Pattern of the admittance matrix, diagonal included.
    diagonal : (n_node,) int
        Position of each diagonal entry.
    branches : (k,) int
        Branches with two live ends and impedance.
    entries : (4, k) int
        Positions of their ff, ft, tf, tt entries.
    jacobian_source : (4 nnz,) int
        Where each entry of the permuted Jacobian's data comes from in the stacked blocks.
    indices, indptr : int
        Pattern of the permuted Jacobian, compressed columns.
    theta, log_v : (n_node,) int
        Position of each node's unknowns in the permuted system.
    """

    rows: Ints
    columns: Ints
    diagonal: Ints
    branches: Ints
    entries: Ints
    jacobian_source: Ints
    indices: Ints
    indptr: Ints
    theta: Ints
    log_v: Ints

    def fill_admittance(self, case: Case) -> Complexes:
        """Compute the entries of the admittance matrix of `case` on the pattern, (nnz,) [p.u.]."""
        on = case.branch_on[self.branches]
        four = np.stack([y[self.branches] for y in (case.y_ff, case.y_ft, case.y_tf, case.y_tt)])
        values = np.where(on, four, 0.0).ravel()
        where, size = self.entries.ravel(), len(self.rows)
        filled = np.bincount(where, values.real, size) + 1j * np.bincount(where, values.imag, size)
        filled[self.diagonal] += compute_shunts(case)
        return filled


def find_static_order(n_node: int, rows: Ints, columns: Ints) -> Ints:
    """Order the nodes by minimum degree on the pattern (rows, columns).

    Returns
    -------
    (n_node,) int
        Position of each node in the elimination.
    """
    weights = np.where(rows == columns, float(n_node + 1), -1.0)
    matrix = csc_array(coo_array((weights, (rows, columns)), shape=(n_node, n_node)))
    factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return np.asarray(factor.perm_c, dtype=np.int64)


def plan_newton(case: Case) -> NewtonPlan:
    """Find pattern, order and position maps of a case; every outage of it can share them."""
    n = case.n_node
    able = (case.branch_from >= 0) & (case.branch_to >= 0) & ((case.r != 0) | (case.x != 0))
    branches = np.flatnonzero(able)
    f, t = case.branch_from[branches], case.branch_to[branches]
    diagonal = np.arange(n)
    keys = np.concatenate([f * n + f, f * n + t, t * n + f, t * n + t, diagonal * (n + 1)])
    unique, position = np.unique(keys, return_inverse=True)
    rows, columns = unique // n, unique % n
    order = find_static_order(n, rows, columns)
    theta, log_v = 2 * order, 2 * order + 1
    nnz = len(unique)
    block_rows = np.concatenate([theta[rows], theta[rows], log_v[rows], log_v[rows]])
    block_columns = np.concatenate([theta[columns], log_v[columns], theta[columns], log_v[columns]])
    source = np.lexsort((block_rows, block_columns))
    counts = np.bincount(block_columns, minlength=2 * n)
    return NewtonPlan(
        rows=rows,
        columns=columns,
        diagonal=position[4 * len(branches) :],
        branches=branches,
        entries=position[: 4 * len(branches)].reshape(4, -1),
        jacobian_source=source[: 4 * nnz],
        indices=block_rows[source].astype(np.int32),
        indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        theta=theta,
        log_v=log_v,
    )


@dataclass(frozen=True, slots=True, eq=False)
class NewtonProblem:
    """One set of equations.

    Attributes
    ----------
    admittance : (nnz,) complex
        Entries on the plan's pattern [p.u.].
    islands : Islands
    slack : SlackPlan
    fixed : (n_node,) complex
        Injection other than the generators' active power [p.u.]; its imaginary part holds the reactive
        power of every unit whose node is not held.
    angle_held, voltage_held : (n_node,) bool
        Unknowns that keep their starting value. Dead nodes hold both.
    """

    admittance: Complexes
    islands: Islands
    slack: SlackPlan
    fixed: Complexes
    angle_held: Bools
    voltage_held: Bools


@dataclass(frozen=True, slots=True, eq=False)
class NewtonState:
    """Iterate of Newton's method.

    Attributes
    ----------
    vm, va : (n_node,) float
        Voltage [p.u., rad]; 1 and 0 at dead nodes.
    imbalance : (n_island,) float
        Imbalance shared by each island's units [p.u.].
    injection : (n_node,) complex
        Power flowing from the nodes into branches and shunts [p.u.].
    mismatch : float
        Largest mismatch [p.u.].
    iterations : int
    outcome : {"converged", "not converged", "singular", "no generation left"}
    """

    vm: Floats
    va: Floats
    imbalance: Floats
    injection: Complexes
    mismatch: float
    iterations: int
    outcome: str


def _compute_terms(
    plan: NewtonPlan, problem: NewtonProblem, voltage: Complexes
) -> tuple[Complexes, Complexes]:
    """T = V_i conj(Y_ij V_j) on the pattern, and its row sums, the nodal injections."""
    terms = voltage[plan.rows] * np.conj(problem.admittance * voltage[plan.columns])
    n = len(voltage)
    injection = np.bincount(plan.rows, terms.real, n) + 1j * np.bincount(plan.rows, terms.imag, n)
    return terms, injection


def _factorize(
    plan: NewtonPlan, problem: NewtonProblem, terms: Complexes, injection: Complexes
) -> tuple[SuperLU, Floats, Floats]:
    """Factorize the Jacobian; also give the unmasked active rows, which the slack equations need."""
    by_theta, by_log_v = -1j * terms, terms.copy()
    by_theta[plan.diagonal] += 1j * injection
    by_log_v[plan.diagonal] += injection
    p_theta, p_log_v = by_theta.real, by_log_v.real
    held_p, held_q = problem.angle_held[plan.rows], problem.voltage_held[plan.rows]
    blocks = np.stack([p_theta, p_log_v, by_theta.imag, by_log_v.imag])
    blocks[:2, held_p] = 0.0
    blocks[2:, held_q] = 0.0
    blocks[0, plan.diagonal[problem.angle_held]] = 1.0
    blocks[3, plan.diagonal[problem.voltage_held]] = 1.0
    size = len(plan.indptr) - 1
    matrix = csc_array((blocks.ravel()[plan.jacobian_source], plan.indices, plan.indptr), shape=(size, size))
    factor = splu(
        matrix, permc_spec="NATURAL", diag_pivot_thresh=PIVOT_THRESHOLD, options={"SymmetricMode": True}
    )
    return factor, p_theta, p_log_v


def _solve_step(
    plan: NewtonPlan,
    problem: NewtonProblem,
    terms: Complexes,
    injection: Complexes,
    residual: Complexes,
    slope: Floats,
) -> tuple[Floats, Floats, Floats]:
    """One Newton step: angles, ln|V| and the imbalance of each island (a bordered system).

    The column of the imbalances and the active row of each reference stay outside the factor:
    J dx0 = -F, J dx1 = slope, then ds from the reference's own row.
    """
    factor, p_theta, p_log_v = _factorize(plan, problem, terms, injection)
    n, islands = len(residual), problem.islands
    right = np.zeros((2 * n, 2))
    right[plan.theta, 0] = np.where(problem.angle_held, 0.0, -residual.real)
    right[plan.log_v, 0] = np.where(problem.voltage_held, 0.0, -residual.imag)
    right[plan.theta, 1] = np.where(problem.angle_held, 0.0, slope)
    solved = factor.solve(right)
    theta, log_v = solved[plan.theta], solved[plan.log_v]
    shared = (islands.reference >= 0) & problem.slack.shared
    reference = islands.reference[shared]
    row = p_theta[:, None] * theta[plan.columns] + p_log_v[:, None] * log_v[plan.columns]
    at_reference = np.stack([np.bincount(plan.rows, row[:, k], n)[reference] for k in range(2)])
    denominator = at_reference[1] - slope[reference]
    if (np.abs(denominator) < 1e-12).any():
        raise ArithmeticError("no generation left to balance an island")
    step = np.zeros(islands.count)
    step[shared] = -(residual.real[reference] + at_reference[0]) / denominator
    along = step[islands.island]
    return theta[:, 0] + along * theta[:, 1], log_v[:, 0] + along * log_v[:, 1], step


def solve_newton(
    plan: NewtonPlan,
    case: Case,
    problem: NewtonProblem,
    start: tuple[Floats, Floats, Floats],
    tolerance: float,
    max_iterations: int,
    limited: bool = False,
) -> NewtonState:
    """Solve the power-flow equations by Newton's method.

    Parameters
    ----------
    plan : NewtonPlan
    case : Case
        The case of `problem`, for the places of its generators.
    problem : NewtonProblem
    start : (vm, va, imbalance)
        First guess; held unknowns keep it.
    tolerance : float
        Largest mismatch [p.u.].
    max_iterations : int
    limited : bool
        Limit every step to `LARGEST_STEP`, for starts far from the solution.

    Returns
    -------
    NewtonState
        Never raises for want of convergence: see ``outcome``.
    """
    vm, va, imbalance = (array.copy() for array in start)
    live = problem.islands.live
    reference = problem.islands.reference[(problem.islands.reference >= 0) & problem.slack.shared]
    counted_p = live & ~problem.angle_held
    counted_p[reference] = True
    counted_q = live & ~problem.voltage_held
    outcome, mismatch, iteration = "not converged", np.inf, 0
    injection = np.zeros(case.n_node, dtype=complex)
    for iteration in range(max_iterations + 1):
        voltage = vm * np.exp(1j * va)
        terms, injection = _compute_terms(plan, problem, voltage)
        p, free = problem.slack.dispatch(imbalance)
        residual = injection - problem.fixed - sum_generation(case, p)
        residual = np.where(counted_p, residual.real, 0.0) + 1j * np.where(counted_q, residual.imag, 0.0)
        mismatch = float(max(np.abs(residual.real).max(initial=0.0), np.abs(residual.imag).max(initial=0.0)))
        if not np.isfinite(mismatch) or mismatch <= tolerance or iteration == max_iterations:
            outcome = "converged" if mismatch <= tolerance else "not converged"
            break
        slope = sum_generation(case, np.where(free, problem.slack.share, 0.0))
        try:
            d_theta, d_log_v, d_imbalance = _solve_step(plan, problem, terms, injection, residual, slope)
        except RuntimeError:  # SuperLU: "Factor is exactly singular"
            outcome = "singular"
            break
        except ArithmeticError:
            outcome = "no generation left"
            break
        scale = 1.0
        if limited:
            sizes = np.abs(d_theta).max() / LARGEST_STEP[0], np.abs(d_log_v).max() / LARGEST_STEP[1]
            scale = 1.0 / max(1.0, *sizes)
        va = va + scale * d_theta
        # first-order in |V|, as Newton on |V|: exp() would run away on a large step
        vm = vm * np.maximum(1.0 + scale * d_log_v, 0.1)
        imbalance = imbalance + scale * d_imbalance
    return NewtonState(vm, va, imbalance, injection, mismatch, iteration, outcome)
