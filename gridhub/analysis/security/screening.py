"""Screens: which outages may be left without an AC solution, which may not, and by which bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.case.positions import list_lost, mark_losing
from gridhub.kernels.islanding import find_bridges
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.differences import find_lost_injections
from gridhub.solvers.factors import TransferOperator, compute_pair_factors
from gridhub.solvers.islands import find_components
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.sharing import share_changes
from gridhub.solvers.slack import plan_slack
from gridhub.solvers.solution import Solution

FLAG_PERCENT = 90.0
"""An outage is flagged for AC when the screen sees a branch above this share of its limit [%]."""

BLOCK = 256
"""Outages screened together: bounds the memory to n_branch x BLOCK numbers."""


ISLANDING, JOIN, NO_ESTIMATE = "islanding", "join", "no estimate"
"""Bounds of outages that no screen judges: one that splits an island; one where a branch without impedance
counts, whose flow no screen sees; one of which an AC screen finds no state, or none to be trusted."""

INJECTION, LOADING = "injection", "loading"
"""Bounds that flag: units, loads, links or shunts are lost, and with them voltages that DC does not see; a
loading."""


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """What a screen says of each outage.

    Attributes
    ----------
    worst_branch : (k,) int
        Branch with the highest estimated loading after the outage; -1 if none is rated.
    worst_percent : (k,) float
        Its estimated loading [%].
    flagged : (k,) bool
        Whether a bound says that AC has to solve it.
    bound : (k,) object
        Which one, the first that does; of the others, what cleared them. "" where nothing was screened.
    islanding : (k,) bool
        Found by graph.
    worst_bus : (k,) int
        Bus whose estimated voltage comes nearest to a limit or furthest beyond; -1: none is judged.
    worst_vm : (k,) float
        That voltage [p.u.].
    room : (k,) float
        Its distance from the limit [p.u.]; negative beyond it.
    method : {"none", "dc", "1p1q"}
    """

    worst_branch: Ints
    worst_percent: Floats
    flagged: Bools
    bound: NDArray[np.object_]
    islanding: Bools
    worst_bus: Ints
    worst_vm: Floats
    room: Floats
    method: Literal["none", "dc", "1p1q"]

    @property
    def measured(self) -> bool:
        """Whether there are estimates to compare with AC."""
        return self.method != "none"

    @property
    def unknown(self) -> Bools:
        """Outages without an estimate, (k,) bool: they cannot be cleared, and no estimate stands for AC."""
        return np.asarray(np.isin(self.bound, [ISLANDING, JOIN, NO_ESTIMATE]))


def flag_all(case: Case, outages: Sequence[Outage]) -> Screen:
    """Flag every outage without an estimate: all are to be solved by AC."""
    count = len(outages)
    nobody, nothing = np.full(count, -1), np.full(count, np.nan)
    every, no_bound = np.ones(count, dtype=bool), np.full(count, "", dtype=object)
    islanding = find_islanding(case, outages)
    return Screen(nobody, nothing, every, no_bound, islanding, nobody, nothing, nothing, "none")


def mark_unseen(case: Case, outages: Sequence[Outage], limit: Floats) -> Bools:
    """Mark the outages a screen cannot judge: they lose a branch without impedance, or one is rated."""
    joins = case.branch_joins
    if joins.any() and not np.isnan(limit[joins]).all():
        return np.ones(len(outages), dtype=bool)
    return mark_losing(outages, "branch", joins)


def merge_screens(parts: Sequence[tuple[Ints, Screen]]) -> Screen:
    """Put screens of several groups of outages into one, by their positions among all."""
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    names = [one.name for one in fields(Screen) if one.name != "method"]
    joined = {name: np.concatenate([getattr(part, name) for _, part in parts])[order] for name in names}
    return Screen(method=parts[0][1].method, **joined)


def find_islanding(case: Case, outages: Sequence[Outage]) -> Bools:
    """Tell by graph which outages split an island: bridges for single branches, components for several.

    The graph is that of the buses, so that branches without impedance count like any other.
    """
    present = case.branch_on | case.branch_joins
    ends, n_bus = (case.branch_from_bus, case.branch_to_bus), len(case.bus_node)
    result = mark_losing(outages, "branch", find_bridges(n_bus, *ends, present))
    several = np.bincount(list_lost(outages, "branch")[0], minlength=len(outages)) > 1
    unclear = np.flatnonzero(several & ~result)
    if len(unclear):
        before = find_components(n_bus, ends[0][present], ends[1][present])[0]
    for k in unclear.tolist():
        left = present.copy()
        left[list(outages[k].branch)] = False
        result[k] = find_components(n_bus, ends[0][left], ends[1][left])[0] > before
    return result


def mark_injecting(outages: Sequence[Outage]) -> Bools:
    """Mark the outages that lose units, loads, links or shunts, and not branches alone."""
    kinds = ("generator", "load", "hvdc", "storage", "shunt")
    return np.asarray(np.any([mark_losing(outages, kind) for kind in kinds], axis=0))


def _estimate_moves(
    base: Solution, plan: DcPlan, outages: Sequence[Outage], known: Bools, options: PowerFlowOptions
) -> Floats:
    """Change of every branch's flow by what else than branches each outage takes, (n_branch, k) [p.u.]."""
    case = base.case
    change = np.zeros((case.n_branch, len(outages)))
    columns = np.flatnonzero(mark_injecting(outages) & known)
    if not len(columns):
        return change
    some = [outages[k] for k in columns.tolist()]
    islands = plan.islands
    before = solve_dc(case, options.dc_convention, options.distributed_slack, plan)
    slack = plan_slack(before.case, islands, options.distributed_slack)
    sharing = np.flatnonzero((slack.island >= 0) & (slack.share > 0))
    moved = np.zeros((case.n_node, len(some)))
    owner, node, power = find_lost_injections(case, islands.live, sharing, some)
    np.add.at(moved, (node, owner), power.real)
    owner, lost = list_lost(some, "shunt")
    node = case.bus_node[case.shunt_bus[lost]]
    here = case.shunt_on[lost] & (node >= 0)
    np.add.at(moved, (node[here], owner[here]), case.shunt_g[lost[here]])
    moved[~islands.live] = 0.0
    moved += share_changes(case, slack, before.imbalance, islands.island, some, moved)
    change[:, columns] = TransferOperator(plan).apply(moved)
    return change


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
    change = _estimate_moves(base, plan, outages, known, options)
    change[:, ~known] = np.nan
    single = (np.bincount(owner, minlength=len(outages)) == 1) & known & ~mark_injecting(outages)
    of_single = single[owner]
    columns, out = owner[of_single], branch[of_single]
    factors = pair[:, np.searchsorted(lost, out)]
    change[:, columns] = factors * (flow[out] / (1.0 - factors[out, np.arange(len(out))]))
    change[out, columns] = -flow[out]
    several = (np.bincount(owner, minlength=len(outages)) > 0) & known & ~single
    for k in np.flatnonzero(several).tolist():
        out = branch[owner == k]
        factors = pair[:, np.searchsorted(lost, out)]
        matrix = np.eye(len(out)) - factors[out]
        change[:, k] += factors @ np.linalg.solve(matrix, flow[out] + change[out, k])
        change[out, k] = -flow[out]
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
    or transfer factors of what is lost and of the units that take it up; it is added to the AC flow before
    the outage, and reactive flow is taken as unchanged. Voltages are not seen: an outage that is screened out
    is clear of overloads by this estimate and nothing more is known of it.
    """
    case = base.case
    plan = plan_dc(case, options.dc_convention)
    islanding = find_islanding(case, outages)
    unseen = mark_unseen(case, outages, limit)
    worst = np.full(len(outages), -1)
    percent = np.full(len(outages), np.nan)
    ends = [(np.nan_to_num(s.real), np.nan_to_num(s.imag)) for s in (base.s_from, base.s_to)]
    rated = ~np.isnan(limit) & case.branch_on
    positions = np.flatnonzero(rated)
    for first in range(0, len(outages), BLOCK):
        block = slice(first, first + BLOCK)
        known = ~(islanding[block] | unseen[block])
        change = _estimate(base, plan, outages[block], known, options)
        if not rated.any():
            continue
        moved = change[rated]
        squares = [
            np.square(p[rated, None] + sign * moved) + np.square(q[rated, None])
            for (p, q), sign in zip(ends, (1.0, -1.0), strict=True)
        ]
        # a limit of 0 is passed by any flow; no flow at all does not pass it
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.nan_to_num(np.maximum(*squares) / np.square(limit[rated, None]), posinf=np.inf)
        owner, branch = list_lost(outages[block], "branch")
        owner, branch = owner[rated[branch]], branch[rated[branch]]
        share[np.searchsorted(positions, branch), owner] = 0.0
        columns = np.flatnonzero(known)
        top = np.argmax(share[:, columns], axis=0)
        worst[first + columns] = positions[top]
        percent[first + columns] = 100.0 * np.sqrt(share[top, columns])
    over = ~(percent <= FLAG_PERCENT) & (worst >= 0)
    injecting = mark_injecting(outages)
    reasons = [islanding, unseen, over, injecting]
    bound = np.select(reasons, [ISLANDING, JOIN, LOADING, INJECTION], LOADING).astype(object)
    flagged = np.asarray(np.any(reasons, axis=0))
    nobody, nothing = np.full(len(outages), -1), np.full(len(outages), np.nan)
    return Screen(worst, percent, flagged, bound, islanding, nobody, nothing, nothing, "dc")
