"""Losses of branches in a dispatch: drawn at their ends, and found again until they stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridhub.case.case import Case, Floats, Ints
from gridhub.dispatch.bent_costs import COST_ERROR
from gridhub.dispatch.coupling import Coupling
from gridhub.dispatch.horizon import HorizonResult, find_binding_cuts, solve_horizon
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.offers import Offers
from gridhub.dispatch.result import DispatchStatus
from gridhub.dispatch.security import SecurityPlan
from gridhub.solvers.dc import DcPlan

MAX_LOSS_ROUNDS = 20
"""Times that losses are found again; each round leaves a few percent of the last one's change."""


def compute_branch_losses(case: Case, flow: Floats) -> Floats:
    r"""Compute what branches lose at the active power they carry, voltages at 1 p.u.

    Parameters
    ----------
    case : Case
    flow : (n_branch,) float
        [MW]; NaN counts as 0.

    Returns
    -------
    (n_branch,) float
        [MW].

    Notes
    -----
    .. math:: L = r f^2 / S_{base}

    Reactive power and voltages away from 1 p.u. are left out: AC losses are higher where either is large.
    """
    flow = np.where(case.branch_on & ~np.isnan(flow), flow, 0.0)
    return np.asarray(np.where(case.branch_joins, 0.0, case.r) * flow**2 / case.base_mva)


def solve_lossy_horizon(
    hours: Sequence[tuple[Case, Offers]],
    plan: DcPlan,
    limits: FlowLimits,
    security: SecurityPlan | None = None,
    coupling: Coupling | None = None,
    *,
    loss_tolerance_mw: float,
    start_cuts: Ints | None = None,
    tolerance_mw: float = 1e-6,
    cost_error: float = COST_ERROR,
) -> HorizonResult:
    r"""Dispatch hours as `gridhub.dispatch.horizon.solve_horizon` does, with the losses of branches.

    Parameters
    ----------
    hours, plan, limits, security, coupling, start_cuts, tolerance_mw, cost_error
        As there; losses in the offers are the first guess.
    loss_tolerance_mw : float
        By how much the losses of an hour, added up over its branches, may still change.

    Returns
    -------
    HorizonResult
        The losses that the balance holds are in `HourResult.losses`. Hours whose losses still change after
        `MAX_LOSS_ROUNDS` rounds say so in their message.

    Notes
    -----
    .. math:: A p^{k+1} - d = \tfrac12 |C|' L^k, \quad L^k = r\,(f^k)^2 / S_{base}

    Half of a branch's losses is drawn at each end (C is the incidence). The losses are a load, so units
    are not preferred for causing less of them, and prices carry no marginal losses. After an outage the
    losses are those before it.
    """
    for _ in range(MAX_LOSS_ROUNDS):
        found = solve_horizon(
            hours,
            plan,
            limits,
            security,
            coupling,
            start_cuts=start_cuts,
            tolerance_mw=tolerance_mw,
            cost_error=cost_error,
        )
        losses = [
            compute_branch_losses(case, one.flow) for (case, _), one in zip(hours, found.hours, strict=True)
        ]
        change = np.array(
            [np.abs(new - one.losses).sum() for new, one in zip(losses, found.hours, strict=True)]
        )
        if change.max(initial=0.0) <= loss_tolerance_mw:
            return found
        start_cuts = find_binding_cuts(found.hours)
        hours = [
            (case, replace(offers, losses=new)) for (case, offers), new in zip(hours, losses, strict=True)
        ]
    results = []
    for one, left in zip(found.hours, change.tolist(), strict=True):
        text = f"losses still change by {left:.2g} MW after {MAX_LOSS_ROUNDS} rounds"
        bad = left > loss_tolerance_mw and one.status is not DispatchStatus.UNSOLVED
        results.append(replace(one, message="; ".join(filter(None, (one.message, text)))) if bad else one)
    return replace(found, hours=tuple(results))
