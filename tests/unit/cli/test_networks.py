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


def test_networks_are_listed():
    code, out, _ = run("networks")
    assert code == 0
    assert "pandapower:case118" in out


def test_networks_as_json_have_the_documented_columns():
    code, out, _ = run("networks", "--json")
    assert code == 0
    rows = json.loads(out)["networks"]
    assert {"name", "buses", "branches", "vintage", "licence"} <= set(rows[0])


def test_a_good_folder_is_valid(ring: Path):
    code, out, _ = run("validate", ring)
    assert code == 0
    assert "0 error(s)" in out


def test_valid_as_json(ring: Path):
    code, out, _ = run("validate", ring, "--json")
    document = json.loads(out)
    assert (code, document["errors"], document["exit_code"]) == (0, 0, 0)


def break_rows(folder: Path) -> None:
    path = folder / "tables" / "load.csv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    cells["p_mw"] = "many"
    broken = ",".join(cells.values())
    cells |= {"id": "LX", "bus": "Z", "p_mw": "1"}
    path.write_text("\n".join([header, broken, *rest, ",".join(cells.values())]) + "\n", encoding="utf-8")


def test_a_broken_row_is_listed_with_its_place(ring: Path):
    break_rows(ring)
    code, out, _ = run("validate", ring)
    assert code == 2
    assert "many" in out
    assert "p_mw" in out
    assert "load" in out


@pytest.mark.parametrize("command", ["validate", "flow", "security"])
def test_a_broken_row_as_json_names_table_row_field_value(ring: Path, command: str):
    break_rows(ring)
    code, out, _ = run(command, ring, "--json")
    assert code == 2
    issues = json.loads(out)["issues"]
    found = [(issue["column"], issue["value"]) for issue in issues if issue["severity"] == "error"]
    assert ("p_mw", "many") in found


@pytest.mark.parametrize("command", ["validate", "flow", "security"])
def test_an_unknown_name_suggests_near_ones(command: str):
    code, _, err = run(command, "pandapower:case117")
    assert code == 2
    assert "pandapower:case118" in err


@pytest.mark.parametrize("text", ["no/such/folder", "../../etc/x", "a\nb", "x" * 300, "CON", "-"])
def test_a_hostile_name_is_bad_input(text: str):
    code, _, err = run("validate", text)
    assert code == 2
    assert err.strip()


def test_convert_to_a_folder_and_back(ring: Path, tmp_path: Path):
    case = tmp_path / "ring.m"
    code, out, _ = run("convert", ring, case)
    assert code == 0
    assert case.is_file()
    assert "matpower" in out
    code, _, _ = run("convert", case, tmp_path / "again")
    assert code == 0
    code, out, _ = run("validate", tmp_path / "again", "--json")
    assert (code, json.loads(out)["errors"]) == (0, 0)


def test_convert_does_not_overwrite(ring: Path, tmp_path: Path):
    case = tmp_path / "ring.m"
    case.write_text("mine")
    code, _, err = run("convert", ring, case)
    assert code == 5
    assert "--force" in err
    assert case.read_text() == "mine"
    assert run("convert", ring, case, "--force")[0] == 0
    assert case.read_text() != "mine"


def test_convert_to_an_unknown_format(ring: Path, tmp_path: Path):
    code, _, err = run("convert", ring, tmp_path / "ring.x", "--format", "abc")
    assert code == 2
    assert err.strip()
    assert not (tmp_path / "ring.x").exists()


def test_convert_into_a_full_place(ring: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    code, _, err = run("convert", ring, tmp_path / "file" / "ring.m")
    assert code == 5
    assert "ring.m" in err


def test_convert_says_json(ring: Path, tmp_path: Path):
    code, out, _ = run("convert", ring, tmp_path / "ring.m", "--json")
    assert code == 0
    reports = json.loads(out)["reports"]
    assert reports[-1]["totals"]["load_mw"] == pytest.approx(350.0)
