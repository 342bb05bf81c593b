"""Loading of branches and voltages of nodes, all lanes together, held against their limits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gridhub.kernels.elimination import Ints
from gridhub.kernels.events import FIELDS
from gridhub.kernels.factor import Flags, Floats
from gridhub.kernels.jit import compiled, compiled_in_place
from gridhub.kernels.lanes import (
    Lanes,
    add,
    any_above,
    choose,
    choose_above,
    fma,
    get,
    larger,
    load,
    load_one,
    mul,
    nfma,
    spread,
    store,
)
from gridhub.kernels.records import Grid, State, Watched

THERMAL, VOLTAGE_LOW, VOLTAGE_HIGH, VOLTAGE_CHANGE = range(4)
"""Kinds of violations."""


class Worst(NamedTuple):
    """Highest loadings found.

    Attributes
    ----------
    of_branch, by_scenario : (m,)
        Squared loading of each watched branch, and the scenario it was found in.
    of_scenario, branch : (k,)
        Squared loading of each scenario, and the watched branch it was found at; -1 without any.
    severity : (k,) float
        Sum of the fourth powers of all loadings.
    realistic : (k,) bool
        Whether every live voltage is.
    """

    of_branch: Floats
    by_scenario: Ints
    of_scenario: Floats
    branch: Ints
    severity: Floats
    realistic: Flags


@compiled
def make_room(found: Floats, count: int, nodes: int, branches: int, width: int) -> Floats:
    """Make room for all that so many nodes and branches can violate in a batch, after `count` violations."""
    need = 4 * (count + width * (3 * nodes + branches))
    if need <= len(found):
        return found
    more = np.empty(max(2 * len(found), need))
    more[: 4 * count] = found[: 4 * count]
    return more


@compiled_in_place
def note(found: Floats, count: int, scenario: int, kind: int, position: int, value: float) -> None:
    """Write a violation into row `count`."""
    found[4 * count], found[4 * count + 1], found[4 * count + 2] = scenario, kind, position
    found[4 * count + 3] = value


@compiled_in_place
def judge_branches(
    grid: Grid,
    watched: Watched,
    lane_item: Ints,
    final: Floats,
    out: Ints,
    V: Floats,
    work: Floats,
    worst: Worst,
    found: Floats,
    count: int,
    lanes: Lanes,
) -> int:
    """Compute the loading of every watched branch at both ends and note what is above its rating.

    Returns the number of violations.

    Parameters
    ----------
    final : (width,) float
        1 in lanes whose state is final, 0 in others, which are left out.
    out : (k + 1,) int
        width * watched branch + lane of branches that are out or dead in a lane, ascending; closed by a
        number beyond all.
    work : (3 width,) float
    found, count : violations so far, with room for more (`make_room`), and their number.
    """
    width = len(lane_item)
    mask, none = load(final, 0, lanes), spread(-1.0, lanes)
    highest, highest_at, sum4 = none, none, spread(0.0, lanes)
    above = spread(watched.overload, lanes)
    at = 0
    for r in range(len(watched.branch)):
        branch = get(watched.branch, r)
        i, j = 2 * width * get(grid.branch_from, branch), 2 * width * get(grid.branch_to, branch)
        a, b, c, d = (
            load(V, i, lanes),
            load(V, i + width, lanes),
            load(V, j, lanes),
            load(V, j + width, lanes),
        )
        y = 8 * branch
        g, s = load_one(grid.branch_y, y, lanes), load_one(grid.branch_y, y + 1, lanes)
        u, w = load_one(grid.branch_y, y + 2, lanes), load_one(grid.branch_y, y + 3, lanes)
        x_r = fma(u, c, nfma(w, d, nfma(s, b, mul(g, a))))
        x_i = fma(u, d, fma(w, c, fma(s, a, mul(g, b))))
        from_end = mul(fma(x_r, x_r, mul(x_i, x_i)), fma(a, a, mul(b, b)))
        g, s = load_one(grid.branch_y, y + 4, lanes), load_one(grid.branch_y, y + 5, lanes)
        u, w = load_one(grid.branch_y, y + 6, lanes), load_one(grid.branch_y, y + 7, lanes)
        x_r = fma(u, c, nfma(w, d, nfma(s, b, mul(g, a))))
        x_i = fma(u, d, fma(w, c, fma(s, a, mul(g, b))))
        to_end = mul(fma(x_r, x_r, mul(x_i, x_i)), fma(c, c, mul(d, d)))
        loading = choose(mask, mul(larger(from_end, to_end), load_one(watched.by_rate, r, lanes)), none)
        if out[at] < width * (r + 1):
            store(work, 0, loading)
            while out[at] < width * (r + 1):
                work[out[at] - width * r] = 0.0
                at += 1
            loading = load(work, 0, lanes)
        sum4 = fma(loading, loading, sum4)
        highest_at = choose_above(loading, highest, spread(float(r), lanes), highest_at)
        highest = larger(loading, highest)
        if any_above(loading, load_one(worst.of_branch, r, lanes)):
            store(work, 0, loading)
            top = 0
            for lane in range(1, width):
                top = lane if work[lane] > work[top] else top
            worst.of_branch[r], worst.by_scenario[r] = work[top], lane_item[top]
        if any_above(loading, above):
            store(work, 0, loading)
            for lane in range(width):
                if work[lane] > watched.overload:
                    percent = 100.0 * np.sqrt(work[lane])
                    note(found, count, lane_item[lane], THERMAL, branch, percent)
                    count += 1
    store(work, 0, highest)
    store(work, width, sum4)
    store(work, 2 * width, highest_at)
    for lane in range(width):
        if final[lane] > 0.0:
            worst.branch[lane_item[lane]] = np.int64(work[2 * width + lane])
            worst.of_scenario[lane_item[lane]] = work[lane]
            worst.severity[lane_item[lane]] = work[width + lane]
    return count


@compiled_in_place
def judge_nodes(
    state: State,
    watched: Watched,
    lane_item: Ints,
    final: Floats,
    slot: Ints,
    event: Floats,
    V: Floats,
    worst: Worst,
    found: Floats,
    count: int,
    lanes: Lanes,
) -> int:
    """Hold every live voltage against its limits; a lane with an unrealistic one is marked so.

    Returns the number of violations.
    """
    width = len(lane_item)
    for i in range(len(state.kind)):
        if state.root[i] < 0:
            continue
        low = max(watched.low[i], watched.change_low[i], watched.real_low)
        high = min(watched.high[i], watched.change_high[i], watched.real_high)
        row = 2 * width * i
        e, f = load(V, row, lanes), load(V, row + width, lanes)
        v2 = fma(e, e, mul(f, f))
        if not (any_above(v2, spread(high, lanes)) or any_above(spread(low, lanes), v2)):
            continue
        for lane in range(width):
            if final[lane] == 0.0:
                continue
            if slot[i] >= 0 and event[FIELDS * width * slot[i] + 2 * width + lane] == 0.0:
                continue
            k = lane_item[lane]
            square = V[row + lane] ** 2 + V[row + width + lane] ** 2
            vm = np.sqrt(square)
            if square < watched.real_low or square > watched.real_high:
                worst.realistic[k] = False
            if square < watched.low[i]:
                note(found, count, k, VOLTAGE_LOW, i, vm)
                count += 1
            if square > watched.high[i]:
                note(found, count, k, VOLTAGE_HIGH, i, vm)
                count += 1
            if square < watched.change_low[i] or square > watched.change_high[i]:
                before = np.sqrt(state.e[i] ** 2 + state.f[i] ** 2)
                note(found, count, k, VOLTAGE_CHANGE, i, abs(vm - before))
                count += 1
    return count


@compiled_in_place
def sum_losses(grid: Grid, state: State, V: Floats, losses: Floats, lanes: Lanes) -> None:
    """Add up what flows out of all nodes and not into shunts: the branches' losses, (width,) [p.u.]."""
    width = len(losses)
    sum_p = spread(0.0, lanes)
    for i in range(len(state.kind)):
        if state.root[i] < 0:
            continue
        row = 2 * width * i
        e, f = load(V, row, lanes), load(V, row + width, lanes)
        g, s = load_one(grid.y_own, 2 * i, lanes), load_one(grid.y_own, 2 * i + 1, lanes)
        c_r, c_i = nfma(s, f, mul(g, e)), fma(s, e, mul(g, f))
        for p in range(get(grid.y_start, i), get(grid.y_start, i + 1)):
            other = get(grid.y_reach, p)
            g, s = load_one(grid.y_off, 2 * p, lanes), load_one(grid.y_off, 2 * p + 1, lanes)
            e_j, f_j = load(V, other, lanes), load(V, other + width, lanes)
            c_r, c_i = fma(g, e_j, nfma(s, f_j, c_r)), fma(g, f_j, fma(s, e_j, c_i))
        drawn = mul(load_one(grid.shunt_g, i, lanes), fma(e, e, mul(f, f)))
        sum_p = add(sum_p, nfma(drawn, spread(1.0, lanes), fma(e, c_r, mul(f, c_i))))
    store(losses, 0, sum_p)
