"""The cheapest set of works that keeps every loading below its limit, as a MILP on HiGHS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, hstack

from gridhub.case.case import Bools, Floats


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
    """

    cost: Floats
    loading: Floats
    relief: Floats
    penalty: float
    most: int
    refused: tuple[Bools, ...] = ()

    def measure_excess(self, chosen: Bools) -> float:
        """Sum up what is above 100 % with some works [percentage points]."""
        loading = self.loading - self.relief @ chosen
        return float(np.maximum(loading - 100.0, 0.0).sum())

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
    """Find the works with the smallest cost and penalty.

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
    min c'y + penalty 1's with loading - R y - s <= 100, 1'y <= most, s >= 0, y binary: the reliefs of several
    works are added up. A refused choice is cut off by asking for one work more or less.
    """
    n_pair, n_work = problem.relief.shape
    relief = csr_array(np.where(np.abs(problem.relief) < 1e-9, 0.0, problem.relief))
    rows = hstack([relief, eye_array(n_pair)], format="csr")
    count = hstack([csr_array(np.ones((1, n_work))), csr_array((1, n_pair))], format="csr")
    constraints = [
        LinearConstraint(rows, problem.loading - 100.0, np.inf),
        LinearConstraint(count, -np.inf, problem.most),
    ]
    for one in problem.refused:
        change = np.concatenate([np.where(one, -1.0, 1.0), np.zeros(n_pair)])
        constraints.append(LinearConstraint(change[np.newaxis], 1.0 - one.sum(), np.inf))
    # in units of the penalty the coefficients of the objective are near 1
    objective = np.concatenate([problem.cost / problem.penalty, np.ones(n_pair)])
    found = milp(
        objective,
        integrality=np.concatenate([np.ones(n_work), np.zeros(n_pair)]),
        bounds=Bounds(0.0, np.concatenate([np.ones(n_work), np.full(n_pair, np.inf)])),
        constraints=constraints,
        options={"mip_rel_gap": 0.0, "time_limit": time_limit_s},
    )
    if found.x is None:
        return WorksChoice(np.zeros(n_work, dtype=bool), optimal=False)
    return WorksChoice(np.asarray(found.x[:n_work] > 0.5), optimal=found.status == 0)
