"""The states between two outages: what the first leaves, adjusted, and what the second does to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridhub.analysis.actions.redispatch import Adjustment, Redispatch, redispatch
from gridhub.analysis.actions.voltage_adjustment import VOLTAGE_RESERVE_PU, choose_voltage_moves, make_moves
from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import Security, run_security
from gridhub.case.case import Bools, Floats
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.rating_rules import SECOND_OUTAGE
from gridhub.solvers.newton import plan_newton
from gridhub.solvers.options import PowerFlowOptions

LOST_TABLES = (*BRANCH_TABLES, "generator", "hvdc", "shunt", "load", "storage")
"""Tables of the elements an outage can take."""

VOLTAGE_KINDS = ("voltage_low", "voltage_high")
"""Violations that taps and shunts can mend."""

LARGEST_TRIALS = 3
"""Times an adjustment of voltages is tried by AC, each time with half of the steps."""


def take_out(net: Network, elements: set[str], dead: pd.Index) -> Network:
    """Put elements and buses out of service, in the tables."""
    changed = {}
    for table in LOST_TABLES:
        frame = net.tables[table]
        hit = frame.index.isin(elements)
        if hit.any():
            changed[table] = frame.assign(in_service=frame["in_service"] & ~hit)
    if len(dead):
        bus = net.tables["bus"]
        changed["bus"] = bus.assign(in_service=bus["in_service"] & ~bus.index.isin(dead))
    return net.replace(**changed)


@dataclass(frozen=True, eq=False)
class SuccessiveStates:
    """What every first outage shares, and what comes after each.

    Attributes
    ----------
    net : Network
        State before any outage, in its tables.
    second : DataFrame
        Contingencies.
    rules : Criteria or None
    adjustment : Adjustment or None
    screen : {"dc", "1p1q", None}
    options : PowerFlowOptions
    single : Security
        Every second outage without a first one.
    moves : list of DataFrame
        Steps of taps and shunts that were kept, filled in by `follow`.
    """

    net: Network
    second: pd.DataFrame
    rules: Criteria | None
    adjustment: Adjustment | None
    screen: Literal["dc", "1p1q"] | None
    options: PowerFlowOptions
    single: Security
    moves: list[pd.DataFrame]

    def follow(self, alone: Security, name: str) -> tuple[dict[str, object], Security | None]:
        """Adjust after one first outage and run the second ones."""
        before = alone.status.loc[name]
        row: dict[str, object] = {
            "status": before["status"],
            "violations": int((alone.violations["contingency"] == name).sum()),
            "reason": before["reason"],
        }
        if before["status"] not in ("CONVERGED", "ISLANDED"):
            return row, None
        lost = set(_list_elements(alone.contingencies.loc[name, "elements"]))
        assert alone.vm_pu is not None  # kept: see run_successive_outages
        was_dead = alone.base.bus["vm_pu"].isna().to_numpy()
        dead = alone.vm_pu.columns[alone.vm_pu.loc[name].isna().to_numpy() & ~was_dead]
        state = take_out(self.net, lost, dead)
        left = _leave_out(self.second, lost).assign(rating_class=SECOND_OUTAGE)
        if not len(left):
            return row | {"reason": "no second outage is left"}, None
        try:
            sec = self._run(state, left)
        except NotConverged as error:
            return row | {"adjusted_status": error.status, "reason": str(error)}, None
        row |= {"moved_mw": 0.0, "excess_mw": 0.0, "taps_moved": 0, "shunts_switched": 0}
        if self.adjustment is not None:
            if self._list_mendable(sec, ("thermal",)):
                state, sec, more = self._redispatch(state, sec, left, self.adjustment)
                row |= more
            if (self.adjustment.taps or self.adjustment.shunts) and self._list_mendable(sec, VOLTAGE_KINDS):
                sec, more = self._adjust_voltages(state, sec, left, self.adjustment, name)
                remarks = filter(None, (row.get("remark"), more.get("remark")))
                row |= more | {"remark": "; ".join(map(str, remarks))}
        return row | self._summarize(sec), sec

    def _redispatch(
        self, state: Network, before: Security, left: pd.DataFrame, adjustment: Adjustment
    ) -> tuple[Network, Security, dict[str, object]]:
        """Redispatch, solve again, and keep the better of both states."""
        base = before.base.solution
        outages = find_outages(state, base.case, left)
        over = self._find_overloads(before)
        moved = redispatch(state, base, self.rules, outages, adjustment, self.options, *over)
        if moved.reason:
            return state, before, {"remark": moved.reason}
        net = self._move_units(state, base.case.generator_on, moved, adjustment)
        try:
            after = self._run(net, left)
        except NotConverged as error:
            return state, before, {"remark": f"redispatched state: {error}"}
        told: dict[str, object] = {"excess_mw": moved.excess_mw}
        if self._count(self._summarize(after)) >= self._count(self._summarize(before)):
            remark = f"a redispatch of {moved.moved_mw:.0f} MW mends nothing by AC: not made"
            return state, before, told | {"remark": remark}
        return net, after, told | {"moved_mw": moved.moved_mw}

    def _adjust_voltages(
        self, state: Network, before: Security, left: pd.DataFrame, adjustment: Adjustment, name: str
    ) -> tuple[Security, dict[str, object]]:
        """Step taps, switch shunts, solve again; keep it if AC finds less, else try half of the steps."""
        base = before.base.solution
        low, high = self._find_range(state, before)
        moves = choose_voltage_moves(
            state, base, plan_newton(base.case), self.options, low, high, adjustment.taps, adjustment.shunts
        )
        if not moves:
            return before, {"remark": "no step of a tap or shunt mends a voltage"}
        some = len(moves)
        for _ in range(LARGEST_TRIALS):
            net, table = make_moves(state, moves[:some])
            try:
                after = self._run(net, left)
            except NotConverged:
                after = None
            if after is not None and self._count_rows(after) < self._count_rows(before):
                self.moves.append(table.assign(first=name)[["first", *table.columns]])
                kinds = table["kind"].value_counts()
                told = {"taps_moved": kinds.get("tap", 0), "shunts_switched": kinds.get("shunt", 0)}
                return after, {key: int(count) for key, count in told.items()}
            some //= 2
            if not some:
                break
        return before, {"remark": f"{len(moves)} steps of taps and shunts mend nothing by AC: not made"}

    def _find_range(self, state: Network, sec: Security) -> tuple[Floats, Floats]:
        """Range for the voltages of the adjusted state that leaves room for the second outages, (n_bus,)."""
        case = sec.base.solution.case
        limits = build_limits(state, case, self.rules, "normal")
        low, high = limits.vm_low.copy(), limits.vm_high.copy()
        now = sec.base.bus["vm_pu"].to_numpy(dtype=float)
        found = sec.violations[sec.violations["contingency"] == ""]
        rows = pd.concat([found, self._list_new(sec)])
        rows = rows[rows["kind"].isin(VOLTAGE_KINDS)]
        at = pd.Index(case.labels.bus).get_indexer(pd.Index(rows["element"]))
        lacking = (rows["value"] - rows["limit"]).abs().to_numpy(dtype=float) + VOLTAGE_RESERVE_PU
        below = (rows["kind"] == "voltage_low").to_numpy()
        np.fmax.at(low, at[below], now[at[below]] + lacking[below])
        np.fmin.at(high, at[~below], now[at[~below]] - lacking[~below])
        return low, high

    def _run(self, net: Network, left: pd.DataFrame) -> Security:
        return run_security(net, left, self.rules, screen=self.screen, options=self.options)

    def _move_units(self, state: Network, on: Bools, moved: Redispatch, adjustment: Adjustment) -> Network:
        units, links = state.tables["generator"], state.tables["hvdc"]
        power = np.where(on, moved.generator_p * state.base_mva, units["p_mw"].to_numpy(dtype=float))
        changed = {"generator": units.assign(p_mw=power)}
        if adjustment.links:
            changed["hvdc"] = links.assign(p_mw=moved.hvdc_p * state.base_mva)
        return state.replace(**changed)

    def _count(self, summary: Mapping[str, Any]) -> tuple[int, float]:
        """Order of states: fewer new violations, then less of the worst loading."""
        return summary["violations_adjusted"] + summary["second_new"], summary["worst_loading_percent"]

    def _count_rows(self, sec: Security) -> tuple[int, int]:
        """Order of states where voltages are mended: fewer new violations by outage, then by element."""
        found = self._summarize(sec)
        return self._count(found)[0], len(self._list_new(sec))

    def _list_new(self, sec: Security) -> pd.DataFrame:
        """Violations of second outages that the same outage does not cause alone."""
        same = ["contingency", "element", "kind"]
        known = set(self.single.violations[same].itertuples(index=False, name=None))
        rows = sec.violations[same].itertuples(index=False, name=None)
        return sec.violations[np.array([row[0] != "" and row not in known for row in rows], dtype=bool)]

    def _list_mendable(self, sec: Security, kinds: Sequence[str]) -> bool:
        base = sec.violations[sec.violations["contingency"] == ""]
        return any(bool(table["kind"].isin(kinds).any()) for table in (base, self._list_new(sec)))

    def _find_overloads(self, sec: Security) -> tuple[Floats, Floats]:
        """Find the loading of overloaded branches now, and the highest new one after a second outage [%]."""
        branches = list(sec.base.branch.index)
        now = sec.violations[sec.violations["contingency"] == ""]
        parts = [part[part["kind"] == "thermal"] for part in (now, self._list_new(sec))]
        highest = [part.groupby("element")["loading_percent"].max().reindex(branches) for part in parts]
        return highest[0].to_numpy(dtype=float), highest[1].to_numpy(dtype=float)

    def _summarize(self, sec: Security) -> dict[str, object]:
        found = sec.violations["contingency"]
        unsolved = sec.status.index[~sec.status["status"].isin(["CONVERGED", "ISLANDED", "SCREENED"])]
        alone = self.single.status["status"]
        new = set(self._list_new(sec)["contingency"])
        new |= {key for key in unsolved if alone[key] in ("CONVERGED", "ISLANDED", "SCREENED")}
        return {
            "adjusted_status": str(sec.base.status),
            "violations_adjusted": int((found == "").sum()),
            "second_outages": len(sec.status),
            "second_insecure": len(set(found[found != ""]) | set(unsolved)),
            "second_new": len(new),
            "worst_second": str(sec.ranking.index[0]),
            "worst_loading_percent": sec.status["worst_loading_percent"].max(),
        }


def _list_elements(elements: object) -> tuple[str, ...]:
    return (elements,) if isinstance(elements, str) else tuple(elements)  # type: ignore[arg-type]


def _leave_out(second: pd.DataFrame, lost: set[str]) -> pd.DataFrame:
    """Leave out what is lost already, and contingencies of which nothing is left."""
    left = [tuple(e for e in _list_elements(part) if e not in lost) for part in second["elements"]]
    table = second.assign(elements=pd.Series(left, index=second.index, dtype=object))
    return table[np.array([bool(part) for part in left], dtype=bool)]
