"""Piecewise linear costs of units, as blocks of offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.errors import InputError, Issue

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.dispatch.offers import UnitOffers

BEND_TOLERANCE = 1e-6
"""By how much, relative to the steepest, a slope may fall and still count as level."""


@dataclass(frozen=True, slots=True, eq=False)
class CostCurves:
    """Convex costs given by points, straight between them.

    Attributes
    ----------
    unit : (k,) int
        Position of the generator each point belongs to; sorted.
    p : (k,) float
        Power [MW]; rises within a unit.
    cost : (k,) float
        [currency/h].
    """

    unit: Ints
    p: Floats
    cost: Floats

    def put_into(self, offers: UnitOffers, on: Bools, constant_too: Bools) -> UnitOffers:
        """Replace the blocks of the units that have a curve.

        Parameters
        ----------
        offers : UnitOffers
        on : (n_generator,) bool
            Units in service.
        constant_too : (n_generator,) bool
            Units that pay their cost at `low`; the others pay what is beyond it.
        """
        constant, kept = offers.constant.copy(), ~np.isin(offers.block_unit, self.unit)
        parts = [(offers.block_unit[kept], offers.block_width[kept], offers.block_price[kept])]
        for unit in np.unique(self.unit).tolist():
            mine = self.unit == unit
            low, high = float(offers.low[unit]), float(offers.high[unit])
            width, price, first = _cut(self.p[mine], self.cost[mine], low, high)
            constant[unit] = first if on[unit] and constant_too[unit] else 0.0
            parts.append((np.full(len(width), unit), width, price))
        unit, width, price = (np.concatenate(part) for part in zip(*parts, strict=True))
        bend = np.zeros(len(unit))
        bend[: int(kept.sum())] = offers.block_bend[kept]
        return replace(
            offers, constant=constant, block_unit=unit, block_width=width, block_price=price, block_bend=bend
        )


def _cut(p: Floats, cost: Floats, low: float, high: float) -> tuple[Floats, Floats, float]:
    """Cut a curve to a range: widths and prices of its pieces, and the cost at `low`."""
    slope = np.diff(cost) / np.diff(p)
    edges = np.concatenate([[low], p[1:-1][(p[1:-1] > low) & (p[1:-1] < high)], [high]])
    piece = np.clip(np.searchsorted(p, edges[:-1], side="right") - 1, 0, len(slope) - 1)
    first = float(cost[piece[0]] + slope[piece[0]] * (low - p[piece[0]]))
    wide = np.diff(edges) > 0
    return np.diff(edges)[wide], slope[piece][wide], first


def compile_curves(case: Case, table: pd.DataFrame) -> CostCurves | None:
    """Compile the table ``cost_point`` of a network.

    Parameters
    ----------
    case : Case
    table : DataFrame
        Columns generator, p_mw, cost_per_h.

    Returns
    -------
    CostCurves or None
        None where there are no points.

    Raises
    ------
    InputError
        E-COST for every unit with fewer than two points of different power, or a cost that is not convex.
    """
    if table.empty:
        return None
    unit = table["generator"].map({name: i for i, name in enumerate(case.labels.generator)})
    p, cost = table["p_mw"].to_numpy(dtype=float), table["cost_per_h"].to_numpy(dtype=float)
    order = np.lexsort((p, unit))
    found = CostCurves(np.asarray(unit, dtype=np.int64)[order], p[order], cost[order])
    issues = []
    for number in np.unique(found.unit).tolist():
        mine = found.unit == number
        text = _find_fault(found.p[mine], found.cost[mine])
        if text:
            name = case.labels.generator[number]
            issues.append(Issue("error", "E-COST", "cost_point", name, "cost_per_h", "", text))
    if issues:
        raise InputError(issues, "costs")
    return found


def _find_fault(p: Floats, cost: Floats) -> str:
    if len(p) < 2 or (np.diff(p) <= 0).any():
        return "wants two points or more, each at another power"
    slope = np.diff(cost) / np.diff(p)
    if (np.diff(slope) < -BEND_TOLERANCE * np.abs(slope).max()).any():
        return "the cost is not convex: a linear programme cannot hold it"
    return ""
