"""N-1-1: an outage, the adjustment operators make after it, and every outage that may come next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gridhub.analysis.contingencies import find_outages
from gridhub.analysis.redispatch import Adjustment, Redispatch, redispatch
from gridhub.analysis.security import Security, resolve_criteria, run_security, settle_state
from gridhub.case.case import Bools, Floats
from gridhub.criteria import Criteria
from gridhub.errors import NotConverged
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES
from gridhub.solvers.options import PowerFlowOptions, read_options

LOST_TABLES = (*BRANCH_TABLES, "generator", "hvdc", "shunt", "load", "storage")
"""Tables of the elements an outage can take."""

FIRST_COLUMNS = (
    "status",
    "violations",
    "moved_mw",
    "excess_mw",
    "adjusted_status",
    "violations_adjusted",
    "second_outages",
    "second_insecure",
    "second_new",
    "worst_second",
    "worst_loading_percent",
    "remark",
    "reason",
)
"""Columns of ``SuccessiveOutages.first``."""


@dataclass(frozen=True, eq=False)
class SuccessiveOutages:
    """Result of an N-1-1 analysis.

    Attributes
    ----------
    verdict : {"secure", "insecure"}
        "secure" only if every first outage is solved, and every adjusted state and every second outage is
        solved by AC and keeps the criteria.
    first : DataFrame
        One row per first outage: status and violations before the adjustment; moved_mw; excess_mw (above
        limits that no redispatch removes, by the linear model); adjusted_status; violations_adjusted (of the
        state that lasts: normal limits); second_outages; second_insecure (with a violation or without a
        solution); second_new (of these, not so, or by another element, without the first outage);
        worst_second, worst_loading_percent; remark where a redispatch was not made; reason where
        there is no result.
    status : DataFrame
        ``Security.status`` of every second outage, with the columns first and second before it.
    violations : DataFrame
        ``Security.violations`` of the second outages and, with second "", of the adjusted states.
    adjustment : Adjustment or None
        What could be moved; None: nothing, units share what is lost by participation.
    """

    verdict: str
    first: pd.DataFrame
    status: pd.DataFrame
    violations: pd.DataFrame
    adjustment: Adjustment | None


def run_successive_outages(
    net: Network,
    first: pd.DataFrame,
    second: pd.DataFrame,
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    adjustment: Adjustment | Literal["range"] | None = "range",
    screen: Literal["dc"] | None = None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SuccessiveOutages:
    """Analyse every second outage after every first one, with an adjustment between.

    Parameters
    ----------
    net : Network
    first, second : DataFrame
        Contingencies (`gridhub.list_contingencies`). What the first took is left out of the second.
    criteria : str, Criteria or None
        As of `gridhub.run_security`.
    snapshot : str, optional
    adjustment : Adjustment, "range" or None
        "range": ``Adjustment()``, units within their range; None: no redispatch.
    screen : {"dc", None}
        "dc": second outages that the DC screen clears are not solved by AC, and the verdict is not secure.
    options : mapping or PowerFlowOptions, optional
    progress : callable, optional
        Called with first outages done and in all.

    Returns
    -------
    SuccessiveOutages

    Raises
    ------
    ValueError
        If a set is empty.
    InputError
        If one names unknown elements.
    NotConverged
        If the state before any outage has no solution.

    Notes
    -----
    After the first outage what is cut off stays dead. The adjustment moves as few MW as it takes to bring the
    state within its normal limits, and the second outages within those after an outage, by the linear model
    (`gridhub.analysis.redispatch.redispatch`). It is made where AC finds overloads, and kept where AC finds
    fewer after it; what a second outage overloads without the first is not mended. Taps and shunts are not
    moved, no unit is started. The adjusted state lasts and is held to normal limits; its second outages,
    solved by AC, to those after an outage.

    Examples
    --------
    >>> from gridhub.analysis.contingencies import list_contingencies
    >>> from gridhub.reference import load_network
    >>> net = load_network("pandapower:case9")
    >>> single = list_contingencies(net, kinds=["line"])
    >>> two = run_successive_outages(net, single.loc[["line:1"]], single)
    >>> int(two.first["second_outages"].iloc[0]), len(two.status)
    (8, 8)
    """
    settled = read_options(options, reactive_limits=net.reactive_limits)
    rules = resolve_criteria(net, criteria)
    state = settle_state(net, snapshot)
    moves = Adjustment() if adjustment == "range" else adjustment
    alone = run_security(net, first, rules, snapshot=snapshot, screen=None, keep="all", options=settled)
    single = run_security(net, second, rules, snapshot=snapshot, screen=None, options=settled)
    run = _Run(state, second, rules, moves, screen, settled, single)
    rows, status, violations = [], [], []
    for k, name in enumerate(map(str, first.index)):
        row, sec = run.follow(alone, name)
        rows.append(row)
        if sec is not None:
            status.append(_place(sec.status.rename_axis("second").reset_index(), name))
            found = sec.violations.rename(columns={"contingency": "second"})
            violations.append(_place(found.assign(snapshot=alone.snapshot), name))
        if progress is not None:
            progress(k + 1, len(first))
    table = pd.DataFrame(rows, index=pd.Index(first.index, name="first"), columns=list(FIRST_COLUMNS))
    table["remark"] = table["remark"].fillna("")
    clear = (table["reason"] == "") & (table["violations_adjusted"] == 0) & (table["second_insecure"] == 0)
    every = pd.concat(status, ignore_index=True) if status else pd.DataFrame(columns=["first", "second"])
    by_ac = bool((every["stage"] == "ac").all()) if len(every) else True
    found = pd.concat(violations, ignore_index=True) if violations else pd.DataFrame()
    verdict = "secure" if clear.all() and by_ac else "insecure"
    return SuccessiveOutages(verdict, table, every, found, moves)


def _place(table: pd.DataFrame, first: object) -> pd.DataFrame:
    table.insert(0, "first", str(first))
    return table


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
class _Run:
    """What every first outage shares."""

    net: Network
    second: pd.DataFrame
    rules: Criteria | None
    adjustment: Adjustment | None
    screen: Literal["dc"] | None
    options: PowerFlowOptions
    single: Security

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
        left = _leave_out(self.second, lost)
        if not len(left):
            return row | {"reason": "no second outage is left"}, None
        try:
            sec = run_security(state, left, self.rules, screen=self.screen, options=self.options)
        except NotConverged as error:
            return row | {"adjusted_status": error.status, "reason": str(error)}, None
        row |= {"moved_mw": 0.0, "excess_mw": 0.0}
        if self.adjustment is None or not self._list_mendable(sec):
            return row | self._summarize(sec), sec
        return self._adjust(row, state, sec, left, self.adjustment)

    def _adjust(
        self,
        row: dict[str, object],
        state: Network,
        before: Security,
        left: pd.DataFrame,
        adjustment: Adjustment,
    ) -> tuple[dict[str, object], Security]:
        """Redispatch, solve again, and keep the better of both states."""
        base = before.base.solution
        outages = find_outages(state, base.case, left)
        over = self._find_overloads(before)
        moved = redispatch(state, base, self.rules, outages, adjustment, self.options, *over)
        as_was = self._summarize(before)
        if moved.reason:
            return row | as_was | {"remark": moved.reason}, before
        try:
            after = self._run_moved(state, base.case.generator_on, moved, left, adjustment)
        except NotConverged as error:
            return row | as_was | {"remark": f"redispatched state: {error}"}, before
        found = self._summarize(after)
        if self._count(found) >= self._count(as_was):
            remark = f"a redispatch of {moved.moved_mw:.0f} MW mends nothing by AC: not made"
            return row | as_was | {"excess_mw": moved.excess_mw, "remark": remark}, before
        return row | found | {"moved_mw": moved.moved_mw, "excess_mw": moved.excess_mw}, after

    def _run_moved(
        self, state: Network, on: Bools, moved: Redispatch, left: pd.DataFrame, adjustment: Adjustment
    ) -> Security:
        units, links = state.tables["generator"], state.tables["hvdc"]
        power = np.where(on, moved.generator_p * state.base_mva, units["p_mw"].to_numpy(dtype=float))
        changed = {"generator": units.assign(p_mw=power)}
        if adjustment.links:
            changed["hvdc"] = links.assign(p_mw=moved.hvdc_p * state.base_mva)
        net = state.replace(**changed)
        return run_security(net, left, self.rules, screen=self.screen, options=self.options)

    def _count(self, summary: Mapping[str, Any]) -> tuple[int, float]:
        """Order of states: fewer new violations, then less of the worst loading."""
        return summary["violations_adjusted"] + summary["second_new"], summary["worst_loading_percent"]

    def _list_new(self, sec: Security) -> pd.DataFrame:
        """Violations of second outages that the same outage does not cause alone."""
        same = ["contingency", "element", "kind"]
        known = set(self.single.violations[same].itertuples(index=False, name=None))
        rows = sec.violations[same].itertuples(index=False, name=None)
        return sec.violations[np.array([row[0] != "" and row not in known for row in rows], dtype=bool)]

    def _list_mendable(self, sec: Security) -> bool:
        thermal = sec.violations["kind"] == "thermal"
        base = sec.violations["contingency"] == ""
        return bool((thermal & base).any() or (self._list_new(sec)["kind"] == "thermal").any())

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
