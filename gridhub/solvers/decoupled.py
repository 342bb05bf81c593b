"""One fast-decoupled iteration after each of many outages: angles, then voltages, from the state before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csc_array, csr_array, diags_array

from gridhub.case.case import Bools, Case, Complexes, Floats, Ints, Outage
from gridhub.case.matrices import build_admittance, build_susceptance, compute_dc_susceptance, compute_shunts
from gridhub.case.positions import list_lost
from gridhub.solvers.ac import VOLTAGE_MARGIN, Setting
from gridhub.solvers.compensated import Factor, factorize, gather_changes
from gridhub.solvers.differences import find_lost_injections, list_sharing_units
from gridhub.solvers.sharing import share_changes
from gridhub.solvers.solution import Solution

STIFFNESS = 1e6
"""Diagonal of a node whose voltage is held, in multiples of its own: leaves 1e-6 of a change."""

LARGEST_ROUNDS = 3
"""Times the reactive half-iteration is made anew with other roles of the nodes at reactive limits."""


@dataclass(frozen=True, slots=True, eq=False)
class DecoupledPlan:
    """What all outages from one state share.

    Attributes
    ----------
    setting : Setting
    base : Solution
        Solved state before the outages.
    vm, va : (n_node,) float
        Its voltage, finite everywhere [p.u., rad].
    injected : (n_node,) complex
        Power that the network takes at each node in it [p.u.].
    admittance : (n_node, n_node) sparse complex
    shunt : (n_node,) complex
    held : (n_node,) bool
        Nodes whose voltage is held in it, or that are dead.
    susceptance : (n_branch,) float
        Entries of B', 1/x.
    block : (n_branch, 2, 2) float
        Entries of B'' that each branch brings, -Im y with the phase shift taken out.
    set_point : (n_unit,) float
        Of every unit, in the order of `Regulation` [p.u.].
    stiff : (n_node,) float
        What a held node's diagonal of B'' is raised by.
    angle, voltage : Factor
        Of B' on the nodes whose angle is unknown, and of B'' with the held nodes stiff.
    """

    setting: Setting
    base: Solution
    vm: Floats
    va: Floats
    injected: Complexes
    admittance: csr_array
    shunt: Complexes
    held: Bools
    susceptance: Floats
    block: Floats
    set_point: Floats
    stiff: Floats
    angle: Factor
    voltage: Factor


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Estimated state after each of k outages.

    Attributes
    ----------
    vm, va : (n_node, k) float
        [p.u., rad]; NaN where there is no estimate, and at dead nodes.
    s_from, s_to : (n_branch, k) complex
        [p.u.]; 0 for what is out.
    step : (k,) float
        Largest angle that another active half-iteration would move [rad]: how far from settled it is.
    """

    vm: Floats
    va: Floats
    s_from: Complexes
    s_to: Complexes
    step: Floats


def plan_decoupled(setting: Setting, base: Solution) -> DecoupledPlan:
    """Factorize B' and B'' of a state.

    Parameters
    ----------
    setting : Setting
        Of the case before the outages (`gridhub.solvers.ac.prepare_setting`).
    base : Solution
        Its solved state.

    Notes
    -----
    The XB scheme: resistances are left out of B' = 1/x alone, shunts and taps of it too; B'' has everything
    but phase shifts. The nodes that hold their voltage stay in B'' with a stiff diagonal, so that a unit that
    comes to a reactive limit, or leaves one, is a change at one node.

    References
    ----------
    B. Stott, O. Alsac, "Fast decoupled load flow", IEEE Transactions on Power Apparatus and Systems PAS-93
    (1974) 859-869, doi:10.1109/TPAS.1974.293985.
    """
    case, live = setting.case, base.islands.live
    vm, va = np.where(live, base.vm, 1.0), np.where(live, base.va, 0.0)
    voltage, admittance = vm * np.exp(1j * va), build_admittance(case)
    susceptance, shift = compute_dc_susceptance(case, "x")
    turn = np.exp(-1j * shift)
    y = np.array([[case.y_ff, case.y_ft * turn], [case.y_tf * np.conj(turn), case.y_tt]])
    block = np.ascontiguousarray(-np.where(case.branch_on, y, 0.0).imag.transpose(2, 0, 1))
    on = np.flatnonzero(case.branch_on)
    ends = np.stack([case.branch_from[on], case.branch_to[on]])
    rows, columns = ends[[0, 0, 1, 1]].ravel(), ends[[0, 1, 0, 1]].ravel()
    shunt = compute_shunts(case)
    values = block[on].transpose(1, 2, 0).ravel()
    second = csc_array(coo_array((values, (rows, columns)), shape=(case.n_node,) * 2))
    second = second + diags_array(-shunt.imag, format="csc")
    held = ~np.isnan(setting.regulation.set_point) & (base.at_limit == 0)
    held |= setting.anchored | ~live
    stiff = STIFFNESS * np.maximum(np.abs(second.diagonal()), 1.0)
    second = csc_array(second + diags_array(np.where(held, stiff, 0.0), format="csc"))
    first = build_susceptance(case, "x")
    return DecoupledPlan(
        setting=setting,
        base=base,
        vm=vm,
        va=va,
        injected=voltage * np.conj(admittance @ voltage),
        admittance=admittance,
        shunt=shunt,
        held=held,
        susceptance=susceptance,
        block=block,
        set_point=np.concatenate([case.generator_vm, *case.hvdc_vm]),
        stiff=stiff,
        angle=factorize(first, np.flatnonzero(live & ~setting.angle_held)),
        voltage=factorize(second, np.arange(case.n_node)),
    )


