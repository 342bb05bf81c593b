from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def day(tmp_path: Path) -> str:
    """Load at C in four hours of two days."""
    hours = ["2025-01-01 00", "2025-01-01 12", "2025-01-02 00", "2025-01-02 12"]
    pd.DataFrame({"LC": [150.0, 420.0, 160.0, 300.0]}, index=hours).to_csv(tmp_path / "load.csv")
    return f"load.p_mw={tmp_path / 'load.csv'}"


def test_hours_of_a_profile(overloaded: Path, day: str, tmp_path: Path):
    args = ("security", overloaded, "--hours", "all", "-p", day, "--folder", tmp_path / "kept")
    code, out, _ = run(*args)
    assert code == 0
    assert "4 hours x 5 outages" in out
    assert "솔라시도" in out
    assert "2025-01-01 12" in out
    assert "verdict: insecure" in out
    assert run(*args, "--fail-on", "violations")[0] == 1
    code, again, _ = run(*args)
    assert again == out
    code, out, _ = run(*args, "--json", "--out", tmp_path / "page")
    document = json.loads(out)
    assert "Security over hours" in Path(document["report"]).read_text(encoding="utf-8")
    assert run(*args, "--out", tmp_path / "page")[0] == 5
    assert [row["hour"] for row in document["hours"]][1] == "2025-01-01 12"
    worst = {row["branch"]: row["worst_hour"] for row in document["branch"]}
    assert worst["L1"] == "2025-01-01 12"
    assert document["summary"]["hours"] == 4


def test_some_hours_and_snapshots(meshed: Path, day: str):
    some = json.loads(run("security", meshed, "--hours", "2025-01-02..2025-01-02", "-p", day, "--json")[1])
    assert [row["hour"] for row in some["hours"]] == ["2025-01-02 00", "2025-01-02 12"]
    states = json.loads(run("security", meshed, "--hours", "all", "--json")[1])
    assert [row["hour"] for row in states["hours"]] == ["day", "night"]
    assert states["verdict"] == "secure"
    assert "hours secure" in run("security", meshed, "--hours", "night")[1]


def test_a_year_after_its_dispatch(meshed: Path, day: str, tmp_path: Path):
    kept = tmp_path / "dispatch"
    assert run("dispatch", meshed, "-p", day, "--folder", kept)[0] == 0
    code, out, _ = run("security", meshed, "--hours", "all", "-p", day, "--dispatch", kept, "--json")
    assert code == 0
    document = json.loads(out)
    # 470 MW cannot cross an interface of 400 MW: that hour has no dispatch, so none of its outages is run
    assert [row["not_run"] for row in document["hours"]] == [0, 6, 0, 0]
    assert "INFEASIBLE" in document["hours"][1]["reason"]
    assert document["summary"]["outages_converged"] == 18


def test_what_does_not_go_together_is_refused(meshed: Path, hopeless: Path, day: str):
    assert run("security", meshed, "-p", day)[0] == 2
    assert run("security", meshed, "--hours", "all", "--verify", "all")[0] == 2
    code, _, err = run("security", meshed, "--hours", "2026", "-p", day)
    assert code == 2
    assert "2025-01-01 00" in err
    assert run("security", hopeless, "--hours", "day")[0] == 3
