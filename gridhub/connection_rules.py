"""Typed reader of a region's ``connection_rules.toml``: who may connect where, at what voltage, by when."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gridhub.errors import FileFormatError, Issue

PartKind = Literal["data_center", "solar", "wind", "offshore_wind", "storage", "behind_the_meter"]

SCHEMA_VERSION = 1

FIGURES = ("route_factor", "minimum_length_km", "split_above_mw", "line_lead_years", "shared_km")
"""Figures every document must hold under ``[connection]``."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the rules with where it comes from.

    Attributes
    ----------
    value : float
        The number in `unit`.
    unit, source, as_of, confidence : str
        Unit; where it comes from, or "assumed, no source"; date; H | M | L | K | assumed.
    """

    value: float
    unit: str
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True)
class VoltageClass:
    """Parts of up to `to_mw` are connected at `vn_kv`.

    Attributes
    ----------
    to_mw : float
        Largest power of the class [MW], infinite for the last.
    vn_kv : float
        Voltage of the class [kV].
    exception, exception_mw : str, float
        An exception in words, and up to which power it reaches [MW] (NaN: none).
    source, as_of, confidence : str
        Where the rule comes from.
    """

    to_mw: float
    vn_kv: float
    source: str
    as_of: str
    confidence: str
    exception: str = ""
    exception_mw: float = math.nan


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it applies to, what it says, from when it lets a part be energised.

    Attributes
    ----------
    id : str
        Short name.
    applies_to : tuple of str
        Kinds of part (`PartKind`).
    text : str
        The rule in one sentence.
    from_mw : float
        Smallest power it applies to [MW].
    provinces : tuple of str
        Provinces it applies to; empty = everywhere.
    earliest : str
        First month a part may be energised ("2032-01"), empty if the rule sets none.
    months : int
        Length of the procedure from `as_of` of the rules; 0 if it adds none.
    decides : bool
        True if the rule can decide a study on its own.
    source, as_of, confidence : str
        Where the rule comes from.
    """

    id: str
    applies_to: tuple[str, ...]
    text: str
    source: str
    as_of: str
    confidence: str
    from_mw: float = 0.0
    provinces: tuple[str, ...] = ()
    earliest: str = ""
    months: int = 0
    decides: bool = False


@dataclass(frozen=True, slots=True)
class FeederType:
    """What a connection line is built of: parameters of one circuit per km.

    Attributes
    ----------
    vn_kv, rate_mva : float
        Voltage [kV] and continuous rating of one circuit [MVA].
    r_ohm_per_km, x_ohm_per_km, b_us_per_km : float
        Series impedance [ohm/km] and charging [uS/km].
    conductor, source, confidence : str
        Conductor and bundle; where the figures come from.
    """

    vn_kv: float
    conductor: str
    r_ohm_per_km: float
    x_ohm_per_km: float
    b_us_per_km: float
    rate_mva: float
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class BankType:
    """What a customer's transformer bank is: rating, and impedance in per cent of that rating.

    Attributes
    ----------
    high_kv, low_kv, rate_mva : float
        Voltages [kV] and rating [MVA].
    x_percent, r_percent : float
        Short-circuit reactance and resistance [% of rate_mva].
    source, confidence : str
        Where the figures come from.
    """

    high_kv: float
    low_kv: float
    rate_mva: float
    x_percent: float
    r_percent: float
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Published:
    """What the grid company found it can and cannot supply in a province.

    Attributes
    ----------
    name : str
        Province.
    able_mw, unable_mw : float
        Requests it can and cannot supply [MW].
    source, as_of, confidence : str
        Where the figures come from.
    """

    name: str
    able_mw: float
    unable_mw: float
    source: str
    as_of: str
    confidence: str


