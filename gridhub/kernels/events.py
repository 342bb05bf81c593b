"""Rows in which a lane's equations differ from those of the base: what is lost, dead, switched or injected anew.

For each such row and lane five numbers stand in ``event``: active and reactive power to add, whether the node
is alive, whether its voltage is held, its target. What depends on the voltage, such as the power of a branch
that is out, is computed anew in each iteration on top of ``constant``.
"""

from __future__ import annotations

from gridhub.kernels.factor import Floats
from gridhub.kernels.jit import compiled
from gridhub.kernels.records import HELD, Base, Ints, Scenarios

FIELDS = 5
"""Numbers per row and lane: added active and reactive power, alive, held, target."""


@compiled
def list_touched(base: Base, scenarios: Scenarios, k: int, role_node: Ints, roles: int, touched: Ints) -> int:
    """List the nodes whose equations scenario k changes; may repeat some. Return how many."""
    count = 0
    for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
        branch = scenarios.branch[p]
        touched[count] = base.branch_from[branch]
        touched[count + 1] = base.branch_to[branch]
        count += 2
    for p in range(scenarios.shunt_start[k], scenarios.shunt_start[k + 1]):
        touched[count] = scenarios.shunt_node[p]
        count += 1
    for p in range(scenarios.delta_start[k], scenarios.delta_start[k + 1]):
        touched[count] = scenarios.delta_node[p]
        count += 1
    for p in range(scenarios.unit_start[k], scenarios.unit_start[k + 1]):
        touched[count] = base.unit_node[scenarios.unit[p]]
        count += 1
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        touched[count] = scenarios.dead[p]
        count += 1
    for p in range(roles):
        touched[count] = role_node[p]
        count += 1
    return count


@compiled
def find_bounds(base: Base, scenarios: Scenarios, k: int, node: int) -> tuple[float, float, float]:
    """Reactive range and target of a node in scenario k; target 0: no unit regulates."""
    for p in range(scenarios.bound_start[k], scenarios.bound_start[k + 1]):
        if scenarios.bound_node[p] == node:
            return scenarios.bound[3 * p], scenarios.bound[3 * p + 1], scenarios.bound[3 * p + 2]
    return base.q_low[node], base.q_high[node], base.target[node]


@compiled
def fill_constants(
    base: Base,
    scenarios: Scenarios,
    k: int,
    lane: int,
    width: int,
    role_node: Ints,
    role: Ints,
    roles: int,
    slot: Ints,
    constant: Floats,
    event: Floats,
) -> None:
    """Write what stays constant of scenario k into its lane of the event rows; rows hold the base before."""
    chosen = scenarios.injection[k]
    if chosen >= 0:
        for i in range(len(base.kind)):
            constant[2 * width * slot[i] + lane] += scenarios.set_p[chosen, i]
            constant[2 * width * slot[i] + width + lane] += scenarios.set_q[chosen, i]
    for p in range(scenarios.delta_start[k], scenarios.delta_start[k + 1]):
        at = 2 * width * slot[scenarios.delta_node[p]] + lane
        constant[at] += scenarios.delta_s[2 * p]
        constant[at + width] += scenarios.delta_s[2 * p + 1]
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        event[FIELDS * width * slot[scenarios.dead[p]] + 2 * width + lane] = 0.0
    for p in range(roles):
        node = role_node[p]
        low, high, target = find_bounds(base, scenarios, k, node)
        held = role[p] == 0
        at = FIELDS * width * slot[node] + lane
        event[at + 3 * width] = 1.0 if held else 0.0
        event[at + 4 * width] = target
        q = high if role[p] == 1 else (low if role[p] == -1 else 0.0)
        before = base.at_limit[node]
        q_before = base.q_high[node] if before == 1 else (base.q_low[node] if before == -1 else 0.0)
        if not held:
            constant[2 * width * slot[node] + width + lane] += q - q_before


@compiled
def reset_events(
    base: Base, rows: Ints, count: int, width: int, slot: Ints, constant: Floats, event: Floats
) -> None:
    """Give `count` event rows the equations of the base in every lane."""
    for s in range(count):
        i = rows[s]
        slot[i] = s
        for b in range(2 * width):
            constant[2 * width * s + b] = 0.0
        for b in range(width):
            at = FIELDS * width * s + b
            event[at] = 0.0
            event[at + width] = 0.0
            event[at + 2 * width] = 1.0
            event[at + 3 * width] = 1.0 if base.kind[i] == HELD else 0.0
            event[at + 4 * width] = base.target[i]


