"""What flows are held to: branch ratings before and after an outage, and interfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.errors import InputError, Issue


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
    """
    scale = share * case.base_mva
    return FlowLimits(scale * case.rate, scale * case.rate_b, interfaces, excess_price, excess_price_after)


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
