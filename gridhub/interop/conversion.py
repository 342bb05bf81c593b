"""`ConversionReport`: what a bridge to another tool's data carried, and what it could not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from gridhub.errors import Issue
from gridhub.model.network import Network


@dataclass(frozen=True)
class ConversionReport:
    """What was carried from one form of a network to another.

    Attributes
    ----------
    source : str
        File, or the name of the network, it was made from.
    format : str
        Format of the other side: ``matpower``, ``pandapower``, ….
    counts : mapping
        Table -> rows of the gridhub network, empty tables left out.
    totals : mapping
        In-service sums of the gridhub network: load_mw, load_mvar, generation_mw, generators, ….
    issues : tuple of Issue
        Everything dropped, approximated or assumed, each with how much.

    Examples
    --------
    >>> print(ConversionReport("case.m", "matpower", {"bus": 2}, {"load_mw": 10.0}))
    case.m (matpower): bus 2
      load_mw 10
      nothing dropped, approximated or assumed
    """

    source: str
    format: str
    counts: Mapping[str, int]
    totals: Mapping[str, float]
    issues: tuple[Issue, ...] = ()

    def __post_init__(self) -> None:
        """Make the mappings read-only."""
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))
        object.__setattr__(self, "totals", MappingProxyType(dict(self.totals)))

    def __str__(self) -> str:
        """Show counts, totals and every issue, one a line."""
        lines = [f"{self.source} ({self.format}): " + ", ".join(f"{k} {v}" for k, v in self.counts.items())]
        lines.append("  " + ", ".join(f"{name} {value:.10g}" for name, value in self.totals.items()))
        lines += [f"  {issue}" for issue in self.issues] or ["  nothing dropped, approximated or assumed"]
        return "\n".join(lines)


def compute_totals(net: Network) -> dict[str, float]:
    """Add up what is in service.

    Parameters
    ----------
    net : Network

    Returns
    -------
    dict
        load_mw, load_mvar, generation_mw, shunt_mvar (at 1 p.u.), storage_mw, hvdc_mw; the last three only
        where there is any.
    """
    buses = net.tables["bus"]["in_service"]
    sums: dict[str, float] = {}
    for name, table, column in (
        ("load_mw", "load", "p_mw"),
        ("load_mvar", "load", "q_mvar"),
        ("generation_mw", "generator", "p_mw"),
        ("shunt_mvar", "shunt", "b_mvar"),
        ("storage_mw", "storage", "p_mw"),
        ("hvdc_mw", "hvdc", "p_mw"),
    ):
        frame = net.tables[table]
        if len(frame) == 0 and table not in ("load", "generator"):
            continue
        on = frame["in_service"].to_numpy(dtype=bool)
        for end in [c for c in ("bus", "from_bus", "to_bus") if c in frame]:
            on = on & (buses.reindex(frame[end]).fillna(False).to_numpy(dtype=bool) if len(frame) else True)
        sums[name] = float(np.nansum(frame[column].to_numpy(dtype=float)[on]))
    return sums


def build_report(net: Network, source: str, file_format: str, issues: Iterable[Issue]) -> ConversionReport:
    """Make the report of a conversion from or to `net`."""
    counts = {name: len(frame) for name, frame in net.tables.items() if len(frame)}
    return ConversionReport(source, file_format, counts, compute_totals(net), tuple(issues))
