"""Candidate works side by side: headroom gained, cost per MW, and how firm their order is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.headroom import find_headroom
from gridhub.analysis.works.candidates import Candidate
from gridhub.costs import Cost
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions

DRAWS = 10_000
"""Draws of the cost ranges when the order is tested."""

SMALLEST_GAIN_MW = 1.0
"""Gains below count as none: no cost per MW is given [MW]."""

COLUMNS = (
    "candidate",
    "kind",
    "target",
    "description",
    "left_violations",
    "left_worst_percent",
    "gained_mw",
    "cost_low_bn",
    "cost_base_bn",
    "cost_high_bn",
    "cost_per_mw_low",
    "cost_per_mw_base",
    "cost_per_mw_high",
    "rank",
    "rank_kept_percent",
    "lead_years",
    "cost_source",
    "cost_confidence",
    "note",
)


@dataclass(frozen=True, eq=False)
class Reinforcement:
    """Candidates side by side.

    Attributes
    ----------
    money_unit : str
        Unit of every cost, such as "bn KRW".
    table : DataFrame
        One row per candidate, cheapest per MW first: candidate, kind, target, description; left_violations
        (caused by the hub and not removed) and left_worst_percent (highest loading among them);
        gained_mw (headroom gained at the hub's point of connection, violations that exist without it set
        aside); cost_low_bn, cost_base_bn, cost_high_bn; cost_per_mw_low, _base, _high (NaN where nothing is
        gained); rank; rank_kept_percent (share of draws between low and high in which the rank stays);
        lead_years; cost_source, cost_confidence; note.
    flips : DataFrame
        One row per pair: cheaper, dearer (at base cost), flip_percent (share of draws in which the order of
        the pair is the other way round).
    seed : int
        Of the draws.
    """

    money_unit: str
    table: pd.DataFrame
    flips: pd.DataFrame
    seed: int


def find_gain(
    net: Network,
    candidate: Candidate,
    bus: str,
    before_mw: float,
    criteria: Criteria | None,
    options: Mapping[str, Any] | PowerFlowOptions | None = None,
    snapshots: Sequence[str] | None = None,
) -> float:
    """Find the headroom a candidate adds at a bus of the network without the hub [MW].

    Parameters
    ----------
    net : Network
        Without the hub.
    candidate : Candidate
    bus : str
        Point of connection.
    before_mw : float
        ``near_mw`` of `find_headroom` without AC check and towers, over the same snapshots [MW].
    criteria : Criteria or None
    options : mapping or PowerFlowOptions, optional
    snapshots : sequence of str, optional

    Returns
    -------
    float
        Gain in the DC figure over near branches, interfaces and generation; for storage and flexible load
        the power taken off the hub's own draw.
    """
    if candidate.direct_mw:
        return candidate.direct_mw
    changed = candidate.apply(net)
    if changed is net:
        return 0.0
    after = find_headroom(
        changed, bus, criteria, snapshots, check=False, tower_min_kv=math.inf, options=options
    )
    return after.near_mw - before_mw


def draw_costs(costs: Sequence[Cost], kinds: Sequence[str], seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draw costs between low and high; candidates of one kind move together.

    Parameters
    ----------
    costs : sequence of Cost
        n ranges.
    kinds : sequence of str
        n kinds: the unit costs behind one kind are the same, so one draw serves all of them.
    seed, draws : int

    Returns
    -------
    (draws, n) ndarray
        Triangular with the mode at base, by the inverse of its distribution function.
    """
    rng = np.random.default_rng(seed)
    names = list(dict.fromkeys(kinds))
    uniform = rng.random((draws, len(names)))
    result = np.empty((draws, len(costs)))
    for i, (cost, kind) in enumerate(zip(costs, kinds, strict=True)):
        u = uniform[:, names.index(kind)]
        width = cost.high - cost.low
        if width <= 0:
            result[:, i] = cost.base
            continue
        split = (cost.base - cost.low) / width
        rising = cost.low + np.sqrt(u * width * (cost.base - cost.low))
        falling = cost.high - np.sqrt((1 - u) * width * (cost.high - cost.base))
        result[:, i] = np.where(u < split, rising, falling)
    return result


def compare_candidates(
    candidates: Sequence[Candidate],
    gains_mw: Sequence[float],
    left: Sequence[tuple[int, float]],
    money_unit: str,
    seed: int = 0,
) -> Reinforcement:
    """Put candidates side by side and test how firm their order is.

    Parameters
    ----------
    candidates : sequence of Candidate
    gains_mw : sequence of float
        Headroom each gains [MW].
    left : sequence of (int, float)
        Violations caused by the hub that are left with it, and the highest loading among them [%].
    money_unit : str
    seed : int
        Of the draws between low and high.

    Returns
    -------
    Reinforcement
    """
    gains = np.array([gain if gain >= SMALLEST_GAIN_MW else np.nan for gain in gains_mw], dtype=float)
    base = np.array([one.cost.base for one in candidates], dtype=float) / gains
    # what gains nothing comes last, in the order given
    order = np.argsort(np.where(np.isnan(base), np.inf, base), kind="stable")
    drawn = draw_costs([one.cost for one in candidates], [one.kind for one in candidates], seed) / gains
    drawn = np.where(np.isnan(drawn), np.inf, drawn)
    rank = np.empty(len(candidates), dtype=int)
    rank[order] = np.arange(1, len(candidates) + 1)
    drawn_rank = np.argsort(np.argsort(drawn, axis=1, kind="stable"), axis=1, kind="stable") + 1
    rows = []
    for i in order:
        one, gain = candidates[i], gains[i]
        row: dict[str, Any] = {
            "candidate": one.name,
            "kind": one.kind,
            "target": one.target,
            "description": one.description,
            "left_violations": left[i][0],
            "left_worst_percent": left[i][1],
            "gained_mw": max(float(gains_mw[i]), 0.0),
            "rank": rank[i] if not np.isnan(gain) else np.nan,
            "rank_kept_percent": 100.0 * float(np.mean(drawn_rank[:, i] == rank[i])) if gain > 0 else np.nan,
            "lead_years": one.cost.lead_years,
            "cost_source": one.cost.source,
            "cost_confidence": one.cost.confidence,
            "note": one.note,
        }
        for end in ("low", "base", "high"):
            row[f"cost_{end}_bn"] = getattr(one.cost, end)
            row[f"cost_per_mw_{end}"] = getattr(one.cost, end) / gain
        rows.append(row)
    pairs = [
        {
            "cheaper": candidates[i].name,
            "dearer": candidates[j].name,
            "flip_percent": 100.0 * float(np.mean(drawn[:, i] > drawn[:, j])),
        }
        for at, i in enumerate(order)
        for j in order[at + 1 :]
        if not np.isnan(gains[i]) and not np.isnan(gains[j])
    ]
    return Reinforcement(
        money_unit,
        pd.DataFrame(rows, columns=list(COLUMNS)),
        pd.DataFrame(pairs, columns=["cheaper", "dearer", "flip_percent"]),
        seed,
    )
