"""Fault level at the ends of each candidate, before and with it, against the breaker classes; indicative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridhub.analysis.voltage.fault_levels import compute_fault_levels
from gridhub.analysis.works.candidates import Candidate
from gridhub.analysis.works.works import find_route
from gridhub.criteria import Criteria
from gridhub.model.network import Network


def find_faults(
    net: Network, candidates: Sequence[Candidate], snapshot: str | None, criteria: Criteria | None
) -> dict[str, dict[str, Any]]:
    """Find the fault level at the end that each candidate raises most.

    Parameters
    ----------
    net : Network
        Without any of them.
    candidates : sequence of Candidate
    snapshot : str or None
        Whose units and topology count.
    criteria : Criteria or None
        Where the breaker classes are from.

    Returns
    -------
    dict
        Candidate -> fault_bus, fault_before_ka, fault_after_ka (initial symmetrical current), breaker_ka
        (smallest class that interrupts the current with the work; NaN: none does, or none is known),
        fault_state (as in `compute_fault_levels`).
    """
    ends = {one.name: _find_ends(net, one.target) for one in candidates}
    every = sorted({bus for buses in ends.values() for bus in buses})
    if not every:
        return {}
    before = compute_fault_levels(net, snapshot, criteria, buses=every).table
    found: dict[str, dict[str, Any]] = {}
    for one in candidates:
        buses = ends[one.name]
        if not buses:
            continue
        after = compute_fault_levels(one.apply(net), snapshot, criteria, buses=buses).table
        raised = after["ik_ka"] - before["ik_ka"].reindex(buses)
        bus = str(raised.idxmax())
        found[one.name] = {
            "fault_bus": bus,
            "fault_before_ka": float(before["ik_ka"][bus]),
            "fault_after_ka": float(after["ik_ka"][bus]),
            "breaker_ka": float(after["breaker_ka"][bus]),
            "fault_state": str(after["state"][bus]),
        }
    return found


def _find_ends(net: Network, target: str) -> list[str]:
    """Find the buses that a candidate's target ends at."""
    if target in net.tables["bus"].index:
        return [target]
    rows = find_route(net, target)
    if rows.empty and target in net.tables["transformer"].index:
        rows = net.transformer.loc[[target]]
    if rows.empty:
        return []
    return sorted({str(rows.iloc[0]["from_bus"]), str(rows.iloc[0]["to_bus"])})
