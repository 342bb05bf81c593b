"""Three-phase faults: impedances seen from a bus and transferred to others, from one sparse factorization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import SuperLU, splu

from gridhub.case.case import Bools, Case, Complexes, Ints
from gridhub.solvers.islands import find_components

BLOCK = 128
"""Columns of the impedance matrix solved for together; bounds the memory to n_node x BLOCK."""


@dataclass(frozen=True, slots=True, eq=False)
class FaultPlan:
    """Factorized network behind its machines.

    Attributes
    ----------
    fed : (n_node,) bool
        Nodes connected with a machine; the others cannot feed a fault.
    place : (n_node,) int
        Row of each fed node in the factor; -1 elsewhere.
    factor : SuperLU or None
        Of the admittance matrix of the fed nodes; None if there is none.
    """

    fed: Bools
    place: Ints
    factor: SuperLU | None

    def solve(self, right: Complexes) -> Complexes:
        """Voltages that currents drive, (n_node,) or (n_node, k) [p.u.]; 0 at nodes that are not fed."""
        result = np.zeros(right.shape, dtype=complex)
        if self.factor is not None:
            result[self.fed] = self.factor.solve(np.ascontiguousarray(right[self.fed], dtype=complex))
        return result

    def find_columns(self, nodes: Ints) -> Complexes:
        """Columns of the impedance matrix, (n_node, k) [p.u.]."""
        right = np.zeros((len(self.fed), len(nodes)), dtype=complex)
        right[nodes, np.arange(len(nodes))] = 1.0
        return self.solve(right)

    def find_diagonal(self, nodes: Ints | None = None) -> Complexes:
        """Impedance seen from each node, or from some, (n_node,) [p.u.]; infinite where it is not fed."""
        diagonal = np.full(len(self.fed), np.inf, dtype=complex)
        asked = np.arange(len(self.fed)) if nodes is None else np.unique(nodes)
        nodes = asked[self.fed[asked]]
        for first in range(0, len(nodes), BLOCK):
            some = nodes[first : first + BLOCK]
            diagonal[some] = self.find_columns(some)[some, np.arange(len(some))]
        return diagonal


def plan_faults(case: Case, machine_node: Ints, machine_y: Complexes) -> FaultPlan:
    """Factorize a network for faults.

    Parameters
    ----------
    case : Case
    machine_node : (k,) int
        Node of each machine; -1 at a bus out of service.
    machine_y : (k,) complex
        Its admittance behind its voltage source [p.u.].

    Notes
    -----
    Branches count by their series impedance at rated ratio: no charging, no shunts, no loads, no phase
    shift, as in IEC 60909-0 for the positive sequence.
    """
    on = np.flatnonzero(case.branch_on)
    f, t, n = case.branch_from[on], case.branch_to[on], case.n_node
    count, part = find_components(n, f, t)
    alive = (machine_node >= 0) & (machine_y != 0)
    fed_part = np.zeros(count, dtype=bool)
    fed_part[part[machine_node[alive]]] = True
    fed = fed_part[part]
    y = 1.0 / (case.r[on] + 1j * case.x[on])
    own = machine_node[alive]
    rows, columns = np.concatenate([f, t, f, t, own]), np.concatenate([f, t, t, f, own])
    values = np.concatenate([y, y, -y, -y, machine_y[alive]])
    place = np.where(fed, np.cumsum(fed) - 1, -1)
    kept = fed[rows]
    matrix = csc_array(
        coo_array(
            (values[kept], (place[rows[kept]], place[columns[kept]])), shape=(int(fed.sum()), int(fed.sum()))
        )
    )
    factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}) if fed.any() else None
    return FaultPlan(fed, place, factor)
