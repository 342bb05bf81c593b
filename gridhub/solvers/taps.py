"""Tap changers that hold voltages: solve, step every tap whose voltage is outside its band, solve again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints, TapChangers
from gridhub.solvers.ac import AcStart, Setting, make_start, prepare_setting, solve_setting
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution, TapMoves

LARGEST_REVERSALS = 3
"""Times a tap may turn back; then it goes no further than where it would turn again."""

RATIO_MARGIN = 1e-9
"""How far beyond its range a ratio may lie for rounding."""


def solve_state(
    case: Case,
    options: PowerFlowOptions,
    plan: NewtonPlan | None = None,
    start: AcStart | None = None,
) -> Solution:
    """Solve the AC power flow of a case, with its taps fixed or controlled as the options ask.

    Parameters
    ----------
    case, options, plan, start
        As `gridhub.solvers.ac.solve_ac` takes them.

    Returns
    -------
    Solution
        With ``options.taps = "controlled"``, ``case`` holds the ratios reached and ``taps`` the moves. A
        state that is not solved after a move keeps its status; ``reason`` tells of the move.

    Notes
    -----
    From a solved state every tap changer whose voltage lies outside ``target ± deadband / 2`` moves by one
    step toward it, all together; the next state starts from the last. It ends when none need or can move: a
    tap stays at the end of its range, and one that has turned back `LARGEST_REVERSALS` times hunts and turns
    no more. So the moves are finite. A higher ratio lowers the voltage at the to end and raises that at the
    from end. A tap changer is idle if it is out of service or dead, or if units hold the voltage of its bus.
    """
    setting = prepare_setting(case, plan, options)
    solution = solve_setting(setting, start)
    return solution if options.taps == "fixed" else _move_taps(setting, solution)


def settle_taps(case: Case, before: Solution) -> Case:
    """Give a case the ratios that a state before it has reached; branches in the same order."""
    if before.taps is None:
        return case
    return case.set_taps(before.taps.branch, before.taps.after)


def _move_taps(setting: Setting, solution: Solution) -> Solution:
    """Move taps from a solved state until none need or can move."""
    first, given = solution, setting.case
    changers = given.tap_changers
    before = given.tap[changers.branch]
    steps, last, reversals = (np.zeros(len(before), dtype=np.int64) for _ in range(3))
    iterations, switches = solution.iterations, solution.switches
    state = np.full(len(before), "unsettled", dtype=object)
    while solution.status.is_solved:
        idle = _find_idle(setting, solution)
        wanted = np.where(idle, 0, _find_directions(changers, _get_voltages(solution)))
        ahead = before + (steps + wanted) * changers.step
        blocked = (ahead < changers.low - RATIO_MARGIN) | (ahead > changers.high + RATIO_MARGIN)
        turning = wanted * last < 0
        hunting = turning & (reversals >= LARGEST_REVERSALS)
        move = np.where(blocked | hunting, 0, wanted)
        if not move.any():
            kinds = [idle, wanted == 0, blocked]
            state = np.select(kinds, ["idle", "held", "limit"], "hunting").astype(object)
            break
        reversals += turning & (move != 0)
        last = np.where(move != 0, move, last)
        steps = steps + move
        case = given.set_taps(changers.branch, before + steps * changers.step)
        setting = replace(setting, case=case, admittance=setting.plan.fill_admittance(case))
        solution = solve_setting(setting, make_start(solution, "before the taps moved"))
        iterations, switches = iterations + solution.iterations, switches + solution.switches
    moved = int((steps != 0).sum())
    reason = solution.reason
    if moved and not solution.status.is_solved:
        reason = f"{reason} (with {moved} taps moved)"
    after = before + steps * changers.step
    moves = TapMoves(changers.branch, before, after, steps, _get_voltages(solution), state)
    return replace(
        solution, iterations=iterations, switches=switches, start=first.start, reason=reason, taps=moves
    )


def _get_voltages(solution: Solution) -> Floats:
    """Voltage each tap changer holds [p.u.]; NaN at dead buses."""
    node = solution.case.bus_node[solution.case.tap_changers.bus]
    return np.where(node >= 0, solution.vm[node], np.nan)


def _find_directions(changers: TapChangers, vm: Floats) -> Ints:
    """Say which way each ratio has to go: 1 up, -1 down, 0 within the band."""
    half = changers.deadband / 2.0
    too_high, too_low = vm > changers.target + half, vm < changers.target - half
    up = np.where(changers.at_from, too_low, too_high)
    down = np.where(changers.at_from, too_high, too_low)
    return up.astype(np.int64) - down.astype(np.int64)


def _find_idle(setting: Setting, solution: Solution) -> Bools:
    """Mark tap changers without effect on their voltage: off, dead, or units hold it."""
    case = setting.case
    changers = case.tap_changers
    held = ~np.isnan(setting.regulation.set_point) & (solution.at_limit == 0) | setting.anchored
    node = case.bus_node[changers.bus]
    return np.asarray(~case.branch_on[changers.branch] | held[node] | np.isnan(_get_voltages(solution)))
