"""Data centers: IT power, how it is used, and PUE by outside temperature, at the point of connection.

Every default here is assumed, from ranges given for new sites; a measured or designed value goes before it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from gridhub.errors import InputError, Issue
from gridhub.profiles.cooling import COOLING_PUE, DEFAULT_COOLING, compute_hot_pue, compute_pue
from gridhub.profiles.region import Floats
from gridhub.profiles.weather import make_generator

Utilisation = Literal["training", "inference", "mixed"]

PAUSE_EVERY_H, PAUSE_LENGTH_H, PAUSE_LEVEL = 14 * 24.0, 4.0, 0.3
"""Training: mean time between pauses and their mean length [h], and use meanwhile. Assumed."""

QUIET_LEVEL, WEEKEND_LEVEL, BUSIEST_HOUR = 0.55, 0.9, 16
"""Inference: use at the quietest hour over that of the busiest, weekend over working day. Assumed."""


class Contract(Protocol):
    """What the load of a data center follows from; `gridhub.DataCenter` has it."""

    @property
    def name(self) -> str:
        """Name."""

    @property
    def it_mw(self) -> float:
        """Power of the IT equipment [MW]."""

    @property
    def cooling(self) -> str:
        """Key of `COOLING_PUE`."""

    @property
    def pue(self) -> float | None:
        """PUE at the hottest hour."""

    @property
    def load_factor(self) -> float:
        """Mean over contract power."""

    @property
    def flexible_share(self) -> float:
        """Share of the power that can be shed or shifted on request."""

    @property
    def flexible_hours(self) -> float:
        """Longest call [h]."""

    @property
    def flexible_energy_percent(self) -> float:
        """Energy of all calls of a year, of that drawn [%]."""

    @property
    def flexible_notice_hours(self) -> float:
        """Time between call and answer [h]."""

    @property
    def utilisation(self) -> Utilisation:
        """How the IT power is used."""

    @property
    def training_share(self) -> float:
        """Of the IT power, for "mixed"."""

    @property
    def ramp(self) -> Mapping[int, float]:
        """Year -> IT power from then on [MW]."""


@dataclass(frozen=True, slots=True)
class Flexibility:
    """What a data center can shed or shift on request: an offer that changes no shape.

    A dispatch may use it: `gridhub.analysis.dispatch.flexible.build_flexible_loads`.

    Attributes
    ----------
    share : float
        Of the contract power, as far as it is drawn.
    hours : float
        Longest call [h]. 3 h at 25 % has been shown (arXiv:2507.00909).
    energy_percent : float
        Energy of all calls of a year, of that drawn [%]. Assumed.
    notice_hours : float
        Time between call and answer [h]. Assumed.
    """

    share: float = 0.0
    hours: float = 3.0
    energy_percent: float = 0.5
    notice_hours: float = 1.0


@dataclass(frozen=True)
class DataCenterLoad:
    """How a data center draws power over the years and the hours.

    A battery, sun and wind on its own ground (`gridhub.Hub`, ``behind_the_meter``) and generation that burns
    fuel (``generators``) are parts of its hub. Its uninterruptible supply is no energy of an hour: its losses
    are within the PUE, and what it rides through counts in `gridhub.assess_fault` (`gridhub.DataCenter`).

    Attributes
    ----------
    name : str
        Its pauses are drawn from the seed and the name.
    it_mw : float
        Power of the IT equipment at the end of the ramp [MW].
    cooling : str
        Key of `COOLING_PUE`.
    pue : float or None
        PUE at the hottest hour (35 °C); None: of the kind of cooling.
    load_factor : float
        Mean of a year over contract power.
    utilisation : {"training", "inference", "mixed"}
        training: flat, with pauses; inference: by the hour of the day, less at weekends.
    training_share : float
        Of the IT power, for "mixed".
    ramp : mapping
        Year -> IT power from then on [MW]; empty: `it_mw` always. Before its first year it is 0.
    flexibility : Flexibility

    Raises
    ------
    InputError
        If a value is out of range; all of them are listed.

    Examples
    --------
    >>> load = DataCenterLoad("hall", it_mw=100.0, cooling="air", ramp={2028: 40.0, 2030: 100.0})
    >>> load.find_it_mw(2027), load.find_it_mw(2029), round(load.find_contract_mw(2030), 1)
    (0.0, 40.0, 157.0)
    """

    name: str
    it_mw: float
    cooling: str = DEFAULT_COOLING
    pue: float | None = None
    load_factor: float = 0.86
    utilisation: Utilisation = "mixed"
    training_share: float = 0.5
    ramp: Mapping[int, float] = field(default_factory=dict)
    flexibility: Flexibility = field(default_factory=Flexibility)

    def __post_init__(self) -> None:
        """Check the values."""
        offer = self.flexibility
        checks = [
            ("it_mw", self.it_mw, self.it_mw > 0 and math.isfinite(self.it_mw), "above 0"),
            ("cooling", self.cooling, self.cooling in COOLING_PUE, f"one of {', '.join(COOLING_PUE)}"),
            ("pue", self.pue, self.pue is None or 1 <= self.pue < 10, "1 or more"),
            ("load_factor", self.load_factor, 0 < self.load_factor <= 1, "above 0, at most 1"),
            ("training_share", self.training_share, 0 <= self.training_share <= 1, "0 to 1"),
            ("flexibility.share", offer.share, 0 <= offer.share <= 1, "0 to 1"),
            ("flexibility.hours", offer.hours, offer.hours > 0, "above 0"),
            (
                "flexibility.energy_percent",
                offer.energy_percent,
                0 <= offer.energy_percent <= 100,
                "0 to 100",
            ),
            ("flexibility.notice_hours", offer.notice_hours, offer.notice_hours >= 0, "0 or more"),
            ("ramp", dict(self.ramp), all(mw >= 0 for mw in self.ramp.values()), "0 or more"),
        ]
        kinds = ("training", "inference", "mixed")
        checks.append(
            ("utilisation", self.utilisation, self.utilisation in kinds, f"one of {', '.join(kinds)}")
        )
        faults = [
            Issue("error", "E-RANGE", "data center", self.name, key, str(value), f"must be {wanted}")
            for key, value, good, wanted in checks
            if not good
        ]
        if faults:
            raise InputError(faults, "data center")

    @classmethod
    def of(
        cls,
        contract: Contract,
        utilisation: Utilisation | None = None,
        ramp: Mapping[int, float] | None = None,
    ) -> DataCenterLoad:
        """Take all of it from a `gridhub.DataCenter`, but for what is given."""
        return cls(
            contract.name,
            contract.it_mw,
            contract.cooling,
            contract.pue,
            contract.load_factor,
            contract.utilisation if utilisation is None else utilisation,
            contract.training_share,
            contract.ramp if ramp is None else ramp,
            Flexibility(
                contract.flexible_share,
                contract.flexible_hours,
                contract.flexible_energy_percent,
                contract.flexible_notice_hours,
            ),
        )

    def settle(self, year: int) -> DataCenterLoad:
        """Give the data center as it stands in a year, without a ramp; for hours with another calendar.

        Raises
        ------
        InputError
            If its ramp begins later: it draws nothing in that year.
        """
        it_mw = self.find_it_mw(year)
        if it_mw <= 0:
            first = min((start for start, mw in self.ramp.items() if mw > 0), default=None)
            text = f"draws nothing in {year}: the ramp begins in {first}; ask for a later year"
            issue = Issue("error", "E-RANGE", "data center", self.name, "ramp", str(dict(self.ramp)), text)
            raise InputError([issue], "data center")
        return replace(self, it_mw=it_mw, ramp={})

    @property
    def hot_pue(self) -> float:
        """PUE at the hottest hour."""
        return compute_hot_pue(self.cooling) if self.pue is None else self.pue

    def find_it_mw(self, year: int) -> float:
        """Find the IT power of a year [MW]."""
        begun = [start for start in self.ramp if start <= year]
        return float(self.ramp[max(begun)] if begun else 0.0 if self.ramp else self.it_mw)

    def find_contract_mw(self, year: int) -> float:
        """Find the contract power of a year [MW]: IT power x PUE at the hottest hour."""
        return self.find_it_mw(year) * self.hot_pue


@dataclass(frozen=True, slots=True, eq=False)
class DataCenterHours:
    """Hours of a data center.

    Attributes
    ----------
    p_mw : (n_hour,) float
        Power at the point of connection [MW]; never above the contract power.
    it_mw : (n_hour,) float
        Of it for IT [MW].
    pue : (n_hour,) float
    flexible_mw : (n_hour,) float
        Of it that can be shed or shifted on request [MW].
    flexible_mwh : float
        Energy of all calls of the year [MWh].
    """

    p_mw: Floats
    it_mw: Floats
    pue: Floats
    flexible_mw: Floats
    flexible_mwh: float


def build_utilisation(load: DataCenterLoad, hours: pd.DatetimeIndex, seed: int) -> Floats:
    """Make the use of the IT power hour by hour before it is held to the load factor, (n_hour,) up to 1."""
    training = np.ones(len(hours))
    key = zlib.crc32(load.name.encode())
    generator = make_generator(seed, hours[0].year, "data_center", key)
    starts = np.flatnonzero(generator.random(len(hours)) < 1.0 / PAUSE_EVERY_H)
    lengths = np.ceil(generator.exponential(PAUSE_LENGTH_H, len(starts))).astype(int)
    for start, length in zip(starts, lengths, strict=True):
        training[start : start + length] = PAUSE_LEVEL
    turn = np.cos(2.0 * np.pi * (hours.hour.to_numpy() - BUSIEST_HOUR) / 24.0)
    inference = QUIET_LEVEL + (1.0 - QUIET_LEVEL) * (1.0 + turn) / 2.0
    inference = np.where(hours.dayofweek >= 5, WEEKEND_LEVEL, 1.0) * inference
    share = {"training": 1.0, "inference": 0.0, "mixed": load.training_share}[load.utilisation]
    return np.asarray(share * training + (1.0 - share) * inference)


def build_data_center_load(
    load: DataCenterLoad, hours: pd.DatetimeIndex, air_c: Floats, seed: int
) -> DataCenterHours:
    """Make the load of a data center hour by hour. Synthetic.

    Parameters
    ----------
    load : DataCenterLoad
    hours : DatetimeIndex
        One year.
    air_c : (n_hour,) array
        Outside temperature [°C].
    seed : int

    Returns
    -------
    DataCenterHours
        Mean power over contract power is the load factor.

    Raises
    ------
    InputError
        If the load factor is higher than that of full use in every hour: cold hours need less than the
        contract.

    Notes
    -----
    P = IT u pue(T), u = b (1 - a (1 - s)) with s the shape of the use. The load factor is met by the depth a
    of the shape alone if that is enough (b = 1), else by the whole shape (a = 1) at a lower level b. PUE at
    part load is taken to be that at full load (assumed).

    Examples
    --------
    >>> from gridhub.profiles.weather import build_hours
    >>> hours = build_hours(2025, "Asia/Seoul")
    >>> made = build_data_center_load(DataCenterLoad("hall", 100.0), hours, np.full(8760, 20.0), seed=1)
    >>> round(float(made.p_mw.mean() / 128.0), 6)
    0.86
    """
    pue = compute_pue(load.cooling, air_c, load.pue)
    shape = build_utilisation(load, hours, seed)
    full = float(pue.mean()) / load.hot_pue
    if load.load_factor > full + 1e-12:
        text = f"full use in every hour of this temperature gives {full:.3f}; give at most that"
        issue = Issue(
            "error", "E-RANGE", "data center", load.name, "load_factor", f"{load.load_factor}", text
        )
        raise InputError([issue], "data center")
    lost = float((pue * (1.0 - shape)).mean())
    depth = min((float(pue.mean()) - load.load_factor * load.hot_pue) / lost, 1.0) if lost > 0 else 1.0
    use = 1.0 - depth * (1.0 - shape)
    use *= load.load_factor * load.hot_pue / float((pue * use).mean())
    it_mw = load.find_it_mw(hours[0].year) * use
    p_mw = it_mw * pue
    offer = load.flexibility
    return DataCenterHours(
        p_mw,
        it_mw,
        pue,
        np.minimum(offer.share * load.find_contract_mw(hours[0].year), p_mw),
        offer.energy_percent / 100.0 * float(p_mw.sum()) * (offer.share > 0),
    )
