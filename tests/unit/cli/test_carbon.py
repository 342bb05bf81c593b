"""The command ``carbon``: a study file in, the score, the curve and a report out; bad input named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app
from gridhub.model.files import write_network

from .conftest import build_ring

STUDY = """
schema_version = 1
name = "hall"
network = "korean"

[hub.data_center]
name = "hall"
contract_mw = 60.0
bus = "E"

[[hub.plants]]
name = "sun"
p_mw = 120.0
bus = "E"

[[hub.storage]]
name = "cell"
p_mw = 20.0
e_mwh = 80.0
bus = "E"

[carbon]
shares = [0.4, 0.6]
typical_weeks = 2
grid_price = 100000.0
"""


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def study(tmp_path: Path, repo_root: Path) -> Path:
    """The ring with the shapes and the costs of Korea, and a study beside it."""
    documents = {
        name: (repo_root / f"networks/korea/{name}.toml").read_text(encoding="utf-8")
        for name in ("profiles", "costs")
    }
    write_network(build_ring().replace(documents=documents, currency="KRW"), tmp_path / "korean")
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_the_ramp_is_that_of_the_study_or_of_the_calendar(study: Path):
    text = study.read_text(encoding="utf-8")
    late = text.replace("contract_mw = 60.0", 'contract_mw = 60.0\nramp = { "2028" = 20 }')
    study.write_text(late, encoding="utf-8")
    code, _, err = run("carbon", study, "--out", study.parent / "out")
    assert code == 2 and "the ramp begins in 2028" in err


def test_score_and_curve_are_told_and_written(study: Path, tmp_path: Path):
    code, out, _ = run("carbon", study, "--out", tmp_path / "out", "--grid-share", 0.4, "--budget", 5e10)
    assert code == 0
    assert "50,000,000,000 KRW a year buy" in out
    assert (tmp_path / "out/tables/sizes_budget.csv").is_file()
    for text in ("24/7 score, with the grid's mix", "annual share (RE100)", "KRW/MWh", "perfect foresight"):
        assert text in out
    assert (tmp_path / "out/report.html").is_file()
    table = pd.read_csv(tmp_path / "out/tables/sizing.csv")
    assert table["what"].tolist() == ["40 % asked for", "60 % asked for", "as asked"]
    # 60 MW of load cost tens of bn KRW a year: shown so, and the same money as per MWh
    yearly = table["cost_per_mwh"] * pd.read_csv(tmp_path / "out/tables/carbon_asked.csv")["load_mwh"].iloc[0]
    assert (table["cost_bn"] * 1e9).tolist() == pytest.approx(yearly.tolist(), rel=1e-6)
    hours = pd.read_csv(tmp_path / "out/tables/carbon_asked_hours.csv")
    assert len(hours) == 336
    # the grid's mix adds its share of the rest
    summary = pd.read_csv(tmp_path / "out/tables/carbon_asked.csv").iloc[0]
    rest = 100 - summary["cfe_percent"]
    assert summary["cfe_grid_percent"] == pytest.approx(summary["cfe_percent"] + 0.4 * rest, abs=1e-6)


def test_options_go_before_the_study_and_own_series_are_used(study: Path, tmp_path: Path):
    hours = pd.date_range("2025-01-01", periods=8760, freq="h", tz="Asia/Seoul")
    pd.DataFrame({"hub:hall": np.full(8760, 50.0)}, index=hours).to_csv(tmp_path / "load.csv")
    args = ("--own", f"load.p_mw={tmp_path / 'load.csv'}", "--share", 0.3, "--cost", "low", "--json")
    code, out, _ = run("carbon", study, "--out", tmp_path / "out", *args)
    document = json.loads(out)
    assert code == 0
    assert [row["target_percent"] for row in document["curve"]] == [30.0]
    assert any("low end of the cost ranges" in rule for rule in document["rules"])
    assert document["as_asked"]["cfe_percent"] <= document["as_asked"]["re100_percent"]
    assert document["cost_per_mwh"].keys() == {"30 %"}
    summary = pd.read_csv(tmp_path / "out/tables/carbon_asked.csv").iloc[0]
    assert summary["load_mwh"] == pytest.approx(50.0 * 8760)


def test_bad_input_ends_with_2(study: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert run("carbon", tmp_path / "none.toml", "--out", out)[0] == 2
    assert run("carbon", study, "--out", out, "--share", 1.5)[0] == 2
    study.write_text(STUDY.replace("[0.4, 0.6]", "[0.4, 60.0]").replace("typical_weeks", "typical_week"))
    code, _, err = run("carbon", study, "--out", out)
    assert code == 2
    assert "did you mean typical_weeks" in err
    study.write_text(STUDY.replace("[0.4, 0.6]", "[0.4, 60.0]"))
    code, _, err = run("carbon", study, "--out", out)
    assert code == 2
    assert "share 60 must lie between 0 and 1" in err
    assert not out.exists()


def test_a_study_run_has_the_carbon_part_in_its_report(study: Path, tmp_path: Path):
    code, out, _ = run("study", "run", study, "--out", tmp_path / "run")
    assert code == 0
    assert "carbon-free by the hour as asked" in out
    content = (tmp_path / "run/run.toml").read_text(encoding="utf-8")
    assert "[carbon]" in content
    assert "cfe_percent" in content
    assert (tmp_path / "run/tables/sizing.csv").is_file()
    assert "Cost against carbon-free share" in (tmp_path / "run/report.html").read_text(encoding="utf-8")
