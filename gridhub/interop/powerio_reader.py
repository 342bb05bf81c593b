"""The door to PowerIO: bytes in, its full record of the network out, findings as issues."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gridhub.errors import FileFormatError, Issue

Record = dict[str, Any]
"""One component as PowerIO stores it."""

_WORDS = ("Infinity", "-Infinity", "NaN")
_TEXTS = ("name", "uid", "id", "value", "local_id")
_TRUNCATED = re.compile(
    r"truncat|unexpected end|end of file|EOF|missing .*terminator|UnbalancedBrackets", re.I
)


def read_number(value: object) -> float:
    """Give a number of PowerIO's record as float: null is NaN."""
    return math.nan if value is None else float(str(value))


def read_limit(value: object) -> float:
    """Give a limit as float; infinite or null says there is none, which is NaN here."""
    number = read_number(value)
    return number if math.isfinite(number) else math.nan


def read_rating(value: object) -> float:
    """Give a rating as float; 0, infinite and null all say unrated, which is NaN here."""
    number = read_limit(value)
    return number if number > 0 else math.nan


def _restore_numbers(row: Record) -> Record:
    """Make numbers of the words that stand for infinite ones and for none."""
    return {
        key: float(value) if isinstance(value, str) and value in _WORDS and key not in _TEXTS else value
        for key, value in row.items()
    }


def _describe(error: Exception) -> Issue:
    code = "E-TRUNC" if _TRUNCATED.search(str(error)) else "E-FORMAT"
    place = str(getattr(error, "code", "") or "")
    return Issue("error", code, "file", "", "", place, str(error).removeprefix(f"{place}: "))


def parse_bytes(data: bytes, name: str, token: str | None) -> tuple[Record, list[Issue]]:
    """Let PowerIO read a case from memory: it never sees the file system, so nothing else is opened.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        Its name, for messages and as the name of the case.
    token : str or None
        PowerIO's name of the format; None: it looks for itself (JSON).

    Returns
    -------
    record : dict
        PowerIO's balanced network, complete.
    list of Issue
        Its findings, as warnings with its code in `value`.

    Raises
    ------
    FileFormatError
        If it cannot read the file, or the file holds something other than one network.
    """
    import powerio

    try:
        module = powerio.parse(data, name=name, format=token)
        text = powerio.serialize(module).text
    except powerio.PowerIOError as error:
        raise FileFormatError([_describe(error)], name) from error
    content = json.loads(text or "{}", object_hook=_restore_numbers)["value"]
    if content["type"] != "powerio.BalancedNetwork":
        kind = content["type"].removeprefix("powerio.")
        message = f"the file holds a {kind}, not one transmission network: read_case reads networks"
        raise FileFormatError([Issue("error", "E-FORMAT", "file", "", "", token or "", message)], name)
    record: Record = content["data"]
    return record, build_findings(module.diagnostics)


def build_findings(diagnostics: Sequence[Any]) -> list[Issue]:
    """Turn PowerIO's diagnostics into warnings."""
    return [
        Issue(
            "warning",
            "W-READER" if str(d.code).startswith("READ") else "W-WRITER",
            "file",
            "",
            "",
            str(d.code),
            str(d.message),
        )
        for d in diagnostics
    ]


def emit_record(record: Record, token: str, name: str) -> tuple[Mapping[str, bytes], list[Issue]]:
    """Let PowerIO write a network.

    Parameters
    ----------
    record : dict
        Balanced network as PowerIO stores it.
    token : str
        PowerIO's name of the format.
    name : str
        For messages.

    Returns
    -------
    mapping
        File name -> content; one entry for single-file formats.
    list of Issue
        What the format cannot carry, as warnings.

    Raises
    ------
    FileFormatError
        If PowerIO cannot write it.
    """
    import powerio

    document = {
        "schema": "pio-ir",
        "version": 2,
        "producer": {"name": "powerio", "version": powerio.__version__},
        "value": {"type": "powerio.BalancedNetwork", "data": record},
    }
    try:
        module = powerio.deserialize(json.dumps(document).encode())
        result = powerio.emit(module, token)
    except powerio.PowerIOError as error:
        raise FileFormatError([_describe(error)], name) from error
    return {a.name: a.data for a in result.artifacts if a.data is not None}, build_findings(
        result.diagnostics
    )
