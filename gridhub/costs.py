"""Typed reader of a region's ``costs.toml``: what a reinforcement costs, and how late works come."""

from __future__ import annotations

import math
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from gridhub.errors import FileFormatError, Issue, OptionError, name_ids

SCHEMA_VERSION = 1

DOLLAR = "exchange_usd"
"""Name of the item that says how many units of the currency one US dollar is."""


MULTIPLES = {"": 1.0, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9, "tn": 1e12}
"""What may stand before the currency in a money unit, and how many of the currency it is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost, or a factor on costs, as a range.

    Attributes
    ----------
    low, base, high : float
        Range in `unit`; low <= base <= high.
    unit : str
        Money and what it buys, such as "bn KRW per MWh".
    price_year : str
        Year of the money.
    source, confidence : str
        Where the figures come from, or "assumed, no source"; H | M | L | K | assumed.
    lead_years, lead_source : float, str
        Usual time from decision to operation [year] and where that comes from.
    life_years, om_share, life_source : float, float, str
        Economic life [year], upkeep of a year as a share of the cost, and where both come from; NaN where not
        known.

    Examples
    --------
    >>> km = Cost(2.0, 3.0, 5.0, "bn KRW per km", "2024", "press", "M")
    >>> (km * 10).base, (km * 10 + km).high
    (30.0, 55.0)
    """

    low: float
    base: float
    high: float
    unit: str
    price_year: str
    source: str
    confidence: str
    lead_years: float = math.nan
    lead_source: str = ""
    life_years: float = math.nan
    om_share: float = math.nan
    life_source: str = ""

    def __mul__(self, other: float | Cost) -> Cost:
        """Multiply by a quantity, or by a factor that is itself a range."""
        if isinstance(other, Cost):
            low, base, high = self.low * other.low, self.base * other.base, self.high * other.high
        else:
            low, base, high = self.low * other, self.base * other, self.high * other
        return replace(self, low=low, base=base, high=high)

    def __add__(self, other: Cost) -> Cost:
        """Add two costs: low to low, high to high; the source of the first is kept, the longer lead time."""
        return replace(
            self,
            low=self.low + other.low,
            base=self.base + other.base,
            high=self.high + other.high,
            lead_years=max(self.lead_years, other.lead_years),
        )

    def spread_over_years(self, rate: float) -> Cost:
        r"""Give the cost of a year: the annuity over its life, and upkeep.

        Parameters
        ----------
        rate : float
            Discount rate of a year, real, 0 or more.

        Returns
        -------
        Cost

        Raises
        ------
        OptionError
            If life or upkeep are not known, or the rate is out of range.

        Notes
        -----
        .. math:: a = C \left(\frac{r}{1 - (1 + r)^{-n}} + m\right)

        with upkeep m and life n.

        Examples
        --------
        >>> sun = Cost(1.0, 2.0, 3.0, "bn KRW per MW", "2024", "s", "M", life_years=20.0, om_share=0.01)
        >>> round(sun.spread_over_years(0.05).base, 4), round(sun.spread_over_years(0.0).base, 4)
        (0.1805, 0.12)
        """
        if not (self.life_years > 0 and self.om_share >= 0 and 0 <= rate < 1):
            raise OptionError(
                f"{self.unit!r}: life_years = {self.life_years:g}, om_share = {self.om_share:g} and a rate of"
                f" {rate:g} give no cost of a year; life must be above 0, upkeep and rate 0 to 1"
            )
        annuity = rate / (1.0 - (1.0 + rate) ** -self.life_years) if rate > 0 else 1.0 / self.life_years
        return self * (annuity + self.om_share)


@dataclass(frozen=True, slots=True)
class Delay:
    """How late works of a kind come, in whole years after the year they were expected in.

    Attributes
    ----------
    on_time : float
        Share that comes in the expected year.
    late_years : tuple of int
        Years that the others come later, rising.
    late_odds : tuple of float
        How likely each of these is, relative to each other.
    source, confidence : str
        As for `Cost`.

    Examples
    --------
    >>> delay = Delay(0.5, (1, 3), (1.0, 1.0), "record", "M")
    >>> delay.mean_years, delay.find_years([0.1, 0.5, 0.74, 0.76])
    (1.0, [0, 1, 1, 3])
    """

    on_time: float
    late_years: tuple[int, ...] = ()
    late_odds: tuple[float, ...] = ()
    source: str = ""
    confidence: str = "assumed"

    def __post_init__(self) -> None:
        """Check the values.

        Raises
        ------
        ValueError
            If they are no distribution.
        """
        rising = all(one < other for one, other in zip((0, *self.late_years), self.late_years, strict=False))
        whole = all(type(one) is int for one in self.late_years)
        odds = all(math.isfinite(one) and one > 0 for one in self.late_odds)
        if not (0 <= self.on_time <= 1 and whole and rising and odds):
            raise ValueError("on_time from 0 to 1, late_years whole and rising from 1, late_odds above 0")
        if len(self.late_years) != len(self.late_odds) or (self.on_time < 1) != bool(self.late_years):
            raise ValueError("one of late_odds for each of late_years, and some where on_time is below 1")

    @property
    def odds(self) -> dict[int, float]:
        """Years late, 0 among them -> probability."""
        total = sum(self.late_odds)
        late = {
            years: (1.0 - self.on_time) * odds / total
            for years, odds in zip(self.late_years, self.late_odds, strict=True)
        }
        return {0: self.on_time, **late}

    @property
    def mean_years(self) -> float:
        """Mean over all, those on time too."""
        return sum(years * odds for years, odds in self.odds.items())

    def find_years(self, shares: Iterable[float]) -> list[int]:
        """Find the years late of what is beyond each share, 0 to 1, of all works."""
        years = list(self.odds)
        ends = list(accumulate(self.odds.values()))[:-1]
        return [years[bisect_right(ends, share)] for share in shares]


