"""Judge a solved state against criteria: overloads, voltages, lost load, interfaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.power_flow import LIMIT_TOLERANCE, compute_loading
from gridhub.case.case import Case, Floats
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.solution import Solution

VIOLATION_COLUMNS = (
    "contingency",
    "element",
    "kind",
    "limit",
    "value",
    "unit",
    "loading_percent",
    "base_value",
    "snapshot",
    "stage",
)
"""Columns of ``Security.violations``."""

VOLTAGE_TOLERANCE = 1e-6
"""A voltage violates a limit when it is beyond it by more than this [p.u.]."""


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """Limits of one state of the network, by position.

    Attributes
    ----------
    rate : (n_branch,) float
        [p.u.]; NaN = unrated.
    vm_low, vm_high : (n_bus,) float
        [p.u.]; NaN = not judged.
    """

    rate: Floats
    vm_low: Floats
    vm_high: Floats


def build_limits(net: Network, case: Case, criteria: Criteria | None, state: str) -> Limits:
    """Collect the limits of a state.

    Parameters
    ----------
    net : Network
    case : Case
    criteria : Criteria or None
        None: each branch against its rating (after an outage: rate_b_mva), no voltage limits.
    state : {"normal", "outage"}
    """
    rates = {"rate_mva": case.rate, "rate_b_mva": case.rate_b, "rate_c_mva": case.rate_c}
    if criteria is None:
        nothing = np.full(len(case.labels.bus), np.nan)
        return Limits(case.rate if state == "normal" else case.rate_b, nothing, nothing)
    name, factor = criteria.rating_set("normal" if state == "normal" else "outage")
    vn_kv = net.tables["bus"]["vn_kv"].to_numpy(dtype=float)
    low, high = criteria.voltage_limits(vn_kv, "normal" if state == "normal" else "outage")
    return Limits(rates[name] * factor, low, high)


def _rows(count: int, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(columns, index=range(count))
    return frame.reindex(columns=list(VIOLATION_COLUMNS))


def find_overloads(solution: Solution, limits: Limits, base_loading: Floats | None) -> pd.DataFrame:
    """List the branches loaded beyond their limit; values in MVA (AC) or MW (DC)."""
    case = solution.case
    loading = compute_loading(case, solution, limits.rate)
    over = np.flatnonzero(loading > 100.0 + LIMIT_TOLERANCE)
    value = loading[over] / 100.0 * limits.rate[over] * case.base_mva
    before = value if base_loading is None else base_loading[over] / 100.0 * limits.rate[over] * case.base_mva
    return _rows(
        len(over),
        element=[case.labels.branch[i] for i in over],
        kind="thermal",
        limit=limits.rate[over] * case.base_mva,
        value=value,
        unit="MVA" if solution.method == "ac" else "MW",
        loading_percent=loading[over],
        base_value=before,
        stage=solution.method,
    )


def find_voltage_violations(solution: Solution, limits: Limits, base_vm: Floats | None) -> pd.DataFrame:
    """List the buses outside their voltage range; values in p.u."""
    case = solution.case
    vm = spread_voltage(solution)
    parts = []
    for kind, bound, beyond in (
        ("voltage_low", limits.vm_low, limits.vm_low - vm),
        ("voltage_high", limits.vm_high, vm - limits.vm_high),
    ):
        found = np.flatnonzero(beyond > VOLTAGE_TOLERANCE)
        part = _rows(
            len(found),
            element=[case.labels.bus[i] for i in found],
            kind=kind,
            limit=bound[found],
            value=vm[found],
            unit="p.u.",
            base_value=(vm if base_vm is None else base_vm)[found],
            stage=solution.method,
        )
        parts.append(part)
    return join_violations(parts)


def find_voltage_changes(solution: Solution, base_vm: Floats, largest: float) -> pd.DataFrame:
    """List the buses whose voltage an outage changes by more than `largest` [p.u.]."""
    case = solution.case
    vm = spread_voltage(solution)
    found = np.flatnonzero(np.abs(vm - base_vm) > largest + VOLTAGE_TOLERANCE)
    return _rows(
        len(found),
        element=[case.labels.bus[i] for i in found],
        kind="voltage_change",
        limit=largest,
        value=np.abs(vm - base_vm)[found],
        unit="p.u.",
        base_value=base_vm[found],
        stage=solution.method,
    )


def spread_voltage(solution: Solution) -> Floats:
    """Voltage magnitude of every bus, (n_bus,) [p.u.]; NaN at dead buses."""
    node = solution.case.bus_node
    return np.asarray(np.where(node >= 0, solution.vm[node], np.nan))


def join_violations(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put violation tables one below the other; the result has every column even if empty."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in VIOLATION_COLUMNS})
    columns = {name: np.concatenate([part[name].to_numpy() for part in filled]) for name in VIOLATION_COLUMNS}
    joined = pd.DataFrame(columns)
    for name in ("limit", "value", "loading_percent", "base_value"):
        joined[name] = joined[name].astype(float)
    return joined
