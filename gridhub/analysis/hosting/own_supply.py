"""What a hub brings along: sun, wind and storage behind its own point of connection."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

from gridhub.errors import OptionError

PLANTS = {"solar": "solar_mw", "wind": "wind_mw"}
"""Kind of plant -> its size in `OwnSupply`."""

Output = Mapping[str, pd.Series | pd.DataFrame]
"""Kind -> output as a share of its size, 0 to 1: a Series over the hours, or hours x buses."""


@dataclass(frozen=True, slots=True)
class OwnSupply:
    """Own supply of a hub, per MW of its contract power.

    On-site generation that burns fuel has no place here: a unit may be lost at any time, and the grid then
    carries the whole load, so that it makes no firm room.

    Attributes
    ----------
    solar_mw, wind_mw : float
        Size of the plants [MW per MW].
    storage_mw : float
        Largest power of storage in either direction, on the side of the grid [MW per MW].
    storage_hours : float
        Hours it can deliver that power for: it holds ``storage_mw x storage_hours`` when full, losses of
        discharging not counted [h]. The default is assumed.
    efficiency : float
        Round trip of storage, half of the losses each way; the default is that of `gridhub.Storage`, assumed.
    block_hours : int, optional
        Hours in a row: storage ends each block as it began it, as in typical weeks (168) or days (24) that
        stand one below the other. None: all hours are one block.
    output : mapping, optional
        Kind ("solar", "wind") -> Series over the hours of the profiles, the same at all buses, or DataFrame
        hours x buses; share of size, 0 to 1. None: the synthetic weather of the region at the coordinates
        of each bus, wind on land; the hours of the profiles must then be times of one year.
    seed : int
        Of that weather. Give the seed of `gridhub.make_profiles`, so that the grid has the same weather.
    """

    solar_mw: float = 0.0
    wind_mw: float = 0.0
    storage_mw: float = 0.0
    storage_hours: float = 4.0
    efficiency: float = 0.86
    block_hours: int | None = None
    output: Output | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value and refuse all that are wrong at once."""
        faults = []
        for name, low, high in (
            ("solar_mw", 0.0, 100.0),
            ("wind_mw", 0.0, 100.0),
            ("storage_mw", 0.0, 100.0),
            ("storage_hours", 1e-3, 8760.0),
            ("efficiency", 0.01, 1.0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                faults.append(f"{name} = {value!r}: a number from {low:g} to {high:g}")
        for name, low, optional in (("block_hours", 1, True), ("seed", 0, False)):
            value = getattr(self, name)
            if value is None and optional:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                faults.append(f"{name} = {value!r}: a whole number of at least {low}")
        faults += self._list_faults_of_output()
        if faults:
            raise OptionError(f"own: {'; '.join(faults)}")

    def _list_faults_of_output(self) -> list[str]:
        """Say what is wrong with the kinds of `output`; its hours are checked where they are known."""
        given: Any = self.output
        if given is None:
            return []
        if not isinstance(given, Mapping):
            return [f"output is a {type(given).__name__}: a mapping kind -> Series or DataFrame"]
        faults = [f"output of {kind!r}: choose from {', '.join(PLANTS)}" for kind in set(given) - set(PLANTS)]
        faults += [
            f"output of {kind!r} is a {type(table).__name__}: a Series, or a DataFrame hours x buses"
            for kind, table in given.items()
            if not isinstance(table, pd.Series | pd.DataFrame)
        ]
        faults += [
            f"{size} = {getattr(self, size)!r}, and no output of {kind!r}"
            for kind, size in PLANTS.items()
            if kind not in given and getattr(self, size) != 0
        ]
        return faults

    def describe(self) -> str:
        """Say in words what comes along with a MW."""
        parts = [
            f"{getattr(self, size):g} MW of {kind}"
            for kind, size in PLANTS.items()
            if getattr(self, size) > 0
        ]
        if self.storage_mw > 0:
            parts.append(
                f"{self.storage_mw:g} MW of storage for {self.storage_hours:g} h "
                f"at {self.efficiency:.0%} round trip"
            )
        return ", ".join(parts) or "nothing"


def read_own_supply(own: Any) -> OwnSupply | None:
    """Complete own supply given as a mapping, an object or nothing.

    Parameters
    ----------
    own : mapping, OwnSupply or None

    Raises
    ------
    OptionError
        If a key is unknown or a value out of range.

    Examples
    --------
    >>> read_own_supply({"solar_mw": 1.5, "storage_mw": 0.5}).describe()
    '1.5 MW of solar, 0.5 MW of storage for 4 h at 86% round trip'
    """
    if own is None or isinstance(own, OwnSupply):
        return own
    if not isinstance(own, Mapping):
        raise OptionError(f"own = {own!r}: an OwnSupply, or a mapping such as {{'solar_mw': 1.0}}")
    known = [item.name for item in fields(OwnSupply)]
    unknown = [str(key) for key in own if key not in known]
    faults = []
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean {near[0]}?" if near else "."
        faults.append(f"own: unknown {', '.join(unknown)}{hint} There are {', '.join(known)}")
    try:
        found = OwnSupply(**{key: value for key, value in own.items() if key in known})
    except OptionError as error:
        faults.append(str(error))
    if faults:
        raise OptionError("; ".join(faults))
    return found
