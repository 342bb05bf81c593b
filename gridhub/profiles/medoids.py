"""Typical periods on arrays: k-medoids with fixed members, weights that keep energies, duration curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from gridhub.profiles.region import Floats

Ints = NDArray[np.int64]

ENERGY_FIRST = 1e4
"""How much more an error of energy, relative to the largest series, counts than a change of a weight."""


def compute_distances(values: Floats) -> Floats:
    """Compute how far periods lie apart.

    Parameters
    ----------
    values : (n_period, n_hour, n_series) float
        Each series is brought to 0 … 1 over all periods; one that never changes counts for nothing.

    Returns
    -------
    (n_period, n_period) float
        Euclidean distance over hours and series.
    """
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    span = np.where(high > low, high - low, 1.0)
    flat = ((values - low) / span).reshape(len(values), -1)
    square = (flat**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square[:, None] + square[None, :] - 2.0 * flat @ flat.T, 0.0)))


def find_medoids(distance: Floats, count: int, fixed: Sequence[int] = ()) -> Ints:
    """Choose the periods that all others lie nearest to (k-medoids, by building and swapping).

    Parameters
    ----------
    distance : (n, n) float
    count : int
        Periods to choose, fixed ones included.
    fixed : sequence of int
        Periods that are chosen in any case.

    Returns
    -------
    (count,) int
        In rising order. No exchange of one period that is not fixed lowers the sum of distances further.
    """
    chosen = list(dict.fromkeys(fixed))
    nearest = distance[:, chosen].min(axis=1) if chosen else np.full(len(distance), np.inf)
    while len(chosen) < count:
        total = np.minimum(nearest[:, None], distance).sum(axis=0)
        total[chosen] = np.inf
        chosen.append(int(total.argmin()))
        nearest = np.minimum(nearest, distance[:, chosen[-1]])
    best = float(nearest.sum())
    while True:
        swap = None
        for place in range(len(set(fixed)), count):
            others = chosen[:place] + chosen[place + 1 :]
            nearest = distance[:, others].min(axis=1) if others else np.full(len(distance), np.inf)
            total = np.minimum(nearest[:, None], distance).sum(axis=0)
            total[chosen] = np.inf
            at = int(total.argmin())
            if total[at] < best - 1e-9 * max(best, 1.0):
                best, swap = float(total[at]), (place, at)
        if swap is None:
            return np.sort(np.array(chosen, dtype=np.int64))
        chosen[swap[0]] = swap[1]


def assign_periods(distance: Floats, chosen: Ints) -> Ints:
    """Give each period the place in `chosen` of the one it lies nearest to, (n,) int; itself if chosen."""
    place = distance[:, chosen].argmin(axis=1)
    place[chosen] = np.arange(len(chosen))
    return np.asarray(place, dtype=np.int64)


def fit_weights(energy: Floats, target: Floats, members: Floats, total: float) -> Floats:
    """Find how many periods each chosen one stands for, so that energies are kept.

    Parameters
    ----------
    energy : (k, n_series) float
        Of each chosen period [MWh].
    target : (n_series,) float
        Of all hours [MWh].
    members : (k,) float
        Periods assigned to each chosen one: what the weights stay near to.
    total : float
        Sum of the weights: all hours in periods, a fraction included; more than k.

    Returns
    -------
    (k,) float
        At least 1 each. Where no such weights keep every energy, the errors in MWh are least by squares.
    """
    k = len(members)
    near = members * total / members.sum()
    size = max(float(np.abs(target).max()), 1.0)
    rows = np.vstack(
        [ENERGY_FIRST * np.ones((1, k)) / total, ENERGY_FIRST * (energy / size).T, np.diag(1.0 / near) / k]
    )
    right = np.concatenate([[ENERGY_FIRST], ENERGY_FIRST * target / size, np.ones(k) / k])
    found = lsq_linear(rows, right, bounds=(1.0, np.inf), method="bvls")
    excess = found.x - 1.0
    if excess.sum() <= 0.0:
        return np.full(k, total / k)
    # the sum is exact whatever the rest does
    return np.asarray(1.0 + excess * (total - k) / excess.sum())


def compare_durations(full: Floats, values: Floats, weight: Floats) -> float:
    """Compute how far the duration curve of weighted hours lies from that of all hours.

    Parameters
    ----------
    full : (n,) float
    values, weight : (m,) float
        Weights sum to n.

    Returns
    -------
    float
        Root mean square difference, in the unit of the values.
    """
    order = np.argsort(-values, kind="stable")
    reach = np.cumsum(weight[order])
    at = np.minimum(np.searchsorted(reach, np.arange(len(full)) + 0.5), len(values) - 1)
    return float(np.sqrt(np.mean((np.sort(full)[::-1] - values[order][at]) ** 2)))
