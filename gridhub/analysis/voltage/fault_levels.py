"""Three-phase fault level of every bus against breaker classes, and how strong the grid is at a hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gridhub.analysis.hosting.hosting import find_buses
from gridhub.analysis.security.security import resolve_criteria
from gridhub.analysis.voltage.fault_sources import (
    FaultAssumptions,
    check_fault_sources,
    list_fault_sources,
    read_assumptions,
)
from gridhub.case.case import Case, Complexes, Floats
from gridhub.case.compile import compile_case
from gridhub.case.matrices import sum_at_nodes
from gridhub.criteria import SAME_CLASS, Criteria
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import find_snapshot
from gridhub.solvers.faults import FaultPlan, plan_faults

METHOD = (
    "initial symmetrical current of a bolted three-phase fault by an equivalent voltage source at the fault, "
    "as in IEC 60909-0: no loads, no shunts, no line charging, rated ratios, no correction factors K; all "
    "bus sections closed, so that stations run split have less; indicative"
)


@dataclass(frozen=True, eq=False)
class FaultLevels:
    """Three-phase fault level of every bus; indicative.

    Attributes
    ----------
    network, snapshot, criteria : str
    voltage_factor : float
        Voltage of the equivalent source, per unit of nominal.
    table : DataFrame
        Index bus: vn_kv, ik_ka (initial symmetrical current), machines_ka, converters_ka (their parts),
        s_mva, machines_mva, r_pu, x_pu (impedance at the fault), breaker_ka (smallest class that interrupts
        it; NaN: none does, or no class is known), largest_ka (largest class), state ("within the smallest
        class", "needs a larger class", "above every class", "no class known", "not fed", "out of service").
    sources : DataFrame
        What feeds the faults, see `list_fault_sources`.
    unknown : tuple of str
        Sources left out, because no rating is known.
    assumptions : tuple of str
        Everything assumed, in words.
    """

    network: str
    snapshot: str
    criteria: str
    voltage_factor: float
    table: pd.DataFrame
    sources: pd.DataFrame
    unknown: tuple[str, ...]
    assumptions: tuple[str, ...]

    def find_ratio(self, bus: str, mw: float) -> float:
        """Short-circuit ratio of a hub: fault level of the machines [MVA] per MW of the hub.

        Parameters
        ----------
        bus : str
        mw : float
            Contract power.

        Raises
        ------
        KeyError
            If there is no such bus.
        OptionError
            If the power is not above 0.

        Notes
        -----
        The fault level counts at nominal voltage, without the voltage factor; converters do not count.
        """
        if bus not in self.table.index:
            raise KeyError(f"no bus {bus!r} in {self.network!r}")
        if not mw > 0:
            raise OptionError(f"mw = {mw}: the power of the hub must be above 0")
        return float(self.table["machines_mva"][bus]) / self.voltage_factor / mw


@dataclass(frozen=True, slots=True, eq=False)
class FaultModel:
    """A case prepared for faults.

    Attributes
    ----------
    case : Case
    plan : FaultPlan
    converter_current : (n_node,) complex
        Current of the converters [p.u.].
    """

    case: Case
    plan: FaultPlan
    converter_current: Complexes


def build_fault_model(net: Network, snapshot: str | None, sources: pd.DataFrame) -> FaultModel:
    """Put the sources into a network and factorize it."""
    case = compile_case(net, snapshot)
    position = {name: i for i, name in enumerate(case.labels.bus)}

    def place(kind: str) -> tuple[pd.DataFrame, np.ndarray]:
        part = sources[(sources["kind"] == kind).to_numpy() & (sources["mva"] > 0).to_numpy()]
        return part, np.array([position[bus] for bus in part["bus"]], dtype=np.int64)

    machine, bus = place("machine")
    size = machine["mva"].to_numpy(dtype=float) / case.base_mva
    z = machine["r_pu"].to_numpy(dtype=float) + 1j * machine["x_pu"].to_numpy(dtype=float)
    plan = plan_faults(case, case.bus_node[bus], size / z)
    converter, bus = place("converter")
    current = converter["mva"].to_numpy(dtype=float) * converter["current_pu"].to_numpy(dtype=float)
    return FaultModel(case, plan, sum_at_nodes(case, bus, -1j * current / case.base_mva))


def compute_fault_levels(
    net: Network,
    snapshot: str | None = None,
    criteria: str | Criteria | None = "network",
    *,
    sources: pd.DataFrame | None = None,
    assumptions: FaultAssumptions | Mapping[str, Any] | None = None,
    voltage_factor: float = 1.1,
    buses: Sequence[str] | None = None,
) -> FaultLevels:
    """Compute the three-phase fault level of every bus and hold it against breaker classes.

    Parameters
    ----------
    net : Network
    snapshot : str, optional
        State whose topology and units in service count; None is the first.
    criteria : str, Criteria or None
        Where the breaker classes are from.
    sources : DataFrame, optional
        What feeds the faults, as `list_fault_sources` gives it; None: that, with `assumptions`.
    assumptions : FaultAssumptions or mapping, optional
        What the network does not say of its units.
    voltage_factor : float
        Of the equivalent source; 1.1 is that of IEC 60909-0 for the largest current above 1 kV.
    buses : sequence of str, optional
        Those whose level is wanted; None: all.

    Returns
    -------
    FaultLevels

    Raises
    ------
    KeyError
        If a bus, the snapshot or the region of the criteria does not exist.
    InputError
        If the sources name unknown buses or lack numbers; all are listed.
    OptionError
        If an assumption or the voltage factor is out of range.

    Notes
    -----
    I_k = c / |Z_kk| + |sum_j Z_kj I_j / Z_kk| with Z the inverse of the admittance matrix of series
    impedances and machines, I_j the currents of the converters. Z_kk comes from solves on a sparse factor,
    column by column.

    Examples
    --------
    >>> import gridhub as gh
    >>> levels = compute_fault_levels(gh.load_network("korea-2025-backbone"))
    >>> bool((levels.table["ik_ka"] > 0).any())
    True
    """
    if not 0.5 <= voltage_factor <= 1.5:
        raise OptionError(f"voltage_factor = {voltage_factor}: a number from 0.5 to 1.5")
    rules = resolve_criteria(net, criteria)
    chosen = find_buses(net, buses) if buses is not None else None
    given = read_assumptions(assumptions)
    used = list_fault_sources(net, snapshot, given) if sources is None else check_fault_sources(net, sources)
    model = build_fault_model(net, snapshot, used)
    said = given.describe() if sources is None else ("sources: as given",)
    return FaultLevels(
        network=net.name,
        snapshot=find_snapshot(net, snapshot) or "",
        criteria="" if rules is None else rules.name,
        voltage_factor=voltage_factor,
        table=_build_table(net, model, rules, voltage_factor, chosen),
        sources=used,
        unknown=tuple(str(name) for name in used.index[used["kind"] == "unknown"]),
        assumptions=(METHOD, f"voltage factor {voltage_factor:g}", *said),
    )


def _build_table(
    net: Network, model: FaultModel, rules: Criteria | None, factor: float, buses: Sequence[str] | None
) -> pd.DataFrame:
    case, plan = model.case, model.plan
    labels = pd.Index(case.labels.bus, dtype=object, name="bus")
    rows = np.arange(len(labels)) if buses is None else labels.get_indexer(pd.Index(buses, dtype=object))
    node = case.bus_node[rows]
    z = plan.find_diagonal(node[node >= 0])
    lifted = plan.solve(model.converter_current)
    with np.errstate(invalid="ignore"):
        machines = np.where(plan.fed, factor / np.abs(z), 0.0)
        converters = np.where(plan.fed, np.abs(lifted / z), 0.0)
    vn_kv = net.bus["vn_kv"].to_numpy(dtype=float)[rows]

    def spread(values: np.ndarray, missing: float = np.nan) -> np.ndarray:
        return np.where(node >= 0, values[node], missing)

    to_ka = case.base_mva / (np.sqrt(3) * vn_kv)
    parts = spread(machines, 0.0), spread(converters, 0.0)
    total = parts[0] + parts[1]
    breaker, largest = _find_classes(rules, vn_kv, total * to_ka)
    state = _name_states(rules, vn_kv, total * to_ka, breaker, largest)
    state = np.where(node < 0, "out of service", np.where(spread(plan.fed, 0.0) > 0, state, "not fed"))
    fed_z = np.where(plan.fed, z, np.nan)
    return pd.DataFrame(
        {
            "vn_kv": vn_kv,
            "ik_ka": total * to_ka,
            "machines_ka": parts[0] * to_ka,
            "converters_ka": parts[1] * to_ka,
            "s_mva": total * case.base_mva,
            "machines_mva": parts[0] * case.base_mva,
            "r_pu": spread(fed_z.real),
            "x_pu": spread(fed_z.imag),
            "breaker_ka": breaker,
            "largest_ka": largest,
            "state": state,
        },
        index=labels[rows],
    )


def _list_classes(rules: Criteria | None, kv: float) -> list[float]:
    """Breaker classes of a nominal voltage [kA], the smallest first."""
    breakers = () if rules is None else rules.breakers
    return sorted(one.breaking_ka for one in breakers if abs(one.vn_kv - kv) <= SAME_CLASS * one.vn_kv)


def _find_classes(rules: Criteria | None, vn_kv: Floats, ik_ka: Floats) -> tuple[Floats, Floats]:
    """Smallest class that interrupts each current, and the largest there is [kA]; NaN where there is none."""
    breaker, largest = np.full(len(vn_kv), np.nan), np.full(len(vn_kv), np.nan)
    for kv in np.unique(vn_kv):
        classes, rows = _list_classes(rules, float(kv)), np.flatnonzero(vn_kv == kv)
        if classes:
            place = np.searchsorted(classes, ik_ka[rows])
            breaker[rows] = np.append(classes, np.nan)[place]
            largest[rows] = classes[-1]
    return breaker, largest


def _name_states(
    rules: Criteria | None, vn_kv: Floats, ik_ka: Floats, breaker: Floats, largest: Floats
) -> np.ndarray:
    smallest = np.array([min(_list_classes(rules, float(kv)), default=np.nan) for kv in vn_kv])
    fits = np.where(breaker == smallest, "within the smallest class", "needs a larger class")
    named = np.where(np.isnan(breaker), "above every class", fits)
    return np.asarray(np.where(np.isnan(largest), "no class known", named))
