"""What a run was made from: versions, hashes of every input and every file written."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

from gridhub.model.network import Network

DISTRIBUTIONS = ("gridhub", "numpy", "scipy", "pandas", "numba", "highspy", "pyarrow", "powerio", "bokeh")


def hash_file(path: Path) -> str:
    """Give the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_text(text: str) -> str:
    """Give the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_network(net: Network) -> dict[str, str]:
    """Hash the content of a network, wherever it was read from.

    Parameters
    ----------
    net : Network
        The input of a run.

    Returns
    -------
    dict
        SHA-256 of every table with rows (as CSV text), of every document, and of the scalars.
    """
    hashes = {
        f"table {name}": hash_text(table.to_csv(lineterminator="\n"))
        for name, table in net.tables.items()
        if len(table)
    }
    hashes |= {f"document {name}": hash_text(text) for name, text in sorted(net.documents.items())}
    scalars = (net.name, net.base_mva, net.frequency_hz, net.currency, net.vintage, net.reactive_limits)
    hashes["header"] = hash_text(repr(scalars))
    return hashes


def list_versions() -> dict[str, str]:
    """List the versions of Python, of gridhub and of what it computes with."""
    versions = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def describe_machine() -> dict[str, str | int]:
    """Describe the machine as far as it explains timings; no name and no path of it."""
    return {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count() or 1}


def hash_folder(folder: Path) -> dict[str, str]:
    """Hash every file below a folder, by its path inside."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in sorted(files)}
