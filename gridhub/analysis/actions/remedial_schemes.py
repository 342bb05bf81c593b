"""Remedial action schemes as data: what sets one off, and what it then does."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from gridhub.errors import InputError, Issue

ActionKind = Literal["trip", "shed", "run_back", "switch"]
Direction = Literal["either", "from_to", "to_from"]
When = Literal["before", "after"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A flow that must be there for a scheme to act.

    Attributes
    ----------
    element : str
        Branch.
    above_mw : float
        Active power at its from end that must be exceeded [MW].
    direction : {"either", "from_to", "to_from"}
    when : {"before", "after"}
        In the state before the outage (arming), or after it.
    """

    element: str
    above_mw: float
    direction: Direction
    when: When


@dataclass(frozen=True, slots=True)
class Action:
    """What a scheme does.

    Attributes
    ----------
    kind : {"trip", "shed", "run_back", "switch"}
        Take elements out; lower loads; set HVDC links anew; switch shunts.
    elements : tuple of str
        Ids; trip: of any table, shed: loads, run_back: links, switch: shunts.
    share : float
        shed: part of each load that is lost.
    to_mw : float
        run_back: new set-point [MW].
    on : bool
        switch: in or out.
    """

    kind: ActionKind
    elements: tuple[str, ...]
    share: float = 1.0
    to_mw: float = 0.0
    on: bool = True

    @property
    def title(self) -> str:
        """Give the action in a few words."""
        shown = ", ".join(self.elements[:3]) + (" …" if len(self.elements) > 3 else "")
        return {
            "trip": f"trip {shown}",
            "shed": f"shed {100.0 * self.share:g} % of {shown}",
            "run_back": f"run {shown} back to {self.to_mw:g} MW",
            "switch": f"switch {shown} {'in' if self.on else 'out'}",
        }[self.kind]


@dataclass(frozen=True, slots=True)
class RemedialScheme:
    """One scheme.

    Attributes
    ----------
    name : str
    outage : tuple of str
        Elements that must all be lost in a contingency; empty: any contingency, conditions decide.
    conditions : tuple of Condition
        Must all hold.
    actions : tuple of Action
    source, as_of, confidence : str
        Where it comes from.
    """

    name: str
    outage: tuple[str, ...]
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    source: str
    as_of: str
    confidence: str


EXAMPLE = """\
schema_version = 1

[[scheme]]
name = "outlet"
outage = ["line 1", "line 2"]
source = "assumed, no source"
as_of = "2026-11"
confidence = "assumed"

[[scheme.condition]]
element = "line 1"
above_mw = 500
direction = "from_to"
when = "before"

[[scheme.action]]
kind = "trip"
elements = ["unit 1", "unit 2"]
"""
"""A document with one scheme."""

_SCHEME: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "outage": (list,),
    "condition": (list,),
    "action": (list,),
    "source": (str,),
    "as_of": (str,),
    "confidence": (str,),
}
_CONDITION: Mapping[str, tuple[type, ...]] = {
    "element": (str,),
    "above_mw": (int, float),
    "direction": (str,),
    "when": (str,),
}
_ACTION: Mapping[str, tuple[type, ...]] = {
    "kind": (str,),
    "elements": (list,),
    "share": (int, float),
    "to_mw": (int, float),
    "on": (bool,),
}
_WANTED = {"trip": (), "shed": ("share",), "run_back": ("to_mw",), "switch": ("on",)}
"""Keys each kind of action needs, and takes alone."""


class _Faults(list[Issue]):
    def note(self, code: str, where: str, key: str, value: object, message: str) -> None:
        shown = "" if value is None else str(value)
        self.append(Issue("error", code, "schemes", where, key, shown, message))


def _check_keys(
    row: object, known: Mapping[str, tuple[type, ...]], needed: Sequence[str], where: str, faults: _Faults
) -> dict[str, Any]:
    """Give the keys of a table that are known and of their type."""
    if not isinstance(row, dict):
        faults.note("E-TYPE", where, "", row, "wants a table")
        return {}
    good = {}
    for key, value in row.items():
        if key not in known:
            faults.note("E-KEY", where, key, value, f"is not a key here: {', '.join(known)}")
        elif not isinstance(value, known[key]) or (isinstance(value, bool) and bool not in known[key]):
            faults.note("E-TYPE", where, key, value, f"wants {known[key][-1].__name__}")
        else:
            good[key] = value
    for key in needed:
        if key not in row:
            faults.note("E-KEY", where, key, None, "is missing")
    return good


