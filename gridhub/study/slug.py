"""File names from any text: what a name holds never decides where a file goes."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def build_slug(text: str) -> str:
    """Turn any text into one safe part of a path.

    Parameters
    ----------
    text : str
        A study name, a bus name, a contingency id …; anything.

    Returns
    -------
    str
        Letters (Hangul too), digits, ``-`` and ``_``; at most 60 characters before the hash; never empty,
        never hidden, never a device name. A text that is not already such a name gets eight digits of its
        SHA-256, so that two texts never share a file.

    Examples
    --------
    >>> build_slug("solaseado_1gw")
    'solaseado_1gw'
    >>> build_slug("../../etc/x")
    'etc-x-56da1a2e'
    """
    normal = unicodedata.normalize("NFC", text)
    words = re.sub(r"[^\w-]+", "-", normal).strip("-_")[:LONGEST].rstrip("-_")
    if words == text and words and not _RESERVED.fullmatch(words):
        return words
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{words}-{digest}" if words else digest
