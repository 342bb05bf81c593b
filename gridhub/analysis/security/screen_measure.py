"""What a screen missed and what it flagged for nothing, by class of outage."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from gridhub.analysis.contingency.contingencies import ELEMENT_TABLES
from gridhub.model.network import Network

COUNTS = (
    "outages",
    "flagged",
    "left_to_screen",
    "overloaded",
    "missed",
    "voltage_violated",
    "voltage_missed",
    "false",
)
"""Columns of ``Security.screen_by_class`` that count outages."""

RECALLS = {
    "recall_percent": ("overloaded", "missed"),
    "voltage_recall_percent": ("voltage_violated", "voltage_missed"),
}
"""Columns of ``Security.screen_by_class`` that give shares, with what was to be found and what was not."""


def measure_screen(screen: pd.DataFrame, contingencies: pd.DataFrame, net: Network) -> pd.DataFrame:
    """Measure the screen of a security analysis by what AC found.

    Parameters
    ----------
    screen : DataFrame
        ``Security.screen``. With ``verify="all"`` every outage is measured; else those that were flagged,
        and the rest is counted in left_to_screen.
    contingencies : DataFrame
        kind (if there is one), elements.
    net : Network
        The network that was analysed.

    Returns
    -------
    DataFrame
        Index kind of contingency, kv (highest nominal voltage of its elements). Columns outages, flagged,
        left_to_screen (not solved by AC), overloaded (by AC, or without a solution), missed (overloaded, not
        flagged), voltage_violated (by AC), voltage_missed (of these, not flagged: a DC screen sees no
        voltage), false (flagged, neither islanding nor in breach of what the screen looks at);
        recall_percent, voltage_recall_percent (of the overloaded, of the voltage_violated, those that were
        flagged; NaN where there is none). Without rows where nothing was screened.
    """
    if not len(screen) or (screen["bound"].to_numpy() == "").all():
        return _build_empty().copy()
    kinds = contingencies.get("kind", pd.Series("", index=contingencies.index)).to_numpy()
    kv = _find_kv(net, contingencies).to_numpy()
    keys = [pd.Series(part, index=screen.index, name=name) for part, name in ((kinds, "kind"), (kv, "kv"))]
    counted = screen.assign(outages=True, left_to_screen=~screen["solved_by_ac"])[list(COUNTS)]
    table = counted.astype(int).groupby(keys, sort=False, dropna=False).sum()
    for name, (there, missed) in RECALLS.items():
        found = table[there] - table[missed]
        table[name] = 100.0 * found / table[there].where(table[there] > 0)
    return table


@cache
def _build_empty() -> pd.DataFrame:
    return pd.DataFrame(columns=[*COUNTS, *RECALLS])


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
