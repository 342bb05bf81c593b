"""Carbon-free accounting: by hand, counted anew hour by hour, and what must hold whatever the series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridhub as gh
from gridhub.analysis.carbon.contracts import read_contracts
from gridhub.errors import InputError
from tests.unit.dispatch.test_origin import track_parcels


def make_frame(**columns: object) -> pd.DataFrame:
    count = max(len(values) for values in columns.values())
    return pd.DataFrame(columns, index=pd.Index(range(count), name="hour"), dtype=float)


def test_hours_by_hand():
    """Night, noon, evening: sun 30 at noon, a battery without losses takes 12 and gives 5 and 7.

    matched: 0, 10, 5 (all of it the sun's), and at hour 3 the battery gives 7 of the 10.
    """
    match = gh.match_carbon_free(
        make_frame(hall=[10, 10, 10, 10]),
        make_frame(sun=[0, 30, 0, 0]),
        make_frame(cell=[0, -12, 5, 7]),
        contracts=[gh.HubContract("hub", ["hall"], ["sun"], ["cell"])],
        available=make_frame(sun=[0, 33, 0, 0]),
        grid_share=pd.Series([0.5, 0.1, 0.4, 1.0]),
        grid_price=pd.Series([100.0, 50.0, 80.0, 10.0]),
        yearly_cost={"hub": 270.0},
        efficiency={"cell": 1.0},
    )
    row = match.summary.loc["hub"]
    assert match.hourly["matched_mw"].tolist() == pytest.approx([0, 10, 5, 7])
    assert match.hourly["surplus_mw"].tolist() == pytest.approx([0, 8, 0, 0])
    assert match.hourly["grid_mw"].tolist() == pytest.approx([10, 0, 5, 3])
    assert row["matched_mwh"] == pytest.approx(22)
    assert row["unmatched_mwh"] == pytest.approx(18)
    assert row["cfe_percent"] == pytest.approx(55.0)
    # 5 + 0 + 2 + 3 of the grid's share
    assert row["cfe_grid_percent"] == pytest.approx(100 * (22 + 10) / 40)
    assert row["re100_percent"] == pytest.approx(75.0)
    assert row["curtailed_mwh"] == 3
    assert row["matched_hours_percent"] == 25.0
    assert row["cost"] == pytest.approx(1000 + 400 + 30 + 270)
    assert row["cost_per_mwh"] == pytest.approx(1700 / 40)


def test_energy_charged_from_the_grid_is_not_matched():
    """The battery takes 8 at night from a grid that is 0.75 clean, and 4 of the sun's surplus at noon."""
    match = gh.match_carbon_free(
        make_frame(hall=[10, 10, 10]),
        make_frame(sun=[0, 14, 0]),
        make_frame(cell=[-8, -4, 12]),
        contracts=[gh.HubContract("hub", ["hall"], ["sun"], ["cell"])],
        grid_share=pd.Series([0.75, 0.0, 0.0]),
        efficiency={"cell": 1.0},
    )
    row, hour = match.summary.loc["hub"], match.hourly
    # a third of the 12 is the sun's: 4 to the load, and 6 of the other 8 (of them 4.5 clean)
    assert hour["stored_mw"].tolist() == pytest.approx([0, 0, 4])
    assert hour["charge_grid_mw"].tolist() == [8, 0, 0]
    assert hour["grid_mw"].tolist() == pytest.approx([18, 0, 0])
    assert row["matched_mwh"] == pytest.approx(14)
    assert row["cfe_grid_percent"] == pytest.approx(100 * (7.5 + 14 + 4.5) / 30)
    assert row["surplus_mwh"] == pytest.approx(0.0, abs=1e-9)


def test_two_batteries_share_what_is_to_spare_by_what_they_take():
    """10 to spare, 6 and 14 taken: half of each is the sun's. Half of the second battery is contracted."""
    contract = gh.HubContract("hub", ["hall"], ["sun"], ["one", "two"])
    match = gh.match_carbon_free(
        make_frame(hall=[10, 20]),
        make_frame(sun=[20, 0]),
        make_frame(one=[-6, 6], two=[-14, 2]),
        contracts=[contract],
        efficiency={"one": 1.0, "two": 1.0},
    )
    assert match.hourly["charge_contracted_mw"].tolist() == pytest.approx([10, 0])
    assert match.hourly["charge_grid_mw"].tolist() == pytest.approx([10, 0])
    assert match.hourly["stored_mw"].tolist() == pytest.approx([0, 3 + 1])
    assert match.hourly["in_storage_contracted_mwh"].tolist() == pytest.approx([10, 6])
    half = gh.HubContract("hub", ["hall"], ["sun"], {"one": 1.0, "two": 0.5})
    match = gh.match_carbon_free(
        make_frame(hall=[10, 20]),
        make_frame(sun=[20, 0]),
        make_frame(one=[-6, 6], two=[-14, 2]),
        contracts=[half],
        efficiency={"one": 1.0, "two": 1.0},
    )
    # 10 to spare for 6 + 7
    assert match.hourly["charge_contracted_mw"].tolist() == pytest.approx([10, 0])
    assert match.hourly["stored_mw"].tolist() == pytest.approx([0, (6 + 1) * 10 / 13])


def test_a_year_over_100_percent_is_not_every_hour():
    match = gh.match_carbon_free(
        make_frame(hall=[10, 10]),
        make_frame(sun=[0, 50]),
        contracts=[gh.HubContract("hub", ["hall"], ["sun"])],
    )
    row = match.summary.loc["hub"]
    assert (row["re100_percent"], row["generation_percent"], row["cfe_percent"]) == (100.0, 250.0, 50.0)
    assert np.isnan(row["cfe_grid_percent"])
    assert np.isnan(row["curtailed_mwh"])


def test_a_plant_may_be_shared_by_hubs():
    contracts = [
        gh.HubContract("one", ["a"], {"sea": 0.25}),
        gh.HubContract("two", ["b", "c"], {"sea": 0.75}),
    ]
    match = gh.match_carbon_free(
        make_frame(a=[10], b=[20], c=[4]),
        make_frame(sea=[40]),
        contracts=contracts,
        grid_price=make_frame(two=[7]),
    )
    assert match.summary["matched_mwh"].to_dict() == {"one": 10.0, "two": 24.0}
    assert match.summary["surplus_mwh"].to_dict() == {"one": 0.0, "two": 6.0}
    assert np.isnan(match.summary.at["one", "cost"])
    assert match.summary.at["two", "cost"] == 0.0
    with pytest.raises(InputError, match="contracted more than once"):
        gh.match_carbon_free(
            make_frame(a=[10], b=[1], c=[1]),
            make_frame(sea=[40]),
            contracts=[*contracts, gh.HubContract("three", ["a"], ["sea"])],
        )


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.booleans())
def test_counted_anew_and_what_always_holds(seed: int, cyclic: bool):
    rng = np.random.default_rng(seed)
    load, sun, wind = rng.uniform(5, 15, 40), rng.uniform(0, 25, 40), rng.uniform(0, 8, 40)
    power, share = rng.uniform(-9, 9, 40), rng.random(40)
    match = gh.match_carbon_free(
        make_frame(hall=load),
        make_frame(sun=sun, wind=wind),
        make_frame(cell=power),
        contracts=[gh.HubContract("hub", ["hall"], ["sun", "wind"], ["cell"])],
        grid_share=pd.Series(share),
        efficiency={"cell": 0.8},
        cyclic=cyclic,
    )
    row, hour = match.summary.loc["hub"], match.hourly
    made = sun + wind
    if not cyclic:
        level = np.cumsum(np.where(power < 0, -power * 0.8**0.5, -power / 0.8**0.5))
        start = max(0.0, -level.min())
        given_, free, _ = track_parcels(power, np.maximum(made - load, 0), share, 0.8, start)
        matched = with_grid = bought = 0.0
        for t in range(40):  # energy by energy, in the order in which the load takes it
            need = load[t] - min(load[t], made[t])
            clean = min(given_[t], need)
            other = min(max(power[t], 0.0) - given_[t], need - clean)
            part = free[t] / (max(power[t], 0.0) - given_[t]) if other > 0 else 0.0
            rest = need - clean - other
            matched += load[t] - need + clean
            with_grid += load[t] - need + clean + other * part + rest * share[t]
            bought += rest + max(0.0, -power[t] - max(made[t] - load[t], 0.0))
        assert row["matched_mwh"] == pytest.approx(matched)
        assert row["cfe_grid_percent"] == pytest.approx(100 * with_grid / load.sum())
        assert row["grid_mwh"] == pytest.approx(bought)
    np.testing.assert_allclose(hour["matched_mw"] + hour["unmatched_mw"], load)
    assert (hour["unmatched_mw"] >= -1e-9).all()
    assert (hour["grid_free_mw"] <= hour["unmatched_mw"] + 1e-9).all()
    # what plants give is used, stored or left: nothing else
    given_up = hour["direct_mw"] + hour["charge_contracted_mw"]
    assert (given_up <= made + 1e-9).all()
    assert 0 <= row["cfe_percent"] <= row["cfe_grid_percent"] + 1e-9 <= 100 + 2e-9
    assert row["cfe_percent"] <= row["re100_percent"] + 1e-9
    assert row["matched_mwh"] <= row["generation_mwh"] + 1e-9


