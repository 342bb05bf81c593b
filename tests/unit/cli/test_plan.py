from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app

BACKBONE = ("plan", "korea-2025-backbone", "--bus", "singangjin-345", "--mw", "500")

HALL = ("--bus", "114", "--mw", "300")


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.slow
def test_a_hub_of_the_backbone_is_planned_and_reported(tmp_path: Path):
    some = ("--years", "2029-2030", "--ramp", "2029=200,2030=500", "--project", "sinhaenam--singangjin")
    state = ("--project", "sinhaenam", "-s", "summer_peak", "--draws", "50", "-o", "effect=0.05")
    code, out, _ = run(*BACKBONE, *some, *state, "--out", tmp_path / "page", "--json")
    document = json.loads(out)
    assert code == 0 and [row["year"] for row in document["years"]] == [2029, 2030]
    assert [row["wanted_mw"] for row in document["years"]] == [200.0, 500.0]
    assert {row["project"] for row in document["projects"]} == {"sinhaenam", "sinhaenam--singangjin"}
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "신해남" in page and "Feasible power by year" in page
    assert (tmp_path / "page" / "tables" / "waits.csv").exists()
    code, out, _ = run(*BACKBONE, *some, *state)
    assert code == 0 and "what it waits for" in out and "own storage" in out or "as asked" in out


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((*BACKBONE, "--years", "30-31"), "is not FIRST-LAST"),
        ((*BACKBONE, "--years", "2030-2026"), "is not FIRST-LAST"),
        ((*BACKBONE, "--ramp", "soon=3"), "is not YEAR=MW"),
        ((*BACKBONE, "--hub", "none.toml"), "leave --bus and --mw out"),
        (BACKBONE[:4], "say which hub"),
        ((*BACKBONE, "--years", "2050"), "no plans for 2050"),
        ((*BACKBONE, "--project", "ghost"), "no such project in the plans"),
        ((*BACKBONE, "--bus", "ghost"), "has no bus 'ghost'"),
        ((*BACKBONE, "--elsewhere", "ghost"), "has no bus 'ghost'"),
        ((*BACKBONE, "--snapshot", "ghost"), "has no snapshot 'ghost'"),
        (("plan", "korea-2026", *BACKBONE[2:]), "did you mean korea-2025"),
        ((*BACKBONE, "--ratings", "dynamic"), "'seasonal'"),
        (("plan", "rts-96", *HALL), "give --works"),
        (("plan", "rts-96", *HALL), "gridhub host rts-96"),
        (("plan", "pandapower:case118", *HALL), "give --works"),
        (("plan", "rts-96", *HALL, "--works", "--project", "x"), "Leave --project out"),
        (("plan", "pandapower:case118", *HALL, "--works"), "--costs"),
    ],
)
def test_bad_input_is_2(args: tuple[str, ...], text: str):
    code, _, err = run(*args)
    assert code == 2 and text in err.replace("\n", "")
    assert "leave year out" not in err


@pytest.mark.slow
def test_works_are_the_projects_of_a_network_without_plans():
    args = ("plan", "rts-96", *HALL, "--years", "2027-2029", "--works", "--draws", 20, "--json")
    code, out, _ = run(*args)
    document = json.loads(out)
    assert code == 0 and [row["year"] for row in document["years"]] == [2027, 2028, 2029]
    assert document["projects"] and all(row["kind"] for row in document["projects"])
    assert any("years that share one network" in text for text in document["not_assessed"])
