"""Find a network from what a person wrote: a stored name, a folder, or a case file."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from gridhub.errors import GridhubError, name_ids

if TYPE_CHECKING:
    from gridhub.model.network import Network
    from gridhub.model.plan import Plan

Loaded = TypeVar("Loaded")


def suggest(name: str, known: Sequence[str]) -> str:
    """Say which known names are near `name`, or list the known ones.

    Examples
    --------
    >>> suggest("korea-2024", ["korea-2025", "pandapower:case9"])
    'did you mean korea-2025?'
    """
    folded = {key.casefold(): key for key in known}
    near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {name_ids(known, 8)}" if known else "there are none"


def find_path(text: str, base: Path) -> Path | None:
    """Give the folder or file a text names, relative to `base`; None if there is none of that name."""
    path = base / text
    try:
        return path if path.is_dir() or path.is_file() else None
    except (OSError, ValueError):  # longer than a path may be, or with a NUL in it
        return None


def open_network(
    text: str, base: Path = Path(), year: int | None = None, ratings: str | None = None
) -> Network:
    """Read the network a person named.

    Parameters
    ----------
    text : str
        A network folder, a case file, or a name `gridhub.list_networks` knows.
    base : Path
        What a relative path starts from.
    year : int, optional
        Apply the network's plans up to the end of that year; a case file has none.
    ratings : {"seasonal"}, optional
        Give every snapshot the ratings of its season; a case file has none.

    Returns
    -------
    Network

    Raises
    ------
    GridhubError
        If there is no such folder, file or name (near names are suggested), or it has no plans to that year,
        or no seasonal ratings.
    InputError
        If it cannot be read; every fault listed.
    """
    path = find_path(text, base)
    if path is None:
        from gridhub.reference import load_network

        return _load_by_name(text, lambda name: load_network(name, year, ratings))
    if path.is_dir():
        from gridhub.model.files import read_network
        from gridhub.reference import bring_to

        return bring_to(read_network(path), path, year, ratings)
    if year is not None:
        raise GridhubError(
            f"{text!r} is a case file, which has no plans to bring it to {year}; leave year out"
        )
    if ratings is not None:
        raise GridhubError(f"{text!r} is a case file, which has no seasonal ratings; leave ratings out")
    from gridhub.interop.case_files import read_case

    net, _report = read_case(path)
    return net


def open_with_plan(text: str, base: Path = Path()) -> tuple[Network, Plan | None]:
    """Read the network a person named as it stands, and the plans beside it.

    Parameters
    ----------
    text, base
        As for `open_network`.

    Returns
    -------
    Network
    Plan or None
        None if there are none; a case file has none.

    Raises
    ------
    GridhubError, InputError
        As `open_network`; also if the plans are not valid.
    """
    path = find_path(text, base)
    if path is None:
        from gridhub.reference import load_plan

        return _load_by_name(text, load_plan)
    net = open_network(text, base)
    if path.is_file():
        return net, None
    from gridhub.model.plan_files import read_plan

    return net, read_plan(path, net)


def _load_by_name(name: str, load: Callable[[str], Loaded]) -> Loaded:
    """Load by a name; refuse one that is not known, naming those near."""
    from gridhub.reference import list_networks

    try:
        return load(name)
    except KeyError:
        known = [str(row) for row in list_networks()["name"]]
    except OSError as error:
        raise GridhubError(f"{name!r} cannot be read: {error.strerror or error}") from error
    raise GridhubError(f"no network, folder or file is called {name!r}; {suggest(name, known)}")
