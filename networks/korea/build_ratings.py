"""Make ``ratings.toml``: by how much lines carry more outside summer.

    python networks/korea/build_ratings.py

The ratings in the tables are those of the hottest air of the year, ``REFERENCE_AIR_C``. In another season the
air of design is that temperature less what the warmest month of the season is cooler than the warmest of the
year, at the warmest station of ``sources/climate.csv`` (mean daily maximum). An overhead line then carries

    I / I_ref = sqrt((q_c + q_r - q_s) / (q_c + q_r - q_s)_ref)

with the heat that wind and radiation take away and the sun brings, at the same conductor temperature, by the
steady-state balance of IEEE 738 [1]_; its resistance cancels. A cable carries sqrt((T_c - T_soil) / (T_c -
T_soil,ref)) by IEC 60287 [2]_ without dielectric losses. Banks keep their nameplate: what they may carry in
cold air is a matter of ageing.

References
----------
.. [1] IEEE Std 738-2012, "IEEE Standard for Calculating the Current-Temperature Relationship of Bare Overhead
   Conductors", doi:10.1109/IEEESTD.2013.6692858.
.. [2] IEC 60287-1-1, "Electric cables - Calculation of the current rating".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from build_seasons import SEASONS as SNAPSHOTS
from build_sources import HERE, Row, fixed, read_facts

SEASONS = {name: months for name, (months, _day) in SNAPSHOTS.items()}
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
#: Air and conductor temperature the ratings in the tables stand for [°C] (assumed; usual for ACSR in Korea).
REFERENCE_AIR_C = 40.0
CONDUCTOR_C = 90.0
#: Soil at the depth of cables by season [°C], and the conductor of XLPE (assumed; it lags behind the air).
SOIL_C = {"summer": 25.0, "autumn": 25.0, "winter": 15.0, "spring": 20.0}
CABLE_C = 90.0
HEADER = """\
# Factors on the ratings of lines by season. Written by networks/korea/build_ratings.py from
# sources/climate.csv; do not edit by hand. A branch that no factor names keeps its rating.
# KEPCO rates its lines alike all year; seasonal ratings have been studied for them (koreascience
# JAKO200411922300545, 2004; arXiv:2503.02274). Off unless asked for: load_network(name, ratings="seasonal").
# Limits of voltage and stability, terminal equipment and banks do not follow the air: not in here.
schema_version = 1
name = "korea"
"""


@dataclass(frozen=True)
class Conductor:
    """An overhead conductor in wind and sun; the middle of what is usual (assumed)."""

    diameter_m: float = 0.0296
    wind_m_per_s: float = 0.5
    emissivity: float = 0.5
    absorptivity: float = 0.5
    sun_w_per_m2: float = 1000.0


def find_heat_w_per_m(conductor: Conductor, conductor_c: float, air_c: float) -> float:
    """Find the heat [W/m] that resistance may make: convection and radiation less sun (IEEE 738, 4.4)."""
    film_c, rise = 0.5 * (conductor_c + air_c), conductor_c - air_c
    viscosity = 1.458e-6 * (film_c + 273.0) ** 1.5 / (film_c + 383.4)
    density = 1.293 / (1.0 + 0.00367 * film_c)
    conductivity = 2.424e-2 + 7.477e-5 * film_c - 4.407e-9 * film_c**2
    reynolds = conductor.diameter_m * density * conductor.wind_m_per_s / viscosity
    convection = max(
        (1.01 + 1.35 * reynolds**0.52) * conductivity * rise,
        0.754 * reynolds**0.6 * conductivity * rise,
        3.645 * math.sqrt(density) * conductor.diameter_m**0.75 * rise**1.25,
    )
    fourth = ((conductor_c + 273.0) / 100.0) ** 4 - ((air_c + 273.0) / 100.0) ** 4
    radiation = 17.8 * conductor.diameter_m * conductor.emissivity * fourth
    return convection + radiation - conductor.absorptivity * conductor.sun_w_per_m2 * conductor.diameter_m


def find_air_c() -> dict[str, float]:
    """Find the air of design of every season [°C]."""
    highs = [row for row in read_facts("climate") if row["quantity"] == "high_c"]
    warmest = {name: max(find_highs(highs, months)) for name, months in SEASONS.items()}
    hottest = max(warmest.values())
    return {name: REFERENCE_AIR_C - (hottest - value) for name, value in warmest.items()}


def find_highs(rows: list[Row], months: tuple[int, ...]) -> list[float]:
    """List the mean daily maxima of some months at all stations [°C]."""
    return [float(row[MONTHS[month - 1]]) for row in rows for month in months]


def find_overhead_factor(air_c: float, conductor: Conductor | None = None) -> float:
    """Find the rating in some air over the one in the tables, of an overhead line."""
    one = conductor or Conductor()
    heat, reference = (find_heat_w_per_m(one, CONDUCTOR_C, air) for air in (air_c, REFERENCE_AIR_C))
    return math.sqrt(heat / reference)


def find_cable_factor(season: str) -> float:
    """Find the rating of a cable in a season over the one in the tables."""
    return math.sqrt((CABLE_C - SOIL_C[season]) / (CABLE_C - SOIL_C["summer"]))


def format_ratings() -> str:
    """Write the whole document."""
    dark = replace(Conductor(), absorptivity=0.9)
    text = HEADER
    for season, air_c in find_air_c().items():
        other = find_overhead_factor(air_c, dark)
        text += f'\n[[season]]\nname = "{season}"\nmonths = {list(SEASONS[season])}\n'
        text += format_factor(
            "overhead",
            find_overhead_factor(air_c),
            f"air {air_c:.1f} °C, conductor {CONDUCTOR_C:.0f} °C; {other:.3f} with a dark conductor",
            "IEEE 738 heat balance; air: warmest month (climate.csv); wind, sun, surface assumed",
        )
        text += format_factor(
            "cable",
            find_cable_factor(season),
            f"soil {SOIL_C[season]:.0f} °C, conductor {CABLE_C:.0f} °C",
            "IEC 60287 without dielectric losses; soil temperature assumed",
        )
    return text


def format_factor(construction: str, factor: float, note: str, source: str) -> str:
    """Write one factor, rounded down: a rating is not rounded up."""
    return (
        f'\n[[season.factor]]\ntable = "line"\nconstruction = "{construction}"\n'
        f"factor = {fixed(math.floor(factor * 100.0 + 1e-6) / 100.0, 2)}\n"
        f'note = "{note}"\nsource = "{source}"\nconfidence = "assumed"\n'
    )


def main() -> None:
    """Write ``ratings.toml``."""
    (HERE / "ratings.toml").write_text(format_ratings(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
