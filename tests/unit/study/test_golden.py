"""A run against a stored one: what differs is found, what may differ is not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gridhub.errors import GridhubError
from gridhub.study.golden import Tolerances, compare_runs, compare_tables

STORED = pd.DataFrame(
    {
        "id": ["a", "b", "c"],
        "p_mw": [100.0, 0.0, float("nan")],
        "count": [1, 2, 3],
        "name": ["x", "y", None],
        "on": [True, False, True],
    }
)


def find(changed: pd.DataFrame, tolerances: Tolerances | None = None, stored: pd.DataFrame = STORED):
    return compare_tables("t", stored, changed, tolerances or Tolerances())


def test_the_same_in_another_order_is_the_same() -> None:
    differences, compared = find(STORED.iloc[[2, 0, 1]].reset_index(drop=True))
    assert differences == []
    assert compared == 15


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("p_mw", 0, 100.001),
        ("p_mw", 1, 1e-6),
        ("p_mw", 2, 0.0),
        ("p_mw", 0, float("nan")),
        ("count", 1, 4),
        ("name", 0, "z"),
        ("name", 2, "z"),
        ("on", 0, False),
    ],
)
def test_every_changed_cell_is_found(column: str, row: int, value: object) -> None:
    changed = STORED.copy()
    changed[column] = changed[column].astype(object)
    changed.loc[row, column] = value
    if column == "p_mw":
        changed[column] = changed[column].astype(float)
    (found,), _ = find(changed)
    assert (found.table, found.row, found.column) == ("t", "abc"[row], column)


def test_tolerances_by_column_and_by_table() -> None:
    changed = STORED.assign(p_mw=[100.5, 0.0, float("nan")])
    assert len(find(changed)[0]) == 1
    assert find(changed, Tolerances(rtol=0.006))[0] == []
    assert find(changed, Tolerances(by_column={"p_mw": 0.006}))[0] == []
    assert len(find(changed, Tolerances(rtol=1.0, by_column={"t.p_mw": 0.004, "p_mw": 1.0}))[0]) == 1
    assert find(STORED.assign(p_mw=[100.0, 1e-3, float("nan")]), Tolerances(atol=2e-3))[0] == []


def test_rows_and_columns_that_come_and_go() -> None:
    changed = STORED.drop(index=1).drop(columns="on").assign(new=1)
    messages = {(d.row, d.column): d.message for d in find(changed)[0]}
    assert messages == {
        ("", "on"): "only the stored table has this column",
        ("", "new"): "only the run has this column",
        ("b", ""): "only the stored table has this row",
    }


def test_rows_without_a_name_of_their_own_are_matched_by_what_is_no_fraction() -> None:
    stored = pd.DataFrame({"outage": ["x", "x", "x"], "element": ["l", "m", "l"], "value": [1.0, 2.0, 3.0]})
    assert find(stored.iloc[[1, 0, 2]], stored=stored)[0] == []
    (found,), _ = find(stored.assign(value=[1.0, 2.0, 9.0]), stored=stored)
    assert (found.row, found.stored, found.found) == ("x | l | #2", "3", "9")


def write_run(folder: Path, table: pd.DataFrame, headroom: float = 5.0) -> Path:
    (folder / "tables").mkdir(parents=True)
    table.to_parquet(folder / "tables" / "t.parquet")
    text = f'[run]\nkind = "gridhub run"\n[result]\nheadroom_mw = {headroom}\n[result.dates]\nhub = "2030"\n'
    (folder / "run.toml").write_text(text)
    return folder


def test_folders_are_compared_with_the_answer_in_their_run_file(tmp_path: Path) -> None:
    stored = write_run(tmp_path / "stored", STORED)
    assert compare_runs(stored, write_run(tmp_path / "same", STORED))[0] == ()
    (found,), _ = compare_runs(stored, write_run(tmp_path / "other", STORED, headroom=6.0))
    assert (found.table, found.row) == ("result", "headroom_mw")
    more = write_run(tmp_path / "more", STORED)
    STORED.to_parquet(more / "tables" / "u.parquet")
    assert [d.message for d in compare_runs(stored, more)[0]] == ["only the run has this table"]


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GridhubError, match="no run folder"):
        compare_runs(tmp_path, tmp_path)
    stored = write_run(tmp_path / "stored", STORED)
    (stored / "tables" / "t.parquet").write_text("broken")
    with pytest.raises(GridhubError, match="Parquet"):
        compare_runs(stored, stored)
