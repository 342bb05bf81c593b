"""The part ``[dispatch]`` of a study: hours at least cost with and without the hub, and their AC check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gridhub.errors import OptionError

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.analysis.carbon.carbon import CarbonMatch
    from gridhub.analysis.dispatch.change import DispatchChange
    from gridhub.analysis.dispatch.check import DispatchCheck
    from gridhub.analysis.dispatch.dispatch import Dispatch
    from gridhub.model.network import Network
    from gridhub.placement.hub import Hub
    from gridhub.profiles.data_center import DataCenterLoad

HOURS_OF_YEAR = 8760


@dataclass(frozen=True)
class DispatchPart:
    """What is asked about hours with and without the hub.

    Parameters
    ----------
    profile_year : int
        Calendar of the hours.
    first_hour, hours : int
        Which hours of that year, counted from 0.
    security : {"none", "n-1"}
        Outages that every hour survives.
    check : {"none", "n", "n-1"}
        AC of the telling hours: not at all, intact, with every outage.
    options : mapping
        As for `gridhub.run_dispatch`, but for the two that follow.
    flexible : mapping
        Load -> mw, and energy_mwh, price, longest_h and notice_h if wanted: ``[dispatch.flexible."LOAD"]``;
        see `gridhub.analysis.dispatch.options.FlexibleLoad`. Goes before what the hub's data center offers.
    ramp_mw_per_h : mapping
        Unit -> largest change of its output from hour to hour [MW].
    reserve_mw : sequence of float
        Reserve of each hour [MW]. One for all of them, or a share of the load: ``reserve_mw`` or
        ``reserve_load_share`` of the options.

    Raises
    ------
    OptionError
        If the hours are not of a year, or an option is wrong.
    """

    profile_year: int = 2025
    first_hour: int = 0
    hours: int = 168
    security: Literal["none", "n-1"] = "n-1"
    check: Literal["none", "n", "n-1"] = "n"
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    flexible: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    ramp_mw_per_h: Mapping[str, float] = field(default_factory=dict)
    reserve_mw: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check the values."""
        from gridhub.analysis.dispatch.options import read_dispatch_options

        if self.first_hour < 0 or self.hours < 1 or self.first_hour + self.hours > HOURS_OF_YEAR:
            raise OptionError(
                f"first_hour = {self.first_hour} and hours = {self.hours}: at least one hour, within the "
                f"{HOURS_OF_YEAR} of a year"
            )
        if self.reserve_mw and "reserve_mw" in self.options:
            raise OptionError("reserve_mw stands in [dispatch] and in its options: give it once")
        if self.reserve_mw and len(self.reserve_mw) != self.hours:
            raise OptionError(f"reserve_mw: {len(self.reserve_mw)} values for {self.hours} hours")
        doubled = [name for name in ("flexible", "ramp_mw_per_h") if name in self.options]
        if doubled:
            raise OptionError(
                f"options: {', '.join(doubled)} stand beside the options, as [dispatch.{doubled[0]}]"
            )
        read_dispatch_options(self.settings)

    @property
    def settings(self) -> dict[str, Any]:
        """All options of the dispatch."""
        more = {"reserve_mw": self.reserve_mw} if self.reserve_mw else {}
        return {**self.options, **more, "flexible": self.flexible, "ramp_mw_per_h": self.ramp_mw_per_h}


@dataclass(frozen=True, eq=False)
class HubDispatch:
    """Hours with the hub, and what it changes.

    Attributes
    ----------
    dispatch : Dispatch
        With the hub.
    change : DispatchChange
        From the network without it.
    check : DispatchCheck or None
        Of `dispatch`.
    match : CarbonMatch or None
        Carbon-free energy of the hub in these hours; None: an hour has no dispatch, or the hub has neither
        plants nor on-site generation.
    """

    dispatch: Dispatch
    change: DispatchChange
    check: DispatchCheck | None
    match: CarbonMatch | None

    @property
    def results(self) -> tuple[object, ...]:
        """What goes into a report."""
        every = (self.change, self.dispatch, self.check, self.match)
        return tuple(one for one in every if one is not None)


