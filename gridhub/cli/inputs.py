"""Arguments that several commands share, and how a network is found from what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gridhub.cli.exits import refuse
from gridhub.study.source import suggest

if TYPE_CHECKING:
    from gridhub.criteria import Criteria
    from gridhub.model.network import Network

NetworkArgument = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A name (see `gridhub networks`), a network folder, or a case file.",
        show_default=False,
    ),
]
SnapshotOption = Annotated[
    str | None,
    typer.Option("--snapshot", "-s", help="A stored state of the network; the first if not given."),
]
YearOption = Annotated[
    int | None, typer.Option("--year", "-y", help="Apply the network's plans up to the end of this year.")
]
RatingsOption = Annotated[
    str | None,
    typer.Option(
        "--ratings",
        metavar="seasonal",
        help="Give every snapshot the ratings of its season; if not given, those of the tables hold all "
        "year.",
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="A power-flow option; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]
TopOption = Annotated[int, typer.Option("--top", min=1, help="Rows to show in each table.")]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder for the results.", show_default=False)
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what an earlier run left there.")]
HubOption = Annotated[
    Path | None, typer.Option("--hub", metavar="STUDY.toml", help="Place the hub of this study first.")
]
Method = Literal["ac", "dc"]


def place_hub(net: Network, study: Path | None) -> Network:
    """Place the hub of a study; without a study the network stays as it is."""
    if study is None:
        return net
    from gridhub.placement.place import place
    from gridhub.study.study import read_study

    return place(net, read_study(study).hub)


def check_snapshot(net: Network, snapshot: str | None) -> str:
    """Give the id of the state asked for, "" if none is stored; refuse an unknown one, naming those near."""
    if snapshot is not None and snapshot not in net.snapshots:
        refuse(f"network {net.name!r} has no snapshot {snapshot!r}; {suggest(snapshot, net.snapshots)}")
    return snapshot or next(iter(net.snapshots), "")


def check_bus(net: Network, bus: str) -> None:
    """Refuse a bus the network does not have, naming those near."""
    if bus not in net.bus.index:
        known = [str(one) for one in net.bus.index]
        refuse(f"network {net.name!r} has no bus {bus!r}; {suggest(bus, known)}")


def find_criteria(net: Network, name: str) -> Criteria | None:
    """Find the criteria a person named; refuse a region that does not exist."""
    from gridhub.analysis.security.security import resolve_criteria

    try:
        return resolve_criteria(net, None if name == "none" else name)
    except KeyError as error:
        refuse(f"--criteria {name!r}: {error.args[0]}")


def check_areas(net: Network, named: Mapping[str, str | Sequence[str] | None]) -> None:
    """Refuse areas the network does not have, those of every option at once.

    Parameters
    ----------
    net : Network
    named : mapping
        Option -> what was named there; None: nothing.
    """
    from gridhub.analysis.flow.areas import find_area_buses

    told = []
    for option, area in named.items():
        try:
            if area is not None:
                find_area_buses(net, area)
        except KeyError as error:
            told.append(f"{option}: {error.args[0]}")
    if told:
        refuse("\n".join(told))


def parse_settings(texts: Sequence[str] | None) -> dict[str, bool | int | float | str]:
    """Turn ``key=value`` texts into a mapping with values of their natural type.

    Raises
    ------
    GridhubError
        If a text has no ``=``.

    Examples
    --------
    >>> parse_settings(["tolerance=1e-9", "reactive_limits=false", "start=flat"])
    {'tolerance': 1e-09, 'reactive_limits': False, 'start': 'flat'}
    """
    settings: dict[str, bool | int | float | str] = {}
    for text in texts or ():
        key, separator, value = text.partition("=")
        if not separator or not key.strip():
            refuse(f"--option {text!r} is not KEY=VALUE, for example --option tolerance=1e-9")
        settings[key.strip()] = _parse_value(value.strip())
    return settings


def _parse_value(text: str) -> bool | int | float | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
