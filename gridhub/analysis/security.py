"""Security analysis: every contingency of a set, screened by DC, solved by AC, judged by criteria."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridhub.analysis.contingencies import find_outages, list_contingencies
from gridhub.analysis.interfaces import compute_interfaces
from gridhub.analysis.judging import (
    Limits,
    Row,
    build_limits,
    build_violation_table,
    find_overloads,
    find_voltage_changes,
    find_voltage_violations,
    spread_voltage,
)
from gridhub.analysis.power_flow import (
    LIMIT_TOLERANCE,
    PowerFlow,
    build_power_flow,
    compute_loading,
    explain_failure,
    solve_case,
    spread_flows,
)
from gridhub.analysis.screening import FLAG_PERCENT, Screen, screen_outages
from gridhub.case.case import Case, Outage
from gridhub.case.compile import compile_case
from gridhub.criteria import Criteria, read_criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.reference import find_region_document
from gridhub.solvers.ac import AcStart, solve_ac
from gridhub.solvers.islands import choose_references, keep_largest_parts
from gridhub.solvers.newton import NewtonPlan, plan_newton
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status

Progress = Callable[[int, int], None]
"""Called with outages done and outages in all."""

SEVERITY_EXPONENT = 4
"""Exponent of the performance index: sum over branches of (loading / 100)^4."""

STATUS_COLUMNS = (
    "status",
    "lost_load_mw",
    "lost_generation_mw",
    "consequential_mw",
    "worst_element",
    "worst_loading_percent",
    "iterations",
    "stage",
    "reason",
)


@dataclass(frozen=True, eq=False)
class Security:
    """Result of a security analysis.

    Attributes
    ----------
    network, snapshot, criteria : str
        What was judged, and by which criteria ("" = ratings alone).
    verdict : {"secure", "insecure", "unverified"}
        "secure" only if the base state and every contingency are solved by AC, converged or islanded within
        what the criteria allow, without a violation. "unverified" if nothing was found, but outages were
        screened out by DC alone.
    base : PowerFlow
        The N state.
    contingencies : DataFrame
        The set analysed: kind, elements.
    status : DataFrame
        One row per contingency: status, lost_load_mw, lost_generation_mw, consequential_mw (load cut off,
        without the elements lost themselves), worst_element, worst_loading_percent, iterations, stage
        ("dc" | "ac"), reason.
    violations : DataFrame
        contingency ("" for N), element, kind, limit, value, unit, loading_percent, base_value, snapshot,
        stage.
    warnings : DataFrame
        Same columns: voltages of the N state outside the criteria's target range.
    ranking : DataFrame
        Contingencies, worst first: performance_index, worst_loading_percent, violations, lost_load_mw,
        lost_generation_mw, status.
    screen : DataFrame
        Per contingency: estimated_percent, flagged, solved by AC, overloaded by AC, missed, false.
    unjudged : tuple of str
        Buses whose voltage class the criteria lack.
    p_from_mw, vm_pu : DataFrame or None
        With ``keep="all"``: contingency x branch [MW], contingency x bus [p.u.].
    summary : mapping
        Counts by status, screened, missed, false, violations, unrated branches.
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    criteria: str
    verdict: str
    base: PowerFlow
    contingencies: pd.DataFrame
    status: pd.DataFrame
    violations: pd.DataFrame
    warnings: pd.DataFrame
    ranking: pd.DataFrame
    screen: pd.DataFrame
    unjudged: tuple[str, ...]
    p_from_mw: pd.DataFrame | None
    vm_pu: pd.DataFrame | None
    summary: Mapping[str, Any]
    options: PowerFlowOptions


def resolve_criteria(net: Network, criteria: str | Criteria | None) -> Criteria | None:
    """Find the criteria meant by a name.

    Parameters
    ----------
    net : Network
    criteria : str, Criteria or None
        "network": the network's own, or none if it has none; a region's name such as "korea"; None: none.

    Raises
    ------
    KeyError
        If there is no region of that name.
    """
    if criteria is None or isinstance(criteria, Criteria):
        return criteria
    if criteria == "network":
        text = net.documents.get("criteria")
        return read_criteria(text) if text else None
    return read_criteria(find_region_document(criteria, "criteria"))


