r"""Block LU of a power-flow Jacobian on a stored pattern, in double precision.

Unknowns of node i are :math:`(\theta_i, \ln|V_i|)`, equations are its active and reactive balance, so that
each place of the pattern holds a 2 x 2 block (row-major in ``blocks[4 p : 4 p + 4]``) and pivots are diagonal
blocks. With :math:`T_{ij} = V_i \overline{Y_{ij} V_j}` and :math:`S_i = \sum_j T_{ij}`,

.. math:: \partial S_i/\partial\theta_j = -jT_{ij} + [i=j]\,jS_i, \qquad
          \partial S_i/\partial\ln|V_j| = T_{ij} + [i=j]\,S_i .

The imbalance :math:`\lambda` that the units of an island share is an unknown too. It stands where the angle
of the island's reference would, and the reference is the last node of its island: the column of
:math:`\lambda`, minus the units' shares, is carried along as two numbers per row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gridhub.kernels.elimination import Elimination, Ints
from gridhub.kernels.jit import compiled_in_place
from gridhub.kernels.lanes import get, load, nfma, spread, store

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

SMALLEST_PIVOT = 1e-13
"""A pivot block is singular when its determinant is below this share of the products it is made of."""


@compiled_in_place
def fill_jacobian(
    elimination: Elimination,
    y: Floats,
    e: Floats,
    f: Floats,
    angle_held: Flags,
    voltage_held: Flags,
    stiffness: Floats,
    root: Ints,
    blocks: Floats,
) -> None:
    """Fill the blocks of the Jacobian at the voltage e + jf.

    Parameters
    ----------
    y : (2 nnz,) float
        Admittance on the pattern before fill, real and imaginary parts in turn [p.u.].
    angle_held, voltage_held : (n,) bool
        Their row becomes one of the identity; not at a root, whose active balance gives the imbalance.
    stiffness : (n,) float
        Above 0: the reactive row of a held voltage stays and has this added to its own voltage column.
    root : (n,) int
        Reference of the node's island; -1 in a dead one.
    blocks : (4 m,) float
        Filled here.
    """
    n = len(e)
    blocks[:] = 0.0
    for i in range(n):
        d = 4 * elimination.diagonal[i]
        p_i, q_i, own_r, own_i = 0.0, 0.0, 0.0, 0.0
        no_p = angle_held[i] and root[i] != i
        no_q = voltage_held[i] and stiffness[i] == 0.0
        for p in range(elimination.y_start[i], elimination.y_start[i + 1]):
            j = elimination.y_column[p]
            c_r = y[2 * p] * e[j] - y[2 * p + 1] * f[j]
            c_i = y[2 * p] * f[j] + y[2 * p + 1] * e[j]
            t_r, t_i = e[i] * c_r + f[i] * c_i, f[i] * c_r - e[i] * c_i
            p_i += t_r
            q_i += t_i
            if j == i:
                own_r, own_i = t_r, t_i
                continue
            at = 4 * elimination.y_place[p]
            is_root = root[j] == j
            if not no_p:
                blocks[at] = 0.0 if is_root else t_i
                blocks[at + 1] = t_r
            if not no_q:
                blocks[at + 2] = 0.0 if is_root else -t_r
                blocks[at + 3] = t_i
        if no_p:
            blocks[d] = 1.0
        else:
            blocks[d] = own_i - q_i if root[i] != i else 0.0
            blocks[d + 1] = p_i + own_r
        if no_q:
            blocks[d + 3] = 1.0
        else:
            blocks[d + 2] = p_i - own_r if root[i] != i else 0.0
            blocks[d + 3] = q_i + own_i
            if voltage_held[i]:
                blocks[d + 3] += stiffness[i]


@compiled_in_place
def factorize(elimination: Elimination, root: Ints, blocks: Floats, column: Floats) -> int:
    """Factorize in place: L without its identity diagonal, inverted pivots, U; and the imbalance's column.

    Parameters
    ----------
    blocks : (4 m,) float
        From `fill_jacobian`.
    column : (2 n,) float
        Before: minus each node's share of the imbalance, and 0. After: L^-1 times that.

    Returns
    -------
    int
        Row of a singular pivot; -1 if there is none.
    """
    n, two = len(root), (0, 0)
    start, diagonal, columns = elimination.start, elimination.diagonal, elimination.column
    at = 0
    for i in range(n):
        for p in range(start[i], diagonal[i]):
            k = columns[p]
            d = 4 * diagonal[k]
            a, b, c, g = blocks[4 * p], blocks[4 * p + 1], blocks[4 * p + 2], blocks[4 * p + 3]
            l0, l1 = a * blocks[d] + b * blocks[d + 2], a * blocks[d + 1] + b * blocks[d + 3]
            l2, l3 = c * blocks[d] + g * blocks[d + 2], c * blocks[d + 1] + g * blocks[d + 3]
            blocks[4 * p], blocks[4 * p + 1], blocks[4 * p + 2], blocks[4 * p + 3] = l0, l1, l2, l3
            column[2 * i] -= l0 * column[2 * k] + l1 * column[2 * k + 1]
            column[2 * i + 1] -= l2 * column[2 * k] + l3 * column[2 * k + 1]
            # the two numbers of a row of a block share a vector
            v0, v1, v2, v3 = spread(l0, two), spread(l1, two), spread(l2, two), spread(l3, two)
            for q in range(4 * diagonal[k] + 4, 4 * start[k + 1], 4):
                t = 4 * get(elimination.target, at)
                at += 1
                upper, lower = load(blocks, q, two), load(blocks, q + 2, two)
                store(blocks, t, nfma(v1, lower, nfma(v0, upper, load(blocks, t, two))))
                store(blocks, t + 2, nfma(v3, lower, nfma(v2, upper, load(blocks, t + 2, two))))
        d = 4 * diagonal[i]
        if root[i] == i:
            blocks[d], blocks[d + 2] = column[2 * i], column[2 * i + 1]
        a, b, c, g = blocks[d], blocks[d + 1], blocks[d + 2], blocks[d + 3]
        determinant = a * g - b * c
        if not abs(determinant) > SMALLEST_PIVOT * (abs(a * g) + abs(b * c)):
            return i
        r = 1.0 / determinant
        blocks[d], blocks[d + 1], blocks[d + 2], blocks[d + 3] = g * r, -b * r, -c * r, a * r
    return -1


@compiled_in_place
def solve_factor(elimination: Elimination, root: Ints, blocks: Floats, column: Floats, x: Floats) -> None:
    """Solve in place: x (2 n,) is the right-hand side, then the unknowns; at a root the imbalance first."""
    n = len(root)
    start, diagonal, columns = elimination.start, elimination.diagonal, elimination.column
    for i in range(n):
        a, b = x[2 * i], x[2 * i + 1]
        for p in range(start[i], diagonal[i]):
            j = columns[p]
            a -= blocks[4 * p] * x[2 * j] + blocks[4 * p + 1] * x[2 * j + 1]
            b -= blocks[4 * p + 2] * x[2 * j] + blocks[4 * p + 3] * x[2 * j + 1]
        x[2 * i], x[2 * i + 1] = a, b
    for i in range(n - 1, -1, -1):
        a, b, d = x[2 * i], x[2 * i + 1], diagonal[i]
        for p in range(d + 1, start[i + 1]):
            j = columns[p]
            a -= blocks[4 * p] * x[2 * j] + blocks[4 * p + 1] * x[2 * j + 1]
            b -= blocks[4 * p + 2] * x[2 * j] + blocks[4 * p + 3] * x[2 * j + 1]
        if root[i] >= 0 and root[i] != i:
            a -= column[2 * i] * x[2 * root[i]]
            b -= column[2 * i + 1] * x[2 * root[i]]
        x[2 * i] = blocks[4 * d] * a + blocks[4 * d + 1] * b
        x[2 * i + 1] = blocks[4 * d + 2] * a + blocks[4 * d + 3] * b
