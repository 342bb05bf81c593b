"""AC N-1 beside OpenLoadFlow's security analysis, on a grid both hold exactly; a sample of outages."""

from __future__ import annotations

import numpy as np

from tests.bench.grids import load_grid, sample
from tests.bench.peers.openloadflow import OpenLoadFlow
from tests.bench.plain_grid import lay_out
from tests.bench.settings import Row, Settings
from tests.bench.timing import Agreement, Contestant, Goal, Table, time_in_turns

SIZE = 300
BATCH, OLF = "gridhub solve_batch", "OpenLoadFlow security analysis"


def list_rows(settings: Settings) -> list[Row]:
    """One row per grid."""
    names = ("case118",) if settings.quick else ("case118", "case1354pegase", "case2869pegase")
    return [Row(f"AC N-1 beside OpenLoadFlow, {name}", lambda s, name=name: bench(s, name)) for name in names]


def bench(settings: Settings, name: str) -> Table:
    """Time one grid on one thread; it is OpenLoadFlow's default."""
    grid = load_grid(name)
    plan = grid.plan(1)
    own, tried = grid.outages, sample(grid.outages, 20 if settings.quick else SIZE)
    if settings.quick:
        own = tried
    peer = OpenLoadFlow(lay_out(grid.base))
    contestants = [
        Contestant(BATCH, lambda: grid.solve(plan, own), len(own)),
        Contestant(OLF, lambda: peer.solve(tried), len(tried), "its base case included"),
    ]
    seconds = time_in_turns(contestants, settings.turns)
    kept = grid.solve(plan, tried, keep="all")
    theirs, vm = peer.get_answers(tried)
    both = kept.solved & theirs
    assert kept.vm is not None
    return Table(
        f"AC N-1 beside OpenLoadFlow, {name}: {grid.case.n_node:,} nodes, {len(own):,} outages, 1 thread",
        "outage",
        contestants,
        seconds,
        goals=[Goal(BATCH, OLF, 60, 200)],
        agreements=[
            Agreement(
                OLF,
                float(np.abs(kept.vm[both][:, lay_out(grid.base).node] - vm[both]).max()),
                compared=int(both.sum()),
                both=int(both.sum()),
                only_ours=int((kept.solved & ~theirs).sum()),
                only_theirs=int((theirs & ~kept.solved).sum()),
            )
        ],
        notes=["its criterion is the root mean square of the mismatches, 1e-8 p.u."],
    )
