"""Hosting with own supply: how large a hub with its own sun, wind and storage may be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.hours import SHARES, find_flexible
from gridhub.analysis.hosting.own_supply import PLANTS, OwnSupply
from gridhub.case.case import Floats
from gridhub.dispatch.sizing import SizingProblem, solve_shares
from gridhub.errors import GridhubError, OptionError, name_ids
from gridhub.model.network import Network
from gridhub.profiles.region_file import read_region_profiles
from gridhub.profiles.series import read_labels
from gridhub.profiles.site_output import build_site_output

OWN_SHARES = {"own_mw": 0.0, **{f"own_{name}": share for name, share in SHARES.items()}}
"""Column -> share of the hub's energy that may be curtailed."""

NO_ROOM = 1e-6
"""Room below counts as none [MW]."""


def find_own_rooms(
    net: Network,
    buses: Sequence[str],
    hours: pd.Index,
    rooms: Floats,
    own: OwnSupply,
    maximum: float,
    weight: Floats | None = None,
) -> dict[str, Floats]:
    r"""Find the largest hub with own supply at every bus, firm and with some of its energy curtailable.

    Parameters
    ----------
    net : Network
    buses : sequence of str
    hours : Index
        Labels of the hours, (n_hour,).
    rooms : (n_hour, n_bus) float
        What each bus may draw from the grid in every hour [MW].
    own : OwnSupply
    maximum : float
        Nothing above is looked for [MW].
    weight : (n_hour,) float, optional
        Hours each hour stands for, with a mean of 1; None: all 1.

    Returns
    -------
    dict
        Column of `OWN_SHARES` -> (n_bus,) contract power [MW].

    Raises
    ------
    OptionError
        If the hours are no whole number of blocks, or the output does not fit the hours or buses.
    InputError
        If a bus has no coordinates, or lies outside the region's weather.

    Notes
    -----
    The hub's load is flat at its contract power C; what own plants give beyond it is lost, never exported.
    Without storage, with the output g of own plants per MW in hour t, the draw is C max(0, 1 - g_t) and the
    firm figure :math:`\min_t room_t / \max(0, 1 - g_t)`; see `gridhub.analysis.hosting.hours.find_flexible`.
    With storage a linear programme for each bus: with x = 1 / C everything is per MW of contract power, and
    the room is a plant of size x that gives room_t x. The smallest x with which the load is met in all hours,
    or but for the share that may be curtailed, is a sizing problem of one plant
    (`gridhub.dispatch.sizing.solve_sizing`). Hours are known beforehand.
    """
    output = build_output(net, buses, hours, own)
    weight = np.ones(len(hours)) if weight is None else weight
    if own.storage_mw == 0:
        draw = np.maximum(1.0 - output, 0.0)
        found = {name: find_flexible(rooms, share, draw, weight) for name, share in OWN_SHARES.items()}
        return {name: np.minimum(values, maximum) for name, values in found.items()}
    block = own.block_hours or len(hours)
    if len(hours) % block:
        raise OptionError(f"own: block_hours = {block}, and {len(hours):,} hours are no multiple of it")
    every = np.empty((len(buses), len(OWN_SHARES)))
    for j in range(len(buses)):
        every[j] = _size(rooms[:, j], output[:, j], own, block, maximum, weight)
    return {name: every[:, k] for k, name in enumerate(OWN_SHARES)}


def _size(room: Floats, output: Floats, own: OwnSupply, block: int, maximum: float, weight: Floats) -> Floats:
    """Find the largest contract power for each share of `OWN_SHARES` by a linear programme [MW]."""
    count = len(room)
    # in sizes near 1: the tolerances of the programme are absolute
    scale = max(float(room.max()), NO_ROOM)
    grid = np.where(room > NO_ROOM, room, 0.0) / scale
    one, none = np.ones(1), np.zeros(1)
    power, energy = own.storage_mw * one, own.storage_mw * own.storage_hours * one
    problem = SizingProblem(
        load=np.ones(count),
        weight=weight,
        block=block,
        output=np.stack([grid, output], axis=1),
        plant_cost=np.array([1.0, 0.0]),
        plant_low=np.array([scale / maximum, 1.0]),
        plant_high=np.array([np.inf, 1.0]),
        power_cost=none,
        power_low=power,
        power_high=power,
        energy_cost=none,
        energy_low=energy,
        energy_high=energy,
        efficiency=own.efficiency * one,
        grid_price=np.zeros(count),
        grid_share=np.zeros(count),
    )
    found = []
    for solution in solve_shares(problem, [1.0 - share for share in OWN_SHARES.values()]):
        if solution.status not in ("optimal", "infeasible"):
            raise GridhubError(
                f"own: the programme of storage over {count:,} hours ended {solution.status!r}"
            )
        # infeasible: hours without room that storage does not carry the load over
        found.append(scale / solution.plant_mw[0] if solution.status == "optimal" else 0.0)
    return np.array(found)


