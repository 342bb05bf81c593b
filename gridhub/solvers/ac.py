"""AC power flow of one case: islands, start, Newton, reactive limits, and a last check of the result."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gridhub.case.case import Bools, Case, Complexes, Floats
from gridhub.solvers.dc_start import find_dc_angles
from gridhub.solvers.injections import compute_fixed_injection, drop_dead_links
from gridhub.solvers.islands import Islands, find_islands
from gridhub.solvers.newton import NewtonPlan, NewtonProblem, NewtonState, plan_newton, solve_newton
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.regulation import Regulation, plan_regulation
from gridhub.solvers.residual import compute_branch_flows, compute_mismatch
from gridhub.solvers.slack import SlackPlan, assign_reference_power, balance_islands, find_edges, plan_slack
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import NO_GENERATION_LEFT, TOO_MUCH_GENERATION, Status

REALISTIC_VOLTAGE = (0.5, 1.5)
"""Voltages outside this band [p.u.] make a state UNREALISTIC."""

LARGEST_ROUNDS = 100
"""Newton solves with changed PV/PQ roles before the reactive limits are given up as chattering."""

LARGEST_RETURNS = 3
"""Times a node may take up its voltage again together with others; then only the worst one does at a time."""

LARGEST_EDGES = 5
"""Times an iteration that put all units of an island at a limit goes on from where the first is free."""

VOLTAGE_MARGIN = 1e-6
"""How far past its set-point [p.u.] the voltage has to be before a node takes it up again."""


@dataclass(frozen=True, slots=True, eq=False)
class AcStart:
    """First guess of an AC solve.

    Attributes
    ----------
    name : str
    vm, va : (n_node,) float
        [p.u., rad]; finite everywhere.
    imbalance : (n_island,) float or None
        Imbalance of each island; None: from the lossless balance.
    at_limit : (n_node,) int8
        Nodes believed to be at a reactive limit.
    limited : bool
        Whether Newton's steps are limited.
    """

    name: str
    vm: Floats
    va: Floats
    imbalance: Floats | None
    at_limit: NDArray[np.int8]
    limited: bool = False


def make_start(before: Solution, name: str = "before the outage") -> AcStart:
    """Start from a solved state: the one before an outage or before the taps moved."""
    live = before.islands.live
    vm, va = np.where(live, before.vm, 1.0), np.where(live, before.va, 0.0)
    return AcStart(name, vm, va, before.imbalance, before.at_limit)


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """Everything about one AC solve that does not change between starts."""

    case: Case
    plan: NewtonPlan
    admittance: Complexes
    islands: Islands
    slack: SlackPlan
    regulation: Regulation
    fixed: Complexes
    angle_held: Bools
    anchored: Bools
    options: PowerFlowOptions


def prepare_setting(case: Case, plan: NewtonPlan | None, options: PowerFlowOptions) -> Setting:
    """Find islands, slack and regulation of a case, and plan it where no plan fits."""
    islands = find_islands(case)
    if plan is None or not plan.fits(case, islands):
        plan = plan_newton(case)
    case = drop_dead_links(case, islands.live)
    slack = plan_slack(case, islands, options.distributed_slack)
    regulation = plan_regulation(case, islands.live)
    regulated = ~np.isnan(regulation.set_point)
    reference = islands.reference[islands.reference >= 0]
    angle_held = ~islands.live
    angle_held[reference] = True
    # where nobody shares the imbalance, every node marked as reference is a slack of its own
    alone = np.where(islands.live, ~slack.shared[islands.island], False)
    angle_held |= case.reference & alone
    # a voltage has to be given somewhere: by an infeed without units, or where no unit regulates at all
    anchored = case.reference & alone & ~regulated & islands.live
    has_regulator = np.bincount(islands.island, regulated, islands.count) > 0
    anchored[reference[~has_regulator[islands.island[reference]]]] = True
    fixed = np.where(islands.live, compute_fixed_injection(case), 0.0)
    return Setting(
        case,
        plan,
        plan.fill_admittance(case),
        islands,
        slack,
        regulation,
        fixed,
        angle_held,
        anchored,
        options,
    )


def _list_starts(setting: Setting) -> list[AcStart]:
    """First guesses in the order they are tried."""
    case, options = setting.case, setting.options
    set_point = setting.regulation.set_point
    flat_vm = np.where(np.isnan(set_point), 1.0, set_point)
    none = np.zeros(case.n_node, dtype=np.int8)
    reference_angle = np.zeros(setting.islands.count)
    held = setting.islands.reference >= 0
    reference_angle[held] = case.va_reference[setting.islands.reference[held]]
    flat = AcStart("flat", flat_vm, reference_angle[setting.islands.island], None, none)
    stored = np.isfinite(case.vm_start) & np.isfinite(case.va_start)
    starts: list[AcStart] = []
    if options.start in ("auto", "snapshot") and stored[setting.islands.live].all():
        vm = np.where(stored, case.vm_start, 1.0)
        starts.append(AcStart("snapshot", vm, np.where(stored, case.va_start, 0.0), None, none))
    if options.start in ("auto", "dc") or (options.start == "snapshot" and not starts):
        va = find_dc_angles(
            case, setting.plan, setting.islands, setting.slack, setting.fixed, setting.angle_held
        )
        starts.append(AcStart("dc", flat_vm, va, None, none))
    if options.start in ("auto", "flat"):
        starts.append(flat)
    last = starts[-2] if options.start == "auto" else starts[-1]
    return [*starts, replace(last, name=f"{last.name}, limited steps", limited=True)]


def _hold_references(setting: Setting, start: AcStart) -> tuple[Floats, Floats, Floats]:
    """Bring a start to the angles, voltages and imbalance the equations hold or expect."""
    case, islands = setting.case, setting.islands
    held = setting.angle_held & islands.live
    va = np.where(held, case.va_reference, np.where(islands.live, start.va, 0.0))
    vm = np.where(islands.live, start.vm, 1.0)
    given = np.isfinite(case.vm_start)
    vm = np.where(setting.anchored, np.where(given, case.vm_start, 1.0), vm)
    if start.imbalance is not None:
        return vm, va, start.imbalance
    if not setting.slack.shared.any():
        return vm, va, np.zeros(islands.count)
    required = -np.bincount(islands.island, setting.fixed.real, islands.count)
    imbalance, _ = balance_islands(
        setting.slack, islands.count, np.where(setting.slack.shared, required, 0.0)
    )
    return vm, va, np.where(setting.slack.shared, imbalance, 0.0)


def _solve_with_limits(setting: Setting, start: AcStart) -> tuple[NewtonState, NDArray[np.int8], int, int]:
    """Solve, and change the role of nodes at reactive limits until none is beyond its own.

    A node whose units would pass their limit is freed and its units held there; it takes its voltage up
    again once the voltage has passed the set-point. Units near each other may do so all at once, and pass
    their limits all at once again; those that have returned too often return one by one. An island keeps a
    node that holds its voltage as long as any of its units has reactive power left.
    """
    options, regulation = setting.options, setting.regulation
    regulated = ~np.isnan(regulation.set_point)
    at_limit = np.where(regulated, start.at_limit, 0).astype(np.int8)
    if not options.reactive_limits:
        at_limit[:] = 0
    returns = np.zeros(len(at_limit), dtype=np.int64)
    guess = _hold_references(setting, start)
    most = len(at_limit)
    good: tuple[NewtonState, NDArray[np.int8]] | None = None
    iterations = switches = 0
    for _ in range(LARGEST_ROUNDS):
        state = _solve_roles(setting, guess, at_limit, start.limited)
        iterations += state.iterations
        if state.outcome != "converged":
            # too many nodes gave up their voltage at once: go back and free fewer, the worst first
            if good is None or most == 1:
                break
            changed = int((good[1] != at_limit).sum())
            most = max(1, min(most, changed) // 2)
            state, at_limit = good
        elif not options.reactive_limits:
            break
        good = state, at_limit
        change, back = _find_switches(setting, state, at_limit, returns, most)
        if (change == at_limit).all():
            break
        switches += int((change != at_limit).sum())
        returns += back
        at_limit = change
        guess = state.vm, state.va, state.imbalance
    else:
        state = replace(state, outcome="reactive limits chatter")
    return state, at_limit, iterations, switches


def write_problem(setting: Setting, at_limit: NDArray[np.int8]) -> NewtonProblem:
    """Write the equations for given roles: which nodes hold their voltage, which are at a reactive limit.

    Parameters
    ----------
    setting : Setting
    at_limit : (n_node,) int8
        1, -1 where the units are held at their upper, lower limit; else 0.
    """
    regulation = setting.regulation
    held = ~np.isnan(regulation.set_point) & (at_limit == 0)
    bound = np.where(at_limit > 0, regulation.high, np.where(at_limit < 0, regulation.low, 0.0))
    return NewtonProblem(
        admittance=setting.admittance,
        islands=setting.islands,
        slack=setting.slack,
        unit_node=setting.case.bus_node[setting.case.generator_bus],
        fixed=setting.fixed + 1j * bound,
        angle_held=setting.angle_held,
        voltage_held=held | setting.anchored | ~setting.islands.live,
    )


def _solve_roles(
    setting: Setting, guess: tuple[Floats, Floats, Floats], at_limit: NDArray[np.int8], limited: bool
) -> NewtonState:
    """Solve with given roles: which nodes hold their voltage, which are at a reactive limit."""
    problem, options = write_problem(setting, at_limit), setting.options
    held = ~np.isnan(setting.regulation.set_point) & (at_limit == 0)
    vm, va, imbalance = guess
    start = np.where(held, setting.regulation.set_point, vm), va, imbalance
    tolerance, iterations = options.tolerance, options.max_iterations
    state = solve_newton(setting.plan, problem, start, tolerance, iterations, limited)
    done = state.iterations
    for _ in range(LARGEST_EDGES):
        if state.outcome != NO_GENERATION_LEFT:
            break
        # a step on the way, or a start without losses, can ask for less than the units' minimum in all
        start = state.vm, state.va, find_edges(setting.slack, state.imbalance)
        state = solve_newton(setting.plan, problem, start, tolerance, iterations, limited)
        done += state.iterations
    return replace(state, iterations=done)


def _find_switches(
    setting: Setting, state: NewtonState, at_limit: NDArray[np.int8], returns: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int8], Bools]:
    """Decide which nodes change their role: new limit state, and who takes its voltage up again.

    At most `most` nodes give up their voltage, those furthest beyond their limit first.
    """
    regulation, tolerance = setting.regulation, setting.options.tolerance
    set_point = regulation.set_point
    held = ~np.isnan(set_point) & (at_limit == 0)
    produced = state.injection.imag - setting.fixed.imag
    above, below = produced - regulation.high, regulation.low - produced
    beyond = np.where(held, np.maximum(above, below), -np.inf)
    worst = np.argsort(-beyond, kind="stable")[:most]
    worst = worst[beyond[worst] > tolerance]
    change = at_limit.copy()
    change[worst] = np.where(above[worst] > below[worst], 1, -1)
    too_high = (at_limit > 0) & (state.vm > set_point + VOLTAGE_MARGIN)
    too_low = (at_limit < 0) & (state.vm < set_point - VOLTAGE_MARGIN)
    back = too_high | too_low
    if (returns[back] >= LARGEST_RETURNS).any():
        past = np.where(back, np.abs(state.vm - set_point), -np.inf)
        back = np.arange(len(back)) == np.argmax(past)
    change[back] = 0
    _keep_voltages(setting, beyond, at_limit, change)
    return change, back | ((at_limit != 0) & (change == 0))


def _keep_voltages(
    setting: Setting, beyond: Floats, at_limit: NDArray[np.int8], change: NDArray[np.int8]
) -> None:
    """Let each island keep a node that holds its voltage, as far as its units have reactive power left.

    With no voltage held, less reactive power means a higher one, and the next solve goes astray. So of nodes
    that would give up the last voltages, the one least `beyond` its limit goes on; what the very last one has
    too much or too little of, those at the opposite limit can take in or give. Changes `change` in place.
    """
    island = setting.islands.island
    regulated = ~np.isnan(setting.regulation.set_point)
    holds = ((regulated & (change == 0)) | setting.anchored) & setting.islands.live
    freed = np.flatnonzero((at_limit == 0) & (change != 0) & setting.islands.live)
    freed = freed[np.argsort(beyond[freed], kind="stable")]
    for lost in np.setdiff1d(island[freed], island[holds]).tolist():
        mine = freed[island[freed] == lost]
        if len(mine) > 1:
            change[mine[0]] = 0
        else:
            change[regulated & (island == lost) & (change == -change[mine[0]])] = 0


def _finish(
    setting: Setting, start: AcStart, state: NewtonState, at_limit: NDArray[np.int8], counts: tuple[int, int]
) -> Solution:
    """Turn the last iterate into a solution: units' powers, flows, and the check of the whole."""
    case, islands, regulation = setting.case, setting.islands, setting.regulation
    live = islands.live
    generator_p, _ = setting.slack.dispatch(state.imbalance)
    voltage = np.where(live, state.vm * np.exp(1j * state.va), np.nan)
    free_p = setting.angle_held & live
    free_p[islands.reference[(islands.reference >= 0) & setting.slack.shared]] = False
    generated = np.bincount(np.maximum(case.bus_node[case.generator_bus], 0), generator_p, case.n_node)
    residual = np.where(free_p, state.injection.real - setting.fixed.real - generated, 0.0)
    generator_p, external_p = assign_reference_power(case, setting.slack, generator_p, residual)
    needed = np.where(live, state.injection.imag - setting.fixed.imag, 0.0)
    bound = np.where(at_limit > 0, regulation.high, regulation.low)
    needed = np.where(at_limit != 0, bound, needed)
    unit_q = regulation.share_reactive(needed)
    plain_q = np.concatenate([case.generator_q, *case.hvdc_q])
    unit_q = np.where(regulation.active, unit_q, np.where(regulation.node >= 0, plain_q, 0.0))
    external = external_p + 1j * np.where(setting.anchored & np.isnan(regulation.set_point), needed, 0.0)
    s_from, s_to = compute_branch_flows(case, voltage)
    mismatch = compute_mismatch(case, voltage, (s_from, s_to), generator_p, unit_q, external)
    status, reason = _judge(setting, state, mismatch)
    return Solution(
        case=case,
        method="ac",
        status=status,
        reason=reason,
        islands=islands,
        vm=np.where(live, state.vm, np.nan),
        va=np.where(live, state.va, np.nan),
        s_from=s_from,
        s_to=s_to,
        generator_p=generator_p,
        unit_q=unit_q,
        at_limit=at_limit,
        external=external,
        imbalance=state.imbalance,
        mismatch=mismatch,
        iterations=counts[0],
        switches=counts[1],
        start=start.name,
    )