@dataclass(slots=True, eq=False)
class _Block:
    """A block of outages under way, one column each.

    Attributes
    ----------
    owner, branch : (m,) int
        Branches lost by each.
    target : (n_node, k) complex
        Power scheduled at each node, without reactive power of units that hold its voltage [p.u.].
    shunt : (n_node, k) complex
        Shunt admittance taken away.
    set_point, low, high : (n_node, k) float
        As of `Regulation`.
    at_limit : (n_node, k) int8
    """

    owner: Ints
    branch: Ints
    target: Complexes
    shunt: Complexes
    set_point: Floats
    low: Floats
    high: Floats
    at_limit: NDArray[np.int8]


def estimate_outages(plan: DecoupledPlan, outages: Sequence[Outage]) -> Estimate:
    """Estimate the state after each outage by one active and one reactive half-iteration.

    Parameters
    ----------
    plan : DecoupledPlan
    outages : sequence of Outage
        None may split an island or lose a branch without impedance.

    Returns
    -------
    Estimate

    Notes
    -----
    B' dtheta = dP / V at the state before the outage, then B'' dV = dQ / V at the new angles, with B' and B''
    of the network without the branches lost, by compensation. Lost MW are shared as `SlackPlan` says; the
    change of losses after that is left at the reference. A node whose units pass a reactive limit is freed,
    one at a limit whose voltage passes the set-point held again, and the second half-iteration made anew, at
    most `LARGEST_ROUNDS` times. There is no estimate where nobody is left to hold a voltage, or the units
    cannot take up what is lost within their limits.
    """
    case, count = plan.setting.case, len(outages)
    block = _write_block(plan, outages)
    power = plan.injected[:, None] - _find_lost_power(plan, block, _repeat(plan.vm, plan.va, count))
    active = (block.target.real - power.real) / plan.vm[:, None]
    entries = plan.susceptance[block.branch][:, None, None] * np.array([[1.0, -1.0], [-1.0, 1.0]])
    cuts = gather_changes(count, _list_cuts(case, block, entries))
    va = plan.va[:, None] + plan.angle.solve_changed(active, cuts)
    vm = _iterate_voltages(plan, block, va)
    vm[:, np.isnan(vm).any(axis=0)] = np.nan
    dead = ~plan.base.islands.live
    voltage = vm * np.exp(1j * va)
    left = block.target.real - _compute_power(plan, block, voltage).real
    step = np.abs(plan.angle.solve_changed(left / vm, cuts)).max(axis=0, initial=0.0)
    flows = _compute_flows(case, voltage)
    for flow in flows:
        flow[block.branch, block.owner] = 0.0
    vm[dead], va[dead] = np.nan, np.nan
    return Estimate(vm, va, *flows, step)


def _repeat(vm: Floats, va: Floats, count: int) -> Complexes:
    return np.repeat((vm * np.exp(1j * va))[:, None], count, axis=1)