def build_output(net: Network, buses: Sequence[str], hours: pd.Index, own: OwnSupply) -> Floats:
    """Build what own plants give at every bus in every hour, (n_hour, n_bus) [MW per MW of contract power].

    Raises
    ------
    OptionError, InputError
        As `find_own_rooms`.
    """
    if own.solar_mw == 0 and own.wind_mw == 0:
        return np.zeros((len(hours), len(buses)))
    if own.output is None:
        return _make_output(net, buses, hours, own)
    total, faults = np.zeros((len(hours), len(buses))), []
    for kind, size in PLANTS.items():
        if getattr(own, size) == 0:
            continue
        values, why = _read_output(own.output[kind], buses, hours)
        faults += [f"output of {kind!r} {fault}" for fault in why]
        if not why:
            total += getattr(own, size) * values
    if faults:
        raise OptionError(f"own: {'; '.join(faults)}")
    return total


def _read_output(
    table: pd.Series | pd.DataFrame, buses: Sequence[str], hours: pd.Index
) -> tuple[Floats, list[str]]:
    """Bring given output to the hours and buses, and say what is wrong with it."""
    frame = table.to_frame() if isinstance(table, pd.Series) else table.rename(columns=str)
    faults = []
    if not frame.index.is_unique or not hours.isin(frame.index).all():
        lost = [str(hour) for hour in hours[~hours.isin(frame.index)]]
        faults.append(f"lacks the hours {name_ids(lost)}" if lost else "has hours that come twice")
    if isinstance(table, pd.DataFrame):
        strange = [bus for bus in buses if bus not in frame.columns]
        if strange:
            faults.append(f"lacks the buses {name_ids(strange)}")
    if faults:
        return np.empty(0), faults
    chosen = frame.loc[hours]
    if isinstance(table, pd.DataFrame):
        chosen = chosen[list(buses)]
    values = chosen.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = ~((values >= 0.0) & (values <= 1.0)).all(axis=1)
    if bad.any():
        names = [str(hour) for hour in hours[bad]]
        return values, [f"is no share from 0 to 1 in {len(names):,} hours: {name_ids(names)}"]
    return np.broadcast_to(values, (len(hours), len(buses))), []


def _make_output(net: Network, buses: Sequence[str], hours: pd.Index, own: OwnSupply) -> Floats:
    """Make output out of the region's weather at the buses."""
    text = net.documents.get("profiles")
    if text is None:
        raise OptionError(
            f"own: {net.name!r} has no profiles.toml to make sun and wind of; give output, kind -> Series"
        )
    region = read_region_profiles(text)
    times, faults = read_labels(hours, region.time_zone, "profiles")
    years = times.year.dropna().unique()
    if faults or len(years) != 1:
        raise OptionError(
            f"own: the hours of the profiles, {hours[0]} …, are no times of one year, so they have no "
            "weather; give output, kind -> Series over these hours"
        )
    bus = net.bus.loc[list(buses)]
    ratios = (own.solar_mw, own.wind_mw)
    made = build_site_output(region, bus["lat"], bus["lon"], list(buses), ratios, int(years[0]), own.seed)
    at = made.hours.get_indexer(times)
    if (at < 0).any():
        strange = [str(hour) for hour in hours[at < 0]]
        raise OptionError(f"own: hours {name_ids(strange)} of the profiles are not on the full hour")
    return np.asarray(made.output[at][:, made.where])
