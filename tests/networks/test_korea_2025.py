"""korea-2025 and its synthetic 154 kV level: built as committed, published numbers kept, snapshots solved."""

from __future__ import annotations

import csv
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import gridhub as gh
from gridhub.analysis.flow.interfaces import compute_interfaces
from gridhub.analysis.flow.power_flow import PowerFlow
from gridhub.criteria import read_criteria
from gridhub.model.files import read_network
from gridhub.model.network import Network
from gridhub.model.snapshot import apply_snapshot

ROOT = Path(__file__).resolve().parents[2]
KOREA = ROOT / "networks" / "korea"
FOLDER = KOREA / "2025"
SHARED_SNAPSHOTS = ("summer_peak", "summer_midday", "winter_peak", "spring_midday")
SEASONAL_SNAPSHOTS = tuple(
    f"{season}_{time}"
    for season in ("spring", "summer", "autumn", "winter")
    for time in ("night", "morning", "afternoon", "evening")
)
SNAPSHOTS = SHARED_SNAPSHOTS + SEASONAL_SNAPSHOTS


@pytest.fixture(scope="module")
def net() -> Network:
    return read_network(FOLDER)


@pytest.fixture(scope="module")
def backbone() -> Network:
    return read_network(KOREA / "2025-backbone")


@pytest.fixture(scope="module")
def flows(net: Network) -> dict[str, PowerFlow]:
    options = {"start": "flat", "reactive_limits": True}
    return {name: gh.run_power_flow(net, name, options=options) for name in net.snapshots}


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


# --- What is committed is what the sources make --------------------------------------------------------