@dataclass(frozen=True, slots=True)
class Costs:
    """All unit costs of a region.

    Attributes
    ----------
    currency, money_unit : str
        Currency, and the unit all costs are in ("bn KRW").
    items : mapping
        Name -> Cost.
    delays : mapping
        Kind of works -> Delay; empty where the region has no record.
    """

    currency: str
    money_unit: str
    items: Mapping[str, Cost]
    delays: Mapping[str, Delay] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Cost:
        """Give one cost by name.

        Raises
        ------
        KeyError
            If there is no such cost; the message lists those there are.
        """
        if name not in self.items:
            raise KeyError(f"no cost {name!r}; there are {', '.join(self.items)}")
        return self.items[name]

    def __contains__(self, name: object) -> bool:
        return name in self.items

    @property
    def dollar(self) -> float:
        """What one US dollar is in the currency, at the base rate; NaN where the region does not say."""
        if self.currency == "USD":
            return 1.0
        return self.items[DOLLAR].base if DOLLAR in self.items else math.nan

    @property
    def scale(self) -> float:
        """How many of the currency one of the money unit is ("bn KRW": 1e9)."""
        multiple, _, _ = self.money_unit.rpartition(" ")
        return MULTIPLES[multiple.lower()]


def _read_cost(name: str, row: Mapping[str, Any]) -> tuple[Cost | None, list[Issue]]:
    """Read one cost; None with the faults found if it cannot be read."""
    needed = ("low", "base", "high", "unit", "price_year", "source", "confidence")
    missing = [key for key in needed if key not in row]
    if missing:
        return None, [_fault(name, name_ids(missing, 9), "", "missing")]
    known = (*needed, "lead_years", "lead_source", "life_years", "om_share", "life_source")
    unknown = [key for key in row if key not in known]
    if unknown:
        return None, [_fault(name, name_ids(unknown, 9), "", "is not a field of a cost")]
    range_ = [row["low"], row["base"], row["high"]]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in range_)
    if not numbers or not 0 <= range_[0] <= range_[1] <= range_[2]:
        return None, [_fault(name, "low", str(range_), "low, base, high must be finite, at least 0 and rise")]
    if not row["source"]:
        return None, [_fault(name, "source", "", 'empty; write "assumed, no source" if there is none')]
    return Cost(**{**row, **dict(zip(("low", "base", "high"), map(float, range_), strict=True))}), []


def _read_delay(name: str, row: Mapping[str, Any]) -> tuple[Delay | None, list[Issue]]:
    """Read one delay; None with the faults found if it cannot be read."""
    needed = ("on_time", "late_years", "late_odds", "source", "confidence")
    wrong = [key for key in needed if key not in row] + [key for key in row if key not in needed]
    if wrong:
        text = f"missing, or not a field of a delay; wants {', '.join(needed)}"
        return None, [_fault(name, name_ids(wrong, 9), "", text, "delay")]
    try:
        years, odds = tuple(row["late_years"]), tuple(row["late_odds"])
        return Delay(row["on_time"], years, odds, str(row["source"]), str(row["confidence"])), []
    except (TypeError, ValueError) as error:
        return None, [_fault(name, "", str(dict(row)), str(error), "delay")]


def _fault(name: str, column: str, value: str, message: str, table: str = "costs") -> Issue:
    return Issue("error", "E-COST", table, name, column, value, message)


def read_costs(text: str) -> Costs:
    """Read the unit costs of a region from TOML text.

    Parameters
    ----------
    text : str
        The document, as it travels with a network (``net.documents["costs"]``).

    Returns
    -------
    Costs

    Raises
    ------
    FileFormatError
        If it is not TOML, of another version, or an item lacks something; every fault is listed.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(
            (Issue("error", "E-TOML", "costs", "", "", "", str(error)),), "costs"
        ) from error
    faults: list[Issue] = []
    if data.get("schema_version") != SCHEMA_VERSION:
        version = str(data.get("schema_version"))
        faults.append(_fault("", "schema_version", version, f"is not {SCHEMA_VERSION}, the known version"))
    faults += [
        _fault("", key, "", "missing") for key in ("currency", "money_unit", "cost") if key not in data
    ]
    if "currency" in data and "money_unit" in data:
        multiple, _, currency = str(data["money_unit"]).rpartition(" ")
        if multiple.lower() not in MULTIPLES or currency != str(data["currency"]):
            text = f"is not the currency, or one of {', '.join(filter(None, MULTIPLES))} before it"
            faults.append(_fault("", "money_unit", str(data["money_unit"]), text))
    items: dict[str, Cost] = {}
    for name, row in _flatten(data.get("cost", {})).items():
        cost, found = _read_cost(name, row)
        faults += found
        if cost is not None:
            items[name] = cost
    delays: dict[str, Delay] = {}
    for name, row in data.get("delay", {}).items():
        delay, found = _read_delay(name, row)
        faults += found
        if delay is not None:
            delays[name] = delay
    if faults:
        raise FileFormatError(faults, "costs")
    return Costs(str(data["currency"]), str(data["money_unit"]), items, delays)


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Mapping[str, Any]]:
    """Name the items; a voltage such as 22.9 in a name makes TOML nest, which is undone here."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, row in table.items():
        if not isinstance(row, Mapping):
            found[prefix + name] = {}
        elif row and all(isinstance(value, Mapping) for value in row.values()):
            found |= _flatten(row, f"{prefix}{name}.")
        else:
            found[prefix + name] = row
    return found
