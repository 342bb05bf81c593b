"""Hours small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridhub.case.case import Case, Outage
from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.limits import NO_INTERFACES, FlowLimits
from gridhub.dispatch.offers import UnitOffers, make_offers, offer_units
from gridhub.dispatch.result import HourResult
from gridhub.dispatch.security import plan_security
from gridhub.model.network import Network, build_network
from gridhub.solvers.dc import plan_dc
from tests.small_cases import compile_network
from tests.small_networks import make_table


def make_triangle(load_mw: float = 300.0, **changes: Any) -> Network:
    """Three buses joined by equal lines; cheap unit at a, dear unit at b, load at c."""
    tables: dict[str, Any] = {
        "bus": make_table(id=["a", "b", "c"], vn_kv=345.0, reference=[True, False, False]),
        "line": make_table(
            id=["ab", "bc", "ac"],
            from_bus=["a", "b", "a"],
            to_bus=["b", "c", "c"],
            r_ohm=0.0,
            x_ohm=10.0,
            rate_mva=150.0,
        ),
        "load": make_table(id=["demand"], bus="c", p_mw=load_mw, q_mvar=0.0),
        "generator": make_table(
            id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=0.0, p_max_mw=400.0, vm_pu=1.0
        ),
    }
    return build_network("triangle", **(tables | changes))


def make_two_islands(**changes: Any) -> Network:
    """Unit and load at a and at b, joined by a link that loses a tenth of what it carries."""
    tables: dict[str, Any] = {
        "bus": make_table(id=["a", "b"], vn_kv=345.0, reference=True),
        "load": make_table(id=["at a", "at b"], bus=["a", "b"], p_mw=[50.0, 90.0], q_mvar=0.0),
        "generator": make_table(
            id=["cheap", "dear"], bus=["a", "b"], p_mw=0.0, p_min_mw=0.0, p_max_mw=200.0, vm_pu=1.0
        ),
        "hvdc": make_table(id=["link"], from_bus="a", to_bus="b", p_mw=0.0, loss_percent=10.0),
    }
    return build_network("two islands", **(tables | changes))


def take_rates(case: Case, after: float = 1.0) -> FlowLimits:
    """Ratings of the case, those after an outage times a factor."""
    rate = case.base_mva * case.rate
    return FlowLimits(rate, after * rate, NO_INTERFACES)


def price_units(case: Case, *price: float, **options: Any) -> UnitOffers:
    """Offers of the units at one price each."""
    return offer_units(case, np.array(price), **options)


def dispatch(
    net: Network,
    *price: float,
    outages: list[Outage] | None = None,
    limits: FlowLimits | None = None,
    units: UnitOffers | None = None,
    **offered: Any,
) -> HourResult:
    """Dispatch a network at unit prices, within its ratings."""
    case = compile_network(net)
    plan = plan_dc(case, "x_tap")
    offers = make_offers(case, price_units(case, *price) if units is None else units, **offered)
    security = None if outages is None else plan_security(case, plan, outages)
    return solve_hour(case, plan, offers, take_rates(case) if limits is None else limits, security)
