from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from gridhub.cli.console import list_records, print_json, print_table, show_progress, show_text


def test_names_are_shown_literally(capsys: pytest.CaptureFixture[str]):
    print_table(
        "t", ("bus", "name"), [("b1", "[bold]x[/bold]\x1b]0;title\x07\u202e"), ("b2", "신가평 Singapyeong")]
    )
    out = capsys.readouterr().out
    assert "[bold]x[/bold]" in out
    assert "신가평 Singapyeong" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_a_long_table_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]):
    print_table("t", ("n",), [(i,) for i in range(30)], limit=20)
    assert "10 more rows" in capsys.readouterr().out


def test_a_table_in_a_pipe_is_not_cut(capsys: pytest.CaptureFixture[str]):
    name = "x" * 150
    print_table("t", ("bus", "name"), [("b1", name)])
    assert name in capsys.readouterr().out


def test_json_holds_tables_without_nan(capsys: pytest.CaptureFixture[str]):
    frame = pd.DataFrame(
        {"v": [1.5, math.nan], "n": np.array([1, 2]), "on": [True, False], "e": [("a", "b"), ()]},
        index=["a", "b"],
    )
    print_json({"rows": list_records(frame), "scalar": np.float64(2.0), "inf": math.inf, "name": "해남"})
    out = capsys.readouterr().out
    assert "해남" in out
    assert json.loads(out) == {
        "rows": [
            {"id": "a", "v": 1.5, "n": 1, "on": True, "e": ["a", "b"]},
            {"id": "b", "v": None, "n": 2, "on": False, "e": []},
        ],
        "scalar": 2.0,
        "inf": None,
        "name": "해남",
    }


def test_no_progress_where_nobody_looks():
    with show_progress() as report:
        assert report is None


@pytest.mark.parametrize("text", ["plain", "해남", "a b"])
def test_printable_text_is_left_alone(text: str):
    assert show_text(text) == text
