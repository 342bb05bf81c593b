"""Transfer and outage factors as operators, against matrices and against solving again."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.case.case import Outage
from gridhub.solvers.dc import plan_dc, solve_dc
from gridhub.solvers.factors import (
    TransferOperator,
    compute_set_factors,
    compute_transfer_factors,
    find_splitting_sets,
)
from gridhub.solvers.islands import find_islands, keep_largest_parts
from tests.small_cases import compile_network, load_case
from tests.small_networks import make_meshed


def test_operator_is_the_matrix_and_its_transpose() -> None:
    case = compile_network(make_meshed(5))
    plan = plan_dc(case, "x_tap")
    operator, rng = TransferOperator(plan), np.random.default_rng(0)
    matrix = compute_transfer_factors(plan, np.arange(case.n_node))
    injection, weight = rng.normal(size=(case.n_node, 3)), rng.normal(size=(case.n_branch, 3))
    assert operator.apply(injection) == pytest.approx(matrix @ injection, abs=1e-12)
    assert operator.apply(injection[:, 0]) == pytest.approx(matrix @ injection[:, 0], abs=1e-12)
    assert operator.apply_transposed(weight) == pytest.approx(matrix.T @ weight, abs=1e-12)
    assert operator.apply_transposed(weight[:, 0]) == pytest.approx(matrix.T @ weight[:, 0], abs=1e-12)


@pytest.mark.parametrize("name", ["pandapower:case14", "korea-2025-backbone"])
@pytest.mark.parametrize("convention", ["x_tap", "x"])
def test_sets_lost_together_move_what_a_new_solution_says(name: str, convention: str) -> None:
    case = load_case(name)
    plan = plan_dc(case, convention)
    rng = np.random.default_rng(1)
    sets = [rng.choice(case.n_branch, size, replace=False).tolist() for size in (1, 2, 3, 4) * 15]
    before = find_islands(case)
    base = solve_dc(case, convention, True, plan).p_from
    splits = find_splitting_sets(case, sets)
    # few sets are judged another way
    assert [bool(find_splitting_sets(case, [one])[0]) for one in sets] == splits.tolist()
    whole = [one for one, split in zip(sets, splits, strict=True) if not split]
    factors = compute_set_factors(case, plan, whole)
    assert len(whole) > 10
    for k, lost in enumerate(whole):
        rows = slice(factors.start[k], factors.start[k + 1])
        assert factors.lost[rows].tolist() == lost
        after = factors.apply(k, base)
        again = solve_dc(case.take_out(Outage(tuple(lost))), convention, True)
        assert after == pytest.approx(again.p_from, abs=1e-9)
    for lost, split in zip(sets, splits, strict=True):
        after_case = keep_largest_parts(case.take_out(Outage(tuple(lost))), before)
        assert split == (find_islands(after_case).count > before.count)


def test_branches_out_of_service_and_named_twice_do_not_count() -> None:
    case = compile_network(make_meshed(6)).take_out(Outage((3,)))
    plan = plan_dc(case, "x_tap")
    lost = int(np.flatnonzero(~find_splitting_sets(case, [(i,) for i in range(case.n_branch)]))[-1])
    factors = compute_set_factors(case, plan, [(3,), (lost, 3, lost), ()])
    assert factors.start.tolist() == [0, 0, 1, 1]
    assert factors.lost.tolist() == [lost]
    assert find_splitting_sets(case, [(3,), ()]).tolist() == [False, False]
