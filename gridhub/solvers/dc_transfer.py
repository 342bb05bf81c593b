"""Largest transfer by DC: where flows that are linear in it first meet a limit, intact and after outages.

With flows f + t m before an outage, those after it are linear in t too, so that every figure is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Ints
from gridhub.kernels.pair_limits import find_pair_limit
from gridhub.solvers.dc import DcPlan
from gridhub.solvers.factors import compute_outage_factors, label_cut_branches

BLOCK = 256
"""Outages looked at together: bounds the memory to n_branch x BLOCK numbers."""

LOADING_TOLERANCE = 1e-8
"""Share of a limit by which a flow may pass it, as in every other study."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearFlows:
    """Flows along a transfer, and what limits them.

    Attributes
    ----------
    flow : (n_branch,) float
        Without transfer [p.u.].
    slope : (n_branch,) float
        Change per unit of transfer.
    limit : (n_branch,) float
        [p.u.]; NaN = unrated.
    cutoff : float
        Branches of which the transfer moves less than this share of itself are not looked at.
    """

    flow: Floats
    slope: Floats
    limit: Floats
    cutoff: float


@dataclass(frozen=True, slots=True)
class Binding:
    """What limits a transfer first.

    Attributes
    ----------
    transfer : float
        [p.u.].
    branch : int
        Branch that meets its limit; -1 if none does up to the transfer.
    outage : tuple of int
        Branches out.
    factor : float
        Change of the branch's flow per unit of transfer.
    existing : int
        Pairs of branch and outage beyond their limit without any transfer: set aside.
    """

    transfer: float
    branch: int = -1
    outage: tuple[int, ...] = ()
    factor: float = np.nan
    existing: int = 0


def limit_intact(flows: LinearFlows, most: float) -> Binding:
    """Find the largest transfer of the intact network, up to `most` [p.u.]."""
    after = flows.flow + most * flows.slope
    over = _find_over(after, flows.limit)
    existing = int(_find_over(flows.flow, flows.limit).sum())
    binding = Binding(most, existing=existing)
    for branch in np.flatnonzero(over):
        found = flows.flow[branch], flows.slope[branch]
        binding = _take_lower(binding, flows, int(branch), (), found)
    return binding


def limit_outages(
    case: Case, plan: DcPlan, flows: LinearFlows, branches: Ints, bridge: Bools, most: float
) -> Binding:
    """Find the largest transfer after the outage of each of `branches` alone.

    Parameters
    ----------
    case : Case
    plan : DcPlan
        Of `case`.
    flows : LinearFlows
        With the limits after an outage.
    branches : (k,) int
        In service, none splits an island.
    bridge : (n_branch,) bool
        From `find_bridge_branches`.
    most : float
        Nothing above is looked for [p.u.].
    """
    binding = Binding(most)
    existing = 0
    for first in range(0, len(branches), BLOCK):
        lost = branches[first : first + BLOCK]
        factor = compute_outage_factors(case, plan, lost, bridge)
        before = flows.flow[:, None] + factor * flows.flow[lost]
        existing += int(_find_over(before, flows.limit[:, None]).sum())
        moved = flows.flow + binding.transfer * flows.slope
        over = _find_over(moved[:, None] + factor * moved[lost], flows.limit[:, None])
        for branch, k in zip(*np.nonzero(over), strict=True):
            slope = flows.slope[branch] + factor[branch, k] * flows.slope[lost[k]]
            found = before[branch, k], slope
            binding = _take_lower(binding, flows, int(branch), (int(lost[k]),), found)
    return Binding(binding.transfer, binding.branch, binding.outage, binding.factor, existing)


def limit_pairs(
    case: Case, plan: DcPlan, flows: LinearFlows, branches: Ints, bridge: Bools, most: float
) -> tuple[Binding, int, int]:
    """Find the largest transfer after the outage of any two of `branches`.

    Parameters
    ----------
    As for `limit_outages`; branches that split an island alone may be among them.

    Returns
    -------
    binding : Binding
    judged, split : int
        Pairs judged, and pairs that split an island: not judged.
    """
    on = branches[case.branch_on[branches]]
    chosen = on[~bridge[on]]
    watched = np.flatnonzero(case.branch_on & ~np.isnan(flows.limit))
    factor = np.ascontiguousarray(compute_outage_factors(case, plan, chosen, bridge).T)
    transfer, place = np.array([most]), np.full(3, -1)
    judged, existing = find_pair_limit(
        flows.flow[watched],
        flows.slope[watched],
        flows.limit[watched] * (1.0 + LOADING_TOLERANCE),
        flows.flow[chosen],
        flows.slope[chosen],
        np.ascontiguousarray(factor[:, watched]),
        np.ascontiguousarray(factor[:, chosen]),
        label_cut_branches(case)[chosen],
        flows.cutoff,
        transfer,
        place,
    )
    left = len(on) * (len(on) - 1) // 2 - judged
    if place[2] < 0:
        return Binding(most, existing=existing), judged, left
    i, j, branch = int(place[0]), int(place[1]), int(watched[place[2]])
    pair = int(chosen[i]), int(chosen[j])
    slope = _find_slope_after(flows.slope, factor, chosen, (i, j), branch)
    return Binding(float(max(transfer[0], 0.0)), branch, pair, slope, existing), judged, left


def _find_slope_after(
    slope: Floats, factor: Floats, chosen: Ints, pair: tuple[int, int], branch: int
) -> float:
    """Change of a branch's flow per unit of transfer after the loss of a pair, factors row by row."""
    i, j = pair
    a, b = chosen[i], chosen[j]
    rise = (slope[b] + factor[i, b] * slope[a]) / (1.0 - factor[i, b] * factor[j, a])
    effect = factor[j, branch] + factor[i, branch] * factor[j, a]
    return float(slope[branch] + factor[i, branch] * slope[a] + rise * effect)


def limit_split(flows: Iterable[tuple[int, LinearFlows]], most: float) -> Binding:
    """Find the largest transfer over outages that are solved one by one, given by branch with their flows."""
    binding, existing = Binding(most), 0
    for lost, one in flows:
        found = limit_intact(one, binding.transfer)
        existing += found.existing
        if found.branch >= 0:
            binding = Binding(found.transfer, found.branch, (lost,), found.factor)
    return Binding(binding.transfer, binding.branch, binding.outage, binding.factor, existing)


def _find_over(flow: Floats, limit: Floats) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(flow) > limit * (1.0 + LOADING_TOLERANCE))


def _take_lower(
    binding: Binding, flows: LinearFlows, branch: int, outage: tuple[int, ...], found: tuple[float, float]
) -> Binding:
    """Keep whichever binds at the lower transfer; a branch that is beyond its limit already is set aside."""
    flow, slope = found
    limit = float(flows.limit[branch])
    if abs(slope) < flows.cutoff or slope == 0.0 or abs(flow) > limit * (1.0 + LOADING_TOLERANCE):
        return binding
    transfer = (np.copysign(limit, slope) - flow) / slope
    if transfer >= binding.transfer:
        return binding
    return Binding(float(max(transfer, 0.0)), branch, outage, float(slope), binding.existing)
