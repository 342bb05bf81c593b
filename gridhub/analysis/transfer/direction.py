"""Direction of a transfer: which units of the source produce more, which loads of the sink draw more."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridhub.analysis.flow.areas import find_area_buses, name_area
from gridhub.analysis.voltage.growth import Area, GrowingCase, compile_growth
from gridhub.case.case import Case, Floats, Ints
from gridhub.case.matrices import sum_at_nodes
from gridhub.errors import OptionError, name_ids
from gridhub.model.network import Network
from gridhub.solvers.islands import find_islands
from gridhub.solvers.options import PowerFlowOptions


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """A transfer of one per-unit MW.

    Attributes
    ----------
    growing : GrowingCase
        The sink: loads whose p adds up to 1 p.u.
    unit : (k,) int
        Generators of the source; empty: the power enters at its buses.
    share : (k,) float
        Of the transfer, adding up to 1; empty likewise.
    direction : (n_node,) float
        Change of the nodes' injection per unit of transfer [p.u.].
    room : float
        What the source's units have left [p.u.].
    """

    growing: GrowingCase
    unit: Ints
    share: Floats
    direction: Floats
    room: float


def build_transfer(
    net: Network,
    source: Area,
    sink: Area,
    snapshot: str | None,
    options: PowerFlowOptions,
    power_factor: float | None,
) -> Transfer:
    """Settle who sends and who takes.

    Raises
    ------
    KeyError
        If an area or the snapshot does not exist.
    OptionError
        If the areas share a bus, or nothing can enter or leave at one of them.
    """
    sending, taking = find_area_buses(net, source), find_area_buses(net, sink)
    both = sending.intersection(taking)
    if len(both):
        raise OptionError(f"source and sink share {len(both)} buses: {name_ids(both)}")
    growing = compile_growth(net, sink, snapshot, options, power_factor=power_factor)
    total = growing.p.sum()
    growing = replace(growing, p=growing.p / total, q=growing.q / total)
    case = growing.case
    live = find_islands(case).live
    of_source = np.isin(np.array(case.labels.bus, dtype=object), sending)
    node = case.bus_node
    alive = of_source & np.where(node >= 0, live[node], False)
    if not alive.any():
        raise OptionError(f"every bus of {name_area(source)} is out of service or without a reference")
    unit, share, room = _share_units(case, alive)
    if not len(unit):
        growing = _let_enter(net, growing, alive, snapshot, options)
    entered = sum_at_nodes(case, case.generator_bus[unit], share)
    return Transfer(growing, unit, share, entered + growing.direction.real, room)


def _let_enter(
    net: Network, growing: GrowingCase, alive: np.ndarray, snapshot: str | None, options: PowerFlowOptions
) -> GrowingCase:
    """Let the power enter equally at buses without units, as loads that are negative."""
    case = growing.case
    buses = np.array(case.labels.bus, dtype=object)
    sink = pd.DataFrame(
        {"p_mw": growing.p * case.base_mva, "q_mvar": growing.q * case.base_mva},
        index=buses[case.load_bus[growing.probe]],
    )
    entering = -case.base_mva / alive.sum()
    source = pd.DataFrame({"p_mw": entering, "q_mvar": 0.0}, index=buses[alive])
    both = compile_growth(net, pd.concat([sink, source]), snapshot, options)
    return replace(both, label=growing.label)


def _share_units(case: Case, alive: np.ndarray) -> tuple[Ints, Floats, float]:
    """Share the transfer by what the units at `alive` buses have left; without end where that is unknown."""
    unit = np.flatnonzero(case.generator_on & alive[case.generator_bus])
    left = np.maximum(case.generator_p_max[unit] - case.generator_p[unit], 0.0)
    open_end = ~np.isfinite(left)
    if open_end.any():
        return unit[open_end], np.full(open_end.sum(), 1.0 / open_end.sum()), np.inf
    if not len(unit):
        return unit, left, np.inf
    if left.sum() <= 0:
        return unit, np.full(len(unit), 1.0 / len(unit)), 0.0
    return unit, left / left.sum(), float(left.sum())
