"""What a change does to a grid's violations: caused, worsened, as before, relieved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.security.judging import build_violation_table
from gridhub.analysis.security.security import Security
from gridhub.solvers.status import Status

KEY = ("snapshot", "contingency", "element", "kind")
"""What makes two violations the same."""

WORSE = {
    "thermal": 1.0,
    "interface": 1.0,
    "voltage_low": 0.001,
    "voltage_high": 0.001,
    "voltage_change": 0.001,
}
"""Change from which a violation counts as worsened: percentage points of loading, p.u. of voltage."""

WORSE_MW = 1.0
"""The same for violations in MW."""

CHANGES = ("caused", "worsened", "as before", "relieved")


def _build_unsolved(snapshot: str, contingency: str) -> dict[str, object]:
    """Make the row of an outage without a solution; "" is the state itself."""
    row: dict[str, object] = {"contingency": contingency, "element": "", "unit": "", "snapshot": snapshot}
    return {**row, "kind": "no_solution", "stage": "ac"}


def collect_violations(results: Sequence[Security], unsolved: Sequence[str] = ()) -> pd.DataFrame:
    """Put the violations of several snapshots into one table, states and outages without a solution too.

    Parameters
    ----------
    results : sequence of Security
        One per snapshot.
    unsolved : sequence of str
        Snapshots whose state itself has no solution.

    Returns
    -------
    DataFrame
        Columns of ``Security.violations``; kind ``no_solution`` for outages whose status is none of
        CONVERGED, ISLANDED, SCREENED, and for `unsolved` (contingency ""): element "" and value NaN.
    """
    solved = (Status.CONVERGED.value, Status.ISLANDED.value, Status.SCREENED.value)
    rows: list[dict[str, Any]] = [_build_unsolved(name, "") for name in unsolved]
    for result in results:
        lost = result.status.index[~result.status["status"].astype(str).isin(solved)]
        found = result.violations.assign(snapshot=result.snapshot)
        rows += [{str(column): cell for column, cell in row.items()} for row in found.to_dict("records")]
        rows += [_build_unsolved(result.snapshot, str(name)) for name in lost]
    return build_violation_table(rows)


def _measure(table: pd.DataFrame) -> np.ndarray:
    """How bad each violation is, growing: loading in percent, MW, or depth beyond the limit in p.u."""
    value, limit = table["value"].to_numpy(dtype=float), table["limit"].to_numpy(dtype=float)
    loading = table["loading_percent"].to_numpy(dtype=float)
    kind = table["kind"].to_numpy(dtype=object)
    measure = np.where(
        kind == "voltage_low", limit - value, np.where(kind == "voltage_high", value - limit, value)
    )
    return np.where(np.isin(kind, ("thermal", "interface")), loading, measure)


def compare_violations(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Say of every violation whether a change caused, worsened, left or relieved it.

    Parameters
    ----------
    before, after : DataFrame
        From `collect_violations`.

    Returns
    -------
    DataFrame
        Columns of the input, and change ("caused": not there before; "worsened": there before and worse by
        1 percentage point, 0.001 p.u. or 1 MW; "as before"; "relieved": no longer there), value_before,
        loading_before_percent (NaN where it was no violation). Caused first, each group worst first.
    """
    columns = [*after.columns, "change", "value_before", "loading_before_percent"]
    old = before.assign(measure=_measure(before)).drop_duplicates(list(KEY)).set_index(list(KEY))
    new = after.assign(measure=_measure(after)).drop_duplicates(list(KEY)).set_index(list(KEY))
    matched = old.reindex(new.index)
    there = new.index.isin(old.index)
    kind = new.index.get_level_values("kind")
    step = np.array([WORSE.get(str(name), WORSE_MW) for name in kind])
    grown = new["measure"].to_numpy(dtype=float) - matched["measure"].to_numpy(dtype=float)
    worse = there & (np.nan_to_num(grown) >= step)
    new["change"] = np.where(~there, "caused", np.where(worse, "worsened", "as before"))
    new["value_before"] = matched["value"].to_numpy(dtype=float)
    new["loading_before_percent"] = matched["loading_percent"].to_numpy(dtype=float)
    gone = old[~old.index.isin(new.index)].copy()
    gone["change"] = "relieved"
    gone["value_before"], gone["loading_before_percent"] = gone["value"], gone["loading_percent"]
    parts = [part.reset_index() for part in (new, gone) if len(part)]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    rank = table["change"].map({name: i for i, name in enumerate(CHANGES)})
    order = np.lexsort((-np.nan_to_num(table["measure"].to_numpy(dtype=float)), rank))
    return table.iloc[order][columns].reset_index(drop=True)
