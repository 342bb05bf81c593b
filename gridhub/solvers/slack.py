"""Distributed slack: who takes up the imbalance of an island, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.matrices import sum_at_nodes
from gridhub.solvers.islands import Islands

EDGE = 1e-9
"""How far inside the imbalance is put at which the first unit leaves its limit [p.u.]."""


@dataclass(frozen=True, slots=True, eq=False)
class SlackPlan:
    """How generators share the imbalance of their island.

    Attributes
    ----------
    island : (n_generator,) int
        Live island of each unit in service; -1 otherwise.
    share : (n_generator,) float
        Share of the unit, adding up to 1 in each island that has a willing unit.
    low, high : (n_generator,) float
        Limits of the active power [p.u.], widened to the scheduled value.
    scheduled : (n_generator,) float
        Scheduled active power [p.u.]; 0 for units not in service or dead.
    shared : (n_island,) bool
        Islands with a willing unit. In the others the reference takes the imbalance, without limit.
    """

    island: Ints
    share: Floats
    low: Floats
    high: Floats
    scheduled: Floats
    shared: Bools

    def ask(self, imbalance: Floats) -> Floats:
        """Power asked of each unit before its limits, scheduled + share * imbalance [p.u.]."""
        return self.scheduled + self.share * np.where(self.island >= 0, imbalance[self.island], 0.0)

    def dispatch(self, imbalance: Floats) -> tuple[Floats, Bools]:
        """Share an imbalance per island.

        Parameters
        ----------
        imbalance : (n_island,) float
            Power asked of each island's units beyond their schedule, before limits [p.u.].

        Returns
        -------
        p : (n_generator,) float
            clip(scheduled + share * imbalance, low, high) [p.u.].
        free : (n_generator,) bool
            Units that take part and are not beyond a limit.
        """
        asked = self.ask(imbalance)
        free = (self.share > 0) & (self.low < self.high) & (asked >= self.low) & (asked <= self.high)
        return np.clip(asked, self.low, self.high), free


def plan_slack(case: Case, islands: Islands, distributed: bool) -> SlackPlan:
    """Decide who takes up the imbalance.

    Parameters
    ----------
    case : Case
    islands : Islands
    distributed : bool
        True: by ``participation`` where a unit of the island has one above zero, else by ``p_max`` (by the
        scheduled power where no ``p_max`` is known); a participation of 0 excludes a unit. False: nobody; the
        reference takes what is missing.

    Returns
    -------
    SlackPlan
    """
    node = case.bus_node[case.generator_bus]
    alive = case.generator_on & np.where(node >= 0, islands.live[node], False)
    island = np.where(alive, islands.island[node], -1)
    scheduled = np.where(alive, case.generator_p, 0.0)
    size = np.maximum(np.where(np.isfinite(case.generator_p_max), case.generator_p_max, scheduled), 0.0)
    weight = np.zeros(len(node))
    low, high = np.minimum(case.generator_p_min, scheduled), np.maximum(case.generator_p_max, scheduled)
    if distributed:
        given = np.nan_to_num(case.generator_participation)
        by_island = np.bincount(island[alive], given[alive], islands.count)
        use_given = np.where(alive, by_island[island] > 0, False)
        willing = np.isnan(case.generator_participation)
        weight = np.where(use_given, given, np.where(willing, size, 0.0)) * alive
    total = np.bincount(island[alive], weight[alive], islands.count)
    own = np.where(alive, total[island], 0.0)
    share = np.divide(weight, own, out=np.zeros_like(weight), where=own > 0)
    return SlackPlan(
        island, share, np.where(alive, low, 0.0), np.where(alive, high, 0.0), scheduled, total > 0
    )


def balance_islands(plan: SlackPlan, count: int, required: Floats) -> tuple[Floats, Floats]:
    """Find the imbalance of each island that makes its units produce what is required.

    Parameters
    ----------
    plan : SlackPlan
    count : int
        Number of islands.
    required : (count,) float
        Generation each island needs in all [p.u.].

    Returns
    -------
    imbalance : (count,) float
        For `SlackPlan.dispatch` [p.u.].
    missing : (count,) float
        What the units cannot give within their limits [p.u.]: 0 unless all are at a limit.
    """
    member = plan.island >= 0
    imbalance, missing = np.zeros(count), np.zeros(count)
    for _ in range(2 * len(plan.share) + 2):
        asked = plan.ask(imbalance)
        p = np.clip(asked, plan.low, plan.high)
        missing = required - np.bincount(plan.island[member], p[member], count)
        missing[np.abs(missing) <= 1e-13 * np.maximum(1.0, np.abs(required))] = 0.0
        # only units that can move the way the imbalance has to go have a say in the slope
        up = np.where(member, missing[plan.island] > 0, False)
        able = member & (plan.share > 0)
        able &= np.where(
            up, (asked >= plan.low) & (asked < plan.high), (asked > plan.low) & (asked <= plan.high)
        )
        slope = np.bincount(plan.island[able], plan.share[able], count)
        step = np.divide(missing, slope, out=np.zeros(count), where=slope > 0)
        if not step.any():
            break
        imbalance = imbalance + step
    return imbalance, missing


def find_edges(plan: SlackPlan, imbalance: Floats) -> Floats:
    """Bring imbalances that put every sharing unit of an island beyond a limit back to where one is free.

    Parameters
    ----------
    plan : SlackPlan
    imbalance : (n_island,) float
        [p.u.].

    Returns
    -------
    (n_island,) float
        As given where a unit is free, or none shares.
    """
    sharing = np.flatnonzero((plan.island >= 0) & (plan.share > 0) & (plan.low < plan.high))
    island, share = plan.island[sharing], plan.share[sharing]
    lowest, highest = np.full(len(imbalance), np.inf), np.full(len(imbalance), -np.inf)
    np.minimum.at(lowest, island, (plan.low[sharing] - plan.scheduled[sharing]) / share)
    np.maximum.at(highest, island, (plan.high[sharing] - plan.scheduled[sharing]) / share)
    # a little inside, so that rounding leaves the unit free
    inside = np.clip(imbalance, lowest + EDGE, highest - EDGE)
    return np.where(lowest + EDGE < highest - EDGE, inside, imbalance)


def sum_generation(case: Case, p: Floats) -> Floats:
    """Add up the generators' active power at each node [p.u.]."""
    return sum_at_nodes(case, case.generator_bus, p)


def assign_reference_power(case: Case, plan: SlackPlan, p: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """Give the power a reference takes to the units standing there.

    Parameters
    ----------
    case : Case
    plan : SlackPlan
    p : (n_generator,) float
        Active power of the units so far [p.u.].
    residual : (n_node,) float
        Power missing at reference nodes; 0 elsewhere [p.u.].

    Returns
    -------
    p : (n_generator,) float
        With the residual shared by p_max among the regulating units at the node.
    left : (n_node,) float
        What no unit could take, because none stands at the node: an external infeed [p.u.].
    """
    node = case.bus_node[case.generator_bus]
    able = (plan.island >= 0) & case.generator_regulating & (node >= 0)
    size = np.where(np.isfinite(case.generator_p_max), np.maximum(case.generator_p_max, 0.0), 0.0) + 1e-9
    weight = np.where(able, size, 0.0)
    total = sum_at_nodes(case, case.generator_bus, weight)
    share = np.divide(weight, total[node], out=np.zeros_like(weight), where=able)
    return p + share * residual[node], np.where(total > 0, 0.0, residual)
