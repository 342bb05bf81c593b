"""DC power flow: angles from active power alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, tril, triu
from scipy.sparse.linalg import SuperLU, splu

from gridhub.case.case import Case, Floats, Ints
from gridhub.case.matrices import (
    DcConvention,
    build_incidence,
    build_susceptance,
    compute_dc_susceptance,
    sum_at_nodes,
)
from gridhub.kernels.triangular import WIDTH, Triangles, solve_columns
from gridhub.solvers.injections import compute_fixed_injection, drop_dead_links
from gridhub.solvers.islands import Islands, find_islands
from gridhub.solvers.slack import assign_reference_power, balance_islands, plan_slack, sum_generation


@dataclass(frozen=True, slots=True, eq=False)
class DcPlan:
    """Factorized DC model of one topology.

    Attributes
    ----------
    susceptance, shift : (n_branch,) float
        [p.u., rad].
    incidence : (n_branch, n_node) sparse
    free : (k,) int
        Live nodes whose angle is unknown: all but the references.
    factor : Triangles or None
        Of the susceptance matrix on `free`; None if no angle is unknown.
    islands : Islands
    convention : {"x_tap", "x", "rx"}
    single_reference : bool
        Whether one node per island keeps its angle, or every node marked as reference.
    """

    susceptance: Floats
    shift: Floats
    incidence: csr_array
    free: Ints
    factor: Triangles | None
    islands: Islands
    convention: DcConvention
    single_reference: bool

    def solve_angles(self, right: Floats) -> Floats:
        """Solve B theta = right with theta = 0 at references and dead nodes.

        Parameters
        ----------
        right : (n_node,) or (n_node, k) float
            Injections [p.u.].

        Returns
        -------
        Same shape; angles [rad].
        """
        columns = np.ascontiguousarray(right, dtype=float).reshape(len(right), -1)
        theta = np.zeros(columns.shape)
        if self.factor is not None:
            solve_columns(self.factor, columns, self.free, theta)
        return theta.reshape(right.shape)

    def compute_flows(self, theta: Floats) -> Floats:
        """Flow of each branch for given angles, without phase shift, (n_branch,) or (n_branch, k) [p.u.]."""
        if theta.ndim == 1:
            return np.asarray(self.susceptance * (self.incidence @ theta))
        flows = np.empty((len(self.susceptance), theta.shape[1]))
        for first in range(0, theta.shape[1], WIDTH):
            some = slice(first, first + WIDTH)
            flows[:, some] = self.susceptance[:, None] * (self.incidence @ theta[:, some])
        return flows


def plan_dc(case: Case, convention: DcConvention, single_reference: bool = True) -> DcPlan:
    """Factorize the DC model of a case.

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    convention : {"x_tap", "x", "rx"}
    single_reference : bool
        True: one reference per island. False: every node marked as reference keeps its angle.
    """
    islands = find_islands(case)
    susceptance, shift = compute_dc_susceptance(case, convention)
    known = ~islands.live
    known[islands.reference[islands.reference >= 0]] = True
    if not single_reference:
        known |= case.reference
    free = np.flatnonzero(~known)
    factor = None
    if len(free):
        matrix = build_susceptance(case, convention)[free][:, free].tocsc()
        factor = take_triangles(splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}))
    incidence = build_incidence(case)
    return DcPlan(susceptance, shift, incidence, free, factor, islands, convention, single_reference)


def take_triangles(factor: SuperLU) -> Triangles:
    """Take a factor out of its own solver, which is slow on many right-hand sides."""
    lower, upper = tril(factor.L, -1, "csc"), triu(factor.U, 1, "csc")
    return Triangles(
        np.argsort(factor.perm_r),
        np.argsort(factor.perm_c),
        *(lower.indptr, lower.indices, lower.data),
        *(upper.indptr, upper.indices, upper.data),
        factor.U.diagonal(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DcState:
    """Solved DC power flow.

    Attributes
    ----------
    case : Case
        The case solved, dead HVDC links out of service.
    islands : Islands
    va : (n_node,) float
        Angles [rad]; NaN at dead nodes.
    p_from : (n_branch,) float
        Flow into each branch at its from end [p.u.]; NaN in dead islands, 0 out of service.
    generator_p : (n_generator,) float
        [p.u.].
    external : (n_node,) float
        Power a reference without units takes from outside [p.u.].
    imbalance : (n_island,) float
        Imbalance shared by the units [p.u.].
    missing : (n_island,) float
        Generation the units of an island lack (positive) or cannot shed (negative) [p.u.].
    """

    case: Case
    islands: Islands
    va: Floats
    p_from: Floats
    generator_p: Floats
    external: Floats
    imbalance: Floats
    missing: Floats


def solve_dc(
    case: Case, convention: DcConvention, distributed_slack: bool, plan: DcPlan | None = None
) -> DcState:
    """Solve the DC power flow of a case.

    Parameters
    ----------
    case : Case
        References chosen.
    convention : {"x_tap", "x", "rx"}
    distributed_slack : bool
        Whether the units share the imbalance, or the reference takes it.
    plan : DcPlan, optional
        Of the same topology and convention.

    Returns
    -------
    DcState

    Notes
    -----
    B theta = P - C' b shift, with shunt conductance as load at 1 p.u. and HVDC losses at the receiving end.
    """
    plan = plan or plan_dc(case, convention, distributed_slack)
    islands = plan.islands
    case = drop_dead_links(case, islands.live)
    slack = plan_slack(case, islands, distributed_slack)
    shift_flow = plan.susceptance * plan.shift
    drawn = sum_at_nodes(case, case.shunt_bus, np.where(case.shunt_on, case.shunt_g, 0.0))
    fixed = compute_fixed_injection(case).real - drawn
    fixed = np.where(islands.live, fixed, 0.0)
    required = -np.bincount(islands.island, fixed, islands.count)
    imbalance, missing = balance_islands(slack, islands.count, np.where(slack.shared, required, 0.0))
    missing = np.where(slack.shared & (islands.reference >= 0), missing, 0.0)
    generator_p, _ = slack.dispatch(np.where(slack.shared, imbalance, 0.0))
    injection = fixed + sum_generation(case, generator_p)
    known = hold_reference_angles(case, plan)
    right = injection + plan.incidence.T @ (shift_flow - plan.compute_flows(known))
    theta = known + plan.solve_angles(right)
    p_from = plan.compute_flows(theta) - shift_flow
    residual = np.where(islands.live, plan.incidence.T @ p_from - injection, 0.0)
    residual[plan.free] = 0.0
    residual[islands.reference[(islands.reference >= 0) & slack.shared]] = 0.0
    generator_p, external = assign_reference_power(case, slack, generator_p, residual)
    dead = ~islands.live
    ends_dead = np.where(case.branch_on, dead[case.branch_from], False)
    return DcState(
        case=case,
        islands=islands,
        va=np.where(dead, np.nan, theta),
        p_from=np.where(ends_dead, np.nan, p_from),
        generator_p=generator_p,
        external=external,
        imbalance=imbalance,
        missing=missing,
    )


def hold_reference_angles(case: Case, plan: DcPlan) -> Floats:
    """Give the angle each node holds as a reference, and 0 to all others, (n_node,) [rad]."""
    references = plan.islands.reference[plan.islands.reference >= 0]
    held = references if plan.single_reference else np.flatnonzero(case.reference)
    known = np.zeros(case.n_node)
    known[held] = case.va_reference[held]
    return known