@compiled
def find_branch_power(
    base: Base, branch: int, V: Floats, width: int, lane: int
) -> tuple[float, float, float, float]:
    """Power into a branch at both ends, in one lane [p.u.]."""
    f, t = 2 * width * base.branch_from[branch] + lane, 2 * width * base.branch_to[branch] + lane
    a, b, c, d = V[f], V[f + width], V[t], V[t + width]
    y = base.branch_y[8 * branch : 8 * branch + 8]
    f_r, f_i = y[0] * a - y[1] * b + y[2] * c - y[3] * d, y[0] * b + y[1] * a + y[2] * d + y[3] * c
    t_r, t_i = y[4] * a - y[5] * b + y[6] * c - y[7] * d, y[4] * b + y[5] * a + y[6] * d + y[7] * c
    return a * f_r + b * f_i, b * f_r - a * f_i, c * t_r + d * t_i, d * t_r - c * t_i


@compiled
def is_steady(base: Base, scenarios: Scenarios, k: int, imbalance: Floats, width: int, lane: int) -> bool:
    """Whether every unit is on the same side of its limits as in the base."""
    if scenarios.injection[k] >= 0:
        return False
    for island in range(len(base.imbalance)):
        at = base.imbalance[island] + imbalance[width * island + lane]
        if at < base.steady_low[island] or at > base.steady_high[island]:
            return False
    return True


@compiled
def find_unit_power(base: Base, scenarios: Scenarios, k: int, unit: int, beyond: float, exact: bool) -> float:
    """Power of a unit at an imbalance `beyond` that of the base [p.u.]; not `exact`: by its slope alone."""
    if not exact:
        return base.generated[unit] + base.unit_free[unit] * beyond
    asked = base.share[unit] * (base.imbalance[base.island[base.unit_node[unit]]] + beyond)
    chosen = scenarios.injection[k]
    if chosen >= 0:
        asked += scenarios.set_scheduled[chosen, unit]
        return min(max(asked, scenarios.set_low[chosen, unit]), scenarios.set_high[chosen, unit])
    return min(max(asked + base.scheduled[unit], base.low[unit]), base.high[unit])


@compiled
def update_events(
    base: Base,
    scenarios: Scenarios,
    k: int,
    lane: int,
    width: int,
    every_unit: bool,
    slot: Ints,
    constant: Floats,
    rows: int,
    imbalance: Floats,
    V: Floats,
    event: Floats,
) -> None:
    """Compute the power to add in one lane at its present voltages and imbalance.

    With ``every_unit`` each unit is asked for its power, else only those that are lost: the others are where
    the base has them, but for their slope.
    """
    for s in range(rows):
        event[FIELDS * width * s + lane] = constant[2 * width * s + lane]
        event[FIELDS * width * s + width + lane] = constant[2 * width * s + width + lane]
    for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
        branch = scenarios.branch[p]
        f = FIELDS * width * slot[base.branch_from[branch]] + lane
        t = FIELDS * width * slot[base.branch_to[branch]] + lane
        p_f, q_f, p_t, q_t = find_branch_power(base, branch, V, width, lane)
        event[f] += p_f
        event[f + width] += q_f
        event[t] += p_t
        event[t + width] += q_t
    for p in range(scenarios.shunt_start[k], scenarios.shunt_start[k + 1]):
        node = scenarios.shunt_node[p]
        at = 2 * width * node + lane
        v2 = V[at] * V[at] + V[at + width] * V[at + width]
        at = FIELDS * width * slot[node] + lane
        event[at] += v2 * scenarios.shunt_y[2 * p]
        event[at + width] -= v2 * scenarios.shunt_y[2 * p + 1]
    if every_unit:
        for u in range(len(base.unit_node)):
            node = base.unit_node[u]
            beyond = imbalance[width * base.island[node] + lane]
            expected = base.generated[u] + base.unit_free[u] * beyond
            given = find_unit_power(base, scenarios, k, u, beyond, every_unit)
            if given != expected:
                event[FIELDS * width * slot[node] + lane] += given - expected
    for p in range(scenarios.unit_start[k], scenarios.unit_start[k + 1]):
        u = scenarios.unit[p]
        node = base.unit_node[u]
        beyond = imbalance[width * base.island[node] + lane]
        event[FIELDS * width * slot[node] + lane] -= find_unit_power(
            base, scenarios, k, u, beyond, every_unit
        )
