"""MATPOWER cases: every row and rating kept, faults found with their line, KPG 193 reproduced."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pandas as pd
import powerio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from scipy.sparse import csc_array

from gridhub.case.compile import compile_case
from gridhub.case.matrices import build_admittance
from gridhub.errors import FileFormatError, InputError
from gridhub.interop.case_files import read_case
from gridhub.interop.matpower_statements import scan_statements
from gridhub.model.network import Network


@pytest.fixture(scope="module")
def four_bus(repo_root: Path) -> Path:
    return repo_root / "tests" / "golden" / "four_bus.m"


@pytest.fixture(scope="module")
def kpg(shared: Path) -> Path:
    return shared / "data" / "korea" / "kpg193_v2_0" / "network" / "m" / "KPG193_ver2_0.m"


@pytest.fixture(scope="module")
def net(kpg: Path) -> Network:
    """KPG 193."""
    return read_case(kpg)[0]


def write_changed(folder: Path, source: Path, *changes: tuple[str, str]) -> Path:
    """Write a changed copy of a case."""
    text = source.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    target = folder / "changed.m"
    target.write_text(text, encoding="utf-8")
    return target


def list_issues(error: InputError) -> set[tuple[str, str]]:
    return {(issue.code, issue.id) for issue in error.issues if issue.severity == "error"}


def test_ids_order_and_kinds(four_bus: Path) -> None:
    net, report = read_case(four_bus)
    assert net.name == "four_bus"
    assert net.base_mva == 100.0  # not the 10 in the block comment, which PowerIO itself takes
    assert list(net.bus.index) == ["1", "20", "3", "4", "5"]
    assert net.bus["name"].tolist()[1:3] == ["It's 50 % of [it]; or not", "나주"]
    assert net.bus["bus_number"].tolist() == [1, 20, 3, 4, 5]
    branches = net.branches()
    assert list(branches.index) == [f"branch:{i}" for i in range(1, 8)]
    assert branches["kind"].tolist() == [
        "line",
        "transformer",
        "transformer",
        "series",
        "line",
        "line",
        "line",
    ]
    assert branches["source_row"].tolist() == list(range(1, 8))
    assert branches["in_service"].tolist() == [True] * 5 + [False, True]
    assert list(net.load.index) == ["load:20", "load:3", "load:4", "load:5"]
    assert list(net.shunt.index) == ["shunt:20", "shunt:3"]
    assert list(net.generator.index) == ["gen:1", "gen:2", "gen:3", "gen:4"]
    assert list(net.hvdc.index) == ["dcline:1", "dcline:2", "dcline:3"]
    assert report.statements == ("line 65: if nargout == 0",)


def test_values_and_units(four_bus: Path) -> None:
    net, _ = read_case(four_bus)
    line = net.line.loc["branch:1"]
    z_base = 345.0**2 / 100.0
    assert math.isclose(line["r_ohm"], 0.01 * z_base)
    assert math.isclose(line["x_ohm"], 0.1 * z_base)
    assert math.isclose(line["b_us"], 0.02 / z_base * 1e6)
    assert math.isnan(line["rate_mva"])
    transformer = net.transformer.loc["branch:2"]
    assert (transformer["from_bus"], transformer["to_bus"], transformer["tap_ratio"]) == ("20", "3", 0.98)
    assert transformer[["rate_mva", "rate_b_mva", "rate_c_mva"]].tolist() == [100, 110, 120]
    shifter = net.transformer.loc["branch:3"]
    assert (shifter["tap_ratio"], shifter["shift_degree"]) == (1.0, 5.0)
    assert (shifter["angle_min_degree"], shifter["angle_max_degree"]) == (-30.0, 30.0)
    series = net.series.loc["branch:4"]
    assert (series["x_pu"], series["rate_mva"], series["tap_ratio"]) == (0.2, 90.0, 1.0)
    assert math.isnan(series["angle_min_degree"])
    assert net.shunt["b_mvar"].tolist() == [5.0, -7.0]
    assert net.bus["in_service"].tolist() == [True, True, True, True, False]
    assert net.bus["reference"].tolist() == [True, False, False, False, False]
    assert net.bus.loc["1", ["vm_start_pu", "va_start_degree", "v_max_pu", "area"]].tolist() == [
        1.02,
        1.5,
        1.05,
        "1",
    ]


def test_generators(four_bus: Path) -> None:
    net, _ = read_case(four_bus)
    generator = net.generator
    assert generator["regulating"].tolist() == [True, True, True, False]  # gen:4 stands at a PQ bus
    assert generator["in_service"].tolist() == [True, True, False, True]
    assert generator["fuel"].tolist() == ["coal", "lng", "hydro", "solar"]
    assert generator["participation"].isna().all()
    assert generator.loc["gen:4", ["q_min_mvar", "q_max_mvar"]].isna().all()
    assert generator.loc["gen:1", ["cost_c2_per_mw2h", "cost_c1_per_mwh", "cost_c0_per_h"]].tolist() == [
        0.1,
        20,
        5,
    ]
    assert generator.loc["gen:1", "startup_cost"] == 1.0
    assert generator.loc["gen:3", ["cost_c2_per_mw2h", "cost_c1_per_mwh", "cost_c0_per_h"]].tolist() == [
        0,
        20,
        5,
    ]
    points = net.cost_point[net.cost_point["generator"] == "gen:2"]
    assert points[["p_mw", "cost_per_h"]].to_numpy().tolist() == [[0, 0], [100, 1000], [150, 3000]]


def test_higher_polynomial_becomes_points_and_is_reported(four_bus: Path) -> None:
    net, report = read_case(four_bus)
    points = net.cost_point[net.cost_point["generator"] == "gen:4"]
    p = points["p_mw"].to_numpy()
    assert (p[0], p[-1]) == (0.0, 20.0)
    np.testing.assert_allclose(points["cost_per_h"], 0.001 * p**3 + 0.02 * p**2 + 3 * p + 4)
    assert any(issue.code == "W-COST" and issue.id == "gen:4" for issue in report.issues)


def test_links_keep_direction_duplicates_and_costs(four_bus: Path) -> None:
    net, _ = read_case(four_bus)
    hvdc = net.hvdc
    assert hvdc["p_mw"].tolist() == [10, 10, -6]
    assert hvdc["loss_mw"].tolist() == [1, 1, 0]
    assert hvdc["loss_percent"].tolist() == [1, 1, 0]
    assert hvdc["q_to_max_mvar"].tolist() == [12, 12, 10]
    assert not hvdc[["regulating_from", "regulating_to"]].to_numpy().any()
    assert hvdc["cost_c1_per_mwh"].tolist()[:2] == [7.3, 7.3]
    assert hvdc["in_service"].tolist() == [True, True, False]


def test_loss_against_the_direction_is_reported_with_its_mw(four_bus: Path, tmp_path: Path) -> None:
    path = write_changed(
        tmp_path,
        four_bus,
        (
            "4	1	0	-6	-6	0	0	1	1	-50	50	-10	10	-10	10	0	0;",
            "4	1	1	-6	-6.5	0	0	1	1	-50	50	-10	10	-10	10	0.5	0.02;",
        ),
    )
    _, report = read_case(path)
    (issue,) = [i for i in report.issues if i.code == "W-DCLOSS"]
    assert issue.id == "dcline:3"
    assert "-6.38 MW" in issue.message  # MATPOWER: -6 - (0.5 + 0.02 * -6)
    assert "-6.62 MW" in issue.message


def test_admittances_equal_powerio(four_bus: Path, tmp_path: Path) -> None:
    path = write_changed(
        tmp_path,
        four_bus,
        ("mpc.baseMVA = 10;", "mpc.nothing = 1;"),
        ("	5	4	7	1", "	5	1	7	1"),
    )
    net, _ = read_case(path)
    ours = build_admittance(compile_case(net)).toarray()
    theirs = powerio.parse(str(path)).value.calc_admittance_matrix().toarray()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_mat_gives_the_same_network(four_bus: Path, tmp_path: Path) -> None:
    net, _ = read_case(four_bus)
    literals = scan_statements(four_bus.read_text(encoding="utf-8")).literals
    fields = {
        name: np.array(literal.rows, dtype=float if literal.kind == "matrix" else object)
        for name, literal in literals.items()
        if literal.kind in ("matrix", "cell")
    }
    mpc = {"version": "2", "baseMVA": 100.0, **fields, "order": {"a": 1}}
    path = tmp_path / "four_bus.mat"
    savemat(path, {"mpc": mpc}, do_compression=True)
    again, report = read_case(path)
    assert report.format == "mat"
    for table in ("bus", "line", "transformer", "series", "load", "shunt", "generator"):
        pd.testing.assert_frame_equal(again.tables[table], net.tables[table])
    assert again.hvdc["p_mw"].tolist() == net.hvdc["p_mw"].tolist()
    assert report.statements == ("field order: neither numbers nor text",)


def test_mat_73_and_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "case.mat"
    for content, code in (
        (b"MATLAB 7.3 MAT-file" + b" " * 200, "E-MAT-VERSION"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 200, "E-MAT-VERSION"),
        (b"nothing of the kind" + b" " * 200, "E-MAT-VERSION"),
    ):
        path.write_bytes(content)
        with pytest.raises(FileFormatError) as caught:
            read_case(path)
        assert caught.value.issues[0].code == code
    buffer = io.BytesIO()
    savemat(buffer, {"other": 1.0})
    path.write_bytes(buffer.getvalue())
    with pytest.raises(FileFormatError, match="no struct named mpc"):
        read_case(path)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("50.5	10	1", "NaN	10	1", "E-NAN"),
        ("50.5	10	1", "Inf	10	1", "E-INF"),
        ("50.5	10	1", "1e999	10	1", "E-INF"),
        ("	20	3	0.002", "	20	99	0.002", "E-REF"),
        ("	3	10	1	100", "	33	10	1	100", "E-REF"),
        ("	1	4	1	10", "	1	44	1	10", "E-REF"),
        ("	4	1	-5", "	20	1	-5", "E-DUP"),
        ("	4	1	-5", "	4.5	1	-5", "E-MPC-VALUE"),
        ("	4	1	-5", "	0	1	-5", "E-MPC-VALUE"),
        ("	4	1	-5", "	4	7	-5", "E-MPC-VALUE"),
        ("0.04	100	110	120	0.98", "0.04	100	110	120	-0.98", "E-TAP"),
        ("	4	5	0.01", "	4	4	0.01", "E-LOOP"),
        ("154	2	1.1	0.9;", "154	2;", "E-MPC-ROW"),
        ("154	2	1.1	0.9;", "154	2	1.1	0.9	3;", "E-MPC-ROW"),
        ("	2	1	2	3	0.1", "	3	1	2	3	0.1", "E-MPC-VALUE"),
        ("	2	1	2	3	0.1", "	2	1	2	30	0.1", "E-MPC-VALUE"),
        ("mpc.version = '2'", "mpc.version = '1'", "E-FORMAT"),
        ("mpc.baseMVA = 100", "mpc.baseMVA = 0", "E-MPC-VALUE"),
    ],
)
def test_faults_are_named_with_their_line(
    four_bus: Path, tmp_path: Path, old: str, new: str, code: str
) -> None:
    text = four_bus.read_text(encoding="utf-8")
    line = text[: text.index(old)].count("\n") + 1
    with pytest.raises(InputError) as caught:
        read_case(write_changed(tmp_path, four_bus, (old, new)))
    assert (code, f"line {line}") in list_issues(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "code", "anchor"),
    [
        (
            "	2	0	0	2	20	5	0	0	0	0;\n",
            "",
            "E-MPC-ROW",
            "	2	1	2	3	0.1",
        ),
        ("	'D';\n", "", "E-MPC-ROW", "mpc.bus_name = {"),
        ("mpc.baseMVA = 100", "mpc.baseMVB = 100", "E-FORMAT", ""),
        ("mpc.branch =", "mpc.branches =", "E-FORMAT", ""),
    ],
)
def test_faults_of_whole_tables(
    four_bus: Path, tmp_path: Path, old: str, new: str, code: str, anchor: str
) -> None:
    path = write_changed(tmp_path, four_bus, (old, new))
    text = path.read_text(encoding="utf-8")
    line = str(text[: text.index(anchor)].count("\n") + 1) if anchor else "-"
    with pytest.raises(InputError) as caught:
        read_case(path)
    assert (code, f"line {line}") in list_issues(caught.value)


def test_all_faults_at_once(four_bus: Path, tmp_path: Path) -> None:
    path = write_changed(
        tmp_path,
        four_bus,
        ("50.5	10	1", "NaN	10	1"),
        ("	20	3	0.002", "	20	99	0.002"),
        ("	4	1	-5", "	20	1	-5"),
    )
    with pytest.raises(FileFormatError) as caught:
        read_case(path)
    assert {code for code, _ in list_issues(caught.value)} >= {"E-NAN", "E-REF", "E-DUP"}


def test_faults_of_the_network_are_raised_too(four_bus: Path, tmp_path: Path) -> None:
    path = write_changed(
        tmp_path,
        four_bus,
        ("100	-100	1.02	100	1	200	0;", "-100	100	1.02	100	1	0	200;"),
    )
    with pytest.raises(InputError) as caught:
        read_case(path)
    assert ("E-LIMITS", "gen:1") in list_issues(caught.value)


def test_base_voltage_zero_is_one_kilovolt_and_reported(four_bus: Path, tmp_path: Path) -> None:
    path = write_changed(tmp_path, four_bus, ("-3	154	2", "-3	0	2"))
    net, report = read_case(path)
    assert net.bus.loc["4", "vn_kv"] == 1.0
    assert any(issue.code == "W-BASEKV" and issue.id == "4" for issue in report.issues)


def test_strict_makes_warnings_errors(four_bus: Path) -> None:
    with pytest.raises(FileFormatError) as caught:
        read_case(four_bus, strict=True)
    assert "W-COST" in {issue.code for issue in caught.value.issues}


def test_fields_without_a_place_are_reported(four_bus: Path, tmp_path: Path) -> None:
    path = write_changed(tmp_path, four_bus, ("mpc.bus_name", "mpc.genthermal = [1 2];\nmpc.bus_name"))
    _, report = read_case(path)
    assert any(issue.code == "W-FIELD" and issue.id == "genthermal" for issue in report.issues)
    assert "genthermal" in str(report)


def test_case33bw_is_3715_kilowatts(tmp_path: Path) -> None:
    """The file as MATPOWER ships it: kW and ohm, converted by statements at its end."""
    pandapower_networks = pytest.importorskip("pandapower.networks")
    peer = pandapower_networks.case33bw()
    rows = [
        [i + 1, 3 if i == 0 else 1, 0, 0, 0, 0, 1, 1, 0, 12.66, 1, 1.1, 0.9] for i in range(len(peer.bus))
    ]
    for _, load in peer.load.iterrows():
        rows[int(load["bus"])][2:4] = [load["p_mw"] * 1e3, load["q_mvar"] * 1e3]
    branches = [
        [int(r["from_bus"]) + 1, int(r["to_bus"]) + 1, r["r_ohm_per_km"], r["x_ohm_per_km"], 0, 0, 0, 0, 0, 0]
        + [int(r["in_service"]), -360, 360]
        for _, r in peer.line.iterrows()
    ]
    text = "function mpc = feeder\nmpc.version = '2';\nmpc.baseMVA = 10;\n"
    for name, table in (("bus", rows), ("gen", [[1, 0, 0, 10, -10, 1, 100, 1, 10, 0]]), ("branch", branches)):
        text += (
            f"mpc.{name} = [\n" + "".join("\t".join(map(repr, map(float, r))) + ";\n" for r in table) + "];\n"
        )
    text += """[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
        VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
    [F_BUS, T_BUS, BR_R, BR_X, BR_B] = idx_brch;
    Vbase = mpc.bus(1, BASE_KV) * 1e3;
    Sbase = mpc.baseMVA * 1e6;
    mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);
    mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
    """
    path = tmp_path / "feeder.m"
    path.write_text(text)
    net, report = read_case(path)
    assert math.isclose(report.totals["load_mw"], 3.715, rel_tol=1e-12)
    assert math.isclose(report.totals["load_mvar"], peer.load["q_mvar"].sum(), rel_tol=1e-12)
    np.testing.assert_allclose(net.line["r_ohm"], peer.line["r_ohm_per_km"], rtol=1e-12)
    assert any("times 0.001" in note for note in report.notes)


class TestKpg193:
    """The public Korean test system (facts/korea.md, section 1)."""

    def test_counts(self, net: Network) -> None:
        assert len(net.bus) == 193
        assert net.bus["vn_kv"].value_counts().to_dict() == {765.0: 9, 345.0: 85, 154.0: 99}
        branches = net.branches()
        assert len(branches) == 385
        assert branches["rate_mva"].notna().all()
        assert branches["kind"].value_counts().to_dict() == {"line": 201, "series": 184}
        assert len(net.generator) == 201
        assert net.bus.index[net.bus["reference"]].tolist() == ["190"]
        assert math.isclose(net.load["p_mw"].sum(), 66135.1, abs_tol=0.05)
        assert math.isclose(net.load["q_mvar"].sum(), 6715.9, abs_tol=0.05)
        assert math.isclose(net.generator["p_max_mw"].sum(), 113218, abs_tol=1)

    def test_both_links(self, net: Network) -> None:
        hvdc = net.hvdc
        assert hvdc["from_bus"].tolist() == ["51", "51"]
        assert hvdc["to_bus"].tolist() == ["53", "53"]
        np.testing.assert_allclose(hvdc["p_mw"], -1496.223, atol=0.001)
        assert hvdc["p_max_mw"].tolist() == [1500, 1500]

    def test_report(self, kpg: Path) -> None:
        _, report = read_case(kpg)
        assert report.counts["bus"] == report.counts_before["bus"] == 193
        assert dict(report.totals) == pytest.approx(dict(report.totals_before), rel=1e-12)
        assert any(text.startswith("line 1241: if nargout == 0") for text in report.statements)

    def test_stored_state_and_loading(self, net: Network) -> None:
        """Power balance from the tables alone: ohms back to per unit, links as injections."""
        base = net.base_mva
        position = {name: i for i, name in enumerate(net.bus.index)}
        v = net.bus["vm_start_pu"].to_numpy() * np.exp(1j * np.radians(net.bus["va_start_degree"].to_numpy()))
        injected = np.zeros(193, dtype=complex)
        for table, p, q, sign in (("load", "p_mw", "q_mvar", -1), ("generator", "p_mw", "q_mvar", 1)):
            frame = net.tables[table]
            frame = frame[frame["in_service"]]
            np.add.at(injected, frame["bus"].map(position), sign * (frame[p] + 1j * frame[q]).to_numpy())
        for _, link in net.hvdc.iterrows():
            injected[position[link["from_bus"]]] += -link["p_mw"] + 1j * link["q_from_mvar"]
            injected[position[link["to_bus"]]] += link["p_mw"] + 1j * link["q_to_mvar"]
        flows, loading = np.zeros(193, dtype=complex), []
        for name, branch in net.branches().iterrows():
            row = net.tables[branch["kind"]].loc[name]
            if branch["kind"] == "line":
                ohm = branch["vn_kv"] ** 2 / base
                y, b = ohm / (row["r_ohm"] + 1j * row["x_ohm"]), row["b_us"] * 1e-6 * ohm
            else:
                y, b = 1 / (row["r_pu"] + 1j * row["x_pu"]), row["b_pu"]
            f, t = position[row["from_bus"]], position[row["to_bus"]]
            s_from = base * v[f] * np.conj((v[f] - v[t]) * y + v[f] * 0.5j * b)
            s_to = base * v[t] * np.conj((v[t] - v[f]) * y + v[t] * 0.5j * b)
            flows[f] += s_from
            flows[t] += s_to
            loading.append(100 * max(abs(s_from), abs(s_to)) / branch["rate_mva"])
        residual = injected - flows
        assert np.abs(residual.real).max() < 0.01
        assert np.abs(residual.imag).max() < 0.01
        assert math.isclose(max(loading), 98.5, abs_tol=0.05)

    def test_admittances_equal_powerio(self, net: Network, kpg: Path) -> None:
        ours = build_admittance(compile_case(net)).toarray()
        theirs = powerio.parse(str(kpg)).value.calc_admittance_matrix().toarray()
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-9)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.floats(0, 1, exclude_max=True),
    length=st.integers(0, 20),
    new=st.sampled_from(
        ["", "NaN", "-Inf", "1e999", "-1", "0", "'", "[", "]", "{", "%", ";", "\n", "mpc", "=", "나"]
    ),
)
def test_damage_is_refused_or_read_but_never_breaks(
    four_bus: Path, tmp_path: Path, position: float, length: int, new: str
) -> None:
    text = four_bus.read_text(encoding="utf-8")
    start = int(position * len(text))
    path = tmp_path / "damaged.m"
    path.write_text(text[:start] + new + text[start + length :], encoding="utf-8")
    try:
        read_case(path)
    except InputError as error:
        assert all(issue.code and issue.message for issue in error.issues)


def test_columns_without_use_may_be_nan(four_bus: Path, tmp_path: Path) -> None:
    """Some writers leave mBase empty; a power flow does not use it."""
    path = write_changed(
        tmp_path,
        four_bus,
        ("50	10	100	-100	1.02	100", "50	10	100	-100	1.02	NaN"),
    )
    net, report = read_case(path)
    assert len(net.generator) == 4
    assert any(issue.code == "W-NAN" and issue.column == "mBase" for issue in report.issues)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_mat_is_refused_or_read_but_never_breaks(
    four_bus: Path, tmp_path: Path, compressed: bool
) -> None:
    """scipy alone ends the process on some of these."""
    literals = scan_statements(four_bus.read_text(encoding="utf-8")).literals
    fields = {n: np.array(x.rows, dtype=float) for n, x in literals.items() if x.kind == "matrix"}
    buffer = io.BytesIO()
    savemat(buffer, {"mpc": {"version": "2", "baseMVA": 100.0, **fields}}, do_compression=compressed)
    whole = buffer.getvalue()
    path = tmp_path / "damaged.mat"
    random = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(random.integers(1, 4)):
            content[random.integers(128, min(len(content), 1500))] = random.integers(256)
        path.write_bytes(content[: random.integers(130, len(content))] if random.random() < 0.1 else content)
        try:
            read_case(path)
        except InputError as error:
            assert error.issues


@pytest.mark.parametrize(
    "extra", [csc_array(np.eye(3)), {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1.0}}}}}}}]
)
def test_mat_with_what_no_case_needs(tmp_path: Path, extra: object) -> None:
    path = tmp_path / "case.mat"
    savemat(path, {"mpc": {"baseMVA": 100.0, "extra": extra}})
    with pytest.raises(FileFormatError) as caught:
        read_case(path)
    assert caught.value.issues[0].code in ("E-TRUNC", "E-FORMAT")
