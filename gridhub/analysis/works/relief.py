"""What each work takes off each loading, by DC and outage factors: what a MILP chooses by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gridhub.analysis.contingency.contingencies import find_outages
from gridhub.analysis.security.comparison import KEY
from gridhub.analysis.security.judging import build_limits
from gridhub.analysis.security.security import settle_state
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.judging import WorksTask, list_lost, measure_excess
from gridhub.analysis.works.scheme_candidates import ARMED_SHARE
from gridhub.analysis.works.selection import judge_works
from gridhub.analysis.works.works import act
from gridhub.case.case import Bools, Floats
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


def compute_loadings(task: WorksTask, net: Network) -> pd.DataFrame:
    """Compute the DC loading of every rated branch in every state of a task and after its branch outages.

    Parameters
    ----------
    task : WorksTask
        Its outages that are of branches alone and split nothing.
    net : Network

    Returns
    -------
    DataFrame
        Loading [%]; index snapshot, contingency ("" = N); a column for each branch, NaN where it is unrated.

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
    index = pd.MultiIndex.from_tuples(list(parts), names=list(KEY[:2]))
    return pd.DataFrame(np.array(list(parts.values())), index, pd.Index(labels, name=KEY[2]))


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
    states, branches = base.index, base.columns
    for one in with_work:
        states, branches = states.union(one.index, sort=False), branches.union(one.columns, sort=False)
    # pairs are millions, those that count are few: they lie in grids, state x branch, until they are chosen
    known = base.reindex(states, columns=branches).notna().to_numpy()
    start = base.reindex(states, columns=branches).fillna(0.0).to_numpy()
    points, worse = [], np.zeros(start.shape)
    for one in with_work:
        after = one.reindex(states, columns=branches)
        known |= after.notna().to_numpy()
        points.append(start - after.fillna(0.0).to_numpy())
        worse += np.maximum(-points[-1], 0.0)
    own_states = pd.MultiIndex.from_tuples([one.watched[:2] for one in acts], names=states.names)
    own_branches = pd.Index([one.watched[2] for one in acts], dtype=object)
    watched = list(
        zip(states.get_indexer(own_states).tolist(), branches.get_indexer(own_branches).tolist(), strict=True)
    )
    taken = []
    for scheme_act, (state, _) in zip(acts, watched, strict=True):
        taken.append(np.nan_to_num(start[state] - scheme_act.after.reindex(branches).to_numpy()))
        worse[state] += np.maximum(-taken[-1], 0.0)

    def find(pairs: pd.DataFrame) -> tuple[NDArray[np.intp], NDArray[np.intp], Bools]:
        """Find thermal pairs in the grids: row, column, and whether each is known there."""
        row = states.get_indexer(pd.MultiIndex.from_frame(pairs[list(KEY[:2])]))
        column = branches.get_indexer(pd.Index(pairs[KEY[2]]))
        here = (row >= 0) & (column >= 0) & (pairs[KEY[3]] == "thermal").to_numpy()
        here[here] = known[row[here], column[here]]
        return row, column, here

    row, column, here = find(before)
    start[row[here], column[here]] = before["loading_percent"].to_numpy(dtype=float)[here]
    counts = known & (start + worse > 100.0)
    old_row, old_column, old = find(task.old)
    counts[old_row[old], old_column[old]] = False
    for pair in watched:
        counts[pair] = True
    at = np.nonzero(counts)
    chosen = pd.MultiIndex.from_arrays(
        [*(states.get_level_values(k)[at[0]] for k in (0, 1)), branches[at[1]], ["thermal"] * len(at[0])],
        names=list(KEY),
    )
    key, excess, removed = _measure_others(task, candidates, before[~here])
    rest = np.zeros(len(key))
    place = np.cumsum(counts).reshape(counts.shape) - 1
    return Relief(
        chosen.append(key),
        np.concatenate([start[at], 100.0 + excess]),
        np.concatenate([np.array([one[at] for one in points]).reshape(len(points), -1).T, removed]),
        tuple(
            SchemeAct(
                one.work,
                int(place[pair]),
                100.0 * ARMED_SHARE,
                np.concatenate([np.where(at[0] == pair[0], off[at[1]], 0.0), rest]),
            )
            for one, pair, off in zip(acts, watched, taken, strict=True)
        ),
    )


class _Act(NamedTuple):
    """What a scheme does after an outage: by which work, set off by what, and the loadings after it."""

    work: int
    watched: tuple[str, str, str]
    after: pd.Series


def _list_acts(task: WorksTask, number: int, one: Candidate, base: pd.DataFrame) -> list[_Act]:
    """List what the schemes of a candidate do after each outage that may set them off, by DC."""
    found = []
    for name, table in task.outages.items() if one.schemes else ():
        state = settle_state(task.net, name or None)
        lost = {str(key): set(list_lost(table, str(key))) for key in table.index}
        for scheme in one.schemes:
            if not scheme.conditions:  # it switches shunts, which move no active power
                continue
            (condition,) = scheme.conditions  # as `list_scheme_candidates` makes them
            element = condition.element
            keys = [key for key, elements in lost.items() if elements.issuperset(scheme.outage)]
            keys = [key for key in keys if (name, key) in base.index and element in base.columns]
            keys = [key for key in keys if pd.notna(base.at[(name, key), element])]
            if not keys:
                continue
            # what acts after an outage is the same by DC as what acted before it
            changed = act(state, scheme.actions)
            after = compute_loadings(replace(task, outages={name: table.loc[keys]}), changed)
            rows = after.reindex(pd.MultiIndex.from_tuples([(name, key) for key in keys]))
            found += [_Act(number, (name, key, element), rows.iloc[k]) for k, key in enumerate(keys)]
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