def test_build_makes_the_committed_network_byte_for_byte(tmp_path: Path) -> None:
    command = [sys.executable, str(KOREA / "build.py"), "--network", "2025", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    kept = [
        path.relative_to(FOLDER) for part in ("tables", "plan") for path in (FOLDER / part).rglob("*.csv")
    ]
    assert made == sorted([*kept, Path("network.toml")])
    for path in made:
        assert (tmp_path / path).read_bytes() == (FOLDER / path).read_bytes(), path


def test_network_is_found_by_name_and_valid(net: Network) -> None:
    assert "korea-2025" in set(gh.list_networks()["name"])
    assert gh.load_network("korea-2025").name == net.name == "korea-2025"
    assert gh.validate(net) == ()


def test_every_row_names_its_source_and_how_sure_it_is(net: Network) -> None:
    for table in ("bus", "line", "transformer", "hvdc", "load", "generator", "storage", "shunt", "site"):
        frame = net.tables[table]
        assert (frame["source"] != "").all(), table
        assert (frame["confidence"] != "").all(), table
    assert (net.line[net.line.from_bus.map(net.bus.vn_kv) == 154].confidence == "synthetic").all()


# --- What is real stays as it is ------------------------------------------------------------------------


def test_backbone_is_in_it_unchanged(net: Network, backbone: Network) -> None:
    columns = [
        "from_bus",
        "to_bus",
        "r_ohm",
        "x_ohm",
        "b_us",
        "rate_mva",
        "in_service",
        "source",
        "confidence",
    ]
    assert net.line.loc[backbone.line.index, columns].equals(backbone.line[columns])
    kept = backbone.transformer.index[~backbone.transformer.index.str.startswith("singangjin-345-154")]
    assert net.transformer.loc[kept, ["x_pu", "rate_mva"]].equals(
        backbone.transformer.loc[kept, ["x_pu", "rate_mva"]]
    )
    assert net.generator.p_max_mw.groupby(net.generator.fuel).sum().to_dict() == pytest.approx(
        backbone.generator.p_max_mw.groupby(backbone.generator.fuel).sum().to_dict(), abs=3
    )


def test_equivalents_are_gone(net: Network) -> None:
    assert not net.bus.equivalent.astype(bool).any()
    assert {"southwest-154", "jeju-154"}.isdisjoint(net.bus.index)


@pytest.mark.parametrize("snapshot", SHARED_SNAPSHOTS)
def test_stations_feed_what_they_feed_on_the_backbone(net: Network, backbone: Network, snapshot: str) -> None:
    feeder = {row["id"]: row["station"] for row in read_rows(KOREA / "sources/synthetic/substations.csv")}
    load = apply_snapshot(net, snapshot).load
    ours = load.p_mw.groupby(load.site.map(feeder)).sum()
    other = apply_snapshot(backbone, snapshot).load
    wanted = other.p_mw.groupby(other.site).sum()
    # Both leave room for their own losses: the same shares of another sum.
    assert set(ours.index) == set(wanted.index)
    assert (ours / ours.sum() - wanted / wanted.sum()).abs().max() < 2e-5


# --- Numbers that are published -------------------------------------------------------------------------


def test_numbers_of_substations_and_circuit_km_are_the_published_ones(net: Network) -> None:
    substations = net.site[net.site.confidence == "synthetic"]
    assert len(substations) == 788 - 122 - 9
    assert net.line.length_km.sum() == pytest.approx(37_169, rel=1e-3)


def test_provincial_energy_is_that_of_the_sales(net: Network) -> None:
    sales = {
        row["id"]: float(row["sales_2024_gwh"]) for row in read_rows(KOREA / "sources/province_sales.csv")
    }
    energy = net.load.annual_gwh.groupby(net.load.province).sum()
    assert energy.to_dict() == pytest.approx(sales, rel=1e-4)


def test_published_figures_are_compared_and_misses_explained(expected: dict[str, Any]) -> None:
    published = read_rows(KOREA / "sources/published_154.csv") + read_rows(KOREA / "sources/published.csv")
    assert set(expected["facts"]) == {row["id"] for row in published} - {"losses"}
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name, fact in expected["facts"].items():
        assert fact["figure"] in text
        assert fact["within"] or fact["explanation"].startswith("miss"), name


# --- Substations ----------------------------------------------------------------------------------------


def test_substations_have_places_and_names(net: Network) -> None:
    substations = net.site[net.site.confidence == "synthetic"]
    assert substations.name_ko.str.contains("[가-힣]").all()
    assert not substations.name.str.contains("[가-힣]").any()
    assert substations.name_ko.is_unique
    assert not substations[["lat", "lon"]].duplicated().any()
    assert not substations.assessable.any()
    assert set(substations.province) == set(tomllib.loads((KOREA / "region.toml").read_text())["provinces"])


def test_substations_stand_on_land(net: Network) -> None:
    shapely = pytest.importorskip("shapely")
    import json

    outline = json.loads((KOREA / "outline.geojson").read_text(encoding="utf-8"))
    land = shapely.union_all([shapely.geometry.shape(part["geometry"]) for part in outline["features"]])
    substations = net.site[net.site.confidence == "synthetic"]
    far = [
        site
        for site, row in substations.iterrows()
        if land.distance(shapely.Point(row["lon"], row["lat"])) > 0.02
    ]
    # The coast is simplified to 200 m and lacks land won from the sea in the last years.
    assert len(far) <= 0.01 * len(substations), far


def test_jeju_has_its_links_at_three_substations(net: Network) -> None:
    links = net.hvdc[net.hvdc.index.str.startswith("jeju")]
    assert sorted(links.p_max_mw) == [200.0, 300.0, 400.0]
    assert (net.bus.loc[links.to_bus, "area"] == "jeju").all()
    assert (net.bus.loc[links.from_bus, "zone"] == "honam").all()
    towns = net.site.municipality[net.bus.site[links.from_bus]].tolist()
    assert towns == ["해남군", "진도군", "완도군"]


# --- Zones ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def closed(net: Network) -> nx.MultiGraph:
    """Graph of the 154 kV circuits in service."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(net.bus.index[net.bus.vn_kv == 154])
    lines = net.line[net.line.in_service & (net.line.from_bus.map(net.bus.vn_kv) == 154)]
    graph.add_edges_from(zip(lines.from_bus, lines.to_bus, lines.index, strict=True))
    return graph


def test_each_zone_hangs_on_one_bus_section_or_on_those_of_two_stations(
    net: Network, closed: nx.MultiGraph
) -> None:
    banks = net.transformer[net.transformer.to_bus.map(net.bus.vn_kv) == 154]
    roots = set(banks.to_bus)
    above = nx.Graph()
    for table in (net.line[net.line.in_service], net.transformer):
        high = table[table.to_bus.map(net.bus.vn_kv) > 154]
        above.add_edges_from(zip(high.from_bus, high.to_bus, strict=True))
    only_ways = {frozenset(edge) for edge in nx.bridges(above)}
    peak = net.load.p_mw.groupby(net.load.bus).sum()
    couplings = set(net.line.route[net.line.note == "coupling"])
    zones = list(nx.connected_components(closed))
    pairs = 0
    for zone in zones:
        jeju = {net.bus.area[bus] for bus in zone} == {"jeju"}
        hung = sorted(zone & roots)
        if len(hung) == 2:
            pairs += 1
            stations = [f"{net.bus.site[bus]}-345" for bus in hung]
            assert above.has_edge(*stations), hung  # two stations that a 345 kV route joins
            assert frozenset(stations) not in only_ways, hung
            assert len({net.bus.zone[bus] for bus in zone}) == 1
            assert peak.reindex(list(zone)).sum() < 1450 * 1.05  # no more than one section may carry
        else:
            assert len(hung) == (0 if jeju else 1)
    assert pairs == len(couplings) >= 10
    assert len(zones) == len(roots) + 1 - pairs


def test_couplings_are_closed_double_circuits(net: Network) -> None:
    couplings = net.line[net.line.note == "coupling"]
    assert couplings.in_service.all()
    assert (couplings.groupby("route").size() == 2).all()


def test_taps_stand_on_the_step_next_to_the_middles_of_the_adjustment_bands(net: Network) -> None:
    rows = pd.DataFrame(tomllib.loads(net.documents["criteria"])["voltage"])
    rows = rows[rows["state"] == "target"].set_index("vn_kv")
    middle = (rows.low_kv + rows.high_kv) / 2 / rows.index
    banks = net.transformer
    wanted = banks.from_bus.map(net.bus.vn_kv).map(middle) / banks.to_bus.map(net.bus.vn_kv).map(middle)
    assert set(banks.from_bus.map(net.bus.vn_kv)) == {765.0, 345.0}
    assert (banks.tap_ratio - wanted).abs().max() <= banks.tap_step.min() / 2
    steps = (banks.tap_ratio - 1.0) / banks.tap_step
    assert (steps - steps.round()).abs().max() < 1e-9


def test_no_single_circuit_cuts_a_substation_off(closed: nx.MultiGraph) -> None:
    assert not [edge for edge in nx.bridges(nx.Graph(closed)) if closed.number_of_edges(*edge) < 2]


def test_ties_join_zones_and_stand_open(net: Network, closed: nx.MultiGraph) -> None:
    zone_of = {bus: number for number, zone in enumerate(nx.connected_components(closed)) for bus in zone}
    ties = net.line[net.line.note == "tie"]
    assert len(ties) > 0
    assert not ties.in_service.any()
    assert (ties.from_bus.map(zone_of) != ties.to_bus.map(zone_of)).all()


def test_circuits_on_the_same_towers_share_a_tower(net: Network) -> None:
    lines = net.line[net.line.from_bus.map(net.bus.vn_kv) == 154]
    overhead = lines[lines.construction == "overhead"]
    assert (overhead.tower != "").all()
    assert overhead.groupby("tower").size().max() == 2
    assert (lines[lines.construction == "cable"].tower == "").all()


def test_banks_carry_their_zone_at_seventy_percent_after_losing_one(
    net: Network, flows: dict[str, PowerFlow], closed: nx.MultiGraph
) -> None:
    banks = net.transformer[net.transformer.to_bus.map(net.bus.vn_kv) == 154]
    assert (banks.rate_mva == 500).all()
    partner: dict[str, str] = {}
    for zone in nx.connected_components(closed):
        hung = sorted(zone & set(banks.to_bus))
        partner |= dict(zip(hung, hung[::-1], strict=True)) if len(hung) == 2 else {}
    for flow in flows.values():
        p_mw = flow.branch.p_from_mw[banks.index].groupby(banks.to_bus).sum()
        room = 500 * (banks.groupby("to_bus").size() - 1)
        # Losses of the zone come on top of the net load that the rule counts.
        alone = [bus for bus in p_mw.index if bus not in partner]
        assert (p_mw[alone].abs() / room[alone]).max() < 0.70 * 1.03
        for one, two in partner.items():
            # what flows from one station to the other passes the banks of both, and is no load of theirs
            assert abs(p_mw[one] + p_mw[two]) / (room[one] + room[two]) < 0.70 * 1.03


# --- Solved ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_solves_from_flat_with_reactive_limits(flows: dict[str, PowerFlow], snapshot: str) -> None:
    flow = flows[snapshot]
    assert flow.status == gh.Status.CONVERGED
    assert flow.summary["unserved_mw"] == 0
    assert flow.bus.island.nunique() == 2


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_voltages_keep_the_adjustment_targets(
    net: Network, flows: dict[str, PowerFlow], snapshot: str
) -> None:
    rows = pd.DataFrame(tomllib.loads(net.documents["criteria"])["voltage"])
    target = rows[rows.state == "target"].set_index("vn_kv")
    kv = flows[snapshot].bus.vm_pu * net.bus.vn_kv
    assert (kv >= net.bus.vn_kv.map(target.low_kv)).all()
    assert (kv <= net.bus.vn_kv.map(target.high_kv)).all()


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_nothing_is_overloaded_intact(flows: dict[str, PowerFlow], snapshot: str) -> None:
    assert flows[snapshot].branch.loading_percent.max() < 95


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_metered_generation_is_market_demand(net: Network, snapshot: str) -> None:
    generator = apply_snapshot(net, snapshot).generator
    running = generator[generator.in_service]
    assert running.p_mw[running.metered].sum() == pytest.approx(read_market_mw()[snapshot], abs=3)


def read_market_mw() -> dict[str, float]:
    rows = read_rows(KOREA / "sources/snapshot_factors.csv") + read_rows(KOREA / "sources/season_factors.csv")
    return {row["snapshot"]: float(row["value"]) for row in rows if row["quantity"] == "market_demand"}


def test_snapshots_are_four_of_the_backbone_and_sixteen_of_the_seasons(net: Network) -> None:
    assert tuple(net.snapshots) == SNAPSHOTS


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_units_keep_their_limits(net: Network, snapshot: str) -> None:
    generator = apply_snapshot(net, snapshot).generator
    running = generator[generator.in_service]
    assert (running.p_mw <= running.p_max_mw + 0.02).all()
    assert (running.p_mw >= running.p_min_mw - 0.01).all()
    assert not generator.loc[["kori-2", "kori-3", "kori-4"]].in_service.any()


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_interfaces_keep_their_published_limits(
    net: Network, flows: dict[str, PowerFlow], snapshot: str
) -> None:
    table = compute_interfaces(net, flows[snapshot]).set_index("interface")
    assert {"capital", "east-coast", "honam", "chungcheong", "yeongnam", "jeju"} <= set(table.index)
    known = table[table.limit_mw.notna()]
    assert (known.flow_mw <= known.limit_mw).all()


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_slack_has_almost_nothing_to_move(net: Network, flows: dict[str, PowerFlow], snapshot: str) -> None:
    generator = apply_snapshot(net, snapshot).generator
    planned = generator.p_mw.where(generator.in_service, 0.0)
    assert (flows[snapshot].generator.p_mw - planned).abs().sum() < 60


@pytest.mark.parametrize("snapshot", SNAPSHOTS)
def test_frozen_results(flows: dict[str, PowerFlow], expected: dict[str, Any], snapshot: str) -> None:
    frozen, flow = expected["frozen"][snapshot], flows[snapshot]
    for key in ("load_mw", "generation_mw", "losses_mw"):
        assert flow.summary[key] == pytest.approx(frozen[key], abs=0.05), key
    assert flow.branch.loading_percent.max() == pytest.approx(frozen["worst_loading_percent"], abs=0.01)
    assert flow.bus.vm_pu.min() == pytest.approx(frozen["lowest_vm_pu"], abs=1e-5)


def test_pandapower_agrees_on_the_exported_network(net: Network, flows: dict[str, PowerFlow]) -> None:
    import pandapower

    flow = flows["summer_peak"]
    state = apply_snapshot(net, "summer_peak")
    limited = flow.generator.at_limit.to_numpy(dtype=bool)
    generator = state.generator.assign(
        p_mw=flow.generator.p_mw.where(state.generator.in_service, 0.0),
        q_mvar=flow.generator.q_mvar.fillna(0.0),
        regulating=state.generator.regulating & ~limited,
    )
    solved = state.replace(
        generator=generator, snapshot=state.snapshot.iloc[:0], snapshot_value=state.snapshot_value.iloc[:0]
    )
    pp_net, _ = gh.to_pandapower(solved)
    pandapower.runpp(pp_net, trafo_model="pi", init="dc", enforce_q_lims=False, tolerance_mva=1e-7)
    voltage = pd.Series(pp_net.res_bus.vm_pu.to_numpy(), index=pp_net.bus.gridhub_id.to_numpy())
    assert (voltage - flow.bus.vm_pu).abs().max() < 1e-6
    from_mw = pd.Series(pp_net.res_line.p_from_mw.to_numpy(), index=pp_net.line.gridhub_id)
    assert (from_mw - flow.branch.p_from_mw.reindex(from_mw.index)).abs().max() < 1e-2


def test_losing_any_circuit_or_bank_overloads_nothing_at_154_kv(net: Network) -> None:
    outages = gh.list_contingencies(net, kinds=("line", "transformer"))
    violations = gh.run_security(net, outages, snapshot="summer_peak").violations
    low = net.line.index[net.line.from_bus.map(net.bus.vn_kv) == 154].union(
        net.transformer.index[net.transformer.to_bus.map(net.bus.vn_kv) == 154]
    )
    assert violations[violations["element"].isin(low)].empty
    assert set(violations["kind"]) == {"thermal"}


def test_criteria_judge_154_kv(net: Network) -> None:
    assert read_criteria(net.documents["criteria"]).name == "korea"


@pytest.mark.parametrize(
    ("place", "lat", "lon", "contract_mw", "kv"),
    [
        ("Solaseado", 34.68, 126.43, 1000, 345),
        ("Ulsan Mipo", 35.50, 129.38, 103, 154),
        ("Pohang", 36.09, 129.40, 120, 154),
        ("Saemangeum", 35.80, 126.60, 300, 154),
        ("Donghae", 37.50, 129.10, 1000, 345),
        ("Yongin", 37.15, 127.25, 3000, 345),
    ],
)
def test_hubs_connect_at_the_voltage_of_their_size(
    net: Network, place: str, lat: float, lon: float, contract_mw: float, kv: float
) -> None:
    # Supply terms of KEPCO: above 10 MW at 154 kV, above 400 MW at 345 kV.
    hub = gh.Hub(gh.DataCenter(place, contract_mw=contract_mw, lat=lat, lon=lon, cooling="direct_to_chip"))
    assert set(gh.place(net, hub).placements.vn_kv) == {float(kv)}


def test_dense_numpy_finds_no_154_kv_overload_after_an_outage_either(
    net: Network, flows: dict[str, PowerFlow]
) -> None:
    # PTDF and LODF written out once more, from the tables and the injections of the solved snapshot alone.
    lines = net.line[net.line.in_service]
    kv = net.bus.vn_kv
    branch = pd.DataFrame(
        {
            "from_bus": [*lines.from_bus, *net.transformer.from_bus],
            "to_bus": [*lines.to_bus, *net.transformer.to_bus],
            "x": [
                *(lines.x_ohm / (lines.from_bus.map(kv) ** 2 / 100.0)),
                *(net.transformer.x_pu * net.transformer.tap_ratio),
            ],
            "rate": [*lines.rate_mva, *net.transformer.rate_mva],
        }
    )
    mainland = net.bus.index[net.bus.area == "mainland"]
    branch = branch[branch.from_bus.isin(mainland)]
    rows = np.arange(len(branch))
    incidence = np.zeros((len(branch), len(mainland)))
    incidence[rows, mainland.get_indexer(branch.from_bus)] = 1.0
    incidence[rows, mainland.get_indexer(branch.to_bus)] = -1.0
    weighted = incidence / branch.x.to_numpy()[:, None]
    inverse = np.zeros((len(mainland), len(mainland)))
    inverse[1:, 1:] = np.linalg.inv((incidence.T @ weighted)[1:, 1:])
    transfer = weighted @ inverse @ incidence.T
    injection = flows["summer_peak"].bus.p_mw[mainland].to_numpy()
    flow = weighted @ inverse @ (injection - injection.mean())
    left = 1.0 - np.diag(transfer)
    assert left.min() > 1e-6  # no circuit or bank cuts anything off
    after = np.abs(flow[:, None] + transfer / left * flow[None, :])
    np.fill_diagonal(after, 0.0)
    is_low = branch.to_bus.map(kv).to_numpy() == 154.0
    assert (after[is_low] / branch.rate.to_numpy()[is_low, None]).max() < 1.0


@pytest.mark.parametrize("contract_mw, vn_kv", [(1000.0, 345.0), (100.0, 154.0)])
@pytest.mark.parametrize(
    "site, lat, lon",
    [
        ("Solaseado", 34.68, 126.43),
        ("Ulsan", 35.47, 129.38),
        ("Pohang", 36.00, 129.38),
        ("Saemangeum", 35.77, 126.60),
        ("Donghae", 37.50, 129.13),
        ("Yongin", 37.17, 127.25),
    ],
)
def test_hubs_connect_at_the_voltage_that_the_rules_ask_for(
    net: Network, site: str, lat: float, lon: float, contract_mw: float, vn_kv: float
) -> None:
    hub = gh.Hub(gh.DataCenter(site, contract_mw=contract_mw, lat=lat, lon=lon))
    part = gh.place(net, hub).placements.iloc[0]
    assert part["vn_kv"] == vn_kv
    # a substation of a municipality is near, a 345 kV station at most a county away
    assert part["distance_km"] < (30.0 if vn_kv == 345.0 else 15.0)
