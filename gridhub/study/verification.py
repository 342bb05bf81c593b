"""Verify the folder of a run: its files against those the run wrote, its inputs against those it had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridhub.errors import GridhubError
from gridhub.study.folder import RUN_FILE, read_run_file
from gridhub.study.provenance import hash_file, hash_folder, hash_network, list_versions
from gridhub.study.source import find_path, open_network

FILES, INPUTS, VERSIONS, COMPLETENESS = "files", "inputs", "versions", "completeness"


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that is not as ``run.toml`` says.

    Attributes
    ----------
    part : {"files", "inputs", "versions", "completeness"}
        Of ``run.toml``.
    name : str
        File, table, document or package.
    recorded, found : str
        SHA-256 or version; "" where there is none.
    message : str
    """

    part: str
    name: str
    recorded: str
    found: str
    message: str

    @property
    def counts(self) -> bool:
        """Whether it says that the results are not those of these inputs; another version is a note."""
        return self.part != VERSIONS


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared, and what deviates.

    Attributes
    ----------
    deviations : tuple of Deviation
    files, inputs : int
        Compared.
    """

    deviations: tuple[Deviation, ...]
    files: int
    inputs: int

    @property
    def holds(self) -> bool:
        """Whether nothing deviates but versions."""
        return not any(one.counts for one in self.deviations)


def verify_run(folder: Path | str, base: Path | str = ".") -> Verification:
    """Compare a run folder with its ``run.toml``: every file, every input, the versions.

    Parameters
    ----------
    folder : path-like
        Folder that `gridhub.study.run.run_study` wrote.
    base : path-like
        What a relative network of the study starts from.

    Returns
    -------
    Verification
        Nothing is solved again: `gridhub.study.golden.compare_runs` compares with a new run.

    Raises
    ------
    GridhubError
        If it is no folder of a run, or its network cannot be found.
    InputError
        If the network cannot be read; every fault listed.
    """
    folder, base = Path(folder), Path(base)
    content = read_run_file(folder)
    if content is None:
        raise GridhubError(f"{folder} is not the folder of a run: it has no {RUN_FILE} that gridhub wrote")
    recorded = {part: _read_table(content, part) for part in (FILES, INPUTS, VERSIONS)}
    missing = [part for part, rows in recorded.items() if not rows]
    if missing:
        raise GridhubError(f"{folder / RUN_FILE} records no {', '.join(missing)}: nothing to verify it by")
    files = hash_folder(folder)
    files.pop(RUN_FILE, None)
    inputs = _hash_inputs(folder, _read_table(content, "run"), base)
    deviations = [
        *_compare(FILES, recorded[FILES], files),
        *_compare(INPUTS, recorded[INPUTS], inputs),
        *_compare(VERSIONS, recorded[VERSIONS], list_versions()),
    ]
    if not _read_table(content, COMPLETENESS).get("complete", False):
        text = "the run itself says that it is not complete"
        deviations.append(Deviation(COMPLETENESS, "complete", "", "", text))
    return Verification(tuple(deviations), len(recorded[FILES]), len(recorded[INPUTS]))


def _read_table(content: Mapping[str, object], name: str) -> Mapping[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _hash_inputs(folder: Path, run: Mapping[str, Any], base: Path) -> dict[str, str]:
    """Hash what the run was made from, as it is now."""
    from gridhub.study.run import STUDY_FILE

    text, year, ratings = str(run.get("network", "")), run.get("year"), run.get("ratings")
    hashes = {STUDY_FILE: hash_file(folder / STUDY_FILE)} if (folder / STUDY_FILE).is_file() else {}
    path = find_path(text, base)
    if path is not None and path.is_file():
        hashes[f"file {path.name}"] = hash_file(path)
    net = open_network(
        text,
        base,
        year if isinstance(year, int) else None,
        ratings if isinstance(ratings, str) else None,
    )
    return hashes | hash_network(net)


def _compare(part: str, recorded: Mapping[str, Any], found: Mapping[str, str]) -> list[Deviation]:
    deviations = []
    for name in sorted({*recorded, *found}):
        before, now = str(recorded.get(name, "")), found.get(name, "")
        if before != now:
            message = "is gone" if not now else "is not of the run" if not before else "has changed"
            deviations.append(Deviation(part, name, before, now, message))
    return deviations