@dataclass(frozen=True, eq=False)
class _Work:
    """What all outages of one analysis share."""

    net: Network
    case: Case
    plan: NewtonPlan
    options: PowerFlowOptions
    base: Solution
    start: AcStart
    criteria: Criteria | None
    limits: Limits
    base_loading: np.ndarray
    base_vm: np.ndarray


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What came of one outage."""

    status: Status
    stage: str
    row: dict[str, Any]
    violations: list[Row]
    index: float
    solution: Solution | None


def _prepare(
    net: Network, snapshot: str | None, criteria: Criteria | None, options: PowerFlowOptions
) -> _Work:
    case, _ = choose_references(compile_case(net, snapshot))
    plan = plan_newton(case)
    base = solve_case(case, "ac", options, plan)
    if not base.status.is_solved:
        raise explain_failure(net.name, find_snapshot(net, snapshot) or "", base, options)
    live = base.islands.live
    start = AcStart(
        "before the outage",
        np.where(live, base.vm, 1.0),
        np.where(live, base.va, 0.0),
        base.imbalance,
        base.at_limit,
    )
    limits = build_limits(net, case, criteria, "outage")
    loading = compute_loading(case, base, limits.rate)
    return _Work(net, case, plan, options, base, start, criteria, limits, loading, spread_voltage(base))


def _solve_outage(work: _Work, outage: Outage, islanding: bool) -> Solution:
    """Solve one outage by AC from the state before it."""
    plan, start = work.plan, work.start
    if any(work.case.branch_joins[i] for i in outage.branch):
        # its buses were one node: compile again with the branch open
        case = _compile_without(work.net, work.base, outage)
        return solve_ac(case, work.options)
    case = work.case.take_out(outage)
    if islanding:
        case = keep_largest_parts(case, work.base.islands)
    return solve_ac(case, work.options, plan, start)


def _compile_without(net: Network, base: Solution, outage: Outage) -> Case:
    """Compile the network with the outage's branches open, then take the rest out."""
    lost = {base.case.labels.branch[i] for i in outage.branch}
    opened = {}
    for table in BRANCH_TABLES:
        frame = net.tables[table].copy()
        frame["in_service"] = frame["in_service"] & ~frame.index.isin(lost)
        opened[table] = frame
    case = compile_case(net.replace(snapshot_value=net.tables["snapshot_value"].iloc[:0], **opened))
    marked = np.zeros(case.n_node, dtype=bool)
    angle = np.zeros(case.n_node)
    node = base.case.bus_node
    for bus in np.flatnonzero(node >= 0):
        if base.case.reference[node[bus]] and not marked.any():
            marked[case.bus_node[bus]] = True
            angle[case.bus_node[bus]] = base.case.va_reference[node[bus]]
    case = replace(
        case, reference=case.reference | marked, va_reference=np.where(marked, angle, case.va_reference)
    )
    return case.take_out(replace(outage, branch=()))


def _mark(size: int, positions: Sequence[int]) -> np.ndarray:
    marked = np.zeros(size, dtype=bool)
    marked[list(positions)] = True
    return marked


