"""Options of a reinforcement plan: rules, costs, and how far it looks."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from gridhub.analysis.works.candidates import GRID_KINDS, KINDS
from gridhub.costs import Costs, read_costs
from gridhub.criteria import Criteria
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.solvers.options import PowerFlowOptions, read_options

HOURS_A_YEAR = 8784.0
"""Hours of the longest year."""


@dataclass(frozen=True, slots=True)
class ReinforcementOptions:
    """Options of `gridhub.plan_reinforcement`.

    Attributes
    ----------
    criteria : str, Criteria or None
        "judged": those the security result was judged by (for a hub: the network's own); else as in
        `gridhub.run_security`.
    costs : Costs, str or None
        Unit costs, or their TOML text; None: the document ``costs`` of the network.
    snapshots : sequence of str or None
        States a hub is judged in; None: all stored ones. A security result brings its own.
    routes : int
        Routes and transformers that candidates are made for, the most overloaded first.
    voltage_buses : int
        Buses below their limit that compensation is offered at, the furthest first; as many above theirs get
        a STATCOM.
    maximum_works : int
        Works taken at most.
    kinds : sequence of str
        Of `gridhub.analysis.works.candidates.KINDS`: what may be built. Series capacitors, HVDC links and
        batteries are offered for overloaded routes, storage and flexible load (a contract to shed) at a hub
        too, remedial schemes for routes that outages overload: where asked for.
    hours : mapping or None
        Snapshot -> hours a year that it stands for; what a contract is called follows from those with
        violations. None: not known, and calls are not priced.
    power_flow : PowerFlowOptions
        Given by their own names beside the options above.
    """

    criteria: str | Criteria | None = "judged"
    costs: Costs | str | None = None
    snapshots: tuple[str, ...] | None = None
    routes: int = 8
    voltage_buses: int = 3
    maximum_works: int = 20
    kinds: tuple[str, ...] = GRID_KINDS
    hours: Mapping[str, float] | None = None
    power_flow: PowerFlowOptions | None = None

    def __post_init__(self) -> None:
        """Check every value and refuse all that are wrong at once."""
        faults = [
            f"{name} = {value!r}: a whole number from 0 to 100"
            for name in ("routes", "voltage_buses", "maximum_works")
            for value in (getattr(self, name),)
            if type(value) is not int or not 0 <= value <= 100
        ]
        given = tuple(self.kinds)
        object.__setattr__(self, "kinds", given)
        faults += [f"kinds: {kind!r} is none of {', '.join(KINDS)}" for kind in given if kind not in KINDS]
        wrong = [name for name, value in (self.hours or {}).items() if not 0 <= float(value) <= HOURS_A_YEAR]
        faults += [
            f"hours: {name} = {(self.hours or {})[name]}: from 0 to {HOURS_A_YEAR:g}" for name in wrong
        ]
        if faults:
            raise OptionError("; ".join(faults))

    def count_hours(self, snapshots: Iterable[str]) -> float:
        """Count the hours a year that some snapshots stand for; NaN where none are known.

        Raises
        ------
        OptionError
            If hours are given, but not of all of them.
        """
        if self.hours is None:
            return math.nan
        missing = [name for name in snapshots if name not in self.hours]
        if missing:
            raise OptionError(f"hours: none for {name_ids(missing)}, where something is violated")
        return float(sum(self.hours[name] for name in snapshots))

    @property
    def criteria_of_hub(self) -> str | Criteria | None:
        """Criteria that the room of a bus is judged by."""
        return "network" if self.criteria == "judged" else self.criteria


def read_reinforcement_options(
    options: Mapping[str, Any] | ReinforcementOptions | None,
    default_flow: PowerFlowOptions,
) -> ReinforcementOptions:
    """Complete options given as a mapping, an object or nothing.

    Parameters
    ----------
    options : mapping, ReinforcementOptions or None
        A mapping may hold options of the power flow beside the others.
    default_flow : PowerFlowOptions
        What the power flow runs under where nothing is said.

    Raises
    ------
    OptionError
        If a key is unknown or a value out of range.
    """
    if isinstance(options, ReinforcementOptions):
        given = {item.name: getattr(options, item.name) for item in fields(ReinforcementOptions)}
    else:
        given = dict(options or {})
    own = [item.name for item in fields(ReinforcementOptions)]
    flow_names = [item.name for item in fields(PowerFlowOptions)]
    unknown = [str(key) for key in given if key not in own and key not in flow_names]
    if unknown:
        near = difflib.get_close_matches(unknown[0], [*own, *flow_names], 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        names = ", ".join([*own, *flow_names])
        raise OptionError(f"unknown option {', '.join(unknown)}{hint} Options: {names}")
    named = {key: given.pop(key) for key in list(given) if key in flow_names}
    flow = given.pop("power_flow", None) or default_flow
    if named:
        reactive = default_flow.reactive_limits
        flow = read_options({**flow.as_mapping(), **named}, reactive_limits=bool(reactive))
    if isinstance(given.get("snapshots"), str):
        raise OptionError(f"snapshots = {given['snapshots']!r}: a sequence of names")
    if given.get("snapshots") is not None:
        given["snapshots"] = tuple(given["snapshots"])
    return ReinforcementOptions(**given, power_flow=flow)


def find_costs(net: Network, costs: Costs | str | None) -> Costs:
    """Give the unit costs meant.

    Raises
    ------
    OptionError
        If neither the options nor the network bring any.
    InputError
        If the text is no table of costs; every fault listed.
    """
    if isinstance(costs, Costs):
        return costs
    text = costs if costs is not None else net.documents.get("costs", "")
    if not text:
        raise OptionError(
            f"network {net.name!r} has no unit costs, and works cannot be weighed without: name a costs.toml "
            "as its document costs, or give one, with --costs at a terminal, in Python as the option "
            "costs (its text)"
        )
    return read_costs(text)
