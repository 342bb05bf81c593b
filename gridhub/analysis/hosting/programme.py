"""The programme of shared room: rows added where they are exceeded, piece by piece of the units' path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from gridhub.case.case import Floats, Ints
from gridhub.kernels.rooms import EQUAL, Losses, Path

ROWS = 100
"""Limits added to the programme at once for each state: those exceeded most."""

ROUNDS = 200
"""Most rounds of adding limits in one piece."""

CLOSE = 1e-7
"""Excess of a limit that counts as none [p.u.]."""


@dataclass(frozen=True, slots=True, eq=False)
class JointView:
    """Flows of one state, and their limits.

    Attributes
    ----------
    path : Path
    drawn : (k, n) float
    losses : Losses
    before, after : (n,) and (e,) float
        Limit of each element, and of each entry of `losses` [p.u.]; infinite where there is none.
    """

    path: Path
    drawn: Floats
    losses: Losses
    before: Floats
    after: Floats

    def follow(self, total: float) -> Floats:
        """Flows at a total, the hubs' own draw left out [p.u.]."""
        amount, flow = self.path.amount, self.path.flow
        p = min(int(np.searchsorted(amount, total, side="right")), len(amount) - 1) - 1
        share = (total - amount[p]) / (amount[p + 1] - amount[p])
        return np.asarray(flow[p] + share * (flow[p + 1] - flow[p]))


def build_view(
    path: Path, drawn: Floats, losses: Losses, before: Floats, after: Floats, worsening: float, effect: float
) -> JointView:
    """Settle the limits of a state: what is beyond one already, and what moves too little to count.

    Parameters
    ----------
    path, drawn, losses
        As in `JointView`.
    before, after : (n,) and (e,) float
        Limits; NaN where there is none [p.u.].
    worsening : float
        Share of the limit that a violation there may grow by.
    effect : float
        A limit counts if any hub by itself moves the flow by this per MW, from its first MW.
    """
    start = path.flow[0]
    held = [_settle(start, before, worsening), _settle(spread(losses, start), after, worsening)]
    if effect > 0:
        step = path.amount[1] - path.amount[0]
        slope = drawn + (path.flow[1] - start) / step
        for limit, change in zip(held, (slope, spread(losses, slope)), strict=True):
            limit[np.abs(change).max(axis=0) < effect] = np.inf
    return JointView(path, drawn, losses, *held)


def spread(losses: Losses, flow: Floats) -> Floats:
    """Flows after outages, one per entry of `losses`, (e,) or (k, e) for flows (n,) or (k, n)."""
    element = np.repeat(np.arange(flow.shape[-1]), np.diff(losses.begin))
    if not len(element):
        return flow[..., element]
    moved = np.add.reduceat(losses.factor * flow[..., losses.lost], losses.first[:-1], axis=-1)
    return np.asarray(flow[..., element] + moved)


def _settle(flow: Floats, limit: Floats, worsening: float) -> Floats:
    """Limits that hold for flows that may be beyond them already; infinite where there is none."""
    with np.errstate(invalid="ignore"):
        beyond = np.abs(flow) > limit * (1.0 + EQUAL)
    held = np.where(beyond, np.abs(flow) + worsening * limit, limit)
    return np.where(np.isnan(held), np.inf, held)


