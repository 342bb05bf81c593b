"""Contingencies as data: which elements are lost together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.kinds import KINDS
from gridhub.analysis.contingency.selection import Names, find_unknown_places, select_contingencies
from gridhub.analysis.contingency.shared_structures import (
    FOUR_CIRCUITS,
    Groups,
    find_corridors,
    group_circuits,
)
from gridhub.case.case import Bools, Case, Floats, Ints, Outage
from gridhub.case.positions import OutageList
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.derived import derive
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES

ELEMENT_TABLES = (*BRANCH_TABLES, "generator", "hvdc", "shunt", "load", "storage")
"""Tables whose rows can be elements of a contingency, in the order ids are looked up."""

_FIRST_TABLE = {
    "generator": "generator",
    "plant": "generator",
    "hvdc_pole": "hvdc",
    "shunt": "shunt",
    "data_center": "load",
}


class _Part(NamedTuple):
    """Contingencies of one kind: ids, elements, highest voltage of the elements [kV]."""

    kind: str
    ids: Sequence[str]
    elements: Sequence[tuple[str, ...]]
    kv: Floats


def _find_kv(net: Network, buses: pd.Series) -> Floats:
    """Nominal voltage of buses by id [kV]; NaN for an unknown one."""
    bus = net.tables["bus"]
    position = bus.index.get_indexer(pd.Index(buses))
    return np.append(bus["vn_kv"].to_numpy(dtype=float), np.nan)[position]


def _list_single(net: Network, table: str, kind: str, ends: Sequence[str]) -> _Part:
    frame = net.tables[table]
    on = frame["in_service"].to_numpy(dtype=bool)
    by_end = [_find_kv(net, frame[end])[on] for end in ends]
    ids = frame.index.to_numpy(dtype=object)[on].tolist()
    return _Part(kind, ids, list(zip(ids, strict=True)), np.maximum(by_end[0], by_end[-1]))


def _group(frame: pd.DataFrame, key: pd.Series, kind: str, kv: Floats, at_least: int) -> _Part:
    """Gather rows with the same non-empty key into one contingency each."""
    rows = pd.DataFrame({"key": key.to_numpy(), "id": frame.index, "kv": kv})
    rows = rows[rows["key"] != ""]
    found = [
        (name, tuple(group["id"]), float(group["kv"].max()))
        for name, group in rows.groupby("key", sort=False)
        if len(group) >= at_least
    ]
    ids = [f"{kind}:{row[0]!s}" for row in found]
    return _Part(kind, ids, [row[1] for row in found], np.array([row[2] for row in found], dtype=float))


def _list_towers(net: Network) -> _Part:
    branches = net.branches()
    branches = branches[branches["in_service"]]
    return _group(branches, branches["tower"], "tower", branches["vn_kv"].to_numpy(dtype=float), 2)


def _list_groups(kind: str, branches: pd.DataFrame, groups: Groups) -> _Part:
    """Make a contingency of each group of branches."""
    kv = branches["vn_kv"]
    highest = np.array([kv.loc[list(ids)].max() for _, ids in groups], dtype=float)
    return _Part(kind, [f"{kind}:{name}" for name, _ in groups], [ids for _, ids in groups], highest)


def _list_shared(net: Network, kind: str) -> _Part:
    """List circuits that share more than a tower of two: four-circuit towers, corridors, tunnels."""
    branches = net.branches()
    branches = branches[branches["in_service"]]
    groups: Groups
    if kind == "four_circuit_tower":
        groups = group_circuits(branches, "tower", FOUR_CIRCUITS)
    elif kind == "cable_tunnel":
        line = net.tables["line"]
        groups = group_circuits(line[line["in_service"]], "tunnel", 2)
    else:
        pairs = find_corridors(net)
        names = pairs["first"] + " + " + pairs["second"]
        groups = list(zip(names, pairs["elements"], strict=True))
    return _list_groups(kind, branches, groups)


def _list_plants(net: Network) -> _Part:
    units = net.tables["generator"]
    units = units[units["in_service"]]
    return _group(units, units["plant"], "plant", _find_kv(net, units["bus"]), 1)


def _list_data_centers(net: Network) -> _Part:
    """List the data centers; loads of the same name are lost together, with the units that stand behind."""
    loads = net.tables["load"]
    loads = loads[loads["in_service"] & (loads["kind"] == "data_center")]
    key = loads["name"].where(loads["name"] != "", pd.Series(loads.index, index=loads.index))
    part = _group(loads, key, "data_center", _find_kv(net, loads["bus"]), 1)
    behind = find_units_behind(net)
    elements = [(*ids, *chain.from_iterable(behind.get(load, ()) for load in ids)) for ids in part.elements]
    return part._replace(elements=elements)


def find_units_behind(net: Network) -> dict[str, tuple[str, ...]]:
    """Find the units in service that stand behind each load: without it they have nobody to serve."""
    units = net.tables["generator"]
    units = units[units["in_service"] & (units["behind_load"] != "")]
    return {str(load): tuple(map(str, group)) for load, group in units.groupby("behind_load").groups.items()}


def _list_bus_sections(net: Network) -> _Part:
    """Everything connected to one bus: without section data a bus is one section."""
    bus = net.tables["bus"]
    bus = bus[bus["in_service"]]
    parts = []
    for table in ELEMENT_TABLES:
        frame = net.tables[table]
        frame = frame[frame["in_service"]]
        ends = ["bus"] if "bus" in frame else ["from_bus", "to_bus"]
        parts += [pd.DataFrame({"bus": frame[end].to_numpy(), "id": frame.index}) for end in ends]
    by_bus = pd.concat(parts).groupby("bus", sort=False)["id"]
    connected = {str(name): tuple(dict.fromkeys(ids)) for name, ids in by_bus}
    names = [name for name in bus.index if name in connected]
    kv = bus.loc[names, "vn_kv"].to_numpy(dtype=float)
    return _Part(
        "bus_section", [f"bus_section:{name}" for name in names], [connected[name] for name in names], kv
    )


def _list_kind(net: Network, kind: str) -> _Part:
    if kind in BRANCH_TABLES:
        return _list_single(net, kind, kind, ("from_bus", "to_bus"))
    if kind == "hvdc_pole":
        return _list_single(net, "hvdc", kind, ("from_bus", "to_bus"))
    if kind in ("generator", "shunt"):
        return _list_single(net, kind, kind, ("bus",))
    builders = {
        "tower": _list_towers,
        "plant": _list_plants,
        "data_center": _list_data_centers,
        "bus_section": _list_bus_sections,
    }
    return builders[kind](net) if kind in builders else _list_shared(net, kind)


def list_contingencies(
    net: Network,
    kinds: Sequence[str] = ("line", "transformer", "series"),
    min_kv: float = 0.0,
    *,
    area: Names = None,
    province: Names = None,
    zone: Names = None,
    name: Names = None,
) -> pd.DataFrame:
    """List the contingencies of some kinds.

    Parameters
    ----------
    net : Network
    kinds : sequence of str
        Of `KINDS`: line, transformer, series, generator, hvdc_pole, shunt (one element each), bus_section
        (everything at one bus), tower (branches with the same ``tower``), data_center (loads of kind
        data_center, by name, with the units that stand behind them), plant (generators with the same
        ``plant``), four_circuit_tower (four branches or more with the same ``tower``), parallel (all circuits
        of two structures that run side by side for more than 1.6 km, by coordinates:
        `shared_structures.find_corridors`), cable_tunnel (lines with the same value in a column ``tunnel``,
        where a network has one).
    min_kv : float
        Lowest nominal voltage [kV], compared with the highest voltage of the elements.
    area, province, zone : str or sequence of str, optional
        Only contingencies with an element that has an end there.
    name : str or sequence of str, optional
        Only contingencies that fit a shell pattern (``*``, ``?``) by their own name, or by the id, ``name``
        or ``name_ko`` of an element; case is ignored.

    Returns
    -------
    DataFrame
        Index contingency; columns kind, elements (tuple of ids). Only elements in service. A contingency of
        one element has that element's id.

    Raises
    ------
    OptionError
        If a kind is unknown, or no bus is in a place that is named; all of them are.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridhub.model.network import build_network
    >>> net = build_network(
    ...     "two",
    ...     bus=pd.DataFrame({"vn_kv": [345.0, 345.0]}, index=["a", "b"]),
    ...     line=pd.DataFrame(
    ...         {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "tower": "t"},
    ...         index=["l1", "l2"],
    ...     ),
    ... )
    >>> list_contingencies(net, kinds=["line", "tower"])["elements"].tolist()
    [('l1',), ('l2',), ('l1', 'l2')]
    >>> list_contingencies(net, name="*2").index.tolist()
    ['l2']
    """
    if isinstance(kinds, str):
        kinds = (kinds,)
    unknown = [kind for kind in kinds if kind not in KINDS]
    faults = find_unknown_places(net, area, province, zone)
    if unknown:
        faults.insert(0, f"unknown kind of contingency {', '.join(unknown)}; kinds: {', '.join(KINDS)}")
    if faults:
        raise OptionError("\n".join(faults))
    parts = [_list_kind(net, kind) for kind in dict.fromkeys(kinds)]
    if not any(len(part.ids) for part in parts):
        empty = pd.DataFrame({"kind": [], "elements": []}, dtype=object)
        return empty.rename_axis("contingency")
    ids = pd.Index(list(chain.from_iterable(part.ids for part in parts)), dtype=object)
    kind_of = np.repeat(np.array([part.kind for part in parts], object), [len(part.ids) for part in parts])
    table = pd.DataFrame(
        {"kind": kind_of, "elements": list(chain.from_iterable(part.elements for part in parts))},
        index=ids.rename("contingency"),
    )
    strong = np.concatenate([part.kv for part in parts]) >= min_kv
    table = table[strong] if not strong.all() else table
    if not (area is None and province is None and zone is None and name is None):
        table = select_contingencies(net, table, ELEMENT_TABLES, area, province, zone, name)
    repeated = table.index.duplicated(keep=False)
    if repeated.any():
        # ids are unique within a table only; say the kind where two tables share one
        named = [
            f"{kind}:{key}" if twice and not str(key).startswith(f"{kind}:") else key
            for key, kind, twice in zip(table.index, table["kind"], repeated, strict=True)
        ]
        table.index = pd.Index(named, name="contingency")
    return table


def find_outages(net: Network, case: Case, contingencies: pd.DataFrame) -> OutageList:
    """Find the positions of each contingency's elements in a case.

    Parameters
    ----------
    net : Network
    case : Case
        Compiled from `net`.
    contingencies : DataFrame
        Index contingency; column elements (tuple of ids), optionally kind, which says in which table an id
        shared by two tables is looked up first.

    Returns
    -------
    OutageList

    Raises
    ------
    InputError
        E-REF for every unknown id, E-DUP for repeated contingencies, E-EMPTY for one without elements.
    """
    elements = [(part,) if isinstance(part, str) else tuple(part) for part in contingencies["elements"]]
    count = np.fromiter(map(len, elements), dtype=np.int64, count=len(elements))
    owner = np.repeat(np.arange(len(elements)), count)
    kinds = contingencies["kind"] if "kind" in contingencies else pd.Series("", index=contingencies.index)
    table, position = _look_up(net, case, list(chain.from_iterable(elements)), kinds.to_numpy()[owner])
    issues = _find_faults(contingencies, elements, owner, position)
    if issues:
        raise InputError(issues, "contingencies")
    in_branch = table < len(BRANCH_TABLES)
    lost = [_split(owner, position, in_branch, len(elements))]
    for kind in ("generator", "load", "storage", "hvdc", "shunt"):
        lost.append(_split(owner, position, table == ELEMENT_TABLES.index(kind), len(elements)))
    return OutageList(map(Outage, *lost))


def _split(owner: Ints, position: Ints, chosen: Bools, count: int) -> Iterable[tuple[int, ...]]:
    """Give each of `count` owners the positions chosen of it."""
    if not chosen.any():
        return repeat((), count)
    ends = np.cumsum(np.bincount(owner[chosen], minlength=count)).tolist()
    flat = position[chosen].tolist()
    return [tuple(flat[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _look_up(net: Network, case: Case, ids: Sequence[str], kinds: np.ndarray) -> tuple[Ints, Ints]:
    """Find elements by id: first in the table their kind names, then in all in turn.

    Returns
    -------
    table : (m,) int
        Position in `ELEMENT_TABLES`.
    position : (m,) int
        Position in the case; -1 for an unknown id.
    """
    table, position = np.zeros(len(ids), dtype=np.int64), np.full(len(ids), -1, dtype=np.int64)

    def search(rows: Ints, number: int) -> None:
        if len(rows):
            name = ELEMENT_TABLES[number]
            where = derive(net, "rows", name, lambda: _number_rows(net, case, name))
            found = np.array([where.get(ids[i], -1) for i in rows.tolist()], dtype=np.int64)
            rows, found = rows[found >= 0], found[found >= 0]
            table[rows], position[rows] = number, found

    for kind in dict.fromkeys(kinds.tolist()):
        first = _FIRST_TABLE.get(kind, kind)
        if first in ELEMENT_TABLES:
            search(np.flatnonzero(kinds == kind), ELEMENT_TABLES.index(first))
    for number in range(len(ELEMENT_TABLES)):
        search(np.flatnonzero(position < 0), number)
    return table, position


def _number_rows(net: Network, case: Case, table: str) -> dict[str, int]:
    """Position in the case of each row of a table."""
    labels: tuple[str, ...] = getattr(case.labels, "branch" if table in BRANCH_TABLES else table)
    numbers = dict(zip(labels, range(len(labels)), strict=True))
    return {name: numbers[name] for name in net.tables[table].index} if table in BRANCH_TABLES else numbers


def _find_faults(
    contingencies: pd.DataFrame, elements: Sequence[tuple[str, ...]], owner: Ints, position: Ints
) -> list[Issue]:
    """List repeated contingencies, unknown elements, and contingencies without any."""
    names = contingencies.index
    if names.is_unique and all(elements) and (position >= 0).all():
        return []
    issues = [
        Issue("error", "E-DUP", "contingency", str(name), "", "", "listed twice")
        for name in names[names.duplicated()]
    ]
    unknown = set(owner[position < 0].tolist())
    empty = {k for k, part in enumerate(elements) if not part}
    flat = list(chain.from_iterable(elements))
    for k in sorted(unknown | empty):
        if k in empty:
            issues.append(
                Issue("error", "E-EMPTY", "contingency", str(names[k]), "elements", "", "no element")
            )
        for i in np.flatnonzero((owner == k) & (position < 0)).tolist():
            text = "no such element in any table"
            issues.append(
                Issue("error", "E-REF", "contingency", str(names[k]), "elements", str(flat[i]), text)
            )
    return issues
