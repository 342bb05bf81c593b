"""Symbolic elimination against elimination of a dense pattern."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhub.kernels.elimination import eliminate, find_postorder, find_tree


def compress(pattern: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([[0], np.cumsum(pattern.sum(axis=1))]), np.nonzero(pattern)[1]


def fill(pattern: np.ndarray) -> np.ndarray:
    """Pattern after elimination: every pivot joins the rows below it."""
    filled = pattern.copy()
    for k in range(len(filled)):
        below = np.flatnonzero(filled[k + 1 :, k]) + k + 1
        filled[np.ix_(below, below)] = True
    return filled


def find_parents(filled: np.ndarray) -> list[int]:
    """First row below the pivot in each column."""
    below = [np.flatnonzero(filled[k + 1 :, k]) for k in range(len(filled))]
    return [int(rows[0]) + k + 1 if len(rows) else -1 for k, rows in enumerate(below)]


@st.composite
def patterns(draw: st.DrawFn) -> np.ndarray:
    n = draw(st.integers(1, 14))
    ends = st.integers(0, n - 1)
    pattern = np.eye(n, dtype=bool)
    for i, j in draw(st.lists(st.tuples(ends, ends), max_size=24)):
        pattern[i, j] = pattern[j, i] = True
    return pattern


@settings(max_examples=50, deadline=None)
@given(patterns())
def test_filled_pattern_and_its_maps_are_those_of_dense_elimination(pattern: np.ndarray) -> None:
    n, filled = len(pattern), fill(pattern)
    y_start, y_column = compress(pattern)
    found = eliminate(y_start, y_column)
    start, column = compress(filled)
    assert found.start.tolist() == start.tolist()
    assert found.column.tolist() == column.tolist()
    assert found.parent.tolist() == find_parents(filled) == find_tree(y_start, y_column).tolist()
    place = np.full((n, n), -1)
    place[filled] = np.arange(len(column))
    assert found.diagonal.tolist() == np.diag(place).tolist()
    assert found.mirror.tolist() == place.T[filled].tolist()
    assert found.y_place.tolist() == place[pattern].tolist()
    assert found.y_column.tolist() == y_column.tolist()
    products = [
        place[i, j]
        for i in range(n)
        for k in range(i)
        for j in range(k + 1, n)
        if filled[i, k] and filled[k, j]
    ]
    assert found.target.tolist() == products


@settings(max_examples=50, deadline=None)
@given(patterns())
def test_in_postorder_every_subtree_is_contiguous_and_ends_with_its_root(pattern: np.ndarray) -> None:
    parent = find_tree(*compress(pattern))
    order = find_postorder(parent)
    assert sorted(order.tolist()) == list(range(len(parent)))
    place = np.argsort(order)
    below: list[set[int]] = [{i} for i in range(len(parent))]
    for i in order.tolist():
        if parent[i] >= 0:
            below[parent[i]] |= below[i]
    for i, nodes in enumerate(below):
        places = sorted(place[list(nodes)].tolist())
        assert places == list(range(int(place[i]) - len(nodes) + 1, int(place[i]) + 1))


@settings(max_examples=20, deadline=None)
@given(patterns())
def test_postorder_changes_no_fill(pattern: np.ndarray) -> None:
    order = find_postorder(find_tree(*compress(pattern)))
    assert fill(pattern[np.ix_(order, order)]).sum() == fill(pattern).sum()


@pytest.mark.parametrize("n", [1, 3000])
def test_a_long_chain_needs_no_recursion(n: int) -> None:
    pattern = [sorted({max(i - 1, 0), i, min(i + 1, n - 1)}) for i in range(n)]
    start, column = np.cumsum([0, *map(len, pattern)]), np.concatenate(pattern)
    assert find_postorder(find_tree(start, column)).tolist() == list(range(n))
    assert eliminate(start, column).column.tolist() == column.tolist()
