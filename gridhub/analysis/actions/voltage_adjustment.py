"""Steps of taps and shunts that bring voltages within limits, chosen by their linear effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.case.case import Floats, Ints
from gridhub.model.network import Network
from gridhub.solvers.ac import prepare_setting
from gridhub.solvers.decoupled import DecoupledPlan, plan_decoupled
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.residual import compute_branch_flows
from gridhub.solvers.solution import Solution

LARGEST_MOVES = 60
"""Steps of taps and switched shunts in one adjustment."""

VOLTAGE_RESERVE_PU = 0.001
"""How far within a limit a mended voltage is aimed at, for what the linear model does not know [p.u.]."""

SMALLEST_GAIN_PU = 1e-4
"""A step is worth it if it takes at least this off what all voltages are beyond their limits [p.u.]."""

RATIO_MARGIN = 1e-9
"""Rounding allowed at the ends of a tap changer's range."""


@dataclass(frozen=True, slots=True)
class VoltageMove:
    """One step.

    Attributes
    ----------
    kind : {"tap", "shunt"}
    elements : tuple of str
        Transformers that step together because they stand side by side, or one shunt.
    step : float
        Change of ``tap_ratio``; 1 switches a shunt on, -1 off.
    """

    kind: str
    elements: tuple[str, ...]
    step: float


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Steps that may be made, and what each does.

    Attributes
    ----------
    moves : list of VoltageMove
    effect : (n_node, m) float
        Change of the voltages [p.u.].
    most : (m,) int
        Times each may be made.
    back : (m,) int
        Position of the step that undoes it; -1: none.
    """

    moves: list[VoltageMove]
    effect: Floats
    most: Ints
    back: Ints


def choose_voltage_moves(
    net: Network,
    base: Solution,
    plan: NewtonPlan,
    options: PowerFlowOptions,
    low: Floats,
    high: Floats,
    taps: bool,
    shunts: bool,
) -> list[VoltageMove]:
    """Choose steps of taps and shunts, the most useful first.

    Parameters
    ----------
    net : Network
        State in its tables.
    base : Solution
        Its AC solution.
    plan : NewtonPlan
    options : PowerFlowOptions
    low, high : (n_bus,) float
        Range aimed at [p.u.]; NaN: any voltage.
    taps, shunts : bool
        What may be moved: transformers with ``tap_min``, ``tap_max`` and ``tap_step`` within that range,
        shunts on or off.

    Returns
    -------
    list of VoltageMove
        Empty where nothing helps. They are to be judged by AC.

    Notes
    -----
    Each step changes reactive power at its nodes by dQ at the voltages there are, and voltages by
    B''^-1 dQ / V, voltages that units hold not at all (`gridhub.solvers.decoupled`). Greedy: the step that
    takes most off the sum of what voltages are beyond the range, until none takes off `SMALLEST_GAIN_PU`.
    """
    decoupled = plan_decoupled(prepare_setting(base.case, plan, options), base)
    found = _list_candidates(net, decoupled, taps, shunts)
    if not found.moves:
        return []
    on = base.case.bus_node >= 0
    node = base.case.bus_node[on]
    floor, ceiling = np.full(base.case.n_node, -np.inf), np.full(base.case.n_node, np.inf)
    np.fmax.at(floor, node, low[on])
    np.fmin.at(ceiling, node, high[on])
    live = base.islands.live
    watched = live & (np.isfinite(floor) | np.isfinite(ceiling))
    floor, ceiling, effect = floor[watched], ceiling[watched], found.effect[watched]
    vm, left = base.vm[watched], found.most.copy()
    chosen: list[VoltageMove] = []
    for _ in range(LARGEST_MOVES):
        now = _measure(vm[:, None], floor, ceiling)[0]
        gain = np.where(left > 0, now - _measure(vm[:, None] + effect, floor, ceiling), -np.inf)
        best = int(np.argmax(gain))
        if gain[best] < SMALLEST_GAIN_PU:
            break
        vm = vm + effect[:, best]
        left[best] -= 1
        if found.back[best] >= 0:
            left[found.back[best]] = 0
        chosen.append(found.moves[best])
    return chosen


def _measure(vm: Floats, low: Floats, high: Floats) -> Floats:
    """Sum of what voltages are beyond their range, by column [p.u.]."""
    beyond = np.maximum(low[:, None] - vm, 0.0) + np.maximum(vm - high[:, None], 0.0)
    return np.asarray(beyond.sum(axis=0))


def _list_candidates(net: Network, plan: DecoupledPlan, taps: bool, shunts: bool) -> _Candidates:
    parts = [_list_taps(net, plan)] if taps else []
    parts += [_list_shunts(plan)] if shunts else []
    count = plan.base.case.n_node
    moves: list[VoltageMove] = []
    reactive, most, back = [np.zeros((count, 0))], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for own_moves, own_reactive, own_most, own_back in parts:
        back.append(np.where(own_back >= 0, own_back + len(moves), -1))
        moves += own_moves
        reactive.append(own_reactive)
        most.append(own_most)
    effect = plan.voltage.solve(np.concatenate(reactive, axis=1) / plan.vm[:, None])
    effect[plan.held] = 0.0
    return _Candidates(moves, effect, np.concatenate(most), np.concatenate(back))


_Part = tuple[list[VoltageMove], Floats, Ints, Ints]


def _list_taps(net: Network, plan: DecoupledPlan) -> _Part:
    """List the steps of tap changers, those side by side together, with the reactive power each brings."""
    case = plan.base.case
    frame = net.tables["transformer"]
    at = pd.Index(case.labels.branch).get_indexer(frame.index)
    low, high, step = (frame[name].to_numpy(dtype=float) for name in ("tap_min", "tap_max", "tap_step"))
    able = case.branch_on[at] & (step > 0) & np.isfinite(low) & np.isfinite(high)
    groups: dict[tuple[int, ...], list[int]] = {}
    for k in np.flatnonzero(able).tolist():
        groups.setdefault((int(case.branch_from[at[k]]), int(case.branch_to[at[k]])), []).append(k)
    moves, columns, most = [], [], []
    for rows in groups.values():
        ratio = case.tap[at[rows]]
        for sign in (1.0, -1.0):
            room = (high[rows] - ratio if sign > 0 else ratio - low[rows]) / step[rows]
            moves.append(VoltageMove("tap", tuple(frame.index[rows]), sign * float(step[rows].min())))
            columns.append(_find_reactive(plan, at[rows], ratio + sign * step[rows].min()))
            most.append(max(0, int(np.floor(room.min() + RATIO_MARGIN))))
    back = np.arange(len(moves)) ^ 1
    reactive = np.stack(columns, axis=1) if columns else np.zeros((case.n_node, 0))
    return moves, reactive, np.array(most, dtype=np.int64), back.astype(np.int64)


def _find_reactive(plan: DecoupledPlan, branch: Ints, tap: Floats) -> Floats:
    """Reactive power that other ratios leave at the nodes at the voltages there are, (n_node,) [p.u.]."""
    case, voltage = plan.base.case, plan.vm * np.exp(1j * plan.va)
    moved = case.set_taps(branch, tap)
    before, after = ([flow[branch].imag for flow in compute_branch_flows(c, voltage)] for c in (case, moved))
    left = np.zeros(case.n_node)
    np.add.at(left, case.branch_from[branch], before[0] - after[0])
    np.add.at(left, case.branch_to[branch], before[1] - after[1])
    return left


def _list_shunts(plan: DecoupledPlan) -> _Part:
    """List the shunts that may be switched, with the reactive power each brings."""
    case = plan.base.case
    node = case.bus_node[case.shunt_bus]
    alive = np.where(node >= 0, plan.base.islands.live[node], False) & (case.shunt_b != 0.0)
    rows = np.flatnonzero(alive)
    sign = np.where(case.shunt_on[rows], -1.0, 1.0)
    reactive = np.zeros((case.n_node, len(rows)))
    reactive[node[rows], np.arange(len(rows))] = sign * case.shunt_b[rows] * plan.vm[node[rows]] ** 2
    moves = [VoltageMove("shunt", (case.labels.shunt[i],), float(s)) for i, s in zip(rows, sign, strict=True)]
    none = np.full(len(rows), -1, dtype=np.int64)
    return moves, reactive, np.ones(len(rows), dtype=np.int64), none


def make_moves(net: Network, moves: list[VoltageMove]) -> tuple[Network, pd.DataFrame]:
    """Put steps into the tables.

    Returns
    -------
    net : Network
    table : DataFrame
        What was moved: kind ("tap" | "shunt"), element, before, after (tap_ratio; 1 in service, 0 not).
    """
    transformer, shunt = net.tables["transformer"], net.tables["shunt"]
    ratio = dict(zip(transformer.index, transformer["tap_ratio"].to_numpy(dtype=float), strict=True))
    on = dict(zip(shunt.index, shunt["in_service"].to_numpy(dtype=bool), strict=True))
    rows: dict[tuple[str, str], tuple[float, float]] = {}
    for move in moves:
        for element in move.elements:
            key = move.kind, element
            if move.kind == "tap":
                now = ratio[element]
                ratio[element] = now + move.step
                rows[key] = rows.get(key, (now, now))[0], now + move.step
            else:
                on[element] = not on[element]
                rows[key] = float(not on[element]), float(on[element])
    table = pd.DataFrame(
        [(*key, *values) for key, values in rows.items()], columns=["kind", "element", "before", "after"]
    )
    return net.replace(
        transformer=transformer.assign(tap_ratio=[ratio[key] for key in transformer.index]),
        shunt=shunt.assign(in_service=[on[key] for key in shunt.index]),
    ), table
