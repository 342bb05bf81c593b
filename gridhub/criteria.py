"""Typed reader of a region's ``criteria.toml``: what a state of the grid is judged by.

The states: ``target`` is what operators steer to in the normal state (missing it is a warning), ``normal``
what must hold with everything in service, ``outage`` what must hold after an outage.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridhub.errors import InputError, Issue
from gridhub.rating_rules import (
    RATING_COLUMNS,
    RatingColumn,
    RatingRule,
    check_rules,
    choose_rules,
    read_rule,
)

State = Literal["target", "normal", "outage"]
Confidence = Literal["H", "M", "L", "K", "assumed"]

SCHEMA_VERSION = 1

TOWER = "tower"
"""Kind of contingency that may cut off load where a document says nothing of its kind."""

SAME_CLASS = 0.01
"""Relative difference within which a nominal voltage belongs to a class."""

LIMITS = MappingProxyType(
    {
        "voltage_change_max_pu": "p.u.",
        "max_load_loss_mw": "MW",
        "max_loss_mw": "MW",
        "max_consequential_load_mw": "MW",
        "double_circuit_min_kv": "kV",
        "ride_through_vm_pu": "p.u.",
    }
)
"""Single limits a document may set, with their units."""


@dataclass(frozen=True, slots=True)
class CriterionValue:
    """One value of the criteria with where it comes from.

    Attributes
    ----------
    key : str
        What it is: ``voltage 345 kV normal low``, ``rating outage rate_b_mva``, ``max_loss_mw``.
    value : float
        The number in `unit`.
    unit, source, as_of, confidence : str
        Unit; source, or "assumed, no source"; date; H | M | L | K | assumed.
    """

    key: str
    value: float
    unit: str
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True)
class VoltageRange:
    """Allowed voltage of one class in one state [kV]."""

    vn_kv: float
    state: State
    low_kv: float
    high_kv: float


@dataclass(frozen=True, slots=True)
class VoltageClass:
    """Allowed voltage in one state of every bus in a range of nominal voltages."""

    min_kv: float
    max_kv: float
    state: State
    low_pu: float
    high_pu: float


@dataclass(frozen=True, slots=True)
class SecuredEvent:
    """An event the grid must survive.

    Attributes
    ----------
    kind : str
        Kind of contingency (`gridhub.list_contingencies`).
    event_class : str
        Class the standard puts it in, such as P1 or N-D.
    min_kv : float
        Lowest voltage at which it is required [kV].
    max_load_cut_off_mw, max_load_lost_mw, max_generation_lost_mw : float or None
        What it may take away: load behind other elements, load that fails itself, generation; inf: no limit;
        None: the general limit of the document.
    """

    kind: str
    event_class: str
    min_kv: float
    max_load_cut_off_mw: float | None
    max_load_lost_mw: float | None
    max_generation_lost_mw: float | None


@dataclass(frozen=True, slots=True)
class Breaker:
    """A class of circuit breakers: what one of that nominal voltage [kV] can interrupt [kA]."""

    vn_kv: float
    breaking_ka: float


@dataclass(frozen=True)
class Criteria:
    """Planning criteria of a region.

    Attributes
    ----------
    name, title, as_of : str
        Short name, full name, month the values were gathered.
    ranges : tuple of VoltageRange
        Voltage by nominal voltage and state.
    classes : tuple of VoltageClass
        Voltage by range of nominal voltages and state, where `ranges` say nothing.
    secured : tuple of SecuredEvent
        What the grid must survive; empty where the document lists nothing.
    ratings : tuple of RatingRule
        Which rating holds in which state, after which class of contingency, and for how long.
    voltage_change_max_pu : float or None
        Largest voltage step an outage may cause [p.u.]; None: not judged.
    max_load_loss_mw : float
        Largest load that may be lost at once because it is itself what fails [MW]; inf: no limit.
    max_loss_mw : float
        Largest generation an outage may take away [MW]; inf: no limit.
    max_consequential_load_mw : float
        Largest load that may be cut off by the loss of a double circuit that alone supplied it [MW];
        inf: no limit.
    double_circuit_min_kv : float
        Lowest voltage at which the loss of both circuits of a tower is judged [kV]; inf: nowhere.
    breakers : tuple of Breaker
        Classes of circuit breakers in use; empty: fault levels are not judged.
    ride_through_vm_pu : float or None
        Voltage during a fault below which a data center leaves the grid [p.u.]; None: not known.
    values : tuple of CriterionValue
        Every value with its source, for reports.

    Examples
    --------
    >>> criteria = read_criteria(EXAMPLE)
    >>> low, high = criteria.voltage_limits([345.0, 22.9], "normal")
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.951, nan], [1.049, nan])
    """

    name: str
    title: str
    as_of: str
    ranges: tuple[VoltageRange, ...]
    classes: tuple[VoltageClass, ...]
    secured: tuple[SecuredEvent, ...]
    ratings: tuple[RatingRule, ...]
    voltage_change_max_pu: float | None
    max_load_loss_mw: float
    max_loss_mw: float
    max_consequential_load_mw: float
    double_circuit_min_kv: float
    breakers: tuple[Breaker, ...]
    ride_through_vm_pu: float | None
    values: tuple[CriterionValue, ...]

    def voltage_limits(
        self, vn_kv: ArrayLike, state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the allowed voltage of buses.

        Parameters
        ----------
        vn_kv : (n,) array_like
            Nominal voltages [kV].
        state : {"target", "normal", "outage"}
            State they are judged in.

        Returns
        -------
        low_pu, high_pu : (n,) array
            Limits [p.u. of the bus's nominal voltage]; NaN where the criteria lack the class: unjudged.
        """
        nominal = np.asarray(vn_kv, dtype=float)
        low, high = np.full(nominal.shape, np.nan), np.full(nominal.shape, np.nan)
        for part in self.classes:
            if part.state == state:
                own = (nominal >= part.min_kv) & (nominal <= part.max_kv)
                low[own], high[own] = part.low_pu, part.high_pu
        for allowed in self.ranges:
            if allowed.state == state:
                own = np.abs(nominal - allowed.vn_kv) <= SAME_CLASS * allowed.vn_kv
                low[own] = allowed.low_kv / nominal[own]
                high[own] = allowed.high_kv / nominal[own]
        return low, high

    def choose_ratings(
        self, state: State, contingencies: Sequence[str], vn_kv: ArrayLike
    ) -> NDArray[np.int64]:
        """Choose the rule that holds for each branch.

        Parameters
        ----------
        state : {"target", "normal", "outage"}
            State they are judged in; ``target`` is as ``normal``.
        contingencies : sequence of str
            Classes the contingency belongs to (event class, kind), the one that counts most first.
        vn_kv : (n,) array_like
            Nominal voltages of the branches' higher ends [kV].

        Returns
        -------
        (n,) int
            Position in ``ratings``: a rule for the class comes before one for every class, then one for some
            voltages before one for all.
        """
        return choose_rules(self.ratings, "outage" if state == "outage" else "normal", contingencies, vn_kv)

    def rating_set(self, state: State) -> tuple[RatingColumn, float]:
        """Give the rating a branch is held against where no rule says more of its voltage or the outage.

        Parameters
        ----------
        state : {"target", "normal", "outage"}
            State it is judged in; ``target`` is as ``normal``.

        Returns
        -------
        column : {"rate_mva", "rate_b_mva", "rate_c_mva"}
            Column of the branch tables.
        factor : float
            What its value is multiplied with.
        """
        wanted = "outage" if state == "outage" else "normal"
        rule = next(
            rule
            for rule in self.ratings
            if rule.state == wanted and not rule.contingency and not rule.by_voltage
        )
        return rule.column, rule.factor

    def loss_limits(self, kind: str) -> tuple[float, float, float]:
        """Give what a contingency of one kind may take away.

        Parameters
        ----------
        kind : str

        Returns
        -------
        load_cut_off, load_lost, generation_lost : float
            [MW]. Where the document says nothing of the kind: ``max_load_loss_mw`` and ``max_loss_mw``, and
            load may be cut off by a tower alone, up to ``max_consequential_load_mw``.
        """
        cut = self.max_consequential_load_mw if kind == TOWER else 0.0
        general = cut, self.max_load_loss_mw, self.max_loss_mw
        own = next((event for event in self.secured if event.kind == kind), None)
        if own is None:
            return general
        given = own.max_load_cut_off_mw, own.max_load_lost_mw, own.max_generation_lost_mw
        limits = [rest if limit is None else limit for limit, rest in zip(given, general, strict=True)]
        return limits[0], limits[1], limits[2]

    def with_rating_factor(self, factor: float) -> Criteria:
        """Make the same criteria with another rating after an outage, for a sensitivity.

        Parameters
        ----------
        factor : float
            Multiplies every rating after an outage, in the place of its own factor: 1.10 allows 110 %.

        Returns
        -------
        Criteria
            Its list of values says that this one was chosen for the run.

        Raises
        ------
        ValueError
            If the factor is not a positive number.
        """
        if not 0.0 < factor < math.inf:
            raise ValueError(f"the rating factor is {factor}; it must be a finite number above 0")
        keys = {rule.name for rule in self.ratings if rule.state == "outage"}
        source = "sensitivity: chosen for this run"
        return replace(
            self,
            ratings=tuple(
                replace(rule, factor=factor) if rule.state == "outage" else rule for rule in self.ratings
            ),
            values=tuple(
                CriterionValue(value.key, factor, "1", source, self.as_of, "assumed")
                if value.key in keys
                else value
                for value in self.values
            ),
        )


