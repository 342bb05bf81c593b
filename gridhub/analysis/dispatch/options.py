"""Options of a dispatch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np

from gridhub.case.matrices import DcConvention
from gridhub.dispatch.bent_costs import COST_ERROR
from gridhub.errors import OptionError, name_ids
from gridhub.solvers.options import refuse_unknown

_CHOICES: dict[str, tuple[Any, ...]] = {
    "dc_convention": ("x_tap", "x", "rx"),
    "commitment": ("given", "relaxed"),
    "storage": (None, "optimize", "hold"),
    "storage_end": ("start", "free"),
    "hvdc": ("optimize", "hold"),
    "losses": ("none", "iterated"),
    "angle_limits": (True, False),
    "interfaces": (True, False),
}

_POSITIVE = ("shed_price", "excess_price", "excess_price_after", "reserve_price")
_AT_LEAST_ZERO = ("curtail_price", "reserve_share", "reserve_load_share")


@dataclass(frozen=True, slots=True)
class FlexibleLoad:
    """What a load, such as that of a data center, may leave unserved.

    What is beyond the offer is shed at ``shed_price`` as of any other load, and only where that is set.
    `gridhub.analysis.dispatch.flexible.report_flexible` tells the calls.

    Attributes
    ----------
    mw : float
        Most in an hour [MW].
    energy_mwh : float
        Most over all hours of the run [MWh]; infinite: no budget.
    price : float
        What it is paid [currency/MWh].
    longest_h : float
        Longest call [h], whole hours of it; infinite: none. Held as far as a linear programme can: over any
        longest_h + 1 hours in a row no more than longest_h hours' worth of the offer is called. That keeps
        calls of the whole offer to their length; a call of a part of it can last longer.
    notice_h : float
        Notice that a call wants [h]. No limit: the programme knows its hours beforehand. `report_flexible`
        says where it looks less far ahead.
    """

    mw: float
    energy_mwh: float = np.inf
    price: float = 0.0
    longest_h: float = np.inf
    notice_h: float = 0.0


@dataclass(frozen=True, slots=True)
class DispatchOptions:
    """Options of a dispatch; echoed in its result.

    Attributes
    ----------
    dc_convention : {"x_tap", "x", "rx"}
        Branch susceptance, see `gridhub.case.matrices.compute_dc_susceptance`.
    commitment : {"given", "relaxed"}
        "given": units in service run at their minimum at least and pay their constant cost. "relaxed": those
        that need not run may give anything from 0, their constant cost spread over their maximum.
    shed_price : float, optional
        Price of load that is not served, beyond what is called of flexible loads [currency/MWh]; None: every
        load must be served.
    excess_price, excess_price_after : float, optional
        Price of a MW above a limit, before and after an outage [currency/MWh]; None: limits are hard.
    curtail_price : float
        What a MWh of sun or wind that is not taken costs [currency/MWh].
    rate_share : float
        Share of the ratings that active power may use.
    angle_limits, interfaces : bool
        Whether the limits of angles between the ends of branches, and of interfaces, hold (intact network).
    hvdc : {"optimize", "hold"}
        "optimize": links with both p_min_mw and p_max_mw are free between them, unless they have a profile.
    storage : {"optimize", "hold"}, optional
        Storage without a profile: part of the optimum, or at its scheduled power. None: "optimize" where
        there is more than one hour.
    storage_end : {"start", "free"}
        "start": storage is at least as full after the last hour as before the first.
    ramp_mw_per_h : mapping
        Unit -> largest change of its output from hour to hour [MW].
    flexible : mapping
        Load -> `FlexibleLoad`, or a mapping with its fields.
    reserve_mw : float or sequence of float
        Room above their output that units keep in all, or in each hour [MW]. Sun, wind and units that keep a
        schedule count for nothing; with relaxed commitment, units at rest count too.
    reserve_load_share : float
        Share of the load of each hour, served or not, that is kept as reserve beside `reserve_mw`.
    reserve_share : float
        Most of its p_max_mw that a unit may count as reserve.
    reserve_price : float, optional
        Price of reserve that is missing [currency/MWh]; None: none may be.
    window_hours : int, optional
        Hours that are decided together where storage, ramps, budgets or reserves tie them; None: 24, or all
        if there are no more than 48.
    overlap_hours : int
        Hours beyond a window that are solved with it, and decided anew by the next.
    workers : int
        Processes that solve days side by side, where nothing ties hours together, or `parts`.
    parts : int
        Parts that a run with storage or budgets is cut into: each begins with storage as full as the run does
        and leaves it at least so full, may use its share of the budgets, and calls no load that has a longest
        call in its first hour, unless it is the first. Not with ramps, nor with
        ``storage_end`` "free". Progress is told when a part is done.
    tolerance_mw : float
        By how much a flow may be beyond its limit.
    losses : {"none", "iterated"}
        "iterated": the losses of branches are a load at their ends, held above tangents of r f^2 that are
        added where solutions lie (`gridhub.dispatch.losses.LossCurves`): prices hold what a MW changes of
        them.
    loss_tolerance_mw : float
        By how much the losses of an hour, added up over its branches, may be missed: no more than a
        thousandth of them, and beside that 1e-7 for each. The part of losses in prices is met to about the
        root of what that is of all losses.
    cost_error : float
        By how much quadratic costs may be missed, relative to the hour's cost; prices to about the root.
    """

    dc_convention: DcConvention = "x_tap"
    commitment: Literal["given", "relaxed"] = "given"
    shed_price: float | None = None
    excess_price: float | None = None
    excess_price_after: float | None = None
    curtail_price: float = 0.0
    rate_share: float = 1.0
    angle_limits: bool = True
    interfaces: bool = True
    hvdc: Literal["optimize", "hold"] = "optimize"
    storage: Literal["optimize", "hold"] | None = None
    storage_end: Literal["start", "free"] = "start"
    ramp_mw_per_h: Mapping[str, float] = field(default_factory=dict)
    flexible: Mapping[str, FlexibleLoad] = field(default_factory=dict)
    reserve_mw: float | Sequence[float] = 0.0
    reserve_load_share: float = 0.0
    reserve_share: float = 1.0
    reserve_price: float | None = None
    window_hours: int | None = None
    overlap_hours: int = 24
    workers: int = 1
    parts: int = 1
    tolerance_mw: float = 1e-6
    losses: Literal["none", "iterated"] = "none"
    loss_tolerance_mw: float = 0.1
    cost_error: float = COST_ERROR

    def __post_init__(self) -> None:
        """Check every value.

        Raises
        ------
        OptionError
            Naming every value that is of the wrong type or out of its range.
        """
        faults = [
            f"{name} = {getattr(self, name)!r}: choose from {', '.join(map(repr, choices))}"
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in choices
        ]
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not _is_number(value, above=0.0):
                faults.append(f"{name} = {value!r}: a price above 0, or None")
        for name in _AT_LEAST_ZERO:
            if not _is_number(getattr(self, name), least=0.0):
                faults.append(f"{name} = {getattr(self, name)!r}: a number of at least 0")
        for name in ("rate_share", "tolerance_mw", "loss_tolerance_mw", "cost_error"):
            if not _is_number(getattr(self, name), above=0.0):
                faults.append(f"{name} = {getattr(self, name)!r}: a number above 0")
        for name, least in (("window_hours", 1), ("overlap_hours", 0), ("workers", 1), ("parts", 1)):
            value = getattr(self, name)
            if name == "window_hours" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                faults.append(f"{name} = {value!r}: a whole number of at least {least}")
        for unit, value in self.ramp_mw_per_h.items():
            if not _is_number(value, above=0.0):
                faults.append(f"ramp_mw_per_h of {unit} = {value!r}: MW above 0")
        for load, one in self.flexible.items():
            sizes = (one.mw, one.energy_mwh, one.price, one.longest_h, one.notice_h)
            if not all(_is_number(value, least=0.0) for value in sizes):
                faults.append(f"flexible {load} = {one!r}: numbers of at least 0")
        reserve = np.asarray(self.reserve_mw, dtype=object).ravel()
        if not all(_is_number(value, least=0.0) for value in reserve):
            faults.append(f"reserve_mw = {self.reserve_mw!r}: MW of at least 0")
        if not faults and self.parts > 1 and (self.ramp_mw_per_h or self.storage_end == "free"):
            faults.append('parts above 1: not with ramp_mw_per_h, nor with storage_end = "free"')
        if faults:
            raise OptionError("options of the dispatch: " + "; ".join(faults))

    def as_mapping(self) -> dict[str, Any]:
        """Give all options by name, for echoing."""
        return asdict(self)


def _is_number(value: object, least: float = -np.inf, above: float = -np.inf) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return bool(least <= value and value > above and not np.isnan(value))


def read_dispatch_options(options: Mapping[str, Any] | DispatchOptions | None) -> DispatchOptions:
    """Complete options given as a mapping, an object or nothing.

    Raises
    ------
    OptionError
        If a key is unknown, or a value out of range.

    Examples
    --------
    >>> read_dispatch_options({"shed_price": 3000.0}).shed_price
    3000.0
    """
    if options is None:
        return DispatchOptions()
    if isinstance(options, DispatchOptions):
        return options
    refuse_unknown(options, [item.name for item in fields(DispatchOptions)])
    faults = [
        f"{name} = {options[name]!r}: wants {wanted} by id"
        for name, wanted in (("flexible", "the fields of a flexible load"), ("ramp_mw_per_h", "MW"))
        if not isinstance(options.get(name, {}), Mapping)
    ]
    if faults:
        raise OptionError("options of the dispatch: " + "; ".join(faults))
    return DispatchOptions(**{**options, "flexible": _read_flexible(options.get("flexible", {}))})


def _read_flexible(loads: Mapping[str, Any]) -> dict[str, FlexibleLoad]:
    """Complete flexible loads given as mappings; every fault is named with its load."""
    names = [item.name for item in fields(FlexibleLoad)]
    found, faults = {}, []
    for load, one in loads.items():
        if isinstance(one, FlexibleLoad):
            found[load] = one
        elif not isinstance(one, Mapping):
            faults.append(f"flexible {load} = {one!r}: wants a mapping of {', '.join(names)}")
        elif unknown := [str(key) for key in one if key not in names]:
            faults.append(f"flexible {load}: unknown {', '.join(unknown)}; there are {', '.join(names)}")
        elif "mw" not in one:
            faults.append(f"flexible {load}: wants mw, the most it may leave unserved in an hour")
        else:
            found[load] = FlexibleLoad(**one)
    if faults:
        raise OptionError("options of the dispatch: " + "; ".join(faults))
    return found


def list_unknown_ids(
    ramp_mw_per_h: Iterable[str], flexible: Iterable[str], units: Sequence[str], loads: Sequence[str]
) -> list[str]:
    """List the ids of ramps and flexible loads that a network does not have, with those near.

    Parameters
    ----------
    ramp_mw_per_h, flexible : iterable of str
        Ids that options name.
    units, loads : sequence of str
        Generators and loads of the network.

    Examples
    --------
    >>> list_unknown_ids([], ["hal"], [], ["hall", "town"])
    ['flexible: no load hal; did you mean hall?']
    """
    faults = []
    for name, kind, ids, known in (
        ("ramp_mw_per_h", "generator", ramp_mw_per_h, units),
        ("flexible", "load", flexible, loads),
    ):
        there = set(known)
        for key in ids:
            if key not in there:
                near = " or ".join(get_close_matches(str(key), known, 2))
                hint = f"did you mean {near}?" if near else f"there are {name_ids(known) or 'none'}"
                faults.append(f"{name}: no {kind} {key}; {hint}")
    return faults


def drop_unknown_ids(
    options: Mapping[str, Any], units: Iterable[str], loads: Iterable[str]
) -> dict[str, Any]:
    """Leave out ramps and flexible loads of what a network does not have: a hub, in the network without it.

    Parameters
    ----------
    options : mapping
        Of a dispatch.
    units, loads : iterable of str
        Generators and loads of the network.

    Examples
    --------
    >>> drop_unknown_ids({"flexible": {"hall": {"mw": 5.0}}, "shed_price": 9.0}, [], ["town"])
    {'flexible': {}, 'shed_price': 9.0}
    """
    kept = dict(options)
    for name, known in (("ramp_mw_per_h", set(units)), ("flexible", set(loads))):
        if name in options:
            kept[name] = {key: value for key, value in options[name].items() if key in known}
    return kept
