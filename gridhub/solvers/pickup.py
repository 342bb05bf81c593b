"""Who follows a growing injection: the DC flows of an island along the output of its units."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Floats, Ints
from gridhub.kernels.rooms import Path
from gridhub.solvers.dc import DcPlan, DcState
from gridhub.solvers.factors import TransferOperator
from gridhub.solvers.slack import SlackPlan, plan_slack

SMALLEST_STEP = 1e-12
"""Break points nearer to each other than this are one [p.u.]."""

KNOTS = 12
"""Ranges of the growing injection for which bends are bounded, each half as long as the next."""


def trace_pickup(
    state: DcState,
    plan: DcPlan,
    island: int,
    maximum: float,
    direction: int = 1,
    rank: Floats | None = None,
) -> Path | None:
    """Trace the flows of an island while its units follow an injection that grows from 0.

    Parameters
    ----------
    state : DcState
        Solved with `plan`; its schedule is the state at 0.
    plan : DcPlan
    island : int
        Live island.
    maximum : float
        How far to go [p.u.].
    direction : {1, -1}
        1: units raise their output for a growing load; -1: they lower it for growing generation.
    rank : (n_generator,) float, optional
        None: by participation within limits, as in every power flow. Else merit order: units that take part
        move one after the other to their limit, the lowest rank first (for -1: the highest).

    Returns
    -------
    Path or None
        Ends at `maximum`, or where the units have no more to give; None if they cannot move at all.

    Notes
    -----
    By participation unit i produces clip(scheduled + share * imbalance, low, high): piecewise linear in the
    imbalance, with a break where a unit reaches a limit or leaves the other one. All buses of an island share
    the path: where the injection stands changes the flows it draws, not who follows it.
    """
    slack = plan_slack(state.case, plan.islands, plan.single_reference)
    flow = np.nan_to_num(state.p_from)
    if not slack.shared[island]:
        return build_path(np.array([0.0, maximum]), np.stack([flow, flow]))
    mine = np.flatnonzero((slack.island == island) & (slack.share > 0) & (slack.low < slack.high))
    imbalance = float(state.imbalance[island])
    if rank is None:
        output = _follow_participation(slack, mine, imbalance, maximum, direction)
    else:
        output = _follow_merit(slack, mine, imbalance, rank[mine], direction)
    moved = output - output[0]
    amount = np.abs(moved.sum(axis=1))
    # what the units cannot shed (or give) without the injection, it takes first
    spare = max(0.0, -direction * float(state.missing[island]))
    if spare > SMALLEST_STEP:
        amount, moved = np.append(0.0, amount + spare), np.concatenate([moved[:1], moved])
    kept = np.concatenate([[True], np.diff(amount) > SMALLEST_STEP])
    amount, moved = _cut(amount[kept], moved[kept], maximum)
    if len(amount) < 2:
        return None
    node = state.case.bus_node[state.case.generator_bus[mine]]
    injection = np.zeros((state.case.n_node, len(amount)))
    np.add.at(injection, node, moved.T)
    return build_path(amount, flow + np.nan_to_num(TransferOperator(plan).apply(injection)).T)


def _follow_participation(
    slack: SlackPlan, mine: Ints, imbalance: float, maximum: float, direction: int
) -> Floats:
    """Output of the units at every break point, (p, k) [p.u.]."""
    share, scheduled = slack.share[mine], slack.scheduled[mine]
    low, high = slack.low[mine], slack.high[mine]
    breaks = np.concatenate([(bound - scheduled) / share for bound in (low, high)])
    breaks = np.unique(breaks[np.isfinite(breaks) & (direction * breaks > direction * imbalance)])
    at = np.concatenate([[imbalance], breaks[::direction]])
    endless = share[np.isinf(high if direction > 0 else low)].sum()
    if endless > 0:
        at = np.append(at, at[-1] + direction * maximum / endless)
    return np.asarray(np.clip(scheduled + share * at[:, None], low, high))


def _follow_merit(slack: SlackPlan, mine: Ints, imbalance: float, rank: Floats, direction: int) -> Floats:
    """Output of the units at every break point, one unit after the other, (k + 1, k) [p.u.]."""
    low, high = slack.low[mine], slack.high[mine]
    start = np.clip(slack.scheduled[mine] + slack.share[mine] * imbalance, low, high)
    end = high if direction > 0 else low
    order = np.argsort(direction * rank, kind="stable")
    output = np.repeat(start[None, :], len(mine) + 1, axis=0)
    for turn, unit in enumerate(order.tolist(), start=1):
        output[turn:, unit] = end[unit] if np.isfinite(end[unit]) else start[unit] + direction * 1e6
    return output


def _cut(amount: Floats, moved: Floats, maximum: float) -> tuple[Floats, Floats]:
    """End a path at `maximum`."""
    last = int(np.searchsorted(amount, maximum))
    if last >= len(amount):
        return amount, moved
    share = (maximum - amount[last - 1]) / (amount[last] - amount[last - 1])
    final = moved[last - 1] + share * (moved[last] - moved[last - 1])
    return np.append(amount[:last], maximum), np.concatenate([moved[:last], final[None, :]])


def build_path(amount: Floats, flow: Floats) -> Path:
    """Add to break points how far flows bend between them."""
    wanted = amount[-1] * 0.5 ** np.arange(KNOTS)
    knot = np.unique(np.maximum(np.searchsorted(amount, wanted), 1))
    bend = np.empty((len(knot), flow.shape[1]))
    for k, p in enumerate(knot.tolist()):
        share = amount[: p + 1] / amount[p]
        chord = flow[0] + share[:, None] * (flow[p] - flow[0])
        # a chord of a shorter range lies within the same band: twice the largest distance
        bend[k] = 2.0 * np.abs(flow[: p + 1] - chord).max(axis=0)
    return Path(amount, np.ascontiguousarray(flow), knot, bend)


def restrict_path(path: Path, weight: Floats, fixed: Floats) -> Path:
    """Path of weighted sums of flows, such as interfaces.

    Parameters
    ----------
    path : Path
    weight : (m, n) float
        Weight of each flow in each sum.
    fixed : (m,) float
        What is added [p.u.].
    """
    return build_path(path.amount, path.flow @ weight.T + fixed)
