"""Contingencies as data: which elements are lost together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from gridhub.case.case import Case, Outage
from gridhub.errors import InputError, Issue, OptionError
from gridhub.model.network import Network
from gridhub.model.schema import BRANCH_TABLES

KINDS = (
    "line",
    "transformer",
    "series",
    "generator",
    "hvdc_pole",
    "shunt",
    "bus_section",
    "tower",
    "data_center",
    "plant",
)
"""Kinds of contingencies `list_contingencies` knows."""

ELEMENT_TABLES = (*BRANCH_TABLES, "generator", "hvdc", "shunt", "load", "storage")
"""Tables whose rows can be elements of a contingency, in the order ids are looked up."""

_FIRST_TABLE = {
    "generator": "generator",
    "plant": "generator",
    "hvdc_pole": "hvdc",
    "shunt": "shunt",
    "data_center": "load",
}


def _bus_kv(net: Network) -> pd.Series:
    return net.tables["bus"]["vn_kv"]


def _list_single(net: Network, table: str, kind: str, ends: Sequence[str]) -> pd.DataFrame:
    frame = net.tables[table]
    frame = frame[frame["in_service"]]
    by_end = [_bus_kv(net).reindex(frame[end]).to_numpy(dtype=float) for end in ends]
    kv = np.maximum(by_end[0], by_end[-1])
    elements = [(row,) for row in frame.index]
    return pd.DataFrame({"kind": kind, "elements": elements, "kv": kv}, index=frame.index)


def _group(frame: pd.DataFrame, key: pd.Series, kind: str, kv: np.ndarray, at_least: int) -> pd.DataFrame:
    """Gather rows with the same non-empty key into one contingency each."""
    rows = pd.DataFrame({"key": key.to_numpy(), "id": frame.index, "kv": kv})
    rows = rows[rows["key"] != ""]
    found = [
        (name, tuple(group["id"]), float(group["kv"].max()))
        for name, group in rows.groupby("key", sort=False)
        if len(group) >= at_least
    ]
    return pd.DataFrame(
        {"kind": kind, "elements": [row[1] for row in found], "kv": [row[2] for row in found]},
        index=[f"{kind}:{row[0]!s}" for row in found],
    )


def _list_towers(net: Network) -> pd.DataFrame:
    branches = net.branches()
    branches = branches[branches["in_service"]]
    return _group(branches, branches["tower"], "tower", branches["vn_kv"].to_numpy(dtype=float), 2)


def _list_plants(net: Network) -> pd.DataFrame:
    units = net.tables["generator"]
    units = units[units["in_service"]]
    kv = _bus_kv(net).reindex(units["bus"]).to_numpy(dtype=float)
    return _group(units, units["plant"], "plant", kv, 1)


def _list_data_centers(net: Network) -> pd.DataFrame:
    """List the data centers; loads of the same name are lost together."""
    loads = net.tables["load"]
    loads = loads[loads["in_service"] & (loads["kind"] == "data_center")]
    key = loads["name"].where(loads["name"] != "", pd.Series(loads.index, index=loads.index))
    return _group(loads, key, "data_center", _bus_kv(net).reindex(loads["bus"]).to_numpy(dtype=float), 1)


def _list_bus_sections(net: Network) -> pd.DataFrame:
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
    elements = [connected[name] for name in names]
    kv = bus.loc[names, "vn_kv"].to_numpy()
    index = [f"bus_section:{name}" for name in names]
    return pd.DataFrame({"kind": "bus_section", "elements": elements, "kv": kv}, index=index)


def _list_kind(net: Network, kind: str) -> pd.DataFrame:
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
    return builders[kind](net)


def list_contingencies(
    net: Network,
    kinds: Sequence[str] = ("line", "transformer", "series"),
    min_kv: float = 0.0,
) -> pd.DataFrame:
    """List the contingencies of some kinds.

    Parameters
    ----------
    net : Network
    kinds : sequence of str
        Of `KINDS`: line, transformer, series, generator, hvdc_pole, shunt (one element each), bus_section
        (everything at one bus), tower (branches with the same ``tower``), data_center (loads of kind
        data_center, by name), plant (generators with the same ``plant``).
    min_kv : float
        Lowest nominal voltage [kV], compared with the highest voltage of the elements.

    Returns
    -------
    DataFrame
        Index contingency; columns kind, elements (tuple of ids). Only elements in service. A contingency of
        one element has that element's id.

    Raises
    ------
    OptionError
        If a kind is unknown.

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
    """
    if isinstance(kinds, str):
        kinds = (kinds,)
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise OptionError(f"unknown kind of contingency {', '.join(unknown)}; kinds: {', '.join(KINDS)}")
    parts = [part for part in (_list_kind(net, kind) for kind in dict.fromkeys(kinds)) if len(part)]
    if not parts:
        empty = pd.DataFrame({"kind": [], "elements": []}, dtype=object)
        return empty.rename_axis("contingency")
    table = pd.concat(parts)
    table = table[table["kv"] >= min_kv]
    repeated = table.index.duplicated(keep=False)
    if repeated.any():
        # ids are unique within a table only; say the kind where two tables share one
        named = [
            f"{kind}:{name}" if twice and not str(name).startswith(f"{kind}:") else name
            for name, kind, twice in zip(table.index, table["kind"], repeated, strict=True)
        ]
        table.index = pd.Index(named)
    return table[["kind", "elements"]].rename_axis("contingency")


def find_outages(net: Network, case: Case, contingencies: pd.DataFrame) -> list[Outage]:
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
    list of Outage

    Raises
    ------
    InputError
        E-REF for every unknown id, E-DUP for repeated contingencies, E-EMPTY for one without elements.
    """
    where: dict[str, dict[str, tuple[str, int]]] = {}
    for table in ELEMENT_TABLES:
        kind = "branch" if table in BRANCH_TABLES else table
        ids = getattr(case.labels, kind)
        chosen = set(net.tables[table].index)
        where[table] = {name: (kind, i) for i, name in enumerate(ids) if name in chosen}
    issues: list[Issue] = []
    for name in contingencies.index[contingencies.index.duplicated()]:
        issues.append(Issue("error", "E-DUP", "contingency", str(name), "", "", "listed twice"))
    kinds = contingencies["kind"] if "kind" in contingencies else [""] * len(contingencies)
    outages = []
    for name, kind, elements in zip(contingencies.index, kinds, contingencies["elements"], strict=True):
        elements = (elements,) if isinstance(elements, str) else elements
        positions: dict[str, list[int]] = {}
        first = _FIRST_TABLE.get(kind, kind)
        order = [first, *ELEMENT_TABLES] if first in where else list(ELEMENT_TABLES)
        for element in elements:
            found = next((where[table][element] for table in order if element in where[table]), None)
            if found is None:
                text = "no such element in any table"
                issues.append(
                    Issue("error", "E-REF", "contingency", str(name), "elements", str(element), text)
                )
                continue
            positions.setdefault(found[0], []).append(found[1])
        if not len(elements):
            issues.append(Issue("error", "E-EMPTY", "contingency", str(name), "elements", "", "no element"))
        outages.append(Outage(**{key: tuple(value) for key, value in positions.items()}))
    if issues:
        raise InputError(issues, "contingencies")
    return outages
