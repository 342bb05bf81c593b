"""Opening somebody else's case file: what it is, by its content; how much it holds; nothing executed."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gridhub.errors import FileFormatError, Issue
from gridhub.interop.raw_files import check_raw

MAX_BYTES = 512 * 1024 * 1024
"""Largest file read, and the most that a compressed one may unpack to, counted while unpacking [byte]."""

MAX_MEMBERS = 1000
"""Most files in an archive."""

READ_FORMATS: Mapping[str, str] = {
    "matpower": "matpower",
    "mat": "matpower",
    "psse": "psse",
    "psse-rawx": "psse-rawx",
    "cgmes": "cgmes",
    "ucte": "ucte",
    "xiidm": "xiidm",
    "jiidm": "jiidm",
    "powerworld": "powerworld",
    "pwb": "pwb",
    "pslf": "pslf",
    "ieee-cdf": "ieee-cdf",
    "powermodels-json": "powermodels-json",
    "egret-json": "egret-json",
    "surge-json": "surge-json",
    "pandapower-json": "pandapower-json",
}
"""Formats that can be asked for by name, and the reader's name of each."""

_SUFFIXES = {
    ".m": "matpower",
    ".mat": "mat",
    ".raw": "psse",
    ".rawx": "psse-rawx",
    ".xml": "cgmes",
    ".uct": "ucte",
    ".xiidm": "xiidm",
    ".iidm": "xiidm",
    ".jiidm": "jiidm",
    ".aux": "powerworld",
    ".pwb": "pwb",
    ".epc": "pslf",
    ".cdf": "ieee-cdf",
    ".json": "json",
}
_ALIASES = {
    "pandapower": "pandapower-json",
    "psse32": "psse",
    "psse33": "psse",
    "psse34": "psse",
    "psse35": "psse",
    "raw": "psse",
    "m": "matpower",
}


@dataclass(frozen=True)
class InputFile:
    """A case file in memory, its format known and its content checked.

    Attributes
    ----------
    name : str
        File name.
    format : str
        One of `READ_FORMATS`, or ``"json"`` where the reader finds out which JSON it is.
    data : bytes
    """

    name: str
    format: str
    data: bytes


def fail(code: str, name: str, message: str, value: str = "", place: str = "") -> FileFormatError:
    """Make the error for one fault of a file."""
    return FileFormatError([Issue("error", code, "file", place, "", value, message)], name)


def _read_limited(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise fail("E-SIZE", path.name, f"larger than {MAX_BYTES} bytes: not read", str(size))
    data = path.read_bytes()
    if not data:
        raise fail("E-EMPTY", path.name, "the file is empty")
    return data


def _looks_pickled(data: bytes) -> bool:
    """Say whether bytes are a Python pickle, by following its opcodes without executing any."""
    if data[:1] == b"\x80" and len(data) > 1 and data[1] <= pickle.HIGHEST_PROTOCOL:
        return True
    last = len(data.rstrip()) - 1
    if data[last : last + 1] != b".":
        return False
    try:
        return any(
            opcode.name == "STOP" and position == last for opcode, _, position in pickletools.genops(data)
        )
    except (ValueError, IndexError, OverflowError):
        return False


def read_archive(data: bytes, name: str) -> dict[str, bytes]:
    """Unpack an archive in memory, trusting nothing in it.

    Parameters
    ----------
    data : bytes
        The archive.
    name : str
        Its name, for messages.

    Returns
    -------
    dict
        Member name (without folders) -> content.

    Raises
    ------
    FileFormatError
        ``E-ZIPPATH``: a member's path leads out of the folder. ``E-SIZE``: too many members, or more than
        `MAX_BYTES` once unpacked, whatever the sizes in the headers say. ``E-TRUNC``: damaged.
    """
    members: dict[str, bytes] = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_MEMBERS:
                raise fail("E-SIZE", name, f"more than {MAX_MEMBERS} files in the archive", str(len(entries)))
            for entry in entries:
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if (
                    path.is_absolute()
                    or ".." in path.parts
                    or ":" in entry.filename
                    or "\0" in entry.filename
                ):
                    raise fail(
                        "E-ZIPPATH", name, "a file in the archive leads out of its folder", entry.filename
                    )
                with archive.open(entry) as stream:
                    content = stream.read(MAX_BYTES - total + 1)
                total += len(content)
                if total > MAX_BYTES:
                    raise fail("E-SIZE", name, f"unpacks to more than {MAX_BYTES} bytes", entry.filename)
                if path.name in members:
                    raise fail("E-FORMAT", name, "two files in the archive have the same name", path.name)
                members[path.name] = content
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError) as error:
        raise fail("E-TRUNC", name, f"the archive is damaged or encrypted: {error}") from error
    if not members:
        raise fail("E-EMPTY", name, "the archive holds no file")
    return members


