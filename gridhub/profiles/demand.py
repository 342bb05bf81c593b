"""Demand: the shape of a country's year, held to its published peak, minimum and energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.profiles.calibration import find_factor
from gridhub.profiles.region import Floats, RegionProfiles, Scatter
from gridhub.profiles.weather import build_field, interpolate_months, make_generator


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """Demand of a region in every hour of a year.

    Attributes
    ----------
    p_mw : (n_hour,) float
        [MW]
    bend : float
        Exponent with which the shape was bent to meet the three published figures; near 1: it met them almost
        by itself.
    unknown_festivals : bool
        True: the region's calendar has no festival in this year, so those days are worked through.
    """

    p_mw: Floats
    bend: float
    unknown_festivals: bool


def list_day_kinds(region: RegionProfiles, hours: pd.DatetimeIndex) -> np.ndarray:
    """Name the kind of day of every hour, (n_hour,) of `DAY_KINDS`."""
    date = hours.strftime("%Y-%m-%d")
    kinds = np.full(len(hours), "working", dtype=object)
    kinds[hours.dayofweek == 5] = "saturday"
    off = date.isin(region.holidays) | hours.strftime("%m-%d").isin(region.fixed_days)
    kinds[(hours.dayofweek == 6) | off] = "holiday"
    kinds[date.isin(region.festivals)] = "festival"
    return kinds


def build_shape(
    region: RegionProfiles, hours: pd.DatetimeIndex, climate_c: Floats, air_c: Floats, seed: int
) -> Floats:
    """Make demand over its mean before it is held to published figures, (n_hour,).

    Parameters
    ----------
    region : RegionProfiles
    hours : DatetimeIndex
    climate_c, air_c : (n_hour,) array
        Mean temperature of the region by the climate, and in this year [°C].
    seed : int

    Notes
    -----
    Level of the month x curve of the day x answer to the day's departure from the climate (cooling above,
    heating below a temperature) x scatter.
    """
    kinds = list_day_kinds(region, hours)
    clock, month = hours.hour.to_numpy(), hours.month.to_numpy()
    curve = np.empty(len(hours))
    for (number, kind), values in region.curves.items():
        chosen = (month == number) & (kinds == kind)
        curve[chosen] = values[clock[chosen]]
    # a building answers to the last day, not to the last hour
    day = pd.Series(air_c).rolling(24, min_periods=1).mean().to_numpy()
    answer = region["cooling_percent_per_c"] * _count_more(day, climate_c, region["cooling_above_c"])
    answer += region["heating_percent_per_c"] * _count_more(-day, -climate_c, -region["heating_below_c"])
    scatter = Scatter(region["demand_scatter_hours"], ((1.0, 1.0),))
    noise = build_field(
        np.zeros(1), np.zeros(1), scatter, len(hours), make_generator(seed, hours[0].year, "demand")
    )[:, 0]
    shape = interpolate_months(region.level, hours) * curve * (1.0 + answer / 100.0)
    return np.asarray(shape * (1.0 + region["demand_scatter_percent"] / 100.0 * noise))


def _count_more(value: Floats, usual: Floats, threshold: float) -> Floats:
    """Count the degrees above a threshold, less those that are usual."""
    return np.asarray(np.maximum(value - threshold, 0.0) - np.maximum(usual - threshold, 0.0))


def bend_to(shape: Floats, minimum: float, mean: float, maximum: float) -> tuple[Floats, float]:
    """Bring a shape to a minimum, a mean and a maximum without changing the order of its hours.

    Parameters
    ----------
    shape : (n,) array
    minimum, mean, maximum : float
        Rising.

    Returns
    -------
    values : (n,) array
    bend : float

    Notes
    -----
    minimum + (maximum - minimum) y^g, y the shape brought to 0..1; g meets the mean. y^g falls as g rises, so
    there is one g.

    Examples
    --------
    >>> values, bend = bend_to(np.array([0.0, 1.0, 2.0]), 10.0, 16.0, 20.0)
    >>> values.round(6).tolist(), round(bend, 3)
    ([10.0, 18.0, 20.0], 0.322)
    """
    level = (shape - shape.min()) / (shape.max() - shape.min())
    wanted = (mean - minimum) / (maximum - minimum)
    bend = find_factor(lambda g: float((level**g).mean()), wanted, 0.1, 10.0, "energy_twh")
    return minimum + (maximum - minimum) * level**bend, bend


def build_demand(
    region: RegionProfiles,
    hours: pd.DatetimeIndex,
    climate_c: Floats,
    air_c: Floats,
    seed: int,
    scale: float = 1.0,
) -> Demand:
    """Make the demand of a region hour by hour. Synthetic.

    Parameters
    ----------
    region : RegionProfiles
        Its figures peak_mw, minimum_mw and energy_twh are met exactly.
    hours : DatetimeIndex
    climate_c, air_c : (n_hour,) array
        Mean temperature of the region by the climate, and in this year [°C].
    seed : int
    scale : float
        Factor on all three figures: demand of the network over that of the figures' year.

    Returns
    -------
    Demand
    """
    shape = build_shape(region, hours, climate_c, air_c, seed)
    mean = region["energy_twh"] * 1e6 / len(hours)
    p_mw, bend = bend_to(shape, region["minimum_mw"], mean, region["peak_mw"])
    known = any(day.startswith(f"{hours[0].year}-") for day in region.festivals)
    return Demand(p_mw * scale, bend, bool(region.festivals) and not known)


def share_demand(p_mw: Floats, weight: Floats, in_group: np.ndarray, peak_share: float | None) -> Floats:
    """Share a region's demand out to its loads.

    Parameters
    ----------
    p_mw : (n_hour,) array
        [MW]
    weight : (n_load,) array
        Annual energies, in any unit.
    in_group : (n_load,) bool
        Loads of the group whose share rises with demand.
    peak_share : float or None
        Share of the group at the highest demand; None: the same all year.

    Returns
    -------
    (n_hour, n_load) array
        [MW]; every hour adds up to `p_mw`, and every load has its weight's share of the energy.

    Notes
    -----
    The group's share is s + k (x - m), x demand over its mean, m the energy-weighted mean of x: so the share
    of energy stays s, and k meets `peak_share`.
    """
    share = weight / weight.sum()
    own = float(share[in_group].sum())
    if peak_share is None or not 0.0 < own < 1.0:
        return np.asarray(p_mw[:, None] * share[None, :])
    level = p_mw / p_mw.mean()
    middle = float((level**2).sum() / level.sum())
    of_group = own + (peak_share - own) / (level.max() - middle) * (level - middle)
    part = np.where(in_group[None, :], of_group[:, None] / own, (1.0 - of_group[:, None]) / (1.0 - own))
    return np.asarray(p_mw[:, None] * share[None, :] * part)
