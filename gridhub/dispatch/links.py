"""Links and storage that a linear programme runs both ways at once, burning power at a negative price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridhub.case.case import Floats, Ints
from gridhub.dispatch.problem import HourProblem, Kind

SMALLEST_FLOW = 1e-6
"""Power in the weaker direction that counts as none [MW]."""


def find_both_ways(problem: HourProblem, x: Floats) -> Ints:
    """Find the columns of lossy links and storage that run against the stronger direction of the same one.

    Parameters
    ----------
    problem : HourProblem
    x : (n_column or more,) float
        Dispatch [MW].
    """
    columns, share = problem.columns, problem.case.hvdc_loss_share
    found = []
    for kinds in ((Kind.LINK_FORWARD, Kind.LINK_BACKWARD), (Kind.STORAGE_OUT, Kind.STORAGE_IN)):
        ahead, back = (np.flatnonzero(columns.kind == kind) for kind in kinds)
        bad = np.minimum(x[ahead], x[back]) > SMALLEST_FLOW
        bad &= (columns.low[ahead] == 0) & (columns.low[back] == 0)
        if kinds[0] == Kind.LINK_FORWARD:
            bad &= share[columns.element[ahead]] > 0
        found.append(np.where(x[ahead] < x[back], ahead, back)[bad])
    return np.concatenate(found)


def close_columns(problem: HourProblem, chosen: Ints) -> HourProblem:
    """Hold columns at 0."""
    high = problem.columns.high.copy()
    high[chosen] = 0.0
    return replace(problem, columns=replace(problem.columns, high=high))
