"""Interfaces over many states: flow, limit and margin of each, and the share of hours with little margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.hours import solve_hours
from gridhub.analysis.flow.interface_members import list_members
from gridhub.analysis.flow.interfaces import NARROW_PERCENT, compute_interfaces
from gridhub.analysis.flow.power_flow import Method, run_power_flow
from gridhub.analysis.flow.time_series import build_injections
from gridhub.case.compile import compile_case
from gridhub.case.profiles import read_profiles
from gridhub.errors import NotConverged, OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot
from gridhub.solvers.batch import Progress
from gridhub.solvers.batch_result import STATUSES
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import PowerFlowOptions, read_options
from gridhub.solvers.scenario import INJECTED, Injections, watch_nothing

BLOCK: Mapping[Method, int] = MappingProxyType({"dc": 1024, "ac": 256})
"""Hours solved together; bounds the memory to so many times n_branch flows (AC: complex, at both ends)."""


@dataclass(frozen=True, eq=False)
class InterfaceHours:
    """Interfaces of a network over hours or snapshots.

    Attributes
    ----------
    network : str
    method : {"dc", "ac"}
    narrow_percent : float
        Margin [% of the limit] up to which an hour counts as narrow.
    table : DataFrame
        Index interface; columns limit_mw, limit_reverse_mw (NaN = not published), highest_mw, lowest_mw
        (flow), lowest_margin_mw, lowest_margin_percent, worst_hour (of the lowest margin in percent), hours
        (solved), narrow_hours, narrow_share_percent (of the hours solved; NaN without a limit), over_hours
        (beyond the limit; they count as narrow too), basis, source, confidence. Limits that change from
        state to state are given as their smallest.
    flow_mw, margin_mw : DataFrame
        Hour x interface [MW]; flow positive in the interface's direction; NaN in an hour without a solution,
        the margin also without a limit.
    unsolved : tuple
        Hours or snapshots without a solution.
    """

    network: str
    method: Method
    narrow_percent: float
    table: pd.DataFrame
    flow_mw: pd.DataFrame
    margin_mw: pd.DataFrame
    unsolved: tuple[Any, ...]


def track_interfaces(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None = None,
    snapshots: Sequence[str] | None = None,
    method: Method = "dc",
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    *,
    snapshot: str | None = None,
    keep_power_factor: bool = False,
    narrow_percent: float = NARROW_PERCENT,
    progress: Progress | None = None,
) -> InterfaceHours:
    """Follow flow, limit and margin of every interface over hours or snapshots.

    Parameters
    ----------
    net : Network
        ``net.interface`` holds one row per member.
    profiles : mapping, optional
        As for `run_time_series`. None: every snapshot, as it is stored.
    snapshots : sequence of str, optional
        Without profiles: states looked at; None: all stored ones, or the tables themselves.
    method : {"dc", "ac"}
        AC counts each member at the end its power is meant to come from, losses included.
    options : mapping or PowerFlowOptions, optional
    snapshot : str, optional
        State the profiles are put into; None is the first.
    keep_power_factor : bool
        As for `run_time_series`: whether loads move their reactive power along (AC).
    narrow_percent : float
    progress : callable, optional
        Called with hours done and hours in all.

    Returns
    -------
    InterfaceHours
        An hour without a solution is named, never left out.

    Raises
    ------
    InputError
        If the profiles are faulty; all faults are listed.
    KeyError
        If a snapshot does not exist.
    OptionError
        If the method does not fit, or `narrow_percent` is not between 0 and 100.

    Notes
    -----
    Margin: the smaller of limit - flow and reverse limit + flow, in percent of the limit it belongs to.

    Examples
    --------
    >>> import gridhub as gh
    >>> table = track_interfaces(gh.load_network("korea-2025-backbone")).table
    >>> int(table["hours"].iloc[0])
    4
    """
    if method not in ("ac", "dc"):
        raise OptionError(f'method = {method!r}: choose "dc" or "ac"')
    if not 0.0 <= narrow_percent <= 100.0:
        raise OptionError(f"narrow_percent = {narrow_percent}: a number from 0 to 100")
    settled = read_options(options, reactive_limits=net.reactive_limits)
    if profiles is None:
        flow, limits, reverse = _follow_snapshots(net, snapshots, method, settled, progress)
        described = net.interface
    else:
        described = apply_snapshot(net, snapshot).interface
        flow = _follow_hours(net, profiles, snapshot, method, keep_power_factor, settled, progress)
        limits, reverse = (
            _repeat_limit(described, column, flow) for column in ("limit_mw", "limit_reverse_mw")
        )
    margin, percent = _find_margins(flow, limits, reverse)
    return InterfaceHours(
        network=net.name,
        method=method,
        narrow_percent=narrow_percent,
        table=_summarize(described, flow, limits, reverse, margin, percent, narrow_percent),
        flow_mw=flow,
        margin_mw=margin,
        unsolved=tuple(flow.index[flow.isna().all(axis=1)]) if flow.shape[1] else (),
    )


def _list_names(interface: pd.DataFrame) -> list[str]:
    return [str(name) for name in dict.fromkeys(interface["name"])]


def _follow_snapshots(
    net: Network,
    snapshots: Sequence[str] | None,
    method: Method,
    options: PowerFlowOptions,
    progress: Progress | None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Solve snapshot after snapshot: flows, limits and reverse limits, snapshot x interface [MW]."""
    states: list[str | None] = list(snapshots if snapshots is not None else net.snapshots) or [None]
    names = _list_names(net.interface)
    rows = []
    for done, state in enumerate(states, start=1):
        try:
            found = compute_interfaces(net, run_power_flow(net, state, method, options)).set_index(
                "interface"
            )
        except NotConverged:
            found = pd.DataFrame(
                {"flow_mw": np.nan, "limit_mw": np.nan, "limit_reverse_mw": np.nan}, index=names
            )
        rows.append(found.reindex(names))
        if progress is not None:
            progress(done, len(states))
    index = pd.Index([find_snapshot(net, state) or "snapshot" for state in states], name="hour", dtype=object)
    columns = pd.Index(names, name="interface", dtype=object)
    flow, limits, reverse = (
        pd.DataFrame([row[column].to_numpy(dtype=float) for row in rows], index=index, columns=columns)
        for column in ("flow_mw", "limit_mw", "limit_reverse_mw")
    )
    return flow, limits, reverse