def _compute_flows(case: Case, voltage: Complexes) -> tuple[Complexes, Complexes]:
    """Power into each branch at both ends for every column, (n_branch, k) [p.u.]; 0 out of service."""
    on = case.branch_on
    v_from, v_to = voltage[case.branch_from], voltage[case.branch_to]
    y = [np.where(on, part, 0.0)[:, None] for part in (case.y_ff, case.y_ft, case.y_tf, case.y_tt)]
    return v_from * np.conj(y[0] * v_from + y[1] * v_to), v_to * np.conj(y[2] * v_from + y[3] * v_to)


def _find_lost_power(plan: DecoupledPlan, block: _Block, voltage: Complexes) -> Complexes:
    """Power that what is lost would take at the nodes at these voltages, (n_node, k) [p.u.]."""
    case = plan.setting.case
    lost = np.abs(voltage) ** 2 * np.conj(block.shunt)
    i, k = block.branch, block.owner
    f, t = case.branch_from[i], case.branch_to[i]
    v_from, v_to = voltage[f, k], voltage[t, k]
    np.add.at(lost, (f, k), v_from * np.conj(case.y_ff[i] * v_from + case.y_ft[i] * v_to))
    np.add.at(lost, (t, k), v_to * np.conj(case.y_tf[i] * v_from + case.y_tt[i] * v_to))
    return lost


def _write_block(plan: DecoupledPlan, outages: Sequence[Outage]) -> _Block:
    """Write what is scheduled after each outage, and who holds a voltage."""
    setting, base, count = plan.setting, plan.base, len(outages)
    case, regulation = setting.case, setting.regulation
    owner, branch = list_lost(outages, "branch")
    here = case.branch_on[branch]
    owner, branch = np.divmod(np.unique(owner[here] * case.n_branch + branch[here]), max(1, case.n_branch))

    def spread(values: np.ndarray) -> np.ndarray:
        return np.repeat(values[:, None], count, axis=1)

    block = _Block(
        owner,
        branch,
        spread(plan.injected.real + 1j * setting.fixed.imag),
        _list_shunts(plan, outages),
        spread(regulation.set_point),
        spread(regulation.low),
        spread(regulation.high),
        spread(np.where(np.isnan(regulation.set_point), 0, base.at_limit).astype(np.int8)),
    )
    units = list_sharing_units(setting)
    at, node, change = find_lost_injections(case, base.islands.live, units, outages)
    np.add.at(block.target, (node, at), change)
    voltage = _repeat(plan.vm, plan.va, count)
    left = block.target.real - (plan.injected[:, None] - _find_lost_power(plan, block, voltage)).real
    left[~base.islands.live] = 0.0
    shared = share_changes(case, setting.slack, base.imbalance, base.islands.island, outages, left)
    block.target += shared
    _drop_regulation(plan, block, outages)
    return block


def _list_shunts(plan: DecoupledPlan, outages: Sequence[Outage]) -> Complexes:
    """Shunt admittance that each outage takes away, (n_node, k) [p.u.]."""
    case = plan.setting.case
    taken = np.zeros((case.n_node, len(outages)), dtype=complex)
    owner, lost = list_lost(outages, "shunt")
    node = case.bus_node[case.shunt_bus[lost]]
    here = case.shunt_on[lost] & (node >= 0)
    lost, node, owner = lost[here], node[here], owner[here]
    np.add.at(taken, (node, owner), case.shunt_g[lost] + 1j * case.shunt_b[lost])
    return taken


def _drop_regulation(plan: DecoupledPlan, block: _Block, outages: Sequence[Outage]) -> None:
    """Take lost units out of what holds voltages; no estimate where an island has nobody left to."""
    setting, islands = plan.setting, plan.base.islands
    regulation, n_unit = setting.regulation, len(setting.case.generator_bus)
    n_link = len(setting.case.hvdc_on)
    for k, outage in enumerate(outages):
        ends = [n_unit + i for i in outage.hvdc] + [n_unit + n_link + i for i in outage.hvdc]
        units = np.array([*outage.generator, *ends], dtype=np.int64)
        units = np.unique(units[regulation.active[units]]) if len(units) else units
        for node in np.unique(regulation.node[units]).tolist():
            left = np.flatnonzero(regulation.active & (regulation.node == node))
            left = np.setdiff1d(left, units)
            block.low[node, k] = regulation.unit_low[left].sum()
            block.high[node, k] = regulation.unit_high[left].sum()
            block.set_point[node, k] = plan.set_point[left[0]] if len(left) else np.nan
            block.at_limit[node, k] *= len(left) > 0
        if len(units):
            holding = ~np.isnan(block.set_point[:, k]) | setting.anchored
            held = np.bincount(islands.island, holding, islands.count)
            if not held[islands.island[islands.live]].all():
                block.target[:, k] = np.nan


