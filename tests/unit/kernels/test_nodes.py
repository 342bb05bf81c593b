"""Sums at nodes against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from gridhub.kernels.nodes import add_changes_at_nodes, take_columns


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_changes_are_added_at_their_nodes(factor: float) -> None:
    rng = np.random.default_rng(1)
    values, own = rng.normal(size=(6, 9)), rng.normal(size=9)
    # four sets go side by side, the others one by one
    sets, node = np.array([4, 0, 4, 2, 5, 1, 3]), np.array([3, 0, -1, 3, 4, -1, 0, 1, 3])
    before = rng.normal(size=(7, 5))
    expected, total = before.copy(), before.copy()
    on = node >= 0
    for row, chosen in enumerate(sets):
        np.add.at(expected[row], node[on], factor * (values[chosen] - own)[on])
    add_changes_at_nodes(values, sets, own, node, factor, total)
    assert total == pytest.approx(expected, abs=1e-13)


def test_the_own_values_change_nothing() -> None:
    own, total = np.arange(3.0), np.zeros((1, 2))
    add_changes_at_nodes(own[None].copy(), np.array([0]), own, np.array([0, 1, 1]), 1.0, total)
    assert not total.any()


def test_taken_columns_are_numpys() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(5, 7))
    sets, columns = np.array([4, 0, 0]), np.array([6, 1])
    taken = np.full((3, 2), np.nan)
    take_columns(values, sets, columns, taken)
    assert (taken == values[np.ix_(sets, columns)]).all()
