"""The wrapper of HiGHS against scipy, growing and not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from gridhub.dispatch.programme import LinearProgramme, ProgrammePart


def make_programme(low: np.ndarray, high: np.ndarray, price: np.ndarray) -> LinearProgramme:
    programme = LinearProgramme(float(np.abs(price).max()))
    programme.add_columns(low, high, price)
    return programme


def make_random(seed: int, n: int = 12, m: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(m, n)) * (rng.random((m, n)) < 0.5)
    return rng.uniform(-5.0, 50_000.0, n), matrix, matrix @ rng.uniform(0.0, 1.0, n) - rng.uniform(0, 0.1, m)


@pytest.mark.parametrize("seed", range(4))
def test_a_programme_that_grows_ends_where_scipy_does(seed: int) -> None:
    price, matrix, low = make_random(seed)
    n, rows = matrix.shape[1], len(low)
    programme = make_programme(np.zeros(n), np.ones(n), price)
    for first in range(0, rows, 6):
        some = slice(first, first + 6)
        programme.add_rows(csr_array(matrix[some]), low[some], np.full(len(low[some]), np.inf))
        found = programme.solve()
        expected = linprog(price, A_ub=-matrix[: first + 6], b_ub=-low[: first + 6], bounds=[(0, 1)] * n)
        assert found.status == "optimal"
        assert price @ found.x == pytest.approx(expected.fun, rel=1e-9)
        assert found.dual == pytest.approx(-expected.ineqlin.marginals, rel=1e-6, abs=1e-6)
    reduced = price - matrix.T @ found.dual
    assert found.reduced_cost == pytest.approx(reduced, abs=1e-6)


def test_columns_added_later_stand_in_later_rows_only() -> None:
    programme = make_programme(np.zeros(1), np.full(1, 10.0), np.array([3.0]))
    programme.add_rows(csr_array(np.ones((1, 1))), np.array([4.0]), np.array([np.inf]))
    assert programme.solve().x == pytest.approx([4.0])
    assert programme.add_columns(np.zeros(1), np.full(1, 5.0), np.array([1.0])).tolist() == [1]
    programme.add_rows(csr_array(np.ones((1, 2))), np.array([7.0]), np.array([np.inf]))
    found = programme.solve()
    assert found.x == pytest.approx([4.0, 3.0])
    assert found.dual == pytest.approx([2.0, 1.0])


@pytest.mark.parametrize("seed", range(4))
def test_a_column_of_pieces_is_the_sum_of_columns_at_their_prices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = 5, 4
    matrix, high = rng.normal(size=(m, n)), rng.uniform(1.0, 3.0, n)
    low = matrix @ (rng.uniform(0.0, 1.0, n) * high) - 0.1
    first, rise = rng.uniform(1.0, 5.0, n), rng.uniform(0.5, 9.0, (2, n))
    programme = make_programme(np.zeros(n), high / 4.0, first)
    programme.add_rows(csr_array(matrix[:2]), low[:2], np.full(2, np.inf))
    programme.solve()
    every = np.arange(n)
    pieces = programme.add_pieces(every, high / 2.0, first + rise[0])
    programme.add_rows(csr_array(matrix[2:]), low[2:], np.full(m - 2, np.inf))
    programme.resize_pieces(pieces, high / 4.0)
    programme.add_pieces(every[::-1], high[::-1] / 2.0, (first + rise.sum(axis=0))[::-1])
    found = programme.solve()
    price = np.concatenate([first, first + rise[0], first + rise.sum(axis=0)])
    width = np.concatenate([high / 4.0, high / 4.0, high / 2.0])
    expected = linprog(
        price, A_ub=-np.tile(matrix, 3), b_ub=-low, bounds=list(zip(np.zeros(3 * n), width, strict=True))
    )
    assert found.x == pytest.approx(expected.x.reshape(3, n).sum(axis=0), abs=1e-7)
    assert found.dual == pytest.approx(-expected.ineqlin.marginals, abs=1e-6)
    slope = price.reshape(3, n) - matrix.T @ found.dual
    # at 0 the first piece's, when full the last one's, and nothing between
    assert found.reduced_cost == pytest.approx(np.clip(0.0, slope[0], slope[2]), abs=1e-6)
    assert programme.find_first_piece(every).tolist() == list(range(n))


def test_a_programme_that_the_quick_way_cannot_end_is_solved_with_care(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    price, matrix, low = make_random(1)
    programme = make_programme(np.zeros(12), np.ones(12), price)
    programme.add_rows(csr_array(matrix), low, np.full(len(low), np.inf))
    run, count = programme._run, [0]

    def stop_early() -> int:
        count[0] += 1
        programme._highs.setOptionValue("simplex_iteration_limit", 0 if count[0] == 1 else 10_000)
        return run()

    monkeypatch.setattr(programme, "_run", stop_early)
    found = programme.solve()
    expected = linprog(price, A_ub=-matrix, b_ub=-low, bounds=[(0, 1)] * 12)
    assert (found.status, count[0]) == ("optimal", 2)
    assert price @ found.x == pytest.approx(expected.fun, rel=1e-9)


def test_an_infeasible_programme_says_so() -> None:
    programme = make_programme(np.zeros(2), np.ones(2), np.ones(2))
    programme.add_rows(csr_array(np.ones((1, 2))), np.array([3.0]), np.array([3.0]))
    assert programme.solve().status == "infeasible"


def test_prices_of_any_size_give_duals_in_the_same_unit() -> None:
    for size in (1e-3, 1.0, 1e7):
        programme = make_programme(np.zeros(2), np.ones(2), size * np.array([1.0, 2.0]))
        programme.add_rows(csr_array(np.ones((1, 2))), np.array([1.5]), np.array([1.5]))
        found = programme.solve()
        assert found.x == pytest.approx([1.0, 0.5])
        assert found.dual == pytest.approx([2.0 * size])
        assert found.reduced_cost == pytest.approx([-size, 0.0])


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    programme = make_programme(np.zeros(1), np.ones(1), np.ones(1))
    programme.add_rows(csr_array(np.ones((1, 1))), np.array([0.5]), np.array([0.5]))
    programme.solve()
    assert capfd.readouterr().out == ""


def test_parts_of_a_programme_count_from_zero_by_themselves() -> None:
    programme = LinearProgramme(2.0)
    parts = [ProgrammePart(programme) for _ in range(2)]
    for part, price in zip(parts, (1.0, 2.0), strict=True):
        assert part.add_columns(np.zeros(1), np.full(1, 9.0), np.array([price])).tolist() == [0]
    for part, least in zip(parts, (4.0, 5.0), strict=True):
        part.add_rows(csr_array(np.ones((1, 1))), np.array([least]), np.array([np.inf]))
    early = programme.solve()
    parts[0].add_columns(np.zeros(1), np.full(1, 3.0), np.array([0.5]))
    parts[0].add_rows(csr_array(np.ones((1, 2))), np.array([6.0]), np.array([np.inf]))
    found = programme.solve()
    assert parts[0].read(found).x == pytest.approx([4.0, 2.0])
    assert parts[0].read(found).dual == pytest.approx([0.5, 0.5])
    assert parts[1].read(found).x == pytest.approx([5.0])
    assert parts[0].read(early).x == pytest.approx([4.0])
