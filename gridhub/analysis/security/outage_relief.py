"""Flows that an outage leaves within a rating of limited time: allowed, but to be relieved in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import LIMIT_TOLERANCE
from gridhub.analysis.security.joins import find_beyond_batch, solve_alone
from gridhub.analysis.security.judging import Limits, OutageLimits
from gridhub.analysis.security.outage_limits import list_groups
from gridhub.analysis.security.outages import Outcomes, Setting, run_batch
from gridhub.case.case import Floats, Ints, Outage
from gridhub.rating_rules import RATING_COLUMNS

RELIEF_COLUMNS = (
    "contingency",
    "element",
    "value",
    "normal_mva",
    "loading_percent",
    "limit",
    "rating",
    "minutes",
)
"""Columns of ``Security.relief``."""


def find_relief(
    setting: Setting,
    outages: Sequence[Outage],
    limits: OutageLimits,
    outcomes: Outcomes,
    index: pd.Index,
) -> pd.DataFrame:
    """List the flows above the rating with everything in service that a rating of limited time allows.

    Parameters
    ----------
    setting : Setting
    outages : sequence of Outage
    limits : OutageLimits
        After each outage.
    outcomes : Outcomes
        What came of them; those that AC solved are looked at.
    index : Index
        Their names.

    Returns
    -------
    DataFrame
        Columns `RELIEF_COLUMNS`. Flows beyond what is allowed are violations, and not listed here.

    Notes
    -----
    A batch watches one rating per branch. So the outages are solved once more against the rating with
    everything in service, those alone whose worst loading leaves room for one: above 100 % of the smallest
    ratio of the two ratings.
    """
    if not any(np.isfinite(group.minutes).any() for group in limits.groups):
        return _build_empty().copy()
    normal = setting.normal.rate
    found: list[tuple[Ints, Ints, Floats]] = []
    solved = np.flatnonzero(outcomes.by_ac & outcomes.solved)
    for k, rows in list_groups(limits, solved):
        allowed, minutes = limits.groups[k].rate, limits.groups[k].minutes
        timed = np.isfinite(minutes) & (allowed > normal)
        if not timed.any():
            continue
        least = (normal[timed] / allowed[timed]).min()
        rows = rows[outcomes.worst_loading[rows] > 100.0 * least]
        if len(rows):
            rate = np.where(timed, normal, np.nan)
            found += _solve_again(setting, [outages[i] for i in rows.tolist()], rate, rows)
    if not found:
        return _build_empty().copy()
    outage, branch, percent = (np.concatenate(parts) for parts in zip(*found, strict=True))
    value, limit = percent / 100.0 * normal[branch], limits.take("rate", outage, branch)
    kept = np.flatnonzero(value <= limit * (1.0 + LIMIT_TOLERANCE / 100.0))
    kept = kept[np.lexsort((branch[kept], outage[kept]))]
    outage, branch = outage[kept], branch[kept]
    scale = setting.case.base_mva
    return pd.DataFrame(
        {
            "contingency": index.to_numpy(dtype=object)[outage],
            "element": np.array(setting.case.labels.branch, dtype=object)[branch],
            "value": value[kept] * scale,
            "normal_mva": normal[branch] * scale,
            "loading_percent": percent[kept],
            "limit": limit[kept] * scale,
            "rating": np.array(RATING_COLUMNS, dtype=object)[limits.take("column", outage, branch)],
            "minutes": limits.take("minutes", outage, branch),
        }
    )


@cache
def _build_empty() -> pd.DataFrame:
    return pd.DataFrame(columns=list(RELIEF_COLUMNS))


def _solve_again(
    setting: Setting, outages: Sequence[Outage], rate: Floats, rows: Ints
) -> list[tuple[Ints, Ints, Floats]]:
    """Solve outages against other ratings, voltages aside: outage, branch, loading [%]."""
    nothing = np.full(len(setting.base_vm), np.nan)
    own = replace(setting, limits=Limits(rate, nothing, nothing))
    alone = find_beyond_batch(own, outages, keep_states=False)
    found = []
    for chosen, solve in ((~alone, run_batch), (alone, solve_alone)):
        some = np.flatnonzero(chosen)
        if len(some):
            got = solve(own, [outages[i] for i in some.tolist()], False, None).findings
            found.append((rows[some[got.scenario]], got.position, got.value))
    return found
