"""Find everything that is wrong with a network, at once.

What a single column may hold comes from the schema (here); what columns and tables must be to each other
are the rules of `gridhub.model.rules`.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from gridhub.errors import Issue, SchemaError, name_ids
from gridhub.model.network import Network
from gridhub.model.rules import RULES, Rows, list_issues
from gridhub.model.schema import BRANCH_TABLES, Column, read_schema
from gridhub.model.topology import find_positions

LARGEST = 1e15
"""Magnitude from which a number stands for infinity: no grid holds it, and its square leaves double range."""

# Faults that a rule names more precisely than the schema can.
_OWN_CODE = {
    ("transformer", "tap_ratio"): "E-TAP",
    ("series", "tap_ratio"): "E-TAP",
}
_OWN_RANGE = {("line", "r_ohm")}
# Tables whose references are faults of their own kind.
_REFERENCE_CODE = {"snapshot_value": "E-SNAPSHOT"}


def _check_numbers(table: str, frame: pd.DataFrame, column: Column) -> list[Issue]:
    """Check one numeric column for empty, infinite and out-of-range values."""
    values = frame[column.name].to_numpy(dtype=float)
    missing = np.isnan(values)
    infinite = ~missing & ~(np.abs(values) < LARGEST)
    place = (table, frame, column.name)
    issues = list_issues(*place, infinite, "E-INF", "is infinite; leave the cell empty if there is no limit")
    # a column with a default is never empty: a reader has put the default there
    default = column.default
    if column.required or (isinstance(default, float) and not math.isnan(default)):
        code = _OWN_CODE.get((table, column.name), "E-NAN")
        issues += list_issues(
            *place, missing, code, "has no value" + (f" [{column.unit}]" if column.unit else "")
        )
    if column.kind == "int":
        whole = missing | infinite | (np.mod(values, 1.0, where=~infinite, out=np.zeros_like(values)) == 0)
        issues += list_issues(*place, ~whole, "E-NUMBER", "is not a whole number")
    if (table, column.name) not in _OWN_RANGE:
        outside = ~missing & ~infinite & ((values < column.minimum) | (values > column.maximum))
        code = "E-STORAGE" if table == "storage" else "E-RANGE"
        issues += list_issues(*place, outside, code, f"is outside {column.minimum:g} to {column.maximum:g}")
    return issues


def _check_texts(table: str, frame: pd.DataFrame, column: Column) -> list[Issue]:
    """Check one text column for required values."""
    if not column.required:
        return []
    empty = (frame[column.name] == "").to_numpy(dtype=bool)
    return list_issues(table, frame, column.name, empty, "E-NAN", "has no value")


def _check_references(net: Network, table: str, column: Column) -> list[Issue]:
    """Check that the ids in a column exist."""
    if not column.reference:
        return []
    frame = net.tables[table]
    targets = (*BRANCH_TABLES, "hvdc") if column.reference == "branch" else (column.reference,)
    values = frame[column.name].tolist()
    known = np.zeros(len(values), dtype=bool)
    for target in targets:
        known |= find_positions(net.tables[target].index, values) >= 0
    dangling = ~known & np.array([value != "" for value in values], dtype=bool)
    wanted = "branch or HVDC link" if column.reference == "branch" else column.reference
    code = _REFERENCE_CODE.get(table, "E-REF")
    return list_issues(table, frame, column.name, dangling, code, f"names no {wanted} there is")


def _check_ids(net: Network) -> list[Issue]:
    """Check that ids are there, and once only: within a table, and among all branches and HVDC links."""
    issues: list[Issue] = []
    for table, frame in net.tables.items():
        rows: dict[str, list[int]] = {}
        for row, name in enumerate(frame.index, start=1):
            rows.setdefault(name, []).append(row)
        for name, found in rows.items():
            if name == "":
                text = f"row {name_ids(found)} has no id"
                issues.append(Issue("error", "E-NAN", table, "", "id", "", text))
            elif len(found) > 1:
                text = f"the id stands in rows {name_ids(found)}; every row needs its own"
                issues.append(Issue("error", "E-DUP", table, name, "id", name, text))
    first: dict[str, str] = {}
    for table in (*BRANCH_TABLES, "hvdc"):
        for name in net.tables[table].index.unique():
            other = first.setdefault(name, table)
            if other != table and name != "":
                text = f"the id is also in table {other}; branches and HVDC links share one set of ids"
                issues.append(Issue("error", "E-DUP", table, name, "id", name, text))
    return issues


def _check_network(net: Network) -> list[Issue]:
    """Check what belongs to the network as a whole."""
    issues: list[Issue] = []
    for name, value in (("base_mva", net.base_mva), ("frequency_hz", net.frequency_hz)):
        if not 0.0 < value < LARGEST:
            text = "must be a finite number above 0"
            issues.append(Issue("error", "E-RANGE", "network", net.name, name, str(value), text))
    if net.tables["bus"].empty:
        text = "the network has no bus"
        issues.append(Issue("error", "E-EMPTY", "bus", "", "", "", text))
    return issues


def validate(net: Network) -> tuple[Issue, ...]:
    """Find every fault of a network.

    Parameters
    ----------
    net : Network
        Network to check; it is not changed.

    Returns
    -------
    tuple of Issue
        Errors first, then warnings; each names table, row, column and value. Empty if nothing is wrong.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> bus = pd.DataFrame({"vn_kv": [345.0], "reference": True}, index=["a"])
    >>> load = pd.DataFrame({"bus": ["a"], "p_mw": [float("nan")]}, index=["l"])
    >>> [str(issue) for issue in validate(build_network("one", bus=bus, load=load))]
    ['E-NAN load l p_mw = nan: has no value [MW]']
    """
    issues = [*_check_network(net), *_check_ids(net)]
    for table, columns in read_schema().items():
        frame = net.tables[table]
        if frame.empty:
            continue
        for column in columns.values():
            if column.kind in ("float", "int"):
                issues += _check_numbers(table, frame, column)
            elif column.kind == "string":
                issues += _check_texts(table, frame, column)
            issues += _check_references(net, table, column)
    rows = Rows(net)
    for rule in RULES:
        issues += rule(rows)
    unique = dict.fromkeys(issues)
    return tuple(sorted(unique, key=lambda issue: issue.severity != "error"))


def check_network(net: Network) -> Network:
    """Give a network back if it has no error.

    Parameters
    ----------
    net : Network
        Network to check.

    Returns
    -------
    Network
        The same object. Warnings are left to `validate`.

    Raises
    ------
    SchemaError
        With every error there is.

    Examples
    --------
    >>> from gridhub.model.network import build_network
    >>> net = build_network("one", bus=pd.DataFrame({"vn_kv": [345.0]}, index=["a"]))
    >>> check_network(net) is net
    True
    """
    errors = [issue for issue in validate(net) if issue.severity == "error"]
    if errors:
        raise SchemaError(errors, f"network {net.name!r}")
    return net
