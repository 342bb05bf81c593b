"""Outages planned once for all hours of a topology: by factors, or with a DC model of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.case.matrices import sum_at_nodes
from gridhub.dispatch.problem import LINK_KINDS, STORAGE_KINDS, UNIT_KINDS, Columns, Kind
from gridhub.errors import name_ids
from gridhub.solvers.dc import DcPlan, plan_dc
from gridhub.solvers.factors import SetFactors, compute_set_factors, find_splitting_sets
from gridhub.solvers.islands import keep_largest_parts
from gridhub.solvers.slack import plan_slack


@dataclass(frozen=True, slots=True, eq=False)
class Replanned:
    """Outage that loses units, links, loads, or splits an island: a DC model of its own.

    Attributes
    ----------
    number : int
        Position among the outages.
    case : Case
        After the outage; links with a dead end out of service.
    plan : DcPlan
        Of `case`.
    share : (n_node,) float
        Share of each node in the imbalance of its island, adding up to 1 in each live island.
    outage : Outage
    """

    number: int
    case: Case
    plan: DcPlan
    share: Floats
    outage: Outage

    def find_kept(self, columns: Columns) -> Bools:
        """Mark the columns that the outage leaves, (n_column,) bool; dead nodes take the rest.

        Branches lose what they lost before it.
        """
        kept = np.ones(len(columns.kind), dtype=bool)
        for kinds, on in (
            (UNIT_KINDS, self.case.generator_on),
            (STORAGE_KINDS, self.case.storage_on),
            (LINK_KINDS, self.case.hvdc_on),
            ((Kind.LOAD, Kind.CALL), self.case.load_on),
        ):
            chosen = columns.select(*kinds)
            kept[chosen] = on[columns.element[chosen]]
        return kept

    def find_drawn(self) -> Floats:
        """Add up what shunts draw after the outage, (n_node,) [MW]."""
        g = np.where(self.case.shunt_on, self.case.shunt_g, 0.0)
        return np.asarray(self.case.base_mva * sum_at_nodes(self.case, self.case.shunt_bus, g))

    def balance(self, injection: Floats) -> Floats:
        """Share the imbalance of each live island after the outage, (n_node,) [MW].

        Parameters
        ----------
        injection : (n_node,) float
            What is left of the injection before the outage [MW].
        """
        islands = self.plan.islands
        left = np.where(islands.live, injection, 0.0)
        missing = -np.bincount(islands.island, left, islands.count)
        return np.asarray(left + self.share * missing[islands.island])

    def spread(self, sensitivity: Floats) -> Floats:
        """Turn sensitivities against the reference into those against the units that share, (n_node, k)."""
        islands = self.plan.islands
        weighted = self.share[:, None] * sensitivity
        own = np.zeros((islands.count, sensitivity.shape[1]))
        np.add.at(own, islands.island, weighted)
        return np.where(islands.live[:, None], sensitivity - own[islands.island], 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class SecurityPlan:
    """Outages of one topology.

    Attributes
    ----------
    outages : tuple of Outage
    whole : (k,) int
        Outages that lose branches alone and split nothing.
    factors : SetFactors
        Of `whole`.
    replanned : tuple of Replanned
        The others.
    """

    outages: tuple[Outage, ...]
    whole: Ints
    factors: SetFactors
    replanned: tuple[Replanned, ...]


def plan_security(case: Case, plan: DcPlan, outages: Sequence[Outage]) -> SecurityPlan:
    """Plan outages for the dispatch of any hour of a topology.

    Parameters
    ----------
    case : Case
        References chosen.
    plan : DcPlan
        Of `case`.
    outages : sequence of Outage
        Branches lost together (circuits, towers), and units, links, loads, storage or shunts.

    Returns
    -------
    SecurityPlan
        Holds 8 bytes for every branch and every branch lost.

    Raises
    ------
    ValueError
        If a branch without impedance is to be lost.

    Notes
    -----
    Where the grid holds together, the flow after the outage is f + H_K (I - H_KK)^-1 f_K
    (`gridhub.solvers.factors.compute_set_factors`). Where it splits, the largest part of each island lives;
    what is lost in or beyond it is taken up by ``participation``, else by p_max, without regard to limits.
    """
    lost = [i for outage in outages for i in outage.branch if case.branch_joins[i]]
    if lost:
        ids = name_ids(case.labels.branch[i] for i in dict.fromkeys(lost))
        raise ValueError(
            f"branches without impedance cannot be lost in a compiled case: {ids}. "
            "Compile the network again without them."
        )
    splits = find_splitting_sets(case, [outage.branch for outage in outages])
    alone = np.array(
        [not (o.generator or o.load or o.storage or o.hvdc or o.shunt) for o in outages], dtype=bool
    )
    touches = np.array([any(case.branch_on[i] for i in o.branch) for o in outages], dtype=bool)
    whole = np.flatnonzero(alone & ~splits & touches)
    factors = compute_set_factors(case, plan, [outages[k].branch for k in whole.tolist()])
    others = [_replan(case, plan, k, outages[k]) for k in np.flatnonzero(~alone | splits).tolist()]
    return SecurityPlan(tuple(outages), whole, factors, tuple(others))


def _replan(case: Case, plan: DcPlan, number: int, outage: Outage) -> Replanned:
    after = keep_largest_parts(case.take_out(outage), plan.islands)
    if outage.branch:
        plan = plan_dc(after, plan.convention)
    live = plan.islands.live
    node_from, node_to = after.bus_node[after.hvdc_from_bus], after.bus_node[after.hvdc_to_bus]
    alive = (node_from >= 0) & (node_to >= 0)
    alive &= live[node_from] & live[node_to]
    broken = tuple(np.flatnonzero(after.hvdc_on & ~alive).tolist())
    after = after.take_out(Outage(hvdc=broken))
    return Replanned(number, after, plan, _share_imbalance(after, plan), outage)


def _share_imbalance(case: Case, plan: DcPlan) -> Floats:
    """Share of each node in its island's imbalance; the reference's alone where no unit takes part."""
    islands = plan.islands
    slack = plan_slack(case, islands, distributed=True)
    share = np.asarray(sum_at_nodes(case, case.generator_bus, slack.share), dtype=float)
    alone = np.flatnonzero(~slack.shared & (islands.reference >= 0))
    share[islands.reference[alone]] = 1.0
    return share
