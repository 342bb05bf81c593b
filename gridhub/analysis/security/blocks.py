"""Blocks of hours of a security analysis: several hours side by side, and the tables they become."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.flow.time_series import build_injections
from gridhub.analysis.security.hour import (
    KINDS,
    HourResult,
    HourState,
    Violations,
    find_verdict,
    join_violations,
    prepare_state,
    solve_hour,
)
from gridhub.analysis.security.hour_plan import HourPlan
from gridhub.analysis.security.tally import UNITS, Names, Tally, start_tally, write_tally
from gridhub.case.profiles import read_profiles
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.batch import Progress
from gridhub.solvers.batch_result import STATUSES
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.scenario import Injections
from gridhub.solvers.solution import Solution
from gridhub.solvers.status import Status

TABLES = ("hours", "violations", "unsolved", "branch", "outage", "limit")
"""Tables of a block."""

COUNTED = tuple(status for status in STATUSES if status is not Status.SCREENED)
"""Statuses an outage can have: nothing is screened."""


class HourBlocks:
    """What the hours of a run share; states are planned when their first hour comes."""

    def __init__(
        self,
        net: Network,
        plan: HourPlan,
        cset: pd.DataFrame,
        rules: Criteria | None,
        options: PowerFlowOptions,
        keep_power_factor: bool,
    ) -> None:
        self.net, self.plan, self.cset, self.rules = net, plan, cset, rules
        self.options, self.keep_power_factor = options, keep_power_factor
        self.states: dict[str, HourState] = {}
        first = self.find_state(plan.snapshot[0])
        self.names = Names(
            plan.labels,
            pd.Index(cset.index, name="contingency"),
            pd.Index(first.case.labels.branch, dtype=object, name="id"),
            first.slots,
        )
        self.elements = pd.CategoricalDtype(list(dict.fromkeys(first.slots.element)))
        self.contingencies = pd.CategoricalDtype(["", *map(str, cset.index)])

    def find_state(self, snapshot: str) -> HourState:
        """Plan a state, once."""
        if snapshot not in self.states:
            alone = replace(self.options, threads=1)
            self.states[snapshot] = prepare_state(self.net, snapshot or None, self.cset, self.rules, alone)
        return self.states[snapshot]

    def start_tally(self) -> Tally:
        """Start a tally with no hour."""
        names = self.names
        return start_tally(len(names.branch), len(names.contingency), len(names.slots.element))

    def run_block(self, rows: range, progress: Progress | None) -> dict[str, pd.DataFrame]:
        """Solve a block of hours, several side by side; its tables."""
        tally = self.start_tally()
        hours: list[dict[str, Any]] = []
        unsolved: list[tuple[int, str, str, str]] = []
        found: list[tuple[int, Violations]] = []
        injected = dict(self._list_injections(rows))
        with ThreadPoolExecutor(self.options.threads or 1) as pool:
            for hour, result in zip(
                rows, pool.map(lambda hour: self._solve(hour, injected), rows), strict=True
            ):
                hours.append(self._describe(hour, result))
                if isinstance(result, HourResult):
                    tally.add(hour, result, float(self.plan.weight[hour]))
                    found.append((hour, result.violations))
                    unsolved += self._list_unsolved(hour, result)
                else:
                    tally.skip()
                    unsolved.append((hour, "", hours[-1]["status"], hours[-1]["reason"]))
                if progress is not None:
                    progress(hour + 1, len(self.plan.labels))
        table = pd.DataFrame(unsolved, columns=["hour", "contingency", "status", "reason"])
        table["hour"] = self.plan.labels.take(table["hour"].to_numpy(dtype=int))
        labels = self.plan.labels[rows.start : rows.stop].rename("hour")
        return {
            "hours": pd.DataFrame(hours, index=labels),
            "violations": self._build_violations(found),
            "unsolved": table,
            **write_tally(tally),
        }

    def _list_injections(self, rows: range) -> Iterator[tuple[int, tuple[Injections, int]]]:
        """Give the injection set of each hour, made state by state."""
        names = np.array(self.plan.snapshot[rows.start : rows.stop], dtype=object)
        for name in dict.fromkeys(names):
            own = rows.start + np.flatnonzero(names == name)
            state = self.find_state(name)
            if not self.plan.frames:
                yield from ((int(hour), (Injections(), -1)) for hour in own)
                continue
            frames = {key: frame.iloc[own] for key, frame in self.plan.frames.items()}
            hourly = read_profiles(state.net, frames)
            injections = build_injections(state.case, hourly, self.keep_power_factor)
            yield from ((int(hour), (injections, k)) for k, hour in enumerate(own))

    def _solve(
        self, hour: int, injected: Mapping[int, tuple[Injections, int]]
    ) -> HourResult | Solution | None:
        """Solve one hour; None where the dispatch decided nothing."""
        if hour in self.plan.undecided:
            return None
        state = self.states[self.plan.snapshot[hour]]
        injections, position = injected[hour]
        return solve_hour(state, injections.apply(state.case, position))

    def _describe(self, hour: int, result: HourResult | Solution | None) -> dict[str, Any]:
        """Make the row of an hour."""
        weight = float(self.plan.weight[hour])
        row: dict[str, Any] = {"snapshot": self.plan.snapshot[hour], "weight": weight}
        counts = {status.value.lower(): 0 for status in COUNTED}
        nothing = {
            "violations": 0, "base_violations": 0,
            "worst_loading_percent": np.nan, "worst_element": "", "worst_contingency": "",
            "base_loading_percent": np.nan, "base_element": "", "largest_lost_load_mw": np.nan,
            "load_mw": np.nan,
        }  # fmt: skip
        if not isinstance(result, HourResult):
            status = Status.NOT_CONVERGED if result is None else result.status
            reason = self.plan.undecided[hour] if result is None else result.reason
            row |= {"status": status.value, "reason": reason, "verdict": "insecure"}
            return row | counts | {"not_run": len(self.cset)} | nothing
        base, outcomes, violations = result.base, result.outcomes, result.violations
        verdict = find_verdict(base, outcomes, violations)
        number = np.bincount(outcomes.status, minlength=len(STATUSES))
        counts = {name: int(number[STATUSES.index(Status(name.upper()))]) for name in counts}
        row |= {
            "status": base.status.value,
            "reason": base.reason,
            "verdict": verdict,
            **counts,
            "not_run": 0,
        }
        row |= nothing | {
            "violations": len(violations.outage),
            "base_violations": int((violations.outage < 0).sum()),
            "largest_lost_load_mw": float(result.lost_load.max()),
            "load_mw": float(base.case.load_p[base.case.load_on].sum() * base.case.base_mva),
        }
        if np.isfinite(outcomes.worst_loading).any():
            worst = int(np.nanargmax(outcomes.worst_loading))
            row["worst_loading_percent"] = float(outcomes.worst_loading[worst])
            row["worst_element"] = self.names.branch[outcomes.worst_branch[worst]]
            row["worst_contingency"] = str(self.names.contingency[worst])
        if np.isfinite(result.base_loading).any():
            worst = int(np.nanargmax(result.base_loading))
            row["base_loading_percent"] = float(result.base_loading[worst])
            row["base_element"] = self.names.branch[worst]
        return row

    def _list_unsolved(self, hour: int, result: HourResult) -> list[tuple[int, str, str, str]]:
        outcomes = result.outcomes
        return [
            (
                hour,
                str(self.names.contingency[k]),
                STATUSES[outcomes.status[k]].value,
                str(outcomes.reason[k]),
            )
            for k in np.flatnonzero(~outcomes.solved).tolist()
        ]

    def _build_violations(self, found: Sequence[tuple[int, Violations]]) -> pd.DataFrame:
        """Make the violations of a block; texts are categories, so that a year of them stays small."""
        every = join_violations([part for _, part in found])
        hour = np.repeat([at for at, _ in found], [len(part.slot) for _, part in found]).astype(int)
        slots, kind = self.names.slots, self.names.slots.kind[every.slot]
        return pd.DataFrame(
            {
                "hour": self.plan.labels.take(hour),
                "contingency": pd.Categorical.from_codes(list(every.outage + 1), dtype=self.contingencies),
                "element": pd.Categorical(slots.element[every.slot], dtype=self.elements),
                "kind": pd.Categorical.from_codes(list(kind), pd.Index(KINDS)),
                "limit": every.limit,
                "value": every.value,
                "unit": pd.Categorical(np.array(UNITS, dtype=object)[kind], list(dict.fromkeys(UNITS))),
                "loading_percent": every.percent,
                "base_value": every.before,
            }
        )


def compute_key(work: HourBlocks) -> str:
    """Compute a digest of all that the hours depend on; the number of threads is not among it."""
    digest = hashlib.sha256()

    def add(name: object, value: object) -> None:
        digest.update(f"{name!r}\n".encode())
        if isinstance(value, pd.DataFrame):
            digest.update(repr((list(value.columns), list(value.index))).encode())
            numbers = all(pd.api.types.is_float_dtype(dtype) for dtype in value.dtypes)
            digest.update(value.to_numpy().tobytes() if numbers else value.to_csv().encode())
        else:
            digest.update(repr(value).encode())

    for name, table in work.net.tables.items():
        add(name, table)
    for key, frame in work.plan.frames.items():
        add(key, frame)
    add("contingencies", work.cset)
    plan = work.plan
    add("hours", (list(plan.labels), plan.snapshot, sorted(plan.undecided.items()), plan.weight.tolist()))
    add("rules", work.rules)
    add("options", (replace(work.options, threads=None), work.keep_power_factor, work.net.base_mva))
    return digest.hexdigest()
