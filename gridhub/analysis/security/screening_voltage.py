"""AC screen: loadings and voltages after every outage by one fast-decoupled iteration (1P1Q)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridhub.analysis.security.judging import VOLTAGE_TOLERANCE, Limits
from gridhub.analysis.security.screening import (
    FLAG_PERCENT,
    ISLANDING,
    JOIN,
    LOADING,
    NO_ESTIMATE,
    Screen,
    find_islanding,
    mark_unseen,
    screen_outages,
)
from gridhub.case.case import Floats, Ints, Outage
from gridhub.solvers.ac import REALISTIC_VOLTAGE, prepare_setting
from gridhub.solvers.decoupled import DecoupledPlan, Estimate, estimate_outages, plan_decoupled
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution

CHANGE_MARGIN = 0.5
"""Share of a voltage's estimated change that is added to it before it is held against its limits."""

VOLTAGE_MARGIN_PU = 0.002
"""Added to that for every voltage that moves [p.u.]."""

STILL_PU = 1e-5
"""A voltage that is estimated to move by less does not move: units hold it [p.u.]."""

SETTLED_RAD = 0.01
"""An estimate is trusted if another active half-iteration would move no angle by more [rad]."""

COLUMNS = 64
"""Outages estimated together: bounds the memory to a few n_branch x COLUMNS numbers."""

LOADING_DC = "loading by dc"
VOLTAGE_LOW, VOLTAGE_HIGH, VOLTAGE_CHANGE = "voltage low", "voltage high", "voltage change"
LOADING_AND_VOLTAGE = "loading and voltage"
"""Bounds: the DC screen alone sees a loading; a voltage is beyond or near a limit; what clears the others."""


def screen_by_iteration(
    base: Solution,
    plan: NewtonPlan,
    outages: Sequence[Outage],
    limits: Limits,
    options: PowerFlowOptions,
) -> Screen:
    """Estimate loadings and voltages after each outage by one active and one reactive half-iteration.

    Parameters
    ----------
    base : Solution
        Solved AC state before any outage.
    plan : NewtonPlan
        Of its case.
    outages : sequence of Outage
    limits : Limits
        After an outage.
    options : PowerFlowOptions

    Returns
    -------
    Screen
        Flagged where the DC screen or this one sees a branch above `FLAG_PERCENT` of its limit, or where a
        voltage, moved from the state before the outage by its estimated change enlarged by `CHANGE_MARGIN`
        and by `VOLTAGE_MARGIN_PU`, is outside its limits; where there is no estimate, a voltage that cannot
        be true, or one that another iteration would still move (`SETTLED_RAD`). No margin is a proven bound:
        ``verify="all"`` measures what they miss.

    Notes
    -----
    See `gridhub.solvers.decoupled.estimate_outages` for the iteration. The practice of selecting outages by
    one iteration goes back to automatic contingency selection, where the iteration ranks them by a
    performance index; here it is held against the limits themselves. It saves no time: the batch solves all
    outages by AC sooner than one iteration is made here (branches and towers of korea-2025: four times as
    fast). What it gives is a second, independent view, and how far each outage is from a bound.

    References
    ----------
    G. C. Ejebe, B. F. Wollenberg, "Automatic contingency selection", IEEE Transactions on Power Apparatus
    and Systems PAS-98 (1979) 97-109, doi:10.1109/TPAS.1979.319518.
    """
    case, count = base.case, len(outages)
    dc = screen_outages(base, outages, limits.rate, options)
    islanding, unseen = find_islanding(case, outages), mark_unseen(case, outages, limits.rate)
    judge = _Judge(base, limits, count)
    decoupled = plan_decoupled(prepare_setting(case, plan, options), base)
    known = np.flatnonzero(~(islanding | unseen))
    for first in range(0, len(known), COLUMNS):
        rows = known[first : first + COLUMNS]
        judge.take(rows, decoupled, estimate_outages(decoupled, [outages[k] for k in rows.tolist()]))
    lost = np.ones(count, dtype=bool)
    lost[known] = ~judge.sound[known]
    over = judge.percent > FLAG_PERCENT
    over_dc = (dc.worst_percent > FLAG_PERCENT) & ~over
    reasons = [islanding, unseen, lost, over, over_dc, judge.low, judge.high, judge.change]
    names = [ISLANDING, JOIN, NO_ESTIMATE, LOADING, LOADING_DC, VOLTAGE_LOW, VOLTAGE_HIGH, VOLTAGE_CHANGE]
    return Screen(
        worst_branch=judge.branch,
        worst_percent=judge.percent,
        flagged=np.asarray(np.any(reasons, axis=0)),
        bound=np.select(reasons, names, LOADING_AND_VOLTAGE).astype(object),
        islanding=islanding,
        worst_bus=judge.bus,
        worst_vm=judge.vm,
        room=judge.room,
        method="1p1q",
    )


