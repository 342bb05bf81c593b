"""Which loads, plants and storage belong to which hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from gridhub.errors import InputError, Issue, name_ids
from gridhub.model.network import Network
from gridhub.placement.hub import Hub

Shares = Mapping[str, float]


def _read_shares(given: Iterable[str] | Shares) -> Shares:
    return dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, 1.0)


@dataclass(frozen=True)
class HubContract:
    """What a hub draws and what it has contracted, by the ids of a network or of a series.

    Parameters
    ----------
    hub : str
        Name.
    loads : iterable of str
        Its loads.
    plants, storage : iterable of str, or mapping
        Its plants and storage; a mapping gives the share contracted, above 0 and at most 1.
    generators : iterable of str
        Its on-site generation that burns fuel: what it gives the load is carbon-free in no part.

    Raises
    ------
    InputError
        If there is no load, or a share is out of range.

    Examples
    --------
    >>> HubContract("hall", ["hub:hall"], plants={"hub:sun": 1.0, "sea wind": 0.25}).plants["sea wind"]
    0.25
    """

    hub: str
    loads: tuple[str, ...]
    plants: Shares
    storage: Shares
    generators: tuple[str, ...] = ()

    def __init__(
        self,
        hub: str,
        loads: Iterable[str],
        plants: Iterable[str] | Shares = (),
        storage: Iterable[str] | Shares = (),
        generators: Iterable[str] = (),
    ) -> None:
        object.__setattr__(self, "hub", hub)
        object.__setattr__(self, "loads", tuple(loads))
        object.__setattr__(self, "plants", _read_shares(plants))
        object.__setattr__(self, "storage", _read_shares(storage))
        object.__setattr__(self, "generators", tuple(generators))
        faults = [
            Issue("error", "E-RANGE", "contract", hub, part, str(share), "must be above 0 and at most 1")
            for part, share in {**self.plants, **self.storage}.items()
            if not 0.0 < share <= 1.0
        ]
        if not self.loads:
            faults.append(Issue("error", "E-EMPTY", "contract", hub, "loads", "", "has no load"))
        if faults:
            raise InputError(faults, "contracts")


def read_contracts(net: Network, hubs: Iterable[Hub]) -> tuple[HubContract, ...]:
    """Find the rows of placed hubs in a network: each hub has contracted its own plants and storage.

    Its on-site generation is found beside them.

    Parameters
    ----------
    net : Network
        With the hubs placed (`gridhub.place`).
    hubs : iterable of Hub

    Returns
    -------
    tuple of HubContract

    Raises
    ------
    InputError
        If parts are not in the network; all of them are listed.
    """
    contracts, faults = [], []
    for hub in hubs:
        rows: dict[str, list[str]] = {"load": [], "plant": [], "storage": [], "generator": []}
        groups = (
            ("load", "load", (hub.data_center,)),
            ("plant", "generator", hub.plants),
            ("storage", "storage", hub.storage),
            ("generator", "generator", hub.generators),
        )
        for group, table, parts in groups:
            for part in parts:
                found = find_rows(net.tables[table], part.name)
                rows[group] += found
                if not found:
                    text = "is not in the network: place the hub first"
                    faults.append(Issue("error", "E-REF", table, part.name, "name", "", text))
        if rows["load"]:
            contracts.append(
                HubContract(hub.name, rows["load"], rows["plant"], rows["storage"], rows["generator"])
            )
    if faults:
        raise InputError(faults, "hubs")
    return tuple(contracts)


def find_rows(table: pd.DataFrame, name: str) -> list[str]:
    """Find the ids of a placed part: one row, or several where it was split over points of connection."""
    if "name" not in table:
        return []
    names = table["name"].fillna("").astype(str)
    return [str(i) for i in table.index[(names == name) | names.str.startswith(f"{name} (")]]


def check_contracts(
    contracts: Iterable[HubContract], ids: Mapping[str, pd.Index], what: str = "contracts"
) -> None:
    """Refuse contracts on rows there are not, or on more than there is.

    Parameters
    ----------
    contracts : iterable of HubContract
    ids : mapping
        "load", "generator", "storage" and "on-site generation" -> ids there are.
    what : str
        What the contracts belong to, for the message.

    Raises
    ------
    InputError
        Every fault listed.
    """
    faults, total = [], pd.Series(dtype=float)
    given = list(contracts)
    for one in given:
        for table, wanted in (
            ("load", dict.fromkeys(one.loads, 1.0)),
            ("generator", one.plants),
            ("storage", one.storage),
            ("on-site generation", dict.fromkeys(one.generators, 1.0)),
        ):
            missing = [name for name in wanted if name not in ids[table]]
            if missing:
                text = f"has no series of {table}; there are {name_ids(ids[table]) or 'none'}"
                faults.append(Issue("error", "E-REF", "contract", one.hub, table, name_ids(missing), text))
            more = pd.Series(wanted, dtype=float).add_prefix(f"{table} ")
            total = total.add(more, fill_value=0.0)
    faults += [
        Issue("error", "E-RANGE", "contract", str(name), "", f"{share:g}", "is contracted more than once")
        for name, share in total.items()
        if share > 1.0 + 1e-9
    ]
    twice = [name for name in {one.hub for one in given} if sum(one.hub == name for one in given) > 1]
    faults += [Issue("error", "E-DUP", "contract", name, "hub", "", "stands twice") for name in twice]
    if faults:
        raise InputError(faults, what)
