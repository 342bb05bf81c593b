"""What became of controlled taps, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from gridhub.case.case import Case
from gridhub.solvers.solution import TapMoves


def build_tap_table(case: Case, moves: TapMoves | None) -> pd.DataFrame:
    """Make ``PowerFlow.taps``: one row per transformer that can hold a voltage; none where taps are fixed."""
    changers = case.tap_changers
    if moves is None:
        return _build_empty().copy()
    chosen = np.flatnonzero(np.isin(changers.branch, moves.branch))
    table = {
        "tap_bus": _name(case.labels.bus, changers.bus[chosen]),
        "tap_ratio_before": moves.before,
        "tap_ratio": moves.after,
        "steps": moves.steps,
        "vm_pu": moves.vm,
        "tap_vm_pu": changers.target[chosen],
        "state": moves.state,
    }
    return pd.DataFrame(table, index=pd.Index(_name(case.labels.branch, moves.branch), name="id"))


@cache
def _build_empty() -> pd.DataFrame:
    """Make the table of no tap changer at all."""
    text, number = np.zeros(0, dtype=object), np.zeros(0)
    table = {
        "tap_bus": text,
        "tap_ratio_before": number,
        "tap_ratio": number,
        "steps": np.zeros(0, dtype=np.int64),
        "vm_pu": number,
        "tap_vm_pu": number,
        "state": text,
    }
    return pd.DataFrame(table, index=pd.Index(text, name="id"))


@cache
def _build_empty_by_outage() -> pd.DataFrame:
    """Make the table of no tap changer after any outage."""
    table = _build_empty().reset_index(names="transformer")
    table.insert(0, "contingency", pd.Series(dtype=object))
    return table


def _name(labels: Sequence[str], positions: np.ndarray) -> np.ndarray:
    return np.array([labels[i] for i in positions.tolist()], dtype=object)


def summarize_taps(taps: pd.DataFrame) -> dict[str, Any]:
    """Count the taps moved, and name those at the end of their range and those that hunt."""
    return {
        "taps_moved": int((taps["steps"] != 0).sum()),
        "taps_at_limit": tuple(taps.index[taps["state"] == "limit"]),
        "taps_hunting": tuple(taps.index[taps["state"] == "hunting"]),
    }


def build_outage_tap_table(case: Case, index: pd.Index, moves: Sequence[TapMoves | None]) -> pd.DataFrame:
    """Make ``Security.taps``: per outage, the taps that moved from the state before it or miss their band.

    Parameters
    ----------
    case : Case
    index : (k,) Index
        Contingencies.
    moves : (k,) sequence of TapMoves or None
    """
    parts = []
    for name, found in zip(index, moves, strict=True):
        if found is None:
            continue
        table = build_tap_table(case, found).reset_index(names="transformer")
        table = table[(table["steps"] != 0) | ~table["state"].isin(["held", "idle"])]
        if len(table):
            parts.append(table.assign(contingency=name)[_build_empty_by_outage().columns])
    return pd.concat(parts, ignore_index=True) if parts else _build_empty_by_outage().copy()


def summarize_outage_taps(taps: pd.DataFrame) -> dict[str, Any]:
    """Count the outages after which taps moved, stood at the end of their range, or hunted."""
    return {
        "outages_with_taps_moved": int(taps.loc[taps["steps"] != 0, "contingency"].nunique()),
        "outages_with_taps_at_limit": int(taps.loc[taps["state"] == "limit", "contingency"].nunique()),
        "outages_with_taps_hunting": int(taps.loc[taps["state"] == "hunting", "contingency"].nunique()),
    }
