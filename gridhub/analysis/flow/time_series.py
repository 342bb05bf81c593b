"""Time series: one power flow per hour, judged against the limits that hold with everything in service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.analysis.flow.hours import Hours, Keep, solve_hours
from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE, Method
from gridhub.analysis.security.judging import VOLTAGE_TOLERANCE, Limits, build_limits
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.security.tables import KIND_NAMES
from gridhub.case.case import Case
from gridhub.case.compile import compile_case
from gridhub.case.positions import find_members
from gridhub.case.profiles import Profiles, read_profiles
from gridhub.criteria import Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.solvers.batch import Progress
from gridhub.solvers.batch_result import STATUSES, THERMAL, VOLTAGE_HIGH, VOLTAGE_LOW
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.scenario import Injections, Watch

NEAR_PERCENT = 90.0
"""Loading from which an hour counts as near the limit [%]."""

VIOLATION_COLUMNS = ("hour", "element", "kind", "limit", "value", "unit", "loading_percent")
"""Columns of ``TimeSeries.violations``."""


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """Result of a time series.

    Attributes
    ----------
    network, snapshot, criteria : str
        What was solved, the state profiles were put into, and what it was judged by ("" = ratings alone).
    method : {"dc", "ac"}
    status : DataFrame
        One row per hour: status, worst_element, worst_loading_percent, iterations, load_mw (served),
        unserved_mw (load in dead islands), generation_mw (units, storage, and infeed at references without
        units), losses_mw (branches, shunts, links), reason. Generation and losses are NaN where the hour is
        not solved, and for AC unless ``keep="all"``: without the flows only their difference is known.
    branch : DataFrame
        One row per branch: worst_loading_percent (of the limit that holds with everything in service; NaN =
        unrated), worst_hour (the first of equals; missing where nothing is known), hours_above_100,
        hours_above_90. Hours without a solution do not count.
    violations : DataFrame
        hour, element, kind (thermal | voltage_low | voltage_high), limit, value, unit, loading_percent.
    p_from_mw : DataFrame or None
        With ``keep="all"``: hour x branch [MW]; 0 out of service, NaN in a dead island and in an hour without
        a solution.
    vm_pu : DataFrame or None
        With ``keep="all"`` and AC: hour x bus [p.u.], NaN as above.
    unjudged : tuple of str
        Buses whose voltage class the criteria lack.
    summary : mapping
        hours, counts by status, violations, hours_with_violations, worst_loading_percent, worst_element,
        worst_hour, load_mwh, unserved_mwh, generation_mwh, losses_mwh (each over the hours where it is known,
        a row an hour), unrated_branches, references_chosen.
    options : PowerFlowOptions
    """

    network: str
    snapshot: str
    criteria: str
    method: Method
    status: pd.DataFrame
    branch: pd.DataFrame
    violations: pd.DataFrame
    p_from_mw: pd.DataFrame | None
    vm_pu: pd.DataFrame | None
    unjudged: tuple[str, ...]
    summary: Mapping[str, Any]
    options: PowerFlowOptions


def run_time_series(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None = None,
    method: Method = "dc",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    *,
    snapshot: str | None = None,
    criteria: str | Criteria | None = "network",
    keep: Keep = "violations",
    keep_power_factor: bool = False,
    progress: Progress | None = None,
) -> TimeSeries:
    """Solve the power flow of every hour of a set of profiles.

    Parameters
    ----------
    net : Network
    profiles : mapping, optional
        (table, column) -> DataFrame hours x ids [MW, Mvar] for ``load`` (p_mw, q_mvar), ``generator`` (p_mw),
        ``storage`` (p_mw, q_mvar; discharge positive) and ``hvdc`` (p_mw). Rows and columns without a
        profile keep the value of the snapshot. None: the snapshot alone, as one hour.
    method : {"dc", "ac"}
    options : mapping or PowerFlowOptions, optional
    snapshot : str, optional
        State the profiles are put into; None is the first.
    criteria : str, Criteria or None
        As for `run_security`: "network" is the network's own; None, or a network without criteria: each
        branch against its rating, no voltage limits. DC judges no voltage.
    keep : {"violations", "all"}
        "all" also returns the flow of every branch and the voltage of every bus in every hour.
    keep_power_factor : bool
        What the reactive power of a load does where only ``p_mw`` has a profile. False: it stays as in the
        snapshot. True: it moves in proportion (a load of 0 MW in the snapshot keeps its reactive power).
    progress : callable, optional
        Called with hours done and hours in all.

    Returns
    -------
    TimeSeries

    Raises
    ------
    InputError
        If profiles name unknown tables, columns or rows, lack numbers or differ in their hours; all faults
        are listed.
    KeyError
        If the snapshot or the criteria do not exist.
    OptionError
        If an option, the method or `keep` is unknown, or no bus is in service.

    Notes
    -----
    Each hour is the power flow of `run_power_flow` with the hour's injections: the units share what the
    schedule lacks, within their limits. The topology is planned once. An hour that has no solution is a row
    with its status and reason, never left out. Limits of interfaces are not judged. Where flows through
    branches without impedance count (rated ones, or ``keep="all"``), hours are solved one after the other.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0}, index=["ab"]
    ...     ),
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [500.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_max_mw": [1000.0]}, index=["unit"]),
    ... )
    >>> day = pd.DataFrame({"demand": [300.0, 660.0]}, index=["night", "noon"])
    >>> ts = run_time_series(net, {("load", "p_mw"): day})
    >>> ts.status["worst_loading_percent"].tolist(), ts.branch.loc["ab", "worst_hour"]
    ([50.0, 110.0], 'noon')
    """
    if method not in ("ac", "dc") or keep not in ("violations", "all"):
        raise OptionError(f'method = {method!r} ("dc" | "ac"), keep = {keep!r} ("violations" | "all")')
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    name = find_snapshot(net, snapshot) or ""
    state = apply_snapshot(net, snapshot)
    hourly = read_profiles(state, profiles, name or "snapshot")
    case, chosen = choose_references(compile_case(state, snapshot))
    if case.n_node == 0:
        raise OptionError(f"{net.name!r} has no bus in service: nothing to solve")
    limits = build_limits(state, case, rules, "normal")
    injections = build_injections(case, hourly, keep_power_factor)
    watch = _build_watch(case, limits)
    hours = solve_hours(case, injections, watch, method, keep, settled, progress)
    references = tuple(case.labels.bus[int(np.flatnonzero(case.bus_node == node)[0])] for node in chosen)
    work = _Work(hourly.hours, case, limits, hours)
    status, violations = _build_status_table(work), _build_violation_table(work)
    flows, voltages = _stack_states(work)
    return TimeSeries(
        network=net.name,
        snapshot=name,
        criteria="" if rules is None else rules.name,
        method=method,
        status=status,
        branch=_build_branch_table(work),
        violations=violations,
        p_from_mw=flows,
        vm_pu=voltages,
        unjudged=() if rules is None else _list_unjudged(case, limits),
        summary=MappingProxyType(_summarize(work, status, violations, references)),
        options=settled,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """What the tables of a time series are made from."""

    labels: pd.Index[Any]
    case: Case
    limits: Limits
    hours: Hours


def build_injections(case: Case, hourly: Profiles, keep_power_factor: bool = False) -> Injections:
    """Bring profiles to per unit.

    Parameters
    ----------
    case : Case
    hourly : Profiles
        Of the network `case` was compiled from.
    keep_power_factor : bool
        Whether loads move their reactive power along where it has no profile of its own.
    """
    arrays = {
        f"{table}_{column[0]}": values / case.base_mva for (table, column), values in hourly.values.items()
    }
    p = arrays.get("load_p")
    if keep_power_factor and p is not None:
        ratio = np.divide(p, case.load_p, out=np.ones_like(p), where=case.load_p != 0)
        own = hourly.given.get(("load", "q_mvar"), np.zeros(len(case.load_p), dtype=bool))
        arrays["load_q"] = np.where(own, arrays.get("load_q", 0.0), case.load_q * ratio)
    return Injections(**arrays)


def _build_watch(case: Case, limits: Limits) -> Watch:
    """Watch loadings from `NEAR_PERCENT` on, and for joined buses the narrowest of their voltage limits."""
    on = case.bus_node >= 0
    low, high = np.full(case.n_node, -np.inf), np.full(case.n_node, np.inf)
    np.fmax.at(low, case.bus_node[on], limits.vm_low[on])
    np.fmin.at(high, case.bus_node[on], limits.vm_high[on])
    return Watch(
        rate=limits.rate,
        vm_low=np.where(np.isfinite(low), low, np.nan),
        vm_high=np.where(np.isfinite(high), high, np.nan),
        loading_tolerance=NEAR_PERCENT - 100.0 + LIMIT_TOLERANCE,
        voltage_tolerance=VOLTAGE_TOLERANCE,
    )


def _build_status_table(work: _Work) -> pd.DataFrame:
    """Make ``TimeSeries.status``."""
    hours, base = work.hours, work.case.base_mva
    names = np.array([status.value for status in STATUSES], dtype=object)
    branch = np.array([*work.case.labels.branch, ""], dtype=object)
    reason = np.full(len(work.labels), "", dtype=object)
    reason[list(hours.reason)] = list(hours.reason.values())
    return pd.DataFrame(
        {
            "status": names[hours.status],
            "worst_element": branch[hours.worst_branch],
            "worst_loading_percent": hours.worst_loading,
            "iterations": hours.iterations,
            "load_mw": hours.load * base,
            "unserved_mw": hours.unserved * base,
            "generation_mw": (hours.load + hours.losses) * base,
            "losses_mw": hours.losses * base,
            "reason": reason,
        },
        index=work.labels,
    )


def _build_branch_table(work: _Work) -> pd.DataFrame:
    """Make ``TimeSeries.branch``."""
    hours, found = work.hours, work.hours.findings
    known = hours.branch_hour >= 0
    index = pd.Index(work.case.labels.branch, dtype=object, name="id")
    hour = pd.Series(work.labels.take(np.maximum(hours.branch_hour, 0)), index=index)

    def count_hours(percent: float) -> NDArray[np.int64]:
        chosen = (found.kind == THERMAL) & (found.value > percent + LIMIT_TOLERANCE)
        return np.bincount(found.position[chosen], minlength=work.case.n_branch)

    return pd.DataFrame(
        {
            "worst_loading_percent": hours.branch_loading,
            "worst_hour": hour if known.all() else hour.where(known),
            "hours_above_100": count_hours(100.0),
            "hours_above_90": count_hours(NEAR_PERCENT),
        },
        index=index,
    )


def _build_violation_table(work: _Work) -> pd.DataFrame:
    """Make ``TimeSeries.violations``: overloads by branch, voltages by bus."""
    case, limits, found = work.case, work.limits, work.hours.findings
    over = np.flatnonzero((found.kind == THERMAL) & (found.value > 100.0 + LIMIT_TOLERANCE))
    limit = limits.rate[found.position[over]] * case.base_mva
    share = np.where(limit > 0, found.value[over], np.nan)  # beyond a limit of 0 a percentage tells no power
    parts = [
        pd.DataFrame(
            {
                "at": found.scenario[over],
                "kind": THERMAL,
                "element": np.array(case.labels.branch, dtype=object)[found.position[over]],
                "limit": limit,
                "value": share / 100.0 * limit,
                "unit": "MVA" if work.hours.method == "ac" else "MW",
                "loading_percent": found.value[over],
            }
        )
    ]
    for kind, bound, side in ((VOLTAGE_LOW, limits.vm_low, -1.0), (VOLTAGE_HIGH, limits.vm_high, 1.0)):
        rows = np.flatnonzero(found.kind == kind)
        request, bus = find_members(case.bus_node, found.position[rows])
        rows = rows[request]
        own = side * (found.value[rows] - bound[bus]) > VOLTAGE_TOLERANCE
        rows, bus = rows[own], bus[own]
        parts.append(
            pd.DataFrame(
                {
                    "at": found.scenario[rows],
                    "kind": kind,
                    "element": np.array(case.labels.bus, dtype=object)[bus],
                    "limit": bound[bus],
                    "value": found.value[rows],
                    "unit": "p.u.",
                    "loading_percent": np.nan,
                }
            )
        )
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    table = table.iloc[np.lexsort((table["kind"], table["at"]))].reset_index(drop=True)
    table["hour"] = work.labels.take(table["at"].to_numpy(dtype=int))
    table["kind"] = table["kind"].map(KIND_NAMES)
    return table[list(VIOLATION_COLUMNS)]


def _stack_states(work: _Work) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Make ``TimeSeries.p_from_mw`` and ``TimeSeries.vm_pu``."""
    case, hours = work.case, work.hours
    flows = voltages = None
    if hours.p_from is not None:
        columns = pd.Index(case.labels.branch, dtype=object, name="branch")
        flows = pd.DataFrame(hours.p_from * case.base_mva, index=work.labels, columns=columns)
    if hours.vm is not None:
        vm = np.where(case.bus_node >= 0, hours.vm[:, case.bus_node], np.nan)
        buses = pd.Index(case.labels.bus, dtype=object, name="bus")
        voltages = pd.DataFrame(vm, index=work.labels, columns=buses)
    return flows, voltages


