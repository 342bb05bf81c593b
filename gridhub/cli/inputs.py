"""Arguments that several commands share, and how a network is found from what was typed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gridhub.cli.exits import refuse
from gridhub.errors import GridhubError

if TYPE_CHECKING:
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
    str | None, typer.Option("--snapshot", "-s", help="Which stored state; the first if not given.")
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="A power-flow option; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for machines.")]
TopOption = Annotated[int, typer.Option("--top", min=1, help="Rows to show in each table.")]
OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Folder of the results.", show_default=False)
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what a run left there before.")]
Method = Literal["ac", "dc"]


def suggest(name: str, known: Sequence[str]) -> str:
    """Say which known names are near `name`, or list the known ones."""
    folded = {key.casefold(): key for key in known}
    near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are: {', '.join(known)}" if known else "there are none"


def open_network(text: str) -> Network:
    """Read the network a person named: a folder, a case file, or a stored name.

    Parameters
    ----------
    text : str
        What was typed.

    Returns
    -------
    Network

    Raises
    ------
    GridhubError
        If there is no such name, folder or file.
    InputError
        If it cannot be read; every fault listed.
    """
    path = Path(text)
    if path.is_dir():
        from gridhub.model.files import read_network

        return read_network(path)
    if path.is_file():
        return _read_file(path)
    return _load_by_name(text)


def _read_file(path: Path) -> Network:
    from gridhub.interop.case import read_case

    net, _report = read_case(path)
    return net


def _load_by_name(name: str) -> Network:
    from gridhub.reference import list_networks, load_network

    try:
        return load_network(name)
    except KeyError:
        known = [str(row) for row in list_networks()["name"]]
    raise GridhubError(f"no network, folder or file is called {name!r}; {suggest(name, known)}")


def check_snapshot(net: Network, snapshot: str | None) -> None:
    """Refuse a snapshot the network does not have, naming those near."""
    if snapshot is not None and snapshot not in net.snapshots:
        refuse(f"network {net.name!r} has no snapshot {snapshot!r}; {suggest(snapshot, net.snapshots)}")


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
