"""The rules that travel with a network, as a page shows them: each value with source, date and confidence."""

from __future__ import annotations

import numpy as np

from gridhub.criteria import read_criteria
from gridhub.model.network import Network
from gridhub.report.page import Assumption


def list_criteria(net: Network | None) -> tuple[Assumption, ...]:
    """Give the planning criteria of a network as assumptions with their sources."""
    text = net.documents.get("criteria") if net is not None else None
    if not text:
        return ()
    return tuple(
        Assumption(item.key, f"{item.value:g}", item.unit, item.source, item.as_of, item.confidence)
        for item in read_criteria(text).values
    )


def find_ranges(net: Network, state: str = "normal") -> dict[float, tuple[float, float]]:
    """Give the voltage range of each class [p.u.] by the network's own criteria; empty if it has none."""
    text = net.documents.get("criteria")
    if not text:
        return {}
    classes = np.sort(net.bus["vn_kv"].dropna().unique())
    low, high = read_criteria(text).voltage_limits(classes, "normal" if state == "normal" else "outage")
    return {
        float(kv): (float(a), float(b))
        for kv, a, b in zip(classes, low, high, strict=True)
        if np.isfinite(a) and np.isfinite(b)
    }
