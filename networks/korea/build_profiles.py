"""Make ``profiles.toml``, what the synthetic hourly profiles of Korea are made from.

    python networks/korea/build_profiles.py [--shared ../shared]

writes it from ``sources/`` (profile_figures, profile_shapes, climate, holidays, renewables, sites). With
``--shared`` it first writes ``sources/profile_shapes.csv`` anew: the mean days of demand, the level of the
months and the seasons of wind in the hourly series of KPG 193.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from build_seasons import KPG, SEASONS, read_hours
from build_sources import HERE, SOURCES, Row, fixed, read_facts, write_rows

SHAPE_COLUMNS = "shape months day hour value source confidence as_of".split()
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
#: Weather cells: they reach over the islands and the offshore zones.
GRID = {"south": 33.0, "north": 39.0, "west": 124.5, "east": 131.0, "step_degree": 0.5}
#: Correlation in time [h] and space (share, km): how the series of KPG 193 thin out with distance and time,
#: rounded; that of temperature is assumed.
SCATTER = {
    "cloud": (14.0, [[1.0, 550.0]], f"fitted to {KPG}, hourly output of sun at noon"),
    "wind": (20.0, [[0.45, 1000.0], [0.55, 60.0]], f"fitted to {KPG}, hourly output of wind"),
    "temperature": (60.0, [[1.0, 600.0]], "assumed"),
}
HEADER = """\
# What the synthetic hourly profiles of Korea are made from and calibrated to. Written by
# networks/korea/build_profiles.py from sources/*.csv; do not edit by hand. Figures by which a planner can
# judge them carry source and confidence; "assumed" says that there is none.
schema_version = 1
name = "korea"
time_zone = "Asia/Seoul"
"""


def list_day_kinds() -> pd.Series:
    """Name the kind of each day of 2025, the year of KPG 193."""
    days = pd.date_range("2025-01-01", "2025-12-31")
    kinds = pd.Series(np.where(days.dayofweek == 5, "saturday", "working"), index=days).astype(object)
    kinds[days.dayofweek == 6] = "holiday"
    for row in read_facts("holidays"):
        day = f"2025-{row['day']}" if row["kind"] == "fixed" else row["day"]
        if day.startswith("2025-"):
            kinds[pd.Timestamp(day)] = "festival" if row["kind"] == "festival" else "holiday"
    return kinds


def list_shapes(folder: Path) -> Iterator[Row]:
    """List level of the months, mean days of each season, and the seasons of wind."""
    hours = read_hours(folder)
    days = hours["demand"].reshape(365, 24)
    kinds = list_day_kinds()
    month = kinds.index.month.to_numpy()
    working = (kinds == "working").to_numpy()
    level = {m: float(days[working & (month == m)].mean()) for m in range(1, 13)}
    same = {"source": f"{KPG}, hourly demand of 2025; computed", "confidence": "medium", "as_of": "2025"}
    for m, value in level.items():
        yield {"shape": "level", "months": str(m), "value": fixed(value / days.mean(), 4), **same}
    ratio = days / np.array([level[m] for m in month])[:, None]
    for kind in ("working", "saturday", "holiday", "festival"):
        for months, _ in SEASONS.values() if kind != "festival" else ((tuple(range(1, 13)), 0),):
            mean = ratio[(kinds == kind).to_numpy() & np.isin(month, months)].mean(axis=0)
            for hour, value in enumerate(mean):
                place = {"months": " ".join(map(str, months)), "day": kind, "hour": str(hour)}
                yield {"shape": "day", **place, "value": fixed(float(value), 4), **same}
    by_hour = np.repeat(month, 24)
    for months, _ in SEASONS.values():
        value = hours["wind"][np.isin(by_hour, months)].mean() / hours["wind"].mean()
        same["source"] = f"{KPG}, hourly output of wind of 2025, mean of the season; computed"
        yield {
            "shape": "wind",
            "months": " ".join(map(str, months)),
            "value": fixed(float(value), 3),
            **same,
            "confidence": "low",
        }


def quote(text: str) -> str:
    """Write a text as TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_list(values: list[str], per_line: int = 12) -> str:
    """Write a list as TOML, some values per line."""
    lines = [", ".join(values[i : i + per_line]) for i in range(0, len(values), per_line)]
    return "[" + lines[0] + "]" if len(lines) == 1 else "[\n    " + ",\n    ".join(lines) + ",\n]"


