"""Judge only what a study monitors: some branches, and some voltages within ranges of its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from gridhub.analysis.security.judging import Limits, OutageLimits
from gridhub.analysis.security.outages import Outcomes
from gridhub.case.case import Case
from gridhub.errors import InputError, Issue
from gridhub.interop.psse_monitored import Monitored
from gridhub.solvers.batch_result import THERMAL, Findings


def check_monitored(monitored: Monitored, case: Case) -> None:
    """Refuse branches and buses that the network does not have.

    Raises
    ------
    InputError
        E-REF for every one of them.
    """
    named = (
        ("branches", monitored.branches, case.labels.branch),
        ("voltage", monitored.voltage.index, case.labels.bus),
    )
    issues = [
        Issue("error", "E-REF", "monitored", str(key), column, "", "no such element in the network")
        for column, keys, known in named
        for key in sorted(set(keys) - set(known))
    ]
    if issues:
        raise InputError(issues, "monitored")


def limit_monitored(limits: Limits, case: Case, monitored: Monitored | None) -> Limits:
    """Keep the ratings of monitored branches, and hold monitored voltages to their own ranges.

    Parameters
    ----------
    limits : Limits
        Of one state, of everything.
    case : Case
    monitored : Monitored or None
        None: everything is.

    Returns
    -------
    Limits
        NaN where nothing is monitored: not judged.
    """
    if monitored is None:
        return limits
    chosen = np.isin(np.array(case.labels.branch, dtype=object), list(monitored.branches))
    ranges = monitored.voltage.reindex(pd.Index(case.labels.bus, dtype=object))
    low, high = (ranges[side].to_numpy(dtype=float) for side in ("low_pu", "high_pu"))
    return replace(limits, rate=np.where(chosen, limits.rate, np.nan), vm_low=low, vm_high=high)


def limit_outages_monitored(limits: OutageLimits, case: Case, monitored: Monitored | None) -> OutageLimits:
    """Do the same to the limits after every outage."""
    return replace(limits, groups=tuple(limit_monitored(group, case, monitored) for group in limits.groups))


def drop_unmonitored(outcomes: Outcomes, case: Case, monitored: Monitored | None) -> Outcomes:
    """Drop changes of voltages that are not monitored: the limit of a change is one for all buses."""
    if monitored is None:
        return outcomes
    found = outcomes.findings
    watched = np.isin(np.array(case.labels.bus, dtype=object), list(monitored.voltage.index))
    thermal = found.kind == THERMAL
    kept = thermal | watched[np.where(thermal, 0, found.position)]
    columns = (found.scenario, found.kind, found.position, found.value)
    return replace(outcomes, findings=Findings(*(column[kept] for column in columns)))