@dataclass(frozen=True, slots=True)
class ConnectionRules:
    """All connection rules of a region.

    Attributes
    ----------
    as_of : str
        Month the rules stand for ("2026-11"): procedures start there.
    load_classes, generation_classes : tuple of VoltageClass
        Voltage by power, smallest first.
    rules : tuple of Rule
        Rules that add a step, a date or a refusal.
    site_kinds : tuple of str
        Kinds of site a customer may be connected at.
    route_factor, minimum_length_km, split_above_mw, line_lead_years : Figure
        Route length over straight distance; shortest feeder [km]; load above which two points of
        connection are used [MW]; standard period of a new line [year].
    line_lead_from_kv : float
        Voltage from which a new line takes that period [kV]; 0: every line does.
    shared_km : Figure
        Distance up to which a part of a hub shares the connection of its data center [km].
    longest_feeder_km : mapping
        kV -> longest straight distance of a feeder [km].
    feeders : tuple of FeederType
    banks : tuple of BankType
    output : mapping
        Kind -> snapshot -> share of p_mw.
    output_sources : mapping
        Kind -> (source, confidence).
    published : tuple of Published
        The grid company's own findings, to be shown beside results.
    """

    as_of: str
    load_classes: tuple[VoltageClass, ...]
    generation_classes: tuple[VoltageClass, ...]
    rules: tuple[Rule, ...]
    site_kinds: tuple[str, ...]
    route_factor: Figure
    minimum_length_km: Figure
    split_above_mw: Figure
    line_lead_years: Figure
    shared_km: Figure
    longest_feeder_km: Mapping[float, float]
    feeders: tuple[FeederType, ...]
    banks: tuple[BankType, ...]
    output: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    output_sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    published: tuple[Published, ...] = ()
    line_lead_from_kv: float = 0.0

    def find_class(self, kind: str, p_mw: float) -> VoltageClass:
        """Find the voltage class of a part.

        Parameters
        ----------
        kind : str
            ``data_center`` takes the load classes, everything else the generation classes.
        p_mw : float
            Contract or nameplate power [MW].
        """
        classes = self.load_classes if kind == "data_center" else self.generation_classes
        return next(one for one in classes if p_mw <= one.to_mw)

    def find_rules(self, kind: str, p_mw: float, province: str) -> tuple[Rule, ...]:
        """List the rules that apply to a part of `kind` with `p_mw` [MW] in `province`, in file order.

        An empty province meets only the rules that apply everywhere.
        """
        return tuple(
            rule
            for rule in self.rules
            if kind in rule.applies_to
            and p_mw >= rule.from_mw
            and (not rule.provinces or province.casefold() in {p.casefold() for p in rule.provinces})
        )

    def find_earliest(self, rules: tuple[Rule, ...]) -> tuple[str, str]:
        """Find the earliest month of energisation under some rules, and the rule that sets it.

        Returns
        -------
        month : str
            "2032-01"; `as_of` if no rule sets one.
        rule : str
            Id of the rule, empty if none.
        """
        month, name = self.as_of, ""
        for rule in rules:
            own = max(rule.earliest, add_months(self.as_of, rule.months))
            if own > month:
                month, name = own, rule.id
        return month, name

    def find_feeder(self, vn_kv: float) -> FeederType | None:
        """Find the feeder type of a voltage [kV]; None if the rules have none."""
        return next((one for one in self.feeders if math.isclose(one.vn_kv, vn_kv, rel_tol=0.02)), None)

    def find_bank(self, high_kv: float, low_kv: float) -> BankType | None:
        """Find the bank between two voltages [kV]; None if the rules have none."""
        return next(
            (
                one
                for one in self.banks
                if math.isclose(one.high_kv, high_kv, rel_tol=0.02)
                and math.isclose(one.low_kv, low_kv, rel_tol=0.02)
            ),
            None,
        )


def add_months(month: str, months: int) -> str:
    """Add months to a month written "2026-11".

    Examples
    --------
    >>> add_months("2026-11", 3)
    '2027-02'
    """
    year, number = (int(part) for part in month.split("-"))
    total = year * 12 + number - 1 + months
    return f"{total // 12:04d}-{total % 12 + 1:02d}"


