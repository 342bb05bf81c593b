"""Reactive limits of a batch: who gives up its voltage, and who takes it up again."""

from __future__ import annotations

from gridhub.kernels.elimination import Ints
from gridhub.kernels.events import FIELDS, find_bounds
from gridhub.kernels.factor import Flags, Floats
from gridhub.kernels.jit import compiled_in_place
from gridhub.kernels.lanes import (
    Lanes,
    add,
    any_above,
    fma,
    get,
    load,
    load_one,
    mul,
    nfma,
    spread,
    sub,
)
from gridhub.kernels.records import HELD, NOT_REGULATED, Control, Grid, Scenarios, Settings, State


@compiled_in_place
def find_role(role_node: Ints, role: Ints, roles: int, node: int) -> int:
    """Place of a node in a scenario's list of roles; -1 if it has that of the base."""
    for r in range(roles):
        if role_node[r] == node:
            return r
    return -1


@compiled_in_place
def switch_node(
    control: Control,
    scenarios: Scenarios,
    settings: Settings,
    k: int,
    node: int,
    q: float,
    v2: float,
    role_node: Ints,
    role: Ints,
    returns: Ints,
    roles: int,
) -> int:
    """Decide on one node of one scenario: 0 nothing changes, 1 its role changes, -1 not to be decided here.

    A lane decides on all its nodes at once, so it can only note so many roles and let a node return so often;
    the single-case path lets them return one by one.

    Parameters
    ----------
    q : float
        Reactive power the node's units produce [p.u.].
    v2 : float
        Squared voltage [p.u.^2].
    role_node, role, returns : (capacity,) int
        The scenario's roles, changed in place.
    """
    at = find_role(role_node, role, roles, node)
    now = role[at] if at >= 0 else int(control.at_limit[node])
    if now == NOT_REGULATED:
        return 0
    low, high, target = find_bounds(control, scenarios, k, node)
    new = now
    if now == 0:
        if max(q - high, low - q) > settings.tolerance:
            new = 1 if q - high > low - q else -1
    else:
        vm, set_point = v2**0.5, (0.5 / target) ** 0.5
        back = vm > set_point + settings.margin if now == 1 else vm < set_point - settings.margin
        if back:
            if at >= 0 and returns[at] >= settings.largest_returns:
                return -1
            new = 0
    if new == now:
        return 0
    if at < 0:
        if roles >= len(role_node):
            return -1
        at = roles
        role_node[at], returns[at] = node, 0
    role[at] = new
    if new == 0:
        returns[at] += 1
    return 1


@compiled_in_place
def check_limits(
    grid: Grid,
    state: State,
    control: Control,
    scenarios: Scenarios,
    settings: Settings,
    lane_item: Ints,
    first: int,
    settled: Flags,
    slot: Ints,
    event: Floats,
    own: Floats,
    V: Floats,
    role_node: Ints,
    role: Ints,
    returns: Ints,
    roles: Ints,
    changed: Ints,
    lanes: Lanes,
) -> None:
    """Look at every regulated node of a batch; note in `changed` (width,) how many roles each lane changes.

    Parameters
    ----------
    lane_item : (width,) int
        Scenario in each lane; -1: none.
    first : int
        Scenario of the first row of `role_node`, `role`, `returns` and `roles`.
    settled : (width,) bool
        Lanes whose state satisfies their equations; the others are left alone.
    own : (2 n width,) float
        What is injected beyond the base; empty where no lane has injections of its own [p.u.].
    role_node, role, returns : (k, capacity) int
        Roles of each scenario that differ from the base, changed in place; `roles` (k,) counts them.
    changed : (width,) int
        -1: a lane has more changes than the list can hold, or a node that returned too often.
    """
    width = len(lane_item)
    for b in range(width):
        changed[b] = 0
    for i in range(len(state.kind)):
        # a target without stiffness never stands: the voltage of an infeed is held, but has no limits
        if control.stiffness[i] == 0.0 or state.root[i] < 0:
            continue
        row = 2 * width * i
        e, f = load(V, row, lanes), load(V, row + width, lanes)
        v2 = fma(e, e, mul(f, f))
        g, s = load_one(grid.y_own, 2 * i, lanes), load_one(grid.y_own, 2 * i + 1, lanes)
        g_e, g_f, s_e, s_f = mul(g, e), mul(g, f), mul(s, e), mul(s, f)
        for p in range(get(grid.y_start, i), get(grid.y_start, i + 1)):
            other = get(grid.y_reach, p)
            g, s = load_one(grid.y_off, 2 * p, lanes), load_one(grid.y_off, 2 * p + 1, lanes)
            e_j, f_j = load(V, other, lanes), load(V, other + width, lanes)
            g_e, s_f = fma(g, e_j, g_e), fma(s, f_j, s_f)
            g_f, s_e = fma(g, f_j, g_f), fma(s, e_j, s_e)
        # produced = flowing out - what the base injects there otherwise
        out = nfma(e, add(g_f, s_e), mul(f, sub(g_e, s_f)))
        limit = control.at_limit[i]
        bound = control.high[i] if limit == 1 else (control.low[i] if limit == -1 else 0.0)
        q = sub(out, spread(state.q[i] - bound, lanes))
        if len(own) > 0:
            q = sub(q, load(own, row + width, lanes))
        if slot[i] < 0:
            if state.kind[i] == HELD:
                above = any_above(q, spread(control.high[i] + settings.tolerance, lanes))
                below = any_above(spread(control.low[i] - settings.tolerance, lanes), q)
                if not (above or below):
                    continue
            else:
                set_point = (0.5 / control.target[i]) ** 0.5
                if limit == 1:
                    edge = set_point + settings.margin
                    if not any_above(v2, spread(edge * edge, lanes)):
                        continue
                else:
                    edge = set_point - settings.margin
                    if not any_above(spread(edge * edge, lanes), v2):
                        continue
        for b in range(width):
            k = lane_item[b]
            if k < 0 or not settled[b] or changed[b] < 0:
                continue
            item = k - first
            a, c = V[row + b], V[row + width + b]
            injected, added, alive = state.q[i] - bound, 0.0, True
            if len(own) > 0:
                injected += own[row + width + b]
            if slot[i] >= 0:
                o = FIELDS * width * slot[i] + b
                alive = event[o + 2 * width] > 0.0
                added = event[o + width]
                at = find_role(role_node[item], role[item], roles[item], i)
                if at >= 0 and role[item, at] in (1, -1):
                    # the added power holds the change of the limit it stands at
                    low, high, _ = find_bounds(control, scenarios, k, i)
                    added -= (high if role[item, at] == 1 else low) - bound
                elif at >= 0:
                    added -= -bound if role[item, at] == NOT_REGULATED else 0.0
            if not alive:
                continue
            d = grid.y_own[2 * i] * a - grid.y_own[2 * i + 1] * c
            m = grid.y_own[2 * i] * c + grid.y_own[2 * i + 1] * a
            for p in range(grid.y_start[i], grid.y_start[i + 1]):
                j = grid.y_reach[p] + b
                g, s = grid.y_off[2 * p], grid.y_off[2 * p + 1]
                d += g * V[j] - s * V[j + width]
                m += g * V[j + width] + s * V[j]
            produced = c * d - a * m - injected - added
            done = switch_node(
                control, scenarios, settings, k, i, produced, a * a + c * c,
                role_node[item], role[item], returns[item], roles[item],
            )  # fmt: skip
            if done < 0:
                changed[b] = -1
            elif done > 0:
                changed[b] += 1
                if find_role(role_node[item], role[item], roles[item], i) < 0:
                    roles[item] += 1
