"""PSS/E RAW files before PowerIO reads them: revision, completeness, power in what it does not model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gridhub.errors import FileFormatError, Issue

RAW_VERSIONS = (32, 33, 34, 35)
"""Revisions that are read."""

_SECTIONS = (
    *("bus", "load", "fixed shunt", "generator", "branch", "system switching device", "transformer", "area"),
    *("two-terminal dc", "voltage source converter", "impedance correction", "multi-terminal dc"),
    *("multi-section line", "zone", "inter-area transfer", "owner", "facts", "switched shunt"),
)
"""Sections in the order of the file; system switching devices stand there from revision 34 on."""

_END = re.compile(r"\s*0\s*(/.*)?")
_QUIT = re.compile(r"\s*[Qq]\s*(/.*)?")


def _list_lines(data: bytes) -> list[tuple[int, str]]:
    """Give the records: lines with their numbers, without comments of revision 35 and blank lines."""
    lines = data.decode("latin-1").splitlines()
    return [
        (n, line)
        for n, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("@!")
    ]


def _read_revision(lines: Sequence[tuple[int, str]]) -> str:
    fields = lines[0][1].split("/")[0].split(",") if lines else []
    return fields[2].strip() if len(fields) > 2 else ""


def _name_sections(revision: int) -> list[str]:
    return [name for name in _SECTIONS if revision >= 34 or name != "system switching device"]


def split_sections(data: bytes) -> tuple[dict[str, list[tuple[int, str]]], str]:
    """Split a RAW file of a known revision into sections.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    sections : dict
        Section name -> records with their line numbers.
    open_section : str
        Section in which the file ends without saying so; empty if it is complete or ends with ``Q``.
    """
    lines = _list_lines(data)
    names = _name_sections(int(float(_read_revision(lines))))
    sections: dict[str, list[tuple[int, str]]] = {name: [] for name in names}
    position = 0
    # from revision 34 on, records of system-wide data stand before the first bus
    body = lines[3:]
    for number, line in body:
        if _QUIT.fullmatch(line):
            return sections, ""
        if position == 0 and re.match(r"\s*[A-Za-z]", line):
            continue
        if _END.fullmatch(line):
            # the end of the system-wide data of revision 34 and 35 names itself
            if not (position == 0 and "SYSTEM-WIDE" in line.upper()):
                position += 1
        elif position < len(names):
            sections[names[position]].append((number, line))
    return sections, names[position] if position < len(names) else ""


def check_raw(data: bytes, name: str) -> None:
    """Refuse a revision that is not read, and a file that is cut off.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.

    Raises
    ------
    FileFormatError
        ``E-RAW-VERSION`` with the revisions that are read; ``E-TRUNC`` with the last line and the section it
        is in.
    """
    lines = _list_lines(data)
    revision = _read_revision(lines)
    try:
        known = float(revision) in RAW_VERSIONS
    except ValueError:
        known = False
    if not known:
        supported = ", ".join(map(str, RAW_VERSIONS))
        shown = revision or "none"
        message = (
            f"PSS/E RAW revision {shown} is not read; supported are {supported}: save it in one of these"
        )
        raise FileFormatError([Issue("error", "E-RAW-VERSION", "file", "", "REV", shown, message)], name)
    _, open_section = split_sections(data)
    if open_section:
        place = f"line {lines[-1][0]}"
        message = f"the file ends in the {open_section} section, and neither 0 nor Q ends it: is it cut off?"
        raise FileFormatError([Issue("error", "E-TRUNC", "file", place, "", open_section, message)], name)


def _read_fields(line: str) -> list[str]:
    return [field.strip() for field in line.split("/")[0].split(",")]


def _read_power(text: str) -> float:
    """Read a power; 0 where the field is none, in a section that nothing else reads."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def find_unmodelled(data: bytes) -> list[Issue]:
    """Find the devices that PowerIO leaves out of a RAW file, with their MW and Mvar.

    Parameters
    ----------
    data : bytes
        A file that `check_raw` lets pass.

    Returns
    -------
    list of Issue
        ``W-DROPPED`` per section: VSC links [MW], multi-terminal DC, FACTS devices [Mvar].
    """
    sections, _ = split_sections(data)
    issues = []

    def report(section: str, count: int, power: str) -> None:
        if count:
            message = (
                f"{count} not held{power}: the network lacks them; put them in as HVDC links or generators"
            )
            issues.append(Issue("warning", "W-DROPPED", section, "", "", "", message))

    converters = [_read_fields(line) for _, line in sections["voltage source converter"]]
    powers = [_read_power(f[3]) for f in converters if len(f) > 8 and f[1] == "2"]
    report("voltage source converter", len(converters) // 3, f", {sum(map(abs, powers)):g} MW of set-points")
    report("multi-terminal dc", len(sections["multi-terminal dc"]) and 1, "")
    facts = [_read_fields(line) for _, line in sections["facts"]]
    ranges = [_read_power(f[7]) for f in facts if len(f) > 7]
    report("facts", len(facts), f", up to {sum(map(abs, ranges)):g} Mvar at 1 p.u.")
    return issues
