r"""Continuation power flow: solved states along a direction of injections, to the nose and beyond.

A tangent predicts, and a Newton corrector that holds the unknown which changes most brings the prediction
back to the curve (local parameterization: Ajjarapu and Christy, 1992, https://doi.org/10.1109/59.141737),
so that nothing is singular at the nose. The point at which a unit meets a reactive limit is located; the
curve goes on with the unit held there, to the side on which that is its place. Where :math:`\lambda` falls
on that side, the limit is the nose (limit-induced bifurcation: Dobson and Lu, 1992,
https://doi.org/10.1109/81.250167).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridhub.case.case import Complexes, Floats
from gridhub.solvers.ac import Setting
from gridhub.solvers.bordered import BorderedSystem, Point
from gridhub.solvers.solution import Solution

FIRST_STEP, SMALLEST_STEP = 0.02, 1e-7
"""Length of a step in the unknown that changes most: angle [rad], ln|V|, power in the scale of the curve."""

LARGEST_STEP, LARGEST_POWER_STEP = 0.1, 2.0
"""Longest step in angles and ln|V|, and in power."""

PREDICTION_ERROR = 5e-3
"""Distance of the corrected from the predicted point that steps aim at."""

LIMIT_TOLERANCE = 1e-6
"""How far past a reactive limit or a set-point a point may lie [p.u.]."""

LARGEST_STANDSTILL = 50
"""Switches without a step in between before the curve is given up."""

End = Literal["beyond the nose", "no generation left", "lost", "most points"]
NoseKind = Literal["saddle node", "reactive limit", "generation", ""]


@dataclass(frozen=True, slots=True)
class LimitEvent:
    """A node's units meet a reactive limit, or leave it.

    Attributes
    ----------
    point : int
        Point of the curve.
    node : int
    side : int
        1, -1: upper, lower limit.
    reached : bool
        False: left, the voltage is held again.
    """

    point: int
    node: int
    side: int
    reached: bool


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Solved states along a direction.

    Attributes
    ----------
    parameter : (k,) float
        λ of each point; the first is 0.
    vm : (k, n_node) float
        [p.u.]; NaN at dead nodes.
    at_limit : (k, n_node) int8
        As `Solution.at_limit`, on the way to the point.
    nose : int
        Point of the largest λ; -1 if the curve ends before it.
    nose_kind : str
        "saddle node": λ turns smoothly; "reactive limit": at a unit's limit; "generation": no unit can give
        more; "" without a nose.
    weakest : int
        Node whose voltage falls fastest at the nose; -1 without one.
    events : tuple of LimitEvent
    end : str
        "beyond the nose", "no generation left", "lost" (no next point was found), "most points".
    """

    parameter: Floats
    vm: Floats
    at_limit: NDArray[np.int8]
    nose: int
    nose_kind: NoseKind
    weakest: int
    events: tuple[LimitEvent, ...]
    end: End


def trace_curve(
    setting: Setting,
    start: Solution,
    direction: Complexes,
    *,
    beyond: float = 0.1,
    most_points: int = 1000,
) -> Curve | None:
    """Follow the solved states from `start` along a direction of injections.

    Parameters
    ----------
    setting : Setting
        Of the case, its options included.
    start : Solution
        Solved state of that setting.
    direction : (n_node,) complex
        Change of the injections per unit of λ [p.u.], generation positive.
    beyond : float
        The curve ends this share of λ below the nose.
    most_points : int

    Returns
    -------
    Curve or None
        None if `start` does not solve the equations.
    """
    live = start.islands.live
    scale = max(1.0, float(np.abs(setting.fixed[live].real).sum()))
    system = BorderedSystem(setting, direction, scale, start.at_limit)
    first = system.start(start)
    return None if first is None else _Tracer(system, first, beyond, most_points).run()


@dataclass(frozen=True, slots=True, eq=False)
class _Mark:
    """A point within a step: how far along the tangent, the measures there, the point."""

    length: float
    value: Floats
    point: Point

    @property
    def top(self) -> float:
        """Largest measure."""
        return float(self.value.max(initial=-np.inf))


def _find_first_crossing(low: _Mark, high: _Mark, weight: list[float]) -> float:
    """Share of the way at which the first measure reaches 0, each taken as a straight line."""
    rising = high.value > 0
    below, above = weight[0] * low.value[rising], weight[1] * high.value[rising]
    return float(np.clip((-below / (above - below)).min(), 1e-6, 1.0 - 1e-6))


