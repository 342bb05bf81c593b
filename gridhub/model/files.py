"""A network as a folder: ``network.toml``, one CSV file per table, and the documents that go with it.

::

    my-network/
        network.toml        schema_version, name, title, base_mva, …; [documents] names files
        tables/bus.csv      one file per table that has rows; first column id; empty cell = no value
        tables/line.csv …
        placements.csv      what was placed on it, if anything
        criteria.toml …     documents that are not kept elsewhere
"""

from __future__ import annotations

import json
import math
import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pandas as pd

from gridhub.errors import FileFormatError, Issue, OutputError, SchemaError, name_ids
from gridhub.model.network import Network, build_empty_placements
from gridhub.model.schema import BRANCH_TABLES, SCHEMA_VERSION, Kind, read_schema
from gridhub.model.table_text import Reading, decode_text, find_kind, format_table, get_key, parse_table
from gridhub.model.validate import validate

HEADER = "network.toml"
PLACEMENTS = "placements"

_TEXTS = ("name", "title", "currency", "vintage", "licence", "attribution")
_NUMBERS = ("base_mva", "frequency_hz")
_SECTIONS = ("documents", "columns")
_KNOWN_KEYS = ("schema_version", *_TEXTS, *_NUMBERS, "reactive_limits", *_SECTIONS)
_KINDS = ("string", "float", "int", "bool")


