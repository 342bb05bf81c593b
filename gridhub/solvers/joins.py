"""Flows through branches without impedance, which join their end buses into one node."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Complexes
from gridhub.solvers.solution import Solution


def sum_bus_injections(solution: Solution) -> Complexes:
    """Net injection of what is connected at each bus, shunts left out.

    Returns
    -------
    (n_bus,) complex
        Generators, storage and HVDC positive, loads negative [p.u.]; 0 at dead buses. In DC the imaginary
        part is 0.
    """
    case, live = solution.case, solution.islands.live
    n_bus = len(case.bus_node)
    total = np.zeros(n_bus, dtype=complex)
    n_gen, n_hvdc = len(case.generator_bus), len(case.hvdc_on)
    unit_q = np.nan_to_num(solution.unit_q)
    np.add.at(total, case.load_bus, np.where(case.load_on, -(case.load_p + 1j * case.load_q), 0.0))
    np.add.at(total, case.storage_bus, np.where(case.storage_on, case.storage_p + 1j * case.storage_q, 0.0))
    np.add.at(total, case.generator_bus, solution.generator_p + 1j * unit_q[:n_gen])
    p_from = np.where(case.hvdc_on, -case.hvdc_p, 0.0)
    np.add.at(total, case.hvdc_from_bus, p_from + 1j * unit_q[n_gen : n_gen + n_hvdc])
    np.add.at(total, case.hvdc_to_bus, case.hvdc_p_to() + 1j * unit_q[n_gen + n_hvdc :])
    nodes, first = np.unique(case.bus_node, return_index=True)
    external = np.flatnonzero(solution.external != 0)
    total[first[np.searchsorted(nodes, external)]] += solution.external[external]
    alive = np.where(case.bus_node >= 0, live[case.bus_node], False)
    if solution.method == "dc":
        total = total.real + 0j
    return np.where(alive, total, 0.0)


def compute_join_flows(solution: Solution) -> tuple[Complexes, Complexes]:
    """Compute the power into each branch that joins two buses, by Kirchhoff's current law.

    Returns
    -------
    s_from, s_to : (n_branch,) complex
        Power into the branch at both ends [p.u.]; 0 for all other branches. Where joins form a loop the
        split is not determined: the one of least squares is given, as for equal small impedances.
    """
    case = solution.case
    joins = np.flatnonzero(case.branch_joins)
    s_from, s_to = np.zeros(case.n_branch, dtype=complex), np.zeros(case.n_branch, dtype=complex)
    if not len(joins):
        return s_from, s_to
    surplus = sum_bus_injections(solution)
    on = case.branch_on
    np.subtract.at(surplus, case.branch_from_bus[on], np.nan_to_num(solution.s_from[on]))
    np.subtract.at(surplus, case.branch_to_bus[on], np.nan_to_num(solution.s_to[on]))
    vm = np.ones(case.n_node) if solution.method == "dc" else np.nan_to_num(solution.vm)
    v2 = np.where(case.bus_node >= 0, vm[case.bus_node] ** 2, 0.0)
    drawn = np.where(case.shunt_on, v2[case.shunt_bus] * (case.shunt_g - 1j * case.shunt_b), 0.0)
    charging = [v2[case.branch_from_bus[joins]] * np.conj(y[joins]) for y in (case.y_ff, case.y_tt)]
    if solution.method == "dc":
        drawn, charging = drawn.real, [np.zeros(len(joins))] * 2
    np.subtract.at(surplus, case.shunt_bus, drawn)
    np.subtract.at(surplus, case.branch_from_bus[joins], charging[0])
    np.subtract.at(surplus, case.branch_to_bus[joins], charging[1])
    buses, position = np.unique(
        np.concatenate([case.branch_from_bus[joins], case.branch_to_bus[joins]]), return_inverse=True
    )
    incidence = np.zeros((len(buses), len(joins)))
    columns = np.arange(len(joins))
    incidence[position[: len(joins)], columns] = 1.0
    incidence[position[len(joins) :], columns] -= 1.0
    through = np.linalg.lstsq(incidence.astype(complex), surplus[buses], rcond=None)[0]
    s_from[joins], s_to[joins] = through + charging[0], -through + charging[1]
    return s_from, s_to
