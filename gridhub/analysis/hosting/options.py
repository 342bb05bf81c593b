"""Options of hosting capacity: what grows, who follows it, and which limits count."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import pandas as pd

from gridhub.analysis.hosting.own_supply import OwnSupply, read_own_supply
from gridhub.errors import OptionError
from gridhub.solvers.options import PowerFlowOptions, read_options

Kind = Literal["load", "generation"]
Balancing = Literal["participation", "merit"]

WORSENING_POINTS = 1.0
"""Growth of a violation that is there already up to which it counts as unchanged, as in every comparison of
this package [percentage points of loading]."""


@dataclass(frozen=True, slots=True)
class HostingOptions:
    """Options of `gridhub.hosting_capacity`.

    Attributes
    ----------
    kind : {"load", "generation"}
        What grows at the bus.
    balancing : {"participation", "merit"}
        Who follows: the units of the island by participation within their limits, as in every power flow; or
        those that take part, one after the other, the cheapest first (for generation: the dearest backs down
        first).
    maximum_mw : float
        Nothing above is looked for; a figure equal to it means "or more" [MW].
    effect : float
        Least change of a branch's flow per MW for which its limit counts. 0: every limit counts, also of a
        far branch that the shift of generation alone touches. Transfer studies use 0.03 to 0.05.
    worsening_points : float
        Percentage points of loading by which a violation that is there without the injection may grow. 0: not
        at all; infinite: such violations are set aside.
    tower_min_kv : float, optional
        Lowest voltage of the towers of ``firm_tower_mw`` [kV]; None: the criteria's
        ``double_circuit_min_kv``, every tower where they name none.
    interface_margin_percent : float
        Part of an interface's limit that must stay free [%].
    reserve_mw : float, optional
        Upward room the units must keep [MW]; None: the criteria's ``max_loss_mw``, 0 where they have none.
    power_factor : float
        Of the growing load, lagging (AC).
    queue : Series, mapping or None
        Bus -> MW promised already: stands there as load (or generation) before anything grows.
    profiles : mapping, optional
        (table, column) -> DataFrame hours x ids, as for `gridhub.run_time_series`: hours that count beside
        the snapshots, and what the flexible figures are made of.
    weights : Series or mapping, optional
        Hour of the profiles -> hours of the year it stands for, such as ``weight`` of
        `gridhub.pick_typical_weeks`; counts in every figure with curtailable energy. None: all the same.
    profile_snapshot : str, optional
        State the profiles are put into; None is the first.
    own : OwnSupply, optional
        Sun, wind and storage that come with the hub, what the figures ``own_…`` are made of; wants
        ``profiles``. `read_hosting_options` takes a mapping too.
    power_flow : PowerFlowOptions
        Given by their own names beside the options above.
    """

    kind: Kind = "load"
    balancing: Balancing = "participation"
    maximum_mw: float = 5000.0
    effect: float = 0.0
    worsening_points: float = WORSENING_POINTS
    tower_min_kv: float | None = None
    interface_margin_percent: float = 0.0
    reserve_mw: float | None = None
    power_factor: float = 0.95
    queue: Mapping[str, float] | pd.Series[float] | None = None
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None = None
    weights: Mapping[Any, float] | pd.Series[float] | None = None
    profile_snapshot: str | None = None
    own: OwnSupply | None = None
    power_flow: PowerFlowOptions = field(default_factory=PowerFlowOptions)

    def __post_init__(self) -> None:
        """Check every value and refuse all that are wrong at once."""
        faults = []
        for name, choices in (("kind", ("load", "generation")), ("balancing", ("participation", "merit"))):
            if getattr(self, name) not in choices:
                faults.append(f"{name} = {getattr(self, name)!r}: choose from {', '.join(choices)}")
        for name, low, high in (
            ("maximum_mw", 1e-3, 1e6),
            ("effect", 0.0, 1.0),
            ("worsening_points", 0.0, math.inf),
            ("tower_min_kv", 0.0, math.inf),
            ("interface_margin_percent", 0.0, 100.0),
            ("reserve_mw", 0.0, 1e6),
            ("power_factor", 0.1, 1.0),
        ):
            value = getattr(self, name)
            if value is None and name in ("reserve_mw", "tower_min_kv"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                faults.append(f"{name} = {value!r}: a number from {low:g} to {high:g}")
        if self.weights is not None and not self.profiles:
            faults.append("weights without profiles: they are those of the hours; give profiles")
        if self.own is not None:
            faults += self._list_faults_of_own()
        if faults:
            raise OptionError("; ".join(faults))

    def _list_faults_of_own(self) -> list[str]:
        """Say what does not go together with own supply."""
        own: Any = self.own
        if not isinstance(own, OwnSupply):
            return [f"own = {own!r}: an OwnSupply"]
        faults = []
        if self.kind != "load":
            faults.append(f'own with kind = {self.kind!r}: own supply is that of a load; use kind = "load"')
        if not self.profiles:
            faults.append("own without profiles: own supply is followed hour by hour; give profiles")
        return faults

    @property
    def direction(self) -> int:
        """1 for a load, -1 for generation."""
        return 1 if self.kind == "load" else -1


def read_hosting_options(
    options: Mapping[str, Any] | HostingOptions | PowerFlowOptions | None, *, reactive_limits: bool
) -> HostingOptions:
    """Complete options given as a mapping, an object or nothing.

    Parameters
    ----------
    options : mapping, HostingOptions, PowerFlowOptions or None
        A mapping may hold options of the power flow beside those of `HostingOptions`, and ``own`` as one.
    reactive_limits : bool
        The network's default.

    Raises
    ------
    OptionError
        If a key is unknown or a value out of range.

    Examples
    --------
    >>> settled = read_hosting_options({"kind": "generation", "threads": 1}, reactive_limits=True)
    >>> settled.direction, settled.power_flow.threads
    (-1, 1)
    """
    if isinstance(options, HostingOptions):
        given = {item.name: getattr(options, item.name) for item in fields(HostingOptions)}
    elif isinstance(options, PowerFlowOptions):
        given = {"power_flow": options}
    else:
        given = _sort_keys(options or {})
    flow = given.pop("power_flow", None)
    given["own"] = read_own_supply(given.get("own"))
    return HostingOptions(**given, power_flow=read_options(flow, reactive_limits=reactive_limits))


def _sort_keys(options: Mapping[str, Any]) -> dict[str, Any]:
    """Split a mapping into hosting options and, under ``power_flow``, those of the power flow."""
    own = [item.name for item in fields(HostingOptions)]
    flow = [item.name for item in fields(PowerFlowOptions)]
    unknown = [str(key) for key in options if key not in own and key not in flow]
    if unknown:
        near = difflib.get_close_matches(unknown[0], [*own, *flow], 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise OptionError(f"unknown option {', '.join(unknown)}{hint} Options: {', '.join([*own, *flow])}")
    given = {key: options[key] for key in options if key in own}
    chosen = {key: options[key] for key in options if key in flow}
    if chosen and "power_flow" in given:
        raise OptionError(f"power_flow is given, and {', '.join(chosen)} beside it; put them into one")
    return given | ({"power_flow": chosen} if chosen else {})