def _build(kind: type[Any], row: Mapping[str, Any], where: str) -> Any:
    """Make one of the dataclasses above from a TOML table, with an error that says which row is wrong."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    try:
        return kind(**values)
    except TypeError as error:
        issue = Issue("error", "E-RULES", "connection_rules", where, "", "", str(error))
        raise FileFormatError((issue,), "connection_rules") from error


def _read_rows(data: Mapping[str, Any], key: str, kind: type[Any]) -> tuple[Any, ...]:
    return tuple(_build(kind, row, f"{key} {i + 1}") for i, row in enumerate(data.get(key, ())))


def _check(data: Mapping[str, Any]) -> None:
    """Raise one error with everything the document lacks."""
    connection = data.get("connection", {})
    needed = [(key, data) for key in ("as_of", "load_class", "generation_class", "connection")]
    needed += [(key, connection) for key in FIGURES]
    issues = [
        Issue(
            "error", "E-RULES", "connection_rules", key, "", "", "missing; see networks/korea for an example"
        )
        for key, table in needed
        if key not in table
    ]
    if data.get("schema_version") != SCHEMA_VERSION:
        text = f"is not {SCHEMA_VERSION}, the version this reader knows"
        version = str(data.get("schema_version"))
        issues.append(Issue("error", "E-VERSION", "connection_rules", "schema_version", "", version, text))
    for key in ("load_class", "generation_class"):
        limits = [float(row.get("to_mw", math.nan)) for row in data.get(key, ())]
        if limits and (limits != sorted(limits) or limits[-1] != math.inf):
            text = "classes must rise in to_mw and the last must be inf"
            issues.append(Issue("error", "E-RULES", "connection_rules", key, "to_mw", str(limits), text))
    if issues:
        raise FileFormatError(issues, "connection_rules")


def read_connection_rules(text: str) -> ConnectionRules:
    """Read the connection rules of a region from TOML text.

    Parameters
    ----------
    text : str
        The document, as it travels with a network (``net.documents["connection_rules"]``).

    Returns
    -------
    ConnectionRules

    Raises
    ------
    FileFormatError
        If it is not TOML, of another version, or lacks something; all that is missing is listed.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        issue = Issue("error", "E-TOML", "connection_rules", "", "", "", str(error))
        raise FileFormatError((issue,), "connection_rules") from error
    _check(data)
    connection = data["connection"]
    figures = {key: _build(Figure, connection[key], key) for key in FIGURES}
    longest = connection.get("longest_feeder_km", {})
    found = dict(data.get("published", {}))
    findings = [
        {**row, **{key: found.get(key, "") for key in ("source", "as_of", "confidence")}}
        for row in found.get("province", ())
    ]
    output = {
        kind: {name: float(v) for name, v in table.items() if isinstance(v, (int, float))}
        for kind, table in data.get("output", {}).items()
    }
    return ConnectionRules(
        as_of=data["as_of"],
        load_classes=_read_rows(data, "load_class", VoltageClass),
        generation_classes=_read_rows(data, "generation_class", VoltageClass),
        rules=_read_rows(data, "rule", Rule),
        site_kinds=tuple(connection.get("site_kinds", ())),
        longest_feeder_km={float(kv): float(km) for kv, km in longest.items() if _is_number(kv)},
        feeders=_read_rows(data, "feeder", FeederType),
        banks=_read_rows(data, "bank", BankType),
        output=output,
        output_sources={
            kind: (str(table.get("source", "")), str(table.get("confidence", "")))
            for kind, table in data.get("output", {}).items()
        },
        published=_read_rows({"published": findings}, "published", Published),
        line_lead_from_kv=float(connection.get("line_lead_from_kv", 0.0)),
        **figures,
    )


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
