"""Make the figures of the sixteen seasonal snapshots from the hourly profiles of KPG 193.

    python networks/korea/build_seasons.py --shared ../shared

writes ``sources/season_factors.csv`` (four seasons at four times of day, as the national transmission plan
studies them; which times it takes is not public and assumed here) and ``sources/season_maintenance.csv``. A
figure is the mean over the working days of a season at that hour; maintenance is that of the middle of the
season.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from pathlib import Path

import numpy as np
from build_snapshots import read_factors
from build_sources import SOURCES, Row, fixed, read_facts, write_rows

#: Months, and the day of the year whose maintenance stands for the season.
SEASONS = {
    "spring": ((3, 4, 5), 105),
    "summer": ((6, 7, 8), 196),
    "autumn": ((9, 10, 11), 288),
    "winter": ((12, 1, 2), 15),
}
#: Hours of the day (assumed): the low of the night, late morning, the afternoon's sun, the evening.
HOURS = {"night": 4, "morning": 11, "afternoon": 14, "evening": 20}
#: Target voltage [p.u.] from this gross load on [MW] (assumed, as in the other snapshots).
TARGETS = ((80_000.0, 1.020), (60_000.0, 1.015), (0.0, 1.005))
FACTOR_COLUMNS = "snapshot quantity value unit source confidence as_of note".split()
MAINTENANCE_COLUMNS = "snapshot unit source confidence as_of".split()
ASSUMED = ("assumed", "assumed")
KPG = "KPG 193 v2.0 (ODbL)"


def read_capacity(folder: Path, kind: str) -> np.ndarray:
    """Read the capacity of sun or wind by bus [MW]."""
    with (folder / f"renewables_capacity/{kind}_generators_2025.csv").open(encoding="utf-8-sig") as lines:
        return np.array([float(row["Pmax [MW]"]) for row in csv.DictReader(lines)])


def read_hours(folder: Path) -> dict[str, np.ndarray]:
    """Read gross demand [MW] and the factors of sun and wind by hour of 2025."""
    profiles = np.load(folder / "profiles.npz")
    hours = {"demand": profiles["demandP"].sum(axis=1)}
    for kind, name in (("solar", "pv"), ("wind", "wind")):
        capacity = read_capacity(folder, kind)
        hours[kind] = profiles[name] @ capacity / capacity.sum()
    return hours


def list_hours(months: tuple[int, ...], hour: int) -> list[int]:
    """List the rows of the profiles of one hour of working days (row 0 is 1 January 1 h)."""
    first = datetime.date(2025, 1, 1)
    days = [first + datetime.timedelta(days=number) for number in range(365)]
    return [
        24 * number + hour - 1 for number, day in enumerate(days) if day.month in months and day.weekday() < 5
    ]


def list_factors(hours: dict[str, np.ndarray]) -> list[Row]:
    """List the figures of all snapshots."""
    first = read_factors()[0]
    solar_mw = sum(float(row["p_max_mw"]) for row in read_facts("renewables") if row["kind"] == "solar")
    rows = []
    for season, (months, day) in SEASONS.items():
        date = datetime.date(2025, 1, 1) + datetime.timedelta(days=day - 1)
        for time, hour in HOURS.items():
            chosen = list_hours(months, hour)
            gross, solar, wind = (float(hours[key][chosen].mean()) for key in ("demand", "solar", "wind"))
            market = gross - first.unmetered_share * solar_mw * solar
            mean = f"{KPG} hourly profile, mean of working days"
            is_night = time == "night"
            target = next(pu for mw, pu in TARGETS if gross >= mw)
            capital = 0.44 if (season, time) == ("summer", "afternoon") else 0.42
            figures = [
                ("time", f"{date}T{hour:02d}:00", "local time", "assumed: middle of the season", "assumed"),
                ("market_demand", fixed(market, 0), "MW", f"{mean}, less unmetered sun", "low"),
                ("capital_share", fixed(capital, 2), "1", "e2news 308987: 42 %, 44 % at the peak", "medium"),
                ("solar_factor", fixed(solar, 3), "1", mean, "medium"),
                ("wind_factor", fixed(wind, 3), "1", mean, "low"),
                ("hydro_factor", "0.05" if is_night else "0.20", "1", *ASSUMED),
                ("reactive_ratio", "0.05" if is_night else "0.10", "Mvar/MW", f"{KPG}: Q = 0.1 P", "low"),
                ("hvdc_bukdangjin_godeok", "600" if is_night else "1350", "MW per pole", *ASSUMED),
                ("hvdc_jeju", "60" if is_night else "100", "MW per link", *ASSUMED),
                ("voltage_setpoint", fixed(target, 3), "p.u.", *ASSUMED),
            ]
            for quantity, value, unit, source, confidence in figures:
                rows.append(
                    {
                        "snapshot": f"{season}_{time}",
                        "quantity": quantity,
                        "value": value,
                        "unit": unit,
                        "source": source,
                        "confidence": confidence,
                        "as_of": "2026-11",
                    }
                )
    return rows


def read_unit_numbers(folder: Path) -> dict[tuple[str, str], str]:
    """Read the numbers of units in KPG 193 by Hangul name of the plant and number of the unit."""
    path = folder / "network/metadata/generator_metadata/generator_metadata_2025.csv"
    with path.open(encoding="utf-8-sig") as lines:
        return {(row["plant_name_kor"], row["unit_number"]): row["gen_id"] for row in csv.DictReader(lines)}


def list_maintenance(folder: Path) -> list[Row]:
    """List the units that are off in the middle of a season, and those that stand still all year."""
    with (folder / "mustoff/mustoff.csv").open(encoding="utf-8-sig") as lines:
        windows = list(csv.DictReader(lines))
    number_of = read_unit_numbers(folder)
    stopped = [row for row in read_facts("maintenance") if not row["source"].startswith("KPG")]
    rows = []
    for season, (_, day) in SEASONS.items():
        off = {row["id"] for row in windows if int(row["off_start_day"]) <= day <= int(row["off_end_day"])}
        for time in HOURS:
            for unit in read_facts("units"):
                key = (unit["name_ko"].split(" ")[0], unit["unit"])
                known = [row for row in stopped if row["unit"] == unit["id"]]
                source, confidence = f"{KPG} maintenance windows, day {day}", "medium"
                if known:
                    source, confidence = known[0]["source"], known[0]["confidence"]
                if known or number_of.get(key) in off:
                    rows.append(
                        {
                            "snapshot": f"{season}_{time}",
                            "unit": unit["id"],
                            "source": source,
                            "confidence": confidence,
                            "as_of": "2025",
                        }
                    )
    return rows


def main() -> None:
    """Write the figures and the maintenance of the seasonal snapshots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, required=True, help="folder with data/korea/kpg193_v2_0")
    folder = parser.parse_args().shared / "data/korea/kpg193_v2_0"
    write_rows(SOURCES / "season_factors.csv", FACTOR_COLUMNS, list_factors(read_hours(folder)))
    write_rows(SOURCES / "season_maintenance.csv", MAINTENANCE_COLUMNS, list_maintenance(folder))


if __name__ == "__main__":
    main()