def test_typical_weeks_count_by_their_weights():
    hours = pd.date_range("2025-01-01", periods=8760, freq="h")
    t = np.arange(8760)
    sun = np.clip(np.sin(2 * np.pi * (t % 24 - 6) / 24), 0, None) * (1 + 0.5 * np.cos(2 * np.pi * t / 8760))
    frames = {
        ("load", "p_mw"): pd.DataFrame({"hall": np.full(8760, 10.0)}, index=hours),
        ("generator", "p_mw"): pd.DataFrame({"sun": 30 * sun}, index=hours),
    }
    typical = gh.pick_typical_weeks(frames, 3, keep=())
    taken = typical.take(frames)
    contracts = [gh.HubContract("hub", ["hall"], ["sun"])]
    short = gh.match_carbon_free(
        taken["load", "p_mw"], taken["generator", "p_mw"], contracts=contracts, typical=typical
    )
    full = gh.match_carbon_free(frames["load", "p_mw"], frames["generator", "p_mw"], contracts=contracts)
    assert short.summary.at["hub", "load_mwh"] == pytest.approx(87_600)
    assert short.summary.at["hub", "generation_mwh"] == pytest.approx(
        full.summary.at["hub", "generation_mwh"], rel=1e-4
    )
    assert short.summary.at["hub", "cfe_percent"] == pytest.approx(
        full.summary.at["hub", "cfe_percent"], abs=0.5
    )
    with pytest.raises(InputError, match="other hours than the typical weeks"):
        gh.match_carbon_free(
            frames["load", "p_mw"], frames["generator", "p_mw"], contracts=contracts, typical=typical
        )