def _judge(setting: Setting, state: NewtonState, mismatch: Complexes) -> tuple[Status, str]:
    """Give the status of a finished state."""
    if state.outcome == "singular":
        return Status.SINGULAR, "the Jacobian is singular"
    if state.outcome == NO_GENERATION_LEFT:
        # of the island whose units are all at a limit
        back = find_edges(setting.slack, state.imbalance) - state.imbalance
        too_much = back[np.argmax(np.abs(back))] > 0 if back.any() else state.imbalance.min() < 0
        return Status.NOT_CONVERGED, TOO_MUCH_GENERATION if too_much else NO_GENERATION_LEFT
    if state.outcome != "converged":
        return Status.NOT_CONVERGED, state.outcome
    worst = max(np.abs(mismatch.real).max(initial=0.0), np.abs(mismatch.imag).max(initial=0.0))
    rounding = 1e-12 * max(1.0, float(np.abs(state.injection).max(initial=0.0)))
    if not worst <= setting.options.tolerance + rounding:
        return Status.NOT_CONVERGED, f"recomputed mismatch {worst:.2e} p.u. is above the tolerance"
    vm = state.vm[setting.islands.live]
    low, high = REALISTIC_VOLTAGE
    if len(vm) and (vm.min() < low or vm.max() > high):
        return Status.UNREALISTIC, f"voltages from {vm.min():.3f} to {vm.max():.3f} p.u."
    if has_dead_power(setting.case, setting.islands):
        return Status.ISLANDED, "part of the load or generation has no reference"
    return Status.CONVERGED, ""


