"""Written cases read back as the same network, and what they cannot carry is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridhub.case.compile import compile_case
from gridhub.case.matrices import build_admittance
from gridhub.errors import FileFormatError, InputError, OutputError
from gridhub.interop.case_files import WRITE_FORMATS, read_case, write_case
from gridhub.interop.export import number_buses
from gridhub.model.network import Network, build_network


def make_table(**columns: object) -> pd.DataFrame:
    ids = columns.pop("id")
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"))  # type: ignore[arg-type]


def make_network(**changes: object) -> Network:
    """Three buses with names for ids: a line, a transformer, a series element, a link, storage."""
    tables: dict[str, object] = {
        "bus": make_table(
            id=["north", "south", "low"],
            vn_kv=[345.0, 345.0, 154.0],
            name=["North", "", "나주 'L'"],
            reference=[True, False, False],
            area=["1", "2", "2"],
            v_max_pu=[1.05, math.nan, 1.1],
            va_start_degree=[2.0, 0.0, -1.0],
        ),
        "line": make_table(
            id=["ns"],
            from_bus="north",
            to_bus="south",
            r_ohm=1.7,
            x_ohm=17.3,
            b_us=120.0,
            g_us=3.0,
            rate_mva=1086.0,
        ),
        "transformer": make_table(
            id=["t"],
            from_bus="south",
            to_bus="low",
            x_pu=0.02,
            g_pu=0.001,
            b_pu=-0.003,
            tap_ratio=1.02,
            rate_mva=500.0,
        ),
        "series": make_table(id=["s"], from_bus="north", to_bus="low", r_pu=0.001, x_pu=0.05, rate_mva=90.0),
        "load": make_table(
            id=["l1", "l2", "l3"],
            bus="low",
            p_mw=[50.0, 25.0, 9.0],
            q_mvar=[5.0, 2.0, 1.0],
            in_service=[True, True, False],
        ),
        "generator": make_table(
            id=["g1", "g2"],
            bus=["north", "north"],
            p_mw=[60.0, 10.0],
            q_mvar=[3.0, 1.5],
            vm_pu=[1.01, 1.01],
            regulating=[True, False],
            fuel=["lng", "pumped_storage"],
            cost_c1_per_mwh=[40.0, math.nan],
        ),
        "storage": make_table(
            id=["battery"], bus="low", p_mw=4.0, p_max_mw=10.0, charge_max_mw=12.0, e_mwh=40.0
        ),
        "hvdc": make_table(
            id=["dc"], from_bus="north", to_bus="low", p_mw=-20.0, p_max_mw=50.0, loss_mw=0.5, q_from_mvar=2.0
        ),
    }
    return build_network("three", **(tables | changes))


def compare_electrically(net: Network, again: Network) -> None:
    """Admittances and power fed in at every bus, in the order of the tables."""
    ours, theirs = compile_case(net), compile_case(again)
    np.testing.assert_allclose(
        build_admittance(theirs).toarray(), build_admittance(ours).toarray(), rtol=1e-12, atol=1e-12
    )
    for p in ("p_mw", "q_mvar"):
        fed_in = [np.zeros(len(net.bus)), np.zeros(len(net.bus))]
        for case, total in zip((net, again), fed_in, strict=True):
            position = {name: i for i, name in enumerate(case.bus.index)}
            for table, sign in (("load", -1), ("generator", 1), ("storage", 1)):
                frame = case.tables[table]
                frame = frame[frame["in_service"]]
                np.add.at(total, frame["bus"].map(position).to_numpy(dtype=int), sign * frame[p].to_numpy())
        np.testing.assert_allclose(*fed_in, atol=1e-12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_matpower_file_is_read_back_exactly(repo_root: Path, folder: Path) -> None:
    net, _ = read_case(repo_root / "tests" / "golden" / "four_bus.m")
    report = write_case(net, folder / "four_bus.m")
    again, _ = read_case(folder / "four_bus.m")
    for name, table in net.tables.items():
        if name != "hvdc":  # costs: those of a link without any are written as 0
            pd.testing.assert_frame_equal(again.tables[name], table, check_exact=False, rtol=1e-14)
    assert not [issue for issue in report.issues if issue.code in ("W-TOTAL", "W-ADMITTANCE")]
    compare_electrically(net, again)


def test_kpg_is_read_back_exactly(shared: Path, folder: Path) -> None:
    path = shared / "data" / "korea" / "kpg193_v2_0" / "network" / "m" / "KPG193_ver2_0.m"
    net, _ = read_case(path)
    report = write_case(net, folder / "kpg.m")
    again, _ = read_case(folder / "kpg.m")
    assert not report.issues
    for name, table in net.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table, check_exact=False, rtol=1e-14)


def test_kpg_through_psse35(shared: Path, folder: Path) -> None:
    path = shared / "data" / "korea" / "kpg193_v2_0" / "network" / "m" / "KPG193_ver2_0.m"
    net, _ = read_case(path)
    report = write_case(net, folder / "kpg.raw", "psse35")
    again, _ = read_case(folder / "kpg.raw")
    compare_electrically(net, again)
    pd.testing.assert_series_equal(again.branches()["rate_mva"], net.branches()["rate_mva"])
    # the links flow 53 -> 51 in the file, and RAW knows only links that flow from their first end
    assert again.hvdc["from_bus"].tolist() == ["53", "53"]
    np.testing.assert_allclose(again.hvdc["p_mw"], -net.hvdc["p_mw"])
    assert any("DC line converter detail" in issue.message for issue in report.issues)


def test_what_matpower_cannot_carry_is_said_with_its_power(folder: Path) -> None:
    net = make_network()
    report = write_case(net, folder / "three.m")
    found = {issue.code: issue for issue in report.issues}
    assert "9 MW and 1 Mvar" in found["W-STATUS"].message
    assert "10 MW, 40 MWh" in found["W-STORAGE"].message
    assert found["W-REGULATING"].id == "g2"
    assert found["W-UNEVEN"].id == "ns, t"
    assert found["W-ID"].id == "north, south, low"
    assert found["W-COST"].id == "g2, storage battery"
    assert {i.column for i in report.issues if i.code == "W-TOTAL"} >= {
        "load_mw",
        "load_mvar",
        "generation_mw",
    }
    again, _ = read_case(folder / "three.m")
    compare_electrically(net, again)
    assert list(again.bus.index) == ["1", "2", "3"]
    assert again.bus["name"].tolist() == ["North", "", "나주 'L'"]
    assert again.generator["fuel"].tolist() == ["lng", "pumped_storage", ""]
    assert again.generator[["p_min_mw", "p_max_mw"]].iloc[-1].tolist() == [-12.0, 10.0]
    assert again.generator["regulating"].tolist() == [True, True, False]
    assert again.generator.loc["gen:2", ["q_min_mvar", "q_max_mvar"]].tolist() == [1.5, 1.5]
    assert again.hvdc[["p_mw", "loss_mw", "q_from_mvar"]].to_numpy().tolist() == [[-20.0, 0.5, 2.0]]


@pytest.mark.parametrize("format", ["psse33", "psse34", "psse35"])
def test_what_raw_cannot_carry_is_said_with_its_power(folder: Path, format: str) -> None:
    net = make_network()
    report = write_case(net, folder / "three.raw", format)
    found = {issue.code: issue for issue in report.issues}
    assert "10 MW, 40 MWh" in found["W-STORAGE"].message
    assert found["W-REGULATING"].id == "g2"
    assert found["W-UNEVEN"].id == "t"
    assert "2 Mvar" in found["W-DCQ"].message
    again, _ = read_case(folder / "three.raw")
    compare_electrically(net, again)
    assert again.load["in_service"].tolist() == [True, True, False]
    assert again.bus["area"].tolist() == ["1", "2", "2"]
    assert again.generator.loc["gen:2", ["q_min_mvar", "q_max_mvar"]].tolist() == [1.5, 1.5]
    # -20 MW with 0.5 MW of losses: 20.5 MW leave the low side; the losses are not carried, and it says so
    link = again.hvdc.loc["dcline:1"]
    assert (link["from_bus"], link["to_bus"]) == ("3", "1")
    assert math.isclose(link["p_mw"], 20.5)
    (loss,) = [i for i in report.issues if i.column == "hvdc_loss_mw"]
    assert (loss.code, loss.value) == ("W-TOTAL", "-0.5")


def test_tables_without_a_place_are_reported(folder: Path) -> None:
    net = make_network(
        snapshot=make_table(id=["peak"], note="x"),
        site=make_table(id=["S"], lat=35.0),
        interface=make_table(id=["i"], name="cut", member="ns", direction=1, limit_mw=500.0),
        documents={"criteria": "x = 1"},
    )
    for format in ("matpower", "psse35"):
        report = write_case(net, folder / f"case.{format}", format)
        assert {issue.table for issue in report.issues if issue.code == "W-TABLE"} == {
            *("snapshot", "site", "interface", "documents")
        }
        assert any("none of the snapshots peak" in note for note in report.notes)


def test_columns_that_are_not_carried_are_reported(folder: Path) -> None:
    net = make_network()
    report = write_case(net.replace(bus=net.bus.assign(lat=35.0, name_ko="가")), folder / "case.m")
    (issue,) = [i for i in report.issues if i.code == "W-FIELD" and i.table == "bus"]
    assert "name_ko (3 rows)" in issue.message
    assert "lat (3 rows)" in issue.message


@pytest.mark.parametrize("format", [name for name in WRITE_FORMATS if name != "cgmes"])
def test_every_format_keeps_a_link_against_its_direction_or_says_so(folder: Path, format: str) -> None:
    """A link of -20 MW that loses 0.5 MW takes 20.5 MW at its to end and delivers 20 MW at its from end."""
    report = write_case(make_network(), folder / "case.out", format)
    said = {i.column for i in report.issues if i.code == "W-TOTAL"} | {i.code for i in report.issues}
    again_mw = report.totals.get("hvdc_mw")
    assert (
        again_mw in (pytest.approx(20.0), pytest.approx(20.5)) or {"hvdc_mw", "W-READBACK", "W-HVDC"} & said
    )


def test_nothing_is_overwritten_without_force(folder: Path) -> None:
    path = folder / "case.m"
    path.write_text("precious")
    with pytest.raises(OutputError, match="force=True"):
        write_case(make_network(), path)
    assert path.read_text() == "precious"
    write_case(make_network(), path, force=True)
    assert path.read_text().startswith("function mpc = case")
    assert [p.name for p in folder.iterdir()] == ["case.m"]


def test_no_folder_no_format_no_fault(folder: Path) -> None:
    with pytest.raises(OutputError, match="no folder"):
        write_case(make_network(), folder / "absent" / "case.m")
    with pytest.raises(FileFormatError, match="unknown format"):
        write_case(make_network(), folder / "case.m", "excel")
    faulty = make_network(load=make_table(id=["l"], bus="nowhere", p_mw=1.0))
    with pytest.raises(InputError, match="E-REF"):
        write_case(faulty, folder / "case.m")
    assert not list(folder.iterdir())


def test_numbers_of_buses() -> None:
    bus = make_table(id=["a", "12", "b", "c"], bus_number=[7.0, math.nan, 7.0, -3.0])
    assert number_buses(bus) == {"a": 7, "12": 12, "b": 13, "c": 14}


SMALL = st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-6 or x == 0)
POSITIVE = st.floats(1e-3, 1e3)
SHARE = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))


@st.composite
def draw_network(draw: st.DrawFn) -> Network:
    """Any network of up to six buses with lines, transformers, loads, units and links."""
    n = draw(st.integers(2, 6))
    numbers = draw(st.lists(st.integers(1, 99_999), min_size=n, max_size=n, unique=True))
    ids = [str(number) for number in numbers]
    kv = draw(st.lists(st.sampled_from([154.0, 345.0, 765.0]), min_size=n, max_size=n))
    ends = draw(
        st.lists(st.tuples(st.sampled_from(range(n)), st.sampled_from(range(n))), min_size=1, max_size=10)
    )
    lines: list[dict[str, object]] = []
    transformers: list[dict[str, object]] = []
    for row, (f, t) in enumerate(ends, start=1):
        if f == t:
            continue
        common = {
            "id": f"branch:{row}",
            "from_bus": ids[f],
            "to_bus": ids[t],
            "rate_mva": draw(st.one_of(st.just(math.nan), POSITIVE)),
            "in_service": draw(st.booleans()),
            "source_row": row,
        }
        r, x, b = draw(SHARE), draw(POSITIVE), draw(SHARE)
        if kv[f] == kv[t] and draw(st.booleans()):
            lines.append({**common, "r_ohm": r, "x_ohm": x, "b_us": b})
        else:
            tap, shift = draw(st.floats(0.8, 1.2)), draw(st.floats(-60, 60))
            transformers.append(
                {**common, "r_pu": r, "x_pu": x, "b_pu": b, "tap_ratio": tap, "shift_degree": shift}
            )

    def build(rows: list[dict[str, object]]) -> pd.DataFrame:
        frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["id"])
        return frame.set_index("id")

    def place(prefix: str, **columns: st.SearchStrategy[object]) -> pd.DataFrame:
        chosen = draw(st.lists(st.sampled_from(ids), max_size=4))
        rows = [
            {"id": f"{prefix}:{i}", "bus": bus, **{name: draw(values) for name, values in columns.items()}}
            for i, bus in enumerate(chosen, start=1)
        ]
        return build(rows)

    bus = pd.DataFrame(
        {"vn_kv": kv, "reference": [True] + [False] * (n - 1), "bus_number": numbers}, index=ids
    )
    parts: dict[str, pd.DataFrame] = {"line": build(lines), "transformer": build(transformers)}
    parts["load"] = place("load", p_mw=SMALL, q_mvar=SMALL)
    parts["generator"] = place(
        "gen", p_mw=SMALL, q_mvar=SMALL, in_service=st.booleans(), regulating=st.booleans()
    )
    parts["shunt"] = place("shunt", g_mw=SMALL, b_mvar=SMALL)
    return build_network("any", **{name: frame for name, frame in parts.items() if len(frame)}, bus=bus)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(net=draw_network())
def test_any_network_reads_back_electrically_equal(net: Network, folder: Path) -> None:
    write_case(net, folder / "any.m", force=True)
    again, _ = read_case(folder / "any.m")
    compare_electrically(net, again)
    assert list(again.branches().index) == [f"branch:{i}" for i in range(1, len(net.branches()) + 1)]
    np.testing.assert_array_equal(again.branches()["rate_mva"], net.branches()["rate_mva"])
