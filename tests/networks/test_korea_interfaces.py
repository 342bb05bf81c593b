"""interfaces.toml: what crosses between two regions is a member, with its sign; a wrong list is refused."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from gridhub.model.files import read_network

KOREA = Path(__file__).resolve().parents[2] / "networks" / "korea"


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(KOREA))
    yield importlib.import_module("build_interfaces")
    for name in set(sys.modules) - before:
        if name.startswith("build"):
            del sys.modules[name]


BUSES = [
    {"id": "a", "zone": "honam", "vn_kv": "345.0"},
    {"id": "b", "zone": "chungcheong", "vn_kv": "345.0"},
    {"id": "c", "zone": "capital", "vn_kv": "345.0"},
    {"id": "d", "zone": "honam", "vn_kv": "154.0"},
    {"id": "e", "zone": "chungcheong", "vn_kv": "154.0"},
]


def make_line(name: str, start: str, end: str) -> dict[str, str]:
    return {"id": f"{name}:1", "route": name, "from_bus": start, "to_bus": end}


def test_direction_counts_from_one_region_to_the_other(builder: ModuleType) -> None:
    southward = {"from": "chungcheong", "to": "honam"}
    assert builder.find_direction(("honam", "chungcheong"), southward) == -1
    assert builder.find_direction(("chungcheong", "honam"), southward) == 1
    assert builder.find_direction(("honam", "capital"), southward) == 0
    into = {"from": "rest", "to": "capital"}
    assert builder.find_direction(("honam", "capital"), into) == 1
    assert builder.find_direction(("capital", "honam"), into) == -1
    assert builder.find_direction(("honam", "yeongnam"), into) == 0
    assert builder.find_direction(("capital", "capital"), into) == 0
    out = {"from": "honam", "to": "rest"}
    assert builder.find_direction(("capital", "honam"), out) == -1


def test_members_are_listed_routes_and_the_circuits_that_cross_at_154_kv(
    builder: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"id": "north", "name_ko": "북", "from": "honam", "to": "chungcheong", "routes": ["a--b"]}
    monkeypatch.setattr(builder, "read_interfaces", lambda: [known])
    lines = [make_line("a--b", "a", "b"), make_line("e--d", "e", "d"), make_line("b--c", "b", "c")]
    rows = builder.build_interfaces(lines, BUSES)
    assert [(row["member"], row["direction"]) for row in rows] == [("a--b:1", "1"), ("e--d:1", "-1")]


def test_a_list_of_routes_that_is_not_complete_is_refused(
    builder: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"id": "north", "from": "honam", "to": "chungcheong", "routes": ["b--c"]}
    monkeypatch.setattr(builder, "read_interfaces", lambda: [known])
    with pytest.raises(SystemExit) as error:
        builder.build_interfaces([make_line("a--b", "a", "b"), make_line("b--c", "b", "c")], BUSES)
    assert "north: b--c does not cross" in str(error.value)
    assert "north: a--b crosses, not listed" in str(error.value)


def test_limits_are_the_published_ones_and_every_interface_has_a_source() -> None:
    interfaces = tomllib.loads((KOREA / "interfaces.toml").read_text(encoding="utf-8"))["interface"]
    assert all(row["source"] and row["confidence"] and row["as_of"] for row in interfaces)
    limits = {row["id"]: row["limit_mw"] for row in interfaces if "limit_mw" in row}
    assert limits == {"east-coast": 11_400, "honam": 4_900, "jeju": 600}
    table = read_network(KOREA / "2025").interface
    assert set(table["name"]) == {row["id"] for row in interfaces}
    assert table.groupby("name").limit_mw.first().dropna().to_dict() == limits
