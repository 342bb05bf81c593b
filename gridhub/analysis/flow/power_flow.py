"""Power flow of one network state, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.flow.tap_tables import build_tap_table, summarize_taps
from gridhub.case.case import Case, Complexes, Floats
from gridhub.case.compile import compile_case
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.solvers.ac import has_dead_power
from gridhub.solvers.dc import solve_dc
from gridhub.solvers.islands import choose_references
from gridhub.solvers.joins import compute_join_flows, sum_bus_injections
from gridhub.solvers.newton import NewtonPlan
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import NO_GENERATION_LEFT, TOO_MUCH_GENERATION, Status
from gridhub.solvers.taps import solve_state

Method = Literal["ac", "dc"]

LIMIT_TOLERANCE = 1e-6
"""A value violates a limit when it is beyond it by more than this, in the limit's own unit."""


class WorstMismatch(NamedTuple):
    """Bus with the largest power mismatch, recomputed from the inputs."""

    bus: str
    mw: float
    mvar: float


@dataclass(frozen=True, eq=False)
class PowerFlow:
    """Solved power flow.

    Attributes
    ----------
    network, snapshot : str
        What was solved; snapshot is "" if the network stores none.
    method : {"ac", "dc"}
    status : Status
    bus : DataFrame
        vm_pu, va_degree (AC: above -180 and up to 180, but a reference keeps its own), p_mw, q_mvar (net
        injection of loads, generators, storage and HVDC; shunts not), island. Voltages of dead buses are NaN.
    branch : DataFrame
        p_from_mw, q_from_mvar, p_to_mw, q_to_mvar (positive into the branch), loading_percent (NaN =
        unrated). In the order of ``net.branches()``; 0 out of service, NaN in a dead island.
    generator : DataFrame
        p_mw, q_mvar, at_limit (bool), limit ("p_min", "p_max", "q_min", "q_max" or "").
    hvdc : DataFrame
        p_from_mw (taken from the AC grid), p_to_mw (delivered), q_from_mvar, q_to_mvar (into the AC grid).
    taps : DataFrame
        With ``taps="controlled"`` (AC), one row per transformer with a ``tap_bus``: tap_bus,
        tap_ratio_before, tap_ratio, steps, vm_pu, tap_vm_pu, state ("held" | "limit" | "hunting" | "idle",
        see `gridhub.solvers.solution.TapMoves`). Else no row.
    summary : mapping
        load_mw, generation_mw, losses_mw, unserved_mw, lost_generation_mw, islands, unrated_branches,
        worst_loading_percent, worst_branch, overloaded_branches, lowest and highest voltage, imbalance_mw,
        units_past_q_limits and largest_past_q_mvar (units that produce beyond their reactive range where
        limits are not asked for), iterations, start, references_chosen; with controlled taps also taps_moved
        (count), taps_at_limit and taps_hunting (ids).
    worst_mismatch : WorstMismatch
    options : PowerFlowOptions
        Settled options.
    solution : Solution
        The arrays behind the tables.
    """

    network: str
    snapshot: str
    method: Method
    status: Status
    bus: pd.DataFrame
    branch: pd.DataFrame
    generator: pd.DataFrame
    hvdc: pd.DataFrame
    taps: pd.DataFrame
    summary: Mapping[str, Any]
    worst_mismatch: WorstMismatch
    options: PowerFlowOptions
    solution: Solution


def _settle(net: Network, options: Mapping[str, Any] | PowerFlowOptions | None) -> PowerFlowOptions:
    return read_options(options, reactive_limits=net.reactive_limits, controls_taps=True)


def solve_case(
    case: Case, method: Method, options: PowerFlowOptions, plan: NewtonPlan | None = None
) -> Solution:
    """Solve a case whose references are chosen, by the method asked for."""
    if method == "ac":
        return solve_state(case, options, plan)
    state = solve_dc(case, options.dc_convention, options.distributed_slack)
    n_node = case.n_node
    short = state.missing[np.argmax(np.abs(state.missing))] if len(state.missing) else 0.0
    status, reason = Status.CONVERGED, ""
    if abs(short) > options.tolerance:
        status, reason = Status.NOT_CONVERGED, NO_GENERATION_LEFT if short > 0 else TOO_MUCH_GENERATION
    elif has_dead_power(state.case, state.islands):
        status, reason = Status.ISLANDED, "part of the load or generation has no reference"
    return Solution(
        case=state.case,
        method="dc",
        status=status,
        reason=reason,
        islands=state.islands,
        vm=np.full(n_node, np.nan),
        va=state.va,
        s_from=state.p_from.astype(complex),
        s_to=-state.p_from.astype(complex),
        generator_p=state.generator_p,
        unit_q=np.full(len(case.generator_bus) + 2 * len(case.hvdc_on), np.nan),
        at_limit=np.zeros(n_node, dtype=np.int8),
        external=state.external.astype(complex),
        imbalance=state.imbalance,
        mismatch=np.zeros(n_node, dtype=complex),
        iterations=1,
        switches=0,
        start="dc",
    )


