"""Cost per outage against the size of the grid, its exponent and a drawing; one thread, warm, no peer."""

from __future__ import annotations

import numpy as np

from gridhub.case.case import Floats
from tests.bench.curve import draw_curve
from tests.bench.grids import load_grid, sample
from tests.bench.roofline import count_work, describe_share
from tests.bench.settings import OUT, Row, Settings
from tests.bench.timing import Contestant, Table, time_in_turns

GRIDS = (
    "case118",
    "case300",
    "case1354pegase",
    "case1888rte",
    "case2848rte",
    "case2869pegase",
    "case3120sp",
    "case6470rte",
    "case9241pegase",
)
SAMPLE = 2000
"""Outages per grid: more of them would not change the cost of one."""


def list_rows(settings: Settings) -> list[Row]:
    """One row: the whole curve."""
    return [Row("cost per outage against grid size", bench)]


def fit_exponent(nodes: Floats, cost: Floats) -> tuple[float, float]:
    """Exponent and factor of cost = factor * nodes^exponent, by least squares of the logarithms."""
    exponent, intercept = np.polyfit(np.log(nodes), np.log(cost), 1)
    return float(exponent), float(np.exp(intercept))


def bench(settings: Settings) -> Table:
    """Time every grid in turns, fit the exponent and draw the curve."""
    contestants, notes, sizes, plans = [], [], {}, {}
    for name in GRIDS[:2] if settings.quick else GRIDS:
        grid = load_grid(name)
        plan = grid.plan(1)
        outages = sample(grid.outages, 30 if settings.quick else SAMPLE)
        result = grid.solve(plan, outages)
        contestants.append(
            Contestant(
                name,
                lambda grid=grid, plan=plan, outages=outages: grid.solve(plan, outages),
                len(outages),
                f"{grid.case.n_node:,} nodes; stage 1 solved {int((result.stage == 1).sum()):,}, "
                f"unsolved {int((~result.solved).sum()):,}",
            )
        )
        sizes[name] = grid.case.n_node
        plans[name] = (count_work(plan.newton, int(grid.case.branch_on.sum())), result.iterations)
    seconds = time_in_turns(contestants, settings.turns)
    table = Table("Cost per outage against grid size, 1 thread", "outage", contestants, seconds, notes=notes)
    nodes = np.array([sizes[one.name] for one in contestants], dtype=float)
    # processor time: a neighbour on the machine would bend the curve where it happened to come by
    cost = np.array([table.get_cost(one.name, cpu=True) for one in contestants])
    exponent, factor = fit_exponent(nodes, cost)
    large = nodes > 1000
    notes.append(f"processor time = {factor * 1e6:.3g} us * nodes^{exponent:.2f} (aim: exponent below 1.0)")
    if large.sum() > 2:
        notes.append(f"above 1,000 nodes alone: exponent {fit_exponent(nodes[large], cost[large])[0]:.2f}")
    for name, (work, iterations) in plans.items():
        median = float(np.median(seconds.wall[name]))
        share = describe_share(work, iterations.astype(float), median, settings.machine, 1)
        notes.append(f"{name}: {share}")
    file = OUT / "cost-per-outage.svg"
    labels = [one.name for one in contestants]
    file.write_text(draw_curve(labels, nodes, cost * 1e6, exponent, factor * 1e6), encoding="utf-8")
    notes.append(f"drawn in {file}")
    return table
