"""What many injection sets give, at the nodes and by unit."""

from __future__ import annotations

import numpy as np

from gridhub.kernels.elimination import Ints
from gridhub.kernels.factor import Floats
from gridhub.kernels.jit import compiled


@compiled
def add_changes_at_nodes(
    values: Floats, sets: Ints, own: Floats, node: Ints, factor: float, total: Floats
) -> None:
    """Add ``factor * (values[set] - own)`` of every element at its node.

    Parameters
    ----------
    values : (n_set, k) float
    sets : (m,) int
        Rows of `values` to take.
    own : (k,) float
    node : (k,) int
        Column of `total` for each element; -1: none.
    total : (m, n) float
        Added to in place.
    """
    count = len(node)
    column, element = np.empty(count, np.uint64), np.empty(count, np.uint64)
    used = 0
    for i in range(count):
        if node[i] >= 0:
            column[used], element[used] = node[i], i
            used += 1
    # a sum waits for the one before it at its node: four sets side by side take hardly longer than one
    whole = len(sets) // 4 * 4
    for row in range(0, whole, 4):
        a, b, c, d = values[sets[row]], values[sets[row + 1]], values[sets[row + 2]], values[sets[row + 3]]
        p, q, r, s = total[row], total[row + 1], total[row + 2], total[row + 3]
        for k in range(used):
            i, at = element[k], column[k]
            before = own[i]
            p[at] += factor * (a[i] - before)
            q[at] += factor * (b[i] - before)
            r[at] += factor * (c[i] - before)
            s[at] += factor * (d[i] - before)
    for row in range(whole, len(sets)):
        given, sums = values[sets[row]], total[row]
        for k in range(used):
            sums[column[k]] += factor * (given[element[k]] - own[element[k]])


@compiled
def take_columns(values: Floats, sets: Ints, columns: Ints, taken: Floats) -> None:
    """Copy some rows and columns of `values` into `taken`, (len(sets), len(columns)) float."""
    for row in range(len(sets)):
        given, out = values[sets[row]], taken[row]
        for k in range(len(columns)):
            out[k] = given[columns[k]]
