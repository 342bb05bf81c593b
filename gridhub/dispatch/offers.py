"""What units, storage, links and loads offer in an hour: ranges [MW] and prices [currency/MWh].

A `Case` holds no costs; they come in here, as arrays in its order. Everything in `gridhub.dispatch` is in MW,
because money is per MWh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.dispatch.curves import CostCurves
from gridhub.errors import name_ids


@dataclass(frozen=True, slots=True, eq=False)
class UnitOffers:
    """Convex costs of the generators.

    Attributes
    ----------
    low, high : (n_generator,) float
        Range [MW]; equal for a unit that cannot move.
    constant : (n_generator,) float
        Cost at `low` [currency/h].
    block_unit : (m,) int
        Unit that each block above `low` belongs to.
    block_width : (m,) float
        [MW]; may be infinite.
    block_price : (m,) float
        At the start of the block [currency/MWh]; rises from block to block of one unit.
    block_bend : (m,) float
        Quadratic cost: x MW of a block cost block_price x + block_bend x^2 [currency/MW2h].
    curtail_price : (n_generator,) float
        What a MWh below `high` costs [currency/MWh]; NaN: the unit is no sun or wind that is curtailed.
    """

    low: Floats
    high: Floats
    constant: Floats
    block_unit: Ints
    block_width: Floats
    block_price: Floats
    block_bend: Floats
    curtail_price: Floats


@dataclass(frozen=True, slots=True, eq=False)
class StorageOffers:
    """Ranges and values of pumped storage and batteries.

    Attributes
    ----------
    low, high : (n_storage,) float
        Range [MW]; discharge positive.
    charge_value : (n_storage,) float
        Worth of a MWh taken in [currency/MWh].
    discharge_price : (n_storage,) float
        Price of a MWh given [currency/MWh]; not below `charge_value`.
    """

    low: Floats
    high: Floats
    charge_value: Floats
    discharge_price: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """All that can move in an hour.

    Attributes
    ----------
    units : UnitOffers
    storage : StorageOffers
    link_low, link_high : (n_hvdc,) float
        Range of the power taken at the from end [MW]; equal for a link held at a set-point.
    shed_price : (n_load,) float
        Price of load that is not served, beyond what is called [currency/MWh]; infinite: must be served.
    call_price : (n_load,) float
        Price of what is called of a flexible load [currency/MWh].
    call_limit : (n_load,) float
        Most of each load that may be called [MW]; 0: it is not flexible.
    losses : bool
        Whether branches lose what their resistance takes.
    """

    units: UnitOffers
    storage: StorageOffers
    link_low: Floats
    link_high: Floats
    shed_price: Floats
    call_price: Floats
    call_limit: Floats
    losses: bool


def offer_units(
    case: Case,
    linear: Floats,
    constant: Floats | None = None,
    quadratic: Floats | None = None,
    *,
    must_run: Bools | None = None,
    curtailable: Bools | None = None,
    held: Bools | None = None,
    relaxed: bool = True,
    curtail_price: float | Floats = 0.0,
    curves: CostCurves | None = None,
) -> UnitOffers:
    """Make offers of generators from cost coefficients.

    Parameters
    ----------
    case : Case
    linear, constant, quadratic : (n_generator,) float
        c1 [currency/MWh], c0 [currency/h], c2 [currency/MW2h]; NaN or not given counts as 0.
    must_run : (n_generator,) bool, optional
        Units that stay at or above their minimum.
    curtailable : (n_generator,) bool, optional
        Sun and wind: from 0 to the schedule ``case.generator_p``, which is what the weather allows.
    held : (n_generator,) bool, optional
        Units that keep their schedule, such as sun behind the meter.
    relaxed : bool
        True: a unit that need not run may give anything from 0 to its maximum, and its constant cost is
        spread over the maximum (the linear relaxation of on and off). False: every unit in service keeps its
        minimum and pays its constant cost.
    curtail_price : float or (n_generator,) float
        [currency/MWh].
    curves : CostCurves, optional
        Piecewise linear costs, which take the place of the coefficients.

    Returns
    -------
    UnitOffers
        An unknown minimum counts as 0; a unit with one below 0 cannot be relaxed and keeps it. Units out of
        service give 0 and cost nothing.

    Raises
    ------
    ValueError
        If a cost is not convex, a quadratic one has no known maximum, or a range is empty.

    Notes
    -----
    Relaxed commitment: p_min u <= p <= p_max u, 0 <= u <= 1, cost c0 u + c1 p with c0 >= 0 has u = p / p_max
    at the optimum, which leaves the price c1 + c0 / p_max. Beyond its first and last point a piecewise cost
    goes on straight; relaxed, it has no constant part.
    """
    base, on = case.base_mva, case.generator_on
    n = len(on)
    c0, c1, c2 = (_fill(values, n) for values in (constant, linear, quadratic))
    scheduled = base * case.generator_p
    low = base * np.where(np.isfinite(case.generator_p_min), case.generator_p_min, 0.0)
    high = base * case.generator_p_max
    curtailed, kept = (np.zeros(n, dtype=bool) if m is None else m for m in (curtailable, held))
    low, high = np.where(curtailed, 0.0, low), np.where(curtailed, scheduled, high)
    must = np.zeros(n, dtype=bool) if must_run is None else must_run
    free = relaxed & ~must & ~curtailed & ~kept & (low >= 0)
    spread = free & np.isfinite(high) & (high > 0)
    c1 = c1 + np.divide(c0, high, out=np.zeros(n), where=spread)
    c0 = np.where(free, 0.0, c0)
    low = np.where(free, 0.0, low)
    low, high = np.where(kept, scheduled, low), np.where(kept, scheduled, high)
    low, high = np.where(on, low, 0.0), np.where(on, high, 0.0)
    _refuse_units(case, low, high, c2)
    unit = np.flatnonzero(high > low)
    offers = UnitOffers(
        low=low,
        high=high,
        constant=np.where(on, c0 + c1 * low + c2 * low**2, 0.0),
        block_unit=unit,
        block_width=(high - low)[unit],
        block_price=(c1 + 2.0 * c2 * low)[unit],
        block_bend=c2[unit],
        curtail_price=np.where(curtailed & on, curtail_price, np.nan),
    )
    return offers if curves is None else curves.put_into(offers, on, constant_too=~free)


def _fill(values: Floats | None, n: int) -> Floats:
    return np.zeros(n) if values is None else np.nan_to_num(np.asarray(values, dtype=float))


def _refuse_units(case: Case, low: Floats, high: Floats, quadratic: Floats) -> None:
    for bad, text in (
        (quadratic < 0, "a quadratic cost below 0, which is not convex"),
        ((quadratic > 0) & ~np.isfinite(high), "a quadratic cost and no known p_max_mw"),
        (low > high, "a minimum above the maximum (or a negative schedule of sun or wind)"),
    ):
        if bad.any():
            ids = name_ids(case.labels.generator[i] for i in np.flatnonzero(bad))
            raise ValueError(f"{int(bad.sum())} units have {text}: {ids}")


def hold_storage(case: Case) -> StorageOffers:
    """Keep every storage at the power of the case."""
    p = np.where(case.storage_on, case.base_mva * case.storage_p, 0.0)
    return StorageOffers(p, p, np.zeros(len(p)), np.zeros(len(p)))


def offer_storage(
    case: Case,
    p_max: Floats,
    charge_max: Floats,
    energy: Floats,
    filling: Floats,
    efficiency: Floats,
    charge_value: Floats,
    discharge_price: Floats,
    hours: float = 1.0,
) -> StorageOffers:
    """Make offers of storage for one step.

    Parameters
    ----------
    case : Case
    p_max, charge_max : (n_storage,) float
        Most given and most taken in [MW].
    energy, filling : (n_storage,) float
        Energy when full [MWh] and the share of it that is there.
    efficiency : (n_storage,) float
        Round trip; its square root holds for each way.
    charge_value, discharge_price : (n_storage,) float
        [currency/MWh].
    hours : float
        Length of the step [h].

    Returns
    -------
    StorageOffers

    Raises
    ------
    ValueError
        If a MWh taken in is worth more than one given costs: storage would pay for going round in circles.
    """
    bad = np.flatnonzero(charge_value > discharge_price)
    if len(bad):
        ids = name_ids(case.labels.storage[i] for i in bad)
        raise ValueError(f"{len(bad)} storage units have a charge_value above their discharge_price: {ids}")
    one_way = np.sqrt(efficiency)
    out = np.minimum(p_max, energy * filling * one_way / hours)
    into = np.minimum(charge_max, energy * (1.0 - filling) / one_way / hours)
    on = case.storage_on
    return StorageOffers(np.where(on, -into, 0.0), np.where(on, out, 0.0), charge_value, discharge_price)


def make_offers(
    case: Case,
    units: UnitOffers,
    storage: StorageOffers | None = None,
    links: tuple[Floats, Floats] | None = None,
    shed_price: float | Floats = np.inf,
    call_price: float | Floats = 0.0,
    call_limit: float | Floats = 0.0,
    losses: bool = False,
) -> Offers:
    """Put offers together; what is not given keeps the power of the case.

    Parameters
    ----------
    case : Case
    units : UnitOffers
    storage : StorageOffers, optional
    links : (low, high), optional
        Range of each link [MW] at its from end.
    shed_price : float or (n_load,) float
        [currency/MWh]; infinite: must be served.
    call_price : float or (n_load,) float
        [currency/MWh].
    call_limit : float or (n_load,) float
        [MW].
    losses : bool
        Whether branches lose what their resistance takes.

    Returns
    -------
    Offers

    Raises
    ------
    ValueError
        If the range of a link is empty or infinite.
    """
    p = case.base_mva * case.hvdc_p
    low, high = (p, p) if links is None else links
    bad = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high) & (low <= high)))
    if len(bad):
        ids = name_ids(case.labels.hvdc[i] for i in bad)
        raise ValueError(f"{len(bad)} links have an empty or infinite range: {ids}")
    shape = (len(case.load_p),)
    shed, price, limit = (
        np.broadcast_to(np.asarray(v, dtype=float), shape) for v in (shed_price, call_price, call_limit)
    )
    store = hold_storage(case) if storage is None else storage
    return Offers(units, store, low, high, shed, price, limit, losses)
