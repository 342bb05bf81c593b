"""What warming compiles is what the analyses need: a later process compiles nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import gridhub as gh
from gridhub.analysis.warming import build_sample

# Other networks than the sample, other sizes, every option: none of it may need a specialisation of its own.
WORK = """
import json
import numpy as np
import pandas as pd
import gridhub as gh
from gridhub.analysis.warming import count_specialisations
from gridhub.case.compile import compile_case
from gridhub.solvers.dc import plan_dc
from gridhub.solvers.dc_outages import screen_dc_outages
from gridhub.solvers.dc_pairs import screen_dc_pairs
from gridhub.solvers.scenario import Injections
from tests.small_networks import make_double_feed, make_meshed

for net in (make_meshed(3), make_double_feed(), gh.load_network("korea-2025-backbone")):
    load = net.load.index[:1]
    hours = pd.DataFrame([[10.0], [20.0], [30.0]], columns=load)
    for limits in (False, True):
        options = {"reactive_limits": limits}
        gh.run_power_flow(net, options=options)
        gh.run_power_flow(net, method="dc")
        gh.run_security(net, verify="all", options=options)
        for method in ("ac", "dc"):
            gh.run_time_series(net, {("load", "p_mw"): hours}, method, options, keep="all")
            gh.run_time_series(net, method=method)
    gh.ptdf(net), gh.lodf(net)
    case = compile_case(net)
    plan, branches = plan_dc(case, "x_tap"), np.arange(case.n_branch)
    for count in (None, 1, 3):
        own = None if count is None else Injections(load_p=np.outer(np.ones(count), case.load_p))
        screen_dc_outages(case, plan, [[i] for i in branches.tolist()], case.rate, own)
        screen_dc_pairs(case, plan, branches[:20], case.rate, own)
print(json.dumps(count_specialisations()))
"""


def run(cache: Path, *arguments: str) -> str:
    root = Path(gh.__file__).parents[1]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=root, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_fresh_cache_fills_and_a_later_process_compiles_nothing(tmp_path: Path) -> None:
    warmup = ("-c", "from gridhub.cli.main import app; app()", "warmup", "--json")
    first = json.loads(run(tmp_path, *warmup))
    files = {file for file in tmp_path.rglob("*.nbc")}
    assert first["compiled"] >= first["kernels"] > 0
    assert len(files) >= first["kernels"]
    assert all(Path(folder).is_relative_to(tmp_path) for folder in first["folders"])
    compiled, loaded = json.loads(run(tmp_path, "-c", WORK))
    assert compiled == 0
    assert loaded > 0
    assert {file for file in tmp_path.rglob("*.nbc")} == files
    again = json.loads(run(tmp_path, *warmup))
    assert again["compiled"] == 0
    assert again["seconds"] < first["seconds"]
    assert json.loads(run(tmp_path, *warmup, "--afresh"))["compiled"] == first["compiled"]


def test_the_sample_has_every_kind_of_element_and_solves() -> None:
    net = build_sample()
    assert not [issue for issue in gh.validate(net) if issue.severity == "error"]
    for table in ("line", "transformer", "load", "generator", "shunt", "storage", "hvdc"):
        assert len(net.tables[table]), table
    pf = gh.run_power_flow(net)
    assert pf.generator["limit"].isin(["q_min", "q_max"]).any(), "no unit reaches a reactive limit"
    sec = gh.run_security(net)
    assert {"ISLANDED", "CONVERGED", "SCREENED"} <= set(sec.status["status"])
    assert len(sec.violations)