def has_dead_power(case: Case, islands: Islands) -> bool:
    """Whether load or scheduled generation in service stands in a dead island or at a dead bus."""
    for bus, on, p in (
        (case.load_bus, case.load_on, case.load_p),
        (case.generator_bus, case.generator_on, case.generator_p),
    ):
        node = case.bus_node[bus]
        dead = np.where(node >= 0, ~islands.live[node], True)
        if (on & dead & (p != 0)).any():
            return True
    return False


def solve_ac(
    case: Case,
    options: PowerFlowOptions,
    plan: NewtonPlan | None = None,
    start: AcStart | None = None,
) -> Solution:
    """Solve the AC power flow of a case as it stands; `gridhub.solvers.taps.solve_state` also moves its taps.

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    options : PowerFlowOptions
        Settled by `gridhub.solvers.options.read_options`.
    plan : NewtonPlan, optional
        Of the case, or of the case it is an outage of; one that does not fit is planned anew.
    start : AcStart, optional
        Tried first, for example the state before an outage; then the starts the options ask for.

    Returns
    -------
    Solution
        Never raises for want of convergence: see ``status`` and ``reason``.
    """
    return solve_setting(prepare_setting(case, plan, options), start)


def solve_setting(setting: Setting, start: AcStart | None = None) -> Solution:
    """Solve a case that is prepared; see `solve_ac`."""
    best: Solution | None = None
    starts = _list_starts(setting) if start is None else [start]
    tried = 0
    while tried < len(starts):
        guess = starts[tried]
        tried += 1
        if guess.imbalance is not None and len(guess.imbalance) != setting.islands.count:
            guess = replace(guess, imbalance=None)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            state, at_limit, iterations, switches = _solve_with_limits(setting, guess)
            solution = _finish(setting, guess, state, at_limit, (iterations, switches))
        if solution.status.is_solved:
            return solution
        if best is None or not solution.worst_mismatch > best.worst_mismatch:
            best = solution
        if start is not None and tried == 1:
            starts += _list_starts(setting)[-1:]
    assert best is not None
    return best
