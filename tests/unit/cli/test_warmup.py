from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gridhub.analysis import warming
from gridhub.cli.main import app


@pytest.fixture(autouse=True)
def warmed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Stand in for the compiling itself, which `tests/unit/analysis/test_warming.py` looks at."""
    asked: list[bool] = []

    def warm(afresh: bool = False) -> warming.Warming:
        asked.append(afresh)
        return warming.Warming(12.34, 11, 1234, 4, ("/somewhere/kernels",))

    monkeypatch.setattr(warming, "warm_kernels", warm)
    return asked


def test_warmup_says_how_long_it_took_and_where_the_code_lies(warmed: list[bool]) -> None:
    result = CliRunner().invoke(app, ["warmup"])
    assert result.exit_code == 0
    for text in ("11 kernels", "12.3 s", "1,234 compiled", "4 loaded", str(Path("/somewhere/kernels"))):
        assert text in result.stdout
    assert warmed == [False]


def test_warmup_as_json(warmed: list[bool]) -> None:
    result = CliRunner().invoke(app, ["warmup", "--afresh", "--json"])
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["seconds"] == pytest.approx(12.34)
    assert document["folders"] == ["/somewhere/kernels"]
    assert (document["compiled"], document["loaded"]) == (1234, 4)
    assert warmed == [True]
