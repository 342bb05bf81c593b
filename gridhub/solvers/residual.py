"""Mismatch of a finished state, recomputed from the inputs by a way no solver uses."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Case, Complexes, Floats
from gridhub.case.matrices import sum_at_nodes


def compute_branch_flows(case: Case, voltage: Complexes) -> tuple[Complexes, Complexes]:
    """Power into each branch at both ends.

    Parameters
    ----------
    case : Case
    voltage : (n_node,) complex
        Node voltages [p.u.]; NaN at dead nodes.

    Returns
    -------
    s_from, s_to : (n_branch,) complex
        [p.u.]; 0 for branches out of service (those that join buses too), NaN in dead islands.
    """
    on = case.branch_on
    v_from, v_to = voltage[case.branch_from], voltage[case.branch_to]
    s_from = v_from * np.conj(case.y_ff * v_from + case.y_ft * v_to)
    s_to = v_to * np.conj(case.y_tf * v_from + case.y_tt * v_to)
    return np.where(on, s_from, 0.0), np.where(on, s_to, 0.0)


def compute_mismatch(
    case: Case,
    voltage: Complexes,
    flows: tuple[Complexes, Complexes],
    generator_p: Floats,
    regulating_q: Floats,
    external: Complexes,
) -> Complexes:
    """Power balance of every node: what comes in less what goes out.

    Parameters
    ----------
    case : Case
        Case solved, with dead HVDC links out of service.
    voltage : (n_node,) complex
        [p.u.]; NaN at dead nodes.
    flows : (s_from, s_to)
        From `compute_branch_flows` at this voltage.
    generator_p : (n_generator,) float
        Active power of the generators [p.u.].
    regulating_q : (n_generator + 2 n_hvdc,) float
        Reactive power of every unit: generators, HVDC from ends, to ends [p.u.].
    external : (n_node,) complex
        Power a reference without units takes from outside [p.u.].

    Returns
    -------
    (n_node,) complex
        0 at dead nodes [p.u.]. Branch flows are summed branch by branch, loads row by row; no admittance
        matrix and no solver array is used.
    """
    s_from, s_to = flows
    on, n = case.branch_on, case.n_node
    ends = np.concatenate([case.branch_from[on], case.branch_to[on]])
    flow = np.concatenate([s_from[on], s_to[on]])
    out = np.bincount(ends, flow.real, n) + 1j * np.bincount(ends, flow.imag, n)
    for j in np.flatnonzero(case.branch_joins):
        node = case.branch_from[j]
        out[node] += np.abs(voltage[node]) ** 2 * np.conj(case.y_ff[j] + case.y_tt[j])
    shunt_v = np.abs(voltage[case.bus_node[case.shunt_bus]]) ** 2
    drawn = np.where(case.shunt_on, shunt_v * (case.shunt_g - 1j * case.shunt_b), 0.0)
    out += sum_at_nodes(case, case.shunt_bus, drawn)
    n_gen, n_hvdc = len(case.generator_bus), len(case.hvdc_on)
    into = external.copy()
    into += sum_at_nodes(case, case.generator_bus, generator_p + 1j * regulating_q[:n_gen])
    into -= sum_at_nodes(case, case.load_bus, np.where(case.load_on, case.load_p + 1j * case.load_q, 0.0))
    stored = np.where(case.storage_on, case.storage_p + 1j * case.storage_q, 0.0)
    into += sum_at_nodes(case, case.storage_bus, stored)
    q_from, q_to = regulating_q[n_gen : n_gen + n_hvdc], regulating_q[n_gen + n_hvdc :]
    into += sum_at_nodes(case, case.hvdc_from_bus, np.where(case.hvdc_on, -case.hvdc_p, 0.0) + 1j * q_from)
    into += sum_at_nodes(case, case.hvdc_to_bus, case.hvdc_p_to() + 1j * q_to)
    return np.where(np.isnan(voltage), 0.0, into - out)
