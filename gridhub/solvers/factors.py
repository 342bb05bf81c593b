"""Transfer and outage factors of the DC model, as operators and as blocks of columns."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Case, Floats, Ints
from gridhub.kernels.graph import find_bridge_positions
from gridhub.solvers.dc import DcPlan


def compute_transfer_factors(plan: DcPlan, nodes: Ints) -> Floats:
    """Flow in each branch per MW injected at each of `nodes` and taken out at its island's reference.

    Parameters
    ----------
    plan : DcPlan
    nodes : (k,) int

    Returns
    -------
    (n_branch, k) float
        [MW/MW]; NaN columns for dead nodes.
    """
    n_node = len(plan.islands.island)
    right = np.zeros((n_node, len(nodes)))
    right[nodes, np.arange(len(nodes))] = 1.0
    factors = plan.compute_flows(plan.solve_angles(right))
    factors[:, ~plan.islands.live[nodes]] = np.nan
    return factors


def compute_pair_factors(case: Case, plan: DcPlan, branches: Ints) -> Floats:
    """Flow in each branch per MW sent from the from end to the to end of each of `branches`.

    Returns
    -------
    (n_branch, k) float
        H = PTDF C' on the given columns [MW/MW]; 0 columns for branches out of service.
    """
    right = np.zeros((case.n_node, len(branches)))
    on = np.flatnonzero(case.branch_on[branches])
    np.add.at(right, (case.branch_from[branches[on]], on), 1.0)
    np.add.at(right, (case.branch_to[branches[on]], on), -1.0)
    return plan.compute_flows(plan.solve_angles(right))


def find_bridge_branches(case: Case) -> np.ndarray:
    """Mark the branches whose outage alone splits an island, (n_branch,) bool; found by graph."""
    on = np.flatnonzero(case.branch_on)
    bridge = np.zeros(case.n_branch, dtype=bool)
    bridge[on] = find_bridge_positions(case.n_node, case.branch_from[on], case.branch_to[on])
    return bridge


def compute_outage_factors(case: Case, plan: DcPlan, branches: Ints, bridge: np.ndarray) -> Floats:
    """Share of each outaged branch's flow that moves to each other branch.

    Parameters
    ----------
    case : Case
    plan : DcPlan
    branches : (k,) int
        Outaged branches, one at a time.
    bridge : (n_branch,) bool
        From `find_bridge_branches`.

    Returns
    -------
    (n_branch, k) float
        H_lk / (1 - H_kk) off the diagonal and -1 on it; NaN columns for bridges; 0 for branches out of
        service.

    Notes
    -----
    Bridges are found by graph, not by 1 - H_kk = 0, which rounding blurs.
    """
    pair = compute_pair_factors(case, plan, branches)
    columns = np.arange(len(branches))
    splits = bridge[branches]
    own = np.where(splits, 0.0, pair[branches, columns])
    factors = pair / (1.0 - own)
    on = case.branch_on[branches]
    factors[branches, columns] = np.where(on, -1.0, 0.0)
    factors[:, splits] = np.nan
    return factors
