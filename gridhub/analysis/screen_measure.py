"""What a DC screen missed and what it flagged for nothing, by class of outage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gridhub.analysis.contingencies import ELEMENT_TABLES
from gridhub.model.network import Network

if TYPE_CHECKING:
    from gridhub.analysis.security import Security

COUNTS = ("outages", "flagged", "left_to_dc", "overloaded", "missed", "false", "voltage_missed")
"""Columns of `measure_screen` that count outages."""


def measure_screen(security: Security, net: Network | None = None) -> pd.DataFrame:
    """Measure the DC screen of a security analysis by what AC found.

    Parameters
    ----------
    security : Security
        With ``verify="all"`` every outage is measured; else those that were flagged, and the rest is
        counted in left_to_dc.
    net : Network, optional
        The network that was analysed; without it outages are not told apart by voltage.

    Returns
    -------
    DataFrame
        Index kind of contingency and, with a network, kv (highest nominal voltage of its elements). Columns
        outages, flagged, left_to_dc (not solved by AC), overloaded (by AC, or without a solution), missed
        (overloaded, not flagged), false (flagged, neither overloaded nor islanding), voltage_missed (not
        flagged, no overload, but a voltage outside its limits: DC sees none), recall_percent (overloaded ones
        that were flagged; NaN where none is overloaded). Without rows where nothing was screened.
    """
    screen, index = security.screen, security.screen.index
    if screen["estimated_percent"].isna().all():
        return pd.DataFrame(columns=[*COUNTS, "recall_percent"])
    kinds = security.contingencies.get("kind", pd.Series("", index=index)).to_numpy()
    keys = [pd.Series(kinds, index=index, name="kind")]
    if net is not None:
        keys.append(_find_kv(net, security.contingencies).rename("kv"))
    violations = security.violations
    voltage = violations.loc[violations["kind"].str.startswith("voltage"), "contingency"]
    unseen = index.isin(voltage) & ~screen["flagged"] & ~screen["overloaded"]
    counted = pd.DataFrame(
        {
            "outages": 1,
            "flagged": screen["flagged"],
            "left_to_dc": ~screen["solved_by_ac"],
            "overloaded": screen["overloaded"],
            "missed": screen["missed"],
            "false": screen["false"],
            "voltage_missed": unseen,
        },
        index=index,
    ).astype(int)
    table = counted.groupby(keys, sort=False, dropna=False).sum()
    found = table["overloaded"] - table["missed"]
    return table.assign(recall_percent=100.0 * found / table["overloaded"].where(table["overloaded"] > 0))


def _find_kv(net: Network, contingencies: pd.DataFrame) -> pd.Series:
    """Highest nominal voltage of the elements of each contingency [kV]."""
    vn_kv = net.tables["bus"]["vn_kv"]
    kv: dict[str, float] = {}
    for table in reversed(ELEMENT_TABLES):
        frame = net.tables[table]
        ends = ["bus"] if "bus" in frame else ["from_bus", "to_bus"]
        highest = np.max([frame[end].map(vn_kv).to_numpy(dtype=float) for end in ends], axis=0)
        kv |= dict(zip(frame.index, highest, strict=True))
    values = [max(kv[part] for part in _listed(elements)) for elements in contingencies["elements"]]
    return pd.Series(values, index=contingencies.index, dtype=float)


def _listed(elements: object) -> tuple[str, ...]:
    return (elements,) if isinstance(elements, str) else tuple(elements)  # type: ignore[arg-type]
