"""Limits that a dispatch breaks, before and after outages, and the rows that forbid it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array, csc_array, csr_array, diags_array, vstack

from gridhub.case.case import Floats, Ints
from gridhub.dispatch.limits import FlowLimits
from gridhub.dispatch.problem import HourProblem, compute_flow, find_shift_flow
from gridhub.dispatch.security import Replanned, SecurityPlan
from gridhub.kernels.set_overloads import find_set_overloads
from gridhub.solvers.factors import TransferOperator

INTACT = -1
"""Stands for the network before any outage."""


@dataclass(frozen=True, slots=True, eq=False)
class Breaches:
    """Branch limits that a dispatch breaks.

    Attributes
    ----------
    branch, outage : (k,) int
        `INTACT` where no outage is needed.
    over : (k,) float
        Flow beyond the limit [MW].
    """

    branch: Ints
    outage: Ints
    over: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FlowRows:
    """Flows as linear functions: ``by_column @ x + by_angle @ t + offset`` [MW].

    Attributes
    ----------
    by_column : (k, n_column) sparse
        Columns of the hour; none for flows before an outage.
    by_angle : (k, n_free) sparse
        Angles of the plan's free nodes, times the power base.
    by_node : (k, n_node) sparse
        What a MW injected at a node adds beyond what it does to the angles: only rows written out by all
        columns have entries.
    offset : (k,) float
        [MW].
    """

    by_column: csr_array
    by_angle: csr_array
    by_node: csr_array
    offset: Floats


def find_breaches(
    problem: HourProblem,
    limits: FlowLimits,
    security: SecurityPlan | None,
    x: Floats,
    tolerance_mw: float,
    held: tuple[Ints, Ints],
) -> Breaches:
    """Find, for every branch, the state that loads it most beyond its limit, and for every outage the branch.

    Parameters
    ----------
    problem : HourProblem
    limits : FlowLimits
    security : SecurityPlan, optional
        None: the intact network alone.
    x : (n_column,) float
        Dispatch.
    tolerance_mw : float
        What counts as within the limit.
    held : (branch, outage)
        Limits that are in the programme: broken at a price or by rounding, they would hide others.

    Returns
    -------
    Breaches
        Sorted by branch, then outage. Empty: no limit is broken that is not in the programme.
    """
    flow = problem.compute_flow(x)
    low, high = limits.find_range()
    over = np.maximum(flow - high, low - flow)
    over[held[0][held[1] == INTACT]] = -np.inf
    bad = np.flatnonzero(over > tolerance_mw)
    found = [(bad, np.full(len(bad), INTACT), over[bad])]
    if security is not None:
        rate = np.where(np.isnan(limits.rate_after), np.inf, limits.rate_after)
        if len(security.whole):
            found.append(_find_after_sets(security, flow, rate, tolerance_mw, held))
        injection = problem.compute_injection(x)
        for one in security.replanned:
            over = np.abs(_compute_flow_after(problem, one, x, injection)) - rate
            over[held[0][held[1] == one.number]] = -np.inf
            worst = int(np.argmax(over)) if len(over) else 0
            if len(over) and over[worst] > tolerance_mw:
                found.append((np.array([worst]), np.array([one.number]), over[[worst]]))
    branch, outage, over = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((outage, branch))
    return Breaches(branch[order], outage[order], over[order])


def _find_after_sets(
    security: SecurityPlan, flow: Floats, rate: Floats, tolerance_mw: float, held: tuple[Ints, Ints]
) -> tuple[Ints, Ints, Floats]:
    factors = security.factors
    mine = np.isin(held[1], security.whole)
    place = np.searchsorted(security.whole, held[1][mine])
    branch_of_set, over_of_set, set_of_branch, over_of_branch = find_set_overloads(
        flow,
        rate,
        factors.start,
        factors.lost,
        factors.factor,
        np.searchsorted(np.sort(place), np.arange(len(security.whole) + 1)),
        held[0][mine][np.argsort(place, kind="stable")],
        tolerance_mw,
    )
    sets, branches = np.flatnonzero(branch_of_set >= 0), np.flatnonzero(set_of_branch >= 0)
    branch = np.concatenate([branch_of_set[sets], branches])
    which = np.concatenate([sets, set_of_branch[branches]])
    over = np.concatenate([over_of_set[sets], over_of_branch[branches]])
    _, first = np.unique(np.stack([branch, which]), axis=1, return_index=True)
    return branch[first], security.whole[which[first]], over[first]


def _compute_flow_after(problem: HourProblem, one: Replanned, x: Floats, injection: Floats) -> Floats:
    """Flow of each branch after an outage with a plan of its own, (n_branch,) [MW]."""
    columns, kept = problem.columns, one.find_kept(problem.columns)
    gone = np.asarray(columns.injection @ np.where(kept, 0.0, x))
    left = injection - gone + problem.drawn - one.find_drawn()
    return compute_flow(one.case, one.plan, one.balance(left))


def weigh_flows(problem: HourProblem, weight: csr_array) -> FlowRows:
    """Write weighted sums of the flows before any outage as functions of the angles.

    Parameters
    ----------
    problem : HourProblem
    weight : (k, n_branch) sparse
    """
    plan = problem.plan
    shift_flow = find_shift_flow(problem.case, plan)
    return FlowRows(
        csr_array((weight.shape[0], len(problem.columns.kind))),
        csr_array(weight @ problem.flow_by_angle),
        csr_array((weight.shape[0], problem.case.n_node)),
        -np.asarray(weight @ shift_flow),
    )


def write_flow_rows(
    problem: HourProblem, security: SecurityPlan | None, branch: Ints, outage: Ints
) -> FlowRows:
    """Write flows of branches after outages as linear functions of columns and angles.

    Parameters
    ----------
    problem : HourProblem
    security : SecurityPlan, optional
        Needed where an outage is not `INTACT`.
    branch, outage : (k,) int

    Returns
    -------
    FlowRows

    Notes
    -----
    Flow of branch l after the set K: f_l + sum over k in K of factor_kl f_k, with f the flows before the
    outage: three or four angles for each branch lost. Rows of injections by PTDF would be full.
    """
    special = {one.number: one for one in security.replanned} if security is not None else {}
    by_factor = np.flatnonzero(~np.isin(outage, list(special)))
    weight = _weigh_lost(problem, security, branch[by_factor], outage[by_factor])
    parts, order = [weigh_flows(problem, weight)], [by_factor]
    for number, one in special.items():
        mine = np.flatnonzero(outage == number)
        if len(mine):
            parts.append(_write_after(problem, one, branch[mine]))
            order.append(mine)
    back = np.argsort(np.concatenate(order))
    return FlowRows(
        csr_array(csr_array(vstack([part.by_column for part in parts]))[back]),
        csr_array(csr_array(vstack([part.by_angle for part in parts]))[back]),
        csr_array(csr_array(vstack([part.by_node for part in parts]))[back]),
        np.concatenate([part.offset for part in parts])[back],
    )


def _weigh_lost(problem: HourProblem, security: SecurityPlan | None, branch: Ints, outage: Ints) -> csr_array:
    """Weight of each intact flow in the flow of each branch after its outage, (k, n_branch)."""
    count = len(branch)
    row, column, value = [np.arange(count)], [branch], [np.ones(count)]
    if security is not None:
        factors = security.factors
        place = {number: k for k, number in enumerate(security.whole.tolist())}
        for i in np.flatnonzero(outage != INTACT).tolist():
            k = place[int(outage[i])]
            lost = slice(factors.start[k], factors.start[k + 1])
            column.append(factors.lost[lost])
            value.append(factors.factor[lost, branch[i]])
            row.append(np.full(len(column[-1]), i))
    entries = np.concatenate(value), (np.concatenate(row), np.concatenate(column))
    return csr_array(coo_array(entries, shape=(count, problem.case.n_branch)))


def _write_after(problem: HourProblem, one: Replanned, branch: Ints) -> FlowRows:
    """Flows after an outage with a plan of its own.

    Without a branch lost the grid is the same: the flow before, less what the lost columns drove and what
    their makeup drives instead. Otherwise the flow is written out by all columns that are left.
    """
    weight = csr_array(
        (np.ones(len(branch)), (np.arange(len(branch)), branch)), (len(branch), problem.case.n_branch)
    )
    against = one.spread(TransferOperator(one.plan).apply_transposed(weight.toarray().T)).T
    by_column = csc_array(problem.columns.injection)
    kept = one.find_kept(problem.columns)
    if not one.outage.branch:
        intact = weigh_flows(problem, weight)
        lost = csr_array(-against @ (by_column @ diags_array(1.0 - kept)))
        gain = against @ (problem.drawn - one.find_drawn())
        return replace(intact, by_column=lost, offset=intact.offset + gain)
    shifted = compute_flow(one.case, one.plan, np.zeros(problem.case.n_node))[branch]
    return FlowRows(
        csr_array(against @ (by_column @ diags_array(kept.astype(float)))),
        csr_array((len(branch), len(problem.plan.free))),
        csr_array(against),
        shifted - against @ one.find_drawn(),
    )
