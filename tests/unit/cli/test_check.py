"""``gridhub check``, and a study that fails on what a hub adds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gridhub.cli.study import list_new
from tests.unit.cli.test_study import STUDY, run
from tests.unit.study.test_golden import STORED, write_run


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return write_run(tmp_path / "golden", STORED)


def test_a_changed_table_is_4_and_a_tolerance_lets_it_pass(golden: Path, tmp_path: Path) -> None:
    code, out, _ = run("check", golden, "--run", golden)
    assert code == 0
    assert "same:" in out
    other = write_run(tmp_path / "other", STORED.assign(p_mw=[101.0, 0.0, float("nan")]))
    code, out, _ = run("check", golden, "--run", other)
    assert code == 4
    assert "p_mw" in out
    assert run("check", golden, "--run", other, "--rtol", "0.1")[0] == 0
    assert run("check", golden, "--run", other, "--column", "t.p_mw=0.1")[0] == 0
    code, out, _ = run("check", golden, "--run", other, "--json")
    document = json.loads(out)
    assert (code, document["exit_code"]) == (4, 4)
    assert [d["column"] for d in document["differences"]] == ["p_mw"]


def test_bad_usage_is_2_and_says_what(golden: Path, tmp_path: Path) -> None:
    code, _, err = run("check", golden, "--run", golden, "--column", "p_mw")
    assert code == 2
    assert "COLUMN=RTOL" in err
    code, _, err = run("check", golden)
    assert code == 2
    assert "--run" in err
    code, _, err = run("check", golden, "--run", tmp_path / "nothing")
    assert code == 2
    assert "no run folder" in err


@pytest.mark.slow
def test_a_study_run_again_is_as_stored(ring: Path) -> None:
    path = ring.parent / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    assert run("study", "run", path, "--out", ring.parent / "golden")[0] == 0
    code, out, _ = run("check", ring.parent / "golden", "--base", ring.parent)
    assert code == 0
    assert "same:" in out
    assert run("check", ring.parent / "golden", "--base", ring)[0] == 2


@pytest.mark.slow
def test_study_fails_on_what_the_hub_adds(overloaded: Path) -> None:
    path = overloaded.parent / "study.toml"
    path.write_text(STUDY.replace('network = "ring"', 'network = "overloaded"'), encoding="utf-8")
    code, out, _ = run("study", "run", path, "--out", overloaded.parent / "a", "--fail-on", "new-violations")
    assert code == 1
    assert "--fail-on new-violations" in out


def test_outages_and_snapshots_without_solution_count_as_found() -> None:
    content = {
        "result": {"violations_caused": 0},
        "completeness": {
            "peak": {"outages": 5, "converged": 3, "islanded": 1, "not_converged": 1},
            "night": {"outages": 5, "screened": 5},
            "snapshots_without_solution": ["dawn"],
        },
    }
    assert list_new(content) == [
        "1 outage(s) without a solution in peak",
        "dawn has no solution with the hub",
    ]
    del content["completeness"]["peak"]
    content["completeness"]["snapshots_without_solution"] = []
    assert list_new(content) == []
