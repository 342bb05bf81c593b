"""Least redispatch that brings a state within its limits, now and after the outages that may come next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import spread_flows
from gridhub.analysis.security.judging import build_limits
from gridhub.case.case import Case, Floats, Outage
from gridhub.criteria import Criteria
from gridhub.dispatch.hour import solve_hour
from gridhub.dispatch.limits import NO_INTERFACES, FlowLimits
from gridhub.dispatch.offers import UnitOffers, make_offers
from gridhub.dispatch.result import DispatchStatus
from gridhub.dispatch.security import plan_security
from gridhub.model.network import Network
from gridhub.rating_rules import SECOND_OUTAGE
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.dc_outages import screen_dc_outages
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution

EXCESS_PRICE = 1000.0
"""MW of redispatch that a MW above a limit is worth: limits give way only where nothing else can be moved."""

MARGIN = 0.01
"""Share of a limit left for what the linear model does not know."""

WEATHER_FUELS = ("solar", "wind")
"""Units that can be lowered, but not raised above their schedule."""

RAMP_COLUMN = "ramp_10_mw"
"""Column of the generator table that says how far a unit moves in 10 minutes [MW]; a network may lack it."""

SMALLEST_MOVE_MW = 1e-3
"""Moves below this are rounding of the linear programme [MW]."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What may be moved between two outages.

    Attributes
    ----------
    minutes : float
        Time there is: a unit with a ``ramp_10_mw`` moves by that every 10 minutes, the others within their
        range. inf: the range alone.
    links : bool
        Whether HVDC links may be set anew within p_min_mw and p_max_mw, at no cost.
    stop : bool
        Whether units may be lowered below their minimum, down to 0: taken off.
    taps : bool
        Whether transformers may step within tap_min and tap_max where voltages are to be mended.
    shunts : bool
        Whether shunts may be switched on and off there.
    """

    minutes: float = float("inf")
    links: bool = False
    stop: bool = False
    taps: bool = False
    shunts: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Redispatch:
    """Outcome of `redispatch`.

    Attributes
    ----------
    generator_p : (n_generator,) float
        New schedule [p.u.].
    hvdc_p : (n_hvdc,) float
        [p.u.].
    moved_mw : float
        Sum of what units are raised and lowered by, halved: each MW is moved once.
    excess_mw : float
        Flow above limits that no redispatch removes, by the linear model, summed over the limits.
    reason : str
        Why there is no redispatch; empty where there is one.
    """

    generator_p: Floats
    hvdc_p: Floats
    moved_mw: float
    excess_mw: float
    reason: str


def redispatch(
    net: Network,
    base: Solution,
    criteria: Criteria | None,
    outages: Sequence[Outage],
    adjustment: Adjustment,
    options: PowerFlowOptions,
    over_now: Floats,
    over_after: Floats,
) -> Redispatch:
    """Move as few MW as it takes to mend overloads, without making others.

    Parameters
    ----------
    net : Network
        State in its tables.
    base : Solution
        Its AC solution.
    criteria : Criteria or None
        Whose ratings hold, in this state (normal) and after an outage.
    outages : sequence of Outage
        What may come next.
    adjustment : Adjustment
    options : PowerFlowOptions
    over_now, over_after : (n_branch,) float
        Loading by AC of the branches to be mended, in this state and the highest after one of the outages, in
        percent of the rating that holds there; NaN: within its rating, or not to be mended.

    Returns
    -------
    Redispatch

    Notes
    -----
    min sum |p - p0| subject to the DC model (`gridhub.dispatch.hour.solve_hour`), started from the AC state:
    loads take up the losses in proportion. A branch to be mended is held to its DC flow divided by its
    overload, less `MARGIN`; the others to what the reactive flow of the AC state leaves of the rating, less
    `MARGIN`, or to the DC flow they carry anyhow. Limits are soft (`EXCESS_PRICE`). No unit is started.
    """
    case = base.case
    plan = plan_dc(case, options.dc_convention)
    start = _balance(replace(case, generator_p=base.generator_p.copy()), plan)
    flow = np.abs(np.nan_to_num(solve_dc(start, plan.convention, True, plan).p_from))
    possible = [o for o in outages if not any(case.branch_joins[i] for i in o.branch)]
    worst = _find_worst(start, plan, possible, options)
    normal = build_limits(net, case, criteria, "normal").rate
    after = build_limits(net, case, criteria, "outage", (SECOND_OUTAGE,)).rate
    limits = FlowLimits(
        rate=case.base_mva * _hold(_reserve(base, normal, flow), flow, over_now),
        rate_after=case.base_mva * _hold(_reserve(base, after, flow), np.maximum(worst, flow), over_after),
        interfaces=NO_INTERFACES,
        excess_price=EXCESS_PRICE,
        excess_price_after=EXCESS_PRICE,
    )
    links = _find_link_range(net, start) if adjustment.links else None
    offers = make_offers(start, _offer_moves(net, start, adjustment), links=links)
    security = plan_security(start, plan, possible) if possible else None
    found = solve_hour(start, plan, offers, limits, security)
    if found.status is not DispatchStatus.OPTIMAL:
        return Redispatch(base.generator_p, case.hvdc_p, 0.0, np.nan, found.message)
    move = found.generator_p / case.base_mva - start.generator_p
    move[np.abs(move) * case.base_mva < SMALLEST_MOVE_MW] = 0.0
    moved = 0.5 * float(np.abs(move).sum()) * case.base_mva
    hvdc = found.hvdc_p / case.base_mva if adjustment.links else case.hvdc_p
    return Redispatch(base.generator_p + move, hvdc, moved, float(found.constraints.excess.sum()), "")


def _find_worst(case: Case, plan: DcPlan, outages: Sequence[Outage], options: PowerFlowOptions) -> Floats:
    """Highest DC flow of each branch after the outages of branches, (n_branch,) [p.u.]."""
    lost = [o.branch for o in outages if o.branch]
    if not lost:
        return np.zeros(case.n_branch)
    one = np.ones(case.n_branch)
    screen = screen_dc_outages(case, plan, lost, one, threads=options.threads or 1)
    return np.asarray(np.nan_to_num(screen.branch_percent) / 100.0)


def _hold(reserve: Floats, flow: Floats, over: Floats) -> Floats:
    """Limit of the active power of each branch [p.u.]; NaN = unrated."""
    mended = flow / (np.nan_to_num(over, nan=100.0) / 100.0) * (1.0 - MARGIN)
    kept = np.where(np.isnan(reserve), np.nan, np.maximum((1.0 - MARGIN) * reserve, flow))
    return np.asarray(np.where(np.isnan(over), kept, mended))


def _balance(case: Case, plan: DcPlan) -> Case:
    """Let the loads of each island take up what the units give beyond them: the losses."""
    islands = plan.islands
    moved = solve_dc(case, plan.convention, True, plan).generator_p - case.generator_p
    unit_node = case.bus_node[case.generator_bus]
    running = case.generator_on & np.where(unit_node >= 0, islands.live[unit_node], False)
    missing = np.bincount(islands.island[unit_node[running]], moved[running], islands.count)
    node = case.bus_node[case.load_bus]
    alive = case.load_on & np.where(node >= 0, islands.live[node], False)
    own = np.where(alive, islands.island[node], 0)
    total = np.bincount(own[alive], case.load_p[alive], islands.count)
    factor = 1.0 - np.divide(missing, total, out=np.zeros(islands.count), where=total > 0)
    return replace(case, load_p=np.where(alive, case.load_p * factor[own], case.load_p))


def _reserve(base: Solution, rate: Floats, flow: Floats) -> Floats:
    """Active power that a rating leaves [p.u.]; NaN = unrated."""
    s_from, s_to = spread_flows(base)
    q = np.maximum(np.abs(np.nan_to_num(s_from.imag)), np.abs(np.nan_to_num(s_to.imag)))
    p = np.maximum(np.abs(np.nan_to_num(s_from.real)), np.abs(np.nan_to_num(s_to.real)))
    left = np.sqrt(np.maximum(np.square(rate) - np.square(q), 0.0)) - np.abs(p - flow)
    return np.asarray(np.where(np.isnan(rate), np.nan, np.maximum(left, 0.0)))


def _offer_moves(net: Network, case: Case, adjustment: Adjustment) -> UnitOffers:
    """Offer every unit to move down and up from its schedule at 1 per MW."""
    units, base, on = net.tables["generator"], case.base_mva, case.generator_on
    scheduled = base * case.generator_p
    low = np.where(np.isfinite(case.generator_p_min), base * case.generator_p_min, 0.0)
    low = np.minimum(low, 0.0) if adjustment.stop else low
    high = base * case.generator_p_max
    weather = units["fuel"].isin(WEATHER_FUELS).to_numpy()
    low, high = np.where(weather, 0.0, low), np.where(weather, scheduled, high)
    if RAMP_COLUMN in units and np.isfinite(adjustment.minutes):
        ramp = pd.to_numeric(units[RAMP_COLUMN], errors="coerce").to_numpy(dtype=float)
        reach = np.where(np.isnan(ramp), np.inf, ramp * adjustment.minutes / 10.0)
        low, high = np.maximum(low, scheduled - reach), np.minimum(high, scheduled + reach)
    # what stands behind a load serves that load: the grid does not order it, and it exports nothing
    held = ~on | ~units["metered"].to_numpy(dtype=bool) | (units["behind_load"] != "").to_numpy()
    low = np.where(held, scheduled, np.minimum(low, scheduled))
    high = np.where(held, scheduled, np.maximum(high, scheduled))
    low, high = np.where(on, low, 0.0), np.where(on, high, 0.0)
    down, up = np.where(on, scheduled, 0.0) - low, high - np.where(on, scheduled, 0.0)
    unit = np.repeat(np.arange(len(on)), 2)
    width = np.stack([down, up], axis=1).ravel()
    price = np.tile([-1.0, 1.0], len(on))
    some = width > 0.0
    return UnitOffers(
        low=low,
        high=high,
        constant=down,
        block_unit=unit[some],
        block_width=width[some],
        block_price=price[some],
        block_bend=np.zeros(int(some.sum())),
        curtail_price=np.full(len(on), np.nan),
    )


def _find_link_range(net: Network, case: Case) -> tuple[Floats, Floats]:
    links, p = net.tables["hvdc"], case.base_mva * case.hvdc_p
    low = links["p_min_mw"].fillna(-links["p_max_mw"]).to_numpy(dtype=float)
    high = links["p_max_mw"].to_numpy(dtype=float)
    known = np.isfinite(low) & np.isfinite(high)
    return np.where(known, np.minimum(low, p), p), np.where(known, np.maximum(high, p), p)
