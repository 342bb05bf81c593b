"""A region that exists, a region made up on the other half of the globe, and their hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.profiles.region import RegionProfiles
from gridhub.profiles.region_file import read_region_profiles
from gridhub.profiles.temperature import build_temperature
from gridhub.profiles.weather import Cells, build_cells, build_hours

FLAT_DAY = ", ".join(["1.0"] * 12 + ["1.2"] * 12)
MONTHS = ", ".join(map(str, range(1, 13)))
SOUTH = """
schema_version = 1
name = "south"
time_zone = "Australia/Sydney"
solar_fleet = [[-35.3, 149.1, 1.0]]
wind_fleet = [[-35.3, 149.1, 2.0], [-34.3, 150.1, 1.0]]
wind_month = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
[grid]
south = -36.0
north = -34.0
west = 149.0
east = 151.0
step_degree = 1.0
[scatter.cloud]
hours = 10.0
scales = [[1.0, 300.0]]
[scatter.wind]
hours = 20.0
scales = [[0.5, 900.0], [0.5, 90.0]]
[scatter.temperature]
hours = 50.0
scales = [[1.0, 600.0]]
[calendar]
fixed = ["01-26"]
holidays = []
festivals = []
[demand]
group = []
level = [1.2, 1.1, 1.0, 1.0, 1.0, 1.1, 1.1, 1.0, 1.0, 1.0, 1.0, 1.1]
""" + "".join(
    f'[[demand.curve]]\nmonths = [{MONTHS}]\nday = "{day}"\nvalues = [{FLAT_DAY}]\n'
    for day in ("working", "saturday", "holiday", "festival")
)
FIGURES = {
    "energy_twh": 8.0,
    "sales_twh": 8.0,
    "peak_mw": 1500.0,
    "minimum_mw": 500.0,
    "group_peak_share": 0.5,
    "heating_below_c": 10.0,
    "cooling_above_c": 20.0,
    "heating_percent_per_c": 1.0,
    "cooling_percent_per_c": 1.0,
    "demand_scatter_percent": 1.0,
    "demand_scatter_hours": 12.0,
    "temperature_scatter_c": 3.0,
    "solar": 0.2,
    "solar_tilt_degree": 25.0,
    "solar_azimuth_degree": 0.0,
    "solar_percent_per_c": -0.4,
    "wind": 0.3,
    "offshore_wind": 0.4,
    "weibull_shape": 2.0,
    "wind_day_swing": 0.0,
}
STATION = """
[[station]]
name = "hill"
lat = -35.3
lon = 149.1
source = "made up"
mean_c = [21, 20, 17, 13, 9, 6, 5, 7, 10, 13, 16, 19]
range_c = [15, 14, 14, 13, 12, 11, 11, 12, 13, 13, 14, 15]
sunshine_h = [290, 250, 250, 220, 190, 160, 180, 210, 230, 260, 260, 280]
"""


def format_south(**changes: object) -> str:
    """Write the made-up region with other figures."""
    figures = "".join(
        f'[figure.{key}]\nvalue = {value}\nsource = "made up"\nconfidence = "assumed"\n'
        for key, value in {**FIGURES, **changes}.items()
    )
    return SOUTH + figures + STATION


@pytest.fixture(scope="session")
def south() -> RegionProfiles:
    return read_region_profiles(format_south())


@pytest.fixture(scope="session")
def korea(repo_root: Path) -> RegionProfiles:
    return read_region_profiles((repo_root / "networks/korea/profiles.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def hours(korea: RegionProfiles) -> pd.DatetimeIndex:
    return build_hours(2025, korea.time_zone)


@pytest.fixture(scope="session")
def cells(korea: RegionProfiles) -> Cells:
    return build_cells(korea)


@pytest.fixture(scope="session")
def air_c(korea: RegionProfiles, cells: Cells, hours: pd.DatetimeIndex) -> np.ndarray:
    return build_temperature(korea, cells, hours, seed=3)
