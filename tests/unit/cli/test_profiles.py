"""The command ``profiles``: files that the library reads back, own series, and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app
from gridhub.model.files import write_network
from gridhub.model.profiles import make_profiles
from gridhub.profiles.series import read_series
from gridhub.profiles.weather import build_hours

from .conftest import build_ring


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def folder(tmp_path: Path, repo_root: Path) -> Path:
    """The ring with the shapes of Korea."""
    text = (repo_root / "networks/korea/profiles.toml").read_text(encoding="utf-8")
    write_network(build_ring().replace(documents={"profiles": text}), tmp_path / "korean")
    return tmp_path / "korean"


def test_files_hold_what_the_library_makes(folder: Path, tmp_path: Path):
    code, out, _ = run("profiles", folder, "--seed", 3, "--out", tmp_path / "hours")
    assert code == 0
    assert "highest demand" in out
    assert "synthetic, seed 3" in out
    made = make_profiles(
        build_ring(), 2025, 3, document=(folder / "profiles.toml").read_text(encoding="utf-8")
    )
    read = read_series(tmp_path / "hours/load_p_mw.parquet", build_hours(2025, "Asia/Seoul"))
    pd.testing.assert_frame_equal(read, made["load", "p_mw"], check_names=False, check_freq=False)


def test_the_hub_of_a_study_has_its_hours_as_it_says(folder: Path, tmp_path: Path):
    study = tmp_path / "study.toml"
    study.write_text(
        'schema_version = 1\nname = "s"\nnetwork = "korean"\n[hub.data_center]\nname = "hall"\n'
        'bus = "E"\nit_mw = 50\npue = 1.2\nutilisation = "training"\nload_factor = 0.8\n'
        'ramp = { "2027" = 20, "2029" = 50 }\n',
        encoding="utf-8",
    )
    for year, most in ((2027, 24.0), (2029, 60.0)):
        out = tmp_path / str(year)
        assert run("profiles", folder, "--hub", study, "--year", year, "--out", out)[0] == 0
        load = read_series(out / "load_p_mw.parquet", build_hours(year, "Asia/Seoul"))["hub:hall"]
        assert load.mean() == pytest.approx(0.8 * most, rel=1e-4)
        assert load.median() < load.max() <= most and load.min() < 0.5 * load.median()  # flat, with pauses
    code, _, err = run("profiles", folder, "--hub", study, "--year", 2026, "--out", tmp_path / "early")
    assert code == 2 and "the ramp begins in 2027" in err


def test_csv_own_series_and_json(folder: Path, tmp_path: Path):
    hours = build_hours(2025, "Asia/Seoul")
    pd.DataFrame({"mw": 400.0}, index=hours).to_csv(tmp_path / "mine.csv")
    args = (
        "--own",
        f"demand={tmp_path / 'mine.csv'}",
        "--format",
        "csv",
        "--json",
        "--out",
        tmp_path / "hours",
    )
    code, out, _ = run("profiles", folder, *args)
    document = json.loads(out)
    assert code == 0
    assert "own series" in document["basis"]["load.p_mw"]
    read = read_series(tmp_path / "hours/load_p_mw.csv", hours)
    assert read.sum(axis=1).to_numpy() == pytest.approx(400.0, abs=0.002)


def test_typical_days_are_written_with_their_weights(folder: Path, tmp_path: Path):
    out = tmp_path / "days"
    code, text, notes = run("profiles", folder, "--typical", 5, "--length", "day", "--out", out)
    assert code == 0
    assert "typical days" in text
    assert "duration curves are off by" in notes
    weight = pd.read_csv(out / "typical_weight.csv", index_col=0)["weight"]
    load = pd.read_parquet(out / "load_p_mw.parquet").set_index("hour")
    assert len(weight) == len(load) == 5 * 24
    assert weight.sum() == pytest.approx(8760)
    energy = pd.read_csv(out / "typical_energy.csv", index_col=0)
    assert weight.to_numpy() @ load.sum(axis=1).to_numpy() == pytest.approx(energy.at["load", "typical_mwh"])
    assert "peak" in pd.read_csv(out / "typical_periods.csv")["kept"].tolist()


def test_bad_input_ends_with_2(folder: Path, ring: Path, tmp_path: Path):
    assert run("profiles", ring, "--out", tmp_path / "a")[0] == 2
    assert run("profiles", folder, "--own", "demand", "--out", tmp_path / "a")[0] == 2
    assert run("profiles", folder, "--own", "demand=none.csv", "--out", tmp_path / "a")[0] == 2
    assert not (tmp_path / "a").exists()
