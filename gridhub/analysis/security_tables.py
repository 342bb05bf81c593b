"""From arrays to the tables of a security analysis: status, violations, ranking, screen, states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.interfaces import compute_interfaces
from gridhub.analysis.judging import (
    Limits,
    OutageLimits,
    build_limits,
    build_violation_table,
    find_violations,
    hold_alike,
)
from gridhub.analysis.losses import LOSS_NAMES, Losses, LossFindings
from gridhub.analysis.power_flow import PowerFlow, compute_loading
from gridhub.analysis.screening import Screen
from gridhub.analysis.security_outages import SEVERITY_EXPONENT, Outcomes, Setting
from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.rating_rules import RATING_COLUMNS
from gridhub.solvers.batch_result import (
    STATUSES,
    THERMAL,
    VOLTAGE_CHANGE,
    VOLTAGE_HIGH,
    VOLTAGE_LOW,
    Findings,
)

KIND_NAMES = {
    THERMAL: "thermal",
    VOLTAGE_LOW: "voltage_low",
    VOLTAGE_HIGH: "voltage_high",
    VOLTAGE_CHANGE: "voltage_change",
}
"""Names of `Findings.kind` in ``Security.violations``."""

Columns = dict[str, np.ndarray]
"""Violations by column, all of one length."""


def _take(names: Sequence[str], positions: Ints) -> np.ndarray:
    """Labels at positions; "" at -1."""
    return np.array([*names, ""], dtype=object)[positions]


def _count(outage: Ints, count: int) -> Ints:
    return np.bincount(outage, minlength=count)


def build_status_table(
    setting: Setting, index: pd.Index, outcomes: Outcomes, losses: Losses, screen: str
) -> pd.DataFrame:
    """Make ``Security.status``."""
    return pd.DataFrame(
        {
            "status": np.array([str(status) for status in STATUSES], dtype=object)[outcomes.status],
            "lost_load_mw": losses.load_mw,
            "lost_generation_mw": losses.generation_mw,
            "consequential_mw": losses.consequential_mw,
            "worst_element": _take(setting.case.labels.branch, outcomes.worst_branch),
            "worst_loading_percent": outcomes.worst_loading,
            "iterations": outcomes.iterations,
            "stage": _name_stage(outcomes.by_ac, screen),
            "reason": outcomes.reason,
        },
        index=index,
    )


def _name_stage(by_ac: Bools, screen: str) -> np.ndarray:
    return np.array([screen, "ac"], dtype=object)[by_ac.astype(np.int64)]


def measure_findings(
    case: Case, found: Findings, limits: OutageLimits, base_flow: Floats, base_vm: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Measure violations: limit, value, loading [%] (NaN of a voltage), and value before the outage.

    Overloads are in MVA, voltages in p.u.

    Parameters
    ----------
    case : Case
    found : Findings
        Positions are branches and buses.
    limits : OutageLimits
        Those that were violated, by scenario of the findings.
    base_flow : (n_branch,) float
        Before the outage [p.u.].
    base_vm : (n_bus,) float
        Before the outage [p.u.].
    """
    thermal = found.kind == THERMAL
    branch, bus = np.where(thermal, found.position, 0), np.where(thermal, 0, found.position)
    rate = before = np.zeros(len(found))
    if case.n_branch:
        rate = limits.take("rate", found.scenario, branch) * case.base_mva
        before = base_flow[branch] * case.base_mva
    voltage = limits.groups[0]
    limit = np.select(
        [thermal, found.kind == VOLTAGE_LOW, found.kind == VOLTAGE_HIGH],
        [rate, voltage.vm_low[bus], voltage.vm_high[bus]],
        voltage.vm_change,
    )
    value = np.where(thermal, found.value / 100.0 * rate, found.value)
    return limit, value, np.where(thermal, found.value, np.nan), np.where(thermal, before, base_vm[bus])