def _count_lost(work: _Work, outage: Outage, after: Solution | None) -> dict[str, float]:
    """Count load and generation an outage takes away [MW]: lost elements themselves, and what is cut off.

    `after` is the solved outage; None where it was only screened, which never is an islanding one.
    """
    base, live_before = work.base.case, work.base.islands.live

    def served(bus: np.ndarray, on: np.ndarray) -> np.ndarray:
        node = base.bus_node[bus]
        return np.asarray(on & np.where(node >= 0, live_before[node], False))

    def cut_off(bus: np.ndarray) -> np.ndarray:
        if after is None:
            return np.zeros(len(bus), dtype=bool)
        node = after.case.bus_node[bus]
        return np.asarray(~np.where(node >= 0, after.islands.live[node], False))

    load = np.where(served(base.load_bus, base.load_on), base.load_p, 0.0)
    load_direct = _mark(len(load), outage.load)
    load_cut = cut_off(base.load_bus) & ~load_direct
    unit_lost = _mark(len(base.generator_on), outage.generator) | cut_off(base.generator_bus)
    store = np.where(served(base.storage_bus, base.storage_on), np.maximum(base.storage_p, 0.0), 0.0)
    store_lost = _mark(len(store), outage.storage) | cut_off(base.storage_bus)
    generation = work.base.generator_p[unit_lost].sum() + store[store_lost].sum()
    return {
        "lost_load_mw": float((load[load_cut].sum() + load[load_direct].sum()) * base.base_mva),
        "lost_generation_mw": float(generation * base.base_mva),
        "consequential_mw": float(load[load_cut].sum() * base.base_mva),
    }


def _judge_losses(criteria: Criteria | None, kind: str, lost: Mapping[str, float], stage: str) -> list[Row]:
    """Compare lost load and generation with what the criteria allow for this kind of contingency."""
    tower = kind == "tower"
    cut, direct = lost["consequential_mw"], lost["lost_load_mw"] - lost["consequential_mw"]
    checks: list[tuple[str, float, float]] = []
    if criteria is None:
        checks.append(("load cut off", cut, 0.0))
    else:
        checks.append(("load cut off", cut, criteria.max_consequential_load_mw if tower else 0.0))
        checks.append(("load lost", direct, criteria.max_load_loss_mw))
        checks.append(("generation lost", lost["lost_generation_mw"], criteria.max_loss_mw))
    return [
        {"element": name, "kind": "lost_load", "limit": limit, "value": value, "unit": "MW", "stage": stage}
        for name, value, limit in checks
        if value > limit + LIMIT_TOLERANCE
    ]


def _judge_outage(work: _Work, kind: str, outage: Outage, solution: Solution, islanding: bool) -> _Outcome:
    """Judge one solved outage."""
    lost = _count_lost(work, outage, solution)
    row: dict[str, Any] = {**lost, "worst_element": "", "worst_loading_percent": np.nan}
    row |= {"iterations": solution.iterations, "reason": "" if solution.status.is_solved else solution.reason}
    if not solution.status.is_solved:
        return _Outcome(solution.status, "ac", row, [], np.inf, None)
    loading = compute_loading(solution.case, solution, work.limits.rate)
    known = ~np.isnan(loading)
    if known.any():
        worst = int(np.nanargmax(loading))
        row |= {"worst_element": solution.case.labels.branch[worst], "worst_loading_percent": loading[worst]}
    found = find_overloads(solution, work.limits, work.base_loading)
    found += find_voltage_violations(solution, work.limits, work.base_vm)
    if work.criteria is not None and work.criteria.voltage_change_max_pu is not None:
        found += find_voltage_changes(solution, work.base_vm, work.criteria.voltage_change_max_pu)
    found += _judge_losses(work.criteria, kind, lost, "ac")
    status = Status.ISLANDED if islanding else Status.CONVERGED
    index = float(((loading[known] / 100.0) ** SEVERITY_EXPONENT).sum())
    return _Outcome(status, "ac", row, found, index, solution)


def _judge_by_screen(work: _Work, kind: str, outage: Outage, screen: Screen, k: int) -> _Outcome:
    """Take the DC estimate as the answer: SCREENED if clear, a violation of stage dc if not."""
    percent, branch = float(screen.worst_percent[k]), int(screen.worst_branch[k])
    name = work.case.labels.branch[branch] if branch >= 0 else ""
    lost = _count_lost(work, outage, None)
    row: dict[str, Any] = {**lost, "worst_element": name, "worst_loading_percent": percent}
    row |= {"iterations": 0, "reason": ""}
    found = _judge_losses(work.criteria, kind, lost, "dc")
    overloaded = percent > 100.0 + LIMIT_TOLERANCE
    if overloaded:
        limit = work.limits.rate[branch] * work.case.base_mva
        base_value = work.base_loading[branch] / 100.0 * limit
        estimate: Row = {"element": name, "kind": "thermal", "limit": limit, "value": percent / 100.0 * limit}
        estimate |= {"unit": "MVA", "loading_percent": percent, "base_value": base_value, "stage": "dc"}
        found.append(estimate)
    status = Status.CONVERGED if overloaded else Status.SCREENED
    return _Outcome(status, "dc", row, found, (percent / 100.0) ** SEVERITY_EXPONENT, None)


