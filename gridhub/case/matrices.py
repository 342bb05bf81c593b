"""Sparse matrices of a case: admittance, susceptance, incidence."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array

from gridhub.case.case import Case, Complexes, Floats

DcConvention = Literal["x_tap", "x", "rx"]

SMALLEST_REACTANCE = 1e-6
"""Reactance the DC model takes for a branch that has resistance only [p.u.]."""


def sum_at_nodes(case: Case, bus: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Add up values given at buses over the node each bus belongs to; out-of-service buses are left out."""
    if not len(bus):
        return np.zeros(case.n_node, dtype=values.dtype)
    node = case.bus_node[bus]
    live = node >= 0
    if not live.all():
        node, values = node[live], values[live]
    if not np.iscomplexobj(values):
        return np.bincount(node, values, case.n_node)
    total = np.empty(case.n_node, dtype=complex)
    total.real = np.bincount(node, values.real, case.n_node)
    total.imag = np.bincount(node, values.imag, case.n_node)
    return total


def compute_shunts(case: Case) -> Complexes:
    """Shunt admittance of each node, g + jb [p.u.]: shunts, and the charging of branches that join buses."""
    shunt = np.where(case.shunt_on, case.shunt_g + 1j * case.shunt_b, 0.0)
    total = sum_at_nodes(case, case.shunt_bus, shunt)
    joins = np.flatnonzero(case.branch_joins)
    if len(joins):
        total = total + sum_at_nodes(case, case.branch_from_bus[joins], case.y_ff[joins])
        total = total + sum_at_nodes(case, case.branch_to_bus[joins], case.y_tt[joins])
    return total


def build_admittance(case: Case) -> csr_array:
    """Build the nodal admittance matrix, (n_node, n_node) complex [p.u.].

    Examples
    --------
    >>> import pandas as pd
    >>> from gridhub.case.compile import compile_case
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": [100.0, 100.0]}, index=["a", "b"])
    >>> line = pd.DataFrame({"from_bus": "a", "to_bus": "b", "r_ohm": 0.0, "x_ohm": 10.0}, index=["l"])
    >>> build_admittance(compile_case(build_network("n", bus=bus, line=line))).toarray()[0, 1].imag
    np.float64(10.0)
    """
    on = case.branch_on
    f, t = case.branch_from[on], case.branch_to[on]
    n = case.n_node
    diagonal = np.arange(n)
    rows = np.concatenate([f, f, t, t, diagonal])
    columns = np.concatenate([f, t, f, t, diagonal])
    values = np.concatenate(
        [case.y_ff[on], case.y_ft[on], case.y_tf[on], case.y_tt[on], compute_shunts(case)]
    )
    return csr_array(coo_array((values, (rows, columns)), shape=(n, n)))


def compute_dc_susceptance(case: Case, convention: DcConvention) -> tuple[Floats, Floats]:
    """Susceptance and phase shift of every branch in the DC model.

    Parameters
    ----------
    case : Case
    convention : {"x_tap", "x", "rx"}
        1/(x tap) with shift (MATPOWER); 1/x with shift (PSS/E factors); x/(r²+x²), tap and shift ignored
        (PowerModels). A branch with resistance only is given `SMALLEST_REACTANCE`.

    Returns
    -------
    susceptance, shift : (n_branch,) float
        0 for branches that are out of service or join buses [p.u., rad].
    """
    x = np.where(case.x == 0, SMALLEST_REACTANCE, case.x)
    if convention == "x_tap":
        susceptance, shift = 1.0 / (x * case.tap), case.shift
    elif convention == "x":
        susceptance, shift = 1.0 / x, case.shift
    else:
        susceptance, shift = x / (case.r**2 + x**2), np.zeros_like(case.shift)
    return np.where(case.branch_on, susceptance, 0.0), np.where(case.branch_on, shift, 0.0)


def build_incidence(case: Case) -> csr_array:
    """Build the branch-node incidence matrix: +1 at the from node, -1 at the to node, 0 if not in service."""
    on = np.flatnonzero(case.branch_on)
    ones = np.ones(len(on))
    rows = np.concatenate([on, on])
    columns = np.concatenate([case.branch_from[on], case.branch_to[on]])
    return csr_array((np.concatenate([ones, -ones]), (rows, columns)), shape=(case.n_branch, case.n_node))


def build_susceptance(case: Case, convention: DcConvention) -> csc_array:
    """Build the DC node susceptance matrix C' diag(b) C, (n_node, n_node) [p.u.]."""
    susceptance, _ = compute_dc_susceptance(case, convention)
    incidence = build_incidence(case)
    return csc_array(incidence.T @ incidence.multiply(susceptance[:, None]))
