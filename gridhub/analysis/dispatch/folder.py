"""Tables of a dispatch on disk, window by window, so that a year that is stopped goes on where it was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gridhub.analysis.block_folder import BlockFolder
from gridhub.analysis.dispatch.options import DispatchOptions
from gridhub.analysis.dispatch.tables import TABLES
from gridhub.model.network import Network


class DispatchFolder(BlockFolder):
    """A folder with one Parquet file for each table of a dispatch and window.

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
        super().__init__(path, key, TABLES, "dispatch")


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
