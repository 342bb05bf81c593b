"""The choice of works against every subset."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gridhub.dispatch.works_choice import WorksProblem, choose_works


def build_problem(seed: int, most: int = 7, n_work: int = 7) -> WorksProblem:
    rng = np.random.default_rng(seed)
    relief = rng.normal(4.0, 8.0, (9, n_work)) * (rng.random((9, n_work)) < 0.6)
    cost = rng.uniform(10.0, 90.0, n_work)
    return WorksProblem(cost, rng.uniform(85.0, 120.0, 9), relief, 5.0, most)


def list_objectives(problem: WorksProblem) -> dict[tuple[bool, ...], float]:
    """Objective of each allowed subset, from the definition."""
    found = {}
    for chosen in product((False, True), repeat=len(problem.cost)):
        left = problem.loading - problem.relief @ np.array(chosen, dtype=float) - 100.0
        if sum(chosen) <= problem.most:
            found[chosen] = float(problem.cost @ chosen) + problem.penalty * left[left > 0].sum()
    return found


@pytest.mark.parametrize("most", [2, 7])
@pytest.mark.parametrize("seed", range(6))
def test_no_subset_is_better(seed: int, most: int):
    problem = build_problem(seed, most)
    choice = choose_works(problem)
    every = list_objectives(problem)
    assert choice.optimal and choice.chosen.sum() <= most
    assert problem.measure(choice.chosen) == pytest.approx(min(every.values()), rel=1e-7)
    assert every[tuple(choice.chosen.tolist())] == pytest.approx(problem.measure(choice.chosen))


def test_what_is_refused_gives_the_next_best():
    problem = build_problem(3)
    ranked = sorted(list_objectives(problem).items(), key=lambda item: item[1])
    refused = tuple(np.array(chosen) for chosen, _ in ranked[:3])
    again = WorksProblem(
        problem.cost, problem.loading, problem.relief, problem.penalty, problem.most, refused
    )
    choice = choose_works(again)
    assert again.measure(choice.chosen) == pytest.approx(ranked[3][1], rel=1e-7)
    assert again.measure(refused[0]) == np.inf
