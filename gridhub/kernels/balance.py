"""Imbalances of many injection sets, shared by the units of each island within their limits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.jit import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ROUNDING = 1e-13
"""Imbalance, as a share of what an island needs, that counts as none."""


@compiled
def share_imbalances(
    scheduled: Floats,
    required: Floats,
    start: Ints,
    p_min: Floats,
    p_max: Floats,
    given: Floats,
    willing: Bools,
    p: Floats,
    imbalance: Floats,
    missing: Floats,
    shared: Bools,
) -> None:
    """Balance every island of every injection set.

    Parameters
    ----------
    scheduled : (n_set, n_unit) float
        Scheduled active power of the units in service, island by island [p.u.].
    required : (n_set, n_island) float
        Generation each island needs in all [p.u.].
    start : (n_island + 1,) int
        Island i has the units start[i] to start[i + 1].
    p_min, p_max : (n_unit,) float
        Limits [p.u.], infinite where unknown; a schedule beyond them widens them.
    given : (n_unit,) float
        Share in an imbalance that was given, 0 if none was.
    willing : (n_unit,) bool
        Units that share by size in an island where no share was given.
    p : (n_set, n_unit) float
        Out: power of each unit [p.u.].
    imbalance, missing : (n_set, n_island) float
        Out: power asked of an island's units beyond their schedule, and what they cannot give [p.u.].
        What a NaN in the set makes of them says nothing.
    shared : (n_set, n_island) bool
        Out: islands with a unit that shares; the others are left as scheduled.

    Notes
    -----
    The same rule as `gridhub.solvers.slack.plan_slack` and `balance_islands`, set by set: p =
    clip(scheduled + share * imbalance), the imbalance found by steps along the slope of the units that can
    still move the way it has to go.
    """
    n_set, n_unit = scheduled.shape
    share, low, high = np.empty(n_unit), np.empty(n_unit), np.empty(n_unit)
    for i in range(len(start) - 1):
        left, right = start[i], start[i + 1]
        has_given = (given[left:right] > 0).any()
        for s in range(n_set):
            total = 0.0
            for u in range(left, right):
                plan = scheduled[s, u]
                low[u], high[u] = min(p_min[u], plan), max(p_max[u], plan)
                size = max(p_max[u] if p_max[u] < np.inf else plan, 0.0)
                share[u] = given[u] if has_given else size if willing[u] else 0.0
                total += share[u]
                p[s, u] = plan
            shared[s, i] = total > 0
            imbalance[s, i] = missing[s, i] = 0.0
            if total > 0:
                for u in range(left, right):
                    share[u] /= total
                imbalance[s, i], missing[s, i] = _balance(
                    scheduled[s, left:right],
                    share[left:right],
                    low[left:right],
                    high[left:right],
                    required[s, i],
                    p[s, left:right],
                )


@compiled
def _balance(
    scheduled: Floats, share: Floats, low: Floats, high: Floats, required: float, p: Floats
) -> tuple[float, float]:
    """Balance one island: its imbalance, and what its units cannot give [p.u.]."""
    imbalance = 0.0
    for _ in range(2 * len(p) + 2):
        total = 0.0
        for u in range(len(p)):
            p[u] = min(max(scheduled[u] + share[u] * imbalance, low[u]), high[u])
            total += p[u]
        missing = required - total
        if abs(missing) <= ROUNDING * max(1.0, abs(required)):
            return imbalance, 0.0
        slope = 0.0
        for u in range(len(p)):
            asked = scheduled[u] + share[u] * imbalance
            # only units that can move the way the imbalance has to go have a say in the slope
            up, down = low[u] <= asked < high[u], low[u] < asked <= high[u]
            slope += share[u] * (up if missing > 0 else down)
        if not slope > 0:
            break
        imbalance += missing / slope
    return imbalance, missing