def run_power_flow(
    net: Network,
    snapshot: str | None = None,
    method: Method = "ac",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> PowerFlow:
    """Solve the power flow of one state of a network.

    Parameters
    ----------
    net : Network
    snapshot : str, optional
        Stored state; None is the first, or the tables themselves if none is stored.
    method : {"ac", "dc"}
    options : mapping or PowerFlowOptions, optional
        See `PowerFlowOptions`.

    Returns
    -------
    PowerFlow

    Raises
    ------
    NotConverged
        If no trustworthy solution was found; the message names the worst buses and what to try.
    KeyError
        If the snapshot does not exist.
    OptionError
        If an option or the method is unknown.

    Notes
    -----
    AC: S = V conj(Y V) by Newton's method; DC: P = B theta. Islands are found by graph; one without a
    reference is dead: its load is unserved, its generation lost, and the status ISLANDED. Taps stay where the
    tables have them, unless ``taps="controlled"`` lets tap changers step to the voltages they hold (AC only:
    DC knows no voltage), see `gridhub.solvers.taps.solve_state`.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": [345.0, 345.0], "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame({"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0}, index=["ab"]),
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [500.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_max_mw": [1000.0], "vm_pu": [1.0]}, index=["unit"]),
    ... )
    >>> pf = run_power_flow(net)
    >>> round(float(pf.branch.loc["ab", "p_from_mw"]), 1)
    502.1
    """
    if method not in ("ac", "dc"):
        raise OptionError(f'method = {method!r}: choose "ac" or "dc"')
    settled = _settle(net, options)
    case, chosen = choose_references(compile_case(net, snapshot))
    if case.n_node == 0:
        raise OptionError(f"{net.name!r} has no bus in service: nothing to solve")
    solution = solve_case(case, method, settled)
    name = find_snapshot(net, snapshot) or ""
    if not solution.status.is_solved:
        raise explain_failure(net.name, name, solution, settled)
    references = tuple(case.labels.bus[int(np.flatnonzero(case.bus_node == node)[0])] for node in chosen)
    return build_power_flow(net.name, name, solution, settled, references)


def explain_failure(
    network: str, snapshot: str, solution: Solution, options: PowerFlowOptions
) -> NotConverged:
    """Say which buses are worst, by how much, and what to try."""
    case = solution.case
    size = np.maximum(np.abs(solution.mismatch.real), np.abs(solution.mismatch.imag))
    size = np.where(np.isnan(size), np.inf, size)
    worst = []
    for node in np.argsort(-size, kind="stable")[:5]:
        bus = case.labels.bus[int(np.flatnonzero(case.bus_node == node)[0])]
        mismatch = solution.mismatch[node] * case.base_mva
        worst.append((bus, float(mismatch.real), float(mismatch.imag)))
    listed = "; ".join(f"{bus}: {mw:.3g} MW, {mvar:.3g} Mvar" for bus, mw, mvar in worst)
    state = f" snapshot {snapshot!r}" if snapshot else ""
    advice = _advise(solution, options)
    message = (
        f"{network!r}{state}: {solution.method.upper()} power flow {solution.status} ({solution.reason}) "
        f"after {solution.iterations} iterations. Largest mismatch at {listed}. {advice}"
    )
    return NotConverged(message, str(solution.status), worst)


def _advise(solution: Solution, options: PowerFlowOptions) -> str:
    case = solution.case
    load = float(case.load_p[case.load_on].sum() * case.base_mva)
    limit = case.generator_p_max[case.generator_on]
    room = float(np.where(np.isfinite(limit), limit, 0).sum() * case.base_mva)
    if solution.reason in (NO_GENERATION_LEFT, TOO_MUCH_GENERATION):
        low = case.generator_p_min[case.generator_on]
        least = float(np.where(np.isfinite(low), low, 0).sum() * case.base_mva)
        return (
            f"The units in service ({least:,.0f} to {room:,.0f} MW, load {load:,.0f} MW) cannot balance an "
            "island within their limits: check p_min_mw, p_max_mw and in_service."
        )
    tries = [f"load is {load:,.0f} MW against {room:,.0f} MW of units: try less load"]
    if options.reactive_limits:
        tries.append("reactive_limits=False to see whether reactive power is short")
    tries.append('start="flat" or "dc"')
    tries.append("gridhub validate for impedances out of proportion")
    return "Try: " + "; ".join(tries) + "."


def compute_loading(case: Case, solution: Solution, rate: np.ndarray) -> np.ndarray:
    """Compute the loading of each branch in percent of `rate`, (n_branch,).

    AC: 100 max(|S_from|, |S_to|) / rate; DC: 100 |P| / rate. NaN where unrated or dead.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100.0 * compute_flow(solution) / rate)


def compute_flow(solution: Solution) -> np.ndarray:
    """Compute the larger apparent power of either end, in DC the active power, (n_branch,) [p.u.]."""
    s_from, s_to = spread_flows(solution)
    return np.abs(s_from.real) if solution.method == "dc" else np.maximum(np.abs(s_from), np.abs(s_to))


def spread_flows(solution: Solution) -> tuple[Complexes, Complexes]:
    """Give the power into every branch at both ends, those that join buses included, [p.u.]."""
    joins = solution.case.branch_joins
    if not joins.any():
        return solution.s_from, solution.s_to
    s_from, s_to = compute_join_flows(solution)
    return np.where(joins, s_from, solution.s_from), np.where(joins, s_to, solution.s_to)


def build_branch_table(solution: Solution) -> pd.DataFrame:
    """Make ``PowerFlow.branch``."""
    case, base = solution.case, solution.case.base_mva
    s_from, s_to = (flow * base for flow in spread_flows(solution))
    off = ~(case.branch_on | case.branch_joins)
    reactive = np.where(off, 0.0, np.nan) if solution.method == "dc" else None
    return pd.DataFrame(
        {
            "p_from_mw": s_from.real,
            "q_from_mvar": s_from.imag if reactive is None else reactive,
            "p_to_mw": s_to.real,
            "q_to_mvar": s_to.imag if reactive is None else reactive,
            "loading_percent": compute_loading(case, solution, case.rate),
        },
        index=pd.Index(case.labels.branch, dtype=object, name="id"),
    )


def _list_angles(solution: Solution) -> Floats:
    """Give the angle of each node [degree], of an AC state within -180 < va <= 180 whatever it started from.

    References keep their own, and DC its angles, whose differences are the flows.
    """
    angle = np.rad2deg(solution.va)
    if solution.method == "dc":
        return angle
    turns = np.where(solution.case.reference, 0.0, np.ceil((angle - 180.0) / 360.0))
    return np.asarray(angle - 360.0 * np.nan_to_num(turns))


def _build_bus_table(solution: Solution) -> pd.DataFrame:
    case = solution.case
    node = case.bus_node
    injection = sum_bus_injections(solution) * case.base_mva
    alive = node >= 0
    return pd.DataFrame(
        {
            "vm_pu": np.where(alive, solution.vm[node], np.nan),
            "va_degree": np.where(alive, _list_angles(solution)[node], np.nan),
            "p_mw": injection.real,
            "q_mvar": injection.imag if solution.method == "ac" else np.nan,
            "island": np.where(alive, solution.islands.island[node], -1),
        },
        index=pd.Index(case.labels.bus, dtype=object, name="id"),
    )


def _build_generator_table(solution: Solution) -> pd.DataFrame:
    case = solution.case
    n_gen = len(case.generator_bus)
    node = case.bus_node[case.generator_bus]
    regulating = case.generator_on & case.generator_regulating & (node >= 0)
    held = np.where(regulating, solution.at_limit[node], 0)
    p = solution.generator_p
    limit = np.full(n_gen, "", dtype=object)
    takes_part = case.generator_on & (p != case.generator_p)
    limit[takes_part & (p >= case.generator_p_max)] = "p_max"
    limit[takes_part & (p <= case.generator_p_min)] = "p_min"
    limit[held > 0] = "q_max"
    limit[held < 0] = "q_min"
    return pd.DataFrame(
        {
            "p_mw": p * case.base_mva,
            "q_mvar": solution.unit_q[:n_gen] * case.base_mva,
            "at_limit": limit != "",
            "limit": limit,
        },
        index=pd.Index(case.labels.generator, dtype=object, name="id"),
    )


def _build_hvdc_table(solution: Solution) -> pd.DataFrame:
    case, base = solution.case, solution.case.base_mva
    n_gen, n_hvdc = len(case.generator_bus), len(case.hvdc_on)
    return pd.DataFrame(
        {
            "p_from_mw": np.where(case.hvdc_on, case.hvdc_p, 0.0) * base,
            "p_to_mw": case.hvdc_p_to() * base,
            "q_from_mvar": solution.unit_q[n_gen : n_gen + n_hvdc] * base,
            "q_to_mvar": solution.unit_q[n_gen + n_hvdc :] * base,
        },
        index=pd.Index(case.labels.hvdc, dtype=object, name="id"),
    )


def count_power(solution: Solution) -> dict[str, float]:
    """Add up load, generation and losses; every MW in service is served, unserved, produced or lost.

    Returns
    -------
    dict
        load_mw (served), unserved_mw, generation_mw (generators and storage), lost_generation_mw (schedule in
        dead islands), external_mw, losses_mw (branches, shunts' conductance and HVDC) [MW].
    """
    case, base, live = solution.case, solution.case.base_mva, solution.islands.live

    def alive(bus: np.ndarray) -> np.ndarray:
        node = case.bus_node[bus]
        return np.where(node >= 0, live[node], False)

    load = np.where(case.load_on, case.load_p, 0.0)
    served = load[alive(case.load_bus)].sum()
    stored = np.where(case.storage_on & alive(case.storage_bus), case.storage_p, 0.0).sum()
    produced = solution.generator_p.sum() + stored
    scheduled = np.where(case.generator_on & ~alive(case.generator_bus), case.generator_p, 0.0).sum()
    external = solution.external.real.sum()
    return {
        "load_mw": float(served * base),
        "unserved_mw": float((load.sum() - served) * base),
        "generation_mw": float(produced * base),
        "lost_generation_mw": float(scheduled * base),
        "external_mw": float(external * base),
        "losses_mw": float((produced + external - served) * base),
    }


def _measure_past_limits(solution: Solution) -> np.ndarray:
    """How far each unit's reactive power is beyond its range, (n_generator,) [Mvar]; 0 in a DC solution."""
    case = solution.case
    q = solution.unit_q[: len(case.generator_bus)]
    past = np.maximum(q - case.generator_q_max, case.generator_q_min - q) * case.base_mva
    return np.where(case.generator_on & (past > 0.0), past, 0.0)


def _summarize(solution: Solution, branch: pd.DataFrame, references: tuple[str, ...]) -> dict[str, Any]:
    case = solution.case
    loading = branch["loading_percent"].to_numpy()
    in_service = case.branch_on | case.branch_joins
    rated = in_service & ~np.isnan(case.rate)
    known = loading[~np.isnan(loading)]
    worst = int(np.nanargmax(loading)) if len(known) else -1
    vm = np.where(case.bus_node >= 0, solution.vm[case.bus_node], np.nan)
    has_vm = bool(np.isfinite(vm).any())
    past = _measure_past_limits(solution)
    return {
        **count_power(solution),
        "islands": int((solution.islands.reference >= 0).sum()),
        "dead_islands": int((solution.islands.reference < 0).sum()),
        "unrated_branches": int((in_service & ~rated).sum()),
        "worst_loading_percent": float(loading[worst]) if worst >= 0 else np.nan,
        "worst_branch": branch.index[worst] if worst >= 0 else "",
        "overloaded_branches": int((known > 100.0 + LIMIT_TOLERANCE).sum()),
        "lowest_vm_pu": float(np.nanmin(vm)) if has_vm else np.nan,
        "lowest_vm_bus": case.labels.bus[int(np.nanargmin(vm))] if has_vm else "",
        "highest_vm_pu": float(np.nanmax(vm)) if has_vm else np.nan,
        "highest_vm_bus": case.labels.bus[int(np.nanargmax(vm))] if has_vm else "",
        "imbalance_mw": float(solution.imbalance.sum() * case.base_mva),
        "units_past_q_limits": int((past > LIMIT_TOLERANCE).sum()),
        "largest_past_q_mvar": float(past.max(initial=0.0)),
        "iterations": solution.iterations,
        "limit_switches": solution.switches,
        "start": solution.start,
        "references_chosen": references,
    }


def build_power_flow(
    network: str,
    snapshot: str,
    solution: Solution,
    options: PowerFlowOptions,
    references: tuple[str, ...] = (),
) -> PowerFlow:
    """Turn a solution into tables.

    Parameters
    ----------
    network, snapshot : str
        For the record.
    solution : Solution
    options : PowerFlowOptions
    references : tuple of str
        Buses made a reference because their island had none.
    """
    case = solution.case
    branch = build_branch_table(solution)
    taps = build_tap_table(case, solution.taps)
    summary = _summarize(solution, branch, references)
    if solution.taps is not None:
        summary |= summarize_taps(taps)
    size = np.maximum(np.abs(solution.mismatch.real), np.abs(solution.mismatch.imag))
    node = int(np.argmax(size))
    bus = case.labels.bus[int(np.flatnonzero(case.bus_node == node)[0])]
    mismatch = solution.mismatch[node] * case.base_mva
    return PowerFlow(
        network=network,
        snapshot=snapshot,
        method=solution.method,
        status=solution.status,
        bus=_build_bus_table(solution),
        branch=branch,
        generator=_build_generator_table(solution),
        hvdc=_build_hvdc_table(solution),
        taps=taps,
        summary=MappingProxyType(summary),
        worst_mismatch=WorstMismatch(bus, float(mismatch.real), float(mismatch.imag)),
        options=options,
        solution=solution,
    )
