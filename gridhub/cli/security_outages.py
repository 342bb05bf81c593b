"""Which outages ``security`` tries, and what it judges: kinds, places, names, files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridhub.analysis.contingency.kinds import KINDS
from gridhub.cli.exits import print_issues, refuse
from gridhub.study.source import suggest

if TYPE_CHECKING:
    import pandas as pd

    from gridhub.criteria import Criteria
    from gridhub.errors import Issue
    from gridhub.interop.psse_monitored import Monitored
    from gridhub.model.network import Network

SECURED = "secured"
"""Kinds that the criteria name."""

KindsOption = Annotated[
    str,
    typer.Option(
        "--kinds",
        metavar="KIND,…",
        help=f"Outages to try: {', '.join(KINDS)}; or '{SECURED}': what the criteria demand.",
    ),
]
MinKvOption = Annotated[
    float, typer.Option("--min-kv", min=0.0, help="Leave out elements below this voltage.")
]
AreaOption = Annotated[str | None, typer.Option("--area", help="Only outages that touch this area.")]
ProvinceOption = Annotated[
    str | None, typer.Option("--province", help="Only outages that touch this province.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="PATTERN", help="Only outages like 'hanul*'.")
]
ContingenciesOption = Annotated[
    Path | None,
    typer.Option(
        "--contingencies",
        metavar="FILE",
        help="Outages from a .csv, a MATPOWER change table (.m) or a PSS/E .con file, not --kinds.",
    ),
]
SubsystemsOption = Annotated[
    Path | None,
    typer.Option("--subsystems", metavar="FILE", help="PSS/E .sub file of the .con or .mon file."),
]
MonitoredOption = Annotated[
    Path | None,
    typer.Option(
        "--monitored",
        metavar="FILE",
        help="Judge only the branches and voltages of this PSS/E .mon file.",
    ),
]


def list_outages(
    net: Network, kinds: str, min_kv: float, choice: Mapping[str, str | None], rules: Criteria | None
) -> pd.DataFrame:
    """List the outages of the kinds asked for; refuse an empty set."""
    from gridhub.analysis.contingency.contingencies import list_contingencies
    from gridhub.analysis.contingency.secured_events import list_secured

    if kinds.strip() == SECURED:
        if rules is None:
            refuse(f"--kinds {SECURED} wants criteria that list events: --criteria nerc-tpl, for example")
        found = list_secured(net, rules, min_kv, **choice)
    else:
        wanted = [part.strip() for part in kinds.split(",") if part.strip()]
        found = list_contingencies(net, wanted, min_kv, **choice)
    if found.empty:
        what = f"--kinds {kinds} at {min_kv:g} kV and above"
        refuse(f"{net.name} has nothing of {what}{_tell_choice(net, choice)}; kinds are {', '.join(KINDS)}")
    return found


def read_outages(
    net: Network, path: Path, subsystems: Path | None, choice: Mapping[str, str | None]
) -> pd.DataFrame:
    """Read outages from a file, say what of it was not read, and keep those of the places and names."""
    from gridhub.analysis.contingency.contingencies import ELEMENT_TABLES
    from gridhub.analysis.contingency.selection import select_contingencies
    from gridhub.interop.contingency_files import read_contingencies

    found, issues = read_contingencies(net, path, subsystems)
    _print_unread(path, issues)
    if found.empty:
        refuse(f"{path} names no outage that could be read")
    kept = select_contingencies(net, found, ELEMENT_TABLES, **choice)
    if kept.empty:
        refuse(f"none of the {len(found):,} outages of {path}{_tell_choice(net, choice)}")
    return kept


def read_watched(net: Network, path: Path, subsystems: Path | None) -> Monitored:
    """Read what is judged from a file, and say what of it was not read."""
    from gridhub.interop.contingency_files import read_monitored

    found, issues = read_monitored(net, path, subsystems)
    _print_unread(path, issues)
    if not found.branches and found.voltage.empty:
        refuse(f"{path} names no branch and no voltage that could be read: nothing would be judged")
    return found


def _print_unread(path: Path, issues: tuple[Issue, ...]) -> None:
    if issues:
        print_issues(issues, f"{path.name}: lines not read, or read by assumption", stderr=True)


def _tell_choice(net: Network, choice: Mapping[str, str | None]) -> str:
    """Repeat the choice of places and names, with names near the one that fits nothing."""
    told = "".join(f", --{key} {text}" for key, text in choice.items() if text is not None)
    word = (choice.get("name") or "").strip("*?[]")
    if not word:
        return told
    parts = {part for key in net.branches().index for part in re.split(r"--|[:@ ]", str(key))}
    return told if word in parts else f"{told} ({suggest(word, sorted(parts))})"
