"""Sun: clear sky by pvlib, seeded cloud that neighbours share, held to a published capacity factor."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from gridhub.profiles.calibration import find_factor
from gridhub.profiles.region import Floats, RegionProfiles
from gridhub.profiles.weather import (
    Cells,
    build_field,
    build_hours,
    interpolate_months,
    make_generator,
    weigh_stations,
)

OVERCAST, CLEAR = 0.25, 0.75
"""Angström and Prescott: radiation over that outside the atmosphere, without sunshine and with all of it."""

DARKEST = 0.25
"""Radiation under the thickest cloud over that of a clear sky (Kasten and Czeplak)."""


def build_clear_sky(lat: float, lon: float, hours: pd.DatetimeIndex) -> pd.DataFrame:
    """Compute the irradiance under a clear sky at the middle of each hour.

    Parameters
    ----------
    lat, lon : float
        [degree]
    hours : DatetimeIndex
        Begins of the hours, with a time zone.

    Returns
    -------
    DataFrame
        (n_hour, 5): ghi, dni, dhi [W/m²], zenith and azimuth [degree].

    References
    ----------
    P. Ineichen and R. Perez, Solar Energy 73 (2002) 151-157, doi:10.1016/S0038-092X(02)00045-2, with the
    monthly turbidity that pvlib holds (K. Anderson et al., JOSS 8 (2023) 5994, doi:10.21105/joss.05994).
    """
    from pvlib.location import Location

    place = Location(lat, lon, tz=hours.tz)
    middle = hours + pd.Timedelta(minutes=30)
    position = place.get_solarposition(middle)
    sky: pd.DataFrame = place.get_clearsky(middle, model="ineichen", solar_position=position)
    sky["zenith"], sky["azimuth"] = position["apparent_zenith"], position["azimuth"]
    return sky.set_axis(hours)


@lru_cache(maxsize=128)
def _recall_clear_sky(lat: float, lon: float, year: int, time_zone: str) -> pd.DataFrame:
    """Keep the clear sky of a year, which no seed changes and which takes most of the time."""
    return build_clear_sky(lat, lon, build_hours(year, time_zone))


def build_clearness(region: RegionProfiles, cells: Cells, hours: pd.DatetimeIndex, seed: int) -> Floats:
    """Make the radiation over that of a clear sky of every cell hour by hour. Synthetic.

    Parameters
    ----------
    region : RegionProfiles
    cells : Cells
    hours : DatetimeIndex
    seed : int

    Returns
    -------
    (n_hour, n_cell) array
        `DARKEST` to 1.

    Notes
    -----
    With u the normal field of the weather brought to 0..1 and s the month's share of sunshine in daylight:
    the sky is clear while u < s; else 1 - 0.75 v^p with v = (u - s) / (1 - s). p gives cloud the mean that
    Angström and Prescott have for s = 0, so that the mean of all hours follows their straight line.

    References
    ----------
    R. G. Allen et al., FAO Irrigation and Drainage Paper 56 (1998), eq. 35 (Angström and Prescott);
    F. Kasten and G. Czeplak, Solar Energy 24 (1980) 177-189, doi:10.1016/0038-092X(80)90391-6.
    """
    sunny = np.array([np.isfinite(station.sunshine_h).all() for station in region.stations])
    weight = weigh_stations(region, cells.lat, cells.lon, sunny)[:, sunny]
    stations = [one for one, known in zip(region.stations, sunny, strict=True) if known]
    shares = np.array([one.sunshine_h / _count_daylight(one.lat, hours) for one in stations])
    share = np.clip(interpolate_months(np.einsum("ps,sm->mp", weight, shares), hours), 0.02, 0.98)
    generator = make_generator(seed, hours[0].year, "cloud")
    level = ndtr(build_field(cells.lat, cells.lon, region.cloud, len(hours), generator))
    power = (1.0 - DARKEST) / (1.0 - OVERCAST / CLEAR) - 1.0
    depth = np.clip((level - share) / (1.0 - share), 0.0, 1.0)
    return np.asarray(1.0 - (1.0 - DARKEST) * depth**power)


def _count_daylight(lat: float, hours: pd.DatetimeIndex) -> Floats:
    """Count the hours between sunrise and sunset of every month, (12,) [h], by Cooper's declination."""
    days = hours[hours.hour == 0]
    tilt = np.radians(23.45) * np.sin(2.0 * np.pi * (284 + days.dayofyear.to_numpy()) / 365.0)
    turn = np.clip(-np.tan(np.radians(lat)) * np.tan(tilt), -1.0, 1.0)
    daylight = 24.0 / np.pi * np.arccos(turn)
    return np.array([daylight[days.month == month].sum() for month in range(1, 13)])


