"""Solves with a stored sparse LU factor, for many right-hand sides side by side."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.jit import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]

WIDTH = 64
"""Right-hand sides solved together: long enough for vectors, few enough for a core's own cache."""


class Triangles(NamedTuple):
    """Factor of a matrix A with its rows and columns in another order: A[row][:, column] = L U.

    Attributes
    ----------
    row, column : (n,) int
    lower_start, lower_row, lower_value
        L by columns, below the diagonal, which is 1.
    upper_start, upper_row, upper_value
        U by columns, above the diagonal.
    diagonal : (n,) float
        Diagonal of U.
    """

    row: Ints
    column: Ints
    lower_start: Ints
    lower_row: Ints
    lower_value: Floats
    upper_start: Ints
    upper_row: Ints
    upper_value: Floats
    diagonal: Floats


@compiled
def solve_columns(triangles: Triangles, right: Floats, place: NDArray[np.int64], solution: Floats) -> None:
    """Solve A x = b for every column of the right-hand sides.

    Parameters
    ----------
    triangles : Triangles
        Of A, (n, n).
    right : (m, k) float
        Right-hand sides; row place[i] belongs to equation i.
    place : (n,) int
        Rows of `right` and `solution` that the unknowns stand in.
    solution : (m, k) float
        Out: rows `place` only.

    Notes
    -----
    Forward substitution by columns of L, backward by columns of U. Every step is the same for all columns
    of a block, so that it runs along a row in memory.
    """
    t = triangles
    n, k = len(place), right.shape[1]
    x = np.empty((n, WIDTH))
    for first in range(0, k, WIDTH):
        width = min(WIDTH, k - first)
        for i in range(n):
            source = place[t.row[i]]
            for c in range(width):
                x[i, c] = right[source, first + c]
        for j in range(n):
            for p in range(t.lower_start[j], t.lower_start[j + 1]):
                i, value = t.lower_row[p], t.lower_value[p]
                for c in range(width):
                    x[i, c] -= value * x[j, c]
        for j in range(n - 1, -1, -1):
            inverse = 1.0 / t.diagonal[j]
            for c in range(width):
                x[j, c] *= inverse
            for p in range(t.upper_start[j], t.upper_start[j + 1]):
                i, value = t.upper_row[p], t.upper_value[p]
                for c in range(width):
                    x[i, c] -= value * x[j, c]
        for j in range(n):
            target = place[t.column[j]]
            for c in range(width):
                solution[target, first + c] = x[j, c]
