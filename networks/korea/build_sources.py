"""Read the fact tables in ``sources/`` and write tables with a fixed number format.

Nothing here knows what the tables mean; ``build_grid.py`` and ``build_snapshots.py`` do.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

Row = dict[str, str]
EARTH_RADIUS_KM = 6371.0088
HERE = Path(__file__).resolve().parent
SOURCES = HERE / "sources"

#: Route length over straight line of 345 kV lines without a published length. The measured routes of
#: OpenStreetMap have a median of 1.18 (see the data sheet).
ROUTE_FACTOR = 1.18


def read_facts(name: str, folder: Path = SOURCES) -> list[Row]:
    """Read one fact table as a list of rows of text, in the order of the file."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def write_rows(path: Path, columns: list[str], rows: list[Row]) -> None:
    """Write rows with the given columns; a missing value is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n", extrasaction="raise", restval="")
        writer.writeheader()
        writer.writerows(rows)


def fixed(value: float, digits: int) -> str:
    """Format a number with a fixed number of decimals, never as minus zero."""
    text = f"{value:.{digits}f}"
    return text[1:] if text.startswith("-") and float(text) == 0.0 else text


def flag(value: bool) -> str:
    """Format a truth value as the table files spell it."""
    return "true" if value else "false"


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the great-circle distance of two points given as (latitude, longitude) in degrees."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


def find_point(site: Row) -> tuple[float, float]:
    """Return the (latitude, longitude) of a site in degrees."""
    return float(site["lat"]), float(site["lon"])


def find_length_km(route: Row, sites: dict[str, Row]) -> float:
    """Return the route length: the published one, or the straight line times ``ROUTE_FACTOR``.

    A route may pass points (``via``); the straight line then follows them.
    """
    if route["published_km"]:
        return float(route["published_km"])
    points = [find_point(sites[route["from_site"]])]
    for text in route["via"].split():
        lat, lon = text.split(",")
        points.append((float(lat), float(lon)))
    points.append(find_point(sites[route["to_site"]]))
    return ROUTE_FACTOR * sum(great_circle_km(a, b) for a, b in zip(points, points[1:], strict=False))
