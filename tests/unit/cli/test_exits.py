"""Each class of error ends with its code, a message, and no traceback."""

from __future__ import annotations

import json
import os
import signal

import pytest
import typer
from typer.testing import CliRunner

from gridhub.cli.exits import exits
from gridhub.cli.inputs import JsonOption
from gridhub.errors import InputError, Issue, NotConverged, OptionError, OutputError, PlacementError

ISSUES = (
    Issue("error", "E-NAN", "load.csv", "line 3", "p_mw", "nan", "must be a number"),
    Issue("warning", "W-NEGLOAD", "load.csv", "line 4", "p_mw", "-1", "is negative"),
    Issue("error", "E-REF", "line.csv", "line 9", "to_bus", "[red]999[/red]\x1b[31m", "no such bus"),
)

CASES = [
    (InputError(ISSUES, "folder"), 2),
    (OptionError("unknown option tolerence"), 2),
    (PlacementError("no site of that class"), 2),
    (NotConverged("did not converge", "NOT_CONVERGED", [("b7", 12.5, 3.0)]), 3),
    (OutputError("cannot write x: No space left on device"), 5),
    (KeyboardInterrupt(), 130),
]


def build_app(error: BaseException | None, code: int | None = None) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @exits
    def command(as_json: JsonOption = False) -> int | None:
        if error is not None:
            raise error
        return code

    return app


@pytest.mark.parametrize(("error", "code"), CASES, ids=lambda value: type(value).__name__)
def test_error_becomes_its_code(error: BaseException, code: int):
    result = CliRunner().invoke(build_app(error), [])
    assert result.exit_code == code
    assert "Traceback" not in result.output
    assert result.output.strip()


@pytest.mark.parametrize(("error", "code"), CASES[:-1], ids=lambda value: type(value).__name__)
def test_error_as_json_is_one_document(error: BaseException, code: int):
    result = CliRunner().invoke(build_app(error), ["--json"])
    assert result.exit_code == code
    document = json.loads(result.stdout)
    assert document["exit_code"] == code
    assert document["error"] == str(error)


def test_every_issue_is_listed_with_its_place_and_shown_literally():
    result = CliRunner().invoke(build_app(InputError(ISSUES, "folder")), [])
    for issue in ISSUES:
        for part in (issue.code, issue.table, issue.id, issue.column, issue.message):
            assert part in result.stderr
    assert "[red]999[/red]" in result.stderr
    assert "\x1b" not in result.output


def test_issues_as_json_keep_every_field():
    result = CliRunner().invoke(build_app(InputError(ISSUES, "folder")), ["--json"])
    rows = json.loads(result.stdout)["issues"]
    assert [row["value"] for row in rows] == [issue.value for issue in ISSUES]
    assert set(rows[0]) == {"severity", "code", "table", "id", "column", "value", "message"}


def test_worst_buses_as_json():
    document = json.loads(CliRunner().invoke(build_app(CASES[3][0]), ["--json"]).stdout)
    assert document["status"] == "NOT_CONVERGED"
    assert document["worst"] == [{"bus": "b7", "p_mw": 12.5, "q_mvar": 3.0}]


@pytest.mark.parametrize("code", [None, 0, 1])
def test_the_value_is_the_code(code: int | None):
    assert CliRunner().invoke(build_app(None, code), []).exit_code == (code or 0)


def test_a_stopped_job_ends_like_an_interrupted_one():
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @exits
    def command(as_json: JsonOption = False) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(app, []).exit_code == 130
    assert signal.getsignal(signal.SIGTERM) is before
