"""The two sweeps of a chord iteration, all lanes together.

`sweep_forward` runs from the leaves of the elimination tree to its roots: mismatch of each row, and the
forward solve. `sweep_backward` runs back: backward solve, and the update of the voltages. The factor and the
step are in single precision, voltages and mismatch in double, so that the iteration refines what the factor
lacks.
"""

from __future__ import annotations

import numpy as np

from gridhub.kernels.elimination import Ints
from gridhub.kernels.factor import Floats
from gridhub.kernels.jit import compiled_in_place
from gridhub.kernels.lanes import (
    Lanes,
    add,
    choose,
    fma,
    get,
    larger,
    load,
    load_one,
    magnitude,
    mul,
    narrow,
    nfma,
    spread,
    store,
    sub,
    widen,
)
from gridhub.kernels.records import DEAD, HELD, Control, Factor, Grid, Singles, State


@compiled_in_place
def sweep_forward(
    grid: Grid,
    factor: Factor,
    state: State,
    control: Control,
    solve: bool,
    event_row: Ints,
    event: Floats,
    own: Floats,
    imbalance: Floats,
    V: Floats,
    X: Singles,
    worst: Singles,
    lanes: Lanes,
) -> None:
    """Compute the mismatch of every row, and with `solve` X = L^-1 mismatch.

    Parameters
    ----------
    event_row : (k + 1,) int
        Rows in which some lane differs from the base, ascending; closed by n.
    event : (5 k width,) float
        For each of them, by lanes: added active and reactive power, whether the node is alive, whether its
        voltage is held, its target.
    own : (2 n width,) float
        What is injected beyond the base, active and reactive, where a lane has injections of its own; else
        empty [p.u.].
    imbalance : (n_island width,) float
        Imbalance beyond that of the base [p.u.].
    V : (2 n width,) float
        Real and imaginary part of each node's voltage.
    worst : (width,) float32
        Largest mismatch of each lane; NaN if any number is.
    """
    width = len(lanes)
    n = len(state.kind)
    start, diagonal = factor.start, factor.diagonal
    zero, half = spread(np.float32(0.0), lanes), spread(0.5, lanes)
    largest, poison = zero, zero
    with_own = len(own) > 0
    at, following = 0, get(event_row, 0)
    for i in range(n):
        row = 2 * width * i
        if get(state.kind, i) == DEAD:
            store(X, row, zero)
            store(X, row + width, zero)
            while following == i:
                at += 1
                following = get(event_row, at)
            continue
        e, f = load(V, row, lanes), load(V, row + width, lanes)
        g, s = load_one(grid.y_own, 2 * i, lanes), load_one(grid.y_own, 2 * i + 1, lanes)
        g_e, g_f, s_e, s_f = mul(g, e), mul(g, f), mul(s, e), mul(s, f)
        for p in range(get(grid.y_start, i), get(grid.y_start, i + 1)):
            other = get(grid.y_reach, p)
            g, s = load_one(grid.y_off, 2 * p, lanes), load_one(grid.y_off, 2 * p + 1, lanes)
            e_j, f_j = load(V, other, lanes), load(V, other + width, lanes)
            g_e, s_f = fma(g, e_j, g_e), fma(s, f_j, s_f)
            g_f, s_e = fma(g, f_j, g_f), fma(s, e_j, s_e)
        c_r, c_i = sub(g_e, s_f), add(g_f, s_e)
        beyond = load(imbalance, width * get(state.island, i), lanes)
        p_i, q_i = load_one(state.p, i, lanes), load_one(state.q, i, lanes)
        if with_own:
            p_i, q_i = add(p_i, load(own, row, lanes)), add(q_i, load(own, row + width, lanes))
        a = fma(load_one(state.slope, i, lanes), beyond, p_i)
        a = nfma(e, c_r, nfma(f, c_i, a))
        if get(state.kind, i) == HELD:
            u = load_one(control.target, i, lanes)
            size = nfma(mul(u, e), e, nfma(mul(u, f), f, half))
            c = mul(size, load_one(control.stiffness, i, lanes))
        else:
            size = fma(e, c_i, nfma(f, c_r, q_i))
            c = size
        if following == i:
            o = 5 * width * at
            alive, held = load(event, o + 2 * width, lanes), load(event, o + 3 * width, lanes)
            u = load(event, o + 4 * width, lanes)
            a = mul(alive, add(a, load(event, o, lanes)))
            free = fma(e, c_i, nfma(f, c_r, q_i))
            free = add(free, load(event, o + width, lanes))
            off = nfma(mul(u, e), e, nfma(mul(u, f), f, half))
            size = mul(alive, choose(held, off, free))
            c = mul(alive, choose(held, mul(off, load_one(control.stiffness, i, lanes)), free))
            at += 1
            following = get(event_row, at)
        if state.angle_held[i]:
            a = sub(a, a)
        y0, y1 = narrow(a), narrow(c)
        largest = larger(larger(largest, magnitude(y0)), magnitude(narrow(size)))
        if solve:
            z0, z1 = zero, zero
            for p in range(get(start, i), get(diagonal, i)):
                other = get(factor.reach, p)
                x0, x1 = load(X, other, lanes), load(X, other + width, lanes)
                y0 = fma(load_one(factor.blocks32, 4 * p, lanes), x0, y0)
                y1 = fma(load_one(factor.blocks32, 4 * p + 2, lanes), x0, y1)
                z0 = fma(load_one(factor.blocks32, 4 * p + 1, lanes), x1, z0)
                z1 = fma(load_one(factor.blocks32, 4 * p + 3, lanes), x1, z1)
            y0, y1 = add(y0, z0), add(y1, z1)
            store(X, row, y0)
            store(X, row + width, y1)
        poison = fma(y0, zero, fma(y1, zero, poison))
    store(worst, 0, add(largest, poison))


