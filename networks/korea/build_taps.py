"""Taps of the banks of ``korea-2025`` and the voltage each level is held at.

The rule: a tap stands on the step next to the ratio of the middles of the two adjustment bands, as published
(``criteria.toml``, state ``target``: 745 to 785, 336 to 360 and 152 to 164 kV). The target voltage of a
snapshot is that of 345 kV; the other levels are held at what a bank without load makes of it, so that no
reactive power flows through the banks but what they lose themselves.
"""

from __future__ import annotations

import re
import tomllib

from build_sources import HERE, Row, fixed

TAP_STEP = 0.0125
#: The level that a snapshot's target voltage is given for [kV].
GIVEN_KV = 345.0
LEVEL = re.compile(r"-(765|345|154)(-\d+)?$")


def read_middles() -> dict[float, float]:
    """Read the middle of the adjustment band of every level [p.u.]."""
    rows = tomllib.loads((HERE / "criteria.toml").read_text(encoding="utf-8"))["voltage"]
    return {
        float(row["vn_kv"]): 0.5 * (row["low_kv"] + row["high_kv"]) / row["vn_kv"]
        for row in rows
        if row["state"] == "target"
    }


def find_tap(high_kv: float, low_kv: float) -> float:
    """Find the tap ratio of a bank, the tap standing on its high side."""
    middles = read_middles()
    return 1.0 + TAP_STEP * round((middles[high_kv] / middles[low_kv] - 1.0) / TAP_STEP)


def find_level_kv(bus: str) -> float:
    """Find the level of a bus by its id."""
    found = LEVEL.search(bus)
    if found is None:
        raise ValueError(f"bus {bus} does not end in its level")
    return float(found[1])


def find_target_pu(bus: str, target_pu: float) -> float:
    """Find what a bus is held at where 345 kV is held at ``target_pu``."""
    level = find_level_kv(bus)
    if level > GIVEN_KV:
        return target_pu * find_tap(level, GIVEN_KV)
    return target_pu if level == GIVEN_KV else target_pu / find_tap(GIVEN_KV, level)


def set_taps(banks: list[Row]) -> list[Row]:
    """Set the tap of every bank by the rule."""
    return [
        {
            **row,
            "tap_ratio": fixed(find_tap(find_level_kv(row["from_bus"]), find_level_kv(row["to_bus"])), 4),
        }
        for row in banks
    ]


def hold_levels(units: list[Row]) -> list[Row]:
    """Give units the voltage of the level they stand at; ``vm_pu`` comes as that of 345 kV."""
    return [{**row, "vm_pu": fixed(find_target_pu(row["bus"], float(row["vm_pu"])), 4)} for row in units]
