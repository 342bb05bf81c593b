"""The public surface: light to import, complete, and re-exported from one place only."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import gridhub

PACKAGE = Path(gridhub.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
PUBLIC = tuple(gridhub.__all__)

# What scripts outside this repository rely on; names may be added, none may go.
CONTRACT = (
    "DataCenter Hub Network NotConverged PowerFlowOptions RenewablePlant Status Storage from_pandapower "
    "list_contingencies list_networks load_network lodf place ptdf read_case read_network run_power_flow "
    "run_security to_pandapower validate write_case write_network write_report"
).split()

# Each of these costs a noticeable part of a second and is needed by some calls only.
HEAVY = ("bokeh", "highspy", "networkx", "numba", "pandapower", "powerio", "pvlib", "scipy", "shapely")


def list_heavy_modules(code: str) -> set[str]:
    """Run `code` in a fresh interpreter and name the heavy packages it left in ``sys.modules``."""
    tail = f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code + tail],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_import_gridhub_loads_nothing_heavy():
    assert list_heavy_modules("import gridhub") == set()


def test_help_loads_nothing_heavy():
    code = (
        "from gridhub.cli.main import app\n"
        "try:\n    app(['--help'])\n"
        "except SystemExit as end:\n    assert not end.code"
    )
    assert list_heavy_modules(code) == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_resolves_and_is_listed(name: str):
    assert getattr(gridhub, name) is not None
    assert name in dir(gridhub)


def test_public_surface_is_complete():
    assert set(CONTRACT) - set(PUBLIC) == set()


def test_public_names_are_unique():
    assert len(set(PUBLIC)) == len(PUBLIC)


def test_unknown_name_raises_attribute_error():
    with pytest.raises(AttributeError, match="run_everything"):
        _ = gridhub.run_everything


@pytest.mark.parametrize("name", PUBLIC)
def test_public_name_is_documented(name: str):
    assert (getattr(gridhub, name).__doc__ or "").strip(), f"gridhub.{name} has no docstring"


@pytest.mark.parametrize("init", sorted(PACKAGE.glob("*/**/__init__.py")), ids=lambda p: p.parent.name)
def test_subpackages_do_not_re_export(init: Path):
    """Inside the package, names are imported from the module that defines them."""
    tree = ast.parse(init.read_text(encoding="utf-8"))
    imported = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
        for alias in node.names
    ]
    assert not imported


def test_no_catch_all_modules():
    vague = {"utils", "util", "common", "helpers", "misc", "core"}
    assert not [path for path in MODULES if path.stem in vague]
