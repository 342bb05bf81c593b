"""The study of sites: what its page says, how it chooses, and that it goes on where it was."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from gridhub.analysis.siting.options import SitingOptions
from gridhub.analysis.siting.siting import SiteRanking
from gridhub.errors import NotConverged

CASES = ("2028-1000", "2028-3000", "2030-1000", "2030-3000")


@pytest.fixture
def make(repo_root: Path) -> ModuleType:
    path = repo_root / "studies" / "asia_pacific_hub" / "make.py"
    spec = importlib.util.spec_from_file_location("make_asia_pacific_hub", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_table_for_each_case_and_no_claim_without_what_was_not_assessed(repo_root: Path) -> None:
    text = (repo_root / "studies" / "asia_pacific_hub" / "README.md").read_text(encoding="utf-8")
    names = [f"{part} {case}" for part in ("ranking", "plans") for case in CASES]
    for name in (*names, "hosting 2028", "hosting 2030", "criteria"):
        _, table = text.split(f"<!-- table: {name}; made by make.py -->")
        table = table.split("<!-- end of table -->")[0]
        assert table.count("\n|") > 3 or "not complete" in table, name
    _, findings = text.split("<!-- table: findings; made by make.py -->")
    rows = findings.split("<!-- end of table -->")[0].strip().splitlines()
    assert len(rows) == len(CASES)
    for row in rows:
        assert "Not assessed anywhere: " in row and "not assessable with public data" in row
    assert "can stand" not in text


def test_one_site_per_point_of_connection_and_the_best_of_the_capital(make: ModuleType) -> None:
    table = pd.DataFrame(
        {"rank": [1.0, 2.0, 3.0, 4.0, 5.0, float("nan")], "bus": ["a", "a", "b", "k", "c", "d"]},
        index=["one", "same", "two", "city", "three", "unranked"],
    )
    kind = ["x", "x", "x", make.CONTRAST, "x", "x"]
    ranking = SiteRanking("net", "hub", table, pd.DataFrame(), {}, SitingOptions())
    sites = pd.DataFrame({"kind": kind}, index=table.index)
    chosen = make.choose_sites(ranking, sites)
    assert [site for site, _ in chosen] == ["one", "two", "three", "city"]


def test_a_plan_is_made_once(make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(make, "plan_site", lambda *args: made.append(args[1]) or {"site": args[1]})
    for _ in range(2):
        plan = make.find_plan(tmp_path, None, "here", pd.Series(dtype=float), 1000.0, "best")
    assert plan == {"site": "here", "role": "best"} and made == ["here"]


def test_kept_plans_stand_beside_what_is_not_planned(make: ModuleType, tmp_path: Path) -> None:
    for site in ("one", "three"):
        (tmp_path / f"plan-{site}.json").write_text("{}", encoding="utf-8")
    table = pd.DataFrame({"rank": [1.0, 2.0, 3.0]}, index=["one", "two", "three"])
    ranking = SiteRanking("net", "hub", table, pd.DataFrame(), {}, SitingOptions())
    chosen = make.keep_planned(tmp_path, [("one", "best"), ("two", "best")], ranking)
    assert chosen == [("one", "best"), ("two", ""), ("three", "rank 3")]


def test_a_state_that_the_hub_leaves_without_solution_is_said(
    make: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **settings: object) -> None:
        raise NotConverged("no state", "NOT_CONVERGED", ())

    monkeypatch.setattr(make, "run_security", fail)
    assert make.count_new(None, SimpleNamespace(network_after=None), "midday") is None
    plan = {"site": "here", "role": "best", "points": ["a"], "before": 1, "works": [], "left": 1}
    plan |= {"unsolved": True, "left_worst_percent": None, "elsewhere": {"midday": None}}
    plan |= {"cost_base": 0.0, "cost_low": 0.0, "cost_high": 0.0, "lead_years": None}
    sites = pd.DataFrame({"name": ["Here"], "name_ko": ["여기"]}, index=["here"])
    ranked = pd.DataFrame({"reinforcement_per_mw": [0.25]}, index=["here"])
    table = make.make_plans({"mw": 3000.0, "plans": [plan]}, sites, ranked)
    assert "| 750.0 |" in table
    assert "midday no AC solution" in table and "no AC solution with the hub: no works chosen" in table


@pytest.mark.slow
def test_the_study_runs_on_another_region_without_a_change(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make, "NETWORK", "rts-96")
    monkeypatch.setattr(make, "RESULTS", tmp_path)
    monkeypatch.setattr(make, "PEAK", "peak")
    monkeypatch.setattr(make, "PLAN", {**make.PLAN, "snapshots": ("peak",), "maximum_works": 2})
    monkeypatch.setattr(make, "load_network", lambda name, year: make_rts())
    folder = make.run_case(2030, 300.0, fresh=False)
    document = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    assert len(document["plans"]) == make.BEST and (folder / "report.html").is_file()
    times = {path: path.stat().st_mtime_ns for path in folder.glob("plan-*.json")}
    assert make.run_case(2030, 300.0, fresh=False) == folder
    assert times == {path: path.stat().st_mtime_ns for path in folder.glob("plan-*.json")}


def make_rts():
    """Load the textbook grid, which has no plans."""
    import gridhub as gh

    return gh.load_network("rts-96")
