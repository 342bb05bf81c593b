"""A year of hours for a network: demand, data centers, sun and wind, or a user's own series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.own_series import Key, read_own_series
from gridhub.model.profile_loads import make_load_hours
from gridhub.model.profile_plants import make_plant_hours
from gridhub.model.profile_weather import start_work
from gridhub.profiles.data_center import Contract, DataCenterLoad
from gridhub.profiles.region_file import read_region_profiles
from gridhub.profiles.series import Source
from gridhub.profiles.weather import build_hours

USERS = MappingProxyType(
    {
        "demand": ("load",),
        "temperature": ("load", "generator"),
        "solar": ("generator",),
        "wind": ("generator",),
    }
)
"""Own series of a region -> tables that rest on it."""


@dataclass(frozen=True, eq=False)
class HourlyProfiles(Mapping[Key, pd.DataFrame]):
    """Profiles of a network and where they come from: (table, column) -> DataFrame hours x ids [MW].

    Attributes
    ----------
    frames : mapping
        What the mapping holds. ``frame.attrs["basis"]`` says "synthetic, seed 0" or names the user's series.
    summary : DataFrame
        Index figure; columns value, unit, held_to (the published figure; NaN where it is an outcome), source.
    notes : tuple of str
        What was assumed or left as it is.
    kinds : mapping
        Generator -> "solar" or "wind".
    """

    frames: Mapping[Key, pd.DataFrame]
    summary: pd.DataFrame
    notes: tuple[str, ...]
    kinds: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, key: Key) -> pd.DataFrame:
        """Give the profile of one column."""
        return self.frames[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)


def make_profiles(
    net: Network,
    year: int = 2025,
    seed: int = 0,
    *,
    own: Mapping[str | Key, Source] | None = None,
    data_centers: Iterable[DataCenterLoad | Contract] = (),
    document: str | None = None,
) -> HourlyProfiles:
    """Make a synthetic year of hours for a network, held to the published figures of its region.

    Parameters
    ----------
    net : Network
        Buses with coordinates. Loads share the demand by ``annual_gwh``; where the table has none, by p_mw,
        which is then taken as their highest demand.
    year : int
        Calendar of that year, 8,760 or 8,784 hours in local time; labels are the begins of the hours.
    seed : int
        Weather and scatter. The same seed, year and version of gridhub and numpy give the same bytes.
    own : mapping, optional
        Series that replace made ones: CSV, Parquet or DataFrame (`gridhub.profiles.series.read_series`).
        "demand" [MW], "temperature" [°C]: one series for the region. "solar", "wind": output per capacity,
        one series for all plants, or columns that name generators. (table, column): MW by id.
    data_centers : iterable of DataCenterLoad or DataCenter, optional
        How placed data centers draw power, by name. Others are taken with the defaults of `DataCenterLoad`.
    document : str, optional
        TOML text to use instead of the network's document ``profiles``.

    Returns
    -------
    HourlyProfiles
        ("load", "p_mw") for demand and data centers in service, ("generator", "p_mw") for sun and wind in
        service. Whatever else there is keeps the value of the snapshot.

    Raises
    ------
    OptionError
        If neither network nor caller has a document ``profiles``, or `own` or `data_centers` name something
        unknown.
    InputError
        If a plant has no place in the region, or a series is faulty; all faults are listed.

    Notes
    -----
    Synthetic: shapes and correlations of a region, not the weather of that year; nothing here is a forecast.
    Demand of the region meets peak, minimum and energy exactly. That energy is drawn at the buses of the grid
    and may be more than the sales that ``annual_gwh`` holds; loads and provinces keep their shares of it. Sun
    and wind meet the published capacity factor as the mean of the region's fleet, so the plants of a network
    may lie a little off. The weather belongs to the region's cells: another plant or hub leaves that of the
    others as it is.

    Examples
    --------
    >>> from gridhub.reference import load_network
    >>> net = load_network("korea-2025-backbone")
    >>> profiles = make_profiles(net, year=2025, seed=1)
    >>> profiles["load", "p_mw"].shape, round(profiles.summary.at["highest demand", "value"])
    ((8760, 239), 102445)
    """
    text = net.documents.get("profiles", "") if document is None else document
    if not text:
        raise OptionError(
            f"network {net.name!r} has no document 'profiles', the figures of demand, sun and wind that "
            "hours are made from. Write a profiles.toml, put it beside network.toml and name it there: under "
            '[documents], profiles = "profiles.toml". `gridhub convert korea-2025-backbone DIR` writes one '
            "to start from. In Python also: document=… (its text), or your own frames for the study"
        )
    region = read_region_profiles(text)
    hours = build_hours(year, region.time_zone)
    shapes, frames = read_own_series(net, own or {}, hours)
    work = start_work(net, region, hours, seed, shapes)
    made = {
        ("load", "p_mw"): make_load_hours(work, list(data_centers)),
        ("generator", "p_mw"): make_plant_hours(work),
    }
    made = {key: frame for key, frame in made.items() if frame.shape[1]}
    basis = {key: f"synthetic, seed {seed}" for key in made}
    for name in shapes:
        for key in basis:
            if key[0] in USERS[name]:
                basis[key] += f"; own series of {name}"
    for key, frame in frames.items():
        kept = made.get(key, pd.DataFrame(index=hours)).drop(columns=frame.columns, errors="ignore")
        made[key] = pd.concat([kept, frame], axis=1)
        named = f"own series of {frame.shape[1]:,} ids"
        basis[key] = f"{basis[key]}; {named}" if kept.shape[1] else named
    for key, frame in made.items():
        frame.attrs["basis"] = basis[key]
    _note_others(net, made, work.notes)
    summary = pd.DataFrame(work.rows, columns=["figure", "value", "unit", "held_to", "source"])
    fuel = net.tables["generator"]["fuel"].astype(str)
    kinds = {str(name): kind for name, kind in fuel.items() if kind in ("solar", "wind")}
    return HourlyProfiles(
        MappingProxyType(made), summary.set_index("figure"), tuple(work.notes), MappingProxyType(kinds)
    )


def _note_others(net: Network, made: Mapping[Key, pd.DataFrame], notes: list[str]) -> None:
    """Say how many units in service have no hours: with the snapshot's output few hours of a year balance."""
    table = net.tables["generator"]
    having = made.get(("generator", "p_mw"), pd.DataFrame()).columns
    others = int((table["in_service"].astype(bool) & ~table.index.isin(having)).sum())
    if others:
        notes.append(
            f"{others:,} units other than sun and wind keep the snapshot's output: dispatch them first"
        )
