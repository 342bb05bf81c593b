r"""Low-rank corrections of a shared factor, on the elimination path of what a scenario changes.

A scenario's Jacobian is :math:`J_k = J_0 - E D E^T`, where the columns of E pick the unknowns of the nodes
at the ends of what is lost, or whose voltage is held no longer, and D is what these elements contribute.
Between the two triangular solves,

.. math:: J_k = L\,(I - A D B^T)\,U, \qquad A = L^{-1}E, \quad B = U^{-T}E,

and A and B are nonzero only on the way from these nodes to the root of the elimination tree. With
:math:`W = (I - D B^T A)^{-1} D` the middle factor is solved by :math:`y + A W B^T y` (O. Alsac, B. Stott and
W. F. Tinney, Sparsity-oriented compensation methods for modified network solutions, IEEE Trans. Power App.
Syst. PAS-102 (1983), https://doi.org/10.1109/TPAS.1983.318001).
"""

from __future__ import annotations

import numpy as np

from gridhub.kernels.elimination import Ints
from gridhub.kernels.factor import Floats
from gridhub.kernels.jit import compiled_in_place
from gridhub.kernels.lanes import Lanes, fma, load, load_one, mul, narrow, nfma, spread, store, total
from gridhub.kernels.records import Factor, Grid, Singles, State
from gridhub.kernels.sorting import sort_first

COLUMNS = 4
"""Columns of A and B are padded to a multiple of this."""


@compiled_in_place
def collect_path(parent: Ints, touched: Ints, count: int, mark: Ints, path: Ints) -> int:
    """Collect the touched nodes and all their ancestors, ascending, into `path`; return how many.

    ``mark`` (n,) must hold -1; afterwards it holds the position in the path of each node on it.
    """
    if count == 0:
        return 0
    lowest = touched[0]
    for q in range(1, count):
        lowest = min(lowest, touched[q])
    length, chains = 0, 0
    for q in range(-1, count):
        # most often all touched nodes stand on the way from the lowest: then nothing is to be sorted
        j = lowest if q < 0 else touched[q]
        chains += 1 if mark[j] < 0 else 0
        while j >= 0 and mark[j] < 0:
            mark[j] = 0
            path[length] = j
            length += 1
            j = parent[j]
    if chains > 1:
        sort_first(path, length)
    for s in range(length):
        mark[path[s]] = s
    return length


@compiled_in_place
def add_branch_rows(
    grid: Grid, state: State, branch: int, own: int, other: int, row: int, column: int, rank: int, D: Floats
) -> None:
    """Add what a branch contributes to the two rows of one of its ends.

    Parameters
    ----------
    own, other : int
        The end, and the opposite one.
    row, column : int
        Their places among the seeds.
    D : (rank, rank) float
    """
    y = grid.branch_y[8 * branch : 8 * branch + 8]
    o, x = (0, 2) if own == grid.branch_from[branch] else (6, 4)
    a, b, c, d = state.e[own], state.f[own], state.e[other], state.f[other]
    v2 = a * a + b * b
    own_r, own_i = v2 * y[o], -v2 * y[o + 1]
    c_r, c_i = y[x] * c - y[x + 1] * d, y[x] * d + y[x + 1] * c
    t_r, t_i = a * c_r + b * c_i, b * c_r - a * c_i
    # the angle of a root is no unknown
    own_free = 0.0 if state.root[own] == own else 1.0
    other_free = 0.0 if state.root[other] == other else 1.0
    p, q = 2 * row * rank, (2 * row + 1) * rank
    if not state.angle_held[own]:
        D[p + 2 * row] -= own_free * t_i
        D[p + 2 * row + 1] += 2.0 * own_r + t_r
        D[p + 2 * column] += other_free * t_i
        D[p + 2 * column + 1] += t_r
    D[q + 2 * row] += own_free * t_r
    D[q + 2 * row + 1] += 2.0 * own_i + t_i
    D[q + 2 * column] -= other_free * t_r
    D[q + 2 * column + 1] += t_i


@compiled_in_place
def solve_dense(M: Floats, R: Floats, size: int) -> None:
    """Solve M X = R in place of R, both (size, size) row by row, with partial pivoting."""
    for k in range(size):
        top = k
        for r in range(k + 1, size):
            if abs(M[r * size + k]) > abs(M[top * size + k]):
                top = r
        if top != k:
            for c in range(size):
                M[k * size + c], M[top * size + c] = M[top * size + c], M[k * size + c]
                R[k * size + c], R[top * size + c] = R[top * size + c], R[k * size + c]
        pivot = 1.0 / M[k * size + k]
        for c in range(size):
            M[k * size + c] *= pivot
            R[k * size + c] *= pivot
        for r in range(size):
            z = M[r * size + k]
            if r != k and z != 0.0:
                for c in range(size):
                    M[r * size + c] -= z * M[k * size + c]
                    R[r * size + c] -= z * R[k * size + c]