def compute_output(region: RegionProfiles, sky: pd.DataFrame, clearness: Floats, air_c: Floats) -> Floats:
    """Compute the output of a fixed-tilt plant of 1 MW before losses of the system.

    Parameters
    ----------
    region : RegionProfiles
        Tilt, azimuth and temperature coefficient.
    sky : DataFrame
        As of `build_clear_sky`.
    clearness : (n_hour,) array
        Radiation over that of a clear sky.
    air_c : (n_hour,) array
        Outside temperature [°C].

    Returns
    -------
    (n_hour,) array
        MW per MW of peak power.

    References
    ----------
    D. G. Erbs, S. A. Klein and J. A. Duffie, Solar Energy 28 (1982) 293-302,
    doi:10.1016/0038-092X(82)90302-4 (diffuse share). Both by way of pvlib, as the rest.
    """
    from pvlib import irradiance, pvsystem, temperature

    ghi = sky["ghi"].to_numpy() * clearness
    zenith = sky["zenith"].to_numpy()
    split = irradiance.erbs(ghi, zenith, pd.DatetimeIndex(sky.index).dayofyear.to_numpy())
    plane = irradiance.get_total_irradiance(
        region["solar_tilt_degree"],
        region["solar_azimuth_degree"],
        zenith,
        sky["azimuth"].to_numpy(),
        np.minimum(split["dni"], sky["dni"].to_numpy()),
        ghi,
        split["dhi"],
    )["poa_global"]
    plane = np.nan_to_num(np.where(zenith < 90.0, plane, 0.0))
    cell_c = temperature.faiman(plane, air_c)
    return np.asarray(pvsystem.pvwatts_dc(plane, cell_c, 1.0, region["solar_percent_per_c"] / 100.0))


def build_sun(
    region: RegionProfiles,
    cells: Cells,
    wanted: NDArray[np.int64],
    hours: pd.DatetimeIndex,
    air_c: Floats,
    seed: int,
) -> tuple[Floats, float]:
    """Make the output of sun in some cells hour by hour. Synthetic.

    Parameters
    ----------
    region : RegionProfiles
    cells : Cells
    wanted : (k,) int
        Cells.
    hours : DatetimeIndex
        As of `build_hours`.
    air_c : (n_hour, n_cell) array
        Outside temperature [°C].
    seed : int

    Returns
    -------
    factor : (n_hour, k) array
        Output per capacity, 0 to 1.
    performance : float
        Losses of the system: the factor on the output of the modules with which the region's fleet meets the
        published capacity factor. Plants usually have 0.75 to 0.90; another value says that cloud or figure
        do not fit.
    """
    fleet = region.solar_fleet
    at = cells.find(fleet.lat, fleet.lon, [f"solar_fleet {i + 1}" for i in range(len(fleet.lat))])
    every = np.unique(np.concatenate([wanted, at]))
    clearness = build_clearness(region, cells, hours, seed)
    output = {}
    for cell in every.tolist():
        sky = _recall_clear_sky(
            float(cells.lat[cell]), float(cells.lon[cell]), hours[0].year, region.time_zone
        )
        output[cell] = compute_output(region, sky, clearness[:, cell], air_c[:, cell])
    of_fleet = np.stack([output[int(cell)] for cell in at], axis=1)
    performance = find_factor(
        lambda factor: float(np.minimum(of_fleet * factor, 1.0).mean(axis=0) @ fleet.weight),
        region["solar"],
        0.05,
        5.0,
        "solar",
    )
    of_wanted = (
        np.stack([output[int(cell)] for cell in wanted], axis=1) if len(wanted) else np.zeros((len(hours), 0))
    )
    return np.minimum(of_wanted * performance, 1.0), performance
