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


@pytest.mark.slow
def test_two_korean_sites_share_a_total(tmp_path: Path):
    sites = tmp_path / "sites.csv"
    sites.write_text(
        "site,bus,max_mw\nhonam,singangjin-345,100\npohang,sinpohang-345,100\n", encoding="utf-8"
    )
    some = ("--sites", sites, "--mw", 20, "--share", 0.5, "--days", 2, "-s", "summer_peak", "--no-verify")
    code, out, _ = run("portfolio", "korea-2025-backbone", *some, "--json")
    document = json.loads(out)
    assert code == 0 and document["status"] == "optimal"
    assert sum(row["mw"] for row in document["sites"]) == pytest.approx(20.0)
    assert document["summary"]["share_percent"] >= 50.0 - 1e-6
    assert any("AC security" in text for text in document["not_assessed"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("site,bus\na,C\n", "lacks max_mw"),
        ("site,bus,max_mw\na,Z,10\n", "no bus 'Z'"),
        ("site,bus,max_mw\na,C,10\n", "profiles"),
    ],
)
def test_bad_input_is_2(ring: Path, tmp_path: Path, text: str, says: str):
    sites = tmp_path / "sites.csv"
    sites.write_text(text, encoding="utf-8")
    code, _, err = run("portfolio", ring, "--sites", sites, "--mw", 5, "--criteria", "none")
    assert code == 2 and says in err.replace("\n", "")


def test_a_missing_file_is_2(ring: Path):
    code, _, err = run("portfolio", ring, "--sites", "none.csv", "--mw", 5)
    assert code == 2 and "none.csv" in err.replace("\n", "")
