"""The solved state that a batch starts from, with its factor, as the kernels need it."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Floats, Ints
from gridhub.case.matrices import compute_shunts
from gridhub.kernels.factor import factorize, fill_jacobian
from gridhub.kernels.lanes import allocate
from gridhub.kernels.newton import Equations
from gridhub.kernels.records import (
    DEAD,
    FREE,
    HELD,
    Base,
    Control,
    Factor,
    Grid,
    State,
    Units,
    Watched,
)
from gridhub.solvers.ac import REALISTIC_VOLTAGE, Setting, write_problem
from gridhub.solvers.newton import find_roots, write_equations
from gridhub.solvers.scenario import Watch
from gridhub.solvers.solution import Solution

STIFFNESS = 1e4
"""How much larger than its own the diagonal of a reactive row is made where the voltage is held.

The row stays, so that giving up the voltage is a correction at one node. The chord then holds a voltage up to
1 / STIFFNESS of a step; the iteration does the rest.
"""


def _align(values: np.ndarray, dtype: type[np.float64] | type[np.float32]) -> np.ndarray:
    result = allocate(values.size, dtype)
    result[:] = values.ravel()
    return result


def _find_steady_range(equations: Equations, island: Ints, imbalance: Floats) -> tuple[Floats, ...]:
    """Which units are free, what they give, and the imbalances between which that stays so."""
    share, scheduled = equations.share, equations.scheduled
    asked = scheduled + share * imbalance[island]
    low, high = equations.low, equations.high
    able = (share > 0) & (low < high)
    free = able & (asked >= low) & (asked <= high)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_low, at_high = (low - scheduled) / share, (high - scheduled) / share
    steady_low, steady_high = np.full(len(imbalance), -np.inf), np.full(len(imbalance), np.inf)
    np.maximum.at(steady_low, island[free], at_low[free])
    np.minimum.at(steady_high, island[free], at_high[free])
    above, below = able & (asked > high), able & (asked < low)
    np.maximum.at(steady_low, island[above], at_high[above])
    np.minimum.at(steady_high, island[below], at_low[below])
    return np.clip(asked, low, high), np.where(free, share, 0.0), steady_low, steady_high


def build_base(setting: Setting, solution: Solution, width: int) -> Base | None:
    """Bring a solved state into elimination order and factorize it.

    Parameters
    ----------
    setting : Setting
        Of the case the state solves.
    solution : Solution
        Solved; its islands are those of the setting.
    width : int
        Lanes that the kernels will run in.

    Returns
    -------
    Base or None
        None where the factor is singular: then nothing can start from this state.
    """
    plan, case = setting.plan, setting.case
    elimination, node, n = plan.elimination, plan.node, case.n_node
    equations = write_equations(setting.plan, write_problem(setting, solution.at_limit))
    live = setting.islands.live[node]
    root = find_roots(plan, setting.islands)
    roots = np.flatnonzero(root == np.arange(n))
    number = np.full(n, -1)
    number[roots] = np.arange(len(roots))
    island = np.where(root >= 0, number[root], -1)
    angle_held = equations.angle_held & (root != np.arange(n))
    vm, va = np.where(live, solution.vm[node], 1.0), np.where(live, solution.va[node], 0.0)
    e, f = vm * np.cos(va), vm * np.sin(va)
    # where nobody shares it, the reference alone takes what is missing: that is the imbalance there
    imbalance = _find_imbalance(setting, solution, equations, node[roots])
    unit_island = island[equations.unit_node]
    generated, free, steady_low, steady_high = _find_steady_range(equations, unit_island, imbalance)
    sharing = np.flatnonzero(equations.share > 0)
    slope = np.bincount(equations.unit_node, free, n).astype(float)
    regulated = ~np.isnan(setting.regulation.set_point[node])
    held = equations.voltage_held & live
    y = equations.y
    diagonal = plan.diagonal
    stiff = np.where(regulated | held, STIFFNESS * np.hypot(y[2 * diagonal], y[2 * diagonal + 1]), 0.0)
    blocks, column = np.empty(4 * len(elimination.column)), np.zeros(2 * n)
    column[::2] = -slope
    fill_jacobian(elimination, y, e, f, equations.angle_held, equations.voltage_held, stiff, root, blocks)
    if factorize(elimination, root, blocks, column) >= 0 or not np.isfinite(blocks).all():
        return None
    single = -blocks.reshape(-1, 4)
    single[elimination.diagonal] *= -1.0
    own = np.zeros(len(elimination.y_column), dtype=bool)
    own[diagonal] = True
    counts = np.diff(elimination.y_start) - 1
    voltage = e + 1j * f
    rows = np.repeat(np.arange(n), np.diff(elimination.y_start))
    current = y.view(np.complex128) * voltage[elimination.y_column]
    flowing = voltage * np.conj(np.bincount(rows, current.real, n) + 1j * np.bincount(rows, current.imag, n))
    set_point = np.where(regulated, np.nan_to_num(setting.regulation.set_point[node], nan=1.0), vm)
    ends = [np.where(case.branch_on, plan.position[end], 0) for end in (case.branch_from, case.branch_to)]
    four = np.stack([case.y_ff, case.y_ft, case.y_tf, case.y_tt], axis=1)
    return Base(
        Grid(
            y_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
            y_reach=(2 * width * elimination.y_column[~own]).astype(np.int32),
            y_off=_align(y.reshape(-1, 2)[~own], np.float64),
            y_own=_align(y.reshape(-1, 2)[diagonal], np.float64),
            shunt_g=compute_shunts(case).real[node],
            branch_from=ends[0],
            branch_to=ends[1],
            branch_y=_align(four.view(np.float64), np.float64),
        ),
        Factor(
            start=elimination.start,
            diagonal=elimination.diagonal,
            column=elimination.column,
            mirror=elimination.mirror,
            parent=elimination.parent,
            reach=(2 * width * elimination.column).astype(np.int32),
            blocks=blocks,
            border=column,
            blocks32=_align(single, np.float32),
            border32=_align(-column, np.float32),
            bordered=bool((slope[root != np.arange(n)] != 0.0).any()),
        ),
        State(
            e=e,
            f=f,
            p=equations.p + np.bincount(equations.unit_node, generated, n),
            q=equations.q.copy(),
            q_calculated=flowing.imag.copy(),
            slope=slope,
            kind=np.where(live, np.where(held, HELD, FREE), DEAD).astype(np.int8),
            angle_held=angle_held,
            island=island,
            root=root,
        ),
        Units(
            node=equations.unit_node[sharing],
            island=unit_island[sharing],
            scheduled=equations.scheduled[sharing],
            share=equations.share[sharing],
            low=equations.low[sharing],
            high=equations.high[sharing],
            generated=generated[sharing],
            free=free[sharing],
            imbalance=imbalance,
            steady_low=steady_low,
            steady_high=steady_high,
        ),
        Control(
            stiffness=np.where(live, stiff, 0.0),
            target=np.where(live & (regulated | held), 0.5 / set_point**2, 0.0),
            low=np.where(regulated, setting.regulation.low[node], -np.inf),
            high=np.where(regulated, setting.regulation.high[node], np.inf),
            at_limit=solution.at_limit[node],
        ),
    )


def _find_imbalance(setting: Setting, solution: Solution, equations: Equations, references: Ints) -> Floats:
    """Imbalance of each live island in the order of its root; what a lone reference takes, where it does."""
    island = setting.islands.island[references]
    shared = solution.imbalance[island]
    voltage = np.nan_to_num(solution.vm * np.exp(1j * np.nan_to_num(solution.va)))
    plan, n = setting.plan, len(voltage)
    v = voltage[plan.node]
    elimination = plan.elimination
    rows = np.repeat(np.arange(n), np.diff(elimination.y_start))
    current = equations.y.view(np.complex128) * v[elimination.y_column]
    flowing = v * np.conj(np.bincount(rows, current.real, n) + 1j * np.bincount(rows, current.imag, n))
    at = plan.position[references]
    alone = ~setting.slack.shared[island]
    units = np.bincount(equations.unit_node, equations.scheduled, n)
    missing = flowing.real[at] - equations.p[at] - units[at]
    return np.where(alone, missing, shared)


def build_watched(setting: Setting, solution: Solution, watch: Watch) -> Watched:
    """Bring the limits into elimination order, squared."""
    case, plan = setting.case, setting.plan
    node, n = plan.node, case.n_node
    alive = np.where(case.branch_on, setting.islands.live[case.branch_from], False)
    branch = np.flatnonzero(~np.isnan(watch.rate) & alive)
    ends = np.concatenate([plan.position[case.branch_from[branch]], plan.position[case.branch_to[branch]]])
    order = np.argsort(ends, kind="stable")
    margin = watch.voltage_tolerance
    before = solution.vm[node]
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.where(np.isnan(watch.vm_low), -1.0, np.maximum(watch.vm_low - margin, 0.0) ** 2)
        high = np.where(np.isnan(watch.vm_high), np.inf, (watch.vm_high + margin) ** 2)
        change = watch.vm_change + margin
        change_low = np.where(change < before, (before - change) ** 2, -1.0)
        change_high = np.where(np.isfinite(change), (before + change) ** 2, np.inf)
        by_rate = 1.0 / watch.rate[branch] ** 2
    return Watched(
        branch=branch,
        by_rate=by_rate,
        at_start=np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))]),
        at_branch=np.tile(np.arange(len(branch)), 2)[order],
        overload=(1.0 + watch.loading_tolerance / 100.0) ** 2,
        low=low[node],
        high=high[node],
        change_low=change_low,
        change_high=change_high,
        real_low=REALISTIC_VOLTAGE[0] ** 2,
        real_high=REALISTIC_VOLTAGE[1] ** 2,
    )
