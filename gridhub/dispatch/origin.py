"""Where the energy in storage came from: contracted plants or the grid, hour by hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Floats

SAME = 1e-12
"""Change of the shares in storage, from one round of a cycle to the next, that counts as none."""

ROUNDS = 200
"""Most rounds of a cycle; what is left of a wrong start after each is a fraction of it."""


@dataclass(frozen=True, slots=True, eq=False)
class StorageOrigin:
    """What went into and out of one storage unit, by origin.

    Attributes
    ----------
    charge_contracted, charge_grid : (n,) float
        [MW]
    give_contracted, give_grid : (n,) float
        Discharged [MW]; grid holds all that is not from contracted plants.
    give_grid_free : (n,) float
        Part of ``give_grid`` that was carbon-free in the grid when it was charged [MW].
    contracted, grid : (n,) float
        In storage after each hour [MWh].
    missing_mwh : float
        Discharged without having been charged: counted as from the grid, carbon-free in no part.
    """

    charge_contracted: Floats
    charge_grid: Floats
    give_contracted: Floats
    give_grid: Floats
    give_grid_free: Floats
    contracted: Floats
    grid: Floats
    missing_mwh: float


def find_least_start(power: Floats, efficiency: float) -> float:
    """Find the least energy before the first hour with which storage never runs dry [MWh].

    Parameters
    ----------
    power : (n,) float
        Discharge positive [MW].
    efficiency : float
        Round trip.
    """
    one_way = np.sqrt(efficiency)
    change = np.where(power < 0.0, -power * one_way, -power / one_way)
    return max(0.0, -float(np.cumsum(change).min(initial=0.0)))


def track_origin(
    power: Floats,
    surplus: Floats,
    grid_share: Floats,
    efficiency: float,
    start_mwh: float,
    *,
    cyclic: bool = False,
) -> StorageOrigin:
    r"""Follow energy through storage by its origin.

    Parameters
    ----------
    power : (n,) float
        Discharge positive [MW].
    surplus : (n,) float
        What contracted plants can give to charging [MW]; more is from the grid.
    grid_share : (n,) float
        Carbon-free share of the grid, 0 … 1.
    efficiency : float
        Round trip, above 0; each way its root.
    start_mwh : float
        Energy before the first hour.
    cyclic : bool
        True: the energy at the start has the origins of that at the end. False: all of it is from the grid,
        carbon-free in no part.

    Returns
    -------
    StorageOrigin

    Notes
    -----
    Proportional withdrawal: what leaves has the shares of what is in storage,

    .. math:: d^c_t = d_t \frac{A_{t-1}}{A_{t-1} + B_{t-1}}, \quad
              A_t = A_{t-1} + \sqrt\eta\, c^c_t - d^c_t / \sqrt\eta

    with A from contracted plants, B from the grid [MWh]. First in, first out would need every charge to be
    remembered, and differs in the hours, not in the sum once storage has been emptied.
    """
    shares = (0.0, 0.0)
    for _ in range(ROUNDS if cyclic else 1):
        found, after = _track(power, surplus, grid_share, np.sqrt(efficiency), start_mwh, shares)
        if max(abs(after[0] - shares[0]), abs(after[1] - shares[1])) < SAME:
            break
        shares = after
    return found


def _track(
    power: Floats,
    surplus: Floats,
    grid_share: Floats,
    one_way: float,
    start_mwh: float,
    shares: tuple[float, float],
) -> tuple[StorageOrigin, tuple[float, float]]:
    """Go through the hours once; also the shares (contracted, grid carbon-free) at the end."""
    count = len(power)
    out = np.zeros((7, count))
    contracted, free = start_mwh * shares[0], start_mwh * shares[1]
    grid, missing = start_mwh - contracted, 0.0
    for t in range(count):
        p = float(power[t])
        if p < 0.0:
            mine = min(-p, max(float(surplus[t]), 0.0))
            other = -p - mine
            contracted += one_way * mine
            grid += one_way * other
            free += one_way * other * float(grid_share[t])
            out[0, t], out[1, t] = mine, other
        elif p > 0.0:
            stored, taken = contracted + grid, p / one_way
            part = min(1.0, taken / stored) if stored > 0.0 else 0.0
            out[2, t] = one_way * part * contracted
            out[3, t] = p - out[2, t]
            out[4, t] = one_way * part * free
            missing += max(0.0, taken - stored) * one_way
            contracted, grid, free = ((1.0 - part) * one for one in (contracted, grid, free))
        out[5, t], out[6, t] = contracted, grid
    total = contracted + grid
    after = (contracted / total, free / total) if total > 0.0 else shares
    found = StorageOrigin(
        charge_contracted=out[0],
        charge_grid=out[1],
        give_contracted=out[2],
        give_grid=out[3],
        give_grid_free=out[4],
        contracted=out[5],
        grid=out[6],
        missing_mwh=missing,
    )
    return found, after
