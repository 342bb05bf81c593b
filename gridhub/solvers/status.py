"""How a solve ended."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Status of one power flow or one contingency.

    CONVERGED
        Every mismatch is within tolerance, recomputed from the inputs, and every voltage is realistic.
    ISLANDED
        As CONVERGED for every island that has a reference; the rest is dead and its MW counted.
    NOT_CONVERGED
        No state within tolerance was found, or the generators of an island cannot balance it.
    UNREALISTIC
        The equations hold, but a voltage lies outside 0.5-1.5 p.u.: not an operating state.
    SINGULAR
        The Jacobian is singular.
    SCREENED
        The DC screen says clear and no AC solution was asked for.
    """

    CONVERGED = "CONVERGED"
    ISLANDED = "ISLANDED"
    NOT_CONVERGED = "NOT_CONVERGED"
    UNREALISTIC = "UNREALISTIC"
    SINGULAR = "SINGULAR"
    SCREENED = "SCREENED"

    @property
    def is_solved(self) -> bool:
        """Whether the state can be read: CONVERGED or ISLANDED."""
        return self in (Status.CONVERGED, Status.ISLANDED)


NO_GENERATION_LEFT = "no generation left"
TOO_MUCH_GENERATION = "too much generation"
"""Why a state has no solution where every unit that could balance it stands at a limit, upper or lower."""