def _run_outages(
    work: _Work,
    contingencies: pd.DataFrame,
    outages: Sequence[Outage],
    screen: Screen,
    by_ac: np.ndarray,
    keep_solutions: bool,
    progress: Progress | None,
) -> list[_Outcome]:
    outcomes = []
    kinds = contingencies["kind"] if "kind" in contingencies else [""] * len(contingencies)
    for k, (kind, outage) in enumerate(zip(kinds, outages, strict=True)):
        if by_ac[k]:
            islanding = bool(screen.islanding[k])
            solution = _solve_outage(work, outage, islanding)
            outcome = _judge_outage(work, kind, outage, solution, islanding)
            outcomes.append(outcome if keep_solutions else replace(outcome, solution=None))
        else:
            outcomes.append(_judge_by_screen(work, kind, outage, screen, k))
        if progress is not None:
            progress(k + 1, len(outages))
    return outcomes


def _find_interface_violations(net: Network, base: PowerFlow) -> list[Row]:
    """List the interfaces over a published limit in the N state [MW]."""
    table = compute_interfaces(net, base)
    rows = []
    for _, row in table[table["state"] == "over the limit"].iterrows():
        forward = row["flow_mw"] > 0
        limit, flow = (
            (row["limit_mw"], row["flow_mw"]) if forward else (row["limit_reverse_mw"], -row["flow_mw"])
        )
        found: Row = {"element": row["interface"], "kind": "interface", "limit": limit, "value": flow}
        found |= {"unit": "MW", "loading_percent": 100.0 * flow / limit, "base_value": flow}
        rows.append(found | {"stage": base.method})
    return rows


def _judge_base(work: _Work, base: PowerFlow) -> tuple[list[Row], list[Row]]:
    """Judge the N state: violations, and warnings where a voltage leaves its target range."""
    snapshot = base.snapshot
    limits = build_limits(work.net, work.case, work.criteria, "normal")
    found = find_overloads(work.base, limits, None)
    found += find_voltage_violations(work.base, limits, None)
    found += _find_interface_violations(work.net, base)
    outside: list[Row] = []
    if work.criteria is not None:
        vn_kv = work.net.tables["bus"]["vn_kv"].to_numpy(dtype=float)
        low, high = work.criteria.voltage_limits(vn_kv, "target")
        outside = find_voltage_violations(work.base, Limits(limits.rate, low, high), None)
    place: Row = {"contingency": "", "snapshot": snapshot}
    return [row | place for row in found], [row | place for row in outside]


