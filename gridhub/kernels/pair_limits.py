"""Where flows that grow with a transfer first meet a limit after the loss of any two branches, compiled."""

from __future__ import annotations

import numpy as np

from gridhub.kernels.jit import compiled
from gridhub.kernels.maxima import Floats, Ints


@compiled
def find_pair_limit(
    flow: Floats,
    slope: Floats,
    limit: Floats,
    lost_flow: Floats,
    lost_slope: Floats,
    factor: Floats,
    between: Floats,
    label: Ints,
    cutoff: float,
    transfer: Floats,
    place: Ints,
) -> tuple[int, int]:
    """Go through all pairs and lower `transfer` wherever a branch meets its limit earlier.

    Parameters
    ----------
    flow, slope, limit : (m,) float
        Of the monitored branches before any outage: flow without transfer, its change per unit of transfer,
        largest flow [p.u.].
    lost_flow, lost_slope : (k,) float
        The same of the branches that are lost in pairs.
    factor : (k, m) float
        Outage factor of each lost branch on each monitored one.
    between : (k, k) float
        between[i, j]: outage factor of i on j.
    label : (k,) int
        Class of cut pairs of each lost branch (`gridhub.kernels.graph.label_cut_pairs`); negative: take no
        pair with it.
    cutoff : float
        Branches with a smaller change of flow are not looked at.
    transfer : (1,) float
        In and out: largest transfer [p.u.].
    place : (3,) int
        In and out: the pair and the monitored branch that limit it; left alone where none does.

    Returns
    -------
    judged, existing : int
        Pairs judged; pairs and branches beyond their limit without transfer, which are set aside.

    Notes
    -----
    After the loss of i and j: f_l + L_il f_i + x (L_jl + L_il L_ji), x = (f_j + L_ij f_i) / (1 - L_ij
    L_ji). Flows at the largest transfer so far are compared first; only where one is over its limit is its
    own transfer worked out.
    """
    k, m = factor.shape
    judged, existing = 0, 0
    after, moved, now, then = np.empty(m), np.empty(m), np.empty(m), np.empty(m)
    for i in range(k):
        if label[i] < 0:
            continue
        for b in range(m):
            after[b] = flow[b] + factor[i, b] * lost_flow[i]
            moved[b] = slope[b] + factor[i, b] * lost_slope[i]
        for j in range(i + 1, k):
            if label[j] < 0 or label[i] == label[j]:
                continue
            judged += 1
            both = 1.0 - between[i, j] * between[j, i]
            push = (lost_flow[j] + between[i, j] * lost_flow[i]) / both
            rise = (lost_slope[j] + between[i, j] * lost_slope[i]) / both
            back, top = between[j, i], transfer[0]
            before, over = 0, 0
            for b in range(m):
                effect = factor[j, b] + factor[i, b] * back
                now[b] = after[b] + push * effect
                then[b] = moved[b] + rise * effect
                before += abs(now[b]) > limit[b]
                over += abs(now[b] + top * then[b]) > limit[b]
            existing += before
            if over == 0:
                continue
            for b in range(m):
                if abs(then[b]) < cutoff or then[b] == 0.0 or abs(now[b]) > limit[b]:
                    continue
                reach = (limit[b] - now[b]) / then[b] if then[b] > 0.0 else (-limit[b] - now[b]) / then[b]
                if reach < transfer[0]:
                    transfer[0] = reach
                    place[0], place[1], place[2] = i, j, b
    return judged, existing
