"""Scenarios of a batch: what is injected, what is out, and what is watched in each of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Case, Floats

INJECTED = ("load_p", "load_q", "generator_p", "storage_p", "storage_q", "hvdc_p")
"""Arrays of a case that an injection set can replace."""


@dataclass(frozen=True, slots=True, eq=False)
class Injections:
    """Stack of injection sets, such as the hours of a year or the sites of a hub.

    Attributes
    ----------
    load_p, load_q : (n_set, n_load) float or None
        Consumption [p.u.]; None: the case's own in every set.
    generator_p : (n_set, n_generator) float or None
        Scheduled active power [p.u.].
    storage_p, storage_q : (n_set, n_storage) float or None
        [p.u.].
    hvdc_p : (n_set, n_hvdc) float or None
        Power taken at the from end of each link [p.u.].
    """

    load_p: Floats | None = None
    load_q: Floats | None = None
    generator_p: Floats | None = None
    storage_p: Floats | None = None
    storage_q: Floats | None = None
    hvdc_p: Floats | None = None

    @property
    def count(self) -> int:
        """Number of injection sets; 0 if nothing is given."""
        return max(
            (len(getattr(self, name)) for name in INJECTED if getattr(self, name) is not None), default=0
        )

    def apply(self, case: Case, position: int) -> Case:
        """Return the case with one injection set; ``position`` -1 is the case's own."""
        if position < 0:
            return case
        given = {name: getattr(self, name) for name in INJECTED}
        changes = {name: array[position].copy() for name, array in given.items() if array is not None}
        return replace(case, **changes)


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Limits that every scenario of a batch is held against.

    Attributes
    ----------
    rate : (n_branch,) float
        Limit of the apparent power at either end [p.u.]; NaN = unrated.
    vm_low, vm_high : (n_node,) float
        Voltage limits [p.u.]; NaN = not watched.
    vm_change : float
        Largest change of a voltage from the state before the outage [p.u.]; infinite = not watched.
    loading_tolerance : float
        A branch violates its limit when its loading [%] is above 100 by more than this.
    voltage_tolerance : float
        A voltage violates a limit when it is beyond it by more than this [p.u.].
    """

    rate: Floats
    vm_low: Floats
    vm_high: Floats
    vm_change: float = np.inf
    loading_tolerance: float = 1e-6
    voltage_tolerance: float = 1e-6


def watch_nothing(case: Case) -> Watch:
    """Watch the loading of no branch and the voltage of no node."""
    return Watch(np.full(case.n_branch, np.nan), np.full(case.n_node, np.nan), np.full(case.n_node, np.nan))
