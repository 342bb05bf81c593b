"""Many DC power flows of one topology: injection sets side by side on one factor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.case.matrices import sum_at_nodes
from gridhub.kernels.balance import share_imbalances
from gridhub.kernels.triangular import WIDTH
from gridhub.solvers.dc import DcPlan, hold_reference_angles
from gridhub.solvers.injections import drop_dead_links
from gridhub.solvers.scenario import Injections
from gridhub.solvers.slack import SlackPlan, assign_reference_power, plan_slack
from gridhub.solvers.status import Status

BLOCK = 8 * WIDTH
"""Injection sets worked on together: enough for threads to stay out of each other's way between them."""


@dataclass(frozen=True, slots=True, eq=False)
class DcBatch:
    """Solved DC power flows, one per injection set.

    Attributes
    ----------
    status : (n_set,) tuple of Status
        CONVERGED; ISLANDED where a dead island holds load or generation; NOT_CONVERGED where the units of an
        island cannot balance it, or the set holds a NaN.
    va : (n_set, n_node) float
        Angles [rad]; NaN at dead nodes.
    p_from : (n_set, n_branch) float
        Flow into each branch at its from end [p.u.]; NaN in dead islands, 0 out of service.
    generator_p : (n_set, n_generator) float
        [p.u.].
    external : (n_set, n_node) float
        Power a reference without units takes from outside [p.u.].
    imbalance, missing : (n_set, n_island) float
        Imbalance shared by the units; generation they lack (positive) or cannot shed (negative) [p.u.].
    """

    status: tuple[Status, ...]
    va: Floats
    p_from: Floats
    generator_p: Floats
    external: Floats
    imbalance: Floats
    missing: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Injection sets with the imbalance of every island shared; nodes before sets, as the solver wants them.

    Attributes
    ----------
    injection : (n_node, n_set) float
        Net injection [p.u.]; 0 at dead nodes.
    unit_p : (n_set, n_unit) float
        Power of the units in service, see `DcBatchSolver.spread_units` [p.u.].
    imbalance, missing : (n_set, n_island) float
        See `DcBatch`.
    shared : (n_set, n_island) bool
        Islands whose units share the imbalance; in the others the reference takes it.
    sound : (n_set,) bool
        Sets without a NaN whose islands are all balanced.
    """

    injection: Floats
    unit_p: Floats
    imbalance: Floats
    missing: Floats
    shared: Bools
    sound: Bools


class DcBatchSolver:
    """Solver of injection sets on one plan, with what does not depend on the set worked out once.

    Parameters
    ----------
    case : Case
        References chosen.
    plan : DcPlan
        Of `case`, made with ``single_reference=distributed_slack``.
    injections : Injections or None
        None: one set, the case's own.
    distributed_slack : bool
    tolerance : float
        Imbalance an island may keep and still count as balanced [p.u.].
    """

    def __init__(
        self,
        case: Case,
        plan: DcPlan,
        injections: Injections | None,
        distributed_slack: bool,
        tolerance: float,
    ) -> None:
        self.plan, self.tolerance = plan, tolerance
        self.injections = injections or Injections()
        self.count = self.injections.count if injections is not None else 1
        self.case = case = drop_dead_links(case, plan.islands.live)
        self.slack: SlackPlan = plan_slack(case, plan.islands, distributed_slack)
        live = np.flatnonzero(self.slack.island >= 0)
        self._unit = unit = live[np.argsort(self.slack.island[live], kind="stable")]
        self._unit_start = np.searchsorted(self.slack.island[unit], np.arange(plan.islands.count + 1))
        participation = case.generator_participation[unit]
        self._units = (
            case.generator_p_min[unit],
            case.generator_p_max[unit],
            np.where(distributed_slack, np.nan_to_num(participation), 0.0),
            np.isnan(participation) & distributed_slack,
        )
        node = np.arange(case.n_node)
        self._member = csr_array((np.ones(case.n_node), (plan.islands.island, node)))
        drawn = sum_at_nodes(case, case.shunt_bus, np.where(case.shunt_on, case.shunt_g, 0.0))
        self._drawn = np.asarray(drawn, dtype=float)
        self._at = {
            name: _place_at_nodes(case, bus, on)
            for name, bus, on in (
                ("load_p", case.load_bus, case.load_on),
                ("storage_p", case.storage_bus, case.storage_on),
                ("unit", case.generator_bus[unit], case.generator_on[unit]),
                ("hvdc_from", case.hvdc_from_bus, case.hvdc_on),
                ("hvdc_to", case.hvdc_to_bus, case.hvdc_on),
            )
        }
        self._known = hold_reference_angles(case, plan)
        self._shift_flow = plan.susceptance * plan.shift
        self._fixed_right = plan.incidence.T @ (self._shift_flow - plan.compute_flows(self._known))
        dead = ~plan.islands.live
        self.dead_branch = np.where(case.branch_on, dead[case.branch_from], False)

    def take(self, name: str, sets: Ints) -> Floats:
        """Values of some sets of one array of the case, (len(sets), n) [p.u.]."""
        given = getattr(self.injections, name)
        if given is not None:
            return np.ascontiguousarray(given[sets], dtype=float)
        return np.broadcast_to(getattr(self.case, name), (len(sets), len(getattr(self.case, name))))

    def balance(self, sets: Ints) -> Balance:
        """Add up the injections of some sets and share the imbalance of each island.

        Parameters
        ----------
        sets : (k,) int
            Injection sets.
        """
        case, islands = self.case, self.plan.islands
        hvdc = self.take("hvdc_p", sets)
        arriving = hvdc - case.hvdc_loss - case.hvdc_loss_share * np.abs(hvdc)
        fixed = (
            self._at["storage_p"] @ self.take("storage_p", sets).T
            - self._at["load_p"] @ self.take("load_p", sets).T
            - self._at["hvdc_from"] @ hvdc.T
            + self._at["hvdc_to"] @ arriving.T
            - self._drawn[:, None]
        )
        fixed[~islands.live] = 0.0
        required = np.ascontiguousarray(-(self._member @ fixed).T)
        scheduled = np.ascontiguousarray(self.take("generator_p", sets)[:, self._unit])
        p = np.empty(scheduled.shape)
        imbalance, missing = np.empty(required.shape), np.empty(required.shape)
        shared = np.empty(required.shape, dtype=bool)
        share_imbalances(scheduled, required, self._unit_start, *self._units, p, imbalance, missing, shared)
        missing = np.where(islands.reference >= 0, missing, 0.0)
        sound = np.isfinite(fixed).all(axis=0) & np.isfinite(scheduled).all(axis=1)
        sound &= (np.abs(missing) <= self.tolerance).all(axis=1)
        return Balance(fixed + self._at["unit"] @ p.T, p, imbalance, missing, shared, sound)

    def spread_units(self, balance: Balance) -> Floats:
        """Power of every unit, (k, n_generator) [p.u.]; 0 if not in service or dead."""
        p = np.zeros((len(balance.unit_p), len(self.case.generator_bus)))
        p[:, self._unit] = balance.unit_p
        return p

    def solve(self, balance: Balance) -> tuple[Floats, Floats]:
        """Angles and flows of balanced sets, (n_node, k) [rad] and (n_branch, k) [p.u.]."""
        right = balance.injection + self._fixed_right[:, None]
        theta = self._known[:, None] + self.plan.solve_angles(right)
        return theta, self.plan.compute_flows(theta) - self._shift_flow[:, None]

    def solve_blocks(self, sets: Ints, threads: int) -> Iterator[tuple[Ints, Balance, Floats, Floats]]:
        """Solve sets block by block: positions in `sets`, balance, angles, flows of each block.

        The blocks are the same for any number of threads, and so is every bit of the result.
        """
        blocks = [np.arange(i, min(i + BLOCK, len(sets))) for i in range(0, len(sets), BLOCK)]

        def work(block: Ints) -> tuple[Ints, Balance, Floats, Floats]:
            balance = self.balance(sets[block])
            return block, balance, *self.solve(balance)

        if threads == 1 or len(blocks) == 1:
            yield from map(work, blocks)
            return
        with ThreadPoolExecutor(threads) as pool:
            # a few blocks ahead of the reader and no more: they wait in memory
            for first in range(0, len(blocks), 4 * threads):
                yield from pool.map(work, blocks[first : first + 4 * threads])

    def fill_flows(self, sets: Ints, threads: int) -> tuple[Floats, Bools]:
        """Flows of some sets, (n_branch, k) [p.u.], and which of them are sound, (k,) bool."""
        flows, sound = np.empty((self.case.n_branch, len(sets))), np.empty(len(sets), dtype=bool)
        for block, balance, _, p_from in self.solve_blocks(sets, threads):
            flows[:, block[0] : block[-1] + 1], sound[block] = p_from, balance.sound
        return flows, sound


def _place_at_nodes(case: Case, bus: Ints, on: Bools) -> csr_array:
    """Build the matrix that adds up values given at buses over nodes, (n_node, len(bus)); off counts 0."""
    node = case.bus_node[bus]
    at = np.flatnonzero(on & (node >= 0))
    return csr_array((np.ones(len(at)), (node[at], at)), shape=(case.n_node, len(bus)))


def solve_dc_batch(
    case: Case,
    plan: DcPlan,
    injections: Injections | None = None,
    distributed_slack: bool = True,
    *,
    tolerance: float = 1e-8,
    threads: int = 1,
) -> DcBatch:
    """Solve the DC power flow of many injection sets of one case.

    Parameters
    ----------
    case : Case
        References chosen (`gridhub.solvers.islands.choose_references`).
    plan : DcPlan
        Of `case`, by `gridhub.solvers.dc.plan_dc` with ``single_reference=distributed_slack``; it holds the
        DC convention.
    injections : Injections, optional
        None: one set, the case's own. Reactive power is left out of account.
    distributed_slack : bool
        Whether the units share the imbalance, within their limits, or the reference takes it.
    tolerance : float
        Imbalance an island may keep and still count as balanced [p.u.].
    threads : int
        Changes no bit of the result.

    Returns
    -------
    DcBatch
        What `gridhub.solvers.dc.solve_dc` gives for each set. Nothing is raised for a set that has no
        solution: see its status.

    Raises
    ------
    ValueError
        If the plan was made for the other kind of slack.

    Notes
    -----
    B theta = P - C' b shift for all sets on one factor; see `solve_dc`. A set with a NaN disturbs no other.
    """
    check_plan(plan, distributed_slack)
    solver = DcBatchSolver(case, plan, injections, distributed_slack, tolerance)
    count, case, islands = solver.count, solver.case, plan.islands
    result = DcBatch(
        status=(),
        va=np.empty((count, case.n_node)),
        p_from=np.empty((count, case.n_branch)),
        generator_p=np.empty((count, len(case.generator_bus))),
        external=np.empty((count, case.n_node)),
        imbalance=np.empty((count, islands.count)),
        missing=np.empty((count, islands.count)),
    )
    sound = np.empty(count, dtype=bool)
    for block, balance, theta, p_from in solver.solve_blocks(np.arange(count), threads):
        result.va[block], result.p_from[block] = theta.T, p_from.T
        residual = _find_residual(solver, balance, p_from)
        generator_p = solver.spread_units(balance)
        result.generator_p[block], result.external[block] = generator_p, 0.0
        for i in np.flatnonzero(residual.any(axis=1)):
            given = assign_reference_power(case, solver.slack, generator_p[i], residual[i])
            result.generator_p[block[i]], result.external[block[i]] = given
        result.imbalance[block], result.missing[block] = balance.imbalance, balance.missing
        sound[block] = balance.sound
    result.va[:, ~islands.live] = np.nan
    result.p_from[:, solver.dead_branch] = np.nan
    return replace(result, status=_judge(solver, sound))


def check_plan(plan: DcPlan, distributed_slack: bool) -> None:
    """Refuse a plan made for the other kind of slack: other nodes hold their angle in it.

    Raises
    ------
    ValueError
    """
    if plan.single_reference != distributed_slack:
        raise ValueError(
            f"plan made with single_reference={plan.single_reference} used with "
            f"distributed_slack={distributed_slack}: plan again with single_reference={distributed_slack}"
        )


def _find_residual(solver: DcBatchSolver, balance: Balance, p_from: Floats) -> Floats:
    """Power that nodes with a known angle take beyond their injection, (k, n_node) [p.u.]; 0 elsewhere."""
    plan, islands = solver.plan, solver.plan.islands
    residual = np.asarray(plan.incidence.T @ p_from - balance.injection).T
    residual[:, ~islands.live] = 0.0
    residual[:, plan.free] = 0.0
    own = np.flatnonzero(islands.reference >= 0)
    reference = islands.reference[own]
    residual[:, reference] = np.where(balance.shared[:, own], 0.0, residual[:, reference])
    return residual


def _judge(solver: DcBatchSolver, sound: Bools) -> tuple[Status, ...]:
    """Status of each set: sound or not, and whether load or generation stands in a dead island."""
    case, live = solver.case, solver.plan.islands.live
    unserved = np.zeros(len(sound), dtype=bool)
    for name, bus, on in (
        ("load_p", case.load_bus, case.load_on),
        ("generator_p", case.generator_bus, case.generator_on),
    ):
        node = case.bus_node[bus]
        dead = np.flatnonzero(on & np.where(node >= 0, ~live[node], True))
        given = getattr(solver.injections, name)
        values = getattr(case, name)[dead] if given is None else given[:, dead]
        unserved |= (values != 0).any(axis=-1)
    solved = np.where(unserved, Status.ISLANDED, Status.CONVERGED)
    return tuple(Status(s) for s in np.where(sound, solved, Status.NOT_CONVERGED))
