"""What each work takes off each loading, by DC and outage factors: what a MILP chooses by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.security.comparison import KEY
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import settle_state
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.judging import WorksTask, list_lost, measure_excess
from gridhub.analysis.works.scheme_candidates import ARMED_SHARE
from gridhub.analysis.works.selection import judge_works
from gridhub.analysis.works.works import act
from gridhub.case.case import Floats
from gridhub.case.compile import compile_case
from gridhub.dispatch.works_choice import SchemeAct
from gridhub.model.network import Network
from gridhub.solvers.dc import plan_dc, solve_dc
from gridhub.solvers.factors import compute_set_factors, find_splitting_sets
from gridhub.solvers.islands import choose_references


@dataclass(frozen=True, slots=True, eq=False)
class Relief:
    """What works take off.

    Attributes
    ----------
    key : MultiIndex
        n_pair of snapshot, contingency ("" = N), element, kind.
    loading : (n_pair,) float
        Without works [%]: by AC where it is violated, else by DC. What is no loading stands as 100 and its
        points.
    points : (n_pair, n_candidate) float
        What each candidate takes off [percentage points]; of a scheme what it takes off voltages and losses.
    acts : tuple of SchemeAct
        What schemes take off loadings, each in one outage and only where it is set off.
    """

    key: pd.MultiIndex
    loading: Floats
    points: Floats
    acts: tuple[SchemeAct, ...] = ()


def compute_loadings(task: WorksTask, net: Network) -> pd.Series:
    """Compute the DC loading of every rated branch in every state of a task and after its branch outages.

    Parameters
    ----------
    task : WorksTask
        Its outages that are of branches alone and split nothing.
    net : Network

    Returns
    -------
    Series
        Loading [%] by snapshot, contingency ("" = N), element and kind.

    Notes
    -----
    Flow after the outage of the set K: f + H_K (I - H_KK)^-1 f_K, see
    `gridhub.solvers.factors.compute_set_factors`.
    """
    parts = {}
    for name, table in task.outages.items():
        state = settle_state(net, name or None)
        case, _ = choose_references(compile_case(state))
        plan = plan_dc(case, task.options.dc_convention)
        flow = solve_dc(case, task.options.dc_convention, task.options.distributed_slack, plan).p_from
        outages = find_outages(state, case, table)
        alone = [not (o.generator or o.load or o.storage or o.hvdc or o.shunt) for o in outages]
        joins = [bool(case.branch_joins[list(o.branch)].any()) for o in outages]
        sets = [o.branch for o in outages]
        linear = np.array(alone) & ~np.array(joins) & ~find_splitting_sets(case, sets)
        rows = np.flatnonzero(linear).tolist()
        factors = compute_set_factors(case, plan, [sets[k] for k in rows])
        limit = {kind: build_limits(state, case, task.criteria, kind).rate for kind in ("normal", "outage")}
        with np.errstate(divide="ignore", invalid="ignore"):  # a rating of 0 is passed by any flow
            parts[name, ""] = 100.0 * np.abs(flow) / limit["normal"]
            for place, k in enumerate(rows):
                after = 100.0 * np.abs(factors.apply(place, flow)) / limit["outage"]
                after[list(sets[k])] = 0.0
                parts[name, str(table.index[k])] = after
        labels = case.labels.branch
    key = [(*state, branch, "thermal") for state in parts for branch in labels]
    index = pd.MultiIndex.from_tuples(key, names=list(KEY))
    return pd.Series(np.concatenate(list(parts.values())), index=index).dropna()


def compute_relief(task: WorksTask, candidates: Sequence[Candidate], before: pd.DataFrame) -> Relief:
    """Compute what each candidate alone takes off every loading that works could leave above 100 %.

    Parameters
    ----------
    task : WorksTask
        Its outages are looked at.
    candidates : sequence of Candidate
    before : DataFrame
        Violations without works, by AC.

    Returns
    -------
    Relief
        Thermal pairs by DC; what is violated otherwise by an AC run with each candidate. What the grid has
        in ``task.old`` is left out.
    """
    base = compute_loadings(task, task.net)
    with_work = [base if one.schemes else compute_loadings(task, one.apply(task.net)) for one in candidates]
    acts = [found for number, one in enumerate(candidates) for found in _list_acts(task, number, one, base)]
    index = base.index
    for one in with_work:
        index = index.union(one.index, sort=False)
    start = base.reindex(index, fill_value=0.0)
    taken = [start.sub(one.after.reindex(index)).fillna(0.0).to_numpy() for one in acts]
    points = np.column_stack([start.to_numpy() - one.reindex(index, fill_value=0.0) for one in with_work])
    thermal = before[before["kind"] == "thermal"].set_index(list(KEY))["loading_percent"].astype(float)
    start.loc[start.index.intersection(thermal.index)] = thermal.reindex(
        start.index.intersection(thermal.index)
    )
    old = pd.MultiIndex.from_frame(task.old[list(KEY)])
    worse = np.maximum(-points, 0.0).sum(axis=1) + sum(np.maximum(-one, 0.0) for one in taken)
    counts = (start.to_numpy() + worse > 100.0) & ~index.isin(old)
    counts |= index.isin([one.watched for one in acts])
    other = before[~pd.MultiIndex.from_frame(before[list(KEY)]).isin(index)]
    key, excess, removed = _measure_others(task, candidates, other)
    rest = np.zeros(len(key))
    return Relief(
        index[counts].append(key),
        np.concatenate([start.to_numpy()[counts], 100.0 + excess]),
        np.concatenate([points[counts], removed]),
        tuple(
            SchemeAct(
                one.work,
                int(index[counts].get_loc(one.watched)),
                100.0 * ARMED_SHARE,
                np.concatenate([off[counts], rest]),
            )
            for one, off in zip(acts, taken, strict=True)
        ),
    )


class _Act(NamedTuple):
    """What a scheme does after an outage: by which work, set off by what, and the loadings after it."""

    work: int
    watched: tuple[str, str, str, str]
    after: pd.Series


def _list_acts(task: WorksTask, number: int, one: Candidate, base: pd.Series) -> list[_Act]:
    """List what the schemes of a candidate do after each outage that may set them off, by DC."""
    found = []
    for name, table in task.outages.items() if one.schemes else ():
        state = settle_state(task.net, name or None)
        lost = {str(key): set(list_lost(table, str(key))) for key in table.index}
        for scheme in one.schemes:
            if not scheme.conditions:  # it switches shunts, which move no active power
                continue
            (condition,) = scheme.conditions  # as `list_scheme_candidates` makes them
            keys = [key for key, elements in lost.items() if elements.issuperset(scheme.outage)]
            watched = {key: (name, key, condition.element, "thermal") for key in keys}
            keys = [key for key in keys if watched[key] in base.index]
            if not keys:
                continue
            # what acts after an outage is the same by DC as what acted before it
            changed = act(state, scheme.actions)
            after = compute_loadings(replace(task, outages={name: table.loc[keys]}), changed)
            outage = after.index.get_level_values("contingency")
            found += [_Act(number, watched[key], after[outage == key]) for key in keys]
    return found


def _measure_others(
    task: WorksTask, candidates: Sequence[Candidate], violations: pd.DataFrame
) -> tuple[pd.MultiIndex, Floats, Floats]:
    """Measure by AC what each candidate takes off violations that the linear picture does not have."""
    key = pd.MultiIndex.from_frame(violations[list(KEY)])
    excess = pd.Series(measure_excess(violations), index=key)
    removed = np.zeros((len(key), len(candidates)))
    for number, one in enumerate(candidates if len(key) else ()):
        after = judge_works(task, one.apply(task.net), one.schemes)
        left = pd.Series(measure_excess(after), index=pd.MultiIndex.from_frame(after[list(KEY)]))
        removed[:, number] = excess - left.reindex(key, fill_value=0.0)
    return key, np.array(excess, dtype=float), removed