def _write_findings(
    case: Case, found: Findings, limits: OutageLimits, base_flow: Floats, base_vm: Floats
) -> Columns:
    """Write overloads [MVA] and voltages [p.u.] with their limits and their values before the outage."""
    thermal = found.kind == THERMAL
    limit, value, percent, before = measure_findings(case, found, limits, base_flow, base_vm)
    names = np.array([KIND_NAMES[kind] for kind in sorted(KIND_NAMES)], dtype=object)
    element = _take(case.labels.bus, np.where(thermal, 0, found.position))
    element[thermal] = _take(case.labels.branch, found.position[thermal])
    return {
        "element": element,
        "kind": names[found.kind],
        "limit": limit,
        "value": value,
        "unit": np.array(["p.u.", "MVA"], dtype=object)[thermal.astype(np.int64)],
        "loading_percent": percent,
        "base_value": before,
        **_write_ratings(found, limits, thermal),
    }


def _write_ratings(found: Findings, limits: OutageLimits, thermal: Bools) -> Columns:
    """Write which rating an overload was held against, and how long that holds (NaN: without end)."""
    rating, minutes = np.full(len(found), "", dtype=object), np.full(len(found), np.nan)
    if thermal.any():
        at = found.scenario[thermal], found.position[thermal]
        rating[thermal] = np.array(RATING_COLUMNS, dtype=object)[limits.take("column", *at)]
        minutes[thermal] = limits.take("minutes", *at)
        minutes[np.isinf(minutes)] = np.nan
    return {"rating": rating, "minutes": minutes}


def count_fallbacks(case: Case, limits: OutageLimits) -> int:
    """Count the rated branches in service that lack a rating asked for after one of the outages."""
    rated = (case.branch_on | case.branch_joins) & ~np.isnan(limits.groups[0].rate)
    return int((rated & np.any([group.fallback for group in limits.groups], axis=0)).sum())


def _write_losses(found: LossFindings) -> Columns:
    count = len(found.outage)
    return {
        "element": np.array(LOSS_NAMES, dtype=object)[found.name],
        "kind": np.full(count, "lost_load", dtype=object),
        "limit": found.limit,
        "value": found.value,
        "unit": np.full(count, "MW", dtype=object),
        "loading_percent": np.full(count, np.nan),
        "base_value": np.full(count, np.nan),
        **_no_ratings(count),
    }


def _no_ratings(count: int) -> Columns:
    return {"rating": np.full(count, "", dtype=object), "minutes": np.full(count, np.nan)}


def _write_interfaces(setting: Setting, base: PowerFlow) -> Columns:
    """Write the interfaces over a published limit in the N state [MW]."""
    table = compute_interfaces(setting.net, base)
    table = table[table["state"] == "over the limit"]
    flow = table["flow_mw"].to_numpy(dtype=float)
    forward, reverse = (table[name].to_numpy(dtype=float) for name in ("limit_mw", "limit_reverse_mw"))
    limit, size = np.where(flow > 0, forward, reverse), np.abs(flow)
    return {
        "element": table["interface"].to_numpy(dtype=object),
        "kind": np.full(len(table), "interface", dtype=object),
        "limit": limit,
        "value": size,
        "unit": np.full(len(table), "MW", dtype=object),
        "loading_percent": 100.0 * size / limit,
        "base_value": size,
        **_no_ratings(len(table)),
    }