def format_figures() -> Iterator[str]:
    """Write the figures."""
    for row in read_facts("profile_figures"):
        yield f"\n[figure.{row['id']}]\nvalue = {float(row['value'])!r}\nunit = {quote(row['unit'])}"
        keys = ("source", "confidence", "as_of", "note")
        yield from (f"{key} = {quote(row[key])}" for key in keys if row[key])


def format_calendar() -> Iterator[str]:
    """Write the holidays."""
    rows = read_facts("holidays")
    yield "\n# Days off; beyond 2026 of those that move only the festivals are entered.\n[calendar]"
    for key, kind in (("fixed", "fixed"), ("holidays", "holiday"), ("festivals", "festival")):
        yield f"{key} = {write_list([quote(row['day']) for row in rows if row['kind'] == kind], 8)}"


def format_demand() -> Iterator[str]:
    """Write level and days of demand."""
    shapes = read_facts("profile_shapes")
    level = [row["value"] for row in shapes if row["shape"] == "level"]
    yield "\n# group: its share of demand rises with demand, to group_peak_share at the peak.\n[demand]"
    yield f'group = ["Seoul", "Incheon", "Gyeonggi"]\nsource = {quote(shapes[0]["source"])}'
    yield f"level = {write_list(level)}"
    curves: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in shapes:
        if row["shape"] == "day":
            curves[row["months"], row["day"]].append(row["value"])
    for (months, day), values in curves.items():
        yield f"\n[[demand.curve]]\nmonths = {write_list(months.split())}\nday = {quote(day)}"
        yield f"values = {write_list(values)}"


def format_stations() -> Iterator[str]:
    """Write the climate of the stations; where no mean is known it is that of high and low."""
    stations: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in read_facts("climate"):
        stations[row["id"]][row["quantity"]] = row
    for rows in stations.values():
        high, low = (np.array([float(rows[key][m]) for m in MONTHS]) for key in ("high_c", "low_c"))
        first = rows["high_c"]
        mean = [float(rows["mean_c"][m]) for m in MONTHS] if "mean_c" in rows else (high + low) / 2
        yield f"\n[[station]]\nname = {quote(first['name'])}\nlat = {first['lat']}\nlon = {first['lon']}"
        yield f"source = {quote(first['source'])}\nconfidence = {quote(first['confidence'])}"
        yield f"mean_c = {write_list([fixed(v, 1) for v in mean])}"
        yield f"range_c = {write_list([fixed(v, 1) for v in high - low])}"
        if "sunshine_h" in rows:
            yield f"sunshine_h = {write_list([rows['sunshine_h'][m] for m in MONTHS])}"


def format_fleet(kind: str) -> str:
    """Write where the sun or wind of a province stands: middle of its stations, weighed by capacity."""
    sites = {row["id"]: row for row in read_facts("sites")}
    rows = [row for row in read_facts("renewables") if row["kind"] == kind]
    provinces: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for row in rows:
        site = sites[row["site"]]
        provinces[row["province"]].append((float(site["lat"]), float(site["lon"]), float(row["p_max_mw"])))
    places = []
    for values in provinces.values():
        lat, lon, mw = np.array(values).T
        middle = (fixed(float(v @ mw / mw.sum()), 2) for v in (lat, lon))
        places.append("[" + ", ".join([*middle, fixed(float(mw.sum()), 1)]) + "]")
    return f"{kind}_fleet = {write_list(places, 4)}"


def format_profiles() -> str:
    """Write the whole document."""
    wind = {
        m: row["value"]
        for row in read_facts("profile_shapes")
        if row["shape"] == "wind"
        for m in row["months"].split()
    }
    lines = [HEADER, "# [latitude, longitude, MW] of each province: what the capacity factors are held to."]
    lines += [format_fleet("solar"), format_fleet("wind")]
    lines += [f"wind_month = {write_list([wind[str(m)] for m in range(1, 13)])}", "\n[grid]"]
    lines += [f"{key} = {value!r}" for key, value in GRID.items()]
    for key, (hours, scales, source) in SCATTER.items():
        lines.append(f"\n[scatter.{key}]\nhours = {hours!r}\nscales = {scales!r}\nsource = {quote(source)}")
    lines += [*format_figures(), *format_calendar(), *format_demand(), *format_stations()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write ``profiles.toml``, and the shapes before it where the series of KPG 193 are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder with data/korea/kpg193_v2_0")
    shared = parser.parse_args().shared
    if shared is not None:
        rows = list(list_shapes(shared / "data/korea/kpg193_v2_0"))
        write_rows(SOURCES / "profile_shapes.csv", SHAPE_COLUMNS, rows)
    (HERE / "profiles.toml").write_text(format_profiles(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
