"""Options of the command ``dispatch``: what loads may leave unserved, how fast units may move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from gridhub.cli.exits import refuse
from gridhub.errors import OptionError

if TYPE_CHECKING:
    from gridhub.model.network import Network

T = TypeVar("T")

FLEXIBLE = "LOAD=MW[/MWH[/PRICE[/HOURS[/NOTICE]]]]"
RAMP = "UNIT=MW_PER_H"


def add_flexible_and_ramps(
    net: Network, settings: Mapping[str, Any], flexible: Sequence[str] | None, ramp: Sequence[str] | None
) -> dict[str, Any]:
    """Add flexible loads and ramps to the options of a dispatch; refuse with all that is wrong in either.

    Parameters
    ----------
    net : Network
    settings : mapping
        From ``--option``: numbers and texts alone.
    flexible : sequence of str
        ``LOAD=MW`` and further fields of `FlexibleLoad`, as in `FLEXIBLE`; ids may hold any sign.
    ramp : sequence of str
        ``UNIT=MW_PER_H``.

    Raises
    ------
    GridhubError
        If a text is of another form, an id stands twice or is not of the network (those near are named), or
        a number is out of its range.
    """
    from gridhub.analysis.dispatch.options import list_unknown_ids, read_dispatch_options

    faults = [
        f"--option {name}: give {option} instead"
        for name, option in (("flexible", f"--flexible {FLEXIBLE}"), ("ramp_mw_per_h", f"--ramp {RAMP}"))
        if name in settings
    ]
    loads = _read("--flexible", flexible, FLEXIBLE, _parse_flexible, faults)
    units = _read("--ramp", ramp, RAMP, float, faults)
    known = ([str(key) for key in net.tables[name].index] for name in ("generator", "load"))
    faults += list_unknown_ids(units, loads, *known)
    found = {"flexible": loads, "ramp_mw_per_h": units}
    try:
        read_dispatch_options(found)
    except OptionError as error:
        faults.append(str(error))
    if faults:
        refuse("\n".join(faults))
    return {**settings, **found}


def _read(
    option: str, texts: Sequence[str] | None, form: str, parse: Callable[[str], T], faults: list[str]
) -> dict[str, T]:
    """Read texts of an id and its numbers, the id up to the last equals sign."""
    found: dict[str, T] = {}
    for text in texts or ():
        key, _, numbers = (part.strip() for part in text.rpartition("="))
        if key in found:
            faults.append(f"{option} {text!r}: {key} stands twice")
            continue
        try:
            value = parse(numbers)
        except ValueError:
            key = ""
        if key:
            found[key] = value
        else:
            faults.append(f"{option} {text!r} is not {form}")
    return found


def _parse_flexible(text: str) -> dict[str, float]:
    numbers = [float(part) for part in text.split("/")]
    names = ("mw", "energy_mwh", "price", "longest_h", "notice_h")
    return dict(zip(names[: len(numbers)], numbers, strict=True))
