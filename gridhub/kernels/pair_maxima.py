"""Worst loadings over all pairs of outages, pair by pair."""

from __future__ import annotations

import numpy as np

from gridhub.kernels.maxima import Floats, Ints, PairMaxima, compiled_for_numbers


@compiled_for_numbers
def track_pair_maxima(
    flow: Floats,
    own: Floats,
    factor: Floats,
    between: Floats,
    place: Ints,
    label: Ints,
    limit: float,
    rows: Ints,
    pair_value: Floats,
    pair_position: Ints,
    pair_set: Ints,
    of_branch: PairMaxima,
    count: Ints,
) -> None:
    """Work out the loadings after the loss of branches i and j for some i and every j above i.

    Parameters
    ----------
    flow : (n_set, k) float
        Flows before any outage in the branches that are lost in pairs [p.u.]; no NaN.
    own : (n_set, m) float
        Flows before any outage in the monitored branches, over their limits.
    factor : (k, m) float
        Outage factor of each lost branch on each monitored one, over its limit.
    between : (k, k) float
        between[i, j]: outage factor of j on i.
    place : (k,) int
        Monitored position of each lost branch; -1 if it has none.
    label : (k,) int
        Class of cut pairs of each lost branch (`gridhub.kernels.graph.label_cut_pairs`); negative: take no
        pair with it.
    limit : float
        Loading above which a pair counts as an overload.
    rows : (r,) int
        Positions i.
    pair_value, pair_position, pair_set : (r, k)
        Out: highest loading after the loss of rows[.] and j, its monitored position and set; -1 where the
        pair is not judged. Equal values: the earlier set, then the lower branch.
    of_branch : PairMaxima
        In and out; values start from -1. Give `rows` in rising order from call to call.
    count : (m,) int
        In and out: pairs and sets that overload each monitored branch.

    Notes
    -----
    f_l + L_li x_i + L_lj x_j with x_i = (f_i + L_ij f_j) / (1 - L_ij L_ji), and x_j alike: each of the two
    carries, when it is lost, what the other has pushed onto it. 1 - L_ij L_ji is 0 for cut pairs and for no
    others; they are told by their label, not by that number.
    """
    n_set, k = flow.shape
    m = own.shape[1]
    loading = np.empty(m)
    for r in range(len(rows)):
        i = rows[r]
        for j in range(k):
            pair_value[r, j], pair_position[r, j], pair_set[r, j] = -1.0, -1, -1
            if j <= i or label[i] < 0 or label[j] < 0 or label[i] == label[j]:
                continue
            both = 1.0 - between[i, j] * between[j, i]
            for s in range(n_set):
                push_i = (flow[s, i] + between[i, j] * flow[s, j]) / both
                push_j = (flow[s, j] + between[j, i] * flow[s, i]) / both
                for b in range(m):
                    loading[b] = abs(own[s, b] + factor[i, b] * push_i + factor[j, b] * push_j)
                if place[i] >= 0:
                    loading[place[i]] = -1.0
                if place[j] >= 0:
                    loading[place[j]] = -1.0
                top, lead = -1.0, -1.0
                for b in range(m):
                    top = max(top, loading[b])
                    lead = max(lead, loading[b] - of_branch.value[b])
                if lead > 0.0:
                    for b in range(m):
                        if loading[b] > of_branch.value[b]:
                            of_branch.value[b], of_branch.injection[b] = loading[b], s
                            of_branch.first[b], of_branch.second[b] = i, j
                if top > limit:
                    for b in range(m):
                        count[b] += loading[b] > limit
                if top > pair_value[r, j]:
                    pair_value[r, j], pair_set[r, j] = top, s
                    for b in range(m):
                        if loading[b] == top:
                            pair_position[r, j] = b
                            break
