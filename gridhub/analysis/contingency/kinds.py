"""Names of the kinds of contingencies, in a module of their own: the command line needs them at once."""

from __future__ import annotations

KINDS = (
    "line",
    "transformer",
    "series",
    "generator",
    "hvdc_pole",
    "shunt",
    "bus_section",
    "tower",
    "data_center",
    "plant",
    "four_circuit_tower",
    "parallel",
    "cable_tunnel",
)
"""Kinds of contingencies `list_contingencies` knows."""