class _Tracer:
    """Follows one curve, point by point."""

    def __init__(self, system: BorderedSystem, first: Point, beyond: float, most_points: int) -> None:
        self.system, self.beyond, self.most_points = system, beyond, most_points
        self.points, self.roles = [first], [system.at_limit]
        self.events: list[LimitEvent] = []
        self.nose, self.weakest = -1, -1
        self.kind: NoseKind = ""
        self.length = FIRST_STEP
        self.spent = False

    def run(self) -> Curve:
        """Follow the curve to its end."""
        tangent = self.system.find_tangent(self.points[0], len(self.points[0].x) - 1)
        if tangent is not None and tangent[-1] < 0:
            tangent = -tangent
        end: End = "most points"
        while len(self.points) < self.most_points:
            tangent = self._advance(tangent) if tangent is not None else None
            peak = self.points[self.nose].x[-1]
            if self.spent:
                end = "no generation left"
            elif tangent is None or self._stands_still():
                end = "lost"
            elif self.nose >= 0 and self.points[-1].x[-1] < (1.0 - self.beyond) * peak:
                end = "beyond the nose"
            else:
                continue
            break
        return self._finish(end)

    def _advance(self, tangent: Floats) -> Floats | None:
        """Go one step, or to the first limit in it; the tangent from there, None if no point was found."""
        step = self._step(tangent)
        if step is None:
            return None
        point, length = step
        node = -1
        over = np.flatnonzero(self.system.measure_limits(point) > LIMIT_TOLERANCE)
        short = self.system.measure_generation(point) > 0
        if short or len(over):
            found = self._locate(tangent, length, point, over, short)
            if found is None:
                return None
            point, length = found
            gap = self.system.measure_limits(point)[over]
            self.spent = short and self.system.measure_generation(point) > gap.max(initial=-np.inf)
            node = -1 if self.spent else int(over[np.argmax(gap)])
        following = self.system.find_tangent(point, int(np.argmax(np.abs(tangent))))
        if following is None:
            return None
        following = following if following @ tangent > 0 else -following
        if self.nose < 0 and following[-1] < 0 < tangent[-1]:
            self._add_nose(tangent, length)
        self._add(point)
        if self.spent and self.nose < 0:
            self._mark_nose("generation", following)
        return following if node < 0 else self._switch(node, following)

    def _step(self, tangent: Floats) -> tuple[Point, float] | None:
        """Predict and correct, with shorter steps until it succeeds."""
        state = np.abs(np.delete(tangent[:-1], 2 * np.flatnonzero(self.system.is_root)))
        longest = LARGEST_STEP / max(float(state.max(initial=0.0)), LARGEST_STEP / LARGEST_POWER_STEP)
        self.length = min(self.length, longest)
        while self.length >= SMALLEST_STEP:
            point = self._try(tangent, self.length)
            if point is not None:
                moved, length = point.x - self.points[-1].x, self.length
                error = float(np.abs(moved - length * tangent).max())
                self.length *= float(np.clip(np.sqrt(PREDICTION_ERROR / max(error, 1e-12)), 0.5, 2.0))
                return point, length
            self.length *= 0.5
        return None

    def _try(self, tangent: Floats, length: float) -> Point | None:
        before = self.points[-1].x
        point = self.system.correct(before + length * tangent, int(np.argmax(np.abs(tangent))))
        if point is None or (point.x - before) @ tangent <= 0:
            return None
        return point

    def _locate(
        self, tangent: Floats, length: float, end: Point, over: NDArray[np.int64], short: bool
    ) -> tuple[Point, float] | None:
        """Find the first point at which one of the nodes `over`, or the generation, meets its limit."""

        def measure(point: Point) -> Floats:
            past = self.system.measure_limits(point)[over]
            return np.append(past, self.system.measure_generation(point)) if short else past

        low, high = _Mark(0.0, measure(self.points[-1]), self.points[-1]), _Mark(length, measure(end), end)
        while low.top >= -LIMIT_TOLERANCE and high.length > SMALLEST_STEP:
            # a role that has just begun stands at 0: look for the step into its own side
            middle = self._mark(tangent, 0.5 * high.length, low, high, measure)
            if middle is None:
                return None
            low, high = (middle, high) if middle.top < -LIMIT_TOLERANCE else (low, middle)
        if low.top >= -LIMIT_TOLERANCE:
            return low.point, low.length
        if high.top <= LIMIT_TOLERANCE:
            return high.point, high.length
        return self._find_crossing(tangent, low, high, measure)

    def _find_crossing(
        self, tangent: Floats, low: _Mark, high: _Mark, measure: Callable[[Point], Floats]
    ) -> tuple[Point, float] | None:
        """Find where the first of several measures reaches 0 between two points.

        By secants, each measure its own, the earliest crossing taken; an end that stays twice loses weight
        (rule of Illinois), and where the bracket does not shrink it is halved.
        """
        weight, side, slow = [1.0, 1.0], 0, 0
        while high.length - low.length > 1e-10 * high.length:
            gap = high.length - low.length
            length = low.length + gap * (0.5 if slow > 1 else _find_first_crossing(low, high, weight))
            found = self._mark(tangent, length, low, high, measure)
            if found is None:
                return None
            if abs(found.top) <= 0.1 * LIMIT_TOLERANCE:
                return found.point, found.length
            if found.top > 0:
                high, weight, side = found, [0.5 * weight[0] if side > 0 else 1.0, 1.0], 1
            else:
                low, weight, side = found, [1.0, 0.5 * weight[1] if side < 0 else 1.0], -1
            slow = slow + 1 if slow <= 1 and high.length - low.length > 0.5 * gap else 0
        return low.point, low.length

    def _mark(
        self,
        tangent: Floats,
        length: float,
        low: _Mark,
        high: _Mark,
        measure: Callable[[Point], Floats],
    ) -> _Mark | None:
        """Find the point of the curve at a length between two known ones."""
        share = (length - low.length) / (high.length - low.length)
        guess = low.point.x + share * (high.point.x - low.point.x)
        point = self.system.correct(guess, int(np.argmax(np.abs(tangent))))
        return None if point is None else _Mark(length, measure(point), point)

    def _add_nose(self, tangent: Floats, length: float) -> None:
        """Find the point at which λ turns within a step, and keep it."""
        held = int(np.argmax(np.abs(tangent)))
        low, high = 0.0, length
        best: tuple[Point, Floats] | None = None
        for _ in range(8):
            middle = 0.5 * (low + high)
            point = self._try(tangent, middle)
            following = self.system.find_tangent(point, held) if point is not None else None
            if point is None or following is None:
                break
            following = following if following @ tangent > 0 else -following
            if best is None or point.x[-1] > best[0].x[-1]:
                best = point, following
            low, high = (middle, high) if following[-1] > 0 else (low, middle)
        if best is None:
            return
        self._add(best[0])
        self._mark_nose("saddle node", best[1])

    def _switch(self, node: int, tangent: Floats) -> Floats | None:
        """Change the role of a node at the last point; the tangent to the side where the new role belongs."""
        system, point = self.system, self.points[-1]
        before = int(system.at_limit[node])
        roles = system.at_limit.copy()
        if before:
            roles[node], side = 0, before
        else:
            regulation, produced = system.setting.regulation, system.find_reactive(point)[node]
            side = 1 if produced - regulation.high[node] > regulation.low[node] - produced else -1
            roles[node] = side
        self.events.append(LimitEvent(len(self.points) - 1, node, side, not before))
        system.set_roles(roles)
        following = system.find_tangent(point, int(np.argmax(np.abs(tangent))))
        if following is None:
            return None
        ahead, back = (
            system.measure_limits(system.evaluate(point.x + way * following))[node] for way in (1e-6, -1e-6)
        )
        following = following if ahead < back else -following
        if self.nose < 0 and following[-1] < 0:
            self._mark_nose("reactive limit", following)
        return following

    def _add(self, point: Point) -> None:
        self.points.append(point)
        self.roles.append(self.system.at_limit)

    def _mark_nose(self, kind: NoseKind, tangent: Floats) -> None:
        """Take the last point as the nose, and the node that falls fastest from there as the weakest."""
        self.nose, self.kind = len(self.points) - 1, kind
        vm, _, _, _ = self.system.split(self.points[-1].x)
        self.weakest = int(self.system.plan.node[np.argmin(vm * tangent[1:-1:2])])

    def _stands_still(self) -> bool:
        """Whether roles change again and again at one point."""
        if len(self.points) <= LARGEST_STANDSTILL:
            return False
        moved = self.points[-1].x - self.points[-1 - LARGEST_STANDSTILL].x
        return bool(np.abs(moved).max() < SMALLEST_STEP)

    def _finish(self, end: End) -> Curve:
        system = self.system
        position, live = system.plan.position, system.setting.islands.live
        vm = np.array([system.split(point.x)[0][position] for point in self.points])
        return Curve(
            parameter=np.array([point.x[-1] * system.parameter_scale for point in self.points]),
            vm=np.where(live, vm, np.nan),
            at_limit=np.array(self.roles),
            nose=self.nose,
            nose_kind=self.kind,
            weakest=self.weakest,
            events=tuple(self.events),
            end=end,
        )
