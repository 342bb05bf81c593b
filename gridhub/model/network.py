"""`Network`: one transmission network as a frozen value, one table per component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from gridhub.errors import name_ids
from gridhub.model.schema import BRANCH_TABLES, build_empty_table, complete_table, read_schema

PLACEMENT_COLUMNS = (
    "part",
    "kind",
    "bus",
    "vn_kv",
    "distance_km",
    "feeders",
    "p_mw",
    "earliest_energisation",
    "basis",
)
"""Columns of ``Network.placements``."""


def _freeze(frame: pd.DataFrame) -> pd.DataFrame:
    """Rebuild a table on read-only arrays, so that ``frame.loc[i, c] = v`` raises instead of writing."""
    data: dict[str, np.ndarray] = {}
    for name in frame.columns:
        values = np.array(frame[name].to_numpy(), copy=True)
        values.flags.writeable = False
        data[name] = values
    return pd.DataFrame(data, index=frame.index, copy=False)


class _Settled(dict[str, pd.DataFrame]):
    """Tables of another network, all of them frozen but those named in `changed`."""

    def __init__(self, tables: Mapping[str, pd.DataFrame], changed: Mapping[str, pd.DataFrame]) -> None:
        super().__init__({**tables, **changed})
        self.changed = frozenset(changed)


def _settle(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """Complete and freeze one table, unless another network has done so."""
    if name not in tables:
        return _freeze(build_empty_table(name))
    if isinstance(tables, _Settled) and name not in tables.changed:
        return tables[name]
    return _freeze(complete_table(name, tables[name]))


def build_empty_placements() -> pd.DataFrame:
    """Make a placements table without rows."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in PLACEMENT_COLUMNS})