def _read_ids(row: Mapping[str, Any], key: str, where: str, faults: _Faults) -> tuple[str, ...]:
    ids = row.get(key, [])
    if not all(isinstance(value, str) and value for value in ids):
        faults.note("E-TYPE", where, key, ids, "wants a list of ids")
        return ()
    return tuple(ids)


def _read_condition(row: object, where: str, faults: _Faults) -> Condition:
    good = _check_keys(row, _CONDITION, ("element", "above_mw"), where, faults)
    choice = {"direction": ("either", get_args(Direction)), "when": ("before", get_args(When))}
    for key, (_, allowed) in choice.items():
        if key in good and good[key] not in allowed:
            faults.note("E-TYPE", where, key, good.pop(key), f"is one of {', '.join(allowed)}")
    picked = {key: good.get(key, default) for key, (default, _) in choice.items()}
    return Condition(good.get("element", ""), float(good.get("above_mw", 0.0)), **picked)


def _read_action(row: object, where: str, faults: _Faults) -> Action | None:
    good = _check_keys(row, _ACTION, ("kind", "elements"), where, faults)
    kind = good.get("kind")
    if kind not in _WANTED:
        if kind is not None:
            faults.note("E-TYPE", where, "kind", kind, f"is one of {', '.join(_WANTED)}")
        return None
    for key in ("share", "to_mw", "on"):
        if key in good and key not in _WANTED[kind]:
            faults.note("E-KEY", where, key, good[key], f"means nothing for {kind}")
        elif key not in good and key in _WANTED[kind]:
            faults.note("E-KEY", where, key, None, f"is missing for {kind}")
    ids = _read_ids(good, "elements", where, faults)
    if "elements" in good and not ids:
        faults.note("E-EMPTY", where, "elements", "", "names no element")
    share = float(good.get("share", 1.0))
    if not 0.0 < share <= 1.0:
        faults.note("E-RANGE", where, "share", share, "wants more than 0 and at most 1")
    return Action(kind, ids, share, float(good.get("to_mw", 0.0)), bool(good.get("on", True)))


def read_schemes(text: str) -> tuple[RemedialScheme, ...]:
    """Read schemes from TOML text.

    Parameters
    ----------
    text : str
        ``schema_version = 1`` and rows ``[[scheme]]``: name, optional outage (ids that must all be lost),
        rows ``[[scheme.condition]]`` (element, above_mw, direction, when), rows ``[[scheme.action]]`` (kind,
        elements; share of a shed, to_mw of a run_back, on of a switch), source, as_of, confidence.

    Returns
    -------
    tuple of RemedialScheme

    Raises
    ------
    InputError
        If it is not TOML, or anything is missing, unknown, of the wrong type or without sense; all faults are
        listed.

    Examples
    --------
    >>> (scheme,) = read_schemes(EXAMPLE)
    >>> scheme.actions[0].title
    'trip unit 1, unit 2'
    """
    faults = _Faults()
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        faults.note("E-TOML", "", "", None, str(error))
        raise InputError(faults, "remedial schemes") from error
    if data.get("schema_version") != SCHEMA_VERSION:
        found = data.get("schema_version")
        faults.note("E-VERSION", "", "schema_version", found, f"this gridhub reads {SCHEMA_VERSION}")
    for key in data:
        if key not in ("schema_version", "scheme"):
            faults.note("E-KEY", "", key, None, "is not a key of remedial schemes: schema_version, scheme")
    schemes = [_read_scheme(row, i, faults) for i, row in enumerate(data.get("scheme", []), start=1)]
    names = [scheme.name for scheme in schemes]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            faults.note("E-DUP", name, "", None, "is given twice")
    if faults:
        raise InputError(faults, "remedial schemes")
    return tuple(schemes)


def _read_scheme(row: object, number: int, faults: _Faults) -> RemedialScheme:
    where = f"scheme {number}"
    good = _check_keys(row, _SCHEME, ("name", "action", "source", "as_of", "confidence"), where, faults)
    conditions = tuple(
        _read_condition(part, f"{where} condition {i}", faults)
        for i, part in enumerate(good.get("condition", []), start=1)
    )
    actions = [
        _read_action(part, f"{where} action {i}", faults)
        for i, part in enumerate(good.get("action", []), start=1)
    ]
    outage = _read_ids(good, "outage", where, faults)
    if not outage and not conditions:
        faults.note("E-EMPTY", where, "outage", None, "has neither an outage nor a condition: never set off")
    return RemedialScheme(
        good.get("name", ""),
        outage,
        conditions,
        tuple(action for action in actions if action is not None),
        good.get("source", ""),
        good.get("as_of", ""),
        good.get("confidence", ""),
    )
