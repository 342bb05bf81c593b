"""A Hangul font cut down to the characters of one page: Korean shows on a machine without Korean fonts."""

from __future__ import annotations

import base64
import importlib.util
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gridhub.report.text import escape_attribute

FAMILY = "Gridhub Sans"
"""Name under which page and figures ask for the font."""

FONT_NOTICE = "Embedded font: a subset of Nanum Gothic, © NHN Corporation, SIL Open Font License 1.1."

# The package only carries the font files: it is located, never imported (importing it would load matplotlib).
_CARRIER = "koreanize_matplotlib"
_FILES = {400: "NanumGothic.ttf", 700: "NanumGothicBold.ttf"}

# Characters of numbers and of labels that are made in the browser.
_ALWAYS = "".join(map(chr, range(0x20, 0x7F))) + "–·×→≥≤°²³%…△▽▲▼●©"


@cache
def find_fonts() -> Mapping[int, Path]:
    """Locate the Hangul font files.

    Returns
    -------
    mapping
        Weight (400, 700) -> file; empty if the carrier package is not installed.
    """
    spec = importlib.util.find_spec(_CARRIER)
    folders = list(spec.submodule_search_locations or []) if spec else []
    return {
        weight: path
        for folder in folders
        for weight, name in _FILES.items()
        if (path := Path(folder) / "fonts" / name).is_file()
    }


def subset_font(path: Path, text: str) -> bytes:
    """Cut a font down to the characters of a text.

    Parameters
    ----------
    path : Path
        TrueType or OpenType file.
    text : str
        Characters to keep; those the font lacks are left to the reader's own fonts.

    Returns
    -------
    bytes
        WOFF file. The same text gives the same bytes.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    options = Options(hinting=False, desubroutinize=True, layout_features=["kern"], notdef_outline=True)
    options.drop_tables += ["TSI0", "TSI1", "TSI2", "TSI3", "TSI5"]  # the designer's hinting sources
    with TTFont(path, lazy=True, recalcTimestamp=False) as font:
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=sorted({ord(character) for character in text}))
        subsetter.subset(font)
        # WOFF and not WOFF2: a fifth larger, and no compiled compression package is needed
        font.flavor = "woff"
        buffer = io.BytesIO()
        font.save(buffer, reorderTables=False)
    return buffer.getvalue()


def render_font_faces(text: str) -> str:
    """Write the ``@font-face`` rules for a page.

    Parameters
    ----------
    text : str
        Every text of the page.

    Returns
    -------
    str
        CSS with the fonts inside; empty if no Hangul font is installed.
    """
    rules = []
    for weight, path in find_fonts().items():
        data = base64.b64encode(subset_font(path, _ALWAYS + text)).decode("ascii")
        rules.append(
            f'@font-face{{font-family:"{escape_attribute(FAMILY)}";font-weight:{weight};font-style:normal;'
            f"src:url(data:font/woff;base64,{data}) format('woff')}}"
        )
    return "\n".join(rules)
