"""Sorting in place against numpy."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gridhub.kernels.sorting import sort_first


@given(st.lists(st.integers(-1000, 1000), max_size=60), st.integers(0, 60))
def test_the_first_numbers_are_sorted_and_the_others_stay(numbers: list[int], count: int) -> None:
    count = min(count, len(numbers))
    values = np.array(numbers, dtype=np.int64)
    sort_first(values, count)
    assert values.tolist() == sorted(numbers[:count]) + numbers[count:]
