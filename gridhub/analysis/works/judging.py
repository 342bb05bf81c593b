"""What is left of the violations with some works: the measure that works are chosen and compared by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.actions.armed import run_armed
from gridhub.analysis.actions.remedial_schemes import RemedialScheme
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.security.security import Security, run_security
from gridhub.case.case import Floats
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions

UNSOLVED_POINTS = 100.0
"""What a state without a solution counts [points]: as an element at twice its limit. Assumed."""


@dataclass(frozen=True, slots=True, eq=False)
class WorksTask:
    """What works are to mend.

    Attributes
    ----------
    net : Network
        Before any work.
    outages : mapping
        Snapshot ("" = the tables) -> contingency table.
    criteria : Criteria or None
    options : PowerFlowOptions
    old : DataFrame
        Violations of a grid that they are compared with (`collect_violations`): what stands there is nobody's
        to mend. Empty: everything counts.
    """

    net: Network
    outages: Mapping[str, pd.DataFrame]
    criteria: Criteria | None
    options: PowerFlowOptions
    old: pd.DataFrame

    def narrow(self, found: pd.DataFrame) -> WorksTask:
        """Keep the outages that some violations come from; a state without any keeps its first outage."""
        kept = {}
        for name, table in self.outages.items():
            mine = table[table.index.isin(found.loc[found["snapshot"] == name, "contingency"])]
            kept[name] = mine if len(mine) else table.iloc[:1]
        return replace(self, outages=kept)


def run_works(
    task: WorksTask, net: Network, schemes: Sequence[RemedialScheme] = ()
) -> tuple[dict[str, Security], tuple[str, ...]]:
    """Run the outages of a task, and those of what is new, on a changed network, every one by AC.

    Parameters
    ----------
    task : WorksTask
    net : Network
    schemes : sequence of RemedialScheme
        Armed: an outage that sets one off is judged after it acted.

    Returns
    -------
    dict
        Snapshot -> Security.
    tuple of str
        Snapshots whose state itself has no AC solution.
    """
    results: dict[str, Security] = {}
    lost = []
    for name, outages in task.outages.items():
        cset = _add_outages(task.net, net, outages)
        try:
            results[name] = (
                run_armed(net, cset, schemes, task.criteria, name or None, task.options).security
                if schemes
                else run_security(net, cset, task.criteria, name or None, verify="all", options=task.options)
            )
        except NotConverged:
            lost.append(name)
    return results, tuple(lost)


def list_left(task: WorksTask, results: Mapping[str, Security], lost: tuple[str, ...] = ()) -> pd.DataFrame:
    """List what is violated and was not before (``change == "caused"``), worst first."""
    found = collect_violations(list(results.values()), lost)
    table = compare_violations(task.old, found)
    return table[table["change"] == "caused"].reset_index(drop=True)


def _add_outages(before: Network, net: Network, outages: pd.DataFrame) -> pd.DataFrame:
    """Put the loss of each new branch beside the outages listed."""
    branches = net.branches()
    new = branches[~branches.index.isin(before.branches().index)]
    if new.empty:
        return outages
    added = pd.DataFrame({"kind": new["kind"], "elements": [(str(name),) for name in new.index]})
    added.index = pd.Index(new.index, name=outages.index.name)
    return pd.concat([outages[["kind", "elements"] if "kind" in outages else ["elements"]], added])


def list_lost(outages: pd.DataFrame, contingency: str) -> tuple[str, ...]:
    """List the elements that a contingency of a table takes out."""
    given: Any = outages.loc[[contingency], "elements"].iloc[0]
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def measure_excess(violations: pd.DataFrame) -> Floats:
    """Measure by how much each violation is beyond its limit [points].

    Parameters
    ----------
    violations : DataFrame
        Columns of ``Security.violations``.

    Returns
    -------
    (n,) float
        Loading of a branch or an interface: percentage points above 100. Voltage: hundredths of 1 p.u. beyond
        the limit. Anything in MW: percent above its limit. No solution, or a limit of 0: `UNSOLVED_POINTS`.
    """
    kind = violations["kind"].to_numpy(dtype=object)
    value, limit = (violations[name].to_numpy(dtype=float) for name in ("value", "limit"))
    loading = violations["loading_percent"].to_numpy(dtype=float)
    voltage = np.isin(kind, ("voltage_low", "voltage_high", "voltage_change"))
    points = np.full(len(value), UNSOLVED_POINTS)
    np.divide(100.0 * (value - limit), limit, out=points, where=limit > 0)
    points = np.where(np.isnan(loading), points, loading - 100.0)
    points = np.where(voltage, 100.0 * np.abs(value - limit), points)
    return np.asarray(np.where(np.isnan(points), UNSOLVED_POINTS, points), dtype=float)
