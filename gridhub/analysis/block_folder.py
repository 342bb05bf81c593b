"""Tables of a long run on disk, block of hours by block: a run that is stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from gridhub.errors import InputError, Issue, OutputError

KEY_FILE = "run.sha256"
"""Says which network, profiles, outages and options the blocks belong to."""


class BlockFolder:
    """A folder with one Parquet file for each table and block.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    key : str
        Of the run: a digest of all it depends on.
    tables : sequence of str
        Names of the tables; the first has one row for each hour of the block.
    what : str
        What was run, for messages.

    Raises
    ------
    OutputError
        If the folder holds another run, or cannot be written.
    """

    def __init__(self, path: Path, key: str, tables: Sequence[str], what: str) -> None:
        self.path = path
        self.tables = tuple(tables)
        mark = path / KEY_FILE
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not mark.exists():
                mark.write_text(key, encoding="ascii")
            found = mark.read_text(encoding="ascii")
        except OSError as error:
            raise OutputError(f"{path} cannot hold the hours of a {what}: {error}") from error
        if found != key:
            raise OutputError(
                f"{path} holds the hours of another {what} (other network, profiles, outages or "
                "options): give another folder, or remove it"
            )

    def _find(self, first: int, table: str) -> Path:
        return self.path / f"{first:05d}-{table}.parquet"

    def read(self, first: int, count: int) -> dict[str, pd.DataFrame] | None:
        """Read the block that begins at an hour; None if it is not there in full."""
        if not all(self._find(first, table).exists() for table in self.tables):
            return None
        tables = {table: pd.read_parquet(self._find(first, table)) for table in self.tables}
        return tables if len(tables[self.tables[0]]) == count else None

    def write(self, first: int, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write a block; each file appears whole or not at all.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        for table in self.tables:
            file = self._find(first, table)
            half = file.with_suffix(".half")
            try:
                # numbered hours would be lost with a table that has no columns
                tables[table].to_parquet(half, index=True)
                half.replace(file)
            except OSError as error:
                raise OutputError(f"{file} could not be written: {error}") from error


def read_blocks(path: Path, tables: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Read some tables of a run that is complete.

    Parameters
    ----------
    path : Path
        Folder the run was kept in.
    tables : sequence of str
        The first has one row for each hour.

    Returns
    -------
    dict of DataFrame
        Blocks one below the other.

    Raises
    ------
    InputError
        If the folder has no such tables, or an hour before the last block is missing.
    """
    files = {table: sorted(path.glob(f"*-{table}.parquet")) for table in tables}
    if not all(files.values()):
        lacking = ", ".join(table for table in tables if not files[table])
        issue = Issue("error", "E-FILE", "", "", "", str(path), f"has no blocks of {lacking}")
        raise InputError([issue], "dispatch")
    parts = {table: [pd.read_parquet(file) for file in files[table]] for table in tables}
    ahead = 0
    for file, part in zip(files[tables[0]], parts[tables[0]], strict=True):
        if int(file.name.split("-")[0]) != ahead:
            text = f"has no block that begins at hour number {ahead}: let the run finish first"
            raise InputError([Issue("error", "E-FILE", "", "", "", str(path), text)], "dispatch")
        ahead += len(part)
    return {table: pd.concat(frames) for table, frames in parts.items()}
