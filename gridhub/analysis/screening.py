"""DC screen: which outages may be left without an AC solution, and which may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.case.positions import list_lost, mark_losing
from gridhub.kernels.graph import find_bridge_positions
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.factors import compute_pair_factors
from gridhub.solvers.islands import find_components
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution

FLAG_PERCENT = 90.0
"""An outage is flagged for AC when the screen sees a branch above this share of its limit [%]."""

BLOCK = 256
"""Outages screened together: bounds the memory to n_branch x BLOCK numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """What the DC screen says of each outage.

    Attributes
    ----------
    worst_branch : (k,) int
        Branch with the highest estimated loading after the outage; -1 if none is rated.
    worst_percent : (k,) float
        Its estimated loading [%].
    flagged : (k,) bool
        Above `FLAG_PERCENT`, islanding, or beyond what the screen can tell: an outage of units, loads, links
        or shunts moves voltages, which DC does not see.
    islanding : (k,) bool
        Found by graph.
    measured : bool
        Whether there are estimates to compare with AC; False if no screen was asked for.
    """

    worst_branch: Ints
    worst_percent: Floats
    flagged: Bools
    islanding: Bools
    measured: bool = True


def flag_all(case: Case, outages: Sequence[Outage]) -> Screen:
    """Flag every outage without an estimate: all are to be solved by AC."""
    count = len(outages)
    nothing = np.full(count, np.nan)
    return Screen(
        np.full(count, -1), nothing, np.ones(count, dtype=bool), find_islanding(case, outages), False
    )


def find_islanding(case: Case, outages: Sequence[Outage]) -> Bools:
    """Tell by graph which outages split an island: bridges for single branches, components for several.

    The graph is that of the buses, so that branches without impedance count like any other.
    """
    present = case.branch_on | case.branch_joins
    ends, n_bus = (case.branch_from_bus, case.branch_to_bus), len(case.bus_node)
    bridge = np.zeros(case.n_branch, dtype=bool)
    bridge[present] = find_bridge_positions(n_bus, ends[0][present], ends[1][present])
    result = mark_losing(outages, "branch", bridge)
    several = np.bincount(list_lost(outages, "branch")[0], minlength=len(outages)) > 1
    unclear = np.flatnonzero(several & ~result)
    if len(unclear):
        before = find_components(n_bus, ends[0][present], ends[1][present])[0]
    for k in unclear.tolist():
        left = present.copy()
        left[list(outages[k].branch)] = False
        result[k] = find_components(n_bus, ends[0][left], ends[1][left])[0] > before
    return result


def _mark_injecting(outages: Sequence[Outage]) -> Bools:
    """Mark the outages that lose units, loads, links or shunts, and not branches alone."""
    kinds = ("generator", "load", "hvdc", "storage", "shunt")
    return np.asarray(np.any([mark_losing(outages, kind) for kind in kinds], axis=0))


def _solve_flows(case: Case, plan: DcPlan, options: PowerFlowOptions) -> Floats:
    return solve_dc(case, options.dc_convention, options.distributed_slack, plan).p_from


def _estimate(
    base: Solution, plan: DcPlan, outages: Sequence[Outage], known: Bools, options: PowerFlowOptions
) -> Floats:
    """Change of every branch's active flow by each outage, (n_branch, k) [p.u.]; NaN where not known."""
    case = base.case
    flow = 0.5 * np.nan_to_num(base.s_from.real - base.s_to.real)
    owner, branch = list_lost(outages, "branch")
    live = case.branch_on[branch] & known[owner]
    owner, branch = np.divmod(np.unique(owner[live] * case.n_branch + branch[live]), max(1, case.n_branch))
    lost = np.unique(branch)
    pair = compute_pair_factors(case, plan, lost)
    injecting = _mark_injecting(outages)
    change = np.zeros((case.n_branch, len(outages)))
    change[:, ~known] = np.nan
    single = (np.bincount(owner, minlength=len(outages)) == 1) & known & ~injecting
    of_single = single[owner]
    columns, out = owner[of_single], branch[of_single]
    factors = pair[:, np.searchsorted(lost, out)]
    change[:, columns] = factors * (flow[out] / (1.0 - factors[out, np.arange(len(out))]))
    change[out, columns] = -flow[out]
    before = _solve_flows(case, plan, options) if injecting.any() else flow
    for k in np.flatnonzero(known & ~single).tolist():
        if injecting[k]:
            after = _solve_flows(case.take_out(replace(outages[k], branch=())), plan, options)
            change[:, k] = np.nan_to_num(after - before)
        several = branch[owner == k]
        if len(several):
            factors = pair[:, np.searchsorted(lost, several)]
            matrix = np.eye(len(several)) - factors[several]
            change[:, k] += factors @ np.linalg.solve(matrix, flow[several] + change[several, k])
            change[several, k] = -flow[several]
    return change


def screen_outages(
    base: Solution, outages: Sequence[Outage], limit: Floats, options: PowerFlowOptions
) -> Screen:
    """Estimate the loading after each outage by the DC model.

    Parameters
    ----------
    base : Solution
        Solved AC state before any outage.
    outages : sequence of Outage
    limit : (n_branch,) float
        Limit after an outage [p.u.]; NaN = unrated.
    options : PowerFlowOptions

    Returns
    -------
    Screen

    Notes
    -----
    The change of active power comes from outage factors (one branch), the small system I - H_kk (several),
    or a DC solve with the lost MW taken up by the slack; it is added to the AC flow before the outage, and
    reactive flow is taken as unchanged. Voltages are not seen: an outage that is screened out is clear of
    overloads by this estimate and nothing more is known of it.
    """
    case = base.case
    plan = plan_dc(case, options.dc_convention)
    islanding = find_islanding(case, outages)
    unsolvable = mark_losing(outages, "branch", case.branch_joins)
    worst = np.full(len(outages), -1)
    percent = np.full(len(outages), np.nan)
    ends = [(np.nan_to_num(s.real), np.nan_to_num(s.imag)) for s in (base.s_from, base.s_to)]
    rated = ~np.isnan(limit) & case.branch_on
    positions = np.flatnonzero(rated)
    for first in range(0, len(outages), BLOCK):
        block = slice(first, first + BLOCK)
        known = ~(islanding[block] | unsolvable[block])
        change = _estimate(base, plan, outages[block], known, options)
        if not rated.any():
            continue
        moved = change[rated]
        squares = [
            np.square(p[rated, None] + sign * moved) + np.square(q[rated, None])
            for (p, q), sign in zip(ends, (1.0, -1.0), strict=True)
        ]
        share = np.maximum(*squares) / np.square(limit[rated, None])
        owner, branch = list_lost(outages[block], "branch")
        owner, branch = owner[rated[branch]], branch[rated[branch]]
        share[np.searchsorted(positions, branch), owner] = 0.0
        columns = np.flatnonzero(known)
        top = np.argmax(share[:, columns], axis=0)
        worst[first + columns] = positions[top]
        percent[first + columns] = 100.0 * np.sqrt(share[top, columns])
    flagged = islanding | unsolvable | _mark_injecting(outages) | ~(percent <= FLAG_PERCENT) & (worst >= 0)
    return Screen(worst, percent, flagged, islanding)