EXAMPLE = """\
schema_version = 1
name = "example"
title = "Smallest criteria"
as_of = "2026-11"

[[voltage]]
vn_kv = 345
state = "normal"
low_kv = 328
high_kv = 362
source = "a standard, article 1"
as_of = "2001"
confidence = "H"

[[rating]]
state = "normal"
column = "rate_mva"
factor = 1.0
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"

[[rating]]
state = "outage"
column = "rate_b_mva"
factor = 1.0
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"
"""
"""The smallest document; rows ``[[limit]]``, ``[[voltage_class]]``, ``[[breaker]]`` and ``[[secured]]`` may
follow."""

_PROVENANCE = ("source", "as_of", "confidence")
_ROWS: Mapping[str, Mapping[str, type | tuple[str, ...]]] = {
    "voltage": {"vn_kv": float, "state": get_args(State), "low_kv": float, "high_kv": float},
    "rating": {"state": ("normal", "outage"), "column": RATING_COLUMNS, "factor": float},
    "voltage_class": {
        "min_kv": float,
        "max_kv": float,
        "state": get_args(State),
        "low_pu": float,
        "high_pu": float,
    },
    "breaker": {"vn_kv": float, "breaking_ka": float},
    "limit": {"key": tuple(LIMITS), "value": float},
    "secured": {"kind": str, "class": str},
}
_OPTIONAL: Mapping[str, Mapping[str, str]] = {
    "secured": {
        "min_kv": "kV",
        "max_load_cut_off_mw": "MW",
        "max_load_lost_mw": "MW",
        "max_generation_lost_mw": "MW",
    },
    "rating": {"minutes": "min", "min_kv": "kV", "max_kv": "kV"},
}
"""Numbers of 0 or more, inf included, that a row may have, with their units."""
_TEXTS = {"rating": ("contingency",)}
"""Texts that a row may have."""
_TOP = ("schema_version", "name", "title", "as_of", *_ROWS)


