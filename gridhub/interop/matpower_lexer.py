"""MATLAB code split into statements, as far as a case file needs it: comments, brackets, strings, ``...``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gridhub.errors import Issue

_PLAIN_ROW = re.compile(r"[0-9eE+\-.,;\s]*")


@dataclass(slots=True)
class Statement:
    """One statement: its first line and its pieces, each with the line it stands on.

    A piece with a negative line number says that the line of that number is continued by ``...``.
    """

    line: int
    pieces: list[tuple[int, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Text of the statement, lines joined."""
        return "\n".join(piece for _, piece in self.pieces).strip()


def make_issue(line: int, text: str, message: str, code: str = "E-MPC-STATEMENT") -> Issue:
    """Make the error for one statement, its text shortened."""
    shown = re.sub(r"\s+", " ", text).strip()
    return Issue(
        "error", code, "line", str(line), "", shown if len(shown) <= 80 else shown[:77] + "…", message
    )


class _Splitter:
    """Split code into statements: comments out, ``...`` joined, brackets and strings respected."""

    def __init__(self) -> None:
        self.depth = 0
        self.open_line = 0
        self.current: Statement | None = None
        self.done: list[Statement] = []
        self.block_comment = 0
        self.issues: list[Issue] = []

    def add_line(self, number: int, line: str) -> None:
        stripped = line.strip()
        if stripped == "%{" or (self.block_comment and stripped == "%}"):
            self.block_comment += 1 if stripped == "%{" else -1
            return
        if self.block_comment or not stripped:
            return
        if self.depth == 1 and self.current is not None and _PLAIN_ROW.fullmatch(line) and "..." not in line:
            self.current.pieces.append((number, line))
            return
        self._add_code(number, line)

    def _add_code(self, number: int, line: str) -> None:
        start = 0
        position = 0
        continued = False
        while position < len(line):
            character = line[position]
            if character == "%" or (character == "#" and not line[:position].strip()):
                line = line[:position]
                break
            if line.startswith("...", position):
                line, continued = line[:position], True
                break
            if character in "'\"":
                position = self._skip_string(number, line, position)
                continue
            self._count_bracket(number, line, character)
            if character in ";," and self.depth == 0:
                self._add_piece(number, line[start:position])
                self._finish()
                start = position + 1
            position += 1
        self._add_piece(number, line[start:])
        if self.depth == 0 and not continued:
            self._finish()
        elif continued and self.current is not None:
            # a continued row goes on: no row ends at this line's end
            self.current.pieces.append((-number, ""))

    def _count_bracket(self, number: int, line: str, character: str) -> None:
        if character in "([{":
            if self.depth == 0:
                self.open_line = number
            self.depth += 1
        elif character in ")]}":
            self.depth -= 1
            if self.depth < 0:
                self.issues.append(
                    make_issue(number, line, "a bracket is closed that was never opened", "E-FORMAT")
                )
                self.depth = 0

    def _skip_string(self, number: int, line: str, position: int) -> int:
        quote = line[position]
        before = line[position - 1] if position else " "
        if quote == "'" and (before.isalnum() or before in "_)]}'."):
            return position + 1  # transpose
        end = position + 1
        while end < len(line):
            if line[end] == quote:
                if line.startswith(quote * 2, end):
                    end += 2
                    continue
                return end + 1
            end += 1
        self.issues.append(make_issue(number, line, "a string is not closed on its line", "E-TRUNC"))
        return len(line)

    def _add_piece(self, number: int, code: str) -> None:
        if not code.strip() and self.current is None:
            return
        if self.current is None:
            self.current = Statement(number)
        self.current.pieces.append((number, code))

    def _finish(self) -> None:
        if self.current is not None and self.current.text:
            self.done.append(self.current)
        self.current = None

    def close(self, last: int) -> None:
        if self.depth and self.current is not None:
            message = f"the file ends (line {last}) inside a bracket opened here: is it cut off?"
            self.issues.append(make_issue(self.open_line, self.current.text[:60], message, "E-TRUNC"))
        else:
            self._finish()
        if self.block_comment > 0:
            self.issues.append(make_issue(last, "%{", "a block comment is never closed", "E-TRUNC"))


def split_statements(text: str) -> tuple[list[Statement], list[Issue]]:
    """Split code into statements.

    Parameters
    ----------
    text : str
        The file.

    Returns
    -------
    list of Statement
        Comments taken out, block comments too.
    list of Issue
        Brackets and strings that are not closed.
    """
    splitter = _Splitter()
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        splitter.add_line(number, line)
    splitter.close(len(lines))
    return splitter.done, splitter.issues
