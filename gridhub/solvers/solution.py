"""`Solution`: the solved state of one case, AC or DC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gridhub.case.case import Case, Complexes, Floats, Ints
from gridhub.solvers.islands import Islands
from gridhub.solvers.status import Status


@dataclass(frozen=True, slots=True, eq=False)
class TapMoves:
    """What became of the tap changers that hold a voltage.

    Attributes
    ----------
    branch : (k,) int
        Position of each transformer among the branches.
    before, after : (k,) float
        Tap ratio given and reached.
    steps : (k,) int
        Steps between them; positive raises the ratio.
    vm : (k,) float
        Voltage at the bus held [p.u.]; NaN where it is dead.
    state : (k,) str
        "held": within the band; "limit": outside it, at the end of the range; "hunting": outside it, frozen
        because it kept turning back; "idle": out of service, dead, or units hold the voltage; "unsettled":
        the last state is not solved.
    """

    branch: Ints
    before: Floats
    after: Floats
    steps: Ints
    vm: Floats
    state: NDArray[np.object_]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Solved state of one case.

    Attributes
    ----------
    case : Case
        The case solved: references chosen, HVDC links with a dead end out of service.
    method : {"ac", "dc"}
    status : Status
    reason : str
        Why the status is not CONVERGED; empty otherwise.
    islands : Islands
    vm, va : (n_node,) float
        Voltage [p.u., rad]; NaN at dead nodes, vm NaN in DC.
    s_from, s_to : (n_branch,) complex
        Power into each branch at both ends [p.u.]; DC: real part only.
    generator_p : (n_generator,) float
        [p.u.].
    unit_q : (n_generator + 2 n_hvdc,) float
        Reactive power of generators, HVDC from ends, HVDC to ends [p.u.]; NaN in DC.
    at_limit : (n_node,) int8
        1, -1 where the node's units are held at their upper, lower reactive limit; else 0.
    external : (n_node,) complex
        Power a reference without units takes from outside [p.u.].
    imbalance : (n_island,) float
        Imbalance shared by each island's units [p.u.].
    mismatch : (n_node,) complex
        Recomputed from the inputs (AC) [p.u.].
    iterations, switches : int
        Newton iterations in all, and changes between held and free voltage.
    start : str
        Start that led to the solution.
    taps : TapMoves or None
        With controlled taps; None: they are fixed.
    """

    case: Case
    method: Literal["ac", "dc"]
    status: Status
    reason: str
    islands: Islands
    vm: Floats
    va: Floats
    s_from: Complexes
    s_to: Complexes
    generator_p: Floats
    unit_q: Floats
    at_limit: NDArray[np.int8]
    external: Complexes
    imbalance: Floats
    mismatch: Complexes
    iterations: int
    switches: int
    start: str
    taps: TapMoves | None = None

    @property
    def worst_mismatch(self) -> float:
        """Largest active or reactive mismatch [p.u.]."""
        parts = np.abs(self.mismatch.real).max(initial=0.0), np.abs(self.mismatch.imag).max(initial=0.0)
        return float(max(parts))
