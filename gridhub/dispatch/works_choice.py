"""The cheapest set of works that keeps every loading below its limit, as a MILP on HiGHS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack

from gridhub.case.case import Bools, Floats


@dataclass(frozen=True, slots=True, eq=False)
class SchemeAct:
    """What a remedial scheme does after one outage, if it is set off.

    Attributes
    ----------
    work : int
        That arms it.
    watched : int
        Pair whose loading, by the works alone, sets it off.
    threshold : float
        Loading from which it acts [%].
    relief : (n_pair,) float
        What it then takes off each pair [percentage points]; 0 in other outages.
    """

    work: int
    watched: int
    threshold: float
    relief: Floats


@dataclass(frozen=True, slots=True, eq=False)
class WorksProblem:
    """What each work costs and relieves.

    Attributes
    ----------
    cost : (n_work,) float
    loading : (n_pair,) float
        Of each pair of outage and element without works [%].
    relief : (n_pair, n_work) float
        What each work takes off it [percentage points]; negative where it adds.
    penalty : float
        Money that one percentage point above 100 % counts.
    most : int
        Works taken at most.
    refused : tuple of (n_work,) bool
        Choices that are known not to hold.
    acts : tuple of SchemeAct
        Of works that arm schemes; their own column of `relief` holds what no act stands for.
    """

    cost: Floats
    loading: Floats
    relief: Floats
    penalty: float
    most: int
    refused: tuple[Bools, ...] = ()
    acts: tuple[SchemeAct, ...] = ()

    def predict(self, chosen: Bools) -> Floats:
        """Give the loading of each pair with some works, (n_pair,) [%]; schemes act where set off."""
        loading = self.loading - self.relief @ chosen
        taken = np.zeros(len(loading))
        for one in self.acts:
            if chosen[one.work] and loading[one.watched] >= one.threshold:
                taken += one.relief
        return np.asarray(loading - taken)

    def measure_excess(self, chosen: Bools) -> float:
        """Sum up what is above 100 % with some works [percentage points]."""
        return float(np.maximum(self.predict(chosen) - 100.0, 0.0).sum())

    def measure(self, chosen: Bools) -> float:
        """Give the objective of some works: cost and penalty for what is left; infinite if refused."""
        if any(np.array_equal(chosen, one) for one in self.refused):
            return float("inf")
        return float(self.cost @ chosen) + self.penalty * self.measure_excess(chosen)


@dataclass(frozen=True, slots=True, eq=False)
class WorksChoice:
    """Works chosen.

    Attributes
    ----------
    chosen : (n_work,) bool
    optimal : bool
        False where the time ran out; then `chosen` is the best found, or nothing.
    """

    chosen: Bools
    optimal: bool


def choose_works(problem: WorksProblem, time_limit_s: float = 60.0) -> WorksChoice:
    r"""Find the works with the smallest cost and penalty.

    Parameters
    ----------
    problem : WorksProblem
    time_limit_s : float
        HiGHS stops after this [s].

    Returns
    -------
    WorksChoice

    Notes
    -----
    min c'y + penalty 1's with loading - R y - A a - s <= 100, 1'y <= most, s >= 0, y and a binary: reliefs of
    several works are added up. A scheme k of the work w acts (:math:`a_k = 1`) exactly if it is armed and
    the pair v that it watches carries its threshold t or more by the works alone:

    .. math:: a_k \le y_w, \quad -M (1 - a_k) \le l_v - R_v y - t \le M a_k + M (1 - y_w)

    with M no smaller than what stands between. A refused choice is cut off by asking for one work more or
    less.
    """
    n_pair, n_work = problem.relief.shape
    n_act = len(problem.acts)
    own = np.column_stack([problem.relief, *(one.relief for one in problem.acts)])
    relief = csr_array(np.where(np.abs(own) < 1e-9, 0.0, own))
    rows = hstack([relief, eye_array(n_pair)], format="csr")
    count = np.concatenate([np.ones(n_work), np.zeros(n_act + n_pair)])
    constraints = [
        LinearConstraint(rows, problem.loading - 100.0, np.inf),
        LinearConstraint(count[np.newaxis], -np.inf, problem.most),
        *_set_off(problem),
    ]
    for one in problem.refused:
        change = np.concatenate([np.where(one, -1.0, 1.0), np.zeros(n_act + n_pair)])
        constraints.append(LinearConstraint(change[np.newaxis], 1.0 - one.sum(), np.inf))
    # in units of the penalty the coefficients of the objective are near 1
    objective = np.concatenate([problem.cost / problem.penalty, np.zeros(n_act), np.ones(n_pair)])
    found = milp(
        objective,
        integrality=np.concatenate([np.ones(n_work + n_act), np.zeros(n_pair)]),
        bounds=Bounds(0.0, np.concatenate([np.ones(n_work + n_act), np.full(n_pair, np.inf)])),
        constraints=constraints,
        options={"mip_rel_gap": 0.0, "time_limit": time_limit_s},
    )
    if found.x is None:
        return WorksChoice(np.zeros(n_work, dtype=bool), optimal=False)
    return WorksChoice(np.asarray(found.x[:n_work] > 0.5), optimal=found.status == 0)


def _set_off(problem: WorksProblem) -> list[LinearConstraint]:
    """Make each scheme act exactly where it is armed and set off."""
    n_pair, n_work = problem.relief.shape
    size = n_work + len(problem.acts) + n_pair
    found = []
    for number, one in enumerate(problem.acts):
        row = problem.relief[one.watched]
        beyond = float(problem.loading[one.watched]) - one.threshold
        most = abs(beyond) + float(np.abs(row).sum()) + 1.0
        armed, must, may = (np.zeros(size) for _ in range(3))
        armed[one.work], armed[n_work + number] = 1.0, -1.0
        must[:n_work] = row
        may[:n_work] = row
        must[one.work] -= most
        must[n_work + number] = may[n_work + number] = most
        found.append(LinearConstraint(armed[np.newaxis], 0.0, np.inf))
        found.append(LinearConstraint(must[np.newaxis], beyond - most, np.inf))
        found.append(LinearConstraint(may[np.newaxis], -np.inf, beyond + most))
    return found
