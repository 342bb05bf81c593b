"""Make the table ``interface`` from ``interfaces.toml``: every member of every interface."""

from __future__ import annotations

import tomllib
from typing import Any

from build_sources import HERE, Row

INTERFACE_COLUMNS = (
    "id name member direction limit_mw limit_reverse_mw name_ko basis source confidence".split()
)
REST = "rest"


def read_interfaces() -> list[dict[str, Any]]:
    """Read the interfaces in the order of the file."""
    with (HERE / "interfaces.toml").open("rb") as handle:
        return list(tomllib.load(handle)["interface"])


def find_direction(zones: tuple[str, str], interface: dict[str, Any]) -> int:
    """Return +1 or -1 if a branch between two zones crosses the interface, 0 if it does not."""
    source, target = interface["from"], interface["to"]
    for sign, (start, end) in ((1, zones), (-1, zones[::-1])):
        leaves = start == source if source != REST else start != target
        arrives = end == target if target != REST else end != source
        if leaves and arrives:
            return sign
    return 0


def list_members(branches: list[Row], zone_of: dict[str, str]) -> list[Row]:
    """List every branch and HVDC link that crosses an interface, with its direction."""
    return [
        make_member(interface, branch["id"], direction)
        for interface in read_interfaces()
        for branch in branches
        if (direction := find_direction((zone_of[branch["from_bus"]], zone_of[branch["to_bus"]]), interface))
    ]


def build_interfaces(branches: list[Row], buses: list[Row]) -> list[Row]:
    """List the members of every interface of the standing grid.

    Raises ``SystemExit`` if an interface does not name exactly the routes above 154 kV and links that cross.
    """
    kv_of = {row["id"]: float(row["vn_kv"]) for row in buses}
    by_id = {row["id"]: row for row in branches}
    rows = list_members(branches, {row["id"]: row["zone"] for row in buses})
    faults = []
    for interface in read_interfaces():
        crossing = [by_id[row["member"]] for row in rows if row["name"] == interface["id"]]
        found = {name for branch in crossing if (name := name_member(branch, kv_of))}
        named = {*interface.get("routes", ()), *interface.get("links", ())}
        faults += [f"{interface['id']}: {name} does not cross" for name in sorted(named - found)]
        faults += [f"{interface['id']}: {name} crosses, not listed" for name in sorted(found - named)]
    if faults:
        raise SystemExit("interfaces.toml:\n  " + "\n  ".join(faults))
    return rows


def name_member(branch: Row, kv_of: dict[str, float]) -> str:
    """Name what an interface has to list for a branch: its route, the link, or nothing at 154 kV."""
    if "technology" in branch:
        return branch["id"]
    return branch["route"] if kv_of[branch["from_bus"]] > 154.0 else ""


def make_member(interface: dict[str, Any], member: str, direction: int) -> Row:
    """Make the row of one member."""
    shared = {column: str(interface.get(column, "")) for column in INTERFACE_COLUMNS[4:]}
    row = {"id": f"{interface['id']}/{member}", "name": interface["id"], "member": member}
    return {**row, "direction": str(direction), **shared}
