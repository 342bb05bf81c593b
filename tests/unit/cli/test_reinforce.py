from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app
from gridhub.model.files import write_network
from tests.unit.analysis.works.test_reinforcement import build_mesh
from tests.unit.analysis.works.test_value import build_row

COSTS = Path(__file__).resolve().parents[3] / "networks" / "korea" / "costs.toml"


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_a_ring_without_room_gets_works_as_json(overloaded: Path):
    code, out, _ = run("reinforce", overloaded, "--criteria", "none", "--costs", COSTS, "--json")
    document = json.loads(out)
    assert code == 0 and document["money_unit"] == "bn KRW"
    assert len(document["before"]) > len(document["left"])
    steps = document["greedy_steps"]
    assert [row["step"] for row in steps] == [*range(1, len(steps) + 1)]
    assert [row["method"] for row in document["selection"]] == ["greedy", "milp"]


def test_a_spur_that_cuts_load_off_gets_a_second_circuit(ring: Path):
    code, out, _ = run("reinforce", ring, "--criteria", "none", "--costs", COSTS)
    assert code == 0 and "second circuit L5" in out and "not assessed" in out
    assert "remove all 1 violations, verified by AC" in out


def test_a_meshed_ring_needs_none(meshed: Path):
    code, out, _ = run("reinforce", meshed, "--criteria", "none", "--costs", COSTS)
    assert code == 0 and "no works are needed" in out


def test_works_are_valued_by_dispatch(tmp_path: Path):
    write_network(build_row(), tmp_path / "row")
    some = ("reinforce", tmp_path / "row", "--criteria", "none", "--costs", COSTS, "--value")
    code, out, _ = run(*some, "--json")
    rows = json.loads(out)["value"]["rows"]
    assert code == 0 and rows[0]["work"] == "all works" and rows[0]["method"] == "set"
    assert {row["method"] for row in rows[1:]} == {"toot", "pint"}
    assert rows[0]["benefit"] > 0 and rows[0]["bc_4_5"] > 0
    code, out, _ = run(*some, "--out", tmp_path / "page")
    assert code == 0 and "worth, bn KRW" in out and "B/C" in out
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "Works of the plan" in page and "alone (PINT)" in page
    code, _, err = run(*some, "--out", tmp_path / "page")
    assert code == 5 and "--force" in err


def test_schemes_are_told_with_what_they_do(tmp_path: Path):
    write_network(build_mesh(450.0), tmp_path / "mesh")
    some = ("reinforce", tmp_path / "mesh", "--criteria", "none", "--costs", COSTS)
    some += ("--kind", "second_circuit", "--kind", "remedial_scheme")
    code, out, _ = run(*some, "--json")
    document = json.loads(out)
    assert code == 0 and not document["left"]
    assert {row["variant"] for row in document["schemes"]} >= {"without", "with"}
    code, out, _ = run(*some, "--out", tmp_path / "page")
    assert code == 0 and "what the schemes do, by AC with all works" in out and "fault level" in out
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "Remedial schemes" in page and "Outages in which a scheme acts" in page


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "has no unit costs"),
        (("--snapshot", "noon"), "no snapshot 'noon'"),
        (("-o", "rutes=1"), "did you mean routes"),
        (("--costs", "none.toml"), "none.toml"),
        (("--kind", "dream"), "'dream' is none of second_circuit"),
        (("--hub", "none.toml"), "none.toml"),
        (("--hours", "peak"), "is not SNAPSHOT=H"),
    ],
)
def test_bad_input_is_2(ring: Path, args: tuple[str, ...], text: str):
    code, _, err = run("reinforce", ring, "--criteria", "none", *args)
    assert code == 2 and text in err.replace("\n", "")
