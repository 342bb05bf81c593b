"""Anderson acceleration of depth two, on the elimination path of what a scenario changes.

There the chord's error is largest, so that mixing the last three iterates on it saves iterations at the cost
of a few short sums (H. F. Walker and P. Ni, Anderson acceleration for fixed-point iterations, SIAM J. Numer.
Anal. 49 (2011), https://doi.org/10.1137/10078356X).
"""

from __future__ import annotations

import numpy as np

from gridhub.kernels.jit import compiled_in_place
from gridhub.kernels.records import Singles

SMALLEST_DETERMINANT = 1e-6
"""Two differences count as parallel when their Gram determinant is below this share of its diagonal."""

LARGEST_WEIGHT = 100.0
"""Weights above this are not used: they would throw the iterate far away."""


@compiled_in_place
def mix(
    z: Singles,
    last_z: Singles,
    last_x: Singles,
    change_z: Singles,
    change_x: Singles,
    step: int,
    size: int,
) -> None:
    """Replace the step z by the mixed one.

    Parameters
    ----------
    z : (size,) float32
        Step the chord asks for; overwritten by the step to make.
    last_z, last_x : (size,) float32
        Step asked for and step made in the iteration before; updated here.
    change_z, change_x : (2 size,) float32
        Their last two changes; updated here.
    step : int
        Iterations since the scenario's equations last changed; 0 remembers without mixing.
    """
    if step == 0:
        for s in range(size):
            last_z[s] = z[s]
            last_x[s] = z[s]
        return
    new = size * (step & 1)
    old = size - new
    gain, own, both, second, along, other = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for s in range(size):
        d = z[s] - last_z[s]
        # until there are two changes, the one before is zeros
        before = np.float64(change_z[old + s]) if step > 1 else 0.0
        change_z[new + s] = d
        change_x[new + s] = last_x[s] + d
        own += np.float64(d) * d
        gain += np.float64(d) * z[s]
        both += d * before
        second += before * before
        along += before * z[s]
    weight = gain / (own + 1e-30)
    if not abs(weight) <= LARGEST_WEIGHT:
        # the steps repeat themselves, and nothing is learnt from their difference
        weight = 0.0
    if step > 1:
        determinant = own * second - both * both
        if determinant > SMALLEST_DETERMINANT * own * second:
            weight = (gain * second - along * both) / determinant
            other = (along * own - gain * both) / determinant
            if not abs(weight) + abs(other) <= LARGEST_WEIGHT:
                weight, other = 0.0, 0.0
    first, second_weight = np.float32(weight), np.float32(other)
    for s in range(size):
        last_z[s] = z[s]
        z[s] -= first * change_x[new + s]
        if step > 1:
            z[s] -= second_weight * change_x[old + s]
        last_x[s] = z[s]
