"""Weather cells, and seeded fields of departures that are correlated in space and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from gridhub.errors import InputError, Issue
from gridhub.geo import calculate_distance_km
from gridhub.profiles.region import Floats, RegionProfiles, Scatter

STREAMS = ("cloud", "wind", "temperature", "demand", "data_center")
"""Independent streams of random numbers of one seed; append only, their order is part of the result."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Centres of the weather cells of a region, row by row from the south-west.

    Attributes
    ----------
    lat, lon : (n,) float
        [degree]
    """

    lat: Floats
    lon: Floats
    step: float

    def find(self, lat: ArrayLike, lon: ArrayLike, names: ArrayLike) -> NDArray[np.int64]:
        """Find the cell each place lies in.

        Parameters
        ----------
        lat, lon : (k,) array_like
            [degree]
        names : (k,) array_like
            What to call the places in a fault.

        Returns
        -------
        (k,) int

        Raises
        ------
        InputError
            If a place has no coordinates or lies outside the region; all such places are listed.
        """
        lat, lon = np.asarray(lat, dtype=float), np.asarray(lon, dtype=float)
        off_lat = np.abs(lat[:, None] - self.lat[None, :])
        off_lon = np.abs(lon[:, None] - self.lon[None, :])
        farther = np.maximum(off_lat, off_lon)
        nearest = np.where(np.isnan(farther), np.inf, farther).argmin(axis=1)
        worst = np.nan_to_num(farther[np.arange(len(lat)), nearest], nan=np.inf)
        bad = np.flatnonzero(worst > self.step / 2 + 1e-9)
        if len(bad):
            text = "lies in no weather cell of the region; give lat and lon, or widen [grid] of profiles.toml"
            raise InputError(
                [
                    Issue(
                        "error",
                        "E-PLACE",
                        "bus",
                        str(np.asarray(names)[i]),
                        "lat, lon",
                        f"{lat[i]}, {lon[i]}",
                        text,
                    )
                    for i in bad
                ],
                "profiles",
            )
        return np.asarray(nearest, dtype=np.int64)


def build_cells(region: RegionProfiles) -> Cells:
    """Lay the weather cells over a region.

    The cells are the region's, not the network's: one more plant leaves the weather of the others as it is.
    """
    south, north, west, east, step = region.grid
    rows = np.arange(south + step / 2, north, step)
    columns = np.arange(west + step / 2, east, step)
    lat, lon = np.meshgrid(rows, columns, indexing="ij")
    return Cells(lat.ravel(), lon.ravel(), step)


def build_hours(year: int, time_zone: str) -> pd.DatetimeIndex:
    """List the hours of a year in local time; each label is the begin of its hour.

    Examples
    --------
    >>> hours = build_hours(2025, "Asia/Seoul")
    >>> len(hours), str(hours[0])
    (8760, '2025-01-01 00:00:00+09:00')
    """
    first, after = f"{year}-01-01", f"{year + 1}-01-01"
    return pd.date_range(first, after, freq="h", tz=time_zone, inclusive="left", name="hour")


def make_generator(seed: int, year: int, stream: str, *keys: int) -> np.random.Generator:
    """Make the random numbers of one stream: PCG64 on seed, year, number of the stream, and further keys."""
    entropy = [seed, year, STREAMS.index(stream), *keys]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def build_field(
    lat: Floats, lon: Floats, scatter: Scatter, n_hour: int, generator: np.random.Generator
) -> Floats:
    """Make a standard normal field that is correlated between places and from hour to hour.

    Parameters
    ----------
    lat, lon : (n,) array
        Places [degree].
    scatter : Scatter
    n_hour : int
    generator : numpy Generator

    Returns
    -------
    (n_hour, n) array
        Each value has mean 0 and variance 1 over all seeds.

    Notes
    -----
    z(t) = a z(t-1) + sqrt(1 - a²) L e(t), with a = exp(-1 / hours), L L' = C the correlation between places
    (a sum of exponentials of their distance) and e(t) independent normals. The product with L is summed in a
    fixed order, not by BLAS, whose threads would change the last bits.
    """
    km = calculate_distance_km(lat[:, None], lon[:, None], lat[None, :], lon[None, :])
    correlation = sum(share * np.exp(-km / length) for share, length in scatter.scales)
    factor = np.linalg.cholesky(correlation + 1e-10 * np.eye(len(lat)))
    shocks = np.einsum("tj,ij->ti", generator.standard_normal((n_hour, len(lat))), factor, optimize=False)
    memory = float(np.exp(-1.0 / scatter.hours))
    shocks[1:] *= np.sqrt(1.0 - memory**2)
    return np.asarray(lfilter([1.0], [1.0, -memory], shocks, axis=0))


def interpolate_months(values: Floats, hours: pd.DatetimeIndex) -> Floats:
    """Spread monthly values over the hours, straight from the middle of one month to that of the next.

    Parameters
    ----------
    values : (12, …) array
    hours : DatetimeIndex
        (n_hour,) hours of one year.

    Returns
    -------
    (n_hour, …) array
    """
    middle = (np.arange(12) + 0.5) / 12.0
    share = (hours.dayofyear.to_numpy() - 0.5) / (366.0 if hours.is_leap_year[0] else 365.0)
    flat = np.asarray(values, dtype=float).reshape(12, -1)
    spread = [np.interp(share, middle, column, period=1.0) for column in flat.T]
    return np.stack(spread, axis=1).reshape(len(hours), *np.shape(values)[1:])


def weigh_stations(region: RegionProfiles, lat: Floats, lon: Floats, known: NDArray[np.bool_]) -> Floats:
    """Weigh the known stations for places by the inverse square of the distance, (n_place, n_station)."""
    at = [np.array([getattr(station, key) for station in region.stations]) for key in ("lat", "lon")]
    km = calculate_distance_km(lat[:, None], lon[:, None], at[0][None, :], at[1][None, :])
    weight = np.where(known[None, :], 1.0 / np.maximum(km, 1.0) ** 2, 0.0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))
