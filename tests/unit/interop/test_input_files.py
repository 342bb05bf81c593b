"""Files from strangers: nothing executed, nothing outside read or written, every refusal named."""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from gridhub.errors import FileFormatError
from gridhub.interop import input_files
from gridhub.interop.case_files import read_case
from gridhub.interop.input_files import open_input, read_archive
from gridhub.interop.mat_files import check_mat

ENTITIES = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rdf:RDF>&b;</rdf:RDF>"""
EXTERNAL = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><network>&e;</network>'
)


def pack(**members: bytes) -> bytes:
    """An archive of the given files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def find_code(folder: Path, name: str, content: bytes, format: str | None = None) -> str:
    """Code of the first fault on reading such a file."""
    path = folder / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        read_case(path, format)
    assert sorted(p.name for p in folder.iterdir()) == [name]
    return caught.value.issues[0].code


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["net.p", "net.json", "net.m", "net.mat", "net.raw", "net.xml"])
def test_pickles_are_refused_by_content(tmp_path: Path, name: str, protocol: int) -> None:
    for content in ({"bus": [1, 2]}, [1.5, "x"], Path("x")):
        assert find_code(tmp_path, name, pickle.dumps(content, protocol)) == "E-FORMAT"


def test_pickle_in_an_archive(tmp_path: Path) -> None:
    assert find_code(tmp_path, "case.zip", pack(**{"net.m": pickle.dumps([1])})) == "E-FORMAT"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("case.m", b"", "E-EMPTY"),
        ("case", b"x", "E-FORMAT"),
        ("case.xyz", b"x", "E-FORMAT"),
        ("case.m", "function mpc = c % 나주".encode("cp949"), "E-ENC"),
        ("case.m", "function mpc = c".encode("utf-16"), "E-ENC"),
        ("case.m", b"function mpc = c\n\0", "E-FORMAT"),
        ("case.xml", ENTITIES, "E-XML"),
        ("case.xiidm", EXTERNAL, "E-XML"),
        ("case.xml", '<?xml version="1.0" encoding="utf-16"?><a/>'.encode("utf-16"), "E-ENC"),
        ("case.json", b'{"a": NaN}', "E-JSON"),
        ("case.json", b'{"a": 1e999}', "E-JSON"),
        ("case.json", b'{"a": 1, "a": 2}', "E-JSON"),
        ("case.json", b'{"a": ', "E-JSON"),
        ("case.json", b"[" * 100_000, "E-JSON"),
        ("case.json", '{"a": "나주"}'.encode("cp949"), "E-ENC"),
        ("case.json", b'{"nothing": "known"}', "E-FORMAT"),
        ("case.uct", b"##C 2007.05.01\nnothing", "E-FORMAT"),
        ("case.zip", b"PK\x03\x04 damaged", "E-TRUNC"),
        ("case.zip", pack(**{"../../evil.xml": b"<a/>"}), "E-ZIPPATH"),
        ("case.zip", pack(**{"/etc/evil.xml": b"<a/>"}), "E-ZIPPATH"),
        ("case.zip", pack(**{"..\\evil.xml": b"<a/>"}), "E-ZIPPATH"),
        ("case.zip", pack(**{"C:\\evil.xml": b"<a/>"}), "E-ZIPPATH"),
        ("case.zip", pack(**{"a/x.xml": b"<a/>", "b/x.xml": b"<b/>"}), "E-FORMAT"),
        ("case.zip", pack(**{"profile.xml": ENTITIES}), "E-XML"),
        ("case.zip", pack(**{"a.m": b"x", "b.m": b"y"}), "E-FORMAT"),
        ("case.zip", pack(), "E-TRUNC"),
    ],
)
def test_refusals(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    if content == pack():
        code = "E-FORMAT"  # an empty archive does not begin like one
    assert find_code(tmp_path, name, content) == code


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "case.m"
    path.write_text("x")
    with pytest.raises(FileFormatError, match="psse-rawx"):
        read_case(path, format="excel")


def test_missing_file() -> None:
    with pytest.raises(FileNotFoundError):
        read_case("no/such/file.m")


def test_folder_without_profiles(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="read_network"):
        read_case(tmp_path)


@pytest.mark.parametrize("module", ["subprocess", "this", "antigravity"])
def test_foreign_classes_are_refused_and_not_imported(tmp_path: Path, module: str) -> None:
    inner = json.dumps({"_module": module, "_class": "Popen", "_object": "x"})
    before = set(sys.modules)
    for content in (
        {"_module": module, "_class": "Popen"},
        {"_object": {"bus": inner}},
        {"a": json.dumps(inner)},
    ):
        assert find_code(tmp_path, "net.json", json.dumps(content).encode()) == "E-UNSAFE"
    assert not (set(sys.modules) - before) & {"this", "antigravity"}


def test_archive_limit_counts_real_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MAX_BYTES", 1_000_000)
    bomb = pack(**{"a.xml": b"0" * 900_000, "b.xml": b"0" * 900_000})
    assert len(bomb) < 5_000
    with pytest.raises(FileFormatError) as caught:
        read_archive(bomb, "bomb.zip")
    assert caught.value.issues[0].code == "E-SIZE"
    # sizes in the headers lie: 10 bytes, it says
    lying = bomb.replace((900_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(FileFormatError) as caught:
        read_archive(lying, "lying.zip")
    assert caught.value.issues[0].code in ("E-SIZE", "E-TRUNC")


def test_many_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MAX_MEMBERS", 3)
    with pytest.raises(FileFormatError) as caught:
        read_archive(pack(**{f"{i}.xml": b"x" for i in range(4)}), "many.zip")
    assert caught.value.issues[0].code == "E-SIZE"


def test_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_files, "MAX_BYTES", 10)
    assert find_code(tmp_path, "case.m", b"function mpc = case") == "E-SIZE"


def test_compressed_mat_is_counted() -> None:
    packed = zlib.compress(b"\0" * 5_000_000)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    content = header + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed
    with pytest.raises(FileFormatError) as caught:
        check_mat(content, "bomb.mat", limit=1_000_000)
    assert caught.value.issues[0].code == "E-SIZE"


def test_an_archive_of_one_case_is_read(tmp_path: Path, repo_root: Path) -> None:
    source = repo_root / "tests" / "golden" / "four_bus.m"
    path = tmp_path / "case.zip"
    path.write_bytes(pack(**{"folder/four_bus.m": source.read_bytes()}))
    net, _ = read_case(path)
    assert (net.name, len(net.bus)) == ("four_bus", 5)


def test_format_by_name_and_content(repo_root: Path, tmp_path: Path) -> None:
    golden = repo_root / "tests" / "golden"
    assert open_input(golden / "four_bus.m").format == "matpower"
    assert open_input(golden / "three_winding.raw").format == "psse"
    copy = tmp_path / "anything.txt"
    copy.write_bytes((golden / "four_bus.m").read_bytes())
    assert open_input(copy, "m").format == "matpower"
    with_mark = tmp_path / "mark.m"
    with_mark.write_bytes(b"\xef\xbb\xbf" + (golden / "four_bus.m").read_bytes())
    assert len(read_case(with_mark)[0].bus) == 5
