"""Compare the synthetic profiles of the Korean backbone with published figures and the series of KPG 193.

    python networks/korea/compare_profiles.py [--shared ../shared] [--write]

prints the tables of ``profiles.md``; ``--write`` puts them there. Without ``--shared`` the comparison with
KPG 193 is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from build import TARGETS
from build_sources import HERE
from expected import replace_table

from gridhub.geo import calculate_distance_km
from gridhub.model.files import read_network
from gridhub.model.network import Network
from gridhub.model.profiles import HourlyProfiles, make_profiles
from gridhub.profiles.region_file import read_region_profiles
from gridhub.profiles.sun import build_clear_sky, build_clearness
from gridhub.profiles.weather import build_cells

YEAR, SEEDS = 2025, (1, 2, 3, 4, 5)
SHEET = HERE / "profiles.md"
#: Demand is published at the generators, the loads of the network stand behind the losses of transmission.
AT_GENERATORS = 1.0 / (1.0 - 0.0159)
STEPS_KM = (0, 25, 50, 100, 150, 200, 300, 450)
SEOUL, HAENAM = (37.571, 126.966), (34.57, 126.60)


def sum_fleet(net: Network, profiles: HourlyProfiles, fuel: str) -> pd.Series:
    """Add up the output of a fuel over its capacity, unmetered plants included."""
    ids = [name for name in profiles["generator", "p_mw"] if net.tables["generator"].at[name, "fuel"] == fuel]
    capacity = net.tables["generator"].loc[ids, "p_max_mw"].sum()
    return profiles["generator", "p_mw"][ids].sum(axis=1) / capacity


def find_market_mw(net: Network, profiles: HourlyProfiles) -> pd.Series:
    """Find the demand the market sees, at the generators: without unmetered sun [MW]."""
    generator = net.generator
    hidden = generator.index[~generator.metered.astype(bool)].intersection(
        profiles["generator", "p_mw"].columns
    )
    gross = profiles["load", "p_mw"].sum(axis=1) * AT_GENERATORS
    return gross - profiles["generator", "p_mw"][hidden].sum(axis=1)


def find_radiation(net: Network, seed: int) -> dict[str, float]:
    """Find the daily mean of global horizontal radiation at Seoul and Haenam [kWh/m²]."""
    region = read_region_profiles(net.documents["profiles"])
    hours = pd.date_range(f"{YEAR}", periods=8760, freq="h", tz=region.time_zone)
    cells = build_cells(region)
    clearness = build_clearness(region, cells, hours, seed)
    found = {}
    for name, (lat, lon) in (("Seoul", SEOUL), ("Haenam", HAENAM)):
        cell = cells.find([lat], [lon], [name])[0]
        found[name] = float(build_clear_sky(lat, lon, hours)["ghi"].to_numpy() @ clearness[:, cell]) / 365e3
    return found


def measure_outcomes(net: Network, profiles: HourlyProfiles, seed: int) -> dict[str, float]:
    """Measure what the profiles were not held to."""
    market, sun = find_market_mw(net, profiles), sum_fleet(net, profiles, "solar")
    gross = profiles["load", "p_mw"].sum(axis=1)
    winter, spring = market[market.index.month.isin([12, 1, 2])], market[market.index.month.isin([3, 4, 5])]
    energy = profiles["load", "p_mw"].sum()
    province = energy.groupby(net.load.province).sum() / energy.sum()
    sold = net.load.annual_gwh.groupby(net.load.province).sum() / net.load.annual_gwh.sum()
    ghi = find_radiation(net, seed)
    return {
        "market_peak": market.max() / 1e3,
        "winter_peak": winter.max() / 1e3,
        "spring_low": spring.min() / 1e3,
        "sun_at_peak": (gross.max() * AT_GENERATORS - market.max()) / 1e3,
        "sunday": gross[gross.index.dayofweek == 6].mean() / gross[gross.index.dayofweek < 5].mean(),
        "performance": profiles.summary.at["performance of sun", "value"],
        "sun_highest": sun.max(),
        "ghi_seoul": ghi["Seoul"],
        "ghi_haenam": ghi["Haenam"],
        "province": float((province - sold).abs().max() * 100.0),
    }


#: Outcome -> what it is, what is published, source.
OUTCOMES = {
    "market_peak": ("market peak [GW]", "96.0 (2025), 97.1 (2024)", "press, KPX (H)"),
    "winter_peak": ("market peak of winter [GW]", "94.5 (23 December 2022)", "press, KPX (H)"),
    "spring_low": ("lowest market demand of spring [GW]", "about 40 at midday", "estimate, no source"),
    "sun_at_peak": ("gross peak less market peak [GW]", "8.1 (2025), 5.2 (2024)", "imbc 6626528, KPX (H)"),
    "sunday": ("demand, Sunday over working day", "0.84", "KPG 193 (its days are built in)"),
    "performance": ("performance of sun", "0.75 to 0.90 usual", "general knowledge"),
    "sun_highest": (
        "highest output of all sun, of capacity",
        "0.94",
        "KPG 193, at a capacity factor of 17.6 %",
    ),
    "ghi_seoul": ("radiation in Seoul [kWh/m²/day]", "3.61 (Korea, 1982-2009)", "KIER, JAKO201128451816195"),
    "ghi_haenam": (
        "radiation in Haenam [kWh/m²/day]",
        "3.61 (Korea, 1982-2009)",
        "KIER, JAKO201128451816195",
    ),
    "province": (
        "energy shares of provinces, largest difference [points]",
        "0",
        "public sales sheet of 2024",
    ),
}


def format_outcomes(net: Network, made: dict[int, HourlyProfiles]) -> Iterator[str]:
    """Format what was held to figures, and what came of it, over the seeds."""
    yield "| held to a figure | figure | made, seeds 1 to 5 | source |\n|---|---|---|---|"
    first = made[SEEDS[0]].summary
    for figure, row in first[first["held_to"].notna()].iterrows():
        values = [one.summary.at[figure, "value"] for one in made.values()]
        digits = 0 if row["held_to"] > 1e3 else 3
        spread = " to ".join(f"{value:,.{digits}f}" for value in sorted({min(values), max(values)}))
        yield f"| {figure} [{row['unit']}] | {row['held_to']:,.{digits}f} | {spread} | {row['source']} |"
    outcomes = pd.DataFrame([measure_outcomes(net, one, seed) for seed, one in made.items()])
    yield "\n| outcome | published | made: mean (lowest to highest) | source |\n|---|---|---|---|"
    for key, (figure, published, source) in OUTCOMES.items():
        low, mean, high = outcomes[key].min(), outcomes[key].mean(), outcomes[key].max()
        yield f"| {figure} | {published} | {mean:.2f} ({low:.2f} to {high:.2f}) | {source} |"


def measure_distance(made: pd.Series, other: pd.Series) -> dict[str, float]:
    """Measure how far a series is from another one of the same hours.

    Mean, highest value and standard deviation as ratios; distances as mean absolute differences over the
    mean of the other: of the duration curves, of the mean days of each month; standard deviation of hourly
    steps as a ratio; correlation hour by hour.
    """
    mean = other.mean()
    days = [series.groupby([series.index.month, series.index.hour]).mean() for series in (made, other)]
    return {
        "mean": made.mean() / mean,
        "highest": made.max() / other.max(),
        "spread": made.std() / other.std(),
        "duration": float(np.abs(np.sort(made) - np.sort(other)).mean() / mean),
        "days": float((days[0] - days[1]).abs().mean() / mean),
        "steps": made.diff().std() / other.diff().std(),
        "correlation": float(np.corrcoef(made, other)[0, 1]),
    }


def read_kpg(shared: Path) -> tuple[dict[str, pd.Series], dict[str, pd.DataFrame], pd.DataFrame]:
    """Read the series of KPG 193: national ones, those of sun and wind by bus, and the coordinates."""
    folder = shared / "data/korea/kpg193_v2_0"
    arrays = np.load(folder / "profiles.npz")
    hours = pd.date_range(f"{YEAR}", periods=8760, freq="h", tz="Asia/Seoul")
    national = {"demand": pd.Series(arrays["demandP"].sum(axis=1), hours)}
    by_bus = {}
    for fuel, name in (("solar", "pv"), ("wind", "wind")):
        path = folder / f"renewables_capacity/{fuel}_generators_2025.csv"
        capacity = pd.read_csv(path, encoding="utf-8-sig")["Pmax [MW]"].to_numpy()
        national[fuel] = pd.Series(arrays[name] @ capacity / capacity.sum(), hours)
        by_bus[fuel] = pd.DataFrame(arrays[name], index=hours)
    path = folder / "network/metadata/bus_metadata/bus_metadata_2025.csv"
    places = pd.read_csv(path, encoding="utf-8-sig").rename(columns={"Latitude": "lat", "Longitude": "lon"})
    return national, by_bus, places


def correlate(series: pd.DataFrame, lat: np.ndarray, lon: np.ndarray, sun: bool) -> list[float]:
    """Correlate series by distance of their places; sun at noon, less its mean of 31 days."""
    values = series.to_numpy()
    if sun:
        noon = pd.DataFrame(values[12::24])
        values = (noon - noon.rolling(31, center=True, min_periods=1).mean()).to_numpy()
    alive = values.std(axis=0) > 1e-6
    pairs = np.corrcoef(values[:, alive].T)
    lat, lon = lat[alive], lon[alive]
    km = calculate_distance_km(lat[:, None], lon[:, None], lat[None, :], lon[None, :])
    upper = np.triu(np.ones_like(km, dtype=bool), 1)
    ranges = zip(STEPS_KM[:-1], STEPS_KM[1:], strict=True)
    return [float(pairs[upper & (km >= low) & (km < high)].mean()) for low, high in ranges]


def correlate_made(net: Network, profiles: HourlyProfiles, fuel: str) -> list[float]:
    """Correlate the metered plants of a fuel by distance."""
    generator = net.generator
    chosen = generator[(generator.fuel == fuel) & generator.metered.astype(bool)]
    bus = net.bus.loc[chosen.bus]
    return correlate(
        profiles["generator", "p_mw"][chosen.index], bus.lat.to_numpy(), bus.lon.to_numpy(), fuel == "solar"
    )


def compare_with_kpg(net: Network, profiles: HourlyProfiles, shared: Path) -> pd.DataFrame:
    """Measure the distance of demand, sun and wind from the series of KPG 193, one row each."""
    national, _, _ = read_kpg(shared)
    made = {fuel: sum_fleet(net, profiles, fuel) for fuel in ("solar", "wind")}
    made["demand"] = profiles["load", "p_mw"].sum(axis=1)
    return pd.DataFrame({name: measure_distance(made[name], other) for name, other in national.items()}).T


def format_kpg(net: Network, profiles: HourlyProfiles, shared: Path) -> Iterator[str]:
    """Format the distance from the series of KPG 193."""
    distance = compare_with_kpg(net, profiles, shared)
    yield (
        "| made over KPG 193 | mean | highest | spread | steps | duration curve off by | mean days off by "
        "| correlation |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for name, row in distance.iterrows():
        ratios = " | ".join(f"{row[key]:.2f}" for key in ("mean", "highest", "spread", "steps"))
        yield f"| {name} | {ratios} | {row['duration']:.1%} | {row['days']:.1%} | {row['correlation']:.2f} |"
    ranges = [f"{low}-{high} km" for low, high in zip(STEPS_KM[:-1], STEPS_KM[1:], strict=True)]
    yield f"\n| correlation at | {' | '.join(ranges)} |\n|---|{'---|' * len(ranges)}"
    _, by_bus, places = read_kpg(shared)
    for fuel, series in by_bus.items():
        others = correlate(series, places["lat"].to_numpy(), places["lon"].to_numpy(), fuel == "solar")
        for name, values in (
            (f"{fuel}, made", correlate_made(net, profiles, fuel)),
            (f"{fuel}, KPG 193", others),
        ):
            yield f"| {name} | {' | '.join(f'{value:.2f}' for value in values)} |"


def main() -> None:
    """Print the comparison, and write it into the data sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=Path, help="folder with data/korea/kpg193_v2_0")
    parser.add_argument("--write", action="store_true", help="write the tables into profiles.md")
    arguments = parser.parse_args()
    net = read_network(TARGETS["2025-backbone"])
    made = {seed: make_profiles(net, YEAR, seed) for seed in SEEDS}
    tables = {"published": "\n".join(format_outcomes(net, made))}
    if arguments.shared is not None:
        tables["kpg"] = "\n".join(format_kpg(net, made[SEEDS[0]], arguments.shared))
    print("\n\n".join(tables.values()))
    if arguments.write:
        text = SHEET.read_text(encoding="utf-8")
        for name, table in tables.items():
            text = replace_table(text, name, table, "compare_profiles.py")
        SHEET.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
