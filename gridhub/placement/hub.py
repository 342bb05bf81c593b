"""A hub and its parts, as a planner describes them: data center, plants, storage, on-site generation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from gridhub.errors import PlacementError, name_ids
from gridhub.profiles.cooling import COOLING_PUE, DEFAULT_COOLING, compute_hot_pue
from gridhub.profiles.data_center import Utilisation

Cooling = Literal["air", "air_economiser", "direct_to_chip", "warm_water", "immersion"]
PlantKind = Literal["solar", "wind", "offshore_wind"]
Fuel = Literal["lng", "oil", "coal", "biomass", "other"]
EngineKind = Literal["gas_turbine", "gas_engine", "diesel", "fuel_cell"]

USUAL_FUEL: Mapping[str, Fuel] = {
    "gas_turbine": "lng",
    "gas_engine": "lng",
    "diesel": "oil",
    "fuel_cell": "lng",
}
"""Kind of on-site generation -> what it burns where nothing is said."""

AGREEMENT = 0.01
"""Relative difference up to which contract_mw and it_mw x pue are the same."""


def _check_place(name: str, lat: float | None, lon: float | None, bus: str | None) -> None:
    """Refuse a part that does not say where it is, or says it wrongly."""
    if bus is None and (lat is None or lon is None):
        raise PlacementError(f"{name!r}: says neither a bus nor lat and lon; give one of the two")
    if (lat is None) != (lon is None):
        raise PlacementError(f"{name!r}: lat and lon come together; one is missing")
    if lat is not None and lon is not None and not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise PlacementError(f"{name!r}: lat {lat}, lon {lon} is not a place in degrees WGS84")


def _check_positive(name: str, **values: float | None) -> None:
    for key, value in values.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise PlacementError(f"{name!r}: {key} = {value} must be a positive, finite number")


def _check_share(name: str, **values: float) -> None:
    for key, value in values.items():
        if not 0 <= value <= 1:
            raise PlacementError(f"{name!r}: {key} = {value} must lie between 0 and 1")


@dataclass(frozen=True)
class DataCenter:
    """A data center: one load that is there in every snapshot at its contract power.

    Parameters
    ----------
    name : str
        Name; the ids of its rows are made of it.
    contract_mw : float, optional
        Contract power at the point of connection [MW] = it_mw x pue at the hottest hour. "A 1 GW hub" has
        1,000. Security and hosting use it.
    it_mw : float, optional
        Power of the IT equipment [MW]. Give contract_mw, it_mw or both; both must agree within 1 %.
    lat, lon : float, optional
        Place, WGS84 [degree].
    bus : str, optional
        Point of connection, instead of the nearest that the rules allow.
    cooling : str
        Key of `COOLING_PUE`; decides the PUE where none is given.
    pue : float, optional
        PUE at the hottest hour.
    load_factor : float
        Mean over contract power; counts in energy alone.
    power_factor : float
        Lagging power factor at the point of connection.
    flexible_share : float
        Share of the contract power that can be shed or shifted on request; an offer that a reinforcement
        and the dispatch of a study may use, never used in the security of the hub as asked.
    province : str
        Province for the connection rules; empty: that of the point of connection.
    utilisation : {"training", "inference", "mixed"}
        How its hours look: `gridhub.DataCenterLoad`. Security and hosting do not ask.
    training_share : float
        Of the IT power, for "mixed".
    ramp : mapping
        Year -> IT power from then on [MW]; empty: `it_mw` always. Counts in hours and in `plan_years`.
    flexible_hours, flexible_energy_percent, flexible_notice_hours : float
        What else is offered: `gridhub.profiles.data_center.Flexibility`.
    ups_mw : float, optional
        Power of the uninterruptible supply [MW]; None: the IT power (assumed).
    ups_minutes : float
        How long its batteries carry that [min]; the default is assumed.
    ride_through_vm_pu : float, optional
        Voltage below which the data center leaves the grid for its uninterruptible supply [p.u.]; None: that
        of the criteria.
    ride_through_s : float
        How long it bears a lower voltage before it leaves [s]; 0: not at all (assumed).

    Raises
    ------
    PlacementError
        If a value is out of range, the place is missing, or contract_mw and it_mw x pue do not agree.

    Notes
    -----
    This is the one place of the uninterruptible supply. `place` hands the two ride-through values to the row
    of the load, from which `gridhub.assess_fault` takes them. Its losses are within the PUE, its batteries
    are not offered to the grid, and they smooth nothing: a swing of `gridhub.assess_fluctuation` is that at
    the point of connection.

    Examples
    --------
    >>> DataCenter("hall", it_mw=100.0, pue=1.2, bus="b1").contract_mw
    120.0
    """

    name: str
    contract_mw: float = math.nan
    it_mw: float = math.nan
    lat: float | None = None
    lon: float | None = None
    bus: str | None = None
    cooling: str = DEFAULT_COOLING
    pue: float | None = None
    load_factor: float = 0.86
    power_factor: float = 0.95
    flexible_share: float = 0.0
    province: str = ""
    utilisation: Utilisation = "mixed"
    training_share: float = 0.5
    ramp: Mapping[int, float] = field(default_factory=dict, hash=False)
    flexible_hours: float = 3.0
    flexible_energy_percent: float = 0.5
    flexible_notice_hours: float = 1.0
    ups_mw: float | None = None
    ups_minutes: float = 5.0
    ride_through_vm_pu: float | None = None
    ride_through_s: float = 0.0

    def __post_init__(self) -> None:
        """Check the values and complete contract_mw, it_mw and pue from each other."""
        if not self.name.strip():
            raise PlacementError("a data center needs a name")
        contract = None if math.isnan(self.contract_mw) else float(self.contract_mw)
        it = None if math.isnan(self.it_mw) else float(self.it_mw)
        if contract is None and it is None:
            raise PlacementError(f"{self.name!r}: says neither contract_mw nor it_mw; give one of the two")
        _check_positive(self.name, contract_mw=contract, it_mw=it, pue=self.pue)
        _check_share(
            self.name,
            load_factor=self.load_factor,
            power_factor=self.power_factor,
            flexible_share=self.flexible_share,
        )
        if self.power_factor < 0.5:
            raise PlacementError(f"{self.name!r}: power_factor = {self.power_factor} is below 0.5")
        self._check_use()
        _check_place(self.name, self.lat, self.lon, self.bus)
        if self.cooling not in COOLING_PUE:
            known = ", ".join(COOLING_PUE)
            raise PlacementError(f"{self.name!r}: cooling {self.cooling!r} is not known; there are {known}")
        default = compute_hot_pue(self.cooling)
        pue = self.pue if self.pue is not None else contract / it if contract and it else default
        if pue < 1:
            raise PlacementError(
                f"{self.name!r}: pue = {pue:.3f} is below 1: the contract power must cover the IT power"
            )
        if contract is not None and it is not None and abs(contract - it * pue) > AGREEMENT * contract:
            raise PlacementError(
                f"{self.name!r}: contract_mw = {contract:g} and it_mw x pue = {it:g} x {pue:g} = {it * pue:g}"
                " do not agree within 1 %; leave one of them out"
            )
        for key, value in (
            ("contract_mw", contract if contract is not None else (it or 0.0) * pue),
            ("it_mw", it if it is not None else (contract or 0.0) / pue),
            ("pue", float(pue)),
        ):
            object.__setattr__(self, key, value)
        most = max(self.ramp.values(), default=0.0)
        if most > self.it_mw * (1 + AGREEMENT):
            raise PlacementError(
                f"{self.name!r}: ramp goes to {most:g} MW of IT, above it_mw = {self.it_mw:g}: the contract "
                "power would not cover it"
            )

    def _check_use(self) -> None:
        """Refuse what is wrong with use, offer and uninterruptible supply, all at once."""
        kinds = get_args(Utilisation)
        voltage = self.ride_through_vm_pu
        checks = (
            ("utilisation", self.utilisation, self.utilisation in kinds, f"one of {', '.join(kinds)}"),
            ("training_share", self.training_share, 0 <= self.training_share <= 1, "0 to 1"),
            ("ramp", dict(self.ramp), all(0 <= mw < math.inf for mw in self.ramp.values()), "MW, 0 or more"),
            ("flexible_hours", self.flexible_hours, self.flexible_hours > 0, "above 0"),
            (
                "flexible_energy_percent",
                self.flexible_energy_percent,
                0 <= self.flexible_energy_percent <= 100,
                "0 to 100",
            ),
            (
                "flexible_notice_hours",
                self.flexible_notice_hours,
                self.flexible_notice_hours >= 0,
                "0 or more",
            ),
            ("ups_mw", self.ups_mw, self.ups_mw is None or 0 <= self.ups_mw < math.inf, "MW, 0 or more"),
            ("ups_minutes", self.ups_minutes, 0 <= self.ups_minutes < math.inf, "0 or more"),
            ("ride_through_vm_pu", voltage, voltage is None or 0 < voltage < 1, "p.u., between 0 and 1"),
            ("ride_through_s", self.ride_through_s, 0 <= self.ride_through_s < math.inf, "0 or more"),
        )
        faults = [f"{key} = {value}: {wanted}" for key, value, good, wanted in checks if not good]
        if faults:
            raise PlacementError(f"{self.name!r}: {'; '.join(faults)}")

    @property
    def q_mvar(self) -> float:
        """Reactive power drawn at the contract power [Mvar]."""
        return self.contract_mw * math.tan(math.acos(self.power_factor))

    @property
    def energy_mwh(self) -> float:
        """Energy of a year at the load factor [MWh]."""
        return self.contract_mw * self.load_factor * 8760.0


@dataclass(frozen=True)
class RenewablePlant:
    """A solar or wind plant that comes with a hub.

    Parameters
    ----------
    name : str
        Name; the ids of its rows are made of it.
    kind : {"solar", "wind", "offshore_wind"}
        Decides the rules and the output by snapshot.
    p_mw : float
        Nameplate power [MW].
    lat, lon, bus
        Place, or point of connection.
    output : float or mapping, optional
        Share of p_mw produced in every snapshot, or snapshot -> share. None: the region's own shares;
        nameplate where none is known for a snapshot, and the placement says so.
    province : str
        Province for the connection rules; empty: that of the point of connection.

    Raises
    ------
    PlacementError
        If a value is out of range or the place is missing.
    """

    name: str
    kind: PlantKind = "solar"
    p_mw: float = math.nan
    lat: float | None = None
    lon: float | None = None
    bus: str | None = None
    output: float | Mapping[str, float] | None = None
    province: str = ""

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.name.strip():
            raise PlacementError("a plant needs a name")
        if self.kind not in ("solar", "wind", "offshore_wind"):
            raise PlacementError(f"{self.name!r}: kind {self.kind!r} is not solar, wind or offshore_wind")
        _check_positive(self.name, p_mw=self.p_mw)
        _check_place(self.name, self.lat, self.lon, self.bus)
        if self.output is not None:
            given = self.output if isinstance(self.output, Mapping) else {"output": self.output}
            _check_share(self.name, **{str(key): float(value) for key, value in given.items()})


@dataclass(frozen=True)
class Storage:
    """A battery that comes with a hub.

    Parameters
    ----------
    name : str
        Name; the ids of its rows are made of it.
    p_mw : float
        Largest power in either direction [MW].
    e_mwh : float
        Energy when full [MWh].
    lat, lon, bus
        Place, or point of connection.
    output : float or mapping, optional
        Power in every snapshot as a share of p_mw, or snapshot -> share; positive discharges. None: idle.
    efficiency : float
        Round-trip efficiency; the default is assumed.
    province : str
        Province for the connection rules; empty: that of the point of connection.

    Raises
    ------
    PlacementError
        If a value is out of range or the place is missing.
    """

    name: str
    p_mw: float = math.nan
    e_mwh: float = math.nan
    lat: float | None = None
    lon: float | None = None
    bus: str | None = None
    output: float | Mapping[str, float] | None = None
    efficiency: float = 0.86
    province: str = ""

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.name.strip():
            raise PlacementError("a storage needs a name")
        _check_positive(self.name, p_mw=self.p_mw, e_mwh=self.e_mwh)
        _check_share(self.name, efficiency=self.efficiency)
        _check_place(self.name, self.lat, self.lon, self.bus)
        given = self.output if isinstance(self.output, Mapping) else {"output": self.output or 0.0}
        wrong = [key for key, value in given.items() if not -1 <= value <= 1]
        if wrong:
            raise PlacementError(f"{self.name!r}: output of {name_ids(wrong)} must lie between -1 and 1")

    @property
    def kind(self) -> str:
        """Kind for the connection rules."""
        return "storage"


@dataclass(frozen=True)
class OnSiteGenerator:
    """Generation of a hub that burns fuel, at the bus of its data center, behind the same meter.

    Parameters
    ----------
    name : str
        Name; the ids of its rows are made of it.
    kind : {"gas_turbine", "gas_engine", "diesel", "fuel_cell"}
        What it is.
    p_mw : float
        Largest power [MW].
    fuel : {"lng", "oil", "coal", "biomass", "other"}, optional
        What it burns; None: by kind. No fuel of it counts as carbon-free.
    cost_per_mwh : float, optional
        Marginal cost [currency of the network/MWh]; None: the median of what the network's units of
        that fuel cost per MWh at full output, assumed.
    p_min_mw : float
        Lowest power while it runs [MW].
    standby : bool
        True: there for the loss of supply alone. Its row is out of service: no power flow, dispatch or outage
        counts it, and neither does a voltage dip, which is over before an engine has started.
    output : float or mapping, optional
        Share of p_mw given in every snapshot, or snapshot -> share. None: all of it, as far as the data
        center draws it (assumed).

    Raises
    ------
    PlacementError
        If a value is out of range.

    Notes
    -----
    It exports nothing: in a snapshot, and in an hour of a dispatch, it gives at most what the load it stands
    behind asks for, less what plants behind the same meter give. The contract power and the connection stay
    those of the load, because the grid has to carry all of it when the unit is lost.
    """

    name: str
    kind: EngineKind = "gas_turbine"
    p_mw: float = math.nan
    fuel: Fuel | None = None
    cost_per_mwh: float | None = None
    p_min_mw: float = 0.0
    standby: bool = False
    output: float | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Check the values and complete the fuel."""
        if not self.name.strip():
            raise PlacementError("an on-site generator needs a name")
        if self.kind not in USUAL_FUEL:
            raise PlacementError(f"{self.name!r}: kind {self.kind!r} is not one of {', '.join(USUAL_FUEL)}")
        if self.fuel is None:
            object.__setattr__(self, "fuel", USUAL_FUEL[self.kind])
        if self.fuel not in get_args(Fuel):
            raise PlacementError(
                f"{self.name!r}: fuel {self.fuel!r} is not one of {', '.join(get_args(Fuel))}; sun and wind "
                "are plants"
            )
        _check_positive(self.name, p_mw=self.p_mw)
        if not 0 <= self.p_min_mw <= self.p_mw:
            raise PlacementError(f"{self.name!r}: p_min_mw = {self.p_min_mw} must lie between 0 and p_mw")
        if self.cost_per_mwh is not None and not math.isfinite(self.cost_per_mwh):
            raise PlacementError(f"{self.name!r}: cost_per_mwh = {self.cost_per_mwh} must be a finite number")
        if self.output is not None:
            given = self.output if isinstance(self.output, Mapping) else {"output": self.output}
            _check_share(self.name, **{str(key): float(value) for key, value in given.items()})


