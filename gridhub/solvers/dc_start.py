"""Angles of the DC power flow as a first guess of an AC solve, on the pattern of its Newton plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridhub.case.case import Bools, Case, Complexes, Floats
from gridhub.case.matrices import compute_dc_susceptance, sum_at_nodes
from gridhub.solvers.islands import Islands
from gridhub.solvers.newton import NewtonPlan, NewtonProblem, solve_newton
from gridhub.solvers.slack import SlackPlan, balance_islands, sum_generation


def find_dc_angles(
    case: Case,
    plan: NewtonPlan,
    islands: Islands,
    slack: SlackPlan,
    fixed: Complexes,
    angle_held: Bools,
) -> Floats:
    """Find the angles of the DC power flow (convention "x_tap").

    Parameters
    ----------
    case : Case
        Dead HVDC links out of service.
    plan : NewtonPlan
        That fits the case.
    islands : Islands
    slack : SlackPlan
        Who takes up the imbalance; the reference what is left.
    fixed : (n_node,) complex
        Injection other than the generators' active power [p.u.].
    angle_held : (n_node,) bool
        Nodes that keep their angle; dead nodes among them.

    Returns
    -------
    (n_node,) float
        [rad]; 0 at dead nodes.

    Notes
    -----
    The first Newton step of a network without resistance, shunts and taps, every voltage held at 1 p.u.,
    from angles of zero: there the Jacobian is the susceptance matrix. So it costs one factorization on a
    pattern that is there already, where `gridhub.solvers.dc.solve_dc` orders and factorizes its own matrix.
    """
    susceptance, shift = compute_dc_susceptance(case, "x_tap")
    live, on = islands.live, case.branch_on
    known = np.where(angle_held & live, case.va_reference, 0.0)
    # what a shifted phase, or an angle that is held, drives through a branch stands among the injections
    driven = susceptance * (shift - np.where(on, known[case.branch_from] - known[case.branch_to], 0.0))
    drawn = sum_at_nodes(case, case.shunt_bus, np.where(case.shunt_on, case.shunt_g, 0.0))
    p = np.where(live, fixed.real - drawn, 0.0)
    required = -np.bincount(islands.island, p, islands.count)
    imbalance, _ = balance_islands(slack, islands.count, np.where(slack.shared, required, 0.0))
    generated, _ = slack.dispatch(np.where(slack.shared, imbalance, 0.0))
    n = case.n_node
    p = p + sum_generation(case, generated)
    p += np.bincount(case.branch_from[on], driven[on], n) - np.bincount(case.branch_to[on], driven[on], n)
    nobody = np.full(len(slack.island), -1)
    y = np.asarray(1j * susceptance, dtype=np.complex128)
    problem = NewtonProblem(
        admittance=plan.fill(on, (-y, y, y, -y)),
        islands=islands,
        slack=replace(slack, island=nobody, shared=np.zeros(islands.count, dtype=bool)),
        unit_node=case.bus_node[case.generator_bus],
        fixed=p + 0j,
        angle_held=angle_held,
        voltage_held=np.ones(n, dtype=bool),
    )
    start = np.ones(n), np.zeros(n), np.zeros(islands.count)
    return known + solve_newton(plan, problem, start, tolerance=0.0, max_iterations=1).va
