"""Solves with a stored factor against dense ones."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.triangular import WIDTH, Triangles, solve_columns


def cut_columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, rows and values of the columns of a matrix, zeros left out."""
    rows = [np.flatnonzero(column) for column in matrix.T]
    start = np.cumsum([0, *map(len, rows)])
    values = [column[row] for column, row in zip(matrix.T, rows, strict=True)]
    return start, np.concatenate(rows), np.concatenate(values)


@pytest.mark.parametrize("count", [1, 3, WIDTH, 2 * WIDTH + 5])
def test_columns_are_solved_as_by_numpy(count: int) -> None:
    rng = np.random.default_rng(count)
    n, m = 9, 14
    lower = np.tril(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5), -1)
    upper = np.triu(rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5), 1)
    diagonal = rng.uniform(1.0, 2.0, n)
    row, column = rng.permutation(n), rng.permutation(n)
    matrix = np.empty((n, n))
    matrix[np.ix_(row, column)] = (lower + np.eye(n)) @ (upper + np.diag(diagonal))
    triangles = Triangles(row, column, *cut_columns(lower), *cut_columns(upper), diagonal)
    place = rng.choice(m, n, replace=False)
    right, solution = rng.normal(size=(m, count)), np.zeros((m, count))
    solve_columns(triangles, right, place, solution)
    assert solution[place] == pytest.approx(np.linalg.solve(matrix, right[place]), rel=1e-9)
    assert not solution[np.setdiff1d(np.arange(m), place)].any()
    right[:, 0] = np.nan
    again = np.zeros((m, count))
    solve_columns(triangles, right, place, again)
    assert np.array_equal(again[:, 1:], solution[:, 1:])
