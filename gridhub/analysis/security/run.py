"""The outages of a security analysis screened, chosen and solved, each held against its own limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gridhub.analysis.security.joins import find_beyond_batch, solve_alone
from gridhub.analysis.security.judging import OutageLimits
from gridhub.analysis.security.outage_limits import list_groups
from gridhub.analysis.security.outages import (
    Outcomes,
    Progress,
    Setting,
    merge_outcomes,
    run_batch,
    take_estimates,
)
from gridhub.analysis.security.screening import Screen, flag_all, merge_screens, screen_outages
from gridhub.analysis.security.screening_voltage import screen_by_iteration
from gridhub.case.case import Bools, Outage
from gridhub.solvers.batch_result import STATUSES
from gridhub.solvers.status import Status


def screen_set(
    setting: Setting, outages: Sequence[Outage], limits: OutageLimits, method: str | None
) -> Screen:
    """Screen the outages, each held against its own limits.

    Parameters
    ----------
    setting : Setting
    outages : sequence of Outage
    limits : OutageLimits
    method : {"dc", "1p1q", None}
        None: all are flagged.
    """
    if method is None:
        return flag_all(setting.case, outages)
    options, plan = setting.plan.options, setting.plan.newton
    parts = []
    for k, rows in list_groups(limits, np.arange(len(outages))):
        some, own = [outages[i] for i in rows.tolist()], limits.groups[k]
        if method == "dc":
            parts.append((rows, screen_outages(setting.base, some, own.rate, options)))
        else:
            parts.append((rows, screen_by_iteration(setting.base, plan, some, own, options)))
    return merge_screens(parts)


def choose_for_ac(screen: Screen, verify: str | None) -> Bools:
    """Choose the outages to be solved by AC; those without an estimate always are."""
    if verify == "all" or not screen.measured:
        return np.ones(len(screen.flagged), dtype=bool)
    return screen.unknown | (screen.flagged & (verify is not None))


def run_outages(
    setting: Setting,
    outages: Sequence[Outage],
    limits: OutageLimits,
    screen: Screen,
    by_ac: Bools,
    keep_states: bool,
    progress: Progress | None,
) -> Outcomes:
    """Solve the outages chosen, all together where a batch can, and take the screen for the rest.

    Parameters
    ----------
    setting : Setting
    outages : sequence of Outage
    limits : OutageLimits
        After each of them.
    screen : Screen
    by_ac : (k,) bool
        Chosen for AC (`choose_for_ac`).
    keep_states : bool
        Whether flows and voltages are wanted.
    progress : callable or None
        Called with outages done and outages in all.
    """
    done, parts = 0, []

    def count_on(ready: int, _: int) -> None:
        if progress is not None:
            progress(done + ready, len(outages))

    if not by_ac.all():
        rows = np.flatnonzero(~by_ac)
        parts.append((rows, take_estimates(screen, setting.limits, rows)))
        count_on(len(rows), len(rows))
        done = len(rows)
    alone = by_ac & find_beyond_batch(setting, outages, keep_states)
    for chosen, solve in ((by_ac & ~alone, run_batch), (alone, solve_alone)):
        for k, rows in list_groups(limits, np.flatnonzero(chosen)):
            selected = outages if len(rows) == len(outages) else [outages[i] for i in rows.tolist()]
            own = replace(setting, limits=limits.groups[k])
            parts.append((rows, solve(own, selected, keep_states, count_on)))
            done += len(rows)
    return tell_islanding(merge_outcomes(setting, parts, keep_states), screen.islanding)


def tell_islanding(outcomes: Outcomes, islanding: Bools) -> Outcomes:
    """Call the outages that AC solved CONVERGED, or ISLANDED if they split an island."""
    solved = outcomes.by_ac & outcomes.solved
    name = np.where(islanding, STATUSES.index(Status.ISLANDED), STATUSES.index(Status.CONVERGED))
    return replace(
        outcomes,
        status=np.where(solved, name, outcomes.status).astype(np.int8),
        reason=np.where(solved, "", outcomes.reason),
    )
