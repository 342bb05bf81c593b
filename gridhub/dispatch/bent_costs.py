"""Quadratic costs in a linear programme: tangents added where the solution lies, until the cost is met."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array

from gridhub.case.case import Floats, Ints
from gridhub.dispatch.problem import UNIT_KINDS, Columns
from gridhub.dispatch.programme import FEASIBILITY, LpSolution, ProgrammePart

FIRST_TANGENTS = 9
"""Tangents that a bent cost begins with, evenly spread over its range."""

COST_ERROR = 1e-7
"""By how much tangents may fall short of the bent costs of an hour, relative to the cost of its units; prices
are met to about the root of it."""

FINENESS = 64.0
"""Units of a bent cost's column per MW: what HiGHS counts as met shrinks as much."""


class BentCosts:
    """Bent parts of the costs of an hour: a column each, above tangents of bend x^2.

    The programme's cost is never above the true one, and at the end below it by `error` at most, or by
    what HiGHS cannot tell from nothing: tangents lie below the curve, and each solution gets one where it is.

    Parameters
    ----------
    part : ProgrammePart
        With the columns of the problem first.
    columns : Columns
    error : float
        See `COST_ERROR`.

    References
    ----------
    J. E. Kelley, "The cutting-plane method for solving convex programs", Journal of the Society for
    Industrial and Applied Mathematics 8 (1960) 703-712, doi:10.1137/0108053.
    """

    def __init__(self, part: ProgrammePart, columns: Columns, error: float = COST_ERROR) -> None:
        self.part, self.columns, self.error = part, columns, error
        self.of: Ints = np.flatnonzero((columns.bend > 0) & (columns.high > columns.low))
        self.weight = 2.0 * columns.bend[self.of] * columns.high[self.of] / FINENESS
        count = len(self.of)
        self.own = part.add_columns(np.zeros(count), np.full(count, np.inf), self.weight)
        if count:
            shares = np.linspace(1.0, 0.0, FIRST_TANGENTS)[:-1]
            rows = [self._add_tangents(np.arange(count), share * columns.high[self.of]) for share in shares]
            part.start_from(np.empty(0, dtype=np.int64), np.concatenate(rows))

    def _add_tangents(self, which: Ints, x: Floats) -> Ints:
        """Hold bent costs above their tangents at x: weight y - 2 bend x0 x >= -bend x0^2."""
        column, row = self.of[which], np.arange(len(which))
        bend, weight = self.columns.bend[column], self.weight[which]
        value = np.concatenate([np.ones(len(which)), -2.0 * bend * x / weight])
        place = np.tile(row, 2), np.concatenate([self.own[which], column])
        matrix = csr_array(coo_array((value, place), shape=(len(which), self.part.count)))
        return self.part.add_rows(matrix, -bend * x**2 / weight, np.full(len(which), np.inf))

    def refine(self, solution: LpSolution) -> int:
        """Add tangents where a solution of the hour falls short of the bent costs; how many."""
        if not len(self.of):
            return 0
        x = solution.x[self.of]
        short = self.columns.bend[self.of] * x**2 - self.weight * solution.x[self.own]
        units = np.flatnonzero(self.columns.select(*UNIT_KINDS))
        size = float(np.abs(self.columns.price[units]) @ solution.x[units])
        size += float(self.weight @ solution.x[self.own])
        if short.sum() <= self.error * size:
            return 0
        least = np.maximum(self.error * size / len(self.of), 2.0 * FEASIBILITY * self.weight)
        which = np.flatnonzero(short > least)
        if not len(which):
            return 0
        self._add_tangents(which, x[which])
        return len(which)
