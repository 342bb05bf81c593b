"""What studies/korea_security tells, on the backbone, and the screen's recall it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

import gridhub as gh
from gridhub.analysis.actions.remedial import FAILS, WITH, RemedialStudy, run_remedial
from gridhub.analysis.actions.remedial_schemes import read_schemes
from gridhub.reference import find_region_document

SINGAPYEONG, HANUL = "tower:sintaebaek--singapyeong@1", "tower:sintaebaek--hanul@1"


@pytest.fixture(scope="module")
def peak() -> RemedialStudy:
    net = gh.load_network("korea-2025-backbone")
    outages = gh.list_contingencies(net, kinds=["tower"], min_kv=700)
    schemes = read_schemes(find_region_document("korea", "remedial_schemes"))
    return run_remedial(net, outages, schemes, snapshot="summer_peak")


def test_the_grid_does_not_survive_both_circuits_to_singapyeong_unless_plant_is_tripped(
    peak: RemedialStudy,
) -> None:
    assert peak.effect.loc[(SINGAPYEONG, "without"), "status"] == "NOT_CONVERGED"
    assert peak.effect.loc[(SINGAPYEONG, WITH), "status"] == "CONVERGED"
    fails = peak.effect.loc[SINGAPYEONG]
    fails = fails[fails.index.str.startswith(FAILS)]
    assert len(fails) == 2
    assert (fails["status"] == "NOT_CONVERGED").all()


def test_tripping_relieves_the_345_kv_lines_beside_the_outlet_of_hanul(peak: RemedialStudy) -> None:
    loading = peak.effect.loc[HANUL]["worst_loading_percent"]
    assert loading["without"] > 200.0
    assert (loading.drop("without") < loading["without"]).all()
    assert loading[WITH] == loading.min()
    assert peak.verdict[HANUL] == "helps"


def test_a_readme_table_for_each_question(repo_root: Path) -> None:
    text = (repo_root / "studies" / "korea_security" / "README.md").read_text(encoding="utf-8")
    for name in ("secured", "losses", "hub", "second", "schemes", "pairs", "screen"):
        _, table = text.split(f"<!-- table: {name}; made by make.py -->")
        assert table.split("<!-- end of table -->")[0].count("\n|") > 3, name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["korea-2025", "korea-2025-backbone", "kpg193"])
@pytest.mark.parametrize("screen", ["dc", "1p1q"])
def test_the_screen_misses_no_overload(
    name: str, screen: Literal["dc", "1p1q"], request: pytest.FixtureRequest
) -> None:
    """Every snapshot; lines, banks, series elements and towers. With one AC iteration no voltage either."""
    if name == "kpg193":
        shared: Path = request.getfixturevalue("shared")
        net, _ = gh.read_case(shared / "data/korea/kpg193_v2_0/network/m/KPG193_ver2_0.m")
    else:
        net = gh.load_network(name)
    outages = gh.list_contingencies(net, kinds=["line", "transformer", "series", "tower"])
    overloaded = 0
    for snapshot in net.snapshots or (None,):
        measured = gh.run_security(
            net, outages, snapshot=snapshot, screen=screen, verify="all"
        ).screen_by_class
        assert measured["missed"].sum() == 0, snapshot
        assert screen == "dc" or measured["voltage_missed"].sum() == 0, snapshot
        assert measured["left_to_screen"].sum() == 0
        overloaded += measured["overloaded"].sum()
    assert overloaded > 30
