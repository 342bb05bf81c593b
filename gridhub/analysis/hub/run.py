"""What the steps of a hub study share: the run, its outages, and judging them again on a changed grid."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.security.comparison import collect_violations, compare_violations
from gridhub.analysis.security.security import Security, run_security
from gridhub.connection_rules import ConnectionRules
from gridhub.costs import Costs
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.placement.hub import Hub
from gridhub.solvers.options import PowerFlowOptions

Progress = Callable[[str, float], None]
"""Told the step and the share done, 0 to 1."""

KINDS = ("line", "transformer", "series", "hvdc_pole", "data_center")
"""Kinds of outages run, beside towers and large units."""

LARGE_UNIT_MW = 1000.0
"""Units from this size are outages of their own [MW]; smaller ones are milder and left out: assumed."""

TOWER_KV = 345.0
"""Lowest voltage of towers where the criteria name none [kV]."""

WORST_OUTAGES = 40
"""Outages run again per snapshot where only those with violations are: the worst ones."""


@dataclass(eq=False)
class HubRun:
    """What all steps of one study share."""

    net: Network
    hub: Hub
    criteria: Criteria | None
    snapshots: tuple[str | None, ...]
    options: Mapping[str, Any] | PowerFlowOptions | None
    progress: Progress | None
    rules: ConnectionRules | None
    costs: Costs | None
    timings: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.perf_counter)
    step: str = ""

    def tell(self, step: str, done: float) -> None:
        """Close the step before and open this one."""
        now = time.perf_counter()
        if self.step:
            self.timings[self.step] = self.timings.get(self.step, 0.0) + now - self.started
        self.step, self.started = step, now
        if self.progress is not None:
            self.progress(step, done)


def list_hub_contingencies(net: Network, criteria: Criteria | None) -> pd.DataFrame:
    """List the outages of a hub study.

    Returns
    -------
    DataFrame
        Lines, transformers, series elements, HVDC poles, whole data centers; towers from the voltage the
        criteria name (else 345 kV); units of 1,000 MW and more, and on-site generation of any size: when it
        is lost, the grid carries the whole load it stood behind.
    """
    from_kv = criteria.double_circuit_min_kv if criteria is not None else TOWER_KV
    units = list_contingencies(net, ("generator",))
    unit = net.generator
    large = unit.index[(unit["p_max_mw"] >= LARGE_UNIT_MW) | (unit["behind_load"] != "")]
    parts = [
        list_contingencies(net, KINDS),
        list_contingencies(net, ("tower",), from_kv),
        units[[elements[0] in set(large) for elements in units["elements"]]],
    ]
    return pd.concat([part for part in parts if len(part)])


def run_states(
    run: HubRun,
    net: Network,
    chosen: Mapping[str, Sequence[str]] | None = None,
    report: tuple[str, float, float] | None = None,
    must_converge: bool = False,
) -> dict[str, Security]:
    """Run the security of every snapshot; `chosen` keeps only some outages of some snapshots.

    A snapshot without an AC solution is left out, unless it must have one.
    """
    results: dict[str, Security] = {}
    names = [find_snapshot(net, one) or "" for one in run.snapshots]
    for number, name in enumerate(names):
        if chosen is not None and name not in chosen:
            continue
        if report is not None:
            run.tell(f"{report[0]} {name}".strip(), report[1] + (report[2] - report[1]) * number / len(names))
        cset = list_hub_contingencies(net, run.criteria)
        if chosen is not None:
            cset = cset[cset.index.isin(list(chosen[name]))]
            cset = cset if len(cset) else list_hub_contingencies(net, run.criteria).iloc[:1]
        try:
            results[name] = run_security(
                net,
                cset,
                run.criteria,
                name or None,
                verify="flagged" if chosen is None else "all",
                options=run.options,
            )
        except NotConverged:
            if must_converge:
                raise
    return results


def pick_outages(
    violations: pd.DataFrame, changes: Sequence[str], count: int = WORST_OUTAGES
) -> dict[str, list[str]]:
    """Pick the outages with violations of some kinds, the worst of each snapshot."""
    mine = violations[violations["change"].isin(list(changes))]
    picked: dict[str, list[str]] = {}
    for name, group in mine.groupby("snapshot", sort=False):
        outages = list(dict.fromkeys(str(one) for one in group["contingency"] if one))
        picked[str(name)] = outages[:count]
    return picked


def restrict_violations(table: pd.DataFrame, chosen: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Keep the violations of the N state and of the chosen outages in the chosen snapshots."""
    keep = [
        snapshot in chosen and (contingency == "" or contingency in chosen[snapshot])
        for snapshot, contingency in zip(table["snapshot"], table["contingency"], strict=True)
    ]
    return table[np.array(keep, dtype=bool)]


def measure_changes(violations: pd.DataFrame) -> dict[str, Any]:
    """Count what is caused and worsened, and name the worst loading among it."""
    caused = violations[violations["change"] == "caused"]
    touched = violations[violations["change"].isin(("caused", "worsened"))]
    percent = caused["loading_percent"].astype(float)
    return {
        "caused": len(caused),
        "worsened": len(touched) - len(caused),
        "worst_percent": float(percent.max()) if percent.notna().any() else math.nan,
    }


def judge_again(
    run: HubRun, net: Network, before: pd.DataFrame, chosen: Mapping[str, Sequence[str]]
) -> tuple[pd.DataFrame, dict[str, Security]]:
    """Run the chosen outages on a changed network and compare with the grid before the hub."""
    results = run_states(run, net, chosen)
    lost = [name for name in chosen if name not in results]
    after = collect_violations(list(results.values()), lost)
    return compare_violations(restrict_violations(before, chosen), after), results
