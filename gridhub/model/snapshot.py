"""Snapshots: the stored operating states of a network."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridhub.errors import name_ids
from gridhub.model.network import Network
from gridhub.model.schema import Column, read_schema

TRUE_TEXTS = frozenset({"true", "1", "1.0"})
FALSE_TEXTS = frozenset({"false", "0", "0.0"})


def parse_snapshot_value(column: Column, text: str) -> object:
    """Bring one ``snapshot_value`` text to the type of the column it overrides.

    Raises
    ------
    ValueError
        If the text is not a value of that type.
    """
    if column.kind == "string":
        return text
    if column.kind == "bool":
        if text.strip().lower() in TRUE_TEXTS:
            return True
        if text.strip().lower() in FALSE_TEXTS:
            return False
        raise ValueError(f"not a boolean: {text!r}")
    return float(text)


def find_snapshot(net: Network, snapshot: str | None) -> str | None:
    """Give the snapshot's id: the first for None, None if the network stores none.

    Raises
    ------
    KeyError
        If there is no such snapshot; the message lists those there are.
    """
    if snapshot is None:
        return net.snapshots[0] if net.snapshots else None
    if snapshot not in net.snapshots:
        there = name_ids(net.snapshots, 20) or "none: the tables hold the only state"
        raise KeyError(f"no snapshot {snapshot!r} in {net.name!r}; snapshots: {there}")
    return snapshot


def apply_snapshot(net: Network, snapshot: str | None = None) -> Network:
    """Put the values of one snapshot into the tables.

    Parameters
    ----------
    net : Network
    snapshot : str, optional
        Id of the snapshot; None is the first, or the tables themselves if there is none.

    Returns
    -------
    Network
        New network whose tables hold the state. Its snapshot tables are kept.

    Raises
    ------
    KeyError
        If the snapshot, or a row or column it overrides, does not exist.
    """
    name = find_snapshot(net, snapshot)
    values = net.tables["snapshot_value"]
    chosen = values[values["snapshot"] == name] if name is not None else values.iloc[:0]
    if chosen.empty:
        return net
    changed: dict[str, pd.DataFrame] = {}
    for (table, column_name), group in chosen.groupby(["table", "column"], sort=False):
        column = read_schema().get(str(table), {}).get(str(column_name))
        if column is None:
            raise KeyError(f"snapshot {name!r} overrides {table}.{column_name}, which does not exist")
        frame = changed.setdefault(str(table), net.tables[str(table)].copy())
        rows = frame.index.get_indexer(pd.Index(group["id"]))
        if (rows < 0).any():
            missing = name_ids(group["id"].to_numpy()[rows < 0])
            raise KeyError(f"snapshot {name!r} overrides rows of {table} that do not exist: {missing}")
        data = np.array(frame[column_name].to_numpy(), copy=True)
        data[rows] = [parse_snapshot_value(column, text) for text in group["value"]]
        frame[column_name] = data
    return net.replace(**changed)
