"""A part on its way into the tables: what it gives in each state, and its place beside the data center."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gridhub.connection_rules import ConnectionRules
from gridhub.errors import PlacementError, name_ids
from gridhub.model.network import Network
from gridhub.placement.connect import PLANT_POWER_FACTOR, Connection, Request
from gridhub.placement.hub import Hub, OnSiteGenerator, Part, RenewablePlant, Storage

PLANT_Q_PER_P = math.tan(math.acos(PLANT_POWER_FACTOR))
"""Reactive power a plant gives or takes per MW it produces, to hold its bus at 1 p.u. (assumed)."""

PLANT_REACTIVE = {"q_min_mvar": -PLANT_Q_PER_P, "q_max_mvar": PLANT_Q_PER_P}
"""Reactive limits of a plant per MW it produces [Mvar/MW]."""


@dataclass(frozen=True)
class Placed:
    """One connection with what stands behind it, on its way into the tables."""

    part: Part
    request: Request
    connection: Connection
    rows: dict[str, list[dict[str, Any]]]
    values: list[dict[str, str]]
    notes: tuple[str, ...]


def stand_beside(connection: Connection, reason: str) -> Connection:
    """Make the connection of a part that stands on the data center's own bus."""
    return replace(
        connection,
        distance_km=0.0,
        length_km=0.0,
        feeders=0,
        banks=0,
        feeder=None,
        bank=None,
        reason=reason,
        alternatives="",
        rows={},
    )


def sum_plants(net: Network, rules: ConnectionRules | None, hub: Hub) -> dict[str, float]:
    """Add up what the plants of a hub give in every snapshot, before any cut [MW]."""
    return {
        name: sum(part.p_mw * find_share(net, rules, part, name)[0] for part in hub.plants)
        for name in (net.snapshots or ("",))
    }


def find_share(
    net: Network,
    rules: ConnectionRules | None,
    part: RenewablePlant | Storage | OnSiteGenerator,
    snapshot: str,
) -> tuple[float, str]:
    """Find the share of p_mw a part gives in a snapshot, and where the share comes from."""
    if isinstance(part.output, Mapping):
        missing = [name for name in (net.snapshots or ("",)) if name not in part.output]
        if missing:
            raise PlacementError(
                f"{part.name!r}: output says nothing of snapshot {name_ids(missing)}; "
                "give a share for each, or one number"
            )
        return float(part.output[snapshot]), "output given with the part"
    if part.output is not None:
        return float(part.output), "output given with the part"
    if isinstance(part, Storage):
        return 0.0, "idle in every snapshot (assumed)"
    if isinstance(part, OnSiteGenerator):
        return 1.0, "runs in every snapshot as far as the data center draws (assumed)"
    shares = rules.output.get(part.kind, {}) if rules else {}
    if snapshot in shares and rules:
        return shares[snapshot], f"share of p_mw: {rules.output_sources[part.kind][0]}"
    return 1.0, "no share known for this snapshot: nameplate (assumed)"


def list_values(
    table: str, id_: str, power: Mapping[str, float], scales: Mapping[str, float]
) -> list[dict[str, str]]:
    """List what snapshots override: columns that follow the power of a part."""
    return [
        {"snapshot": name, "table": table, "id": id_, "column": column, "value": repr(scale * value)}
        for name, value in power.items()
        if name
        for column, scale in scales.items()
    ]
