"""Typed reader of a region's ``profiles.toml``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo

import numpy as np

from gridhub.errors import FileFormatError, Issue
from gridhub.profiles.region import DAY_KINDS, Figure, Fleet, Floats, RegionProfiles, Scatter, Station

SCHEMA_VERSION = 1

RANGES: Mapping[str, tuple[float, float]] = {
    "energy_twh": (1e-6, math.inf),
    "sales_twh": (1e-6, math.inf),
    "peak_mw": (1e-3, math.inf),
    "minimum_mw": (0.0, math.inf),
    "group_peak_share": (0.0, 1.0),
    "heating_below_c": (-20.0, 30.0),
    "cooling_above_c": (0.0, 40.0),
    "heating_percent_per_c": (0.0, 10.0),
    "cooling_percent_per_c": (0.0, 10.0),
    "demand_scatter_percent": (0.0, 10.0),
    "demand_scatter_hours": (1.0, 1000.0),
    "temperature_scatter_c": (0.0, 15.0),
    "solar": (0.01, 0.5),
    "solar_tilt_degree": (0.0, 90.0),
    "solar_azimuth_degree": (0.0, 360.0),
    "solar_percent_per_c": (-1.0, 0.0),
    "wind": (0.05, 0.55),
    "offshore_wind": (0.05, 0.55),
    "weibull_shape": (1.0, 5.0),
    "wind_day_swing": (0.0, 0.5),
}
"""Every figure a ``profiles.toml`` has, with the range it lies in."""


class _Reader:
    """Takes values out of the document and collects every fault."""

    def __init__(self) -> None:
        self.faults: list[Issue] = []

    def blame(self, place: str, value: object, message: str) -> None:
        self.faults.append(Issue("error", "E-PROFILE", "profiles", place, "", str(value), message))

    def take(self, data: Mapping[str, Any], key: str, place: str, kind: type) -> Any:
        """Give one value, or an empty one of that kind with a fault."""
        value = data.get(key)
        if not isinstance(value, kind):
            self.blame(f"{place}.{key}", "" if value is None else value, f"wants a {kind.__name__}")
            return kind()
        return value

    def take_numbers(
        self, data: Mapping[str, Any], key: str, place: str, count: int, low: float = -math.inf
    ) -> Floats:
        """Give a list of `count` finite numbers above `low`; NaN with a fault."""
        values = data.get(key)
        numbers = isinstance(values, Sequence) and all(_is_number(v) and v > low for v in values)
        if not numbers or len(values or ()) != count:
            above = f" above {low:g}" if math.isfinite(low) else ""
            self.blame(f"{place}.{key}", "" if values is None else values, f"wants {count} numbers{above}")
            return np.full(count, np.nan)
        return np.array(values, dtype=float)

    def take_scatter(self, data: Mapping[str, Any], place: str) -> Scatter:
        """Give a ``Scatter``."""
        hours, scales = data.get("hours", 0.0), data.get("scales", [])
        pairs = isinstance(scales, list) and scales and all(_is_pair(pair) for pair in scales)
        if not (_is_number(hours) and hours > 0) or not pairs:
            self.blame(place, data, "wants hours above 0 and scales = [[share, km], …]")
            return Scatter(1.0, ((1.0, 1.0),))
        if abs(sum(share for share, _ in scales) - 1.0) > 1e-9:
            self.blame(f"{place}.scales", scales, "the shares must add up to 1")
        return Scatter(float(hours), tuple((float(share), float(km)) for share, km in scales))

    def take_fleet(self, data: Mapping[str, Any], key: str) -> Fleet:
        """Give a ``Fleet``."""
        rows = data.get(key, [])
        good = isinstance(rows, list) and rows and all(isinstance(r, list) and len(r) == 3 for r in rows)
        if not good or not all(_is_number(v) for row in rows for v in row) or min(r[2] for r in rows) <= 0:
            self.blame(key, "", "wants rows [latitude, longitude, weight], weights above 0")
            return Fleet(np.zeros(1), np.zeros(1), np.ones(1))
        lat, lon, weight = np.array(rows, dtype=float).T
        return Fleet(lat, lon, weight / weight.sum())


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_number(v) and v > 0 for v in value)


def read_region_profiles(text: str) -> RegionProfiles:
    """Read what a region's hourly shapes are made from.

    Parameters
    ----------
    text : str
        TOML, as it travels with a network (``net.documents["profiles"]``).

    Returns
    -------
    RegionProfiles

    Raises
    ------
    FileFormatError
        If it is not TOML, of another version, or something is missing or out of range; all faults are listed.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        issue = Issue("error", "E-TOML", "profiles", "", "", "", str(error))
        raise FileFormatError((issue,), "profiles") from error
    reader = _Reader()
    if data.get("schema_version") != SCHEMA_VERSION:
        reader.blame("schema_version", data.get("schema_version"), f"is not {SCHEMA_VERSION}")
    figures = _read_figures(reader, data.get("figure", {}))
    calendar, demand = data.get("calendar", {}), data.get("demand", {})
    scatter = data.get("scatter", {})
    region = RegionProfiles(
        name=str(data.get("name", "")),
        time_zone=_read_zone(reader, data),
        figures=figures,
        fixed_days=frozenset(reader.take(calendar, "fixed", "calendar", list)),
        holidays=frozenset(reader.take(calendar, "holidays", "calendar", list)),
        festivals=frozenset(reader.take(calendar, "festivals", "calendar", list)),
        level=reader.take_numbers(demand, "level", "demand", 12, 0.0),
        curves=_read_curves(reader, demand.get("curve", [])),
        group=tuple(reader.take(demand, "group", "demand", list)),
        grid=_read_grid(reader, data.get("grid", {})),
        stations=_read_stations(reader, data.get("station", [])),
        cloud=reader.take_scatter(scatter.get("cloud", {}), "scatter.cloud"),
        breeze=reader.take_scatter(scatter.get("wind", {}), "scatter.wind"),
        warmth=reader.take_scatter(scatter.get("temperature", {}), "scatter.temperature"),
        solar_fleet=reader.take_fleet(data, "solar_fleet"),
        wind_fleet=reader.take_fleet(data, "wind_fleet"),
        wind_month=reader.take_numbers(data, "wind_month", "", 12, 0.0),
    )
    if not reader.faults:
        _check_demand(reader, region)
    if reader.faults:
        raise FileFormatError(reader.faults, "profiles")
    return region


