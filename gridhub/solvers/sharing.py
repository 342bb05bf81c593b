"""Who takes up what each of many outages changes in the balance of its island."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from gridhub.case.case import Case, Floats, Ints, Outage
from gridhub.case.positions import list_lost
from gridhub.solvers.slack import SlackPlan

LARGEST_ROUNDS = 50
"""Steps of an imbalance; each brings one more unit at least to a limit or away from it."""

ROUNDING = 1e-12
"""Power below this is rounding, relative to what an island needs."""


def share_changes(
    case: Case,
    slack: SlackPlan,
    imbalance: Floats,
    island: Ints,
    outages: Sequence[Outage],
    left: Floats,
) -> Floats:
    """Change of what the units inject at each node after each outage.

    Parameters
    ----------
    case : Case
    slack : SlackPlan
        Before the outages.
    imbalance : (n_island,) float
        Imbalance of each island before the outages, for `SlackPlan.dispatch` [p.u.].
    island : (n_node,) int
    outages : sequence of Outage
    left : (n_node, k) float
        Power each outage leaves over at the nodes, without the units that share imbalances [p.u.].

    Returns
    -------
    (n_node, k) float
        With the output of lost units taken away [p.u.]; NaN where the units left cannot take up what is
        missing within their limits. 0 in islands where nobody shares.

    Notes
    -----
    For each island and outage the imbalance is moved until sum clip(scheduled + share * imbalance, low, high)
    over the units left is what is needed, as in `gridhub.solvers.slack.balance_islands`.
    """
    count, n_island = len(outages), len(imbalance)
    owner, lost = list_lost(outages, "generator")
    before, _ = slack.dispatch(imbalance)
    surplus = _sum_rows(island, left, n_island)
    change = np.zeros((case.n_node, count))
    node = case.bus_node[case.generator_bus]
    for k in np.flatnonzero(slack.shared).tolist():
        units = np.flatnonzero((slack.island == k) & (slack.share > 0))
        there = np.ones((len(units), count), dtype=bool)
        mine = np.isin(lost, units)
        there[np.searchsorted(units, lost[mine]), owner[mine]] = False
        concerned = np.flatnonzero((surplus[k] != 0.0) | ~there.all(axis=0))
        if not len(concerned):
            continue
        there = there[:, concerned]
        needed = before[units].sum() - surplus[k, concerned]
        moved = _balance(slack, units, there, imbalance[k], needed) - before[units][:, None]
        change[:, concerned] += _sum_rows(node[units], moved, case.n_node)
    return change


def _sum_rows(group: Ints, values: Floats, count: int) -> Floats:
    """Add up the rows of each group, (count, k)."""
    rows = np.arange(len(group))
    return np.asarray(csr_array((np.ones(len(group)), (group, rows)), shape=(count, len(group))) @ values)


def _balance(slack: SlackPlan, units: Ints, there: np.ndarray, start: float, needed: Floats) -> Floats:
    """Power of some units that adds up to what is needed, (m, k); NaN columns where it cannot."""
    share = np.where(there, slack.share[units, None], 0.0)
    low, high, scheduled = (
        np.where(there, values[units, None], 0.0) for values in (slack.low, slack.high, slack.scheduled)
    )
    imbalance = np.full(len(needed), start)
    rounding = ROUNDING * np.maximum(1.0, np.abs(needed))
    for _ in range(LARGEST_ROUNDS):
        asked = scheduled + share * imbalance
        power = np.clip(asked, low, high)
        missing = needed - power.sum(axis=0)
        missing[np.abs(missing) <= rounding] = 0.0
        up = missing > 0
        # only units that can move the way the imbalance has to go have a say in the slope
        able = np.where(up, (asked >= low) & (asked < high), (asked > low) & (asked <= high))
        slope = np.where(able, share, 0.0).sum(axis=0)
        step = np.divide(missing, slope, out=np.zeros(len(needed)), where=slope > 0)
        if not step.any():
            break
        imbalance = imbalance + step
    return np.asarray(np.where(missing == 0.0, power, np.nan))
