"""The choice of works against every subset."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from gridhub.dispatch.works_choice import SchemeAct, WorksProblem, choose_works


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


def build_armed(seed: int) -> WorksProblem:
    """Works 0 and 1 arm three schemes: they do nothing by themselves, and act where they are set off."""
    problem = build_problem(seed)
    rng = np.random.default_rng(100 + seed)
    relief, cost = problem.relief.copy(), problem.cost.copy()
    relief[:, :2], cost[:2] = 0.0, 3.0
    acts = tuple(
        SchemeAct(work, watched, 95.0, rng.normal(3.0, 12.0, 9)) for work, watched in ((0, 2), (0, 5), (1, 7))
    )
    return WorksProblem(cost, problem.loading, relief, 5.0, 7, (), acts)


@pytest.mark.parametrize("seed", range(12))
def test_schemes_act_exactly_where_they_are_armed_and_set_off(seed: int):
    problem = build_armed(seed)
    every = {}
    for chosen in product((False, True), repeat=len(problem.cost)):
        taken = np.array(chosen, dtype=float)
        plain = problem.loading - problem.relief @ taken
        after = plain.copy()
        for act in problem.acts:
            if chosen[act.work] and plain[act.watched] >= act.threshold:
                after -= act.relief
        excess = after[after > 100.0].sum() - 100.0 * (after > 100.0).sum()
        every[chosen] = float(problem.cost @ taken) + problem.penalty * excess
    choice = choose_works(problem)
    assert choice.optimal
    assert every[tuple(choice.chosen.tolist())] == pytest.approx(min(every.values()), rel=1e-7)
    assert problem.measure(choice.chosen) == pytest.approx(min(every.values()), rel=1e-7)


def test_among_the_armed_problems_some_schemes_are_taken_and_some_not():
    taken = [bool(choose_works(build_armed(seed)).chosen[:2].any()) for seed in range(12)]
    assert 0 < sum(taken) < 12
