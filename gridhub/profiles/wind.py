"""Wind: seasonal speeds and seeded weather through a power curve, held to a published capacity factor."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from gridhub.profiles.calibration import find_factor
from gridhub.profiles.region import Floats, RegionProfiles
from gridhub.profiles.weather import Cells, build_field, interpolate_months, make_generator

CUT_IN, RATED, CUT_OUT = 3.0, 12.0, 25.0
"""Wind speeds at the hub at which a turbine starts, reaches its capacity and stops [m/s] (assumed)."""

HIGHEST_SCALE = 12.0
"""Weibull scale up to which more wind is more output [m/s]: beyond, storms that stop turbines weigh more."""

WINDIEST_HOUR = 15
"""Local hour at which wind over land blows strongest (assumed)."""

KINDS = ("wind", "offshore_wind")


def compute_power(speed: Floats) -> Floats:
    """Compute the output of a turbine of 1 MW from the wind speed at its hub [m/s].

    Examples
    --------
    >>> compute_power(np.array([2.0, 12.0, 20.0, 26.0])).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    rise = (speed**3 - CUT_IN**3) / (RATED**3 - CUT_IN**3)
    return np.where(speed < CUT_OUT, np.clip(rise, 0.0, 1.0), 0.0)


def build_wind(
    region: RegionProfiles,
    cells: Cells,
    wanted: NDArray[np.int64],
    offshore: NDArray[np.bool_],
    hours: pd.DatetimeIndex,
    seed: int,
) -> tuple[Floats, dict[str, float]]:
    """Make the output of wind in some cells hour by hour. Synthetic.

    Parameters
    ----------
    region : RegionProfiles
    cells : Cells
    wanted : (k,) int
        Cells.
    offshore : (k,) bool
        At sea: the capacity factor of offshore wind and no swing of the day.
    hours : DatetimeIndex
    seed : int

    Returns
    -------
    factor : (n_hour, k) array
        Output per capacity, 0 to 1.
    scale : dict
        Kind -> mean of the Weibull scale over the year [m/s] with which the region's fleet meets the
        published capacity factor.

    Notes
    -----
    v = c(month) s(hour) (-ln(1 - u))^(1/k), u the normal field of the weather brought to 0..1: Weibull
    speeds of shape k in every hour. c(month) gives each month its share of the year's output.
    """
    fleet = region.wind_fleet
    at = cells.find(fleet.lat, fleet.lon, [f"wind_fleet {i + 1}" for i in range(len(fleet.lat))])
    generator = make_generator(seed, hours[0].year, "wind")
    field = build_field(cells.lat, cells.lon, region.breeze, len(hours), generator)
    every = np.unique(np.concatenate([wanted, at]))
    # 1 - ndtr(z) = ndtr(-z), without loss of digits in a storm
    reduced = np.zeros((len(hours), len(cells.lat)))
    reduced[:, every] = (-np.log(ndtr(-field[:, every]))) ** (1.0 / region["weibull_shape"])
    swing = 1.0 + region["wind_day_swing"] * np.cos(
        2.0 * np.pi * (hours.hour.to_numpy() + 0.5 - WINDIEST_HOUR) / 24.0
    )
    factor, scales = np.zeros((len(hours), len(wanted))), {}
    for kind in KINDS:
        month = interpolate_months(_find_scales(region, kind), hours)
        hour = month * (swing if kind == "wind" else 1.0)

        def compute(lift: float, hour: Floats = hour) -> float:
            return float(compute_power(reduced[:, at] * (lift * hour)[:, None]).mean(axis=0) @ fleet.weight)

        lift = find_factor(compute, region[kind], 0.5, 1.5, kind)
        chosen = offshore if kind == "offshore_wind" else ~offshore
        factor[:, chosen] = compute_power(reduced[:, wanted[chosen]] * (lift * hour)[:, None])
        scales[kind] = float(lift * hour.mean())
    return factor, scales


def _find_scales(region: RegionProfiles, kind: str) -> Floats:
    """Find the Weibull scale of each month [m/s] that gives it its capacity factor, (12,)."""
    quantile = (np.arange(2000) + 0.5) / 2000
    reduced = (-np.log(1.0 - quantile)) ** (1.0 / region["weibull_shape"])
    month = region.wind_month / region.wind_month.mean()
    return np.array(
        [
            find_factor(
                lambda c: float(compute_power(c * reduced).mean()),
                region[kind] * share,
                1.0,
                HIGHEST_SCALE,
                kind,
            )
            for share in month
        ]
    )
