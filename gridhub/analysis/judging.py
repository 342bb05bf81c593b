"""Judge a solved state against limits: overloads, voltages, and the table they are written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.power_flow import LIMIT_TOLERANCE
from gridhub.case.case import Case, Floats
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.batch_result import THERMAL, VOLTAGE_CHANGE, VOLTAGE_HIGH, VOLTAGE_LOW, Findings
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

NUMBER_COLUMNS = ("limit", "value", "loading_percent", "base_value")
"""Those that hold numbers; the others hold text."""

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
    vm_change : float
        Largest change of a voltage by an outage [p.u.]; infinite = not judged.
    """

    rate: Floats
    vm_low: Floats
    vm_high: Floats
    vm_change: float = np.inf


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
    change = criteria.voltage_change_max_pu if state == "outage" else None
    return Limits(rates[name] * factor, low, high, np.inf if change is None else change)


def find_violations(loading: Floats, vm: Floats, limits: Limits, vm_before: Floats | None = None) -> Findings:
    """Find what violates a limit in one state.

    Parameters
    ----------
    loading : (n_branch,) float
        In percent of ``limits.rate``; NaN = unrated or dead.
    vm : (n_bus,) float
        [p.u.]; NaN = dead.
    limits : Limits
    vm_before : (n_bus,) float, optional
        Voltages before the outage [p.u.]; None: there was none.

    Returns
    -------
    Findings
        Of scenario 0; positions are branches and buses.
    """
    low = np.flatnonzero(limits.vm_low - vm > VOLTAGE_TOLERANCE)
    high = np.flatnonzero(vm - limits.vm_high > VOLTAGE_TOLERANCE)
    over = np.flatnonzero(loading > 100.0 + LIMIT_TOLERANCE)
    found = [(THERMAL, over, loading), (VOLTAGE_LOW, low, vm), (VOLTAGE_HIGH, high, vm)]
    if vm_before is not None:
        change = np.abs(vm - vm_before)
        found.append((VOLTAGE_CHANGE, np.flatnonzero(change > limits.vm_change + VOLTAGE_TOLERANCE), change))
    position = np.concatenate([where for _, where, _ in found])
    return Findings(
        scenario=np.zeros(len(position), dtype=np.int64),
        kind=np.repeat([kind for kind, _, _ in found], [len(where) for _, where, _ in found]),
        position=position,
        value=np.concatenate([values[where] for _, where, values in found]),
    )


def spread_voltage(solution: Solution) -> Floats:
    """Voltage magnitude of every bus, (n_bus,) [p.u.]; NaN at dead buses."""
    node = solution.case.bus_node
    return np.asarray(np.where(node >= 0, solution.vm[node], np.nan))


def build_violation_table(found: Mapping[str, np.ndarray] | Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Put violations, given by column or by row, into one table with every column, empty or not."""
    if not isinstance(found, Mapping):
        rows = list(found)
        found = {
            name: np.array([row.get(name, np.nan) for row in rows], dtype=object)
            for name in VIOLATION_COLUMNS
        }
    columns = {name: found[name] for name in VIOLATION_COLUMNS}
    columns |= {name: columns[name].astype(float) for name in NUMBER_COLUMNS}
    return pd.DataFrame(columns)
