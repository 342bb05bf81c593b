"""Studies from the command line: the folder, its provenance, and what happens when it goes wrong."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from gridhub.cli.main import app
from gridhub.model.files import read_network, write_network

STUDY = """\
schema_version = 1
name = "../../etc/x"
network = "ring"

[hub.data_center]
name = "hall"
contract_mw = 60.0
bus = "E"

[[hub.plants]]
name = "sun"
p_mw = 30.0
bus = "E"
output = 0.5
"""
CODE = "from gridhub.cli.main import app; app()"


def run(*args: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def start(*args: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CODE, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def study(ring: Path) -> Path:
    path = ring.parent / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def list_beside(study: Path) -> set[str]:
    return {path.name for path in study.parent.iterdir()} - {"ring", "study.toml"}


def test_study_run_writes_a_whole_folder(study: Path):
    out = study.parent / "out"
    code, text, _ = run("study", "run", study, "--out", out)
    assert code == 0
    assert "report.html" in text
    assert list_beside(study) == {"out"}
    content = tomllib.loads((out / "run.toml").read_text(encoding="utf-8"))
    assert content["run"]["name"] == "../../etc/x"
    assert content["run"]["slug"].startswith("etc-x-")
    assert content["versions"]["gridhub"]
    assert content["inputs"]["study.toml"] == hashlib.sha256(STUDY.encode()).hexdigest()
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert set(content["files"]) == set(files) - {"run.toml"}
    for name, digest in content["files"].items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest
    assert {"report.html", "map.geojson", "study.toml"} <= set(files)
    assert any(name.endswith(".parquet") for name in files)
    assert any(name.endswith(".csv") for name in files)


def test_a_run_is_verified_by_what_it_recorded(study: Path):
    out = study.parent / "out"
    assert run("study", "run", study, "--out", out)[0] == 0
    code, text, _ = run("study", "verify", out, "--base", study.parent)
    assert code == 0 and text.startswith("as recorded: ")
    table = sorted((out / "tables").glob("*.csv"))[0]
    table.write_text(table.read_text(encoding="utf-8") + "x\n", encoding="utf-8")
    (out / "map.geojson").unlink()
    (out / "mine.txt").write_text("x", encoding="utf-8")
    line = study.parent / "ring" / "tables" / "line.csv"
    line.write_text(line.read_text(encoding="utf-8").replace("400", "401"), encoding="utf-8")
    code, text, _ = run("study", "verify", out, "--base", study.parent, "--json")
    found = {(row["part"], row["name"], row["message"]) for row in json.loads(text)["deviations"]}
    assert code == 4
    assert found == {
        ("files", f"tables/{table.name}", "has changed"),
        ("files", "map.geojson", "is gone"),
        ("files", "mine.txt", "is not of the run"),
        ("inputs", "table line", "has changed"),
    }


def test_another_version_is_a_note_and_what_is_no_run_is_refused(study: Path):
    out = study.parent / "out"
    assert run("study", "run", study, "--out", out)[0] == 0
    record = out / "run.toml"
    text = record.read_text(encoding="utf-8")
    version = tomllib.loads(text)["versions"]["numpy"]
    record.write_text(text.replace(f'numpy = "{version}"', 'numpy = "0.1"'), encoding="utf-8")
    code, shown, _ = run("study", "verify", out, "--base", study.parent)
    assert code == 0 and "numpy" in shown and "as recorded" in shown
    code, _, err = run("study", "verify", study.parent)
    assert code == 2 and "not the folder of a run" in err


def test_an_earlier_run_needs_force_and_json_says_so(study: Path):
    out = study.parent / "out"
    out.mkdir()
    (out / "mine.txt").write_text("x")
    code, text, _ = run("study", "run", study, "--out", out, "--force", "--json")
    assert code == 5
    assert json.loads(text)["exit_code"] == 5
    assert (out / "mine.txt").read_text() == "x"


def test_hub_as_typed_is_a_study_that_runs_again(ring: Path):
    out = ring.parent / "out"
    code, text, _ = run("hub", ring, "--mw", 60, "--bus", "E", "--name", "홀 <b>", "--out", out, "--json")
    assert code == 0
    assert json.loads(text)["report"].endswith("report.html")
    again = ring.parent / "again"
    assert run("study", "run", out / "study.toml", "--out", again)[0] == 0
    first, second = (
        tomllib.loads((folder / "run.toml").read_text(encoding="utf-8")) for folder in (out, again)
    )
    assert first["inputs"] == second["inputs"]
    assert {k: v for k, v in first["files"].items() if k.endswith((".csv", ".parquet"))} == {
        k: v for k, v in second["files"].items() if k.endswith((".csv", ".parquet"))
    }


def test_a_study_dispatches_on_site_generation_and_accounts_for_it(ring: Path, repo_root: Path):
    net = read_network(ring)
    text = (repo_root / "networks/korea/profiles.toml").read_text(encoding="utf-8")
    unit = net.generator.assign(fuel="coal", cost_c1_per_mwh=60.0, p_min_mw=0.0, p_max_mw=900.0)
    write_network(net.replace(documents={"profiles": text}, generator=unit), ring.parent / "korean")
    study, out = ring.parent / "study.toml", ring.parent / "out"
    study.write_text(
        STUDY.replace('"ring"', '"korean"')
        .replace("output = 0.5\n", "")
        .replace("contract_mw = 60.0\n", 'contract_mw = 60.0\nramp = { "2024" = 20, "2030" = 46.875 }\n')
        + '[[hub.generators]]\nname = "gt"\np_mw = 8\ncost_per_mwh = 50\n'
        + '[dispatch]\nhours = 24\nsecurity = "none"\ncheck = "none"\n',
        encoding="utf-8",
    )
    code, said, err = run("study", "run", study, "--out", out)
    assert code == 0, err
    hub = tomllib.loads((out / "run.toml").read_text(encoding="utf-8"))["dispatch"]["hub"]
    # cheaper than the grid: all 8 MW in every hour, beside a load of 20 MW of IT
    assert hub["on_site_mwh"] == pytest.approx(8.0 * 24)
    assert 24 * 15.0 < hub["load_mwh"] < 24 * 20.0 * 1.28
    assert hub["load_mwh"] == pytest.approx(hub["on_site_mwh"] + hub["matched_mwh"] + hub["grid_mwh"])
    assert hub["cfe_percent"] == pytest.approx(100 * hub["matched_mwh"] / hub["load_mwh"])
    # what is not burnt or matched comes from coal
    assert hub["cfe_grid_percent"] == pytest.approx(hub["cfe_percent"])
    assert "192 of it burnt on site" in " ".join(said.split())
    hours = pd.read_csv(out / "tables" / "carbon_hours.csv")
    total = hours[["on_site_mw", "matched_mw", "grid_mw"]].sum(axis=1)
    assert total.to_numpy() == pytest.approx(hours["load_mw"].to_numpy(), abs=1e-6)
    page = (out / "report.html").read_text(encoding="utf-8")
    for words in ("Burnt on site", "On-site generation is lost", "marginal cost 50 "):
        assert words in page
    study.write_text(
        study.read_text(encoding="utf-8").replace('"2024" = 20', '"2027" = 20'), encoding="utf-8"
    )
    late = run("study", "run", study, "--out", ring.parent / "late")
    assert late[0] == 2 and "the ramp begins in 2027" in late[2]


def test_hub_as_typed_has_on_site_generation(ring: Path):
    out = ring.parent / "out"
    unit = ("--on-site", 20, "--on-site-kind", "gas_engine", "--on-site-cost", 75)
    code, text, _ = run("hub", ring, "--mw", 60, "--bus", "E", *unit, "--out", out, "--json")
    assert code == 0
    assert "after the loss of hub gas engine the grid carries 60 MW" in json.loads(text)["result"]["verdict"]
    study = tomllib.loads((out / "study.toml").read_text(encoding="utf-8"))
    (written,) = study["hub"]["generators"]
    assert (written["kind"], written["p_mw"], written["cost_per_mwh"]) == ("gas_engine", 20.0, 75.0)
    losses = (out / "tables" / "on_site_losses.csv").read_text(encoding="utf-8")
    assert "draw_after_mw" in losses and "hub:hub gas engine" in losses
    quiet = run(
        "hub", ring, "--mw", 60, "--bus", "E", "--on-site", 20, "--standby", "--out", ring.parent / "2"
    )
    assert quiet[0] == 0 and "is standby and serves no hour" in " ".join(quiet[1].split())


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("contract_mw", "contract_mv", "contract_mw"),
        ('bus = "E"\n\n', 'bus = "Q"\n\n', "Q"),
        ('network = "ring"', 'network = "pandapower:case117"', "pandapower:case118"),
        ('network = "ring"', 'network = "ring"\nsnapshots = ["nite"]', "night"),
        ("[hub.data_center]", "[hub.data_center", "TOML"),
    ],
)
def test_bad_study_is_2_and_writes_nothing(study: Path, before: str, after: str, text: str):
    study.write_text(STUDY.replace(before, after), encoding="utf-8")
    code, _, err = run("study", "run", study, "--out", study.parent / "out")
    assert code == 2
    assert text in err
    assert list_beside(study) == set()


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("--mw", "60"), "lat"),
        (("--mw", "-60", "--bus", "E"), "positive"),
        (("--mw", "nan", "--bus", "E"), "finite"),
        (("--mw", "60", "--lat", "99", "--lon", "1"), "--lat"),
        (("--mw", "60", "--bus", "nowhere"), "nowhere"),
        (("--mw", "60", "--bus", "E", "--battery-mw", "5"), "e_mwh"),
        (("--mw", "60", "--bus", "E", "--standby"), "--on-site"),
    ],
)
def test_bad_hub_is_2(ring: Path, args: tuple[str, ...], text: str):
    code, _, err = run("hub", ring, *args, "--out", ring.parent / "out")
    assert code == 2
    assert text in err
    assert not (ring.parent / "out").exists()


def test_interrupt_is_130_and_leaves_nothing(study: Path):
    # a shell that started the tests in the background has it ignored, and the job would inherit that
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    job = start("study", "run", study, "--out", study.parent / "out", preexec_fn=listen)
    deadline = time.monotonic() + 120
    while job.poll() is None and not list_beside(study) and time.monotonic() < deadline:
        time.sleep(0.005)
    job.send_signal(signal.SIGINT)
    _, err = job.communicate(timeout=60)
    assert "Traceback" not in err
    assert job.returncode == 130
    assert list_beside(study) == set()


def test_a_full_disk_is_5_and_leaves_nothing(study: Path):
    def allow_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    job = start(
        "study", "run", study, "--out", study.parent / "out", preexec_fn=allow_small_files, env=environment
    )
    _, err = job.communicate(timeout=300)
    assert "Traceback" not in err
    assert job.returncode == 5
    assert "cannot write" in err
    assert list_beside(study) == set()
