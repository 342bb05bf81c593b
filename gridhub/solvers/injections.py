"""Power injected at the nodes, from loads, storage, HVDC links and units that hold no voltage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gridhub.case.case import Bools, Case, Complexes
from gridhub.case.matrices import sum_at_nodes


def drop_dead_links(case: Case, live: Bools) -> Case:
    """Take out HVDC links with an end in a dead island: they have nothing to convert against."""
    ends = case.bus_node[case.hvdc_from_bus], case.bus_node[case.hvdc_to_bus]
    alive = np.ones(len(case.hvdc_on), dtype=bool)
    for node in ends:
        alive &= np.where(node >= 0, live[node], False)
    if alive[case.hvdc_on].all():
        return case
    return replace(case, hvdc_on=case.hvdc_on & alive)


def compute_fixed_injection(case: Case) -> Complexes:
    """Injection of each node that no solver changes.

    Returns
    -------
    (n_node,) complex
        Storage - loads + HVDC ends + reactive power of units that hold no voltage [p.u.]. Active power of
        generators, and reactive power of regulating units, is left out.
    """
    fixed = sum_at_nodes(case, case.load_bus, np.where(case.load_on, -(case.load_p + 1j * case.load_q), 0.0))
    storage = np.where(case.storage_on, case.storage_p + 1j * case.storage_q, 0.0)
    fixed = fixed + sum_at_nodes(case, case.storage_bus, storage)
    plain = case.generator_on & ~case.generator_regulating
    fixed = fixed + sum_at_nodes(case, case.generator_bus, np.where(plain, 1j * case.generator_q, 0.0))
    q_from, q_to = np.where(case.hvdc_on & ~case.hvdc_regulating, case.hvdc_q, 0.0)
    p_from = np.where(case.hvdc_on, -case.hvdc_p, 0.0)
    fixed = fixed + sum_at_nodes(case, case.hvdc_from_bus, p_from + 1j * q_from)
    fixed = fixed + sum_at_nodes(case, case.hvdc_to_bus, case.hvdc_p_to() + 1j * q_to)
    return np.asarray(fixed, dtype=complex)
