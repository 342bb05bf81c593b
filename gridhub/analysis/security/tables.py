"""From arrays to the tables of a security analysis: status, violations, ranking, screen, states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.losses import LOSS_NAMES, Losses, LossFindings
from gridhub.analysis.flow.power_flow import PowerFlow, compute_loading
from gridhub.analysis.security.judging import (
    Limits,
    OutageLimits,
    build_limits,
    build_violation_table,
    find_violations,
    hold_alike,
)
from gridhub.analysis.security.outages import Outcomes, Setting
from gridhub.analysis.security.screening import Screen
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


def take_names(names: Sequence[str], positions: Ints) -> np.ndarray:
    """Labels at positions; "" at -1."""
    return np.array([*names, ""], dtype=object)[positions]


def count_outages(outage: Ints, count: int) -> Ints:
    """Count how often each of `count` outages is named, (count,) int."""
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
            "worst_element": take_names(setting.case.labels.branch, outcomes.worst_branch),
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
    # beyond a limit of 0 a percentage tells no power
    known = thermal & (rate > 0)
    value = np.where(thermal, np.nan, found.value)
    value[known] = found.value[known] / 100.0 * rate[known]
    return limit, value, np.where(thermal, found.value, np.nan), np.where(thermal, before, base_vm[bus])


def _write_findings(
    case: Case, found: Findings, limits: OutageLimits, base_flow: Floats, base_vm: Floats
) -> Columns:
    """Write overloads [MVA] and voltages [p.u.] with their limits and their values before the outage."""
    thermal = found.kind == THERMAL
    limit, value, percent, before = measure_findings(case, found, limits, base_flow, base_vm)
    names = np.array([KIND_NAMES[kind] for kind in sorted(KIND_NAMES)], dtype=object)
    element = take_names(case.labels.bus, np.where(thermal, 0, found.position))
    element[thermal] = take_names(case.labels.branch, found.position[thermal])
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
    with np.errstate(divide="ignore"):
        percent = 100.0 * size / limit
    return {
        "element": table["interface"].to_numpy(dtype=object),
        "kind": np.full(len(table), "interface", dtype=object),
        "limit": limit,
        "value": size,
        "unit": np.full(len(table), "MW", dtype=object),
        "loading_percent": percent,
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
    thermal = count_outages(found.scenario[found.kind == THERMAL], count) > 0
    overloaded = outcomes.by_ac & (~outcomes.solved | thermal)
    voltage = outcomes.by_ac & (count_outages(found.scenario[found.kind != THERMAL], count) > 0)
    true = overloaded | screen.islanding | (voltage & (screen.method == "1p1q"))
    return pd.DataFrame(
        {
            "estimated_percent": screen.worst_percent,
            "estimated_element": take_names(case.labels.branch, screen.worst_branch),
            "estimated_vm_pu": screen.worst_vm,
            "estimated_bus": take_names(case.labels.bus, screen.worst_bus),
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
