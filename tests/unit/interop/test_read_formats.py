"""Other formats through the same bridge: PSS/E RAW in depth, the rest by totals and admittances."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import numpy as np
import powerio
import pytest

from gridhub.case.compile import compile_case
from gridhub.case.matrices import build_admittance
from gridhub.errors import FileFormatError
from gridhub.interop.case_files import read_case, write_case
from gridhub.interop.conversion_report import sum_totals
from gridhub.model.network import Network


@pytest.fixture(scope="module")
def raw(repo_root: Path) -> Path:
    return repo_root / "tests" / "golden" / "three_winding.raw"


def build_matrix(net: Network) -> np.ndarray:
    """Admittance matrix in the order of bus numbers."""
    case = compile_case(net)
    order = np.argsort(net.bus["bus_number"].fillna(1e9).to_numpy()[net.bus["in_service"].to_numpy()])
    return build_admittance(case).toarray()[np.ix_(order, order)]


def test_three_winding_transformer_is_a_star(raw: Path) -> None:
    """Pairwise impedances are on winding bases of 150, 100 and 80 MVA; the system base is 200 MVA."""
    net, report = read_case(raw)
    assert list(net.bus.index) == ["10", "20", "30", "40", "star:1"]
    z12, z23, z31 = (
        z * 200 / base for z, base in ((0.004 + 0.09j, 150), (0.006 + 0.14j, 100), (0.008 + 0.12j, 80))
    )
    expected = ((z12 + z31 - z23) / 2, (z12 + z23 - z31) / 2, (z23 + z31 - z12) / 2)
    for number, z in enumerate(expected, start=1):
        table = net.series if z.real < 0 else net.transformer
        leg = table.loc[f"transformer3w:1:{number}"]
        assert leg["to_bus"] == "star:1"
        assert math.isclose(leg["r_pu"], z.real)
        assert math.isclose(leg["x_pu"], z.imag)
    third = net.transformer.loc["transformer3w:1:3"]
    assert (third["tap_ratio"], third["shift_degree"], third["rate_mva"]) == (0.97, 30.0, 60.0)
    assert net.bus.loc["star:1", ["vm_start_pu", "va_start_degree"]].tolist() == [1.0, -3.0]
    assert any("stars of three" in note for note in report.notes)


def test_admittances_equal_powerio(raw: Path) -> None:
    """The same, but our magnetizing admittance of three windings is at winding 1, theirs at the star."""
    net, _ = read_case(raw)
    ours = build_admittance(compile_case(net)).toarray()
    ours[[0, 4], [0, 4]] += np.array([-1, 1]) * (0.0005 - 0.003j)
    theirs = powerio.parse(str(raw)).value.calc_admittance_matrix().toarray()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_what_raw_says_and_a_network_cannot_hold_is_reported(raw: Path) -> None:
    _, report = read_case(raw)
    found = {issue.code: issue for issue in report.issues}
    assert "11 MW" in found["W-ZIP"].message
    assert "30 MW" in found["W-DROPPED"].message
    assert "50 MW" in found["W-DCQ"].message
    assert found["W-REMOTE"].id == "gen:2"
    assert {i.table for i in report.issues if i.code == "W-CONTROL"} == {"shunt", "branch"}
    assert any("12.5 MW" in i.message for i in report.issues if i.code == "W-FIELD")
    assert report.totals_before["load_mw"] == report.totals["load_mw"] == 60 + 8 + 3 + 5 + 25


def test_uneven_shunts_are_kept(raw: Path) -> None:
    """The line has 0.001 + j0.017 at one end and 0.003 + j0.019 at the other: the difference is a shunt."""
    net, _ = read_case(raw)
    line = net.line.loc["branch:1"]
    z_base = 220.0**2 / 200.0
    assert math.isclose(line["b_us"] * 1e-6 * z_base, 2 * (0.015 + 0.002))
    shunt = net.shunt.loc["shunt:branch:1:to"]
    assert math.isclose(shunt["b_mvar"], (0.004 - 0.002) * 200)
    assert math.isclose(shunt["g_mw"], (0.003 - 0.001) * 200)


def test_link_of_raw(raw: Path) -> None:
    net, _ = read_case(raw)
    link = net.hvdc.loc["dcline:1"]
    assert (link["from_bus"], link["to_bus"], link["p_mw"]) == ("10", "20", 50.0)
    assert math.isclose(link["loss_mw"], (50 / 300) ** 2 * 4.0)  # I²R at the scheduled voltage
    assert math.isnan(link["p_max_mw"])  # RAW states no limit


@pytest.mark.parametrize("revision", ["29", "31", "36", "x", "33.5", ""])
def test_unsupported_revisions_say_which_are_read(raw: Path, tmp_path: Path, revision: str) -> None:
    path = tmp_path / "case.raw"
    path.write_text(raw.read_text().replace(" 33, 0, 0", f" {revision}, 0, 0", 1))
    with pytest.raises(FileFormatError, match="32, 33, 34, 35") as caught:
        read_case(path)
    assert caught.value.issues[0].code == "E-RAW-VERSION"


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95])
def test_truncated_raw_is_refused_wherever_it_is_cut(raw: Path, tmp_path: Path, share: float) -> None:
    text = raw.read_text()
    path = tmp_path / "cut.raw"
    path.write_text(text[: int(share * len(text))])
    with pytest.raises(FileFormatError) as caught:
        read_case(path)
    assert caught.value.issues[0].code in ("E-TRUNC", "E-FORMAT")


def test_revisions_33_34_35_hold_the_same_grid(repo_root: Path, tmp_path: Path) -> None:
    net, _ = read_case(repo_root / "tests" / "golden" / "four_bus.m")
    reference = build_matrix(net)
    for revision in ("psse33", "psse34", "psse35", "psse-rawx"):
        path = tmp_path / f"{revision}{'.rawx' if revision == 'psse-rawx' else '.raw'}"
        write_case(net, path, revision)
        again, report = read_case(path)
        np.testing.assert_allclose(build_matrix(again), reference, rtol=1e-9, atol=1e-9)
        for name in ("load_mw", "load_mvar", "generation_mw", "hvdc_mw"):
            assert math.isclose(report.totals[name], sum_totals(net)[name])
        assert again.hvdc["in_service"].tolist() == [True, True, False]


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_cgmes(repo_root: Path, tmp_path: Path, kind: str) -> None:
    net, _ = read_case(repo_root / "tests" / "golden" / "four_bus.m")
    folder = tmp_path / "profiles"
    report = write_case(net, folder, "cgmes")
    assert any(issue.code == "W-TOTAL" and issue.column == "hvdc_mw" for issue in report.issues)
    path = folder
    if kind == "archive":
        path = tmp_path / "profiles.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"inner/{file.name}")
    again, report = read_case(path)
    assert report.format == "cgmes"
    assert math.isclose(report.totals["load_mw"], sum_totals(net)["load_mw"])
    assert len(again.branches()) == len(net.branches())


@pytest.mark.parametrize("format", ["ucte", "xiidm", "powermodels-json", "egret-json", "pslf", "powerworld"])
def test_other_formats_read_what_was_written(repo_root: Path, tmp_path: Path, format: str) -> None:
    net, _ = read_case(repo_root / "tests" / "golden" / "four_bus.m")
    suffix = {"ucte": ".uct", "xiidm": ".xiidm", "pslf": ".epc", "powerworld": ".aux"}.get(format, ".json")
    path = tmp_path / f"case{suffix}"
    written = write_case(net, path, format)
    again, report = read_case(path)
    assert len(again.bus) == len(net.bus)
    assert math.isclose(report.totals["load_mw"], written.totals["load_mw"])
    lost = {issue.column for issue in written.issues if issue.code == "W-TOTAL"}
    for name, value in sum_totals(net).items():
        if name not in lost and not name.startswith("shunt"):
            assert math.isclose(report.totals[name], value, rel_tol=1e-6)
