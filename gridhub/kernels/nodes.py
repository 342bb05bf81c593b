"""Sums at nodes, for many injection sets at once."""

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
    column, element = np.empty(count, np.int64), np.empty(count, np.int64)
    used = 0
    for i in range(count):
        if node[i] >= 0:
            column[used], element[used] = node[i], i
            used += 1
    for row in range(len(sets)):
        given, sums = values[sets[row]], total[row]
        for k in range(used):
            sums[column[k]] += factor * (given[element[k]] - own[element[k]])
