"""Sun and wind beside a hub, per MW of its contract power, in the weather of its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gridhub.profiles.region import Floats, RegionProfiles
from gridhub.profiles.sun import build_sun
from gridhub.profiles.temperature import build_temperature
from gridhub.profiles.weather import build_cells, build_hours
from gridhub.profiles.wind import build_wind


@dataclass(frozen=True, slots=True, eq=False)
class SiteOutput:
    """A synthetic year at some places; those in one weather cell have one column.

    Attributes
    ----------
    hours : DatetimeIndex
        (n_hour,) local time.
    output : (n_hour, k) float
        Sun and wind together [MW per MW of contract power].
    air_c : (n_hour, k) float
        Outside temperature [°C].
    where : (n_place,) int
        Column of each place.
    """

    hours: pd.DatetimeIndex
    output: Floats
    air_c: Floats
    where: NDArray[np.int64]


def build_site_output(
    region: RegionProfiles,
    lat: ArrayLike,
    lon: ArrayLike,
    names: ArrayLike,
    ratios: tuple[float, float],
    year: int,
    seed: int,
) -> SiteOutput:
    """Build what sun and wind on land give at places, hour by hour. Synthetic.

    Parameters
    ----------
    region : RegionProfiles
    lat, lon, names : (n_place,) array_like
        Coordinates [degree], and what to call the places in a fault.
    ratios : (float, float)
        MW of sun and of wind per MW of contract power.
    year, seed : int
        Of the weather; the same as in `gridhub.make_profiles`.

    Raises
    ------
    InputError
        If a place has no coordinates or lies outside the region; all such places are listed.
    """
    solar, wind = ratios
    hours = build_hours(year, region.time_zone)
    cells = build_cells(region)
    alone, where = np.unique(cells.find(lat, lon, names), return_inverse=True)
    air = build_temperature(region, cells, hours, seed)
    output = np.zeros((len(hours), len(alone)))
    if solar > 0:
        output += solar * build_sun(region, cells, alone, hours, air, seed)[0]
    if wind > 0:
        on_land = np.zeros(len(alone), dtype=bool)
        output += wind * build_wind(region, cells, alone, on_land, hours, seed)[0]
    return SiteOutput(hours, output, air[:, alone], where)