def _join(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _find_in_base(setting: Setting, limits: Limits) -> Columns:
    """Write what the N state violates."""
    loading = compute_loading(setting.case, setting.base, limits.rate)
    found = find_violations(loading, setting.base_vm, limits)
    return _write_findings(setting.case, found, hold_alike(limits), setting.base_flow, setting.base_vm)


def _place(columns: Columns, contingency: np.ndarray, stage: np.ndarray, snapshot: str) -> Columns:
    """Add where and how the violations were found."""
    same = np.full(len(contingency), snapshot, dtype=object)
    return columns | {"contingency": contingency, "stage": stage, "snapshot": same}


def _place_in_base(columns: Columns, base: PowerFlow) -> Columns:
    count = len(columns["element"])
    stage = np.full(count, base.method, dtype=object)
    return _place(columns, np.full(count, "", dtype=object), stage, base.snapshot)


def build_violations(
    setting: Setting,
    limits: OutageLimits,
    base: PowerFlow,
    index: pd.Index,
    outcomes: Outcomes,
    lost: LossFindings,
    screen: str,
) -> pd.DataFrame:
    """Make ``Security.violations``: the N state first, then outage by outage.

    Within one outage overloads come first, then voltages, then what is lost; of a screened one what is lost
    comes first.
    """
    normal = build_limits(setting.net, setting.case, setting.criteria, "normal")
    parts = [_place_in_base(_find_in_base(setting, normal), base)]
    if len(setting.net.tables["interface"]):
        parts.append(_place_in_base(_write_interfaces(setting, base), base))
    found = outcomes.findings
    written = _join(
        [
            _write_findings(setting.case, found, limits, setting.base_flow, setting.base_vm),
            _write_losses(lost),
        ]
    )
    outage = np.concatenate([found.scenario, lost.outage])
    within = np.concatenate([found.kind, np.where(outcomes.by_ac[lost.outage], len(KIND_NAMES), -1)])
    order = np.lexsort((within, outage))
    outage = outage[order]
    ordered = {name: values[order] for name, values in written.items()}
    names = index.to_numpy(dtype=object)[outage]
    parts.append(_place(ordered, names, _name_stage(outcomes.by_ac[outage], screen), base.snapshot))
    return build_violation_table(_join(parts))


def build_warnings(setting: Setting, base: PowerFlow) -> pd.DataFrame:
    """Make ``Security.warnings``: voltages of the N state outside the criteria's target range."""
    if setting.criteria is None:
        return build_violation_table([])
    vn_kv = setting.net.tables["bus"]["vn_kv"].to_numpy(dtype=float)
    low, high = setting.criteria.voltage_limits(vn_kv, "target")
    target = Limits(np.full(setting.case.n_branch, np.nan), low, high)
    return build_violation_table(_place_in_base(_find_in_base(setting, target), base))


def build_screen_table(case: Case, index: pd.Index, outcomes: Outcomes, screen: Screen) -> pd.DataFrame:
    """Compare the screen with AC where both are known: what it missed, and false alarms.

    A state that AC cannot solve counts as an overload the screen should have flagged. A DC screen looks at
    overloads alone, so that a voltage does not make its alarm true. Where no screen was asked for all are
    flagged, none is missed and none a false alarm.
    """
    found, count = outcomes.findings, len(index)
    thermal = _count(found.scenario[found.kind == THERMAL], count) > 0
    overloaded = outcomes.by_ac & (~outcomes.solved | thermal)
    voltage = outcomes.by_ac & (_count(found.scenario[found.kind != THERMAL], count) > 0)
    true = overloaded | screen.islanding | (voltage & (screen.method == "1p1q"))
    return pd.DataFrame(
        {
            "estimated_percent": screen.worst_percent,
            "estimated_element": _take(case.labels.branch, screen.worst_branch),
            "estimated_vm_pu": screen.worst_vm,
            "estimated_bus": _take(case.labels.bus, screen.worst_bus),
            "room_pu": screen.room,
            "flagged": screen.flagged,
            "bound": screen.bound,
            "solved_by_ac": outcomes.by_ac,
            "overloaded": overloaded,
            "voltage_violated": voltage,
            "missed": overloaded & ~screen.flagged,
            "voltage_missed": voltage & ~screen.flagged,
            "false": outcomes.by_ac & screen.flagged & ~true & screen.measured,
        },
        index=index,
    )


def _weigh_voltages(limits: Limits, found: Findings, count: int) -> Floats:
    """Sum up, for each outage, how far the voltages outside their limits are from the middle of them.

    Each counts ((v - middle) / half the range)^4, so that a voltage at its limit would count 1.
    """
    at = np.flatnonzero((found.kind == VOLTAGE_LOW) | (found.kind == VOLTAGE_HIGH))
    low, high = limits.vm_low[found.position[at]], limits.vm_high[found.position[at]]
    share = (found.value[at] - 0.5 * (low + high)) / (0.5 * (high - low))
    return np.asarray(np.bincount(found.scenario[at], share**SEVERITY_EXPONENT, count), dtype=float)


def _find_worst_voltage(limits: Limits, found: Findings, count: int) -> tuple[Ints, Floats, Floats]:
    """Find the voltage furthest beyond its limits after each outage: bus (-1: none), voltage, by how much."""
    at = np.flatnonzero((found.kind == VOLTAGE_LOW) | (found.kind == VOLTAGE_HIGH))
    outage, bus, value = found.scenario[at], found.position[at], found.value[at]
    beyond = np.fmax(limits.vm_low[bus] - value, value - limits.vm_high[bus])
    order = np.lexsort((-bus, beyond))
    worst, vm, by = np.full(count, -1), np.full(count, np.nan), np.full(count, np.nan)
    # later rows win: the furthest, and of equal ones the first bus
    worst[outage[order]], vm[outage[order]], by[outage[order]] = bus[order], value[order], beyond[order]
    return worst, vm, by


def rank_outages(
    setting: Setting,
    screen: Screen,
    status: pd.DataFrame,
    outcomes: Outcomes,
    losses: Losses,
    lost: LossFindings,
) -> pd.DataFrame:
    """Make ``Security.ranking``: unsolved first, then what breaks a limit, then by loading and lost load."""
    columns = ["status", "worst_element", "worst_loading_percent", "lost_load_mw", "lost_generation_mw"]
    limits, found, count = setting.limits, outcomes.findings, len(status)
    thermal = _count(found.scenario[found.kind == THERMAL], count)
    violations = _count(np.concatenate([found.scenario, lost.outage]), count)
    order = np.lexsort(
        (
            -outcomes.severity,
            -losses.load_mw,
            -np.nan_to_num(outcomes.worst_loading, nan=-1.0),
            violations == 0,
            outcomes.answered,
        )
    )
    bus, vm, beyond = _find_worst_voltage(limits, found, count)
    unseen = ~outcomes.by_ac & (screen.method == "dc")
    table = {name: status[name].to_numpy() for name in columns}
    table |= {
        "violations": violations,
        "performance_index": outcomes.severity,
        "performance_index_voltage": np.select(
            [unseen, outcomes.answered], [np.nan, _weigh_voltages(limits, found, count)], np.inf
        ),
        "worst_bus": _take(setting.case.labels.bus, bus),
        "worst_vm_pu": vm,
        "worst_beyond_pu": beyond,
        "overloads": thermal,
        "voltage_violations": _count(found.scenario, count) - thermal,
        "islanding": screen.islanding,
    }
    return pd.DataFrame(table, index=status.index).iloc[order]


def build_state_tables(
    setting: Setting, index: pd.Index, outcomes: Outcomes
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Make ``Security.p_from_mw`` and ``Security.vm_pu``: outaged branches 0, dead and unsolved NaN."""
    labels = setting.case.labels
    flows = voltages = None
    if outcomes.p_from is not None:
        columns = pd.Index(labels.branch, name="branch")
        flows = pd.DataFrame(outcomes.p_from * setting.case.base_mva, index=index, columns=columns)
    if outcomes.vm is not None:
        voltages = pd.DataFrame(outcomes.vm, index=index, columns=pd.Index(labels.bus, name="bus"))
    return flows, voltages


def find_unjudged(setting: Setting) -> tuple[str, ...]:
    """List the buses in service whose voltage class the criteria lack."""
    if setting.criteria is None:
        return ()
    in_service = setting.net.tables["bus"]["in_service"].to_numpy()
    missing = np.isnan(setting.limits.vm_low) & np.isnan(setting.limits.vm_high) & in_service
    return tuple(np.array(setting.case.labels.bus, dtype=object)[missing])
