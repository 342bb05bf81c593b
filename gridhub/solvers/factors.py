"""Transfer and outage factors of the DC model, as operators and as blocks of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.kernels.graph import find_bridge_positions, label_cut_pairs
from gridhub.solvers.dc import DcPlan
from gridhub.solvers.islands import find_components


@dataclass(frozen=True, slots=True, eq=False)
class TransferOperator:
    """PTDF of a plan without its matrix: one solve on the factor per product.

    Attributes
    ----------
    plan : DcPlan
    """

    plan: DcPlan

    def apply(self, injection: Floats) -> Floats:
        """Flows that injections drive, the references taking the rest: PTDF p.

        Parameters
        ----------
        injection : (n_node,) or (n_node, k) float
            [p.u.].

        Returns
        -------
        (n_branch,) or (n_branch, k) float
            [p.u.].
        """
        return self.plan.compute_flows(self.plan.solve_angles(injection))

    def apply_transposed(self, weight: Floats) -> Floats:
        """Sensitivity of weighted sums of flows to the injections: PTDF' w = B^-1 C' diag(b) w.

        Parameters
        ----------
        weight : (n_branch,) or (n_branch, k) float
            Weight of each branch in each sum, such as the members of an interface.

        Returns
        -------
        (n_node,) or (n_node, k) float
            [MW/MW]; 0 at references and dead nodes.
        """
        susceptance = self.plan.susceptance
        scaled = (susceptance if weight.ndim == 1 else susceptance[:, None]) * weight
        return self.plan.solve_angles(np.asarray(self.plan.incidence.T @ scaled))


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
    factors = TransferOperator(plan).apply(right)
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
    return TransferOperator(plan).apply(right)


def find_bridge_branches(case: Case) -> Bools:
    """Mark the branches whose outage alone splits an island, (n_branch,) bool; found by graph."""
    on = np.flatnonzero(case.branch_on)
    bridge = np.zeros(case.n_branch, dtype=bool)
    bridge[on] = find_bridge_positions(case.n_node, case.branch_from[on], case.branch_to[on])
    return bridge


def compute_outage_factors(case: Case, plan: DcPlan, branches: Ints, bridge: Bools) -> Floats:
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
    factors = pair
    factors /= 1.0 - own
    on = case.branch_on[branches]
    factors[branches, columns] = np.where(on, -1.0, 0.0)
    factors[:, splits] = np.nan
    return factors


def label_cut_branches(case: Case) -> Ints:
    """Sort branches into classes of which any two, lost together, split an island, (n_branch,); by graph.

    -1 for a bridge, -2 out of service; see `gridhub.kernels.graph.label_cut_pairs`.
    """
    on = np.flatnonzero(case.branch_on)
    label = np.full(case.n_branch, -2)
    label[on] = label_cut_pairs(case.n_node, case.branch_from[on], case.branch_to[on])
    return label


FEW_SETS = 64
"""Up to so many sets, counting components for each costs less than labelling every branch."""


def find_splitting_sets(case: Case, sets: Sequence[Sequence[int]]) -> Bools:
    """Tell which sets of branches, lost together, split an island, (len(sets),) bool; found by graph.

    Where there are many sets, one branch splits if it is a bridge, two if they are a cut pair or one is a
    bridge; else components are counted. Branches out of service split nothing.
    """
    label = label_cut_branches(case) if len(sets) > FEW_SETS else None
    before = find_components(case.n_node, *_list_ends(case, case.branch_on))[0]
    splits = np.zeros(len(sets), dtype=bool)
    for k, members in enumerate(sets):
        lost = [i for i in dict.fromkeys(members) if case.branch_on[i]]
        if not lost:
            continue
        if label is not None and (len(lost) <= 2 or (label[lost] == -1).any()):
            splits[k] = (label[lost] == -1).any() or (len(lost) == 2 and label[lost[0]] == label[lost[1]])
        else:
            left = case.branch_on.copy()
            left[lost] = False
            splits[k] = find_components(case.n_node, *_list_ends(case, left))[0] > before
    return splits


def _list_ends(case: Case, chosen: Bools) -> tuple[Ints, Ints]:
    return case.branch_from[chosen], case.branch_to[chosen]


@dataclass(frozen=True, slots=True, eq=False)
class SetFactors:
    """Outage factors of sets of branches that are lost together.

    Attributes
    ----------
    start : (n_set + 1,) int
        Set s has the entries start[s] to start[s + 1] of the arrays below.
    lost : (m,) int
        Branches lost, those in service.
    factor : (m, n_branch) float
        Share of the flow before the outage of `lost` that moves to each branch [MW/MW]; rows lie together.
    """

    start: Ints
    lost: Ints
    factor: Floats

    def apply(self, position: int, flow: Floats) -> Floats:
        """Flows after the outage of one set.

        Parameters
        ----------
        position : int
            Set.
        flow : (n_branch,) or (n_branch, k) float
            Flows before any outage [p.u.].

        Returns
        -------
        Same shape [p.u.].
        """
        rows = slice(self.start[position], self.start[position + 1])
        return np.asarray(flow + self.factor[rows].T @ flow[self.lost[rows]])


def compute_set_factors(case: Case, plan: DcPlan, sets: Sequence[Sequence[int]]) -> SetFactors:
    """Outage factors of sets of branches that do not split an island.

    Parameters
    ----------
    case : Case
    plan : DcPlan
    sets : sequence of sequences of int
        Branches lost together; none may split (`find_splitting_sets`). Those out of service count as not
        there.

    Returns
    -------
    SetFactors

    Notes
    -----
    Flow after the outage of the set K: f + H_K (I - H_KK)^-1 f_K with H = PTDF C' and f the flows before it,
    phase shifts included. For one branch this is the LODF, H_lk / (1 - H_kk). I - H_KK is regular exactly if
    K does not split an island; that is asked of the graph, because rounding blurs a determinant.

    References
    ----------
    T. Güler, G. Gross, M. Liu, "Generalized line outage distribution factors", IEEE Transactions on Power
    Systems 22 (2007) 879-881, doi:10.1109/TPWRS.2006.888950.
    J. Guo, Y. Fu, Z. Li, M. Shahidehpour, "Direct calculation of line outage distribution factors", IEEE
    Transactions on Power Systems 24 (2009) 1633-1634, doi:10.1109/TPWRS.2009.2023273.
    """
    members = [[i for i in dict.fromkeys(one) if case.branch_on[i]] for one in sets]
    size = np.array([len(one) for one in members], dtype=np.int64)
    start = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(size)])
    lost = np.array([i for one in members for i in one], dtype=np.int64)
    factor = np.empty((len(lost), case.n_branch))
    alone = start[:-1][size == 1]
    none = np.zeros(case.n_branch, dtype=bool)
    factor[alone] = compute_outage_factors(case, plan, lost[alone], none).T
    together = np.flatnonzero(size > 1)
    distinct = np.unique([i for k in together.tolist() for i in members[k]]).astype(np.int64)
    pair = compute_pair_factors(case, plan, distinct).T
    for k in together.tolist():
        rows, branch = slice(start[k], start[k + 1]), lost[start[k] : start[k + 1]]
        of = np.searchsorted(distinct, branch)
        factor[rows] = np.linalg.solve(np.eye(size[k]) - pair[np.ix_(of, branch)], pair[of])
        factor[rows, branch] = -np.eye(size[k])
    return SetFactors(start, lost, factor)