def dispatch_hub(
    before: Network,
    after: Network,
    hub: Hub,
    part: DispatchPart,
    seed: int = 0,
    *,
    year: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> HubDispatch:
    """Dispatch the same hours without and with a hub.

    What the hub's data center offers (``flexible_share``) is a flexible load of the dispatch with the hub,
    free of charge within its energy and its longest call; how far these and the notice are held: see
    `gridhub.analysis.dispatch.options.FlexibleLoad`.

    Parameters
    ----------
    before, after : Network
        Without the hub, and with it placed.
    hub : Hub
    part : DispatchPart
    seed : int
        Of the weather, which is the same for both.
    year : int, optional
        Year of the hub's ramp; None: that of the calendar.
    progress : callable, optional
        Told the step and the share done.

    Returns
    -------
    HubDispatch

    Raises
    ------
    InputError, OptionError
        As `gridhub.make_profiles` and `gridhub.run_dispatch`; `part` may name what is in `after` alone.
    """
    from gridhub.analysis.carbon.hourly_dispatch import match_dispatch
    from gridhub.analysis.dispatch.change import compare_dispatch
    from gridhub.analysis.dispatch.check import check_dispatch
    from gridhub.analysis.dispatch.dispatch import run_dispatch
    from gridhub.analysis.dispatch.options import drop_unknown_ids, list_unknown_ids
    from gridhub.model.profiles import make_profiles
    from gridhub.profiles.data_center import DataCenterLoad

    tell = progress or (lambda _step, _done: None)
    center = DataCenterLoad.of(hub.data_center).settle(part.profile_year if year is None else year)
    known = [[str(key) for key in after.tables[name].index] for name in ("generator", "load")]
    unknown = list_unknown_ids(part.ramp_mw_per_h, part.flexible, *known)
    if unknown:
        raise OptionError("options of the dispatch: " + "; ".join(unknown))
    chosen = slice(part.first_hour, part.first_hour + part.hours)
    security = None if part.security == "none" else part.security
    found: list[Dispatch] = []
    profiles: dict[tuple[str, str], pd.DataFrame] = {}
    for step, net, centers in (("without the hub", before, []), ("with the hub", after, [center])):
        start = len(found) / 2.0
        tell(f"dispatch {step}", start)
        hours = make_profiles(net, part.profile_year, seed, data_centers=centers)
        profiles = {key: frame.iloc[chosen] for key, frame in hours.items()}
        options = drop_unknown_ids(part.settings, net.tables["generator"].index, net.tables["load"].index)
        if centers:
            options["flexible"] = _offer_hub(after, hub, center, part, profiles) | options["flexible"]
        found.append(run_dispatch(net, profiles, security, options))
    check = None
    if part.check != "none" and (found[1].status["status"] == "OPTIMAL").any():
        tell("AC check of the dispatch", 0.95)
        outages = None if part.check == "n" else part.check
        check = check_dispatch(after, profiles, found[1], security=outages)
    change = compare_dispatch(found[0], found[1], ("without the hub", "with the hub"))
    match = None
    if (hub.plants or hub.generators) and (found[1].status["status"] == "OPTIMAL").all():
        match = match_dispatch(after, found[1], [hub], profiles)
    return HubDispatch(found[1], change, check, match)


def _offer_hub(
    net: Network,
    hub: Hub,
    center: DataCenterLoad,
    part: DispatchPart,
    profiles: Mapping[tuple[str, str], pd.DataFrame],
) -> dict[str, Any]:
    """Make flexible loads of what the hub's data center offers."""
    from gridhub.analysis.carbon.contracts import read_contracts
    from gridhub.analysis.dispatch.flexible import build_flexible_loads

    (contract,) = read_contracts(net, [hub])
    drawn = profiles["load", "p_mw"][list(contract.loads)]
    return dict(build_flexible_loads(center, drawn, part.profile_year))


def summarise_dispatch(found: HubDispatch) -> dict[str, Any]:
    """Give the answer in a few lines: what the hub changes, what flexible loads left, and what AC finds.

    Parameters
    ----------
    found : HubDispatch
    """
    from gridhub.analysis.dispatch.flexible import report_flexible

    change = found.change.figures["change"].astype(float)
    summary: dict[str, Any] = {
        "currency": found.dispatch.currency,
        "hours": len(found.dispatch.status),
        "hours_left_out": found.change.left_out,
        "change": {str(key): float(value) for key, value in change.items() if value == value},
    }
    if found.dispatch.options.flexible:
        used = report_flexible(found.dispatch)
        summary["flexible"] = {
            str(load): {"used_mwh": float(row["used_mwh"]), "longest_h": int(row["longest_h"])}
            for load, row in used.iterrows()
        }
    if found.match is not None:
        row = found.match.summary.iloc[0]
        wanted = ("load_mwh", "on_site_mwh", "grid_mwh", "matched_mwh", "cfe_percent", "cfe_grid_percent")
        summary["hub"] = {name: float(row[name]) for name in wanted if row[name] == row[name]}
    if found.check is not None:
        names = ("hours", "hours_solved", "hours_with_violations", "violations", "unsolved")
        summary["ac"] = {name: int(found.check.summary[name]) for name in names}
    return summary
