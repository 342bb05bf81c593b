"""Rows in which a lane's equations differ from those of the base: what is lost, dead, switched, injected.

For each such row and lane five numbers stand in ``event``: active and reactive power to add, whether the node
is alive, whether its voltage is held, its target. What depends on the voltage, such as the power of a branch
that is out, is computed anew in each iteration on top of ``constant``. What an injection set changes, at any
node, is no event: it stands in an array of its own, ``own``.
"""

from __future__ import annotations

from gridhub.kernels.elimination import Ints
from gridhub.kernels.factor import Floats
from gridhub.kernels.jit import compiled_in_place
from gridhub.kernels.lanes import (
    Lanes,
    add,
    choose,
    fma,
    get,
    larger,
    load,
    load_one,
    smaller,
    spread,
    store,
    sub,
)
from gridhub.kernels.records import HELD, Control, Grid, Scenarios, State, Units

FIELDS = 5
"""Numbers per row and lane: added active and reactive power, alive, held, target."""


@compiled_in_place
def list_touched(
    branch_from: Ints,
    branch_to: Ints,
    unit_node: Ints,
    scenarios: Scenarios,
    k: int,
    role_node: Ints,
    roles: int,
    touched: Ints,
) -> int:
    """List the nodes whose equations scenario k changes; may repeat some. Return how many."""
    count = 0
    for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
        branch = scenarios.branch[p]
        touched[count] = branch_from[branch]
        touched[count + 1] = branch_to[branch]
        count += 2
    for p in range(scenarios.shunt_start[k], scenarios.shunt_start[k + 1]):
        touched[count] = scenarios.shunt_node[p]
        count += 1
    for p in range(scenarios.delta_start[k], scenarios.delta_start[k + 1]):
        touched[count] = scenarios.delta_node[p]
        count += 1
    for p in range(scenarios.unit_start[k], scenarios.unit_start[k + 1]):
        touched[count] = unit_node[scenarios.unit[p]]
        count += 1
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        touched[count] = scenarios.dead[p]
        count += 1
    for p in range(roles):
        touched[count] = role_node[p]
        count += 1
    return count


@compiled_in_place
def find_bounds(control: Control, scenarios: Scenarios, k: int, node: int) -> tuple[float, float, float]:
    """Reactive range and target of a node in scenario k; target 0: no unit regulates."""
    for p in range(scenarios.bound_start[k], scenarios.bound_start[k + 1]):
        if scenarios.bound_node[p] == node:
            return scenarios.bound[3 * p], scenarios.bound[3 * p + 1], scenarios.bound[3 * p + 2]
    return control.low[node], control.high[node], control.target[node]


@compiled_in_place
def reset_events(
    state: State,
    control: Control,
    rows: Ints,
    count: int,
    width: int,
    slot: Ints,
    constant: Floats,
    event: Floats,
) -> None:
    """Give `count` event rows the equations of the base in every lane."""
    for s in range(count):
        i = rows[s]
        slot[i] = s
        held = 1.0 if state.kind[i] == HELD else 0.0
        for b in range(width):
            at = FIELDS * width * s + b
            constant[2 * width * s + b], constant[2 * width * s + width + b] = 0.0, 0.0
            event[at], event[at + width] = 0.0, 0.0
            event[at + 2 * width], event[at + 3 * width] = 1.0, held
            event[at + 4 * width] = control.target[i]


