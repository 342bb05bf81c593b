"""Tables of a dispatch on disk, window by window, so that a year that is stopped goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gridhub.analysis.dispatch_options import DispatchOptions
from gridhub.analysis.dispatch_tables import TABLES
from gridhub.errors import OutputError
from gridhub.model.network import Network

KEY_FILE = "run.sha256"
"""Says which network, profiles, outages and options the windows belong to."""


class DispatchFolder:
    """A folder with one Parquet file for each table and window.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    key : str
        Of the run (`compute_key`).

    Raises
    ------
    OutputError
        If the folder holds another run, or cannot be written.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        mark = path / KEY_FILE
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not mark.exists():
                mark.write_text(key, encoding="ascii")
            found = mark.read_text(encoding="ascii")
        except OSError as error:
            raise OutputError(f"{path} cannot hold the windows of a dispatch: {error}") from error
        if found != key:
            raise OutputError(
                f"{path} holds the windows of another dispatch (other network, profiles, outages or "
                "options): give another folder, or remove it"
            )

    def _find(self, first: int, table: str) -> Path:
        return self.path / f"{first:05d}-{table}.parquet"

    def read(self, first: int, count: int) -> dict[str, pd.DataFrame] | None:
        """Read the window that begins at an hour; None if it is not there in full."""
        if not all(self._find(first, table).exists() for table in TABLES):
            return None
        tables = {table: pd.read_parquet(self._find(first, table)) for table in TABLES}
        return tables if len(tables["status"]) == count else None

    def write(self, first: int, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write a window; each file appears whole or not at all.

        Raises
        ------
        OutputError
            If a file cannot be written.
        """
        for table in TABLES:
            file = self._find(first, table)
            half = file.with_suffix(".half")
            try:
                tables[table].to_parquet(half)
                half.replace(file)
            except OSError as error:
                raise OutputError(f"{file} could not be written: {error}") from error


def compute_key(
    net: Network,
    profiles: Mapping[tuple[str, str], pd.DataFrame] | None,
    security: str | pd.DataFrame | None,
    options: DispatchOptions,
) -> str:
    """Compute a digest of all that a dispatch depends on; the number of workers is not among it."""
    digest = hashlib.sha256()
    parts: list[tuple[object, object]] = [*net.tables.items(), *(profiles or {}).items()]
    parts += [("security", security), ("base_mva", net.base_mva)]
    settings = {name: value for name, value in options.as_mapping().items() if name != "workers"}
    for name, value in [*parts, *settings.items()]:
        text = value.to_csv() if isinstance(value, pd.DataFrame) else repr(value)
        digest.update(f"{name!r}\n{text}\n".encode())
    return digest.hexdigest()
