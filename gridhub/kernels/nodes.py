"""Sums at nodes, for many injection sets at once."""

from __future__ import annotations

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
    for row in range(len(sets)):
        for i in range(len(node)):
            if node[i] >= 0:
                total[row, node[i]] += factor * (values[sets[row], i] - own[i])
