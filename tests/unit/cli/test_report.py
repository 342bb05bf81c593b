from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_report_writes_page_map_and_tables(ring: Path, tmp_path: Path):
    out = tmp_path / "page"
    code, text, _ = run("report", ring, "--out", out)
    assert code == 0
    assert str(out / "report.html") in text.replace("\n", "")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "신가평 Singapyeong" in page
    assert "Violations" in page
    assert (out / "map.geojson").is_file()
    assert (out / "map.svg").is_file()
    assert list((out / "tables").glob("*.parquet"))


def test_report_without_outages_is_the_state_alone(ring: Path, tmp_path: Path):
    code, text, _ = run("report", ring, "--out", tmp_path / "page", "--no-outages", "-s", "night", "--json")
    assert code == 0
    assert json.loads(text)["snapshot"] == "night"
    assert "Violations, worst first" not in (tmp_path / "page/report.html").read_text(encoding="utf-8")


def test_report_replaces_nothing_without_being_asked(ring: Path, tmp_path: Path):
    out = tmp_path / "page"
    assert run("report", ring, "--out", out)[0] == 0
    before = (out / "report.html").read_bytes()
    code, _, error = run("report", ring, "--out", out, "-s", "night")
    assert code == 5
    assert "--force" in error
    assert (out / "report.html").read_bytes() == before
    assert run("report", ring, "--out", out, "-s", "night", "--force")[0] == 0
    assert (out / "report.html").read_bytes() != before


@pytest.mark.parametrize("extra", [("-s", "noon"), ("--option", "tolerence=1")])
def test_report_of_bad_input_writes_nothing(ring: Path, tmp_path: Path, extra: tuple[str, str]):
    assert run("report", ring, "--out", tmp_path / "page", *extra)[0] == 2
    assert not (tmp_path / "page").exists()