def _list_unjudged(case: Case, limits: Limits) -> tuple[str, ...]:
    """List the buses in service without any voltage limit."""
    missing = np.isnan(limits.vm_low) & np.isnan(limits.vm_high) & (case.bus_node >= 0)
    return tuple(np.array(case.labels.bus, dtype=object)[missing])


def _summarize(
    work: _Work, status: pd.DataFrame, violations: pd.DataFrame, references: tuple[str, ...]
) -> dict[str, Any]:
    case, loading = work.case, status["worst_loading_percent"].to_numpy()
    worst = int(np.nanargmax(loading)) if np.isfinite(loading).any() else -1
    energy = {
        f"{name}_mwh": float(status[f"{name}_mw"].sum(min_count=1))
        for name in ("load", "unserved", "generation", "losses")
    }
    return {
        "hours": len(status),
        **{str(name): count for name, count in sorted(Counter(status["status"]).items())},
        "violations": len(violations),
        "hours_with_violations": int(violations["hour"].nunique()),
        "worst_loading_percent": float(loading[worst]) if worst >= 0 else np.nan,
        "worst_element": status["worst_element"].iloc[worst] if worst >= 0 else "",
        "worst_hour": status.index[worst] if worst >= 0 else None,
        **energy,
        "unrated_branches": int(((case.branch_on | case.branch_joins) & np.isnan(work.limits.rate)).sum()),
        "references_chosen": references,
    }
