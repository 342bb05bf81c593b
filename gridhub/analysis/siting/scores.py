"""From criteria to a ranking: weighted sum, TOPSIS, Pareto front, and how stable it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gridhub.case.case import Bools, Floats, Ints

Better = Literal["high", "low"]
Score = Literal["weighted_sum", "topsis"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a ranking.

    Attributes
    ----------
    name, unit : str
    better : {"high", "low"}
    group : str
        Criteria of one group share the weight of one where no weights are given: they say similar things.
    method : str
        How it is found, and where its parameters come from.
    spread : float
        Uncertainty of the data, as a standard deviation over the value; 0 where it is none.
    """

    name: str
    unit: str
    better: Better
    group: str
    method: str
    spread: float = 0.0


def turn_up(values: Floats, better: list[Better]) -> Floats:
    """Scale criteria to 0 (worst site) to 1 (best site); 1 for all where they do not differ.

    Parameters
    ----------
    values : (…, n_site, n_criterion) float
    """
    low, high = values.min(axis=-2, keepdims=True), values.max(axis=-2, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    up = np.where(np.array([one == "high" for one in better]), values - low, high - values) / span
    return np.asarray(np.where(high > low, up, 1.0))


def sum_weighted(values: Floats, weights: Floats, better: list[Better]) -> Floats:
    """Weighted sum of the criteria scaled to 0 to 1, (…, n_site)."""
    return np.asarray((turn_up(values, better) * weights[..., None, :]).sum(axis=-1))


def compute_topsis(values: Floats, weights: Floats, better: list[Better]) -> Floats:
    """Nearness to the ideal site, (…, n_site), 0 to 1.

    Parameters
    ----------
    values : (…, n_site, n_criterion) float
    weights : (…, n_criterion) float
        Adding up to 1.

    Notes
    -----
    The criteria scaled to 0 to 1 and weighted, d+ and d- the Euclidean distances to the best and the worst
    value of each criterion: d- / (d+ + d-).

    References
    ----------
    C.-L. Hwang, K. Yoon, "Multiple Attribute Decision Making: Methods and Applications", Springer 1981,
    doi:10.1007/978-3-642-48318-9.
    """
    scaled = turn_up(values, better) * weights[..., None, :]
    best, worst = scaled.max(axis=-2, keepdims=True), scaled.min(axis=-2, keepdims=True)
    near = np.sqrt(np.square(scaled - best).sum(axis=-1))
    far = np.sqrt(np.square(scaled - worst).sum(axis=-1))
    return np.asarray(np.divide(far, near + far, out=np.ones_like(far), where=near + far > 0))


def compute_score(kind: Score, values: Floats, weights: Floats, better: list[Better]) -> Floats:
    """Score by name."""
    compute = sum_weighted if kind == "weighted_sum" else compute_topsis
    return compute(values, weights, better)


def find_pareto(values: Floats, better: list[Better]) -> Bools:
    """Mark the sites that no other site beats in one criterion without losing in another, (n_site,)."""
    up = turn_up(values, better)
    at_least = (up[:, None, :] >= up[None, :, :]).all(axis=2)
    better_once = (up[:, None, :] > up[None, :, :]).any(axis=2)
    return np.asarray(~(at_least & better_once).any(axis=0))


def rank_descending(score: Floats) -> Ints:
    """Rank by score, 1 the highest; ties share the better rank, (…, n_site)."""
    return np.asarray(1 + (score[..., None, :] > score[..., :, None] + 1e-12).sum(axis=-1))


def draw_ranks(
    kind: Score,
    values: Floats,
    weights: Floats,
    criteria: list[Criterion],
    weight_spread: float,
    draws: int,
    seed: int,
) -> Ints:
    """Rank the sites again under drawn weights and data.

    Parameters
    ----------
    weight_spread : float
        Standard deviation of each weight over its value: a gamma draw, then scaled to add up to 1.
    draws, seed : int

    Returns
    -------
    (draws, n_site) int
    """
    rng = np.random.default_rng(seed)
    better = [one.better for one in criteria]
    drawn = np.repeat(weights[None, :], draws, axis=0)
    if weight_spread > 0:
        shape = 1.0 / weight_spread**2
        drawn = drawn * rng.gamma(shape, 1.0 / shape, drawn.shape)
    drawn /= drawn.sum(axis=1, keepdims=True)
    spread = np.array([one.spread for one in criteria])
    noise = rng.standard_normal((draws, *values.shape)) * spread
    return rank_descending(compute_score(kind, values * np.exp(noise), drawn, better))
