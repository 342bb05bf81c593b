"""What the synthetic years of a region are made from and held to, as its ``profiles.toml`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY_KINDS = ("working", "saturday", "holiday", "festival")
"""Kinds of day that demand tells apart; festivals are the holidays on which a country stands still."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number with where it comes from.

    Attributes
    ----------
    value : float
    source, confidence, as_of : str
        "assumed" as source if there is none.
    """

    value: float
    source: str
    confidence: str
    as_of: str = ""


@dataclass(frozen=True, slots=True)
class Station:
    """Monthly climate of one place.

    Attributes
    ----------
    name, source : str
    lat, lon : float
        [degree]
    mean_c : (12,) float
        Mean temperature by month [°C].
    range_c : (12,) float
        Mean daily maximum less mean daily minimum [°C].
    sunshine_h : (12,) float
        Hours of sunshine in a month; NaN where not known.
    """

    name: str
    source: str
    lat: float
    lon: float
    mean_c: Floats
    range_c: Floats
    sunshine_h: Floats


@dataclass(frozen=True, slots=True)
class Scatter:
    """How weather departs from its climate in space and time.

    Attributes
    ----------
    hours : float
        Time after which correlation has fallen to 1/e [h].
    scales : tuple of (share, km)
        Correlation at distance d is the sum of share x exp(-d / km); the shares add up to 1.
    """

    hours: float
    scales: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where the plants stand that a capacity factor is published for.

    Attributes
    ----------
    lat, lon, weight : (n,) float
        Places [degree] and their shares of the capacity.
    """

    lat: Floats
    lon: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class RegionProfiles:
    """Everything that the hourly shapes of a region are made from.

    Attributes
    ----------
    name, time_zone : str
    figures : mapping
        Name -> Figure: energy_twh, sales_twh, peak_mw, minimum_mw, group_peak_share, the capacity factors
        solar, wind and offshore_wind, and the assumed constants of the shapes.
    fixed_days : frozenset of str
        Holidays of every year, "MM-DD".
    holidays, festivals : frozenset of str
        Holidays that move, "YYYY-MM-DD"; festivals are no holidays besides.
    level : (12,) float
        Demand of a month over that of the year.
    curves : mapping
        (month, kind of day) -> (24,) demand of an hour over the mean of the month's working days.
    group : tuple of str
        Provinces whose share of demand rises with demand.
    grid : tuple of float
        South, north, west, east and step of the weather cells [degree].
    stations : tuple of Station
    cloud, breeze, warmth : Scatter
        Departures of cloud, wind and temperature.
    solar_fleet, wind_fleet : Fleet
    wind_month : (12,) float
        Capacity factor of wind in a month over that of the year.
    """

    name: str
    time_zone: str
    figures: Mapping[str, Figure]
    fixed_days: frozenset[str]
    holidays: frozenset[str]
    festivals: frozenset[str]
    level: Floats
    curves: Mapping[tuple[int, str], Floats]
    group: tuple[str, ...]
    grid: tuple[float, float, float, float, float]
    stations: tuple[Station, ...]
    cloud: Scatter
    breeze: Scatter
    warmth: Scatter
    solar_fleet: Fleet
    wind_fleet: Fleet
    wind_month: Floats

    def __getitem__(self, name: str) -> float:
        """Give the value of one figure."""
        return self.figures[name].value
