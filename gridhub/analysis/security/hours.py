"""Security analysis over hours: every outage of every hour by AC, streamed, with bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.block_folder import BlockFolder
from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.security.blocks import COUNTED, TABLES, HourBlocks, compute_key
from gridhub.analysis.security.hour import (
    HourState,
)
from gridhub.analysis.security.hour_plan import Frames, plan_hours
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.security.tally import (
    build_branch_table,
    build_contingency_table,
    build_element_table,
    read_tally,
)
from gridhub.case.case import Bools
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.batch import Progress
from gridhub.solvers.options import PowerFlowOptions, read_options

BLOCK = 96
"""Hours that are kept together: what a run that is stopped may lose."""

MOST_VIOLATIONS = 1_000_000
"""Violations held in memory; more are counted, and kept in the folder if there is one."""


@dataclass(frozen=True, eq=False)
class SecurityHours:
    """Result of a security analysis over hours.

    Attributes
    ----------
    network, criteria : str
        What was judged, and by which criteria ("" = ratings alone).
    verdict : {"secure", "insecure"}
        "secure" only if every hour is: everything solved, without a violation.
    hours : DataFrame
        One row per hour: snapshot (state it was put into), weight (hours it stands for), status and reason
        (of the N state), verdict, count of the outages by status (converged, islanded, not_converged,
        unrealistic, singular), not_run (all of them where the N state has no solution), violations,
        base_violations (those of the N state among them), worst_loading_percent after an outage,
        worst_element, worst_contingency, base_loading_percent, base_element, largest_lost_load_mw, load_mw.
    branch : DataFrame
        One row per branch: worst_loading_percent (of the limit after an outage; NaN = unrated), worst_hour,
        worst_contingency, base_loading_percent (of the limit with everything in service), base_hour,
        violations, hours_with_violations (by weight, here and below).
    status : DataFrame
        One row per contingency: kind, hours by status, not_run, violations, hours_with_violations,
        worst_element, worst_loading_percent, worst_hour, lost_load_mw and lost_generation_mw (the most).
    elements : DataFrame
        One row per limit that was violated, most hours first: element, kind, violations (hours x outages, N
        counts as one), hours_with_violations, worst_value, limit, unit, worst_hour, worst_contingency ("" for
        N).
    unsolved : DataFrame
        hour, contingency ("" for the N state, whose outages were then not run), status, reason.
    violations : DataFrame
        hour, contingency ("" for N), element, kind, limit, value, unit, loading_percent, base_value, in the
        order of the hours; at most `MOST_VIOLATIONS`.
    contingencies : DataFrame
        The set analysed: kind, elements.
    unjudged : tuple of str
        Buses whose voltage class the criteria lack, in the first hour's state.
    rules : Criteria or None
    summary : mapping
        hours, hours by status and by verdict, hours_represented and hours_insecure_represented (weights),
        outages by status over all hours, violations, violations_left_out (of ``violations``),
        unrated_branches, worst_loading_percent, worst_element, worst_contingency, worst_hour, folder.
    options : PowerFlowOptions
    """

    network: str
    criteria: str
    verdict: str
    hours: pd.DataFrame
    branch: pd.DataFrame
    status: pd.DataFrame
    elements: pd.DataFrame
    unsolved: pd.DataFrame
    violations: pd.DataFrame
    contingencies: pd.DataFrame
    unjudged: tuple[str, ...]
    rules: Criteria | None
    summary: Mapping[str, Any]
    options: PowerFlowOptions


def run_security_hours(
    net: Network,
    profiles: Frames | None = None,
    cset: pd.DataFrame | None = None,
    criteria: str | Criteria | None = "network",
    hours: Sequence[Any] | pd.Index | pd.Series | None = None,
    folder: Path | str | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    progress: Progress | None = None,
    *,
    dispatch: Dispatch | Path | str | None = None,
    snapshot: str | Mapping[Any, str] | pd.Series | None = None,
    keep_power_factor: bool = True,
) -> SecurityHours:
    """Solve every outage of a set in every hour by AC, and judge it.

    Parameters
    ----------
    net : Network
    profiles : mapping, optional
        (table, column) -> DataFrame hours x ids [MW, Mvar], as for `run_time_series`. None, without a
        dispatch: every stored snapshot is an hour.
    cset : DataFrame, optional
        As for `run_security`; None: every single line, transformer and series element.
    criteria : str, Criteria or None
        As for `run_security`.
    hours : sequence or Series, optional
        Labels of the hours wanted; or hour -> hours that it stands for, such as ``weight`` of
        `pick_typical_weeks`, by which hours with violations are counted then. None: all.
    folder : path, optional
        Where each block of hours is kept as Parquet files (violations, hours, and what is tallied). A run
        that finds its own blocks there reads them and goes on behind them.
    options : mapping or PowerFlowOptions, optional
        ``threads`` hours are solved side by side.
    progress : callable, optional
        Called with hours done and hours in all.
    dispatch : Dispatch or path, optional
        Result of `run_dispatch` for these hours, or the folder it was kept in: its output of units, storage
        and links is what is injected, load that it shed is taken off. An hour without a dispatch is not run.
    snapshot : str, mapping or Series, optional
        Stored state that the hours are put into (units in service, shunts, taps, set-points), or hour ->
        state. None: that of the dispatch, else the first.
    keep_power_factor : bool
        Whether loads move their reactive power with their active power where it has no profile of its own.

    Returns
    -------
    SecurityHours
        An hour or outage without a solution is a row with its status, never left out.

    Raises
    ------
    ValueError
        If the contingency set is empty.
    InputError
        If contingencies, hours or profiles are wrong; all faults are listed.
    KeyError
        If a snapshot or the criteria do not exist.
    OptionError
        If an option is unknown.
    OutputError
        If `folder` holds another run, or cannot be written.

    Notes
    -----
    Each hour is what `run_security` with ``screen=None`` makes of a network with that hour's injections:
    nothing is screened by DC, no hour rests on another. What the schedule lacks, losses included, is shared
    by the units within their limits. Target ranges of voltages are not judged.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> line = {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 600.0}
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
    ...     line=pd.DataFrame([line, line], index=["l1", "l2"]),
    ...     load=pd.DataFrame({"bus": ["b"], "p_mw": [500.0]}, index=["demand"]),
    ...     generator=pd.DataFrame({"bus": ["a"], "p_max_mw": [1000.0]}, index=["unit"]),
    ... )
    >>> day = pd.DataFrame({"demand": [300.0, 660.0]}, index=["night", "noon"])
    >>> found = run_security_hours(net, {("load", "p_mw"): day})
    >>> found.hours["verdict"].tolist(), found.branch.loc["l1", "worst_hour"]
    (['secure', 'insecure'], 'noon')
    >>> found.elements[["element", "kind", "violations", "worst_contingency"]].values.tolist()
    [['l1', 'thermal', 1, 'l2'], ['l2', 'thermal', 1, 'l1']]
    """
    settled = read_options(options, reactive_limits=net.reactive_limits, controls_taps=True)
    if cset is None:
        cset = list_contingencies(net)
    if not len(cset):
        raise ValueError(f"no contingency to analyse in {net.name!r}: the set is empty")
    rules = resolve_criteria(net, criteria)
    plan = plan_hours(net, profiles, dispatch, snapshot, hours)
    work = HourBlocks(net, plan, cset, rules, settled, keep_power_factor)
    kept = None
    if folder is not None:
        kept = BlockFolder(Path(folder), compute_key(work), TABLES, "security analysis")
    gathered = _Gathered(work)
    count = len(plan.labels)
    for first in range(0, count, BLOCK):
        rows = range(first, min(first + BLOCK, count))
        tables = None if kept is None else kept.read(first, len(rows))
        if tables is None:
            tables = work.run_block(rows, progress)
            if kept is not None:
                kept.write(first, tables)
        elif progress is not None:
            progress(rows.stop, count)
        gathered.add(tables)
    return gathered.finish(folder)


class _Gathered:
    """Blocks put together, in the order of the hours."""

    def __init__(self, work: HourBlocks) -> None:
        self.work, self.tally = work, work.start_tally()
        self.hours: list[pd.DataFrame] = []
        self.unsolved: list[pd.DataFrame] = []
        self.violations: list[pd.DataFrame] = []
        self.held = self.count = 0

    def add(self, tables: dict[str, pd.DataFrame]) -> None:
        """Add the next block."""
        self.tally.merge(read_tally(tables, len(self.work.names.slots.element)))
        self.hours.append(tables["hours"])
        self.unsolved.append(tables["unsolved"])
        more = tables["violations"]
        self.count += len(more)
        more = more.iloc[: MOST_VIOLATIONS - self.held]
        self.held += len(more)
        kinds = {"contingency": self.work.contingencies, "element": self.work.elements}
        self.violations.append(more.astype(kinds))

    def finish(self, folder: Path | str | None) -> SecurityHours:
        """Make the result."""
        work = self.work
        names, rules = work.names, work.rules
        hours = pd.concat(self.hours).set_axis(work.plan.labels)
        kinds = work.cset["kind"].tolist() if "kind" in work.cset else [""] * len(work.cset)
        secure = bool((hours["verdict"] == "secure").all())
        summary = _summarize(hours, self.count, self.count - self.held)
        first = work.states[work.plan.snapshot[0]]
        summary["unrated_branches"] = int((first.case.branch_on & np.isnan(first.normal.rate)).sum())
        summary["folder"] = "" if folder is None else str(folder)
        return SecurityHours(
            network=work.net.name,
            criteria="" if rules is None else rules.name,
            verdict="secure" if secure else "insecure",
            hours=hours,
            branch=build_branch_table(self.tally, names),
            status=build_contingency_table(self.tally, names, kinds),
            elements=build_element_table(self.tally, names),
            unsolved=_stack(self.unsolved),
            violations=_stack(self.violations),
            contingencies=work.cset,
            unjudged=_list_unjudged(first),
            rules=rules,
            summary=MappingProxyType(summary),
            options=work.options,
        )


def _stack(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put tables one below the other; the empty ones would spoil the types."""
    full = [part for part in parts if len(part)] or list(parts[:1])
    return pd.concat(full, ignore_index=True)


