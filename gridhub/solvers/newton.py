r"""Newton's method in polar form on a static order of elimination.

Unknowns per node are :math:`(\theta, \ln|V|)`. Every node keeps both rows whatever it holds fixed: a row of
an unknown that is fixed becomes a row of the identity. So the pattern, and the order of elimination on it,
are found once per case (Tinney and Hart, 1967, https://doi.org/10.1109/TPAS.1967.291823) and serve every
outage and every switch from PV to PQ. The imbalance that an island's units share stands in the place of the
angle of its reference, which is eliminated last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu

from gridhub.case.case import Bools, Case, Complexes, Floats, Ints
from gridhub.case.matrices import compute_shunts
from gridhub.kernels.elimination import Elimination, eliminate, find_postorder, find_tree
from gridhub.kernels.newton import (
    CONVERGED,
    NO_GENERATION,
    PATIENCE,
    SINGULAR,
    STALLED,
    Equations,
    iterate_newton,
)
from gridhub.solvers.islands import Islands, find_islands
from gridhub.solvers.pivoting import iterate_with_pivoting
from gridhub.solvers.slack import SlackPlan
from gridhub.solvers.status import NO_GENERATION_LEFT

LARGEST_STEP = (0.5, 0.2)
"""Largest change of angle [rad] and of ln|V| in one limited step of the rescue."""

_OUTCOMES = {
    CONVERGED: "converged",
    SINGULAR: "singular",
    NO_GENERATION: NO_GENERATION_LEFT,
    STALLED: f"the mismatch has not fallen for {PATIENCE} iterations",
}


@dataclass(frozen=True, slots=True, eq=False)
class NewtonPlan:
    """What depends on the topology of a case only; a *position* is a node's place in the elimination.

    Attributes
    ----------
    position : (n_node,) int
        Position of each node.
    node : (n_node,) int
        Node at each position.
    elimination : Elimination
        Tree, filled pattern and position maps.
    diagonal : (n_node,) int
        Where the diagonal of each position stands in the pattern before fill.
    branches : (k,) int
        Branches in service.
    entries : (4, k) int
        Where their ff, ft, tf, tt admittances stand in the pattern before fill.
    """

    position: Ints
    node: Ints
    elimination: Elimination
    diagonal: Ints
    branches: Ints
    entries: Ints

    def fits(self, case: Case, islands: Islands) -> bool:
        """Whether the plan can serve a case: no branch it lacks, every live reference a root of the tree."""
        missing = case.branch_on.copy()
        missing[self.branches] = False
        references = islands.reference[islands.reference >= 0]
        roots = self.elimination.parent[self.position[references]] < 0
        return not missing.any() and bool(roots.all())

    def fill_admittance(self, case: Case) -> Complexes:
        """Compute the entries of the admittance matrix of `case` on the pattern, (nnz,) [p.u.]."""
        filled = self.fill(case.branch_on, (case.y_ff, case.y_ft, case.y_tf, case.y_tt))
        filled[self.diagonal[self.position]] += compute_shunts(case)
        return filled

    def fill(self, on: Bools, y: tuple[Complexes, Complexes, Complexes, Complexes]) -> Complexes:
        """Add up what branches in service contribute: ff, ft, tf, tt of each, all (n_branch,) [p.u.]."""
        four = np.stack([entries[self.branches] for entries in y])
        values = np.where(on[self.branches], four, 0.0).ravel()
        where, size = self.entries.ravel(), len(self.elimination.y_column)
        return np.bincount(where, values.real, size) + 1j * np.bincount(where, values.imag, size)


def _order_nodes(n_node: int, rows: Ints, columns: Ints, last: Ints) -> Ints:
    """Order the nodes by minimum degree on the pattern (rows, columns), `last` at the end: positions."""
    inner = np.ones(n_node, dtype=bool)
    inner[last] = False
    kept = (inner[rows] & inner[columns]) | (rows == columns)
    rows, columns = rows[kept], columns[kept]
    weights = np.where(rows == columns, float(n_node + 1), -1.0)
    matrix = csc_array(coo_array((weights, (rows, columns)), shape=(n_node, n_node)))
    factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    order = np.argsort(factor.perm_c)
    order = np.concatenate([order[inner[order]], last])
    position = np.empty(n_node, dtype=np.int64)
    position[order] = np.arange(n_node)
    return position


def _compress(n_node: int, keys: Ints) -> tuple[Ints, Ints]:
    """Row starts and columns of sorted keys row * n_node + column."""
    counts = np.bincount(keys // n_node, minlength=n_node)
    return np.concatenate([[0], np.cumsum(counts)]), keys % n_node


def plan_newton(case: Case) -> NewtonPlan:
    """Find pattern, order and position maps of a case; its outages can share them.

    Parameters
    ----------
    case : Case
        References chosen: each becomes the last node of its island.
    """
    n = case.n_node
    branches = np.flatnonzero(case.branch_on)
    f, t = case.branch_from[branches], case.branch_to[branches]
    nodes = np.arange(n)
    rows, columns = np.concatenate([f, f, t, t, nodes]), np.concatenate([f, t, f, t, nodes])
    reference = find_islands(case).reference
    position = _order_nodes(n, rows, columns, reference[reference >= 0])
    start, column = _compress(n, np.unique(position[rows] * n + position[columns]))
    by_tree = np.empty(n, dtype=np.int64)
    by_tree[find_postorder(find_tree(start, column))] = nodes
    position = by_tree[position]
    keys, where = np.unique(position[rows] * n + position[columns], return_inverse=True)
    start, column = _compress(n, keys)
    node = np.empty(n, dtype=np.int64)
    node[position] = nodes
    return NewtonPlan(
        position=position,
        node=node,
        elimination=eliminate(start, column),
        diagonal=where[4 * len(branches) :][node],
        branches=branches,
        entries=where[: 4 * len(branches)].reshape(4, -1),
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
    unit_node : (n_generator,) int
        Node of each generator; -1 at a bus out of service.
    fixed : (n_node,) complex
        Injection other than the generators' active power [p.u.]; its imaginary part holds the reactive
        power of every unit whose node is not held.
    angle_held, voltage_held : (n_node,) bool
        Unknowns that keep their starting value. Dead nodes hold both.
    """

    admittance: Complexes
    islands: Islands
    slack: SlackPlan
    unit_node: Ints
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
        Imbalance shared by each island's units [p.u.]; 0 where the reference takes it.
    injection : (n_node,) complex
        Power flowing from the nodes into branches and shunts [p.u.].
    mismatch : float
        Largest mismatch [p.u.].
    iterations : int
    outcome : str
        "converged", "singular", "no generation left", "not converged", or why the start was given up.
    """

    vm: Floats
    va: Floats
    imbalance: Floats
    injection: Complexes
    mismatch: float
    iterations: int
    outcome: str


def find_roots(plan: NewtonPlan, islands: Islands) -> Ints:
    """Position of the reference of each position's island, (n_node,); -1 in dead islands."""
    reference = islands.reference[islands.island[plan.node]]
    return np.asarray(np.where(reference >= 0, plan.position[reference], -1))


