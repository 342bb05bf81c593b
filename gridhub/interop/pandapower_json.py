"""Scan the text of a pandapower JSON file before pandapower sees it.

pandapower imports the module an object names before it checks whether the object is allowed, and reads
another file where a table holds a path. Only two kinds of object are let through here, and a table has to
hold its own data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from gridhub.errors import FileFormatError, Issue

ALLOWED_OBJECTS = frozenset(
    {
        ("pandapower.auxiliary", "pandapowerNet"),
        ("pandas.core.frame", "DataFrame"),
        ("pandas.core.series", "Series"),
    }
)
"""(module, class) of the objects a network of tables needs."""

OBJECT_KEYS = frozenset({"_module", "_class"})

FRAME_KEYS = frozenset(
    {
        "_module",
        "_class",
        "_object",
        "orient",
        "dtype",
        "is_multiindex",
        "is_multicolumn",
        "index_name",
        "index_names",
        "column_name",
        "column_names",
        "typ",
    }
)
"""Keys of a serialized table; pandas would take any other as an option of its reader."""

PICKLE_SUFFIXES = frozenset({".p", ".pkl", ".pickle"})

MAX_DEPTH = 40
"""Nesting, strings that hold JSON included; a network needs six."""


class _Refused(Exception):
    """Carries the issue out of the JSON parser's hooks."""

    def __init__(self, code: str, value: str, message: str) -> None:
        super().__init__(message)
        self.issue_parts = (code, value, message)


def _refuse_constant(name: str) -> NoReturn:
    raise _Refused("E-JSON", name, "not a JSON number; write null for a missing value")


def _parse_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused("E-JSON", text, "number out of range")
    return value


def _collect_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    collected: dict[str, object] = {}
    for key, value in pairs:
        if key in collected:
            raise _Refused("E-JSON", key, "the key appears twice in one object: which value holds is unclear")
        collected[key] = value
    return collected


def _parse(text: str) -> object:
    """Parse strictly: no NaN or Infinity, no number out of range, no duplicate key."""
    return json.loads(
        text, parse_constant=_refuse_constant, parse_float=_parse_float, object_pairs_hook=_collect_pairs
    )


def _check_object(item: dict[str, object]) -> None:
    """Refuse an object pandapower would build from anything but plain tables."""
    module, name = item.get("_module"), item.get("_class")
    if (module, name) not in ALLOWED_OBJECTS:
        raise _Refused(
            "E-UNSAFE",
            f"{module}.{name}",
            "asks for a foreign class, only tables are read; nothing was imported",
        )
    if name == "pandapowerNet":
        return
    foreign = sorted(set(item) - FRAME_KEYS)
    if foreign:
        raise _Refused("E-UNSAFE", foreign[0], "unknown key in a serialized table")
    held = item.get("_object")
    if not (isinstance(held, dict) or (isinstance(held, str) and held.lstrip()[:1] in ("{", "["))):
        raise _Refused("E-UNSAFE", str(held)[:60], "a table has to hold its data, not the name of a file")


def _walk(value: object, depth: int) -> None:
    """Visit everything, JSON inside strings included."""
    if depth > MAX_DEPTH:
        raise _Refused("E-JSON", str(depth), "nested too deeply for a network")
    if isinstance(value, dict):
        if OBJECT_KEYS & value.keys():
            _check_object(value)
        children: Iterable[object] = value.values()
    elif isinstance(value, list):
        children = value
    elif isinstance(value, str):
        children = () if (inner := _parse_nested(value)) is None else (inner,)
    else:
        return
    for child in children:
        _walk(child, depth + 1)


def _parse_nested(text: str) -> object:
    """Parse a string that may hold JSON itself; None if it is plain text."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        return _parse(text)
    except json.JSONDecodeError:
        # Text such as a name "[old] line 3": harmless unless it hides an object from a laxer parser.
        if "_module" in text or "_class" in text:
            raise _Refused(
                "E-UNSAFE", text[:60], "text that names a class but is no JSON: refused unread"
            ) from None
        return None


def scan_json_text(text: str, source: str) -> None:
    """Check the text of a pandapower JSON file; return only if pandapower may read it.

    Parameters
    ----------
    text : str
        Whole content of the file.
    source : str
        Its name, for the message.

    Raises
    ------
    FileFormatError
        E-UNSAFE for an object of a foreign class or a table that points to a file; E-JSON for what is no
        strict JSON (NaN, 1e999, duplicate keys, nested too deeply); E-FORMAT if it is no pandapower network.

    Examples
    --------
    >>> scan_json_text('{"_module": "this", "_class": "x"}', "net.json")
    Traceback (most recent call last):
        ...
    gridhub.errors.FileFormatError: net.json: 1 error(s)
      E-UNSAFE net.json = this.x: asks for a foreign class, only tables are read; nothing was imported
    """
    try:
        content = _parse(text)
        _walk(content, 0)
        if not (isinstance(content, dict) and content.get("_class") == "pandapowerNet"):
            raise _Refused("E-FORMAT", "", "JSON, but no pandapower network (no _class pandapowerNet)")
    except _Refused as refused:
        code, value, message = refused.issue_parts
        issue = Issue("error", code, source, "", "", value, message)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}"
        issue = Issue("error", "E-JSON", source, place, "", "", f"not valid JSON: {error.msg}")
    except RecursionError:
        issue = Issue("error", "E-JSON", source, "", "", "", "nested too deeply for a network")
    else:
        return
    raise FileFormatError([issue], source)


def decode_scanned(content: bytes, name: str) -> str:
    """Decode a pandapower JSON file and scan it.

    Parameters
    ----------
    content : bytes
    name : str
        Name of the file.

    Returns
    -------
    str
        The text that was scanned: hand on this, not the path, which may have changed since.

    Raises
    ------
    FileFormatError
        E-FORMAT for a pickle under any name and for text that is not UTF-8; else as `scan_json_text`.
    """
    reason = ""
    if Path(name).suffix.lower() in PICKLE_SUFFIXES or content[:1] == b"\x80":
        reason = "a pickle can run any code: save the network with pandapower.to_json instead"
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 at byte {error.start}"
    if reason:
        raise FileFormatError([Issue("error", "E-FORMAT", name, "", "", "", reason)], name)
    scan_json_text(text, name)
    return text
