"""Quadratic costs in a linear programme: pieces split where the solution lies, until the cost is met."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Floats, Ints
from gridhub.dispatch.problem import UNIT_KINDS, Columns
from gridhub.dispatch.programme import LpSolution, ProgrammePart

FIRST_PIECES = 9
"""Pieces that a bent cost begins with; their tangents are evenly spread over its range."""

BESIDE = (-0.3, 0.0, 0.3)
"""Where tangents are added: at a solution, and beside it by so much of the way to the nearest tangent."""

COST_ERROR = 1e-7
"""By how much pieces may fall short of the bent costs of an hour, relative to the cost of its units; prices
are met to about the root of it."""


class BentCosts:
    """Bent costs of an hour as pieces of constant price: the tangents of bend x^2.

    The programme's cost is never above the true one, and at the end below it by `error` at most: tangents lie
    below the curve, and each solution gets one where it is.

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
        count = len(self.of)
        # of each piece: the column it belongs to, as a place in `of`, where its tangent lies, and its width
        self._which: Ints = np.arange(count)
        self._tangent = np.zeros(count)
        self._width = columns.high[self.of]
        self._piece = part.find_first_piece(self.of)
        if count:
            share = np.linspace(0.0, 1.0, FIRST_PIECES)[1:]
            which = np.repeat(np.arange(count), len(share))
            self._add(which, np.tile(share, count) * columns.high[self.of[which]])

    def _add(self, which: Ints, tangent: Floats) -> None:
        """Add tangents; pieces meet halfway between two of a column."""
        column = self.of[which]
        price = self.columns.price[column] + 2.0 * self.columns.bend[column] * tangent
        piece = self.part.add_pieces(column, np.zeros(len(which)), price)
        which = np.concatenate([self._which, which])
        tangent = np.concatenate([self._tangent, tangent])
        order = np.lexsort((tangent, which))
        self._which, self._tangent = which[order], tangent[order]
        self._piece = np.concatenate([self._piece, piece])[order]
        before = np.concatenate([self._width, np.full(len(piece), -1.0)])[order]
        last = np.append(np.diff(self._which) > 0, True)
        middle = np.append((self._tangent[1:] + self._tangent[:-1]) / 2.0, 0.0)
        end = np.where(last, self.columns.high[self.of[self._which]], middle)
        self._width = end - np.where(np.roll(last, 1), 0.0, np.roll(end, 1))
        changed = self._width != before
        self.part.programme.resize_pieces(self._piece[changed], self._width[changed])

    def refine(self, solution: LpSolution) -> int:
        """Add tangents where a solution of the hour falls short of the bent costs; how many."""
        if not len(self.of):
            return 0
        x = np.clip(solution.x[self.of], 0.0, self.columns.high[self.of])
        bend = self.columns.bend[self.of]
        gap = np.abs(x[self._which] - self._tangent)
        near = np.full(len(self.of), np.inf)
        np.minimum.at(near, self._which, gap)
        short = bend * near**2
        units = np.flatnonzero(self.columns.select(*UNIT_KINDS))
        size = float(np.abs(self.columns.price[units]) @ solution.x[units] + bend @ x**2)
        if short.sum() <= self.error * size:
            return 0
        which = np.flatnonzero(short > self.error * size / len(self.of))
        beside = np.repeat(BESIDE, len(which)) * np.tile(near[which], len(BESIDE))
        which = np.tile(which, len(BESIDE))
        self._add(which, np.clip(x[which] + beside, 0.0, self.columns.high[self.of[which]]))
        return len(which)
