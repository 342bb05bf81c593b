"""Who generates what a growing load draws: the DC state as a function of that load, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Case, Floats
from gridhub.solvers.dc import DcPlan, DcState, plan_dc, solve_dc
from gridhub.solvers.factors import compute_transfer_factors
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.slack import SlackPlan, plan_slack

SMALLEST_STEP = 1e-12
"""Pieces shorter than this are skipped [p.u. of load]."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A range of the growing load in which the same units pick it up, so that every flow is linear in it.

    Attributes
    ----------
    start, end : float
        Range of the load [p.u.]; the end is infinite in the last piece of a reference without limit.
    flow : (n_branch,) float
        Flow at the start [p.u.].
    slope : (n_branch,) float
        Change of the flow per unit of load.
    """

    start: float
    end: float
    flow: Floats
    slope: Floats


def _list_breaks(slack: SlackPlan, mine: np.ndarray, first: float) -> np.ndarray:
    """List the imbalances above `first` at which a unit reaches its upper limit or leaves its lower one."""
    share, scheduled = slack.share[mine], slack.scheduled[mine]
    breaks = np.concatenate([(bound[mine] - scheduled) / share for bound in (slack.low, slack.high)])
    return np.unique(breaks[np.isfinite(breaks) & (breaks > first)])


def trace_pickup(
    case: Case, node: int, options: PowerFlowOptions, plan: DcPlan | None = None
) -> Iterator[Piece]:
    """Trace the DC state of a case while a load at one node grows from 0.

    Parameters
    ----------
    case : Case
        References chosen; its schedule is the state at load 0.
    node : int
        Node of the growing load; it must be live.
    options : PowerFlowOptions
        ``dc_convention`` and ``distributed_slack`` count.
    plan : DcPlan, optional
        Of the same topology.

    Yields
    ------
    Piece
        In order, without gaps. The last one ends where the units of the island have no more to give, or
        never if the reference takes the imbalance.

    Notes
    -----
    Unit i produces clip(scheduled + share * imbalance, low, high): the units' output is piecewise linear in
    the imbalance, with a break where a unit reaches its upper limit or leaves its lower one. Between two
    breaks d flow / d load = PTDF (a - e_node), a the shares of the units that can move.
    """
    plan = plan or plan_dc(case, options.dc_convention, options.distributed_slack)
    state = solve_dc(case, options.dc_convention, options.distributed_slack, plan)
    flow = np.nan_to_num(state.p_from)
    drawn = -compute_transfer_factors(plan, np.array([node]))[:, 0]
    island = plan.islands.island[node]
    slack = plan_slack(state.case, plan.islands, options.distributed_slack)
    mine = np.flatnonzero((slack.island == island) & (slack.share > 0) & (slack.low < slack.high))
    if not slack.shared[island]:
        yield Piece(0.0, np.inf, flow, np.nan_to_num(drawn))
        return
    yield from _trace_units(state, plan, slack, mine, float(state.imbalance[island]), flow, drawn)


def _trace_units(
    state: DcState,
    plan: DcPlan,
    slack: SlackPlan,
    mine: np.ndarray,
    imbalance: float,
    flow: Floats,
    drawn: Floats,
) -> Iterator[Piece]:
    """Go from break to break; see `trace_pickup`."""
    nodes = state.case.bus_node[state.case.generator_bus[mine]]
    by_unit = np.nan_to_num(compute_transfer_factors(plan, nodes)) if len(mine) else np.zeros((len(flow), 0))
    share, scheduled = slack.share[mine], slack.scheduled[mine]
    load = 0.0
    for end in _list_breaks(slack, mine, imbalance):
        middle = scheduled + share * 0.5 * (imbalance + end)
        moving = np.where((middle > slack.low[mine]) & (middle < slack.high[mine]), share, 0.0)
        speed = moving.sum()
        step = speed * (end - imbalance)
        imbalance = end
        if step <= SMALLEST_STEP:
            continue
        slope = by_unit @ (moving / speed) + drawn
        yield Piece(load, load + step, flow, slope)
        flow = flow + slope * step
        load += step
    last = scheduled + share * (imbalance + 1.0)
    moving = np.where((last > slack.low[mine]) & (last < slack.high[mine]), share, 0.0)
    if moving.sum() > 0:
        yield Piece(load, np.inf, flow, by_unit @ (moving / moving.sum()) + drawn)
