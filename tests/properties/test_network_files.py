"""A network written and read back is the same network, whatever its names and numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from gridhub.model.files import read_network, write_network
from gridhub.model.network import Network, build_network
from gridhub.reference import load_network

# Anything that can be written as UTF-8: quotes, commas, line breaks, formulas, Hangul, right-to-left marks.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = TEXTS.filter(bool)
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)
MAYBE = st.one_of(st.just(float("nan")), NUMBERS)
DOCUMENTS = st.text(st.sampled_from("ab가 =#\"'"), max_size=20).map(lambda text: f"# {text}\nvalue = 1\r\n")


@st.composite
def networks(draw: st.DrawFn) -> Network:
    buses = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    one_bus = st.sampled_from(buses)

    def column(values: st.SearchStrategy, count: int) -> list:
        return draw(st.lists(values, min_size=count, max_size=count))

    loads = draw(st.lists(NAMES, max_size=4, unique=True))
    n, m = len(buses), len(loads)
    bus = pd.DataFrame(
        {
            "vn_kv": column(st.floats(0.1, 1500), n),
            "name_ko": column(TEXTS, n),
            "lat": column(st.one_of(st.just(float("nan")), st.floats(-90, 90)), n),
            "in_service": column(st.booleans(), n),
            "note of mine": pd.Series(column(TEXTS, n), dtype=object),
            "serial": np.array(column(st.integers(-(2**60), 2**60), n), dtype=np.int64),
            "share": np.array(column(MAYBE, n), dtype=float),
            "flag": np.array(column(st.booleans(), n), dtype=bool),
        },
    )
    bus.index = pd.Index(buses)
    load = pd.DataFrame(
        {
            "bus": pd.Series(column(one_bus, m), dtype=object),
            "p_mw": np.array(column(NUMBERS, m), dtype=float),
            "q_mvar": np.array(column(NUMBERS, m), dtype=float),
        }
    )
    load.index = pd.Index(loads, dtype=object)
    generator = pd.DataFrame({"bus": [draw(one_bus)], "p_max_mw": [draw(MAYBE)]}, index=[draw(NAMES)])
    snapshots = draw(st.lists(NAMES, max_size=2, unique=True))
    snapshot = pd.DataFrame({"note": pd.Series(column(TEXTS, len(snapshots)), dtype=object)})
    snapshot.index = pd.Index(snapshots, dtype=object)
    value = pd.DataFrame(
        [(s, "load", d, "p_mw", repr(draw(NUMBERS))) for s in snapshots for d in loads],
        columns=["snapshot", "table", "id", "column", "value"],
        dtype=object,
    )
    placements = pd.DataFrame(
        {"part": column(TEXTS, m), "bus": loads, "p_mw": np.array(column(NUMBERS, m), dtype=float)}
    )
    extra = {} if placements.empty else {"placements": placements}
    return build_network(
        draw(NAMES),
        base_mva=draw(st.floats(1e-3, 1e5)),
        bus=bus,
        load=load,
        generator=generator,
        snapshot=snapshot,
        snapshot_value=value,
        title=draw(TEXTS),
        licence=draw(TEXTS),
        reactive_limits=draw(st.booleans()),
        documents=draw(st.dictionaries(st.sampled_from(["criteria", "costs"]), DOCUMENTS)),
        **extra,
    )


def assert_same(left: Network, right: Network) -> None:
    for name in (
        "name",
        "title",
        "base_mva",
        "frequency_hz",
        "currency",
        "vintage",
        "licence",
        "attribution",
    ):
        assert getattr(left, name) == getattr(right, name), name
    assert left.reactive_limits == right.reactive_limits
    assert dict(left.documents) == dict(right.documents)
    assert left.snapshots == right.snapshots
    for name, frame in left.tables.items():
        pd.testing.assert_frame_equal(frame, right.tables[name], check_exact=True)
        for column in frame.select_dtypes(float):
            signs = [np.signbit(net.tables[name][column].to_numpy()) for net in (left, right)]
            given_back = frame[column].notna().to_numpy()
            assert (signs[0] == signs[1])[given_back].all(), column
    pd.testing.assert_frame_equal(left.placements, right.placements, check_exact=True)


def test_the_networks_of_the_regions_come_back_the_same(repo_root, tmp_path):
    for i, header in enumerate(sorted((repo_root / "networks").glob("*/*/network.toml"))):
        net = read_network(header.parent)
        assert_same(read_network(write_network(net, tmp_path / str(i))), net)


def test_an_imported_network_comes_back_the_same(tmp_path):
    net = load_network("pandapower:case118")
    assert_same(read_network(write_network(net, tmp_path / "case118")), net)


@settings(max_examples=40)
@given(networks())
def test_read_of_write_is_the_same_network(net):
    with tempfile.TemporaryDirectory() as folder:
        assert_same(read_network(write_network(net, folder)), net)


@settings(max_examples=10)
@given(networks())
def test_the_same_network_gives_the_same_bytes(net):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        write_network(net, one)
        write_network(read_network(one), other)
        first = {path.relative_to(one): path.read_bytes() for path in Path(one).rglob("*.*")}
        second = {path.relative_to(other): path.read_bytes() for path in Path(other).rglob("*.*")}
        assert first == second
