"""Read TOML into frozen dataclasses by their type hints, collecting every fault with its line."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from gridhub.errors import GridhubError, Issue

T = TypeVar("T")

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.-]+|\"[^\"]*\")\s*=")


def find_lines(text: str) -> dict[str, int]:
    r"""Find the line each key of a TOML text stands on.

    Parameters
    ----------
    text : str
        TOML.

    Returns
    -------
    dict
        Dotted key, array items as ``plants[0].p_mw`` -> line, counted from 1. Keys of inline tables go
        by the line of the key that holds them.

    Examples
    --------
    >>> find_lines("a = 1\n[[b]]\nc = 2\n")
    {'a': 1, 'b[0]': 2, 'b[0].c': 3}
    """
    lines: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None:
            prefix = header[2].replace('"', "")
            if header[1] == "[[":
                count = sum(1 for key in lines if re.fullmatch(re.escape(prefix) + r"\[\d+\]", key))
                prefix = f"{prefix}[{count}]"
            lines.setdefault(prefix, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            name = key[1].strip('"')
            lines.setdefault(f"{prefix}.{name}" if prefix else name, number)
    return lines


class FaultList:
    """Collects the faults of one file.

    Attributes
    ----------
    issues : list of Issue
        What was found so far.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.lines = find_lines(text)
        self.issues: list[Issue] = []

    def add(self, code: str, key: str, value: object, message: str) -> None:
        """Note one fault of the value under a dotted key."""
        line = self.lines.get(key)
        outer = key
        while line is None and outer:
            outer = outer.rpartition(".")[0]
            line = self.lines.get(outer)
        shown = "" if value is None else repr(value) if isinstance(value, str) else str(value)
        row = "" if line is None else f"line {line}"
        self.issues.append(Issue("error", code, self.file, row, key, shown, message))


def _describe(hint: Any) -> str:
    """Say in words what a type hint wants."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, typing.get_args(hint)))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe(part) for part in typing.get_args(hint) if part is not type(None))
    if _is_sequence(hint):
        return f"a list, each {_describe(typing.get_args(hint)[0])}"
    if origin is Mapping:
        kind, each = typing.get_args(hint)
        keys = "" if kind is str else f" with {_describe(kind)} as key,"
        return f"a table{keys or ','} each value {_describe(each)}"
    words = {str: "text", bool: "true or false", int: "a whole number", float: "a finite number"}
    return words.get(hint, str(getattr(hint, "__name__", hint)))


def _is_sequence(hint: Any) -> bool:
    return typing.get_origin(hint) in (tuple, list, Sequence)


class _Mismatch(Exception):
    """The value is not what the hint wants."""


def _convert(hint: Any, value: object) -> Any:
    """Bring a TOML value to the hinted type, without guessing: no text for a number, no number for a bool."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        if any(value == allowed and type(value) is type(allowed) for allowed in typing.get_args(hint)):
            return value
        raise _Mismatch
    if origin in (typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            try:
                return _convert(part, value)
            except _Mismatch:
                continue
        raise _Mismatch
    if _is_sequence(hint):
        if not isinstance(value, list):
            raise _Mismatch
        return tuple(_convert(typing.get_args(hint)[0], item) for item in value)
    if hint is float and type(value) in (int, float) and math.isfinite(typing.cast(float, value)):
        return float(typing.cast(float, value))
    if hint in (str, bool, int) and type(value) is hint:
        return value
    if origin is Mapping and isinstance(value, dict):
        kind, each = typing.get_args(hint)
        return {_convert_key(kind, key): _convert(each, item) for key, item in value.items()}
    raise _Mismatch


def _convert_key(kind: type, key: str) -> str | int:
    """Bring a key of a TOML table to its type: TOML has texts alone, and a year is one."""
    if kind is str:
        return key
    if re.fullmatch(r"\d{1,9}", key):
        return int(key)
    raise _Mismatch


def list_unknown_keys(
    table: Mapping[str, object], known: Sequence[str], where: str, faults: FaultList
) -> None:
    """Note every key that nothing reads, with the key it may have meant."""
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            full = f"{where}.{key}" if where else key
            faults.add("E-STUDY-KEY", full, table[key], f"unknown key; {hint}")


def build_from_table(
    kind: type[T],
    table: object,
    where: str,
    faults: FaultList,
    given: Mapping[str, object] | None = None,
    skip: Sequence[str] = (),
) -> T | None:
    """Build a dataclass from a TOML table.

    Parameters
    ----------
    kind : type
        A dataclass; its fields, type hints and defaults are the format.
    table : object
        What the TOML holds there.
    where : str
        Dotted key of the table, for the faults.
    faults : FaultList
        Takes every fault; nothing is raised.
    given : mapping, optional
        Fields that come from elsewhere.
    skip : sequence of str
        Keys of the table that are read elsewhere.

    Returns
    -------
    object or None
        None if anything was wrong.
    """
    if not isinstance(table, dict):
        faults.add("E-STUDY-TYPE", where, table, "wants a table of keys and values")
        return None
    before = len(faults.issues)
    given = given or {}
    hints = typing.get_type_hints(kind)
    fields = [f for f in dataclasses.fields(typing.cast(Any, kind)) if f.init and f.name not in given]
    list_unknown_keys(table, [*(f.name for f in fields), *skip], where, faults)
    values: dict[str, object] = dict(given)
    for field in fields:
        key = f"{where}.{field.name}" if where else field.name
        if field.name in skip:
            continue
        if field.name not in table:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                faults.add("E-STUDY-MISSING", key, None, f"is missing; wants {_describe(hints[field.name])}")
            continue
        try:
            values[field.name] = _convert(hints[field.name], table[field.name])
        except _Mismatch:
            faults.add("E-STUDY-TYPE", key, table[field.name], f"wants {_describe(hints[field.name])}")
    if len(faults.issues) > before:
        return None
    try:
        return kind(**values)
    except (GridhubError, ValueError) as error:
        faults.add("E-STUDY-VALUE", where, None, str(error))
        return None
