"""Judge a solved state against criteria: overloads, voltages, lost load, interfaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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


Row = dict[str, Any]
"""One violation: a value for some of `VIOLATION_COLUMNS`."""


def find_overloads(solution: Solution, limits: Limits, base_loading: Floats | None) -> list[Row]:
    """List the branches loaded beyond their limit; values in MVA (AC) or MW (DC)."""
    case = solution.case
    loading = compute_loading(case, solution, limits.rate)
    before = loading if base_loading is None else base_loading
    rows = []
    for i in np.flatnonzero(loading > 100.0 + LIMIT_TOLERANCE).tolist():
        limit = float(limits.rate[i] * case.base_mva)
        rows.append(
            {
                "element": case.labels.branch[i],
                "kind": "thermal",
                "limit": limit,
                "value": float(loading[i]) / 100.0 * limit,
                "unit": "MVA" if solution.method == "ac" else "MW",
                "loading_percent": float(loading[i]),
                "base_value": float(before[i]) / 100.0 * limit,
                "stage": solution.method,
            }
        )
    return rows


def _list_voltages(
    solution: Solution, kind: str, limit: Floats, value: Floats, base_vm: Floats, found: NDArray[np.intp]
) -> list[Row]:
    return [
        {
            "element": solution.case.labels.bus[i],
            "kind": kind,
            "limit": float(limit[i]),
            "value": float(value[i]),
            "unit": "p.u.",
            "base_value": float(base_vm[i]),
            "stage": solution.method,
        }
        for i in found.tolist()
    ]


def find_voltage_violations(solution: Solution, limits: Limits, base_vm: Floats | None) -> list[Row]:
    """List the buses outside their voltage range; values in p.u."""
    vm = spread_voltage(solution)
    before = vm if base_vm is None else base_vm
    low = np.flatnonzero(limits.vm_low - vm > VOLTAGE_TOLERANCE)
    high = np.flatnonzero(vm - limits.vm_high > VOLTAGE_TOLERANCE)
    rows = _list_voltages(solution, "voltage_low", limits.vm_low, vm, before, low)
    return rows + _list_voltages(solution, "voltage_high", limits.vm_high, vm, before, high)


def find_voltage_changes(solution: Solution, base_vm: Floats, largest: float) -> list[Row]:
    """List the buses whose voltage an outage changes by more than `largest` [p.u.]."""
    change = np.abs(spread_voltage(solution) - base_vm)
    found = np.flatnonzero(change > largest + VOLTAGE_TOLERANCE)
    limit = np.full(len(change), largest)
    return _list_voltages(solution, "voltage_change", limit, change, base_vm, found)


def spread_voltage(solution: Solution) -> Floats:
    """Voltage magnitude of every bus, (n_bus,) [p.u.]; NaN at dead buses."""
    node = solution.case.bus_node
    return np.asarray(np.where(node >= 0, solution.vm[node], np.nan))


def build_violation_table(rows: Iterable[Row]) -> pd.DataFrame:
    """Put violations into one table with every column, empty or not."""
    table = pd.DataFrame(list(rows), columns=list(VIOLATION_COLUMNS))
    for name in ("limit", "value", "loading_percent", "base_value"):
        table[name] = table[name].astype(float)
    return table
