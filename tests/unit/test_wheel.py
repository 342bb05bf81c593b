"""The wheel carries the networks, nothing that only builds them, and works away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

LARGEST_MB = 12.0


def run_python(*arguments: str, cwd: Path, **environment: str) -> str:
    """Run this interpreter and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")
    run_python(
        *pip, "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(repo_root), cwd=folder
    )
    (built,) = folder.glob("gridhub-*.whl")
    return built


def test_wheel_holds_data_without_the_scripts_that_make_it(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    data = [name for name in names if name.startswith("gridhub/_networks/")]
    assert any(name.endswith("/network.toml") for name in data)
    assert not [name for name in data if name.endswith(".py")]
    assert not [name for name in names if name.startswith(("tests/", "networks/"))]
    assert "gridhub/py.typed" in names


def test_wheel_is_small(wheel: Path):
    assert wheel.stat().st_size < LARGEST_MB * 1e6


def test_installed_wheel_finds_its_networks(wheel: Path, tmp_path: Path):
    target = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(target)
    code = (
        "import gridhub; print(gridhub.__file__)\n"
        "print(len(gridhub.load_network('korea-2025-backbone').bus))\n"
        "print('korea-2025-backbone' in set(gridhub.list_networks()['name']))"
    )
    file, buses, listed = run_python("-c", code, cwd=tmp_path, PYTHONPATH=str(target)).split()
    assert Path(file).is_relative_to(target)
    assert int(buses) > 100
    assert listed == "True"
