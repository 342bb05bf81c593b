"""What flows are held to: branch ratings before and after an outage, and interfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.errors import InputError, Issue
from gridhub.solvers.dc import DcPlan


@dataclass(frozen=True, slots=True, eq=False)
class InterfaceLimits:
    """Interfaces: sums of flows over members, each in its direction.

    Attributes
    ----------
    names : (n,) tuple of str
    forward, reverse : (n,) float
        Limit in the positive direction and against it [MW]; NaN = none.
    interface : (m,) int
        Interface each member belongs to.
    member : (m,) int
        Position of the branch, or of the HVDC link.
    is_link : (m,) bool
    direction : (m,) float
        1: from -> to counts positive, -1 the other way.
    """

    names: tuple[str, ...]
    forward: Floats
    reverse: Floats
    interface: Ints
    member: Ints
    is_link: Bools
    direction: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FlowLimits:
    """Limits of an hour.

    Attributes
    ----------
    rate : (n_branch,) float
        Rating in the intact network [MW]; NaN = unrated.
    rate_after : (n_branch,) float
        Rating after an outage [MW]; NaN = unrated.
    angle_low, angle_high : (n_branch,) float or None
        Flows at which the angle between the ends reaches its limits, in the intact network [MW]; infinite =
        no limit.
    interfaces : InterfaceLimits
    excess_price : float
        Price of a MW above a limit in the intact network, interfaces included [currency/MWh]; infinite: hard.
    excess_price_after : float
        The same after an outage.
    """

    rate: Floats
    rate_after: Floats
    interfaces: InterfaceLimits
    excess_price: float = np.inf
    excess_price_after: float = np.inf
    angle_low: Floats | None = None
    angle_high: Floats | None = None

    def find_range(self) -> tuple[Floats, Floats]:
        """Find the smallest and the largest flow in the intact network, (n_branch,) each [MW]."""
        high = np.where(np.isnan(self.rate), np.inf, self.rate)
        low = -high
        if self.angle_low is not None and self.angle_high is not None:
            low, high = np.maximum(low, self.angle_low), np.minimum(high, self.angle_high)
        return low, high


NO_INTERFACES = InterfaceLimits(
    (),
    np.empty(0),
    np.empty(0),
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=np.int64),
    np.empty(0, dtype=bool),
    np.empty(0),
)
"""For networks without interfaces, or a run that ignores them."""


def take_limits(
    case: Case,
    interfaces: InterfaceLimits = NO_INTERFACES,
    *,
    share: float = 1.0,
    excess_price: float = np.inf,
    excess_price_after: float = np.inf,
    angles: tuple[Floats, Floats] | None = None,
) -> FlowLimits:
    """Take the ratings of a case: `rate` in the intact network, `rate_b` after an outage.

    Parameters
    ----------
    case : Case
    interfaces : InterfaceLimits
    share : float
        Share of the ratings that active power may use; the rest is left for reactive power.
    excess_price, excess_price_after : float
        [currency/MWh]; see `FlowLimits`.
    angles : (low, high), optional
        Flows at the limits of the angles (`find_angle_flows`).
    """
    scale = share * case.base_mva
    low, high = (None, None) if angles is None else angles
    return FlowLimits(
        scale * case.rate, scale * case.rate_b, interfaces, excess_price, excess_price_after, low, high
    )


def find_angle_flows(case: Case, plan: DcPlan, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Find the flows at which the angles between the ends of branches reach their limits.

    Parameters
    ----------
    case : Case
    plan : DcPlan
    low, high : (n_branch,) float
        Smallest and largest angle from - to [rad]; NaN = no limit.

    Returns
    -------
    low, high : (n_branch,) float
        [MW]; infinite where there is no limit, or no angle between the ends.

    Notes
    -----
    f = b (angle - shift): with a negative b (a series capacitor) the two change places.
    """
    ends = []
    for angle, none in ((low, -np.inf), (high, np.inf)):
        flow = case.base_mva * plan.susceptance * (angle - plan.shift)
        ends.append(np.where(np.isnan(angle) | (plan.susceptance == 0), none, flow))
    backward = plan.susceptance < 0
    # an open end stays open when the two change places
    first = np.where(backward, np.where(np.isfinite(ends[1]), ends[1], -np.inf), ends[0])
    second = np.where(backward, np.where(np.isfinite(ends[0]), ends[0], np.inf), ends[1])
    return first, second


def compile_interfaces(case: Case, table: pd.DataFrame) -> InterfaceLimits:
    """Compile the table ``interface`` of a network.

    Parameters
    ----------
    case : Case
    table : DataFrame
        Columns name, member, direction, limit_mw, limit_reverse_mw; one row per member, the smallest limit
        of an interface's rows counts.

    Returns
    -------
    InterfaceLimits
        Interfaces without any limit are left out.

    Raises
    ------
    InputError
        If a member is neither a branch nor a link of the case.
    """
    limits = table.groupby("name", sort=False)[["limit_mw", "limit_reverse_mw"]].min()
    limits = limits[limits.notna().any(axis=1)]
    rows = table[table["name"].isin(limits.index)]
    members = pd.Index(rows["member"])
    branch = pd.Index(case.labels.branch).get_indexer(members)
    link = pd.Index(case.labels.hvdc).get_indexer(members)
    unknown = np.flatnonzero((branch < 0) & (link < 0)).tolist()
    if unknown:
        raise InputError(
            [
                Issue(
                    "error", "E-REF", "interface", str(rows.index[i]), "member", str(members[i]),
                    "is neither a branch nor an HVDC link",
                )
                for i in unknown
            ],
            "interfaces",
        )  # fmt: skip
    return InterfaceLimits(
        names=tuple(limits.index),
        forward=limits["limit_mw"].to_numpy(dtype=float),
        reverse=limits["limit_reverse_mw"].to_numpy(dtype=float),
        interface=limits.index.get_indexer(pd.Index(rows["name"])).astype(np.int64),
        member=np.where(branch >= 0, branch, link).astype(np.int64),
        is_link=branch < 0,
        direction=rows["direction"].to_numpy(dtype=float),
    )