class _Judge:
    """Holds estimates against limits, block by block; one row per outage."""

    def __init__(self, base: Solution, limits: Limits, count: int) -> None:
        case = base.case
        self.limits = limits
        self.rated = np.flatnonzero(~np.isnan(limits.rate) & case.branch_on)
        self.live = np.flatnonzero(np.where(case.bus_node >= 0, base.islands.live[case.bus_node], False))
        self.node = case.bus_node[self.live]
        self.before = base.vm[self.node][:, None]
        self.branch, self.bus = np.full(count, -1), np.full(count, -1)
        self.percent, self.vm, self.room = (np.full(count, np.nan) for _ in range(3))
        self.sound, self.low, self.high, self.change = (np.zeros(count, dtype=bool) for _ in range(4))

    def take(self, rows: Ints, plan: DecoupledPlan, found: Estimate) -> None:
        """Judge the estimates of some outages."""
        vm = found.vm[self.node]
        low, high = REALISTIC_VOLTAGE
        with np.errstate(invalid="ignore"):
            true = ((vm >= low) & (vm <= high)).all(axis=0)
            self.sound[rows] = true & (found.step <= SETTLED_RAD)
        columns = np.flatnonzero(true)
        self._judge_flows(rows[columns], found, columns)
        self._judge_voltages(rows[columns], vm[:, columns])

    def _judge_flows(self, rows: Ints, found: Estimate, columns: Ints) -> None:
        if not len(self.rated) or not len(rows):
            return
        ends = [flow[np.ix_(self.rated, columns)] for flow in (found.s_from, found.s_to)]
        squares = np.maximum(*(np.square(s.real) + np.square(s.imag) for s in ends))
        share = squares / np.square(self.limits.rate[self.rated, None])
        top = np.argmax(share, axis=0)
        self.branch[rows] = self.rated[top]
        self.percent[rows] = 100.0 * np.sqrt(share[top, np.arange(len(rows))])

    def _judge_voltages(self, rows: Ints, vm: Floats) -> None:
        if not len(self.live) or not len(rows):
            return
        low, high = self.limits.vm_low[self.live, None], self.limits.vm_high[self.live, None]
        moved = np.abs(vm - self.before)
        margin = np.where(moved > STILL_PU, CHANGE_MARGIN * moved + VOLTAGE_MARGIN_PU, 0.0)
        self.low[rows] = (low - (vm - margin) > VOLTAGE_TOLERANCE).any(axis=0)
        self.high[rows] = (vm + margin - high > VOLTAGE_TOLERANCE).any(axis=0)
        self.change[rows] = (moved + margin > self.limits.vm_change + VOLTAGE_TOLERANCE).any(axis=0)
        room = np.fmin(vm - low, high - vm)
        judged = ~np.isnan(room)
        nearest = np.argmin(np.where(judged, room, np.inf), axis=0)
        columns = np.arange(len(rows))
        some = judged[nearest, columns]
        self.bus[rows[some]] = self.live[nearest[some]]
        self.vm[rows[some]] = vm[nearest, columns][some]
        self.room[rows[some]] = room[nearest, columns][some]
