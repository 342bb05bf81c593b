from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gridhub as gh
from gridhub.cli.main import app


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_a_growth_is_followed_to_its_nose(meshed: Path, tmp_path: Path):
    args = ("voltage", meshed, "--growth", "C", "--no-generation-limits", "--outages", "--reactive", "C,E")
    code, out, _ = run(*args)
    assert code == 0
    assert "nose at" in out
    assert "firm margin" in out
    assert "해남" in out
    document = json.loads(run(*args, "--json", "--out", tmp_path / "page")[1])
    assert document["snapshot"] == "day"
    assert document["curve"]["limit"] == "saddle node"
    # an outage of one of two paths can only take margin away
    assert 0 < document["margin"]["firm_mw"] < document["margin"]["margin_mw"]
    assert document["margin"]["margin_mw"] == pytest.approx(document["curve"]["margin_mw"], rel=1e-3)
    assert {row["bus"] for row in document["reactive"]} == {"C", "E"}
    assert Path(document["report"]).name == "report.html"
    assert run(*args, "--out", tmp_path / "page")[0] == 5


def test_what_is_missing_or_unknown_is_refused(meshed: Path, hopeless: Path):
    assert run("voltage", meshed)[0] == 2
    code, _, err = run("voltage", meshed, "--growth", "Atlantis")
    assert code == 2
    assert "Atlantis" in err
    code, _, err = run("voltage", meshed, "--reactive", "Z", "--growth", "Mu", "--supply", "C")
    assert code == 2
    assert "--growth: no bus, province, area or zone Mu" in err
    assert "--reactive: no bus, province, area or zone Z" in err
    assert "--supply" not in err
    assert run("voltage", meshed, "--growth", "C", "--power-factor", "1.4")[0] == 2
    assert run("voltage", hopeless, "--growth", "C")[0] == 3


def test_a_swing_of_a_load_moves_the_voltage(meshed: Path, tmp_path: Path):
    load = gh.read_network(meshed).load.index[0]
    args = ("voltage", meshed, "--fluctuation", f"{load}=50/0.5")
    code, out, _ = run(*args)
    assert code == 0
    assert "no limit is known" in out
    found = json.loads(run(*args, "--change-limit", "50", "--json", "--out", tmp_path / "page")[1])[
        "fluctuation"
    ]
    assert found["passed"] is True
    assert found["ramp_mw_per_s"] == pytest.approx(found["change_mw"] / 0.5)
    changes = {row["bus"]: row["change_percent"] for row in found["buses"]}
    assert found["change_percent"] == changes[found["bus"]]
    assert abs(found["change_percent"]) > 0.1
    code, _, err = run("voltage", meshed, "--fluctuation", f"{load}=50")
    assert code == 2
    assert "LOAD=PERCENT/SECONDS" in err
    code, _, err = run("voltage", meshed, "--fluctuation", "nobody=50/1")
    assert code == 2
    assert "nobody" in err
