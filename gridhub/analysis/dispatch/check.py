"""AC check of a dispatch: what voltages, losses and reactive power make of hours that were decided by DC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.flow.power_flow import PowerFlow, run_power_flow
from gridhub.analysis.flow.time_series import TimeSeries, run_time_series
from gridhub.analysis.security.security import Security, run_security, settle_state
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.status import Status

SMALLEST_OUTPUT_MW = 1e-3
"""Output below which a unit of relaxed commitment does not run."""

VIOLATION_COLUMNS = (
    "hour", "contingency", "element", "kind", "limit", "value", "unit", "loading_percent",
)  # fmt: skip
"""Columns of ``DispatchCheck.violations``."""

UNSOLVED_COLUMNS = ("hour", "contingency", "status", "reason")
"""Columns of ``DispatchCheck.unsolved``."""


@dataclass(frozen=True, eq=False)
class DispatchCheck:
    """What AC finds in hours of a dispatch.

    Attributes
    ----------
    network, snapshot, criteria : str
    hours : DataFrame
        One row per hour: status (of the intact network), reason, losses_mw, dispatch_losses_mw (of branches,
        as the dispatch holds them), made_up_mw (what units give beyond the dispatch, losses above all),
        lowest_vm_pu, lowest_bus, highest_vm_pu, highest_bus, worst_loading_percent, worst_element,
        units_off, units_at_q_limit, violations; with outages also outages, outages_with_violations,
        outages_unsolved, outages_screened (cleared by the screen, not solved by AC). NaN and "" where
        there is no solution.
    violations : DataFrame
        hour, contingency ("" = intact), element, kind (thermal | voltage_low | voltage_high | voltage_change
        | lost_load | interface), limit, value, unit, loading_percent.
    unsolved : DataFrame
        hour, contingency, status, reason: states without a trustworthy AC solution, none left out.
    reactive : DataFrame
        hour x generator [Mvar]: what holds the voltages; NaN in hours without a solution.
    summary : mapping
        hours, hours_solved, hours_with_violations, violations, unsolved, losses_mw and dispatch_losses_mw
        (means over solved hours), worst_loading_percent, chosen (how the hours were chosen).
    """

    network: str
    snapshot: str
    criteria: str
    hours: pd.DataFrame
    violations: pd.DataFrame
    unsolved: pd.DataFrame
    reactive: pd.DataFrame
    summary: Mapping[str, Any]


def check_dispatch(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None,
    dispatch: Dispatch,
    hours: Sequence[Any] | None = None,
    security: str | pd.DataFrame | None = None,
    *,
    criteria: str | Criteria | None = "network",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
) -> DispatchCheck:
    """Solve hours of a dispatch by AC, and on request every outage in them.

    Parameters
    ----------
    net : Network
    profiles : mapping or None
        Those that the dispatch was made with.
    dispatch : Dispatch
    hours : sequence, optional
        Labels of hours; None: those of the highest and the lowest load, of the largest congestion rent and of
        the most curtailment.
    security : None, "n-1" or contingency table
        Outages to solve in each hour (`run_security`).
    criteria, options
        As for `run_security`.

    Returns
    -------
    DispatchCheck
        An hour or outage without a solution is a row, not an exception.

    Raises
    ------
    OptionError
        If hours are not of the dispatch, have no dispatch, or are not in the profiles; or `security` is
        unknown.

    Notes
    -----
    Units, storage and links give what the dispatch says; loads draw what it serves, their reactive power in
    proportion. Units hold the voltages of the network within their reactive limits: set-points, taps and
    shunts are those of the snapshot, nothing is optimised. With relaxed commitment a unit without output is
    out of service. Losses are made up by units as the power flow shares any imbalance.

    Examples
    --------
    >>> from gridhub.analysis.dispatch.dispatch import run_dispatch
    >>> from gridhub.reference import load_network
    >>> net = load_network("pandapower:case9")
    >>> net = net.replace(generator=net.generator.assign(cost_c1_per_mwh=[10.0, 20.0, 30.0]))
    >>> check_dispatch(net, None, run_dispatch(net)).hours["status"].tolist()
    ['CONVERGED']
    """
    if isinstance(security, str) and security != "n-1":
        raise OptionError(f'security = {security!r}: choose None, "n-1" or a contingency table')
    chosen, how = _choose_hours(dispatch, hours)
    _refuse_hours(dispatch, profiles, chosen)
    state = settle_state(net, dispatch.snapshot or None)
    work = _Work(dispatch, criteria, options)
    for hour in chosen:
        one = build_hour(state, profiles, dispatch, hour)
        solved = work.check_intact(one, hour)
        if solved and security is not None:
            cset = list_contingencies(one) if isinstance(security, str) else security
            work.check_outages(one, cset, hour)
    table = pd.DataFrame(work.rows, index=pd.Index(chosen, name="hour"))
    violations = pd.concat(work.violations, ignore_index=True) if work.violations else pd.DataFrame()
    violations = violations.reindex(columns=list(VIOLATION_COLUMNS))
    solved_rows = table["losses_mw"].notna()
    return DispatchCheck(
        network=net.name,
        snapshot=dispatch.snapshot,
        criteria=work.criteria_name,
        hours=table,
        violations=violations,
        unsolved=pd.DataFrame(work.unsolved, columns=list(UNSOLVED_COLUMNS)),
        reactive=pd.DataFrame(work.reactive, index=table.index, columns=dispatch.generation.columns),
        summary=MappingProxyType(
            {
                "hours": len(table),
                "hours_solved": int(solved_rows.sum()),
                "hours_with_violations": int(violations["hour"].nunique()),
                "violations": len(violations),
                "unsolved": len(work.unsolved),
                "losses_mw": float(table["losses_mw"].mean()),
                "dispatch_losses_mw": float(table.loc[solved_rows, "dispatch_losses_mw"].mean()),
                "worst_loading_percent": float(table["worst_loading_percent"].max()),
                "chosen": how,
            }
        ),
    )


def _choose_hours(dispatch: Dispatch, hours: Sequence[Any] | None) -> tuple[list[Any], str]:
    if hours is not None:
        return list(dict.fromkeys(hours)), "as asked for"
    status = dispatch.status[dispatch.status["status"] == "OPTIMAL"]
    if status.empty:
        raise OptionError("no hour has a dispatch: there is nothing to check")
    rent = (
        dispatch.congestion.groupby("hour")["rent"].sum().astype(float).reindex(status.index, fill_value=0.0)
    )
    picked = [status["load_mw"].idxmax(), status["load_mw"].idxmin()]
    picked += [series.idxmax() for series in (rent, status["curtailed_mw"]) if series.max() > 0.0]
    return (
        list(dict.fromkeys(picked)),
        "highest and lowest load, largest congestion rent, most curtailment",
    )


def _refuse_hours(
    dispatch: Dispatch, profiles: Mapping[tuple[str, str], pd.DataFrame] | None, hours: Sequence[Any]
) -> None:
    """Refuse hours that cannot be checked, naming all."""
    faults = []
    known = dispatch.status.index
    unknown = [hour for hour in hours if hour not in known]
    if unknown:
        faults.append(f"not of the dispatch: {name_ids(map(str, unknown))}")
    bad = [h for h in hours if h in known and dispatch.generation.loc[h].isna().any()]
    if bad:
        faults.append(f"without a dispatch: {name_ids(map(str, bad))}")
    frames = (profiles or {}).values()
    lacking = [h for h in hours if h in known and any(h not in frame.index for frame in frames)]
    if lacking:
        faults.append(f"not in the profiles: {name_ids(map(str, lacking))}")
    if not hours:
        faults.append("none are given")
    if faults:
        raise OptionError("hours to check: " + "; ".join(faults))


def build_hour(
    state: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None,
    dispatch: Dispatch,
    hour: Any,
) -> Network:
    """Put an hour of a dispatch into the tables of a network without snapshots left to apply.

    Parameters
    ----------
    state : Network
    profiles : mapping or None
    dispatch : Dispatch
    hour : hashable
        Label.
    """
    load, unit = state.load, state.generator
    asked = load["p_mw"].astype(float)
    own = (profiles or {}).get(("load", "p_mw"))
    drawn = asked.copy()
    if own is not None:
        drawn.update(own.loc[hour])
    served = drawn - dispatch.unserved.loc[hour].reindex(load.index).fillna(0.0)
    reactive = (profiles or {}).get(("load", "q_mvar"))
    share = np.where(asked != 0.0, served / asked.where(asked != 0.0, 1.0), 1.0)
    q: pd.Series = load["q_mvar"].astype(float) * share
    if reactive is not None:
        q.update(reactive.loc[hour])
    output = dispatch.generation.loc[hour].reindex(unit.index)
    runs = unit["in_service"].to_numpy(dtype=bool)
    if dispatch.options.commitment == "relaxed":
        runs = runs & (np.abs(output.to_numpy(dtype=float)) > SMALLEST_OUTPUT_MW)
    tables = {
        "load": load.assign(p_mw=served, q_mvar=q),
        "generator": unit.assign(p_mw=output, in_service=runs),
    }
    for name, power in (("storage", dispatch.storage), ("hvdc", dispatch.hvdc)):
        if power.shape[1]:
            tables[name] = state.tables[name].assign(p_mw=power.loc[hour].reindex(state.tables[name].index))
    return state.replace(**tables)


class _Work:
    """Hours checked so far."""

    def __init__(
        self,
        dispatch: Dispatch,
        criteria: str | Criteria | None,
        options: Mapping[str, Any] | PowerFlowOptions | None,
    ) -> None:
        self.dispatch, self.criteria, self.options = dispatch, criteria, options
        self.criteria_name = ""
        self.rows: list[dict[str, Any]] = []
        self.violations: list[pd.DataFrame] = []
        self.unsolved: list[tuple[Any, str, str, str]] = []
        self.reactive: list[np.ndarray] = []

    def check_intact(self, net: Network, hour: Any) -> bool:
        """Solve an hour with everything in service; whether there is a solution."""
        series = run_time_series(net, None, "ac", self.options, criteria=self.criteria, keep="all")
        self.criteria_name = series.criteria
        status = str(series.status["status"].iloc[0])
        flow = None
        if Status(status).is_solved:
            try:
                flow = run_power_flow(net, options=self.options)
            except NotConverged as error:
                status = f"{error.status}"
        row = self._describe(net, series, flow, status, hour)
        self.rows.append(row)
        units = self.dispatch.generation.columns
        if flow is None:
            self.unsolved.append((hour, "", status, row["reason"]))
            self.reactive.append(np.full(len(units), np.nan))
            return False
        self.reactive.append(flow.generator["q_mvar"].reindex(units).to_numpy(dtype=float))
        if len(series.violations):
            self.violations.append(series.violations.assign(hour=hour, contingency=""))
        return True

    def _describe(
        self, net: Network, series: TimeSeries, flow: PowerFlow | None, status: str, hour: Any
    ) -> dict[str, Any]:
        off = int((~net.generator["in_service"]).sum())
        row: dict[str, Any] = {
            "status": status,
            "reason": str(series.status["reason"].iloc[0]),
            "losses_mw": np.nan,
            "dispatch_losses_mw": float(self.dispatch.status["losses_mw"][hour]),
            "made_up_mw": np.nan,
            "lowest_vm_pu": np.nan,
            "lowest_bus": "",
            "highest_vm_pu": np.nan,
            "highest_bus": "",
            "worst_loading_percent": np.nan,
            "worst_element": "",
            "units_off": off,
            "units_at_q_limit": 0,
            "violations": 0,
        }
        if flow is None:
            return row
        vm, runs = flow.bus["vm_pu"].dropna(), net.generator["in_service"]
        scheduled = net.generator["p_mw"].where(runs, 0.0).sum()
        at_limit = flow.generator["limit"].isin(["q_min", "q_max"]) & runs
        return row | {
            "losses_mw": float(flow.branch["p_from_mw"].sum() + flow.branch["p_to_mw"].sum()),
            "made_up_mw": float(flow.generator["p_mw"].where(runs, 0.0).sum() - scheduled),
            "lowest_vm_pu": float(vm.min()),
            "lowest_bus": str(vm.idxmin()),
            "highest_vm_pu": float(vm.max()),
            "highest_bus": str(vm.idxmax()),
            "worst_loading_percent": float(series.status["worst_loading_percent"].iloc[0]),
            "worst_element": str(series.status["worst_element"].iloc[0]),
            "units_at_q_limit": int(at_limit.sum()),
            "violations": len(series.violations),
        }

    def check_outages(self, net: Network, cset: pd.DataFrame, hour: Any) -> None:
        """Solve the outages of an hour whose intact state has a solution."""
        found: Security = run_security(net, cset, self.criteria, options=self.options)
        after = found.violations[found.violations["contingency"] != ""]
        solved = found.status["status"].map(lambda value: Status(value).is_solved)
        screened = found.status["status"] == Status.SCREENED
        failed = found.status[~solved & ~screened]
        self.unsolved += [
            (hour, str(name), str(row["status"]), str(row["reason"])) for name, row in failed.iterrows()
        ]
        self.rows[-1] |= {
            "outages": len(found.status),
            "outages_with_violations": int(after["contingency"].nunique()),
            "outages_unsolved": len(failed),
            "outages_screened": int(screened.sum()),
        }
        if len(after):
            self.violations.append(after.assign(hour=hour))
