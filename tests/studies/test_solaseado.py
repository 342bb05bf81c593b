"""The study that ships with the package, run once, and everything a planner relies on in its folder."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app

FOLDER = Path("studies") / "solaseado_1gw"


@pytest.fixture(scope="session")
def run_folder(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the study as the demo does."""
    network = repo_root / "networks" / "korea" / "2025-backbone" / "network.toml"
    if not network.exists():
        pytest.skip("networks/korea/2025-backbone is not built: run networks/korea/build.py")
    out = tmp_path_factory.mktemp("studies") / "solaseado_1gw"
    result = CliRunner().invoke(
        app, ["study", "run", str(repo_root / FOLDER / "study.toml"), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output
    return out


@pytest.fixture(scope="session")
def run_file(run_folder: Path) -> dict[str, Any]:
    return tomllib.loads((run_folder / "run.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tables(run_folder: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in run_folder.rglob("*.parquet")}


def test_folder_is_whole(run_folder: Path, run_file: dict[str, Any]):
    files = {path.relative_to(run_folder).as_posix() for path in run_folder.rglob("*") if path.is_file()}
    assert {"report.html", "map.geojson", "study.toml", "run.toml"} <= files
    assert set(run_file["files"]) == files - {"run.toml"}
    for name, digest in run_file["files"].items():
        assert hashlib.sha256((run_folder / name).read_bytes()).hexdigest() == digest


def test_nothing_is_left_beside_it(run_folder: Path):
    assert [path.name for path in run_folder.parent.iterdir()] == [run_folder.name]


def test_provenance_names_versions_inputs_and_timings(run_file: dict[str, Any], repo_root: Path):
    assert run_file["run"]["kind"] == "gridhub run"
    assert run_file["run"]["seed"] == 0
    assert {"python", "gridhub", "numpy", "scipy", "pandas"} <= set(run_file["versions"])
    text = (repo_root / FOLDER / "study.toml").read_text(encoding="utf-8")
    assert run_file["inputs"]["study.toml"] == hashlib.sha256(text.encode()).hexdigest()
    assert {"table bus", "table line", "document criteria"} <= set(run_file["inputs"])
    assert all(seconds >= 0 for seconds in run_file["timings_s"].values())


def test_the_answer_is_there_and_complete(run_file: dict[str, Any]):
    result, completeness = run_file["result"], run_file["completeness"]
    assert result["outcome"] in ("stands", "stands with works", "does not stand as asked", "not assessable")
    assert "not assessed" in result["verdict"]
    assert np.isfinite(result["headroom_mw"])
    assert completeness["complete"]
    for name in run_file["options"]["snapshots"]:
        counts = dict(completeness[name])
        assert counts.pop("outages") == sum(counts.values()) > 0


def test_every_table_stands_as_csv_too_and_no_number_is_infinite(
    run_folder: Path, tables: dict[str, pd.DataFrame]
):
    assert tables
    for path in run_folder.rglob("*.parquet"):
        assert path.with_suffix(".csv").is_file()
    for name, table in tables.items():
        numbers = table.select_dtypes("number").to_numpy(dtype=float)
        assert not np.isinf(numbers).any(), name


def test_map_has_the_hub_and_the_grid(run_folder: Path):
    content = json.loads((run_folder / "map.geojson").read_text(encoding="utf-8"))
    layers = {feature["properties"]["layer"] for feature in content["features"]}
    assert layers == {"bus", "branch", "hub"}


def test_report_stands_alone_in_korean(run_folder: Path):
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert "솔라시도" in page
    assert "Content-Security-Policy" in page
    assert 'src="http' not in page
    assert "ot assessed" in page
