"""Voltage regulation: who holds the voltage of a node, and what reactive power that may take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Regulation:
    """Units that can hold a voltage: generators, then HVDC from ends, then HVDC to ends.

    Attributes
    ----------
    node : (k,) int
        Node of each unit; -1 if it is out of service or dead.
    active : (k,) bool
        In service, alive and regulating.
    set_point : (n_node,) float
        Voltage to hold [p.u.]: that of the node's first unit; NaN at nodes without one.
    low, high : (n_node,) float
        Reactive range of the node's units together [p.u.].
    unit_low, unit_high : (k,) float
        Reactive range of each unit [p.u.].
    """

    node: Ints
    active: Bools
    set_point: Floats
    low: Floats
    high: Floats
    unit_low: Floats
    unit_high: Floats

    def share_reactive(self, needed: Floats) -> Floats:
        """Share each node's reactive power among its units.

        Parameters
        ----------
        needed : (n_node,) float
            Reactive power the node's regulating units produce together [p.u.].

        Returns
        -------
        (k,) float
            In proportion to the units' ranges above their lower limits; equally where a range is unknown
            or zero [p.u.].
        """
        result = np.zeros(len(self.node))
        units = np.flatnonzero(self.active)
        if not len(units):
            return result
        node, n = self.node[units], len(needed)
        span = self.unit_high[units] - self.unit_low[units]
        known = np.bincount(node, ~np.isfinite(span), n) == 0
        total = np.bincount(node, np.where(np.isfinite(span), span, 0.0), n)
        number = np.bincount(node, minlength=n)
        by_range = known & (total > 0)
        at = np.where(np.isfinite(self.unit_low[units]), self.unit_low[units], 0.0)
        base = np.bincount(node, at, n)
        with np.errstate(invalid="ignore", divide="ignore"):
            proportional = at + (needed - base)[node] * np.where(by_range[node], span / total[node], 0.0)
            result[units] = np.where(by_range[node], proportional, needed[node] / number[node])
        return result


def plan_regulation(case: Case, live: Bools) -> Regulation:
    """Gather the units that hold a voltage.

    Parameters
    ----------
    case : Case
    live : (n_node,) bool
        Nodes of islands with a reference.
    """
    bus = np.concatenate([case.generator_bus, case.hvdc_from_bus, case.hvdc_to_bus])
    on = np.concatenate([case.generator_on, case.hvdc_on, case.hvdc_on])
    regulating = np.concatenate([case.generator_regulating, *case.hvdc_regulating])
    set_point = np.concatenate([case.generator_vm, *case.hvdc_vm])
    unit_low = np.concatenate([case.generator_q_min, *case.hvdc_q_min])
    unit_high = np.concatenate([case.generator_q_max, *case.hvdc_q_max])
    node = case.bus_node[bus]
    node = np.where(on & np.where(node >= 0, live[node], False), node, -1)
    active = (node >= 0) & regulating
    units = np.flatnonzero(active)
    target = np.full(case.n_node, np.nan)
    target[node[units[::-1]]] = set_point[units[::-1]]
    low = np.bincount(node[units], unit_low[units], case.n_node).astype(float)
    high = np.bincount(node[units], unit_high[units], case.n_node).astype(float)
    return Regulation(node, active, target, low, high, unit_low, unit_high)