def _list_cuts(case: Case, block: _Block, entries: Floats) -> list[tuple[Ints, Ints, Ints, Floats]]:
    """List what the lost branches take out of a matrix to which each brings (m, 2, 2) entries."""
    ends = np.stack([case.branch_from[block.branch], case.branch_to[block.branch]])
    pairs = ((0, 0), (0, 1), (1, 0), (1, 1))
    return [(block.owner, ends[r], ends[c], -entries[:, r, c]) for r, c in pairs]


def _find_held(plan: DecoupledPlan, block: _Block, some: Ints) -> Bools:
    """Mark the nodes whose voltage is held, (n_node, len(some)); dead ones too."""
    always = plan.setting.anchored | ~plan.base.islands.live
    own = ~np.isnan(block.set_point[:, some]) & (block.at_limit[:, some] == 0)
    return np.asarray(always[:, None] | own)


def _iterate_voltages(plan: DecoupledPlan, block: _Block, va: Floats) -> Floats:
    """Make the reactive half-iteration, anew where nodes change their role at a reactive limit."""
    count = va.shape[1]
    vm = np.empty((len(va), count))
    turn = np.exp(1j * va)
    some = np.arange(count)
    reactive = _compute_power(plan, block, plan.vm[:, None] * turn).imag
    for last in range(LARGEST_ROUNDS, -1, -1):
        vm[:, some] = _solve_voltages(plan, block, some, reactive[:, some])
        if not plan.setting.options.reactive_limits or not last:
            break
        after = _compute_power(plan, block, vm * turn).imag
        some = some[_switch_roles(plan, block, some, vm[:, some], after[:, some])]
        if not len(some):
            break
    return vm


def _compute_power(plan: DecoupledPlan, block: _Block, voltage: Complexes) -> Complexes:
    """Power that the network without what is lost takes at each node, (n_node, k) [p.u.]."""
    taken = voltage * np.conj(plan.admittance @ voltage)
    return np.asarray(taken - _find_lost_power(plan, block, voltage))


def _solve_voltages(plan: DecoupledPlan, block: _Block, some: Ints, reactive: Floats) -> Floats:
    """Solve B'' dV = dQ / V for some of the columns, with the roles they have now."""
    case, vm = plan.setting.case, plan.vm[:, None]
    held, limit = _find_held(plan, block, some), block.at_limit[:, some]
    bound = np.where(limit > 0, block.high[:, some], np.where(limit < 0, block.low[:, some], 0.0))
    wanted = np.where(np.isnan(block.set_point[:, some]), vm, block.set_point[:, some])
    right = (block.target[:, some].imag + bound - reactive) / vm
    right = np.where(held, plan.stiff[:, None] * (wanted - vm), right)
    raised = (held.astype(float) - plan.held[:, None]) * plan.stiff[:, None] + block.shunt[:, some].imag
    node, k = np.nonzero(raised)
    parts = [*_list_cuts(case, block, plan.block[block.branch]), (some[k], node, node, raised[node, k])]
    changes = gather_changes(len(block.target.T), parts)
    change = plan.voltage.solve_changed(right, [changes[i] for i in some.tolist()])
    return np.asarray(np.where(held, wanted, vm + change))


def _switch_roles(plan: DecoupledPlan, block: _Block, some: Ints, vm: Floats, reactive: Floats) -> Bools:
    """Free the nodes beyond a reactive limit, hold those again that left one; mark the columns with any."""
    tolerance, limit = plan.setting.options.tolerance, block.at_limit[:, some]
    target = block.set_point[:, some]
    held = ~np.isnan(target) & (limit == 0) & ~plan.setting.anchored[:, None]
    produced = reactive - block.target[:, some].imag
    above, below = produced > block.high[:, some] + tolerance, produced < block.low[:, some] - tolerance
    back = ((limit > 0) & (vm > target + VOLTAGE_MARGIN)) | ((limit < 0) & (vm < target - VOLTAGE_MARGIN))
    changed = np.where(held & above, 1, np.where(held & below, -1, np.where(back, 0, limit)))
    block.at_limit[:, some] = changed
    return np.asarray((changed != limit).any(axis=0))
