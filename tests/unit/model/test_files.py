"""Faults of network folders: each named by file, line, row, column and value, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from gridhub.errors import FileFormatError, InputError, OutputError, SchemaError
from gridhub.model.files import read_network, write_network
from gridhub.model.network import build_network

HEADER = 'schema_version = 1\nname = "small"\nbase_mva = 100.0\n'
BUS = "id,vn_kv,name_ko\na,345,나주\nb,345,해남\n"
LOAD = "id,bus,p_mw,in_service\nd1,a,100,True\nd2,b,50.5,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net" / "tables").mkdir(parents=True)
    write(tmp_path / "net", "network.toml", HEADER)
    write(tmp_path / "net", "tables/bus.csv", BUS)
    write(tmp_path / "net", "tables/load.csv", LOAD)
    return tmp_path / "net"


def write(folder: Path, name: str, content: str | bytes) -> None:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def read_faults(folder: Path) -> list[tuple[str, str, str, str]]:
    with pytest.raises(SchemaError) as caught:
        read_network(folder)
    return [(issue.code, issue.table, issue.id, issue.column) for issue in caught.value.issues]


def test_a_good_folder(folder):
    net = read_network(folder)
    assert net.name == "small"
    assert net.bus.name_ko.tolist() == ["나주", "해남"]
    assert net.load.p_mw.tolist() == [100.0, 50.5]
    assert net.load.in_service.tolist() == [True, True]


@pytest.mark.parametrize(
    "data", [b"\xef\xbb\xbf" + BUS.encode(), BUS.encode("cp949"), BUS.replace("\n", "\r\n").encode()]
)
def test_byte_order_mark_cp949_and_windows_line_ends_read_right(folder, data):
    write(folder, "tables/bus.csv", data)
    assert read_network(folder).bus.name_ko.tolist() == ["나주", "해남"]


@pytest.mark.parametrize(
    "data", [BUS.encode("utf-16"), "id,vn_kv\né,345\n".encode("latin-1"), b"id,vn_kv\na\0,1\n"]
)
def test_other_encodings_are_refused_once_and_no_reference_is_blamed(folder, data):
    write(folder, "tables/bus.csv", data)
    assert read_faults(folder) == [("E-ENC", "bus", "", "")]


@pytest.mark.parametrize("cell", ['"1,234.5"', '"12,5"', "12 MW", "1_000", "٣", "0x10", "--1", "yes"])
def test_text_for_a_number_names_its_cell(folder, cell):
    write(folder, "tables/load.csv", f"id,bus,p_mw\nd1,a,{cell}\n")
    with pytest.raises(SchemaError) as caught:
        read_network(folder)
    (issue,) = caught.value.issues
    assert (issue.code, issue.table, issue.id, issue.column) == ("E-NUMBER", "load", "d1", "p_mw")
    assert issue.value == cell.strip('"')
    assert "tables/load.csv line 2" in issue.message


def test_an_unquoted_comma_in_a_number(folder):
    write(folder, "tables/load.csv", "id,bus,p_mw\nd1,a,12,5\n")
    assert read_faults(folder) == [("E-NUMBER", "load", "d1", "")]


@pytest.mark.parametrize("cell", ["yes", "아니오", "TRUE", "2", "t", "on"])
def test_text_for_a_boolean_names_its_cell(folder, cell):
    write(folder, "tables/load.csv", f"id,bus,p_mw,in_service\nd1,a,1,{cell}\n")
    assert read_faults(folder) == [("E-BOOL", "load", "d1", "in_service")]


@pytest.mark.parametrize(("cell", "expected"), [("True", True), ("false", False), ("1", True), ("0", False)])
def test_texts_that_are_booleans(folder, cell, expected):
    write(folder, "tables/load.csv", f"id,bus,p_mw,in_service\nd1,a,1,{cell}\n")
    assert read_network(folder).load.in_service.tolist() == [expected]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (LOAD[:-14], ""),
        ("id,bus,p_mw\nd1,a,1\nd2,b\n", "d2"),
        ("id,bus,p_mw\nd1,a,1\nd2,b,123.4", ""),
        ('id,bus,p_mw,name\nd1,a,1,"cut off her', ""),
    ],
)
def test_a_file_that_is_cut_off(folder, content, place):
    write(folder, "tables/load.csv", content)
    faults = read_faults(folder)
    assert place in {row for code, _, row, _ in faults if code == "E-TRUNC"}


def test_the_position_of_a_cut_is_named(folder):
    write(folder, "tables/load.csv", 'id,bus,p_mw,name\nd1,a,1,x\nd2,b,1,"cut')
    with pytest.raises(SchemaError, match=r"tables/load.csv: line 3"):
        read_network(folder)


def test_faults_of_all_files_come_at_once_with_their_lines(folder):
    write(folder, "network.toml", HEADER + 'colour = "red"\n')
    write(folder, "tables/load.csv", "id,bus,p_mw\nd1,999,1\nd2,a,x\nd3,a,\nd3,a,1\n")
    write(folder, "tables/loads.csv", "id\n")
    write(folder, "tables/shunt.csv", "id,g_mw\ns,1\n")
    with pytest.raises(SchemaError) as caught:
        read_network(folder)
    issues = caught.value.issues
    assert {(issue.code, issue.id, issue.column) for issue in issues} == {
        ("E-KEY", "", "colour"),
        ("E-TABLE", "", ""),
        ("E-REF", "d1", "bus"),
        ("E-NUMBER", "d2", "p_mw"),
        ("E-NAN", "d3", "p_mw"),
        ("E-DUP", "d3", "id"),
        ("E-COLUMN", "", "bus"),
    }
    assert any("tables/load.csv line 2" in issue.message for issue in issues)


@pytest.mark.parametrize(
    ("content", "column"),
    [("name,vn_kv\na,345\n", "id"), ("id,vn_kv,vn_kv\na,345,345\n", "vn_kv"), ("id,vn_kv,\na,345,\n", "")],
)
def test_bad_column_names(folder, content, column):
    write(folder, "tables/bus.csv", content)
    assert ("E-HEADER", "bus", "", column) in read_faults(folder)


def test_no_bus_at_all(folder):
    (folder / "tables" / "bus.csv").unlink()
    (folder / "tables" / "load.csv").unlink()
    assert read_faults(folder) == [("E-EMPTY", "bus", "", "")]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (HEADER.replace("= 1\n", "= 2\n"), "E-VERSION"),
        (HEADER.replace("schema_version = 1\n", ""), "E-VERSION"),
        (HEADER.replace("100.0", '"100"'), "E-TYPE"),
        (HEADER.replace("100.0", "true"), "E-TYPE"),
        (HEADER.replace("100.0", "-1"), "E-RANGE"),
        (HEADER.replace("base_mva = 100.0\n", ""), "E-KEY"),
        (HEADER.replace('name = "small"\n', ""), "E-KEY"),
        (HEADER + "reactive_limits = 1\n", "E-TYPE"),
        (HEADER + "[documents]\ncriteria = 1\n", "E-PATH"),
        (HEADER + '[documents]\ncriteria = "missing.toml"\n', "E-PATH"),
        (HEADER + '[columns.bus]\nheight = "number"\n', "E-TYPE"),
        (HEADER + "columns = 3\n", "E-TYPE"),
        (HEADER + "documents = 3\n", "E-TYPE"),
    ],
)
def test_bad_headers(folder, header, code):
    write(folder, "network.toml", header)
    assert code in {fault[0] for fault in read_faults(folder)}


@pytest.mark.parametrize("header", ["name = ", b"\xff\xfe\0", 'name = "a"\nname = "b"\n'])
def test_a_header_that_is_no_toml(folder, header):
    write(folder, "network.toml", header)
    with pytest.raises(FileFormatError, match="E-TOML"):
        read_network(folder)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(FileFormatError, match="no network here"):
        read_network(tmp_path / "nothing")


@pytest.mark.parametrize(
    "path", ["../../secret.toml", "/etc/passwd", "/etc/x.toml", "secret.txt", "..\\\\..\\\\x.toml"]
)
def test_documents_do_not_reach_other_files(folder, path):
    (folder.parent.parent / "secret.toml").write_text("a = 1\n")
    write(folder, "network.toml", HEADER + f'[documents]\ncriteria = "{path}"\n')
    assert read_faults(folder) == [("E-PATH", "network.toml", "", "documents.criteria")]


def test_links_do_not_reach_other_files(folder, tmp_path):
    (tmp_path / "other.csv").write_text("id,bus,g_mw\ns,a,1\n")
    (folder / "tables" / "shunt.csv").symlink_to(tmp_path / "other.csv")
    assert read_faults(folder) == [("E-PATH", "shunt", "", "")]


def test_a_document_that_is_no_toml(folder):
    write(folder, "criteria.toml", "a = \n")
    write(folder, "network.toml", HEADER + '[documents]\ncriteria = "criteria.toml"\n')
    assert read_faults(folder) == [("E-TOML", "network.toml", "", "documents.criteria")]


def test_columns_the_schema_does_not_know_are_kept_and_numbers_become_numbers(folder):
    write(folder, "tables/bus.csv", "id,vn_kv,height_m,owner,code\na,345,12.5,x,01\nb,345,,,x2\n")
    bus = read_network(folder).bus
    assert bus.height_m.dtype == float
    assert bus.height_m.isna().tolist() == [False, True]
    assert bus.owner.tolist() == ["x", ""]
    assert bus.code.tolist() == ["01", "x2"]


def test_a_named_kind_keeps_digits_as_text(folder):
    write(folder, "tables/bus.csv", "id,vn_kv,code\na,345,01\nb,345,02\n")
    write(folder, "network.toml", HEADER + '[columns.bus]\ncode = "string"\n')
    assert read_network(folder).bus.code.tolist() == ["01", "02"]


def test_snapshot_values_may_go_without_row_ids(folder):
    write(folder, "tables/snapshot.csv", "id,note\npeak,hot\n")
    write(folder, "tables/snapshot_value.csv", "snapshot,table,id,column,value\npeak,load,d1,p_mw,7\n")
    net = read_network(folder)
    assert net.snapshot_value.index.tolist() == ["1"]
    assert net.snapshot_value.id.tolist() == ["d1"]


def test_nothing_is_overwritten_without_force(folder):
    net = read_network(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    with pytest.raises(OutputError, match="force"):
        write_network(net, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_a_folder_of_something_else_is_never_replaced(folder, tmp_path):
    net = read_network(folder)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    with pytest.raises(OutputError, match=r"chapter\.tex"):
        write_network(net, tmp_path / "thesis", force=True)
    with pytest.raises(OutputError, match="is a file"):
        write_network(net, tmp_path / "thesis" / "chapter.tex", force=True)
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


def test_replacing_drops_old_tables_and_keeps_what_stands_beside(folder):
    (folder / "README.md").write_text("data sheet")
    net = read_network(folder)
    write_network(net.replace(load=net.load.iloc[:0]), folder, force=True)
    assert read_network(folder).load.empty
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "network.toml", "tables"]
    assert (folder / "README.md").read_text() == "data sheet"


def test_documents_of_the_region_are_referenced_not_copied(folder):
    write(folder.parent, "criteria.toml", "a = 1\n")
    bus = pd.DataFrame({"vn_kv": [345.0]}, index=["a"])
    net = build_network("small", bus=bus, documents={"criteria": "a = 1\n", "costs": "b = 2\n"})
    write_network(net, folder, force=True, references={"criteria": "../criteria.toml"})
    assert not (folder / "criteria.toml").exists()
    assert (folder / "costs.toml").read_text() == "b = 2\n"
    back = read_network(folder)
    assert dict(back.documents) == dict(net.documents)
    # replaced without naming it again: still the region's; another text: a file of its own
    write_network(back, folder, force=True)
    assert not (folder / "criteria.toml").exists()
    write_network(back.replace(documents={"criteria": "a = 2\n"}), folder, force=True)
    assert (folder / "criteria.toml").read_text() == "a = 2\n"
    assert (folder.parent / "criteria.toml").read_text() == "a = 1\n"


@pytest.mark.parametrize("name", ["network", "../x", "a b", ""])
def test_names_of_documents_that_are_no_file_names(tmp_path, name):
    net = build_network("x", bus=pd.DataFrame({"vn_kv": [1.0]}, index=["a"]), documents={name: ""})
    with pytest.raises(OutputError):
        write_network(net, tmp_path / "net")
    assert not (tmp_path / "net" / "network.toml").exists()


def test_formulas_and_markup_in_names_come_back_untouched(tmp_path):
    names = [
        "=HYPERLINK(1)",
        "@SUM",
        "+1",
        "-1",
        "\tx",
        "<img src=x>",
        'a"b',
        "a,b",
        "a\r\nb",
        "\u202eabc",
        " x ",
    ]
    bus = pd.DataFrame({"vn_kv": 1.0, "name": names}, index=names)
    back = read_network(write_network(build_network("x", bus=bus), tmp_path / "net"))
    assert back.bus.index.tolist() == names
    assert back.bus.name.tolist() == names


def test_a_column_that_would_hide_the_ids_is_refused(tmp_path):
    bus = pd.DataFrame({"vn_kv": [1.0], "id": ["x"]}, index=["a"])
    with pytest.raises(OutputError, match="id"):
        write_network(build_network("x", bus=bus), tmp_path / "net")


def test_a_place_that_cannot_be_written_is_an_output_error(folder):
    net = read_network(folder)
    with pytest.raises(OutputError):
        write_network(net, folder / "network.toml" / "below")


def test_all_errors_are_input_errors():
    assert issubclass(SchemaError, InputError)
    assert issubclass(FileFormatError, InputError)


def test_an_unknown_column_of_true_and_false_is_boolean(folder):
    write(folder, "tables/bus.csv", "id,vn_kv,equivalent,asked\na,345,true,true\nb,345,false,\n")
    bus = read_network(folder).bus
    assert bus.equivalent.tolist() == [True, False]
    assert bus.asked.tolist() == ["true", ""]


def test_lock_files_of_office_programs_are_passed_over(folder):
    write(folder, "tables/.~lock.bus.csv#", "me")
    assert len(read_network(folder).bus) == 2
