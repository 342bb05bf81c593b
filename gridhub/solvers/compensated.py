"""Many solves with one factor, each with a matrix that differs from it at a few nodes: compensation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from gridhub.case.case import Floats, Ints
from gridhub.kernels.triangular import Triangles, solve_columns
from gridhub.solvers.dc import take_triangles

Change = tuple[Ints, Floats]
"""Nodes (k,), and the (k, k) block that is added to a matrix there."""


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """Factor of a sparse matrix on some of the nodes.

    Attributes
    ----------
    triangles : Triangles or None
        None where there is no unknown.
    free : (m,) int
        Nodes the unknowns belong to; elsewhere a solution is 0.
    """

    triangles: Triangles | None
    free: Ints

    def solve(self, right: Floats) -> Floats:
        """Solve for every column of (n_node, k) right-hand sides."""
        found = np.zeros(right.shape)
        if self.triangles is not None:
            solve_columns(self.triangles, np.ascontiguousarray(right), self.free, found)
        return found

    def solve_changed(self, right: Floats, changes: Sequence[Change | None]) -> Floats:
        """Solve with a matrix of its own for every column: A + E C E', by compensation.

        Parameters
        ----------
        right : (n_node, k) float
        changes : sequence of k (nodes, C) or None

        Returns
        -------
        (n_node, k) float
            x - Z (I + C Z_JJ)^-1 C x_J with x = A^-1 b and Z = A^-1 E; NaN where I + C Z_JJ is singular.
        """
        found = self.solve(right)
        some = [(k, *change) for k, change in enumerate(changes) if change is not None]
        if not some:
            return found
        distinct = np.unique(np.concatenate([nodes for _, nodes, _ in some]))
        unit = np.zeros((len(right), len(distinct)))
        unit[distinct, np.arange(len(distinct))] = 1.0
        columns = self.solve(unit)
        sizes = np.array([len(nodes) for _, nodes, _ in some])
        for size in np.unique(sizes).tolist():
            # changes of one size together: k columns, their nodes and blocks
            alike = [some[i] for i in np.flatnonzero(sizes == size).tolist()]
            k = np.array([column for column, _, _ in alike])
            nodes, block = np.stack([one for _, one, _ in alike]), np.stack([one for _, _, one in alike])
            place = np.searchsorted(distinct, nodes)
            inner = np.eye(size) + block @ columns[nodes[:, :, None], place[:, None, :]]
            weight = _solve_each(inner, (block @ found[nodes, k[:, None]][:, :, None])[:, :, 0])
            for j in range(size):
                found[:, k] -= columns[:, place[:, j]] * weight[:, j]
        return found


def _solve_each(matrix: Floats, right: Floats) -> Floats:
    """Solve (m, s, s) small systems, (m, s); NaN for those that are singular."""
    try:
        return np.asarray(np.linalg.solve(matrix, right[:, :, None])[:, :, 0], dtype=float)
    except np.linalg.LinAlgError:
        if len(matrix) == 1:
            return np.full(right.shape, np.nan)
        half = len(matrix) // 2
        parts = ((matrix[:half], right[:half]), (matrix[half:], right[half:]))
        return np.concatenate([_solve_each(*part) for part in parts])


def factorize(matrix: csc_array, free: Ints) -> Factor:
    """Factorize the part of an (n_node, n_node) matrix that belongs to the nodes `free`."""
    if not len(free):
        return Factor(None, free)
    part = csc_array(matrix[free][:, free])
    own = splu(part, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return Factor(take_triangles(own), free)


def gather_changes(count: int, parts: Sequence[tuple[Ints, Ints, Ints, Floats]]) -> list[Change | None]:
    """Gather what is added to the matrix of each column.

    Parameters
    ----------
    count : int
        Columns.
    parts : sequence of (column, row node, column node, value)
        Four (m,) arrays each; entries of one place add up.

    Returns
    -------
    list of `count` Change or None
        For `Factor.solve_changed`.
    """
    k, row, column, value = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(k, kind="stable")
    bounds = np.searchsorted(k[order], np.arange(count + 1))
    changes: list[Change | None] = []
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        own = order[first:last]
        if not len(own):
            changes.append(None)
            continue
        if len(own) == 4 and row[own[0]] != row[own[3]] and (row[own] == column[own[[0, 2, 1, 3]]]).all():
            # one branch: rows f f t t, columns f t f t
            changes.append((row[own[[0, 3]]], value[own].reshape(2, 2)))
            continue
        nodes, place = np.unique(np.concatenate([row[own], column[own]]), return_inverse=True)
        change = np.zeros((len(nodes), len(nodes)))
        np.add.at(change, (place[: len(own)], place[len(own) :]), value[own])
        changes.append((nodes, change))
    return changes
