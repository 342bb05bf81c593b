"""A pandapower JSON file is scanned before pandapower sees it: nothing foreign is imported or opened."""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from pathlib import Path

import pytest

from gridhub.errors import FileFormatError
from gridhub.interop.pandapower import read_pandapower_json
from gridhub.interop.pandapower_json import scan_json_text

NETWORK = {"_module": "pandapower.auxiliary", "_class": "pandapowerNet"}
TABLE = {"_module": "pandas.core.frame", "_class": "DataFrame"}


def write_network(**content: object) -> str:
    return json.dumps({**NETWORK, "_object": content})


def get_code(text: str) -> str:
    with pytest.raises(FileFormatError) as caught:
        scan_json_text(text, "net.json")
    return caught.value.issues[0].code


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module on the path that must not be imported."""
    name = "gridhub_planted_module"
    (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize(
    "wrap",
    [
        lambda foreign: write_network(bus=foreign),
        lambda foreign: write_network(bus={"deep": [1, [foreign]]}),
        lambda foreign: write_network(
            bus={**TABLE, "_object": json.dumps({"columns": ["a"], "data": [[foreign]]})}
        ),
        lambda foreign: write_network(note=json.dumps(json.dumps([foreign]))),
        lambda foreign: json.dumps(foreign),
    ],
    ids=["direct", "in lists", "in the string of a table", "in a string of a string", "as the whole file"],
)
def test_foreign_class_is_unsafe_and_its_module_stays_unimported(wrap, planted: str, tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(wrap({"_module": planted, "_class": "Popen", "_object": {}}), encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        read_pandapower_json(path)
    issue = caught.value.issues[0]
    assert (issue.code, issue.table) == ("E-UNSAFE", "net.json")
    assert planted not in sys.modules


@pytest.mark.parametrize(
    "foreign",
    [
        {"_module": "subprocess", "_class": "Popen"},
        {"_module": "builtins", "_class": "eval"},
        {"_module": "pandapower.control.controller.const_control", "_class": "ConstControl"},
        {"_module": "pandas.core.frame"},
        {"_class": "DataFrame"},
    ],
)
def test_only_networks_and_tables_are_let_through(foreign: dict[str, str]) -> None:
    assert get_code(write_network(controller=foreign)) == "E-UNSAFE"


def test_table_that_names_a_file_is_unsafe() -> None:
    assert get_code(write_network(bus={**TABLE, "_object": "/etc/secret.json"})) == "E-UNSAFE"
    assert get_code(write_network(bus={**TABLE})) == "E-UNSAFE"


def test_table_with_an_option_for_the_reader_is_unsafe() -> None:
    table = {**TABLE, "_object": '{"columns": [], "data": []}', "storage_options": {}}
    assert get_code(write_network(bus=table)) == "E-UNSAFE"


def test_text_that_hides_a_class_from_a_strict_parser_is_unsafe() -> None:
    assert get_code(write_network(note='{"_class": "x", }')) == "E-UNSAFE"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": NaN}', "E-JSON"),
        ('{"a": -Infinity}', "E-JSON"),
        ('{"a": 1e999}', "E-JSON"),
        ('{"a": 1, "a": 2}', "E-JSON"),
        (json.dumps({"a": '{"b": 1, "b": 2}'}), "E-JSON"),
        (json.dumps({"a": '{"b": NaN}'}), "E-JSON"),
        ('{"a": 1', "E-JSON"),
        ("", "E-JSON"),
        ("[" * 100_000, "E-JSON"),
        ("[" * 60 + "]" * 60, "E-JSON"),
        ('{"bus": {}}', "E-FORMAT"),
        ("[1, 2]", "E-FORMAT"),
    ],
)
def test_loose_json_is_refused(text: str, code: str) -> None:
    assert get_code(text) == code


def test_names_that_look_like_json_are_plain_text() -> None:
    scan_json_text(write_network(name="[old] line 3", other="{curly}"), "net.json")


@pytest.mark.parametrize("name", ["net.p", "net.pkl", "net.json"])
def test_pickle_is_refused_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"bus": 1}))
    with pytest.raises(FileFormatError, match="E-FORMAT.*pickle"):
        read_pandapower_json(path)


def test_text_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_bytes('{"name": "나주"}'.encode("cp949"))
    with pytest.raises(FileFormatError, match="E-FORMAT.*UTF-8"):
        read_pandapower_json(path)


def test_network_with_unusable_tables_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(write_network(bus=3, version="3.5.0", format_version="3.1.0"), encoding="utf-8")
    with pytest.raises(FileFormatError):
        read_pandapower_json(path)


def test_file_of_pandapower_reads_like_the_network_it_was_written_from(tmp_path: Path) -> None:
    import pandapower
    import pandapower.networks

    from gridhub.interop.pandapower import from_pandapower

    path = tmp_path / "multi.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pp_net = pandapower.networks.example_multivoltage()
        pandapower.to_json(pp_net, str(path))
        net, report = read_pandapower_json(path)
    expected, _ = from_pandapower(pp_net)
    assert report.format == "pandapower"
    for table, frame in expected.tables.items():
        assert list(net.tables[table].index) == list(frame.index)
    assert net.load["p_mw"].sum() == pytest.approx(expected.load["p_mw"].sum(), abs=1e-9)


@pytest.mark.parametrize("asked", [None, "pandapower"])
def test_read_case_takes_pandapower_files_through_the_same_gate(asked: str | None, tmp_path: Path) -> None:
    import pandapower
    import pandapower.networks

    from gridhub.interop.case_files import read_case

    path = tmp_path / "nine.json"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandapower.to_json(pandapower.networks.case9(), str(path))
        net, report = read_case(path, format=asked)
    assert report.format == "pandapower"
    assert list(net.branches().index) == [f"line:{i}" for i in range(9)]
    controller = {"_module": "pandapower.control.controller.const_control", "_class": "ConstControl"}
    path.write_text(write_network(controller=controller), encoding="utf-8")
    with pytest.raises(FileFormatError, match="E-UNSAFE"):
        read_case(path, format=asked)
