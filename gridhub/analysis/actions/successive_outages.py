"""N-1-1: an outage, the adjustment operators make after it, and every outage that may come next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from gridhub.analysis.actions.redispatch import Adjustment
from gridhub.analysis.actions.successive_states import SuccessiveStates
from gridhub.analysis.security.security import resolve_criteria, run_security, settle_state
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.rating_rules import SECOND_OUTAGE
from gridhub.solvers.options import PowerFlowOptions, read_options

FIRST_COLUMNS = (
    "status",
    "violations",
    "moved_mw",
    "excess_mw",
    "taps_moved",
    "shunts_switched",
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

MOVE_COLUMNS = ("first", "kind", "element", "before", "after")
"""Columns of ``SuccessiveOutages.moves``."""


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
        limits that no redispatch removes, by the linear model); taps_moved, shunts_switched (how many);
        adjusted_status; violations_adjusted (of the
        state that lasts: normal limits); second_outages; second_insecure (with a violation or without a
        solution); second_new (of these, not so, or by another element, without the first outage);
        worst_second, worst_loading_percent; remark where an adjustment was not made; reason where there is no
        result.
    status : DataFrame
        ``Security.status`` of every second outage, with the columns first and second before it.
    violations : DataFrame
        ``Security.violations`` of the second outages and, with second "", of the adjusted states.
    moves : DataFrame
        Taps stepped and shunts switched: first, kind ("tap" | "shunt"), element, before, after (tap_ratio; 1
        in service, 0 not).
    adjustment : Adjustment or None
        What could be moved; None: nothing, units share what is lost by participation.
    """

    verdict: str
    first: pd.DataFrame
    status: pd.DataFrame
    violations: pd.DataFrame
    moves: pd.DataFrame
    adjustment: Adjustment | None


def run_successive_outages(
    net: Network,
    first: pd.DataFrame,
    second: pd.DataFrame,
    criteria: str | Criteria | None = "network",
    snapshot: str | None = None,
    adjustment: Adjustment | Literal["range"] | None = "range",
    screen: Literal["dc", "1p1q"] | None = None,
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
        "range": units within their range, in the time the criteria's ratings after an outage hold
        (``Adjustment(minutes=...)``; without end where they say nothing); None: no adjustment. Taps and
        shunts are moved only where an `Adjustment` says so.
    screen : {"dc", "1p1q", None}
        Second outages that a screen clears are not solved by AC, and the verdict is not secure.
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
    (`redispatch`). It is made where AC finds overloads, and kept where AC finds
    fewer after it; what a second outage overloads without the first is not mended. Then, where the adjustment
    allows it, taps step and shunts are switched where AC finds voltages outside limits
    (`choose_voltage_moves`): all steps chosen, or the first half or
    quarter of them, are kept only if AC finds fewer violations after them. No unit is started. The adjusted
    state lasts and is held to normal limits; its second outages, solved by AC, to those after an outage, by
    the ratings of class "n-1-1" where the criteria give any.

    Examples
    --------
    >>> from gridhub.analysis.contingency.contingencies import list_contingencies
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
    moves = Adjustment(minutes=find_adjustment_time(rules)) if adjustment == "range" else adjustment
    alone = run_security(net, first, rules, snapshot=snapshot, screen=None, keep="all", options=settled)
    single = run_security(net, second, rules, snapshot=snapshot, screen=None, options=settled)
    run = SuccessiveStates(state, second, rules, moves, screen, settled, single, [])
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
    steps = pd.concat(run.moves, ignore_index=True) if run.moves else pd.DataFrame(columns=list(MOVE_COLUMNS))
    return SuccessiveOutages(verdict, table, every, found, steps, moves)


def _place(table: pd.DataFrame, first: object) -> pd.DataFrame:
    table.insert(0, "first", str(first))
    return table


def find_adjustment_time(rules: Criteria | None) -> float:
    """Find the shortest time that a rating after an outage holds [min]; infinite where none says."""
    timed = [] if rules is None else [rule for rule in rules.ratings if rule.contingency != SECOND_OUTAGE]
    return min((rule.minutes for rule in timed), default=float("inf"))