def _follow_hours(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame],
    snapshot: str | None,
    method: Method,
    keep_power_factor: bool,
    options: PowerFlowOptions,
    progress: Progress | None,
) -> pd.DataFrame:
    """Solve hours block by block: hour x interface [MW]."""
    state = apply_snapshot(net, snapshot)
    hourly = read_profiles(state, profiles, find_snapshot(net, snapshot) or "snapshot")
    case, _ = choose_references(compile_case(state, snapshot))
    injections = build_injections(case, hourly, keep_power_factor)
    members = list_members(state, case)
    count = len(hourly.hours)
    flow = np.full((count, len(members.names)), np.nan)
    for first in range(0, count, BLOCK[method]):
        some = slice(first, min(first + BLOCK[method], count))
        given = {name: getattr(injections, name) for name in INJECTED}
        block = Injections(**{name: array[some] for name, array in given.items() if array is not None})
        hours = solve_hours(case, block, watch_nothing(case), method, "all", options)
        assert hours.p_from is not None
        solved = np.array([status.is_solved for status in STATUSES])[hours.status]
        flow[some] = members.sum_flows(hours.p_from, hours.p_to, case, block.hvdc_p)
        flow[some][~solved] = np.nan
        if progress is not None:
            progress(some.stop, count)
    return pd.DataFrame(
        flow * case.base_mva,
        index=hourly.hours.rename("hour"),
        columns=pd.Index(members.names, name="interface", dtype=object),
    )


def _repeat_limit(interface: pd.DataFrame, column: str, flow: pd.DataFrame) -> pd.DataFrame:
    """Give the limit of each interface in every hour."""
    limit = interface.groupby("name", sort=False)[column].min().reindex(flow.columns).to_numpy(dtype=float)
    return pd.DataFrame(np.tile(limit, (len(flow), 1)), index=flow.index, columns=flow.columns)


def _find_margins(
    flow: pd.DataFrame, limit: pd.DataFrame, reverse: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Margin in MW and in percent of the limit it belongs to; NaN without a limit."""
    ahead, back = limit.to_numpy() - flow.to_numpy(), reverse.to_numpy() + flow.to_numpy()
    margin = np.fmin(ahead, back)
    of = np.where(np.isnan(back) | (ahead <= back), limit.to_numpy(), reverse.to_numpy())
    percent = np.divide(100.0 * margin, of, out=np.full(margin.shape, np.nan), where=of > 0)
    return tuple(pd.DataFrame(values, index=flow.index, columns=flow.columns) for values in (margin, percent))  # type: ignore[return-value]


def _summarize(
    interface: pd.DataFrame,
    flow: pd.DataFrame,
    limit: pd.DataFrame,
    reverse: pd.DataFrame,
    margin: pd.DataFrame,
    percent: pd.DataFrame,
    narrow: float,
) -> pd.DataFrame:
    first = interface.groupby("name", sort=False)
    known = percent.notna().any()
    hours = flow.notna().sum()
    narrow_hours = (percent <= narrow).sum()
    worst = {name: percent[name].idxmin() if known[name] else None for name in flow.columns}
    table = pd.DataFrame(
        {
            "limit_mw": limit.min(),
            "limit_reverse_mw": reverse.min(),
            "highest_mw": flow.max(),
            "lowest_mw": flow.min(),
            "lowest_margin_mw": margin.min(),
            "lowest_margin_percent": percent.min(),
            "worst_hour": pd.Series(worst, dtype=object),
            "hours": hours,
            "narrow_hours": narrow_hours,
            "narrow_share_percent": (100.0 * narrow_hours / hours.where(hours > 0)).where(known),
            "over_hours": (margin < -1e-6).sum(),
        },
        index=flow.columns,
    )
    for column in ("basis", "source", "confidence"):
        table[column] = [
            next((text for text in first.get_group(name)[column] if text), "") for name in table.index
        ]
    return table
