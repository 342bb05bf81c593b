"""Options of a plan over years: how rooms are found, and how delays are drawn."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from gridhub.costs import Costs
from gridhub.criteria import Criteria
from gridhub.errors import OptionError


@dataclass(frozen=True, slots=True)
class YearsOptions:
    """Options of `gridhub.plan_years`.

    Attributes
    ----------
    criteria : str, Criteria or None
        As for `gridhub.hosting_capacity`.
    snapshots : sequence of str or None
        States that must all hold; None: all stored ones.
    ratings : {"seasonal"} or None
        Ratings of every year's snapshots, as for `gridhub.load_network`; None: those the networks have.
    method : {"dc", "ac"}
        Of hosting capacity.
    hosting : mapping
        Options of hosting capacity and of the power flow, such as {"effect": 0.05}.
    costs : Costs, str or None
        Unit costs and delays, or their TOML text; None: the document ``costs`` of the network, if it has one.
    elsewhere : sequence of str
        Buses to compare with.
    decided : int or None
        End of the year in which the works of a reinforcement plan are decided; None: before the first year.
    draws, seed : int
        Of the delays.
    screen_mw : float
        A project whose absence alone, and presence alone, changes the room of no bus by this in a year counts
        as there in that year; 0: every date counts [MW].
    maximum_states : int
        Distinct networks solved at most, beside those of the screen.
    """

    criteria: str | Criteria | None = "network"
    snapshots: tuple[str, ...] | None = None
    ratings: str | None = None
    method: Literal["dc", "ac"] = "dc"
    hosting: Mapping[str, Any] = field(default_factory=dict)
    costs: Costs | str | None = None
    elsewhere: tuple[str, ...] = ()
    decided: int | None = None
    draws: int = 2000
    seed: int = 1
    screen_mw: float = 1.0
    maximum_states: int = 200

    def __post_init__(self) -> None:
        """Check every value and refuse all that are wrong at once."""
        faults = [
            f"{name} = {value!r}: a whole number from {low} to {high}"
            for name, low, high in (("draws", 1, 10**6), ("seed", 0, 2**32), ("maximum_states", 1, 10**5))
            for value in (getattr(self, name),)
            if type(value) is not int or not low <= value <= high
        ]
        if isinstance(self.screen_mw, bool) or not 0 <= self.screen_mw < 1e6:
            faults.append(f"screen_mw = {self.screen_mw!r}: a number from 0")
        for name in ("snapshots", "elsewhere"):
            value = getattr(self, name)
            if isinstance(value, str):
                faults.append(f"{name} = {value!r}: a sequence of names")
            elif value is not None:
                object.__setattr__(self, name, tuple(value))
        if faults:
            raise OptionError("; ".join(faults))


def read_years_options(options: Mapping[str, Any] | YearsOptions | None) -> YearsOptions:
    """Complete options given as a mapping, an object or nothing.

    Raises
    ------
    OptionError
        If a key is unknown or a value out of range.
    """
    if isinstance(options, YearsOptions):
        return options
    given = dict(options or {})
    known = [item.name for item in fields(YearsOptions)]
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise OptionError(
            f"unknown option {', '.join(unknown)}{hint} Options: {', '.join(known)}; those of hosting "
            "capacity go into hosting"
        )
    return YearsOptions(**given)