@dataclass(frozen=True, eq=False)
class Network:
    """A transmission network: tables in physical units with string ids. Frozen.

    Attributes
    ----------
    name : str
        Name it is known by.
    base_mva : float
        Power base of every per-unit quantity [MVA].
    tables : mapping
        Table name -> DataFrame with the columns of the schema (`gridhub.model.schema`), index ``id``.
        The arrays are read-only. ``net.bus``, ``net.line`` … give a copy of one table to change.
    title, vintage, licence, attribution, currency : str
        What it is, the date it stands for, and under which terms it may be passed on.
    frequency_hz : float
        Nominal frequency [Hz].
    reactive_limits : bool
        Default of the power-flow option of the same name: True for regions, False for imported files.
    documents : mapping
        TOML texts that travel with the network: ``criteria``, ``connection_rules``, ``costs``.
    placements : DataFrame
        One row per placed part of a hub (`gridhub.place`).

    Notes
    -----
    Signs: generator and storage power is positive into the network, load power positive out of it,
    branch flow positive into the branch at its from end.

    Examples
    --------
    >>> import pandas as pd
    >>> net = build_network("two", bus=pd.DataFrame({"vn_kv": [345.0, 345.0]}, index=["a", "b"]))
    >>> list(net.bus.index), net.base_mva
    (['a', 'b'], 100.0)
    """

    name: str
    base_mva: float
    tables: Mapping[str, pd.DataFrame]
    title: str = ""
    vintage: str = ""
    licence: str = ""
    attribution: str = ""
    currency: str = ""
    frequency_hz: float = 60.0
    reactive_limits: bool = False
    documents: Mapping[str, str] = field(default_factory=dict)
    placements: pd.DataFrame = field(default_factory=build_empty_placements)

    def __post_init__(self) -> None:
        """Complete every table by the schema and freeze it."""
        unknown = [name for name in self.tables if name not in read_schema()]
        if unknown:
            raise KeyError(f"no such table: {name_ids(unknown)}; tables are {', '.join(read_schema())}")
        tables = {name: _settle(self.tables, name) for name in read_schema()}
        object.__setattr__(self, "tables", MappingProxyType(tables))
        object.__setattr__(self, "documents", MappingProxyType(dict(self.documents)))

    def __getattr__(self, name: str) -> pd.DataFrame:
        """Give a copy of one table: ``net.bus``, ``net.line``, …; change it and hand it to `replace`."""
        if name.startswith("_") or name == "tables" or name not in self.tables:
            raise AttributeError(f"Network has no table or attribute {name!r}")
        return self.tables[name].copy()

    def __repr__(self) -> str:
        """Show the name and the size."""
        branches = sum(len(self.tables[table]) for table in BRANCH_TABLES)
        return f"<Network {self.name!r}: {len(self.tables['bus'])} buses, {branches} branches>"

    @property
    def snapshots(self) -> tuple[str, ...]:
        """Ids of the stored snapshots, in order; empty if there is only the state of the tables."""
        return tuple(self.tables["snapshot"].index)

    def replace(self, **changes: Any) -> Network:
        """Return a new network with some tables or attributes replaced.

        Parameters
        ----------
        **changes
            A table name with a DataFrame, or an attribute name with its value.

        Returns
        -------
        Network

        Raises
        ------
        TypeError
            If a name is neither a table nor an attribute.
        """
        tables = {name: changes.pop(name) for name in list(changes) if name in read_schema()}
        return replace(self, tables=_Settled(self.tables, tables), **changes)

    def branches(self) -> pd.DataFrame:
        """List all AC branches in the order of every branch result.

        Returns
        -------
        DataFrame
            Index id; columns kind (``line`` | ``transformer`` | ``series``), from_bus, to_bus, vn_kv (the
            higher end) [kV], rate_mva [MVA] (NaN = unrated), circuit, tower, in_service, source_row.
            Imported files keep the order of their rows; otherwise lines, transformers, series elements.
        """
        tables = [self.tables[kind] for kind in BRANCH_TABLES]
        sizes = [len(table) for table in tables]

        def join(column: str) -> np.ndarray:
            parts = [table[column].to_numpy() for table in tables if column in table]
            return np.concatenate([part for part in parts if len(part)] or parts[:1])

        # a column that only some kinds have is empty in the others
        texts = {
            column: np.concatenate(
                [table.get(column, pd.Series("", table.index, object)).to_numpy() for table in tables]
            )
            for column in ("circuit", "tower")
        }
        vn_kv = np.append(self.tables["bus"]["vn_kv"].to_numpy(), np.nan)
        ends = {column: join(column) for column in ("from_bus", "to_bus")}
        place = [self.tables["bus"].index.get_indexer(pd.Index(bus)) for bus in ends.values()]
        branches = pd.DataFrame(
            {
                "kind": np.repeat(np.array(BRANCH_TABLES, dtype=object), sizes),
                **ends,
                "vn_kv": np.fmax(vn_kv[place[0]], vn_kv[place[1]]),
                "rate_mva": join("rate_mva"),
                **texts,
                "in_service": join("in_service"),
                "source_row": join("source_row"),
            },
            index=pd.Index(np.concatenate([table.index.to_numpy() for table in tables]), name="id"),
        )
        rows = branches["source_row"].to_numpy(dtype=float)
        if len(rows) and np.isfinite(rows).all() and len(np.unique(rows)) == len(rows):
            branches = branches.iloc[np.argsort(rows, kind="stable")]
        return branches


def build_network(name: str, base_mva: float = 100.0, **parts: Any) -> Network:
    """Make a network from tables given by name.

    Parameters
    ----------
    name : str
        Name of the network.
    base_mva : float
        Power base [MVA].
    **parts
        Tables (``bus=…``, ``line=…``) and attributes (``currency="KRW"``).

    Returns
    -------
    Network
        Not validated: see `gridhub.validate`.
    """
    tables = {key: parts.pop(key) for key in list(parts) if key in read_schema()}
    return Network(name=name, base_mva=base_mva, tables=tables, **parts)
