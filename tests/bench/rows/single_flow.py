"""One AC power flow from a compiled case, flat start; and what planning a case costs."""

from __future__ import annotations

import numpy as np

from gridhub.solvers.ac import solve_ac
from gridhub.solvers.batch import plan_batch
from gridhub.solvers.options import read_options
from tests.bench.grids import OPTIONS, load_grid
from tests.bench.peers.lightsim_peer import LightsimGrid
from tests.bench.peers.pandapower_flows import make_pandapower_flow
from tests.bench.plain_grid import lay_out
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Goal, Table, time_in_turns

SOLVE, LIGHTSIM, PANDAPOWER = "gridhub solve_ac", "lightsim2grid ac_pf", "pandapower runpp"
PLAN_GOAL = (0.5, 0.1)
"""Seconds a plan may take, and should."""


def list_rows(settings: Settings) -> list[Row]:
    """One flow and one plan on each grid."""
    names = ("case118",) if settings.quick else ("case118", "case2869pegase", "case9241pegase")
    flows = [Row(f"one AC power flow, {name}", lambda s, name=name: bench_flow(s, name)) for name in names]
    return flows + [
        Row(f"plan of a case, {name}", lambda s, name=name: bench_plan(s, name)) for name in names
    ]


def bench_flow(settings: Settings, name: str) -> Table:
    """Time one power flow; every contestant keeps its pattern and order from call to call."""
    grid = load_grid(name)
    options = read_options({**OPTIONS, "start": "flat", "threads": 1})
    plan = plan_batch(grid.case, options).newton
    plain = lay_out(grid.base)
    peer = LightsimGrid(plain)
    flat = np.ones(len(plain.node), dtype=complex)
    runpp = make_pandapower_flow(name, lightsim2grid=False, init="flat")
    contestants = [
        Contestant(SOLVE, lambda: solve_ac(grid.case, options, plan)),
        Contestant(LIGHTSIM, lambda: peer.solve(flat)),
        Contestant(PANDAPOWER, runpp, 1, "from its tables to its tables"),
    ]
    seconds = time_in_turns(contestants, settings.turns * 5)
    own = solve_ac(grid.case, options, plan)
    theirs = np.abs(peer.solve(flat))
    bus_vm = np.where(grid.case.bus_node >= 0, own.vm[grid.case.bus_node], np.nan)
    return Table(
        f"One AC power flow from a compiled case, flat start, {name}: {grid.case.n_node:,} nodes",
        "flow",
        contestants,
        seconds,
        goals=[Goal(SOLVE, LIGHTSIM, 0.7, 1.5), Goal(SOLVE, PANDAPOWER, 20, 60)],
        agreements=[
            Agreement(LIGHTSIM, float(np.abs(own.vm[plain.node] - theirs).max())),
            Agreement(PANDAPOWER, float(np.nanmax(np.abs(bus_vm - runpp())))),
        ],
        notes=[f"{own.iterations} Newton iterations; status {own.status}"],
    )


def bench_plan(settings: Settings, name: str) -> Table:
    """Time the plan: order, symbolic elimination, position maps."""
    grid = load_grid(name)
    options = read_options({**OPTIONS, "threads": 1})
    contestants = [Contestant("gridhub plan_batch", lambda: plan_batch(grid.case, options))]
    seconds = time_in_turns(contestants, settings.turns * 3)
    median = float(np.median(seconds.wall["gridhub plan_batch"]))
    verdict = "aim met" if median < PLAN_GOAL[1] else "met" if median < PLAN_GOAL[0] else "NOT MET"
    return Table(
        f"Plan of a case, {name}: {grid.case.n_node:,} nodes",
        "plan",
        contestants,
        seconds,
        notes=[f"under {PLAN_GOAL[0]} s, aim under {PLAN_GOAL[1]} s: {verdict}"],
    )
