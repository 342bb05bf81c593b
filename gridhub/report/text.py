"""Text and numbers as they appear on a page: escaping, and figures with the digits their unit deserves."""

from __future__ import annotations

import html
import json
import math
import re
import unicodedata

DASH = "–"
"""Shown where there is no value."""

# Bidirectional controls, invisible format characters and control characters: each could make a name read as
# another one. Joiners (U+200C, U+200D) are left alone: scripts need them.
_HIDDEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)

_DIGITS = {
    "%": 1,
    "p.u.": 3,
    "kV": 0,
    "km": 1,
    "MW": 0,
    "Mvar": 0,
    "MVA": 0,
    "MWh": 0,
    "GW": 2,
    "s": 1,
    "degree": 1,
    "ohm": 2,
    "h": 0,
}
_SUFFIX = {
    "mw": "MW",
    "mvar": "Mvar",
    "mva": "MVA",
    "mwh": "MWh",
    "gw": "GW",
    "kv": "kV",
    "km": "km",
    "percent": "%",
    "pu": "p.u.",
    "degree": "degree",
    "ohm": "ohm",
    "s": "s",
    "h": "h",
    "krw": "KRW",
    "million_krw": "million KRW",
    "bn_krw": "bn KRW",
    "krw_per_mw": "KRW/MW",
    "million_krw_per_mw": "million KRW/MW",
}


def show_hidden(text: str) -> str:
    r"""Replace characters that cannot be seen by their code: for canvas and hover, which isolate nothing.

    Examples
    --------
    >>> show_hidden("a\u202eb")
    'a[U+202E]b'
    """
    return _HIDDEN.sub(lambda match: f"[U+{ord(match.group()):04X}]", text)


def escape_text(text: str) -> str:
    """Escape text for HTML, content and quoted attributes alike; hidden characters become visible.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        HTML whose text content is `text`. A hidden character stands in an isolated element that shows its
        code: what follows a right-to-left override keeps its direction.

    Examples
    --------
    >>> escape_text("<b>나주</b>")
    '&lt;b&gt;나주&lt;/b&gt;'
    """
    parts: list[str] = []
    end = 0
    for match in _HIDDEN.finditer(text):
        parts.append(html.escape(text[end : match.start()]))
        code = ord(match.group())
        # HTML knows no NUL and reads U+0080-009F as Windows letters: those only show their code
        kept = "" if unicodedata.category(match.group()) == "Cc" else f"&#x{code:x};"
        parts.append(f'<span class="hidden-character" data-code="U+{code:04X}">{kept}</span>')
        end = match.end()
    parts.append(html.escape(text[end:]))
    return "".join(parts)


def escape_attribute(text: str) -> str:
    """Escape text for a quoted attribute, where no element can stand."""
    return html.escape(show_hidden(text))


def encode_json(value: object) -> str:
    r"""Encode a value as JSON that can stand inside a script element.

    Parameters
    ----------
    value : object
        Anything the standard encoder takes; NaN and infinity are refused.

    Returns
    -------
    str
        JSON without ``<``, ``>``, ``&`` and line separators, so no text in it can end the element.

    Raises
    ------
    ValueError
        If a number is not finite.

    Examples
    --------
    >>> encode_json("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = re.sub("[<>&]", lambda match: f"\\u{ord(match.group()):04x}", text)
    return _HIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def split_unit(column: str) -> tuple[str, str]:
    """Split a column's name into words and unit.

    Examples
    --------
    >>> split_unit("lost_load_mw")
    ('Lost load', 'MW')
    >>> split_unit("p_mw")
    ('P', 'MW')
    """
    words = column.split("_")
    for count in (4, 3, 2, 1):
        unit = _SUFFIX.get("_".join(words[-count:]), "") if len(words) > count else ""
        if unit:
            words = words[:-count]
            break
    label = " ".join(words)
    return label[:1].upper() + label[1:], unit


def format_number(value: float, unit: str = "") -> str:
    """Format a number with the digits its unit deserves and thin thousands.

    Parameters
    ----------
    value : float
        A number; NaN gives a dash.
    unit : str
        Unit the number is in.

    Returns
    -------
    str
        Without the unit.

    Examples
    --------
    >>> format_number(12345.6, "MW"), format_number(0.98765, "p.u."), format_number(float("nan"), "MW")
    ('12,346', '0.988', '–')
    >>> format_number(0.4105, "bn KRW"), format_number(0.4105, "bn KRW/MW")
    ('0.4', '0.410')
    """
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "unlimited" if value > 0 else "-unlimited"
    digits = _count_digits(value, unit)
    text = f"{value:,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def _count_digits(value: float, unit: str) -> int:
    """Give the digits after the point: fixed by the unit, one more where a power or a price is small."""
    if unit.startswith("bn ") and "/" not in unit:
        return 1 if abs(value) < 100 else 0
    if unit in ("MW", "Mvar", "MVA") and 0 < abs(value) < 10:
        return 1
    if unit == "kV" and value != round(value):
        return 1
    if unit in _DIGITS:
        return _DIGITS[unit]
    return 0 if value == round(value) and abs(value) < 1e15 else max(0, 3 - _order(value))


def _order(value: float) -> int:
    return math.floor(math.log10(abs(value))) + 1 if value else 1


def slug(text: str, fallback: str = "table") -> str:
    """Make a file name of any text: lower case, digits and underscores, at most 60 characters.

    Examples
    --------
    >>> slug("../../etc/x"), slug("CON"), slug("Worst first")
    ('etc_x', 'con_', 'worst_first')
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60] or fallback
    # names that Windows keeps for devices
    reserved = name in {"con", "prn", "aux", "nul"} or re.fullmatch(r"(com|lpt)\d", name)
    return f"{name}_" if reserved else name