class _Header:
    """The content of ``network.toml``, checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issues: list[Issue] = []
        self.values: dict[str, Any] = {}
        self.documents: dict[str, str] = {}
        self.kinds: dict[str, dict[str, Kind]] = {}

    def add(self, code: str, key: str, value: object, message: str) -> None:
        shown = "" if value is None else str(value)
        self.issues.append(Issue("error", code, HEADER, "", key, shown, message))

    def read(self) -> None:
        content = _read_toml(self.folder / HEADER)
        if content.get("schema_version") != SCHEMA_VERSION:
            wanted = f"this gridhub reads schema_version = {SCHEMA_VERSION}"
            self.add("E-VERSION", "schema_version", content.get("schema_version"), wanted)
        for key, value in content.items():
            if key not in _KNOWN_KEYS:
                self.add("E-KEY", key, value, f"is not a key of {HEADER}; keys are {', '.join(_KNOWN_KEYS)}")
        if not content.get("name"):
            self.add("E-KEY", "name", content.get("name"), "the network needs a name")
        if "base_mva" not in content:
            self.add("E-KEY", "base_mva", None, "is missing: it is the base of every per-unit value")
        self._take(content, _TEXTS, (str,), "a text")
        self._take(content, _NUMBERS, (int, float), "a number")
        self._take(content, ("reactive_limits",), (bool,), "true or false")
        self._read_documents(content.get("documents", {}))
        self._read_kinds(content.get("columns", {}))

    def _take(
        self, content: Mapping[str, Any], keys: tuple[str, ...], types: tuple[type, ...], wanted: str
    ) -> None:
        for key in keys:
            if key not in content:
                continue
            value = content[key]
            # True is an int to Python, and not a number to anyone else
            if isinstance(value, types) and (bool in types or not isinstance(value, bool)):
                self.values[key] = float(str(value)) if key in _NUMBERS else value
            else:
                self.add("E-TYPE", key, value, f"wants {wanted}")

    def _read_documents(self, section: object) -> None:
        if not isinstance(section, dict):
            self.add("E-TYPE", "documents", section, "wants a table of document = file")
            return
        for key, reference in section.items():
            place = f"documents.{key}"
            path = find_document(self.folder, reference) if isinstance(reference, str) else None
            if path is None:
                text = "wants a .toml file of this folder or the one around it"
                self.add("E-PATH", place, reference, text)
            elif not path.is_file():
                self.add("E-PATH", place, reference, "there is no such file")
            else:
                self._read_document(key, place, path)

    def _read_document(self, key: str, place: str, path: Path) -> None:
        try:
            text = path.read_bytes().decode("utf-8")
            tomllib.loads(text)
        except ValueError as error:
            code = "E-ENC" if isinstance(error, UnicodeDecodeError) else "E-TOML"
            self.add(code, place, path.name, str(error))
            return
        self.documents[key] = text

    def _read_kinds(self, section: object) -> None:
        tables = section if isinstance(section, dict) else {"columns": section}
        for table, columns in tables.items():
            for name, kind in columns.items() if isinstance(columns, dict) else (("", columns),):
                if kind in _KINDS:
                    self.kinds.setdefault(table, {})[name] = cast(Kind, kind)
                else:
                    self.add("E-TYPE", f"columns.{table}.{name}", kind, f"is one of {', '.join(_KINDS)}")


def find_document(folder: Path, reference: str) -> Path | None:
    """Resolve a document's path, which must stay in the network's folder or the region's around it.

    Parameters
    ----------
    folder : Path
        Folder of the network.
    reference : str
        Path relative to it, with forward slashes.

    Returns
    -------
    Path or None
        None if the path is absolute, leaves the region, or is no ``.toml`` file: a network from a stranger
        must not read other files of this machine.
    """
    relative = PurePosixPath(reference)
    if "\0" in reference or "\\" in reference or relative.is_absolute() or relative.suffix != ".toml":
        return None
    path = (folder / relative).resolve()
    return path if path.is_relative_to(folder.resolve().parent) else None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(path.read_bytes()))
    except OSError as error:
        text = f"no network here: {path} cannot be read ({error.strerror})"
        raise FileFormatError(
            [Issue("error", "E-FILE", HEADER, "", "", str(path), text)], str(path)
        ) from error
    except ValueError as error:
        raise FileFormatError(
            [Issue("error", "E-TOML", HEADER, "", "", "", str(error))], str(path)
        ) from error


def _read_placements(folder: Path, kinds: Mapping[str, Kind]) -> tuple[pd.DataFrame, list[Issue]]:
    path = folder / f"{PLACEMENTS}.csv"
    if not path.is_file():
        return build_empty_placements(), []
    reading = parse_table(path.read_bytes(), PLACEMENTS, path.name, kinds)
    frame = reading.frame
    frame.index.name = None
    if kinds.get("id") == "int" and all(name.lstrip("-").isdecimal() for name in frame.index):
        frame.index = pd.Index([int(name) for name in frame.index], dtype="int64")
    return frame, reading.issues


def read_network(folder: str | Path) -> Network:
    """Read a network from its folder and validate it.

    Parameters
    ----------
    folder : str or Path
        Folder that holds ``network.toml``.

    Returns
    -------
    Network

    Raises
    ------
    FileFormatError
        If there is no ``network.toml`` or it is not TOML.
    SchemaError
        If anything else is wrong; it holds every error of all files, each with file, line, row, column
        and value.

    Examples
    --------
    >>> import tempfile
    >>> from gridhub.model.network import build_network
    >>> net = build_network("one", bus=pd.DataFrame({"vn_kv": [345.0]}, index=["a"]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_network(write_network(net, folder)).bus.vn_kv.tolist()
    [345.0]
    """
    folder = Path(folder)
    header = _Header(folder)
    header.read()
    issues = header.issues
    schema = read_schema()
    readings: dict[str, Reading] = {}
    for path in sorted((folder / "tables").glob("*")):
        name = path.stem
        # an office program leaves a hidden lock file beside a table that is open
        if path.name.startswith("."):
            continue
        if path.suffix != ".csv" or name not in schema or not path.is_file():
            text = f"is not the file of a table; tables are {', '.join(schema)}"
            issues.append(Issue("error", "E-TABLE", name, "", "", path.name, text))
        elif not path.resolve().is_relative_to(folder.resolve()):
            text = "leads out of the folder of the network"
            issues.append(Issue("error", "E-PATH", name, "", "", path.name, text))
        else:
            kinds = header.kinds.get(name)
            readings[name] = parse_table(path.read_bytes(), name, f"tables/{path.name}", kinds)
            issues += readings[name].issues
    placements, found = _read_placements(folder, header.kinds.get(PLACEMENTS, {}))
    issues += found
    values = {"name": folder.name, "base_mva": 100.0, **header.values}
    tables = {name: reading.frame for name, reading in readings.items()}
    net = Network(tables=tables, documents=header.documents, placements=placements, **values)
    issues += _locate(validate(net), issues, readings)
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        raise SchemaError(errors, str(folder))
    return net


def _locate(found: tuple[Issue, ...], known: list[Issue], readings: Mapping[str, Reading]) -> list[Issue]:
    """Add file and line to what validation found, leaving out what reading has reported already."""
    cells = {(issue.table, issue.id, issue.column) for issue in known}
    columns = {(issue.table, issue.column) for issue in known if issue.code == "E-COLUMN"}
    torn = {name for name, reading in readings.items() if not reading.complete}
    located = []
    for issue in found:
        if (issue.table, issue.id, issue.column) in cells or (issue.table, issue.column) in columns:
            continue
        # that a row which could not be read is missed elsewhere is no fault of its own
        if torn & _list_referenced_tables(issue):
            continue
        reading = readings.get(issue.table)
        line = reading.lines.get(issue.id) if reading is not None else None
        message = f"tables/{issue.table}.csv line {line}: {issue.message}" if line else issue.message
        located.append(replace(issue, message=message))
    return located


def _list_referenced_tables(issue: Issue) -> set[str]:
    """Tables whose missing rows alone could have caused an issue."""
    if issue.code == "E-EMPTY":
        return {"bus"}
    if issue.code == "E-SNAPSHOT":
        return set(read_schema())
    if issue.code != "E-REF":
        return set()
    reference = read_schema()[issue.table][issue.column].reference
    return {*BRANCH_TABLES, "hvdc"} if reference == "branch" else {reference}


def _quote(text: str) -> str:
    # JSON's escapes are TOML's, except that TOML wants DEL escaped too
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _render_number(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else str(value)


def _render_header(net: Network, documents: Mapping[str, str]) -> str:
    lines = [f"schema_version = {SCHEMA_VERSION}"]
    lines += [f"{key} = {_quote(getattr(net, key))}" for key in _TEXTS if getattr(net, key) or key == "name"]
    lines += [f"{key} = {_render_number(getattr(net, key))}" for key in _NUMBERS]
    lines += [f"reactive_limits = {str(net.reactive_limits).lower()}"]
    if documents:
        lines += ["", "[documents]"] + [f"{key} = {_quote(path)}" for key, path in documents.items()]
    kinds = {
        table: {
            str(name): find_kind(frame[name]) for name in frame.columns if name not in read_schema()[table]
        }
        for table, frame in net.tables.items()
    }
    placements = net.placements
    if not placements.empty:
        kinds[PLACEMENTS] = {str(name): find_kind(placements[name]) for name in placements.columns}
        kinds[PLACEMENTS]["id"] = find_kind(placements.index.to_series())
    for table, columns in kinds.items():
        if columns:
            lines += ["", f"[columns.{table}]"]
            lines += [f"{_quote(name)} = {_quote(kind)}" for name, kind in columns.items()]
    return "\n".join(lines) + "\n"


def _choose_documents(net: Network, folder: Path, references: Mapping[str, str]) -> dict[str, str]:
    """Where each document is: kept where a file has its very text, else beside ``network.toml``."""
    chosen: dict[str, str] = {}
    for key, text in net.documents.items():
        if not key.isidentifier() or not key.isascii() or f"{key}.toml" == HEADER:
            raise OutputError(f"a document cannot be named {key!r}: it becomes the name of a file")
        path = find_document(folder, references.get(key, ""))
        same = path is not None and path.is_file() and path.read_bytes() == text.encode("utf-8")
        chosen[key] = references[key] if same else f"{key}.toml"
    return chosen


def _read_old_references(folder: Path) -> dict[str, str]:
    """Document references of the network the folder holds, as far as they can be read."""
    try:
        section = _read_toml(folder / HEADER).get("documents", {})
    except FileFormatError:
        return {}
    return (
        {key: path for key, path in section.items() if isinstance(path, str)}
        if isinstance(section, dict)
        else {}
    )


def _check_target(folder: Path, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; name a folder")
    content = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if not content:
        return
    if HEADER not in content:
        raise OutputError(f"{folder} holds {name_ids(content)} and no network; name another folder")
    if not force:
        raise OutputError(f"{folder} holds a network already; force=True replaces it")


def write_network(
    net: Network, folder: str | Path, force: bool = False, references: Mapping[str, str] | None = None
) -> Path:
    """Write a network as a folder that `read_network` reads back to the same network.

    Parameters
    ----------
    net : Network
        Network to write.
    folder : str or Path
        Folder; made if it does not exist.
    force : bool
        Replace a network that is there. Files beside it (README.md, expected.toml …) stay.
    references : mapping, optional
        Document -> path relative to the folder (``"criteria": "../criteria.toml"``). A document whose very
        text is there is referenced; any other is written beside ``network.toml``. By default the references
        of the network that is replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If the folder holds something else, or a network and `force` is not given, or cannot be written.

    Notes
    -----
    The same network gives the same bytes. All files are written under other names first and take their
    places when all are there, ``network.toml`` last.
    """
    folder = Path(folder)
    try:
        _check_target(folder, force)
        old = _read_old_references(folder) if (folder / HEADER).is_file() else {}
        _write_files(net, folder, {**old, **(references or {})})
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error
    except UnicodeEncodeError as error:
        raise OutputError(f"{folder} cannot be written: {error.object!r} is not Unicode text") from error
    return folder


def _write_files(net: Network, folder: Path, references: Mapping[str, str]) -> None:
    for table, frame in {**net.tables, PLACEMENTS: net.placements}.items():
        taken = {"", get_key(read_schema().get(table, {}))} & set(frame.columns)
        if taken:
            text = "which a file cannot hold beside the ids of the rows; rename it"
            raise OutputError(f"table {table} has a column named {min(taken)!r}, {text}")
    documents = _choose_documents(net, folder, references)
    texts = {path: net.documents[key] for key, path in documents.items() if path == f"{key}.toml"}
    if not net.placements.empty:
        texts[f"{PLACEMENTS}.csv"] = format_table(net.placements, {})
    schema = read_schema()
    tables = {
        f"{name}.csv": format_table(frame, schema[name])
        for name, frame in net.tables.items()
        if len(frame) or len(frame.columns) > len(schema[name])
    }
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / f".tmp-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        (work / "tables").mkdir(parents=True)
        for name, text in tables.items():
            (work / "tables" / name).write_bytes(text.encode("utf-8"))
        for name, text in {**texts, HEADER: _render_header(net, documents)}.items():
            (work / name).write_bytes(text.encode("utf-8"))
        _swap_folder(work / "tables", folder / "tables", work / "old")
        if net.placements.empty:
            (folder / f"{PLACEMENTS}.csv").unlink(missing_ok=True)
        for name in (*texts, HEADER):
            (work / name).replace(folder / name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _swap_folder(new: Path, place: Path, aside: Path) -> None:
    """Put a folder in the place of another; if that fails, the other is back where it was."""
    if place.exists():
        place.rename(aside)
    try:
        new.rename(place)
    except OSError:
        if aside.exists():
            aside.rename(place)
        raise
