"""Greedy choice of works: the one that removes most per unit of money, until nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gridhub.analysis.actions.remedial_schemes import RemedialScheme
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.judging import WorksTask, list_left, measure_excess, run_works
from gridhub.model.network import Network

LEAST_POINTS = 1.0
"""A work that clears nothing must remove this much to be taken [points]: assumed."""

SMALLEST_POINTS = 1e-6
"""What removes less removes nothing: rounding [points]."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One work taken.

    Attributes
    ----------
    candidate : Candidate
    removed : float
        Violation removed beside what was taken before [points].
    before, left : DataFrame
        What is violated before and after it, of the outages looked at.
    """

    candidate: Candidate
    removed: float
    before: pd.DataFrame
    left: pd.DataFrame


def apply_works(net: Network, works: Sequence[Candidate]) -> Network:
    """Put works into a network, one after the other."""
    for one in works:
        net = one.apply(net)
    return net


def collect_schemes(works: Sequence[Candidate]) -> tuple[RemedialScheme, ...]:
    """Collect the schemes that are armed with works, in their order."""
    return tuple(scheme for one in works for scheme in one.schemes)


def judge_works(task: WorksTask, net: Network, schemes: Sequence[RemedialScheme] = ()) -> pd.DataFrame:
    """List what is left on a changed network with schemes armed, every outage of the task by AC."""
    results, lost = run_works(task, net, schemes)
    return list_left(task, results, lost)


def choose_greedily(
    task: WorksTask, candidates: Sequence[Candidate], taken: Sequence[Step], left: pd.DataFrame, most: int
) -> list[Step]:
    """Take works, each time the one that removes most violation per unit of base cost.

    Parameters
    ----------
    task : WorksTask
        Its outages are run again, by AC, with every candidate at every step.
    candidates : sequence of Candidate
    taken : sequence of Step
        Taken already.
    left : DataFrame
        What is violated with them.
    most : int
        Works taken at most, those taken already counted.

    Returns
    -------
    list of Step
        `taken` and what was added; it ends where nothing is left or nothing helps.
    """
    steps = list(taken)
    net = apply_works(task.net, [step.candidate for step in steps])
    while len(left) and len(steps) < most:
        used = {step.candidate.name for step in steps}
        armed = collect_schemes([step.candidate for step in steps])
        best: tuple[float, Step, Network] | None = None
        for one in candidates:
            if one.name in used:
                continue
            changed = one.apply(net)
            if changed is net and not one.schemes:
                continue
            after = judge_works(task, changed, (*armed, *one.schemes))
            removed = float(measure_excess(left).sum() - measure_excess(after).sum())
            worth = removed / one.cost.base if one.cost.base > 0 else float("inf")
            helps = removed >= LEAST_POINTS or (removed > SMALLEST_POINTS and len(after) < len(left))
            if helps and (best is None or worth > best[0]):
                best = worth, Step(one, removed, left, after), changed
        if best is None:
            break
        _, step, net = best
        steps.append(step)
        left = step.left
    return steps
