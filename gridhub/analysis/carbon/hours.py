"""Carbon-free energy of one hub on arrays, hour by hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Floats
from gridhub.dispatch.origin import find_least_start, track_origin


@dataclass(frozen=True, slots=True, eq=False)
class HubHours:
    """Hours of one hub, all (n,) float [MW], and in storage after the hour [MWh].

    Attributes
    ----------
    load, generation, available : contracted; available is NaN where not known.
    on_site : given to the load by own generation that burns fuel; carbon-free in no part.
    direct, stored, matched : used in the hour it is made; out of storage; both.
    surplus : delivered and neither used nor stored, or given by storage beyond the load.
    charge_contracted, charge_grid : into storage.
    grid : bought, charging included; never below 0.
    grid_free : carbon-free part of what is not matched: of the grid in that hour, and of grid energy stored.
    contracted_mwh, grid_mwh : in storage.
    missing_mwh : float
        Given by storage without having been charged.
    """

    load: Floats
    generation: Floats
    available: Floats
    on_site: Floats
    direct: Floats
    stored: Floats
    matched: Floats
    surplus: Floats
    charge_contracted: Floats
    charge_grid: Floats
    grid: Floats
    grid_free: Floats
    contracted_mwh: Floats
    grid_mwh: Floats
    missing_mwh: float


def account_hub(
    *,
    load: Floats,
    generation: Floats,
    available: Floats,
    on_site: Floats,
    storage: Sequence[Floats],
    efficiency: Sequence[float],
    start_mwh: Sequence[float | None],
    grid_share: Floats,
    blocks: Sequence[slice],
    cyclic: bool,
) -> HubHours:
    """Account the hours of one hub.

    Parameters
    ----------
    load, generation, available : (n,) float
        [MW]
    on_site : (n,) float
        Output of own generation that burns fuel [MW]: the load uses it first, and only the rest of the load
        can be matched. What is more than the load is nobody's here.
    storage : sequence of (n,) float
        Discharge positive [MW].
    efficiency : sequence of float
        Round trip of each.
    start_mwh : sequence of float or None
        Energy of each before the first hour; None: the least that suffices.
    grid_share : (n,) float
        Carbon-free share of the grid.
    blocks : sequence of slice
        Hours in a row; storage starts anew in each.
    cyclic : bool
        Energy at the start of a block has the origins of that at its end.

    Returns
    -------
    HubHours
    """
    count = len(load)
    burnt = np.minimum(load, on_site)
    rest = load - burnt
    direct = np.minimum(rest, generation)
    spare = generation - direct
    charging = sum((np.maximum(-power, 0.0) for power in storage), np.zeros(count))
    # what is to spare is shared by what each takes in
    ratio = np.divide(np.minimum(spare, charging), charging, out=np.zeros(count), where=charging > 0.0)
    total = np.zeros((7, count))
    missing = 0.0
    for power, one_efficiency, start in zip(storage, efficiency, start_mwh, strict=True):
        for block in blocks:
            mine = power[block]
            found = track_origin(
                mine,
                np.maximum(-mine, 0.0) * ratio[block],
                grid_share[block],
                one_efficiency,
                find_least_start(mine, one_efficiency) if start is None else start,
                cyclic=cyclic,
            )
            total[:, block] += (
                found.charge_contracted,
                found.charge_grid,
                found.give_contracted,
                found.give_grid,
                found.give_grid_free,
                found.contracted,
                found.grid,
            )
            missing += found.missing_mwh
    charge_contracted, charge_grid, given, other, other_free, contracted, grid_mwh = total
    stored = np.minimum(given, rest - direct)
    matched = direct + stored
    used = np.minimum(other, rest - matched)
    used_free = np.divide(used * other_free, other, out=np.zeros(count), where=other > 0.0)
    drawn = rest - matched - used
    return HubHours(
        load=load,
        generation=generation,
        available=available,
        on_site=burnt,
        direct=direct,
        stored=stored,
        matched=matched,
        surplus=spare - charge_contracted + given - stored,
        charge_contracted=charge_contracted,
        charge_grid=charge_grid,
        grid=drawn + charge_grid,
        grid_free=drawn * grid_share + used_free,
        contracted_mwh=contracted,
        grid_mwh=grid_mwh,
        missing_mwh=missing,
    )