def test_faults_are_told_together():
    with pytest.raises(InputError) as caught:
        gh.match_carbon_free(
            make_frame(hall=[10, np.nan]),
            make_frame(sun=[-5, 1]),
            make_frame(cell=[1, 2, 3]),
            contracts=[],
            grid_share=1.5,
        )
    assert [issue.code for issue in caught.value.issues] == ["E-RANGE", "E-RANGE", "E-HOURS", "E-RANGE"]
    with pytest.raises(InputError, match=r"no load(.|\n)*must be above 0|must be above 0(.|\n)*no load"):
        gh.HubContract("hub", [], {"sun": 1.5})
    with pytest.raises(InputError, match="has no series of generator"):
        gh.match_carbon_free(
            make_frame(hall=[1]), make_frame(sun=[1]), contracts=[gh.HubContract("hub", ["hall"], ["moon"])]
        )


def make_hub_network() -> tuple[gh.Network, gh.Hub]:
    """Two buses and a line: clean and dirty units at one, a hub with sun and a battery at the other."""
    net = gh.build_network(
        "two",
        bus=pd.DataFrame({"vn_kv": 345.0, "reference": [True, False]}, index=["a", "b"]),
        line=pd.DataFrame(
            {"from_bus": "a", "to_bus": "b", "r_ohm": 1.0, "x_ohm": 10.0, "rate_mva": 900.0}, index=["ab"]
        ),
        load=pd.DataFrame({"bus": ["a"], "p_mw": [100.0]}, index=["town"]),
        generator=pd.DataFrame(
            {
                "bus": "a",
                "p_min_mw": 0.0,
                "p_max_mw": [150.0, 500.0],
                "cost_c1_per_mwh": [10.0, 60.0],
                "fuel": ["nuclear", "lng"],
            },
            index=["clean", "gas"],
        ),
    )
    hub = gh.Hub(
        gh.DataCenter("hall", contract_mw=100, bus="b"),
        [gh.RenewablePlant("sun", p_mw=160, bus="b")],
        [gh.Storage("cell", p_mw=30, e_mwh=60, bus="b", efficiency=1.0)],
    )
    return gh.place(net, hub), hub


