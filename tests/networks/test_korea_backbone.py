"""The Korean backbone: built as committed, held to what is published, solved as pandapower solves it."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.criteria import read_criteria
from gridhub.model.files import read_network
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot
from gridhub.model.validate import validate

ROOT = Path(__file__).resolve().parents[2]
KOREA = ROOT / "networks" / "korea"
BACKBONE = KOREA / "2025-backbone"
SNAPSHOTS = ("summer_peak", "summer_midday", "winter_peak", "spring_midday")
MARKET_MW = {"summer_peak": 97100, "summer_midday": 82000, "winter_peak": 94500, "spring_midday": 40000}
CAPITAL = ("Seoul", "Incheon", "Gyeonggi")
CAPACITY_GW = {
    "nuclear": (26.05, 26.05),
    "coal": (38, 41),
    "lng": (45, 49),
    "hydro": (1.55, 1.65),
    "solar": (28, 32),
    "wind": (2.3, 3.0),
}


@pytest.fixture(scope="module")
def net() -> Network:
    return read_network(BACKBONE)


@pytest.fixture(scope="module")
def flows(net: Network) -> dict[str, PowerFlow]:
    options = {"start": "flat", "reactive_limits": True}
    return {name: gh.run_power_flow(net, name, options=options) for name in net.snapshots}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return tomllib.loads((BACKBONE / "expected.toml").read_text(encoding="utf-8"))


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def run_script(name: str, *arguments: str) -> str:
    command = [sys.executable, str(KOREA / name), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- What is committed is what the sources make --------------------------------------------------------


def test_build_makes_the_committed_network_byte_for_byte(tmp_path: Path) -> None:
    run_script("build.py", "--network", "2025-backbone", "--out", str(tmp_path))
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    kept = [
        path.relative_to(BACKBONE) for part in ("tables", "plan") for path in (BACKBONE / part).rglob("*.csv")
    ]
    assert made == sorted([*kept, Path("network.toml")])
    for path in made:
        assert (tmp_path / path).read_bytes() == (BACKBONE / path).read_bytes(), path


def test_network_is_valid(net: Network) -> None:
    assert [issue for issue in validate(net) if issue.severity == "error"] == []


def test_every_fact_names_its_source() -> None:
    computed = {"dispatch.csv", "reactive.csv", "snapshot_losses.csv"}
    for path in sorted((KOREA / "sources").glob("*.csv")):
        if path.name in computed:
            continue
        for row in read_rows(path):
            assert row["source"], (path.name, row)
            sure = [value for key, value in row.items() if key.endswith("confidence")]
            assert sure and all(sure), (path.name, row)


def test_every_row_of_the_network_names_its_source(net: Network) -> None:
    for table in ("bus", "line", "transformer", "hvdc", "load", "generator", "storage", "shunt", "site"):
        frame = net.tables[table]
        assert (frame["source"] != "").all(), table
        assert (frame["confidence"] != "").all(), table


def test_licence_names_those_whose_data_it_is(net: Network) -> None:
    text = (KOREA / "LICENSE").read_text(encoding="utf-8")
    for owner in ("ODbL", "OpenStreetMap contributors", "KPG 193", "Natural Earth", "NGII", "CC BY 4.0"):
        assert owner in text
    assert net.licence == "ODbL-1.0"
    assert "OpenStreetMap contributors" in net.attribution


# --- Structure -------------------------------------------------------------------------------------------


def test_mainland_is_one_island_and_jeju_another(net: Network, flows: dict[str, PowerFlow]) -> None:
    island = flows["summer_peak"].bus.island
    jeju = island["jeju-154"]
    assert island.nunique() == 2
    assert (island[island.index != "jeju-154"] != jeju).all()
    links = net.hvdc[net.hvdc.to_bus == "jeju-154"]
    assert sorted(links.p_max_mw) == [200.0, 300.0, 400.0]
    assert sorted(links.technology) == ["lcc", "lcc", "vsc"]
    assert net.bus.loc[links.from_bus, "equivalent"].astype(bool).all()


def test_seven_765_kv_routes_of_two_circuits(net: Network) -> None:
    trunk = net.line[net.line.from_bus.map(net.bus.vn_kv) == 765]
    assert trunk.groupby("route").size().tolist() == [2] * 7
    assert (trunk.rate_mva == 7290).all()


def test_godeok_link_is_two_poles_of_1500_mw(net: Network) -> None:
    poles = net.hvdc[net.hvdc.link == "bukdangjin-godeok"]
    assert poles.p_max_mw.tolist() == [1500.0, 1500.0]


def test_ratings_are_those_of_two_conductors_unless_a_row_says_why(net: Network) -> None:
    lines = net.line[net.line.from_bus.map(net.bus.vn_kv) == 345]
    assert set(lines.rate_mva) == {1086.0, 2172.0, 953.0}
    more = lines[lines.rate_mva == 2172.0]
    assert (more.conductor_basis != "").all()
    assert not (more.conductor_basis == "default").any()
    assert (lines[lines.rate_mva == 953.0].construction == "cable").all()
    inferred = more[more.conductor_basis.str.startswith("inferred")]
    assert inferred.confidence.isin(["low", "assumed"]).all()


def test_circuits_on_the_same_towers_share_a_tower(net: Network) -> None:
    overhead = net.line[net.line.construction == "overhead"]
    assert (overhead.tower != "").all()
    assert overhead.groupby("tower").size().max() == 2
    assert overhead.groupby("tower").route.nunique().max() == 1
    assert (net.line[net.line.construction == "cable"].tower == "").all()


def test_assumed_routes_are_rows_of_their_own_and_marked(net: Network) -> None:
    assumed = net.line[net.line.assumed]
    assert len(assumed) > 0
    assert (assumed.confidence == "assumed").all()
    for route in assumed.route.unique():
        assert net.line[net.line.route == route].assumed.all()


def test_sites_that_rest_on_missing_routes_are_not_assessable(net: Network) -> None:
    doubtful = net.site[~net.site.assessable]
    assert (doubtful.confidence == "low").all()
    assert (doubtful.note != "").all()
    # A station that only one route reaches, one that is closed by assumption, one without a route.
    assert {"singumi", "gonjiam", "yeongseo"} <= set(doubtful.index)
    assert {"singangjin", "sinhwasun", "singwangju", "sinnamwon"}.isdisjoint(doubtful.index)


def test_solaseado_looks_to_singangjin(net: Network) -> None:
    place = next(row for row in read_rows(KOREA / "sites.csv") if row["site"] == "solaseado")
    assert place["nearest_backbone_site"] == "singangjin"
    assert float(place["nearest_km"]) == pytest.approx(25, abs=1)


def test_names_stand_in_both_scripts(net: Network) -> None:
    assert (net.bus.name != "").all()
    assert net.bus.name_ko.str.contains("[가-힣]").all()
    assert net.site.name_ko.str.contains("[가-힣]").all()


def test_provinces_have_one_spelling(net: Network) -> None:
    region = tomllib.loads((KOREA / "region.toml").read_text(encoding="utf-8"))
    for table in ("bus", "load", "generator", "storage", "site"):
        assert set(net.tables[table]["province"]) <= set(region["provinces"]), table


# --- Plants and demand -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fuel", sorted(CAPACITY_GW))
def test_capacity_by_fuel(net: Network, fuel: str) -> None:
    low, high = CAPACITY_GW[fuel]
    total = net.generator.p_max_mw[net.generator.fuel == fuel].sum() / 1000
    assert low - 1e-6 <= total <= high + 1e-6


def test_pumped_storage(net: Network) -> None:
    assert net.storage.p_max_mw.sum() == pytest.approx(4700)


def test_provincial_energy_shares_are_those_of_sales(net: Network) -> None:
    sales = {
        row["id"]: float(row["sales_2024_gwh"]) for row in read_rows(KOREA / "sources/province_sales.csv")
    }
    share = net.load.annual_gwh.groupby(net.load.province).sum()
    share = 100 * share / share.sum()
    for province, energy in sales.items():
        assert share[province] == pytest.approx(100 * energy / sum(sales.values()), abs=0.5)


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_metered_generation_is_market_demand(net: Network, snapshot: str) -> None:
    generator = apply_snapshot(net, snapshot).generator
    running = generator[generator.in_service]
    assert running.p_mw[running.metered].sum() == pytest.approx(MARKET_MW[snapshot], abs=1)
    assert set(running.fuel[~running.metered]) == {"solar"}


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_capital_share_of_load(net: Network, snapshot: str) -> None:
    load = apply_snapshot(net, snapshot).load
    share = load.p_mw[load.province.isin(CAPITAL)].sum() / load.p_mw.sum()
    assert share == pytest.approx(0.44 if snapshot == "summer_peak" else 0.42, abs=1e-4)


def test_spring_midday_is_55_to_60_gw_gross(net: Network) -> None:
    generator = apply_snapshot(net, "spring_midday").generator
    assert 55_000 <= generator.p_mw[generator.in_service].sum() <= 60_000


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_units_keep_their_limits(net: Network, snapshot: str) -> None:
    generator = apply_snapshot(net, snapshot).generator
    running = generator[generator.in_service]
    assert (running.p_mw <= running.p_max_mw + 0.01).all()
    assert (running.p_mw >= running.p_min_mw - 0.01).all()
    stopped = generator.loc[["kori-2", "kori-3", "kori-4"]]
    assert not stopped.in_service.any()


# --- Solved ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_solves_from_flat_with_reactive_limits(flows: dict[str, PowerFlow], snapshot: str) -> None:
    flow = flows[snapshot]
    assert flow.status == gh.Status.CONVERGED
    assert flow.summary["unserved_mw"] == 0
    assert abs(flow.worst_mismatch.mw) < 1e-4


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_voltages_are_inside_the_korean_range(
    net: Network, flows: dict[str, PowerFlow], snapshot: str
) -> None:
    ranges = {(row.vn_kv, row.state): row for row in read_voltage_rows(net)}
    kv = flows[snapshot].bus.vm_pu * net.bus.vn_kv
    for bus, value in kv.items():
        vn = float(net.bus.vn_kv[bus])
        for state in ("normal", "target"):
            limits = ranges[(vn, state)]
            assert limits.low_kv <= value <= limits.high_kv, (bus, value, state)


def read_voltage_rows(net: Network) -> list[Any]:
    table = tomllib.loads(net.documents["criteria"])["voltage"]
    return list(pd.DataFrame(table).itertuples())


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_nothing_is_overloaded_intact(flows: dict[str, PowerFlow], snapshot: str) -> None:
    loading = flows[snapshot].branch.loading_percent
    assert loading.notna().all()
    assert loading.max() < 95


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_losses_are_those_of_a_backbone(flows: dict[str, PowerFlow], snapshot: str) -> None:
    summary = flows[snapshot].summary
    assert 0.3 < 100 * summary["losses_mw"] / summary["generation_mw"] < 2


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_slack_has_almost_nothing_to_move(net: Network, flows: dict[str, PowerFlow], snapshot: str) -> None:
    generator = apply_snapshot(net, snapshot).generator
    planned = generator.p_mw.where(generator.in_service, 0.0)
    assert (flows[snapshot].generator.p_mw - planned).abs().sum() < 60


def test_load_leaves_room_for_the_losses(flows: dict[str, PowerFlow]) -> None:
    for row in read_rows(KOREA / "sources" / "snapshot_losses.csv"):
        assert flows[row["snapshot"]].summary["losses_mw"] == pytest.approx(float(row["loss_mw"]), abs=5)


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_interfaces_keep_their_published_limits(
    net: Network, flows: dict[str, PowerFlow], snapshot: str
) -> None:
    table = compute_interfaces(net, flows[snapshot]).set_index("interface")
    assert {"capital", "east-coast", "honam", "chungcheong", "yeongnam", "jeju"} <= set(table.index)
    assert table.limit_mw["honam"] == 4900
    assert 11400 <= table.limit_mw["east-coast"] <= 11600
    known = table[table.limit_mw.notna()]
    assert (known.flow_mw <= known.limit_mw).all()


def test_capital_import_is_highest_at_summer_midday(net: Network, flows: dict[str, PowerFlow]) -> None:
    into = {
        name: float(compute_interfaces(net, flow).set_index("interface").flow_mw["capital"])
        for name, flow in flows.items()
    }
    assert max(into, key=into.__getitem__) == "summer_midday"
    assert 13_000 <= into["summer_midday"] <= 16_000


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_frozen_results(
    net: Network, flows: dict[str, PowerFlow], expected: dict[str, Any], snapshot: str
) -> None:
    frozen = expected["frozen"][snapshot]
    flow = flows[snapshot]
    for key in ("load_mw", "generation_mw", "losses_mw"):
        assert flow.summary[key] == pytest.approx(frozen[key], abs=0.05), key
    loading = flow.branch.loading_percent
    assert loading.max() == pytest.approx(frozen["worst_loading_percent"], abs=0.01)
    assert loading[frozen["worst_element"]] == pytest.approx(loading.max(), abs=1e-6)
    assert flow.bus.vm_pu.min() == pytest.approx(frozen["lowest_vm_pu"], abs=1e-5)
    assert flow.bus.vm_pu.max() == pytest.approx(frozen["highest_vm_pu"], abs=1e-5)
    table = compute_interfaces(net, flow).set_index("interface").flow_mw
    for name, mw in frozen["interface_mw"].items():
        assert table[name] == pytest.approx(mw, abs=0.1), name


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_pandapower_agrees_on_the_exported_network(
    net: Network, flows: dict[str, PowerFlow], snapshot: str
) -> None:
    import pandapower

    # pandapower has one slack per island and does not let a unit return from its reactive limit: it gets the
    # outputs and the limits that hold, and must find the same voltages, angles, losses and loadings.
    flow = flows[snapshot]
    state = apply_snapshot(net, snapshot)
    limited = flow.generator.at_limit.to_numpy(dtype=bool)
    generator = state.generator.assign(
        p_mw=flow.generator.p_mw.where(state.generator.in_service, 0.0),
        q_mvar=flow.generator.q_mvar.fillna(0.0),
        regulating=state.generator.regulating & ~limited,
    )
    solved = state.replace(
        generator=generator, snapshot=state.snapshot.iloc[:0], snapshot_value=state.snapshot_value.iloc[:0]
    )
    pp_net, report = gh.to_pandapower(solved)
    assert report.counts["bus"] == len(net.bus)
    pandapower.runpp(pp_net, trafo_model="pi", init="dc", enforce_q_lims=False, tolerance_mva=1e-7)
    buses = pp_net.bus.gridhub_id.to_numpy()
    voltage = pd.Series(pp_net.res_bus.vm_pu.to_numpy(), index=buses)
    angle = pd.Series(pp_net.res_bus.va_degree.to_numpy(), index=buses)
    assert (voltage - flow.bus.vm_pu).abs().max() < 1e-7
    assert (angle - flow.bus.va_degree).abs().max() < 1e-5
    from_mw = pd.Series(pp_net.res_line.p_from_mw.to_numpy(), index=pp_net.line.gridhub_id)
    assert (from_mw - flow.branch.p_from_mw.reindex(from_mw.index)).abs().max() < 1e-3


# --- Published figures -----------------------------------------------------------------------------------


def test_published_figures_are_compared_and_misses_explained(expected: dict[str, Any]) -> None:
    published = read_rows(KOREA / "sources" / "published.csv")
    assert set(expected["facts"]) == {row["id"] for row in published}
    text = (BACKBONE / "README.md").read_text(encoding="utf-8")
    for row in published:
        fact = expected["facts"][row["id"]]
        assert fact["source"] == row["source"]
        assert fact["published"] == float(row["value"])
        assert row["figure"] in text
        assert fact["within"] or fact["explanation"].startswith("miss"), row["id"]


def test_figures_of_this_network_are_fresh(
    net: Network, flows: dict[str, PowerFlow], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(KOREA))
    module = __import__("expected")
    try:
        facts = module.compare_figures(net, flows)
    finally:
        for name in (
            "expected",
            "operate",
            "build",
            "build_154",
            "build_grid",
            "build_snapshots",
            "build_sources",
        ):
            sys.modules.pop(name, None)
    for name, fact in expected["facts"].items():
        assert facts.loc[name, "ours"] == pytest.approx(fact["ours"], rel=1e-4, abs=0.02), name
        assert bool(facts.loc[name, "within"]) == fact["within"], name


# --- The region ------------------------------------------------------------------------------------------


def test_criteria_of_the_network_are_read(net: Network) -> None:
    assert read_criteria(net.documents["criteria"]).name == "korea"


def test_candidate_sites_and_landing_points() -> None:
    sites = read_rows(KOREA / "sites.csv")
    assert len(sites) >= 50
    assert len({row["site"] for row in sites}) == len(sites)
    for row in sites + read_rows(KOREA / "landing_points.csv"):
        assert row["source"] and row["confidence"]
        assert math.isfinite(float(row["lat"])) and math.isfinite(float(row["lon"]))


def test_outline_is_small_and_around_korea(net: Network) -> None:
    from gridhub.report.outline import read_outline

    path = KOREA / "outline.geojson"
    assert path.stat().st_size < 300_000
    points = [point for ring in read_outline(path) for point in ring]
    assert all(124 <= lon <= 132 and 32.5 <= lat <= 39.5 for lon, lat in points)
    assert min(lat for _, lat in points) < 33.6  # Jeju is there