def check_xml(data: bytes, name: str) -> None:
    """Refuse XML that declares entities, or whose encoding would hide that it does.

    Raises
    ------
    FileFormatError
        ``E-XML`` for a document type or entity declaration, ``E-ENC`` for another encoding than UTF-8.
    """
    declaration = data[:200].split(b"?>")[0]
    encoding = re.search(rb"encoding\s*=\s*[\"']([^\"']+)", declaration)
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:200]
    if wide or (
        encoding and encoding.group(1).lower() not in (b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1")
    ):
        raise fail("E-ENC", name, "XML is read as UTF-8 only: convert the file")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise fail(
            "E-XML", name, "declares a document type or entities, which case files do not need: refused"
        )


def check_json(data: bytes, name: str) -> None:
    """Refuse JSON that means different things to different readers, or names Python classes to be built.

    Raises
    ------
    FileFormatError
        ``E-JSON``: no JSON, duplicate keys, NaN or numbers beyond the range of a float; ``E-UNSAFE``: wants
        classes outside pandapower and pandas.
    """

    def refuse_constant(text: str) -> float:
        raise ValueError(f"{text} is not a JSON number")

    def read_float(text: str) -> float:
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError(f"{text} is beyond the range of a float")
        return value

    def pair_up(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"the key {next(k for k in keys if keys.count(k) > 1)!r} stands twice")
        return result

    def find_modules(text: str) -> list[str]:
        return re.findall(r"_module\\*\"\s*:\s*\\*\"([^\"\\]*)", text)

    try:
        text = data.decode("utf-8-sig")
        content = json.loads(
            text, parse_constant=refuse_constant, parse_float=read_float, object_pairs_hook=pair_up
        )
    except UnicodeDecodeError as error:
        raise fail("E-ENC", name, f"not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:
        raise fail("E-JSON", name, str(error) or "nested too deeply") from error
    foreign = sorted(
        {
            m
            for m in find_modules(json.dumps(content))
            if m.split(".")[0] not in ("pandapower", "pandas", "networkx")
        }
    )
    if foreign:
        message = "asks for Python classes that a network does not need: refused, and nothing was imported"
        raise fail("E-UNSAFE", name, message, ", ".join(foreign[:5]))


def _decode_check(data: bytes, name: str) -> None:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = "not UTF-8 here: convert the file (for Korean names often `iconv -f cp949 -t utf-8`)"
        raise fail("E-ENC", name, message, f"byte {error.start}", f"line {line}") from error


_CHECKS: Mapping[str, Callable[[bytes, str], None]] = {
    "matpower": _decode_check,
    "psse": check_raw,
    "xiidm": check_xml,
    **dict.fromkeys(
        ("json", "jiidm", "psse-rawx", "powermodels-json", "egret-json", "surge-json", "pandapower-json"),
        check_json,
    ),
}


def _pack(members: Mapping[str, bytes]) -> bytes:
    """Pack checked members again: what the reader gets is what was checked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pack_cgmes(members: Mapping[str, bytes], name: str) -> InputFile:
    """Check the profiles of a CGMES set and pack them for the reader."""
    profiles = {member: content for member, content in members.items() if member.lower().endswith(".xml")}
    for member, content in profiles.items():
        check_xml(content, f"{name}:{member}")
    return InputFile(name, "cgmes", _pack(profiles))


def _open_folder(path: Path) -> InputFile:
    files = [p for p in sorted(path.glob("*.xml")) if p.is_file()]
    if not files:
        message = "no .xml in it, and a folder is read as a CGMES profile set: try read_network"
        raise fail("E-FORMAT", path.name, message)
    if sum(p.stat().st_size for p in files) > MAX_BYTES:
        raise fail("E-SIZE", path.name, f"larger than {MAX_BYTES} bytes: not read")
    return pack_cgmes({p.name: p.read_bytes() for p in files}, path.name)


def _find_format(name: str, data: bytes, asked: str | None) -> str:
    """Find the format by what was asked for, else by the name, and hold the content against it."""
    if asked is not None:
        token = _ALIASES.get(asked.lower(), asked.lower())
        if token not in READ_FORMATS:
            raise fail("E-FORMAT", name, f"unknown format; known are {', '.join(READ_FORMATS)}", asked)
    else:
        suffix = Path(name).suffix.lower()
        token = _SUFFIXES.get(suffix, "")
        if not token:
            message = f"no format known for {suffix or 'a name without suffix'!r}: give format=, one of "
            raise fail("E-FORMAT", name, message + ", ".join(READ_FORMATS), name)
    if token == "matpower" and data[:6] == b"MATLAB":
        token = "mat"
    if token == "json" and b'"pandapowerNet"' in data:
        token = "pandapower-json"
    if token == "cgmes" and data.lstrip()[:1] == b"<" and b"iidm" in data[:2000]:
        token = "xiidm"
    return token


def open_input(path: Path, asked: str | None = None) -> InputFile:
    """Read a case file into memory and find out what it is.

    Parameters
    ----------
    path : Path
        File, archive of one case, or folder with a CGMES profile set.
    asked : str, optional
        Format to read it as; by default by suffix and content.

    Returns
    -------
    InputFile

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        ``E-FORMAT``: unknown, or a pickle under any name. Also ``E-EMPTY``, ``E-SIZE``, ``E-ENC``, ``E-XML``,
        ``E-JSON``, ``E-UNSAFE``, ``E-ZIPPATH``, ``E-RAW-VERSION``: see the checks.
    """
    if path.is_dir():
        return _open_folder(path)
    data, name = _read_limited(path), path.name
    if _looks_pickled(data):
        raise fail("E-FORMAT", name, "this is a Python pickle, which can execute anything: refused")
    if data[:4] == b"PK\x03\x04":
        members = read_archive(data, name)
        if asked == "cgmes" or (asked is None and sum(m.lower().endswith(".xml") for m in members) > 0):
            return pack_cgmes(members, name)
        if len(members) != 1:
            raise fail("E-FORMAT", name, f"the archive holds {len(members)} files: unpack it and name one")
        ((name, data),) = members.items()
        if _looks_pickled(data):
            raise fail("E-FORMAT", name, "this is a Python pickle, which can execute anything: refused")
    token = _find_format(name, data, asked)
    if token == "cgmes":
        return pack_cgmes({f"{Path(name).stem}.xml": data}, name)
    check = _CHECKS.get(token)
    if check is not None:
        check(data, name)
    return InputFile(name, token, data)