def write_equations(plan: NewtonPlan, problem: NewtonProblem) -> Equations:
    """Bring a problem into elimination order.

    Where no unit shares the imbalance, a unit without limits at the reference takes all of it.
    """
    node, slack, islands = plan.node, problem.slack, problem.islands
    units = np.flatnonzero(slack.island >= 0)
    alone = islands.reference[(islands.reference >= 0) & ~slack.shared]
    zero, none = np.zeros(len(alone)), np.full(len(alone), np.inf)
    return Equations(
        y=problem.admittance.view(np.float64),
        p=problem.fixed.real[node],
        q=problem.fixed.imag[node],
        angle_held=problem.angle_held[node],
        voltage_held=problem.voltage_held[node],
        root=find_roots(plan, islands),
        unit_node=plan.position[np.concatenate([problem.unit_node[units], alone])],
        scheduled=np.concatenate([slack.scheduled[units], zero]),
        share=np.concatenate([slack.share[units], zero + 1.0]),
        low=np.concatenate([slack.low[units], -none]),
        high=np.concatenate([slack.high[units], none]),
    )


def solve_newton(
    plan: NewtonPlan,
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

    Notes
    -----
    Pivots stay on the diagonal of the static order. Where one is singular the same equations are tried again
    by a factorization that is free to choose its pivots.
    """
    equations = write_equations(plan, problem)
    n, reference = len(plan.node), problem.islands.reference
    alive = reference >= 0
    roots = plan.position[reference[alive]]
    steps = LARGEST_STEP if limited else (np.inf, np.inf)
    calculated = np.empty(2 * n)
    for iterate in (iterate_newton, iterate_with_pivoting):
        vm, va, imbalance = start[0][plan.node], start[1][plan.node], np.zeros(n)
        imbalance[roots] = start[2][alive]
        outcome, iterations, mismatch = iterate(
            plan.elimination, equations, vm, va, imbalance, calculated, tolerance, max_iterations, *steps
        )
        if outcome != SINGULAR:
            break
    shared = np.zeros(len(reference))
    shared[alive] = imbalance[roots]
    return NewtonState(
        vm=vm[plan.position],
        va=va[plan.position],
        imbalance=np.where(problem.slack.shared, shared, 0.0),
        injection=calculated.view(np.complex128)[plan.position],
        mismatch=mismatch,
        iterations=iterations,
        outcome=_OUTCOMES.get(outcome, "not converged"),
    )
