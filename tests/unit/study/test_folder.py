from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gridhub.errors import OutputError
from gridhub.study.folder import read_run_file, write_run_folder

RUN = '[run]\nkind = "gridhub run"\n\n[files]\n"a.csv" = "0"\n'


def write_run(out: Path, text: str = "1", force: bool = False) -> None:
    with write_run_folder(out, force) as work:
        (work / "a.csv").write_text(text)
        (work / "run.toml").write_text(RUN)


def test_folder_appears_whole_and_leaves_nothing_beside(tmp_path: Path):
    out = tmp_path / "deep" / "run"
    with write_run_folder(out) as work:
        assert not out.exists()
        (work / "a.csv").write_text("1")
        (work / "run.toml").write_text(RUN)
    assert sorted(path.name for path in out.iterdir()) == ["a.csv", "run.toml"]
    assert list(out.parent.iterdir()) == [out]
    assert read_run_file(out) is not None


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_broken_run_leaves_no_folder(tmp_path: Path, error: type[BaseException]):
    out = tmp_path / "run"
    with pytest.raises(error), write_run_folder(out) as work:
        (work / "a.csv").write_text("1")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_broken_run_keeps_the_earlier_one(tmp_path: Path):
    out = tmp_path / "run"
    write_run(out)
    with pytest.raises(KeyboardInterrupt), write_run_folder(out, force=True):
        raise KeyboardInterrupt
    assert (out / "a.csv").read_text() == "1"
    assert list(tmp_path.iterdir()) == [out]


def test_existing_run_needs_force(tmp_path: Path):
    out = tmp_path / "run"
    write_run(out)
    with pytest.raises(OutputError, match="--force"):
        write_run(out, "2")
    assert (out / "a.csv").read_text() == "1"
    write_run(out, "2", force=True)
    assert (out / "a.csv").read_text() == "2"
    assert list(tmp_path.iterdir()) == [out]


def test_foreign_folder_is_never_replaced(tmp_path: Path):
    out = tmp_path / "home"
    out.mkdir()
    (out / "thesis.txt").write_text("years")
    with pytest.raises(OutputError, match="not the folder of an earlier run"):
        write_run(out, force=True)
    assert (out / "thesis.txt").read_text() == "years"


def test_run_folder_with_a_file_of_someone_else_is_left_alone(tmp_path: Path):
    out = tmp_path / "run"
    write_run(out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write_run(out, "2", force=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_empty_folder_is_taken(tmp_path: Path):
    out = tmp_path / "run"
    out.mkdir()
    write_run(out)
    assert (out / "a.csv").exists()


def test_link_and_file_are_refused(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(OutputError, match="symbolic link"):
        write_run(tmp_path / "link", force=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        write_run(tmp_path / "file", force=True)
    with pytest.raises(OutputError, match="cannot write"):
        write_run(tmp_path / "file" / "run")


def test_full_disk_says_so_and_leaves_nothing(tmp_path: Path):
    with pytest.raises(OutputError, match="No space left"), write_run_folder(tmp_path / "run") as work:
        raise OSError(errno.ENOSPC, "No space left on device", str(work / "a.csv"))
    assert list(tmp_path.iterdir()) == []


def test_run_that_came_in_between_is_not_overwritten(tmp_path: Path):
    out = tmp_path / "run"
    with pytest.raises(OutputError, match="--force"), write_run_folder(out) as work:
        (work / "run.toml").write_text(RUN)
        write_run(out, "other")
    assert (out / "a.csv").read_text() == "other"
    assert list(tmp_path.iterdir()) == [out]
