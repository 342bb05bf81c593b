"""Interfaces: what flows over a group of ties, its limit, and the margin left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.case.case import Case, Floats
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

NARROW_PERCENT = 5.0
"""Margin [% of the limit] up to which an hour counts as narrow (the Korean operator's own threshold)."""

COLUMNS = (
    "interface",
    "snapshot",
    "flow_mw",
    "limit_mw",
    "limit_reverse_mw",
    "margin_mw",
    "margin_percent",
    "state",
    "basis",
    "members",
    "members_out",
    "source",
    "confidence",
)


def compute_member_flows(members: pd.DataFrame, pf: PowerFlow) -> pd.Series[float]:
    """Compute what each member carries in the direction of its interface.

    Parameters
    ----------
    members : DataFrame
        Rows of ``net.interface``.
    pf : PowerFlow
        Solved state.

    Returns
    -------
    Series
        Like `members`; sending-end flow [MW]: what enters the member at the end the power is meant to come
        from. 0 for a member out of service or in a dead island.

    Notes
    -----
    A branch with direction 1 counts ``p_from_mw``, with -1 ``p_to_mw``; an HVDC link ``p_from_mw`` (taken
    from the AC grid) or ``-p_to_mw``.
    """
    name = members["member"]
    branch = [pf.branch[column].reindex(name).to_numpy() for column in ("p_from_mw", "p_to_mw")]
    link = [pf.hvdc[column].reindex(name).to_numpy() for column in ("p_from_mw", "p_to_mw")]
    forward = members["direction"].to_numpy(dtype=float) > 0
    is_link = name.isin(pf.hvdc.index).to_numpy(dtype=bool)
    flow = np.where(is_link, np.where(forward, link[0], -link[1]), np.where(forward, branch[0], branch[1]))
    return pd.Series(np.nan_to_num(flow), index=members.index)


def list_limited(net: Network) -> list[str]:
    """List the interfaces that have a limit in either direction, in the order of the table."""
    table = net.interface
    known = table[table[["limit_mw", "limit_reverse_mw"]].notna().any(axis=1).to_numpy(dtype=bool)]
    return [str(name) for name in dict.fromkeys(table["name"]) if name in set(known["name"])]


@dataclass(frozen=True, slots=True, eq=False)
class InterfaceRows:
    """Interfaces as sums of DC flows.

    Attributes
    ----------
    names : tuple of str
    weight : (n, n_branch) float
        Direction of each member.
    fixed : (n,) float
        What the HVDC members carry [p.u.].
    limit, reverse : (n,) float
        Limits along and against the direction [p.u.]; NaN = none published.
    """

    names: tuple[str, ...]
    weight: Floats
    fixed: Floats
    limit: Floats
    reverse: Floats


def compile_interfaces(net: Network, case: Case, limited: bool = False) -> InterfaceRows:
    """Read the interfaces of a network as rows over the branches of its case.

    Parameters
    ----------
    net : Network
        Tables of one state.
    case : Case
        Compiled from it.
    limited : bool
        Whether interfaces without any limit are left out.
    """
    table = net.interface
    names = list_limited(net) if limited else [str(name) for name in dict.fromkeys(table["name"])]
    branch = {name: i for i, name in enumerate(case.labels.branch)}
    link = {name: i for i, name in enumerate(case.labels.hvdc)}
    weight, fixed = np.zeros((len(names), case.n_branch)), np.zeros(len(names))
    arriving = case.hvdc_p_to()
    limits = np.full((2, len(names)), np.nan)
    for row, name in enumerate(names):
        group = table[table["name"] == name]
        for member, direction in zip(group["member"], group["direction"], strict=True):
            if member in branch:
                weight[row, branch[member]] += direction
            elif member in link and case.hvdc_on[link[member]]:
                i = link[member]
                fixed[row] += case.hvdc_p[i] if direction > 0 else -arriving[i]
        limits[:, row] = group[["limit_mw", "limit_reverse_mw"]].min().to_numpy(dtype=float) / case.base_mva
    return InterfaceRows(tuple(names), weight, fixed, limits[0], limits[1])


def _find_limit(values: pd.Series[float]) -> float:
    """Take the smallest limit the rows of one interface name; NaN if none does."""
    return float(values.min())


def _judge(margin_mw: float, margin_percent: float) -> str:
    if np.isnan(margin_mw):
        return "no published limit"
    if margin_mw < -1e-6:
        return "over the limit"
    return "narrow" if margin_percent <= NARROW_PERCENT else "ok"


def compute_interfaces(net: Network, pf: PowerFlow) -> pd.DataFrame:
    """Compute flow, limit and margin of every interface in one solved state.

    Parameters
    ----------
    net : Network
        Network the state belongs to; ``net.interface`` holds one row per member.
    pf : PowerFlow
        AC or DC.

    Returns
    -------
    DataFrame
        One row per interface: interface, snapshot, flow_mw (positive in the interface's direction),
        limit_mw, limit_reverse_mw (NaN = not published), margin_mw (the smaller of limit - flow and
        reverse limit + flow), margin_percent (of the limit it belongs to), state ("ok", "narrow" up to 5 %,
        "over the limit", "no published limit"), basis, members, members_out (not in the results, out of
        service or without flow), source, confidence.
    """
    table = apply_snapshot(net, pf.snapshot or None).interface
    flow = compute_member_flows(table, pf)
    rows = []
    for name, group in table.groupby("name", sort=False):
        total = float(flow[group.index].sum())
        limits = [_find_limit(group[column]) for column in ("limit_mw", "limit_reverse_mw")]
        margins = [limits[0] - total, limits[1] + total]
        known = [i for i in (0, 1) if not np.isnan(margins[i])]
        tight = min(known, key=lambda i: margins[i]) if known else 0
        percent = 100.0 * margins[tight] / limits[tight] if known and limits[tight] > 0 else np.nan
        rows.append(
            {
                "interface": str(name),
                "snapshot": pf.snapshot,
                "flow_mw": total,
                "limit_mw": limits[0],
                "limit_reverse_mw": limits[1],
                "margin_mw": margins[tight],
                "margin_percent": percent,
                "state": _judge(margins[tight], percent),
                "basis": next((text for text in group["basis"] if text), ""),
                "members": len(group),
                "members_out": int((flow[group.index] == 0).sum()),
                "source": next((text for text in group["source"] if text), ""),
                "confidence": next((text for text in group["confidence"] if text), ""),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compare_interfaces(before: Sequence[pd.DataFrame], after: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Set interface tables of two networks side by side.

    Parameters
    ----------
    before, after : sequence of DataFrame
        What `compute_interfaces` gave, one per snapshot.

    Returns
    -------
    DataFrame
        interface, snapshot, limit_mw, limit_reverse_mw, flow_before_mw, flow_after_mw, change_mw,
        margin_before_mw, margin_after_mw, margin_after_percent, state_before, state_after, basis, source,
        confidence.
    """
    tables = [
        pd.concat(list(part), ignore_index=True) if part else pd.DataFrame(columns=list(COLUMNS))
        for part in (before, after)
    ]
    old, new = (table.set_index(["interface", "snapshot"]) for table in tables)
    old = old.reindex(new.index)
    return pd.DataFrame(
        {
            "limit_mw": new["limit_mw"],
            "limit_reverse_mw": new["limit_reverse_mw"],
            "flow_before_mw": old["flow_mw"],
            "flow_after_mw": new["flow_mw"],
            "change_mw": new["flow_mw"] - old["flow_mw"],
            "margin_before_mw": old["margin_mw"],
            "margin_after_mw": new["margin_mw"],
            "margin_after_percent": new["margin_percent"],
            "state_before": old["state"],
            "state_after": new["state"],
            "basis": new["basis"],
            "source": new["source"],
            "confidence": new["confidence"],
        }
    ).reset_index()
