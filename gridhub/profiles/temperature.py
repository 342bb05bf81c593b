"""Outside temperature: monthly climate, the swing of the day, and seeded weather."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.profiles.region import Floats, RegionProfiles
from gridhub.profiles.weather import Cells, build_field, interpolate_months, make_generator, weigh_stations

WARMEST_HOUR = 15
"""Local hour at which a day is warmest (assumed)."""


def build_climate(region: RegionProfiles, cells: Cells, hours: pd.DatetimeIndex, key: str) -> Floats:
    """Spread a monthly figure of the region's stations over cells and hours.

    Parameters
    ----------
    region : RegionProfiles
    cells : Cells
    hours : DatetimeIndex
    key : {"mean_c", "range_c"}

    Returns
    -------
    (n_hour, n_cell) array
        [°C]; stations weigh by the inverse square of their distance.
    """
    weight = weigh_stations(region, cells.lat, cells.lon, np.ones(len(region.stations), dtype=bool))
    months = np.array([getattr(station, key) for station in region.stations])
    return interpolate_months(np.einsum("cs,sm->mc", weight, months), hours)


def build_temperature(region: RegionProfiles, cells: Cells, hours: pd.DatetimeIndex, seed: int) -> Floats:
    """Make the outside temperature of every cell hour by hour. Synthetic.

    Parameters
    ----------
    region : RegionProfiles
    cells : Cells
    hours : DatetimeIndex
    seed : int

    Returns
    -------
    (n_hour, n_cell) array
        [°C]

    Notes
    -----
    Monthly mean + half the mean daily range x cosine of the hour + ``temperature_scatter_c`` x a normal
    field.
    """
    turn = np.cos(2.0 * np.pi * (hours.hour.to_numpy() + 0.5 - WARMEST_HOUR) / 24.0)
    generator = make_generator(seed, hours[0].year, "temperature")
    field = build_field(cells.lat, cells.lon, region.warmth, len(hours), generator)
    swing = build_climate(region, cells, hours, "range_c") / 2.0 * turn[:, None]
    mean = build_climate(region, cells, hours, "mean_c")
    return np.asarray(mean + swing + region["temperature_scatter_c"] * field)