@compiled_in_place
def sweep_backward(
    factor: Factor,
    state: State,
    running: Singles,
    imbalance: Floats,
    V: Floats,
    X: Singles,
    lanes: Lanes,
) -> None:
    """Solve U x = X and move the voltages by x, in the lanes that still run.

    Parameters
    ----------
    running : (width,) float32
        1 in lanes that move, else 0.

    Notes
    -----
    V exp(x_V + j x_theta) to second order. A held voltage has its equation in |V|^2, so that any retraction
    that is right to second order serves.
    """
    width = len(lanes)
    n = len(state.kind)
    start, diagonal = factor.start, factor.diagonal
    half, zero = spread(np.float32(0.5), lanes), spread(np.float32(0.0), lanes)
    moves = load(running, 0, lanes)
    for i in range(n - 1, -1, -1):
        if get(state.kind, i) == DEAD:
            continue
        row, root = 2 * width * i, get(state.root, i)
        y0, y1 = load(X, row, lanes), load(X, row + width, lanes)
        z0, z1 = zero, zero
        if factor.bordered and root != i:
            shared = load(X, 2 * width * root, lanes)
            z0 = mul(load_one(factor.border32, 2 * i, lanes), shared)
            z1 = mul(load_one(factor.border32, 2 * i + 1, lanes), shared)
        d = get(diagonal, i)
        for p in range(d + 1, get(start, i + 1)):
            other = get(factor.reach, p)
            x0, x1 = load(X, other, lanes), load(X, other + width, lanes)
            y0 = fma(load_one(factor.blocks32, 4 * p, lanes), x0, y0)
            y1 = fma(load_one(factor.blocks32, 4 * p + 2, lanes), x0, y1)
            z0 = fma(load_one(factor.blocks32, 4 * p + 1, lanes), x1, z0)
            z1 = fma(load_one(factor.blocks32, 4 * p + 3, lanes), x1, z1)
        y0, y1 = add(y0, z0), add(y1, z1)
        p = 4 * d
        t = fma(load_one(factor.blocks32, p + 1, lanes), y1, mul(load_one(factor.blocks32, p, lanes), y0))
        v = fma(load_one(factor.blocks32, p + 3, lanes), y1, mul(load_one(factor.blocks32, p + 2, lanes), y0))
        store(X, row, t)
        store(X, row + width, v)
        # a lane at rest must not move, not even by a NaN
        t, v = choose(moves, t, zero), choose(moves, v, zero)
        if root == i:
            at = width * get(state.island, i)
            store(imbalance, at, add(load(imbalance, at, lanes), widen(t)))
            t = zero
        grow = widen(fma(half, mul(sub(v, t), add(v, t)), v))
        turn = widen(fma(v, t, t))
        e, f = load(V, row, lanes), load(V, row + width, lanes)
        store(V, row, nfma(f, turn, fma(e, grow, e)))
        store(V, row + width, fma(e, turn, fma(f, grow, f)))
