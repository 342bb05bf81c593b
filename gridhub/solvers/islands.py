"""Islands of a case: found by graph, each with a reference or dead."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gridhub.case.case import Bools, Case, Ints
from gridhub.kernels.islanding import label_components


@dataclass(frozen=True, slots=True, eq=False)
class Islands:
    """Connected parts of the AC network.

    Attributes
    ----------
    island : (n_node,) int
        Island of each node; 0 is the largest.
    count : int
        Number of islands.
    reference : (count,) int
        Node that keeps the angle; -1 where the island has no reference and is dead.
    live : (n_node,) bool
        Whether the node belongs to an island with a reference.
    """

    island: Ints
    count: int
    reference: Ints
    live: Bools


def find_components(n_node: int, branch_from: Ints, branch_to: Ints) -> tuple[int, Ints]:
    """Count and label the connected components, the largest first (ties: lowest node first)."""
    count, label = label_components(n_node, branch_from, branch_to)
    if count == 1:
        return 1, label
    size = np.bincount(label, minlength=count)
    rank = np.empty(count, dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(count)
    return count, rank[label]


def find_islands(case: Case) -> Islands:
    """Find the islands of a case.

    Parameters
    ----------
    case : Case
        Its ``reference`` says which nodes may be references: an island without one is dead. Give the
        case through `choose_references` first where every island with a generator shall live.

    Returns
    -------
    Islands
    """
    on = case.branch_on
    count, island = find_components(case.n_node, case.branch_from[on], case.branch_to[on])
    reference = np.full(count, -1, dtype=np.int64)
    candidates = np.flatnonzero(case.reference)[::-1]
    reference[island[candidates]] = candidates
    return Islands(island, count, reference, reference[island] >= 0)


def choose_references(case: Case) -> tuple[Case, Ints]:
    """Give every island that has a voltage-regulating unit, but no reference, one.

    Returns
    -------
    case : Case
        With the chosen nodes as references.
    chosen : (k,) int
        Nodes chosen: the one with the largest regulating unit of its island.
    """
    islands = find_islands(case)
    able = case.generator_on & case.generator_regulating
    node = case.bus_node[case.generator_bus]
    able &= np.where(node >= 0, ~islands.live[node], False)
    if not able.any():
        return case, np.empty(0, dtype=np.int64)
    units = np.flatnonzero(able)
    size = np.where(np.isfinite(case.generator_p_max[units]), case.generator_p_max[units], 0.0)
    units = units[np.lexsort((units, -size))]
    _, first = np.unique(islands.island[node[units]], return_index=True)
    chosen = np.sort(node[units[first]])
    reference, angle = case.reference.copy(), case.va_reference.copy()
    reference[chosen] = True
    angle[chosen] = np.nan_to_num(case.va_start[chosen])
    return replace(case, reference=reference, va_reference=angle), chosen


def keep_largest_parts(case: Case, before: Islands) -> Case:
    """Give the largest part of every island that an outage split a reference, if it has lost it.

    Parameters
    ----------
    case : Case
        After the outage.
    before : Islands
        Before it.

    Returns
    -------
    Case
        Parts that are cut off without a reference stay dead; the largest part of an island does not die
        because the bus that happens to be its reference was cut off.
    """
    after = find_islands(case)
    size = np.bincount(after.island, minlength=after.count)
    parts = np.unique(np.stack([before.island, after.island]), axis=1)
    largest: dict[int, int] = {}
    for island, part in parts.T.tolist():
        if before.reference[island] >= 0 and size[part] > size[largest.get(island, part)] - (
            island not in largest
        ):
            largest[island] = part
    orphan = np.zeros(after.count, dtype=bool)
    orphan[[part for part in largest.values() if after.reference[part] < 0]] = True
    if not orphan.any():
        return case
    chosen_case, chosen = choose_references(case)
    wanted = chosen[orphan[after.island[chosen]]]
    reference, angle = case.reference.copy(), case.va_reference.copy()
    reference[wanted] = True
    angle[wanted] = chosen_case.va_reference[wanted]
    return replace(case, reference=reference, va_reference=angle)
