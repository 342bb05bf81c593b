from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridhub.analysis.contingency.contingencies import list_contingencies
from gridhub.analysis.flow.power_flow import run_power_flow
from gridhub.analysis.hub.hub import HubStudy, run_hub_study
from gridhub.analysis.hub.run import list_hub_contingencies
from gridhub.errors import NotConverged, PlacementError
from gridhub.model.network import Network
from gridhub.placement.hub import DataCenter, Hub, OnSiteGenerator, RenewablePlant, Storage
from gridhub.placement.place import place
from tests.unit.placement.small_grid import build_small_grid

KOREA = Path(__file__).resolve().parents[4] / "networks" / "korea"
CENTER = DataCenter("hub", contract_mw=1200.0, lat=35.05, lon=127.2, flexible_share=0.1)
SUN = RenewablePlant("sun", p_mw=600.0, lat=35.06, lon=127.2)
CELL = Storage("cell", p_mw=100.0, e_mwh=400.0, lat=35.05, lon=127.2)


def build_grid() -> Network:
    """The small grid with Korean criteria, rules and costs, and a link and an interface to look at."""
    net = build_small_grid()
    names = ("criteria", "connection_rules", "costs")
    documents = {name: (KOREA / f"{name}.toml").read_text(encoding="utf-8") for name in names}
    interface = pd.DataFrame(
        {
            "name": "eastward",
            "member": ["middle-west:1", "middle-west:2"],
            "direction": -1,
            "limit_mw": [700.0, np.nan],
            "source": "test",
        },
        index=["i1", "i2"],
    )
    hvdc = pd.DataFrame({"from_bus": ["east"], "to_bus": ["west"], "p_mw": [50.0]}, index=["link"])
    return net.replace(documents=documents, interface=interface, hvdc=hvdc, reactive_limits=True)


@pytest.fixture(scope="module")
def grid() -> Network:
    return build_grid()


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def study(grid, told) -> HubStudy:
    return run_hub_study(
        grid, Hub(CENTER, [SUN], [CELL]), progress=lambda step, done: told.append((step, done))
    )


def find_overloads(net: Network, snapshot: str) -> set[tuple[str, str]]:
    """Take every line out by hand and list what is overloaded: nothing shared with the study."""
    found = set()
    for out in ("", *net.line.index):
        line = net.line
        line["in_service"] = line["in_service"].to_numpy() & (line.index != out)
        loading = run_power_flow(net.replace(line=line), snapshot).branch["loading_percent"]
        found |= {(out, name) for name in loading.index[loading > 100 + 1e-6]}
    return found


def test_caused_overloads_equal_brute_force_before_and_after(grid, study):
    placed = place(grid, Hub(CENTER, [SUN], [CELL]))
    table = study.violations[study.violations["kind"] == "thermal"]
    singles = {"", *placed.line.index}
    for snapshot in grid.snapshots:
        expected = find_overloads(placed, snapshot) - find_overloads(grid, snapshot)
        mine = table[(table["snapshot"] == snapshot) & (table["change"] == "caused")]
        got = {(c, e) for c, e in zip(mine["contingency"], mine["element"], strict=True) if c in singles}
        assert got == expected
    assert (table["change"] == "caused").any()


def test_verdict_is_one_sentence_that_says_what_decides_and_what_was_not_assessed(study):
    assert study.verdict.count(". ") == 0 and study.verdict.endswith("not assessed.")
    assert "the generation rule decides the answer: sun may not be energised before 2032-01" in study.verdict
    for word in ("stability", "fault level", "harmonics", "permits"):
        assert word in study.verdict
    assert len(study.not_assessed) >= 10
    assert study.outcome in {"stands with works", "does not stand as asked"}


def test_states_hold_before_and_after_and_the_load_of_the_hub(grid, study):
    states = study.states.set_index(["snapshot", "case"])
    for name in grid.snapshots:
        gain = states.loc[(name, "after"), "load_mw"] - states.loc[(name, "before"), "load_mw"]
        assert gain == pytest.approx(1200.0)
    assert study.snapshots == grid.snapshots and study.criteria


def test_interfaces_and_links_before_and_after(study):
    row = study.interfaces.set_index(["interface", "snapshot"]).loc[("eastward", "summer_peak")]
    assert row["change_mw"] == pytest.approx(row["flow_after_mw"] - row["flow_before_mw"]) != 0.0
    assert set(study.hvdc["hvdc"]) == {"link"}
    assert (study.hvdc["p_from_after_mw"] == 50.0).all()


def test_loss_of_the_hub_is_an_outage_of_its_own(study):
    assert study.hub_losses["lost_load_mw"].tolist() == pytest.approx([1200.0, 1200.0])
    assert set(study.hub_losses["state"]) == {"ok"}
    tower = study.islanding[study.islanding["contingency"].str.contains("tower:hub:hub")]
    assert tower["consequential_mw"].tolist() == pytest.approx([1200.0, 1200.0]) and tower["new"].all()


