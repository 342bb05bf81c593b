from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("method", ["ac", "dc"])
def test_flow_shows_what_a_planner_looks_at(ring: Path, method: str):
    code, out, _ = run("flow", ring, "--method", method)
    assert code == 0
    for text in ("CONVERGED", "losses", "Most loaded", "신가평 Singapyeong"):
        assert text in out
    assert ("Lowest voltages" in out) == (method == "ac")


def test_flow_shows_interface_margins(ring: Path):
    code, out, _ = run("flow", ring)
    assert code == 0
    assert "south" in out
    assert "margin" in out


def test_flow_writes_a_page_and_no_second_one_over_it(ring: Path, tmp_path: Path):
    code, out, _ = run("flow", ring, "--out", tmp_path / "page")
    assert code == 0
    assert str(tmp_path / "page" / "report.html") in out.replace("\n", "")
    assert (tmp_path / "page" / "report.html").exists()
    code, _, err = run("flow", ring, "--out", tmp_path / "page")
    assert code == 5
    assert "--force" in err


def test_flow_as_json_balances(ring: Path):
    code, out, _ = run("flow", ring, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["status"] == "CONVERGED"
    ends = sum(row["p_from_mw"] + row["p_to_mw"] for row in document["branch"])
    injected = sum(row["p_mw"] for row in document["bus"])
    assert injected == pytest.approx(ends, abs=1e-4)
    assert document["summary"]["losses_mw"] == pytest.approx(ends, abs=1e-4)


def test_flow_of_a_snapshot_and_with_options(ring: Path):
    loads = []
    for snapshot in ("day", "night"):
        code, out, _ = run(
            "flow", ring, "--snapshot", snapshot, "-o", "start=flat", "-o", "tolerance=1e-9", "--json"
        )
        assert code == 0
        loads.append(json.loads(out)["summary"]["load_mw"])
    assert loads == pytest.approx([350.0, 200.0])


def test_no_solution_is_3_and_names_the_worst_buses(hopeless: Path):
    code, out, err = run("flow", hopeless)
    assert code == 3
    assert not out
    assert "worst buses" in err
    assert "해남 Haenam" in err


def test_no_solution_as_json(hopeless: Path):
    code, out, _ = run("flow", hopeless, "--json")
    document = json.loads(out)
    assert (code, document["exit_code"]) == (3, 3)
    assert document["worst"]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--snapshot", "nite"), "night"),
        (("-o", "tolerence=1e-9"), "tolerance"),
        (("-o", "tolerance"), "KEY=VALUE"),
        (("-o", "tolerance=abc"), "tolerance"),
        (("--method", "opf"), "--method"),
        (("--top", "0"), "--top"),
        (("--nonsense",), "--nonsense"),
        (("--year", "2030"), "no plans to bring it to 2030"),
        (("--ratings", "seasonal"), "no seasonal ratings"),
        (("--ratings", "dynamic"), "'seasonal'"),
    ],
)
def test_bad_usage_is_2_and_says_what(ring: Path, args: tuple[str, ...], text: str):
    code, _, err = run("flow", ring, *args)
    assert code == 2
    assert text in err


def test_flow_of_a_planned_year():
    code, out, _ = run("flow", "korea-2025-backbone", "--year", 2030, "--method", "dc", "--json")
    assert code == 0
    assert json.loads(out)["network"] == "korea-2025-backbone@2030"


def test_flow_with_the_ratings_of_the_season_is_less_loaded_in_winter():
    args = ("flow", "korea-2025-backbone", "--snapshot", "winter_peak", "--method", "dc", "--json")
    plain, seasonal = (json.loads(run(*args, *more)[1]) for more in ((), ("--ratings", "seasonal")))
    worst = [document["summary"]["worst_loading_percent"] for document in (plain, seasonal)]
    assert worst[1] < worst[0] - 5.0


def test_a_year_the_plans_do_not_reach_is_2_and_lists_those_there_are():
    code, _, err = run("flow", "korea-2025-backbone", "--year", 2025)
    assert code == 2
    assert "years: 2026, 2027" in err
