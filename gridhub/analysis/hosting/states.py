"""The states hosting capacity must hold in: snapshots, hours of profiles, and what is promised already."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.analysis.flow.time_series import build_injections
from gridhub.analysis.hosting.options import HostingOptions
from gridhub.analysis.security.security import settle_state
from gridhub.case.case import Case
from gridhub.case.compile import compile_case
from gridhub.case.profiles import read_profiles
from gridhub.errors import InputError, Issue
from gridhub.model.network import Network
from gridhub.model.schema import complete_table
from gridhub.model.snapshot import find_snapshot
from gridhub.solvers.islands import choose_references

QUEUE_PREFIX = "queue:"
"""Ids of the rows that stand for what is promised."""


@dataclass(frozen=True, eq=False)
class State:
    """One state of the grid.

    Attributes
    ----------
    label : str
        Snapshot or hour; "" for the tables themselves.
    net : Network
        Its tables, with no snapshot left to apply.
    case : Case
        Compiled, references chosen.
    """

    label: str
    net: Network
    case: Case


@dataclass(frozen=True, eq=False)
class States:
    """All states: stored ones, and hours of profiles."""

    snapshots: tuple[State, ...]
    hours: tuple[State, ...]


def list_states(net: Network, snapshots: Sequence[str] | None, options: HostingOptions) -> States:
    """List the states, what is promised included.

    Raises
    ------
    KeyError
        If a snapshot does not exist.
    InputError
        If the queue names unknown buses or holds no numbers, or the profiles do not fit.
    """
    asked = (
        [snapshots]
        if isinstance(snapshots, str)
        else list(snapshots if snapshots is not None else net.snapshots)
    )
    queued = add_queue(net, options)
    stored = tuple(read_state(queued, name) for name in (asked or (None,)))
    return States(stored, _list_hours(queued, options))


def read_state(net: Network, snapshot: str | None) -> State:
    """Bring one snapshot into a state."""
    label = find_snapshot(net, snapshot) or ""
    tables = settle_state(net, snapshot)
    return State(label, tables, choose_references(compile_case(tables))[0])


def _list_hours(net: Network, options: HostingOptions) -> tuple[State, ...]:
    if not options.profiles:
        return ()
    base = read_state(net, options.profile_snapshot)
    hourly = read_profiles(base.net, options.profiles, base.label or "snapshot")
    injections = build_injections(base.case, hourly)
    return tuple(
        State(str(label), base.net, injections.apply(base.case, k)) for k, label in enumerate(hourly.hours)
    )


def add_queue(net: Network, options: HostingOptions) -> Network:
    """Put what is promised into the tables: as loads, or as units without a share in any imbalance.

    Raises
    ------
    InputError
        If a bus is unknown or an amount is no number of at least 0; all faults are listed.
    """
    if options.queue is None or not len(options.queue):
        return net
    queue = {str(bus): amount for bus, amount in dict(options.queue).items()}
    issues = [
        Issue("error", "E-REF", "queue", bus, "", "", "no such bus")
        for bus in queue
        if bus not in net.bus.index
    ]
    issues += [
        Issue("error", "E-NUMBER", "queue", bus, "", str(amount), "wants a number of at least 0 [MW]")
        for bus, amount in queue.items()
        if not _is_amount(amount)
    ]
    if issues:
        raise InputError(issues, "queue")
    table = "load" if options.kind == "load" else "generator"
    rows = pd.DataFrame({"bus": list(queue), "p_mw": [float(amount) for amount in queue.values()]})
    rows.index = pd.Index([f"{QUEUE_PREFIX}{bus}" for bus in queue], dtype=object)
    if table == "load":
        rows["q_mvar"] = rows["p_mw"] * math.tan(math.acos(options.power_factor))
    else:
        rows = rows.assign(p_max_mw=rows["p_mw"], participation=0.0, regulating=False)
    old = net.tables[table]
    new = complete_table(table, rows).reindex(columns=old.columns)
    return net.replace(**{table: pd.concat([old, new]) if len(old) else new})


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return False
    return 0.0 <= float(value) < math.inf


def group_states(states: Sequence[State]) -> list[list[State]]:
    """Put states of one topology together: the same branches in service, impedances, nodes and references."""
    groups: list[list[State]] = []
    for state in states:
        for group in groups:
            if _is_same(group[0].case, state.case):
                group.append(state)
                break
        else:
            groups.append([state])
    return groups


def _is_same(one: Case, other: Case) -> bool:
    names = (
        "branch_on",
        "branch_joins",
        "bus_node",
        "reference",
        "r",
        "x",
        "tap",
        "shift",
        "rate",
        "rate_b",
        "rate_c",
    )
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)