def test_a_dispatch_is_matched_with_the_mix_beside_it():
    net, hub = make_hub_network()
    profiles = {
        ("load", "p_mw"): make_frame(**{"hub:hall": [100, 100, 80, 100]}),
        ("generator", "p_mw"): make_frame(**{"hub:sun": [0, 160, 40, 0]}),
        ("storage", "p_mw"): make_frame(**{"hub:cell": [0, -30, 10, 20]}),
    }
    found = gh.run_dispatch(net, profiles)
    assert set(found.status["status"]) == {"OPTIMAL"}
    match = gh.match_dispatch(net, found, [hub], profiles)
    row, hour = match.summary.loc["hall"], match.hourly
    assert hour["matched_mw"].tolist() == pytest.approx([0, 100, 50, 20])
    # beside the hub's own: 200 - p of the sun, less or more the battery; the clean unit gives up to 150
    rest = found.generation[["clean", "gas"]].sum(axis=1).to_numpy()
    share = found.generation["clean"].to_numpy() / rest
    assert share[0] == pytest.approx(150 / 200)
    expected = (hour["matched_mw"] + share * (hour["load_mw"] - hour["matched_mw"])).sum()
    assert row["cfe_grid_percent"] == pytest.approx(100 * expected / 380)
    price = found.price["b"].to_numpy()
    assert row["cost"] == pytest.approx((hour["grid_mw"] * price).sum())
    assert row["curtailed_mwh"] == pytest.approx(found.curtailment["hub:sun"].sum())
    # the battery keeps its schedule: what is in it is not known to the dispatch, so the least is assumed
    assert any("least energy" in rule for rule in match.rules)


def test_a_moving_battery_brings_its_state_of_charge():
    net, hub = make_hub_network()
    net = net.replace(storage=net.storage.assign(soc=0.5))
    profiles = {
        ("load", "p_mw"): make_frame(**{"hub:hall": [100, 100, 100], "town": [100, 100, 100]}),
        ("generator", "p_mw"): make_frame(**{"hub:sun": [160, 0, 0]}),
    }
    found = gh.run_dispatch(net, profiles)
    match = gh.match_dispatch(net, found, [hub], profiles)
    inside = match.hourly["in_storage_contracted_mwh"] + match.hourly["in_storage_grid_mwh"]
    np.testing.assert_allclose(inside, found.energy["hub:cell"], atol=1e-6)
    assert match.summary.at["hall", "missing_mwh"] == pytest.approx(0.0, abs=1e-6)


def test_contracts_are_the_rows_of_placed_hubs():
    net, hub = make_hub_network()
    (contract,) = read_contracts(net, [hub])
    assert contract.loads == ("hub:hall",)
    assert (dict(contract.plants), dict(contract.storage)) == ({"hub:sun": 1.0}, {"hub:cell": 1.0})
    other = gh.Hub(gh.DataCenter("nowhere", contract_mw=1, bus="b"))
    with pytest.raises(InputError, match="place the hub first"):
        read_contracts(net, [other])


