"""Judge a solved state against limits: overloads, voltages, and the table they are written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE
from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.criteria import Criteria, State
from gridhub.model.derived import derive
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.rating_rules import RATING_COLUMNS
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
    "rating",
    "minutes",
)
"""Columns of ``Security.violations``."""

NUMBER_COLUMNS = ("limit", "value", "loading_percent", "base_value", "minutes")
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
    column : (n_branch,) int
        Which rating `rate` comes from, by position in `RATING_COLUMNS`: where a branch has not the one asked
        for, the one it falls back to. Empty where nobody asked.
    minutes : (n_branch,) float
        How long it holds [min]; infinite = without end. Empty likewise.
    fallback : (n_branch,) bool
        Whether it stands in for one that the branch has not. Empty likewise.
    """

    rate: Floats
    vm_low: Floats
    vm_high: Floats
    vm_change: float = np.inf
    column: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    minutes: Floats = field(default_factory=lambda: np.zeros(0))
    fallback: Bools = field(default_factory=lambda: np.zeros(0, dtype=bool))


def build_limits(
    net: Network, case: Case, criteria: Criteria | None, state: str, contingencies: Sequence[str] = ()
) -> Limits:
    """Collect the limits of a state.

    Parameters
    ----------
    net : Network
    case : Case
    criteria : Criteria or None
        None: each branch against its rating (after an outage: rate_b_mva), no voltage limits.
    state : {"normal", "outage"}
    contingencies : sequence of str
        Classes of the contingency whose ratings hold (`Criteria.choose_ratings`); none: those that hold
        after every one.
    """
    rates = np.stack([case.rate, case.rate_b, case.rate_c])
    used = derive(net, "rating columns", None, lambda: _find_columns(net, case))
    branches = np.arange(case.n_branch)
    if criteria is None:
        nothing = np.full(len(case.labels.bus), np.nan)
        wanted = 0 if state == "normal" else 1
        column, endless = used[wanted], np.full(case.n_branch, np.inf)
        return Limits(rates[column, branches], nothing, nothing, np.inf, column, endless, column != wanted)
    when: State = "normal" if state == "normal" else "outage"
    vn_kv = net.tables["bus"]["vn_kv"].to_numpy(dtype=float)
    branch_kv = np.maximum(vn_kv[case.branch_from_bus], vn_kv[case.branch_to_bus])
    rule = criteria.choose_ratings(when, contingencies, branch_kv)
    asked = np.array([RATING_COLUMNS.index(one.column) for one in criteria.ratings])[rule]
    factor, minutes = (
        np.array([getattr(one, name) for one in criteria.ratings])[rule] for name in ("factor", "minutes")
    )
    column = used[asked, branches]
    # a rating that holds always, not enlarged, holds without end for whatever it stands in
    endless = (column == 0) & (factor <= 1.0)
    low, high = criteria.voltage_limits(vn_kv, when)
    change = criteria.voltage_change_max_pu if state == "outage" else None
    return Limits(
        rates[column, branches] * factor,
        low,
        high,
        np.inf if change is None else change,
        column,
        np.where(endless, np.inf, minutes),
        column != asked,
    )


def _find_columns(net: Network, case: Case) -> Ints:
    """Rating that stands for each of `RATING_COLUMNS`, (3, n_branch): an empty one is the one before it."""
    tables = [net.tables[table] for table in BRANCH_TABLES]
    index = tables[0].index.append([table.index for table in tables[1:]])
    place = index.get_indexer(pd.Index(case.labels.branch, dtype=object))
    column = np.zeros((len(RATING_COLUMNS), case.n_branch), dtype=np.int64)
    for k, name in enumerate(RATING_COLUMNS[1:], start=1):
        given = ~np.isnan(np.concatenate([table[name].to_numpy(dtype=float) for table in tables]))[place]
        column[k] = np.where(given, k, column[k - 1])
    return column


@dataclass(frozen=True, slots=True, eq=False)
class OutageLimits:
    """Limits after each of k outages.

    Attributes
    ----------
    groups : tuple of Limits
        They differ in their ratings alone.
    of : (k,) int
        Group of each outage.
    """

    groups: tuple[Limits, ...]
    of: Ints

    def take(self, name: str, outage: Ints, branch: Ints) -> np.ndarray:
        """Take rate, column or minutes of branches after outages, (m,)."""
        return np.asarray(np.stack([getattr(group, name) for group in self.groups])[self.of[outage], branch])


def hold_alike(limits: Limits, count: int = 1) -> OutageLimits:
    """Hold all outages against the same limits."""
    return OutageLimits((limits,), np.zeros(count, dtype=np.int64))


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
            name: np.array([row.get(name, "" if name == "rating" else np.nan) for row in rows], dtype=object)
            for name in VIOLATION_COLUMNS
        }
    if not len(found["element"]):
        return _build_empty().copy()
    columns = {name: found[name] for name in VIOLATION_COLUMNS}
    columns |= {name: columns[name].astype(float) for name in NUMBER_COLUMNS}
    return pd.DataFrame(columns)


@cache
def _build_empty() -> pd.DataFrame:
    kinds = {name: float if name in NUMBER_COLUMNS else object for name in VIOLATION_COLUMNS}
    return pd.DataFrame({name: np.zeros(0, dtype=kind) for name, kind in kinds.items()})
