"""Loss of the hub, and of what stands behind its meter: what the grid meets, and how it is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from gridhub.analysis.security.judging import VOLTAGE_TOLERANCE
from gridhub.analysis.security.security import Security
from gridhub.criteria import Criteria
from gridhub.model.network import Network
from gridhub.placement.candidates import HUB_PREFIX
from gridhub.placement.hub import Hub


def judge_loss(lost_mw: float, limit_mw: float) -> str:
    """Judge the size of a lost load: "ok", "frequency study required" or "no limit known" (infinite)."""
    if not math.isfinite(limit_mw):
        return "no limit known"
    return "frequency study required" if lost_mw > limit_mw + 1e-6 else "ok"


def judge_voltage(vm_pu: float, low_pu: float, high_pu: float) -> str:
    """Judge a voltage by its range: "ok", "low", "high", or "not judged" where either is not known (NaN)."""
    if math.isnan(vm_pu) or math.isnan(low_pu):
        return "not judged"
    if vm_pu < low_pu - VOLTAGE_TOLERANCE:
        return "low"
    return "high" if vm_pu > high_pu + VOLTAGE_TOLERANCE else "ok"


def build_hub_losses(
    hub: Hub, criteria: Criteria | None, after: Mapping[str, Security], violations: pd.DataFrame
) -> pd.DataFrame:
    """Show what the loss of the hub itself does in every snapshot.

    Returns
    -------
    DataFrame
        snapshot, contingency, lost_load_mw, limit_mw (largest load that may be lost at once), state ("ok" |
        "frequency study required" | "no limit known"), status, worst_element, worst_loading_percent,
        violations (caused by it).
    """
    limit = criteria.max_load_loss_mw if criteria is not None else math.inf
    rows = []
    for name, sec in after.items():
        kinds = sec.contingencies["kind"]
        own = kinds.index[
            (kinds == "data_center") & kinds.index.astype(str).str.contains(hub.name, regex=False)
        ]
        for contingency in own:
            row = sec.status.loc[contingency]
            lost = float(row["lost_load_mw"])
            mine = violations[(violations["contingency"] == contingency) & (violations["snapshot"] == name)]
            rows.append(
                {
                    "snapshot": name,
                    "contingency": str(contingency),
                    "lost_load_mw": lost,
                    "limit_mw": limit,
                    "state": judge_loss(lost, limit),
                    "status": str(row["status"]),
                    "worst_element": row["worst_element"],
                    "worst_loading_percent": float(row["worst_loading_percent"]),
                    "violations": int((mine["change"] == "caused").sum()),
                }
            )
    return pd.DataFrame(rows)


def build_on_site_losses(
    net: Network, hub: Hub, after: Mapping[str, Security], violations: pd.DataFrame
) -> pd.DataFrame:
    """Show what the loss of each on-site unit does: the grid then carries the load it stood behind.

    Parameters
    ----------
    net : Network
        With the hub placed.
    hub : Hub
    after : mapping
        Snapshot -> Security.
    violations : DataFrame
        Compared with the grid without the hub.

    Returns
    -------
    DataFrame
        snapshot, unit (id), lost_mw (its output before), draw_before_mw and draw_after_mw (of the load it
        stands behind, less what units behind it give), status, worst_element, worst_loading_percent,
        violations (caused by it). Standby units are out of service and have no row.
    """
    rows, table = [], net.generator
    for part in hub.generators:
        unit = f"{HUB_PREFIX}{part.name}"
        load = str(table.at[unit, "behind_load"])
        for name, sec in after.items():
            if unit not in sec.status.index:
                continue
            status = sec.status.loc[unit]
            lost = float(sec.base.generator["p_mw"][unit])
            own = sec.base.generator["p_mw"][(table["behind_load"] == load).to_numpy()]
            draw = float(net.load["p_mw"].astype(float)[load]) - float(own.sum())
            mine = violations[(violations["contingency"] == unit) & (violations["snapshot"] == name)]
            rows.append(
                {
                    "snapshot": name,
                    "unit": unit,
                    "lost_mw": lost,
                    "draw_before_mw": draw,
                    "draw_after_mw": draw + lost,
                    "status": str(status["status"]),
                    "worst_element": status["worst_element"],
                    "worst_loading_percent": float(status["worst_loading_percent"]),
                    "violations": int((mine["change"] == "caused").sum()),
                }
            )
    return pd.DataFrame(rows)
