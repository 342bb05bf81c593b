"""DC screen: which outages may be left without an AC solution, and which may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gridhub.case.case import Bools, Case, Floats, Outage
from gridhub.kernels.graph import find_bridge_positions
from gridhub.solvers.dc import DcPlan, plan_dc, solve_dc
from gridhub.solvers.factors import compute_pair_factors
from gridhub.solvers.islands import find_components
from gridhub.solvers.options import PowerFlowOptions
from gridhub.solvers.solution import Solution

FLAG_PERCENT = 90.0
"""An outage is flagged for AC when the screen sees a branch above this share of its limit [%]."""

BLOCK = 256
"""Outages screened together: bounds the memory to n_branch x BLOCK numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Screen:
    """What the DC screen says of each outage.

    Attributes
    ----------
    worst_branch : (k,) int
        Branch with the highest estimated loading after the outage; -1 if none is rated.
    worst_percent : (k,) float
        Its estimated loading [%].
    flagged : (k,) bool
        Above `FLAG_PERCENT`, islanding, or beyond what the screen can tell: an outage of units, loads, links
        or shunts moves voltages, which DC does not see.
    islanding : (k,) bool
        Found by graph.
    """

    worst_branch: np.ndarray
    worst_percent: Floats
    flagged: Bools
    islanding: Bools


def find_islanding(case: Case, outages: Sequence[Outage]) -> Bools:
    """Tell by graph which outages split an island: bridges for single branches, components for several.

    The graph is that of the buses, so that branches without impedance count like any other.
    """
    present = case.branch_on | case.branch_joins
    ends, n_bus = (case.branch_from_bus, case.branch_to_bus), len(case.bus_node)
    bridge = np.zeros(case.n_branch, dtype=bool)
    bridge[present] = find_bridge_positions(n_bus, ends[0][present], ends[1][present])
    before = find_components(n_bus, ends[0][present], ends[1][present])[0]
    result = np.zeros(len(outages), dtype=bool)
    for k, outage in enumerate(outages):
        lost = [i for i in outage.branch if present[i]]
        if len(lost) == 1:
            result[k] = bridge[lost[0]]
        elif lost:
            left = present.copy()
            left[lost] = False
            result[k] = find_components(n_bus, ends[0][left], ends[1][left])[0] > before
    return result


def _loses_injection(outage: Outage) -> bool:
    """Whether units, loads, links or shunts are lost, and not branches alone."""
    return bool(outage.generator or outage.load or outage.hvdc or outage.storage or outage.shunt)


def _shift_injections(case: Case, plan: DcPlan, outage: Outage, options: PowerFlowOptions) -> Floats | None:
    """Change of the nodal injections when units, loads or links are lost; None if only branches are."""
    if not _loses_injection(outage):
        return None
    units = Outage((), outage.generator, outage.load, outage.storage, outage.hvdc, outage.shunt)
    flows = [
        solve_dc(state, options.dc_convention, options.distributed_slack, plan).p_from
        for state in (case, case.take_out(units))
    ]
    return np.nan_to_num(flows[1] - flows[0])


def _estimate(
    base: Solution, plan: DcPlan, outages: Sequence[Outage], islanding: Bools, options: PowerFlowOptions
) -> Floats:
    """Change of every branch's active flow by each outage, (n_branch, k) [p.u.]; NaN where islanding."""
    case = base.case
    lost = sorted({i for outage in outages for i in outage.branch if case.branch_on[i]})
    place = {branch: column for column, branch in enumerate(lost)}
    pair = compute_pair_factors(case, plan, np.array(lost, dtype=np.int64))
    flow = 0.5 * np.nan_to_num(base.s_from.real - base.s_to.real)
    change = np.zeros((case.n_branch, len(outages)))
    for k, outage in enumerate(outages):
        if islanding[k]:
            change[:, k] = np.nan
            continue
        shifted = _shift_injections(case, plan, outage, options)
        if shifted is not None:
            change[:, k] = shifted
        out = [i for i in outage.branch if case.branch_on[i]]
        if out:
            columns = pair[:, [place[i] for i in out]]
            matrix = np.eye(len(out)) - columns[out]
            moved = np.linalg.solve(matrix, flow[out] + change[out, k])
            change[:, k] += columns @ moved
            change[out, k] = -flow[out]
    return change


def screen_outages(
    base: Solution, outages: Sequence[Outage], limit: Floats, options: PowerFlowOptions
) -> Screen:
    """Estimate the loading after each outage by the DC model.

    Parameters
    ----------
    base : Solution
        Solved AC state before any outage.
    outages : sequence of Outage
    limit : (n_branch,) float
        Limit after an outage [p.u.]; NaN = unrated.
    options : PowerFlowOptions

    Returns
    -------
    Screen

    Notes
    -----
    The change of active power comes from outage factors (one branch), the small system I - H_kk (several),
    or a DC solve with the lost MW taken up by the slack; it is added to the AC flow before the outage, and
    reactive flow is taken as unchanged. Voltages are not seen: an outage that is screened out is clear of
    overloads by this estimate and nothing more is known of it.
    """
    case = base.case
    plan = plan_dc(case, options.dc_convention)
    islanding = find_islanding(case, outages)
    unsolvable = np.array(
        [any(case.branch_joins[i] for i in outage.branch) for outage in outages], dtype=bool
    )
    worst = np.full(len(outages), -1)
    percent = np.full(len(outages), np.nan)
    ends = [(np.nan_to_num(s.real), np.nan_to_num(s.imag)) for s in (base.s_from, base.s_to)]
    rated = ~np.isnan(limit) & case.branch_on
    for first in range(0, len(outages), BLOCK):
        block = slice(first, first + BLOCK)
        skip = islanding[block] | unsolvable[block]
        change = _estimate(base, plan, outages[block], skip, options)
        if not rated.any():
            continue
        sizes = [
            np.hypot(p[rated, None] + sign * change[rated], q[rated, None])
            for (p, q), sign in zip(ends, (1.0, -1.0), strict=True)
        ]
        loading = 100.0 * np.maximum(*sizes) / limit[rated, None]
        positions = np.flatnonzero(rated)
        for k, outage in enumerate(outages[block]):
            loading[np.isin(positions, outage.branch), k] = 0.0
        known = ~skip
        top = np.argmax(loading[:, known], axis=0)
        worst[first + np.flatnonzero(known)] = positions[top]
        percent[first + np.flatnonzero(known)] = loading[top, np.flatnonzero(known)]
    injecting = np.array([_loses_injection(outage) for outage in outages], dtype=bool)
    flagged = islanding | unsolvable | injecting | ~(percent <= FLAG_PERCENT) & (worst >= 0)
    return Screen(worst, percent, flagged, islanding)
