"""Planned years of both Korean networks: made from the facts, sourced, solved from a flat start."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.errors import OptionError
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

ROOT = Path(__file__).resolve().parents[2]
KOREA = ROOT / "networks" / "korea"
BACKBONE, FULL = "korea-2025-backbone", "korea-2025"
YEARS = tuple(range(2026, 2039))
SNAPSHOTS = ("summer_peak", "summer_midday", "winter_peak", "spring_midday")
FAST = [(BACKBONE, year) for year in (2028, 2030, 2036)]
SLOW = [(BACKBONE, year) for year in YEARS if (BACKBONE, year) not in FAST] + [(FULL, y) for y in YEARS]
CASES = [pytest.param(*case, id=f"{case[0]}@{case[1]}") for case in FAST] + [
    pytest.param(*case, id=f"{case[0]}@{case[1]}", marks=pytest.mark.slow) for case in SLOW
]


@pytest.fixture(scope="module")
def base() -> Network:
    return gh.load_network(BACKBONE)


@pytest.fixture(scope="module")
def far() -> Network:
    return gh.load_network(BACKBONE, year=2038)


def read_projects() -> list[dict[str, str]]:
    with (KOREA / "plans.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


# --- Facts ----------------------------------------------------------------------------------------------


def test_every_project_names_its_source_and_says_when_or_why_not() -> None:
    projects = read_projects()
    assert len({row["id"] for row in projects}) == len(projects)
    for row in projects:
        assert row["source"], row["id"]
        assert row["confidence"] in ("high", "medium", "low", "assumed"), row["id"]
        assert row["as_of"], row["id"]
        assert row["reason"] or row["year"].isdecimal(), row["id"]


def test_a_route_or_station_without_a_published_year_says_what_was_assumed() -> None:
    undated = [row for row in read_projects() if not row["planned_year"] and not row["reason"]]
    for row in undated:
        if row["kind"] in ("line", "station", "hvdc"):
            assert "assumed" in row["basis"], row["id"]


def test_thirty_six_coal_units_leave_by_2038(base: Network, far: Network) -> None:
    # the ministry's notice closes 37 units; Taean 1 closed in 2025 already
    left = sorted(set(base.generator.index) - set(far.generator.index))
    assert len(left) == 36
    assert (base.generator.fuel[left] == "coal").all()


def test_rows_of_planned_years_name_their_source(far: Network, base: Network) -> None:
    for name in ("bus", "line", "hvdc", "load", "generator", "storage", "shunt", "site", "interface"):
        frame = far.tables[name]
        new = frame[~frame.index.isin(base.tables[name].index)]
        assert (new.source.astype(str).str.len() > 3).all(), name
        assert (new.confidence != "").all(), name


# --- Years ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [2010, 2025, 2039])
def test_a_year_without_plans_is_refused_with_the_list(year: int) -> None:
    with pytest.raises(OptionError, match=f"no plans for {year}; years: 2026, 2027, .*2038"):
        gh.load_network(BACKBONE, year=year)


def test_projects_come_in_their_year() -> None:
    before, after = (gh.load_network(BACKBONE, year=year) for year in (2026, 2027))
    assert not before.project.applied["donghaean-singapyeong"]
    assert before.project.reason["donghaean-singapyeong"] == "expected in 2027"
    assert after.project.applied["donghaean-singapyeong"]
    poles = after.hvdc[after.hvdc.link == "donghaean-singapyeong"]
    assert poles.p_max_mw.sum() == 4000.0
    assert "sinhanul-3" not in after.generator.index


def test_load_follows_the_national_plan(base: Network, far: Network) -> None:
    # 98.3 GW in 2023 to 129.3 GW in 2038, a constant rate between them
    wanted = (129.3 / 98.3) ** (13 / 15)
    assert far.load.p_mw.sum() / base.load.p_mw.sum() == pytest.approx(wanted, rel=1e-4)


def test_sun_of_2030_is_that_of_the_plan() -> None:
    generator = gh.load_network(BACKBONE, year=2030).generator
    assert generator.p_max_mw[generator.fuel == "solar"].sum() == pytest.approx(53_800, rel=1e-4)


def test_stopped_reactors_stay_off_and_kori_2_runs() -> None:
    net = gh.load_network(BACKBONE, year=2028)
    for snapshot in SNAPSHOTS:
        on = apply_snapshot(net, snapshot).generator.in_service
        assert not on[["kori-3", "kori-4", "hanbit-1"]].any()
        assert on["kori-2"]


# --- Solved -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "year"), CASES)
def test_planned_years_solve_from_flat_inside_every_range(name: str, year: int) -> None:
    net = gh.load_network(name, year=year)
    assert net.snapshots == SNAPSHOTS
    target = read_targets(net)
    for snapshot in SNAPSHOTS:
        flow = gh.run_power_flow(net, snapshot, options={"start": "flat", "reactive_limits": True})
        assert flow.status == gh.Status.CONVERGED, snapshot
        assert flow.summary["unserved_mw"] == 0
        kv = flow.bus.vm_pu * net.bus.vn_kv
        assert (kv >= net.bus.vn_kv.map(target.low_kv)).all(), snapshot
        assert (kv <= net.bus.vn_kv.map(target.high_kv)).all(), snapshot
        assert flow.branch.loading_percent.max() < 100, snapshot
        check_dispatch(net, flow, snapshot)
        limits = compute_interfaces(net, flow).set_index("interface")
        known = limits[limits.limit_mw.notna()]
        assert (known.flow_mw <= known.limit_mw * 1.02).all(), snapshot


def read_targets(net: Network) -> pd.DataFrame:
    rows = pd.DataFrame(tomllib.loads(net.documents["criteria"])["voltage"])
    return rows[rows.state == "target"].set_index("vn_kv")


def check_dispatch(net: Network, flow: PowerFlow, snapshot: str) -> None:
    """Units keep their limits, and the slack has little to move: the dispatch covers load and losses."""
    generator = apply_snapshot(net, snapshot).generator
    running = generator[generator.in_service]
    assert (running.p_mw <= running.p_max_mw + 0.02).all(), snapshot
    assert (running.p_mw >= running.p_min_mw - 0.02).all(), snapshot
    planned = generator.p_mw.where(generator.in_service, 0.0)
    moved = (flow.generator.p_mw - planned).abs().sum()
    assert moved < 60, (snapshot, moved)
