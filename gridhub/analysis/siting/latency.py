"""Latency from a site to cities over submarine cables: great circles through landing points."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue
from gridhub.geo import calculate_distance_km

ROUTE_FACTOR = 1.4
"""Length of a cable route over its great circle: middle of 1.2 to 1.5 (areapac-161)."""

FIBRE_KM_PER_S = 204_000.0
"""Speed of light in fibre (areapac-161) [km/s]."""

FIXED_MS = 2.0
"""Equipment at both ends, there and back: assumed [ms]."""

GATE_ROLE, CITY_ROLE = "cable landing", "hub"
"""Role of the landing points a path leaves by, and the word in the role of the cities it goes to."""

METHOD = (
    f"mean round trip to the cities of the landing-point table: 2 x {ROUTE_FACTOR:g} x great circle / "
    f"{FIBRE_KM_PER_S:,.0f} km/s + {FIXED_MS:g} ms, through the landing point that makes it shortest"
)


def check_points(points: pd.DataFrame) -> None:
    """Refuse a table of landing points that lacks columns, gates or cities.

    Raises
    ------
    InputError
        All faults are listed.
    """
    missing = [name for name in ("lat", "lon", "role") if name not in points]
    issues = [Issue("error", "E-COLUMN", "landing_points", "", name, "", "is missing") for name in missing]
    if not missing:
        role = points["role"].astype(str)
        if not (role == GATE_ROLE).any():
            issues.append(
                Issue("error", "E-EMPTY", "landing_points", "", "role", "", f"no row is {GATE_ROLE!r}")
            )
        if not role.str.contains(CITY_ROLE).any():
            issues.append(
                Issue("error", "E-EMPTY", "landing_points", "", "role", "", f"no row has {CITY_ROLE!r}")
            )
    if issues:
        raise InputError(issues, "landing_points")


def compute_latency(sites: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Compute the round trip from sites to cities.

    Parameters
    ----------
    sites : DataFrame
        lat, lon [degree].
    points : DataFrame
        Index name; lat, lon, role: "cable landing" where a path leaves the country, a role with the word hub
        where it ends.

    Returns
    -------
    DataFrame
        Site x city [ms].

    Notes
    -----
    RTT = min over gates of 2 (d(site, gate) + d(gate, city)) x route factor / speed in fibre + fixed part.
    The route factor also stands for the way over land. No cable is modelled: a city without a direct cable
    from the gate is farther in truth.

    Examples
    --------
    >>> points = pd.DataFrame(
    ...     {"lat": [35.178, 35.676], "lon": [129.203, 139.650], "role": ["cable landing", "hub city"]},
    ...     index=["Busan", "Tokyo"],
    ... )
    >>> seoul = pd.DataFrame({"lat": [37.57], "lon": [126.98]}, index=["Seoul"])
    >>> round(float(compute_latency(seoul, points).loc["Seoul", "Tokyo"]), 1)
    19.6
    """
    check_points(points)
    role = points["role"].astype(str)
    gates, cities = points[role == GATE_ROLE], points[role.str.contains(CITY_ROLE)]

    def measure(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
        (lat, lon), (other_lat, other_lon) = (
            (part["lat"].to_numpy(dtype=float), part["lon"].to_numpy(dtype=float)) for part in (one, other)
        )
        return calculate_distance_km(lat[:, None], lon[:, None], other_lat[None, :], other_lon[None, :])

    way = (measure(sites, gates)[:, :, None] + measure(gates, cities)[None, :, :]).min(axis=1)
    seconds = 2.0 * way * ROUTE_FACTOR / FIBRE_KM_PER_S
    return pd.DataFrame(1e3 * seconds + FIXED_MS, index=sites.index, columns=cities.index)