def _read_figures(reader: _Reader, table: Mapping[str, Any]) -> dict[str, Figure]:
    """Read the figures; one that is missing or has no source is a fault."""
    for name in table:
        if name not in RANGES:
            reader.blame(f"figure.{name}", "", f"is not known; there are {', '.join(RANGES)}")
    figures: dict[str, Figure] = {}
    for name, (low, high) in RANGES.items():
        row = table.get(name, {})
        value = float(row["value"]) if _is_number(row.get("value")) else math.nan
        if not low <= value <= high:
            reader.blame(f"figure.{name}", row.get("value", ""), f"wants {low:g} to {high:g}")
            continue
        if not row.get("source") or not row.get("confidence"):
            reader.blame(
                f"figure.{name}", value, 'wants source and confidence; write "assumed" if there is none'
            )
        figures[name] = Figure(
            value, str(row.get("source")), str(row.get("confidence")), str(row.get("as_of", ""))
        )
    return figures


def _read_zone(reader: _Reader, data: Mapping[str, Any]) -> str:
    zone = str(data.get("time_zone", ""))
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        reader.blame("time_zone", zone, 'is no time zone; give one such as "Asia/Seoul"')
    return zone


def _read_curves(reader: _Reader, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], Floats]:
    """Read the curves of a day; every month needs every kind of day."""
    curves: dict[tuple[int, str], Floats] = {}
    for number, row in enumerate(rows, 1):
        place = f"demand.curve {number}"
        values = reader.take_numbers(row, "values", place, 24, 0.0)
        if row.get("day") not in DAY_KINDS:
            reader.blame(place, row.get("day"), f"day is one of {', '.join(DAY_KINDS)}")
        curves |= {(month, str(row.get("day"))): values for month in row.get("months", [])}
    for day in DAY_KINDS:
        missing = [month for month in range(1, 13) if (month, day) not in curves]
        if missing:
            reader.blame("demand.curve", day, f"months without a curve: {missing}")
    return curves


def _read_grid(reader: _Reader, data: Mapping[str, Any]) -> tuple[float, float, float, float, float]:
    keys = ("south", "north", "west", "east", "step_degree")
    values = [data.get(key, "") for key in keys]
    south, north, west, east, step = (float(v) if _is_number(v) else math.nan for v in values)
    if not (-90 <= south < north <= 90 and -180 <= west < east <= 180 and step > 0):
        reader.blame("grid", values, f"wants {', '.join(keys)}, rising, in degrees")
    return south, north, west, east, step


def _read_stations(reader: _Reader, rows: Sequence[Mapping[str, Any]]) -> tuple[Station, ...]:
    stations = []
    for number, row in enumerate(rows, 1):
        place = f"station {row.get('name', number)}"
        lat, lon = (float(reader.take(row, key, place, float)) for key in ("lat", "lon"))
        sun = reader.take_numbers(row, "sunshine_h", place, 12, 0.0) if "sunshine_h" in row else None
        stations.append(
            Station(
                name=str(row.get("name", number)),
                source=str(reader.take(row, "source", place, str)),
                lat=lat,
                lon=lon,
                mean_c=reader.take_numbers(row, "mean_c", place, 12),
                range_c=reader.take_numbers(row, "range_c", place, 12, 0.0),
                sunshine_h=np.full(12, np.nan) if sun is None else sun,
            )
        )
    if not any(np.isfinite(station.sunshine_h).all() for station in stations):
        reader.blame("station", "", "at least one needs mean_c, range_c and sunshine_h")
    return tuple(stations)


def _check_demand(reader: _Reader, region: RegionProfiles) -> None:
    """Refuse a peak, a minimum and an energy that no year can have at once."""
    mean = region["energy_twh"] * 1e6 / 8760.0
    if not region["minimum_mw"] < mean < region["peak_mw"]:
        text = f"the mean of {mean:,.0f} MW must lie between minimum_mw and peak_mw"
        reader.blame("figure.energy_twh", region["energy_twh"], text)
