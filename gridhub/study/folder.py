"""The folder of a run: written aside, moved into place whole, never over what is not ours."""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridhub.errors import OutputError, name_ids

RUN_FILE = "run.toml"
RUN_KIND = "gridhub run"


def read_run_file(folder: Path) -> dict[str, object] | None:
    """Read the ``run.toml`` of a run folder.

    Parameters
    ----------
    folder : Path
        Folder to look at.

    Returns
    -------
    dict or None
        Its content; None if the folder is not one that a run of gridhub wrote.
    """
    try:
        content = tomllib.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    run = content.get("run")
    return content if isinstance(run, dict) and run.get("kind") == RUN_KIND else None


def _list_strangers(folder: Path, content: dict[str, object]) -> list[str]:
    """List what lies in a run folder and was not written by the run."""
    files = content.get("files")
    ours = {RUN_FILE, *(files if isinstance(files, dict) else ())}
    found = (
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    )
    return sorted(set(found) - ours)


def check_target(out: Path, force: bool) -> None:
    """Refuse a target that must not be written, before any work is done.

    Parameters
    ----------
    out : Path
        Folder the results are to have.
    force : bool
        Whether an earlier run there may be replaced.

    Raises
    ------
    OutputError
        If `out` is a link or a file; exists without `force`; is not a folder of an earlier run; or holds
        files the earlier run did not write.
    """
    if out.is_symlink():
        raise OutputError(f"{out} is a symbolic link; name the folder itself")
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError(f"{out} is a file; name a folder that does not exist yet")
    if not any(out.iterdir()):
        return
    content = read_run_file(out)
    if content is None:
        raise OutputError(
            f"{out} exists and is not the folder of an earlier run: it is left alone, with or without "
            "--force; name another folder"
        )
    if not force:
        raise OutputError(f"{out} holds an earlier run; --force replaces it, or name another folder")
    strangers = _list_strangers(out, content)
    if strangers:
        raise OutputError(
            f"{out} holds files the earlier run did not write ({name_ids(strangers)}): move them away first"
        )


def _sync(path: Path) -> None:
    """Have the system put a file or a folder on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move_into_place(work: Path, out: Path, force: bool) -> None:
    """Put the finished folder where it belongs; an earlier run stays until then and comes back on failure."""
    check_target(out, force)  # again: another run may have come in between
    for path in sorted(work.rglob("*")):
        _sync(path)
    _sync(work)
    old = work.with_name(work.name + ".old")
    if out.exists():
        out.rename(old)
    try:
        work.rename(out)
    finally:
        if old.exists() and not out.exists():
            old.rename(out)
    _sync(out.parent)
    if old.exists():
        shutil.rmtree(old)


@contextmanager
def write_run_folder(out: Path, force: bool = False) -> Iterator[Path]:
    """Give a folder to write into, and move it to `out` when the block ends well.

    Parameters
    ----------
    out : Path
        Folder the results are to have; its parents are made.
    force : bool
        Whether an earlier run there may be replaced.

    Yields
    ------
    Path
        Working folder beside `out`, on the same file system, hidden. If the block raises, an interrupt
        included, it is removed and `out` is as before.

    Raises
    ------
    OutputError
        If `out` must not be written (`check_target`) or something cannot be written; the block's own
        ``OSError`` is one.
    """
    check_target(out, force)
    work: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name[:100]}.tmp-", dir=out.parent))
        work.chmod(0o755)
        yield work
        _move_into_place(work, out, force)
    except OSError as error:
        where = error.filename or out
        raise OutputError(f"cannot write {where}: {error.strerror or error}") from error
    finally:
        if work is not None and work.exists():
            shutil.rmtree(work, ignore_errors=True)
