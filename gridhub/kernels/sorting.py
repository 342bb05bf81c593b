"""Sorting for kernels that allocate nothing: numba's own hands its array back, which is a new reference."""

from __future__ import annotations

from gridhub.kernels.elimination import Ints
from gridhub.kernels.jit import compiled_in_place


@compiled_in_place
def sort_first(values: Ints, count: int) -> None:
    """Sort the first `count` numbers ascending, by Shell's method with gaps 1, 4, 13, 40 and so on."""
    gap = 1
    while 3 * gap + 1 < count:
        gap = 3 * gap + 1
    while gap > 0:
        for s in range(gap, count):
            value, r = values[s], s
            while r >= gap and values[r - gap] > value:
                values[r] = values[r - gap]
                r -= gap
            values[r] = value
        gap //= 3