def test_works_are_costed_and_judged_again(study):
    table = study.reinforcement.table
    assert {"second_circuit", "storage", "flexible_load"} <= set(table["kind"])
    assert (table["cost_low_bn"] <= table["cost_base_bn"]).all()
    assert (table["cost_base_bn"] <= table["cost_high_bn"]).all()
    assert table["cost_source"].str.len().min() > 0
    flexible = table.set_index("kind").loc["flexible_load"]
    assert flexible["gained_mw"] == pytest.approx(120.0)  # the share the hub offers
    caused = int((study.violations["change"] == "caused").sum())
    assert table["left_violations"].min() < caused
    assert study.package["left_violations"].iloc[:-1].is_monotonic_decreasing
    assert study.package["judged_on"].iloc[-1] == "all outages"


def test_behind_the_meter_is_shown_beside_and_exports_nothing(study):
    table = study.behind_the_meter.set_index(["variant", "part"])
    assert table.loc[("behind the meter", "sun"), "earliest_energisation"] == "2026-11"
    assert table.loc[("as separate connections", "sun"), "earliest_energisation"] == "2032-01"
    assert table.loc["behind the meter"]["largest_export_mw"].max() == pytest.approx(0.0, abs=1e-6)


def test_sensitivities_cover_rating_power_factor_and_conductors(study):
    cases = study.sensitivities.set_index("case")
    assert {"base", "rating after an outage 110%", "power factor 0.90", "power factor 0.98"} <= set(
        cases.index
    )
    assert cases.at["rating after an outage 110%", "caused"] <= cases.at["base", "caused"]
    assert cases.at["power factor 0.90", "lowest_vm_pu"] < cases.at["power factor 0.98", "lowest_vm_pu"]


def test_tables_carry_sources(study):
    assert study.rules["source"].str.len().min() > 0
    assert set(study.rules.loc[study.rules["decides"], "part"]) == {"sun"}
    assert (study.rules["kind"] == "published").any() or "Jeollanam-do" in set(study.placements["province"])
    assert study.assumptions["source"].str.len().min() > 0
    feeders = study.connection_costs.set_index("part").loc["hub"]
    km = study.placements.set_index("part").at["hub", "length_km"]
    assert feeders["base_bn"] == pytest.approx((3.22 * km + 4 * 2.0) * 1.2)


def test_progress_goes_from_nothing_to_done(study, told):
    share = [done for _, done in told]
    assert share[0] == 0.0 and share[-1] == 1.0 and share == sorted(share)
    assert set(study.timings_s) == {step for step, _ in told} - {"done"}
    assert min(study.timings_s.values()) > 0.0  # a step that comes twice adds up


def test_outages_include_towers_large_units_and_whole_data_centers(grid):
    placed = place(grid, CENTER)
    kinds = set(list_hub_contingencies(placed, None)["kind"])
    assert {"line", "transformer", "tower", "generator", "data_center", "hvdc_pole"} <= kinds
    small = grid.generator.assign(p_max_mw=999.0)
    assert "generator" not in set(list_hub_contingencies(grid.replace(generator=small), None)["kind"])
    assert "generator" in set(list_contingencies(grid, ("generator",))["kind"])


def test_a_site_that_public_data_do_not_carry_is_said_to_be_so(grid):
    site = grid.site
    site["assessable"] = site.index != "m"
    site["note"] = "a second route is missing"
    study = run_hub_study(
        grid.replace(site=site), Hub(DataCenter("hub", contract_mw=500.0, lat=35.05, lon=127.2))
    )
    assert study.outcome == "not assessable" and "cannot be assessed with public data" in study.verdict
    assert study.not_assessable.loc["m", "note"] == "a second route is missing"


def test_a_hub_too_large_to_lose_needs_a_frequency_study(grid):
    hub = Hub(DataCenter("hub", contract_mw=1500.0, bus="middle"))
    study = run_hub_study(grid, hub, snapshots=["summer_peak"])
    assert set(study.hub_losses["state"]) == {"frequency study required"}
    assert "frequency study" in study.verdict


def test_a_network_without_documents_is_judged_by_its_ratings(grid):
    net = build_small_grid(rules=False)
    study = run_hub_study(net, Hub(DataCenter("hub", contract_mw=100.0, bus="middle")))
    assert study.criteria == "" and study.reinforcement is None and len(study.rules) == 0
    assert study.outcome == "stands" and "causes no violation" in study.verdict