def run_security(
    net: Network,
    cset: pd.DataFrame | None = None,
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    screen: Literal["dc"] | None = "dc",
    verify: Literal["flagged", "all"] | None = "flagged",
    keep: Literal["violations", "all"] = "violations",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    progress: Progress | None = None,
) -> Security:
    """Analyse every contingency of a set.

    Parameters
    ----------
    net : Network
    cset : DataFrame, optional
        Index contingency, column elements (tuple of ids), optionally kind; None: every single line,
        transformer and series element (`list_contingencies`).
    criteria : str, Criteria or None
        "network": the network's own, said in the result; "korea" or another region; None, or a network
        without criteria: each branch against its rating, no voltage limits, no load may be cut off.
    snapshot : str, optional
        State before the outages; None is the first.
    screen : {"dc", None}
        "dc": outages whose estimated loading stays below 90 % of every limit need no AC solution.
    verify : {"flagged", "all", None}
        Which outages are solved by AC: those the screen flags, all (and the screen is measured), or none.
        With ``screen=None`` all are.
    keep : {"violations", "all"}
        "all" also returns flows and voltages of every outage.
    options : mapping or PowerFlowOptions, optional
    progress : callable, optional
        Called with outages done and outages in all.

    Returns
    -------
    Security

    Raises
    ------
    ValueError
        If the contingency set is empty.
    InputError
        If it names unknown elements; all are listed.
    NotConverged
        If the base state has no trustworthy solution.

    Notes
    -----
    Each outage starts from the state before it. Lost power is taken up by participation, within limits; parts
    cut off without a reference are dead and their MW counted; the largest part of an island keeps or gets a
    reference. An outage that does not converge is a row with its status, never left out.
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    if (
        screen not in ("dc", None)
        or verify not in ("flagged", "all", None)
        or keep not in ("violations", "all")
    ):
        raise OptionError(
            f'screen = {screen!r} ("dc" | None), verify = {verify!r} ("flagged" | "all" | None), '
            f'keep = {keep!r} ("violations" | "all")'
        )
    if cset is None:
        cset = list_contingencies(net)
    if not len(cset):
        raise ValueError(f"no contingency to analyse in {net.name!r}: the set is empty")
    rules = resolve_criteria(net, criteria)
    name = find_snapshot(net, snapshot) or ""
    state = apply_snapshot(net, snapshot)
    work = _prepare(state, snapshot, rules, settled)
    outages = find_outages(state, work.case, cset)
    estimate = screen_outages(work.base, outages, work.limits.rate, settled)
    every = screen is None or verify == "all"
    by_ac = np.ones(len(outages), dtype=bool) if every else estimate.flagged & (verify is not None)
    if not every:
        by_ac = by_ac | estimate.islanding
    outcomes = _run_outages(work, cset, outages, estimate, by_ac, keep == "all", progress)
    return _collect(work, name, cset, outcomes, estimate, by_ac, keep)


def _collect(
    work: _Work,
    snapshot: str,
    cset: pd.DataFrame,
    outcomes: Sequence[_Outcome],
    screen: Screen,
    by_ac: np.ndarray,
    keep: str,
) -> Security:
    """Put the outcomes together."""
    index = pd.Index(cset.index, name="contingency")
    status = pd.DataFrame([outcome.row for outcome in outcomes], index=index)
    status.insert(0, "status", [str(outcome.status) for outcome in outcomes])
    status["stage"] = [outcome.stage for outcome in outcomes]
    status = status.reindex(columns=list(STATUS_COLUMNS))
    base = build_power_flow(work.net.name, snapshot, work.base, work.options)
    base_violations, warnings = _judge_base(work, base)
    found = [
        row | {"contingency": name, "snapshot": snapshot}
        for name, outcome in zip(index, outcomes, strict=True)
        for row in outcome.violations
    ]
    violations = build_violation_table([*base_violations, *found])
    unjudged: tuple[str, ...] = ()
    if work.criteria is not None:
        in_service = work.net.tables["bus"]["in_service"].to_numpy()
        missing = np.isnan(work.limits.vm_low) & np.isnan(work.limits.vm_high) & in_service
        unjudged = tuple(np.array(work.case.labels.bus, dtype=object)[missing])
    table = _measure_screen(index, outcomes, screen, by_ac)
    flows = voltages = None
    if keep == "all":
        flows, voltages = _stack_arrays(work, index, outcomes)
    verdict = _give_verdict(base, status, violations)
    summary = _summarize(base, status, violations, table)
    return Security(
        network=work.net.name,
        snapshot=snapshot,
        criteria="" if work.criteria is None else work.criteria.name,
        verdict=verdict,
        base=base,
        contingencies=cset,
        status=status,
        violations=violations,
        warnings=build_violation_table(warnings),
        ranking=_rank(index, outcomes, status, violations),
        screen=table,
        unjudged=unjudged,
        p_from_mw=flows,
        vm_pu=voltages,
        summary=MappingProxyType(summary),
        options=work.options,
    )


def _measure_screen(
    index: pd.Index, outcomes: Sequence[_Outcome], screen: Screen, by_ac: np.ndarray
) -> pd.DataFrame:
    """Compare the screen with AC where both are known: missed overloads, and false alarms.

    A state that AC cannot solve counts as an overload the screen should have flagged.
    """
    overloaded = np.array(
        [
            (not outcome.status.is_solved or any(row["kind"] == "thermal" for row in outcome.violations))
            for outcome in outcomes
        ],
        dtype=bool,
    )
    return pd.DataFrame(
        {
            "estimated_percent": screen.worst_percent,
            "flagged": screen.flagged,
            "solved_by_ac": by_ac,
            "overloaded": overloaded & by_ac,
            "missed": by_ac & overloaded & ~screen.flagged,
            "false": by_ac & ~overloaded & screen.flagged & ~screen.islanding,
        },
        index=index,
    )


def _rank(
    index: pd.Index, outcomes: Sequence[_Outcome], status: pd.DataFrame, violations: pd.DataFrame
) -> pd.DataFrame:
    """Order the contingencies: unsolved first, then by worst loading, lost load and performance index."""
    columns = ["status", "worst_element", "worst_loading_percent", "lost_load_mw", "lost_generation_mw"]
    ranking = status[columns].copy()
    ranking["violations"] = violations["contingency"].value_counts().reindex(index).fillna(0).astype(int)
    ranking["performance_index"] = [outcome.index for outcome in outcomes]
    solved = np.array([outcome.status.is_solved or outcome.status is Status.SCREENED for outcome in outcomes])
    order = np.lexsort(
        (
            -ranking["performance_index"].to_numpy(),
            -ranking["lost_load_mw"].to_numpy(),
            -ranking["worst_loading_percent"].fillna(-1.0).to_numpy(),
            solved,
        )
    )
    return ranking.iloc[order]


def _stack_arrays(
    work: _Work, index: pd.Index, outcomes: Sequence[_Outcome]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Stack flows and voltages of every outage: outaged branches 0, dead parts and unsolved rows NaN."""
    case = work.case
    flows = np.full((len(outcomes), case.n_branch), np.nan)
    voltages = np.full((len(outcomes), len(case.labels.bus)), np.nan)
    for k, outcome in enumerate(outcomes):
        if outcome.solution is not None:
            flows[k] = spread_flows(outcome.solution)[0].real * case.base_mva
            voltages[k] = spread_voltage(outcome.solution)
    return (
        pd.DataFrame(flows, index=index, columns=pd.Index(case.labels.branch, name="branch")),
        pd.DataFrame(voltages, index=index, columns=pd.Index(case.labels.bus, name="bus")),
    )


def _give_verdict(base: PowerFlow, status: pd.DataFrame, violations: pd.DataFrame) -> str:
    solved = status["status"].isin([Status.CONVERGED.value, Status.ISLANDED.value, Status.SCREENED.value])
    if len(violations) or not solved.all() or base.status is not Status.CONVERGED:
        return "insecure"
    return "secure" if (status["stage"] == "ac").all() else "unverified"


def _summarize(
    base: PowerFlow, status: pd.DataFrame, violations: pd.DataFrame, screen: pd.DataFrame
) -> dict[str, Any]:
    return {
        "contingencies": len(status),
        **{str(name): count for name, count in sorted(Counter(status["status"]).items())},
        "violations": len(violations),
        "base_violations": int((violations["contingency"] == "").sum()),
        "screen_flag_percent": FLAG_PERCENT,
        "screened_out": int((~screen["flagged"]).sum()),
        "verified_by_ac": int(screen["solved_by_ac"].sum()),
        "missed": int(screen["missed"].sum()),
        "false": int(screen["false"].sum()),
        "unrated_branches": base.summary["unrated_branches"],
    }
