"""Connected parts, and which nodes an outage cuts off from every reference: by graph, not by small pivots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.elimination import Ints
from gridhub.kernels.factor import Flags
from gridhub.kernels.jit import compiled


@compiled
def label_components(n: int, ends: Ints, others: Ints) -> tuple[int, Ints]:
    """Count and label the connected components of n nodes, numbered by their lowest nodes."""
    above = np.arange(n)
    for k in range(len(ends)):
        i, j = ends[k], others[k]
        while above[i] != i:
            above[i] = above[above[i]]
            i = above[i]
        while above[j] != j:
            above[j] = above[above[j]]
            j = above[j]
        # the lowest node is the root, so that it is met before the others below
        above[max(i, j)] = min(i, j)
    label, count = np.empty(n, np.int64), 0
    for i in range(n):
        if above[i] == i:
            label[i] = count
            count += 1
        else:
            label[i] = label[above[i]]
    return count, label


@compiled
def list_neighbours(n: int, ends: Ints, others: Ints, on: Flags) -> tuple[Ints, Ints, Ints]:
    """Neighbours of each node and the branches to them, by compressed rows: start, node, branch."""
    start = np.zeros(n + 1, np.int64)
    for k in range(len(on)):
        if on[k]:
            start[ends[k] + 1] += 1
            start[others[k] + 1] += 1
    start = np.cumsum(start)
    filled = start[:n].copy()
    node, branch = np.empty(start[n], np.int64), np.empty(start[n], np.int64)
    for k in range(len(on)):
        if on[k]:
            f, t = ends[k], others[k]
            # one after the other: both ends may be one node
            node[filled[f]], branch[filled[f]] = t, k
            filled[f] += 1
            node[filled[t]], branch[filled[t]] = f, k
            filled[t] += 1
    return start, node, branch


@compiled
def search_depth_first(
    start: Ints, node: Ints, branch: Ints, roots: Ints, n_branch: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Search from every root.

    Returns
    -------
    order : (n,) int
        Nodes as they are met, those out of reach left out; the tail is -1.
    place : (n,) int
        Place of each node in `order`; -1 out of reach.
    size : (n,) int
        Nodes below each node in the search tree, itself included; they follow it in `order`.
    below : (n_branch,) int
        For a bridge the node at its far end; -1 for other branches.
    """
    n = len(start) - 1
    order, place = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    size, low = np.ones(n, np.int64), np.empty(n, np.int64)
    below, entered = np.full(n_branch, -1, np.int64), np.full(n, -1, np.int64)
    following, stack = start[:n].copy(), np.empty(n, np.int64)
    met = 0
    for root in roots:
        if place[root] >= 0:
            continue
        stack[0], depth = root, 1
        order[met], place[root], low[root] = root, met, met
        met += 1
        while depth:
            i = stack[depth - 1]
            if following[i] < start[i + 1]:
                p = following[i]
                following[i] += 1
                j = node[p]
                if place[j] < 0:
                    entered[j] = branch[p]
                    order[met], place[j], low[j] = j, met, met
                    met += 1
                    stack[depth] = j
                    depth += 1
                elif branch[p] != entered[i]:
                    low[i] = min(low[i], place[j])
            else:
                depth -= 1
                if depth:
                    above = stack[depth - 1]
                    size[above] += size[i]
                    low[above] = min(low[above], low[i])
                    if low[i] > place[above]:
                        below[entered[i]] = i
    return order, place, size, below


@compiled
def find_bridges(n: int, ends: Ints, others: Ints, on: Flags) -> Flags:
    """Find the branches in service that alone hold two parts together, (n_branch,) bool."""
    start, node, branch = list_neighbours(n, ends, others, on)
    return search_depth_first(start, node, branch, np.arange(n), len(on))[3] >= 0


@compiled
def find_cut_off(
    n: int,
    ends: Ints,
    others: Ints,
    on: Flags,
    roots: Ints,
    is_reference: Flags,
    out_start: Ints,
    out: Ints,
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    """Find what each set of branches cuts off.

    Parameters
    ----------
    ends, others, on : (n_branch,)
        Branches, and whether they are in service.
    roots : int
        One reference per island.
    is_reference : (n,) bool
        All nodes that may be a reference.
    out_start, out : int
        Branches of each set, by compressed rows; all in service and in reach of a root.

    Returns
    -------
    start, cut_off : int
        Nodes out of reach of the root of their island, by compressed rows.
    unusual : (k,) bool
        What is cut off holds a reference or is at least half of its island: more than nodes that die.
    """
    start, node, branch = list_neighbours(n, ends, others, on)
    order, place, size, below = search_depth_first(start, node, branch, roots, len(on))
    references = np.zeros(n + 1, np.int64)
    root_of = np.full(n, -1, np.int64)
    for s in range(n):
        references[s + 1] = references[s]
        if order[s] >= 0:
            references[s + 1] += 1 if is_reference[order[s]] else 0
    for root in roots:
        for s in range(place[root], place[root] + size[root]):
            if place[root] >= 0:
                root_of[order[s]] = root
    count = len(out_start) - 1
    found_start, unusual = np.zeros(count + 1, np.int64), np.zeros(count, np.bool_)
    found = np.empty(256, np.int64)
    used = 0
    reached = np.full(n, -1, np.int64)
    lost = np.full(len(on), -1, np.int64)
    stack = np.empty(n, np.int64)
    for k in range(count):
        number = out_start[k + 1] - out_start[k]
        if used + n > len(found):
            more = np.empty(2 * len(found) + n, np.int64)
            more[:used] = found[:used]
            found = more
        if number == 1:
            i = below[out[out_start[k]]]
            if i >= 0:
                root = root_of[i]
                first, last = place[i], place[i] + size[i]
                unusual[k] = references[last] > references[first] or 2 * size[i] >= size[root]
                for s in range(first, last):
                    found[used] = order[s]
                    used += 1
        elif number > 1:
            for p in range(out_start[k], out_start[k + 1]):
                lost[out[p]] = k
            for p in range(out_start[k], out_start[k + 1]):
                root = root_of[ends[out[p]]]
                if reached[root] == k:
                    continue
                depth, met = 1, 1
                stack[0], reached[root] = root, k
                while depth:
                    depth -= 1
                    i = stack[depth]
                    for q in range(start[i], start[i + 1]):
                        if lost[branch[q]] != k and reached[node[q]] != k:
                            reached[node[q]] = k
                            stack[depth] = node[q]
                            depth += 1
                            met += 1
                if met < size[root]:
                    unusual[k] |= met <= size[root] - met
                    for s in range(place[root], place[root] + size[root]):
                        i = order[s]
                        if reached[i] != k:
                            found[used] = i
                            used += 1
                            unusual[k] |= is_reference[i]
        found_start[k + 1] = used
    return found_start, found[:used].copy(), unusual