@compiled_in_place
def solve_paths(
    factor: Factor,
    root: Ints,
    path: Ints,
    length: int,
    mark: Ints,
    rank: int,
    A: Floats,
    B: Floats,
    y: Floats,
    four: Lanes,
) -> None:
    """Solve L A = A, U^T B = B and L y = y on a path; A and B are (2 length, rank), y is (2 length,).

    ``four`` is the token of `COLUMNS` lanes; the rank is a multiple of it.
    """
    start, diagonal = factor.start, factor.diagonal
    columns, mirror, blocks = factor.column, factor.mirror, factor.blocks
    for s in range(length):
        j = path[s]
        d = 4 * diagonal[j]
        y0, y1 = y[2 * s], y[2 * s + 1]
        top = mark[root[j]] if root[j] >= 0 and root[j] != j else -1
        for c in range(0, rank, COLUMNS):
            own = 2 * s * rank + c
            t0, t1 = load(B, own, four), load(B, own + rank, four)
            b0 = fma(load_one(blocks, d + 2, four), t1, mul(load_one(blocks, d, four), t0))
            b1 = fma(load_one(blocks, d + 3, four), t1, mul(load_one(blocks, d + 1, four), t0))
            store(B, own, b0)
            store(B, own + rank, b1)
            if top >= 0:
                at = 2 * top * rank + c
                moved = nfma(load_one(factor.border, 2 * j, four), b0, load(B, at, four))
                store(B, at, nfma(load_one(factor.border, 2 * j + 1, four), b1, moved))
        for p in range(diagonal[j] + 1, start[j + 1]):
            q = mark[columns[p]]
            lower, upper = 4 * mirror[p], 4 * p
            y[2 * q] -= blocks[lower] * y0 + blocks[lower + 1] * y1
            y[2 * q + 1] -= blocks[lower + 2] * y0 + blocks[lower + 3] * y1
            for c in range(0, rank, COLUMNS):
                own, at = 2 * s * rank + c, 2 * q * rank + c
                a0, a1 = load(A, own, four), load(A, own + rank, four)
                b0, b1 = load(B, own, four), load(B, own + rank, four)
                moved = nfma(load_one(blocks, lower, four), a0, load(A, at, four))
                store(A, at, nfma(load_one(blocks, lower + 1, four), a1, moved))
                moved = nfma(load_one(blocks, lower + 2, four), a0, load(A, at + rank, four))
                store(A, at + rank, nfma(load_one(blocks, lower + 3, four), a1, moved))
                moved = nfma(load_one(blocks, upper, four), b0, load(B, at, four))
                store(B, at, nfma(load_one(blocks, upper + 2, four), b1, moved))
                moved = nfma(load_one(blocks, upper + 1, four), b0, load(B, at + rank, four))
                store(B, at + rank, nfma(load_one(blocks, upper + 3, four), b1, moved))


@compiled_in_place
def solve_middle(
    length: int, rank: int, A: Floats, B: Floats, D: Floats, G: Floats, M: Floats, four: Lanes
) -> None:
    """Compute W = (I - D B^T A)^-1 D in place of D; G and M are (rank, rank) of work, G = B^T A is left."""
    for r in range(rank * rank):
        G[r] = 0.0
    for s in range(2 * length):
        for r in range(rank):
            b = B[s * rank + r]
            if b != 0.0:
                for c in range(0, rank, COLUMNS):
                    at = r * rank + c
                    store(G, at, fma(spread(b, four), load(A, s * rank + c, four), load(G, at, four)))
    for r in range(rank):
        for c in range(rank):
            z = 1.0 if r == c else 0.0
            for k in range(rank):
                z -= D[r * rank + k] * G[k * rank + c]
            M[r * rank + c] = z
    solve_dense(M, D, rank)


@compiled_in_place
def narrow_paths(
    length: int, rank: int, A: Floats, B: Floats, W: Floats, left: Singles, right: Singles, four: Lanes
) -> None:
    """Round B into `right` and A W into `left`."""
    for s in range(2 * length):
        for c in range(0, rank, COLUMNS):
            at = s * rank + c
            store(right, at, narrow(load(B, at, four)))
            z = mul(spread(A[s * rank], four), load(W, c, four))
            for k in range(1, rank):
                z = fma(spread(A[s * rank + k], four), load(W, k * rank + c, four), z)
            store(left, at, narrow(z))


@compiled_in_place
def compensate(
    length: int, rank: int, left: Singles, right: Singles, z: Singles, inner: Singles, four: Lanes
) -> None:
    """Add A W B^T z to z (2 length,); `inner` (rank,) is work."""
    for c in range(0, rank, COLUMNS):
        even = mul(spread(z[0], four), load(right, c, four))
        odd = mul(spread(z[1], four), load(right, rank + c, four))
        for s in range(1, length):
            even = fma(spread(z[2 * s], four), load(right, 2 * s * rank + c, four), even)
            odd = fma(spread(z[2 * s + 1], four), load(right, (2 * s + 1) * rank + c, four), odd)
        store(inner, c, fma(spread(np.float32(1.0), four), even, odd))
    for c in range(0, rank, COLUMNS):
        m = load(inner, c, four)
        for s in range(2 * length):
            z[s] += total(mul(m, load(left, s * rank + c, four)))
