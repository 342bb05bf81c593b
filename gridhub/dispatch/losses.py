"""Losses of branches in a linear programme: above the tangents of r f^2, added where solutions lie."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_array, csr_array, diags_array, hstack
from scipy.sparse.linalg import splu

from gridhub.case.case import Case, Floats, Ints
from gridhub.dispatch.cuts import weigh_flows
from gridhub.dispatch.problem import HourProblem, Kind
from gridhub.dispatch.programme import LpSolution, ProgrammePart

LOSS_TOLERANCE_MW = 0.1
"""By how much the losses of an hour, added up over its branches, may be missed."""

LARGEST_SHARE = 1e-3
"""Share of the losses that may be missed, where that is less: small grids have losses of a few MW."""

SMALL_SHARE = 0.5
"""Share of the tolerance that branches without a new tangent may miss together."""

SMALLEST_SHORT = 1e-7
"""Loss that a branch may miss in any case [MW]: the programme meets its rows no better."""

SMALLEST_LOSS = 1e-6
"""Loss beyond that of the flow that counts as burnt power [MW]."""

MAX_HELD_ROUNDS = 20
"""Times that losses held as a load are found again; each leaves a few percent of the last one's change."""


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


class LossCurves:
    r"""Losses of the branches of an hour, held above tangents of r f^2.

    Parameters
    ----------
    part : ProgrammePart
        With the columns of the problem first, then the angles.
    problem : HourProblem
    tolerance_mw : float
        By how much the losses, added up, may be missed.

    Notes
    -----
    .. math:: L_l \ge 2 r_l f_k f_l - r_l f_k^2

    for flows f_k of solutions so far (in units of the power base). The programme's losses are never above the
    true ones by this, and at the end below them by `tolerance_mw` at most, added up. As the tangents stand in
    the programme, its duals hold what a MW changes of the losses: prices carry marginal losses, and units are
    preferred that cause less of them.

    Where power has a price below 0, or none, a programme could lose more than flows do. Such branches are
    held at the loss of their flow, found again until it stays, and prices know no change of it; so are
    branches with a negative resistance.

    References
    ----------
    J. E. Kelley, "The cutting-plane method for solving convex programs", Journal of the Society for
    Industrial and Applied Mathematics 8 (1960) 703-712, doi:10.1137/0108053.
    """

    def __init__(self, part: ProgrammePart, problem: HourProblem, tolerance_mw: float) -> None:
        self.part, self.problem, self.tolerance_mw = part, problem, tolerance_mw
        columns = problem.columns
        self.of: Ints = np.flatnonzero(columns.kind == Kind.BRANCH_LOSS)
        self.branch: Ints = columns.element[self.of]
        self.resistance = problem.case.r[self.branch] / problem.case.base_mva
        count, n_column = len(self.of), len(columns.kind)
        weight = csr_array(
            (np.ones(count), (np.arange(count), self.branch)), shape=(count, problem.case.n_branch)
        )
        rows = weigh_flows(problem, weight)
        self._flow = csr_array(hstack([csr_array((count, n_column)), rows.by_angle]))
        self._offset = rows.offset
        # of each tangent: the branch it belongs to, as a place in `of`, its slope and its row
        self._which: Ints = np.empty(0, dtype=np.int64)
        self._slope = np.empty(0)
        self._least = np.empty(0)
        self._row: Ints = np.empty(0, dtype=np.int64)
        self.held = self.resistance < 0
        self.rounds = 0

    def _find_flow(self, solution: LpSolution) -> Floats:
        return np.asarray(self._flow @ solution.x[: self._flow.shape[1]] + self._offset)

    def refine(self, solution: LpSolution) -> int:
        """Add tangents where a solution of the hour loses less than its flows do; how many."""
        if not len(self.of):
            return 0
        flow = self._find_flow(solution)
        lost = np.where(self.held, 0.0, self.resistance * flow**2)
        allowed = min(self.tolerance_mw, LARGEST_SHARE * float(lost.sum()))
        short = lost - np.where(self.held, 0.0, solution.x[self.of])
        short = np.where(short > SMALLEST_SHORT, short, 0.0)
        if short.sum() <= allowed:
            return 0
        # a row for what matters: all the small ones together are within the tolerance
        order = np.argsort(short, kind="stable")
        which = np.sort(order[np.cumsum(short[order]) > SMALL_SHARE * allowed])
        slope = 2.0 * self.resistance[which] * flow[which]
        least = slope * self._offset[which] - self.resistance[which] * flow[which] ** 2
        own = csr_array(
            (np.ones(len(which)), (np.arange(len(which)), self.of[which])),
            shape=(len(which), self._flow.shape[1]),
        )
        matrix = own - diags_array(slope) @ self._flow[which]
        row = self.part.add_rows(csr_array(matrix), least, np.full(len(which), np.inf))
        self._which = np.concatenate([self._which, which])
        self._slope, self._least = np.concatenate([self._slope, slope]), np.concatenate([self._least, least])
        self._row = np.concatenate([self._row, row])
        return len(which)

    def hold(self, solution: LpSolution) -> int:
        """Hold the losses of branches that burn power, and follow the flows of those held; how many move."""
        if not len(self.of):
            return 0
        lost = self.resistance * self._find_flow(solution) ** 2
        over = solution.x[self.of] - lost
        burnt = ~self.held & (over > max(SMALLEST_LOSS, self.tolerance_mw / len(self.of)))
        for row in self._row[burnt[self._which]].tolist():
            self.part.programme.change_row(int(self.part.rows[row]), -np.inf, np.inf)
        self.held = self.held | burnt
        moved = self.held & (np.abs(over) > 0.0)
        if np.abs(over[moved]).sum() <= self.tolerance_mw and not burnt.any():
            return 0
        if self.rounds == MAX_HELD_ROUNDS:
            return 0
        self.rounds += 1
        for place in np.flatnonzero(moved).tolist():
            self._bound(place, float(lost[place]), float(lost[place]))
        return int(moved.sum())

    def _bound(self, place: int, low: float, high: float) -> None:
        self.part.programme.change_bounds(int(self.part.columns[self.of[place]]), low, high)

    def release(self) -> None:
        """Let branches lose what their flows do again, but for those with a negative resistance."""
        freed = self.held & (self.resistance > 0)
        for place in np.flatnonzero(freed).tolist():
            self._bound(place, 0.0, np.inf)
        for k in np.flatnonzero(freed[self._which]).tolist():
            row = int(self.part.rows[self._row[k]])
            self.part.programme.change_row(row, float(self._least[k]), np.inf)
        self.held, self.rounds = self.resistance < 0, 0

    def describe(self, solution: LpSolution) -> str:
        """Say which losses have no part in prices, and whether those settled."""
        held = self.held & (self.resistance > 0)
        said = []
        if held.any():
            said.append(
                f"the losses of {int(held.sum()):,} branches are a load, or they would burn power that is "
                "worth nothing: prices hold no change of them"
            )
        over = np.abs(solution.x[self.of] - self.resistance * self._find_flow(solution) ** 2)
        left = float(over[self.held].sum())
        if left > self.tolerance_mw:
            said.append(f"losses still change by {left:.2g} MW after {MAX_HELD_ROUNDS} rounds")
        return "; ".join(said)

    def find_delivery(self, solution: LpSolution) -> Floats | None:
        r"""Find the prices that losses alone would make, 1 at each reference, (n_node,); None: no losses.

        Notes
        -----
        Without limits the duals v of the balance leave no angle to gain by:

        .. math:: (C' b + \tfrac12 |C|' m b)' v = 0

        over the free angles, with m the loss that one more MW of flow causes, as the tangents have it.
        """
        if not len(self.of):
            return None
        plan, case = self.problem.plan, self.problem.case
        dual = np.maximum(solution.dual[self._row], 0.0)
        dual[self.held[self._which]] = 0.0
        weight = np.bincount(self._which, dual, len(self.of))
        slope = 2.0 * self.resistance * self._find_flow(solution)
        mixed = np.bincount(self._which, dual * self._slope, len(self.of))
        slope = np.divide(mixed, weight, out=slope, where=weight > 0)
        slope[self.held] = 0.0
        by_angle = csr_array(self.problem.flow_by_angle)
        ends = np.concatenate([case.branch_from[self.branch], case.branch_to[self.branch]])
        places = np.tile(np.arange(len(self.of)), 2)
        drawn = csr_array((np.tile(0.5 * slope, 2), (ends, places)), shape=(case.n_node, len(self.of)))
        away = csc_array(csr_array(plan.incidence.T) @ by_angle + drawn @ by_angle[self.branch])
        value = np.zeros(case.n_node)
        value[plan.islands.reference[plan.islands.reference >= 0]] = 1.0
        if len(plan.free):
            value[plan.free] = splu(csc_array(away[plan.free].T)).solve(-(away.T @ value))
        return value
