"""The grids that are timed: compiled, planned and solved once, with the outages that split nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import gridhub as gh
from gridhub.analysis.security.screening import find_islanding
from gridhub.case.case import Case, Ints, Outage
from gridhub.case.compile import compile_case
from gridhub.case.positions import OutageList
from gridhub.model.network import Network
from gridhub.solvers.ac import solve_ac
from gridhub.solvers.batch import BatchPlan, plan_batch, solve_batch
from gridhub.solvers.batch_result import BatchResult
from gridhub.solvers.islands import choose_references
from gridhub.solvers.options import read_options
from gridhub.solvers.scenario import Watch
from gridhub.solvers.solution import Solution

OPTIONS = {
    "distributed_slack": False,
    "reactive_limits": False,
    "start": "dc",
    "tolerance": 1e-8,
    "dc_convention": "x_tap",
}
"""One set of options for everybody: one reference bus, no reactive limits, 1e-8 p.u. on 100 MVA."""

BACKBONE = "korea-2025-backbone"
VOLTAGE_BAND = (0.9, 1.1)
"""Watched in every batch [p.u.], so that violations are part of our work."""


@dataclass(frozen=True, eq=False)
class Grid:
    """One grid, ready to be solved.

    Attributes
    ----------
    name : str
    net : Network
    case : Case
        References chosen.
    base : Solution
        Nothing out, options of `OPTIONS`.
    outages : (k,) int
        Branches in service whose loss splits no island.
    watch : Watch
    """

    name: str
    net: Network
    case: Case
    base: Solution
    outages: Ints
    watch: Watch

    def plan(self, threads: int) -> BatchPlan:
        """Plan batches on a number of threads."""
        return plan_batch(self.case, read_options({**OPTIONS, "threads": threads}))

    def solve(self, plan: BatchPlan, outages: Ints | OutageList, keep: str = "violations") -> BatchResult:
        """Solve single branch outages from the base state."""
        out = outages if isinstance(outages, OutageList) else list_single(outages)
        return solve_batch(self.case, plan, out, base=self.base, watch=self.watch, keep=keep)


def list_single(branches: Ints) -> OutageList:
    """List the outages of single branches, to be solved again and again."""
    return OutageList(Outage(branch=(k,)) for k in branches.tolist())


@cache
def load_grid(name: str) -> Grid:
    """Load a grid by its name in gridhub; only the last few stay in memory."""
    net = gh.load_network(name if name == BACKBONE else f"pandapower:{name}")
    case, _ = choose_references(compile_case(net))
    options = read_options(OPTIONS)
    base = solve_ac(case, options, plan_batch(case, options).newton)
    if not base.status.is_solved:
        raise RuntimeError(f"{name} has no base state: {base.reason}")
    on = np.flatnonzero(case.branch_on)
    splits = find_islanding(case, [Outage(branch=(int(k),)) for k in on])
    band = (np.full(case.n_node, limit) for limit in VOLTAGE_BAND)
    return Grid(name, net, case, base, on[~splits], Watch(case.rate, *band))


def sample(positions: Ints, size: int) -> Ints:
    """A random sample in order, the same every time; everything if there is no more than that."""
    if len(positions) <= size:
        return positions
    chosen = np.random.default_rng(0).choice(len(positions), size, replace=False)
    return positions[np.sort(chosen)]
