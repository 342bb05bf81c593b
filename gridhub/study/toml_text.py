"""Write TOML: the standard library reads it only."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

Value = str | bool | int | float | Sequence["Value"] | Mapping[str, "Value"]


def _render_text(text: str) -> str:
    # JSON's escapes are TOML's, except that TOML wants DEL escaped too and has no surrogates.
    quoted = json.dumps(text.encode("utf-8", "replace").decode("utf-8"), ensure_ascii=False)
    return quoted.replace("\x7f", "\\u007f")


def _render_value(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _render_text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        return repr(value) if math.isfinite(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_render_key(k)} = {_render_value(v)}" for k, v in value.items()) + " }"
    return "[" + ", ".join(_render_value(item) for item in value) + "]"


def _render_key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()
    return key if bare else _render_text(key)


def render_toml(document: Mapping[str, Value]) -> str:
    """Render a mapping of mappings as TOML, tables one level deep.

    Parameters
    ----------
    document : mapping
        Strings, booleans, numbers, lists; mappings become tables, mappings inside those inline tables.

    Returns
    -------
    str
        `tomllib.loads` gives the mapping back.

    Examples
    --------
    >>> print(render_toml({"seed": 0, "run": {"name": "솔라시도", "complete": True}}), end="")
    seed = 0
    <BLANKLINE>
    [run]
    name = "솔라시도"
    complete = true
    """
    plain = [
        f"{_render_key(k)} = {_render_value(v)}\n" for k, v in document.items() if not isinstance(v, Mapping)
    ]
    parts = ["".join(plain)] if plain else []
    for name, table in document.items():
        if isinstance(table, Mapping):
            rows = "".join(f"{_render_key(k)} = {_render_value(v)}\n" for k, v in table.items())
            parts.append(f"[{_render_key(name)}]\n{rows}")
    return "\n".join(parts)