def test_what_is_burnt_on_site_is_carbon_free_in_no_part():
    """Load 100; sun 0, 60, 160; on-site 40, 40, 0; battery takes 50 and gives nothing; grid half carbon-free.

    1: 40 burnt, 60 bought. 2: 40 burnt, 60 matched. 3: 100 matched, 50 into the battery, 10 surplus.
    """
    match = gh.match_carbon_free(
        make_frame(hall=[100, 100, 100]),
        make_frame(sun=[0, 60, 160]),
        make_frame(cell=[0, 0, -50]),
        contracts=[gh.HubContract("hub", ["hall"], ["sun"], ["cell"], ["gt"])],
        on_site=make_frame(gt=[40, 40, 0], other=[9, 9, 9]),
        fuel_price={"gt": 5.0},
        grid_share=0.5,
        grid_price=10.0,
        efficiency={"cell": 1.0},
    )
    hour, row = match.hourly, match.summary.loc["hub"]
    assert hour["on_site_mw"].tolist() == [40, 40, 0]
    assert hour["matched_mw"].tolist() == [0, 60, 100]
    assert hour["grid_mw"].tolist() == [60, 0, 0]
    assert hour["grid_free_mw"].tolist() == [30, 0, 0]
    assert hour["surplus_mw"].tolist() == [0, 0, 10]
    assert (row["on_site_mwh"], row["unmatched_mwh"]) == (80, 140)
    assert row["cfe_percent"] == pytest.approx(100 * 160 / 300)
    assert row["cfe_grid_percent"] == pytest.approx(100 * 190 / 300)
    assert row["cost"] == pytest.approx(60 * 10 + 80 * 5)
    assert any("carbon-free in no part" in rule for rule in match.rules)


def test_fuel_without_a_price_is_said_and_an_unknown_unit_refused():
    contract = gh.HubContract("hub", ["hall"], ["sun"], generators=["gt"])
    load, sun = make_frame(hall=[100]), make_frame(sun=[70])
    match = gh.match_carbon_free(load, sun, contracts=[contract], on_site=make_frame(gt=[50]), grid_price=2.0)
    # the sun meets only what the unit leaves: 50 of its 70 MW
    assert match.hourly["matched_mw"].tolist() == [50]
    assert match.summary.at["hub", "cost"] == 0.0
    assert any("gt burns has no known price" in rule for rule in match.rules)
    with pytest.raises(InputError, match="no series of on-site generation"):
        gh.match_carbon_free(load, sun, contracts=[contract])
    with pytest.raises(InputError, match=r"on_site(.|\n)*below 0"):
        gh.match_carbon_free(load, sun, contracts=[contract], on_site=make_frame(gt=[-1]))


def test_a_dispatch_with_on_site_gas_lowers_the_share_and_leaves_the_mix_alone():
    net, hub = make_hub_network()
    turbine = gh.OnSiteGenerator("gt", p_mw=40, cost_per_mwh=1.0)
    hub = gh.Hub(hub.data_center, generators=[turbine])
    base = net.replace(
        load=net.load.drop("hub:hall"),
        generator=net.generator.drop("hub:sun"),
        storage=net.storage.iloc[:0],
        placements=net.placements.iloc[:0],
    )
    placed = gh.place(base, hub)
    found = gh.run_dispatch(placed)
    match = gh.match_dispatch(placed, found, [hub])
    row = match.summary.loc["hall"]
    # the unit gives 40 of 100 MW; the grid's 160 MW are 150 nuclear and 10 gas, the unit's own not among them
    assert found.generation.iloc[0].to_dict() == pytest.approx({"clean": 150.0, "gas": 10.0, "hub:gt": 40.0})
    assert (row["on_site_mwh"], row["grid_mwh"], row["cfe_percent"]) == pytest.approx((40, 60, 0))
    assert row["cfe_grid_percent"] == pytest.approx(60 * 150 / 160)
    assert row["cost"] == pytest.approx(60 * 60.0 + 40 * 1.0)
    # as if it were sun of the same size: what the accounting must not say of gas
    twin = gh.HubContract("hall", ["hub:hall"], ["hub:gt"])
    assert gh.match_dispatch(placed, found, [twin]).summary.at["hall", "cfe_percent"] == pytest.approx(40)
