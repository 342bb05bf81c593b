"""AC N-1 in a fresh process: import, read the network, solve; compiled code in its cache."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp

import gridhub as gh
from tests.bench.grids import OPTIONS, load_grid
from tests.bench.peers.pandapower_flows import load_pandapower
from tests.bench.settings import Row, Settings
from tests.bench.timing import Contestant, Goal, Measured, Table, format_seconds, time_in_turns

PEERS = Path(__file__).parents[1] / "peers"
THREADS = 2
GRIDHUB, LIGHTSIM = "gridhub run_security", "lightsim2grid"
STEPS = ("import", "read", "solve")


def list_rows(settings: Settings) -> list[Row]:
    """One row per grid."""
    names = ("case118",) if settings.quick else ("case1354pegase", "case2869pegase")
    return [Row(f"cold AC N-1, {name}", lambda s, name=name: bench(s, name)) for name in names]


def run_script(name: str, *arguments: str) -> dict[str, Any]:
    """Run a script in a fresh process of this interpreter; its last line is JSON."""
    command = [sys.executable, "-W", "ignore", str(PEERS / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def bench(settings: Settings, name: str) -> Table:
    """Time both from their own kind of file, on two threads."""
    grid = load_grid(name)
    answers: dict[str, list[dict[str, Any]]] = {GRIDHUB: [], LIGHTSIM: []}

    def keep(who: str, script: str, *arguments: str) -> Callable[[], Measured]:
        def call() -> Measured:
            answer = run_script(script, *arguments)
            answers[who].append(answer)
            return Measured(sum(answer[step] for step in STEPS))

        return call

    with tempfile.TemporaryDirectory() as folder:
        own, theirs, wanted = (Path(folder) / part for part in ("own", "theirs.p", "outages"))
        gh.write_network(grid.net, own)
        pp.to_pickle(load_pandapower(name), str(theirs))
        wanted.write_text("\n".join(grid.case.labels.branch[k] for k in grid.outages), encoding="utf-8")
        options = json.dumps({**OPTIONS, "threads": THREADS})
        contestants = [
            Contestant(GRIDHUB, keep(GRIDHUB, "cold_gridhub_script.py", str(own), options, str(wanted))),
            Contestant(LIGHTSIM, keep(LIGHTSIM, "cold_lightsim_script.py", str(theirs), str(THREADS))),
        ]
        seconds = time_in_turns(contestants, settings.turns)
    notes = ["all steps count (gridhub imports pandas and more only when it reads):"]
    for who, found in answers.items():
        steps = ", ".join(
            f"{step} {format_seconds(float(np.median([one[step] for one in found[1:]])))}" for step in STEPS
        )
        notes.append(f"  {who}: {steps}; solved {found[-1]['solved']:,} of {len(grid.outages):,}")
    notes.append("lightsim2grid reads the transformers by its own formulas here, and finds no violations")
    title = f"Cold AC N-1, {name}: {len(grid.outages):,} outages, {THREADS} threads"
    return Table(title, "run", contestants, seconds, [Goal(GRIDHUB, LIGHTSIM, 1, 4)], notes=notes)