class _Faults(list[Issue]):
    """Faults of one document."""

    def note(self, code: str, where: str, key: str, value: object, message: str) -> None:
        shown = "" if value is None else str(value)
        self.append(Issue("error", code, "criteria", where, key, shown, message))


def _is_limit(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0.0


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0.0 < value < math.inf


def _check_row(kind: str, where: str, row: object, faults: _Faults) -> dict[str, Any] | None:
    """Give a row back if every key is there and of its type."""
    if not isinstance(row, dict):
        faults.note("E-TYPE", where, "", row, f"wants a table: [[{kind}]]")
        return None
    wanted = {**_ROWS[kind], "source": str, "as_of": str, "confidence": get_args(Confidence)}
    before = len(faults)
    optional, texts = _OPTIONAL.get(kind, {}), _TEXTS.get(kind, ())
    for key in row:
        if key in texts and not (isinstance(row[key], str) and row[key]):
            faults.note("E-TYPE", where, key, row[key], "wants a text")
        elif key not in wanted and key not in optional and key not in texts and key != "note":
            known = ", ".join([*wanted, *optional, *texts])
            faults.note("E-KEY", where, key, row[key], f"is not a key of [[{kind}]]: {known}")
        elif key in optional and not _is_limit(row[key]):
            faults.note("E-TYPE", where, key, row[key], "wants a number of 0 or more, or inf")
    for key, form in wanted.items():
        value = row.get(key)
        if key not in row:
            faults.note("E-KEY", where, key, None, "is missing")
        elif isinstance(form, tuple):
            if value not in form:
                faults.note("E-TYPE", where, key, value, f"is one of {', '.join(form)}")
        elif form is float:
            if not _is_number(value):
                faults.note("E-TYPE", where, key, value, "wants a finite number above 0")
        elif not isinstance(value, str) or not value:
            faults.note("E-TYPE", where, key, value, "wants a text")
    return row if len(faults) == before else None


def _read_rows(data: Mapping[str, Any], kind: str, faults: _Faults) -> list[dict[str, Any]]:
    rows = data.get(kind, [])
    if not isinstance(rows, list):
        faults.note("E-TYPE", kind, "", rows, f"wants rows: [[{kind}]]")
        return []
    good = [_check_row(kind, f"{kind} {i + 1}", row, faults) for i, row in enumerate(rows)]
    return [row for row in good if row is not None]


def _check_top(data: Mapping[str, Any], faults: _Faults) -> None:
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        faults.note("E-VERSION", "", "schema_version", version, f"this gridhub reads {SCHEMA_VERSION}")
    for key in data:
        if key not in _TOP:
            faults.note("E-KEY", "", key, None, f"is not a key of criteria: {', '.join(_TOP)}")
    for key in ("name", "title", "as_of"):
        if not isinstance(data.get(key), str) or not data[key]:
            faults.note("E-KEY", "", key, data.get(key), "wants a text")


def _check_sense(rows: Mapping[str, list[dict[str, Any]]], faults: _Faults) -> None:
    """Check what rows must be to each other."""
    for i, row in enumerate(rows["voltage"], start=1):
        if not row["low_kv"] < row["vn_kv"] < row["high_kv"]:
            shown = f"{row['low_kv']:g}, {row['vn_kv']:g}, {row['high_kv']:g}"
            faults.note("E-RANGE", f"voltage {i}", "low_kv", shown, "wants low_kv < vn_kv < high_kv")
    for i, row in enumerate(rows["voltage_class"], start=1):
        if not (row["min_kv"] <= row["max_kv"] and row["low_pu"] < 1.0 < row["high_pu"]):
            shown = f"{row['min_kv']:g}, {row['max_kv']:g}; {row['low_pu']:g}, {row['high_pu']:g}"
            text = "wants min_kv <= max_kv and low_pu < 1 < high_pu"
            faults.note("E-RANGE", f"voltage_class {i}", "low_pu", shown, text)
    names = [f"voltage {row['vn_kv']:g} kV {row['state']}" for row in rows["voltage"]]
    names += [f"breaker {row['vn_kv']:g} kV {row['breaking_ka']:g} kA" for row in rows["breaker"]]
    names += [f"limit {row['key']}" for row in rows["limit"]]
    names += [f"secured {row['kind']}" for row in rows["secured"]]
    names += [
        f"voltage_class {row['min_kv']:g}-{row['max_kv']:g} kV {row['state']}"
        for row in rows["voltage_class"]
    ]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            faults.note("E-DUP", name, "", None, "is given twice")
    # a rating that was found faulty is not missing too
    if not any(issue.id.startswith("rating") for issue in faults):
        check_rules(rows["rating"], faults.note)


def _list_values(rows: Mapping[str, list[dict[str, Any]]]) -> tuple[CriterionValue, ...]:
    values: list[CriterionValue] = []
    for row in rows["voltage"]:
        place = f"voltage {row['vn_kv']:g} kV {row['state']}"
        origin = [row[key] for key in _PROVENANCE]
        values.append(CriterionValue(f"{place} low", float(row["low_kv"]), "kV", *origin))
        values.append(CriterionValue(f"{place} high", float(row["high_kv"]), "kV", *origin))
    for row in rows["voltage_class"]:
        place = f"voltage {row['min_kv']:g}-{row['max_kv']:g} kV {row['state']}"
        origin = [row[key] for key in _PROVENANCE]
        values.append(CriterionValue(f"{place} low", float(row["low_pu"]), "p.u.", *origin))
        values.append(CriterionValue(f"{place} high", float(row["high_pu"]), "p.u.", *origin))
    for row in rows["rating"]:
        key = read_rule(row).name
        values.append(CriterionValue(key, float(row["factor"]), "1", *(row[key] for key in _PROVENANCE)))
    for row in rows["breaker"]:
        key = f"breaker {row['vn_kv']:g} kV"
        origin = [row[name] for name in _PROVENANCE]
        values.append(CriterionValue(key, float(row["breaking_ka"]), "kA", *origin))
    for row in rows["limit"]:
        unit = LIMITS[row["key"]]
        origin = [row[key] for key in _PROVENANCE]
        values.append(CriterionValue(row["key"], float(row["value"]), unit, *origin))
    for kind, keys in _OPTIONAL.items():
        for row in rows[kind]:
            rating = kind == "rating"
            name = read_rule(row).name if rating else f"secured {row['kind']} ({row['class']})"
            origin = [row[key] for key in _PROVENANCE]
            values += [
                CriterionValue(f"{name} {key}", float(row[key]), unit, *origin)
                for key, unit in keys.items()
                if key in row
            ]
    return tuple(values)


def _read_event(row: Mapping[str, Any]) -> SecuredEvent:
    limits = [row.get(f"max_{what}_mw") for what in ("load_cut_off", "load_lost", "generation_lost")]
    cut, lost, generation = (None if limit is None else float(limit) for limit in limits)
    return SecuredEvent(row["kind"], row["class"], float(row.get("min_kv", 0.0)), cut, lost, generation)


@lru_cache(maxsize=16)
def read_criteria(text: str) -> Criteria:
    """Read planning criteria from TOML text.

    Parameters
    ----------
    text : str
        The document, as it travels with a network (``net.documents["criteria"]``).

    Returns
    -------
    Criteria

    Raises
    ------
    InputError
        If it is not TOML, or anything is missing, unknown, of the wrong type or without sense; all
        faults are listed.

    Examples
    --------
    >>> read_criteria(EXAMPLE).rating_set("outage")
    ('rate_b_mva', 1.0)
    """
    faults = _Faults()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults.note("E-TOML", "", "", None, str(error))
        raise InputError(faults, "criteria") from error
    _check_top(data, faults)
    rows = {kind: _read_rows(data, kind, faults) for kind in _ROWS}
    _check_sense(rows, faults)
    if faults:
        raise InputError(faults, "criteria")
    limits = {row["key"]: float(row["value"]) for row in rows["limit"]}
    return Criteria(
        name=data["name"],
        title=data["title"],
        as_of=data["as_of"],
        ranges=tuple(
            VoltageRange(float(row["vn_kv"]), row["state"], float(row["low_kv"]), float(row["high_kv"]))
            for row in rows["voltage"]
        ),
        classes=tuple(
            VoltageClass(
                float(row["min_kv"]),
                float(row["max_kv"]),
                row["state"],
                float(row["low_pu"]),
                float(row["high_pu"]),
            )
            for row in rows["voltage_class"]
        ),
        secured=tuple(map(_read_event, rows["secured"])),
        ratings=tuple(map(read_rule, rows["rating"])),
        voltage_change_max_pu=limits.get("voltage_change_max_pu"),
        max_load_loss_mw=limits.get("max_load_loss_mw", math.inf),
        max_loss_mw=limits.get("max_loss_mw", math.inf),
        max_consequential_load_mw=limits.get("max_consequential_load_mw", math.inf),
        double_circuit_min_kv=limits.get("double_circuit_min_kv", math.inf),
        breakers=tuple(Breaker(float(row["vn_kv"]), float(row["breaking_ka"])) for row in rows["breaker"]),
        ride_through_vm_pu=limits.get("ride_through_vm_pu"),
        values=_list_values(rows),
    )