def _list_unjudged(state: HourState) -> tuple[str, ...]:
    """List the buses in service whose voltage class the criteria lack."""
    if state.criteria is None:
        return ()
    missing: Bools = np.isnan(state.outage.vm_low) & np.isnan(state.outage.vm_high)
    missing &= state.case.bus_node >= 0
    return tuple(np.array(state.case.labels.bus, dtype=object)[missing])


def _summarize(hours: pd.DataFrame, violations: int, left_out: int) -> dict[str, Any]:
    loading = hours["worst_loading_percent"].to_numpy()
    worst = int(np.nanargmax(loading)) if np.isfinite(loading).any() else -1
    outages = {
        name: int(hours[name].sum()) for name in (*(status.value.lower() for status in COUNTED), "not_run")
    }
    return {
        "hours": len(hours),
        **{str(name): count for name, count in sorted(Counter(hours["status"]).items())},
        **{f"hours_{name}": int((hours["verdict"] == name).sum()) for name in ("secure", "insecure")},
        "hours_represented": float(hours["weight"].sum()),
        "hours_insecure_represented": float(hours["weight"][hours["verdict"] == "insecure"].sum()),
        **{f"outages_{name}": count for name, count in outages.items()},
        "violations": violations,
        "violations_left_out": left_out,
        "worst_loading_percent": float(loading[worst]) if worst >= 0 else np.nan,
        "worst_element": hours["worst_element"].iloc[worst] if worst >= 0 else "",
        "worst_contingency": hours["worst_contingency"].iloc[worst] if worst >= 0 else "",
        "worst_hour": hours.index[worst] if worst >= 0 else None,
    }
