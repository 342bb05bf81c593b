"""Hours of a long analysis: which state of the network each is put into, and what is injected in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.block_folder import read_blocks
from gridhub.analysis.dispatch.dispatch import Dispatch
from gridhub.analysis.dispatch.tables import sum_unserved
from gridhub.case.case import Bools, Floats
from gridhub.case.profiles import read_profiles
from gridhub.errors import InputError, Issue, name_ids
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot, find_snapshot

Frames = Mapping[tuple[str, str], pd.DataFrame]
"""Profiles: (table, column) -> hours x ids [MW, Mvar]."""

DISPATCHED = MappingProxyType(
    {"generation": ("generator", "p_mw"), "storage": ("storage", "p_mw"), "hvdc": ("hvdc", "p_mw")}
)
"""Tables of a dispatch that become profiles."""

SHED_MW = 1e-6
"""Load that is not served counts from here on [MW]."""


@dataclass(frozen=True, slots=True, eq=False)
class HourPlan:
    """Hours to be analysed, in order.

    Attributes
    ----------
    labels : Index
    snapshot : tuple of str
        State of the network in each hour; "" where the tables hold the only one.
    frames : mapping
        Profiles of these hours, what a dispatch decided included; empty: the states as they are stored.
    undecided : mapping from position to str
        Hours for which the dispatch found nothing, and why.
    weight : (n_hour,) float
        Hours that each stands for.
    """

    labels: pd.Index[Any]
    snapshot: tuple[str, ...]
    frames: Frames
    undecided: Mapping[int, str]
    weight: Floats


def plan_hours(
    net: Network,
    profiles: Frames | None,
    dispatch: Dispatch | Path | str | None,
    snapshot: str | Mapping[Any, str] | pd.Series | None,
    hours: Sequence[Any] | pd.Index | pd.Series | None,
) -> HourPlan:
    """Put together what is injected hour by hour.

    Parameters
    ----------
    net : Network
    profiles : mapping or None
        As for `run_time_series`.
    dispatch : Dispatch, path or None
        Result of `run_dispatch` for these hours, or the folder it was kept in: output of units, storage and
        links replaces the profiles, load that was shed is taken off.
    snapshot : str, mapping or None
        State that the hours are put into, or hour -> state. None: that of the dispatch, or the first.
        Without profiles and dispatch: every stored state is an hour.
    hours : sequence, Series or None
        Labels of the hours wanted, in this order, or hour -> hours it stands for; None: all, each for itself.

    Raises
    ------
    InputError
        If hours are unknown or come twice, have no state, or a profile is faulty; all faults are listed.
    KeyError
        If a snapshot does not exist.
    """
    weight = _read_weights(hours)
    if isinstance(hours, pd.Series):
        hours = hours.index
    if profiles is None and dispatch is None:
        return _plan_snapshots(net, snapshot, hours, weight)
    decided = None if dispatch is None else _read_dispatch(dispatch)
    if snapshot is None and isinstance(dispatch, Dispatch) and dispatch.snapshot:
        snapshot = dispatch.snapshot
    frames = dict(profiles or {})
    source = decided["status"].index if decided is not None else _find_index(frames)
    labels = _choose(source, hours)
    states = _find_states(net, snapshot, labels)
    state = apply_snapshot(net, states[0] or None)
    if frames:
        read_profiles(state, frames)
    undecided: dict[int, str] = {}
    if decided is not None:
        _refuse_missing(frames, labels)
        frames = {key: frame.reindex(labels) for key, frame in frames.items()}
        undecided = _lay_over(state, frames, decided, labels)
        read_profiles(state, frames)
    else:
        frames = {key: frame.reindex(labels) for key, frame in frames.items()}
    weight = np.ones(len(labels)) if weight is None else weight
    return HourPlan(labels, states, MappingProxyType(frames), MappingProxyType(undecided), weight)


def _plan_snapshots(
    net: Network,
    snapshot: str | Mapping[Any, str] | pd.Series | None,
    hours: Sequence[Any] | pd.Index | None,
    weight: Floats | None,
) -> HourPlan:
    """Take stored states as hours: one that is named, those chosen, or all."""
    if isinstance(snapshot, str):
        names: Sequence[str] = (find_snapshot(net, snapshot) or "",)
    elif snapshot is not None:
        names = [str(name) for name in (snapshot.values() if isinstance(snapshot, Mapping) else snapshot)]
    else:
        names = net.snapshots or ("",)
    for name in names:
        find_snapshot(net, name or None)
    source = pd.Index([name or "snapshot" for name in names], name="hour", dtype=object)
    if isinstance(snapshot, Mapping):
        source = pd.Index(list(snapshot), name="hour")
    elif isinstance(snapshot, pd.Series):
        source = snapshot.index.rename("hour")
    labels = _choose(source, hours)
    rows = source.get_indexer(labels)
    nothing: Mapping[Any, Any] = MappingProxyType({})
    weight = np.ones(len(labels)) if weight is None else weight
    return HourPlan(labels, tuple(names[int(i)] for i in rows), nothing, nothing, weight)


def _read_weights(hours: object) -> Floats | None:
    """Read the hours that each hour stands for, where they are given."""
    if not isinstance(hours, pd.Series):
        return None
    weight = pd.to_numeric(hours, errors="coerce").to_numpy(dtype=float)
    wrong = hours.index[~(np.isfinite(weight) & (weight > 0))]
    if len(wrong):
        issue = Issue("error", "E-RANGE", "", "", "hours", name_ids(wrong), "wants a weight above 0")
        raise InputError([issue], "hours")
    return weight


def _read_dispatch(dispatch: Dispatch | Path | str) -> dict[str, pd.DataFrame]:
    """Take the tables needed out of a dispatch or the folder it was kept in."""
    names = ("status", *DISPATCHED, "shed", "flexible")
    if isinstance(dispatch, Dispatch):
        return {name: getattr(dispatch, name) for name in names}
    return read_blocks(Path(dispatch), names)


def _find_index(frames: Frames) -> pd.Index:
    """Hours of the first profile; what is no frame is left to `read_profiles` to refuse."""
    indexes = [getattr(frame, "index", None) for frame in frames.values()]
    return next((index for index in indexes if isinstance(index, pd.Index)), pd.Index(["snapshot"]))


def _choose(source: pd.Index, hours: Sequence[Any] | pd.Index | None) -> pd.Index:
    """Choose the hours asked for; refuse unknown ones and those that come twice."""
    labels = source if hours is None else pd.Index(hours)
    named = labels.rename("hour" if source.name is None else source.name)
    unknown, twice = labels[~labels.isin(source)], labels[labels.duplicated()].unique()
    issues = []
    if not len(labels):
        issues.append(Issue("error", "E-EMPTY", "", "", "hours", "", "name no hour"))
    if len(unknown):
        text = f"{len(unknown):,} unknown; there are {len(source):,}: {name_ids(source)}"
        issues.append(Issue("error", "E-REF", "", "", "hours", name_ids(unknown), text))
    if len(twice):
        issues.append(Issue("error", "E-DUP", "", "", "hours", name_ids(twice), "come more than once"))
    if issues:
        raise InputError(issues, "hours")
    return named


def _find_states(
    net: Network, snapshot: str | Mapping[Any, str] | pd.Series | None, labels: pd.Index
) -> tuple[str, ...]:
    """Give the state of each hour."""
    if snapshot is None or isinstance(snapshot, str):
        return (find_snapshot(net, snapshot) or "",) * len(labels)
    given = pd.Series(dict(snapshot), dtype=object) if isinstance(snapshot, Mapping) else snapshot
    names = given.reindex(labels)
    lacking = labels[names.isna().to_numpy()]
    if len(lacking):
        text = f"{len(lacking):,} hours have no state"
        issue = Issue("error", "E-STATE", "", "", "snapshot", name_ids(lacking), text)
        raise InputError([issue], "hours")
    for name in names.unique():
        find_snapshot(net, str(name))
    return tuple(str(name) for name in names)


def _refuse_missing(frames: Frames, labels: pd.Index) -> None:
    """Refuse profiles that lack hours of the dispatch."""
    issues = []
    for (table, column), frame in frames.items():
        lacking = labels[~labels.isin(frame.index)]
        if len(lacking):
            text = f"lacks {len(lacking):,} hours of the dispatch"
            issues.append(Issue("error", "E-HOURS", table, "", column, name_ids(lacking), text))
    if issues:
        raise InputError(issues, "profiles")


def _lay_over(
    state: Network,
    frames: dict[tuple[str, str], pd.DataFrame],
    decided: Mapping[str, pd.DataFrame],
    labels: pd.Index,
) -> dict[int, str]:
    """Lay what was dispatched over the profiles; give the hours without a dispatch."""
    status = decided["status"].reindex(labels)
    failed = status["status"].to_numpy(dtype=object) != "OPTIMAL"
    undecided = {
        int(i): f"the dispatch is {status['status'].iloc[i]}: {status['reason'].iloc[i]}"
        for i in np.flatnonzero(failed)
    }
    for name, key in DISPATCHED.items():
        table = decided[name]
        known = table.loc[:, table.columns.isin(state.tables[key[0]].index)].reindex(labels)
        if known.shape[1]:
            rest = frames.get(key, pd.DataFrame(index=labels))
            rest = rest.loc[:, ~rest.columns.isin(known.columns)]
            known = _blank(known, failed)
            frames[key] = pd.concat([rest, known], axis=1) if rest.shape[1] else known
    shed = _blank(sum_unserved(decided["shed"], decided["flexible"]).reindex(labels), failed)
    shed = shed.loc[:, (shed > SHED_MW).any().to_numpy()]
    if shed.shape[1]:
        own = state.tables["load"]["p_mw"]
        load = frames.get(("load", "p_mw"), pd.DataFrame(index=labels)).copy()
        for name in shed.columns:
            load[name] = (load[name] if name in load else float(own[name])) - shed[name]
        frames["load", "p_mw"] = load
    return undecided


def _blank(table: pd.DataFrame, rows: Bools) -> pd.DataFrame:
    """Put 0 into the hours that are not run, whatever stands there."""
    values = np.where(rows[:, None], 0.0, table.to_numpy(dtype=float))
    return pd.DataFrame(values, index=table.index, columns=table.columns)
