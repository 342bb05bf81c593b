"""Lines of PSS/E's contingency, subsystem and monitored-element files: words, quotes, comments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gridhub.errors import Issue

UNREAD = "W-UNREAD"
"""Code of a line that was not read: what it says is not in the result."""

ASSUMED = "W-ASSUMED"
"""Code of a line that was read by assumption."""

_WORD = re.compile(r"'([^']*)'|\"([^\"]*)\"|([^\s,'\"]+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something.

    Attributes
    ----------
    file : str
    number : int
        Counted from 1.
    words : tuple of str
        Bare words in capitals, quoted ones as they stand.
    text : str
        The line as written.
    """

    file: str
    number: int
    words: tuple[str, ...]
    text: str

    def warn(self, message: str, code: str = UNREAD) -> Issue:
        """Make the warning that this line was not read, or read by assumption."""
        return Issue("warning", code, self.file, f"line {self.number}", "", self.text, message)


def split_lines(text: str, file: str) -> list[Line]:
    r"""Split a file into lines of words; blank lines and comments (``COM``, ``/``) are left out.

    Examples
    --------
    >>> [line.words for line in split_lines("COM a\ncontingency 'Line one' / note\nEND", "x.con")]
    [('CONTINGENCY', 'Line one'), ('END',)]
    """
    lines = []
    for number, raw in enumerate(text.splitlines(), start=1):
        words: list[str] = []
        for single, double, bare in _WORD.findall(raw):
            if bare.startswith("/"):
                break
            words.append(bare.upper() if bare else (single or double).strip())
        if words and words[0] != "COM":
            lines.append(Line(file, number, tuple(words), raw.strip()))
    return lines