Part = DataCenter | RenewablePlant | Storage | OnSiteGenerator


@dataclass(frozen=True)
class Hub:
    """A data center with its own plants, storage and on-site generation.

    Parameters
    ----------
    data_center : DataCenter
        The load.
    plants, storage : sequence
        What comes with it.
    behind_the_meter : bool
        True: plants and storage are connected at the hub's own bus, and the plants together never produce
        more than the data center draws there (no export).
    generators : sequence
        On-site generation that burns fuel; always at the hub's own bus.

    Raises
    ------
    PlacementError
        If two parts have the same name.

    Examples
    --------
    >>> cell = Storage("cell", p_mw=100, e_mwh=400, bus="b1")
    >>> hub = Hub(DataCenter("hall", contract_mw=300, bus="b1"), storage=[cell])
    >>> [part.name for part in hub.parts]
    ['hall', 'cell']
    """

    data_center: DataCenter
    plants: tuple[RenewablePlant, ...] = ()
    storage: tuple[Storage, ...] = ()
    behind_the_meter: bool = False
    generators: tuple[OnSiteGenerator, ...] = ()

    def __init__(
        self,
        data_center: DataCenter,
        plants: Iterable[RenewablePlant] = (),
        storage: Iterable[Storage] = (),
        behind_the_meter: bool = False,
        generators: Iterable[OnSiteGenerator] = (),
    ) -> None:
        object.__setattr__(self, "data_center", data_center)
        object.__setattr__(self, "plants", tuple(plants))
        object.__setattr__(self, "storage", tuple(storage))
        object.__setattr__(self, "behind_the_meter", behind_the_meter)
        object.__setattr__(self, "generators", tuple(generators))
        check_names(self.parts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts: data center, plants, storage, on-site generation."""
        return (self.data_center, *self.plants, *self.storage, *self.generators)

    @property
    def plants_and_storage(self) -> tuple[RenewablePlant | Storage, ...]:
        """What may have a connection of its own."""
        return (*self.plants, *self.storage)

    @property
    def name(self) -> str:
        """Name of the hub: that of its data center."""
        return self.data_center.name


def check_names(parts: Iterable[Part]) -> None:
    """Refuse two parts of one name.

    Raises
    ------
    PlacementError
        Naming the names that stand twice.
    """
    names = [part.name for part in parts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PlacementError(f"two parts are called {name_ids(twice)}; give each part its own name")


def get_kind(part: Part) -> str:
    """Give the kind of a part as the connection rules name it."""
    return "data_center" if isinstance(part, DataCenter) else part.kind


def get_power(part: Part) -> float:
    """Give the power that decides the voltage class [MW]: contract or nameplate."""
    return part.contract_mw if isinstance(part, DataCenter) else part.p_mw
