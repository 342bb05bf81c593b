"""What every test may ask for: paths, the browser, and one hypothesis profile per place."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Set before anything imports numba: tests of a bare `pytest` call share the cache that `make test` warmed.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(sys.prefix) / "numba-cache"))

# pytest-xdist tells its workers the width of the terminal; output to a pipe has none.
os.environ.pop("COLUMNS", None)

REPO_ROOT = Path(__file__).resolve().parents[1]
SHARED = REPO_ROOT.parent / "shared"

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Folder of the checkout."""
    return REPO_ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of input that is not part of the project, beside the checkout."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the shared input folder beside the checkout (../shared), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; GRIDHUB_CHROMIUM names one that is not on PATH."""
    named = os.environ.get("GRIDHUB_CHROMIUM")
    found = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip(
            "no Chromium on this machine: install the Debian package chromium or set GRIDHUB_CHROMIUM"
        )
    return found
