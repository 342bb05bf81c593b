"""Symbolic elimination of a symmetric pattern: tree, postorder, filled block pattern, position maps.

Everything here depends on the pattern alone and is found once per case. Rows and columns are nodes; a block
of 2 x 2 numbers stands at each place of the pattern (J. W. H. Liu, The role of elimination trees in sparse
factorization, SIAM J. Matrix Anal. Appl. 11 (1990), https://doi.org/10.1137/0611010).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.jit import compiled

Ints = NDArray[np.int64]


class Elimination(NamedTuple):
    """Filled pattern of a matrix whose rows are in elimination order.

    Attributes
    ----------
    start, diagonal : (n + 1,), (n,) int
        Row i holds places start[i] … start[i + 1]: below the diagonal, diagonal[i], above it.
    column : (m,) int
        Column of each place, ascending in a row.
    mirror : (m,) int
        Place of the transposed entry.
    target : int
        Place that each product L_ik U_kj falls on, in the order the factorization runs through them.
    parent : (n,) int
        Parent in the elimination tree; -1 at a root.
    y_start, y_column : (n + 1,), (nnz,) int
        The pattern before fill, compressed rows.
    y_place : (nnz,) int
        Place of each of its entries.
    """

    start: Ints
    diagonal: Ints
    column: Ints
    mirror: Ints
    target: Ints
    parent: Ints
    y_start: Ints
    y_column: Ints
    y_place: Ints


@compiled
def find_tree(start: Ints, column: Ints) -> Ints:
    """Elimination tree of a symmetric pattern in compressed rows, (n,) parents, -1 at roots."""
    n = len(start) - 1
    parent = np.full(n, -1, np.int64)
    ancestor = np.full(n, -1, np.int64)
    for i in range(n):
        for p in range(start[i], start[i + 1]):
            j = column[p]
            while j != -1 and j < i:
                above = ancestor[j]
                ancestor[j] = i
                if above == -1:
                    parent[j] = i
                j = above
    return parent


@compiled
def find_postorder(parent: Ints) -> Ints:
    """Nodes of a forest such that every subtree is contiguous and ends with its root, (n,)."""
    n = len(parent)
    first = np.full(n + 1, -1, np.int64)
    following = np.full(n, -1, np.int64)
    for j in range(n - 1, -1, -1):
        above = parent[j] if parent[j] >= 0 else n
        following[j] = first[above]
        first[above] = j
    order = np.empty(n, np.int64)
    stack = np.empty(n + 1, np.int64)
    stack[0] = n
    depth, done = 1, 0
    while depth:
        j = stack[depth - 1]
        child = first[j]
        if child >= 0:
            first[j] = following[child]
            stack[depth] = child
            depth += 1
        else:
            depth -= 1
            if j < n:
                order[done] = j
                done += 1
    return order


@compiled
def eliminate(y_start: Ints, y_column: Ints) -> Elimination:
    """Find the filled pattern of a symmetric pattern in elimination order, diagonal included."""
    n = len(y_start) - 1
    parent = find_tree(y_start, y_column)
    mark = np.full(n, -1, np.int64)
    below, above = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        mark[i] = i
        for p in range(y_start[i], y_start[i + 1]):
            j = y_column[p]
            while j < i and mark[j] != i:
                mark[j] = i
                below[i] += 1
                above[j] += 1
                j = parent[j]
    start, diagonal = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    for i in range(n):
        diagonal[i] = start[i] + below[i]
        start[i + 1] = diagonal[i] + 1 + above[i]
    column, mirror = np.empty(start[n], np.int64), np.empty(start[n], np.int64)
    mark[:] = -1
    filled = diagonal + 1
    for i in range(n):
        # row i of L: everything on the way from its entries up the tree to i
        q = start[i]
        mark[i] = i
        for p in range(y_start[i], y_start[i + 1]):
            j = y_column[p]
            while j < i and mark[j] != i:
                mark[j] = i
                column[q] = j
                q += 1
                j = parent[j]
        column[start[i] : q].sort()
        column[q] = i
        mirror[q] = q
        for p in range(start[i], q):
            j = column[p]
            column[filled[j]] = i
            mirror[filled[j]], mirror[p] = p, filled[j]
            filled[j] += 1
    return Elimination(
        start,
        diagonal,
        column,
        mirror,
        _find_targets(start, diagonal, column),
        parent,
        y_start,
        y_column,
        _find_places(start, column, y_start, y_column),
    )


@compiled
def _find_targets(start: Ints, diagonal: Ints, column: Ints) -> Ints:
    """Place of every product of the factorization, row by row."""
    n = len(diagonal)
    count = 0
    for i in range(n):
        for p in range(start[i], diagonal[i]):
            k = column[p]
            count += start[k + 1] - diagonal[k] - 1
    target = np.empty(count, np.int64)
    place = np.empty(n, np.int64)
    at = 0
    for i in range(n):
        for p in range(start[i], start[i + 1]):
            place[column[p]] = p
        for p in range(start[i], diagonal[i]):
            k = column[p]
            for q in range(diagonal[k] + 1, start[k + 1]):
                target[at] = place[column[q]]
                at += 1
    return target


@compiled
def _find_places(start: Ints, column: Ints, y_start: Ints, y_column: Ints) -> Ints:
    """Place of each entry of the pattern before fill."""
    n = len(start) - 1
    result = np.empty(len(y_column), np.int64)
    place = np.empty(n, np.int64)
    for i in range(n):
        for p in range(start[i], start[i + 1]):
            place[column[p]] = p
        for p in range(y_start[i], y_start[i + 1]):
            result[p] = place[y_column[p]]
    return result