@compiled_in_place
def fill_constants(
    control: Control,
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
    for p in range(scenarios.delta_start[k], scenarios.delta_start[k + 1]):
        at = 2 * width * slot[scenarios.delta_node[p]] + lane
        constant[at] += scenarios.delta_s[2 * p]
        constant[at + width] += scenarios.delta_s[2 * p + 1]
    for p in range(scenarios.dead_start[k], scenarios.dead_start[k + 1]):
        event[FIELDS * width * slot[scenarios.dead[p]] + 2 * width + lane] = 0.0
    for p in range(roles):
        node = role_node[p]
        low, high, target = find_bounds(control, scenarios, k, node)
        held = role[p] == 0
        at = FIELDS * width * slot[node] + lane
        event[at + 3 * width] = 1.0 if held else 0.0
        event[at + 4 * width] = target
        q = high if role[p] == 1 else (low if role[p] == -1 else 0.0)
        before = control.at_limit[node]
        q_before = control.high[node] if before == 1 else (control.low[node] if before == -1 else 0.0)
        if not held:
            constant[2 * width * slot[node] + width + lane] += q - q_before


@compiled_in_place
def fill_own(scenarios: Scenarios, k: int, lane: int, width: int, own: Floats) -> None:
    """Write what the injection set of scenario k changes at each node into its lane of `own` (2 n width,)."""
    chosen = scenarios.injection[k]
    if chosen >= 0:
        for i in range(scenarios.set_p.shape[1]):
            own[2 * width * i + lane] = scenarios.set_p[chosen, i]
            own[2 * width * i + width + lane] = scenarios.set_q[chosen, i]


@compiled_in_place
def is_steady(units: Units, injection: Ints, k: int, beyond: Floats, width: int, lane: int) -> bool:
    """Whether every unit is on the same side of its limits as in the base."""
    if injection[k] >= 0:
        return False
    for island in range(len(units.imbalance)):
        at = units.imbalance[island] + beyond[width * island + lane]
        if at < units.steady_low[island] or at > units.steady_high[island]:
            return False
    return True


@compiled_in_place
def add_lost_power(
    grid: Grid,
    units: Units,
    scenarios: Scenarios,
    k: int,
    lane: int,
    width: int,
    exact: bool,
    slot: Ints,
    beyond: Floats,
    V: Floats,
    event: Floats,
) -> None:
    """Add, in one lane, what the equations of the base count and the scenario has not.

    Parameters
    ----------
    exact : bool
        Lost units are left to `add_unit_changes`; else they count by their slope.
    beyond : (n_island width,) float
        Imbalance beyond that of the base [p.u.].
    """
    for p in range(scenarios.branch_start[k], scenarios.branch_start[k + 1]):
        branch = scenarios.branch[p]
        from_node, to_node = grid.branch_from[branch], grid.branch_to[branch]
        f, t, y = 2 * width * from_node + lane, 2 * width * to_node + lane, 8 * branch
        a, b, c, d = V[f], V[f + width], V[t], V[t + width]
        w = grid.branch_y
        f_r = w[y] * a - w[y + 1] * b + w[y + 2] * c - w[y + 3] * d
        f_i = w[y] * b + w[y + 1] * a + w[y + 2] * d + w[y + 3] * c
        t_r = w[y + 4] * a - w[y + 5] * b + w[y + 6] * c - w[y + 7] * d
        t_i = w[y + 4] * b + w[y + 5] * a + w[y + 6] * d + w[y + 7] * c
        f, t = FIELDS * width * slot[from_node] + lane, FIELDS * width * slot[to_node] + lane
        event[f] += a * f_r + b * f_i
        event[f + width] += b * f_r - a * f_i
        event[t] += c * t_r + d * t_i
        event[t + width] += d * t_r - c * t_i
    for p in range(scenarios.shunt_start[k], scenarios.shunt_start[k + 1]):
        node = scenarios.shunt_node[p]
        at = 2 * width * node + lane
        v2 = V[at] * V[at] + V[at + width] * V[at + width]
        at = FIELDS * width * slot[node] + lane
        event[at] += v2 * scenarios.shunt_y[2 * p]
        event[at + width] -= v2 * scenarios.shunt_y[2 * p + 1]
    if not exact:
        for p in range(scenarios.unit_start[k], scenarios.unit_start[k + 1]):
            u = scenarios.unit[p]
            given = units.generated[u] + units.free[u] * beyond[width * units.island[u] + lane]
            event[FIELDS * width * slot[units.node[u]] + lane] -= given


@compiled_in_place
def fill_schedule(
    units: Units, scenarios: Scenarios, k: int, lane: int, width: int, schedule: Floats
) -> None:
    """Write schedule and limits of every unit in scenario k into its lane of `schedule` (3 n_unit width,)."""
    chosen = scenarios.injection[k]
    for u in range(len(units.node)):
        at = 3 * width * u + lane
        if chosen >= 0:
            planned = scenarios.set_scheduled[chosen, u]
            schedule[at] = planned
            schedule[at + width] = min(scenarios.unit_low[u], planned)
            schedule[at + 2 * width] = max(scenarios.unit_high[u], planned)
        else:
            schedule[at] = units.scheduled[u]
            schedule[at + width], schedule[at + 2 * width] = units.low[u], units.high[u]
    for p in range(scenarios.unit_start[k], scenarios.unit_start[k + 1]):
        at = 3 * width * scenarios.unit[p] + lane
        schedule[at], schedule[at + width], schedule[at + 2 * width] = 0.0, 0.0, 0.0


@compiled_in_place
def copy_constants(rows: int, constant: Floats, event: Floats, lanes: Lanes) -> None:
    """Begin every lane of the event rows with what is constant in it."""
    width = len(lanes)
    for s in range(rows):
        store(event, FIELDS * width * s, load(constant, 2 * width * s, lanes))
        store(event, FIELDS * width * s + width, load(constant, 2 * width * s + width, lanes))


@compiled_in_place
def add_unit_changes(
    units: Units, exact: Floats, schedule: Floats, slot: Ints, beyond: Floats, event: Floats, lanes: Lanes
) -> None:
    """Ask every unit for its power in the lanes marked `exact`, and add what the base and its slope lack."""
    width = len(lanes)
    asked_for, zero = load(exact, 0, lanes), spread(0.0, lanes)
    for u in range(len(units.node)):
        island = get(units.island, u)
        more = load(beyond, width * island, lanes)
        whole = add(load_one(units.imbalance, island, lanes), more)
        at = 3 * width * u
        asked = fma(load_one(units.share, u, lanes), whole, load(schedule, at, lanes))
        given = larger(asked, load(schedule, at + width, lanes))
        given = smaller(given, load(schedule, at + 2 * width, lanes))
        expected = fma(load_one(units.free, u, lanes), more, load_one(units.generated, u, lanes))
        row = FIELDS * width * get(slot, get(units.node, u))
        store(event, row, add(load(event, row, lanes), choose(asked_for, sub(given, expected), zero)))