class JointProgramme:
    """Largest total of several hubs; the rows known to matter are kept by view.

    Parameters
    ----------
    views : sequence of JointView
    firm : (k,) float
        Room of each bus by itself [p.u.].
    highest : (k,) float
        Most that each may have [p.u.].
    total : float
        Most that all may have: what the units can follow in every state [p.u.].

    Notes
    -----
    With the total T fixed the flows are linear in the loads; along T they bend where a unit meets its limit.
    One linear programme is solved for each piece between two bends, from the highest total down: the first
    that has a solution holds the largest. Rows are numbered elements first, then entries after outages.
    """

    def __init__(self, views: Sequence[JointView], firm: Floats, highest: Floats, total: float) -> None:
        self.views, self.firm, self.highest, self.total = views, firm, highest, total
        self.known: list[list[int]] = [[] for _ in views]
        bends = np.concatenate([[0.0, total], *(view.path.amount for view in views)])
        bends = np.unique(bends[(bends >= 0.0) & (bends <= total)])
        kept = np.concatenate([[True], np.diff(bends) > CLOSE])
        self.bends = bends[kept]

    def find_largest_share(self) -> float:
        """Find the largest share of `firm` that all can have at once, going up from nothing."""
        low, high = 0.0, min(1.0, self.total / self.firm.sum()) if self.firm.sum() > 0 else 0.0
        if self._list_exceeded(high * self.firm, 0.0) == 0:
            return high
        while high - low > 1e-9:
            middle = 0.5 * (low + high)
            low, high = (low, middle) if self._list_exceeded(middle * self.firm, 0.0) else (middle, high)
        return low

    def maximise(self, floor: Floats) -> Floats:
        """Maximise the total with at least `floor` at each bus, (k,) [p.u.]; `floor` itself must hold."""
        least = float(floor.sum())
        for low, high in zip(self.bends[-2::-1], self.bends[:0:-1], strict=True):
            if high <= least + CLOSE:
                break
            found = self._maximise_in(floor, max(float(low), least), float(high))
            if found is not None:
                return found
        return floor

    def _maximise_in(self, floor: Floats, low: float, high: float) -> Floats | None:
        """Maximise the total within one piece; None if nothing in it holds."""
        for _ in range(ROUNDS):
            x = self._solve(floor, low, high)
            if x is None or not self._list_exceeded(x, CLOSE):
                return x
        return None

    def _list_exceeded(self, x: Floats, close: float) -> int:
        """Add the limits that loads exceed most to the known ones; how many are exceeded."""
        count = 0
        total = float(x.sum())
        for view, known in zip(self.views, self.known, strict=True):
            flow = view.follow(total) + x @ view.drawn
            excess = np.concatenate(
                [np.abs(flow) - view.before, np.abs(spread(view.losses, flow)) - view.after]
            )
            over = np.flatnonzero(excess > close)
            count += len(over)
            worst = over[np.argsort(-excess[over], kind="stable")[:ROWS]]
            known.extend(row for row in worst.tolist() if row not in known)
        return count

    def _solve(self, floor: Floats, low: float, high: float) -> Floats | None:
        """Solve the programme of the known rows within a piece; None if it has no solution."""
        from gridhub.dispatch.programme import LinearProgramme

        count = len(self.firm)
        programme = LinearProgramme(largest_price=1.0)
        programme.add_columns(floor, np.maximum(self.highest, floor), -np.ones(count))
        matrix = [np.ones((1, count))]
        rows_low, rows_high = [np.array([low])], [np.array([high])]
        for view, known in zip(self.views, self.known, strict=True):
            if not known:
                continue
            rows: Ints = np.array(known)
            start = view.follow(low)
            bend = (view.follow(high) - start) / (high - low)
            slope = view.drawn + bend
            every = np.concatenate([slope, spread(view.losses, slope)], axis=1)[:, rows]
            # at a total T the units add start + bend (T - low), and T is the sum of the loads
            fixed = start - low * bend
            at_zero = np.concatenate([fixed, spread(view.losses, fixed)])[rows]
            # half of what counts as no excess: a floor on the edge of a limit stays possible
            limit = np.concatenate([view.before, view.after])[rows] + 0.5 * CLOSE
            matrix.append(every.T)
            rows_low.append(-limit - at_zero)
            rows_high.append(limit - at_zero)
        programme.add_rows(
            csr_array(np.concatenate(matrix)), np.concatenate(rows_low), np.concatenate(rows_high)
        )
        solution = programme.solve()
        return np.asarray(solution.x) if solution.status == "optimal" else None