def test_a_hub_without_an_ac_solution_is_a_finding_and_a_base_case_without_one_is_not(grid):
    far = DataCenter("hub", contract_mw=1390.0, power_factor=0.5, bus="middle")
    line = grid.line
    line["x_ohm"] = line["x_ohm"] * 6.0
    study = run_hub_study(grid.replace(line=line), Hub(far), snapshots=["summer_peak"])
    assert study.outcome == "does not stand as asked"
    assert (study.violations["kind"] == "no_solution").any()
    load = grid.load.assign(p_mw=grid.load["p_mw"] * 20.0)
    with pytest.raises(NotConverged):
        run_hub_study(grid.replace(load=load), Hub(CENTER))


def test_bad_input_is_refused(grid):
    with pytest.raises(KeyError, match="no snapshot 'autumn'"):
        run_hub_study(grid, Hub(CENTER), snapshots=["autumn"])
    with pytest.raises(PlacementError, match="nearest candidates"):
        run_hub_study(grid, Hub(DataCenter("hub", contract_mw=1000.0, bus="town")))


def weaken(grid: Network) -> Network:
    """The same grid with lines that carry the hub's 500 MW beside the rest, and not its 1,200."""
    return grid.replace(line=grid.line.assign(rate_mva=550.0))


@pytest.fixture(scope="module")
def on_site(grid) -> HubStudy:
    units = [
        OnSiteGenerator("gt", p_mw=700.0, cost_per_mwh=80.0),
        OnSiteGenerator("set", "diesel", 1200.0, standby=True),
    ]
    return run_hub_study(weaken(grid), Hub(CENTER, generators=units))


def test_loss_of_on_site_generation_leaves_the_whole_hub_to_the_grid(grid, on_site):
    table = on_site.on_site_losses.set_index("snapshot")
    assert set(table["unit"]) == {"hub:gt"}
    assert table["lost_mw"].tolist() == pytest.approx([700.0, 700.0])
    assert table["draw_before_mw"].tolist() == pytest.approx([500.0, 500.0])
    assert table["draw_after_mw"].tolist() == pytest.approx([1200.0, 1200.0])
    # by hand: the unit switched off is the hub without it, for the flow and for what is overloaded
    placed = on_site.net_after
    unit = placed.generator
    off = placed.replace(generator=unit.assign(in_service=unit["in_service"] & (unit.index != "hub:gt")))
    grid = weaken(grid)
    bare = place(grid, Hub(CENTER))
    for snapshot in grid.snapshots:
        lost, plain = run_power_flow(off, snapshot), run_power_flow(bare, snapshot)
        pd.testing.assert_frame_equal(lost.branch, plain.branch)
        after = on_site.violations[on_site.violations["snapshot"] == snapshot]
        found = set(after.loc[after["contingency"] == "hub:gt", "element"]) & set(plain.branch.index)
        assert found == set(plain.branch.index[plain.branch["loading_percent"] > 100 + 1e-6])
        worst = plain.branch["loading_percent"].max()
        assert worst > 100.0
        assert table.at[snapshot, "worst_loading_percent"] == pytest.approx(worst, rel=1e-3)
    assert table["violations"].sum() > 0
    assert f"; {table['violations'].sum()} violations are new" in on_site.verdict
    assert "after the loss of gt the grid carries 1,200 MW instead of 500" in on_site.verdict
    assert "set is standby" in on_site.verdict


def test_the_hub_takes_its_on_site_generation_along_when_it_is_lost(on_site):
    losses = on_site.hub_losses.set_index("snapshot")
    placed = on_site.net_after
    unit, load = placed.generator, placed.load
    gone = placed.replace(
        generator=unit.assign(in_service=~unit.index.isin(["hub:gt", "hub:set"])),
        load=load.assign(in_service=load.index != "hub:hub"),
    )
    for snapshot, row in losses.iterrows():
        assert row["lost_load_mw"] == pytest.approx(1200.0)
        worst = run_power_flow(gone, snapshot).branch["loading_percent"].max()
        assert row["worst_loading_percent"] == pytest.approx(worst, rel=1e-3)


def test_on_site_generation_relieves_the_n_state_alone(on_site, grid):
    plain = run_hub_study(weaken(grid), Hub(CENTER))
    for snapshot in grid.snapshots:
        mine, other = (one.security_after[snapshot].base.summary for one in (on_site, plain))
        assert mine["worst_loading_percent"] < other["worst_loading_percent"]
    # the room of the bus, the connection and its price are those of the load
    assert on_site.headroom.near_mw == plain.headroom.near_mw
    pd.testing.assert_frame_equal(on_site.connection_costs, plain.connection_costs)
    assert plain.on_site_losses.empty and "on-site" not in plain.verdict
    notes = on_site.assumptions.set_index("what")["value"]
    assert "marginal cost 80" in notes["gt"] and "standby" in notes["set"]
    assert "1,200" not in notes.filter(like="uninterruptible supply: losses").iloc[0]
    assert "MW for 5 min" in notes.filter(like="uninterruptible supply: losses").iloc[0]
