"""Works chosen by a MILP over linear reliefs, corrected by AC until the choice holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridhub.analysis.security.comparison import KEY
from gridhub.analysis.security.security import Security
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.judging import WorksTask, list_left, list_lost, measure_excess, run_works
from gridhub.analysis.works.relief import Relief, compute_relief
from gridhub.analysis.works.selection import apply_works, collect_schemes
from gridhub.case.case import Bools, Floats
from gridhub.dispatch.works_choice import WorksChoice, WorksProblem, choose_works

Key = tuple[str, str, str, str]
"""Snapshot, contingency, element, kind of a violation."""

CORRECTIONS = 8
"""Times that the linear picture is corrected by what AC finds."""

MARGIN_POINTS = 0.1
"""Added to each correction, so that the next choice keeps clear of the limit [percentage points]: assumed."""

PENALTY_FACTOR = 100.0
"""A point left counts as this many times the cost of all candidates: all is removed before money counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Optimum:
    """The MILP's choice that leaves least by AC.

    Attributes
    ----------
    works : tuple of Candidate
    left : DataFrame
        What is violated with them, every outage by AC.
    results : mapping
        Snapshot -> Security.
    problem : WorksProblem
        What was solved for it; the order of the works is that of the candidates.
    optimal : bool
        Whether HiGHS proved it to be the optimum of `problem`.
    seeded : bool
        Whether it is the greedy choice that the MILP began with, which nothing it found was better than.
    """

    works: tuple[Candidate, ...]
    left: pd.DataFrame
    results: dict[str, Security]
    problem: WorksProblem
    optimal: bool
    seeded: bool = False

    @property
    def rank(self) -> tuple[int, float, float]:
        """What choices are compared by: violations left, points left, base cost."""
        return rank_selection(self.works, self.left)


def rank_selection(works: Sequence[Candidate], left: pd.DataFrame) -> tuple[int, float, float]:
    """Give what selections are compared by: violations left, points left, base cost; less is better."""
    return len(left), float(measure_excess(left).sum()), float(sum(one.cost.base for one in works))


def choose_by_milp(
    task: WorksTask,
    candidates: Sequence[Candidate],
    before: pd.DataFrame,
    seen: pd.DataFrame,
    most: int,
    greedy: tuple[Sequence[Candidate], pd.DataFrame, dict[str, Security]],
) -> Optimum:
    """Choose works by a MILP, verify by AC, correct the linear picture and choose again.

    Parameters
    ----------
    task : WorksTask
    candidates : sequence of Candidate
        One at least.
    before : DataFrame
        Violations without works.
    seen : DataFrame
        Violations whose outages stand in the MILP.
    most : int
        Works taken at most.
    greedy : tuple
        Works, what they leave, and results of the greedy choice: the incumbent. Where nothing the MILP finds
        ranks before it by AC, it is the answer, so that the MILP is never worse.

    Returns
    -------
    Optimum
    """
    extra = pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[]] * len(KEY), names=list(KEY)))
    best: Optimum | None = None
    refused: list[Bools] = []
    relief = compute_relief(task.narrow(seen), candidates, before)
    lessons: dict[Key, Floats] = {}
    for _ in range(CORRECTIONS):
        problem = _build_problem(relief, extra, candidates, most, tuple(refused), lessons)
        choice = choose_works(problem)
        found = _verify(task, candidates, problem, choice)
        if best is None or found.rank < best.rank:
            best = found
        if found.left.empty:
            break
        thermal = found.left[found.left["kind"] == "thermal"]
        listed = {name for table in task.outages.values() for name in table.index}
        new = thermal[thermal["contingency"].isin(listed - set(seen["contingency"]))]
        gap = _find_gap(relief, problem, choice, thermal)
        blamed = _blame_schemes(task, candidates, choice, found.left, relief)
        if new.empty and gap.empty and not blamed:  # such as a voltage, or the loss of a new branch
            refused.append(choice.chosen)
        lessons |= blamed
        extra = extra.add(gap, fill_value=0.0)
        if len(new):
            seen = pd.concat([seen, new], ignore_index=True)
            relief = compute_relief(task.narrow(seen), candidates, before)
    assert best is not None
    works, left, results = greedy
    if rank_selection(works, left) < best.rank:
        return Optimum(tuple(works), left, results, best.problem, optimal=False, seeded=True)
    return best


def _build_problem(
    relief: Relief,
    extra: pd.Series,
    candidates: Sequence[Candidate],
    most: int,
    refused: tuple[Bools, ...],
    lessons: Mapping[Key, Floats],
) -> WorksProblem:
    cost = np.array([one.cost.base for one in candidates])
    loading = relief.loading + extra.reindex(relief.key).fillna(0.0).to_numpy()
    penalty = PENALTY_FACTOR * max(float(cost.sum()), 1.0)
    points, more = relief.points, np.zeros(len(lessons))
    if lessons:
        points = np.concatenate([points, np.array(list(lessons.values()))])
        loading = np.concatenate([loading, more + 100.0])
    acts = tuple(replace(one, relief=np.concatenate([one.relief, more])) for one in relief.acts)
    return WorksProblem(cost, loading, points, penalty, most, refused, acts)


def _blame_schemes(
    task: WorksTask,
    candidates: Sequence[Candidate],
    choice: WorksChoice,
    left: pd.DataFrame,
    relief: Relief,
) -> dict[Key, Floats]:
    """Lay what AC finds beyond the linear picture on the schemes taken that act in that outage.

    Such as a voltage after an opening: what it is beyond its limit counts against each of them.
    """
    found: dict[Key, Floats] = {}
    known = set(relief.key)
    for key, excess in zip(
        left[list(KEY)].itertuples(index=False, name=None), measure_excess(left), strict=True
    ):
        outages = task.outages.get(key[0])
        if key in known or outages is None or key[1] not in outages.index:
            continue
        lost = set(list_lost(outages, key[1]))
        guilty = [
            taken and any(lost.issuperset(scheme.outage) for scheme in one.schemes)
            for one, taken in zip(candidates, choice.chosen.tolist(), strict=True)
        ]
        if any(guilty):
            found[key] = np.where(guilty, -(excess + MARGIN_POINTS), 0.0)
    return found


def _verify(
    task: WorksTask, candidates: Sequence[Candidate], problem: WorksProblem, choice: WorksChoice
) -> Optimum:
    works = tuple(one for one, taken in zip(candidates, choice.chosen, strict=True) if taken)
    results, lost = run_works(task, apply_works(task.net, works), collect_schemes(works))
    return Optimum(works, list_left(task, results, lost), results, problem, choice.optimal)


def _find_gap(relief: Relief, problem: WorksProblem, choice: WorksChoice, thermal: pd.DataFrame) -> pd.Series:
    """Find by how much AC is above the linear picture where it is violated [percentage points]."""
    predicted = pd.Series(problem.predict(choice.chosen)[: len(relief.key)], index=relief.key)
    by_ac = thermal.set_index(list(KEY))["loading_percent"].astype(float)
    known = by_ac.index.intersection(relief.key)
    gap = by_ac.reindex(known) - predicted.reindex(known) + MARGIN_POINTS
    return gap[gap > 0.0]
